"""The scheduler's cache: which pod is on which node, the assumed ones included, kept in step with the columns.

Source of the semantics: pkg/scheduler/backend/cache. An assumed pod counts from the decision on; the API server's word
confirms it, ``forget`` takes it back, and one whose binding is done and never confirmed expires. Pure; ``now`` is seconds on
a clock that only moves forward.
"""

from typing import Final

from kube.api.types.core_v1 import Node, Pod
from kube.scheduler.cache.columns import Columns
from kube.scheduler.cache.pod_facts import FactsTable, PodFacts

ASSUME_SECONDS: Final = 900.0
"""How long a bound pod may stay unconfirmed. Upstream waits for ever by default, because its watch may lag for ever."""


class AssignedPod:
    __slots__ = ("assumed", "deadline", "facts", "node", "pod")

    def __init__(self, pod: Pod, facts: PodFacts, node: str, assumed: bool) -> None:
        self.pod = pod
        self.facts = facts
        self.node = node
        self.assumed = assumed
        self.deadline: float | None = None


class Cache:
    def __init__(self) -> None:
        self.columns = Columns()
        self.facts = FactsTable()
        self._pods: dict[str, AssignedPod] = {}
        self._homeless: dict[str, dict[str, AssignedPod]] = {}
        """Pods of nodes that are not known (yet, or any more)."""
        self._bound: dict[str, AssignedPod] = {}
        """Assumed pods whose binding is done, in the order of their deadlines."""

    # Nodes

    def put_node(self, node: Node) -> None:
        name = node.metadata.name
        known = name in self.columns.row_of
        row = self.columns.put_node(node)
        if not known:
            for assigned in self._homeless.pop(name, {}).values():
                self.columns.add_pod(row, assigned.pod, assigned.facts)

    def remove_node(self, name: str) -> None:
        row = self.columns.row_of.get(name)
        if row is None:
            return
        for uid in tuple(self.columns.pods[row]):
            assigned = self._pods[uid]
            self.columns.remove_pod(row, assigned.pod, assigned.facts)
            self._homeless.setdefault(name, {})[uid] = assigned
        self.columns.remove_node(name)

    # Pods

    def assume(self, pod: Pod, facts: PodFacts, node: str) -> None:
        """Count the pod on the node as if it were bound. Raises ValueError for one that is there already."""
        uid = pod.metadata.uid
        if uid in self._pods:
            raise ValueError(f"pod {pod.metadata.namespace}/{pod.metadata.name} is in the cache already")
        self._place(AssignedPod(pod, facts, node, assumed=True))

    def finish_binding(self, uid: str, now: float) -> None:
        """From now on the confirmation is awaited."""
        assigned = self._pods.get(uid)
        if assigned is not None and assigned.assumed:
            assigned.deadline = now + ASSUME_SECONDS
            self._bound[uid] = assigned

    def forget(self, uid: str) -> bool:
        """Take an assumption back; False if there is none (it was confirmed, or the pod is gone)."""
        assigned = self._pods.get(uid)
        if assigned is None or not assigned.assumed:
            return False
        self._displace(uid)
        return True

    def expire(self, now: float) -> list[Pod]:
        """Forget the assumed pods whose deadline has passed; returns them."""
        gone = []
        for uid, assigned in tuple(self._bound.items()):
            if assigned.deadline is None or assigned.deadline > now:
                break
            gone.append(assigned.pod)
            self._displace(uid)
        return gone

    def put_pod(self, pod: Pod) -> None:
        """The API server says that the pod is on ``spec.nodeName``: a new fact, a confirmation, or a change of size."""
        uid, node = pod.metadata.uid, pod.spec.node_name
        known = self._pods.get(uid)
        if known is None:
            self._place(AssignedPod(pod, self.facts.of(pod), node, assumed=False))
            return
        if known.assumed:
            known.assumed = False
            known.deadline = None
            self._bound.pop(uid, None)
        facts = self._facts_of_known(known, pod)
        if known.node == node and known.facts is facts:
            known.pod = pod
            row = self.columns.row_of.get(node)
            if row is not None:
                self.columns.pods[row][uid] = pod
            return
        self._displace(uid)
        self._place(AssignedPod(pod, facts, node, assumed=False))

    def _facts_of_known(self, known: AssignedPod, pod: Pod) -> PodFacts:
        """The known facts while they are the same to the columns."""
        before, spec = known.pod, pod.spec
        if (
            not pod.status.container_statuses
            and before.spec.containers is spec.containers
            and before.spec.init_containers is spec.init_containers
            and before.spec.resources is spec.resources
        ):
            return known.facts
        facts = self.facts.of(pod)
        old = known.facts
        same = (
            facts.requests == old.requests
            and facts.non_zero_milli_cpu == old.non_zero_milli_cpu
            and facts.non_zero_memory == old.non_zero_memory
            and facts.host_ports == old.host_ports
        )
        return old if same else facts

    def remove_pod(self, uid: str) -> None:
        """The pod is gone or has ended. Unknown ones are fine."""
        if uid in self._pods:
            self._displace(uid)

    def is_assumed(self, uid: str) -> bool:
        assigned = self._pods.get(uid)
        return assigned is not None and assigned.assumed

    def get(self, uid: str) -> AssignedPod | None:
        return self._pods.get(uid)

    def __len__(self) -> int:
        return len(self._pods)

    def _place(self, assigned: AssignedPod) -> None:
        uid = assigned.pod.metadata.uid
        self._pods[uid] = assigned
        row = self.columns.row_of.get(assigned.node)
        if row is None:
            self._homeless.setdefault(assigned.node, {})[uid] = assigned
        else:
            self.columns.add_pod(row, assigned.pod, assigned.facts)

    def _displace(self, uid: str) -> None:
        assigned = self._pods.pop(uid)
        self._bound.pop(uid, None)
        row = self.columns.row_of.get(assigned.node)
        if row is not None:
            self.columns.remove_pod(row, assigned.pod, assigned.facts)
            return
        homeless = self._homeless[assigned.node]
        del homeless[uid]
        if not homeless:
            del self._homeless[assigned.node]
