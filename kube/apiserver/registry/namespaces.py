# ruff: noqa: ARG002  # hooks share signatures, whether or not they read every argument
"""Namespaces, which go in two steps: they are emptied while they are Terminating, and are gone after their finalizers.

Source of the semantics: pkg/registry/core/namespace (strategy.go, storage/storage.go); the namespaces' design document.
"""

from typing import Any, Final

from msgspec.structs import replace

from kube.api import validation
from kube.api.types.core_v1 import Namespace, NamespaceStatus
from kube.apimachinery import errors
from kube.apimachinery.field import FieldError
from kube.apimachinery.meta.v1 import DeleteOptions, Preconditions
from kube.apimachinery.time import from_seconds
from kube.apiserver.registry import deletion
from kube.apiserver.registry.dry_run import DryRunStorage
from kube.apiserver.registry.errors import interpret
from kube.apiserver.registry.rest import (
    ObjectResult,
    StatusResult,
    Transform,
    Validate,
    ValidateUpdate,
    allow,
    allow_update,
)
from kube.apiserver.registry.store import Store
from kube.apiserver.registry.strategy import Context, StatusStrategy, Strategy
from kube.apiserver.storage.errors import KeyNotFoundError, StorageError
from kube.apiserver.storage.interface import Entry

FINALIZER: Final = "kubernetes"
NAME_LABEL: Final = "kubernetes.io/metadata.name"
ACTIVE: Final = NamespaceStatus(phase="Active")
TERMINATING: Final = "Terminating"


class NamespaceStrategy(Strategy):
    def prepare_for_create(self, ctx: Context, obj: Namespace) -> Namespace:
        spec = obj.spec
        if FINALIZER not in spec.finalizers:
            spec = replace(spec, finalizers=(*spec.finalizers, FINALIZER))
        return replace(obj, spec=spec, status=ACTIVE)

    def prepare_for_update(self, ctx: Context, new: Namespace, old: Namespace) -> Namespace:
        finalizers = old.spec.finalizers
        return replace(new, spec=replace(new.spec, finalizers=finalizers), status=old.status)

    def canonicalize(self, obj: Namespace) -> Namespace:
        meta = obj.metadata
        if meta.labels.get(NAME_LABEL) == meta.name:
            return obj
        return replace(obj, metadata=replace(meta, labels={**meta.labels, NAME_LABEL: meta.name}))

    def should_delete_during_update(self, ctx: Context, new: Namespace, old: Namespace) -> bool:
        return not new.spec.finalizers


class NamespaceStatusStrategy(StatusStrategy):
    def should_delete_during_update(self, ctx: Context, new: Namespace, old: Namespace) -> bool:
        return not new.spec.finalizers


class FinalizeStrategy(StatusStrategy):
    """Updates of ``spec.finalizers``."""

    def prepare_for_update(self, ctx: Context, new: Namespace, old: Namespace) -> Namespace:
        return replace(new, status=old.status)

    def validate_update(self, ctx: Context, new: Namespace, old: Namespace) -> list[FieldError]:
        return validation.validate_update(new, old, "finalize")

    def should_delete_during_update(self, ctx: Context, new: Namespace, old: Namespace) -> bool:
        return not new.spec.finalizers


class FinalizeRest:
    """``namespaces/finalize``: update only."""

    def __init__(self, namespaces: Store) -> None:
        self._store = Store(FinalizeStrategy(namespaces.strategy), namespaces.storage)

    async def update(
        self,
        ctx: Context,
        name: str,
        transform: Transform,
        *,
        validate_create: Validate = allow,
        validate_update: ValidateUpdate = allow_update,
        uid: str = "",
        force_allow_create: bool = False,  # a subresource creates nothing
    ) -> ObjectResult:
        return await self._store.update(
            ctx, name, transform, validate_create=validate_create, validate_update=validate_update, uid=uid
        )


class NamespaceStore(Store):
    """The first DELETE makes a namespace Terminating; it is gone when its finalizers are."""

    async def delete(
        self, ctx: Context, name: str, options: DeleteOptions, validate: Validate = allow
    ) -> tuple[ObjectResult | StatusResult, bool]:
        held: Namespace = (await self.get(ctx, name)).object
        preconditions = options.preconditions or Preconditions()
        if preconditions.uid is None:
            preconditions = replace(preconditions, uid=held.metadata.uid)
        elif preconditions.uid != held.metadata.uid:
            why = (
                f"Precondition failed: UID in precondition: {preconditions.uid}, "
                f"UID in object meta: {held.metadata.uid}"
            )
            raise errors.conflict("namespaces", name, why)
        options = replace(options, preconditions=preconditions)
        if held.metadata.deletion_timestamp is None:
            return await self._terminate(ctx, name, options, validate), False
        if held.spec.finalizers:
            return ObjectResult(held), False
        return await super().delete(ctx, name, options, validate)

    async def _terminate(
        self, ctx: Context, name: str, options: DeleteOptions, validate: Validate
    ) -> ObjectResult:
        storage = DryRunStorage(self.storage) if ctx.dry_run else self.storage

        async def terminating(existing: Entry | None) -> Any:
            if existing is None:
                raise KeyNotFoundError(b"")
            await validate(existing.object)
            return _terminating(self.strategy, existing.object, options, ctx.now)

        try:
            entry = await storage.guaranteed_update(
                self.key("", name), terminating, preconditions=options.preconditions
            )
        except StorageError as error:
            raise interpret(error, ctx, name) from None
        return ObjectResult(entry.object, entry)


def _terminating(strategy: Strategy, obj: Namespace, options: DeleteOptions, now: float) -> Namespace:
    meta = replace(
        obj.metadata,
        deletion_timestamp=obj.metadata.deletion_timestamp or from_seconds(now),
        finalizers=deletion.deletion_finalizers(strategy, obj.metadata, options),
    )
    return replace(obj, metadata=meta, status=replace(obj.status, phase=TERMINATING))
