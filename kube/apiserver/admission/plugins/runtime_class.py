"""RuntimeClass: the overhead and the place of pods that name a runtime class.

Source of the semantics: plugin/pkg/admission/runtimeclass; KEP-688 (overhead).
"""

from typing import Any

from msgspec.structs import replace

from kube.api.types.core_v1 import Pod, Toleration
from kube.api.types.node_v1 import RuntimeClass
from kube.apimachinery.gofmt import quote
from kube.apiserver.admission.interface import Attributes
from kube.apiserver.admission.plugins.lookup import CREATE, PODS, Lookup, Stores, refusal


class RuntimeClassAdmission:
    name = "RuntimeClass"
    operations = CREATE
    resources = PODS

    def __init__(self, stores: Stores) -> None:
        self._classes = Lookup(stores["node.k8s.io", "runtimeclasses"])

    async def admit(self, attributes: Attributes) -> Any:
        if attributes.subresource:
            return attributes.object
        pod: Pod = attributes.object
        if pod.spec.runtime_class_name is None:
            return pod
        found = await self._class_of(attributes, pod.spec.runtime_class_name)
        return _scheduled(attributes, _with_overhead(attributes, pod, found), found)

    async def validate(self, attributes: Attributes) -> None:
        if attributes.subresource:
            return
        pod: Pod = attributes.object
        name = pod.spec.runtime_class_name
        found = await self._class_of(attributes, name) if name is not None else None
        if found is not None and found.overhead is not None:
            if dict(found.overhead.pod_fixed) != dict(pod.spec.overhead):
                raise refusal(attributes, _MISMATCH)
        elif pod.spec.overhead:
            why = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"
            raise refusal(attributes, why)

    async def _class_of(self, attributes: Attributes, name: str) -> RuntimeClass:
        found: RuntimeClass | None = await self._classes.get("", name)
        found = found or await self._classes.get_live("", name)
        if found is None:
            raise refusal(attributes, f"pod rejected: RuntimeClass {quote(name)} not found")
        return found


_MISMATCH = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"


def _with_overhead(attributes: Attributes, pod: Pod, found: RuntimeClass) -> Pod:
    if found.overhead is None:
        return pod
    fixed = found.overhead.pod_fixed
    if pod.spec.overhead and dict(fixed) != dict(pod.spec.overhead):
        raise refusal(attributes, _MISMATCH)
    return replace(pod, spec=replace(pod.spec, overhead=fixed))


def _scheduled(attributes: Attributes, pod: Pod, found: RuntimeClass) -> Pod:
    if found.scheduling is None:
        return pod
    selector = pod.spec.node_selector
    for key, value in found.scheduling.node_selector.items():
        if selector.get(key, value) != value:
            why = (
                f"conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; "
                f"pod.spec.nodeSelector[{key}] = {selector[key]}"
            )
            raise refusal(attributes, why)
    spec = replace(
        pod.spec,
        node_selector={**selector, **found.scheduling.node_selector},
        tolerations=_merged(pod.spec.tolerations, found.scheduling.tolerations),
    )
    return replace(pod, spec=spec)


def _merged(held: tuple[Toleration, ...], more: tuple[Toleration, ...]) -> tuple[Toleration, ...]:
    return (*held, *(each for each in more if each not in held))
