"""The kubelet: registers its node, keeps it alive, and drives a worker for each pod that is bound to it.

An idle one has no task: its pods arrive as messages, and one timer is armed for its next heartbeat. The same actor serves
in process and over HTTP, and any runtime: what runs containers is handed in (``kube.cri.interface``).
"""

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any, Final

from kube.actors.informer import Selection, StreamMessage, WatchStream
from kube.actors.pod_worker import PodWorker
from kube.actors.runtime.actor import Actor
from kube.actors.runtime.context import Context
from kube.actors.runtime.mailbox import MailboxSpec, Overflow
from kube.actors.runtime.ref import Ref
from kube.actors.runtime.system import ActorSystem
from kube.api.helpers.pods import is_phase_terminal
from kube.api.types.coordination_v1 import Lease
from kube.api.types.core_v1 import Node, ObjectReference, Pod
from kube.apimachinery import errors
from kube.apimachinery.errors import ApiError
from kube.base.backoff import Backoff
from kube.base.chance import Chance
from kube.base.logging import Logger
from kube.base.timers import Timer
from kube.client.event_broadcaster import EventBroadcaster
from kube.client.events import NORMAL
from kube.client.interface import Options, Request
from kube.client.reflector import Reflector
from kube.client.store import Indexer
from kube.client.typed import TypedClient
from kube.client.watch import Watch
from kube.cri.interface import ContainerEvent, RuntimeServiceError
from kube.cri.simulated import SimulatedRuntime
from kube.kubelet import events
from kube.kubelet.config import COMPONENT, KubeletConfig
from kube.kubelet.lifecycle import Rejection, Usage, admit
from kube.kubelet.node import NodeState
from kube.kubelet.node_status import (
    LEASE_NAMESPACE,
    initial_node,
    is_changed,
    new_lease,
    node_status,
    reconciled,
    renewed_lease,
)
from kube.kubelet.status_manager import StatusManager

REGISTRATION: Final = Backoff(0.1, 7.0, factor=2.0, jitter=0.1)
LEASE_JITTER: Final = 0.04
NODE_AFFINITY: Final = "NodeAffinity"


class Kubelet(Actor[StreamMessage]):
    """Started means: the Node is registered. Stopping it leaves the Node, its pods and their containers as they are.

    The runtime outlives a restart of the actor, as containers outlive a kubelet's.
    """

    mailbox = MailboxSpec(capacity=256, overflow=Overflow.CLOSE)

    def __init__(
        self, state: NodeState, client: TypedClient, manager: StatusManager, chance: random.Random
    ) -> None:
        """``client``, ``manager`` and ``chance`` may serve any number of kubelets."""
        self._state = state
        self._client = client
        self._manager = manager
        self._chance = chance
        self._workers: dict[str, PodWorker] = {}
        self._stream: WatchStream[Pod] | None = None
        self._lease: Lease | None = None
        self._reported = 0.0
        self._beat: Timer | None = None
        self._beating = False
        self._has_network = False

    async def on_start(self) -> None:
        context, state = self.context, self._state
        config = state.config
        state.usage = Usage()
        state.node = await self._register()
        self._note_network()
        state.runtime.listen(self._container_changed)
        self._stream = WatchStream(
            context,
            self._client.transport,
            Selection(self._client.resource(Pod), field_selector=f"spec.nodeName={config.node_name}"),
            Reflector[Pod](Indexer(), self._chance),
        )
        self._stream.start()
        first = config.lease_renew_interval * self._chance.random()
        self._beat = context.system.timers.after(first, self._heart_beats)
        if not self._has_network:
            context.tasks.start(self._await_network(), name="await network")

    def on_stop(self) -> None:
        self._state.runtime.listen(None)
        if self._beat is not None:
            self._beat.cancel()
        for worker in self._workers.values():
            worker.close()
        if self._stream is not None:
            self._stream.stop()

    def on_overflow(self, lost: int) -> None:
        self.context.log.warning("kubelet fell behind", lost=lost)
        assert self._stream is not None
        self._stream.stop()
        self._stream.start()

    # Pods

    def receive(self, message: StreamMessage) -> None:
        assert self._stream is not None
        for old, new in self._stream.receive(message):
            if new is None:
                assert old is not None
                self._pod_removed(old)
            elif new.metadata.uid in self._workers:
                self._workers[new.metadata.uid].update(new)
            else:
                self._pod_added(new)

    def _pod_added(self, pod: Pod) -> None:
        state = self._state
        rejection: Rejection | None = None
        if not is_phase_terminal(pod.status.phase) and pod.metadata.deletion_timestamp is None:
            if pod.status.start_time is None:
                rejection = admit(pod, state.node, state.usage)
            if rejection is not None and rejection.reason == NODE_AFFINITY:
                self.start(self._admit_again(pod), f"admit {pod.metadata.name}")
                return
            if rejection is None:
                state.usage.add(pod)
        self._work(pod, rejection)

    async def _admit_again(self, pod: Pod) -> None:
        """What is known of the node's labels may be old: look before rejecting."""
        uid = pod.metadata.uid
        try:
            self._state.node = await self._client.get(Node, self._state.config.node_name)
        except ApiError as error:
            self.context.log.warning("node not read", error=str(error))
        assert self._stream is not None
        current = self._stream.lister.get(pod.metadata.namespace, pod.metadata.name)
        if current is None or current.metadata.uid != uid or uid in self._workers:
            return
        rejection = admit(current, self._state.node, self._state.usage)
        if rejection is None:
            self._state.usage.add(current)
        self._work(current, rejection)

    def _work(self, pod: Pod, rejection: Rejection | None) -> None:
        if rejection is not None:
            self._state.recorder.event(pod, "Warning", rejection.reason, rejection.message)
        worker = PodWorker(pod, self._state, self._manager, self, rejection)
        self._workers[pod.metadata.uid] = worker
        if self._has_network or rejection is not None or pod.spec.host_network:
            worker.wake()

    def _pod_removed(self, pod: Pod) -> None:
        worker = self._workers.get(pod.metadata.uid)
        if worker is not None:
            worker.remove(pod)

    def _container_changed(self, event: ContainerEvent) -> None:
        worker = self._workers.get(event.pod_uid)
        if worker is not None:
            worker.wake()

    # For the workers

    @property
    def log(self) -> Logger:
        return self.context.log

    def start(self, work: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
        return self.context.tasks.start(work, name=name)

    def after(self, seconds: float, call: Callable[[], object]) -> Timer:
        return self.context.system.timers.after(seconds, call)

    def gone(self, uid: str) -> None:
        self._workers.pop(uid, None)

    # The node

    async def _register(self) -> Node:
        """Until the API server has the Node."""
        config, context = self._state.config, self.context
        attempts = 0
        while True:
            try:
                return await self._try_register()
            except ApiError as error:
                context.log.warning("node not registered", node=config.node_name, error=str(error))
            await context.clock.sleep(REGISTRATION.delay(attempts, self._chance))
            attempts += 1

    async def _try_register(self) -> Node:
        """Create the Node, or take over the one that has the name. Raises ApiError."""
        config, now = self._state.config, self.context.clock.now()
        self._reported = now
        version = f"{self._state.runtime.name}://{self._state.runtime.version}"
        try:
            node = await self._client.create(initial_node(config, version, now))
        except ApiError as error:
            if not errors.is_already_exists(error):
                raise
            node = await self._client.get(Node, config.node_name)
            wanted = reconciled(node, config)
            if wanted is not node:
                node = await self._client.update(wanted)
            node = await self._post_status(node, now)
        about = ObjectReference(kind="Node", api_version="v1", name=config.node_name, uid=config.node_name)
        self._state.recorder.event(about, NORMAL, events.STARTING_KUBELET, "Starting kubelet.")
        return node

    async def _post_status(self, node: Node, now: float) -> Node:
        """Write the status if it has changed or is due. Raises ApiError."""
        config = self._state.config
        status = node_status(
            node,
            config,
            f"{self._state.runtime.name}://{self._state.runtime.version}",
            await self._state.images.list_images(),
            now,
        )
        due = now - self._reported >= config.node_status_report_frequency
        if not due and not is_changed(node.status, status):
            return node
        patched = Node(metadata=node.metadata, spec=node.spec, status=status)
        written = await self._client.update_status(patched)
        self._reported = now
        return written

    def _note_network(self) -> None:
        cidr = self._state.node.spec.pod_cidr
        if cidr and not self._has_network:
            try:
                self._state.runtime.set_pod_cidr(cidr)
            except RuntimeServiceError as error:
                self.context.log.warning("pod CIDR not taken", cidr=cidr, error=str(error))
                return
            self._has_network = True
            for worker in self._workers.values():
                worker.wake()

    async def _await_network(self) -> None:
        """Become ready as soon as somebody has given the node its pod CIDR. If the watch ends, the heartbeats see to it."""
        node = self._state.node.metadata
        options = Options(resource_version=node.resource_version, field_selector=f"metadata.name={node.name}")
        request = Request(verb="watch", resource=self._client.resource(Node), options=options)
        watch = Watch[Node](self._client.transport, request)
        try:
            async with watch:
                async for event in watch:
                    if event.object.spec.pod_cidr:
                        await self._look_at_node()
                        return
        except ApiError as error:
            self.context.log.debug("node not watched", error=str(error))

    async def _look_at_node(self) -> None:
        """See what others have made of the Node, and post its status where that is due. Raises ApiError."""
        state = self._state
        state.node = await self._client.get(Node, state.config.node_name, resource_version="0")
        state.node = await self._post_status(state.node, self.context.clock.now())
        self._note_network()

    def _heart_beats(self) -> None:
        context, interval = self.context, self._state.config.lease_renew_interval
        jitter = 1.0 + LEASE_JITTER * self._chance.random()
        self._beat = context.system.timers.after(interval * jitter, self._heart_beats)
        if not self._beating:
            self._beating = True
            context.tasks.start(self._heartbeat(), name="heartbeat")

    async def _heartbeat(self) -> None:
        """Renew the lease, look at the Node, post its status where that is due. What fails is tried at the next beat."""
        try:
            self._lease = await self._renew()
            await self._look_at_node()
        except ApiError as error:
            self.context.log.warning(
                "heartbeat not written", node=self._state.config.node_name, error=str(error)
            )
            self._lease = None
        finally:
            self._beating = False

    async def _renew(self) -> Lease:
        """Raises ApiError."""
        config, now = self._state.config, self.context.clock.now()
        lease = self._lease
        if lease is None:
            try:
                lease = await self._client.get(Lease, config.node_name, namespace=LEASE_NAMESPACE)
            except ApiError as error:
                if not errors.is_not_found(error):
                    raise
                node = self._state.node
                return await self._client.create(new_lease(config, node, now))
        return await self._client.update(renewed_lease(lease, config, now))


class SimulatedNodes:
    """What the simulated nodes of a process share."""

    def __init__(self, client: TypedClient, broadcaster: EventBroadcaster, chance: Chance) -> None:
        self.client = client
        self.broadcaster = broadcaster
        self.chance = chance
        self.manager = StatusManager(client)

    def node(self, config: KubeletConfig) -> "SimulatedNode":
        return SimulatedNode(config, self)


class SimulatedNode:
    """A kubelet with a simulated runtime: a machine that can be switched on, and killed."""

    __slots__ = ("_system", "config", "nodes", "ref", "runtime")

    def __init__(self, config: KubeletConfig, nodes: SimulatedNodes) -> None:
        self.config = config
        self.nodes = nodes
        self.runtime: SimulatedRuntime | None = None
        self.ref: Ref[Any] | None = None
        self._system: ActorSystem | None = None

    async def start(self, parent: ActorSystem | Context[Any]) -> Ref[Any]:
        """Switch it on; returns once the Node is registered. Raises NameTakenError."""
        self.ref = await parent.start(self._prepare(parent), name=f"kubelet-{self.config.node_name}")
        return self.ref

    def spawn(self, parent: ActorSystem | Context[Any]) -> Ref[Any]:
        """Switch it on and don't wait. Raises NameTakenError."""
        self.ref = parent.spawn(self._prepare(parent), name=f"kubelet-{self.config.node_name}")
        return self.ref

    def _prepare(self, parent: ActorSystem | Context[Any]) -> Callable[[], Kubelet]:
        system = parent if isinstance(parent, ActorSystem) else parent.system
        nodes = self.nodes
        self._system = system
        self.runtime = runtime = SimulatedRuntime(system.clock, system.timers.after, nodes.chance)
        state = NodeState(
            self.config,
            runtime,
            runtime,
            runtime,
            recorder=nodes.broadcaster.recorder(COMPONENT, self.config.node_name),
            clock=system.clock,
        )
        return lambda: Kubelet(state, nodes.client, nodes.manager, nodes.chance)

    async def kill(self) -> None:
        """Power off: heartbeats end, containers vanish, and nobody is told."""
        if self.runtime is not None:
            self.runtime.vanish()
        if self.ref is not None and self._system is not None:
            await self._system.stop_actor(self.ref)
        self.ref = self.runtime = self._system = None
