"""A real application through unmodified kubectl, from apply to delete."""

import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import Kubectl
from tests.e2e.stores import STORES

pytestmark = pytest.mark.parametrize("cluster", STORES, indirect=True, scope="module")

EXAMPLE = "examples/guestbook"
V6 = "web=registry.example/guestbook/frontend:v6"


def deploy(kubectl: Kubectl, namespace: str) -> str:
    kubectl("apply", "-n", namespace, "-f", EXAMPLE)
    for name in ("deployment/frontend", "deployment/redis-leader", "deployment/redis-follower"):
        kubectl("rollout", "status", "-n", namespace, name, "--timeout=30s")
    kubectl("rollout", "status", "-n", namespace, "daemonset/log-shipper", "--timeout=30s")
    kubectl("wait", "-n", namespace, "--for=condition=complete", "job/seed", "--timeout=30s")
    return namespace


@pytest.fixture(scope="module")
def shared(kubectl: Kubectl) -> Iterator[str]:
    """The application in a namespace that tests only read."""
    kubectl("create", "namespace", "shared")
    yield deploy(kubectl, "shared")
    kubectl("delete", "namespace", "shared", "--timeout=30s")


@pytest.fixture
def guestbook(kubectl: Kubectl, namespace: str) -> str:
    """The application in a namespace of the test's own."""
    return deploy(kubectl, namespace)


def test_every_pod_runs(kubectl: Kubectl, shared: str) -> None:
    pods = kubectl.json("get", "pods", "-n", shared)["items"]
    phases = sorted((pod["metadata"]["labels"].get("task", "app"), pod["status"]["phase"]) for pod in pods)
    assert phases == [("app", "Running")] * 9 + [("seed", "Succeeded")] * 2
    assert all(pod["status"]["podIP"] for pod in pods)
    endpoints = kubectl.json("get", "endpoints", "-n", shared, "frontend")
    assert len(endpoints["subsets"][0]["addresses"]) == 3
    slices = kubectl.json("get", "endpointslices", "-n", shared, "-l", "kubernetes.io/service-name=frontend")
    assert [len(item["endpoints"]) for item in slices["items"]] == [3]


def test_applying_again_changes_nothing(kubectl: Kubectl, shared: str) -> None:
    """A Secret's stringData is written anew each time, as it is never read back; the server finds nothing to change."""
    every = ("get", "configmaps,secrets,deployments,services,jobs,daemonsets", "-n", shared)
    versions = (*every, "-o", "jsonpath={.items[*].metadata.resourceVersion}")
    before = kubectl(*versions)
    lines = kubectl("apply", "-n", shared, "-f", EXAMPLE).splitlines()
    assert len(lines) == 10
    assert [line for line in lines if not line.endswith(" unchanged")] == [
        "secret/guestbook-redis configured"
    ]
    assert kubectl(*versions) == before


ALPHABETICAL = (1, 31)
"""The kubectl from which on --sort-by takes digits for letters (kubernetes/kubectl issue 1574)."""


def naturally(name: str) -> list[tuple[int, int]]:
    """The order of kubectls before: digits within a name are one number, in the place of a digit among letters."""
    parts: list[str] = re.findall(r"\d+|\D", name)
    return [(ord("0"), int(part)) if part.isdigit() else (ord(part), 0) for part in parts]


def config_map(name: str) -> dict[str, Any]:
    return {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": name}}


def test_get_in_every_output_form(kubectl: Kubectl, shared: str) -> None:
    n = ("-n", shared)
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
    numbered = {
        "kind": "List",
        "apiVersion": "v1",
        "items": [config_map(f"a{number}") for number in (9, 10, 2)],
    }
    kubectl("apply", "-f", "-", stdin=json.dumps(numbered))
    for kind in (("pods", *n), ("configmaps",)):
        names = kubectl("get", *kind, "--sort-by=.metadata.name", "-o", "name").splitlines()
        assert len(names) > 3
        assert names == sorted(names, key=None if kubectl.version >= ALPHABETICAL else naturally)
    assert "app=guestbook" in kubectl("get", "pods", *n, "--show-labels")
    assert shared in kubectl("get", "pods", "--all-namespaces")
    everything = kubectl("get", "all", *n)
    assert all(f"{kind}/" in everything for kind in ("pod", "service", "deployment.apps", "job.batch"))
    running = kubectl("get", "pods", *n, "--field-selector=status.phase=Running", "-o", "name").splitlines()
    assert len(running) == 9
    web = kubectl("get", "pods", *n, "-l", "app=guestbook,tier in (frontend)", "-o", "name").splitlines()
    assert len(web) == 3
    assert kubectl("get", "deploy", "frontend", *n, "--no-headers").startswith("frontend ")
    assert kubectl("get", "deploy", "frontend", *n, "-o", "template={{.kind}}") == "Deployment"
    assert (
        kubectl("get", "deploy", "frontend", *n, "-o", "jsonpath-as-json={.spec.replicas}") == "[\n    3\n]\n"
    )
    assert "tier" in kubectl("get", "deploy", *n, "-L", "tier").lower()
    assert kubectl("get", "--raw", f"/apis/apps/v1/namespaces/{shared}/deployments?limit=1").startswith(
        '{"kind":"DeploymentList"'
    )
    lines = kubectl("get", "-f", EXAMPLE, *n, "-o", "name").splitlines()
    assert len(lines) == 10


def test_describe(kubectl: Kubectl, shared: str) -> None:
    n = ("-n", shared)
    pod = kubectl("describe", "pods", *n, "-l", "tier=frontend")
    for text in ("Successfully assigned", "Started", "Controlled By:  ReplicaSet/frontend-"):
        assert text in pod
    assert "Scaled up replica set frontend-" in kubectl("describe", "deployment", "frontend", *n)
    assert "Endpoints:" in kubectl("describe", "service", "frontend", *n)
    assert "Allocated resources" in kubectl("describe", "nodes")
    for name, text in {
        "configmap/guestbook": "maxmemory 64mb",
        "secret/guestbook-redis": "password:  17 bytes",
        "job/seed": "Pods Statuses",
        "daemonset/log-shipper": "Desired Number of Nodes Scheduled: 3",
        f"namespace/{shared}": "Status:       Active",
        "serviceaccount/default": "Mountable secrets",
    }.items():
        assert text in kubectl("describe", name, *n)


def test_label_annotate_and_edit_by_patch(kubectl: Kubectl, namespace: str) -> None:
    n = ("-n", namespace)
    kubectl("apply", *n, "-f", f"{EXAMPLE}/30-frontend.yaml")
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


def editor(folder: Path, script: str) -> dict[str, str]:
    """The environment of an editor that changes the file it is given by a sed script, and keeps a copy of what it got."""
    program = folder / "editor"
    program.write_text(f"#!/bin/sh\ncp \"$1\" '{folder}/seen'\nexec sed -i '{script}' \"$1\"\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return {"KUBE_EDITOR": str(program)}


def test_edit(kubectl: Kubectl, namespace: str, tmp_path: Path) -> None:
    """What the server refuses is shown to the user as comments on top of the file that is opened again."""
    n = ("-n", namespace)
    kubectl("apply", *n, "-f", f"{EXAMPLE}/30-frontend.yaml")
    edit = ("edit", "deployment/frontend", *n)
    assert "Edit cancelled, no changes made" in kubectl.run(*edit).stderr
    printed = kubectl(*edit, environment=editor(tmp_path, "s/replicas: 3/replicas: 4/"))
    assert "deployment.apps/frontend edited" in printed
    assert kubectl.json("get", "deployment/frontend", *n)["spec"]["replicas"] == 4
    refused = kubectl.run(*edit, environment=editor(tmp_path, "s/replicas: 4/replicas: -4/"))
    assert refused.returncode == 1
    assert 'deployments.apps "frontend" is invalid' in refused.stderr
    comments = (tmp_path / "seen").read_text()
    assert "# * spec.replicas: Invalid value: -4: must be greater than or equal to 0" in comments
    assert kubectl.json("get", "deployment/frontend", *n)["spec"]["replicas"] == 4


def test_set_image_rollout_status_history_and_undo(kubectl: Kubectl, guestbook: str) -> None:
    n = ("-n", guestbook)
    kubectl("set", "image", "deployment/frontend", V6, *n)
    kubectl("rollout", "status", "deployment/frontend", "--timeout=30s", *n)
    history = kubectl("rollout", "history", "deployment/frontend", *n)
    assert [line.split()[0] for line in history.splitlines() if line[:1].isdigit()] == ["1", "2"]
    assert "frontend:v5" in kubectl("rollout", "history", "deployment/frontend", "--revision=1", *n)
    kubectl("rollout", "undo", "deployment/frontend", *n)
    kubectl("rollout", "status", "deployment/frontend", "--timeout=30s", *n)
    deployment = kubectl.json("get", "deployment/frontend", *n)
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"].endswith(":v5")
    assert deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"
    kubectl("rollout", "undo", "deployment/frontend", "--to-revision=2", *n)
    kubectl("rollout", "status", "deployment/frontend", "--timeout=30s", *n)
    images = {
        pod["spec"]["containers"][0]["image"]
        for pod in kubectl.json("get", "pods", "-l", "tier=frontend", *n)["items"]
        if "deletionTimestamp" not in pod["metadata"]
    }
    assert images == {"registry.example/guestbook/frontend:v6"}


def test_rollout_pause_resume_and_restart(kubectl: Kubectl, namespace: str) -> None:
    n = ("-n", namespace)
    kubectl("apply", *n, "-f", f"{EXAMPLE}/10-config.yaml", "-f", f"{EXAMPLE}/30-frontend.yaml")
    kubectl("rollout", "status", "deployment/frontend", "--timeout=30s", *n)
    kubectl("rollout", "pause", "deployment/frontend", *n)
    kubectl("set", "image", "deployment/frontend", V6, *n)
    kubectl("set", "env", "deployment/frontend", "MOOD=good", *n)
    kubectl("set", "resources", "deployment/frontend", "--requests=cpu=50m", *n)
    assert len(kubectl("get", "replicasets", *n, "-o", "name").splitlines()) == 1
    kubectl("rollout", "resume", "deployment/frontend", *n)
    kubectl("rollout", "status", "deployment/frontend", "--timeout=30s", *n)
    assert len(kubectl("get", "replicasets", *n, "-o", "name").splitlines()) == 2
    kubectl("rollout", "restart", "deployment/frontend", *n)
    kubectl("rollout", "status", "deployment/frontend", "--timeout=30s", *n)
    assert len(kubectl("get", "replicasets", *n, "-o", "name").splitlines()) == 3


def test_rollout_of_a_daemon_set(kubectl: Kubectl, guestbook: str) -> None:
    n = ("-n", guestbook)
    kubectl("set", "image", "daemonset/log-shipper", "shipper=docker.io/fluent/fluent-bit:4.0", *n)
    kubectl("rollout", "status", "daemonset/log-shipper", "--timeout=60s", *n)
    history = kubectl("rollout", "history", "daemonset/log-shipper", *n)
    assert [line.split()[0] for line in history.splitlines() if line[:1].isdigit()] == ["1", "2"]
    kubectl("rollout", "undo", "daemonset/log-shipper", *n)
    kubectl("rollout", "status", "daemonset/log-shipper", "--timeout=60s", *n)
    image = kubectl("get", "daemonset/log-shipper", *n, "-o", "jsonpath={..containers[0].image}")
    assert image == "docker.io/fluent/fluent-bit:3.2"


def test_scale(kubectl: Kubectl, namespace: str) -> None:
    n = ("-n", namespace)
    kubectl("apply", *n, "-f", f"{EXAMPLE}/10-config.yaml", "-f", f"{EXAMPLE}/30-frontend.yaml")
    kubectl("scale", "deployment/frontend", "--replicas=5", *n)
    kubectl("rollout", "status", "deployment/frontend", "--timeout=30s", *n)
    assert "5/5" in kubectl("get", "deployment/frontend", *n)
    assert "xpected replicas to be 3, was 5" in kubectl.refused(
        "scale", "deployment/frontend", "--current-replicas=3", "--replicas=1", *n
    )
    kubectl("scale", "deployment/frontend", "--current-replicas=5", "--replicas=1", *n)
    kubectl("wait", "deployment/frontend", "--for=condition=Available", "--timeout=30s", *n)
    kubectl("autoscale", "deployment/frontend", "--min=1", "--max=4", "--cpu-percent=80", *n)
    assert "Deployment/frontend" in kubectl("get", "hpa", *n)


def test_diff(kubectl: Kubectl, namespace: str) -> None:
    n = ("-n", namespace)
    files = ("-f", f"{EXAMPLE}/10-config.yaml", "-f", f"{EXAMPLE}/30-frontend.yaml")
    new = kubectl.run("diff", *n, *files)
    assert new.returncode == 1, new.stderr
    assert "+  title: Guestbook" in new.stdout
    kubectl("apply", *n, *files)
    assert kubectl("diff", *n, *files) == ""
    changed = kubectl("get", "configmap", "guestbook", *n, "-o", "yaml").replace("Guestbook", "Visitors")
    done = kubectl.run("diff", *n, "-f", "-", stdin=changed)
    assert done.returncode == 1, done.stderr
    assert "+  title: Visitors" in done.stdout


def test_delete(kubectl: Kubectl, guestbook: str) -> None:
    n = ("-n", guestbook)
    kubectl("delete", "deployment", "frontend", "--wait=true", "--timeout=30s", *n)
    kubectl.gone("get", "pods", "-l", "tier=frontend", "-o", "name", *n)
    kubectl("delete", "deployment", "redis-leader", "--cascade=orphan", *n)
    (orphan,) = kubectl.json("get", "replicasets", "-l", "role=leader", *n)["items"]
    assert "ownerReferences" not in orphan["metadata"]
    pod = kubectl("get", "pods", "-l", "role=leader", *n, "-o", "name").strip()
    kubectl("delete", pod, "--grace-period=0", "--force", *n)
    kubectl("delete", "replicaset", "-l", "role=leader", *n)
    kubectl("delete", *n, "-f", EXAMPLE, "--ignore-not-found", "--timeout=30s")
    assert kubectl("get", "deployments,services,jobs,daemonsets", *n) == ""
    kubectl.gone("get", "pods", "-o", "name", *n)
