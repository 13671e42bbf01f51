"""Reads that wait for a majority to confirm the leader (Raft dissertation §6.4; etcd-io/raft's ``readOnly``)."""

from collections import deque

from msgspec import Struct, field

from kube.store.raft.quorum import Quorum, VoteResult


class PendingRead(Struct):
    """A read asked for by member ``asker`` under its ``context``, when ``index`` was committed.

    ``acks``: who has confirmed, the leader from the start.
    """

    asker: int
    context: int
    index: int
    round: int
    acks: dict[int, bool] = field(default_factory=dict)


class ReadOnly:
    """Reads in the order in which they came; a confirmation of one round confirms every earlier one."""

    __slots__ = ("_pending", "_round")

    def __init__(self) -> None:
        self._pending: deque[PendingRead] = deque()
        self._round = 0

    def __len__(self) -> int:
        return len(self._pending)

    @property
    def last_round(self) -> int:
        """The newest round that waits, 0 when none does: heartbeats that are due anyway repeat it."""
        return self._pending[-1].round if self._pending else 0

    def add(self, asker: int, context: int, index: int, leader: int) -> int:
        """The round under which the followers are to be asked."""
        self._round += 1
        self._pending.append(PendingRead(asker, context, index, self._round, {leader: True}))
        return self._round

    def acknowledge(self, member: int, round_: int, voters: Quorum) -> list[PendingRead]:
        """``member`` answered ``round_``. The reads that a quorum of ``voters`` has confirmed now."""
        confirmed = 0
        for position, read in enumerate(self._pending):
            if read.round > round_:
                break
            read.acks[member] = True
            if voters.vote_result(read.acks) is VoteResult.WON:
                confirmed = position + 1
        return [self._pending.popleft() for _ in range(confirmed)]
