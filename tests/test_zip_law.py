"""Whatever lies in a zip, and whatever was done to it: each of its members ends in a place that can be named.

Zips are made byte by byte, since no packer makes such ones, and go the daemon's whole line. What must have become of
them is told by what they were made of, member by member; nothing of the program is asked but what counts as litter.

TEST_EXAMPLES says how many of them are tried.
"""

from __future__ import annotations

import bz2
import contextlib
import hashlib
import itertools
import json
import lzma
import os
import sqlite3
import struct
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ledger_law import Drop, violations
from tests.ledger_site import Notebook, Site, photo, picture, xmp
from watcher.daemon import Daemon
from watcher.executors.inline import Inline
from watcher.ignoring import is_junk
from watcher.intake.discards import shown_line
from watcher.processing.run import run_task

EXAMPLES = int(os.environ.get("TEST_EXAMPLES", "60"))
TURNS = 3000  # of the loop, at most, until all is worked off
DEEPEST = 3  # as Limits.zip_depth has it
GROUND = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # thousands of small files, and no power cut
ENCRYPTED, DESCRIBED, UTF8 = 0x1, 0x8, 0x800
STORED, DEFLATED, BZIP2, LZMA, UNKNOWN = 0, 8, 12, 14, 77


# -- zips, byte by byte ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class File:
    """What a member holds; `end` is what becomes of it: "asset", "sidecar", or "kept" in failed/."""

    content: bytes
    end: str


@dataclass(frozen=True)
class Entry:
    name: bytes
    body: File | Archive
    method: int = STORED
    flags: int = 0
    maker: int = 3
    lies: bool = False  # about its checksum

    @property
    def is_folder(self) -> bool:
        return self.name.endswith(b"/")

    @property
    def is_readable(self) -> bool:
        return not (self.lies or self.is_folder or self.flags & ENCRYPTED or self.method == UNKNOWN)

    def written(self, start: int) -> tuple[bytes, bytes]:
        """What lies at `start` for it, and what stands of it in the directory (APPNOTE 4.3.7, 4.3.9, 4.3.12)."""
        content = self.body.content
        packed = _packed(content, self.method)
        numbers = struct.pack("<LLL", zlib.crc32(content) ^ self.lies, len(packed), len(content))
        fixed = struct.pack("<HHHHH", 20, self.flags, self.method, 0, 0)
        described = self.flags & DESCRIBED
        lengths = struct.pack("<HH", len(self.name), 0)
        local = b"PK\3\4" + fixed + (bytes(12) if described else numbers) + lengths + self.name + packed
        behind = struct.pack("<HHHLL", 0, 0, 0, 0, start)
        central = b"PK\1\2" + bytes([20, self.maker]) + fixed + numbers + lengths + behind + self.name
        return local + (b"PK\7\x08" + numbers if described else b""), central


@dataclass(frozen=True)
class Archive:
    entries: tuple[Entry, ...]
    changed: tuple[tuple[float, int], ...] = ()  # where, as a share of the whole, a byte is another one: which
    cut: float = 1.0  # the share that is left of it

    @property
    def is_damaged(self) -> bool:
        return bool(self.changed) or self.cut < 1

    @property
    def content(self) -> bytes:
        whole, directory = b"", b""
        for entry in self.entries:
            local, central = entry.written(len(whole))
            whole, directory = whole + local, directory + central
        count = len(self.entries)
        end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(directory), len(whole), 0)
        content = bytearray(whole + directory + end)
        for place, value in self.changed:
            content[int(place * len(content))] = value
        return bytes(content[: int(self.cut * len(content))])


def _packed(content: bytes, method: int) -> bytes:
    if method == DEFLATED:
        return zlib.compress(content, wbits=-15)
    if method == BZIP2:
        return bz2.compress(content)
    if method == LZMA:  # a version, the length of the properties, and those (APPNOTE 5.8.8)
        filters = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16, "lc": 3, "lp": 0, "pb": 2}]
        return struct.pack("<BBHBL", 9, 20, 5, 93, 1 << 16) + lzma.compress(content, lzma.FORMAT_RAW, filters=filters)
    return content


def _json(**said: object) -> bytes:
    return json.dumps(said).encode()


T = TypeVar("T")


def weighed(*choices: tuple[int, st.SearchStrategy[T]]) -> st.SearchStrategy[T]:
    """One of these, each as often as its weight says: what ends early must not be most of it."""
    drawn = [strategy for weight, strategy in choices for _ in range(weight)]
    return st.sampled_from(range(len(drawn))).flatmap(drawn.__getitem__)


LETTERS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12).map(str.encode)
_NAMES = (
    "a.png a.png a.png A.PNG trip/a.png trip\\a.png trip/a.png.xmp a.png.xmp a.xmp a.png.json trip/metadata.json "
    "../a.png ../../../../../a.png /a.png C:\\a.png / . .. trip/ trip/../ a\0b.png a\r\n.png "
    "failed/a.png .watcher/spool/a.png __MACOSX/._a.png Thumbs.db trip/.DS_Store inner.zip a.png/inner.zip"
)
NAMES = st.sampled_from(_NAMES.encode().split(b" "))
LONG = st.integers(200, 400).map(lambda length: b"a" * length + b".png")
FILES = weighed(
    (5, st.integers(1, 6).map(lambda number: File(picture(number), "asset"))),
    (1, st.integers(1, 3).map(lambda number: File(photo(number), "asset"))),
    (1, st.integers(1, 6).map(lambda number: File(picture(number)[:30], "kept"))),
    (1, st.binary(max_size=300).map(lambda text: File(b"Dear Anna, " + text, "kept"))),
    (1, st.sampled_from(["2019-03-02", "2021-01-01"]).map(lambda day: File(xmp("Harbour", f"{day}T10:00"), "sidecar"))),
    (
        1,
        st.integers(1, 9).map(
            lambda at: File(_json(title="a.png", photoTakenTime={"timestamp": at * 10**8}), "sidecar")
        ),
    ),
    (1, st.just(File(_json(title="Trip", date={}, access="private"), "sidecar"))),
    (1, st.sampled_from([File(_json(title="nobody's"), "kept"), File(b"", "kept")])),
)
SOUND: dict[str, int] = {}
TROUBLES = st.sampled_from([SOUND] * 21 + [{"flags": ENCRYPTED}, {"method": UNKNOWN}, {"lies": True}])


def entries(bodies: st.SearchStrategy[File | Archive]) -> st.SearchStrategy[Entry]:
    sound = st.builds(
        Entry,
        name=weighed((6, NAMES), (2, LETTERS), (1, st.binary(max_size=8)), (1, LONG)),
        body=bodies,
        method=st.sampled_from([STORED, DEFLATED, BZIP2, LZMA]),
        flags=st.sampled_from([UTF8, 0, DESCRIBED, DESCRIBED | UTF8]),
        maker=st.sampled_from([0, 3]),
    )
    return st.builds(lambda entry, trouble: replace(entry, **trouble), sound, TROUBLES)


def archives(bodies: st.SearchStrategy[File | Archive]) -> st.SearchStrategy[Archive]:
    """Whole ones, and damaged ones."""
    held = st.lists(entries(bodies), min_size=1, max_size=8).map(tuple)
    share = st.integers(0, 9999).map(lambda number: number / 10000)
    changed = st.lists(st.tuples(share, st.integers(0, 255)), min_size=1, max_size=3).map(tuple)
    return weighed(
        (12, st.builds(Archive, held)),
        (3, st.builds(Archive, held, changed)),
        (1, st.builds(Archive, held, cut=share)),
        (1, st.just(Archive(()))),
    )


def nested(depth: int) -> st.SearchStrategy[Archive]:
    """Such with up to `depth` others within one another in them."""
    return archives(weighed((3, FILES), (1, nested(depth - 1)))) if depth else archives(FILES)


# -- the law -----------------------------------------------------------------------------------------------------------


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


def work_off(daemon: Daemon) -> None:
    for _ in range(TURNS):
        if daemon.is_idle():
            return
        daemon.step(0.0)
    raise AssertionError(f"still at work after {TURNS} turns")


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
            work_off(daemon)
            daemon.stop(0.0)
        return Books(self.site)

    def check(self, moved: Sequence[str] = ()) -> None:
        """The law of all that is dropped; what became of each is for the books to say. `moved`: out of failed/."""
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


DROPS = st.dictionaries(
    st.sampled_from(["photos.zip", "新 \n.zip", "takeout-1-001.zip", "takeout-1-002.zip"]),
    nested(DEEPEST),
    min_size=1,
    max_size=2,
)


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
        ground.check()
        back = ground.move_back([*failed])
        again = ground.work_off()
        for left, archive in failed.items():
            again.account_for(archive, again.dropped(back[left]))
        ground.check(moved=[*failed])
        assert again.assets == books.assets
