"""What the load alone can do: a server that answers every call with the same frames, in a process of its own.

It stands in for a store in `kube bench store/grpc --targets load --ops put`, and holds nothing: what a store is asked after the
run is not asked of it.
"""

import asyncio
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import hpack
import uvloop

from benchmarks.store.http2 import ACK, DATA, END_HEADERS, END_STREAM, HEADERS, SETTINGS, WINDOW_UPDATE, frame
from benchmarks.store.servers import Server, free_port
from kube.store.etcdpb import messages

ANSWER = messages.PutResponse(
    header=messages.ResponseHeader(cluster_id=2**60, member_id=2**60, revision=2**20, raft_term=2)
).SerializeToString()


class Echo(asyncio.Protocol):
    def __init__(self) -> None:
        encoder = hpack.Encoder()
        head = [(":status", "200"), ("content-type", "application/grpc")]
        tail = [("grpc-status", "0"), ("grpc-message", "")]
        self._blocks = [(encoder.encode(head), encoder.encode(tail)) for _ in range(2)]
        self._buffer = b""
        self._received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        window = frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 2**31 - 65_536))
        self._transport.write(frame(SETTINGS, 0, 0, b"") + window)
        self._skip = 24  # the preface

    def data_received(self, data: bytes) -> None:
        buffer, at = self._buffer + data, 0
        if self._skip:
            at, self._skip = self._skip, 0
        out = []
        while at + 9 <= len(buffer):
            high, low, kind, flags, stream = struct.unpack_from(">HBBBI", buffer, at)
            end = at + 9 + (high << 8 | low)
            if end > len(buffer):
                break
            if kind == DATA:
                self._received += end - at
                if flags & END_STREAM:
                    head, tail = self._blocks[stream > 1]
                    out += [
                        frame(HEADERS, END_HEADERS, stream, head),
                        frame(DATA, 0, stream, struct.pack(">BI", 0, len(ANSWER)) + ANSWER),
                        frame(HEADERS, END_HEADERS | END_STREAM, stream, tail),
                    ]
            elif kind == SETTINGS and not flags & ACK:
                out.append(frame(SETTINGS, ACK, 0, b""))
            at = end
        if self._received > 1 << 20:
            out.append(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", self._received)))
            self._received = 0
        self._buffer = buffer[at:]
        self._transport.write(b"".join(out))


@contextmanager
def server() -> Iterator[Server]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.store.echo", str(port)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        started.stdout.readline()
        try:
            yield Server("nothing behind it", port, (started.pid,), holds=False)
        finally:
            started.kill()


async def main(port: int) -> None:
    serving = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", port)
    print("ready", flush=True)
    await serving.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
