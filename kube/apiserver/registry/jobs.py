# ruff: noqa: ARG002  # hooks share signatures, whether or not they read every argument
"""Jobs, whose selector the server makes, and cron jobs.

Source of the semantics: pkg/registry/batch/job (strategy.go, storage/storage.go), pkg/registry/batch/cronjob; the page
"Jobs" (labels with the prefix ``batch.kubernetes.io/`` since 1.27).
"""

from collections.abc import Iterable
from typing import Any, ClassVar, Final

from msgspec.structs import replace

from kube.api.types.batch_v1 import Job
from kube.apimachinery.meta.v1 import DeleteOptions, LabelSelector
from kube.apiserver.registry.rest import ObjectResult, StatusResult, Validate, allow
from kube.apiserver.registry.store import Store
from kube.apiserver.registry.strategy import Context, GarbageCollectionPolicy, Strategy
from kube.apiserver.registry.workloads import name_warnings

PREFIX: Final = "batch.kubernetes.io/"
CONTROLLER_UID: Final = f"{PREFIX}controller-uid"
JOB_NAME: Final = f"{PREFIX}job-name"
LEGACY_CONTROLLER_UID: Final = "controller-uid"
LEGACY_JOB_NAME: Final = "job-name"
_ORPHANS: Final = (
    "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them "
    "or set propagationPolicy=Orphan to suppress this warning"
)


def with_generated_selector(job: Job) -> Job:
    """Select the pods of this very job, unless its author selects them (``spec.manualSelector``).

    What the author has set is left, for validation to judge.
    """
    if job.spec.manual_selector:
        return job
    uid, name = job.metadata.uid, job.metadata.name
    template = job.spec.template
    labels = {
        JOB_NAME: name,
        LEGACY_JOB_NAME: name,
        CONTROLLER_UID: uid,
        LEGACY_CONTROLLER_UID: uid,
        **template.metadata.labels,
    }
    selector = job.spec.selector or LabelSelector()
    if CONTROLLER_UID not in selector.match_labels:
        selector = replace(selector, match_labels={**selector.match_labels, CONTROLLER_UID: uid})
    template = replace(template, metadata=replace(template.metadata, labels=labels))
    return replace(job, spec=replace(job.spec, selector=selector, template=template))


class JobStrategy(Strategy):
    garbage_collection_policy: ClassVar[GarbageCollectionPolicy] = "OrphanDependents"

    def prepare_for_create(self, ctx: Context, obj: Job) -> Job:
        """A job without labels has those of its template, which the generated ones are among."""
        job: Job = self.default(with_generated_selector(super().prepare_for_create(ctx, obj)))
        return job

    def warnings_on_create(self, ctx: Context, obj: Job) -> Iterable[str]:
        return name_warnings(obj.metadata.name)


class CronJobStrategy(Strategy):
    def warnings_on_create(self, ctx: Context, obj: Any) -> Iterable[str]:
        return name_warnings(obj.metadata.name)


class JobStore(Store):
    """Says so when a deletion leaves the pods of a job behind that its caller may not have meant to."""

    async def delete(
        self, ctx: Context, name: str, options: DeleteOptions, validate: Validate = allow
    ) -> tuple[ObjectResult | StatusResult, bool]:
        if options.propagation_policy is None and options.orphan_dependents is None:
            ctx.warn(_ORPHANS)
        return await super().delete(ctx, name, options, validate)
