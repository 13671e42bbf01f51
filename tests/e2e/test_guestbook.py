"""A real application through unmodified kubectl, from apply to delete."""

import json
import re

import pytest

from tests.e2e.harness import Kubectl

EXAMPLE = "examples/guestbook"


@pytest.fixture
def guestbook(kubectl: Kubectl, namespace: str) -> str:
    kubectl("apply", "-n", namespace, "-f", EXAMPLE)
    for name in ("frontend", "redis-leader", "redis-follower"):
        kubectl("rollout", "status", "-n", namespace, f"deployment/{name}", "--timeout=30s")
    return namespace


def test_every_pod_runs(kubectl: Kubectl, guestbook: str) -> None:
    kubectl("wait", "-n", guestbook, "--for=condition=complete", "job/seed", "--timeout=30s")
    kubectl("rollout", "status", "-n", guestbook, "daemonset/log-shipper", "--timeout=30s")
    pods = kubectl.json("get", "pods", "-n", guestbook)["items"]
    phases = sorted((pod["metadata"]["labels"].get("task", "app"), pod["status"]["phase"]) for pod in pods)
    assert phases == [("app", "Running")] * 9 + [("seed", "Succeeded")] * 2
    assert all(pod["status"]["podIP"] for pod in pods)
    endpoints = kubectl.json("get", "endpoints", "-n", guestbook, "frontend")
    assert len(endpoints["subsets"][0]["addresses"]) == 3
    slices = kubectl.json(
        "get", "endpointslices", "-n", guestbook, "-l", "kubernetes.io/service-name=frontend"
    )
    assert [len(item["endpoints"]) for item in slices["items"]] == [3]


def test_applying_again_changes_nothing(kubectl: Kubectl, guestbook: str) -> None:
    lines = kubectl("apply", "-n", guestbook, "-f", EXAMPLE).splitlines()
    assert lines
    assert all(line.endswith("unchanged") for line in lines), lines


def test_get_in_every_output_form(kubectl: Kubectl, guestbook: str) -> None:
    n = ("-n", guestbook)
    table = kubectl("get", "deployments", *n)
    assert re.match(r"NAME +READY +UP-TO-DATE +AVAILABLE +AGE\n", table)
    assert re.search(r"frontend +3/3 +3 +3 +\d+s", table)
    assert "IMAGES" in kubectl("get", "deployments", *n, "-o", "wide")
    assert kubectl("get", "deployments", *n, "-o", "name").splitlines()[0] == "deployment.apps/frontend"
    assert "kind: Deployment" in kubectl("get", "deployment", "frontend", *n, "-o", "yaml")
    assert kubectl("get", "deployment", "frontend", *n, "-o", "jsonpath={.spec.replicas}") == "3"
    assert kubectl("get", "deploy", "frontend", *n, "-o", "go-template={{.metadata.name}}") == "frontend"
    assert "frontend   3" in kubectl(
        "get", "deploy", "frontend", *n, "-o", "custom-columns=NAME:.metadata.name,WANT:.spec.replicas"
    )
    names = kubectl("get", "pods", *n, "--sort-by=.metadata.name", "-o", "name").splitlines()
    assert names == sorted(names)
    assert "app=guestbook" in kubectl("get", "pods", *n, "--show-labels")
    assert guestbook in kubectl("get", "pods", "--all-namespaces")
    everything = kubectl("get", "all", *n)
    assert all(f"{kind}/" in everything for kind in ("pod", "service", "deployment.apps", "job.batch"))
    running = kubectl("get", "pods", *n, "--field-selector=status.phase=Running", "-o", "name").splitlines()
    assert len(running) == 9
    web = kubectl("get", "pods", *n, "-l", "app=guestbook,tier in (frontend)", "-o", "name").splitlines()
    assert len(web) == 3


def test_describe(kubectl: Kubectl, guestbook: str) -> None:
    n = ("-n", guestbook)
    pod = kubectl("describe", "pods", *n, "-l", "tier=frontend")
    for text in ("Successfully assigned", "Started", "Controlled By:  ReplicaSet/frontend-"):
        assert text in pod
    assert "Scaled up replica set frontend-" in kubectl("describe", "deployment", "frontend", *n)
    assert "Endpoints:" in kubectl("describe", "service", "frontend", *n)
    assert "Allocated resources" in kubectl("describe", "nodes")
    for kind in ("configmap/guestbook", "secret/guestbook-redis", "job/seed", "daemonset/log-shipper"):
        assert guestbook in kubectl("describe", kind, *n)


def test_label_annotate_and_edit_by_patch(kubectl: Kubectl, guestbook: str) -> None:
    n = ("-n", guestbook)
    kubectl("label", "deployment/frontend", "stage=test", *n)
    assert "stage" in kubectl.refused("label", "deployment/frontend", "stage=other", *n)
    kubectl("label", "deployment/frontend", "stage=other", "--overwrite", *n)
    kubectl("label", "deployment/frontend", "stage-", *n)
    kubectl("annotate", "deployment/frontend", "note=hello world", *n)
    metadata = kubectl.json("get", "deployment/frontend", *n)["metadata"]
    assert "stage" not in metadata["labels"]
    assert metadata["annotations"]["note"] == "hello world"
    patches = {
        "merge": {"metadata": {"annotations": {"note": None}}},
        "strategic": {"spec": {"template": {"spec": {"containers": [{"name": "web", "tty": True}]}}}},
        "json": [{"op": "replace", "path": "/spec/replicas", "value": 2}],
    }
    for kind, patch in patches.items():
        kubectl("patch", "deployment/frontend", *n, "--type", kind, "-p", json.dumps(patch))
    deployment = kubectl.json("get", "deployment/frontend", *n)
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    assert "note" not in deployment["metadata"]["annotations"]
    assert container["tty"] is True
    assert container["image"].endswith("frontend:v5")
    assert deployment["spec"]["replicas"] == 2


def test_rollout_history_and_undo(kubectl: Kubectl, guestbook: str) -> None:
    n = ("-n", guestbook)
    kubectl("set", "image", "deployment/frontend", "web=registry.example/guestbook/frontend:v6", *n)
    kubectl("rollout", "status", "deployment/frontend", "--timeout=30s", *n)
    history = kubectl("rollout", "history", "deployment/frontend", *n)
    assert [line.split()[0] for line in history.splitlines() if line[:1].isdigit()] == ["1", "2"]
    assert "frontend:v5" in kubectl("rollout", "history", "deployment/frontend", "--revision=1", *n)
    kubectl("rollout", "undo", "deployment/frontend", *n)
    kubectl("rollout", "status", "deployment/frontend", "--timeout=30s", *n)
    deployment = kubectl.json("get", "deployment/frontend", *n)
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"].endswith(":v5")
    assert deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"
    kubectl("rollout", "restart", "deployment/frontend", *n)
    kubectl("rollout", "status", "deployment/frontend", "--timeout=30s", *n)


def test_scale(kubectl: Kubectl, guestbook: str) -> None:
    n = ("-n", guestbook)
    kubectl("scale", "deployment/frontend", "--replicas=5", *n)
    kubectl("rollout", "status", "deployment/frontend", "--timeout=30s", *n)
    assert "5/5" in kubectl("get", "deployment/frontend", *n)
    assert "expected" in kubectl.refused(
        "scale", "deployment/frontend", "--current-replicas=3", "--replicas=1", *n
    )
    kubectl("scale", "deployment/frontend", "--current-replicas=5", "--replicas=1", *n)
    kubectl("wait", "deployment/frontend", "--for=condition=Available", "--timeout=30s", *n)


def test_diff(kubectl: Kubectl, guestbook: str) -> None:
    assert kubectl("diff", "-n", guestbook, "-f", EXAMPLE) == ""
    changed = kubectl("get", "configmap", "guestbook", "-n", guestbook, "-o", "yaml").replace(
        "Guestbook", "Visitors"
    )
    done = kubectl.run("diff", "-n", guestbook, "-f", "-", stdin=changed)
    assert done.returncode == 1, done.stderr
    assert "+  title: Visitors" in done.stdout


def test_delete(kubectl: Kubectl, guestbook: str) -> None:
    n = ("-n", guestbook)
    kubectl("delete", "deployment", "frontend", "--wait=true", "--timeout=30s", *n)
    kubectl("wait", "pods", "-l", "tier=frontend", "--for=delete", "--timeout=30s", *n)
    kubectl("delete", "deployment", "redis-leader", "--cascade=orphan", *n) if _orphans(kubectl) else None
    kubectl("delete", "-n", guestbook, "-f", EXAMPLE, "--ignore-not-found", "--timeout=30s")
    assert kubectl("get", "deployments,services,jobs,daemonsets", *n) == ""


def _orphans(kubectl: Kubectl) -> bool:
    """``--cascade=orphan`` is understood from 1.20 on."""
    return "orphan" in kubectl("delete", "--help")
