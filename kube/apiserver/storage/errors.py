"""Errors of storage; the registry turns them into what clients are told.

Source of codes and words: k8s.io/apiserver/pkg/storage/errors.go and etcd3/corrupt_obj_deleter.go.
"""

from collections.abc import Sequence
from typing import ClassVar, Final

MAX_CORRUPT: Final = 100
"""Values that a list names when it can't read them."""


def key_text(key: bytes) -> str:
    return key.decode(errors="backslashreplace")


class StorageError(Exception):
    """``key`` is the store's key."""

    code: ClassVar[int]
    text: ClassVar[str]

    def __init__(self, key: bytes, detail: str = "") -> None:
        super().__init__(
            f"StorageError: {self.text}, Code: {self.code}, Key: {key_text(key)}, "
            f"ResourceVersion: 0, AdditionalErrorMsg: {detail}"
        )
        self.key = key
        self.detail = detail


class KeyNotFoundError(StorageError):
    code = 1
    text = "key not found"


class KeyExistsError(StorageError):
    code = 2
    text = "key exists"


class PreconditionError(StorageError):
    """A uid or resourceVersion that the caller insisted on is not that of the object."""

    code = 4
    text = "invalid object"


class CorruptObjectError(StorageError):
    """The value of ``key`` as of ``revision`` is no object of the resource: it can only be replaced or deleted."""

    code = 7
    text = "corrupt object"

    def __init__(self, key: bytes, revision: int, why: object) -> None:
        super().__init__(key, f"object not decodable revision={revision}: {why}")
        self.revision = revision


class CorruptListError(Exception):
    """What a list would show can't all be read. ``truncated``: there may be more than ``corrupt``."""

    def __init__(self, corrupt: Sequence[CorruptObjectError], *, truncated: bool = False) -> None:
        lines = "".join(f"\t{each}\n" for each in corrupt)
        super().__init__(f"unable to transform or decode {len(corrupt)} objects: {{\n{lines}}}")
        self.corrupt = tuple(corrupt)
        self.truncated = truncated
