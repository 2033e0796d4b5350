"""Copies of a catalog that is in use, what is refused as one, and what a restored catalog knows of the present."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.end_to_end.household import digest
from tests.ledger_law import Drop, violations
from tests.ledger_site import BROKEN, Desk, Notebook, Site, photo, picture, xmp, zipped
from watcher.db import backup, connect, migrations
from watcher.db.connect import open_reader, open_writer, transaction
from watcher.errors import DatabaseError, LockedError
from watcher.executors.inline import Inline
from watcher.messages import Task, TaskResult
from watcher.model import Claim, Stamp
from watcher.processing.run import run_task


@pytest.fixture
def database(tmp_path: Path) -> str:
    return str(tmp_path / "library" / "watcher.db")


@pytest.fixture
def desk(database: str) -> Iterator[Desk]:
    Path(database).parent.mkdir()
    connection = open_writer(database)
    yield Desk(connection)
    connection.close()


@pytest.fixture
def copied(tmp_path: Path) -> str:
    return str(tmp_path / "copied.db")


def copy(database: str, path: str) -> None:
    with closing(open_reader(database)) as source:
        backup.copy(source, path)


def column(path: str, query: str) -> list[object]:
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute(query)]


def names(path: str) -> list[object]:
    return column(path, "select name from assets order by id")


# -- a copy ------------------------------------------------------------------------------------------------------------


def test_a_copy_has_what_was_just_committed_in_one_file(desk: Desk, database: str, copied: str) -> None:
    desk.take("a.jpg")
    assert os.path.getsize(database + "-wal") > 0
    copy(database, copied)
    assert backup.judge(copied, "it") == backup.Held(assets=1, older=False)
    os.chmod(copied, 0o444)
    assert names(copied) == ["a.jpg"]
    assert [name for name in os.listdir(os.path.dirname(copied)) if name.startswith("copied")] == ["copied.db"]


def test_beside_a_writer_that_never_rests_a_copy_comes_to_its_end_and_is_of_one_moment(
    desk: Desk, database: str, copied: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "PAGES", 1)
    desk.db.execute("create table pair (a integer, b integer)")
    desk.db.execute("insert into pair values (0, 0)")
    writes = 0

    def tell(left: int, pages: int) -> None:
        nonlocal writes
        writes += 1
        with transaction(desk.db, durable=False):
            desk.db.execute("update pair set a = ?, b = ?", (writes, writes))

    with closing(open_reader(database)) as source:
        backup.copy(source, copied, tell)
    assert writes > 20
    [pair] = [*closing_rows(copied, "select a, b from pair")]
    assert pair == (0, 0), "what was committed after it began is not in it"
    assert desk.column("select a from pair") == [writes]


def closing_rows(path: str, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def test_a_copy_keeps_nobody_from_writing(desk: Desk, database: str, copied: str) -> None:
    for number in range(20):
        desk.take(f"{number}.jpg", f"d{number}")
    stop, failures = threading.Event(), list[Exception]()

    def write() -> None:
        with closing(sqlite3.connect(database, timeout=0, isolation_level=None)) as other:
            while not stop.is_set():
                try:
                    other.execute("update assets set title = 'Harbour'")
                except sqlite3.OperationalError as error:
                    failures.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            copy(database, f"{copied}{number}")
            backup.judge(f"{copied}{number}", "it")
    finally:
        stop.set()
        writer.join()
    assert failures == []


# -- what is one -------------------------------------------------------------------------------------------------------


def spoil(path: str, at: int, content: bytes) -> None:
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(content)


def no_database(path: str) -> None:
    Path(path).write_bytes(b"It is a letter. " * 500)


def another_program(path: str) -> None:
    os.unlink(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table assets (id)")


def half(path: str) -> None:
    os.truncate(path, os.path.getsize(path) // 2)


def a_page(path: str) -> None:
    root = column(path, "select rootpage from sqlite_master where name = 'assets_by_name'")[0]
    assert isinstance(root, int)
    spoil(path, (root - 1) * 4096, b"\xff" * 4096)


def a_row_of_an_index(path: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma writable_schema = on")
        connection.execute("update sqlite_master set sql = 'create index assets_by_name on assets (title)' "
                           "where name = 'assets_by_name'")  # fmt: skip
        connection.commit()


def words(path: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("update assets_fts_content set c0 = 'something else'")
        connection.commit()


def newer(path: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        record = "insert into _sqlite_migrations (migration_set, name, applied_at) values ('watcher', 'from_2031', 'x')"
        connection.execute(record)
        connection.commit()


@pytest.mark.parametrize(
    ("spoilt", "words"),
    [
        (no_database, "cannot be read as a catalog"),
        (another_program, "is no catalog of photo-watcher"),
        (lambda path: os.truncate(path, 0), "is no catalog of photo-watcher"),
        (half, "(is damaged|cannot be read as a catalog)"),
        (a_page, "(is damaged|cannot be read as a catalog)"),
        (a_row_of_an_index, "is damaged"),
        (words, "index of words in the file is damaged"),
        (newer, "made by a newer photo-watcher .*from_2031.*update the program"),
    ],
)
def test_what_is_no_whole_catalog_of_ours_is_said_to_be_none(
    desk: Desk, database: str, copied: str, spoilt: Callable[[str], None], words: str
) -> None:
    with transaction(desk.db):
        desk.db.executemany(
            """insert into assets (digest, stored_digest, key, name, format, size, title, imported_at)
               values (?, 'd', 'k', ?, 'jpeg', 1, 'Harbour', '2026')""",
            [(f"d{number}", f"{number}.jpg") for number in range(300)],
        )
    copy(database, copied)
    spoilt(copied)
    with pytest.raises(DatabaseError, match=f"the file.*{words}|{words}"):
        backup.judge(copied, "the file")


def test_a_copy_of_an_older_version_is_one_and_is_brought_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "old.db")
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "STEPS", migrations.STEPS[:4])
        with closing(open_writer(path)) as connection:
            connection.execute(
                """insert into assets (digest, stored_digest, key, name, format, size, title, imported_at)
                   values ('d', 'd', 'originals/a.jpg', 'a.jpg', 'jpeg', 1, 'Harbour', '2026-01-01T00:00:00Z')"""
            )
    assert backup.judge(path, "it") == backup.Held(assets=1, older=True)
    backup.modernise(path)
    assert backup.judge(path, "it") == backup.Held(assets=1, older=False)
    assert column(path, "select rowid from assets_fts where assets_fts match 'harbour'") == [1]


# -- in the catalog's place --------------------------------------------------------------------------------------------


def test_the_former_catalog_is_kept_whole_also_what_a_killed_daemon_left_in_its_log(
    desk: Desk, database: str, copied: str, tmp_path: Path
) -> None:
    copy(database, copied)
    desk.take("late.jpg")
    killed = tmp_path / "killed" / "watcher.db"
    killed.parent.mkdir()
    for suffix in ("", "-wal", "-shm"):
        shutil.copy(database + suffix, f"{killed}{suffix}")
    kept = backup.exchange(copied, str(killed))
    assert kept is not None and kept.startswith(f"{killed}.before-")
    assert (names(kept), names(str(killed))) == (["late.jpg"], [])
    assert sorted(os.listdir(killed.parent)) == ["watcher.db", os.path.basename(kept)]


def test_a_damaged_catalog_is_kept_with_its_log_which_is_not_read_into_the_new_one(
    desk: Desk, database: str, copied: str, tmp_path: Path
) -> None:
    desk.take("a.jpg")
    copy(database, copied)
    damaged = tmp_path / "damaged" / "watcher.db"
    damaged.parent.mkdir()
    desk.db.execute("pragma wal_checkpoint(truncate)")
    desk.db.execute("update assets set name = 'b.jpg'")
    shutil.copy(database + "-wal", f"{damaged}-wal")
    damaged.write_bytes(b"It is a letter. " * 500)
    kept = backup.exchange(copied, str(damaged))
    assert names(str(damaged)) == ["a.jpg"]
    assert kept is not None and Path(kept).read_bytes().startswith(b"It is a letter.")
    assert Path(kept + "-wal").read_bytes()[:4] in (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")  # SQLite's file format


def test_the_log_of_a_catalog_that_is_gone_is_not_read_into_the_new_one(
    desk: Desk, database: str, copied: str, tmp_path: Path
) -> None:
    desk.take("a.jpg")
    copy(database, copied)
    desk.db.execute("update assets set name = 'b.jpg'")
    bare = tmp_path / "bare" / "watcher.db"
    bare.parent.mkdir()
    shutil.copy(database + "-wal", f"{bare}-wal")
    assert backup.exchange(copied, str(bare)) is None
    assert names(str(bare)) == ["a.jpg"]


def test_while_another_program_has_the_catalog_open_it_stays(
    desk: Desk, database: str, copied: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "BUSY_SECONDS", 0.0)
    copy(database, copied)
    desk.take("a.jpg")
    with pytest.raises(LockedError, match=r"another program has the catalog .* open"):
        backup.exchange(copied, database)
    assert names(database) == ["a.jpg"]
    assert not [name for name in os.listdir(os.path.dirname(database)) if "before" in name]


# -- what was in flight ------------------------------------------------------------------------------------------------


def test_what_was_in_flight_is_not_any_more_and_nothing_is_deleted_on_its_account(desk: Desk) -> None:
    done = desk.take("done.jpg", "d1")
    with transaction(desk.db):
        desk.journal.mark_discarded([(done.id, None)])
        desk.journal.mark_announced([done.id])
    late = desk.take("late.jpg", "d2")
    desk.db.execute("""update jobs set surplus = '["originals/former.jpg"]' where id = ?""", (late.id,))
    stamp = Stamp(10, 5, 7)
    with transaction(desk.db):
        desk.journal.add([(desk.inbox, Claim("stays", "/in", "stays.jpg", "/spool", 10, stamp=stamp))])
    desk.drop("waits.jpg")
    [running] = desk.start()
    with transaction(desk.db):
        backup.ground(desk.db)
    rows = {row["name"]: row for row in desk.db.execute("select * from jobs")}
    assert {name: row["state"] for name, row in rows.items()} == {
        "done.jpg": "done",
        "late.jpg": "done",
        "stays.jpg": "cancelled",
        "waits.jpg": "cancelled",
    }
    assert running.name == "stays.jpg" and rows["stays.jpg"]["reason"] == backup.GROUNDED
    assert [name for name, row in rows.items() if row["surplus"] or not row["discarded"]] == []
    assert [name for name, row in rows.items() if row["claim"]] == ["done.jpg"]
    assert desk.column("select path from taken") == [], "its file is taken anew from where it stays"
    assert desk.journal.claims() == set() and desk.journal.unfinished() == []


BEFORE = (Drop("a.png", picture(2)), zipped("first.zip", Drop("in/c.png", picture(5))))
MEANWHILE = (
    Drop("again.png", picture(2)),
    Drop("broken.png", BROKEN, broken=True),
    Drop("cleaned up.jpg", photo(8)),
    Drop("trip/batch.toml", b'prefix = "trip"', litter=True),
    Drop("trip/one.png", picture(11)),
    Drop("told.png", picture(13)),
    Drop("told.png.xmp", xmp("Harbour", "2019-03-02T10:00:00"), sidecar=True),
    zipped("some.zip", Drop("d.png", picture(6)), Drop("e.png", BROKEN + b"!", broken=True), Drop("f.png", picture(2))),
)


class Deaf(Inline):
    """Nothing ever comes of its tasks."""

    def poll(self, timeout: float | None) -> list[TaskResult]:
        return []


class Lives:
    """A site, and backups of it at moments of its life."""

    def __init__(self, root: Path) -> None:
        self.site, self.notebook, self.backups = Site(root / "site"), Notebook(), root / "backups"
        self.database = os.path.join(self.site.library, ".watcher", "watcher.db")
        self.backups.mkdir()

    def take(self, *drops: Drop, run: Callable[[Task], TaskResult] = run_task) -> None:
        self.site.drop(*drops)
        turns = iter(range(2000))
        with ExitStack() as stack:
            daemon = self.site.opened(stack, self.notebook, lambda: float(next(turns)))
            daemon.executor = Inline(run)
            while not daemon.is_idle():
                daemon.step(0.0)
                if run is not run_task:
                    self.back_up()
            daemon.stop(0.0)

    def begin(self, drop: Drop) -> None:
        """Take a file as far as its worker, and die."""
        self.site.drop(drop)
        turns = iter(range(2000))
        with ExitStack() as stack:
            daemon = self.site.opened(stack, self.notebook, lambda: float(next(turns)))
            daemon.executor = Deaf(run_task)
            while not daemon.executor.busy():
                daemon.step(0.0)

    def back_up(self) -> None:
        copy(self.database, str(self.backups / f"{len(os.listdir(self.backups)):03}.db"))

    def and_run(self, task: Task) -> TaskResult:
        """A worker beside which a backup is made."""
        self.back_up()
        return run_task(task)

    def restore(self, path: Path) -> None:
        shutil.copy(path, new := self.database + ".restoring")
        backup.judge(new, "it")
        backup.modernise(new)
        os.unlink(backup.exchange(new, self.database) or "")

    def originals(self) -> dict[str, bytes]:
        folder = Path(self.site.library, "originals")
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*")}

    def wrong(self) -> list[str]:
        """What the law says but for what came after the backup: files without rows, or under other names."""
        later = ("missing: ", "too much: ", "stray: ", "nobody's: ")
        found = violations(self.site.library, self.site.inbox, (), self.notebook.told)
        renamed = ("does not hold the bytes", "is not the rendition", "was never announced")
        return [line for line in found if not line.startswith(later) and not any(words in line for words in renamed)]


def test_from_a_backup_of_any_moment_the_daemon_goes_on_and_nothing_is_lost_or_there_twice(tmp_path: Path) -> None:
    lives = Lives(tmp_path)
    lives.take(*BEFORE)
    lives.take(*MEANWHILE, run=lives.and_run)
    kept, failed = lives.originals(), Path(lives.site.inbox, "failed")
    broken = {path.read_bytes() for path in failed.rglob("*.png")}
    made = sorted(lives.backups.iterdir())
    assert len(made) > 15 and len({tuple(states(path)) for path in made}) > 5
    for path in made[::3]:
        lives.restore(path)
        lives.take()
        assert lives.wrong() == [], path
        assert lives.originals() == kept, path
        assert set(column(lives.database, "select stored_digest from assets")) <= set(map(digest, kept.values()))
        assert {path.read_bytes() for path in failed.rglob("*.png")} == broken
    shutil.rmtree(failed)
    again = [drop for drop in MEANWHILE if not drop.broken and not drop.members]
    lives.take(*again)
    assert set(kept.values()) == set(lives.originals().values())
    assert column(lives.database, "select count(*) - count(distinct digest) from assets") == [0]


def states(path: Path) -> list[object]:
    return column(str(path), "select state from jobs order by id")


def test_what_lies_in_the_spool_is_taken_though_the_backup_knows_nothing_of_it(tmp_path: Path) -> None:
    lives = Lives(tmp_path)
    lives.take(*BEFORE)
    lives.back_up()

    later = Drop("later.png", picture(30))
    lives.begin(later)
    lives.restore(*lives.backups.iterdir())
    lives.take()
    assert violations(lives.site.library, lives.site.inbox, (*BEFORE, later), lives.notebook.told) == []
