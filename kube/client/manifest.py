"""Manifests: the objects of a YAML or JSON text, as people write them for kubectl. Pure."""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from kube.api.resources import ResourceTable
from kube.apimachinery import serializer
from kube.apimachinery.errors import bad_request
from kube.apimachinery.gofmt import quote
from kube.apimachinery.meta.v1 import List
from kube.apimachinery.version import GroupVersionKind
from kube.apimachinery.yaml import YamlError, yaml_to_json

_SEPARATOR: Final = re.compile(rb"^---.*$", re.MULTILINE)


def parse(text: str | bytes, resources: ResourceTable) -> tuple[Any, ...]:
    """The objects of all documents, those of a ``kind: List`` among them, in order.

    Raises ApiError (400) for what is no object, is of an unknown kind, or has unknown or repeated fields.
    """
    data = text.encode() if isinstance(text, str) else text
    return tuple(obj for document in _SEPARATOR.split(data) for obj in _objects(document, resources))


def _objects(document: bytes, resources: ResourceTable) -> Iterator[Any]:
    repeated: list[str] = []
    try:
        data = yaml_to_json(document, repeated)
    except YamlError as error:
        raise bad_request(f"error parsing the manifest: {error}") from None
    if repeated:
        raise bad_request(f"error parsing the manifest: {'; '.join(repeated)}")
    if data != b"null":
        yield from _decode(data, resources)


def _decode(data: bytes, resources: ResourceTable) -> Iterator[Any]:
    try:
        meta = serializer.peek(data)
        if meta.kind == "List" and meta.api_version == "v1":
            for item in serializer.decode(List, data).items:
                yield from _decode(bytes(item), resources)
            return
        if not meta.kind or not meta.api_version:
            raise bad_request("error validating the manifest: apiVersion or kind not set")
        row = resources.by_api_version(meta.api_version, meta.kind)
        if row is None:
            kind = GroupVersionKind.of(meta.api_version, meta.kind)
            raise bad_request(f"no matches for kind {quote(kind.kind)} in version {quote(kind.api_version)}")
        decoded = serializer.decode_strict(row.type, data)
    except (serializer.DecodeError, msgspec.MsgspecError, ValueError) as error:
        raise bad_request(f"error decoding the manifest: {error}") from None
    if decoded.problems:
        raise bad_request(serializer.strict_failure(decoded.problems))
    yield decoded.object
