"""Writes ``fields.tsv`` and ``messages.pyi``: ``python -m kube.store.etcdpb.generator``, with ``--check`` to compare only.

The numbers are those of the descriptors that the package ``aetcd`` on PyPI carries. Its modules are read, not imported: they would
register themselves in the process, and check for their own version of protobuf. What etcd 3.5 answers beyond that package's schema is
nothing that a client of 3.4 or 3.5 asks for.
"""

import ast
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from kube.store.etcdpb.extra import MESSAGES, require_etcd_extra
from kube.store.etcdpb.table import (
    TABLES,
    FieldRow,
    MessageRow,
    MethodRow,
    Row,
    ValueRow,
    parse,
    render,
)

require_etcd_extra(MESSAGES)

from google.protobuf import descriptor_pb2  # noqa: E402  # see require_etcd_extra

_HERE: Final = Path(__file__).parent
_MODULES: Final = ("kv", "auth", "rpc")
_HEADER: Final = "# Written by kube.store.etcdpb.generator; see table.py for the columns.\n"
_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS: Final = {
    _Field.TYPE_INT64: "int64",
    _Field.TYPE_UINT64: "uint64",
    _Field.TYPE_UINT32: "uint32",
    _Field.TYPE_BOOL: "bool",
    _Field.TYPE_STRING: "string",
    _Field.TYPE_BYTES: "bytes",
}
_PYTHON: Final = {"bool": "bool", "string": "str", "bytes": "bytes"}
_STUB_HEADER: Final = '''"""Written by kube.store.etcdpb.generator: what the classes of messages.py have."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from google.protobuf.internal.containers import (
    RepeatedCompositeFieldContainer,
    RepeatedScalarFieldContainer,
)
from google.protobuf.message import Message
'''


def read_descriptor(path: Path) -> descriptor_pb2.FileDescriptorProto:
    """The one that a module made by protoc carries. Raises ValueError when it carries none."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            argument = node.args[0] if node.args else None
            if (
                node.func.attr == "AddSerializedFile"
                and isinstance(argument, ast.Constant)
                and isinstance(argument.value, bytes)
            ):
                return descriptor_pb2.FileDescriptorProto.FromString(argument.value)
    raise ValueError(f"{path} carries no descriptor")


def rows_of(file: descriptor_pb2.FileDescriptorProto) -> Iterator[Row]:
    """The facts of one file, in its order."""
    package = file.package
    for enum in file.enum_type:
        yield from _values(f"{package}.{enum.name}", enum)
    for message in file.message_type:
        name = f"{package}.{message.name}"
        yield MessageRow(name)
        for field in message.field:
            oneof = message.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") else ""
            kind = field.type_name.removeprefix(".") or _SCALARS[field.type]
            yield FieldRow(name, field.name, field.number, field.label == _Field.LABEL_REPEATED, kind, oneof)
        for enum in message.enum_type:
            yield from _values(f"{name}.{enum.name}", enum)
    for service in file.service:
        for method in service.method:
            yield MethodRow(
                f"{package}.{service.name}",
                method.name,
                method.input_type.removeprefix("."),
                method.output_type.removeprefix("."),
                method.client_streaming,
                method.server_streaming,
            )


def _values(name: str, enum: descriptor_pb2.EnumDescriptorProto) -> Iterator[Row]:
    for value in enum.value:
        yield ValueRow(name, value.name, value.number)


def table() -> str:
    """The text of ``fields.tsv``."""
    spec = find_spec("aetcd")
    if spec is None or spec.origin is None:
        raise SystemExit("the generator reads the descriptors of aetcd: pip install aetcd")
    folder = Path(spec.origin).parent / "rpc"
    rows = [row for module in _MODULES for row in rows_of(read_descriptor(folder / f"{module}_pb2.py"))]
    return _HEADER + render(rows)


def stub(rows: list[Row]) -> str:
    """The text of ``messages.pyi``."""
    enums = {row.enum for row in rows if isinstance(row, ValueRow)}
    fields: dict[str, list[FieldRow]] = {row.name: [] for row in rows if isinstance(row, MessageRow)}
    values: dict[str, list[ValueRow]] = {name: [] for name in fields}
    for row in rows:
        if isinstance(row, FieldRow):
            fields[row.message].append(row)
        elif isinstance(row, ValueRow) and row.enum.rpartition(".")[0] in values:
            values[row.enum.rpartition(".")[0]].append(row)
    return _STUB_HEADER + "".join(_class(name, fields[name], values[name], enums) for name in fields)


def _class(name: str, fields: list[FieldRow], values: list[ValueRow], enums: set[str]) -> str:
    lines = [f"\nclass {name.rpartition('.')[2]}(Message):"]
    lines += [f"    {row.name}: int" for row in values]
    arguments: list[str] = []
    for row in fields:
        kind = _type(row, enums)
        is_message = "." in row.type and row.type not in enums
        if row.many:
            container = "RepeatedCompositeFieldContainer" if is_message else "RepeatedScalarFieldContainer"
            lines += ["    @property", f"    def {row.name}(self) -> {container}[{kind}]: ..."]
            items = f"{kind} | Mapping[str, Any]" if is_message else kind
            arguments.append(f"{row.name}: Iterable[{items}] = ...")
        elif is_message:
            lines += ["    @property", f"    def {row.name}(self) -> {kind}: ..."]
            arguments.append(f"{row.name}: {kind} | Mapping[str, Any] | None = ...")
        else:
            lines.append(f"    {row.name}: {kind}")
            arguments.append(f"{row.name}: {kind} = ...")
    if arguments:
        lines += ["    def __init__(", "        self,", "        *,"]
        lines += [f"        {argument}," for argument in arguments]
        lines.append("    ) -> None: ...")
    for oneof in dict.fromkeys(row.oneof for row in fields if row.oneof):
        names = [f'"{row.name}"' for row in fields if row.oneof == oneof]
        lines.append("    def WhichOneof(")
        lines.append(f'        self, oneof_group: Literal["{oneof}", b"{oneof}"]')
        lines += ["    ) -> (", "        Literal[", *(f"            {each}," for each in names), "        ]"]
        lines += ["        | None", "    ): ..."]
    if len(lines) == 1:
        return lines[0] + " ...\n"
    return "\n".join(lines) + "\n"


def _type(row: FieldRow, enums: set[str]) -> str:
    if "." in row.type:
        return "int" if row.type in enums else row.type.rpartition(".")[2]
    return _PYTHON.get(row.type, "int")


def main(arguments: list[str]) -> int:
    """0 when all is as it should be; with ``--check`` nothing is written."""
    fields = table()
    others = [row for name in TABLES[1:] for row in parse((_HERE / name).read_text("utf-8"))]
    outputs = {"fields.tsv": fields, "messages.pyi": stub([*parse(fields), *others])}
    stale = [
        name
        for name, text in outputs.items()
        if not (_HERE / name).exists() or (_HERE / name).read_text("utf-8") != text
    ]
    if "--check" in arguments:
        for name in stale:
            print(f"{name} is not what the generator writes: run python -m kube.store.etcdpb.generator")  # noqa: T201  # the command's output
        return 1 if stale else 0
    for name in stale:
        (_HERE / name).write_text(outputs[name], "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
