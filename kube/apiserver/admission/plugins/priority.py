"""Priority: a pod's number by the name of its class, and one class at most for those who name none.

Source of the semantics: plugin/pkg/admission/priority; KEP-902 (non-preempting priorities).
"""

from typing import Any, Final

from msgspec.structs import replace

from kube.api.types.core_v1 import Pod, PodSpec
from kube.api.types.scheduling_v1 import PriorityClass
from kube.apiserver.admission.interface import Attributes
from kube.apiserver.admission.plugins.lookup import WRITE, Lookup, Name, Stores, refusal

NO_CLASS: Final = PriorityClass(value=0, preemption_policy="PreemptLowerPriority")
"""What holds for a pod without a class where no class is the default."""


class Priority:
    name = "Priority"
    operations = WRITE
    resources: frozenset[Name] = frozenset((("", "pods"), ("scheduling.k8s.io", "priorityclasses")))

    def __init__(self, stores: Stores) -> None:
        self._classes = Lookup(stores["scheduling.k8s.io", "priorityclasses"])

    async def admit(self, attributes: Attributes) -> Any:
        if attributes.subresource or attributes.resource.plural != "pods":
            return attributes.object
        pod: Pod = attributes.object
        if attributes.operation == "UPDATE":
            return _with_old_priority(pod, attributes.old_object)
        spec = pod.spec
        name = spec.priority_class_name
        found: PriorityClass | None
        if name:
            found = await self._classes.get("", name) or await self._classes.get_live("", name)
            if found is None:
                raise refusal(attributes, f"no PriorityClass with name {name} was found")
        else:
            found = await self._default() or NO_CLASS
        _check(attributes, spec, found)
        changes: dict[str, Any] = {"priority": found.value}
        if found.preemption_policy is not None:
            changes["preemption_policy"] = found.preemption_policy
        if not name and found.metadata.name:
            changes["priority_class_name"] = found.metadata.name
        return replace(pod, spec=replace(spec, **changes))

    async def validate(self, attributes: Attributes) -> None:
        if attributes.subresource or attributes.resource.plural != "priorityclasses":
            return
        new: PriorityClass = attributes.object
        if not new.global_default:
            return
        held = await self._default()
        if held is None or (attributes.operation == "UPDATE" and held.metadata.name == new.metadata.name):
            return
        why = f"PriorityClass {held.metadata.name} is already marked as default. Only one default can exist"
        raise refusal(attributes, why)

    async def _default(self) -> PriorityClass | None:
        """The default class; the lowest, should there be several by a race."""
        found: PriorityClass | None = None
        for each in await self._classes.list():
            if each.global_default and (found is None or each.value < found.value):
                found = each
        return found


def _check(attributes: Attributes, spec: PodSpec, found: PriorityClass) -> None:
    """Raises ApiError (403) for a number or a policy that is not the class's."""
    if spec.priority is not None and spec.priority != found.value:
        why = (
            f"the integer value of priority ({spec.priority}) must not be provided in pod spec; "
            f"priority admission controller computed {found.value} from the given PriorityClass name"
        )
        raise refusal(attributes, why)
    policy = found.preemption_policy
    if policy is not None and spec.preemption_policy not in (None, policy):
        why = (
            f"the string value of PreemptionPolicy ({spec.preemption_policy}) must not be provided in pod spec; "
            f"priority admission controller computed {policy} from the given PriorityClass name"
        )
        raise refusal(attributes, why)


def _with_old_priority(pod: Pod, old: Pod) -> Pod:
    """Clients that do not know the fields do not lose them by an update."""
    changes: dict[str, Any] = {}
    if pod.spec.priority is None and old.spec.priority is not None:
        changes["priority"] = old.spec.priority
    if pod.spec.preemption_policy is None and old.spec.preemption_policy is not None:
        changes["preemption_policy"] = old.spec.preemption_policy
    return replace(pod, spec=replace(pod.spec, **changes)) if changes else pod
