"""How long a job waits before it replaces a failed pod: 10 s, 20 s, 40 s, … up to 10 minutes. Pure.

Semantics: pkg/controller/job/backoff_utils.go.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from kube.api.helpers.pods import POD_READY, get_condition
from kube.api.types.core_v1 import Pod
from kube.apimachinery.time import to_seconds
from kube.base.backoff import Backoff
from kube.controllers.job.indexes import failure_count, ignored_count

BACKOFF: Final = Backoff(initial=10.0, cap=600.0)


def finished_at(pod: Pod) -> float:
    """Seconds since the epoch: when its last container ended, or it stopped being ready, or was deleted, or was made."""
    ends = _container_ends(pod)
    if ends:
        return max(ends)
    ready = get_condition(pod.status, POD_READY)
    if ready is not None and ready.status == "False" and ready.last_transition_time is not None:
        return to_seconds(ready.last_transition_time)
    metadata = pod.metadata
    if metadata.deletion_timestamp is not None:
        return to_seconds(metadata.deletion_timestamp) - (metadata.deletion_grace_period_seconds or 0)
    return 0.0 if metadata.creation_timestamp is None else to_seconds(metadata.creation_timestamp)


def _container_ends(pod: Pod) -> list[float]:
    """Nothing unless all containers have ended."""
    ends = []
    for status in pod.status.container_statuses:
        terminated = status.state.terminated
        if terminated is None or terminated.finished_at is None:
            return []
        ends.append(to_seconds(terminated.finished_at))
    return ends


def remaining(failures: int, last: float, now: float) -> float:
    """Seconds to wait after the last of so many failures in a row."""
    return max(0.0, last + BACKOFF.delay(failures - 1) - now) if failures else 0.0


def remaining_of_index(pod: Pod | None, now: float) -> float:
    """Seconds before an index whose last failed pod this is gets another."""
    if pod is None:
        return 0.0
    return remaining(failure_count(pod) + ignored_count(pod) + 1, finished_at(pod), now)


class BackoffRecord(Struct, frozen=True):
    """Failures since the last success, and when the last of them was."""

    failures: int = 0
    last: float = 0.0

    def after(self, succeeded: Sequence[Pod], failed: Sequence[Pod]) -> "BackoffRecord":
        """The record when these have ended too."""
        ends = sorted(map(finished_at, failed))
        if not succeeded:
            return BackoffRecord(self.failures + len(ends), ends[-1]) if ends else self
        last_success = max(map(finished_at, succeeded))
        later = [end for end in ends if end > last_success]
        return BackoffRecord(len(later), later[-1]) if later else BackoffRecord()

    def remaining(self, now: float) -> float:
        return remaining(self.failures, self.last, now)
