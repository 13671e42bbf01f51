"""Flags that are text are text, whatever the shell gives."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from kube.cli.main import kube
from kube.cli.text import HOST, TEXT

REPOSITORY = Path(__file__).parents[2]


def commands(group: click.Group, *path: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        else:
            yield " ".join((*path, name)), command


def test_every_text_of_every_command_is_checked() -> None:
    checked = {
        (name, parameter.name)
        for name, command in commands(kube)
        for parameter in command.params
        if parameter.type is TEXT
    }
    assert {
        ("store member", "name"),
        ("store snapshot restore", "initial_cluster_token"),
        ("up", "store"),
    } <= checked
    for name, command in commands(kube):
        assert not [parameter.name for parameter in command.params if parameter.type is click.STRING], name


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([b"store", b"member", b"--name", b"a\xff"], id="store member"),
        pytest.param([b"store", b"serve", b"--name", b"a\xff"], id="store serve"),
        pytest.param(
            [b"store", b"snapshot", b"restore", b"f", b"--data-dir", b"d", b"--name", b"a\xff"],
            id="store snapshot",
        ),
        pytest.param([b"up", b"--store", b"etcd://a\xff"], id="up"),
    ],
)
def test_what_is_no_utf_8_is_refused_in_one_line(arguments: list[bytes], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kube.cli.main", *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 2
    assert "a\\udcff' is not UTF-8" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


@click.command()
@click.option("--host", type=HOST)
def listen(host: str) -> None:
    click.echo(host)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        pytest.param("127.0.0.1", "127.0.0.1", id="an address"),
        pytest.param("::1", "::1", id="an address of IPv6"),
        pytest.param("localhost", "localhost", id="a name"),
        pytest.param(
            "b\N{LATIN SMALL LETTER U WITH DIAERESIS}ro", "xn--bro-hoa", id="a name that is not ASCII"
        ),
    ],
)
def test_hosts(given: str, wanted: str) -> None:
    assert CliRunner().invoke(listen, ["--host", given]).output == f"{wanted}\n"


@pytest.mark.parametrize(
    "given", ["h" * 64, "a..b", "a\udcff"], ids=["too long", "an empty label", "no text"]
)
def test_what_no_host_is_called(given: str) -> None:
    done = CliRunner().invoke(listen, ["--host", given])
    assert done.exit_code == 2
    assert "is not UTF-8" in done.output or "neither an address nor a name" in done.output
