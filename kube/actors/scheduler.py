"""The scheduler actor: hears of pods and nodes, lets the core decide, binds.

Decisions are made in slices of 5 ms, each over what has been heard until then; bindings are under way all the while, as many as
BINDINGS at once. A restart begins with what the informers hold: what was assumed and not bound is decided anew.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from kube.actors.informer import InformerFactory, Tell
from kube.actors.runtime.actor import Actor
from kube.actors.runtime.ask import Reply, Request
from kube.actors.runtime.errors import MailboxFullError
from kube.actors.runtime.mailbox import MailboxSpec
from kube.api.types.core_v1 import Node, Pod, PodCondition
from kube.apimachinery.errors import ApiError, is_not_found
from kube.apimachinery.time import from_seconds
from kube.base.cause import CURRENT, Cause
from kube.base.metrics import Counter, Histogram
from kube.base.timers import Timer
from kube.client.event_broadcaster import EventBroadcaster, Recorder
from kube.client.events import NORMAL, WARNING
from kube.client.interface import Transport
from kube.client.mutation_detector import MutationDetector
from kube.client.typed import TypedClient
from kube.scheduler.explain import Explanation
from kube.scheduler.framework.profile import Profile
from kube.scheduler.framework.runtime import PluginFactory
from kube.scheduler.framework.status import Status
from kube.scheduler.plugins.registry import IN_TREE
from kube.scheduler.queue.scheduling_queue import Place
from kube.scheduler.scheduler import Bind, Failed, Scheduler

SLICE: Final = 0.005
"""Seconds of deciding before the loop does other things."""
BINDINGS: Final = 512
STATUS_WRITES: Final = 64
EVENTS_QUEUED: Final = 100_000
"""Decisions are faster than the writing of their events; a burst of so many pods loses none."""
_BUCKETS: Final = tuple(0.001 * 2**i for i in range(15))
"""Upstream's, for attempts: 1 ms to 16 s."""


class _PodChanged(msgspec.Struct, frozen=True):
    old: Pod | None
    new: Pod | None


class _NodeChanged(msgspec.Struct, frozen=True):
    old: Node | None
    new: Node | None


class _Synced(msgspec.Struct, frozen=True):
    """The handler of an informer has told all of its first list."""

    kind: str


class Explain(Request[Explanation]):
    """Asks why the pod would go where, as the cluster stands."""

    def __init__(self, pod: Pod) -> None:
        self.pod = pod


class _GoOn(msgspec.Struct, frozen=True):
    """There is more to decide, or to finish."""


class _Due(msgspec.Struct, frozen=True):
    """A back-off is over."""


_GO_ON: Final = _GoOn()


class SchedulerActor(Actor[Any]):
    """Schedules for every profile over one transport. Asked ``"synced"``, it answers when its caches have their first lists."""

    mailbox = MailboxSpec(capacity=8192)

    def __init__(
        self,
        transport: Transport,
        *,
        profiles: Sequence[Profile] = (Profile(),),
        registry: Mapping[str, PluginFactory] = IN_TREE,
        informers: InformerFactory | None = None,
        detector: MutationDetector | None = None,
    ) -> None:
        """``informers``: those of the process, which this one then shares; by default it has its own."""
        self._transport = transport
        self._profiles = profiles
        self._registry = registry
        self._shared = informers
        self._detector = detector
        self._broadcaster: EventBroadcaster | None = None
        self._synced: set[str] = set()
        self._going_on = False
        self._timer: Timer | None = None
        self._waiting: deque[tuple[Bind, Cause | None]] = deque()
        """Decided, and not being bound yet."""
        self._binding = 0
        self._statuses: dict[str, Failed] = {}
        """Conditions to write, the latest of each pod."""
        self._writing = 0
        self._causes: dict[str, Cause] = {}
        """Why each pod waits: the cause of the event that brought it."""

    # Life

    def on_start(self) -> None:
        context = self.context
        self._client = client = TypedClient(self._transport)
        self.core = Scheduler(context.chance, profiles=self._profiles, registry=self._registry, client=client)
        self._broadcaster = EventBroadcaster(
            client, context.clock, context.chance, metrics=context.metrics, max_queued=EVENTS_QUEUED
        )
        self._recorders = {name: self._broadcaster.recorder(name) for name in self.core.cycles}
        self._make_metrics()
        factory = self._shared
        if factory is None:
            factory = InformerFactory(context, self._transport, client.resources, detector=self._detector)
        self.informers = factory
        ref = context.self_ref

        def pod_changed(old: Pod | None, new: Pod | None) -> Iterable[Tell]:
            return ((ref, _PodChanged(old, new)),)

        def node_changed(old: Node | None, new: Node | None) -> Iterable[Tell]:
            return ((ref, _NodeChanged(old, new)),)

        name = context.path
        # Nodes come first, so that the first pods find them.
        factory.informer(Node).add_handler(name, node_changed, on_synced=((ref, _Synced("nodes")),))
        factory.informer(Pod).add_handler(name, pod_changed, on_synced=((ref, _Synced("pods")),))

    async def on_stop(self) -> None:
        if self._shared is not None:
            for kind in (Node, Pod):
                self._shared.informer(kind).remove_handler(self.context.path)
        if self._broadcaster is not None:
            await self._broadcaster.aclose()

    def _make_metrics(self) -> None:
        metrics = self.context.metrics
        self._attempts = metrics.counter(
            "scheduler_schedule_attempts_total",
            "Attempts to schedule pods, by the result.",
            ("result", "profile"),
        )
        self._durations = metrics.histogram(
            "scheduler_scheduling_attempt_duration_seconds",
            "Scheduling attempt latency in seconds, the binding included.",
            ("result", "profile"),
            _BUCKETS,
        )
        self._algorithm: Histogram = metrics.histogram(
            "scheduler_scheduling_algorithm_duration_seconds", "Scheduling algorithm latency.", (), _BUCKETS
        ).child()
        self._pod_attempts: Histogram = metrics.histogram(
            "scheduler_pod_scheduling_attempts",
            "Attempts that it took to schedule a pod.",
            (),
            (1, 2, 4, 8, 16),
        ).child()
        queue = self.core.queue
        parts = (Place.ACTIVE, Place.BACKOFF, Place.UNSCHEDULABLE, Place.GATED)
        metrics.reading(
            "scheduler_pending_pods",
            "Pods that wait, by the part of the queue.",
            lambda: [((part.value,), queue.counts[part]) for part in parts],
            labels=("queue",),
        )
        metrics.reading(
            "scheduler_queue_incoming_pods_total",
            "Pods that came into a part of the queue, by the event.",
            lambda: list(queue.incoming.items()),
            labels=("queue", "event"),
            kind="counter",
        )
        self._results: dict[tuple[str, str], tuple[Counter, Histogram]] = {}

    # Messages

    def receive(self, message: Any) -> Reply[None] | Explanation | None:
        if message == "synced":
            # Beside the mailbox: the informers may wait for room in it.
            return self.context.answer_later(self.informers.wait_synced(), name="wait synced")
        if isinstance(message, Explain):
            return self.core.explain(message.pod)
        self.receive_batch([message])
        return None

    def receive_batch(self, messages: list[Any]) -> None:
        core, now = self.core, self.context.clock.monotonic()
        causes = self.context.causes
        for i, message in enumerate(messages):
            match message:
                case _PodChanged(old, new):
                    self._remember_cause(old, new, causes[i] if i < len(causes) else None)
                    core.pod_changed(old, new, now)
                case _NodeChanged(old_node, new_node):
                    core.node_changed(old_node, new_node, now)
                case _Synced(kind):
                    self._synced.add(kind)
                case _GoOn():
                    self._going_on = False
                case _Due():
                    self._timer = None
                    core.queue.flush_unschedulable(now)
                    core.expire(now)
                case _:
                    raise TypeError(f"not a message of the scheduler: {message!r}")
        if len(self._synced) == 2:
            self._schedule()

    def _remember_cause(self, old: Pod | None, new: Pod | None, cause: Cause | None) -> None:
        if new is None or new.spec.node_name:
            gone = old if new is None else new
            if gone is not None:
                self._causes.pop(gone.metadata.uid, None)
        elif cause is not None and new.spec.scheduler_name in self.core.cycles:
            self._causes[new.metadata.uid] = cause

    # Deciding

    def _schedule(self) -> None:
        """Decide for 5 ms; the rest in the next turn."""
        clock, core = self.context.clock, self.core
        start = now = clock.monotonic()
        more = True
        while len(self._waiting) < BINDINGS:
            instruction = core.schedule_one(now)
            if instruction is None:
                more = False
                break
            then, now = now, clock.monotonic()
            self._algorithm.observe(now - then)
            cause = self._causes.pop(instruction.pod.metadata.uid, None)
            if isinstance(instruction, Bind):
                self._waiting.append((instruction, cause))
            else:
                self._report(instruction, now - then, cause)
            if now - start >= SLICE:
                break
        else:
            more = False  # a binding that ends goes on
        self._start_bindings()
        if more:
            self._go_on()
        self._set_timer()

    def _go_on(self) -> None:
        if not self._going_on:
            try:
                self._going_on = self.context.self_ref.tell(_GO_ON)
            except MailboxFullError:
                self._going_on = False  # what fills the mailbox comes here too

    def _set_timer(self) -> None:
        """One timer, for the earliest back-off that ends."""
        deadline = self.core.queue.next_deadline()
        if deadline is not None and self._timer is None:
            seconds = max(deadline - self.context.clock.monotonic(), 0.01)
            self._timer = self.context.after(min(seconds, 1.0), _Due())

    # Binding

    def _start_bindings(self) -> None:
        start = self.context.tasks.start
        while self._waiting and self._binding < BINDINGS:
            self._binding += 1
            bind, cause = self._waiting.popleft()
            start(self._bind(bind, cause), name="bind")

    async def _bind(self, bind: Bind, cause: Cause | None) -> None:
        """One binding cycle after the other, until none waits."""
        clock = self.context.clock
        while True:
            CURRENT.set(cause)
            began = clock.monotonic()
            status = await self._binding_cycle(bind)
            now = clock.monotonic()
            if status.is_success:
                self.core.bound(bind, now)
                self._say_bound(bind, now - began)
            else:
                failed = self.core.bind_failed(bind, status, now)
                if failed is not None:
                    self._report(failed, now - began, cause)
                self._set_timer()
            if not self._waiting:
                break
            bind, cause = self._waiting.popleft()
        self._binding -= 1
        if self.core.queue.counts[Place.ACTIVE]:
            self._go_on()

    async def _binding_cycle(self, bind: Bind) -> Status:
        framework, state, pod, node = bind.framework, bind.state, bind.pod, bind.node_name
        if bind.waits:
            status = await self._wait_on_permit(bind)
            if not status.is_success:
                return status
        if framework.pre_bind:
            status = await framework.run_pre_bind(state, pod, node)
            if not status.is_success:
                return status
        status = await framework.run_bind(state, pod, node)
        if status.is_success and framework.post_bind:
            framework.run_post_bind(state, pod, node)
        return status

    async def _wait_on_permit(self, bind: Bind) -> Status:
        """Until every plugin that said Wait allows the pod, or one rejects it, or its time is over."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Status] = loop.create_future()
        waiting = bind.framework.wait(bind.pod, bind.node_name, bind.waits, answer.set_result)
        seconds, plugin = min((seconds, name) for name, seconds in bind.waits.items())
        timer = self.context.system.timers.after(
            seconds, lambda: waiting.reject(plugin, f"timeout after waiting {seconds:g}s")
        )
        try:
            return await answer
        finally:
            timer.cancel()
            bind.framework.waiting_pods.pop(bind.pod.metadata.uid, None)

    def _say_bound(self, bind: Bind, seconds: float) -> None:
        metadata = bind.pod.metadata
        profile = bind.framework.name
        self._observe("scheduled", profile, seconds)
        self._pod_attempts.observe(bind.queued.attempts)
        self._recorder(profile).event(
            bind.pod,
            NORMAL,
            "Scheduled",
            f"Successfully assigned {metadata.namespace}/{metadata.name} to {bind.node_name}",
        )

    # Failures

    def _report(self, failed: Failed, seconds: float, cause: Cause | None) -> None:
        self._observe("error" if failed.is_error else "unschedulable", failed.scheduler_name, seconds)
        if failed.is_error:
            metadata = failed.pod.metadata
            self.context.log.error(
                "pod not scheduled", pod=f"{metadata.namespace}/{metadata.name}", error=failed.note
            )
        self._recorder(failed.scheduler_name).event(failed.pod, WARNING, "FailedScheduling", failed.note)
        if cause is not None:
            self._causes.setdefault(failed.pod.metadata.uid, cause)
        if failed.condition is not None:
            self._statuses[failed.pod.metadata.uid] = failed
            if self._writing < STATUS_WRITES:
                self._writing += 1
                self.context.tasks.start(self._write_statuses(), name="status")

    async def _write_statuses(self) -> None:
        while self._statuses:
            uid = next(iter(self._statuses))
            failed = self._statuses.pop(uid)
            queued = self.core.queue.get(uid)
            if queued is None or failed.condition is None:
                continue  # gone, or bound meanwhile
            metadata = failed.pod.metadata
            try:
                await self._client.patch(
                    Pod,
                    metadata.name,
                    self._status_patch(failed.pod, failed.condition),
                    type="strategic",
                    namespace=metadata.namespace,
                    subresource="status",
                )
            except ApiError as error:
                if not is_not_found(error):
                    self.context.log.warning(
                        "status not written", pod=f"{metadata.namespace}/{metadata.name}", error=str(error)
                    )
        self._writing -= 1

    def _status_patch(self, pod: Pod, condition: PodCondition) -> dict[str, Any]:
        """The uid keeps the condition from a pod of the same name that came later."""
        since = from_seconds(self.context.clock.now())
        for known in pod.status.conditions:
            if known.type == condition.type and known.status == condition.status:
                since = known.last_transition_time or since
        document = {
            "type": condition.type,
            "status": condition.status,
            "reason": condition.reason,
            "message": condition.message,
            "observedGeneration": condition.observed_generation,
            "lastTransitionTime": since,
        }
        return {"metadata": {"uid": pod.metadata.uid}, "status": {"conditions": [document]}}

    def _recorder(self, profile: str) -> Recorder:
        return self._recorders[profile]

    def _observe(self, result: str, profile: str, seconds: float) -> None:
        found = self._results.get((result, profile))
        if found is None:
            found = self._results[result, profile] = (
                self._attempts.child(result, profile),
                self._durations.child(result, profile),
            )
        found[0].inc()
        found[1].observe(seconds)
