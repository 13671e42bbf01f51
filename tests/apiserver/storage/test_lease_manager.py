"""Many objects share one lease of the store."""

import pytest

from kube.apiserver.storage.lease_manager import MAX_OBJECTS, LeaseManager
from kube.base.clock import FakeClock
from kube.store.kv import LeaseGrant


class Leases:
    def __init__(self) -> None:
        self.granted: list[int] = []

    async def grant(self, ttl: int, lease: int = 0) -> LeaseGrant:
        self.granted.append(ttl)
        return LeaseGrant(len(self.granted), ttl)


@pytest.fixture
def leases():
    return Leases()


@pytest.fixture
def clock():
    return FakeClock()


async def test_objects_of_one_minute_share_a_lease_that_outlives_them(leases, clock):
    manager = LeaseManager(leases, clock)
    ids = []
    for _ in range(3):
        ids.append(await manager.lease(3600))
        clock.advance(25)
    assert ids == [1, 1, 1]
    assert leases.granted == [3660]


@pytest.mark.parametrize(("seconds", "same"), [(59, True), (61, False)])
async def test_a_lease_that_ends_too_soon_is_not_used_again(leases, clock, seconds, same):
    manager = LeaseManager(leases, clock)
    first = await manager.lease(3600)
    clock.advance(seconds)
    assert (await manager.lease(3600) == first) is same


async def test_a_lease_that_ends_too_late_is_not_used_for_shorter_lives(leases, clock):
    manager = LeaseManager(leases, clock)
    await manager.lease(3600)
    await manager.lease(60)
    assert leases.granted == [3660, 63]


async def test_a_lease_takes_a_thousand_objects(leases, clock):
    manager = LeaseManager(leases, clock)
    ids = [await manager.lease(3600) for _ in range(MAX_OBJECTS + 1)]
    assert ids[-2:] == [1, 2]
