"""Gives each node its ranges of pod addresses.

Semantics: the range allocator of pkg/controller/nodeipam/ipam; ``--cluster-cidr`` and ``--node-cidr-mask-size``.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Final

from msgspec import Struct

from kube.api.types.core_v1 import Node
from kube.apimachinery.errors import is_conflict, is_invalid, is_not_found, is_server_timeout, is_timeout
from kube.client.events import NORMAL
from kube.client.lister import Lister
from kube.controllers.framework import Environment, Result, Watch

SMALL: Final = "10.244.0.0/16"
LARGE: Final = "10.128.0.0/9"
RETRY_SECONDS: Final = 5.0
"""After which a node is tried again for which there was no room."""

Network = IPv4Network | IPv6Network


def cluster_cidr_for(nodes: int, mask: int = 24) -> str:
    """The cluster CIDR that has room for so many nodes: 10.244.0.0/16 as long as it does. Raises ValueError."""
    for cidr in (SMALL, LARGE):
        if nodes <= 1 << (mask - ip_network(cidr).prefixlen):
            return cidr
    raise ValueError(f"no cluster CIDR has room for {nodes} nodes with a /{mask} each")


class CidrSet:
    """Ranges of one size within a cluster CIDR, handed out in turn, so that one which was freed rests a while."""

    def __init__(self, cluster_cidr: str, mask: int) -> None:
        """Raises ValueError for what is no CIDR, and for a mask that is shorter than the CIDR's."""
        self.cluster: Network = ip_network(cluster_cidr)
        if not self.cluster.prefixlen <= mask <= self.cluster.max_prefixlen:
            raise ValueError(f"a mask of {mask} does not divide {cluster_cidr}")
        self._mask = mask
        self._shift = self.cluster.max_prefixlen - mask
        self._base = int(self.cluster.network_address)
        self._size = 1 << (mask - self.cluster.prefixlen)
        self._used: set[int] = set()
        self._next = 0

    def __len__(self) -> int:
        """Ranges that are in use."""
        return len(self._used)

    def allocate(self) -> str | None:
        """None when all are in use."""
        if len(self._used) >= self._size:
            return None
        while self._next in self._used:
            self._next = (self._next + 1) % self._size
        index = self._next
        self._used.add(index)
        self._next = (index + 1) % self._size
        address = type(self.cluster.network_address)(self._base + (index << self._shift))
        return f"{address}/{self._mask}"

    def occupy(self, cidr: str) -> None:
        """Every range that the CIDR touches is in use; what is outside of the cluster CIDR is none of ours."""
        self._used.update(self._indexes(cidr))

    def release(self, cidr: str) -> None:
        self._used.difference_update(self._indexes(cidr))

    def _indexes(self, cidr: str) -> range:
        network = ip_network(cidr, strict=False)
        if network.version != self.cluster.version:
            return range(0)
        first = (int(network.network_address) - self._base) >> self._shift
        last = (int(network.broadcast_address) - self._base) >> self._shift
        return range(max(first, 0), min(last, self._size - 1) + 1)


class NodeIpamConfig(Struct, frozen=True):
    """One cluster CIDR and mask for each IP family, the primary family first."""

    cluster_cidrs: tuple[tuple[str, int], ...] = ((SMALL, 24),)


def _is_another_by_now(error: Exception) -> bool:
    """The node was deleted and another one of its name made: a uid can't be changed."""
    return is_conflict(error) or (is_invalid(error) and "metadata.uid" in str(error))


class NodeIpamController:
    """One key is the name of a node that has no CIDR yet."""

    name = "nodeipam"
    workers = 30

    def __init__(self, environment: Environment, config: NodeIpamConfig | None = None) -> None:
        self._client = environment.client
        self._recorder = environment.recorder
        self._nodes: Lister[Node] = environment.listers.lister(Node)
        ranges = (config or NodeIpamConfig()).cluster_cidrs
        self._sets = tuple(CidrSet(cidr, mask) for cidr, mask in ranges)
        self._given: dict[str, tuple[str, ...]] = {}
        """By the uid of a node whose cached state does not show it yet."""

    def watches(self) -> Sequence[Watch[Any]]:
        return (Watch(Node, self._observe),)

    def _observe(self, old: Node | None, new: Node | None) -> Iterable[str]:
        """All ranges in use are known before the first is handed out: the cache's content is told before it counts as
        synced.
        """
        if new is None:
            if old is not None:
                self._release(self._given.pop(old.metadata.uid, old.spec.pod_cidrs))
            return ()
        if not new.spec.pod_cidrs:
            return (new.metadata.name,)
        self._given.pop(new.metadata.uid, None)
        if old is None or old.spec.pod_cidrs != new.spec.pod_cidrs:
            for cidrs in self._sets:
                for cidr in new.spec.pod_cidrs:
                    cidrs.occupy(cidr)
        return ()

    def _release(self, taken: Iterable[str]) -> None:
        for cidr in taken:
            for cidrs in self._sets:
                cidrs.release(cidr)

    async def reconcile(self, key: str) -> Result:
        node = self._nodes.get("", key)
        if node is None or node.spec.pod_cidrs or node.metadata.uid in self._given:
            return Result()
        given = [cidrs.allocate() for cidrs in self._sets]
        taken = [cidr for cidr in given if cidr is not None]
        if len(taken) < len(given):
            self._release(taken)
            self._recorder.event(
                node, NORMAL, "CIDRNotAvailable", f"Node {key} status is now: CIDRNotAvailable"
            )
            return Result(RETRY_SECONDS)
        self._given[node.metadata.uid] = tuple(taken)
        patch = {"metadata": {"uid": node.metadata.uid}, "spec": {"podCIDR": taken[0], "podCIDRs": taken}}
        try:
            await self._client.patch(Node, key, patch)
        except Exception as error:
            self._given.pop(node.metadata.uid, None)
            if not (is_timeout(error) or is_server_timeout(error)):  # then it may have been written
                self._release(taken)
            if is_not_found(error) or _is_another_by_now(error):  # of which the cache tells soon
                return Result()
            raise
        return Result()
