"""The leaf checks that the rules of every kind share: names, numbers, ports, paths, addresses.

The name checks of ``apimachinery.names`` are cached here: the same labels, names and keys come by again and again.
A ``validate_*`` function appends what is wrong to ``errors``.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from msgspec import Raw

from kube.apimachinery import names
from kube.apimachinery.field import FieldError, Path, invalid, not_supported, required

Errors = list[FieldError]
Validator = Callable[[Any, Path, Errors], None]

IMMUTABLE: Final = "field is immutable"
NEGATIVE: Final = "must be greater than or equal to 0"
NOT_POSITIVE: Final = "must be greater than zero"
NOT_INTEGER: Final = "must be an integer"
FILE_MODE: Final = "must be a number between 0 and 0777 (octal), both inclusive"
MAX_INT32: Final = 2**31 - 1

_REMEMBERED: Final = 16384

label_key = lru_cache(_REMEMBERED)(names.label_key)
label_value = lru_cache(_REMEMBERED)(names.label_value)
dns1123_label = lru_cache(_REMEMBERED)(names.dns1123_label)
dns1123_subdomain = lru_cache(_REMEMBERED)(names.dns1123_subdomain)
name_is_dns_subdomain = lru_cache(_REMEMBERED)(names.name_is_dns_subdomain)
name_is_dns_label = lru_cache(_REMEMBERED)(names.name_is_dns_label)
name_is_dns1035_label = lru_cache(_REMEMBERED)(names.name_is_dns1035_label)
port_name = lru_cache(_REMEMBERED)(names.port_name)
env_var_name = lru_cache(_REMEMBERED)(names.env_var_name)
config_map_key = lru_cache(_REMEMBERED)(names.config_map_key)
qualified_name = label_key


def shown(value: Mapping[Any, Any] | Sequence[Any]) -> Any:
    """A list or map as a bad value: an empty one is a nil one to upstream, and prints as null."""
    if not value:
        return Raw(b"null")
    return dict(value) if isinstance(value, Mapping) else value


def report(path: Path, value: object, complaints: Iterable[str], errors: Errors) -> None:
    """One Invalid for each complaint."""
    for complaint in complaints:
        errors.append(invalid(path, value, complaint))


def validate_nonnegative(value: int, path: Path, errors: Errors) -> None:
    if value < 0:
        errors.append(invalid(path, value, NEGATIVE))


def validate_immutable(new: object, old: object, path: Path, errors: Errors) -> None:
    if new != old:
        errors.append(invalid(path, new, IMMUTABLE))


def validate_one_of(value: str, supported: tuple[str, ...], path: Path, errors: Errors) -> None:
    """An enum value that must be set: Required when empty, else one of ``supported``."""
    if value not in supported:
        errors.append(not_supported(path, value, supported) if value else required(path))


def validate_port_number_or_name(port: int | str, path: Path, errors: Errors) -> None:
    if type(port) is int:
        if not 1 <= port <= 65535:
            report(path, port, names.port_number(port), errors)
    elif complaints := port_name(port):
        report(path, port, complaints, errors)


def validate_dns1123_label(value: str, path: Path, errors: Errors) -> None:
    if complaints := dns1123_label(value):
        report(path, value, complaints, errors)


def validate_qualified_name(value: str, path: Path, errors: Errors) -> None:
    if complaints := label_key(value):
        report(path, value, complaints, errors)


def validate_no_backsteps(target: str, path: Path, errors: Errors) -> None:
    """A path without ``..`` elements."""
    if ".." in target and ".." in target.split("/"):
        errors.append(invalid(path, target, "must not contain '..'"))


def validate_local_descending_path(target: str, path: Path, errors: Errors) -> None:
    """A relative path that stays below where it starts."""
    if target.startswith("/"):
        errors.append(invalid(path, target, "must be a relative path"))
    validate_no_backsteps(target, path, errors)


def validate_local_non_reserved_path(target: str, path: Path, errors: Errors) -> None:
    """As above, and not beginning with ``..``, which volumes keep for themselves."""
    validate_local_descending_path(target, path, errors)
    if target.startswith("..") and not target.startswith("../"):
        errors.append(invalid(path, target, "must not start with '..'"))


def validate_file_mode(mode: int | None, path: Path, errors: Errors) -> None:
    if mode is not None and not 0 <= mode <= 0o777:
        errors.append(invalid(path, mode, FILE_MODE))


# Addresses: the strict forms of upstream's StrictIPCIDRValidation.

_NOT_AN_IP: Final = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
_NOT_A_CIDR: Final = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
_LEADING_ZEROS: Final = re.compile(r"(?<![0-9a-fA-F:])0+(?=[0-9])")

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@lru_cache(_REMEMBERED)
def parse_ip(text: str) -> IPAddress | None:
    """The address, leading zeros of decimal parts tolerated; None if it is none."""
    if "%" in text:
        return None
    try:
        return ipaddress.ip_address(_LEADING_ZEROS.sub("", text) if "." in text else text)
    except ValueError:
        return None


def is_ipv6(text: str) -> bool:
    address = parse_ip(text)
    return address is not None and address.version == 6 and address.ipv4_mapped is None


@lru_cache(_REMEMBERED)
def ip_complaints(text: str) -> tuple[str, ...]:
    address = parse_ip(text)
    if address is None:
        return (_NOT_AN_IP,)
    if address.version == 6 and address.ipv4_mapped is not None:
        return ("must not be an IPv4-mapped IPv6 address",)
    if "." in text and _LEADING_ZEROS.search(text):
        return ("must not have leading 0s",)
    return ()


@lru_cache(_REMEMBERED)
def cidr_complaints(text: str) -> tuple[str, ...]:
    prefix, slash, length = text.partition("/")
    address = parse_ip(prefix)
    if address is None or not slash or not length.isascii() or not length.isdigit():
        return (_NOT_A_CIDR,)
    if int(length) > address.max_prefixlen:
        return (_NOT_A_CIDR,)
    if (len(length) > 1 and length[0] == "0") or ("." in prefix and _LEADING_ZEROS.search(prefix)):
        return ("must not have leading 0s in IP or prefix length",)
    if address.version == 6 and address.ipv4_mapped is not None:
        return ("must not have an IPv4-mapped IPv6 address",)
    if int(address) & ((1 << (address.max_prefixlen - int(length))) - 1):
        return ("must not have bits set beyond the prefix length",)
    return ()


def validate_ip(text: str, path: Path, errors: Errors) -> None:
    if complaints := ip_complaints(text):
        report(path, text, complaints, errors)


def validate_cidr(text: str, path: Path, errors: Errors) -> None:
    if complaints := cidr_complaints(text):
        report(path, text, complaints, errors)


def is_dual_stack(addresses: Iterable[str]) -> bool:
    """Whether there is an address of each family; the texts are addresses or CIDRs that have been validated."""
    families = {is_ipv6(address.partition("/")[0]) for address in addresses}
    return len(families) == 2


def validate_non_special_ip(text: str, path: Path, errors: Errors) -> None:
    """An address that can be an endpoint: neither unspecified, loopback nor link-local."""
    address = parse_ip(text)
    if address is None:
        errors.append(invalid(path, text, "must be a valid IP address"))
        return
    if address.is_unspecified:
        errors.append(invalid(path, text, f"may not be unspecified ({text})"))
    if address.is_loopback:
        errors.append(invalid(path, text, "may not be in the loopback range (127.0.0.0/8, ::1/128)"))
    if address.is_link_local:
        errors.append(invalid(path, text, "may not be in the link-local range (169.254.0.0/16, fe80::/10)"))
    if any(address in network for network in _LINK_LOCAL_MULTICAST if network.version == address.version):
        errors.append(
            invalid(path, text, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")
        )


_LINK_LOCAL_MULTICAST: Final = (ipaddress.ip_network("224.0.0.0/24"), ipaddress.ip_network("ff02::/16"))
