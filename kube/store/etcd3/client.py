"""Calls of etcd's services: which member is asked, what is asked again, and what its failures are called.

A read is asked again at another member until the request timeout. A write is sent again only when it is certain that it was not
applied: it never left, no leader took it, or the member has no vote. What the header of an answer says is kept: ids, term, newest revision. An
etcd that turns out to be another one than before is not asked again: what watches and caches hold is not of it.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, NoReturn

import grpc
import grpc.aio
from msgspec.structs import replace

from kube.base.backoff import Backoff
from kube.base.clock import Clock
from kube.base.logging import get_logger
from kube.base.tasks import TaskOwner
from kube.store.errors import (
    LearnerError,
    NoLeaderError,
    StoppedError,
    StoreError,
    TooManyRequestsError,
)
from kube.store.etcd3.config import Etcd3Config
from kube.store.etcd3.endpoints import Endpoint, Endpoints
from kube.store.etcd3.errors import (
    INVALID_TOKEN,
    NOTHING,
    AccessDeniedError,
    AnotherStoreError,
    Asked,
    ConnectionLostError,
    UnexpectedError,
    UnreachableError,
    from_rpc,
)
from kube.store.etcdpb import messages

KV: Final = "/etcdserverpb.KV/"
WATCH: Final = "/etcdserverpb.Watch/Watch"
LEASE: Final = "/etcdserverpb.Lease/Lease"
CLUSTER: Final = "/etcdserverpb.Cluster/Member"
MAINTENANCE: Final = "/etcdserverpb.Maintenance/"
_AUTHENTICATE: Final = "/etcdserverpb.Auth/Authenticate"

log = get_logger(__name__)

MAX_READS: Final = 8
"""Requests for the present revision that are under way at once."""
_RETRY: Final = Backoff(initial=0.05, cap=0.5)
ENDPOINT_FAILED: Final = (UnreachableError, ConnectionLostError, NoLeaderError, LearnerError)
"""What another member, or the same one a little later, may do better."""
_NOT_APPLIED: Final = (UnreachableError, NoLeaderError, LearnerError)
_LEADER_WANTED: Final = ("hasleader", "true")
_LINEARIZABLE: Final = frozenset(KV + method for method in ("Range", "Put", "DeleteRange", "Txn"))
"""Their answers are never behind what was known when they were asked."""


class Client:
    """``cluster_id``, ``member_id``, ``raft_term`` as the last answer had them; ``revision``: the newest that any had."""

    def __init__(self, config: Etcd3Config, clock: Clock) -> None:
        """On a running loop. Connects when it is first asked. Raises EtcdURLError."""
        self.config = config
        self.endpoints = Endpoints(config, clock)
        self.clock = clock
        self.cluster_id = self.member_id = self.raft_term = 0
        self.revision = 0
        self.compact_revision = 0
        self._probe = messages.RangeRequest(key=config.prefix or b"\0", count_only=True)
        self._token = ""
        self._reads = 0
        self._shared: asyncio.Future[int | StoreError] | None = None
        self._tasks = TaskOwner("etcd3 client")
        self.replaced: AnotherStoreError | None = None
        self.on_replaced: Callable[[AnotherStoreError], None] = lambda _: None
        """Called once, when ``replaced`` is set."""
        self._connected: bool | None = None
        """Whether an endpoint could be reached when last one was tried; None before there was one."""

    async def call(self, path: str, request: Any, asked: Asked = NOTHING, *, is_write: bool = False) -> Any:
        """The response of a unary method. Raises StoreError."""
        clock = self.clock
        deadline = clock.monotonic() + self.config.request_timeout
        attempt = 0
        while True:
            endpoint = self.endpoints.next()
            left = deadline - clock.monotonic()
            share = left if is_write or len(self.endpoints) == 1 else min(left, self.share())
            try:
                response = await self.ask(endpoint, path, request, asked, seconds=max(share, 0.001))
            except StoreError as error:
                pause = _RETRY.delay(attempt // len(self.endpoints))
                if not self._may_repeat(error, is_write) or clock.monotonic() + pause >= deadline:
                    raise self.judged(error) from None
            else:
                self._found()
                return response
            attempt += 1
            if attempt % len(self.endpoints) == 0:
                await clock.sleep(pause)

    async def ask(
        self, endpoint: Endpoint, path: str, request: Any, asked: Asked = NOTHING, *, seconds: float = 0.0
    ) -> Any:
        """Once, at one member. Raises StoreError."""
        if self.replaced is not None:
            raise self.replaced
        floor = self.revision if path in _LINEARIZABLE and not getattr(request, "serializable", False) else 0
        try:
            response = await endpoint.method(path)(
                request,
                timeout=seconds or self.config.request_timeout,
                metadata=await self.metadata(endpoint),
            )
        except grpc.aio.AioRpcError as error:
            raise self._failure(error, asked, endpoint) from None
        if endpoint.failures:
            self.endpoints.worked(endpoint)
        self._note(response.header, floor, endpoint)
        return response

    async def metadata(self, endpoint: Endpoint) -> tuple[tuple[str, str], ...]:
        """A member without a leader is to say so at once, not to wait for one. Raises StoreError."""
        if not self.config.user:
            return (_LEADER_WANTED,)
        if not self._token:
            request = messages.AuthenticateRequest(name=self.config.user, password=self.config.password)
            try:
                response = await endpoint.method(_AUTHENTICATE)(request, timeout=self.config.request_timeout)
            except grpc.aio.AioRpcError as error:
                raise self._failure(error, NOTHING, endpoint) from None
            self._token = response.token
        return (_LEADER_WANTED, ("token", self._token))

    async def ended(self, call: Any, endpoint: Endpoint) -> StoreError:
        """What a stream of ``endpoint`` that is over has ended with."""
        code, details = await call.code(), await call.details()
        if code is grpc.StatusCode.OK:
            self.endpoints.failed(endpoint)
            return ConnectionLostError(endpoint.address, "the member has closed the stream")
        return self._judge(code, details or "", NOTHING, endpoint)

    def _failure(self, error: grpc.aio.AioRpcError, asked: Asked, endpoint: Endpoint) -> StoreError:
        return self._judge(error.code(), error.details() or "", asked, endpoint)

    def _judge(self, code: grpc.StatusCode, details: str, asked: Asked, endpoint: Endpoint) -> StoreError:
        known = replace(asked, current_revision=self.revision, compact_revision=self.compact_revision)
        failure = from_rpc(code.name, details, known, endpoint.address)
        if isinstance(failure, ENDPOINT_FAILED) or code is grpc.StatusCode.DEADLINE_EXCEEDED:
            self.endpoints.failed(endpoint)
        if isinstance(failure, AccessDeniedError) and failure.detail.startswith(INVALID_TOKEN):
            self._token = ""
        return failure

    def _may_repeat(self, error: StoreError, is_write: bool) -> bool:
        if isinstance(error, AccessDeniedError):
            return error.detail.startswith(INVALID_TOKEN)
        if isinstance(error, AnotherStoreError):
            return False
        if is_write:
            return isinstance(error, _NOT_APPLIED)
        if isinstance(error, UnexpectedError):
            return False
        return error.maybe_applied or isinstance(error, (*_NOT_APPLIED, TooManyRequestsError))

    def judged(self, error: StoreError) -> StoreError:
        """Of several endpoints that cannot be reached each is named."""
        if isinstance(error, UnreachableError):
            if self._connected:
                self._connected = False
                log.warning("etcd cannot be reached", endpoints=self.endpoints.addresses, error=error.detail)
            return UnreachableError(self.endpoints.addresses, error.detail)
        return error

    def _found(self) -> None:
        if self._connected is False:
            log.warning("etcd can be reached again", endpoints=self.endpoints.addresses)
        self._connected = True

    def share(self) -> float:
        """How long a member may take for a read before the next is asked; one that is alone has all the time."""
        return self.config.request_timeout / (1 if len(self.endpoints) == 1 else 2)

    def _note(self, header: Any, floor: int, endpoint: Endpoint) -> None:
        """Raises AnotherStoreError for a revision below ``floor``, or another cluster's id."""
        if not header.cluster_id:
            return  # MoveLeader's answer, say, has an empty one
        if self.cluster_id and header.cluster_id != self.cluster_id:
            self._is_replaced(
                endpoint, f"its cluster id is {header.cluster_id:x}, it was {self.cluster_id:x}"
            )
        if header.revision < floor:
            self._is_replaced(endpoint, f"its revision is {header.revision}, it was {floor}")
        self.cluster_id, self.member_id = header.cluster_id, header.member_id
        self.raft_term = header.raft_term
        self.saw(header.revision)

    def _is_replaced(self, endpoint: Endpoint, detail: str) -> NoReturn:
        error = AnotherStoreError(endpoint.address, detail)
        if self.replaced is None:
            self.replaced = error
            log.error("etcd was replaced or restored", endpoint=endpoint.address, detail=detail)
            self.on_replaced(error)
        raise error

    def saw(self, revision: int) -> None:
        self.revision = max(self.revision, revision)

    def compacted(self, revision: int) -> None:
        self.compact_revision = max(self.compact_revision, revision)

    async def current_revision(self) -> int:
        """Linearizable. Who comes while many ask already shares the answer of the next one that is asked."""
        if self._reads < MAX_READS:
            return await self._read_revision()
        if self._shared is None:
            self._shared = asyncio.get_running_loop().create_future()
        answer = await asyncio.shield(self._shared)
        if isinstance(answer, StoreError):
            raise answer
        return answer

    async def _read_revision(self) -> int:
        self._reads += 1
        try:
            response = await self.call(KV + "Range", self._probe)
        finally:
            self._reads -= 1
            if self._shared is not None and not self._tasks.closed:
                shared, self._shared = self._shared, None
                self._tasks.start(self._answer(shared), name="revision")
        revision: int = response.header.revision
        return revision

    async def _answer(self, shared: "asyncio.Future[int | StoreError]") -> None:
        answer: int | StoreError = StoppedError()
        try:
            answer = await self._read_revision()
        except StoreError as error:
            answer = error
        finally:
            shared.set_result(answer)

    async def aclose(self) -> None:
        await self._tasks.aclose()
        if self._shared is not None:
            self._shared.set_result(StoppedError())
            self._shared = None
        await self.endpoints.aclose()
