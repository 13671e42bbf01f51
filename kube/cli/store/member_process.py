"""The process of ``kube store member``: the parts of one member of several processes, from its flags to its end."""

import asyncio
import contextlib
import json
import sys
from typing import Any, Final, NamedTuple

import click

from kube.actors.runtime.system import ActorSystem
from kube.actors.store_member import StoreMember
from kube.base.chance import Chance
from kube.base.clock import Clock, SystemClock
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
from kube.store.administration import MemberInfo
from kube.store.config import StoreConfig
from kube.store.etcd_server.server import EtcdServer
from kube.store.membership import MemberTable
from kube.store.peer.bootstrap import (
    Asker,
    BootstrapError,
    InitialCluster,
    NewMember,
    agree,
    begin_existing,
    begin_new,
    check_new,
)
from kube.store.peer.listener import ListenError
from kube.store.peer.place import check_place, stored_table
from kube.store.peer.tcp import TCPNetwork
from kube.store.peer.tls import PeerTLS
from kube.store.raft.messages import Snapshot
from kube.store.raft.storage import MemoryStorage
from kube.store.reconfiguration import StandaloneStore
from kube.store.standalone import Standalone, memory_storage
from kube.store.urls import AddressError, parse_initial_cluster, parse_urls
from kube.store.wal.directory import StoreDirectory, open_member, stored_at
from kube.store.wal.disk import DataDirectoryError
from kube.store.wal.segment import Identity

TICKS: Final = 2
"""Of raft's time between two heartbeats; the more, the fewer members stand for election at the same moment."""
HAND_OVER_SECONDS: Final = 0.7
FAREWELL_SECONDS: Final = 0.5
"""Between the moment at which a member learns that it was removed and its end: what it still has to say goes out."""


MAX_ELECTION_MS: Final = 50_000
"""etcd's bound."""


# ---- what the flags say


def _initial_cluster(flags: dict[str, Any]) -> InitialCluster:
    """Raises AddressError."""
    name = flags["name"]
    if not name or set(name) & set(",="):
        raise AddressError(
            f"--name {name!r}: a member's name is not empty, and has no comma and no equals sign"
        )
    advertised = parse_urls(flags["initial_advertise_peer_urls"] or flags["listen_peer_urls"])
    given = flags["initial_cluster"]
    return InitialCluster(
        name=name,
        members=parse_initial_cluster(given) if given else {name: advertised},
        token=flags["initial_cluster_token"],
        advertised=advertised,
    )


def _peer_tls(flags: dict[str, Any]) -> PeerTLS | None:
    """None without certificates. Raises CommandError."""
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


def _store_config(flags: dict[str, Any]) -> StoreConfig:
    """Raises CommandError."""
    heartbeat, election = flags["heartbeat_interval"], flags["election_timeout"]
    if election > MAX_ELECTION_MS:
        raise CommandError(
            f"--election-timeout {election} is too long: without its leader the store would stand still for "
            f"that time; at most {MAX_ELECTION_MS} ms"
        )
    if election < 5 * heartbeat:
        raise CommandError(
            f"--election-timeout {election} is less than five times --heartbeat-interval {heartbeat}: a late "
            "heartbeat would cost the leader its place"
        )
    return StoreConfig(
        tick=heartbeat / 1000 / TICKS,
        heartbeat_ticks=TICKS,
        election_ticks=round(election * TICKS / heartbeat),
        snapshot_entries=flags["snapshot_count"],
        catch_up_entries=max(1, flags["snapshot_count"] // 2),
        **store_limits(flags),
    )


# ---- the member


async def run_member(flags: dict[str, Any]) -> None:
    """Until it is told to stop. Raises AddressError, CommandError."""
    stopped = _Stop()
    at_signals(stopped.signal)
    async with stopped, contextlib.AsyncExitStack() as parts:
        guard = StallGuard(SystemClock())
        guard.start()
        parts.callback(guard.stop)
        try:
            await _MemberProcess(flags, guard, stopped, parts).run()
        except (BootstrapError, DataDirectoryError) as error:
            raise CommandError(str(error)) from None
        except ListenError as error:
            raise CommandError(f"{error}; choose another with --listen-peer-urls") from None


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


class _Identity(NamedTuple):
    """``stored``: the data directory knew it. ``initial``: the snapshot that the member begins with where nothing is stored."""

    cluster_id: int
    member: int
    initial: Snapshot
    stored: bool

    @property
    def members(self) -> tuple[MemberInfo, ...]:
        """Of a new store; empty for a member that joins one or goes on."""
        return getattr(self.initial.data, "members", ())


class _MemberProcess:
    """The parts of the process, made in the order in which they depend on each other, and ended the other way round by ``parts``."""

    def __init__(
        self, flags: dict[str, Any], clock: Clock, stopped: _Stop, parts: contextlib.AsyncExitStack
    ) -> None:
        self._flags = flags
        self._clock = clock
        self._stopped = stopped
        self._parts = parts
        self._chance = Chance.system()
        self._tasks = TaskOwner("store-member")
        self._removed = False
        self._config = _store_config(flags)
        self._server_config = server_config(flags)
        self._kept = retention(flags)
        self._client_urls = client_urls(flags)
        self._client_tls = Tls.of(flags)
        self._advertised = advertised_urls(flags)
        self._metrics_urls = listen_urls(flags["listen_metrics_urls"], "--listen-metrics-urls")
        self._client_tls.check((*self._client_urls, *self._metrics_urls), "--listen-client-urls")
        self._peer_tls = _peer_tls(flags)

    async def run(self) -> None:
        """Until it is told to stop. Raises AddressError, BootstrapError, ListenError, DataDirectoryError, CommandError."""
        flags, parts = self._flags, self._parts
        await parts.enter_async_context(self._tasks)
        peer_urls = parse_urls(flags["listen_peer_urls"])
        identity = await self._identify()
        network = self._network(identity)
        peer_urls = await network.listen(peer_urls)
        front = self._front(identity, network, await self._log(identity))
        store, system = await self._start(identity.member, front, network)
        urls, metrics_urls = await self._serve(store)
        parts.push_async_callback(front.hand_over, HAND_OVER_SECONDS)
        told = self._advertised or tuple(urls)
        self._tasks.start(store.publish(flags["name"], told), name="publish")
        if self._kept:
            compaction = auto_compaction(flags["auto_compaction_mode"], self._kept, store, self._clock)
            self._tasks.start(compaction, name="auto-compaction")
        _announce(flags, identity, peer_urls, urls, metrics_urls)
        self._stopped.started()
        await until(self._stopped, system.wait())
        if self._removed:
            raise CommandError(f"member {flags['name']} ({identity.member:x}) was removed from the cluster")

    # ---- who it is

    def _asker(self) -> Asker:
        return Asker(None if self._peer_tls is None else self._peer_tls.client_context(), self._clock)

    async def _identify(self) -> _Identity:
        """Raises AddressError, BootstrapError, DataDirectoryError, CommandError."""
        path = self._flags["data_dir"]
        stored = stored_at(path) if path is not None else None
        if stored is not None:
            return _Identity(stored.cluster_id, stored.members[0], Snapshot(), stored=True)
        cluster = _initial_cluster(self._flags)
        if self._flags["initial_cluster_state"] == "existing":
            if path is None:
                raise CommandError(
                    "a member that joins a store needs a --data-dir: it could never be started again"
                )
            new = await begin_existing(cluster, self._asker())
        else:
            new = begin_new(cluster)
            await check_new(new, cluster, self._asker())
        return _Identity(new.cluster_id, new.member, new.snapshot, stored=False)

    def _network(self, identity: _Identity) -> TCPNetwork:
        """Raises AddressError for bad certificates."""
        network = TCPNetwork(
            cluster=identity.cluster_id,
            member=identity.member,
            clock=self._clock,
            rng=self._chance.fork("peers"),
            tls=self._peer_tls,
            removed=self._on_removed,
            fresh=not identity.stored,
        )
        self._parts.push_async_callback(network.aclose)
        if identity.members:
            network.use(MemberTable(identity.members))  # before anybody asks who they are
        return network

    def _on_removed(self) -> None:
        if not self._removed:
            self._removed = True
            self._tasks.start(self._farewell(), name="farewell")

    async def _farewell(self) -> None:
        await self._clock.sleep(FAREWELL_SECONDS)
        self._stopped.set()

    # ---- what it keeps, and what it serves

    async def _log(self, identity: _Identity) -> StoreDirectory | MemoryStorage:
        """Where the member's log is. Raises DataDirectoryError, BootstrapError."""
        path = self._flags["data_dir"]
        if path is None:
            return await self._memory(identity)
        own = Identity(identity.cluster_id, identity.member)
        directory = open_member(path, own, identity.initial, self._chance.fork("directory"))
        self._parts.callback(directory.close)
        if identity.stored:
            flags = self._flags
            urls = parse_urls(flags["initial_advertise_peer_urls"] or flags["listen_peer_urls"])
            table = stored_table(directory.storages[identity.member])
            check_place(table, identity.member, flags["name"], urls)
        return directory

    async def _memory(self, identity: _Identity) -> MemoryStorage:
        """Raises BootstrapError."""
        await agree(
            NewMember(identity.cluster_id, identity.member, identity.initial),
            self._flags["name"],
            [each for each in identity.members if each.id != identity.member],
            self._asker(),
            clock=self._clock,
            rng=self._chance.fork("incarnation"),
            waiting=_say_waiting,
        )
        return memory_storage(MemberTable(identity.members))

    def _front(
        self, identity: _Identity, network: TCPNetwork, log: StoreDirectory | MemoryStorage
    ) -> Standalone:
        front = Standalone(
            self._config,
            self._clock,
            self._chance.fork("store"),
            member=identity.member,
            cluster=identity.cluster_id,
            network=network,
            on_removed=self._on_removed,
            storage=None if isinstance(log, StoreDirectory) else log,
            directory=log if isinstance(log, StoreDirectory) else None,
        )
        network.applied = lambda: front.applied_index
        return front

    async def _start(
        self, member: int, front: Standalone, network: TCPNetwork
    ) -> tuple[StandaloneStore, ActorSystem]:
        """The store, and the actors behind it."""
        strict = self._flags["strict_reconfig_check"]
        rng = self._chance.fork("leases")
        store = StandaloneStore(self._config, self._clock, rng, front, network, strict=strict)
        self._parts.push_async_callback(store.aclose)
        system = ActorSystem(clock=self._clock, chance=self._chance)
        self._parts.push_async_callback(system.stop)
        await system.start(lambda: StoreMember(store, member), name=f"store-{member:x}")
        return store, system

    async def _serve(self, store: StandaloneStore) -> tuple[list[str], list[str]]:
        """The URLs that clients are served at, and those of /metrics. Raises CommandError."""
        server = EtcdServer(store, self._clock, self._server_config)
        await self._parts.enter_async_context(server)
        tls = self._client_tls
        urls = await listen(server.listen, self._client_urls, tls, "--listen-client-urls")
        return urls, await listen(server.listen_metrics, self._metrics_urls, tls, "--listen-metrics-urls")


def _say_waiting(url: str) -> None:
    click.echo(f"Waiting for {url}: a store in memory begins when all its members are there", err=True)


def _announce(
    flags: dict[str, Any],
    identity: _Identity,
    peer_urls: tuple[str, ...],
    urls: list[str],
    metrics_urls: list[str],
) -> None:
    data_dir = flags["data_dir"]
    if flags["output"] == "json":
        facts = {
            "name": flags["name"],
            "member": f"{identity.member:x}",
            "cluster": f"{identity.cluster_id:x}",
            "peers": list(peer_urls),
            "endpoints": urls,
            "metrics": metrics_urls,
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
