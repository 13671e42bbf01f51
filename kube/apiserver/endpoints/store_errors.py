"""What a client is told when the store itself fails."""

from kube.apimachinery.errors import ApiError, server_timeout, too_many_requests
from kube.client.interface import Request
from kube.store.errors import NoLeaderError, StoreError, TooManyRequestsError


def interpret(error: StoreError, request: Request) -> ApiError:
    """What has certainly not taken effect says when to try again; the rest is a 500 with the store's own words."""
    if isinstance(error, TooManyRequestsError):
        return too_many_requests(str(error), 1)
    if isinstance(error, NoLeaderError):
        return server_timeout(request.resource.group_resource, request.verb, 2)
    return ApiError(500, "", str(error))
