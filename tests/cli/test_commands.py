"""The command as a user meets it: what it prints, how it refuses, what it leaves behind."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.e2e.harness import start, stop


def kube(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kube.cli.main", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "HOME": str(home)},
    )


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """The last line of a refusal, which has no traceback."""
    assert "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()[-1]


def test_version(tmp_path: Path) -> None:
    assert kube("version", home=tmp_path).stdout.startswith("kube-actors 0.1.0 (Kubernetes v1.37.0")
    facts = json.loads(kube("version", "--output", "json", home=tmp_path).stdout)
    assert facts["kubernetesVersion"] == "v1.37.0"


def test_help_names_every_command(tmp_path: Path) -> None:
    text = kube("--help", home=tmp_path).stdout
    for name in ("up", "version", "kubeconfig", "scheduler", "controller-manager", "kubelet", "bench"):
        assert name in text
        assert kube(name, "--help", home=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        pytest.param(["up", "--frobnicate"], "No such option", id="unknown option"),
        pytest.param(["up", "--replicas", "2"], "'2' is not one of '1', '3', '5'", id="even replicas"),
        pytest.param(["up", "--port", "70000"], "70000 is not in the range", id="port out of range"),
        pytest.param(["up", "--nodes", "many"], "'many' is not a valid integer", id="nodes no number"),
        pytest.param(["down"], "No such command", id="unknown command"),
        pytest.param(["kubelet"], "Missing option", id="missing option"),
        pytest.param(["bench", "stor"], "no benchmark is called stor", id="unknown benchmark"),
        pytest.param(
            ["bench", "store", "--runs", "1"], "arguments go to one of them", id="arguments of several"
        ),
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str], line: str, tmp_path: Path) -> None:
    done = kube(*arguments, home=tmp_path)
    assert done.returncode == 2
    assert line in refusal(done)


def test_a_busy_port_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        path = tmp_path / "kubeconfig"
        done = kube("up", "--port", str(port), "--kubeconfig", str(path), home=tmp_path)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}: the port is in use" in refusal(done)
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_kubeconfig_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = kube("up", "--port", "0", "--kubeconfig", str(tmp_path / "file" / "kubeconfig"), home=tmp_path)
    assert done.returncode == 1
    assert "cannot write the kubeconfig" in refusal(done)


def test_an_address_that_is_not_ours_is_one_line(tmp_path: Path) -> None:
    done = kube(
        "up", "--host", "192.0.2.1", "--port", "0", "--kubeconfig", str(tmp_path / "k"), home=tmp_path
    )
    assert done.returncode == 1
    assert "cannot listen on 192.0.2.1" in refusal(done)


def test_up_writes_its_own_kubeconfig_and_merges_only_when_told(tmp_path: Path) -> None:
    running = start(tmp_path, "--nodes", "1", "--replicas", "1")
    try:
        assert not (tmp_path / ".kube").exists()
        assert running.kubeconfig.stat().st_mode & 0o777 == 0o600
        printed = kube("kubeconfig", "--from", str(running.kubeconfig), home=tmp_path).stdout
        assert yaml.safe_load(printed)["clusters"][0]["cluster"]["server"] == running.server
        merged = kube("kubeconfig", "--from", str(running.kubeconfig), "--merge", home=tmp_path)
        assert merged.returncode == 0
        tree = yaml.safe_load((tmp_path / ".kube" / "config").read_text())
        assert tree["current-context"] == "kube-actors"
    finally:
        assert stop(running) == 0


INTERRUPTED_IMPORT = """
import importlib.abc, os, signal, sys, weakref

class Interrupt(importlib.abc.MetaPathFinder):
    def find_spec(self, name, *_):
        if name == "kube.actors.runtime.system":
            subject = Interrupt()
            weakref.finalize(subject, os.kill, os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
from kube.cli.main import main
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("command", ["up", "scheduler", "controller-manager", "kubelet"])
def test_an_early_ctrl_c_ends_it_at_once(command: str, tmp_path: Path) -> None:
    """Also where Python loses the exception: in a callback while a module is imported."""
    config = {
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    options = {"up": ["--port", "0"], "kubelet": ["--node-name", "n"]}.get(command, [])
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_IMPORT, command, "--kubeconfig", str(path), *options],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert done.returncode == -signal.SIGINT
    assert done.stdout + done.stderr == ""


def test_kubeconfig_without_a_cluster_says_what_to_do(tmp_path: Path) -> None:
    done = kube("kubeconfig", home=tmp_path)
    assert done.returncode == 1
    assert "start a cluster first: kube up" in refusal(done)


def test_a_component_that_reaches_nobody_says_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    config = {
        "clusters": [{"name": "c", "cluster": {"server": f"https://127.0.0.1:{port}"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    done = kube("scheduler", "--kubeconfig", str(path), home=tmp_path)
    assert done.returncode == 1
    assert f"cannot reach the API server at https://127.0.0.1:{port}" in refusal(done)
