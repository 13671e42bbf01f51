"""Takes one pod of a node through its life. Not an actor of its own: a small object that its kubelet drives, and that
has a task only while there is something to do.

Semantics: pkg/kubelet/pod_workers.go: a pod is synced, then terminating, then terminated, and never goes back.
"""

import asyncio
from collections.abc import Callable, Coroutine
from enum import Enum
from typing import Any, Final, Protocol

from kube.api.helpers.pods import is_phase_terminal
from kube.api.types.core_v1 import Pod, PodStatus
from kube.apimachinery.errors import ApiError
from kube.base.logging import Logger
from kube.base.timers import Timer
from kube.cri.interface import RuntimeServiceError
from kube.kubelet.kuberuntime import PodRuntime, start_time_of
from kube.kubelet.lifecycle import Rejection
from kube.kubelet.node import NodeState
from kube.kubelet.status import Facts, generate_pod_status, rejected_status, terminated_status
from kube.kubelet.status_manager import StatusManager

RETRY_SECONDS: Final = 1.0
"""After the API server or the runtime could not be asked."""


class Stage(Enum):
    SYNC = "SyncPod"
    TERMINATING = "TerminatingPod"
    TERMINATED = "TerminatedPod"


class Host(Protocol):
    """What a kubelet does for its workers."""

    @property
    def log(self) -> Logger: ...

    def start(self, work: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]": ...

    def after(self, seconds: float, call: Callable[[], object]) -> Timer: ...

    def gone(self, uid: str) -> None:
        """The worker has nothing left to do, ever."""


class PodWorker:
    """``pod`` is the newest version that was seen, by the stream or as the answer to a write."""

    __slots__ = (
        "_dirty",
        "_grace",
        "_host",
        "_kill",
        "_let_go",
        "_manager",
        "_node",
        "_rejection",
        "_running",
        "_runtime",
        "_said",
        "_timer",
        "pod",
        "removed",
        "stage",
    )

    def __init__(
        self,
        pod: Pod,
        node: NodeState,
        manager: StatusManager,
        host: Host,
        rejection: Rejection | None = None,
    ) -> None:
        self.pod = pod
        self.stage = Stage.SYNC
        self.removed = False
        """The API has no such pod any more."""
        self._node = node
        self._manager = manager
        self._host = host
        self._rejection = rejection
        self._runtime = PodRuntime(pod, node, self._beside)
        self._said: PodStatus | None = None
        """The status that was written last, or is being written."""
        self._dirty = False
        self._running = False
        self._timer: Timer | None = None
        self._kill: asyncio.Task[None] | None = None
        self._grace = float("inf")
        self._let_go = False

    # What the kubelet says

    def wake(self) -> None:
        """Something may be to do."""
        self._dirty = True
        if not self._running:
            self._running = True
            self._host.start(self._run(), self.pod.metadata.name)

    def update(self, pod: Pod) -> None:
        """The API has a newer version. What this worker itself has written is no news."""
        old, self.pod = self.pod, pod
        self._runtime.pod = pod
        if _is_wanted_otherwise(pod, old) or pod.status != self._said:
            self.wake()

    def remove(self, pod: Pod) -> None:
        """The API has no such pod any more; ``pod`` is its last version."""
        self.pod = self._runtime.pod = pod
        self.removed = True
        self.wake()

    def close(self) -> None:
        """The kubelet stops; containers run on."""
        self._cancel_timer()

    # Its life

    async def _run(self) -> None:
        while self._dirty:
            self._dirty = False
            self._cancel_timer()
            try:
                await self._pass()
            except (ApiError, RuntimeServiceError) as error:
                self._host.log.warning("pod not synced", pod=self.pod.metadata.name, error=str(error))
                self._sleep(RETRY_SECONDS)
        self._running = False

    async def _pass(self) -> None:
        if self.stage is Stage.SYNC:
            await self._sync()
        if self.stage is Stage.TERMINATING:
            self._terminate()
        elif self.stage is Stage.TERMINATED:
            await self._finish()

    async def _sync(self) -> None:
        pod = self.pod
        if self._rejection is not None:
            await self._write(
                rejected_status(pod, self._rejection.reason, self._rejection.message, self._node.clock.now())
            )
            self._rejection = None
            self.stage = Stage.TERMINATED
            return
        if self.removed or pod.metadata.deletion_timestamp is not None or is_phase_terminal(pod.status.phase):
            self.stage = Stage.TERMINATING
            return
        now = self._node.clock.now()
        await self._runtime.sync(start_time_of(pod, now))
        if self._runtime.finished:
            self.stage = Stage.TERMINATING
            return
        await self._write(self._status(terminal=False))
        if self._runtime.wake_at is not None and not self._dirty:
            self._sleep(self._runtime.wake_at - self._node.clock.now())

    def _terminate(self) -> None:
        """Kill what runs, with the grace that the pod has by now; a shorter one begins anew."""
        grace = self._wanted_grace()
        if self._kill is not None:
            if grace >= self._grace:
                return
            self._kill.cancel()
        self._grace = grace
        self._kill = self._host.start(self._kill_pod(grace), f"kill {self.pod.metadata.name}")

    def _wanted_grace(self) -> float:
        metadata, spec = self.pod.metadata, self.pod.spec
        for seconds in (metadata.deletion_grace_period_seconds, spec.termination_grace_period_seconds):
            if seconds is not None:
                return float(seconds)
        return 0.0

    async def _kill_pod(self, grace: float) -> None:
        try:
            await self._runtime.read()
            await self._runtime.kill_pod(grace)
        except RuntimeServiceError as error:
            self._host.log.warning("pod not killed", pod=self.pod.metadata.name, error=str(error))
            self._kill = None
            self._grace = float("inf")
            self._sleep(RETRY_SECONDS)
            return
        self.stage = Stage.TERMINATED
        self.wake()

    async def _finish(self) -> None:
        """Its containers have ended: say so, and let the pod go if it is to."""
        uid = self.pod.metadata.uid
        self._node.usage.remove(uid)
        if not self.removed:
            await self._say_how_it_ended()
            if self.pod.metadata.deletion_timestamp is None:
                return
            if not self._let_go:
                await self._manager.delete(self.pod)
                self._let_go = True
            if self.pod.metadata.finalizers:
                return
            self.removed = True
        await self._runtime.remove()
        self._node.forget(uid, tuple([each.name for each in self.pod.spec.containers]))
        self._host.gone(uid)

    async def _say_how_it_ended(self) -> None:
        """Unless it was not this kubelet that ended it: a pod that was rejected, or that had ended before."""
        known = self._runtime.status.sandbox is not None
        if self._kill is not None and (known or not is_phase_terminal(self.pod.status.phase)):
            await self._write(terminated_status(self._status(terminal=True)))

    # Small things

    def _status(self, *, terminal: bool) -> PodStatus:
        runtime = self._runtime
        facts = Facts(
            runtime=runtime.status,
            runtime_name=self._node.runtime.name,
            host_ip=self._node.config.node_ip,
            waiting=runtime.waiting,
            probes=runtime.probes,
            terminal=terminal,
            ended=runtime.ended,
        )
        old = self.pod.status if self._said is None else self._said
        return generate_pod_status(self.pod, old, facts, self._node.clock.now())

    async def _write(self, status: PodStatus) -> None:
        pod = self.pod
        self._said = status
        written = await self._manager.write(pod, status)
        if written is None:
            self.removed = True
            self._dirty = True
            return
        self._said = written.status
        if self.pod is pod:
            self.pod = self._runtime.pod = written
            if _is_wanted_otherwise(written, pod):
                self._dirty = True  # the stream, which is behind, will have no news of it

    def _beside(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._host.start(self._then_wake(work), name)

    async def _then_wake(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except RuntimeServiceError as error:
            self._host.log.warning("runtime failed", pod=self.pod.metadata.name, error=str(error))
        self.wake()

    def _sleep(self, seconds: float) -> None:
        self._cancel_timer()
        self._timer = self._host.after(max(seconds, 0.0), self.wake)

    def _cancel_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()


def _is_wanted_otherwise(new: Pod, old: Pod) -> bool:
    """Whether the spec has changed, or the pod is to go, or sooner than before."""
    after, before = new.metadata, old.metadata
    return (
        after.generation != before.generation
        or after.deletion_timestamp != before.deletion_timestamp
        or after.deletion_grace_period_seconds != before.deletion_grace_period_seconds
    )
