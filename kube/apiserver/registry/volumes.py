# ruff: noqa: ARG002  # hooks share signatures, whether or not they read every argument
"""Persistent volumes and their claims, which are Pending at first.

Source of the semantics: pkg/registry/core/persistentvolume and persistentvolumeclaim (strategy.go); KEP-3762 (the time of
the last change of a volume's phase), KEP-1495 (dataSourceRef).
"""

from typing import Final

from msgspec.structs import replace

from kube.api.types.core_v1 import (
    PersistentVolume,
    PersistentVolumeClaim,
    PersistentVolumeClaimStatus,
    PersistentVolumeStatus,
    TypedLocalObjectReference,
    TypedObjectReference,
)
from kube.apimachinery.time import from_seconds
from kube.apiserver.registry.strategy import Context, StatusStrategy, Strategy

_PENDING: Final = "Pending"


class VolumeStrategy(Strategy):
    def prepare_for_create(self, ctx: Context, obj: PersistentVolume) -> PersistentVolume:
        status = PersistentVolumeStatus(phase=_PENDING, last_phase_transition_time=from_seconds(ctx.now))
        return replace(obj, status=status)


class VolumeStatusStrategy(StatusStrategy):
    def prepare_for_update(
        self, ctx: Context, new: PersistentVolume, old: PersistentVolume
    ) -> PersistentVolume:
        status, before = new.status, old.status
        since = status.last_phase_transition_time
        if status.phase == before.phase:
            since = since or before.last_phase_transition_time
        elif since is None or since == before.last_phase_transition_time:
            since = from_seconds(ctx.now)
        status = replace(status, last_phase_transition_time=since)
        return replace(old, metadata=new.metadata, status=status)


class ClaimStrategy(Strategy):
    def prepare_for_create(self, ctx: Context, obj: PersistentVolumeClaim) -> PersistentVolumeClaim:
        return _with_both_sources(replace(obj, status=PersistentVolumeClaimStatus(phase=_PENDING)))

    def prepare_for_update(
        self, ctx: Context, new: PersistentVolumeClaim, old: PersistentVolumeClaim
    ) -> PersistentVolumeClaim:
        return _with_both_sources(super().prepare_for_update(ctx, new, old))


def _with_both_sources(claim: PersistentVolumeClaim) -> PersistentVolumeClaim:
    """DataSource and dataSourceRef say the same, where a source is in the claim's namespace."""
    spec = claim.spec
    source, reference = spec.data_source, spec.data_source_ref
    if source is not None and reference is None:
        reference = TypedObjectReference(api_group=source.api_group, kind=source.kind, name=source.name)
        return replace(claim, spec=replace(spec, data_source_ref=reference))
    if reference is not None and source is None and not reference.namespace:
        source = TypedLocalObjectReference(
            api_group=reference.api_group, kind=reference.kind, name=reference.name
        )
        return replace(claim, spec=replace(spec, data_source=source))
    return claim
