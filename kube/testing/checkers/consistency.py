"""Strict serializability of a history, and of each read of the past or of a member that may be behind."""

from msgspec import Struct
from msgspec.structs import replace

from kube.simulation.history import NEVER, History, KeepAlive, Operation, TimeToLive
from kube.store.errors import (
    CompactedError,
    FutureRevisionError,
    KeyNotFoundError,
    LeaseExistsError,
    LeaseNotFoundError,
    StoreError,
)
from kube.store.kv import Put, Range, RangeResult
from kube.store.requests import LeaseRevokeRequest, OptimisticPut
from kube.testing.checkers import linearizability
from kube.testing.checkers.linearizability import Interval
from kube.testing.checkers.model import State, check_revision, read, same_answer, step
from kube.testing.checkers.replay import Replay
from kube.testing.checkers.violation import ViolationError

EARNED = (CompactedError, FutureRevisionError, KeyNotFoundError, LeaseExistsError, LeaseNotFoundError)
"""Errors that are answers of the key space; any other says that the request did not get that far, or may not have."""


BUDGET = 50_000
"""Steps of the search; a history that is right takes a few per operation."""


class AnyOutcome(Struct, frozen=True):
    """Nobody was told."""


class Input(Struct, frozen=True):
    """A request and its answer: a result, an earned error, or AnyOutcome. ``client`` -1: the store's own request.

    ``changes``: the ``State.changes`` to which the request has led, by the log; equal requests of several clients can't be told apart,
    so there may be several. It is what keeps the search from trying an order that only the end of the history refutes.
    """

    client: int
    request: object
    answer: object
    changes: tuple[int, ...]


def check_history(history: History, replay: Replay) -> int:
    """How many operations were put in order. Raises ViolationError."""
    intervals = _intervals(history, replay)
    verdict = linearizability.check(intervals, State(), _next, State.fingerprint, budget=BUDGET)
    if not verdict.ok:
        stuck = "; ".join(
            f"client {each.client}: {each.request} -> {_words(each.answer)}" for each in verdict.stuck[:8]
        )
        raise ViolationError(
            "strict serializability",
            f"{len(verdict.order)} of {len(intervals)} operations explained, none of these can follow: {stuck}",
        )
    _check_refusals(history, replay)
    for operation in history.operations:
        if operation.answered and isinstance(operation.request, Range):
            _check_past(operation, operation.request, replay)
    return len(intervals)


def _words(answer: object) -> str:
    return f"{type(answer).__name__}{vars(answer)}" if isinstance(answer, StoreError) else repr(answer)


# ---- what is put in order


def _intervals(history: History, replay: Replay) -> list[Interval[Input]]:
    log = _Log(replay)
    intervals: list[Interval[Input]] = []
    for operation in history.operations:
        request = operation.request
        if operation.serializable or isinstance(request, (KeepAlive, TimeToLive)):
            continue
        changes = log.changes(request)
        if operation.answered or isinstance(operation.error, EARNED):
            answer = operation.result if operation.answered else operation.error
            what = Input(operation.client, request, answer, changes)
            intervals.append(Interval(operation.call, operation.returned, what))
        elif operation.unknown and changes:
            what = Input(operation.client, request, AnyOutcome(), changes)
            intervals.append(Interval(operation.call, NEVER, what, optional=True))
    intervals.extend(log.expiries())
    return intervals


class _Log:
    """When requests took effect, by the log."""

    def __init__(self, replay: Replay) -> None:
        self._replay = replay
        self._effects: dict[str, list[int]] = {}
        for index in range(1, replay.index + 1):
            state = replay.states[index]
            if state is not replay.states[index - 1]:
                self._effects.setdefault(repr(replay.requests[index]), []).append(state.changes)

    def changes(self, request: object) -> tuple[int, ...]:
        """Empty when the request never changed anything."""
        if isinstance(request, Range):
            return ()
        return tuple(self._effects.get(repr(request), ()))

    def expiries(self) -> list[Interval[Input]]:
        """Revocations at the end of a lease's time are the store's own requests.

        A client's are among them too, which does no harm: a lease can be revoked once.
        """
        replay = self._replay
        return [
            Interval(0, NEVER, Input(-1, request, AnyOutcome(), (state.changes,)), optional=True)
            for request, answer, state in zip(replay.requests, replay.answers, replay.states, strict=True)
            if isinstance(request, LeaseRevokeRequest) and not isinstance(answer, StoreError)
        ]


def _next(state: State, what: Input) -> State | None:
    request, answer = what.request, what.answer
    if isinstance(request, Range) and request.revision:
        return state if _may_read(state, request, answer) else None
    unknown = isinstance(answer, AnyOutcome)
    if unknown and state.changes + 1 not in what.changes:
        return None
    expected, after, _ = step(state, request)
    if after is not state and after.changes not in what.changes:
        return None
    return after if unknown or same_answer(expected, answer) else None


def _may_read(state: State, request: Range, answer: object) -> bool:
    """Of a read of the past only when it was answered; what it found is ``_check_past``'s."""
    try:
        check_revision(state, request.revision)
    except StoreError as error:
        return same_answer(error, answer)
    return isinstance(answer, RangeResult) and answer.revision == state.revision


# ---- what is looked up


def _check_past(operation: Operation, request: Range, replay: Replay) -> None:
    """A read of the past finds what was there then; one that may be stale what was there at some revision."""
    result = operation.result
    assert isinstance(result, RangeResult)
    if not operation.serializable and not request.revision:
        return
    try:
        state = replay.at(request.revision or result.revision)
    except KeyError:
        raise ViolationError("reads see committed data only", f"{request} -> {result}") from None
    expected = read(state, replace(request, revision=0), now=result.revision)
    if expected != result:
        raise ViolationError("a read finds what its revision held", f"{request}: {result}, not {expected}")


def _check_refusals(history: History, replay: Replay) -> None:
    """What was refused for certain is not in the log; every value that is written is written once."""
    writes = (Put, OptimisticPut)
    written: dict[bytes, None] = {}
    for request in replay.requests:
        if isinstance(request, writes) and request.value:
            if request.value in written:
                raise ViolationError("a request takes effect at most once", f"{request} is in the log twice")
            written[request.value] = None
    for operation in history.operations:
        request, error = operation.request, operation.error
        if error is None or error.maybe_applied or isinstance(error, EARNED):
            continue
        if isinstance(request, writes) and request.value in written:
            raise ViolationError("what is refused has not happened", f"{request} was refused: {error}")
