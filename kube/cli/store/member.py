"""``kube store member``: one member of a store whose other members are elsewhere. Flags are etcd's where etcd has them."""

import asyncio
import contextlib
import json
import signal
import sys
from pathlib import Path
from typing import Any, Final

import click

from kube.cli.errors import CommandError
from kube.cli.runner import end_at_ctrl_c, run
from kube.cli.store.serve import DEFAULT_URL, Tls, listen, parse_urls, until

DEFAULT_PEER_URL: Final = "http://127.0.0.1:2380"
TICKS: Final = 2
"""Of raft's time between two heartbeats; the more, the fewer members stand for election at the same moment."""
HAND_OVER_SECONDS: Final = 0.7
FAREWELL_SECONDS: Final = 0.5
"""Between the moment at which a member learns that it was removed and its end: what it still has to say goes out."""
_FILE: Final = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command()
@click.option("--name", default="default", show_default=True, help="The member's name.")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep everything in this directory. Without it the member is in memory and can't be started again.",
)
@click.option(
    "--listen-peer-urls",
    default=DEFAULT_PEER_URL,
    show_default=True,
    help="Where the other members connect to.",
)
@click.option(
    "--initial-advertise-peer-urls",
    help="How the other members reach this one; by default where it listens.",
)
@click.option(
    "--initial-cluster",
    help="All members at the start: NAME=URL,NAME=URL,… By default this one alone.",
)
@click.option(
    "--initial-cluster-state",
    type=click.Choice(["new", "existing"]),
    default="new",
    show_default=True,
    help="existing: join a store that runs, after somebody has added this member to it.",
)
@click.option(
    "--initial-cluster-token",
    default="etcd-cluster",
    show_default=True,
    help="Stores with different tokens never take each other's members for their own.",
)
@click.option(
    "--listen-client-urls",
    default=DEFAULT_URL,
    show_default=True,
    help="Where to serve clients, separated by commas; port 0 picks a free one.",
)
@click.option(
    "--advertise-client-urls", help="What the members' list tells clients; by default where it listens."
)
@click.option("--peer-cert-file", type=_FILE, help="This member's certificate for its peers, PEM.")
@click.option("--peer-key-file", type=_FILE, help="Its private key, PEM.")
@click.option("--peer-trusted-ca-file", type=_FILE, help="The authority of the members' certificates, PEM.")
@click.option(
    "--peer-client-cert-auth",
    is_flag=True,
    help="Let only members in that have a certificate of that authority.",
)
@click.option("--cert-file", type=_FILE, help="The certificate for clients, PEM, for https URLs.")
@click.option("--key-file", type=_FILE, help="Its private key, PEM.")
@click.option("--trusted-ca-file", type=_FILE, help="The authority of clients' certificates, PEM.")
@click.option("--client-cert-auth", is_flag=True, help="Serve only who has a certificate of that authority.")
@click.option(
    "--snapshot-count",
    default=10_000,
    show_default=True,
    type=click.IntRange(min=1),
    help="Entries of the log between two snapshots.",
)
@click.option(
    "--heartbeat-interval", default=40, show_default=True, type=click.IntRange(min=1), help="Milliseconds."
)
@click.option(
    "--election-timeout",
    default=200,
    show_default=True,
    type=click.IntRange(min=5),
    help="Milliseconds without a leader after which a member stands for election, up to twice as many.",
)
@click.option(
    "--strict-reconfig-check/--no-strict-reconfig-check",
    default=True,
    show_default=True,
    help="Refuse changes of members that the members who run now could not survive.",
)
@click.option(
    "--quota-backend-bytes",
    type=click.IntRange(min=0),
    help="Above this much data only deletions are taken. 0: the default.",
)
@click.option("--output", "-o", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option(
    "--log-level",
    default="warning",
    show_default=True,
    type=click.Choice(["debug", "info", "warning", "error"]),
)
def member(log_level: str, **flags: Any) -> None:
    """Run one member of a store whose other members run elsewhere, and serve etcd's gRPC API. Ctrl-C stops it.

    Every member of a new store is started with the same --initial-cluster.
    """
    from kube.store.etcdpb.extra import MissingExtraError, require_etcd_extra  # noqa: PLC0415  # help comes without it

    try:
        require_etcd_extra()
    except MissingExtraError as error:
        raise CommandError(str(error)) from None
    from kube.base import logging  # noqa: PLC0415  # as above
    from kube.store.membership import AddressError  # noqa: PLC0415  # as above

    end_at_ctrl_c()
    logging.configure(level=log_level.upper())
    try:
        run(_run(flags))
    except AddressError as error:
        raise CommandError(str(error)) from None


# ---- what the flags say


def _initial_cluster(flags: dict[str, Any]) -> Any:
    """Raises AddressError."""
    from kube.store.membership import parse_initial_cluster, parse_urls  # noqa: PLC0415  # as above
    from kube.store.peer.bootstrap import InitialCluster  # noqa: PLC0415  # as above

    name = flags["name"]
    advertised = parse_urls(flags["initial_advertise_peer_urls"] or flags["listen_peer_urls"])
    given = flags["initial_cluster"]
    return InitialCluster(
        name=name,
        members=parse_initial_cluster(given) if given else {name: advertised},
        token=flags["initial_cluster_token"],
        advertised=advertised,
    )


def _peer_tls(flags: dict[str, Any]) -> Any:
    """None without certificates. Raises CommandError."""
    from kube.store.peer.tls import PeerTLS  # noqa: PLC0415  # as above

    given = [flags[name] for name in ("peer_cert_file", "peer_key_file", "peer_trusted_ca_file")]
    if not any(given):
        if flags["peer_client_cert_auth"]:
            raise CommandError(
                "--peer-client-cert-auth needs --peer-cert-file, --peer-key-file, --peer-trusted-ca-file"
            )
        return None
    if not all(given):
        raise CommandError("--peer-cert-file, --peer-key-file and --peer-trusted-ca-file come together")
    cert, key, authority = given
    return PeerTLS(cert, key, authority, client_cert_auth=flags["peer_client_cert_auth"])


def _store_config(flags: dict[str, Any]) -> Any:
    """Raises CommandError."""
    from kube.store.replicas import StoreConfig  # noqa: PLC0415  # as above

    heartbeat, election = flags["heartbeat_interval"], flags["election_timeout"]
    if election < 5 * heartbeat:
        raise CommandError(
            f"--election-timeout {election} is less than five times --heartbeat-interval {heartbeat}: a late "
            "heartbeat would cost the leader its place"
        )
    quota = {"quota_bytes": flags["quota_backend_bytes"]} if flags["quota_backend_bytes"] else {}
    return StoreConfig(
        tick=heartbeat / 1000 / TICKS,
        heartbeat_ticks=TICKS,
        election_ticks=round(election * TICKS / heartbeat),
        snapshot_entries=flags["snapshot_count"],
        catch_up_entries=max(1, flags["snapshot_count"] // 2),
        **quota,
    )


# ---- the member


async def _run(flags: dict[str, Any]) -> None:
    from kube.base.chance import Chance  # noqa: PLC0415  # as above
    from kube.base.clock import SystemClock  # noqa: PLC0415  # as above
    from kube.base.stall import StallGuard  # noqa: PLC0415  # as above
    from kube.store.peer.bootstrap import BootstrapError  # noqa: PLC0415  # as above
    from kube.store.peer.listener import ListenError  # noqa: PLC0415  # as above
    from kube.store.wal.disk import DataDirectoryError  # noqa: PLC0415  # as above

    stopped = _Stop()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows has KeyboardInterrupt alone
            loop.add_signal_handler(number, stopped.signal)
    config = _store_config(flags)
    async with stopped, contextlib.AsyncExitStack() as parts:
        guard = StallGuard(SystemClock())
        guard.start()
        parts.callback(guard.stop)
        try:
            await _start(flags, config, guard, Chance.system(), parts, stopped)
        except (BootstrapError, DataDirectoryError) as error:
            raise CommandError(str(error)) from None
        except ListenError as error:
            raise CommandError(f"{error}; choose another with --listen-peer-urls") from None


async def _start(  # noqa: PLR0917  # one caller
    flags: dict[str, Any],
    config: Any,
    clock: Any,
    chance: Any,
    parts: contextlib.AsyncExitStack,
    stopped: "_Stop",
) -> None:
    """Everything in the order in which it depends on each other, until it is to stop."""
    from kube.actors.runtime.system import ActorSystem  # noqa: PLC0415  # as above
    from kube.actors.store_member import StoreMember  # noqa: PLC0415  # as above
    from kube.base.tasks import TaskOwner  # noqa: PLC0415  # as above
    from kube.store.etcd_server.server import EtcdServer  # noqa: PLC0415  # as above
    from kube.store.membership import parse_urls as parse_peer_urls  # noqa: PLC0415  # as above
    from kube.store.peer.tcp import TCPNetwork  # noqa: PLC0415  # as above
    from kube.store.reconfiguration import StandaloneStore  # noqa: PLC0415  # as above
    from kube.store.standalone import Standalone  # noqa: PLC0415  # as above

    clients = parse_urls(flags["listen_client_urls"], "--listen-client-urls")
    client_tls = Tls(
        flags["cert_file"], flags["key_file"], flags["trusted_ca_file"], flags["client_cert_auth"]
    )
    peer_tls = _peer_tls(flags)
    peer_urls = parse_peer_urls(flags["listen_peer_urls"])
    tasks = await parts.enter_async_context(TaskOwner("store-member"))
    removed = asyncio.Event()

    def on_removed() -> None:
        if not removed.is_set():
            removed.set()
            tasks.start(_farewell(clock, stopped), name="farewell")

    identity = await _identity(flags, peer_tls, clock)
    network = TCPNetwork(
        cluster=identity.cluster_id,
        member=identity.member,
        clock=clock,
        rng=chance.fork("peers"),
        tls=peer_tls,
        removed=on_removed,
        fresh=not identity.stored,
    )
    parts.push_async_callback(network.aclose)
    if identity.table.members:
        network.use(identity.table)  # before anybody asks who they are
    peer_urls = await network.listen(peer_urls)
    kept = await _kept(flags, identity, chance, parts, peer_tls, clock)
    front = Standalone(
        config,
        clock,
        chance.fork("store"),
        member=identity.member,
        cluster=identity.cluster_id,
        network=network,
        on_removed=on_removed,
        **kept,
    )
    network.applied = lambda: front.applied_index
    strict = flags["strict_reconfig_check"]
    store = StandaloneStore(config, clock, chance.fork("store"), front, network, strict=strict)
    parts.push_async_callback(store.aclose)
    system = ActorSystem(clock=clock, chance=chance)
    parts.push_async_callback(system.stop)
    await system.start(lambda: StoreMember(store, identity.member), name=f"store-{identity.member:x}")
    server = await parts.enter_async_context(EtcdServer(store, clock))
    urls = await listen(server.listen, clients, client_tls, "--listen-client-urls")
    parts.push_async_callback(front.hand_over, HAND_OVER_SECONDS)
    told = tuple(each.strip() for each in (flags["advertise_client_urls"] or ",".join(urls)).split(","))
    tasks.start(store.publish(flags["name"], told), name="publish")
    _announce(flags, identity, peer_urls, urls)
    stopped.started()
    await until(stopped, system)
    if removed.is_set():
        raise CommandError(f"member {flags['name']} ({identity.member:x}) was removed from the cluster")


class _Stop(asyncio.Event):
    """Set by a signal. One that comes during the start, which may wait for other members, also ends that, without an error."""

    def __init__(self) -> None:
        super().__init__()
        self._starting = asyncio.current_task()

    def signal(self) -> None:
        self.set()
        if self._starting is not None:
            self._starting.cancel()

    def started(self) -> None:
        self._starting = None

    async def __aenter__(self) -> None:
        """What is to be ended begins."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> bool:
        return isinstance(error, asyncio.CancelledError) and self._starting is not None and self.is_set()


async def _farewell(clock: Any, stopped: asyncio.Event) -> None:
    await clock.sleep(FAREWELL_SECONDS)
    stopped.set()


class _Identity:
    """``stored``: the data directory knew it. ``new``: what the member begins with, None when it goes on."""

    def __init__(self, cluster_id: int, member: int, new: Any, *, stored: bool) -> None:
        from kube.store.membership import MemberTable  # noqa: PLC0415  # as above

        self.cluster_id = cluster_id
        self.member = member
        self.new = new
        self.stored = stored
        self.table = MemberTable(() if new is None else getattr(new.snapshot.data, "members", ()))


async def _identity(flags: dict[str, Any], peer_tls: Any, clock: Any) -> _Identity:
    """Raises AddressError, BootstrapError, DataDirectoryError, CommandError."""
    from kube.store.peer.bootstrap import Asker, begin_existing, begin_new, check_new  # noqa: PLC0415  # as above
    from kube.store.wal.directory import stored_at  # noqa: PLC0415  # as above

    path = flags["data_dir"]
    stored = stored_at(path) if path is not None else None
    if stored is not None:
        return _Identity(stored.cluster_id, stored.members[0], None, stored=True)
    cluster = _initial_cluster(flags)
    asker = Asker(None if peer_tls is None else peer_tls.client_context(), clock)
    if flags["initial_cluster_state"] == "existing":
        if path is None:
            raise CommandError(
                "a member that joins a store needs a --data-dir: it could never be started again"
            )
        new = await begin_existing(cluster, asker)
    else:
        new = begin_new(cluster)
        await check_new(new, cluster, asker)
    return _Identity(new.cluster_id, new.member, new, stored=False)


async def _kept(  # noqa: PLR0917  # one caller
    flags: dict[str, Any],
    identity: _Identity,
    chance: Any,
    parts: contextlib.AsyncExitStack,
    peer_tls: Any,
    clock: Any,
) -> dict[str, Any]:
    """Where the member's log is. Raises DataDirectoryError, BootstrapError, CommandError."""
    from kube.store.peer.bootstrap import Asker, agree  # noqa: PLC0415  # as above
    from kube.store.raft.messages import Snapshot  # noqa: PLC0415  # as above
    from kube.store.standalone import memory_storage  # noqa: PLC0415  # as above
    from kube.store.wal.directory import open_member  # noqa: PLC0415  # as above
    from kube.store.wal.segment import Identity  # noqa: PLC0415  # as above

    path = flags["data_dir"]
    if path is not None:
        initial = Snapshot() if identity.new is None else identity.new.snapshot
        own = Identity(identity.cluster_id, identity.member)
        directory = open_member(path, own, initial, chance.fork("directory"))
        parts.callback(directory.close)
        return {"directory": directory}
    others = [each for each in identity.table.members if each.id != identity.member]
    if others:
        asker = Asker(None if peer_tls is None else peer_tls.client_context(), clock)
        await agree(
            identity.new,
            flags["name"],
            others,
            asker,
            clock=clock,
            rng=chance.fork("incarnation"),
            waiting=_say_waiting,
        )
    return {"storage": memory_storage(identity.table)}


def _say_waiting(url: str) -> None:
    click.echo(f"Waiting for {url}: a store in memory begins when all its members are there", err=True)


def _announce(
    flags: dict[str, Any], identity: _Identity, peer_urls: tuple[str, ...], urls: list[str]
) -> None:
    data_dir = flags["data_dir"]
    if flags["output"] == "json":
        facts = {
            "name": flags["name"],
            "member": f"{identity.member:x}",
            "cluster": f"{identity.cluster_id:x}",
            "peers": list(peer_urls),
            "endpoints": urls,
            "dataDir": None if data_dir is None else str(data_dir),
        }
        click.echo(json.dumps(facts))
    else:
        where = "in memory: it can't be started again" if data_dir is None else f"in {data_dir}"
        click.echo(
            f"Member {flags['name']} ({identity.member:x}) serves etcd's API at {', '.join(urls)}, "
            f"its peers at {', '.join(peer_urls)} ({where})"
        )
    sys.stdout.flush()
