"""Unmodified kubectl against the cluster as a whole: nodes, discovery, access, refusals."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.harness import Kubectl

CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"k": "1"}}


def test_cluster_info_and_version(kubectl: Kubectl) -> None:
    assert "is running at" in kubectl("cluster-info")
    assert "v1.37.0" in kubectl("version")


def test_api_resources_and_versions(kubectl: Kubectl) -> None:
    resources = kubectl("api-resources")
    assert re.search(r"deployments +deploy +apps/v1 +true +Deployment", resources)
    assert re.search(r"nodes +no +v1 +false +Node", resources)
    versions = kubectl("api-versions").splitlines()
    assert {"v1", "apps/v1", "batch/v1", "rbac.authorization.k8s.io/v1"} <= set(versions)


def test_explain(kubectl: Kubectl) -> None:
    text = kubectl("explain", "pod.spec.containers.image")
    assert "Container image name" in text
    assert "replicas" in kubectl("explain", "deployment.spec")
    assert re.search(r"\bmatchLabels\b", kubectl("explain", "deployment", "--recursive"))
    assert "does not exist" in kubectl.refused("explain", "pod.spec.colour")


def test_every_kind_can_be_listed_and_described(kubectl: Kubectl) -> None:
    """kubectl 1.20 describes EndpointSlices by a version that is no longer served, and gets as far as upstream lets it."""
    kinds = set(kubectl("api-resources", "--verbs=list", "-o", "name").split())
    assert {"pods", "nodes", "deployments.apps", "leases.coordination.k8s.io"} <= kinds
    listed = kubectl("get", ",".join(sorted(kinds)), "--all-namespaces", "-o", "wide")
    assert "service/kubernetes" in listed
    assert "node/node-0" in listed
    described = ",".join(sorted(kinds - {"endpointslices.discovery.k8s.io"}))
    assert "Name:               node-0" in kubectl("describe", described, "--all-namespaces")


def test_nodes_are_ready(kubectl: Kubectl) -> None:
    lines = kubectl("get", "nodes").splitlines()
    assert len(lines) == 4
    assert all(re.search(r" Ready ", line) for line in lines[1:])
    assert all("v1.37.0" in line for line in lines[1:])


def test_auth_can_i(kubectl: Kubectl) -> None:
    assert kubectl("auth", "can-i", "create", "deployments").strip() == "yes"
    assert kubectl("auth", "can-i", "*", "*").strip() == "yes"
    assert "*.*" in kubectl("auth", "can-i", "--list")
    refused = kubectl.run("auth", "can-i", "delete", "nodes", "--as", "somebody")
    assert refused.stdout.strip() == "no"
    assert refused.returncode == 1


def test_create_generators(kubectl: Kubectl, namespace: str) -> None:
    n = ("-n", namespace)
    kubectl("create", "configmap", "settings", "--from-literal=a=1", *n)
    kubectl("create", "secret", "generic", "keys", "--from-literal=k=v", *n)
    kubectl("create", "deployment", "web", "--image=nginx", *n)
    kubectl("create", "job", "once", "--image=busybox", *n)
    kubectl("create", "serviceaccount", "robot", *n)
    kubectl("create", "role", "reader", "--verb=get", "--resource=pods", *n)
    kubectl("create", "rolebinding", "reader", "--role=reader", f"--serviceaccount={namespace}:robot", *n)
    kubectl("create", "quota", "small", "--hard=pods=10", *n)
    kubectl("expose", "deployment", "web", "--port=80", *n)
    kubectl("rollout", "status", "deployment/web", "--timeout=30s", *n)
    robot = f"system:serviceaccount:{namespace}:robot"
    assert kubectl("auth", "can-i", "get", "pods", "--as", robot, *n).strip() == "yes"
    assert kubectl.run("auth", "can-i", "delete", "pods", "--as", robot, *n).stdout.strip() == "no"
    kubectl("run", "single", "--image=nginx", "--restart=Never", *n)
    kubectl("wait", "pod/single", "--for=condition=Ready", "--timeout=30s", *n)


def test_create_and_replace_from_files(kubectl: Kubectl, namespace: str, tmp_path: Path) -> None:
    n = ("-n", namespace)
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text(json.dumps(CONFIG_MAP | {"metadata": {"name": name}}))
    kubectl("create", "-f", str(tmp_path), *n)
    changed = CONFIG_MAP | {"metadata": {"name": "a"}, "data": {"k": "2"}}
    kubectl("replace", "-f", "-", *n, stdin=json.dumps(changed))
    assert kubectl.json("get", "configmap", "a", *n)["data"] == {"k": "2"}
    kubectl("replace", "--force", "-f", str(tmp_path), *n)
    assert kubectl.json("get", "configmap", "a", *n)["data"] == {"k": "1"}
    kubectl("delete", "-f", str(tmp_path), *n)


def test_get_watches(kubectl: Kubectl, namespace: str) -> None:
    """``get -w`` prints each change as a row."""
    n = ("-n", namespace)
    kubectl("run", "single", "--image=nginx", *n)
    watch = subprocess.Popen(
        [kubectl.program, "get", "pods", "-w", "--output-watch-events", *n],
        stdout=subprocess.PIPE,
        text=True,
        env=kubectl.environment,
    )
    try:
        assert watch.stdout is not None
        assert watch.stdout.readline().split() == ["EVENT", "NAME", "READY", "STATUS", "RESTARTS", "AGE"]
        assert watch.stdout.readline().split()[:2] == ["ADDED", "single"]
        kubectl("delete", "pod", "single", "--wait=false", *n)
        seen = []
        for line in watch.stdout:
            seen.append(line.split()[0])
            if seen[-1] == "DELETED":
                break
        assert seen[-1] == "DELETED"
    finally:
        watch.kill()
        watch.communicate()


def test_cordon_taint_and_drain(kubectl: Kubectl, namespace: str) -> None:
    n = ("-n", namespace)
    kubectl("create", "deployment", "web", "--image=nginx", *n)
    kubectl("scale", "deployment/web", "--replicas=6", *n)
    kubectl("rollout", "status", "deployment/web", "--timeout=30s", *n)
    node = kubectl("get", "nodes", "-o", "jsonpath={.items[0].metadata.name}")
    try:
        kubectl("cordon", node)
        assert "SchedulingDisabled" in kubectl("get", "node", node)
        kubectl("drain", node, "--ignore-daemonsets", "--force", "--timeout=60s", timeout=90)
        kubectl("rollout", "status", "deployment/web", "--timeout=30s", *n)
        here = kubectl("get", "pods", *n, f"--field-selector=spec.nodeName={node}", "-o", "name")
        assert here == ""
        kubectl("taint", "nodes", node, "dedicated=test:NoSchedule")
        kubectl("uncordon", node)
        kubectl("scale", "deployment/web", "--replicas=8", *n)
        kubectl("rollout", "status", "deployment/web", "--timeout=30s", *n)
        here = kubectl("get", "pods", *n, f"--field-selector=spec.nodeName={node}", "-o", "name")
        assert here == ""
        kubectl("taint", "nodes", node, "dedicated-")
    finally:
        kubectl.run("uncordon", node)
        kubectl.run("taint", "nodes", node, "dedicated-")


INVALID_POD = """
apiVersion: v1
kind: Pod
metadata: {name: Bad_Name}
spec:
  containers:
  - name: web
    image: ""
    resources: {requests: {cpu: 2}, limits: {cpu: 1}}
"""


def test_refusals_read_as_users_know_them(kubectl: Kubectl, namespace: str) -> None:
    n = ("-n", namespace)
    assert 'Error from server (NotFound): pods "nothing" not found' in kubectl.refused(
        "get", "pod", "nothing", *n
    )
    assert "the server doesn't have a resource type" in kubectl.refused("get", "gadgets", *n)
    invalid = kubectl.refused("create", "-f", "-", *n, stdin=INVALID_POD)
    assert 'The Pod "Bad_Name" is invalid' in invalid
    assert "metadata.name: Invalid value" in invalid
    assert "spec.containers[0].image: Required value" in invalid
    assert "spec.containers[0].resources.requests: Invalid value" in invalid
    kubectl("create", "configmap", "twice", *n)
    assert 'configmaps "twice" already exists' in kubectl.refused("create", "configmap", "twice", *n)
    assert "forbidden" in kubectl.refused("get", "pods", "--as", "somebody", *n)


@pytest.mark.parametrize("mode", ["client", "server"])
def test_dry_run_writes_nothing(kubectl: Kubectl, namespace: str, mode: str) -> None:
    n = ("-n", namespace)
    kubectl("create", "configmap", "ghost", f"--dry-run={mode}", *n)
    assert "NotFound" in kubectl.refused("get", "configmap", "ghost", *n)
