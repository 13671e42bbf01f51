"""The check that replicas hold the same: their hashes at one revision, and who is to be told corrupt (etcd's CorruptionChecker)."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping

from kube.store.administration import HashKV
from kube.store.errors import CompactedError
from kube.store.mvcc.hashing import KeySpaceHash
from kube.store.mvcc.kvstore import KVStore

SEVERAL = 0
"""The member of a CORRUPT alarm when there is no majority that would say whose state is the right one."""


async def find_corrupt(
    replicas: Mapping[int, KVStore], pause: Callable[[], Awaitable[None]]
) -> tuple[int, ...]:
    """The ids of members that differ from the majority, sorted; ``(SEVERAL,)`` without one.

    Compared at the newest revision that all have. ``pause`` comes between portions of about two milliseconds. A member that is
    behind or ahead by a compaction is left out: its hash is over another history.
    """
    revision = min((kv.revision for kv in replicas.values()), default=0)
    hashes: dict[int, HashKV] = {}
    for member, kv in replicas.items():
        try:
            making = KeySpaceHash(kv, revision)
            while (made := making.step()) is None:
                await pause()
        except CompactedError:
            continue
        hashes[member] = made
    return differing(hashes)


def differing(hashes: Mapping[int, HashKV]) -> tuple[int, ...]:
    """Of hashes at one revision, which members' differ from the majority's; ``(SEVERAL,)`` without a majority.

    Hashes since different compactions can't be compared: the newest compaction that most have done counts.
    """
    compactions = Counter(made.compact_revision for made in hashes.values())
    if not compactions:
        return ()
    compared = max(compactions, key=lambda revision: (compactions[revision], revision))
    comparable = {member: made.hash for member, made in hashes.items() if made.compact_revision == compared}
    (most, count), *others = Counter(comparable.values()).most_common()
    if not others:
        return ()
    if count * 2 <= len(comparable):
        return (SEVERAL,)
    return tuple(sorted(member for member, value in comparable.items() if value != most))
