"""Heartbeats, taints and zones, without a cluster."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kube.api.types.coordination_v1 import Lease, LeaseSpec
from kube.api.types.core_v1 import Node, NodeCondition, NodeSpec, NodeStatus, Taint
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.controllers.nodelifecycle.health import is_overdue, observe, unknown_conditions
from kube.controllers.nodelifecycle.taints import changed, no_execute_changes, no_schedule_changes
from kube.controllers.nodelifecycle.zones import (
    FULL,
    NORMAL,
    PARTIAL,
    Limiter,
    Rates,
    Zone,
    update_zones,
    zone_state,
)

NOW = "2026-01-01T00:01:00Z"
NOT_READY, UNREACHABLE = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"


def condition(kind="Ready", status="True", heartbeat="2026-01-01T00:00:00Z"):
    return NodeCondition(type=kind, status=status, last_heartbeat_time=heartbeat)


def node(*conditions, taints=(), unschedulable=False):
    metadata = ObjectMeta(name="n", creation_timestamp="2026-01-01T00:00:00Z")
    spec = NodeSpec(taints=taints, unschedulable=unschedulable)
    return Node(metadata=metadata, spec=spec, status=NodeStatus(conditions=conditions))


def lease(second):
    return Lease(spec=LeaseSpec(renew_time=f"2026-01-01T00:00:{second:02}.000000Z"))


@pytest.mark.parametrize(
    ("then", "lease_then", "heard"),
    [
        pytest.param(node(condition()), lease(5), False, id="nothing"),
        pytest.param(node(condition()), lease(6), True, id="the lease"),
        pytest.param(node(condition()), lease(4), False, id="an older lease"),
        pytest.param(node(condition(heartbeat="2026-01-01T00:00:09Z")), lease(5), True, id="the status"),
        pytest.param(node(condition(status="Unknown")), lease(5), False, id="our own word"),
        pytest.param(node(), lease(5), True, id="the condition went"),
        pytest.param(node(condition()), None, False, id="the lease went"),
    ],
)
def test_what_is_a_heartbeat(then, lease_then, heard):
    health = observe(None, node(condition()), lease(5), 100.0)
    assert health.probe == 100.0
    after = observe(health, then, lease_then, 130.0)
    assert after.probe == (130.0 if heard else 100.0)


@pytest.mark.parametrize(
    ("of", "passed", "overdue"),
    [
        (node(condition()), 50.0, False),
        (node(condition()), 50.1, True),
        (node(), 60.0, False),
        (node(), 60.1, True),
    ],
)
def test_a_node_that_never_spoke_is_given_longer(of, passed, overdue):
    health = observe(None, of, None, 100.0)
    assert is_overdue(health, of, 100.0 + passed, grace=50.0, startup_grace=60.0) is overdue


def test_conditions_become_unknown():
    network = condition("NetworkUnavailable", "False")
    conditions = unknown_conditions(node(condition(), network), NOW)
    shown = {c.type: (c.status, c.reason, c.message, c.last_transition_time) for c in conditions}
    never = ("Unknown", "NodeStatusNeverUpdated", "Kubelet never posted node status.", NOW)
    assert shown == {
        "Ready": ("Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.", NOW),
        "NetworkUnavailable": ("False", "", "", None),
        "MemoryPressure": never,
        "DiskPressure": never,
        "PIDPressure": never,
    }
    unknown = replace(node(), status=NodeStatus(conditions=conditions))
    assert unknown_conditions(unknown, NOW) is conditions


@pytest.mark.parametrize(
    ("of", "add", "remove"),
    [
        pytest.param(node(condition()), [], [], id="fine"),
        pytest.param(node(condition(status="False")), [NOT_READY], [], id="not ready"),
        pytest.param(node(condition(status="Unknown")), [UNREACHABLE], [], id="unreachable"),
        pytest.param(
            node(condition("MemoryPressure"), condition("DiskPressure"), condition("PIDPressure")),
            [f"node.kubernetes.io/{each}-pressure" for each in ("memory", "disk", "pid")],
            [],
            id="pressure",
        ),
        pytest.param(node(unschedulable=True), ["node.kubernetes.io/unschedulable"], [], id="cordoned"),
        pytest.param(
            node(
                condition(),
                taints=(Taint(key=NOT_READY, effect="NoSchedule"), Taint(key="own", effect="NoSchedule")),
            ),
            [],
            [NOT_READY],
            id="ready again",
        ),
        pytest.param(
            node(taints=(Taint(key=NOT_READY, effect="NoExecute"),)), [], [], id="not of this effect"
        ),
    ],
)
def test_no_schedule_taints(of, add, remove):
    to_add, to_remove = no_schedule_changes(of)
    assert ([taint.key for taint in to_add], [taint.key for taint in to_remove]) == (add, remove)


@pytest.mark.parametrize(
    ("held", "ready", "add", "remove"),
    [
        ((), "True", [], []),
        ((), "False", [NOT_READY], []),
        ((NOT_READY,), "False", [], []),
        ((NOT_READY,), "Unknown", [UNREACHABLE], [NOT_READY]),
        ((UNREACHABLE,), "True", [], [UNREACHABLE]),
    ],
)
def test_no_execute_taints_exclude_each_other(held, ready, add, remove):
    of = node(taints=tuple(Taint(key=key, effect="NoExecute") for key in held))
    to_add, to_remove = no_execute_changes(of, ready)
    assert ([taint.key for taint in to_add], [taint.key for taint in to_remove]) == (add, remove)
    after = changed(of.spec.taints, to_add, to_remove, NOW)
    assert no_execute_changes(replace(of, spec=NodeSpec(taints=after)), ready) == ((), ())


@pytest.mark.parametrize(
    ("ready", "unhealthy", "state"),
    [
        (0, 1, FULL),
        (1, 1, NORMAL),
        (1, 2, NORMAL),
        (1, 3, PARTIAL),
        (9, 11, PARTIAL),
        (10, 10, NORMAL),
        (5, 0, NORMAL),
        (0, 0, NORMAL),
    ],
)
def test_zone_states(ready, unhealthy, state):
    assert zone_state([True] * ready + [False] * unhealthy, Rates()) == state


def test_rates_by_state():
    rates = Rates()
    assert [rates.of(NORMAL, 10), rates.of(PARTIAL, 50), rates.of(PARTIAL, 51), rates.of(FULL, 10)] == [
        0.1,
        0.0,
        0.01,
        0.1,
    ]


def test_a_zones_nodes_are_given_up_one_by_one():
    zone = Zone(Rates(normal=0.5), 0.0)
    assert [zone.add(name) for name in ("a", "b", "a")] == [True, True, False]
    assert [zone.take(0.0), zone.take(1.0), zone.take(2.0), zone.take(9.0)] == ["a", None, "b", None]
    assert not zone.add("a")
    zone.remove("a")
    assert zone.add("a")


def test_a_limiter_waits_for_its_token():
    limiter = Limiter(0.1, 0.0)
    assert limiter.take(0.0)
    assert limiter.wait(4.0) == pytest.approx(6.0)
    limiter.swap(0.0, 5.0)
    assert limiter.wait(100.0) is None
    assert not limiter.take(100.0)


@given(st.lists(st.floats(0, 5), max_size=50), st.floats(0.01, 10))
def test_a_limiter_never_gives_more_than_its_rate(steps, rate):
    limiter, now, taken = Limiter(rate, 0.0), 0.0, 0
    for step in steps:
        now += step
        taken += limiter.take(now)
    assert taken <= 1 + now * rate + 1e-6


def test_when_everything_looks_dead_nothing_is():
    zones = {"a": Zone(Rates(), 0.0), "b": Zone(Rates(), 0.0)}
    fine, dead = [True, True], [False, False]
    assert not update_zones(zones, {"a": fine, "b": dead}, Rates(), 0.0).entered_full
    assert zones["b"].limiter.rate == 0.1
    assert update_zones(zones, {"a": dead, "b": dead}, Rates(), 1.0).entered_full
    assert [zone.limiter.rate for zone in zones.values()] == [0.0, 0.0]
    assert not update_zones(zones, {"a": dead, "b": dead}, Rates(), 2.0).entered_full
    verdict = update_zones(zones, {"a": fine, "b": dead}, Rates(), 3.0)
    assert (verdict.entered_full, verdict.left_full) == (False, True)
    assert [zone.limiter.rate for zone in zones.values()] == [0.1, 0.1]
