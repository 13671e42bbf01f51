"""What the plugins of node resources share: the amounts that a score is made of, and exact division in floats.

Source of the semantics: pkg/scheduler/framework/plugins/noderesources/resource_allocation.go.
"""

from typing import Final

import numpy as np
from msgspec import Struct

from kube.api.helpers.resource_names import CPU, EPHEMERAL_STORAGE, MEMORY
from kube.scheduler.cache.columns import Columns, Ints, View
from kube.scheduler.cache.pod_facts import PodFacts


class ResourceSpec(Struct, frozen=True):
    """A resource that is scored, and its weight of 1 to 100."""

    name: str
    weight: int = 1


DEFAULT_RESOURCES: Final = (ResourceSpec(CPU), ResourceSpec(MEMORY))


def scored_request(facts: PodFacts, name: str, *, use_requested: bool) -> int:
    """What the pod adds; where only least or most used is scored, a container that requests nothing counts for something."""
    if not use_requested:
        if name == CPU:
            return facts.non_zero_milli_cpu
        if name == MEMORY:
            return facts.non_zero_memory
    return facts.requests.get(name, 0)


def is_scored(facts: PodFacts, name: str) -> bool:
    """An extended resource counts only for pods that request it."""
    return name in (CPU, MEMORY, EPHEMERAL_STORAGE) or facts.requests.get(name, 0) > 0


def requested_column(columns: Columns, name: str, *, use_requested: bool) -> Ints:
    if not use_requested:
        if name == CPU:
            return columns.non_zero_cpu
        if name == MEMORY:
            return columns.non_zero_memory
    return columns.requested[columns.resource(name)]


def amounts(
    facts: PodFacts, view: View, resources: tuple[ResourceSpec, ...], *, use_requested: bool
) -> list[tuple[int, Ints, Ints, int]]:
    """For each resource that counts: weight, allocatable, requested before the pod, what the pod adds."""
    columns, rows = view.columns, view.rows
    return [
        (
            spec.weight,
            columns.allocatable[columns.resource(spec.name)][rows],
            requested_column(columns, spec.name, use_requested=use_requested)[rows],
            scored_request(facts, spec.name, use_requested=use_requested),
        )
        for spec in resources
        if is_scored(facts, spec.name)
    ]


def row_amounts(
    facts: PodFacts, columns: Columns, row: int, resources: tuple[ResourceSpec, ...], *, use_requested: bool
) -> list[tuple[int, int, int, int]]:
    """As ``amounts`` for one row, without the resources of which it has none."""
    found = []
    for spec in resources:
        name = spec.name
        if is_scored(facts, name):
            allocatable = columns.allocatable[columns.resource(name)].item(row)
            if allocatable:
                requested = requested_column(columns, name, use_requested=use_requested).item(row)
                added = scored_request(facts, name, use_requested=use_requested)
                found.append((spec.weight, allocatable, requested, added))
    return found


def quotient(numerator: Ints, denominator: Ints, *, exact: bool) -> Ints:
    """The floor of numerator / denominator, neither negative, the denominator not zero.

    ``exact``: the denominators are below EXACT_LIMIT and the numerators at most 100 times that, so that a division of
    floats, which is four times as fast, cannot round up to the next integer.
    """
    if exact:
        return (numerator / denominator).astype(np.int64)
    result: Ints = numerator // denominator
    return result
