"""One member of the store as an actor: its mailbox is where proposals, raft messages and ticks become one batch."""

from collections.abc import Callable
from functools import partial
from typing import ClassVar, Protocol

from kube.actors.runtime.actor import Actor
from kube.actors.runtime.errors import MailboxFullError
from kube.actors.runtime.mailbox import MailboxSpec
from kube.actors.runtime.ref import Ref
from kube.store.local import LocalStore
from kube.store.member import Input, Member, Tick

_TICK = Tick()


class StoreMember(Actor[Input]):
    """Rebuilt from its storage at each start. A crash loses nothing that was acknowledged, nor does a stop."""

    mailbox: ClassVar[MailboxSpec] = MailboxSpec(capacity=16_384)

    def __init__(self, store: LocalStore, member: int) -> None:
        self._store = store
        self._id = member
        self._member: Member | None = None

    def on_start(self) -> None:
        tell = self.context.self_ref.tell

        def submit(message: Input) -> bool:
            try:
                return tell(message)
            except MailboxFullError:
                return False

        self._member = self._store.replicas.start_member(self._id, submit)
        self.context.tasks.start(self._tick(submit), name="tick")

    def on_stop(self) -> None:
        if self._member is not None:
            self._store.replicas.member_stopped(self._member)

    def receive_batch(self, messages: list[Input]) -> None:
        assert self._member is not None
        self._member.handle(messages)

    async def _tick(self, submit: Callable[[Input], bool]) -> None:
        """Ticks that a stalled loop has missed are not made up: they would count as silence of a leader that was as stalled."""
        clock, seconds = self.context.clock, self._store.replicas.config.tick
        while True:
            await clock.sleep(seconds)
            submit(_TICK)


class Starter(Protocol):
    """An actor's context, or the actor system."""

    async def start(self, factory: Callable[[], Actor[Input]], *, name: str) -> Ref[Input]: ...


async def start_members(starter: Starter, store: LocalStore) -> tuple[Ref[Input], ...]:
    """Start every member of ``store``, as ``store-1`` and so on, and wait until one serves.

    Raises NoLeaderError.
    """
    refs = [
        await starter.start(partial(StoreMember, store, voter), name=f"store-{voter}")
        for voter in store.replicas.voters
    ]
    await store.ready()
    return tuple(refs)
