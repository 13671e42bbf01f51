"""The HTTP transport: TLS, credentials, retries and watch streams, over aiohttp, which is imported on first use."""

import asyncio
import base64
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from kube.apimachinery.errors import ApiError
from kube.base.clock import Clock, SystemClock
from kube.base.logging import get_logger
from kube.base.tasks import TaskOwner
from kube.base.version import VERSION
from kube.client.errors import ConnectionFailedError
from kube.client.exec_credential import Credential, ExecPlugin
from kube.client.http_codec import (
    JSON,
    EventReader,
    HTTPRequest,
    decode_answer,
    decode_error,
    encode_request,
)
from kube.client.interface import Request, WatchSink
from kube.client.kubeconfig import Connection, KubeconfigError

if TYPE_CHECKING:
    import aiohttp

MAX_RETRIES: Final = 10
"""As client-go."""
REQUEST_TIMEOUT: Final = 60.0
CONNECT_TIMEOUT: Final = 30.0
WATCH_GRACE: Final = 30.0
"""A watch that is silent for so much longer than it was to last is dead."""
TOKEN_FILE_SECONDS: Final = 60.0
USER_AGENT: Final = f"kube-actors/{VERSION}"


class HTTPTransport:
    """Carries requests to a server under the identity of a kubeconfig's user.

    What the server refused to begin (429 with Retry-After) is tried again for as long as the server asks, at most 10
    times; so is a read that met a passing fault (5xx with Retry-After). A connection that fails raises
    ConnectionFailedError: whether a write had its effect is not known then.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        clock: Clock | None = None,
        user_agent: str = USER_AGENT,
        request_timeout: float = REQUEST_TIMEOUT,
    ) -> None:
        self.connection = connection
        self._clock: Clock = clock if clock is not None else SystemClock()
        self._user_agent = user_agent
        self._request_timeout = request_timeout
        self._session: aiohttp.ClientSession | None = None
        self._tls: ssl.SSLContext | None = None
        self._tls_of: Credential | None = None
        self._plugin: ExecPlugin | None = None
        if connection.exec is not None:
            self._plugin = ExecPlugin(connection, connection.exec, self._clock)
        self._token = ""
        self._token_read = -TOKEN_FILE_SECONDS
        self._watches = TaskOwner("watches")
        self._streams: dict[_Stream, None] = {}
        self._log = get_logger(__name__).bind(server=connection.server)

    async def call(self, request: Request) -> Any:
        """See ``Transport.call``. Raises ApiError."""
        return decode_answer(request, await self._fetch(encode_request(request), request))

    async def get_raw(self, path: str, *, accept: str = JSON) -> bytes:
        """What a GET of any path gives: ``/version``, ``/readyz``, ``/metrics``. Raises ApiError."""
        response = await self._send(HTTPRequest("GET", path, (), b"", ""), accept=accept)
        async with response:
            data = await self._read(response)
            if response.status >= 400:
                text = data.decode("utf-8", "replace").strip()
                raise ApiError(response.status, "", text or f"{path}: {response.status}")
            return data

    async def watch(self, request: Request, sink: WatchSink) -> "_Stream":
        """See ``Transport.watch``. Raises ApiError."""
        response = await self._send(encode_request(request), watch_of=request)
        if response.status != 200:
            async with response:
                raise await self._error(request, response)
        stream = _Stream(response, sink, request, self)
        self._streams[stream] = None
        stream.task = self._watches.start(stream.run(), name=f"watch {request.resource.group_resource}")
        return stream

    async def aclose(self) -> None:
        """End every watch, whose sinks are told so, and close the connections."""
        for stream in tuple(self._streams):
            stream.cancel()
            stream.sink.closed(None)
        await self._watches.aclose()
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def forget(self, stream: "_Stream") -> None:
        self._streams.pop(stream, None)

    async def _fetch(self, outgoing: HTTPRequest, request: Request) -> bytes:
        """The body of a successful answer, after as many tries as it takes."""
        for attempt in range(MAX_RETRIES + 1):
            response = await self._send(outgoing)
            async with response:
                if 200 <= response.status < 300:
                    return await self._read(response)
                error = await self._error(request, response)
                delay = _retry_after(response.headers)
            passing = error.code == 429 or (error.code >= 500 and outgoing.method == "GET")
            if delay is None or not passing or attempt == MAX_RETRIES:
                raise error
            self._log.debug("server asks to retry", path=outgoing.path, seconds=delay, attempt=attempt + 1)
            await self._clock.sleep(delay)
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _send(
        self, outgoing: HTTPRequest, *, watch_of: Request | None = None, accept: str = JSON
    ) -> "aiohttp.ClientResponse":
        """The response, its body unread. A credential that is refused is replaced once by a fresh one."""
        credential = await self._credential()
        response = await self._send_as(credential, outgoing, watch_of, accept)
        if response.status == 401 and self._plugin is not None and credential is not None:
            response.release()
            self._plugin.forget(credential)
            response = await self._send_as(await self._credential(), outgoing, watch_of, accept)
        return response

    async def _send_as(
        self, credential: Credential | None, outgoing: HTTPRequest, watch_of: Request | None, accept: str
    ) -> "aiohttp.ClientResponse":
        import aiohttp  # noqa: PLC0415  # 0.2 s that a program without HTTP must not pay
        import yarl  # noqa: PLC0415  # as above

        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), trust_env=False)
        connection = self.connection
        url = f"{connection.server}{quote(outgoing.path, safe='/:@!$&()*+,;=~')}"
        if outgoing.query:
            url = f"{url}?{urlencode(outgoing.query)}"
        tls: dict[str, Any] = {}
        if url.startswith("https:"):
            tls["ssl"] = self._tls_context(credential)
            if connection.tls_server_name:
                tls["server_hostname"] = connection.tls_server_name
        try:
            return await self._session.request(
                outgoing.method,
                yarl.URL(url, encoded=True),
                data=outgoing.body or None,
                headers=self._headers(credential, outgoing.content_type, accept),
                timeout=self._timeout(watch_of),
                proxy=connection.proxy_url or None,
                allow_redirects=False,
                **tls,
            )
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._unreachable(error) from error

    async def _read(self, response: "aiohttp.ClientResponse") -> bytes:
        import aiohttp  # noqa: PLC0415  # loaded by now

        try:
            return await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._unreachable(error) from error

    async def _error(self, request: Request, response: "aiohttp.ClientResponse") -> ApiError:
        data = await self._read(response)
        return decode_error(
            request,
            response.status,
            data,
            is_json=response.content_type == JSON,
            retry_after=_retry_after(response.headers) or 0,
        )

    def _unreachable(self, error: BaseException) -> ConnectionFailedError:
        cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
        refused = isinstance(cause, ConnectionRefusedError) or isinstance(error, ConnectionRefusedError)
        what = "timed out" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
        return ConnectionFailedError(f"{self.connection.server}: {what}", refused=refused)

    def _timeout(self, watch_of: Request | None) -> "aiohttp.ClientTimeout":
        import aiohttp  # noqa: PLC0415  # loaded by now

        if watch_of is None:
            return aiohttp.ClientTimeout(total=self._request_timeout, sock_connect=CONNECT_TIMEOUT)
        seconds = watch_of.options.timeout_seconds
        silence = None if seconds is None else seconds + WATCH_GRACE
        return aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT, sock_read=silence)

    # Who we are

    async def _credential(self) -> Credential | None:
        return await self._plugin.credential() if self._plugin is not None else None

    def _headers(
        self, credential: Credential | None, content_type: str, accept: str
    ) -> list[tuple[str, str]]:
        connection = self.connection
        headers = [("User-Agent", self._user_agent), ("Accept", accept)]
        if content_type:
            headers.append(("Content-Type", content_type))
        token = self._bearer_token(credential)
        if token:
            headers.append(("Authorization", f"Bearer {token}"))
        elif connection.username:
            pair = f"{connection.username}:{connection.password}".encode()
            headers.append(("Authorization", f"Basic {base64.b64encode(pair).decode()}"))
        if connection.impersonate_user:
            headers.append(("Impersonate-User", connection.impersonate_user))
            if connection.impersonate_uid:
                headers.append(("Impersonate-Uid", connection.impersonate_uid))
            headers += [("Impersonate-Group", group) for group in connection.impersonate_groups]
            headers += [
                (f"Impersonate-Extra-{quote(key, safe='')}", value)
                for key, values in connection.impersonate_extra.items()
                for value in values
            ]
        return headers

    def _bearer_token(self, credential: Credential | None) -> str:
        if credential is not None and credential.token:
            return credential.token
        path = self.connection.token_file
        if not path:
            return self.connection.token
        now = self._clock.monotonic()
        if now - self._token_read >= TOKEN_FILE_SECONDS:
            try:
                self._token = Path(path).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise KubeconfigError(
                    f"unable to read token file {path}: {error.strerror}", Path(path)
                ) from error
            self._token_read = now
        return self._token

    def _tls_context(self, credential: Credential | None) -> ssl.SSLContext:
        """One context for all connections, until the plugin gives another certificate."""
        if self._tls is None or self._tls_of is not credential:
            self._tls = tls_context(self.connection, credential)
            self._tls_of = credential
        return self._tls


class _Stream:
    """A watch under way: reads the response in its task and delivers what has arrived as one batch."""

    __slots__ = ("_kind", "_over", "_response", "_transport", "sink", "task")

    def __init__(
        self, response: "aiohttp.ClientResponse", sink: WatchSink, request: Request, transport: HTTPTransport
    ) -> None:
        self.sink = sink
        self.task: asyncio.Task[None] | None = None
        self._response = response
        self._kind = request.resource.type
        self._transport = transport
        self._over = False

    def cancel(self) -> None:
        """See ``WatchHandle.cancel``."""
        self._over = True
        self._response.close()
        self._transport.forget(self)
        if self.task is not None:
            self.task.cancel()

    async def run(self) -> None:
        try:
            ended, error = await self._pump()
        finally:
            self._response.close()
            self._transport.forget(self)
        if ended and not self._over:
            self.sink.closed(error)

    async def _pump(self) -> tuple[bool, ApiError | None]:
        """Whether the stream ended by itself, and by what; not when its receiver has closed it."""
        import aiohttp  # noqa: PLC0415  # loaded by now

        reader = EventReader(self._kind)
        try:
            async for chunk in self._response.content.iter_any():
                events = reader.feed(chunk)
                if events and not self.sink.deliver(events):
                    return False, None
                if reader.error is not None:
                    return True, reader.error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return True, ConnectionFailedError(f"watch: {str(error) or type(error).__name__}")
        return True, None


def tls_context(connection: Connection, credential: Credential | None = None) -> ssl.SSLContext:
    """The TLS side of a connection. Raises KubeconfigError for certificates that cannot be used."""
    try:
        context = ssl.create_default_context(cadata=connection.ca.decode() or None)
    except (ssl.SSLError, UnicodeDecodeError, ValueError) as error:
        raise KubeconfigError(f"unable to load root certificates: {error}") from error
    if connection.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate, key = connection.client_certificate, connection.client_key
    if credential is not None and credential.client_certificate_data:
        certificate = credential.client_certificate_data.encode()
        key = credential.client_key_data.encode()
    if certificate:
        _load_chain(context, certificate, key)
    return context


def _load_chain(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """The ssl module takes files alone: they exist for as long as it reads them, for their owner alone."""
    with tempfile.TemporaryDirectory(prefix="kube-") as folder:
        chain = Path(folder) / "client.pem"
        chain.touch(mode=0o600)
        chain.write_bytes(certificate.rstrip() + b"\n" + key)
        try:
            context.load_cert_chain(chain)
        except (ssl.SSLError, ValueError) as error:
            raise KubeconfigError(
                f"tls: client certificate and key do not fit or cannot be read: {error}"
            ) from error


def _retry_after(headers: Mapping[str, str]) -> int | None:
    """Seconds, where the server names them."""
    text = headers.get("Retry-After", "").strip()
    return int(text) if text.isascii() and text.isdecimal() else None
