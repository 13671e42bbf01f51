"""A Range request answered from a key space: filters, sort order, limit and count as etcd's executeRange has them."""

from collections.abc import Callable
from typing import Any

from kube.store.kv import KeyValue, Range, RangeResult, SortOrder, SortTarget
from kube.store.mvcc.kvstore import KVStore

_SORT_KEYS: dict[SortTarget, Callable[[KeyValue], Any]] = {
    SortTarget.KEY: lambda kv: kv.key,
    SortTarget.VERSION: lambda kv: kv.version,
    SortTarget.CREATE: lambda kv: kv.create_revision,
    SortTarget.MOD: lambda kv: kv.mod_revision,
    SortTarget.VALUE: lambda kv: kv.value,
}


def execute_range(kv: KVStore, request: Range) -> RangeResult:
    """``count`` is that of the range, before filters and limit. With a sort target but no order, what the limit leaves is
    sorted, as etcd does it; with an order, the limit comes last.

    Raises CompactedError, FutureRevisionError.
    """
    kv.check_revision(request.revision)
    revision = request.revision
    if request.count_only:
        return RangeResult((), kv.count(request.key, request.range_end, revision), False, kv.revision)
    limit = max(0, request.limit)
    filtered = (
        request.min_mod_revision
        or request.max_mod_revision
        or request.min_create_revision
        or request.max_create_revision
    )
    sorted_ = request.sort_order is not SortOrder.NONE or request.sort_target is not SortTarget.KEY
    if filtered or request.sort_order is not SortOrder.NONE or not limit:
        kvs = kv.range(request.key, request.range_end, revision)
        count = len(kvs)
    else:
        kvs = kv.range(request.key, request.range_end, revision, limit + 1)
        count = kv.count(request.key, request.range_end, revision) if len(kvs) > limit else len(kvs)
    if filtered:
        kvs = _filter(kvs, request)
    if sorted_:
        kvs.sort(key=_SORT_KEYS[request.sort_target], reverse=request.sort_order is SortOrder.DESCEND)
    more = 0 < limit < len(kvs)
    if more:
        kvs = kvs[:limit]
    if request.keys_only:
        kvs = [
            KeyValue(each.key, b"", each.create_revision, each.mod_revision, each.version, each.lease)
            for each in kvs
        ]
    return RangeResult(tuple(kvs), count, more, kv.revision)


def _filter(kvs: list[KeyValue], request: Range) -> list[KeyValue]:
    min_mod, max_mod = request.min_mod_revision, request.max_mod_revision
    min_create, max_create = request.min_create_revision, request.max_create_revision
    return [
        kv
        for kv in kvs
        if kv.mod_revision >= min_mod
        and kv.create_revision >= min_create
        and (not max_mod or kv.mod_revision <= max_mod)
        and (not max_create or kv.create_revision <= max_create)
    ]
