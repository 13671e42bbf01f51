"""The reflector as a state machine: what it does next, and when."""

import random

import pytest

from kube.api.types.core_v1 import Pod
from kube.apimachinery import errors
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apimachinery.watch import WatchEvent
from kube.client.errors import ConnectionFailedError
from kube.client.reflector import ListObjects, Reflector, WatchObjects
from kube.client.store import Indexer


def pod(name: str, version: str) -> Pod:
    return Pod(metadata=ObjectMeta(name=name, namespace="default", uid=name, resource_version=version))


@pytest.fixture
def reflector():
    return Reflector(Indexer(), random.Random(1))


def synced(reflector: Reflector[Pod], version: str = "10", now: float = 0.0) -> WatchObjects:
    reflector.start()
    list(reflector.listed([pod("a", "9")], version))
    return reflector.watch(now)


def test_the_first_list_takes_any_version_and_the_watch_goes_on_from_it(reflector):
    assert reflector.start() == ListObjects("0")
    assert not reflector.synced
    watch = synced(reflector)
    assert reflector.synced
    assert watch.resource_version == "10"
    assert 300 <= watch.timeout_seconds <= 600


def test_events_and_bookmarks_move_the_version(reflector):
    synced(reflector)
    a = reflector.indexer.get("default", "a")
    newer = pod("a", "11")
    assert reflector.event(WatchEvent("MODIFIED", newer)) == ((a, newer),)
    assert reflector.event(WatchEvent("BOOKMARK", Pod(metadata=ObjectMeta(resource_version="15")))) == ()
    assert reflector.watch(0).resource_version == "15"
    gone = pod("a", "16")
    assert reflector.event(WatchEvent("DELETED", gone)) == ((gone, None),)
    assert reflector.resource_version == "16"


def test_a_version_that_is_unavailable_is_listed_at_the_latest_at_once_and_only_once(reflector):
    synced(reflector)
    assert reflector.list_failed(errors.expired("compacted"), 0) == ListObjects("")
    again = reflector.list_failed(errors.expired("compacted"), 0)
    assert again.resource_version == ""
    assert again.after >= 0.8


def test_a_version_from_the_future_is_unavailable_too(reflector):
    synced(reflector)
    assert reflector.list_failed(errors.too_large_resource_version(20, 10, 1), 0) == ListObjects("")


def test_failed_lists_back_off_up_to_a_bound_and_forget_after_two_quiet_minutes(reflector):
    delays = [reflector.list_failed(errors.internal_error("x"), 0).after for _ in range(10)]
    for attempt, delay in enumerate(delays):
        base = min(0.8 * 2**attempt, 30)
        assert base <= delay < 2 * base
    assert reflector.list_failed(errors.internal_error("x"), 121).after < 1.6


def test_the_server_may_ask_for_more_patience(reflector):
    assert reflector.list_failed(errors.too_many_requests("busy", 45), 0).after == 45


def test_an_unserved_resource_empties_the_cache_and_counts_as_synced(reflector):
    synced(reflector)
    a = reflector.indexer.get("default", "a")
    gone = errors.generic(404, "GET")
    assert list(reflector.list_refused(gone)) == [(a, None)]
    assert reflector.synced
    assert reflector.list_failed(gone, 0).resource_version == "0"


def test_other_failures_of_a_list_leave_the_cache_alone(reflector):
    synced(reflector)
    assert list(reflector.list_refused(errors.service_unavailable("no leader"))) == []
    assert len(reflector.indexer) == 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errors.too_many_requests("busy", 1), WatchObjects),
        (ConnectionFailedError("refused", refused=True), WatchObjects),
        (ConnectionFailedError("reset"), ListObjects),
        (errors.expired("compacted"), ListObjects),
        (errors.forbidden("pods", "", "no"), ListObjects),
    ],
    ids=["busy", "refused", "reset", "expired", "forbidden"],
)
def test_a_watch_that_is_not_accepted_is_tried_again_where_nothing_was_lost(reflector, error, expected):
    synced(reflector)
    again = reflector.watch_failed(error, 0)
    assert isinstance(again, expected)
    assert again.resource_version == "10"


@pytest.mark.parametrize(
    ("error", "seen", "after", "expected"),
    [
        (None, False, 400.0, WatchObjects),
        (None, True, 0.1, WatchObjects),
        (None, False, 0.1, ListObjects),
        (errors.too_many_requests("busy", 1), True, 1.0, WatchObjects),
        (errors.internal_error("x"), True, 1.0, WatchObjects),
        (errors.internal_error("x"), False, 1.0, ListObjects),
        (errors.expired("compacted"), True, 1.0, ListObjects),
        (ConnectionFailedError("reset"), True, 1.0, ListObjects),
    ],
    ids=[
        "time-out",
        "short but with events",
        "very short",
        "busy",
        "internal",
        "internal again",
        "410",
        "reset",
    ],
)
def test_how_it_goes_on_when_the_stream_ends(reflector, error, seen, after, expected):
    synced(reflector)
    if seen:
        reflector.event(WatchEvent("MODIFIED", pod("a", "11")))
    again = reflector.watch_closed(error, after)
    assert isinstance(again, expected)
    assert again.resource_version == ("11" if seen else "10")


def test_the_first_410_is_listed_at_once_and_a_series_of_them_is_not(reflector):
    synced(reflector)
    assert reflector.watch_closed(errors.expired("compacted"), 1.0).after == 0
    list(reflector.listed([], "20"))
    reflector.watch(1.0)
    assert reflector.watch_closed(errors.expired("compacted"), 2.0).after > 0
