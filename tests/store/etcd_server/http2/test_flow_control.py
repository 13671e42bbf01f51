"""Windows of streams and of the connection (RFC 9113 §5.2)."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from kube.store.etcd_server.http2 import frames
from kube.store.etcd_server.http2.frames import Setting
from tests.store.etcd_server.http2.client import END, HEAD, TAIL, Peer, sent, setting, window


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


def test_what_the_transport_has_not_taken_yet_counts_for_congestion() -> None:
    """However open the windows are: all that is said in one turn of the loop goes to the transport at its end."""
    peer = Peer()
    connection = peer.connection
    peer.send(setting(Setting.INITIAL_WINDOW_SIZE, 2**31 - 1), window(0, 2**30))
    answered = 0
    while not connection.is_congested():
        assert answered < 20
        connection.respond(peer.open(2 * answered + 1, END).stream, HEAD, bytes(1_000_000), TAIL)
        answered += 1
    assert answered == 9
    turns: list[str] = []
    connection.wait(lambda: bool(turns.append("next") or True))
    connection.let_next()
    assert not turns
    connection.output = []
    connection.let_next()
    assert turns == ["next"]
    assert not connection.is_congested()


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
