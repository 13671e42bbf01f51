"""The API server as an actor: it owns an instance, and fails with what runs beside its requests.

Requests never pass its mailbox: those over HTTP run in tasks of their own, those of the process in the caller's.
"""

from collections.abc import Callable
from typing import ClassVar

from msgspec.structs import replace

from kube.actors.runtime.actor import Actor
from kube.apiserver.admission.chain import Chain
from kube.apiserver.instance import Instance, Loopback, ServerOptions
from kube.apiserver.pki import CertificateAuthority
from kube.store.kv import Store


class ApiServer(Actor[None]):
    """`loopback` leads to the instance while this actor lives; a restart listens on the port that was taken first."""

    stop_timeout: ClassVar[float] = 2.0

    def __init__(
        self,
        store: Store,
        options: ServerOptions,
        authority: CertificateAuthority,
        loopback: Loopback,
        *,
        admission: Callable[[Instance], Chain] | None = None,
    ) -> None:
        self._store = store
        self._options = options
        self._authority = authority
        self._loopback = loopback
        self._admission = admission
        self._instance: Instance | None = None

    async def on_start(self) -> None:
        """Raises ListenError."""
        context = self.context
        options = self._options
        if options.listen and not options.port and self._loopback.port:
            options = replace(options, port=self._loopback.port)
        self._instance = instance = Instance(
            self._store,
            options,
            self._authority,
            clock=context.clock,
            chance=context.chance,
            causes=context.system.causes,
            metrics=context.metrics,
            admission=self._admission,
            tasks=context.tasks,
        )
        await instance.start()
        self._loopback.opened(instance)

    async def on_stop(self) -> None:
        if self._instance is not None:
            self._loopback.closed(self._instance)
            await self._instance.stop()
