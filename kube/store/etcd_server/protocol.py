"""A connection's socket: bytes to and from ``http2.Connection``, or ``http1`` for who speaks that.

etcd serves both on its client port: gRPC, and plain requests for its health, version and metrics.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Final, cast

from kube.store.etcd_server.calls import Dispatcher
from kube.store.etcd_server.http1 import Http1, Pages
from kube.store.etcd_server.http2.connection import Connection, Limits
from kube.store.etcd_server.http2.frames import PREFACE

_HTTP1_METHODS: Final = (b"GET ", b"HEAD", b"POST", b"PUT ", b"DELE", b"OPTI")


class ServerProtocol(asyncio.Protocol):
    """``came`` is called when the connection is made (after the handshake, with TLS), and ``gone`` when it is over."""

    def __init__(
        self,
        dispatcher: Dispatcher | None,
        pages: Pages,
        limits: Limits,
        came: Callable[["ServerProtocol"], None],
        gone: Callable[["ServerProtocol"], None],
    ) -> None:
        """Without a dispatcher only HTTP/1 is served."""
        self._loop = asyncio.get_running_loop()
        self._dispatcher = dispatcher
        self._pages = pages
        self._limits = limits
        self._came = came
        self._gone = gone
        self._transport: asyncio.Transport | None = None
        self._http2: Connection | None = None
        self._http1: Http1 | None = None
        self._first = b""
        self._flushing: asyncio.Handle | None = None
        self.since = self.last_received = self._loop.time()
        """On the loop's clock: when it was made, when anything came last, and when a ping of this side went out that is unanswered."""
        self.pinged: float | None = None

    # ---- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass
        self._came(self)
        socket: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        if socket is not None and socket.selected_alpn_protocol() == "h2":
            self._start_http2()

    def data_received(self, data: bytes) -> None:
        self.last_received = self._loop.time()
        self.pinged = None
        if self._http2 is not None:
            self._http2.receive(data)
            self._flush()
        elif self._http1 is not None:
            self._http1.receive(data)
        else:
            self._choose(self._first + data)

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        """The client reads too slowly: nothing more is asked of it, and nothing more is taken from it."""
        if self._http2 is not None:
            self._http2.pause()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._http2 is not None:
            self._http2.resume()
            self._flush()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        if self._flushing is not None:
            self._flushing.cancel()
        if self._http2 is not None:
            self._http2.lost()
        self._transport = None
        self._gone(self)

    # ---- the server's side

    @property
    def greeted(self) -> bool:
        """The client has said that it speaks HTTP/2. One of HTTP/1 has its answer, and is gone, as soon as it has asked."""
        return self._http2 is not None and self._http2.greeted

    def ping(self) -> None:
        """See whether the client is there. One that has not even said what it speaks is cut off."""
        if self._http2 is None:
            self.abort()
            return
        self.pinged = self._loop.time()
        self._http2.ping()

    def shut_down(self) -> None:
        """End when the calls that run have ended."""
        if self._http2 is not None:
            self._http2.shut_down()
            self._flush()
        elif self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # ---- within

    def _choose(self, data: bytes) -> None:
        assert self._transport is not None
        if len(data) < 4:
            self._first = data
            return
        self._first = b""
        if data[:4] in _HTTP1_METHODS or self._dispatcher is None:
            self._http1 = Http1(self._pages, self._transport)
            self._http1.receive(data)
        elif data[:4] == PREFACE[:4]:
            self._start_http2().receive(data)
            self._flush()
        else:
            self._transport.abort()

    def _start_http2(self) -> Connection:
        if self._dispatcher is None:
            raise RuntimeError("this port serves HTTP/1 alone")
        connection = self._http2 = Connection(self._wake, self._loop.time, self._limits)
        connection.opened = self._dispatcher.opened(connection)
        connection.start()
        return connection

    def _wake(self) -> None:
        """Whatever is said in this turn of the loop goes out together."""
        if self._flushing is None:
            self._flushing = self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        connection, transport = self._http2, self._transport
        if connection is None or transport is None:
            return
        output = connection.output
        if output:
            connection.output = []
            transport.write(output[0] if len(output) == 1 else b"".join(output))
            connection.let_next()
        if connection.closed:
            transport.close()
