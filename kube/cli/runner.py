"""Runs a command's coroutine in a process of its own, on uvloop where there is one, until it is told to stop."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from kube.actors.runtime.errors import HopelessError, RestartIntensityError
from kube.base import descriptors
from kube.cli.errors import CommandError

T = TypeVar("T")


def end_at_ctrl_c() -> None:
    """Until the loop has handlers of its own, Ctrl-C ends the process: there is nothing to be stopped yet.

    As an exception it could be lost: one that is raised in a callback of the import system is ignored. Windows has nothing
    but the exception.
    """
    if sys.platform != "win32":
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def at_signals(stop: Callable[[], object]) -> None:
    """On a running loop: from now on Ctrl-C and SIGTERM call ``stop``. (On Windows there is nothing but the exception.)"""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop)


def run(main: Coroutine[Any, Any, T]) -> T:
    """asyncio.run, on uvloop where it is installed (not on Windows), with as many open files as the system allows."""
    descriptors.raise_limit()
    try:
        import uvloop  # noqa: PLC0415  # see above
    except ImportError:
        return asyncio.run(main)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


async def until(
    stopped: asyncio.Event,
    running: Coroutine[Any, Any, object],
    waiting: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Until ``stopped`` is set, or ``running`` is over, whose error is raised: CommandError for actors that failed for good.
    ``waiting``: what returns when it is set, and does something meanwhile.
    """
    failing = asyncio.ensure_future(running)  # noqa: TID251  # a process of its own; cancelled below
    failing.add_done_callback(lambda _: stopped.set())
    try:
        await (stopped.wait() if waiting is None else waiting())
        if failing.done() and not failing.cancelled():
            failing.result()
    except (HopelessError, RestartIntensityError) as error:  # of which the log has all there is to say
        raise CommandError(str(error)) from None
    finally:
        failing.cancel()
