"""Which replica set gets how many replicas next. Pure.

Semantics: rolling.go, recreate.go and sync.go of pkg/controller/deployment.
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from kube.api.types.apps_v1 import Deployment, ReplicaSet
from kube.api.types.core_v1 import Pod
from kube.controllers.deployment.arithmetic import (
    DESIRED_REPLICAS,
    actual,
    annotated,
    available,
    is_rolling,
    max_total,
    max_unavailable,
    new_set_size,
    proportion,
    replicas_of,
    total,
)
from kube.controllers.deployment.revisions import active, by_age


class Scale(Struct, frozen=True):
    """Give the set of this name so many replicas."""

    name: str
    replicas: int


def is_scaling_event(deployment: Deployment, sets: Iterable[ReplicaSet]) -> bool:
    """Whether the deployment's size changed since it was last written to a set that has replicas."""
    for each in active(sets):
        desired = annotated(each, DESIRED_REPLICAS)
        if desired is not None and desired != replicas_of(deployment):
            return True
    return False


def is_saturated(deployment: Deployment, new: ReplicaSet | None) -> bool:
    """Whether the newest set has all replicas, available, and was sized for what the deployment asks now."""
    if new is None:
        return False
    wanted = replicas_of(deployment)
    return (
        replicas_of(new) == wanted
        and annotated(new, DESIRED_REPLICAS) == wanted
        and new.status.available_replicas == wanted
    )


def scale(deployment: Deployment, new: ReplicaSet | None, old: Sequence[ReplicaSet]) -> list[Scale]:
    """The deployment's size, given to its one set that counts, or dealt out among several in proportion."""
    single = _active_or_latest(new, old)
    wanted = replicas_of(deployment)
    if single is not None:
        return [Scale(single.metadata.name, wanted)] if replicas_of(single) != wanted else []
    if is_saturated(deployment, new):
        return [Scale(each.metadata.name, 0) for each in active(old)]
    if not is_rolling(deployment):
        return []
    return _proportionally(deployment, active([*old, *([] if new is None else [new])]))


def _active_or_latest(new: ReplicaSet | None, old: Sequence[ReplicaSet]) -> ReplicaSet | None:
    running = active([*old, *([] if new is None else [new])])
    if len(running) == 1:
        return running[0]
    if running:
        return None
    if new is not None:
        return new
    return by_age(old)[-1] if old else None


def _proportionally(deployment: Deployment, sets: list[ReplicaSet]) -> list[Scale]:
    """The larger sets first; among equals the newer when growing, the older when shrinking. The first takes the rest."""
    allowed = max_total(deployment) if replicas_of(deployment) > 0 else 0
    to_add = allowed - total(sets)
    ordered = by_age(sets)
    if to_add > 0:
        ordered.reverse()
    ordered.sort(key=lambda each: -replicas_of(each))
    added = 0
    sizes: dict[str, int] = {}
    for each in ordered:
        part = proportion(deployment, each, to_add, added)
        sizes[each.metadata.name] = replicas_of(each) + part
        added += part
    if ordered and to_add:
        first = ordered[0].metadata.name
        sizes[first] = max(sizes[first] + to_add - added, 0)
    return [Scale(name, size) for name, size in sizes.items()]


def grow_new(deployment: Deployment, new: ReplicaSet, old: Sequence[ReplicaSet]) -> list[Scale]:
    """The newest set's next size in a rolling update; empty if it is right."""
    wanted, current = replicas_of(deployment), replicas_of(new)
    if current == wanted:
        return []
    size = wanted if current > wanted else new_set_size(deployment, [*old, new], current)
    return [Scale(new.metadata.name, size)] if size != current else []


def shrink_old(deployment: Deployment, new: ReplicaSet, old: Sequence[ReplicaSet]) -> list[Scale]:
    """What a rolling update takes from the old sets: replicas that are not available first, then as many as may go."""
    old = active(old)
    if not old:
        return []
    floor = replicas_of(deployment) - max_unavailable(deployment)
    unavailable_new = replicas_of(new) - new.status.available_replicas
    allowed = total([*old, new]) - floor - unavailable_new
    if allowed <= 0:
        return []
    cleanup = _unhealthy(by_age(old), allowed)
    sizes = {each.name: each.replicas for each in cleanup}
    left = [_resized(each, sizes) for each in by_age(old)]
    return cleanup + _surplus(left, available([*left, new]) - floor)


def _resized(replica_set: ReplicaSet, sizes: Mapping[str, int]) -> ReplicaSet:
    size = sizes.get(replica_set.metadata.name)
    return (
        replica_set if size is None else replace(replica_set, spec=replace(replica_set.spec, replicas=size))
    )


def _unhealthy(old: Iterable[ReplicaSet], allowed: int) -> list[Scale]:
    found = []
    for each in old:
        missing = min(allowed, replicas_of(each) - each.status.available_replicas)
        if missing > 0:
            found.append(Scale(each.metadata.name, replicas_of(each) - missing))
            allowed -= missing
    return found


def _surplus(old: Iterable[ReplicaSet], surplus: int) -> list[Scale]:
    found = []
    for each in old:
        taken = min(surplus, replicas_of(each))
        if taken > 0:
            found.append(Scale(each.metadata.name, replicas_of(each) - taken))
            surplus -= taken
    return found


def stop_old(old: Iterable[ReplicaSet]) -> list[Scale]:
    """What Recreate does first."""
    return [Scale(each.metadata.name, 0) for each in active(old)]


def old_pods_running(old: Sequence[ReplicaSet], pods: Iterable[Pod]) -> bool:
    """Whether Recreate has to wait: ``pods`` are those of the old sets."""
    if actual(old) > 0:
        return True
    return any(pod.status.phase not in ("Failed", "Succeeded") for pod in pods)
