"""Notices nodes that are no longer heard of: their conditions, taints and pods.

Semantics: pkg/controller/nodelifecycle.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from msgspec import Struct, field
from msgspec.structs import replace

from kube.api.helpers.nodes import NODE_READY, get_condition, is_node_ready, zone_key
from kube.api.types.coordination_v1 import Lease
from kube.api.types.core_v1 import Node, ObjectReference, Pod
from kube.apimachinery.errors import is_conflict, is_not_found
from kube.apimachinery.time import Time, from_seconds
from kube.base.logging import get_logger
from kube.client.events import NORMAL, WARNING
from kube.client.lister import Lister
from kube.controllers.framework import Environment, Result, Watch
from kube.controllers.nodelifecycle.health import Health, is_overdue, observe, unknown_conditions
from kube.controllers.nodelifecycle.pods import BY_NODE, INDEX, not_ready, patch_condition, to_mark_not_ready
from kube.controllers.nodelifecycle.taints import no_execute_changes, no_schedule_changes, write_taints
from kube.controllers.nodelifecycle.zones import Rates, Zone, update_zones

_LOG: Final = get_logger(__name__)

NODE_LEASES: Final = "kube-node-lease"
EXCLUDED: Final = "node.kubernetes.io/exclude-disruption"
MONITOR: Final = "monitor"
TAINT: Final = "taint"
NODE_PREFIX: Final = "node/"
POD_PREFIX: Final = "pod/"
LEAST_PAUSE: Final = 0.1
"""Seconds between two passes, however many nodes come."""
TAINT_RETRY: Final = 0.05


class NodeLifecycleConfig(Struct, frozen=True, kw_only=True):
    """Seconds; upstream's defaults (``--node-monitor-period``, ``--node-monitor-grace-period``,
    ``--node-startup-grace-period``, ``--node-eviction-rate`` and its relatives).
    """

    monitor_period: float = 5.0
    monitor_grace_period: float = 50.0
    startup_grace_period: float = 60.0
    rates: Rates = field(default_factory=Rates)


class NodeLifecycleController:
    """Keys: ``monitor`` for a pass over all nodes, ``taint`` for the nodes that wait for their NoExecute taint,
    ``node/NAME`` for a node's NoSchedule taints, ``pod/NAMESPACE/NAME`` for a pod that has come to a node.
    """

    name = "nodelifecycle"
    workers = 8

    def __init__(self, environment: Environment, config: NodeLifecycleConfig | None = None) -> None:
        self._environment = environment
        self._config = config or NodeLifecycleConfig()
        self._client = environment.client
        self._nodes: Lister[Node] = environment.listers.lister(Node)
        self._pods: Lister[Pod] = environment.listers.lister(Pod)
        self._leases: Lister[Lease] = environment.listers.lister(Lease)
        self._health: dict[str, Health] = {}
        self._known: dict[str, Node] = {}
        self._zones: dict[str, Zone] = {}
        self._to_mark: dict[str, None] = {}
        """Nodes whose pods are to be marked again, as it failed."""
        self._settled: dict[str, Node] = {}
        """Ready nodes whose taints have been found right."""
        self._last_pass = float("-inf")

    def watches(self) -> Sequence[Watch[Any]]:
        return (Watch(Node, self._node_changed), Watch(Pod, self._pod_changed, INDEX), Watch(Lease))

    def _node_changed(self, old: Node | None, new: Node | None) -> Iterable[str]:
        if new is None:
            return (MONITOR,)
        key = f"{NODE_PREFIX}{new.metadata.name}"
        if old is None:
            return (MONITOR, key)
        same = (
            old.spec.taints == new.spec.taints
            and old.spec.unschedulable == new.spec.unschedulable
            and old.status.conditions == new.status.conditions
        )
        if same:
            return ()
        return (key,) if is_node_ready(old) == is_node_ready(new) else (MONITOR, key)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> Iterable[str]:
        if new is None or not new.spec.node_name:
            return ()
        if old is not None and old.spec.node_name == new.spec.node_name:
            return ()
        node = self._nodes.get("", new.spec.node_name)
        if node is None or is_node_ready(node):
            return ()
        return (f"{POD_PREFIX}{new.metadata.namespace}/{new.metadata.name}",)

    async def reconcile(self, key: str) -> Result:
        if key == MONITOR:
            return await self._monitor()
        if key == TAINT:
            return await self._taint_pass()
        if key.startswith(NODE_PREFIX):
            await self._no_schedule(key.removeprefix(NODE_PREFIX))
        else:
            await self._pod_came(key.removeprefix(POD_PREFIX))
        return Result()

    @property
    def _now(self) -> Time:
        return from_seconds(self._environment.now())

    # One node's NoSchedule taints, one pod

    async def _no_schedule(self, name: str) -> None:
        node = self._nodes.get("", name)
        if node is None:
            return
        add, remove = no_schedule_changes(node)
        if add or remove:
            await write_taints(self._client, node, add, remove, self._now)

    async def _pod_came(self, key: str) -> None:
        pod = self._pods.get_by_key(key)
        node = None if pod is None else self._nodes.get("", pod.spec.node_name)
        if pod is None or node is None or node.metadata.name not in self._health:
            return
        condition = get_condition(node.status, NODE_READY)
        if condition is not None and condition.status != "True":
            await self._mark_pods((pod,))

    # The pass over all nodes

    async def _monitor(self) -> Result:
        now = self._environment.monotonic()
        early = self._last_pass + min(LEAST_PAUSE, self._config.monitor_period) - now
        if early > 0:
            return Result(early)
        self._last_pass = now
        nodes = self._nodes.list()
        self._classify(nodes)
        overdue = [node for node in nodes if self._observe(node, now)]
        checked = {node.metadata.name: node for node in nodes}
        for result in await self._all([self._call(self._give_up, node) for node in overdue]):
            if isinstance(result, Node):
                checked[result.metadata.name] = result
        await self._all(
            [self._call(self._taint, node) for node in checked.values() if self._needs_taint(node)]
        )
        await self._all(
            [
                self._call(self._mark_pods_of, checked[name])
                for name in tuple(self._to_mark)
                if name in checked
            ]
        )
        await self._handle_disruption(list(checked.values()), now)
        self._environment.enqueue_after(TAINT, 0)
        return Result(self._config.monitor_period) if nodes else Result()

    def _classify(self, nodes: Sequence[Node]) -> None:
        """Nodes that have come and gone."""
        names = {node.metadata.name: node for node in nodes}
        for name, node in names.items():
            known = self._known.get(name)
            if known is node:
                continue
            if known is None:
                self._say(node, "RegisteredNode", f"Registered Node {name} in Controller")
            self._known[name] = node
        if len(self._known) == len(names):
            return
        for name in [name for name in self._known if name not in names]:
            node = self._known.pop(name)
            self._say(node, "RemovingNode", f"Removing Node {name} from Controller")
            self._health.pop(name, None)
            self._to_mark.pop(name, None)
            self._settled.pop(name, None)
            self._zone_of(node).remove(name)

    def _say(self, node: Node, reason: str, what: str) -> None:
        message = f"Node {node.metadata.name} event: {what}"
        self._environment.recorder.event(_reference(node), NORMAL, reason, message)

    def _zone_of(self, node: Node) -> Zone:
        return self._zone(zone_key(node.metadata.labels))

    def _zone(self, key: str) -> Zone:
        zone = self._zones.get(key)
        if zone is None:
            zone = self._zones[key] = Zone(self._config.rates, self._environment.monotonic())
        return zone

    def _observe(self, node: Node, now: float) -> bool:
        """Whether the node has not been heard of for too long."""
        name, config = node.metadata.name, self._config
        health = observe(self._health.get(name), node, self._leases.get(NODE_LEASES, name), now)
        self._health[name] = health
        grace, startup = config.monitor_grace_period, config.startup_grace_period
        return is_overdue(health, node, now, grace=grace, startup_grace=startup)

    async def _give_up(self, node: Node) -> Node | None:
        """Set its conditions to Unknown; the node as it is then, None where it was heard of meanwhile."""
        conditions = unknown_conditions(node, self._now)
        if conditions is node.status.conditions:
            return node
        was_ready = is_node_ready(node)
        try:
            wanted = replace(node, status=replace(node.status, conditions=conditions))
            written = await self._client.update_status(wanted)
        except Exception as error:
            if is_conflict(error) or is_not_found(error):
                return None  # the next pass sees why
            raise
        name = node.metadata.name
        self._health[name] = Health(
            get_condition(written.status, NODE_READY), self._health[name].renew_time, self._health[name].probe
        )
        if was_ready:
            message = f"Node {name} status is now: NodeNotReady"
            self._environment.recorder.event(_reference(node), NORMAL, "NodeNotReady", message)
            self._to_mark[name] = None
        return written

    def _needs_taint(self, node: Node) -> bool:
        """Whether a write is due at once: a taint that changes into the other, or one that goes. A new one waits for its
        turn.
        """
        name = node.metadata.name
        if self._settled.get(name) is node:
            return False
        condition = get_condition(node.status, NODE_READY)
        if condition is None:
            return False
        add, remove = no_execute_changes(node, condition.status)
        zone = self._zone_of(node)
        if condition.status == "True":
            zone.remove(name)
            if not remove:
                self._settled[name] = node
        elif add and not remove:
            zone.remove(name)
            zone.add(name)
        return bool(remove)

    async def _taint(self, node: Node) -> None:
        condition = get_condition(node.status, NODE_READY)
        if condition is not None:
            add, remove = no_execute_changes(node, condition.status)
            await write_taints(self._client, node, add, remove, self._now)

    async def _mark_pods_of(self, node: Node) -> None:
        name = node.metadata.name
        if not is_node_ready(node):
            await self._mark_pods(self._pods.by_index(BY_NODE, name))
        self._to_mark.pop(name, None)

    async def _mark_pods(self, pods: Iterable[Pod]) -> None:
        marked = to_mark_not_ready(pods)
        condition = not_ready(self._now)

        async def mark(pod: Pod) -> None:
            if await patch_condition(self._client, pod, condition):
                self._environment.recorder.event(pod, WARNING, "NodeNotReady", "Node is not ready")

        for result in await self._all([self._call(mark, pod) for pod in marked]):
            if isinstance(result, Exception):
                raise result

    async def _handle_disruption(self, nodes: Sequence[Node], now: float) -> None:
        ready: dict[str, list[bool]] = {}
        peopled: dict[str, Zone] = {}
        for node in nodes:
            key = zone_key(node.metadata.labels)
            if key not in peopled:
                peopled[key] = self._zone(key)
            if EXCLUDED not in node.metadata.labels:
                ready.setdefault(key, []).append(is_node_ready(node))
        self._zones = peopled
        verdict = update_zones(self._zones, ready, self._config.rates, now)
        if verdict.left_full:
            for name, health in self._health.items():
                self._health[name] = Health(health.ready, health.renew_time, now)
        elif verdict.entered_full:
            for node in nodes:
                self._zone_of(node).remove(node.metadata.name)
            await self._all([self._call(self._untaint, node) for node in nodes])

    async def _untaint(self, node: Node) -> None:
        _, remove = no_execute_changes(node, "True")
        if remove:
            await write_taints(self._client, node, (), remove, self._now)

    # NoExecute taints, one after the other

    async def _taint_pass(self) -> Result:
        now = self._environment.monotonic()
        for zone in tuple(self._zones.values()):
            while (name := zone.take(now)) is not None:
                node = self._nodes.get("", name)
                if node is None:
                    zone.remove(name)
                    continue
                try:
                    await self._taint(node)
                except Exception:
                    zone.remove(name)
                    zone.add(name)
                    raise
        waits = [wait for zone in self._zones.values() if (wait := zone.wait(now)) is not None]
        return Result(max(min(waits), TAINT_RETRY) if waits else None)

    # Side by side

    async def _all(self, calls: Sequence[Callable[[], Any]]) -> Sequence[Any]:
        """What fails for one node must not keep a pass from the others; the next pass tries it again."""
        results = await self._environment.gather(calls) if calls else ()
        for result in results:
            if isinstance(result, Exception):
                _LOG.warning("a node's health could not be acted upon", exc_info=result)
        return results

    @staticmethod
    def _call(function: Callable[[Any], Any], argument: Any) -> Callable[[], Any]:
        return lambda: function(argument)


def _reference(node: Node) -> ObjectReference:
    return ObjectReference(api_version="v1", kind="Node", name=node.metadata.name, uid=node.metadata.uid)
