import pytest

from watcher.intake.agenda import Agenda, Place
from watcher.intake.endings import Ending
from watcher.intake.settling import (
    COPIER_SECONDS,
    OPEN,
    Memory,
    Observation,
    Patience,
    Signature,
    Take,
    Wait,
    decide,
    remember,
)

PATIENCE = Patience(settle_seconds=2, incomplete_seconds=30)
A: Signature = (1, 2, 300, 4, 5)
B: Signature = (1, 2, 301, 4, 5)
COMPLETE, CUT, NONE = Ending.COMPLETE, Ending.CUT, Ending.NONE


@pytest.mark.parametrize(
    ("writer", "ending", "quiet", "expected"),
    [
        (True, COMPLETE, 0, 101.0),
        (True, COMPLETE, 9000, 101.0),
        (True, CUT, 9000, 101.0),
        (False, COMPLETE, 0, 100 + COPIER_SECONDS),
        (False, COMPLETE, COPIER_SECONDS, Take()),
        (False, NONE, 0, 102.0),
        (False, NONE, 1.5, 100.5),
        (False, NONE, 2, Take()),
        (False, CUT, 2, 128.0),
        (False, CUT, 30, Take()),
        (None, COMPLETE, 0, 102.0),
        (None, COMPLETE, 2, Take()),
        (None, NONE, 2, Take()),
        (None, CUT, 2, 128.0),
        (None, CUT, 30, Take()),
    ],
)
def test_what_is_decided_at_second_100(
    writer: bool | None, ending: Ending, quiet: float, expected: Take | float
) -> None:
    seen = Observation(A, ending, writer)
    decision = decide(Memory(A, 50, 100 - quiet), seen, 100, PATIENCE)
    assert (decision.until if isinstance(decision, Wait) else decision) == expected


def test_an_open_file_is_said_to_be_open() -> None:
    decision = decide(Memory(A, 0, 0), Observation(A, NONE, True), 100, PATIENCE)
    assert decision == Wait(101, OPEN)


def test_a_file_that_changed_during_the_look_is_never_taken_at_once() -> None:
    seen = Observation(A, COMPLETE, False, steady=False)
    assert isinstance(decide(Memory(A, 0, 0), seen, 100, PATIENCE), Wait)


def test_first_seen_it_has_been_quiet_as_long_as_its_ctime_says() -> None:
    assert remember(None, Observation(A, NONE, False), now=100, age=7) == Memory(A, 100, 93)


def test_a_change_starts_quiet_anew_and_no_change_does_not() -> None:
    memory = Memory(A, 50, 60)
    assert remember(memory, Observation(A, NONE, False), now=100, age=0) is memory
    assert remember(memory, Observation(B, NONE, False), now=100, age=0) == Memory(B, 50, 100)
    assert remember(memory, Observation(A, NONE, False, steady=False), now=100, age=0) == Memory(A, 50, 100)


def test_an_old_ctime_does_not_shorten_the_time_that_we_watched() -> None:
    assert remember(None, Observation(A, CUT, True), now=100, age=9000).still_since() == 100


def test_the_agenda_gives_what_is_due_by_time_then_name_and_each_place_once() -> None:
    agenda = Agenda()
    for path, due in (("c", 5), ("b", 1), ("a", 1), ("late", 99), ("c", 2), ("a", 1)):
        agenda.put(Place("", path), due)
    assert [place.path for place in iter(lambda: agenda.pop(10), None) if place] == ["a", "b", "c"]
    assert list(agenda) == [Place("", "late")]
    assert agenda.first() == 99
    agenda.put(Place("", "late"), 200)
    assert agenda.first() == 200
    assert agenda.pop(100) is None
