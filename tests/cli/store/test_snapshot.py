"""``kube store snapshot``: save, status, restore, and what they refuse."""

import asyncio
import contextlib
import json
import os
import random
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kube.actors.runtime.system import ActorSystem
from kube.actors.store_member import start_members
from kube.base.clock import SystemClock
from kube.base.stall import StallGuard
from kube.cli.main import kube
from kube.store.config import StoreConfig
from kube.store.local import LocalStore
from kube.store.membership import cluster_id, initial_members
from kube.store.urls import parse_initial_cluster
from kube.store.wal.directory import open_store, stored_at
from kube.store.wal.disk import DataDirectoryError, OsDisk
from tests.store.servers import kube_store


def run(*arguments: object) -> Result:
    return CliRunner().invoke(kube, ["store", "snapshot", *map(str, arguments)])


def refused(*arguments: object) -> str:
    done = run(*arguments)
    assert done.exit_code == 1
    assert "Traceback" not in done.output
    return done.output.strip()


async def write(path: Path, replicas: int, count: int) -> int:
    """Keys into the store in ``path``; how many it has then."""
    guard = StallGuard(SystemClock())
    guard.start()
    directory = open_store(path, replicas, random.Random(1))
    async with ActorSystem(clock=guard) as system:
        store = LocalStore(StoreConfig(replicas=replicas), guard, random.Random(1), directory=directory)
        await start_members(system, store)
        await asyncio.gather(*(store.put(b"k%d" % number, b"v" * 50) for number in range(count)))
        found = await store.range(b"\0", b"\0", count_only=True)
        await store.aclose()
    directory.close()
    guard.stop()
    return found.count


def status_of(file: Path) -> dict[str, int]:
    """Of a backup, but for its size."""
    facts: dict[str, int] = json.loads(run("status", file, "-o", "json").output)
    del facts["totalSize"]
    return facts


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    asyncio.run(write(tmp_path / "store", 1, 20))
    done = run("save", tmp_path / "backup", "--data-dir", tmp_path / "store")
    assert done.output == f"Snapshot saved at {tmp_path / 'backup'}\n"
    return tmp_path / "backup"


def test_status_as_a_table_and_as_json(backup: Path) -> None:
    """Five entries are etcd's own: they count there too."""
    lines = run("status", backup).output.splitlines()
    assert lines[1] == "|   HASH   | REVISION | TOTAL KEYS | TOTAL SIZE |"
    assert [cell.strip() for cell in lines[3].split("|")[2:4]] == ["21", "25"]
    facts = json.loads(run("status", backup, "--output", "json").output)
    assert (facts["revision"], facts["totalKey"]) == (21, 25)
    assert facts["totalSize"] == backup.stat().st_size - 32
    assert f"{facts['hash']:x}" in lines[3]


@pytest.mark.parametrize("replicas", [1, 3])
def test_a_restored_store_goes_on_under_an_id_of_its_own(backup: Path, tmp_path: Path, replicas: int) -> None:
    done = run("restore", backup, "--data-dir", tmp_path / "new", "--replicas", replicas)
    assert done.exit_code == 0, done.output
    before, after = stored_at(tmp_path / "store"), stored_at(tmp_path / "new")
    assert before is not None
    assert after is not None
    assert after.cluster_id != before.cluster_id
    assert asyncio.run(write(tmp_path / "new", replicas, 30)) == 30


def test_members_of_several_processes_are_restored_one_by_one(backup: Path, tmp_path: Path) -> None:
    cluster = "a=http://h:1,b=http://h:2,c=http://h:3"
    stored = []
    for name in ("a", "b", "c"):
        done = run(
            "restore", backup, "--data-dir", tmp_path / name, "--name", name, "--initial-cluster", cluster
        )
        assert done.exit_code == 0, done.output
        stored.append(stored_at(tmp_path / name))
    assert len({each.members for each in stored if each is not None}) == 3
    ids = {each.cluster_id for each in stored if each is not None}
    assert len(ids) == 1

    asyncio.run(write(tmp_path / "store", 1, 1))
    run("save", tmp_path / "later", "--data-dir", tmp_path / "store")
    run(
        "restore",
        tmp_path / "later",
        "--data-dir",
        tmp_path / "x",
        "--name",
        "a",
        "--initial-cluster",
        cluster,
    )
    other = stored_at(tmp_path / "x")
    assert other is not None
    assert other.cluster_id not in ids  # they would begin alike with unlike contents
    urls = parse_initial_cluster(cluster)
    assert cluster_id(each.id for each in initial_members(urls, "etcd-cluster")) not in ids


def test_what_one_member_has_is_saved_where_the_others_are_lost(backup: Path, tmp_path: Path) -> None:
    cluster = "a=http://h:1,b=http://h:2"
    run("restore", backup, "--data-dir", tmp_path / "a", "--name", "a", "--initial-cluster", cluster)
    done = run("save", tmp_path / "left", "--data-dir", tmp_path / "a")
    assert done.exit_code == 0, done.output
    assert "writes that only other members have are not in it" in done.output
    assert status_of(tmp_path / "left")["totalKey"] == status_of(backup)["totalKey"] + 2, "its members"
    assert run("restore", tmp_path / "left", "--data-dir", tmp_path / "new").exit_code == 0
    assert asyncio.run(write(tmp_path / "new", 1, 0)) == 20


def test_a_sound_member_is_saved_beside_a_damaged_one(tmp_path: Path) -> None:
    asyncio.run(write(tmp_path / "store", 3, 20))
    for segment in (tmp_path / "store" / "member-2").glob("*.wal"):
        segment.write_bytes(b"x" * segment.stat().st_size)
    save = ("save", tmp_path / "left", "--data-dir", tmp_path / "store")
    assert "can't be trusted" in refused(*save)
    assert "can't be trusted" in refused(*save, "--member", "2")
    assert "has no member 9: there is 1, 2, 3" in refused(*save, "--member", "9")
    assert "an id is wanted" in refused(*save, "--member", "x")
    revisions = []
    for member in ("1", "3"):  # one of them is in each majority
        done = run(*save, "--member", member)
        assert done.exit_code == 0, done.output
        revisions.append(status_of(tmp_path / "left")["revision"])
    assert max(revisions) == 21


def test_what_can_not_be_done_is_said_in_one_line(backup: Path, tmp_path: Path) -> None:
    store, new = tmp_path / "store", tmp_path / "new"
    assert "is not empty" in refused("restore", backup, "--data-dir", store)
    assert "No such file" in refused("status", tmp_path / "none")
    assert "holds no store" in refused("save", tmp_path / "x", "--data-dir", tmp_path)
    assert "has no member 'z'" in refused(
        "restore", backup, "--data-dir", new, "--name", "z", "--initial-cluster", "a=http://h:1"
    )
    assert "--initial-cluster has http://h:1 for a" in refused(
        "restore",
        backup,
        *("--data-dir", new, "--name", "a", "--initial-cluster", "a=http://h:1"),
        *("--initial-advertise-peer-urls", "http://h:2"),
    )
    both = run("restore", backup, "--data-dir", new, "--replicas", "3", "--initial-cluster", "a=http://h:1")
    assert (both.exit_code, "give one of them" in both.output) == (2, True)
    assert "cannot read the certificate authority" in refused("save", new, "--cacert", tmp_path / "none")
    assert "more than one endpoint" in refused("save", new, "--endpoints", "a:1,b:1")
    assert "no endpoint" in refused("save", new, "--endpoint", "ftp://a:1")
    assert "with --cacert" in refused("save", new, "--endpoint", "https://a:1")
    assert "served without TLS" in refused("save", new, "--endpoint", "http://a:1", "--cacert", backup)
    assert "is there and no file" in refused("save", "", "--data-dir", store)
    assert "is there and no file" in refused("save", os.devnull, "--data-dir", store)
    assert "give one of them" in run("save", new, "--data-dir", store, "--endpoint", "a:1").output
    assert "--initial-cluster" in run("restore", backup, "--data-dir", new, "--name", "b").output
    assert "is not NAME=URL" in refused("restore", backup, "--data-dir", new, "--initial-cluster", "a")
    whole = backup.read_bytes()
    backup.write_bytes(whole[:-1])
    assert "only a part of one" in refused("restore", backup, "--data-dir", new)
    assert "only a part of one" in refused("status", backup)
    backup.write_bytes(whole[:5000] + b"x" + whole[5001:])
    assert "is damaged: its SHA-256 is wrong" in refused("restore", backup, "--data-dir", new)
    assert not new.exists()


class _Cut(BaseException):
    pass


@pytest.mark.parametrize("steps", range(9))
def test_a_restore_that_was_cut_short_is_no_store_and_is_done_again(
    backup: Path, tmp_path: Path, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After any of the files has its name: an empty store in its place would look like the loss of everything."""
    new, taken, rename = tmp_path / "new", 0, OsDisk.rename
    restore = ("restore", backup, "--data-dir", new, "--replicas", "3")

    def renamed(self: OsDisk, old: str, name: str) -> None:
        nonlocal taken
        if taken == steps:
            raise _Cut
        taken += 1
        rename(self, old, name)

    with monkeypatch.context() as patch, contextlib.suppress(_Cut):
        patch.setattr(OsDisk, "rename", renamed)
        run(*restore)
    assert taken == min(steps, 8)  # store.json twice, and a snapshot and a segment of each of three members
    if steps < 8:
        if steps:  # before that nothing says what it is to be
            with pytest.raises(DataDirectoryError, match="did not come to its end: restore the backup again"):
                open_store(new, 3, random.Random(1))
        assert run(*restore).exit_code == 0
    assert asyncio.run(write(new, 3, 0)) == 20


def test_a_database_without_a_digest_is_taken_when_asked_for(backup: Path, tmp_path: Path) -> None:
    """As a copy of etcd's ``member/snap/db`` is."""
    before = status_of(backup)
    backup.write_bytes(backup.read_bytes()[:-32])
    assert "--skip-hash-check" in refused("restore", backup, "--data-dir", tmp_path / "new")
    told = run("status", backup, "-o", "json")
    assert "no SHA-256" in told.stderr
    facts = json.loads(told.stdout)
    del facts["totalSize"]
    assert facts == before
    done = run("restore", backup, "--skip-hash-check", "--data-dir", tmp_path / "new")
    assert done.exit_code == 0, done.output
    assert asyncio.run(write(tmp_path / "new", 1, 0)) == 20


def test_a_store_that_runs_is_asked_over_its_endpoint_instead(tmp_path: Path) -> None:
    directory = open_store(tmp_path / "store", 1, random.Random(1))
    try:
        assert "in use by the process" in refused("save", tmp_path / "x", "--data-dir", tmp_path / "store")
    finally:
        directory.close()
    assert not list(tmp_path.glob("x*"))


def test_a_store_that_runs_is_saved_over_its_etcd_api(tmp_path: Path) -> None:
    pytest.importorskip("grpc")
    server = kube_store(tmp_path)
    server.start()
    try:
        done = run("save", tmp_path / "backup", "--endpoint", server.endpoint)
        assert done.exit_code == 0, done.output
    finally:
        server.kill()
    assert (
        json.loads(run("status", tmp_path / "backup", "-o", "json").output)["revision"] == 0
    )  # as of a new etcd
    assert "gave no snapshot" in refused("save", tmp_path / "again", "--endpoint", server.endpoint)
    assert not list(tmp_path.glob("again*"))
