"""The hash of a key space: the same for the same content, whatever else differs; another for any other content."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kube.store.administration import HashKV
from kube.store.errors import CompactedError, FutureRevisionError
from kube.store.kv import KeyValue
from kube.store.mvcc.hashing import KeySpaceHash, hash_kv
from kube.store.mvcc.kvstore import KVStore

KEYS = [b"a", b"a/1", b"b", b"c", b"d"]
WRITES = st.lists(
    st.tuples(st.sampled_from(KEYS), st.one_of(st.none(), st.binary(max_size=3))),
    min_size=1,
    max_size=3,
    unique_by=lambda write: write[0],
)


def commit(store: KVStore, writes: list[tuple[bytes, bytes | None]]) -> None:
    before = store.revision
    for key, value in writes:
        if value is None and key not in store.live:
            continue
        store.revision = before + 1
        if value is None:
            store.delete(key)
        else:
            store.put(key, value, 0)


def filled(histories: list[list[tuple[bytes, bytes | None]]]) -> KVStore:
    store = KVStore()
    for writes in histories:
        commit(store, writes)
    return store


def pruned(store: KVStore, portion: int = 3) -> KVStore:
    while store.prune(portion):
        pass
    return store


def in_steps(store: KVStore, revision: int, work: int) -> tuple[HashKV, int]:
    making = KeySpaceHash(store, revision)
    steps = 1
    while (made := making.step(work)) is None:
        steps += 1
    return made, steps


@given(st.lists(WRITES, max_size=20), st.floats(0, 1), st.floats(0, 1), st.integers(1, 5_000))
@settings(max_examples=150, deadline=None)
def test_it_depends_on_the_content_alone(histories: list, compacted: float, at: float, work: int) -> None:
    store = filled(histories)
    floor = int(compacted * (store.revision + 1)) - 1
    if floor >= 0:
        store.compact(min(floor, store.revision))
    revision = max(1, floor) + int(at * (store.revision - max(1, floor)))
    wanted = hash_kv(store, revision)
    assert (wanted.revision, wanted.compact_revision) == (revision, floor)
    early = KVStore.restore(store.snapshot())
    store.prune(2)
    half = KVStore.restore(store.snapshot())
    late = KVStore.restore(pruned(store).snapshot())
    for each in (store, early, half, late, pruned(early, 1)):
        assert hash_kv(each, revision) == wanted
        assert in_steps(each, revision, work)[0] == wanted


@given(st.lists(WRITES, min_size=1, max_size=12), st.integers(1, 4))
@settings(max_examples=100, deadline=None)
def test_what_comes_later_does_not_change_the_hash_of_a_revision(histories: list, work: int) -> None:
    store = KVStore()
    hashes = {}
    for writes in histories:
        hashes[store.revision] = hash_kv(store)
        making = KeySpaceHash(store)
        making.step(work)
        commit(store, writes)
        while (made := making.step(work)) is None:
            pass
        assert made == hashes[made.revision]
    for revision, wanted in hashes.items():
        assert hash_kv(store, revision) == wanted


def tampered(kv: KeyValue) -> list[KeyValue]:
    return [
        msgspec.structs.replace(kv, value=kv.value + b"!"),
        msgspec.structs.replace(kv, value=bytes([kv.value[0] ^ 1]) + kv.value[1:]),
        msgspec.structs.replace(kv, lease=kv.lease + 1),
        msgspec.structs.replace(kv, version=kv.version + 1),
        msgspec.structs.replace(kv, create_revision=kv.create_revision + 1),
    ]


@pytest.mark.parametrize("compacted", [False, True], ids=["with its history", "compacted"])
@pytest.mark.parametrize("which", range(5), ids=["longer", "a bit", "lease", "version", "created"])
def test_one_version_that_differs_is_found(which: int, compacted: bool) -> None:
    store = filled([[(b"a", b"1")], [(b"b", b"2")], [(b"a", b"3")]])
    if compacted:
        store.compact(store.revision)
        pruned(store)
    snapshot = store.snapshot()
    part = "bases" if compacted else "changes"
    key_values = list(getattr(snapshot, part))
    key_values[0] = tampered(key_values[0])[which]
    other = KVStore.restore(msgspec.structs.replace(snapshot, **{part: tuple(key_values)}))
    assert hash_kv(other) != hash_kv(store)


def test_values_that_have_changed_places_are_found() -> None:
    one = filled([[(b"a", b"1"), (b"b", b"2")]])
    other = filled([[(b"a", b"2"), (b"b", b"1")]])
    assert hash_kv(one) != hash_kv(other)


def test_a_key_that_is_missing_from_the_current_ones_is_found_once_its_history_is_compacted() -> None:
    store = filled([[(b"a", b"1")], [(b"b", b"2")], [(b"c", b"3")]])
    store.compact(4)
    wanted = hash_kv(store)
    del store.live[b"a"]
    assert hash_kv(store) != wanted


def test_portions_are_bounded_by_the_bytes_of_their_values() -> None:
    store = filled([[(b"k%d" % number, bytes(4_000))] for number in range(100)])
    assert in_steps(store, 0, 20_000)[1] >= 20
    store.compact(store.revision)
    assert in_steps(store, 0, 20_000)[1] >= 20


def test_a_compaction_on_the_way_begins_it_anew() -> None:
    store = filled([[(b"a", b"1")], [(b"a", b"2")], [(b"b", b"3")]])
    making = KeySpaceHash(store)
    assert making.step(1) is None
    store.compact(3)
    pruned(store)
    while (made := making.step(1)) is None:
        pass
    assert made == hash_kv(store)
    assert made.compact_revision == 3


def test_a_compaction_past_it_ends_it() -> None:
    store = filled([[(b"a", b"1")], [(b"a", b"2")], [(b"b", b"3")]])
    making = KeySpaceHash(store, 3)
    assert making.step(1) is None
    store.compact(4)
    with pytest.raises(CompactedError):
        making.step(1)


@pytest.mark.parametrize(
    ("revision", "error"), [(2, CompactedError), (9, FutureRevisionError)], ids=["compacted", "future"]
)
def test_revisions_that_have_no_hash(revision: int, error: type[Exception]) -> None:
    store = filled([[(b"a", b"1")], [(b"a", b"2")], [(b"b", b"3")]])
    store.compact(3)
    with pytest.raises(error):
        hash_kv(store, revision)
