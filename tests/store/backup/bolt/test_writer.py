"""What is written is what a reader finds, and holds what bbolt's own check of a file asks for."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kube.store.backup.bolt.pages import BRANCH, FREELIST, LEAF, META, PAGE, PAGE_BYTES, decode_meta
from kube.store.backup.bolt.reader import Database
from kube.store.backup.bolt.writer import LEAF_BYTES, BulkWriter

Contents = dict[bytes, dict[bytes, bytes]]


class Bucket:
    def __init__(self, name: bytes, contents: dict[bytes, bytes]) -> None:
        self.name = name
        self._contents = sorted(contents.items())

    def sizes(self) -> Iterator[tuple[int, int]]:
        return ((len(key), len(value)) for key, value in self._contents)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        return iter(self._contents)


def written(contents: Contents) -> bytes:
    writer = BulkWriter([Bucket(name, contents[name]) for name in sorted(contents)])
    for _ in writer.lay_out():
        pass
    data = b"".join(node for _, node in writer.nodes())
    assert len(data) == writer.size
    return data


def read(data: bytes) -> Contents:
    return {
        name: {key: bytes(value) for key, value in bucket.items()}
        for name, bucket in Database(memoryview(data)).buckets()
    }


KEYS = st.binary(min_size=1, max_size=600)
VALUES = st.one_of(st.binary(max_size=40), st.integers(0, 3 * LEAF_BYTES).map(bytes))


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.binary(min_size=1, max_size=20), st.dictionaries(KEYS, VALUES, max_size=40), max_size=5
    )
)
def test_a_reader_finds_what_was_written(contents: Contents) -> None:
    assert read(written(contents)) == contents


def numbered(count: int, key_bytes: int, value_bytes: int) -> dict[bytes, bytes]:
    return {b"%0*d" % (key_bytes, number): bytes(value_bytes) for number in range(count)}


SHAPES: dict[str, Contents] = {
    "nothing": {},
    "empty buckets": {b"a": {}, b"b": {}},
    "inline": {b"a": numbered(5, 4, 10)},
    "one leaf": {b"a": numbered(30, 4, 40)},
    "many small elements": {b"a": numbered(20_000, 8, 0)},
    "three levels": {b"a": numbered(200, 500, 8000)},
    "keys of more than a page": {b"a": numbered(9, 5000, 9000)},
    "a value of a megabyte": {b"a": numbered(1, 1, 1 << 20), b"b": numbered(3, 1, 3)},
    "a root of several leaves": {b"%03d" % number: numbered(10, 9, 60) for number in range(60)},
}


@pytest.mark.parametrize("contents", SHAPES.values(), ids=SHAPES)
def test_every_page_is_in_one_place_and_none_is_lost(contents: Contents) -> None:
    """As bbolt's ``Tx.Check``: what is neither a meta nor the freelist is reached once, from the root."""
    data = written(contents)
    assert read(data) == contents
    seen: dict[int, int] = {}
    at = 0
    while at < len(data):
        page, kind, count, further = PAGE.unpack_from(data, at)
        assert page == at // PAGE_BYTES
        assert kind == (META if page < 2 else FREELIST if page == 2 else kind)
        assert kind in {META, FREELIST} or kind in {BRANCH, LEAF}
        assert kind != FREELIST or count == 0
        seen[page] = kind
        at += (further + 1) * PAGE_BYTES
    database = Database(memoryview(data))
    reached = set(_reached(data, database.meta.root))
    for _, value, _, _ in _root(database):
        if root := int.from_bytes(value[:8], "little"):
            reached |= set(_reached(data, root))
    assert reached == {page for page, kind in seen.items() if kind in {BRANCH, LEAF}}


def _root(database: Database) -> Iterator[tuple[bytes, memoryview, int, int]]:
    from kube.store.backup.bolt.reader import Bucket as ReadBucket

    return ReadBucket(database, database.meta.root, 1, None, 0).elements()


def _reached(data: bytes, page: int) -> Iterator[int]:
    yield page
    at = page * PAGE_BYTES
    _, kind, count, _ = PAGE.unpack_from(data, at)
    if kind == BRANCH:
        for number in range(count):
            place = at + PAGE.size + 16 * number + 8
            yield from _reached(data, int.from_bytes(data[place : place + 8], "little"))


def test_both_metas_are_sound_and_alike() -> None:
    data = written(SHAPES["inline"])
    first, second = (decode_meta(data[at : at + 100]) for at in (0, PAGE_BYTES))
    assert not isinstance(first, str)
    assert not isinstance(second, str)
    assert (first.transaction, second.transaction) == (0, 1)
    assert (first.root, first.pages) == (second.root, second.pages)


def test_it_is_packed() -> None:
    """150,000 values of 2 KB are to take little more than they are; a page each would double that."""
    data = written({b"key": numbered(2000, 17, 2100)})
    assert len(data) < 1.15 * 2000 * 2117


def test_the_first_pass_goes_in_steps() -> None:
    writer = BulkWriter([Bucket(b"a", numbered(5000, 8, 0))])
    assert sum(1 for _ in writer.lay_out()) == 10
