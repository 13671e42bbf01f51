"""What the failure of a pod means under a pod failure policy (KEP-3329), and success under a success policy (KEP-3998).
Pure.
"""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from kube.api.types.batch_v1 import (
    Job,
    PodFailurePolicyOnExitCodesRequirement,
    PodFailurePolicyRule,
    SuccessPolicyRule,
)
from kube.api.types.core_v1 import ContainerStatus, Pod
from kube.controllers.job.indexes import Indexes


class Verdict(Struct, frozen=True):
    """``action`` is that of the rule that matched, if one did; ``message`` why the job fails under FailJob."""

    action: str = ""
    message: str = ""

    @property
    def counts(self) -> bool:
        return self.action != "Ignore"


COUNTED: Final = Verdict()


def judge(job: Job, pod: Pod) -> Verdict:
    """The first rule that matches decides."""
    policy = job.spec.pod_failure_policy
    if policy is None:
        return COUNTED
    for position, rule in enumerate(policy.rules):
        why = _match(rule, pod)
        if why:
            message = (
                f"{why} matching {rule.action} rule at index {position}" if rule.action == "FailJob" else ""
            )
            return Verdict(rule.action, message)
    return COUNTED


def _match(rule: PodFailurePolicyRule, pod: Pod) -> str:
    """What matches, in words; empty if nothing does."""
    name = f"{pod.metadata.namespace}/{pod.metadata.name}"
    if rule.on_exit_codes is not None:
        statuses = (*pod.status.container_statuses, *pod.status.init_container_statuses)
        for status in statuses:
            code = _exit_code(status, rule.on_exit_codes)
            if code is not None:
                return f"Container {status.name} for pod {name} failed with exit code {code}"
        return ""
    for condition in pod.status.conditions:
        for pattern in rule.on_pod_conditions:
            if (condition.type, condition.status) == (pattern.type, pattern.status):
                return f"Pod {name} has condition {condition.type}"
    return ""


def _exit_code(status: ContainerStatus, wanted: PodFailurePolicyOnExitCodesRequirement) -> int | None:
    terminated = status.state.terminated
    if terminated is None or terminated.exit_code == 0:
        return None
    if wanted.container_name not in (None, status.name):
        return None
    listed = terminated.exit_code in wanted.values
    matched = listed if wanted.operator == "In" else wanted.operator == "NotIn" and not listed
    return terminated.exit_code if matched else None


def failure_message(job: Job, failed: Iterable[Pod]) -> str:
    """Why one of these pods fails the whole job; empty if none does."""
    if job.spec.pod_failure_policy is None:
        return ""
    return next((message for pod in failed if (message := judge(job, pod).message)), "")


def success_message(job: Job, succeeded: Indexes) -> str:
    """Which rule of the success policy is met; empty if none is."""
    policy = job.spec.success_policy
    if policy is None or not len(succeeded):
        return ""
    for position, rule in enumerate(policy.rules):
        if _is_met(rule, succeeded, job.spec.completions or 0):
            return f"Matched rules at index {position}"
    return ""


def _is_met(rule: SuccessPolicyRule, succeeded: Indexes, completions: int) -> bool:
    count = rule.succeeded_count
    if rule.succeeded_indexes is None:
        return count is not None and len(succeeded) >= count
    wanted = Indexes.parse(rule.succeeded_indexes, completions)
    if not len(wanted):
        return False
    there = wanted.overlap(succeeded)
    return there == len(wanted) or (count is not None and there >= count)
