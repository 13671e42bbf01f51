"""Cluster events that may make a pod schedulable, and the hints by which a plugin says which do (KEP-4247).

Source of the semantics: k8s.io/kube-scheduler/framework (ClusterEvent, QueueingHint).
"""

from collections.abc import Callable
from enum import Enum, Flag, auto
from typing import Any, Final

from msgspec import Struct

from kube.api.types.core_v1 import Pod


class Action(Flag):
    ADD = auto()
    DELETE = auto()
    UPDATE_NODE_ALLOCATABLE = auto()
    UPDATE_NODE_LABEL = auto()
    UPDATE_NODE_TAINT = auto()
    """Taints and ``spec.unschedulable``."""
    UPDATE_NODE_CONDITION = auto()
    UPDATE_POD_LABEL = auto()
    UPDATE_POD_SCALE_DOWN = auto()
    UPDATE_POD_TOLERATIONS = auto()
    UPDATE_POD_GATES = auto()
    UPDATE_OTHER = auto()


class Resource(Enum):
    NODE = "Node"
    ASSIGNED_POD = "AssignedPod"
    UNSCHEDULED_POD = "UnscheduledPod"
    """The pod that waits itself."""


class ClusterEvent(Struct, frozen=True):
    resource: Resource
    action: Action

    def covers(self, other: "ClusterEvent") -> bool:
        return self.resource is other.resource and bool(self.action & other.action)


NODE_ADD: Final = ClusterEvent(Resource.NODE, Action.ADD)
NODE_DELETE: Final = ClusterEvent(Resource.NODE, Action.DELETE)
ASSIGNED_POD_ADD: Final = ClusterEvent(Resource.ASSIGNED_POD, Action.ADD)
ASSIGNED_POD_DELETE: Final = ClusterEvent(Resource.ASSIGNED_POD, Action.DELETE)


class QueueingHint(Enum):
    SKIP = "Skip"
    QUEUE = "Queue"


HintFunction = Callable[[Pod, Any, Any], QueueingHint]
"""(the pod that waits, old object, new object) -> whether the event may have made it schedulable."""


class ClusterEventWithHint(Struct, frozen=True):
    """Without a hint function every such event queues the pod."""

    event: ClusterEvent
    hint: HintFunction | None = None


def queue_if(condition: bool) -> QueueingHint:
    return QueueingHint.QUEUE if condition else QueueingHint.SKIP
