"""The controller manager: one informer for each resource that some controller watches, one actor for each controller."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final, TypeVar

from kube.actors.controller import AddAfter, Synced
from kube.actors.controller import Controller as ControllerActor
from kube.actors.controller import Message as ControllerMessage
from kube.actors.informer import InformerFactory
from kube.actors.runtime.actor import Actor
from kube.actors.runtime.ask import Reply, Request
from kube.actors.runtime.errors import ActorStoppedError
from kube.actors.runtime.ref import Ref
from kube.apimachinery.errors import ApiError
from kube.client.event_broadcaster import EventBroadcaster
from kube.client.interface import Transport
from kube.client.mutation_detector import MutationDetector
from kube.client.typed import TypedClient
from kube.controllers.framework import Controller, Environment, Watch

R = TypeVar("R")

NewController = Callable[[Environment], Controller]


class WaitSynced(Request[None]):
    """Answered when every cache of the manager holds its first list."""


EVENT_SOURCES: Final[Mapping[str, str]] = {
    "replicationcontroller": "replication-controller",
    "nodelifecycle": "node-controller",
    "endpointslice": "endpoint-slice-controller",
    "garbagecollector": "garbage-collector-controller",
    "nodeipam": "cidrAllocator",
}
"""Who the events of a controller come from, where that is not ``NAME-controller``."""


def enabled(names: Iterable[str], selection: Sequence[str]) -> tuple[str, ...]:
    """What ``--controllers`` leaves on: ``*`` is all, ``name`` one more, ``-name`` one less; the first that matches decides.

    Raises ValueError for a name that no controller has.
    """
    known = tuple(names)
    for item in selection:
        if item != "*" and item.lstrip("-") not in known:
            raise ValueError(f'"{item.lstrip("-")}" is not in the list of known controllers')

    def is_on(name: str) -> bool:
        if f"-{name}" in selection:
            return False
        return any(fnmatchcase(name, item) for item in selection)

    return tuple(name for name in known if is_on(name))


async def gather(calls: Sequence[Callable[[], Awaitable[R]]]) -> list[R | Exception]:
    """``Environment.gather`` on the event loop. Cancelling it cancels them all.

    What is no refusal and no broken connection is a fault of the caller's, and is raised when all calls are over.
    """
    if len(calls) == 1:
        try:
            return [await calls[0]()]
        except (ApiError, OSError) as error:
            return [error]
    results = await asyncio.gather(*(call() for call in calls), return_exceptions=True)
    answers: list[R | Exception] = []
    for result in results:
        if not isinstance(result, BaseException) or isinstance(result, (ApiError, OSError)):
            answers.append(result)
        else:
            raise result
    return answers


class ControllerManager(Actor[WaitSynced]):
    """Starts the controllers that it is given, in their order, over one transport."""

    stop_timeout: Final = 1.0  # type: ignore[misc]  # a constant here, a class variable above

    def __init__(
        self,
        transport: Transport,
        initializers: Mapping[str, NewController],
        *,
        controllers: Sequence[str] = ("*",),
        detector: MutationDetector | None = None,
    ) -> None:
        self._transport = transport
        self._initializers = initializers
        self._names = enabled(initializers, controllers)
        self._detector = detector
        self._broadcaster: EventBroadcaster | None = None

    def on_start(self) -> None:
        context = self.context
        self._client = TypedClient(self._transport)
        self.informers = InformerFactory(
            context, self._transport, self._client.resources, detector=self._detector
        )
        self._broadcaster = EventBroadcaster(
            self._client, context.clock, context.chance, metrics=context.metrics
        )
        for name in self._names:
            self._start(name, self._initializers[name])

    async def on_stop(self) -> None:
        if self._broadcaster is not None:
            await self._broadcaster.aclose()

    def receive(self, message: WaitSynced) -> Reply[None]:  # noqa: ARG002  # the only message
        return self.context.answer_later(self.informers.wait_synced(), name="wait synced")

    def _start(self, name: str, initializer: NewController) -> None:
        broadcaster = self._broadcaster
        assert broadcaster is not None
        recorder = broadcaster.recorder(EVENT_SOURCES.get(name, f"{name}-controller"))
        ref: Ref[ControllerMessage]

        def enqueue_after(key: str, seconds: float) -> None:
            try:
                ref.tell(AddAfter(key, seconds) if seconds > 0 else key)
            except ActorStoppedError:
                return

        environment = Environment(
            client=self._client,
            listers=self.informers,
            recorder=recorder,
            now=self.context.clock.now,
            monotonic=self.context.clock.monotonic,
            chance=self.context.chance.fork(name),
            gather=gather,
            enqueue_after=enqueue_after,
        )

        def factory() -> ControllerActor:
            controller = initializer(environment)
            return ControllerActor(
                controller.name,
                controller,
                subscribe=lambda own: self._subscribe(controller, own),
                workers=controller.workers,
            )

        ref = self.context.spawn(factory, name=name)

    def _subscribe(self, controller: Controller, ref: Ref[ControllerMessage]) -> list[str]:
        sources = []
        for number, watch in enumerate(controller.watches()):
            informer = self.informers.informer(watch.kind)
            for index, function in watch.indexes.items():
                informer.add_index(index, function)
            source = f"{controller.name}/{number}"
            informer.add_handler(source, _handler(watch, ref), on_synced=((ref, Synced(source)),))
            sources.append(source)
        return sources


def _handler(watch: Watch[Any], ref: Ref[ControllerMessage]) -> Callable[[Any, Any], Iterable[Any]]:
    keys = watch.keys
    if keys is None:
        return lambda _old, _new: ()
    return lambda old, new: [(ref, key) for key in keys(old, new)]
