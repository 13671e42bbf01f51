import random

from scheduler_objects import node, pod, term

from kube.scheduler.scheduler import Scheduler


def scheduler(*nodes):
    made = Scheduler(random.Random(1))
    for each in nodes:
        made.node_changed(None, each, 0.0)
    return made


def test_every_node_is_explained_plugin_by_plugin():
    made = scheduler(
        node("a", labels={"disk": "ssd"}),
        node("b", taints=(("slow", "", "PreferNoSchedule"),)),
        node("c", unschedulable=True),
        node("d", {"cpu": "1"}),
    )
    wanted = pod(requests={"cpu": "2", "memory": "4Gi"}, preferred=[(10, term(("disk", "Exists")))])
    explanation = made.explain(wanted)
    assert [n.name for n in explanation.nodes] == ["a", "b", "c", "d"]
    a, b, c, d = explanation.nodes
    assert a.scores == {
        "TaintToleration": 100,
        "NodeAffinity": 100,
        "NodeResourcesFit": 50,
        "NodeResourcesBalancedAllocation": 75,
        "ImageLocality": 0,
    }
    assert a.total == 3 * 100 + 2 * 100 + 50 + 75
    assert b.total == 0 + 0 + 50 + 75
    assert (c.status.plugin, c.status.message) == ("NodeUnschedulable", "node(s) were unschedulable")
    assert (d.status.plugin, d.status.message) == ("NodeResourcesFit", "Insufficient cpu")
    assert explanation.best == ("a",)


def test_totals_are_the_weighted_scores_and_nothing_changes():
    made = scheduler(*(node(f"n{i}", {"cpu": str(i + 1)}) for i in range(5)))
    wanted = pod(requests={"cpu": "500m"})
    for _ in range(2):
        explanation = made.explain(wanted)
        for each in explanation.nodes:
            weighted = sum(explanation.weights[name] * score for name, score in each.scores.items())
            assert each.total == weighted
    made.pod_changed(None, wanted, 0.0)
    assert made.schedule_one(0.0).node_name in explanation.best


def test_a_pre_filter_rejection_is_the_whole_answer():
    names = [("metadata.name", "In", "a"), ("metadata.name", "In", "b")]
    explanation = scheduler(node("a")).explain(pod(required=[term(fields=names)]))
    assert explanation.message == "0/1 nodes are available: pod affinity terms conflict."
    assert explanation.nodes == ()
