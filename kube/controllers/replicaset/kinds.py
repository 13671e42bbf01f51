"""What differs between a replica set and a replication controller. Pure."""

from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct

from kube.api.types.apps_v1 import ReplicaSet, ReplicaSetCondition
from kube.api.types.core_v1 import ReplicationController, ReplicationControllerCondition
from kube.apimachinery.labels import Selector, from_label_selector, from_set


class Kind(Struct, frozen=True):
    """``counts_terminating`` says that the status has a number of terminating pods."""

    name: str
    type: type[Any]
    kind: str
    group: str
    selector: Callable[[Any], Selector]
    condition: Callable[..., Any]
    counts_terminating: bool


REPLICA_SET: Final = Kind(
    name="replicaset",
    type=ReplicaSet,
    kind="ReplicaSet",
    group="apps",
    selector=lambda owner: from_label_selector(owner.spec.selector),
    condition=ReplicaSetCondition,
    counts_terminating=True,
)

REPLICATION_CONTROLLER: Final = Kind(
    name="replicationcontroller",
    type=ReplicationController,
    kind="ReplicationController",
    group="",
    selector=lambda owner: from_set(owner.spec.selector),
    condition=ReplicationControllerCondition,
    counts_terminating=False,
)
