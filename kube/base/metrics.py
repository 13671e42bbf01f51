"""The metrics of one cluster: plain numbers while it runs, Prometheus' families when somebody looks.

A hot path holds a child (`family.child("pods", "create")`) and calls `inc`, `set` or `observe` on it: an addition and no
lock, since a cluster lives in one loop. prometheus_client is imported at the first scrape.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

DEFAULT_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Prometheus' own default, in seconds."""

Labels = tuple[str, ...]
Reading = Iterable[tuple[Labels, float]]


class Counter:
    """A number that grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def inc(self, amount: float = 1) -> None:
        self.value += amount


class Gauge:
    """A number that goes up and down."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def set(self, value: float) -> None:
        self.value = value

    def inc(self, amount: float = 1) -> None:
        self.value += amount

    def dec(self, amount: float = 1) -> None:
        self.value -= amount


class Reader(Gauge):
    """A gauge that is asked when it is scraped."""

    __slots__ = ("_read",)

    def __init__(self, read: Callable[[], float]) -> None:
        self._read = read

    @property
    def value(self) -> float:  # type: ignore[override]  # computed where the others store
        return self._read()


class Histogram:
    """Observations counted by upper bounds; the last count is of those above all bounds."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    @property
    def count(self) -> int:
        return sum(self.counts)

    def cumulative(self) -> list[tuple[str, float]]:
        """Upper bound as Prometheus writes it, and how many observations are not above it."""
        pairs: list[tuple[str, float]] = []
        below = 0
        for bound, count in zip((*self.bounds, float("inf")), self.counts, strict=True):
            below += count
            pairs.append(("+Inf" if bound == float("inf") else str(float(bound)), below))
        return pairs


C = TypeVar("C", Counter, Gauge, Histogram)


class Family(Generic[C]):
    """The children of one metric, by the values of its labels."""

    __slots__ = ("_children", "_make", "help", "kind", "labels", "name")

    def __init__(self, name: str, help_: str, labels: Labels, kind: str, make: Callable[[], C]) -> None:
        self.name = name
        self.help = help_
        self.labels = labels
        self.kind = kind
        self._make: Callable[[], C] = make
        self._children: dict[Labels, C] = {}

    def child(self, *values: str) -> C:
        """The child with these label values, made when it is first asked for. Hold on to it on a hot path."""
        child = self._children.get(values)
        if child is None:
            if len(values) != len(self.labels):
                raise ValueError(f"{self.name} has the labels {self.labels}, not values {values}")
            child = self._children[values] = self._make()
        return child

    def read_from(self: "Family[Gauge]", read: Callable[[], float], *values: str) -> None:
        """Make the child with these label values one whose value is asked for at each scrape; `remove` it when its
        subject is gone, for it keeps that alive.
        """
        self._children[values] = Reader(read)

    def remove(self, *values: str) -> None:
        """Forget a child whose subject is gone; unknown ones are ignored."""
        self._children.pop(values, None)

    def children(self) -> Iterator[tuple[Labels, C]]:
        yield from self._children.items()


class Metrics:
    """All metrics of one cluster. Asking twice for a name gives the same family."""

    def __init__(self) -> None:
        self._families: dict[str, Family[Any]] = {}
        self._readings: dict[str, tuple[str, str, Labels, Callable[[], Reading]]] = {}
        self._registry: CollectorRegistry | None = None

    def counter(self, name: str, help_: str, labels: Sequence[str] = ()) -> Family[Counter]:
        """`name` ends in `_total`, as upstream's do."""
        return self._family(Family(name, help_, tuple(labels), "counter", Counter))

    def gauge(self, name: str, help_: str, labels: Sequence[str] = ()) -> Family[Gauge]:
        return self._family(Family(name, help_, tuple(labels), "gauge", Gauge))

    def histogram(
        self, name: str, help_: str, labels: Sequence[str] = (), buckets: Sequence[float] = DEFAULT_BUCKETS
    ) -> Family[Histogram]:
        """`buckets` are the upper bounds in ascending order; +Inf is added."""
        bounds = tuple(buckets)
        if list(bounds) != sorted(bounds):
            raise ValueError(f"{name}: bounds must ascend, not {bounds}")
        return self._family(Family(name, help_, tuple(labels), "histogram", lambda: Histogram(bounds)))

    def reading(
        self,
        name: str,
        help_: str,
        read: Callable[[], Reading],
        *,
        labels: Sequence[str] = (),
        kind: str = "gauge",
    ) -> None:
        """A counter or gauge that is read when scraped: `read()` gives (label values, value) pairs.

        For numbers that somebody keeps anyway. Registering a name again replaces it.
        """
        if kind not in ("counter", "gauge"):
            raise ValueError(f"{name}: a reading is a counter or a gauge, not a {kind}")
        if name in self._families:
            raise ValueError(f"{name} is a family already")
        self._readings[name] = (kind, help_, tuple(labels), read)

    def forget(self, name: str) -> None:
        """Remove a family or a reading; unknown names are ignored."""
        self._families.pop(name, None)
        self._readings.pop(name, None)

    @property
    def registry(self) -> "CollectorRegistry":
        """A prometheus_client registry that collects from here; a host may register its own collectors in it."""
        if self._registry is None:
            from prometheus_client import CollectorRegistry  # noqa: PLC0415  # 30 ms that only a scrape needs

            self._registry = CollectorRegistry(auto_describe=False)
            self._registry.register(self)
        return self._registry

    def render(self) -> bytes:
        """Prometheus' text format, version 0.0.4."""
        from prometheus_client import generate_latest  # noqa: PLC0415  # as in registry

        text: bytes = generate_latest(self.registry)
        return text

    def describe(self) -> list[Any]:
        """prometheus_client's collector protocol: nothing is known before it is collected."""
        return []

    def collect(self) -> Iterator[Any]:
        """prometheus_client's collector protocol: one metric family each."""
        from prometheus_client.core import (  # noqa: PLC0415  # as in registry
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
        )

        kinds = {
            "counter": CounterMetricFamily,
            "gauge": GaugeMetricFamily,
            "histogram": HistogramMetricFamily,
        }
        for family in list(self._families.values()):
            result = kinds[family.kind](family.name, family.help, labels=family.labels)
            for values, child in family.children():
                if isinstance(child, Histogram):
                    result.add_metric(values, buckets=child.cumulative(), sum_value=child.total)
                else:
                    result.add_metric(values, child.value)
            yield result
        for name, (kind, help_, labels, read) in list(self._readings.items()):
            result = kinds[kind](name, help_, labels=labels)
            for values, value in read():
                result.add_metric(values, value)
            yield result

    def _family(self, family: Family[C]) -> Family[C]:
        known = self._families.setdefault(family.name, family)
        if (known.kind, known.labels) != (family.kind, family.labels) or family.name in self._readings:
            raise ValueError(f"{family.name} is a {known.kind} with labels {known.labels} already")
        return known
