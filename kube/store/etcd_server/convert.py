"""Messages of etcd's API to and from the types of ``kv.py``: key values, and the KV service's requests and results."""

import contextlib
from collections.abc import Callable, Iterable
from typing import Final

from kube.store.errors import Code, DuplicateKeyError, KeyNotFoundError, StoreError, TooManyOpsError
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

_RESULTS: Final = frozenset(CompareResult)


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
    """A limit below 0 is none, as in etcd. Raises InvalidSortError."""
    try:
        order, target = SortOrder(request.sort_order), SortTarget(request.sort_target)
    except ValueError:
        raise InvalidSortError from None
    return Range(
        request.key,
        request.range_end,
        request.revision,
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
    """As etcd's applyCompare has it, a result that nobody knows holds of every key, and a target that nobody knows is equal."""
    if request.result not in _RESULTS:
        exists = request.target == CompareTarget.VALUE  # which an absent key fails, whatever is asked
        return Compare(
            request.key, CompareTarget.VERSION, CompareResult.GREATER, 0 if exists else -1, request.range_end
        )
    result = CompareResult(request.result)
    if request.target not in _OPERAND:
        holds = CompareResult.GREATER if result is CompareResult.EQUAL else CompareResult.LESS
        return Compare(request.key, CompareTarget.VERSION, holds, -1, request.range_end)
    target = CompareTarget(request.target)
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


def txn_op(request: messages.TxnRequest, max_ops: int = MAX_TXN_OPS) -> Txn:
    """``max_ops``: etcd's --max-txn-ops. Raises TooManyOpsError, KeyNotFoundError for an operation that is none, as etcd does, or what is wrong with those before it."""
    most = max(len(request.compare), len(request.success), len(request.failure))
    if most > max_ops:  # which etcd looks at first
        raise TooManyOpsError(most, max_ops)
    txn, is_whole = _txn_through(request, max_ops)
    if not is_whole:
        with contextlib.suppress(DuplicateKeyError):  # which etcd looks for when every operation is in order
            check_txn(txn, max_ops)
        raise KeyNotFoundError(b"")
    return txn


def _txn_through(request: messages.TxnRequest, max_ops: int) -> tuple[Txn, bool]:
    """The txn through the first operation that is none; False if there is one. Of what is too much, enough that it is refused."""
    compares = tuple(compare(each) for each in request.compare[: max_ops + 1])
    success, is_whole = _ops_through(request.success[: max_ops + 1], max_ops)
    failure: tuple[Op, ...] = ()
    if is_whole:
        failure, is_whole = _ops_through(request.failure[: max_ops + 1], max_ops)
    return Txn(compares, success, failure), is_whole


def _ops_through(requests: Iterable[messages.RequestOp], max_ops: int) -> tuple[tuple[Op, ...], bool]:
    found: list[Op] = []
    for request in requests:
        if request.WhichOneof("request") == "request_txn":
            nested, is_whole = _txn_through(request.request_txn, max_ops)
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


def put_response(result: PutResult, header: Header) -> messages.PutResponse:
    prev = result.prev_kv
    return messages.PutResponse(header=header, prev_kv=None if prev is None else key_value(prev))


def delete_response(result: DeleteRangeResult, header: Header) -> messages.DeleteRangeResponse:
    return messages.DeleteRangeResponse(
        header=header, deleted=result.deleted, prev_kvs=key_values(result.prev_kvs)
    )


def txn_response(result: TxnResult, header: Header) -> messages.TxnResponse:
    response = messages.TxnResponse(header=header)
    _fill_txn(response, result)
    return response


def _fill_txn(response: messages.TxnResponse, result: TxnResult) -> None:
    """In place: protobuf copies a message that is put into another, and that to no great depth."""
    response.succeeded = result.succeeded
    for each in result.responses:
        _fill_op(response.responses.add(), each)


def _fill_op(response: messages.ResponseOp, result: OpResult) -> None:
    """Within a txn headers have the revision alone, and that of a nested txn has nothing (as etcd's)."""
    header = messages.ResponseHeader(revision=result.revision)
    match result:
        case RangeResult():
            response.response_range.MergeFrom(range_response(result, header))
        case PutResult():
            response.response_put.MergeFrom(put_response(result, header))
        case DeleteRangeResult():
            response.response_delete_range.MergeFrom(delete_response(result, header))
        case TxnResult():
            response.response_txn.header.SetInParent()
            _fill_txn(response.response_txn, result)
