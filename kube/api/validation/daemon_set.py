"""The rules of DaemonSets.

Source of the semantics: pkg/apis/apps/validation, pkg/registry/apps/daemonset/strategy.go, KEP-1591 (maxSurge).
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw

from kube.api.types.apps_v1 import (
    DaemonSet,
    DaemonSetSpec,
    DaemonSetUpdateStrategy,
    RollingUpdateDaemonSet,
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
from kube.api.validation.selectors import validate_label_selector
from kube.api.validation.workload import (
    SPEC,
    STATUS,
    TEMPLATE,
    parsed,
    validate_collision_count,
    validate_counters,
    validate_long_running,
    validate_selected,
    validate_template,
)
from kube.apimachinery.field import Path, invalid, not_supported, required

_SELECTOR: Final = SPEC.child("selector")
_STRATEGIES: Final = ("RollingUpdate", "OnDelete")


def validate_daemon_set(daemon_set: DaemonSet) -> Errors:
    errors = validate_object_meta(daemon_set.metadata, True, name_is_dns_subdomain)
    _validate_spec(daemon_set.spec, None, errors)
    return errors


def validate_daemon_set_update(new: DaemonSet, old: DaemonSet) -> Errors:
    errors = validate_object_meta(new.metadata, True, name_is_dns_subdomain)
    of_spec: Errors = []
    _validate_spec(new.spec, old.spec.template, of_spec)
    errors += of_spec
    errors += validate_object_meta_update(new.metadata, old.metadata)
    errors += of_spec
    validate_immutable(new.spec.selector, old.spec.selector, _SELECTOR, errors)
    return errors


def _validate_spec(spec: DaemonSetSpec, accepted: PodTemplateSpec | None, errors: Errors) -> None:
    selector = spec.selector
    validate_label_selector(selector, _SELECTOR, errors)
    selects = parsed(selector)
    if selects is not None:
        validate_selected(spec.template, selects, TEMPLATE, errors)
    if selector is not None and not selector.match_labels and not selector.match_expressions:
        errors.append(invalid(_SELECTOR, selector, "empty selector is invalid for daemonset"))
    validate_template(spec.template, accepted, TEMPLATE, errors)
    validate_long_running(spec.template, "DaemonSet", TEMPLATE, errors)
    validate_nonnegative(spec.min_ready_seconds, SPEC.child("minReadySeconds"), errors)
    _validate_strategy(spec.update_strategy, SPEC.child("updateStrategy"), errors)
    validate_counters((("revisionHistoryLimit", spec.revision_history_limit),), SPEC, errors)


def _validate_strategy(strategy: DaemonSetUpdateStrategy, path: Path, errors: Errors) -> None:
    rolling, at = strategy.rolling_update, path.child("rollingUpdate")
    match strategy.type:
        case "OnDelete":
            return
        case "RollingUpdate":
            if rolling is None:
                errors.append(required(at))
            else:
                _validate_rolling_update(rolling, at, errors)
        case _:
            amounts = rolling and {"MaxUnavailable": rolling.max_unavailable, "MaxSurge": rolling.max_surge}
            shown = Raw(msgspec.json.encode({"Type": strategy.type, "RollingUpdate": amounts}))
            errors.append(not_supported(path, shown, _STRATEGIES))


def _validate_rolling_update(rolling: RollingUpdateDaemonSet, path: Path, errors: Errors) -> None:
    unavailable = 0 if rolling.max_unavailable is None else rolling.max_unavailable
    surge = 0 if rolling.max_surge is None else rolling.max_surge
    amounts = ((unavailable, path.child("maxUnavailable")), (surge, path.child("maxSurge")))
    for amount, at in amounts:
        validate_positive_int_or_percent(amount, at, errors)
    for amount, at in amounts:
        validate_not_more_than_100_percent(amount, at, errors)
    has_unavailable, has_surge = int_or_percent_value(unavailable) != 0, int_or_percent_value(surge) != 0
    if has_unavailable and has_surge:
        detail = "may not be set when maxUnavailable is non-zero"
        errors.append(invalid(path.child("maxSurge"), surge, detail))
    elif not has_unavailable and not has_surge:
        errors.append(required(path.child("maxUnavailable"), "cannot be 0 when maxSurge is 0"))


def validate_daemon_set_status_update(new: DaemonSet, old: DaemonSet) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    status = new.status
    counters = (
        ("currentNumberScheduled", status.current_number_scheduled),
        ("numberMisscheduled", status.number_misscheduled),
        ("desiredNumberScheduled", status.desired_number_scheduled),
        ("numberReady", status.number_ready),
        ("observedGeneration", status.observed_generation),
        ("updatedNumberScheduled", status.updated_number_scheduled),
        ("numberAvailable", status.number_available),
        ("numberUnavailable", status.number_unavailable),
        ("collisionCount", status.collision_count),
    )
    validate_counters(counters, STATUS, errors)
    validate_collision_count(status.collision_count, old.status.collision_count, STATUS, errors)
    return errors
