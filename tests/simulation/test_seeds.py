"""The store under mixed faults: every promise of every run is checked (see kube.testing.simulation).

SIM_BATCHES says how many batches of a hundred seeds run (default 20), SIM_FIRST where they start; ``make sim`` runs more.
"""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence

import pytest

from kube.testing.seeds import run_batch

BATCHES = int(os.environ.get("SIM_BATCHES", "20"))
FIRST = int(os.environ.get("SIM_FIRST", "1"))
SIZE = 100
AGAIN = 10
"""One seed of so many runs again under another PYTHONHASHSEED: the runs are equal, event by event."""

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
    "operations": 5000,
    "answered": 5000,
    "entries": 3000,
    "watch events": 3000,
    "watches": 300,
}
"""What at least happens in a batch: a run in which nothing goes wrong shows nothing."""


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Members that crash say so, with a traceback: here they do it a hundred thousand times."""
    logger = logging.getLogger("kube")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    yield
    logger.setLevel(before)


def test_at_least_two_thousand_seeds_run() -> None:
    assert BATCHES * SIZE >= 2000 or "SIM_BATCHES" in os.environ


@pytest.mark.parametrize("batch", range(BATCHES))
def test_the_store_keeps_its_promises(batch: int) -> None:
    first = FIRST + batch * SIZE
    result = run_batch(range(first, first + SIZE))
    assert not result.failures, "\n".join(failure.words for failure in result.failures)
    assert result.ran == len(result.digests) == SIZE
    missed = {name: (result.counts.get(name, 0), floor) for name, floor in FLOORS.items()}
    assert not {name: each for name, each in missed.items() if each[0] < each[1]}
    again = range(first + batch % AGAIN, first + SIZE, AGAIN)
    assert digests_elsewhere(again, hash_seed=batch + 1) == [result.digests[seed - first] for seed in again]


_DIGESTS = """
import json, sys
from kube.testing.seeds import run_batch
print(json.dumps(run_batch(json.loads(sys.argv[1])).digests))
"""


def digests_elsewhere(seeds: Sequence[int], hash_seed: int) -> list[str]:
    """The digests of all that happens in these runs, in another process with another PYTHONHASHSEED."""
    process = subprocess.run(
        [sys.executable, "-c", _DIGESTS, json.dumps([*seeds])],
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
        stdout=subprocess.PIPE,
        check=True,
    )
    digests: list[str] = json.loads(process.stdout)
    return digests
