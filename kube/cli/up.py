"""``kube up``: a cluster in the foreground, in a process that belongs to it."""

import asyncio
import gc
import json
import os
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from kube.base.version import KUBERNETES_GIT_VERSION
from kube.cli.directory import DATA_DIRECTORY
from kube.cli.errors import CommandError
from kube.cli.extra import require_etcd
from kube.cli.runner import at_signals, end_at_ctrl_c, run, until
from kube.cli.text import HOST

DEFAULT_KUBECONFIG: Final = Path("~/.kube/kube-actors.yaml")
REPLICAS: Final = (1, 3, 5)
ETCD_HOST: Final = "127.0.0.1"
GC_THRESHOLDS: Final = (50_000, 50, 100)
"""A server that allocates many long-lived objects pays for each collection of the young generation."""
BLAS_THREADS: Final = "OPENBLAS_NUM_THREADS"


@click.command()
@click.option("--nodes", default=3, show_default=True, type=click.IntRange(min=0), help="Simulated nodes.")
@click.option(
    "--replicas",
    default="3",
    show_default=True,
    type=click.Choice([str(count) for count in REPLICAS]),
    help="Members of the Raft store, all in this process.",
)
@click.option(
    "--store",
    metavar="URL",
    help="An etcd to keep everything in: etcd://HOST:PORT[,HOST:PORT][/PREFIX]. Without it the store is in memory.",
)
@click.option("--store-cafile", metavar="FILE", default="", help="The authority of etcd's certificates, PEM.")
@click.option("--store-certfile", metavar="FILE", default="", help="The client certificate for etcd, PEM.")
@click.option("--store-keyfile", metavar="FILE", default="", help="Its private key, PEM.")
@click.option(
    "--data-dir",
    type=DATA_DIRECTORY,
    help="A directory to keep everything in, for the next start too. Made if it is not there.",
)
@click.option(
    "--etcd-port",
    type=click.IntRange(0, 65535),
    help="Serve the store at this port of 127.0.0.1 over etcd's gRPC API, without authentication. 0 picks a free one.",
)
@click.option(
    "--host", default="127.0.0.1", show_default=True, type=HOST, help="Address to serve the API at."
)
@click.option(
    "--port", default=6443, show_default=True, type=click.IntRange(0, 65535), help="0 picks a free one."
)
@click.option(
    "--kubeconfig",
    "path",
    default=DEFAULT_KUBECONFIG,
    show_default=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write. Your ~/.kube/config is not touched.",
)
@click.option("--output", "-o", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option(
    "--log-level",
    default="warning",
    show_default=True,
    type=click.Choice(["debug", "info", "warning", "error"]),
    help="What is logged to standard error.",
)
def up(  # noqa: PLR0917  # click passes them by name
    nodes: int,
    replicas: str,
    store: str | None,
    store_cafile: str,
    store_certfile: str,
    store_keyfile: str,
    data_dir: Path | None,
    etcd_port: int | None,
    host: str,
    port: int,
    path: Path,
    output: str,
    log_level: str,
) -> None:
    """Run a cluster in the foreground. Ctrl-C stops it.

    The store is in memory, unless --data-dir names a directory or --store an etcd: when the command ends, the cluster is gone.
    """
    settings: dict[str, Any] = {"nodes": nodes, "replicas": int(replicas), "listen": (host, port)}
    if store is not None:
        _refuse_with_store("replicas")
        settings["store"] = _etcd(store, store_cafile, store_certfile, store_keyfile)
    elif store_cafile or store_certfile or store_keyfile:
        raise click.UsageError("--store-cafile, --store-certfile and --store-keyfile need --store")
    if data_dir is not None:
        if "store" in settings:
            raise click.UsageError(
                "--data-dir is for the store of this process, --store for another one: give one of them"
            )
        settings["data_dir"] = data_dir.expanduser()
    if etcd_port is not None:
        if "store" in settings:
            raise click.UsageError(
                "--etcd-port serves the store of this process; with --store ask that etcd itself"
            )
        require_etcd()
        settings["etcd_listen"] = (ETCD_HOST, etcd_port)
    target = path.expanduser()
    _check_writable(target)
    end_at_ctrl_c()
    gc.disable()
    try:
        _import_parts()
        from kube.base import logging  # noqa: PLC0415  # as there

        logging.configure(level=log_level.upper())
        run(_serve(settings, path, target, as_json=output == "json"))
    finally:
        gc.enable()


def _refuse_with_store(*names: str) -> None:
    """What shapes the store of this process says nothing to an etcd. Raises click.UsageError."""
    context = click.get_current_context()
    for name in names:
        if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
            raise click.UsageError(
                f"--{name} is for a store in this process, not for the one that --store names"
            )


def _etcd(url: str, ca_file: str, cert_file: str, key_file: str) -> Any:
    """Where the store is. Raises CommandError."""
    from kube.store.etcd3.config import EtcdURLError, parse_url  # noqa: PLC0415  # the store in process needs none of it
    from kube.store.etcdpb.extra import MissingExtraError, require_etcd_extra  # noqa: PLC0415  # as above

    os.environ.setdefault(
        "GRPC_VERBOSITY", "NONE"
    )  # it would say on standard error what the errors say better
    try:
        require_etcd_extra()
        return parse_url(url, ca_file=ca_file, cert_file=cert_file, key_file=key_file)
    except (EtcdURLError, MissingExtraError) as error:
        raise CommandError(str(error)) from None


def _import_parts() -> None:
    """Import the cluster. Nothing here multiplies matrices: numpy's threads for that take half as long to start as numpy."""
    is_given = BLAS_THREADS in os.environ
    os.environ.setdefault(BLAS_THREADS, "1")
    import kube.actors.cluster  # noqa: F401, PLC0415  # help and refusals come without it

    if not is_given:
        del os.environ[BLAS_THREADS]


def _check_writable(path: Path) -> None:
    """Refuse before anything is started. Raises CommandError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        probe = path.with_name(f".{path.name}.probe")
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise CommandError(
            f"cannot write the kubeconfig {path}: {error.strerror}; name another with --kubeconfig"
        ) from None


async def _serve(settings: dict[str, Any], path: Path, target: Path, *, as_json: bool) -> None:
    """``path`` is what the user named, ``target`` where that is."""
    from kube.actors.cluster import Cluster  # noqa: PLC0415  # as above
    from kube.apiserver.server import ListenError  # noqa: PLC0415  # as above
    from kube.client import kubeconfig  # noqa: PLC0415  # as above
    from kube.store.errors import StoreError  # noqa: PLC0415  # as above
    from kube.store.etcd3.config import EtcdURLError  # noqa: PLC0415  # as above
    from kube.store.wal.disk import DataDirectoryError  # noqa: PLC0415  # as above

    stopped = asyncio.Event()
    at_signals(stopped.set)
    cluster = Cluster(**settings)
    try:
        if not await _unless(stopped, cluster.start, ListenError):
            return
    except (StoreError, EtcdURLError, DataDirectoryError) as error:
        raise CommandError(str(error)) from None
    try:
        try:
            kubeconfig.write(target, cluster.kubeconfig())
        except kubeconfig.KubeconfigError as error:
            raise CommandError(f"{error}; name another file with --kubeconfig") from None
        _announce(cluster, settings, path, as_json=as_json)
        _tend_garbage()
        await _until(stopped, cluster, live=not as_json and sys.stdout.isatty())
    finally:
        await cluster.stop()


async def _unless(
    stopped: asyncio.Event, start: Callable[[], Awaitable[None]], refusal: type[Exception]
) -> bool:
    """Start, unless Ctrl-C comes first. Raises CommandError for a refusal."""
    starting = asyncio.ensure_future(start())  # noqa: TID251  # a process of its own, and awaited right here
    waiting = asyncio.ensure_future(stopped.wait())  # noqa: TID251  # as above
    waiting.add_done_callback(lambda _: starting.cancel())
    try:
        await starting
    except refusal as error:
        raise CommandError(
            f"{error}; choose another port with --port (or --etcd-port), or 0 for a free one"
        ) from None
    except asyncio.CancelledError:
        if not stopped.is_set():
            raise
        return False
    finally:
        waiting.cancel()
    return True


def _tend_garbage() -> None:
    """From here on. What the start has made is hardly garbage, and stays: the collector need not look at it."""
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    gc.enable()


def _counted(number: int, thing: str) -> str:
    """``1 node``, ``2 nodes``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _announce(cluster: Any, settings: dict[str, Any], path: Path, *, as_json: bool) -> None:
    facts = {
        "server": cluster.url,
        "kubeconfig": str(path.expanduser()),
        "version": KUBERNETES_GIT_VERSION,
        "nodes": settings["nodes"],
        "replicas": settings["replicas"],
        "store": "memory",
    }
    replicas = _counted(settings["replicas"], "store replica")
    where = f"{replicas}, in memory"
    if "data_dir" in settings:
        facts["store"] = str(settings["data_dir"])
        where = f"{replicas} in {settings['data_dir']}"
    if "store" in settings:
        facts["replicas"] = 0
        facts["store"] = f"etcd at {', '.join(settings['store'].endpoints)}"
        where = f"store: {facts['store']}"
    etcd = cluster.etcd_address
    if etcd is not None:
        facts["etcd"] = f"http://{etcd[0]}:{etcd[1]}"
    if as_json:
        click.echo(json.dumps(facts))
    else:
        click.echo(
            f"Kubernetes {KUBERNETES_GIT_VERSION} is ready at {cluster.url} "
            f"({_counted(settings['nodes'], 'node')}, {where})"
        )
        click.echo(f"Try:  kubectl --kubeconfig {path} get nodes")
        if etcd is not None:
            click.echo(f"      etcdctl --endpoints {facts['etcd']} get /registry --prefix --keys-only")
    sys.stdout.flush()


async def _until(stopped: asyncio.Event, cluster: Any, *, live: bool) -> None:
    """Wait for Ctrl-C, with a live line on a terminal. Raises what makes the cluster fail."""
    follow: Callable[[], Awaitable[None]] | None = None
    if live:
        from kube.cli import live as line  # noqa: PLC0415  # rich, for terminals alone

        follow = partial(line.follow, cluster, stopped)
    await until(stopped, cluster.wait(), follow)
