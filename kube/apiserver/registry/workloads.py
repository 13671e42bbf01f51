# ruff: noqa: ARG002  # hooks share signatures, whether or not they read every argument
"""Deployments, replica sets, stateful sets, daemon sets and replication controllers.

Source of the semantics: pkg/registry/apps (strategy.go of each kind), pkg/registry/core/replicationcontroller.
"""

from collections.abc import Iterable
from typing import Any, ClassVar, Final

from msgspec.structs import replace

from kube.api.types.apps_v1 import DaemonSet, Deployment
from kube.apimachinery.names import dns1123_label
from kube.apiserver.registry.strategy import (
    Context,
    GarbageCollectionPolicy,
    Strategy,
    differs_outside_status,
    with_generation,
)

TEMPLATE_GENERATION: Final = "deprecated.daemonset.template.generation"
_NAME_WARNING: Final = (
    "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; "
    "a DNS label is recommended: [{}]"
)


def name_warnings(name: str) -> Iterable[str]:
    """What is said of a name that pods' host names are made from."""
    if complaints := dns1123_label(name):
        return (_NAME_WARNING.format(" ".join(complaints)),)
    return ()


class WorkloadStrategy(Strategy):
    """A kind whose pods are named after it."""

    def warnings_on_create(self, ctx: Context, obj: Any) -> Iterable[str]:
        return name_warnings(obj.metadata.name)


class ReplicaSetStrategy(WorkloadStrategy):
    pass


class StatefulSetStrategy(WorkloadStrategy):
    pass


class ControllerStrategy(WorkloadStrategy):
    garbage_collection_policy: ClassVar[GarbageCollectionPolicy] = "OrphanDependents"


class DeploymentStrategy(WorkloadStrategy):
    def prepare_for_update(self, ctx: Context, new: Deployment, old: Deployment) -> Deployment:
        """A change of the annotations counts too: replica sets get copies of them."""
        new = replace(new, status=old.status)
        if differs_outside_status(new, old) or new.metadata.annotations != old.metadata.annotations:
            new = with_generation(new, old.metadata.generation + 1)
        return new


class DaemonSetStrategy(WorkloadStrategy):
    """Counts changes of the template in an annotation that once was a field."""

    def prepare_for_create(self, ctx: Context, obj: DaemonSet) -> DaemonSet:
        asked = _template_generation(obj)
        return _with_template_generation(super().prepare_for_create(ctx, obj), max(asked, 1))

    def prepare_for_update(self, ctx: Context, new: DaemonSet, old: DaemonSet) -> DaemonSet:
        held = _template_generation(old)
        changed = new.spec.template != old.spec.template
        new = _with_template_generation(new, held + 1 if changed else held)
        prepared: DaemonSet = super().prepare_for_update(ctx, new, old)
        return prepared


def _template_generation(obj: DaemonSet) -> int:
    text = obj.metadata.annotations.get(TEMPLATE_GENERATION, "")
    return int(text) if text.isascii() and text.isdigit() else 0


def _with_template_generation(obj: DaemonSet, generation: int) -> DaemonSet:
    meta = obj.metadata
    if not generation or meta.annotations.get(TEMPLATE_GENERATION) == str(generation):
        return obj
    annotations = {**meta.annotations, TEMPLATE_GENERATION: str(generation)}
    return replace(obj, metadata=replace(meta, annotations=annotations))
