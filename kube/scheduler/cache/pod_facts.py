"""What of a pod matters to the plugins, parsed once and shared by all pods that are alike.

Two pods with the same facts object have the same scheduling signature (KEP-5598): every node answers the same for both.
Units are the scheduler's: milli-cores, bytes, counts. Source of the semantics: pkg/scheduler/framework/types.go.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from kube.api.helpers.pods import host_ports
from kube.api.helpers.resource_names import CPU, EPHEMERAL_STORAGE, MEMORY
from kube.api.helpers.resources import pod_requests
from kube.api.types.core_v1 import (
    Container,
    NodeSelector,
    Pod,
    PodSpec,
    PreferredSchedulingTerm,
    Toleration,
)
from kube.apimachinery.quantity import NANO, parse_quantity

DEFAULT_MILLI_CPU: Final = 100
DEFAULT_MEMORY: Final = 200 * 1024 * 1024
"""What a container that requests nothing counts for where nodes are scored."""

_MILLI: Final = NANO // 1000
_NON_MISSING: Final = {CPU: DEFAULT_MILLI_CPU * _MILLI, MEMORY: DEFAULT_MEMORY * NANO}
_REMEMBERED: Final = 8192
ANY_IP: Final = "0.0.0.0"

HostPort = tuple[str, str, int]
"""IP, protocol, port."""


def units(name: str, nano: int) -> int:
    """Nano-units in the scheduler's unit of the resource, rounded up."""
    return -(-nano // (_MILLI if name == CPU else NANO))


def normalized_image_name(name: str) -> str:
    """With the default tag where there is neither tag nor digest."""
    return f"{name}:latest" if name.rfind(":") <= name.rfind("/") else name


class PodFacts:
    """Immutable by convention; compare by identity."""

    __slots__ = (
        "affinity",
        "container_count",
        "host_ports",
        "images",
        "memory",
        "milli_cpu",
        "node_selector",
        "non_zero_memory",
        "non_zero_milli_cpu",
        "preferred",
        "requests",
        "tolerations",
    )

    def __init__(self, pod: Pod, *, use_status: bool = False) -> None:
        spec = pod.spec
        requests = _plain_requests(pod) if not use_status else None
        if requests is None:
            requests = pod_requests(pod, use_status=use_status)
        self.requests: Mapping[str, int] = {
            name: amount for name, nano in requests.items() if (amount := units(name, nano))
        }
        """By resource name; without zeros."""
        filled = requests
        if use_status or not all(map(_requests_both, (*spec.init_containers, *spec.containers))):
            filled = pod_requests(pod, use_status=use_status, non_missing=_NON_MISSING)
        self.milli_cpu = self.requests.get(CPU, 0)
        self.memory = self.requests.get(MEMORY, 0)
        self.non_zero_milli_cpu = units(CPU, filled.get(CPU, 0))
        self.non_zero_memory = units(MEMORY, filled.get(MEMORY, 0))
        self.host_ports: tuple[HostPort, ...] = tuple(
            dict.fromkeys(
                (port.host_ip or ANY_IP, port.protocol or "TCP", port.host_port) for port in host_ports(spec)
            )
        )
        self.tolerations: tuple[Toleration, ...] = spec.tolerations
        self.node_selector: Mapping[str, str] = spec.node_selector
        affinity = spec.affinity.node_affinity if spec.affinity is not None else None
        self.affinity: NodeSelector | None = None
        self.preferred: tuple[PreferredSchedulingTerm, ...] = ()
        if affinity is not None:
            self.affinity = affinity.required_during_scheduling_ignored_during_execution
            self.preferred = affinity.preferred_during_scheduling_ignored_during_execution
        self.images = tuple(normalized_image_name(image) for image in _images(spec))
        self.container_count = len(self.images)

    @property
    def ephemeral_storage(self) -> int:
        return self.requests.get(EPHEMERAL_STORAGE, 0)


def _plain_requests(pod: Pod) -> dict[str, int] | None:
    """As ``pod_requests`` for a pod of one container and no more, as most are; else None."""
    spec = pod.spec
    if (
        len(spec.containers) != 1
        or spec.init_containers
        or spec.overhead
        or spec.resources is not None
        or pod.status.node_allocatable_resource_claim_statuses
    ):
        return None
    requests = spec.containers[0].resources.requests
    return {name: parse_quantity(quantity) for name, quantity in requests.items()}


def _requests_both(container: Container) -> bool:
    return CPU in container.resources.requests and MEMORY in container.resources.requests


def _images(spec: PodSpec) -> Iterable[str]:
    for container in spec.init_containers:
        yield container.image
    for container in spec.containers:
        yield container.image
    for volume in spec.volumes:
        if volume.image is not None and volume.image.reference:
            yield volume.image.reference


class FactsTable:
    """Interns facts by signature; forgets those that were used the longest ago."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: OrderedDict[Any, PodFacts] = OrderedDict()

    def of(self, pod: Pod) -> PodFacts:
        """The facts of a pod; of one that runs, with what its node says of its resources (KEP-1287)."""
        if pod.status.container_statuses and _node_speaks(pod):
            return PodFacts(pod, use_status=True)
        key = signature(pod)
        facts = self._known.get(key)
        if facts is None:
            facts = self._known[key] = PodFacts(pod)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(key)
        return facts


def _node_speaks(pod: Pod) -> bool:
    status = pod.status
    requested = {c.name: c.resources.requests for c in (*pod.spec.containers, *pod.spec.init_containers)}
    for each in (*status.container_statuses, *status.init_container_statuses):
        wanted = requested.get(each.name)
        if each.allocated_resources and each.allocated_resources != wanted:
            return True
        if each.resources is not None and each.resources.requests and each.resources.requests != wanted:
            return True
    return False


def signature(pod: Pod) -> Any:
    """Equal for pods of which every plugin of the table says the same on every node, as long as neither names its node.

    Hashable.
    """
    spec = pod.spec
    rest: Any = None
    if spec.affinity is not None or spec.tolerations or spec.volumes or spec.resources is not None:
        rest = msgspec.msgpack.encode(
            (
                spec.affinity.node_affinity if spec.affinity is not None else None,
                spec.tolerations,
                [volume.image.reference for volume in spec.volumes if volume.image is not None],
                spec.resources,
            )
        )
    claims: Any = pod.status.node_allocatable_resource_claim_statuses
    return (
        tuple([_of_container(container) for container in spec.containers]),
        tuple([(_of_container(c), c.restart_policy) for c in spec.init_containers])
        if spec.init_containers
        else (),
        tuple(spec.node_selector.items()),
        tuple(spec.overhead.items()),
        rest,
        msgspec.msgpack.encode(claims) if claims else b"",
    )


def _of_container(container: Container) -> Any:
    ports = container.ports
    return (
        container.image,
        tuple(container.resources.requests.items()),
        tuple([(p.host_ip, p.protocol, p.host_port) for p in ports if p.host_port]) if ports else (),
    )


class PodInfo:
    """A pod and its facts."""

    __slots__ = ("facts", "pod")

    def __init__(self, pod: Pod, facts: PodFacts) -> None:
        self.pod = pod
        self.facts = facts
