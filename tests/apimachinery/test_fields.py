import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.apimachinery import fields
from kube.apimachinery.fields import FieldRequirement, FieldSelectorError, Selector, parse


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        (",,", []),
        ("a=b", [("a", True, "b")]),
        ("a==b", [("a", True, "b")]),
        ("a!=b", [("a", False, "b")]),
        ("b=2,a=1", [("a", True, "1"), ("b", True, "2")]),
        (
            "status.phase!=Running,metadata.name=x",
            [("metadata.name", True, "x"), ("status.phase", False, "Running")],
        ),
        ("a=", [("a", True, "")]),
        (r"a=x\,y\=z\\", [("a", True, "x,y=z\\")]),
    ],
)
def test_parse(text, terms):
    selector = parse(text)
    assert selector.requirements == tuple(FieldRequirement(*term) for term in terms)
    assert parse(str(selector)) == selector


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", "invalid selector: 'a'; can't understand 'a'"),
        ("a=b,c", "invalid selector: 'a=b,c'; can't understand 'c'"),
        ("a===b", "invalid field selector: unescaped character in value: 61"),
        ("a=b\\x", "invalid field selector: invalid escape sequence: \\x"),
        ("a=b\\", "invalid field selector: invalid escape sequence: \\"),
    ],
)
def test_malformed_text_is_refused_in_upstreams_words(text, message):
    with pytest.raises(FieldSelectorError, match=f"^{re.escape(message)}$"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "matched"),
    [
        ("", True),
        ("metadata.name=x", True),
        ("metadata.name!=x", False),
        ("spec.nodeName=", True),
        ("spec.nodeName!=", False),
        ("metadata.name=x,spec.nodeName=n", False),
    ],
)
def test_an_absent_field_is_empty(text, matched):
    assert parse(text).matches_map({"metadata.name": "x"}) is matched


def test_a_table_may_rename_and_refuse_fields():
    def table(field, value):
        if field != "name":
            raise ValueError(f"field label not supported: {field}")
        return "metadata.name", value

    assert str(parse("name!=x").transform(table)) == "metadata.name!=x"
    with pytest.raises(ValueError, match=r"^field label not supported: spec\.foo$"):
        parse("spec.foo=x").transform(table)


def test_exact_match_can_be_asked_for():
    selector = parse("a=1,b!=2")
    assert [selector.requires_exact_match(field) for field in "abc"] == ["1", None, None]


def test_selectors_combine():
    both = fields.combine([fields.one_term_equal("a", "1"), fields.from_set({"b": "2"})])
    assert str(both) == "a=1,b=2"
    assert fields.EVERYTHING.empty
    assert not both.empty


terms = st.builds(FieldRequirement, st.from_regex(r"\A[a-z.]{1,9}\Z"), st.booleans(), st.text(max_size=8))


@given(st.lists(terms, max_size=4))
def test_text_form_keeps_every_term(some):
    again = parse(str(Selector(tuple(some))))
    assert sorted(again.requirements, key=str) == sorted(some, key=str)
