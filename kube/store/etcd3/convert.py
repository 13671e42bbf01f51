"""``kv.py``'s requests as etcd's messages, and etcd's answers as ``kv.py``'s results; keys lose and gain the prefix here.

A prefix makes a key space of its own, as ``namespace`` of etcd's clientv3: nobody sees it, and nothing outside is seen.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from kube.store.errors import EmptyKeyError
from kube.store.etcdpb import messages
from kube.store.kv import (
    ALL_KEYS_END,
    Compare,
    CompareTarget,
    DeleteRange,
    DeleteRangeResult,
    Event,
    EventType,
    KeyValue,
    Op,
    OpResult,
    Put,
    PutResult,
    Range,
    RangeResult,
    Txn,
    TxnResult,
    prefix_end,
)

_OPERANDS: Final[Mapping[CompareTarget, str]] = {
    CompareTarget.VERSION: "version",
    CompareTarget.CREATE: "create_revision",
    CompareTarget.MOD: "mod_revision",
    CompareTarget.VALUE: "value",
    CompareTarget.LEASE: "lease",
}

Message: TypeAlias = Any
"""A message of ``kube.store.etcdpb.messages``."""


class Converter:
    """``scope``: key and range_end of everything there is. ``pulse``: a key in scope that no key of the prefix stands for."""

    __slots__ = ("_all_end", "_cut", "prefix", "pulse", "scope")

    def __init__(self, prefix: bytes) -> None:
        self.prefix = prefix
        self._cut = len(prefix)
        self._all_end = prefix_end(prefix)
        self.scope = (prefix, self._all_end) if prefix else (ALL_KEYS_END, ALL_KEYS_END)
        self.pulse = prefix or ALL_KEYS_END

    # ---- keys

    def key(self, key: bytes) -> bytes:
        """Raises EmptyKeyError where etcd could not: under a prefix."""
        if not self._cut:
            return key
        if not key:
            raise EmptyKeyError
        return self.prefix + key

    def end(self, range_end: bytes) -> bytes:
        if not range_end or not self._cut:
            return range_end
        return self._all_end if range_end == ALL_KEYS_END else self.prefix + range_end

    def keys(self, keys: Any) -> tuple[bytes, ...]:
        """Those of etcd's keys that are of this prefix, as they are named here."""
        return tuple(key[self._cut :] for key in keys if key.startswith(self.prefix))

    # ---- requests

    def range(self, request: Range, *, serializable: bool = False) -> Message:
        return messages.RangeRequest(
            key=self.key(request.key),
            range_end=self.end(request.range_end),
            revision=request.revision,
            limit=request.limit,
            sort_order=int(request.sort_order),
            sort_target=int(request.sort_target),
            serializable=serializable,
            keys_only=request.keys_only,
            count_only=request.count_only,
            min_mod_revision=request.min_mod_revision,
            max_mod_revision=request.max_mod_revision,
            min_create_revision=request.min_create_revision,
            max_create_revision=request.max_create_revision,
        )

    def put(self, request: Put) -> Message:
        return messages.PutRequest(
            key=self.key(request.key),
            value=request.value,
            lease=request.lease,
            prev_kv=request.prev_kv,
            ignore_value=request.ignore_value,
            ignore_lease=request.ignore_lease,
        )

    def delete_range(self, request: DeleteRange) -> Message:
        return messages.DeleteRangeRequest(
            key=self.key(request.key), range_end=self.end(request.range_end), prev_kv=request.prev_kv
        )

    def txn(self, txn: Txn) -> Message:
        return messages.TxnRequest(
            compare=[self._compare(each) for each in txn.compares],
            success=[self._op(each) for each in txn.success],
            failure=[self._op(each) for each in txn.failure],
        )

    def _compare(self, compare: Compare) -> Message:
        operand: dict[str, Any] = {_OPERANDS[compare.target]: compare.operand}
        return messages.Compare(
            key=self.key(compare.key),
            range_end=self.end(compare.range_end),
            target=int(compare.target),
            result=int(compare.result),
            **operand,
        )

    def _op(self, op: Op) -> Message:
        if isinstance(op, Put):
            return messages.RequestOp(request_put=self.put(op))
        if isinstance(op, Range):
            return messages.RequestOp(request_range=self.range(op))
        if isinstance(op, DeleteRange):
            return messages.RequestOp(request_delete_range=self.delete_range(op))
        return messages.RequestOp(request_txn=self.txn(op))

    # ---- results

    def key_value(self, kv: Message) -> KeyValue:
        return KeyValue(
            kv.key[self._cut :] if self._cut else kv.key,
            kv.value,
            kv.create_revision,
            kv.mod_revision,
            kv.version,
            kv.lease,
        )

    def range_result(self, response: Message, revision: int = 0) -> RangeResult:
        """``revision``: that of the answer as a whole, for a response within one."""
        kvs = tuple([self.key_value(kv) for kv in response.kvs])
        return RangeResult(kvs, response.count, response.more, response.header.revision or revision)

    def put_result(self, response: Message, revision: int = 0) -> PutResult:
        prev = self.key_value(response.prev_kv) if response.HasField("prev_kv") else None
        return PutResult(response.header.revision or revision, prev)

    def delete_range_result(self, response: Message, revision: int = 0) -> DeleteRangeResult:
        prevs = tuple([self.key_value(kv) for kv in response.prev_kvs])
        return DeleteRangeResult(response.deleted, response.header.revision or revision, prevs)

    def txn_result(self, response: Message, revision: int = 0) -> TxnResult:
        revision = response.header.revision or revision
        return TxnResult(
            response.succeeded,
            revision,
            tuple([self._op_result(each, revision) for each in response.responses]),
        )

    def _op_result(self, response: Message, revision: int) -> OpResult:
        kind = response.WhichOneof("response")
        results: Mapping[str, Callable[[Message, int], OpResult]] = {
            "response_range": self.range_result,
            "response_put": self.put_result,
            "response_delete_range": self.delete_range_result,
            "response_txn": self.txn_result,
        }
        return results[kind](getattr(response, kind), revision)

    def event(self, event: Message, note: object | None) -> Event:
        prev = self.key_value(event.prev_kv) if event.HasField("prev_kv") else None
        return Event(EventType(event.type), self.key_value(event.kv), prev, note)
