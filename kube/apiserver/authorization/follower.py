"""Keeps an RBAC policy up to date from watches of the four resources."""

from collections.abc import Callable, Sequence
from typing import Final

from kube.api.resources import Resource, ResourceTable
from kube.api.types.authentication_v1 import UserInfo
from kube.apimachinery.errors import ApiError
from kube.apiserver.authorization.rbac import GROUP, AnyBinding, AnyRole, Policy
from kube.apiserver.endpoints.interface import Backend, StoredEvent
from kube.base.backoff import Backoff
from kube.base.clock import Clock
from kube.base.logging import get_logger
from kube.base.tasks import TaskOwner
from kube.client.interface import Request, WatchHandle

RESOURCES: Final = ("clusterroles", "clusterrolebindings", "roles", "rolebindings")

_BACKOFF: Final = Backoff(initial=0.05, cap=5.0)


class PolicyFollower:
    """Watches as the server itself, which needs no role. A watch that ends is started anew, from the present state."""

    def __init__(
        self, policy: Policy, backend: Backend, table: ResourceTable, user: UserInfo, clock: Clock
    ) -> None:
        self._policy = policy
        self._backend = backend
        self._clock = clock
        self._user = user
        rows = (table.get(GROUP, "v1", plural) for plural in RESOURCES)
        self._rows = tuple(row for row in rows if row is not None)
        self._tasks = TaskOwner("rbac")
        self._log = get_logger(__name__)
        self._watches: dict[str, WatchHandle] = {}

    async def start(self) -> None:
        """Returns when the policy is that of the store. Raises ApiError."""
        for row in self._rows:
            await self._watch(row)

    async def aclose(self) -> None:
        await self._tasks.aclose()
        for handle in self._watches.values():
            handle.cancel()
        self._watches.clear()

    async def _watch(self, row: Resource) -> None:
        sink = _Sink(self._policy, lambda: self._restart(row))
        self._watches[row.plural] = await self._backend.watch(
            Request(verb="watch", resource=row), self._user, sink
        )
        sink.synced(row.kind)

    def _restart(self, row: Resource) -> None:
        if not self._tasks.closed:
            self._tasks.start(self._watch_again(row), name=row.plural)

    async def _watch_again(self, row: Resource) -> None:
        attempt = 0
        while True:
            await self._clock.sleep(_BACKOFF.delay(attempt))
            attempt += 1
            try:
                return await self._watch(row)
            except ApiError as error:
                self._log.warning("cannot watch", resource=row.plural, error=error.message)


class _Sink:
    """Takes the events of one watch. What the initial state lacks has been deleted meanwhile."""

    def __init__(self, policy: Policy, ended: Callable[[], None]) -> None:
        self._policy = policy
        self._ended = ended
        self._initial: set[tuple[str, str]] | None = set()

    def synced(self, kind: str) -> None:
        found, self._initial = self._initial, None
        if found is not None:
            self._policy.retain(kind, found)

    def deliver(self, events: Sequence[StoredEvent]) -> bool:
        for event in events:
            obj: AnyRole | AnyBinding = event.entry.object
            if event.type == "DELETED":
                self._policy.remove(obj)
            elif event.type != "BOOKMARK":
                self._policy.set(obj)
                if self._initial is not None:
                    self._initial.add((obj.metadata.namespace, obj.metadata.name))
        return True

    def closed(self, _: ApiError | None) -> None:
        self._ended()
