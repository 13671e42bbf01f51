"""The rules of Jobs: their spec, its generated selector, and what an update may change.

Source of the semantics: pkg/apis/batch/validation, pkg/registry/batch/job/strategy.go; KEP-2926 and KEP-5440 (what may
change while a job is suspended), KEP-3715 (elastic indexed jobs), KEP-3850, KEP-4368 (managedBy).
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from kube.api.types.batch_v1 import Job, JobSpec
from kube.api.types.core_v1 import Affinity, Container, PodTemplateSpec
from kube.api.validation.checks import (
    Errors,
    dns1123_label,
    name_is_dns_subdomain,
    shown,
    validate_immutable,
)
from kube.api.validation.domain_path import validate_domain_prefixed_path
from kube.api.validation.equality import semantic_equal
from kube.api.validation.job_policies import (
    INDEXED,
    validate_pod_failure_policy,
    validate_pod_replacement_policy,
    validate_success_policy,
)
from kube.api.validation.job_status import is_true
from kube.api.validation.metadata import METADATA, validate_object_meta, validate_object_meta_update
from kube.api.validation.selectors import validate_label_selector
from kube.api.validation.workload import (
    SPEC,
    parsed,
    validate_counters,
    validate_selected,
    validate_template,
)
from kube.apimachinery import names
from kube.apimachinery.field import Path, invalid, not_supported, required, too_long

MAX_PARALLELISM: Final = 100_000
MAX_FAILED_INDEXES: Final = 100_000
COMPLETIONS_SOFT_LIMIT: Final = 100_000
"""Above it, jobs with limits per index must be less parallel, and stop after fewer failures."""
_MANY_COMPLETIONS_LIMIT: Final = 10_000
_MANAGED_BY_MAX: Final = 63
_MODES: Final = ("NonIndexed", INDEXED)
_RESTARTS: Final = ("OnFailure", "Never")
_GENERATED_LABELS: Final = ("batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name")
_LEGACY_LABELS: Final = ("controller-uid", "job-name")
_NOT_INDEXED: Final = "requires indexed completion mode"


def validate_job(job: Job, old: Job | None = None) -> Errors:
    """``old`` is the stored job that ``job`` is to replace."""
    errors = validate_object_meta(job.metadata, True, name_is_dns_subdomain)
    prefixed = old is None or all(label in old.spec.template.metadata.labels for label in _GENERATED_LABELS)
    _validate_generated_selector(job, prefixed, errors)
    _validate_spec(job.spec, old, errors)
    completions = job.spec.completions
    if job.spec.completion_mode == INDEXED and completions:
        hostname = f"{job.metadata.name}-{completions - 1}"
        if dns1123_label(hostname):
            detail = f"will not able to create pod with invalid DNS label: {hostname}"
            errors.append(invalid(METADATA.child("name"), job.metadata.name, detail))
    return errors


def _validate_generated_selector(job: Job, prefixed: bool, errors: Errors) -> None:
    selector = job.spec.selector
    if job.spec.manual_selector or selector is None:
        return
    uid, name = job.metadata.uid, job.metadata.name
    if not uid:
        errors.append(required(METADATA.child("uid")))
    labels = job.spec.template.metadata.labels
    at = SPEC.child("template", "metadata", "labels")
    expected = dict(zip(_LEGACY_LABELS, (uid, name), strict=True))
    if prefixed:
        expected.update(zip(_GENERATED_LABELS, (uid, name), strict=True))
    for key, value in expected.items():
        if key not in labels:
            errors.append(required(at.key(key), f"must be '{value}'"))
        elif labels[key] != value:
            errors.append(invalid(at.key(key), shown(labels), f"must be '{value}'"))
    selects = parsed(selector)
    if selects is not None and not selects.matches(expected):
        errors.append(invalid(SPEC.child("selector"), selector, "`selector` not auto-generated"))


def _validate_spec(spec: JobSpec, old: Job | None, errors: Errors) -> None:
    validate_job_spec(spec, None if old is None else old.spec.template, SPEC, errors)
    if spec.selector is None:
        errors.append(required(SPEC.child("selector")))
    else:
        validate_label_selector(spec.selector, SPEC.child("selector"), errors)
    selects = parsed(spec.selector)
    if selects is not None:
        validate_selected(spec.template, selects, SPEC.child("template"), errors)


def validate_job_spec(spec: JobSpec, accepted: PodTemplateSpec | None, path: Path, errors: Errors) -> None:
    """A spec of a Job or of a CronJob's template, at ``path``; its selector aside."""
    counters = (
        ("parallelism", spec.parallelism),
        ("completions", spec.completions),
        ("activeDeadlineSeconds", spec.active_deadline_seconds),
        ("backoffLimit", spec.backoff_limit),
        ("ttlSecondsAfterFinished", spec.ttl_seconds_after_finished),
        ("backoffLimitPerIndex", spec.backoff_limit_per_index),
        ("maxFailedIndexes", spec.max_failed_indexes),
    )
    validate_counters(counters, path, errors)
    if spec.max_failed_indexes is not None and spec.backoff_limit_per_index is None:
        errors.append(required(path.child("backoffLimitPerIndex"), "when maxFailedIndexes is specified"))
    if spec.managed_by is not None:
        _validate_managed_by(spec.managed_by, path.child("managedBy"), errors)
    _validate_completion_mode(spec, path, errors)
    if spec.pod_failure_policy is not None:
        at = path.child("podFailurePolicy")
        validate_pod_failure_policy(spec.pod_failure_policy, spec, at, errors)
    if spec.success_policy is not None:
        at = path.child("successPolicy")
        if spec.completion_mode != INDEXED:
            errors.append(invalid(at, spec.success_policy, _NOT_INDEXED))
        elif spec.completions is not None:
            validate_success_policy(spec.success_policy, spec.completions, at, errors)
    validate_pod_replacement_policy(spec, path.child("podReplacementPolicy"), errors)
    validate_template(spec.template, accepted, path.child("template"), errors)
    _validate_restart_policy(spec, path.child("template", "spec", "restartPolicy"), errors)


def _validate_managed_by(manager: str, path: Path, errors: Errors) -> None:
    validate_domain_prefixed_path(manager, path, errors)
    if names.longer_than(manager, _MANAGED_BY_MAX):
        errors.append(too_long(path, _MANAGED_BY_MAX))


def _validate_completion_mode(spec: JobSpec, path: Path, errors: Errors) -> None:
    mode = spec.completion_mode
    if mode is not None and mode not in _MODES:
        errors.append(not_supported(path.child("completionMode"), mode, _MODES))
    if mode == INDEXED:
        _validate_indexed(spec, path, errors)
    elif mode is None or mode == "NonIndexed":
        for name, limit in (
            ("backoffLimitPerIndex", spec.backoff_limit_per_index),
            ("maxFailedIndexes", spec.max_failed_indexes),
        ):
            if limit is not None:
                errors.append(invalid(path.child(name), limit, _NOT_INDEXED))


def _validate_indexed(spec: JobSpec, path: Path, errors: Errors) -> None:
    completions, parallelism, failed = spec.completions, spec.parallelism, spec.max_failed_indexes
    if completions is None:
        errors.append(required(path.child("completions"), "when completion mode is Indexed"))
    if parallelism is not None and parallelism > MAX_PARALLELISM:
        detail = f"must be less than or equal to {MAX_PARALLELISM} when completion mode is Indexed"
        errors.append(invalid(path.child("parallelism"), parallelism, detail))
    at = path.child("maxFailedIndexes")
    if completions is not None and failed is not None and failed > completions:
        errors.append(invalid(at, failed, "must be less than or equal to completions"))
    if failed is not None and failed > MAX_FAILED_INDEXES:
        errors.append(invalid(at, failed, f"must be less than or equal to {MAX_FAILED_INDEXES}"))
    if completions is None or completions <= COMPLETIONS_SOFT_LIMIT or spec.backoff_limit_per_index is None:
        return
    if failed is None:
        detail = f"must be specified when completions is above {COMPLETIONS_SOFT_LIMIT}"
        errors.append(required(at, detail))
    for name, number in (("parallelism", parallelism), ("maxFailedIndexes", failed)):
        if number is not None and number > _MANY_COMPLETIONS_LIMIT:
            detail = (
                f"must be less than or equal to {_MANY_COMPLETIONS_LIMIT} when completions are above "
                f"{COMPLETIONS_SOFT_LIMIT} and used with backoff limit per index"
            )
            errors.append(invalid(path.child(name), number, detail))


def _validate_restart_policy(spec: JobSpec, path: Path, errors: Errors) -> None:
    policy = spec.template.spec.restart_policy
    if policy in ("", "Always"):
        errors.append(required(path, 'valid values: "OnFailure", "Never"'))
    elif policy not in _RESTARTS:
        errors.append(not_supported(path, policy, _RESTARTS))
    elif spec.pod_failure_policy is not None and policy != "Never":
        detail = 'only "Never" is supported when podFailurePolicy is specified'
        errors.append(invalid(path, policy, detail))


def validate_job_update(new: Job, old: Job) -> Errors:
    errors = validate_job(new, old)
    errors += validate_object_meta_update(new.metadata, old.metadata)
    _validate_spec(new.spec, old, errors)
    _validate_completions(new.spec, old.spec, errors)
    validate_immutable(new.spec.selector, old.spec.selector, SPEC.child("selector"), errors)
    if new.spec.template is not old.spec.template:
        allowed = _allow_while_suspended(new.spec.template, old)
        if not semantic_equal(new.spec.template, allowed):
            validate_immutable(new.spec.template, allowed, SPEC.child("template"), errors)
    for attribute, name in (
        ("completion_mode", "completionMode"),
        ("pod_failure_policy", "podFailurePolicy"),
        ("backoff_limit_per_index", "backoffLimitPerIndex"),
        ("managed_by", "managedBy"),
        ("success_policy", "successPolicy"),
    ):
        validate_immutable(
            getattr(new.spec, attribute), getattr(old.spec, attribute), SPEC.child(name), errors
        )
    return errors


def _validate_completions(new: JobSpec, old: JobSpec, errors: Errors) -> None:
    """An indexed job may be scaled: completions and parallelism together."""
    at = SPEC.child("completions")
    if new.completion_mode != INDEXED:
        validate_immutable(new.completions, old.completions, at, errors)
    elif new.completions not in (None, old.completions, new.parallelism):
        detail = "can only be modified in tandem with spec.parallelism"
        errors.append(invalid(at, new.completions, detail))


def _allow_while_suspended(new: PodTemplateSpec, old: Job) -> PodTemplateSpec:
    """The old template with what may change at this time taken from the new one."""
    stopped = is_true(old.status, "Suspended") and not old.status.active
    template = old.spec.template
    if not old.spec.suspend or not (stopped or old.status.start_time is None):
        return template
    metadata = replace(template.metadata, annotations=new.metadata.annotations, labels=new.metadata.labels)
    spec = replace(
        template.spec,
        affinity=_with_node_affinity_of(new.spec.affinity, template.spec.affinity),
        node_selector=new.spec.node_selector,
        tolerations=new.spec.tolerations,
        scheduling_gates=new.spec.scheduling_gates,
    )
    if stopped:
        spec = replace(
            spec,
            containers=_with_resources_of(new.spec.containers, spec.containers),
            init_containers=_with_resources_of(new.spec.init_containers, spec.init_containers),
        )
    return replace(template, metadata=metadata, spec=spec)


def _with_node_affinity_of(new: Affinity | None, old: Affinity | None) -> Affinity | None:
    if new is None:
        return None if old is None or old == Affinity(node_affinity=old.node_affinity) else old
    return replace(old or Affinity(), node_affinity=new.node_affinity)


def _with_resources_of(new: tuple[Container, ...], old: tuple[Container, ...]) -> tuple[Container, ...]:
    if len(new) != len(old):
        return old
    return tuple(replace(before, resources=after.resources) for after, before in zip(new, old, strict=True))
