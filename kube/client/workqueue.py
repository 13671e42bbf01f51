"""The work queue: what is to be reconciled, each key once at a time, and when failures are tried again.

Semantics of client-go's util/workqueue. An item that is added while it waits is there once; one that is added while it is
processed waits until `done`. Pure: it neither sleeps nor blocks. `get` gives None when nothing is due, and `next_ready`
says when something will be; the actor above (kube.actors.controller) has the workers and the timer.
"""

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Hashable
from typing import Final, Generic, Protocol, TypeVar

from msgspec import Struct

from kube.base.metrics import Counter, Family, Gauge, Histogram, Metrics

K = TypeVar("K", bound=Hashable)
K_contra = TypeVar("K_contra", bound=Hashable, contravariant=True)

_RESOLUTION: Final = 1e-6
"""Seconds by which an item may be early: sums of times round, and a timer that rings a hair too soon must not ring in
vain, or under a clock that stands still it would do so forever."""


class Result(Struct, frozen=True):
    """What a reconcile asks for: to be called again after so many seconds, or only when something changes."""

    requeue_after: float | None = None


class Reconciler(Protocol):
    """Brings the object of `key` (`namespace/name`, or `name`) closer to what its spec says. Idempotent.

    What it raises is logged and tried again under the rate limit.
    """

    async def reconcile(self, key: str) -> Result: ...


class RateLimiter(Protocol[K_contra]):
    """Says how long a failed item waits. `now` is in seconds of a monotonic clock."""

    def when(self, item: K_contra, now: float) -> float:
        """Seconds that `item` waits from now on; counts as one more failure."""
        ...

    def forget(self, item: K_contra) -> None:
        """`item` is done with, well or not: its failures no longer count."""
        ...

    def num_requeues(self, item: K_contra) -> int:
        """Failures since `item` was last forgotten."""
        ...


class ItemExponentialFailureRateLimiter(Generic[K]):
    """`base_delay * 2**failures` seconds, at most `max_delay`, for each item by itself."""

    __slots__ = ("_base_delay", "_failures", "_max_delay")

    def __init__(self, base_delay: float = 0.005, max_delay: float = 1000.0) -> None:
        self._base_delay = base_delay
        self._max_delay = max_delay
        self._failures: dict[K, int] = {}

    def when(self, item: K, now: float) -> float:  # noqa: ARG002  # the protocol's
        failures = self._failures.get(item, 0)
        self._failures[item] = failures + 1
        return min(self._base_delay * 2.0 ** min(failures, 1000), self._max_delay)

    def forget(self, item: K) -> None:
        self._failures.pop(item, None)

    def num_requeues(self, item: K) -> int:
        return self._failures.get(item, 0)


class ItemFastSlowRateLimiter(Generic[K]):
    """`fast_delay` for an item's first attempts, `slow_delay` after."""

    __slots__ = ("_failures", "_fast_delay", "_max_fast_attempts", "_slow_delay")

    def __init__(self, fast_delay: float, slow_delay: float, max_fast_attempts: int) -> None:
        self._fast_delay = fast_delay
        self._slow_delay = slow_delay
        self._max_fast_attempts = max_fast_attempts
        self._failures: dict[K, int] = {}

    def when(self, item: K, now: float) -> float:  # noqa: ARG002  # the protocol's
        failures = self._failures[item] = self._failures.get(item, 0) + 1
        return self._fast_delay if failures <= self._max_fast_attempts else self._slow_delay

    def forget(self, item: K) -> None:
        self._failures.pop(item, None)

    def num_requeues(self, item: K) -> int:
        return self._failures.get(item, 0)


class BucketRateLimiter:
    """A token bucket over all items: `burst` at once, then `qps` per second, each waiting for its own token."""

    __slots__ = ("_burst", "_last", "_qps", "_tokens")

    def __init__(self, qps: float = 10.0, burst: int = 100) -> None:
        self._qps = qps
        self._burst = burst
        self._tokens = float(burst)  # below zero: tokens that are promised
        self._last: float | None = None

    def when(self, item: Hashable, now: float) -> float:  # noqa: ARG002  # the protocol's
        if self._last is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._last) * self._qps)
        self._last = now
        self._tokens -= 1
        return max(0.0, -self._tokens / self._qps)

    def forget(self, item: Hashable) -> None:
        """The bucket knows no items."""

    def num_requeues(self, item: Hashable) -> int:  # noqa: ARG002  # the protocol's
        return 0


class MaxOfRateLimiter(Generic[K]):
    """The longest of what several say; all of them count the failure."""

    __slots__ = ("_limiters",)

    def __init__(self, *limiters: RateLimiter[K]) -> None:
        self._limiters = limiters

    def when(self, item: K, now: float) -> float:
        return max(limiter.when(item, now) for limiter in self._limiters)

    def forget(self, item: K) -> None:
        for limiter in self._limiters:
            limiter.forget(item)

    def num_requeues(self, item: K) -> int:
        return max(limiter.num_requeues(item) for limiter in self._limiters)


def default_controller_rate_limiter() -> RateLimiter[Hashable]:
    """What upstream's controllers use: 5 ms to 1000 s per item, and 10 per second over all after a burst of 100."""
    return MaxOfRateLimiter(ItemExponentialFailureRateLimiter(0.005, 1000.0), BucketRateLimiter(10.0, 100))


class WorkQueue(Generic[K]):
    """Keys that need work, first come first served. None is no key.

    `now` gives seconds of a monotonic clock. With a `name` and `metrics` it reports as upstream's named queues do.
    """

    __slots__ = (
        "_dirty",
        "_limiter",
        "_metrics",
        "_now",
        "_processing",
        "_queue",
        "_sequence",
        "_shutting_down",
        "_waiting",
        "_waiting_heap",
    )

    def __init__(
        self,
        now: Callable[[], float],
        *,
        name: str = "",
        rate_limiter: RateLimiter[K] | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self._now = now
        self._limiter: RateLimiter[K] = rate_limiter or default_controller_rate_limiter()
        # Every item of the queue is dirty and not processing; a processing one may be dirty again.
        self._queue: deque[K] = deque()
        self._dirty: dict[K, float] = {}
        """Since when each waits."""
        self._processing: dict[K, float] = {}
        """Since when each is worked on."""
        self._waiting: dict[K, float] = {}
        self._waiting_heap: list[tuple[float, int, K]] = []
        self._sequence = itertools.count()
        self._shutting_down = False
        self._metrics = _QueueMetrics(metrics, name, self) if metrics is not None and name else None

    # Adding

    def add(self, item: K) -> None:
        """`item` needs work. Ignored while it waits already, and after `shut_down`."""
        if self._shutting_down or item in self._dirty:
            return
        self._dirty[item] = self._now()
        if self._metrics is not None:
            self._metrics.adds.inc()
        if item not in self._processing:
            self._queue.append(item)

    def add_after(self, item: K, seconds: float) -> None:
        """Add `item` in so many seconds; of several such times the earliest counts."""
        if self._shutting_down:
            return
        if self._metrics is not None:
            self._metrics.retries.inc()
        if seconds <= 0:
            self.add(item)
            return
        ready = self._now() + seconds
        if item in self._waiting and self._waiting[item] <= ready:
            return
        self._waiting[item] = ready
        heapq.heappush(self._waiting_heap, (ready, next(self._sequence), item))

    def add_rate_limited(self, item: K) -> None:
        """Add `item` when the rate limiter says."""
        self.add_after(item, self._limiter.when(item, self._now()))

    def forget(self, item: K) -> None:
        """`item` is no longer failing: its next failure is its first."""
        self._limiter.forget(item)

    def num_requeues(self, item: K) -> int:
        return self._limiter.num_requeues(item)

    # Working

    def get(self) -> K | None:
        """The next item to work on; `done` must follow. None when there is none now."""
        if self._waiting_heap:
            self.release()
        if not self._queue:
            return None
        item = self._queue.popleft()
        now = self._processing[item] = self._now()
        since = self._dirty.pop(item)
        if self._metrics is not None:
            self._metrics.queue_duration.observe(now - since)
        return item

    def done(self, item: K) -> None:
        """Work on `item` has ended; if it was added meanwhile, it waits again. Raises KeyError if nobody worked on it."""
        since = self._processing.pop(item)
        if self._metrics is not None:
            self._metrics.work_duration.observe(self._now() - since)
        if item in self._dirty:
            self._queue.append(item)

    # Time

    def release(self) -> None:
        """Add the items whose time has come."""
        heap, waiting = self._waiting_heap, self._waiting
        due = self._now() + _RESOLUTION
        while heap and heap[0][0] <= due:
            ready, _, item = heapq.heappop(heap)
            if waiting.get(item) == ready:  # else an earlier time has taken this one's place
                del waiting[item]
                self.add(item)

    def next_ready(self) -> float | None:
        """Seconds until `release` has something to add, 0 or less when it has already; None when nothing waits for its
        time.
        """
        heap = self._waiting_heap
        while heap and self._waiting.get(heap[0][2]) != heap[0][0]:
            heapq.heappop(heap)
        return heap[0][0] - self._now() if heap else None

    # Ending

    def shut_down(self) -> None:
        """Ignore what is added from now on, and drop what waits for its time. What is queued is still handed out."""
        self._shutting_down = True
        self._waiting.clear()
        self._waiting_heap.clear()

    @property
    def shutting_down(self) -> bool:
        return self._shutting_down

    @property
    def drained(self) -> bool:
        """Shut down, and nothing is queued or worked on any more."""
        return self._shutting_down and not self._queue and not self._processing

    def close_metrics(self) -> None:
        """No longer report: the queue is done with."""
        if self._metrics is not None:
            self._metrics.close()
            self._metrics = None

    def __len__(self) -> int:
        """Items that could be handed out; neither those that are worked on nor those that wait for their time."""
        return len(self._queue)

    @property
    def depth(self) -> int:
        """Items that need work, those included that are worked on and have been added again."""
        return len(self._dirty)

    def unfinished(self) -> tuple[float, float]:
        """Seconds for which the items that are worked on have been, summed and longest."""
        now = self._now()
        ages = [now - since for since in self._processing.values()]
        return sum(ages), max(ages, default=0.0)


_LABELS: Final = ("name",)
_SECONDS: Final = tuple(10.0**exponent for exponent in range(-8, 2))


class _QueueMetrics:
    """client-go's metrics of one named queue; names, help and buckets are upstream's."""

    __slots__ = ("_families", "_name", "adds", "queue_duration", "retries", "work_duration")

    def __init__(self, metrics: Metrics, name: str, queue: WorkQueue[K]) -> None:
        adds = metrics.counter("workqueue_adds_total", "Total number of adds handled by workqueue", _LABELS)
        retries = metrics.counter(
            "workqueue_retries_total", "Total number of retries handled by workqueue", _LABELS
        )
        waits = metrics.histogram(
            "workqueue_queue_duration_seconds",
            "How long in seconds an item stays in workqueue before being requested.",
            _LABELS,
            _SECONDS,
        )
        works = metrics.histogram(
            "workqueue_work_duration_seconds",
            "How long in seconds processing an item from workqueue takes.",
            _LABELS,
            _SECONDS,
        )
        self.adds: Counter = adds.child(name)
        self.retries: Counter = retries.child(name)
        self.queue_duration: Histogram = waits.child(name)
        self.work_duration: Histogram = works.child(name)
        depth = metrics.gauge("workqueue_depth", "Current depth of workqueue", _LABELS)
        unfinished = metrics.gauge(
            "workqueue_unfinished_work_seconds",
            "How many seconds of work has been done that is in progress and hasn't been observed by work_duration.",
            _LABELS,
        )
        longest = metrics.gauge(
            "workqueue_longest_running_processor_seconds",
            "How many seconds has the longest running processor for workqueue been running.",
            _LABELS,
        )
        depth.read_from(lambda: queue.depth, name)
        unfinished.read_from(lambda: queue.unfinished()[0], name)
        longest.read_from(lambda: queue.unfinished()[1], name)
        self._name = name
        self._families: tuple[Family[Gauge], ...] = (depth, unfinished, longest)

    def close(self) -> None:
        """Forget what is read from the queue; what was counted stays."""
        for family in self._families:
            family.remove(self._name)
