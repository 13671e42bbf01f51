"""The simulation finds planted bugs: each by its recorded seeds, which find nothing in the store as it is.

A change of the store makes another run of a seed, so where no recorded one finds a bug any more a few others are tried; when they do
not either, ``make mutants ARGS='--record NAME'`` searches for one.
"""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from kube.testing.seeds import run_batch

_spec = importlib.util.spec_from_file_location("mutants", Path(__file__).with_name("mutants.py"))
assert _spec is not None
assert _spec.loader is not None
mutants = importlib.util.module_from_spec(_spec)
sys.modules["mutants"] = mutants  # dataclasses look their module up
_spec.loader.exec_module(mutants)

RECORDED = mutants.recorded()
OTHERS = 200
"""Seeds that are tried beyond the recorded ones."""


def test_there_are_at_least_thirty_and_each_has_a_seed() -> None:
    assert len(mutants.MUTANTS) >= 30
    assert len(mutants.BY_NAME) == len(mutants.MUTANTS)
    assert set(RECORDED) == set(mutants.BY_NAME)
    without = [name for name, seeds in RECORDED.items() if not seeds or min(seeds) > mutants.LIMIT]
    assert not without, "make mutants finds their seeds"


@pytest.mark.parametrize("mutant", mutants.MUTANTS, ids=lambda mutant: mutant.name)
def test_a_planted_bug_is_found(mutant: "mutants.Mutant") -> None:
    seeds = [*RECORDED[mutant.name], *range(1, OTHERS + 1)]
    process = subprocess.run(mutants.command(mutant, seeds), capture_output=True, text=True, check=False)
    assert process.returncode == mutants.FOUND, (
        f"the recorded seeds do not find {mutant.name} any more: make mutants ARGS='--record {mutant.name}'\n{process.stderr[-2000:]}"
    )


def test_their_seeds_find_nothing_without_them() -> None:
    result = run_batch(sorted({seed for seeds in RECORDED.values() for seed in seeds}))
    assert not result.failures, result.failures[0].words
