"""Leases of one replica: what is granted, which keys hang on it, and, at the leader alone, when it expires.

Grants, attachments and revocations come from the log and are the same on every replica. Time is the leader's: etcd's
primary lessor. A new leader gives every lease its whole ttl again, so that an election expires nobody early. (So does etcd without
its experimental checkpoints.)
"""

import heapq
import math
from collections.abc import Callable

import msgspec
from msgspec import Struct, field

from kube.store.errors import LeaseExistsError, LeaseNotFoundError, LeaseTTLTooLargeError

MAX_TTL = 9_000_000_000
"""Seconds; etcd's MaxLeaseTTL."""
REVOKE_RETRY = 3.0
"""Seconds after which an expired lease that still exists is reported again; etcd's expiredLeaseRetryInterval."""
_SPARE = 1024
"""Entries of leases that are gone that may wait for their time, however few leases there are."""


def least_ttl(election_timeout: float) -> int:
    """Seconds that a lease must live at least: one and a half election timeouts, as etcd has it."""
    return math.ceil(1.5 * election_timeout)


class LeaseSnapshot(msgspec.Struct, frozen=True):
    id: int
    ttl: int


class Lease(Struct):
    """``ttl`` in seconds. ``deadline`` on the leader's monotonic clock; infinite elsewhere.

    ``due``: when the leader looks at it next.
    """

    id: int
    ttl: int
    deadline: float = math.inf
    due: float = math.inf
    keys: dict[bytes, None] = field(default_factory=dict)


class Lessor:
    """``now`` reads a monotonic clock in seconds; only the leader asks it."""

    __slots__ = ("_due", "_leases", "_now", "min_ttl", "primary")

    def __init__(self, now: Callable[[], float], min_ttl: int = 1) -> None:
        self._now = now
        self.min_ttl = min_ttl
        self.primary = False
        self._leases: dict[int, Lease] = {}
        self._due: list[tuple[float, int]] = []
        """A heap with the ``due`` of each lease, too early after a renewal, which is found when it comes up. What is revoked leaves
        its entry, which is nobody's then, also when the id is granted again."""

    def __len__(self) -> int:
        return len(self._leases)

    # ---- from the log

    def check_grant(self, lease: int, ttl: int) -> None:
        """Raises LeaseExistsError, LeaseTTLTooLargeError, and LeaseNotFoundError for the id 0."""
        if lease == 0:
            raise LeaseNotFoundError(lease)
        if ttl > MAX_TTL:
            raise LeaseTTLTooLargeError(ttl)
        if lease in self._leases:
            raise LeaseExistsError(lease)

    def grant(self, lease: int, ttl: int) -> Lease:
        """Raises as ``check_grant``."""
        self.check_grant(lease, ttl)
        granted = self._leases[lease] = Lease(lease, max(ttl, self.min_ttl))
        if self.primary:
            self._schedule(granted)
        return granted

    def revoke(self, lease: int) -> list[bytes]:
        """Forget the lease; its keys, sorted, are to be deleted. Raises LeaseNotFoundError."""
        keys = sorted(self.get(lease).keys)
        del self._leases[lease]
        return keys

    def attach(self, lease: int, key: bytes) -> None:
        self._leases[lease].keys[key] = None

    def detach(self, lease: int, key: bytes) -> None:
        held = self._leases.get(lease)
        if held is not None:
            held.keys.pop(key, None)

    # ---- reads

    def get(self, lease: int) -> Lease:
        """Raises LeaseNotFoundError."""
        found = self._leases.get(lease)
        if found is None:
            raise LeaseNotFoundError(lease)
        return found

    def __contains__(self, lease: int) -> bool:
        return lease in self._leases

    def ids(self) -> tuple[int, ...]:
        return tuple(sorted(self._leases))

    def remaining(self, lease: int) -> float:
        """Seconds left, not below 0. Raises LeaseNotFoundError."""
        found = self.get(lease)
        return max(0.0, found.deadline - self._now()) if self.primary else float(found.ttl)

    # ---- the leader's time

    def promote(self, extend: float = 0.0) -> None:
        """From now on the leader: every lease starts its ttl anew, and ``extend`` seconds more.

        That is an election's time: as long may a keep-alive have had nobody to go to.
        """
        self.primary = True
        self._due = []
        for lease in self._leases.values():
            self._schedule(lease, extend)

    def demote(self) -> None:
        self.primary = False
        self._due = []
        for lease in self._leases.values():
            lease.deadline = math.inf

    def renew(self, lease: int) -> int:
        """The ttl granted. Raises LeaseNotFoundError, for a lease that has expired and waits to be revoked too."""
        found = self.get(lease)
        now = self._now()
        if found.deadline <= now:
            raise LeaseNotFoundError(lease)
        found.deadline = now + found.ttl
        return found.ttl

    def expire(self, limit: int = 1000) -> list[int]:
        """The leases that have expired and are to be revoked through the log, at most ``limit``."""
        if not self._due:
            return []
        now = self._now()
        expired: list[int] = []
        due = self._due
        while due and due[0][0] <= now and len(expired) < limit:
            at, lease = heapq.heappop(due)
            found = self._leases.get(lease)
            if found is None or found.due != at:
                continue
            if found.deadline > now:
                found.due = found.deadline
            else:
                expired.append(lease)
                found.due = now + REVOKE_RETRY
            heapq.heappush(due, (found.due, lease))
        return expired

    def _schedule(self, lease: Lease, extend: float = 0.0) -> None:
        lease.due = lease.deadline = self._now() + lease.ttl + extend
        heapq.heappush(self._due, (lease.due, lease.id))
        if len(self._due) > 2 * len(self._leases) + _SPARE:
            self._due = [(each.due, each.id) for each in self._leases.values()]
            heapq.heapify(self._due)

    # ---- snapshots

    def snapshot(self) -> tuple[LeaseSnapshot, ...]:
        return tuple(LeaseSnapshot(lease.id, lease.ttl) for lease in self._leases.values())

    def restore(self, leases: tuple[LeaseSnapshot, ...]) -> None:
        """Take over the leases; their keys are attached again by whoever knows the key space."""
        self._leases = {lease.id: Lease(lease.id, lease.ttl) for lease in leases}
        self._due = []
        self.primary = False
