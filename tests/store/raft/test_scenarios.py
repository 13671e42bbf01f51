"""Scenarios in text, ``testdata/*.txt``. ``REWRITE=1 pytest tests/store/raft/test_scenarios.py`` writes what they print now."""

import os
from pathlib import Path

import pytest

from tests.store.raft.scenario import Cluster, play

DATA = Path(__file__).parent / "testdata"
SCENARIOS = sorted(DATA.glob("*.txt"))
REWRITE = bool(os.environ.get("REWRITE"))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_scenario(path: Path) -> None:
    text = path.read_text()
    played = play(text)
    if REWRITE:
        path.write_text(played)
        return
    assert played.splitlines() == text.splitlines()


def test_every_scenario_is_in_the_table_and_every_command_is_explained() -> None:
    readme = (DATA / "README.md").read_text()
    assert SCENARIOS
    assert [path.name for path in SCENARIOS if f"`{path.name}`" not in readme] == []
    assert [name for name in Cluster().commands if f"`{name}" not in readme] == []


def test_a_scenario_that_prints_something_else_is_noticed() -> None:
    text = "> add-nodes 1 voters=1\n> campaign 1\n  1 is leader in t2\n"
    assert play(text) == "> add-nodes 1 voters=1\n> campaign 1\n  1 is leader in t1\n"
