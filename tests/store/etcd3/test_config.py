"""``etcd://`` URLs."""

from typing import Any

import pytest

from kube.store.etcd3.config import EtcdURLError, parse_url

GOOD: list[Any] = [
    pytest.param("etcd://host:2379", ("host:2379",), b"", "", "", id="a host"),
    pytest.param("etcd://host", ("host:2379",), b"", "", "", id="etcd's port"),
    pytest.param("etcd://a:1,b,10.0.0.3:3", ("a:1", "b:2379", "10.0.0.3:3"), b"", "", "", id="several"),
    pytest.param("etcd://[::1]:1,[fe80::1]", ("[::1]:1", "[fe80::1]:2379"), b"", "", "", id="IPv6"),
    pytest.param("etcd://host/", ("host:2379",), b"", "", "", id="an empty path"),
    pytest.param("etcd://host/a/b/", ("host:2379",), b"/a/b", "", "", id="a prefix"),
    pytest.param("etcd://me:s%40y%2Fs@host/p", ("host:2379",), b"/p", "me", "s@y/s", id="a user"),
]


@pytest.mark.parametrize(("url", "endpoints", "prefix", "user", "password"), GOOD)
def test_what_a_url_says(
    url: str, endpoints: tuple[str, ...], prefix: bytes, user: str, password: str
) -> None:
    config = parse_url(url)
    assert (config.endpoints, config.prefix) == (endpoints, prefix)
    assert (config.user, config.password) == (user, password)
    assert not config.is_secure


BAD: list[Any] = [
    pytest.param("host:2379", "is no store", id="no scheme"),
    pytest.param("http://host", "is no store", id="another scheme"),
    pytest.param("etcd://", "no host and port", id="nothing"),
    pytest.param("etcd://a,,b", "no host and port", id="a gap"),
    pytest.param("etcd://host:", "no host and port", id="an empty port"),
    pytest.param("etcd://host:x", "no host and port", id="a port of letters"),
    pytest.param("etcd://host:65536", "no host and port", id="a port too high"),
    pytest.param("etcd://::1", "in brackets", id="IPv6 without brackets"),
    pytest.param("etcd://host?ca=x", "has a query", id="a query"),
]


@pytest.mark.parametrize(("url", "words"), BAD)
def test_what_is_no_url(url: str, words: str) -> None:
    with pytest.raises(EtcdURLError, match=words):
        parse_url(url)


def test_certificates_make_it_secure_and_come_in_pairs() -> None:
    assert parse_url("etcd://host", ca_file="ca").is_secure
    assert parse_url("etcd://host", cert_file="c", key_file="k").is_secure
    for half in ({"cert_file": "c"}, {"key_file": "k"}):
        with pytest.raises(EtcdURLError, match="together"):
            parse_url("etcd://host", **half)
