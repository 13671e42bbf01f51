"""The rule of domain-prefixed paths: ``acme.io/foo``.

Source of the semantics: k8s.io/apimachinery/pkg/util/validation (IsDomainPrefixedPath).
"""

from __future__ import annotations

from kube.api.validation.checks import Errors, dns1123_subdomain, report
from kube.apimachinery import names
from kube.apimachinery.field import Path, invalid, required


def validate_domain_prefixed_path(text: str, path: Path, errors: Errors) -> None:
    if not text:
        errors.append(required(path))
        return
    host, _, rest = text.partition("/")
    if not host or not rest:
        detail = 'must be a domain-prefixed path (such as "acme.io/foo")'
        errors.append(invalid(path, text, detail))
        return
    report(path, host, dns1123_subdomain(host), errors)
    report(path, rest, names.http_path(rest), errors)
