"""From what a caller names to the row of the resource table."""

from collections.abc import Iterator
from typing import Any

from kube.api.resources import Resource, ResourceTable

Untyped = Resource | tuple[str, str, str]
"""A resource by its row, or by its (group, version, plural)."""


def declared(kind: type[Any]) -> tuple[str, str]:
    """The apiVersion and kind that a top-level type carries. Raises TypeError for any other type."""
    values = dict(_own_values(kind))
    api_version, name = values.get("api_version"), values.get("kind")
    if not (isinstance(api_version, str) and isinstance(name, str) and api_version and name):
        raise TypeError(f"{kind.__name__} is no top-level kind of the API")
    return api_version, name


def _own_values(kind: type[Any]) -> Iterator[tuple[str, Any]]:
    """The defaults of the two fields. ``msgspec.structs.fields`` would resolve the annotations of all: 0.2 ms a kind."""
    names = getattr(kind, "__struct_fields__", ())
    defaults = getattr(kind, "__struct_defaults__", ())
    for name, default in zip(reversed(names), reversed(defaults), strict=False):  # the last have defaults
        if name in ("api_version", "kind"):
            factory = getattr(default, "factory", None)
            yield name, default if factory is None else factory()


def resource_of(resources: ResourceTable, kind: type[Any] | Untyped) -> Resource:
    """The row of a kind. Raises LookupError for what the table does not have."""
    if isinstance(kind, Resource):
        return kind
    if isinstance(kind, tuple):
        row = resources.get(*kind)
        name = "/".join(part for part in kind if part)
    else:
        api_version, kind_name = declared(kind)
        row = resources.by_api_version(api_version, kind_name)
        name = f"{api_version} {kind_name}"
    if row is None:
        raise LookupError(f"the resource table has no {name}")
    return row
