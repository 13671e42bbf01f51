# ruff: noqa: ARG002  # hooks share signatures, whether or not they read every argument
"""Pods: what the server sets at creation, graceful deletion, and the updates of status, ephemeral containers and sizes.

Source of the semantics: pkg/registry/core/pod/strategy.go; KEP-3521 (scheduling gates), KEP-277 (ephemeral
containers), KEP-1287 (resize in place), KEP-5067 (generation).
"""

from collections.abc import Iterable
from typing import Any, ClassVar, Final

from msgspec.structs import replace

from kube.api import validation
from kube.api.helpers.pods import FAILED, PENDING, POD_SCHEDULED, SUCCEEDED, with_condition
from kube.api.helpers.qos import compute_pod_qos
from kube.api.types.core_v1 import Container, Pod, PodCondition, PodSpec, PodStatus
from kube.apimachinery.field import FieldError
from kube.apimachinery.meta.v1 import DeleteOptions, ObjectMeta
from kube.apimachinery.names import dns1123_label
from kube.apimachinery.time import from_seconds
from kube.apiserver.registry.pod_label_keys import with_label_keys_merged
from kube.apiserver.registry.strategy import Context, StatusStrategy, Strategy, with_generation

_NEW_STATUS: Final = {
    qos: PodStatus(phase=PENDING, qos_class=qos) for qos in ("Guaranteed", "Burstable", "BestEffort")
}
_GATED: Final = PodCondition(
    type=POD_SCHEDULED,
    status="False",
    reason="SchedulingGated",
    message="Scheduling is blocked due to non-empty scheduling gates",
)
_NAME_WARNING: Final = (
    "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; "
    "a DNS label is recommended: [{}]"
)


class PodStrategy(Strategy):
    indexed_fields: ClassVar[tuple[str, ...]] = ("spec.nodeName",)

    def prepare_for_create(self, ctx: Context, obj: Pod) -> Pod:
        status = _NEW_STATUS[compute_pod_qos(obj.spec)]
        if obj.spec.scheduling_gates:
            status = with_condition(status, _GATED, from_seconds(ctx.now))
        meta = obj.metadata if obj.metadata.generation == 1 else replace(obj.metadata, generation=1)
        return replace(obj, metadata=meta, spec=with_label_keys_merged(obj), status=status)

    def prepare_for_update(self, ctx: Context, new: Pod, old: Pod) -> Pod:
        if new.status is not old.status:
            new = replace(new, status=old.status)
        return _counted(new, old)

    def warnings_on_create(self, ctx: Context, obj: Pod) -> Iterable[str]:
        if complaints := dns1123_label(obj.metadata.name):
            return (_NAME_WARNING.format(" ".join(complaints)),)
        return ()

    def check_graceful_delete(self, ctx: Context, obj: Pod, options: DeleteOptions) -> int | None:
        """What is not on a node, or has ended there, needs no grace."""
        if not obj.spec.node_name or obj.status.phase in (FAILED, SUCCEEDED):
            return 0
        period = options.grace_period_seconds
        if period is None:
            period = obj.spec.termination_grace_period_seconds
        if period is None:
            return 0
        return period if period >= 0 else 1


def _counted(new: Pod, old: Pod) -> Pod:
    """``new`` with a generation that counts changes of the spec."""
    if new.spec is old.spec or new.spec == old.spec:
        return new
    counted: Pod = with_generation(new, old.metadata.generation + 1)
    return counted


class PodStatusStrategy(StatusStrategy):
    def prepare_for_update(self, ctx: Context, new: Pod, old: Pod) -> Pod:
        """Owners stay, and so do the QoS class and observed generations that a status leaves out."""
        meta = new.metadata
        if meta.owner_references != old.metadata.owner_references:
            meta = replace(meta, owner_references=old.metadata.owner_references)
        return replace(old, metadata=meta, status=_with_kept_facts(new.status, old.status))


def _with_kept_facts(new: PodStatus, old: PodStatus) -> PodStatus:
    changes: dict[str, Any] = {}
    if not new.qos_class and old.qos_class:
        changes["qos_class"] = old.qos_class
    if not new.observed_generation and old.observed_generation:
        changes["observed_generation"] = old.observed_generation
    conditions = _with_kept_generations(new.conditions, old.conditions)
    if conditions is not new.conditions:
        changes["conditions"] = conditions
    return replace(new, **changes) if changes else new


def _with_kept_generations(
    new: tuple[PodCondition, ...], old: tuple[PodCondition, ...]
) -> tuple[PodCondition, ...]:
    known: dict[str, list[int]] = {}
    for condition in old:
        known.setdefault(condition.type, []).append(condition.observed_generation)
    kept: list[PodCondition] = []
    changed = False
    for condition in new:
        before = known.get(condition.type)
        generation = before.pop(0) if before else 0
        if generation and not condition.observed_generation:
            condition = replace(condition, observed_generation=generation)  # noqa: PLW2901  # the same condition, completed
            changed = True
        kept.append(condition)
    return tuple(kept) if changed else new


def _own_metadata(new: ObjectMeta, old: ObjectMeta) -> ObjectMeta:
    """Metadata of an update that may change none but what the server keeps (upstream's ResetObjectMetaForStatus)."""
    return replace(
        old,
        resource_version=new.resource_version,
        uid=new.uid,
        managed_fields=new.managed_fields,
        name=new.name,
    )


class _PartStrategy(StatusStrategy):
    """An update of a part of the spec, judged by the rules of its subresource."""

    part: ClassVar[str]

    def validate_update(self, ctx: Context, new: Pod, old: Pod) -> list[FieldError]:
        return validation.validate_update(new, old, self.part)


class EphemeralContainersStrategy(_PartStrategy):
    part = "ephemeralcontainers"

    def prepare_for_update(self, ctx: Context, new: Pod, old: Pod) -> Pod:
        spec = replace(old.spec, ephemeral_containers=new.spec.ephemeral_containers)
        return _counted(replace(old, metadata=_own_metadata(new.metadata, old.metadata), spec=spec), old)


class ResizeStrategy(_PartStrategy):
    part = "resize"

    def prepare_for_update(self, ctx: Context, new: Pod, old: Pod) -> Pod:
        """Other changes are dropped, but for those of the list of containers, which validation refuses."""
        spec = _resized(new.spec, old.spec)
        if spec is None:
            return _counted(new, old)
        return _counted(replace(old, metadata=_own_metadata(new.metadata, old.metadata), spec=spec), old)


def _resized(new: PodSpec, old: PodSpec) -> PodSpec | None:
    if len(new.containers) != len(old.containers) or len(new.init_containers) != len(old.init_containers):
        return None
    return replace(
        old,
        containers=_with_sizes(new.containers, old.containers),
        init_containers=_with_sizes(new.init_containers, old.init_containers),
        resources=new.resources,
    )


def _with_sizes(new: tuple[Container, ...], old: tuple[Container, ...]) -> tuple[Container, ...]:
    if any(after.name != before.name for after, before in zip(new, old, strict=True)):
        return new
    return tuple(
        replace(before, resources=after.resources, resize_policy=after.resize_policy)
        for after, before in zip(new, old, strict=True)
    )
