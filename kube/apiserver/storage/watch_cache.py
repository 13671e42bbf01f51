"""The state of a watch cache: the objects of one resource, by namespace and by indexed fields, and their recent history.

Nothing here waits or delivers; ``cacher`` does.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from kube.apiserver.storage.interface import Entry, Selection, StoredEvent, with_resource_version

MIN_HISTORY: Final = 100
MAX_HISTORY: Final = 10_000
"""Events that are kept. Whoever resumes from before them is served from the store's history."""
FRESH_SECONDS: Final = 75.0
"""Events older than this go once there are more than MIN_HISTORY (upstream's eventFreshDuration)."""

FieldGetter = Callable[[Any], str]
Filter = Callable[[Any], bool]


class Shelf:
    """Entries by key, put into order when they are listed and not before."""

    __slots__ = ("_entries", "_last", "_ordered")

    def __init__(self) -> None:
        self._entries: dict[bytes, Entry] = {}
        self._last = b""
        self._ordered = True

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: bytes) -> Entry | None:
        return self._entries.get(key)

    def put(self, entry: Entry) -> Entry | None:
        """Keep ``entry``; returns what it replaces."""
        key = entry.key
        replaced = self._entries.get(key)
        self._entries[key] = entry
        if replaced is None:
            if key > self._last:
                self._last = key
            else:
                self._ordered = False
        return replaced

    def pop(self, key: bytes) -> Entry | None:
        return self._entries.pop(key, None)

    def entries(self) -> list[Entry]:
        """All entries, sorted by key."""
        if not self._ordered:
            self._entries = dict(sorted(self._entries.items()))
            self._ordered = True
        return list(self._entries.values())


class CacheEvent:
    """One change of one object, and the watch events that it is to those who see it differently.

    ``entry`` is None when the object is gone, ``prev`` when it is new. An object that leaves what a watcher selects
    is DELETED to it and one that enters is ADDED.
    """

    __slots__ = ("_added", "_deleted", "_modified", "entry", "key", "namespace", "prev", "revision", "time")

    def __init__(
        self,
        key: bytes,
        namespace: bytes,
        revision: int,
        *,
        entry: Entry | None,
        prev: Entry | None,
        time: float = 0.0,
    ) -> None:
        self.key = key
        self.namespace = namespace
        self.revision = revision
        self.entry = entry
        self.prev = prev
        self.time = time
        self._added: StoredEvent | None = None
        self._modified: StoredEvent | None = None
        self._deleted: StoredEvent | None = None

    def seen(self, was: bool, now: bool) -> StoredEvent | None:
        """The event for who saw the object before (``was``) and sees it after (``now``); one instance for all."""
        entry, prev = self.entry, self.prev
        if now and entry is not None:
            if was:
                if self._modified is None:
                    self._modified = StoredEvent("MODIFIED", entry, prev)
                return self._modified
            if self._added is None:
                self._added = StoredEvent("ADDED", entry)
            return self._added
        if not was or prev is None:
            return None
        if self._deleted is None:
            obj = with_resource_version(prev.object, self.revision)
            cause = None if entry is None else entry.cause
            self._deleted = StoredEvent(
                "DELETED", Entry(self.key, self.revision, obj, prev.value, cause), prev
            )
        return self._deleted

    def filtered(self, filter_: Callable[[Any], bool], was: bool, now: bool) -> StoredEvent | None:
        """As ``seen``, to who sees only what the filter lets through."""
        entry, prev = self.entry, self.prev
        was = was and prev is not None and filter_(prev.object)
        return self.seen(was, now and entry is not None and filter_(entry.object))

    def to(self, filter_: Callable[[Any], bool] | None) -> StoredEvent | None:
        """The event for a watcher who sees all objects, or those that the filter lets through."""
        was, now = self.prev is not None, self.entry is not None
        return self.seen(was, now) if filter_ is None else self.filtered(filter_, was, now)


class WatchCache:
    """All objects as of ``revision``, and every change after ``floor``.

    ``fields``: the indexed fields, each with what reads it from an object. ``prefix`` is the resource's, with a slash at
    its end; a key below it is ``namespace/name`` or, for cluster-scoped resources, ``name``.
    """

    def __init__(self, prefix: bytes, fields: Mapping[str, FieldGetter]) -> None:
        self.prefix = prefix
        self.revision = 0
        self.floor = 0
        self.changes = 0
        """Counts what changes the state."""
        self.history: deque[CacheEvent] = deque()
        self._fields = tuple(fields.items())
        self._spaces: dict[bytes, Shelf] = {}
        self._shelves: dict[str, dict[str, Shelf]] = {field: {} for field in fields}

    @property
    def indexed(self) -> Mapping[str, object]:
        """The indexed fields, as keys."""
        return self._shelves

    def __len__(self) -> int:
        return sum(map(len, self._spaces.values()))

    def namespace_of(self, key: bytes) -> bytes:
        start = len(self.prefix)
        at = key.find(b"/", start)
        return key[start:at] if at >= 0 else b""

    def get(self, key: bytes) -> Entry | None:
        shelf = self._spaces.get(self.namespace_of(key))
        return None if shelf is None else shelf.get(key)

    def load(self, entry: Entry) -> None:
        """Take an object of the initial list, which is no event."""
        self.changes += 1
        self._put(entry, self.namespace_of(entry.key))

    def clear(self) -> None:
        """Forget everything; what comes next is a new initial list."""
        self.changes += 1
        self.revision = self.floor = 0
        self.history.clear()
        self._spaces.clear()
        for shelves in self._shelves.values():
            shelves.clear()

    def put(self, entry: Entry, time: float) -> CacheEvent:
        namespace = self.namespace_of(entry.key)
        prev = self._put(entry, namespace)
        return self._record(
            CacheEvent(entry.key, namespace, entry.revision, entry=entry, prev=prev, time=time)
        )

    def delete(self, key: bytes, revision: int, time: float) -> CacheEvent | None:
        """None if the object was not there."""
        namespace = self.namespace_of(key)
        shelf = self._spaces.get(namespace)
        prev = None if shelf is None else shelf.pop(key)
        if shelf is None or prev is None:
            return None
        if not len(shelf):
            del self._spaces[namespace]
        for field, getter in self._fields:
            self._unshelve(field, getter(prev.object), key)
        return self._record(CacheEvent(key, namespace, revision, entry=None, prev=prev, time=time))

    def _put(self, entry: Entry, namespace: bytes) -> Entry | None:
        shelf = self._spaces.get(namespace)
        if shelf is None:
            shelf = self._spaces[namespace] = Shelf()
        prev = shelf.put(entry)
        for field, getter in self._fields:
            value = getter(entry.object)
            if prev is not None and (before := getter(prev.object)) != value:
                self._unshelve(field, before, entry.key)
            shelves = self._shelves[field]
            indexed = shelves.get(value)
            if indexed is None:
                indexed = shelves[value] = Shelf()
            indexed.put(entry)
        return prev

    def _unshelve(self, field: str, value: str, key: bytes) -> None:
        shelves = self._shelves[field]
        shelf = shelves[value]
        shelf.pop(key)
        if not len(shelf):
            del shelves[value]

    def _record(self, event: CacheEvent) -> CacheEvent:
        self.changes += 1
        history = self.history
        history.append(event)
        while len(history) > MIN_HISTORY and (
            len(history) > MAX_HISTORY or event.time - history[0].time > FRESH_SECONDS
        ):
            self.floor = history.popleft().revision
        return event

    def indexed_values(self, event: CacheEvent) -> Iterator[tuple[str, str | None, str | None]]:
        """Each indexed field with its value before and after the event; None where there was or is no object."""
        entry, prev = event.entry, event.prev
        for field, getter in self._fields:
            yield (
                field,
                None if prev is None else getter(prev.object),
                None if entry is None else getter(entry.object),
            )

    def since(self, revision: int) -> list[CacheEvent]:
        """The changes after ``revision``, which must not be below ``floor``."""
        found: list[CacheEvent] = []
        for event in reversed(self.history):
            if event.revision <= revision:
                break
            found.append(event)
        found.reverse()
        return found

    def select(self, selection: Selection) -> list[Entry]:
        """The entries that are selected, sorted by key."""
        found, matches = self.candidates(selection)
        return found if matches is None else [entry for entry in found if matches(entry.object)]

    def candidates(self, selection: Selection) -> tuple[list[Entry], Filter | None]:
        """What the indexes know of a selection, sorted by key, and by what those that are selected are told apart."""
        namespace = selection.namespace.encode()
        if selection.name:
            key = self.prefix + (namespace + b"/" if namespace else b"") + selection.name.encode()
            entry = self.get(key)
            return [] if entry is None else [entry], selection.matches
        if selection.index is not None and selection.index[0] in self._shelves:
            field, value = selection.index
            indexed = self._shelves[field].get(value)
            found = [] if indexed is None else indexed.entries()
            if namespace:
                found = [entry for entry in found if self.namespace_of(entry.key) == namespace]
            return found, selection.residual
        if namespace:
            shelf = self._spaces.get(namespace)
            return [] if shelf is None else shelf.entries(), selection.matches
        return self._everything(), selection.matches

    def _everything(self) -> list[Entry]:
        found: list[Entry] = []
        for namespace in sorted(self._spaces, key=lambda namespace: namespace + b"/"):
            found += self._spaces[namespace].entries()
        return found
