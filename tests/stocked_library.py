"""A library that a real daemon made of all kinds of drops, for tests of what is done to a library as a whole."""

from __future__ import annotations

import os
from pathlib import Path

from tests.end_to_end.household import Home
from tests.end_to_end.pictures import album, movie, picture, takeout, xmp, zipped

PUT_RIGHT = """
[[inbox]]
name = "scans"
path = "scans"
title = "At the sea"
keywords = ["Lisbon"]
shift = "-23m"
"""
ODD = os.fsdecode(b"odd \xe9\n.jpg")
LOOSE = {
    "beach.jpg": picture("Beach"),
    "a copy.jpg": picture("Beach"),  # a duplicate
    "map.png": picture("Map", format="png", taken=None),
    "told.jpg": picture("Told", taken=None),
    "told.jpg.xmp": xmp("Harbour", taken="2019-03-02T10:00:00", keyword="sea"),
    "live.jpg": picture("Live"),
    "live.mov": movie("Live"),
    "nobody.xmp": xmp("Nobody's"),
    ODD: picture("Odd"),
}
FOLDER = {
    "one.jpg": picture("One"),
    "below/two.jpg": picture("Two", taken="2001:02:03 04:05:06"),
    "batch.toml": b'prefix = "trip"\ndescription = "On the way"\n',
}
ZIP = {
    "Year/ship.jpg": picture("Ship", taken=None),
    "Year/ship.jpg.json": takeout("ship.jpg", description="The ferry", person="Ida"),
    "Oslo/metadata.json": album("Oslo"),
    "Oslo/fjord.jpg": picture("Fjord", taken=None),
    "Oslo/ship.jpg": picture("Ship", taken=None),
}
SCAN = picture("Scan")
PICTURES = 11  # that are not equal to others, the movie among them


def stocked(root: Path) -> Home:
    """A household below `root` that has taken all of it, with what people then said, and one picture removed."""
    home = Home(root, PUT_RIGHT, library='timezone = "UTC"')
    drop_all(home)
    home.once()
    home.drop("gone.jpg", picture("Gone"))
    home.once()
    edits = ["--title", "Crème", "--keyword", "food", "--rating", "4", "--taken", "1999-05"]
    done = home.watcher("edit", "name:copy", *edits, "--yes")
    assert done.returncode == 0, done.stderr
    assert home.watcher("edit", "name:copy", "--title", "Again", "--yes").returncode == 0
    assert home.watcher("edit", "name:gone", "--title", "Nothing", "--yes").returncode == 0
    assert home.watcher("remove", "--yes", "gone.jpg").returncode == 0
    return home


def drop_all(home: Home) -> None:
    """Put all of it into the inboxes."""
    (home.root / "scans").mkdir(exist_ok=True)
    (home.root / "scans" / "scan.jpg").write_bytes(SCAN)
    for name, content in LOOSE.items():
        home.drop(name, content)
    home.drop_folder("trip", dict(FOLDER))
    home.drop("export.zip", zipped(ZIP))
