"""The hash of a key space at a revision, by which replicas find out that they hold the same (etcd's HashKV).

It is made from what is there, not kept up while it is written: only so does it find memory that has changed by itself. A sum over
versions, so that it depends on no order: not on that of dicts, nor on whether pruning or a restore came before.
"""

from struct import Struct
from zlib import crc32

from kube.store.administration import HashKV
from kube.store.errors import CompactedError, FutureRevisionError
from kube.store.kv import KeyValue
from kube.store.mvcc.kvstore import KVStore

STEP = 1 << 20
"""Work of one step in which nobody waits for longer than about two milliseconds."""
_VERSION_WORK = 1024
"""What a version counts beside the bytes of its value."""
_MASK = (1 << 64) - 1

_header = Struct("<qqqqQ").pack


def _hash(kv: KeyValue) -> int:
    """64 bits in which no two versions that are swapped or changed alike cancel out, as in a sum of plain CRCs they could."""
    head = crc32(_header(kv.create_revision, kv.mod_revision, kv.version, kv.lease, len(kv.key)))
    body = crc32(kv.value, crc32(kv.key, head))
    return (body + 0x9E3779B9) * (body ^ 0x85EBCA6B)


class KeySpaceHash:
    """A hash in the making: every version that can be read from the compacted revision to ``revision``, and every tombstone
    between them.

    ``step`` until it gives the result; the key space may change between steps. When a compaction comes between, the work begins anew.
    """

    __slots__ = ("_changes", "_compact_revision", "_keys", "_kv", "_sum", "revision")

    def __init__(self, kv: KVStore, revision: int = 0) -> None:
        """``revision`` 0: now. Raises CompactedError, FutureRevisionError."""
        self._kv = kv
        self.revision = revision if revision > 0 else kv.revision
        self._begin()

    def _begin(self) -> None:
        kv = self._kv
        if self.revision > kv.revision:
            raise FutureRevisionError(self.revision, kv.revision)
        if self.revision < kv.compact_revision:
            raise CompactedError(self.revision, kv.compact_revision)
        self._compact_revision = kv.compact_revision
        self._sum = 0
        self._keys: list[bytes] = []
        """Keys whose value at the compacted revision is still to be added."""
        self._changes = 0
        """Changes behind the compacted revision that have been added."""
        if kv.compact_revision > 0:
            self._keys.extend(kv.live)
            self._keys.extend(kv.dead)

    def step(self, work: int = STEP) -> HashKV | None:
        """Go on for ``work``, in bytes of values, of which each version counts some more; None when more is left.

        Raises CompactedError when ``revision`` was compacted meanwhile.
        """
        if self._kv.compact_revision != self._compact_revision:
            self._begin()
        work = self._add_bases(work)
        if work <= 0 or not self._add_changes(work):
            return None
        total = self._sum
        return HashKV((total ^ total >> 32) & 0xFFFFFFFF, self.revision, self._compact_revision)

    def _add_bases(self, work: int) -> int:
        """What is left of ``work``."""
        kv, keys, floor = self._kv, self._keys, self._compact_revision
        live, total = kv.live, self._sum
        while keys and work > 0:
            key = keys.pop()
            base = live.get(key)
            if base is None or base.mod_revision > floor:
                base = kv.get_at(key, floor)
            if base is not None:
                total += _hash(base)
                work -= len(base.value)
            work -= _VERSION_WORK
        self._sum = total & _MASK
        return work

    def _add_changes(self, work: int) -> bool:
        """True when all are added."""
        changes, total = self._kv.changes, self._sum
        first = changes.position(self._compact_revision + 1) + self._changes
        end = changes.position(self.revision + 1)
        added = 0
        for change in changes.between(first, end):
            total += _hash(change)
            added += 1
            work -= len(change.value) + _VERSION_WORK
            if work <= 0:
                break
        self._changes += added
        self._sum = total & _MASK
        return first + added == end


def hash_kv(kv: KVStore, revision: int = 0) -> HashKV:
    """The whole of it at once. Raises CompactedError, FutureRevisionError."""
    making = KeySpaceHash(kv, revision)
    while (made := making.step()) is None:
        pass
    return made
