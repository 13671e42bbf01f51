"""Who belongs to the store: the table of members, what a change of it may do, and how members and stores get their ids.

Pure. The table is part of the state machine: every replica applies the same changes to it, from the same entries of the log.
The rules are etcd's (``server/etcdserver/api/membership``: ValidateConfigurationChange, IsReadyToAddVotingMember and its
siblings).
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Self

import msgspec
from msgspec.structs import replace

from kube.store.administration import MemberInfo
from kube.store.errors import (
    MemberExistsError,
    MemberNotFoundError,
    MemberNotLearnerError,
    PeerURLExistsError,
    TooManyLearnersError,
)
from kube.store.raft.messages import NO_NODE, ConfChange, ConfChangeSingle, ConfChangeType

MAX_LEARNERS = 1
"""etcd's default for --experimental-max-learners."""
IN_SYNC = 0.9
"""A learner that has this share of the leader's log may be promoted (etcd's readyPercent)."""


class MemberTable(msgspec.Struct, frozen=True):
    """``members`` sorted by id; ``removed``: ids that never come back, sorted.

    The ``context`` of a ConfChange is a tuple with the MemberInfo of each member that it adds or updates. ADD_NODE of a member
    that has none there promotes a learner.
    """

    members: tuple[MemberInfo, ...] = ()
    removed: tuple[int, ...] = ()

    @classmethod
    def of(cls, members: Iterable[MemberInfo], removed: Iterable[int] = ()) -> Self:
        return cls(tuple(sorted(members, key=lambda each: each.id)), tuple(sorted(removed)))

    def get(self, member: int) -> MemberInfo:
        """Raises MemberNotFoundError."""
        for each in self.members:
            if each.id == member:
                return each
        raise MemberNotFoundError(member)

    @property
    def voters(self) -> tuple[MemberInfo, ...]:
        return tuple(each for each in self.members if not each.is_learner)

    # ---- changes from the log

    def check(self, change: ConfChange) -> None:
        """Raises MemberNotFoundError (an id that was removed, too), MemberExistsError, PeerURLExistsError, MemberNotLearnerError,
        TooManyLearnersError.
        """
        self.changed(change)

    def changed(self, change: ConfChange) -> "MemberTable":
        """The table after the change. Raises as ``check``."""
        context = change.context if isinstance(change.context, tuple) else ()
        infos = {info.id: info for info in context}
        table = self
        for single in change.changes:
            table = _CHANGES[single.type](table, single.node, infos)
        return table

    def published(self, member: int, name: str, client_urls: tuple[str, ...]) -> "MemberTable":
        """The member has started, and tells its name and where it serves clients. Nothing for one that is gone."""
        return MemberTable(
            tuple(
                replace(each, name=name, client_urls=client_urls) if each.id == member else each
                for each in self.members
            ),
            self.removed,
        )

    def _added(self, member: int, infos: Mapping[int, MemberInfo], *, learner: bool) -> "MemberTable":
        if member in self.removed:
            raise MemberNotFoundError(member)
        info = infos.get(member)
        if info is None:
            return self._promoted(member)
        if any(each.id == member for each in self.members):
            raise MemberExistsError(member)
        self._check_urls(info)
        if learner and sum(each.is_learner for each in self.members) >= MAX_LEARNERS:
            raise TooManyLearnersError
        added = replace(info, name="", client_urls=(), is_learner=learner)
        return MemberTable.of((*self.members, added), self.removed)

    def _promoted(self, member: int) -> "MemberTable":
        info = self.get(member)
        if not info.is_learner:
            raise MemberNotLearnerError(member)
        return self._with(replace(info, is_learner=False))

    def _removed(self, member: int) -> "MemberTable":
        self.get(member)
        return MemberTable.of([each for each in self.members if each.id != member], (*self.removed, member))

    def _updated(self, member: int, infos: Mapping[int, MemberInfo]) -> "MemberTable":
        info = self.get(member)
        new = infos.get(member, info)
        self._check_urls(new)
        return self._with(replace(info, peer_urls=new.peer_urls))

    def _check_urls(self, info: MemberInfo) -> None:
        taken = [url for each in self.members if each.id != info.id for url in each.peer_urls]
        if any(url in taken for url in info.peer_urls):
            raise PeerURLExistsError

    def _with(self, info: MemberInfo) -> "MemberTable":
        return MemberTable(tuple(info if each.id == info.id else each for each in self.members), self.removed)

    # ---- whether enough members have started for a change: one that never starts counts in the quorum all the same

    def may_add_voter(self) -> bool:
        """A second member may join a single one that has started: so a store is restored (etcd's own exception)."""
        started = sum(bool(each.name) for each in self.voters)
        members = len(self.voters) + 1
        return (started == 1 and members == 2) or started >= members // 2 + 1

    def may_remove_voter(self, member: int) -> bool:
        others = [each for each in self.voters if each.id != member]
        return sum(bool(each.name) for each in others) >= len(others) // 2 + 1

    def may_promote(self) -> bool:
        """The learner to be promoted counts as started."""
        started = sum(bool(each.name) for each in self.voters) + 1
        return started >= (len(self.voters) + 1) // 2 + 1


_CHANGES: dict[ConfChangeType, Callable[[MemberTable, int, Mapping[int, MemberInfo]], MemberTable]] = {
    ConfChangeType.ADD_NODE: lambda table, member, infos: table._added(member, infos, learner=False),  # noqa: SLF001  # the class's own table
    ConfChangeType.ADD_LEARNER_NODE: lambda table, member, infos: table._added(member, infos, learner=True),  # noqa: SLF001  # as above
    ConfChangeType.REMOVE_NODE: lambda table, member, _: table._removed(member),  # noqa: SLF001  # as above
    ConfChangeType.UPDATE_NODE: lambda table, member, infos: table._updated(member, infos),  # noqa: SLF001  # as above
}


def refused(change: ConfChange) -> ConfChange:
    """What raft is to apply in the place of a change that the table refuses: its entry is committed, and changes nobody."""
    return ConfChange(tuple(ConfChangeSingle(single.type, NO_NODE) for single in change.changes[:1]))


# ---- ids


def member_id(peer_urls: Iterable[str], token: str, added_at: int = 0) -> int:
    """64 bits that are no other member's: a hash of the URLs, sorted, and of the store's token.

    ``added_at``: microseconds since the epoch at which somebody added the member to a running store, so that the same URLs may come
    back after they were removed. (etcd's ``computeMemberID``, which takes seconds and so refuses a member that comes back at once.)
    """
    text = "".join(sorted(peer_urls)) + token + (str(added_at) if added_at else "")
    return _hash(text.encode())


def cluster_id(members: Iterable[int]) -> int:
    """A hash of the first members' ids (etcd's ``genID``)."""
    return _hash(b"".join(member.to_bytes(8, "big") for member in sorted(members)))


def _hash(data: bytes) -> int:
    return int.from_bytes(hashlib.sha1(data, usedforsecurity=False).digest()[:8], "big") or 1


def initial_members(cluster: Mapping[str, tuple[str, ...]], token: str) -> tuple[MemberInfo, ...]:
    """The members that a new store begins with; their names come when they have started."""
    return MemberTable.of(
        MemberInfo(member_id(urls, token), peer_urls=urls) for urls in cluster.values()
    ).members
