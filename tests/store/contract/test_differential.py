"""Random requests, put to this project's store in process, to real etcds and to it over gRPC: the answers are equal, whatever they are.

Revisions count from where each store was when the example began, lease ids from the example's first.
"""

from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kube.store.errors import StoreError
from kube.store.kv import (
    ALL_KEYS_END,
    Compare,
    CompareResult,
    CompareTarget,
    DeleteRange,
    Event,
    KeyValue,
    LeaseGrant,
    LeaseStatus,
    Put,
    Range,
    SortOrder,
    SortTarget,
    Txn,
    TxnResult,
    WatchFilter,
    prefix_end,
)
from tests.store.contract.conftest import STORES, Servers, World
from tests.store.contract.test_watches import until_revision
from tests.store.servers import DEBIAN, DISTRO

EXAMPLES = count(1)
LEASES = 3
BASE = b"/"


class Compact(msgspec.Struct, frozen=True):
    revision: int


class OptimisticPut(msgspec.Struct, frozen=True):
    key: bytes
    value: bytes
    revision: int
    lease: int


class OptimisticDelete(msgspec.Struct, frozen=True):
    key: bytes
    revision: int


class Lease(msgspec.Struct, frozen=True):
    """``what``: a method of ``kv.Leases``."""

    what: str
    lease: int


class Watch(msgspec.Struct, frozen=True):
    """Of what has happened so far."""

    key: bytes
    range_end: bytes
    revision: int
    prev_kv: bool
    filters: tuple[WatchFilter, ...]


keys = st.sampled_from([b"/a", b"/b", b"/b/c", b"/d"])
any_key = st.one_of(keys, keys, keys, st.just(b""))
values = st.sampled_from([b"", b"x", b"y", b"zz"])
leases = st.integers(0, LEASES)
ends = st.sampled_from([b"", b"", b"/b", b"/c", b"/a", b"/e", b"\0"])
revisions = st.integers(0, 12)
ranges = st.builds(
    Range,
    any_key,
    ends,
    revision=st.one_of(st.just(0), revisions),
    limit=st.integers(0, 3),
    keys_only=st.booleans(),
    count_only=st.sampled_from([False, False, False, True]),
    sort_order=st.sampled_from(SortOrder),
    sort_target=st.sampled_from(SortTarget),
    min_mod_revision=st.one_of(st.just(0), revisions),
    max_mod_revision=st.one_of(st.just(0), revisions),
    min_create_revision=st.one_of(st.just(0), revisions),
    max_create_revision=st.one_of(st.just(0), revisions),
)
puts = st.builds(
    Put,
    any_key,
    values,
    st.one_of(st.just(0), leases),
    prev_kv=st.booleans(),
    ignore_value=st.sampled_from([False, False, False, True]),
    ignore_lease=st.sampled_from([False, False, False, True]),
)
deletes = st.builds(DeleteRange, any_key, ends, prev_kv=st.booleans())
compares = st.one_of(
    st.builds(Compare, any_key, st.just(CompareTarget.VALUE), st.sampled_from(CompareResult), values, ends),
    st.builds(
        Compare,
        keys,
        st.sampled_from([CompareTarget.VERSION]),
        st.sampled_from(CompareResult),
        st.integers(0, 3),
        ends,
    ),
    st.builds(
        Compare,
        keys,
        st.sampled_from([CompareTarget.CREATE, CompareTarget.MOD]),
        st.sampled_from(CompareResult),
        revisions,
        ends,
    ),
    st.builds(Compare, keys, st.just(CompareTarget.LEASE), st.sampled_from(CompareResult), leases, ends),
)
txns: Any = st.recursive(
    st.builds(
        Txn,
        st.lists(compares, max_size=2).map(tuple),
        st.lists(st.one_of(ranges, puts, deletes), max_size=3).map(tuple),
        st.lists(st.one_of(ranges, puts, deletes), max_size=2).map(tuple),
    ),
    lambda inner: st.builds(
        Txn,
        st.lists(compares, max_size=2).map(tuple),
        st.lists(st.one_of(ranges, puts, deletes, inner), max_size=3).map(tuple),
        st.lists(st.one_of(ranges, puts, deletes, inner), max_size=3).map(tuple),
    ),
    max_leaves=3,
)
steps = st.one_of(
    puts,
    puts,
    deletes,
    ranges,
    txns,
    st.builds(OptimisticPut, any_key, values, st.one_of(st.just(0), revisions), leases),
    st.builds(OptimisticDelete, any_key, st.integers(1, 12)),
    st.builds(Compact, st.integers(1, 12)),  # an etcd that was never compacted takes 0, once
    st.builds(
        Lease, st.sampled_from(["grant", "revoke", "keep_alive", "time_to_live", "leases"]), st.integers(1, 3)
    ),
    st.builds(
        Watch,
        keys,
        ends,
        st.integers(1, 12),
        st.booleans(),
        st.lists(st.sampled_from(WatchFilter), max_size=2).map(tuple),
    ),
)

REVISIONS = {
    "revision",
    "mod_revision",
    "create_revision",
    "min_mod_revision",
    "max_mod_revision",
    "min_create_revision",
    "max_create_revision",
}


class Run:
    """One example at one store."""

    def __init__(self, world: World, first_lease: int, start: int) -> None:
        self._world = world
        self._lease = first_lease
        self._start = start - 1  # an empty store's revision is 1

    # ---- to the store

    def _to(self, value: Any) -> Any:
        """A request with this store's keys, revisions and leases."""
        if isinstance(value, Txn):
            return Txn(
                *(
                    tuple(self._to(each) for each in part)
                    for part in (value.compares, value.success, value.failure)
                )
            )
        changed: dict[str, Any] = {}
        for name in value.__struct_fields__:
            held = getattr(value, name)
            if name in {"key", "range_end"} and held and held != ALL_KEYS_END:
                changed[name] = self._key(held)
            elif name == "range_end" and held == ALL_KEYS_END:
                changed[name] = prefix_end(self._world.base)
            elif name in REVISIONS and held:
                changed[name] = held + self._start
            elif name == "lease" and held:
                changed[name] = held + self._lease
        if isinstance(value, Compare):
            changed.update(self._operand(value))
        return msgspec.structs.replace(value, **changed)

    def _key(self, key: bytes) -> bytes:
        return self._world.base + key.removeprefix(BASE)

    def _operand(self, compare: Compare) -> dict[str, Any]:
        if compare.target in {CompareTarget.CREATE, CompareTarget.MOD} and compare.operand:
            assert isinstance(compare.operand, int)
            return {"operand": compare.operand + self._start}
        if compare.target is CompareTarget.LEASE and compare.operand:
            assert isinstance(compare.operand, int)
            return {"operand": compare.operand + self._lease}
        return {}

    # ---- from the store

    def _from(self, value: Any) -> Any:
        """An answer as the example would have it."""
        if isinstance(value, KeyValue):
            return (
                BASE + value.key.removeprefix(self._world.base),
                value.value,
                *(
                    revision and revision - self._start
                    for revision in (value.create_revision, value.mod_revision)
                ),
                value.version,
                value.lease and value.lease - self._lease,
            )
        if isinstance(value, Event):
            return (value.type, self._from(value.kv), self._from(value.prev_kv))
        if isinstance(value, (LeaseGrant, LeaseStatus)):
            held = tuple(BASE + key.removeprefix(self._world.base) for key in getattr(value, "keys", ()))
            return (type(value).__name__, value.id - self._lease, getattr(value, "granted_ttl", 0), held)
        if isinstance(value, (tuple, list)):
            return [self._from(each) for each in value]
        if isinstance(value, TxnResult):  # of a nested one etcd leaves the revision out
            return ("txn", value.succeeded, [self._from(each) for each in value.responses])
        if isinstance(value, msgspec.Struct):
            fields = {name: getattr(value, name) for name in value.__struct_fields__}
            return {
                name: held - self._start if name == "revision" else self._from(held)
                for name, held in fields.items()
            }
        return value

    async def step(self, step: Any) -> Any:
        try:
            answer = await self._do(step)
            return self._from(answer), getattr(answer, "revision", self._start) - self._start
        except StoreError as error:
            return type(error).__name__

    async def _do(self, step: Any) -> Any:
        store = self._world.store
        if isinstance(step, Lease):
            return await self._lease_step(step)
        request = self._to(step)
        match request:
            case Put():
                return await store.put(
                    request.key,
                    request.value,
                    request.lease,
                    prev_kv=request.prev_kv,
                    ignore_value=request.ignore_value,
                    ignore_lease=request.ignore_lease,
                )
            case DeleteRange(key, range_end, prev_kv):
                return await store.delete_range(key, range_end, prev_kv=prev_kv)
            case Range():
                fields = {name: getattr(request, name) for name in request.__struct_fields__}
                return await store.range(**fields)
            case Txn():
                return await store.txn(request)
            case OptimisticPut(key, value, revision, lease):
                return await store.optimistic_put(key, value, revision, lease)
            case OptimisticDelete(key, revision):
                return await store.optimistic_delete(key, revision)
            case Compact(revision):
                return await store.compact(revision)
            case Watch():
                return await self._watch(request)
        raise AssertionError(request)

    async def _lease_step(self, step: Lease) -> Any:
        store, lease = self._world.store, step.lease + self._lease
        if step.what == "grant":
            return await store.grant(1000, lease)
        if step.what == "leases":
            mine = range(self._lease + 1, self._lease + LEASES + 1)
            return [lease - self._lease for lease in await store.leases() if lease in mine]
        if step.what == "time_to_live":
            return await store.time_to_live(lease, keys=True)
        return await (store.revoke(lease) if step.what == "revoke" else store.keep_alive(lease))

    async def _watch(self, watch: Watch) -> Any:
        now = await self._world.store.current_revision()
        if watch.revision > now:
            return "not yet"
        stream = await self._world.store.watch(
            watch.key, watch.range_end, watch.revision, prev_kv=watch.prev_kv, filters=watch.filters
        )
        try:
            events = await until_revision(stream, now)
        finally:
            stream.cancel()
        if watch.prev_kv:
            return events
        return [msgspec.structs.replace(event, prev_kv=None) for event in events]

    async def finish(self) -> Any:
        """Everything that is left; no lease of it."""
        left = self._from(await self._world.store.range(*self._world.all))
        for lease in range(self._lease + 1, self._lease + LEASES + 1):
            if lease in await self._world.store.leases():
                await self._world.store.revoke(lease)
        return left


@pytest.mark.parametrize("oracle", [DEBIAN, DISTRO, "kube store serve"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(steps, min_size=5, max_size=25))
async def test_the_store_answers_as_etcd_does(servers: Servers, oracle: str, sequence: list[Any]) -> None:
    first_lease = next(EXAMPLES) * 10 + 5_000_000
    async with STORES["memory"](servers) as ours, STORES[oracle](servers) as real:
        runs = []
        for store in (ours, real):
            world = World(store, "")
            runs.append(Run(world, first_lease, (await store.put(b"/nobodys", b"")).revision))
        for step in sequence:
            mine, etcds = [await run.step(step) for run in runs]
            assert mine == etcds, step
        mine, etcds = [await run.finish() for run in runs]
        assert mine == etcds
