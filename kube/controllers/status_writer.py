"""Writing a status that was computed from a cache which may be behind."""

from typing import Any

from msgspec.structs import replace

from kube.apimachinery.errors import is_conflict, is_not_found
from kube.client.typed import TypedClient


async def write_status(client: TypedClient, owner: Any, status: Any) -> Any | None:
    """The object as it was stored; None if it is gone.

    Written once more over the live object when the cached one was behind it. Raises what else the server says, a second
    conflict too.
    """
    try:
        return await client.update_status(replace(owner, status=status))
    except Exception as error:
        if is_not_found(error):
            return None
        if not is_conflict(error):
            raise
    metadata = owner.metadata
    try:
        fresh = await client.get(type(owner), metadata.name, namespace=metadata.namespace)
        if fresh.metadata.uid != metadata.uid:
            return None
        if fresh.status == status:
            return fresh
        return await client.update_status(replace(fresh, status=status))
    except Exception as error:
        if is_not_found(error):
            return None
        raise
