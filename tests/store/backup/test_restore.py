"""Stores that are made of a backup: what they take over, and what they do not."""

from pathlib import Path

from kube.store.administration import MemberInfo
from kube.store.apply import StateMachine, StateSnapshot
from kube.store.backup.file import encode_backup, read_backup
from kube.store.backup.restore import restored, restored_cluster_id
from kube.store.raft.messages import ConfState
from tests.store.backup.test_file import machine, snapshot


def test_a_store_made_of_it_has_members_of_its_own_and_everything_else() -> None:
    made = machine()
    members = (MemberInfo(8, peer_urls=("http://h:1",)),)
    fresh = restored(made.snapshot(), ConfState((8,)), members=members)
    assert (fresh.index, fresh.term, fresh.conf) == (1, 1, ConfState((8,)))
    assert isinstance(fresh.data, StateSnapshot)
    assert fresh.data.members == members
    again = StateMachine.restore(fresh.data, lambda: 0.0)
    assert again.hash_kv() == made.hash_kv()
    assert again.lessor.ids() == (5,)


def test_its_id_is_of_the_backup_and_of_the_members(tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    whole = b"".join(encode_backup(snapshot(machine())))
    backup.write_bytes(whole)
    digest = read_backup(backup).digest
    assert digest == whole[-32:]
    ids = {restored_cluster_id(each, fresh) for each in (digest, bytes(32)) for fresh in (1, 2)}
    assert len(ids) == 4
