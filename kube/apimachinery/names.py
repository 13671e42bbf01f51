"""What may be a name, a label, a port name and the like, with upstream's complaints.

Each check returns the complaints about a value, none when it is sound. Sources: k8s.io/apimachinery/pkg/util/validation,
pkg/api/validate/content and pkg/api/validation.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from kube.base.chance import Chance

Complaints = tuple[str, ...]
NameCheck = Callable[[str, bool], Complaints]
"""Checks an object's name, or (second argument true) the prefix that a name will be generated from."""

DNS1123_LABEL_MAX: Final = 63
DNS1123_SUBDOMAIN_MAX: Final = 253
DNS1035_LABEL_MAX: Final = 63
LABEL_VALUE_MAX: Final = 63
PORT_NAME_MAX: Final = 15

_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN: Final = rf"{_LABEL}(\.{_LABEL})*"
_UNDERSCORE_LABEL: Final = "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_UNDERSCORE_SUBDOMAIN: Final = rf"{_UNDERSCORE_LABEL}(\.{_UNDERSCORE_LABEL})*"
_DNS1035: Final = "[a-z]([-a-z0-9]*[a-z0-9])?"
_NAME_PART: Final = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE: Final = f"({_NAME_PART})?"
_C_IDENTIFIER: Final = "[A-Za-z_][A-Za-z0-9_]*"
_ENV_NAME: Final = "[-._a-zA-Z][-._a-zA-Z0-9]*"
_CONFIG_KEY: Final = "[-._a-zA-Z0-9]+"
_PERCENT: Final = "[0-9]+%"
_HEADER: Final = "[-A-Za-z0-9]+"
_HTTP_PATH: Final = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"

_LABEL_RE: Final = re.compile(_LABEL)
_SUBDOMAIN_RE: Final = re.compile(_SUBDOMAIN)
_UNDERSCORE_SUBDOMAIN_RE: Final = re.compile(_UNDERSCORE_SUBDOMAIN)
_WILDCARD_RE: Final = re.compile(r"\*\." + _SUBDOMAIN)
_DNS1035_RE: Final = re.compile(_DNS1035)
_NAME_PART_RE: Final = re.compile(_NAME_PART)
_VALUE_RE: Final = re.compile(_VALUE)
_SOUND_KEY_RE: Final = re.compile(rf"(?:(?=[^/]{{1,253}}/){_SUBDOMAIN}/)?(?=[^/]{{1,63}}\Z){_NAME_PART}")
_C_IDENTIFIER_RE: Final = re.compile(_C_IDENTIFIER)
_ENV_NAME_RE: Final = re.compile(_ENV_NAME)
_RELAXED_ENV_NAME_RE: Final = re.compile(r"[ -<>-~]+")
_CONFIG_KEY_RE: Final = re.compile(_CONFIG_KEY)
_PERCENT_RE: Final = re.compile(_PERCENT)
_HEADER_RE: Final = re.compile(_HEADER)
_HTTP_PATH_RE: Final = re.compile(_HTTP_PATH)
_PORT_NAME_RE: Final = re.compile("[-a-z0-9]+")
_LETTER_RE: Final = re.compile("[a-z]")

MUST_BE_NON_EMPTY: Final = "must be non-empty"


def regex_complaint(message: str, pattern: str, *examples: str) -> str:
    """Upstream's sentence about a value that does not match a pattern."""
    if not examples:
        return f"{message} (regex used for validation is '{pattern}')"
    listed = " or ".join(f"'{example}', " for example in examples)
    return f"{message} (e.g. {listed}regex used for validation is '{pattern}')"


def max_length_complaint(length: int) -> str:
    return f"must be no more than {length} characters"


def _max_bytes_complaint(length: int) -> str:
    return f"must be no more than {length} bytes"


def range_complaint(low: int, high: int) -> str:
    return f"must be between {low} and {high}, inclusive"


_LABEL_COMPLAINT: Final = regex_complaint(
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with"
    " an alphanumeric character",
    _LABEL,
    "my-name",
    "123-abc",
)
_SUBDOMAIN_COMPLAINT: Final = regex_complaint(
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and"
    " end with an alphanumeric character",
    _SUBDOMAIN,
    "example.com",
)
_UNDERSCORE_SUBDOMAIN_COMPLAINT: Final = regex_complaint(
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start"
    " and end with an alphanumeric character",
    _UNDERSCORE_SUBDOMAIN,
    "example.com",
)
_WILDCARD_COMPLAINT: Final = regex_complaint(
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower"
    " case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
    r"\*\." + _SUBDOMAIN,
    "*.example.com",
)
_DNS1035_COMPLAINT: Final = regex_complaint(
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and"
    " end with an alphanumeric character",
    _DNS1035,
    "my-name",
    "abc-123",
)
_KEY_COMPLAINT: Final = regex_complaint(
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    _NAME_PART,
    "MyName",
    "my.name",
    "123-abc",
)
_VALUE_COMPLAINT: Final = regex_complaint(
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and"
    " end with an alphanumeric character",
    _VALUE,
    "MyValue",
    "my_value",
    "12345",
)
_C_IDENTIFIER_COMPLAINT: Final = regex_complaint(
    "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters"
    " or '_'",
    _C_IDENTIFIER,
    "my_name",
    "MY_NAME",
    "MyName",
)
_ENV_NAME_COMPLAINT: Final = regex_complaint(
    "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not"
    " start with a digit",
    _ENV_NAME,
    "my.env-name",
    "MY_ENV.NAME",
    "MyEnvName1",
)
_CONFIG_KEY_COMPLAINT: Final = regex_complaint(
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
    _CONFIG_KEY,
    "key.name",
    "KEY_NAME",
    "key-name",
)
_PERCENT_COMPLAINT: Final = regex_complaint(
    "a valid percent string must be a numeric string followed by an ending '%'", _PERCENT, "1%", "93%"
)
_HEADER_COMPLAINT: Final = regex_complaint(
    "a valid HTTP header must consist of alphanumeric characters or '-'", _HEADER, "X-Header-Name"
)


def longer_than(value: str, limit: int) -> bool:
    """Whether the UTF-8 form has more than `limit` bytes (Go counts bytes)."""
    if len(value) > limit:
        return True
    return not value.isascii() and len(value.encode(errors="surrogatepass")) > limit


def _check(value: str, pattern: re.Pattern[str], complaint: str, limit: int) -> Complaints:
    too_long = longer_than(value, limit)
    if pattern.fullmatch(value):
        return (max_length_complaint(limit),) if too_long else ()
    return (max_length_complaint(limit), complaint) if too_long else (complaint,)


def dns1123_label(value: str) -> Complaints:
    """A DNS label (RFC 1123): at most 63 of `a-z0-9-`."""
    complaint = (
        "must not contain dots" if "." in value and _SUBDOMAIN_RE.fullmatch(value) else _LABEL_COMPLAINT
    )
    return _check(value, _LABEL_RE, complaint, DNS1123_LABEL_MAX)


def dns1123_subdomain(value: str) -> Complaints:
    """Labels joined by dots (RFC 1123), at most 253 characters."""
    return _check(value, _SUBDOMAIN_RE, _SUBDOMAIN_COMPLAINT, DNS1123_SUBDOMAIN_MAX)


def dns1123_subdomain_with_underscore(value: str) -> Complaints:
    return _check(value, _UNDERSCORE_SUBDOMAIN_RE, _UNDERSCORE_SUBDOMAIN_COMPLAINT, DNS1123_SUBDOMAIN_MAX)


def wildcard_dns1123_subdomain(value: str) -> Complaints:
    """`*.` and a subdomain (RFC 1034 section 4.3.3)."""
    return _check(value, _WILDCARD_RE, _WILDCARD_COMPLAINT, DNS1123_SUBDOMAIN_MAX)


def dns1035_label(value: str) -> Complaints:
    """A DNS label that begins with a letter (RFC 1035)."""
    return _check(value, _DNS1035_RE, _DNS1035_COMPLAINT, DNS1035_LABEL_MAX)


def label_key(value: str) -> Complaints:
    """A qualified name: an optional subdomain and a slash, then at most 63 of `A-Za-z0-9-_.`."""
    if _SOUND_KEY_RE.fullmatch(value):
        return ()
    prefix, slash, name = value.partition("/")
    if not slash:
        prefix, name = "", value
    elif "/" in name:
        example = "(e.g. 'example.com/MyName')"
        return (
            f"a valid label key {_KEY_COMPLAINT} with an optional DNS subdomain prefix and '/' {example}",
        )
    complaints: list[str] = []
    if slash and not prefix:
        complaints.append(f"prefix part {MUST_BE_NON_EMPTY}")
    elif slash:
        if longer_than(prefix, DNS1123_SUBDOMAIN_MAX):
            complaints.append(f"prefix part {_max_bytes_complaint(DNS1123_SUBDOMAIN_MAX)}")
        if not _SUBDOMAIN_RE.fullmatch(prefix):
            complaints.append(f"prefix part {_SUBDOMAIN_COMPLAINT}")
    if not name:
        complaints.append(f"name part {MUST_BE_NON_EMPTY}")
    elif longer_than(name, LABEL_VALUE_MAX):
        complaints.append(f"name part {_max_bytes_complaint(LABEL_VALUE_MAX)}")
    if not _NAME_PART_RE.fullmatch(name):
        complaints.append(f"name part {_KEY_COMPLAINT}")
    return tuple(complaints)


qualified_name = label_key


def label_value(value: str) -> Complaints:
    """Empty, or at most 63 of `A-Za-z0-9-_.`."""
    too_long = (_max_bytes_complaint(LABEL_VALUE_MAX),) if longer_than(value, LABEL_VALUE_MAX) else ()
    return too_long if _VALUE_RE.fullmatch(value) else (*too_long, _VALUE_COMPLAINT)


def c_identifier(value: str) -> Complaints:
    return () if _C_IDENTIFIER_RE.fullmatch(value) else (_C_IDENTIFIER_COMPLAINT,)


def _dot_dot(value: str) -> Complaints:
    if value in (".", ".."):
        return (f"must not be '{value}'",)
    return ("must not start with '..'",) if value.startswith("..") else ()


def strict_env_var_name(value: str) -> Complaints:
    """The name of an environment variable before it was relaxed (1.30)."""
    wrong = () if _ENV_NAME_RE.fullmatch(value) else (_ENV_NAME_COMPLAINT,)
    return (*wrong, *_dot_dot(value))


def env_var_name(value: str) -> Complaints:
    """The name of an environment variable: printable ASCII but `=`."""
    if not value:
        return (f"environment variable name {MUST_BE_NON_EMPTY}",)
    if _RELAXED_ENV_NAME_RE.fullmatch(value):
        return ()
    return (
        "a valid environment variable name must consist only of printable ASCII characters other than '='",
    )


def config_map_key(value: str) -> Complaints:
    """A key of a ConfigMap or Secret."""
    return (*_check(value, _CONFIG_KEY_RE, _CONFIG_KEY_COMPLAINT, DNS1123_SUBDOMAIN_MAX), *_dot_dot(value))


def in_range(value: int, low: int, high: int) -> Complaints:
    return () if low <= value <= high else (range_complaint(low, high),)


def port_number(value: int) -> Complaints:
    return in_range(value, 1, 65535)


def user_id(value: int) -> Complaints:
    return in_range(value, 0, 2**32 - 1)


group_id = user_id


def port_name(value: str) -> Complaints:
    """An IANA service name (RFC 6335), lower case: at most 15 of `a-z0-9-`, one letter at least."""
    complaints: list[str] = []
    if longer_than(value, PORT_NAME_MAX):
        complaints.append(max_length_complaint(PORT_NAME_MAX))
    if not _PORT_NAME_RE.fullmatch(value):
        complaints.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not _LETTER_RE.search(value):
        complaints.append("must contain at least one letter (a-z)")
    if "--" in value:
        complaints.append("must not contain consecutive hyphens")
    if value.startswith("-") or value.endswith("-"):
        complaints.append("must not begin or end with a hyphen")
    return tuple(complaints)


def percent(value: str) -> Complaints:
    return () if _PERCENT_RE.fullmatch(value) else (_PERCENT_COMPLAINT,)


def http_header_name(value: str) -> Complaints:
    return () if _HEADER_RE.fullmatch(value) else (_HEADER_COMPLAINT,)


def http_path(value: str) -> Complaints:
    return () if _HTTP_PATH_RE.fullmatch(value) else (regex_complaint("Invalid path", _HTTP_PATH),)


# Names of objects. `prefix` is true for metadata.generateName, of which a trailing dash will not stay the end.


def _mask_trailing_dash(name: str) -> str:
    return f"{name[:-2]}a" if len(name) > 1 and name.endswith("-") else name


def name_is_dns_subdomain(name: str, prefix: bool = False) -> Complaints:
    return dns1123_subdomain(_mask_trailing_dash(name) if prefix else name)


def name_is_dns_label(name: str, prefix: bool = False) -> Complaints:
    return dns1123_label(_mask_trailing_dash(name) if prefix else name)


def name_is_dns1035_label(name: str, prefix: bool = False) -> Complaints:
    return dns1035_label(_mask_trailing_dash(name) if prefix else name)


def path_segment_name(name: str, prefix: bool = False) -> Complaints:
    """A name that can be one segment of a URL path (the names of RBAC objects)."""
    if not prefix and name in (".", ".."):
        return (f"may not be '{name}'",)
    return tuple(f"may not contain '{char}'" for char in "/%" if char in name)


GENERATED_SUFFIX_LENGTH: Final = 5
GENERATED_PREFIX_MAX: Final = 63 - GENERATED_SUFFIX_LENGTH


def generate_name(prefix: str, chance: Chance) -> str:
    """A name from metadata.generateName: at most 58 characters of it and five random ones."""
    return prefix[:GENERATED_PREFIX_MAX] + chance.suffix(GENERATED_SUFFIX_LENGTH)
