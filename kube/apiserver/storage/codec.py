"""How the objects of one resource become stored bytes, and bytes objects."""

from typing import Any, Protocol

from kube.api.defaults import default
from kube.apimachinery.gofmt import quote
from kube.apimachinery.serializer import DecodeError, decode, encode


class Codec(Protocol):
    """Both ways without resourceVersion."""

    def encode(self, obj: Any) -> bytes: ...

    def decode(self, value: bytes) -> tuple[Any, bool]:
        """The object, and whether the bytes are still its form: False when reading has completed it. Raises DecodeError."""
        ...


class StructCodec:
    """Typed objects of one kind. Reading fills in defaults that the writer's version did not know yet."""

    def __init__(self, cls: type) -> None:
        own: Any = cls()
        self._cls = cls
        self._kind: str = own.kind
        self._api_version: str = own.api_version

    def encode(self, obj: Any) -> bytes:
        return encode(obj)

    def decode(self, value: bytes) -> tuple[Any, bool]:
        read: Any = decode(self._cls, value)
        if read.kind != self._kind or read.api_version != self._api_version:
            raise DecodeError(
                f"kind {quote(read.kind)} of {quote(read.api_version)} where {self._kind} of {self._api_version} belongs"
            )
        if not read.metadata.name:
            raise DecodeError("metadata.name is missing")
        obj = default(read)
        return obj, obj is read
