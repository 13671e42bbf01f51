"""``kube scheduler``, ``kube controller-manager``, ``kube kubelet``: one component alone, against any API server."""

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable
from functools import wraps
from pathlib import Path
from typing import Any, Final

import click

from kube.cli.errors import CommandError
from kube.cli.runner import at_signals, end_at_ctrl_c, run, until

Start = Callable[[Any, Any, contextlib.AsyncExitStack], Awaitable[None]]
"""Starts a component in an actor system, over a transport. What the stack holds is closed when the actors have stopped."""

CONNECT_SECONDS: Final = 5.0


def _common(function: Callable[..., None]) -> Callable[..., None]:
    @wraps(function)
    def command(**arguments: Any) -> None:
        end_at_ctrl_c()
        function(**arguments)

    for option in (
        click.option(
            "--kubeconfig",
            required=True,
            type=click.Path(path_type=Path, dir_okay=False),
            help="How to reach the API server.",
        ),
        click.option(
            "--log-level",
            default="warning",
            show_default=True,
            type=click.Choice(["debug", "info", "warning", "error"]),
        ),
    ):
        command = option(command)
    return command


@click.command()
@_common
def scheduler(kubeconfig: Path, log_level: str) -> None:
    """Run a scheduler alone against an API server."""

    async def start(system: Any, transport: Any, _stack: contextlib.AsyncExitStack) -> None:
        from kube.actors.scheduler import SchedulerActor  # noqa: PLC0415  # help comes without it

        await system.start(lambda: SchedulerActor(transport), name="scheduler")

    _run("scheduler", kubeconfig, log_level, start)


@click.command()
@_common
@click.option("--controllers", default="*", show_default=True, help="A comma-separated list: *, name, -name.")
@click.option(
    "--root-ca-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Published in every namespace; by default the kubeconfig's.",
)
def controller_manager(kubeconfig: Path, log_level: str, controllers: str, root_ca_file: Path | None) -> None:
    """Run the controllers alone against an API server."""
    from kube.actors.controller_manager import ControllerManager, enabled  # noqa: PLC0415  # as above
    from kube.controllers.initializers import Settings, initializers  # noqa: PLC0415  # as above

    root_ca = root_ca_file.read_text() if root_ca_file is not None else _authority(kubeconfig)
    table = initializers(Settings(root_ca=root_ca))
    chosen = tuple(name.strip() for name in controllers.split(","))
    try:
        enabled(table, chosen)
    except ValueError as error:
        raise click.UsageError(str(error)) from None

    async def start(system: Any, transport: Any, _stack: contextlib.AsyncExitStack) -> None:
        await system.start(
            lambda: ControllerManager(transport, table, controllers=chosen), name="controller-manager"
        )

    _run("controller manager", kubeconfig, log_level, start)


@click.command()
@_common
@click.option("--node-name", required=True, help="The name to register under.")
@click.option("--node-ip", default="127.0.0.1", show_default=True, help="The address to register.")
def kubelet(kubeconfig: Path, log_level: str, node_name: str, node_ip: str) -> None:
    """Run one simulated node alone against an API server."""

    async def start(system: Any, transport: Any, stack: contextlib.AsyncExitStack) -> None:
        from kube.actors.kubelet import SimulatedNodes  # noqa: PLC0415  # as above
        from kube.client.event_broadcaster import EventBroadcaster  # noqa: PLC0415  # as above
        from kube.client.typed import TypedClient  # noqa: PLC0415  # as above
        from kube.kubelet.config import KubeletConfig  # noqa: PLC0415  # as above

        client = TypedClient(transport)
        broadcaster = EventBroadcaster(client, system.clock, system.chance.fork("events"))
        stack.push_async_callback(broadcaster.aclose)
        nodes = SimulatedNodes(client, broadcaster, system.chance.fork("nodes"))
        await nodes.node(KubeletConfig(node_name=node_name, node_ip=node_ip)).start(system)

    _run(f"node {node_name}", kubeconfig, log_level, start)


def _authority(path: Path) -> str:
    authority = _connection(path).ca
    return authority.decode() if authority else ""


def _connection(path: Path) -> Any:
    from kube.client import kubeconfig as files  # noqa: PLC0415  # as above

    try:
        return files.load(path).connection()
    except files.KubeconfigError as error:
        raise CommandError(str(error)) from None


def _run(what: str, path: Path, log_level: str, start: Start) -> None:
    from kube.base import logging  # noqa: PLC0415  # as above

    logging.configure(level=log_level.upper())
    run(_serve(what, _connection(path), start))


async def _serve(what: str, connection: Any, start: Start) -> None:
    from kube.actors.runtime.system import ActorSystem  # noqa: PLC0415  # as above
    from kube.base.clock import SystemClock  # noqa: PLC0415  # as above
    from kube.client.http import HTTPTransport  # noqa: PLC0415  # as above

    stopped = asyncio.Event()
    at_signals(stopped.set)
    clock = SystemClock()
    async with contextlib.AsyncExitStack() as stack:
        transport = HTTPTransport(connection, clock=clock)
        stack.push_async_callback(transport.aclose)
        await _reach(transport, connection)
        async with ActorSystem(clock=clock) as system:
            await start(system, transport, stack)
            click.echo(f"The {what} runs against {connection.server}")
            sys.stdout.flush()
            await until(stopped, system.wait())


async def _reach(transport: Any, connection: Any) -> None:
    """Say clearly that nobody answers, before anything is started. Raises CommandError."""
    from kube.apimachinery.errors import ApiError  # noqa: PLC0415  # as above

    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await transport.get_raw("/version")
    except (ApiError, TimeoutError, OSError) as error:
        why = str(error) or "no answer"
        raise CommandError(f"cannot reach the API server at {connection.server}: {why}") from None
