"""The taints of nodes, dictionary-coded: nodes have few distinct sets of them."""

import numpy as np
import numpy.typing as npt

from kube.api.types.core_v1 import Taint


class TaintSets:
    """``column`` holds each row's index into ``sets``; index 0 is no taints."""

    __slots__ = ("_codes", "_users", "column", "sets")

    def __init__(self, capacity: int) -> None:
        self.column: npt.NDArray[np.int64] = np.zeros(capacity, np.int64)
        self.sets: list[tuple[Taint, ...]] = [()]
        self._codes: dict[tuple[tuple[str, str, str], ...], int] = {(): 0}
        self._users = 0

    @property
    def none(self) -> bool:
        """Whether no node has taints."""
        return self._users == 0

    def put(self, row: int, taints: tuple[Taint, ...]) -> None:
        key = tuple((taint.key, taint.value, taint.effect) for taint in taints)
        code = self._codes.get(key)
        if code is None:
            code = self._codes[key] = len(self.sets)
            self.sets.append(taints)
        self._users += (code != 0) - (self.column.item(row) != 0)
        self.column[row] = code
