"""Addresses, local paths, signers' names, differences, semantic equality."""

import pytest

from kube.api.types.core_v1 import Container, PodSpec, ResourceRequirements
from kube.api.validation import validate
from kube.api.validation.checks import (
    cidr_complaints,
    ip_complaints,
    is_dual_stack,
    validate_local_non_reserved_path,
)
from kube.api.validation.diff import diff
from kube.api.validation.equality import semantic_equal
from kube.api.validation.signers import trust_bundle_name_complaints
from kube.apimachinery.field import Path

NOT_AN_IP = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
NOT_A_CIDR = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("10.0.0.1", None),
        ("2001:db8::1", None),
        ("10.0.0", NOT_AN_IP),
        ("fe80::1%eth0", NOT_AN_IP),
        ("", NOT_AN_IP),
        ("010.0.0.1", "must not have leading 0s"),
        ("::ffff:10.0.0.1", "must not be an IPv4-mapped IPv6 address"),
    ],
)
def test_ip(text, complaint):
    assert ip_complaints(text) == ((complaint,) if complaint else ())


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("10.0.0.0/8", None),
        ("::/0", None),
        ("10.0.0.1", NOT_A_CIDR),
        ("10.0.0.0/33", NOT_A_CIDR),
        ("10.0.0.0/+8", NOT_A_CIDR),
        ("x/8", NOT_A_CIDR),
        ("10.0.0.0/08", "must not have leading 0s in IP or prefix length"),
        ("10.00.0.0/8", "must not have leading 0s in IP or prefix length"),
        ("10.0.0.1/8", "must not have bits set beyond the prefix length"),
        ("::ffff:10.0.0.0/104", "must not have an IPv4-mapped IPv6 address"),
    ],
)
def test_cidr(text, complaint):
    assert cidr_complaints(text) == ((complaint,) if complaint else ())


def test_dual_stack():
    assert is_dual_stack(["10.0.0.1", "fd00::1"])
    assert is_dual_stack(["10.0.0.0/24", "fd00::/64"])
    assert not is_dual_stack(["10.0.0.1", "10.0.0.2"])


@pytest.mark.parametrize(
    ("target", "complaints"),
    [
        ("a/b", []),
        ("a..b", []),
        ("/a", ["must be a relative path"]),
        ("a/../b", ["must not contain '..'"]),
        ("../a", ["must not contain '..'"]),
        ("..a", ["must not start with '..'"]),
        ("..", ["must not contain '..'", "must not start with '..'"]),
    ],
)
def test_local_path(target, complaints):
    errors = []
    validate_local_non_reserved_path(target, Path("p"), errors)
    assert [error.detail for error in errors] == complaints


@pytest.mark.parametrize(
    ("name", "signer", "complaints"),
    [
        ("roots", "", ()),
        ("a:b", "", ('ClusterTrustBundle without signer name must not have ":" in its name',)),
        ("example.com:s:roots", "example.com/s", ()),
        (
            "roots",
            "example.com/s",
            ("ClusterTrustBundle for signerName example.com/s must be named with prefix example.com:s:",),
        ),
    ],
)
def test_trust_bundle_name(name, signer, complaints):
    assert trust_bundle_name_complaints(name, signer) == complaints


def spec(**fields):
    return PodSpec(containers=(Container(name="c", **fields),))


def test_equal_values_do_not_differ():
    assert diff(spec(), spec()) == ""


def test_entries_and_elements_are_shown_where_they_differ():
    old = PodSpec(node_selector={"a": "1", "b": "2", "c": "3"}, containers=(Container(name="x"),))
    new = PodSpec(
        node_selector={"a": "1", "b": "9"},
        containers=(Container(name="x"), Container(name="y", args=("-v",), tty=True)),
    )
    assert diff(old, new).splitlines() == [
        "  core.PodSpec{",
        "  \t... // 2 identical fields",
        "  \tContainers: {",
        "  \t\t... // 1 identical element",
        '+ \t\t{Name: "y", Args: {"-v"}, Resources: {}, Tty: true},',
        "  \t},",
        "  \t... // 5 identical fields",
        "  \tNodeSelector: {",
        "  \t\t... // 1 identical entry",
        '- \t\t"b": "2",',
        '+ \t\t"b": "9",',
        '- \t\t"c": "3",',
        "  \t},",
        f"  \t... // {len(PodSpec.__struct_fields__) - 9} identical fields",
        "  }",
    ]


def test_what_is_absent_is_nil():
    old, new = PodSpec(priority=1, host_network=True), PodSpec()
    lines = diff(old, new).splitlines()
    assert "- \tPriority: 1," in lines
    assert "+ \tPriority: nil," in lines
    assert "- \tHostNetwork: true," in lines
    assert "+ \tHostNetwork: false," in lines


def test_quantities_are_equal_by_value():
    def of(**limits):
        return spec(resources=ResourceRequirements(limits=limits))

    assert semantic_equal(of(memory="1Ki"), of(memory="1024"))
    assert not semantic_equal(of(memory="1Ki"), of(memory="1k"))
    assert not semantic_equal(of(memory="1Ki"), of(cpu="1024"))
    assert not semantic_equal(spec(), spec(image="x"))
    assert not semantic_equal(spec(), PodSpec())


def test_types_without_rules_have_no_errors():
    assert validate(PodSpec()) == []
