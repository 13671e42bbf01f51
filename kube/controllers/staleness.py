"""Errors that only say that a controller's cache was behind when it decided."""

from kube.apimachinery.errors import ApiError, is_conflict, is_not_found


def is_stale(error: Exception, name: str) -> bool:
    """A conflict, or the owner ``name`` itself is gone. The cache will know soon; what else is not found may never be."""
    if is_conflict(error):
        return True
    if not isinstance(error, ApiError) or not is_not_found(error):
        return False
    return error.details is not None and error.details.name == name
