"""The store over members of one process: what a client is promised while members stop, stall and return."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from kube.store.apply import StateSnapshot
from kube.store.config import StoreConfig
from kube.store.errors import (
    CompactedError,
    EmptyKeyError,
    FutureRevisionError,
    LeaseExistsError,
    LeaseNotFoundError,
    NoLeaderError,
    RequestTimeoutError,
    RequestTooLargeError,
    StoppedError,
    StoreError,
    TooManyRequestsError,
)
from kube.store.kv import (
    Compare,
    CompareResult,
    CompareTarget,
    Put,
    Range,
    Txn,
    optimistic_put_txn,
)
from kube.store.proposals import Proposal
from kube.store.raft.election import become_candidate, become_leader
from kube.store.replicas import THRIFTY

Make = Callable[..., Awaitable[Any]]


@pytest.fixture(params=[1, 3, 5], ids=lambda count: f"{count} replicas")
async def any_size(cluster: Make, request: pytest.FixtureRequest) -> Any:
    return await cluster(request.param)


# ---- requests


async def test_a_store_starts_empty_at_revision_1_with_a_leader_at_once(any_size: Any) -> None:
    assert await any_size.store.current_revision() == 1
    assert any_size.leader == 1
    assert (await any_size.store.range(b"\0", b"\0")).count == 0


async def test_reads_see_what_was_written(any_size: Any) -> None:
    store = any_size.store
    assert (await store.put(b"a", b"1")).revision == 2
    put = await store.put(b"a", b"2", prev_kv=True)
    assert put.prev_kv is not None
    assert put.prev_kv.value == b"1"
    result = await store.range(b"a")
    assert [(kv.value, kv.version, kv.mod_revision) for kv in result.kvs] == [(b"2", 2, 3)]
    assert (await store.range(b"a", revision=2)).kvs[0].value == b"1"
    assert (await store.delete_range(b"a")).deleted == 1
    assert (await store.range(b"a")).kvs == ()
    assert (await store.range(b"a", serializable=True)).revision == 4
    assert await store.current_revision() == 4


async def test_an_id_that_is_drawn_is_another_leases_never(cluster: Make) -> None:
    """A store that starts again with the same seed draws the ids that its leases on disk have."""
    store = (await cluster(1)).store
    state = store._rng.getstate()
    first = await store.grant(60)
    store._rng.setstate(state)
    assert (await store.grant(60)).id != first.id
    with pytest.raises(LeaseExistsError):
        await store.grant(60, first.id)


async def test_optimistic_requests(any_size: Any) -> None:
    store = any_size.store
    created = await store.optimistic_put(b"k", b"1", 0)
    assert (created.succeeded, created.revision, created.kv) == (True, 2, None)
    again = await store.optimistic_put(b"k", b"2", 0)
    assert not again.succeeded
    assert again.kv.value == b"1"
    swapped = await store.optimistic_put(b"k", b"3", created.revision)
    assert swapped.succeeded
    assert not (await store.optimistic_delete(b"k", created.revision)).succeeded
    assert (await store.optimistic_delete(b"k", swapped.revision)).succeeded
    assert (await store.optimistic_delete(b"k", swapped.revision)).kv is None


async def test_txns(any_size: Any) -> None:
    store = any_size.store
    assert (await store.txn(optimistic_put_txn(b"k", b"1", 0))).succeeded
    refused = await store.txn(optimistic_put_txn(b"k", b"2", 0))
    assert not refused.succeeded
    assert refused.responses[0].kvs[0].value == b"1"
    read = await store.txn(Txn((), (Range(b"k"),)))
    assert read.responses[0].kvs[0].value == b"1"
    assert await store.current_revision() == 2


async def test_a_txn_that_only_reads_takes_no_place_in_the_log(cluster: Make) -> None:
    net = await cluster(1)
    before = net.members[1].raft.log.last_index
    await net.store.txn(Txn((), (Range(b"k"),)))
    assert net.members[1].raft.log.last_index == before


REFUSALS: dict[str, tuple[Callable[[Any], Awaitable[object]], type[StoreError]]] = {
    "put without a key": (lambda store: store.put(b"", b""), EmptyKeyError),
    "range without a key": (lambda store: store.range(b""), EmptyKeyError),
    "delete without a key": (lambda store: store.delete_range(b""), EmptyKeyError),
    "optimistic put without a key": (lambda store: store.optimistic_put(b"", b"", 0), EmptyKeyError),
    "watch without a key": (lambda store: store.watch(b""), EmptyKeyError),
    "put that is too large": (lambda store: store.put(b"k", b"x" * 1_600_000), RequestTooLargeError),
    "txn that is too large": (
        lambda store: store.txn(Txn((), (Put(b"a", b"x" * 800_000), Put(b"b", b"x" * 800_000)))),
        RequestTooLargeError,
    ),
    "put with a lease that is gone": (lambda store: store.put(b"k", b"", 9), LeaseNotFoundError),
    "keep-alive of a lease that is gone": (lambda store: store.keep_alive(9), LeaseNotFoundError),
    "revoke of a lease that is gone": (lambda store: store.revoke(9), LeaseNotFoundError),
    "time to live of a lease that is gone": (lambda store: store.time_to_live(9), LeaseNotFoundError),
    "range of the future": (lambda store: store.range(b"k", revision=99), FutureRevisionError),
    "compaction of the future": (lambda store: store.compact(99), FutureRevisionError),
}


@pytest.mark.parametrize(("call", "error"), REFUSALS.values(), ids=REFUSALS)
async def test_refusals(
    cluster: Make, call: Callable[[Any], Awaitable[object]], error: type[StoreError]
) -> None:
    net = await cluster(1)
    with pytest.raises(error):
        await call(net.store)
    assert await net.store.current_revision() == 1
    assert (await net.store.put(b"k", b"v")).revision == 2


async def test_compaction(any_size: Any) -> None:
    store = any_size.store
    for number in range(5):
        await store.put(b"k", b"%d" % number)
    await any_size.tick(3)
    await store.compact(4)
    with pytest.raises(CompactedError):
        await store.range(b"k", revision=3)
    assert (await store.range(b"k", revision=4)).kvs[0].value == b"2"
    with pytest.raises(CompactedError) as error:
        await store.compact(4)
    assert error.value.compact_revision == 4
    assert (await store.status()).compact_revision == 4
    await any_size.tick(3)
    sizes = [member.machine.kv.size for member in any_size.members.values()]
    assert sizes == [6] * len(sizes)


async def test_status(any_size: Any) -> None:
    await any_size.store.put(b"key", b"value")
    status = await any_size.store.status()
    assert (status.member, status.leader, status.raft_term) == (1, 1, 1)
    assert status.members == any_size.store.replicas.voters
    assert (status.revision, status.keys, status.db_size, status.db_size_in_use) == (2, 1, 8, 8)


async def test_proposals_of_one_turn_travel_together(cluster: Make) -> None:
    net = await cluster(3)
    sent: list[Any] = []
    transport = net.store.replicas._transport
    send = transport.send
    net.store.replicas._transport = None
    for member in net.members.values():
        member._transport = type(
            "Tap", (), {"send": lambda _, messages: (sent.extend(messages), send(messages))}
        )()
    count = 2 * THRIFTY  # so many that both others are sent them
    await asyncio.gather(*(net.store.put(b"%d" % number, b"") for number in range(count)))
    batches = [len(message.entries) for message in sent if getattr(message, "entries", None)]
    assert batches == [count, count]


# ---- leadership


async def test_a_stopped_leader_loses_nothing_that_was_acknowledged(cluster: Make) -> None:
    net = await cluster(3)
    for number in range(20):
        await net.store.put(b"%d" % number, b"")
    net.stop(1)
    await net.until(lambda: net.leader != 0)
    assert net.leader != 1
    assert (await net.store.range(b"\0", b"\0")).count == 20
    assert (await net.store.put(b"more", b"")).revision == 22


@pytest.mark.parametrize("moment", ["in the mailbox", "taken", "sent"])
async def test_what_a_stopped_leader_had_in_hand_is_proposed_again_and_applied_once(
    cluster: Make, moment: str
) -> None:
    net = await cluster(3)
    await net.store.put(b"n", b"")
    if moment == "in the mailbox":
        net.pause(1)
    elif moment == "taken":
        net.pause(2)
        net.pause(3)
    put = asyncio.ensure_future(net.store.optimistic_put(b"n", b"again", 2))
    for _ in range({"in the mailbox": 2, "taken": 10, "sent": 3}[moment]):
        await asyncio.sleep(0)
    if moment == "taken":
        net.mailboxes[2].clear()
        net.mailboxes[3].clear()
    net.stop(1)
    net.paused.clear()
    await net.until(lambda: net.leader != 0)
    result = await put
    assert result.succeeded
    assert (await net.store.range(b"n")).kvs[0].version == 2


async def test_a_client_that_waits_gets_its_answer_from_the_member_that_applies_first(cluster: Make) -> None:
    """The leader stops after the others have the entry, before anybody told the client."""
    net = await cluster(3)
    put = asyncio.ensure_future(net.store.put(b"k", b"v"))
    while not any(net.members[voter].raft.log.last_index == 2 for voter in (2, 3)):  # noqa: ASYNC110  # turn by turn
        await asyncio.sleep(0)
    assert not put.done()
    net.stop(1)
    await net.until(lambda: net.leader != 0)
    assert (await put).revision == 2
    assert (await net.store.range(b"k")).kvs[0].version == 1


async def test_what_one_member_has_applied_and_answered_no_other_looks_for(cluster: Make) -> None:
    net = await cluster(3)
    await net.tick(4)
    net.paused.update((2, 3))
    puts = [asyncio.ensure_future(net.store.put(b"k%d" % number, b"v")) for number in range(3)]
    await net.settle()
    net.resume(2)
    await net.settle()
    assert all(put.done() for put in puts)
    proposals, leader = net.store.replicas._proposals, net.members[1]
    assert proposals.applied == leader.applied_index > net.members[3].applied_index
    planted = Proposal(Put(b"k", b""), 1, None, asyncio.get_running_loop().create_future(), 10)
    proposals.taken([planted], leader.raft.term, leader.applied_index)
    net.resume(3)
    await net.until(lambda: net.members[3].applied_index == leader.applied_index)
    assert not planted.future.done()
    proposals.forget(planted)
    await net.store.put(b"k", b"v")
    assert proposals.applied == leader.applied_index


async def test_without_a_leader_writes_wait_and_are_then_done(cluster: Make) -> None:
    net = await cluster(3)
    net.stop(1)
    put = asyncio.ensure_future(net.store.put(b"k", b"v"))
    read = asyncio.ensure_future(net.store.range(b"k"))
    await net.settle()
    assert not put.done()
    assert not read.done()
    await net.until(lambda: net.leader != 0)
    assert (await put).revision == 2
    await read


async def test_without_a_majority_requests_end_in_time(cluster: Make) -> None:
    net = await cluster(3, request_timeout=2.0)
    net.stop(2)
    net.stop(3)
    taken = asyncio.ensure_future(net.store.put(b"k", b"v"))
    await net.settle()
    await net.tick(30)
    assert net.leader == 0
    unsent = asyncio.ensure_future(net.store.put(b"k", b"v"))
    read = asyncio.ensure_future(net.store.current_revision())
    await net.sweep(3.0)
    for task, error in ((taken, RequestTimeoutError), (unsent, NoLeaderError), (read, NoLeaderError)):
        with pytest.raises(error):
            await task
    assert RequestTimeoutError.maybe_applied
    assert not NoLeaderError.maybe_applied
    assert (await net.store.range(b"k", serializable=True)).count == 0
    net.start(2)
    await net.until(lambda: net.leader != 0)
    assert (await net.store.put(b"j", b"")).revision >= 2


async def test_what_was_given_up_before_it_was_taken_is_not_applied_later(cluster: Make) -> None:
    net = await cluster(3, request_timeout=1.0)
    net.pause(1)
    put = asyncio.ensure_future(net.store.put(b"k", b"v"))
    await net.sweep(2.0)
    with pytest.raises(NoLeaderError):
        await put
    net.resume(1)
    await net.settle()
    assert (await net.store.range(b"k")).count == 0


async def test_a_cancelled_client_disturbs_nobody(cluster: Make) -> None:
    net = await cluster(3)
    puts = [asyncio.ensure_future(net.store.put(b"%d" % number, b"")) for number in range(3)]
    await asyncio.sleep(0)
    puts[1].cancel()
    await asyncio.gather(*puts, return_exceptions=True)
    assert puts[1].cancelled()
    assert (await net.store.put(b"k", b"")).revision >= 4
    assert net.store.replicas._in_flight == {}


async def test_a_paused_leader_never_answers_a_read_from_its_past(cluster: Make) -> None:
    net = await cluster(3)
    await net.store.put(b"k", b"old")
    net.pause(1)
    for voter in (2, 3):
        net.members[voter].raft.leader = 0
    await net.until(lambda: net.leader not in {0, 1})
    await net.store.put(b"k", b"new")
    assert net.members[1].leads
    assert (await net.store.range(b"k")).kvs[0].value == b"new"
    net.resume(1)
    assert (await net.store.range(b"k")).kvs[0].value == b"new"


async def test_a_leader_that_a_majority_has_left_answers_no_read(cluster: Make) -> None:
    """Between the votes for a newer term and its first commit nobody can tell what is acknowledged."""
    net = await cluster(3, request_timeout=1.0)
    net.pause(1)
    for voter in (2, 3):
        net.members[voter].raft.become_follower(7, 0)
    read = asyncio.ensure_future(net.store.current_revision())
    await net.settle()
    assert net.members[1].serving_term
    assert not read.done()
    net.paused.clear()
    await net.until(lambda: net.leader != 0 and net.members[net.leader].serving_term > 7)
    assert await read == 1


async def test_a_new_leader_answers_no_read_before_it_has_committed_in_its_term(cluster: Make) -> None:
    """It may not know yet what the one before it has acknowledged."""
    net = await cluster(3)
    await net.store.put(b"k", b"acknowledged")
    assert net.members[2].machine.kv.revision == 1
    net.stop(1)
    net.pause(3)
    raft = net.members[2].raft
    become_candidate(raft)
    become_leader(raft)
    net.members[3].raft.become_follower(raft.term, 2)
    net.members[2].handle([])
    assert net.members[2].leads
    read = asyncio.ensure_future(net.store.range(b"k"))
    await net.settle()
    assert not read.done()
    net.resume(3)
    await net.settle()
    assert (await read).kvs[0].value == b"acknowledged"


async def test_what_a_full_mailbox_did_not_take_is_handed_over_later(cluster: Make) -> None:
    net = await cluster(3)
    (leader,) = [replica for replica in net.store.replicas._replicas.values() if replica.id == net.leader]
    submit = leader.submit
    leader.submit = lambda _: False
    put = asyncio.ensure_future(net.store.put(b"k", b""))
    await net.settle()
    leader.submit = submit
    await net.sweep(0.5)
    assert (await put).revision == 2


async def test_members_restart_from_what_they_stored(cluster: Make) -> None:
    net = await cluster(3, snapshot_entries=10, catch_up_entries=3)
    for number in range(25):
        await net.store.put(b"%d" % (number % 7), b"%d" % number)
    for voter in (1, 2, 3):
        net.stop(voter)
    assert net.leader == 0
    for voter in (1, 2, 3):
        net.start(voter)
    await net.until(lambda: net.leader != 0)
    assert await net.store.current_revision() == 26
    await net.store.put(b"x", b"")
    await net.tick(5)
    states = [member.machine.snapshot() for member in net.members.values()]
    assert states[0] == states[1] == states[2]


async def test_the_log_stays_short_and_a_member_that_missed_much_gets_a_snapshot(cluster: Make) -> None:
    net = await cluster(3, snapshot_entries=20, catch_up_entries=5)
    await net.store.put(b"first", b"")
    net.stop(3)
    for number in range(200):
        await net.store.put(b"%d" % (number % 9), b"x" * 100)
    await net.tick(3)
    for voter in (1, 2):
        log = net.members[voter].raft.log
        assert log.last_index - log.first_index() < 30
    net.start(3)
    await net.tick(10)
    await net.store.put(b"last", b"")
    await net.tick(5)
    states = [member.machine.snapshot() for member in net.members.values()]
    assert states[0] == states[1] == states[2]


async def test_members_of_a_process_take_their_snapshots_one_after_the_other(cluster: Make) -> None:
    """Each holds the loop for a while where there is much to take."""
    net = await cluster(3, snapshot_entries=40)
    taken: list[int] = []
    for number in range(120):
        await net.store.put(b"k%d" % number, b"v")
        await net.settle()
        taken.append(sum(replica.storage.snapshot().index > 0 for replica in net.store.replicas.all()))
    assert max(later - before for before, later in itertools.pairwise(taken)) == 1
    assert taken[-1] == 3


async def test_a_log_of_large_entries_is_cut_by_its_bytes(cluster: Make) -> None:
    net = await cluster(1)
    member = net.members[1]
    for _ in range(70):
        await net.store.put(b"k", b"x" * 1_000_000)
    assert member.storage.log_size < 65 << 20


async def test_one_member_of_three_may_come_and_go_under_load(cluster: Make) -> None:
    net = await cluster(3)
    acknowledged: list[bytes] = []

    async def client(name: int) -> None:
        for number in range(40):
            key = b"%d/%d" % (name, number)
            await net.store.put(key, b"")
            acknowledged.append(key)

    clients = [asyncio.ensure_future(client(name)) for name in range(5)]
    for round_ in range(6):
        for _ in range(3 + round_):
            await asyncio.sleep(0)
        stopped = net.leader if round_ % 2 and net.leader else 1 + round_ % 3
        net.stop(stopped)
        await net.until(lambda: net.leader != 0)
        net.start(stopped)
        await net.tick(2)
    await asyncio.gather(*clients)
    keys = [kv.key for kv in (await net.store.range(b"\0", b"\0")).kvs]
    assert sorted(acknowledged) == keys
    assert await net.store.current_revision() == 1 + len(keys)


async def test_too_many_at_once_wait_for_their_turn(cluster: Make) -> None:
    net = await cluster(1, max_in_flight=10)
    results = await asyncio.gather(*(net.store.put(b"%d" % number, b"") for number in range(100)))
    assert sorted(result.revision for result in results) == list(range(2, 102))
    assert net.members[1].raft.log.last_index == 101


async def test_who_waits_too_long_for_a_turn_is_told(cluster: Make) -> None:
    net = await cluster(3, max_in_flight=1, request_timeout=1.0)
    net.pause(1)
    first = asyncio.ensure_future(net.store.put(b"a", b""))
    await net.settle()
    net.store.replicas._in_flight[next(iter(net.store.replicas._in_flight))] = None
    next(iter(net.store.replicas._in_flight)).deadline = 1000
    second = asyncio.ensure_future(net.store.put(b"b", b""))
    await net.sweep(2.0)
    with pytest.raises(TooManyRequestsError):
        await second
    net.resume(1)
    await first


async def test_a_closed_store_answers_everybody(cluster: Make) -> None:
    net = await cluster(3)
    net.pause(1)
    put = asyncio.ensure_future(net.store.put(b"k", b""))
    stream = await net.store.watch(b"k")
    waiting = asyncio.ensure_future(stream.next())
    await net.settle()
    await net.store.aclose()
    for task in (put, waiting):
        with pytest.raises(StoppedError):
            await task
    with pytest.raises(StoppedError):
        await net.store.put(b"k", b"")


async def test_a_waiter_whose_callback_raises_does_not_disturb_the_others(cluster: Make) -> None:
    net = await cluster(3)
    loop = asyncio.get_running_loop()
    heard: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: heard.append(context))
    put = asyncio.ensure_future(net.store.put(b"a", b""))
    await asyncio.sleep(0)
    (proposal,) = net.store.replicas._in_flight
    proposal.future.add_done_callback(lambda _: (_ for _ in ()).throw(RuntimeError("a bug of the waiter")))
    assert (await put).revision == 2
    assert (await net.store.put(b"b", b"")).revision == 3
    assert [str(context["exception"]) for context in heard] == ["a bug of the waiter"]


@pytest.mark.parametrize("replicas", [0, 2, 4, 7])
def test_a_store_has_an_odd_few_replicas(replicas: int) -> None:
    with pytest.raises(ValueError, match="1, 3 or 5"):
        StoreConfig(replicas=replicas)


async def test_a_comparison_over_a_range_and_a_nested_txn_reach_the_state_machine(cluster: Make) -> None:
    net = await cluster(3)
    await net.store.put(b"a/1", b"")
    compare = Compare(b"a/", CompareTarget.CREATE, CompareResult.GREATER, 1, b"a0")
    result = await net.store.txn(Txn((compare,), (Txn((), (Put(b"b", b""),)),)))
    assert result.succeeded
    assert (await net.store.range(b"b")).count == 1


async def test_what_is_compacted_is_freed_though_few_writes_follow(cluster: Make) -> None:
    """The snapshot that each member keeps must not hold on to it."""
    net = await cluster(3, snapshot_entries=100, catch_up_entries=10)
    store = net.store
    for number in range(250):
        await store.put(b"k", b"%d" % number)
    await net.tick(3)
    assert all(replica.storage.snapshot().index > 0 for replica in store.replicas.all())
    await store.compact(await store.current_revision())
    await net.tick(60)
    for replica in store.replicas.all():
        state = replica.storage.snapshot().data
        assert isinstance(state, StateSnapshot)
        assert [kv.value for kv in (*state.kv.bases, *state.kv.changes)] == [b"249"]
