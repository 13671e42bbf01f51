"""The status of a pod, made of what the runtime says."""

import pytest

from kube.api.helpers.pods import get_condition
from kube.api.types.core_v1 import Container, Pod, PodCondition, PodReadinessGate, PodSpec, PodStatus
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apimachinery.time import from_seconds
from kube.cri.interface import ContainerState, ContainerStatus, PodSandboxStatus, SandboxState
from kube.cri.interface import PodStatus as RuntimeStatus
from kube.kubelet.prober import ContainerProbes
from kube.kubelet.status import Facts, generate_pod_status, rejected_status, terminated_status

NOW = 1_700_000_000.0
LATER = NOW + 60


def pod(status=None, **spec):
    spec.setdefault("containers", (Container(name="a", image="web:1"),))
    return Pod(
        metadata=ObjectMeta(name="web", namespace="default", uid="u", generation=3),
        spec=PodSpec(restart_policy=spec.pop("policy", "Always"), **spec),
        status=status or PodStatus(phase="Pending"),
    )


def known(state, code=0, *, name="a", attempt=0):
    return ContainerStatus(
        f"{name}{attempt}",
        name,
        attempt,
        state,
        NOW,
        "docker.io/library/web:1",
        "ref",
        started_at=NOW,
        finished_at=LATER if state is ContainerState.EXITED else 0.0,
        exit_code=code,
        reason="Error" if code else "Completed",
    )


def facts(*containers, ready=True, **more):
    state = SandboxState.READY if ready else SandboxState.NOT_READY
    sandbox = PodSandboxStatus("s", "u", 0, state, NOW, ("10.0.0.9",) if ready else ())
    more.setdefault("waiting", {})
    more.setdefault("probes", {})
    return Facts(RuntimeStatus(sandbox, containers), "containerd", "192.168.0.1", **more)


RUNS = facts(known(ContainerState.RUNNING))


def test_a_running_pod():
    status = generate_pod_status(pod(), PodStatus(), RUNS, NOW)
    assert status.phase == "Running"
    assert status.observed_generation == 3
    assert (status.host_ip, status.pod_ip, status.pod_ips[0].ip) == ("192.168.0.1", "10.0.0.9", "10.0.0.9")
    [container] = status.container_statuses
    assert container.container_id == "containerd://a0"
    assert container.state.running.started_at == from_seconds(NOW)


def test_saying_it_again_later_changes_nothing():
    first = generate_pod_status(pod(), PodStatus(), RUNS, NOW)
    assert generate_pod_status(pod(first), first, RUNS, LATER) == first


def test_a_condition_keeps_its_time_until_it_turns():
    first = generate_pod_status(pod(), PodStatus(), RUNS, NOW)
    crashed = facts(known(ContainerState.EXITED, 1), waiting={"a": ("CrashLoopBackOff", "back-off 10s")})
    second = generate_pod_status(pod(first), first, crashed, LATER)
    assert get_condition(second, "Ready").last_transition_time == from_seconds(LATER)
    assert get_condition(second, "Initialized").last_transition_time == from_seconds(NOW)
    assert get_condition(second, "Ready").reason == "ContainersNotReady"
    [container] = second.container_statuses
    assert container.state.waiting.reason == "CrashLoopBackOff"
    assert container.last_state.terminated.exit_code == 1
    assert container.last_state.terminated.container_id == "containerd://a0"


def test_a_restarted_container_shows_its_last_end():
    runtime = facts(known(ContainerState.RUNNING, attempt=1), known(ContainerState.EXITED, 7, attempt=0))
    [container] = generate_pod_status(pod(), PodStatus(), runtime, LATER).container_statuses
    assert container.restart_count == 1
    assert container.last_state.terminated.exit_code == 7


def test_a_container_that_is_not_probed_well_is_not_ready():
    probes = ContainerProbes(Container(name="a"), NOW, implied_readiness=True)
    status = generate_pod_status(
        pod(), PodStatus(), facts(known(ContainerState.RUNNING), probes={"a0": probes}), NOW
    )
    assert status.phase == "Running"
    assert not status.container_statuses[0].ready
    assert get_condition(status, "ContainersReady").message == "containers with unready status: [a]"


def test_readiness_gates_are_others_conditions():
    gated = pod(readiness_gates=(PodReadinessGate(condition_type="x.io/lb"),))
    status = generate_pod_status(gated, PodStatus(), RUNS, NOW)
    ready = get_condition(status, "Ready")
    assert (ready.status, ready.reason) == ("False", "ReadinessGatesNotReady")
    assert ready.message == 'corresponding condition of pod readiness gate "x.io/lb" does not exist.'
    condition = PodCondition(type="x.io/lb", status="True")
    opened = pod(PodStatus(conditions=(condition,)), readiness_gates=gated.spec.readiness_gates)
    status = generate_pod_status(opened, PodStatus(), RUNS, NOW)
    assert status.conditions[0] is condition
    assert get_condition(status, "Ready").status == "True"


@pytest.mark.parametrize(("code", "phase"), [(0, "Succeeded"), (9, "Failed")])
def test_a_pod_that_has_ended(code, phase):
    old = generate_pod_status(pod(policy="Never"), PodStatus(), RUNS, NOW)
    ended = facts(known(ContainerState.EXITED, code), ready=False, terminal=True)
    status = terminated_status(generate_pod_status(pod(old, policy="Never"), old, ended, LATER))
    assert status.phase == phase
    assert status.pod_ip == "10.0.0.9"
    assert get_condition(status, "PodReadyToStartContainers").status == "False"


def test_a_pod_does_not_come_back_from_its_end():
    old = PodStatus(phase="Failed", reason="Evicted", message="why")
    status = generate_pod_status(pod(old), old, RUNS, NOW)
    assert (status.phase, status.reason, status.message) == ("Failed", "Evicted", "why")


def test_what_was_never_started_when_a_pod_goes_is_left_waiting_and_the_pod_has_failed():
    status = generate_pod_status(pod(), PodStatus(), facts(terminal=True), NOW)
    ended = terminated_status(status)
    assert ended.phase == "Failed"
    assert ended.container_statuses[0].state.waiting.reason == "ContainerCreating"


def test_what_was_started_and_got_lost_has_ended_somehow():
    two = (Container(name="a"), Container(name="b"))
    status = generate_pod_status(
        pod(containers=two), PodStatus(), facts(known(ContainerState.EXITED), terminal=True), NOW
    )
    lost = terminated_status(status).container_statuses[1].state.terminated
    assert (lost.reason, lost.exit_code) == ("ContainerStatusUnknown", 137)


def test_in_the_hosts_network_the_nodes_address_is_the_pods():
    status = generate_pod_status(pod(host_network=True), PodStatus(), facts(), NOW)
    assert status.pod_ip == status.host_ip == "192.168.0.1"


def test_init_containers_hold_up_initialized():
    waits = pod(init_containers=(Container(name="i"), Container(name="s", restart_policy="Always")))
    status = generate_pod_status(waits, PodStatus(), facts(known(ContainerState.RUNNING, name="i")), NOW)
    initialized = get_condition(status, "Initialized")
    assert (initialized.status, initialized.reason) == ("False", "ContainersNotInitialized")
    assert initialized.message == "containers with incomplete status: [i s]"
    assert status.container_statuses[0].state.waiting.reason == "PodInitializing"


def test_a_rejected_pod():
    status = rejected_status(pod(), "OutOfcpu", "too much", NOW)
    assert (status.phase, status.reason) == ("Failed", "OutOfcpu")
    assert status.message == "Pod was rejected: too much"
    assert status.start_time == from_seconds(NOW)
