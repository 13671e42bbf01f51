"""Leases for objects that expire (Events): many objects share one lease of the store.

Source of the rules: k8s.io/apiserver/pkg/storage/etcd3/lease_manager.go. An object may live longer than asked for by at
most a twentieth of its time or a minute, whichever is less.
"""

from typing import Final

from kube.base.clock import Clock
from kube.store.kv import Leases

REUSE_SECONDS: Final = 60
REUSE_SHARE: Final = 0.05
MAX_OBJECTS: Final = 1000
"""Objects on one lease, so that its end does not delete too many keys at once."""


class LeaseManager:
    """Hands out the last lease as long as its end fits what is asked for."""

    def __init__(self, leases: Leases, clock: Clock) -> None:
        self._leases = leases
        self._clock = clock
        self._lease = 0
        self._ends = 0.0
        self._objects = 0

    async def lease(self, ttl: int) -> int:
        """The id of a lease for an object that is to live ``ttl`` seconds from now."""
        now = self._clock.monotonic()
        reuse = min(REUSE_SHARE * ttl, REUSE_SECONDS)
        if self._lease and now + ttl <= self._ends <= now + ttl + reuse and self._objects < MAX_OBJECTS:
            self._objects += 1
            return self._lease
        granted = await self._leases.grant(int(ttl + reuse))
        self._lease, self._ends, self._objects = granted.id, now + granted.ttl, 1
        return granted.id
