"""How many pods a rollout may add and take away. Pure.

Semantics: pkg/controller/deployment/util/deployment_util.go; the API page "Deployments" (proportional scaling).
"""

from collections.abc import Iterable
from math import floor
from typing import Final

from kube.api.types.apps_v1 import Deployment, ReplicaSet
from kube.controllers.scaled import scaled_value

RECREATE: Final = "Recreate"

DESIRED_REPLICAS: Final = "deployment.kubernetes.io/desired-replicas"
MAX_REPLICAS: Final = "deployment.kubernetes.io/max-replicas"

DEFAULT_SHARE: Final = "25%"


def replicas_of(obj: Deployment | ReplicaSet) -> int:
    return 1 if obj.spec.replicas is None else obj.spec.replicas


def total(sets: Iterable[ReplicaSet]) -> int:
    """The replicas that the sets should have."""
    return sum(map(replicas_of, sets))


def actual(sets: Iterable[ReplicaSet]) -> int:
    return sum(each.status.replicas for each in sets)


def available(sets: Iterable[ReplicaSet]) -> int:
    return sum(each.status.available_replicas for each in sets)


def is_rolling(deployment: Deployment) -> bool:
    return deployment.spec.strategy.type != RECREATE


def fenceposts(deployment: Deployment) -> tuple[int, int]:
    """Surge and unavailability of a rolling update in pods: rounded up and down, and never both 0."""
    rolling = deployment.spec.strategy.rolling_update
    surge = DEFAULT_SHARE if rolling is None or rolling.max_surge is None else rolling.max_surge
    unavailable = (
        DEFAULT_SHARE if rolling is None or rolling.max_unavailable is None else rolling.max_unavailable
    )
    replicas = replicas_of(deployment)
    more = scaled_value(surge, replicas, round_up=True)
    less = scaled_value(unavailable, replicas, round_up=False)
    return (more, less) if more or less else (0, 1)


def max_surge(deployment: Deployment) -> int:
    return fenceposts(deployment)[0] if is_rolling(deployment) else 0


def max_unavailable(deployment: Deployment) -> int:
    replicas = replicas_of(deployment)
    if not is_rolling(deployment) or replicas == 0:
        return 0
    return min(fenceposts(deployment)[1], replicas)


def max_total(deployment: Deployment) -> int:
    return replicas_of(deployment) + max_surge(deployment)


def new_set_size(deployment: Deployment, sets: Iterable[ReplicaSet], current: int) -> int:
    """How far the newest set, which has ``current`` replicas, may grow beside all the ``sets``."""
    replicas = replicas_of(deployment)
    if not is_rolling(deployment):
        return replicas
    room = max_total(deployment) - total(sets)
    return current if room <= 0 else current + min(room, replicas - current)


def annotated(replica_set: ReplicaSet, name: str) -> int | None:
    """The number in an annotation, None where there is none."""
    text = replica_set.metadata.annotations.get(name, "")
    return int(text) if text.isdecimal() else None


def proportion(deployment: Deployment, replica_set: ReplicaSet, to_add: int, added: int) -> int:
    """The part of ``to_add`` (negative: to take away) that falls to one set, when ``added`` have been dealt out."""
    replicas = replicas_of(replica_set)
    if replicas == 0 or to_add in (0, added):
        return 0
    part = _fraction(deployment, replica_set, replicas)
    return min(part, to_add - added) if to_add > 0 else max(part, to_add - added)


def _fraction(deployment: Deployment, replica_set: ReplicaSet, replicas: int) -> int:
    if replicas_of(deployment) == 0:
        return -replicas
    before = annotated(replica_set, MAX_REPLICAS) or deployment.status.replicas
    if before == 0:
        return 0
    return floor(replicas * max_total(deployment) / before + 0.5) - replicas
