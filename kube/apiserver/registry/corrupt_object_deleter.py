"""The deletion of what can't be read (KEP-3926; pkg/registry/generic/registry, ``corrupt_obj_deleter.go``).

Only on the explicit wish of ``ignoreStoreReadErrorWithClusterBreakingPotential``: no finalizer, grace period or hook can hold what
nobody can read.
"""

from typing import Final

from kube.apimachinery import errors
from kube.apimachinery.errors import ApiError
from kube.apimachinery.field import Path, invalid
from kube.apimachinery.meta.v1 import DeleteOptions, Status, StatusDetails
from kube.apiserver.registry.deletion import check_delete_options
from kube.apiserver.registry.rest import StatusResult, Validate
from kube.apiserver.registry.strategy import Context
from kube.apiserver.storage.errors import CorruptObjectError, KeyNotFoundError
from kube.apiserver.storage.interface import Storage

OPTION: Final = Path("ignoreStoreReadErrorWithClusterBreakingPotential")
UNSAFE_DELETE: Final = "unsafe-delete-ignore-read-errors"
"""The verb that whoever uses the option must be allowed, beside delete."""


async def delete_corrupt(
    storage: Storage, key: bytes, ctx: Context, name: str, *, options: DeleteOptions, validate: Validate
) -> StatusResult:
    """Delete the value, unless another one has taken its place. ``validate`` is given None.

    Raises ApiError: 422 for an object that can be read or is not there, and for options that ask for more; 403.
    """
    check_delete_options(options)
    while True:
        try:
            await storage.get(key)
        except CorruptObjectError as error:
            corrupt = error
        except KeyNotFoundError:
            raise _nothing_corrupt(ctx, name) from None
        else:
            raise _nothing_corrupt(ctx, name)
        await validate(None)
        if await storage.delete_corrupt(key, corrupt.revision):
            details = StatusDetails(name=name, kind=ctx.resource.kind)
            return StatusResult(Status(status="Success", details=details))


def _nothing_corrupt(ctx: Context, name: str) -> ApiError:
    why = "is exclusively used to delete corrupt object(s), try again by removing this option"
    return errors.invalid(ctx.resource.group_resource, name, [invalid(OPTION, True, why)])
