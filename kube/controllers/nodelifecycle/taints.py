"""What taints a node has to have, and writing them.

Semantics: doNoScheduleTaintingPass of pkg/controller/nodelifecycle; the API page "Taints and Tolerations".
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from kube.api.helpers import nodes, taints
from kube.api.types.core_v1 import Node, Taint
from kube.apimachinery.errors import is_conflict, is_not_found
from kube.apimachinery.time import Time
from kube.client.typed import TypedClient

ATTEMPTS: Final = 5

BY_CONDITION: Final[Mapping[tuple[str, str], str]] = {
    (nodes.NODE_READY, "False"): taints.NOT_READY,
    (nodes.NODE_READY, "Unknown"): taints.UNREACHABLE,
    (nodes.MEMORY_PRESSURE, "True"): taints.MEMORY_PRESSURE,
    (nodes.DISK_PRESSURE, "True"): taints.DISK_PRESSURE,
    (nodes.NETWORK_UNAVAILABLE, "True"): taints.NETWORK_UNAVAILABLE,
    (nodes.PID_PRESSURE, "True"): taints.PID_PRESSURE,
}
"""Of a condition's type and status."""

MANAGED: Final = (*BY_CONDITION.values(), taints.UNSCHEDULABLE)

NO_EXECUTE: Final[Mapping[str, str]] = {"False": taints.NOT_READY, "Unknown": taints.UNREACHABLE}
"""Of the status of Ready; the two exclude each other."""


def no_schedule_changes(node: Node) -> tuple[tuple[Taint, ...], tuple[Taint, ...]]:
    """NoSchedule taints to add and to remove, by the node's conditions and ``unschedulable``."""
    wanted = {
        key: None
        for condition in node.status.conditions
        if (key := BY_CONDITION.get((condition.type, condition.status))) is not None
    }
    if node.spec.unschedulable:
        wanted[taints.UNSCHEDULABLE] = None
    held = [t for t in node.spec.taints if t.effect == taints.NO_SCHEDULE and t.key in MANAGED]
    keys = [taint.key for taint in held]
    add = tuple(Taint(key=key, effect=taints.NO_SCHEDULE) for key in wanted if key not in keys)
    return add, tuple(taint for taint in held if taint.key not in wanted)


def no_execute_changes(node: Node, ready: str) -> tuple[tuple[Taint, ...], tuple[Taint, ...]]:
    """NoExecute taints to add and to remove, by the status of Ready."""
    wanted = NO_EXECUTE.get(ready)
    held = [t for t in node.spec.taints if t.effect == taints.NO_EXECUTE and t.key in NO_EXECUTE.values()]
    add: tuple[Taint, ...] = ()
    if wanted is not None and all(taint.key != wanted for taint in held):
        add = (Taint(key=wanted, effect=taints.NO_EXECUTE),)
    return add, tuple(taint for taint in held if taint.key != wanted)


def changed(
    held: Sequence[Taint], add: Sequence[Taint], remove: Sequence[Taint], now: Time
) -> tuple[Taint, ...]:
    found = tuple(held)
    for taint in remove:
        found = taints.without_taint(found, taint.key, taint.effect)
    for taint in add:
        if not taints.has_taint(found, taint.key, taint.effect):
            found = (*found, replace(taint, time_added=now))
    return found


async def write_taints(
    client: TypedClient, node: Node, add: Sequence[Taint], remove: Sequence[Taint], now: Time
) -> Node | None:
    """The node as it was stored; None if it is gone. Raises ApiError."""
    for attempt in range(ATTEMPTS):
        metadata = node.metadata
        wanted = changed(node.spec.taints, add, remove, now)
        if wanted == node.spec.taints:
            return node
        patch = {
            "metadata": {"uid": metadata.uid, "resourceVersion": metadata.resource_version},
            "spec": {"taints": msgspec.to_builtins(wanted)},
        }
        try:
            return await client.patch(Node, metadata.name, patch, type="merge")
        except Exception as error:
            if is_not_found(error):
                return None
            if not is_conflict(error) or attempt == ATTEMPTS - 1:
                raise
        try:
            fresh = await client.get(Node, metadata.name)
        except Exception as error:
            if is_not_found(error):
                return None
            raise
        if fresh.metadata.uid != metadata.uid:
            return None
        node = fresh
    return node
