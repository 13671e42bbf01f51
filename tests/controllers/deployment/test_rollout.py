"""Rollouts as arithmetic: a model cluster in which pods become available, and fail, at random."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from objects import meta, selector, template

from kube.api.types.apps_v1 import (
    Deployment,
    DeploymentSpec,
    DeploymentStrategy,
    ReplicaSet,
    ReplicaSetSpec,
    ReplicaSetStatus,
    RollingUpdateDeployment,
)
from kube.api.types.core_v1 import Pod, PodStatus
from kube.controllers.deployment.arithmetic import (
    DESIRED_REPLICAS,
    MAX_REPLICAS,
    fenceposts,
    max_surge,
    max_unavailable,
    total,
)
from kube.controllers.deployment.revisions import sized
from kube.controllers.deployment.rollout import (
    Scale,
    grow_new,
    is_saturated,
    is_scaling_event,
    old_pods_running,
    scale,
    shrink_old,
    stop_old,
)


def deployment(replicas=10, surge="25%", unavailable="25%", kind="RollingUpdate"):
    rolling = RollingUpdateDeployment(max_surge=surge, max_unavailable=unavailable)
    strategy = DeploymentStrategy(type=kind, rolling_update=rolling if kind == "RollingUpdate" else None)
    return Deployment(
        metadata=meta(),
        spec=DeploymentSpec(replicas=replicas, selector=selector(), template=template(), strategy=strategy),
    )


def replica_set(name, replicas, available=None, *, age=0, desired=None, most=None):
    annotations = {}
    if desired is not None:
        annotations[DESIRED_REPLICAS] = str(desired)
    if most is not None:
        annotations[MAX_REPLICAS] = str(most)
    there = replicas if available is None else available
    return ReplicaSet(
        metadata=meta(
            name, uid=name, creation_timestamp=f"2026-01-01T00:00:{30 - age:02}Z", annotations=annotations
        ),
        spec=ReplicaSetSpec(replicas=replicas),
        status=ReplicaSetStatus(replicas=replicas, available_replicas=there),
    )


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "wanted"),
    [
        pytest.param(10, "25%", "25%", (3, 2), id="percent-rounds-up-and-down"),
        pytest.param(10, 0, 0, (0, 1), id="never-both-0"),
        pytest.param(1, 0, "25%", (0, 1), id="rounded-to-0"),
        pytest.param(0, "25%", "25%", (0, 1), id="nothing"),
        pytest.param(4, 2, 1, (2, 1), id="numbers"),
        pytest.param(3, None, None, (1, 0), id="defaults"),
    ],
)
def test_fenceposts(replicas, surge, unavailable, wanted):
    assert fenceposts(deployment(replicas, surge, unavailable)) == wanted


def test_recreate_has_no_surge():
    recreate = deployment(kind="Recreate")
    assert (max_surge(recreate), max_unavailable(recreate)) == (0, 0)


def test_never_more_unavailable_than_there_are():
    assert max_unavailable(deployment(2, 0, 5)) == 2


SIZED = {"desired": 10, "most": 13}


@pytest.mark.parametrize(
    ("replicas", "new", "old", "wanted"),
    [
        pytest.param(5, replica_set("n", 3), [], {"n": 5}, id="only-one"),
        pytest.param(3, replica_set("n", 3), [], {}, id="right"),
        pytest.param(5, None, [replica_set("o", 3)], {"o": 5}, id="no-new"),
        pytest.param(
            5, None, [replica_set("o1", 0, age=2), replica_set("o2", 0, age=1)], {"o2": 5}, id="latest"
        ),
        pytest.param(
            15,
            replica_set("n", 5, **SIZED),
            [replica_set("o", 8, age=1, **SIZED)],
            {"o": 12, "n": 7},
            id="grows-in-proportion",
        ),
        pytest.param(
            5,
            replica_set("n", 5, **SIZED),
            [replica_set("o", 8, age=1, **SIZED)],
            {"o": 4, "n": 3},
            id="shrinks-in-proportion",
        ),
        pytest.param(
            0,
            replica_set("n", 5, **SIZED),
            [replica_set("o", 8, age=1, **SIZED)],
            {"o": 0, "n": 0},
            id="to-nothing",
        ),
        pytest.param(
            10,
            replica_set("n", 10, desired=10),
            [replica_set("o", 2, age=1)],
            {"o": 0},
            id="new-is-saturated",
        ),
    ],
)
def test_scale(replicas, new, old, wanted):
    assert {each.name: each.replicas for each in scale(deployment(replicas), new, old)} == wanted


@given(
    st.integers(0, 60),
    st.lists(st.tuples(st.integers(1, 40), st.integers(0, 40)), min_size=2, max_size=6),
)
def test_scaling_in_proportion_gives_out_what_there_is(replicas, sizes):
    before = sum(size for size, _ in sizes)
    sets = [
        replica_set(f"s{i}", size, min(size, ready), age=i, desired=before, most=before)
        for i, (size, ready) in enumerate(sizes)
    ]
    wanted = deployment(replicas, surge="25%", unavailable=1)
    if is_saturated(wanted, sets[0]):
        return
    result = {each.name: each.replicas for each in scale(wanted, sets[0], sets[1:])}
    allowed = replicas + max_surge(wanted) if replicas else 0
    assert sum(result.values()) >= allowed
    assert (
        sum(result.values()) == allowed or min(result.values()) == 0
    )  # the first set cannot give more than it has
    assert min(result.values()) >= 0


@pytest.mark.parametrize(
    ("sets", "answer"),
    [
        pytest.param([replica_set("a", 3, desired=10)], False, id="as-before"),
        pytest.param([replica_set("a", 3, desired=5)], True, id="other-size"),
        pytest.param([replica_set("a", 0, desired=5)], False, id="no-replicas"),
        pytest.param([replica_set("a", 3)], False, id="never-written"),
    ],
)
def test_is_scaling_event(sets, answer):
    assert is_scaling_event(deployment(10), sets) is answer


@pytest.mark.parametrize(
    ("new", "old", "wanted"),
    [
        pytest.param(replica_set("n", 3), [replica_set("o", 10)], [], id="all-that-may-be-there"),
        pytest.param(replica_set("n", 0), [replica_set("o", 10)], [Scale("n", 3)], id="by-the-surge"),
        pytest.param(replica_set("n", 12), [], [Scale("n", 10)], id="too-many"),
        pytest.param(replica_set("n", 10), [replica_set("o", 3)], [], id="right"),
    ],
)
def test_grow_new(new, old, wanted):
    assert grow_new(deployment(10), new, old) == wanted


@pytest.mark.parametrize(
    ("new", "old", "wanted"),
    [
        pytest.param(
            replica_set("n", 3, 0), [replica_set("o", 10)], [Scale("o", 8)], id="as-many-as-may-miss"
        ),
        pytest.param(replica_set("n", 3, 0), [replica_set("o", 8)], [], id="none-left-to-miss"),
        pytest.param(
            replica_set("n", 3, 0),
            [replica_set("old", 2, 0, age=2), replica_set("o", 8, age=1)],
            [Scale("old", 0)],
            id="the-sick-first",
        ),
        pytest.param(
            replica_set("n", 3, 3), [replica_set("o", 10, 9)], [Scale("o", 9), Scale("o", 5)], id="both-steps"
        ),
    ],
)
def test_shrink_old(new, old, wanted):
    assert shrink_old(deployment(10), new, old) == wanted


def apply(wanted, sets, steps):
    for step in steps:
        sets[step.name] = sized(sets[step.name], step.replicas, wanted)
    return bool(steps)


def with_available(each, count):
    return replace(
        each,
        status=replace(
            each.status, replicas=each.spec.replicas, available_replicas=min(count, each.spec.replicas)
        ),
    )


@given(st.data())
def test_a_rolling_update_keeps_its_promises_and_ends(data):
    replicas = data.draw(st.integers(1, 20))
    surge = data.draw(st.integers(0, 5))
    unavailable = data.draw(st.integers(0 if surge else 1, 5))
    wanted = deployment(replicas, surge, unavailable)
    sets = {"o": replica_set("o", replicas, age=1), "n": replica_set("n", 0)}
    floor = replicas - max_unavailable(wanted)
    for _ in range(20 * replicas + 50):
        if not apply(wanted, sets, grow_new(wanted, sets["n"], [sets["o"]])):
            apply(wanted, sets, shrink_old(wanted, sets["n"], [sets["o"]]))
        assert total(sets.values()) <= replicas + max_surge(wanted)
        sets = {name: with_available(each, each.status.available_replicas) for name, each in sets.items()}
        assert sum(each.status.available_replicas for each in sets.values()) >= floor
        if sets["n"].status.available_replicas == replicas and not sets["o"].spec.replicas:
            break
        more = data.draw(st.integers(0, 3))
        sets["n"] = with_available(sets["n"], sets["n"].status.available_replicas + more)
    else:
        for _ in range(4 * replicas + 10):
            if not apply(wanted, sets, grow_new(wanted, sets["n"], [sets["o"]])):
                apply(wanted, sets, shrink_old(wanted, sets["n"], [sets["o"]]))
            sets = {name: with_available(each, each.spec.replicas) for name, each in sets.items()}
    assert (sets["n"].spec.replicas, sets["o"].spec.replicas) == (replicas, 0)


def test_recreate_stops_all_that_run():
    assert stop_old([replica_set("a", 2), replica_set("b", 0)]) == [Scale("a", 0)]


@pytest.mark.parametrize(
    ("old", "phases", "running"),
    [
        pytest.param([replica_set("a", 0)], [], False, id="none"),
        pytest.param([replica_set("a", 1)], [], True, id="counted-in-a-status"),
        pytest.param([replica_set("a", 0)], ["Succeeded", "Failed"], False, id="ended"),
        pytest.param([replica_set("a", 0)], ["Unknown"], True, id="nobody-knows"),
        pytest.param([replica_set("a", 0)], ["Running"], True, id="running"),
    ],
)
def test_old_pods_running(old, phases, running):
    pods = [Pod(metadata=meta(phase.lower()), status=PodStatus(phase=phase)) for phase in phases]
    assert old_pods_running(old, pods) is running
