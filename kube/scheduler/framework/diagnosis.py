"""Why no node fits a pod, for people: the message of a FitError.

Source of the semantics: pkg/scheduler/framework/types.go (Diagnosis, FitError).
"""

import numpy as np
from msgspec import Struct, field

from kube.scheduler.cache.columns import Ints
from kube.scheduler.framework.status import Status


class Rejection(Struct, frozen=True):
    """The rows that one plugin rejected with one status."""

    status: Status
    rows: Ints


class Diagnosis(Struct):
    rejections: list[Rejection] = field(default_factory=list)
    absent: Status = field(default_factory=Status)
    """Of the nodes that a PreFilter left out."""
    unschedulable_plugins: frozenset[str] = frozenset()
    pre_filter_message: str = ""
    post_filter_message: str = ""

    def status_of(self, row: int) -> Status:
        for rejection in self.rejections:
            if np.any(rejection.rows == row):
                return rejection.status
        return self.absent


class FitError(Exception):
    """No node fits. The text is upstream's: how many nodes, and the reasons with their counts, sorted as text."""

    def __init__(self, num_all_nodes: int, diagnosis: Diagnosis) -> None:
        super().__init__(num_all_nodes, diagnosis)
        self.num_all_nodes = num_all_nodes
        self.diagnosis = diagnosis

    def __str__(self) -> str:
        diagnosis = self.diagnosis
        text = f"0/{self.num_all_nodes} nodes are available:"
        if diagnosis.pre_filter_message:
            text += f" {diagnosis.pre_filter_message}."
        elif reasons := self._reasons():
            text += f" {', '.join(reasons)}."
        if diagnosis.post_filter_message:
            text += f" {diagnosis.post_filter_message}"
        return text

    def _reasons(self) -> list[str]:
        counts: dict[str, int] = {}
        known = 0
        for rejection in self.diagnosis.rejections:
            known += len(rejection.rows)
            for reason in rejection.status.reasons:
                counts[reason] = counts.get(reason, 0) + len(rejection.rows)
        if known < self.num_all_nodes:
            for reason in self.diagnosis.absent.reasons:
                counts[reason] = counts.get(reason, 0) + self.num_all_nodes - known
        return sorted(f"{count} {reason}" for reason, count in counts.items())


NO_NODES = "no nodes available to schedule pods"
