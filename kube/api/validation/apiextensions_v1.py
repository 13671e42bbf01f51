"""The rules of CustomResourceDefinitions: names, versions, conversion. Schemas must be there; they are not judged here.

Source of the semantics: apiextensions-apiserver's pkg/apis/apiextensions/validation; KEP-95, KEP-598.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from kube.api.types.apiextensions_v1 import (
    CustomResourceConversion,
    CustomResourceDefinition,
    CustomResourceDefinitionNames,
    CustomResourceDefinitionSpec,
    CustomResourceDefinitionVersion,
    WebhookClientConfig,
)
from kube.api.validation.admission_rules import validate_webhook_service, validate_webhook_url
from kube.api.validation.checks import (
    Errors,
    dns1123_subdomain,
    name_is_dns_subdomain,
    report,
    validate_immutable,
    validate_one_of,
)
from kube.api.validation.metadata import validate_object_meta, validate_object_meta_update
from kube.api.validation.rules import Rules
from kube.api.validation.workload import SPEC, STATUS
from kube.apimachinery.field import Path, forbidden, invalid, required
from kube.apimachinery.names import Complaints, dns1035_label

REVIEW_VERSIONS: Final = ("v1", "v1beta1")
_SCOPES: Final = ("Cluster", "Namespaced")
_STRATEGIES: Final = ("None", "Webhook")
_NAMES: Final = SPEC.child("names")
_VERSIONS: Final = SPEC.child("versions")
_NOT_WEBHOOK: Final = "should not be set when strategy is not set to Webhook"


def validate_definition(definition: CustomResourceDefinition) -> Errors:
    wanted = f"{definition.spec.names.plural}.{definition.spec.group}"

    def name_check(name: str, prefix: bool) -> Complaints:
        complaints = name_is_dns_subdomain(name, prefix)
        return complaints if name == wanted else (*complaints, 'must be spec.names.plural+"."+spec.group')

    errors = validate_object_meta(definition.metadata, False, name_check)
    _validate_spec(definition.spec, errors)
    _validate_names(definition.status.accepted_names, STATUS.child("acceptedNames"), errors)
    return errors


def validate_definition_update(new: CustomResourceDefinition, old: CustomResourceDefinition) -> Errors:
    """Once it is served, what decides where and as what its objects are stored stays."""
    errors = validate_object_meta_update(new.metadata, old.metadata)
    _validate_spec(new.spec, errors)
    established = any(
        condition.type == "Established" and condition.status == "True" for condition in old.status.conditions
    )
    if established:
        validate_immutable(new.spec.scope, old.spec.scope, SPEC.child("scope"), errors)
        validate_immutable(new.spec.names.kind, old.spec.names.kind, _NAMES.child("kind"), errors)
    validate_immutable(new.spec.group, old.spec.group, SPEC.child("group"), errors)
    validate_immutable(new.spec.names.plural, old.spec.names.plural, _NAMES.child("plural"), errors)
    _validate_names(new.status.accepted_names, STATUS.child("acceptedNames"), errors)
    return errors


def validate_definition_status_update(new: CustomResourceDefinition, old: CustomResourceDefinition) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    _validate_names(new.status.accepted_names, STATUS.child("acceptedNames"), errors)
    return errors


def _validate_spec(spec: CustomResourceDefinitionSpec, errors: Errors) -> None:
    at = SPEC.child("group")
    if not spec.group:
        errors.append(required(at))
    elif complaints := dns1123_subdomain(spec.group):
        errors.append(invalid(at, spec.group, ",".join(complaints)))
    elif "." not in spec.group:
        errors.append(invalid(at, spec.group, "should be a domain with at least one dot"))
    validate_one_of(spec.scope, _SCOPES, SPEC.child("scope"), errors)
    _validate_versions(spec.versions, errors)
    for name, value in (
        ("plural", spec.names.plural),
        ("singular", spec.names.singular),
        ("kind", spec.names.kind),
        ("listKind", spec.names.list_kind),
    ):
        if not value:
            errors.append(required(_NAMES.child(name)))
    _validate_names(spec.names, _NAMES, errors)
    if spec.conversion is not None:
        _validate_conversion(spec.conversion, SPEC.child("conversion"), errors)


def _validate_versions(versions: Sequence[CustomResourceDefinitionVersion], errors: Errors) -> None:
    for i, version in enumerate(versions):
        at = _VERSIONS.index(i)
        if complaints := dns1035_label(version.name):
            errors.append(invalid(at.child("name"), version.name, ",".join(complaints)))
        if version.schema is None or version.schema.open_api_v3_schema is None:
            errors.append(required(at.child("schema", "openAPIV3Schema"), "schemas are required"))
    if len({version.name for version in versions}) < len(versions):
        errors.append(invalid(_VERSIONS, versions, "must contain unique version names"))
    if sum(version.storage for version in versions) != 1:
        detail = "must have exactly one version marked as storage version"
        errors.append(invalid(_VERSIONS, versions, detail))


def _validate_names(names: CustomResourceDefinitionNames, path: Path, errors: Errors) -> None:
    for field, name in (("plural", names.plural), ("singular", names.singular)):
        if name and (complaints := dns1035_label(name)):
            errors.append(invalid(path.child(field), name, ",".join(complaints)))
    for field, name in (("kind", names.kind), ("listKind", names.list_kind)):
        if name and (complaints := dns1035_label(name.lower())):
            detail = f"may have mixed case, but should otherwise match: {','.join(complaints)}"
            errors.append(invalid(path.child(field), name, detail))
    for field, listed in (("shortNames", names.short_names), ("categories", names.categories)):
        for i, name in enumerate(listed):
            if complaints := dns1035_label(name):
                errors.append(invalid(path.child(field).index(i), name, ",".join(complaints)))
        if field == "shortNames" and names.kind and names.kind == names.list_kind:
            detail = "kind and listKind may not be the same"
            errors.append(invalid(path.child("listKind"), names.list_kind, detail))


def _validate_conversion(conversion: CustomResourceConversion, path: Path, errors: Errors) -> None:
    validate_one_of(conversion.strategy, _STRATEGIES, path.child("strategy"), errors)
    webhook = conversion.webhook
    client, versions = path.child("webhookClientConfig"), path.child("conversionReviewVersions")
    if conversion.strategy == "Webhook":
        config = None if webhook is None else webhook.client_config
        if config is None:
            errors.append(required(client, "required when strategy is set to Webhook"))
        else:
            _validate_client(config, client, errors)
        _validate_review_versions(
            () if webhook is None else webhook.conversion_review_versions, versions, errors
        )
        return
    if webhook is not None and webhook.client_config is not None:
        errors.append(forbidden(client, _NOT_WEBHOOK))
    if webhook is not None and webhook.conversion_review_versions:
        errors.append(forbidden(versions, _NOT_WEBHOOK))


def _validate_client(config: WebhookClientConfig, path: Path, errors: Errors) -> None:
    if (config.url is None) == (config.service is None):
        errors.append(required(path, "exactly one of url or service is required"))
    elif config.url is not None:
        validate_webhook_url(config.url, path.child("url"), errors)
    elif config.service is not None:
        validate_webhook_service(config.service, path.child("service"), errors)


def _validate_review_versions(versions: Sequence[str], path: Path, errors: Errors) -> None:
    if not versions:
        errors.append(required(path))
        return
    for i, version in enumerate(versions):
        if version in versions[:i]:
            errors.append(invalid(path.index(i), version, "duplicate version"))
        else:
            report(path.index(i), version, dns1035_label(version), errors)
    if not any(version in REVIEW_VERSIONS for version in versions):
        detail = f"must include at least one of {', '.join(REVIEW_VERSIONS)}"
        errors.append(invalid(path, versions, detail))


RULES: Final[Mapping[type, Rules]] = {
    CustomResourceDefinition: Rules(
        validate_definition,
        validate_definition_update,
        {"status": validate_definition_status_update},
    ),
}
