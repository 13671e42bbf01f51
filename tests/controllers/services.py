"""Services and pods as the endpoint controllers see them."""

from msgspec.structs import replace

from kube.api.types.core_v1 import (
    Container,
    ContainerPort,
    Pod,
    PodCondition,
    PodIP,
    PodSpec,
    PodStatus,
    Service,
    ServicePort,
    ServiceSpec,
)
from kube.apimachinery.meta.v1 import ObjectMeta

HTTP = ServicePort(name="http", port=80, target_port="http", protocol="TCP")


def service(name="web", ports=(HTTP,), **spec):
    given = {
        "selector": {"app": "web"},
        "cluster_ip": "10.96.0.9",
        "ip_families": ("IPv4",),
        "type": "ClusterIP",
        **spec,
    }
    metadata = ObjectMeta(name=name, namespace="default", uid=f"uid-{name}", labels={"tier": "front"})
    return Service(metadata=metadata, spec=ServiceSpec(ports=ports, **given))


def pod(name, ip="10.244.0.1", *, ready=True, port=8080, phase="Running", labels=None, since=None, **spec):
    metadata = ObjectMeta(name=name, namespace="default", uid=f"uid-{name}", labels=labels or {"app": "web"})
    container = Container(
        name="main",
        image="nginx",
        ports=(ContainerPort(name="http", container_port=port, protocol="TCP"),),
    )
    condition = PodCondition(type="Ready", status="True" if ready else "False", last_transition_time=since)
    ips = tuple(PodIP(ip=each) for each in ip.split(",") if each)
    status = PodStatus(phase=phase, conditions=(condition,), pod_ip=ips[0].ip if ips else "", pod_ips=ips)
    return Pod(
        metadata=metadata, spec=PodSpec(containers=(container,), node_name="node", **spec), status=status
    )


def terminating(pod):
    return replace(pod, metadata=replace(pod.metadata, deletion_timestamp="2026-01-01T00:00:00Z"))
