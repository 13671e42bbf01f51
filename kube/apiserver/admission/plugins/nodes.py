"""What nodes bring about: a new one is tainted until it is ready, and where it stands is told to its pods.

Source of the semantics: plugin/pkg/admission/nodetaint, plugin/pkg/admission/podtopologylabels; KEP-4742.
"""

from typing import Any, Final

from msgspec.structs import replace

from kube.api.helpers.nodes import REGION_LABEL, ZONE_LABEL
from kube.api.helpers.taints import has_taint
from kube.api.types.core_v1 import Binding, Node, Pod, Taint
from kube.apiserver.admission.interface import Attributes
from kube.apiserver.admission.plugins.lookup import CREATE, Lookup, Name, Stores

NOT_READY: Final = Taint(key="node.kubernetes.io/not-ready", effect="NoSchedule")
TOPOLOGY_LABELS: Final = (ZONE_LABEL, REGION_LABEL)


class TaintNodesByCondition:
    name = "TaintNodesByCondition"
    operations = CREATE
    resources: frozenset[Name] = frozenset((("", "nodes"),))

    async def admit(self, attributes: Attributes) -> Any:
        if attributes.subresource:
            return attributes.object
        node: Node = attributes.object
        if has_taint(node.spec.taints, NOT_READY.key, NOT_READY.effect):
            return node
        return replace(node, spec=replace(node.spec, taints=(*node.spec.taints, NOT_READY)))


class PodTopologyLabels:
    """The labels of a binding become labels of its pod; a pod that comes with its node gets them at once."""

    name = "PodTopologyLabels"
    operations = CREATE
    resources: frozenset[Name] = frozenset((("", "pods"), ("", "bindings")))

    def __init__(self, stores: Stores) -> None:
        self._nodes = Lookup(stores["", "nodes"])

    async def admit(self, attributes: Attributes) -> Any:
        obj = attributes.object
        name = _node_of(obj)
        if not name:
            return obj
        node: Node | None = await self._nodes.get("", name)
        if node is None:
            return obj
        labels = node.metadata.labels
        told = {label: labels[label] for label in TOPOLOGY_LABELS if label in labels}
        if not told:
            return obj
        meta = obj.metadata
        return replace(obj, metadata=replace(meta, labels={**meta.labels, **told}))


def _node_of(obj: Any) -> str:
    if isinstance(obj, Binding):
        return obj.target.name if obj.target.kind in ("", "Node") else ""
    return obj.spec.node_name if isinstance(obj, Pod) else ""
