"""Nodes whose kubelets are the tests."""

from typing import Any

from msgspec.structs import replace
from running import held

from kube.api.types.coordination_v1 import Lease, LeaseSpec
from kube.api.types.core_v1 import Node
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apimachinery.time import micro_from_seconds
from kube.controllers.nodelifecycle.controller import NodeLifecycleConfig
from kube.controllers.nodelifecycle.zones import Rates

UNREACHABLE = "node.kubernetes.io/unreachable"
QUICK = NodeLifecycleConfig(
    monitor_period=0.1, monitor_grace_period=0.6, startup_grace_period=0.6, rates=Rates(normal=100.0)
)


async def heartbeat(cluster: Any, name: str) -> None:
    lease = await held(cluster, Lease, name, "kube-node-lease")()
    spec = LeaseSpec(renew_time=micro_from_seconds(cluster.clock.now()))
    if lease is None:
        metadata = ObjectMeta(name=name, namespace="kube-node-lease")
        await cluster.client.create(Lease(metadata=metadata, spec=spec))
    else:
        await cluster.client.update(replace(lease, spec=spec))


async def taints(cluster: Any, name: str) -> list[tuple[str, str]]:
    node = await cluster.client.get(Node, name)
    return sorted((taint.key, taint.effect) for taint in node.spec.taints)
