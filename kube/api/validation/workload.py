"""What the rules of all workloads share: selectors, templates, counters.

Source of the semantics: pkg/apis/apps/validation.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from kube.api.types.core_v1 import PodTemplateSpec
from kube.api.validation.checks import Errors, shown, validate_nonnegative
from kube.api.validation.pod_spec import validate_pod_template_spec
from kube.api.validation.selectors import validate_label_selector
from kube.apimachinery import labels
from kube.apimachinery.field import Path, forbidden, invalid, not_supported, required
from kube.apimachinery.meta.v1 import LabelSelector

SPEC: Final = Path("spec")
STATUS: Final = Path("status")
TEMPLATE: Final = SPEC.child("template")

_MISMATCH: Final = "`selector` does not match template `labels`"
_MORE_THAN_ALL: Final = "cannot be greater than status.replicas"


def validate_workload_selector(
    selector: LabelSelector | None, path: Path, empty: str, errors: Errors
) -> None:
    """A selector that must be there and select by something; ``empty`` is what is said of one that does not."""
    if selector is None:
        errors.append(required(path))
        return
    validate_label_selector(selector, path, errors)
    if not selector.match_labels and not selector.match_expressions:
        errors.append(invalid(path, selector, empty))


def validate_selected(
    template: PodTemplateSpec,
    selector: labels.Selector,
    path: Path,
    errors: Errors,
    *,
    empty_matches: bool = True,
) -> None:
    """Whether the selector matches the labels of the template at ``path``."""
    if (empty_matches and selector.empty) or selector.matches(template.metadata.labels):
        return
    errors.append(invalid(path.child("metadata", "labels"), shown(template.metadata.labels), _MISMATCH))


def parsed(selector: LabelSelector | None) -> labels.Selector | None:
    """The selector, None if it is malformed."""
    try:
        return labels.from_label_selector(selector)
    except labels.SelectorError:
        return None


def validate_template(
    template: PodTemplateSpec, accepted: PodTemplateSpec | None, path: Path, errors: Errors
) -> None:
    """``accepted`` is the template that is stored: what equals it has been validated."""
    if accepted is None or (template is not accepted and template != accepted):
        validate_pod_template_spec(template, path, errors)


def validate_long_running(template: PodTemplateSpec, kind: str, path: Path, errors: Errors) -> None:
    """Pods of a workload that never completes restart always, and have no deadline."""
    policy = template.spec.restart_policy
    if policy != "Always":
        errors.append(not_supported(path.child("spec", "restartPolicy"), policy, ("Always",)))
    if template.spec.active_deadline_seconds is not None:
        at = path.child("spec", "activeDeadlineSeconds")
        errors.append(forbidden(at, f"activeDeadlineSeconds in {kind} is not Supported"))


def validate_counters(counters: Iterable[tuple[str, int | None]], path: Path, errors: Errors) -> None:
    for name, number in counters:
        if number is not None:
            validate_nonnegative(number, path.child(name), errors)


def validate_shares(counters: Iterable[tuple[str, int]], replicas: int, path: Path, errors: Errors) -> None:
    """No counter exceeds the number of replicas."""
    for name, number in counters:
        if number > replicas:
            errors.append(invalid(path.child(name), number, _MORE_THAN_ALL))


def validate_available(available: int, ready: int, path: Path, detail: str, errors: Errors) -> None:
    if available > ready:
        errors.append(invalid(path.child("availableReplicas"), available, detail))


def validate_collision_count(new: int | None, old: int | None, path: Path, errors: Errors) -> None:
    if old is not None and (new is None or new < old):
        errors.append(invalid(path.child("collisionCount"), new or 0, "cannot be decremented"))
