"""Patches of every format, and what is said of those that do not fit."""

import asyncio

import pytest

from kube.api.types.core_v1 import ConfigMap, Container, Pod, PodSpec
from kube.apimachinery.errors import ApiError
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apiserver.endpoints import patch as patch_module
from kube.apiserver.registry.strategy import Strategy
from kube.client.interface import Options, Patch, Request

JSON = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"


class Lenient(Strategy):
    def validate(self, ctx, obj):
        return []

    def validate_update(self, ctx, new, old):
        return []


@pytest.fixture
def patch(server):
    """Patch a config map (or a pod) and return the object."""
    server.install("configmaps")
    server.install("pods", make=Lenient)

    async def do(type_, data, *, plural="configmaps", warnings=None, **options):
        request = Request(
            verb="patch",
            resource=server.row(plural),
            namespace="default",
            name="a",
            body=Patch(type_, data.encode()),
            options=Options(**options),
        )
        user = server.client.user
        return (await server.verbs.call(request, user, [] if warnings is None else warnings)).object

    return do


@pytest.fixture
async def made(server, patch):
    body = ConfigMap(
        metadata=ObjectMeta(name="a", labels={"x": "1"}, finalizers=("x/y",)), data={"k": "v", "l": "w"}
    )
    request = Request(verb="create", resource=server.row("configmaps"), namespace="default", body=body)
    return await server.client.call(request)


@pytest.fixture
async def pod(server, patch):
    containers = (Container(name="c", image="1"), Container(name="d", image="1"))
    body = Pod(metadata=ObjectMeta(name="a"), spec=PodSpec(containers=containers))
    request = Request(verb="create", resource=server.row("pods"), namespace="default", body=body)
    return await server.client.call(request)


async def refused(awaitable) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await awaitable
    return caught.value


@pytest.mark.parametrize(
    ("type_", "data"),
    [
        (JSON, '[{"op":"replace","path":"/data/k","value":"n"},{"op":"remove","path":"/data/l"}]'),
        (MERGE, '{"data":{"k":"n","l":null}}'),
        (STRATEGIC, '{"data":{"k":"n","l":null}}'),
    ],
    ids=["json", "merge", "strategic"],
)
async def test_every_format(made, patch, type_, data):
    result = await patch(type_, data)
    assert result.data == {"k": "n"}
    assert result.metadata.labels == {"x": "1"}
    assert int(result.metadata.resource_version) > int(made.metadata.resource_version)


async def test_only_a_strategic_patch_merges_lists(pod, patch):
    data = '{"spec":{"containers":[{"name":"d","image":"2"}]}}'
    result = await patch(STRATEGIC, data, plural="pods")
    assert [(each.name, each.image) for each in result.spec.containers] == [("c", "1"), ("d", "2")]
    result = await patch(MERGE, data, plural="pods")
    assert [(each.name, each.image) for each in result.spec.containers] == [("d", "2")]


async def test_what_a_patch_takes_away_is_defaulted_again(pod, patch):
    result = await patch(MERGE, '{"spec":{"restartPolicy":null}}', plural="pods")
    assert result.spec.restart_policy == "Always"


async def test_a_patch_of_nothing_writes_nothing(made, patch):
    assert (await patch(MERGE, "{}")) == made


async def test_concurrent_patches_all_count(made, patch):
    await asyncio.gather(*(patch(MERGE, f'{{"data":{{"n{i}":"1"}}}}') for i in range(20)))
    assert len((await patch(MERGE, "{}")).data) == 22


async def test_a_version_in_the_patch_is_a_condition(made, patch):
    stale = (
        f'{{"metadata":{{"resourceVersion":"{int(made.metadata.resource_version) - 1}"}},"data":{{"k":"n"}}}}'
    )
    error = await refused(patch(MERGE, stale))
    assert error.code == 409
    assert error.message.endswith(
        "the object has been modified; please apply your changes to the latest version and try again"
    )
    exact = f'{{"metadata":{{"resourceVersion":"{made.metadata.resource_version}"}},"data":{{"k":"n"}}}}'
    assert (await patch(MERGE, exact)).data["k"] == "n"


@pytest.mark.parametrize(
    ("type_", "data", "code", "message"),
    [
        (JSON, "[", 400, "error decoding patch: unexpected end of JSON input"),
        (JSON, '{"op":"add"}', 400, "json: cannot unmarshal object into Go value of type jsonpatch.Patch"),
        (JSON, '[{"op":"remove","path":"/data/no"}]', 422, ""),
        (JSON, '[{"op":"test","path":"/data/k","value":"no"}]', 422, ""),
        (MERGE, "[]", 400, "error decoding patch: json: cannot unmarshal array into Go value of type "),
        (MERGE, "null", 400, "Invalid JSON Patch"),
        (STRATEGIC, "[]", 400, "json: cannot unmarshal array into Go value of type map[string]interface {}"),
        (STRATEGIC, '{"nope":1}', 422, ""),
        (MERGE, '{"data":{"k":1}}', 422, ' "" is invalid: patch: Invalid value: "{'),
        (MERGE, '{"metadata":{"name":"b"}}', 400, "the name of the object (b) does not match the name on"),
    ],
)
async def test_refusals(made, patch, type_, data, code, message):
    error = await refused(patch(type_, data, field_validation="Strict"))
    assert error.code == code
    assert error.message.startswith(message)


async def test_nothing_to_patch(patch):
    error = await refused(patch(MERGE, "{}"))
    assert (error.code, error.message) == (404, 'configmaps "a" not found')


async def test_too_many_operations(made, patch):
    operations = ",".join(['{"op":"test","path":"/data/k","value":"v"}'] * 10_001)
    error = await refused(patch(JSON, f"[{operations}]"))
    assert error.code == 413
    assert "The allowed maximum operations in a JSON patch is 10000, got 10001" in error.message


async def test_a_result_that_is_too_large(made, patch, monkeypatch):
    monkeypatch.setattr(patch_module, "MAX_RESULT_BYTES", 200)
    error = await refused(patch(MERGE, f'{{"data":{{"k":"{"x" * 200}"}}}}'))
    assert (error.code, error.message) == (413, "Request entity too large: limit is 200")


@pytest.mark.parametrize("type_", ["application/apply-patch+yaml", "text/plain"])
async def test_other_media_types(made, patch, type_):
    error = await refused(patch(type_, "{}"))
    assert error.code == 415
    assert error.message == (
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json"
    )


class TestFieldValidation:
    DATA = '{"data":{"k":"n"},"nope":1,"nope":2}'

    async def test_ignored(self, made, patch):
        warnings: list[str] = []
        assert (await patch(MERGE, self.DATA, warnings=warnings, field_validation="Ignore")).data["k"] == "n"
        assert not warnings

    @pytest.mark.parametrize("mode", ["", "Warn"])
    async def test_warned_about(self, made, patch, mode):
        warnings: list[str] = []
        assert (await patch(MERGE, self.DATA, warnings=warnings, field_validation=mode)).data["k"] == "n"
        assert warnings == ['duplicate field "nope"', 'unknown field "nope"']

    async def test_refused(self, made, patch):
        error = await refused(patch(MERGE, self.DATA, field_validation="Strict"))
        assert error.code == 422
        assert error.message.endswith('strict decoding error: duplicate field "nope", unknown field "nope"')
        assert [cause.field for cause in error.causes] == ["patch"]

    async def test_a_strategic_patch_is_shown_as_it_came(self, pod, patch):
        data = '{"spec":{"nodeSelector":{"a":"b"},"nodeName":1}}'
        error = await refused(patch(STRATEGIC, data, plural="pods", field_validation="Strict"))
        assert 'Invalid value: "map[spec:map[nodeName:1 nodeSelector:map[a:b]]]"' in error.message


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ('{"kind":"Pod"}', "converting (v1.Pod) to (core.ConfigMap): unknown conversion"),
        ('{"kind":"Thing"}', 'no kind "Thing" is registered for version "v1"'),
        ('{"apiVersion":"v2"}', 'no kind "ConfigMap" is registered for version "v2"'),
    ],
    ids=["known kind", "unknown kind", "unknown version"],
)
async def test_a_patch_does_not_make_something_else_of_an_object(made, patch, change, why):
    with pytest.raises(ApiError) as refused:
        await patch(MERGE, change)
    assert (refused.value.code, refused.value.reason) == (422, "Invalid")
    assert why in refused.value.message
    for changed in (await patch(STRATEGIC, change), await patch(MERGE, '{"kind":"","apiVersion":null}')):
        assert (changed.kind, changed.api_version) == ("ConfigMap", "v1")
