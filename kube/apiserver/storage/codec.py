"""How the objects of one resource become stored bytes, and bytes objects."""

from typing import Any, Protocol

from kube.api.defaults import default
from kube.apimachinery.serializer import decode, encode


class Codec(Protocol):
    """Both ways without resourceVersion. ``decode`` yields what ``encode`` was given."""

    def encode(self, obj: Any) -> bytes: ...

    def decode(self, value: bytes) -> Any: ...


class StructCodec:
    """Typed objects of one kind. Reading fills in defaults that the writer's version did not know yet."""

    def __init__(self, cls: type) -> None:
        self._cls = cls

    def encode(self, obj: Any) -> bytes:
        return encode(obj)

    def decode(self, value: bytes) -> Any:
        return default(decode(self._cls, value))
