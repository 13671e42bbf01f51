"""The kubelet's back-off: 10 s doubling to 300 s, over when all was well for 10 minutes."""

import pytest

from kube.kubelet.backoff import Backoff


def test_it_doubles_up_to_the_maximum():
    backoff, now, delays = Backoff(), 1000.0, []
    for _ in range(8):
        now = max(now, backoff.due("a", now))
        backoff.next("a", now, now)
        delays.append(backoff.get("a"))
    assert delays == [10, 20, 40, 80, 160, 300, 300, 300]


def test_what_never_failed_is_due_at_once():
    assert Backoff().due("a", 5.0) == 5.0
    assert Backoff().due_since_update("a", 5.0) == 5.0
    assert Backoff().get("a") == 0


@pytest.mark.parametrize(("quiet", "delay"), [(600.0, 20), (600.1, 10)])
def test_it_starts_over_after_ten_quiet_minutes(quiet, delay):
    backoff = Backoff()
    backoff.next("a", 0.0, 0.0)
    assert backoff.due("a", quiet) == (quiet + 10 if delay == 20 else quiet)
    backoff.next("a", quiet, quiet)
    assert backoff.get("a") == delay


def test_keys_are_apart_and_can_be_forgotten():
    backoff = Backoff()
    backoff.next("a", 0.0, 0.0)
    assert backoff.due("b", 1.0) == 1.0
    backoff.reset("a")
    assert backoff.due("a", 1.0) == 1.0
