"""Calls that no client's library makes: where etcd 3.4 and 3.5 agree on the answer, it is this server's too."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import grpc.aio
import pytest

from kube.store.etcdpb import messages
from tests.store.etcd_server.conftest import Caller, Serving, Watching
from tests.store.servers import DEBIAN, DISTRO, etcd

UNKNOWN = 77
"""A number that no enum has."""
NO_TEXT = b"\x0a\x03\xff\xfe\xfd"
"""A string in field 1 that is no UTF-8."""


def tag(number: int, size: int) -> bytes:
    """What stands before so many bytes of a field, as protobuf encodes it."""
    encoded = bytes((number << 3 | 2,))
    while size > 0x7F:
        encoded += bytes((size & 0x7F | 0x80,))
        size >>= 7
    return encoded + bytes((size,))


def field(number: int, data: bytes) -> bytes:
    return tag(number, len(data)) + data


def nested_txn(levels: int, innermost: messages.TxnRequest) -> bytes:
    parts = [innermost.SerializeToString()]
    size = len(parts[0])
    for _ in range(levels - 1):
        nested = tag(4, size)
        parts.append(tag(2, size + len(nested)) + nested)
        size += len(parts[-1])
    return b"".join(reversed(parts))


PUT = messages.TxnRequest(success=[{"request_put": {"key": b"deep", "value": b"v"}}])
EMPTY_KEY = messages.TxnRequest(success=[{"request_put": {"value": b"v"}}])


def compaction(revision: int) -> bytes:
    return messages.CompactionRequest(revision=revision).SerializeToString()


def compares() -> Iterator[tuple[str, bytes]]:
    for target in (*range(5), UNKNOWN):
        for result in (*range(4), UNKNOWN):
            if UNKNOWN not in {target, result}:
                continue
            for key, end in ((b"a", b""), (b"none", b""), (b"a", b"c"), (b"x", b"z")):
                compare = messages.Compare(key=key, range_end=end, target=target, result=result)
                yield "KV/Txn", messages.TxnRequest(compare=[compare]).SerializeToString()


def ranges() -> Iterator[tuple[str, bytes]]:
    for revision in (-1, -2, -9):
        wanted = messages.RangeRequest(key=b"a", revision=revision)
        yield "KV/Range", wanted.SerializeToString()
        yield "KV/Txn", messages.TxnRequest(success=[{"request_range": wanted}]).SerializeToString()


def mistyped() -> Iterator[tuple[str, bytes]]:
    """Fields that are known, of another kind than they have, alone and within others; and some that nobody knows."""
    key, number = field(1, b"k"), b"\x10\x05"
    yield "KV/Range", b"\x08\x05"
    for value in (
        number,
        b"\x15\0\0\0\0",
        b"\x1a\x00",
        b"\x13\x14",
        b"\xfb\x01\x08\x01\xfc\x01",
        b"\x98\x06\x05",
    ):
        yield "KV/Put", key + value
    yield "KV/Txn", number
    yield "KV/Txn", field(2, number)
    yield "KV/Txn", field(2, field(2, key + number))
    yield "KV/Txn", field(3, field(4, field(2, field(2, key + number)))) + field(2, field(1, key))
    yield "KV/Txn", field(1, b"\x08\x01\x12\x02\0\0" + field(3, b"k"))
    yield "KV/Txn", nested_txn(60, PUT) + b"\x18\x01"
    yield "KV/Txn", nested_txn(45, PUT) + b"\x98\x06\x05"
    yield "Lease/LeaseGrant", key
    yield "Lease/LeaseRevoke", b"\x09" + b"\0" * 8
    yield "Cluster/MemberAdd", b"\x08\x01"
    yield "Maintenance/Alarm", b"\x12\x01a"
    yield "Auth/UserGet", NO_TEXT + b"\x08\x01"


CALLS = [
    *mistyped(),
    *ranges(),
    ("KV/Compact", compaction(-1)),
    ("KV/Compact", compaction(0)),
    ("KV/Compact", compaction(0)),
    ("KV/Compact", compaction(-1)),
    *(("KV/Put", messages.PutRequest(key=key, value=b"1").SerializeToString()) for key in (b"a", b"b")),
    *ranges(),
    ("KV/Compact", compaction(2)),
    ("KV/Compact", compaction(0)),
    *ranges(),
    *compares(),
    *(("KV/Txn", nested_txn(levels, PUT)) for levels in (49, 50, 51, 100, 127, 128, 129, 130, 5_000, 60_000)),
    *(("KV/Txn", nested_txn(levels, EMPTY_KEY)) for levels in (50, 51, 128, 129)),
    *(("KV/Txn", nested_txn(levels, messages.TxnRequest())) for levels in (60, 129, 130, 131)),
    ("KV/Txn", field(1, b"") * 200 + nested_txn(60, PUT)),
    ("KV/Txn", nested_txn(60, PUT)[:-1] + b"\xff\xff"),
    ("Auth/UserGet", NO_TEXT),
    ("Auth/RoleGet", NO_TEXT),
    ("Auth/Authenticate", NO_TEXT),
    ("KV/Range", messages.RangeRequest(key=b"\0", range_end=b"\0").SerializeToString()),
]


async def answer(caller: Caller, method: str, request: bytes) -> tuple[str, str | bytes | None]:
    try:
        response: bytes = await caller.channel.unary_unary(f"/etcdserverpb.{method}")(request)
    except grpc.aio.AioRpcError as error:
        code, words = error.code().name, error.details()
        in_etcds_words = code != "INTERNAL" or "wrong wireType" in (words or "")
        return code, words if in_etcds_words else ""  # those of the library that reads it
    return "OK", response[2 + response[1] :]  # behind the header, which begins it


async def watches(caller: Caller) -> list[tuple[int, bool, bool, int]]:
    """What is told of progress without watches, and of watches from revisions below 0."""
    told: list[messages.WatchResponse] = []
    for start, responses in ((0, 1), (-1, 1), (-2, 2)):
        watching = Watching(caller)
        await watching.request_progress()
        created = await watching.create(b"a", start_revision=start)
        told += [created, *[await watching.read() for _ in range(responses)]]
        watching.call.cancel()
    return [(each.watch_id, each.created, each.canceled, each.compact_revision) for each in told]


@pytest.mark.parametrize("version", [DEBIAN, DISTRO])
async def test_every_answer_is_etcds(version: str, serving: Serving, tmp_path: Path) -> None:
    server = etcd(version, tmp_path)
    await asyncio.to_thread(server.start)
    try:
        async with (
            grpc.aio.insecure_channel(server.endpoint) as their_channel,
            grpc.aio.insecure_channel(serving.endpoint) as our_channel,
        ):
            theirs, ours = Caller(their_channel), Caller(our_channel)
            never = messages.HashKVRequest()
            assert (await ours("Maintenance/HashKV", never)).compact_revision == (
                await theirs("Maintenance/HashKV", never)
            ).compact_revision
            assert await watches(ours) == await watches(theirs)
            for number, (method, request) in enumerate(CALLS):
                wanted, found = await asyncio.gather(
                    answer(theirs, method, request), answer(ours, method, request)
                )
                assert found == wanted, f"call {number}: {method} {request[:80]!r}"
            assert await watches(ours) == await watches(theirs)
    finally:
        server.kill()
