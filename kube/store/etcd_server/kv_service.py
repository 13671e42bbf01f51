"""etcd's KV service: Range, Put, DeleteRange, Txn, Compact."""

import asyncio
from typing import ClassVar, Final

from kube.store.administration import AdministeredStore
from kube.store.errors import EmptyKeyError
from kube.store.etcd_server.convert import (
    delete_response,
    key_values,
    put_response,
    range_op,
    range_response,
    txn_op,
    txn_response,
)
from kube.store.etcd_server.service import Service
from kube.store.etcdpb import messages
from kube.store.kv import MAX_TXN_OPS, RangeResult

PORTION: Final = 1_000
"""Keys of a range that are encoded in one turn of the loop."""


class KVService(Service):
    name = "etcdserverpb.KV"
    serves: ClassVar = {
        "Range": "range",
        "Put": "put",
        "DeleteRange": "delete_range",
        "Txn": "txn",
        "Compact": "compact",
    }

    def __init__(self, store: AdministeredStore, max_txn_ops: int = MAX_TXN_OPS) -> None:
        """``max_txn_ops`` as the store's."""
        super().__init__(store)
        self._max_txn_ops = max_txn_ops

    async def range(self, request: messages.RangeRequest) -> messages.RangeResponse | bytes:
        wanted = range_op(request)
        if not wanted.key:
            raise EmptyKeyError
        result = await self.store.range(
            wanted.key,
            wanted.range_end,
            revision=max(wanted.revision, 0),  # below 0 it means now, outside of a txn
            limit=wanted.limit,
            keys_only=wanted.keys_only,
            count_only=wanted.count_only,
            serializable=request.serializable,
            sort_order=wanted.sort_order,
            sort_target=wanted.sort_target,
            min_mod_revision=wanted.min_mod_revision,
            max_mod_revision=wanted.max_mod_revision,
            min_create_revision=wanted.min_create_revision,
            max_create_revision=wanted.max_create_revision,
        )
        header = self.header(result.revision)
        if len(result.kvs) > PORTION:
            return await encode_range(result, header)
        return range_response(result, header)

    async def put(self, request: messages.PutRequest) -> messages.PutResponse:
        result = await self.store.put(
            request.key,
            request.value,
            request.lease,
            prev_kv=request.prev_kv,
            ignore_value=request.ignore_value,
            ignore_lease=request.ignore_lease,
        )
        return put_response(result, self.header(result.revision))

    async def delete_range(self, request: messages.DeleteRangeRequest) -> messages.DeleteRangeResponse:
        result = await self.store.delete_range(request.key, request.range_end, prev_kv=request.prev_kv)
        return delete_response(result, self.header(result.revision))

    async def txn(self, request: messages.TxnRequest) -> messages.TxnResponse:
        result = await self.store.txn(txn_op(request, self._max_txn_ops))
        return txn_response(result, self.header(result.revision))

    async def compact(self, request: messages.CompactionRequest) -> messages.CompactionResponse:
        """``physical`` asks for nothing more: what is compacted can't be read from the moment of the answer on."""
        await self.store.compact(request.revision)
        return messages.CompactionResponse(header=await self.current_header())


async def encode_range(result: RangeResult, header: messages.ResponseHeader) -> bytes:
    """A response of many keys, encoded a portion at a time, so that others have their turns between.

    A message is its fields one behind the other, and those of a repeated field may come in parts.
    """
    pieces = [messages.RangeResponse(header=header, more=result.more, count=result.count).SerializeToString()]
    for start in range(0, len(result.kvs), PORTION):
        portion = key_values(result.kvs[start : start + PORTION])
        pieces.append(messages.RangeResponse(kvs=portion).SerializeToString())
        await asyncio.sleep(0)
    return b"".join(pieces)
