"""Waiting for what has no event, and time that a busy machine does not count."""

import asyncio
from collections.abc import Callable
from pathlib import Path


async def until(condition: Callable[[], bool], *, seconds: float = 10.0, pause: float = 0.0) -> None:
    """Look again after each turn of the loop, or after ``pause`` seconds where another process brings it about."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # it looks from outside at what has no event
            await asyncio.sleep(pause)


def waited(pid: int | str = "self") -> float:
    """Seconds that a process could have run while others had the cores (Linux; 0 elsewhere, and of a process that is gone)."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0
