"""Continue tokens of paged lists: where a list goes on, and at which revision.

Form and errors are those of k8s.io/apiserver/pkg/storage/continue.go: unpadded URL-safe base64 of a JSON object with ``v``,
``rv`` and ``start``, the key relative to the resource's prefix. A revision of -1 goes on with the present state
(an inconsistent continuation).
"""

import binascii
import posixpath
from base64 import b64decode, urlsafe_b64encode
from typing import Final

import msgspec

from kube.apimachinery.errors import EXPIRED, ApiError, bad_request
from kube.apimachinery.gofmt import quote
from kube.apimachinery.meta.v1 import ListMeta, Status

VERSION: Final = "meta.k8s.io/v1"
INCONSISTENT: Final = -1

_NOT_VALID: Final = "continue key is not valid"
_TOO_OLD: Final = "The provided continue parameter is too old to display a consistent list result."
_GO_ON: Final = (
    f"{_TOO_OLD} You can start a new list without the continue parameter, or use the continue token in this response to "
    "retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects "
    "that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list."
)


class _Token(msgspec.Struct):
    v: str = ""
    rv: int = 0
    start: str = ""


_decoder = msgspec.json.Decoder(_Token)


class ContinueExpiredError(ApiError):
    """410: the revision of a continue token is compacted. ``continue_`` goes on without consistency."""

    def __init__(self, continue_: str) -> None:
        super().__init__(410, EXPIRED, _GO_ON)
        self.continue_ = continue_

    def __reduce__(self) -> tuple[type[ApiError], tuple[str]]:  # type: ignore[override]  # other arguments
        return type(self), (self.continue_,)

    def to_status(self) -> Status:
        return msgspec.structs.replace(super().to_status(), metadata=ListMeta(continue_=self.continue_))


def encode(start: bytes, prefix: bytes, revision: int) -> str:
    """The token to go on with ``start``, the first key that is due, below ``prefix``."""
    token = _Token(VERSION, revision, start[len(prefix) :].decode(errors="replace"))
    return urlsafe_b64encode(msgspec.json.encode(token)).rstrip(b"=").decode()


def decode(token: str, prefix: bytes) -> tuple[bytes, int]:
    """The key to start at, below ``prefix``, and the revision. Raises ApiError (400)."""
    try:
        raw = token.encode("ascii")
        if b"=" in raw:
            raise ValueError("padding")
        data = b64decode(raw + b"=" * (-len(raw) % 4), b"-_", validate=True)
        found = _decoder.decode(data)
    except (UnicodeEncodeError, binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise bad_request(f"{_NOT_VALID}: {error}") from None
    if found.v != VERSION:
        raise bad_request(f"{_NOT_VALID}: server does not recognize this encoded version {found.v}")
    if found.rv == 0:
        raise bad_request(f"{_NOT_VALID}: incorrect encoded start resourceVersion (version meta.k8s.io/v1)")
    if not found.start:
        raise bad_request(f"{_NOT_VALID}: encoded start key empty (version meta.k8s.io/v1)")
    key = found.start if found.start.startswith("/") else f"/{found.start}"
    if key.startswith("//") or posixpath.normpath(key) != key:  # a client must not leave the prefix
        raise bad_request(f"{_NOT_VALID}: {found.start}")
    return prefix + key[1:].encode(), found.rv


def parse_revision(text: str) -> int:
    """A resourceVersion of a query. Raises ApiError (400)."""
    if not text:
        return 0
    if text.isascii() and text.isdecimal() and len(text) <= 20 and int(text) < 2**64:
        return int(text)
    why = "value out of range" if text.isascii() and text.isdecimal() else "invalid syntax"
    raise bad_request(
        f"invalid resource version: resourceVersion: Invalid value: {quote(text)}: "
        f"strconv.ParseUint: parsing {quote(text)}: {why}"
    )
