import pytest

from kube.base.clock import FakeClock
from kube.controllers.pacing import PACE, PACED_FROM, Pacing


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def pacing(clock):
    return Pacing(clock.monotonic)


def test_a_small_owner_never_waits(pacing):
    pacing.walked("a", 1, PACED_FROM - 1)
    assert pacing.pause("a", 1, idle=True) <= 0


def test_a_large_one_rests_in_proportion(pacing, clock):
    pacing.walked("a", 1, 1000)
    assert pacing.pause("a", 1, idle=True) == pytest.approx(1000 * PACE)
    clock.advance(1000 * PACE)
    assert pacing.pause("a", 1, idle=True) <= 0


def test_a_new_generation_does_not_wait(pacing):
    pacing.walked("a", 1, 1000)
    assert pacing.pause("a", 2, idle=True) <= 0


def test_what_a_burst_has_left_waits_only_for_what_is_expected(pacing):
    pacing.walked("a", 1, 1000, more=True)
    assert pacing.pause("a", 1, idle=False) > 0
    assert pacing.pause("a", 1, idle=True) <= 0
