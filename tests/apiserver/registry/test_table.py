"""Every resource is served, with the verbs and subresources of its row."""

import pytest

from kube.api.resources import BUILTIN, builtin_table
from kube.apiserver.registry.rest import Registry
from kube.apiserver.registry.table import install

METHODS = {"deletecollection": "delete_collection", "patch": "update"}


class Reviews:
    async def create(self, ctx, name, obj, validate):
        raise AssertionError


REVIEWS = {
    (row.group, row.plural): Reviews()
    for row in BUILTIN
    if not row.stored and row.group in ("authentication.k8s.io", "authorization.k8s.io")
}


@pytest.fixture
def registry(factory):
    registry = Registry(builtin_table({"api/all": True}))
    install(registry, factory.storage, reviews=REVIEWS)
    return registry


def test_every_row_has_the_methods_of_its_verbs(registry):
    for row in registry.table:
        rest = registry.find(row).rest
        for verb in row.verbs:
            assert hasattr(rest, METHODS.get(verb, verb)), (row.gvr, verb)


def test_every_subresource_is_served_but_for_streams_and_tokens(registry):
    missing = set()
    for row in registry.table:
        served = registry.find(row).subresources
        for sub in row.subresources:
            if sub.name not in served:
                missing.add((row.plural, sub.name))
                continue
            for verb in sub.verbs:
                assert hasattr(served[sub.name], METHODS.get(verb, verb)), (row.gvr, sub.name, verb)
    assert missing == {
        ("nodes", "proxy"),
        ("pods", "attach"),
        ("pods", "exec"),
        ("pods", "log"),
        ("pods", "portforward"),
        ("pods", "proxy"),
        ("services", "proxy"),
        ("serviceaccounts", "token"),
    }


def test_versions_of_one_storage_share_a_store(registry):
    table = registry.table
    for group, version, plural in (
        ("autoscaling", "v1", "horizontalpodautoscalers"),
        ("events.k8s.io", "v1", "events"),
    ):
        row = table.get(group, version, plural)
        assert registry.find(row) is registry.find(table.storage_of(row))


def test_a_review_that_nobody_answers_is_an_error(factory):
    reviews = {name: rest for name, rest in REVIEWS.items() if name[1] != "tokenreviews"}
    with pytest.raises(LookupError, match=r"nothing serves tokenreviews\.authentication\.k8s\.io v1"):
        install(Registry(builtin_table()), factory.storage, reviews=reviews)
