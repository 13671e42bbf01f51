"""The OpenAPI v2 (swagger) document, which older kubectl reads for validation, explain and dry run."""

from collections.abc import Iterable
from typing import Any, Final

from kube.api.openapi.operations import TEXT, Operation, Parameter, PathItem
from kube.api.openapi.schemas import Schema, SchemaBuilder

_TOKEN: Final = {
    "type": "apiKey",
    "name": "authorization",
    "in": "header",
    "description": "Bearer token, ``Bearer <token>``.",
}
_REASONS: Final = {200: "OK", 201: "Created", 202: "Accepted"}


def document(version: str, items: Iterable[PathItem], builder: SchemaBuilder) -> dict[str, Any]:
    """The document of all paths, with the definitions that they need."""
    paths = {item.path: _path(item, builder) for item in sorted(items, key=lambda item: item.path)}
    return {
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": version},
        "paths": paths,
        "definitions": builder.definitions(),
        "securityDefinitions": {"BearerToken": _TOKEN},
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
    parameters = [_parameter(parameter) for parameter in operation.parameters]
    if operation.body is not None:
        body: dict[str, Any] = {"name": "body", "in": "body", "schema": builder.reference(operation.body)}
        if operation.body_required:
            body["required"] = True
        parameters.insert(0, body)
    responses: dict[str, Any] = {}
    for code, key in operation.responses:
        schema: Schema = {"type": "string"} if key == TEXT else builder.reference(key)
        responses[str(code)] = {"description": _REASONS[code], "schema": schema}
    found: dict[str, Any] = {
        "tags": [operation.tag],
        "description": operation.description,
        "operationId": operation.id,
        "consumes": list(operation.consumes),
        "produces": list(operation.produces),
        "schemes": ["https"],
        "responses": {**responses, "401": {"description": "Unauthorized"}},
    }
    if parameters:
        found["parameters"] = parameters
    if operation.action:
        found["x-kubernetes-action"] = operation.action
    if operation.kind is not None:
        group, api_version, kind = operation.kind
        found["x-kubernetes-group-version-kind"] = {"group": group, "kind": kind, "version": api_version}
    return found


def _parameter(parameter: Parameter) -> dict[str, Any]:
    found: dict[str, Any] = {"name": parameter.name, "in": parameter.location}
    if parameter.description:
        found["description"] = parameter.description
    if parameter.location == "path":
        found["required"] = True
    return {**found, "type": parameter.type, "uniqueItems": True}
