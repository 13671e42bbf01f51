import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.apimachinery.patch import merge as merge_patch
from kube.apimachinery.patch.errors import PatchFormatError


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ({"a": 1}, {"a": [None]}, {"a": [None]}),
    ],
)
def test_cases_of_the_rfc(target, patch, result):
    before = copy.deepcopy((target, patch))
    assert merge_patch.merge(target, patch) == result
    assert (target, patch) == before


without_null = st.recursive(
    st.booleans() | st.integers(0, 3) | st.text("ab", max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=1), inner, max_size=3)
    ),
    max_leaves=10,
)
objects = st.dictionaries(st.text("abc", max_size=1), without_null, max_size=4)


@given(objects, objects)
def test_a_difference_merged_in_gives_the_modified(original, modified):
    patch = merge_patch.diff(original, modified)
    merged = merge_patch.merge(original, patch)
    assert merge_patch.equal(merged, modified)
    assert (patch == {}) is merge_patch.equal(original, modified)


@given(objects, objects)
def test_merging_twice_is_merging_once(original, patch):
    once = merge_patch.merge(original, patch)
    assert merge_patch.merge(once, patch) == once


def test_nesting_is_bounded():
    deep = {}
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(PatchFormatError, match="exceeded max depth"):
        merge_patch.merge({}, deep)
    while deep:  # taken apart here: the interpreter would recurse
        deep = deep.pop("a")
