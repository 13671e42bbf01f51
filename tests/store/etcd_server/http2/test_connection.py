"""One connection, rule by rule (RFC 9113): frames in, frames out, no socket."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.store.etcd_server.http2 import frames
from kube.store.etcd_server.http2.frames import ErrorCode, Setting
from kube.store.etcd_server.http2.hpack import encode
from tests.store.etcd_server.http2.client import END, HEAD, REQUEST, TAIL, Peer, setting, window

# ---- the beginning


def test_settings_come_first_and_are_acknowledged() -> None:
    peer = Peer(greet=False, max_concurrent_streams=7)
    kind, _, _, payload = peer.got()[0]
    assert kind == frames.SETTINGS
    assert struct.pack(">HI", Setting.MAX_CONCURRENT_STREAMS, 7) in payload
    peer.send(frames.PREFACE, setting(Setting.MAX_FRAME_SIZE, 32_768))
    assert peer.got() == [(frames.SETTINGS, frames.ACK, 0, b"")]


@given(st.lists(st.integers(1, 60), max_size=20))
def test_bytes_may_come_in_any_pieces(cuts: list[int]) -> None:
    peer = Peer(greet=False)
    body = b"b" * 30
    data = (
        frames.PREFACE
        + frames.settings({})
        + frames.frame(frames.HEADERS, frames.END_HEADERS, 1, REQUEST)
        + frames.frame(frames.DATA, frames.END_STREAM, 1, body)
    )
    for cut in cuts:
        peer.send(data[:cut])
        data = data[cut:]
    peer.send(data)
    assert (peer.heard[1].body, peer.heard[1].ended) == (body, True)
    assert not peer.connection.closed


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(b"GET / HTTP/1.1\r\n\r\nxxxxxxxxx", ErrorCode.PROTOCOL_ERROR, id="no preface"),
        pytest.param(
            frames.PREFACE + frames.frame(frames.PING, 0, 0, bytes(8)),
            ErrorCode.PROTOCOL_ERROR,
            id="no settings",
        ),
    ],
)
def test_a_wrong_beginning(data: bytes, code: ErrorCode) -> None:
    peer = Peer(greet=False)
    peer.send(data)
    assert peer.farewell()[0] is code


# ---- requests and responses


def test_a_call() -> None:
    peer = Peer()
    call = peer.open(1)
    assert call.headers == ((b":method", b"POST"), (b":path", b"/x"), (b":scheme", b"http"))
    peer.send(frames.frame(frames.DATA, frames.END_STREAM, 1, b"request"))
    assert (call.body, call.ended) == (b"request", True)
    peer.connection.respond(call.stream, HEAD, b"response", TAIL)
    assert peer.got() == [
        (frames.HEADERS, frames.END_HEADERS, 1, HEAD),
        (frames.DATA, 0, 1, b"response"),
        (frames.HEADERS, END, 1, TAIL),
    ]
    assert not peer.connection.streams


def test_an_answer_before_the_request_is_whole_stops_the_client() -> None:
    peer = Peer()
    call = peer.open(1)
    peer.connection.respond(call.stream, HEAD, b"no", TAIL)
    assert peer.got()[-1] == (frames.RST_STREAM, 0, 1, bytes(4))
    peer.send(frames.frame(frames.DATA, 0, 1, b"on its way already"))
    assert not peer.got()
    assert not peer.connection.closed


def test_headers_in_continuations() -> None:
    peer = Peer()
    peer.send(
        frames.frame(frames.HEADERS, frames.END_STREAM, 1, REQUEST[:3]),
        frames.frame(frames.CONTINUATION, 0, 1, REQUEST[3:5]),
        frames.frame(frames.CONTINUATION, frames.END_HEADERS, 1, REQUEST[5:]),
    )
    assert peer.heard[1].ended


def test_padding_and_priority_are_taken_off() -> None:
    peer = Peer()
    flags = frames.END_HEADERS | frames.PADDED | frames.PRIORITIZED
    peer.send(
        frames.frame(frames.HEADERS, flags, 1, b"\x04" + bytes(5) + REQUEST + bytes(4)),
        frames.frame(frames.DATA, frames.PADDED, 1, b"\x03body" + bytes(3)),
    )
    assert peer.heard[1].body == b"body"


def test_trailers_of_a_request_end_it() -> None:
    peer = Peer()
    call = peer.open(1)
    peer.send(frames.frame(frames.HEADERS, END, 1, encode([(b"x", b"y")])))
    assert call.ended


def test_unknown_frames_and_settings_are_passed_over() -> None:
    peer = Peer()
    peer.send(frames.frame(99, 0xFF, 5, b"?"), setting(99, 1), frames.frame(frames.PRIORITY, 0, 3, bytes(5)))
    assert not peer.connection.closed


# ---- what breaks a stream


@pytest.mark.parametrize(
    ("pieces", "code"),
    [
        pytest.param([window(1, 0)], ErrorCode.PROTOCOL_ERROR, id="a window that grows by nothing"),
        pytest.param([window(1, 2**31 - 1)], ErrorCode.FLOW_CONTROL_ERROR, id="a window that is too large"),
        pytest.param(
            [frames.frame(frames.DATA, 0, 1, bytes(900))] * 2,
            ErrorCode.FLOW_CONTROL_ERROR,
            id="more than the window",
        ),
        pytest.param(
            [frames.frame(frames.DATA, frames.END_STREAM, 1), frames.frame(frames.DATA, 0, 1, b"x")],
            ErrorCode.STREAM_CLOSED,
            id="data after the end",
        ),
        pytest.param(
            [frames.frame(frames.HEADERS, frames.END_HEADERS, 1, REQUEST)],
            ErrorCode.PROTOCOL_ERROR,
            id="trailers that do not end",
        ),
        pytest.param(
            [frames.frame(frames.PRIORITY, 0, 1, b"x")], ErrorCode.FRAME_SIZE_ERROR, id="a short priority"
        ),
    ],
)
def test_a_broken_stream_leaves_the_others(pieces: list[bytes], code: ErrorCode) -> None:
    peer = Peer(stream_window=1000)
    broken, other = peer.open(1), peer.open(3)
    peer.got()
    peer.send(*pieces)
    assert peer.resets() == [(1, code)]
    assert broken.reset_by is code
    peer.send(frames.frame(frames.DATA, frames.END_STREAM, 3, b"fine"))
    assert (other.body, other.ended) == (b"fine", True)


def test_the_client_may_reset_a_stream() -> None:
    peer = Peer()
    call = peer.open(1)
    peer.send(frames.rst_stream(1, ErrorCode.CANCEL))
    assert call.reset_by is ErrorCode.CANCEL
    assert not peer.connection.streams
    peer.connection.respond(call.stream, HEAD, b"late", TAIL)
    assert not peer.got()


def test_more_streams_than_allowed_are_refused() -> None:
    peer = Peer(max_concurrent_streams=2)
    for stream in (1, 3, 5):
        peer.send(frames.frame(frames.HEADERS, frames.END_HEADERS, stream, REQUEST))
    assert peer.resets() == [(5, ErrorCode.REFUSED_STREAM)]
    peer.send(frames.frame(frames.DATA, 0, 5, b"on its way already"))
    assert not peer.connection.closed


def test_however_many_are_refused_few_are_remembered() -> None:
    peer = Peer(max_concurrent_streams=1)
    for stream in range(1, 5_001, 2):
        peer.send(frames.frame(frames.HEADERS, frames.END_HEADERS, stream, REQUEST))
    assert len(peer.resets()) == 2_499
    assert len(peer.connection._ended_early) < 1_000
    peer.send(frames.frame(frames.DATA, 0, 4_999, b"on its way already"))
    assert not peer.resets()
    assert not peer.connection.closed


# ---- what breaks the connection


@pytest.mark.parametrize(
    ("pieces", "code"),
    [
        pytest.param(
            [frames.frame(frames.DATA, 0, 1, b"x")], ErrorCode.PROTOCOL_ERROR, id="data of no stream"
        ),
        pytest.param(
            [frames.frame(frames.HEADERS, END, 2, REQUEST)], ErrorCode.PROTOCOL_ERROR, id="an even stream"
        ),
        pytest.param(
            [frames.frame(frames.HEADERS, END, 0, REQUEST)], ErrorCode.PROTOCOL_ERROR, id="stream 0"
        ),
        pytest.param(
            [frames.frame(frames.HEADERS, END, 3, REQUEST), frames.frame(frames.HEADERS, END, 1, REQUEST)],
            ErrorCode.STREAM_CLOSED,
            id="a stream that goes back",
        ),
        pytest.param(
            [frames.frame(frames.HEADERS, END, 1, b"\x80")],
            ErrorCode.COMPRESSION_ERROR,
            id="headers that are none",
        ),
        pytest.param(
            [frames.frame(frames.HEADERS, 0, 1, REQUEST), frames.frame(frames.PING, 0, 0, bytes(8))],
            ErrorCode.PROTOCOL_ERROR,
            id="headers that are interrupted",
        ),
        pytest.param(
            [frames.frame(frames.CONTINUATION, 0, 1)],
            ErrorCode.PROTOCOL_ERROR,
            id="a continuation of nothing",
        ),
        pytest.param(
            [frames.frame(frames.HEADERS, frames.PADDED, 1, b"\x09abc")],
            ErrorCode.PROTOCOL_ERROR,
            id="padding",
        ),
        pytest.param(
            [frames.frame(frames.HEADERS, frames.PRIORITIZED, 1, b"abc")],
            ErrorCode.FRAME_SIZE_ERROR,
            id="priority",
        ),
        pytest.param(
            [b"\x00\x40\x01\x00\x00\x00\x00\x00\x01" + bytes(16_385)],
            ErrorCode.FRAME_SIZE_ERROR,
            id="a frame that is too large",
        ),
        pytest.param([frames.frame(frames.PUSH_PROMISE, 0, 1)], ErrorCode.PROTOCOL_ERROR, id="a push"),
        pytest.param(
            [frames.frame(frames.PING, 0, 1, bytes(8))], ErrorCode.PROTOCOL_ERROR, id="a ping of a stream"
        ),
        pytest.param([frames.frame(frames.PING, 0, 0, b"x")], ErrorCode.FRAME_SIZE_ERROR, id="a short ping"),
        pytest.param(
            [frames.frame(frames.SETTINGS, 0, 1)], ErrorCode.PROTOCOL_ERROR, id="settings of a stream"
        ),
        pytest.param(
            [frames.frame(frames.SETTINGS, 0, 0, b"x")], ErrorCode.FRAME_SIZE_ERROR, id="half a setting"
        ),
        pytest.param(
            [frames.frame(frames.SETTINGS, frames.ACK, 0, bytes(6))],
            ErrorCode.FRAME_SIZE_ERROR,
            id="an ack with more",
        ),
        pytest.param(
            [setting(4, 2**31)], ErrorCode.FLOW_CONTROL_ERROR, id="an initial window that is too large"
        ),
        pytest.param([setting(5, 100)], ErrorCode.PROTOCOL_ERROR, id="frames that are too small"),
        pytest.param([setting(2, 2)], ErrorCode.PROTOCOL_ERROR, id="push neither on nor off"),
        pytest.param([window(0, 0)], ErrorCode.PROTOCOL_ERROR, id="a window that grows by nothing"),
        pytest.param([window(0, 2**31 - 1)], ErrorCode.FLOW_CONTROL_ERROR, id="a window that is too large"),
        pytest.param([window(9, 1)], ErrorCode.PROTOCOL_ERROR, id="a window of no stream"),
        pytest.param(
            [frames.frame(frames.WINDOW_UPDATE, 0, 0, b"x")], ErrorCode.FRAME_SIZE_ERROR, id="a short window"
        ),
        pytest.param(
            [frames.rst_stream(1, ErrorCode.CANCEL)], ErrorCode.PROTOCOL_ERROR, id="a reset of no stream"
        ),
        pytest.param(
            [frames.frame(frames.RST_STREAM, 0, 1, b"x")], ErrorCode.FRAME_SIZE_ERROR, id="a short reset"
        ),
        pytest.param(
            [frames.frame(frames.PRIORITY, 0, 0, bytes(5))], ErrorCode.PROTOCOL_ERROR, id="its priority"
        ),
        pytest.param(
            [frames.frame(frames.GOAWAY, 0, 1, bytes(8))], ErrorCode.PROTOCOL_ERROR, id="a stream's farewell"
        ),
    ],
)
def test_a_broken_connection_says_why(pieces: list[bytes], code: ErrorCode) -> None:
    peer = Peer()
    peer.send(*pieces)
    assert peer.farewell()[0] is code


def test_a_broken_connection_tells_its_calls() -> None:
    peer = Peer()
    call = peer.open(1)
    peer.send(frames.frame(frames.PUSH_PROMISE, 0, 1))
    assert call.reset_by is ErrorCode.CANCEL


# ---- what would cost this side more than the peer


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([setting(99, 1)] * 1_100, id="settings"),
        pytest.param([frames.frame(frames.PRIORITY, 0, 1, bytes(5))] * 1_100, id="priorities"),
        pytest.param([frames.frame(frames.DATA, 0, 1)] * 1_100, id="data that is empty"),
        pytest.param(
            [
                piece
                for stream in range(3, 2_300, 2)
                for piece in (
                    frames.frame(frames.HEADERS, END, stream, REQUEST),
                    frames.rst_stream(stream, ErrorCode.CANCEL),
                )
            ],
            id="streams that are reset at once",
        ),
        pytest.param(
            [frames.frame(frames.HEADERS, 0, 3, REQUEST)] + [frames.frame(frames.CONTINUATION, 0, 3)] * 1_100,
            id="continuations that are empty",
        ),
        pytest.param(
            [frames.frame(frames.HEADERS, 0, 3, REQUEST)]
            + [frames.frame(frames.CONTINUATION, 0, 3, bytes(16_000))] * 5,
            id="headers without end",
        ),
        pytest.param([frames.frame(frames.PING, 0, 0, bytes(8))] * 5, id="pings"),
    ],
)
def test_floods_end_the_connection(pieces: list[bytes]) -> None:
    peer = Peer()
    peer.open(1)
    peer.send(*pieces)
    assert peer.farewell()[0] is ErrorCode.ENHANCE_YOUR_CALM


def test_resets_are_no_flood_beside_as_many_answers() -> None:
    peer = Peer()
    for stream in range(1, 8_001, 4):
        call = peer.open(stream, END)
        peer.connection.respond(call.stream, HEAD, b"", TAIL)
        peer.open(stream + 2, END)
        peer.send(frames.rst_stream(stream + 2, ErrorCode.CANCEL))
    assert not peer.connection.closed


# ---- pings


def test_pings_are_answered() -> None:
    peer = Peer()
    peer.send(frames.frame(frames.PING, 0, 0, b"12345678"))
    assert peer.got() == [(frames.PING, frames.ACK, 0, b"12345678")]


def test_pings_at_the_agreed_interval_are_fine_while_a_call_runs() -> None:
    peer = Peer(min_ping_interval=5.0)
    peer.open(1)
    for _ in range(100):
        peer.now += 5.0
        peer.send(frames.frame(frames.PING, 0, 0, bytes(8)))
    assert not peer.connection.closed


def test_pings_without_a_call_are_too_many() -> None:
    peer = Peer(min_ping_interval=5.0)
    for _ in range(4):
        peer.now += 5.0
        peer.send(frames.frame(frames.PING, 0, 0, bytes(8)))
    assert peer.farewell() == (ErrorCode.ENHANCE_YOUR_CALM, "too_many_pings")


def test_pings_between_responses_are_fine() -> None:
    """A client measures its bandwidth by them."""
    peer = Peer()
    stream = 1
    for _ in range(20):
        call = peer.open(stream, END)
        peer.send(frames.frame(frames.PING, 0, 0, bytes(8)))
        peer.connection.respond(call.stream, HEAD, b"v", TAIL)
        stream += 2
    assert not peer.connection.closed


# ---- the end


def test_a_graceful_end_waits_for_the_calls() -> None:
    peer = Peer()
    call = peer.open(1, END)
    peer.connection.shut_down()
    assert [kind for kind, *_ in peer.got()] == [frames.GOAWAY]
    peer.send(frames.frame(frames.HEADERS, END, 3, REQUEST))
    assert 3 not in peer.heard
    assert not peer.connection.closed
    peer.connection.respond(call.stream, HEAD, b"v", TAIL)
    assert peer.connection.closed


def test_a_lost_transport_tells_the_calls() -> None:
    peer = Peer()
    call = peer.open(1)
    peer.connection.lost()
    assert call.reset_by is ErrorCode.CANCEL
    peer.connection.respond(call.stream, HEAD, b"v", TAIL)
    assert not peer.got()


@given(
    st.lists(st.tuples(st.integers(0, 11), st.integers(0, 255), st.integers(0, 7), st.binary(max_size=20)))
)
def test_any_frames_are_taken_or_refused_but_nothing_else(pieces: list[tuple[int, int, int, bytes]]) -> None:
    peer = Peer()
    peer.open(1)
    peer.send(*(frames.frame(kind, flags, stream, payload) for kind, flags, stream, payload in pieces))
    if not peer.connection.closed:
        peer.connection.lost()
