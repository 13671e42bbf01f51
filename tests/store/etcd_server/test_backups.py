"""Backups between this store and real etcds, both ways, by the tools of both."""

import base64
import json
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kube.cli.main import kube
from kube.store.apply import StateMachine, StateSnapshot
from kube.store.backup.file import read_backup
from kube.store.kv import DeleteRange, KeyValue, Put, Txn
from kube.store.wal.directory import open_store
from tests.store.etcd_server.conftest import Etcdctl, Serve, etcdctl_binary
from tests.store.servers import (
    DEBIAN,
    DISTRO,
    Server,
    etcd,
    etcd_tool,
    kube_members,
    kube_store,
    restored_etcd,
)

VERSIONS = {"3.4": DEBIAN, "3.5": DISTRO}


@pytest.fixture
def started() -> Iterator[list[Server]]:
    """Those that are in it are killed after the test."""
    servers: list[Server] = []
    yield servers
    for server in servers:
        server.kill()


def snapshot(*arguments: object) -> str:
    """What ``kube store snapshot`` says."""
    done = CliRunner().invoke(kube, ["store", "snapshot", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done.stdout


def tool(version: str, *arguments: object) -> str:
    """What etcd's own tool for files of that version says."""
    done = subprocess.run(
        [etcd_tool(VERSIONS[version]), *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "ETCDCTL_API": "3"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def status_of(version: str, backup: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(tool(version, "snapshot", "status", backup, "-w", "json"))
    return found


async def contents(etcdctl: Etcdctl, revision: int) -> list[KeyValue]:
    answer = await etcdctl("get", "", "--prefix", "--rev", str(revision), "-w", "json")
    assert answer.code == 0, answer.err
    return [
        KeyValue(
            base64.b64decode(each["key"]),
            base64.b64decode(each.get("value", "")),
            each["create_revision"],
            each["mod_revision"],
            each["version"],
            each.get("lease", 0),
        )
        for each in json.loads(answer.out).get("kvs", ())
    ]


async def history(serve: Serve) -> tuple[Any, int]:
    """A store with some, and the id of its lease."""
    serving = await serve()
    store = serving.store
    lease = (await store.grant(5000)).id
    for number in range(60):
        await store.put(b"k%d" % (number % 20), b"v" * (number * 150), lease=lease if number % 3 else 0)
    await store.txn(Txn((), (DeleteRange(b"k3"), Put(b"k4", b"x"), Put(b"k5", b"y", lease))))
    await store.delete_range(b"k7", b"k9")
    await store.compact(40)
    await store.put(b"big", bytes(range(256)) * 4000)
    return serving, lease


async def test_what_this_store_saves_becomes_an_etcd_and_comes_back(
    serve: Serve, etcdctl_version: str, tmp_path: Path, started: list[Server]
) -> None:
    version = VERSIONS[etcdctl_version]
    serving, lease = await history(serve)
    etcdctl = Etcdctl(etcdctl_binary(etcdctl_version), serving.endpoint)
    backup, again = tmp_path / "backup", tmp_path / "again"
    answer = await etcdctl("snapshot", "save", str(backup))
    assert answer.code == 0, answer.err
    found = status_of(etcdctl_version, backup)
    assert json.loads(snapshot("status", backup, "-o", "json")) == found
    assert found["revision"] == 64

    server = restored_etcd(version, tmp_path, backup)
    started.append(server)
    server.start()
    theirs = Etcdctl(etcdctl_binary(etcdctl_version), server.endpoint)
    for revision in (40, 50, 61, 62, 64):
        assert await contents(theirs, revision) == await contents(etcdctl, revision)
    assert "required revision has been compacted" in (await theirs("get", "k1", "--rev", "39")).err
    alive = json.loads((await theirs("lease", "timetolive", f"{lease:x}", "--keys", "-w", "json")).out)
    assert alive["granted-ttl"] == 5000
    machine = StateMachine.restore(read_backup(backup).contents.state, lambda: 0.0)
    assert sorted(map(base64.b64decode, alive["keys"])) == sorted(machine.lessor.get(lease).keys)

    assert (await theirs("put", "new", "1")).out == "OK\n"
    assert (await theirs("snapshot", "save", str(again))).code == 0
    assert json.loads(snapshot("status", again, "-o", "json")) == status_of(etcdctl_version, again)
    snapshot("restore", again, "--data-dir", tmp_path / "ours", "--replicas", "3")
    restored = stored(tmp_path / "ours", 3)
    assert restored.kv.live.pop(b"new").mod_revision == 65
    assert restored.kv.live == machine.kv.live
    changes = [each for each in restored.kv.changes_from(41) if each.key != b"new"]
    assert changes == list(machine.kv.changes_from(41))
    assert restored.lessor.snapshot() == machine.lessor.snapshot()


def stored(path: Path, replicas: int) -> StateMachine:
    """What the last member of a store has that does not run."""
    directory = open_store(path, replicas, random.Random(1))
    try:
        data = directory.storages[replicas].snapshot().data
    finally:
        directory.close()
    assert isinstance(data, StateSnapshot)
    return StateMachine.restore(data, lambda: 0.0)


async def test_what_an_etcd_saves_becomes_a_store(
    etcdctl_version: str, tmp_path: Path, started: list[Server]
) -> None:
    server = etcd(VERSIONS[etcdctl_version], tmp_path)
    started.append(server)
    server.start()
    binary = etcdctl_binary(etcdctl_version)
    theirs = Etcdctl(binary, server.endpoint)
    lease = (await theirs("lease", "grant", "600")).out.split()[1]
    for arguments in (
        ("put", "a", "1"),
        ("put", "a", "2", "--lease", lease),
        ("put", "b", "x" * 9000),
        ("del", "a"),
        ("put", "c", "1", "--lease", lease),
        ("compaction", "4"),
        ("put", "d", "1"),
        ("put", "c", "2", "--lease", lease),
    ):
        answer = await theirs(*arguments)
        assert answer.code == 0, answer.err
    txn = await theirs("txn", stdin="\ndel d\nput a 3\nput b 4\n\n\n")
    assert txn.code == 0, txn.err
    backup = tmp_path / "backup"
    assert (await theirs("snapshot", "save", str(backup))).code == 0
    assert json.loads(snapshot("status", backup, "-o", "json")) == status_of(etcdctl_version, backup)

    snapshot("restore", backup, "--data-dir", tmp_path / "ours")
    own = kube_store(tmp_path, "--data-dir", str(tmp_path / "ours"))
    started.append(own)
    own.start()
    ours = Etcdctl(binary, own.endpoint)
    for revision in (4, 5, 6, 7, 8, 9):
        assert await contents(ours, revision) == await contents(theirs, revision)
    assert "has been compacted" in (await ours("get", "a", "--rev", "3")).err
    assert (await ours("lease", "list")).out == (await theirs("lease", "list")).out
    assert (await ours("lease", "revoke", lease)).code == 0
    assert (await ours("get", "c")).out == ""

    server.kill()
    database = Path(server.flag("--data-dir")) / "member/snap/db"
    theirs_says = status_of(etcdctl_version, database)
    assert json.loads(snapshot("status", database, "-o", "json")) == theirs_says
    snapshot("restore", database, "--skip-hash-check", "--data-dir", tmp_path / "raw")
    assert stored(tmp_path / "raw", 1).kv.revision == theirs_says["revision"]


async def test_three_members_begin_with_one_etcds_backup(tmp_path: Path, started: list[Server]) -> None:
    server = etcd(DISTRO, tmp_path)
    started.append(server)
    server.start()
    theirs = Etcdctl(etcdctl_binary("3.5"), server.endpoint)
    assert (await theirs("put", "greeting", "hello")).code == 0
    backup = tmp_path / "backup"
    assert (await theirs("snapshot", "save", str(backup))).code == 0
    members = kube_members(tmp_path, 3)
    for member in members:
        flags = [
            each
            for name in ("--name", "--data-dir", "--initial-cluster")
            for each in (name, member.flag(name))
        ]
        snapshot("restore", backup, *flags)
        started.append(member)
    for member in members:
        member.launch()
    for member in members:
        member.wait()
    for number, member in enumerate(members):
        ours = Etcdctl(etcdctl_binary("3.5"), member.endpoint)
        assert (await ours("get", "greeting", "--print-value-only")).out == "hello\n"
        assert (await ours("put", f"from-{number}", "1")).code == 0
    hashes = await Etcdctl(etcdctl_binary("3.5"), ",".join(each.endpoint for each in members))(
        "endpoint", "hashkv", "--rev", "5", "-w", "json"
    )
    assert len({each["HashKV"]["hash"] for each in json.loads(hashes.out)}) == 1


async def test_an_etcd_that_asks_who_one_is_is_not_opened_by_mistake(
    tmp_path: Path, started: list[Server]
) -> None:
    server = etcd(DISTRO, tmp_path)
    started.append(server)
    server.start()
    binary = etcdctl_binary("3.5")
    theirs = Etcdctl(binary, server.endpoint)
    assert (await theirs("put", "k", "v")).code == 0
    assert (await theirs("user", "add", "root:pw")).code == 0
    backup, store = tmp_path / "backup", tmp_path / "ours"

    async def restore(*flags: str) -> tuple[int, str]:
        root = Etcdctl(binary, server.endpoint, "--user", "root:pw")
        assert (await root("snapshot", "save", str(backup))).code == 0
        done = CliRunner().invoke(
            kube, ["store", "snapshot", "restore", str(backup), "--data-dir", str(store), *flags]
        )
        return done.exit_code, done.output

    assert (await theirs("auth", "enable")).code == 0
    code, said = await restore()
    assert code == 1
    assert "of an etcd that asks who one is, with 1 users and 1 roles" in said
    assert not store.exists()
    code, said = await restore("--without-users")
    assert (code, "Left out: 1 users and 1 roles" in said) == (0, True)
    assert stored(store, 1).kv.live[b"k"].value == b"v"


async def test_etcds_tool_rewrites_it(serve: Serve, tmp_path: Path) -> None:
    """Defragmentation walks through every bucket, and makes a database of bbolt's own of it."""
    serving, _ = await history(serve)
    backup = tmp_path / "backup"
    assert (await Etcdctl(etcdctl_binary("3.5"), serving.endpoint)("snapshot", "save", str(backup))).code == 0
    server = restored_etcd(DISTRO, tmp_path, backup)
    database = Path(server.flag("--data-dir")) / "member/snap/db"
    before = status_of("3.5", database)
    tool("3.5", "defrag", "--data-dir", server.flag("--data-dir"))
    after = status_of("3.5", database)
    assert {**after, "totalSize": 0} == {**before, "totalSize": 0}
    assert json.loads(snapshot("status", database, "-o", "json")) == after
