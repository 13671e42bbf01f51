"""The operating system's files and directories behind the protocol."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kube.store.wal.disk import DirectoryLockedError, OsDisk


def test_a_file_is_written_read_and_cut(tmp_path: Path) -> None:
    disk = OsDisk(tmp_path / "deep" / "er")
    file = disk.create("a")
    file.append(b"hello")
    file.append(b" world")
    file.write(6, b"W")
    assert (file.read(0, 100), file.read(6, 3), file.read(50, 3)) == (b"hello World", b"Wor", b"")
    file.sync()
    file.truncate(5)
    file.append(b"!")
    assert file.read(0, 100) == b"hello!"
    file.close()
    file.close()
    assert disk.open("a").size() == 6
    with pytest.raises(FileNotFoundError):
        disk.open("b")


def test_an_allocated_file_is_longer_and_zero_and_appended_behind_what_was_written(tmp_path: Path) -> None:
    file = OsDisk(tmp_path).create("a")
    file.append(b"x")
    file.allocate(100)
    file.allocate(50)
    assert file.size() == 100
    assert file.read(0, 200) == b"x" + bytes(99)
    file.append(b"y")
    assert file.read(0, 3) == b"xy\0"


def test_names_are_listed_renamed_and_removed(tmp_path: Path) -> None:
    disk = OsDisk(tmp_path)
    (tmp_path / "directory").mkdir()
    for name in ("b", "a", "c"):
        disk.create(name).close()
    disk.rename("c", "a")
    disk.remove("b")
    disk.sync_dir()
    assert disk.list() == ("a",)


def test_what_is_in_it_is_its_owners_alone(tmp_path: Path) -> None:
    disk = OsDisk(tmp_path / "d")
    disk.create("a").close()
    assert (tmp_path / "d").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "d" / "a").stat().st_mode & 0o777 == 0o600


def test_one_process_has_a_directory_and_others_are_told_which(tmp_path: Path) -> None:
    disk = OsDisk(tmp_path)
    disk.lock()
    with pytest.raises(
        DirectoryLockedError, match=f"in use by the process {os.getpid()}: stop that one first"
    ):
        OsDisk(tmp_path).lock()
    script = "import sys; from pathlib import Path; from kube.store.wal.disk import OsDisk; OsDisk(Path(sys.argv[1])).lock()"
    other = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert f"in use by the process {os.getpid()}" in other.stderr
    disk.close()
    OsDisk(tmp_path).lock()


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from kube.store.wal.disk import OsDisk\n"
        "OsDisk(Path(sys.argv[1])).lock(); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert killed.returncode == -9
    OsDisk(tmp_path).lock()


@pytest.mark.skipif(sys.platform == "win32", reason="it has no limits of that kind")
def test_what_does_not_fit_is_said_and_changes_nothing(tmp_path: Path) -> None:
    import resource

    file = OsDisk(tmp_path).create("a")
    file.append(b"x" * 100)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match="too large") as refused:
            file.allocate(5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert refused.value.errno == errno.EFBIG
    assert file.size() == 100
