import pytest

from kube.api.types.apps_v1 import ReplicaSet
from kube.api.types.core_v1 import Pod
from kube.apimachinery.meta import accessor
from kube.apimachinery.meta.v1 import Condition, ObjectMeta, OwnerReference
from kube.apimachinery.time import Time

OLD, NOW = Time("2026-01-01T00:00:00Z"), Time("2026-01-02T00:00:00Z")
READY = Condition(type="Ready", status="True", last_transition_time=OLD, reason="Up")
OTHER = Condition(type="Other", status="False", last_transition_time=OLD)


@pytest.mark.parametrize(("namespace", "key"), [("default", "default/web"), ("", "web")])
def test_keys(namespace, key):
    assert accessor.namespaced_key(Pod(metadata=ObjectMeta(name="web", namespace=namespace))) == key
    assert accessor.split_key(key) == (namespace, "web")


def test_a_key_has_one_slash():
    with pytest.raises(ValueError, match=r'^unexpected key format: "a/b/c"$'):
        accessor.split_key("a/b/c")


def test_the_controller_is_the_owner_that_says_so():
    owner = ReplicaSet(metadata=ObjectMeta(name="web", uid="1"))
    reference = accessor.owner_reference(owner)
    assert reference == OwnerReference(
        api_version="apps/v1",
        kind="ReplicaSet",
        name="web",
        uid="1",
        controller=True,
        block_owner_deletion=True,
    )
    plain = accessor.owner_reference(owner, controller=False, block_owner_deletion=False)
    assert (plain.controller, plain.block_owner_deletion) == (None, None)
    pod = Pod(metadata=ObjectMeta(owner_references=(plain, reference)))
    assert accessor.controller_of(pod.metadata) == reference
    assert accessor.is_controlled_by(pod, owner)
    assert not accessor.is_controlled_by(pod, ReplicaSet(metadata=ObjectMeta(name="web", uid="2")))
    assert accessor.controller_of(ObjectMeta(owner_references=(plain,))) is None
    assert not accessor.is_controlled_by(Pod(), owner)


@pytest.mark.parametrize(
    ("conditions", "new", "expected"),
    [
        (
            (),
            Condition(type="Ready", status="True"),
            (Condition(type="Ready", status="True", last_transition_time=NOW),),
        ),
        ((OTHER,), READY, (OTHER, READY)),
        (
            (READY, OTHER),
            Condition(type="Ready", status="False", reason="Down"),
            (Condition(type="Ready", status="False", reason="Down", last_transition_time=NOW), OTHER),
        ),
        (
            (READY,),
            Condition(type="Ready", status="True", reason="Back"),
            (Condition(type="Ready", status="True", reason="Back", last_transition_time=OLD),),
        ),
    ],
    ids=["first", "another", "status changes", "status stays"],
)
def test_a_condition_keeps_its_time_while_its_status_stays(conditions, new, expected):
    assert accessor.set_condition(conditions, new, NOW) == expected


def test_setting_what_is_set_changes_nothing():
    conditions = (OTHER, READY)
    again = Condition(type="Ready", status="True", reason="Up")
    assert accessor.set_condition(conditions, again, NOW) is conditions


def test_conditions_are_found_and_removed_by_type():
    assert accessor.find_condition((OTHER, READY), "Ready") is READY
    assert accessor.find_condition((OTHER,), "Ready") is None
    assert accessor.is_condition_true((READY,), "Ready")
    assert not accessor.is_condition_true((OTHER,), "Other")
    assert not accessor.is_condition_true((), "Ready")
    assert accessor.remove_condition((OTHER, READY), "Ready") == (OTHER,)
