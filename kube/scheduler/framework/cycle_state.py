"""What the plugins of one scheduling cycle leave for their later extension points."""

from typing import Any


class CycleState:
    """Keys are the plugins' own; ``skip_filter`` and ``skip_score`` name plugins whose Pre-step said Skip."""

    __slots__ = ("data", "skip_filter", "skip_score")

    def __init__(self) -> None:
        self.data: dict[str, Any] = {}
        self.skip_filter: frozenset[str] = frozenset()
        self.skip_score: frozenset[str] = frozenset()

    def read(self, key: str) -> Any:
        """Raises KeyError for what no plugin wrote."""
        return self.data[key]

    def write(self, key: str, value: Any) -> None:
        self.data[key] = value
