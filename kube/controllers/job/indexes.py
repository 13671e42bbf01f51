"""Completion indexes: sets of them as ordered intervals, and what marks a pod with one. Pure.

Semantics: pkg/controller/job/indexed_job_utils.go; KEP-2214.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec.structs import replace

from kube.api.types.batch_v1 import Job
from kube.api.types.core_v1 import (
    Container,
    EnvVar,
    EnvVarSource,
    ObjectFieldSelector,
    Pod,
    PodTemplateSpec,
)

COMPLETION_INDEX: Final = "batch.kubernetes.io/job-completion-index"
"""Both an annotation and a label."""

FAILURE_COUNT: Final = "batch.kubernetes.io/job-index-failure-count"
IGNORED_COUNT: Final = "batch.kubernetes.io/job-index-ignored-failure-count"
ENVIRONMENT: Final = "JOB_COMPLETION_INDEX"
PREFIX_LENGTH: Final = 58
"""Of a pod's name before the random part, so that the whole is a host name."""

Interval = tuple[int, int]
"""First and last."""


class Indexes:
    """An ordered set of indexes; its text is ``1,3-5,7``."""

    __slots__ = ("intervals",)

    def __init__(self, intervals: Iterable[Interval] = ()) -> None:
        merged: list[Interval] = []
        for first, last in sorted(intervals):
            if merged and first <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(merged[-1][1], last))
            else:
                merged.append((first, last))
        self.intervals = tuple(merged)

    @classmethod
    def parse(cls, text: str, completions: int) -> Indexes:
        """Those below ``completions``; parts that cannot be read are left out."""
        found = []
        for part in text.split(","):
            first, _, last = part.partition("-")
            if first.isdecimal() and (last or first).isdecimal() and int(first) < completions:
                found.append((int(first), min(int(last or first), completions - 1)))
        return cls(found)

    def with_indexes(self, indexes: Iterable[int]) -> Indexes:
        more = [(index, index) for index in indexes]
        return Indexes((*self.intervals, *more)) if more else self

    def union(self, other: Indexes) -> Indexes:
        return Indexes((*self.intervals, *other.intervals))

    def overlap(self, other: Indexes) -> int:
        """How many are in both."""
        return sum(
            max(0, min(last, other_last) - max(first, other_first) + 1)
            for first, last in self.intervals
            for other_first, other_last in other.intervals
        )

    def free(self, count: int, completions: int) -> list[int]:
        """The first ``count`` indexes below ``completions`` that are not in the set."""
        found: list[int] = []
        candidate = 0
        for first, last in (*self.intervals, (completions, completions)):
            end = min(first, completions)
            found.extend(range(candidate, min(end, candidate + count - len(found))))
            candidate = max(candidate, last + 1)
        return found

    def __contains__(self, index: int) -> bool:
        return any(first <= index <= last for first, last in self.intervals)

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.intervals)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Indexes) and self.intervals == other.intervals

    def __hash__(self) -> int:
        return hash(self.intervals)

    def __str__(self) -> str:
        return ",".join(
            f"{first}" if first == last else f"{first},{last}" if last == first + 1 else f"{first}-{last}"
            for first, last in self.intervals
        )


def is_indexed(job: Job) -> bool:
    return job.spec.completion_mode == "Indexed"


def index_of(pod: Pod) -> int | None:
    text = pod.metadata.annotations.get(COMPLETION_INDEX, "")
    return int(text) if text.isdecimal() else None


def valid_index(job: Job, pod: Pod) -> int | None:
    """The pod's index if it is one of the job's."""
    index = index_of(pod)
    return index if index is not None and index < (job.spec.completions or 0) else None


def indexes_of(pods: Iterable[Pod]) -> list[int]:
    return [index for pod in pods if (index := index_of(pod)) is not None]


def _count(annotations: Mapping[str, str], name: str) -> int:
    text = annotations.get(name, "")
    return int(text) if text.isdecimal() and int(text) < 2**31 else 0


def failure_count(pod: Pod) -> int:
    """Failures of the pod's index before this pod, those that counted."""
    return _count(pod.metadata.annotations, FAILURE_COUNT)


def ignored_count(pod: Pod) -> int:
    return _count(pod.metadata.annotations, IGNORED_COUNT)


def pod_prefix_with_index(job_name: str, index: int) -> str:
    tail = f"-{index}-"
    return job_name[: PREFIX_LENGTH - len(tail)] + tail


def indexed_template(job: Job, index: int) -> PodTemplateSpec:
    """The job's template for one index: it is told by annotation, label, environment and host name."""
    template = job.spec.template
    metadata, spec = template.metadata, template.spec
    mark = {COMPLETION_INDEX: str(index)}
    return replace(
        template,
        metadata=replace(
            metadata, labels={**metadata.labels, **mark}, annotations={**metadata.annotations, **mark}
        ),
        spec=replace(
            spec,
            hostname=f"{job.metadata.name}-{index}",
            containers=tuple(map(_with_environment, spec.containers)),
            init_containers=tuple(map(_with_environment, spec.init_containers)),
        ),
    )


def _with_environment(container: Container) -> Container:
    if any(each.name == ENVIRONMENT for each in container.env):
        return container
    source = EnvVarSource(field_ref=ObjectFieldSelector(field_path=f"metadata.labels['{COMPLETION_INDEX}']"))
    return replace(container, env=(*container.env, EnvVar(name=ENVIRONMENT, value_from=source)))
