"""Defaults of Jobs and CronJobs.

A CronJob's job template gets the defaults of its parts only; those of a Job come when the Job is created from it.
Source of the semantics: pkg/apis/batch/v1/defaults.go; KEP-3329 (pod failure policy), KEP-3850 (backoff per index),
KEP-3939 (pod replacement policy).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from kube.api.defaults.pod import default_pod_template_spec
from kube.api.defaults.volumes import default_each
from kube.api.types.batch_v1 import (
    CronJob,
    Job,
    JobSpec,
    PodFailurePolicy,
    PodFailurePolicyOnPodConditionsPattern,
    PodFailurePolicyRule,
)

BACKOFF_LIMIT: Final = 6
UNLIMITED: Final = 2**31 - 1
"""The backoff limit of a job whose indexes have limits of their own."""


def default_job(job: Job) -> Job:
    labels = job.spec.template.metadata.labels
    if labels and not job.metadata.labels:
        job = replace(job, metadata=replace(job.metadata, labels=labels))
    spec = _default_spec(job.spec)
    return job if spec is job.spec else replace(job, spec=spec)


def _default_spec(spec: JobSpec) -> JobSpec:
    changes: dict[str, Any] = {}
    if spec.parallelism is None:
        changes["parallelism"] = 1
        if spec.completions is None:
            changes["completions"] = 1
    if spec.backoff_limit is None:
        changes["backoff_limit"] = BACKOFF_LIMIT if spec.backoff_limit_per_index is None else UNLIMITED
    if spec.completion_mode is None:
        changes["completion_mode"] = "NonIndexed"
    if spec.suspend is None:
        changes["suspend"] = False
    policy = spec.pod_failure_policy
    if policy is not None and (filled := _default_failure_policy(policy)) is not policy:
        changes["pod_failure_policy"] = filled
    if spec.pod_replacement_policy is None:
        changes["pod_replacement_policy"] = "TerminatingOrFailed" if policy is None else "Failed"
    if spec.manual_selector is None:
        changes["manual_selector"] = False
    if (template := default_pod_template_spec(spec.template)) is not spec.template:
        changes["template"] = template
    return replace(spec, **changes) if changes else spec


def _default_failure_policy(policy: PodFailurePolicy) -> PodFailurePolicy:
    rules = default_each(policy.rules, _default_rule)
    return policy if rules is policy.rules else replace(policy, rules=rules)


def _default_rule(rule: PodFailurePolicyRule) -> PodFailurePolicyRule:
    patterns = default_each(rule.on_pod_conditions, _default_pattern)
    return rule if patterns is rule.on_pod_conditions else replace(rule, on_pod_conditions=patterns)


def _default_pattern(
    pattern: PodFailurePolicyOnPodConditionsPattern,
) -> PodFailurePolicyOnPodConditionsPattern:
    return pattern if pattern.status else replace(pattern, status="True")


def default_cron_job(cron_job: CronJob) -> CronJob:
    spec = cron_job.spec
    changes: dict[str, Any] = {}
    if not spec.concurrency_policy:
        changes["concurrency_policy"] = "Allow"
    if spec.suspend is None:
        changes["suspend"] = False
    if spec.successful_jobs_history_limit is None:
        changes["successful_jobs_history_limit"] = 3
    if spec.failed_jobs_history_limit is None:
        changes["failed_jobs_history_limit"] = 1
    if (job_spec := _default_embedded(spec.job_template.spec)) is not spec.job_template.spec:
        changes["job_template"] = replace(spec.job_template, spec=job_spec)
    return replace(cron_job, spec=replace(spec, **changes)) if changes else cron_job


def _default_embedded(spec: JobSpec) -> JobSpec:
    changes: dict[str, Any] = {}
    if (template := default_pod_template_spec(spec.template)) is not spec.template:
        changes["template"] = template
    policy = spec.pod_failure_policy
    if policy is not None and (filled := _default_failure_policy(policy)) is not policy:
        changes["pod_failure_policy"] = filled
    return replace(spec, **changes) if changes else spec


DEFAULTS: Final[Mapping[type, Callable[[Any], Any]]] = {CronJob: default_cron_job, Job: default_job}
