"""Reconciles per second through the controller actor with a reconciler that does nothing.

`python benchmarks/actors/controller.py [--loop uvloop] [--runs 5] [--keys 1000 10000 100000]`. Each run tells every key
once, in turns of at most 1,000, and checks that every key was reconciled.
"""

import argparse
import asyncio
import gc
import statistics
import sys
import time
from typing import Any

from kube.actors.controller import Controller
from kube.actors.runtime.system import ActorSystem
from kube.client.workqueue import Result

DONE = Result()
BURST = 1000


class NoOp:
    def __init__(self, keys: int, done: "asyncio.Future[None]") -> None:
        self.left = keys
        self.done = done

    async def reconcile(self, key: str) -> Result:  # noqa: ARG002  # does nothing
        self.left -= 1
        if not self.left:
            self.done.set_result(None)
        return DONE


async def measure(keys: int, workers: int) -> float:
    """Reconciles per second."""
    names = [f"default/web-{number}" for number in range(keys)]
    async with ActorSystem() as system:
        reconciler = NoOp(keys, asyncio.get_running_loop().create_future())
        ref = await system.start(lambda: Controller("noop", reconciler, workers=workers), name="controller")
        gc.collect()
        begin = time.perf_counter()
        for start in range(0, keys, BURST):
            for name in names[start : start + BURST]:
                ref.tell(name)
            await asyncio.sleep(0)
        await reconciler.done
        return keys / (time.perf_counter() - begin)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--keys", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    options = parser.parse_args()
    factory: Any = asyncio.new_event_loop
    if options.loop == "uvloop":
        import uvloop  # noqa: PLC0415  # optional

        factory = uvloop.new_event_loop
    print(
        f"Python {sys.version.split()[0]}, {options.loop}, {options.runs} runs: median (min, max) per second"
    )
    with asyncio.Runner(loop_factory=factory) as runner:
        for keys in options.keys:
            for workers in (1, 5):
                rates = sorted(runner.run(measure(keys, workers)) for _ in range(options.runs))
                print(
                    f"{keys:>8} keys, {workers} workers {statistics.median(rates):>12,.0f} ({rates[0]:,.0f}, {rates[-1]:,.0f})"
                )


if __name__ == "__main__":
    main()
