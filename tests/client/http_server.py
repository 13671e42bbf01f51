"""The API server in memory, over HTTP: just enough of the wire for the transport's tests."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import web
from memory_api import MemoryApi

from kube.apimachinery import serializer
from kube.apimachinery.errors import ApiError
from kube.apimachinery.meta.v1 import DeleteOptions, ListMeta, Status
from kube.client.interface import ObjectList, Options, Patch, Request

Override = Callable[[web.Request], Awaitable[web.StreamResponse | None]]

VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}


class HTTPServer:
    def __init__(self, api: MemoryApi) -> None:
        self.api = api
        self.transport = api.transport()
        self.seen: list[web.Request] = []
        self.override: Override | None = None
        self.url = ""

    @asynccontextmanager
    async def serve(
        self, context: ssl.SSLContext | None = None, port: int = 0
    ) -> AsyncIterator["HTTPServer"]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=context)
        await site.start()
        scheme = "https" if context else "http"
        self.url = f"{scheme}://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request)
        if self.override is not None:
            answer = await self.override(request)
            if answer is not None:
                return answer
        try:
            call = await self.parse(request)
            if call.verb == "watch":
                return await self.stream(request, call)
            return answer_of(call, await self.transport.call(call))
        except ApiError as error:
            return json(error.to_status(), error.code)

    async def parse(self, request: web.Request) -> Request:
        parts = request.path.strip("/").split("/")
        group, version, rest = (
            ("", parts[1], parts[2:]) if parts[0] == "api" else (parts[1], parts[2], parts[3:])
        )
        namespace = ""
        if rest[0] == "namespaces" and len(rest) > 2:
            namespace, rest = rest[1], rest[2:]
        resource = self.api.resources.get(group, version, rest[0])
        assert resource is not None
        name = rest[1] if len(rest) > 1 else ""
        verb = VERBS.get(request.method, "")
        if request.method == "GET":
            verb = "get" if name else "watch" if request.query.get("watch") == "true" else "list"
        elif request.method == "DELETE":
            verb = "delete" if name else "deletecollection"
        data = await request.read()
        body: Any = None
        delete = None
        if verb == "patch":
            body = Patch(request.content_type, data)
        elif request.method == "DELETE":
            delete = serializer.decode(DeleteOptions, data) if data else None
        elif data:
            body = serializer.decode(resource.type, data)
        query = request.query
        return Request(
            verb=verb,
            resource=resource,
            namespace=namespace,
            name=name,
            subresource=rest[2] if len(rest) > 2 else "",
            body=body,
            options=Options(
                resource_version=query.get("resourceVersion"),
                label_selector=query.get("labelSelector", ""),
                field_selector=query.get("fieldSelector", ""),
                dry_run=query.get("dryRun") == "All",
                delete=delete,
            ),
        )

    async def stream(self, request: web.Request, call: Request) -> web.StreamResponse:
        queue: asyncio.Queue[Any] = asyncio.Queue()

        class Sink:
            def deliver(self, events: Any) -> bool:
                for event in events:
                    queue.put_nowait({"type": event.type, "object": event.object})
                return True

            def closed(self, error: ApiError | None) -> None:
                if error is not None:
                    queue.put_nowait({"type": "ERROR", "object": error.to_status()})
                queue.put_nowait(None)

        handle = await self.transport.watch(call, Sink())
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        try:
            while (event := await queue.get()) is not None:
                await response.write(serializer.encode(event) + b"\n")
        finally:
            handle.cancel()
        return response


def json(obj: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        body=serializer.encode(obj), status=status, content_type="application/json", headers=headers
    )


def answer_of(call: Request, answer: Any) -> web.Response:
    if not isinstance(answer, ObjectList):
        return json(answer, 201 if call.verb == "create" else 200)
    metadata = ListMeta(resource_version=answer.resource_version, continue_=answer.continue_)
    items = [msgspec.Raw(serializer.encode(item)) for item in answer.items]
    return json({"kind": call.resource.list_kind, "metadata": metadata, "items": items})


def failure(code: int, reason: str, message: str, headers: dict[str, str] | None = None) -> web.Response:
    return json(Status(status="Failure", code=code, reason=reason, message=message), code, headers)
