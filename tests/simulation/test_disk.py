"""What a simulated disk keeps when the power goes."""

import asyncio
import errno
import random

import pytest

from kube.simulation import loop
from kube.simulation.disk import Platter, Power, PowerLossError, SimulatedDisk, SimulatedSyncer
from kube.simulation.trace import Trace


def world(seed: int = 1) -> tuple[Platter, Power, SimulatedDisk]:
    platter = Platter()
    power = Power(random.Random(seed), lambda: None)
    return platter, power, SimulatedDisk("/disk", platter, power, Trace(lambda: 0.0))


def again(platter: Platter) -> SimulatedDisk:
    power = Power(random.Random(1), lambda: None)
    return SimulatedDisk("/disk", platter, power, Trace(lambda: 0.0))


def content(disk: SimulatedDisk, name: str) -> bytes:
    file = disk.open(name)
    return file.read(0, file.size())


@pytest.mark.parametrize("seed", range(20))
def test_what_was_synced_survives_and_what_came_after_it_may_be_torn(seed: int) -> None:
    platter, power, disk = world(seed)
    file = disk.create("log")
    file.append(b"a" * 100)
    file.sync()
    disk.sync_dir()
    file.append(b"b" * 2000)
    power.cut()
    with pytest.raises(PowerLossError):
        file.append(b"c")
    found = content(again(platter), "log")
    assert found[:100] == b"a" * 100
    assert set(found[100:]) <= {ord("b"), 0}
    assert len(found) <= 2100


def test_of_many_crashes_some_lose_all_some_nothing_and_some_a_part() -> None:
    lengths = set()
    for seed in range(60):
        platter, power, disk = world(seed)
        file = disk.create("log")
        disk.sync_dir()
        file.append(b"b" * 2000)
        power.cut()
        lengths.add(len(content(again(platter), "log")))
    assert {0, 2000} <= lengths
    assert len(lengths) > 10


@pytest.mark.parametrize("synced", [True, False], ids=["synced", "not-synced"])
def test_a_rename_is_sure_once_the_directory_is_synced(synced: bool) -> None:
    outcomes = set()
    for seed in range(40):
        platter, power, disk = world(seed)
        for name, text in (("old", b"old"), ("new.tmp", b"new")):
            file = disk.create(name)
            file.append(text)
            file.sync()
        disk.rename("old", "current")
        disk.sync_dir()
        disk.rename("new.tmp", "current")
        if synced:
            disk.sync_dir()
        power.cut()
        outcomes.add(content(again(platter), "current"))
    assert outcomes == ({b"new"} if synced else {b"old", b"new"})


def test_a_full_disk_refuses_and_is_as_it_was() -> None:
    platter, _, disk = world()
    file = disk.create("log")
    file.append(b"1234")
    platter.capacity = 6
    with pytest.raises(OSError, match="No space") as caught:
        file.allocate(100)
    assert caught.value.errno == errno.ENOSPC
    assert file.size() == 4
    file.write(4, b"56")
    assert content(disk, "log") == b"123456"


def test_a_failing_sync_is_an_error_once() -> None:
    _, power, disk = world()
    file = disk.create("log")
    power.io_errors = 1
    with pytest.raises(OSError, match="Input/output"):
        file.sync()
    file.sync()


def test_a_fuse_burns_within_the_work() -> None:
    platter, power, disk = world()
    file = disk.create("log")
    power.fuse = 3
    file.append(b"1")
    file.append(b"2")
    with pytest.raises(PowerLossError):
        file.append(b"3")
    assert not power.on
    assert platter.files == {}  # the directory was never synced


def test_a_syncer_works_in_order_and_not_after_the_power_has_gone() -> None:
    async def main() -> list[int]:
        _, power, _ = world()
        syncer = SimulatedSyncer(power, random.Random(1), Trace(lambda: 0.0))
        done: list[int] = []
        first = asyncio.ensure_future(syncer.run(lambda: done.append(1)))
        second = asyncio.ensure_future(syncer.run(lambda: done.append(2)))
        await first
        await second
        third = asyncio.ensure_future(syncer.run(lambda: done.append(3)))
        await asyncio.sleep(0)
        power.cut()
        with pytest.raises(PowerLossError):
            await third
        return done

    assert loop.run(main()) == [1, 2]
