import pytest
from msgspec.structs import replace
from objects import meta

from kube.actors.controller_manager import ControllerManager
from kube.api.types.batch_v1 import (
    Job,
    JobSpec,
    PodFailurePolicy,
    PodFailurePolicyOnExitCodesRequirement,
    PodFailurePolicyRule,
    SuccessPolicy,
    SuccessPolicyRule,
)
from kube.api.types.core_v1 import (
    Container,
    ContainerState,
    ContainerStateTerminated,
    ContainerStatus,
    Pod,
    PodSpec,
    PodTemplateSpec,
)
from kube.apimachinery.time import from_seconds
from kube.controllers.initializers import INITIALIZERS
from kube.controllers.job.observation import FINALIZER


def job(restart_policy="Never", **spec):
    containers = (Container(name="main", image="work"),)
    template = PodTemplateSpec(spec=PodSpec(containers=containers, restart_policy=restart_policy))
    return Job(metadata=meta("work"), spec=JobSpec(template=template, **spec))


@pytest.fixture
async def running(cluster):
    cluster.run("job")
    return cluster


async def current(cluster):
    return await cluster.client.get(Job, "work", namespace="default")


async def becomes(cluster, **wanted):
    async def reached():
        status = (await current(cluster)).status
        return all(getattr(status, field) == value for field, value in wanted.items())

    try:
        await cluster.until(reached)
    except AssertionError:
        raise AssertionError(f"{wanted} never came: {(await current(cluster)).status}") from None


async def ends(cluster, *conditions):
    """The job's conditions as (type, reason), in their order."""

    async def reached():
        found = (await current(cluster)).status.conditions
        return tuple((each.type, each.reason) for each in found if each.status == "True") == conditions

    try:
        await cluster.until(reached)
    except AssertionError:
        raise AssertionError(f"{conditions} never came: {(await current(cluster)).status}") from None


async def live(cluster, count):
    """The pods that have neither ended nor are being deleted."""

    async def enough():
        found = [pod for pod in await cluster.pods() if pod.status.phase in ("Pending", "Running")]
        return [found] if len(found) == count else None

    return (await cluster.until(enough, f"{count} live pods"))[0]


async def end(cluster, pod, code=0):
    done = ContainerStateTerminated(exit_code=code, finished_at=from_seconds(cluster.clock.now()))
    status = ContainerStatus(name="main", state=ContainerState(terminated=done))
    phase = "Failed" if code else "Succeeded"
    return await cluster.set_pod(pod, phase=phase, container_statuses=(status,))


async def test_runs_to_completion(running):
    created = await running.client.create(job(completions=3, parallelism=2))
    pods = await live(running, 2)
    assert pods[0].metadata.finalizers == (FINALIZER,)
    assert pods[0].metadata.labels["batch.kubernetes.io/controller-uid"] == created.metadata.uid
    await becomes(running, active=2, ready=0, succeeded=0)
    await end(running, pods[0])
    await becomes(running, active=2, succeeded=1)
    for pod in await live(running, 2):
        await end(running, pod)
    await ends(running, ("SuccessCriteriaMet", "CompletionsReached"), ("Complete", "CompletionsReached"))
    status = (await current(running)).status
    assert (status.succeeded, status.active, status.failed, status.ready, status.terminating) == (
        3,
        0,
        0,
        0,
        0,
    )
    assert status.completion_time is not None
    assert status.start_time is not None
    assert (status.uncounted_terminated_pods.succeeded, status.uncounted_terminated_pods.failed) == ((), ())
    assert all(not pod.metadata.finalizers for pod in await running.pods())
    await running.said("SuccessfulCreate", f"Created pod: {pods[0].metadata.name}")
    await running.said("Completed", "Job completed")


async def test_a_work_queue_is_over_when_one_has_succeeded_and_all_have_ended(running):
    await running.client.create(job(parallelism=3))
    first, *others = await live(running, 3)
    await end(running, first)
    await becomes(running, succeeded=1, active=2)
    for pod in others:
        await end(running, pod)
    await ends(running, ("SuccessCriteriaMet", "CompletionsReached"), ("Complete", "CompletionsReached"))
    assert (await current(running)).status.succeeded == 3


async def test_failed_pods_are_replaced_after_a_backoff_until_the_limit(running, clock):
    await running.client.create(job(completions=1, parallelism=1, backoff_limit=1))
    (pod,) = await live(running, 1)
    await end(running, pod, 1)
    await becomes(running, failed=1, active=0)
    clock.ahead += 11
    await running.client.patch(
        Job, "work", {"metadata": {"labels": {"poke": "1"}}}, namespace="default", type="merge"
    )
    (pod,) = await live(running, 1)
    await end(running, pod, 1)
    await ends(running, ("FailureTarget", "BackoffLimitExceeded"), ("Failed", "BackoffLimitExceeded"))
    assert (await current(running)).status.failed == 2
    await running.said("BackoffLimitExceeded", "Job has reached the specified backoff limit")


async def test_indexed(running):
    await running.client.create(job(completions=4, parallelism=4, completion_mode="Indexed"))
    pods = await live(running, 4)
    by_index = {pod.metadata.labels["batch.kubernetes.io/job-completion-index"]: pod for pod in pods}
    assert sorted(by_index) == ["0", "1", "2", "3"]
    assert by_index["2"].spec.hostname == "work-2"
    assert by_index["2"].metadata.name.startswith("work-2-")
    assert by_index["2"].spec.containers[0].env[-1].name == "JOB_COMPLETION_INDEX"
    for index in ("0", "1", "3"):
        await end(running, by_index[index])
    await becomes(running, completed_indexes="0,1,3", succeeded=3, active=1)
    await end(running, by_index["2"])
    await ends(running, ("SuccessCriteriaMet", "CompletionsReached"), ("Complete", "CompletionsReached"))
    assert (await current(running)).status.completed_indexes == "0-3"


async def test_limits_per_index(running):
    spec = {"completions": 2, "parallelism": 2, "completion_mode": "Indexed", "backoff_limit_per_index": 0}
    await running.client.create(job(backoff_limit=100, **spec))
    pods = {
        pod.metadata.labels["batch.kubernetes.io/job-completion-index"]: pod for pod in await live(running, 2)
    }
    await end(running, pods["0"], 1)
    await becomes(running, failed_indexes="0", failed=1)
    await end(running, pods["1"])
    await ends(running, ("FailureTarget", "FailedIndexes"), ("Failed", "FailedIndexes"))


STOPPED_BY = SuccessPolicy(rules=(SuccessPolicyRule(succeeded_indexes="1"),))


async def succeeds_at_index_1(cluster, **spec):
    """All three pods run, that of index 1 ends, and the others are stopped; the job as it is in the end."""
    spec = {"completions": 3, "parallelism": 3, "completion_mode": "Indexed", **spec}
    await cluster.client.create(job(success_policy=STOPPED_BY, **spec))
    pods = {
        pod.metadata.labels["batch.kubernetes.io/job-completion-index"]: pod for pod in await live(cluster, 3)
    }
    await end(cluster, pods["1"])
    await ends(cluster, ("SuccessCriteriaMet", "SuccessPolicy"), ("Complete", "SuccessPolicy"))
    await live(cluster, 0)
    return await current(cluster)


async def test_success_policy_stops_the_rest(running):
    status = (await succeeds_at_index_1(running)).status
    assert (status.succeeded, status.failed, status.active, status.terminating) == (1, 0, 0, 0)
    assert status.completed_indexes == "1"


class Interfering:
    """A transport through which something goes wrong once, at the first request that is chosen."""

    def __init__(self, inner, chosen, wrong):
        self._inner = inner
        self._chosen = chosen
        self._wrong = wrong
        self.happened = False

    async def call(self, request):
        if not self.happened and self._chosen(request):
            self.happened = True
            await self._wrong()
        return await self._inner.call(request)

    async def watch(self, request, sink):
        return await self._inner.watch(request, sink)


def stops_a_pod(request):
    return (request.verb, request.resource.plural) == ("delete", "pods")


def says_that_the_policy_is_met(request):
    if (request.verb, request.resource.plural, request.subresource) != ("update", "jobs", "status"):
        return False
    return any(each.reason == "SuccessPolicy" for each in request.body.status.conditions)


@pytest.mark.parametrize(
    "chosen", [stops_a_pod, says_that_the_policy_is_met], ids=["before a deletion", "before the condition"]
)
async def test_pods_that_the_success_policy_stops_have_not_failed_though_the_job_changes_meanwhile(
    cluster, chosen
):
    """The status that the controller writes next meets a conflict; with no failure allowed, one counted would fail the job."""

    async def change():
        await cluster.client.patch(
            Job, "work", {"metadata": {"labels": {"other": "1"}}}, namespace="default", type="merge"
        )

    interfering = Interfering(cluster.client.transport, chosen, change)
    cluster.manager = cluster.system.spawn(
        lambda: ControllerManager(interfering, INITIALIZERS, controllers=("job",)), name="controller-manager"
    )
    status = (await succeeds_at_index_1(cluster, backoff_limit=0)).status
    assert interfering.happened
    assert (status.succeeded, status.failed, status.active, status.terminating) == (1, 0, 0, 0)


async def test_failure_policy(running):
    codes = PodFailurePolicyOnExitCodesRequirement(operator="In", values=(42,))
    policy = PodFailurePolicy(rules=(PodFailurePolicyRule(action="FailJob", on_exit_codes=codes),))
    await running.client.create(job(completions=2, parallelism=2, pod_failure_policy=policy))
    pod, _ = await live(running, 2)
    await end(running, pod, 42)
    await ends(running, ("FailureTarget", "PodFailurePolicy"), ("Failed", "PodFailurePolicy"))
    message = f"Container main for pod default/{pod.metadata.name} failed with exit code 42 matching FailJob rule at index 0"
    await running.said("PodFailurePolicy", message)
    await live(running, 0)


async def test_deadline(running, clock):
    await running.client.create(job(active_deadline_seconds=1))
    await live(running, 1)
    await ends(running, ("FailureTarget", "DeadlineExceeded"), ("Failed", "DeadlineExceeded"))
    await running.said("DeadlineExceeded", "Job was active longer than specified deadline")
    await live(running, 0)


async def test_suspend_and_resume(running):
    await running.client.create(job(completions=2, parallelism=2))
    await live(running, 2)

    async def suspend(value):
        found = await current(running)
        await running.client.update(replace(found, spec=replace(found.spec, suspend=value)))

    await suspend(True)
    await live(running, 0)
    await ends(running, ("Suspended", "JobSuspended"))
    await running.said("Suspended", "Job suspended")
    await becomes(running, active=0, failed=0)
    await suspend(False)
    await live(running, 2)
    await running.said("Resumed", "Job resumed")


async def test_pods_of_a_deleted_job_lose_their_finalizer(running):
    await running.client.create(job())
    await live(running, 1)
    await running.client.delete(Job, "work", namespace="default", propagation_policy="Background")

    async def free():
        return all(not pod.metadata.finalizers for pod in await running.pods())

    await running.until(free)


async def test_a_deleted_pod_is_counted_and_replaced(running, clock):
    await running.client.create(job())
    (pod,) = await live(running, 1)
    await running.client.delete(Pod, pod.metadata.name, namespace="default")
    await becomes(running, failed=1)
    clock.ahead += 11
    await running.client.patch(
        Job, "work", {"metadata": {"labels": {"poke": "1"}}}, namespace="default", type="merge"
    )
    (other,) = await live(running, 1)
    assert other.metadata.uid != pod.metadata.uid
