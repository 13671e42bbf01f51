"""Defaults of role bindings: the API group of what they name.

Source of the semantics: pkg/apis/rbac/v1/defaults.go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from msgspec.structs import replace

from kube.api.defaults.volumes import default_each
from kube.api.types.rbac_v1 import ClusterRoleBinding, RoleBinding, Subject

GROUP: Final = "rbac.authorization.k8s.io"
AnyBinding = TypeVar("AnyBinding", ClusterRoleBinding, RoleBinding)


def default_binding(binding: AnyBinding) -> AnyBinding:
    changes: dict[str, Any] = {}
    if not binding.role_ref.api_group:
        changes["role_ref"] = replace(binding.role_ref, api_group=GROUP)
    if (subjects := default_each(binding.subjects, _default_subject)) is not binding.subjects:
        changes["subjects"] = subjects
    return replace(binding, **changes) if changes else binding


def _default_subject(subject: Subject) -> Subject:
    if subject.api_group or subject.kind not in ("User", "Group"):
        return subject
    return replace(subject, api_group=GROUP)


DEFAULTS: Final[Mapping[type, Callable[[Any], Any]]] = {
    ClusterRoleBinding: default_binding,
    RoleBinding: default_binding,
}
