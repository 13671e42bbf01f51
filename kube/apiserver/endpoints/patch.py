"""A patch document applied to an object, with upstream's judgement of what comes out.

Source of the semantics: k8s.io/apiserver/pkg/endpoints/handlers/patch.go; field validation: KEP-2885.
"""

from collections.abc import Callable
from typing import Any, Final

from msgspec.structs import replace

from kube.api.patch_schema import has_patch_schema, patch_schema
from kube.api.resources import builtin_table
from kube.apimachinery import field, jsontext
from kube.apimachinery.errors import (
    ApiError,
    bad_request,
    invalid,
    request_entity_too_large,
    unsupported_media_type,
)
from kube.apimachinery.field import Path
from kube.apimachinery.gofmt import plain
from kube.apimachinery.jsontext import JsonTree
from kube.apimachinery.patch import json_patch, merge, strategic
from kube.apimachinery.patch.errors import PatchError
from kube.apimachinery.serializer import (
    IGNORE,
    STRICT,
    WARN,
    Decoded,
    DecodeError,
    decode_strict,
    decode_tree,
    encode,
    strict_failure,
)
from kube.apimachinery.shapes import kind_of
from kube.apiserver.endpoints.body import split_api_version, unconvertible
from kube.apiserver.registry.strategy import Context, zero
from kube.client.interface import Patch

JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH: Final = "application/strategic-merge-patch+json"

MAX_RESULT_BYTES: Final = 3 * 1024 * 1024
"""As large may an object become by a patch: the limit on bodies."""

_UNTYPED: Final = (JSON_PATCH, MERGE_PATCH)


def patch_types(kind: type) -> tuple[str, ...]:
    """The media types of patches that objects of a type take."""
    return (*_UNTYPED, STRATEGIC_MERGE_PATCH) if has_patch_schema(kind) else _UNTYPED


class Patcher:
    """One patch request. ``apply`` is called for each state that the patch meets, and warns only once."""

    def __init__(self, patch: Patch, kind: type, ctx: Context) -> None:
        """``kind`` is the type of the objects that the patch was made for. Raises ApiError (400, 415)."""
        accepted = patch_types(kind)
        if patch.type not in accepted:
            raise unsupported_media_type(accepted)
        self._kind = kind
        self._ctx = ctx
        self._mode = ctx.field_validation or WARN
        self._type = patch.type
        self._merge, prefix = _FORMATS[patch.type]
        self._patch, problems = _parsed(patch, self._mode)
        self._problems = tuple(f"{prefix}{problem}" for problem in problems)

    def apply(self, current: Any) -> Any:
        """The patched object, without defaults for what the patch removed. Raises ApiError (400, 413, 422)."""
        document = jsontext.parse(encode(current))
        try:
            patched = self._merge(document, self._patch, self._kind)
        except PatchError as error:
            raise error.to_api_error() from None
        data = encode(patched)
        if len(data) > MAX_RESULT_BYTES:
            raise request_entity_too_large(f"limit is {MAX_RESULT_BYTES}")
        try:
            decoded: Decoded[Any] = decode_strict(self._kind, data, self._mode)
        except DecodeError as error:
            raise self._refusal(data, str(error)) from None
        problems = (*self._problems, *decoded.problems)
        if problems and self._mode == STRICT:
            raise self._refusal(data, strict_failure(problems))
        if self._mode == WARN:
            for problem in problems:
                self._ctx.warn(problem)
        return self._of_own_kind(decoded.object, data)

    def _of_own_kind(self, obj: Any, data: bytes) -> Any:
        """What an object is stays: a strategic merge patch that says otherwise is not heard, the others are refused."""
        own = zero(self._kind)
        if obj.kind == own.kind and obj.api_version == own.api_version:
            return obj
        kind, api_version = obj.kind or own.kind, obj.api_version or own.api_version
        if self._type in _UNTYPED and (kind, api_version) != (own.kind, own.api_version):
            known = builtin_table().by_api_version(api_version, kind) is not None
            group, _ = split_api_version(own.api_version)
            raise self._refusal(data, unconvertible(api_version, kind, group, own.kind, known=known))
        return replace(obj, kind=own.kind, api_version=own.api_version)

    def _refusal(self, data: bytes, why: str) -> ApiError:
        """422 about the patch; it shows what came out, or for a strategic merge patch what went in."""
        shown = plain(self._patch) if self._type == STRATEGIC_MERGE_PATCH else data.decode()
        return invalid("", "", [field.invalid(Path("patch"), shown, why)])


def _parsed(patch: Patch, mode: str) -> tuple[JsonTree, tuple[str, ...]]:
    """The patch and its repeated keys. Raises ApiError (400)."""
    strict = mode != IGNORE
    prefix = "error decoding patch: " if strict and patch.type in _UNTYPED else ""
    try:
        decoded = decode_tree(patch.data, mode)
    except DecodeError as error:
        raise bad_request(f"{prefix}{error}") from None
    tree = decoded.object
    if patch.type == MERGE_PATCH and tree is None:
        raise bad_request("Invalid JSON Patch")
    if patch.type != JSON_PATCH and tree is not None and not isinstance(tree, dict):
        if patch.type == MERGE_PATCH and not strict:
            raise bad_request("Invalid JSON Patch")
        go_type = "map[string]interface {}"
        raise bad_request(f"{prefix}json: cannot unmarshal {kind_of(tree)} into Go value of type {go_type}")
    return tree if tree is not None else {}, decoded.problems


Merge = Callable[[JsonTree, JsonTree, type], JsonTree]

_FORMATS: Final[dict[str, tuple[Merge, str]]] = {
    JSON_PATCH: (lambda document, patch, _: json_patch.apply(document, patch), "json patch "),
    MERGE_PATCH: (lambda document, patch, _: merge.merge(document, patch), ""),
    STRATEGIC_MERGE_PATCH: (
        lambda document, patch, kind: strategic.merge(document, patch, patch_schema(kind)),
        "",
    ),
}
"""How each format is applied, and what its repeated keys are called."""
