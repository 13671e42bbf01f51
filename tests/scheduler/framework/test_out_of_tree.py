"""Plugins of an embedding program: per node, without vectors, at every point."""

import random

import pytest
from scheduler_objects import node, pod

from kube.scheduler.framework.profile import DEFAULT_PLUGINS, Profile
from kube.scheduler.framework.status import SUCCESS, Code, Status, unschedulable
from kube.scheduler.plugins.registry import IN_TREE
from kube.scheduler.scheduler import Bind, Failed, Scheduler


class OddOnly:
    """Fits nodes with an odd number; likes high numbers."""

    name = "OddOnly"

    def filter(self, state, pod, node):
        return SUCCESS if int(node.node.metadata.name[1:]) % 2 else unschedulable("node(s) were even")

    def score(self, state, pod, node):
        return int(node.node.metadata.name[1:])


class Hold:
    """Reserves, and rejects at Permit."""

    name = "Hold"

    def __init__(self):
        self.calls = []

    def reserve(self, state, pod, node_name):
        self.calls.append(("reserve", node_name))
        return SUCCESS

    def unreserve(self, state, pod, node_name):
        self.calls.append(("unreserve", node_name))

    def permit(self, state, pod, node_name):
        return unschedulable("not today"), 0.0


class Rescue:
    name = "Rescue"

    def post_filter(self, state, pod, rejected):
        return None, Status(Code.UNSCHEDULABLE, ("preemption: nobody leaves.",))


def scheduler(plugin, weight=1, nodes=6):
    profile = Profile(plugins={**DEFAULT_PLUGINS, plugin.name: weight})
    made = Scheduler(
        random.Random(1), profiles=(profile,), registry={**IN_TREE, plugin.name: lambda _, __: plugin}
    )
    for i in range(nodes):
        made.node_changed(None, node(f"n{i}"), 0.0)
    return made


def test_a_per_node_plugin_filters_and_scores():
    made = scheduler(OddOnly())
    made.pod_changed(None, pod(), 0.0)
    assert made.schedule_one(0.0).node_name == "n5"


def test_its_reasons_are_told():
    made = scheduler(OddOnly(), nodes=1)
    made.pod_changed(None, pod(), 0.0)
    assert made.schedule_one(0.0).note == "0/1 nodes are available: 1 node(s) were even."


def test_a_rejection_at_permit_takes_everything_back():
    plugin = Hold()
    made = scheduler(plugin, nodes=1)
    made.pod_changed(None, pod(), 0.0)
    failed = made.schedule_one(0.0)
    assert isinstance(failed, Failed)
    assert failed.note == "0/1 nodes are available: 1 not today."
    assert plugin.calls == [("reserve", "n0"), ("unreserve", "n0")]
    assert made.cache.columns.pod_count[0] == 0


def test_post_filter_has_the_last_word():
    made = scheduler(Rescue(), nodes=1)
    made.pod_changed(None, pod(requests={"cpu": "64"}), 0.0)
    assert made.schedule_one(0.0).note == (
        "0/1 nodes are available: 1 Insufficient cpu. preemption: nobody leaves."
    )


def test_profiles_are_schedulers_by_name():
    made = Scheduler(random.Random(1), profiles=(Profile(), Profile(scheduler_name="second")))
    made.node_changed(None, node("n"), 0.0)
    made.pod_changed(None, pod("a", scheduler_name="second"), 0.0)
    made.pod_changed(None, pod("b", scheduler_name="third"), 0.0)
    found = made.schedule_one(0.0)
    assert isinstance(found, Bind)
    assert found.framework.name == "second"
    assert made.schedule_one(0.0) is None


@pytest.mark.parametrize(
    ("plugins", "error", "says"),
    [
        ({"Nonesuch": 0}, LookupError, "Nonesuch does not exist in the plugin registry"),
        ({"PrioritySort": 0}, ValueError, "at least one bind plugin"),
        ({"DefaultBinder": 0}, ValueError, "one queue sort plugin"),
    ],
)
def test_a_profile_that_cannot_work_is_refused(plugins, error, says):
    with pytest.raises(error, match=says):
        Scheduler(random.Random(1), profiles=(Profile(plugins=plugins),))
