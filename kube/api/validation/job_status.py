"""The rules of a Job's status: counters, indexes, and conditions that only ever lead to an end.

Most rules hold only where what they judge changes, so that a status that is stored can always be written again.
Source of the semantics: pkg/apis/batch/validation, pkg/registry/batch/job/strategy.go (getStatusValidationOptions).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from kube.api.types.batch_v1 import Job, JobStatus, UncountedTerminatedPods
from kube.api.validation.checks import Errors
from kube.api.validation.job_indexes import IndexesError, count_indexes, overlap
from kube.api.validation.metadata import validate_object_meta_update
from kube.api.validation.workload import STATUS, validate_counters
from kube.apimachinery.field import OMITTED, Path, duplicate, invalid, required

_CONDITIONS: Final = STATUS.child("conditions")
_COMPLETION_TIME: Final = STATUS.child("completionTime")
_INDEXED: Final = "Indexed"
_FAILED, _COMPLETE, _FAILURE_TARGET, _CRITERIA_MET = (
    "Failed",
    "Complete",
    "FailureTarget",
    "SuccessCriteriaMet",
)


def is_true(status: JobStatus, kind: str) -> bool:
    """Whether the status has a condition of this type that is True."""
    return any(condition.type == kind and condition.status == "True" for condition in status.conditions)


def is_finished(status: JobStatus) -> bool:
    return is_true(status, _COMPLETE) or is_true(status, _FAILED)


_WATCHED: Final[Mapping[str, Callable[[JobStatus], Any]]] = {
    "finished": is_finished,
    "complete": lambda status: is_true(status, _COMPLETE),
    "failed": lambda status: is_true(status, _FAILED),
    "failure target": lambda status: is_true(status, _FAILURE_TARGET),
    "criteria met": lambda status: is_true(status, _CRITERIA_MET),
    "completed indexes": lambda status: status.completed_indexes,
    "failed indexes": lambda status: status.failed_indexes,
    "active": lambda status: status.active,
    "ready": lambda status: status.ready,
    "terminating": lambda status: status.terminating,
    "start": lambda status: status.start_time,
    "completion": lambda status: status.completion_time,
    "uncounted": lambda status: status.uncounted_terminated_pods,
}


def validate_job_status_update(new: Job, old: Job) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    status = new.status
    changed = {name for name, read in _WATCHED.items() if read(status) != read(old.status)}
    counters = (
        ("active", status.active),
        ("succeeded", status.succeeded),
        ("failed", status.failed),
        ("ready", status.ready),
        ("terminating", status.terminating),
    )
    validate_counters(counters, STATUS, errors)
    if status.uncounted_terminated_pods is not None:
        at = STATUS.child("uncountedTerminatedPods")
        _validate_uncounted(status.uncounted_terminated_pods, at, errors)
    _validate_outcome(new, changed, errors)
    _validate_finished(new, changed, errors)
    _validate_indexes(new, changed, errors)
    if changed & {"finished", "terminating"} and status.terminating and is_finished(status):
        detail = "terminating>0 is invalid for finished job"
        errors.append(invalid(STATUS.child("terminating"), status.terminating, detail))
    if changed & {"ready", "active"} and status.ready is not None and status.ready > status.active:
        detail = "cannot set more ready pods than active"
        errors.append(invalid(STATUS.child("ready"), status.ready, detail))
    _validate_criteria(new, errors)
    _validate_transition(new, old, errors)
    return errors


def _validate_uncounted(pods: UncountedTerminatedPods, path: Path, errors: Errors) -> None:
    seen: set[str] = set()
    for name, uids in (("succeeded", pods.succeeded), ("failed", pods.failed)):
        for i, uid in enumerate(uids):
            at = path.child(name).index(i)
            if not uid:
                errors.append(invalid(at, uid, "must not be empty"))
            elif uid in seen:
                errors.append(duplicate(at, uid))
            seen.add(uid)


def _refuse(detail: str, errors: Errors) -> None:
    errors.append(invalid(_CONDITIONS, OMITTED, detail))


def _validate_outcome(job: Job, changed: set[str], errors: Errors) -> None:
    status = job.status
    complete, failed = is_true(status, _COMPLETE), is_true(status, _FAILED)
    if changed & {"complete", "failed"} and complete and failed:
        _refuse("cannot set Complete=True and Failed=true conditions", errors)
    if changed & {"complete", "failure target"} and complete and is_true(status, _FAILURE_TARGET):
        _refuse("cannot set Complete=True and FailureTarget=true conditions", errors)
    end, start = status.completion_time, status.start_time
    if changed & {"complete", "completion"}:
        if end is not None and not complete:
            detail = "cannot set completionTime when there is no Complete=True condition"
            errors.append(invalid(_COMPLETION_TIME, end, detail))
        if end is None and complete:
            errors.append(required(_COMPLETION_TIME, "completionTime is required for Complete jobs"))
    # Times are canonical: their order is that of their text.
    if changed & {"start", "completion"} and start is not None and end is not None and end < start:
        errors.append(invalid(_COMPLETION_TIME, end, "completionTime cannot be set before startTime"))
    if changed & {"failed", "failed indexes"} and failed and not is_true(status, _FAILURE_TARGET):
        _refuse("cannot set Failed=True condition without the FailureTarget=true condition", errors)
    if changed & {"complete", "criteria met"} and complete and not is_true(status, _CRITERIA_MET):
        _refuse("cannot set Complete=True condition without the SuccessCriteriaMet=true condition", errors)


def _validate_finished(job: Job, changed: set[str], errors: Errors) -> None:
    status = job.status
    if not is_finished(status):
        return
    if changed & {"finished", "active"} and status.active > 0:
        at = STATUS.child("active")
        errors.append(invalid(at, status.active, "active>0 is invalid for finished job"))
    nothing_to_do = job.spec.suspend is True and job.spec.completions == 0
    if changed & {"finished", "start"} and status.start_time is None and not nothing_to_do:
        errors.append(required(STATUS.child("startTime"), "startTime is required for finished job"))
    pods = status.uncounted_terminated_pods
    if changed & {"finished", "uncounted"} and pods is not None and (pods.failed or pods.succeeded):
        detail = "uncountedTerminatedPods needs to be empty for finished job"
        errors.append(invalid(STATUS.child("uncountedTerminatedPods"), pods, detail))


def _validate_indexes(job: Job, changed: set[str], errors: Errors) -> None:
    spec, status = job.spec, job.status
    completed, failed = status.completed_indexes, status.failed_indexes
    at_completed, at_failed = STATUS.child("completedIndexes"), STATUS.child("failedIndexes")
    if "completed indexes" in changed and spec.completions is not None:
        _validate_format(completed, "completedIndexes", spec.completions, at_completed, errors)
    per_index = spec.backoff_limit_per_index is not None
    if "failed indexes" in changed and spec.completions is not None and per_index and failed is not None:
        _validate_format(failed, "failedIndexes", spec.completions, at_failed, errors)
    if "completed indexes" in changed and completed and spec.completion_mode != _INDEXED:
        detail = "cannot set non-empty completedIndexes when non-indexed completion mode"
        errors.append(invalid(at_completed, completed, detail))
    if "failed indexes" in changed and failed is not None and not per_index:
        detail = "cannot set non-null failedIndexes when backoffLimitPerIndex is null"
        errors.append(invalid(at_failed, failed, detail))
    if changed & {"failed indexes", "completed indexes"} and spec.completions is not None and failed:
        index = overlap(completed, failed, spec.completions)
        if index is not None:
            detail = f"failedIndexes and completedIndexes overlap at index: {index}"
            errors.append(invalid(at_failed, failed, detail))


def _validate_format(text: str, name: str, completions: int, path: Path, errors: Errors) -> None:
    try:
        count_indexes(text, completions)
    except IndexesError as error:
        errors.append(invalid(path, text, f"error parsing {name}: {error}"))


def _validate_criteria(job: Job, errors: Errors) -> None:
    met = is_true(job.status, _CRITERIA_MET)
    if met and is_true(job.status, _FAILED):
        _refuse("cannot set SuccessCriteriaMet=True and Failed=true conditions", errors)
    if met and is_true(job.status, _FAILURE_TARGET):
        _refuse("cannot set SuccessCriteriaMet=True and FailureTarget=true conditions", errors)
    if job.spec.success_policy is not None and not met and is_true(job.status, _COMPLETE):
        detail = "cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True"
        _refuse(detail, errors)


def _validate_transition(new: Job, old: Job, errors: Errors) -> None:
    after, before = new.status, old.status
    for kind in (_FAILED, _COMPLETE, _FAILURE_TARGET):
        if is_true(before, kind) and not is_true(after, kind):
            _refuse(f"cannot disable the terminal {kind}=True condition", errors)
    if after.failed < before.failed:
        errors.append(invalid(STATUS.child("failed"), after.failed, "cannot decrease the failed counter"))
    scalable = new.spec.completion_mode == _INDEXED and new.spec.completions == new.spec.parallelism
    if after.succeeded < before.succeeded and not scalable:
        detail = "cannot decrease the succeeded counter"
        errors.append(invalid(STATUS.child("succeeded"), after.succeeded, detail))
    ends = (before.completion_time, after.completion_time)
    if None not in ends and ends[0] != ends[1]:
        errors.append(invalid(_COMPLETION_TIME, ends[1], "completionTime cannot be mutated"))
    started = before.start_time is not None and before.start_time != after.start_time
    if started and not new.spec.suspend:
        detail = "startTime cannot be removed for unsuspended job"
        errors.append(required(STATUS.child("startTime"), detail))
    was_met, met = is_true(before, _CRITERIA_MET), is_true(after, _CRITERIA_MET)
    if was_met and not met:
        _refuse("cannot disable the SuccessCriteriaMet=True condition", errors)
    if is_true(before, _COMPLETE) and not was_met and met:
        detail = "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions"
        _refuse(detail, errors)
