"""The rules of StatefulSets and ControllerRevisions.

A claim of ``volumeClaimTemplates`` counts as a volume of the template, and wins over one of its name. What is stored
is not judged again: an update does not look at the service name and the claims, which it cannot change. Source of the
semantics: pkg/apis/apps/validation, pkg/registry/apps/statefulset/strategy.go, KEP-961, KEP-1847, KEP-3335.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from kube.api.types.apps_v1 import (
    ControllerRevision,
    RollingUpdateStatefulSetStrategy,
    StatefulSet,
    StatefulSetPersistentVolumeClaimRetentionPolicy,
    StatefulSetSpec,
    StatefulSetStatus,
    StatefulSetUpdateStrategy,
)
from kube.api.types.core_v1 import PersistentVolumeClaimVolumeSource, PodTemplateSpec, Volume
from kube.api.validation.checks import (
    IMMUTABLE,
    Errors,
    name_is_dns_label,
    name_is_dns_subdomain,
    validate_dns1123_label,
    validate_nonnegative,
)
from kube.api.validation.equality import semantic_equal
from kube.api.validation.int_or_percent import (
    int_or_percent_value,
    validate_not_more_than_100_percent,
    validate_positive_int_or_percent,
)
from kube.api.validation.metadata import validate_object_meta, validate_object_meta_update
from kube.api.validation.persistent_volume_claim import validate_claim_spec
from kube.api.validation.workload import (
    SPEC,
    STATUS,
    TEMPLATE,
    parsed,
    validate_available,
    validate_collision_count,
    validate_counters,
    validate_long_running,
    validate_selected,
    validate_shares,
    validate_template,
    validate_workload_selector,
)
from kube.apimachinery.field import Path, forbidden, invalid, not_supported, required
from kube.apimachinery.meta.struct import NULL_RAW

_SELECTOR: Final = SPEC.child("selector")
_EMPTY_SELECTOR: Final = "empty selector is invalid for statefulset"
_POLICIES: Final = ("OrderedReady", "Parallel")
_RETENTIONS: Final = ("Retain", "Delete")
_UPDATABLE: Final = (
    "replicas",
    "ordinals",
    "template",
    "update_strategy",
    "revision_history_limit",
    "persistent_volume_claim_retention_policy",
    "min_ready_seconds",
)
_NOT_UPDATABLE: Final = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
    "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)


def validate_stateful_set(stateful_set: StatefulSet) -> Errors:
    errors = validate_object_meta(stateful_set.metadata, True, name_is_dns_label)
    _validate_spec(stateful_set.spec, None, errors)
    return errors


def validate_stateful_set_update(new: StatefulSet, old: StatefulSet) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    _validate_spec(new.spec, old.spec, errors)
    kept = replace(new.spec, **{name: getattr(old.spec, name) for name in _UPDATABLE})
    if not semantic_equal(kept, old.spec):
        errors.append(forbidden(SPEC, _NOT_UPDATABLE))
    return errors


def _validate_spec(spec: StatefulSetSpec, old: StatefulSetSpec | None, errors: Errors) -> None:
    policy, at = spec.pod_management_policy, SPEC.child("podManagementPolicy")
    if not policy:
        errors.append(required(at))
    elif policy not in _POLICIES:
        errors.append(invalid(at, policy, "must be 'OrderedReady' or 'Parallel'"))
    _validate_strategy(spec.update_strategy, SPEC.child("updateStrategy"), errors)
    if spec.persistent_volume_claim_retention_policy is not None:
        at = SPEC.child("persistentVolumeClaimRetentionPolicy")
        _validate_retention(spec.persistent_volume_claim_retention_policy, at, errors)
    counters = (("replicas", spec.replicas), ("minReadySeconds", spec.min_ready_seconds))
    validate_counters(counters, SPEC, errors)
    if spec.ordinals is not None:
        validate_nonnegative(spec.ordinals.start, SPEC.child("ordinals.start"), errors)
    if old is None:
        if spec.service_name:
            validate_dns1123_label(spec.service_name, SPEC.child("serviceName"), errors)
        for i, claim in enumerate(spec.volume_claim_templates):
            at = SPEC.child("volumeClaimTemplates").index(i).child("spec")
            validate_claim_spec(claim.spec, at, errors)
    validate_counters((("revisionHistoryLimit", spec.revision_history_limit),), SPEC, errors)
    validate_workload_selector(spec.selector, _SELECTOR, _EMPTY_SELECTOR, errors)
    _validate_pods(spec, old, errors)


def _validate_pods(spec: StatefulSetSpec, old: StatefulSetSpec | None, errors: Errors) -> None:
    selects = parsed(spec.selector)
    if selects is None:
        errors.append(invalid(_SELECTOR, spec.selector, ""))
    else:
        validate_selected(spec.template, selects, TEMPLATE, errors)
        accepted = None if old is None else with_claims(old)
        validate_template(with_claims(spec), accepted, TEMPLATE, errors)
    validate_long_running(spec.template, "StatefulSet", TEMPLATE, errors)


def with_claims(spec: StatefulSetSpec) -> PodTemplateSpec:
    """The template with a volume for each of the set's claims, as its pods will have."""
    if not spec.volume_claim_templates:
        return spec.template
    claimed = {
        claim.metadata.name: Volume(
            name=claim.metadata.name,
            persistent_volume_claim=PersistentVolumeClaimVolumeSource(claim_name=claim.metadata.name),
        )
        for claim in spec.volume_claim_templates
    }
    pod = spec.template.spec
    own = tuple(volume for volume in pod.volumes if volume.name not in claimed)
    return replace(spec.template, spec=replace(pod, volumes=(*own, *claimed.values())))


def _validate_strategy(strategy: StatefulSetUpdateStrategy, path: Path, errors: Errors) -> None:
    rolling, at = strategy.rolling_update, path.child("rollingUpdate")
    match strategy.type:
        case "":
            errors.append(required(path))
        case "OnDelete":
            if rolling is not None:
                detail = "only allowed for updateStrategy 'RollingUpdate'"
                errors.append(invalid(at, _shown_rolling(rolling), detail))
        case "RollingUpdate":
            if rolling is not None:
                _validate_rolling_update(rolling, at, errors)
        case _:
            shown = {"Type": strategy.type, "RollingUpdate": rolling and _shown_rolling(rolling)}
            detail = "must be 'RollingUpdate' or 'OnDelete'"
            errors.append(invalid(path, Raw(msgspec.json.encode(shown)), detail))


def _shown_rolling(rolling: RollingUpdateStatefulSetStrategy) -> Raw:
    """As upstream prints its internal type."""
    shown = {"Partition": rolling.partition or 0, "MaxUnavailable": rolling.max_unavailable}
    return Raw(msgspec.json.encode(shown))


def _validate_rolling_update(rolling: RollingUpdateStatefulSetStrategy, path: Path, errors: Errors) -> None:
    validate_nonnegative(rolling.partition or 0, path.child("partition"), errors)
    unavailable, at = rolling.max_unavailable, path.child("maxUnavailable")
    if unavailable is not None:
        validate_positive_int_or_percent(unavailable, at, errors)
        if int_or_percent_value(unavailable) == 0:
            errors.append(invalid(at, unavailable, "cannot be 0"))
        validate_not_more_than_100_percent(unavailable, at, errors)


def _validate_retention(
    policy: StatefulSetPersistentVolumeClaimRetentionPolicy, path: Path, errors: Errors
) -> None:
    for name, value in (("whenDeleted", policy.when_deleted), ("whenScaled", policy.when_scaled)):
        if value not in _RETENTIONS:
            errors.append(not_supported(path.child(name), value, _RETENTIONS))


def validate_stateful_set_status_update(new: StatefulSet, old: StatefulSet) -> Errors:
    errors: Errors = []
    _validate_status(new.status, errors)
    errors += validate_object_meta_update(new.metadata, old.metadata)
    validate_collision_count(new.status.collision_count, old.status.collision_count, STATUS, errors)
    return errors


def _validate_status(status: StatefulSetStatus, errors: Errors) -> None:
    shares = (
        ("readyReplicas", status.ready_replicas),
        ("currentReplicas", status.current_replicas),
        ("updatedReplicas", status.updated_replicas),
        ("availableReplicas", status.available_replicas),
    )
    validate_counters((("replicas", status.replicas), *shares), STATUS, errors)
    last = (("observedGeneration", status.observed_generation), ("collisionCount", status.collision_count))
    validate_counters(last, STATUS, errors)
    validate_shares(shares, status.replicas, STATUS, errors)
    detail = "cannot be greater than status.readyReplicas"
    validate_available(status.available_replicas, status.ready_replicas, STATUS, detail, errors)


def validate_controller_revision(revision: ControllerRevision) -> Errors:
    errors = validate_object_meta(revision.metadata, True, name_is_dns_subdomain)
    if revision.data == NULL_RAW:
        errors.append(required(Path("data"), "data is mandatory"))
    validate_nonnegative(revision.revision, Path("revision"), errors)
    return errors


def validate_controller_revision_update(new: ControllerRevision, old: ControllerRevision) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    errors += validate_controller_revision(new)
    if msgspec.json.decode(new.data) != msgspec.json.decode(old.data):
        errors.append(invalid(Path("data"), new.data, IMMUTABLE))
    return errors
