"""Bounded mailboxes, and what each does when it is full."""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from enum import Enum
from typing import Any, Final

from msgspec import Struct

from kube.actors.runtime.ask import HANDLING, Ask
from kube.actors.runtime.errors import ActorStoppedError, AskSupersededError, MailboxFullError
from kube.base.cause import CURRENT, Cause

DEFAULT_CAPACITY: Final = 1024

_current_cause = CURRENT.get
"""Bound once, like what is in slots and called on the hot path: the look-up of a method there costs more than the call."""

Entry = tuple[Any, Cause | None, Ask | None]
"""What was said, why, and who waits for the answer."""


class Overflow(Enum):
    """What a mailbox does with a message for which it has no room.

    Facts use WAIT or CLOSE, never COALESCE: a fact that is dropped is a fact that is lost.
    """

    WAIT = "wait"
    """The sender waits (`tell_wait`, `ask`); a sender that can't (`tell`) gets MailboxFullError."""

    COALESCE = "coalesce"
    """A message takes the place of the waiting one with the same key, full or not, and keeps its turn. What has no room
    then, because so many keys wait, is treated as under WAIT."""

    CLOSE = "close"
    """The stream breaks: the message and all that follow are refused (`tell` returns False) until the actor has handled
    what came before and its `on_overflow`, in which it resumes the stream from where it stands."""


class MailboxSpec(Struct, frozen=True):
    """`capacity` counts messages that wait. `key` belongs to COALESCE alone: which messages replace each other."""

    capacity: int = DEFAULT_CAPACITY
    overflow: Overflow = Overflow.WAIT
    key: Callable[[Any], Hashable] | None = None

    def __post_init__(self) -> None:
        if self.capacity < 1:
            raise ValueError(f"a mailbox holds at least one message, not {self.capacity}")
        if (self.key is not None) != (self.overflow is Overflow.COALESCE):
            raise ValueError("a key is given to a coalescing mailbox, and to no other")


class Mailbox:
    """The queue of one actor under WAIT. It outlives the actor's restarts.

    `wake` is called when a message arrives while `awake` is False; whoever drains sets it back.
    """

    __slots__ = (
        "_gone",
        "_limit",
        "_wake",
        "awake",
        "capacity",
        "closed",
        "dead_letters",
        "finished",
        "path",
        "pop",
        "queue",
        "senders",
    )

    def __init__(self, path: str, capacity: int, wake: Callable[[], None]) -> None:
        self.path = path
        self.capacity = capacity
        self._limit = capacity  # -1 when closed, so that the one comparison of `put` covers it
        self.queue: deque[Any] = deque()
        self.pop: Callable[[], Entry] = self.queue.popleft
        self.senders: deque[tuple[Entry, asyncio.Future[bool] | None]] | None = None
        """Who waits for room, None when nobody does. Those without a future wait for nothing: an ask's deadline covers it, a timer
        has no sender."""
        self._wake = wake
        self.awake = False
        self.closed = False
        self.dead_letters = 0
        self.finished = False
        self._gone: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self.queue)

    @property
    def waiting_senders(self) -> int:
        return 0 if self.senders is None else len(self.senders)

    def put(self, message: Any, ask: Ask | None = None) -> bool:
        """Queue a message without waiting. False means that it was dropped: the actor is stopped, or the stream broken.

        Raises MailboxFullError.
        """
        queue = self.queue
        if len(queue) >= self._limit:
            return self._overflow(ask)
        queue.append((message, _current_cause(), ask))
        if not self.awake:
            self.awake = True
            wake = self._wake
            wake()
        return True

    async def put_wait(self, message: Any) -> bool:
        """Queue a message, first come first served, when there is room for it.

        Raises MailboxFullError when the actor would wait for itself, and ActorStoppedError when it stops meanwhile.
        """
        try:
            return self.put(message)
        except MailboxFullError:
            frame = HANDLING.get()
            if frame is not None and frame.mailbox is self:
                raise
        room: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._line_up(message, None, room)
        return await room

    def put_late(self, message: Any, ask: Ask | None = None) -> None:
        """Queue a message now or as soon as there is room, with nobody waiting for that.

        For asks, whose deadline covers the wait, and for an actor's own timers.
        """
        try:
            self.put(message, ask)
        except MailboxFullError:
            self._line_up(message, ask, None)

    def peek(self) -> Entry:
        """The entry that `pop` would give; the mailbox is not empty."""
        entry: Entry = self.queue[0]
        return entry

    def admit(self) -> None:
        """Let waiting senders in, as far as there is room."""
        senders = self.senders
        while senders and len(self.queue) < self._limit:
            entry, room = senders.popleft()
            ask = entry[2]
            if ask is not None and ask.future.done():
                continue
            if room is not None:
                if room.done():
                    continue
                room.set_result(True)
            self._append(entry)
        if not senders:
            self.senders = None

    def close(self) -> None:
        """Take no more messages. Those that wait become dead letters, and asks among them and waiting senders fail."""
        self.closed = True
        self._limit = -1
        while self.queue:
            self._refuse(self.pop()[2])
        senders, self.senders = self.senders, None
        for entry, room in senders or ():
            if room is None:
                self._refuse(entry[2])
            elif not room.done():
                room.set_exception(ActorStoppedError(self.path))

    def finish(self) -> None:
        """The actor is gone for good."""
        self.finished = True
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)

    async def wait_finished(self) -> None:
        if self.finished:
            return
        if self._gone is None:
            self._gone = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._gone)

    def _refuse(self, ask: Ask | None) -> None:
        if ask is None:
            self.dead_letters += 1
        elif ask is not BREAK:
            ask.fail(ActorStoppedError(self.path))

    def _line_up(self, message: Any, ask: Ask | None, room: "asyncio.Future[bool] | None") -> None:
        if self.senders is None:
            self.senders = deque()
        self.senders.append(((message, CURRENT.get(), ask), room))

    def _append(self, entry: Entry) -> None:
        self.queue.append(entry)

    def _overflow(self, ask: Ask | None) -> bool:
        """Called by `put` when there is no room."""
        if self.closed:
            return self._drop(ask)
        raise MailboxFullError(self.path, self.capacity)

    def _drop(self, ask: Ask | None) -> bool:
        if ask is not None:
            raise ActorStoppedError(self.path)
        self.dead_letters += 1
        return False


class CoalescingMailbox(Mailbox):
    """COALESCE: the queue holds keys, `_waiting` what each key stands for."""

    __slots__ = ("_key", "_waiting")

    def __init__(
        self, path: str, capacity: int, wake: Callable[[], None], key: Callable[[Any], Hashable]
    ) -> None:
        super().__init__(path, capacity, wake)
        self._key = key
        self._waiting: dict[Hashable, Entry] = {}
        self.pop = self._pop

    def put(self, message: Any, ask: Ask | None = None) -> bool:
        key = self._key(message)
        waiting = self._waiting
        if key in waiting:
            self._supersede(waiting[key][2])
            waiting[key] = (message, CURRENT.get(), ask)
            return True
        if len(waiting) >= self._limit:
            return self._overflow(ask)
        waiting[key] = (message, CURRENT.get(), ask)
        self.queue.append(key)
        if not self.awake:
            self.awake = True
            self._wake()
        return True

    def peek(self) -> Entry:
        return self._waiting[self.queue[0]]

    def _pop(self) -> Entry:
        return self._waiting.pop(self.queue.popleft())

    def _append(self, entry: Entry) -> None:
        key = self._key(entry[0])
        if key in self._waiting:
            self._supersede(self._waiting[key][2])
        else:
            self.queue.append(key)
        self._waiting[key] = entry

    def _supersede(self, ask: Ask | None) -> None:
        if ask is not None:
            ask.fail(AskSupersededError(self.path))


class ClosingMailbox(Mailbox):
    """CLOSE: a full mailbox takes nothing more until `reopen`."""

    __slots__ = ("broken", "lost")

    def __init__(self, path: str, capacity: int, wake: Callable[[], None]) -> None:
        super().__init__(path, capacity, wake)
        self.broken = False
        self.lost = 0

    def reopen(self) -> int:
        """Take messages again; gives the number that was refused."""
        lost, self.lost = self.lost, 0
        if self.broken and not self.closed:
            self._limit = self.capacity
        self.broken = False
        return lost

    def _overflow(self, ask: Ask | None) -> bool:
        if self.closed:
            return self._drop(ask)
        if ask is not None:
            raise MailboxFullError(self.path, self.capacity)
        if not self.broken:
            self.broken = True
            self._limit = -1
            self.queue.append((None, CURRENT.get(), BREAK))
        self.lost += 1
        return False


class _Break(Ask):
    """Stands in the place of an ask where a CLOSE mailbox has refused messages."""

    __slots__ = ()

    def __init__(self) -> None:
        """It has neither asker nor answer."""


BREAK: Final[Ask] = _Break()


def make_mailbox(spec: MailboxSpec, path: str, wake: Callable[[], None]) -> Mailbox:
    if spec.key is not None:
        return CoalescingMailbox(path, spec.capacity, wake, spec.key)
    if spec.overflow is Overflow.CLOSE:
        return ClosingMailbox(path, spec.capacity, wake)
    return Mailbox(path, spec.capacity, wake)
