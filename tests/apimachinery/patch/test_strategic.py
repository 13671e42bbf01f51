import copy
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.apimachinery.patch import strategic
from kube.apimachinery.patch.errors import (
    PatchConflictError,
    PatchError,
    PatchFormatError,
    UnknownFieldError,
)
from kube.apimachinery.patch.merge import merge as merge_patch


class Fields:
    """A schema from a table of field name to (strategies, merge key, child)."""

    def __init__(self, name, table):
        self.name = name
        self.table = table

    def _field(self, json_name):
        if json_name not in self.table:
            raise UnknownFieldError(self.name, json_name)
        return self.table[json_name]

    def strategies(self, json_name):
        return self._field(json_name)[0]

    def merge_key(self, json_name):
        return self._field(json_name)[1]

    def child(self, json_name):
        return self._field(json_name)[2] or strategic.UNTYPED


PORT = Fields(
    "ContainerPort", {"containerPort": ((), "", None), "name": ((), "", None), "protocol": ((), "", None)}
)
CONTAINER = Fields(
    "Container",
    {
        "name": ((), "", None),
        "image": ((), "", None),
        "args": ((), "", None),
        "ports": (("merge",), "containerPort", PORT),
        "resources": ((), "", None),
    },
)
SPEC = Fields(
    "PodSpec",
    {
        "containers": (("merge",), "name", CONTAINER),
        "volumes": (
            ("merge", "retainKeys"),
            "name",
            Fields("Volume", dict.fromkeys(("name", "emptyDir", "configMap"), ((), "", None))),
        ),
        "strategy": (
            ("retainKeys",),
            "",
            Fields("Strategy", dict.fromkeys(("type", "rollingUpdate"), ((), "", None))),
        ),
        "tolerations": ((), "", None),
        "replaced": (("replace",), "", None),
        "finalizers": (("merge",), "", None),
        "keyless": (("merge",), "", CONTAINER),
        "torn": (("merge", "replace"), "", None),
        "replicas": ((), "", None),
        "labels": ((), "", None),
        "lists": (("merge",), "", None),
    },
)

A, B, C = {"name": "a"}, {"name": "b"}, {"name": "c"}


@pytest.mark.parametrize(
    ("original", "patch", "result"),
    [
        # scalars, objects, nulls
        ({"replicas": 1}, {"replicas": 2}, {"replicas": 2}),
        ({"replicas": 1}, {"replicas": None}, {}),
        ({}, {"replicas": None}, {}),
        (
            {"labels": {"a": "1", "b": "2"}},
            {"labels": {"a": None, "c": "3"}},
            {"labels": {"b": "2", "c": "3"}},
        ),
        ({"labels": {"a": "1"}}, {"labels": "x"}, {"labels": "x"}),
        ({}, {"labels": {"a": None, "b": {"c": None, "d": 1}}}, {"labels": {"b": {"d": 1}}}),
        ({"labels": {"a": "1"}}, {"labels": {"$patch": "replace", "b": "2"}}, {"labels": {"b": "2"}}),
        ({"labels": {"a": "1"}}, {"labels": {"$patch": "delete"}}, {"labels": {}}),
        ({}, {"labels": {"$patch": "delete"}}, {}),
        ({"replaced": {"a": 1}}, {"replaced": {"b": 2}}, {"replaced": {"b": 2}}),
        # lists that are replaced
        ({"tolerations": [{"key": "a"}]}, {"tolerations": [{"key": "b"}]}, {"tolerations": [{"key": "b"}]}),
        # lists that merge by key
        ({"containers": [A]}, {"containers": [B]}, {"containers": [B, A]}),
        (
            {"containers": [A, B]},
            {"containers": [{"name": "b", "image": "x"}]},
            {"containers": [A, {"name": "b", "image": "x"}]},
        ),
        ({"containers": [A, B]}, {"containers": [{"name": "a", "$patch": "delete"}]}, {"containers": [B]}),
        ({"containers": [A, B]}, {"containers": [C, {"$patch": "replace"}]}, {"containers": [C]}),
        ({"containers": [A]}, {"containers": None}, {}),
        ({}, {"containers": [A, {"name": "b", "$patch": "delete"}]}, {"containers": [A]}),
        ({"containers": [A]}, {"containers": []}, {"containers": [A]}),
        (
            {"containers": [{"name": "a", "image": "x"}]},
            {"containers": [{"name": "a", "image": None}]},
            {"containers": [A]},
        ),
        ({"containers": [A]}, {"containers": [{"name": "b", "image": None}]}, {"containers": [B, A]}),
        (
            {"containers": [{"name": "a", "ports": [{"containerPort": 80}]}]},
            {
                "containers": [
                    {"name": "a", "ports": [{"containerPort": 80, "name": "http"}, {"containerPort": 81}]}
                ]
            },
            {
                "containers": [
                    {"name": "a", "ports": [{"containerPort": 80, "name": "http"}, {"containerPort": 81}]}
                ]
            },
        ),
        (
            {"containers": [{"name": "a", "args": ["x"]}]},
            {"containers": [{"name": "a", "args": ["y"]}]},
            {"containers": [{"name": "a", "args": ["y"]}]},
        ),
        # lists of scalars that merge
        ({"finalizers": ["a", "b"]}, {"finalizers": ["c", "a"]}, {"finalizers": ["c", "a", "b"]}),
        (
            {"finalizers": ["a", "b", "c"]},
            {"$deleteFromPrimitiveList/finalizers": ["b"]},
            {"finalizers": ["a", "c"]},
        ),
        ({}, {"$deleteFromPrimitiveList/finalizers": ["b"]}, {}),
        (
            {"finalizers": ["a", "b", "c"]},
            {
                "$deleteFromPrimitiveList/finalizers": ["b"],
                "finalizers": ["d"],
                "$setElementOrder/finalizers": ["c", "d", "a"],
            },
            {"finalizers": ["c", "d", "a"]},
        ),
        # order
        ({"containers": [A, B, C]}, {"$setElementOrder/containers": [C, B, A]}, {"containers": [C, B, A]}),
        (
            {"containers": [A, B]},
            {"$setElementOrder/containers": [B, C, A], "containers": [C]},
            {"containers": [B, C, A]},
        ),
        (
            {"containers": [A, B, C]},
            {"$setElementOrder/containers": [C, A], "containers": [{"name": "b", "$patch": "delete"}]},
            {"containers": [C, A]},
        ),
        (
            {"containers": [A, {"name": "injected"}, B]},
            {"$setElementOrder/containers": [B, A]},
            {"containers": [{"name": "injected"}, B, A]},
        ),
        (
            {"containers": [A, {"name": "injected"}]},
            {"$setElementOrder/containers": [A, B], "containers": [B]},
            {"containers": [A, B, {"name": "injected"}]},
        ),
        ({}, {"$setElementOrder/containers": [B, A], "containers": [B, A]}, {"containers": [B, A]}),
        ({}, {"$setElementOrder/containers": [A]}, {}),
        # retained keys
        (
            {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}},
            {"strategy": {"type": "Recreate", "$retainKeys": ["type"]}},
            {"strategy": {"type": "Recreate"}},
        ),
        (
            {"volumes": [{"name": "v", "emptyDir": {}}]},
            {"volumes": [{"name": "v", "configMap": {"name": "c"}, "$retainKeys": ["name", "configMap"]}]},
            {"volumes": [{"name": "v", "configMap": {"name": "c"}}]},
        ),
        (
            {"volumes": [{"name": "v"}]},
            {"volumes": [{"name": "w", "emptyDir": {}, "$retainKeys": ["name", "emptyDir"]}]},
            {"volumes": [{"name": "w", "emptyDir": {}}, {"name": "v"}]},
        ),
        # what only looks like a directive
        ({}, {"labels": {"$ref": "x"}}, {"labels": {"$ref": "x"}}),
    ],
)
def test_merge(original, patch, result):
    before = copy.deepcopy((original, patch))
    assert strategic.merge(original, patch, SPEC) == result
    assert (original, patch) == before


@pytest.mark.parametrize(
    ("original", "patch", "kind", "message"),
    [
        ({}, [], PatchFormatError, "invalid JSON document"),
        (
            {"containers": [A]},
            {"containers": [{"image": "x"}]},
            PatchError,
            "map: map[image:x] does not contain declared merge key: name",
        ),
        (
            {"containers": [A]},
            {"containers": [{"$patch": "delete"}]},
            PatchError,
            "map: map[$patch:delete] does not contain declared merge key: name",
        ),
        (
            {"containers": [{"image": "x"}]},
            {"containers": [A]},
            PatchError,
            "map: map[image:x] does not contain declared merge key: name",
        ),
        (
            {"containers": [A]},
            {"containers": ["x"]},
            PatchError,
            "list element types are not identical: [[map[name:a]] [x]]",
        ),
        (
            {"containers": [A]},
            {"containers": [{"name": "a", "$patch": "x"}]},
            PatchError,
            "unknown patch type: x in map: map[$patch:x name:a]",
        ),
        (
            {"containers": [A]},
            {"containers": [{"name": "a", "$patch": "merge"}]},
            PatchError,
            "merging lists cannot yet be specified in the patch",
        ),
        (
            {"labels": {}},
            {"labels": {"$patch": "x"}},
            PatchError,
            "unknown patch type: x in map: map[$patch:x]",
        ),
        (
            {"keyless": [A]},
            {"keyless": [B]},
            PatchError,
            "cannot merge lists without merge key for type struct",
        ),
        ({"lists": [[1]]}, {"lists": [[2]]}, PatchConflictError, "lists of lists are not supported"),
        ({"torn": ["a"]}, {"torn": ["b"]}, PatchError, "unexpected patch strategy: [merge replace]"),
        (
            {"strategy": {}},
            {"strategy": {"$retainKeys": "type"}},
            PatchFormatError,
            "invalid patch format of retainKeys",
        ),
        (
            {"strategy": {}},
            {"strategy": {"type": "x", "$retainKeys": []}},
            PatchFormatError,
            "invalid patch format of retainKeys",
        ),
        ({}, {"$setElementOrder": []}, PatchFormatError, "invalid patch format of setElementOrder list"),
        (
            {},
            {"$setElementOrder/containers": "x"},
            PatchError,
            "expected a []interface {}, but received a string",
        ),
        ({}, {"$deleteFromPrimitiveList": []}, PatchFormatError, "invalid patch format of primitive list"),
        (
            {"containers": [A, B]},
            {"$setElementOrder/containers": [A, B], "containers": [B, A]},
            PatchError,
            "The order in patch list:\n[map[name:b] map[name:a]]\n doesn't match $setElementOrder list:\n[map[name:a] map[name:b]]\n",
        ),
        (
            {"unknown": {}},
            {"unknown": {}},
            UnknownFieldError,
            'unable to find api field in struct PodSpec for the json field "unknown"',
        ),
        (
            {},
            {"$setElementOrder/unknown": []},
            UnknownFieldError,
            'unable to find api field in struct PodSpec for the json field "unknown"',
        ),
        (
            {"containers": [A]},
            {"containers": [{"name": {}}]},
            PatchError,
            "expected a scalar, but received a map[string]interface {}",
        ),
    ],
)
def test_refuses_in_upstreams_words(original, patch, kind, message):
    before = copy.deepcopy((original, patch))
    with pytest.raises(PatchError, match=f"^{re.escape(message)}$") as error:
        strategic.merge(original, patch, SPEC)
    assert type(error.value) is kind
    assert (original, patch) == before


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (PatchError("x"), 500, "x"),
        (PatchFormatError("x"), 400, "x"),
        (PatchConflictError("x"), 422, "the server rejected our request due to an error in our request"),
        (UnknownFieldError("S", "f"), 500, 'unable to find api field in struct S for the json field "f"'),
    ],
)
def test_answers(error, code, message):
    assert (error.to_api_error().code, error.to_api_error().message) == (code, message)


names = st.lists(st.sampled_from("abcdef"), unique=True, max_size=6)


def named(some, image=None):
    return [{"name": name} if image is None else {"name": name, "image": image} for name in some]


@given(names, names)
def test_merged_lists_keep_the_order_of_the_patch_and_of_what_is_live(live, patch):
    merged = strategic.merge({"containers": named(live)}, {"containers": named(patch, "x")}, SPEC)[
        "containers"
    ]
    order = [item["name"] for item in merged]
    assert sorted(order) == sorted({*live, *patch})
    assert [name for name in order if name in patch] == patch
    assert [name for name in order if name not in patch] == [name for name in live if name not in patch]
    assert all(("image" in item) is (item["name"] in patch) for item in merged)


@given(names, names)
def test_an_order_is_obeyed(live, order):
    patch = {"$setElementOrder/containers": named(order)}
    merged = strategic.merge({"containers": named(live)}, patch, SPEC)["containers"]
    names_now = [item["name"] for item in merged]
    assert sorted(names_now) == sorted(live)
    assert [name for name in names_now if name in order] == [name for name in order if name in live]


@given(names, names)
def test_deleting_and_adding_back_is_merging(live, patch):
    deleted = strategic.merge(
        {"containers": named(live)},
        {"containers": [{"name": name, "$patch": "delete"} for name in patch]},
        SPEC,
    )
    assert [item["name"] for item in deleted["containers"]] == [name for name in live if name not in patch]


objects = st.recursive(
    st.dictionaries(st.sampled_from("abc"), st.none() | st.booleans() | st.integers(0, 2), max_size=3),
    lambda inner: st.dictionaries(
        st.sampled_from("abc"),
        inner | st.integers(0, 2) | st.lists(st.integers(0, 2), max_size=2),
        max_size=3,
    ),
    max_leaves=6,
)


def without_nulls(tree):
    return (
        {key: without_nulls(value) for key, value in tree.items() if value is not None}
        if isinstance(tree, dict)
        else tree
    )


@given(objects, objects)
def test_without_a_schema_it_is_a_merge_patch(original, patch):
    original = without_nulls(original)
    assert strategic.merge(original, patch, strategic.UNTYPED) == merge_patch(original, patch)


def test_nesting_is_bounded():
    deep = {}
    for _ in range(100_000):
        deep = {"labels": deep}
    with pytest.raises(PatchFormatError, match="exceeded max depth"):
        strategic.merge({}, deep, SPEC)
    while deep:  # taken apart here: the interpreter would recurse
        deep = deep.pop("labels")
