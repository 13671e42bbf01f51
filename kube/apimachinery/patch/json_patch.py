"""JSON patch (RFC 6902) over JSON pointers (RFC 6901).

Errors are worded, and negative indices count from the end, as in evanphx/json-patch, which upstream uses.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

from kube.apimachinery.jsontext import MAX_DEPTH_EXCEEDED, JsonTree
from kube.apimachinery.patch.errors import PatchConflictError, PatchFormatError, PatchTooLargeError
from kube.apimachinery.shapes import kind_of

MAX_OPERATIONS: Final = 10_000
MAX_COPIED_BYTES: Final = 3 * 1024 * 1024
"""As many bytes of JSON may `copy` add to a document."""

_MISSING: Final = "missing value"
_BAD_INDEX: Final = "invalid index referenced"
_INDEX: Final = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_ABSENT: Final = object()
_NOWHERE: Final = object()


def apply(document: JsonTree, patch: JsonTree) -> JsonTree:
    """The document after the operations. Neither argument changes; the result may share their parts.

    Raises PatchFormatError for what is no patch, PatchTooLargeError for more than MAX_OPERATIONS, PatchConflictError
    for an operation that does not apply.
    """
    if not isinstance(patch, list):
        raise _not(patch, "jsonpatch.Patch")
    if len(patch) > MAX_OPERATIONS:
        raise PatchTooLargeError(
            f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(patch)}"
        )
    for operation in patch:
        if not isinstance(operation, dict):
            raise _not(operation, "jsonpatch.Operation")
    run = _Run(document)
    try:
        for operation in patch:
            run.step(operation)
    except RecursionError:
        raise PatchFormatError(MAX_DEPTH_EXCEEDED) from None
    return run.document


def _not(value: object, go_type: str) -> PatchFormatError:
    held = "object" if isinstance(value, dict) else kind_of(value)
    return PatchFormatError(f"json: cannot unmarshal {held} into Go value of type {go_type}")


def equal(left: JsonTree, right: JsonTree) -> bool:
    """Equality of JSON values: as Python's, but true is not 1."""
    if isinstance(left, dict):
        return (
            isinstance(right, dict)
            and left.keys() == right.keys()
            and all(equal(value, right[name]) for name, value in left.items())
        )
    if isinstance(left, list):
        return isinstance(right, list) and len(left) == len(right) and all(map(equal, left, right))
    return isinstance(left, bool) is isinstance(right, bool) and bool(left == right)


def _tokens(pointer: str) -> list[str] | None:
    """The parts of a pointer, none for the whole document; None for what is no pointer."""
    if not pointer:
        return []
    if pointer[0] != "/":
        return None
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/")]


def _index(token: str, length: int) -> int:
    """The position in a list of that length. Raises PatchConflictError."""
    if not _INDEX.fullmatch(token):
        raise PatchConflictError(f'strconv.Atoi: parsing "{token}": invalid syntax')
    index = int(token)
    if not -length <= index < length:
        raise PatchConflictError(f"Unable to access invalid index: {index}: {_BAD_INDEX}")
    return index + length if index < 0 else index


class _Run:
    """One patch at work: the document so far, of which what this run has made may change in place."""

    def __init__(self, document: JsonTree) -> None:
        self.document = document
        self._copied = 0
        self._own: dict[int, Any] = {}
        self._steps: Final[dict[str, Callable[[dict[str, Any]], None]]] = {
            "add": self._add,
            "remove": self._remove,
            "replace": self._replace,
            "move": self._move,
            "copy": self._copy,
            "test": self._test,
        }

    def step(self, operation: dict[str, Any]) -> None:
        kind = operation.get("op")
        known = self._steps.get(kind) if isinstance(kind, str) else None
        if known is None:
            raise PatchConflictError(f"Unexpected kind: {kind if isinstance(kind, str) else 'unknown'}")
        known(operation)

    # Where a pointer leads

    def _container(self, tokens: list[str] | None, *, change: bool) -> Any:
        """The object or list that holds the last token's value, or None. `change` makes the way there its own."""
        if not tokens:
            return None
        if change:
            self.document = self._owned(self.document)
        node = self.document
        for token in tokens[:-1]:
            key = self._key(node, token)
            if key is None:
                return None
            if change:
                node[key] = self._owned(node[key])
            node = node[key]
        return node if isinstance(node, dict | list) else None

    def _key(self, node: Any, token: str) -> Any:
        if isinstance(node, dict):
            return token if token in node else None
        if isinstance(node, list):
            try:
                return _index(token, len(node))
            except PatchConflictError:
                return None
        return None

    def _owned(self, node: Any) -> Any:
        if not isinstance(node, dict | list) or id(node) in self._own:
            return node
        copy: Any = node.copy()
        self._own[id(copy)] = copy
        return copy

    def _read(self, tokens: list[str] | None) -> Any:
        """The value there; _ABSENT where its object has no such member, _NOWHERE where there is no such container."""
        if tokens == []:
            return self.document
        container = self._container(tokens, change=False)
        if container is None or tokens is None:
            return _NOWHERE
        if isinstance(container, dict):
            return container.get(tokens[-1], _ABSENT)
        return container[_index(tokens[-1], len(container))]

    # The operations

    def _path(self, operation: dict[str, Any], member: str = "path") -> str:
        path = operation.get(member)
        if not isinstance(path, str):
            kind = operation["op"]
            raise PatchConflictError(f"{kind} operation failed to decode {member}: {_MISSING}")
        return path

    def _value(self, operation: dict[str, Any]) -> Any:
        return operation.get("value")

    def _add(self, operation: dict[str, Any]) -> None:
        self._insert("add", self._path(operation), self._value(operation))

    def _insert(self, kind: str, path: str, value: Any) -> None:
        tokens = _tokens(path)
        if tokens == []:
            self.document = value
            return
        container = self._container(tokens, change=True)
        if container is None or tokens is None:
            missing = f'path: "{path}"' if kind == "add" else f"destination path: {path}"
            raise PatchConflictError(f"{kind} operation does not apply: doc is missing {missing}: {_MISSING}")
        if isinstance(container, dict):
            container[tokens[-1]] = value
        elif tokens[-1] == "-":
            container.append(value)
        else:
            try:
                container.insert(_index(tokens[-1], len(container) + 1), value)
            except PatchConflictError as error:
                raise PatchConflictError(f"error in {kind} for path: '{path}': {error}") from None

    def _remove(self, operation: dict[str, Any]) -> None:
        path = self._path(operation)
        tokens = _tokens(path)
        container = self._container(tokens, change=True)
        if container is None or not tokens:
            raise PatchConflictError(
                f'remove operation does not apply: doc is missing path: "{path}": {_MISSING}'
            )
        self._take("remove", path, container, tokens[-1])

    def _take(self, kind: str, path: str, container: Any, token: str) -> Any:
        if isinstance(container, dict):
            if token not in container:
                raise PatchConflictError(
                    f"error in {kind} for path: '{path}': Unable to remove nonexistent key: {token}: {_MISSING}"
                )
            return container.pop(token)
        try:
            return container.pop(_index(token, len(container)))
        except PatchConflictError as error:
            raise PatchConflictError(f"error in {kind} for path: '{path}': {error}") from None

    def _replace(self, operation: dict[str, Any]) -> None:
        path = self._path(operation)
        tokens = _tokens(path)
        if tokens == []:
            self.document = self._value(operation)
            return
        container = self._container(tokens, change=True)
        if container is None or tokens is None:
            raise PatchConflictError(
                f"replace operation does not apply: doc is missing path: {path}: {_MISSING}"
            )
        key = self._key(container, tokens[-1])
        if key is None:
            raise PatchConflictError(
                f"replace operation does not apply: doc is missing key: {path}: {_MISSING}"
            )
        container[key] = self._value(operation)

    def _move(self, operation: dict[str, Any]) -> None:
        source, path = self._path(operation, "from"), self._path(operation)
        tokens = _tokens(source)
        container = self._container(tokens, change=True)
        if container is None or not tokens:
            raise PatchConflictError(
                f"move operation does not apply: doc is missing from path: {source}: {_MISSING}"
            )
        self._insert("move", path, self._take("move", source, container, tokens[-1]))

    def _copy(self, operation: dict[str, Any]) -> None:
        source, path = self._path(operation, "from"), self._path(operation)
        try:
            value = self._read(_tokens(source))
        except PatchConflictError as error:
            raise PatchConflictError(f"error in copy for from: '{source}': {error}") from None
        if value is _ABSENT or value is _NOWHERE:
            raise PatchConflictError(
                f"copy operation does not apply: doc is missing from path: {source}: {_MISSING}"
            )
        self._insert("copy", path, self._duplicate(value))

    def _duplicate(self, value: Any) -> Any:
        """A copy that shares nothing, within the limit on what copies may add."""
        text = msgspec.json.encode(value)
        self._copied += len(text)
        if self._copied > MAX_COPIED_BYTES:
            raise PatchConflictError(
                "Unable to complete the copy, the accumulated size increase of copy operation is"
                f" {self._copied}, exceeding the limit {MAX_COPIED_BYTES}"
            )
        return msgspec.json.decode(text)

    def _test(self, operation: dict[str, Any]) -> None:
        path = self._path(operation)
        try:
            held = self._read(_tokens(path))
        except PatchConflictError as error:
            raise PatchConflictError(f"error in test for path: '{path}': {error}") from None
        if held is _NOWHERE:
            raise PatchConflictError(f"test operation does not apply: is missing path: {path}: {_MISSING}")
        if not equal(None if held is _ABSENT else held, self._value(operation)):
            raise PatchConflictError(f"testing value {path} failed: test failed")
