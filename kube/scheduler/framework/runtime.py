"""A framework: the plugins of one profile, sorted by extension point.

Source of the semantics: pkg/scheduler/framework/runtime.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from kube.api.types.core_v1 import Pod
from kube.client.typed import TypedClient
from kube.scheduler.cache.columns import Columns
from kube.scheduler.cache.pod_facts import PodInfo
from kube.scheduler.framework.adapters import PerNodeFilter, PerNodeScore
from kube.scheduler.framework.cycle_state import CycleState
from kube.scheduler.framework.interface import (
    BindPlugin,
    PermitPlugin,
    Plugin,
    PostBindPlugin,
    PostFilterPlugin,
    PreBindPlugin,
    PreEnqueuePlugin,
    PreFilterPlugin,
    PreScorePlugin,
    QueueSortPlugin,
    ReservePlugin,
    VectorFilterPlugin,
    VectorScorePlugin,
)
from kube.scheduler.framework.profile import Profile
from kube.scheduler.framework.status import SUCCESS, Code, Status, unresolvable


class Handle:
    """What a plugin may use beside what it is called with."""

    __slots__ = ("client", "columns")

    def __init__(self, columns: Columns, client: TypedClient | None = None) -> None:
        self.columns = columns
        self.client = client


PluginFactory = Callable[[Any, Handle], Plugin]
"""(args or None, handle) -> plugin."""


class WaitingPod:
    """A pod that Permit plugins have told to wait."""

    __slots__ = ("_done", "_pending", "node_name", "pod")

    def __init__(
        self, pod: Pod, node_name: str, plugins: Iterable[str], done: Callable[[Status], None]
    ) -> None:
        self.pod = pod
        self.node_name = node_name
        self._pending = dict.fromkeys(plugins)
        self._done: Callable[[Status], None] | None = done

    @property
    def pending_plugins(self) -> tuple[str, ...]:
        return tuple(self._pending)

    def allow(self, plugin: str) -> None:
        """The last that allows the pod lets it go on."""
        self._pending.pop(plugin, None)
        if not self._pending:
            self._finish(SUCCESS)

    def reject(self, plugin: str, message: str) -> None:
        self._finish(Status(Code.UNSCHEDULABLE, (message,), plugin))

    def _finish(self, status: Status) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(status)


class Scorer:
    """A Score plugin with its weight and its normalization, if it has one."""

    __slots__ = ("normalize", "of_zeros", "plugin", "weight")

    def __init__(self, plugin: VectorScorePlugin, weight: int, normalize: Any) -> None:
        self.plugin = plugin
        self.weight = weight
        self.normalize = normalize
        self.of_zeros = 0 if normalize is None else weight * int(normalize(np.zeros(1, np.int64))[0])
        """What every node gets where all have 0 before normalization."""


class Framework:
    """Raises LookupError for a plugin that the registry lacks, ValueError where a profile lacks QueueSort or Bind."""

    def __init__(self, profile: Profile, registry: Mapping[str, PluginFactory], handle: Handle) -> None:
        self.name = profile.scheduler_name
        plugins: list[Plugin] = []
        for name in profile.plugins:
            if name not in registry:
                raise LookupError(f"{name} does not exist in the plugin registry")
            plugins.append(registry[name](profile.args.get(name), handle))
        self.plugins = tuple(plugins)
        self.weights = dict(profile.plugins)
        self.pre_enqueue: tuple[PreEnqueuePlugin, ...] = self._with("pre_enqueue")
        self.queue_sort: tuple[QueueSortPlugin, ...] = self._with("sort_key")
        self.pre_filter: tuple[PreFilterPlugin, ...] = self._with("pre_filter")
        self.filters = tuple(self._filters())
        self.post_filter: tuple[PostFilterPlugin, ...] = self._with("post_filter")
        self.pre_score: tuple[PreScorePlugin, ...] = self._with("pre_score")
        self.scorers = tuple(self._scorers())
        self.reserve: tuple[ReservePlugin, ...] = self._with("reserve")
        self.permit: tuple[PermitPlugin, ...] = self._with("permit")
        self.pre_bind: tuple[PreBindPlugin, ...] = self._with("pre_bind")
        self.binders: tuple[BindPlugin, ...] = self._with("bind")
        self.post_bind: tuple[PostBindPlugin, ...] = self._with("post_bind")
        self.waiting_pods: dict[str, WaitingPod] = {}
        self.signed = not any(isinstance(f, PerNodeFilter) for f in self.filters) and not any(
            isinstance(s.plugin, PerNodeScore) for s in self.scorers
        )
        """Whether all answers may be remembered for pods that are alike."""
        if len(self.queue_sort) != 1:
            raise ValueError(f"profile {self.name} needs one queue sort plugin, not {len(self.queue_sort)}")
        if not self.binders:
            raise ValueError(f"profile {self.name} needs at least one bind plugin")

    def _with(self, method: str) -> tuple[Any, ...]:
        """The plugins of an extension point, told by its method: isinstance on a protocol takes 15 us, and there are 350."""
        return tuple(plugin for plugin in self.plugins if hasattr(plugin, method))

    def _filters(self) -> list[VectorFilterPlugin]:
        """Those that judge all nodes at once, and those that judge one by one, adapted."""
        plugin: Any
        found: list[VectorFilterPlugin] = []
        for plugin in self.plugins:
            if hasattr(plugin, "filter_all"):
                found.append(plugin)
            elif hasattr(plugin, "filter"):
                found.append(PerNodeFilter(plugin))
        return found

    def _scorers(self) -> list[Scorer]:
        plugin: Any
        found = []
        for plugin in self.plugins:
            normalize = getattr(plugin, "normalize_score", None)
            weight = self.weights[plugin.name] or 1
            if hasattr(plugin, "score_all"):
                found.append(Scorer(plugin, weight, normalize))
            elif hasattr(plugin, "score"):
                found.append(Scorer(PerNodeScore(plugin), weight, normalize))
        return found

    def run_pre_enqueue(self, pod: Pod) -> Status:
        for plugin in self.pre_enqueue:
            status = plugin.pre_enqueue(pod)
            if not status.is_success:
                return status.said_by(plugin.name)
        return SUCCESS

    def run_pre_filter(
        self, state: CycleState, pod: PodInfo
    ) -> tuple[frozenset[str] | None, Status, list[str]]:
        """The names of the nodes worth asking about (None: all), and the plugins that left some out."""
        names: frozenset[str] | None = None
        skipped = set()
        narrowing: list[str] = []
        for plugin in self.pre_filter:
            result, status = plugin.pre_filter(state, pod)
            if status.is_skip:
                skipped.add(plugin.name)
            elif not status.is_success:
                return None, status.said_by(plugin.name), narrowing
            elif result is not None and result.node_names is not None:
                narrowing.append(plugin.name)
                names = result.node_names if names is None else names & result.node_names
                if not names:
                    return None, _nothing_left(narrowing), narrowing
        state.skip_filter = frozenset(skipped)
        return names, SUCCESS, narrowing

    def run_pre_score(self, state: CycleState, pod: PodInfo) -> None:
        skipped = set()
        for plugin in self.pre_score:
            if plugin.pre_score(state, pod).is_skip:
                skipped.add(plugin.name)
        state.skip_score = frozenset(skipped)

    def run_reserve(self, state: CycleState, pod: Pod, node_name: str) -> Status:
        for plugin in self.reserve:
            status = plugin.reserve(state, pod, node_name)
            if not status.is_success:
                return status.said_by(plugin.name)
        return SUCCESS

    def wait(
        self, pod: Pod, node_name: str, plugins: Iterable[str], done: Callable[[Status], None]
    ) -> "WaitingPod":
        """Let the pod wait for those who permit it; ``done`` hears the outcome once. Found by uid in ``waiting_pods``."""
        waiting = WaitingPod(pod, node_name, plugins, done)
        self.waiting_pods[pod.metadata.uid] = waiting
        return waiting

    def run_unreserve(self, state: CycleState, pod: Pod, node_name: str) -> None:
        for plugin in reversed(self.reserve):
            plugin.unreserve(state, pod, node_name)

    def run_permit(self, state: CycleState, pod: Pod, node_name: str) -> tuple[Status, dict[str, float]]:
        """A rejection, or the plugins that want to wait with their time-outs in seconds."""
        waits: dict[str, float] = {}
        for plugin in self.permit:
            status, timeout = plugin.permit(state, pod, node_name)
            if status.code is Code.WAIT:
                waits[plugin.name] = timeout
            elif not status.is_success:
                return status.said_by(plugin.name), {}
        return SUCCESS, waits

    async def run_pre_bind(self, state: CycleState, pod: Pod, node_name: str) -> Status:
        for plugin in self.pre_bind:
            status = await plugin.pre_bind(state, pod, node_name)
            if not status.is_success:
                if status.is_rejected:
                    return status.said_by(plugin.name)
                text = f'running PreBind plugin "{plugin.name}": {status.message}'
                return Status(Code.ERROR, (text,), plugin.name)
        return SUCCESS

    async def run_bind(self, state: CycleState, pod: Pod, node_name: str) -> Status:
        for plugin in self.binders:
            status = await plugin.bind(state, pod, node_name)
            if status.is_skip:
                continue
            if status.is_success or status.is_rejected:
                return status.said_by(plugin.name)
            text = f'binding rejected: running Bind plugin "{plugin.name}": {status.message}'
            return Status(Code.ERROR, (text,), plugin.name)
        return Status(Code.ERROR, ("binding rejected: no bind plugin has bound the pod",))

    def run_post_bind(self, state: CycleState, pod: Pod, node_name: str) -> None:
        for plugin in self.post_bind:
            plugin.post_bind(state, pod, node_name)


def _nothing_left(plugins: list[str]) -> Status:
    if len(plugins) == 1:
        return unresolvable(f"node(s) didn't satisfy plugin {plugins[0]}").said_by(plugins[0])
    names = " ".join(sorted(plugins))
    return unresolvable(f"node(s) didn't satisfy plugin(s) [{names}] simultaneously").said_by(plugins[-1])
