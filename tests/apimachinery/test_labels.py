import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.apimachinery import labels
from kube.apimachinery.labels import EVERYTHING, NOTHING, Requirement, SelectorError, parse
from kube.apimachinery.meta.v1 import LabelSelector, LabelSelectorRequirement

KEY = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g."
    " 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("", ""),
        ("x=a,y=b,z=c", "x=a,y=b,z=c"),
        ("z=c,x=a", "x=a,z=c"),
        ("x!=a,y==b", "x!=a,y==b"),
        ("x=", "x="),
        ("x= ,y", "x=,y"),
        ("!x", "!x"),
        ("x", "x"),
        ("x>1", "x>1"),
        ("x<10", "x<10"),
        ("x in (b,a,a)", "x in (a,b)"),
        ("x notin (a)", "x notin (a)"),
        ("x in ()", "x in ()"),
        ("x in (,a)", "x in (,a)"),
        ("x in (a,,b)", "x in (,a,b)"),
        ("in in (in,notin)", "in in (in,notin)"),
        ("  a = b , c\tin\n( d ) ", "a=b,c in (d)"),
        ("example.com/app=x", "example.com/app=x"),
    ],
)
def test_canonical_text(text, canonical):
    selector = parse(text)
    assert str(selector) == canonical
    assert parse(canonical) == selector


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (",", "found ',', expected: !, identifier, or 'end of string'"),
        ("=a", "found '=', expected: !, identifier, or 'end of string'"),
        ("x,", "found '', expected: identifier after ','"),
        ("x=a b", "found 'b', expected: ',' or 'end of string'"),
        ("!x=a", "found '=', expected: ',' or 'end of string'"),
        ("x y", "unable to parse requirement: found 'y', expected: in, notin, =, ==, !=, gt, lt"),
        ("!", "unable to parse requirement: found '', expected: identifier"),
        ("x==(", "unable to parse requirement: found '(', expected: identifier"),
        ("x in a", "unable to parse requirement: found 'a' expected: '('"),
        ("x in (", "unable to parse requirement: found '', expected: ',', ')' or identifier"),
        ("x in (a", "unable to parse requirement: found '', expected: ',' or ')'"),
        ("x in (a,(", "unable to parse requirement: found '(', expected: ',', or identifier"),
        ("a.=b", f'unable to parse requirement: <nil>: Invalid value: "a.": name part {KEY}'),
        (
            "x=-",
            'unable to parse requirement: values[0][x]: Invalid value: "-": a valid label must be an empty string or consist of',
        ),
        (
            "x>a",
            (
                "unable to parse requirement: values[0]: Invalid value: \"a\": for 'Gt', 'Lt' operators, the value must be"
                " an integer"
            ),
        ),
    ],
)
def test_malformed_text_is_refused_in_upstreams_words(text, message):
    with pytest.raises(SelectorError, match=f"^{re.escape(message)}"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "held", "matched"),
    [
        ("", {}, True),
        ("a=b", {"a": "b", "c": "d"}, True),
        ("a=b", {"a": "c"}, False),
        ("a=b", {}, False),
        ("a=", {}, False),
        ("a=", {"a": ""}, True),
        ("a!=b", {}, True),
        ("a!=b", {"a": "b"}, False),
        ("a in (b,c)", {"a": "c"}, True),
        ("a in (b,c)", {}, False),
        ("a notin (b,c)", {}, True),
        ("a notin (b,c)", {"a": "b"}, False),
        ("a", {"a": ""}, True),
        ("a", {}, False),
        ("!a", {}, True),
        ("!a", {"a": ""}, False),
        ("a>5", {"a": "6"}, True),
        ("a>5", {"a": "5"}, False),
        ("a<5", {"a": "4"}, True),
        ("a<5", {}, False),
        ("a<5", {"a": "x"}, False),
        ("a>5", {"a": "9223372036854775808"}, False),
        ("a=b,c!=d,e in (f,g),!h", {"a": "b", "e": "g"}, True),
        ("a=b,c!=d,e in (f,g),!h", {"a": "b", "e": "g", "h": ""}, False),
    ],
)
def test_matches(text, held, matched):
    assert parse(text).matches(held) is matched


def test_nothing_and_everything():
    assert EVERYTHING.matches({})
    assert EVERYTHING.empty
    assert not NOTHING.matches({"a": "b"})
    assert not NOTHING.empty
    assert NOTHING.add(labels.requirement("a", labels.EXISTS)) is NOTHING
    assert NOTHING != EVERYTHING
    assert labels.from_label_selector(None) is NOTHING
    assert labels.from_label_selector(LabelSelector()) is EVERYTHING
    assert labels.from_set({}) is EVERYTHING


def test_label_selector_becomes_its_requirements():
    selector = labels.from_label_selector(
        LabelSelector(
            match_labels={"b": "1", "a": "2"},
            match_expressions=(
                LabelSelectorRequirement(key="c", operator="In", values=("y", "x")),
                LabelSelectorRequirement(key="d", operator="NotIn", values=("z",)),
                LabelSelectorRequirement(key="e", operator="Exists"),
                LabelSelectorRequirement(key="f", operator="DoesNotExist"),
            ),
        )
    )
    assert str(selector) == "a=2,b=1,c in (x,y),d notin (z),e,!f"
    assert selector.matches({"a": "2", "b": "1", "c": "x", "e": ""})


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        (
            LabelSelector(
                match_expressions=(LabelSelectorRequirement(key="a", operator="Gt", values=("1",)),)
            ),
            '"Gt" is not a valid label selector operator',
        ),
        (
            LabelSelector(match_expressions=(LabelSelectorRequirement(key="a", operator="In"),)),
            "values: Invalid value: null: for 'in', 'notin' operators, values set can't be empty",
        ),
        (
            LabelSelector(
                match_expressions=(LabelSelectorRequirement(key="a", operator="Exists", values=("1",)),)
            ),
            'values: Invalid value: ["1"]: values set must be empty for exists and does not exist',
        ),
        (LabelSelector(match_labels={"-": "a"}), f'key: Invalid value: "-": name part {KEY}'),
    ],
)
def test_malformed_label_selector(selector, message):
    with pytest.raises(SelectorError, match=f"^{re.escape(message)}$"):
        labels.from_label_selector(selector)
    assert labels.format_label_selector(selector) == "<error>"


@pytest.mark.parametrize(
    ("key", "operator", "values", "message"),
    [
        (
            "a",
            "??",
            (),
            'operator: Unsupported value: "??": supported values: "in", "notin", "=", "==", "!=", "gt", "lt", "exists", "!"',
        ),
        (
            "a",
            labels.EQUALS,
            ("b", "c"),
            'values: Invalid value: ["b","c"]: exact-match compatibility requires one single value',
        ),
        (
            "a",
            labels.GREATER_THAN,
            (),
            "values: Invalid value: null: for 'Gt', 'Lt' operators, exactly one value is required",
        ),
    ],
)
def test_requirement_is_checked(key, operator, values, message):
    with pytest.raises(SelectorError, match=f"^{re.escape(message)}$"):
        labels.requirement(key, operator, values)


def test_format_label_selector():
    assert labels.format_label_selector(None) == "<none>"
    assert labels.format_label_selector(LabelSelector(match_labels={"a": "b"})) == "a=b"


def test_exact_match_can_be_asked_for():
    selector = parse("a=b,c in (d),e in (f,g),h")
    assert [selector.requires_exact_match(key) for key in "acehx"] == ["b", "d", None, None, None]


keys = st.from_regex(r"\A[a-z]([-a-z0-9]{0,5}[a-z0-9])?\Z")
values = st.from_regex(r"\A([A-Za-z0-9]([-A-Za-z0-9_.]{0,5}[A-Za-z0-9])?)?\Z")
requirements = st.one_of(
    st.builds(
        Requirement,
        keys,
        st.sampled_from([labels.EQUALS, labels.DOUBLE_EQUALS, labels.NOT_EQUALS]),
        st.tuples(values),
    ),
    st.builds(
        Requirement,
        keys,
        st.sampled_from([labels.IN, labels.NOT_IN]),
        st.sets(values, min_size=1).map(sorted).map(tuple),
    ),
    st.builds(Requirement, keys, st.sampled_from([labels.EXISTS, labels.DOES_NOT_EXIST]), st.just(())),
    st.builds(
        Requirement,
        keys,
        st.sampled_from([labels.GREATER_THAN, labels.LESS_THAN]),
        st.tuples(st.integers(0, 99).map(str)),
    ),
)
label_maps = st.dictionaries(keys, values, max_size=6)


@given(st.lists(requirements, max_size=5), label_maps)
def test_text_form_keeps_the_meaning(terms, held):
    selector = labels.Selector(terms)
    again = parse(str(selector))
    assert again.matches(held) is selector.matches(held) is all(term.matches(held) for term in terms)
    assert str(again) == str(selector)


@given(label_maps, label_maps)
def test_a_set_matches_its_supersets_only(wanted, held):
    assert labels.from_set(wanted).matches({**held, **wanted})
    assert labels.from_set(wanted).matches(held) is (wanted.items() <= held.items())
