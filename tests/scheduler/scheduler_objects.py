"""Nodes and pods as the scheduler's tests need them."""

from itertools import count

from kube.api.types.core_v1 import (
    Affinity,
    Container,
    ContainerImage,
    ContainerPort,
    Node,
    NodeAffinity,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    NodeSpec,
    NodeStatus,
    Pod,
    PodSpec,
    PreferredSchedulingTerm,
    ResourceRequirements,
    Taint,
)
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apimachinery.quantity import Quantity

UIDS = count()


def quantities(values):
    return {name: Quantity(str(value)) for name, value in values.items()}


def node(name, allocatable=None, *, labels=None, taints=(), unschedulable=False, images=None):
    resources = quantities({"cpu": "4", "memory": "8Gi", "pods": "110", **(allocatable or {})})
    return Node(
        metadata=ObjectMeta(name=name, labels=labels or {}),
        spec=NodeSpec(
            taints=tuple(Taint(key=k, value=v, effect=e) for k, v, e in taints), unschedulable=unschedulable
        ),
        status=NodeStatus(
            allocatable=resources,
            capacity=resources,
            images=tuple(ContainerImage(names=(n,), size_bytes=s) for n, s in (images or {}).items()),
        ),
    )


def pod(
    name="pod",
    requests=None,
    *,
    image="app:1",
    ports=(),
    required=None,
    preferred=(),
    priority=None,
    containers=1,
    **spec,
):
    """``ports`` are (ip, protocol, number); ``required`` and the preferences terms as of ``term``."""
    made = tuple(
        Container(
            name=f"c{i}",
            image=image,
            resources=ResourceRequirements(requests=quantities(requests or {})),
            ports=tuple(
                ContainerPort(host_ip=ip, protocol=protocol, host_port=number, container_port=number)
                for ip, protocol, number in (ports if i == 0 else ())
            ),
        )
        for i in range(containers)
    )
    affinity = None
    if required is not None or preferred:
        affinity = Affinity(
            node_affinity=NodeAffinity(
                required_during_scheduling_ignored_during_execution=NodeSelector(
                    node_selector_terms=tuple(required)
                )
                if required is not None
                else None,
                preferred_during_scheduling_ignored_during_execution=tuple(
                    PreferredSchedulingTerm(weight=weight, preference=t) for weight, t in preferred
                ),
            )
        )
    spec.setdefault("scheduler_name", "default-scheduler")
    return Pod(
        metadata=ObjectMeta(name=name, namespace="default", uid=f"uid-{next(UIDS)}"),
        spec=PodSpec(containers=made, affinity=affinity, priority=priority, **spec),
    )


def term(*expressions, fields=()):
    """Requirements as (key, operator, *values)."""
    return NodeSelectorTerm(
        match_expressions=tuple(
            NodeSelectorRequirement(key=k, operator=o, values=tuple(v)) for k, o, *v in expressions
        ),
        match_fields=tuple(
            NodeSelectorRequirement(key=k, operator=o, values=tuple(v)) for k, o, *v in fields
        ),
    )
