"""The rules of Ingresses and IngressClasses.

Source of the semantics: pkg/apis/networking/validation, KEP-1453, KEP-2365 (namespaced parameters).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kube.api.types.networking_v1 import (
    HTTPIngressPath,
    Ingress,
    IngressBackend,
    IngressClass,
    IngressClassParametersReference,
    IngressRule,
    IngressServiceBackend,
    IngressSpec,
    IngressTLS,
)
from kube.api.validation.checks import (
    Errors,
    dns1123_subdomain,
    name_is_dns_label,
    name_is_dns_subdomain,
    parse_ip,
    port_name,
    report,
    shown,
    validate_immutable,
    validate_ip,
)
from kube.api.validation.domain_path import validate_domain_prefixed_path
from kube.api.validation.metadata import validate_object_meta, validate_object_meta_update
from kube.api.validation.workload import SPEC, STATUS
from kube.apimachinery import names
from kube.apimachinery.field import Path, forbidden, invalid, not_supported, required, too_long

CLASS_ANNOTATION: Final = "kubernetes.io/ingress.class"
_CONTROLLER_MAX: Final = 250
_PATH_TYPES: Final = ("Exact", "ImplementationSpecific", "Prefix")
_SCOPES: Final = ("Cluster", "Namespace")
_BAD_SEQUENCES: Final = ("//", "/./", "/../", "%2f", "%2F")
_BAD_SUFFIXES: Final = ("/..", "/.")


def validate_ingress(ingress: Ingress) -> Errors:
    errors = validate_object_meta(ingress.metadata, True, name_is_dns_subdomain)
    _validate_spec(ingress.spec, None, errors)
    annotation = ingress.metadata.annotations.get(CLASS_ANNOTATION)
    if annotation is not None and ingress.spec.ingress_class_name is not None:
        at = Path("annotations").child(CLASS_ANNOTATION)
        errors.append(invalid(at, annotation, "can not be set when the class field is also set"))
    return errors


def validate_ingress_update(new: Ingress, old: Ingress) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    errors += validate_object_meta(new.metadata, True, name_is_dns_subdomain)
    _validate_spec(new.spec, old.spec, errors)
    return errors


def _validate_spec(spec: IngressSpec, old: IngressSpec | None, errors: Errors) -> None:
    """Secret names and rules of wildcard hosts that are stored although they are malformed may stay so."""
    if not spec.rules and spec.default_backend is None:
        detail = "either `defaultBackend` or `rules` must be specified"
        errors.append(invalid(SPEC, shown(spec.rules), detail))
    if spec.default_backend is not None:
        _validate_backend(spec.default_backend, SPEC.child("defaultBackend"), errors)
    lenient = old is not None and _has_unsound_wildcard(old.rules)
    for i, rule in enumerate(spec.rules):
        _validate_rule(rule, lenient, SPEC.child("rules").index(i), errors)
    lenient = old is not None and any(_secret_complaints(tls) for tls in old.tls)
    for i, tls in enumerate(spec.tls):
        _validate_tls(tls, lenient, SPEC.child("tls").index(i), errors)
    if spec.ingress_class_name is not None:
        complaints = name_is_dns_subdomain(spec.ingress_class_name, False)
        report(SPEC.child("ingressClassName"), spec.ingress_class_name, complaints, errors)


def _secret_complaints(tls: IngressTLS) -> Sequence[str]:
    return name_is_dns_subdomain(tls.secret_name, False) if tls.secret_name else ()


def _has_unsound_wildcard(rules: Sequence[IngressRule]) -> bool:
    errors: Errors = []
    for rule in rules:
        if "*" in rule.host:
            _validate_paths(rule, Path("rules"), errors)
    return bool(errors)


def _validate_host(host: str, path: Path, errors: Errors) -> None:
    check = names.wildcard_dns1123_subdomain if "*" in host else dns1123_subdomain
    report(path, host, check(host), errors)


def _validate_tls(tls: IngressTLS, lenient: bool, path: Path, errors: Errors) -> None:
    for i, host in enumerate(tls.hosts):
        _validate_host(host, path.child("hosts").index(i), errors)
    if not lenient:
        report(path.child("secretName"), tls.secret_name, _secret_complaints(tls), errors)


def _validate_rule(rule: IngressRule, lenient: bool, path: Path, errors: Errors) -> None:
    if rule.host:
        if parse_ip(rule.host) is not None:
            errors.append(invalid(path.child("host"), rule.host, "must be a DNS name, not an IP address"))
        _validate_host(rule.host, path.child("host"), errors)
    if not (lenient and "*" in rule.host):
        _validate_paths(rule, path, errors)


def _validate_paths(rule: IngressRule, path: Path, errors: Errors) -> None:
    if rule.http is None:
        return
    at = path.child("http", "paths")
    if not rule.http.paths:
        errors.append(required(at))
    for i, http_path in enumerate(rule.http.paths):
        _validate_path(http_path, at.index(i), errors)


def _validate_path(http_path: HTTPIngressPath, path: Path, errors: Errors) -> None:
    kind, text, at = http_path.path_type, http_path.path, path.child("path")
    if kind is None:
        errors.append(required(path.child("pathType"), "pathType must be specified"))
        return
    if kind not in _PATH_TYPES:
        errors.append(not_supported(path.child("pathType"), kind, _PATH_TYPES))
    elif not text.startswith("/") and (text or kind != "ImplementationSpecific"):
        errors.append(invalid(at, text, "must be an absolute path"))
    if kind in ("Exact", "Prefix"):
        for sequence in _BAD_SEQUENCES:
            if sequence in text:
                errors.append(invalid(at, text, f"must not contain '{sequence}'"))
        for suffix in _BAD_SUFFIXES:
            if text.endswith(suffix):
                errors.append(invalid(at, text, f"cannot end with '{suffix}'"))
    _validate_backend(http_path.backend, path.child("backend"), errors)


def _validate_backend(backend: IngressBackend, path: Path, errors: Errors) -> None:
    resource, service = backend.resource, backend.service
    if resource is not None and service is not None:
        errors.append(invalid(path, "", "cannot set both resource and service backends"))
    elif resource is not None:
        at = path.child("resource")
        _validate_reference(resource.api_group, resource.kind, resource.name, at, errors)
    elif service is not None:
        _validate_service(service, path, errors)
    else:
        errors.append(invalid(path, "", "resource or service backend is required"))


def _validate_service(service: IngressServiceBackend, path: Path, errors: Errors) -> None:
    at = path.child("service", "name")
    if service.name:
        report(at, service.name, name_is_dns_label(service.name, False), errors)
    else:
        errors.append(required(at))
    name, number = service.port.name, service.port.number
    if name and number:
        errors.append(invalid(path, "", "cannot set both port name & port number"))
    elif name:
        report(path.child("service", "port", "name"), name, port_name(name), errors)
    elif number:
        report(path.child("service", "port", "number"), number, names.port_number(number), errors)
    else:
        errors.append(required(path, "port name or number is required"))


def _validate_reference(group: str | None, kind: str, name: str, path: Path, errors: Errors) -> None:
    if group is not None:
        report(path.child("apiGroup"), group, dns1123_subdomain(group), errors)
    for field, value in (("kind", kind), ("name", name)):
        if value:
            report(path.child(field), value, names.path_segment_name(value), errors)
        else:
            errors.append(required(path.child(field), f"{field} is required"))


def validate_ingress_status_update(new: Ingress, old: Ingress) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    for i, ingress in enumerate(new.status.load_balancer.ingress):
        at = STATUS.child("loadBalancer", "ingress").index(i)
        if ingress.ip:
            validate_ip(ingress.ip, at.child("ip"), errors)
        if not ingress.hostname:
            continue
        report(at.child("hostname"), ingress.hostname, dns1123_subdomain(ingress.hostname), errors)
        if parse_ip(ingress.hostname) is not None:
            detail = "must be a DNS name, not an IP address"
            errors.append(invalid(at.child("hostname"), ingress.hostname, detail))
    return errors


def validate_ingress_class(ingress_class: IngressClass) -> Errors:
    errors = validate_object_meta(ingress_class.metadata, False, name_is_dns_subdomain)
    controller, at = ingress_class.spec.controller, SPEC.child("controller")
    if names.longer_than(controller, _CONTROLLER_MAX):
        errors.append(too_long(at, _CONTROLLER_MAX))
    validate_domain_prefixed_path(controller, at, errors)
    if ingress_class.spec.parameters is not None:
        _validate_parameters(ingress_class.spec.parameters, SPEC.child("parameters"), errors)
    return errors


def validate_ingress_class_update(new: IngressClass, old: IngressClass) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    validate_immutable(new.spec.controller, old.spec.controller, SPEC.child("controller"), errors)
    return errors + validate_ingress_class(new)


def _validate_parameters(parameters: IngressClassParametersReference, path: Path, errors: Errors) -> None:
    _validate_reference(parameters.api_group, parameters.kind, parameters.name, path, errors)
    scope, namespace, at = parameters.scope, parameters.namespace, path.child("namespace")
    if scope is None:
        errors.append(required(path.child("scope")))
    elif scope not in _SCOPES:
        errors.append(not_supported(path.child("scope"), scope, _SCOPES))
    elif scope == "Cluster":
        if namespace is not None:
            errors.append(forbidden(at, "`parameters.scope` is set to 'Cluster'"))
    elif namespace is None:
        errors.append(required(at, "`parameters.scope` is set to 'Namespace'"))
    else:
        report(at, namespace, name_is_dns_label(namespace, False), errors)
