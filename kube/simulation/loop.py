"""An event loop whose time is a number: it jumps to the next timer as soon as nothing is left to do.

It has no selector, sockets, threads or subprocesses, and raises on each: what a run depends on is then what its seed decides.
"""

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from heapq import heappop, heappush
from typing import Any, NoReturn, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
_Ts = TypeVarTuple("_Ts")

RESOLUTION = 1e-9
"""Seconds; timers that are closer to each other than this are due together."""


class OutsideWorldError(RuntimeError):
    """Something under simulation wanted a socket, a thread, a subprocess or a signal."""


class DeadlockError(RuntimeError):
    """Nothing is ready and no timer is armed: whatever the loop runs waits for nothing."""


class LivelockError(RuntimeError):
    """The loop has taken more turns than anything that ends would take."""


class _Callback(asyncio.TimerHandle):
    """For ``call_soon`` and timers alike. A batch of seeds makes millions: it is filled here, without what the stock one does for debugging."""

    __slots__ = ()
    _callback: Callable[..., object]
    _context: Context
    _loop: asyncio.AbstractEventLoop
    _repr: str | None
    _scheduled: bool
    _source_traceback: None
    _when: float

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: asyncio.AbstractEventLoop,
        context: Context | None,
    ) -> None:
        self._when = when
        self._callback = callback
        self._args = args
        self._loop = loop
        self._context = copy_context() if context is None else context
        self._cancelled = False
        self._scheduled = False
        self._repr = None
        self._source_traceback = None

    def call(self) -> None:
        """Unless it was cancelled. What it raises is the loop's to tell, as of every callback."""
        if self._cancelled:
            return
        try:
            self._context.run(self._callback, *self._args)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001  # as the stock handle does
            self._loop.call_exception_handler(
                {"message": f"Exception in callback {self!r}", "exception": error, "handle": self}
            )


class VirtualTimeLoop(asyncio.BaseEventLoop):
    """Callbacks run in the order in which they became ready; ``time`` starts at 0 and moves only between turns.

    Timers of one moment are due in the order in which they were set.
    """

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self.turns = 0
        """Turns taken so far."""
        self.max_turns = 1_000_000
        self._due: deque[_Callback] = deque()
        self._timers: list[tuple[float, int, _Callback]] = []
        """A heap: when, in which order set, and what."""
        self._numbers = itertools.count()

    def time(self) -> float:
        return self._now

    def call_soon(
        self, callback: Callable[[Unpack[_Ts]], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.Handle:
        handle = _Callback(self._now, callback, args, self, context)
        self._due.append(handle)
        return handle

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[_Ts]], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        timer = _Callback(when, callback, args, self, context)
        heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[_Ts]], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        when = self._now + delay
        timer = _Callback(when, callback, args, self, context)
        heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def _run_once(self) -> None:
        timers, due = self._timers, self._due
        self.turns += 1
        if self.turns > self.max_turns:
            raise LivelockError(f"{self.turns} turns, and it is only {self._now:.3f} s")
        if not due and not self._stopping:  # type: ignore[attr-defined]  # set by stop()
            while timers and timers[0][2].cancelled():
                heappop(timers)
            if not timers:
                raise DeadlockError("nothing is ready and no timer is armed")
            self._now = max(self._now, timers[0][0])
        end = self._now + RESOLUTION
        while timers and timers[0][0] <= end:
            due.append(heappop(timers)[2])
        for _ in range(len(due)):
            due.popleft().call()

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """A cancelled timer stays in the heap until it is due: rebuilding the heap would not change the order."""

    def _write_to_self(self) -> None:
        """Nobody waits in a selector."""

    def call_soon_threadsafe(
        self, callback: Callable[[Unpack[_Ts]], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """From the loop's own thread alone, where it is ``call_soon``."""
        if asyncio._get_running_loop() is not self:  # noqa: SLF001  # documented, and raises nothing outside of a loop
            raise OutsideWorldError("a thread called into the simulation")
        return self.call_soon(callback, *args, context=context)


def _refuse(name: str) -> Callable[..., NoReturn]:
    def refused(self: VirtualTimeLoop, *_: object, **__: object) -> NoReturn:
        raise OutsideWorldError(f"{type(self).__name__}.{name}: there is no outside world under simulation")

    refused.__name__ = name
    return refused


OUTSIDE = (
    *(
        "add_reader",
        "remove_reader",
        "add_writer",
        "remove_writer",
        "add_signal_handler",
        "remove_signal_handler",
    ),
    *("run_in_executor", "getaddrinfo", "getnameinfo", "sock_recv", "sock_recv_into", "sock_recvfrom"),
    *("sock_sendall", "sock_sendto", "sock_connect", "sock_accept", "sock_sendfile", "sendfile", "start_tls"),
    *("create_connection", "create_server", "create_datagram_endpoint", "create_unix_connection"),
    *("create_unix_server", "connect_accepted_socket", "connect_read_pipe", "connect_write_pipe"),
    *("subprocess_exec", "subprocess_shell"),
)
"""The methods of a loop that reach out of it; each raises OutsideWorldError, and without waiting."""

for _name in OUTSIDE:
    setattr(VirtualTimeLoop, _name, _refuse(_name))


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on a new loop, as ``asyncio.run`` does; tasks that are left are cancelled.

    Raises DeadlockError when nothing can ever happen any more.
    """
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
