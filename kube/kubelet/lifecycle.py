"""Whether a node admits a pod that was bound to it. Pure.

Semantics: pkg/kubelet/lifecycle/predicate.go: the scheduler's checks of resources, node affinity, ports and NoExecute taints,
once more and against what really is on the node; the first that fails names the reason.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from kube.api.helpers.pods import host_ports
from kube.api.helpers.resource_names import is_extended
from kube.api.helpers.resources import Amounts, amounts, pod_requests
from kube.api.helpers.taints import find_untolerated_taint
from kube.api.types.core_v1 import Node, NodeSelectorRequirement, NodeSelectorTerm, Pod, PodSpec

PodPort = tuple[str, str, int]
"""Protocol, host address, number."""

ANY_ADDRESS: Final = "0.0.0.0"


class Rejection(msgspec.Struct, frozen=True):
    reason: str
    message: str


class Usage:
    """What the admitted pods of a node take of it."""

    __slots__ = ("_asked", "amounts", "pods", "ports")

    def __init__(self) -> None:
        self.pods: dict[str, tuple[Amounts, tuple[PodPort, ...]]] = {}
        self.amounts: Amounts = {}
        self.ports: dict[PodPort, str] = {}
        self._asked: tuple[Pod, Amounts] | None = None

    def requests_of(self, pod: Pod) -> Amounts:
        """What the pod asks for; kept for when it is added right after it was admitted."""
        if self._asked is None or self._asked[0] is not pod:
            self._asked = pod, pod_requests(pod)
        return self._asked[1]

    def add(self, pod: Pod) -> None:
        requests, ports = self.requests_of(pod), pod_ports(pod.spec)
        self._asked = None
        self.pods[pod.metadata.uid] = requests, ports
        for name, amount in requests.items():
            self.amounts[name] = self.amounts.get(name, 0) + amount
        for port in ports:
            self.ports[port] = pod.metadata.uid

    def remove(self, uid: str) -> None:
        """Unknown pods are fine."""
        taken = self.pods.pop(uid, None)
        if taken is None:
            return
        requests, ports = taken
        for name, amount in requests.items():
            self.amounts[name] -= amount
        for port in ports:
            if self.ports.get(port) == uid:
                del self.ports[port]


def pod_ports(spec: PodSpec) -> tuple[PodPort, ...]:
    return tuple([(port.protocol, port.host_ip or ANY_ADDRESS, port.host_port) for port in host_ports(spec)])


def admit(pod: Pod, node: Node, usage: Usage) -> Rejection | None:
    """None: the pod may run. The caller adds it to the usage then."""
    os = pod.spec.os
    if os is not None and os.name != node.status.node_info.operating_system:
        return Rejection("PodOSNotSupported", "Failed to admit pod as the OS field doesn't match node OS")
    return _resources(pod, node, usage) or _affinity(pod, node) or _ports(pod, usage) or _taints(pod, node)


def _insufficient(name: str, requested: int, used: int, capacity: int) -> Rejection:
    return Rejection(
        f"OutOf{name}",
        f"Node didn't have enough resource: {name}, requested: {requested}, used: {used}, capacity: {capacity}",
    )


def _resources(pod: Pod, node: Node, usage: Usage) -> Rejection | None:
    allocatable = amounts(node.status.allocatable)
    capacity = allocatable.get("pods", 0) // 10**9
    if len(usage.pods) + 1 > capacity:
        return _insufficient("pods", 1, len(usage.pods), capacity)
    for name, requested in sorted(
        usage.requests_of(pod).items(), key=lambda item: _ORDER.get(item[0], len(_ORDER))
    ):
        has, used = allocatable.get(name, 0), usage.amounts.get(name, 0)
        if not requested or (name not in allocatable and is_extended(name)):
            continue
        if requested > has - used:
            unit = 10**6 if name == "cpu" else 10**9
            return _insufficient(name, -(-requested // unit), -(-used // unit), has // unit)
    return None


_ORDER: Final = {"cpu": 0, "memory": 1, "ephemeral-storage": 2}


def _predicate(name: str, why: str) -> Rejection:
    return Rejection(name, f"Predicate {name} failed: {why}")


def _affinity(pod: Pod, node: Node) -> Rejection | None:
    if matches_node(pod.spec, node):
        return None
    return _predicate("NodeAffinity", "node(s) didn't match Pod's node affinity/selector")


def _ports(pod: Pod, usage: Usage) -> Rejection | None:
    if usage.ports:
        for protocol, address, number in pod_ports(pod.spec):
            for other_protocol, other_address, other_number in usage.ports:
                overlap = address == other_address or ANY_ADDRESS in (address, other_address)
                if number == other_number and protocol == other_protocol and overlap:
                    return _predicate(
                        "NodePorts", "node(s) didn't have free ports for the requested pod ports"
                    )
    return None


def _taints(pod: Pod, node: Node) -> Rejection | None:
    taints = node.spec.taints
    if taints and find_untolerated_taint(taints, pod.spec.tolerations, ("NoExecute",)) is not None:
        return _predicate("TaintToleration", "node(s) had taints that the pod didn't tolerate")
    return None


def matches_node(spec: PodSpec, node: Node) -> bool:
    """Whether the pod's node selector and required node affinity hold."""
    labels = node.metadata.labels
    if spec.node_selector and any(labels.get(key) != value for key, value in spec.node_selector.items()):
        return False
    if spec.affinity is None or spec.affinity.node_affinity is None:
        return True
    required = spec.affinity.node_affinity.required_during_scheduling_ignored_during_execution
    if required is None:
        return True
    return any(_matches_term(term, node) for term in required.node_selector_terms)


def _matches_term(term: NodeSelectorTerm, node: Node) -> bool:
    """A term without requirements matches nothing."""
    if not term.match_expressions and not term.match_fields:
        return False
    fields = {"metadata.name": node.metadata.name}
    return all(_holds(each, node.metadata.labels) for each in term.match_expressions) and all(
        _holds(each, fields) for each in term.match_fields
    )


def _holds(requirement: NodeSelectorRequirement, labels: Mapping[str, str]) -> bool:
    operator = _OPERATORS.get(requirement.operator)
    return operator is not None and operator(labels.get(requirement.key), requirement.values)


def _compare(value: str | None, values: Sequence[str], *, greater: bool) -> bool:
    if value is None or len(values) != 1:
        return False
    try:
        left, right = int(value), int(values[0])
    except ValueError:
        return False
    return left > right if greater else left < right


_OPERATORS: Final[Mapping[str, Callable[[str | None, Sequence[str]], bool]]] = {
    "In": lambda value, values: value in values,
    "NotIn": lambda value, values: value not in values,
    "Exists": lambda value, _: value is not None,
    "DoesNotExist": lambda value, _: value is None,
    "Gt": lambda value, values: _compare(value, values, greater=True),
    "Lt": lambda value, values: _compare(value, values, greater=False),
}
