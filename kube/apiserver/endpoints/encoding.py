"""Answers as bytes, in the form that was negotiated.

An object's JSON is shared with everybody who reads it. A list is put together from its objects' bytes, not encoded
again, and comes in pieces, so that no answer holds up the loop: whoever writes them may do something else in between.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgspec

from kube.api.resources import Resource
from kube.apimachinery.meta.v1 import ListMeta, Status
from kube.apimachinery.serializer import encode
from kube.apiserver.endpoints.interface import ListResult, ObjectResult, Result, StatusResult
from kube.apiserver.endpoints.negotiation import Representation, no_list_is_metadata
from kube.apiserver.endpoints.tables import META_GROUP, TableMaker, partial_metadata
from kube.apiserver.storage.interface import Entry

Body = bytes | Iterator[bytes]

PIECE: Final = 256 * 1024
"""Bytes of one piece of a long answer: at most a few milliseconds of work."""
_WHOLE: Final = 100
"""Lists of no more items are put together at once."""


class _List(msgspec.Struct, frozen=True, rename={"api_version": "apiVersion"}):
    """What stands around the items of any list."""

    kind: str
    api_version: str
    metadata: ListMeta
    items: tuple[Any, ...] = ()


def encode_result(result: Result, resource: Resource, form: Representation, include: str, now: float) -> Body:
    """`include` is what rows of tables carry, `now` wall seconds since the epoch. Raises ApiError 406."""
    match result:
        case ObjectResult():
            return _encode_object(result, form, include, now)
        case ListResult():
            return _encode_list(result, resource, form, include, now)
        case StatusResult():
            return encode_document(result.encoded, form)


def encode_status(status: Status, form: Representation) -> bytes:
    return encode_document(encode(status), form)


def encode_document(document: bytes, form: Representation) -> bytes:
    """A JSON document, indented or as YAML if that is wanted."""
    if form.media == "yaml":
        return to_yaml(document)
    return msgspec.json.format(document, indent=2) + b"\n" if form.pretty else document + b"\n"


def to_yaml(document: bytes) -> bytes:
    """As sigs.k8s.io/yaml writes it: block style, keys sorted."""
    import yaml  # noqa: PLC0415  # 10 ms of every start, for a form that is seldom asked for

    text: str = yaml.dump(
        msgspec.json.decode(document),
        Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper),
        default_flow_style=False,
        allow_unicode=True,
        width=2**31 - 1,
    )
    return text.encode()


def _encode_object(result: ObjectResult, form: Representation, include: str, now: float) -> bytes:
    if form.is_plain_json:
        return result.encoded + b"\n"
    obj = result.object
    if form.transform == "Table":
        maker = TableMaker(*_group_kind(obj), include, form.version)
        return encode_document(encode(maker.of_object(obj, None, now)), form)
    if form.transform == "PartialObjectMetadata":
        return encode_document(encode(partial_metadata(obj, f"{META_GROUP}/{form.version}")), form)
    if form.transform:
        raise no_list_is_metadata(list_wanted=True, kind=obj.kind)
    return encode_document(result.encoded, form)


def _group_kind(obj: Any) -> tuple[str, str]:
    group, slash, _ = obj.api_version.partition("/")
    return (group if slash else "", obj.kind)


def _encode_list(
    result: ListResult, resource: Resource, form: Representation, include: str, now: float
) -> Body:
    metadata = ListMeta(
        resource_version=result.resource_version,
        continue_=result.continue_,
        remaining_item_count=result.remaining,
    )
    head, item = _list_parts(resource, form, include, now, metadata)
    items = map(item, result.entries)
    if form.media == "yaml":
        return _yaml_pieces(head, items)
    if form.pretty:
        return encode_document(b"".join(_pieces(head, items)), form)
    if len(result.entries) <= _WHOLE:
        return b"".join(_pieces(head, items))
    return _pieces(head, items)


def _list_parts(
    resource: Resource, form: Representation, include: str, now: float, metadata: ListMeta
) -> tuple[bytes, Callable[[Entry], bytes]]:
    """The JSON of the list without items, which ends in `[]}`, and what makes an item's JSON."""
    match form.transform:
        case "Table":
            maker = TableMaker(resource.group, resource.kind, include, form.version)
            return encode(maker.head(metadata)), lambda entry: encode(maker.entry_row(entry, now))
        case "PartialObjectMetadataList":
            version = f"{META_GROUP}/{form.version}"
            head = _List("PartialObjectMetadataList", version, metadata)
            return encode(head), lambda entry: encode(partial_metadata(entry.object, version))
        case "":
            skip = len(type_prefix(resource)) - 1
            head = _List(resource.list_kind, resource.api_version, metadata)
            return encode(head), lambda entry: b"{" + entry.encoded[skip + 1 :]
        case _:
            raise no_list_is_metadata(list_wanted=False, kind=resource.list_kind)


def type_prefix(resource: Resource) -> bytes:
    """How the JSON of every object begins; items of lists leave it out, but for the brace."""
    return b'{"kind":%b,"apiVersion":%b,' % (encode(resource.kind), encode(resource.api_version))


def _pieces(head: bytes, items: Iterable[bytes]) -> Iterator[bytes]:
    """`head` ends in an empty array and a brace; the items go into the array."""
    parts: list[bytes] = [head[:-2]]
    size = 0
    separator = b""
    for item in items:
        parts += (separator, item)
        separator = b","
        size += len(item)
        if size >= PIECE:
            yield b"".join(parts)
            parts.clear()
            size = 0
    parts.append(b"]}\n")
    yield b"".join(parts)


def _yaml_pieces(head: bytes, items: Iterable[bytes]) -> Iterator[bytes]:
    """As one document, its keys sorted: the array comes between those before and those behind its name."""
    outer = msgspec.json.decode(head)
    array = "rows" if "rows" in outer else "items"
    before = {key: value for key, value in outer.items() if key < array}
    yield to_yaml(encode(before))
    empty = True
    for item in items:
        lines = to_yaml(item).splitlines(keepends=True)
        lead = f"{array}:\n- ".encode() if empty else b"- "
        empty = False
        yield lead + b"  ".join(lines)
    if empty:
        yield f"{array}: []\n".encode()
    after = {key: value for key, value in outer.items() if key > array}
    if after:
        yield to_yaml(encode(after))
