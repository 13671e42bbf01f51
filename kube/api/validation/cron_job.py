"""The rules of CronJobs.

Source of the semantics: pkg/apis/batch/validation; KEP-3140 (time zones); the IANA's page on names of time zones.
"""

from __future__ import annotations

import re
from typing import Final

from kube.api.helpers import cron
from kube.api.types.batch_v1 import CronJob, CronJobSpec, JobTemplateSpec
from kube.api.types.core_v1 import PodTemplateSpec
from kube.api.validation.checks import Errors, name_is_dns_subdomain, validate_one_of
from kube.api.validation.job import validate_job_spec
from kube.api.validation.metadata import METADATA, validate_object_meta, validate_object_meta_update
from kube.api.validation.workload import SPEC, validate_counters
from kube.apimachinery.field import Path, invalid, not_supported, required
from kube.apimachinery.names import longer_than

NAME_MAX: Final = 52
"""Eleven less than a job's name may have: ``-`` and the minute that it was due."""
_ZONE_PART: Final = re.compile(r"[A-Za-z.\-_0-9+]{1,14}")
_CONCURRENCY: Final = ("Allow", "Forbid", "Replace")


def validate_cron_job(cron_job: CronJob) -> Errors:
    errors = validate_object_meta(cron_job.metadata, True, name_is_dns_subdomain)
    _validate_spec(cron_job.spec, None, errors)
    if longer_than(cron_job.metadata.name, NAME_MAX):
        at, detail = METADATA.child("name"), f"must be no more than {NAME_MAX} characters"
        errors.append(invalid(at, cron_job.metadata.name, detail))
    return errors


def validate_cron_job_update(new: CronJob, old: CronJob) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    _validate_spec(new.spec, old.spec, errors)
    return errors


def _validate_spec(spec: CronJobSpec, old: CronJobSpec | None, errors: Errors) -> None:
    at = SPEC.child("schedule")
    if spec.schedule:
        _validate_schedule(spec, old is not None and "TZ" in old.schedule, at, errors)
    else:
        errors.append(required(at))
    validate_counters((("startingDeadlineSeconds", spec.starting_deadline_seconds),), SPEC, errors)
    if spec.time_zone is not None and (old is None or old.time_zone != spec.time_zone):
        _validate_time_zone(spec.time_zone, SPEC.child("timeZone"), errors)
    validate_one_of(spec.concurrency_policy, _CONCURRENCY, SPEC.child("concurrencyPolicy"), errors)
    accepted = None if old is None else old.job_template.spec.template
    _validate_job_template(spec.job_template, accepted, SPEC.child("jobTemplate", "spec"), errors)
    limits = (
        ("successfulJobsHistoryLimit", spec.successful_jobs_history_limit),
        ("failedJobsHistoryLimit", spec.failed_jobs_history_limit),
    )
    validate_counters(limits, SPEC, errors)


def _validate_schedule(spec: CronJobSpec, zone_allowed: bool, path: Path, errors: Errors) -> None:
    """A schedule may name its zone only if it did before there was a field for it."""
    try:
        cron.parse(spec.schedule)
    except cron.CronError as error:
        errors.append(invalid(path, spec.schedule, str(error)))
    if "TZ" not in spec.schedule:
        return
    if not zone_allowed:
        detail = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
        errors.append(invalid(path, spec.schedule, detail))
    elif spec.time_zone is not None:
        detail = "cannot use both timeZone field and TZ or CRON_TZ in schedule"
        errors.append(invalid(path, spec.schedule, detail))


def _validate_time_zone(name: str, path: Path, errors: Errors) -> None:
    if not name:
        errors.append(invalid(path, name, "timeZone must be nil or non-empty string"))
        return
    for part in name.split("/"):
        if part in (".", "..") or part.startswith("-") or not _ZONE_PART.fullmatch(part):
            errors.append(invalid(path, name, f"unknown time zone {name}"))
            return
    if name.lower() == "local":
        detail = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
        errors.append(invalid(path, name, detail))
    if name == "Local":
        return
    try:
        cron.location(name)
    except cron.CronError as error:
        errors.append(invalid(path, name, str(error)))


def _validate_job_template(
    template: JobTemplateSpec, accepted: PodTemplateSpec | None, path: Path, errors: Errors
) -> None:
    validate_job_spec(template.spec, accepted, path, errors)
    if template.spec.selector is not None:
        at = path.child("selector")
        errors.append(invalid(at, template.spec.selector, "`selector` will be auto-generated"))
    if template.spec.manual_selector:
        errors.append(not_supported(path.child("manualSelector"), True, ("nil", "false")))
