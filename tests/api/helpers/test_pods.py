import pytest
from msgspec.structs import replace

from kube.api.helpers import pods
from kube.api.types.core_v1 import (
    Container,
    ContainerPort,
    ContainerStatus,
    EphemeralContainer,
    Pod,
    PodCondition,
    PodSpec,
    PodStatus,
)
from kube.apimachinery.meta.v1 import ObjectMeta, OwnerReference
from kube.apimachinery.time import Time, to_seconds

T0, T1 = Time("2026-01-01T00:00:00Z"), Time("2026-01-01T00:01:00Z")


def ready(status="True", since=T0):
    return PodCondition(type="Ready", status=status, last_transition_time=since)


def test_a_new_condition_starts_now():
    status = pods.with_condition(PodStatus(), PodCondition(type="Ready", status="False"), T0)
    assert status.conditions == (ready("False"),)


def test_a_transition_has_the_time_of_the_change():
    status = PodStatus(conditions=(ready("False"), PodCondition(type="Other")))
    changed = pods.with_condition(status, PodCondition(type="Ready", status="True"), T1)
    assert changed.conditions == (ready(since=T1), PodCondition(type="Other"))


def test_a_new_message_is_no_transition():
    status = PodStatus(conditions=(ready(),))
    changed = pods.with_condition(status, PodCondition(type="Ready", status="True", message="m"), T1)
    assert changed.conditions == (replace(ready(), message="m"),)


def test_the_same_condition_changes_nothing():
    status = PodStatus(conditions=(ready(),))
    assert pods.with_condition(status, PodCondition(type="Ready", status="True"), T1) is status


@pytest.mark.parametrize(
    ("conditions", "seconds", "after", "available"),
    [
        ((), 0, 0, False),
        ((ready("False"),), 0, 0, False),
        ((ready(),), 0, 0, True),
        ((ready(),), 10, 9, False),
        ((ready(),), 10, 10, True),
        ((ready(since=None),), 10, 99, False),
    ],
    ids=["no condition", "not ready", "at once", "too early", "in time", "since never"],
)
def test_availability(conditions, seconds, after, available):
    pod = Pod(status=PodStatus(conditions=conditions))
    assert pods.is_pod_available(pod, seconds, to_seconds(T0) + after) is available
    assert pods.is_pod_ready(pod) is any(each.status == "True" for each in conditions)


@pytest.mark.parametrize(
    ("phase", "deleted", "terminal", "terminating", "active"),
    [
        ("Running", False, False, False, True),
        ("Running", True, False, True, False),
        ("Succeeded", False, True, False, False),
        ("Failed", True, True, False, False),
    ],
)
def test_ends(phase, deleted, terminal, terminating, active):
    meta = ObjectMeta(deletion_timestamp=T0 if deleted else None)
    pod = Pod(metadata=meta, status=PodStatus(phase=phase))
    assert pods.is_pod_terminal(pod) is terminal
    assert pods.is_pod_terminating(pod) is terminating
    assert pods.is_pod_active(pod) is active


@pytest.mark.parametrize(
    ("text", "cost"),
    [
        (None, 0),
        ("0", 0),
        ("-10", -10),
        ("2147483647", 2147483647),
        ("2147483648", None),
        ("+1", None),
        ("01", None),
        ("-0", 0),
        ("", None),
        ("1.5", None),
    ],
)
def test_deletion_cost(text, cost):
    annotations = {} if text is None else {pods.DELETION_COST_ANNOTATION: text}
    assert pods.deletion_cost(annotations) == cost


def test_controller():
    owner = OwnerReference(api_version="apps/v1", kind="DaemonSet", name="d", uid="1", controller=True)
    pod = Pod(metadata=ObjectMeta(owner_references=(OwnerReference(kind="X"), owner)))
    assert pods.controller_of(pod.metadata) == owner
    assert pods.is_owned_by_daemon_set(pod)
    assert pods.controller_of(Pod().metadata) is None


def test_ports():
    named = ContainerPort(name="http", container_port=8080, protocol="TCP", host_port=80)
    pod = Pod(
        spec=PodSpec(
            containers=(Container(name="c", ports=(named,)),),
            init_containers=(
                Container(name="i", ports=(named,)),
                Container(
                    name="s",
                    restart_policy="Always",
                    ports=(ContainerPort(name="side", container_port=9, protocol="TCP", host_port=9),),
                ),
            ),
        )
    )
    assert pods.find_port(pod, 80) == 80
    assert pods.find_port(pod, "http") == 8080
    assert pods.find_port(pod, "side") == 9
    assert pods.find_port(pod, "http", "UDP") is None
    assert [port.host_port for port in pods.host_ports(pod.spec)] == [80, 9]


def test_containers_are_visited_as_upstream_does():
    spec = PodSpec(containers=(Container(name="c"),), init_containers=(Container(name="i"),))
    assert [(field, i, each.name) for field, i, each in pods.containers(spec)] == [
        ("initContainers", 0, "i"),
        ("containers", 0, "c"),
    ]


def test_when_a_pod_became_ready():
    assert pods.pod_ready_since(Pod(status=PodStatus(conditions=(ready(),)))) == T0
    assert pods.pod_ready_since(Pod(status=PodStatus(conditions=(ready("False"),)))) is None
    assert pods.is_phase_terminal("Failed")
    assert not pods.is_phase_terminal("Unknown")


def test_statuses_by_name():
    status = ContainerStatus(name="a")
    assert pods.container_status((status,), "a") is status
    assert pods.container_status((status,), "b") is None
    spec = PodSpec(ephemeral_containers=(EphemeralContainer(name="e"),))
    assert [field for field, _, _ in pods.containers(spec)] == ["ephemeralContainers"]
