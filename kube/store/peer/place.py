"""Whether a member is started in the place of another: with its data, and at the other one's address."""

from contextlib import suppress

from kube.store.errors import StoreError
from kube.store.membership import MemberTable
from kube.store.peer.bootstrap import BootstrapError
from kube.store.raft.messages import ConfChange
from kube.store.raft.storage import StableStorage
from kube.store.requests import MemberAttributes


def stored_table(storage: StableStorage) -> MemberTable:
    """What a member's snapshot and the committed entries behind it say of the members; some of it may have changed since."""
    snapshot = storage.snapshot()
    table = MemberTable(getattr(snapshot.data, "members", ()), getattr(snapshot.data, "removed_members", ()))
    last = min(storage.hard_state.commit, storage.last_index())
    for entry in storage.entries(max(snapshot.index + 1, storage.first_index()), last + 1):
        if isinstance(entry.data, ConfChange):
            with suppress(StoreError):  # it was refused when it was applied, too
                table = table.changed(entry.data)
        elif isinstance(entry.data, MemberAttributes):
            table = table.published(entry.data.id, entry.data.name, entry.data.client_urls)
    return table


def check_place(table: MemberTable, member: int, name: str, urls: tuple[str, ...]) -> None:
    """``urls``: where the others are told to reach it. Raises BootstrapError for ``member`` at the address of another one, and under
    that one's name, or where it has never told its name: no peer would take it there for what it is.

    (etcd starts it, and its peers refuse it for ever.)
    """
    own = next((each for each in table.members if each.id == member), None)
    if own is None or set(own.peer_urls) & set(urls) or own.name == name:
        return
    for other in table.members:
        if other.id != member and set(other.peer_urls) & set(urls) and other.name in {"", name}:
            raise BootstrapError(
                f"the data directory is that of member {own.name or ', '.join(own.peer_urls)} ({member:x}), and {name} at "
                f"{', '.join(urls)} is another one ({other.id:x}): name the --data-dir of {name}, or give the flags of the member "
                "whose directory it is"
            )
