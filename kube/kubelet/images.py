"""Sees to it that a container's image is on the node, without anybody waiting for a pull.

Semantics: pkg/kubelet/images/image_manager.go.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from kube.api.types.core_v1 import Container, ObjectReference, Pod
from kube.apimachinery.time import duration_from_seconds
from kube.client.events import NORMAL, WARNING
from kube.cri.interface import ImageSpec, RuntimeServiceError
from kube.kubelet import events
from kube.kubelet.node import NodeState

Background = Callable[[Coroutine[Any, Any, None], str], None]
"""Runs a coroutine as a task of the pod's worker, and syncs the pod when it has ended."""

AFTER_FAILURE = 1.0
"""Seconds that a failed pull is shown as such before the back-off is."""


class ImagePulls:
    """The pulls of one pod. ``waiting`` is the pod's: why containers are not started."""

    __slots__ = ("_background", "_errors", "_node", "_pulled", "_pulling", "_waiting")

    def __init__(self, node: NodeState, background: Background, waiting: dict[str, tuple[str, str]]) -> None:
        self._node = node
        self._background = background
        self._waiting = waiting
        self._pulling: dict[str, None] = {}
        self._pulled: dict[str, str] = {}
        self._errors: dict[str, str] = {}

    async def ensure(
        self, pod: Pod, container: Container, reference: ObjectReference
    ) -> tuple[str | None, float | None]:
        """The id of the image if it is there; else None and, unless a pull is under way, when to ask again.

        An image that was pulled counts for one start. Raises RuntimeServiceError.
        """
        name = container.name
        if name in self._pulling:
            return None, None
        pulled = self._pulled.pop(name, None)
        if pulled is not None:
            return pulled, None
        spec = ImageSpec(container.image, pod.metadata.annotations)
        policy = container.image_pull_policy
        if policy != "Always":
            image = await self._node.images.image_status(spec)
            if image is not None:
                self._say(
                    reference,
                    NORMAL,
                    events.PULLED_IMAGE,
                    f'Container image "{container.image}" already present on machine and can be accessed by the pod',
                )
                return image.id, None
            if policy == "Never":
                return None, self._never(container, reference)
        return None, self._pull_or_wait(pod, container, spec, reference)

    def _never(self, container: Container, reference: ObjectReference) -> float:
        message = f'Container image "{container.image}" is not present with pull policy of Never'
        if self._waiting.get(container.name) != ("ErrImageNeverPull", message):
            self._say(reference, WARNING, events.ERR_IMAGE_NEVER_PULL, message)
            self._say(reference, WARNING, events.FAILED, "Error: ErrImageNeverPull")
        self._waiting[container.name] = "ErrImageNeverPull", message
        return self._node.clock.now() + 10.0

    def _pull_or_wait(
        self, pod: Pod, container: Container, spec: ImageSpec, reference: ObjectReference
    ) -> float | None:
        name, image = container.name, container.image
        key = f"{pod.metadata.uid}/{name}"
        now = self._node.clock.now()
        due = self._node.image_backoff.due_since_update(key, now)
        if due > now:
            shown = self._waiting.get(name, ("", ""))[0]
            failed_at = due - self._node.image_backoff.get(key)
            if shown == "ErrImagePull" and now < failed_at + AFTER_FAILURE:
                return failed_at + AFTER_FAILURE
            if shown != "ImagePullBackOff":
                message = f'Back-off pulling image "{image}"'
                self._say(reference, NORMAL, events.BACK_OFF, message)
                self._say(reference, WARNING, events.FAILED, "Error: ImagePullBackOff")
                error = self._errors.get(name, "")
                self._waiting[name] = "ImagePullBackOff", f"{message}: ErrImagePull: {error}"
            return due
        self._say(reference, NORMAL, events.PULLING_IMAGE, f'Pulling image "{image}"')
        self._pulling[name] = None
        self._background(self._pull(name, key, spec, reference), f"pull {image}")
        return None

    async def _pull(self, name: str, key: str, spec: ImageSpec, reference: ObjectReference) -> None:
        started = self._node.clock.now()
        try:
            image = await self._node.images.pull_image(spec)
        except RuntimeServiceError as error:
            now = self._node.clock.now()
            self._node.image_backoff.next(key, now, now)
            self._errors[name] = str(error)
            self._waiting[name] = "ErrImagePull", str(error)
            self._say(reference, WARNING, events.FAILED, f'Failed to pull image "{spec.image}": {error}')
            self._say(reference, WARNING, events.FAILED, "Error: ErrImagePull")
        else:
            took = duration_from_seconds(round(self._node.clock.now() - started, 3))
            self._pulled[name] = image.id
            self._errors.pop(name, None)
            self._say(
                reference,
                NORMAL,
                events.PULLED_IMAGE,
                f'Successfully pulled image "{spec.image}" in {took} ({took} including waiting). '
                f"Image size: {image.size} bytes.",
            )
        finally:
            self._pulling.pop(name, None)

    def _say(self, reference: ObjectReference, type_: str, reason: str, message: str) -> None:
        self._node.recorder.event(reference, type_, reason, message)
