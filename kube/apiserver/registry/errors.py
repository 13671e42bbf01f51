"""Storage's errors in the words of the API (k8s.io/apiserver/pkg/storage/errors)."""

from typing import Final

import msgspec

from kube.apimachinery import errors
from kube.apimachinery.errors import ApiError
from kube.apimachinery.field import Path, invalid
from kube.apiserver.registry.strategy import Context
from kube.apiserver.storage.errors import KeyExistsError, KeyNotFoundError, StorageError

_ZERO: Final = msgspec.Raw(b"0x0")
"""How Go prints the zero of a revision."""


def interpret(error: StorageError, ctx: Context, name: str) -> ApiError:
    """What the client is told; the resource is named as it was asked for."""
    resource = ctx.resource.group_resource
    if isinstance(error, KeyNotFoundError):
        return errors.not_found(resource, name)
    if isinstance(error, KeyExistsError):
        return errors.already_exists(resource, name)
    return errors.conflict(resource, name, error)


def version_required(ctx: Context, name: str) -> ApiError:
    """422: an update without a resourceVersion of a kind that insists on one."""
    path = Path("metadata").child("resourceVersion")
    return errors.invalid(
        ctx.resource.group_resource, name, [invalid(path, _ZERO, "must be specified for an update")]
    )
