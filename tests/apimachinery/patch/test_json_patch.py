import copy
import json
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kube.apimachinery.patch import json_patch
from kube.apimachinery.patch.errors import PatchConflictError, PatchFormatError, PatchTooLargeError


@pytest.mark.parametrize(
    ("document", "patch", "result"),
    [
        ({"a": 1}, [], {"a": 1}),
        ({"a": 1}, [{"op": "add", "path": "/b", "value": 2}], {"a": 1, "b": 2}),
        ({"a": 1}, [{"op": "add", "path": "/a", "value": None}], {"a": None}),
        ({"a": [1, 3]}, [{"op": "add", "path": "/a/1", "value": 2}], {"a": [1, 2, 3]}),
        ({"a": [1]}, [{"op": "add", "path": "/a/-", "value": 2}], {"a": [1, 2]}),
        ({"a": [1]}, [{"op": "add", "path": "/a/1", "value": 2}], {"a": [1, 2]}),
        ({"a": [1]}, [{"op": "add", "path": "/a/-1", "value": 2}], {"a": [1, 2]}),
        ({"a": 1}, [{"op": "add", "path": "", "value": {"b": 2}}], {"b": 2}),
        ({"a": {"b": 1}}, [{"op": "remove", "path": "/a/b"}], {"a": {}}),
        ({"a": [1, 2]}, [{"op": "remove", "path": "/a/0"}], {"a": [2]}),
        ({"a": [1, 2]}, [{"op": "remove", "path": "/a/-1"}], {"a": [1]}),
        ({"a": 1}, [{"op": "replace", "path": "/a", "value": {"b": 2}}], {"a": {"b": 2}}),
        ({"a": [1, 2]}, [{"op": "replace", "path": "/a/1", "value": 3}], {"a": [1, 3]}),
        ({"a": {"b": 1}}, [{"op": "move", "from": "/a/b", "path": "/c"}], {"a": {}, "c": 1}),
        ({"a": [1, 2, 3]}, [{"op": "move", "from": "/a/0", "path": "/a/-"}], {"a": [2, 3, 1]}),
        ({"a": {"b": 1}}, [{"op": "copy", "from": "/a", "path": "/c"}], {"a": {"b": 1}, "c": {"b": 1}}),
        (
            {"a": {"b": 1}},
            [{"op": "copy", "from": "/a", "path": "/c"}, {"op": "add", "path": "/c/b", "value": 2}],
            {"a": {"b": 1}, "c": {"b": 2}},
        ),
        ({"a": 1}, [{"op": "test", "path": "/a", "value": 1}], {"a": 1}),
        (
            {"a": {"b": [1, None]}},
            [{"op": "test", "path": "/a", "value": {"b": [1, None]}}],
            {"a": {"b": [1, None]}},
        ),
        ({"a": 1}, [{"op": "test", "path": "/b", "value": None}], {"a": 1}),
        ({"a": 1}, [{"op": "test", "path": "", "value": {"a": 1}}], {"a": 1}),
        ({"a/b": {"~": 1}}, [{"op": "replace", "path": "/a~1b/~0", "value": 2}], {"a/b": {"~": 2}}),
        ({"~1": 1}, [{"op": "remove", "path": "/~01"}], {}),
        ({"": 1}, [{"op": "remove", "path": "/"}], {}),
    ],
)
def test_operations(document, patch, result):
    before = copy.deepcopy((document, patch))
    assert json_patch.apply(document, patch) == result
    assert (document, patch) == before


@pytest.mark.parametrize(
    ("document", "operation", "message"),
    [
        (
            {},
            {"op": "add", "path": "/a/b", "value": 1},
            'add operation does not apply: doc is missing path: "/a/b": missing value',
        ),
        (
            {"a": 1},
            {"op": "add", "path": "/a/b", "value": 1},
            'add operation does not apply: doc is missing path: "/a/b": missing value',
        ),
        (
            {},
            {"op": "add", "path": "a", "value": 1},
            'add operation does not apply: doc is missing path: "a": missing value',
        ),
        ({}, {"op": "add", "value": 1}, "add operation failed to decode path: missing value"),
        (
            {"a": []},
            {"op": "add", "path": "/a/1", "value": 1},
            "error in add for path: '/a/1': Unable to access invalid index: 1: invalid index referenced",
        ),
        (
            {"a": []},
            {"op": "add", "path": "/a/-2", "value": 1},
            "error in add for path: '/a/-2': Unable to access invalid index: -2: invalid index referenced",
        ),
        (
            {"a": []},
            {"op": "add", "path": "/a/x", "value": 1},
            "error in add for path: '/a/x': strconv.Atoi: parsing \"x\": invalid syntax",
        ),
        (
            {},
            {"op": "remove", "path": "/a"},
            "error in remove for path: '/a': Unable to remove nonexistent key: a: missing value",
        ),
        (
            {"a": []},
            {"op": "remove", "path": "/a/0"},
            "error in remove for path: '/a/0': Unable to access invalid index: 0: invalid index referenced",
        ),
        (
            {},
            {"op": "remove", "path": ""},
            'remove operation does not apply: doc is missing path: "": missing value',
        ),
        (
            {},
            {"op": "replace", "path": "/a", "value": 1},
            "replace operation does not apply: doc is missing key: /a: missing value",
        ),
        (
            {},
            {"op": "replace", "path": "/a/b", "value": 1},
            "replace operation does not apply: doc is missing path: /a/b: missing value",
        ),
        (
            {},
            {"op": "move", "from": "/a/b", "path": "/c"},
            "move operation does not apply: doc is missing from path: /a/b: missing value",
        ),
        (
            {"a": {}},
            {"op": "move", "from": "/a", "path": "/a/b"},
            "move operation does not apply: doc is missing destination path: /a/b: missing value",
        ),
        (
            {},
            {"op": "copy", "from": "/a", "path": "/c"},
            "copy operation does not apply: doc is missing from path: /a: missing value",
        ),
        (
            {"a": []},
            {"op": "copy", "from": "/a/0", "path": "/c"},
            "error in copy for from: '/a/0': Unable to access invalid index: 0: invalid index referenced",
        ),
        ({}, {"op": "copy", "path": "/c"}, "copy operation failed to decode from: missing value"),
        ({"a": 1}, {"op": "test", "path": "/a", "value": 2}, "testing value /a failed: test failed"),
        ({"a": 1}, {"op": "test", "path": "/a", "value": True}, "testing value /a failed: test failed"),
        (
            {},
            {"op": "test", "path": "/a/b", "value": 1},
            "test operation does not apply: is missing path: /a/b: missing value",
        ),
        ({}, {"op": "grow", "path": "/a"}, "Unexpected kind: grow"),
        ({}, {"path": "/a"}, "Unexpected kind: unknown"),
    ],
)
def test_an_operation_that_does_not_apply_changes_nothing(document, operation, message):
    before = copy.deepcopy(document)
    with pytest.raises(PatchConflictError, match=f"^{re.escape(message)}$") as error:
        json_patch.apply(document, [{"op": "add", "path": "/new", "value": 1}, operation])
    assert document == before
    answer = error.value.to_api_error()
    assert (answer.code, answer.reason) == (422, "Invalid")
    assert answer.message == "the server rejected our request due to an error in our request"


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ({}, "json: cannot unmarshal object into Go value of type jsonpatch.Patch"),
        ("x", "json: cannot unmarshal string into Go value of type jsonpatch.Patch"),
        ([1], "json: cannot unmarshal number into Go value of type jsonpatch.Operation"),
    ],
)
def test_what_is_no_patch(patch, message):
    with pytest.raises(PatchFormatError, match=f"^{re.escape(message)}$") as error:
        json_patch.apply({}, patch)
    assert (error.value.to_api_error().code, error.value.to_api_error().reason) == (400, "BadRequest")


def test_ten_thousand_operations_are_enough():
    many = [{"op": "add", "path": "/a/-", "value": 1}] * 10_000
    assert len(json_patch.apply({"a": []}, many)["a"]) == 10_000
    with pytest.raises(PatchTooLargeError) as error:
        json_patch.apply({"a": []}, [*many, many[0]])
    answer = error.value.to_api_error()
    assert answer.code == 413
    assert answer.message == (
        "Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001"
    )


def test_copies_cannot_blow_a_document_up():
    doubling = [{"op": "copy", "from": "/a", "path": "/a/-"}] * 100
    with pytest.raises(
        PatchConflictError, match="Unable to complete the copy, the accumulated size increase"
    ):
        json_patch.apply({"a": ["x" * 100]}, doubling)


scalars = st.none() | st.booleans() | st.integers(0, 9) | st.text("ab~/", max_size=3)
trees = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab~/01-", max_size=2), inner, max_size=3)
    ),
    max_leaves=10,
)


def pointers(tree, prefix=""):
    """The pointers to everything in a tree."""
    yield prefix
    entries = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for name, value in entries:
        yield from pointers(value, f"{prefix}/{str(name).replace('~', '~0').replace('/', '~1')}")


def at(tree, pointer):
    for escaped in pointer.split("/")[1:]:
        token = escaped.replace("~1", "/").replace("~0", "~")
        tree = tree[int(token)] if isinstance(tree, list) else tree[token]
    return tree


@given(trees, st.data())
def test_laws_of_the_operations(tree, data):
    frozen = json.dumps(tree)
    pointer = data.draw(st.sampled_from(list(pointers(tree))))
    value = at(tree, pointer)
    test = {"op": "test", "path": pointer, "value": value}
    assert json_patch.apply(tree, [test]) == tree
    assert json_patch.apply(tree, [{"op": "replace", "path": pointer, "value": value}]) == tree
    replaced = json_patch.apply(tree, [{"op": "replace", "path": pointer, "value": "new"}])
    assert at(replaced, pointer) == "new"
    assert json_patch.apply(replaced, [{"op": "replace", "path": pointer, "value": value}]) == tree
    assume(pointer)
    removed = [{"op": "remove", "path": pointer}]
    assert json_patch.apply(tree, [*removed, {"op": "add", "path": pointer, "value": value}]) == tree
    assert json_patch.apply(tree, [{"op": "move", "from": pointer, "path": pointer}]) == tree
    wrapped = {"tree": tree}
    copied = json_patch.apply(wrapped, [{"op": "copy", "from": f"/tree{pointer}", "path": "/copy"}])
    assert copied == {"tree": tree, "copy": value}
    assert json.dumps(tree) == frozen


@given(trees, trees)
def test_equality_is_that_of_the_text(left, right):
    canonical = [json.dumps(tree, sort_keys=True) for tree in (left, right)]
    assert json_patch.equal(left, right) is (canonical[0] == canonical[1])
    assert json_patch.equal(left, copy.deepcopy(left))
