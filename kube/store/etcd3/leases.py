"""Keeping leases alive: one stream for all of them, made anew at another member when it ends."""

import asyncio
from collections import deque
from typing import Any

import grpc
import grpc.aio

from kube.base.backoff import Backoff
from kube.base.clock import Clock
from kube.base.tasks import TaskOwner
from kube.store.errors import LeaseNotFoundError, RequestTimeoutError, StoppedError, StoreError
from kube.store.etcd3.client import ENDPOINT_FAILED, LEASE, Client
from kube.store.etcd3.endpoints import Endpoint
from kube.store.etcdpb import messages

_RETRY = Backoff(initial=0.05, cap=0.5)


class KeepAlives:
    """A renewal may be asked for again without harm, so a lost stream costs time only."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._tasks = TaskOwner("etcd3 leases")
        self._waiting: dict[int, deque[asyncio.Future[int]]] = {}
        self._stream: tuple[Any, Endpoint] | None = None
        self._lock = asyncio.Lock()
        """Held while the stream is opened or written to: grpc takes one write at a time."""

    async def renew(self, lease: int) -> int:
        """The seconds that the lease has again. Raises LeaseNotFoundError, and StoreError when etcd can't be asked."""
        deadline = self._clock.monotonic() + self._client.config.request_timeout
        attempt = 0
        while True:
            try:
                async with asyncio.timeout(max(deadline - self._clock.monotonic(), 0.001)):
                    ttl = await self._ask(lease)
            except TimeoutError:
                raise RequestTimeoutError from None
            except StoreError as error:
                pause = _RETRY.delay(attempt)
                if not isinstance(error, ENDPOINT_FAILED):
                    raise
                if self._clock.monotonic() + pause >= deadline:
                    raise
                attempt += 1
                await self._clock.sleep(pause)
                continue
            if ttl <= 0:
                raise LeaseNotFoundError(lease)
            return ttl

    async def _ask(self, lease: int) -> int:
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        async with self._lock:
            stream, endpoint = await self._open()
            self._waiting.setdefault(lease, deque()).append(answer)
            try:
                await stream.write(messages.LeaseKeepAliveRequest(ID=lease))
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                answer.cancel()
                raise await self._client.ended(stream, endpoint) from None
        return await answer

    async def _open(self) -> tuple[Any, Endpoint]:
        if self._stream is None:
            endpoint = self._client.endpoints.next()
            metadata = await self._client.metadata(endpoint)
            stream = endpoint.method(LEASE + "KeepAlive")(metadata=metadata)
            self._stream = stream, endpoint
            self._tasks.start(self._read(stream, endpoint), name="keep alive")
        return self._stream

    async def _read(self, stream: Any, endpoint: Endpoint) -> None:
        failure: StoreError = StoppedError()
        try:
            while (response := await stream.read()) is not grpc.aio.EOF:
                self._client.saw(response.header.revision)
                self._answer(response.ID, response.TTL)
            failure = await self._client.ended(stream, endpoint)
        except grpc.aio.AioRpcError:
            failure = await self._client.ended(stream, endpoint)
        finally:
            stream.cancel()
            self._stream = None
            waiting, self._waiting = self._waiting, {}
            for answers in waiting.values():
                for answer in answers:
                    if not answer.done():
                        answer.set_exception(failure)

    def _answer(self, lease: int, ttl: int) -> None:
        """Answers of one lease come in the order in which they were asked for."""
        answers = self._waiting.get(lease)
        if answers is None:
            return
        answer = answers.popleft()
        if not answers:
            del self._waiting[lease]
        if not answer.done():
            answer.set_result(ttl)

    async def aclose(self) -> None:
        await self._tasks.aclose()
