"""Errors that arise on the client's side of the API.

What the server answers is ``kube.apimachinery.errors.ApiError``; these are its relatives, so that whoever handles
the one handles the others.
"""

from kube.apimachinery.errors import SERVICE_UNAVAILABLE, ApiError


class ConnectionFailedError(ApiError):
    """The server could not be reached, or the connection broke before it answered.

    ``refused``: nobody listened, so that the request had no effect and a watch can go on where it was.
    """

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(503, SERVICE_UNAVAILABLE, message)
        self.refused = refused


class WatchFellBehindError(Exception):
    """The receiver of a watch did not keep up and its buffer was full: events after the version were lost.

    A new watch from ``resource_version`` goes on without a gap.
    """

    def __init__(self, resource_version: str) -> None:
        super().__init__(f"the watch fell behind after resource version {resource_version or 'at its start'}")
        self.resource_version = resource_version
