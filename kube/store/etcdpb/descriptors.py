"""Protobuf classes from the tables, in a descriptor pool of their own.

Of their own, because the host may have another package in its process that registers etcd's file names in the default pool
(aetcd and etcd3 do), and two files of one name don't go into one pool. With protobuf's C core the classes are as fast as generated ones.
"""

from collections.abc import Iterable
from functools import cache
from typing import Final

from msgspec import Struct

from kube.store.etcdpb.extra import MESSAGES, require_etcd_extra
from kube.store.etcdpb.table import FieldRow, MessageRow, MethodRow, Row, ValueRow, load

require_etcd_extra(MESSAGES)

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # noqa: E402  # see require_etcd_extra
from google.protobuf.message import Message  # noqa: E402  # as above

_Field = descriptor_pb2.FieldDescriptorProto

SCALARS: Final = {
    "double": _Field.TYPE_DOUBLE,
    "int64": _Field.TYPE_INT64,
    "uint64": _Field.TYPE_UINT64,
    "int32": _Field.TYPE_INT32,
    "uint32": _Field.TYPE_UINT32,
    "bool": _Field.TYPE_BOOL,
    "string": _Field.TYPE_STRING,
    "bytes": _Field.TYPE_BYTES,
}


class Method(Struct, frozen=True):
    """A method of a service. ``path`` is what HTTP/2 calls it by: ``/etcdserverpb.KV/Range``."""

    service: str
    name: str
    request: type[Message]
    response: type[Message]
    streams_requests: bool
    streams_responses: bool

    @property
    def path(self) -> str:
        return f"/{self.service}/{self.name}"


def package_of(name: str) -> str:
    """Of a message or enum: what comes before the first capital.

    >>> package_of("etcdserverpb.RangeRequest.SortOrder")
    'etcdserverpb'
    """
    parts = name.split(".")
    return ".".join(parts[: next(index for index, part in enumerate(parts) if part[0].isupper())])


def file_descriptor(rows: Iterable[Row], package: str) -> descriptor_pb2.FileDescriptorProto:
    """The messages and enums of one package, as protoc would describe them."""
    rows = list(rows)
    enums = {row.enum for row in rows if isinstance(row, ValueRow)}
    file = descriptor_pb2.FileDescriptorProto(name=f"kube/{package}", package=package, syntax="proto3")
    messages: dict[str, descriptor_pb2.DescriptorProto] = {}
    dependencies: dict[str, None] = {}
    for row in rows:
        if isinstance(row, MessageRow) and package_of(row.name) == package:
            messages[row.name] = file.message_type.add(name=row.name.removeprefix(f"{package}."))
        elif isinstance(row, FieldRow) and row.message in messages:
            _add_field(messages[row.message], row, enums)
            if "." in row.type and package_of(row.type) != package:
                dependencies[package_of(row.type)] = None
    _add_enums(file, messages, rows)
    file.dependency.extend(f"kube/{each}" for each in dependencies)
    return file


def _add_field(message: descriptor_pb2.DescriptorProto, row: FieldRow, enums: set[str]) -> None:
    field = message.field.add(name=row.name, number=row.number)
    field.label = _Field.LABEL_REPEATED if row.many else _Field.LABEL_OPTIONAL
    if "." in row.type:
        field.type = _Field.TYPE_ENUM if row.type in enums else _Field.TYPE_MESSAGE
        field.type_name = f".{row.type}"
    else:
        field.type = SCALARS[row.type]
    if row.oneof:
        names = [each.name for each in message.oneof_decl]
        if row.oneof not in names:
            message.oneof_decl.add(name=row.oneof)
            names.append(row.oneof)
        field.oneof_index = names.index(row.oneof)


def _add_enums(
    file: descriptor_pb2.FileDescriptorProto,
    messages: dict[str, descriptor_pb2.DescriptorProto],
    rows: list[Row],
) -> None:
    made: dict[str, descriptor_pb2.EnumDescriptorProto] = {}
    for row in rows:
        if not isinstance(row, ValueRow) or package_of(row.enum) != file.package:
            continue
        if row.enum not in made:
            owner, _, name = row.enum.rpartition(".")
            made[row.enum] = messages.get(owner, file).enum_type.add(name=name)
        made[row.enum].value.add(name=row.name, number=row.number)


@cache
def _classes() -> dict[str, type[Message]]:
    rows = load()
    pool = descriptor_pool.DescriptorPool()
    files = {
        package: file_descriptor(rows, package)
        for package in dict.fromkeys(package_of(row.name) for row in rows if isinstance(row, MessageRow))
    }
    added: dict[str, None] = {}

    def add(package: str) -> None:
        if package not in added:
            added[package] = None
            for each in files[package].dependency:
                add(each.removeprefix("kube/"))
            pool.AddSerializedFile(files[package].SerializeToString())

    for package in files:
        add(package)
    return {
        row.name: message_factory.GetMessageClass(pool.FindMessageTypeByName(row.name))
        for row in rows
        if isinstance(row, MessageRow)
    }


def message_class(name: str) -> type[Message]:
    """By full name: ``etcdserverpb.RangeRequest``. Raises KeyError."""
    return _classes()[name]


def message_classes() -> dict[str, type[Message]]:
    """All of them, by the name without the package, which no two share."""
    return {name.rpartition(".")[2]: kind for name, kind in _classes().items()}


@cache
def methods() -> dict[str, Method]:
    """Every method of every service, by path."""
    found = [
        Method(
            row.service,
            row.name,
            message_class(row.request),
            message_class(row.response),
            row.streams_requests,
            row.streams_responses,
        )
        for row in load()
        if isinstance(row, MethodRow)
    ]
    return {method.path: method for method in found}
