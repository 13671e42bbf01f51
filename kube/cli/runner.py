"""Runs a command's coroutine in a process of its own: on uvloop where there is one."""

import asyncio
import signal
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def end_at_ctrl_c() -> None:
    """Until the loop has handlers of its own, Ctrl-C ends the process: there is nothing to be stopped yet.

    As an exception it could be lost: one that is raised in a callback of the import system is ignored. Windows has nothing
    but the exception.
    """
    if sys.platform != "win32":
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def run(main: Coroutine[Any, Any, T]) -> T:
    """asyncio.run, on uvloop where it is installed (not on Windows)."""
    try:
        import uvloop  # noqa: PLC0415  # see above
    except ImportError:
        return asyncio.run(main)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)
