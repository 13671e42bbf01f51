"""What a Raft member is told at its start."""

from enum import Enum

from msgspec import Struct


class ReadOnlyOption(Enum):
    """How a leader makes sure of its leadership before it answers a read (Raft dissertation §6.4).

    SAFE asks a majority. LEASE trusts that none was elected within an election timeout of the last majority it
    heard: cheaper, and wrong when members' clocks differ by more than that.
    """

    SAFE = "safe"
    LEASE = "lease"


class Config(Struct, frozen=True, kw_only=True):
    """Times in ticks. An election starts after ``election_ticks`` to twice as many less one without a leader.

    ``eager_commit``: tell followers of a commit at once instead of with the next append or heartbeat; it costs a round
    of messages for each commit, and only reads and watches at followers gain.

    ``thrifty``: entries by which a follower may be behind, and be sent none, while as many others as make a majority have
    acknowledged all that there is. It is sent what it lacks when it is behind by more, when one of the others does not
    answer, and with the next tick: a batch in place of many messages. And followers hear of commits by so many at a time, or with a
    heartbeat, and so apply a batch in place of many entries. 0: everybody is sent everything at once.

    A follower is sent no more than ``max_inflight`` appends and ``max_inflight_bytes`` (or what one append takes it above) that it
    has not acknowledged. A leader takes no proposals that would bring more than ``max_uncommitted_size`` bytes to wait for
    a quorum, unless none wait. ``disable_conf_change_validation``: the shell makes sure itself that configuration changes are
    proposed one at a time and fit the configuration.
    """

    id: int
    election_ticks: int = 10
    heartbeat_ticks: int = 2
    pre_vote: bool = True
    check_quorum: bool = True
    read_only: ReadOnlyOption = ReadOnlyOption.SAFE
    eager_commit: bool = True
    thrifty: int = 0
    max_entries_per_message: int = 1024
    max_size_per_message: int = 1 << 20
    max_inflight: int = 256
    max_inflight_bytes: int = 64 << 20
    max_uncommitted_size: int = 256 << 20
    max_entries_per_ready: int = 1024
    max_pending_reads: int = 4096
    disable_conf_change_validation: bool = False

    def __post_init__(self) -> None:
        if self.id <= 0:
            raise ValueError(f"a member id is positive, not {self.id}")
        if not 0 < self.heartbeat_ticks < self.election_ticks:
            raise ValueError(f"heartbeats every {self.heartbeat_ticks} of {self.election_ticks} ticks")
        if self.read_only is ReadOnlyOption.LEASE and not self.check_quorum:
            raise ValueError("lease reads need check_quorum")
        limits = (
            *(self.max_entries_per_message, self.max_entries_per_ready, self.max_inflight),
            *(self.max_inflight_bytes, self.max_uncommitted_size),
        )
        if min(limits) < 1 or self.thrifty < 0:
            raise ValueError("limits are positive")
