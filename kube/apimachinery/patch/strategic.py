"""Strategic merge patch: a merge patch that knows which lists merge, and by which key.

Semantics: k8s.io/apimachinery/pkg/util/strategicpatch, and the design proposals on retained keys and on the order of
merged lists (sig-api-machinery, preserve-order-in-strategic-merge-patch).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Protocol

from kube.apimachinery.gofmt import plain
from kube.apimachinery.jsontext import MAX_DEPTH_EXCEEDED, JsonTree
from kube.apimachinery.patch.errors import PatchConflictError, PatchError, PatchFormatError

DIRECTIVE: Final = "$patch"
RETAIN_KEYS: Final = "$retainKeys"
DELETE_FROM_LIST: Final = "$deleteFromPrimitiveList"
SET_ORDER: Final = "$setElementOrder"
MERGE: Final = "merge"
REPLACE: Final = "replace"
DELETE: Final = "delete"
RETAIN: Final = "retainKeys"

Object = dict[str, Any]


class PatchSchema(Protocol):
    """How the fields of one type are patched."""

    def child(self, json_name: str) -> PatchSchema:
        """The schema of a field: of an object or map the thing itself, of a list its elements.

        Raises patch.errors.UnknownFieldError where the type has no such field.
        """

    def strategies(self, json_name: str) -> tuple[str, ...]:
        """The field's patchStrategy, taken apart: of `merge`, `replace` and `retainKeys`."""

    def merge_key(self, json_name: str) -> str:
        """The field's patchMergeKey, or the empty string."""


class _Untyped:
    """Whatever it holds: objects merge, lists are replaced."""

    def child(self, json_name: str) -> PatchSchema:  # noqa: ARG002  # the protocol
        return self

    def strategies(self, json_name: str) -> tuple[str, ...]:  # noqa: ARG002  # the protocol
        return ()

    def merge_key(self, json_name: str) -> str:  # noqa: ARG002  # the protocol
        return ""


UNTYPED: Final[PatchSchema] = _Untyped()
"""The schema of what has none, such as a RawExtension."""


def merge(original: Object, patch: JsonTree, schema: PatchSchema) -> Object:
    """The object with the patch merged in. Neither changes; the result may share their parts. Raises PatchError."""
    if not isinstance(patch, dict):
        raise PatchFormatError("invalid JSON document")
    try:
        return _merge_object(original, patch, schema)
    except RecursionError:
        raise PatchFormatError(MAX_DEPTH_EXCEEDED) from None


def _merge_object(original: Object, patch: Object, schema: PatchSchema) -> Object:
    if DIRECTIVE in patch:
        return _directed_object(patch)
    merged, remaining = dict(original), dict(patch)
    if RETAIN_KEYS in remaining:
        merged = _retained(merged, remaining.pop(RETAIN_KEYS), remaining)
    for key in [key for key in remaining if key.startswith(SET_ORDER)]:
        _merge_ordered(merged, remaining, key, schema)
    for key, value in remaining.items():
        deletes = key.startswith(DELETE_FROM_LIST)
        name = _target(key, DELETE_FROM_LIST) if deletes else key
        if value is None:
            merged.pop(name, None)
        elif name in merged and _kind(merged[name]) == _kind(value):
            merged[name] = _merge_value(merged[name], value, schema, name, deletes=deletes)
        elif not deletes:
            _take_over(merged, name, value)
    return merged


def _directed_object(patch: Object) -> Object:
    if patch[DIRECTIVE] == REPLACE:
        return {key: value for key, value in patch.items() if key != DIRECTIVE}
    if patch[DIRECTIVE] == DELETE:
        return {}
    raise _bad_directive(patch)


def _bad_directive(patch: Object) -> PatchError:
    return PatchError(f"unknown patch type: {plain(patch[DIRECTIVE])} in map: {plain(patch)}")


def _retained(original: Object, keys: Any, patch: Object) -> Object:
    """The original without the keys that the directive does not name. The patch sets none but those that it does."""
    if not isinstance(keys, list):
        raise PatchFormatError("invalid patch format of retainKeys")
    kept = {key for key in keys if isinstance(key, str)}
    for key, value in patch.items():
        if value is not None and key not in kept and not key.startswith((DELETE_FROM_LIST, SET_ORDER)):
            raise PatchFormatError("invalid patch format of retainKeys")
    return {key: value for key, value in original.items() if key in kept}


_BAD_FORMAT: Final = {
    DELETE_FROM_LIST: "invalid patch format of primitive list",
    SET_ORDER: "invalid patch format of setElementOrder list",
}


def _target(key: str, prefix: str) -> str:
    """The field that a directive's key is about."""
    head, slash, name = key.partition("/")
    if not slash or head != prefix:
        raise PatchFormatError(_BAD_FORMAT[prefix])
    return name


def _kind(value: Any) -> str:
    match value:
        case dict():
            return "map[string]interface {}"
        case list():
            return "[]interface {}"
        case bool():
            return "bool"
        case str():
            return "string"
        case None:
            return "%!s(<nil>)"
        case _:
            return "int64" if isinstance(value, int) else "float64"


def _strategy(schema: PatchSchema, name: str) -> str:
    """How the field merges, retainKeys aside. Raises PatchError for strategies that exclude each other."""
    others = [strategy for strategy in schema.strategies(name) if strategy != RETAIN]
    if len(others) > 1:
        raise PatchError(f"unexpected patch strategy: {plain(schema.strategies(name))}")
    return others[0] if others else ""


def _merge_value(held: Any, value: Any, schema: PatchSchema, name: str, *, deletes: bool) -> Any:
    """Two values of one kind."""
    if isinstance(value, dict):
        child = schema.child(name)
        return value if _strategy(schema, name) == REPLACE else _merge_object(held, value, child)
    if isinstance(value, list):
        return _merge_list(held, value, schema, name, deletes=deletes)
    return value


_DIRECTIVES: Final = (RETAIN_KEYS, DELETE_FROM_LIST, SET_ORDER)
_GONE: Final = object()


def _take_over(merged: Object, name: str, value: Any) -> None:
    """Set what the original lacks, or has of another kind."""
    kept = _undirected(value)
    if kept is _GONE:
        merged.pop(name, None)
    else:
        merged[name] = kept


def _undirected(value: Any) -> Any:
    """A value of the patch without nulls and directives; _GONE for an object that is a directive itself."""
    if isinstance(value, dict):
        if DIRECTIVE in value:
            return _GONE
        kept = {
            key: _undirected(item)
            for key, item in value.items()
            if item is not None and not key.startswith(_DIRECTIVES)
        }
        return {key: item for key, item in kept.items() if item is not _GONE}
    if isinstance(value, list):
        return [kept for item in value if (kept := _undirected(item)) is not _GONE]
    return value


# Lists


def _merge_list(
    held: list[Any], patch: list[Any], schema: PatchSchema, name: str, *, deletes: bool
) -> list[Any]:
    child = schema.child(name)
    if _strategy(schema, name) != MERGE:
        return patch
    if not held and not patch:
        return held
    key = schema.merge_key(name)
    if not _of_objects(held, patch):
        if deletes:
            gone = {_identity(item) for item in patch}
            return [item for item in held if _identity(item) not in gone]
        merged = list({_identity(item): item for item in (*patch, *held)}.values())
        key = ""
    else:
        if not key:
            raise PatchError("cannot merge lists without merge key for type struct")
        held, patch = _apply_directives(held, patch, key)
        merged = _merge_elements(held, patch, key, child)
    return _ordered(merged, patch, held, key)


def _of_objects(*lists: list[Any]) -> bool:
    """Whether the elements, all of one kind, are objects. Raises PatchError."""
    kinds = {_kind(item): None for items in lists for item in items}
    if _kind([]) in kinds:
        raise PatchConflictError("lists of lists are not supported")
    if len(kinds) > 1:
        raise PatchError(f"list element types are not identical: {plain(lists)}")
    return _kind({}) in kinds


def _identity(item: Any) -> tuple[bool, Any]:
    """What makes scalars equal: as Python's equality, but true is not 1."""
    if isinstance(item, dict | list):
        raise PatchError(f"expected a scalar, but received a {_kind(item)}")
    return isinstance(item, bool), item


def _key_of(item: Any, key: str) -> tuple[bool, Any]:
    """What an element is found by: its merge key's value, or itself where there is no key."""
    if not key:
        return _identity(item)
    if not isinstance(item, dict):
        raise PatchError(f"expected a {_kind({})}, but received a {_kind(item)}")
    if key not in item:
        raise PatchError(f"map: {plain(item)} does not contain declared merge key: {key}")
    return _identity(item[key])


def _apply_directives(held: list[Any], patch: list[Any], key: str) -> tuple[list[Any], list[Any]]:
    """Both lists after the elements that are directives: `$patch: delete` and `$patch: replace`."""
    others = [item for item in patch if DIRECTIVE not in item]
    replace = False
    for item in patch:
        if DIRECTIVE not in item:
            continue
        directive = item[DIRECTIVE]
        if directive == DELETE:
            gone = _key_of(item, key)
            held = [each for each in held if key not in each or _identity(each[key]) != gone]
        elif directive == MERGE:
            raise PatchError("merging lists cannot yet be specified in the patch")
        elif directive != REPLACE:
            raise _bad_directive(item)
        replace = replace or directive == REPLACE
    return (others, []) if replace else (held, others)


def _merge_elements(held: list[Any], patch: list[Any], key: str, schema: PatchSchema) -> list[Any]:
    merged = list(held)
    places: dict[tuple[bool, Any], int] = {}
    for place, item in enumerate(merged):
        if key in item:
            places.setdefault(_identity(item[key]), place)
    for item in patch:
        found = places.setdefault(_key_of(item, key), len(merged))
        if found < len(merged):
            merged[found] = _merge_object(merged[found], item, schema)
        else:
            merged.append(_undirected(item))
    return merged


def _merge_ordered(merged: Object, patch: Object, directive: str, schema: PatchSchema) -> None:
    """Merge one list and put it in the order that a `$setElementOrder` gives; both leave the patch."""
    order = _as_list(patch.pop(directive))
    name = _target(directive, SET_ORDER)
    held = _as_list(merged.get(name, []))
    changes = _as_list(patch.get(name, []))
    schema.child(name)
    key = schema.merge_key(name) if _of_objects(held, changes, order) else ""
    _check_order(changes, order, key)
    if name in merged and name in patch:
        result = _merge_list(held, changes, schema, name, deletes=False)
    elif name in merged or name in patch:
        result = held if name in merged else _undirected(changes)
    else:
        return
    merged[name] = _ordered(result, order, held, key)
    patch.pop(name, None)


def _as_list(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    raise PatchError(f"expected a {_kind([])}, but received a {_kind(value)}")


def _check_order(patch: list[Any], order: list[Any], key: str) -> None:
    """The elements of the patch stand in the order in the same sequence, deletions and other directives aside."""
    if not order or not patch:
        return
    wanted = iter([_key_of(item, key) for item in order])
    for item in patch:
        if isinstance(item, dict) and DIRECTIVE in item:
            continue
        if _key_of(item, key) not in wanted:  # advances past what it does not find
            raise PatchError(
                f"The order in patch list:\n{plain(patch)}\n doesn't match {SET_ORDER} list:\n{plain(order)}\n"
            )


def _ordered(merged: list[Any], order: list[Any], live_order: list[Any], key: str) -> list[Any]:
    """What the order names in that order, the rest in the live one, each before what follows it in the live list."""
    wanted, live = _places(order, key), _places(live_order, key)
    keyed = [(_key_of(item, key), item) for item in merged]
    named = sorted((each for each in keyed if each[0] in wanted), key=lambda each: wanted[each[0]])
    rest = sorted(
        (each for each in keyed if each[0] not in wanted), key=lambda each: live.get(each[0], len(live))
    )
    result: list[Any] = []
    position = 0
    for identity, item in rest:
        while position < len(named) and not _before(live, identity, named[position][0]):
            result.append(named[position][1])
            position += 1
        result.append(item)
    result.extend(item for _, item in named[position:])
    return result


def _places(items: Iterable[Any], key: str) -> dict[tuple[bool, Any], int]:
    places: dict[tuple[bool, Any], int] = {}
    for place, item in enumerate(items):
        places.setdefault(_key_of(item, key), place)
    return places


def _before(live: dict[tuple[bool, Any], int], left: tuple[bool, Any], right: tuple[bool, Any]) -> bool:
    """Whether both are live and left stands first."""
    return left in live and right in live and live[left] < live[right]
