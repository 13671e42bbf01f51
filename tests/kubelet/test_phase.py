"""The phase of a pod, as a table."""

import pytest

from kube.api.types.core_v1 import (
    Container,
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    PodSpec,
)
from kube.kubelet.phase import pod_phase

NOTHING = ContainerState()


def ended(code):
    return ContainerState(terminated=ContainerStateTerminated(exit_code=code))


RUNS = (ContainerState(running=ContainerStateRunning()), NOTHING)
WAITS = (ContainerState(waiting=ContainerStateWaiting()), NOTHING)
DONE, FAILED = (ended(0), NOTHING), (ended(1), NOTHING)
CRASHES = (WAITS[0], ended(1))
CRASHED = (RUNS[0], ended(1))

TABLE = [
    # policy, statuses of a, b; of the init container i; of the sidecar s; phase
    ("Always", {"a": WAITS, "b": WAITS}, "Pending"),
    ("Always", {"a": RUNS, "b": WAITS}, "Pending"),
    ("Always", {"a": RUNS}, "Pending"),
    ("Always", {"a": RUNS, "b": RUNS}, "Running"),
    ("Always", {"a": RUNS, "b": CRASHES}, "Running"),
    ("Always", {"a": CRASHES, "b": CRASHES}, "Running"),
    ("Always", {"a": DONE, "b": DONE}, "Running"),
    ("Never", {"a": DONE, "b": RUNS}, "Running"),
    ("Never", {"a": DONE, "b": DONE}, "Succeeded"),
    ("Never", {"a": DONE, "b": FAILED}, "Failed"),
    ("OnFailure", {"a": DONE, "b": FAILED}, "Running"),
    ("OnFailure", {"a": DONE, "b": CRASHED}, "Running"),
    ("OnFailure", {"a": DONE, "b": DONE}, "Succeeded"),
    ("Always", {"a": WAITS, "b": WAITS, "i": RUNS}, "Pending"),
    ("Never", {"a": WAITS, "b": WAITS, "i": FAILED}, "Failed"),
    ("Always", {"a": WAITS, "b": WAITS, "i": CRASHES}, "Pending"),
    ("Always", {"a": RUNS, "b": RUNS, "i": DONE}, "Running"),
    ("Never", {"a": DONE, "b": DONE, "s": RUNS}, "Running"),
    ("Never", {"a": DONE, "b": DONE, "s": FAILED}, "Succeeded"),
]


def phase(policy, states, *, terminal=False):
    inits = tuple(
        Container(name=name, restart_policy="Always" if name == "s" else None)
        for name in "is"
        if name in states
    )
    spec = PodSpec(
        containers=(Container(name="a"), Container(name="b")), init_containers=inits, restart_policy=policy
    )
    statuses = {
        name: ContainerStatus(name=name, state=state, last_state=last, started=state is RUNS[0])
        for name, (state, last) in states.items()
    }
    started = any(states.get(name) not in (None, WAITS) for name in "ab")
    return pod_phase(spec, statuses, terminal=terminal, initialized=started)


@pytest.mark.parametrize(("policy", "states", "expected"), TABLE)
def test_phase(policy, states, expected):
    assert phase(policy, states) == expected


@pytest.mark.parametrize(
    ("states", "expected"), [({"a": DONE, "b": DONE}, "Succeeded"), ({"a": DONE, "b": FAILED}, "Failed")]
)
def test_a_pod_of_which_nothing_is_restarted_has_ended_whatever_its_policy(states, expected):
    assert phase("Always", states, terminal=True) == expected
