"""An event loop whose time is a number: it jumps to the next timer as soon as nothing is left to do.

It has no selector, sockets, threads or subprocesses, and raises on each: what a run depends on is then what its seed decides.
"""

import asyncio
import heapq
from collections.abc import Callable, Coroutine
from contextvars import Context
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


class VirtualTimeLoop(asyncio.BaseEventLoop):
    """Callbacks run in the order in which they became ready; ``time`` starts at 0 and moves only between turns."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self.turns = 0
        """Turns taken so far."""
        self.max_turns = 1_000_000

    def time(self) -> float:
        return self._now

    def _run_once(self) -> None:
        scheduled: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]  # the stock loop's heap
        ready = self._ready  # type: ignore[attr-defined]  # the stock loop's queue
        self.turns += 1
        if self.turns > self.max_turns:
            raise LivelockError(f"{self.turns} turns, and it is only {self._now:.3f} s")
        while scheduled and scheduled[0].cancelled():
            self._drop(heapq.heappop(scheduled))
        if not ready and not self._stopping:  # type: ignore[attr-defined]  # set by stop()
            if not scheduled:
                raise DeadlockError("nothing is ready and no timer is armed")
            self._now = max(self._now, scheduled[0].when())
        end = self._now + RESOLUTION
        while scheduled and scheduled[0].when() <= end:
            handle = heapq.heappop(scheduled)
            handle._scheduled = False  # type: ignore[attr-defined]  # noqa: SLF001  # as the stock loop does
            if not handle.cancelled():
                ready.append(handle)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:  # noqa: SLF001  # as the stock loop does
                handle._run()  # noqa: SLF001  # as the stock loop does

    @staticmethod
    def _drop(handle: asyncio.TimerHandle) -> None:
        handle._scheduled = False  # type: ignore[attr-defined]  # noqa: SLF001  # as the stock loop does

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
