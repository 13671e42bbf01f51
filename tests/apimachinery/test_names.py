import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.apimachinery import names
from kube.base.chance import Chance

LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an"
    " alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end"
    " with an alphanumeric character (e.g. 'example.com', regex used for validation is"
    " '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
DNS1035 = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and"
    " end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is"
    " '[a-z]([-a-z0-9]*[a-z0-9])?')"
)
KEY = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g."
    " 'MyName',  or 'my.name',  or '123-abc', regex used for validation is"
    " '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end"
    " with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is"
    " '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


@pytest.mark.parametrize(
    ("check", "value", "complaints"),
    [
        (names.dns1123_label, "a-1", ()),
        (names.dns1123_label, "a" * 63, ()),
        (names.dns1123_label, "a" * 64, ("must be no more than 63 characters",)),
        (names.dns1123_label, "a.b", ("must not contain dots",)),
        (names.dns1123_label, "", (LABEL,)),
        (names.dns1123_label, "A", (LABEL,)),
        (names.dns1123_label, "a\n", (LABEL,)),
        (names.dns1123_label, "-" * 64, ("must be no more than 63 characters", LABEL)),
        (names.dns1123_subdomain, "a.b-c.d", ()),
        (names.dns1123_subdomain, "a..b", (SUBDOMAIN,)),
        (names.dns1123_subdomain, "a.", (SUBDOMAIN,)),
        (names.dns1123_subdomain, "a" * 254, ("must be no more than 253 characters",)),
        (names.dns1123_subdomain_with_underscore, "_a.b_c", ()),
        (names.wildcard_dns1123_subdomain, "*.example.com", ()),
        (names.dns1035_label, "a1", ()),
        (names.dns1035_label, "1a", (DNS1035,)),
        (names.label_key, "app", ()),
        (names.label_key, "app.kubernetes.io/name", ()),
        (names.label_key, "a" * 253 + "/" + "b" * 63, ()),
        (names.label_key, "", ("name part must be non-empty", f"name part {KEY}")),
        (names.label_key, "/a", ("prefix part must be non-empty",)),
        (names.label_key, "a/", ("name part must be non-empty", f"name part {KEY}")),
        (names.label_key, "A/b", (f"prefix part {SUBDOMAIN}",)),
        (names.label_key, "a" * 254 + "/b", ("prefix part must be no more than 253 bytes",)),
        (names.label_key, "b" * 64, ("name part must be no more than 63 bytes",)),
        (names.label_key, "a b", (f"name part {KEY}",)),
        (
            names.label_key,
            "a/b/c",
            (
                f"a valid label key {KEY} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
            ),
        ),
        (names.label_value, "", ()),
        (names.label_value, "A_b.c-1", ()),
        (names.label_value, "a" * 64, ("must be no more than 63 bytes",)),
        (names.label_value, "-", (VALUE,)),
        (names.c_identifier, "my_Name1", ()),
        (names.env_var_name, "my name", ()),
        (names.env_var_name, "", ("environment variable name must be non-empty",)),
        (
            names.env_var_name,
            "a=b",
            (
                "a valid environment variable name must consist only of printable ASCII characters other than '='",
            ),
        ),
        (names.strict_env_var_name, "..", ("must not be '..'",)),
        (names.config_map_key, "ca.crt", ()),
        (names.config_map_key, "..", ("must not be '..'",)),
        (names.config_map_key, ".", ("must not be '.'",)),
        (names.config_map_key, "..a", ("must not start with '..'",)),
        (names.port_number, 0, ("must be between 1 and 65535, inclusive",)),
        (names.port_number, 65535, ()),
        (names.port_name, "http-2", ()),
        (names.port_name, "a" * 16, ("must be no more than 15 characters",)),
        (
            names.port_name,
            "",
            (
                "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
                "must contain at least one letter (a-z)",
            ),
        ),
        (
            names.port_name,
            "8--0",
            ("must contain at least one letter (a-z)", "must not contain consecutive hyphens"),
        ),
        (names.port_name, "-a", ("must not begin or end with a hyphen",)),
        (names.percent, "25%", ()),
        (names.path_segment_name, "a:b", ()),
        (names.path_segment_name, "..", ("may not be '..'",)),
        (names.path_segment_name, "a/%", ("may not contain '/'", "may not contain '%'")),
    ],
)
def test_complains_in_upstreams_words(check, value, complaints):
    assert check(value) == complaints


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (names.c_identifier, "1a"),
        (names.strict_env_var_name, "1a"),
        (names.config_map_key, "a/b"),
        (names.percent, "25"),
        (names.http_header_name, "a b"),
        (names.http_path, "a b"),
        (names.dns1123_subdomain_with_underscore, "a_"),
        (names.wildcard_dns1123_subdomain, "a.*.b"),
    ],
)
def test_quotes_the_pattern_that_failed(check, value):
    (complaint,) = check(value)
    assert re.search(r"regex used for validation is '.+'\)$", complaint)


@pytest.mark.parametrize(
    ("check", "prefix", "sound"),
    [
        (names.name_is_dns_subdomain, "web-", True),
        (names.name_is_dns_label, "web.", False),
        (names.name_is_dns1035_label, "1web-", False),
        (names.name_is_dns_label, "-", False),
        (names.path_segment_name, "..", True),
    ],
)
def test_a_prefix_may_end_in_a_dash(check, prefix, sound):
    assert (check(prefix, True) == ()) is sound


def test_bytes_are_counted_not_characters():
    assert "must be no more than 63 bytes" in names.label_value("\u00e9" * 32)
    assert "must be no more than 63 bytes" not in names.label_value("\u00e9" * 31)


@given(st.from_regex(r"\A[a-z0-9]([-a-z0-9]{0,80}[a-z0-9])?-?\Z"), st.integers())
def test_a_generated_name_is_a_label_and_keeps_its_prefix(prefix, seed):
    name = names.generate_name(prefix, Chance(seed))
    assert names.dns1123_label(name) == ()
    assert name[:-5] == prefix[:58]
    assert name == names.generate_name(prefix, Chance(seed))


@pytest.mark.parametrize("check", [names.dns1123_subdomain, names.label_key, names.label_value])
def test_a_long_value_costs_little(check):
    value = "".join(random.Random(1).choices("a-.", k=1_000_000)) + "!"
    assert check(value)
