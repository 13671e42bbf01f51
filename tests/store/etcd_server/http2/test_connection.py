"""One connection, rule by rule (RFC 9113): frames in, frames out, no socket."""

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.store.etcd_server.http2 import frames
from kube.store.etcd_server.http2.connection import Connection, Limits
from kube.store.etcd_server.http2.frames import ErrorCode, Setting
from kube.store.etcd_server.http2.hpack import Headers, encode
from kube.store.etcd_server.http2.stream import Stream

REQUEST = encode([(b":method", b"POST"), (b":path", b"/x"), (b":scheme", b"http")])
HEAD = encode([(b":status", b"200")])
TAIL = encode([(b"grpc-status", b"0")])
END = frames.END_HEADERS | frames.END_STREAM


class Heard:
    """A receiver that keeps what it is told."""

    def __init__(self, stream: Stream, headers: Headers) -> None:
        self.stream = stream
        self.headers = headers
        self.body = b""
        self.ended = False
        self.reset_by: ErrorCode | None = None
        self.drains = 0
        stream.receiver = self

    def data(self, payload: bytes, *, ended: bool) -> None:
        self.body += payload
        self.ended = ended

    def reset(self, code: ErrorCode) -> None:
        self.reset_by = code

    def drained(self) -> None:
        self.drains += 1


class Peer:
    """The client's end: what it sends, and what it has got."""

    def __init__(self, *, greet: bool = True, **limits: Any) -> None:
        self.now = 0.0
        self.connection = Connection(lambda: None, lambda: self.now, Limits(**limits))
        self.heard: dict[int, Heard] = {}
        self.connection.opened = self._opened
        self.connection.start()
        if greet:
            self.send(frames.PREFACE, frames.settings({}))
            self.got()

    def _opened(self, stream: Stream, headers: Headers) -> None:
        self.heard[stream.id] = Heard(stream, headers)

    def send(self, *pieces: bytes) -> None:
        self.connection.receive(b"".join(pieces))

    def open(self, stream: int, flags: int = frames.END_HEADERS, block: bytes = REQUEST) -> Heard:
        self.send(frames.frame(frames.HEADERS, flags, stream, block))
        return self.heard[stream]

    def got(self) -> list[tuple[int, int, int, bytes]]:
        """Kind, flags, stream and payload of the frames since the last call."""
        data = b"".join(self.connection.output)
        self.connection.output = []
        found = []
        while data:
            length = int.from_bytes(data[:3], "big")
            found.append((data[3], data[4], int.from_bytes(data[5:9], "big"), data[9 : 9 + length]))
            data = data[9 + length :]
        return found

    def farewell(self) -> tuple[ErrorCode, str]:
        """The error of the GOAWAY that has ended the connection."""
        assert self.connection.closed
        [payload] = [payload for kind, _, _, payload in self.got() if kind == frames.GOAWAY]
        return ErrorCode(int.from_bytes(payload[4:8], "big")), payload[8:].decode()

    def resets(self) -> list[tuple[int, ErrorCode]]:
        return [
            (stream, ErrorCode(int.from_bytes(payload, "big")))
            for kind, _, stream, payload in self.got()
            if kind == frames.RST_STREAM
        ]


def setting(key: int, value: int) -> bytes:
    return frames.frame(frames.SETTINGS, 0, 0, struct.pack(">HI", key, value))


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


# ---- flow control


def window(stream: int, increment: int) -> bytes:
    return frames.window_update(stream, increment)


def sent(peer: Peer) -> dict[int, int]:
    """Bytes of data by stream."""
    found: dict[int, int] = {}
    for kind, _, stream, payload in peer.got():
        if kind == frames.DATA:
            found[stream] = found.get(stream, 0) + len(payload)
    return found


def test_a_response_waits_for_the_windows() -> None:
    peer = Peer()
    peer.send(setting(Setting.INITIAL_WINDOW_SIZE, 10))
    call = peer.open(1, END)
    peer.got()
    peer.connection.respond(call.stream, HEAD, b"v" * 35, TAIL)
    assert sent(peer) == {1: 10}
    assert call.stream.queued == 25
    peer.send(window(1, 20))
    assert sent(peer) == {1: 20}
    peer.send(setting(Setting.INITIAL_WINDOW_SIZE, 15))
    assert [kind for kind, *_ in peer.got()] == [frames.SETTINGS, frames.DATA, frames.HEADERS]
    assert call.drains == 3
    assert not peer.connection.streams


def test_streams_share_the_connections_window_by_turns() -> None:
    peer = Peer()
    peer.send(setting(Setting.INITIAL_WINDOW_SIZE, 1_000_000))
    calls = [peer.open(stream, END) for stream in (1, 3, 5)]
    peer.got()
    for call in calls:
        peer.connection.respond(call.stream, HEAD, b"v" * 200_000, TAIL)
    assert sum(sent(peer).values()) == frames.DEFAULT_WINDOW
    peer.send(window(0, 3 * 32_768))
    assert set(sent(peer)) == {1, 3, 5}
    peer.send(window(0, 1_000_000))
    peer.got()
    assert not peer.connection.streams


def test_a_full_transport_holds_data_back() -> None:
    peer = Peer()
    call = peer.open(1, END)
    peer.connection.pause()
    peer.connection.respond(call.stream, HEAD, b"v", TAIL)
    assert not sent(peer)
    peer.connection.resume()
    assert [kind for kind, *_ in peer.got()] == [frames.DATA, frames.HEADERS]


def test_the_client_may_send_as_much_as_was_consumed() -> None:
    peer = Peer(stream_window=1000)
    call = peer.open(1)
    peer.send(frames.frame(frames.DATA, 0, 1, bytes(600)))
    assert not peer.got()
    peer.connection.consumed(call.stream, 600)
    assert peer.got() == [(frames.WINDOW_UPDATE, 0, 1, struct.pack(">I", 600))]


def test_the_window_of_the_connection_opens_by_itself() -> None:
    peer = Peer(connection_window=70_000)
    peer.open(1)
    for _ in range(20):
        peer.send(frames.frame(frames.DATA, 0, 1, bytes(10_000)))
    assert not peer.connection.closed


@given(st.lists(st.tuples(st.sampled_from([0, 1, 3]), st.integers(1, 5_000)), max_size=60))
def test_no_window_is_ever_passed(steps: list[tuple[int, int]]) -> None:
    """Whatever is sent fits into what was allowed, and when all is allowed all is sent."""
    peer = Peer()
    peer.send(setting(Setting.INITIAL_WINDOW_SIZE, 100))
    calls = {stream: peer.open(stream, END) for stream in (1, 3)}
    allowed = {0: frames.DEFAULT_WINDOW, 1: 100, 3: 100}
    total = dict.fromkeys(calls, 0)
    for call in calls.values():
        peer.connection.respond(call.stream, HEAD, bytes(50_000), TAIL)
    for stream, increment in steps:
        peer.send(window(stream, increment))
        allowed[stream] += increment
        for each, size in sent(peer).items():
            total[each] += size
        assert all(total[each] <= allowed[each] for each in calls)
        assert sum(total.values()) <= allowed[0]
    peer.send(
        window(0, 200_000), *(window(each, 100_000) for each in calls if each in peer.connection.streams)
    )
    for each, size in sent(peer).items():
        total[each] += size
    assert total == {1: 50_000, 3: 50_000}


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("say"), st.sampled_from([1, 3]), st.integers(1, 40_000)),
            st.tuples(st.just("allow"), st.sampled_from([0, 1, 3]), st.integers(1, 40_000)),
        ),
        max_size=40,
    )
)
def test_messages_of_a_stream_are_sent_in_their_order_within_windows_and_frames(
    steps: list[tuple[str, int, int]],
) -> None:
    peer = Peer()
    peer.send(setting(Setting.INITIAL_WINDOW_SIZE, 60_000))
    calls = {stream: peer.open(stream) for stream in (1, 3)}
    peer.got()
    allowed = {0: frames.DEFAULT_WINDOW, 1: 60_000, 3: 60_000}
    said = dict.fromkeys(calls, b"")
    got = dict.fromkeys(calls, b"")
    for number, (what, stream, size) in enumerate(
        [*steps, ("allow", 1, 0), ("allow", 3, 0), ("allow", 0, 0)]
    ):
        if what == "say":
            message = bytes([number]) * size
            said[stream] += message
            peer.connection.send_data(calls[stream].stream, message)
        else:
            increment = size or 2_000_000
            allowed[stream] += increment
            peer.send(window(stream, increment))
        for kind, _, each, payload in peer.got():
            assert kind == frames.DATA
            assert len(payload) <= frames.DEFAULT_MAX_FRAME
            got[each] += payload
        assert all(said[each].startswith(got[each]) and len(got[each]) <= allowed[each] for each in calls)
        assert sum(map(len, got.values())) <= allowed[0]
    assert got == said


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
