import pytest
from msgspec.structs import replace
from objects import meta, selector, template

from kube.api.types.apps_v1 import ReplicaSet, ReplicaSetSpec
from kube.api.types.core_v1 import (
    Pod,
    PodCondition,
    PodStatus,
    ReplicationController,
    ReplicationControllerSpec,
)
from kube.apimachinery.time import from_seconds
from kube.controllers.replicaset.kinds import REPLICA_SET, REPLICATION_CONTROLLER
from kube.controllers.replicaset.status import new_status

NOW = 1_700_000_000.0


def replica_set(replicas=3, min_ready=0):
    return ReplicaSet(
        metadata=meta(generation=4),
        spec=ReplicaSetSpec(
            replicas=replicas,
            min_ready_seconds=min_ready,
            selector=selector(),
            template=template(app="web", tier="a"),
        ),
    )


def pod(ready=None, **labels):
    conditions = ()
    if ready is not None:
        conditions = (PodCondition(type="Ready", status="True", last_transition_time=from_seconds(ready)),)
    return Pod(metadata=meta("p", labels=labels or {"app": "web"}), status=PodStatus(conditions=conditions))


def test_counts():
    pods = [pod(), pod(NOW - 5), pod(NOW - 5, app="web", tier="a", more="x")]
    status, wait = new_status(REPLICA_SET, replica_set(), pods, 2, error=None, now=NOW)
    assert (status.replicas, status.fully_labeled_replicas, status.ready_replicas) == (3, 1, 2)
    assert (status.available_replicas, status.terminating_replicas, status.observed_generation) == (2, 2, 4)
    assert wait is None


def test_the_next_pod_that_becomes_available_is_waited_for():
    pods = [pod(NOW - 40), pod(NOW - 25), pod(NOW - 5)]
    status, wait = new_status(REPLICA_SET, replica_set(min_ready=30), pods, 0, error=None, now=NOW)
    assert (status.ready_replicas, status.available_replicas, wait) == (3, 1, 5)


@pytest.mark.parametrize(
    ("active", "reason"),
    [pytest.param(1, "FailedCreate", id="create"), pytest.param(5, "FailedDelete", id="delete")],
)
def test_a_failure_is_told_until_it_is_over(active, reason):
    owner = replica_set()
    pods = [pod()] * active
    status, _ = new_status(REPLICA_SET, owner, pods, 0, error=ValueError("quota"), now=NOW)
    (condition,) = status.conditions
    assert (condition.type, condition.status, condition.reason, condition.message) == (
        "ReplicaFailure",
        "True",
        reason,
        "quota",
    )
    again = replace(owner, status=status)
    kept, _ = new_status(REPLICA_SET, again, pods, 0, error=ValueError("other"), now=NOW + 9)
    assert kept.conditions == status.conditions
    assert new_status(REPLICA_SET, again, pods, 0, error=None, now=NOW)[0].conditions == ()


def test_a_replication_controller_has_no_count_of_terminating_pods():
    owner = ReplicationController(
        metadata=meta(generation=1), spec=ReplicationControllerSpec(replicas=1, selector={"app": "web"})
    )
    status, _ = new_status(REPLICATION_CONTROLLER, owner, [pod()], 3, error=None, now=NOW)
    assert (status.replicas, status.fully_labeled_replicas) == (1, 1)
