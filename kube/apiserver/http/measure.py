"""Metrics of requests, under upstream's names (the page "Kubernetes Metrics Reference")."""

from typing import Final

from kube.apiserver.endpoints.requestinfo import RequestInfo
from kube.base.metrics import Counter, Histogram, Metrics

_BUCKETS: Final = (
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
)  # fmt: skip
_LABELS: Final = ("verb", "group", "version", "resource", "subresource", "scope")
_METRIC_VERBS: Final = {
    "get": "GET",
    "list": "LIST",
    "watch": "WATCH",
    "create": "POST",
    "update": "PUT",
    "patch": "PATCH",
    "delete": "DELETE",
    "deletecollection": "DELETECOLLECTION",
}
_READING: Final = frozenset({"get", "list", "watch"})
_MAX_CHILDREN: Final = 4096
"""Labels come from requests, of which some may be made up."""


class RequestMetrics:
    """Counts and times what the filter chain answers."""

    def __init__(self, metrics: Metrics) -> None:
        self._total = metrics.counter("apiserver_request_total", "Requests answered.", (*_LABELS, "code"))
        self._duration = metrics.histogram(
            "apiserver_request_duration_seconds",
            "Time from a request's header to its answer, watches excepted.",
            _LABELS,
            _BUCKETS,
        )
        self._inflight = metrics.gauge(
            "apiserver_current_inflight_requests", "Requests under way.", ("request_kind",)
        ).child("all")
        self._children: dict[tuple[str, str, str, str, str, bool, bool, int], tuple[Counter, Histogram]] = {}

    def began(self) -> None:
        self._inflight.inc()

    def ended(self) -> None:
        self._inflight.dec()

    def answered(self, info: RequestInfo, status: int, seconds: float) -> None:
        key = (
            info.verb,
            info.group,
            info.version,
            info.resource if status != 404 else "",
            info.subresource if status != 404 else "",
            info.namespace != "",
            info.name != "",
            status,
        )
        found = self._children.get(key)
        if found is None:
            if len(self._children) >= _MAX_CHILDREN:
                return
            found = self._children[key] = self._make(info, key[3], key[4], status)
        found[0].inc()
        if info.verb != "watch":
            found[1].observe(seconds)

    def _make(
        self, info: RequestInfo, resource: str, subresource: str, status: int
    ) -> tuple[Counter, Histogram]:
        labels = (
            _METRIC_VERBS.get(info.verb, "other"),
            info.group,
            info.version,
            resource,
            subresource,
            _scope(info),
        )
        return self._total.child(*labels, str(status)), self._duration.child(*labels)


def _scope(info: RequestInfo) -> str:
    if info.name and info.verb != "create":
        return "resource"
    if info.namespace:
        return "namespace"
    return "cluster" if info.is_resource_request else ""
