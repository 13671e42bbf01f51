"""The place of one member in its process."""

from collections.abc import Callable

from kube.store.member import Input, Member
from kube.store.raft.storage import StableStorage


def refuse(_: Input) -> bool:
    """The mailbox of a member that does not run."""
    return False


class Replica:
    """A place for a member: what outlives it, and the member while it runs."""

    __slots__ = ("at_once", "id", "member", "storage", "submit")

    def __init__(self, id_: int, storage: StableStorage) -> None:
        self.id = id_
        self.storage = storage
        self.member: Member | None = None
        self.submit: Callable[[Input], bool] = refuse
        self.at_once: Callable[[Input], bool] = refuse

    @property
    def term(self) -> int:
        """The newest term this member may have promised anything in."""
        return self.member.raft.term if self.member is not None else self.storage.hard_state.term
