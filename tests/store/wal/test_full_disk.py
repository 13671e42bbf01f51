"""A file system that is full, for real: a tiny one where one can be mounted, and a limit on the size of files."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

STORE = """
import asyncio, json, os, random, resource, sys
from pathlib import Path
from kube.actors.runtime.system import ActorSystem
from kube.actors.store_member import start_members
from kube.base.clock import SystemClock
from kube.base.stall import StallGuard
from kube.store.config import StoreConfig
from kube.store.errors import DiskFullError
from kube.store.local import LocalStore
from kube.store.wal.directory import open_store

path, limit, ballast = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
REPLICAS = 3

async def main():
    guard = StallGuard(SystemClock())
    guard.start()
    directory = open_store(path, REPLICAS, random.Random(1))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    async with ActorSystem(clock=guard) as system:
        store = LocalStore(StoreConfig(replicas=REPLICAS), guard, random.Random(1), directory=directory)
        await start_members(system, store)
        acknowledged = []
        refusal = ""
        for number in range(100_000):
            try:
                await store.put(b"k%d" % number, os.urandom(50_000))
            except DiskFullError as error:
                refusal = str(error)
                break
            acknowledged.append(number)
        while_full = (await store.range(b"k", b"l", count_only=True)).count
        if limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        else:
            ballast.unlink()
        async with asyncio.timeout(10):
            while True:
                try:
                    await store.put(b"after", b"v")
                    break
                except DiskFullError:
                    await asyncio.sleep(0.01)
        await store.aclose()
    directory.close()
    directory = open_store(path, REPLICAS, random.Random(1))
    async with ActorSystem(clock=guard) as system:
        store = LocalStore(StoreConfig(replicas=REPLICAS), guard, random.Random(1), directory=directory)
        await start_members(system, store)
        reopened = (await store.range(b"k", b"l", count_only=True)).count
        after = (await store.range(b"after")).count
        await store.aclose()
    directory.close()
    guard.stop()
    print(json.dumps([len(acknowledged), refusal, while_full, reopened, after]))

asyncio.run(main())
"""


def check(path: Path, limit: int, ballast: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STORE, str(path), str(limit), str(ballast)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    acknowledged, refusal, while_full, reopened, after = json.loads(done.stdout)
    assert acknowledged > 10
    assert f"the disk under {path} is full; reads go on" in refusal
    assert while_full == reopened == acknowledged
    assert after == 1


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such limit")
def test_files_that_may_not_grow(tmp_path: Path) -> None:
    check(tmp_path / "data", 6_000_000, tmp_path / "none")


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of 20 MB."""
    mounted = (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(tmp_path)],
            capture_output=True,
            check=False,
        )
        if sys.platform == "linux" and os.geteuid() == 0
        else None
    )
    if mounted is None or mounted.returncode:
        pytest.skip("only root can mount a file system")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_file_system_that_is_full(tiny: Path) -> None:
    ballast = tiny / "ballast"
    ballast.write_bytes(bytes(6 << 20))
    check(tiny / "data", 0, ballast)
