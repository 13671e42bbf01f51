import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.actors.runtime.actor import Actor
from kube.actors.runtime.errors import ActorStoppedError, MailboxFullError
from kube.actors.runtime.mailbox import MailboxSpec, Overflow, make_mailbox


def key_of(message):
    return message[0]


def mailbox(capacity, overflow=Overflow.WAIT):
    spec = MailboxSpec(capacity, overflow, key_of if overflow is Overflow.COALESCE else None)
    return make_mailbox(spec, "/box", lambda: None)


def drain(box):
    messages = []
    while box.queue:
        messages.append(box.pop()[0])
        box.admit()
    return messages


async def test_a_full_mailbox_refuses_those_who_do_not_wait():
    box = mailbox(2)
    assert box.put("a")
    assert box.put("b")
    with pytest.raises(MailboxFullError, match="/box holds 2 messages"):
        box.put("c")
    assert drain(box) == ["a", "b"]


async def test_senders_that_wait_are_let_in_in_their_order():
    box = mailbox(1)
    box.put(0)
    senders = [asyncio.create_task(box.put_wait(number)) for number in range(1, 6)]
    await asyncio.sleep(0)
    assert box.waiting_senders == 5
    senders[2].cancel()
    await asyncio.sleep(0)
    assert drain(box) == [0, 1, 2, 4, 5]
    assert [await sender for sender in senders if not sender.cancelled()] == [True] * 4


async def test_closing_fails_those_who_wait_and_counts_what_is_lost():
    box = mailbox(1)
    box.put("a")
    sender = asyncio.create_task(box.put_wait("b"))
    await asyncio.sleep(0)
    box.close()
    with pytest.raises(ActorStoppedError):
        await sender
    assert box.put("c") is False
    assert box.dead_letters == 2
    assert len(box) == 0


async def test_the_newest_of_a_key_takes_the_place_of_the_older():
    box = mailbox(2, Overflow.COALESCE)
    for message in (("x", 1), ("y", 1), ("x", 2), ("x", 3)):
        assert box.put(message)
    with pytest.raises(MailboxFullError):
        box.put(("z", 1))
    assert drain(box) == [("x", 3), ("y", 1)]


async def test_a_waiting_sender_coalesces_when_it_is_let_in():
    box = mailbox(1, Overflow.COALESCE)
    box.put(("x", 1))
    first = asyncio.create_task(box.put_wait(("y", 1)))
    second = asyncio.create_task(box.put_wait(("z", 1)))
    await asyncio.sleep(0)
    assert drain(box) == [("x", 1), ("y", 1), ("z", 1)]
    assert await first
    assert await second


async def test_a_stream_that_overflows_is_closed_until_it_is_resumed():
    box = mailbox(2, Overflow.CLOSE)
    assert [box.put(number) for number in range(5)] == [True, True, False, False, False]
    assert box.pop()[0] == 0
    assert box.put(5) is False, "room alone does not mend a stream"
    assert box.pop()[0] == 1
    assert box.reopen() == 4
    assert box.put(6) is True


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.integers())), st.integers(1, 5))
def test_coalescing_keeps_the_last_of_each_key_in_the_order_of_the_first(messages, capacity):
    box = mailbox(capacity, Overflow.COALESCE)
    expected = {}
    for message in messages:
        if message[0] in expected or len(expected) < capacity:
            assert box.put(message)
            expected[message[0]] = message
        else:
            with pytest.raises(MailboxFullError):
                box.put(message)
        assert len(box) <= capacity
    assert drain(box) == list(expected.values())


@given(st.lists(st.one_of(st.just("take"), st.integers())), st.integers(1, 4))
def test_under_wait_every_message_that_was_taken_comes_out_once_and_in_order(steps, capacity):
    box = mailbox(capacity)
    taken, out = [], []
    for step in steps:
        if step == "take":
            if box.queue:
                out.append(box.pop()[0])
        else:
            try:
                box.put(step)
                taken.append(step)
            except MailboxFullError:
                assert len(box) == capacity
    assert out + drain(box) == taken


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"capacity": 0}, "at least one"),
        ({"overflow": Overflow.COALESCE}, "key"),
        ({"key": key_of}, "key"),
    ],
    ids=["no room", "coalesce without key", "key without coalesce"],
)
def test_nonsense_is_refused(arguments, says):
    with pytest.raises(ValueError, match=says):
        MailboxSpec(**arguments)


class Slow(Actor):
    """Handles nothing until its gate opens."""

    def __init__(self, gate, seen):
        self.gate = gate
        self.seen = seen

    async def receive(self, message):
        await self.gate.wait()
        self.seen.append(message)

    def on_overflow(self, lost):
        self.seen.append(f"{lost} lost")


async def settle():
    for _ in range(20):
        await asyncio.sleep(0)


async def test_back_pressure_holds_the_sender_until_the_actor_has_room(system):
    gate, seen = asyncio.Event(), []
    ref = system.spawn(lambda: Slow(gate, seen), name="slow", mailbox=MailboxSpec(capacity=2))
    ref.tell(0)
    await settle()

    async def send():
        for number in range(1, 8):
            await ref.tell_wait(number)

    sender = asyncio.create_task(send())
    await settle()
    assert ref.depth == 2
    assert not sender.done()
    gate.set()
    await sender
    await settle()
    assert seen == list(range(8))


async def test_an_actor_is_told_that_its_stream_broke_after_what_came_before(system):
    gate, seen = asyncio.Event(), []
    spec = MailboxSpec(capacity=3, overflow=Overflow.CLOSE)
    ref = system.spawn(lambda: Slow(gate, seen), name="watcher", mailbox=spec)
    ref.tell(0)
    await settle()
    assert [ref.tell(number) for number in range(1, 6)] == [True, True, True, False, False]
    gate.set()
    await settle()
    assert seen == [0, 1, 2, 3, "2 lost"]
    assert ref.tell(9)
    await settle()
    assert seen[-1] == 9


async def test_an_actor_that_fills_its_own_mailbox_is_told_instead_of_waiting_for_itself(system):
    raised = []

    class Selfish(Actor):
        mailbox = MailboxSpec(capacity=1)

        async def receive(self, message):
            if message == "go":
                await self.context.self_ref.tell_wait("one")
                try:
                    await self.context.self_ref.tell_wait("two")
                except MailboxFullError as error:
                    raised.append(error)

    ref = system.spawn(Selfish, name="selfish")
    ref.tell("go")
    await settle()
    assert len(raised) == 1
