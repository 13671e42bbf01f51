"""How the objects of one resource become stored bytes, and bytes objects."""

from typing import Any, Protocol

from kube.api.defaults import default
from kube.apimachinery.serializer import decode, encode


class Codec(Protocol):
    """Both ways without resourceVersion."""

    def encode(self, obj: Any) -> bytes: ...

    def decode(self, value: bytes) -> tuple[Any, bool]:
        """The object, and whether the bytes are still its form: False when reading has completed it."""
        ...


class StructCodec:
    """Typed objects of one kind. Reading fills in defaults that the writer's version did not know yet."""

    def __init__(self, cls: type) -> None:
        self._cls = cls

    def encode(self, obj: Any) -> bytes:
        return encode(obj)

    def decode(self, value: bytes) -> tuple[Any, bool]:
        read: Any = decode(self._cls, value)
        obj = default(read)
        return obj, obj is read
