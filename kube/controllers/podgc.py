"""Deletes pods that nobody else will: of nodes that are gone, ended ones beyond a threshold, those that were deleted before
they were scheduled, and those that hang on nodes which are out of service.

Semantics: pkg/controller/podgc; KEP-3329 (conditions), KEP-2268 (out of service).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from kube.api.helpers.nodes import is_node_ready
from kube.api.helpers.pods import is_pod_terminal
from kube.api.helpers.taints import OUT_OF_SERVICE
from kube.api.types.core_v1 import Node, Pod
from kube.apimachinery.errors import is_not_found
from kube.apimachinery.meta.v1 import Preconditions
from kube.apimachinery.time import from_seconds
from kube.base.logging import get_logger
from kube.client.lister import Lister
from kube.client.typed import TypedClient
from kube.controllers.framework import Environment, Result, Watch
from kube.controllers.nodelifecycle.pods import BY_NODE, INDEX

GC: Final = "gc"
EVICTED: Final = "Evicted"
LEAST_PAUSE: Final = 0.05

_LOG: Final = get_logger(__name__)

ORPHANED: Final[Mapping[str, str]] = {
    "type": "DisruptionTarget",
    "status": "True",
    "reason": "DeletionByPodGC",
    "message": "PodGC: node no longer exists",
}


class PodGCConfig(Struct, frozen=True, kw_only=True):
    """Seconds, and pods (``--terminated-pod-gc-threshold``; 0 keeps all that have ended)."""

    check_period: float = 20.0
    quarantine: float = 40.0
    terminated_threshold: int = 12_500


def terminated_beyond(pods: Iterable[Pod], threshold: int) -> Sequence[Pod]:
    """The ended pods above the threshold: evicted ones first, then the oldest."""
    if threshold <= 0:
        return ()
    ended = [pod for pod in pods if is_pod_terminal(pod)]
    count = len(ended) - threshold
    if count <= 0:
        return ()

    def order(pod: Pod) -> tuple[bool, str, str]:
        evicted = pod.status.phase == "Failed" and pod.status.reason == EVICTED
        return (not evicted, pod.metadata.creation_timestamp or "", pod.metadata.name)

    return sorted(ended, key=order)[:count]


def unscheduled_terminating(pods: Iterable[Pod]) -> Sequence[Pod]:
    return [pod for pod in pods if pod.metadata.deletion_timestamp is not None and not pod.spec.node_name]


def out_of_service(pods: Iterable[Pod], node_of: Callable[[str], Node | None]) -> Sequence[Pod]:
    """Pods that are being deleted on a node which somebody has declared dead."""
    found = []
    for pod in pods:
        if pod.metadata.deletion_timestamp is None:
            continue
        node = node_of(pod.spec.node_name)
        if node is None or is_node_ready(node):
            continue
        if any(taint.key == OUT_OF_SERVICE for taint in node.spec.taints):
            found.append(pod)
    return found


class PodGarbageCollector:
    """The one key is ``gc``: a pass over all pods."""

    name = "podgc"
    workers = 1

    def __init__(self, environment: Environment, config: PodGCConfig | None = None) -> None:
        self._environment = environment
        self._config = config or PodGCConfig()
        self._client: TypedClient = environment.client
        self._nodes: Lister[Node] = environment.listers.lister(Node)
        self._pods: Lister[Pod] = environment.listers.lister(Pod)
        self._missing: dict[str, float] = {}
        """Nodes that pods name and that are not there, and since when (monotonic)."""
        self._started = False

    def watches(self) -> Sequence[Watch[Any]]:
        return (Watch(Node, self._node_changed), Watch(Pod, self._pod_changed, INDEX))

    def _node_changed(self, _old: Node | None, new: Node | None) -> Iterable[str]:
        return (GC,) if new is None else ()

    def _pod_changed(self, _old: Pod | None, _new: Pod | None) -> Iterable[str]:
        """The first pod starts the passes, which then go on by themselves."""
        if self._started:
            return ()
        self._started = True
        return (GC,)

    async def reconcile(self, key: str) -> Result:  # noqa: ARG002  # there is but one
        pods = self._pods.list()
        get_node = self._nodes.get
        nothing: Mapping[str, str] = {}
        doomed = {
            pod.metadata.uid: (pod, nothing)
            for pod in terminated_beyond(pods, self._config.terminated_threshold)
        }
        for pod in out_of_service(pods, lambda name: get_node("", name)):
            doomed[pod.metadata.uid] = (pod, nothing)
        for pod in await self._orphans():
            doomed[pod.metadata.uid] = (pod, ORPHANED)
        for pod in unscheduled_terminating(pods):
            doomed[pod.metadata.uid] = (pod, nothing)
        calls = [self._deletion(pod, condition) for pod, condition in doomed.values()]
        for result in await self._environment.gather(calls) if calls else ():
            if isinstance(result, Exception):
                _LOG.warning("a pod could not be garbage collected", exc_info=result)
        waits = [since + self._config.quarantine for since in self._missing.values()]
        next_end = min(waits, default=float("inf")) - self._environment.monotonic()
        return Result(max(LEAST_PAUSE, min(self._config.check_period, next_end)))

    async def _orphans(self) -> Sequence[Pod]:
        """Pods of nodes that have been missing for the whole quarantine, and that the server does not know either."""
        now = self._environment.monotonic()
        names = [name for name in self._pods.index_values(BY_NODE) if self._nodes.get("", name) is None]
        self._missing = {name: self._missing.get(name, now) for name in names}
        found: list[Pod] = []
        for name, since in tuple(self._missing.items()):
            if now - since < self._config.quarantine:
                continue
            try:
                await self._client.get(Node, name)
            except Exception as error:
                if not is_not_found(error):
                    raise
                found += self._pods.by_index(BY_NODE, name)
            self._missing[name] = now
        return found

    def _deletion(self, pod: Pod, condition: Mapping[str, str]) -> Callable[[], Any]:
        return lambda: self._fail_and_delete(pod, condition)

    async def _fail_and_delete(self, pod: Pod, condition: Mapping[str, str]) -> None:
        """Nothing else would ever say that it has ended."""
        metadata = pod.metadata
        try:
            if not is_pod_terminal(pod):
                status: dict[str, Any] = {"phase": "Failed"}
                if condition:
                    since = from_seconds(self._environment.now())
                    status["conditions"] = [{**condition, "lastTransitionTime": since}]
                await self._client.patch(
                    Pod,
                    metadata.name,
                    {"metadata": {"uid": metadata.uid}, "status": status},
                    type="strategic",
                    namespace=metadata.namespace,
                    subresource="status",
                )
            await self._client.delete(
                Pod,
                metadata.name,
                namespace=metadata.namespace,
                grace_period_seconds=0,
                preconditions=Preconditions(uid=metadata.uid),
            )
        except Exception as error:
            if not is_not_found(error):
                raise
