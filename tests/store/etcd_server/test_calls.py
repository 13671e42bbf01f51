"""Calls of gRPC without a socket: what comes in frames of any size costs its length."""

import asyncio
import time

import pytest

from kube.base.tasks import TaskOwner
from kube.store.etcd_server.calls import Admission, Dispatcher, Endpoint
from kube.store.etcd_server.http2 import frames
from kube.store.etcd_server.http2.connection import Connection, Limits
from kube.store.etcd_server.http2.hpack import encode
from kube.store.etcdpb import messages

PATH = "/etcdserverpb.KV/Put"
HEADERS = encode([(b":method", b"POST"), (b":path", PATH.encode()), (b"content-type", b"application/grpc")])


async def put_in_frames(value: bytes, size: int) -> tuple[bytes, float]:
    """A put whose data comes in frames of ``size`` bytes: the value that the handler got, and the processor's seconds."""
    arrived: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def put(request: messages.PutRequest) -> messages.PutResponse:
        arrived.set_result(request.value)
        return messages.PutResponse()

    body = messages.PutRequest(key=b"k", value=value).SerializeToString()
    body = b"\0" + len(body).to_bytes(4, "big") + body
    starts = range(0, len(body), size)
    data = b"".join([frames.frame(frames.DATA, 0, 1, body[at : at + size]) for at in starts])
    async with TaskOwner("calls") as tasks:
        endpoint = Endpoint(PATH, messages.PutRequest, put, is_streaming=False)
        dispatcher = Dispatcher({PATH: endpoint}, tasks, Admission(), max_message=1 << 21)
        connection = Connection(lambda: None, time.monotonic, Limits())
        connection.opened = dispatcher.opened(connection)
        connection.start()
        connection.receive(frames.PREFACE + frames.settings({}))
        connection.receive(frames.frame(frames.HEADERS, frames.END_HEADERS, 1, HEADERS))
        begun = time.process_time()
        for at in range(0, len(data), 1 << 16):
            connection.receive(data[at : at + (1 << 16)])
        connection.receive(frames.frame(frames.DATA, frames.END_STREAM, 1))
        seconds = time.process_time() - begun
        return await arrived, seconds


@pytest.mark.parametrize("size", [1, 2, 5, 7, 10_000])
async def test_a_request_is_put_together_whatever_its_frames(size: int) -> None:
    value = bytes(range(256))
    assert (await put_in_frames(value, size))[0] == value


async def test_a_large_request_in_single_bytes_costs_no_more_for_each_than_a_small_one() -> None:
    small = min([(await put_in_frames(bytes(20_000), 1))[1] for _ in range(3)])
    _, large = await put_in_frames(bytes(400_000), 1)
    assert large < 20 * small * 3
