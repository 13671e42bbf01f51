import pytest

from kube.api.types.apps_v1 import ReplicaSet
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.base.clock import FakeClock
from kube.controllers.dependents import OwnerObserver
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


def test_an_owner_that_is_gone_leaves_none_to_the_next_of_its_name(expectations):
    """A watch that was broken tells of both at once, and never of the pods that the first had."""
    keys = OwnerObserver(expectations)
    first, second = (ReplicaSet(metadata=ObjectMeta(name="web", namespace="a", uid=uid)) for uid in "12")
    expectations.expect("a/web", creations=3)
    assert (keys(None, first), keys(first, first)) == (("a/web",), ("a/web",))
    assert not expectations.satisfied("a/web")
    assert (keys(first, None), keys(None, second)) == (("a/web",), ("a/web",))
    assert expectations.satisfied("a/web")
