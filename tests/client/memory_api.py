"""A small API server in memory: enough of the real one's semantics for the client's tests.

Writes are optimistic, deletions without finalizers are immediate, every write is one revision, watches resume from any
revision that is not compacted. Faults are put in by hand: `fail`, `compact`, `close_watches`, `hold`.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from kube.api.resources import Resource, builtin_table
from kube.apimachinery import errors, fields, labels
from kube.apimachinery.errors import ApiError
from kube.apimachinery.meta.v1 import ObjectMeta, Status
from kube.apimachinery.watch import WatchEvent
from kube.client.interface import ObjectList, Patch, Request, WatchSink

Place = tuple[tuple[str, str, str], str, str]


class MemoryApi:
    def __init__(self) -> None:
        self.resources = builtin_table()
        self.revision = 100
        self.compacted = 0
        self.objects: dict[Place, Any] = {}
        self.history: list[tuple[int, Resource, WatchEvent[Any], Any]] = []
        self.watchers: list[_Watcher] = []
        self.requests: list[Request] = []
        self.faults: list[tuple[str, ApiError]] = []
        self.gate: asyncio.Event | None = None
        self.uids = 0

    def transport(self) -> "MemoryTransport":
        return MemoryTransport(self)

    # Faults

    def fail(self, verb: str, error: ApiError, times: int = 1) -> None:
        """The next requests of this verb fail."""
        self.faults += [(verb, error)] * times

    def compact(self) -> None:
        """Forget the history up to now."""
        self.compacted = self.revision
        self.history.clear()

    def close_watches(self, error: ApiError | None = None) -> None:
        watchers, self.watchers = self.watchers, []
        for watcher in watchers:
            watcher.sink.closed(error)

    def hold(self) -> asyncio.Event:
        """Requests wait until the event is set."""
        self.gate = asyncio.Event()
        return self.gate

    # Writing beside any transport

    def put(self, obj: Any) -> Any:
        """Create or update, whatever is there."""
        resource = self.row(obj)
        place = (resource.gvr, obj.metadata.namespace, obj.metadata.name)
        old = self.objects.get(place)
        uid = old.metadata.uid if old is not None else self.new_uid()
        obj = self.stamp(obj, uid=uid)
        self.objects[place] = obj
        self.publish(resource, "ADDED" if old is None else "MODIFIED", obj, old)
        return obj

    def remove(self, obj: Any) -> Any:
        resource = self.row(obj)
        old = self.objects.pop((resource.gvr, obj.metadata.namespace, obj.metadata.name))
        gone = self.stamp(old, uid=old.metadata.uid)
        self.publish(resource, "DELETED", gone, old)
        return gone

    def bookmark(self) -> None:
        for watcher in self.watchers:
            meta = ObjectMeta(resource_version=str(self.revision))
            event = WatchEvent("BOOKMARK", watcher.request.resource.type(metadata=meta))
            watcher.sink.deliver((event,))

    def row(self, obj: Any) -> Resource:
        found = self.resources.by_api_version(obj.api_version, obj.kind)
        assert found is not None
        return found

    def new_uid(self) -> str:
        self.uids += 1
        return f"uid-{self.uids}"

    def stamp(self, obj: Any, *, uid: str) -> Any:
        self.revision += 1
        metadata = msgspec.structs.replace(obj.metadata, resource_version=str(self.revision), uid=uid)
        return msgspec.structs.replace(obj, metadata=metadata)

    def publish(self, resource: Resource, kind: str, obj: Any, old: Any) -> None:
        self.history.append((self.revision, resource, WatchEvent(kind, obj), old))
        for watcher in tuple(self.watchers):
            watcher.see(resource, WatchEvent(kind, obj), old)


class _Watcher:
    """One stream: it sees an object that leaves its selection as deleted."""

    def __init__(self, api: MemoryApi, request: Request, sink: WatchSink) -> None:
        self.api = api
        self.request = request
        self.sink = sink
        self.matches = matcher(request)

    def see(self, resource: Resource, event: WatchEvent[Any], old: Any) -> None:
        seen = self.select(resource, event, old)
        if seen is not None and not self.sink.deliver((seen,)):
            self.cancel()

    def select(self, resource: Resource, event: WatchEvent[Any], old: Any) -> WatchEvent[Any] | None:
        if resource is not self.request.resource:
            return None
        now = event.type != "DELETED" and self.matches(event.object)
        before = old is not None and self.matches(old)
        if not (now or before):
            return None
        kind = "DELETED" if not now else "MODIFIED" if before else "ADDED"
        return WatchEvent(kind, event.object, event.cause)

    def cancel(self) -> None:
        if self in self.api.watchers:
            self.api.watchers.remove(self)


def matcher(request: Request) -> Callable[[Any], bool]:
    by_label = labels.parse(request.options.label_selector)
    by_field = fields.parse(request.options.field_selector)

    def matches(obj: Any) -> bool:
        return (
            (not request.namespace or obj.metadata.namespace == request.namespace)
            and by_label.matches(obj.metadata.labels)
            and by_field.matches_map(request.resource.field_set(obj))
        )

    return matches


class MemoryTransport:
    def __init__(self, api: MemoryApi) -> None:
        self.api = api
        self.closed = False

    async def call(self, request: Request) -> Any:
        await self._arrive(request)
        return getattr(self, f"_{request.verb}")(request)

    async def watch(self, request: Request, sink: WatchSink) -> _Watcher:
        await self._arrive(request)
        api = self.api
        watcher = _Watcher(api, request, sink)
        asked = request.options.resource_version
        if asked not in (None, "", "0"):
            since = int(asked)
            if since < api.compacted:
                raise errors.too_old_resource_version(since, api.compacted)
            past = [
                watcher.select(resource, event, old)
                for revision, resource, event, old in api.history
                if revision > since
            ]
        else:
            past = [
                watcher.select(request.resource, WatchEvent("ADDED", obj), None)
                for (gvr, _, _), obj in api.objects.items()
                if gvr == request.resource.gvr
            ]
        batch = [event for event in past if event is not None]
        if batch and not sink.deliver(batch):
            return watcher
        api.watchers.append(watcher)
        return watcher

    async def aclose(self) -> None:
        self.closed = True
        self.api.close_watches()

    async def _arrive(self, request: Request) -> None:
        api = self.api
        api.requests.append(request)
        await asyncio.sleep(0)
        if api.gate is not None:
            await api.gate.wait()
        for at, (verb, error) in enumerate(api.faults):
            if verb == request.verb:
                del api.faults[at]
                raise error

    def _place(self, request: Request) -> Place:
        return (request.resource.gvr, request.namespace, request.name)

    def _get(self, request: Request) -> Any:
        found = self.api.objects.get(self._place(request))
        if found is None:
            raise errors.not_found(request.resource.group_resource, request.name)
        return found

    def _list(self, request: Request) -> ObjectList[Any]:
        version = request.options.resource_version
        if version not in (None, "", "0") and int(version) > self.api.revision:
            raise errors.too_large_resource_version(int(version), self.api.revision, 1)
        matches = matcher(request)
        items = tuple(
            obj
            for (gvr, _, _), obj in self.api.objects.items()
            if gvr == request.resource.gvr and matches(obj)
        )
        return ObjectList(items, str(self.api.revision))

    def _create(self, request: Request) -> Any:
        obj = request.body
        metadata = obj.metadata
        name = metadata.name or f"{metadata.generate_name}{self.api.revision}"
        metadata = msgspec.structs.replace(metadata, name=name, namespace=request.namespace)
        place = (request.resource.gvr, request.namespace, name)
        if place in self.api.objects:
            raise errors.already_exists(request.resource.group_resource, name)
        return self.api.put(msgspec.structs.replace(obj, metadata=metadata))

    def _update(self, request: Request) -> Any:
        current = self._get(request)
        version = request.body.metadata.resource_version
        if version and version != current.metadata.resource_version:
            raise errors.conflict(request.resource.group_resource, request.name)
        if request.subresource == "status":
            return self.api.put(msgspec.structs.replace(current, status=request.body.status))
        return self.api.put(request.body)

    def _patch(self, request: Request) -> Any:
        current = self._get(request)
        assert isinstance(request.body, Patch)
        tree = msgspec.json.decode(msgspec.json.encode(current))
        merged = _merge(tree, msgspec.json.decode(request.body.data))
        return self.api.put(msgspec.convert(merged, type(current)))

    def _delete(self, request: Request) -> Any:
        self.api.remove(self._get(request))
        return Status(status="Success")


def _merge(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    target = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        else:
            target[key] = _merge(target.get(key), value)
    return target
