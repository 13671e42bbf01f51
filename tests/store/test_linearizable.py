"""Reads that wait for a read index: who comes in one turn shares a question, and a lost one is asked again."""

import asyncio
from typing import Any

import pytest

from kube.store.errors import NoLeaderError, RequestTimeoutError, StoppedError
from kube.store.linearizable import LinearizableReads

MEMBER: Any = object()


class Questions:
    def __init__(self) -> None:
        self.asked: list[int] = []
        self.reads = LinearizableReads(self._ask, 100)

    def _ask(self, context: int) -> bool:
        self.asked.append(context)
        return True

    async def readers(self, count: int, patience: int = 4) -> list["asyncio.Future[Any]"]:
        made = [asyncio.ensure_future(self.reads.confirmed(patience)) for _ in range(count)]
        await turns()
        return made


async def turns() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_who_comes_in_one_turn_shares_a_question() -> None:
    world = Questions()
    readers = await world.readers(50)
    assert world.asked == [101]
    world.reads.answered(101, MEMBER)
    assert await asyncio.gather(*readers) == [MEMBER] * 50
    assert len(world.reads) == 0


async def test_who_comes_while_a_question_is_under_way_waits_for_the_next() -> None:
    """Its answer may be older than the write that the newcomer must see."""
    world = Questions()
    first = await world.readers(1)
    later = await world.readers(2)
    assert world.asked == [101]
    world.reads.answered(101, MEMBER)
    await turns()
    assert first[0].done()
    assert not any(reader.done() for reader in later)
    assert world.asked == [101, 102]
    world.reads.answered(102, MEMBER)
    await asyncio.gather(*later)


async def test_an_answer_to_a_question_that_was_given_up_is_nobodys() -> None:
    world = Questions()
    (reader,) = await world.readers(1)
    world.reads.again()
    assert world.asked == [101, 102]
    world.reads.answered(101, MEMBER)
    await turns()
    assert not reader.done()
    world.reads.answered(102, MEMBER)
    assert await reader is MEMBER


async def test_a_lost_question_is_asked_again() -> None:
    world = Questions()
    (reader,) = await world.readers(1)
    world.reads.sweep(NoLeaderError)
    assert world.asked == [101]  # it may have been asked just before
    world.reads.sweep(NoLeaderError)
    assert world.asked == [101, 102]
    world.reads.answered(102, MEMBER)
    assert await reader is MEMBER


async def test_who_has_waited_too_long_is_told_and_the_others_go_on() -> None:
    world = Questions()
    (impatient,) = await world.readers(1, patience=1)
    (patient,) = await world.readers(1, patience=9)
    world.reads.sweep(RequestTimeoutError)
    with pytest.raises(RequestTimeoutError):
        await impatient
    assert world.asked == [101, 102]
    world.reads.answered(102, MEMBER)
    assert await patient is MEMBER


async def test_a_reader_that_gives_up_leaves_nothing() -> None:
    world = Questions()
    (reader,) = await world.readers(1)
    reader.cancel()
    await turns()
    world.reads.sweep(NoLeaderError)
    assert len(world.reads) == 0
    (other,) = await world.readers(1)
    world.reads.answered(world.asked[-1], MEMBER)
    assert await other is MEMBER


async def test_everybody_is_told_of_the_end() -> None:
    world = Questions()
    readers = [*(await world.readers(2)), *(await world.readers(2))]
    world.reads.fail(StoppedError)
    results = await asyncio.gather(*readers, return_exceptions=True)
    assert [type(result) for result in results] == [StoppedError] * 4
