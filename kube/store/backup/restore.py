"""What a store that is made of a backup begins with: members and an id of its own, as etcd's has (etcd's page "Disaster recovery")."""

import hashlib

import msgspec

from kube.store.apply import StateSnapshot
from kube.store.raft.messages import ConfState, Snapshot


def restored_cluster_id(digest: bytes, fresh: int) -> int:
    """The id of the store that members in processes of their own make of the backup with ``digest``, where ``fresh`` is that of a new one
    of the same members.

    Their logs all begin at the same entry, with the backup's state: a member that begins with nothing there, or with another
    backup's, must not take itself for one of them.
    """
    found = hashlib.sha256(fresh.to_bytes(8, "big") + digest).digest()
    return int.from_bytes(found[:8], "big") or 1


def restored(state: StateSnapshot, conf: ConfState, **members: object) -> Snapshot:
    """What the members of a new store begin with: the state of a backup, in the configuration ``conf``.

    ``members`` replaces fields of the StateSnapshot that tell of members. It is at index 1 of term 1, so that a member that joins
    later with an empty log needs it.
    """
    own = msgspec.structs.replace(state, **{"members": (), "removed_members": (), **members})
    return Snapshot(1, 1, conf, own)
