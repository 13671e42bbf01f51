"""The process of ``kube store serve``: a store with all its members, and etcd's API in front of it."""

import asyncio
import contextlib
import json
import sys
from typing import Any

import click

from kube.actors.runtime.system import ActorSystem
from kube.actors.store_member import start_members
from kube.base.chance import Chance
from kube.base.clock import SystemClock
from kube.base.stall import StallGuard
from kube.base.tasks import TaskOwner
from kube.cli.errors import CommandError
from kube.cli.runner import at_signals, until
from kube.cli.store.api import (
    Tls,
    advertised_urls,
    auto_compaction,
    client_urls,
    listen,
    listen_urls,
    retention,
    server_config,
    store_limits,
)
from kube.store.config import StoreConfig
from kube.store.etcd_server.server import EtcdServer
from kube.store.local import LocalStore
from kube.store.wal.directory import StoreDirectory, open_store
from kube.store.wal.disk import DataDirectoryError


async def serve_store(flags: dict[str, Any]) -> None:
    """Until it is told to stop. Raises CommandError."""
    clients = client_urls(flags)
    metrics = listen_urls(flags["listen_metrics_urls"], "--listen-metrics-urls")
    tls = Tls.of(flags)
    tls.check((*clients, *metrics), "--listen-client-urls")
    advertised, kept = advertised_urls(flags), retention(flags)
    config = StoreConfig(replicas=int(flags["replicas"]), **store_limits(flags))
    api = server_config(flags)
    stopped = asyncio.Event()
    at_signals(stopped.set)
    async with contextlib.AsyncExitStack() as parts:
        guard = StallGuard(SystemClock())
        guard.start()
        parts.callback(guard.stop)
        chance = Chance.system()
        directory = _open_directory(flags, chance, parts)
        store = LocalStore(config, guard, chance.fork("store"), directory=directory)
        parts.push_async_callback(store.aclose)
        system = ActorSystem(clock=guard, chance=chance)
        parts.push_async_callback(system.stop)
        await start_members(system, store)
        server = await parts.enter_async_context(EtcdServer(store, guard, api))
        urls = await listen(server.listen, clients, tls, "--listen-client-urls")
        metrics_urls = await listen(server.listen_metrics, metrics, tls, "--listen-metrics-urls")
        store.replicas.member_name = flags["name"]
        store.replicas.client_urls = advertised or tuple(urls)
        tasks = await parts.enter_async_context(TaskOwner("store-serve"))
        if kept:
            mode = flags["auto_compaction_mode"]
            tasks.start(auto_compaction(mode, kept, store, guard), name="auto-compaction")
        _announce(flags, urls, metrics_urls)
        await until(stopped, system.wait())


def _open_directory(
    flags: dict[str, Any], chance: Chance, parts: contextlib.AsyncExitStack
) -> StoreDirectory | None:
    """None without --data-dir. Raises CommandError."""
    path = flags["data_dir"]
    if path is None:
        return None
    try:
        directory = open_store(path, int(flags["replicas"]), chance.fork("directory"))
    except DataDirectoryError as error:
        raise CommandError(str(error)) from None
    parts.callback(directory.close)
    return directory


def _announce(flags: dict[str, Any], urls: list[str], metrics_urls: list[str]) -> None:
    data_dir = flags["data_dir"]
    if flags["output"] == "json":
        facts = {
            "endpoints": urls,
            "metrics": metrics_urls,
            "replicas": int(flags["replicas"]),
            "dataDir": None if data_dir is None else str(data_dir),
        }
        click.echo(json.dumps(facts))
    else:
        members = "1 replica" if flags["replicas"] == "1" else f"{flags['replicas']} replicas"
        where = "in memory: what is written is gone when this ends" if data_dir is None else f"in {data_dir}"
        click.echo(f"The store serves etcd's API at {', '.join(urls)} ({members}, {where})")
        click.echo(f"Try:  etcdctl --endpoints {urls[0]} put greeting hello")
    sys.stdout.flush()
