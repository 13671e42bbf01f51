"""Members with a disk under them: restarts, disks that fail and fill, snapshots while clients write."""

import asyncio
import errno
import random
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from kube.actors.runtime.errors import HopelessError
from kube.actors.runtime.ref import Ref
from kube.actors.runtime.supervision import Supervision
from kube.actors.runtime.system import ActorSystem
from kube.actors.store_member import start_members
from kube.base.backoff import Backoff
from kube.base.chance import Chance
from kube.base.clock import SystemClock
from kube.base.stall import StallGuard
from kube.store.administration import Alarm, AlarmType
from kube.store.config import StoreConfig
from kube.store.errors import DiskFullError
from kube.store.local import LocalStore
from kube.store.member import Input
from kube.store.wal.directory import StoreDirectory, open_store
from kube.store.wal.disk import DataDirectoryError
from kube.store.wal.log import WalOptions
from kube.store.wal.segment import Identity
from kube.store.wal.storage import StorageOptions, WalStorage, first_snapshot
from kube.store.wal.syncer import InlineSyncer
from tests.store.waiting import until
from tests.store.wal.conftest import MemoryDisk

T = TypeVar("T")

OPTIONS = StorageOptions(
    wal=WalOptions(segment_bytes=20_000, allocation=8_000, reserve=2_000), snapshot_bytes=40_000
)


class World:
    def __init__(self, system: ActorSystem, store: LocalStore, refs: tuple[Ref[Input], ...]) -> None:
        self.system = system
        self.store = store
        self.refs = refs


@asynccontextmanager
async def running(directory: StoreDirectory, **config: int) -> AsyncIterator[World]:
    guard = StallGuard(SystemClock())
    guard.start()
    quick = Supervision(backoff=Backoff(initial=0.001, cap=0.01), max_restarts=100)
    system = ActorSystem(clock=guard, chance=Chance(1), supervision=quick)
    settings = StoreConfig(replicas=len(directory.storages), **config)
    store = LocalStore(settings, guard, random.Random(1), directory=directory)
    try:
        refs = await start_members(system, store)
        yield World(system, store, refs)
    finally:
        await system.stop()
        await store.aclose()
        directory.close()
        guard.stop()


def on_disk(path: Path, replicas: int = 1) -> StoreDirectory:
    return open_store(path, replicas, random.Random(3), OPTIONS)


def in_memory(disks: list[MemoryDisk]) -> StoreDirectory:
    """Disks that the test can break."""
    members = tuple(range(1, len(disks) + 1))
    storages = {
        member: WalStorage.create(
            disk, Identity(1, member), random.Random(member), first_snapshot(members), OPTIONS
        )
        for member, disk in zip(members, disks, strict=True)
    }
    syncers = {member: InlineSyncer() for member in members}
    return StoreDirectory(1, storages, syncers, InlineSyncer(), path="memory")


async def fill(store: LocalStore, prefix: bytes, count: int) -> None:
    await asyncio.gather(*(store.put(b"%b/%d" % (prefix, number), b"v" * 100) for number in range(count)))


@pytest.mark.parametrize("replicas", [1, 3])
async def test_everything_is_there_after_a_restart(tmp_path: Path, replicas: int) -> None:
    async with running(on_disk(tmp_path, replicas)) as world:
        store = world.store
        lease = await store.grant(600)
        await store.put(b"leased", b"", lease.id)
        for round_ in range(6):
            await fill(store, b"r%d" % round_, 100)
        await store.compact(300)
        await store.delete_range(b"r0/", b"r00")
        await store.raise_alarm(Alarm(1, AlarmType.NOSPACE))
        before = (await store.range(b"\0", b"\0"), await store.current_revision(), await store.hash_kv())
    async with running(on_disk(tmp_path, replicas)) as world:
        store = world.store
        assert (
            await store.range(b"\0", b"\0"),
            await store.current_revision(),
            await store.hash_kv(),
        ) == before
        assert (await store.status()).compact_revision == 300
        assert await store.alarms() == (Alarm(1, AlarmType.NOSPACE),)
        left = await store.time_to_live(lease.id, keys=True)
        assert (left.granted_ttl, left.keys) == (600, (b"leased",))
        await store.disarm(Alarm(0, AlarmType.NONE))
        assert (await store.put(b"k", b"v")).revision == before[1] + 1


async def test_snapshots_go_to_disk_while_clients_write_and_the_log_is_cut(tmp_path: Path) -> None:
    async with running(on_disk(tmp_path), snapshot_entries=100, catch_up_entries=10) as world:
        for round_ in range(20):
            await fill(world.store, b"r%d" % (round_ % 3), 100)
    names = sorted(path.name for path in (tmp_path / "member-1").iterdir())
    assert sum(name.endswith(".snap") for name in names) == 2
    assert not any(name.endswith(".tmp") for name in names)
    assert f"{0:016x}-{1:016x}.wal" not in names
    async with running(on_disk(tmp_path)) as world:
        assert (await world.store.range(b"r", b"s", count_only=True)).count == 300


@pytest.mark.parametrize("replicas", [1, 3])
async def test_a_directory_that_is_removed_ends_the_store_with_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, replicas: int
) -> None:
    path = tmp_path / "store"
    async with running(on_disk(path, replicas), snapshot_entries=100_000) as world:
        await fill(world.store, b"before", 10)
        shutil.rmtree(path)
        filling = asyncio.ensure_future(fill(world.store, b"after", 1_000))
        with pytest.raises(HopelessError, match=f"the data directory {path} was removed.*restore a backup"):
            await world.system.wait()
        filling.cancel()
        await asyncio.gather(filling, return_exceptions=True)
    assert "Traceback" not in caplog.text
    assert "reading the disk anew" not in caplog.text


async def test_a_disk_that_fails_once_costs_nothing_that_was_acknowledged() -> None:
    """After a failed fsync nobody knows what is on disk: the member reads it anew, and what it finds is written anew."""
    disk = MemoryDisk()
    async with running(in_memory([disk])) as world:
        store = world.store
        await fill(store, b"before", 20)
        failing = iter([True])
        disk.fail = lambda what: what == "sync" and next(failing, False)
        member = store.replicas.serving
        await asyncio.gather(*(store.put(b"k%d" % number, b"v") for number in range(5)))
        assert store.replicas.serving is not member
        assert (await store.range(b"before", b"beforf")).count == 20
        assert [kv.version for kv in (await store.range(b"k", b"l")).kvs] == [1] * 5


async def test_a_full_disk_refuses_writes_until_there_is_space_and_reads_go_on() -> None:
    disk = MemoryDisk()
    directory = in_memory([disk])
    async with running(directory) as world:
        store = world.store
        await store.put(b"k", b"v")
        disk.free = 0
        acknowledged = 0
        with pytest.raises(DiskFullError, match="the disk under memory is full; reads go on"):  # noqa: PT012  # however many fit
            for number in range(1000):
                await store.put(b"f%d" % number, b"v" * 100)
                acknowledged += 1
        for _ in range(3):
            with pytest.raises(DiskFullError):
                await store.put(b"k", b"w")
        assert (await store.range(b"k")).kvs[0].value == b"v"
        assert (await store.range(b"f", b"g", count_only=True)).count == acknowledged
        disk.free = 1 << 20
        await until(lambda: not directory.storages[1].full)  # a tick finds out
        await store.put(b"k", b"w")
    after = WalStorage.open(disk, Identity(1, 1), random.Random(1), OPTIONS)
    assert after.last_index() > acknowledged


async def test_where_space_can_not_be_reserved_the_write_that_fails_waits_and_others_are_refused() -> None:
    disk = MemoryDisk()
    disk.reserves = False
    directory = in_memory([disk])
    async with running(directory) as world:
        store = world.store
        await store.put(b"k", b"v")
        disk.free = 100
        waiting = asyncio.ensure_future(store.put(b"k", b"w" * 200))
        await until(lambda: directory.storages[1].full)
        with pytest.raises(DiskFullError):
            await store.put(b"l", b"v")
        assert (await store.range(b"k")).kvs[0].value == b"v"
        disk.free = 1 << 20
        assert (await waiting).revision == 3
        await until(lambda: not directory.storages[1].full)  # a tick finds out
        await store.put(b"l", b"v")
    after = WalStorage.open(disk, Identity(1, 1), random.Random(1), OPTIONS)
    assert after.hard_state.commit >= 3


async def test_a_follower_whose_disk_is_full_holds_nobody_up_and_catches_up() -> None:
    disks = [MemoryDisk() for _ in range(3)]
    directory = in_memory(disks)
    async with running(directory, snapshot_entries=100, catch_up_entries=10) as world:
        store = world.store
        await store.put(b"k", b"v")
        follower = store.leader % 3
        disks[follower].free = 0
        for round_ in range(5):
            await fill(store, b"r%d" % round_, 100)
        assert directory.storages[follower + 1].full
        disks[follower].free = 1 << 30
        await store.put(b"last", b"")
        serving = store.replicas.serving
        behind = store.replicas.all()[follower]
        assert serving is not None
        async with asyncio.timeout(10):
            while behind.member is None or behind.member.machine.kv.revision < serving.machine.kv.revision:  # noqa: ASYNC110  # it is looked at from outside
                await asyncio.sleep(0.01)
        assert behind.member.machine.hash_kv() == serving.machine.hash_kv()


async def test_a_member_that_crashes_while_it_settles_comes_back_with_what_was_acknowledged(
    tmp_path: Path,
) -> None:
    async with running(on_disk(tmp_path, 3)) as world:
        store = world.store
        writing = [asyncio.ensure_future(store.optimistic_put(b"k%d" % n, b"v", 0)) for n in range(300)]
        await until(lambda: any(task.done() for task in writing))
        leader = world.refs[store.leader - 1]
        next(cell for cell in world.system._cells() if cell.ref is leader).fail(RuntimeError("a bug"))
        assert all(result.succeeded for result in await asyncio.gather(*writing))
        before = await store.hash_kv()
    async with running(on_disk(tmp_path, 3)) as world:
        assert await world.store.hash_kv() == before


class SlowSyncer(InlineSyncer):
    """A disk that takes its time with everything, as long as the test says so."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.go.set()

    async def run(self, work: Callable[[], T]) -> T:
        await self.go.wait()
        return await super().run(work)


@pytest.mark.parametrize("slow", [(1,), (2, 3), (1, 2, 3)], ids=["the leader's", "the followers'", "all"])
async def test_a_disk_that_stalls_elects_nobody(slow: tuple[int, ...]) -> None:
    directory = in_memory([MemoryDisk() for _ in range(3)])
    syncers = {member: SlowSyncer() for member in (1, 2, 3)}
    directory.syncers = syncers
    async with running(directory) as world:
        store = world.store
        await store.put(b"k", b"v")
        term, leader = (await store.status()).raft_term, store.leader
        assert leader == 1
        for member in slow:
            syncers[member].go.clear()
        writing = [asyncio.ensure_future(store.put(b"k%d" % number, b"v")) for number in range(5)]
        await asyncio.sleep(0.9)  # at least two election timeouts
        for member in slow:
            syncers[member].go.set()
        await asyncio.gather(*writing)
        assert ((await store.status()).raft_term, store.leader) == (term, leader)


# ---- whose directory it is


async def test_another_number_of_replicas_is_refused(tmp_path: Path) -> None:
    on_disk(tmp_path, 3).close()
    with pytest.raises(
        DataDirectoryError, match="holds a store of 3 members, not of 1: start it with --replicas 3"
    ):
        on_disk(tmp_path, 1)
    on_disk(tmp_path, 3).close()


async def test_two_stores_never_open_one_directory(tmp_path: Path) -> None:
    directory = on_disk(tmp_path)
    with pytest.raises(DataDirectoryError, match="in use by the process"):
        on_disk(tmp_path)
    directory.close()


async def test_a_directory_whose_making_was_cut_short_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = WalStorage.create

    def fails(disk: MemoryDisk, identity: Identity, *args: object) -> WalStorage:
        if identity.member_id == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return create(disk, identity, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(WalStorage, "create", fails)
    with pytest.raises(DataDirectoryError, match="can't be used: No space left"):
        on_disk(tmp_path, 3)
    monkeypatch.undo()
    on_disk(tmp_path, 3).close()


async def test_members_of_another_store_are_refused(tmp_path: Path) -> None:
    open_store(tmp_path / "a", 1, random.Random(1)).close()
    open_store(tmp_path / "b", 1, random.Random(2)).close()
    (tmp_path / "a" / "member-1").rename(tmp_path / "gone")
    (tmp_path / "b" / "member-1").rename(tmp_path / "a" / "member-1")
    with pytest.raises(DataDirectoryError, match="belongs to the store"):
        on_disk(tmp_path / "a")


async def test_a_directory_without_its_store_file_is_refused(tmp_path: Path) -> None:
    on_disk(tmp_path).close()
    (tmp_path / "store.json").unlink()
    with pytest.raises(DataDirectoryError, match=r"its store\.json is missing"):
        on_disk(tmp_path)


async def test_a_member_that_restarts_while_a_snapshot_is_on_its_way_writes_the_next_one() -> None:
    disk = MemoryDisk()
    directory = in_memory([disk])
    slow = SlowSyncer()
    directory.snapshot_syncer = slow
    async with running(directory, snapshot_entries=100, catch_up_entries=10) as world:
        store = world.store
        slow.go.clear()
        await fill(store, b"a", 600)
        next(cell for cell in world.system._cells() if cell.ref is world.refs[0]).fail(RuntimeError("a bug"))
        await store.put(b"k", b"v")
        slow.go.set()
        for round_ in range(4):
            await fill(store, b"r%d" % round_, 600)
        await until(lambda: sum(name.endswith(".snap") for name in disk.files) >= 2)
