"""Requests on their way through the log, and who waits for them.

A proposal that a leader took has an id of its own: the term and the index of its entry. Raft gives that pair to no other entry,
ever, so whichever member of this process applies the entry first can answer the proposal, and does so once.

When an entry of a newer term is applied, every proposal of an older term that is still unanswered is lost for good: it is not
before that entry, or it would have been applied, and not behind it, since terms only grow along the log. Such a proposal is
proposed again, and is applied once. (A retry after nothing but a timeout could be applied twice; so there is none.)
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping

from kube.store.errors import RequestTimeoutError
from kube.store.raft.messages import ConfChange
from kube.store.requests import Request


class Proposal:
    """``deadline`` in sweeps of the store.

    ``owner``: the member it was handed to, which alone may take it; ``term`` is 0 until it has.
    """

    __slots__ = ("deadline", "future", "index", "notes", "owner", "request", "size", "term")

    def __init__(
        self,
        request: Request | ConfChange,
        size: int,
        notes: Mapping[bytes, object] | None,
        future: "asyncio.Future[object]",
        deadline: int,
    ) -> None:
        self.request = request
        self.size = size
        self.notes = notes
        self.future = future
        self.deadline = deadline
        self.owner: object | None = None
        self.term = 0
        self.index = 0

    def answer(self, result: object) -> None:
        """Give the result, or the StoreError that is one, to whoever waits, if somebody still does."""
        if not self.future.done():
            self.future.set_result(result)


class Proposals:
    """Those that leaders of this process have taken. ``retry`` gets the ones that are to be proposed again."""

    __slots__ = ("_retry", "_term", "applied", "pending")

    def __init__(self, retry: Callable[[Proposal], None]) -> None:
        self.pending: dict[tuple[int, int], Proposal] = {}
        """By term and index; whoever applies the entry takes the proposal out and answers it."""
        self.applied = 0
        """The highest index that a member of this process has applied. Whoever applies what is up to there finds it answered: what is
        committed at an index is the same for all."""
        self._retry = retry
        self._term = 0
        """The newest term of which an entry was applied anywhere."""

    def __len__(self) -> int:
        return len(self.pending)

    def taken(self, proposals: Iterable[Proposal], term: int, first: int) -> None:
        """A leader has appended them, in order, as the entries from index ``first`` on."""
        pending = self.pending
        for index, proposal in enumerate(proposals, first):
            proposal.term = term
            proposal.index = index
            pending[term, index] = proposal

    def restore(self, proposals: Iterable[Proposal]) -> None:
        """They were taken out of ``pending`` and could not be answered."""
        for proposal in proposals:
            self.pending[proposal.term, proposal.index] = proposal

    def forget(self, proposal: Proposal) -> None:
        """Nobody waits for it any more."""
        self.pending.pop((proposal.term, proposal.index), None)

    def term_applied(self, term: int) -> None:
        """An entry of ``term`` is being applied."""
        if term <= self._term:
            return
        self._term = term
        lost = [proposal for proposal in self.pending.values() if proposal.term < term]
        for proposal in lost:
            self.forget(proposal)
            proposal.term = 0
            self._retry(proposal)

    def skipped(self, index: int) -> None:
        """A snapshot took the place of the entries up to ``index``, so nobody here will see their results."""
        unseen = [proposal for proposal in self.pending.values() if proposal.index <= index]
        for proposal in unseen:
            self.forget(proposal)
            proposal.answer(RequestTimeoutError())
