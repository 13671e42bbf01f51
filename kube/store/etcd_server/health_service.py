"""gRPC's health service (``grpc.health.v1``), as etcd serves it: the whole server serves while somebody leads."""

import asyncio
from collections.abc import Callable
from typing import ClassVar

from kube.store.administration import AdministeredStore
from kube.store.errors import Code
from kube.store.etcd_server.calls import StreamingCall
from kube.store.etcd_server.service import Service
from kube.store.etcd_server.status import RpcError
from kube.store.etcdpb import messages


class HealthService(Service):
    """``healthy`` tells how it is now; ``changed`` gives a future for the next time that this may be another."""

    name = "grpc.health.v1.Health"
    serves: ClassVar = {"Check": "check", "Watch": "watch"}

    def __init__(
        self,
        store: AdministeredStore,
        healthy: Callable[[], bool],
        changed: Callable[[], "asyncio.Future[None]"],
    ) -> None:
        super().__init__(store)
        self._healthy = healthy
        self._changed = changed

    def _status(self) -> int:
        status = messages.HealthCheckResponse
        return status.SERVING if self._healthy() else status.NOT_SERVING

    async def check(self, request: messages.HealthCheckRequest) -> messages.HealthCheckResponse:
        if request.service:
            raise RpcError(Code.NOT_FOUND, "unknown service")
        return messages.HealthCheckResponse(status=self._status())

    async def watch(self, call: StreamingCall) -> None:
        """The status now and whenever it changes."""
        async for request in call:
            if request.service:
                unknown = messages.HealthCheckResponse(status=messages.HealthCheckResponse.SERVICE_UNKNOWN)
                await call.send(unknown)
                return
            last = None
            while True:
                changed = self._changed()
                if (status := self._status()) != last:
                    last = status
                    await call.send(messages.HealthCheckResponse(status=status))
                await asyncio.shield(changed)
