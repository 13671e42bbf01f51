"""Who is on the other side of a peer connection: what the one that dials says first, and what it is answered."""

from enum import Enum

import msgspec

from kube.store.administration import MemberInfo


class Channel(Enum):
    """What a connection is for."""

    MESSAGES = "messages"
    SNAPSHOT = "snapshot"
    MEMBERS = "members"
    """Ask for the table of members; open to whoever the certificates let in, as a new member has no id yet."""


class Hello(msgspec.Struct, frozen=True, array_like=True):
    """``cluster`` and ``to`` are 0 where they are not known yet (MEMBERS). ``urls``: where ``from_`` can be dialled.

    ``incarnation``: drawn by a process whose member keeps nothing beyond it; 0 otherwise.

    ``applied``: the index that the dialling member has applied. A member that is behind it may not know yet that the other one
    belongs to the store.

    ``process``: drawn by each process; 0 from one that draws none.
    """

    cluster: int
    from_: int
    to: int
    channel: Channel
    urls: tuple[str, ...] = ()
    applied: int = 0
    incarnation: int = 0
    process: int = 0


class Reason(Enum):
    CLUSTER = "cluster"
    MEMBER = "member"
    UNKNOWN = "unknown"
    REMOVED = "removed"
    TWICE = "twice"
    MALFORMED = "malformed"


class Refusal(msgspec.Struct, frozen=True, array_like=True):
    """``detail``: for the other side's log, in one line."""

    reason: Reason
    detail: str


class Members(msgspec.Struct, frozen=True, array_like=True):
    """The answer to MEMBERS. ``known``: the first incarnation of the asking member that the answering process has heard of; 0 when it
    may have been asked by others before it started.
    """

    cluster: int
    members: tuple[MemberInfo, ...]
    removed: tuple[int, ...] = ()
    known: int = 0


class Admission(msgspec.Struct, frozen=True):
    """What a listening member knows of the store: whom it lets in. ``applied``: the index it has applied."""

    cluster: int
    member: int
    members: tuple[int, ...]
    removed: tuple[int, ...]
    applied: int

    def refusal(self, hello: Hello) -> Refusal | None:
        """Why the connection is refused, None when it is not.

        An unknown member whose log is ahead is let in: it may have joined in an entry that is yet to come here, and may even lead.
        """
        if hello.channel is Channel.MEMBERS and not hello.cluster:
            return None
        if hello.cluster != self.cluster:
            return Refusal(
                Reason.CLUSTER, f"its cluster id is {hello.cluster:x}, the one here is {self.cluster:x}"
            )
        if hello.from_ in self.removed:
            return Refusal(Reason.REMOVED, f"member {hello.from_:x} was removed from the cluster")
        if hello.to not in {0, self.member}:
            return Refusal(Reason.MEMBER, f"it looks for member {hello.to:x}, this is {self.member:x}")
        if hello.from_ not in self.members and hello.applied <= self.applied:
            return Refusal(Reason.UNKNOWN, f"member {hello.from_:x} does not belong to the cluster")
        return None
