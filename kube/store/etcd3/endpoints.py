"""The members that a client may ask: a channel to each, taken in turn, those that failed lately last."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import grpc
import grpc.aio

from kube.base.backoff import Backoff
from kube.base.clock import Clock
from kube.base.tasks import ended
from kube.store.etcd3.config import Etcd3Config, EtcdURLError
from kube.store.etcdpb.descriptors import Method, methods

_REST: Final = Backoff(initial=0.1, cap=2.0)
"""For how long an endpoint that failed is asked only when no other is there."""

_OPTIONS: Final = (
    ("grpc.enable_retries", 0),  # who retries must know what may have been applied
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),  # how long an attempt to connect may take
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.keepalive_time_ms", 10_000),  # etcd refuses pings more often than every 5 s
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.use_local_subchannel_pool", 1),  # a store's connections are its own
)


_STATUS_TASK: Final = "_AioCall._handle_status_once_received"
_SETTLE_SECONDS: Final = 0.2


class Endpoint:
    """One member's address. ``rests_until`` on the monotonic clock."""

    __slots__ = ("_calls", "address", "channel", "failures", "rests_until")

    def __init__(self, address: str, channel: grpc.aio.Channel) -> None:
        self.address = address
        self.channel = channel
        self.failures = 0
        self.rests_until = 0.0
        self._calls: dict[str, Callable[..., Any]] = {}

    def method(self, path: str) -> Callable[..., Any]:
        """What calls ``/package.Service/Method``."""
        call = self._calls.get(path)
        if call is None:
            method = methods()[path]
            call = self._calls[path] = self._maker(method)(
                path,
                request_serializer=method.request.SerializeToString,
                response_deserializer=method.response.FromString,
            )
        return call

    def _maker(self, method: Method) -> Callable[..., Callable[..., Any]]:
        makers: Mapping[tuple[bool, bool], Callable[..., Callable[..., Any]]] = {
            (False, False): self.channel.unary_unary,
            (False, True): self.channel.unary_stream,
            (True, True): self.channel.stream_stream,
        }
        return makers[method.streams_requests, method.streams_responses]


class Endpoints:
    def __init__(self, config: Etcd3Config, clock: Clock) -> None:
        """On a running loop. Raises EtcdURLError for certificates that can't be read."""
        self.addresses = config.endpoints
        self._clock = clock
        credentials = _credentials(config) if config.is_secure else None
        self._all = [Endpoint(address, _channel(address, credentials)) for address in config.endpoints]
        self._turn = 0

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Endpoint]:
        return iter(tuple(self._all))

    def next(self) -> Endpoint:
        """The next one that does not rest; if all do, the one that has rested longest."""
        now = self._clock.monotonic()
        count = len(self._all)
        for step in range(count):
            endpoint = self._all[(self._turn + step) % count]
            if endpoint.rests_until <= now:
                self._turn = (self._turn + step + 1) % count
                return endpoint
        return min(self._all, key=lambda each: each.rests_until)

    def failed(self, endpoint: Endpoint) -> None:
        endpoint.rests_until = self._clock.monotonic() + _REST.delay(endpoint.failures)
        endpoint.failures += 1

    def worked(self, endpoint: Endpoint) -> None:
        endpoint.failures = 0
        endpoint.rests_until = 0.0

    async def aclose(self) -> None:
        """Ends every call."""
        for endpoint in self._all:
            await endpoint.channel.close()
        await _settled()


async def _settled() -> None:
    """Each call of grpc has a task that waits for its status, also one that is cancelled; it ends a moment later.

    Whose call it is can't be seen, so calls of the host's own keep this waiting for as long as it does at most.
    """
    waiting = [
        task
        for task in sorted(asyncio.all_tasks(), key=lambda task: task.get_name())
        if getattr(task.get_coro(), "__qualname__", "") == _STATUS_TASK
    ]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_SETTLE_SECONDS):
            for task in waiting:
                await ended(task)


def _channel(address: str, credentials: grpc.ChannelCredentials | None) -> grpc.aio.Channel:
    if credentials is None:
        return grpc.aio.insecure_channel(address, _OPTIONS)
    return grpc.aio.secure_channel(address, credentials, _OPTIONS)


def _credentials(config: Etcd3Config) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(
        _pem(config.ca_file, "certificate authority"),
        _pem(config.key_file, "client key"),
        _pem(config.cert_file, "client certificate"),
    )


def _pem(path: str, what: str) -> bytes | None:
    if not path:
        return None
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise EtcdURLError(f"cannot read the {what} {path}: {error.strerror}") from None
    if b"-----BEGIN " not in data:
        raise EtcdURLError(f"the {what} {path} is not PEM")
    return data
