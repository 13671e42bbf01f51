"""More of the official client than its generated calls: the dynamic client, manifests, models."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

kubernetes = pytest.importorskip("kubernetes")

from kubernetes import client, config, dynamic, utils, watch  # noqa: E402  # where it is installed
from kubernetes.dynamic.exceptions import ConflictError, NotFoundError  # noqa: E402  # where it is installed

LABELS = {"app": "x"}
TEMPLATE = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "c", "image": "nginx"}]}}
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "d"},
    "spec": {"replicas": 1, "selector": {"matchLabels": LABELS}, "template": TEMPLATE},
}


@pytest.fixture(scope="module")
def api(kubeconfig: Path) -> Iterator[Any]:
    with config.new_client_from_config(str(kubeconfig)) as api:
        yield api


@pytest.fixture(scope="module")
def dynamic_client(api: Any) -> Any:
    return dynamic.DynamicClient(api)


def test_the_dynamic_client_on_objects(dynamic_client: Any, namespace: str) -> None:
    maps = dynamic_client.resources.get(api_version="v1", kind="ConfigMap")
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a", "labels": LABELS},
        "data": {"a": "1"},
    }
    made = maps.create(namespace=namespace, body=body)
    assert made.data.to_dict() == {"a": "1"}
    merged = maps.patch(
        name="a", namespace=namespace, body={"data": {"b": "2"}}, content_type="application/merge-patch+json"
    )
    assert merged.data.to_dict() == {"a": "1", "b": "2"}
    listed = maps.get(namespace=namespace, label_selector="app=x")
    assert (listed.kind, [one.metadata.name for one in listed.items]) == ("ConfigMapList", ["a"])
    with pytest.raises(ConflictError):
        maps.create(namespace=namespace, body=body)
    events = maps.watch(namespace=namespace, label_selector="app=x", timeout=5)
    with closing(events):
        assert next(events)["type"] == "ADDED"
    maps.delete(name="a", namespace=namespace)
    with pytest.raises(NotFoundError):
        maps.get(name="a", namespace=namespace)


def test_the_dynamic_client_on_subresources_and_discovery(dynamic_client: Any, namespace: str) -> None:
    deployments = dynamic_client.resources.get(api_version="apps/v1", kind="Deployment")
    assert deployments.namespaced
    assert sorted(deployments.subresources) == ["scale", "status"]
    deployments.create(namespace=namespace, body=DEPLOYMENT)
    scaled = deployments.scale.patch(
        name="d",
        namespace=namespace,
        body={"spec": {"replicas": 2}},
        content_type="application/merge-patch+json",
    )
    assert (scaled.kind, scaled.spec.replicas) == ("Scale", 2)
    assert deployments.status.get(name="d", namespace=namespace).kind == "Deployment"
    deployments.delete(name="d", namespace=namespace)


def test_manifests(api: Any, namespace: str, tmp_path: Path) -> None:
    path = tmp_path / "all.yaml"
    path.write_text(
        f"""
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Service
  metadata: {{name: s, namespace: {namespace}}}
  spec: {{ports: [{{port: 80}}], selector: {{app: x}}}}
- apiVersion: rbac.authorization.k8s.io/v1
  kind: Role
  metadata: {{name: r, namespace: {namespace}}}
  rules: [{{apiGroups: [""], resources: [pods], verbs: [get]}}]
---
apiVersion: batch/v1
kind: Job
metadata: {{name: j, namespace: {namespace}}}
spec: {{template: {{spec: {{restartPolicy: Never, containers: [{{name: c, image: i}}]}}}}}}
"""
    )
    utils.create_from_yaml(api, str(path))
    assert client.BatchV1Api(api).read_namespaced_job("j", namespace).spec.parallelism == 1
    with pytest.raises(utils.FailToCreateError) as refused:
        utils.create_from_yaml(api, str(path))
    assert "AlreadyExists" in str(refused.value)


def test_models_and_a_watch_until_a_pod_runs(api: Any, namespace: str) -> None:
    core = client.CoreV1Api(api)
    pod = client.V1Pod(
        metadata=client.V1ObjectMeta(generate_name="m-"),
        spec=client.V1PodSpec(containers=[client.V1Container(name="c", image="i")]),
    )
    name = core.create_namespaced_pod(namespace, pod).metadata.name
    stream = watch.Watch()
    events = stream.stream(
        core.list_namespaced_pod, namespace, field_selector=f"metadata.name={name}", timeout_seconds=30
    )
    for event in events:
        if event["object"].status.phase == "Running":
            stream.stop()
    assert core.read_namespaced_pod_status(name, namespace).status.pod_ip
    eviction = client.V1Eviction(metadata=client.V1ObjectMeta(name=name))
    core.create_namespaced_pod_eviction(name, namespace, eviction)
    deadline = time.monotonic() + 30
    while core.list_namespaced_pod(namespace).items:
        assert time.monotonic() < deadline, "the evicted pod stays"
        time.sleep(0.01)
