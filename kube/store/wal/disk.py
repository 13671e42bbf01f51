"""The disk under a member: the protocols that everything here codes against, and the one of the operating system.

What was written is sure to survive a crash only after ``sync``; a file's name (created, renamed, removed) only after ``sync_dir``. Any
call may raise OSError; after a ``sync`` that did, what the file holds can't be trusted any more.
"""

import contextlib
import errno
import os
import sys
from pathlib import Path
from typing import Any, Protocol

LOCK = "LOCK"
"""The file whose lock is the directory's."""


class DataDirectoryError(Exception):
    """A directory that can't be used; the text tells a user why, and what to do."""


class DirectoryLockedError(DataDirectoryError):
    """Another process has the directory open; ``pid`` is its id, 0 when unknown."""

    def __init__(self, directory: str, pid: int) -> None:
        who = f"the process {pid}" if pid else "another process"
        super().__init__(f"{directory} is in use by {who}: stop that one first, or name another directory")
        self.directory = directory
        self.pid = pid


class File(Protocol):
    """An open file. Offsets and sizes in bytes."""

    @property
    def name(self) -> str:
        """Within the directory."""
        ...

    def append(self, data: bytes) -> None:
        """Write all of ``data`` behind what was appended last."""
        ...

    def write(self, offset: int, data: bytes) -> None:
        """Write all of ``data`` at ``offset``. A file that was shorter is filled with zeros up to there."""
        ...

    def read(self, offset: int, size: int) -> bytes:
        """Fewer bytes than ``size`` only at the end of the file."""
        ...

    def size(self) -> int: ...

    def allocate(self, size: int) -> None:
        """Make the file ``size`` bytes long, the new ones zero, and reserve their space where the system can, so that writing
        them needs no more of it. A file that is as long already is left alone. ENOSPC changes nothing.
        """
        ...

    def truncate(self, size: int) -> None: ...

    def sync(self) -> None:
        """fdatasync: what was written, and the file's length, survive a crash when this returns."""
        ...

    def close(self) -> None: ...


class Disk(Protocol):
    """One flat directory. Names have no separators."""

    @property
    def path(self) -> str:
        """For messages to people."""
        ...

    def list(self) -> tuple[str, ...]:
        """The names of all files, sorted."""
        ...

    def open(self, name: str) -> File:
        """An existing file, to read and write. Raises FileNotFoundError."""
        ...

    def create(self, name: str) -> File:
        """A new, empty file in the place of one of that name."""
        ...

    def rename(self, old: str, new: str) -> None:
        """``new`` is replaced at once: who looks finds the one or the other."""
        ...

    def remove(self, name: str) -> None: ...

    def sync_dir(self) -> None:
        """Every name given, changed or removed so far survives a crash."""
        ...

    def lock(self) -> None:
        """Keep every other process out until ``close``. Raises DirectoryLockedError."""
        ...

    def close(self) -> None:
        """Release the lock."""
        ...


class OsFile:
    """A file of the operating system, read and written without a position of its own but for ``append``."""

    __slots__ = ("_descriptor", "_end", "_name")

    def __init__(self, name: str, descriptor: int) -> None:
        self._name = name
        self._descriptor = descriptor
        self._end = os.fstat(descriptor).st_size

    @property
    def name(self) -> str:
        return self._name

    def append(self, data: bytes) -> None:
        self.write(self._end, data)
        self._end += len(data)

    def write(self, offset: int, data: bytes) -> None:
        written = _pwrite(self._descriptor, data, offset)
        if written != len(data):
            rest = memoryview(data)
            while written < len(data):
                written += _pwrite(self._descriptor, rest[written:], offset + written)

    def read(self, offset: int, size: int) -> bytes:
        pieces: list[bytes] = []
        while size > 0:
            piece = _pread(self._descriptor, min(size, 1 << 30), offset)
            if not piece:
                break
            pieces.append(piece)
            offset += len(piece)
            size -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def size(self) -> int:
        return os.fstat(self._descriptor).st_size

    def allocate(self, size: int) -> None:
        current = self.size()
        if size <= current:
            return
        if sys.platform != "win32" and hasattr(os, "posix_fallocate"):
            try:
                os.posix_fallocate(self._descriptor, 0, size)
            except OSError as error:
                if error.errno not in {errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS}:
                    os.ftruncate(self._descriptor, current)  # it may have grown on the way
                    raise
            else:
                return
        os.ftruncate(self._descriptor, size)

    def truncate(self, size: int) -> None:
        os.ftruncate(self._descriptor, size)
        self._end = min(self._end, size)

    def sync(self) -> None:
        _fdatasync(self._descriptor)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


if sys.platform == "win32":

    def _pwrite(descriptor: int, data: Any, offset: int) -> int:
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.write(descriptor, data)

    def _pread(descriptor: int, size: int, offset: int) -> bytes:
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, size)

    _fdatasync = os.fsync

    def _open_directory(path: Path) -> int:  # noqa: ARG001  # as elsewhere
        """None: directories can't be opened here, and NTFS keeps a journal of names."""
        return -1

    def _sync(directory: int) -> None:
        """Nothing, as above."""

    _READ_WRITE = os.O_RDWR | os.O_BINARY

    def _lock(descriptor: int) -> bool:
        import msvcrt  # noqa: PLC0415  # Windows alone has it

        os.lseek(descriptor, 1 << 20, os.SEEK_SET)  # behind the holder's id, which others read
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _pwrite(descriptor: int, data: Any, offset: int) -> int:
        return os.pwrite(descriptor, data, offset)

    def _pread(descriptor: int, size: int, offset: int) -> bytes:
        return os.pread(descriptor, size, offset)

    _READ_WRITE = os.O_RDWR | os.O_CLOEXEC

    def _lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _open_directory(path: Path) -> int:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    _sync = os.fsync

    if sys.platform == "darwin":

        def _fdatasync(descriptor: int) -> None:
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)  # fsync leaves it in the drive's cache there
    else:
        _fdatasync = os.fdatasync


def _sync_directory(path: Path) -> None:
    descriptor = _open_directory(path)
    try:
        _sync(descriptor)
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _make_directory(directory: Path) -> None:
    """With those above it; a crash takes none of them away."""
    if directory.is_dir():
        return
    _make_directory(directory.parent)
    directory.mkdir(mode=0o700, exist_ok=True)
    _sync_directory(directory.parent)


class OsDisk:
    """A directory of the operating system, made if it is not there. Only its owner may read what is in it. Raises OSError."""

    __slots__ = ("_descriptor", "_directory", "_lock_descriptor")

    def __init__(self, directory: Path) -> None:
        _make_directory(directory)
        self._directory = directory
        self._descriptor = -1
        self._lock_descriptor = -1

    @property
    def path(self) -> str:
        return str(self._directory)

    def list(self) -> tuple[str, ...]:
        return tuple(sorted(entry.name for entry in os.scandir(self._directory) if entry.is_file()))

    def open(self, name: str) -> OsFile:
        return OsFile(name, os.open(self._directory / name, _READ_WRITE))

    def create(self, name: str) -> OsFile:
        flags = _READ_WRITE | os.O_CREAT | os.O_TRUNC
        if self._descriptor < 0:
            self._descriptor = _open_directory(
                self._directory
            )  # a name that is given now must be synced later
        return OsFile(name, os.open(self._directory / name, flags, 0o600))

    def rename(self, old: str, new: str) -> None:
        (self._directory / old).replace(self._directory / new)

    def remove(self, name: str) -> None:
        (self._directory / name).unlink()

    def sync_dir(self) -> None:
        if self._descriptor < 0:
            _sync_directory(self._directory)
        else:
            _sync(self._descriptor)

    def lock(self) -> None:
        descriptor = os.open(self._directory / LOCK, _READ_WRITE | os.O_CREAT, 0o600)
        if not _lock(descriptor):
            holder = _pread(descriptor, 32, 0).strip()
            os.close(descriptor)
            raise DirectoryLockedError(self.path, int(holder) if holder.isdigit() else 0)
        self._lock_descriptor = descriptor
        os.ftruncate(descriptor, 0)
        with contextlib.suppress(OSError):  # a full disk: the lock holds without the name of its holder
            _pwrite(descriptor, b"%d\n" % os.getpid(), 0)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        if self._lock_descriptor >= 0:
            os.close(self._lock_descriptor)
            self._lock_descriptor = -1
