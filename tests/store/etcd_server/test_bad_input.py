"""What a server gets that is wrong: etcd's codes and words for that call, and the connection's other work goes on."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc.aio
import pytest

from kube.store.etcd_server.server import EtcdServerConfig
from kube.store.etcdpb import messages
from tests.store.etcd_server.conftest import Caller, Serve, Serving, Watching

Refused = Callable[[Any], Awaitable[tuple[str, str]]]
COMPACTED = ("OUT_OF_RANGE", "etcdserver: mvcc: required revision has been compacted")
FUTURE = ("OUT_OF_RANGE", "etcdserver: mvcc: required revision is a future revision")
NO_KEY = ("INVALID_ARGUMENT", "etcdserver: key is not provided")
NO_LEASE = ("NOT_FOUND", "etcdserver: requested lease not found")


@pytest.mark.parametrize(
    ("method", "request_", "wanted"),
    [
        pytest.param("KV/Range", messages.RangeRequest(), NO_KEY, id="range without a key"),
        pytest.param("KV/Put", messages.PutRequest(value=b"v"), NO_KEY, id="put without a key"),
        pytest.param("KV/DeleteRange", messages.DeleteRangeRequest(), NO_KEY, id="deletion without a key"),
        pytest.param("KV/Range", messages.RangeRequest(key=b"k", revision=2), COMPACTED, id="compacted"),
        pytest.param("KV/Range", messages.RangeRequest(key=b"k", revision=99), FUTURE, id="future"),
        pytest.param(
            "KV/Compact", messages.CompactionRequest(revision=99), FUTURE, id="compaction in the future"
        ),
        pytest.param("KV/Compact", messages.CompactionRequest(revision=3), COMPACTED, id="compacted already"),
        pytest.param(
            "KV/Range",
            messages.RangeRequest(key=b"k", sort_order=7),
            ("INVALID_ARGUMENT", "etcdserver: invalid sort option"),
            id="an order that nobody knows",
        ),
        pytest.param("KV/Put", messages.PutRequest(key=b"k", lease=77), NO_LEASE, id="a lease that is gone"),
        pytest.param("Lease/LeaseRevoke", messages.LeaseRevokeRequest(ID=77), NO_LEASE, id="revoked already"),
        pytest.param(
            "Lease/LeaseGrant",
            messages.LeaseGrantRequest(TTL=9_000_000_001),
            ("OUT_OF_RANGE", "etcdserver: too large lease TTL"),
            id="a lease for too long",
        ),
        pytest.param(
            "KV/Txn",
            messages.TxnRequest(success=[{"request_put": {"key": b"k"}}] * 129),
            ("INVALID_ARGUMENT", "etcdserver: too many operations in txn request"),
            id="too many operations",
        ),
        pytest.param(
            "KV/Txn",
            messages.TxnRequest(success=[{"request_put": {"key": b"k"}}] * 2),
            ("INVALID_ARGUMENT", "etcdserver: duplicate key given in txn request"),
            id="a key twice",
        ),
        pytest.param(
            "KV/Txn",
            messages.TxnRequest(success=[{}]),
            ("INVALID_ARGUMENT", "etcdserver: key not found"),
            id="an operation that is none",
        ),
        pytest.param(
            "KV/Put",
            messages.PutRequest(key=b"k", value=b"v" * (1536 * 1024 + 1)),
            ("INVALID_ARGUMENT", "etcdserver: request is too large"),
            id="over the size limit",
        ),
        pytest.param(
            "KV/Put",
            messages.PutRequest(key=b"k", value=b"v" * 2_200_000),
            ("RESOURCE_EXHAUSTED", "grpc: received message larger than max (2200008 vs. 2097152)"),
            id="over what is received at all",
        ),
        pytest.param(
            "Maintenance/Downgrade",
            messages.DowngradeRequest(version="3.4.0"),
            ("INVALID_ARGUMENT", "etcdserver: invalid downgrade target version"),
            id="downgrade",
        ),
        pytest.param(
            "Maintenance/Downgrade",
            messages.DowngradeRequest(version="old"),
            ("INVALID_ARGUMENT", "etcdserver: wrong downgrade target version format"),
            id="downgrade to what is no version",
        ),
        pytest.param(
            "Maintenance/Downgrade",
            messages.DowngradeRequest(action=2),
            ("FAILED_PRECONDITION", "etcdserver: no inflight downgrade job"),
            id="no downgrade to cancel",
        ),
        pytest.param(
            "Maintenance/Alarm",
            messages.AlarmRequest(action=5),
            ("INVALID_ARGUMENT", "etcdserver: invalid action on alarms: 5"),
            id="an action on alarms that nobody knows",
        ),
        pytest.param(
            "Maintenance/Alarm",
            messages.AlarmRequest(alarm=5),
            ("INVALID_ARGUMENT", "etcdserver: invalid alarm: 5 is not a valid AlarmType"),
            id="an alarm that nobody knows",
        ),
        pytest.param(
            "Maintenance/MoveLeader",
            messages.MoveLeaderRequest(targetID=99),
            ("FAILED_PRECONDITION", "etcdserver: bad leader transferee"),
            id="a leader that is no member",
        ),
        pytest.param(
            "Auth/UserAdd",
            messages.AuthUserAddRequest(name="a"),
            (
                "UNIMPLEMENTED",
                "etcdserver: users and roles are not supported: restrict clients by certificate",
            ),
            id="users",
        ),
        pytest.param(
            "Auth/Authenticate",
            messages.AuthenticateRequest(name="a"),
            ("FAILED_PRECONDITION", "etcdserver: authentication is not enabled"),
            id="authentication",
        ),
    ],
)
async def test_errors(
    serving: Serving, caller: Caller, refused: Refused, method: str, request_: Any, wanted: tuple[str, str]
) -> None:
    for _ in range(3):
        await serving.store.put(b"k", b"v")
    await serving.store.compact(3)
    beside = Watching(caller)
    await beside.create(b"beside")
    assert await refused(caller(method, request_)) == wanted
    await serving.store.put(b"beside", b"")
    assert (await beside.read()).events[0].kv.key == b"beside"


async def raw(channel: grpc.aio.Channel, path: str, body: bytes, **options: Any) -> Any:
    return await channel.unary_unary(path)(body, **options)


@pytest.mark.parametrize(
    ("path", "body", "wanted"),
    [
        pytest.param(
            "/etcdserverpb.KV/Put",
            b"\x0a\xff",
            "INTERNAL: grpc: error unmarshalling request",
            id="no message",
        ),
        pytest.param(
            "/etcdserverpb.KV/Nothing", b"", "UNIMPLEMENTED: unknown method Nothing for service", id="method"
        ),
        pytest.param("/other.Service/Do", b"", "UNIMPLEMENTED: unknown service other.Service", id="service"),
        pytest.param("/", b"", "UNIMPLEMENTED: unknown service", id="no path to speak of"),
    ],
)
async def test_malformed_calls(serving: Serving, caller: Caller, path: str, body: bytes, wanted: str) -> None:
    beside = Watching(caller)
    await beside.create(b"beside")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await raw(caller.channel, path, body)
    assert f"{caught.value.code().name}: {caught.value.details()}".startswith(wanted)
    await serving.store.put(b"beside", b"")
    assert (await beside.read()).events[0].kv.key == b"beside"


async def test_a_malformed_message_ends_its_stream_alone(serving: Serving, caller: Caller) -> None:
    beside = Watching(caller)
    await beside.create(b"beside")
    call = caller.channel.stream_stream("/etcdserverpb.Watch/Watch")()
    await call.write(b"\x0a\xff")
    with pytest.raises(grpc.aio.AioRpcError, match="error unmarshalling request"):
        await call.read()
    await serving.store.put(b"beside", b"")
    assert (await beside.read()).events[0].kv.key == b"beside"


async def test_compressed_messages_are_refused(caller: Caller, refused: Refused) -> None:
    request = messages.PutRequest(key=b"k", value=b"v" * 1000)
    code, words = await refused(caller("KV/Put", request, compression=grpc.Compression.Gzip))
    assert code == "UNIMPLEMENTED"
    assert "Decompressor is not installed" in words


async def test_a_deadline_is_kept_by_the_server(serve: Serve, refused: Refused) -> None:
    """A call that waits for a lock that somebody else has."""
    serving = await serve()
    async with grpc.aio.insecure_channel(serving.endpoint) as channel:
        caller = Caller(channel)
        await caller("/v3lockpb.Lock/Lock", messages.LockRequest(name=b"l"))
        waiting = caller("/v3lockpb.Lock/Lock", messages.LockRequest(name=b"l"), timeout=0.1)
        assert (await refused(waiting))[0] == "DEADLINE_EXCEEDED"
    async with asyncio.timeout(10):
        while (await serving.store.range(b"l/", b"l0")).count > 1:
            await serving.store.put(b"x", b"")


@pytest.mark.parametrize("most", [2, 300])
async def test_the_most_operations_of_a_txn_are_the_flags(serve: Serve, refused: Refused, most: int) -> None:
    serving = await serve(config=EtcdServerConfig(max_txn_ops=most), max_txn_ops=most)

    def request(count: int, *more: dict[str, Any]) -> messages.TxnRequest:
        puts = [{"request_put": {"key": b"k%d" % number}} for number in range(count)]
        return messages.TxnRequest(success=[*puts, *more])

    too_many = ("INVALID_ARGUMENT", "etcdserver: too many operations in txn request")
    async with grpc.aio.insecure_channel(serving.endpoint) as channel:
        caller = Caller(channel)
        assert len((await caller("KV/Txn", request(most))).responses) == most
        assert (await serving.store.range(b"k", b"l")).count == most
        assert await refused(caller("KV/Txn", request(most + 1))) == too_many
        assert await refused(caller("KV/Txn", request(most, {}))) == too_many


async def test_without_a_leader_who_needs_one_is_refused(serve: Serve, refused: Refused) -> None:
    serving = await serve(replicas=3)
    needs = {"metadata": (("hasleader", "true"),)}
    async with grpc.aio.insecure_channel(serving.endpoint) as channel:
        caller = Caller(channel)
        assert (await caller("KV/Range", messages.RangeRequest(key=b"k"), **needs)).count == 0
        stream = Watching(caller, **needs)
        assert (await stream.create(b"k")).created
        plain = Watching(caller)
        assert (await plain.create(b"k")).created
        await serving.system.stop()
        no_leader = ("UNAVAILABLE", "etcdserver: no leader")
        assert await refused(caller("KV/Range", messages.RangeRequest(key=b"k"), **needs)) == no_leader
        with pytest.raises(grpc.aio.AioRpcError, match="etcdserver: no leader"):
            await stream.read()
        assert not plain.call.done()
        health = await caller("/grpc.health.v1.Health/Check", messages.HealthCheckRequest())
        assert health.status == messages.HealthCheckResponse.NOT_SERVING


async def test_too_many_streams_are_refused_or_wait(serving: Serving, caller: Caller) -> None:
    """The limit is in the settings, and a client that heeds it queues: nothing fails."""
    found = await asyncio.gather(
        *(caller("KV/Put", messages.PutRequest(key=b"%d" % number)) for number in range(500))
    )
    assert sorted(response.header.revision for response in found) == list(range(2, 502))


async def test_large_responses_share_a_connection_with_small_ones(serving: Serving) -> None:
    """16 MB on one stream, which nobody reads yet, hold nobody up."""
    for start in range(16):
        await serving.store.put(b"key %d" % start, b"v" * 1_000_000)
    options = [("grpc.max_receive_message_length", -1)]
    async with grpc.aio.insecure_channel(serving.endpoint, options=options) as channel:
        caller = Caller(channel)
        large = [caller("KV/Range", messages.RangeRequest(key=b"\0", range_end=b"\0")) for _ in range(3)]
        small = [await caller("KV/Range", messages.RangeRequest(key=b"none")) for _ in range(20)]
        assert all(response.count == 0 for response in small)
        for response in await asyncio.gather(*large):
            assert response.count == 16
            assert sum(len(kv.value) for kv in response.kvs) == 16 * 1_000_000
