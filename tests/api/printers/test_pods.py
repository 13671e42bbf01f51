"""READY, STATUS and RESTARTS of pods in every stage of their life."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.api.printers.pods import POD
from kube.api.types.core_v1 import Pod
from kube.apimachinery.time import from_seconds

NOW = 1_800_000_000.0


def ago(seconds: float) -> str:
    return from_seconds(NOW - seconds)


def waiting(reason: str = "") -> dict[str, Any]:
    return {"waiting": {"reason": reason} if reason else {}}


def ended(reason: str = "", code: int = 0, signal: int = 0) -> dict[str, Any]:
    return {"terminated": {"reason": reason, "exitCode": code, "signal": signal}}


RUNNING: dict[str, Any] = {"running": {}}


def status(name: str, state: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "name": name,
        "state": state,
        "image": "",
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        **fields,
    }


def container(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, **fields}


SIDECAR = container("proxy", restartPolicy="Always")


def condition(kind: str, value: str = "True", **fields: Any) -> dict[str, Any]:
    return {"type": kind, "status": value, **fields}


def pod(
    phase: str,
    *,
    containers: list[dict[str, Any]] | None = None,
    init: list[dict[str, Any]] | None = None,
    spec: dict[str, Any] | None = None,
    metadata: dict[str, Any] | None = None,
    **state: Any,
) -> Pod:
    spec = {"containers": containers or [container("app")], "initContainers": init or [], **(spec or {})}
    metadata = {"name": "p", "creationTimestamp": ago(300), **(metadata or {})}
    return msgspec.convert({"metadata": metadata, "spec": spec, "status": {"phase": phase, **state}}, Pod)


def shown(obj: Pod) -> tuple[object, ...]:
    return POD.cells(obj, NOW)[1:4]


CASES: dict[str, tuple[Pod, tuple[str, str, str]]] = {
    "pending": (pod("Pending"), ("0/1", "Pending", "0")),
    "scheduling gated": (
        pod("Pending", conditions=[condition("PodScheduled", "False", reason="SchedulingGated")]),
        ("0/1", "SchedulingGated", "0"),
    ),
    "the status's reason beats the phase": (pod("Failed", reason="Evicted"), ("0/1", "Evicted", "0")),
    "creating": (
        pod("Pending", containerStatuses=[status("app", waiting("ContainerCreating"))]),
        ("0/1", "ContainerCreating", "0"),
    ),
    "image cannot be pulled": (
        pod("Pending", containerStatuses=[status("app", waiting("ImagePullBackOff"))]),
        ("0/1", "ImagePullBackOff", "0"),
    ),
    "running": (
        pod("Running", containerStatuses=[status("app", RUNNING, ready=True)]),
        ("1/1", "Running", "0"),
    ),
    "running, one of two ready": (
        pod(
            "Running",
            containers=[container("a"), container("b")],
            containerStatuses=[status("a", RUNNING, ready=True), status("b", RUNNING)],
        ),
        ("1/2", "Running", "0"),
    ),
    "crash loop": (
        pod(
            "Running",
            containerStatuses=[
                status(
                    "app",
                    waiting("CrashLoopBackOff"),
                    restartCount=4,
                    lastState={"terminated": {"exitCode": 1, "finishedAt": ago(90)}},
                )
            ],
        ),
        ("0/1", "CrashLoopBackOff", "4 (90s ago)"),
    ),
    "the latest restart counts": (
        pod(
            "Running",
            containers=[container("a"), container("b")],
            containerStatuses=[
                status(
                    "a",
                    RUNNING,
                    ready=True,
                    restartCount=2,
                    lastState={"terminated": {"exitCode": 1, "finishedAt": ago(600)}},
                ),
                status(
                    "b",
                    RUNNING,
                    ready=True,
                    restartCount=1,
                    lastState={"terminated": {"exitCode": 1, "finishedAt": ago(120)}},
                ),
            ],
        ),
        ("2/2", "Running", "3 (2m ago)"),
    ),
    "completed": (
        pod("Succeeded", containerStatuses=[status("app", ended("Completed"))]),
        ("0/1", "Completed", "0"),
    ),
    "failed without a reason": (
        pod("Failed", containerStatuses=[status("app", ended(code=3))]),
        ("0/1", "ExitCode:3", "0"),
    ),
    "killed by a signal": (
        pod("Failed", containerStatuses=[status("app", ended(code=137, signal=9))]),
        ("0/1", "Signal:9", "0"),
    ),
    "one completed, one running and ready": (
        pod(
            "Running",
            containers=[container("a"), container("b")],
            containerStatuses=[status("a", ended("Completed")), status("b", RUNNING, ready=True)],
            conditions=[condition("Ready")],
        ),
        ("1/2", "Running", "0"),
    ),
    "one completed, one running, pod not ready": (
        pod(
            "Running",
            containers=[container("a"), container("b")],
            containerStatuses=[status("a", ended("Completed")), status("b", RUNNING, ready=True)],
            conditions=[condition("Ready", "False")],
        ),
        ("1/2", "NotReady", "0"),
    ),
    "first init container": (
        pod(
            "Pending",
            init=[container("i"), container("j")],
            initContainerStatuses=[status("i", RUNNING), status("j", waiting("PodInitializing"))],
            containerStatuses=[status("app", waiting("PodInitializing"))],
        ),
        ("0/1", "Init:0/2", "0"),
    ),
    "second init container": (
        pod(
            "Pending",
            init=[container("i"), container("j")],
            initContainerStatuses=[status("i", ended("Completed")), status("j", RUNNING, restartCount=2)],
        ),
        ("0/1", "Init:1/2", "2"),
    ),
    "init container fails": (
        pod("Pending", init=[container("i")], initContainerStatuses=[status("i", ended("Error", 1))]),
        ("0/1", "Init:Error", "0"),
    ),
    "init container fails without a reason": (
        pod("Pending", init=[container("i")], initContainerStatuses=[status("i", ended(code=2))]),
        ("0/1", "Init:ExitCode:2", "0"),
    ),
    "init container backs off": (
        pod(
            "Pending",
            init=[container("i")],
            initContainerStatuses=[status("i", waiting("CrashLoopBackOff"), restartCount=3)],
        ),
        ("0/1", "Init:CrashLoopBackOff", "3"),
    ),
    "after initialization its restarts no longer count": (
        pod(
            "Running",
            init=[container("i")],
            initContainerStatuses=[status("i", ended("Completed"), restartCount=3)],
            containerStatuses=[status("app", RUNNING, ready=True)],
            conditions=[condition("Initialized")],
        ),
        ("1/1", "Running", "0"),
    ),
    "a sidecar counts among the containers": (
        pod(
            "Running",
            init=[SIDECAR],
            initContainerStatuses=[status("proxy", RUNNING, ready=True, started=True, restartCount=1)],
            containerStatuses=[status("app", RUNNING, ready=True, restartCount=1)],
        ),
        ("2/2", "Running", "2"),
    ),
    "a sidecar that has not started holds the rest": (
        pod("Pending", init=[SIDECAR], initContainerStatuses=[status("proxy", RUNNING, started=False)]),
        ("0/2", "Init:0/1", "0"),
    ),
    "being deleted": (
        pod(
            "Running",
            metadata={"deletionTimestamp": ago(1)},
            containerStatuses=[status("app", RUNNING, ready=True)],
        ),
        ("1/1", "Terminating", "0"),
    ),
    "deleted, but finished": (
        pod(
            "Succeeded",
            metadata={"deletionTimestamp": ago(1)},
            containerStatuses=[status("app", ended("Completed"))],
        ),
        ("0/1", "Completed", "0"),
    ),
    "deleted on a lost node": (
        pod("Running", metadata={"deletionTimestamp": ago(1)}, reason="NodeLost"),
        ("0/1", "Unknown", "0"),
    ),
}


@pytest.mark.parametrize(("obj", "expected"), CASES.values(), ids=CASES.keys())
def test_ready_status_restarts(obj: Pod, expected: tuple[str, str, str]) -> None:
    assert shown(obj) == expected


def test_wide_cells() -> None:
    obj = pod(
        "Running",
        spec={
            "nodeName": "n1",
            "readinessGates": [{"conditionType": "a"}, {"conditionType": "b"}],
        },
        podIP="10.0.0.7",
        podIPs=[{"ip": "10.0.0.7"}, {"ip": "fd00::7"}],
        nominatedNodeName="n2",
        conditions=[condition("a"), condition("b", "False")],
    )
    assert POD.cells(obj, NOW)[4:] == ("5m", "10.0.0.7", "n1", "n2", "1/2")
    assert POD.cells(pod("Pending"), NOW)[4:] == ("5m", "<none>", "<none>", "<none>", "<none>")


@pytest.mark.parametrize(
    ("phase", "reasons"), [("Succeeded", ["Succeeded"]), ("Failed", ["Failed"]), ("Running", [])]
)
def test_finished_pods_are_marked_completed(phase: str, reasons: list[str]) -> None:
    found = POD.conditions(pod(phase))
    assert [one.reason for one in found] == reasons
    assert all(one.type == "Completed" and one.status == "True" for one in found)


states = st.sampled_from([RUNNING, waiting("A"), waiting(), ended("Completed"), ended(code=1), {}])


@given(
    st.lists(st.tuples(states, st.booleans()), max_size=3),
    st.lists(st.tuples(states, st.booleans(), st.booleans()), max_size=3),
    st.sampled_from(["Pending", "Running", "Succeeded", "Failed", "Unknown", ""]),
)
def test_whatever_the_states_ready_is_at_most_total(
    main: list[tuple[dict[str, Any], bool]], init: list[tuple[dict[str, Any], bool, bool]], phase: str
) -> None:
    obj = pod(
        phase,
        containers=[container(f"c{index}") for index in range(len(main))] or [container("c")],
        init=[
            container(f"i{index}", **({"restartPolicy": "Always"} if sidecar else {}))
            for index, (_, _, sidecar) in enumerate(init)
        ],
        containerStatuses=[
            status(f"c{index}", state, ready=ready) for index, (state, ready) in enumerate(main)
        ],
        initContainerStatuses=[
            status(f"i{index}", state, ready=ready, started=ready)
            for index, (state, ready, _) in enumerate(init)
        ],
    )
    ready, _, total = str(shown(obj)[0]).partition("/")
    assert 0 <= int(ready) <= int(total)
    assert len(POD.cells(obj, NOW)) == len(POD.columns)
