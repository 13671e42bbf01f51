"""Writes the statuses of pods, and deletes those that have ended and are to go.

Semantics: pkg/kubelet/status/status_manager.go: nothing is written that does not differ; what others have written meanwhile
stays; a pod is deleted, with grace 0 and its uid as precondition, once its terminal status is written.
"""

from typing import Final

from msgspec.structs import replace

from kube.api.types.core_v1 import Pod, PodStatus
from kube.apimachinery import errors
from kube.apimachinery.errors import ApiError
from kube.apimachinery.meta.v1 import Preconditions
from kube.client.typed import TypedClient
from kube.kubelet.conditions import OWNED

MAX_TRIES: Final = 5

_OWNED_FIELDS: Final = (
    "observed_generation",
    "phase",
    "message",
    "reason",
    "host_ip",
    "host_ips",
    "pod_ip",
    "pod_ips",
    "start_time",
    "init_container_statuses",
    "container_statuses",
    "qos_class",
)


def merge_status(current: PodStatus, ours: PodStatus) -> PodStatus:
    """Our status over what the API has by now: others' conditions and fields are the API's."""
    foreign = [each for each in current.conditions if each.type not in OWNED]
    own = [each for each in ours.conditions if each.type in OWNED]
    changes = {name: getattr(ours, name) for name in _OWNED_FIELDS}
    return replace(current, conditions=(*foreign, *own), **changes)


class StatusManager:
    """Stateless: who asks keeps the pod that it gets back."""

    __slots__ = ("_client",)

    def __init__(self, client: TypedClient) -> None:
        self._client = client

    async def write(self, pod: Pod, status: PodStatus) -> Pod | None:
        """The pod with its status written; None if it is gone, or another has its name by now. Raises ApiError."""
        for tries in range(MAX_TRIES):
            if status == pod.status:
                return pod
            try:
                return await self._client.update_status(replace(pod, status=status))
            except ApiError as error:
                if errors.is_not_found(error):
                    return None
                if not errors.is_conflict(error) or tries == MAX_TRIES - 1:
                    raise
            current = await self.read(pod)
            if current is None:
                return None
            pod, status = current, merge_status(current.status, status)
        return pod

    async def read(self, pod: Pod) -> Pod | None:
        """The pod as it is now; None if it is gone, or another has its name. Raises ApiError."""
        metadata = pod.metadata
        try:
            current = await self._client.get(Pod, metadata.name, namespace=metadata.namespace)
        except ApiError as error:
            if errors.is_not_found(error):
                return None
            raise
        return current if current.metadata.uid == metadata.uid else None

    async def delete(self, pod: Pod) -> None:
        """Let the pod go for good; fine if it is gone. Raises ApiError."""
        metadata = pod.metadata
        try:
            await self._client.delete(
                Pod,
                metadata.name,
                namespace=metadata.namespace,
                grace_period_seconds=0,
                preconditions=Preconditions(uid=metadata.uid),
            )
        except ApiError as error:
            if not errors.is_not_found(error) and not errors.is_conflict(error):
                raise
