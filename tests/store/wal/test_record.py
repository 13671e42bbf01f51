"""What stands behind the sound records of a segment: a torn tail, or damage."""

import random
import struct
import zlib

import pytest

from kube.store.wal import checksums, record
from kube.store.wal.record import FRAME_BYTES, MAGIC, DamagedError, check_tail, frame

SALT = 7


def forged(size: int, end: int) -> bytes:
    """A value full of headers, each of which claims to be followed by all the rest, and to be newer than what is damaged."""
    count = size // FRAME_BYTES
    return b"".join(
        struct.pack("<4sIII", MAGIC, (count - at - 1) * FRAME_BYTES, end + 1, 0) for at in range(count)
    )


class Summed:
    """Counts the bytes that are summed up."""

    def __init__(self) -> None:
        self.bytes = 0

    def crc32(self, data: bytes, value: int = 0) -> int:
        self.bytes += len(data)
        return zlib.crc32(data, value)


def torn(size: int) -> tuple[memoryview, int]:
    """A sound record, and a torn one behind it that holds forged headers; where that begins."""
    good = frame(b"x" * 100, offset=0, synced=0, salt=SALT)
    end = len(good)
    tail = bytearray(frame(forged(size, end), offset=end, synced=end, salt=SALT))
    tail[FRAME_BYTES + 4] ^= 1
    return memoryview(good + bytes(tail)), end


def work(size: int, monkeypatch: pytest.MonkeyPatch) -> int:
    data, end = torn(size)
    summed = Summed()
    with monkeypatch.context() as patch:
        for module in (record, checksums):
            patch.setattr(module, "zlib", summed)
        assert (
            check_tail("f", data, end, synced=end, salt=SALT, sealed=False)
            == len(bytes(data).rstrip(b"\0")) - end
        )
    return summed.bytes


def test_forged_headers_in_a_torn_tail_cost_in_proportion_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A put of a client's can hold as many as fit; each alone claims a sum over all of it."""
    small, large = work(16_000, monkeypatch), work(64_000, monkeypatch)
    assert large < 5 * small


@pytest.mark.parametrize("size", [0, 10, 1000, 5000, 100_000])
def test_a_sound_record_among_forged_headers_is_found(size: int) -> None:
    data, end = torn(8000)
    rng = random.Random(size)
    at = len(data)
    sound = frame(rng.randbytes(size), offset=at, synced=end + 1, salt=SALT)
    whole = memoryview(bytes(data) + sound + forged(4000, end))
    with pytest.raises(DamagedError, match=f"at offset {end}: .* a sound one follows at offset {at}$"):
        check_tail("f", whole, end, synced=end, salt=SALT, sealed=False)


@pytest.mark.parametrize(
    "synced",
    [
        pytest.param(0, id="nothing"),
        pytest.param(116, id="what is before it"),
        pytest.param(10**9, id="what is behind it"),
    ],
)
def test_a_record_that_does_not_say_that_the_damaged_bytes_were_synced_proves_nothing(synced: int) -> None:
    data, end = torn(1000)
    assert end == 116
    whole = memoryview(bytes(data) + frame(b"later", offset=len(data), synced=synced, salt=SALT))
    assert check_tail("f", whole, end, synced=end, salt=SALT, sealed=False) == len(whole) - end
