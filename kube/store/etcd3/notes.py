"""What the writers of this process left with their puts, until the event of the put comes back from etcd.

An event may overtake the answer to the put that it is of. Then it is known by its value: it is the first of its key
after ``floor``, if the put succeeds at all, and if it does not then the bytes are equal nevertheless.
"""

from collections import OrderedDict

from msgspec import Struct

KEPT = 1024
"""Notes of answered puts that wait for their events; the oldest go first."""


class Note(Struct, eq=False):
    """A put on its way. ``floor``: its revision is above that. ``creates``: it succeeds only for an absent key."""

    key: bytes
    value: bytes
    floor: int
    creates: bool
    object: object


class Notes:
    """Keys are those of etcd, with the prefix."""

    __slots__ = ("_sent", "_written")

    def __init__(self) -> None:
        self._sent: dict[bytes, dict[Note, None]] = {}
        self._written: OrderedDict[tuple[bytes, int], object] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sent) + len(self._written)

    def send(self, note: Note) -> None:
        """To be called before the put leaves; ``settle`` is to follow."""
        self._sent.setdefault(note.key, {})[note] = None

    def settle(self, note: Note, revision: int) -> None:
        """The put has the revision; 0: it has failed, or nobody knows."""
        of_key = self._sent[note.key]
        del of_key[note]
        if not of_key:
            del self._sent[note.key]
        if revision:
            self._written[note.key, revision] = note.object
            if len(self._written) > KEPT:
                self._written.popitem(last=False)

    def find(self, key: bytes, value: bytes, revision: int, *, created: bool) -> object | None:
        """The note of the put that an event is of."""
        found = self._written.get((key, revision))
        if found is None and (of_key := self._sent.get(key)) is not None:
            for note in of_key:
                if note.floor < revision and note.value == value and (created or not note.creates):
                    return note.object
        return found

    def forget(self) -> None:
        """Nobody watches: what is written will not be asked for."""
        self._written.clear()
