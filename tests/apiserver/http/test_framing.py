"""Which requests are plain, how their heads are read, and how those of answers are written."""

import pytest

from kube.apiserver.http.framing import MAX_HEAD, HeadReader, HeadWriter

PLAIN = b"POST /api?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX-Two: 1\r\nX-Two:  2 \r\n\r\n"


def test_a_plain_head():
    reader = HeadReader()
    for data in (PLAIN + b"hello", PLAIN):
        head = reader.read(data)
        assert (head.method, head.target, head.end) == ("POST", "/api?x=1", len(PLAIN))
        assert (head.fields.length, head.fields.close) == (5, False)
        assert head.fields.headers.getall("x-two", ()) == ["1", "2"]
        assert head.fields.headers.get("HOST", "") == "a"


def test_equal_header_fields_are_read_once():
    reader = HeadReader()
    first = reader.read(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
    second = reader.read(b"GET /b HTTP/1.1\r\nHost: a\r\n\r\n")
    assert first.fields is second.fields
    assert (first.target, second.target) == ("/a", "/b")


def test_what_is_known_of_header_fields_is_bounded():
    reader = HeadReader()
    for number in range(1000):
        assert reader.read(b"GET / HTTP/1.1\r\nHost: a\r\nX: %d\r\n\r\n" % number) is not None
    assert len(reader._known) <= 256


@pytest.mark.parametrize(
    "fields",
    [b"Host: a\r\nConnection: close", b"Host: a\r\nconnection: Close"],
    ids=["upper", "lower"],
)
def test_a_client_may_want_the_connection_closed(fields):
    assert HeadReader().read(b"GET / HTTP/1.1\r\n" + fields + b"\r\n\r\n").fields.close


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: a\r\n",
        b"GET / HTTP/1.0\r\nHost: a\r\n\r\n",
        b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /#x HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\nHost: a\n\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: \xc3\xa4\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\x00\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\ntransfer-encoding: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"x" * MAX_HEAD + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=[
        "nothing", "incomplete", "HTTP/1.0", "HEAD", "absolute", "fragment", "space", "no host", "two hosts",
        "bare line feeds", "folded", "space before colon", "not ASCII", "NUL", "two lengths", "a list of lengths",
        "plus", "minus", "empty length", "chunked", "length and coding", "Expect", "upgrade", "Connection", "long", "TLS",
    ],
)  # fmt: skip
def test_everything_else_is_left_to_a_full_implementation(data):
    assert HeadReader().read(data) is None


NOW = 1_700_000_000.5


def test_the_head_of_an_answer():
    written = HeadWriter().write(201, "application/json", [("Audit-Id", "7")], length=3, close=False, now=NOW)
    first, *fields = written.decode().split("\r\n")
    assert first == "HTTP/1.1 201 Created"
    assert sorted(fields) == [
        "",
        "",
        "Audit-Id: 7",
        "Cache-Control: no-cache, private",
        "Content-Length: 3",
        "Content-Type: application/json",
        "Date: Tue, 14 Nov 2023 22:13:20 GMT",
        "Server: kube-actors",
    ]
    assert written.endswith(b"\r\n\r\n")


def test_an_answer_may_be_cacheable_chunked_and_the_last():
    written = HeadWriter().write(200, "", [("Cache-Control", "public")], length=None, close=True, now=NOW)
    assert written.count(b"Cache-Control") == 1
    assert b"Transfer-Encoding: chunked\r\n" in written
    assert b"Connection: close\r\n" in written
    assert b"Content-" not in written


@pytest.mark.parametrize("status", [204, 304])
def test_what_has_no_body_has_no_length(status):
    assert b"Content-Length" not in HeadWriter().write(status, "", (), length=0, close=False, now=NOW)


def test_a_field_cannot_end_its_line():
    with pytest.raises(ValueError, match="Audit-Id"):
        HeadWriter().write(200, "", [("Audit-Id", "a\r\nSet-Cookie: b")], length=0, close=False, now=NOW)
