"""Which pods a job makes or deletes next. Pure.

Semantics: manageJob of pkg/controller/job/job_controller.go.
"""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from kube.api.helpers.pods import is_pod_terminating
from kube.api.types.batch_v1 import Job
from kube.api.types.core_v1 import Pod
from kube.controllers.job.backoff import remaining_of_index
from kube.controllers.job.indexes import (
    FAILURE_COUNT,
    IGNORED_COUNT,
    Indexes,
    failure_count,
    ignored_count,
    index_of,
    indexed_template,
    indexes_of,
    is_indexed,
    pod_prefix_with_index,
)
from kube.controllers.job.observation import FINALIZER, Observation, replaces_failed_only
from kube.controllers.job.policies import judge
from kube.controllers.pod_control import BURST, pod_from_template
from kube.controllers.pod_ranking import rank


class Decision(Struct, frozen=True):
    """At most one of ``create`` and ``delete`` is there; ``wait`` is when to look again, in seconds."""

    create: tuple[Pod, ...] = ()
    delete: tuple[Pod, ...] = ()
    wait: float | None = None


def wanted_active(seen: Observation) -> int:
    spec = seen.job.spec
    parallelism = 1 if spec.parallelism is None else spec.parallelism
    if spec.completions is None:
        return len(seen.active) if seen.succeeded > 0 else parallelism
    return max(0, min(parallelism, spec.completions - seen.succeeded))


def decide(seen: Observation, now: float) -> Decision:
    if seen.job.spec.suspend:
        return Decision(delete=tuple(_removable(seen, len(seen.active), now)))
    wanted = wanted_active(seen)
    excess = _removable(seen, max(0, len(seen.active) - wanted), now)[:BURST]
    if excess:
        return Decision(delete=tuple(excess))
    held = seen.terminating if replaces_failed_only(seen.job) else 0
    missing = wanted - held - len(seen.active)
    return _create(seen, min(missing, BURST), now) if missing > 0 else Decision()


def _create(seen: Observation, count: int, now: float) -> Decision:
    job = seen.job
    per_index = job.spec.backoff_limit_per_index is not None
    wait = 0.0 if per_index else seen.backoff.remaining(now)
    if wait > 0:
        return Decision(wait=wait)
    if not is_indexed(job):
        return Decision(create=(_tracked(pod_from_template(job.spec.template, job)),) * count)
    indexes = _pending(seen, count)
    if per_index:
        waits = {index: remaining_of_index(seen.replaced.get(index), now) for index in indexes}
        indexes = [index for index in indexes if waits[index] <= 0]
        if not indexes and waits:
            return Decision(wait=min(waits.values()))
    return Decision(create=tuple(_indexed_pod(seen, index) for index in indexes))


def _pending(seen: Observation, count: int) -> list[int]:
    """The lowest indexes that have neither an outcome nor a pod."""
    taken = seen.succeeded_indexes.with_indexes(indexes_of(seen.active))
    if replaces_failed_only(seen.job):
        taken = taken.with_indexes(indexes_of(pod for pod in seen.pods if is_pod_terminating(pod)))
    taken = taken.union(seen.failed_indexes or Indexes())
    return taken.free(count, seen.job.spec.completions or 0)


def _tracked(pod: Pod) -> Pod:
    finalizers = pod.metadata.finalizers
    if FINALIZER in finalizers:
        return pod
    return replace(pod, metadata=replace(pod.metadata, finalizers=(*finalizers, FINALIZER)))


def _indexed_pod(seen: Observation, index: int) -> Pod:
    job = seen.job
    pod = _tracked(pod_from_template(indexed_template(job, index), job))
    annotations = pod.metadata.annotations
    if job.spec.backoff_limit_per_index is not None:
        annotations = {**annotations, **_failure_counts(job, seen.replaced.get(index))}
    prefix = pod_prefix_with_index(job.metadata.name, index)
    return replace(pod, metadata=replace(pod.metadata, generate_name=prefix, annotations=annotations))


def _failure_counts(job: Job, before: Pod | None) -> dict[str, str]:
    """The failures of an index, with that of the pod that is replaced."""
    if before is None:
        return {FAILURE_COUNT: "0"}
    counts = judge(job, before).counts
    found = {FAILURE_COUNT: str(failure_count(before) + counts)}
    ignored = ignored_count(before) + (not counts)
    return {**found, IGNORED_COUNT: str(ignored)} if ignored else found


def _removable(seen: Observation, at_least: int, now: float) -> list[Pod]:
    """The active pods that go: those whose index is wrong or taken, then as many as are too many."""
    removed: list[Pod] = []
    left: Sequence[Pod] = _by_rank(seen.active, now)
    if is_indexed(seen.job):
        removed, left = _split_duplicates(left, seen.job.spec.completions or 0)
    return removed + list(left[: max(0, at_least - len(removed))])


def _by_rank(pods: Sequence[Pod], now: float) -> list[Pod]:
    return sorted(pods, key=lambda pod: rank(pod, 0, now))


def _split_duplicates(ranked: Sequence[Pod], completions: int) -> tuple[list[Pod], list[Pod]]:
    """Of each index the pod that is farthest on stays."""
    best = {index: pod for pod in ranked if (index := index_of(pod)) is not None and index < completions}
    kept = {pod.metadata.uid for pod in best.values()}
    return (
        [pod for pod in ranked if pod.metadata.uid not in kept],
        [pod for pod in ranked if pod.metadata.uid in kept],
    )
