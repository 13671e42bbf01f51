"""etcdctl 3.4 and 3.5 where it goes on: watches, locks, elections, leases kept alive; and files that it writes."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.store.etcd_server.conftest import Etcdctl, Serve, Serving, etcdctl_binary
from tests.store.waiting import until


@asynccontextmanager
async def running(etcdctl: Etcdctl, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await etcdctl.start(*arguments)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(10):
        return (await process.stdout.readline()).decode().rstrip("\n")


async def lines(process: asyncio.subprocess.Process, count: int) -> list[str]:
    return [await line(process) for _ in range(count)]


async def write(process: asyncio.subprocess.Process, text: str) -> None:
    assert process.stdin is not None
    process.stdin.write(text.encode())
    await process.stdin.drain()


async def watched(serving: Serving, count: int) -> None:
    """Until the store has so many watches."""
    await until(lambda: len(serving.store.replicas.subscriptions) >= count, pause=0.005)


async def test_watch_a_prefix_from_a_revision(serving: Serving, etcdctl: Etcdctl) -> None:
    await serving.store.put(b"k1", b"one")
    await serving.store.put(b"k1", b"two")
    async with running(etcdctl, "watch", "k", "--prefix", "--rev=3", "--prev-kv") as process:
        assert await lines(process, 5) == ["PUT", "k1", "one", "k1", "two"]
        await serving.store.delete_range(b"k1")
        assert await lines(process, 5) == ["DELETE", "k1", "two", "k1", ""]


async def test_watch_interactively(serving: Serving, etcdctl: Etcdctl) -> None:
    async with running(etcdctl, "watch", "-i") as process:
        await write(process, "watch a\nwatch b --prefix\n")
        await watched(serving, 2)
        await serving.store.put(b"a", b"1")
        assert await lines(process, 3) == ["PUT", "a", "1"]
        await serving.store.put(b"b9", b"2")
        assert await lines(process, 3) == ["PUT", "b9", "2"]
        await write(process, "progress\n")
        assert await line(process) == "progress notify: 3"


async def test_watch_runs_a_command(serving: Serving, etcdctl: Etcdctl) -> None:
    async with running(etcdctl, "watch", "a", "--", "env") as process:
        await watched(serving, 1)
        await serving.store.put(b"a", b"1")
        text = ""
        while "ETCD_WATCH_VALUE" not in text:
            text += await line(process) + "\n"
        assert 'ETCD_WATCH_EVENT_TYPE="PUT"' in text
        assert "ETCD_WATCH_REVISION=2" in text


async def test_lease_keep_alive(serving: Serving, etcdctl: Etcdctl) -> None:
    lease = (await serving.store.grant(2)).id
    async with running(etcdctl, "lease", "keep-alive", f"{lease:x}") as process:
        for _ in range(2):
            assert await line(process) == f"lease {lease:x} keepalived with TTL(2)"


async def test_lock_waits_for_the_holder(serving: Serving, etcdctl: Etcdctl) -> None:
    async with running(etcdctl, "lock", "door") as first:
        held = await line(first)
        assert re.fullmatch(r"door/[0-9a-f]+", held)
        async with running(etcdctl, "lock", "door") as second:
            async with asyncio.timeout(10):
                while (await serving.store.range(b"door/", b"door0")).count < 2:  # noqa: ASYNC110  # another process brings it about
                    await asyncio.sleep(0.005)
            first.terminate()
            taken = await line(second)
            assert taken != held
            assert re.fullmatch(r"door/[0-9a-f]+", taken)


async def test_lock_around_a_command(etcdctl: Etcdctl) -> None:
    answer = await etcdctl("lock", "door", "echo", "held")
    assert (answer.code, answer.out.strip()) == (0, "held")


async def test_elect_and_listen(etcdctl: Etcdctl) -> None:
    async with running(etcdctl, "elect", "chief", "alice") as candidate:
        key, value = await lines(candidate, 2)
        assert re.fullmatch(r"chief/[0-9a-f]+", key)
        assert value == "alice"
        async with running(etcdctl, "elect", "--listen", "chief") as listener:
            assert await lines(listener, 2) == [key, "alice"]


async def test_snapshot_save(serving: Serving, etcdctl: Etcdctl, tmp_path: Path) -> None:
    """What etcd's and this project's tools make of the file is in ``test_backups.py``."""
    for number in range(100):
        await serving.store.put(b"k%d" % number, b"v" * 5_000)
    path = tmp_path / "backup.db"
    answer = await etcdctl("snapshot", "save", str(path))
    assert answer.code == 0, answer.err
    assert f"Snapshot saved at {path}" in answer.out
    assert path.stat().st_size > 400_000
    assert path.stat().st_size % 512 == 32, "a SHA-256 is at its end"
    status = await etcdctl("snapshot", "status", str(path))
    assert status.out.split(", ")[1:3] == ["101", "105"]


async def test_three_replicas(serve: Serve, etcdctl_version: str) -> None:
    serving = await serve(replicas=3)
    etcdctl = Etcdctl(etcdctl_binary(etcdctl_version), serving.endpoint)
    listed = await etcdctl("member", "list")
    assert len(listed.out.splitlines()) == 3
    assert "started" in listed.out
    status = await etcdctl("endpoint", "status", "-w", "json")
    leader = int(re.search(r'"leader":(\d+)', status.out)[1])  # type: ignore[index]  # it is there, or the test fails
    target = next(voter for voter in (1, 2, 3) if voter != leader)
    moved = await etcdctl("move-leader", f"{target:x}")
    assert moved.out == f"Leadership transferred from {leader:x} to {target:x}\n", moved.err
    assert serving.store.leader == target
    assert (await etcdctl("put", "k", "v")).out == "OK\n"


async def test_alarms(serve: Serve, etcdctl_version: str) -> None:
    """Over the quota: writes are refused, reads and deletions go on, and disarming lets writes in again."""
    serving = await serve(quota_bytes=200_000)
    etcdctl = Etcdctl(etcdctl_binary(etcdctl_version), serving.endpoint)
    answer = await etcdctl("put", "first", "v")
    for number in range(400):
        answer = await etcdctl("put", f"k{number}", "v" * 10_000)
        if answer.code:
            break
    assert "etcdserver: mvcc: database space exceeded" in answer.err
    assert (await etcdctl("alarm", "list")).out == "memberID:1 alarm:NOSPACE \n"
    assert (await etcdctl("get", "first")).out == "first\nv\n"
    assert "memberID:1 alarm:NOSPACE" in (await etcdctl("endpoint", "status")).out
    assert (await etcdctl("del", "k", "--prefix")).code == 0
    revision = (await serving.store.status()).revision
    assert (await etcdctl("compaction", str(revision))).code == 0
    assert (await etcdctl("alarm", "disarm")).out == "memberID:1 alarm:NOSPACE \n"
    assert (await etcdctl("put", "k", "v")).out == "OK\n"


async def test_check_datascale(etcdctl: Etcdctl) -> None:
    """Ten thousand keys of 1 KB from 50 clients; etcdctl judges the memory that they take."""
    answer = await etcdctl("check", "datascale", "--load=s")
    assert (answer.code, "PASS: Approximate system memory used" in answer.out) == (0, True), answer


@pytest.mark.slow
async def test_check_perf(serve: Serve, etcdctl_version: str) -> None:
    """150 writes a second for a minute; etcdctl judges the throughput, the slowest and the spread."""
    serving = await serve(replicas=3)
    etcdctl = Etcdctl(etcdctl_binary(etcdctl_version), serving.endpoint)
    answer = await etcdctl("check", "perf", "--load=s", within=120)
    assert (answer.code, answer.out.count("PASS")) == (0, 4), answer
