import json
import re

import pytest
import yaml as pyyaml
from hypothesis import given
from hypothesis import strategies as st

from kube.apimachinery.yaml import YamlError, yaml_to_json


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("a", "a"),
        ("{a: 1, b: [x, {c: d}]}", {"a": 1, "b": ["x", {"c": "d"}]}),
        ("[yes, On, y, TRUE, no, Off, n]", [True, True, True, True, False, False, False]),
        ("['yes', \"no\", yEs]", ["yes", "no", "yEs"]),
        ("[~, null, Null, '', ]", [None, None, None, ""]),
        ("a:", {"a": None}),
        ("[10, -5, +5, 1_000, 010, 0o17, 0x1F, 0b101, -0b11]", [10, -5, 5, 1000, 8, 15, 31, 5, -3]),
        (
            "[08, 12:30, 2024-01-31, 2024-01-31T00:00:00Z, 1.2.3]",
            [8.0, "12:30", "2024-01-31", "2024-01-31T00:00:00Z", "1.2.3"],
        ),
        ("[1.0, 1.5, .5, 1e3, 1.5e-3, 1e22]", [1, 1.5, 0.5, 1000, 0.0015, 1e22]),
        ("[18446744073709551616]", [18446744073709551616]),
        ("{1: a, true: b, 1.5: c, 'x': d}", {"1": "a", "true": "b", "1.5": "c", "x": "d"}),
        ("[!!str 1, !!int '5', !!float 3, !!custom 7, !!binary aGk=]", ["1", 5, 3, "7", "hi"]),
        ("a: &x {b: 1}\nc: *x\nd: [*x, *x]", {"a": {"b": 1}, "c": {"b": 1}, "d": [{"b": 1}, {"b": 1}]}),
        ("a: &x {b: 1, c: 1}\nd: {<<: *x, c: 2}", {"a": {"b": 1, "c": 1}, "d": {"b": 1, "c": 2}}),
        (
            "a: &x {b: 1}\nc: &y {b: 2, e: 3}\nd: {<<: [*x, *y]}",
            {"a": {"b": 1}, "c": {"b": 2, "e": 3}, "d": {"b": 1, "e": 3}},
        ),
        ("a: |\n  x\n  y\nb: >\n  x\n  y\n", {"a": "x\ny\n", "b": "x y\n"}),
        ("[<<]", ["<<"]),
        ("--- {a: 1}\n", {"a": 1}),
    ],
)
def test_reads_as_go_yaml_does(text, value):
    repeated = []
    assert json.loads(yaml_to_json(text.encode(), repeated)) == value
    assert repeated == []


def test_floats_without_a_fraction_are_written_as_integers():
    assert yaml_to_json(b"[1.0, 1e3]") == b"[1,1000]"


def test_repeated_keys_are_complained_of_and_the_last_counts():
    text = b"a: 1\nb:\n  c: 1\n  c: 2\na: 3\n"
    repeated = []
    assert json.loads(yaml_to_json(text, repeated)) == {"a": 3, "b": {"c": 2}}
    assert repeated == [
        'yaml: unmarshal errors:\n  line 4: key "c" already set in map\n  line 5: key "a" already set in map'
    ]
    assert yaml_to_json(text) == yaml_to_json(text, [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: b: c", "yaml: line 1: mapping values are not allowed in this context"),
        ("\ta", "yaml: line 1: found character that cannot start any token"),
        ("a: 1\n---\nb: 2", "yaml: expected a single document in the stream, but found another document"),
        ("a: *x", "yaml: unknown anchor 'x' referenced"),
        ("a: &x [*x]", "yaml: anchor 'x' value contains itself"),
        ("? [a]\n: b", "yaml: invalid map key: [a]"),
        ("a: {<<: 1}", "yaml: map merge requires map or sequence of maps as the value"),
        ("a: .inf", "json: unsupported value: +Inf"),
        ("a: .nan", "json: unsupported value: NaN"),
        ("!!int x", "yaml: cannot decode !!str `x` as a !!int"),
        ("!!binary '*'", "yaml: !!binary value contains invalid base64 data"),
        ("a: \x00", "yaml: control characters are not allowed"),
        ("[" * 100_000, "yaml: exceeded max depth of 500"),
        ("- " * 100_000 + "a", "yaml: exceeded max depth of 500"),
    ],
    ids=lambda value: value[:30],
)
def test_refuses(text, message):
    with pytest.raises(YamlError, match=f"^{re.escape(message)}$"):
        yaml_to_json(text.encode())


def test_bytes_that_are_no_text_are_refused():
    with pytest.raises(YamlError, match=r"^yaml: invalid leading UTF-8 octet$"):
        yaml_to_json(b"a: \xff")


def test_anchors_cannot_blow_a_document_up():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(YamlError, match=r"^yaml: document contains excessive aliasing$"):
        yaml_to_json("\n".join(lines).encode())


trees = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abcdef", max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


class Quoted(pyyaml.SafeDumper):
    """Quotes strings: PyYAML takes some for plain ones that go-yaml reads as booleans or numbers (`y`, `0o17`)."""


Quoted.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)


@given(trees, st.booleans())
def test_what_is_written_as_yaml_is_read_back(tree, flow):
    text = pyyaml.dump(tree, Dumper=Quoted, default_flow_style=flow, allow_unicode=True)
    assert json.loads(yaml_to_json(text.encode())) == tree


@given(trees)
def test_json_is_yaml(tree):
    assert json.loads(yaml_to_json(json.dumps(tree, ensure_ascii=False).encode())) == tree
