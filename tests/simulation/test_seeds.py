"""The store under mixed faults: every promise of every run is checked (see kube.testing.simulation).

SIM_BATCHES says how many batches of a hundred seeds run (default 20), SIM_FIRST where they start; ``make sim`` runs more.
"""

import os
from collections.abc import Iterator

import pytest

from kube.testing.elsewhere import Elsewhere
from kube.testing.seeds import Batch, difference, run_digests, run_logged, run_twice

BATCHES = int(os.environ.get("SIM_BATCHES", "20"))
FIRST = int(os.environ.get("SIM_FIRST", "1"))
SIZE = 100

FLOORS = {
    **dict.fromkeys(("runs in memory", "runs in directory", "runs in standalone"), 10),
    **dict.fromkeys(
        ("cut", "lost", "delayed", "duplicated", "reordered", "partition", "partition one way"), 20
    ),
    **dict.fromkeys(("crash before saving", "crash before sending", "crash after sending"), 10),
    **dict.fromkeys(("crash between inputs", "shut down", "pause", "clock skew", "connection lost"), 10),
    **dict.fromkeys(("power loss", "slow sync", "client gave up", "slow watcher"), 10),
    **dict.fromkeys(("disk full", "disk error"), 1),
    **dict.fromkeys(("snapshots installed", "watches compacted", "unknown", "terms"), 10),
    **dict.fromkeys(("members added", "members removed", "leaders moved"), 1),
    "leases outlived": 10,
    "operations": 5000,
    "answered": 5000,
    "entries": 3000,
    "watch events": 3000,
    "watches": 300,
}
"""What at least happens in a batch: a run in which nothing goes wrong shows nothing."""


@pytest.fixture(scope="module")
def one() -> Iterator[Elsewhere]:
    """Every batch runs here, and again in a process whose PYTHONHASHSEED is the batch's own."""
    with Elsewhere(0) as process:
        yield process


def test_at_least_two_thousand_seeds_run() -> None:
    assert BATCHES * SIZE >= 2000 or "SIM_BATCHES" in os.environ


@pytest.mark.parametrize("batch", range(BATCHES))
def test_the_store_keeps_its_promises(batch: int, one: Elsewhere) -> None:
    first = FIRST + batch * SIZE
    with Elsewhere(batch + 1) as other:
        result = run_twice(range(first, first + SIZE), one, other)
    assert not result.failures, "\n".join(failure.words for failure in result.failures)
    assert result.ran == len(result.digests) == result.again == SIZE
    missed = {name: (result.counts.get(name, 0), floor) for name, floor in FLOORS.items()}
    assert not {name: each for name, each in missed.items() if each[0] < each[1]}


class Canned:
    """In place of ``Elsewhere``: runs whose outcome is given."""

    def __init__(self, hash_seed: int, digests: dict[int, str], lines: list[str]) -> None:
        self.hash_seed = hash_seed
        self.answers = {
            "run_batch": Batch(len(digests), digests=digests),
            "run_digests": Batch(len(digests), digests=digests),
            "run_logged": lines,
        }

    def run(self, function: str, _result: object, _argument: object) -> object:
        return self.answers[function]


def test_runs_that_differ_are_told_with_the_first_event_that_does() -> None:
    one = Canned(0, {7: "a", 8: "b"}, ["first", "second"])
    other = Canned(3, {7: "a", 8: "c"}, ["first", "2nd", "third"])
    result = run_twice(range(7, 9), one, other)  # type: ignore[arg-type]  # see Canned
    assert result.again == 1
    (failure,) = result.failures
    replay = ".venv/bin/python -m kube.testing.seeds --first 8 --seeds 1 --log"
    assert (failure.seed, failure.words.splitlines()) == (
        8,
        [
            "seed 8: runs under two PYTHONHASHSEEDs differ; event 2 is",
            "under 0: second",
            f"replay: PYTHONHASHSEED=0 {replay}",
            "under 3: 2nd",
            f"replay: PYTHONHASHSEED=3 {replay}",
        ],
    )


def test_a_run_that_ends_early_differs_where_it_ends() -> None:
    one, other = Canned(0, {}, ["first"]), Canned(1, {}, ["first", "second"])
    assert "under 0: none\n" in difference(8, one, other)  # type: ignore[arg-type]  # see Canned


def test_what_runs_elsewhere_is_what_runs_here(one: Elsewhere) -> None:
    assert one.run("run_digests", Batch, [1]) == run_digests([1])
    assert one.run("run_logged", list[str], 1) == run_logged(1)


def test_a_process_that_has_ended_is_told_of() -> None:
    with Elsewhere(0) as process, pytest.raises(ChildProcessError, match="ended with status 1"):
        process.run("run_digests", Batch, None)
