"""The tables of etcd's gRPC API: rows of names and numbers, as types.

``fields.tsv`` is written by ``kube.store.etcdpb.generator``; ``concurrency.tsv`` (the lock, election and health services) is
kept by hand, after etcd's documentation of ``v3lockpb`` and ``v3electionpb`` and grpc.io's of ``grpc.health.v1``. Columns are
separated by tabs, and the first says what the row is:

- ``message`` NAME
- ``field`` MESSAGE NAME NUMBER LABEL TYPE ONEOF: LABEL is ``one`` or ``many``, TYPE a scalar's name or, with a dot, a
  message's or an enum's; ONEOF is ``-`` for none
- ``value`` ENUM NAME NUMBER
- ``method`` SERVICE NAME REQUEST RESPONSE STREAMS: STREAMS is ``none``, ``request``, ``response`` or ``both``
"""

from importlib.resources import files
from typing import Final, TypeAlias

from msgspec import Struct

TABLES: Final = ("fields.tsv", "concurrency.tsv")


class MessageRow(Struct, frozen=True):
    name: str


class FieldRow(Struct, frozen=True):
    """``oneof`` is empty for a field of none."""

    message: str
    name: str
    number: int
    many: bool
    type: str
    oneof: str


class ValueRow(Struct, frozen=True):
    enum: str
    name: str
    number: int


class MethodRow(Struct, frozen=True):
    service: str
    name: str
    request: str
    response: str
    streams_requests: bool
    streams_responses: bool


Row: TypeAlias = MessageRow | FieldRow | ValueRow | MethodRow

_STREAMS: Final = {
    "none": (False, False),
    "request": (True, False),
    "response": (False, True),
    "both": (True, True),
}


def parse(text: str) -> list[Row]:
    """Raises ValueError for a row that is none of the kinds."""
    return [_row(line.split("\t")) for line in text.splitlines() if line and not line.startswith("#")]


def _row(cells: list[str]) -> Row:
    match cells:
        case ["message", name]:
            return MessageRow(name)
        case ["field", message, name, number, label, kind, oneof]:
            return FieldRow(message, name, int(number), label == "many", kind, "" if oneof == "-" else oneof)
        case ["value", enum, name, number]:
            return ValueRow(enum, name, int(number))
        case ["method", service, name, request, response, streams]:
            return MethodRow(service, name, request, response, *_STREAMS[streams])
    raise ValueError(f"no row of a table: {cells}")


def render(rows: list[Row]) -> str:
    """The text that ``parse`` reads."""
    return "".join("\t".join(_cells(row)) + "\n" for row in rows)


def _cells(row: Row) -> tuple[str, ...]:
    match row:
        case MessageRow(name):
            return ("message", name)
        case FieldRow(message, name, number, many, kind, oneof):
            return ("field", message, name, str(number), "many" if many else "one", kind, oneof or "-")
        case ValueRow(enum, name, number):
            return ("value", enum, name, str(number))
        case MethodRow(service, name, request, response, requests, responses):
            streams = next(word for word, flags in _STREAMS.items() if flags == (requests, responses))
            return ("method", service, name, request, response, streams)


def load() -> list[Row]:
    """All rows of all tables."""
    folder = files("kube.store.etcdpb")
    return [row for table in TABLES for row in parse((folder / table).read_text("utf-8"))]
