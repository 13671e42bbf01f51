"""The pods of a node, found by an index that the controllers of nodes share."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from kube.api.helpers.pods import POD_READY, get_condition
from kube.api.types.core_v1 import Pod
from kube.apimachinery.errors import is_not_found
from kube.apimachinery.time import Time
from kube.client.typed import TypedClient

BY_NODE: Final = "spec.nodeName"


def _node_of(pod: Pod) -> Iterable[str]:
    name = pod.spec.node_name
    return (name,) if name else ()


INDEX: Final[Mapping[str, Callable[[Pod], Iterable[str]]]] = {BY_NODE: _node_of}


async def patch_condition(client: TypedClient, pod: Pod, condition: Mapping[str, Any]) -> bool:
    """Set a condition of the pod's status; false where the pod is gone. The uid spares a later pod of the name."""
    metadata = pod.metadata
    patch = {"metadata": {"uid": metadata.uid}, "status": {"conditions": [dict(condition)]}}
    try:
        await client.patch(
            Pod, metadata.name, patch, type="strategic", namespace=metadata.namespace, subresource="status"
        )
    except Exception as error:
        if is_not_found(error):
            return False
        raise
    return True


def to_mark_not_ready(pods: Iterable[Pod]) -> Sequence[Pod]:
    """Those that still say that they are ready."""
    found = []
    for pod in pods:
        condition = get_condition(pod.status, POD_READY)
        if condition is not None and condition.status != "False":
            found.append(pod)
    return found


def not_ready(now: Time) -> dict[str, Any]:
    return {"type": POD_READY, "status": "False", "lastTransitionTime": now}
