"""The simulated runtime: containers that are entries in a table, and end when a clock says so.

No task, timer or process stands behind a container that runs for ever; one that ends by itself, or starts late, is a
timer of the node's process. What each does is set by the pod's annotations (``kube.cri.behaviour``).
"""

import ipaddress
from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, Protocol

from msgspec.structs import replace

from kube.api.helpers.images import parse_image_name
from kube.base.chance import Chance
from kube.base.clock import Clock
from kube.base.version import VERSION
from kube.cri.behaviour import (
    FOREVER,
    Behaviour,
    BehaviourError,
    behaviour_of,
    default_behaviour,
    has_readiness,
    pull_behaviour,
)
from kube.cri.interface import (
    CONTAINER_TYPE,
    NO_STATUS,
    RESTART_POLICY,
    ContainerConfig,
    ContainerEvent,
    ContainerState,
    ContainerStatus,
    EventListener,
    EventType,
    Image,
    ImageSpec,
    NotFoundError,
    PodSandboxConfig,
    PodSandboxStatus,
    PodStatus,
    RuntimeServiceError,
    SandboxState,
)

KILLED_EXIT_CODE: Final = 137
RESERVED_ADDRESSES: Final = 2
"""The network's own address and its gateway."""


class Timer(Protocol):
    def cancel(self) -> None: ...


After = Callable[[float, Callable[[], object]], Timer]
"""Calls a function in so many seconds (``kube.base.timers.Timers.after``)."""


class _Container:
    __slots__ = ("behaviour", "pod", "status", "timer")

    def __init__(self, pod: "_Pod", status: ContainerStatus, behaviour: Behaviour) -> None:
        self.pod = pod
        self.status = status
        self.behaviour = behaviour
        self.timer: Timer | None = None


class _Pod:
    """A pod's newest sandbox. Older ones are gone when it is made: a stopped sandbox has nothing left to show."""

    __slots__ = ("annotations", "containers", "sandbox", "view")

    def __init__(self, sandbox: PodSandboxStatus, annotations: Mapping[str, str]) -> None:
        self.sandbox = sandbox
        self.annotations = annotations
        self.containers: list[_Container] = []
        self.view: PodStatus | None = None
        """What `pod_status` gave last, until something changes."""


class SimulatedRuntime:
    """Implements RuntimeService, ImageService and ProbeRunner for one node."""

    __slots__ = (
        "_after",
        "_chance",
        "_clock",
        "_containers",
        "_free",
        "_listener",
        "_next_address",
        "_pods",
        "_prefix",
        "_pulls",
        "_sandboxes",
        "_size",
    )

    name = "simulated"
    version = VERSION

    def __init__(self, clock: Clock, after: After, chance: Chance) -> None:
        self._clock = clock
        self._after = after
        self._chance = chance
        self._listener: EventListener | None = None
        self._pods: dict[str, _Pod] = {}
        self._sandboxes: dict[str, _Pod] = {}
        self._containers: dict[str, _Container] = {}
        self._pulls: dict[str, int] | None = None
        self._prefix = 0
        self._size = 0
        self._next_address = RESERVED_ADDRESSES
        self._free: list[int] | None = None

    def __len__(self) -> int:
        """How many pods have a sandbox."""
        return len(self._pods)

    def listen(self, listener: EventListener | None) -> None:
        self._listener = listener

    def set_pod_cidr(self, pod_cidr: str) -> None:
        network = ipaddress.ip_network(pod_cidr)
        if network.version != 4:
            raise RuntimeServiceError(f"the simulated network is IPv4, and {pod_cidr} is not")
        self._prefix = int(network.network_address)
        self._size = network.num_addresses - 1  # the last is the broadcast address

    def vanish(self) -> None:
        """The machine loses power: everything is gone, and nobody is told."""
        self._listener = None
        for container in self._containers.values():
            _cancel(container)
        self._containers.clear()
        self._sandboxes.clear()
        self._pods.clear()

    # Sandboxes

    async def run_pod_sandbox(self, config: PodSandboxConfig) -> str:
        ips = () if config.host_network else (self._take_address(),)
        status = PodSandboxStatus(
            id=self._id(),
            uid=config.uid,
            attempt=config.attempt,
            state=SandboxState.READY,
            created_at=self._clock.now(),
            ips=ips,
        )
        pod = _Pod(status, config.annotations)
        old = self._pods.get(config.uid)
        if old is not None:
            pod.containers = old.containers
            for container in pod.containers:
                container.pod = pod
            self._sandboxes.pop(old.sandbox.id, None)
        self._pods[config.uid] = self._sandboxes[status.id] = pod
        return status.id

    async def stop_pod_sandbox(self, sandbox_id: str) -> None:
        pod = self._sandboxes.get(sandbox_id)
        if pod is None or pod.sandbox.state is SandboxState.NOT_READY:
            return
        for container in pod.containers:
            self._exit(container, KILLED_EXIT_CODE)
        for ip in pod.sandbox.ips:
            self._give_back(ip)
        pod.sandbox = replace(pod.sandbox, state=SandboxState.NOT_READY, ips=())
        pod.view = None

    async def remove_pod_sandbox(self, sandbox_id: str) -> None:
        pod = self._sandboxes.get(sandbox_id)
        if pod is None:
            return
        await self.stop_pod_sandbox(sandbox_id)
        for container in pod.containers:
            self._containers.pop(container.status.id, None)
        del self._sandboxes[sandbox_id]
        self._pods.pop(pod.sandbox.uid, None)

    def _take_address(self) -> str:
        """Round robin, so that an address is not given to another pod right after it was given back."""
        if not self._size:
            raise RuntimeServiceError("the node has no pod CIDR")
        if self._next_address < self._size:
            number = self._next_address
            self._next_address += 1
        elif self._free:
            number = self._free.pop(0)
        else:
            raise RuntimeServiceError("no IP addresses available in the node's pod CIDR")
        address = self._prefix + number
        return f"{address >> 24}.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}"

    def _give_back(self, ip: str) -> None:
        if self._free is None:
            self._free = []
        self._free.append(int(ipaddress.IPv4Address(ip)) - self._prefix)

    def _id(self) -> str:
        return f"{self._chance.getrandbits(256):064x}"

    # Containers

    async def create_container(self, sandbox_id: str, config: ContainerConfig) -> str:
        pod = self._sandboxes.get(sandbox_id)
        if pod is None or pod.sandbox.state is SandboxState.NOT_READY:
            raise NotFoundError(f"no sandbox {sandbox_id} is ready")
        words = config.annotations
        default = default_behaviour(words.get(CONTAINER_TYPE, ""), words.get(RESTART_POLICY, ""))
        try:
            behaviour = behaviour_of(pod.annotations, config.name, config.attempt, default, self._chance)
        except BehaviourError as error:
            raise RuntimeServiceError(str(error), "CreateContainerConfigError") from None
        if behaviour.create_error:
            raise RuntimeServiceError(behaviour.create_error)
        status = ContainerStatus(
            id=self._id(),
            name=config.name,
            attempt=config.attempt,
            state=ContainerState.CREATED,
            created_at=self._clock.now(),
            image=full_name(config.image),
            image_ref=config.image_ref,
            user_specified_image=config.image,
        )
        container = self._containers[status.id] = _Container(pod, status, behaviour)
        pod.containers.insert(0, container)
        pod.view = None
        return status.id

    async def start_container(self, container_id: str) -> None:
        container = self._container(container_id)
        if container.status.state is not ContainerState.CREATED or container.timer is not None:
            raise RuntimeServiceError(f"container {container_id} is started already")
        delay = container.behaviour.start_delay
        if delay:
            if delay < FOREVER:
                container.timer = self._after(delay, lambda: self._start_late(container))
            return
        self._start(container)

    def _start_late(self, container: _Container) -> None:
        self._start(container)
        self._tell(EventType.STARTED, container)

    def _start(self, container: _Container) -> None:
        container.timer = None
        container.status = replace(
            container.status, state=ContainerState.RUNNING, started_at=self._clock.now()
        )
        container.pod.view = None
        run_time = container.behaviour.run_time
        if not run_time:
            self._exit(container, container.behaviour.exit_code)
        elif run_time < FOREVER:
            container.timer = self._after(run_time, lambda: self._run_out(container))

    def _run_out(self, container: _Container) -> None:
        self._exit(container, container.behaviour.exit_code)
        self._tell(EventType.STOPPED, container)

    def _exit(self, container: _Container, code: int) -> None:
        _cancel(container)
        status = container.status
        if status.state is ContainerState.EXITED:
            return
        container.status = replace(
            status,
            state=ContainerState.EXITED,
            finished_at=self._clock.now(),
            exit_code=code,
            reason="Error" if code else "Completed",
            message=container.behaviour.termination_message,
        )
        container.pod.view = None

    async def stop_container(self, container_id: str, timeout: float) -> None:  # noqa: ASYNC109  # CRI's own parameter
        container = self._containers.get(container_id)
        if container is None or container.status.state is ContainerState.EXITED:
            return
        delay, code = container.behaviour.stop_delay, container.behaviour.stop_exit_code
        if delay > timeout:
            delay, code = timeout, KILLED_EXIT_CODE
        if delay > 0:
            await self._clock.sleep(delay)
        self._exit(container, code)

    async def remove_container(self, container_id: str) -> None:
        container = self._containers.pop(container_id, None)
        if container is not None:
            _cancel(container)
            container.pod.containers.remove(container)
            container.pod.view = None

    async def pod_status(self, pod_uid: str) -> PodStatus:
        pod = self._pods.get(pod_uid)
        if pod is None:
            return NO_STATUS
        view = pod.view
        if view is None:
            view = pod.view = PodStatus(
                pod.sandbox, tuple([container.status for container in pod.containers])
            )
        return view

    def container_log(self, container_id: str) -> str:
        """What the container has written: the text of its ``logs`` annotation. Raises NotFoundError."""
        return self._container(container_id).behaviour.logs

    def _container(self, container_id: str) -> _Container:
        container = self._containers.get(container_id)
        if container is None:
            raise NotFoundError(f"there is no container {container_id}")
        return container

    def _tell(self, type_: EventType, container: _Container) -> None:
        if self._listener is not None:
            event = ContainerEvent(type_, container.status.id, container.pod.sandbox.uid, self._clock.now())
            self._listener(event)

    # Images: every node has every image, but for pods that say that a pull takes time or fails.

    async def image_status(self, spec: ImageSpec) -> Image | None:
        if self._pulls is None or spec.image not in self._pulls:
            try:
                if pull_behaviour(spec.annotations, "", self._chance).absent:
                    return None
            except BehaviourError as error:
                raise RuntimeServiceError(str(error)) from None
        elif self._pulls[spec.image] >= 0:
            return None
        return image_of(spec.image)

    async def pull_image(self, spec: ImageSpec) -> Image:
        try:
            behaviour = pull_behaviour(spec.annotations, "", self._chance)
        except BehaviourError as error:
            raise RuntimeServiceError(str(error)) from None
        if behaviour.delay:
            await self._clock.sleep(behaviour.delay)
        if behaviour.absent:
            self._try_pull(spec.image, behaviour.failures)
        return image_of(spec.image)

    def _try_pull(self, image: str, failures: float) -> None:
        """Counts the pulls of an image that failed; -1 once it is there."""
        if self._pulls is None:
            self._pulls = {}
        tried = self._pulls.get(image, 0)
        if 0 <= tried < failures:
            self._pulls[image] = tried + 1
            raise RuntimeServiceError(f'failed to pull and unpack image "{full_name(image)}": not found')
        self._pulls[image] = -1

    async def list_images(self) -> tuple[Image, ...]:
        """Those that were pulled; the others are not there until somebody asks for them."""
        if self._pulls is None:
            return ()
        return tuple(image_of(image) for image, tried in self._pulls.items() if tried < 0)

    # Probes

    def implies_readiness(self, annotations: Mapping[str, str], container: str) -> bool:
        return has_readiness(annotations, container)

    async def probe(self, kind: str, container_id: str, pod_ip: str, probe: Any) -> tuple[bool, str]:  # noqa: ARG002  # the address and the probe are real runtimes'
        container = self._containers.get(container_id)
        if container is None or container.status.state is not ContainerState.RUNNING:
            return False, "the container does not run"
        age = self._clock.now() - container.status.started_at
        behaviour = container.behaviour
        match kind:
            case "Liveness":
                good = age < behaviour.live_until
            case "Startup":
                good = age >= behaviour.started_after
            case _:
                good = age >= behaviour.ready_after
        return (True, "") if good else (False, "the simulated container says no")


def _cancel(container: _Container) -> None:
    if container.timer is not None:
        container.timer.cancel()
        container.timer = None


@lru_cache(4096)
def full_name(image: str) -> str:
    """The name under which a runtime shows an image: ``docker.io/library/nginx:latest``."""
    name = parse_image_name(image)
    if name is None:
        return image
    return f"{name.repository}@{name.digest}" if name.digest else f"{name.repository}:{name.tag}"


@lru_cache(4096)
def image_of(image: str) -> Image:
    """The image of a name: digest and size (10 to 200 MB) follow from the name alone."""
    full = full_name(image)
    digest = sha256(full.encode()).hexdigest()
    name = parse_image_name(image)
    repository = name.repository if name is not None else image
    return Image(
        id=f"{repository}@sha256:{digest}",
        repo_tags=(full,),
        repo_digests=(f"{repository}@sha256:{digest}",),
        size=10_000_000 + int(digest[:8], 16) % 190_000_000,
    )
