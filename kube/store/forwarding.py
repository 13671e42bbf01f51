"""Proposals of clients of a member that does not lead, on their way to the one that does.

What goes to the leader in one turn travels as one batch. The leader's answer names the entries before they arrive, so that the
member knows who waits when it applies them. An answer that is lost leaves the outcome unknown: that is told, and nothing is sent twice.
"""

from collections.abc import Callable, Sequence

import msgspec

from kube.store.errors import RequestTimeoutError, TooManyRequestsError
from kube.store.peer.messages import Forward, Forwarded, error_data, error_of
from kube.store.proposals import Proposal, Proposals
from kube.store.raft.confchange import ConfChangeError
from kube.store.raft.messages import ConfChange
from kube.store.raft.raft import ProposalDroppedError
from kube.store.raft.rawnode import RawNode

MAX_FORWARD_BYTES = 1 << 20
"""A batch is about as large at most; one proposal may be larger."""


class _Batch(msgspec.Struct, frozen=True):
    leader: int
    term: int
    proposals: list[Proposal]


class Forwarding:
    """The asking side. ``retry`` gets proposals of which it is known that nothing has happened."""

    def __init__(
        self,
        member: int,
        say: Callable[[Forward], bool],
        proposals: Proposals,
        retry: Callable[[Sequence[Proposal]], None],
        first_number: int,
    ) -> None:
        """``say``: False where nothing is sent, nor ever will be. ``first_number``: far from those of an earlier process of the same member, whose answers may still be on their way."""
        self._member = member
        self._say = say
        self._proposals = proposals
        self._retry = retry
        self._batches: dict[int, _Batch] = {}
        """Those that wait for the leader's answer, by number."""
        self._number = first_number

    def __len__(self) -> int:
        return len(self._batches)

    def send(self, proposals: Sequence[Proposal], leader: int, term: int) -> None:
        """To the member that leads in ``term``."""
        batch: list[Proposal] = []
        size = 0
        for proposal in proposals:
            alone = type(proposal.request) is ConfChange
            if batch and (alone or size + proposal.size > MAX_FORWARD_BYTES):
                self._send(batch, leader, term)
                batch, size = [], 0
            batch.append(proposal)
            size += proposal.size
            if alone:
                self._send(batch, leader, term)
                batch, size = [], 0
        if batch:
            self._send(batch, leader, term)

    def _send(self, proposals: list[Proposal], leader: int, term: int) -> None:
        self._number += 1
        items = tuple([(proposal.request, proposal.size) for proposal in proposals])
        if not self._say(Forward(leader, self._member, self._number, term, items)):
            self._retry(proposals)
            return
        for proposal in proposals:
            proposal.term = term  # from here on it may be applied
        self._batches[self._number] = _Batch(leader, term, proposals)

    def answered(self, answer: Forwarded, applied_index: int, applied_term: int) -> None:
        """``applied_…``: of the entry that this member has applied last."""
        batch = self._batches.get(answer.number)
        if batch is None or batch.leader != answer.from_:
            return
        del self._batches[answer.number]
        waiting = [proposal for proposal in batch.proposals if not proposal.future.done()]
        if answer.error is not None:
            error = error_of(answer.error)
            for proposal in waiting:
                proposal.answer(error)
        elif not answer.first:
            self._known_lost(waiting)
        else:
            self._taken(batch, answer.first, applied_index, applied_term)

    def _taken(self, batch: _Batch, first: int, applied_index: int, applied_term: int) -> None:
        self._proposals.taken(batch.proposals, batch.term, first)
        # The connection keeps the order, so entries come after their answer. A snapshot comes another way.
        self._proposals.skipped(applied_index)
        if applied_term > batch.term:
            lost = [proposal for proposal in batch.proposals if proposal.index > applied_index]
            for proposal in lost:
                self._proposals.forget(proposal)
            self._known_lost(lost)

    def _known_lost(self, proposals: list[Proposal]) -> None:
        for proposal in proposals:
            proposal.term = 0
        self._retry(proposals)

    def disconnected(self, peer: int) -> None:
        """What was asked of ``peer`` may have been lost on its way, or the answer on its."""
        for number in [number for number, batch in self._batches.items() if batch.leader == peer]:
            for proposal in self._batches.pop(number).proposals:
                proposal.answer(RequestTimeoutError())

    def sweep(self) -> None:
        """Forget those for whom nobody waits any more."""
        over = [
            number
            for number, batch in self._batches.items()
            if all(proposal.future.done() for proposal in batch.proposals)
        ]
        for number in over:
            del self._batches[number]


def take_forward(node: RawNode, forward: Forward) -> Forwarded:
    """The leading side: append what a member forwards, if it leads in the term that is meant."""
    raft = node.raft
    first, error = 0, None
    if raft.term == forward.term and forward.items:
        try:
            first = _propose(node, forward.items)
        except ProposalDroppedError:
            first = 0
        except ConfChangeError:
            error = error_data(TooManyRequestsError())
    return Forwarded(forward.from_, forward.to, forward.number, first, error)


def _propose(node: RawNode, items: tuple[tuple[object, int], ...]) -> int:
    """The index of the first entry. Raises ProposalDroppedError, ConfChangeError."""
    data, size = items[0]
    if isinstance(data, ConfChange):
        return node.propose_conf_change(data, size)
    return node.propose(items)
