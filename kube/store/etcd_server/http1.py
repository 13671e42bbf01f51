"""The few pages that etcd serves over plain HTTP/1.1: one request, one answer, and the connection is closed."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final, NamedTuple

from kube.base.tasks import TaskOwner

_MAX_HEAD: Final = 16_384


class Page(NamedTuple):
    status: HTTPStatus
    content_type: str
    body: bytes


class Pages(NamedTuple):
    """Path to what makes the page."""

    by_path: Mapping[str, Callable[[], Awaitable[Page]]]
    tasks: TaskOwner


class Http1:
    """One connection."""

    def __init__(self, pages: Pages, transport: asyncio.Transport) -> None:
        self._pages = pages
        self._transport = transport
        self._head = b""
        self._answered = False

    def receive(self, data: bytes) -> None:
        if self._answered:
            return
        self._head += data
        head, found, _ = self._head.partition(b"\r\n\r\n")
        if not found:
            if len(self._head) > _MAX_HEAD:
                self._answer(_text(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE), with_body=True)
            return
        self._answered = True
        words = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            self._answer(_text(HTTPStatus.BAD_REQUEST), with_body=True)
            return
        method, path = words[0], words[1].partition("?")[0]
        page = self._pages.by_path.get(path)
        if page is None:
            self._answer(_text(HTTPStatus.NOT_FOUND), with_body=True)
        elif method not in {"GET", "HEAD"}:
            self._answer(_text(HTTPStatus.METHOD_NOT_ALLOWED), with_body=True)
        else:
            self._pages.tasks.start(self._make(page, with_body=method == "GET"), name=path)

    async def _make(self, page: Callable[[], Awaitable[Page]], *, with_body: bool) -> None:
        self._answer(await page(), with_body=with_body)

    def _answer(self, page: Page, *, with_body: bool) -> None:
        self._answered = True
        head = (
            f"HTTP/1.1 {page.status.value} {page.status.phrase}\r\n"
            f"Content-Type: {page.content_type}\r\n"
            f"Content-Length: {len(page.body)}\r\n"
            "Connection: close\r\n\r\n"
        )
        if not self._transport.is_closing():
            self._transport.write(head.encode() + (page.body if with_body else b""))
            self._transport.close()


def _text(status: HTTPStatus) -> Page:
    return Page(status, "text/plain; charset=utf-8", f"{status.value} {status.phrase}\n".encode())
