"""Storage's errors in the words of the API (k8s.io/apiserver/pkg/storage/errors)."""

from typing import Final

import msgspec

from kube.api.resources import Resource
from kube.apimachinery import errors
from kube.apimachinery.errors import CAUSE_UNEXPECTED_RESPONSE, STORE_READ_ERROR, ApiError
from kube.apimachinery.field import FieldErrorType, Path, invalid
from kube.apimachinery.meta.v1 import StatusCause, StatusDetails
from kube.apiserver.registry.strategy import Context
from kube.apiserver.storage.errors import (
    CorruptListError,
    CorruptObjectError,
    KeyExistsError,
    KeyNotFoundError,
    StorageError,
    key_text,
)

_ZERO: Final = msgspec.Raw(b"0x0")
"""How Go prints the zero of a revision."""


def interpret(error: StorageError, ctx: Context, name: str) -> ApiError:
    """What the client is told; the resource is named as it was asked for."""
    resource = ctx.resource.group_resource
    if isinstance(error, KeyNotFoundError):
        return errors.not_found(resource, name)
    if isinstance(error, KeyExistsError):
        return errors.already_exists(resource, name)
    if isinstance(error, CorruptObjectError):
        return errors.internal_error(error)
    return errors.conflict(resource, name, error)


def store_read_error(error: CorruptListError, resource: Resource) -> ApiError:
    """500: which keys hold no objects (KEP-3926)."""
    causes = [
        StatusCause(reason=CAUSE_UNEXPECTED_RESPONSE, field=key_text(each.key), message=str(each))
        for each in error.corrupt
    ]
    if error.truncated:
        causes.append(
            StatusCause(
                reason=FieldErrorType.TOO_MANY.value, message="too many errors, the list is truncated"
            )
        )
    return ApiError(
        500,
        STORE_READ_ERROR,
        f"failed to read one or more {resource.group_resource} from the storage",
        StatusDetails(name="list", group=resource.group, kind=resource.plural, causes=tuple(causes)),
    )


def version_required(ctx: Context, name: str) -> ApiError:
    """422: an update without a resourceVersion of a kind that insists on one."""
    path = Path("metadata").child("resourceVersion")
    return errors.invalid(
        ctx.resource.group_resource, name, [invalid(path, _ZERO, "must be specified for an update")]
    )
