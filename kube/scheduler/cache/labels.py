"""The labels of nodes: one dictionary-coded column for each key that a pod has ever asked for."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int64]


class LabelColumn:
    """``codes`` holds each row's index into ``values``; 0 is absent."""

    __slots__ = ("codes", "index", "values")

    def __init__(self, capacity: int) -> None:
        self.codes: Codes = np.zeros(capacity, np.int64)
        self.values: list[str | None] = [None]
        self.index: dict[str | None, int] = {None: 0}

    def put(self, row: int, value: str | None) -> None:
        code = self.index.get(value)
        if code is None:
            code = self.index[value] = len(self.values)
            self.values.append(value)
        self.codes[row] = code


class LabelColumns:
    """Keys that nobody asks for cost one dictionary entry for each node that has them."""

    __slots__ = ("_by_key", "_capacity", "_columns")

    def __init__(self) -> None:
        self._columns: dict[str, LabelColumn] = {}
        self._by_key: dict[str, dict[int, str]] = {}
        self._capacity = 64

    def put(self, row: int, old: Mapping[str, str], new: Mapping[str, str]) -> None:
        for key in old:
            if key not in new:
                del self._by_key[key][row]
                self._set(key, row, None)
        for key, value in new.items():
            if old.get(key) != value:
                self._by_key.setdefault(key, {})[row] = value
                self._set(key, row, value)

    def _set(self, key: str, row: int, value: str | None) -> None:
        column = self._columns.get(key)
        if column is not None:
            column.put(row, value)

    def grow(self, capacity: int) -> None:
        self._capacity = capacity
        for column in self._columns.values():
            missing = capacity - len(column.codes)
            column.codes = np.concatenate([column.codes, np.zeros(missing, np.int64)])

    def column(self, key: str) -> LabelColumn:
        column = self._columns.get(key)
        if column is None:
            column = self._columns[key] = LabelColumn(self._capacity)
            for row, value in self._by_key.get(key, {}).items():
                column.put(row, value)
        return column
