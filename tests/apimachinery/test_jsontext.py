import json
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.apimachinery import jsontext
from kube.apimachinery.jsontext import JsonSyntaxError

trees = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(trees, st.sampled_from([None, 1]), st.booleans())
def test_both_readers_agree_with_the_standard_one(tree, indent, ascii_only):
    text = json.dumps(tree, indent=indent, ensure_ascii=ascii_only).encode()
    assert jsontext.parse(text) == tree
    assert jsontext.plain(jsontext.parse_exact(text)) == tree


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "unexpected end of JSON input"),
        ("{", "unexpected end of JSON input"),
        ('{"a":1,', "unexpected end of JSON input"),
        ('"abc', "unexpected end of JSON input"),
        ("tru", "unexpected end of JSON input"),
        ("-", "unexpected end of JSON input"),
        ("x", "invalid character 'x' looking for beginning of value"),
        ("'a'", "invalid character '\\'' looking for beginning of value"),
        ("[1,]", "invalid character ']' looking for beginning of value"),
        ('{"a":1,}', "invalid character '}' looking for beginning of object key string"),
        ("{a:1}", "invalid character 'a' looking for beginning of object key string"),
        ('{"a" 1}', "invalid character '1' after object key"),
        ('{"a":1 "b"}', "invalid character '\"' after object key:value pair"),
        ('{"a":[1,{"b":"]"]}', "invalid character ']' after object key:value pair"),
        ("[1 2]", "invalid character '2' after array element"),
        ("1 2", "invalid character '2' after top-level value"),
        ("trux", "invalid character 'x' in literal true (expecting 'e')"),
        ("-x", "invalid character 'x' in numeric literal"),
        ("[1.]", "invalid character ']' after decimal point in numeric literal"),
        ("[1e]", "invalid character ']' in exponent of numeric literal"),
        ('"a\nb"', "invalid character '\\n' in string literal"),
        ('"\\x"', "invalid character 'x' in string escape code"),
        ('"\\u12g4"', "invalid character 'g' in \\u hexadecimal character escape"),
        ("NaN", "invalid character 'N' looking for beginning of value"),
        ("-Infinity", "invalid character 'I' in numeric literal"),
        ("[" * 100_000, "exceeded max depth"),
    ],
    ids=lambda value: value[:30],
)
def test_malformed_text_is_refused_in_gos_words(text, message):
    for read in (jsontext.parse, jsontext.parse_exact):
        with pytest.raises(JsonSyntaxError, match=f"^{re.escape(message)}$"):
            read(text.encode())


@given(trees, st.integers(0), st.sampled_from(['"', "\\", "{", "x", ",", "]"]))
def test_damaged_text_never_escapes_as_another_error(tree, where, damage):
    text = json.dumps(tree, ensure_ascii=False)
    where %= len(text)
    damaged = (text[:where] + damage + text[where + 1 :]).encode()
    try:
        expected = json.loads(damaged)
    except ValueError:
        with pytest.raises(JsonSyntaxError):
            jsontext.parse(damaged)
    else:
        assert jsontext.parse(damaged) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'"\xff"', "\ufffd"),
        (rb'"\ud800"', "\ufffd"),
        (rb'"\\ud800"', "\\ud800"),
        (rb'"\ud83d\ude00"', "\U0001f600"),
    ],
)
def test_bad_unicode_is_replaced_as_go_does(text, value):
    assert jsontext.parse(text) == value


def test_the_exact_reader_keeps_repetitions_and_the_spelling_of_numbers():
    tree = jsontext.parse_exact(b'{"a":1e3,"a":[1.50,2]}')
    assert [key for key, _ in tree] == ["a", "a"]
    assert bytes(tree[0][1]) == b"1e3"
    assert msgspec.json.encode(tree[1][1]) == b"[1.50,2]"
    assert jsontext.plain(tree) == {"a": [1.5, 2]}


@given(trees, st.booleans())
def test_a_text_without_repeated_keys_is_not_suspected(tree, ascii_only):
    text = json.dumps(tree, ensure_ascii=ascii_only).encode()
    assert b"\\u003" in text or not jsontext.may_repeat_keys(text)


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":1}',
        b'{"a":{"b":[{"c":":","c":":"}]}}',
        b'{"a":1, "\\u0061" : 2}',
        b'{"a":1,"a":"\\u003a"}',
        b'{"a:":1,"a:":2}',
    ],
)
def test_a_repeated_key_is_suspected(text):
    assert jsontext.may_repeat_keys(text)
