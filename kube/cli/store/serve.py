"""``kube store serve``: the store alone, served over etcd's gRPC API. Flags are etcd's where etcd has them."""

import asyncio
import contextlib
import json
import sys
from typing import Any

import click

from kube.cli.directory import DATA_DIRECTORY
from kube.cli.errors import CommandError
from kube.cli.extra import require_etcd
from kube.cli.runner import at_signals, end_at_ctrl_c, run, until
from kube.cli.store.api import (
    Tls,
    api_options,
    auto_compaction,
    client_urls,
    listen,
    listen_urls,
    retention,
    server_config,
    store_limits,
)


@click.command()
@click.option("--name", default="default", show_default=True, help="The member's name.")
@click.option(
    "--data-dir",
    type=DATA_DIRECTORY,
    help="Keep everything in this directory. Without it the store is in memory.",
)
@click.option(
    "--replicas",
    default="1",
    show_default=True,
    type=click.Choice(["1", "3", "5"]),
    help="Members of the Raft store, all in this process.",
)
@api_options
def serve(log_level: str, **flags: Any) -> None:
    """Serve etcd's gRPC API from a store in this process. Ctrl-C stops it.

    etcdctl, and whatever else speaks to etcd, works with it. Without --data-dir everything is in memory, and gone at the end.
    """
    require_etcd()
    from kube.base import logging  # noqa: PLC0415  # help comes without it

    end_at_ctrl_c()
    logging.configure(level=log_level.upper())
    run(_serve(flags))


async def _serve(flags: dict[str, Any]) -> None:
    from kube.actors.runtime.system import ActorSystem  # noqa: PLC0415  # as above
    from kube.actors.store_member import start_members  # noqa: PLC0415  # as above
    from kube.base.chance import Chance  # noqa: PLC0415  # as above
    from kube.base.clock import SystemClock  # noqa: PLC0415  # as above
    from kube.base.stall import StallGuard  # noqa: PLC0415  # as above
    from kube.base.tasks import TaskOwner  # noqa: PLC0415  # as above
    from kube.store.etcd_server.server import EtcdServer  # noqa: PLC0415  # as above
    from kube.store.local import LocalStore  # noqa: PLC0415  # as above
    from kube.store.replicas import StoreConfig  # noqa: PLC0415  # as above

    clients = client_urls(flags)
    metrics = listen_urls(flags["listen_metrics_urls"], "--listen-metrics-urls")
    tls = Tls.of(flags)
    tls.check((*clients, *metrics), "--listen-client-urls")
    kept = retention(flags)
    config = StoreConfig(replicas=int(flags["replicas"]), **store_limits(flags))
    stopped = asyncio.Event()
    at_signals(stopped.set)
    async with contextlib.AsyncExitStack() as parts:
        guard = StallGuard(SystemClock())
        guard.start()
        parts.callback(guard.stop)
        chance = Chance.system()
        directory = _open_directory(flags, chance, parts)
        store: Any = LocalStore(config, guard, chance.fork("store"), directory=directory)
        parts.push_async_callback(store.aclose)
        system = ActorSystem(clock=guard, chance=chance)
        parts.push_async_callback(system.stop)
        await start_members(system, store)
        server = await parts.enter_async_context(EtcdServer(store, guard, server_config(flags)))
        urls = await listen(server.listen, clients, tls, "--listen-client-urls")
        metrics_urls = await listen(server.listen_metrics, metrics, tls, "--listen-metrics-urls")
        advertised = flags["advertise_client_urls"]
        store.replicas.member_name = flags["name"]
        store.replicas.client_urls = tuple(advertised.split(",")) if advertised else tuple(urls)
        tasks = await parts.enter_async_context(TaskOwner("store-serve"))
        if kept:
            mode = flags["auto_compaction_mode"]
            tasks.start(auto_compaction(mode, kept, store, guard), name="auto-compaction")
        _announce(flags, urls, metrics_urls)
        await until(stopped, system.wait())


def _open_directory(flags: dict[str, Any], chance: Any, parts: contextlib.AsyncExitStack) -> Any:
    """None without --data-dir. Raises CommandError."""
    path = flags["data_dir"]
    if path is None:
        return None
    from kube.store.wal.directory import open_store  # noqa: PLC0415  # as above
    from kube.store.wal.disk import DataDirectoryError  # noqa: PLC0415  # as above

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
