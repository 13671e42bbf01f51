"""Which of the changes of a node or a pod plugins ask for.

Source of the semantics: pkg/scheduler/framework/events.go.
"""

from typing import Final

from msgspec.structs import replace

from kube.api.helpers.resources import pod_requests
from kube.api.types.core_v1 import Node, Pod
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.scheduler.framework.events import Action, ClusterEvent, Resource

NOTHING: Final = Action(0)


def node_changes(old: Node, new: Node) -> Action:
    """Empty for a heartbeat."""
    action = NOTHING
    if old.status.allocatable != new.status.allocatable:
        action |= Action.UPDATE_NODE_ALLOCATABLE
    if old.metadata.labels != new.metadata.labels:
        action |= Action.UPDATE_NODE_LABEL
    if old.spec.taints != new.spec.taints or old.spec.unschedulable != new.spec.unschedulable:
        action |= Action.UPDATE_NODE_TAINT
    return action


def is_pod_updated(old: Pod, new: Pod) -> bool:
    """Whether more than the status and the bookkeeping of the metadata has changed: the scheduler's own writes do not count."""
    return (old.spec is not new.spec and old.spec != new.spec) or _stated(old) != _stated(new)


def _stated(pod: Pod) -> ObjectMeta:
    return replace(pod.metadata, resource_version="", generation=0, managed_fields=(), finalizers=())


def pod_changes(resource: Resource, old: Pod, new: Pod) -> tuple[ClusterEvent, ...]:
    """At least one: a change that has no name of its own is UPDATE_OTHER."""
    found = NOTHING
    if old.metadata.labels != new.metadata.labels:
        found |= Action.UPDATE_POD_LABEL
    if old.spec is not new.spec:
        if old.spec.scheduling_gates and not new.spec.scheduling_gates:
            found |= Action.UPDATE_POD_GATES
        if old.spec.tolerations != new.spec.tolerations:
            found |= Action.UPDATE_POD_TOLERATIONS
    if _is_smaller(old, new):
        found |= Action.UPDATE_POD_SCALE_DOWN
    return (ClusterEvent(resource, found or Action.UPDATE_OTHER),)


def _is_smaller(old: Pod, new: Pod) -> bool:
    if (
        old.spec.containers is new.spec.containers
        and old.status.container_statuses is new.status.container_statuses
    ):
        return False
    before, after = pod_requests(old, use_status=True), pod_requests(new, use_status=True)
    return any(amount > after.get(name, 0) for name, amount in before.items())
