"""URLs of members, and ``--initial-cluster``: what is taken, and why the rest is not."""

import pytest

from kube.store.errors import BadMemberURLsError
from kube.store.urls import (
    AddressError,
    address_of,
    checked_member_urls,
    parse_initial_cluster,
    parse_urls,
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("localhost:2380", "is not a URL", id="no scheme"),
        pytest.param("ftp://h:1", "is not a URL", id="another scheme"),
        pytest.param("http://host", "no HOST:PORT", id="no port"),
        pytest.param("http://:1", "no HOST:PORT", id="no host"),
        pytest.param("http://h:99999", "no HOST:PORT", id="port out of range"),
        pytest.param("http://h:1/path", "more than a scheme", id="path"),
        pytest.param("http://u:p@h:1", "more than a scheme", id="user"),
        pytest.param("", "is not a URL", id="empty"),
        pytest.param("http://[::1", "is not a URL", id="half a pair of brackets"),
        pytest.param("http://[h]:1", "is not a URL", id="a name in brackets"),
        pytest.param("http://a..b:1", "neither an address nor a name", id="an empty label"),
        pytest.param(f"http://{'h' * 64}:1", "neither an address nor a name", id="a label that is too long"),
        pytest.param("http://h\udcff:1", "neither an address nor a name", id="no text"),
        pytest.param("http://h\uff0f:1", "is not a URL", id="a character that stands for a slash"),
    ],
)
def test_a_bad_url_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(AddressError, match=reason):
        parse_urls(text)
    with pytest.raises(BadMemberURLsError):
        checked_member_urls((text,))


def test_no_url_at_all_is_refused() -> None:
    with pytest.raises(BadMemberURLsError):
        checked_member_urls(())


def test_urls_are_sorted_and_bare() -> None:
    assert parse_urls("https://b:2/, http://a:1") == ("http://a:1", "https://b:2")
    assert address_of("http://[::1]:2380") == (False, "::1", 2380)
    assert address_of("https://h:0") == (True, "h", 0)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("a", "not NAME=URL", id="no url"),
        pytest.param("=http://h:1", "not NAME=URL", id="no name"),
        pytest.param("a=b", "is not a URL", id="bad url"),
        pytest.param("a=http://h:1,b=http://h:1", "is there twice", id="one url for two"),
    ],
)
def test_a_bad_initial_cluster_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(AddressError, match=reason):
        parse_initial_cluster(text)


def test_an_initial_cluster_is_names_with_their_urls() -> None:
    text = "b=http://h:3/, a=https://h:1,b=http://h:2"
    assert parse_initial_cluster(text) == {"b": ("http://h:2", "http://h:3"), "a": ("https://h:1",)}
