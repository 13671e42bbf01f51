"""Watch events as components see them, decoded.

Source: k8s.io/apimachinery/pkg/watch. On the wire an event is `meta.v1.WatchEvent`.
"""

from __future__ import annotations

from typing import Any, Final, Generic, TypeVar

import msgspec

from kube.base.cause import Cause

ADDED: Final = "ADDED"
MODIFIED: Final = "MODIFIED"
DELETED: Final = "DELETED"
BOOKMARK: Final = "BOOKMARK"
ERROR: Final = "ERROR"

EVENT_TYPES: Final = (ADDED, MODIFIED, DELETED, BOOKMARK, ERROR)

T = TypeVar("T")


class WatchEvent(msgspec.Struct, Generic[T], frozen=True):
    """One change of one object.

    `object` is the new state (ADDED, MODIFIED), the last state under the version of its deletion (DELETED), an object
    that is empty but for its resourceVersion (BOOKMARK), or a `meta.v1.Status` after which the stream ends (ERROR).
    `cause` is what led to the change, where that is known in this process; it never reaches the wire.
    """

    type: str
    object: T
    cause: Cause | None = None


AnyWatchEvent = WatchEvent[Any]
