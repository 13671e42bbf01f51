"""Whose note an event gets."""

from kube.store.etcd3.notes import KEPT, Note, Notes


def sent(notes: Notes, name: str, *, floor: int = 10, creates: bool = False, value: bytes = b"v") -> Note:
    note = Note(b"k", value, floor, creates, name)
    notes.send(note)
    return note


def test_an_event_after_the_answer() -> None:
    notes = Notes()
    notes.settle(sent(notes, "mine"), 12)
    assert notes.find(b"k", b"v", 12, created=False) == "mine"
    assert notes.find(b"k", b"v", 12, created=False) == "mine"  # for the next watch too
    assert notes.find(b"k", b"v", 13, created=False) is None
    assert notes.find(b"l", b"v", 12, created=False) is None


def test_an_event_before_the_answer_is_known_by_its_value() -> None:
    notes = Notes()
    sent(notes, "mine")
    assert notes.find(b"k", b"v", 11, created=False) == "mine"
    assert notes.find(b"k", b"w", 11, created=False) is None


def test_an_older_event_of_the_same_value_is_somebody_elses() -> None:
    notes = Notes()
    sent(notes, "mine", floor=10)
    assert notes.find(b"k", b"v", 10, created=False) is None


def test_what_creates_is_no_update() -> None:
    notes = Notes()
    sent(notes, "mine", creates=True)
    assert notes.find(b"k", b"v", 11, created=False) is None
    assert notes.find(b"k", b"v", 11, created=True) == "mine"


def test_a_put_that_failed_leaves_nothing() -> None:
    notes = Notes()
    notes.settle(sent(notes, "mine"), 0)
    assert notes.find(b"k", b"v", 11, created=False) is None
    assert not notes


def test_two_puts_of_one_key_at_once() -> None:
    notes = Notes()
    first, second = sent(notes, "first", value=b"1"), sent(notes, "second", value=b"2")
    assert notes.find(b"k", b"2", 11, created=False) == "second"
    notes.settle(second, 11)
    assert notes.find(b"k", b"1", 12, created=False) == "first"
    notes.settle(first, 12)
    assert [notes.find(b"k", b"", revision, created=False) for revision in (11, 12)] == ["second", "first"]


def test_notes_that_nobody_asks_for_do_not_pile_up() -> None:
    notes = Notes()
    for number in range(2 * KEPT):
        notes.settle(sent(notes, str(number), floor=number), number + 1)
    assert len(notes) == KEPT
    assert notes.find(b"k", b"v", 2 * KEPT, created=False) == str(2 * KEPT - 1)
    assert notes.find(b"k", b"v", 1, created=False) is None
    notes.forget()
    assert not notes
