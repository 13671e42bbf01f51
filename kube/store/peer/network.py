"""What a member that runs alone needs of the network between the members: a transport that knows the others' addresses.

The one over TCP is ``peer.tcp``; a simulation brings its own.
"""

from collections.abc import Callable
from typing import Protocol, TypeAlias

import msgspec

from kube.store.membership import MemberTable
from kube.store.peer.messages import Answer, Forward, Forwarded, Question
from kube.store.transport import Transport


class PeerDisconnected(msgspec.Struct, frozen=True):
    """A connection with ``peer`` has ended: what was said last, either way, may not have arrived."""

    peer: int


Talk: TypeAlias = Forward | Forwarded | Question | Answer

TalkInbox: TypeAlias = Callable[[Talk | PeerDisconnected], bool]


class PeerNetwork(Transport, Protocol):
    """Between two members everything arrives in the order in which it was sent, until a connection ends.

    An inbox is given ``Talk`` and PeerDisconnected besides what a Transport delivers.
    """

    def say(self, message: Talk) -> bool:
        """False: it was not sent, nor ever will be."""
        ...

    def use(self, table: MemberTable) -> None:
        """Who the other members are and where, from now on. Connections with others end."""
        ...

    def active_since(self, peer: int) -> float | None:
        """The time of the clock at which the connection to ``peer`` that stands was made; None when none does."""
        ...
