"""Objects that several tests create."""

from kube.api.types.apps_v1 import Deployment, DeploymentSpec
from kube.api.types.core_v1 import (
    Container,
    PodSpec,
    PodTemplateSpec,
    Service,
    ServicePort,
    ServiceSpec,
    Toleration,
)
from kube.apimachinery.meta.v1 import LabelSelector, ObjectMeta


def deployment(name: str, replicas: int, *tolerations: Toleration) -> Deployment:
    labels = {"app": name}
    pod = PodSpec(containers=(Container(name="web", image="nginx"),), tolerations=tolerations)
    template = PodTemplateSpec(metadata=ObjectMeta(labels=labels), spec=pod)
    spec = DeploymentSpec(replicas=replicas, selector=LabelSelector(match_labels=labels), template=template)
    return Deployment(metadata=ObjectMeta(name=name), spec=spec)


def gives_up_at_once() -> tuple[Toleration, ...]:
    """For a pod that stays on a lost node for no time at all, where the default is five minutes."""
    return tuple(
        Toleration(
            key=f"node.kubernetes.io/{why}", operator="Exists", effect="NoExecute", toleration_seconds=0
        )
        for why in ("not-ready", "unreachable")
    )


def service(name: str) -> Service:
    """In front of the pods of ``deployment(name)``."""
    spec = ServiceSpec(selector={"app": name}, ports=(ServicePort(port=80),))
    return Service(metadata=ObjectMeta(name=name), spec=spec)
