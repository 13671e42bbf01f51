"""The rules of the batch kinds, by type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kube.api.types.batch_v1 import CronJob, Job
from kube.api.validation import cron_job, job
from kube.api.validation.job_status import validate_job_status_update
from kube.api.validation.metadata import validate_object_meta_update
from kube.api.validation.rules import Rules
from kube.apimachinery.field import FieldError


def validate_cron_job_status_update(new: CronJob, old: CronJob) -> list[FieldError]:
    return validate_object_meta_update(new.metadata, old.metadata)


RULES: Final[Mapping[type, Rules]] = {
    CronJob: Rules(
        cron_job.validate_cron_job,
        cron_job.validate_cron_job_update,
        {"status": validate_cron_job_status_update},
    ),
    Job: Rules(job.validate_job, job.validate_job_update, {"status": validate_job_status_update}),
}
