"""The client of a program: every verb, watches and waits, over any transport."""

import asyncio
import os
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar, overload

from kube.api.resources import ResourceTable
from kube.apimachinery.errors import ApiError, is_resource_version_too_old
from kube.client.interface import Request
from kube.client.keys import HasMetadata
from kube.client.kinds import Untyped
from kube.client.typed import TypedClient, options_of
from kube.client.watch import DEFAULT_BUFFER, Watch

T = TypeVar("T", bound=HasMetadata)


class Client(TypedClient):
    """A TypedClient that can also watch and wait, and that closes its transport.

    ``watch`` without a namespace covers all of them, as ``list`` does.
    """

    @classmethod
    def from_kubeconfig(
        cls,
        path: str | os.PathLike[str] | None = None,
        *,
        context: str | None = None,
        resources: ResourceTable | None = None,
    ) -> Self:
        """A client over HTTP, by a kubeconfig file or what ``$KUBECONFIG`` and the home directory have.

        Raises KubeconfigError.
        """
        from kube.client import http, kubeconfig  # noqa: PLC0415  # in-process clients need neither ssl nor YAML

        connection = kubeconfig.load(path).connection(context)
        return cls(http.HTTPTransport(connection), resources=resources, namespace=connection.namespace)

    async def aclose(self) -> None:
        """Close the transport: every watch ends."""
        await self.transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    @overload
    def watch(
        self,
        kind: type[T],
        *,
        namespace: str | None = ...,
        label_selector: str = ...,
        field_selector: str = ...,
        resource_version: str | None = ...,
        timeout_seconds: int | None = ...,
        bookmarks: bool = ...,
        send_initial_events: bool | None = ...,
        buffer: int = ...,
    ) -> Watch[T]: ...
    @overload
    def watch(
        self,
        kind: Untyped,
        *,
        namespace: str | None = ...,
        label_selector: str = ...,
        field_selector: str = ...,
        resource_version: str | None = ...,
        timeout_seconds: int | None = ...,
        bookmarks: bool = ...,
        send_initial_events: bool | None = ...,
        buffer: int = ...,
    ) -> Watch[Any]: ...
    def watch(
        self,
        kind: type[Any] | Untyped,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        resource_version: str | None = None,
        timeout_seconds: int | None = None,
        bookmarks: bool = False,
        send_initial_events: bool | None = None,
        buffer: int = DEFAULT_BUFFER,
    ) -> Watch[Any]:
        """Events after ``resource_version``; without one, what exists comes first as ADDED. See :class:`Watch`."""
        resource = self.resource(kind)
        options = options_of(
            label_selector=label_selector,
            field_selector=field_selector,
            resource_version=resource_version,
            timeout_seconds=timeout_seconds,
            allow_watch_bookmarks=bookmarks,
            send_initial_events=send_initial_events,
            resource_version_match="NotOlderThan" if send_initial_events is not None else "",
        )
        request = Request(verb="watch", resource=resource, namespace=namespace or "", options=options)
        return Watch(self.transport, request, buffer)

    async def wait_for(
        self,
        kind: type[T],
        name: str,
        predicate: Callable[[T], bool],
        *,
        namespace: str | None = None,
        timeout: float | None = 30.0,  # noqa: ASYNC109  # kubectl wait's own option
    ) -> T:
        """The object once it exists and ``predicate`` holds. Raises TimeoutError after ``timeout`` seconds."""
        found = await self._wait(
            kind, name, namespace, timeout, lambda obj: obj is not None and predicate(obj)
        )
        assert found is not None
        return found

    async def wait_for_deletion(
        self,
        kind: type[T],
        name: str,
        *,
        namespace: str | None = None,
        timeout: float | None = 30.0,  # noqa: ASYNC109  # as above
    ) -> None:
        """Returns once no object has the name. Raises TimeoutError after ``timeout`` seconds."""
        await self._wait(kind, name, namespace, timeout, lambda obj: obj is None)

    async def _wait(
        self,
        kind: type[T],
        name: str,
        namespace: str | None,
        seconds: float | None,
        done: Callable[[T | None], bool],
    ) -> T | None:
        """Follow one object until ``done``, over as many watches as that takes."""
        resource = self.resource(kind)
        namespace = self._namespace(resource, namespace, None)
        selector = f"metadata.name={name}"
        try:
            async with asyncio.timeout(seconds):
                while True:
                    listed = await self.list(kind, namespace=namespace, field_selector=selector)
                    current = listed.items[0] if listed.items else None
                    if done(current):
                        return current
                    events = self.watch(
                        kind,
                        namespace=namespace,
                        field_selector=selector,
                        resource_version=listed.resource_version,
                    )
                    try:
                        async with events:
                            async for event in events:
                                current = None if event.type == "DELETED" else event.object
                                if done(current):
                                    return current
                    except ApiError as error:
                        if not is_resource_version_too_old(error):
                            raise
        except TimeoutError:
            raise TimeoutError(
                f"timed out waiting for the condition on {resource.group_resource}/{name}"
            ) from None
