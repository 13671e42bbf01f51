"""A lease that ends too early is found, and one that does not end."""

import pytest

from kube.simulation.history import History, KeepAlive
from kube.store.config import StoreConfig
from kube.store.kv import LeaseGrant
from kube.store.lease import REVOKE_RETRY
from kube.store.requests import LeaseGrantRequest, LeaseRevokeRequest
from kube.testing.checkers.leases import check_gone, check_leases, overtime
from kube.testing.checkers.replay import Replay
from kube.testing.checkers.violation import ViolationError

TTL = 4


def leased(*, renewed: float | None, asked: bool) -> tuple[History, Replay]:
    """A lease granted at 1.0 and revoked by the log, at index 2; ``asked``: by a client."""
    history, replay = History(), Replay()
    for request in (LeaseGrantRequest(7, TTL), LeaseRevokeRequest(7)):
        replay.commit(request)
    grant = history.begin(1, LeaseGrantRequest(7, TTL), 1.0)
    history.answered(grant, LeaseGrant(7, TTL), 1.1)
    if renewed is not None:
        history.answered(history.begin(1, KeepAlive(7), renewed), TTL, renewed + 0.1)
    if asked:
        history.begin(1, LeaseRevokeRequest(7), 1.2)
    return history, replay


ENDS = {
    "in time": (5.5, None, False, True),
    "early": (4.5, None, False, False),
    "early, on a clock that may run fast": (3.5, None, False, False),
    "as a client asked": (1.3, None, True, True),
    "in time since it was renewed": (9.5, 5.0, False, True),
    "early since it was renewed": (8.5, 5.0, False, False),
}
"""When it ended, when it was renewed, whether a client asked for its end, and whether that is right."""


@pytest.mark.parametrize(("at", "renewed", "asked", "right"), ENDS.values(), ids=ENDS)
def test_no_lease_ends_early(at: float, renewed: float | None, *, asked: bool, right: bool) -> None:
    history, replay = leased(renewed=renewed, asked=asked)
    if right:
        check_leases(history, replay, [0.0, 1.05, at], fastest=1.0)
        return
    with pytest.raises(ViolationError, match="as long as it was granted for"):
        check_leases(history, replay, [0.0, 1.05, at], fastest=1.0)


def test_a_clock_that_runs_fast_may_end_it_sooner() -> None:
    history, replay = leased(renewed=None, asked=False)
    check_leases(history, replay, [0.0, 1.05, 3.5], fastest=2.0)


def test_what_nobody_renews_ends() -> None:
    check_gone({7: TTL, 8: 9}, since=10.0, now=15.0, overtime=1.0)
    with pytest.raises(ViolationError, match=r"lease 7 of 4 s exists at 15\.100, left alone since 10\.000"):
        check_gone({7: TTL, 8: 9}, since=10.0, now=15.1, overtime=1.0)


def test_how_long_it_may_take() -> None:
    config = StoreConfig(tick=0.1, election_ticks=10, request_timeout=2.0)
    assert overtime(config) == pytest.approx(2.0 + 1.0 + REVOKE_RETRY + 0.5)
