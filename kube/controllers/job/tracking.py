"""Counting each finished pod exactly once: its uid goes into the status, then its finalizer goes, then the counter grows.
Pure; KEP-2307.

Semantics: trackJobStatusAndRemoveFinalizers of pkg/controller/job/job_controller.go.
"""

from collections.abc import Collection
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from kube.api.helpers.pods import SUCCEEDED as POD_SUCCEEDED
from kube.api.types.batch_v1 import Job, JobCondition, JobStatus, UncountedTerminatedPods
from kube.api.types.core_v1 import Pod
from kube.controllers.job.conditions import COMPLETE, FINAL, SUCCESS_CRITERIA_MET, ensured, job_condition
from kube.controllers.job.indexes import is_indexed, valid_index
from kube.controllers.job.observation import Observation, is_failed, is_tracked
from kube.controllers.job.policies import judge

MAX_UNCOUNTED: Final = 500
"""Pods that one reconcile counts, so that their uids fit into a status."""


class Tracking(Struct, frozen=True):
    """``status`` is written first; then ``remove`` lose their finalizers, of those that have one (``finalizers``).

    ``complete`` says that no finished pod was left for the next reconcile.
    """

    status: JobStatus
    remove: tuple[Pod, ...]
    finalizers: frozenset[str]
    complete: bool


def track(seen: Observation, status: JobStatus, verdict: JobCondition | None) -> Tracking:
    """``status`` has this reconcile's numbers of pods; ``verdict`` is the interim condition if the job is over."""
    job = seen.job
    tracked = [pod for pod in seen.pods if is_tracked(pod) and pod.metadata.uid not in seen.removing]
    finalizers = frozenset(pod.metadata.uid for pod in tracked)
    status = settled(status, finalizers)
    uncounted = status.uncounted_terminated_pods or UncountedTerminatedPods()
    succeeded, failed = list(uncounted.succeeded), list(uncounted.failed)
    new_indexes: list[int] = []
    remove: list[Pod] = []
    ended = frozenset(uncounted.failed)
    counted = frozenset(uncounted.succeeded)
    lost = verdict is not None and verdict.type != SUCCESS_CRITERIA_MET
    if is_indexed(job):
        tracked.sort(key=lambda pod: _or_last(valid_index(job, pod)))
    complete = True
    for pod in tracked:
        if not _may_go(seen, pod, verdict):
            continue
        remove.append(pod)
        uid = pod.metadata.uid
        index = valid_index(job, pod)
        if pod.status.phase == POD_SUCCEEDED and uid not in ended:
            if is_indexed(job):
                if index is not None and index not in seen.known_indexes:
                    new_indexes.append(index)
            elif uid not in counted:
                succeeded.append(uid)
        elif (
            (lost or is_failed(job, pod))
            and uid not in ended
            and (not is_indexed(job) or index is not None)
            and judge(job, pod).counts
        ):
            failed.append(uid)
        if len(new_indexes) + len(succeeded) + len(failed) >= MAX_UNCOUNTED:
            complete = False
            break
    status = replace(
        status,
        uncounted_terminated_pods=UncountedTerminatedPods(succeeded=tuple(succeeded), failed=tuple(failed)),
    )
    status = _with_indexes(seen, status, new_indexes)
    if verdict is not None:
        status = replace(status, conditions=ensured(status.conditions, verdict))
    return Tracking(status, tuple(remove), finalizers, complete)


def _or_last(index: int | None) -> int:
    return 2**31 if index is None else index


def _may_go(seen: Observation, pod: Pod, verdict: JobCondition | None) -> bool:
    """Whether the pod may lose its finalizer: it has ended, or the job has."""
    job = seen.job
    if (
        job.metadata.deletion_timestamp is not None
        or verdict is not None
        or pod.status.phase == POD_SUCCEEDED
    ):
        return True
    if not is_failed(job, pod):
        return False
    index = valid_index(job, pod)
    waiting = None if index is None else seen.replaced.get(index)
    return waiting is None or waiting.metadata.uid != pod.metadata.uid


def _with_indexes(seen: Observation, status: JobStatus, new: list[int]) -> JobStatus:
    if not is_indexed(seen.job):
        return status
    succeeded = seen.known_indexes.with_indexes(new)
    failed = None if seen.failed_indexes is None else str(seen.failed_indexes)
    return replace(status, succeeded=len(succeeded), completed_indexes=str(succeeded), failed_indexes=failed)


def settled(status: JobStatus, finalizers: Collection[str]) -> JobStatus:
    """The status with the pods counted that were noted in it and have lost their finalizers."""
    uncounted = status.uncounted_terminated_pods or UncountedTerminatedPods()
    succeeded = tuple(uid for uid in uncounted.succeeded if uid in finalizers)
    failed = tuple(uid for uid in uncounted.failed if uid in finalizers)
    more = len(uncounted.succeeded) - len(succeeded), len(uncounted.failed) - len(failed)
    if more == (0, 0):
        return status
    return replace(
        status,
        succeeded=status.succeeded + more[0],
        failed=status.failed + more[1],
        uncounted_terminated_pods=UncountedTerminatedPods(succeeded=succeeded, failed=failed),
    )


def finished(job: Job, verdict: JobCondition, now: float) -> JobStatus | None:
    """The status with the job's last condition; None while pods are uncounted or still terminating."""
    status = job.status
    uncounted = status.uncounted_terminated_pods
    if uncounted is not None and (uncounted.succeeded or uncounted.failed):
        return None
    if status.terminating:
        return None
    last = job_condition(FINAL[verdict.type], verdict.reason, verdict.message, now)
    completion = last.last_transition_time if last.type == COMPLETE else status.completion_time
    return replace(status, conditions=ensured(status.conditions, last), completion_time=completion)
