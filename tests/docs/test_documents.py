"""Every snippet and every command of the README and the documents is run."""

import asyncio
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.harness import REPOSITORY, kubectls, missing, start, stop

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


def commands(block: Block) -> Iterator[tuple[str, str]]:
    """Each command of a console block with the first line of what it is said to print."""
    lines = block.text.splitlines()
    for number, line in enumerate(lines):
        if line.startswith("$ "):
            following = lines[number + 1] if number + 1 < len(lines) else "$ "
            yield line[2:].split("  #")[0].rstrip(), "" if following.startswith("$ ") else following


CONSOLE = [
    pytest.param(document, id=str(document.relative_to(REPOSITORY)))
    for document in DOCUMENTS
    if any(block.language == "console" for block in blocks(document))
]


@pytest.mark.parametrize("document", CONSOLE)
def test_commands(document: Path, tmp_path: Path) -> None:
    """In order, in one shell's environment; ``make up`` runs in the background until the document ends."""
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
    running = None
    try:
        for block in blocks(document):
            if block.language != "console":
                continue
            for command, expected in commands(block):
                if MAKE_ONLY.match(command):
                    target = command.split()[1]
                    assert f"\n{target}:" in (REPOSITORY / "Makefile").read_text(), command
                elif command in ("make up", "kube up"):
                    assert running is None, "a document starts one cluster"
                    running = start(home, kubeconfig=home / ".kube" / "kube-actors.yaml")
                elif match := re.fullmatch(r"export (\w+)=(.*)", command):
                    environment[match.group(1)] = match.group(2).replace("~", str(home))
                else:
                    printed = _run(command, environment)
                    if expected.split(" ")[0].isupper():
                        assert " ".join(expected.split()) in " ".join(printed.split()), command
    finally:
        if running is not None:
            assert stop(running) == 0


def _run(command: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        command,
        shell=True,
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout
