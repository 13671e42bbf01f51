import pytest
from objects import meta

from kube.api.types.core_v1 import ContainerStatus, Pod, PodCondition, PodSpec, PodStatus
from kube.apimachinery.time import from_seconds
from kube.controllers.pod_ranking import age_bucket, pods_to_delete

NOW = 1_700_000_000.0


def pod(name, *, node="n1", phase="Running", ready=None, created=NOW - 10_000, cost=None, restarts=0):
    annotations = {} if cost is None else {"controller.kubernetes.io/pod-deletion-cost": str(cost)}
    conditions = ()
    if ready is not None:
        since = from_seconds(ready)
        conditions = (PodCondition(type="Ready", status="True", last_transition_time=since),)
    return Pod(
        metadata=meta(name, uid=name, annotations=annotations, creation_timestamp=from_seconds(created)),
        spec=PodSpec(node_name=node),
        status=PodStatus(
            phase=phase,
            conditions=conditions,
            container_statuses=(ContainerStatus(name="c", restart_count=restarts),),
        ),
    )


READY = NOW - 5000


@pytest.mark.parametrize(
    ("first", "other"),
    [
        pytest.param(pod("z", node=""), pod("a"), id="no-node"),
        pytest.param(pod("z", phase="Pending"), pod("a", phase="Unknown"), id="pending"),
        pytest.param(pod("z", phase="Unknown"), pod("a"), id="unknown"),
        pytest.param(pod("z"), pod("a", ready=READY), id="not-ready"),
        pytest.param(pod("z", ready=READY, cost=-5), pod("a", ready=READY), id="cheap"),
        pytest.param(pod("z", ready=NOW - 10), pod("a", ready=READY), id="ready-lately"),
        pytest.param(pod("z", ready=READY, restarts=3), pod("a", ready=READY), id="restarted"),
        pytest.param(pod("z", ready=READY, created=NOW - 100), pod("a", ready=READY), id="young"),
        pytest.param(pod("a", ready=READY), pod("z", ready=READY), id="by-uid"),
        pytest.param(pod("a", node="", cost=9), pod("z", cost=0), id="node-before-cost"),
    ],
)
def test_which_goes_first(first, other):
    for pods in ([first, other], [other, first]):
        assert pods_to_delete(pods, (), 1, NOW) == [first]


def test_a_crowded_node_loses_first():
    lonely, crowded = pod("a", node="n1", ready=READY), pod("z", node="n2", ready=READY)
    related = [lonely, crowded, pod("x", node="n2", ready=READY)]
    assert pods_to_delete([lonely, crowded], related, 1, NOW) == [crowded]


def test_all_go_when_as_many_are_asked_for():
    pods = [pod("a"), pod("b")]
    assert pods_to_delete(pods, (), 5, NOW) == pods


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param(NOW - 1000, NOW - 1001, True, id="about-as-old"),
        pytest.param(NOW - 10, NOW - 1000, False, id="much-younger"),
    ],
)
def test_ages_differ_by_their_logarithm(one, other, same):
    assert (age_bucket(from_seconds(one), NOW) == age_bucket(from_seconds(other), NOW)) is same


def test_no_age():
    assert age_bucket(None, NOW) == age_bucket(from_seconds(NOW + 5), NOW) == -1
