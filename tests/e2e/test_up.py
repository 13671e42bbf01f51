"""The command's end: Ctrl-C while clients are at it."""

import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.e2e.harness import Kubectl, kubectls, missing, start

STOP_SECONDS = 2.0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_it_ends_within_two_seconds_under_open_watches(tmp_path: Path, number: signal.Signals) -> None:
    """With exit code 0, and without a word: the clients see their streams end."""
    programs = [param.values[0] for param in kubectls() if param.values[0]]
    if not programs:
        missing("kubectl", "not installed, and KUBE_TEST_KUBECTL names none")
    running = start(tmp_path, "--nodes", "3")
    kubectl = Kubectl(programs[0], running.kubeconfig, tmp_path)
    watches = []
    try:
        kubectl("apply", "-f", "examples/guestbook")
        for kind in ("pods", "nodes"):
            watch = subprocess.Popen(
                [kubectl.program, "get", kind, "--watch", "--all-namespaces"],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env=kubectl.environment,
            )
            watches.append(watch)
            assert watch.stdout is not None
            assert "NAME" in watch.stdout.readline()
        started = time.monotonic()
        running.process.send_signal(number)
        printed, _ = running.process.communicate(timeout=10)
        assert time.monotonic() - started < STOP_SECONDS
        assert running.process.returncode == 0
        assert {line.split()[0] for line in printed.splitlines()} <= {"Try:"}
    finally:
        running.process.kill()
        for watch in watches:
            watch.kill()
            watch.communicate()
