"""Whatever valid file there is is read; what is not valid is refused with its place."""

from collections.abc import Callable, Iterator
from struct import pack_into

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kube.store.backup.bolt.pages import (
    BUCKET,
    BUCKET_ELEMENT,
    LEAF,
    NO_FREELIST,
    PAGE,
    PAGE_BYTES,
    Meta,
    encode_branch,
    encode_leaf,
    encode_meta,
    fnv1a,
    inline_leaf,
)
from kube.store.backup.bolt.reader import DamagedError, Database


def made(page_bytes: int = PAGE_BYTES, **root: bytes) -> bytearray:
    """A file of bbolt's kind with some of what the bulk writer never makes: no freelist, and free pages between."""
    rows = sorted((name.encode(), value) for name, value in root.items())
    leaf = encode_leaf(3, 0, rows, BUCKET_ELEMENT)
    pages = [
        encode_meta(0, Meta(page_bytes, 3, NO_FREELIST, 8, 7)),
        encode_meta(1, Meta(page_bytes, 9, NO_FREELIST, 8, 6)),
        b"free",
        leaf,
        encode_branch(4, 0, [(b"a", 5), (b"m", 6)]),
        encode_leaf(5, 0, [(b"a", b"1"), (b"b", b"2")]),
        encode_leaf(6, 1, [(b"m", bytes(page_bytes)), (b"n", b"")]),
        b"",
    ]
    return bytearray(b"".join(page.ljust(page_bytes, b"\0") for page in pages))


INLINE = BUCKET.pack(0, 5) + inline_leaf([(b"x", b"y")])
TREE = BUCKET.pack(4, 0)


def contents(data: bytes | bytearray) -> dict[bytes, dict[bytes, bytes]]:
    return {
        name: {key: bytes(value) for key, value in bucket.items()}
        for name, bucket in Database(memoryview(data)).buckets()
    }


def wanted(page_bytes: int) -> dict[bytes, dict[bytes, bytes]]:
    return {b"in": {b"x": b"y"}, b"out": {b"a": b"1", b"b": b"2", b"m": bytes(page_bytes), b"n": b""}}


@pytest.mark.parametrize("page_bytes", [512, 1024, 4096, 16384, 65536])
def test_pages_of_any_size(page_bytes: int) -> None:
    data = made(page_bytes, **{"in": INLINE, "out": TREE})
    # a value of a page needs one page more than the header leaves
    assert contents(data) == wanted(page_bytes)
    assert contents(data + b"what is behind the last page in use") == wanted(page_bytes)


def test_a_bucket_can_be_walked_more_than_once() -> None:
    database = Database(memoryview(made(out=TREE)))
    (_, bucket), (_, again) = *database.buckets(), *database.buckets()
    assert list(bucket.items()) == list(bucket.items()) == list(again.items())


def test_a_bucket_within_a_bucket_is_a_key_without_a_value() -> None:
    nested = BUCKET.pack(0, 0) + encode_leaf(0, 0, [(b"x", INLINE)], BUCKET_ELEMENT)
    database = Database(memoryview(made(outer=nested)))
    [(_, outer)] = database.buckets()
    assert [(key, bytes(value)) for key, value in outer.items()] == [(b"x", b"")]
    [(_, value, _, offset)] = outer.elements()
    assert [key for key, _ in database.bucket(value, offset).items()] == [b"x"]


def metas(first: Meta | None, second: Meta | None, page_bytes: int = PAGE_BYTES) -> bytes:
    data = made(page_bytes, out=TREE)
    for page, meta in enumerate((first, second)):
        encoded = bytes(page_bytes) if meta is None else encode_meta(page, meta)
        data[page * page_bytes : (page + 1) * page_bytes] = encoded
    return bytes(data)


def meta(transaction: int, root: int, page_bytes: int = PAGE_BYTES) -> Meta:
    return Meta(page_bytes, root, NO_FREELIST, 8, transaction)


@pytest.mark.parametrize("page_bytes", [512, 4096, 8192])
@pytest.mark.parametrize(
    ("first", "second", "root"),
    [((2, 3), (1, 9), 3), ((2, 9), (3, 3), 3), (None, (1, 3), 3), ((1, 3), None, 3)],
    ids=["the first", "the second", "only the second", "only the first"],
)
def test_the_newer_sound_meta_counts(
    first: tuple[int, int] | None, second: tuple[int, int] | None, root: int, page_bytes: int
) -> None:
    made_of = [None if each is None else meta(*each, page_bytes) for each in (first, second)]
    data = metas(made_of[0], made_of[1], page_bytes)
    assert Database(memoryview(data)).meta.root == root
    assert b"out" in contents(data)


def test_the_checksum_is_that_of_etcds_files() -> None:
    """FNV-1a of the vectors that its authors give (draft-eastlake-fnv)."""
    assert fnv1a(b"") == 0xCBF29CE484222325
    assert fnv1a(b"a") == 0xAF63DC4C8601EC8C
    assert fnv1a(b"foobar") == 0x85944171F73967E8


def put(at: int, layout: str, *values: int) -> Callable[[bytearray], None]:
    return lambda data: pack_into(layout, data, at, *values)


P3, P4, P5, P6 = (page * PAGE_BYTES for page in (3, 4, 5, 6))
DAMAGE = {
    "magic": (put(16, "<I", 1), 0, "bbolt's magic number"),
    "version": (put(20, "<I", 1), 0, "version 1 instead of 2"),
    "checksum": (put(16 + 56, "<Q", 1), 0, "checksum is wrong"),
    "root behind the end": (put(P4 + 16 + 8, "<Q", 8), P4 + 16, "page 8 is led to, of 8"),
    "root is a meta": (put(P4 + 16 + 8, "<Q", 1), P4 + 16, "page 1 is led to"),
    "another page's id": (put(P5, "<Q", 7), P5, "says that it is page 7"),
    "kind": (put(P5 + 8, "<H", 0x10), P5, "kind 0x10"),
    "too many pages": (put(P6 + 12, "<I", 2), P6, "over 2 more"),
    "too many elements": (put(P5 + 10, "<H", 60000), P5, "60000 elements do not fit"),
    "too many children": (put(P4 + 10, "<H", 60000), P4, "60000 elements do not fit"),
    "no children": (put(P4 + 10, "<H", 0), P4, "leads nowhere"),
    "key outside": (put(P5 + 16 + 4, "<I", PAGE_BYTES), P5 + 16, "outside of its page"),
    "key among the fixed parts": (put(P5 + 16 + 4, "<I", 3), P5 + 16, "outside of its page"),
    "value outside": (put(P5 + 16 + 12, "<I", PAGE_BYTES), P5 + 16, "outside of its page"),
    "a value on another one": (put(P5 + 16 + 12, "<I", 2), P5 + 32, "on another one"),
    "a branch key on another one": (put(P4 + 16 + 4, "<I", 2), P4 + 32, "on another one"),
    "branch key outside": (put(P4 + 16, "<I", PAGE_BYTES), P4 + 16, "outside of its page"),
    "keys of a leaf": (put(P5 + 16 + 32, "<B", ord("z")), P5 + 32, "not in order"),
    "keys of a branch": (put(P4 + 16 + 32, "<B", ord("z")), P4 + 32, "not in order"),
    "keys of two leaves": (put(P6 + 16 + 32, "<B", ord("0")), P6 + 16, "not in order"),
    "a loop": (put(P4 + 16 + 8, "<Q", 4), P4, "more than one place"),
    "one leaf twice": (put(P4 + 32 + 8, "<Q", 5), P5, "more than one place"),
    "a leaf within another": (put(P5 + 12, "<I", 1), P6, "more than one place"),
    "no bucket": (put(P3 + 16, "<I", 0), P3 + 16, "no bucket"),
    "a bucket's header": (put(P3 + 16 + 12, "<I", 15), P3 + 16, "of 15 bytes"),
}


@pytest.mark.parametrize(("damage", "offset", "detail"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_told_with_its_place(damage: Callable[[bytearray], None], offset: int, detail: str) -> None:
    data = made(out=TREE)
    data[PAGE_BYTES : 2 * PAGE_BYTES] = bytes(PAGE_BYTES)  # the other meta would do instead
    assert b"out" in contents(data)
    damage(data)
    with pytest.raises(DamagedError, match=detail) as raised:
        contents(data)
    assert raised.value.offset == offset


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        (BUCKET.pack(0, 0), "no page"),
        (BUCKET.pack(0, 0) + PAGE.pack(0, 1, 1, 0) + bytes(16), "no leaf"),
        (BUCKET.pack(0, 0) + PAGE.pack(0, LEAF, 2, 0) + bytes(16), "do not fit"),
    ],
    ids=["nothing", "a branch", "cut off"],
)
def test_a_damaged_inline_bucket(value: bytes, detail: str) -> None:
    with pytest.raises(DamagedError, match=detail):
        contents(made(out=value))


@pytest.mark.parametrize("size", [0, 15, 79, 80, 4095, 4096, 8 * 4096 - 1])
def test_a_part_of_a_file(size: int) -> None:
    with pytest.raises(DamagedError):
        contents(made(out=TREE)[:size])


def test_a_big_endian_machines_file_is_told_by_its_name() -> None:
    data = made(out=TREE)
    data[16:20] = data[16:20][::-1]
    data[PAGE_BYTES : 2 * PAGE_BYTES] = bytes(PAGE_BYTES)
    with pytest.raises(DamagedError, match="big-endian"):
        contents(data)


@pytest.mark.parametrize("pages", [1 << 63, (1 << 64) - 1, 9])
def test_a_meta_that_promises_too_much_takes_no_memory(pages: int) -> None:
    promising = Meta(PAGE_BYTES, 3, NO_FREELIST, pages, 9)
    with pytest.raises(DamagedError, match="it ends here"):
        contents(metas(promising, promising))


def resealed(data: bytearray) -> bytearray:
    """With right checksums, so that damage gets further than the metas."""
    for page in (0, 1):
        at = page * 512 + 16
        data[at + 56 : at + 64] = fnv1a(bytes(data[at : at + 56])).to_bytes(8, "little")
    return data


def mutations() -> Iterator[st.SearchStrategy[tuple[int, bytes]]]:
    for values in (
        st.binary(min_size=1, max_size=8),
        st.sampled_from([b"\xff" * 8, bytes(8), b"\x04" + bytes(7)]),
    ):
        yield st.tuples(st.integers(0, 512 * 8 - 1), values)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.one_of(*mutations()), min_size=1, max_size=6), st.integers(0, 512 * 8))
def test_any_damage_is_refused_or_read(changes: list[tuple[int, bytes]], cut: int) -> None:
    """Nothing but DamagedError, and an end."""
    data = made(512, **{"in": INLINE, "out": TREE})
    for at, value in changes:
        data[at : at + len(value)] = value
    del data[512 * 8 :]
    for each in (data, resealed(data), data[:cut]):
        try:
            found = contents(each)
        except DamagedError as error:
            assert 0 <= error.offset <= len(each)  # noqa: PT017  # most damage is refused, some hits what is free
        else:
            assert sum(map(len, found.values())) < 512
