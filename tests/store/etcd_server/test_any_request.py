"""Requests with anything in their fields: each is answered or refused, and none is an error of the server's own."""

import random
from typing import Any

import grpc.aio
import pytest

from kube.store.etcdpb import messages
from kube.store.etcdpb.descriptors import methods
from tests.store.etcd_server.conftest import Caller, Serving, Watching

CALLS = 1_000
INTEGERS = [0, 1, -1, 2, 5, 2**31, 2**63 - 1, -(2**63)]
BYTES = [b"", b"\0", b"a", b"b", b"\xff", b"\xff\xff"]
STRINGS = ["", "x", "3.4.0", "http://127.0.0.1:1"]
WAITING = ("/v3lockpb.Lock/Lock", "/v3electionpb.Election/Campaign")
"""These wait for others, rightly."""


def value(chance: random.Random, kind: int) -> Any:
    field = messages.PutRequest.DESCRIPTOR.fields[0]
    return chance.choice(
        {
            field.TYPE_INT64: INTEGERS,
            field.TYPE_UINT64: [abs(each) for each in INTEGERS],
            field.TYPE_BOOL: [False, True],
            field.TYPE_BYTES: BYTES,
            field.TYPE_STRING: STRINGS,
            field.TYPE_ENUM: [0, 1, 2, 3, 4, 9],
        }[kind]
    )


def fill(chance: random.Random, message: Any, depth: int = 0) -> Any:
    for field in message.DESCRIPTOR.fields:
        if chance.random() < 0.45 or (field.type == field.TYPE_MESSAGE and depth > 3):
            continue
        if field.type == field.TYPE_MESSAGE and field.is_repeated:
            for _ in range(chance.randrange(3)):
                fill(chance, getattr(message, field.name).add(), depth + 1)
        elif field.type == field.TYPE_MESSAGE:
            getattr(message, field.name).SetInParent()
            fill(chance, getattr(message, field.name), depth + 1)
        elif field.is_repeated:
            values = [value(chance, field.type) for _ in range(chance.randrange(3))]
            getattr(message, field.name).extend(values)
        else:
            setattr(message, field.name, value(chance, field.type))
    return message


@pytest.mark.parametrize("seed", range(3))
async def test_any_request(serving: Serving, caller: Caller, seed: int) -> None:
    chance = random.Random(seed)
    unary = [
        row
        for row in methods().values()
        if not (row.streams_requests or row.streams_responses or row.path in WAITING)
    ]
    busy = [row for row in unary if row.service in {"etcdserverpb.KV", "etcdserverpb.Lease"}]
    codes: dict[str, int] = {}
    for _ in range(CALLS):
        row = chance.choice(busy if chance.random() < 0.7 else unary)
        request = fill(chance, row.request())
        if isinstance(request, messages.AlarmRequest) and request.action == messages.AlarmRequest.ACTIVATE:
            continue  # what is alarmed refuses the rest, rightly
        code, words = "OK", ""
        try:
            await caller(row.path, request, timeout=10)
        except grpc.aio.AioRpcError as error:
            code, words = error.code().name, str(error.details())
        if not words.startswith("election: "):  # which have no code of their own in etcd either
            assert code not in {"INTERNAL", "UNKNOWN", "UNAVAILABLE", "DEADLINE_EXCEEDED"}, (
                row.path,
                words,
                request,
            )
        codes[code] = codes.get(code, 0) + 1
    assert codes["OK"] > CALLS / 4
    assert codes.keys() >= {"INVALID_ARGUMENT", "NOT_FOUND", "OUT_OF_RANGE", "FAILED_PRECONDITION"}
    await serving.store.put(b"still", b"there")


@pytest.mark.parametrize("seed", range(3))
async def test_any_request_for_watches(serving: Serving, watching: Watching, seed: int) -> None:
    """Whatever is asked of one stream, it goes on, and a watch that is asked for at last is there."""
    chance = random.Random(seed)
    for number in range(300):
        await watching.call.write(fill(chance, messages.WatchRequest()))
        if number % 3 == 0:
            await serving.store.put(chance.choice([b"a", b"b", b"\xff"]), b"%d" % number)
    await watching.call.write(messages.WatchRequest(create_request={"key": b"last", "watch_id": 12_345}))
    while (response := await watching.read()).watch_id != 12_345:
        assert response.header.revision >= 1
    assert response.created
    await serving.store.put(b"last", b"")
    while (response := await watching.read()).watch_id != 12_345:
        assert response.header.revision >= 1
    assert [event.kv.key for event in response.events] == [b"last"]
