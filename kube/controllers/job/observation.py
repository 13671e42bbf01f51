"""What a job and its pods say: who counts as what, and whether the job is over. Pure.

Semantics: syncJob of pkg/controller/job/job_controller.go.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from kube.api.helpers.pods import FAILED as POD_FAILED
from kube.api.helpers.pods import SUCCEEDED as POD_SUCCEEDED
from kube.api.helpers.pods import is_pod_active, is_pod_ready, is_pod_terminating
from kube.api.types.batch_v1 import Job, JobCondition, UncountedTerminatedPods
from kube.api.types.core_v1 import Pod
from kube.apimachinery.time import from_seconds, to_seconds
from kube.controllers.job.backoff import BackoffRecord, finished_at
from kube.controllers.job.conditions import (
    FAILURE_TARGET,
    SUCCESS_CRITERIA_MET,
    SUCCESS_POLICY,
    job_condition,
    true_condition,
)
from kube.controllers.job.indexes import (
    Indexes,
    failure_count,
    ignored_count,
    indexes_of,
    is_indexed,
    valid_index,
)
from kube.controllers.job.policies import failure_message, judge, success_message

FINALIZER: Final = "batch.kubernetes.io/job-tracking"


def is_tracked(pod: Pod) -> bool:
    """Whether the pod has the finalizer that keeps it until it is counted."""
    return FINALIZER in pod.metadata.finalizers


def replaces_failed_only(job: Job) -> bool:
    """Whether a pod is replaced only when it has ended, not when it is being deleted (KEP-3939)."""
    return job.spec.pod_replacement_policy == "Failed" or job.spec.pod_failure_policy is not None


def is_stopped_by_success(job: Job) -> bool:
    """Whether the status says that the success policy was met, from when on the job's pods are deleted."""
    met = true_condition(job, SUCCESS_CRITERIA_MET)
    return met is not None and met.reason == SUCCESS_POLICY


def is_failed(job: Job, pod: Pod) -> bool:
    """A deleted pod has failed, unless it had to go because the success policy was met (KEP-3998)."""
    if pod.metadata.deletion_timestamp is not None and is_stopped_by_success(job):
        return False
    if pod.status.phase == POD_FAILED:
        return True
    if replaces_failed_only(job):
        return False
    return pod.metadata.deletion_timestamp is not None and pod.status.phase != POD_SUCCEEDED


class Observation(Struct, frozen=True, kw_only=True):
    """``job`` has its start time and a list of uncounted pods.

    ``removing`` are the uids whose finalizer has been removed, whatever the cache says. ``succeeded`` and ``failed`` count
    those in the status, those that it has yet to count, and the new ones. ``verdict`` is the interim condition of a job
    that is over. ``failed_indexes`` is None without a limit per index; ``replaced`` are the last failed pods of indexes that
    need another. ``deadline`` is in how many seconds the job is past its deadline.
    """

    job: Job
    pods: tuple[Pod, ...]
    active: tuple[Pod, ...]
    removing: Collection[str]
    terminating: int
    ready: int
    succeeded: int
    failed: int
    backoff: BackoffRecord
    verdict: JobCondition | None
    known_indexes: Indexes
    succeeded_indexes: Indexes
    failed_indexes: Indexes | None
    replaced: Mapping[int, Pod]
    deadline: float | None


def started(job: Job, now: float) -> Job:
    """The job with what its status must have before pods are counted."""
    status = job.status
    if status.uncounted_terminated_pods is None:
        status = replace(status, uncounted_terminated_pods=UncountedTerminatedPods())
    if status.start_time is None and not job.spec.suspend:
        status = replace(status, start_time=from_seconds(now))
    return job if status is job.status else replace(job, status=status)


def observe(
    job: Job, pods: Sequence[Pod], removing: Collection[str], backoff: BackoffRecord, now: float
) -> Observation:
    job = started(job, now)
    active = tuple(pod for pod in pods if is_pod_active(pod))
    uncounted = job.status.uncounted_terminated_pods or UncountedTerminatedPods()
    fresh = [pod for pod in pods if _is_uncounted(job, pod, removing)]
    new_succeeded = [
        pod
        for pod in fresh
        if pod.status.phase == POD_SUCCEEDED and pod.metadata.uid not in uncounted.succeeded
    ]
    new_failed = [pod for pod in fresh if is_failed(job, pod) and pod.metadata.uid not in uncounted.failed]
    known, succeeded_indexes, failed_indexes = _indexes(job, pods)
    succeeded = job.status.succeeded + len(new_succeeded) + len(uncounted.succeeded)
    if is_indexed(job):
        succeeded = len(succeeded_indexes)
    failed = (
        job.status.failed + sum(1 for pod in new_failed if judge(job, pod).counts) + len(uncounted.failed)
    )
    replaced = {}
    if failed_indexes is not None:
        replaced = _replaced(
            job,
            [pod for pod in fresh if is_failed(job, pod)],
            active,
            succeeded_indexes.union(failed_indexes),
        )
    deadline = _deadline(job, now)
    verdict = (
        _known_verdict(job)
        or _failure(job, pods, failed, deadline, now)
        or _index_verdict(job, succeeded_indexes, failed_indexes, now)
    )
    return Observation(
        job=job,
        pods=tuple(pods),
        active=active,
        removing=removing,
        terminating=sum(1 for pod in pods if is_pod_terminating(pod)),
        ready=sum(1 for pod in active if is_pod_ready(pod)),
        succeeded=succeeded,
        failed=failed,
        backoff=backoff.after(new_succeeded, new_failed),
        verdict=verdict,
        known_indexes=known,
        succeeded_indexes=succeeded_indexes,
        failed_indexes=failed_indexes,
        replaced=replaced,
        deadline=deadline,
    )


def _is_uncounted(job: Job, pod: Pod, removing: Collection[str]) -> bool:
    """Whether the pod, once it has ended, has yet to be counted."""
    if not is_tracked(pod) or pod.metadata.uid in removing:
        return False
    return not is_indexed(job) or valid_index(job, pod) is not None


def _indexes(job: Job, pods: Sequence[Pod]) -> tuple[Indexes, Indexes, Indexes | None]:
    """The succeeded of the status, those with the new ones, and the failed."""
    if not is_indexed(job):
        return Indexes(), Indexes(), None
    completions = job.spec.completions or 0
    known = Indexes.parse(job.status.completed_indexes, completions)
    indexed = [
        (index, pod) for pod in pods if is_tracked(pod) and (index := valid_index(job, pod)) is not None
    ]
    succeeded = known.with_indexes(index for index, pod in indexed if pod.status.phase == POD_SUCCEEDED)
    if job.spec.backoff_limit_per_index is None:
        return known, succeeded, None
    failed = Indexes.parse(job.status.failed_indexes or "", completions)
    return known, succeeded, failed.with_indexes(i for i, pod in indexed if _fails_index(job, pod))


def _fails_index(job: Job, pod: Pod) -> bool:
    if not is_failed(job, pod):
        return False
    verdict = judge(job, pod)
    if verdict.action == "FailIndex":
        return True
    return verdict.counts and failure_count(pod) >= (job.spec.backoff_limit_per_index or 0)


def _replaced(job: Job, failed: Sequence[Pod], active: Sequence[Pod], over: Indexes) -> dict[int, Pod]:
    """The last failed pod of each index that is neither over nor active: it stays until another takes its counts over."""
    busy = over.with_indexes(indexes_of(active))
    last: dict[int, Pod] = {}
    for pod in failed:
        index = valid_index(job, pod)
        if index is None or index in busy:
            continue
        known = last.get(index)
        if known is None or _order(known) <= _order(pod):
            last[index] = pod
    return last


def _order(pod: Pod) -> tuple[int, float]:
    return failure_count(pod) + ignored_count(pod), finished_at(pod)


def _deadline(job: Job, now: float) -> float | None:
    seconds, since = job.spec.active_deadline_seconds, job.status.start_time
    if seconds is None or since is None or job.spec.suspend:
        return None
    return to_seconds(since) + seconds - now


def _known_verdict(job: Job) -> JobCondition | None:
    return true_condition(job, SUCCESS_CRITERIA_MET, FAILURE_TARGET)


def _failure(
    job: Job, pods: Sequence[Pod], failed: int, deadline: float | None, now: float
) -> JobCondition | None:
    message = failure_message(job, [pod for pod in pods if is_failed(job, pod)])
    if message:
        return job_condition(FAILURE_TARGET, "PodFailurePolicy", message, now)
    limit = 6 if job.spec.backoff_limit is None else job.spec.backoff_limit
    if failed > limit or _restarted_too_often(job, pods, limit):
        return job_condition(
            FAILURE_TARGET, "BackoffLimitExceeded", "Job has reached the specified backoff limit", now
        )
    if deadline is not None and deadline <= 0:
        return job_condition(
            FAILURE_TARGET, "DeadlineExceeded", "Job was active longer than specified deadline", now
        )
    return None


def _restarted_too_often(job: Job, pods: Sequence[Pod], limit: int) -> bool:
    """Restarts in place count as failures."""
    if job.spec.template.spec.restart_policy != "OnFailure":
        return False
    count = sum(
        each.restart_count
        for pod in pods
        if pod.status.phase in ("Running", "Pending")
        for each in (*pod.status.init_container_statuses, *pod.status.container_statuses)
    )
    return count > 0 if limit == 0 else count >= limit


def _index_verdict(job: Job, succeeded: Indexes, failed: Indexes | None, now: float) -> JobCondition | None:
    if failed is not None:
        limit = job.spec.max_failed_indexes
        if limit is not None and len(failed) > limit:
            message = "Job has exceeded the specified maximal number of failed indexes"
            return job_condition(FAILURE_TARGET, "MaxFailedIndexesExceeded", message, now)
        if len(failed) and len(failed) + len(succeeded) >= (job.spec.completions or 0):
            return job_condition(FAILURE_TARGET, "FailedIndexes", "Job has failed indexes", now)
    message = success_message(job, succeeded)
    return job_condition(SUCCESS_CRITERIA_MET, SUCCESS_POLICY, message, now) if message else None
