"""The columns, with what they remember, agree with the naive rules over any history."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st
from naive import message, rejection, totals
from scheduler_objects import node, pod, term

from kube.api.types.core_v1 import Toleration
from kube.scheduler.evaluation import REJECTED
from kube.scheduler.scheduler import Bind, Failed, Scheduler

IMAGES = {"app:1": 300 * 2**20, "big:1": 2**30}
TAINTS = [
    ("dedicated", "db", "NoSchedule"),
    ("slow", "", "PreferNoSchedule"),
    ("old", "", "PreferNoSchedule"),
    ("gone", "", "NoExecute"),
]
TOLERATIONS = [
    Toleration(key="dedicated", operator="Equal", value="db", effect="NoSchedule"),
    Toleration(key="slow", operator="Exists"),
    Toleration(operator="Exists", effect="NoExecute"),
    Toleration(key="node.kubernetes.io/unschedulable", operator="Exists"),
]
TERMS = [
    term(("zone", "In", "a", "b")),
    term(("zone", "NotIn", "a")),
    term(("disk", "Exists")),
    term(("disk", "DoesNotExist")),
    term(("cores", "Gt", "4")),
    term(("cores", "Lt", "8"), ("zone", "Exists")),
    term(),
]


def nodes(name):
    return st.builds(
        lambda cpu, memory, pods, gpu, labels, taints, closed, images: node(
            name,
            {"cpu": cpu, "memory": memory, "pods": pods, **({"example.com/gpu": gpu} if gpu else {})},
            labels={key: value for key, value in labels.items() if value},
            taints=taints,
            unschedulable=closed,
            images={image: IMAGES[image] for image in images},
        ),
        st.sampled_from(["500m", "1", "2", "4", "0"]),
        st.sampled_from(["1Gi", "2Gi", "3Gi", "8Gi"]),
        st.integers(1, 6),
        st.integers(0, 2),
        st.fixed_dictionaries(
            {
                "zone": st.sampled_from(["", "a", "b", "c"]),
                "disk": st.sampled_from(["", "ssd"]),
                "cores": st.sampled_from(["", "2", "6", "16", "many"]),
            }
        ),
        st.lists(st.sampled_from(TAINTS), max_size=2, unique=True) if name != "n0" else st.just([]),
        st.booleans() if name == "n1" else st.just(False),
        st.lists(st.sampled_from(sorted(IMAGES)), unique=True),
    )


TEMPLATES = st.fixed_dictionaries(
    {
        "requests": st.sampled_from(
            [
                {},
                {"cpu": "250m"},
                {"cpu": "300m", "memory": "700Mi"},
                {"memory": "1Gi"},
                {"cpu": "1", "memory": "1Gi", "example.com/gpu": "1"},
            ]
        ),
        "image": st.sampled_from(sorted(IMAGES)),
        "ports": st.sampled_from(
            [(), (), (("", "TCP", 80),), (("10.0.0.1", "TCP", 80),), (("10.0.0.2", "TCP", 80),)]
        ),
        "required": st.one_of(st.none(), st.lists(st.sampled_from(TERMS), min_size=1, max_size=2)),
        "preferred": st.lists(st.tuples(st.integers(1, 100), st.sampled_from(TERMS)), max_size=2),
        "node_selector": st.sampled_from([{}, {}, {"zone": "a"}]),
        "tolerations": st.lists(st.sampled_from(TOLERATIONS), max_size=2, unique_by=id).map(tuple),
        "containers": st.integers(1, 2),
    }
)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_every_decision_is_the_naive_one(data):
    scheduler = Scheduler(random.Random(data.draw(st.integers(0, 99))))
    known = {}
    for i in range(data.draw(st.integers(1, 5))):
        known[f"n{i}"] = data.draw(nodes(f"n{i}"))
        scheduler.node_changed(None, known[f"n{i}"], 0.0)
    placed = {name: [] for name in known}
    templates = data.draw(st.lists(TEMPLATES, min_size=1, max_size=3))
    for step in range(data.draw(st.integers(1, 12))):
        action = data.draw(
            st.sampled_from(["pod", "pod", "pod", "pod", "delete", "node", "new node", "drop"])
        )
        if action == "delete":
            name = data.draw(st.sampled_from(sorted(placed)))
            if placed[name]:
                scheduler.pod_changed(placed[name].pop(0), None, 0.0)
        elif action == "node":
            name = data.draw(st.sampled_from(sorted(known)))
            old, known[name] = known[name], data.draw(nodes(name))
            scheduler.node_changed(old, known[name], 0.0)
        elif action == "new node":
            name = f"x{step}"
            known[name], placed[name] = data.draw(nodes(name)), []
            scheduler.node_changed(None, known[name], 0.0)
        elif action == "drop" and len(known) > 1:
            name = data.draw(st.sampled_from(sorted(known)))
            scheduler.node_changed(known.pop(name), None, 0.0)
            for each in placed.pop(name):
                scheduler.pod_changed(each, None, 0.0)
        else:
            check_one(scheduler, pod(**data.draw(st.sampled_from(templates))), known, placed)


def check_one(scheduler, each, known, placed):
    everything = list(known.values())
    expected = totals(each, everything, placed)
    scheduler.pod_changed(None, each, 0.0)
    while (instruction := scheduler.schedule_one(0.0)).pod is not each:
        # a pod that was rejected before, and that an event has brought back
        settle(instruction, scheduler, known, placed)
        expected = totals(each, everything, placed)
    if expected:
        assert isinstance(instruction, Bind)
        best = max(expected.values())
        assert instruction.node_name in {name for name, score in expected.items() if score == best}
    else:
        assert isinstance(instruction, Failed)
        assert instruction.note == message(each, everything, placed)
    settle(instruction, scheduler, known, placed)
    check_evaluations(scheduler, known, placed, each)


def settle(instruction, scheduler, known, placed):
    if isinstance(instruction, Bind):
        assert rejection(instruction.pod, known[instruction.node_name], placed[instruction.node_name]) is None
        scheduler.bound(instruction, 0.0)
        placed[instruction.node_name].append(instruction.pod)
    else:
        scheduler.queue.delete(instruction.pod.metadata.uid)


def check_evaluations(scheduler, known, placed, each):
    """Not just the best: every node's total, by the remembered evaluation and by a fresh one."""
    from kube.scheduler.cache.pod_facts import PodInfo
    from kube.scheduler.schedule_one import SchedulingCycle

    expected = totals(each, list(known.values()), placed)
    info = PodInfo(each, scheduler.cache.facts.of(each))
    cycle = scheduler.cycles["default-scheduler"]
    fresh = SchedulingCycle(cycle.framework, scheduler.cache, random.Random(1))
    names = scheduler.cache.columns.names
    for one in (cycle, fresh):
        evaluation, _, _ = one.evaluate(info)
        found = {
            names[row]: total for row, total in enumerate(evaluation.total.tolist()) if total != REJECTED
        }
        assert found == expected
        highest = max(expected.values(), default=0)
        assert [names[row] for row in evaluation.best()] == [
            name for name in names if expected.get(name) == highest
        ]
