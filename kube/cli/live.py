"""The live line of ``kube up``: nodes, pods, revision, leader."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from rich.console import Console
from rich.live import Live
from rich.text import Text

from kube.actors.cluster import Cluster, is_node_ready
from kube.api.types.core_v1 import Node, Pod

PERIOD: Final = 1.0


async def follow(cluster: Cluster, stopped: asyncio.Event) -> None:
    """Redraw once a second until stopped."""
    with Live(Text(""), console=Console(), auto_refresh=False, transient=True) as live:
        while not stopped.is_set():
            live.update(await line(cluster), refresh=True)
            try:
                async with asyncio.timeout(PERIOD):
                    await stopped.wait()
            except TimeoutError:
                continue


async def line(cluster: Cluster) -> Text:
    """What the cluster has now. It is counted in the watch caches; nothing is copied."""
    transport = cluster.reader
    nodes = (await transport.list(Node, resource_version="0")).items
    pods = (await transport.list(Pod, resource_version="0")).items
    status = await cluster.store.status()
    running = _count(pods, lambda pod: pod.status.phase == "Running")
    text = Text()
    for name, value in (
        ("nodes", f"{_count(nodes, is_node_ready)}/{len(nodes)} ready"),
        ("pods", f"{running}/{len(pods)} running"),
        ("revision", str(status.revision)),
        ("leader", _member(status.leader)),
    ):
        text.append(f"{name} ", style="dim")
        text.append(f"{value}  ", style="bold")
    return text


def _member(number: int) -> str:
    """The store's own members are numbered; etcd's ids are 64 bits, which its tools write in hexadecimal."""
    if not number:
        return "none"
    return f"store-{number}" if number < 1000 else f"{number:x}"


def _count(objects: Any, holds: Callable[[Any], bool]) -> int:
    return sum(1 for obj in objects if holds(obj))
