import pytest

from kube.apimachinery.gofmt import plain, quote


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("", '""'),
        ("a b", '"a b"'),
        ('a"b\\', '"a\\"b\\\\"'),
        ("\n\t\x00\x7f", '"\\n\\t\\x00\\x7f"'),
        ("caf\u00e9", '"caf\u00e9"'),
        ("\u200b\U000e0001", '"\\u200b\\U000e0001"'),
    ],
)
def test_quote_is_gos_q(text, quoted):
    assert quote(text) == quoted


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "<nil>"),
        (True, "true"),
        ("x y", "x y"),
        (1, "1"),
        (2.0, "2"),
        (1.5, "1.5"),
        ({"b": [1, "x"], "a": None}, "map[a:<nil> b:[1 x]]"),
        ((), "[]"),
    ],
)
def test_plain_is_gos_v(value, text):
    assert plain(value) == text
