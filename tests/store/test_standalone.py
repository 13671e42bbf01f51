"""Members that run alone: their clients see one store, whoever leads, and are told the truth when something is lost."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from kube.store.errors import (
    BadLeaderTransfereeError,
    LearnerNotReadyError,
    LeaseNotFoundError,
    MemberNotFoundError,
    MemberNotLearnerError,
    NoLeaderError,
    NoSpaceError,
    NotEnoughStartedError,
    NotLeaderError,
    PeerURLExistsError,
    RequestTimeoutError,
    StoppedError,
    StoreError,
    TooManyLearnersError,
    TooManyRequestsError,
    UnhealthyClusterError,
)
from kube.store.kv import WatchBatch
from kube.store.membership import MemberTable
from kube.store.peer.messages import Answer, Forward, Forwarded, Question
from kube.store.peer.network import PeerDisconnected
from kube.store.raft.messages import AppendEntries, ReadIndexRequest
from kube.store.reconfiguration import StandaloneStore
from tests.store.hub import CLUSTER, World, members
from tests.store.waiting import until


async def worlds(count: int, **options: object) -> AsyncIterator[World]:
    world = World()
    world.guard.start()
    for member in range(1, count + 1):
        await world.start(members(count), member, **options)
    try:
        await world.leader()
        yield world
    finally:
        await world.aclose()


@pytest.fixture
async def three() -> AsyncIterator[World]:
    async for world in worlds(3):
        yield world


@pytest.fixture
async def impatient() -> AsyncIterator[World]:
    async for world in worlds(3, request_timeout=1.0):
        yield world


@pytest.fixture
async def one() -> AsyncIterator[World]:
    async for world in worlds(1):
        yield world


async def roles(world: World) -> tuple[StandaloneStore, StandaloneStore, StandaloneStore]:
    leader = await world.leader()
    return (leader, *world.others(leader))  # type: ignore[return-value]  # three of them


# ---- one store, whoever is asked


async def test_a_write_anywhere_is_read_everywhere(three: World) -> None:
    stores = list(three.stores.values())
    for number in range(60):
        writer, reader = stores[number % 3], stores[(number // 3) % 3]
        result = await writer.put(b"k", b"%d" % number)
        found = await reader.range(b"k")
        assert found.kvs[0].value == b"%d" % number
        assert found.revision == result.revision
        assert await reader.current_revision() == result.revision


async def test_the_answer_of_a_forwarded_write_is_that_of_the_state_machine(three: World) -> None:
    _, follower, _ = await roles(three)
    first = await follower.put(b"k", b"v")
    assert (await follower.put(b"k", b"w", prev_kv=True)).prev_kv.value == b"v"  # type: ignore[union-attr]
    assert not (await follower.optimistic_put(b"k", b"x", first.revision)).succeeded
    with pytest.raises(LeaseNotFoundError):
        await follower.put(b"k", b"x", 77)
    assert (await follower.delete_range(b"k")).deleted == 1


async def test_what_comes_in_one_turn_is_forwarded_as_one_batch(three: World) -> None:
    _, follower, _ = await roles(three)
    three.hub.said.clear()
    await asyncio.gather(*(follower.put(b"k%d" % number, b"v") for number in range(50)))
    forwards = [each for each in three.hub.said if isinstance(each, Forward)]
    assert [len(each.items) for each in forwards] == [50]
    assert (await follower.range(b"k", b"l", count_only=True)).count == 50


async def test_a_single_member_needs_nobody(one: World) -> None:
    store = one.stores[1]
    assert (await store.put(b"k", b"v")).revision == 2
    assert (await store.range(b"k")).count == 1
    assert one.hub.said == []
    assert store.cluster_id == CLUSTER
    assert store.front.confirmed() is not None


async def test_a_serializable_read_asks_nobody(three: World) -> None:
    leader, follower, other = await roles(three)
    await leader.put(b"k", b"v")
    await until(lambda: follower.front.applied_index == leader.front.applied_index)
    three.hub.cut_off(follower.member_id)
    assert (await follower.range(b"k", serializable=True)).count == 1
    assert (await other.range(b"k")).count == 1


async def test_a_leader_that_is_cut_off_answers_no_linearizable_read(impatient: World) -> None:
    leader, follower, _ = await roles(impatient)
    await leader.put(b"k", b"old")
    impatient.hub.cut_off(leader.member_id)
    reading = asyncio.ensure_future(leader.range(b"k"))
    new = await impatient.leader(leader.member_id)
    await new.put(b"k", b"new")
    with pytest.raises((NoLeaderError, RequestTimeoutError)):
        await reading
    with pytest.raises((NoLeaderError, RequestTimeoutError)):
        await leader.range(b"k")
    impatient.hub.cut.clear()
    await impatient.leader()
    assert (await leader.range(b"k")).kvs[0].value == b"new"
    assert (await follower.range(b"k")).kvs[0].value == b"new"


async def test_a_question_for_a_read_index_that_is_lost_is_asked_again(three: World) -> None:
    _, follower, _ = await roles(three)
    lost: list[object] = []

    def lose_one(message: object) -> bool:
        if isinstance(message, ReadIndexRequest) and not lost:
            lost.append(message)
            return True
        return False

    three.hub.lost = lose_one
    assert (await follower.range(b"k")).count == 0
    assert len(lost) == 1


# ---- what is lost


async def test_a_lost_answer_is_told_as_unknown_and_nothing_is_sent_twice(impatient: World) -> None:
    _, follower, other = await roles(impatient)
    impatient.hub.lost = lambda message: isinstance(message, Forwarded)
    with pytest.raises(RequestTimeoutError) as raised:
        await follower.put(b"k", b"v")
    assert raised.value.maybe_applied
    impatient.hub.lost = lambda _: False
    assert (await other.range(b"k")).kvs[0].version == 1


async def test_a_connection_that_ends_tells_at_once_that_the_outcome_is_unknown(three: World) -> None:
    leader, follower, _ = await roles(three)
    three.hub.lost = lambda message: isinstance(message, Forwarded)
    writing = asyncio.ensure_future(follower.put(b"k", b"v"))
    await until(lambda: any(isinstance(each, Forwarded) for each in three.hub.said))
    begin = time.monotonic()
    three.hub.cut_off(leader.member_id)
    with pytest.raises(RequestTimeoutError):
        await writing
    assert time.monotonic() - begin < 1.0
    assert len(follower.front._forwarding) == 0


async def test_what_a_deposed_leader_did_not_take_is_proposed_to_the_next_one(three: World) -> None:
    leader, follower, other = await roles(three)
    three.hub.lost = lambda message: isinstance(message, Forward)
    writing = [asyncio.ensure_future(follower.put(b"k%d" % number, b"v")) for number in range(5)]
    await until(lambda: any(isinstance(each, Forward) for each in three.hub.said))
    forward = next(each for each in three.hub.said if isinstance(each, Forward))
    three.hub.lost = lambda _: False
    await leader.move_leader(other.member_id)
    await three.leader()
    three.hub.deliver(forward)  # so late that its term is over
    await asyncio.gather(*writing)
    found = (await follower.range(b"k", b"l")).kvs
    assert [kv.version for kv in found] == [1] * 5


async def test_an_entry_that_the_new_leader_never_had_is_proposed_again_and_applied_once(
    three: World,
) -> None:
    leader, follower, _ = await roles(three)
    id_ = leader.member_id
    three.hub.lost = lambda message: isinstance(message, AppendEntries) and message.from_ == id_
    writing = asyncio.ensure_future(follower.put(b"k", b"v"))
    await until(lambda: any(isinstance(each, Forwarded) for each in three.hub.said))
    await until(lambda: len(follower.front._proposals.pending) == 1)
    three.hub.cut.add(id_)  # nobody is told
    await three.leader(id_)
    assert (await writing).revision == 2
    three.hub.cut.clear()
    three.hub.lost = lambda _: False
    await three.leader()
    assert (await leader.range(b"k")).kvs[0].version == 1


async def test_without_a_majority_nothing_is_promised(impatient: World) -> None:
    leader, follower, other = await roles(impatient)
    impatient.hub.cut_off(leader.member_id)
    impatient.hub.cut_off(other.member_id)
    await until(lambda: not follower.leader)
    with pytest.raises(NoLeaderError):
        await follower.put(b"k", b"v")
    with pytest.raises(NoLeaderError):
        await follower.range(b"k")
    with pytest.raises(NoLeaderError):
        await follower.keep_alive(1)


async def test_everybody_who_waits_is_told_of_the_end(three: World) -> None:
    leader, follower, other = await roles(three)
    three.hub.cut_off(leader.member_id)
    three.hub.cut_off(other.member_id)
    await until(lambda: not follower.leader)
    waiting = [
        asyncio.ensure_future(each)
        for each in (follower.put(b"k", b"v"), follower.range(b"k"), follower.keep_alive(1))
    ]
    await asyncio.sleep(0)
    await follower.aclose()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(result) for result in results} == {StoppedError}


async def test_an_answer_to_an_earlier_process_of_the_member_is_nobodys(three: World) -> None:
    """It must not be taken for the answer to what this process asks."""
    leader, follower, _ = await roles(three)
    await follower.put(b"k", b"v")
    await follower.range(b"k")
    again = await three.replace(follower.member_id, seed=99)
    await three.leader()
    said = [each for each in three.hub.said if isinstance(each, Forward)]
    assert said
    numbers = {each.number for each in said}
    await again.put(b"l", b"w")
    later = {each.number for each in three.hub.said if isinstance(each, Forward)} - numbers
    assert min(abs(one - other) for one in numbers for other in later) > 1_000_000
    assert (await leader.range(b"k", b"m")).count == 2


# ---- leases, watches, quota


async def test_leases_live_at_the_leader_and_are_kept_from_anywhere(three: World) -> None:
    leader, follower, other = await roles(three)
    lease = await follower.grant(30)
    await other.put(b"k", b"v", lease.id)
    assert (await follower.keep_alive(lease.id)).ttl == 30
    status = await other.time_to_live(lease.id, keys=True)
    assert 25 < status.ttl <= 30
    assert status.keys == (b"k",)
    with pytest.raises(LeaseNotFoundError):
        await follower.keep_alive(99)
    await leader.revoke(lease.id)
    assert (await follower.range(b"k")).count == 0


async def test_a_question_that_is_lost_is_asked_again_when_the_connection_ends(three: World) -> None:
    leader, follower, _ = await roles(three)
    lease = await leader.grant(30)
    three.hub.lost = lambda message: isinstance(message, Question)
    keeping = asyncio.ensure_future(follower.keep_alive(lease.id))
    await until(lambda: any(isinstance(each, Question) for each in three.hub.said))
    three.hub.lost = lambda _: False
    three.hub.cut_off(leader.member_id)
    three.hub.cut.clear()
    assert (await keeping).ttl == 30


async def test_a_watch_at_a_follower_goes_on_over_leaders_and_over_a_snapshot(three: World) -> None:
    leader, follower, other = await roles(three)
    batches: list[WatchBatch] = []
    await follower.watch(b"k", b"l", sink=batches.append)
    await leader.put(b"k0", b"v")
    await leader.move_leader(other.member_id)
    await other.put(b"k1", b"v")
    await until(lambda: len([event for batch in batches for event in batch.events]) == 2)
    three.hub.cut_off(follower.member_id)
    for number in range(2, 50):
        await other.put(b"k%d" % number, b"v")
    serving = other.front.serving
    assert serving is not None
    serving._compact_log()
    other.front._here.storage.compact(serving.applied_index)
    three.hub.cut.clear()
    await until(lambda: len([event for batch in batches for event in batch.events]) == 50)
    revisions = [event.kv.mod_revision for batch in batches for event in batch.events]
    assert revisions == list(range(2, 52))
    assert follower.front._member.storage.snapshot().index >= serving.applied_index - 1


async def test_the_quota_holds_at_a_follower_too() -> None:
    async for world in worlds(3, quota_bytes=20_000):
        _, follower, _ = await roles(world)
        writes = [follower.put(b"k%d" % number, bytes(1000)) for number in range(18)]
        await asyncio.gather(*writes, return_exceptions=True)
        with pytest.raises(NoSpaceError):
            await follower.put(b"large", bytes(5000))
        assert [alarm.member for alarm in await follower.alarms()] == [follower.member_id]


async def test_a_leader_whose_disk_is_full_refuses_what_is_forwarded_and_serves_reads(
    three: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    leader, follower, _ = await roles(three)
    await follower.put(b"k", b"v")
    monkeypatch.setattr(leader.front, "_has_room", lambda *_: False)
    with pytest.raises(NoSpaceError):
        await follower.put(b"k", b"w")
    with pytest.raises(NoSpaceError):
        await leader.add_member(("http://127.0.0.1:9",))
    assert (await follower.range(b"k")).kvs[0].value == b"v"
    monkeypatch.undo()
    assert (await follower.put(b"k", b"w")).revision == 3


async def test_a_leader_whose_disk_is_full_hands_over_to_one_that_has_space(
    three: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    leader, follower, _ = await roles(three)
    monkeypatch.setattr(leader.front, "_is_full", lambda: True)
    await until(lambda: leader.leader != leader.member_id != 0)
    await follower.put(b"k", b"v")
    assert (await leader.range(b"k")).kvs[0].value == b"v"


async def test_where_all_disks_are_full_leadership_does_not_go_round_and_round(
    three: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = tuple(three.stores.values())
    term = stores[0].front._member.raft.term
    for store in stores:
        monkeypatch.setattr(store.front, "_is_full", lambda: True)
    await until(lambda: stores[0].front._member.raft.term > term)
    for _ in range(100):
        for store in stores:
            store.front._swept()
        await asyncio.sleep(0)
    assert stores[0].front._member.raft.term - term <= len(stores)


# ---- members


async def joined(world: World, added: int) -> StandaloneStore:
    """The added member runs, with an empty log."""
    return await world.start(MemberTable(), added)


async def test_a_learner_joins_is_promoted_and_leads(three: World) -> None:
    leader, follower, _ = await roles(three)
    await leader.put(b"k", b"v")
    added = await follower.add_member(("http://127.0.0.1:9",), learner=True)
    with pytest.raises(LearnerNotReadyError):
        await follower.promote_member(added.id)
    with pytest.raises(TooManyLearnersError):
        await leader.add_member(("http://127.0.0.1:10",), learner=True)
    with pytest.raises(PeerURLExistsError):
        await leader.add_member(("http://127.0.0.1:9",))
    new = await joined(three, added.id)
    await until(lambda: new.front.applied_index >= leader.front.applied_index)
    assert (await new.status()).is_learner
    assert (await new.range(b"k")).count == 1
    await new.publish("new", ("http://127.0.0.1:90",))
    await follower.promote_member(added.id)
    await leader.move_leader(added.id)
    assert await three.leader() is new
    assert [each.name for each in await follower.members()] == [
        each.name for each in sorted(await new.members(), key=lambda each: each.id)
    ]
    assert {each.client_urls for each in await leader.members() if each.name == "new"} == {
        ("http://127.0.0.1:90",)
    }


async def test_a_promotion_whose_answer_is_lost_is_done_all_the_same(three: World) -> None:
    leader, follower, _ = await roles(three)
    added = await leader.add_member(("http://127.0.0.1:9",), learner=True)
    new = await joined(three, added.id)
    await until(lambda: new.front.applied_index >= leader.front.applied_index)
    await new.publish("new", ())
    answers: list[Answer] = []

    def lost(message: object) -> bool:
        if not isinstance(message, Answer) or answers:
            return False
        answers.append(message)
        three.hub.inboxes[message.to](PeerDisconnected(message.from_))
        return True

    three.hub.lost = lost
    await follower.promote_member(added.id)
    assert answers
    with pytest.raises(MemberNotLearnerError):
        await follower.promote_member(added.id)


async def test_a_leader_that_is_removed_hands_over_and_is_told(three: World) -> None:
    leader, follower, other = await roles(three)
    await follower.remove_member(leader.member_id)
    await until(lambda: leader.member_id in three.removed)
    new = await three.leader(leader.member_id)
    assert new in {follower, other}
    await new.put(b"k", b"v")
    with pytest.raises(MemberNotFoundError):
        await new.remove_member(leader.member_id)
    assert (await follower.status()).members == tuple(sorted({follower.member_id, other.member_id}))


async def test_a_change_that_the_members_could_not_survive_is_refused(three: World) -> None:
    leader, follower, other = await roles(three)
    three.hub.cut_off(other.member_id)
    with pytest.raises(UnhealthyClusterError):
        await leader.add_member(("http://127.0.0.1:9",))
    with pytest.raises(UnhealthyClusterError):
        await leader.remove_member(follower.member_id)
    await leader.remove_member(other.member_id)  # it is down already
    await leader.add_member(("http://127.0.0.1:9",))
    with pytest.raises((NotEnoughStartedError, UnhealthyClusterError)):
        await leader.add_member(("http://127.0.0.1:10",))


async def test_of_changes_at_the_same_time_one_is_made(three: World) -> None:
    leader, follower, other = await roles(three)
    ids = [each.id for each in await leader.members()]
    changes = [
        leader.update_member(ids[0], ("http://127.0.0.1:77",)),
        follower.update_member(ids[1], ("http://127.0.0.1:77",)),
    ]
    results = await asyncio.gather(*changes, return_exceptions=True)
    refused = [result for result in results if isinstance(result, StoreError)]
    assert len(refused) == 1
    assert isinstance(refused[0], PeerURLExistsError | TooManyRequestsError)
    await until(lambda: len({store.front.table for store in (leader, follower, other)}) == 1)
    taken = [each for each in other.front.table.members if each.peer_urls == ("http://127.0.0.1:77",)]
    assert len(taken) == 1


async def test_urls_that_were_removed_may_come_back_at_once_as_another_member(three: World) -> None:
    leader, follower, _ = await roles(three)
    first = await leader.add_member(("http://127.0.0.1:9",), learner=True)
    await leader.remove_member(first.id)
    second = await follower.add_member(("http://127.0.0.1:9",))
    assert second.id != first.id
    assert len(await leader.members()) == 4


async def test_leadership_goes_only_to_a_voter_and_only_from_the_leader(three: World) -> None:
    leader, follower, _ = await roles(three)
    with pytest.raises(BadLeaderTransfereeError):
        await leader.move_leader(99)
    with pytest.raises(NotLeaderError) as raised:
        await follower.move_leader(follower.member_id)
    assert raised.value.leader == leader.member_id
    await leader.front.hand_over(1.0)
    assert (await three.leader()) is not leader


async def test_a_member_that_crashes_goes_on_where_it_was(three: World) -> None:
    _, follower, other = await roles(three)
    await follower.put(b"k", b"v")
    crashed = follower.front._member
    crashed.handle = lambda _: (_ for _ in ()).throw(RuntimeError("a bug"))  # type: ignore[method-assign]
    await other.put(b"k", b"w")
    await until(lambda: follower.front._here.member not in {crashed, None})
    assert (await follower.range(b"k")).kvs[0].value == b"w"
    await follower.put(b"k", b"x")
    assert (await other.range(b"k")).kvs[0].value == b"x"


@pytest.mark.parametrize("replicas", [3, 5])
async def test_replicas_beside_it_in_the_process_are_refused(replicas: int) -> None:
    """They would count for a majority that the others are in."""
    world = World()
    with pytest.raises(ValueError, match=f"a member alone is one replica, not {replicas}"):
        await world.start(MemberTable(), 1, replicas=replicas)
