"""The scheduling queue in three parts: active (a heap in the profile's order), backing off, unschedulable.

Source of the semantics: pkg/scheduler/backend/queue; KEP-4247 (queueing hints), KEP-5142 (an idle scheduler takes pods that back
off, unless they failed by an error). Back-off doubles from 1 s to 10 s with the attempts; after 5 minutes without a hint an
unschedulable pod is tried anyway. ``now`` is seconds on a clock that only moves forward.
"""

import heapq
from collections.abc import Callable, Mapping
from enum import Enum
from itertools import count
from typing import Any, Final

from kube.api.types.core_v1 import Pod
from kube.scheduler.framework.events import ClusterEvent, ClusterEventWithHint, QueueingHint
from kube.scheduler.framework.status import Status

INITIAL_BACKOFF: Final = 1.0
MAX_BACKOFF: Final = 10.0
MAX_IN_UNSCHEDULABLE: Final = 300.0


class Place(Enum):
    ACTIVE = "active"
    BACKOFF = "backoff"
    UNSCHEDULABLE = "unschedulable"
    GATED = "gated"
    IN_FLIGHT = "in_flight"


class QueuedPod:
    """A pod that is not assigned, from its first sight to its binding."""

    __slots__ = (
        "attempts",
        "errors",
        "first_seen",
        "pending",
        "place",
        "pod",
        "rejectors",
        "ticket",
        "timestamp",
    )

    def __init__(self, pod: Pod, now: float) -> None:
        self.pod = pod
        self.timestamp = now
        """When it came to where it is."""
        self.first_seen = now
        self.attempts = 0
        self.errors = False
        """Whether the last attempt failed by an error: then nothing shortens the back-off."""
        self.rejectors: frozenset[str] = frozenset()
        self.pending = False
        """Whether a plugin said Pending: its hint skips the back-off."""
        self.place = Place.IN_FLIGHT
        self.ticket = 0
        """Of the entry in a heap that counts; all others of this pod are stale."""

    @property
    def backoff(self) -> float:
        """Seconds from ``timestamp``."""
        if not self.attempts:
            return 0.0
        return float(min(INITIAL_BACKOFF * 2 ** min(self.attempts - 1, 10), MAX_BACKOFF))


SortKey = Callable[[Pod, float], Any]
PreEnqueue = Callable[[Pod], Status]
Hints = Mapping[str, tuple[ClusterEventWithHint, ...]]
"""By plugin; a plugin that is not here is helped by every event."""


class SchedulingQueue:
    """Every pod has one place; heaps hold stale entries, which are skipped."""

    def __init__(self, sort_key: SortKey, pre_enqueue: PreEnqueue, hints: Hints) -> None:
        self._sort_key = sort_key
        self._pre_enqueue = pre_enqueue
        self._hints = hints
        self._pods: dict[str, QueuedPod] = {}
        self._active: list[tuple[Any, int, str]] = []
        self._backoff: list[tuple[float, int, str]] = []
        self._unschedulable: dict[str, QueuedPod] = {}
        self._by_rejectors: dict[frozenset[str], dict[str, QueuedPod]] = {}
        """The same, so that an event that concerns none of a thousand pods costs one look."""
        self._tickets = count(1)
        self.counts = dict.fromkeys(Place, 0)
        self.incoming: dict[tuple[str, str], int] = {}
        """How many pods came into a part, by (queue, event): upstream's queue_incoming_pods_total."""

    def __len__(self) -> int:
        return len(self._pods)

    def __contains__(self, uid: str) -> bool:
        return uid in self._pods

    def get(self, uid: str) -> QueuedPod | None:
        return self._pods.get(uid)

    # From the API

    def add(self, pod: Pod, now: float) -> None:
        """A pod without a node is new; one that is known is updated."""
        known = self._pods.get(pod.metadata.uid)
        if known is not None:
            known.pod = pod
            return
        queued = self._pods[pod.metadata.uid] = QueuedPod(pod, now)
        self.counts[Place.IN_FLIGHT] += 1
        self._enqueue(queued, "PodAdd")

    def update(self, pod: Pod, events: tuple[ClusterEvent, ...], now: float) -> None:
        """The pod itself has changed; ``events`` say in which of the ways that plugins ask for."""
        queued = self._pods.get(pod.metadata.uid)
        if queued is None:
            self.add(pod, now)
            return
        old, queued.pod = queued.pod, pod
        if queued.place is Place.GATED:
            queued.timestamp = now
            self._enqueue(queued, "PodUpdate")
        elif queued.place is Place.ACTIVE and (old.spec.priority or 0) != (pod.spec.priority or 0):
            self._enqueue(queued, "PodUpdate")
        elif queued.place is Place.UNSCHEDULABLE and any(
            self._is_helped(queued, event, old, pod) for event in events
        ):
            self._requeue(queued, "PodUpdate", now)

    def delete(self, uid: str) -> None:
        """The pod is gone, or has a node. Unknown ones are fine."""
        queued = self._pods.pop(uid, None)
        if queued is not None:
            self._move(queued, None)

    # Scheduling

    def pop(self, now: float) -> QueuedPod | None:
        """The next pod to try. It is in flight until it is deleted or comes back by ``add_unschedulable``."""
        self.flush_backoff(now)
        queued = self._pop_active() or self._pop_backoff()
        if queued is None:
            return None
        self._move(queued, Place.IN_FLIGHT)
        queued.attempts += 1
        return queued

    def _pop_active(self) -> QueuedPod | None:
        while self._active:
            _, ticket, uid = heapq.heappop(self._active)
            queued = self._pods.get(uid)
            if queued is not None and queued.ticket == ticket:
                return queued
        return None

    def _pop_backoff(self) -> QueuedPod | None:
        """The first whose back-off ends that did not fail by an error."""
        kept = []
        found = None
        while self._backoff and found is None:
            entry = heapq.heappop(self._backoff)
            queued = self._pods.get(entry[2])
            if queued is None or queued.ticket != entry[1]:
                continue
            if queued.errors:
                kept.append(entry)
            else:
                found = queued
        for entry in kept:
            heapq.heappush(self._backoff, entry)
        return found

    def add_unschedulable(
        self, queued: QueuedPod, rejectors: frozenset[str], now: float, *, pending: bool = False
    ) -> None:
        """An attempt has failed: by the plugins, or where there are none by an error, which is tried again after a back-off.

        Nothing for a pod that was deleted meanwhile.
        """
        if self._pods.get(queued.pod.metadata.uid) is not queued:
            return
        queued.timestamp = now
        queued.rejectors = rejectors
        queued.pending = pending
        queued.errors = not rejectors
        if rejectors:
            self._move(queued, Place.UNSCHEDULABLE)
            self._count("unschedulable", "ScheduleAttemptFailure")
        else:
            self._back_off(queued, "ScheduleAttemptFailure")

    # Moves

    def move_all(self, event: ClusterEvent, old: Any, new: Any, now: float) -> int:
        """Something has changed in the cluster: queue the pods that a hint says it helps; returns how many."""
        if not self._unschedulable:
            return 0
        moved = 0
        for rejectors, group in tuple(self._by_rejectors.items()):
            if any(map(self._listens(event), rejectors)):
                for queued in tuple(group.values()):
                    if self._is_helped(queued, event, old, new):
                        self._requeue(queued, event.resource.value, now)
                        moved += 1
        return moved

    def flush_backoff(self, now: float) -> int:
        """Activate the pods whose back-off is over."""
        moved = 0
        while self._backoff and self._backoff[0][0] <= now:
            _, ticket, uid = heapq.heappop(self._backoff)
            queued = self._pods.get(uid)
            if queued is not None and queued.ticket == ticket:
                self._enqueue(queued, "BackoffComplete")
                moved += 1
        return moved

    def flush_unschedulable(self, now: float) -> int:
        """Queue the pods that no event has helped for long."""
        moved = 0
        for queued in tuple(self._unschedulable.values()):
            if now - queued.timestamp > MAX_IN_UNSCHEDULABLE:
                self._requeue(queued, "UnschedulableTimeout", now)
                moved += 1
        return moved

    def next_deadline(self) -> float | None:
        """When something is due without an event."""
        while self._backoff:
            _, ticket, uid = self._backoff[0]
            queued = self._pods.get(uid)
            if queued is not None and queued.ticket == ticket:
                break
            heapq.heappop(self._backoff)
        deadlines = [self._backoff[0][0]] if self._backoff else []
        if self._unschedulable:
            first = next(iter(self._unschedulable.values()))  # the longest there
            deadlines.append(first.timestamp + MAX_IN_UNSCHEDULABLE)
        return min(deadlines) if deadlines else None

    def _listens(self, event: ClusterEvent) -> Callable[[str], bool]:
        def listens(plugin: str) -> bool:
            registered = self._hints.get(plugin)
            return registered is None or any(each.event.covers(event) for each in registered)

        return listens

    def _is_helped(self, queued: QueuedPod, event: ClusterEvent, old: Any, new: Any) -> bool:
        for plugin in sorted(queued.rejectors):
            registered = self._hints.get(plugin)
            if registered is None:
                return True
            for each in registered:
                if each.event.covers(event) and (
                    each.hint is None or each.hint(queued.pod, old, new) is QueueingHint.QUEUE
                ):
                    return True
        return False

    def _requeue(self, queued: QueuedPod, why: str, now: float) -> None:
        if not queued.pending and queued.timestamp + queued.backoff > now:
            self._back_off(queued, why)
        else:
            self._enqueue(queued, why)

    def _back_off(self, queued: QueuedPod, why: str) -> None:
        self._move(queued, Place.BACKOFF)
        heapq.heappush(
            self._backoff, (queued.timestamp + queued.backoff, queued.ticket, queued.pod.metadata.uid)
        )
        self._count("backoff", why)

    def _enqueue(self, queued: QueuedPod, why: str) -> None:
        if not self._pre_enqueue(queued.pod).is_success:
            self._move(queued, Place.GATED)
            self._count("gated", why)
            return
        self._move(queued, Place.ACTIVE)
        key = self._sort_key(queued.pod, queued.timestamp)
        heapq.heappush(self._active, (key, queued.ticket, queued.pod.metadata.uid))
        self._count("active", why)

    def _move(self, queued: QueuedPod, place: Place | None) -> None:
        self.counts[queued.place] -= 1
        if queued.place is Place.UNSCHEDULABLE:
            uid = queued.pod.metadata.uid
            del self._unschedulable[uid]
            group = self._by_rejectors[queued.rejectors]
            del group[uid]
            if not group:
                del self._by_rejectors[queued.rejectors]
        queued.ticket = next(self._tickets)
        if place is None:
            return
        self.counts[place] += 1
        queued.place = place
        if place is Place.UNSCHEDULABLE:
            uid = queued.pod.metadata.uid
            self._unschedulable[uid] = queued
            self._by_rejectors.setdefault(queued.rejectors, {})[uid] = queued

    def _count(self, queue: str, event: str) -> None:
        key = (queue, event)
        self.incoming[key] = self.incoming.get(key, 0) + 1
