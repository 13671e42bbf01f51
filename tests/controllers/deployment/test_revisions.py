import pytest
from msgspec.structs import replace
from objects import meta, selector, template

from kube.api.types.apps_v1 import Deployment, DeploymentSpec, ReplicaSet, ReplicaSetSpec, ReplicaSetStatus
from kube.controllers.deployment.revisions import (
    HASH_LABEL,
    REVISION,
    REVISION_HISTORY,
    brought_up,
    find_new,
    history_to_delete,
    new_replica_set,
    next_revision,
    same_template,
    sized,
)


def deployment(image="web:1", limit=10, **annotations):
    return Deployment(
        metadata=meta(uid="u1", annotations=annotations),
        spec=DeploymentSpec(
            replicas=3, selector=selector(), template=template(image), revision_history_limit=limit
        ),
    )


def old(name, revision, replicas=0, second=0, **status):
    return ReplicaSet(
        metadata=meta(
            name,
            uid=name,
            annotations={REVISION: str(revision)},
            creation_timestamp=f"2026-01-01T00:00:{second:02}Z",
        ),
        spec=ReplicaSetSpec(replicas=replicas, template=template(name)),
        status=ReplicaSetStatus(**status),
    )


def test_a_new_set_is_the_deployments_template_under_its_hash():
    made = new_replica_set(deployment(), 1, 2)
    label = made.metadata.labels[HASH_LABEL]
    assert made.metadata.name == f"web-{label}"
    assert made.spec.selector.match_labels == {"app": "web", HASH_LABEL: label}
    assert made.spec.template.metadata.labels == {"app": "web", HASH_LABEL: label}
    assert same_template(made.spec.template, deployment().spec.template)
    assert made.spec.replicas == 2


def test_equal_templates_have_equal_names_and_a_collision_another():
    one = new_replica_set(deployment(), 1, 1)
    assert one.metadata.name == new_replica_set(deployment(), 5, 3).metadata.name
    assert one.metadata.name != new_replica_set(deployment("web:2"), 1, 1).metadata.name
    collided = deployment()
    collided = replace(collided, status=replace(collided.status, collision_count=1))
    assert one.metadata.name != new_replica_set(collided, 1, 1).metadata.name


def test_the_oldest_of_equal_sets_is_the_newest_revision():
    sets = [old("web:1", 1, second=5), replace(old("web:1", 2, second=3), metadata=meta("first", uid="f"))]
    assert find_new(deployment(), sets).metadata.name == "first"
    assert find_new(deployment("web:9"), sets) is None


def test_annotations_follow_the_deployment_but_for_its_own():
    before = deployment(team="a", **{"kubectl.kubernetes.io/last-applied-configuration": "{}", REVISION: "7"})
    made = new_replica_set(before, 3, 1)
    assert made.metadata.annotations == {
        "team": "a",
        REVISION: "3",
        "deployment.kubernetes.io/desired-replicas": "3",
        "deployment.kubernetes.io/max-replicas": "4",
    }


def test_a_set_that_comes_back_keeps_its_revisions_in_its_history():
    made = brought_up(deployment(), old("web:1", 1), 3)
    assert made.metadata.annotations[REVISION_HISTORY] == "1"
    again = brought_up(deployment(), made, 5)
    assert again.metadata.annotations == {REVISION: "5", REVISION_HISTORY: "1,3"}


def test_what_is_up_to_date_is_left_alone():
    found = old("web:1", 3)
    assert brought_up(deployment(), found, 3) is found
    assert brought_up(deployment(), found, 2) is found
    right = sized(found, 2, deployment())
    assert sized(right, 2, deployment()) is right


def test_the_history_does_not_grow_without_bound():
    found = old("web:1", 1)
    for revision in range(1000, 2000):
        found = brought_up(deployment(), found, revision)
    history = found.metadata.annotations[REVISION_HISTORY]
    assert len(history) <= 2000
    assert history.endswith("1998")


@pytest.mark.parametrize(
    ("limit", "sets", "names"),
    [
        pytest.param(1, [old("a", 3), old("b", 1), old("c", 2)], ["b", "c"], id="lowest-revisions"),
        pytest.param(0, [old("a", 1, replicas=1), old("b", 2)], ["b"], id="not-what-runs"),
        pytest.param(0, [old("a", 1, replicas=0)], ["a"], id="all"),
        pytest.param(10, [old("a", 1)], [], id="below-the-limit"),
        pytest.param(None, [old("a", 1)], [], id="no-limit"),
    ],
)
def test_history_to_delete(limit, sets, names):
    assert [each.metadata.name for each in history_to_delete(deployment(limit=limit), sets)] == names


def test_next_revision():
    assert next_revision([]) == 1
    assert next_revision([old("a", 3), old("b", 1)]) == 4
