"""What a job sees, decides and counts, by tables."""

import pytest
from msgspec.structs import replace
from objects import meta

from kube.api.types.batch_v1 import (
    Job,
    JobSpec,
    JobStatus,
    PodFailurePolicy,
    PodFailurePolicyOnExitCodesRequirement,
    PodFailurePolicyOnPodConditionsPattern,
    PodFailurePolicyRule,
    SuccessPolicy,
    SuccessPolicyRule,
    UncountedTerminatedPods,
)
from kube.api.types.core_v1 import (
    ContainerState,
    ContainerStateTerminated,
    ContainerStatus,
    Pod,
    PodCondition,
    PodSpec,
    PodStatus,
    PodTemplateSpec,
)
from kube.apimachinery.time import from_seconds
from kube.controllers.job.backoff import BackoffRecord, remaining
from kube.controllers.job.conditions import job_condition
from kube.controllers.job.decision import decide, wanted_active
from kube.controllers.job.indexes import COMPLETION_INDEX, FAILURE_COUNT, Indexes
from kube.controllers.job.observation import FINALIZER, observe
from kube.controllers.job.policies import judge, success_message
from kube.controllers.job.tracking import MAX_UNCOUNTED, finished, settled, track

NOW = 1_700_000_000.0


def job(restart_policy="Never", status=None, **spec):
    settings = {"parallelism": 2, "completions": 3, "backoff_limit": 6, **spec}
    template = PodTemplateSpec(spec=PodSpec(restart_policy=restart_policy))
    return Job(
        metadata=meta("work", uid="job"),
        spec=JobSpec(template=template, **settings),
        status=status or JobStatus(start_time=from_seconds(NOW - 100)),
    )


def pod(name, phase="Running", *, code=None, index=None, at=NOW - 1, failures=None, restarts=0, **more):
    annotations = {} if index is None else {COMPLETION_INDEX: str(index)}
    if failures is not None:
        annotations[FAILURE_COUNT] = str(failures)
    state = ContainerState()
    if phase in ("Failed", "Succeeded"):
        ended = 1 if code is None and phase == "Failed" else code or 0
        state = ContainerState(
            terminated=ContainerStateTerminated(exit_code=ended, finished_at=from_seconds(at))
        )
    status = ContainerStatus(name="main", state=state, restart_count=restarts)
    return Pod(
        metadata=meta(name, uid=name, annotations=annotations, **{"finalizers": (FINALIZER,), **more}),
        status=PodStatus(phase=phase, container_statuses=(status,)),
    )


def see(one, *pods, removing=()):
    return observe(one, pods, frozenset(removing), BackoffRecord(), NOW)


DELETED = from_seconds(NOW - 5)


@pytest.mark.parametrize(
    ("one", "pods", "counts"),
    [
        pytest.param(job(), [pod("a"), pod("b", "Pending")], (2, 0, 0, 0), id="active"),
        pytest.param(job(), [pod("a", "Succeeded"), pod("b", "Failed")], (0, 1, 1, 0), id="ended"),
        pytest.param(job(), [pod("a", "Succeeded", finalizers=())], (0, 0, 0, 0), id="counted-before"),
        pytest.param(job(), [pod("a", deletion_timestamp=DELETED)], (0, 0, 1, 1), id="being-deleted"),
        pytest.param(
            job(pod_replacement_policy="Failed"),
            [pod("a", deletion_timestamp=DELETED)],
            (0, 0, 0, 1),
            id="failed-only-when-ended",
        ),
        pytest.param(
            job(
                status=JobStatus(
                    succeeded=2, failed=1, uncounted_terminated_pods=UncountedTerminatedPods(succeeded=("a",))
                )
            ),
            [pod("a", "Succeeded"), pod("b", "Failed")],
            (0, 3, 2, 0),
            id="on-top-of-the-status",
        ),
        pytest.param(
            job(completion_mode="Indexed"),
            [pod("a", "Succeeded", index=0), pod("b", "Succeeded", index=0), pod("c", "Succeeded", index=9)],
            (0, 1, 0, 0),
            id="each-index-once",
        ),
    ],
)
def test_counts(one, pods, counts):
    seen = see(one, *pods)
    assert (len(seen.active), seen.succeeded, seen.failed, seen.terminating) == counts


def test_what_was_just_freed_does_not_count_again():
    assert see(job(), pod("a", "Succeeded"), removing=("a",)).succeeded == 0


LIMIT_PER_INDEX = {"completion_mode": "Indexed", "backoff_limit_per_index": 1, "completions": 2}


@pytest.mark.parametrize(
    ("one", "pods", "reason"),
    [
        pytest.param(job(backoff_limit=0), [pod("a", "Failed")], "BackoffLimitExceeded", id="failures"),
        pytest.param(job(backoff_limit=1), [pod("a", "Failed")], None, id="not-yet"),
        pytest.param(
            job("OnFailure", backoff_limit=2), [pod("a", restarts=2)], "BackoffLimitExceeded", id="restarts"
        ),
        pytest.param(job(active_deadline_seconds=50), [], "DeadlineExceeded", id="deadline"),
        pytest.param(job(active_deadline_seconds=500), [], None, id="in-time"),
        pytest.param(job(active_deadline_seconds=50, suspend=True), [], None, id="suspended"),
        pytest.param(
            job(**LIMIT_PER_INDEX, max_failed_indexes=0),
            [pod("a", "Failed", index=0, failures=1)],
            "MaxFailedIndexesExceeded",
            id="too-many-indexes",
        ),
        pytest.param(
            job(**LIMIT_PER_INDEX),
            [pod("a", "Failed", index=0, failures=1), pod("b", "Succeeded", index=1)],
            "FailedIndexes",
            id="all-indexes-over",
        ),
        pytest.param(
            job(**LIMIT_PER_INDEX), [pod("a", "Failed", index=0, failures=0)], None, id="index-again"
        ),
    ],
)
def test_verdict(one, pods, reason):
    verdict = see(one, *pods).verdict
    assert (None if verdict is None else verdict.reason) == reason
    assert verdict is None or verdict.type == "FailureTarget"


@pytest.mark.parametrize(
    ("one", "pods", "wanted"),
    [
        pytest.param(job(), [], 2, id="parallelism"),
        pytest.param(job(status=JobStatus(succeeded=2)), [], 1, id="what-is-left"),
        pytest.param(job(completions=None), [], 2, id="queue"),
        pytest.param(job(completions=None), [pod("a"), pod("b", "Succeeded")], 1, id="queue-that-ends"),
    ],
)
def test_wanted_active(one, pods, wanted):
    assert wanted_active(see(one, *pods)) == wanted


@pytest.mark.parametrize(
    ("one", "pods", "created", "deleted"),
    [
        pytest.param(job(), [pod("a")], 1, [], id="one-more"),
        pytest.param(job(suspend=True), [pod("a"), pod("b")], 0, ["a", "b"], id="suspended"),
        pytest.param(job(parallelism=1), [pod("a"), pod("b", "Pending")], 0, ["b"], id="too-many"),
        pytest.param(
            job(pod_replacement_policy="Failed", parallelism=1),
            [pod("a", deletion_timestamp=DELETED)],
            0,
            [],
            id="waits-for-the-end",
        ),
        pytest.param(
            job(completion_mode="Indexed", parallelism=3),
            [pod("a", index=1), pod("b", "Pending", index=1)],
            0,
            ["b"],
            id="index-twice",
        ),
        pytest.param(job(completion_mode="Indexed"), [pod("a", index=7)], 0, ["a"], id="index-too-high"),
    ],
)
def test_decide(one, pods, created, deleted):
    decision = decide(see(one, *pods), NOW)
    assert len(decision.create) == created
    assert sorted(each.metadata.name for each in decision.delete) == deleted
    assert all(each.metadata.finalizers == (FINALIZER,) for each in decision.create)


def test_the_lowest_free_indexes_are_made():
    one = job(
        completion_mode="Indexed", completions=5, parallelism=3, status=JobStatus(completed_indexes="1")
    )
    decision = decide(see(one, pod("a", index=0)), NOW)
    assert [each.metadata.annotations[COMPLETION_INDEX] for each in decision.create] == ["2", "3"]


def test_a_replaced_index_takes_its_failures_over_and_waits():
    one = job(**{**LIMIT_PER_INDEX, "backoff_limit_per_index": 5}, parallelism=2)
    failed = pod("a", "Failed", index=0, failures=1, at=NOW - 5)
    seen = see(one, failed, pod("b", index=1))
    assert decide(seen, NOW).wait == pytest.approx(15)
    (made,) = decide(seen, NOW + 16).create
    assert made.metadata.annotations[FAILURE_COUNT] == "2"
    kept = track(seen, seen.job.status, None)
    assert kept.remove == ()


@pytest.mark.parametrize(
    ("failures", "since", "left"),
    [
        pytest.param(0, 0, 0, id="none"),
        pytest.param(1, 4, 6, id="first"),
        pytest.param(2, 4, 16, id="second"),
        pytest.param(3, 50, 0, id="over"),
        pytest.param(50, 0, 600, id="at-most-10-minutes"),
    ],
)
def test_remaining_backoff(failures, since, left):
    assert remaining(failures, NOW - since, NOW) == pytest.approx(left)


@pytest.mark.parametrize(
    ("succeeded", "failed", "record"),
    [
        pytest.param([], [], BackoffRecord(2, 50.0), id="nothing-new"),
        pytest.param([], [100, 90], BackoffRecord(4, 100.0), id="more-failures"),
        pytest.param([100], [], BackoffRecord(), id="success-resets"),
        pytest.param([95], [90, 100, 110], BackoffRecord(2, 110.0), id="failures-after-success"),
    ],
)
def test_backoff_record(succeeded, failed, record):
    good = [pod(f"s{at}", "Succeeded", at=at) for at in succeeded]
    bad = [pod(f"f{at}", "Failed", at=at) for at in failed]
    assert BackoffRecord(2, 50.0).after(good, bad) == record


def rule(action, **match):
    return PodFailurePolicy(rules=(PodFailurePolicyRule(action=action, **match),))


def codes(operator, *values, container=None):
    return PodFailurePolicyOnExitCodesRequirement(operator=operator, values=values, container_name=container)


@pytest.mark.parametrize(
    ("policy", "action", "message"),
    [
        pytest.param(
            rule("FailJob", on_exit_codes=codes("In", 3)),
            "FailJob",
            "Container main for pod default/p failed with exit code 3 matching FailJob rule at index 0",
            id="code",
        ),
        pytest.param(rule("Ignore", on_exit_codes=codes("NotIn", 3)), "", "", id="not-in"),
        pytest.param(rule("Count", on_exit_codes=codes("NotIn", 4)), "Count", "", id="not-in-others"),
        pytest.param(
            rule("Ignore", on_exit_codes=codes("In", 3, container="side")), "", "", id="other-container"
        ),
        pytest.param(
            rule(
                "FailJob",
                on_pod_conditions=(
                    PodFailurePolicyOnPodConditionsPattern(type="DisruptionTarget", status="True"),
                ),
            ),
            "FailJob",
            "Pod default/p has condition DisruptionTarget matching FailJob rule at index 0",
            id="condition",
        ),
    ],
)
def test_pod_failure_policy(policy, action, message):
    failed = pod("p", "Failed", code=3)
    disrupted = PodCondition(type="DisruptionTarget", status="True")
    failed = replace(failed, status=replace(failed.status, conditions=(disrupted,)))
    verdict = judge(job(pod_failure_policy=policy), failed)
    assert (verdict.action, verdict.message) == (action, message)
    assert verdict.counts is (action != "Ignore")


@pytest.mark.parametrize(
    ("rules", "succeeded", "message"),
    [
        pytest.param(
            [SuccessPolicyRule(succeeded_indexes="0,2")], "0-2", "Matched rules at index 0", id="all"
        ),
        pytest.param([SuccessPolicyRule(succeeded_indexes="0,2")], "0,1", "", id="not-all"),
        pytest.param(
            [SuccessPolicyRule(succeeded_indexes="0-3", succeeded_count=2)],
            "1,3",
            "Matched rules at index 0",
            id="some",
        ),
        pytest.param(
            [SuccessPolicyRule(succeeded_indexes="9"), SuccessPolicyRule(succeeded_count=1)],
            "1",
            "Matched rules at index 1",
            id="second-rule",
        ),
        pytest.param([SuccessPolicyRule(succeeded_count=0)], "", "", id="nothing-succeeded"),
    ],
)
def test_success_policy(rules, succeeded, message):
    one = job(completions=10, completion_mode="Indexed", success_policy=SuccessPolicy(rules=tuple(rules)))
    assert success_message(one, Indexes.parse(succeeded, 10)) == message


def tracked(one, *pods, verdict=None, **more):
    seen = see(one, *pods, **more)
    return track(seen, seen.job.status, verdict)


def test_the_ended_are_noted_before_they_are_freed_and_counted_after():
    result = tracked(job(), pod("a", "Succeeded"), pod("b", "Failed"), pod("c"))
    noted = result.status.uncounted_terminated_pods
    assert (noted.succeeded, noted.failed) == (("a",), ("b",))
    assert [each.metadata.name for each in result.remove] == ["a", "b"]
    assert (result.status.succeeded, result.status.failed) == (0, 0)
    after = settled(result.status, result.finalizers - {"a", "b"})
    assert (after.succeeded, after.failed) == (1, 1)
    assert after.uncounted_terminated_pods == UncountedTerminatedPods()


def test_what_kept_its_finalizer_is_not_counted():
    result = tracked(job(), pod("a", "Succeeded"), pod("b", "Failed"))
    after = settled(result.status, result.finalizers - {"a"})
    assert (after.succeeded, after.failed) == (1, 0)
    assert after.uncounted_terminated_pods.failed == ("b",)


def test_one_that_is_noted_is_not_noted_twice():
    noted = JobStatus(uncounted_terminated_pods=UncountedTerminatedPods(succeeded=("a",)))
    result = tracked(job(status=noted), pod("a", "Succeeded"))
    assert result.status.uncounted_terminated_pods.succeeded == ("a",)


def test_a_failed_job_counts_what_it_stopped():
    verdict = job_condition("FailureTarget", "BackoffLimitExceeded", "", NOW)
    result = tracked(job(), pod("a"), verdict=verdict)
    assert result.status.uncounted_terminated_pods.failed == ("a",)
    assert [each.type for each in result.status.conditions] == ["FailureTarget"]


def test_a_successful_job_does_not():
    verdict = job_condition("SuccessCriteriaMet", "SuccessPolicy", "", NOW)
    result = tracked(job(), pod("a"), verdict=verdict)
    assert result.status.uncounted_terminated_pods.failed == ()
    assert [each.metadata.name for each in result.remove] == ["a"]


@pytest.mark.parametrize(
    ("reason", "counted"),
    [("SuccessPolicy", ()), ("CompletionsReached", ("a",))],
    ids=["policy", "completions"],
)
@pytest.mark.parametrize("phase", ["Running", "Failed"])
def test_a_pod_that_is_deleted_once_the_success_policy_is_met_has_not_failed(reason, counted, phase):
    met = job_condition("SuccessCriteriaMet", reason, "", NOW)
    result = tracked(
        job(status=JobStatus(conditions=(met,))),
        pod("a", phase, deletion_timestamp=from_seconds(NOW)),
        verdict=met,
    )
    assert result.status.uncounted_terminated_pods.failed == counted
    assert [each.metadata.name for each in result.remove] == ["a"]


def test_a_pod_that_fails_by_itself_is_counted_though_the_success_policy_is_met():
    met = job_condition("SuccessCriteriaMet", "SuccessPolicy", "", NOW)
    result = tracked(job(status=JobStatus(conditions=(met,))), pod("a", "Failed"), verdict=met)
    assert result.status.uncounted_terminated_pods.failed == ("a",)


def test_no_status_grows_without_bound():
    result = tracked(job(completions=2000), *(pod(f"p{i}", "Succeeded") for i in range(MAX_UNCOUNTED + 5)))
    assert len(result.remove) == MAX_UNCOUNTED
    assert not result.complete


@pytest.mark.parametrize(
    ("status", "conditions"),
    [
        pytest.param(JobStatus(), ["Complete"], id="done"),
        pytest.param(JobStatus(terminating=1), None, id="pods-are-terminating"),
        pytest.param(
            JobStatus(uncounted_terminated_pods=UncountedTerminatedPods(failed=("a",))),
            None,
            id="pods-are-uncounted",
        ),
    ],
)
def test_finished(status, conditions):
    verdict = job_condition("SuccessCriteriaMet", "CompletionsReached", "done", NOW)
    result = finished(job(status=status), verdict, NOW)
    assert (None if result is None else [each.type for each in result.conditions]) == conditions
    assert result is None or result.completion_time == from_seconds(NOW)
