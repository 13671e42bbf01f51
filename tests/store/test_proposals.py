"""A proposal is answered once, or proposed again once it is known to be lost."""

import asyncio

import pytest

from kube.store.errors import RequestTimeoutError
from kube.store.kv import Put
from kube.store.proposals import Proposal, Proposals


class Table(Proposals):
    def __init__(self) -> None:
        self.again: list[Proposal] = []
        super().__init__(self.again.append)

    def take(self, count: int, term: int, first: int) -> list[Proposal]:
        loop = asyncio.get_running_loop()
        proposals = [Proposal(Put(b"k", b""), 1, None, loop.create_future(), 10) for _ in range(count)]
        self.taken(proposals, term, first)
        return proposals


async def test_an_entry_is_known_by_term_and_index() -> None:
    table = Table()
    first, second = table.take(2, term=3, first=7)
    assert (first.term, first.index, second.index) == (3, 7, 8)
    assert table.pending == {(3, 7): first, (3, 8): second}


async def test_two_leaders_entries_at_one_index_are_not_confused() -> None:
    table = Table()
    (old,) = table.take(1, term=3, first=7)
    (new,) = table.take(1, term=4, first=7)
    assert table.pending.pop((4, 7)) is new
    assert table.pending == {(3, 7): old}


async def test_a_newer_term_decides_what_of_older_ones_is_lost() -> None:
    table = Table()
    old = table.take(2, term=3, first=7)
    (new,) = table.take(1, term=4, first=8)
    table.term_applied(3)
    assert table.again == []
    table.term_applied(4)
    assert table.again == old
    assert [proposal.term for proposal in old] == [0, 0]
    assert table.pending == {(4, 8): new}


async def test_a_restarted_member_that_applies_old_terms_again_decides_nothing() -> None:
    table = Table()
    table.term_applied(5)
    table.take(1, term=6, first=9)
    table.term_applied(2)
    assert table.again == []


async def test_what_a_snapshot_skipped_may_have_been_applied() -> None:
    table = Table()
    skipped, later = table.take(2, term=3, first=7)
    table.skipped(7)
    assert isinstance(skipped.future.result(), RequestTimeoutError)
    assert table.pending == {(3, 8): later}


@pytest.mark.parametrize("ended", ["answered", "cancelled"])
async def test_only_the_first_answer_counts(ended: str) -> None:
    table = Table()
    (proposal,) = table.take(1, term=1, first=1)
    if ended == "answered":
        proposal.answer("first")
    else:
        proposal.future.cancel()
    proposal.answer("second")
    assert proposal.future.cancelled() or proposal.future.result() == "first"
