"""The status of a replica set, from its pods. Pure.

Semantics: calculateStatus of pkg/controller/replicaset/replica_set_utils.go.
"""

from collections.abc import Sequence
from typing import Any, Final

from msgspec.structs import replace

from kube.api.helpers.pods import POD_READY
from kube.api.types.core_v1 import Pod
from kube.apimachinery.meta.accessor import find_condition, remove_condition, set_condition
from kube.apimachinery.time import from_seconds, to_seconds
from kube.controllers.replicaset.kinds import Kind

REPLICA_FAILURE: Final = "ReplicaFailure"


def new_status(
    kind: Kind, owner: Any, active: Sequence[Pod], terminating: int, *, error: Exception | None, now: float
) -> tuple[Any, float | None]:
    """The status, and the seconds until another pod becomes available by itself, if one will."""
    template = owner.spec.template
    wanted = template.metadata.labels.items() if template is not None else {}.items()
    min_ready = owner.spec.min_ready_seconds
    labelled = ready = available = 0
    wait: float | None = None
    for pod in active:
        if wanted <= pod.metadata.labels.items():
            labelled += 1
        condition = find_condition(pod.status.conditions, POD_READY)
        if condition is None or condition.status != "True":
            continue
        ready += 1
        left = 0.0
        if min_ready > 0:
            since = condition.last_transition_time
            left = min_ready if since is None else to_seconds(since) + min_ready - now
        if left <= 0:
            available += 1
        elif wait is None or left < wait:
            wait = left
    counts: dict[str, Any] = {"terminating_replicas": terminating} if kind.counts_terminating else {}
    status = replace(
        owner.status,
        replicas=len(active),
        fully_labeled_replicas=labelled,
        ready_replicas=ready,
        available_replicas=available,
        observed_generation=owner.metadata.generation,
        conditions=_conditions(kind, owner, len(active), error, now),
        **counts,
    )
    return status, wait


def _conditions(kind: Kind, owner: Any, active: int, error: Exception | None, now: float) -> Any:
    """A failure is told once, with its first message, until it is over."""
    conditions = owner.status.conditions
    failure = find_condition(conditions, REPLICA_FAILURE)
    if error is None:
        return remove_condition(conditions, REPLICA_FAILURE) if failure is not None else conditions
    if failure is not None:
        return conditions
    reason = "FailedCreate" if active < (owner.spec.replicas or 0) else "FailedDelete"
    condition = kind.condition(type=REPLICA_FAILURE, status="True", reason=reason, message=str(error))
    return set_condition(conditions, condition, from_seconds(now))
