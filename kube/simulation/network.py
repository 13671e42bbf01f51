"""A network between hosts that loses, delays, duplicates and reorders, as its seed decides, and that can be cut."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import TypeAlias

from msgspec import Struct

from kube.simulation.trace import Trace
from kube.store.peer.network import Talk
from kube.store.raft.messages import AppendEntries, InstallSnapshot, Message
from kube.store.transport import Delivery, Inbox, PeerUnreachable, SnapshotReported

LATE = 0.5
"""Seconds after which the longest of delayed duplicates arrive."""


class Conditions(Struct, frozen=True, kw_only=True):
    """How the network behaves; delays in seconds.

    A message takes ``delay`` (from, to), and with probability ``slow`` up to ``slow_delay``: since each draws its own,
    later ones overtake. ``told``: the share of losses that the sender hears of, as of a connection that breaks.
    """

    delay: tuple[float, float] = (0.0005, 0.002)
    slow: float = 0.0
    slow_delay: float = 0.2
    loss: float = 0.0
    duplicate: float = 0.0
    told: float = 0.3


CALM = Conditions()

Tap: TypeAlias = Callable[[Message], None]


class SimulatedNetwork:
    """Implements ``kube.store.transport.Transport`` for all members at once.

    ``tap`` sees every message at the moment it is sent: what it promises must be in its sender's storage by then. What it raises
    is the sender's: a crash between persisting and sending.
    """

    def __init__(self, rng: random.Random, trace: Trace, tap: Tap) -> None:
        self.conditions = CALM
        self._rng = rng
        self._trace = trace
        self._tap = tap
        self._loop = asyncio.get_running_loop()
        self._inboxes: dict[int, Inbox] = {}
        self._cut: dict[tuple[int, int], None] = {}
        self._last: dict[tuple[int, int], float] = {}

    # ---- Transport

    def attach(self, member: int, inbox: Inbox) -> None:
        self._inboxes[member] = inbox

    def detach(self, member: int) -> None:
        self._inboxes.pop(member, None)

    def send(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self._tap(message)
            self._send(message)

    # ---- partitions

    def cut(self, sender: int, receiver: int) -> None:
        """From now on nothing gets from one to the other; the way back is another matter."""
        self._cut[sender, receiver] = None

    def heal(self) -> None:
        self._cut.clear()

    @property
    def is_cut(self) -> bool:
        return bool(self._cut)

    # ---- a message's way

    def _send(self, message: Message) -> None:
        rng, conditions = self._rng, self.conditions
        trace = self._trace
        trace.event("send", *brief(message))
        if (message.from_, message.to) in self._cut:
            trace.faults["cut"] += 1
            self._lost(message)
            return
        if conditions.loss and rng.random() < conditions.loss:
            trace.fault("lost")
            self._lost(message)
            return
        self._later(message, self._delay())
        if conditions.duplicate and rng.random() < conditions.duplicate:
            trace.fault("duplicated")
            self._later(message, rng.random() * LATE)

    def _delay(self) -> float:
        rng, conditions = self._rng, self.conditions
        low, high = conditions.delay
        delay = low + (high - low) * rng.random()
        if conditions.slow and rng.random() < conditions.slow:
            self._trace.fault("delayed")
            delay += conditions.slow_delay * rng.random()
        return delay

    def _later(self, message: Message, delay: float) -> None:
        link = (message.from_, message.to)
        arrival = self._loop.time() + delay
        if arrival < self._last.get(link, 0.0):
            self._trace.faults["reordered"] += 1
        else:
            self._last[link] = arrival
        self._loop.call_at(arrival, self._deliver, message)

    def _deliver(self, message: Message) -> None:
        inbox = self._inboxes.get(message.to)
        if (message.from_, message.to) in self._cut:
            inbox = None
        delivered = inbox is not None and inbox(message)
        self._trace.event("deliver" if delivered else "drop", *brief(message))
        if type(message) is InstallSnapshot:
            self._report(message.from_, SnapshotReported(message.to, delivered))
        elif not delivered:
            self._lost(message)

    def _lost(self, message: Message) -> None:
        if type(message) is InstallSnapshot:
            self._report(message.from_, SnapshotReported(message.to, False))
        elif self._rng.random() < self.conditions.told:
            self._report(message.from_, PeerUnreachable(message.to))

    def _report(self, sender: int, report: Delivery) -> None:
        self._loop.call_later(self.conditions.delay[0], self._hand_in, sender, report)

    def _hand_in(self, sender: int, report: Delivery) -> None:
        inbox = self._inboxes.get(sender)
        if inbox is not None:
            inbox(report)


def brief(message: Message | Talk) -> tuple[object, ...]:
    """What a trace says of a message."""
    short = (type(message).__name__, message.from_, message.to)
    if type(message) is AppendEntries:
        return (
            *short,
            message.term,
            message.prev_index,
            message.prev_term,
            len(message.entries),
            message.commit,
        )
    return short
