"""A lease lasts at least as long as it was granted for, counted from when it was last renewed, and once all is well not much longer."""

from collections.abc import Mapping, Sequence

from kube.simulation.history import History, KeepAlive
from kube.store.config import StoreConfig
from kube.store.errors import StoreError
from kube.store.lease import REVOKE_RETRY
from kube.store.requests import LeaseGrantRequest, LeaseRevokeRequest
from kube.testing.checkers.replay import Replay
from kube.testing.checkers.violation import ViolationError

TICKS = 5
"""That a leader takes to look, and the members to agree."""


def overtime(config: StoreConfig) -> float:
    """Seconds that a lease lives longer, at most, than it was granted for, when all is well and nobody asks to renew it.

    A request of before may still be on its way; then the leader may have led for a moment only, which adds an election; and its first
    attempt to revoke may be lost.
    """
    election = config.tick * config.election_ticks
    return config.request_timeout + election + REVOKE_RETRY + TICKS * config.tick


def check_gone(leases: Mapping[int, int], *, since: float, now: float, overtime: float) -> None:
    """``leases``: those that still exist: seconds granted, by id. ``since``: from then on one leader has led and nobody has asked for any.

    Raises ViolationError.
    """
    for lease, ttl in leases.items():
        if now - since > ttl + overtime:
            raise ViolationError(
                "a lease that nobody renews ends",
                f"lease {lease} of {ttl} s exists at {now:.3f}, left alone since {since:.3f}",
            )


def check_leases(history: History, replay: Replay, times: Sequence[float], *, fastest: float) -> None:
    """``times``: of each entry of the log, in seconds. ``fastest``: seconds of a member's clock in one of theirs, at most.

    Raises ViolationError.
    """
    asked = {op.request.id for op in history.operations if isinstance(op.request, LeaseRevokeRequest)}
    renewed: dict[int, list[tuple[float, float]]] = {}
    for operation in history.operations:
        if isinstance(operation.request, (LeaseGrantRequest, KeepAlive)) and operation.answered:
            renewed.setdefault(operation.request.id, []).append((operation.begin, operation.end))
    for index, request in enumerate(replay.requests):
        if not isinstance(request, LeaseRevokeRequest) or isinstance(replay.answers[index], StoreError):
            continue
        lease, at = request.id, times[index]
        begins = [begin for begin, end in renewed.get(lease, ()) if end < at]
        if lease in asked or not begins:
            continue
        ttl = replay.states[index - 1].leases[lease]
        if at - max(begins) < ttl / fastest:
            raise ViolationError(
                "a lease lasts as long as it was granted for",
                f"lease {lease} of {ttl} s ended at {at:.3f}, renewed at {max(begins):.3f}",
            )
