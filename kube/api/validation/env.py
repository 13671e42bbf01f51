"""The rules of environment variables and of references to an object's own fields (the downward API).

Source of the semantics: pkg/apis/core/validation, KEP-4369 (names), KEP-3721 (env files).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kube.api.types.core_v1 import (
    ConfigMapKeySelector,
    EnvFromSource,
    EnvVar,
    EnvVarSource,
    FileKeySelector,
    ObjectFieldSelector,
    ResourceFieldSelector,
    SecretKeySelector,
)
from kube.api.validation.checks import (
    Errors,
    config_map_key,
    env_var_name,
    label_key,
    name_is_dns_subdomain,
    report,
    validate_local_non_reserved_path,
)
from kube.apimachinery.field import Path, invalid, not_supported, required
from kube.apimachinery.quantity import Quantity, parse_quantity

ENV_FIELDS: Final = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
VOLUME_FIELDS: Final = (
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
)
_LABELS: Final = frozenset(
    {
        *ENV_FIELDS,
        *VOLUME_FIELDS,
        "spec.restartPolicy",
        "spec.schedulerName",
        "status.phase",
    }
)
_CONTAINER_RESOURCES: Final = (
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
)
_HUGE_PAGES: Final = ("limits.hugepages-", "requests.hugepages-")
_CPU_DIVISORS: Final = ("1m", "1")
_BYTE_DIVISORS: Final = ("1", *(f"1{unit}" for unit in "kMGTPE"), *(f"1{unit}i" for unit in "KMGTPE"))


def validate_env(variables: Sequence[EnvVar], path: Path, errors: Errors) -> None:
    for i, variable in enumerate(variables):
        if not variable.name:
            errors.append(required(path.index(i).child("name")))
        elif complaints := env_var_name(variable.name):
            report(path.index(i).child("name"), variable.name, complaints, errors)
        if variable.value_from is not None:
            at = path.index(i).child("valueFrom")
            _validate_source(variable.value_from, variable.value, at, errors)


def _validate_source(source: EnvVarSource, value: str, path: Path, errors: Errors) -> None:
    given = 0
    if source.field_ref is not None:
        given += 1
        validate_field_ref(source.field_ref, ENV_FIELDS, path.child("fieldRef"), errors)
    if source.resource_field_ref is not None:
        given += 1
        at = path.child("resourceFieldRef")
        validate_resource_field_ref(source.resource_field_ref, at, errors, volume=False)
    if source.config_map_key_ref is not None:
        given += 1
        _validate_key_ref(source.config_map_key_ref, path.child("configMapKeyRef"), errors)
    if source.secret_key_ref is not None:
        given += 1
        _validate_key_ref(source.secret_key_ref, path.child("secretKeyRef"), errors)
    if source.file_key_ref is not None:
        given += 1
        _validate_file_key_ref(source.file_key_ref, path.child("fileKeyRef"), errors)
    if given == 0:
        detail = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
        errors.append(invalid(path, "", detail))
    elif value:
        errors.append(invalid(path, "", "may not be specified when `value` is not empty"))
    elif given > 1:
        errors.append(invalid(path, "", "may not have more than one field specified at a time"))


def split_subscript(field_path: str) -> tuple[str, str] | None:
    """``metadata.labels['app']`` taken apart; None without a subscript."""
    path, bracket, subscript = field_path.removesuffix("']").partition("['")
    return (path, subscript) if field_path.endswith("']") and bracket and path else None


def validate_field_ref(
    selector: ObjectFieldSelector, fields: tuple[str, ...], path: Path, errors: Errors
) -> None:
    """A reference to one of ``fields``, or to a label or annotation by subscript."""
    api_version, field_path = selector.api_version, selector.field_path
    if api_version == "v1" and field_path in fields:
        return
    if not api_version:
        errors.append(required(path.child("apiVersion")))
    elif not field_path:
        errors.append(required(path.child("fieldPath")))
    elif fault := _conversion_fault(api_version, field_path):
        errors.append(invalid(path.child("fieldPath"), field_path, f"error converting fieldPath: {fault}"))
    elif (parts := split_subscript(field_path)) is not None:
        key = parts[1].lower() if parts[0] == "metadata.annotations" else parts[1]
        report(path, key, label_key(key), errors)
    elif (internal := "spec.nodeName" if field_path == "spec.host" else field_path) not in fields:
        errors.append(not_supported(path.child("fieldPath"), internal, fields))


def _conversion_fault(api_version: str, field_path: str) -> str:
    if api_version != "v1":
        return f"unsupported pod version: {api_version}"
    if (parts := split_subscript(field_path)) is not None:
        if parts[0] in ("metadata.annotations", "metadata.labels"):
            return ""
        return f"field label does not support subscript: {field_path}"
    if field_path in _LABELS or field_path == "spec.host":
        return ""
    return f"field label not supported: {field_path}"


def validate_resource_field_ref(
    selector: ResourceFieldSelector, path: Path, errors: Errors, *, volume: bool
) -> None:
    resource = selector.resource
    if volume and not selector.container_name:
        errors.append(required(path.child("containerName")))
    elif not resource:
        errors.append(required(path.child("resource")))
    elif resource not in _CONTAINER_RESOURCES and not resource.startswith(_HUGE_PAGES):
        errors.append(not_supported(path.child("resource"), resource, _CONTAINER_RESOURCES))
    _validate_divisor(resource, selector.divisor, path.child("divisor"), errors)


def _validate_divisor(resource: str, divisor: Quantity, path: Path, errors: Errors) -> None:
    if parse_quantity(divisor) == 0:
        return
    if resource in ("limits.cpu", "requests.cpu"):
        if divisor not in _CPU_DIVISORS:
            detail = "only divisor's values 1m and 1 are supported with the cpu resource"
            errors.append(invalid(path, resource, detail))
        return
    of = _divided_by_bytes(resource)
    if of and divisor not in _BYTE_DIVISORS:
        detail = f"only divisor's values {', '.join(_BYTE_DIVISORS)} are supported with the {of} resource"
        errors.append(invalid(path, resource, detail))


def _divided_by_bytes(resource: str) -> str:
    if resource in ("limits.memory", "requests.memory"):
        return "memory"
    if resource in ("limits.ephemeral-storage", "requests.ephemeral-storage"):
        return "local ephemeral storage"
    return "hugepages" if resource.startswith(_HUGE_PAGES) else ""


def _validate_key_ref(selector: ConfigMapKeySelector | SecretKeySelector, path: Path, errors: Errors) -> None:
    if complaints := name_is_dns_subdomain(selector.name, False):
        report(path.child("name"), selector.name, complaints, errors)
    if not selector.key:
        errors.append(required(path.child("key")))
    elif complaints := config_map_key(selector.key):
        report(path.child("key"), selector.key, complaints, errors)


def _validate_file_key_ref(selector: FileKeySelector, path: Path, errors: Errors) -> None:
    if not selector.key:
        errors.append(required(path.child("key")))
    elif complaints := env_var_name(selector.key):
        report(path.child("key"), selector.key, complaints, errors)
    if not selector.volume_name:
        errors.append(required(path.child("volumeName")))
    if not selector.path:
        errors.append(required(path.child("path")))
    else:
        validate_local_non_reserved_path(selector.path, path.child("path"), errors)


def validate_env_from(sources: Sequence[EnvFromSource], path: Path, errors: Errors) -> None:
    for i, source in enumerate(sources):
        if source.prefix and (complaints := env_var_name(source.prefix)):
            report(path.index(i).child("prefix"), source.prefix, complaints, errors)
        given = 0
        for name, reference in (("configMapRef", source.config_map_ref), ("secretRef", source.secret_ref)):
            if reference is None:
                continue
            given += 1
            if not reference.name:
                errors.append(required(path.index(i).child(name, "name")))
            elif complaints := name_is_dns_subdomain(reference.name, True):
                report(path.index(i).child(name, "name"), reference.name, complaints, errors)
        if given == 0:
            errors.append(invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"))
        elif given > 1:
            errors.append(invalid(path, "", "may not have more than one field specified at a time"))
