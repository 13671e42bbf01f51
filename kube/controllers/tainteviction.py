"""Deletes pods from nodes with NoExecute taints that they do not tolerate, or no longer.

Semantics: pkg/controller/tainteviction; KEP-3902; the API page "Taints and Tolerations". Times run on the stall-guarded
clock, from when this process first saw that the pod is only tolerated for a while.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from kube.api.helpers.taints import NO_EXECUTE, tolerates
from kube.api.types.core_v1 import Node, ObjectReference, Pod, Taint, Toleration
from kube.apimachinery.errors import is_conflict, is_not_found
from kube.apimachinery.meta.v1 import Preconditions
from kube.apimachinery.time import from_seconds
from kube.client.events import NORMAL
from kube.client.keys import meta_namespace_key, split_meta_namespace_key
from kube.client.lister import Lister
from kube.controllers.framework import Environment, Result, Watch
from kube.controllers.nodelifecycle.pods import BY_NODE, INDEX, patch_condition

REASON: Final = "TaintManagerEviction"


def no_execute_taints(node: Node | None) -> tuple[Taint, ...]:
    return () if node is None else tuple(taint for taint in node.spec.taints if taint.effect == NO_EXECUTE)


def toleration_time(taints: Sequence[Taint], tolerations: Sequence[Toleration]) -> float | None:
    """Seconds for which all the taints are tolerated: 0 for not at all, None for ever."""
    times = []
    for taint in taints:
        used = next((each for each in tolerations if tolerates(each, taint)), None)
        if used is None:
            return 0.0
        if used.toleration_seconds is not None:
            times.append(max(float(used.toleration_seconds), 0.0))
    return min(times, default=None)


class TaintEvictionController:
    """One key is ``namespace/name`` of a pod."""

    name = "taint-eviction"
    workers = 8

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._client = environment.client
        self._nodes: Lister[Node] = environment.listers.lister(Node)
        self._pods: Lister[Pod] = environment.listers.lister(Pod)
        self._scheduled: dict[str, tuple[str, float]] = {}
        """The uid of each pod that is tolerated for a while, and since when."""

    def watches(self) -> Sequence[Watch[Any]]:
        return (Watch(Node, self._node_changed), Watch(Pod, self._pod_changed, INDEX))

    def _node_changed(self, old: Node | None, new: Node | None) -> Iterable[str]:
        if new is None or no_execute_taints(old) == no_execute_taints(new):
            return ()
        return [meta_namespace_key(pod) for pod in self._pods.by_index(BY_NODE, new.metadata.name)]

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> Iterable[str]:
        if new is None:
            assert old is not None
            key = meta_namespace_key(old)
            return (key,) if key in self._scheduled else ()
        spec = new.spec
        if old is not None and (old.spec.node_name, old.spec.tolerations) == (
            spec.node_name,
            spec.tolerations,
        ):
            return ()
        if not no_execute_taints(self._nodes.get("", spec.node_name)):
            return ()
        return (meta_namespace_key(new),)

    async def reconcile(self, key: str) -> Result:
        pod = self._pods.get(*split_meta_namespace_key(key))
        if pod is None or pod.metadata.deletion_timestamp is not None:
            self._scheduled.pop(key, None)
            return Result()
        uid, since = self._scheduled.get(key, ("", 0.0))
        now = self._environment.monotonic()
        if uid != pod.metadata.uid:
            since = now
        node = self._nodes.get("", pod.spec.node_name)
        if node is None:
            self._scheduled.pop(key, None)
            return Result()
        tolerated = toleration_time(no_execute_taints(node), pod.spec.tolerations)
        if tolerated is None:
            self._cancel(key, pod)
            return Result()
        left = since + tolerated - now
        if left > 0:
            self._scheduled[key] = (pod.metadata.uid, since)
            return Result(left)
        await self._evict(key, pod)
        self._scheduled.pop(key, None)
        return Result()

    def _cancel(self, key: str, pod: Pod) -> None:
        if self._scheduled.pop(key, None) is not None:
            self._say(pod, f"Cancelling deletion of Pod {key}")

    def _say(self, pod: Pod, message: str) -> None:
        metadata = pod.metadata
        about = ObjectReference(
            api_version="v1", kind="Pod", name=metadata.name, namespace=metadata.namespace, uid=metadata.uid
        )
        self._environment.recorder.event(about, NORMAL, REASON, message)

    async def _evict(self, key: str, pod: Pod) -> None:
        self._say(pod, f"Marking for deletion Pod {key}")
        condition = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "DeletionByTaintManager",
            "message": "Taint manager: deleting due to NoExecute taint",
            "lastTransitionTime": from_seconds(self._environment.now()),
        }
        if not await patch_condition(self._client, pod, condition):
            return
        metadata = pod.metadata
        try:
            await self._client.delete(
                Pod,
                metadata.name,
                namespace=metadata.namespace,
                preconditions=Preconditions(uid=metadata.uid),
            )
        except Exception as error:
            if not (is_not_found(error) or is_conflict(error)):
                raise
