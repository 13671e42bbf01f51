"""The revisions of a daemon set's template, kept as controller revisions. Pure.

Semantics: pkg/controller/daemon/update.go; what ``kubectl rollout history`` and ``undo`` read.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from kube.api.types.apps_v1 import ControllerRevision, DaemonSet
from kube.api.types.core_v1 import Pod
from kube.apimachinery import serializer
from kube.apimachinery.meta.accessor import owner_reference
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.controllers.template_hash import template_hash

HASH_LABEL: Final = "controller-revision-hash"


def template_patch(daemon_set: DaemonSet) -> bytes:
    """The strategic merge patch that brings this template back."""
    template: dict[str, Any] = msgspec.json.decode(serializer.encode(daemon_set.spec.template))
    return serializer.encode({"spec": {"template": {**template, "$patch": "replace"}}})


def is_of(revision: ControllerRevision, patch: bytes) -> bool:
    """Whether the revision holds this template."""
    data = bytes(revision.data)
    return data == patch or msgspec.json.decode(data) == msgspec.json.decode(patch)


def highest(revisions: Iterable[ControllerRevision]) -> int:
    return max((each.revision for each in revisions), default=0)


def new_revision(daemon_set: DaemonSet, patch: bytes, number: int) -> ControllerRevision:
    spec = daemon_set.spec
    name = template_hash(spec.template, daemon_set.status.collision_count)
    return ControllerRevision(
        metadata=ObjectMeta(
            name=f"{daemon_set.metadata.name}-{name}",
            namespace=daemon_set.metadata.namespace,
            labels={**spec.template.metadata.labels, HASH_LABEL: name},
            annotations=daemon_set.metadata.annotations,
            owner_references=(owner_reference(daemon_set),),
        ),
        data=msgspec.Raw(patch),
        revision=number,
    )


def renumbered(revision: ControllerRevision, number: int) -> ControllerRevision:
    """The revision with at least this number; itself if it has."""
    return revision if revision.revision >= number else replace(revision, revision=number)


def to_delete(
    daemon_set: DaemonSet, old: Sequence[ControllerRevision], pods: Iterable[Pod]
) -> list[ControllerRevision]:
    """What exceeds the history limit, the lowest numbers first; a revision that some pod still has stays."""
    limit = daemon_set.spec.revision_history_limit
    excess = len(old) - (10 if limit is None else limit)
    if excess <= 0:
        return []
    live = {pod.metadata.labels.get(HASH_LABEL) for pod in pods}
    dead = [each for each in old if each.metadata.labels.get(HASH_LABEL) not in live]
    return sorted(dead, key=lambda each: each.revision)[:excess]
