import pytest

from kube.base.clock import FakeClock
from kube.controllers.expectations import TIMEOUT, Expectations


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def expectations(clock):
    return Expectations(clock.monotonic)


def test_nothing_expected_is_satisfied(expectations):
    assert expectations.satisfied("a")


def test_creations_count_down(expectations):
    expectations.expect("a", creations=2)
    expectations.creation_observed("a")
    assert not expectations.satisfied("a")
    assert expectations.satisfied("b")
    expectations.creation_observed("a")
    assert expectations.satisfied("a")


def test_a_deletion_that_is_seen_twice_counts_once(expectations):
    expectations.expect("a", deletions=("ns/x", "ns/y"))
    expectations.deletion_observed("a", "ns/x")
    expectations.deletion_observed("a", "ns/x")
    assert not expectations.satisfied("a")
    expectations.deletion_observed("a", "ns/y")
    assert expectations.satisfied("a")


def test_what_is_not_seen_in_time_is_given_up(expectations, clock):
    expectations.expect("a", creations=1)
    clock.advance(TIMEOUT)
    assert not expectations.satisfied("a")
    clock.advance(1)
    assert expectations.satisfied("a")


def test_more_may_be_seen_than_was_expected(expectations):
    expectations.expect("a", creations=1)
    expectations.creation_observed("a", 3)
    assert expectations.satisfied("a")


def test_forgotten(expectations):
    expectations.expect("a", creations=1)
    expectations.forget("a")
    assert expectations.satisfied("a")
