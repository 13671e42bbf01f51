"""OpenAPI v3 documents."""

from collections.abc import Iterable
from typing import Any, Final

from kube.api.openapi.operations import TEXT, Operation, Parameter, PathItem, SchemaKey
from kube.api.openapi.schemas import Schema, SchemaBuilder

OPENAPI_VERSION: Final = "3.0.0"
_UNAUTHORIZED: Final = {"description": "Unauthorized"}
_TOKEN: Final = {
    "type": "apiKey",
    "name": "authorization",
    "in": "header",
    "description": "Bearer token, ``Bearer <token>``.",
}
_REASONS: Final = {200: "OK", 201: "Created", 202: "Accepted"}


def document(version: str, items: Iterable[PathItem], builder: SchemaBuilder) -> dict[str, Any]:
    """The document of some paths, with the definitions that they need."""
    paths = {item.path: _path(item, builder) for item in sorted(items, key=lambda item: item.path)}
    return {
        "openapi": OPENAPI_VERSION,
        "info": {"title": "Kubernetes", "version": version},
        "paths": paths,
        "components": {"schemas": builder.definitions(), "securitySchemes": {"BearerToken": _TOKEN}},
        "security": [{"BearerToken": []}],
    }


def _path(item: PathItem, builder: SchemaBuilder) -> dict[str, Any]:
    found: dict[str, Any] = {
        operation.method: _operation(operation, builder) for operation in item.operations
    }
    if item.parameters:
        found["parameters"] = [_parameter(parameter) for parameter in item.parameters]
    return found


def _operation(operation: Operation, builder: SchemaBuilder) -> dict[str, Any]:
    responses: dict[str, Any] = {
        str(code): _response(code, key, operation.produces, builder) for code, key in operation.responses
    }
    found: dict[str, Any] = {
        "tags": [operation.tag],
        "description": operation.description,
        "operationId": operation.id,
        "responses": {**responses, "401": _UNAUTHORIZED},
    }
    if operation.parameters:
        found["parameters"] = [_parameter(parameter) for parameter in operation.parameters]
    if operation.body is not None:
        schema = builder.reference(operation.body)
        found["requestBody"] = {"content": {kind: {"schema": schema} for kind in operation.consumes}}
        if operation.body_required:
            found["requestBody"]["required"] = True
    if operation.action:
        found["x-kubernetes-action"] = operation.action
    if operation.kind is not None:
        group, api_version, kind = operation.kind
        found["x-kubernetes-group-version-kind"] = {"group": group, "kind": kind, "version": api_version}
    return found


def _response(code: int, key: SchemaKey, produces: Iterable[str], builder: SchemaBuilder) -> dict[str, Any]:
    schema: Schema = {"type": "string"} if key == TEXT else builder.reference(key)
    return {"description": _REASONS[code], "content": {kind: {"schema": schema} for kind in produces}}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    found: dict[str, Any] = {"name": parameter.name, "in": parameter.location}
    if parameter.description:
        found["description"] = parameter.description
    if parameter.location == "path":
        found["required"] = True
    found["schema"] = {"type": parameter.type, "uniqueItems": True}
    return found
