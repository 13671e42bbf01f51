"""How fast the nodes of a zone may be given up: a zone that fails as a whole is more likely cut off than dead. Pure.

Semantics: handleDisruption and RateLimitedTimedQueue of pkg/controller/nodelifecycle; the API page "Nodes", rate limits on
eviction.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

INITIAL: Final = "Initial"
NORMAL: Final = "Normal"
PARTIAL: Final = "PartialDisruption"
FULL: Final = "FullDisruption"
FEW: Final = 2
"""Nodes that may be unhealthy without disrupting their zone, be their share what it may."""


class Rates(Struct, frozen=True):
    """Nodes per second. Zones above ``large_zone`` nodes go on slowly when they are partly disrupted; small ones stop."""

    normal: float = 0.1
    secondary: float = 0.01
    large_zone: int = 50
    unhealthy_threshold: float = 0.55

    def of(self, state: str, size: int) -> float:
        if state == PARTIAL:
            return self.secondary if size > self.large_zone else 0.0
        return self.normal


def zone_state(ready: Sequence[bool], rates: Rates) -> str:
    """``ready``: of each node of the zone."""
    healthy = sum(ready)
    unhealthy = len(ready) - healthy
    if not healthy and unhealthy:
        return FULL
    if unhealthy > FEW and unhealthy / len(ready) >= rates.unhealthy_threshold:
        return PARTIAL
    return NORMAL


class Limiter:
    """One token at a time."""

    def __init__(self, rate: float, now: float) -> None:
        self.rate = rate
        self._tokens = 1.0
        self._at = now

    def swap(self, rate: float, now: float) -> None:
        """What has been used stays used."""
        self._refill(now)
        self.rate = rate

    def take(self, now: float) -> bool:
        self._refill(now)
        if self.rate <= 0 or self._tokens < 1 - 1e-9:
            return False
        self._tokens = max(self._tokens - 1, 0.0)
        return True

    def wait(self, now: float) -> float | None:
        """Seconds until the next token; None while there is none to come."""
        self._refill(now)
        return None if self.rate <= 0 else max(0.0, (1 - self._tokens) / self.rate)

    def _refill(self, now: float) -> None:
        self._tokens = min(1.0, self._tokens + (now - self._at) * self.rate)
        self._at = now


class Zone:
    """Its state, and the nodes that wait for their taint."""

    def __init__(self, rates: Rates, now: float) -> None:
        self.state = INITIAL
        self.limiter = Limiter(rates.normal, now)
        self._waiting: dict[str, None] = {}
        self._done: dict[str, None] = {}

    def add(self, node: str) -> bool:
        """A node is dealt with once, until it is removed."""
        if node in self._waiting or node in self._done:
            return False
        self._waiting[node] = None
        return True

    def remove(self, node: str) -> None:
        self._waiting.pop(node, None)
        self._done.pop(node, None)

    def take(self, now: float) -> str | None:
        """The next node whose time has come."""
        if not self._waiting or not self.limiter.take(now):
            return None
        node = next(iter(self._waiting))
        del self._waiting[node]
        self._done[node] = None
        return node

    def wait(self, now: float) -> float | None:
        """Seconds until the next node's time; None when none waits."""
        return self.limiter.wait(now) if self._waiting else None


class Verdict(Struct, frozen=True):
    """``entered_full``: everything looks dead, so nothing is; ``left_full``: all heartbeats count anew from now."""

    entered_full: bool = False
    left_full: bool = False


def update_zones(
    zones: Mapping[str, Zone], ready: Mapping[str, Sequence[bool]], rates: Rates, now: float
) -> Verdict:
    """Sets states and limiters of the zones by the readiness of their nodes; ``zones`` has those of ``ready``."""
    if not ready:
        return Verdict()
    states = {name: zone_state(nodes, rates) for name, nodes in ready.items()}
    all_are = all(state == FULL for state in states.values())
    all_were = all(zones[name].state == FULL for name in states)
    if all_are and all_were:
        return Verdict()
    for name, state in states.items():
        zone = zones[name]
        if all_are:
            zone.limiter.swap(0.0, now)
        elif all_were or zone.state != state:
            zone.limiter.swap(rates.of(state, len(ready[name])), now)
        zone.state = state
    return Verdict(entered_full=all_are, left_full=all_were)
