"""What a plugin says of a pod, or of a pod on a node.

Source of the semantics: k8s.io/kube-scheduler/framework (Code, Status).
"""

from enum import IntEnum
from typing import Final

from msgspec import Struct, field

MAX_NODE_SCORE: Final = 100
MIN_NODE_SCORE: Final = 0


class Code(IntEnum):
    SUCCESS = 0
    ERROR = 1
    """The plugin failed; the pod is tried again after a back-off."""
    UNSCHEDULABLE = 2
    """Not now; removing pods could help."""
    UNSCHEDULABLE_AND_UNRESOLVABLE = 3
    """Not now; removing pods cannot help."""
    WAIT = 4
    """Permit: the pod waits for the plugin's word."""
    SKIP = 5
    """PreFilter, PreScore: the coupled Filter or Score is not asked. Bind: another plugin is to bind."""
    PENDING = 6
    """Not now; the plugin knows of an event to come, and the pod skips the back-off when it does."""


REJECTIONS: Final = frozenset({Code.UNSCHEDULABLE, Code.UNSCHEDULABLE_AND_UNRESOLVABLE, Code.PENDING})


class Status(Struct, frozen=True):
    """``reasons`` are upstream's words; ``plugin`` is who said so, filled in by the framework."""

    code: Code = Code.SUCCESS
    reasons: tuple[str, ...] = field(default=())
    plugin: str = ""

    @property
    def is_success(self) -> bool:
        return self.code is Code.SUCCESS

    @property
    def is_skip(self) -> bool:
        return self.code is Code.SKIP

    @property
    def is_rejected(self) -> bool:
        return self.code in REJECTIONS

    @property
    def message(self) -> str:
        return ", ".join(self.reasons)

    def said_by(self, plugin: str) -> "Status":
        return self if self.plugin else Status(self.code, self.reasons, plugin)


SUCCESS: Final = Status()
SKIP: Final = Status(Code.SKIP)


def unschedulable(*reasons: str) -> Status:
    return Status(Code.UNSCHEDULABLE, reasons)


def unresolvable(*reasons: str) -> Status:
    return Status(Code.UNSCHEDULABLE_AND_UNRESOLVABLE, reasons)
