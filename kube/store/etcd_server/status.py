"""How a call fails: gRPC's status codes, in etcd's words."""

from typing import Final

from kube.store.errors import Code, StoreError

DEADLINE_EXCEEDED: Final = "context deadline exceeded"


class RpcError(Exception):
    """A call's answer that is not a response, for what no StoreError says."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def status_of(error: StoreError | RpcError) -> tuple[Code, str]:
    """The code, and the text by which etcd's clients know the error."""
    return error.code, error.message


def percent_encoded(message: str) -> bytes:
    """As gRPC puts messages into trailers: bytes that are not printable ASCII, and percent signs, in hexadecimal."""
    return b"".join(
        bytes((byte,)) if 0x20 <= byte <= 0x7E and byte != 0x25 else b"%%%02X" % byte
        for byte in message.encode()
    )
