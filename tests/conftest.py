"""How Hypothesis searches: the same examples on every run, unless a search is asked for. And what runs first.

HYPOTHESIS_PROFILE=search draws new examples each time, many more where a test doesn't set a count of its own; what it
finds is kept in .hypothesis/ and tried first by later searches.
"""

import gc
import os

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no failure: neither an example nor the drawing of one has a time limit.
settings.register_profile(
    "repeatable", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "search",
    deadline=None,
    max_examples=1000,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

FIRST = ("tests/simulation/test_seeds.py",)
"""The longest tests, that do nothing but compute: beside them the other workers do what waits, and the end of the run is many short ones."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(FIRST))


def pytest_collection_finish() -> None:
    """A million objects that live to the end: no collection of garbage looks through them again, which took a tenth of the time."""
    gc.collect()
    gc.freeze()
