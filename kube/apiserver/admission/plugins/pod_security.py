"""PodSecurity: the labels of a namespace say which pods it takes, and of which others its users are warned.

Every version of the standards that a label names is judged as the latest. Source of the semantics:
k8s.io/pod-security-admission/admission; KEP-2579; the page "Pod Security Admission".
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from kube.api.types.core_v1 import Namespace, Pod, PodTemplateSpec
from kube.apimachinery import field
from kube.apimachinery.errors import invalid
from kube.apimachinery.field import FieldError, Path
from kube.apimachinery.gofmt import quote
from kube.apiserver.admission.interface import Attributes, Operation
from kube.apiserver.admission.plugins.lookup import Lookup, Name, Stores, refusal
from kube.apiserver.admission.plugins.pod_security_checks import LEVELS, violations

PREFIX: Final = "pod-security.kubernetes.io/"
ENFORCE: Final = f"{PREFIX}enforce"
WARN: Final = f"{PREFIX}warn"
MODES: Final = ("enforce", "audit", "warn")

_VERSION: Final = re.compile(r"latest|v1\.(0|[1-9][0-9]*)", re.ASCII)
_NAMESPACES: Final = ("", "namespaces")
_PODS: Final = ("", "pods")
_WITH_TEMPLATE: Final = frozenset(
    (
        ("", "podtemplates"),
        ("", "replicationcontrollers"),
        ("apps", "daemonsets"),
        ("apps", "deployments"),
        ("apps", "replicasets"),
        ("apps", "statefulsets"),
        ("batch", "cronjobs"),
        ("batch", "jobs"),
    )
)


class PodSecurity:
    name = "PodSecurity"
    operations: frozenset[Operation] = frozenset(("CREATE", "UPDATE"))
    resources: frozenset[Name] = frozenset((_NAMESPACES, _PODS)) | _WITH_TEMPLATE

    def __init__(self, stores: Stores) -> None:
        self._namespaces = Lookup(stores["", "namespaces"])

    async def validate(self, attributes: Attributes) -> None:
        """Raises ApiError: 403 for a pod that its namespace does not take, 422 for labels that say nothing."""
        name = (attributes.resource.group, attributes.resource.plural)
        if name == _NAMESPACES:
            if not attributes.subresource:
                _check_labels(attributes)
            return
        if attributes.subresource not in ("", "ephemeralcontainers"):
            return
        namespace: Namespace | None = await self._namespaces.get("", attributes.namespace)
        labels = {} if namespace is None else namespace.metadata.labels
        if ENFORCE not in labels and WARN not in labels:
            return
        if name == _PODS:
            if attributes.operation == "CREATE" or _matters(attributes.object, attributes.old_object):
                _judge_pod(attributes, labels)
            return
        template = _template(attributes.object)
        if template is not None:
            _warn(attributes, labels, template.metadata.annotations, template.spec)


def _judge_pod(attributes: Attributes, labels: Mapping[str, str]) -> None:
    pod: Pod = attributes.object
    level = _level(labels, "enforce", "restricted")
    found = violations(level, pod.metadata.annotations, pod.spec)
    if found:
        standard = quote(f"{level}:{_version(labels, 'enforce')}")
        raise refusal(attributes, f"violates PodSecurity {standard}: {found}")
    _warn(attributes, labels, pod.metadata.annotations, pod.spec)


def _warn(
    attributes: Attributes, labels: Mapping[str, str], annotations: Mapping[str, str], spec: Any
) -> None:
    level = _level(labels, "warn", "privileged")
    if found := violations(level, annotations, spec):
        standard = quote(f"{level}:{_version(labels, 'warn')}")
        attributes.warn(f"would violate PodSecurity {standard}: {found}")


def _level(labels: Mapping[str, str], mode: str, broken: str) -> str:
    """The level of a mode; ``broken`` for a label that names none."""
    level = labels.get(PREFIX + mode, "privileged")
    return level if level in LEVELS else broken


def _version(labels: Mapping[str, str], mode: str) -> str:
    version = labels.get(f"{PREFIX}{mode}-version", "latest")
    return version if _VERSION.fullmatch(version) else "latest"


def _matters(new: Pod, old: Pod) -> bool:
    """Whether an update changes what the standards are about: images, and containers that come."""
    return any(
        len(getattr(new.spec, each)) != len(getattr(old.spec, each))
        or any(
            after.image != before.image
            for after, before in zip(getattr(new.spec, each), getattr(old.spec, each), strict=True)
        )
        for each in ("containers", "init_containers", "ephemeral_containers")
    )


def _template(obj: Any) -> PodTemplateSpec | None:
    if hasattr(obj, "template"):
        found: PodTemplateSpec | None = obj.template
    elif hasattr(obj.spec, "job_template"):
        found = obj.spec.job_template.spec.template
    else:
        found = getattr(obj.spec, "template", None)
    return found


def _check_labels(attributes: Attributes) -> None:
    """New labels must say something; old ones may stay as they are."""
    labels = attributes.object.metadata.labels
    old = {} if attributes.old_object is None else attributes.old_object.metadata.labels
    errors: list[FieldError] = []
    for mode in MODES:
        for label, is_known, wanted in (
            (PREFIX + mode, LEVELS.__contains__, "must be one of privileged, baseline, restricted"),
            (f"{PREFIX}{mode}-version", _VERSION.fullmatch, 'must be "latest" or "v1.x"'),
        ):
            value = labels.get(label)
            if value is not None and value != old.get(label) and not is_known(value):
                errors.append(field.invalid(Path("metadata").child("labels").key(label), value, wanted))
    if errors:
        raise invalid("Namespace", attributes.name, errors)
