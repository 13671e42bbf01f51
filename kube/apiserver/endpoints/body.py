"""The body of a request as the object that its verb takes, with upstream's errors for what it cannot be.

Source of the semantics: the create, update and delete handlers of k8s.io/apiserver/pkg/endpoints/handlers, and
KEP-2885 for unknown and repeated fields.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from kube.api.resources import GROUPS, Resource, ResourceTable, Subresource
from kube.apimachinery.errors import ApiError, bad_request
from kube.apimachinery.gofmt import quote
from kube.apimachinery.meta.v1 import DeleteOptions
from kube.apimachinery.serializer import (
    IGNORE,
    STRICT,
    WARN,
    Decoded,
    DecodeError,
    cannot_be_handled,
    decode_strict,
    is_unrecognized,
    peek,
    strict_failure,
)
from kube.apimachinery.yaml import YamlError, yaml_to_json
from kube.apiserver.endpoints import protobuf
from kube.apiserver.endpoints.negotiation import body_media, patch_type
from kube.apiserver.endpoints.options import check_delete_options
from kube.client.interface import Patch

MAX_BODY: Final = 3 * 1024 * 1024
"""Upstream's limit of a request body, in bytes."""

INLINE_YAML: Final = 32 * 1024
"""Longer YAML is not parsed on the loop."""

YamlReader = Callable[[bytes], Awaitable[tuple[bytes, list[str]]]]
"""From YAML to its JSON and the complaints about repeated keys, elsewhere than on the loop. Raises YamlError."""

_FOLDERS: Final = {group.name: group.folder for group in GROUPS}


class Expected(Struct, frozen=True):
    """The kind that a body must be of; `also` are further API versions of it that are read the same way."""

    type: type[Struct]
    group: str
    version: str
    kind: str
    also: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


def expected_body(resource: Resource, subresource: Subresource | None) -> Expected:
    if subresource is None:
        return Expected(resource.type, resource.group, resource.version, resource.kind)
    also = tuple(f"{group}/{version}" if group else version for group, version in subresource.also_accepts)
    return Expected(subresource.type, subresource.group, subresource.version, subresource.kind, also)


def split_api_version(api_version: str) -> tuple[str, str]:
    """Group and version."""
    group, slash, version = api_version.partition("/")
    return (group, version) if slash else ("", group)


def unconvertible(api_version: str, kind: str, group: str, wanted: str, *, known: bool) -> str:
    """Why something of one kind is not of the kind ``wanted``; ``known`` says whether there are things of its kind."""
    if not known:
        return (
            f"no kind {quote(kind)} is registered for version {quote(api_version)}"
            ' in scheme "pkg/api/legacyscheme/scheme.go:30"'
        )
    _, version = split_api_version(api_version)
    return f"converting ({version}.{kind}) to ({_FOLDERS.get(group, group)}.{wanted}): unknown conversion"


class BodyReader:
    """Decodes bodies. One per server: it knows which kinds there are."""

    def __init__(self, table: ResourceTable, read_yaml: YamlReader | None = None) -> None:
        """Without `read_yaml` YAML of any length is parsed in place."""
        self._table = table
        self._read_yaml = read_yaml

    async def read_object(
        self, data: bytes, content_type: str, expected: Expected, field_validation: str, warnings: list[str]
    ) -> Any:
        """The object of a create or update. Raises ApiError 400 or 415."""
        mode = field_validation or WARN
        data, repeated = await self._to_json(data, content_type, expected.kind)
        decoded = self._decode(data, expected, mode)
        problems = (*repeated, *decoded.problems) if mode != IGNORE else ()
        if problems and mode == STRICT:
            raise cannot_be_handled(
                expected.kind, expected.version, expected.kind, strict_failure(tuple(problems))
            )
        warnings.extend(problem for problem in problems if problem not in warnings)
        return self._checked(decoded.object, expected)

    async def read_delete_options(self, data: bytes, content_type: str) -> DeleteOptions:
        """The options in the body of a delete. Raises ApiError 400, 415 or 422."""
        data, _ = await self._to_json(data, content_type, "DeleteOptions")
        try:
            said = peek(data)
            if said.kind not in ("", "DeleteOptions"):
                raise bad_request("decoded object cannot be converted to DeleteOptions")
            options = decode_strict(DeleteOptions, data, IGNORE).object
        except DecodeError as error:
            raise is_unrecognized("DeleteOptions", error, data) from None
        check_delete_options(options)
        return options

    def read_patch(self, data: bytes, content_type: str) -> Patch:
        """Raises ApiError 415. What the patch says is read by who applies it."""
        return Patch(type=patch_type(content_type), data=data)  # type: ignore[arg-type]  # one of the four

    async def _to_json(self, data: bytes, content_type: str, kind: str) -> tuple[bytes, list[str]]:
        media = body_media(content_type)
        if media == "json":
            return data, []
        if media == "protobuf":
            try:
                return protobuf.to_json(data), []
            except DecodeError as error:
                raise is_unrecognized(kind, error, data) from None
        try:
            if len(data) > INLINE_YAML and self._read_yaml is not None:
                return await self._read_yaml(data)
            repeated: list[str] = []
            return yaml_to_json(data, repeated), repeated
        except YamlError as error:
            raise is_unrecognized(kind, error, data) from None

    def _decode(self, data: bytes, expected: Expected, mode: str) -> Decoded[Any]:
        try:
            return decode_strict(expected.type, data, mode)
        except DecodeError as error:
            try:
                said = peek(data)
            except DecodeError as unreadable:
                raise is_unrecognized(expected.kind, unreadable, data) from None
            if said.kind and said.kind != expected.kind:
                raise self._wrong_kind(
                    said.api_version or expected.api_version, said.kind, expected
                ) from None
            raise cannot_be_handled(expected.kind, expected.version, expected.kind, error) from None

    def _checked(self, obj: Any, expected: Expected) -> Any:
        """The object if it is what it must be; an API version that is read the same way becomes the expected one."""
        kind, api_version = obj.kind or expected.kind, obj.api_version or expected.api_version
        if kind == expected.kind and api_version in expected.also:
            api_version = expected.api_version
        if kind != expected.kind or api_version != expected.api_version:
            raise self._wrong_kind(api_version, kind, expected)
        if obj.kind != kind or obj.api_version != api_version:
            return replace(obj, kind=kind, api_version=api_version)
        return obj

    def _wrong_kind(self, api_version: str, kind: str, expected: Expected) -> ApiError:
        """400 for a body of a kind that is another than the URL's."""
        row = self._table.by_api_version(api_version, kind)
        group, version = split_api_version(api_version)
        if row is not None and (group, kind) == (expected.group, expected.kind):
            return bad_request(
                f"the API version in the data ({api_version}) does not match"
                f" the expected API version ({expected.api_version})"
            )
        why = unconvertible(api_version, kind, expected.group, expected.kind, known=row is not None)
        return cannot_be_handled(kind, version, expected.kind, why)
