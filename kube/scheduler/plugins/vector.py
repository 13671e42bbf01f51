"""What the in-tree plugins in vector form share."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from kube.scheduler.cache.columns import AnyArray, Bools, Columns, Ints, View
from kube.scheduler.cache.pod_facts import PodInfo
from kube.scheduler.framework.cycle_state import CycleState
from kube.scheduler.framework.status import Status


class VectorFilter(ABC):
    """A filter that rejects with one status."""

    name: ClassVar[str]
    reads_pods: ClassVar[bool] = False
    rejection: ClassVar[Status]

    @abstractmethod
    def filter_all(self, state: CycleState, pod: PodInfo, view: View) -> Bools | None: ...

    def codes_of(self, state: CycleState, pod: PodInfo, view: View) -> AnyArray:  # noqa: ARG002  # the protocol's
        return np.ones(view.size, np.int64)

    def filter_row(self, state: CycleState, pod: PodInfo, columns: Columns, row: int) -> int:
        rejected = self.filter_all(state, pod, View(columns, np.array([row])))
        return 0 if rejected is None else int(rejected[0])

    def status_of(self, state: CycleState, pod: PodInfo, code: int) -> Status:  # noqa: ARG002  # the protocol's
        return self.rejection


class VectorScore(ABC):
    """A score that does not depend on the pods of a row."""

    name: ClassVar[str]
    reads_pods: ClassVar[bool] = False

    @abstractmethod
    def score_all(self, state: CycleState, pod: PodInfo, view: View) -> Ints | None: ...

    def score_row(self, state: CycleState, pod: PodInfo, columns: Columns, row: int) -> int:
        scores = self.score_all(state, pod, View(columns, np.array([row])))
        return 0 if scores is None else int(scores[0])
