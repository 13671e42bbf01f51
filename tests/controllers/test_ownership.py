import pytest
from msgspec.structs import replace
from objects import meta, selector, template

from kube.api.types.apps_v1 import ReplicaSet, ReplicaSetSpec
from kube.api.types.core_v1 import Pod
from kube.apimachinery.labels import from_label_selector
from kube.apimachinery.meta.accessor import owner_reference
from kube.apimachinery.time import Time
from kube.client.store import Indexer
from kube.controllers.ownership import (
    BY_CONTROLLER,
    INDEXES,
    ORPHANS,
    adoption_patch,
    claim,
    owner_of,
    release_patch,
)

OWNER = ReplicaSet(
    metadata=meta("web", uid="u1"), spec=ReplicaSetSpec(selector=selector(), template=template())
)
DELETED = Time("2026-01-01T00:00:00Z")


def pod(name="p", labels=("app", "web"), owner=None, **more):
    references = () if owner is None else (owner_reference(owner),)
    return Pod(
        metadata=meta(name, uid=f"uid-{name}", labels=dict([labels]), owner_references=references, **more)
    )


def deleted(owner):
    return replace(owner, metadata=replace(owner.metadata, deletion_timestamp=DELETED))


MINE = pod("mine", owner=OWNER)
STRAYED = pod("strayed", labels=("app", "other"), owner=OWNER)
ORPHAN = pod("orphan")
OTHER = pod("other", labels=("app", "other"))
DYING = pod("dying", deletion_timestamp=DELETED)


@pytest.mark.parametrize(
    ("owner", "controlled", "orphans", "owned", "adopted", "released"),
    [
        pytest.param(OWNER, [MINE], [], ["mine"], [], [], id="own"),
        pytest.param(OWNER, [STRAYED], [], [], [], ["strayed"], id="label-gone"),
        pytest.param(OWNER, [], [ORPHAN, OTHER], [], ["orphan"], [], id="orphan-that-matches"),
        pytest.param(OWNER, [], [DYING], [], [], [], id="orphan-that-dies"),
        pytest.param(deleted(OWNER), [MINE, STRAYED], [ORPHAN], ["mine"], [], [], id="owner-that-dies"),
    ],
)
def test_claim(owner, controlled, orphans, owned, adopted, released):
    decided = claim(owner, from_label_selector(selector()), controlled, orphans)

    def names(pods):
        return [each.metadata.name for each in pods]

    assert (names(decided.owned), names(decided.adopt), names(decided.release)) == (owned, adopted, released)


def test_not_everything_that_matches_may_be_adopted():
    decided = claim(OWNER, from_label_selector(selector()), [], [ORPHAN], may_adopt=lambda _: False)
    assert decided.adopt == ()


def test_patches_name_the_object_by_uid():
    reference = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": "web",
        "uid": "u1",
        "controller": True,
        "blockOwnerDeletion": True,
    }
    assert adoption_patch(OWNER, ORPHAN, ("a/b",)) == {
        "metadata": {"uid": "uid-orphan", "ownerReferences": [reference], "finalizers": ["a/b"]}
    }
    assert release_patch(OWNER, MINE, ("a/b",)) == {
        "metadata": {
            "uid": "uid-mine",
            "ownerReferences": [{"$patch": "delete", "uid": "u1"}],
            "$deleteFromPrimitiveList/finalizers": ["a/b"],
        }
    }


def test_indexes_find_dependents_without_a_walk():
    cache = Indexer(INDEXES)
    for each in (MINE, STRAYED, ORPHAN):
        cache.put(each)
    assert cache.by_index(BY_CONTROLLER, "u1") == (MINE, STRAYED)
    assert cache.by_index(ORPHANS, "default") == (ORPHAN,)


@pytest.mark.parametrize(
    ("kind", "group", "uid", "found"),
    [
        pytest.param("ReplicaSet", "apps", "u1", True, id="it"),
        pytest.param("ReplicaSet", "", "u1", False, id="other-group"),
        pytest.param("Deployment", "apps", "u1", False, id="other-kind"),
        pytest.param("ReplicaSet", "apps", "u2", False, id="made-again"),
    ],
)
def test_owner_of(kind, group, uid, found):
    cache = Indexer()
    owner = replace(OWNER, metadata=replace(OWNER.metadata, uid=uid))
    cache.put(owner)
    assert owner_of(MINE, kind, group, cache) == (owner if found else None)
