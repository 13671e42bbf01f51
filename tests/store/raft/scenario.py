"""An interpreter of scenarios in text: a cluster that does what is written, one command at a time.

A line that begins with ``>`` is a command, and the indented lines after it are what it prints; ``>>`` is a command that prints
nothing. Every other line is a comment. ``testdata/README.md`` lists the commands.
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from kube.store.raft.confchange import ConfChangeError
from kube.store.raft.config import Config, ReadOnlyOption
from kube.store.raft.messages import (
    ConfChange,
    ConfChangeSingle,
    ConfChangeTransition,
    ConfState,
    Entry,
    HardState,
    InstallSnapshot,
    Message,
    Snapshot,
)
from kube.store.raft.raft import ProposalDroppedError, Role
from kube.store.raft.rawnode import RawNode, Ready
from kube.store.raft.storage import MemoryStorage
from tests.store.raft.scenario_text import (
    CHANGES,
    KINDS,
    conf_text,
    entry_text,
    message_text,
    progress_text,
    ready_text,
    snapshot_text,
)

FLAGS: dict[str, dict[str, object]] = {
    "pre-vote": {"pre_vote": True},
    "check-quorum": {"check_quorum": True},
    "lazy-commit": {"eager_commit": False},
    "lease-reads": {"read_only": ReadOnlyOption.LEASE},
    "unchecked-conf-changes": {"disable_conf_change_validation": True},
}
LIMITS = {
    "inflight": "max_inflight",
    "inflight-bytes": "max_inflight_bytes",
    "max-entries": "max_entries_per_message",
    "max-size": "max_size_per_message",
    "max-uncommitted": "max_uncommitted_size",
    "max-apply": "max_entries_per_ready",
}


@dataclass
class Member:
    config: Config
    storage: MemoryStorage
    node: RawNode
    applied: list[object] = field(default_factory=list)
    ready: Ready | None = None
    told: tuple[object, ...] = ()


class Arguments:
    """``members`` are the numbers among the words, ``words`` the others; ``options`` were ``name=value``."""

    def __init__(self, words: list[str]) -> None:
        self.members = [int(word) for word in words if word.isdecimal()]
        self.options = dict(word.split("=", 1) for word in words if "=" in word)
        self.words = [word for word in words if not word.isdecimal() and "=" not in word]

    def ids(self, name: str) -> tuple[int, ...]:
        return tuple(int(each) for each in self.options.get(name, "").split(",") if each)

    def number(self, name: str, default: int) -> int:
        return int(self.options.get(name, default))


class Cluster:
    def __init__(self) -> None:
        self.members: dict[int, Member] = {}
        self.wire: list[Message] = []
        self.commands: dict[str, Callable[[Arguments], Iterable[str]]] = {
            "add-nodes": self.add_nodes,
            "advance": self.advance,
            "campaign": self.campaign,
            "compact": self.compact,
            "deliver-msgs": self.deliver_msgs,
            "forget-leader": self.forget_leader,
            "persist": self.persist,
            "process-ready": self.process_ready,
            "propose": self.propose,
            "propose-conf-change": self.propose_conf_change,
            "raft-log": self.raft_log,
            "raft-state": self.raft_state,
            "read-index": self.read_index,
            "report-snapshot": self.report_snapshot,
            "report-unreachable": self.report_unreachable,
            "restart": self.restart,
            "send-snapshot": self.send_snapshot,
            "set-randomized-election-timeout": self.set_election_timeout,
            "stabilize": self.stabilize,
            "status": self.status,
            "take-ready": self.take_ready,
            "tick": self.tick,
            "tick-election": self.tick_election,
            "tick-heartbeat": self.tick_heartbeat,
            "transfer-leadership": self.transfer_leadership,
        }

    def run(self, line: str) -> list[str]:
        name, *words = line.split()
        return list(self.commands[name](Arguments(words)))

    # ---- members

    def add_nodes(self, arguments: Arguments) -> Iterable[str]:
        """``COUNT [voters=1,2] [learners=3] [index=N] [log=TERM,…]``, flags and limits, for all of them."""
        index = arguments.number("index", 0)
        conf = ConfState(arguments.ids("voters"), arguments.ids("learners"))
        settings: dict[str, object] = {"pre_vote": False, "check_quorum": False}
        for flag in arguments.words:
            settings |= FLAGS[flag]
        for limit, name in LIMITS.items():
            if limit in arguments.options:
                settings[name] = int(arguments.options[limit])
        for _ in range(arguments.members[0]):
            id_ = len(self.members) + 1
            storage = MemoryStorage(conf.voters)
            storage.apply_snapshot(Snapshot(index, min(index, 1), conf, ()))
            terms = arguments.ids("log")
            storage.append([Entry(term, place) for place, term in enumerate(terms, index + 1)])
            storage.set_hard_state(HardState(max((min(index, 1), *terms)), 0, index))
            config = Config(id=id_, election_ticks=3, heartbeat_ticks=1, **settings)  # type: ignore[arg-type]  # by the tables above
            self._start(config, storage)
        return ()

    def _start(self, config: Config, storage: MemoryStorage) -> None:
        snapshot = storage.snapshot()
        node = RawNode(config, storage, random.Random(config.id), applied=snapshot.index)
        member = Member(config, storage, node, list(snapshot.data or ()))  # type: ignore[call-overload]  # a tuple of what was applied
        member.told = self._state(member)
        self.members[config.id] = member

    def restart(self, arguments: Arguments) -> Iterable[str]:
        """``ID…``: what a member has not kept is lost."""
        for id_ in arguments.members:
            self._start(self.members[id_].config, self.members[id_].storage)
        return ()

    def _state(self, member: Member) -> tuple[object, ...]:
        raft = member.node.raft
        return raft.role, raft.term, raft.leader, raft.conf

    def _news(self, id_: int) -> Iterable[str]:
        """What has become of a member since the last time."""
        member = self.members[id_]
        role, term, leader, conf = before = member.told
        raft = member.node.raft
        member.told = self._state(member)
        if member.told == before:
            return
        if (raft.role, raft.term, raft.leader) != (role, term, leader):
            of = f" of {raft.leader}" if raft.leader and raft.role is Role.FOLLOWER else ""
            yield f"{id_} is {raft.role.value}{of} in t{raft.term}"
        if raft.conf != conf:
            yield f"{id_} has {conf_text(raft.conf)}"

    # ---- inputs

    def campaign(self, arguments: Arguments) -> Iterable[str]:
        """``ID…``"""
        for id_ in arguments.members:
            self.members[id_].node.campaign()
            yield from self._news(id_)

    def propose(self, arguments: Arguments) -> Iterable[str]:
        """``ID DATA…``: one batch; the size of each is its length."""
        id_, *numbers = arguments.members
        items = [(word, len(word)) for word in [*map(str, numbers), *arguments.words]]
        try:
            self.members[id_].node.propose(items)
        except ProposalDroppedError as error:
            yield f"dropped: {error}"

    def propose_conf_change(self, arguments: Arguments) -> Iterable[str]:
        """``ID [v4] [l5] [r1] [u2] [transition=joint-implicit|joint-explicit]``: change the members; without changes, leave."""
        changes = tuple(ConfChangeSingle(CHANGES[word[0]], int(word[1:])) for word in arguments.words)
        transition = ConfChangeTransition(arguments.options.get("transition", "auto"))
        try:
            self.members[arguments.members[0]].node.propose_conf_change(ConfChange(changes, transition))
        except (ProposalDroppedError, ConfChangeError) as error:
            yield f"refused: {error}"

    def transfer_leadership(self, arguments: Arguments) -> Iterable[str]:
        """``ID to=ID``"""
        if not self.members[arguments.members[0]].node.transfer_leadership(arguments.number("to", 0)):
            yield "refused"

    def forget_leader(self, arguments: Arguments) -> Iterable[str]:
        """``ID…``"""
        for id_ in arguments.members:
            self.members[id_].node.forget_leader()
            yield from self._news(id_)

    def read_index(self, arguments: Arguments) -> Iterable[str]:
        """``ID CONTEXT``"""
        id_, context = arguments.members
        if not self.members[id_].node.read_index(context):
            yield "refused"

    def report_unreachable(self, arguments: Arguments) -> Iterable[str]:
        """``ID PEER``"""
        id_, peer = arguments.members
        self.members[id_].node.report_unreachable(peer)
        return ()

    def report_snapshot(self, arguments: Arguments) -> Iterable[str]:
        """``ID PEER [lost]``"""
        id_, peer = arguments.members
        self.members[id_].node.report_snapshot(peer, delivered="lost" not in arguments.words)
        return ()

    def tick(self, arguments: Arguments) -> Iterable[str]:
        """``ID [count=N]``"""
        id_ = arguments.members[0]
        for _ in range(arguments.number("count", 1)):
            self.members[id_].node.tick()
            yield from self._news(id_)

    def tick_election(self, arguments: Arguments) -> Iterable[str]:
        """``ID``: an election timeout, as a leader counts it."""
        for _ in range(self.members[arguments.members[0]].config.election_ticks):
            yield from self.tick(arguments)

    def tick_heartbeat(self, arguments: Arguments) -> Iterable[str]:
        """``ID``"""
        for _ in range(self.members[arguments.members[0]].config.heartbeat_ticks):
            yield from self.tick(arguments)

    def set_election_timeout(self, arguments: Arguments) -> Iterable[str]:
        """``ID TICKS``: instead of the one drawn by lot."""
        id_, ticks = arguments.members
        self.members[id_].node.raft.election_timeout = ticks
        return ()

    # ---- Ready

    def take_ready(self, arguments: Arguments) -> Iterable[str]:
        """``ID…``: take a Ready and send what need not wait; nothing is kept yet."""
        for id_ in arguments.members:
            member = self.members[id_]
            member.ready = ready = member.node.ready()
            if ready is None:
                yield f"{id_} has nothing to do"
                continue
            yield from ready_text(id_, ready)
            if ready.early:
                self.wire += ready.messages

    def persist(self, arguments: Arguments) -> Iterable[str]:
        """``ID…``: keep what the Ready says, and send what waited for that."""
        for id_ in arguments.members:
            member = self.members[id_]
            if (ready := member.ready) is None:
                continue
            if ready.snapshot is not None:
                member.storage.apply_snapshot(ready.snapshot)
            member.storage.save(ready.hard_state, ready.entries, must_sync=ready.must_sync)
            if not ready.early:
                self.wire += ready.messages
        return ()

    def advance(self, arguments: Arguments) -> Iterable[str]:
        """``ID…``: apply what the Ready says; it is done."""
        for id_ in arguments.members:
            member = self.members[id_]
            if (ready := member.ready) is None:
                continue
            if ready.snapshot is not None:
                member.applied = list(ready.snapshot.data or ())  # type: ignore[call-overload]  # a tuple of what was applied
            for entry in ready.committed:
                if isinstance(entry.data, ConfChange):
                    try:
                        member.node.apply_conf_change(entry.data)
                    except ConfChangeError as error:
                        yield f"{id_} can't apply {entry_text(entry)}: {error}"
                member.applied.append(entry.data)
            member.ready = None
            member.node.advance()
            yield from self._news(id_)

    def process_ready(self, arguments: Arguments) -> Iterable[str]:
        """``ID…``: take, persist and advance in one."""
        for id_ in arguments.members:
            one = Arguments([str(id_)])
            yield from self.take_ready(one)
            yield from self.persist(one)
            yield from self.advance(one)

    # ---- the network

    def deliver_msgs(self, arguments: Arguments) -> Iterable[str]:
        """``[ID…] [drop=ID,…] [from=ID,…] [type=KIND] [count=N]``: deliver to some, lose what is for others; the rest stays on the wire."""
        left = arguments.number("count", len(self.wire))
        kinds = KINDS[arguments.options["type"]] if "type" in arguments.options else (object,)
        senders = arguments.ids("from")
        drop = arguments.ids("drop")
        wire, self.wire = self.wire, []
        for message in wire:
            chosen = isinstance(message, kinds) and (not senders or message.from_ in senders) and left > 0
            left -= chosen and message.to in (*drop, *arguments.members)
            if chosen and message.to in drop:
                yield f"lost: {message_text(message)}"
            elif chosen and message.to in arguments.members:
                yield message_text(message)
                self.members[message.to].node.step(message)
                yield from self._news(message.to)
            else:
                self.wire.append(message)

    def stabilize(self, arguments: Arguments) -> Iterable[str]:
        """``[ID…]``: handle Readies and deliver messages among these, or all, until nothing happens any more."""
        ids = arguments.members or list(self.members)
        for _ in range(1000):
            busy = False
            for id_ in ids:
                one = Arguments([str(id_)])
                if self.members[id_].ready is None and self.members[id_].node.has_ready():
                    busy = True
                    yield from self.process_ready(one)
                lines = list(self.deliver_msgs(one))
                if lines:
                    busy = True
                    yield f"{id_} takes"
                    yield from (f"  {line}" for line in lines)
            if not busy:
                return
        raise AssertionError("it never comes to rest")

    def send_snapshot(self, arguments: Arguments) -> Iterable[str]:
        """``FROM TO``: one of the sender's state now, which its raft knows nothing of."""
        id_, to = arguments.members
        message = InstallSnapshot(to, id_, self.members[id_].node.raft.term, self._snapshot(id_))
        self.wire.append(message)
        yield message_text(message)

    # ---- the log

    def _snapshot(self, id_: int) -> Snapshot:
        member = self.members[id_]
        raft = member.node.raft
        return Snapshot(raft.applied, raft.log.term(raft.applied), raft.conf, tuple(member.applied))

    def compact(self, arguments: Arguments) -> Iterable[str]:
        """``ID INDEX``: take a snapshot of all that is applied, and drop the log up to the index."""
        id_, index = arguments.members
        storage = self.members[id_].storage
        storage.save_snapshot(self._snapshot(id_))
        storage.compact(index)
        yield from self.raft_log(Arguments([str(id_)]))

    # ---- looking

    def raft_log(self, arguments: Arguments) -> Iterable[str]:
        """``ID…``: what a member has kept."""
        for id_ in arguments.members:
            storage = self.members[id_].storage
            yield f"snapshot {snapshot_text(storage.snapshot())}, log from {storage.first_index()}"
            yield from map(entry_text, storage.entries(storage.first_index(), storage.last_index() + 1))

    def raft_state(self, _: Arguments) -> Iterable[str]:
        """Everybody's role."""
        for id_, member in self.members.items():
            raft = member.node.raft
            vote = "votes" if id_ in raft.voters.voters else "no vote"
            yield f"{id_}: {raft.role.value} in t{raft.term}, leader {raft.leader or '-'}, {vote}, commit {raft.log.committed}"

    def status(self, arguments: Arguments) -> Iterable[str]:
        """``ID…``: how a leader sees its followers."""
        for id_ in arguments.members:
            status = self.members[id_].node.status()
            if status.transferee:
                yield f"hands over to {status.transferee}"
            yield from map(progress_text, status.progress)


def play(text: str) -> str:
    """The scenario with what its commands print now."""
    cluster = Cluster()
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("  "):
            continue
        lines.append(line)
        if line.startswith(">"):
            printed = cluster.run(line.lstrip(">").strip())
            if not line.startswith(">>"):
                lines += [f"  {each}" for each in printed]
    return "\n".join(lines) + "\n"
