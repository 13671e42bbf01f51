"""Which pods of an owner are deleted first when it has too many. Pure.

Semantics: ActivePodsWithRanks of pkg/controller/controller_utils.go; KEP-2255 (deletion cost), KEP-2185 (ages compared by
their logarithm).
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from math import log2
from typing import Final

from kube.api.helpers.pods import deletion_cost, is_pod_active, pod_ready_since
from kube.api.types.core_v1 import Pod
from kube.apimachinery.time import Time, to_seconds

_PHASES: Final = {"Pending": 0, "Unknown": 1, "Running": 2}

Rank = tuple[bool, int, bool, int, int, int, int, int, str]


def age_bucket(since: Time | None, now: float) -> int:
    """The logarithm of the age in nanoseconds, cut to whole numbers; -1 for what has no age."""
    nanoseconds = 0.0 if since is None else (now - to_seconds(since)) * 1e9
    return int(log2(nanoseconds)) if nanoseconds > 0 else -1


def restarts(pod: Pod) -> int:
    """The most that one of the pod's containers has restarted."""
    status = pod.status
    return max(
        (each.restart_count for each in (*status.container_statuses, *status.init_container_statuses)),
        default=0,
    )


def rank(pod: Pod, neighbours: int, now: float) -> Rank:
    """The smaller, the sooner deleted: on no node, pending, not ready, cheap, crowded, ready or made lately, restarted."""
    ready_since = pod_ready_since(pod)
    return (
        bool(pod.spec.node_name),
        _PHASES.get(pod.status.phase, 0),
        ready_since is not None,
        deletion_cost(pod.metadata.annotations) or 0,
        -neighbours,
        age_bucket(ready_since, now),
        -restarts(pod),
        age_bucket(pod.metadata.creation_timestamp, now),
        pod.metadata.uid,
    )


def pods_to_delete(pods: Sequence[Pod], related: Iterable[Pod], count: int, now: float) -> list[Pod]:
    """The ``count`` of ``pods`` to delete; ``related`` are the pods whose number on a node makes it crowded."""
    if count >= len(pods):
        return list(pods)
    on_node = Counter(pod.spec.node_name for pod in related if is_pod_active(pod))
    return heapq.nsmallest(count, pods, key=lambda pod: rank(pod, on_node[pod.spec.node_name], now))
