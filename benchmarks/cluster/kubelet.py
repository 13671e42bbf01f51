"""Simulated nodes: memory of an idle kubelet, and pods from bound to Running.

`python benchmarks/cluster/kubelet.py [--nodes 100] [--pods 5000] [--loop uvloop] [--runs 3]`. The API server is the core
over a store of one member, in process, without events' admission or authorization. Pods are created and bound before the
clock starts, to nodes that are switched on when it does; each run checks that every pod is Running.
"""

import argparse
import asyncio
import contextlib
import cProfile
import gc
import importlib.util
import pstats
import statistics
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

from kube.actors.kubelet import SimulatedNodes
from kube.actors.runtime.system import ActorSystem
from kube.api.types.core_v1 import Pod
from kube.base.chance import Chance
from kube.base.clock import SystemClock
from kube.client.event_broadcaster import EventBroadcaster
from kube.kubelet.config import KubeletConfig

CONFTEST = Path(__file__).parents[2] / "tests/actors/kubelet/conftest.py"


def world_module() -> Any:
    """The tests' own API server core."""
    spec = importlib.util.spec_from_file_location("kubelet_world", CONFTEST)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def config(number: int) -> KubeletConfig:
    high, low = divmod(number, 256)
    return KubeletConfig(
        node_name=f"node-{number}",
        node_ip=f"10.1.{high}.{low}",
        pod_cidr=f"{11 + high // 4}.{high % 4 * 64 + low // 4}.{low % 4 * 64}.0/22",
        capacity={"pods": "1000"},
    )


async def roll_out(options: argparse.Namespace) -> float:
    """Seconds from the nodes' start until every pod is Running, less the nodes' own registration."""
    module = world_module()
    core = contextlib.asynccontextmanager(module.client.__wrapped__)
    clock = SystemClock()
    async with core() as client:
        broadcaster = EventBroadcaster(client, clock, Chance(4), max_queued=options.pods * 4)
        async with ActorSystem(clock=clock, chance=Chance(5)) as system:
            world = module.World(client, system, clock, broadcaster)
            for number in range(options.pods):
                await world.create(f"web-{number}", node=f"node-{number % options.nodes}")
            nodes = SimulatedNodes(client, broadcaster, Chance(6))
            done = asyncio.get_running_loop().create_future()
            watch = asyncio.create_task(count_running(client, options.pods, done))
            await asyncio.sleep(0.1)
            profile = cProfile.Profile() if options.profile else None
            gc.collect()
            if profile:
                profile.enable()
            begin, cpu = time.perf_counter(), time.process_time()
            await asyncio.gather(
                *(nodes.node(config(number)).start(system) for number in range(options.nodes))
            )
            registered = time.perf_counter() - begin
            await done
            took = time.perf_counter() - begin
            if profile:
                profile.disable()
                pstats.Stats(profile).sort_stats("tottime").print_stats(45)
                pstats.Stats(profile).sort_stats("cumtime").print_stats("kubelet|pod_worker|cri")
            await broadcaster.flush()
            everything = time.perf_counter() - begin
            print(
                f"  nodes registered at {registered:.2f} s, pods Running at {took:.2f} s, "
                f"events written at {everything:.2f} s ({broadcaster.written} written, {broadcaster.dropped} dropped), "
                f"{(time.process_time() - cpu) / options.pods * 1e6:.0f} us of CPU a pod in all"
            )
            watch.cancel()
        await broadcaster.aclose()
    return options.pods / took


async def count_running(client: Any, pods: int, done: "asyncio.Future[None]") -> None:
    running: dict[str, None] = {}
    async with client.watch(Pod, namespace="default", buffer=1_000_000) as events:
        async for event in events:
            if event.object.status.phase == "Running":
                running[event.object.metadata.name] = None
                if len(running) == pods:
                    done.set_result(None)
                    return


async def idle(count: int) -> None:
    module = world_module()
    core = contextlib.asynccontextmanager(module.client.__wrapped__)
    clock = SystemClock()
    async with core() as client:
        broadcaster = EventBroadcaster(client, clock, Chance(4), max_queued=count * 4)
        async with ActorSystem(clock=clock, chance=Chance(5)) as system:
            nodes = SimulatedNodes(client, broadcaster, Chance(6))
            for number in range(10):
                await nodes.node(config(number)).start(system)
            await broadcaster.flush()
            gc.collect()
            tracemalloc.start()
            before = tracemalloc.take_snapshot()
            began = time.perf_counter()
            kept = [nodes.node(config(number)) for number in range(10, 10 + count)]
            await asyncio.gather(*(node.start(system) for node in kept))
            print(f"{count} nodes registered in {time.perf_counter() - began:.2f} s (traced)")
            await broadcaster.flush()
            gc.collect()
            after = tracemalloc.take_snapshot()
            tracemalloc.stop()
            total = 0
            print("bytes a node, by file:")
            statistic = after.compare_to(before, "filename")
            for entry in statistic:
                total += entry.size_diff
            for entry in statistic[:40]:
                if abs(entry.size_diff) > 40 * count:
                    print(f"  {entry.size_diff / count:8.0f} {entry.traceback[0].filename}")
            print(f"  {total / count:8.0f} in all, API objects, their history and caches included")
        await broadcaster.aclose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument("--pods", type=int, default=2000)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument(
        "--idle", type=int, default=0, help="measure the memory of so many idle nodes instead"
    )
    options = parser.parse_args()
    factory: Any = asyncio.new_event_loop
    if options.loop == "uvloop":
        import uvloop  # noqa: PLC0415  # optional

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        if options.idle:
            runner.run(idle(options.idle))
            return
        print(f"Python {sys.version.split()[0]}, {options.loop}, {options.nodes} nodes, {options.pods} pods")
        rates = sorted(runner.run(roll_out(options)) for _ in range(options.runs))
        print(f"{statistics.median(rates):,.0f} pods/s to Running ({rates[0]:,.0f}, {rates[-1]:,.0f})")


if __name__ == "__main__":
    main()
