"""What a node's spec and status say.

Source of the semantics: pkg/controller/util/node, k8s.io/component-helpers/node, the API page "Node Status".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kube.api.types.core_v1 import Node, NodeCondition, NodeStatus

NODE_READY: Final = "Ready"
MEMORY_PRESSURE: Final = "MemoryPressure"
DISK_PRESSURE: Final = "DiskPressure"
PID_PRESSURE: Final = "PIDPressure"
NETWORK_UNAVAILABLE: Final = "NetworkUnavailable"

HOSTNAME_LABEL: Final = "kubernetes.io/hostname"
ZONE_LABEL: Final = "topology.kubernetes.io/zone"
REGION_LABEL: Final = "topology.kubernetes.io/region"
EXCLUDE_FROM_LOAD_BALANCERS_LABEL: Final = "node.kubernetes.io/exclude-from-external-load-balancers"
_ROLE_PREFIX: Final = "node-role.kubernetes.io/"
_ROLE_LABEL: Final = "kubernetes.io/role"


def get_condition(status: NodeStatus, condition_type: str) -> NodeCondition | None:
    for condition in status.conditions:
        if condition.type == condition_type:
            return condition
    return None


def is_node_ready(node: Node) -> bool:
    condition = get_condition(node.status, NODE_READY)
    return condition is not None and condition.status == "True"


def addresses(node: Node, address_type: str) -> tuple[str, ...]:
    """The node's addresses of a type: ``InternalIP``, ``ExternalIP``, ``Hostname``, ``InternalDNS``, ``ExternalDNS``."""
    return tuple(address.address for address in node.status.addresses if address.type == address_type)


def preferred_address(node: Node) -> str:
    """An address by which the node is reached from inside: its internal IP, else its external one, else ""."""
    found = addresses(node, "InternalIP") or addresses(node, "ExternalIP")
    return found[0] if found else ""


def roles(node: Node) -> tuple[str, ...]:
    """The roles that the labels name, sorted."""
    found = set()
    for key, value in node.metadata.labels.items():
        if key.startswith(_ROLE_PREFIX) and len(key) > len(_ROLE_PREFIX):
            found.add(key.removeprefix(_ROLE_PREFIX))
        elif key == _ROLE_LABEL and value:
            found.add(value)
    return tuple(sorted(found))


def zone_key(labels: Mapping[str, str]) -> str:
    """Region and zone as one key; "" for a node that has neither."""
    region, zone = labels.get(REGION_LABEL, ""), labels.get(ZONE_LABEL, "")
    return f"{region}:\x00:{zone}" if region or zone else ""
