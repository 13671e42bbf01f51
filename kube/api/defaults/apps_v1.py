"""Defaults of Deployments, ReplicaSets, StatefulSets and DaemonSets.

Source of the semantics: pkg/apis/apps/v1/defaults.go; KEP-961 (StatefulSet maxUnavailable), KEP-1847 (claim retention).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from kube.api.defaults.core_v1 import default_persistent_volume_claim
from kube.api.defaults.pod import default_pod_template_spec
from kube.api.defaults.volumes import default_each
from kube.api.types.apps_v1 import (
    DaemonSet,
    DaemonSetUpdateStrategy,
    Deployment,
    DeploymentStrategy,
    ReplicaSet,
    RollingUpdateDaemonSet,
    RollingUpdateDeployment,
    RollingUpdateStatefulSetStrategy,
    StatefulSet,
    StatefulSetPersistentVolumeClaimRetentionPolicy,
    StatefulSetSpec,
    StatefulSetUpdateStrategy,
)

ROLLING_UPDATE: Final = "RollingUpdate"
REVISION_HISTORY: Final = 10
PROGRESS_DEADLINE: Final = 600
_QUARTER: Final = "25%"
_RETAIN: Final = StatefulSetPersistentVolumeClaimRetentionPolicy(when_deleted="Retain", when_scaled="Retain")


def _changed_template(spec: Any, changes: dict[str, Any]) -> None:
    template = default_pod_template_spec(spec.template)
    if template is not spec.template:
        changes["template"] = template


def default_deployment(deployment: Deployment) -> Deployment:
    spec = deployment.spec
    changes: dict[str, Any] = {}
    if spec.replicas is None:
        changes["replicas"] = 1
    if (strategy := _default_deployment_strategy(spec.strategy)) is not spec.strategy:
        changes["strategy"] = strategy
    if spec.revision_history_limit is None:
        changes["revision_history_limit"] = REVISION_HISTORY
    if spec.progress_deadline_seconds is None:
        changes["progress_deadline_seconds"] = PROGRESS_DEADLINE
    _changed_template(spec, changes)
    return replace(deployment, spec=replace(spec, **changes)) if changes else deployment


def _default_deployment_strategy(strategy: DeploymentStrategy) -> DeploymentStrategy:
    kind, rolling = strategy.type or ROLLING_UPDATE, strategy.rolling_update
    if kind == ROLLING_UPDATE:
        rolling = rolling or RollingUpdateDeployment()
        if rolling.max_unavailable is None or rolling.max_surge is None:
            rolling = RollingUpdateDeployment(
                max_unavailable=_QUARTER if rolling.max_unavailable is None else rolling.max_unavailable,
                max_surge=_QUARTER if rolling.max_surge is None else rolling.max_surge,
            )
    if kind == strategy.type and rolling is strategy.rolling_update:
        return strategy
    return DeploymentStrategy(type=kind, rolling_update=rolling)


def default_replica_set(replica_set: ReplicaSet) -> ReplicaSet:
    spec = replica_set.spec
    changes: dict[str, Any] = {}
    if spec.replicas is None:
        changes["replicas"] = 1
    _changed_template(spec, changes)
    return replace(replica_set, spec=replace(spec, **changes)) if changes else replica_set


def default_daemon_set(daemon_set: DaemonSet) -> DaemonSet:
    spec = daemon_set.spec
    changes: dict[str, Any] = {}
    if (strategy := _default_daemon_strategy(spec.update_strategy)) is not spec.update_strategy:
        changes["update_strategy"] = strategy
    if spec.revision_history_limit is None:
        changes["revision_history_limit"] = REVISION_HISTORY
    _changed_template(spec, changes)
    return replace(daemon_set, spec=replace(spec, **changes)) if changes else daemon_set


def _default_daemon_strategy(strategy: DaemonSetUpdateStrategy) -> DaemonSetUpdateStrategy:
    kind, rolling = strategy.type or ROLLING_UPDATE, strategy.rolling_update
    if kind == ROLLING_UPDATE:
        rolling = rolling or RollingUpdateDaemonSet()
        if rolling.max_unavailable is None or rolling.max_surge is None:
            rolling = RollingUpdateDaemonSet(
                max_unavailable=1 if rolling.max_unavailable is None else rolling.max_unavailable,
                max_surge=0 if rolling.max_surge is None else rolling.max_surge,
            )
    if kind == strategy.type and rolling is strategy.rolling_update:
        return strategy
    return DaemonSetUpdateStrategy(type=kind, rolling_update=rolling)


def default_stateful_set(stateful_set: StatefulSet) -> StatefulSet:
    spec = stateful_set.spec
    changes: dict[str, Any] = {}
    if not spec.pod_management_policy:
        changes["pod_management_policy"] = "OrderedReady"
    if (strategy := _default_stateful_strategy(spec.update_strategy)) is not spec.update_strategy:
        changes["update_strategy"] = strategy
    if (retention := _default_retention(spec)) is not spec.persistent_volume_claim_retention_policy:
        changes["persistent_volume_claim_retention_policy"] = retention
    if spec.replicas is None:
        changes["replicas"] = 1
    if spec.revision_history_limit is None:
        changes["revision_history_limit"] = REVISION_HISTORY
    _changed_template(spec, changes)
    claims = default_each(spec.volume_claim_templates, default_persistent_volume_claim)
    if claims is not spec.volume_claim_templates:
        changes["volume_claim_templates"] = claims
    return replace(stateful_set, spec=replace(spec, **changes)) if changes else stateful_set


def _default_stateful_strategy(strategy: StatefulSetUpdateStrategy) -> StatefulSetUpdateStrategy:
    """An absent ``rollingUpdate`` is filled only together with an absent ``type``."""
    kind, rolling = strategy.type, strategy.rolling_update
    if not kind:
        kind, rolling = ROLLING_UPDATE, rolling or RollingUpdateStatefulSetStrategy()
    incomplete = rolling is not None and (rolling.partition is None or rolling.max_unavailable is None)
    if kind == ROLLING_UPDATE and rolling is not None and incomplete:
        rolling = RollingUpdateStatefulSetStrategy(
            partition=rolling.partition or 0,
            max_unavailable=1 if rolling.max_unavailable is None else rolling.max_unavailable,
        )
    if kind == strategy.type and rolling is strategy.rolling_update:
        return strategy
    return StatefulSetUpdateStrategy(type=kind, rolling_update=rolling)


def _default_retention(spec: StatefulSetSpec) -> StatefulSetPersistentVolumeClaimRetentionPolicy:
    policy = spec.persistent_volume_claim_retention_policy
    if policy is None:
        return _RETAIN
    if policy.when_deleted and policy.when_scaled:
        return policy
    return StatefulSetPersistentVolumeClaimRetentionPolicy(
        when_deleted=policy.when_deleted or "Retain", when_scaled=policy.when_scaled or "Retain"
    )


DEFAULTS: Final[Mapping[type, Callable[[Any], Any]]] = {
    DaemonSet: default_daemon_set,
    Deployment: default_deployment,
    ReplicaSet: default_replica_set,
    StatefulSet: default_stateful_set,
}
