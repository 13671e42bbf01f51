"""Placement and plans of daemon sets, by tables."""

import pytest
from msgspec.structs import replace
from objects import meta, selector, template

from kube.api.types.apps_v1 import (
    ControllerRevision,
    DaemonSet,
    DaemonSetSpec,
    DaemonSetUpdateStrategy,
    RollingUpdateDaemonSet,
)
from kube.api.types.core_v1 import (
    Affinity,
    Node,
    NodeAffinity,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    NodeSpec,
    Pod,
    PodCondition,
    PodSpec,
    PodStatus,
    Taint,
    Toleration,
)
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apimachinery.time import from_seconds
from kube.controllers.daemonset.history import (
    HASH_LABEL,
    is_of,
    new_revision,
    renumbered,
    template_patch,
    to_delete,
)
from kube.controllers.daemonset.placement import bound_to, pods_by_node, should_run, target_node
from kube.controllers.daemonset.plan import View, budget, manage, rolling_update
from kube.controllers.daemonset.status import new_status

NOW = 1_700_000_000.0


def daemon_set(surge=0, unavailable=1, **pod_spec):
    made = template()
    rolling = RollingUpdateDaemonSet(max_surge=surge, max_unavailable=unavailable)
    return DaemonSet(
        metadata=meta(uid="ds", generation=3),
        spec=DaemonSetSpec(
            selector=selector(),
            template=replace(made, spec=replace(made.spec, **pod_spec)),
            update_strategy=DaemonSetUpdateStrategy(type="RollingUpdate", rolling_update=rolling),
            revision_history_limit=1,
        ),
    )


def node(name="n1", *taints, **labels):
    return Node(metadata=ObjectMeta(name=name, labels=labels), spec=NodeSpec(taints=taints))


def required(*terms):
    of_nodes = NodeSelector(node_selector_terms=terms)
    return Affinity(node_affinity=NodeAffinity(required_during_scheduling_ignored_during_execution=of_nodes))


def expression(key, operator, *values):
    return NodeSelectorTerm(
        match_expressions=(NodeSelectorRequirement(key=key, operator=operator, values=values),)
    )


GPU = Taint(key="gpu", effect="NoSchedule")
OUT = Taint(key="gpu", effect="NoExecute")


@pytest.mark.parametrize(
    ("pod_spec", "on", "wanted"),
    [
        pytest.param({}, node(), (True, True), id="anywhere"),
        pytest.param({"node_name": "n2"}, node(), (False, False), id="another-node"),
        pytest.param({"node_selector": {"a": "b"}}, node(a="b"), (True, True), id="selected"),
        pytest.param({"node_selector": {"a": "b"}}, node(a="c"), (False, False), id="not-selected"),
        pytest.param({}, node("n1", GPU), (False, True), id="taint-that-lets-stay"),
        pytest.param({}, node("n1", OUT), (False, False), id="taint-that-evicts"),
        pytest.param(
            {"tolerations": (Toleration(key="gpu", operator="Exists"),)},
            node("n1", OUT),
            (True, True),
            id="tolerated",
        ),
        pytest.param(
            {},
            node("n1", Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")),
            (True, True),
            id="cordoned",
        ),
        pytest.param(
            {},
            node("n1", Taint(key="node.kubernetes.io/network-unavailable", effect="NoSchedule")),
            (False, True),
            id="without-network",
        ),
        pytest.param(
            {"host_network": True},
            node("n1", Taint(key="node.kubernetes.io/network-unavailable", effect="NoSchedule")),
            (True, True),
            id="of-the-host-network",
        ),
        pytest.param(
            {"affinity": required(expression("a", "Exists"))}, node(a=""), (True, True), id="exists"
        ),
        pytest.param(
            {"affinity": required(expression("a", "Gt", "5"))}, node(a="7"), (True, True), id="greater"
        ),
        pytest.param(
            {"affinity": required(expression("a", "In", "x"))}, node(a="y"), (False, False), id="not-in"
        ),
        pytest.param({"affinity": required(NodeSelectorTerm())}, node(), (False, False), id="empty-term"),
        pytest.param(
            {"affinity": required(expression("a", "In", "x"), expression("b", "DoesNotExist"))},
            node(a="y"),
            (True, True),
            id="any-term",
        ),
    ],
)
def test_should_run(pod_spec, on, wanted):
    assert should_run(daemon_set(**pod_spec), on) == wanted


def test_a_pod_is_bound_to_one_node_and_keeps_its_preferences():
    spec = PodSpec(affinity=required(expression("a", "Exists")))
    bound = bound_to(spec, "n7")
    (term,) = (
        bound.affinity.node_affinity.required_during_scheduling_ignored_during_execution.node_selector_terms
    )
    assert term.match_fields == (NodeSelectorRequirement(key="metadata.name", operator="In", values=("n7",)),)
    assert target_node(Pod(spec=bound)) == "n7"
    assert target_node(Pod(spec=replace(bound, node_name="n8"))) == "n8"
    assert target_node(Pod()) == ""


def pod(name, on="n1", *, new=True, ready=True, phase="Running", created=1, scheduled=True, deleted=False):
    moment = from_seconds(NOW - 100)
    conditions = (PodCondition(type="Ready", status="True", last_transition_time=moment),) if ready else ()
    return Pod(
        metadata=meta(
            name,
            uid=name,
            labels={"app": "web", HASH_LABEL: "new" if new else "old"},
            creation_timestamp=f"2026-01-01T00:00:{created:02}Z",
            deletion_timestamp=moment if deleted else None,
        ),
        spec=replace(bound_to(PodSpec(), on), node_name=on if scheduled else ""),
        status=PodStatus(phase=phase, conditions=conditions),
    )


def view(one, nodes, pods):
    return View(one, {each.metadata.name: each for each in nodes}, pods_by_node(pods), "new", NOW)


def names(pods):
    return [each.metadata.name for each in pods]


@pytest.mark.parametrize(
    ("nodes", "pods", "create", "delete", "ended"),
    [
        pytest.param([node("n1"), node("n2")], [pod("a", "n1")], ["n2"], [], [], id="missing"),
        pytest.param(
            [node()], [pod("a", created=2), pod("b", created=1)], [], ["a"], [], id="the-oldest-stays"
        ),
        pytest.param(
            [node()],
            [pod("a", scheduled=False), pod("b", created=9)],
            [],
            ["a"],
            [],
            id="the-scheduled-stays",
        ),
        pytest.param([node("n1", OUT)], [pod("a")], [], ["a"], [], id="not-wanted"),
        pytest.param([node("n1", OUT)], [pod("a", deleted=True)], [], [], [], id="deleted-already"),
        pytest.param([node("n1", GPU)], [pod("a")], [], [], [], id="may-stay"),
        pytest.param([node()], [pod("a", phase="Failed")], [], [], ["a"], id="failed"),
        pytest.param([node()], [pod("a", deleted=True)], [], [], [], id="its-end-is-awaited"),
        pytest.param(
            [node()], [pod("a", phase="Failed", deleted=True)], ["n1"], [], [], id="ended-and-deleted"
        ),
        pytest.param([], [pod("a", scheduled=False), pod("b")], [], ["a"], [], id="node-gone"),
    ],
)
def test_manage(nodes, pods, create, delete, ended):
    plan = manage(view(daemon_set(), nodes, pods))
    assert (plan.create, names(plan.delete), names(plan.ended)) == (create, delete, ended)


def test_with_surge_an_old_and_a_new_pod_may_share_a_node():
    both = [pod("a", new=False), pod("b", ready=False)]
    assert names(manage(view(daemon_set(surge=1, unavailable=0), [node()], both)).delete) == []
    both = [pod("a", new=False), pod("b")]
    assert names(manage(view(daemon_set(surge=1, unavailable=0), [node()], both)).delete) == ["a"]


NODES = [node(f"n{i}") for i in range(4)]


@pytest.mark.parametrize(
    ("unavailable", "pods", "deleted"),
    [
        pytest.param(1, [pod(f"p{i}", f"n{i}", new=False) for i in range(4)], ["p0"], id="one"),
        pytest.param("50%", [pod(f"p{i}", f"n{i}", new=False) for i in range(4)], ["p0", "p1"], id="half"),
        pytest.param(
            1,
            [pod("p0", "n0", ready=False), *(pod(f"p{i}", f"n{i}", new=False) for i in (1, 2, 3))],
            [],
            id="waits-for-the-new",
        ),
        pytest.param(
            1,
            [
                pod("p0", "n0", ready=False),
                *(pod(f"p{i}", f"n{i}", new=False, ready=False) for i in (1, 2, 3)),
            ],
            ["p1", "p2", "p3"],
            id="the-sick-at-once",
        ),
        pytest.param(1, [pod(f"p{i}", f"n{i}", new=False) for i in range(3)], [], id="a-node-without-counts"),
        pytest.param(1, [pod(f"p{i}", f"n{i}") for i in range(4)], [], id="done"),
    ],
)
def test_rolling_update(unavailable, pods, deleted):
    plan = rolling_update(view(daemon_set(unavailable=unavailable), NODES, pods))
    assert (names(plan.delete), plan.create) == (deleted, [])


@pytest.mark.parametrize(
    ("pods", "created", "deleted"),
    [
        pytest.param([pod(f"p{i}", f"n{i}", new=False) for i in range(4)], ["n0"], [], id="one-more"),
        pytest.param(
            [pod("new", "n0", ready=False), *(pod(f"p{i}", f"n{i}", new=False) for i in range(4))],
            [],
            [],
            id="waits-for-the-new",
        ),
        pytest.param(
            [pod("new", "n0"), *(pod(f"p{i}", f"n{i}", new=False) for i in range(4))],
            ["n1"],
            ["p0"],
            id="goes-on",
        ),
        pytest.param(
            [pod(f"p{i}", f"n{i}", new=False, ready=False) for i in range(2)],
            ["n0", "n1"],
            [],
            id="the-sick-at-once",
        ),
    ],
)
def test_surge(pods, created, deleted):
    plan = rolling_update(view(daemon_set(surge=1, unavailable=0), NODES, pods))
    assert (plan.create, names(plan.delete)) == (created, deleted)


@pytest.mark.parametrize(
    ("surge", "unavailable", "wanted"),
    [
        pytest.param(0, "30%", (0, 3), id="rounds-up"),
        pytest.param(0, 0, (0, 1), id="never-both-0"),
        pytest.param("10%", 0, (1, 0), id="surge"),
    ],
)
def test_budget(surge, unavailable, wanted):
    assert budget(daemon_set(surge, unavailable), 10) == wanted


def test_status():
    nodes = [*NODES, node("other", GPU)]
    pods = [
        pod("a", "n0"),
        pod("b", "n1", new=False),
        pod("c", "n2", ready=False),
        pod("d", "other"),
    ]
    status = new_status(view(daemon_set(), nodes, pods), processed=True)
    assert (status.desired_number_scheduled, status.current_number_scheduled, status.number_misscheduled) == (
        4,
        3,
        1,
    )
    assert (status.number_ready, status.number_available, status.number_unavailable) == (2, 2, 2)
    assert (status.updated_number_scheduled, status.observed_generation) == (2, 3)
    assert new_status(view(daemon_set(), nodes, pods), processed=False).observed_generation == 0


def test_available_only_after_min_ready_seconds():
    late = daemon_set()
    late = replace(late, spec=replace(late.spec, min_ready_seconds=200))
    status = new_status(view(late, [node()], [pod("a")]), processed=True)
    assert (status.number_ready, status.number_available) == (1, 0)


def test_a_revision_brings_its_template_back():
    one = daemon_set()
    patch = template_patch(one)
    revision = new_revision(one, patch, 4)
    assert is_of(revision, patch)
    assert not is_of(revision, template_patch(daemon_set(host_network=True)))
    assert b'"$patch":"replace"' in patch
    assert revision.metadata.name == f"web-{revision.metadata.labels[HASH_LABEL]}"
    assert renumbered(revision, 3) is revision
    assert renumbered(revision, 9).revision == 9


def test_old_revisions_beyond_the_limit_go_but_not_those_of_pods():
    old = [
        ControllerRevision(metadata=meta(f"r{number}", labels={HASH_LABEL: f"h{number}"}), revision=number)
        for number in (3, 1, 2)
    ]
    assert [each.revision for each in to_delete(daemon_set(), old, [])] == [1, 2]
    held = replace(pod("a"), metadata=meta("a", labels={HASH_LABEL: "h1"}))
    assert [each.revision for each in to_delete(daemon_set(), old, [held])] == [2, 3]
