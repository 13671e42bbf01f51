"""What has to be done so that a pod is as its spec wants it: one step of the pod's state machine. Pure.

Semantics: ``computePodActions`` of pkg/kubelet/kuberuntime: init containers in order, sidecars among them (KEP-753),
then all others at once; what has ended is started again as the restart policy says; a pod of which nothing will run again
is done.
"""

from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct

from kube.api.types.core_v1 import Container, PodSpec
from kube.cri.interface import ContainerState, ContainerStatus, PodStatus, SandboxState
from kube.kubelet.container import is_sidecar, should_restart

ContainerType = Literal["init", "sidecar", "regular"]


class Health(Struct, frozen=True):
    """What the probes say of a running container. ``failed`` is the message of a failed liveness or startup probe."""

    started: bool = True
    failed: str = ""


HEALTHY: Final = Health()


class Start(Struct, frozen=True):
    """Start a container anew. ``after`` is the one of the same name that has ended."""

    container: Container
    type: ContainerType
    after: ContainerStatus | None = None


class Kill(Struct, frozen=True):
    """Stop a running container; the next step starts it again if it has to be."""

    status: ContainerStatus
    message: str


class PodActions(Struct, frozen=True):
    """``finished``: nothing of the pod will run again, and what still runs (sidecars) is to be stopped."""

    create_sandbox: bool = False
    attempt: int = 0
    start: tuple[Start, ...] = ()
    kill: tuple[Kill, ...] = ()
    finished: bool = False


KILLED: Final = 137
"""The exit code that a container is taken to end with when the kubelet kills it."""

NOTHING: Final = PodActions()
FINISHED: Final = PodActions(finished=True)


def compute_pod_actions(
    spec: PodSpec,
    status: PodStatus,
    health: Mapping[str, Health],
    under_way: Mapping[str, object],
) -> PodActions:
    """``health`` by container id, for those that have probes; ``under_way`` are the ids of CREATED containers that were
    told to start. Back-off is the executor's: it holds a ``Start`` back whose container has just failed.
    """
    sandbox = status.sandbox
    if sandbox is None or sandbox.state is not SandboxState.READY:
        attempt = 0 if sandbox is None else sandbox.attempt + 1
        if attempt and not _anything_left(spec, status):
            return FINISHED
        first = _first(spec, status)
        return PodActions(create_sandbox=True, attempt=attempt, start=first)
    steps = _Steps(spec, status, health, under_way)
    initialized = any(status.find(container.name) is not None for container in spec.containers)
    if not spec.init_containers or steps.init(initialized=initialized):
        steps.regular()
    return steps.result()


def _first(spec: PodSpec, status: PodStatus) -> tuple[Start, ...]:
    """What starts in a new sandbox at once; a pod that has had one goes on with the next step instead."""
    if status.containers:
        return ()
    if not spec.init_containers:
        return tuple([Start(container, "regular") for container in spec.containers])
    first = spec.init_containers[0]
    return (Start(first, "sidecar" if is_sidecar(first) else "init"),)


def _anything_left(spec: PodSpec, status: PodStatus) -> bool:
    """Whether a container is to run in the next sandbox."""
    for container in spec.containers:
        known = status.find(container.name)
        if known is None or known.state is not ContainerState.EXITED:
            return True
        if should_restart(container, spec, known.exit_code):
            return True
    return False


class _Steps:
    def __init__(
        self,
        spec: PodSpec,
        status: PodStatus,
        health: Mapping[str, Health],
        under_way: Mapping[str, object],
    ) -> None:
        self.spec = spec
        self.status = status
        self.health = health
        self.under_way = under_way
        self.start: list[Start] = []
        self.kill: list[Kill] = []
        self.finished = False

    def result(self) -> PodActions:
        if self.finished:
            return FINISHED
        if not self.start and not self.kill:
            return NOTHING
        return PodActions(start=tuple(self.start), kill=tuple(self.kill))

    def init(self, *, initialized: bool) -> bool:
        """Go through the init containers in order; returns whether the regular ones may run."""
        for container in self.spec.init_containers:
            sidecar = is_sidecar(container)
            if initialized and not sidecar:
                continue
            known = self.status.find(container.name)
            if sidecar:
                if not self._sidecar(container, known) and not initialized:
                    return False
            elif not self._ordinary(container, known):
                return False
        return True

    def _sidecar(self, container: Container, known: ContainerStatus | None) -> bool:
        """Whether the ones behind it may start."""
        if known is not None and known.state is ContainerState.RUNNING:
            return self._check(container, known).started
        if known is None or known.id not in self.under_way:
            self.start.append(Start(container, "sidecar", _ended(known)))
        return False

    def _ordinary(self, container: Container, known: ContainerStatus | None) -> bool:
        """Whether it has done its work."""
        if known is not None and known.state is ContainerState.EXITED:
            if known.exit_code == 0:
                return True
            if not should_restart(container, self.spec, known.exit_code):
                self.finished = True
                return False
        elif known is not None and (known.state is ContainerState.RUNNING or known.id in self.under_way):
            return False
        self.start.append(Start(container, "init", _ended(known)))
        return False

    def regular(self) -> None:
        lives = False
        for container in self.spec.containers:
            known = self.status.find(container.name)
            if known is None:
                self.start.append(Start(container, "regular"))
            elif known.state is ContainerState.RUNNING:
                self._check(container, known)
            elif known.state is ContainerState.EXITED:
                if not should_restart(container, self.spec, known.exit_code) and not is_changed(
                    container, known
                ):
                    continue
                self.start.append(Start(container, "regular", known))
            elif known.id not in self.under_way:
                self.start.append(Start(container, "regular"))
            lives = True
        self.finished = not lives

    def _check(self, container: Container, known: ContainerStatus) -> Health:
        health = self.health.get(known.id, HEALTHY)
        if is_changed(container, known):
            message = f"Container {container.name} definition changed, will be restarted"
            self.kill.append(Kill(known, message))
        elif health.failed:
            again = should_restart(container, self.spec, KILLED)
            self.kill.append(
                Kill(
                    known,
                    f"Container {container.name} {health.failed}{', will be restarted' if again else ''}",
                )
            )
        return health


def is_changed(container: Container, known: ContainerStatus) -> bool:
    """Whether the image, all of a container's definition that can be updated and needs a restart, is another one now.

    It is started again whatever the restart policy.
    """
    return known.user_specified_image not in ("", container.image)


def _ended(known: ContainerStatus | None) -> ContainerStatus | None:
    return known if known is not None and known.state is ContainerState.EXITED else None
