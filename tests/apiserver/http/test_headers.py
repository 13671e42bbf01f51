"""Header fields in both directions: warnings, upgrades, compression."""

import zlib

import pytest
from multidict import CIMultiDict

from kube.apiserver.endpoints.requestinfo import request_info
from kube.apiserver.http import measure
from kube.apiserver.http.compression import gzip, pieces_of
from kube.apiserver.http.measure import RequestMetrics
from kube.apiserver.http.upgrades import requested_upgrade
from kube.apiserver.http.warnings import warning_headers
from kube.base.metrics import Metrics


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], []),
        (["a", "b", "a", ""], ['299 - "a"', '299 - "b"']),
        (['unknown field "x\\y"'], ['299 - "unknown field \\"x\\\\y\\""']),
        (["one\r\nSet-Cookie: x"], ['299 - "one  Set-Cookie: x"']),
        (["é"], ['299 - "é"']),
    ],
    ids=["none", "each once", "quotes", "one line", "not ASCII"],
)
def test_warnings(texts, expected):
    assert warning_headers(texts) == [("Warning", text) for text in expected]


def test_too_many_warnings_are_cut():
    long = [f"{number:03}" + "x" * 997 for number in range(30)]
    found = warning_headers(long)
    assert len(found) == 4096 // 256
    assert all(len(value) == len('299 - ""') + 256 for _, value in found)
    assert len(warning_headers(["x" * 4096])) == 1
    assert [len(value) for _, value in warning_headers(["x" * 5000])] == [len('299 - ""') + 256]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, ""),
        ({"Upgrade": "websocket"}, ""),
        ({"Upgrade": "websocket", "Connection": "keep-alive, Upgrade"}, "websocket"),
        ({"Upgrade": "WebSocket", "Connection": "upgrade"}, "websocket"),
        ({"Upgrade": "SPDY/3.1", "Connection": "Upgrade"}, "spdy/3.1"),
        ({"Upgrade": "h2c, x", "Connection": "Upgrade"}, "h2c"),
        ({"Connection": "Upgrade"}, ""),
    ],
)
def test_upgrades(headers, expected):
    assert requested_upgrade(CIMultiDict(headers)) == expected


@pytest.mark.parametrize("size", [0, 1, 300_000, 2_000_000])
def test_gzip_in_pieces(size):
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    packed = b"".join(gzip(pieces_of(body)))
    assert zlib.decompress(packed, 31) == body


def test_made_up_labels_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(measure, "_MAX_CHILDREN", 10)
    metrics = Metrics()
    requests = RequestMetrics(metrics)
    for number in range(100):
        requests.answered(request_info("GET", f"/apis/g{number}/v1/frobs"), 200, 0.1)
    assert metrics.render().count(b"apiserver_request_total{") == 10


def test_what_is_not_found_has_no_resource_label():
    metrics = Metrics()
    requests = RequestMetrics(metrics)
    for number in range(5):
        requests.answered(request_info("GET", f"/api/v1/frobs{number}"), 404, 0.1)
    assert metrics.render().count(b"apiserver_request_total{") == 1
