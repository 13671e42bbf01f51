"""DefaultBinder: binds by ``pods/binding``."""

from kube.api.types.core_v1 import Binding, ObjectReference, Pod
from kube.apimachinery.errors import ApiError
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.client.typed import TypedClient
from kube.scheduler.framework.cycle_state import CycleState
from kube.scheduler.framework.status import SUCCESS, Code, Status


class DefaultBinder:
    name = "DefaultBinder"

    def __init__(self, client: TypedClient | None) -> None:
        self._client = client

    async def bind(self, state: CycleState, pod: Pod, node_name: str) -> Status:  # noqa: ARG002  # the protocol's
        assert self._client is not None, "a scheduler without a client decides and does not bind"
        metadata = pod.metadata
        binding = Binding(
            metadata=ObjectMeta(name=metadata.name, namespace=metadata.namespace, uid=metadata.uid),
            target=ObjectReference(kind="Node", name=node_name),
        )
        try:
            await self._client.bind(binding)
        except ApiError as error:
            return Status(Code.ERROR, (str(error),))
        return SUCCESS
