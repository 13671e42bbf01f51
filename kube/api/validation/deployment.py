"""The rules of Deployments and ReplicaSets.

Source of the semantics: pkg/apis/apps/validation, pkg/registry/apps/{deployment,replicaset}/strategy.go.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw

from kube.api.types.apps_v1 import (
    Deployment,
    DeploymentSpec,
    DeploymentStatus,
    DeploymentStrategy,
    ReplicaSet,
    ReplicaSetSpec,
    ReplicaSetStatus,
    RollingUpdateDeployment,
)
from kube.api.types.core_v1 import PodTemplateSpec
from kube.api.validation.checks import (
    Errors,
    name_is_dns_subdomain,
    validate_immutable,
    validate_nonnegative,
)
from kube.api.validation.int_or_percent import (
    int_or_percent_value,
    validate_not_more_than_100_percent,
    validate_positive_int_or_percent,
)
from kube.api.validation.metadata import validate_object_meta, validate_object_meta_update
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
from kube.apimachinery.meta.v1 import LabelSelector

_SELECTOR: Final = SPEC.child("selector")
_EMPTY_SELECTOR: Final = "empty selector is invalid for deployment"
_STRATEGIES: Final = ("Recreate", "RollingUpdate")
_MORE_THAN_READY: Final = "cannot be greater than readyReplicas"


def validate_deployment(deployment: Deployment) -> Errors:
    errors = validate_object_meta(deployment.metadata, True, name_is_dns_subdomain)
    _validate_spec(deployment.spec, None, errors)
    return errors


def validate_deployment_update(new: Deployment, old: Deployment) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    _validate_spec(new.spec, old.spec.template, errors)
    validate_immutable(new.spec.selector, old.spec.selector, _SELECTOR, errors)
    return errors


def _validate_spec(spec: DeploymentSpec, accepted: PodTemplateSpec | None, errors: Errors) -> None:
    validate_counters((("replicas", spec.replicas),), SPEC, errors)
    _validate_pods(spec.selector, spec.template, accepted, errors)
    _validate_strategy(spec.strategy, SPEC.child("strategy"), errors)
    validate_nonnegative(spec.min_ready_seconds, SPEC.child("minReadySeconds"), errors)
    validate_counters((("revisionHistoryLimit", spec.revision_history_limit),), SPEC, errors)
    deadline = spec.progress_deadline_seconds
    if deadline is not None:
        at = SPEC.child("progressDeadlineSeconds")
        validate_nonnegative(deadline, at, errors)
        if deadline <= spec.min_ready_seconds:
            errors.append(invalid(at, deadline, "must be greater than minReadySeconds"))


def _validate_pods(
    selector: LabelSelector | None,
    template: PodTemplateSpec,
    accepted: PodTemplateSpec | None,
    errors: Errors,
) -> None:
    validate_workload_selector(selector, _SELECTOR, _EMPTY_SELECTOR, errors)
    selects = parsed(selector)
    if selects is None:
        errors.append(invalid(_SELECTOR, selector, "invalid label selector"))
        return
    validate_selected(template, selects, TEMPLATE, errors)
    validate_template(template, accepted, TEMPLATE, errors)
    validate_long_running(template, "ReplicaSet", TEMPLATE, errors)


def _validate_strategy(strategy: DeploymentStrategy, path: Path, errors: Errors) -> None:
    rolling, at = strategy.rolling_update, path.child("rollingUpdate")
    match strategy.type:
        case "Recreate":
            if rolling is not None:
                errors.append(forbidden(at, "may not be specified when strategy `type` is 'Recreate'"))
        case "RollingUpdate":
            if rolling is None:
                errors.append(required(at, "this should be defaulted and never be nil"))
            else:
                _validate_rolling_update(rolling, at, errors)
        case _:
            errors.append(not_supported(path, _shown_strategy(strategy), _STRATEGIES))


def _shown_strategy(strategy: DeploymentStrategy) -> Raw:
    """As upstream prints its internal type."""
    rolling = strategy.rolling_update
    amounts = rolling and {"MaxUnavailable": rolling.max_unavailable, "MaxSurge": rolling.max_surge}
    return Raw(msgspec.json.encode({"Type": strategy.type, "RollingUpdate": amounts}))


def _validate_rolling_update(rolling: RollingUpdateDeployment, path: Path, errors: Errors) -> None:
    unavailable = 0 if rolling.max_unavailable is None else rolling.max_unavailable
    surge = 0 if rolling.max_surge is None else rolling.max_surge
    at = path.child("maxUnavailable")
    validate_positive_int_or_percent(unavailable, at, errors)
    validate_positive_int_or_percent(surge, path.child("maxSurge"), errors)
    if int_or_percent_value(unavailable) == 0 and int_or_percent_value(surge) == 0:
        errors.append(invalid(at, unavailable, "may not be 0 when `maxSurge` is 0"))
    validate_not_more_than_100_percent(unavailable, at, errors)


def validate_deployment_status_update(new: Deployment, old: Deployment) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    _validate_deployment_status(new.status, errors)
    validate_collision_count(new.status.collision_count, old.status.collision_count, STATUS, errors)
    return errors


def _validate_deployment_status(status: DeploymentStatus, errors: Errors) -> None:
    shares = (
        ("updatedReplicas", status.updated_replicas),
        ("readyReplicas", status.ready_replicas),
        ("availableReplicas", status.available_replicas),
    )
    first = (("observedGeneration", status.observed_generation), ("replicas", status.replicas))
    validate_counters((*first, *shares), STATUS, errors)
    validate_counters((("unavailableReplicas", status.unavailable_replicas),), STATUS, errors)
    validate_counters((("terminatingReplicas", status.terminating_replicas),), STATUS, errors)
    validate_counters((("collisionCount", status.collision_count),), STATUS, errors)
    validate_shares(shares, status.replicas, STATUS, errors)
    validate_available(status.available_replicas, status.ready_replicas, STATUS, _MORE_THAN_READY, errors)


def validate_replica_set(replica_set: ReplicaSet) -> Errors:
    errors = validate_object_meta(replica_set.metadata, True, name_is_dns_subdomain)
    _validate_replica_set_spec(replica_set.spec, None, errors)
    return errors


def validate_replica_set_update(new: ReplicaSet, old: ReplicaSet) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    _validate_replica_set_spec(new.spec, old.spec.template, errors)
    validate_immutable(new.spec.selector, old.spec.selector, _SELECTOR, errors)
    return errors


def _validate_replica_set_spec(
    spec: ReplicaSetSpec, accepted: PodTemplateSpec | None, errors: Errors
) -> None:
    counters = (("replicas", spec.replicas), ("minReadySeconds", spec.min_ready_seconds))
    validate_counters(counters, SPEC, errors)
    _validate_pods(spec.selector, spec.template, accepted, errors)


def validate_replica_set_status_update(new: ReplicaSet, old: ReplicaSet) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    _validate_replica_set_status(new.status, errors)
    return errors


def _validate_replica_set_status(status: ReplicaSetStatus, errors: Errors) -> None:
    shares = (
        ("fullyLabeledReplicas", status.fully_labeled_replicas),
        ("readyReplicas", status.ready_replicas),
        ("availableReplicas", status.available_replicas),
    )
    validate_counters((("replicas", status.replicas), *shares), STATUS, errors)
    validate_counters((("terminatingReplicas", status.terminating_replicas),), STATUS, errors)
    validate_counters((("observedGeneration", status.observed_generation),), STATUS, errors)
    validate_shares(shares, status.replicas, STATUS, errors)
    validate_available(status.available_replicas, status.ready_replicas, STATUS, _MORE_THAN_READY, errors)
