"""Cluster IPs and node ports: who has which, who gets the next one, and how a write that fails gives them back.

Source of the semantics: pkg/registry/core/service/{ipallocator,portallocator}; KEP-3070 and KEP-3668 (the lower band of a
range is left to those who ask for a value, until the upper one is used up).
"""

from collections import deque
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network
from typing import Final

import msgspec

from kube.api.helpers.services import CLUSTER_IP_NONE
from kube.api.types.core_v1 import Service
from kube.api.validation.checks import parse_ip
from kube.apiserver.storage.interface import ListOptions, Storage
from kube.base.chance import Chance

ALLOCATED_IP: Final = "provided IP is already allocated"
ALLOCATED_PORT: Final = "provided port is already allocated"
DOUBT_SECONDS: Final = 60.0
"""After so long a write whose outcome was not known has happened or never will."""
FULL: Final = "range is full"
OUT_OF_NETWORK: Final = "the provided network does not match the current range"


class ServiceRange(msgspec.Struct, frozen=True):
    """``--service-cluster-ip-range`` and ``--service-node-port-range``; the last port is in the range."""

    cluster_ips: str = "10.96.0.0/12"
    first_node_port: int = 30000
    last_node_port: int = 32767


class AllocationError(Exception):
    """A value that cannot be had; the message is upstream's."""


class NumberAllocator:
    """The numbers ``first`` to ``last``, of which the first ``static`` are handed out last."""

    def __init__(self, first: int, last: int, static: int) -> None:
        self._first = first
        self._last = last
        self._dynamic = first + static
        self._taken: set[int] = set()

    def __contains__(self, number: int) -> bool:
        return self._first <= number <= self._last

    def is_taken(self, number: int) -> bool:
        return number in self._taken

    def take(self, number: int) -> bool:
        """Whether the number was free; it no longer is."""
        if number in self._taken:
            return False
        self._taken.add(number)
        return True

    def next(self, chance: Chance) -> int:
        """Take a number by chance. Raises AllocationError."""
        for first, last in ((self._dynamic, self._last), (self._first, self._dynamic - 1)):
            found = self._scan(first, last, chance)
            if found is not None:
                self._taken.add(found)
                return found
        raise AllocationError(FULL)

    def _scan(self, first: int, last: int, chance: Chance) -> int | None:
        """The first free number from a random one on."""
        size = last - first + 1
        if size <= 0:
            return None
        start = chance.randrange(size)
        for step in range(size):
            number = first + (start + step) % size
            if number not in self._taken:
                return number
        return None

    def give_back(self, number: int) -> None:
        self._taken.discard(number)

    def clear(self) -> None:
        self._taken.clear()


def _static_ips(size: int) -> int:
    """How many addresses are left to those who ask: a sixteenth, at least 16 and at most 256 (KEP-3070)."""
    return 0 if size < 16 else min(max(16, size // 16), 256)


def _static_ports(size: int) -> int:
    """The same of ports: a thirty-second, at least 16 and at most 128 (KEP-3668)."""
    return 0 if size < 32 else min(max(16, size // 32), 128)


class ServiceAllocator:
    """All cluster IPs and node ports of a cluster, as its services hold them.

    It knows what this process has handed out; before the first use it reads what is stored, and again to learn what became
    of writes in doubt. Nothing here waits but for that, so that concurrent requests never see half of a change.
    """

    def __init__(self, ranges: ServiceRange) -> None:
        network = IPv4Network(ranges.cluster_ips)
        first, last = int(network.network_address) + 1, int(network.broadcast_address) - 1
        self.ips = NumberAllocator(first, last, _static_ips(last - first + 1))
        self._ports_text = f"{ranges.first_node_port}-{ranges.last_node_port}"
        count = ranges.last_node_port - ranges.first_node_port + 1
        self.ports = NumberAllocator(ranges.first_node_port, ranges.last_node_port, _static_ports(count))
        self._storage: Storage | None = None
        self._loaded = False
        self._doubts: deque[tuple[float, list[int], list[int]]] = deque()
        """Since when (wall seconds) which addresses and ports may or may not be held by a service."""

    def follow(self, storage: Storage) -> None:
        """Read what is allocated from the services there, at the first use."""
        self._storage = storage
        self._loaded = False

    async def load(self, now: float) -> None:
        """Wait until what the stored services hold is known. ``now``: wall seconds."""
        if self._storage is None:
            return
        if not self._loaded:
            services = await self._stored(self._storage)
            if not self._is_loaded():  # else another request was faster, and has gone on from there
                self._loaded = True
                self.ips.clear()
                self.ports.clear()
                for service in services:
                    for ip in cluster_ips(service):
                        self.ips.take(ip)
                    for port in node_ports(service):
                        self.ports.take(port)
        elif self._doubts and now - self._doubts[0][0] >= DOUBT_SECONDS:
            await self._resolve(self._storage, now)

    def _is_loaded(self) -> bool:
        return self._loaded

    @staticmethod
    async def _stored(storage: Storage) -> "list[Service]":
        return [entry.object for entry in (await storage.get_list(ListOptions())).entries]

    def doubt(self, ips: list[int], ports: list[int], now: float) -> None:
        """These stay taken until it is known whether a service holds them."""
        if ips or ports:
            self._doubts.append((now, ips, ports))

    async def _resolve(self, storage: Storage, now: float) -> None:
        """Give back what no service has come to hold."""
        due = []
        while self._doubts and now - self._doubts[0][0] >= DOUBT_SECONDS:
            due.append(self._doubts.popleft())
        try:
            services = await self._stored(storage)
        except BaseException:
            self._doubts.extendleft(reversed(due))
            raise
        held_ips = {ip for service in services for ip in cluster_ips(service)}
        held_ports = {port for service in services for port in node_ports(service)}
        for _, ips, ports in due:
            for ip in ips:
                if ip not in held_ips:
                    self.ips.give_back(ip)
            for port in ports:
                if port not in held_ports:
                    self.ports.give_back(port)

    def operation(self, chance: Chance, now: float = 0.0) -> "Operation":
        """``now``: wall seconds."""
        return Operation(self, chance, now)

    def port_error(self) -> AllocationError:
        return AllocationError(
            f"provided port is not in the valid range. The range of valid ports is {self._ports_text}"
        )


class Operation:
    """What one write takes and gives back: all of it when it commits, nothing when it rolls back."""

    def __init__(self, allocator: ServiceAllocator, chance: Chance, now: float) -> None:
        self._allocator = allocator
        self._chance = chance
        self._now = now
        self._ips: list[int] = []
        self._ports: list[int] = []
        self._old_ips: list[int] = []
        self._old_ports: list[int] = []

    def take_ip(self, ip: str) -> None:
        """Raises AllocationError."""
        address = parse_ip(ip)
        if not isinstance(address, IPv4Address) or int(address) not in self._allocator.ips:
            raise AllocationError(OUT_OF_NETWORK)
        if not self._allocator.ips.take(int(address)):
            raise AllocationError(ALLOCATED_IP)
        self._ips.append(int(address))

    def next_ip(self) -> str:
        """Raises AllocationError."""
        number = self._allocator.ips.next(self._chance)
        self._ips.append(number)
        return str(IPv4Address(number))

    def take_port(self, port: int) -> None:
        """Raises AllocationError."""
        if port not in self._allocator.ports:
            raise self._allocator.port_error()
        if not self._allocator.ports.take(port):
            raise AllocationError(ALLOCATED_PORT)
        self._ports.append(port)

    def next_port(self) -> int:
        """Raises AllocationError."""
        port = self._allocator.ports.next(self._chance)
        self._ports.append(port)
        return port

    def release_ips(self, numbers: Iterable[int]) -> None:
        """Give back when the write has succeeded."""
        self._old_ips += numbers

    def release_ports(self, numbers: Iterable[int]) -> None:
        self._old_ports += numbers

    async def commit(self) -> None:
        for ip in self._old_ips:
            self._allocator.ips.give_back(ip)
        for port in self._old_ports:
            self._allocator.ports.give_back(port)

    async def rollback(self) -> None:
        self.undo()

    async def doubt(self) -> None:
        self._allocator.doubt(self._ips + self._old_ips, self._ports + self._old_ports, self._now)

    def undo(self) -> None:
        """Give back at once what was taken."""
        for ip in self._ips:
            self._allocator.ips.give_back(ip)
        for port in self._ports:
            self._allocator.ports.give_back(port)


def cluster_ips(service: Service) -> list[int]:
    """The IPv4 cluster IPs that a service holds, as numbers."""
    found = []
    for ip in service.spec.cluster_ips or (service.spec.cluster_ip,):
        address = None if ip in ("", CLUSTER_IP_NONE) else parse_ip(ip)
        if isinstance(address, IPv4Address):
            found.append(int(address))
    return found


def node_ports(service: Service) -> list[int]:
    """The node ports that a service holds, that of its health check among them, each once."""
    found = dict.fromkeys(port.node_port for port in service.spec.ports if port.node_port)
    if service.spec.health_check_node_port:
        found[service.spec.health_check_node_port] = None
    return list(found)
