"""What led to what: the cause that messages, tasks and log lines carry."""

import itertools
from collections.abc import Iterator
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Final

from msgspec import Struct


class Cause(Struct, frozen=True):
    """One step of a chain: a request, a timer, a watch event; `parent` is the step that led to it."""

    id: str
    name: str
    parent: "Cause | None" = None
    depth: int = 0

    def chain(self) -> Iterator["Cause"]:
        """From here up through the parents to the root."""
        cause: Cause | None = self
        while cause is not None:
            yield cause
            cause = cause.parent

    def __str__(self) -> str:
        return " < ".join(f"{cause.name}[{cause.id}]" for cause in self.chain())


CURRENT: ContextVar[Cause | None] = ContextVar("kube_cause", default=None)
"""The cause of what runs now. Tasks inherit it from whoever starts them, as every context variable."""


MAX_DEPTH: Final = 16
"""A chain that grows longer keeps its root and starts over below it: effects that cause each other forever (a status
that triggers a reconcile that writes a status) must not keep all their history alive."""


class because:  # noqa: N801  # reads as a statement: with because(cause)
    """Run a block under `cause`: what it tells, asks, starts and logs carries it."""

    __slots__ = ("_cause", "_token")

    def __init__(self, cause: Cause | None) -> None:
        self._cause = cause
        self._token: Token[Cause | None] | None = None

    def __enter__(self) -> Cause | None:
        self._token = CURRENT.set(self._cause)
        return self._cause

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            CURRENT.reset(self._token)


class Causes:
    """Numbers the causes of one cluster, so that a run under the same seed names them alike."""

    __slots__ = ("_numbers", "_prefix")

    def __init__(self, prefix: str = "c") -> None:
        self._prefix = prefix
        self._numbers = itertools.count(1)

    def new(self, name: str, parent: Cause | None = None) -> Cause:
        """A cause under `parent`, or under the current one where none is given."""
        above = parent if parent is not None else CURRENT.get()
        if above is None:
            return self.root(name)
        if above.depth >= MAX_DEPTH:
            *_, above = above.chain()
        return Cause(f"{self._prefix}{next(self._numbers)}", name, above, above.depth + 1)

    def root(self, name: str) -> Cause:
        """A cause that nothing led to: a request from outside, a timer."""
        return Cause(f"{self._prefix}{next(self._numbers)}", name)
