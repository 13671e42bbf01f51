"""``store.json``: what it says is so, or the directory is refused and left alone."""

import random
from pathlib import Path

import pytest

from kube.store.wal.directory import STORE_FILE, open_store, stored_at
from kube.store.wal.disk import DataDirectoryError


def files(path: Path) -> list[Path]:
    return sorted(each for each in path.rglob("*") if each.is_file())


@pytest.mark.parametrize("flip", [0x01, 0x10, 0x20, 0x80])
def test_any_flipped_byte_is_refused(tmp_path: Path, flip: int) -> None:
    """But in the names of fields without which the same is said."""
    open_store(tmp_path, 3, random.Random(1)).close()
    there, file = files(tmp_path), tmp_path / STORE_FILE
    sound = file.read_bytes()
    spare = [(sound.index(name), len(name)) for name in (b"format", b"standalone", b"restoring")]
    harmless = {at for begin, length in spare for at in range(begin, begin + length)}
    for at in (each for each in range(len(sound)) if each not in harmless):
        damaged = bytearray(sound)
        damaged[at] ^= flip
        file.write_bytes(damaged)
        with pytest.raises(DataDirectoryError):
            open_store(tmp_path, 3, random.Random(2)).close()
        assert files(tmp_path) == there
    file.write_bytes(sound)
    open_store(tmp_path, 3, random.Random(2)).close()


@pytest.mark.parametrize("size", [0, 1, 40, -1])
def test_a_part_of_it_is_refused(tmp_path: Path, size: int) -> None:
    open_store(tmp_path, 1, random.Random(1)).close()
    file = tmp_path / STORE_FILE
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises(DataDirectoryError, match="can't be trusted"):
        open_store(tmp_path, 1, random.Random(2))


def test_a_finished_store_is_never_taken_for_an_unfinished_one(tmp_path: Path) -> None:
    open_store(tmp_path, 1, random.Random(1)).close()
    file = tmp_path / STORE_FILE
    there = files(tmp_path)
    file.write_text(file.read_text().replace("true", "false", 1))
    with pytest.raises(DataDirectoryError, match=r"store\.json is damaged"):
        open_store(tmp_path, 1, random.Random(2))
    assert files(tmp_path) == there


def test_a_name_that_no_directory_can_have_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / ("d" * 300)
    with pytest.raises(DataDirectoryError, match="can't be used: File name too long"):
        stored_at(path)
    with pytest.raises(DataDirectoryError, match="can't be used: File name too long"):
        open_store(path, 1, random.Random(1))


def test_a_directory_of_etcds_is_refused_and_left_alone(tmp_path: Path) -> None:
    """An empty store in its place would look like the loss of everything."""
    log = tmp_path / "member" / "wal" / "0000000000000000-0000000000000000.wal"
    log.parent.mkdir(parents=True)
    log.write_bytes(b"")
    with pytest.raises(DataDirectoryError, match=r"data directory of etcd's: .* kube store snapshot restore"):
        open_store(tmp_path, 1, random.Random(1))
    assert files(tmp_path) == [log]
