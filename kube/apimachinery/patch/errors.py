"""What can be wrong with a patch, and how the API answers it.

Source of the answers: k8s.io/apiserver/pkg/endpoints/handlers/patch.go.
"""

from __future__ import annotations

from kube.apimachinery import errors
from kube.apimachinery.errors import ApiError
from kube.apimachinery.gofmt import quote


class PatchError(ValueError):
    """A patch that cannot be applied for a reason that upstream does not classify: answered with 500."""

    def to_api_error(self) -> ApiError:
        return ApiError(500, "", str(self))


class PatchFormatError(PatchError):
    """A patch that is no patch: answered with 400."""

    def to_api_error(self) -> ApiError:
        return errors.bad_request(str(self))


class PatchConflictError(PatchError):
    """A patch that does not fit the object: answered with 422, without the reason, as upstream does."""

    def to_api_error(self) -> ApiError:
        return errors.generic(422, "", server_message=str(self))


class PatchTooLargeError(PatchError):
    """A patch of too many operations: answered with 413."""

    def to_api_error(self) -> ApiError:
        return errors.request_entity_too_large(str(self))


class UnknownFieldError(PatchError):
    """The schema has no such field; raised by implementations of PatchSchema."""

    def __init__(self, struct: str, field: str) -> None:
        super().__init__(f"unable to find api field in struct {struct} for the json field {quote(field)}")
