"""Messages through one mailbox, in one process: `python benchmarks/actors/mailbox.py [--loop uvloop] [--runs 5]`.

Each run sends and handles 400,000 messages in bursts of 1,000 and checks that every one arrived, in order, once.
"""

import argparse
import asyncio
import gc
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from kube.actors.runtime.actor import Actor
from kube.actors.runtime.ask import Request
from kube.actors.runtime.mailbox import MailboxSpec, Overflow
from kube.actors.runtime.system import ActorSystem

MESSAGES = 400_000
BURST = 1_000  # what waits at once, as in a bounded mailbox
ASKS = 50_000
ACTORS = 10_000


class Plain(Actor[int]):
    def __init__(self, done: "asyncio.Future[int]") -> None:
        self.done = done
        self.seen = 0

    def receive(self, message: int) -> None:
        if message != self.seen:
            raise ValueError(f"{message} arrived in the place of {self.seen}")
        self.seen += 1
        if self.seen == MESSAGES:
            self.done.set_result(self.seen)


class Coroutine(Plain):
    async def receive(self, message: int) -> None:  # type: ignore[override]  # a handler may be either
        super().receive(message)


class Batched(Plain):
    def receive_batch(self, messages: list[int]) -> None:
        if messages[0] != self.seen:
            raise ValueError(f"{messages[0]} arrived in the place of {self.seen}")
        self.seen += len(messages)
        if self.seen == MESSAGES:
            self.done.set_result(self.seen)


class Coalescing(Plain):
    mailbox = MailboxSpec(overflow=Overflow.COALESCE, key=lambda message: message)


class Echo(Request[int]):
    __slots__ = ("value",)

    def __init__(self, value: int) -> None:
        self.value = value


class Echoing(Actor[Echo]):
    def receive(self, message: Echo) -> int:
        return message.value


def telling(kind: Callable[["asyncio.Future[int]"], Actor[int]]) -> Callable[[ActorSystem], Awaitable[int]]:
    async def run(system: ActorSystem) -> int:
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        ref = system.spawn(lambda: kind(done), name="actor")
        tell = ref.tell
        for start in range(0, MESSAGES, BURST):
            for message in range(start, start + BURST):
                tell(message)
            while ref.depth:  # noqa: ASYNC110  # turns are what is measured
                await asyncio.sleep(0)
        return await done

    return run


async def asking(system: ActorSystem) -> int:
    ref = system.spawn(Echoing, name="actor")
    for value in range(ASKS):
        if await ref.ask(Echo(value), timeout=5) != value:
            raise ValueError("wrong answer")
    return ASKS


async def spawning(system: ActorSystem) -> int:
    for number in range(ACTORS):
        system.spawn(Echoing, name=str(number))
    return len(system.describe())


CASES: dict[str, Callable[[ActorSystem], Awaitable[int]]] = {
    "tell, plain receive": telling(Plain),
    "tell, receive_batch": telling(Batched),
    "tell, coalescing, distinct keys": telling(Coalescing),
    "tell, async receive": telling(Coroutine),
    "ask, one after the other": asking,
    "spawn": spawning,
}


async def measure(case: Callable[[ActorSystem], Awaitable[int]]) -> float:
    """Operations per second."""
    async with ActorSystem() as system:
        gc.collect()
        begin = time.perf_counter()
        count = await case(system)
        return count / (time.perf_counter() - begin)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    factory: Any = asyncio.new_event_loop
    if options.loop == "uvloop":
        import uvloop  # noqa: PLC0415  # optional

        factory = uvloop.new_event_loop
    print(
        f"Python {sys.version.split()[0]}, {options.loop}, {options.runs} runs: median (min, max) per second"
    )
    with asyncio.Runner(loop_factory=factory) as runner:
        for name, case in CASES.items():
            rates = sorted(runner.run(measure(case)) for _ in range(options.runs))
            print(f"{name:34} {statistics.median(rates):>12,.0f} ({rates[0]:,.0f}, {rates[-1]:,.0f})")


if __name__ == "__main__":
    main()
