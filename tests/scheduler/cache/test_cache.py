import numpy as np
import pytest
from msgspec.structs import replace
from scheduler_objects import node, pod

from kube.scheduler.cache.cache import ASSUME_SECONDS, Cache


def bound(each, name):
    return replace(each, spec=replace(each.spec, node_name=name))


def cpu(cache, name):
    return cache.columns.requested[0][cache.columns.row_of[name]]


@pytest.fixture
def cache():
    cache = Cache()
    for name in ("a", "b"):
        cache.put_node(node(name))
    return cache


def test_an_assumed_pod_counts_and_is_forgotten(cache):
    each = pod(requests={"cpu": "1"})
    cache.assume(each, cache.facts.of(each), "a")
    assert cpu(cache, "a") == 1000
    assert cache.forget(each.metadata.uid)
    assert cpu(cache, "a") == 0
    assert not cache.forget(each.metadata.uid)


def test_a_confirmed_pod_is_not_counted_twice_and_cannot_be_forgotten(cache):
    each = pod(requests={"cpu": "1"})
    cache.assume(each, cache.facts.of(each), "a")
    cache.put_pod(bound(each, "a"))
    assert cpu(cache, "a") == 1000
    assert not cache.forget(each.metadata.uid)


def test_the_api_server_is_right_about_the_node(cache):
    each = pod(requests={"cpu": "1"})
    cache.assume(each, cache.facts.of(each), "a")
    cache.put_pod(bound(each, "b"))
    assert (cpu(cache, "a"), cpu(cache, "b")) == (0, 1000)


def test_a_bound_pod_that_is_never_confirmed_expires(cache):
    each = pod(requests={"cpu": "1"})
    cache.assume(each, cache.facts.of(each), "a")
    cache.finish_binding(each.metadata.uid, 10.0)
    assert cache.expire(10.0 + ASSUME_SECONDS - 1) == []
    assert cache.expire(10.0 + ASSUME_SECONDS) == [each]
    assert cpu(cache, "a") == 0


def test_pods_of_a_node_that_is_not_known_yet_count_when_it_comes(cache):
    each = pod(requests={"cpu": "1"})
    cache.put_pod(bound(each, "late"))
    cache.put_node(node("late"))
    assert cpu(cache, "late") == 1000
    cache.remove_node("late")
    cache.put_node(node("late"))
    assert cpu(cache, "late") == 1000
    cache.remove_pod(each.metadata.uid)
    assert cpu(cache, "late") == 0


def test_rows_are_reused_and_empty(cache):
    each = pod(requests={"cpu": "1"}, ports=(("", "TCP", 80),))
    cache.put_pod(bound(each, "a"))
    row = cache.columns.row_of["a"]
    cache.remove_node("a")
    cache.put_node(node("c", labels={"zone": "z"}))
    assert cache.columns.row_of["c"] == row
    assert cpu(cache, "c") == 0
    assert cache.columns.pod_count[row] == 0
    assert not cache.columns.ports.conflicting(("0.0.0.0", "TCP", 80))


def test_columns_grow_and_keep_what_they_hold(cache):
    column = cache.columns.labels.column("zone")
    for i in range(200):
        cache.put_node(node(f"n{i}", labels={"zone": f"z{i % 3}"}, taints=(("k", str(i % 2), "NoSchedule"),)))
    assert cache.columns.count == 202
    assert column is cache.columns.labels.column("zone")
    values = [column.values[code] for code in column.codes[:202]]
    assert values == [None, None, *(f"z{i % 3}" for i in range(200))]
    assert np.count_nonzero(cache.columns.taints.column[:202]) == 200


def test_a_pod_that_ends_twice_is_gone_once(cache):
    each = pod(requests={"cpu": "1"})
    cache.put_pod(bound(each, "a"))
    cache.remove_pod(each.metadata.uid)
    cache.remove_pod(each.metadata.uid)
    assert cpu(cache, "a") == 0
