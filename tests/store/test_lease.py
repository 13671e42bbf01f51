"""Leases: granted by the log, expired by the leader's clock."""

import pytest

from kube.store.errors import LeaseExistsError, LeaseNotFoundError, LeaseTTLTooLargeError, StoreError
from kube.store.lease import MAX_TTL, REVOKE_RETRY, Lessor, least_ttl


class Now:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def leader(now: Now) -> Lessor:
    lessor = Lessor(now, min_ttl=2)
    lessor.promote()
    return lessor


@pytest.mark.parametrize(
    ("lease", "ttl", "error"),
    [
        pytest.param(0, 10, LeaseNotFoundError, id="the id that means none"),
        pytest.param(7, MAX_TTL + 1, LeaseTTLTooLargeError, id="for too long"),
        pytest.param(1, 10, LeaseExistsError, id="twice"),
    ],
)
def test_grants_that_are_refused(leader: Lessor, lease: int, ttl: int, error: type[StoreError]) -> None:
    leader.grant(1, 10)
    with pytest.raises(error):
        leader.grant(lease, ttl)


def test_a_short_ttl_is_raised_to_the_least_one(leader: Lessor) -> None:
    assert leader.grant(1, 1).ttl == 2


def test_a_lease_expires_after_its_ttl_and_not_before(leader: Lessor, now: Now) -> None:
    leader.grant(1, 10)
    leader.grant(2, 5)
    now.seconds += 4.9
    assert leader.expire() == []
    now.seconds += 0.1
    assert leader.expire() == [2]
    leader.revoke(2)
    now.seconds += 5
    assert leader.expire() == [1]


def test_an_expired_lease_is_reported_again_until_it_is_revoked(leader: Lessor, now: Now) -> None:
    leader.grant(1, 5)
    now.seconds += 5
    assert leader.expire() == [1]
    assert leader.expire() == []
    now.seconds += REVOKE_RETRY
    assert leader.expire() == [1]
    leader.revoke(1)
    now.seconds += REVOKE_RETRY
    assert leader.expire() == []


def test_a_renewed_lease_lives_on_by_its_ttl(leader: Lessor, now: Now) -> None:
    leader.grant(1, 10)
    for _ in range(5):
        now.seconds += 9
        assert leader.expire() == []
        assert leader.renew(1) == 10
    assert leader.remaining(1) == 10
    now.seconds += 10
    assert leader.expire() == [1]
    with pytest.raises(LeaseNotFoundError):
        leader.renew(1)


def test_many_renewals_keep_one_entry_each(leader: Lessor, now: Now) -> None:
    leader.grant(1, 10)
    for _ in range(1000):
        now.seconds += 1
        leader.renew(1)
        leader.expire()
    assert len(leader._due) == 1


def test_a_follower_expires_nothing(now: Now) -> None:
    lessor = Lessor(now)
    lessor.grant(1, 5)
    now.seconds += 1000
    assert lessor.expire() == []
    assert lessor.remaining(1) == 5


def test_a_new_leader_gives_every_lease_its_whole_ttl(leader: Lessor, now: Now) -> None:
    leader.grant(1, 10)
    now.seconds += 9
    leader.demote()
    now.seconds += 1000
    assert leader.expire() == []
    leader.promote()
    assert leader.remaining(1) == 10
    now.seconds += 10
    assert leader.expire() == [1]


def test_many_leases_that_expire_at_once_come_in_portions(leader: Lessor, now: Now) -> None:
    for lease in range(1, 26):
        leader.grant(lease, 5)
    now.seconds += 5
    portions = [leader.expire(10) for _ in range(4)]
    assert [len(portion) for portion in portions] == [10, 10, 5, 0]
    assert sorted(lease for portion in portions for lease in portion) == list(range(1, 26))


def test_revoking_gives_the_keys_in_order(leader: Lessor) -> None:
    leader.grant(1, 10)
    for key in (b"c", b"a", b"b"):
        leader.attach(1, key)
    leader.detach(1, b"b")
    assert leader.revoke(1) == [b"a", b"c"]
    with pytest.raises(LeaseNotFoundError):
        leader.revoke(1)


def test_leases_survive_a_snapshot_but_their_time_does_not(leader: Lessor, now: Now) -> None:
    leader.grant(7, 30)
    restored = Lessor(now)
    restored.restore(leader.snapshot())
    assert restored.ids() == (7,)
    assert restored.get(7).ttl == 30
    assert not restored.primary


def test_a_new_leader_gives_the_whole_ttl_and_an_elections_time(now: Now) -> None:
    lessor = Lessor(now)
    lessor.grant(1, 10)
    lessor.promote(2.5)
    lessor.grant(2, 10)
    assert (lessor.remaining(1), lessor.remaining(2)) == (12.5, 10)
    now.seconds += 5
    assert lessor.renew(1) == 10
    assert lessor.remaining(1) == 10
    now.seconds += 5
    assert lessor.expire() == [2]


@pytest.mark.parametrize(("election", "ttl"), [(0.2, 1), (1.0, 2), (1.4, 3), (5.0, 8)], ids=str)
def test_a_lease_covers_an_election(election: float, ttl: int) -> None:
    assert least_ttl(election) == ttl


def test_a_lease_that_is_granted_again_has_its_own_time(leader: Lessor, now: Now) -> None:
    leader.grant(1, 10)
    leader.revoke(1)
    leader.grant(1, 30)
    now.seconds += 10
    assert leader.expire() == []
    now.seconds += 20
    assert leader.expire() == [1]
    assert leader.expire() == []


def test_leases_that_are_gone_leave_nothing_behind(leader: Lessor, now: Now) -> None:
    """However long they would have lived."""
    leader.grant(1, 10)
    for number in range(2, 10_000):
        leader.grant(number, MAX_TTL)
        leader.revoke(number)
    assert len(leader._due) < 3_000
    now.seconds += 10
    assert leader.expire() == [1]


def test_the_earliest_is_first_also_after_those_that_are_gone_were_cleared_away(
    leader: Lessor, now: Now
) -> None:
    for lease, ttl in ((1, 1_000), (2, 500), (3, 10)):
        leader.grant(lease, ttl)
    for number in range(4, 2_000):
        leader.grant(number, MAX_TTL)
        leader.revoke(number)
    now.seconds += 10
    assert leader.expire() == [3]
    now.seconds += 490
    assert leader.expire() == [3, 2]  # the first has waited for its revocation since


def test_who_leads_no_more_knows_no_time(leader: Lessor, now: Now) -> None:
    leader.grant(1, 10)
    now.seconds += 4
    assert leader.remaining(1) == 6
    leader.demote()
    leader.grant(2, 10)
    assert (leader.remaining(1), leader.remaining(2)) == (10, 10)
    now.seconds += 100
    assert leader.expire() == []
    assert (1 in leader, 3 in leader) == (True, False)
