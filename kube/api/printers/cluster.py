"""Nodes, namespaces, configuration, events, quotas, leases and what tells nodes how to run pods."""

from typing import Final

from kube.api.helpers.nodes import addresses, get_condition, roles
from kube.api.printers.columns import (
    AGE,
    NAME,
    NONE,
    UNKNOWN,
    Cells,
    Printers,
    age,
    column,
    since,
)
from kube.api.types.coordination_v1 import Lease
from kube.api.types.core_v1 import (
    ComponentStatus,
    ConfigMap,
    Event,
    Namespace,
    Node,
    ResourceQuota,
    Secret,
    ServiceAccount,
)
from kube.api.types.node_v1 import RuntimeClass
from kube.api.types.resource_v1 import ResourceClaim, ResourceSlice
from kube.api.types.scheduling_v1 import PriorityClass

PRINTERS: Final = Printers()


def _node_status(obj: Node) -> str:
    ready = get_condition(obj.status, "Ready")
    status = "Unknown" if ready is None else "Ready" if ready.status == "True" else "NotReady"
    return f"{status},SchedulingDisabled" if obj.spec.unschedulable else status


@PRINTERS.whole(
    "",
    "Node",
    NAME,
    column("Status", "Whether the node is ready, and closed to new pods."),
    column("Roles", "What the node's labels say it is for."),
    AGE,
    column("Version", "Version of the node's kubelet."),
    column("Internal-IP", "First address inside the cluster.", wide=True),
    column("External-IP", "First address reachable from outside.", wide=True),
    column("OS-Image", "Name of the operating system.", wide=True),
    column("Kernel-Version", "Version of the kernel.", wide=True),
    column("Container-Runtime", "Name and version of the container runtime.", wide=True),
)
def node(obj: Node, now: float) -> Cells:
    info = obj.status.node_info
    return (
        obj.metadata.name,
        _node_status(obj),
        ",".join(roles(obj)) or NONE,
        age(obj, now),
        info.kubelet_version,
        next(iter(addresses(obj, "InternalIP")), NONE),
        next(iter(addresses(obj, "ExternalIP")), NONE),
        info.os_image or UNKNOWN,
        info.kernel_version or UNKNOWN,
        info.container_runtime_version or UNKNOWN,
    )


@PRINTERS.between("", "Namespace", column("Status", "Active, or Terminating while its content is deleted."))
def namespace(obj: Namespace, _: float) -> Cells:
    return (obj.status.phase,)


@PRINTERS.between("", "ConfigMap", column("Data", "Number of entries."))
def config_map(obj: ConfigMap, _: float) -> Cells:
    return (len(obj.data) + len(obj.binary_data),)


@PRINTERS.between(
    "", "Secret", column("Type", "What the secret is for."), column("Data", "Number of entries.")
)
def secret(obj: Secret, _: float) -> Cells:
    return (obj.type, len(obj.data))


@PRINTERS.between("", "ServiceAccount", column("Secrets", "Number of secrets that pods may use."))
def service_account(obj: ServiceAccount, _: float) -> Cells:
    return (len(obj.secrets),)


@PRINTERS.whole(
    "",
    "Event",
    column("Last Seen", "Time since the event was last seen."),
    column("Type", "Normal or Warning."),
    column("Reason", "Why it happened, in one word."),
    column("Object", "What it happened to."),
    column("Subobject", "The part of the object, as a field path.", wide=True),
    column("Source", "Who reports it, and from where.", wide=True),
    column("Message", "What happened."),
    column("First Seen", "Time since the event was first seen.", wide=True),
    column("Count", "How often it was seen.", wide=True),
    column("Name", "Name of the event.", format_="name", wide=True),
)
def event(obj: Event, now: float) -> Cells:
    first = since(obj.first_timestamp or obj.event_time, now)
    last = since(obj.last_timestamp, now) if obj.last_timestamp else first
    count = obj.count or 1
    if obj.series is not None:
        last, count = since(obj.series.last_observed_time, now), obj.series.count
    involved = obj.involved_object
    kind = involved.kind.lower()
    source = [obj.source.component or obj.reporting_component, obj.source.host or obj.reporting_instance]
    return (
        last,
        obj.type,
        obj.reason,
        f"{kind}/{involved.name}" if involved.name else kind,
        involved.field_path,
        ", ".join(source) if source[1] else source[0],
        obj.message.strip(),
        first,
        count,
        obj.metadata.name,
    )


@PRINTERS.whole(
    "",
    "ComponentStatus",
    NAME,
    column("Status", "Healthy or not."),
    column("Message", "What the component answers."),
    column("Error", "What is wrong."),
)
def component_status(obj: ComponentStatus, _: float) -> Cells:
    for condition in obj.conditions:
        if condition.type == "Healthy":
            status = "Healthy" if condition.status == "True" else "Unhealthy"
            return (obj.metadata.name, status, condition.message, condition.error)
    return (obj.metadata.name, "Unknown", "", "")


@PRINTERS.between(
    "",
    "ResourceQuota",
    column("Request", "Use and limit of what pods request and of object counts."),
    column("Limit", "Use and limit of pods' limits."),
)
def resource_quota(obj: ResourceQuota, _: float) -> Cells:
    requests: list[str] = []
    limits: list[str] = []
    for name in sorted(obj.status.hard):
        kind = limits if name.startswith("limits.") else requests
        kind.append(f"{name}: {obj.status.used.get(name, '0')}/{obj.status.hard[name]}")
    return (", ".join(requests), ", ".join(limits))


@PRINTERS.between("coordination.k8s.io", "Lease", column("Holder", "Who holds the lease."))
def lease(obj: Lease, _: float) -> Cells:
    return (obj.spec.holder_identity or "",)


@PRINTERS.between("node.k8s.io", "RuntimeClass", column("Handler", "The runtime's configuration."))
def runtime_class(obj: RuntimeClass, _: float) -> Cells:
    return (obj.handler,)


@PRINTERS.whole(
    "scheduling.k8s.io",
    "PriorityClass",
    NAME,
    column("Value", "The priority that pods of the class get.", "integer"),
    column("Global-Default", "Whether pods without a class get this one.", "boolean"),
    AGE,
    column("PreemptionPolicy", "Whether its pods may evict others."),
)
def priority_class(obj: PriorityClass, now: float) -> Cells:
    return (obj.metadata.name, obj.value, obj.global_default, age(obj, now), obj.preemption_policy or "")


@PRINTERS.between(
    "resource.k8s.io", "ResourceClaim", column("State", "Pending, allocated, reserved or deleted.")
)
def resource_claim(obj: ResourceClaim, _: float) -> Cells:
    states = ["deleted"] if obj.metadata.deletion_timestamp else []
    if obj.status.allocation is not None:
        states.append("allocated")
        if obj.status.reserved_for:
            states.append("reserved")
    elif not states:
        states.append("pending")
    return (",".join(states),)


@PRINTERS.between(
    "resource.k8s.io",
    "ResourceSlice",
    column("Node", "The node that has the devices."),
    column("Driver", "The driver that manages them."),
    column("Pool", "The pool that they belong to."),
)
def resource_slice(obj: ResourceSlice, _: float) -> Cells:
    return (obj.spec.node_name or "", obj.spec.driver, obj.spec.pool.name)
