"""What a pod needs next, as a table: spec and what the runtime says against the actions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.api.types.core_v1 import (
    Container,
    ContainerRestartRule,
    ContainerRestartRuleOnExitCodes,
    PodSpec,
)
from kube.cri.interface import ContainerState, ContainerStatus, PodSandboxStatus, PodStatus, SandboxState
from kube.kubelet.pod_actions import Health, compute_pod_actions

CREATED, RUNNING, EXITED = ContainerState.CREATED, ContainerState.RUNNING, ContainerState.EXITED


def spec(policy="Always", *, init=(), names=("a",), rules=()):
    containers = tuple(Container(name=name, restart_policy_rules=rules) for name in names)
    inits = tuple(
        Container(name=name.removesuffix("*"), restart_policy="Always" if name.endswith("*") else None)
        for name in init
    )
    return PodSpec(containers=containers, init_containers=inits, restart_policy=policy)


def runtime(*statuses, ready=True, attempt=0):
    """Statuses are (name, state[, exit code]); the id is the name."""
    state = SandboxState.READY if ready else SandboxState.NOT_READY
    return PodStatus(
        PodSandboxStatus("s", "u", attempt, state, 0.0),
        tuple(
            ContainerStatus(name, name, 0, how, 0.0, "i", "r", exit_code=code[0] if code else 0)
            for name, how, *code in statuses
        ),
    )


def summary(actions):
    said = [f"sandbox {actions.attempt}"] if actions.create_sandbox else []
    said += [f"start {start.container.name}" for start in actions.start]
    said += [f"kill {kill.status.name}" for kill in actions.kill]
    return said + (["finished"] if actions.finished else [])


RETRY_3 = ContainerRestartRule(
    action="Restart", exit_codes=ContainerRestartRuleOnExitCodes(operator="In", values=(3,))
)

TABLE = {
    "fresh": (spec(), PodStatus(), ["sandbox 0", "start a"]),
    "fresh, two": (spec(names=("a", "b")), PodStatus(), ["sandbox 0", "start a", "start b"]),
    "fresh with init": (spec(init=("i", "j")), PodStatus(), ["sandbox 0", "start i"]),
    "sandbox ready": (spec(), runtime(), ["start a"]),
    "running": (spec(), runtime(("a", RUNNING)), []),
    "created by somebody before": (spec(), runtime(("a", CREATED)), ["start a"]),
    "always: restarts": (spec(), runtime(("a", EXITED, 0)), ["start a"]),
    "never: done": (spec("Never"), runtime(("a", EXITED, 1)), ["finished"]),
    "on failure: restarts": (spec("OnFailure"), runtime(("a", EXITED, 1)), ["start a"]),
    "on failure: done": (spec("OnFailure"), runtime(("a", EXITED, 0)), ["finished"]),
    "never: the other runs": (
        spec("Never", names=("a", "b")), runtime(("a", EXITED, 1), ("b", RUNNING)), [],
    ),
    "a rule restarts": (spec("Never", rules=(RETRY_3,)), runtime(("a", EXITED, 3)), ["start a"]),
    "a rule does not match": (spec("Never", rules=(RETRY_3,)), runtime(("a", EXITED, 4)), ["finished"]),
    "init runs": (spec(init=("i",)), runtime(("i", RUNNING)), []),
    "init done": (spec(init=("i",)), runtime(("i", EXITED, 0)), ["start a"]),
    "init done, next": (spec(init=("i", "j")), runtime(("i", EXITED, 0)), ["start j"]),
    "init failed": (spec(init=("i",)), runtime(("i", EXITED, 1)), ["start i"]),
    "init failed for good": (spec("Never", init=("i",)), runtime(("i", EXITED, 1)), ["finished"]),
    "sidecar lets the next in": (spec(init=("s*", "i")), runtime(("s", RUNNING)), ["start i"]),
    "sidecar comes back": (
        spec(init=("s*",)), runtime(("s", EXITED, 1), ("a", RUNNING)), ["start s"],
    ),
    "sidecar runs on, init is not run again": (
        spec(init=("i", "s*")), runtime(("s", RUNNING), ("a", RUNNING)), [],
    ),
    "sidecar does not keep a pod": (
        spec("Never", init=("s*",)), runtime(("s", RUNNING), ("a", EXITED, 0)), ["finished"],
    ),
    "sandbox lost": (spec(), runtime(("a", EXITED, 137), ready=False), ["sandbox 1"]),
    "sandbox lost, nothing left": (
        spec("Never"), runtime(("a", EXITED, 137), ready=False), ["finished"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("pod", "status", "expected"), TABLE.values(), ids=TABLE)
def test_actions(pod, status, expected):
    assert summary(compute_pod_actions(pod, status, {}, {})) == expected


def test_a_start_that_is_under_way_is_waited_for():
    assert not compute_pod_actions(spec(), runtime(("a", CREATED)), {}, {"a": None}).start


def test_what_comes_behind_a_sidecar_waits_until_it_has_started():
    status = runtime(("s", RUNNING))
    actions = compute_pod_actions(spec(init=("s*",)), status, {"s": Health(started=False)}, {})
    assert summary(actions) == []


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("Always", "Container a failed liveness probe, will be restarted"),
        ("Never", "Container a failed liveness probe"),
    ],
)
def test_a_failed_probe_kills(policy, message):
    health = {"a": Health(failed="failed liveness probe")}
    actions = compute_pod_actions(spec(policy), runtime(("a", RUNNING)), health, {})
    assert [kill.message for kill in actions.kill] == [message]


def made_with(image, state):
    status = ContainerStatus("a", "a", 0, state, 0.0, "i", "r", user_specified_image=image)
    return PodStatus(PodSandboxStatus("s", "u", 0, SandboxState.READY, 0.0), (status,))


@pytest.mark.parametrize("policy", ["Always", "OnFailure", "Never"])
def test_another_image_restarts_a_container_whatever_the_policy(policy):
    pod = PodSpec(containers=(Container(name="a", image="new"),), restart_policy=policy)
    assert summary(compute_pod_actions(pod, made_with("new", RUNNING), {}, {})) == []
    actions = compute_pod_actions(pod, made_with("old", RUNNING), {}, {})
    assert [kill.message for kill in actions.kill] == ["Container a definition changed, will be restarted"]
    assert summary(compute_pod_actions(pod, made_with("old", EXITED), {}, {})) == ["start a"]


STATES = st.sampled_from([CREATED, RUNNING, EXITED])


@given(
    policy=st.sampled_from(["Always", "OnFailure", "Never"]),
    states=st.dictionaries(st.sampled_from("ijab"), st.tuples(STATES, st.integers(0, 2))),
)
def test_nothing_starts_that_runs_and_what_is_finished_starts_nothing(policy, states):
    pod = spec(policy, init=("i", "j"), names=("a", "b"))
    status = runtime(*((name, *state) for name, state in states.items()))
    actions = compute_pod_actions(pod, status, {}, {})
    started = [start.container.name for start in actions.start]
    assert not [name for name in started if states.get(name, (None,))[0] is RUNNING]
    assert len(set(started)) == len(started)
    assert not (actions.finished and started)
    if not any(name in states for name in "ab"):
        assert len([name for name in started if name in "ij"]) <= 1
