"""Controllers that a test makes itself, and what they write."""

from collections.abc import Callable
from typing import Any

from kube.actors.controller_manager import ControllerManager
from kube.api.types.core_v1 import Namespace
from kube.apimachinery.errors import ApiError, is_not_found
from kube.apimachinery.meta.v1 import ObjectMeta


class Writes:
    """A transport that remembers the writes which go through it."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.seen: list[Any] = []

    async def call(self, request: Any) -> Any:
        if request.verb not in ("get", "list"):
            self.seen.append(request)
        return await self._inner.call(request)

    async def watch(self, request: Any, sink: Any) -> Any:
        return await self._inner.watch(request, sink)

    def of(self, plural: str) -> list[Any]:
        return [request for request in self.seen if request.resource.plural == plural]


async def start(cluster: Any, **controllers: Callable[[Any], Any]) -> Writes:
    """Run these controllers, by their names with underscores, and wait until their caches are there."""
    writes = Writes(cluster.client.transport)
    named = {name.replace("_", "-"): make for name, make in controllers.items()}
    manager = await cluster.system.start(lambda: ControllerManager(writes, named), name="controllers")
    await manager.ask("synced", timeout=10)
    return writes


async def namespace(cluster: Any, name: str) -> Namespace:
    return await cluster.client.create(Namespace(metadata=ObjectMeta(name=name)))


def held(cluster: Any, kind: Any, name: str, in_namespace: str | None = "default") -> Callable[[], Any]:
    """Asks for the object as it is stored; None where there is none."""

    async def check() -> Any:
        try:
            return await cluster.client.get(kind, name, namespace=in_namespace)
        except ApiError as error:
            if is_not_found(error):
                return None
            raise

    return check


def gone(cluster: Any, kind: Any, name: str, in_namespace: str | None = "default") -> Callable[[], Any]:
    find = held(cluster, kind, name, in_namespace)

    async def check() -> bool:
        return await find() is None

    return check
