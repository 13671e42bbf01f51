"""The key space against a naive model: a dict for each revision."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kube.store.errors import CompactedError, FutureRevisionError
from kube.store.kv import ALL_KEYS_END, KeyValue
from kube.store.mvcc.kvstore import KVStore, finished

KEYS = [b"a", b"a/1", b"a/2", b"b", b"b/1", b"c"]
RANGES = [(key, b"") for key in KEYS] + [
    (b"a", b"b"),
    (b"a/", b"a0"),
    (b"\0", ALL_KEYS_END),
    (b"a/2", b"b/1"),
    (b"c", b"a"),
]


@dataclass
class Model:
    """``states[revision]``: what every key held; ``changes``: (revision, key, new, old)."""

    states: dict[int, dict[bytes, KeyValue]] = field(default_factory=lambda: {1: {}})
    changes: list[tuple[int, bytes, KeyValue | None, KeyValue | None]] = field(default_factory=list)
    revision: int = 1
    compact_revision: int = -1

    def commit(self, writes: list[tuple[bytes, bytes | None]]) -> None:
        state = dict(self.states[self.revision])
        revision = self.revision + 1
        changed = []
        for key, value in writes:
            old = state.get(key)
            if value is None:
                if old is None:
                    continue
                del state[key]
                changed.append((revision, key, None, old))
            else:
                created = old.create_revision if old else revision
                new = KeyValue(key, value, created, revision, old.version + 1 if old else 1, len(value))
                state[key] = new
                changed.append((revision, key, new, old))
        if changed:
            self.revision = revision
            self.states[revision] = state
            self.changes += changed


def inside(key: bytes, start: bytes, end: bytes) -> bool:
    if not end:
        return key == start
    return start <= key and (end == ALL_KEYS_END or key < end)


def commit(store: KVStore, writes: list[tuple[bytes, bytes | None]]) -> None:
    before = store.revision
    for key, value in writes:
        if value is None and key not in store.live:
            continue
        store.revision = before + 1
        if value is None:
            store.delete(key)
        else:
            store.put(key, value, len(value))


def check(store: KVStore, model: Model) -> None:
    assert store.revision == model.revision
    assert store.compact_revision == model.compact_revision
    for start, end in RANGES:
        now = [kv for key, kv in sorted(model.states[model.revision].items()) if inside(key, start, end)]
        assert store.range(start, end) == now
        assert store.keys(start, end) == [kv.key for kv in now]
        assert store.count(start, end) == len(now)
        for revision in range(max(1, model.compact_revision), model.revision + 1):
            then = [kv for key, kv in sorted(model.states[revision].items()) if inside(key, start, end)]
            assert store.range(start, end, revision) == then
            for limit in (1, 2, 4):
                assert store.range(start, end, revision, limit) == then[:limit]
            assert store.count(start, end, revision) == len(then)
    check_history(store, model)
    assert store.size_in_use == sum(
        len(kv.key) + len(kv.value) for kv in model.states[model.revision].values()
    )


def check_history(store: KVStore, model: Model) -> None:
    for start in range(max(1, model.compact_revision), model.revision + 2):
        wanted = [change for change in model.changes if change[0] >= start]
        found = list(store.changes_from(start))
        assert [(kv.mod_revision, kv.key) for kv in found] == [
            (revision, key) for revision, key, _, _ in wanted
        ]
        for kv, (revision, _, new, old) in zip(found, wanted, strict=True):
            if new is not None:
                assert kv == new
            else:
                assert (kv.value, kv.version, kv.create_revision) == (b"", 0, 0)
            assert store.get_before(kv) == (None if revision == model.compact_revision else old)


WRITES = st.lists(
    st.tuples(st.sampled_from(KEYS), st.one_of(st.none(), st.binary(max_size=2))),
    min_size=1,
    max_size=4,
    unique_by=lambda write: write[0],
)
STEPS = st.one_of(
    st.tuples(st.just("commit"), WRITES),
    st.tuples(st.just("commit"), WRITES),
    st.tuples(st.just("compact"), st.floats(0, 1)),
    st.tuples(st.just("prune"), st.integers(1, 5)),
    st.tuples(st.just("restore"), st.integers(1, 9)),
)


@given(st.lists(STEPS, max_size=25))
@settings(max_examples=60, deadline=None)
def test_agrees_with_the_model(steps: list) -> None:
    store, model = KVStore(), Model()
    for kind, argument in steps:
        if kind == "commit":
            commit(store, argument)
            model.commit(argument)
        elif kind == "compact":
            floor = model.compact_revision + 1
            if floor > model.revision:
                continue
            revision = floor + int(argument * (model.revision - floor))
            store.compact(revision)
            model.compact_revision = revision
        elif kind == "prune":
            store.prune(argument)
        else:
            store = finished(KVStore.restoring(store.snapshot(), argument))
    check(store, model)
    restored = KVStore.restore(store.snapshot())
    while store.prune(2):
        pass
    check(restored, model)
    while restored.prune(2):
        pass
    check(restored, model)
    assert (restored.live, restored.dead, restored.older) == (store.live, store.dead, store.older)
    assert (list(restored.changes), restored.size) == (list(store.changes), store.size)
    assert {kv.key: kv for kv in restored.bases} == {kv.key: kv for kv in store.bases}


def filled() -> KVStore:
    store = KVStore()
    for value in (b"1", b"2", b"3", b"4"):
        commit(store, [(b"k", value)])
    return store


@pytest.mark.parametrize(
    ("revision", "error"),
    [
        pytest.param(2, CompactedError, id="before the compacted one"),
        pytest.param(3, None, id="the compacted one itself"),
        pytest.param(5, None, id="the current one"),
        pytest.param(6, FutureRevisionError, id="a future one"),
        pytest.param(0, None, id="now"),
    ],
)
def test_which_revisions_can_be_read(revision: int, error: type[Exception] | None) -> None:
    store = filled()
    store.compact(3)
    if error is None:
        store.check_revision(revision)
    else:
        with pytest.raises(error):
            store.check_revision(revision)


def test_errors_carry_the_revisions_that_a_caller_needs() -> None:
    store = filled()
    store.compact(4)
    with pytest.raises(CompactedError) as compacted:
        store.check_revision(2)
    assert (compacted.value.revision, compacted.value.compact_revision) == (2, 4)
    with pytest.raises(FutureRevisionError) as future:
        store.check_revision(9)
    assert (future.value.revision, future.value.current_revision) == (9, 5)
    with pytest.raises(CompactedError):
        store.changes_from(3)


@pytest.mark.parametrize(
    ("revision", "error"),
    [
        pytest.param(3, CompactedError, id="again"),
        pytest.param(2, CompactedError, id="back"),
        pytest.param(6, FutureRevisionError, id="ahead"),
    ],
)
def test_compaction_goes_forward_within_what_there_is(revision: int, error: type[Exception]) -> None:
    store = filled()
    store.compact(3)
    with pytest.raises(error):
        store.compact(revision)
    assert store.compact_revision == 3


def test_compaction_frees_what_it_made_unreachable() -> None:
    store = KVStore()
    for number in range(100):
        commit(store, [(b"k%d" % (number % 5), b"x" * 100)])
    commit(store, [(b"k0", None)])
    store.compact(store.revision)
    assert store.size > 9_000
    while store.prune(7):
        pass
    assert store.size == store.size_in_use == 4 * 102
    assert store.older == {}
    assert store.dead == {}
    assert [kv.key for kv in store.changes] == [b"k0"]


def test_a_key_that_is_created_anew_starts_at_version_1() -> None:
    store = KVStore()
    commit(store, [(b"k", b"1")])
    commit(store, [(b"k", b"2")])
    commit(store, [(b"k", None)])
    commit(store, [(b"k", b"3")])
    (kv,) = store.range(b"k", b"")
    assert (kv.create_revision, kv.mod_revision, kv.version) == (5, 5, 1)


def test_a_page_of_the_past_costs_its_length_not_that_of_the_range() -> None:
    """A list goes on page by page at the revision of its first, whatever is written meanwhile."""

    class Counted(KVStore):
        __slots__ = ("looked",)

        def get_at(self, key: bytes, revision: int) -> KeyValue | None:
            self.looked += 1
            return super().get_at(key, revision)

    store = Counted()
    store.looked = 0
    for number in range(5_000):
        commit(store, [(b"p/%04d" % number, b"v")])
    past = store.revision
    for number in range(100):
        commit(store, [(b"p/%04d" % (number * 7), None if number % 2 else b"w")])
    assert len(store.range(b"p/1000", b"p0", past, 50)) == 50
    assert store.count(b"p/1000", b"p0", past) == 4_000
    assert store.looked < 500
