"""One watch of etcd's that outlives its connections: every change of a range in order, whole revisions at a time.

When a stream ends it goes on at another member, from the revision after the last whole one. Nothing here relies on etcd's
progress notifications: those that are asked for may overtake events before 3.4.31 and 3.5.13 (etcd issues 15220, 17507).

A compaction ends what has history to read below it, also a watch that runs but is behind; one that has read all there is does not
mind. So what is to come is asked for without a start revision: etcd then begins behind its newest, and the header of its answer says
where (``recvLoop`` of its ``v3rpc/watch.go``). A start that was the next revision a moment ago may be history by the time etcd sees it.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, Final

import grpc
import grpc.aio

from kube.base.backoff import Backoff, BackoffState
from kube.base.logging import get_logger
from kube.store.errors import CompactedError, NoLeaderError, RequestTimeoutError, StoreError
from kube.store.etcd3.client import WATCH, Client
from kube.store.etcd3.endpoints import Endpoint
from kube.store.etcd3.errors import AccessDeniedError, Asked, UnexpectedError, from_words
from kube.store.etcdpb import messages

_RETRY: Final = Backoff(initial=0.05, cap=1.0)
_FINAL: Final = (CompactedError, AccessDeniedError)
"""What another try would end with too."""

log = get_logger(__name__)


class Following:
    """Where a watch is. ``error``: what the last stream ended with, if one did.

    ``is_live``: it is to begin with what comes, not before ``next_revision``; until it has begun.
    """

    __slots__ = ("error", "is_live", "next_revision")

    def __init__(self, next_revision: int, *, is_live: bool = False) -> None:
        self.next_revision = next_revision
        self.is_live = is_live
        self.error: StoreError | None = None


async def follow(
    client: Client, key: bytes, range_end: bytes, following: Following, *, prev_kv: bool
) -> AsyncGenerator[list[Any], None]:
    """The events from ``following.next_revision`` on, as etcd's messages; of a list the last one's revision is complete.

    What is live yields an empty list first, when it has begun: all from the next revision on is going to come, whatever is compacted
    while the stream lasts. For ever. Raises CompactedError, with the revision that was to come next, and AccessDeniedError.
    """
    retry = BackoffState(_RETRY)
    while True:
        endpoint = client.endpoints.next()
        try:
            async for events in _stream(client, endpoint, key, range_end, following, prev_kv=prev_kv):
                retry.reset()
                yield events
        except _FINAL:
            raise
        except StoreError as error:
            following.error = error
            log.info("watch of etcd goes on elsewhere", endpoint=endpoint.address, error=str(error))
        await client.clock.sleep(retry.next())


async def _stream(
    client: Client, endpoint: Endpoint, key: bytes, range_end: bytes, following: Following, *, prev_kv: bool
) -> AsyncGenerator[list[Any], None]:
    """From one member, until its stream ends. Raises StoreError."""
    create = messages.WatchCreateRequest(
        key=key,
        range_end=range_end,
        start_revision=0 if following.is_live else following.next_revision,
        prev_kv=prev_kv,
        fragment=True,
    )
    call = endpoint.method(WATCH)(metadata=await client.metadata(endpoint))
    try:
        async with asyncio.timeout(client.share()):
            await call.write(messages.WatchRequest(create_request=create))
            response = await call.read()
        pieces: list[Any] = []
        while response is not grpc.aio.EOF:
            if response.canceled:
                raise _canceled(response, following.next_revision)
            if response.created:
                client.endpoints.worked(endpoint)
                if following.is_live:
                    following.is_live = False
                    following.next_revision = max(following.next_revision, response.header.revision + 1)
                    yield []
            pieces.extend(response.events)
            if pieces and not response.fragment:
                events, pieces = _from(following.next_revision, pieces), []
                if events:
                    following.next_revision = events[-1].kv.mod_revision + 1
                    client.saw(following.next_revision - 1)
                    yield events
            response = await call.read()
        raise await client.ended(call, endpoint)
    except (
        grpc.aio.AioRpcError,
        asyncio.InvalidStateError,
    ):  # the latter is raised by a write to a stream that is over
        raise await client.ended(call, endpoint) from None
    except TimeoutError:
        client.endpoints.failed(endpoint)
        raise RequestTimeoutError from None
    except NoLeaderError:
        client.endpoints.failed(endpoint)
        raise
    finally:
        call.cancel()


def _from(revision: int, events: list[Any]) -> list[Any]:
    """A member that is behind, or tells its revision a little after it has begun, sends more than what is live."""
    if events[0].kv.mod_revision >= revision:
        return events
    return [event for event in events if event.kv.mod_revision >= revision]


def _canceled(response: Any, next_revision: int) -> StoreError:
    if response.compact_revision:
        return CompactedError(next_revision, response.compact_revision)
    reason = response.cancel_reason
    return from_words(reason, Asked(revision=next_revision)) or UnexpectedError("CANCELLED", reason)
