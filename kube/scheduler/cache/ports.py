"""The host ports that pods have taken: for each that is in use, how many pods of each row hold it.

Source of the semantics: k8s.io/kube-scheduler/framework (HostPortInfo): 0.0.0.0 conflicts with every IP.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

from kube.scheduler.cache.pod_facts import ANY_IP, HostPort

Counts = npt.NDArray[np.int64]

_ALL: Final = "*"
"""In place of an IP: a port on whichever."""


class PortColumns:
    __slots__ = ("_columns", "_totals")

    def __init__(self) -> None:
        self._columns: dict[HostPort, Counts] = {}
        self._totals: dict[HostPort, int] = {}

    def count(self, row: int, ports: Iterable[HostPort], sign: int, capacity: int) -> None:
        for ip, protocol, number in ports:
            for key in ((ip, protocol, number), (_ALL, protocol, number)):
                column = self._columns.get(key)
                if column is None:
                    column = self._columns[key] = np.zeros(capacity, np.int64)
                    self._totals[key] = 0
                column[row] += sign
                self._totals[key] += sign
                if not self._totals[key]:
                    del self._columns[key], self._totals[key]

    def grow(self, capacity: int) -> None:
        for key, column in self._columns.items():
            self._columns[key] = np.concatenate([column, np.zeros(capacity - len(column), np.int64)])

    def conflicting(self, port: HostPort) -> list[Counts]:
        """The columns in which a row that is not zero conflicts with the port."""
        ip, protocol, number = port
        keys = ((_ALL, protocol, number),) if ip == ANY_IP else (port, (ANY_IP, protocol, number))
        return [column for key in keys if (column := self._columns.get(key)) is not None]
