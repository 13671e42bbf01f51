"""What a majority of voters agrees on. A joint configuration would be two of these that must both agree."""

from collections.abc import Mapping
from enum import Enum


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
