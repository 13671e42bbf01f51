"""The generic registry store: what every stored resource does with its objects, by its strategy.

Source of the semantics: k8s.io/apiserver/pkg/registry/generic/registry (store.go) and pkg/registry/rest (create.go, update.go).
"""

from typing import Any, Final

from msgspec.structs import replace

from kube.apimachinery import errors
from kube.apimachinery.errors import ApiError, bad_request
from kube.apimachinery.gofmt import quote
from kube.apimachinery.meta.v1 import DeleteOptions, ObjectMeta, Preconditions, Status, StatusDetails
from kube.apimachinery.names import path_segment_name
from kube.apimachinery.time import from_seconds
from kube.apiserver.registry import deletion
from kube.apiserver.registry.corrupt_object_deleter import delete_corrupt
from kube.apiserver.registry.dry_run import DryRunStorage
from kube.apiserver.registry.errors import interpret, store_read_error, version_required
from kube.apiserver.registry.metadata import with_namespace
from kube.apiserver.registry.rest import (
    ObjectResult,
    StatusResult,
    Transform,
    Validate,
    ValidateUpdate,
    allow,
    allow_update,
)
from kube.apiserver.registry.strategy import Context, Strategy, Transaction
from kube.apiserver.storage.errors import (
    CorruptListError,
    CorruptObjectError,
    KeyExistsError,
    KeyNotFoundError,
    PreconditionError,
    StorageError,
)
from kube.apiserver.storage.interface import (
    TTL,
    Entry,
    EventSink,
    ListOptions,
    ListResult,
    Storage,
    StorageWatch,
    WatchOptions,
)

MAX_NAME_ATTEMPTS: Final = 8
"""Names that are tried for one metadata.generateName."""
DELETE_COLLECTION_PAGE: Final = 10_000


class _EmptiedFinalizersError(Exception):
    """An update that is to end in a deletion; ``object`` is its result."""

    def __init__(self, obj: Any) -> None:
        super().__init__()
        self.object = obj


class _DeleteNowError(Exception):
    """Nothing has to be written before the object goes."""


class _HeldBackError(Exception):
    """What is to be removed has got a finalizer since the deletion was planned."""


class _AlreadyDeletingError(Exception):
    """A graceful deletion is under way, and this request does not shorten it."""


def _overrides(strategy: Strategy, method: str) -> bool:
    return getattr(type(strategy), method) is not getattr(Strategy, method)


class Store:
    """One resource (or its status, by another strategy): serves all verbs of ``rest``."""

    def __init__(self, strategy: Strategy, storage: Storage) -> None:
        self.strategy = strategy
        self.storage = storage
        self.resource = strategy.resource
        self._dry = DryRunStorage(storage)
        self._begins_create = _overrides(strategy, "begin_create")
        self._begins_update = _overrides(strategy, "begin_update")
        self._after_create = _overrides(strategy, "after_create")
        self._after_update = _overrides(strategy, "after_update")
        self._after_delete = _overrides(strategy, "after_delete")
        self._supports_grace = _overrides(strategy, "check_graceful_delete")
        self._ttl: TTL | None = strategy.ttl if _overrides(strategy, "ttl") else None
        self._root = self.resource.prefix()

    def key(self, namespace: str, name: str) -> bytes:
        """The store's key of an object. Raises ApiError (400)."""
        if self.strategy.namespace_scoped and not namespace:
            raise bad_request("Namespace parameter required.")
        if not name:
            raise bad_request("Name parameter required.")
        if complaints := path_segment_name(name):
            raise bad_request(f"Name parameter invalid: {quote(name)}: {';'.join(complaints)}")
        if self.strategy.namespace_scoped:
            return f"{self._root}{namespace}/{name}".encode()
        return f"{self._root}{name}".encode()

    # -- reading

    async def get(self, ctx: Context, name: str, resource_version: str = "") -> ObjectResult:
        try:
            entry = await self.storage.get(self.key(ctx.namespace, name), resource_version)
        except StorageError as error:
            raise interpret(error, ctx, name) from None
        return ObjectResult(entry.object, entry)

    async def list(self, ctx: Context, options: ListOptions) -> ListResult:
        try:
            return await self.storage.get_list(options)
        except CorruptListError as error:
            raise store_read_error(error, ctx.resource) from None

    async def watch(self, ctx: Context, options: WatchOptions, sink: EventSink) -> StorageWatch:  # noqa: ARG002  # rest's signature
        return await self.storage.watch(options, sink)

    # -- create

    async def create(self, ctx: Context, name: str, obj: Any, validate: Validate = allow) -> ObjectResult:  # noqa: ARG002  # rest's signature
        """``name`` is not used: a resource is created under its own or a generated name."""
        meta: ObjectMeta = obj.metadata
        generated = bool(meta.generate_name) and not meta.name
        attempts = MAX_NAME_ATTEMPTS
        while True:
            attempts -= 1
            try:
                return await self._create(ctx, obj, validate)
            except ApiError as error:
                if not (generated and attempts and errors.is_already_exists(error)):
                    raise

    async def _create(self, ctx: Context, obj: Any, validate: Validate) -> ObjectResult:
        obj = self._with_system_fields(ctx, obj)
        transaction: Transaction | None = None
        if self._begins_create:
            obj, transaction = await self.strategy.begin_create(ctx, obj)
        try:
            obj = self._before_create(ctx, obj)
            await validate(obj)
            entry = await self._insert(ctx, obj)
        except BaseException as error:
            if transaction is not None:
                await _give_back(transaction, error)
            raise
        await self._finish(ctx, transaction)
        if self._after_create and not ctx.dry_run:
            await self.strategy.after_create(ctx, entry)
        return ObjectResult(entry.object, entry, created=True)

    def _with_system_fields(self, ctx: Context, obj: Any) -> Any:
        meta: ObjectMeta = obj.metadata
        name = meta.name
        if not name and meta.generate_name:
            name = self.strategy.generate_name(meta.generate_name, ctx.chance)
        filled = replace(
            meta,
            name=name,
            uid=ctx.chance.uid(),
            creation_timestamp=from_seconds(ctx.now),
            deletion_timestamp=None,
            deletion_grace_period_seconds=None,
            self_link="",
        )
        return replace(obj, metadata=filled)

    def _before_create(self, ctx: Context, obj: Any) -> Any:
        strategy = self.strategy
        obj = with_namespace(obj, ctx.namespace if strategy.namespace_scoped else "")
        obj = strategy.prepare_for_create(ctx, obj)
        if faults := strategy.validate(ctx, obj):
            raise errors.invalid(self._group_kind, obj.metadata.name, faults)
        for warning in strategy.warnings_on_create(ctx, obj):
            ctx.warn(warning)
        return strategy.canonicalize(obj)

    @property
    def _group_kind(self) -> str:
        return f"{self.resource.kind}.{self.resource.group}" if self.resource.group else self.resource.kind

    async def _insert(self, ctx: Context, obj: Any) -> Entry:
        meta: ObjectMeta = obj.metadata
        key = self.key(ctx.namespace, meta.name)
        try:
            return await (self._dry if ctx.dry_run else self.storage).create(key, obj, ttl=self._ttl)
        except KeyExistsError:
            error = await self._exists(ctx, key, meta)
        except StorageError as failure:
            error = interpret(failure, ctx, meta.name)
        raise error

    async def _exists(self, ctx: Context, key: bytes, meta: ObjectMeta) -> ApiError:
        """409; says so when the one that is in the way is going."""
        resource = ctx.resource.group_resource
        if meta.generate_name:
            error = errors.generate_name_conflict(resource, meta.name, 1)
        else:
            error = errors.already_exists(resource, meta.name)
        try:
            existing = await self.storage.get(key)
        except (KeyNotFoundError, CorruptObjectError):
            return error
        if existing.object.metadata.deletion_timestamp is None:
            return error
        return ApiError(error.code, error.reason, f"object is being deleted: {error.message}", error.details)

    @staticmethod
    async def _finish(ctx: Context, transaction: Transaction | None) -> None:
        if transaction is None:
            return
        if ctx.dry_run:
            await transaction.rollback()
        else:
            await transaction.commit()

    # -- update

    async def update(
        self,
        ctx: Context,
        name: str,
        transform: Transform,
        *,
        validate_create: Validate = allow,
        validate_update: ValidateUpdate = allow_update,
        uid: str = "",
        force_allow_create: bool = False,
    ) -> ObjectResult:
        key = self.key(ctx.namespace, name)
        may_create = self.strategy.allow_create_on_update or force_allow_create
        preconditions = Preconditions(uid=uid) if uid else None
        attempt = _Attempt(self, ctx, name, transform, (validate_create, validate_update))
        try:
            entry = await (self._dry if ctx.dry_run else self.storage).guaranteed_update(
                key, attempt, ignore_not_found=may_create, preconditions=preconditions, ttl=self._ttl
            )
        except _EmptiedFinalizersError as emptied:
            await attempt.finish(success=True)
            return await self._delete_emptied(ctx, key, emptied.object)
        except BaseException as error:
            await attempt.abandon(error)
            if isinstance(error, KeyExistsError) and attempt.object is not None:
                raise await self._exists(ctx, key, attempt.object.metadata) from None
            if isinstance(error, StorageError):
                raise interpret(error, ctx, name) from None
            raise
        await attempt.finish(success=True)
        if attempt.creating:
            if self._after_create and not ctx.dry_run:
                await self.strategy.after_create(ctx, entry)
        elif self._after_update and not ctx.dry_run:
            await self.strategy.after_update(ctx, entry)
        return ObjectResult(entry.object, entry, created=attempt.creating)

    async def begin(self, ctx: Context, obj: Any, old: Any) -> tuple[Any, Transaction | None]:
        """The strategy's begin hook for an update, or for a create by update (``old`` is None)."""
        if old is None:
            return await self.strategy.begin_create(ctx, obj) if self._begins_create else (obj, None)
        return await self.strategy.begin_update(ctx, obj, old) if self._begins_update else (obj, None)

    def created_by_update(self, ctx: Context, obj: Any) -> Any:
        return self._with_system_fields(ctx, obj)

    def before_create(self, ctx: Context, obj: Any) -> Any:
        return self._before_create(ctx, obj)

    def before_update(self, ctx: Context, obj: Any, old: Any) -> Any:
        """The new object as it may be stored. Raises ApiError (400, 422)."""
        strategy = self.strategy
        obj = with_namespace(obj, ctx.namespace if strategy.namespace_scoped else "")
        before: ObjectMeta = old.metadata
        if obj.metadata.generation != before.generation:
            obj = replace(obj, metadata=replace(obj.metadata, generation=before.generation))
        obj = strategy.prepare_for_update(ctx, obj, old)
        obj = _with_kept_fields(obj, before)
        if faults := strategy.validate_update(ctx, obj, old):
            raise errors.invalid(self._group_kind, obj.metadata.name, faults)
        for warning in strategy.warnings_on_update(ctx, obj, old):
            ctx.warn(warning)
        return strategy.canonicalize(obj)

    async def _delete_emptied(self, ctx: Context, key: bytes, obj: Any) -> ObjectResult:
        """Complete a deletion by an update that removed the last finalizer; the answer is the update's object."""
        options = DeleteOptions(dry_run=("All",) if ctx.dry_run else ())
        gone = obj
        try:
            entry = await (self._dry if ctx.dry_run else self.storage).delete(
                key, preconditions=Preconditions(uid=obj.metadata.uid)
            )
            gone = entry.object
        except (KeyNotFoundError, PreconditionError):
            pass  # another update has done it, and the name may be another object's by now
        await self._finalize(ctx, gone, options, run_hooks=True)
        return ObjectResult(obj)

    # -- delete

    async def delete(
        self, ctx: Context, name: str, options: DeleteOptions, validate: Validate = allow
    ) -> tuple[ObjectResult | StatusResult, bool]:
        if options.ignore_store_read_error_with_cluster_breaking_potential:
            key = self.key(ctx.namespace, name)
            gone = await delete_corrupt(self.storage, key, ctx, name, options=options, validate=validate)
            return gone, True
        while True:
            try:
                return await self._delete(ctx, name, options, validate)
            except _HeldBackError:
                continue

    async def _delete(
        self, ctx: Context, name: str, options: DeleteOptions, validate: Validate
    ) -> tuple[ObjectResult | StatusResult, bool]:
        key = self.key(ctx.namespace, name)
        try:
            entry = await self.storage.get(key)
        except StorageError as error:
            raise interpret(error, ctx, name) from None
        plan = self._plan(ctx, entry.object, options)
        if plan.pending:
            return await self._finalize(ctx, plan.object, plan.options, run_hooks=False), False
        meta: ObjectMeta = entry.object.metadata
        step = _DeleteStep(self, ctx, options, validate)
        preconditions = options.preconditions
        finalizers = deletion.deletion_finalizers(self.strategy, meta, plan.options)
        if plan.graceful or meta.finalizers or finalizers != meta.finalizers:
            written = await self._write_deletion(ctx, name, key, step, preconditions)
            if isinstance(written, ObjectResult | StatusResult):
                return written, False
            if written is not None:
                if step.keeps or ctx.dry_run:
                    return ObjectResult(written.object, written), not step.keeps
                if preconditions is not None and preconditions.resource_version is not None:
                    version = written.object.metadata.resource_version
                    preconditions = replace(preconditions, resource_version=version)
        return await self._remove(ctx, name, key, step, preconditions)

    def _plan(self, ctx: Context, obj: Any, options: DeleteOptions) -> deletion.Deletion:
        return deletion.before_delete(self.strategy, ctx, obj, options, supports_grace=self._supports_grace)

    async def _write_deletion(
        self,
        ctx: Context,
        name: str,
        key: bytes,
        step: "_DeleteStep",
        preconditions: Preconditions | None,
    ) -> Entry | ObjectResult | StatusResult | None:
        """Mark the object as going. None: it can go at once. A result: there is nothing to do but to say it."""
        try:
            return await (self._dry if ctx.dry_run else self.storage).guaranteed_update(
                key, step, preconditions=preconditions, ttl=self._ttl
            )
        except _DeleteNowError:
            return None
        except _AlreadyDeletingError:
            return await self._finalize(ctx, step.seen, step.options, run_hooks=False)
        except StorageError as error:
            raise interpret(error, ctx, name) from None

    async def _remove(
        self, ctx: Context, name: str, key: bytes, step: "_DeleteStep", preconditions: Preconditions | None
    ) -> tuple[ObjectResult | StatusResult, bool]:
        """Delete from storage. Others may have done it since this request has marked the object."""

        async def check(entry: Entry) -> None:
            if deletion.deletion_finalizers(self.strategy, entry.object.metadata, step.options):
                raise _HeldBackError
            await step.validate(entry.object)

        try:
            entry = await (self._dry if ctx.dry_run else self.storage).delete(
                key, preconditions=preconditions, check=check
            )
            gone = entry.object
        except KeyNotFoundError as error:
            if step.last is None:
                raise interpret(error, ctx, name) from None
            gone = step.last
        except StorageError as error:
            raise interpret(error, ctx, name) from None
        return await self._finalize(ctx, gone, step.options, run_hooks=True), True

    async def _finalize(
        self, ctx: Context, obj: Any, options: DeleteOptions, *, run_hooks: bool
    ) -> ObjectResult | StatusResult:
        """Run the hook of a deletion, and answer with the object or with what tells that it is gone."""
        if run_hooks and self._after_delete and not ctx.dry_run:
            await self.strategy.after_delete(ctx, obj, options)
        if self.resource.returns_deleted:
            return ObjectResult(obj)
        meta: ObjectMeta = obj.metadata
        details = StatusDetails(
            name=meta.name, group=ctx.resource.group, kind=ctx.resource.plural, uid=meta.uid
        )
        return StatusResult(Status(status="Success", details=details))

    async def delete_collection(
        self,
        ctx: Context,
        options: DeleteOptions,
        list_options: ListOptions,
        validate: Validate = allow,
    ) -> ListResult:
        """Delete what a list shows, one after the other; not atomic. The answer is what was listed."""
        limited = list_options.limit > 0
        page_options = list_options if limited else replace(list_options, limit=DELETE_COLLECTION_PAGE)
        listed: list[Entry] = []
        first: ListResult | None = None
        while True:
            page = await self.list(ctx, page_options)
            for entry in page.entries:
                await self._delete_listed(ctx, entry, options, validate)
            if limited:
                return page
            listed += page.entries
            first = first or page
            if not page.continue_:
                return ListResult(entries=listed, resource_version=first.resource_version)
            page_options = replace(page_options, continue_=page.continue_, resource_version="", match="")

    async def _delete_listed(
        self, ctx: Context, entry: Entry, options: DeleteOptions, validate: Validate
    ) -> None:
        meta: ObjectMeta = entry.object.metadata
        try:
            await self.delete(replace(ctx, namespace=meta.namespace), meta.name, options, validate)
        except ApiError as error:
            if not errors.is_not_found(error):
                raise


async def _give_back(transaction: Transaction, error: BaseException) -> None:
    """After a write that was refused, or of which nobody knows."""
    if isinstance(error, ApiError | StorageError):
        await transaction.rollback()
    else:
        await transaction.doubt()


def _with_kept_fields(obj: Any, before: ObjectMeta) -> Any:
    """What no update can change: the uid if none is given, times, the deletion that is under way."""
    meta: ObjectMeta = obj.metadata
    uid = meta.uid or before.uid
    created = before.creation_timestamp or meta.creation_timestamp
    going = before.deletion_timestamp or meta.deletion_timestamp
    grace = meta.deletion_grace_period_seconds
    if grace is None:
        grace = before.deletion_grace_period_seconds
    if (
        meta.uid == uid
        and meta.creation_timestamp == created
        and meta.deletion_timestamp == going
        and meta.deletion_grace_period_seconds == grace
        and not meta.self_link
    ):
        return obj
    kept = replace(
        meta,
        uid=uid,
        creation_timestamp=created,
        deletion_timestamp=going,
        deletion_grace_period_seconds=grace,
        self_link="",
    )
    return replace(obj, metadata=kept)


class _Attempt:
    """From what is stored to what an update stores; called anew for each lost race."""

    def __init__(
        self,
        store: Store,
        ctx: Context,
        name: str,
        transform: Transform,
        validate: tuple[Validate, ValidateUpdate],
    ) -> None:
        self._store = store
        self._ctx = ctx
        self._name = name
        self._transform = transform
        self._validate_create, self._validate_update = validate
        self._transaction: Transaction | None = None
        self.creating = False
        self.object: Any = None

    async def finish(self, *, success: bool) -> None:
        """Keep or give back what the last attempt's begin hook took."""
        transaction, self._transaction = self._transaction, None
        if transaction is None:
            return
        if success and not self._ctx.dry_run:
            await transaction.commit()
        else:
            await transaction.rollback()

    async def abandon(self, error: BaseException) -> None:
        """Give back what the last attempt's begin hook took, as far as it is known that nothing was written."""
        transaction, self._transaction = self._transaction, None
        if transaction is not None:
            await _give_back(transaction, error)

    async def __call__(self, existing: Entry | None) -> Any:
        await self.finish(success=False)
        old = None if existing is None else existing.object
        obj = await self._transform(old)
        self.creating = old is None
        if old is None:
            return await self._create(obj)
        return await self._update(obj, old)

    async def _create(self, obj: Any) -> Any:
        store, ctx = self._store, self._ctx
        obj = store.created_by_update(ctx, obj)
        obj, self._transaction = await store.begin(ctx, obj, None)
        self.object = obj = store.before_create(ctx, obj)
        await self._validate_create(obj)
        return obj

    async def _update(self, obj: Any, old: Any) -> Any:
        store, ctx = self._store, self._ctx
        held, wanted = old.metadata.resource_version, obj.metadata.resource_version
        if wanted in ("", "0"):
            if not store.strategy.allow_unconditional_update:
                raise version_required(ctx, self._name)
            obj = replace(obj, metadata=replace(obj.metadata, resource_version=held))
        elif wanted != held:
            raise errors.conflict(ctx.resource.group_resource, self._name)
        obj, self._transaction = await store.begin(ctx, obj, old)
        self.object = obj = store.before_update(ctx, obj, old)
        await self._validate_update(obj, old)
        if deletion.is_deleted_by_update(
            obj.metadata, old.metadata
        ) and store.strategy.should_delete_during_update(ctx, obj, old):
            raise _EmptiedFinalizersError(obj)
        return obj


class _DeleteStep:
    """From what is stored to the same, marked as going; called anew for each lost race."""

    def __init__(self, store: Store, ctx: Context, options: DeleteOptions, validate: Validate) -> None:
        self._store = store
        self._ctx = ctx
        self.validate = validate
        self.options = options
        self._asked = options
        self.seen: Any = None
        self.last: Any = None
        self.keeps = False
        """Whether the object stays, for its finalizers or its grace period."""

    async def __call__(self, existing: Entry | None) -> Any:
        if existing is None:  # storage has refused that before
            raise KeyNotFoundError(b"")
        strategy, ctx = self._store.strategy, self._ctx
        self.seen = existing.object
        await self.validate(existing.object)
        plan = self._store._plan(ctx, existing.object, self._asked)  # noqa: SLF001  # the store's other half
        self.options = plan.options
        if plan.pending:
            raise _AlreadyDeletingError
        obj = plan.object
        finalizers = deletion.deletion_finalizers(strategy, obj.metadata, plan.options)
        if finalizers is not obj.metadata.finalizers:
            obj = replace(obj, metadata=replace(obj.metadata, finalizers=finalizers))
        if not plan.graceful:
            if not finalizers:
                raise _DeleteNowError
            self.keeps = True
            return deletion.mark_as_deleting(obj, ctx.now)
        self.keeps = bool(finalizers) or bool(plan.options.grace_period_seconds)
        self.last = obj
        return obj
