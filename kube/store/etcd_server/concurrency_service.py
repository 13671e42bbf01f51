"""etcd's lock and election services (``v3lockpb``, ``v3electionpb``): recipes over keys, leases and watches.

Who waits has a key under the name's prefix, attached to a lease; the one with the oldest creation owns the lock or leads. A waiter
watches only the key created just before its own, so that an owner's going wakes one. Clients of etcd with these recipes built
in write the same keys, and queue with those that use the services.
"""

from typing import ClassVar, Final

from kube.store.administration import AdministeredStore
from kube.store.errors import Code
from kube.store.etcd_server.calls import StreamingCall
from kube.store.etcd_server.convert import key_value
from kube.store.etcd_server.service import Service
from kube.store.etcd_server.status import RpcError
from kube.store.etcdpb import messages
from kube.store.kv import (
    Compare,
    CompareResult,
    CompareTarget,
    DeleteRange,
    EventType,
    KeyValue,
    Put,
    PutResult,
    Range,
    RangeResult,
    SortOrder,
    SortTarget,
    Txn,
    WatchFilter,
    prefix_end,
)

SESSION_TTL: Final = 60
"""Seconds of the lease of who brings none: etcd's default session."""

_EXPIRED: Final = (Code.UNKNOWN, "mutex: session is expired")
_NOT_LEADER: Final = (Code.UNKNOWN, "election: not leader")
_NO_LEADER: Final = (Code.UNKNOWN, "election: no leader")


class Queue:
    """The waiters under one name. ``prefix`` ends with a slash."""

    def __init__(self, store: AdministeredStore, name: bytes) -> None:
        self._store = store
        self.prefix = name + b"/"

    async def enter(self, lease: int, value: bytes = b"") -> KeyValue:
        """The waiter of ``lease``: made now, unless it is there already, whose value then may be another."""
        key = self.prefix + b"%x" % lease
        result = await self._store.txn(
            Txn(
                (Compare(key, CompareTarget.CREATE, CompareResult.EQUAL, 0),),
                (Put(key, value, lease),),
                (Range(key),),
            )
        )
        answer = result.responses[0]
        if isinstance(answer, PutResult):
            return KeyValue(key, value, result.revision, result.revision, 1, lease)
        assert isinstance(answer, RangeResult)
        return answer.kvs[0]

    async def first(self) -> tuple[KeyValue | None, int]:
        """Who owns the name, and as of which revision."""
        found = await self._store.range(
            self.prefix,
            prefix_end(self.prefix),
            limit=1,
            sort_order=SortOrder.ASCEND,
            sort_target=SortTarget.CREATE,
        )
        return (found.kvs[0] if found.kvs else None), found.revision

    async def wait(self, create_revision: int) -> None:
        """Until all keys that were created before are gone."""
        while True:
            found = await self._store.range(
                self.prefix,
                prefix_end(self.prefix),
                limit=1,
                sort_order=SortOrder.DESCEND,
                sort_target=SortTarget.CREATE,
                max_create_revision=create_revision - 1,
            )
            if not found.kvs:
                return
            await self.deleted(found.kvs[0].key, found.revision + 1)

    async def deleted(self, key: bytes, start_revision: int) -> None:
        watch = await self._store.watch(key, b"", start_revision, filters=(WatchFilter.NOPUT,))
        try:
            while not (await watch.next()).events:
                pass
        finally:
            watch.cancel()

    async def leave(self, key: bytes) -> None:
        await self._store.delete_range(key)


async def lease_or_new(store: AdministeredStore, lease: int) -> int:
    return lease or (await store.grant(SESSION_TTL)).id


class LockService(Service):
    name = "v3lockpb.Lock"
    serves: ClassVar = {"Lock": "lock", "Unlock": "unlock"}

    async def lock(self, request: messages.LockRequest) -> messages.LockResponse:
        """Waits for the lock. A caller that goes away leaves the queue."""
        lease = await lease_or_new(self.store, request.lease)
        queue = Queue(self.store, request.name)
        mine = await queue.enter(lease)
        try:
            await queue.wait(mine.create_revision)
        except BaseException:
            await queue.leave(mine.key)
            raise
        if not (await self.store.range(mine.key)).kvs:
            raise RpcError(*_EXPIRED)
        return messages.LockResponse(header=await self.current_header(), key=mine.key)

    async def unlock(self, request: messages.UnlockRequest) -> messages.UnlockResponse:
        result = await self.store.delete_range(request.key)
        return messages.UnlockResponse(header=self.header(result.revision))


class ElectionService(Service):
    name = "v3electionpb.Election"
    serves: ClassVar = {
        "Campaign": "campaign",
        "Proclaim": "proclaim",
        "Leader": "leader",
        "Observe": "observe",
        "Resign": "resign",
    }

    async def campaign(self, request: messages.CampaignRequest) -> messages.CampaignResponse:
        """Waits until elected. A caller that goes away leaves the queue."""
        lease = await lease_or_new(self.store, request.lease)
        queue = Queue(self.store, request.name)
        mine = await queue.enter(lease, request.value)
        leader = messages.LeaderKey(name=request.name, key=mine.key, rev=mine.create_revision, lease=lease)
        try:
            if mine.value != request.value:
                await self._proclaim(leader, request.value)
            await queue.wait(mine.create_revision)
        except BaseException:
            await queue.leave(mine.key)
            raise
        return messages.CampaignResponse(header=await self.current_header(), leader=leader)

    async def proclaim(self, request: messages.ProclaimRequest) -> messages.ProclaimResponse:
        revision = await self._proclaim(request.leader, request.value)
        return messages.ProclaimResponse(header=self.header(revision))

    async def _proclaim(self, leader: messages.LeaderKey, value: bytes) -> int:
        """Raises RpcError when the leadership is over."""
        result = await self.store.txn(_if_still(leader, Put(leader.key, value, leader.lease)))
        if not result.succeeded:
            raise RpcError(*_NOT_LEADER)
        return result.revision

    async def leader(self, request: messages.LeaderRequest) -> messages.LeaderResponse:
        found, revision = await Queue(self.store, request.name).first()
        if found is None:
            raise RpcError(*_NO_LEADER)
        return messages.LeaderResponse(header=self.header(revision), kv=key_value(found))

    async def resign(self, request: messages.ResignRequest) -> messages.ResignResponse:
        result = await self.store.txn(_if_still(request.leader, DeleteRange(request.leader.key)))
        return messages.ResignResponse(header=self.header(result.revision))

    async def observe(self, call: StreamingCall) -> None:
        """Every leader from now on, and what each proclaims."""
        async for request in call:
            queue = Queue(self.store, request.name)
            while True:
                found, revision = await queue.first()
                if found is None:
                    found, revision = await self._next_candidate(queue, revision + 1)
                await call.send(messages.LeaderResponse(header=self.header(revision), kv=key_value(found)))
                await self._follow(call, found.key, revision + 1)

    async def _next_candidate(self, queue: Queue, start_revision: int) -> tuple[KeyValue, int]:
        watch = await self.store.watch(
            queue.prefix, prefix_end(queue.prefix), start_revision, filters=(WatchFilter.NODELETE,)
        )
        try:
            while True:
                batch = await watch.next()
                if batch.events:
                    return batch.events[0].kv, batch.events[0].kv.mod_revision
        finally:
            watch.cancel()

    async def _follow(self, call: StreamingCall, key: bytes, start_revision: int) -> None:
        """Tell what a leader proclaims, until it is none."""
        watch = await self.store.watch(key, b"", start_revision)
        try:
            while True:
                for event in (await watch.next()).events:
                    if event.type is EventType.DELETE:
                        return
                    header = self.header(event.kv.mod_revision)
                    await call.send(messages.LeaderResponse(header=header, kv=key_value(event.kv)))
        finally:
            watch.cancel()


def _if_still(leader: messages.LeaderKey, op: Put | DeleteRange) -> Txn:
    return Txn((Compare(leader.key, CompareTarget.CREATE, CompareResult.EQUAL, leader.rev),), (op,))
