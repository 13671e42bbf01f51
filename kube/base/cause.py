"""What led to what: the cause that messages, tasks and log lines carry."""

import itertools
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cause:
    """One step of a chain: a request, a timer, a watch event; `parent` is the step that led to it."""

    id: str
    name: str
    parent: "Cause | None" = None

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


class Causes:
    """Numbers the causes of one cluster, so that a run under the same seed names them alike."""

    __slots__ = ("_numbers", "_prefix")

    def __init__(self, prefix: str = "c") -> None:
        self._prefix = prefix
        self._numbers = itertools.count(1)

    def new(self, name: str, parent: Cause | None = None) -> Cause:
        """A cause under `parent`, or under the current one where none is given."""
        return Cause(
            f"{self._prefix}{next(self._numbers)}", name, parent if parent is not None else CURRENT.get()
        )

    def root(self, name: str) -> Cause:
        """A cause that nothing led to: a request from outside, a timer."""
        return Cause(f"{self._prefix}{next(self._numbers)}", name)
