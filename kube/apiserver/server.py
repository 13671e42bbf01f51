"""The HTTP server: sockets and TLS, the start and the end of serving.

Connections begin in `kube.apiserver.http.connection`; with the first request that is not a plain one they go to
`kube.apiserver.http.full`, which is imported then: its library takes a tenth of a second.
"""

import asyncio
import errno
import ssl
from typing import TYPE_CHECKING, Final

from kube.apiserver.http.connection import Connection, Front
from kube.apiserver.http.messages import Handler
from kube.base.acceptor import Acceptor
from kube.base.clock import SystemClock
from kube.base.tasks import TaskOwner

if TYPE_CHECKING:
    from kube.apiserver.http.full import FullServer

_HANDSHAKE_SECONDS: Final = 10.0
_GOODBYE_SECONDS: Final = 0.5
"""How long a closing TLS connection waits for the peer's last word."""
_BACKLOG: Final = 1024


class ListenError(Exception):
    """The address cannot be listened on; the message is one line for the user."""

    def __init__(self, host: str, port: int, why: str) -> None:
        super().__init__(f"cannot listen on {host}:{port}: {why}")
        self.host = host
        self.port = port


class Server:
    """Serves one handler on one address. Start it once, stop it once."""

    def __init__(
        self, handler: Handler, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None
    ) -> None:
        """Port 0 picks a free one. Without `tls` plain HTTP is spoken."""
        self._handler = handler
        self._host = host
        self._wanted_port = port
        self._tls = tls
        self._tasks = TaskOwner("http server")
        self._acceptor: Acceptor | None = None
        self._full: FullServer | None = None
        self._front: Front | None = None

    @property
    def port(self) -> int:
        """The port that is listened on; 0 before the start."""
        return 0 if self._acceptor is None else self._acceptor.address[1]

    @property
    def url(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'http' if self._tls is None else 'https'}://{host}:{self.port}"

    async def start(self) -> None:
        """Raises ListenError."""
        loop = asyncio.get_running_loop()
        self._front = front = Front(self._handler, self._full_connection, SystemClock(), self._tasks)
        self._acceptor = Acceptor(
            lambda: Connection(front, loop),
            self._tls,
            handshake_timeout=_HANDSHAKE_SECONDS,
            shutdown_timeout=_GOODBYE_SECONDS,
        )
        try:
            await self._acceptor.listen(self._host, self._wanted_port, backlog=_BACKLOG)
        except OSError as error:
            busy = error.errno == errno.EADDRINUSE
            why = "the port is in use" if busy else error.strerror or str(error)
            raise ListenError(self._host, self._wanted_port, why) from error

    async def stop(self, grace: float = 1.0) -> None:
        """Take no new connections, end the streams, and give requests `grace` seconds to be answered.

        After at most twice that time every socket is closed.
        """
        front = self._front
        acceptor, self._acceptor = self._acceptor, None
        if acceptor is None or front is None:
            return
        front.stopping = True
        await acceptor.aclose()
        for connection in front.connections.all():
            connection.end_stream()
        await asyncio.sleep(0)
        if self._full is not None:
            self._full.pre_shutdown()
        for connection in front.connections.all():
            connection.finish()
        await front.connections.answered(grace / 2)
        if self._full is not None:
            await self._full.shutdown(grace / 2)
        await self._tasks.aclose()
        for connection in front.connections.all():
            connection.abort()
        await front.connections.emptied()

    def _full_connection(self) -> asyncio.Protocol:
        from kube.apiserver.http.full import FullServer  # noqa: PLC0415  # see above

        assert self._front is not None
        if self._full is None:
            self._full = FullServer(self._front, asyncio.get_running_loop())
        return self._full.connection()
