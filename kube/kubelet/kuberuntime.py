"""Carries out what a pod needs, against the runtime of its node: one object per pod.

Semantics: ``SyncPod``, ``startContainer``, ``doBackOff`` and ``killPod`` of pkg/kubelet/kuberuntime. Nothing here waits for
anything that takes time by itself: pulls and stops are coroutines that the pod's worker runs beside.
"""

import asyncio
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from kube.api.types.core_v1 import Container, ObjectReference, Pod
from kube.apimachinery.time import duration_from_seconds, to_seconds
from kube.client.events import NORMAL, WARNING
from kube.cri.interface import (
    CONTAINER_TYPE,
    NO_STATUS,
    RESTART_POLICY,
    ContainerConfig,
    ContainerState,
    ContainerStatus,
    PodSandboxConfig,
    PodStatus,
    RuntimeServiceError,
    SandboxState,
)
from kube.kubelet import events
from kube.kubelet.container import is_sidecar
from kube.kubelet.images import Background, ImagePulls
from kube.kubelet.node import NodeState
from kube.kubelet.pod_actions import Health, Kill, PodActions, Start, compute_pod_actions
from kube.kubelet.prober import ContainerProbes, Prober, has_probes

RETRY_SECONDS: Final = 10.0
"""After an operation of the runtime has failed (upstream's backOffPeriod)."""
MAX_STEPS: Final = 64
"""Steps of one sync: more than a pod has containers in a row."""
DEADLINE_EXCEEDED: Final = "DeadlineExceeded"
DEADLINE_MESSAGE: Final = "Pod was active on the node longer than the specified deadline"
MIN_GRACE: Final = 1.0


class PodRuntime:
    """What runs of one pod, and why what does not run does not."""

    __slots__ = (
        "_background",
        "_held",
        "_images",
        "_killing",
        "_node",
        "_probed",
        "_sandbox_id",
        "_under_way",
        "ended",
        "finished",
        "pod",
        "probes",
        "status",
        "waiting",
        "wake_at",
    )

    def __init__(self, pod: Pod, node: NodeState, background: Background) -> None:
        self.pod = pod
        self.status: PodStatus = NO_STATUS
        self.waiting: dict[str, tuple[str, str]] = {}
        self.probes: dict[str, ContainerProbes] = {}
        self.finished = False
        """Nothing will be started again: the pod is to be killed."""
        self.ended: tuple[str, str, str] | None = None
        """Phase, reason and message that the kubelet itself has decided on."""
        self.wake_at: float | None = None
        """When the next sync is due by the wall clock, as the last sync has found."""
        self._node = node
        self._background = background
        self._under_way: dict[str, ObjectReference] = {}
        self._killing: dict[str, None] = {}
        self._held: dict[str, float] = {}
        self._images: ImagePulls | None = None
        self._sandbox_id = ""
        self._probed = self._is_probed()

    # Syncing

    async def sync(self, started_at: float) -> None:
        """Bring the pod as far as it goes now. ``started_at`` is its status.startTime, in wall seconds.

        Raises RuntimeServiceError when the runtime cannot be asked.
        """
        self.wake_at = None
        if self._is_past_deadline(started_at):
            await self.read()
            return
        for _ in range(MAX_STEPS):
            await self.read()
            await self._probe()
            actions = compute_pod_actions(self.pod.spec, self.status, self._health(), self._under_way)
            self.finished |= actions.finished
            if self.finished or not await self._execute(actions):
                break

    def _is_past_deadline(self, started_at: float) -> bool:
        seconds = self.pod.spec.active_deadline_seconds
        if seconds is None or self.finished:
            return False
        deadline = started_at + seconds
        if self._node.clock.now() < deadline:
            self._wake(deadline)
            return False
        self.finished = True
        self.ended = "Failed", DEADLINE_EXCEEDED, DEADLINE_MESSAGE
        self._event(events.reference(self.pod), NORMAL, DEADLINE_EXCEEDED, DEADLINE_MESSAGE)
        return True

    async def read(self) -> None:
        """Ask the runtime, and see what has come of the starts that were under way."""
        self.status = status = await self._node.runtime.pod_status(self.pod.metadata.uid)
        if status.sandbox is not None:
            self._sandbox_id = status.sandbox.id
        if self._under_way:
            for container in status.containers:
                if container.state is not ContainerState.CREATED:
                    reference = self._under_way.pop(container.id, None)
                    if reference is not None:
                        self._event(reference, NORMAL, events.STARTED_CONTAINER, "Container started")

    async def _execute(self, actions: PodActions) -> bool:
        """Whether anything has been done, so that there may be more to do."""
        done = False
        if actions.create_sandbox:
            if not await self._create_sandbox(actions.attempt):
                return False
            done = True
        for kill in actions.kill:
            done |= self._kill(kill)
        for start in actions.start:
            done |= await self._start(start)
        return done

    async def _create_sandbox(self, attempt: int) -> bool:
        pod = self.pod
        metadata = pod.metadata
        if attempt:
            self._event(
                events.reference(pod),
                NORMAL,
                events.SANDBOX_CHANGED,
                "Pod sandbox changed, it will be killed and re-created.",
            )
        config = PodSandboxConfig(
            name=metadata.name,
            uid=metadata.uid,
            namespace=metadata.namespace,
            attempt=attempt,
            hostname=pod.spec.hostname or metadata.name,
            labels=metadata.labels,
            annotations=metadata.annotations,
            host_network=pod.spec.host_network,
        )
        try:
            self._sandbox_id = await self._node.runtime.run_pod_sandbox(config)
        except RuntimeServiceError as error:
            self._event(
                events.reference(pod),
                WARNING,
                events.FAILED_CREATE_SANDBOX,
                f"Failed to create pod sandbox: {error}",
            )
            self._wake(self._node.clock.now() + RETRY_SECONDS)
            return False
        return True

    # Starting

    async def _start(self, start: Start) -> bool:
        """Whether the container was told to start, and is not held back."""
        container = start.container
        reference = events.reference(
            self.pod, events.field_path(container.name, init=start.type != "regular")
        )
        if self._is_held(start, reference):
            return False
        image = await self._image(container, reference)
        if image is None:
            return False
        if start.after is not None:
            self._node.container_backoff.next(
                self._key(container), start.after.finished_at, self._node.clock.now()
            )
        return await self._create_and_start(start, image, reference)

    def _is_held(self, start: Start, reference: ObjectReference) -> bool:
        name, now = start.container.name, self._node.clock.now()
        held = self._held.get(name, 0.0)
        if held > now:
            self._wake(held)
            return True
        if start.after is None:
            return False
        key = self._key(start.container)
        due = self._node.container_backoff.due(key, start.after.finished_at)
        if due <= now:
            return False
        if self.waiting.get(name, ("", ""))[0] != "CrashLoopBackOff":
            who = events.full_name(self.pod)
            delay = duration_from_seconds(self._node.container_backoff.get(key))
            self.waiting[name] = (
                "CrashLoopBackOff",
                f"back-off {delay} restarting failed container={name} pod={who}",
            )
            self._event(
                reference,
                WARNING,
                events.BACK_OFF,
                f"Back-off restarting failed container {name} in pod {who}",
            )
        self._wake(due)
        return True

    async def _image(self, container: Container, reference: ObjectReference) -> str | None:
        if self._images is None:
            self._images = ImagePulls(self._node, self._background, self.waiting)
        try:
            image, again = await self._images.ensure(self.pod, container, reference)
        except RuntimeServiceError as error:
            message = f'Failed to inspect image "{container.image}": {error}'
            self._event(reference, WARNING, events.FAILED_TO_INSPECT_IMAGE, message)
            self._hold(container, "ImageInspectError", message)
            return None
        if again is not None:
            self._wake(again)
        return image

    async def _create_and_start(self, start: Start, image: str, reference: ObjectReference) -> bool:
        container, runtime = start.container, self._node.runtime
        attempt = 0 if start.after is None else start.after.attempt + 1
        await self._collect(container.name, start.after)
        config = ContainerConfig(
            name=container.name,
            image=container.image,
            image_ref=image,
            attempt=attempt,
            command=container.command,
            args=container.args,
            working_dir=container.working_dir,
            envs=tuple([(each.name, each.value) for each in container.env]) if container.env else (),
            annotations=_annotations(start.type, self.pod.spec.restart_policy),
        )
        try:
            container_id = await runtime.create_container(self._sandbox_id, config)
        except RuntimeServiceError as error:
            self._event(reference, WARNING, events.FAILED, f"Error: {error}")
            self._hold(container, error.reason or "CreateContainerError", str(error))
            return False
        self._event(reference, NORMAL, events.CREATED_CONTAINER, "Container created")
        try:
            await runtime.start_container(container_id)
        except RuntimeServiceError as error:
            self._event(reference, WARNING, events.FAILED, f"Error: {error}")
            self._hold(container, error.reason or "RunContainerError", str(error))
            return False
        self._under_way[container_id] = reference
        self.waiting.pop(container.name, None)
        self._held.pop(container.name, None)
        return True

    async def _collect(self, name: str, keep: ContainerStatus | None) -> None:
        """Remove the earlier runs of a container but for the last that has ended (its log may be asked for)."""
        for status in self.status.containers:
            if status.name == name and status is not keep:
                self.probes.pop(status.id, None)
                await self._node.runtime.remove_container(status.id)

    def _hold(self, container: Container, reason: str, message: str) -> None:
        self.waiting[container.name] = reason, message
        self._held[container.name] = again = self._node.clock.now() + RETRY_SECONDS
        self._wake(again)

    # Probing

    def _health(self) -> Mapping[str, Health]:
        return {id_: probes.health for id_, probes in self.probes.items()} if self.probes else _NO_HEALTH

    async def _probe(self) -> None:
        """Run the probes that are due, and note when the next one is."""
        if not self._probed:
            return
        now = self._node.clock.now()
        sidecars = [each for each in self.pod.spec.init_containers if is_sidecar(each)]
        for container in (*sidecars, *self.pod.spec.containers):
            known = self.status.find(container.name)
            if known is None or known.state is not ContainerState.RUNNING:
                continue
            probes = self.probes.get(known.id)
            if probes is None:
                implied = self._node.probes.implies_readiness(self.pod.metadata.annotations, container.name)
                if not implied and not has_probes(container):
                    continue
                probes = self.probes[known.id] = ContainerProbes(
                    container, known.started_at, implied_readiness=implied
                )
            await self._run_probes(container, known, probes, now)

    def _is_probed(self) -> bool:
        pod, spec = self.pod, self.pod.spec
        if any(map(has_probes, spec.containers)) or any(map(has_probes, spec.init_containers)):
            return True
        annotations = pod.metadata.annotations
        if not annotations:
            return False
        implies = self._node.probes.implies_readiness
        return any(implies(annotations, each.name) for each in spec.containers)

    async def _run_probes(
        self, container: Container, known: ContainerStatus, probes: ContainerProbes, now: float
    ) -> None:
        for _ in range(2):  # what startup has just let in has its turn at once
            started = probes.started
            for prober in probes.active():
                if prober.due <= now:
                    await self._run_probe(container, known, prober, now)
            if probes.started is started:
                break
        due = probes.next_due()
        if due is not None:
            self._wake(due)

    async def _run_probe(
        self, container: Container, known: ContainerStatus, prober: Prober, now: float
    ) -> None:
        sandbox = self.status.sandbox
        ip = sandbox.ips[0] if sandbox is not None and sandbox.ips else self._node.config.node_ip
        success, output = await self._node.probes.probe(prober.kind, known.id, ip, prober.probe)
        prober.record(success, now)
        if not success:
            sidecar = all(each is not container for each in self.pod.spec.containers)
            self._event(
                events.reference(self.pod, events.field_path(container.name, init=sidecar)),
                WARNING,
                events.CONTAINER_UNHEALTHY,
                f"{prober.kind} probe failed: {output}",
            )

    # Killing

    def _kill(self, kill: Kill) -> bool:
        """Stop a container whose probe has failed or whose image is another, beside; it is started again once it has ended."""
        id_ = kill.status.id
        if id_ in self._killing:
            return False
        self._killing[id_] = None
        self._event(self._reference_of(kill.status), NORMAL, events.KILLING_CONTAINER, kill.message)
        grace = float(self.pod.spec.termination_grace_period_seconds or 0)
        self._background(self._stop_unhealthy(id_, grace), f"kill {kill.status.name}")
        return False

    async def _stop_unhealthy(self, container_id: str, grace: float) -> None:
        try:
            await self._node.runtime.stop_container(container_id, max(grace, MIN_GRACE))
        finally:
            self._killing.pop(container_id, None)
            self.probes.pop(container_id, None)

    async def kill_pod(self, grace: float) -> None:
        """Stop all that runs: sidecars last, in the reverse of their order; then the sandbox.

        ``grace`` is for all together, in seconds. Cancel it to begin again with another. Raises RuntimeServiceError.
        """
        clock, runtime = self._node.clock, self._node.runtime
        end = clock.monotonic() + max(grace, MIN_GRACE)
        running, sidecars = self._running()
        for status in (*running, *sidecars):
            if status.id not in self._killing:
                self._killing[status.id] = None
                message = f"Stopping container {status.name}"
                self._event(self._reference_of(status), NORMAL, events.KILLING_CONTAINER, message)
        if len(running) == 1:
            await runtime.stop_container(running[0].id, max(grace, MIN_GRACE))
        elif running:
            stops = [runtime.stop_container(each.id, max(grace, MIN_GRACE)) for each in running]
            await asyncio.gather(*stops)
        for status in sidecars:
            await runtime.stop_container(status.id, max(end - clock.monotonic(), MIN_GRACE))
        sandbox = self.status.sandbox
        if sandbox is not None and sandbox.state is SandboxState.READY:
            await runtime.stop_pod_sandbox(sandbox.id)
        self._under_way.clear()
        await self.read()

    def _running(self) -> tuple[list[ContainerStatus], list[ContainerStatus]]:
        """What has to be stopped: at once, and after that one by one."""
        order = {each.name: i for i, each in enumerate(self.pod.spec.init_containers) if is_sidecar(each)}
        live = [each for each in self.status.containers if each.state is not ContainerState.EXITED]
        sidecars = [each for each in live if each.name in order]
        sidecars.sort(key=lambda each: -order[each.name])
        return [each for each in live if each.name not in order], sidecars

    async def remove(self) -> None:
        """The pod is gone: forget its sandbox and containers. Raises RuntimeServiceError."""
        sandbox = self.status.sandbox
        if sandbox is not None:
            await self._node.runtime.remove_pod_sandbox(sandbox.id)

    # Small things

    def _reference_of(self, status: ContainerStatus) -> ObjectReference:
        init = any(each.name == status.name for each in self.pod.spec.init_containers)
        return events.reference(self.pod, events.field_path(status.name, init=init))

    def _key(self, container: Container) -> str:
        """Who backs off: another image begins anew."""
        return f"{self.pod.metadata.uid}/{container.name}/{container.image}"

    def _wake(self, at: float) -> None:
        if self.wake_at is None or at < self.wake_at:
            self.wake_at = at

    def _event(self, reference: ObjectReference, type_: str, reason: str, message: str) -> None:
        self._node.recorder.event(reference, type_, reason, message)


_NO_HEALTH: Final[Mapping[str, Health]] = {}


@lru_cache(64)
def _annotations(type_: str, restart_policy: str) -> Mapping[str, str]:
    return {CONTAINER_TYPE: type_, RESTART_POLICY: restart_policy}


def start_time_of(pod: Pod, otherwise: float) -> float:
    """When the pod's kubelet first saw it, in wall seconds."""
    return otherwise if pod.status.start_time is None else to_seconds(pod.status.start_time)
