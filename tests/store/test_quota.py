"""The quota: what would grow past it is refused and an alarm raised; the rest goes on; the alarm stays until it is disarmed."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from kube.store.administration import Alarm, AlarmType
from kube.store.apply import StateMachine
from kube.store.errors import CorruptError, NoSpaceError
from kube.store.kv import DeleteRange, LeaseGrant, Put, PutResult, Range, Txn
from kube.store.requests import (
    AlarmAction,
    AlarmRequest,
    Compact,
    LeaseGrantRequest,
    LeaseRevokeRequest,
    OptimisticDelete,
    OptimisticPut,
    growth,
)

Make = Callable[..., Awaitable[Any]]
NOSPACE = Alarm(1, AlarmType.NOSPACE)
CORRUPT = Alarm(1, AlarmType.CORRUPT)
BIG = bytes(1000)


@pytest.mark.parametrize(
    ("request_", "wanted"),
    [
        pytest.param(Put(b"key", b"value"), 8 + 256, id="put"),
        pytest.param(OptimisticPut(b"key", b"value", 3), 8 + 256, id="optimistic put"),
        pytest.param(LeaseGrantRequest(1, 60), 64, id="lease"),
        pytest.param(DeleteRange(b"key"), 0, id="delete"),
        pytest.param(OptimisticDelete(b"key", 3), 0, id="optimistic delete"),
        pytest.param(Compact(3), 0, id="compact"),
        pytest.param(Txn((), (Put(b"k", b"v"), Put(b"l", b"")), (Put(b"k", b"v"),)), 515, id="txn"),
        pytest.param(Txn((), (Range(b"k"), DeleteRange(b"k"))), 0, id="txn that adds nothing"),
        pytest.param(Txn((), (Txn((), (), (Put(b"k", b"v"),)),)), 258, id="nested"),
    ],
)
def test_what_a_request_may_add(request_: Any, wanted: int) -> None:
    assert growth(request_) == wanted


REQUESTS = [
    pytest.param(Put(b"k", b"w"), True, id="put"),
    pytest.param(OptimisticPut(b"n", b"w", 0), True, id="optimistic put"),
    pytest.param(Txn((), (), (Put(b"n", b"w"),)), True, id="txn that might put"),
    pytest.param(LeaseGrantRequest(9, 60), True, id="grant"),
    pytest.param(DeleteRange(b"k"), False, id="delete"),
    pytest.param(OptimisticDelete(b"k", 2), False, id="optimistic delete"),
    pytest.param(Txn((), (DeleteRange(b"k"),)), False, id="txn that deletes"),
    pytest.param(LeaseRevokeRequest(5), False, id="revoke"),
    pytest.param(Compact(2), False, id="compact"),
]


def machine(*alarms: Alarm) -> StateMachine:
    made = StateMachine(lambda: 0.0)
    assert made.apply(LeaseGrantRequest(5, 60)) == LeaseGrant(5, 60)
    assert made.apply(Put(b"k", b"v")) == PutResult(2)
    for alarm in alarms:
        assert made.apply(AlarmRequest(AlarmAction.ACTIVATE, alarm)) == (alarm,)
    return made


@pytest.mark.parametrize(("request_", "grows"), REQUESTS)
def test_nospace_refuses_what_grows(request_: object, grows: bool) -> None:
    made = machine(NOSPACE)
    assert isinstance(made.apply(request_), NoSpaceError) is grows
    assert (b"k" in made.kv.live and made.kv.live[b"k"].value == b"v") or not grows
    assert made.kv.live.keys() <= {b"k"}


@pytest.mark.parametrize(
    "request_", [case.values[0] for case in REQUESTS], ids=[case.id for case in REQUESTS]
)
def test_corrupt_refuses_every_write(request_: object) -> None:
    made = machine(CORRUPT, NOSPACE)
    assert isinstance(made.apply(request_), CorruptError)
    assert (made.kv.revision, made.kv.compact_revision) == (2, -1)


@pytest.mark.parametrize(
    ("wanted", "gone"),
    [
        pytest.param(Alarm(1, AlarmType.NOSPACE), [Alarm(1, AlarmType.NOSPACE)], id="one"),
        pytest.param(
            Alarm(0, AlarmType.NOSPACE),
            [Alarm(1, AlarmType.NOSPACE), Alarm(2, AlarmType.NOSPACE)],
            id="a type",
        ),
        pytest.param(
            Alarm(1, AlarmType.NONE),
            [Alarm(1, AlarmType.NOSPACE), Alarm(1, AlarmType.CORRUPT)],
            id="a member",
        ),
        pytest.param(
            Alarm(0, AlarmType.NONE),
            [Alarm(1, AlarmType.NOSPACE), Alarm(1, AlarmType.CORRUPT), Alarm(2, AlarmType.NOSPACE)],
            id="all",
        ),
        pytest.param(Alarm(3, AlarmType.NOSPACE), [], id="one that is not raised"),
    ],
)
def test_which_alarms_are_disarmed(wanted: Alarm, gone: list[Alarm]) -> None:
    raised = (Alarm(1, AlarmType.NOSPACE), Alarm(1, AlarmType.CORRUPT), Alarm(2, AlarmType.NOSPACE))
    made = machine(*reversed(raised))
    assert made.alarms == raised
    assert made.apply(AlarmRequest(AlarmAction.DEACTIVATE, wanted)) == tuple(gone)
    assert made.alarms == tuple(alarm for alarm in raised if alarm not in gone)


def test_an_alarm_that_is_raised_twice_is_there_once() -> None:
    assert machine(NOSPACE, NOSPACE).alarms == (NOSPACE,)


def test_alarms_outlive_a_snapshot() -> None:
    restored = StateMachine.restore(machine(NOSPACE).snapshot(), lambda: 0.0)
    assert restored.alarms == (NOSPACE,)
    assert isinstance(restored.apply(Put(b"k", b"w")), NoSpaceError)


async def fill(store: Any) -> None:
    for number in range(20):
        await store.put(b"k%02d" % number, BIG)


async def test_a_store_that_is_full(cluster: Make) -> None:
    three = await cluster(3, quota_bytes=10_000)
    store = three.store
    lease = await store.grant(60)
    with pytest.raises(NoSpaceError):
        await fill(store)
    full = (await store.status()).db_size
    assert 8_000 < full < 10_000
    alarm = Alarm(store.leader, AlarmType.NOSPACE)
    assert await store.alarms() == (alarm,)
    for write in (
        store.put(b"small", b""),
        store.optimistic_put(b"small", b"", 0),
        store.txn(Txn((), (Put(b"small", b""),))),
        store.grant(60),
    ):
        with pytest.raises(NoSpaceError):
            await write
    await store.keep_alive(lease.id)
    await store.revoke(lease.id)
    assert (await store.range(b"k", b"l")).count == 9
    assert (await store.delete_range(b"k", b"k04")).deleted == 4
    await store.compact(await store.current_revision())
    await three.tick(60)
    assert (await store.status()).db_size < full - 3_000
    with pytest.raises(NoSpaceError):  # there is space, but nobody has said that it may be used
        await store.put(b"small", b"")
    assert await store.disarm(alarm) == (alarm,)
    await store.put(b"small", b"")
    assert await store.alarms() == ()
    await three.tick(3)
    assert [member.machine.alarms for member in three.members.values()] == [()] * 3


async def test_without_a_quota_nothing_is_refused(cluster: Make) -> None:
    store = (await cluster(1, quota_bytes=0)).store
    await store.put(b"k", BIG)
    assert await store.alarms() == ()
