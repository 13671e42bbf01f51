"""The informer actor: a watch stream that arrives in a mailbox, and the cache that all of a process share.

``WatchStream`` is the part that any actor can have for itself (a kubelet for its pods); ``InformerActor`` owns one for
everybody, and tells what its handlers say. The rules of listing and watching are ``kube.client.reflector``'s.
"""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any, Final, Generic, TypeVar, overload

import msgspec

from kube.actors.runtime.actor import Actor
from kube.actors.runtime.context import Context
from kube.actors.runtime.errors import ActorStoppedError, MailboxFullError
from kube.actors.runtime.mailbox import MailboxSpec, Overflow
from kube.actors.runtime.ref import Ref
from kube.api.resources import Resource, ResourceTable
from kube.apimachinery.errors import ApiError
from kube.apimachinery.watch import AnyWatchEvent
from kube.base.cause import CURRENT, Cause
from kube.client.interface import ObjectList, Options, Request, Transport, WatchHandle
from kube.client.keys import HasMetadata, meta_namespace_key
from kube.client.kinds import Untyped, resource_of
from kube.client.lister import Lister
from kube.client.mutation_detector import MutationDetector
from kube.client.reflector import Instruction, ListObjects, Reflector, WatchObjects
from kube.client.store import Change, Indexer, IndexFunction

T = TypeVar("T", bound=HasMetadata)

TURN_CHANGES: Final = 256
"""Changes that one turn of the loop hands out; a longer list goes on in the next."""

Tell = tuple[Ref[Any], Any]
"""A message and for whom. Keys, for a mailbox that coalesces; facts, for one that waits or closes."""

Handler = Callable[[T | None, T | None], Iterable[Tell]]
"""Maps a change (old, new) to what is told of it. Pure and quick; see ``kube.client.store.Change``."""


class Selection(msgspec.Struct, frozen=True):
    """What of a resource a stream covers; empty selectors cover everything."""

    resource: Resource
    namespace: str = ""
    label_selector: str = ""
    field_selector: str = ""


class _Listed(msgspec.Struct, frozen=True):
    result: ObjectList[Any]


class _ListFailed(msgspec.Struct, frozen=True):
    error: ApiError


class _Events(msgspec.Struct, frozen=True):
    sink: "_Sink"
    events: Sequence[AnyWatchEvent]


class _Ended(msgspec.Struct, frozen=True):
    """The stream was closed or, where ``accepted`` is false, not accepted."""

    sink: "_Sink"
    error: ApiError | None
    accepted: bool = True


class _Due(msgspec.Struct, frozen=True):
    """A back-off has passed."""

    instruction: Instruction


StreamMessage = _Listed | _ListFailed | _Events | _Ended | _Due
"""What a stream tells its own actor. The actor passes it to ``WatchStream.receive``."""


class _Sink:
    """One watch request's receiver. Events that were delivered to one that was replaced are not applied."""

    __slots__ = ("_ref", "_stream")

    def __init__(self, stream: "WatchStream[Any]", ref: Ref[StreamMessage]) -> None:
        self._stream = stream
        self._ref = ref

    def deliver(self, events: Sequence[AnyWatchEvent]) -> bool:
        if self._stream.sink is not self:
            return False
        try:
            return self._ref.tell(_Events(self, events))
        except MailboxFullError:
            self._stream.resume_later()
            return False

    def closed(self, error: ApiError | None) -> None:
        if self._stream.sink is self:
            self._stream.tell(_Ended(self, error))


class WatchStream(Generic[T]):
    """Lists and watches for one actor, by messages in that actor's mailbox, into ``reflector.indexer``.

    The owner calls ``start`` (in ``on_start``), ``stop`` (in ``on_stop``), iterates ``receive`` for each
    ``StreamMessage``, and calls ``resume`` from ``on_overflow`` if its mailbox closes when full. An idle stream has no
    task. The reflector may outlive the stream: the next one goes on where it stands.
    """

    __slots__ = ("_context", "_handle", "_transport", "reflector", "selection", "sink")

    def __init__(
        self, context: Context[Any], transport: Transport, selection: Selection, reflector: Reflector[T]
    ) -> None:
        self._context = context
        self._transport = transport
        self.selection = selection
        self.reflector = reflector
        self.sink: _Sink | None = None
        self._handle: WatchHandle | None = None

    @property
    def lister(self) -> Lister[T]:
        return self.reflector.indexer

    def start(self) -> None:
        """List and then watch; where there was a stream before, watch from where it stood."""
        reflector = self.reflector
        if reflector.complete:
            self._execute(reflector.watch(self._now()))
        else:
            self._execute(reflector.start())

    resume = start

    def stop(self) -> None:
        """End the stream. Idempotent."""
        self.sink = None
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.cancel()

    def resume_later(self) -> None:
        """The mailbox had no room: go on from the last version once what waits in it is handled."""
        self.stop()
        self.tell(_Due(self.reflector.watch(self._now())))

    def tell(self, message: StreamMessage) -> None:
        """Tell the stream's own actor, as soon as its mailbox has room."""
        try:
            self._context.self_ref.tell(message)
        except MailboxFullError:
            self._context.after(0, message)

    def receive(self, message: StreamMessage) -> Iterator[Change[T]]:
        """The changes that a message brings, as ``steps`` gives them, one by one."""
        for changes in self.steps(message):
            yield from changes

    def steps(self, message: StreamMessage) -> Iterator[Sequence[Change[T]]]:
        """The changes that a message brings, those of one event together; they are in the cache when they are given.

        Given under the cause of the event. Iterate to the end: whoever fails between two steps gets the rest after a
        restart.
        """
        match message:
            case _Events(sink, events):
                if sink is self.sink:
                    yield from self._apply(events)
            case _Listed(result):
                for change in self.reflector.listed(result.items, result.resource_version):
                    yield (change,)
                self._execute(self.reflector.watch(self._now()))
            case _ListFailed(error):
                for change in self.reflector.list_refused(error):
                    yield (change,)
                self._execute(self.reflector.list_failed(error, self._now()))
            case _Ended(sink, error, accepted):
                if sink is self.sink:
                    self._execute(self._after(error, accepted=accepted))
            case _Due(instruction):
                self._execute(instruction)

    def _apply(self, events: Sequence[AnyWatchEvent]) -> Iterator[Sequence[Change[T]]]:
        apply = self.reflector.event
        current = CURRENT.get()
        for event in events:
            CURRENT.set(event.cause if event.cause is not None else current)
            if changes := apply(event):
                yield changes
        CURRENT.set(current)

    def _after(self, error: ApiError | None, *, accepted: bool) -> Instruction:
        if accepted:
            return self.reflector.watch_closed(error, self._now())
        assert error is not None
        return self.reflector.watch_failed(error, self._now())

    def _execute(self, instruction: Instruction) -> None:
        self.stop()
        match instruction:
            case ListObjects(version, after=0.0):
                self._context.tasks.start(self._list(version), name="list")
            case WatchObjects(version, seconds, after=0.0):
                self.sink = _Sink(self, self._context.self_ref)
                self._context.tasks.start(self._watch(self.sink, version, seconds), name="watch")
            case ListObjects(version):
                self._context.after(instruction.after, _Due(ListObjects(version)))
            case WatchObjects(version, seconds):
                self._context.after(instruction.after, _Due(WatchObjects(version, seconds)))

    async def _list(self, version: str) -> None:
        request = self._request("list", Options(resource_version=version or None, **self._selectors()))
        try:
            result = await self._transport.call(request)
        except ApiError as error:
            self.tell(_ListFailed(error))
        else:
            self.tell(_Listed(result))

    async def _watch(self, sink: _Sink, version: str, seconds: int) -> None:
        options = Options(
            resource_version=version,
            timeout_seconds=seconds,
            allow_watch_bookmarks=True,
            **self._selectors(),
        )
        try:
            handle = await self._transport.watch(self._request("watch", options), sink)
        except ApiError as error:
            self.tell(_Ended(sink, error, accepted=False))
            return
        if self.sink is sink:
            self._handle = handle
        else:
            handle.cancel()

    def _selectors(self) -> dict[str, Any]:
        selection = self.selection
        return {"label_selector": selection.label_selector, "field_selector": selection.field_selector}

    def _request(self, verb: Any, options: Options) -> Request:
        selection = self.selection
        return Request(verb=verb, resource=selection.resource, namespace=selection.namespace, options=options)

    def _now(self) -> float:
        return self._context.clock.monotonic()


class _Replay(msgspec.Struct, frozen=True):
    """A handler came: what is in the cache is new to it."""

    name: str


class _Resume(msgspec.Struct, frozen=True):
    """The actor has started: what an earlier one has left goes on."""


class _Registration:
    __slots__ = ("handler", "on_synced")

    def __init__(self, handler: Handler[Any], on_synced: tuple[Tell, ...]) -> None:
        self.handler = handler
        self.on_synced = on_synced
        """Told once, when the handler has been told a synced cache; empty after that."""


class Informer(Generic[T]):
    """The cache of one selection, and who hears of its changes: what is left when its actor is restarted."""

    __slots__ = (
        "_synced",
        "coming",
        "detector",
        "live",
        "ref",
        "reflector",
        "replays",
        "selection",
        "unsaid",
    )

    def __init__(
        self, selection: Selection, chance: random.Random, detector: MutationDetector | None
    ) -> None:
        self.selection = selection
        self.reflector: Reflector[T] = Reflector(Indexer(), chance)
        self.detector = detector
        self.coming: dict[str, _Registration] = {}
        """Handlers that have yet to be told what is in the cache."""
        self.live: dict[str, _Registration] = {}
        self.replays: deque[tuple[_Registration, Iterator[Any]]] = deque()
        """What of the cache is still to be told as additions, and to whom, before anything that changes the cache."""
        self.unsaid: deque[tuple[Ref[Any], Any, Cause | None]] = deque()
        """What handlers have said and its receivers had no room for, in its order, before anything else is told. Neither is
        lost with the actor; what it was about to say when it failed may be told twice."""
        self.ref: Ref[Any] | None = None
        """The actor that keeps the cache; set by the factory."""
        self._synced: asyncio.Future[None] | None = None

    @property
    def lister(self) -> Lister[T]:
        return self.reflector.indexer

    @property
    def has_synced(self) -> bool:
        """Whether the first list is in the cache."""
        return self.reflector.synced

    async def wait_synced(self) -> None:
        if self.reflector.synced:
            return
        if self._synced is None:
            self._synced = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._synced)

    def add_index(self, name: str, function: IndexFunction[T]) -> None:
        """As ``Indexer.add_index``; listers use it by ``by_index(name, value)``."""
        self.reflector.indexer.add_index(name, function)

    def add_handler(self, name: str, handler: Handler[T], *, on_synced: Iterable[Tell] = ()) -> None:
        """Tell, from the actor's next turn on, what ``handler`` says: of all that is in the cache as additions, then of
        each change; and ``on_synced`` once, behind the additions of the first list.

        A handler of the same name is replaced, so that an actor that was restarted adds its own again.
        """
        self.live.pop(name, None)
        self.coming[name] = _Registration(handler, tuple(on_synced))
        if self.ref is not None:
            self.ref.tell(_Replay(name))

    def remove_handler(self, name: str) -> None:
        """Unknown names are fine."""
        self.coming.pop(name, None)
        self.live.pop(name, None)

    def say_synced(self) -> None:
        """The actor's: wake who waits."""
        if self._synced is not None and not self._synced.done():
            self._synced.set_result(None)


class InformerActor(Actor[Any]):
    """Keeps an informer's cache and carries out what its handlers say.

    A full mailbox closes the watch, which goes on from the last version once the mailbox is drained. A handler that
    raises has no part in the change that it raised on; all others get theirs, then the actor fails and is restarted, and
    goes on telling where it was.
    """

    mailbox = MailboxSpec(capacity=256, overflow=Overflow.CLOSE)

    def __init__(self, informer: Informer[Any], transport: Transport) -> None:
        self._informer = informer
        self._transport = transport
        self._stream: WatchStream[Any] | None = None
        self._failure: Exception | None = None

    def on_start(self) -> None:
        informer = self._informer
        self._stream = WatchStream(self.context, self._transport, informer.selection, informer.reflector)
        self._stream.start()
        self.context.self_ref.tell(_Resume())

    def on_stop(self) -> None:
        if self._stream is not None:
            self._stream.stop()

    def on_overflow(self, lost: int) -> None:
        self.context.log.warning("informer fell behind", lost=lost)
        self.context.metrics.counter(
            "informer_streams_broken_total", "Watches closed because the informer's mailbox was full."
        ).child().inc()
        self.on_stop()
        self.on_start()

    def receive(self, message: StreamMessage | _Replay | _Resume) -> Awaitable[None] | None:
        steps: Iterator[Sequence[Change[Any]]] = iter(())
        match message:
            case _Replay(name):
                self._replay(name)
            case _Resume():
                for name in tuple(self._informer.coming):
                    self._replay(name)
            case _:
                assert self._stream is not None
                steps = self._stream.steps(message)
        return self._hand_out(steps)

    def _replay(self, name: str) -> None:
        informer = self._informer
        registration = informer.coming.pop(name, None)
        if registration is not None:
            informer.live[name] = registration
            informer.replays.append((registration, iter(informer.lister.list())))

    def _hand_out(self, steps: Iterator[Sequence[Change[Any]]]) -> Awaitable[None] | None:
        """Until the first that a receiver has no room for, or as many as one turn takes; a task does the rest."""
        work = self._work(steps)
        unsaid = self._informer.unsaid
        for _ in range(TURN_CHANGES):
            if unsaid:
                break
            if next(work, None) is None:
                return self._finish()
        return self._hand_out_rest(work)

    async def _hand_out_rest(self, work: Iterator[bool]) -> None:
        await self._say()
        left = 1
        for _ in work:
            left -= 1
            if not left:
                await asyncio.sleep(0)
                left = TURN_CHANGES
            await self._say()
        rest = self._finish()
        if rest is not None:
            await rest

    def _work(self, steps: Iterator[Sequence[Change[Any]]]) -> Iterator[bool]:
        """What there is to tell, a step at a time: the replays that wait, then what changes the cache."""
        informer = self._informer
        replays = informer.replays
        while replays:
            registration, additions = replays[0]
            for obj in additions:
                self._tell(((None, obj),), (registration,))
                yield True
            replays.popleft()
        live = tuple(informer.live.values())
        for changes in steps:
            self._tell(changes, live)
            yield True

    def _tell(self, changes: Sequence[Change[Any]], to: tuple[_Registration, ...]) -> None:
        """Tell what the handlers say of a step."""
        detector = self._informer.detector
        for old, new in changes:
            if detector is not None and new is not None:
                detector.observe(new)
            for registration in to:
                try:
                    self._told(registration.handler(old, new))
                except Exception as error:  # noqa: BLE001  # raised again when the others have had theirs
                    self._failure = self._failure or error

    def _told(self, tells: Iterable[Tell]) -> None:
        """Tell; what has no room is kept. Who is stopped, or whose stream is broken, has no use for it."""
        for ref, message in tells:
            try:
                ref.tell(message)
            except MailboxFullError:
                self._informer.unsaid.append((ref, message, CURRENT.get()))

    async def _say(self) -> None:
        """Wait until all that is unsaid has found room."""
        unsaid = self._informer.unsaid
        if not unsaid:
            return
        current = CURRENT.get()
        while unsaid:
            ref, message, cause = unsaid[0]
            CURRENT.set(cause)
            with contextlib.suppress(ActorStoppedError):  # it has no use for the message any more
                await ref.tell_wait(message)
            unsaid.popleft()
        CURRENT.set(current)

    def _finish(self) -> Awaitable[None] | None:
        """A message is handled: say that the cache is synced to whom that is new; fail if a handler did."""
        informer = self._informer
        if informer.has_synced:
            informer.say_synced()
            for registration in informer.live.values():
                on_synced, registration.on_synced = registration.on_synced, ()
                self._told(on_synced)
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        return self._say() if informer.unsaid else None


class InformerFactory:
    """The informers of one process and transport: one per selection, however many ask for it.

    Their actors are children of the one whose context this is.
    """

    def __init__(
        self,
        context: Context[Any],
        transport: Transport,
        resources: ResourceTable,
        *,
        detector: MutationDetector | None = None,
    ) -> None:
        self._context = context
        self._transport = transport
        self._resources = resources
        self._detector = detector
        self._informers: dict[tuple[str, ...], Informer[Any]] = {}

    @overload
    def informer(
        self,
        kind: type[T],
        *,
        namespace: str = ...,
        label_selector: str = ...,
        field_selector: str = ...,
    ) -> Informer[T]: ...
    @overload
    def informer(
        self,
        kind: Untyped,
        *,
        namespace: str = ...,
        label_selector: str = ...,
        field_selector: str = ...,
    ) -> Informer[Any]: ...
    def informer(
        self,
        kind: type[Any] | Untyped,
        *,
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
    ) -> Informer[Any]:
        """The shared informer, started when it is first asked for. Raises LookupError for an unknown kind."""
        resource = resource_of(self._resources, kind)
        key = (*resource.gvr, namespace, label_selector, field_selector)
        informer = self._informers.get(key)
        if informer is None:
            selection = Selection(resource, namespace, label_selector, field_selector)
            informer = self._informers[key] = Informer(selection, self._context.chance, self._detector)
            name = ":".join((f"{resource.group_resource}.{resource.version}", *filter(None, key[3:])))
            informer.ref = self._spawn(informer, name)
        return informer

    async def remove(self, informer: Informer[Any]) -> None:
        """Stop an informer that nobody needs any more (its resource is gone); asked for again, it starts anew."""
        for key, known in tuple(self._informers.items()):
            if known is informer:
                del self._informers[key]
                if informer.ref is not None:
                    await self._context.stop_child(informer.ref)

    def lister(self, kind: type[T]) -> Lister[T]:
        """The cache of all objects of a kind."""
        return self.informer(kind).lister

    def __iter__(self) -> Iterator[Informer[Any]]:
        return iter(tuple(self._informers.values()))

    @property
    def has_synced(self) -> bool:
        return all(informer.has_synced for informer in self)

    async def wait_synced(self) -> None:
        """Until every informer that was asked for has its first list."""
        for informer in self:
            await informer.wait_synced()

    def _spawn(self, informer: Informer[Any], name: str) -> Ref[Any]:
        return self._context.spawn(lambda: InformerActor(informer, self._transport), name=name)


def enqueue(ref: Ref[Any]) -> Handler[Any]:
    """The handler that tells ``ref`` the key of whatever changed."""

    def handler(old: HasMetadata | None, new: HasMetadata | None) -> Iterable[Tell]:
        obj = old if new is None else new
        assert obj is not None
        return ((ref, meta_namespace_key(obj)),)

    return handler
