"""Bodies become objects of the kind that the URL names; anything else is refused as upstream refuses it."""

import pytest

from kube.api.resources import builtin_table
from kube.apimachinery.errors import ApiError
from kube.apimachinery.meta.v1 import DeleteOptions
from kube.apimachinery.yaml import YamlError
from kube.apiserver.endpoints.body import INLINE_YAML, BodyReader, expected_body

TABLE = builtin_table()
PODS = TABLE.get("", "v1", "pods")
POD = expected_body(PODS, None)
DEPLOYMENT = expected_body(TABLE.get("apps", "v1", "deployments"), None)
HPA = expected_body(TABLE.get("autoscaling", "v2", "horizontalpodautoscalers"), None)
EVICTION = expected_body(PODS, PODS.subresource("eviction"))

READER = BodyReader(TABLE)
SOUND = b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a"}}'


async def read(data, expected=POD, content_type="application/json", validation="", warnings=None):
    return await READER.read_object(
        data, content_type, expected, validation, [] if warnings is None else warnings
    )


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (SOUND, "application/json"),
        (SOUND, ""),
        (b'{"metadata":{"name":"a"}}', "application/json"),
        (b'{"kind":"","apiVersion":null,"metadata":{"name":"a"}}', "application/json"),
        (b"kind: Pod\napiVersion: v1\nmetadata:\n  name: a\n", "application/yaml"),
    ],
    ids=["json", "no content type", "kind left out", "empty kind", "yaml"],
)
async def test_sound_bodies(data, content_type):
    pod = await read(data, content_type=content_type)
    assert (pod.kind, pod.api_version, pod.metadata.name) == ("Pod", "v1", "a")


async def test_the_older_version_of_an_eviction_is_read_as_the_newer():
    eviction = await read(
        b'{"kind":"Eviction","apiVersion":"policy/v1beta1","metadata":{"name":"a"}}', EVICTION
    )
    assert (eviction.api_version, eviction.metadata.name) == ("policy/v1", "a")


@pytest.mark.parametrize(
    ("data", "expected", "message"),
    [
        (
            b'{"kind":"Service","apiVersion":"v1"}', POD,
            'Service in version "v1" cannot be handled as a Pod: converting (v1.Service) to (core.Pod): unknown conversion',
        ),
        (
            b'{"kind":"Service","apiVersion":"v1","spec":{"ports":[{"port":80}]}}', DEPLOYMENT,
            'Service in version "v1" cannot be handled as a Deployment: converting (v1.Service) to (apps.Deployment): unknown conversion',
        ),
        (
            b'{"kind":"Frob","apiVersion":"v1"}', POD,
            'Frob in version "v1" cannot be handled as a Pod: no kind "Frob" is registered for version "v1" in scheme "pkg/api/legacyscheme/scheme.go:30"',
        ),
        (
            b'{"kind":"Deployment","apiVersion":"apps/v1beta1"}', DEPLOYMENT,
            'Deployment in version "v1beta1" cannot be handled as a Deployment: no kind "Deployment" is registered for version "apps/v1beta1" in scheme "pkg/api/legacyscheme/scheme.go:30"',
        ),
        (
            b'{"kind":"HorizontalPodAutoscaler","apiVersion":"autoscaling/v1"}', HPA,
            "the API version in the data (autoscaling/v1) does not match the expected API version (autoscaling/v2)",
        ),
    ],
    ids=["other kind", "other group", "unknown kind", "unknown version", "other version"],
)  # fmt: skip
async def test_other_kinds(data, expected, message):
    with pytest.raises(ApiError) as caught:
        await read(data, expected)
    assert (caught.value.code, caught.value.message) == (400, message)


@pytest.mark.parametrize(
    ("data", "content_type", "start"),
    [
        (b"{", "application/json", "the object provided is unrecognized (must be of type Pod): couldn't get version/kind; json parse error:"),
        (b"", "application/json", "the object provided is unrecognized (must be of type Pod): couldn't get version/kind; json parse error:"),
        (b"[1]", "application/json", "the object provided is unrecognized (must be of type Pod): couldn't get version/kind; json parse error:"),
        (b"a: [", "application/yaml", "the object provided is unrecognized (must be of type Pod): yaml:"),
        (b'{"kind":"Pod","apiVersion":"v1","spec":{"containers":3}}', "application/json", 'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal number'),
        (b"[" * 100_000, "application/json", "the object provided is unrecognized"),
        (b"[" * 20_000, "application/yaml", "the object provided is unrecognized"),
    ],
    ids=["cut off", "empty", "array", "yaml", "type", "depth", "yaml depth"],
)  # fmt: skip
async def test_unreadable_bodies_are_400(data, content_type, start):
    with pytest.raises(ApiError) as caught:
        await read(data, content_type=content_type)
    assert caught.value.code == 400
    assert caught.value.message.startswith(start)


EXTRA = b'{"kind":"Pod","apiVersion":"v1","spec":{"replicas":1,"nodeName":"a","nodeName":"b"}}'
NAMED = ['duplicate field "spec.nodeName"', 'unknown field "spec.replicas"']


@pytest.mark.parametrize("validation", ["", "Warn"])
async def test_unknown_and_repeated_fields_are_warned_of(validation):
    warnings = []
    pod = await read(EXTRA, validation=validation, warnings=warnings)
    assert pod.spec.node_name == "b"
    assert sorted(warnings) == NAMED


async def test_unknown_fields_can_be_ignored():
    warnings = []
    await read(EXTRA, validation="Ignore", warnings=warnings)
    assert warnings == []


@pytest.mark.parametrize(
    ("data", "content_type"),
    [(EXTRA, "application/json"), (b"kind: Pod\napiVersion: v1\nspec:\n  nodeName: a\n  nodeName: b\n", "application/yaml")],
    ids=["json", "yaml"],
)  # fmt: skip
async def test_unknown_fields_can_be_refused(data, content_type):
    with pytest.raises(ApiError) as caught:
        await read(data, content_type=content_type, validation="Strict")
    assert caught.value.code == 400
    assert caught.value.message.startswith(
        'Pod in version "v1" cannot be handled as a Pod: strict decoding error: '
    )
    assert "nodeName" in caught.value.message


@pytest.mark.parametrize("content_type", ["text/plain", "application/merge-patch+json"])
async def test_other_content_types_are_415(content_type):
    with pytest.raises(ApiError) as caught:
        await read(SOUND, content_type=content_type)
    assert caught.value.code == 415


@pytest.mark.parametrize(
    "data",
    [b'{"gracePeriodSeconds":0}', b'{"kind":"DeleteOptions","apiVersion":"v1","gracePeriodSeconds":0}', b'{"kind":"DeleteOptions","apiVersion":"apps/v1","gracePeriodSeconds":0}'],
    ids=["bare", "core", "any group"],
)  # fmt: skip
async def test_delete_options(data):
    options = await READER.read_delete_options(data, "application/json")
    assert options.grace_period_seconds == 0
    assert isinstance(options, DeleteOptions)


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        (SOUND, 400, "decoded object cannot be converted to DeleteOptions"),
        (
            b'{"gracePeriodSeconds":"x"}',
            400,
            "the object provided is unrecognized (must be of type DeleteOptions)",
        ),
        (b'{"propagationPolicy":"X"}', 422, 'DeleteOptions.meta.k8s.io "" is invalid'),
    ],
    ids=["pod", "type", "value"],
)
async def test_impossible_delete_options(data, code, message):
    with pytest.raises(ApiError) as caught:
        await READER.read_delete_options(data, "application/json")
    assert caught.value.code == code
    assert caught.value.message.startswith(message)


def test_patches_travel_as_they_are():
    patch = READER.read_patch(b"[", "application/json-patch+json")
    assert (patch.type, patch.data) == ("application/json-patch+json", b"[")


async def test_long_yaml_is_read_elsewhere():
    read_elsewhere = []

    async def reader(data):
        read_elsewhere.append(len(data))
        if data.startswith(b"bad"):
            raise YamlError("yaml: bad")
        return SOUND, []

    bodies = BodyReader(TABLE, reader)
    long = b"# " + b"x" * INLINE_YAML
    assert (await bodies.read_object(long, "application/yaml", POD, "", [])).metadata.name == "a"
    with pytest.raises(ApiError, match="yaml: bad"):
        await bodies.read_object(b"bad" + long, "application/yaml", POD, "", [])
    await bodies.read_object(b"metadata: {}", "application/yaml", POD, "", [])
    assert len(read_elsewhere) == 2
