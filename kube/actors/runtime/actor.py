"""What an actor is: an object that handles one message at a time."""

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from kube.actors.runtime.mailbox import MailboxSpec
from kube.actors.runtime.supervision import Supervision

if TYPE_CHECKING:
    from kube.actors.runtime.context import Context

M = TypeVar("M")


class Actor(Generic[M]):
    """Subclass, implement `receive` (or `receive_batch`), and `spawn` it by a factory, since a restart makes a new one.

    Every hook and handler may be a plain function or a coroutine function. A plain one costs no task; an idle actor has
    none either way. While a coroutine handler waits, its actor handles nothing else: what takes time belongs into an
    owned task (`context.tasks`, `context.answer_later`).

    What a handler raises fails the actor, and its supervisor restarts it; the types in `refusals` are, in an ask, answers
    instead.
    """

    mailbox: ClassVar[MailboxSpec] = MailboxSpec()
    supervision: ClassVar[Supervision] = Supervision()
    """How this actor's children are supervised."""

    stop_timeout: ClassVar[float] = 1.0
    """Seconds for the handler that runs, and again for `on_stop`, before they are cancelled."""

    prompt: ClassVar[bool] = False
    """When woken by another prompt actor, have the turn in the same callback of the loop, right after that one's: for actors
    that answer each other many times for one request."""

    refusals: ClassVar[tuple[type[Exception], ...]] = ()
    """Errors that belong to the protocol: raised while an ask is handled they go to the asker, and nothing fails."""

    context: "Context[M]"
    """Set before `on_start`."""

    def receive(self, message: M) -> Any:
        """Handle one message; what it returns answers an ask, unless it is a `Reply` of `context.defer()`."""
        raise TypeError(f"{type(self).__name__} has no receive for {type(message).__name__}")

    receive_batch: Any = None
    """`def receive_batch(self, messages: list[M])`, in place of `receive` for messages that are told: what has arrived, in
    order, at most 256 at once. Asks come to `receive`, in their turn."""

    def on_start(self) -> Awaitable[None] | None:
        """Runs before the first message, and again in the fresh object after a restart."""
        return None

    def on_stop(self) -> Awaitable[None] | None:
        """Runs last: handlers, owned tasks and children have ended."""
        return None

    def on_failure(self, error: BaseException) -> Awaitable[None] | None:  # noqa: ARG002  # for those who override it
        """Runs in the failed object in place of `on_stop`, before it is dropped; by default releases what that releases."""
        return self.on_stop()

    def on_overflow(self, lost: int) -> Awaitable[None] | None:  # noqa: ARG002  # for those who override it
        """The stream broke here and `lost` messages are missing (Overflow.CLOSE); new ones are taken from now on."""
        return None
