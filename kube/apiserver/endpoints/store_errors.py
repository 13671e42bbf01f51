"""What a client is told when the store itself fails."""

from kube.apimachinery.errors import ApiError, internal_error, server_timeout, too_many_requests
from kube.apiserver.storage.errors import CorruptListError, CorruptObjectError
from kube.client.interface import Request
from kube.store.errors import NoLeaderError, StoreError, TooManyRequestsError

UNUSABLE = (StoreError, CorruptObjectError, CorruptListError)
"""What a request may meet that is nobody's mistake."""


def interpret(error: Exception, request: Request) -> ApiError:
    """What has certainly not taken effect says when to try again; the rest is a 500 with the store's own words.

    ``error``: one of ``UNUSABLE``. What can't be read comes here where it is not what was asked for (a service's allocations,
    an eviction's budgets).
    """
    if isinstance(error, CorruptObjectError | CorruptListError):
        return internal_error(error)
    if isinstance(error, TooManyRequestsError):
        return too_many_requests(str(error), 1)
    if isinstance(error, NoLeaderError):
        return server_timeout(request.resource.group_resource, request.verb, 2)
    return ApiError(500, "", str(error))
