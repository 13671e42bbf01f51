"""The scheduler without its shell: takes what the informers say, decides, and says what is to be done. Pure.

Source of the semantics: pkg/scheduler (scheduler.go, eventhandlers.go, schedule_one.go). ``now`` is seconds on a clock that only
moves forward.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from kube.api.helpers.pods import POD_SCHEDULED, is_pod_terminal
from kube.api.types.core_v1 import Node, Pod, PodCondition
from kube.client.typed import TypedClient
from kube.scheduler.cache.cache import Cache
from kube.scheduler.event_handlers import is_pod_updated, node_changes, pod_changes
from kube.scheduler.explain import Explanation, explain
from kube.scheduler.framework.cycle_state import CycleState
from kube.scheduler.framework.events import (
    ASSIGNED_POD_ADD,
    ASSIGNED_POD_DELETE,
    NODE_ADD,
    NODE_DELETE,
    ClusterEvent,
    ClusterEventWithHint,
    Resource,
)
from kube.scheduler.framework.interface import EnqueueExtensions
from kube.scheduler.framework.profile import Profile
from kube.scheduler.framework.runtime import Framework, Handle, PluginFactory
from kube.scheduler.framework.status import Status
from kube.scheduler.plugins.registry import IN_TREE
from kube.scheduler.queue.scheduling_queue import QueuedPod, SchedulingQueue
from kube.scheduler.schedule_one import Placed, Rejected, SchedulingCycle

REASON_UNSCHEDULABLE: Final = "Unschedulable"
REASON_SCHEDULER_ERROR: Final = "SchedulerError"
NOTE_LIMIT: Final = 1024
"""Characters of an event's message."""


class Bind(Struct, frozen=True):
    """Run the binding cycle: wait for Permit, PreBind, Bind; then ``bound`` or ``bind_failed``."""

    queued: QueuedPod
    pod: Pod
    node_name: str
    state: CycleState
    waits: Mapping[str, float]
    framework: Framework


class Failed(Struct, frozen=True):
    """Tell people: an event FailedScheduling with ``note``; and the condition, if it is new, on the pod's status."""

    queued: QueuedPod
    pod: Pod
    note: str
    condition: PodCondition | None
    scheduler_name: str
    is_error: bool


Instruction = Bind | Failed


class Scheduler:
    """Raises ValueError for profiles whose queue sort differs, LookupError for unknown plugins."""

    def __init__(
        self,
        chance: random.Random,
        *,
        profiles: Sequence[Profile] = (Profile(),),
        registry: Mapping[str, PluginFactory] = IN_TREE,
        client: TypedClient | None = None,
    ) -> None:
        self.cache = Cache()
        handle = Handle(self.cache.columns, client)
        self.cycles: dict[str, SchedulingCycle] = {}
        for profile in profiles:
            framework = Framework(profile, registry, handle)
            self.cycles[profile.scheduler_name] = SchedulingCycle(framework, self.cache, chance)
        frameworks = [cycle.framework for cycle in self.cycles.values()]
        if len({framework.queue_sort[0].name for framework in frameworks}) != 1:
            raise ValueError("profiles need the same queue sort plugin")
        self.queue = SchedulingQueue(
            frameworks[0].queue_sort[0].sort_key, self._pre_enqueue, _hints(frameworks)
        )

    def _pre_enqueue(self, pod: Pod) -> Status:
        return self.cycles[pod.spec.scheduler_name].framework.run_pre_enqueue(pod)

    # What the informers say

    def node_changed(self, old: Node | None, new: Node | None, now: float) -> None:
        if new is None:
            assert old is not None
            self.cache.remove_node(old.metadata.name)
            self.queue.move_all(NODE_DELETE, old, None, now)
            return
        self.cache.put_node(new)
        if old is None:
            self.queue.move_all(NODE_ADD, None, new, now)
        else:
            action = node_changes(old, new)
            if action:
                self.queue.move_all(ClusterEvent(Resource.NODE, action), old, new, now)

    def pod_changed(self, old: Pod | None, new: Pod | None, now: float) -> None:
        pod = old if new is None else new
        assert pod is not None
        uid = pod.metadata.uid
        if new is None or is_pod_terminal(new):
            self._pod_gone(pod, now)
        elif new.spec.node_name:
            self.queue.delete(uid)
            self._pod_assigned(old, new, now)
        elif new.spec.scheduler_name in self.cycles:
            if new.metadata.deletion_timestamp is not None:
                self.queue.delete(uid)
                if self.cache.forget(uid):
                    self.queue.move_all(ASSIGNED_POD_DELETE, new, None, now)
                return
            events: tuple[ClusterEvent, ...] = ()
            if old is not None and is_pod_updated(old, new):
                events = pod_changes(Resource.UNSCHEDULED_POD, old, new)
            self.queue.update(new, events, now)

    def _pod_gone(self, pod: Pod, now: float) -> None:
        uid = pod.metadata.uid
        self.queue.delete(uid)
        if self.cache.get(uid) is not None:
            self.cache.remove_pod(uid)
            self.queue.move_all(ASSIGNED_POD_DELETE, pod, None, now)

    def _pod_assigned(self, old: Pod | None, new: Pod, now: float) -> None:
        known = self.cache.get(new.metadata.uid)
        self.cache.put_pod(new)
        if known is None or known.assumed:
            self.queue.move_all(ASSIGNED_POD_ADD, None, new, now)
        elif old is not None and len(self.queue):
            for event in pod_changes(Resource.ASSIGNED_POD, old, new):
                self.queue.move_all(event, old, new, now)

    # Deciding

    def schedule_one(self, now: float) -> Instruction | None:
        """Take the next pod and decide; None when there is none. The pod is assumed on its node from here on."""
        queued = self.queue.pop(now)
        if queued is None:
            return None
        pod = queued.pod
        cycle = self.cycles[pod.spec.scheduler_name]
        result = cycle.run(pod)
        if isinstance(result, Placed):
            return Bind(queued, pod, result.node_name, result.state, result.waits, cycle.framework)
        return self._failed(queued, result, now)

    def bound(self, bind: Bind, now: float) -> None:
        """The API server has taken the binding."""
        uid = bind.pod.metadata.uid
        self.cache.finish_binding(uid, now)
        self.queue.delete(uid)

    def bind_failed(self, bind: Bind, status: Status, now: float) -> Failed | None:
        """The binding cycle has failed: take the assumption back and try again. None if the pod is gone or has a node."""
        uid = bind.pod.metadata.uid
        bind.framework.run_unreserve(bind.state, bind.pod, bind.node_name)
        if self.cache.forget(uid):
            self.queue.move_all(ASSIGNED_POD_DELETE, bind.pod, None, now)
        if self.queue.get(uid) is not bind.queued:
            return None
        plugins = frozenset({status.plugin}) if status.is_rejected else frozenset()
        return self._failed(bind.queued, Rejected(status, status.message, plugins), now)

    def explain(self, pod: Pod) -> Explanation:
        """Why the pod would go where. Raises LookupError for one of another scheduler."""
        return explain(self.cycles[pod.spec.scheduler_name], pod)

    def expire(self, now: float) -> int:
        """Forget the bound pods that the API server never confirmed; returns how many."""
        return len(self.cache.expire(now))

    def _failed(self, queued: QueuedPod, rejected: Rejected, now: float) -> Failed:
        self.queue.add_unschedulable(queued, rejected.plugins, now)
        is_error = not rejected.status.is_rejected
        pod = queued.pod
        reason = REASON_SCHEDULER_ERROR if is_error else REASON_UNSCHEDULABLE
        return Failed(
            queued,
            pod,
            truncated(rejected.message),
            _new_condition(pod, reason, rejected.message),
            pod.spec.scheduler_name,
            is_error,
        )


def _new_condition(pod: Pod, reason: str, message: str) -> PodCondition | None:
    """The PodScheduled condition, unless the pod has it already. Its times are the writer's."""
    for condition in pod.status.conditions:
        if condition.type == POD_SCHEDULED and (condition.status, condition.reason, condition.message) == (
            "False",
            reason,
            message,
        ):
            return None
    return PodCondition(
        type=POD_SCHEDULED,
        status="False",
        reason=reason,
        message=message,
        observed_generation=pod.metadata.generation,
    )


def truncated(note: str) -> str:
    return note if len(note) <= NOTE_LIMIT else f"{note[: NOTE_LIMIT - 4]} ..."


def _hints(frameworks: Sequence[Framework]) -> dict[str, tuple[ClusterEventWithHint, ...]]:
    return {
        plugin.name: tuple(plugin.events_to_register())
        for framework in frameworks
        for plugin in framework.plugins
        if isinstance(plugin, EnqueueExtensions)
    }
