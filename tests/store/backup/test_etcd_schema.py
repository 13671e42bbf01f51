"""etcd's buckets and this store's state: what one becomes of the other."""

import random
from collections.abc import Generator
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kube.store.administration import Alarm, AlarmType, MemberInfo
from kube.store.apply import StateMachine, StateSnapshot
from kube.store.backup.bolt.reader import DamagedError, Database
from kube.store.backup.etcd_schema import (
    SchemaError,
    Users,
    buckets_of,
    read_state,
    revision_of,
    sort_in_steps,
)
from kube.store.errors import CompactedError
from kube.store.kv import DeleteRange, KeyValue, Put, Txn
from kube.store.lease import LeaseSnapshot
from kube.store.mvcc.kvstore import NEVER_COMPACTED
from kube.store.protowire import encode_key_value, int_field
from kube.store.raft.messages import ConfState, Snapshot
from kube.store.requests import AlarmAction, AlarmRequest, Compact, LeaseGrantRequest, LeaseRevokeRequest
from tests.store.backup.bolt.test_writer import Contents, read, written

T = TypeVar("T")


def finished(making: Generator[None, None, T]) -> tuple[int, T]:
    """In how many steps, and what it gives in the end."""
    steps = 0
    while True:
        try:
            next(making)
        except StopIteration as done:
            return steps, done.value
        steps += 1


def buckets(state: StateSnapshot) -> Contents:
    _, made = finished(buckets_of(Snapshot(300, 9, ConfState((3, 4), (5,)), state), state))
    found = {bucket.name: dict(bucket.items()) for bucket in made}
    sizes = {bucket.name: list(bucket.sizes()) for bucket in made}
    assert sizes == {
        name: [(len(key), len(value)) for key, value in entries.items()] for name, entries in found.items()
    }
    assert list(found) == sorted(found)
    return found


def state_of(contents: Contents) -> StateSnapshot:
    return read_state(Database(memoryview(written(contents)))).state


def machine() -> StateMachine:
    return StateMachine(lambda: 0.0)


NAMES = st.sampled_from([b"a", b"b", b"c", b"d"])
PUTS = st.builds(Put, NAMES, st.binary(max_size=3), st.sampled_from([0, 0, 7, 8]))
DELETIONS = st.builds(DeleteRange, NAMES)
REQUESTS = st.one_of(
    PUTS,
    DELETIONS,
    st.builds(lambda ops: Txn((), tuple(ops)), st.lists(st.one_of(PUTS, DELETIONS), max_size=4)),
    st.builds(LeaseGrantRequest, st.sampled_from([7, 8]), st.integers(1, 100)),
    st.builds(LeaseRevokeRequest, st.sampled_from([7, 8])),
    st.builds(lambda back: ("compact", back), st.integers(0, 5)),
    st.builds(lambda limit: ("prune", limit), st.integers(1, 20)),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(REQUESTS, max_size=40), st.integers(0, 30))
def test_what_was_is_what_is_again(requests: list[Any], restored_after: int) -> None:
    """Every revision that can be read, every change that a watch can see, leases and what hangs on them; also where pruning is not done."""
    made = machine()
    for number, request in enumerate(requests):
        match request:
            case "compact", back:
                made.apply(Compact(made.kv.revision - back))
            case "prune", limit:
                made.kv.prune(limit)
            case _:
                made.apply(request)
        if number == restored_after:  # a store that comes of a backup has backups of its own
            made = StateMachine.restore(state_of(buckets(made.snapshot())), lambda: 0.0)
    again = StateMachine.restore(state_of(buckets(made.snapshot())), lambda: 0.0)
    kv, new = made.kv, again.kv
    assert (new.revision, new.compact_revision) == (kv.revision, kv.compact_revision)
    assert new.live == kv.live
    freed = StateMachine.restore(made.snapshot(), lambda: 0.0).kv
    while freed.prune(1000):
        pass
    assert {each.key: each for each in new.bases} == {each.key: each for each in freed.bases}
    assert new.size == freed.size, "nothing comes back that nobody can read"
    for revision in range(max(kv.compact_revision, 1), kv.revision + 1):
        assert new.range(b"\0", b"\0", revision) == kv.range(b"\0", b"\0", revision)
        assert again.hash_kv(revision) == made.hash_kv(revision)
    first = max(kv.compact_revision, 0)
    assert list(new.changes_from(first)) == list(kv.changes_from(first))
    assert [new.get_before(change) for change in new.changes_from(first)] == [
        kv.get_before(change) for change in kv.changes_from(first)
    ]
    assert sorted(again.lessor.snapshot(), key=lambda each: each.id) == sorted(
        made.lessor.snapshot(), key=lambda each: each.id
    )
    for lease in made.lessor.ids():
        assert sorted(again.lessor.get(lease).keys) == sorted(made.lessor.get(lease).keys)


def revision(main: int, sub: int = 0, *, tombstone: bool = False) -> bytes:
    return main.to_bytes(8, "big") + b"_" + sub.to_bytes(8, "big") + b"t" * tombstone


def test_the_buckets_are_those_of_etcd() -> None:
    """As a backup of etcd 3.5.1 has them after these commands, but for the ids of its members."""
    made = machine()
    for request in (
        Put(b"a", b"1"),
        Put(b"a", b"2"),
        DeleteRange(b"a"),
        Put(b"b", b"1"),
        LeaseGrantRequest(0x74796E2FAFC81E09, 600),
        Put(b"c", b"3", 0x74796E2FAFC81E09),
        Txn((), (Put(b"k1", b"v1"), Put(b"k2", b"v2"), DeleteRange(b"b"))),
        Compact(4),
        AlarmRequest(AlarmAction.ACTIVATE, Alarm(3, AlarmType.NOSPACE)),
    ):
        made.apply(request)
    while made.kv.prune(100):
        pass
    made.members = made.members.of(
        [
            MemberInfo(0x650DCB0BC9D7479, "default", ("http://h:1",), ("http://h:2",)),
            MemberInfo(9, peer_urls=("http://i:1",), is_learner=True),
        ],
        [10],
    )
    found = buckets(made.snapshot())
    lease = b"\x74\x79\x6e\x2f\xaf\xc8\x1e\x09"
    assert found.pop(b"members") == {
        b"650dcb0bc9d7479": b'{"id":455106214001210489,"peerURLs":["http://h:1"],"name":"default","clientURLs":["http://h:2"]}',
        b"9": b'{"id":9,"peerURLs":["http://i:1"],"isLearner":true}',
    }
    assert found.pop(b"key") == {
        revision(4, tombstone=True): b"\x0a\x01a",
        revision(5): b"\x0a\x01b\x10\x05\x18\x05\x20\x01*\x011",
        revision(6): b"\x0a\x01c\x10\x06\x18\x06\x20\x01*\x0130\x89\xbc\xa0\xfe\xfa\xc5\xdb\xbct",
        revision(7): b"\x0a\x02k1\x10\x07\x18\x07\x20\x01*\x02v1",
        revision(7, 1): b"\x0a\x02k2\x10\x07\x18\x07\x20\x01*\x02v2",
        revision(7, 2, tombstone=True): b"\x0a\x01b",
    }
    assert found == {
        b"alarm": {b"\x08\x03\x10\x01": b""},
        b"auth": {b"authRevision": b"\0\0\0\0\0\0\0\x01"},
        b"authRoles": {},
        b"authUsers": {},
        b"cluster": {b"clusterVersion": b"3.5.0"},
        b"lease": {lease: b"\x08\x89\xbc\xa0\xfe\xfa\xc5\xdb\xbct\x10\xd8\x04"},
        b"members_removed": {b"a": b"removed"},
        b"meta": {
            b"confState": b'{"voters":[3,4],"learners":[5],"auto_leave":false}',
            b"consistent_index": b"\0\0\0\0\0\0\x01\x2c",
            b"finishedCompactRev": revision(4),
            b"scheduledCompactRev": revision(4),
            b"term": b"\0\0\0\0\0\0\0\x09",
        },
    }


def test_a_compaction_that_is_not_freed_yet_is_scheduled() -> None:
    """So that an etcd that begins with it does the rest."""
    made = machine()
    for number in range(10):
        made.apply(Put(b"k", b"%d" % number))
    made.apply(Compact(5))
    found = buckets(made.snapshot())
    assert found[b"meta"].keys() == {b"confState", b"consistent_index", b"scheduledCompactRev", b"term"}
    assert len(found[b"key"]) == 10
    again = StateMachine.restore(state_of(found), lambda: 0.0).kv
    assert (again.compact_revision, again.base_revision, len(again.changes)) == (5, 5, 7)
    with pytest.raises(CompactedError):
        again.check_revision(4)


@pytest.mark.parametrize(
    ("scheduled", "finished", "compacted"),
    [(None, None, NEVER_COMPACTED), (3, None, 3), (3, 2, 3), (2, 3, 3)],
)
def test_what_is_scheduled_is_compacted(scheduled: int | None, finished: int | None, compacted: int) -> None:
    named = {b"scheduledCompactRev": scheduled, b"finishedCompactRev": finished}
    contents = {
        b"key": {revision(2): key_value(b"k", 2, 2, 1), revision(3): key_value(b"k", 2, 3, 2)},
        b"meta": {name: revision(each) for name, each in named.items() if each is not None},
    }
    assert state_of(contents).kv.compact_revision == compacted


def key_value(key: bytes, created: int, modified: int, version: int, lease: int = 0) -> bytes:
    return encode_key_value(KeyValue(key, b"v", created, modified, version, lease))


def test_an_etcd_that_compacted_all_it_had_keeps_its_revision() -> None:
    """Its last change was a deletion, which is gone."""
    found = state_of({b"key": {}, b"meta": {b"finishedCompactRev": revision(9)}})
    assert (found.kv.revision, found.kv.compact_revision) == (9, 9)
    made = StateMachine.restore(found, lambda: 0.0)
    assert made.apply(Put(b"k", b"v")) is not None
    assert made.kv.live[b"k"].mod_revision == 10


def test_an_old_etcd_has_fewer_buckets() -> None:
    found = state_of({b"key": {}, b"meta": {}})
    assert found == StateMachine(lambda: 0.0).snapshot()


def test_a_newer_etcd_says_more() -> None:
    """3.6 has the version of its schema; what is not known is passed over."""
    more: Contents = {
        b"meta": {b"storageVersion": b"3.6.0"},
        b"cluster": {b"downgrade": b"{}"},
        b"new": {b"k": b"v"},
    }
    assert state_of({b"key": {}, **more}) == StateMachine(lambda: 0.0).snapshot()


def test_a_lease_begins_anew_whatever_was_left() -> None:
    entry = int_field(1, 5) + int_field(2, 60) + int_field(3, 17)
    found = state_of({b"key": {}, b"meta": {}, b"lease": {(5).to_bytes(8, "big"): entry}})
    assert found.leases == (LeaseSnapshot(5, 60),)


def test_a_key_of_a_lease_that_is_not_there_stays_for_good() -> None:
    """As in an etcd that starts with it; versions from before are nobody's concern."""
    keys = {
        revision(2): key_value(b"a", 2, 2, 1, 6),
        revision(3): key_value(b"a", 2, 3, 2, 5),
        revision(4): key_value(b"b", 4, 4, 1, 6),
    }
    lease = int_field(1, 5) + int_field(2, 60)
    found = state_of({b"key": keys, b"meta": {}, b"lease": {(5).to_bytes(8, "big"): lease}})
    assert [each.lease for each in found.kv.changes] == [6, 5, 0]
    made = StateMachine.restore(found, lambda: 0.0)
    assert made.lessor.get(5).keys == {b"a": None}


def test_users_are_counted() -> None:
    def users(auth: dict[bytes, bytes]) -> Users:
        contents: Contents = {
            b"key": {},
            b"meta": {},
            b"auth": auth,
            b"authUsers": {b"root": b"\x0a", b"bob": b"\x0a"},
            b"authRoles": {b"root": b"\x0a"},
        }
        return read_state(Database(memoryview(written(contents)))).users

    assert users({b"authEnabled": b"\x01"}) == Users(enabled=True, users=2, roles=1)
    assert users({b"authEnabled": b"\0"}) == Users(enabled=False, users=2, roles=1)
    assert users({}) == Users(enabled=False, users=2, roles=1)


LEASE = (5).to_bytes(8, "big")
WRONG: dict[str, tuple[Contents, str]] = {
    "no keys": ({b"meta": {}}, "no bucket 'key'"),
    "no meta": ({b"key": {}}, "no bucket 'meta'"),
    "a key too short": ({b"key": {b"k": b""}}, "6b, which is no revision"),
    "a key with another mark": ({b"key": {revision(2) + b"x": b""}}, "no revision"),
    "a key without a separator": ({b"key": {bytes(17): b""}}, "no revision"),
    "a negative revision": ({b"key": {revision(1 << 63): b""}}, "no revision"),
    "no message": ({b"key": {revision(2): b"\x0a\x05"}}, "cut off"),
    "no key": ({b"key": {revision(2): b""}}, "is of no key"),
    "another revision": ({b"key": {revision(2): key_value(b"k", 2, 3, 1)}}, "version 1 of revision 3"),
    "created later": ({b"key": {revision(2): key_value(b"k", 3, 2, 1)}}, "created in 3"),
    "version 0": ({b"key": {revision(2): key_value(b"k", 2, 2, 0)}}, "version 0"),
    "compaction": ({b"meta": {b"finishedCompactRev": b"3"}}, "finishedCompactRev is 33"),
    "compaction at a tombstone": (
        {b"meta": {b"scheduledCompactRev": revision(3, tombstone=True)}},
        "tombstone",
    ),
    "another lease": (
        {b"lease": {LEASE: int_field(1, 6) + int_field(2, 1)}},
        "0000000000000005 is 6 with a ttl of 1",
    ),
    "a lease without time": ({b"lease": {LEASE: int_field(1, 5)}}, "ttl of 0"),
    "a lease that is no message": ({b"lease": {LEASE: b"\xff"}}, "can't be read"),
    "an unknown alarm": ({b"alarm": {int_field(1, 5) + int_field(2, 9): b""}}, "alarm .* can't be read"),
}


@pytest.mark.parametrize(("contents", "reason"), WRONG.values(), ids=WRONG)
def test_what_etcd_does_not_write_is_refused(contents: Contents, reason: str) -> None:
    others = {} if reason.startswith("no bucket") else {b"key": {}, b"meta": {}}
    with pytest.raises(SchemaError, match=reason):
        state_of({**others, **contents})


@pytest.mark.parametrize("key", [revision(7), revision(7, 3), revision(7, tombstone=True)])
def test_a_revision_is_read_from_its_key(key: bytes) -> None:
    assert revision_of(key) == (7, len(key) == 18)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1 << 20), st.binary(min_size=1, max_size=4)), max_size=4))
def test_a_damaged_database_is_refused_or_read(changes: list[tuple[int, bytes]]) -> None:
    """No other error than the two that say where."""
    made = machine()
    made.apply(LeaseGrantRequest(5, 60))
    for number in range(30):
        made.apply(Put(b"k%d" % (number % 7), b"v" * number, 5))
    data = bytearray(written(buckets(made.snapshot())))
    for at, value in changes:
        place = 12_288 + at % (len(data) - 12_288)
        data[place : place + len(value)] = value
    try:
        found = read_state(Database(memoryview(data)))
    except (DamagedError, SchemaError):
        return
    StateMachine.restore(found.state, lambda: 0.0)


@pytest.mark.parametrize("count", [0, 1, 2048, 2049, 10_000])
def test_sorting_goes_in_steps(count: int) -> None:
    items = list(range(count))
    random.Random(count).shuffle(items)
    steps, found = finished(sort_in_steps(items, lambda each: -each))
    assert found == sorted(items, reverse=True)
    assert steps >= count // 2048


def test_a_reader_of_buckets_reads_what_a_writer_of_states_wrote() -> None:
    made = machine()
    made.apply(Put(b"k", b"v"))
    assert read(written(buckets(made.snapshot())))[b"key"] == {revision(2): key_value(b"k", 2, 2, 1)}
