"""Columns that follow from others, brought up to date when they are read: what distinct pods need over and over.

Rows that have changed since are computed anew one by one; all of them where many have, or the nodes are others.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from kube.scheduler.cache.columns import Columns

Floats = npt.NDArray[np.float64]

_ONE_BY_ONE: Final = 16


class Follower:
    """Remembers up to where of the columns' log its owner has read."""

    __slots__ = ("_position", "_structure")

    def __init__(self) -> None:
        self._position = -1
        self._structure = -1

    def stale(self, columns: Columns) -> list[int] | None:
        """The rows to compute anew, now taken as read; None: all."""
        position = columns.position
        if self._structure != columns.structure:
            rows = None
        elif position == self._position:
            return _NO_ROWS
        else:
            rows = columns.changed_since(self._position)
        self._position = position
        self._structure = columns.structure
        return None if rows is None or len(rows) > _ONE_BY_ONE else rows


_NO_ROWS: Final[list[int]] = []


class Usage:
    """For each of some resources the allocatable amount and what is used of it, as floats.

    ``whole`` has 1 where a node has nothing; ``lacking`` says whether some node has nothing. Exact below 2^53.
    """

    __slots__ = ("_follower", "lacking", "used", "whole")

    def __init__(self) -> None:
        self._follower = Follower()
        self.whole: list[Floats] = []
        self.used: list[Floats] = []
        self.lacking = False

    def refresh(
        self,
        columns: Columns,
        sources: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]],
    ) -> list[int] | None:
        """``sources``: allocatable and used of each resource. Returns the rows that were computed; None: all."""
        rows = self._follower.stale(columns)
        if rows is None or len(self.whole) != len(sources):
            size = columns.size
            valid = columns.valid[:size]
            self.whole = [np.maximum(allocatable[:size], 1).astype(np.float64) for allocatable, _ in sources]
            self.used = [used[:size].astype(np.float64) for _, used in sources]
            self.lacking = any(bool((valid & (whole[:size] == 0)).any()) for whole, _ in sources)
            return None
        for row in rows:
            for i, (allocatable, used) in enumerate(sources):
                amount = allocatable.item(row)
                self.whole[i][row] = amount or 1
                self.used[i][row] = used.item(row)
                self.lacking = self.lacking or not amount
        return rows
