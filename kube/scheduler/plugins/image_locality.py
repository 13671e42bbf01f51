"""ImageLocality: prefers nodes that have the pod's images already, the more so the bigger and the more widely spread they are."""

from typing import Final

import numpy as np

from kube.scheduler.cache.columns import Ints, View
from kube.scheduler.cache.pod_facts import PodInfo
from kube.scheduler.framework.cycle_state import CycleState
from kube.scheduler.framework.status import MAX_NODE_SCORE
from kube.scheduler.plugins.vector import VectorScore

_MB: Final = 1024 * 1024
MIN_THRESHOLD: Final = 23 * _MB
MAX_CONTAINER_THRESHOLD: Final = 1000 * _MB


class ImageLocality(VectorScore):
    name = "ImageLocality"

    def score_all(self, state: CycleState, pod: PodInfo, view: View) -> Ints | None:  # noqa: ARG002  # the protocol's
        columns = view.columns
        sums: Ints | None = None
        for name in pod.facts.images:
            image = columns.images.get(name)
            if image is None:
                continue
            if sums is None:
                sums = np.zeros(columns.size, np.int64)
            # The division comes first, as upstream's rounding has it.
            spread = len(image.rows) / columns.count
            sums[np.fromiter(image.rows, np.int64, len(image.rows))] += int(float(image.size) * spread)
        if sums is None:
            return None
        highest = MAX_CONTAINER_THRESHOLD * pod.facts.container_count
        clipped = np.clip(sums[view.rows], MIN_THRESHOLD, highest)
        scores: Ints = MAX_NODE_SCORE * (clipped - MIN_THRESHOLD) // (highest - MIN_THRESHOLD)
        return scores
