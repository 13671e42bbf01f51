"""Whether somebody leads, looked at now and then: for calls that ask to fail without a leader, and for health."""

import asyncio
from typing import Final

from google.protobuf.message import Message

from kube.base.clock import Clock
from kube.store.administration import AdministeredStore
from kube.store.errors import LearnerError, NoLeaderError, StoreError
from kube.store.etcd_server.calls import Admission, Endpoint, Head, StreamingCall
from kube.store.etcdpb import messages
from kube.store.kv import StoreStatus

PERIOD: Final = 0.5
"""Seconds between two looks."""
MISSES: Final = 3
"""Looks without a leader after which streams that need one are ended (etcd's maxNoLeaderCnt)."""

_REQUIRE_LEADER: Final = "hasleader"


class Leadership(Admission):
    """etcd's interceptors: a call with ``hasleader: true`` in its metadata needs a leader, now and while it streams.

    A learner serves status, snapshots and serializable ranges alone.
    """

    def __init__(self, store: AdministeredStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self.healthy = True
        self._learner = False
        self._misses = 0
        self._streams: dict[StreamingCall, None] = {}
        self._changed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def changed(self) -> "asyncio.Future[None]":
        """Done at the next change of ``healthy``."""
        return self._changed

    async def watch(self) -> None:
        """Forever."""
        while True:
            await self._look()
            await self._clock.sleep(PERIOD)

    async def _look(self) -> None:
        status = await self._status()
        healthy = status is not None and status.leader != 0
        self._learner = status is not None and status.is_learner
        self._misses = 0 if healthy else self._misses + 1
        if healthy is not self.healthy:
            self.healthy = healthy
            self._changed.set_result(None)
            self._changed = asyncio.get_running_loop().create_future()
        if self._misses >= MISSES:
            streams, self._streams = self._streams, {}
            for call in streams:
                call.cancel(NoLeaderError())

    async def _status(self) -> StoreStatus | None:
        """None when there is nobody to ask."""
        try:
            return await self._store.status()
        except StoreError:
            return None

    # ---- Admission

    def needs_check(self, head: Head) -> bool:
        return self._learner or _REQUIRE_LEADER in head.metadata

    async def check(self, head: Head, endpoint: Endpoint, request: Message | None) -> None:
        if self._learner and not _is_for_learners(endpoint, request):
            status = await self._status()
            self._learner = status is None or status.is_learner  # it may have its vote by now
            if self._learner:
                raise LearnerError
        if head.metadata.get(_REQUIRE_LEADER) == "true":
            status = await self._status()
            if status is None or not status.leader:
                raise NoLeaderError

    def streaming(self, call: StreamingCall) -> None:
        if call.head.metadata.get(_REQUIRE_LEADER) == "true":
            self._streams[call] = None

    def over(self, call: StreamingCall) -> None:
        self._streams.pop(call, None)


def _is_for_learners(endpoint: Endpoint, request: Message | None) -> bool:
    if isinstance(request, messages.RangeRequest):
        return request.serializable
    return endpoint.path in {"/etcdserverpb.Maintenance/Status", "/etcdserverpb.Maintenance/Snapshot"}
