"""A lease lasts at least as long as it was granted for, counted from when it was last renewed."""

from collections.abc import Sequence

from kube.simulation.history import History, KeepAlive
from kube.store.errors import StoreError
from kube.store.requests import LeaseGrantRequest, LeaseRevokeRequest
from kube.testing.checkers.replay import Replay
from kube.testing.checkers.violation import ViolationError


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
