"""Real processes that join, leave, hand over and come back; and what a member refuses to begin with."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Self

import pytest
from click.testing import CliRunner

from kube.base.clock import SystemClock
from kube.cli.store import member as command
from kube.store.errors import (
    BadMemberURLsError,
    LearnerNotReadyError,
    LeaseNotFoundError,
    MemberNotFoundError,
    MemberNotLearnerError,
    NotLeaderError,
    PeerURLExistsError,
    StoreError,
    TooManyLearnersError,
    UnhealthyClusterError,
)
from kube.store.etcd3.config import Etcd3Config
from kube.store.etcd3.store import Etcd3Store
from kube.store.kv import EventType
from tests.store.peer.certificates import Authority
from tests.store.processes.harness import MemberProcess, ProcessCluster
from tests.store.waiting import until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
SMALL_LOG = ("--snapshot-count", "50")


@pytest.fixture
async def three(tmp_path: Path) -> AsyncIterator[ProcessCluster]:
    async with ProcessCluster(tmp_path, flags=SMALL_LOG) as cluster:
        await cluster.leader()
        yield cluster


async def caught_up(cluster: ProcessCluster, member: MemberProcess) -> None:
    """Until the member holds what all held when this was called."""
    revision = await (await cluster.leader(without=(member.name,))).store.current_revision()
    async with asyncio.timeout(20):
        while (await member.status()).header.revision < revision:  # noqa: ASYNC110  # another process has no event
            await asyncio.sleep(0.02)


def other(cluster: ProcessCluster, *members: MemberProcess) -> MemberProcess:
    return next(each for each in cluster.members.values() if each not in members)


async def eventually(make: Callable[[], object], error: type[StoreError]) -> object:
    """Again while it is refused with ``error``: the members have not been connected for five seconds yet."""
    async with asyncio.timeout(15):
        while True:
            try:
                return await make()  # type: ignore[misc]  # a coroutine
            except error:
                await asyncio.sleep(0.1)


async def test_members_join_are_promoted_leave_and_never_come_back(three: ProcessCluster) -> None:
    leader = await three.leader()
    follower = other(three, leader)
    for number in range(120):
        await follower.store.put(b"k%03d" % number, b"v")
    four = await three.add("d")
    with pytest.raises(BadMemberURLsError):
        await follower.store.add_member(("nonsense",))
    with pytest.raises(PeerURLExistsError):
        await follower.store.add_member((leader.proxy.url,))
    with pytest.raises(UnhealthyClusterError):
        await follower.store.add_member((four.proxy.url,))  # so soon after the start
    added = await eventually(
        lambda: follower.store.add_member((four.proxy.url,), learner=True), UnhealthyClusterError
    )
    id_ = added.id  # type: ignore[attr-defined]  # a MemberInfo
    with pytest.raises(LearnerNotReadyError):
        await follower.store.promote_member(id_)
    with pytest.raises(TooManyLearnersError):
        await follower.store.add_member(("http://127.0.0.1:1",), learner=True)
    with pytest.raises(MemberNotLearnerError):
        await follower.store.promote_member(leader.id)
    await four.start("--initial-cluster-state", "existing")
    assert four.id == id_
    await caught_up(three, four)
    assert (await four.store.range(b"k", b"l", serializable=True)).count == 120
    assert (await four.status()).isLearner
    await eventually(lambda: follower.store.promote_member(id_), LearnerNotReadyError)
    async with asyncio.timeout(10):
        wanted = {(name, False) for name in "abcd"}
        while {(each.name, each.is_learner) for each in await leader.store.members()} != wanted:  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.05)
        while (await four.status()).isLearner:  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.05)
    await four.store.put(b"from-d", b"v")

    # The leader is asked to leave, and answers: another one takes over, and the removed one ends by itself.
    await eventually(lambda: leader.store.remove_member(leader.id), UnhealthyClusterError)
    assert leader.process is not None
    async with asyncio.timeout(10):
        assert await leader.process.wait() == 1
    assert "was removed from the cluster" in leader.log.read_text()
    with pytest.raises(MemberNotFoundError):
        await four.store.remove_member(leader.id)
    new = await three.leader(without=(leader.name,))
    assert new.id != leader.id
    await new.store.put(b"after", b"v")
    await leader.spawn()
    async with asyncio.timeout(20):
        assert await leader.process.wait() == 1  # its data is there, and nobody wants it
    assert {each.name for each in await new.store.members()} == {"a", "b", "c", "d"} - {leader.name}


async def test_leadership_moves_on_request_and_before_a_stop(three: ProcessCluster) -> None:
    leader = await three.leader()
    follower = other(three, leader)
    with pytest.raises(NotLeaderError):
        await follower.store.move_leader(leader.id)
    await leader.store.move_leader(follower.id)
    assert await three.leader() is follower
    await follower.store.put(b"k", b"v")
    code, seconds = await follower.terminate()
    assert code == 0
    assert seconds < 2.0
    handed_over = await three.leader(without=(follower.name,))
    assert (await handed_over.store.range(b"k")).count == 1
    assert "leadership was not handed over" not in follower.log.read_text()
    await follower.start()
    await caught_up(three, follower)


async def test_a_member_that_was_away_too_long_is_sent_a_snapshot(three: ProcessCluster) -> None:
    leader = await three.leader()
    away = other(three, leader)
    await away.kill()
    value = bytes(1000)
    for number in range(400):
        await leader.store.put(b"k%03d" % number, value)
    await away.start()
    await caught_up(three, away)
    assert (await away.store.range(b"k", b"l", serializable=True)).count == 400
    assert "snapshot sent" in (await three.leader()).log.read_text()
    revision = await leader.store.current_revision()
    hashes = [await member.store.hash_kv(revision) for member in three.members.values()]
    assert len({made.hash for made in hashes}) == 1


async def test_leases_and_watches_at_a_follower_outlive_the_leader(three: ProcessCluster) -> None:
    leader = await three.leader()
    follower = other(three, leader)
    third = other(three, leader, follower)
    kept = await third.store.grant(60)
    await follower.store.put(b"long", b"", kept.id)
    # It watches before the lease begins, so that no machine is too slow for what comes between.
    stream = await follower.store.watch(b"\0", b"\0")
    lease = await follower.store.grant(3)
    await follower.store.put(b"short", b"", lease.id)
    assert (await third.store.keep_alive(kept.id)).ttl == 60
    assert 50 < (await follower.store.time_to_live(kept.id)).ttl <= 60
    await leader.kill()
    await eventually(lambda: third.store.put(b"after", b"v"), StoreError)
    events = []
    async with asyncio.timeout(15):
        while b"short" not in {event.kv.key for event in events if event.type is EventType.DELETE}:
            events += (await stream.next()).events
    assert [event.kv.mod_revision for event in events] == sorted(event.kv.mod_revision for event in events)
    with pytest.raises(LeaseNotFoundError):
        await third.store.keep_alive(lease.id)
    assert (await third.store.leases()) == (kept.id,)
    stream.cancel()


# ---- in memory, and with certificates


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Plain:
    """Members without a proxy between them."""

    def __init__(self, scheme: str = "http") -> None:
        self.ports = free_ports(3)
        self.urls = [f"{scheme}://127.0.0.1:{port}" for port in self.ports]
        self.initial = ",".join(f"{name}={url}" for name, url in zip("abc", self.urls, strict=True))
        self.processes: list[asyncio.subprocess.Process] = []

    async def start(self, number: int, *flags: str) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "kube.cli.main", "store", "member", "--name", "abc"[number]),
            *("--listen-peer-urls", self.urls[number], "--listen-client-urls", "http://127.0.0.1:0"),
            *("--initial-cluster", self.initial, "--log-level", "info", *flags),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        self.processes.append(process)
        return process

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in self.processes:
            if process.returncode is None:
                process.kill()
            await process.communicate()


async def line(process: asyncio.subprocess.Process, having: str) -> str:
    assert process.stdout is not None
    seen = []
    async with asyncio.timeout(30):
        while text := (await process.stdout.readline()).decode():
            seen.append(text)
            if having in text:
                return text
    raise AssertionError("".join(seen))


async def endpoint(process: asyncio.subprocess.Process) -> str:
    said = await line(process, "serves etcd's API at ")
    return said.partition("serves etcd's API at http://")[2].partition(",")[0]


async def test_a_member_that_waits_for_the_others_stops_when_it_is_told_to() -> None:
    async with Plain() as plain:
        first = await plain.start(0)
        await line(first, "Waiting for")
        first.terminate()
        async with asyncio.timeout(30):
            assert await first.wait() == 0


async def test_members_in_memory_begin_together_and_none_begins_twice() -> None:
    async with Plain() as plain:
        first, second = await plain.start(0), await plain.start(1)
        await line(first, "Waiting for")
        third = await plain.start(2)
        ends = [await endpoint(each) for each in (first, second, third)]
        store = Etcd3Store(Etcd3Config(endpoints=tuple(ends)), SystemClock())
        await store.put(b"k", b"v")
        third.kill()
        await third.wait()
        again = await plain.start(2)
        assert "was started before" in await line(again, "Error: ")
        assert await again.wait() == 1
        await store.put(b"l", b"w")
        await store.aclose()


async def test_members_with_certificates_take_nobody_without(tmp_path: Path) -> None:
    authority, theirs = Authority(tmp_path, "ca"), Authority(tmp_path, "other-ca")
    async with Plain("https") as plain:

        def flags(name: str, of: Authority) -> tuple[str, ...]:
            tls = of.member(name)
            return (
                *("--data-dir", str(tmp_path / f"data-{name}")),
                *("--peer-cert-file", str(tls.cert_file), "--peer-key-file", str(tls.key_file)),
                *("--peer-trusted-ca-file", str(authority.file), "--peer-client-cert-auth"),
            )

        first = await plain.start(0, *flags("a", authority))
        second = await plain.start(1, *flags("b", authority))
        ends = (await endpoint(first), await endpoint(second))
        store = Etcd3Store(Etcd3Config(endpoints=ends), SystemClock())
        await store.put(b"k", b"v")
        stranger = await plain.start(2, *flags("c", theirs))
        await line(first, "TLS: ")
        await line(stranger, "cannot connect to")
        for number in range(20):
            await store.put(b"k%d" % number, b"v")
        await store.aclose()


# ---- refusals


def refuse(tmp_path: Path, *flags: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "kube.cli.main", "store", "member", *flags],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert done.returncode in {1, 2}, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()[-1]


REFUSED = [
    pytest.param(["--listen-peer-urls", "localhost:1"], "is not a URL: http://HOST:PORT", id="no url"),
    pytest.param(["--listen-client-urls", "nonsense"], "'nonsense' is not a URL", id="bad client url"),
    pytest.param(
        ["--name", "x", "--initial-cluster", "a=http://h:1"],
        "has no member 'x'",
        id="not in the initial cluster",
    ),
    pytest.param(
        ["--name", "a", "--initial-cluster", "a=http://127.0.0.1:1"],
        "they must be the same",
        id="another url",
    ),
    pytest.param(["--election-timeout", "100"], "less than five times", id="hasty election"),
    pytest.param(
        ["--peer-client-cert-auth"], "needs --peer-cert-file", id="authentication without certificates"
    ),
    pytest.param(["--peer-cert-file", __file__], "come together", id="half of the certificates"),
    pytest.param(["--listen-peer-urls", "https://127.0.0.1:0"], "wants TLS", id="https without certificates"),
    pytest.param(
        ["--initial-cluster-state", "existing"], "needs a --data-dir", id="a joining member in memory"
    ),
    pytest.param(["--initial-cluster-state", "old"], "is not one of 'new', 'existing'", id="unknown state"),
]


@pytest.mark.parametrize(("flags", "reason"), REFUSED)
def test_what_a_member_cannot_begin_with_is_one_line(
    flags: list[str], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process, whose signals and logging stay as they are."""
    monkeypatch.setattr(command, "end_at_ctrl_c", lambda: None)
    monkeypatch.setattr("kube.base.logging.configure", lambda **_: None)
    done = CliRunner().invoke(command.member, flags)
    assert done.exit_code in {1, 2}
    assert done.output.count("Error: ") == 1
    assert reason in done.output.strip().splitlines()[-1]


def test_a_peer_port_in_use_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        url = f"http://127.0.0.1:{busy.getsockname()[1]}"
        said = refuse(tmp_path, "--listen-peer-urls", url, "--data-dir", str(tmp_path / "data"))
    assert f"cannot listen for peers on {url}: the port is in use; choose another" in said
    assert not (tmp_path / "data").exists()


async def test_whom_nobody_added_and_whose_data_is_lost_is_refused(
    three: ProcessCluster, tmp_path: Path
) -> None:
    leader = await three.leader()
    stranger = await three.add("d")
    await stranger.spawn("--initial-cluster-state", "existing")
    assert stranger.process is not None
    async with asyncio.timeout(20):
        assert await stranger.process.wait() == 1
    assert "belongs to the cluster: add it first (etcdctl member add d" in stranger.log.read_text()
    lost = other(three, leader, stranger)
    await lost.kill()
    (tmp_path / lost.name).rename(tmp_path / "elsewhere")
    three.initial_cluster = three.initial_cluster.rpartition(",")[0]
    await lost.spawn()
    assert lost.process is not None
    async with asyncio.timeout(20):
        assert await lost.process.wait() == 1
    assert "was started before, and its data is not here" in lost.log.read_text()
    (tmp_path / "elsewhere").rename(tmp_path / lost.name)
    await lost.start()
    await until(lambda: lost.process is not None and lost.process.returncode is None, pause=0.01)
    assert lost.pid != 0
    lost.signal(signal.SIGCONT)
    third = other(three, leader, stranger, lost)
    for each in (lost, third):
        await each.kill()
    await lost.spawn("--data-dir", str(tmp_path / third.name))
    async with asyncio.timeout(20):
        assert await lost.process.wait() == 1
    said = lost.log.read_text().strip().splitlines()[-1]
    assert said.startswith(
        "Error: the data directory is that of member "
    )  # by its name if that was kept as committed
    assert f"({third.id:x}), and {lost.name} at {lost.proxy.url} is another one ({lost.id:x})" in said
    assert f"name the --data-dir of {lost.name}" in said
