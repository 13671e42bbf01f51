import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.base.backoff import Backoff, BackoffState


@pytest.mark.parametrize(
    ("attempt", "delay"),
    [(0, 10), (1, 20), (2, 40), (3, 80), (4, 160), (5, 300), (6, 300), (10_000, 300)],
)
def test_the_delay_doubles_up_to_the_cap(attempt, delay):
    assert Backoff(initial=10, cap=300).delay(attempt) == delay


@given(st.integers(0, 50), st.floats(0, 1), st.integers())
def test_jitter_only_lengthens_and_by_no_more_than_its_share(attempt, jitter, seed):
    backoff = Backoff(initial=0.1, cap=60, jitter=jitter)
    plain = backoff.delay(attempt)
    assert plain <= backoff.delay(attempt, random.Random(seed)) <= plain * (1 + jitter)


def test_the_same_seed_gives_the_same_delays():
    backoff = Backoff(initial=1, cap=60, jitter=0.5)
    first, second = random.Random(1), random.Random(1)
    assert [backoff.delay(n, first) for n in range(9)] == [backoff.delay(n, second) for n in range(9)]


def test_a_state_counts_its_attempts_until_it_is_reset():
    state = BackoffState(Backoff(initial=1, cap=5))
    assert [state.next() for _ in range(4)] == [1, 2, 4, 5]
    assert state.attempts == 4
    state.reset()
    assert state.next() == 1


@pytest.mark.parametrize(
    "arguments",
    [
        {"initial": -1, "cap": 1},
        {"initial": 2, "cap": 1},
        {"initial": 1, "cap": 2, "factor": 0.5},
        {"initial": 1, "cap": 2, "jitter": -0.1},
    ],
    ids=["negative", "cap below initial", "shrinking", "negative jitter"],
)
def test_nonsense_is_refused(arguments):
    with pytest.raises(ValueError, match="back-off"):
        Backoff(**arguments)
