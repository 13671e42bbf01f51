"""Custom resource definitions: the server remembers every version that objects may be stored in.

Source of the semantics: apiextensions-apiserver's pkg/registry/customresourcedefinition/strategy.go.
"""

from typing import ClassVar

from msgspec.structs import replace

from kube.api.types.apiextensions_v1 import CustomResourceDefinition
from kube.apiserver.registry.strategy import Context, Strategy


def with_stored_versions(definition: CustomResourceDefinition) -> CustomResourceDefinition:
    """``status.storedVersions`` has the storage version, after those that have been it before."""
    known = definition.status.stored_versions
    new = tuple(
        version.name for version in definition.spec.versions if version.storage and version.name not in known
    )
    if not new:
        return definition
    return replace(definition, status=replace(definition.status, stored_versions=known + new))


class DefinitionStrategy(Strategy):
    allow_unconditional_update: ClassVar[bool] = False

    def prepare_for_create(self, ctx: Context, obj: CustomResourceDefinition) -> CustomResourceDefinition:
        return with_stored_versions(super().prepare_for_create(ctx, obj))

    def prepare_for_update(
        self, ctx: Context, new: CustomResourceDefinition, old: CustomResourceDefinition
    ) -> CustomResourceDefinition:
        return with_stored_versions(super().prepare_for_update(ctx, new, old))
