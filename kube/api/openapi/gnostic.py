"""The v2 document as gnostic's protobuf (``openapi.v2.Document``).

Its media type is ``application/com.github.proto-openapi.spec.v2@v1.0+protobuf``; kubectl before 1.27 asks
for it. Field numbers are those of gnostic's OpenAPIv2.proto. Arbitrary values travel as YAML text, for
which JSON will do.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from kube.api.openapi.protobuf import bool_field, bytes_field, string_field

Encoder = Callable[[int, Any], bytes]
"""Writes one value as the field of the given number."""

MessageFields = Mapping[str, tuple[int, Encoder]]


def _strings(field: int, values: Any) -> bytes:
    return b"".join(string_field(field, value) for value in values)


def _any(value: Any) -> bytes:
    return string_field(2, msgspec.json.encode(value).decode())


def _anys(field: int, values: Any) -> bytes:
    return b"".join(bytes_field(field, _any(value)) for value in values)


def _any_field(field: int, value: Any) -> bytes:
    return bytes_field(field, _any(value))


def _named(number: int, name: str, value: bytes) -> bytes:
    """An entry of a map, which gnostic writes as a message of name and value."""
    return bytes_field(number, string_field(1, name) + bytes_field(2, value))


def _message(fields: MessageFields, extension: int, tree: Mapping[str, Any]) -> bytes:
    """A message from a tree: known keys by their numbers, ``x-`` keys as vendor extensions."""
    parts = []
    for key, value in tree.items():
        if key.startswith("x-"):
            parts.append(_named(extension, key, _any(value)))
        else:
            number, encode = fields[key]
            parts.append(encode(number, value))
    return b"".join(parts)


def _info(field: int, tree: Any) -> bytes:
    return bytes_field(field, _message({"title": (1, string_field), "version": (2, string_field)}, 7, tree))


def _schema(tree: Mapping[str, Any]) -> bytes:
    return _message(_SCHEMA, 31, tree)


def _schema_field(field: int, tree: Any) -> bytes:
    return bytes_field(field, _schema(tree))


def _schemas_field(field: int, trees: Any) -> bytes:
    return b"".join(_schema_field(field, tree) for tree in trees)


def _wrapped_schema(field: int, tree: Any) -> bytes:
    """A schema as the first member of a choice (``AdditionalPropertiesItem``, ``SchemaItem``) or of a list."""
    return bytes_field(field, _schema_field(1, tree))


def _named_schemas(field: int, trees: Any) -> bytes:
    return bytes_field(field, b"".join(_named(1, name, _schema(tree)) for name, tree in trees.items()))


def _type(field: int, name: Any) -> bytes:
    return bytes_field(field, string_field(1, name))


def _additional(field: int, tree: Any) -> bytes:
    return bytes_field(field, bool_field(2, tree)) if isinstance(tree, bool) else _wrapped_schema(field, tree)


_SCHEMA: Final[MessageFields] = {
    "$ref": (1, string_field),
    "format": (2, string_field),
    "title": (3, string_field),
    "description": (4, string_field),
    "default": (5, _any_field),
    "pattern": (13, string_field),
    "required": (19, _strings),
    "enum": (20, _anys),
    "additionalProperties": (21, _additional),
    "type": (22, _type),
    "items": (23, _wrapped_schema),
    "allOf": (24, _schemas_field),
    "properties": (25, _named_schemas),
}

_BODY: Final[MessageFields] = {
    "description": (1, string_field),
    "name": (2, string_field),
    "in": (3, string_field),
    "required": (4, bool_field),
    "schema": (5, _schema_field),
}
_QUERY: Final[MessageFields] = {
    "required": (1, bool_field),
    "in": (2, string_field),
    "description": (3, string_field),
    "name": (4, string_field),
    "type": (6, string_field),
    "uniqueItems": (20, bool_field),
}
_PATH: Final[MessageFields] = {**_QUERY, "type": (5, string_field), "uniqueItems": (19, bool_field)}


def _parameter(tree: Mapping[str, Any]) -> bytes:
    """A ``ParametersItem`` of a body, query or path parameter."""
    if tree["in"] == "body":
        choice = bytes_field(1, _message(_BODY, 6, tree))
    elif tree["in"] == "query":
        choice = bytes_field(2, bytes_field(3, _message(_QUERY, 23, tree)))
    else:
        choice = bytes_field(2, bytes_field(4, _message(_PATH, 22, tree)))
    return bytes_field(1, choice)


def _parameters(field: int, trees: Any) -> bytes:
    return b"".join(bytes_field(field, _parameter(tree)) for tree in trees)


_RESPONSE: Final[MessageFields] = {"description": (1, string_field), "schema": (2, _wrapped_schema)}


def _responses(field: int, trees: Any) -> bytes:
    values = (_named(1, code, bytes_field(1, _message(_RESPONSE, 5, tree))) for code, tree in trees.items())
    return bytes_field(field, b"".join(values))


_OPERATION: Final[MessageFields] = {
    "tags": (1, _strings),
    "description": (3, string_field),
    "operationId": (5, string_field),
    "produces": (6, _strings),
    "consumes": (7, _strings),
    "parameters": (8, _parameters),
    "responses": (9, _responses),
    "schemes": (10, _strings),
}


def _operation(field: int, tree: Any) -> bytes:
    return bytes_field(field, _message(_OPERATION, 13, tree))


_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch")
_PATH_ITEM: Final[MessageFields] = {
    **{method: (number, _operation) for number, method in enumerate(_METHODS, start=2)},
    "parameters": (9, _parameters),
}


def _paths(field: int, trees: Any) -> bytes:
    return bytes_field(
        field, b"".join(_named(2, path, _message(_PATH_ITEM, 10, tree)) for path, tree in trees.items())
    )


_API_KEY: Final[MessageFields] = {
    "type": (1, string_field),
    "name": (2, string_field),
    "in": (3, string_field),
    "description": (4, string_field),
}


def _security_definitions(field: int, trees: Any) -> bytes:
    keys = (_named(1, name, bytes_field(2, _message(_API_KEY, 5, tree))) for name, tree in trees.items())
    return bytes_field(field, b"".join(keys))


def _security(field: int, trees: Any) -> bytes:
    requirements = (
        b"".join(_named(1, name, _strings(1, scopes)) for name, scopes in tree.items()) for tree in trees
    )
    return b"".join(bytes_field(field, requirement) for requirement in requirements)


_DOCUMENT: Final[MessageFields] = {
    "swagger": (1, string_field),
    "info": (2, _info),
    "paths": (8, _paths),
    "definitions": (9, _named_schemas),
    "security": (12, _security),
    "securityDefinitions": (13, _security_definitions),
}


def encode(document: Mapping[str, Any]) -> bytes:
    """The document of ``v2`` as protobuf. Raises KeyError for a key that it does not know."""
    return _message(_DOCUMENT, 16, document)
