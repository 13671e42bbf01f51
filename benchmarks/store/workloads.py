"""What the clients of the closed loop ask for, and what must be true of the answers."""

import asyncio
import random

from benchmarks.store.http2 import call
from kube.store.etcdpb import messages

PUT = "/etcdserverpb.KV/Put"
RANGE = "/etcdserverpb.KV/Range"
TXN = "/etcdserverpb.KV/Txn"
PREFIX, PREFIX_END = b"/bench/", b"/bench0"
READ_KEYS = 1_000


class Puts:
    """Each client puts new keys of its own, until it is told to stop."""

    method = PUT

    def __init__(self, clients: int, size: int) -> None:
        self.over = False
        self.done = 0
        self._value = b"x" * size
        self._next = [0] * clients

    def key(self, client: int, number: int) -> bytes:
        return b"/bench/%05d/%07d" % (client, number)

    def request(self, client: int) -> bytes | None:
        if self.over:
            return None
        number = self._next[client]
        self._next[client] = number + 1
        return messages.PutRequest(key=self.key(client, number), value=self._value).SerializeToString()

    def answer(self, client: int, message: bytes) -> None:  # noqa: ARG002  # the status said that it is done
        self.done += 1

    async def prepare(self, port: int) -> None:
        await clear(port)

    async def verify(self, port: int) -> None:
        """All that was acknowledged is there. Raises ValueError."""
        found = await count(port)
        if found != self.done:
            raise ValueError(f"{found} keys after {self.done} puts")


class OnePut:
    """Puts one new key each time it is asked, and gives word by the future that waits."""

    def __init__(self, size: int, waiting: "list[asyncio.Future[None]]") -> None:
        self._value = b"x" * size
        self._waiting = waiting
        self._sent = 0
        self._asked = False

    def request(self, client: int) -> bytes | None:
        self._asked = not self._asked
        if not self._asked:
            return None
        self._sent += 1
        key = b"/bench/%05d/%07d" % (client, self._sent)
        return messages.PutRequest(key=key, value=self._value).SerializeToString()

    def answer(self, client: int, message: bytes) -> None:  # noqa: ARG002  # the status said that it is done
        self._waiting.pop().set_result(None)


class CompareAndSwaps:
    """Each client writes its key where it is as the client left it, and reads it otherwise, as Kubernetes does."""

    method = TXN

    def __init__(self, clients: int, size: int) -> None:
        self.over = False
        self.done = 0
        self._value = b"x" * size
        self._revisions = [0] * clients

    def request(self, client: int) -> bytes | None:
        if self.over:
            return None
        key = b"/bench/%05d" % client
        expected = messages.Compare(
            key=key,
            target=messages.Compare.MOD,
            result=messages.Compare.EQUAL,
            mod_revision=self._revisions[client],
        )
        put = messages.RequestOp(request_put=messages.PutRequest(key=key, value=self._value))
        read = messages.RequestOp(request_range=messages.RangeRequest(key=key))
        return messages.TxnRequest(compare=[expected], success=[put], failure=[read]).SerializeToString()

    def answer(self, client: int, message: bytes) -> None:
        answer = messages.TxnResponse.FromString(message)
        if not answer.succeeded:
            raise ValueError(f"client {client} was the only one to write its key, and was refused")
        self._revisions[client] = answer.header.revision
        self.done += 1

    async def prepare(self, port: int) -> None:
        await clear(port)

    async def verify(self, port: int) -> None:
        answer = messages.RangeResponse.FromString(
            await call(
                port, RANGE, messages.RangeRequest(key=PREFIX, range_end=PREFIX_END).SerializeToString()
            )
        )
        versions = sum(kv.version for kv in answer.kvs)
        if versions != self.done:
            raise ValueError(f"{versions} writes are seen of {self.done}")


class Ranges:
    """Linearizable reads of ``length`` keys each, at random places among a thousand."""

    method = RANGE

    def __init__(self, clients: int, size: int, length: int = 1) -> None:  # noqa: ARG002  # as the others
        self.over = False
        self.done = 0
        self._size = size
        self._length = length
        chance = random.Random(1)
        starts = [chance.randrange(READ_KEYS - length) for _ in range(512)]
        self._requests = [
            messages.RangeRequest(
                key=self.key(start), range_end=self.key(start + length) if length > 1 else b""
            ).SerializeToString()
            for start in starts
        ]

    @staticmethod
    def key(number: int) -> bytes:
        return b"/bench/%07d" % number

    def request(self, client: int) -> bytes | None:
        return None if self.over else self._requests[(self.done + client) % len(self._requests)]

    def answer(self, client: int, message: bytes) -> None:  # noqa: ARG002  # as the others
        if len(message) < self._size * self._length:
            raise ValueError("an answer without its keys")
        self.done += 1

    async def prepare(self, port: int) -> None:
        await clear(port)
        value = b"x" * self._size
        for start in range(0, READ_KEYS, 5):
            puts = [
                messages.RequestOp(request_put=messages.PutRequest(key=self.key(number), value=value))
                for number in range(start, start + 5)
            ]
            await call(port, TXN, messages.TxnRequest(success=puts).SerializeToString())

    async def verify(self, port: int) -> None:
        if await count(port) != READ_KEYS:
            raise ValueError("the keys that were read have changed")


async def clear(port: int) -> None:
    request = messages.DeleteRangeRequest(key=PREFIX, range_end=PREFIX_END)
    await call(port, "/etcdserverpb.KV/DeleteRange", request.SerializeToString())


async def count(port: int) -> int:
    request = messages.RangeRequest(key=PREFIX, range_end=PREFIX_END, count_only=True)
    answer = messages.RangeResponse.FromString(await call(port, RANGE, request.SerializeToString()))
    return answer.count
