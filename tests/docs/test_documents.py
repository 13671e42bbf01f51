"""Every snippet and every command of the README and the documents is run."""

import asyncio
import inspect
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.harness import REPOSITORY, interrupt, kube, kubectls, missing, said, start, stop
from tests.store.servers import DISTRO, etcd_binary

DOCUMENTS = sorted([REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md")])
MAKE_ONLY = re.compile(r"make (test|check|format|install|bench|clean)\b")
"""These run this test, or longer than a test may; that the targets exist is checked."""


@dataclass(frozen=True)
class Block:
    document: Path
    line: int
    language: str
    text: str

    @property
    def name(self) -> str:
        return f"{self.document.relative_to(REPOSITORY)}:{self.line}"


def blocks(document: Path) -> Iterator[Block]:
    text = document.read_text()
    for match in re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        line = text.count("\n", 0, match.start()) + 2
        yield Block(document, line, match.group(1), match.group(2))


def of_language(language: str) -> list[object]:
    return [
        pytest.param(block, id=block.name)
        for document in DOCUMENTS
        for block in blocks(document)
        if block.language == language
    ]


@pytest.mark.parametrize("block", of_language("python"))
def test_python_snippet(block: Block, tmp_path: Path) -> None:
    """A snippet with tests is run by pytest, one with ``main`` by asyncio, any other as it stands."""
    if re.search(r"^(async )?def test_", block.text, re.MULTILINE):
        (tmp_path / "test_snippet.py").write_text(block.text)
        options = ["-q", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto", "--rootdir", str(tmp_path)]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return
    scope: dict[str, object] = {"__name__": "snippet"}
    exec(compile(block.text, block.name, "exec"), scope)  # the documents are ours
    main = scope.get("main")
    if inspect.iscoroutinefunction(main):
        asyncio.run(main())


def commands(block: Block) -> Iterator[tuple[str, list[str]]]:
    """Each command of a console block with the lines that it is said to print."""
    lines = block.text.splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
    for start_, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield lines[start_][2:].split("  #")[0].rstrip(), lines[start_ + 1 : end]


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


GENERATED = re.compile(r"-[bcdfghjklmnpqrstvwxz2456789]{5}(?= |$)")
"""The end of a pod's name."""
AGE = re.compile(r"\b(\d+[smh])+\b")


def form(line: str) -> str:
    """What of a line is the same each time."""
    return " ".join(AGE.sub("AGE", GENERATED.sub("-NAME", line)).split())


def shows(printed: str, expected: list[str]) -> bool:
    """Whether the lines are there in their order, perhaps with others between them; one with … may go on."""
    lines = iter([form(line) for line in printed.splitlines()])
    return all(
        any(line.startswith(wanted[:-1]) if wanted.endswith("…") else line == wanted for line in lines)
        for wanted in map(form, expected)
    )


CONSOLE = [
    pytest.param(document, id=str(document.relative_to(REPOSITORY)))
    for document in DOCUMENTS
    if any(block.language == "console" for block in blocks(document))
]


@pytest.mark.parametrize("document", CONSOLE)
def test_commands(document: Path, tmp_path: Path) -> None:
    """In order, in one shell's environment; ``make up``, ``kube store serve``, ``kube store member`` and ``etcd`` run in the background until
    the document ends. Ports from 23000 to 23999 stand for free ones.
    """
    programs = [param.values[0] for param in kubectls() if param.values[0]]
    if not programs:
        missing("kubectl", "not installed, and KUBE_TEST_KUBECTL names none")
    home = tmp_path / "home"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "kubectl").symlink_to(Path(programs[0]).resolve())
    environment = {
        **os.environ,
        "HOME": str(home),
        "PATH": f"{home / 'bin'}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    running = serving = None
    members: list[subprocess.Popen[str]] = []
    etcds: list[subprocess.Popen[bytes]] = []
    ports: dict[str, str] = {}
    try:
        for block in blocks(document):
            if block.language != "console":
                continue
            for written, expected in commands(block):
                command = re.sub(
                    r"(?<=127\.0\.0\.1:)23\d{3}", lambda port: ports.setdefault(port[0], free_port()), written
                )
                if MAKE_ONLY.match(command):
                    target = command.split()[1]
                    assert f"\n{target}:" in (REPOSITORY / "Makefile").read_text(), command
                elif command in ("make up", "kube up"):
                    assert running is None, "a document starts one cluster"
                    running = start(home, kubeconfig=home / ".kube" / "kube-actors.yaml")
                elif match := re.fullmatch(r"kube up --store (\S+)", command):
                    assert running is None, "a document starts one cluster"
                    kubeconfig = home / ".kube" / "kube-actors.yaml"
                    running = start(home, "--store", match[1], kubeconfig=kubeconfig)
                elif command.startswith("etcd "):
                    etcds.append(etcd(command, home))
                elif command == "kube store serve":
                    (home / "bin" / "etcdctl").symlink_to(etcdctl())
                    serving = kube(home, "store", "serve", "--listen-client-urls", "http://127.0.0.1:0")
                    environment |= {
                        "ETCDCTL_API": "3",
                        "ETCDCTL_ENDPOINTS": said(serving, r"at (http://\S+)")[1],
                    }
                elif command.startswith("kube store member "):
                    members.append(kube(home, *command.split()[1:]))
                    said(members[-1], r"serves etcd's API at")
                elif match := re.fullmatch(r"export (\w+)=(.*)", command):
                    environment[match.group(1)] = match.group(2).replace("~", str(home))
                else:
                    _run(command, expected, environment)
    finally:
        for member in members:
            assert interrupt(member) == 0
        if serving is not None:
            assert interrupt(serving) == 0
        if running is not None:
            assert stop(running) == 0
        for each in etcds:
            each.kill()
            each.wait()


def etcd(command: str, home: Path) -> "subprocess.Popen[bytes]":
    """A real one, with its data in ``home``."""
    _, *arguments = command.replace("~", str(home)).split()
    return subprocess.Popen(
        [etcd_binary(DISTRO), *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def etcdctl() -> Path:
    """The one that ``KUBE_TEST_ETCDCTL`` names, or the one installed."""
    path = os.environ.get("KUBE_TEST_ETCDCTL") or shutil.which("etcdctl")
    if not path:
        missing("etcdctl", "not installed, and KUBE_TEST_ETCDCTL names none")
    return Path(path or "").resolve()


def _run(command: str, expected: list[str], environment: dict[str, str]) -> None:
    """A command that only looks may look again: pods need a moment."""
    deadline = time.monotonic() + 20
    while True:
        done = subprocess.run(
            command,
            shell=True,
            executable=shutil.which("bash"),
            cwd=REPOSITORY,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}"
        if shows(done.stdout, expected):
            return
        assert command.startswith("kubectl get "), f"{command}: {done.stdout}"
        assert time.monotonic() < deadline, f"{command}: {done.stdout}"
