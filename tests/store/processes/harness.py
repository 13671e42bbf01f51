"""Members as real processes, the network between them in the test's hands, and clients of each."""

import asyncio
import json
import signal
import sys
import time
from pathlib import Path
from typing import Any, Self

import msgspec

from kube.base.clock import SystemClock
from kube.store.etcd3.config import Etcd3Config
from kube.store.etcd3.store import Etcd3Store
from kube.store.etcdpb import messages
from kube.store.peer.frames import FrameDecoder, FrameKind
from kube.store.peer.handshake import Hello
from tests.store.waiting import until, waited

READY = 30.0


class PeerProxy:
    """In front of one member's peer port. It reads who dials, and can stall or cut what passes between two members."""

    def __init__(self, network: "Network", owner: str) -> None:
        self._network = network
        self.owner = owner
        self.target = ("", 0)
        self.url = ""
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pipe = Pipe(self._network, self.owner, reader, writer)
        self._network.pipes[pipe] = None
        try:
            await pipe.run(self.target)
        finally:
            self._network.pipes.pop(pipe, None)


class Pipe:
    def __init__(
        self, network: "Network", to: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._network = network
        self.to = to
        self.from_ = ""
        self._reader = reader
        self._writers = [writer]

    async def run(self, target: tuple[str, int]) -> None:
        try:
            first = await self._first()
            await self._network.pass_(self, self.to)
            there_reader, there = await asyncio.open_connection(*target)
            self._writers.append(there)
            there.write(first)
            forward = asyncio.ensure_future(self._pump(self._reader, there, self.to))
            await self._pump(there_reader, self._writers[0], self.from_)
            await forward
        except OSError:
            pass
        finally:
            self.abort()

    async def _first(self) -> bytes:
        """Up to the handshake, which says who dials."""
        data = b""
        while piece := await self._reader.read(1 << 16):
            data += piece
            for kind, payload in FrameDecoder(preamble=True).feed(data):
                if kind is FrameKind.HELLO:
                    hello = msgspec.msgpack.decode(payload, type=Hello)
                    self.from_ = self._network.names.get(hello.from_, "")
                    return data
        raise ConnectionError("gone before it said who it is")

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, towards: str) -> None:
        try:
            while data := await source.read(1 << 16):
                await self._network.pass_(self, towards)
                sink.write(data)
                await sink.drain()
        except OSError:
            pass
        finally:
            self.abort()

    def abort(self) -> None:
        for writer in self._writers:
            writer.transport.abort()


class Network:
    """``stalled``: what passes from or to these members waits; ``deaf``: what passes to them; ``cut``: it is refused."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.pipes: dict[Pipe, None] = {}
        self.stalled: set[str] = set()
        self.deaf: set[str] = set()
        self.cut: set[str] = set()
        self._changed = asyncio.Event()

    async def pass_(self, pipe: Pipe, towards: str) -> None:
        while {pipe.from_, pipe.to} & self.stalled or towards in self.deaf:
            await self._changed.wait()
        if {pipe.from_, pipe.to} & self.cut:
            raise ConnectionError("cut")

    def stall(self, name: str) -> None:
        self._changed.clear()
        self.stalled.add(name)

    def deafen(self, name: str) -> None:
        self._changed.clear()
        self.deaf.add(name)

    def cut_off(self, name: str) -> None:
        self.cut.add(name)
        for pipe in list(self.pipes):
            if name in {pipe.from_, pipe.to}:
                pipe.abort()

    def heal(self) -> None:
        self.stalled.clear()
        self.deaf.clear()
        self.cut.clear()
        self._changed.set()


class MemberProcess:
    """``kube store member`` in a process of its own, and a client that speaks to it alone."""

    def __init__(self, cluster: "ProcessCluster", name: str, flags: tuple[str, ...] = ()) -> None:
        self.cluster = cluster
        self.name = name
        self.flags = flags
        self.proxy = PeerProxy(cluster.network, name)
        self.id = 0
        self.store: Etcd3Store = None  # type: ignore[assignment]  # from start on
        self.former: list[Etcd3Store] = []
        self.endpoint = ""
        self.process: asyncio.subprocess.Process | None = None
        self.log = cluster.directory / f"{name}.log"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    async def spawn(self, *flags: str) -> None:
        arguments = [
            *("store", "member", "--name", self.name, "--output", "json", "--log-level", "info"),
            *("--data-dir", str(self.cluster.directory / self.name)),
            *("--listen-peer-urls", "http://127.0.0.1:0", "--listen-client-urls", "http://127.0.0.1:0"),
            *("--initial-advertise-peer-urls", self.proxy.url),
            *("--initial-cluster", self.cluster.initial_cluster),
            *self.flags,
            *flags,
        ]
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "kube.cli.main", *arguments, stdout=asyncio.subprocess.PIPE, stderr=log
            )

    async def ready(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        async with asyncio.timeout(READY):
            line = await self.process.stdout.readline()
        if not line:
            raise AssertionError(f"{self.name} ended: {self.log.read_text()[-2000:]}")
        facts: dict[str, Any] = json.loads(line)
        self.id = int(facts["member"], 16)
        self.cluster.network.names[self.id] = self.name
        host, _, port = facts["peers"][0].removeprefix("http://").rpartition(":")
        self.proxy.target = (host, int(port))
        self.endpoint = facts["endpoints"][0].removeprefix("http://")
        if self.store is not None:
            self.former.append(self.store)  # somebody may be in the middle of a call
        self.store = Etcd3Store(Etcd3Config(endpoints=(self.endpoint,)), SystemClock())

    async def start(self, *flags: str) -> None:
        await self.spawn(*flags)
        await self.ready()

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    async def kill(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.signal(signal.SIGKILL)
            await self.process.wait()

    async def terminate(self) -> tuple[int, float]:
        """Its exit code, and how many seconds it took, without what it waited for a core."""
        assert self.process is not None
        begin = time.monotonic()
        before, last = waited(self.pid), 0.0
        self.signal(signal.SIGTERM)
        while self.process.returncode is None:
            last = waited(self.pid) or last
            try:
                await asyncio.wait_for(asyncio.shield(self.process.wait()), 0.02)
            except TimeoutError:
                continue
        return self.process.returncode, time.monotonic() - begin - max(0.0, last - before)

    async def status(self) -> Any:
        """etcd's Maintenance.Status alone, which a learner answers too."""
        return await self.store._client.call("/etcdserverpb.Maintenance/Status", messages.StatusRequest())

    async def leader(self) -> int:
        """As the member has it."""
        return int((await self.status()).leader)


class ProcessCluster:
    def __init__(
        self, directory: Path, names: tuple[str, ...] = ("a", "b", "c"), flags: tuple[str, ...] = ()
    ) -> None:
        self.directory = directory
        self.network = Network()
        self.flags = flags
        self.members = {name: MemberProcess(self, name, flags) for name in names}
        self.initial_cluster = ""

    async def __aenter__(self) -> Self:
        try:
            for member in self.members.values():
                await member.proxy.start()
            self.initial_cluster = ",".join(
                f"{name}={member.proxy.url}" for name, member in self.members.items()
            )
            for member in self.members.values():
                await member.spawn()
            for member in self.members.values():
                await member.ready()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self.network.heal()
        for member in self.members.values():
            if member.store is not None:
                for store in (*member.former, member.store):
                    await store.aclose()
        for member in self.members.values():
            await member.kill()
            member.proxy.stop()
        for pipe in list(self.network.pipes):
            pipe.abort()
        await until(lambda: not self.network.pipes, seconds=READY, pause=0.01)

    async def add(self, name: str) -> MemberProcess:
        """A place for one more; it is not started."""
        member = self.members[name] = MemberProcess(self, name, self.flags)
        await member.proxy.start()
        self.initial_cluster += f",{name}={member.proxy.url}"
        return member

    async def leader(self, without: tuple[str, ...] = ()) -> MemberProcess:
        """Whom the others agree on, and who says so itself."""
        asked = [member for name, member in self.members.items() if name not in without and member.id]
        async with asyncio.timeout(READY):
            while True:
                said = {await member.leader() for member in asked}
                led = [member for member in asked if {member.id} == said]
                if led:
                    return led[0]
                await asyncio.sleep(0.02)

    def logs(self) -> str:
        return "\n".join(
            f"== {name}\n{member.log.read_text()[-3000:]}"
            for name, member in self.members.items()
            if member.log.exists()
        )
