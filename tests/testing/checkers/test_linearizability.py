"""The checker on registers, whose histories are short enough to be judged by eye, and on random ones."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.testing.checkers.linearizability import Interval, Verdict, check

Op = tuple[str, int]


def step(state: int, op: Op) -> int | None:
    kind, value = op
    if kind == "write":
        return value
    return state if state == value else None


def register(*history: tuple[int, int, Op] | tuple[int, int, Op, bool]) -> Verdict[Op]:
    return check([Interval(*each) for each in history], 0, step, lambda state: state)


def w(value: int) -> Op:
    return ("write", value)


def r(value: int) -> Op:
    return ("read", value)


@pytest.mark.parametrize(
    ("history", "ok"),
    [
        ([], True),
        ([(1, 2, w(1)), (3, 4, r(1))], True),
        ([(1, 2, w(1)), (3, 4, r(0))], False),
        ([(1, 4, w(1)), (2, 3, r(0))], True),
        ([(1, 4, w(1)), (2, 3, r(1))], True),
        ([(1, 8, w(1)), (2, 3, r(1)), (4, 5, r(0))], False),
        ([(1, 8, w(1)), (2, 3, r(0)), (4, 5, r(1))], True),
        ([(1, 4, w(1)), (2, 5, w(2)), (6, 7, r(1)), (8, 9, r(2))], False),
        ([(1, 2, w(1)), (3, 99, w(2), True), (4, 5, r(2))], True),
        ([(1, 2, w(1)), (3, 99, w(2), True), (4, 5, r(1))], True),
        ([(1, 2, w(1)), (3, 99, w(2), True), (4, 5, r(2)), (6, 7, r(1))], False),
        ([(1, 99, w(2), True)], True),
    ],
    ids=[
        "empty",
        "read-your-write",
        "stale-read",
        "concurrent-old",
        "concurrent-new",
        "new-then-old",
        "old-then-new",
        "two-orders",
        "unknown-happened",
        "unknown-did-not-happen",
        "unknown-undone",
        "only-unknown",
    ],
)
def test_registers(history: list[tuple[int, int, Op]], ok: bool) -> None:
    verdict = register(*history)
    assert verdict.ok is ok
    assert verdict.decided


def test_what_can_not_follow_is_named() -> None:
    verdict = register((1, 2, w(1)), (3, 4, w(2)), (5, 6, r(1)))
    assert verdict.order == (w(1), w(2))
    assert verdict.stuck == (r(1),)


def test_an_order_obeys_real_time() -> None:
    verdict = register((1, 2, w(1)), (3, 6, w(2)), (4, 5, r(1)))
    assert verdict.order == (w(1), r(1), w(2))


def test_a_search_that_costs_too_much_is_given_up() -> None:
    history = [Interval(1, 100, w(each)) for each in range(2, 14)] + [Interval(101, 102, r(1))]
    verdict = check(history, 0, step, lambda state: state, budget=500)
    assert not verdict.ok
    assert not verdict.decided


@given(st.integers(0, 2**32))
def test_what_one_register_did_is_always_explained(seed: int) -> None:
    """Operations that take effect at a moment within their interval; then one answer is falsified."""
    rng = random.Random(seed)
    state, history = 0, []
    for number in range(1, 30):
        moment = number * 10
        op = w(number) if rng.random() < 0.5 else r(state)
        state = op[1]
        history.append(Interval(moment - rng.randrange(1, 25), moment + rng.randrange(1, 25), op))
    assert check(history, 0, step, lambda state: state).ok
    history.append(Interval(1000, 1001, r(-1)))
    assert not check(history, 0, step, lambda state: state).ok
