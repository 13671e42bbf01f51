"""The rules of certificate signers' names, and of the trust bundles named after them.

Source of the semantics: pkg/apis/certificates/validation, KEP-3257.
"""

from __future__ import annotations

from typing import Final

from kube.api.validation.checks import Errors, dns1123_label, dns1123_subdomain, name_is_dns_subdomain
from kube.apimachinery.field import Path, invalid, required, too_long
from kube.apimachinery.gofmt import quote
from kube.apimachinery.names import DNS1123_LABEL_MAX, DNS1123_SUBDOMAIN_MAX, longer_than

_SIGNER_MAX: Final = 2 * DNS1123_SUBDOMAIN_MAX + DNS1123_LABEL_MAX + 2


def validate_signer_name(name: str, path: Path, errors: Errors) -> None:
    """``example.com/signer-name``."""
    if not name:
        errors.append(required(path))
        return
    segments = name.split("/")
    if len(segments) != 2:
        detail = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
        errors.append(invalid(path, name, detail))
        return
    domain, signer = segments
    if longer_than(domain, DNS1123_SUBDOMAIN_MAX):
        errors.append(too_long(path, DNS1123_SUBDOMAIN_MAX))
    labels = domain.split(".")
    for label in labels:
        if complaints := dns1123_label(label):
            _report_label(path, domain, label, complaints, errors)
            break
    if len(labels) < 2:
        detail = "should be a domain with at least two segments separated by dots"
        errors.append(invalid(path, domain, detail))
    for label in signer.split("."):
        if complaints := dns1123_subdomain(label):
            _report_label(path, signer, label, complaints, errors)
            break
    if longer_than(name, _SIGNER_MAX):
        errors.append(too_long(path, _SIGNER_MAX))


def _report_label(path: Path, value: str, label: str, complaints: tuple[str, ...], errors: Errors) -> None:
    for complaint in complaints:
        errors.append(invalid(path, value, f"validating label {quote(label)}: {complaint}"))


def signer_of_bundle(name: str) -> str:
    """The signer that a ClusterTrustBundle's name carries; "" for one without."""
    return name.rpartition(":")[0].replace(":", "/")


def trust_bundle_name_complaints(name: str, signer: str, prefix: bool = False) -> tuple[str, ...]:
    """``signer:name:rest`` for a bundle of a signer, a plain name for one without."""
    if not signer:
        if ":" in name:
            return ('ClusterTrustBundle without signer name must not have ":" in its name',)
        return name_is_dns_subdomain(name, prefix)
    wanted = f"{signer.replace('/', ':')}:"
    if not name.startswith(wanted):
        return (f"ClusterTrustBundle for signerName {signer} must be named with prefix {wanted}",)
    return name_is_dns_subdomain(name.removeprefix(wanted), prefix)
