"""Objects that the tests of the controllers share."""

from typing import Any

from kube.api.types.core_v1 import Container, PodSpec, PodTemplateSpec
from kube.apimachinery.meta.v1 import LabelSelector, ObjectMeta


def template(image: str = "nginx", **labels: str) -> PodTemplateSpec:
    return PodTemplateSpec(
        metadata=ObjectMeta(labels=labels or {"app": "web"}),
        spec=PodSpec(containers=(Container(name="main", image=image),)),
    )


def selector(**labels: str) -> LabelSelector:
    return LabelSelector(match_labels=labels or {"app": "web"})


def meta(name: str = "web", **more: Any) -> ObjectMeta:
    return ObjectMeta(name=name, namespace="default", **more)
