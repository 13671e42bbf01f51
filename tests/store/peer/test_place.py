"""A member that is started with the data of one and at the address of another."""

import pytest

from kube.store.administration import MemberInfo
from kube.store.membership import MemberTable
from kube.store.peer.bootstrap import BootstrapError, initial_snapshot
from kube.store.peer.place import check_place, stored_table
from kube.store.raft.messages import ConfChange, ConfChangeSingle, ConfChangeType, Entry, HardState
from kube.store.raft.storage import MemoryStorage
from kube.store.requests import MemberAttributes

A, B, C = ("http://h:1",), ("http://h:2",), ("http://h:3",)


def table(*names: str) -> MemberTable:
    members = zip((1, 2, 3), names, (A, B, C), strict=True)
    return MemberTable.of(MemberInfo(id_, name=name, peer_urls=urls) for id_, name, urls in members)


@pytest.mark.parametrize(
    ("known", "name", "urls", "refused"),
    [
        pytest.param(table("a", "b", "c"), "b", B, True, id="b with the data of c"),
        pytest.param(table("", "", ""), "b", B, True, id="before anybody has told its name"),
        pytest.param(table("a", "b", "c"), "c", C, False, id="c with the data of c"),
        pytest.param(table("a", "b", "c"), "renamed", C, False, id="under another name"),
        pytest.param(table("a", "b", "c"), "c", ("http://h:9",), False, id="at an address of nobody"),
        pytest.param(
            table("a", "b", "c"), "c", B, False, id="at an address that was b's when it was last here"
        ),
        pytest.param(table("a", "b", "c"), "d", B, False, id="renamed, at an address that was b's"),
        pytest.param(table("a", "b", "c"), "b", C, False, id="under the name of b, at its own address"),
        pytest.param(MemberTable(), "b", B, False, id="it has yet to hear who belongs to the store"),
    ],
)
def test_the_flags_of_another_member_are_refused(
    known: MemberTable, name: str, urls: tuple[str, ...], refused: bool
) -> None:
    if not refused:
        check_place(known, 3, name, urls)
        return
    with pytest.raises(
        BootstrapError, match=r"\(3\), and b at http://h:2 is another one \(2\): name the --data-dir of b"
    ):
        check_place(known, 3, name, urls)


def test_the_table_is_what_the_committed_log_has_made_of_the_snapshots() -> None:
    storage = MemoryStorage((1, 2, 3))
    storage.apply_snapshot(initial_snapshot(table("", "", "")))
    at = storage.last_index()
    moved = MemberInfo(2, peer_urls=("http://h:22",))
    update = ConfChange((ConfChangeSingle(ConfChangeType.UPDATE_NODE, 2),), context=(moved,))
    entries = [
        Entry(1, at + 1, MemberAttributes(3, "c", ())),
        Entry(1, at + 2, update),
        Entry(1, at + 3, MemberAttributes(1, "not committed", ())),
    ]
    storage.save(HardState(1, 0, at + 2), entries, must_sync=True)
    found = stored_table(storage)
    assert [(each.name, each.peer_urls) for each in found.members] == [
        ("", A),
        ("", ("http://h:22",)),
        ("c", C),
    ]
