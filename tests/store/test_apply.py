"""The state machine: etcd's answers to each request, the same on every replica."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kube.store.apply import StateMachine
from kube.store.errors import (
    CompactedError,
    FutureRevisionError,
    KeyNotFoundError,
    LeaseExistsError,
    LeaseNotFoundError,
    StoreError,
)
from kube.store.kv import (
    Compare,
    CompareResult,
    CompareTarget,
    DeleteRange,
    DeleteRangeResult,
    Event,
    KeyValue,
    LeaseGrant,
    Op,
    OptimisticResult,
    Put,
    PutResult,
    Range,
    RangeResult,
    SortOrder,
    SortTarget,
    Txn,
    TxnResult,
    optimistic_delete_txn,
    optimistic_put_txn,
)
from kube.store.requests import (
    Compact,
    LeaseGrantRequest,
    LeaseRevokeRequest,
    OptimisticDelete,
    OptimisticPut,
    check_txn,
)


def machine(*requests: object) -> StateMachine:
    made = StateMachine(lambda: 0.0)
    for request in requests:
        result = made.apply(request)
        assert not isinstance(result, StoreError), result
    return made


def values(made: StateMachine) -> dict[bytes, bytes]:
    return {key: kv.value for key, kv in sorted(made.kv.live.items())}


A_PUT = Put(b"a", b"1")
THREE = (Put(b"a", b"1"), Put(b"b", b"2"), Put(b"c", b"3"))


@pytest.mark.parametrize(
    ("request_", "result", "after"),
    [
        pytest.param(Put(b"d", b"4"), PutResult(5), {b"d": b"4"}, id="put"),
        pytest.param(
            Put(b"a", b"4", prev_kv=True),
            PutResult(5, KeyValue(b"a", b"1", 2, 2, 1, 0)),
            {b"a": b"4"},
            id="put prev_kv",
        ),
        pytest.param(Put(b"a", b"", ignore_value=True), PutResult(5), {}, id="put ignore_value"),
        pytest.param(Put(b"d", b"", ignore_value=True), KeyNotFoundError, {}, id="put ignore_value, no key"),
        pytest.param(Put(b"d", b"4", ignore_lease=True), KeyNotFoundError, {}, id="put ignore_lease, no key"),
        pytest.param(Put(b"a", b"4", lease=9), LeaseNotFoundError, {}, id="put, no lease"),
        pytest.param(DeleteRange(b"a"), DeleteRangeResult(1, 5), {b"a": None}, id="delete"),
        pytest.param(DeleteRange(b"x"), DeleteRangeResult(0, 4), {}, id="delete nothing"),
        pytest.param(
            DeleteRange(b"a", b"c", prev_kv=True),
            DeleteRangeResult(2, 5, (KeyValue(b"a", b"1", 2, 2, 1, 0), KeyValue(b"b", b"2", 3, 3, 1, 0))),
            {b"a": None, b"b": None},
            id="delete range prev_kv",
        ),
        pytest.param(OptimisticPut(b"d", b"4", 0), OptimisticResult(True, 5), {b"d": b"4"}, id="create"),
        pytest.param(
            OptimisticPut(b"a", b"4", 0),
            OptimisticResult(False, 4, KeyValue(b"a", b"1", 2, 2, 1, 0)),
            {},
            id="create what exists",
        ),
        pytest.param(OptimisticPut(b"b", b"4", 3), OptimisticResult(True, 5), {b"b": b"4"}, id="swap"),
        pytest.param(
            OptimisticPut(b"x", b"4", 3), OptimisticResult(False, 4, None), {}, id="swap what is gone"
        ),
        pytest.param(OptimisticPut(b"b", b"4", 3, lease=9), LeaseNotFoundError, {}, id="swap, no lease"),
        pytest.param(
            OptimisticDelete(b"b", 3), OptimisticResult(True, 5), {b"b": None}, id="delete if unchanged"
        ),
        pytest.param(
            OptimisticDelete(b"b", 2),
            OptimisticResult(False, 4, KeyValue(b"b", b"2", 3, 3, 1, 0)),
            {},
            id="delete, but changed",
        ),
        pytest.param(OptimisticDelete(b"x", 0), OptimisticResult(False, 4, None), {}, id="delete, but gone"),
        pytest.param(Compact(4), None, {}, id="compact"),
        pytest.param(Compact(5), FutureRevisionError, {}, id="compact the future"),
        pytest.param(LeaseGrantRequest(7, 60), LeaseGrant(7, 60), {}, id="grant"),
        pytest.param(LeaseRevokeRequest(7), LeaseNotFoundError, {}, id="revoke, no lease"),
    ],
)
def test_requests(request_: object, result: object, after: dict[bytes, bytes | None]) -> None:
    made = machine(*THREE)
    found = made.apply(request_)
    if isinstance(result, type):
        assert isinstance(found, result)
        assert made.kv.revision == 4
    else:
        assert found == result
    wanted = {b"a": b"1", b"b": b"2", b"c": b"3", **after}
    assert values(made) == {key: value for key, value in wanted.items() if value is not None}


def test_ignore_lease_and_ignore_value_keep_what_the_key_has() -> None:
    made = machine(LeaseGrantRequest(7, 60), Put(b"k", b"1", lease=7), Put(b"k", b"2", ignore_lease=True))
    assert (made.kv.live[b"k"].value, made.kv.live[b"k"].lease) == (b"2", 7)
    made.apply(Put(b"k", b"", ignore_value=True))
    assert (made.kv.live[b"k"].value, made.kv.live[b"k"].lease) == (b"2", 0)
    assert made.lessor.get(7).keys == {}


@pytest.mark.parametrize("how", ["put", "optimistic put", "txn"])
def test_a_key_hangs_on_one_lease_at_a_time(how: str) -> None:
    made = machine(LeaseGrantRequest(1, 60), LeaseGrantRequest(2, 60))
    for lease in (1, 2, 0, 1):
        revision = made.kv.live[b"k"].mod_revision if b"k" in made.kv.live else 0
        request = {
            "put": Put(b"k", b"v", lease),
            "optimistic put": OptimisticPut(b"k", b"v", revision, lease),
            "txn": Txn(success=(Put(b"k", b"v", lease),)),
        }[how]
        assert not isinstance(made.apply(request), StoreError)
        assert [id_ for id_ in (1, 2) if b"k" in made.lessor.get(id_).keys] == ([lease] if lease else [])
    made.apply(DeleteRange(b"k"))
    assert made.lessor.get(1).keys == {}


def test_revoking_deletes_the_keys_in_one_revision() -> None:
    made = machine(
        LeaseGrantRequest(7, 60), Put(b"b", b"", 7), Put(b"a", b"", 7), Put(b"c", b""), LeaseRevokeRequest(7)
    )
    assert values(made) == {b"c": b""}
    assert [(kv.key, kv.mod_revision) for kv in list(made.kv.changes)[-2:]] == [(b"a", 5), (b"b", 5)]
    assert isinstance(made.apply(LeaseRevokeRequest(7)), LeaseNotFoundError)


def test_revoking_a_lease_without_keys_makes_no_revision() -> None:
    assert machine(LeaseGrantRequest(7, 60), LeaseRevokeRequest(7)).kv.revision == 1


def test_a_lease_is_granted_once() -> None:
    assert isinstance(machine(LeaseGrantRequest(7, 60)).apply(LeaseGrantRequest(7, 60)), LeaseExistsError)


# ---- txns


def compare(
    key: bytes, target: CompareTarget, result: CompareResult, operand: int | bytes, end: bytes = b""
) -> Compare:
    return Compare(key, target, result, operand, end)


V, C, M, VAL, L = CompareTarget
EQ, GT, LT, NE = CompareResult


@pytest.mark.parametrize(
    ("compare_", "holds"),
    [
        (compare(b"a", V, EQ, 2), True),
        (compare(b"a", V, NE, 2), False),
        (compare(b"a", C, EQ, 2), True),
        (compare(b"a", C, LT, 2), False),
        (compare(b"a", M, GT, 4), True),
        (compare(b"a", M, EQ, 5), True),
        (compare(b"a", VAL, EQ, b"x"), True),
        (compare(b"a", VAL, GT, b"a"), True),
        (compare(b"a", VAL, LT, b"a"), False),
        (compare(b"a", L, EQ, 0), True),
        (compare(b"no", M, EQ, 0), True),
        (compare(b"no", V, GT, 0), False),
        (compare(b"no", VAL, EQ, b""), False),
        (compare(b"no", VAL, NE, b"x"), False),
        (compare(b"a", V, GT, 0, b"z"), True),
        (compare(b"a", V, EQ, 1, b"z"), False),
        (compare(b"p", V, EQ, 0, b"z"), True),
    ],
    ids=lambda value: (
        f"{value.key.decode()} {value.target.name} {value.result.name} {value.operand!r}"
        if isinstance(value, Compare)
        else str(value)
    ),
)
def test_comparisons(compare_: Compare, holds: bool) -> None:
    made = machine(*THREE, Put(b"a", b"x"))
    result = made.apply(Txn((compare_,), (), (Range(b"a"),)))
    assert isinstance(result, TxnResult)
    assert result.succeeded is holds


def test_all_comparisons_must_hold() -> None:
    made = machine(*THREE)
    held, not_held = compare(b"a", V, EQ, 1), compare(b"b", V, EQ, 5)
    for compares, succeeded in (((held, not_held), False), ((held, held), True), ((), True)):
        result = made.apply(Txn(compares))
        assert isinstance(result, TxnResult)
        assert result.succeeded is succeeded


def test_a_txn_is_one_revision_and_sees_its_own_writes() -> None:
    made = machine(*THREE)
    result = made.apply(
        Txn(
            success=(
                Range(b"a"),
                Put(b"d", b"4"),
                DeleteRange(b"a"),
                Range(b"a", b"z", keys_only=True),
                Txn(success=(Put(b"e", b"5"),)),
                Range(b"e"),
            )
        )
    )
    assert isinstance(result, TxnResult)
    assert result.revision == made.kv.revision == 5
    before, put, deleted, after, nested, last = result.responses
    assert isinstance(before, RangeResult)
    assert [kv.value for kv in before.kvs] == [b"1"]
    assert put == PutResult(5)
    assert deleted == DeleteRangeResult(1, 5)
    assert isinstance(after, RangeResult)
    assert [kv.key for kv in after.kvs] == [b"b", b"c", b"d"]
    assert isinstance(nested, TxnResult)
    assert nested.responses == (PutResult(5),)
    assert isinstance(last, RangeResult)
    assert last.kvs == (KeyValue(b"e", b"5", 5, 5, 1, 0),)


def test_nested_comparisons_are_decided_before_anything_is_written() -> None:
    made = machine()
    inner = Txn((compare(b"k", V, EQ, 0),), (Put(b"decided", b"before"),), (Put(b"decided", b"after"),))
    made.apply(Txn(success=(Put(b"k", b"v"), inner)))
    assert values(made)[b"decided"] == b"before"


@pytest.mark.parametrize(
    ("last", "error"),
    [
        pytest.param(Put(b"z", b"", lease=9), LeaseNotFoundError, id="no lease"),
        pytest.param(Put(b"z", b"", ignore_value=True), KeyNotFoundError, id="no key"),
        pytest.param(Range(b"a", revision=99), FutureRevisionError, id="a future revision"),
        pytest.param(Range(b"a", revision=2), CompactedError, id="a compacted revision"),
        pytest.param(Txn(success=(Range(b"a", revision=99),)), FutureRevisionError, id="in a nested txn"),
    ],
)
def test_a_txn_that_fails_has_done_nothing(last: Op, error: type[StoreError]) -> None:
    made = machine(*THREE, Compact(3))
    before = made.snapshot()
    assert isinstance(made.apply(Txn(success=(Put(b"a", b"new"), DeleteRange(b"b"), last))), error)
    assert made.snapshot() == before


def test_a_branch_that_is_not_taken_is_not_checked() -> None:
    made = machine()
    result = made.apply(Txn((), (Put(b"k", b"v"),), (Put(b"z", b"", lease=9),)))
    assert isinstance(result, TxnResult)


# ---- ranges


def ranged(request: Range) -> RangeResult:
    made = machine(
        Put(b"a", b"3"), Put(b"b", b"1"), Put(b"c", b"2"), Put(b"a", b"0"), DeleteRange(b"c"), Put(b"d", b"9")
    )
    return made.range(request)


@pytest.mark.parametrize(
    ("request_", "keys", "count", "more"),
    [
        pytest.param(Range(b"a"), "a", 1, False, id="one key"),
        pytest.param(Range(b"x"), "", 0, False, id="no key"),
        pytest.param(Range(b"a", b"z"), "abd", 3, False, id="a range"),
        pytest.param(Range(b"b", b"\0"), "bd", 2, False, id="from a key on"),
        pytest.param(Range(b"z", b"a"), "", 0, False, id="an empty range"),
        pytest.param(Range(b"a", b"z", limit=2), "ab", 3, True, id="a limit"),
        pytest.param(Range(b"a", b"z", limit=3), "abd", 3, False, id="a limit that is just enough"),
        pytest.param(Range(b"a", b"z", revision=4), "abc", 3, False, id="an older revision"),
        pytest.param(Range(b"a", b"z", revision=4, limit=1), "a", 3, True, id="an older revision, limited"),
        pytest.param(Range(b"a", b"z", count_only=True), "", 3, False, id="count only"),
        pytest.param(Range(b"a", b"z", count_only=True, revision=2), "", 1, False, id="count only, older"),
        pytest.param(Range(b"a", b"z", sort_order=SortOrder.DESCEND), "dba", 3, False, id="descending"),
        pytest.param(
            Range(b"a", b"z", sort_order=SortOrder.DESCEND, limit=1), "d", 3, True, id="descending, limited"
        ),
        pytest.param(
            Range(b"a", b"z", sort_target=SortTarget.VALUE), "abd", 3, False, id="by value, order left out"
        ),
        pytest.param(
            Range(b"a", b"z", sort_target=SortTarget.MOD, sort_order=SortOrder.ASCEND),
            "bad",
            3,
            False,
            id="by mod",
        ),
        pytest.param(
            Range(b"a", b"z", sort_target=SortTarget.CREATE, sort_order=SortOrder.DESCEND),
            "dba",
            3,
            False,
            id="by create",
        ),
        pytest.param(
            Range(b"a", b"z", sort_target=SortTarget.VERSION, sort_order=SortOrder.DESCEND),
            "abd",
            3,
            False,
            id="by version",
        ),
        pytest.param(Range(b"a", b"z", min_mod_revision=4), "ad", 3, False, id="min mod"),
        pytest.param(Range(b"a", b"z", max_mod_revision=4), "b", 3, False, id="max mod"),
        pytest.param(Range(b"a", b"z", min_create_revision=3), "bd", 3, False, id="min create"),
        pytest.param(
            Range(b"a", b"z", max_create_revision=3, limit=1), "a", 3, True, id="max create, limited"
        ),
    ],
)
def test_ranges(request_: Range, keys: str, count: int, more: bool) -> None:
    result = ranged(request_)
    assert b"".join(kv.key for kv in result.kvs).decode() == keys
    assert (result.count, result.more, result.revision) == (count, more, 7)


def test_keys_only_leaves_the_values_out_and_nothing_else() -> None:
    (kv,) = ranged(Range(b"a", keys_only=True)).kvs
    assert kv == KeyValue(b"a", b"", 2, 5, 2, 0)


# ---- replicas

KEYS = st.sampled_from([b"a", b"b", b"b/1", b"c"])
VALUES = st.binary(max_size=2)
LEASES = st.integers(0, 3)
OPS: st.SearchStrategy[Op] = st.one_of(
    st.builds(Put, KEYS, VALUES, LEASES, st.booleans()),
    st.builds(DeleteRange, KEYS, st.one_of(st.just(b""), KEYS), st.booleans()),
    st.builds(Range, KEYS, st.one_of(st.just(b""), KEYS), st.integers(0, 6)),
)
COMPARES = st.one_of(
    st.builds(
        Compare,
        KEYS,
        st.sampled_from([V, C, M, L]),
        st.sampled_from(CompareResult),
        st.integers(0, 5),
        st.just(b""),
    ),
    st.builds(Compare, KEYS, st.just(VAL), st.sampled_from(CompareResult), VALUES, st.just(b"")),
)
BRANCH = st.lists(OPS, max_size=3).map(tuple)
REQUESTS = st.one_of(
    st.builds(Put, KEYS, VALUES, LEASES, st.booleans(), st.booleans()),
    st.builds(DeleteRange, KEYS, st.one_of(st.just(b""), KEYS)),
    st.builds(Txn, st.lists(COMPARES, max_size=2).map(tuple), BRANCH, BRANCH),
    st.builds(OptimisticPut, KEYS, VALUES, st.integers(0, 8), LEASES),
    st.builds(OptimisticDelete, KEYS, st.integers(0, 8)),
    st.builds(Compact, st.integers(1, 12)),
    st.builds(LeaseGrantRequest, st.integers(1, 3), st.integers(1, 5)),
    st.builds(LeaseRevokeRequest, st.integers(1, 3)),
)


def allowed(request: object) -> bool:
    if isinstance(request, Txn):
        try:
            check_txn(request, 128)
        except StoreError:
            return False
    return True


def same(one: object, other: object) -> bool:
    return (
        type(one) is type(other) and vars(one) == vars(other) if isinstance(one, StoreError) else one == other
    )


def same_snapshot(one: StateMachine, other: StateMachine) -> bool:
    """The order in which keys came into a dict is nothing that a replica promises."""

    def sorted_(machine: StateMachine) -> object:
        state = machine.snapshot()
        bases = tuple(sorted(state.kv.bases, key=lambda kv: kv.key))
        return msgspec.structs.replace(state, kv=msgspec.structs.replace(state.kv, bases=bases))

    return sorted_(one) == sorted_(other)


@given(st.lists(REQUESTS.filter(allowed), max_size=30), st.integers(0, 30))
@settings(max_examples=150, deadline=None)
def test_replicas_agree_though_one_was_restored_from_a_snapshot_and_prunes(
    requests: list, restored_at: int
) -> None:
    one, other = machine(), machine()
    for number, request in enumerate(requests):
        if number == restored_at:
            other = StateMachine.restore(one.snapshot(), lambda: 0.0)
        assert same(one.apply(request), other.apply(request))
        other.kv.prune(1)
    assert one.hash_kv() == other.hash_kv()
    for each in (one, other):
        while each.kv.prune(100):
            pass
    assert same_snapshot(one, other)
    held = {key: lease for lease in other.lessor.ids() for key in other.lessor.get(lease).keys}
    assert held == {key: kv.lease for key, kv in one.kv.live.items() if kv.lease}


@given(st.lists(REQUESTS.filter(allowed), max_size=12), KEYS, VALUES, st.integers(0, 8))
@settings(max_examples=150, deadline=None)
def test_optimistic_requests_do_what_their_txns_do(
    requests: list, key: bytes, value: bytes, revision: int
) -> None:
    pairs: list[tuple[object, Txn]] = [
        (OptimisticPut(key, value, revision), optimistic_put_txn(key, value, revision)),
    ]
    if revision:
        pairs.append((OptimisticDelete(key, revision), optimistic_delete_txn(key, revision)))
    for short, txn in pairs:
        one, other = machine(), machine()
        for request in requests:
            one.apply(request)
            other.apply(request)
        found, wanted = one.apply(short), other.apply(txn)
        assert isinstance(found, OptimisticResult)
        assert isinstance(wanted, TxnResult)
        assert (found.succeeded, found.revision) == (wanted.succeeded, wanted.revision)
        if not found.succeeded:
            (current,) = wanted.responses
            assert isinstance(current, RangeResult)
            assert ((found.kv,) if found.kv else ()) == current.kvs
        assert one.snapshot() == other.snapshot()


def values_sorted(target: SortTarget, limit: int) -> list[bytes]:
    made = machine(Put(b"a", b"3"), Put(b"b", b"1"), Put(b"c", b"2"), Put(b"d", b"0"))
    return [kv.value for kv in made.range(Range(b"a", b"z", limit=limit, sort_target=target)).kvs]


@pytest.mark.parametrize(
    ("target", "limit", "wanted"),
    [
        pytest.param(SortTarget.VALUE, 0, [b"0", b"1", b"2", b"3"], id="no limit"),
        pytest.param(SortTarget.VALUE, 2, [b"1", b"2"], id="of the first three, etcd's limit and one"),
        pytest.param(SortTarget.KEY, 2, [b"3", b"1"], id="by key"),
        pytest.param(SortTarget.KEY, -2, [b"3", b"1", b"2", b"0"], id="a limit below 0 is none"),
    ],
)
def test_a_sort_target_without_an_order_sorts_what_the_limit_leaves(
    target: SortTarget, limit: int, wanted: list[bytes]
) -> None:
    assert values_sorted(target, limit) == wanted


NO_LEASE, NO_KEY = Put(b"a", b"", lease=9), Put(b"x", b"", ignore_value=True)


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        pytest.param(Put(b"x", b"", 9, ignore_value=True), LeaseNotFoundError, id="a put: lease before key"),
        pytest.param(
            Txn(success=(Put(b"x", b"", 9, ignore_value=True),)), KeyNotFoundError, id="in a txn: key"
        ),
        pytest.param(
            Txn(success=(Range(b"a", revision=99), NO_LEASE)), LeaseNotFoundError, id="puts before ranges"
        ),
        pytest.param(
            Txn(success=(Txn(success=(NO_KEY,)), NO_LEASE)), KeyNotFoundError, id="nested ones in place"
        ),
        pytest.param(
            Txn(success=(Txn(success=(Range(b"a", revision=1),)), Range(b"a", revision=99))),
            CompactedError,
            id="nested ranges in place",
        ),
        pytest.param(Txn(success=(Range(b"a", revision=-1), NO_KEY)), KeyNotFoundError, id="the put first"),
        pytest.param(Txn((), (Range(b"a", revision=-1), A_PUT)), CompactedError, id="a revision below 0"),
    ],
)
def test_which_of_several_errors_is_told(request_: Txn, error: type[StoreError]) -> None:
    made = machine(*THREE, Compact(3))
    before = made.snapshot()
    assert isinstance(made.apply(request_), error)
    assert made.snapshot() == before


@pytest.mark.parametrize(
    ("txn", "now", "events"),
    [
        pytest.param(
            Txn(success=(Txn(success=(Put(b"a", b"2"),)), Txn(success=(DeleteRange(b"a"),)))),
            None,
            [(b"2", b"1"), (b"", b"1")],
            id="put, then deleted",
        ),
        pytest.param(
            Txn(success=(DeleteRange(b"a", b"\0"), Put(b"a", b"2"))),
            KeyValue(b"a", b"2", 3, 3, 1, 0),
            [(b"", b"1"), (b"2", b"1")],
            id="deleted, then put",
        ),
    ],
)
def test_a_key_that_a_txn_writes_twice_ends_as_it_was_written_last(
    txn: Txn, now: KeyValue | None, events: list[tuple[bytes, bytes]]
) -> None:
    """What etcd's check of duplicate keys lets through; the previous value is that of the revision before."""
    made = machine(Put(b"a", b"1"))
    live: list[Event] = []
    watch = made.watches.watch(b"a", b"", 0, (), lambda batch: live.extend(batch.events))
    made.watches.catch_up(watch, 10)
    assert isinstance(made.apply(txn), TxnResult)
    made.watches.collect()
    made.watches.flush()
    restored = StateMachine.restore(made.snapshot(), lambda: 0.0)
    for each in (made, restored):
        assert each.kv.live.get(b"a") == now
        assert [kv.value for kv in each.range(Range(b"a", revision=2)).kvs] == [b"1"]
        read: list[Event] = []
        history = each.watches.watch(b"a", b"", 3, (), lambda batch, read=read: read.extend(batch.events))
        each.watches.catch_up(history, 10)
        for found in (live, read):
            assert [(event.kv.value, event.prev_kv and event.prev_kv.value) for event in found] == events
    assert made.hash_kv() == restored.hash_kv()


@pytest.mark.parametrize("keep", [{"ignore_value": True}, {"ignore_lease": True}], ids=["value", "lease"])
@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(lambda delete, put: (delete, put), id="side by side"),
        pytest.param(lambda delete, put: (Txn(success=(delete,)), put), id="deleted in a nested txn"),
        pytest.param(lambda delete, put: (delete, Txn(success=(put,))), id="kept in a nested txn"),
    ],
)
def test_what_a_txn_has_deleted_is_not_kept(wrap, keep: dict[str, bool]) -> None:
    """etcd lets this through (a range from a key on is not held against puts), and crashes while it applies it."""
    made = machine(Put(b"k", b"1"))
    result = made.apply(Txn(success=wrap(DeleteRange(b"a", b"\0"), Put(b"k", b"", **keep))))
    assert isinstance(result, KeyNotFoundError)
    assert (values(made), made.kv.revision) == ({b"k": b"1"}, 2)
