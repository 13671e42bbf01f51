"""Random calls to a real etcd and to this server: every response and every error is equal, and in the end every event.

What etcd 3.4 and 3.5 crash on is left out: a txn that keeps the value or the lease of what it has deleted (see ``test_apply.py``).
"""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from kube.store.etcdpb import messages
from tests.store.etcd_server.conftest import Caller, Serving, Watching
from tests.store.servers import DEBIAN, DISTRO, etcd

CALLS = 1_500
KEYS = [b"a", b"b", b"ba", b"c", b"c\0", b"d"]
ENDS = [b"", b"", b"", b"\0", b"b", b"c", b"d", b"a"]
VALUES = [b"", b"1", b"2", b"10", b"x"]


class Chooser:
    """Makes requests. It knows about which revisions there are, so that most of what it asks for exists."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.revision = 1
        self.makers: list[tuple[int, Callable[[], tuple[str, Any]]]] = [
            (30, lambda: ("KV/Put", self.put())),
            (30, lambda: ("KV/Range", self.range())),
            (10, lambda: ("KV/DeleteRange", self.delete())),
            (25, lambda: ("KV/Txn", self.txn(2))),
            (2, lambda: ("KV/Compact", messages.CompactionRequest(revision=self.some_revision()))),
            (
                3,
                lambda: (
                    "Lease/LeaseGrant",
                    messages.LeaseGrantRequest(TTL=self.pick([1000, 2000]), ID=self.lease() or 9),
                ),
            ),
            (2, lambda: ("Lease/LeaseRevoke", messages.LeaseRevokeRequest(ID=self.lease()))),
            (
                2,
                lambda: (
                    "Lease/LeaseTimeToLive",
                    messages.LeaseTimeToLiveRequest(ID=self.lease(), keys=True),
                ),
            ),
            (1, lambda: ("Lease/LeaseLeases", messages.LeaseLeasesRequest())),
        ]

    def pick(self, of: list[Any]) -> Any:
        return self.chance.choice(of)

    def rarely(self) -> bool:
        return self.chance.random() < 0.15

    def key(self) -> bytes:
        return b"" if self.chance.random() < 0.01 else self.pick(KEYS)

    def lease(self) -> int:
        return self.pick([0, 1, 2, 3])

    def some_revision(self) -> int:
        return max(-2, self.revision - self.pick([0, 1, 2, 3, 5, 8, 40, -1]))

    def call(self) -> tuple[str, Any]:
        weights = [weight for weight, _ in self.makers]
        [(_, make)] = self.chance.choices(self.makers, weights)
        return make()

    def put(self) -> messages.PutRequest:
        request = messages.PutRequest(key=self.key(), value=self.pick(VALUES), prev_kv=self.rarely())
        if self.rarely():
            request.lease = self.lease()
        if self.rarely():
            request.ignore_value = True
            request.value = self.pick([b"", b"", b"1"])
        if self.rarely():
            request.ignore_lease = True
        return request

    def range(self) -> messages.RangeRequest:
        request = messages.RangeRequest(key=self.key(), range_end=self.pick(ENDS))
        if self.rarely():
            request.revision = self.some_revision()
        if self.rarely():
            request.limit = self.pick([-1, 1, 2, 3])
        if self.rarely():
            request.sort_order = self.pick([0, 1, 2])
            request.sort_target = self.pick([0, 1, 2, 3, 4])
        request.keys_only, request.count_only, request.serializable = (self.rarely() for _ in range(3))
        for bound in ("min_mod_revision", "max_mod_revision", "min_create_revision", "max_create_revision"):
            if self.chance.random() < 0.05:
                setattr(request, bound, self.some_revision())
        return request

    def delete(self) -> messages.DeleteRangeRequest:
        return messages.DeleteRangeRequest(key=self.key(), range_end=self.pick(ENDS), prev_kv=self.rarely())

    def compare(self) -> messages.Compare:
        target = self.pick([0, 1, 2, 3, 4])
        compare = messages.Compare(key=self.key(), target=target, result=self.pick([0, 1, 2, 3]))
        field = ("version", "create_revision", "mod_revision", "value", "lease")[target]
        operand = self.pick(VALUES) if field == "value" else self.pick([0, 1, 2, self.some_revision()])
        if not self.rarely():
            setattr(compare, field, operand)
        if self.rarely():
            compare.range_end = self.pick(ENDS)
        return compare

    def op(self, depth: int) -> messages.RequestOp:
        kind = self.pick(["put", "range", "range", "delete", "txn", "none"])
        if kind == "delete":
            delete = self.delete()
            if delete.range_end == b"\0":
                delete.range_end = b"e"
            return messages.RequestOp(request_delete_range=delete)
        if kind == "txn" and depth:
            return messages.RequestOp(request_txn=self.txn(depth - 1))
        if kind == "put":
            return messages.RequestOp(request_put=self.put())
        if kind == "none" and self.chance.random() < 0.1:
            return messages.RequestOp()
        return messages.RequestOp(request_range=self.range())

    def txn(self, depth: int) -> messages.TxnRequest:
        def some(make: Callable[[], Any]) -> list[Any]:
            return [make() for _ in range(self.pick([0, 1, 1, 2, 3]))]

        return messages.TxnRequest(
            compare=some(self.compare),
            success=some(lambda: self.op(depth)),
            failure=some(lambda: self.op(depth)),
        )


def bare(response: Any) -> Any:
    """Without what is an accident of one server."""
    header = response.header
    header.cluster_id = header.member_id = header.raft_term = 0
    if isinstance(response, messages.LeaseTimeToLiveResponse):
        keys = sorted(response.keys)
        del response.keys[:]
        response.keys.extend(keys)
        response.TTL = response.TTL and 1
    if isinstance(response, messages.LeaseLeasesResponse):
        leases = sorted(response.leases, key=lambda lease: lease.ID)
        del response.leases[:]
        response.leases.extend(leases)
    return response


async def answer(caller: Caller, method: str, request: Any) -> tuple[Any, ...]:
    try:
        return ("OK", bare(await caller(method, request)))
    except grpc.aio.AioRpcError as error:
        return (error.code().name, error.details())


async def events(caller: Caller, last: int, **fields: Any) -> list[messages.Event]:
    """All of a watch's, through the revision ``last``."""
    watching = Watching(caller)
    await watching.create(b"\0", range_end=b"\0", **fields)
    found: list[messages.Event] = []
    while not found or found[-1].kv.mod_revision < last:
        found += (await watching.read()).events
    watching.call.cancel()
    return found


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
            chooser = Chooser(1)
            codes: dict[str, int] = {}
            for number in range(CALLS):
                method, request = chooser.call()
                wanted, found = await asyncio.gather(
                    answer(theirs, method, request), answer(ours, method, request)
                )
                assert found == wanted, f"call {number}: {method}\n{request}\netcd: {wanted}\nours: {found}"
                codes[wanted[0]] = codes.get(wanted[0], 0) + 1
                if wanted[0] == "OK":
                    chooser.revision = max(chooser.revision, wanted[1].header.revision)
            assert codes.keys() >= {"OK", "INVALID_ARGUMENT", "OUT_OF_RANGE", "NOT_FOUND"}
            await ours("KV/Put", messages.PutRequest(key=b"end"))
            await theirs("KV/Put", messages.PutRequest(key=b"end"))
            last = chooser.revision + 1
            # A deletion at the compacted revision itself is there for watches in newer etcds, and here.
            start = (await serving.store.status()).compact_revision + 1
            for fields in ({"prev_kv": True}, {"filters": [0]}, {"filters": [1]}):
                if 0 in fields.get("filters", []):
                    await ours("KV/DeleteRange", messages.DeleteRangeRequest(key=b"end"))
                    await theirs("KV/DeleteRange", messages.DeleteRangeRequest(key=b"end"))
                    last += 1
                elif "filters" in fields:
                    last -= 1
                assert await events(ours, last, start_revision=start, **fields) == await events(
                    theirs, last, start_revision=start, **fields
                )
    finally:
        server.kill()
