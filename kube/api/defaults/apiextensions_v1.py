"""Defaults of CustomResourceDefinitions.

Source of the semantics: apiextensions-apiserver's pkg/apis/apiextensions/v1/defaults.go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from kube.api.types.apiextensions_v1 import (
    CustomResourceConversion,
    CustomResourceDefinition,
    CustomResourceDefinitionNames,
)

_NO_CONVERSION: Final = CustomResourceConversion(strategy="None")


def default_custom_resource_definition(definition: CustomResourceDefinition) -> CustomResourceDefinition:
    spec, status = definition.spec, definition.status
    changes: dict[str, Any] = {}
    if (names := _default_names(spec.names)) is not spec.names:
        changes["names"] = names
    conversion = _NO_CONVERSION if spec.conversion is None else _default_conversion(spec.conversion)
    if conversion is not spec.conversion:
        changes["conversion"] = conversion
    if changes:
        definition = replace(definition, spec=replace(spec, **changes))
    if status.stored_versions:
        return definition
    stored = next(((version.name,) for version in spec.versions if version.storage), ())
    return replace(definition, status=replace(status, stored_versions=stored)) if stored else definition


def _default_names(names: CustomResourceDefinitionNames) -> CustomResourceDefinitionNames:
    if not names.kind or (names.singular and names.list_kind):
        return names
    singular, list_kind = names.singular or names.kind.lower(), names.list_kind or f"{names.kind}List"
    return replace(names, singular=singular, list_kind=list_kind)


def _default_conversion(conversion: CustomResourceConversion) -> CustomResourceConversion:
    webhook = conversion.webhook
    config = None if webhook is None else webhook.client_config
    if webhook is None or config is None or config.service is None or config.service.port is not None:
        return conversion
    config = replace(config, service=replace(config.service, port=443))
    return replace(conversion, webhook=replace(webhook, client_config=config))


DEFAULTS: Final[Mapping[type, Callable[[Any], Any]]] = {
    CustomResourceDefinition: default_custom_resource_definition
}
