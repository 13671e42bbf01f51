"""``--data-dir`` names a directory, at every command that has it."""

import pytest
from click.testing import CliRunner

from kube.cli.main import kube

COMMANDS = [
    "up",
    "store serve",
    "store member",
    "store snapshot save FILE",
    "store snapshot restore FILE",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_an_empty_one_is_not_the_working_directory(command: str) -> None:
    done = CliRunner().invoke(kube, [*command.split(), "--data-dir", ""])
    assert done.exit_code == 2
    assert "Invalid value for '--data-dir': it is empty: name a directory" in done.output


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_is_none(command: str) -> None:
    done = CliRunner().invoke(kube, [*command.split(), "--data-dir", __file__])
    assert done.exit_code == 2
    assert "is a file" in done.output
