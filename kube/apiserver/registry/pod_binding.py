"""``pods/binding`` and the older ``bindings``: the scheduler's word on which node a pod runs.

Source of the semantics: pkg/registry/core/pod/storage/storage.go (BindingREST); KEP-3521 (scheduling gates), KEP-5278
(the nominated node is forgotten by the binding).
"""

from typing import Any, Final

from msgspec.structs import replace

from kube.api import validation
from kube.api.helpers.pods import POD_SCHEDULED, with_condition
from kube.api.types.core_v1 import Binding, Pod, PodCondition
from kube.apimachinery import errors
from kube.apimachinery.errors import bad_request, conflict
from kube.apimachinery.gofmt import quote
from kube.apimachinery.meta.v1 import ObjectMeta, Preconditions, Status
from kube.apimachinery.time import from_seconds
from kube.apiserver.registry.dry_run import DryRunStorage
from kube.apiserver.registry.errors import interpret
from kube.apiserver.registry.rest import StatusResult, Validate
from kube.apiserver.registry.store import Store
from kube.apiserver.registry.strategy import Context
from kube.apiserver.storage.errors import KeyNotFoundError, StorageError
from kube.apiserver.storage.interface import Entry

_SCHEDULED: Final = PodCondition(type=POD_SCHEDULED, status="True")
_BINDINGS: Final = "pods/binding"
_BOUND: Final = StatusResult(Status(status="Success"), created=True)


class BindingRest:
    """``pods/binding``: create only."""

    def __init__(self, pods: Store) -> None:
        self._pods = pods
        self._dry = DryRunStorage(pods.storage)

    async def create(self, ctx: Context, name: str, obj: Binding, validate: Validate) -> StatusResult:
        """Raises ApiError: 409 for a pod that is assigned already, gated or going."""
        if name != obj.metadata.name:
            raise bad_request("name in URL does not match name in Binding object")
        if faults := validation.validate(obj):
            raise errors.invalid("Binding", name, faults)
        await validate(obj)
        await self._assign(ctx, obj)
        return _BOUND

    async def _assign(self, ctx: Context, binding: Binding) -> None:
        name = binding.metadata.name
        storage = self._dry if ctx.dry_run else self._pods.storage

        async def bound(existing: Entry | None) -> Any:
            if existing is None:
                raise KeyNotFoundError(b"")
            return _bound(existing.object, binding, ctx.now)

        try:
            await storage.guaranteed_update(
                self._pods.key(ctx.namespace, name), bound, preconditions=_preconditions(binding.metadata)
            )
        except KeyNotFoundError:
            raise errors.not_found("pods", name) from None
        except StorageError as error:
            raise interpret(error, ctx, name) from None


def _preconditions(meta: ObjectMeta) -> Preconditions | None:
    if not meta.uid and not meta.resource_version:
        return None
    return Preconditions(uid=meta.uid or None, resource_version=meta.resource_version or None)


def _bound(pod: Pod, binding: Binding, now: float) -> Pod:
    meta, spec = pod.metadata, pod.spec
    if meta.deletion_timestamp is not None:
        why = f"pod {meta.name} is being deleted, cannot be assigned to a host"
        raise conflict(_BINDINGS, meta.name, why)
    if spec.node_name:
        why = f"pod {meta.name} is already assigned to node {quote(spec.node_name)}"
        raise conflict(_BINDINGS, meta.name, why)
    if spec.scheduling_gates:
        raise conflict(_BINDINGS, meta.name, f"pod {meta.name} has non-empty .spec.schedulingGates")
    more = binding.metadata
    if more.annotations or more.labels:
        meta = replace(
            meta,
            annotations={**meta.annotations, **more.annotations},
            labels={**meta.labels, **more.labels},
        )
    status = with_condition(pod.status, _SCHEDULED, from_seconds(now))
    if status.nominated_node_name:
        status = replace(status, nominated_node_name="")
    return replace(pod, metadata=meta, spec=replace(spec, node_name=binding.target.name), status=status)


class LegacyBindingRest:
    """``bindings``, a resource of its own: the pod is the one that the binding is named after."""

    def __init__(self, pods: Store) -> None:
        self._binding = BindingRest(pods)

    async def create(self, ctx: Context, name: str, obj: Binding, validate: Validate) -> StatusResult:  # noqa: ARG002  # rest's signature
        return await self._binding.create(ctx, obj.metadata.name, obj, validate)
