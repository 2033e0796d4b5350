"""What is kept of a file that waits: when it was seen first and by what, what it waited for, and how long."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from watcher.intake.agenda import Place
from watcher.intake.candidates import Candidates
from watcher.intake.leases import ignore_lease_breaks
from watcher.intake.looking import Not
from watcher.intake.settling import CUT_OFF, OPEN, QUIET, Observation, Patience
from watcher.model import Seen

SETTLE, INCOMPLETE = 5.0, 30.0
NOON = 1_700_000_000.0
AT_NOON = "2023-11-14T22:13:20Z"
HERE = Place("", "a.jpg")


def picture() -> bytes:
    out = io.BytesIO()
    Image.effect_noise((60, 40), 80).save(out, "JPEG")
    return out.getvalue()


class Desk:
    """Candidates whose clocks are moved by hand; the wall clock begins at NOON."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now = folder, 100.0
        patience = Patience(SETTLE, INCOMPLETE)
        self.candidates = Candidates(patience, lambda: self.now, lambda: NOON + self.now - 100)

    def look(self, place: Place = HERE) -> Observation | Not | None:
        return self.candidates.settled(place, str(self.folder / place.path))

    def turn(self) -> Observation | Not | None:
        """Look at what is due, as the inbox does."""
        place = self.candidates.pop()
        assert place is not None
        return self.look(place)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    def story(self, place: Place = HERE) -> Seen:
        seen = self.candidates.story(place)
        assert seen is not None
        return seen


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    ignore_lease_breaks()
    yield Desk(tmp_path)


def test_it_is_kept_by_what_a_file_was_seen_first_and_when(desk: Desk) -> None:
    desk.candidates.hint(HERE)
    desk.pass_time(60)
    desk.candidates.found(HERE)
    assert desk.story() == Seen(AT_NOON, "event")
    other = Place("", "b.jpg")
    desk.candidates.found(other)
    desk.candidates.hint(other)
    assert desk.story(other) == Seen("2023-11-14T22:14:20Z", "scan")
    assert desk.candidates.story(Place("", "never.jpg")) is None


def test_each_reason_has_the_seconds_that_it_lasted(desk: Desk) -> None:
    path = desk.folder / "a.jpg"
    desk.candidates.trusted = True
    with path.open("wb") as writer:
        writer.write(picture()[:-300])
        writer.flush()
        desk.candidates.hint(HERE)
        assert desk.turn() is None
        desk.pass_time(1)
        assert desk.turn() is None
        desk.pass_time(1)
    assert desk.turn() is None
    desk.candidates.trusted = False  # where it cannot be asked, a while of quiet decides
    desk.pass_time(4)
    path.write_bytes(picture())
    desk.candidates.hint(HERE)
    assert desk.turn() is None
    desk.pass_time(SETTLE)
    assert isinstance(desk.turn(), Observation)
    assert desk.story().waited == ((OPEN, 2.0), (CUT_OFF, 4.0), (QUIET, SETTLE))


def test_what_comes_late_to_its_turn_has_waited_for_that(desk: Desk) -> None:
    (desk.folder / "a.jpg").write_bytes(picture())
    desk.candidates.found(HERE)
    desk.pass_time(3)
    assert desk.turn() is None
    desk.pass_time(SETTLE + 7)
    assert isinstance(desk.turn(), Observation)
    assert dict(desk.story().waited) == {"not its turn yet": 10.0, QUIET: SETTLE}


def test_what_is_refused_waits_for_that_reason_until_it_is_looked_at_again(desk: Desk) -> None:
    (desk.folder / "a.jpg").write_bytes(picture())
    desk.candidates.found(HERE)
    assert desk.turn() is None
    desk.pass_time(SETTLE)
    assert isinstance(desk.turn(), Observation)
    desk.candidates.block(HERE, "cannot be read")
    desk.pass_time(300)
    desk.candidates.found(HERE)
    assert isinstance(desk.turn(), Observation)
    desk.candidates.put_back(HERE, "the disk is full")
    desk.pass_time(40)
    assert isinstance(desk.turn(), Observation)
    assert desk.story().waited == ((QUIET, SETTLE), ("cannot be read", 300.0), ("the disk is full", 40.0))


def test_the_story_goes_along_when_a_file_is_moved_and_settles_anew(desk: Desk) -> None:
    (desk.folder / "a.jpg").write_bytes(picture())
    desk.candidates.hint(HERE)
    assert desk.turn() is None
    desk.pass_time(SETTLE)
    assert isinstance(desk.turn(), Observation)
    spooled = Place("token", "a.jpg")
    desk.candidates.moved(HERE, spooled)
    desk.candidates.hint(spooled, "scan")
    assert desk.turn() is None, "it settles again"
    desk.pass_time(SETTLE)
    assert isinstance(desk.turn(), Observation)
    assert desk.story(spooled) == Seen(AT_NOON, "event", ((QUIET, 2 * SETTLE),))
    assert desk.candidates.story(HERE) is None
    assert list(desk.candidates) == [spooled]


def test_a_file_that_waits_for_days_keeps_a_few_reasons_and_all_its_seconds(desk: Desk) -> None:
    (desk.folder / "a.jpg").write_bytes(picture())
    desk.candidates.found(HERE)
    desk.turn()
    for number in range(200):
        desk.candidates.delay(HERE, desk.now + 10, f"reason {number}")
        desk.pass_time(10)
        desk.turn()
    waited = dict(desk.story().waited)
    assert len(waited) <= 10
    assert sum(waited.values()) == 2000.0
    assert waited["reason 0"] == 10.0


def test_nothing_is_kept_of_what_is_no_file_or_is_gone(desk: Desk) -> None:
    (desk.folder / "folder").mkdir()
    os.mkfifo(desk.folder / "pipe")
    for name in ("folder", "pipe", "gone.jpg"):
        desk.candidates.hint(Place("", name))
    while place := desk.candidates.pop():
        assert isinstance(desk.look(place), Not)
        assert desk.candidates.story(place) is None
    assert list(desk.candidates) == []
