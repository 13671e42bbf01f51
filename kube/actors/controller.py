"""The controller actor: keys arrive as messages, wait in a work queue, and are reconciled, each by one worker at a time.

What a controller does is its reconciler's, below; this is the loop around it that all controllers share.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from msgspec import Struct

from kube.actors.runtime.actor import Actor
from kube.actors.runtime.mailbox import MailboxSpec, Overflow
from kube.actors.runtime.ref import Ref
from kube.base.cause import CURRENT, Cause
from kube.base.timers import Timer
from kube.client.workqueue import RateLimiter, Reconciler, Result, WorkQueue

BATCH: Final = 256
"""Reconciles that one worker does without waiting before it lets the loop do other things."""

TURN: Final = 0.005
"""Seconds that it may take for them."""


class Synced(Struct, frozen=True):
    """The cache of `source` holds the first list, and its keys have been told."""

    source: str


class AddAfter(Struct, frozen=True):
    """Reconcile `key` in so many seconds."""

    key: str
    seconds: float


class _Due(Struct, frozen=True):
    """The time of some key has come."""


Message = str | Synced | AddAfter | _Due
"""A plain string is a key that needs reconciling now."""

Subscribe = Callable[[Ref[Message]], Iterable[str]]
"""Registers with the informers, at each start of the actor anew, so that after a restart every object's key is told again.
Gives the sources for whose `Synced` the workers wait."""


def _itself(message: Message) -> Message:
    return message


class Controller(Actor[Message]):
    """Runs `reconciler` under the work queue `name`, with at most `workers` keys at a time.

    A key whose reconcile raises is tried again under the rate limit, at most `max_retries` times in a row (None: forever).
    An idle controller has no task. A restart begins with an empty queue and what `subscribe` makes the informers tell.
    """

    mailbox = MailboxSpec(capacity=1 << 20, overflow=Overflow.COALESCE, key=_itself)

    def __init__(
        self,
        name: str,
        reconciler: Reconciler,
        *,
        subscribe: Subscribe | None = None,
        workers: int = 1,
        rate_limiter: Callable[[], RateLimiter[str]] | None = None,
        max_retries: int | None = None,
    ) -> None:
        if workers < 1:
            raise ValueError(f"{name} needs at least one worker, not {workers}")
        self._name = name
        self._reconciler = reconciler
        self._subscribe = subscribe
        self._workers = workers
        self._rate_limiter = rate_limiter
        self._max_retries = max_retries
        self._running = 0
        self._timer: Timer | None = None
        self._causes: dict[str, Cause] = {}
        """What last led to each key that waits."""
        self._unsynced: dict[str, None] = {}

    def on_start(self) -> None:
        self._queue: WorkQueue[str] = WorkQueue(
            self.context.clock.monotonic,
            name=self._name,
            rate_limiter=None if self._rate_limiter is None else self._rate_limiter(),
            metrics=self.context.metrics,
        )
        if self._subscribe is not None:
            self._unsynced = dict.fromkeys(self._subscribe(self.context.self_ref))

    def on_stop(self) -> None:
        self._queue.shut_down()
        self._queue.close_metrics()

    def receive_batch(self, messages: list[Message]) -> None:
        queue, causes = self._queue, self._causes
        for message, cause in zip(messages, self.context.causes, strict=True):
            if isinstance(message, str):
                queue.add(message)
                if cause is not None:
                    causes[message] = cause
            elif isinstance(message, AddAfter):
                queue.add_after(message.key, message.seconds)
                if cause is not None:
                    causes[message.key] = cause
            elif isinstance(message, Synced):
                self._unsynced.pop(message.source, None)
            else:
                self._timer = None
        self._arrange()

    def _arrange(self) -> None:
        """Have as many workers as there is work for, and a timer for what waits for its time."""
        if self._unsynced:
            return
        queue = self._queue
        queue.release()
        for _ in range(min(self._workers - self._running, len(queue))):
            self._running += 1
            self.context.tasks.start(self._work(), name=f"worker {self._running}")
        self._arm()

    def _arm(self) -> None:
        ready = self._queue.next_ready()
        if ready is None:
            return
        timer = self._timer
        if timer is not None and timer.active:
            if timer.deadline <= self.context.clock.monotonic() + ready:
                return
            timer.cancel()
        self._timer = self.context.after(ready, _Due())

    async def _work(self) -> None:
        """Reconcile until nothing is due."""
        queue, reconcile, stopwatch = self._queue, self._reconciler.reconcile, self.context.system.stopwatch
        left, end = BATCH, stopwatch() + TURN
        while (key := queue.get()) is not None:
            CURRENT.set(
                self.context.system.causes.new(f"reconcile {self._name} {key}", self._causes.pop(key, None))
            )
            try:
                result = await reconcile(key)
            except asyncio.CancelledError as error:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                self._failed(key, error)
            except Exception as error:  # noqa: BLE001  # logged and tried again
                self._failed(key, error)
            else:
                self._succeeded(key, result)
            queue.done(key)
            left -= 1
            if left <= 0 or stopwatch() >= end:
                await asyncio.sleep(0)
                left, end = BATCH, stopwatch() + TURN
        self._running -= 1

    def _succeeded(self, key: str, result: Result) -> None:
        self._queue.forget(key)
        if result.requeue_after is not None:
            self._queue.add_after(key, result.requeue_after)
            self._remember(key)
            self._arm()

    def _failed(self, key: str, error: BaseException) -> None:
        queue = self._queue
        retries = queue.num_requeues(key)
        if self._max_retries is not None and retries >= self._max_retries:
            self.context.log.error(
                "reconcile failed too often, dropped", key=key, retries=retries, exc_info=error
            )
            queue.forget(key)
            return
        self.context.log.warning("reconcile failed", key=key, retries=retries, exc_info=error)
        queue.add_rate_limited(key)
        self._remember(key)
        self._arm()

    def _remember(self, key: str) -> None:
        """What is tried again has this reconcile as its cause, unless something else has come meanwhile."""
        cause = CURRENT.get()
        if cause is not None:
            self._causes.setdefault(key, cause)
