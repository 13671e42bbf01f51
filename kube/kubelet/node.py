"""What the pods of one node share: its runtime, its clock, its voice, what is left of it."""

from typing import Final

from kube.api.types.core_v1 import Node
from kube.base.clock import Clock
from kube.client.events import EventRecorder
from kube.cri.interface import ImageService, ProbeRunner, RuntimeService
from kube.kubelet.backoff import Backoff
from kube.kubelet.config import KubeletConfig
from kube.kubelet.lifecycle import Usage

NO_NODE: Final = Node()


class NodeState:
    """``node`` is the newest Node object that the kubelet has seen."""

    __slots__ = (
        "_container_backoff",
        "_image_backoff",
        "clock",
        "config",
        "images",
        "node",
        "probes",
        "recorder",
        "runtime",
        "usage",
    )

    def __init__(
        self,
        config: KubeletConfig,
        runtime: RuntimeService,
        images: ImageService,
        probes: ProbeRunner,
        *,
        recorder: EventRecorder,
        clock: Clock,
    ) -> None:
        self.config = config
        self.runtime = runtime
        self.images = images
        self.probes = probes
        self.recorder = recorder
        self.clock = clock
        self.node = NO_NODE
        self.usage = Usage()
        self._container_backoff: Backoff | None = None
        self._image_backoff: Backoff | None = None

    @property
    def container_backoff(self) -> Backoff:
        """By pod uid and container name."""
        if self._container_backoff is None:
            config = self.config
            self._container_backoff = Backoff(config.container_backoff_initial, config.container_backoff_max)
        return self._container_backoff

    @property
    def image_backoff(self) -> Backoff:
        """By pod uid and image."""
        if self._image_backoff is None:
            self._image_backoff = Backoff()
        return self._image_backoff

    def forget(self, uid: str, names: tuple[str, ...]) -> None:
        """A pod is gone: what it took is free, and its back-off is forgotten."""
        self.usage.remove(uid)
        for backoff in (self._container_backoff, self._image_backoff):
            if backoff is not None:
                for name in names:
                    backoff.reset(f"{uid}/{name}")
