"""SchedulingGates: a pod with gates is not scheduled (KEP-3521)."""

from typing import Final

from kube.api.types.core_v1 import Pod
from kube.scheduler.framework.events import Action, ClusterEvent, ClusterEventWithHint, Resource
from kube.scheduler.framework.status import SUCCESS, Status, unresolvable

_POD: Final = ClusterEvent(Resource.UNSCHEDULED_POD, Action.UPDATE_POD_GATES)


class SchedulingGates:
    name = "SchedulingGates"

    def pre_enqueue(self, pod: Pod) -> Status:
        gates = pod.spec.scheduling_gates
        if not gates:
            return SUCCESS
        names = " ".join(gate.name for gate in gates)
        return unresolvable(f"waiting for scheduling gates: [{names}]")

    def events_to_register(self) -> tuple[ClusterEventWithHint, ...]:
        return (ClusterEventWithHint(_POD),)
