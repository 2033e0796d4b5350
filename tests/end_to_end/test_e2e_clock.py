"""A daemon whose clock is set while it works, and pictures of the nights in which an hour comes twice, or not at all.

The clock on the wall is that of Python in the daemon and its workers: a module that they load first moves it by as many
seconds as a file says. The times of files stay the kernel's, as when a clock was set between them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.end_to_end.household import ROOT, Home, wait_for
from tests.end_to_end.lawful import assert_lawful
from tests.end_to_end.pictures import movie, picture
from tests.ledger_law import Drop

DAY = 86_400
SETTABLE = """
import datetime, time

real, file = time.time, {file!r}

def now():
    with open(file) as step:
        return real() + float(step.read())

class Moved(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(now(), tz)

time.time, time.time_ns, datetime.datetime = now, lambda: int(now() * 1e9), Moved
"""

Set = Callable[[float], None]


@pytest.fixture
def clock(tmp_path: Path) -> Set:
    """Sets the daemon's clock, by so many seconds from the real one; it runs with the environment MOVED."""
    (tmp_path / "moved").mkdir()
    step = tmp_path / "moved" / "step"
    (tmp_path / "moved" / "sitecustomize.py").write_text(SETTABLE.format(file=str(step)))

    def set_to(seconds: float) -> None:
        whole = step.with_suffix(".new")
        whole.write_text(str(seconds))
        whole.rename(step)

    set_to(0)
    return set_to


@pytest.mark.parametrize("steps", [(0, -DAY), (0, DAY), (-DAY, DAY, -DAY)])
def test_all_is_taken_in_its_order_while_the_clock_is_set(home: Home, clock: Set, steps: tuple[int, ...]) -> None:
    """A broken file too, and a folder whose pictures are numbered when it is complete."""
    home.config.write_text(home.config.read_text().replace('path = "inbox"', 'path = "inbox"\nprefix = "Sea"'))
    drops: list[Drop] = []
    with home.running(PYTHONPATH=f"{home.root / 'moved'}:{ROOT}"):
        for turn, step in enumerate(steps):
            trip = {f"{n}.jpg": picture(f"{turn}/{n}", taken=f"2024:05:1{n} 10:00:00") for n in range(3)}
            alone, broken = picture(f"Alone {turn}"), picture(f"Broken {turn}")[:60]
            home.drop_folder(f"trip {turn}", trip)
            home.drop(f"alone {turn}.jpg", alone)
            home.drop(f"broken {turn}.jpg", broken)
            drops += [Drop(f"trip {turn}/{name}", content) for name, content in trip.items()]
            drops += [Drop(f"alone {turn}.jpg", alone), Drop(f"broken {turn}.jpg", broken, broken=True)]
            wait_until_taken(home, len(drops))
            clock(step)
            home.wait_for_rest()
    numbers = home.rows("select batch, sequence from jobs where sequence is not null order by batch, name")
    assert numbers == [{"batch": f"trip {turn}", "sequence": f"0{n}"} for turn in range(len(steps)) for n in (1, 2, 3)]
    assert_lawful(home, drops, sound=DAY not in steps)
    if DAY in steps:
        assert findings(home) == ["clock"], "rows of tomorrow are doctor's to tell"


def wait_until_taken(home: Home, count: int) -> None:
    wait_for(lambda: len(home.jobs()) == count, what="all of them to be taken")


def findings(home: Home) -> list[str]:
    found: list[dict[str, str]] = json.loads(home.watcher("doctor", "--json").stdout)
    return [finding["kind"] for finding in found]


def test_pictures_of_nights_with_an_hour_twice_or_not_at_all_keep_what_they_say(home: Home) -> None:
    """In a library of Vienna on a machine elsewhere: local times stay as they are, instants become those of Vienna."""
    text = home.config.read_text().replace('path = "library"', 'path = "library"\ntimezone = "Europe/Vienna"')
    home.config.write_text(text.replace('path = "inbox"', 'path = "inbox"\ntouch = true'))
    drops = [Drop(f"{name}.jpg", picture(name, taken=taken)) for name, (taken, _) in LOCAL.items()]
    drops += [Drop(f"{name}.mov", movie(name, taken=taken)) for name, (taken, _) in INSTANTS.items()]
    with home.running(TZ="America/New_York"):
        for drop in drops:
            home.drop(drop.path, drop.content)
        wait_until_taken(home, len(drops))
        home.wait_for_rest()
    found = {Path(row["name"]).stem: row for row in home.assets()}
    assert {name: (row["taken_at"], row["taken_offset"]) for name, row in found.items() if name in INSTANTS} == {
        name: expected for name, (_, expected) in INSTANTS.items()
    }
    assert {name: found[name]["taken_at"] for name in LOCAL} == {
        name: datetime.strptime(taken, "%Y:%m:%d %H:%M:%S").isoformat() for name, (taken, _) in LOCAL.items()
    }
    times = {name: datetime.fromtimestamp(Path(found[name]["path"]).stat().st_mtime, UTC) for name in LOCAL}
    assert {name: f"{at:%m-%d %H:%M}" for name, at in times.items()} == {name: utc for name, (_, utc) in LOCAL.items()}
    assert sorted(home.finds("taken:2024-03-31")) == sorted(["gone.jpg", "jump before.mov", "jump after.mov"])
    assert sorted(home.finds("taken:2024-10-27T02")) == sorted(["twice.jpg", "first.mov", "second.mov"])
    assert_lawful(home, drops)


# As the camera says it: the file's time in UTC. Of an hour that there was not, as if the clock had not been put
# forward; of one that came twice, the first.
LOCAL = {
    "gone": ("2024:03:31 02:30:00", "03-31 01:30"),
    "twice": ("2024:10:27 02:30:00", "10-27 00:30"),
}
# In UTC: on the clocks of Vienna
INSTANTS = {
    "jump before": ("2024-03-31T00:59:59", ("2024-03-31T01:59:59", "+01:00")),
    "jump after": ("2024-03-31T01:00:00", ("2024-03-31T03:00:00", "+02:00")),
    "first": ("2024-10-27T00:30:00", ("2024-10-27T02:30:00", "+02:00")),
    "second": ("2024-10-27T01:30:00", ("2024-10-27T02:30:00", "+01:00")),
}
