"""How raft messages travel between members: the protocol, and the one for members of one process.

A transport may lose, delay and reorder; it never waits and never raises. What it knows to be lost it reports to the
sender, and it reports the fate of every snapshot, for which raft waits.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

import msgspec

from kube.store.raft.messages import InstallSnapshot, Message


class PeerUnreachable(msgspec.Struct, frozen=True):
    """A message to ``peer`` was not delivered."""

    peer: int


class SnapshotReported(msgspec.Struct, frozen=True):
    """A snapshot sent to ``peer`` has arrived there, or has not."""

    peer: int
    delivered: bool


Delivery: TypeAlias = Message | PeerUnreachable | SnapshotReported
Inbox: TypeAlias = Callable[[Delivery], bool]
"""Takes a message without waiting; False means that it was not taken."""


class Transport(Protocol):
    def attach(self, member: int, inbox: Inbox) -> None:
        """From now on what is sent to ``member`` goes to ``inbox``."""
        ...

    def detach(self, member: int) -> None: ...

    def send(self, messages: Sequence[Message]) -> None:
        """Persist before send: what the messages promise is in stable storage by now."""
        ...


class InProcessTransport:
    """Members of one process: messages and the entries in them pass by reference."""

    __slots__ = ("_inboxes",)

    def __init__(self) -> None:
        self._inboxes: dict[int, Inbox] = {}

    def attach(self, member: int, inbox: Inbox) -> None:
        self._inboxes[member] = inbox

    def detach(self, member: int) -> None:
        self._inboxes.pop(member, None)

    def send(self, messages: Sequence[Message]) -> None:
        inboxes = self._inboxes
        for message in messages:
            inbox = inboxes.get(message.to)
            if inbox is None or not inbox(message):
                lost = type(message) is InstallSnapshot
                report = SnapshotReported(message.to, False) if lost else PeerUnreachable(message.to)
                self._report(message.from_, report)
            elif type(message) is InstallSnapshot:
                self._report(message.from_, SnapshotReported(message.to, True))

    def _report(self, sender: int, report: PeerUnreachable | SnapshotReported) -> None:
        inbox = self._inboxes.get(sender)
        if inbox is not None:
            inbox(report)
