"""Per-node plugins in the vector form: a loop over the rows of the view."""

from typing import Final

import numpy as np

from kube.scheduler.cache.columns import AnyArray, Columns, Ints, View
from kube.scheduler.cache.pod_facts import PodInfo
from kube.scheduler.framework.cycle_state import CycleState
from kube.scheduler.framework.interface import FilterPlugin, NodeInfo, ScorePlugin
from kube.scheduler.framework.status import Status

_STATUSES: Final = "statuses of "


class PerNodeFilter:
    """Codes are one more than the index of the status among those of the cycle."""

    __slots__ = ("_plugin", "name")

    reads_pods: Final = True

    def __init__(self, plugin: FilterPlugin) -> None:
        self._plugin = plugin
        self.name = plugin.name

    def filter_all(self, state: CycleState, pod: PodInfo, view: View) -> AnyArray | None:
        columns = view.columns
        codes = np.zeros(view.size, np.int64)
        for index, row in enumerate(view.row_numbers()):
            if columns.nodes[row] is not None:
                codes[index] = self.filter_row(state, pod, columns, row)
        return codes

    def codes_of(self, state: CycleState, pod: PodInfo, view: View) -> AnyArray:
        codes = self.filter_all(state, pod, view)
        assert codes is not None
        return codes

    def filter_row(self, state: CycleState, pod: PodInfo, columns: Columns, row: int) -> int:
        status = self._plugin.filter(state, pod.pod, NodeInfo(columns, row))
        if status.is_success:
            return 0
        statuses: list[Status] = state.data.setdefault(_STATUSES + self.name, [])
        statuses.append(status)
        return len(statuses)

    def status_of(self, state: CycleState, pod: PodInfo, code: int) -> Status:  # noqa: ARG002  # the protocol's
        status: Status = state.data[_STATUSES + self.name][code - 1]
        return status


class PerNodeScore:
    __slots__ = ("_plugin", "name")

    reads_pods: Final = True

    def __init__(self, plugin: ScorePlugin) -> None:
        self._plugin = plugin
        self.name = plugin.name

    def score_all(self, state: CycleState, pod: PodInfo, view: View) -> Ints | None:
        columns = view.columns
        scores = np.zeros(view.size, np.int64)
        for index, row in enumerate(view.row_numbers()):
            if columns.nodes[row] is not None:
                scores[index] = self.score_row(state, pod, columns, row)
        return scores

    def score_row(self, state: CycleState, pod: PodInfo, columns: Columns, row: int) -> int:
        return self._plugin.score(state, pod.pod, NodeInfo(columns, row))
