"""The status of a deployment: counts, and whether it is available and makes progress. Pure.

Semantics: progress.go and sync.go of pkg/controller/deployment.
"""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from kube.api.types.apps_v1 import Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet
from kube.apimachinery.gofmt import quote
from kube.apimachinery.meta.accessor import find_condition, remove_condition
from kube.apimachinery.time import from_seconds, to_seconds
from kube.controllers.deployment.arithmetic import actual, available, max_unavailable, replicas_of, total
from kube.controllers.deployment.revisions import UNLIMITED

AVAILABLE: Final = "Available"
PROGRESSING: Final = "Progressing"
REPLICA_FAILURE: Final = "ReplicaFailure"

NEW_REPLICA_SET: Final = "NewReplicaSetCreated"
FOUND_NEW: Final = "FoundNewReplicaSet"
UPDATED: Final = "ReplicaSetUpdated"
NEW_AVAILABLE: Final = "NewReplicaSetAvailable"
CREATE_ERROR: Final = "ReplicaSetCreateError"
TIMED_OUT: Final = "ProgressDeadlineExceeded"
PAUSED: Final = "DeploymentPaused"
RESUMED: Final = "DeploymentResumed"

Conditions = tuple[DeploymentCondition, ...]


def has_deadline(deployment: Deployment) -> bool:
    return deployment.spec.progress_deadline_seconds not in (None, UNLIMITED)


def new_condition(type_: str, status: str, reason: str, message: str, now: float) -> DeploymentCondition:
    moment = from_seconds(now)
    return DeploymentCondition(
        type=type_,
        status=status,
        last_update_time=moment,
        last_transition_time=moment,
        reason=reason,
        message=message,
    )


def with_condition(conditions: Conditions, condition: DeploymentCondition) -> Conditions:
    """With this one last; unchanged when one of its status and reason is there, whatever its message."""
    old = find_condition(conditions, condition.type)
    if old is not None and old.status == condition.status:
        if old.reason == condition.reason:
            return conditions
        condition = replace(condition, last_transition_time=old.last_transition_time)
    return (*remove_condition(conditions, condition.type), condition)


def paused_conditions(deployment: Deployment, now: float) -> Conditions:
    """The conditions, told that the deployment is paused or goes on; nobody is late while it is paused."""
    conditions = deployment.status.conditions
    if not has_deadline(deployment):
        return conditions
    current = find_condition(conditions, PROGRESSING)
    if current is not None and current.reason == TIMED_OUT:
        return conditions
    known = current is not None and current.reason == PAUSED
    if deployment.spec.paused and not known:
        new = new_condition(PROGRESSING, "Unknown", PAUSED, "Deployment is paused", now)
    elif not deployment.spec.paused and known:
        new = new_condition(PROGRESSING, "Unknown", RESUMED, "Deployment is resumed", now)
    else:
        return conditions
    return with_condition(conditions, new)


def calculate_status(
    deployment: Deployment, sets: Sequence[ReplicaSet], new: ReplicaSet | None, now: float
) -> DeploymentStatus:
    """Counts and availability; progress stays as it was."""
    there = available(sets)
    terminating = [each.status.terminating_replicas for each in sets]
    if there >= replicas_of(deployment) - max_unavailable(deployment):
        condition = new_condition(
            AVAILABLE, "True", "MinimumReplicasAvailable", "Deployment has minimum availability.", now
        )
    else:
        condition = new_condition(
            AVAILABLE,
            "False",
            "MinimumReplicasUnavailable",
            "Deployment does not have minimum availability.",
            now,
        )
    return DeploymentStatus(
        observed_generation=deployment.metadata.generation,
        replicas=actual(sets),
        updated_replicas=0 if new is None else new.status.replicas,
        ready_replicas=sum(each.status.ready_replicas for each in sets),
        available_replicas=there,
        unavailable_replicas=max(total(sets) - there, 0),
        terminating_replicas=None if None in terminating else sum(each or 0 for each in terminating),
        collision_count=deployment.status.collision_count,
        conditions=with_condition(deployment.status.conditions, condition),
    )


def is_complete(deployment: Deployment, status: DeploymentStatus) -> bool:
    wanted = replicas_of(deployment)
    return (
        status.updated_replicas == wanted
        and status.replicas == wanted
        and status.available_replicas == wanted
        and status.observed_generation >= deployment.metadata.generation
    )


def is_progressing(deployment: Deployment, status: DeploymentStatus) -> bool:
    """Whether more are updated, ready or available than before, or fewer are old."""
    before = deployment.status
    return (
        status.updated_replicas > before.updated_replicas
        or status.replicas - status.updated_replicas < before.replicas - before.updated_replicas
        or status.ready_replicas > before.ready_replicas
        or status.available_replicas > before.available_replicas
    )


def has_timed_out(deployment: Deployment, status: DeploymentStatus, now: float) -> bool:
    condition = find_condition(status.conditions, PROGRESSING)
    if not has_deadline(deployment) or condition is None or condition.reason == NEW_AVAILABLE:
        return False
    if condition.reason == TIMED_OUT:
        return True
    since = condition.last_update_time
    deadline = deployment.spec.progress_deadline_seconds or 0
    return since is not None and to_seconds(since) + deadline < now


def rollout_status(
    deployment: Deployment, sets: Sequence[ReplicaSet], new: ReplicaSet | None, now: float
) -> DeploymentStatus:
    """The status during and after a rollout, progress included."""
    status = calculate_status(deployment, sets, new, now)
    conditions = status.conditions
    if not has_deadline(deployment):
        conditions = remove_condition(conditions, PROGRESSING)
    else:
        conditions = _progress(deployment, status, new, now)
    failure = _replica_failure(sets, new)
    if failure is None:
        conditions = remove_condition(conditions, REPLICA_FAILURE)
    else:
        conditions = with_condition(conditions, failure)
    return replace(status, conditions=conditions)


def _progress(
    deployment: Deployment, status: DeploymentStatus, new: ReplicaSet | None, now: float
) -> Conditions:
    conditions = status.conditions
    current = find_condition(deployment.status.conditions, PROGRESSING)
    if current is not None and current.reason == NEW_AVAILABLE and status.replicas == status.updated_replicas:
        return conditions
    if new is None:
        of = f"Deployment {quote(deployment.metadata.name)}"
    else:
        of = f"ReplicaSet {quote(new.metadata.name)}"
    if is_complete(deployment, status):
        done = new_condition(PROGRESSING, "True", NEW_AVAILABLE, f"{of} has successfully progressed.", now)
        return with_condition(conditions, done)
    if is_progressing(deployment, status):
        moving = new_condition(PROGRESSING, "True", UPDATED, f"{of} is progressing.", now)
        if current is not None and current.status == "True":
            moving = replace(moving, last_transition_time=current.last_transition_time)
        # The update time is what the deadline counts from: the condition is renewed even if its reason stays.
        return (*remove_condition(conditions, PROGRESSING), moving)
    if has_timed_out(deployment, status, now):
        late = new_condition(PROGRESSING, "False", TIMED_OUT, f"{of} has timed out progressing.", now)
        return with_condition(conditions, late)
    return conditions


def _replica_failure(sets: Sequence[ReplicaSet], new: ReplicaSet | None) -> DeploymentCondition | None:
    """That of the newest set, else that of any."""
    for each in (*([] if new is None else [new]), *sets):
        found = find_condition(each.status.conditions, REPLICA_FAILURE)
        if found is not None:
            return DeploymentCondition(
                type=REPLICA_FAILURE,
                status=found.status,
                last_update_time=found.last_transition_time,
                last_transition_time=found.last_transition_time,
                reason=found.reason,
                message=found.message,
            )
    return None


def seconds_until_stuck(deployment: Deployment, status: DeploymentStatus, now: float) -> float | None:
    """When to look again whether the deployment is late; None if it cannot be."""
    current = find_condition(status.conditions, PROGRESSING)
    if not has_deadline(deployment) or current is None:
        return None
    if is_complete(deployment, status) or current.reason == TIMED_OUT:
        return None
    since = current.last_update_time
    deadline = deployment.spec.progress_deadline_seconds or 0
    left = 0.0 if since is None else to_seconds(since) + deadline - now
    return max(left, 0.0) + 1
