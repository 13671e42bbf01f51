"""What only the leader can answer, asked by a member that does not lead."""

import asyncio
from collections.abc import Callable

from kube.store.errors import RequestTimeoutError, StoreError
from kube.store.peer.messages import Answer, Ask, Question, error_of


class Questions:
    """The asking side."""

    def __init__(self, member: int, say: Callable[[Question], bool], first_number: int) -> None:
        """``say``: False where nothing is sent, nor ever will be. ``first_number``: far from those of an earlier process of the same member, whose answers may still be on their way."""
        self._member = member
        self._say = say
        self._number = first_number
        self._waiting: dict[int, tuple[int, asyncio.Future[float | int | None]]] = {}

    async def ask(self, leader: int, ask: Ask, seconds: float) -> float | int | None:
        """Raises RequestTimeoutError when there is no answer, and the error that is the answer."""
        self._number += 1
        number = self._number
        future: asyncio.Future[float | int | None] = asyncio.get_running_loop().create_future()
        self._waiting[number] = (leader, future)
        try:
            if not self._say(Question(leader, self._member, number, ask)):
                raise RequestTimeoutError
            async with asyncio.timeout(seconds):
                return await future
        except TimeoutError:
            raise RequestTimeoutError from None
        finally:
            del self._waiting[number]

    def answered(self, answer: Answer) -> None:
        leader, future = self._waiting.get(answer.number, (0, None))
        if future is None or future.done() or leader != answer.from_:
            return
        if answer.error is None:
            future.set_result(answer.value)
        else:
            future.set_exception(error_of(answer.error))

    def disconnected(self, peer: int) -> None:
        self._fail(RequestTimeoutError, peer)

    def fail(self, error: type[StoreError]) -> None:
        self._fail(error, 0)

    def _fail(self, error: type[StoreError], peer: int) -> None:
        for leader, future in self._waiting.values():
            if peer in {0, leader} and not future.done():
                future.set_exception(error())
