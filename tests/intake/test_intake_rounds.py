"""When an inbox is scanned, in which slices, and what a scan leaves behind."""

from collections.abc import Iterator
from itertools import chain

import pytest

from watcher.intake.rounds import SHARE, Rounds
from watcher.intake.scanner import Skipped

EVERY = 100.0
LINK = Skipped("link", "a symbolic link")


class World:
    """Folders that are walked at a cost of seconds for each entry, and the clock on which it passes."""

    def __init__(self) -> None:
        self.now, self.cost = 1000.0, 0.0
        self.folders: dict[str, list[str | Skipped | None]] = {"": []}

    def walk(self, below: str) -> Iterator[str | Skipped | None]:
        for found in self.folders[below]:
            self.now += self.cost
            yield found

    def rounds(self) -> Rounds:
        return Rounds(self.walk, EVERY, lambda: self.now, lambda: self.now + 1e9)


@pytest.fixture
def world() -> World:
    return World()


def test_the_first_scan_is_due_at_once_and_the_next_after_its_time(world: World) -> None:
    rounds = world.rounds()
    world.folders[""] = ["a", None, "b", LINK]
    assert rounds.pending()
    assert rounds.slice() == ["a", "b"]
    assert [*rounds.skipped] == ["link"]
    assert rounds.last == world.now + 1e9
    assert (rounds.pending(), rounds.next_deadline()) == (False, world.now + EVERY)
    assert rounds.slice() == []
    world.now += EVERY
    world.folders[""] = ["c"]
    assert rounds.slice() == ["c"]
    assert [*rounds.skipped] == [], "the link is gone"


def test_a_slow_scan_goes_on_where_it_stopped_and_counts_as_pending_until_its_end(world: World) -> None:
    rounds = world.rounds()
    world.cost, world.folders[""] = 0.01, [f"{number:03}" for number in range(300)] + [LINK]
    slices = []
    while rounds.pending():
        assert rounds.last is None
        slices.append(rounds.slice())
        assert rounds.is_running() == rounds.pending()
    assert [*chain(*slices)] == [f"{number:03}" for number in range(300)]
    assert len(slices) > 2
    assert [*rounds.skipped] == ["link"]


def test_what_one_scan_passed_over_is_known_until_the_next_one_has_ended(world: World) -> None:
    rounds = world.rounds()
    world.folders[""] = [LINK]
    rounds.slice()
    world.cost, world.folders[""] = 1.0, ["a"] * 100
    rounds.ask()
    rounds.slice()
    assert rounds.is_running() and [*rounds.skipped] == ["link"]


def test_a_scan_that_is_asked_for_while_one_runs_comes_after_it(world: World) -> None:
    rounds = world.rounds()
    world.cost, world.folders[""] = 1.0, ["a"] * 100
    rounds.slice()
    rounds.ask()
    world.cost = 0.0
    rounds.slice()
    assert rounds.last is not None and rounds.pending()
    assert len(rounds.slice()) == 100
    assert not rounds.pending()


def test_one_folder_is_scanned_by_itself(world: World) -> None:
    rounds = world.rounds()
    rounds.slice()
    last = rounds.last
    world.folders["trip"] = ["trip/a", Skipped("trip/pipe", "a pipe")]
    for _ in range(2):
        rounds.look_into("trip")
    assert rounds.slice() == ["trip/a"]
    assert not rounds.pending()
    assert [*rounds.skipped] == ["trip/pipe"]
    assert rounds.last == last


def test_scans_that_take_long_take_no_more_than_their_share_of_the_time(world: World) -> None:
    rounds = world.rounds()
    rounds.sparing = True
    world.cost, world.folders[""] = 1.0, ["a"] * 50
    rounds.slice()
    assert rounds.next_deadline() == world.now + 50 / SHARE
    world.cost = 0.0
    rounds.ask()
    rounds.slice()
    assert rounds.next_deadline() == world.now + EVERY


def test_a_root_that_goes_away_ends_the_scan(world: World) -> None:
    def walk(below: str) -> Iterator[str]:
        yield "a"
        raise FileNotFoundError(below)

    rounds = Rounds(walk, EVERY, lambda: world.now, lambda: world.now)
    assert rounds.slice() == ["a"]
    assert not rounds.pending()
