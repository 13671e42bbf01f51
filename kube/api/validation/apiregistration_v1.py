"""The rules of APIServices.

Source of the semantics: kube-aggregator's pkg/apis/apiregistration/validation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kube.api.types.apiregistration_v1 import APIService, APIServiceSpec, ServiceReference
from kube.api.validation.checks import Errors, dns1123_subdomain, report
from kube.api.validation.metadata import validate_object_meta, validate_object_meta_update
from kube.api.validation.rules import Rules
from kube.api.validation.workload import SPEC
from kube.apimachinery.field import Path, invalid, required
from kube.apimachinery.gofmt import quote
from kube.apimachinery.names import Complaints, dns1035_label, path_segment_name, port_number

MAX_GROUP_PRIORITY: Final = 20000
MAX_VERSION_PRIORITY: Final = 1000


def validate_api_service(api_service: APIService) -> Errors:
    spec = api_service.spec
    wanted = f"{spec.version}.{spec.group}"

    def name_check(name: str, prefix: bool) -> Complaints:
        if complaints := path_segment_name(name, prefix):
            return complaints
        return () if name == wanted else (f'must be `spec.version+"."+spec.group`: {quote(wanted)}',)

    errors = validate_object_meta(api_service.metadata, False, name_check)
    _validate_group_version(spec, errors)
    if spec.service is None:
        _validate_local(spec, errors)
    else:
        _validate_service(spec.service, SPEC.child("service"), errors)
        if spec.insecure_skip_tls_verify and spec.ca_bundle:
            detail = "may not be true if caBundle is present"
            errors.append(invalid(SPEC.child("insecureSkipTLSVerify"), True, detail))
    return errors


def _validate_group_version(spec: APIServiceSpec, errors: Errors) -> None:
    at = SPEC.child("group")
    if spec.group:
        report(at, spec.group, dns1123_subdomain(spec.group), errors)
    elif spec.version != "v1":
        errors.append(required(at, "only v1 may have an empty group and it better be legacy kube"))
    report(SPEC.child("version"), spec.version, dns1035_label(spec.version), errors)
    for name, priority, most in (
        ("groupPriorityMinimum", spec.group_priority_minimum, MAX_GROUP_PRIORITY),
        ("versionPriority", spec.version_priority, MAX_VERSION_PRIORITY),
    ):
        if not 0 < priority <= most:
            detail = f"must be positive and less than {most}"
            errors.append(invalid(SPEC.child(name), priority, detail))


def _validate_local(spec: APIServiceSpec, errors: Errors) -> None:
    if spec.ca_bundle:
        detail = "local APIServices may not have a caBundle"
        errors.append(invalid(SPEC.child("caBundle"), f"{len(spec.ca_bundle)} bytes", detail))
    if spec.insecure_skip_tls_verify:
        detail = "local APIServices may not have insecureSkipTLSVerify"
        errors.append(invalid(SPEC.child("insecureSkipTLSVerify"), True, detail))


def _validate_service(service: ServiceReference, path: Path, errors: Errors) -> None:
    for name, value in (("namespace", service.namespace), ("name", service.name)):
        if not value:
            errors.append(required(path.child(name)))
    port = 0 if service.port is None else service.port
    if complaints := port_number(port):
        detail = f"port is not valid: {','.join(complaints)}"
        errors.append(invalid(path.child("port"), port, detail))


def validate_api_service_update(new: APIService, old: APIService) -> Errors:
    return validate_object_meta_update(new.metadata, old.metadata) + validate_api_service(new)


def validate_api_service_status_update(new: APIService, old: APIService) -> Errors:
    return validate_object_meta_update(new.metadata, old.metadata)


RULES: Final[Mapping[type, Rules]] = {
    APIService: Rules(
        validate_api_service, validate_api_service_update, {"status": validate_api_service_status_update}
    ),
}
