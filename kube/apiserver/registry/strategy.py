# ruff: noqa: ARG002  # hooks and overrides share signatures, whether or not they read every argument
"""What is special to a resource when its objects are created, changed and deleted.

Source of the semantics: k8s.io/apiserver/pkg/registry/rest (RESTCreateStrategy, RESTUpdateStrategy, RESTDeleteStrategy
and the hooks of the generic registry store). ``Strategy`` is complete as it is: it reads the resource table, the
defaults and the validation rules of the kind, and a resource overrides what it has of its own. All methods but the
hooks are pure; objects are immutable, so what prepares one returns it.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any, ClassVar, Literal, Protocol

import msgspec
from msgspec.structs import replace

from kube.api import validation
from kube.api.defaults import default
from kube.api.resources import Resource
from kube.api.types.authentication_v1 import UserInfo
from kube.api.validation.metadata import validate_object_meta, validate_object_meta_update
from kube.apimachinery.field import FieldError
from kube.apimachinery.meta.v1 import DeleteOptions
from kube.apimachinery.names import generate_name, path_segment_name
from kube.apiserver.storage.interface import Entry
from kube.base.chance import Chance

GarbageCollectionPolicy = Literal["DeleteDependents", "OrphanDependents", "Unsupported"]
"""What a DELETE without a propagationPolicy does to dependents; "Unsupported": never sets finalizers for it."""


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """One request, as the registry sees it.

    ``namespace`` is that of the URL, "" for cluster-wide requests. ``now``: wall seconds since the epoch, read once.
    ``resource`` is the served version that was asked for. ``warnings`` are collected for the client.
    """

    user: UserInfo
    resource: Resource
    namespace: str
    now: float
    chance: Chance
    subresource: str = ""
    name: str = ""
    dry_run: bool = False
    field_manager: str = ""
    field_validation: str = ""
    warnings: list[str] = msgspec.field(default_factory=list)

    def warn(self, text: str) -> None:
        """Upstream's warning header: once each, in order."""
        if text not in self.warnings:
            self.warnings.append(text)


class Transaction(Protocol):
    """What a ``begin_`` hook took for an object, to be kept or given back. Exactly one of the three is called."""

    async def commit(self) -> None: ...

    async def rollback(self) -> None: ...

    async def doubt(self) -> None:
        """Nobody knows whether the write has happened: its caller was cancelled, or the store did not answer."""
        ...


@cache
def zero(cls: type) -> Any:
    """The zero object of a kind, one for all."""
    return cls()


def has_status(cls: type) -> bool:
    return "status" in getattr(cls, "__struct_fields__", ())


def without_status(obj: Any) -> Any:
    """``obj`` with the zero status; ``obj`` itself where its kind has none."""
    if not has_status(type(obj)):
        return obj
    empty = zero(obj.__class__).status
    return obj if obj.status is empty else replace(obj, status=empty)


def differs_outside_status(new: Any, old: Any) -> bool:
    """Whether anything but metadata and status differs: what generation counts."""
    if type(new) is not type(old):
        return True
    if has_status(type(old)):
        return bool(replace(new, metadata=old.metadata, status=old.status) != old)
    return bool(replace(new, metadata=old.metadata) != old)


def with_generation(obj: Any, generation: int) -> Any:
    if obj.metadata.generation == generation:
        return obj
    return replace(obj, metadata=replace(obj.metadata, generation=generation))


class Strategy:
    """The behaviour that kinds share. ``resource`` is the row of the storage version."""

    allow_create_on_update: ClassVar[bool] = False
    """Whether PUT to a name that does not exist creates."""
    allow_unconditional_update: ClassVar[bool] = True
    """Whether an update may leave metadata.resourceVersion out."""
    indexed_fields: ClassVar[tuple[str, ...]] = ()
    """Selectable fields that the watch cache keeps an index of (upstream's trigger and indexer functions)."""
    garbage_collection_policy: ClassVar[GarbageCollectionPolicy] = "DeleteDependents"

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self.namespace_scoped = resource.namespaced
        self._status_is_reset = resource.subresource("status") is not None

    # -- create

    def default(self, obj: Any) -> Any:
        """Fill in what was left out, before admission. Idempotent."""
        return default(obj)

    def generate_name(self, prefix: str, chance: Chance) -> str:
        return generate_name(prefix, chance)

    def prepare_for_create(self, ctx: Context, obj: Any) -> Any:
        """Normalize before validation: users set no status, and generation starts at 1."""
        if self._status_is_reset:
            obj = without_status(obj)
        return with_generation(obj, 1) if self.resource.generation else obj

    def validate(self, ctx: Context, obj: Any) -> list[FieldError]:
        """The errors of the kind's rules, which cover metadata; of metadata alone where the kind has no rules."""
        rules = validation.rules(obj.__class__)
        if rules is not None:
            return rules.create(obj)
        return validate_object_meta(obj.metadata, self.namespace_scoped, path_segment_name)

    def warnings_on_create(self, ctx: Context, obj: Any) -> Iterable[str]:
        """Without the prefix ``Warning:``; about a field as ``path.to.field: message``."""
        return ()

    def canonicalize(self, obj: Any) -> Any:
        """The form to store, after validation."""
        return obj

    # -- update

    def prepare_for_update(self, ctx: Context, new: Any, old: Any) -> Any:
        """Normalize before validation: the status stays, and generation counts changes outside of it."""
        if self._status_is_reset and new.status is not old.status:
            new = replace(new, status=old.status)
        if self.resource.generation and differs_outside_status(new, old):
            return with_generation(new, old.metadata.generation + 1)
        return new

    def validate_update(self, ctx: Context, new: Any, old: Any) -> list[FieldError]:
        """As ``validate``, of replacing ``old`` by ``new``."""
        rules = validation.rules(new.__class__)
        if rules is not None and rules.update is not None:
            return rules.update(new, old)
        errors = validate_object_meta(new.metadata, self.namespace_scoped, path_segment_name)
        return errors + validate_object_meta_update(new.metadata, old.metadata)

    def warnings_on_update(self, ctx: Context, new: Any, old: Any) -> Iterable[str]:
        return ()

    def should_delete_during_update(self, ctx: Context, new: Any, old: Any) -> bool:
        """Whether an update that empties metadata.finalizers of a deleted object completes the deletion."""
        return True

    # -- delete

    def check_graceful_delete(self, ctx: Context, obj: Any, options: DeleteOptions) -> int | None:
        """The grace period in seconds of a first DELETE, None where objects are deleted at once."""
        return None

    # -- storage

    def ttl(self, obj: Any) -> int:
        """Seconds that an object lives after each write; 0 is for ever. Called only if it is overridden."""
        return 0

    # -- hooks; the store calls only those that are overridden

    async def begin_create(self, ctx: Context, obj: Any) -> tuple[Any, Transaction | None]:
        """Take what the object needs (a cluster IP, a node port) and write it into the object."""
        return obj, None

    async def begin_update(self, ctx: Context, new: Any, old: Any) -> tuple[Any, Transaction | None]:
        return new, None

    async def after_create(self, ctx: Context, entry: Entry) -> None:
        """After the write."""

    async def after_update(self, ctx: Context, entry: Entry) -> None:
        """After the write."""

    async def after_delete(self, ctx: Context, obj: Any, options: DeleteOptions) -> None:
        """After the object is gone; ``obj`` is its last known state. Not called in a dry run."""


class StatusStrategy(Strategy):
    """Updates of the status subresource: all but status and metadata stay as they are.

    Takes the rest from the strategy of the resource. A resource overrides ``prepare_for_update`` where users of its status
    may not change labels or owners.
    """

    def __init__(self, parent: Strategy) -> None:
        super().__init__(parent.resource)
        self.parent = parent
        self.allow_unconditional_update = parent.allow_unconditional_update  # type: ignore[misc]  # the parent's

    def default(self, obj: Any) -> Any:
        return self.parent.default(obj)

    def prepare_for_update(self, ctx: Context, new: Any, old: Any) -> Any:
        return replace(old, metadata=new.metadata, status=new.status)

    def validate_update(self, ctx: Context, new: Any, old: Any) -> list[FieldError]:
        rules = validation.rules(new.__class__)
        if rules is not None and "status" in rules.subresources:
            return rules.subresources["status"](new, old)
        errors = validate_object_meta(new.metadata, self.namespace_scoped, path_segment_name)
        return errors + validate_object_meta_update(new.metadata, old.metadata)

    def canonicalize(self, obj: Any) -> Any:
        return self.parent.canonicalize(obj)

    def ttl(self, obj: Any) -> int:
        return self.parent.ttl(obj)
