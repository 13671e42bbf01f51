"""The in-tree plugins by name. An embedding program hands in a table of its own beside this one."""

from collections.abc import Mapping
from typing import Final

from kube.scheduler.framework.runtime import PluginFactory
from kube.scheduler.plugins.default_binder import DefaultBinder
from kube.scheduler.plugins.image_locality import ImageLocality
from kube.scheduler.plugins.node_affinity import NodeAffinity
from kube.scheduler.plugins.node_name import NodeName
from kube.scheduler.plugins.node_ports import NodePorts
from kube.scheduler.plugins.node_resources_balanced_allocation import NodeResourcesBalancedAllocation
from kube.scheduler.plugins.node_resources_fit import NodeResourcesFit
from kube.scheduler.plugins.node_unschedulable import NodeUnschedulable
from kube.scheduler.plugins.queue_sort import PrioritySort
from kube.scheduler.plugins.scheduling_gates import SchedulingGates
from kube.scheduler.plugins.taint_toleration import TaintToleration

IN_TREE: Final[Mapping[str, PluginFactory]] = {
    "SchedulingGates": lambda _, __: SchedulingGates(),
    "PrioritySort": lambda _, __: PrioritySort(),
    "NodeUnschedulable": lambda _, __: NodeUnschedulable(),
    "NodeName": lambda _, __: NodeName(),
    "TaintToleration": lambda _, __: TaintToleration(),
    "NodeAffinity": lambda _, __: NodeAffinity(),
    "NodePorts": lambda _, __: NodePorts(),
    "NodeResourcesFit": lambda args, _: NodeResourcesFit(args),
    "NodeResourcesBalancedAllocation": lambda args, _: NodeResourcesBalancedAllocation(args),
    "ImageLocality": lambda _, __: ImageLocality(),
    "DefaultBinder": lambda _, handle: DefaultBinder(handle.client),
}
