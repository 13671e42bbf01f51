"""What etcd keeps in its database, and this store's state as that: etcd's buckets on one side, ``StateSnapshot`` on the other.

(etcd's ``server/storage/schema`` and ``mvcc``; the files of 3.4, 3.5 and 3.6 are read, those of 3.5 written.) ``key`` holds every version and tombstone
by its revision, 17 bytes: the main revision, ``_``, and the place among the changes of that revision, with a ``t`` behind for a tombstone. ``meta``
says up to where that is compacted: ``scheduledCompactRev`` holds for reads, ``finishedCompactRev`` says what is freed.

Not taken over from etcd: users and roles, which this store does not have, and the members, as a restored store has its own. A lease starts its
whole ttl anew, whatever a checkpoint says was left: longer, never shorter.
"""

import heapq
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from struct import Struct as Layout
from typing import Any, Final, TypeVar

import msgspec

from kube.store.administration import Alarm, AlarmType, MemberInfo
from kube.store.apply import StateSnapshot
from kube.store.backup.bolt.reader import Bucket, Database
from kube.store.backup.bolt.writer import STEP
from kube.store.backup.bolt.writer import Bucket as BucketToWrite
from kube.store.kv import KeyValue
from kube.store.lease import LeaseSnapshot
from kube.store.mvcc.kvstore import NEVER_COMPACTED, KVSnapshot
from kube.store.protowire import (
    WireError,
    decode_fields,
    decode_key_value,
    encode_key_value,
    int_field,
    int_of,
    key_value_bytes,
    signed,
)
from kube.store.raft.messages import ConfState, Snapshot

CLUSTER_VERSION: Final = b"3.5.0"
KEY: Final = b"key"
_META: Final = b"meta"
_FINISHED: Final = b"finishedCompactRev"
_SCHEDULED: Final = b"scheduledCompactRev"
_REVISION: Final = Layout(">QcQ")
_TOMBSTONE: Final = b"t"
_NUMBER: Final = Layout(">Q")
_LAST_INT64: Final = (1 << 63) - 1
_RUN: Final = 2048
"""Elements that are sorted at once."""

_T = TypeVar("_T")


class SchemaError(Exception):
    """A bbolt file that is none of etcd's, or holds what etcd does not write; the text says what and where."""


class Users(msgspec.Struct, frozen=True):
    """Who may log in to the etcd that a backup is of. ``enabled``: whether one has to."""

    enabled: bool
    users: int
    roles: int


class EtcdState(msgspec.Struct, frozen=True):
    """What a database of etcd's holds. ``state`` is without members."""

    state: StateSnapshot
    users: Users


# ---- to etcd's buckets


class _Small:
    """A bucket whose contents are there as a whole."""

    __slots__ = ("_entries", "name")

    def __init__(self, name: bytes, entries: Sequence[tuple[bytes, bytes]] = ()) -> None:
        self.name = name
        self._entries = sorted(entries)

    def sizes(self) -> Iterator[tuple[int, int]]:
        return ((len(key), len(value)) for key, value in self._entries)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        return iter(self._entries)


class _Keys:
    """Every version, in the order of revisions: what changed within one keeps its order."""

    __slots__ = ("_bases", "_changes")
    name = KEY

    def __init__(self, bases: Sequence[KeyValue], changes: Sequence[KeyValue]) -> None:
        self._bases = bases
        self._changes = changes

    def sizes(self) -> Iterator[tuple[int, int]]:
        for kv in chain(self._bases, self._changes):
            if kv.version:
                yield _REVISION.size, key_value_bytes(kv)
            else:
                yield _REVISION.size + len(_TOMBSTONE), key_value_bytes(_tombstone(kv.key))

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        last = sub = 0
        for kv in chain(self._bases, self._changes):
            revision = kv.mod_revision
            sub = sub + 1 if revision == last else 0
            last = revision
            key = _REVISION.pack(revision, b"_", sub)
            if kv.version:
                yield key, encode_key_value(kv)
            else:
                yield key + _TOMBSTONE, encode_key_value(_tombstone(kv.key))


def _tombstone(key: bytes, revision: int = 0) -> KeyValue:
    return KeyValue(key, b"", 0, revision, 0, 0)


class _Leases:
    __slots__ = ("_leases",)
    name = b"lease"

    def __init__(self, leases: Sequence[LeaseSnapshot]) -> None:
        self._leases = leases

    def sizes(self) -> Iterator[tuple[int, int]]:
        return ((len(key), len(value)) for key, value in self.items())

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """leasepb.Lease by its id."""
        for lease in self._leases:
            yield _NUMBER.pack(lease.id % (1 << 64)), int_field(1, lease.id) + int_field(2, lease.ttl)


def buckets_of(snapshot: Snapshot, state: StateSnapshot) -> Generator[None, None, tuple[BucketToWrite, ...]]:
    """What etcd's database would hold, sorted by name; made in steps, as what is not in order is sorted. ``state`` is the snapshot's."""
    bases = yield from sort_in_steps(state.kv.bases, attrgetter("mod_revision", "key"))
    leases = yield from sort_in_steps(state.leases, lambda lease: lease.id % (1 << 64))
    return (
        _Small(
            b"alarm", [(int_field(1, each.member) + int_field(2, each.type), b"") for each in state.alarms]
        ),
        _Small(b"auth", [(b"authRevision", _NUMBER.pack(1))]),
        _Small(b"authRoles"),
        _Small(b"authUsers"),
        _Small(b"cluster", [(b"clusterVersion", CLUSTER_VERSION)]),
        _Keys(bases, state.kv.changes),
        _Leases(leases),
        _Small(b"members", [(b"%x" % each.id, _member(each)) for each in state.members]),
        _Small(b"members_removed", [(b"%x" % each, b"removed") for each in state.removed_members]),
        _Small(_META, _meta(snapshot, state.kv)),
    )


def sort_in_steps(items: Sequence[_T], key: Callable[[_T], Any]) -> Generator[None, None, list[_T]]:
    """``items`` sorted, in steps of a few milliseconds however many they are."""
    runs: list[list[_T]] = []
    for at in range(0, len(items), _RUN):
        runs.append(sorted(items[at : at + _RUN], key=key))
        yield
    if len(runs) == 1:
        return runs[0]
    found: list[_T] = []
    for item in heapq.merge(*runs, key=key):
        found.append(item)
        if not len(found) % STEP:
            yield
    return found


def _meta(snapshot: Snapshot, kv: KVSnapshot) -> list[tuple[bytes, bytes]]:
    found = [
        (b"confState", _conf_state(snapshot.conf)),
        (b"consistent_index", _NUMBER.pack(snapshot.index)),
        (b"term", _NUMBER.pack(snapshot.term)),
    ]
    for name, revision in ((_FINISHED, kv.base_revision), (_SCHEDULED, kv.compact_revision)):
        if revision != NEVER_COMPACTED:
            found.append((name, _REVISION.pack(revision, b"_", 0)))
    return found


def _conf_state(conf: ConfState) -> bytes:
    """raftpb.ConfState as Go makes JSON of it."""
    tuples = {
        "voters": conf.voters,
        "learners": conf.learners,
        "voters_outgoing": conf.voters_outgoing,
        "learners_next": conf.learners_next,
    }
    found: dict[str, object] = {name: ids for name, ids in tuples.items() if ids}
    return msgspec.json.encode({**found, "auto_leave": conf.auto_leave})


def _member(member: MemberInfo) -> bytes:
    """``membership.Member`` as Go makes JSON of it."""
    found: dict[str, object] = {"id": member.id, "peerURLs": member.peer_urls}
    if member.is_learner:
        found["isLearner"] = True
    if member.name:
        found["name"] = member.name
    if member.client_urls:
        found["clientURLs"] = member.client_urls
    return msgspec.json.encode(found)


# ---- from etcd's buckets


def read_state(database: Database) -> EtcdState:
    """Raises DamagedError, SchemaError."""
    buckets = dict(database.buckets())
    for needed in (KEY, _META):
        if needed not in buckets:
            raise SchemaError(f"it has no bucket {needed.decode()!r}: it is of something else than etcd")
    leases = tuple(map(_lease, _entries(buckets, b"lease")))
    kv = _key_space(buckets[KEY], _compacted(buckets[_META]))
    state = StateSnapshot(
        _off_lost_leases(kv, {lease.id: None for lease in leases}),
        leases,
        tuple(sorted(map(_alarm, _entries(buckets, b"alarm")))),
    )
    users = Users(
        dict(_entries(buckets, b"auth")).get(b"authEnabled") == b"\x01",
        sum(1 for _ in _entries(buckets, b"authUsers")),
        sum(1 for _ in _entries(buckets, b"authRoles")),
    )
    return EtcdState(state, users)


def _entries(buckets: dict[bytes, Bucket], name: bytes) -> Iterator[tuple[bytes, bytes]]:
    """None where etcd was too old to have the bucket."""
    bucket = buckets.get(name)
    if bucket is not None:
        for key, value in bucket.items():
            yield key, bytes(value)


def _compacted(meta: Bucket) -> int:
    """What is scheduled is refused to readers, and what is not yet freed of it is dropped here."""
    found = NEVER_COMPACTED
    for name, value in meta.items():
        if name in {_FINISHED, _SCHEDULED}:
            revision, tombstone = revision_of(bytes(value), name.decode())
            if tombstone:
                raise SchemaError(f"{name.decode()} is of a tombstone")
            found = max(found, revision)
    return found


def revision_of(key: bytes, place: str = "a key") -> tuple[int, bool]:
    """The main revision of a key of the bucket ``key``, and whether it is a tombstone's. Raises SchemaError."""
    size = _REVISION.size
    if len(key) not in {size, size + 1} or key[size:] not in {b"", _TOMBSTONE}:
        raise SchemaError(f"{place} is {key[:32].hex()}, which is no revision")
    main, separator, sub = _REVISION.unpack_from(key)
    if separator != b"_" or main > _LAST_INT64 or sub > _LAST_INT64:
        raise SchemaError(f"{place} is {key.hex()}, which is no revision")
    return main, len(key) > size


def _key_space(bucket: Bucket, floor: int) -> KVSnapshot:
    """As of the last revision, with the history back to ``floor``, the compacted one."""
    bases: dict[bytes, KeyValue] = {}
    changes: list[KeyValue] = []
    revision = 1
    for place, value in bucket.items():
        revision, deleted = revision_of(place)
        kv = _key_value(place, bytes(value), revision, deleted=deleted)
        if revision >= floor:
            changes.append(kv)
        if revision <= floor:
            if deleted or revision == floor:
                bases.pop(kv.key, None)
            else:
                bases[kv.key] = kv
    return KVSnapshot(max(revision, floor), floor, floor, tuple(bases.values()), tuple(changes))


def _off_lost_leases(kv: KVSnapshot, leases: Mapping[int, None]) -> KVSnapshot:
    """What hangs on a lease that is not there stays for good, as in an etcd that starts with it (its "failed to attach a lease")."""
    last = {each.key: each for each in chain(kv.bases, kv.changes)}
    lost = {each: None for each in last.values() if each.lease and each.lease not in leases}
    if not lost:
        return kv

    def kept(versions: Sequence[KeyValue]) -> tuple[KeyValue, ...]:
        return tuple(msgspec.structs.replace(each, lease=0) if each in lost else each for each in versions)

    return msgspec.structs.replace(kv, bases=kept(kv.bases), changes=kept(kv.changes))


def _key_value(place: bytes, value: bytes, revision: int, *, deleted: bool) -> KeyValue:
    try:
        kv = decode_key_value(value)
    except WireError as error:
        raise SchemaError(f"the value of revision {place.hex()} can't be read: {error}") from None
    if not kv.key:
        raise SchemaError(f"revision {place.hex()} is of no key")
    if deleted:
        return _tombstone(kv.key, revision)
    if kv.mod_revision != revision or not 0 < kv.create_revision <= revision or kv.version < 1:
        raise SchemaError(
            f"revision {place.hex()} holds version {kv.version} of revision {kv.mod_revision}, created in {kv.create_revision}"
        )
    return kv


def _lease(entry: tuple[bytes, bytes]) -> LeaseSnapshot:
    key, value = entry
    try:
        fields = decode_fields(value)
        found = LeaseSnapshot(signed(int_of(fields, 1)), signed(int_of(fields, 2)))
    except WireError as error:
        raise SchemaError(f"the lease {key.hex()} can't be read: {error}") from None
    if not found.id or key != _NUMBER.pack(found.id % (1 << 64)) or found.ttl < 1:
        raise SchemaError(f"the lease {key.hex()} is {found.id:x} with a ttl of {found.ttl}")
    return found


def _alarm(entry: tuple[bytes, bytes]) -> Alarm:
    key, _ = entry
    try:
        fields = decode_fields(key)
        return Alarm(int_of(fields, 1), AlarmType(int_of(fields, 2)))
    except ValueError as error:
        raise SchemaError(f"the alarm {key.hex()} can't be read: {error}") from None
