"""etcd's KV service: Range, Put, DeleteRange, Txn, Compact, and the way of their messages to and from ``kv.py``'s types."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Final

from kube.store.errors import Code, DuplicateKeyError, EmptyKeyError, KeyNotFoundError, StoreError
from kube.store.etcd_server.headers import Service
from kube.store.etcd_server.status import RpcError
from kube.store.etcdpb import messages
from kube.store.kv import (
    MAX_TXN_OPS,
    Compare,
    CompareResult,
    CompareTarget,
    DeleteRange,
    DeleteRangeResult,
    KeyValue,
    Op,
    OpResult,
    Put,
    PutResult,
    Range,
    RangeResult,
    SortOrder,
    SortTarget,
    Txn,
    TxnResult,
)
from kube.store.requests import check_txn

_OPERAND: Final[dict[CompareTarget, Callable[[messages.Compare], int | bytes]]] = {
    CompareTarget.VERSION: lambda compare: compare.version,
    CompareTarget.CREATE: lambda compare: compare.create_revision,
    CompareTarget.MOD: lambda compare: compare.mod_revision,
    CompareTarget.VALUE: lambda compare: compare.value,
    CompareTarget.LEASE: lambda compare: compare.lease,
}


PORTION: Final = 1_000
"""Keys of a range that are encoded in one turn of the loop."""


class InvalidSortError(StoreError):
    code = Code.INVALID_ARGUMENT
    message = "etcdserver: invalid sort option"


def key_value(kv: KeyValue) -> messages.KeyValue:
    return messages.KeyValue(
        key=kv.key,
        value=kv.value,
        create_revision=kv.create_revision,
        mod_revision=kv.mod_revision,
        version=kv.version,
        lease=kv.lease,
    )


def key_values(kvs: Iterable[KeyValue]) -> list[messages.KeyValue]:
    return [key_value(kv) for kv in kvs]


# ---- requests


def range_op(request: messages.RangeRequest) -> Range:
    """A revision or a limit below 0 is none, as in etcd. Raises InvalidSortError."""
    try:
        order, target = SortOrder(request.sort_order), SortTarget(request.sort_target)
    except ValueError:
        raise InvalidSortError from None
    return Range(
        request.key,
        request.range_end,
        max(request.revision, 0),
        max(request.limit, 0),
        request.keys_only,
        request.count_only,
        order,
        target,
        request.min_mod_revision,
        request.max_mod_revision,
        request.min_create_revision,
        request.max_create_revision,
    )


def put_op(request: messages.PutRequest) -> Put:
    return Put(
        request.key, request.value, request.lease, request.prev_kv, request.ignore_value, request.ignore_lease
    )


def compare(request: messages.Compare) -> Compare:
    """Raises RpcError for a target or a result that etcd does not have."""
    try:
        target, result = CompareTarget(request.target), CompareResult(request.result)
    except ValueError as error:
        raise RpcError(Code.INVALID_ARGUMENT, f"etcdserver: invalid compare: {error}") from None
    return Compare(request.key, target, result, _OPERAND[target](request), request.range_end)


def op(request: messages.RequestOp) -> Range | Put | DeleteRange | None:
    """Of a request that is no nested txn; None for one that is nothing."""
    match request.WhichOneof("request"):
        case "request_range":
            return range_op(request.request_range)
        case "request_put":
            return put_op(request.request_put)
        case "request_delete_range":
            delete = request.request_delete_range
            return DeleteRange(delete.key, delete.range_end, delete.prev_kv)
    return None


def txn_op(request: messages.TxnRequest) -> Txn:
    """Raises KeyNotFoundError for an operation that is none, as etcd does, or what is wrong with those before it."""
    txn, is_whole = _txn_through(request)
    if not is_whole:
        with contextlib.suppress(DuplicateKeyError):  # which etcd looks for when every operation is in order
            check_txn(txn, MAX_TXN_OPS)
        raise KeyNotFoundError(b"")
    return txn


def _txn_through(request: messages.TxnRequest) -> tuple[Txn, bool]:
    """The txn through the first operation that is none; False if there is one."""
    success, is_whole = _ops_through(request.success)
    failure: tuple[Op, ...] = ()
    if is_whole:
        failure, is_whole = _ops_through(request.failure)
    return Txn(tuple(compare(each) for each in request.compare), success, failure), is_whole


def _ops_through(requests: Iterable[messages.RequestOp]) -> tuple[tuple[Op, ...], bool]:
    found: list[Op] = []
    for request in requests:
        if request.WhichOneof("request") == "request_txn":
            nested, is_whole = _txn_through(request.request_txn)
            found.append(nested)
            if not is_whole:
                return tuple(found), False
            continue
        each = op(request)
        if each is None:
            return tuple(found), False
        found.append(each)
    return tuple(found), True


# ---- results

Header = messages.ResponseHeader | None


def range_response(result: RangeResult, header: Header) -> messages.RangeResponse:
    return messages.RangeResponse(
        header=header, kvs=key_values(result.kvs), more=result.more, count=result.count
    )


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


def put_response(result: PutResult, header: Header) -> messages.PutResponse:
    prev = result.prev_kv
    return messages.PutResponse(header=header, prev_kv=None if prev is None else key_value(prev))


def delete_response(result: DeleteRangeResult, header: Header) -> messages.DeleteRangeResponse:
    return messages.DeleteRangeResponse(
        header=header, deleted=result.deleted, prev_kvs=key_values(result.prev_kvs)
    )


def txn_response(result: TxnResult, header: Header) -> messages.TxnResponse:
    return messages.TxnResponse(
        header=header,
        succeeded=result.succeeded,
        responses=[response_op(each) for each in result.responses],
    )


def response_op(result: OpResult) -> messages.ResponseOp:
    """Within a txn headers have the revision alone, and that of a nested txn has nothing (as etcd's)."""
    header = messages.ResponseHeader(revision=result.revision)
    match result:
        case RangeResult():
            return messages.ResponseOp(response_range=range_response(result, header))
        case PutResult():
            return messages.ResponseOp(response_put=put_response(result, header))
        case DeleteRangeResult():
            return messages.ResponseOp(response_delete_range=delete_response(result, header))
        case TxnResult():
            return messages.ResponseOp(response_txn=txn_response(result, messages.ResponseHeader()))


class KVService(Service):
    name = "etcdserverpb.KV"
    serves: ClassVar = {
        "Range": "range",
        "Put": "put",
        "DeleteRange": "delete_range",
        "Txn": "txn",
        "Compact": "compact",
    }

    async def range(self, request: messages.RangeRequest) -> messages.RangeResponse | bytes:
        wanted = range_op(request)
        if not wanted.key:
            raise EmptyKeyError
        result = await self.store.range(
            wanted.key,
            wanted.range_end,
            revision=wanted.revision,
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
        result = await self.store.txn(txn_op(request))
        return txn_response(result, self.header(result.revision))

    async def compact(self, request: messages.CompactionRequest) -> messages.CompactionResponse:
        """``physical`` asks for nothing more: what is compacted can't be read from the moment of the answer on."""
        await self.store.compact(request.revision)
        return messages.CompactionResponse(header=await self.current_header())


def service_endpoints(services: Iterable[Service]) -> dict[str, Any]:
    """Path to endpoint, of all of them."""
    return {path: each for service in services for path, each in service.endpoints().items()}
