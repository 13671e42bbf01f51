"""An informer for programs: a cache that follows the server, with callbacks, run by a task of its own.

The cluster's own components use the informer actor (``kube.actors.informer``); the rules are the reflector's for both.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar, overload

from msgspec.structs import replace

from kube.apimachinery.errors import ApiError
from kube.base.chance import Chance
from kube.base.clock import Clock, SystemClock
from kube.base.logging import get_logger
from kube.base.tasks import TaskOwner
from kube.client.client import Client
from kube.client.errors import WatchFellBehindError
from kube.client.interface import ObjectList, Options, Request
from kube.client.keys import HasMetadata
from kube.client.kinds import Untyped
from kube.client.lister import Lister
from kube.client.reflector import Instruction, ListObjects, Reflector, WatchObjects
from kube.client.store import Change, Indexer, IndexFunction
from kube.client.watch import Watch

T = TypeVar("T", bound=HasMetadata)

TURN_CHANGES: Final = 256


class _Handler(Generic[T]):
    __slots__ = ("add", "delete", "update")

    def __init__(
        self,
        add: Callable[[T], object] | None,
        update: Callable[[T, T], object] | None,
        delete: Callable[[T], object] | None,
    ) -> None:
        self.add = add
        self.update = update
        self.delete = delete

    def __call__(self, change: Change[T]) -> None:
        match change:
            case (None, new) if new is not None:
                if self.add is not None:
                    self.add(new)
            case (old, None) if old is not None:
                if self.delete is not None:
                    self.delete(old)
            case (old, new) if old is not None and new is not None and self.update is not None:
                self.update(old, new)


class Informer(Generic[T]):
    """Follows all objects of a kind, or those that the selectors match.

    ``async with Informer(client, Pod) as pods: await pods.wait_synced(); pods.lister.get("default", "web")``. A
    callback that raises ends the informer: ``wait_synced`` and the end of the block raise what it raised.
    """

    @overload
    def __init__(
        self: "Informer[T]",
        client: Client,
        kind: type[T],
        *,
        namespace: str = ...,
        label_selector: str = ...,
        field_selector: str = ...,
        indexes: Mapping[str, IndexFunction[T]] | None = ...,
        clock: Clock | None = ...,
        chance: Chance | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self: "Informer[Any]",
        client: Client,
        kind: Untyped,
        *,
        namespace: str = ...,
        label_selector: str = ...,
        field_selector: str = ...,
        indexes: Mapping[str, IndexFunction[Any]] | None = ...,
        clock: Clock | None = ...,
        chance: Chance | None = ...,
    ) -> None: ...
    def __init__(
        self,
        client: Client,
        kind: type[Any] | Untyped,
        *,
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
        indexes: Mapping[str, IndexFunction[Any]] | None = None,
        clock: Clock | None = None,
        chance: Chance | None = None,
    ) -> None:
        self._transport = client.transport
        self._resource = client.resource(kind)
        self._namespace = namespace
        self._options = Options(label_selector=label_selector, field_selector=field_selector)
        self._clock: Clock = clock if clock is not None else SystemClock()
        self._indexer: Indexer[T] = Indexer(indexes)
        self._reflector = Reflector(self._indexer, chance if chance is not None else Chance.system())
        self._handlers: list[_Handler[T]] = []
        self._tasks = TaskOwner(f"informer {self._resource.group_resource}", on_error=self._failed)
        self._synced: asyncio.Future[None] | None = None
        self._failure: BaseException | None = None
        self._log = get_logger(__name__).bind(resource=self._resource.group_resource)

    @property
    def lister(self) -> Lister[T]:
        return self._indexer

    @property
    def has_synced(self) -> bool:
        """Whether the first list is in the cache and every callback has heard of it."""
        return self._synced is not None and self._synced.done() and self._failure is None

    async def wait_synced(self) -> None:
        """Raises RuntimeError when the informer is not started, or closed before."""
        if self._synced is None:
            raise RuntimeError("the informer is not started")
        await asyncio.shield(self._synced)

    def add_index(self, name: str, function: IndexFunction[T]) -> None:
        self._indexer.add_index(name, function)

    def add_handler(
        self,
        add: Callable[[T], object] | None = None,
        update: Callable[[T, T], object] | None = None,
        delete: Callable[[T], object] | None = None,
    ) -> Callable[[], None]:
        """Call back for each change, with old and new; what is in the cache is added now. Returns what removes it.

        An object that was made again under its name is deleted and added, never updated.
        """
        handler = _Handler(add, update, delete)
        for obj in self._indexer.list():
            handler((None, obj))
        self._handlers.append(handler)

        def remove() -> None:
            if handler in self._handlers:
                self._handlers.remove(handler)

        return remove

    def start(self) -> None:
        """Begin to list and watch, on the running loop. Raises RuntimeError the second time."""
        if self._synced is not None:
            raise RuntimeError("the informer was started before")
        self._synced = asyncio.get_running_loop().create_future()
        self._tasks.start(self._run(), name="run")

    async def aclose(self) -> None:
        """Stop; the cache stays as it is."""
        await self._tasks.aclose()
        if self._synced is not None and not self._synced.done():
            self._synced.set_exception(RuntimeError("the informer was closed before it was synced"))
            self._synced.exception()  # told to who waits; nobody has to

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
        if self._failure is not None and error is None:
            raise self._failure

    async def _run(self) -> None:
        instruction: Instruction = self._reflector.start()
        while True:
            if instruction.after:
                await self._clock.sleep(instruction.after)
            if isinstance(instruction, ListObjects):
                instruction = await self._list(instruction)
            else:
                instruction = await self._watch(instruction)

    async def _list(self, instruction: ListObjects) -> Instruction:
        options = replace(self._options, resource_version=instruction.resource_version or None)
        request = Request(verb="list", resource=self._resource, namespace=self._namespace, options=options)
        reflector = self._reflector
        try:
            listed: ObjectList[T] = await self._transport.call(request)
        except ApiError as error:
            self._log.info("list failed", error=str(error))
            await self._tell(reflector.list_refused(error))
            self._say_synced()
            return reflector.list_failed(error, self._clock.monotonic())
        await self._tell(reflector.listed(listed.items, listed.resource_version))
        self._say_synced()
        return reflector.watch(self._clock.monotonic())

    async def _watch(self, instruction: WatchObjects) -> Instruction:
        options = replace(
            self._options,
            resource_version=instruction.resource_version,
            timeout_seconds=instruction.timeout_seconds,
            allow_watch_bookmarks=True,
        )
        request = Request(verb="watch", resource=self._resource, namespace=self._namespace, options=options)
        reflector = self._reflector
        events: Watch[T] = Watch(self._transport, request)
        try:
            await events.start()
        except ApiError as error:
            self._log.info("watch refused", error=str(error))
            return reflector.watch_failed(error, self._clock.monotonic())
        try:
            async with events:
                async for event in events:
                    await self._tell(reflector.event(event))
        except WatchFellBehindError:
            return reflector.watch(self._clock.monotonic())
        except ApiError as error:
            return reflector.watch_closed(error, self._clock.monotonic())
        return reflector.watch_closed(None, self._clock.monotonic())

    async def _tell(self, changes: Iterable[Change[T]]) -> None:
        for number, change in enumerate(changes, 1):
            for handler in tuple(self._handlers):
                handler(change)
            if number % TURN_CHANGES == 0:
                await asyncio.sleep(0)

    def _say_synced(self) -> None:
        if self._reflector.synced and self._synced is not None and not self._synced.done():
            self._synced.set_result(None)

    def _failed(self, _: object, error: BaseException) -> None:
        self._failure = error
        self._log.error("informer failed", exc_info=error)
        if self._synced is not None and not self._synced.done():
            self._synced.set_exception(error)
            self._synced.exception()  # told to who waits; nobody has to
