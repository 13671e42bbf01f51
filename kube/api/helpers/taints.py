"""Taints of nodes and the tolerations of pods.

Source of the semantics: k8s.io/component-helpers/scheduling/corev1, KEP-5471 (Lt and Gt), the API page
"Taints and Tolerations".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from kube.api.types.core_v1 import Taint, Toleration

NO_SCHEDULE: Final = "NoSchedule"
PREFER_NO_SCHEDULE: Final = "PreferNoSchedule"
NO_EXECUTE: Final = "NoExecute"

NOT_READY: Final = "node.kubernetes.io/not-ready"
UNREACHABLE: Final = "node.kubernetes.io/unreachable"
UNSCHEDULABLE: Final = "node.kubernetes.io/unschedulable"
MEMORY_PRESSURE: Final = "node.kubernetes.io/memory-pressure"
DISK_PRESSURE: Final = "node.kubernetes.io/disk-pressure"
PID_PRESSURE: Final = "node.kubernetes.io/pid-pressure"
NETWORK_UNAVAILABLE: Final = "node.kubernetes.io/network-unavailable"
OUT_OF_SERVICE: Final = "node.kubernetes.io/out-of-service"

_INTEGER: Final = re.compile(r"-?[0-9]+", re.ASCII)


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """Whether a pod with the toleration may be where the taint is. An empty key or effect stands for any."""
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    match toleration.operator:
        case "" | "Equal":
            return toleration.value == taint.value
        case "Exists":
            return True
        case "Lt" | "Gt":
            return _compares(taint.value, toleration.operator, toleration.value)
    return False


def _compares(left: str, operator: str, right: str) -> bool:
    if not (_INTEGER.fullmatch(left) and _INTEGER.fullmatch(right)):
        return False
    return int(left) < int(right) if operator == "Lt" else int(left) > int(right)


def tolerates_taint(tolerations: Iterable[Toleration], taint: Taint) -> bool:
    return any(tolerates(toleration, taint) for toleration in tolerations)


def find_untolerated_taint(
    taints: Iterable[Taint], tolerations: Sequence[Toleration], effects: Sequence[str]
) -> Taint | None:
    """The first taint of one of the effects that no toleration covers."""
    for taint in taints:
        if taint.effect in effects and not tolerates_taint(tolerations, taint):
            return taint
    return None


def has_taint(taints: Iterable[Taint], key: str, effect: str) -> bool:
    return any(taint.key == key and taint.effect == effect for taint in taints)


def with_taint(taints: Sequence[Taint], taint: Taint) -> tuple[Taint, ...]:
    """The taints with this one in place of its key and effect."""
    kept = without_taint(taints, taint.key, taint.effect)
    return (*kept, taint)


def without_taint(taints: Sequence[Taint], key: str, effect: str) -> tuple[Taint, ...]:
    return tuple(taint for taint in taints if (taint.key, taint.effect) != (key, effect))


def add_toleration(tolerations: Sequence[Toleration], toleration: Toleration) -> tuple[Toleration, ...]:
    """The tolerations with this one added, or in place of the one of the same key, operator, value and effect."""
    for i, each in enumerate(tolerations):
        if _same_target(each, toleration):
            return (*tolerations[:i], toleration, *tolerations[i + 1 :])
    return (*tolerations, toleration)


def _same_target(a: Toleration, b: Toleration) -> bool:
    return (a.key, a.operator or "Equal", a.value, a.effect) == (
        b.key,
        b.operator or "Equal",
        b.value,
        b.effect,
    )
