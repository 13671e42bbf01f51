"""The Node object and the Lease as a kubelet writes them. Pure; ``now`` is wall seconds.

Semantics: pkg/kubelet/kubelet_node_status.go and nodestatus/setters.go; the API page "Node Status"; KEP-589 (leases).
"""

from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Final

from msgspec.structs import replace

from kube.api.helpers.nodes import (
    DISK_PRESSURE,
    HOSTNAME_LABEL,
    MEMORY_PRESSURE,
    NODE_READY,
    PID_PRESSURE,
    get_condition,
)
from kube.api.types.coordination_v1 import Lease, LeaseSpec
from kube.api.types.core_v1 import (
    ContainerImage,
    DaemonEndpoint,
    Node,
    NodeAddress,
    NodeCondition,
    NodeDaemonEndpoints,
    NodeSpec,
    NodeStatus,
    NodeSystemInfo,
    Taint,
)
from kube.apimachinery import quantity
from kube.apimachinery.meta.v1 import ObjectMeta, OwnerReference
from kube.apimachinery.quantity import Quantity
from kube.apimachinery.time import from_seconds, micro_from_seconds
from kube.cri.interface import Image
from kube.kubelet.config import DEFAULT_CAPACITY, KubeletConfig

LEASE_NAMESPACE: Final = "kube-node-lease"
UNSCHEDULABLE_TAINT: Final = "node.kubernetes.io/unschedulable"
ATTACH_DETACH_ANNOTATION: Final = "volumes.kubernetes.io/controller-managed-attach-detach"
NETWORK_NOT_READY: Final = (
    "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady "
    "message:Network plugin returns error: the node has no pod CIDR"
)
MAX_NAMES_PER_IMAGE: Final = 5

_ANNOTATIONS: Final[Mapping[str, str]] = {ATTACH_DETACH_ANNOTATION: "true"}

Verdict = tuple[str, str, str]
"""Status, reason, message."""

_PRESSURES: Final[tuple[tuple[str, Verdict], ...]] = (
    (
        MEMORY_PRESSURE,
        ("False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ),
    (DISK_PRESSURE, ("False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure")),
    (PID_PRESSURE, ("False", "KubeletHasSufficientPID", "kubelet has sufficient PID available")),
)
_READY: Final[Verdict] = ("True", "KubeletReady", "kubelet is posting ready status")


def default_labels(config: KubeletConfig) -> dict[str, str]:
    """The labels that every kubelet gives its node, and the configured ones."""
    return {
        "beta.kubernetes.io/arch": config.architecture,
        "beta.kubernetes.io/os": config.operating_system,
        "kubernetes.io/arch": config.architecture,
        HOSTNAME_LABEL: config.node_name,
        "kubernetes.io/os": config.operating_system,
        **config.labels,
    }


def initial_node(config: KubeletConfig, runtime_version: str, now: float) -> Node:
    """What a kubelet registers, its first status included."""
    taints = config.taints
    if config.unschedulable:
        taints = (*taints, Taint(key=UNSCHEDULABLE_TAINT, effect="NoSchedule"))
    node = Node(
        metadata=ObjectMeta(name=config.node_name, labels=default_labels(config), annotations=_ANNOTATIONS),
        spec=NodeSpec(
            pod_cidr=config.pod_cidr,
            pod_cidrs=(config.pod_cidr,) if config.pod_cidr else (),
            taints=taints,
            unschedulable=config.unschedulable,
        ),
    )
    return replace(node, status=node_status(node, config, runtime_version, (), now))


def reconciled(node: Node, config: KubeletConfig) -> Node:
    """A node that exists already, with the labels, annotations and pod CIDR that it must have; itself if it has them."""
    labels = {**node.metadata.labels, **default_labels(config)}
    annotations = {**node.metadata.annotations, **_ANNOTATIONS}
    spec = node.spec
    if config.pod_cidr and not spec.pod_cidr:
        spec = replace(spec, pod_cidr=config.pod_cidr, pod_cidrs=(config.pod_cidr,))
    metadata = node.metadata
    if spec is node.spec and labels == metadata.labels and annotations == metadata.annotations:
        return node
    return replace(node, metadata=replace(metadata, labels=labels, annotations=annotations), spec=spec)


def node_status(
    node: Node, config: KubeletConfig, runtime_version: str, images: tuple[Image, ...], now: float
) -> NodeStatus:
    """The status that the kubelet posts now; what it does not own is taken from the node."""
    capacity, allocatable = _resources(config)
    return replace(
        node.status,
        capacity=capacity,
        allocatable=allocatable,
        conditions=_conditions(node, now),
        addresses=_addresses(config),
        daemon_endpoints=_daemon_endpoints(config.port),
        node_info=_node_info(config, runtime_version),
        images=_images(images, config.node_status_max_images),
    )


def is_changed(old: NodeStatus, new: NodeStatus) -> bool:
    """Whether something but the heartbeat times differs."""
    return _timeless(old) != _timeless(new)


def _timeless(status: NodeStatus) -> NodeStatus:
    conditions = tuple([replace(each, last_heartbeat_time=None) for each in status.conditions])
    return replace(status, conditions=conditions)


def _conditions(node: Node, now: float) -> tuple[NodeCondition, ...]:
    """The kubelet's four, Ready last, behind those of others."""
    own: list[tuple[str, Verdict]] = [*_PRESSURES]
    ready = _READY if node.spec.pod_cidr else ("False", "KubeletNotReady", NETWORK_NOT_READY)
    own.append((NODE_READY, ready))
    owned = [type_ for type_, _ in own]
    foreign = [each for each in node.status.conditions if each.type not in owned]
    return (*foreign, *(_condition(node, type_, verdict, now) for type_, verdict in own))


def _condition(node: Node, type_: str, verdict: Verdict, now: float) -> NodeCondition:
    moment = from_seconds(now)
    status, reason, message = verdict
    old = get_condition(node.status, type_)
    since = old.last_transition_time if old is not None and old.status == status else None
    return NodeCondition(
        type=type_,
        status=status,
        last_heartbeat_time=moment,
        last_transition_time=since or moment,
        reason=reason,
        message=message,
    )


@lru_cache(256)
def _parsed(items: tuple[tuple[str, str], ...]) -> Mapping[str, Quantity]:
    return {name: Quantity(amount) for name, amount in items}


def _resources(config: KubeletConfig) -> tuple[Mapping[str, Quantity], Mapping[str, Quantity]]:
    """Capacity and allocatable; nodes of one size share them."""
    items = tuple(sorted({**DEFAULT_CAPACITY, **config.capacity}.items()))
    capacity = _parsed(items)
    if not config.reserved:
        return capacity, capacity
    reserved = _parsed(tuple(sorted(config.reserved.items())))
    allocatable = {
        name: quantity.sub(amount, reserved[name]) if name in reserved else amount
        for name, amount in capacity.items()
    }
    return capacity, allocatable


def _addresses(config: KubeletConfig) -> tuple[NodeAddress, ...]:
    return (
        NodeAddress(type="InternalIP", address=config.node_ip),
        NodeAddress(type="Hostname", address=config.node_name),
    )


@lru_cache(64)
def _daemon_endpoints(port: int) -> NodeDaemonEndpoints:
    return NodeDaemonEndpoints(kubelet_endpoint=DaemonEndpoint(port=port))


def _node_info(config: KubeletConfig, runtime_version: str) -> NodeSystemInfo:
    """The ids follow from the node's name: a machine keeps them over restarts of its kubelet."""
    digest = sha256(config.node_name.encode()).hexdigest()
    return NodeSystemInfo(
        machine_id=digest[:32],
        system_uuid=_uuid(digest[:32]),
        boot_id=_uuid(digest[32:]),
        kernel_version=config.kernel_version or runtime_version,
        os_image=config.os_image or runtime_version,
        container_runtime_version=runtime_version,
        kubelet_version=config.kubelet_version,
        operating_system=config.operating_system,
        architecture=config.architecture,
    )


def _uuid(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:32]}"


def _images(images: tuple[Image, ...], most: int) -> tuple[ContainerImage, ...]:
    """The largest first, as many as the status may carry; -1 is all."""
    ordered = sorted(images, key=lambda image: -image.size)
    chosen = ordered if most < 0 else ordered[:most]
    return tuple(
        [
            ContainerImage(
                names=(*image.repo_digests, *image.repo_tags)[:MAX_NAMES_PER_IMAGE],
                size_bytes=image.size,
            )
            for image in chosen
        ]
    )


def new_lease(config: KubeletConfig, node: Node | None, now: float) -> Lease:
    """Owned by the node, so that it goes with it; by nobody while there is none."""
    owners: tuple[OwnerReference, ...] = ()
    if node is not None and node.metadata.uid:
        owners = (
            OwnerReference(api_version="v1", kind="Node", name=node.metadata.name, uid=node.metadata.uid),
        )
    lease = Lease(
        metadata=ObjectMeta(name=config.node_name, namespace=LEASE_NAMESPACE, owner_references=owners)
    )
    return renewed_lease(lease, config, now)


def renewed_lease(lease: Lease, config: KubeletConfig, now: float) -> Lease:
    spec = replace(
        lease.spec if lease.spec.holder_identity else LeaseSpec(),
        holder_identity=config.node_name,
        lease_duration_seconds=config.node_lease_duration_seconds,
        renew_time=micro_from_seconds(now),
    )
    return replace(lease, spec=spec)
