import pytest
from msgspec.structs import replace
from objects import meta, selector, template

from kube.api.types.apps_v1 import (
    Deployment,
    DeploymentSpec,
    DeploymentStatus,
    ReplicaSet,
    ReplicaSetCondition,
    ReplicaSetSpec,
    ReplicaSetStatus,
)
from kube.apimachinery.meta.accessor import find_condition
from kube.controllers.deployment.progress import (
    PROGRESSING,
    new_condition,
    paused_conditions,
    rollout_status,
    seconds_until_stuck,
)

NOW = 1_700_000_000.0


def deployment(replicas=3, deadline=600, conditions=(), **status):
    return Deployment(
        metadata=meta(generation=2),
        spec=DeploymentSpec(
            replicas=replicas, selector=selector(), template=template(), progress_deadline_seconds=deadline
        ),
        status=DeploymentStatus(conditions=conditions, **status),
    )


def progressing(reason, status="True", at=NOW - 10):
    return new_condition(PROGRESSING, status, reason, "", at)


def replica_set(name="web-1", replicas=3, there=3, available=3, **status):
    return ReplicaSet(
        metadata=meta(name),
        spec=ReplicaSetSpec(replicas=replicas),
        status=ReplicaSetStatus(
            replicas=there,
            ready_replicas=available,
            available_replicas=available,
            terminating_replicas=0,
            **status,
        ),
    )


def outcome(before, sets, new):
    status = rollout_status(before, sets, new, NOW)
    return status, {each.type: (each.status, each.reason, each.message) for each in status.conditions}


def test_complete():
    new = replica_set()
    status, conditions = outcome(deployment(conditions=(progressing("ReplicaSetUpdated"),)), [new], new)
    assert conditions == {
        "Available": ("True", "MinimumReplicasAvailable", "Deployment has minimum availability."),
        "Progressing": ("True", "NewReplicaSetAvailable", 'ReplicaSet "web-1" has successfully progressed.'),
    }
    counts = (status.replicas, status.updated_replicas, status.ready_replicas, status.available_replicas)
    assert counts == (3, 3, 3, 3)
    assert (status.unavailable_replicas, status.terminating_replicas, status.observed_generation) == (0, 0, 2)


def test_progress_renews_the_condition_and_keeps_its_transition():
    new = replica_set(there=2, available=1)
    before = deployment(conditions=(progressing("ReplicaSetUpdated", at=NOW - 100),), replicas=3)
    status, conditions = outcome(before, [new], new)
    assert conditions["Progressing"] == ("True", "ReplicaSetUpdated", 'ReplicaSet "web-1" is progressing.')
    condition = find_condition(status.conditions, PROGRESSING)
    assert condition.last_update_time != condition.last_transition_time
    assert conditions["Available"][:2] == ("False", "MinimumReplicasUnavailable")
    assert status.unavailable_replicas == 2


def test_no_progress_within_the_deadline():
    new = replica_set(there=3, available=0)
    late = progressing("ReplicaSetUpdated", at=NOW - 601)
    before = deployment(conditions=(late,), updated_replicas=3)
    _, conditions = outcome(replace(before, status=replace(before.status, replicas=3)), [new], new)
    message = 'ReplicaSet "web-1" has timed out progressing.'
    assert conditions["Progressing"] == ("False", "ProgressDeadlineExceeded", message)


def test_without_a_new_set_the_deployment_is_named():
    late = progressing("ReplicaSetUpdated", at=NOW - 601)
    _, conditions = outcome(deployment(conditions=(late,)), [], None)
    assert conditions["Progressing"][2] == 'Deployment "web" has timed out progressing.'


def test_a_complete_rollout_stays_so_when_pods_fall_ill():
    new = replica_set(available=1)
    before = deployment(
        conditions=(progressing("NewReplicaSetAvailable", at=NOW - 5000),), available_replicas=3
    )
    _, conditions = outcome(before, [new], new)
    assert conditions["Progressing"][1] == "NewReplicaSetAvailable"


@pytest.mark.parametrize("deadline", [None, 2**31 - 1])
def test_without_a_deadline_there_is_no_such_condition(deadline):
    new = replica_set()
    before = deployment(deadline=deadline, conditions=(progressing("ReplicaSetUpdated"),))
    assert list(outcome(before, [new], new)[1]) == ["Available"]


def test_a_failure_of_the_new_set_is_passed_on_until_it_is_over():
    refused = ReplicaSetCondition(
        type="ReplicaFailure", status="True", reason="FailedCreate", message="quota"
    )
    new = replica_set(conditions=(refused,))
    status, conditions = outcome(deployment(), [new], new)
    assert conditions["ReplicaFailure"] == ("True", "FailedCreate", "quota")
    again = replica_set()
    assert "ReplicaFailure" not in outcome(replace(deployment(), status=status), [again], again)[1]


@pytest.mark.parametrize(
    ("paused", "before", "wanted"),
    [
        pytest.param(True, "ReplicaSetUpdated", ("Unknown", "DeploymentPaused"), id="paused"),
        pytest.param(True, "DeploymentPaused", ("True", "DeploymentPaused"), id="known"),
        pytest.param(False, "DeploymentPaused", ("Unknown", "DeploymentResumed"), id="resumed"),
        pytest.param(True, "ProgressDeadlineExceeded", ("True", "ProgressDeadlineExceeded"), id="too-late"),
    ],
)
def test_paused_conditions(paused, before, wanted):
    was = deployment(conditions=(progressing(before),))
    found = paused_conditions(replace(was, spec=replace(was.spec, paused=paused)), NOW)
    assert [(each.status, each.reason) for each in found] == [wanted]


@pytest.mark.parametrize(
    ("reason", "at", "wanted"),
    [
        pytest.param("ReplicaSetUpdated", NOW - 10, 591, id="a-second-after-the-deadline"),
        pytest.param("ReplicaSetUpdated", NOW - 700, 1, id="overdue"),
        pytest.param("ProgressDeadlineExceeded", NOW - 700, None, id="told-already"),
    ],
)
def test_when_to_look_again(reason, at, wanted):
    before = deployment(conditions=(progressing(reason, at=at),))
    assert seconds_until_stuck(before, before.status, NOW) == wanted
