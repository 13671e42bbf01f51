"""A cluster as a user starts it, ``kube up`` in a process of its own, and the programs that speak to it."""

import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
READY = 30.0


def missing(program: str, why: str) -> None:
    """Skip, or fail where ``REQUIRE`` asks for everything."""
    if os.environ.get("REQUIRE") in ("all", program):
        pytest.fail(f"{program} is required and missing: {why}")
    pytest.skip(f"{program}: {why}")


@dataclass
class Running:
    process: subprocess.Popen[str]
    kubeconfig: Path
    server: str


def kube(home: Path, *arguments: str) -> subprocess.Popen[str]:
    """The command in a process of its own, its output in one pipe."""
    return subprocess.Popen(
        [sys.executable, "-m", "kube.cli.main", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=home,
        env={**os.environ, "HOME": str(home), "PYTHONPATH": str(REPOSITORY)},
    )


def said(process: subprocess.Popen[str], pattern: str) -> re.Match[str]:
    """Read what it prints until a line has the pattern."""
    assert process.stdout is not None
    lines = []
    deadline = time.monotonic() + READY
    for line in process.stdout:
        lines.append(line)
        if match := re.search(pattern, line):
            return match
        assert time.monotonic() < deadline, lines
    raise AssertionError(f"{process.args} ended with {process.wait()}: {''.join(lines)}")


def interrupt(process: subprocess.Popen[str], within: float = 10) -> int:
    """Ctrl-C; its exit code. Killed, and subprocess.TimeoutExpired raised, if it does not end in time."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        return process.wait(within)
    finally:
        process.kill()
        assert process.stdout is not None
        process.stdout.close()


def start(home: Path, *arguments: str, kubeconfig: Path | None = None) -> Running:
    """``kube up`` on a free port; returns when it has said that it is ready."""
    kubeconfig = kubeconfig or home / "cluster.yaml"
    process = kube(home, "up", "--port", "0", "--kubeconfig", str(kubeconfig), *arguments)
    server = said(process, r"ready at (https://\S+)").group(1)
    return Running(process, kubeconfig, server)


def stop(running: Running) -> int:
    return interrupt(running.process)


def kubectls() -> list[Any]:
    """Every kubectl that is to be tried: the one that ``KUBE_TEST_KUBECTL`` names, and the one installed."""
    found = {}
    for path in (os.environ.get("KUBE_TEST_KUBECTL"), shutil.which("kubectl")):
        if path and Path(path).exists():
            found[os.path.realpath(path)] = path
    if not found:
        return [pytest.param("", id="none")]
    return [pytest.param(path, id=f"kubectl{number}") for number, path in enumerate(found.values())]


class Kubectl:
    """Runs one kubectl against one cluster, in a home of its own."""

    def __init__(self, program: str, kubeconfig: Path, home: Path) -> None:
        self.program = program
        self.home = home
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "TMPDIR": str(home),
            "KUBECONFIG": str(kubeconfig),
            "KUBE_EDITOR": os.environ.get("KUBE_EDITOR", "true"),
            # A kubectl runs for a tenth of a second: to collect its garbage is a fifth of its work.
            "GOGC": "off",
        }

    @functools.cached_property
    def version(self) -> tuple[int, int]:
        """Major and minor."""
        about = json.loads(self("version", "--client", "-o", "json"))["clientVersion"]
        minor = re.match(r"\d+", about["minor"])
        assert minor is not None, about
        return int(about["major"]), int(minor[0])

    def run(
        self,
        *arguments: str,
        stdin: str | None = None,
        timeout: float = 60,
        environment: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.program, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**self.environment, **(environment or {})},
            cwd=REPOSITORY,
            check=False,
        )

    def __call__(
        self,
        *arguments: str,
        stdin: str | None = None,
        timeout: float = 60,
        environment: dict[str, str] | None = None,
    ) -> str:
        """Standard output of a command that must succeed."""
        done = self.run(*arguments, stdin=stdin, timeout=timeout, environment=environment)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "-o", "json"))

    def refused(self, *arguments: str, stdin: str | None = None) -> str:
        """Standard error of a command that must fail."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def gone(self, *arguments: str, within: float = 30) -> None:
        """Ask until the answer is empty. (``kubectl wait --for=delete`` fails where nothing is left to wait for.)"""
        deadline = time.monotonic() + within
        while left := self(*arguments):
            assert time.monotonic() < deadline, left
