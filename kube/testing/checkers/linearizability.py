"""Whether a concurrent history could have been a sequential one: Wing and Gong's search with Lowe's memory of what failed.

Source of the algorithm: Wing and Gong, "Testing and Verifying Concurrent Objects" (1993); Lowe, "Testing for Linearizability"
(2017); Porcupine is the best-known implementation. Every response of the store carries a revision, which leaves the search hardly
a choice; without that, histories of this length would be out of reach for a key space that is not split by key.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from math import inf
from typing import Generic, TypeVar

from msgspec import Struct

S = TypeVar("S")
I = TypeVar("I")  # noqa: E741  # an input


class Interval(Struct, Generic[I], frozen=True):
    """An operation that took effect at one moment between ``call`` and ``returned``, both numbers of events.

    ``optional``: it need not have taken effect at all, since nobody was told that it did.
    """

    call: int
    returned: int
    what: I
    optional: bool = False


class Verdict(Struct, Generic[I], frozen=True):
    """``order``: a sequential history that explains everything. When none was found: the longest that explains a part, and
    ``stuck``, the operations of which none can follow it. ``decided`` is False when the budget ended the search.
    """

    ok: bool
    order: tuple[I, ...]
    stuck: tuple[I, ...] = ()
    decided: bool = True


def check(
    history: Sequence[Interval[I]],
    start: S,
    step: Callable[[S, I], S | None],
    fingerprint: Callable[[S], Hashable],
    budget: int = 1_000_000,
) -> Verdict[I]:
    """``budget``: how often ``step`` is called at most. ``step`` gives the state after an operation, None when the operation can't have happened in that state.

    ``fingerprint``: equal for states that no later operation can tell apart.
    """
    return _Search(history, step, fingerprint).run(start, budget)


class _Search(Generic[S, I]):
    """Depth first over the orders that real time allows.

    ``done`` is a bit mask of operations: those that are known to have happened in order of their call, then the optional ones
    likewise. So what is still to come begins at the lowest bit that is not set, however long an optional one is left out.
    """

    def __init__(
        self,
        history: Sequence[Interval[I]],
        step: Callable[[S, I], S | None],
        fingerprint: Callable[[S], Hashable],
    ) -> None:
        self._history = sorted(history, key=lambda each: (each.optional, each.call))
        self._step = step
        self._fingerprint = fingerprint
        self._known = sum(not each.optional for each in history)
        self._wanted = (1 << self._known) - 1

    def run(self, start: S, budget: int) -> Verdict[I]:
        path: list[int] = []
        best: list[int] = []
        done = 0
        seen: set[tuple[int, Hashable]] = {(0, self._fingerprint(start))}
        stack: list[tuple[S, Iterator[int]]] = [(start, self._candidates(0))]
        while stack and budget > 0:
            if done & self._wanted == self._wanted:
                return Verdict(True, self._operations(path))
            state, candidates = stack[-1]
            for at in candidates:
                budget -= 1
                after = self._step(state, self._history[at].what)
                if after is None:
                    continue
                place = (done | 1 << at, self._fingerprint(after))
                if place in seen:
                    continue
                seen.add(place)
                done |= 1 << at
                path.append(at)
                stack.append((after, self._candidates(done)))
                if len(path) > len(best):
                    best = path.copy()
                break
            else:
                stack.pop()
                if path:
                    done &= ~(1 << path.pop())
        done = sum(1 << at for at in best)
        return Verdict(False, self._operations(best), self._operations(self._candidates(done)), budget > 0)

    def _operations(self, positions: "Sequence[int] | Iterator[int]") -> tuple[I, ...]:
        return tuple(self._history[at].what for at in positions)

    def _candidates(self, done: int) -> Iterator[int]:
        """What may come next: nothing that was called after another, still to come, had returned. The known come first."""
        history = self._history
        first = (~done & (done + 1)).bit_length() - 1
        candidates: list[int] = []
        horizon = inf
        for at in range(first, self._known):
            each = history[at]
            if each.call > horizon:
                break
            if not done >> at & 1:
                candidates.append(at)
                horizon = min(horizon, each.returned)
        for at in range(self._known, len(history)):
            if history[at].call > horizon:
                break
            if not done >> at & 1:
                candidates.append(at)
        return iter(candidates)
