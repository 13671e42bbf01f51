"""Connections between members that run alone: what is sent over one arrives in order, until it breaks.

Implements ``kube.store.peer.network.PeerNetwork`` for each member. A connection carries messages one way, as those over TCP do; whoever is
at its ends learns when it has ended.
"""

import asyncio
import random
from collections.abc import Sequence

from kube.simulation.network import CALM, Conditions, Tap, brief
from kube.simulation.trace import Trace
from kube.store.membership import MemberTable
from kube.store.peer.network import PeerDisconnected, Talk, TalkInbox
from kube.store.raft.messages import InstallSnapshot, Message
from kube.store.transport import Inbox, PeerUnreachable, SnapshotReported

RETRY = 0.15
"""Seconds between two attempts to connect, about."""
SILENCE = 1.0
"""Seconds after which a connection over which nothing gets breaks, at most."""
LOST = 0.1
"""Of a network that loses messages a connection feels this share: as breaks, since a transport sends again."""

BETWEEN = 1e-6
"""Seconds between two arrivals over one connection at least: timers of one moment have no order."""

_Parcel = Message | Talk


class _Link:
    """From one member to another. ``since`` is None while there is no connection; each one has its ``number``."""

    __slots__ = ("arrival", "held", "number", "receiver", "sender", "since", "snapshots")

    def __init__(self, sender: int, receiver: int) -> None:
        self.sender = sender
        self.receiver = receiver
        self.since: float | None = None
        self.number = 0
        self.arrival = 0.0
        """Of what was sent last."""
        self.held: list[_Parcel] = []
        """What a cut holds up."""
        self.snapshots: list[InstallSnapshot] = []
        """On their way."""


class Fabric:
    """All links of all members. ``conditions``, ``cut`` and ``heal`` as ``SimulatedNetwork`` has them."""

    def __init__(self, rng: random.Random, trace: Trace, tap: Tap) -> None:
        self.conditions: Conditions = CALM
        self.rng = rng
        self.trace = trace
        self.tap = tap
        self.loop = asyncio.get_running_loop()
        self._endpoints: dict[int, PeerEndpoint] = {}
        self._links: dict[tuple[int, int], _Link] = {}
        self._cut: dict[tuple[int, int], None] = {}

    # ---- members come and go

    def endpoint(self, member: int) -> "PeerEndpoint":
        """A process of this member begins."""
        endpoint = self._endpoints[member] = PeerEndpoint(self, member)
        return endpoint

    def gone(self, member: int) -> None:
        """Its process has ended: nothing of it is sent or taken any more, and its connections break."""
        endpoint = self._endpoints.pop(member, None)
        if endpoint is not None:
            endpoint.closed = True
        for link in self._links.values():
            if member in (link.sender, link.receiver):
                self._break(link)

    def connect(self, sender: int, receiver: int) -> None:
        """Keep a connection from one to the other from now on."""
        if (sender, receiver) not in self._links:
            link = self._links[sender, receiver] = _Link(sender, receiver)
            self._attempt(link)

    # ---- partitions

    def cut(self, sender: int, receiver: int) -> None:
        self._cut[sender, receiver] = None
        link = self._links.get((sender, receiver))
        if link is not None and link.since is not None:
            patience = SILENCE * (0.2 + 0.8 * self.rng.random())
            self.loop.call_later(patience, self._silent, link, link.number)

    def heal(self) -> None:
        self._cut.clear()
        for link in self._links.values():
            held, link.held = link.held, []
            for parcel in held:
                self._queue(link, parcel)

    @property
    def is_cut(self) -> bool:
        return bool(self._cut)

    def _silent(self, link: _Link, number: int) -> None:
        if link.number == number and (link.sender, link.receiver) in self._cut:
            self._break(link)

    # ---- connections

    def _attempt(self, link: _Link) -> None:
        if link.since is not None:
            return
        both = link.sender in self._endpoints and link.receiver in self._endpoints
        free = (link.sender, link.receiver) not in self._cut and (link.receiver, link.sender) not in self._cut
        if both and free:
            link.number += 1
            link.since = self.loop.time()
            self.trace.event("connected", link.sender, link.receiver)
        elif both:
            self._again(link)

    def _again(self, link: _Link) -> None:
        self.loop.call_later(RETRY * (0.5 + self.rng.random()), self._attempt, link)

    def _break(self, link: _Link) -> None:
        if link.since is None:
            return
        link.since = None
        link.number += 1
        link.held.clear()
        self.trace.fault("connection lost", link.sender, link.receiver)
        for snapshot in link.snapshots:
            self._tell(link.sender, SnapshotReported(snapshot.to, False))
        link.snapshots.clear()
        self._tell(link.sender, PeerDisconnected(link.receiver))
        self._tell(link.receiver, PeerDisconnected(link.sender))
        self._again(link)

    def reconnect(self, member: int) -> None:
        """A process has begun: who waits for it may connect."""
        for link in self._links.values():
            if member in (link.sender, link.receiver):
                self._attempt(link)

    def link(self, sender: int, receiver: int) -> _Link | None:
        return self._links.get((sender, receiver))

    # ---- what is sent

    def send(self, sender: int, receiver: int, parcel: _Parcel) -> bool:
        """False: there is no connection."""
        link = self._links.get((sender, receiver))
        if link is None or link.since is None:
            return False
        if self.conditions.loss and self.rng.random() < self.conditions.loss * LOST:
            self._break(link)
            return False
        if type(parcel) is InstallSnapshot:
            link.snapshots.append(parcel)
        if (sender, receiver) in self._cut:
            self.trace.faults["cut"] += 1
            link.held.append(parcel)
        else:
            self._queue(link, parcel)
        return True

    def _queue(self, link: _Link, parcel: _Parcel) -> None:
        rng, conditions = self.rng, self.conditions
        low, high = conditions.delay
        delay = low + (high - low) * rng.random()
        if conditions.slow and rng.random() < conditions.slow / 4:
            self.trace.fault("delayed")
            delay += conditions.slow_delay * rng.random()
        link.arrival = max(link.arrival + BETWEEN, self.loop.time() + delay)
        self.loop.call_at(link.arrival, self._arrive, link, link.number, parcel)

    def _arrive(self, link: _Link, number: int, parcel: _Parcel) -> None:
        if link.number != number:
            return
        endpoint = self._endpoints.get(link.receiver)
        taken = endpoint is not None and endpoint.take(parcel)
        self.trace.event("deliver" if taken else "drop", *brief(parcel))
        if type(parcel) is InstallSnapshot and parcel in link.snapshots:
            link.snapshots.remove(parcel)
            self._tell(link.sender, SnapshotReported(link.receiver, taken))

    def _tell(self, member: int, what: "SnapshotReported | PeerDisconnected | PeerUnreachable") -> None:
        self.loop.call_later(self.conditions.delay[0], self._hand_in, self._endpoints.get(member), what)

    @staticmethod
    def _hand_in(
        endpoint: "PeerEndpoint | None", what: "SnapshotReported | PeerDisconnected | PeerUnreachable"
    ) -> None:
        if endpoint is not None:
            endpoint.take(what)


class PeerEndpoint:
    """The network as the process of one member has it."""

    def __init__(self, fabric: Fabric, member: int) -> None:
        self.closed = False
        self._fabric = fabric
        self._member = member
        self._inbox: TalkInbox | None = None

    def take(self, parcel: object) -> bool:
        return not self.closed and self._inbox is not None and self._inbox(parcel)  # type: ignore[arg-type]  # it takes talk and deliveries

    # ---- PeerNetwork

    def attach(self, member: int, inbox: Inbox) -> None:
        assert member == self._member
        self._inbox = inbox  # type: ignore[assignment]  # an inbox on this network takes talk, too

    def detach(self, member: int) -> None:
        assert member == self._member
        self._inbox = None

    def send(self, messages: Sequence[Message]) -> None:
        fabric = self._fabric
        for message in messages:
            if self.closed:
                return
            fabric.tap(message)
            fabric.trace.event("send", *brief(message))
            if fabric.send(self._member, message.to, message):
                continue
            if type(message) is InstallSnapshot:
                self.take(SnapshotReported(message.to, False))
            else:
                self.take(PeerUnreachable(message.to))

    def say(self, message: Talk) -> bool:
        fabric = self._fabric
        fabric.trace.event("say", type(message).__name__, message.from_, message.to)
        return not self.closed and fabric.send(self._member, message.to, message)

    def use(self, table: MemberTable) -> None:
        for each in table.members:
            if each.id != self._member:
                self._fabric.connect(self._member, each.id)
                self._fabric.connect(each.id, self._member)

    def active_since(self, peer: int) -> float | None:
        link = self._fabric.link(self._member, peer)
        return None if link is None else link.since
