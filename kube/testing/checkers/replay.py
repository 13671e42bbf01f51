"""The committed log, replayed through the model: what the key space was at each revision, and the events that made it so."""

from bisect import bisect_left, bisect_right

from kube.store.errors import StoreError
from kube.store.kv import Event
from kube.testing.checkers.model import Answer, State, knows, step


class Replay:
    """Grows by ``commit``, entry by entry, as members apply them.

    ``states[n]``: after the entry at log index ``n``; ``answers`` likewise.
    """

    def __init__(self) -> None:
        self.states: list[State] = [State()]
        self.answers: list[Answer | StoreError] = [None]
        self.requests: list[object] = [None]
        self.events: list[Event] = []
        """Of every revision, in order."""
        self.revisions: list[int] = []
        """The revision of each of ``events``."""
        self.compactions: dict[int, None] = {}
        """Every revision to which the log was compacted."""
        self._at: dict[int, State] = {1: self.states[0]}

    def commit(self, request: object) -> None:
        """The next entry of the log."""
        state = self.states[-1]
        answer: Answer | StoreError = None
        if knows(request):
            compacted = state.compact_revision
            answer, state, events = step(state, request, self.at)
            if state.compact_revision != compacted:
                self.compactions[state.compact_revision] = None
            if events:
                self.events.extend(events)
                self.revisions.extend([state.revision] * len(events))
            self._at[state.revision] = state
        self.states.append(state)
        self.answers.append(answer)
        self.requests.append(request)

    @property
    def state(self) -> State:
        return self.states[-1]

    @property
    def index(self) -> int:
        """Of the last entry."""
        return len(self.states) - 1

    def at(self, revision: int) -> State:
        """The key space as of ``revision``. Raises KeyError for one that never was."""
        return self._at[revision]

    def events_from(self, revision: int) -> list[Event]:
        return self.events[bisect_left(self.revisions, revision) :]

    def events_between(self, first: int, last: int) -> list[Event]:
        """Those of the revisions from ``first`` to ``last``, both inclusive."""
        return self.events[bisect_left(self.revisions, first) : bisect_right(self.revisions, last)]
