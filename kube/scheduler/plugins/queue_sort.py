"""PrioritySort: the higher priority first, then the longer wait."""

from kube.api.types.core_v1 import Pod


class PrioritySort:
    name = "PrioritySort"

    def sort_key(self, pod: Pod, timestamp: float) -> tuple[int, float]:
        return (-(pod.spec.priority or 0), timestamp)
