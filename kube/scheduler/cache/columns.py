"""Node state as numpy columns: one row per node, one column per resource, label key, port, image.

Every event costs work for the row that it is about, whatever the number of nodes. Rows of deleted nodes are reused. Readers
that remember results learn what has changed since by ``changed_since`` and ``structure``.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kube.api.helpers.resource_names import CPU, EPHEMERAL_STORAGE, MEMORY, PODS
from kube.api.types.core_v1 import Node, Pod
from kube.apimachinery.quantity import parse_quantity
from kube.scheduler.cache.images import ImageStates
from kube.scheduler.cache.labels import LabelColumns
from kube.scheduler.cache.pod_facts import PodFacts, units
from kube.scheduler.cache.ports import PortColumns
from kube.scheduler.cache.taints import TaintSets

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
AnyArray = npt.NDArray[Any]

FIRST_RESOURCES: Final = (CPU, MEMORY, EPHEMERAL_STORAGE)
_FIRST_CAPACITY: Final = 64
_LOG_LIMIT: Final = 16384
EXACT_LIMIT: Final = 1 << 45
"""Below this an amount times 100 is exact as a float, and so is the floor of the quotient of two such."""


class Columns:
    """``size`` is the number of rows in use or free; ``count`` that of nodes.

    ``log`` names each row whose pods or allocatable have changed; ``structure`` grows when anything else has.
    """

    def __init__(self) -> None:
        capacity = _FIRST_CAPACITY
        self.capacity = capacity
        self.size = 0
        self.count = 0
        self.row_of: dict[str, int] = {}
        self.nodes: list[Node | None] = []
        self.names: list[str] = []
        self.pods: list[dict[str, Pod]] = []
        """The pods of each row, by uid."""
        self._free: list[int] = []
        self.resource_index: dict[str, int] = {name: i for i, name in enumerate(FIRST_RESOURCES)}
        self.allocatable: list[Ints] = [np.zeros(capacity, np.int64) for _ in FIRST_RESOURCES]
        self.requested: list[Ints] = [np.zeros(capacity, np.int64) for _ in FIRST_RESOURCES]
        self.non_zero_cpu: Ints = np.zeros(capacity, np.int64)
        self.non_zero_memory: Ints = np.zeros(capacity, np.int64)
        self.pod_count: Ints = np.zeros(capacity, np.int64)
        self.allowed_pods: Ints = np.zeros(capacity, np.int64)
        self.valid: Bools = np.zeros(capacity, np.bool_)
        self.unschedulable: Bools = np.zeros(capacity, np.bool_)
        self.unschedulable_count = 0
        self.taints = TaintSets(capacity)
        self.labels = LabelColumns()
        self.ports = PortColumns()
        self.images = ImageStates()
        self.exact = True
        """Whether all allocatable amounts are below EXACT_LIMIT."""
        self.structure = 0
        self.log: list[int] = []
        self._log_base = 0

    # What readers remember

    @property
    def position(self) -> int:
        return self._log_base + len(self.log)

    def changed_since(self, position: int) -> list[int] | None:
        """Rows, some perhaps repeatedly; None when that is no longer known."""
        start = position - self._log_base
        return None if start < 0 else self.log[start:]

    def _changed(self, row: int) -> None:
        self.log.append(row)
        if len(self.log) > _LOG_LIMIT:
            dropped = _LOG_LIMIT // 2
            del self.log[:dropped]
            self._log_base += dropped

    # Nodes

    def put_node(self, node: Node) -> int:
        """Add a node or take its new state; returns its row."""
        name = node.metadata.name
        row = self.row_of.get(name)
        old: Node | None = None
        if row is None:
            row = self._take_row(name)
            self.structure += 1
        else:
            old = self.nodes[row]
        self.nodes[row] = node
        if old is None or old.status.allocatable != node.status.allocatable:
            self._set_allocatable(row, node.status.allocatable)
            self._changed(row)
        if (
            old is None
            or old.spec.taints != node.spec.taints
            or old.spec.unschedulable != node.spec.unschedulable
        ):
            self._set_unschedulable(row, node.spec.unschedulable)
            self.taints.put(row, node.spec.taints)
            self.structure += 1
        if old is None or old.metadata.labels != node.metadata.labels:
            self.labels.put(row, old.metadata.labels if old is not None else {}, node.metadata.labels)
            self.structure += 1
        if old is None or old.status.images != node.status.images:
            self.images.put(row, old.status.images if old is not None else (), node.status.images)
            self.structure += 1
        return row

    def remove_node(self, name: str) -> int | None:
        """The row that is free now; its pods are the caller's to take off first."""
        row = self.row_of.pop(name, None)
        if row is None:
            return None
        node = self.nodes[row]
        assert node is not None
        self.labels.put(row, node.metadata.labels, {})
        self.images.put(row, node.status.images, ())
        self._set_unschedulable(row, False)
        self.taints.put(row, ())
        self._set_allocatable(row, {})
        self.nodes[row] = None
        self.names[row] = ""
        self.valid[row] = False
        self.count -= 1
        self._free.append(row)
        self.structure += 1
        return row

    def _take_row(self, name: str) -> int:
        if self._free:
            row = self._free.pop()
        else:
            row = self.size
            self.size += 1
            if self.size > self.capacity:
                self._grow()
            self.nodes.append(None)
            self.names.append("")
            self.pods.append({})
        self.row_of[name] = row
        self.names[row] = name
        self.valid[row] = True
        self.count += 1
        return row

    def _grow(self) -> None:
        self.capacity *= 2
        grow = self.capacity // 2

        def longer(column: Any) -> Any:
            return np.concatenate([column, np.zeros(grow, column.dtype)])

        self.allocatable = [longer(column) for column in self.allocatable]
        self.requested = [longer(column) for column in self.requested]
        self.non_zero_cpu = longer(self.non_zero_cpu)
        self.non_zero_memory = longer(self.non_zero_memory)
        self.pod_count = longer(self.pod_count)
        self.allowed_pods = longer(self.allowed_pods)
        self.valid = longer(self.valid)
        self.unschedulable = longer(self.unschedulable)
        self.taints.column = longer(self.taints.column)
        self.labels.grow(self.capacity)
        self.ports.grow(self.capacity)

    def _set_unschedulable(self, row: int, value: bool) -> None:
        self.unschedulable_count += value - self.unschedulable.item(row)
        self.unschedulable[row] = value

    def _set_allocatable(self, row: int, allocatable: Mapping[str, Any]) -> None:
        for column in self.allocatable:
            column[row] = 0
        self.allowed_pods[row] = 0
        for name, quantity in allocatable.items():
            amount = units(name, parse_quantity(quantity))
            if name == PODS:
                self.allowed_pods[row] = amount
            else:
                self.allocatable[self.resource(name)][row] = amount
            if amount >= EXACT_LIMIT:
                self.exact = False

    def resource(self, name: str) -> int:
        """The index of a resource's columns, made when they are first asked for."""
        index = self.resource_index.get(name)
        if index is None:
            index = self.resource_index[name] = len(self.allocatable)
            self.allocatable.append(np.zeros(self.capacity, np.int64))
            self.requested.append(np.zeros(self.capacity, np.int64))
        return index

    # Pods

    def add_pod(self, row: int, pod: Pod, facts: PodFacts) -> None:
        self._count(row, facts, 1)
        self.pods[row][pod.metadata.uid] = pod

    def remove_pod(self, row: int, pod: Pod, facts: PodFacts) -> None:
        self._count(row, facts, -1)
        del self.pods[row][pod.metadata.uid]

    def _count(self, row: int, facts: PodFacts, sign: int) -> None:
        requested = self.requested
        for name, amount in facts.requests.items():
            requested[self.resource(name)][row] += sign * amount
        self.non_zero_cpu[row] += sign * facts.non_zero_milli_cpu
        self.non_zero_memory[row] += sign * facts.non_zero_memory
        self.pod_count[row] += sign
        if facts.host_ports:
            self.ports.count(row, facts.host_ports, sign, self.capacity)
        self._changed(row)


class View:
    """The rows that a plugin is asked about: all of them (a slice, so that nothing is copied) or a few."""

    __slots__ = ("columns", "rows", "size")

    def __init__(self, columns: Columns, rows: slice | Ints) -> None:
        self.columns = columns
        self.rows = rows
        self.size = columns.size if isinstance(rows, slice) else len(rows)

    @classmethod
    def everything(cls, columns: Columns) -> "View":
        return cls(columns, slice(0, columns.size))

    def row_numbers(self) -> list[int]:
        if isinstance(self.rows, slice):
            return list(range(self.size))
        rows: list[int] = self.rows.tolist()
        return rows
