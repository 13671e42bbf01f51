"""Empties namespaces that are being deleted, pods first, and then lets them go.

Semantics: pkg/controller/namespace with its ``deletion`` package; KEP-5080 (ordered deletion); the API page "Namespace".
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct, field
from msgspec.structs import replace

from kube.api.helpers.pods import is_pod_terminal
from kube.api.resources import Resource
from kube.api.types.core_v1 import Namespace, NamespaceCondition, Pod
from kube.apimachinery.errors import ApiError, is_conflict, is_method_not_supported, is_not_found
from kube.apimachinery.meta.accessor import find_condition, set_condition
from kube.apimachinery.time import from_seconds, to_seconds
from kube.client.keys import HasMetadata
from kube.client.lister import Lister
from kube.controllers.framework import Environment, Result, Watch, own_key
from kube.controllers.status_writer import write_status

FINALIZER: Final = "kubernetes"
PODS: Final = ("", "pods")
FINALIZER_ESTIMATE: Final = 15
"""Seconds that finalizers of content are expected to take."""
FIRST_RETRY: Final = 0.25
"""Seconds; each retry doubles it, up to half of the estimate and a second. Most content is gone long before."""

OK: Final[Mapping[str, tuple[str, str]]] = {
    "NamespaceDeletionDiscoveryFailure": ("ResourcesDiscovered", "All resources successfully discovered"),
    "NamespaceDeletionGroupVersionParsingFailure": (
        "ParsedGroupVersions",
        "All legacy kube types successfully parsed",
    ),
    "NamespaceDeletionContentFailure": (
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
    "NamespaceContentRemaining": ("ContentRemoved", "All content successfully removed"),
    "NamespaceFinalizersRemaining": (
        "ContentHasNoFinalizers",
        "All content-preserving finalizers finished",
    ),
}
"""Reason and message of each condition while it is False, in the order in which they are added."""


class Remains(Struct, frozen=True):
    """What one pass has left of a namespace, by ``RESOURCE.GROUP`` and by finalizer; ``estimate`` in seconds."""

    resources: Mapping[str, int] = field(default_factory=dict)
    finalizers: Mapping[str, int] = field(default_factory=dict)
    estimate: int = 0
    errors: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        return not self.resources and not self.errors

    def __add__(self, other: "Remains") -> "Remains":
        return Remains(
            {**self.resources, **other.resources},
            Counter(self.finalizers) + Counter(other.finalizers),
            max(self.estimate, other.estimate),
            self.errors + other.errors,
        )


NOTHING: Final = Remains()


def failures(remains: Remains) -> dict[str, tuple[str, str]]:
    """Reason and message of the conditions that are True."""
    found = {}
    if remains.errors:
        text = ", ".join(sorted(remains.errors))
        message = f"Failed to delete all resource types, {len(remains.errors)} remaining: {text}"
        found["NamespaceDeletionContentFailure"] = ("ContentDeletionFailed", message)
    if remains.resources:
        each = sorted(f"{name} has {count} resource instances" for name, count in remains.resources.items())
        message = f"Some resources are remaining: {', '.join(each)}"
        found["NamespaceContentRemaining"] = ("SomeResourcesRemain", message)
    if remains.finalizers:
        each = sorted(f"{name} in {count} resource instances" for name, count in remains.finalizers.items())
        message = f"Some content in the namespace has finalizers remaining: {', '.join(each)}"
        found["NamespaceFinalizersRemaining"] = ("SomeFinalizersRemain", message)
    return found


def conditions(
    old: tuple[NamespaceCondition, ...], remains: Remains, now: float
) -> tuple[NamespaceCondition, ...]:
    """All five; the same tuple when nothing changes."""
    failing = failures(remains)
    moment = from_seconds(now)
    for kind, okay in OK.items():
        reason, message = failing.get(kind, okay)
        status = "True" if kind in failing else "False"
        held = find_condition(old, kind)
        if held is not None and (held.status, held.reason, held.message) == (status, reason, message):
            continue
        wanted = NamespaceCondition(
            type=kind, status=status, reason=reason, message=message, last_transition_time=moment
        )
        old = set_condition(old, wanted, moment)
    return old


def grace_of(pods: Iterable[Pod], deleted_at: float, now: float) -> int:
    """Seconds that the pods may take by their grace periods; 0 when the longest has passed since the deletion."""
    longest = max(
        (pod.spec.termination_grace_period_seconds or 0 for pod in pods if not is_pod_terminal(pod)),
        default=0,
    )
    return 0 if now - deleted_at >= longest else longest


def remaining(row: Resource, namespace: str, items: Sequence[HasMetadata], estimate: int) -> Remains:
    """What is left of one resource after its deletion."""
    if not items:
        return NOTHING
    finalizers = Counter(name for item in items for name in item.metadata.finalizers)
    errors: tuple[str, ...] = ()
    if not estimate:
        if finalizers:
            estimate = FINALIZER_ESTIMATE
        else:
            of = f"{row.api_version if row.group else '/' + row.version}, Resource={row.plural}"
            errors = (f"unexpected items still remain in namespace: {namespace} for gvr: {of}",)
    return Remains({f"{row.plural}.{row.group}": len(items)}, finalizers, estimate, errors)


def retry_after(estimate: int, attempt: int) -> float:
    return min(FIRST_RETRY * 2.0 ** min(attempt, 30), estimate / 2 + 1)


def _ended(old: HasMetadata | None, new: HasMetadata | None) -> bool:
    return new is None and old is not None


class NamespaceController:
    """One key is the name of a namespace."""

    name = "namespace"
    workers = 10

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._client = environment.client
        self._namespaces: Lister[Namespace] = environment.listers.lister(Namespace)
        self._attempts: dict[str, tuple[int, float]] = {}
        """Passes that have left something, and before when (monotonic) the next is too early."""

    def watches(self) -> Sequence[Watch[Any]]:
        return (Watch(Namespace, own_key), Watch(Pod, self._namespace_of_ended_pod))

    def _namespace_of_ended_pod(self, old: Pod | None, new: Pod | None) -> Iterable[str]:
        """A namespace that waits for its pods goes on when they end, not when their grace does."""
        if _ended(old, new) and old is not None and old.metadata.namespace in self._attempts:
            return (old.metadata.namespace,)
        return ()

    async def reconcile(self, key: str) -> Result:
        namespace = self._namespaces.get("", key)
        if namespace is None or namespace.metadata.deletion_timestamp is None:
            self._attempts.pop(key, None)
            return Result()
        attempt, not_before = self._attempts.get(key, (0, 0.0))
        early = not_before - self._environment.monotonic()
        if early > 0:
            return Result(early)
        try:
            namespace = await self._client.get(Namespace, key)
            return await self._empty(namespace, attempt)
        except ApiError as error:
            if is_not_found(error):
                return Result()
            raise

    async def _empty(self, namespace: Namespace, attempt: int) -> Result:
        key = namespace.metadata.name
        if namespace.metadata.deletion_timestamp is None or FINALIZER not in namespace.spec.finalizers:
            return Result()
        remains = await self._delete_content(namespace)
        namespace = await self._write_conditions(namespace, remains)
        if remains.errors:
            raise ApiError(500, "InternalError", "; ".join(remains.errors))
        if remains.resources:
            self._attempts[key] = (attempt + 1, self._environment.monotonic() + FIRST_RETRY)
            return Result(retry_after(remains.estimate, attempt))
        await self._finalize(namespace)
        return Result()

    async def _delete_content(self, namespace: Namespace) -> Remains:
        """Nothing else is touched before the pods are gone."""
        rows = [
            row
            for row in self._client.resources.storages()
            if row.namespaced and {"delete", "list"} <= set(row.verbs)
        ]
        pods = [row for row in rows if (row.group, row.plural) == PODS]
        remains = await self._delete_all(namespace, pods)
        if not remains.clean:
            return remains
        return await self._delete_all(namespace, [row for row in rows if row not in pods])

    async def _delete_all(self, namespace: Namespace, rows: Sequence[Resource]) -> Remains:
        results = await self._environment.gather(
            [lambda row=row: self._delete_resource(namespace, row) for row in rows]  # type: ignore[misc]  # bound now
        )
        total = NOTHING
        for result in results:
            total += Remains(errors=(str(result),)) if isinstance(result, Exception) else result
        return total

    async def _delete_resource(self, namespace: Namespace, row: Resource) -> Remains:
        name = namespace.metadata.name
        try:
            items = await self._list(row, name)
            if not items:
                return NOTHING
            await self._delete_items(row, name, items)
            left = await self._list(row, name)
        except ApiError as error:
            if is_not_found(error):  # the resource is no longer served
                return NOTHING
            raise
        deleted_at = namespace.metadata.deletion_timestamp
        assert deleted_at is not None
        pods = items if (row.group, row.plural) == PODS else ()
        estimate = grace_of(pods, to_seconds(deleted_at), self._environment.now())
        return remaining(row, name, left, estimate)

    async def _list(self, row: Resource, namespace: str) -> Sequence[Any]:
        return (await self._client.list(row, namespace=namespace)).items

    async def _delete_items(self, row: Resource, namespace: str, items: Sequence[HasMetadata]) -> None:
        if "deletecollection" in row.verbs:
            await self._client.delete_collection(row, namespace=namespace, propagation_policy="Background")
            return
        for item in items:
            try:
                await self._client.delete(row, item.metadata.name, namespace=namespace)
            except ApiError as error:
                if not (is_not_found(error) or is_method_not_supported(error)):
                    raise

    async def _write_conditions(self, namespace: Namespace, remains: Remains) -> Namespace:
        held = namespace.status.conditions
        wanted = conditions(held, remains, self._environment.now())
        if wanted is held:
            return namespace
        status = replace(namespace.status, conditions=wanted)
        return await write_status(self._client, namespace, status) or namespace

    async def _finalize(self, namespace: Namespace) -> None:
        """The server deletes it with the last finalizer."""
        while True:
            kept = tuple(name for name in namespace.spec.finalizers if name != FINALIZER)
            finalized = replace(namespace, spec=replace(namespace.spec, finalizers=kept))
            try:
                await self._client.update(finalized, subresource="finalize")
            except ApiError as error:
                if is_not_found(error):
                    return
                if not is_conflict(error):
                    raise
            else:
                return
            fresh = await self._client.get(Namespace, namespace.metadata.name)
            if fresh.metadata.uid != namespace.metadata.uid:
                return
            namespace = fresh
