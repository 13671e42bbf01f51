"""A cluster that outlives its process, on every store that does."""

import json
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import Kubectl, Running, interrupt, kube, kubectls, missing, start, stop
from tests.e2e.stores import MEMORY, STORES, store_flags
from tests.store.servers import DEBIAN, DISTRO, etcd, free_port

DURABLE = [store for store in (*STORES, DEBIAN) if store != MEMORY]
KINDS = (
    "namespaces,nodes,deployments,replicasets,daemonsets,jobs,pods,services,endpointslices,configmaps,secrets,"
    "serviceaccounts,clusterroles,clusterrolebindings,roles,rolebindings,priorityclasses"
)
STEADY = ("Deployment", "DaemonSet", "Service", "ConfigMap", "Secret", "ClusterRole", "ClusterRoleBinding")
"""Kinds that nobody changes while the process is away or comes back."""


def kubectl_for(running: Running, home: Path) -> Kubectl:
    programs = [param.values[0] for param in kubectls() if param.values[0]]
    if not programs:
        missing("kubectl", "not installed, and KUBE_TEST_KUBECTL names none")
    return Kubectl(programs[0], running.kubeconfig, home)


def objects(kubectl: Kubectl) -> dict[str, dict[str, Any]]:
    """By uid."""
    listed = kubectl.json("get", KINDS, "--all-namespaces")["items"]
    return {item["metadata"]["uid"]: item for item in listed}


def name_of(item: dict[str, Any]) -> str:
    metadata = item["metadata"]
    return f"{item['kind']} {metadata.get('namespace', '')}/{metadata['name']}"


def end(running: Running, number: signal.Signals) -> None:
    running.process.send_signal(number)
    running.process.communicate(timeout=10)


def deploy(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "examples/guestbook")
    for name in (
        "deployment/frontend",
        "deployment/redis-leader",
        "deployment/redis-follower",
        "daemonset/log-shipper",
    ):
        kubectl("rollout", "status", name, "--timeout=30s")
    kubectl("wait", "--for=condition=complete", "job/seed", "--timeout=30s")


@pytest.mark.parametrize("store", DURABLE)
def test_a_cluster_that_is_killed_has_every_object_when_it_is_back(store: str, tmp_path: Path) -> None:
    """And yesterday's kubeconfig still opens it: the certificate authority is the same."""
    port = ("--port", str(free_port()))
    with store_flags(store, tmp_path) as flags:
        running = start(tmp_path, "--nodes", "3", *port, *flags)
        try:
            kubectl = kubectl_for(running, tmp_path)
            deploy(kubectl)
            kubectl("create", "namespace", "other")
            kubectl("create", "configmap", "-n", "other", "big", f"--from-literal=key={'x' * 100_000}")
            before = objects(kubectl)
        finally:
            end(running, signal.SIGKILL)
        yesterdays = tmp_path / "yesterday.yaml"
        shutil.copy(running.kubeconfig, yesterdays)
        running = start(tmp_path, "--nodes", "3", *port, *flags)
        try:
            kubectl = Kubectl(kubectl.program, yesterdays, tmp_path)
            after = objects(kubectl)
            assert {name_of(item) for uid, item in before.items() if uid not in after} == set()
            for uid, item in before.items():
                if item["kind"] in STEADY:
                    for part in ("spec", "data", "rules", "roleRef", "subjects"):
                        assert after[uid].get(part) == item.get(part), name_of(item)
            kubectl("scale", "deployment/frontend", "--replicas=5")
            kubectl("rollout", "status", "deployment/frontend", "--timeout=30s")
            kubectl("delete", "namespace", "other", "--timeout=30s")
        finally:
            assert stop(running) == 0


def test_an_etcd_that_restarts_under_a_cluster(tmp_path: Path) -> None:
    """What was acknowledged is there, watches go on, and while it is away a client is told what is wrong."""
    server = etcd(DEBIAN, tmp_path)  # 3.5.1 tells of a write before its log has it (etcd issue 14370)
    server.start()
    running = start(tmp_path, "--nodes", "3", "--store", f"etcd://{server.endpoint}")
    watches: list[subprocess.Popen[str]] = []
    try:
        kubectl = kubectl_for(running, tmp_path)
        watch = subprocess.Popen(
            [kubectl.program, "get", "configmaps", "--watch", "-o", "name"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=kubectl.environment,
        )
        watches.append(watch)
        assert watch.stdout is not None
        assert "kube-root-ca.crt" in watch.stdout.readline()
        for number in range(2):
            kubectl("create", "configmap", f"before-{number}")
            server.kill()
            if not number:
                refused = kubectl.refused("create", "configmap", "never")
                assert f"etcd cannot be reached at {server.endpoint}" in refused
            server.start()
            kubectl("create", "configmap", f"after-{number}")
        kubectl("create", "deployment", "web", "--image=nginx", "--replicas=3")
        kubectl("rollout", "status", "deployment/web", "--timeout=30s")
        names = kubectl("get", "configmaps", "-o", "name").split()
        wanted = [f"configmap/{when}-{number}" for number in range(2) for when in ("before", "after")]
        assert set(wanted) <= set(names)
        assert "configmap/never" not in names
        seen: list[str] = []
        while wanted[-1] not in seen:
            line = watch.stdout.readline()
            assert line, f"the watch has ended after {seen}"
            seen.append(line.strip())
        assert [line for line in seen if line in wanted] == wanted
    finally:
        for watch in watches:
            watch.kill()
            watch.communicate()
        assert stop(running) == 0
        server.kill()


def test_two_clusters_in_one_etcd(tmp_path: Path) -> None:
    """Under prefixes of their own neither knows of the other."""
    server = etcd(DISTRO, tmp_path)
    server.start()
    clusters = []
    try:
        for name in ("one", "two"):
            home = tmp_path / name
            home.mkdir()
            url = f"etcd://{server.endpoint}/{name}"
            running = start(home, "--nodes", "1", "--store", url)
            clusters.append((running, kubectl_for(running, home)))
        for number, (_, kubectl) in enumerate(clusters):
            kubectl("create", "deployment", f"web-{number}", "--image=nginx")
            kubectl("rollout", "status", f"deployment/web-{number}", "--timeout=30s")
        for number, (_, kubectl) in enumerate(clusters):
            assert kubectl("get", "deployments", "-o", "name").split() == [f"deployment.apps/web-{number}"]
            assert len(kubectl("get", "nodes", "-o", "name").split()) == 1
        one, two = (kubectl for _, kubectl in clusters)
        assert "certificate" in Kubectl(one.program, two_faced(clusters), one.home).refused("get", "nodes")
        assert two("get", "namespaces", "-o", "name") == one("get", "namespaces", "-o", "name")
    finally:
        for running, _ in clusters:
            assert stop(running) == 0
        server.kill()


def two_faced(clusters: list[tuple[Running, Kubectl]]) -> Path:
    """A kubeconfig of the first cluster that leads to the second one."""
    (first, _), (second, _) = clusters
    path = first.kubeconfig.with_name("two-faced.yaml")
    path.write_text(first.kubeconfig.read_text().replace(first.server, second.server))
    return path


REFUSED: list[Any] = [
    pytest.param(
        ["--store", "etcd://127.0.0.1:1"], r"etcd cannot be reached at 127\.0\.0\.1:1: .*", id="nobody there"
    ),
    pytest.param(
        ["--store", "redis://x"], r"'redis://x' is no store: write etcd://HOST:PORT.*", id="another scheme"
    ),
    pytest.param(["--store", "etcd://"], r"'' in 'etcd://' is no host and port", id="no host"),
    pytest.param(["--store", "etcd://h:1:2"], r".*write an IPv6 address in brackets", id="two ports"),
    pytest.param(
        ["--store", "etcd://h", "--store-cafile", "/none"],
        r"cannot read the certificate authority /none: No such file or directory",
        id="no authority",
    ),
    pytest.param(
        ["--store-cafile", "/none"], r"--store-cafile, .* need --store", id="certificates without a store"
    ),
    pytest.param(
        ["--store", "etcd://h", "--store-certfile", "/none"],
        r".*given together or not at all",
        id="half a pair",
    ),
    pytest.param(["--store", "etcd://h", "--replicas", "1"], r".*--replicas.*", id="replicas of an etcd"),
]


@pytest.mark.parametrize(("flags", "words"), REFUSED)
def test_what_cannot_work_is_refused_in_one_line(flags: list[str], words: str, tmp_path: Path) -> None:
    started = time.monotonic()
    process = kube(tmp_path, "up", "--port", "0", "--kubeconfig", str(tmp_path / "k.yaml"), *flags)
    said, _ = process.communicate(timeout=30)
    assert process.returncode in {1, 2}
    assert re.fullmatch(rf"(Usage: .*\n(Try .*\n)?\n?)?Error: {words}\n", said), said
    assert time.monotonic() - started < 15


@pytest.mark.parametrize("output", ["text", "json"])
def test_it_says_where_it_keeps_everything_and_no_password(output: str, tmp_path: Path) -> None:
    with store_flags(DISTRO, tmp_path) as flags:
        process = kube(
            tmp_path,
            "up",
            "--port",
            "0",
            "--nodes",
            "0",
            "--kubeconfig",
            str(tmp_path / "k"),
            "-o",
            output,
            *flags,
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        endpoint = flags[1].removeprefix("etcd://")
        if output == "json":
            assert json.loads(line)["store"] == f"etcd at {endpoint}"
        else:
            assert f"store: etcd at {endpoint})" in line
        assert interrupt(process) == 0
