"""What the registry asks of storage, and the objects as everybody shares them.

Source of the semantics: k8s.io/apiserver/pkg/storage (``Interface``). Keys are the store's keys in bytes.
An :class:`Entry` is made once per stored version of an object; GETs, LISTs and watchers of the process share it.
"""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any, Final, Literal, Protocol, TypeVar

import msgspec
from msgspec.structs import replace

from kube.apimachinery.errors import ApiError
from kube.apimachinery.meta.v1 import Preconditions
from kube.apimachinery.serializer import encode
from kube.apimachinery.watch import AnyWatchEvent, WatchEvent
from kube.base.cause import Cause
from kube.client.interface import WatchHandle

T = TypeVar("T")

EventKind = Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]

INITIAL_EVENTS_END: Final = "k8s.io/initial-events-end"
"""The annotation, with the value ``true``, of the bookmark that ends the initial events (KEP-3157)."""

_METADATA: Final = b'"metadata":{'
_METADATA_WITHIN: Final = 256
"""Kind and apiVersion come first, so the object's own metadata begins within so many bytes."""


def with_resource_version(obj: Any, revision: int) -> Any:
    """``obj`` as of ``revision``; without a resourceVersion if that is 0."""
    return replace(obj, metadata=replace(obj.metadata, resource_version=str(revision) if revision else ""))


class Entry:
    """One version of one object.

    ``object`` carries ``revision`` as its metadata.resourceVersion. ``value`` are the stored bytes, which do not; None
    for what is not stored as it is (the result of a dry run, another version's form, what reading has completed).
    ``cause`` is what led to the write, where it was a write of this process.
    Nobody changes an entry, but for :meth:`seal`.
    """

    __slots__ = ("_encoded", "_views", "cause", "key", "object", "revision", "value")

    def __init__(
        self, key: bytes, revision: int, obj: Any, value: bytes | None = None, cause: Cause | None = None
    ) -> None:
        self.key = key
        self.revision = revision
        self.object = obj
        self.value = value
        self.cause = cause
        self._encoded: bytes | None = None
        self._views: dict[Hashable, Any] | None = None

    def seal(self, revision: int) -> None:
        """Called once by whoever first learns the revision that wrote this entry; later calls change nothing.

        An entry that is on its way to the store has the revision 0 and travels as the note of its put.
        """
        if not self.revision:
            self.revision = revision
            self.object = with_resource_version(self.object, revision)

    @property
    def encoded(self) -> bytes:
        """The object as JSON, with kind, apiVersion and resourceVersion.

        For a stored object the resourceVersion is put into the stored bytes, which costs less than to keep
        a second copy of every object.
        """
        if self._encoded is not None:
            return self._encoded
        value = self.value
        if value is not None and (at := value.find(_METADATA, 0, _METADATA_WITHIN)) >= 0:
            at += len(_METADATA)
            return b"".join((value[:at], b'"resourceVersion":"%d",' % self.revision, value[at:]))
        self._encoded = encode(self.object)
        return self._encoded

    def view(self, key: Hashable, make: "Callable[[Entry], T]") -> T:
        """``make(self)``, made once for each ``key`` (a served version, a representation)."""
        if self._views is None:
            self._views = {}
        try:
            found: T = self._views[key]
        except KeyError:
            found = self._views[key] = make(self)
        return found

    def __repr__(self) -> str:
        return f"<Entry {self.key.decode()} at {self.revision}>"


class StoredEvent:
    """A watch event, shared by all streams that it goes to. The entry of a deletion is the last state.

    ``prev_entry``: what a watcher knew of the object before; None for ADDED and BOOKMARK.
    """

    __slots__ = ("_frame", "_views", "_watch_event", "entry", "prev_entry", "type")

    def __init__(self, type_: EventKind, entry: Entry, prev_entry: Entry | None = None) -> None:
        self.type = type_
        self.entry = entry
        self.prev_entry = prev_entry
        self._frame: bytes | None = None
        self._watch_event: AnyWatchEvent | None = None
        self._views: dict[Hashable, Any] | None = None

    @property
    def frame(self) -> bytes:
        """The event as a line of a JSON watch stream, with its line feed; encoded once."""
        if self._frame is None:
            self._frame = b'{"type":"%b","object":%b}\n' % (self.type.encode(), self.entry.encoded)
        return self._frame

    @property
    def watch_event(self) -> AnyWatchEvent:
        """The event for watchers in this process; one instance for all."""
        if self._watch_event is None:
            self._watch_event = WatchEvent(self.type, self.entry.object, self.entry.cause)
        return self._watch_event

    def view(self, key: Hashable, make: "Callable[[StoredEvent], T]") -> T:
        """``make(self)``, made once for each ``key``: frames of other representations, events of other versions."""
        if self._views is None:
            self._views = {}
        try:
            found: T = self._views[key]
        except KeyError:
            found = self._views[key] = make(self)
        return found

    def __repr__(self) -> str:
        return f"<StoredEvent {self.type} {self.entry!r}>"


class EventSink(Protocol):
    """Where a watch delivers. Both methods are called on the event loop and must not block."""

    def deliver(self, events: Sequence[StoredEvent]) -> bool:
        """Take a batch, in order. ``False``: the receiver fell behind; the watch ends and ``closed`` follows.

        The initial state comes as one batch, however long it is, and should be taken whole.
        """

    def closed(self, error: ApiError | None) -> None:
        """The last call, with the error that ended the watch, or ``None``. Not called after ``cancel``."""


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What a list or a watch is about.

    ``namespace`` and ``name`` narrow by key. ``matches`` judges an object by all the rest, None if there is no rest.
    ``index`` is a field and the value that it must have, for a cache that keeps an index of that field, which
    then judges by ``residual`` instead of ``matches``. ``by_label`` and ``by_field``: whether selectors were given.
    """

    namespace: str = ""
    name: str = ""
    matches: Callable[[Any], bool] | None = None
    index: tuple[str, str] | None = None
    residual: Callable[[Any], bool] | None = None

    @property
    def is_everything(self) -> bool:
        """Whether nothing but the namespace narrows."""
        return not self.name and self.matches is None


EVERYTHING: Final = Selection()


class ListOptions(msgspec.Struct, frozen=True, kw_only=True):
    """``resource_version``: "" for the latest state, "0" for any; ``match``: "", Exact or NotOlderThan."""

    selection: Selection = EVERYTHING
    resource_version: str = ""
    match: str = ""
    limit: int = 0
    continue_: str = ""


class WatchOptions(msgspec.Struct, frozen=True, kw_only=True):
    """``resource_version``: "" and "0" begin with the present state, unless ``send_initial_events`` says otherwise."""

    selection: Selection = EVERYTHING
    resource_version: str = ""
    send_initial_events: bool | None = None
    bookmarks: bool = False

    @property
    def is_fresh(self) -> bool:
        """Whether the watch is to begin at the latest state, not just at any."""
        return not self.resource_version or self.send_initial_events is True


class ListResult(msgspec.Struct, frozen=True, kw_only=True):
    """Entries sorted by key; ``remaining`` is None where it is not known (upstream's remainingItemCount)."""

    entries: Sequence[Entry]
    resource_version: str
    continue_: str = ""
    remaining: int | None = None


TryUpdate = Callable[[Entry | None], Awaitable[Any]]
"""From what is stored (None: nothing) to the object to store. Called again after each lost race; raising aborts."""

TTL = Callable[[Any], int]
"""How many seconds from now on an object is to live; 0 for ever."""

CheckDelete = Callable[[Entry], Awaitable[None]]
"""Judges what is about to be deleted; raising aborts."""


class StorageWatch(WatchHandle, Protocol):
    def finish(self) -> None:
        """End the watch by time-out: a last bookmark for whoever wants bookmarks, then ``closed(None)``."""
        ...


class Storage(Protocol):
    """All objects of one resource.

    Raises the errors of ``kube.apiserver.storage.errors``, and ApiError for what clients are told as it is
    (410 Gone, bad continue tokens).
    """

    async def create(self, key: bytes, obj: Any, *, ttl: TTL | None = None) -> Entry:
        """Store a new object. Raises KeyExistsError."""
        ...

    async def get(self, key: bytes, resource_version: str = "") -> Entry:
        """Raises KeyNotFoundError."""
        ...

    async def get_list(self, options: ListOptions) -> ListResult: ...

    async def guaranteed_update(
        self,
        key: bytes,
        try_update: TryUpdate,
        *,
        ignore_not_found: bool = False,
        preconditions: Preconditions | None = None,
        ttl: TTL | None = None,
    ) -> Entry:
        """Compare and swap until it succeeds. An update that changes nothing writes nothing.

        Raises KeyNotFoundError, PreconditionError, and what ``try_update`` raises
        (judged against the live state, never only a cached one).
        """
        ...

    async def delete(
        self, key: bytes, *, preconditions: Preconditions | None = None, check: CheckDelete | None = None
    ) -> Entry:
        """Delete, and return the last state with the resourceVersion of the deletion.

        Raises KeyNotFoundError, PreconditionError, and what ``check`` raises.
        """
        ...

    async def delete_corrupt(self, key: bytes, revision: int) -> bool:
        """Delete a value unread; False if it is no longer that of ``revision``."""
        ...

    async def watch(self, options: WatchOptions, sink: EventSink) -> StorageWatch: ...

    async def count(self) -> int:
        """How many objects there are, in all namespaces."""
        ...
