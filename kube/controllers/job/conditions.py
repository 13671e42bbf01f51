"""The conditions of a job. Pure."""

from typing import Final

from kube.api.types.batch_v1 import Job, JobCondition
from kube.apimachinery.meta.accessor import find_condition
from kube.apimachinery.time import from_seconds

SUSPENDED: Final = "Suspended"
SUCCESS_CRITERIA_MET: Final = "SuccessCriteriaMet"
SUCCESS_POLICY: Final = "SuccessPolicy"
"""The reason of SuccessCriteriaMet where a success policy was met."""
FAILURE_TARGET: Final = "FailureTarget"
COMPLETE: Final = "Complete"
FAILED: Final = "Failed"

FINAL: Final = {SUCCESS_CRITERIA_MET: COMPLETE, FAILURE_TARGET: FAILED}
"""What each interim condition becomes when no pod is left to count or to wait for."""

Conditions = tuple[JobCondition, ...]


def job_condition(type_: str, reason: str, message: str, now: float, *, status: str = "True") -> JobCondition:
    moment = from_seconds(now)
    return JobCondition(
        type=type_,
        status=status,
        last_probe_time=moment,
        last_transition_time=moment,
        reason=reason,
        message=message,
    )


def true_condition(job: Job, *types: str) -> JobCondition | None:
    """The first of these types that is True."""
    for type_ in types:
        found = find_condition(job.status.conditions, type_)
        if found is not None and found.status == "True":
            return found
    return None


def is_finished(job: Job) -> bool:
    return true_condition(job, COMPLETE, FAILED) is not None


def ensured(conditions: Conditions, new: JobCondition) -> Conditions:
    """With ``new`` in the place of its type; unchanged if it says nothing new, or is a False that nobody asked about."""
    old = find_condition(conditions, new.type)
    if old is None:
        return conditions if new.status == "False" else (*conditions, new)
    if (old.status, old.reason, old.message) == (new.status, new.reason, new.message):
        return conditions
    return tuple(new if each is old else each for each in conditions)
