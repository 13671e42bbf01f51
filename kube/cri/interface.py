"""What a kubelet asks of a container runtime and of an image store.

Names and semantics: the Container Runtime Interface v1 (k8s.io/cri-api, ``RuntimeService`` and ``ImageService``), in the
parts that a kubelet without exec, attach and stats needs. Times are wall seconds since the epoch; 0 means "not yet".
Every method may be a network call: it raises RuntimeServiceError and nothing else.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Protocol

import msgspec

from kube.apimachinery.meta.struct import EMPTY_MAP


class RuntimeServiceError(Exception):
    """The runtime refused or failed; the message is shown to people.

    ``reason`` is the waiting reason that the failure stands for, "" for the operation's usual one.
    """

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class NotFoundError(RuntimeServiceError):
    """There is no sandbox or container of that id."""


class SandboxState(Enum):
    READY = "SANDBOX_READY"
    NOT_READY = "SANDBOX_NOTREADY"


class ContainerState(Enum):
    CREATED = "CONTAINER_CREATED"
    RUNNING = "CONTAINER_RUNNING"
    EXITED = "CONTAINER_EXITED"
    UNKNOWN = "CONTAINER_UNKNOWN"


class PodSandboxConfig(msgspec.Struct, frozen=True):
    """``annotations`` are the pod's own. ``attempt`` counts the sandboxes of a pod from 0."""

    name: str
    uid: str
    namespace: str
    attempt: int = 0
    hostname: str = ""
    labels: Mapping[str, str] = EMPTY_MAP
    annotations: Mapping[str, str] = EMPTY_MAP
    host_network: bool = False


class PodSandboxStatus(msgspec.Struct, frozen=True):
    id: str
    uid: str
    attempt: int
    state: SandboxState
    created_at: float
    ips: tuple[str, ...] = ()
    """Empty where the pod is in the host's network."""


class ImageSpec(msgspec.Struct, frozen=True):
    image: str
    annotations: Mapping[str, str] = EMPTY_MAP


class Image(msgspec.Struct, frozen=True):
    """An image in the store. ``id`` is what containers report as their image."""

    id: str
    repo_tags: tuple[str, ...] = ()
    repo_digests: tuple[str, ...] = ()
    size: int = 0


class ContainerConfig(msgspec.Struct, frozen=True):
    """``annotations`` are the kubelet's words about the container (``CONTAINER_TYPE``, ``RESTART_POLICY``)."""

    name: str
    image: str
    image_ref: str
    attempt: int = 0
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    working_dir: str = ""
    envs: tuple[tuple[str, str], ...] = ()
    annotations: Mapping[str, str] = EMPTY_MAP
    log_path: str = ""


CONTAINER_TYPE = "io.kubernetes.container.type"
"""``init``, ``sidecar`` or ``regular``."""
RESTART_POLICY = "io.kubernetes.pod.restartPolicy"


class ContainerStatus(msgspec.Struct, frozen=True):
    """``reason`` is set for what has ended: Completed, Error, OOMKilled, ...

    ``image`` is what the runtime calls the image, ``user_specified_image`` what the container was made with, "" if unknown.
    """

    id: str
    name: str
    attempt: int
    state: ContainerState
    created_at: float
    image: str
    image_ref: str
    started_at: float = 0.0
    finished_at: float = 0.0
    exit_code: int = 0
    reason: str = ""
    message: str = ""
    user_specified_image: str = ""


class PodStatus(msgspec.Struct, frozen=True):
    """What a runtime knows of a pod: its newest sandbox, and its containers, the newest first."""

    sandbox: PodSandboxStatus | None = None
    containers: tuple[ContainerStatus, ...] = ()

    def find(self, name: str) -> ContainerStatus | None:
        """The newest container of that name."""
        for status in self.containers:
            if status.name == name:
                return status
        return None


NO_STATUS = PodStatus()


class EventType(Enum):
    CREATED = "CONTAINER_CREATED_EVENT"
    STARTED = "CONTAINER_STARTED_EVENT"
    STOPPED = "CONTAINER_STOPPED_EVENT"
    DELETED = "CONTAINER_DELETED_EVENT"


class ContainerEvent(msgspec.Struct, frozen=True):
    """A container changed by itself, or did what it was told earlier."""

    type: EventType
    container_id: str
    pod_uid: str
    created_at: float


EventListener = Callable[[ContainerEvent], None]


class RuntimeService(Protocol):
    """Runs sandboxes and containers of one node."""

    @property
    def name(self) -> str:
        """The scheme of container ids as the API shows them: ``containerd``."""

    @property
    def version(self) -> str: ...

    def listen(self, listener: EventListener | None) -> None:
        """Who is told of events, on the event loop; None for nobody (CRI's GetContainerEvents)."""

    def set_pod_cidr(self, pod_cidr: str) -> None:
        """Where the addresses of pods come from (CRI's UpdateRuntimeConfig)."""

    async def run_pod_sandbox(self, config: PodSandboxConfig) -> str:
        """Make a pod's sandbox with its network; returns its id."""

    async def stop_pod_sandbox(self, sandbox_id: str) -> None:
        """Kill what runs in it and give its addresses back. Idempotent, also for unknown ids."""

    async def remove_pod_sandbox(self, sandbox_id: str) -> None:
        """Forget it and its containers. Idempotent, also for unknown ids."""

    async def create_container(self, sandbox_id: str, config: ContainerConfig) -> str:
        """Returns the id of a container that does not run yet."""

    async def start_container(self, container_id: str) -> None:
        """Start what was created. Where a start takes time the container stays CREATED until its STARTED event."""

    async def stop_container(self, container_id: str, timeout: float) -> None:  # noqa: ASYNC109  # CRI's own parameter
        """Ask it to end, kill it after ``timeout`` seconds; returns when it has ended. Idempotent, also for unknown ids."""

    async def remove_container(self, container_id: str) -> None:
        """Forget it, killing it if it runs. Idempotent, also for unknown ids."""

    async def pod_status(self, pod_uid: str) -> PodStatus:
        """The newest sandbox of a pod and all of its containers (CRI's list calls, filtered by the pod's uid)."""


class ImageService(Protocol):
    """The images of one node."""

    async def image_status(self, spec: ImageSpec) -> Image | None:
        """The image if the node has it."""

    async def pull_image(self, spec: ImageSpec) -> Image:
        """Fetch it; raises RuntimeServiceError with what the registry said."""

    async def list_images(self) -> tuple[Image, ...]: ...


class ProbeRunner(Protocol):
    """Runs the probes of containers: exec, http, tcp and grpc."""

    def implies_readiness(self, annotations: Mapping[str, str], container: str) -> bool:
        """Whether a container without a readiness probe is to be asked all the same, by the pod's annotations."""

    async def probe(self, kind: str, container_id: str, pod_ip: str, probe: Any) -> tuple[bool, str]:
        """``kind`` is Liveness, Readiness or Startup, ``probe`` a core/v1 Probe. Returns success and what was said."""
