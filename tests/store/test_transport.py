"""Messages within a process: by reference, and with word of what was lost."""

from kube.store.raft.messages import AppendEntries, Entry, Heartbeat, InstallSnapshot, Snapshot
from kube.store.transport import Delivery, InProcessTransport, PeerUnreachable, SnapshotReported


class Box:
    def __init__(self, *, takes: bool = True) -> None:
        self.messages: list[Delivery] = []
        self.takes = takes

    def __call__(self, message: Delivery) -> bool:
        if self.takes:
            self.messages.append(message)
        return self.takes


def test_what_is_sent_arrives_by_reference_and_in_order() -> None:
    transport = InProcessTransport()
    one, two = Box(), Box()
    transport.attach(1, one)
    transport.attach(2, two)
    append = AppendEntries(2, 1, 1, 0, 0, (Entry(1, 1, b"x"),), 0)
    heartbeat = Heartbeat(2, 1, 1, 0)
    transport.send([append, heartbeat])
    assert two.messages[0] is append
    assert two.messages[1] is heartbeat
    assert one.messages == []


def test_the_sender_hears_of_what_did_not_arrive() -> None:
    transport = InProcessTransport()
    one, full = Box(), Box(takes=False)
    transport.attach(1, one)
    transport.attach(2, full)
    transport.send([Heartbeat(2, 1, 1, 0), Heartbeat(3, 1, 1, 0)])
    assert one.messages == [PeerUnreachable(2), PeerUnreachable(3)]


def test_the_sender_hears_of_every_snapshots_fate() -> None:
    transport = InProcessTransport()
    one, two = Box(), Box()
    transport.attach(1, one)
    transport.attach(2, two)
    transport.send([InstallSnapshot(2, 1, 1, Snapshot())])
    transport.detach(2)
    transport.send([InstallSnapshot(2, 1, 1, Snapshot())])
    assert one.messages == [SnapshotReported(2, True), SnapshotReported(2, False)]


def test_what_a_sender_that_is_gone_would_hear_goes_to_nobody() -> None:
    transport = InProcessTransport()
    two = Box()
    transport.attach(2, two)
    transport.send([Heartbeat(3, 1, 1, 0), InstallSnapshot(2, 1, 1, Snapshot())])
    assert two.messages == [InstallSnapshot(2, 1, 1, Snapshot())]
