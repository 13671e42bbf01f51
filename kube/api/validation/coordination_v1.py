"""The rules of Leases.

Source of the semantics: pkg/apis/coordination/validation, KEP-4355 (strategies).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kube.api.types.coordination_v1 import Lease, LeaseSpec
from kube.api.validation.checks import Errors, label_key, name_is_dns_subdomain, report
from kube.api.validation.metadata import validate_object_meta, validate_object_meta_update
from kube.api.validation.rules import Rules
from kube.api.validation.workload import SPEC
from kube.apimachinery.field import forbidden, invalid, not_supported

_STRATEGIES: Final = ("OldestEmulationVersion",)


def validate_lease(lease: Lease) -> Errors:
    errors = validate_object_meta(lease.metadata, True, name_is_dns_subdomain)
    _validate_spec(lease.spec, errors)
    return errors


def validate_lease_update(new: Lease, old: Lease) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    _validate_spec(new.spec, errors)
    return errors


def _validate_spec(spec: LeaseSpec, errors: Errors) -> None:
    duration, transitions = spec.lease_duration_seconds, spec.lease_transitions
    if duration is not None and duration <= 0:
        errors.append(invalid(SPEC.child("leaseDurationSeconds"), duration, "must be greater than 0"))
    if transitions is not None and transitions < 0:
        detail = "must be greater than or equal to 0"
        errors.append(invalid(SPEC.child("leaseTransitions"), transitions, detail))
    strategy = spec.strategy
    if strategy is not None:
        at = SPEC.child("strategy", "strategy")
        if "/" in strategy:
            report(at, strategy, label_key(strategy), errors)
        elif strategy not in _STRATEGIES:
            errors.append(not_supported(at, strategy, _STRATEGIES))
    if spec.preferred_holder and not strategy:
        detail = "may only be specified if `strategy` is defined"
        errors.append(forbidden(SPEC.child("preferredHolder"), detail))


RULES: Final[Mapping[type, Rules]] = {Lease: Rules(validate_lease, validate_lease_update)}
