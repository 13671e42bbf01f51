"""``pods/eviction``: a deletion that the pod's disruption budget has a say in.

Source of the semantics: pkg/registry/core/pod/storage/eviction.go; KEP-85 (disruption budgets), KEP-3329 (the
DisruptionTarget condition), KEP-3017 (unhealthy pods); the page "API-initiated Eviction".
"""

from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from kube.api.helpers.pods import DISRUPTION_TARGET, FAILED, PENDING, SUCCEEDED, is_pod_ready, with_condition
from kube.api.types import policy_v1, policy_v1beta1
from kube.api.types.core_v1 import Pod, PodCondition
from kube.api.types.policy_v1 import PodDisruptionBudget, PodDisruptionBudgetStatus
from kube.apimachinery import errors, labels
from kube.apimachinery.errors import ApiError, bad_request, forbidden, too_many_requests
from kube.apimachinery.meta.v1 import (
    Condition,
    DeleteOptions,
    Preconditions,
    Status,
    StatusCause,
    StatusDetails,
)
from kube.apimachinery.time import from_seconds
from kube.apimachinery.version import GroupResource
from kube.apiserver.registry.dry_run import DryRunStorage
from kube.apiserver.registry.rest import ObjectResult, StatusResult, Validate
from kube.apiserver.registry.store import Store
from kube.apiserver.registry.strategy import Context
from kube.apiserver.storage.errors import KeyNotFoundError
from kube.apiserver.storage.interface import Entry, ListOptions, Selection

MAX_DISRUPTED_PODS: Final = 2000
"""Evictions that a budget may have granted before its controller has seen them."""
CONFLICT_ATTEMPTS: Final = 20

_EVICTED: Final = StatusResult(Status(status="Success"), created=True)
_BUDGETS: Final = GroupResource("policy", "poddisruptionbudget")
_DISRUPTION_ALLOWED: Final = "DisruptionAllowed"
_TARGETED: Final = PodCondition(
    type=DISRUPTION_TARGET,
    status="True",
    reason="EvictionByEvictionAPI",
    message="Eviction API: evicting",
)
_VIOLATION: Final = "Cannot evict pod as it would violate the pod's disruption budget."
_TOO_MANY_BUDGETS: Final = (
    "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
)


class EvictionRest:
    """``pods/eviction``: create only, of either version of the kind."""

    accepts = (policy_v1.Eviction, policy_v1beta1.Eviction)

    def __init__(self, pods: Store, budgets: Store) -> None:
        self._pods = pods
        self._budgets = budgets

    async def create(self, ctx: Context, name: str, obj: Any, validate: Validate) -> StatusResult:
        """Raises ApiError: 429 while the budget does not allow it, 500 for a pod with several budgets."""
        if name != obj.metadata.name:
            raise bad_request("name in URL does not match name in Eviction object")
        options: DeleteOptions = obj.delete_options or DeleteOptions()
        if options.dry_run or ctx.dry_run:
            options = replace(options, dry_run=("All",))
            ctx = replace(ctx, dry_run=True)
        await validate(obj)
        ctx = replace(ctx, subresource="")
        retries = CONFLICT_ATTEMPTS if _version_of(options) is None else 1
        while True:
            retries -= 1
            pod: Pod = (await self._pods.get(ctx, name)).object
            if not _needs_no_budget(pod):
                break
            try:
                await self._delete(ctx, pod, _pinned(options, pod) if _may_become_ready(pod) else options)
            except ApiError as error:
                if not (errors.is_conflict(error) and retries):
                    raise
                continue
            return _EVICTED
        await self._evict(ctx, pod, options)
        return _EVICTED

    async def _evict(self, ctx: Context, pod: Pod, options: DeleteOptions) -> None:
        budget = await self._budget_of(pod)
        if budget is None:
            await self._delete(ctx, pod, options)
            return
        if not _may_go_unhealthy(pod, budget):
            await self._decrement(ctx, budget, pod.metadata.name)
            await self._delete(ctx, pod, options)
            return
        try:
            await self._delete(ctx, pod, _pinned(options, pod))
        except ApiError as error:
            if errors.is_conflict(error) and _version_of(options) is None:
                raise _still_processed(budget) from None
            raise

    async def _budget_of(self, pod: Pod) -> PodDisruptionBudget | None:
        """Raises ApiError (500) for more than one."""
        meta = pod.metadata
        listed = await self._budgets.storage.get_list(
            ListOptions(selection=Selection(namespace=meta.namespace))
        )
        found = [entry.object for entry in listed.entries if _covers(entry.object, meta.labels)]
        if len(found) > 1:
            raise ApiError(500, "", _TOO_MANY_BUDGETS)
        return found[0] if found else None

    async def _decrement(self, ctx: Context, budget: PodDisruptionBudget, pod: str) -> None:
        """Take one of the disruptions that the budget allows, and tell its controller for whom."""
        meta = budget.metadata
        storage = DryRunStorage(self._budgets.storage) if ctx.dry_run else self._budgets.storage

        async def decremented(existing: Entry | None) -> Any:
            if existing is None:
                raise KeyNotFoundError(b"")
            held: PodDisruptionBudget = existing.object
            _check(held)
            return replace(held, status=_decremented(held, pod, ctx.now))

        try:
            await storage.guaranteed_update(self._budgets.key(meta.namespace, meta.name), decremented)
        except KeyNotFoundError:
            raise errors.not_found(GroupResource("policy", "poddisruptionbudgets"), meta.name) from None

    async def _delete(self, ctx: Context, pod: Pod, options: DeleteOptions) -> None:
        """Mark the pod as the target of a disruption, then delete it as it was marked."""
        if not ctx.dry_run and pod.metadata.deletion_timestamp is None:
            options = await self._mark(ctx, pod, options)
        await self._pods.delete(ctx, pod.metadata.name, options)

    async def _mark(self, ctx: Context, pod: Pod, options: DeleteOptions) -> DeleteOptions:
        name = pod.metadata.name
        asked = options.preconditions
        if asked is not None and asked.uid is not None and asked.uid != pod.metadata.uid:
            return options  # the deletion says so
        wanted = _version_of(options)

        async def marked(old: Pod) -> Pod:
            meta = old.metadata
            if wanted is not None and meta.resource_version != wanted:
                raise errors.conflict("pods", name)
            return replace(old, status=with_condition(old.status, _TARGETED, from_seconds(ctx.now)))

        written: ObjectResult = await _Marking(self._pods).update(ctx, name, marked)
        if wanted is None or asked is None:
            return options
        version = written.object.metadata.resource_version
        return replace(options, preconditions=replace(asked, resource_version=version))


class _Marking:
    """Writes a pod's status past the strategy, which would keep the old one."""

    def __init__(self, pods: Store) -> None:
        self._pods = pods

    async def update(self, ctx: Context, name: str, marked: Any) -> ObjectResult:
        async def attempt(existing: Entry | None) -> Any:
            if existing is None:
                raise KeyNotFoundError(b"")
            return await marked(existing.object)

        try:
            entry = await self._pods.storage.guaranteed_update(self._pods.key(ctx.namespace, name), attempt)
        except KeyNotFoundError:
            raise errors.not_found("pods", name) from None
        return ObjectResult(entry.object, entry)


def _version_of(options: DeleteOptions) -> str | None:
    return None if options.preconditions is None else options.preconditions.resource_version


def _pinned(options: DeleteOptions, pod: Pod) -> DeleteOptions:
    """Options that hold only for the pod as it is, unless the caller has named a version."""
    if _version_of(options) is not None:
        return options
    held = options.preconditions or Preconditions()
    version = pod.metadata.resource_version
    return replace(options, preconditions=replace(held, resource_version=version))


def _needs_no_budget(pod: Pod) -> bool:
    return pod.status.phase in (SUCCEEDED, FAILED, PENDING) or pod.metadata.deletion_timestamp is not None


def _may_become_ready(pod: Pod) -> bool:
    return pod.status.phase not in (SUCCEEDED, FAILED) and pod.metadata.deletion_timestamp is None


def _may_go_unhealthy(pod: Pod, budget: PodDisruptionBudget) -> bool:
    """Whether a pod that is not ready may go without using the budget."""
    if is_pod_ready(pod):
        return False
    if budget.spec.unhealthy_pod_eviction_policy == "AlwaysAllow":
        return True
    status = budget.status
    return status.current_healthy >= status.desired_healthy > 0


def _covers(budget: PodDisruptionBudget, pod_labels: Mapping[str, str]) -> bool:
    try:
        selector = labels.from_label_selector(budget.spec.selector)
    except labels.SelectorError:
        return False
    return not selector.empty and selector.matches(pod_labels)


def _refusal(retry_after: int, why: str) -> ApiError:
    error = too_many_requests(_VIOLATION, retry_after)
    details = error.details or StatusDetails()
    cause = StatusCause(reason="DisruptionBudget", message=why)
    return ApiError(error.code, error.reason, error.message, replace(details, causes=(cause,)))


def _still_processed(budget: PodDisruptionBudget) -> ApiError:
    return _refusal(
        10, f"The disruption budget {budget.metadata.name} is still being processed by the server."
    )


def _check(budget: PodDisruptionBudget) -> None:
    """Raises ApiError (429, 403) unless the budget has a disruption left."""
    name, status = budget.metadata.name, budget.status
    if status.observed_generation < budget.metadata.generation:
        raise _still_processed(budget)
    if status.disruptions_allowed < 0:
        raise forbidden(_BUDGETS, name, "pdb disruptions allowed is negative")
    if len(status.disrupted_pods) > MAX_DISRUPTED_PODS:
        why = "DisruptedPods map too big - too many evictions not confirmed by PDB controller"
        raise forbidden(_BUDGETS, name, why)
    if status.disruptions_allowed:
        return
    what = f"The disruption budget {name}"
    failed = _failed_sync(status)
    if failed is not None:
        why = f"{what} does not allow evicting pods currently because it failed sync: {failed.message}"
    elif status.current_healthy <= status.desired_healthy:
        why = f"{what} needs {status.desired_healthy} healthy pods and has {status.current_healthy} currently"
    else:
        why = f"{what} does not allow evicting pods currently"
    raise _refusal(0, why)


def _failed_sync(status: PodDisruptionBudgetStatus) -> Condition | None:
    for condition in status.conditions:
        if condition.type == _DISRUPTION_ALLOWED:
            return condition if condition.status == "False" and condition.reason == "SyncFailed" else None
    return None


def _decremented(budget: PodDisruptionBudget, pod: str, now: float) -> PodDisruptionBudgetStatus:
    status = budget.status
    left = status.disruptions_allowed - 1
    when = from_seconds(now)
    conditions = status.conditions
    if not left:
        fresh = Condition(
            type=_DISRUPTION_ALLOWED,
            status="False",
            reason="InsufficientPods",
            observed_generation=status.observed_generation,
            last_transition_time=when,
        )
        others = tuple(each for each in conditions if each.type != _DISRUPTION_ALLOWED)
        before = [each for each in conditions if each.type == _DISRUPTION_ALLOWED]
        if before and before[0].status == "False":
            fresh = replace(fresh, last_transition_time=before[0].last_transition_time)
        conditions = (*others, fresh)
    return replace(
        status,
        disruptions_allowed=left,
        disrupted_pods={**status.disrupted_pods, pod: when},
        conditions=conditions,
    )
