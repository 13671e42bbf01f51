"""One watch of etcd's that outlives its connections: every change of a range in order, whole revisions at a time.

When a stream ends it goes on at another member, from the revision after the last whole one. Nothing here relies on etcd's
progress notifications: those that are asked for may overtake events before 3.4.31 and 3.5.13 (etcd issues 15220, 17507).
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, Final

import grpc
import grpc.aio

from kube.base.backoff import Backoff, BackoffState
from kube.base.logging import get_logger
from kube.store.errors import CompactedError, NoLeaderError, StoreError
from kube.store.etcd3.client import WATCH, Client
from kube.store.etcd3.endpoints import Endpoint
from kube.store.etcd3.errors import AccessDeniedError, Asked, UnexpectedError, from_words
from kube.store.etcdpb import messages

_RETRY: Final = Backoff(initial=0.05, cap=1.0)
_FINAL: Final = (CompactedError, AccessDeniedError)
"""What another try would end with too."""

log = get_logger(__name__)


async def follow(
    client: Client, key: bytes, range_end: bytes, start: int, *, prev_kv: bool
) -> AsyncGenerator[list[Any], None]:
    """The events from revision ``start`` on, as etcd's messages; of a list the last one's revision is complete.

    For ever. Raises CompactedError, with the revision that was to come next, and AccessDeniedError.
    """
    retry = BackoffState(_RETRY)
    following = _Following(start)
    while True:
        endpoint = client.endpoints.next()
        try:
            async for events in _stream(client, endpoint, key, range_end, following, prev_kv=prev_kv):
                retry.reset()
                yield events
        except _FINAL:
            raise
        except StoreError as error:
            log.info("watch of etcd goes on elsewhere", endpoint=endpoint.address, error=str(error))
        await client.clock.sleep(retry.next())


class _Following:
    __slots__ = ("next_revision",)

    def __init__(self, next_revision: int) -> None:
        self.next_revision = next_revision


async def _stream(
    client: Client, endpoint: Endpoint, key: bytes, range_end: bytes, following: _Following, *, prev_kv: bool
) -> AsyncGenerator[list[Any], None]:
    """From one member, until its stream ends. Raises StoreError."""
    create = messages.WatchCreateRequest(
        key=key,
        range_end=range_end,
        start_revision=following.next_revision,
        prev_kv=prev_kv,
        fragment=True,
    )
    call = endpoint.method(WATCH)(metadata=await client.metadata(endpoint))
    try:
        await call.write(messages.WatchRequest(create_request=create))
        pieces: list[Any] = []
        while (response := await call.read()) is not grpc.aio.EOF:
            if response.canceled:
                raise _canceled(response, following.next_revision)
            if response.created:
                client.endpoints.worked(endpoint)
            pieces.extend(response.events)
            if pieces and not response.fragment:
                events, pieces = pieces, []
                following.next_revision = events[-1].kv.mod_revision + 1
                client.saw(following.next_revision - 1)
                yield events
        raise await client.ended(call, endpoint)
    except (
        grpc.aio.AioRpcError,
        asyncio.InvalidStateError,
    ):  # the latter is raised by a write to a stream that is over
        raise await client.ended(call, endpoint) from None
    except NoLeaderError:
        client.endpoints.failed(endpoint)
        raise
    finally:
        call.cancel()


def _canceled(response: Any, next_revision: int) -> StoreError:
    if response.compact_revision:
        return CompactedError(next_revision, response.compact_revision)
    reason = response.cancel_reason
    return from_words(reason, Asked(revision=next_revision)) or UnexpectedError("CANCELLED", reason)
