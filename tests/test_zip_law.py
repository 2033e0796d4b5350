"""Whatever lies in a zip, and whatever was done to it: each of its members ends in a place that can be named.

Generated zips go the daemon's whole line. What must have become of them is told by what they were made of, member by
member; nothing of the program is asked but what counts as litter.

TEST_EXAMPLES says how many of them are tried.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.generated_zips import Archive, Entry, File, nested
from tests.ledger_law import Drop, violations
from tests.ledger_site import Notebook, Site
from watcher.daemon import Daemon
from watcher.executors.inline import Inline
from watcher.ignoring import is_junk
from watcher.intake.discards import shown_line
from watcher.processing.run import run_task

EXAMPLES = int(os.environ.get("TEST_EXAMPLES", "40"))
TURNS = 3000  # of the loop, at most, until all is worked off
DEEPEST = 3  # as Limits.zip_depth has it
GROUND = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # thousands of small files, and no power cut


class Books:
    """What the catalog and failed/ say by now of all that was dropped."""

    def __init__(self, site: Site) -> None:
        self._inbox = os.fsencode(site.inbox)
        with contextlib.closing(sqlite3.connect(f"{site.library}/.watcher/watcher.db")) as db:
            db.row_factory = sqlite3.Row
            query = """select j.*, a.digest, s.digest as sidecar from jobs j left join assets a on a.id = j.asset_id
              left join sidecars s on s.job_id = j.id where j.kind = 'file' order by j.id"""
            self.rows = db.execute(query).fetchall()
            self.assets = {(row["digest"], row["key"]) for row in db.execute("select digest, key from assets")}

    def dropped(self, path: str) -> sqlite3.Row:
        """The last job of what was dropped under this path."""
        jobs: list[sqlite3.Row] = [row for row in self.rows if row["parent_id"] is None]
        return [row for row in jobs if os.fsdecode(row["path"]) == path][-1]

    def members(self, archive: sqlite3.Row) -> dict[int, sqlite3.Row]:
        return {row["member"]: row for row in self.rows if row["parent_id"] == archive["id"]}

    def left(self, row: sqlite3.Row, suffix: bytes = b"") -> bytes | None:
        """The bytes that lie in failed/ for it, or those of the note beside them."""
        if row["left_at"] is None:
            return None
        return Path(os.fsdecode(os.path.join(self._inbox, row["left_at"]) + suffix)).read_bytes()

    # each asserts; `row` is the job of what comes first

    def account_for(self, archive: Archive, row: sqlite3.Row, depth: int = 0) -> None:
        """The archive is gone, and each member is safe; or it lies in failed/, whole, and says what it still holds."""
        kept, members = self.left(row), self.members(row)
        assert (row["state"], kept) == (("failed", archive.content) if kept is not None else ("done", None))
        note = (self.left(row, b".error.txt") or b"").decode()
        for place, entry in enumerate(archive.entries):
            if place in members:
                self._account_for_member(entry, members.pop(place), archive.is_damaged, note, depth + 1)
            elif entry.body.content or not (entry.is_folder or archive.is_damaged):
                assert kept is not None, f"{entry} is lost"
                assert archive.is_damaged or depth == DEEPEST, f"{archive} was refused: {note}"
        assert not members, "nobody put these in"
        if not archive.is_damaged and depth < DEEPEST:
            assert (row["state"] == "done") == self._all_safe(row), note

    def _account_for_member(self, entry: Entry, row: sqlite3.Row, damaged: bool, note: str, depth: int) -> None:
        if row["state"] == "ignored":
            assert is_junk(os.fsdecode(row["path"]))
        elif row["state"] == "failed" and row["left_at"] is None:
            assert damaged or not entry.is_readable, row["reason"]
            assert f"\n  {shown_line(row['name'])}: {shown_line(row['reason'])}\n" in note
        elif isinstance(entry.body, Archive):
            self.account_for(entry.body, row, depth)
        else:
            self._account_for_file(entry.body, row)
            assert damaged or entry.is_readable

    def _account_for_file(self, file: File, row: sqlite3.Row) -> None:
        digest = hashlib.sha256(file.content).hexdigest()
        found = {"asset": row["digest"], "sidecar": row["sidecar"]}
        if file.end == "kept":
            assert (row["state"], self.left(row)) == ("failed", file.content)
        else:
            assert found == {"asset": None, "sidecar": None} | {file.end: digest}, row["reason"]

    def _all_safe(self, archive: sqlite3.Row) -> bool:
        """Whether there was something in it, and nothing has to stay in it."""
        taken = [row for row in self.members(archive).values() if row["state"] != "ignored"]
        return bool(taken) and not any(row["state"] == "failed" and row["left_at"] is None for row in taken)


class Ground:
    """A site with a tree around it that nobody may touch."""

    def __init__(self, root: str) -> None:
        self.root = Path(root)
        self.site, self.outside = Site(self.root / "a" / "b"), self.root / "outside"
        self.outside.mkdir()
        (self.outside / "a.png").write_bytes(b"mine")
        self._notebook = Notebook()

    def work_off(self) -> Books:
        seconds = itertools.count()
        with ExitStack() as stack, contextlib.chdir(self.outside):
            daemon = self.site.opened(stack, self._notebook, lambda: float(next(seconds)))
            daemon.executor = Inline(run_task)
            _work_off(daemon)
            daemon.stop(0.0)
        return Books(self.site)

    def check(self, books: Books, moved: Sequence[str] = ()) -> None:
        """The law of all that is dropped; what became of each is for the books to say. `moved`: out of failed/."""
        assert [row["reason"] for row in books.rows if (row["reason"] or "").startswith("unexpected")] == []
        wrong = violations(self.site.library, self.site.inbox, (), self._notebook.told)
        gone = {f"not there: {path + suffix!r}" for path in moved for suffix in ("", ".error.txt")}
        assert [line for line in wrong if not line.startswith("too much: ") and line not in gone] == []
        assert set(self._around()) == {"outside/a.png"}
        assert (self.outside / "a.png").read_bytes() == b"mine"

    def move_back(self, left: Sequence[str]) -> dict[str, str]:
        """As a person does who tries again: the new path below the inbox, by the one in failed/."""
        back = {path: os.path.basename(path) for path in left}
        for path, name in back.items():
            os.rename(os.path.join(self.site.inbox, path), os.path.join(self.site.inbox, name))
        return back

    def _around(self) -> Iterator[str]:
        for folder, folders, files in os.walk(self.root):
            if Path(folder) == self.site.root:
                assert {*folders} == {"library", "inbox"}
                folders.clear()
            yield from (os.path.relpath(os.path.join(folder, name), self.root) for name in files)


def _work_off(daemon: Daemon) -> None:
    for _ in range(TURNS):
        if daemon.is_idle():
            return
        daemon.step(0.0)
    raise AssertionError(f"still at work after {TURNS} turns")


DROPS = st.dictionaries(
    st.sampled_from(["photos.zip", "新 \n.zip", "takeout-1-001.zip", "takeout-1-002.zip"]),
    nested(DEEPEST),
    min_size=1,
    max_size=2,
)


@pytest.mark.timeout(3600)  # when it fails: the search for a small example must come to its end
@settings(deadline=None, max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(DROPS)
def test_every_member_of_any_zip_is_in_the_library_or_litter_or_in_failed_and_comes_no_second_time(
    dropped: dict[str, Archive],
) -> None:
    with tempfile.TemporaryDirectory(dir=GROUND) as root:
        ground = Ground(root)
        ground.site.drop(*(Drop(name, archive.content) for name, archive in dropped.items()))
        books = ground.work_off()
        failed: dict[str, Archive] = {}
        for name, archive in dropped.items():
            books.account_for(archive, row := books.dropped(name))
            if row["left_at"] is not None:
                failed[os.fsdecode(row["left_at"])] = archive
        ground.check(books)
        back = ground.move_back([*failed])
        again = ground.work_off()
        for left, archive in failed.items():
            again.account_for(archive, again.dropped(back[left]))
        ground.check(again, moved=[*failed])
        assert again.assets == books.assets
