import pytest

from kube.apimachinery import field
from kube.apimachinery.field import Path
from kube.apimachinery.meta.v1 import OwnerReference

P = Path("spec").child("containers").index(0).child("image")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (Path("spec"), "spec"),
        (P, "spec.containers[0].image"),
        (Path("metadata").child("labels").key("app/x"), "metadata.labels[app/x]"),
        (Path("a").child("b", "c", "d"), "a.b.c.d"),
        (Path(""), "[]"),
        (Path("a").index(1).index(2).key("k"), "a[1][2][k]"),
    ],
)
def test_path_prints_as_upstream(path, text):
    assert str(path) == text


@pytest.mark.parametrize(
    ("error", "reason", "text"),
    [
        (field.required(P), "FieldValueRequired", "Required value"),
        (
            field.required(P, "name or generateName is required"),
            "FieldValueRequired",
            "Required value: name or generateName is required",
        ),
        (
            field.invalid(P, "x y", "must be short"),
            "FieldValueInvalid",
            'Invalid value: "x y": must be short',
        ),
        (field.invalid(P, 'a"b\n', "no"), "FieldValueInvalid", 'Invalid value: "a\\"b\\n": no'),
        (field.invalid(P, -1, "no"), "FieldValueInvalid", "Invalid value: -1: no"),
        (field.invalid(P, True, "no"), "FieldValueInvalid", "Invalid value: true: no"),
        (field.invalid(P, 1.0, "no"), "FieldValueInvalid", "Invalid value: 1: no"),
        (field.invalid(P, None, "no"), "FieldValueInvalid", 'Invalid value: "null": no'),
        (
            field.invalid(P, {"b": "<x>", "a": 1}, "no"),
            "FieldValueInvalid",
            'Invalid value: {"a":1,"b":"\\u003cx\\u003e"}: no',
        ),
        (
            field.invalid(P, OwnerReference(api_version="v1", kind="Pod", name="n", uid="u"), "no"),
            "FieldValueInvalid",
            'Invalid value: {"apiVersion":"v1","kind":"Pod","name":"n","uid":"u"}: no',
        ),
        (
            field.type_invalid(P, "x", "must be a number"),
            "FieldValueTypeInvalid",
            'Invalid value: "x": must be a number',
        ),
        (
            field.not_supported(P, "x", ["A", "B"]),
            "FieldValueNotSupported",
            'Unsupported value: "x": supported values: "A", "B"',
        ),
        (field.not_supported(P, "x", []), "FieldValueNotSupported", 'Unsupported value: "x"'),
        (field.duplicate(P, "x"), "FieldValueDuplicate", 'Duplicate value: "x"'),
        (field.not_found(P, "x"), "FieldValueNotFound", 'Not found: "x"'),
        (field.forbidden(P, "may not"), "FieldValueForbidden", "Forbidden: may not"),
        (field.too_long(P, 63), "FieldValueTooLong", "Too long: may not be more than 63 bytes"),
        (field.too_long(P, 1), "FieldValueTooLong", "Too long: may not be more than 1 byte"),
        (field.too_long(P, -1), "FieldValueTooLong", "Too long: value is too long"),
        (field.too_long_characters(P, 2), "FieldValueTooLong", "Too long: may not be more than 2 characters"),
        (field.too_short(P, "", 1), "FieldValueTooShort", "Too short: must be at least 1 character"),
        (field.too_many(P, 3, 1), "FieldValueTooMany", "Too many: 3: must have at most 1 item"),
        (field.too_many(P, -1, 2), "FieldValueTooMany", "Too many: must have at most 2 items"),
        (field.too_few(P, 0, 1), "FieldValueTooFew", "Too few: 0: must have at least 1 item"),
        (field.internal_error(P, ValueError("boom")), "InternalError", "Internal error: boom"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_error_text_is_upstreams(error, reason, text):
    assert error.type.value == reason
    assert error.body == text
    assert str(error) == f"spec.containers[0].image: {text}"


@pytest.mark.parametrize(
    ("messages", "text"), [(["a"], "a"), (["a", "a"], "a"), (["a", "b", "a"], "[a, b]"), ([], "")]
)
def test_aggregate_says_each_message_once(messages, text):
    assert field.aggregate(messages) == text
