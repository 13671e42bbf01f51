"""What majorities agree on: of one set of voters, or of two at once while the configuration is joint (dissertation §4.3)."""

from collections.abc import Mapping
from enum import Enum
from typing import TypeAlias

from kube.store.raft.messages import ConfState


class VoteResult(Enum):
    PENDING = "pending"
    WON = "won"
    LOST = "lost"


class MajorityConfig:
    """Voters of which more than half decide. ``voters`` is sorted, so that every walk over them is."""

    __slots__ = ("quorum", "voters")

    def __init__(self, voters: tuple[int, ...]) -> None:
        self.voters = tuple(sorted(voters))
        self.quorum = len(voters) // 2 + 1

    def committed_index(self, acked: Mapping[int, int]) -> int:
        """The highest index that a majority has acknowledged. ``acked`` is of voters alone, one that is missing has none."""
        if len(acked) < self.quorum:
            return 0
        return sorted(acked.values())[-self.quorum]

    def vote_result(self, votes: Mapping[int, bool]) -> VoteResult:
        """LOST once the votes still missing can't make a majority any more."""
        granted = missing = 0
        for voter in self.voters:
            vote = votes.get(voter)
            if vote is None:
                missing += 1
            elif vote:
                granted += 1
        if granted >= self.quorum:
            return VoteResult.WON
        return VoteResult.PENDING if granted + missing >= self.quorum else VoteResult.LOST


class JointConfig:
    """Two sets of voters that must both agree. ``voters`` are those of either, sorted."""

    __slots__ = ("incoming", "outgoing", "voters")

    def __init__(self, incoming: tuple[int, ...], outgoing: tuple[int, ...]) -> None:
        self.incoming = MajorityConfig(incoming)
        self.outgoing = MajorityConfig(outgoing)
        self.voters = tuple(sorted({*incoming, *outgoing}))

    def committed_index(self, acked: Mapping[int, int]) -> int:
        """The highest index that both majorities have acknowledged."""
        return min(
            half.committed_index({voter: acked[voter] for voter in half.voters if voter in acked})
            for half in (self.incoming, self.outgoing)
        )

    def vote_result(self, votes: Mapping[int, bool]) -> VoteResult:
        """WON when both have, LOST as soon as one has."""
        results = (self.incoming.vote_result(votes), self.outgoing.vote_result(votes))
        if VoteResult.LOST in results:
            return VoteResult.LOST
        return VoteResult.PENDING if VoteResult.PENDING in results else VoteResult.WON


Quorum: TypeAlias = MajorityConfig | JointConfig


def quorum_of(conf: ConfState) -> Quorum:
    return JointConfig(conf.voters, conf.voters_outgoing) if conf.joint else MajorityConfig(conf.voters)
