"""What is refused while an alarm is raised: the same calls as by a real etcd, with the same errors."""

import asyncio
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from kube.store.administration import AlarmType
from kube.store.etcdpb import messages
from tests.store.etcd_server.conftest import Caller, Serving
from tests.store.servers import DEBIAN, DISTRO, etcd

PUT = {"request_put": {"key": b"k"}}
CALLS = [
    ("KV/Range", messages.RangeRequest(key=b"k")),
    ("KV/Range", messages.RangeRequest(key=b"k", serializable=True)),
    ("KV/Put", messages.PutRequest(key=b"k")),
    ("KV/DeleteRange", messages.DeleteRangeRequest(key=b"none")),
    ("KV/Txn", messages.TxnRequest()),
    ("KV/Txn", messages.TxnRequest(success=[PUT])),
    ("KV/Txn", messages.TxnRequest(success=[{"request_delete_range": {"key": b"k"}}])),
    ("KV/Compact", messages.CompactionRequest(revision=2)),
    ("Lease/LeaseGrant", messages.LeaseGrantRequest(TTL=500)),
    ("Lease/LeaseRevoke", messages.LeaseRevokeRequest(ID=99)),
    ("Lease/LeaseTimeToLive", messages.LeaseTimeToLiveRequest(ID=7)),
    ("Maintenance/HashKV", messages.HashKVRequest()),
    ("Maintenance/Status", messages.StatusRequest()),
]


async def answer(caller: Caller, method: str, request: Any) -> str:
    try:
        await caller(method, request)
    except grpc.aio.AioRpcError as error:
        return f"{method}: {error.code().name} {error.details()}"
    return f"{method}: OK"


async def answers(endpoint: str, alarm: AlarmType) -> list[str]:
    async with grpc.aio.insecure_channel(endpoint) as channel:
        caller = Caller(channel)
        member = (await caller("KV/Put", messages.PutRequest(key=b"k"))).header.member_id
        await caller("Lease/LeaseGrant", messages.LeaseGrantRequest(TTL=500, ID=7))
        await caller("Maintenance/Alarm", messages.AlarmRequest(action=1, alarm=alarm, memberID=member))
        found = [await answer(caller, method, request) for method, request in CALLS]
        disarm = messages.AlarmRequest(action=2, alarm=alarm, memberID=member)
        assert len((await caller("Maintenance/Alarm", disarm)).alarms) == 1
        return [*found, await answer(caller, "KV/Put", messages.PutRequest(key=b"k"))]


GET, ACTIVATE, DEACTIVATE = range(3)
ODD = [
    (ACTIVATE, 0, 0),
    (ACTIVATE, 0, 77),
    *((ACTIVATE, 1, 77),) * 2,
    (ACTIVATE, 1, 78),
    (ACTIVATE, 2, 77),
    *((GET, alarm, 0) for alarm in range(3)),
    (DEACTIVATE, 0, 0),
    (DEACTIVATE, 1, 0),
    (DEACTIVATE, 0, 77),
    (GET, 0, 0),
    *((DEACTIVATE, 1, 77),) * 2,
    (GET, 0, 0),
    (DEACTIVATE, 2, 77),
    (DEACTIVATE, 1, 78),
    (GET, 0, 0),
]
"""Action, type of alarm, member."""


async def odd_answers(endpoint: str) -> list[list[tuple[int, int]]]:
    async with grpc.aio.insecure_channel(endpoint) as channel:
        found = []
        for action, alarm, member in ODD:
            request = messages.AlarmRequest(action=action, alarm=alarm, memberID=member)
            answered = await Caller(channel)("Maintenance/Alarm", request)
            found.append(sorted((each.memberID, each.alarm) for each in answered.alarms))
        return found


async def test_one_alarm_of_one_member_is_disarmed_and_none_of_no_type(
    serving: Serving, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As by etcd 3.5; 3.4 is brought down by an alarm of no type."""
    server = etcd(DISTRO, tmp_path)
    await asyncio.to_thread(server.start)
    try:
        wanted = await odd_answers(server.endpoint)
    finally:
        server.kill()
    assert await odd_answers(serving.endpoint) == wanted
    assert "NONE" not in caplog.text
    over = [record for record in caplog.records if "the alarm is over" in record.getMessage()]
    assert [record.levelname for record in over] == ["WARNING"] * 3


@pytest.mark.parametrize("alarm", [AlarmType.NOSPACE, AlarmType.CORRUPT])
@pytest.mark.parametrize("version", [DEBIAN, DISTRO])
async def test_what_an_alarm_refuses(
    version: str, alarm: AlarmType, serving: Serving, tmp_path: Path
) -> None:
    server = etcd(version, tmp_path)
    await asyncio.to_thread(server.start)
    try:
        wanted = await answers(server.endpoint, alarm)
    finally:
        server.kill()
    assert await answers(serving.endpoint, alarm) == wanted
    refused = {AlarmType.NOSPACE: "database space exceeded", AlarmType.CORRUPT: "corrupt cluster"}[alarm]
    assert sum(refused in each for each in wanted) >= 3
