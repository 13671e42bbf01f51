"""Whether a node is still heard of. Pure.

Semantics: tryUpdateNodeHealth of pkg/controller/nodelifecycle; KEP-589 (node leases). What counts is when this process
has seen a heartbeat change, on its own stall-guarded clock, never what the node says of the time.
"""

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from kube.api.helpers.nodes import DISK_PRESSURE, MEMORY_PRESSURE, NODE_READY, PID_PRESSURE, get_condition
from kube.api.types.coordination_v1 import Lease
from kube.api.types.core_v1 import Node, NodeCondition
from kube.apimachinery.time import Time

KUBELETS_CONDITIONS: Final = (NODE_READY, MEMORY_PRESSURE, DISK_PRESSURE, PID_PRESSURE)
"""What a kubelet reports; the network is somebody else's."""


class Health(Struct, frozen=True):
    """``probe``: when the node was last heard of, on the monotonic clock."""

    ready: NodeCondition | None
    renew_time: str
    probe: float


def _renew_time(lease: Lease | None) -> str:
    return (lease.spec.renew_time or "") if lease is not None else ""


def observe(health: Health | None, node: Node, lease: Lease | None, now: float) -> Health:
    """``now`` on the monotonic clock. The same object while nothing is heard."""
    ready = get_condition(node.status, NODE_READY)
    renewed = _renew_time(lease)
    if health is None:
        return Health(ready, renewed, now)
    heard = renewed > health.renew_time
    saved = health.ready
    if saved is None or ready is None:
        heard = heard or saved is not ready
    else:
        heard = heard or saved.last_heartbeat_time != ready.last_heartbeat_time
    if heard:
        return Health(ready, renewed, now)
    return health


def is_overdue(health: Health, node: Node, now: float, *, grace: float, startup_grace: float) -> bool:
    """A node that has never said anything is given longer."""
    never = get_condition(node.status, NODE_READY) is None
    return now > health.probe + (startup_grace if never else grace)


def unknown_conditions(node: Node, now: Time) -> tuple[NodeCondition, ...]:
    """The node's conditions with those that its kubelet would report as Unknown; the same tuple if they are so."""
    conditions = node.status.conditions
    for kind in KUBELETS_CONDITIONS:
        held = get_condition(replace(node.status, conditions=conditions), kind)
        if held is None:
            never = NodeCondition(
                type=kind,
                status="Unknown",
                reason="NodeStatusNeverUpdated",
                message="Kubelet never posted node status.",
                last_heartbeat_time=node.metadata.creation_timestamp,
                last_transition_time=now,
            )
            conditions = (*conditions, never)
        elif held.status != "Unknown":
            stopped = replace(
                held,
                status="Unknown",
                reason="NodeStatusUnknown",
                message="Kubelet stopped posting node status.",
                last_transition_time=now,
            )
            conditions = tuple(stopped if each is held else each for each in conditions)
    return conditions
