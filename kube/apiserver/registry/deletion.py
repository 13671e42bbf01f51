"""What a DELETE does to an object before it is gone: grace periods, finalizers of garbage collection, preconditions.

Source of the semantics: k8s.io/apiserver/pkg/registry/rest (delete.go) and pkg/registry/generic/registry (store.go).
Everything here is pure; ``store`` carries it out.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from kube.apimachinery import field
from kube.apimachinery.errors import conflict, invalid
from kube.apimachinery.field import FieldError, Path
from kube.apimachinery.meta.v1 import DeleteOptions, ObjectMeta
from kube.apimachinery.time import from_seconds, to_seconds
from kube.apimachinery.version import GroupResource
from kube.apiserver.registry.strategy import Context, Strategy

BACKGROUND: Final = "Background"
FOREGROUND: Final = "Foreground"
ORPHAN: Final = "Orphan"

FINALIZER_ORPHAN: Final = "orphan"
FINALIZER_FOREGROUND: Final = "foregroundDeletion"


class Deletion(msgspec.Struct, frozen=True):
    """The object as the deletion leaves it, and the options with the grace period that holds.

    ``graceful``: the object is to be kept with its deletionTimestamp until its grace is over. ``pending``: that has been
    done before, and this request does not shorten it.
    """

    object: Any
    options: DeleteOptions
    graceful: bool = False
    pending: bool = False


def validate_delete_options(options: DeleteOptions) -> list[FieldError]:
    errors: list[FieldError] = []
    path = Path("propagationPolicy")
    policy = options.propagation_policy
    if options.orphan_dependents is not None and policy is not None:
        detail = "orphanDependents and deletionPropagation cannot be both set"
        errors.append(field.invalid(path, policy, detail))
    if policy not in (None, FOREGROUND, BACKGROUND, ORPHAN):
        errors.append(field.not_supported(path, policy, (FOREGROUND, BACKGROUND, ORPHAN, "nil")))
    if any(value != "All" for value in options.dry_run):
        errors.append(field.not_supported(Path("dryRun"), options.dry_run, ("All",)))
    if options.ignore_store_read_error_with_cluster_breaking_potential:
        unsafe = Path("ignoreStoreReadErrorWithClusterBreakingPotential")
        errors += [
            field.invalid(unsafe, True, f"cannot be set together with .{name}")
            for name, value in _not_of_unread_objects(options)
            if value
        ]
    return errors


def _not_of_unread_objects(options: DeleteOptions) -> Iterator[tuple[str, bool]]:
    """What can't be asked for an object that nobody can read, and whether it is."""
    yield "dryRun", bool(options.dry_run)
    yield "propagationPolicy", options.propagation_policy is not None
    yield "orphanDependents", options.orphan_dependents is not None
    yield "gracePeriodSeconds", options.grace_period_seconds is not None
    yield "preconditions", options.preconditions is not None


def check_delete_options(options: DeleteOptions) -> None:
    """Raises ApiError (422)."""
    if errors := validate_delete_options(options):
        raise invalid("DeleteOptions.meta.k8s.io", "", errors)


def _check_preconditions(ctx: Context, meta: ObjectMeta, options: DeleteOptions) -> None:
    """Fail early and in plain words; storage checks again. Raises ApiError (409)."""
    wanted = options.preconditions
    if wanted is None:
        return
    resource = GroupResource(ctx.resource.group, ctx.resource.kind)
    if wanted.uid is not None and wanted.uid != meta.uid:
        raise conflict(
            resource,
            meta.name,
            f"the UID in the precondition ({wanted.uid}) does not match the UID in record ({meta.uid}). "
            "The object might have been deleted and then recreated",
        )
    if wanted.resource_version is not None and wanted.resource_version != meta.resource_version:
        raise conflict(
            resource,
            meta.name,
            f"the ResourceVersion in the precondition ({wanted.resource_version}) does not match the "
            f"ResourceVersion in record ({meta.resource_version}). The object might have been modified",
        )


def before_delete(
    strategy: Strategy, ctx: Context, obj: Any, options: DeleteOptions, *, supports_grace: bool
) -> Deletion:
    """What to do with an object that somebody wants deleted. Raises ApiError (409, 422)."""
    meta: ObjectMeta = obj.metadata
    check_delete_options(options)
    _check_preconditions(ctx, meta, options)
    if options.grace_period_seconds is not None and options.grace_period_seconds < 0:
        options = replace(options, grace_period_seconds=1)
    if not supports_grace:
        return Deletion(obj, options)
    if meta.deletion_timestamp is not None:
        return _again(obj, options)
    grace = strategy.check_graceful_delete(ctx, obj, options)
    if grace is None:
        return Deletion(obj, options)
    marked = replace(
        meta,
        deletion_timestamp=from_seconds(ctx.now + grace),
        deletion_grace_period_seconds=grace,
        generation=meta.generation + 1 if meta.generation > 0 else meta.generation,
    )
    options = replace(options, grace_period_seconds=grace)
    return Deletion(replace(obj, metadata=marked), options, graceful=True)


def _again(obj: Any, options: DeleteOptions) -> Deletion:
    """A second DELETE may only shorten the grace period."""
    meta: ObjectMeta = obj.metadata
    held = meta.deletion_grace_period_seconds
    if not held:  # it is over already, or the update succeeded and the deletion did not
        return Deletion(obj, options)
    held = max(held, 1)
    wanted = options.grace_period_seconds
    if wanted is None:
        return Deletion(obj, replace(options, grace_period_seconds=held), pending=True)
    if wanted >= held or meta.deletion_timestamp is None:
        return Deletion(obj, options, pending=True)
    ends = from_seconds(to_seconds(meta.deletion_timestamp) - held + wanted)
    sooner = replace(meta, deletion_timestamp=ends, deletion_grace_period_seconds=wanted)
    return Deletion(replace(obj, metadata=sooner), options, graceful=True)


def _wants_orphans(strategy: Strategy, meta: ObjectMeta, options: DeleteOptions) -> bool:
    if options.orphan_dependents is not None:
        return options.orphan_dependents
    if options.propagation_policy is not None:
        return options.propagation_policy == ORPHAN
    for finalizer in meta.finalizers:
        if finalizer in (FINALIZER_ORPHAN, FINALIZER_FOREGROUND):
            return finalizer == FINALIZER_ORPHAN
    return strategy.garbage_collection_policy == "OrphanDependents"


def _wants_foreground(meta: ObjectMeta, options: DeleteOptions) -> bool:
    if options.orphan_dependents is not None:
        return False
    if options.propagation_policy is not None:
        return options.propagation_policy == FOREGROUND
    for finalizer in meta.finalizers:
        if finalizer in (FINALIZER_ORPHAN, FINALIZER_FOREGROUND):
            return finalizer == FINALIZER_FOREGROUND
    return False


def deletion_finalizers(strategy: Strategy, meta: ObjectMeta, options: DeleteOptions) -> tuple[str, ...]:
    """The finalizers that the object gets by the policy that holds: the option's, else the object's, else the kind's."""
    kept = [name for name in meta.finalizers if name not in (FINALIZER_ORPHAN, FINALIZER_FOREGROUND)]
    if strategy.garbage_collection_policy != "Unsupported":
        if _wants_orphans(strategy, meta, options):
            kept.append(FINALIZER_ORPHAN)
        if _wants_foreground(meta, options):
            kept.append(FINALIZER_FOREGROUND)
    return meta.finalizers if sorted(kept) == sorted(meta.finalizers) else tuple(kept)


def mark_as_deleting(obj: Any, now: float) -> Any:
    """A deletion without grace that waits for finalizers: deletionTimestamp now, grace period 0."""
    meta: ObjectMeta = obj.metadata
    generation = meta.generation
    if meta.deletion_timestamp is None and generation > 0:
        generation += 1
    when = meta.deletion_timestamp
    if when is None or to_seconds(when) > now:
        when = from_seconds(now)
    marked = replace(meta, deletion_timestamp=when, deletion_grace_period_seconds=0, generation=generation)
    return replace(obj, metadata=marked)


def is_deleted_by_update(new: ObjectMeta, old: ObjectMeta) -> bool:
    """Whether an update completes a deletion: the last finalizer is gone and no grace is left."""
    if new.finalizers or old.deletion_timestamp is None:
        return False
    return not old.deletion_grace_period_seconds
