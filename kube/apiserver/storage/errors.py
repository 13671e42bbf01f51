"""Errors of storage; the registry turns them into what clients are told.

Source of codes and words: k8s.io/apiserver/pkg/storage/errors.go.
"""

from typing import ClassVar


class StorageError(Exception):
    """``key`` is the store's key."""

    code: ClassVar[int]
    text: ClassVar[str]

    def __init__(self, key: bytes, detail: str = "") -> None:
        super().__init__(
            f"StorageError: {self.text}, Code: {self.code}, Key: {key.decode()}, "
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
