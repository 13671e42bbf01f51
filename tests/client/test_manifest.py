"""Manifests as people write them."""

import pytest
from memory_api import MemoryApi

from kube.apimachinery.errors import ApiError
from kube.client import manifest
from kube.client.client import Client

TWO = """\
# an application
---
apiVersion: v1
kind: ConfigMap
metadata: {name: a, namespace: own}
data:
  text: |
    first
      --- not a separator
--- # the second
apiVersion: apps/v1
kind: Deployment
metadata: {name: b}
spec:
  selector: {matchLabels: {app: b}}
  template: {spec: {containers: [{name: c, image: i, resources: {requests: {cpu: 0.5}}}]}}
---
"""

LIST = '{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"}}]}'


@pytest.fixture
def api():
    return MemoryApi()


def test_documents_are_told_apart_and_decoded(api):
    config, deployment = manifest.parse(TWO, api.resources)
    assert config.data == {"text": "first\n  --- not a separator\n"}
    [container] = deployment.spec.template.spec.containers
    assert container.resources.requests == {"cpu": "500m"}


def test_a_list_is_its_items(api):
    assert [obj.kind for obj in manifest.parse(LIST, api.resources)] == ["Pod"]


def test_nothing_is_nothing(api):
    assert manifest.parse("---\n# a comment\n---\n", api.resources) == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "error parsing the manifest: yaml: line"),
        ("a: 1", "apiVersion or kind not set"),
        ("[]", "error decoding the manifest"),
        ("{apiVersion: x/v1, kind: Thing}", 'no matches for kind "Thing" in version "x/v1"'),
        ("{apiVersion: a/b/c, kind: Thing}", "unexpected GroupVersion string"),
        (
            "{apiVersion: v1, kind: Pod, spec: {nodename: x}}",
            'strict decoding error: unknown field "spec.nodename"',
        ),
        ("{apiVersion: v1, kind: Pod, spec: {nodeName: 7}}", "error decoding the manifest"),
        ("{apiVersion: v1, kind: Pod, kind: Pod}", "already"),
    ],
    ids=["yaml", "no kind", "list", "unknown kind", "version", "unknown field", "wrong type", "repeated"],
)
def test_what_is_unsound_is_refused(api, text, message):
    with pytest.raises(ApiError) as refused:
        manifest.parse(text, api.resources)
    assert message in str(refused.value)
    assert refused.value.code == 400


async def test_objects_are_created_in_order_and_in_their_namespace(api):
    client = Client(api.transport(), resources=api.resources)
    made = await client.create_from_manifest(TWO, namespace="given")
    assert [(obj.kind, obj.metadata.namespace) for obj in made] == [
        ("ConfigMap", "own"),
        ("Deployment", "given"),
    ]


async def test_nothing_is_created_of_an_unsound_text(api):
    client = Client(api.transport(), resources=api.resources)
    with pytest.raises(ApiError):
        await client.create_from_manifest(TWO + "kind: Nothing\n")
    assert api.requests == []
