"""What a request for one served resource (or subresource) needs to know, looked up once and kept."""

from collections.abc import Callable
from typing import Any

from kube.api.defaults import default
from kube.api.resources import Resource
from kube.apimachinery.errors import ApiError, generic
from kube.apiserver.registry.rest import Registry
from kube.apiserver.registry.selection import Selectors
from kube.apiserver.registry.strategy import Strategy
from kube.apiserver.storage.interface import Entry, StoredEvent

Convert = Callable[[Any, type], Any]
"""An object as another version's type of the same kind."""


class Target:
    """One resource or subresource as it is served.

    ``kind`` is the type of bodies and answers, ``storage_kind`` that of the same objects in the registry; they differ
    for versions that are not stored, between which ``convert`` goes. ``accepts`` are all types that a body may have.
    """

    __slots__ = (
        "_convert",
        "accepts",
        "kind",
        "namespaced",
        "resource",
        "rest",
        "selectors",
        "storage_kind",
        "strategy",
        "subresource",
        "verbs",
    )

    def __init__(self, registry: Registry, resource: Resource, subresource: str, convert: Convert) -> None:
        try:
            found = registry.find(resource)
        except LookupError:
            raise generic(404, "") from None
        self.resource = resource
        self.subresource = subresource
        self.namespaced = resource.namespaced
        self.strategy: Strategy | None = found.strategy
        self.rest: Any = found.rest
        self.kind: type = resource.type
        self.storage_kind: type = found.resource.type
        self.accepts: tuple[type, ...] = (self.kind,)
        self.verbs = frozenset(resource.verbs)
        if subresource:
            row = resource.subresource(subresource)
            rest = found.subresources.get(subresource)
            if row is None or rest is None:
                raise generic(404, "")
            self.rest = rest
            self.verbs = frozenset(row.verbs)
            if row.kind != resource.kind:
                self.kind = self.storage_kind = row.type
                self.accepts = tuple(getattr(rest, "accepts", (self.kind,)))
        indexed = found.strategy.indexed_fields if found.strategy is not None else ()
        self.selectors = Selectors(resource, found.resource.type, indexed)
        self._convert = None if self.kind is self.storage_kind else convert

    def method(self, verb: str, name: str = "") -> Any:
        """The method of the REST object for a verb, which may have another ``name``. Raises ApiError (405)."""
        method = getattr(self.rest, name or verb, None)
        if method is None or verb not in self.verbs:
            raise method_not_allowed()
        return method

    def default(self, obj: Any) -> Any:
        """Defaults of the version that the object came in; the strategy has its say where that is the stored one."""
        if self.strategy is None or self._convert is not None or type(obj) is not self.storage_kind:
            return default(obj)
        return self.strategy.default(obj)

    def to_storage(self, obj: Any) -> Any:
        return obj if self._convert is None else self._convert(obj, self.storage_kind)

    def from_storage(self, obj: Any) -> Any:
        return obj if self._convert is None else self._convert(obj, self.kind)

    @property
    def is_storage_version(self) -> bool:
        return self._convert is None

    def entry(self, entry: Entry) -> Entry:
        """The entry in the served version; made once and shared."""
        return entry if self._convert is None else entry.view(self.kind, self._converted)

    def _converted(self, entry: Entry) -> Entry:
        return Entry(entry.key, entry.revision, self.from_storage(entry.object), cause=entry.cause)

    def event(self, event: StoredEvent) -> StoredEvent:
        """The event in the served version; made once and shared."""
        return event if self._convert is None else event.view(self.kind, self._converted_event)

    def _converted_event(self, event: StoredEvent) -> StoredEvent:
        prev = None if event.prev_entry is None else self.entry(event.prev_entry)
        return StoredEvent(event.type, self.entry(event.entry), prev)


def method_not_allowed() -> ApiError:
    """405, as for an HTTP method that no handler is installed for."""
    return generic(405, "")
