"""Runs a job's pods to completion.

Semantics: pkg/controller/job/job_controller.go.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from msgspec.structs import replace

from kube.api.types.batch_v1 import Job, JobCondition, JobStatus
from kube.api.types.core_v1 import Pod
from kube.apimachinery.errors import is_not_found
from kube.apimachinery.labels import Selector, from_label_selector
from kube.apimachinery.meta.accessor import controller_of
from kube.apimachinery.time import from_seconds
from kube.client.events import NORMAL, WARNING
from kube.client.keys import meta_namespace_key, split_meta_namespace_key
from kube.client.lister import Lister
from kube.controllers.dependents import DependentObserver
from kube.controllers.expectations import Expectations
from kube.controllers.framework import CONFLICT_PAUSE, Environment, Result, Watch
from kube.controllers.job.backoff import BackoffRecord
from kube.controllers.job.conditions import (
    COMPLETE,
    SUCCESS_CRITERIA_MET,
    SUCCESS_POLICY,
    SUSPENDED,
    ensured,
    is_finished,
    job_condition,
    true_condition,
)
from kube.controllers.job.decision import Decision, decide, wanted_active
from kube.controllers.job.observation import FINALIZER, Observation, is_tracked, observe
from kube.controllers.job.tracking import Tracking, finished, settled, track
from kube.controllers.ownership import BY_CONTROLLER, INDEXES, RefManager, owner_of
from kube.controllers.pacing import Pacing
from kube.controllers.pod_control import BURST, Outcome, PodControl
from kube.controllers.staleness import is_stale

OWN_NAME: Final = "kubernetes.io/job-controller"
"""What ``spec.managedBy`` says of this controller."""

ORPHAN: Final = "~"
"""Begins the key of a pod that has the finalizer and no job that would take it away."""

REMOVAL: Final = {"metadata": {"$deleteFromPrimitiveList/finalizers": [FINALIZER]}}


def _selector(job: Job) -> Selector:
    return from_label_selector(job.spec.selector)


class JobController:
    """One key is ``namespace/name`` of a job, or ``~namespace/name`` of an orphan pod."""

    name = "job"
    workers = 5

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._jobs: Lister[Job] = environment.listers.lister(Job)
        self._pods: Lister[Pod] = environment.listers.lister(Pod)
        self._expectations = Expectations(environment.monotonic)
        self._control = PodControl(environment, self._expectations)
        self._refs = RefManager(environment.client, environment.gather, (FINALIZER,))
        self._pacing = Pacing(environment.monotonic)
        self._backoff: dict[str, BackoffRecord] = {}
        self._removing: dict[str, dict[str, None]] = {}
        """By job, the uids of pods whose finalizer is removed, until the cache has seen that."""
        self._observer = DependentObserver("Job", "batch", self._jobs, _selector, self._expectations)

    def watches(self) -> Sequence[Watch[Any]]:
        return (
            Watch(Job, self._job_keys),
            Watch(Pod, self._pod_keys, INDEXES),
        )

    # What a change concerns

    def _job_keys(self, old: Job | None, new: Job | None) -> Iterable[str]:
        job = old if new is None else new
        assert job is not None
        keys = [meta_namespace_key(job)]
        if new is None:
            self._expectations.forget(keys[0])  # the next of its name begins without
        if new is None or is_finished(new):
            pods = self._pods.by_index(BY_CONTROLLER, job.metadata.uid)
            keys += [f"{ORPHAN}{meta_namespace_key(pod)}" for pod in pods if is_tracked(pod)]
        return keys

    def _pod_keys(self, old: Pod | None, new: Pod | None) -> Iterable[str]:
        pod = old if new is None else new
        assert pod is not None
        keys = tuple(self._observer(old, new))
        if new is None or not is_tracked(new):
            for removing in map(self._removing.get, keys):
                if removing is not None:
                    removing.pop(pod.metadata.uid, None)
            return keys
        return (*keys, f"{ORPHAN}{meta_namespace_key(new)}") if self._is_orphan(new) else keys

    def _is_orphan(self, pod: Pod) -> bool:
        """Whether nobody will count the pod."""
        reference = controller_of(pod.metadata)
        if reference is None:
            return True
        if reference.kind != "Job":
            return False
        job = owner_of(pod, "Job", "batch", self._jobs)
        if job is None:
            return True
        return job.spec.managed_by in (None, OWN_NAME) and is_finished(job)

    # What is done about it

    async def reconcile(self, key: str) -> Result:
        namespace, name = split_meta_namespace_key(key.removeprefix(ORPHAN))
        if key.startswith(ORPHAN):
            await self._free(self._pods.get(namespace, name))
            return Result()
        job = self._jobs.get(namespace, name)
        if job is None or is_finished(job):
            self._forget(key, gone=job is None)
            return Result()
        if job.spec.managed_by not in (None, OWN_NAME):
            return Result()
        pause = self._pacing.pause(key, job.metadata.generation, idle=self._expectations.satisfied(key))
        if pause > 0:
            return Result(pause)
        try:
            return Result(await self._sync(key, job))
        except Exception as error:
            if is_stale(error, name):
                return Result(CONFLICT_PAUSE)
            raise

    def _forget(self, key: str, *, gone: bool) -> None:
        self._backoff.pop(key, None)
        self._pacing.forget(key)
        if gone:
            self._expectations.forget(key)
            self._removing.pop(key, None)

    async def _free(self, pod: Pod | None) -> None:
        if pod is not None and is_tracked(pod) and self._is_orphan(pod):
            (error,) = await self._environment.gather([self._removal(pod)])
            if isinstance(error, Exception) and not is_not_found(error):
                raise error

    def _removal(self, pod: Pod) -> Callable[[], Any]:
        metadata = pod.metadata
        return lambda: self._environment.client.patch(
            Pod, metadata.name, REMOVAL, type="strategic", namespace=metadata.namespace
        )

    async def _sync(self, key: str, job: Job) -> float | None:
        """Seconds after which to look again, if nothing happens."""
        satisfied = self._expectations.satisfied(key)
        pods = await self._refs.claim(job, _selector(job), self._pods, Pod)
        removing = frozenset(self._removing.get(key, ()))
        now = self._environment.now()
        seen = observe(job, pods, removing, self._backoff.get(key, BackoffRecord()), now)
        if seen.verdict is not None:
            job = await self._announced(job, seen)
            status, verdict, error = await self._stop(key, seen, satisfied=satisfied)
            status = replace(status, conditions=job.status.conditions)
            wait = None
            self._pacing.walked(key, job.metadata.generation, len(pods))
        else:
            status, verdict, error, wait = await self._manage(key, seen, satisfied=satisfied)
            more = abs(wanted_active(seen) - len(seen.active)) > BURST
            self._pacing.walked(key, job.metadata.generation, len(pods), more=more)
        await self._track(key, job, track(seen, status, verdict), verdict, seen.backoff)
        if error is not None:
            raise error
        return wait

    async def _announced(self, job: Job, seen: Observation) -> Job:
        """The job, whose status says that the success policy is met before a pod is deleted for it: whatever stops this
        reconcile halfway (a conflict, a deletion that fails), the next one does not take those pods for failed.
        """
        if seen.verdict is None or seen.verdict.reason != SUCCESS_POLICY:
            return job
        conditions = ensured(job.status.conditions, seen.verdict)
        if conditions is job.status.conditions:
            return job
        status = replace(seen.job.status, conditions=conditions)
        return await self._environment.client.update_status(replace(job, status=status))

    async def _stop(
        self, key: str, seen: Observation, *, satisfied: bool
    ) -> tuple[JobStatus, JobCondition | None, Exception | None]:
        """Delete what still runs. The job is over once nothing is left that the cache may not know of."""
        outcome = await self._control.delete_unexpected(key, seen.job, seen.active)
        over = outcome.done == len(seen.active) and satisfied
        return (
            self._status(seen, -outcome.done, deleted=outcome),
            seen.verdict if over else None,
            outcome.error,
        )

    async def _manage(
        self, key: str, seen: Observation, *, satisfied: bool
    ) -> tuple[JobStatus, JobCondition | None, Exception | None, float | None]:
        """Have as many pods as are wanted; see whether enough have succeeded."""
        job, now = seen.job, self._environment.now()
        managed = satisfied and job.metadata.deletion_timestamp is None
        decision = decide(seen, now) if managed else Decision()
        status, error = await self._carry_out(key, seen, decision)
        enough = 1 if job.spec.completions is None else job.spec.completions
        if seen.succeeded >= enough and status.active == 0:
            message = "Reached expected number of succeeded pods"
            verdict = job_condition(SUCCESS_CRITERIA_MET, "CompletionsReached", message, now)
            return status, verdict, error, None
        if managed:
            status = self._suspended(job, status, now)
        waits = [each for each in (decision.wait, seen.deadline) if each is not None]
        return status, None, error, min(waits, default=None)

    async def _carry_out(
        self, key: str, seen: Observation, decision: Decision
    ) -> tuple[JobStatus, Exception | None]:
        job = seen.job
        if decision.delete:
            pods = decision.delete
            self._expectations.expect(key, deletions=[meta_namespace_key(pod) for pod in pods])
            freed = await self._environment.gather([self._removal(pod) for pod in pods])
            failed = [each for each in freed if isinstance(each, Exception) and not is_not_found(each)]
            if failed:
                self._expectations.forget(key)
                return self._status(seen, 0), failed[0]
            outcome = await self._control.delete_unexpected(key, job, pods)
            return self._status(seen, -outcome.done, deleted=outcome), outcome.error
        if decision.create:
            outcome = await self._control.create(key, job, decision.create)
            return self._status(seen, outcome.done), outcome.error
        return self._status(seen, 0), None

    @staticmethod
    def _status(seen: Observation, change: int, *, deleted: Outcome | None = None) -> JobStatus:
        """The status with the numbers of pods after ``change``; the next look counts the ready again."""
        active = len(seen.active) + change
        return replace(
            seen.job.status,
            active=active,
            ready=min(seen.ready, active),
            terminating=seen.terminating + (0 if deleted is None else deleted.done),
        )

    def _suspended(self, job: Job, status: JobStatus, now: float) -> JobStatus:
        if job.spec.suspend:
            new = job_condition(SUSPENDED, "JobSuspended", "Job suspended", now)
        else:
            new = job_condition(SUSPENDED, "JobResumed", "Job resumed", now, status="False")
        conditions = ensured(status.conditions, new)
        if conditions is status.conditions:
            return status
        reason = "Suspended" if job.spec.suspend else "Resumed"
        self._environment.recorder.event(job, NORMAL, reason, new.message)
        start = status.start_time if job.spec.suspend else from_seconds(now)
        return replace(status, conditions=conditions, start_time=start)

    async def _track(
        self, key: str, job: Job, tracking: Tracking, verdict: JobCondition | None, backoff: BackoffRecord
    ) -> None:
        """Note the finished in the status, free them, count them, and say so when it was the last."""
        client = self._environment.client
        if tracking.status != job.status:
            job = await client.update_status(replace(job, status=tracking.status))
            self._backoff[key] = backoff
        freed, error = await self._remove_finalizers(key, tracking.remove)
        job_after = replace(job, status=settled(job.status, tracking.finalizers - freed))
        status = None
        if verdict is not None and tracking.complete and error is None:
            status = finished(job_after, verdict, self._environment.now())
        if status is not None:
            job_after = replace(job_after, status=status)
        if job_after.status != job.status:
            await client.update_status(job_after)
        if status is not None:
            self._say_finished(job_after)
        if error is not None:
            raise error

    async def _remove_finalizers(
        self, key: str, pods: Sequence[Pod]
    ) -> tuple[frozenset[str], Exception | None]:
        """The uids of those that are free, and the first error."""
        if not pods:
            return frozenset(), None
        removing = self._removing.setdefault(key, {})
        removing.update(dict.fromkeys(pod.metadata.uid for pod in pods))
        results = await self._environment.gather([self._removal(pod) for pod in pods])
        freed, first = [], None
        for pod, result in zip(pods, results, strict=True):
            if isinstance(result, Exception):
                removing.pop(pod.metadata.uid, None)
                if not is_not_found(result):
                    first = first or result
                    continue
            freed.append(pod.metadata.uid)
        return frozenset(freed), first

    def _say_finished(self, job: Job) -> None:
        recorder = self._environment.recorder
        if true_condition(job, COMPLETE) is not None:
            wanted = job.spec.completions
            if wanted is not None and job.status.succeeded > wanted:
                message = "Too many succeeded pods running after completion count reached"
                recorder.event(job, WARNING, "TooManySucceededPods", message)
            recorder.event(job, NORMAL, "Completed", "Job completed")
            return
        last = true_condition(job, "Failed")
        assert last is not None
        recorder.event(job, WARNING, last.reason, last.message)
