"""The replica sets of a deployment: which is the newest, what their annotations say, which are history. Pure.

Semantics: pkg/controller/deployment/util/deployment_util.go.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from kube.api.types.apps_v1 import Deployment, ReplicaSet, ReplicaSetSpec
from kube.api.types.core_v1 import PodTemplateSpec
from kube.apimachinery.meta.accessor import owner_reference
from kube.apimachinery.meta.v1 import LabelSelector, ObjectMeta
from kube.controllers.deployment.arithmetic import (
    DESIRED_REPLICAS,
    MAX_REPLICAS,
    max_total,
    replicas_of,
)
from kube.controllers.template_hash import template_hash

HASH_LABEL: Final = "pod-template-hash"
REVISION: Final = "deployment.kubernetes.io/revision"
REVISION_HISTORY: Final = "deployment.kubernetes.io/revision-history"
HISTORY_CHARS: Final = 2000
"""What the annotation of former revisions may hold."""

UNLIMITED: Final = 2**31 - 1
"""A limit that is none."""

NOT_COPIED: Final = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        REVISION,
        REVISION_HISTORY,
        DESIRED_REPLICAS,
        MAX_REPLICAS,
        "deprecated.deployment.rollback.to",
    }
)
"""Annotations of the deployment that are no matter of its replica sets."""


def without_hash(template: PodTemplateSpec) -> PodTemplateSpec:
    labels = template.metadata.labels
    if HASH_LABEL not in labels:
        return template
    kept = {name: value for name, value in labels.items() if name != HASH_LABEL}
    return replace(template, metadata=replace(template.metadata, labels=kept))


def same_template(one: PodTemplateSpec, other: PodTemplateSpec) -> bool:
    """Whether they are equal but for the label of their hash."""
    return without_hash(one) == without_hash(other)


def by_age(sets: Iterable[ReplicaSet]) -> list[ReplicaSet]:
    """The oldest first."""
    return sorted(sets, key=lambda each: (each.metadata.creation_timestamp or "", each.metadata.name))


def find_new(deployment: Deployment, sets: Iterable[ReplicaSet]) -> ReplicaSet | None:
    """The oldest set that has the deployment's template."""
    template = without_hash(deployment.spec.template)
    for each in by_age(sets):
        if without_hash(each.spec.template) == template:
            return each
    return None


def others(sets: Iterable[ReplicaSet], new: ReplicaSet | None) -> list[ReplicaSet]:
    return [each for each in sets if new is None or each.metadata.uid != new.metadata.uid]


def active(sets: Iterable[ReplicaSet]) -> list[ReplicaSet]:
    """Those that should have replicas."""
    return [each for each in sets if replicas_of(each) > 0]


def revision_of(obj: ReplicaSet | Deployment) -> int:
    """0 where there is none, or none that is a number."""
    text = obj.metadata.annotations.get(REVISION, "")
    return int(text) if text.isdecimal() else 0


def next_revision(old: Iterable[ReplicaSet]) -> int:
    return max(map(revision_of, old), default=0) + 1


def size_annotations(deployment: Deployment) -> dict[str, str]:
    return {
        DESIRED_REPLICAS: str(replicas_of(deployment)),
        MAX_REPLICAS: str(max_total(deployment)),
    }


def sized(replica_set: ReplicaSet, size: int, deployment: Deployment) -> ReplicaSet:
    """The set with this many replicas and the deployment's size in its annotations; itself if nothing changes."""
    wanted = size_annotations(deployment)
    annotations = replica_set.metadata.annotations
    if replica_set.spec.replicas == size and wanted.items() <= annotations.items():
        return replica_set
    return replace(
        replica_set,
        metadata=replace(replica_set.metadata, annotations={**annotations, **wanted}),
        spec=replace(replica_set.spec, replicas=size),
    )


def annotations_of_new(
    deployment: Deployment, known: Mapping[str, str], revision: int, *, exists: bool
) -> dict[str, str]:
    """What the newest set's annotations are, given those that it has: a set that comes back gets the newest revision,
    and keeps those that it had in its history.
    """
    own = deployment.metadata.annotations
    found = {**known, **{name: value for name, value in own.items() if name not in NOT_COPIED}}
    text = known.get(REVISION, "")
    if not text or (text.isdecimal() and int(text) < revision):
        found[REVISION] = str(revision)
        if text:
            found[REVISION_HISTORY] = _history(known.get(REVISION_HISTORY, ""), text)
    if not exists:
        found |= size_annotations(deployment)
    return found


def _history(history: str, revision: str) -> str:
    if not history:
        return revision
    parts = [*history.split(","), revision]
    while len(parts) > 1 and len(",".join(parts)) > HISTORY_CHARS:
        del parts[0]
    return ",".join(parts)


def brought_up(deployment: Deployment, replica_set: ReplicaSet, revision: int) -> ReplicaSet:
    """The newest set as it should be, whatever its size; itself if it is so."""
    known = replica_set.metadata.annotations
    annotations = annotations_of_new(deployment, known, revision, exists=True)
    seconds = deployment.spec.min_ready_seconds
    if annotations == known and replica_set.spec.min_ready_seconds == seconds:
        return replica_set
    return replace(
        replica_set,
        metadata=replace(replica_set.metadata, annotations=annotations),
        spec=replace(replica_set.spec, min_ready_seconds=seconds),
    )


def new_replica_set(deployment: Deployment, revision: int, size: int) -> ReplicaSet:
    """The replica set of the deployment's template, named by its hash."""
    spec = deployment.spec
    name = template_hash(spec.template, deployment.status.collision_count)
    meta = spec.template.metadata
    template = replace(spec.template, metadata=replace(meta, labels={**meta.labels, HASH_LABEL: name}))
    selector = spec.selector or LabelSelector()
    return ReplicaSet(
        metadata=ObjectMeta(
            name=f"{deployment.metadata.name}-{name}",
            namespace=deployment.metadata.namespace,
            labels=template.metadata.labels,
            annotations=annotations_of_new(deployment, {}, revision, exists=False),
            owner_references=(owner_reference(deployment),),
        ),
        spec=ReplicaSetSpec(
            replicas=size,
            min_ready_seconds=spec.min_ready_seconds,
            selector=replace(selector, match_labels={**selector.match_labels, HASH_LABEL: name}),
            template=template,
        ),
    )


def history_to_delete(deployment: Deployment, old: Sequence[ReplicaSet]) -> list[ReplicaSet]:
    """What exceeds the history limit, the lowest revisions first; sets that still have pods, or unseen changes, stay."""
    limit = deployment.spec.revision_history_limit
    if limit is None or limit == UNLIMITED:
        return []
    kept = [each for each in old if each.metadata.deletion_timestamp is None]
    excess = len(kept) - limit
    if excess <= 0:
        return []
    kept.sort(
        key=lambda each: (revision_of(each), each.metadata.creation_timestamp or "", each.metadata.name)
    )
    return [
        each
        for each in kept[:excess]
        if each.status.replicas == 0
        and replicas_of(each) == 0
        and each.metadata.generation <= each.status.observed_generation
    ]
