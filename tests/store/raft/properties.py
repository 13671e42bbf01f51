"""What must hold of a Raft cluster at every step (Raft figure 3, dissertation §4 and §6.4), as an observer of all members."""

from dataclasses import dataclass, field
from functools import lru_cache

from kube.store.raft.messages import ConfChange, ConfState, Entry
from kube.store.raft.quorum import VoteResult, quorum_of
from kube.store.raft.raft import Role
from kube.store.raft.rawnode import RawNode, Ready
from kube.store.raft.storage import LogCompactedError, MemoryStorage


@dataclass
class Host:
    """What outlives a crash is ``storage``; ``applied`` is the state machine, rebuilt from the snapshot on restart."""

    id: int
    storage: MemoryStorage
    node: RawNode | None = None
    applied: list[tuple[int, object]] = field(default_factory=list)
    ready: Ready | None = None  # taken and not done yet
    due: int = 0  # when ``ready`` will be persisted
    term_seen: int = 0
    term_kept: int = 0
    commit_seen: int = 0
    led: tuple[int, int, int] | None = None  # term, last index, term of the last entry while it leads

    @property
    def running(self) -> RawNode:
        assert self.node is not None
        return self.node


@lru_cache(maxsize=4096)
def overlap(one: ConfState, other: ConfState) -> bool:
    """Whether no quorum of the one is disjoint from one of the other, by trying all."""
    voters = tuple(sorted({*one.voters, *one.voters_outgoing, *other.voters, *other.voters_outgoing}))
    first, second = quorum_of(one), quorum_of(other)
    for mask in range(1 << len(voters)):
        inside = {voter: bool(mask >> place & 1) for place, voter in enumerate(voters)}
        outside = {voter: not there for voter, there in inside.items()}
        if first.vote_result(inside) is second.vote_result(outside) is VoteResult.WON:
            return False
    return True


class Properties:
    """The observed history of a cluster that began in configuration ``conf``."""

    def __init__(self, conf: ConfState) -> None:
        self.leaders: dict[int, int] = {}
        self.chain: dict[tuple[int, int], tuple[int, object]] = {}
        self.votes: dict[tuple[int, int], int] = {}
        self.committed: list[tuple[int, object]] = []  # [(term, data)] at index - 1
        self.confs: list[ConfState] = [conf]  # the configuration as of each index

    # ---- what hosts do

    def started(self, host: Host) -> None:
        raft = host.running.raft
        assert raft.term == host.term_kept, "term forgotten by a restart"
        host.term_seen = host.term_kept
        host.commit_seen = raft.log.committed
        host.led = None

    def persisted(self, host: Host, ready: Ready) -> None:
        state = ready.hard_state
        if state is not None:
            host.term_kept = state.term
            if state.vote:
                voted = self.votes.setdefault((host.id, state.term), state.vote)
                assert voted == state.vote, "two votes in one term"
        for entry in ready.entries:
            link = (host.storage.term(entry.index - 1), entry.data)
            known = self.chain.setdefault((entry.index, entry.term), link)
            assert known == link, f"log matching: entry {entry.index} of term {entry.term} differs"

    def restored(self, host: Host, ready: Ready) -> None:
        snapshot = ready.snapshot
        assert snapshot is not None
        assert host.applied == self.committed[: snapshot.index], "snapshot differs from the history"
        assert snapshot.conf == self.confs[snapshot.index], "snapshot of another configuration"

    def applied(self, host: Host, entry: Entry) -> None:
        item = (entry.term, entry.data)
        assert entry.index == len(host.applied), "applied out of order"
        if entry.index > len(self.committed):
            assert entry.index == len(self.committed) + 1
            self.committed.append(item)
            self.confs.append(host.running.conf_state)
            assert overlap(self.confs[-2], self.confs[-1]), "configurations do not overlap"
        assert self.committed[entry.index - 1] == item, f"state machine safety at {entry.index}"
        assert self.confs[entry.index] == host.running.conf_state, f"configurations differ at {entry.index}"

    # ---- what is true of a host at any time

    def check(self, host: Host) -> None:
        raft = host.running.raft
        log = raft.log
        assert raft.term >= host.term_seen, "term went back"
        assert log.committed >= host.commit_seen, "commit went back"
        assert raft.applied <= log.applied <= log.committed <= log.last_index
        if raft.role is Role.LEADER:
            assert self.leaders.setdefault(raft.term, host.id) == host.id, f"two leaders of term {raft.term}"
            if log.committed > host.commit_seen and host.led is not None and host.led[0] == raft.term:
                assert log.term(log.committed) == raft.term, "commit of an older term by counting"
            if host.led is None or host.led[0] != raft.term:
                self._complete(host)
            else:
                assert log.match_term(host.led[1], host.led[2]), "a leader overwrote its log"
            host.led = (raft.term, log.last_index, log.last_term)
            self._one_change_at_a_time(host)
        else:
            host.led = None
        host.term_seen, host.commit_seen = raft.term, log.committed

    def _complete(self, host: Host) -> None:
        log = host.running.raft.log
        for index, (term, _) in enumerate(self.committed, 1):
            try:
                assert log.term(index) == term, f"leader completeness at {index}"
            except LogCompactedError:
                continue

    def _one_change_at_a_time(self, host: Host) -> None:
        raft = host.running.raft
        if host.ready is not None:
            return
        tail = raft.log.entries(raft.applied + 1, raft.log.last_index + 1)
        own = [entry for entry in tail if entry.term == raft.term and type(entry.data) is ConfChange]
        assert len(own) <= 1, "two configuration changes of one leader are unapplied"
