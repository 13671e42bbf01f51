"""Clients of a store under simulation: what they ask is drawn from a seed, what they are told goes into a history."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct

from kube.base.chance import Chance
from kube.simulation.history import Asked, History, KeepAlive, TimeToLive
from kube.simulation.trace import Trace
from kube.store.errors import StoreError
from kube.store.kv import (
    ALL_KEYS_END,
    Compare,
    CompareResult,
    CompareTarget,
    DeleteRange,
    Op,
    Put,
    Range,
    SortOrder,
    SortTarget,
    Store,
    Txn,
    prefix_end,
)
from kube.store.requests import (
    Compact,
    LeaseGrantRequest,
    LeaseRevokeRequest,
    OptimisticDelete,
    OptimisticPut,
)

KEYS = tuple(b"key/%d" % number for number in range(6))
PREFIX = b"key/"
MIN_TTL = 2
"""Seconds; the store raises what is below one and a half election timeouts."""


class Pace(Struct, frozen=True, kw_only=True):
    """Seconds: between two requests of a client, and until it gives up an answer (0: never)."""

    think: tuple[float, float] = (0.0, 0.15)
    patience: float = 0.0


async def _ask(store: Store, request: Any, *, serializable: bool) -> object:
    """One request through the methods of ``kv.Store``."""
    call = _CALLS[type(request)]
    if serializable:
        return await _range(store, request, serializable=True)
    return await call(store, request)


async def _range(store: Store, request: Range, *, serializable: bool = False) -> object:
    return await store.range(
        request.key,
        request.range_end,
        revision=request.revision,
        limit=request.limit,
        keys_only=request.keys_only,
        count_only=request.count_only,
        serializable=serializable,
        sort_order=request.sort_order,
        sort_target=request.sort_target,
        min_mod_revision=request.min_mod_revision,
        max_mod_revision=request.max_mod_revision,
        min_create_revision=request.min_create_revision,
        max_create_revision=request.max_create_revision,
    )


_CALLS: dict[type, Callable[[Store, Any], Awaitable[object]]] = {
    Range: _range,
    Put: lambda store, each: store.put(
        each.key,
        each.value,
        each.lease,
        prev_kv=each.prev_kv,
        ignore_value=each.ignore_value,
        ignore_lease=each.ignore_lease,
    ),
    DeleteRange: lambda store, each: store.delete_range(each.key, each.range_end, prev_kv=each.prev_kv),
    Txn: lambda store, each: store.txn(each),
    OptimisticPut: lambda store, each: store.optimistic_put(
        each.key, each.value, each.mod_revision, each.lease
    ),
    OptimisticDelete: lambda store, each: store.optimistic_delete(each.key, each.mod_revision),
    Compact: lambda store, each: store.compact(each.revision),
    LeaseGrantRequest: lambda store, each: store.grant(each.ttl, each.id),
    LeaseRevokeRequest: lambda store, each: store.revoke(each.id),
    KeepAlive: lambda store, each: store.keep_alive(each.id),
    TimeToLive: lambda store, each: store.time_to_live(each.id, keys=True),
}


class Requests:
    """What one client asks next. It writes no value twice, and of leases it knows its own."""

    def __init__(self, number: int, history: History, chance: Chance) -> None:
        self.chance = chance
        self.leases: list[int] = []
        self.known: dict[bytes, int] = {}
        """Mod revisions as the client last saw them."""
        self._number = number
        self._history = history
        self._writes = 0

    def draw(self) -> tuple[Asked, bool]:
        """A request, and whether its answer may be stale."""
        roll = self.chance.random()
        for share, make in _SHARES:
            roll -= share
            if roll < 0:
                return make(self)
        return self.get()

    def _key(self) -> bytes:
        return KEYS[int(self.chance.random() * len(KEYS))]

    def _value(self) -> bytes:
        self._writes += 1
        return b"%d-%d" % (self._number, self._writes)

    def _lease(self) -> int:
        """One of this client's, now and then."""
        if not self.leases or self.chance.random() < 0.6:
            return 0
        return self.chance.choice(self.leases)

    def put(self) -> tuple[Asked, bool]:
        return Put(self._key(), self._value(), self._lease(), prev_kv=self.chance.random() < 0.3), False

    def put_keeping(self) -> tuple[Asked, bool]:
        if self.chance.random() < 0.5:
            return Put(self._key(), b"", self._lease(), ignore_value=True), False
        return Put(self._key(), self._value(), ignore_lease=True), False

    def get(self) -> tuple[Asked, bool]:
        return Range(self._key()), False

    def list(self) -> tuple[Asked, bool]:
        chance = self.chance
        roll = chance.random()
        if roll < 0.5:
            return Range(PREFIX, prefix_end(PREFIX)), chance.random() < 0.3
        if roll < 0.7:
            limit = int(chance.random() * 4)
            return Range(PREFIX, ALL_KEYS_END, limit=limit, count_only=chance.random() < 0.2), False
        order, target = chance.choice(tuple(SortOrder)), chance.choice(tuple(SortTarget))
        return Range(b"\0", ALL_KEYS_END, limit=3, sort_order=order, sort_target=target), False

    def past(self) -> tuple[Asked, bool]:
        newest = self._history.acknowledged
        revision = max(1, newest + 1 - int(self.chance.random() * 25))
        key, end = (PREFIX, prefix_end(PREFIX)) if self.chance.random() < 0.5 else (self._key(), b"")
        return Range(key, end, revision), self.chance.random() < 0.2

    def stale(self) -> tuple[Asked, bool]:
        return Range(self._key()), True

    def cas(self) -> tuple[Asked, bool]:
        key = self._key()
        return OptimisticPut(key, self._value(), self.known.get(key, 0), self._lease()), False

    def cas_delete(self) -> tuple[Asked, bool]:
        key = self._key()
        revision = self.known.get(key, 0)
        return (OptimisticDelete(key, revision), False) if revision else self.get()

    def delete(self) -> tuple[Asked, bool]:
        prev_kv = self.chance.random() < 0.5
        if self.chance.random() < 0.2:
            return DeleteRange(PREFIX, prefix_end(PREFIX), prev_kv), False
        return DeleteRange(self._key(), b"", prev_kv), False

    def txn(self) -> tuple[Asked, bool]:
        chance = self.chance
        key = self._key()
        compare = Compare(
            key,
            chance.choice((CompareTarget.MOD, CompareTarget.VERSION, CompareTarget.CREATE)),
            chance.choice(tuple(CompareResult)),
            self.known.get(key, 0),
        )
        first, second = chance.sample(KEYS, 2)
        writes: tuple[Op, ...] = (Put(first, self._value()), Put(second, self._value()))
        if chance.random() < 0.3:
            writes = (Put(first, self._value()), DeleteRange(second), Range(PREFIX, prefix_end(PREFIX)))
        inner = Txn((compare,), (Put(first, self._value(), self._lease()),), (DeleteRange(first),))
        if chance.random() < 0.3:
            writes = (inner, Range(first))
        return Txn((compare,), writes, (Range(key), Range(first))), False

    def compact(self) -> tuple[Asked, bool]:
        return Compact(max(1, self._history.acknowledged - int(self.chance.random() * 12))), False

    def grant(self) -> tuple[Asked, bool]:
        return LeaseGrantRequest(
            self.chance.getrandbits(40) + 1, MIN_TTL + int(self.chance.random() * 4)
        ), False

    def keep_alive(self) -> tuple[Asked, bool]:
        if not self.leases:
            return self.grant()
        lease = self.leases[-1]
        return (KeepAlive(lease) if self.chance.random() < 0.8 else TimeToLive(lease)), False

    def revoke(self) -> tuple[Asked, bool]:
        if not self.leases:
            return self.grant()
        return LeaseRevokeRequest(self.leases.pop(int(self.chance.random() * len(self.leases)))), False


_SHARES: tuple[tuple[float, Callable[[Requests], tuple[Asked, bool]]], ...] = (
    (0.28, Requests.put),
    (0.03, Requests.put_keeping),
    (0.13, Requests.get),
    (0.06, Requests.list),
    (0.06, Requests.past),
    (0.04, Requests.stale),
    (0.10, Requests.cas),
    (0.03, Requests.cas_delete),
    (0.06, Requests.delete),
    (0.08, Requests.txn),
    (0.02, Requests.compact),
    (0.04, Requests.grant),
    (0.04, Requests.keep_alive),
    (0.03, Requests.revoke),
)
"""What share of the requests each makes."""


class Client:
    """Asks one request after the other, each when the one before it was answered or given up."""

    def __init__(
        self,
        number: int,
        store: Callable[[], Store | None],
        history: History,
        chance: Chance,
        *,
        trace: Trace,
        pace: Pace,
    ) -> None:
        """``store``: where the client turns to now, None while nobody is there; it may change from request to request."""
        self.number = number
        self.chance = chance
        self.pace = pace
        self.stopping = False
        self._store = store
        self._history = history
        self._trace = trace
        self._loop = asyncio.get_running_loop()
        self._requests = Requests(number, history, chance)

    async def run(self) -> None:
        low, high = self.pace.think
        while not self.stopping:
            await asyncio.sleep(low + (high - low) * self.chance.random())
            request, serializable = self._requests.draw()
            await self.ask(request, serializable=serializable)

    async def ask(self, request: Asked, *, serializable: bool = False) -> object:
        """The result, or the StoreError that was the answer; None when the client gave up."""
        while (store := self._store()) is None:  # noqa: ASYNC110  # a client knows no better than to try again
            await asyncio.sleep(0.1)
        operation = self._history.begin(self.number, request, self._loop.time(), serializable=serializable)
        try:
            async with asyncio.timeout(self.pace.patience or None):
                result = await _ask(store, request, serializable=serializable)
        except TimeoutError:
            self._trace.fault("client gave up", self.number)
            return None
        except StoreError as error:
            self._history.refused(operation, error, self._loop.time())
            self._trace.event("refused", self.number, type(request).__name__, type(error).__name__)
            return error
        self._history.answered(operation, result, self._loop.time())
        self._trace.event("answered", self.number, type(request).__name__, getattr(result, "revision", 0))
        self._learn(request, result)
        return result

    def _learn(self, request: Asked, result: Any) -> None:
        if isinstance(request, Range) and not request.count_only and not request.revision:
            self._requests.known.update((kv.key, kv.mod_revision) for kv in result.kvs)
        elif isinstance(request, (Put, OptimisticPut)):
            succeeded = getattr(result, "succeeded", True)
            self._requests.known[request.key] = (
                result.revision if succeeded else (result.kv.mod_revision if result.kv is not None else 0)
            )
        elif isinstance(request, LeaseGrantRequest):
            self._requests.leases.append(request.id)
