"""What only the leader can answer: each question has the answer of whom it was asked, or an error, and is forgotten."""

import asyncio

import pytest

from kube.store.errors import LeaseNotFoundError, RequestTimeoutError, StoppedError
from kube.store.peer.messages import Answer, LeaseRenew, Question, error_data
from kube.store.questions import Questions

ME, LEADER, OTHER = 1, 2, 3


class Network:
    """Keeps what is said; ``connected``: whether it can be."""

    def __init__(self) -> None:
        self.said: list[Question] = []
        self.connected = True

    def say(self, message: Question) -> bool:
        if self.connected:
            self.said.append(message)
        return self.connected


class Asked:
    """One question that is under way."""

    def __init__(self, seconds: float = 10.0) -> None:
        self.network = Network()
        self.questions = Questions(ME, self.network.say, 100)
        self.task = asyncio.ensure_future(self.questions.ask(LEADER, LeaseRenew(7), seconds))

    async def number(self) -> int:
        await asyncio.sleep(0)
        (question,) = self.network.said
        assert (question.to, question.from_, question.ask) == (LEADER, ME, LeaseRenew(7))
        return question.number


async def test_the_answer_is_the_result() -> None:
    asked = Asked()
    asked.questions.answered(Answer(ME, LEADER, await asked.number(), 60))
    assert await asked.task == 60


async def test_an_error_may_be_the_answer() -> None:
    asked = Asked()
    error = error_data(LeaseNotFoundError(7))
    asked.questions.answered(Answer(ME, LEADER, await asked.number(), error=error))
    with pytest.raises(LeaseNotFoundError):
        await asked.task


@pytest.mark.parametrize("wrong", ["of another member", "to another question"])
async def test_what_is_no_answer_to_it_is_passed_over(wrong: str) -> None:
    asked = Asked()
    number = await asked.number()
    answer = (
        Answer(ME, OTHER, number, 1) if wrong == "of another member" else Answer(ME, LEADER, number + 1, 1)
    )
    asked.questions.answered(answer)
    asked.questions.disconnected(OTHER)
    await asyncio.sleep(0)
    assert not asked.task.done()
    asked.questions.answered(Answer(ME, LEADER, number, 60))
    asked.questions.answered(Answer(ME, LEADER, number, 61))  # and a second one, too
    assert await asked.task == 60


async def test_a_connection_that_ends_may_have_taken_the_answer_along() -> None:
    asked = Asked()
    await asked.number()
    asked.questions.disconnected(LEADER)
    with pytest.raises(RequestTimeoutError):
        await asked.task


async def test_the_end_is_told_to_whoever_waits() -> None:
    asked = Asked()
    await asked.number()
    asked.questions.fail(StoppedError)
    with pytest.raises(StoppedError):
        await asked.task


async def test_who_is_not_connected_is_not_asked() -> None:
    network = Network()
    network.connected = False
    with pytest.raises(RequestTimeoutError):
        await Questions(ME, network.say, 100).ask(LEADER, LeaseRenew(7), 10.0)


@pytest.mark.parametrize("how", ["no answer in time", "nobody waits any more"])
async def test_a_question_that_is_given_up_is_forgotten(how: str) -> None:
    asked = Asked(seconds=0.001 if how == "no answer in time" else 10.0)
    number = await asked.number()
    if how == "no answer in time":
        with pytest.raises(RequestTimeoutError):
            await asked.task
    else:
        asked.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked.task
    assert not asked.questions._waiting
    asked.questions.answered(Answer(ME, LEADER, number, 60))  # too late, and nobody's
