"""The services beside KV and Watch, with gRPC's own client: leases, members, maintenance, locks, elections, health."""

import asyncio
import hashlib
from typing import Any

import grpc.aio
import pytest

from kube.store.administration import Alarm, AlarmType
from kube.store.etcd_server.maintenance_service import SERVER_VERSION
from kube.store.etcdpb import messages
from kube.store.kv import Put, Txn
from tests.store.etcd_server.conftest import Caller, Serve, Serving

LOCK, UNLOCK = "/v3lockpb.Lock/Lock", "/v3lockpb.Lock/Unlock"


def election(method: str) -> str:
    return f"/v3electionpb.Election/{method}"


async def test_every_response_has_a_header(serving: Serving, caller: Caller) -> None:
    await serving.store.put(b"k", b"v")
    calls = {
        "KV/Range": messages.RangeRequest(key=b"k"),
        "KV/Put": messages.PutRequest(key=b"k"),
        "KV/DeleteRange": messages.DeleteRangeRequest(key=b"none"),
        "KV/Txn": messages.TxnRequest(),
        "KV/Compact": messages.CompactionRequest(revision=2),
        "Lease/LeaseGrant": messages.LeaseGrantRequest(TTL=60, ID=5),
        "Lease/LeaseTimeToLive": messages.LeaseTimeToLiveRequest(ID=5),
        "Lease/LeaseLeases": messages.LeaseLeasesRequest(),
        "Lease/LeaseRevoke": messages.LeaseRevokeRequest(ID=5),
        "Cluster/MemberList": messages.MemberListRequest(),
        "Maintenance/Alarm": messages.AlarmRequest(),
        "Maintenance/Status": messages.StatusRequest(),
        "Maintenance/Defragment": messages.DefragmentRequest(),
        "Maintenance/Hash": messages.HashRequest(),
        "Maintenance/HashKV": messages.HashKVRequest(),
        "Maintenance/MoveLeader": messages.MoveLeaderRequest(targetID=1),
        "Auth/AuthStatus": messages.AuthStatusRequest(),
        LOCK: messages.LockRequest(name=b"l"),
        election("Campaign"): messages.CampaignRequest(name=b"e"),
    }
    for method, request in calls.items():
        header = (await caller(method, request)).header
        assert header.cluster_id == serving.store.cluster_id, method
        assert header.member_id == 1, method
        assert header.revision >= 2, method
        assert header.raft_term == serving.store.raft_term, method


async def test_nested_transactions(serving: Serving, caller: Caller) -> None:
    inner = {
        "compare": [{"key": b"k", "target": 0, "version": 0}],
        "success": [{"request_put": {"key": b"k"}}],
    }
    request = messages.TxnRequest(success=[{"request_txn": inner}, {"request_range": {"key": b"k"}}])
    response = await caller("KV/Txn", request)
    nested, ranged = response.responses
    assert response.succeeded
    assert nested.response_txn.succeeded
    assert nested.response_txn.responses[0].response_put.header.revision == 2
    assert ranged.response_range.count == 1
    assert response.header.revision == 2


async def test_a_long_range_comes_whole(serving: Serving) -> None:
    """It is made in portions; whoever asks in between is served."""
    for start in range(0, 5_000, 100):
        await serving.store.txn(
            Txn(success=tuple(Put(b"k%05d" % each, b"v") for each in range(start, start + 100)))
        )
    options = [("grpc.max_receive_message_length", -1)]
    async with grpc.aio.insecure_channel(serving.endpoint, options=options) as channel:
        caller = Caller(channel)
        request = messages.RangeRequest(key=b"k", range_end=b"l", limit=4_500)
        response = await caller("KV/Range", request)
        whole = await serving.store.range(b"k", b"l", limit=4_500)
        assert [kv.key for kv in response.kvs] == [kv.key for kv in whole.kvs]
        assert (response.count, response.more, response.header.revision) == (5_000, True, 51)


async def test_keep_alive_goes_on_past_a_lease_that_is_gone(serving: Serving, caller: Caller) -> None:
    await serving.store.grant(60, 5)
    call = caller("Lease/LeaseKeepAlive", None)
    found = []
    for lease in (5, 6, 5):
        await call.write(messages.LeaseKeepAliveRequest(ID=lease))
        response = await call.read()
        found.append((response.ID, response.TTL))
    assert found == [(5, 60), (6, 0), (5, 60)]
    await call.done_writing()
    assert await call.read() == grpc.aio.EOF


async def test_time_to_live(serving: Serving, caller: Caller) -> None:
    await serving.store.grant(60, 5)
    await serving.store.put(b"a", b"", 5)
    there = await caller("Lease/LeaseTimeToLive", messages.LeaseTimeToLiveRequest(ID=5, keys=True))
    assert (there.grantedTTL, list(there.keys)) == (60, [b"a"])
    assert 58 <= there.TTL <= 60
    without = await caller("Lease/LeaseTimeToLive", messages.LeaseTimeToLiveRequest(ID=5))
    assert not without.keys
    gone = await caller("Lease/LeaseTimeToLive", messages.LeaseTimeToLiveRequest(ID=6))
    assert (gone.TTL, gone.grantedTTL) == (-1, 0)


async def test_status(serving: Serving, caller: Caller) -> None:
    await serving.store.put(b"k", b"v" * 1000)
    status = await caller("Maintenance/Status", messages.StatusRequest())
    assert (status.version, status.leader, status.isLearner) == (SERVER_VERSION, 1, False)
    assert status.dbSize >= status.dbSizeInUse >= 1000
    assert status.raftAppliedIndex <= status.raftIndex
    assert not status.errors


async def test_hashes_of_replicas_and_revisions(serve: Serve) -> None:
    """Two stores with the same history have the same hash, of now and of then."""
    hashes = []
    for _ in range(2):
        serving = await serve()
        for number in range(5):
            await serving.store.put(b"k%d" % (number % 2), b"%d" % number)
        async with grpc.aio.insecure_channel(serving.endpoint) as channel:
            caller = Caller(channel)
            hashes.append(
                [
                    (await caller("Maintenance/HashKV", messages.HashKVRequest(revision=revision))).hash
                    for revision in (0, 3, 6)
                ]
            )
    assert hashes[0] == hashes[1]
    assert hashes[0][0] == hashes[0][2] != hashes[0][1]


async def test_snapshot_ends_with_its_digest(serving: Serving, caller: Caller) -> None:
    for number in range(20):
        await serving.store.put(b"k%d" % number, b"v" * 30_000)
    blob, left = b"", []
    async for response in caller("Maintenance/Snapshot", messages.SnapshotRequest()):
        assert len(response.blob) <= 65_536
        blob += response.blob
        left.append(len(blob) + response.remaining_bytes)
    assert left == [len(blob)] * len(left), "each says how much follows"
    assert len(blob) % 512 == 32
    assert hashlib.sha256(blob[:-32]).digest() == blob[-32:]


async def test_alarms(serving: Serving, caller: Caller) -> None:
    def alarms(response: Any) -> list[Alarm]:
        return [Alarm(each.memberID, AlarmType(each.alarm)) for each in response.alarms]

    raised = messages.AlarmRequest(action=1, memberID=1, alarm=1)
    assert alarms(await caller("Maintenance/Alarm", raised)) == [Alarm(1, AlarmType.NOSPACE)]
    assert alarms(await caller("Maintenance/Alarm", messages.AlarmRequest())) == [Alarm(1, AlarmType.NOSPACE)]
    assert alarms(await caller("Maintenance/Alarm", messages.AlarmRequest(alarm=2))) == []
    disarm = messages.AlarmRequest(action=2, memberID=1, alarm=1)
    assert alarms(await caller("Maintenance/Alarm", disarm)) == [Alarm(1, AlarmType.NOSPACE)]
    assert alarms(await caller("Maintenance/Alarm", messages.AlarmRequest())) == []


# ---- locks and elections


async def queued(serving: Serving, name: bytes, count: int) -> None:
    """Until so many wait under the name."""
    watch = await serving.store.watch(name + b"/", name + b"0", 1)
    async with asyncio.timeout(10):
        while (await serving.store.range(name + b"/", name + b"0")).count != count:
            await watch.next()
    watch.cancel()


async def test_a_lock_goes_from_hand_to_hand_in_order(serving: Serving, caller: Caller) -> None:
    first = await caller(LOCK, messages.LockRequest(name=b"l"))
    assert first.key.startswith(b"l/")
    waiting = []
    for count in (2, 3):
        waiting.append(caller(LOCK, messages.LockRequest(name=b"l")))
        await queued(serving, b"l", count)
    await caller(UNLOCK, messages.UnlockRequest(key=first.key))
    second = await waiting[0]
    assert not waiting[1].done()
    await caller(UNLOCK, messages.UnlockRequest(key=second.key))
    third = await waiting[1]
    assert len({first.key, second.key, third.key}) == 3


async def test_a_lock_of_the_same_lease_is_held_already(serving: Serving, caller: Caller) -> None:
    await serving.store.grant(60, 5)
    keys = [(await caller(LOCK, messages.LockRequest(name=b"l", lease=5))).key for _ in range(2)]
    assert keys == [b"l/5", b"l/5"]


async def test_a_lock_whose_lease_ends_while_it_waits_is_lost(serving: Serving, caller: Caller) -> None:
    held = await caller(LOCK, messages.LockRequest(name=b"l"))
    await serving.store.grant(60, 5)
    waiting = caller(LOCK, messages.LockRequest(name=b"l", lease=5))
    await queued(serving, b"l", 2)
    await serving.store.revoke(5)
    await caller(UNLOCK, messages.UnlockRequest(key=held.key))
    with pytest.raises(grpc.aio.AioRpcError, match="mutex: session is expired"):
        await waiting


async def test_who_gives_up_leaves_the_queue(serving: Serving, caller: Caller) -> None:
    await caller(LOCK, messages.LockRequest(name=b"l"))
    waiting = caller(LOCK, messages.LockRequest(name=b"l"))
    await queued(serving, b"l", 2)
    waiting.cancel()
    await queued(serving, b"l", 1)


async def test_an_election(serving: Serving, caller: Caller) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match="election: no leader"):
        await caller(election("Leader"), messages.LeaderRequest(name=b"e"))
    observed = caller(election("Observe"), messages.LeaderRequest(name=b"e"))
    for lease in (5, 6):
        await serving.store.grant(60, lease)
    first = (
        await caller(election("Campaign"), messages.CampaignRequest(name=b"e", lease=5, value=b"one"))
    ).leader
    assert (first.name, first.key, first.lease) == (b"e", b"e/5", 5)
    assert (await observed.read()).kv.value == b"one"
    rival = caller(election("Campaign"), messages.CampaignRequest(name=b"e", lease=6, value=b"two"))
    await queued(serving, b"e", 2)
    await caller(election("Proclaim"), messages.ProclaimRequest(leader=first, value=b"uno"))
    assert (await observed.read()).kv.value == b"uno"
    assert (await caller(election("Leader"), messages.LeaderRequest(name=b"e"))).kv.value == b"uno"
    await caller(election("Resign"), messages.ResignRequest(leader=first))
    second = (await rival).leader
    assert second.key == b"e/6"
    assert (await observed.read()).kv.value == b"two"
    with pytest.raises(grpc.aio.AioRpcError, match="election: not leader"):
        await caller(election("Proclaim"), messages.ProclaimRequest(leader=first, value=b"late"))
    again = messages.CampaignRequest(name=b"e", lease=6, value=b"zwei")
    assert (await caller(election("Campaign"), again)).leader == second
    assert (await observed.read()).kv.value == b"zwei"
    observed.cancel()


# ---- health


async def test_health(serving: Serving, caller: Caller) -> None:
    serving_ = messages.HealthCheckResponse.SERVING
    check = await caller("/grpc.health.v1.Health/Check", messages.HealthCheckRequest())
    assert check.status == serving_
    with pytest.raises(grpc.aio.AioRpcError, match="unknown service"):
        await caller("/grpc.health.v1.Health/Check", messages.HealthCheckRequest(service="other"))
    watch = caller("/grpc.health.v1.Health/Watch", messages.HealthCheckRequest())
    assert (await watch.read()).status == serving_
    await serving.system.stop()
    async with asyncio.timeout(10):
        assert (await watch.read()).status == messages.HealthCheckResponse.NOT_SERVING
    watch.cancel()


async def test_health_of_what_is_not_there(caller: Caller) -> None:
    watch = caller("/grpc.health.v1.Health/Watch", messages.HealthCheckRequest(service="other"))
    assert (await watch.read()).status == messages.HealthCheckResponse.SERVICE_UNKNOWN
