"""What is said about objects: events, and the rules that keep many of them from being written. Pure.

Semantics: client-go's ``tools/record`` (``event.go``, ``events_cache.go``): equal events are counted in one object,
events of one reason that differ by message are combined from the tenth on, and one source may say 25 things of one
object and then one more every five minutes. ``kube.client.event_broadcaster`` writes what is left.
"""

from collections import OrderedDict
from typing import Any, Final, Generic, Protocol, TypeVar
from zlib import crc32

from msgspec import Struct
from msgspec.structs import replace

from kube.api.types.core_v1 import Event, EventSource, ObjectReference
from kube.apimachinery import time
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apimachinery.names import name_is_dns_subdomain
from kube.base.chance import Chance
from kube.client.keys import HasMetadata

NORMAL: Final = "Normal"
WARNING: Final = "Warning"
EVENT_TYPES: Final = (NORMAL, WARNING)

CACHE_ENTRIES: Final = 4096
AGGREGATE_FROM: Final = 10
AGGREGATE_INTERVAL: Final = 600.0
SPAM_BURST: Final = 25
SPAM_RATE: Final = 1 / 300
"""Tokens a second: a source that has used its burst may write one event about an object every 5 minutes."""

COMBINED: Final = "(combined from similar events): "

K = TypeVar("K")
V = TypeVar("V")


class EventRecorder(Protocol):
    """What components say things with. Never waits, never fails: what there is no room for is dropped and counted."""

    def event(self, obj: HasMetadata | ObjectReference, type_: str, reason: str, message: str) -> None:
        """``type_`` is Normal or Warning, ``reason`` a short UpperCamelCase word, ``message`` is for people."""


def reference_to(obj: Any, field_path: str = "") -> ObjectReference:
    """A reference to an object as events carry it; ``field_path`` names a part, ``spec.containers{web}``."""
    metadata = obj.metadata
    return ObjectReference(
        kind=obj.kind,
        namespace=metadata.namespace,
        name=metadata.name,
        uid=metadata.uid,
        api_version=obj.api_version,
        resource_version=metadata.resource_version,
        field_path=field_path,
    )


class EventNames:
    """Names events ``OBJECT.NANOSECONDS``, where no two of one source are alike, be the clock's steps as they may."""

    __slots__ = ("_chance", "_last", "_offset")

    def __init__(self, source: EventSource, chance: Chance) -> None:
        self._chance = chance
        self._last = 0
        # Sources that see an object at one reading of a clock (which stands still in a simulation) tell themselves apart.
        self._offset = crc32(f"{source.component}/{source.host}".encode()) % 1_000_000

    def next(self, name: str, now: float) -> str:
        moment = int(now * 1e6) * 1000 + self._offset
        self._last = moment = max(moment, self._last + 1)
        generated = f"{name}.{moment:x}"
        return self._chance.uid() if name_is_dns_subdomain(generated) else generated


def make_event(
    reference: ObjectReference,
    source: EventSource,
    type_: str,
    reason: str,
    message: str,
    *,
    name: str,
    now: float,
) -> Event:
    """A fresh event, in the namespace of its object, or in ``default`` for what is cluster-scoped."""
    moment = time.from_seconds(now)
    return Event(
        metadata=ObjectMeta(name=name, namespace=reference.namespace or "default"),
        involved_object=reference,
        reason=reason,
        message=message,
        source=source,
        first_timestamp=moment,
        last_timestamp=moment,
        count=1,
        type=type_,
        reporting_component=source.component,
        reporting_instance=source.host,
    )


class Correlated(Struct, frozen=True):
    """What to write: ``event`` anew or, where ``is_update``, its count, message and last timestamp.

    ``key`` is equal for whatever is written to the same event.
    """

    event: Event
    key: Any

    @property
    def is_update(self) -> bool:
        return self.event.count > 1

    @property
    def patch(self) -> dict[str, Any]:
        event = self.event
        return {"count": event.count, "lastTimestamp": event.last_timestamp, "message": event.message}


class EventCorrelator:
    """Decides what becomes of an event. ``now`` is seconds on any clock that only moves forward."""

    def __init__(self, *, capacity: int = CACHE_ENTRIES) -> None:
        self._groups: _LRU[Any, _Group] = _LRU(capacity)
        self._seen: _LRU[Any, _Seen] = _LRU(capacity)
        self._buckets: _LRU[Any, _TokenBucket] = _LRU(capacity)

    def correlate(self, event: Event, now: float) -> Correlated | None:
        """``None`` when the source has said too much about the object."""
        about = _about(event)
        aggregated, key = self._aggregate(event, about, now)
        observed = self._observe(aggregated, key)
        return Correlated(observed, key) if self._accept(about, now) else None

    def _aggregate(self, event: Event, about: Any, now: float) -> tuple[Event, Any]:
        group_key = (about, event.type, event.reason)
        group = self._groups.get(group_key)
        if group is None or now - group.last > AGGREGATE_INTERVAL:
            group = _Group()
        group.messages[event.message] = None
        group.last = now
        self._groups.put(group_key, group)
        if len(group.messages) < AGGREGATE_FROM:
            return event, (group_key, event.message, event.involved_object.field_path)
        del group.messages[next(iter(group.messages))]
        return replace(event, message=f"{COMBINED}{event.message}"), group_key

    def _observe(self, event: Event, key: Any) -> Event:
        seen = self._seen.get(key)
        if seen is not None:
            metadata = replace(event.metadata, name=seen.name)
            event = replace(
                event, metadata=metadata, first_timestamp=seen.first_timestamp, count=seen.count + 1
            )
        self._seen.put(key, _Seen(event.metadata.name, event.first_timestamp, event.count))
        return event

    def _accept(self, about: Any, now: float) -> bool:
        bucket = self._buckets.get(about)
        if bucket is None:
            bucket = _TokenBucket(now)
        self._buckets.put(about, bucket)
        return bucket.take(now)


def _about(event: Event) -> tuple[str, ...]:
    """Who speaks, and of what: what the spam filter counts by."""
    of = event.involved_object
    source = event.source
    return (source.component, source.host, of.kind, of.namespace, of.name, of.uid, of.api_version)


class _Group:
    """Events that differ by message alone."""

    __slots__ = ("last", "messages")

    def __init__(self) -> None:
        self.messages: dict[str, None] = {}
        self.last = 0.0


class _Seen(Struct, frozen=True):
    name: str
    first_timestamp: Any
    count: int


class _TokenBucket:
    __slots__ = ("_at", "_tokens")

    def __init__(self, now: float) -> None:
        self._tokens = float(SPAM_BURST)
        self._at = now

    def take(self, now: float) -> bool:
        self._tokens = min(self._tokens + (now - self._at) * SPAM_RATE, SPAM_BURST)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class _LRU(Generic[K, V]):
    """Forgets what was used the longest ago."""

    __slots__ = ("_capacity", "_entries")

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._entries: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def put(self, key: K, value: V) -> None:
        self._entries[key] = value
        if len(self._entries) > self._capacity:
            self._entries.popitem(last=False)
