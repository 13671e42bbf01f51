"""The rules of CertificateSigningRequests.

The request must be one block of PEM of the right kind; what is inside is the signer's to judge. Source of the
semantics: pkg/apis/certificates/validation, KEP-1513.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final

from kube.api.types.certificates_v1 import CertificateSigningRequest, CertificateSigningRequestCondition
from kube.api.validation.checks import Errors
from kube.api.validation.diff import diff
from kube.api.validation.metadata import validate_object_meta, validate_object_meta_update
from kube.api.validation.rules import Rules
from kube.api.validation.signers import validate_signer_name
from kube.api.validation.workload import SPEC, STATUS
from kube.apimachinery.field import duplicate, forbidden, invalid, not_supported, required
from kube.apimachinery.gofmt import quote
from kube.apimachinery.names import Complaints

SHORTEST_EXPIRATION: Final = 600
_LEGACY_SIGNER: Final = "kubernetes.io/legacy-unknown"
_STATUSES: Final = ("False", "True", "Unknown")
_FINAL: Final = ("Approved", "Denied", "Failed")
"""Conditions that are True or not there, and never go away."""
USAGES: Final = tuple(
    sorted(
        (
            *("signing", "digital signature", "content commitment", "key encipherment", "key agreement"),
            *("data encipherment", "cert sign", "crl sign", "encipher only", "decipher only", "any"),
            *("server auth", "client auth", "code signing", "email protection", "s/mime"),
            *("ipsec end system", "ipsec tunnel", "ipsec user", "timestamping", "ocsp signing"),
            *("microsoft sgc", "netscape sgc"),
        )
    )
)
_CONDITIONS: Final = STATUS.child("conditions")
_CERTIFICATE: Final = STATUS.child("certificate")
_PEM: Final = re.compile(rb"-----BEGIN ([^\n]*?)-----\s*\n(.*?)-----END \1-----", re.DOTALL)


def _any_name(_name: str, _prefix: bool) -> Complaints:
    return ()


def _pem_block_types(data: bytes) -> list[str]:
    """The types of the blocks that can be decoded, in order."""
    found = []
    for match in _PEM.finditer(data):
        try:
            base64.b64decode(b"".join(match[2].split()), validate=True)
        except binascii.Error:
            continue
        found.append(match[1].decode(errors="replace"))
    return found


def validate_request(request: CertificateSigningRequest) -> Errors:
    return _validate(request, None)


def _validate(request: CertificateSigningRequest, old: CertificateSigningRequest | None) -> Errors:
    errors = validate_object_meta(request.metadata, False, _any_name)
    spec, at = request.spec, SPEC.child("request")
    if _pem_block_types(spec.request)[:1] != ["CERTIFICATE REQUEST"]:
        errors.append(invalid(at, spec.request, "PEM block type must be CERTIFICATE REQUEST"))
    _validate_usages(spec.usages, () if old is None else old.spec.usages, errors)
    at = SPEC.child("signerName")
    if spec.signer_name == _LEGACY_SIGNER and (old is None or old.spec.signer_name != _LEGACY_SIGNER):
        detail = "the legacy signerName is not allowed via this API version"
        errors.append(invalid(at, spec.signer_name, detail))
    else:
        validate_signer_name(spec.signer_name, at, errors)
    seconds = spec.expiration_seconds
    if seconds is not None and seconds < SHORTEST_EXPIRATION:
        detail = "may not specify a duration less than 600 seconds (10 minutes)"
        errors.append(invalid(SPEC.child("expirationSeconds"), seconds, detail))
    _validate_conditions(request, () if old is None else old.status.conditions, errors)
    certificate = request.status.certificate
    if certificate and (old is None or certificate != old.status.certificate):
        _validate_certificate(certificate, errors)
    return errors


def _validate_usages(usages: tuple[str, ...], stored: tuple[str, ...], errors: Errors) -> None:
    """Faults that are stored may stay."""
    at = SPEC.child("usages")
    if not usages:
        errors.append(required(at))
    if all(usage in USAGES for usage in stored):
        for i, usage in enumerate(usages):
            if usage not in USAGES:
                errors.append(not_supported(at.index(i), usage, USAGES))
    if len(set(stored)) == len(stored):
        for i, usage in enumerate(usages):
            if usage in usages[:i]:
                errors.append(duplicate(at.index(i), usage))


Conditions = tuple[CertificateSigningRequestCondition, ...]


def _validate_conditions(request: CertificateSigningRequest, stored: Conditions, errors: Errors) -> None:
    had = [condition.type for condition in stored]
    seen: list[str] = []
    for i, condition in enumerate(request.status.conditions):
        at = _CONDITIONS.index(i)
        if not condition.type and "" not in had:
            errors.append(required(at.child("type")))
        allowed = ("True",) if condition.type in _FINAL else _STATUSES
        if not condition.status:
            errors.append(required(at.child("status")))
        elif condition.status not in allowed:
            errors.append(not_supported(at.child("status"), condition.status, allowed))
        opposite = {"Approved": "Denied", "Denied": "Approved"}.get(condition.type)
        if opposite in seen and not {"Approved", "Denied"}.issubset(had):
            detail = "Approved and Denied conditions are mutually exclusive"
            errors.append(invalid(at.child("type"), condition.type, detail))
        if condition.type in seen and len(set(had)) == len(had):
            errors.append(duplicate(at.child("type"), condition.type))
        seen.append(condition.type)


def _validate_certificate(certificate: bytes, errors: Errors) -> None:
    types = _pem_block_types(certificate)
    other = next((kind for kind in types if kind != "CERTIFICATE"), None)
    if other is not None:
        detail = f"only CERTIFICATE PEM blocks are allowed, found {quote(other)}"
        errors.append(invalid(_CERTIFICATE, "<certificate data>", detail))
    elif not types:
        detail = "must contain at least one CERTIFICATE PEM block"
        errors.append(invalid(_CERTIFICATE, "<certificate data>", detail))


def validate_request_update(new: CertificateSigningRequest, old: CertificateSigningRequest) -> Errors:
    return _validate_update(new, old)


def validate_request_status_update(new: CertificateSigningRequest, old: CertificateSigningRequest) -> Errors:
    """The signer's: the certificate is set once."""
    return _validate_update(new, old, certificate=True)


def validate_request_approval(new: CertificateSigningRequest, old: CertificateSigningRequest) -> Errors:
    return _validate_update(new, old, approval=True)


def _validate_update(
    new: CertificateSigningRequest,
    old: CertificateSigningRequest,
    *,
    approval: bool = False,
    certificate: bool = False,
) -> Errors:
    errors = _validate(new, old)
    for kind in _FINAL:
        if len(_of_type(new, kind)) < len(_of_type(old, kind)):
            detail = f"updates may not remove a condition of type {quote(kind)}"
            errors.append(forbidden(_CONDITIONS, detail))
    if not approval:
        for kind in ("Approved", "Denied"):
            _validate_untouched(_of_type(new, kind), _of_type(old, kind), kind, errors)
    if new.status.certificate != old.status.certificate:
        if not certificate:
            errors.append(forbidden(_CERTIFICATE, "updates may not set certificate content"))
        elif old.status.certificate:
            errors.append(forbidden(_CERTIFICATE, "updates may not modify existing certificate content"))
    return errors + validate_object_meta_update(new.metadata, old.metadata)


def _of_type(request: CertificateSigningRequest, kind: str) -> Conditions:
    return tuple(condition for condition in request.status.conditions if condition.type == kind)


def _validate_untouched(new: Conditions, old: Conditions, kind: str, errors: Errors) -> None:
    if len(new) > len(old):
        detail = f"updates may not add a condition of type {quote(kind)}"
        errors.append(forbidden(_CONDITIONS, detail))
    elif len(new) == len(old) and new != old:
        detail = f"updates may not modify a condition of type {quote(kind)}\n{diff(old, new)}"
        errors.append(forbidden(_CONDITIONS, detail))


RULES: Final[Mapping[type, Rules]] = {
    CertificateSigningRequest: Rules(
        validate_request,
        validate_request_update,
        {"status": validate_request_status_update, "approval": validate_request_approval},
    ),
}
