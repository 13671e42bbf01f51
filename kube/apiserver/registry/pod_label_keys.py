"""matchLabelKeys and mismatchLabelKeys of a new pod, written into the selectors that they belong to.

Source of the semantics: pkg/registry/core/pod/strategy.go; KEP-3633 (pod affinity), KEP-3243 (topology spread).
"""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from msgspec.structs import replace

from kube.api.types.core_v1 import Pod, PodAffinity, PodAffinityTerm, PodAntiAffinity, PodSpec
from kube.apimachinery.meta.v1 import LabelSelector, LabelSelectorRequirement

AffinityT = TypeVar("AffinityT", PodAffinity, PodAntiAffinity)


def with_label_keys_merged(pod: Pod) -> PodSpec:
    """The spec of a pod, its selectors narrowed to the values that the pod's own labels have."""
    spec = pod.spec
    if spec.affinity is None and not spec.topology_spread_constraints:
        return spec
    labels = pod.metadata.labels
    affinity = spec.affinity
    if affinity is not None:
        affinity = replace(
            affinity,
            pod_affinity=_affinity(affinity.pod_affinity, labels),
            pod_anti_affinity=_affinity(affinity.pod_anti_affinity, labels),
        )
    constraints = tuple(
        replace(each, label_selector=_merged(each.label_selector, each.match_label_keys, (), labels))
        for each in spec.topology_spread_constraints
    )
    return replace(spec, affinity=affinity, topology_spread_constraints=constraints)


def _affinity(affinity: AffinityT | None, labels: Mapping[str, str]) -> AffinityT | None:
    if affinity is None:
        return None
    return replace(
        affinity,
        required_during_scheduling_ignored_during_execution=tuple(
            _term(term, labels) for term in affinity.required_during_scheduling_ignored_during_execution
        ),
        preferred_during_scheduling_ignored_during_execution=tuple(
            replace(each, pod_affinity_term=_term(each.pod_affinity_term, labels))
            for each in affinity.preferred_during_scheduling_ignored_during_execution
        ),
    )


def _term(term: PodAffinityTerm, labels: Mapping[str, str]) -> PodAffinityTerm:
    selector = _merged(term.label_selector, term.match_label_keys, term.mismatch_label_keys, labels)
    return term if selector is term.label_selector else replace(term, label_selector=selector)


def _merged(
    selector: LabelSelector | None, match: Iterable[str], mismatch: Iterable[str], labels: Mapping[str, str]
) -> LabelSelector | None:
    """A selector that is absent selects nothing, and stays so."""
    if selector is None:
        return None
    more = [
        LabelSelectorRequirement(key=key, operator=operator, values=(labels[key],))
        for keys, operator in ((match, "In"), (mismatch, "NotIn"))
        for key in keys
        if key in labels
    ]
    if not more:
        return selector
    return replace(selector, match_expressions=(*selector.match_expressions, *more))
