"""`watcher edit` on what a daemon takes: beside it, and before what it reads later."""

from __future__ import annotations

import itertools
import os
import time

from tests.end_to_end.household import Home, wait_for
from tests.end_to_end.pictures import picture, xmp

# A minute by `make torture`; in the suite it is to be seen that they work beside each other at all.
SECONDS = float(os.environ.get("TEST_EDIT_SECONDS", "3"))


def test_what_was_edited_stays_when_a_sidecar_comes_later(home: Home) -> None:
    with home.running():
        home.drop("beach.jpg", picture("Beach"))
        home.wait_until("beach.jpg", "done")
        path = home.assets()[0]["path"]
        assert home.watcher("edit", "beach", "--title", "Ours", "--taken", "1999-01", "--yes").returncode == 0
        home.drop("beach.jpg.xmp", xmp("Theirs", taken="2020-02-02T02:02:02", keyword="dune"))
        wait_for(lambda: home.finds("keyword:dune") == ["beach.jpg"], what="the sidecar to be read")
        row = home.assets()[0]
    assert (row["title"], row["taken_at"]) == ("Ours", "1999-01-01T00:00:00")
    assert (row["taken_precision"], row["taken_source"]) == ("month", "edit")
    assert home.finds("ours") == ["beach.jpg"]
    assert home.finds("theirs") == []
    assert path.endswith("beach.jpg")


def test_the_original_is_not_touched(home: Home) -> None:
    content = picture("Beach")
    home.drop("beach.jpg", content)
    assert home.watcher("run", "--once").returncode == 0
    before = os.stat(home.assets()[0]["path"])
    assert home.watcher("edit", "beach", "--title", "Ours", "--keyword", "sea", "--yes").returncode == 0
    after = os.stat(home.assets()[0]["path"])
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)
    with open(home.assets()[0]["path"], "rb") as original:
        assert original.read() == content


def test_edits_and_a_daemon_at_full_load_never_lock_each_other_out(home: Home) -> None:
    numbers = itertools.count()

    def more(few: int) -> None:
        for number in itertools.islice(numbers, few):
            home.drop(f"{number}.jpg", picture(f"Picture {number}", size=(16, 12)))

    until = time.monotonic() + SECONDS
    edits = 0
    with home.running():
        more(100)
        wait_for(lambda: home.finds("picture"), what="the first to be taken")
        while time.monotonic() < until or not edits:
            more(10)
            done = home.watcher("edit", "picture", "--keyword", f"edit{edits}", "--yes")
            assert done.returncode == 0, done.stderr
            edits += 1
        dropped = next(numbers)
        states = ("queued", "running")
        wait_for(lambda: len(home.jobs()) == dropped and not any(job["state"] in states for job in home.jobs()), 120)
        assert b"locked" not in home.log().encode()
    rows = home.assets()
    assert len(rows) == dropped
    assert all(f"edit{number}" in {word for row in rows for word in row["keywords"]} for number in range(edits))
    assert sorted(home.finds(f"edit{edits - 1}")) == sorted(
        row["name"] for row in rows if f"edit{edits - 1}" in row["keywords"]
    )
