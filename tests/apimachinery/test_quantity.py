from decimal import ROUND_UP, Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.apimachinery import quantity as q
from kube.apimachinery.quantity import Format, Quantity, QuantityError


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("0", "0"),
        ("0Ki", "0"),
        ("0.5", "500m"),
        (".5", "500m"),
        ("1.", "1"),
        ("+1", "1"),
        ("-", "0"),
        ("007", "7"),
        ("1000m", "1"),
        ("1500m", "1500m"),
        ("1.5", "1500m"),
        ("1000k", "1M"),
        ("1024", "1024"),
        ("1024Mi", "1Gi"),
        ("1500Mi", "1500Mi"),
        ("1.5Gi", "1536Mi"),
        ("0.5Ki", "512"),
        ("1023Ki", "1023Ki"),
        ("-1Ki", "-1Ki"),
        ("0.3Ki", "307200m"),
        ("1e3", "1e3"),
        ("1E3", "1e3"),
        ("12e4", "120e3"),
        ("1e-3", "1e-3"),
        ("1e0", "1"),
        ("0.1n", "1n"),
        ("-0.1n", "-1n"),
        ("1.2345", "1234500u"),
        ("1e-400", "1e-9"),
        ("8Ei", "9223372036854775807"),
        ("-8Ei", "-9223372036854775807"),
        ("1E", "1E"),
        ("1000E", "1e21"),
        ("18446744073709551616", "18446744073709551616"),
        (" 1 ", "1"),
        (1, "1"),
        (0.5, "500m"),
        (0.00001, "10u"),
        (1e22, "10e21"),
    ],
)
def test_is_canonical_from_construction(text, canonical):
    assert Quantity(text) == canonical
    assert type(Quantity(text)) is str


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"),
        ("1x", "quantities must match the regular expression"),
        ("1.5.5", "quantities must match the regular expression"),
        ("1 Gi", "quantities must match the regular expression"),
        ("1e5e", "quantities must match the regular expression"),
        (True, "quantities must match the regular expression"),
        ("\u0661", "quantities must match the regular expression"),
        ("1mm", "unable to parse quantity's suffix"),
        ("1e", "unable to parse quantity's suffix"),
        ("1gi", "quantities must match the regular expression"),
        ("1iK", "unable to parse quantity's suffix"),
        ("1e1000000000", "unable to parse quantity's suffix"),
        ("1" * 5000, "unable to parse numeric part of quantity"),
    ],
)
def test_refuses_in_upstreams_words(text, message):
    with pytest.raises(QuantityError) as error:
        Quantity(text)
    assert str(error.value).startswith(message)


def test_equal_quantities_are_one_object():
    assert Quantity("1024Mi") is Quantity("1048576Ki") is Quantity(str(b"1Gi", "ascii"))


suffixes = st.sampled_from(["n", "u", "m", "", "k", "M", "G", "T", "P", "E", "e3", "E-2", "e7"])
numbers = st.from_regex(r"\A[+-]?[0-9]{1,12}(\.[0-9]{0,12})?\Z")
_POWER = {
    "n": -9,
    "u": -6,
    "m": -3,
    "": 0,
    "k": 3,
    "M": 6,
    "G": 9,
    "T": 12,
    "P": 15,
    "E": 18,
    "e3": 3,
    "E-2": -2,
    "e7": 7,
}


@given(numbers, suffixes)
def test_decimal_amount_is_exact_down_to_nano_and_rounds_away_from_zero(number, suffix):
    exact = Decimal(number).scaleb(_POWER[suffix] + 9)
    assert q.parse_quantity(number + suffix) == int(exact.to_integral_value(ROUND_UP))


@given(st.integers(-(2**70), 2**70), st.sampled_from(list(Format)))
def test_formatting_loses_nothing_and_is_a_fixed_point(nano, style):
    text = q.format_quantity(nano, style)
    if abs(nano) < 2**63 * q.NANO:
        assert q.parse_quantity(text) == nano
    assert Quantity(text) == text
    assert "." not in text


@given(st.integers(-(10**15), 10**15), st.integers(-(10**15), 10**15))
def test_arithmetic_agrees_with_integers(a, b):
    left, right = q.from_milli(a), q.from_milli(b)
    assert q.milli_value(q.add(left, right)) == a + b
    assert q.milli_value(q.sub(left, right)) == a - b
    assert q.compare(left, right) == (a > b) - (a < b)


@pytest.mark.parametrize(
    ("left", "right", "total"),
    [
        ("1Gi", "1024Mi", "2Gi"),
        ("0", "1Gi", "1Gi"),
        ("500m", "500m", "1"),
        ("1Gi", "1", "1073741825"),
        ("1k", "1Ki", "2024"),
    ],
)
def test_a_sum_keeps_the_suffix_family_of_the_left(left, right, total):
    assert q.add(Quantity(left), Quantity(right)) == total


@pytest.mark.parametrize(
    ("text", "units", "milli"),
    [
        ("1500m", 2, 1500),
        ("-1500m", -2, -1500),
        ("1n", 1, 1),
        ("-1n", -1, -1),
        ("1Ki", 1024, 1024000),
        ("0", 0, 0),
    ],
)
def test_integer_values_round_away_from_zero(text, units, milli):
    assert q.value(Quantity(text)) == units
    assert q.milli_value(Quantity(text)) == milli


def test_round_up_keeps_what_is_already_a_multiple():
    assert q.round_up(Quantity("1Gi"), q.NANO // 1000) == "1Gi"
    assert q.round_up(Quantity("100u"), q.NANO // 1000) == "1m"


class Holder(msgspec.Struct):
    amounts: dict[str, Quantity]


def test_decodes_from_text_and_numbers_through_the_hook():
    decoded = msgspec.json.decode(
        b'{"amounts":{"a":"0.5","b":1,"c":0.25}}', type=Holder, dec_hook=lambda kind, text: kind(text)
    )
    assert decoded.amounts == {"a": "500m", "b": "1", "c": "250m"}
    assert msgspec.json.encode(decoded) == b'{"amounts":{"a":"500m","b":"1","c":"250m"}}'
