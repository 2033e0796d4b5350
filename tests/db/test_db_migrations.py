"""The schema's life: made, reopened, refused, half made; and the triggers that keep the index in step."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlite_utils import Database

from watcher.db import migrations, wording
from watcher.db.archives import Archives
from watcher.db.batches import Batches
from watcher.db.connect import editing, open_reader, open_writer, transaction
from watcher.db.journal import Journal, Patience
from watcher.errors import DatabaseError
from watcher.model import Claim, Member


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "watcher.db")


@pytest.fixture
def db(path: str) -> Iterator[sqlite3.Connection]:
    connection = open_writer(path)
    yield connection
    connection.close()


def _schema(path: str) -> dict[str, str]:
    connection = sqlite3.connect(path)
    rows = dict(connection.execute("select name, sql from sqlite_master"))
    connection.close()
    return rows


def put(db: sqlite3.Connection, number: int, **values: object) -> None:
    row = {
        "id": number,
        "digest": f"{number:064x}",
        "stored_digest": "s",
        "key": f"originals/{number}.jpg",
        "name": f"{number}.jpg",
        "format": "jpeg",
        "size": 1,
        "imported_at": "2026-01-01T00:00:00Z",
        **values,
    }
    marks = ", ".join("?" * len(row))
    db.execute(f"insert into assets ({', '.join(row)}) values ({marks})", tuple(row.values()))


def finds(db: sqlite3.Connection, word: str) -> list[int]:
    query = "select rowid from assets_fts where assets_fts match ? order by rowid"
    found = [row["rowid"] for row in db.execute(query, (f'"{word}"',))]
    db.execute("insert into assets_fts (assets_fts) values ('integrity-check')")
    return found


# -- the file ----------------------------------------------------------------------------------------------------------


def test_a_fresh_catalog_keeps_what_it_is_told(path: str, db: sqlite3.Connection) -> None:
    assert db.execute("pragma journal_mode").fetchone()[0] == "wal"
    assert db.execute("pragma synchronous").fetchone()[0] == 2
    assert db.execute("pragma foreign_keys").fetchone()[0] == 1
    assert db.execute("pragma integrity_check").fetchone()[0] == "ok"
    put(db, 1)
    reader = open_reader(path)
    assert reader.execute("select count(*) from assets").fetchone()[0] == 1
    reader.close()


def test_a_catalog_that_is_opened_again_is_as_it_was(path: str) -> None:
    connection = open_writer(path)
    with transaction(connection):
        put(connection, 1)
    connection.close()
    before = _schema(path)
    again = open_writer(path)
    assert finds(again, "1") == [1]
    again.close()
    assert _schema(path) == before


def test_a_catalog_of_a_newer_version_is_refused_and_not_touched(path: str) -> None:
    connection = open_writer(path)
    record = "insert into _sqlite_migrations (migration_set, name, applied_at) values ('watcher', 'from_2031', 'x')"
    connection.execute(record)
    connection.close()
    before = _schema(path)
    with pytest.raises(DatabaseError, match=r"newer photo-watcher .*from_2031.*update the program"):
        open_writer(path)
    assert _schema(path) == before


@pytest.mark.parametrize("content", [b"a letter, not a database\n" * 99, b"SQLite format 3\0" + bytes(range(256)) * 40])
def test_what_is_no_database_is_refused_and_not_touched(path: str, content: bytes) -> None:
    Path(path).write_bytes(content)
    with pytest.raises(DatabaseError, match="is not a catalog of photo-watcher"):
        open_writer(path)
    assert Path(path).read_bytes() == content


def test_a_step_that_fails_leaves_nothing_and_is_made_up_for(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script = migrations._script

    def failing(db: Database, *statements: str) -> None:
        broken = "create table broken (" if any("assets_fts" in one for one in statements) else "select 1"
        script(db, *statements, broken)

    with monkeypatch.context() as patch:
        patch.setattr(migrations, "_script", failing)
        with pytest.raises(sqlite3.OperationalError):
            open_writer(path)
    halfway = _schema(path)
    assert {"jobs", "assets"} <= set(halfway)
    assert not [name for name in halfway if name.startswith("assets_fts")]
    connection = open_writer(path)
    with transaction(connection):
        put(connection, 1, title="whole")
    assert finds(connection, "whole") == [1]
    connection.close()


def test_all_of_a_transaction_is_undone_or_none_of_it(path: str, db: sqlite3.Connection) -> None:
    with pytest.raises(ZeroDivisionError), transaction(db):
        put(db, 1, title="lost")
        raise ZeroDivisionError
    assert finds(db, "lost") == []
    with transaction(db, durable=False):
        put(db, 1, title="kept")
    assert finds(db, "kept") == [1]


# -- the index ---------------------------------------------------------------------------------------------------------


def test_words_come_with_a_row_and_go_with_it(db: sqlite3.Connection) -> None:
    words = json.dumps(["Küste", "été", "東京 タワー"], ensure_ascii=False)
    with transaction(db):
        put(db, 1, keywords=words, title="Crème brûlée", camera_make="Nikon", camera_model="Z 6", batch="Bjørnøya")
        put(db, 2, keywords="[]", description="other")
    for word in ("kuste", "ete", "creme", "brulee", "nikon", "東 京 タ ワ ー", "bjornoya"):
        assert finds(db, word) == [1], word
    db.execute("delete from assets where id = 1")
    for word in ("kuste", "creme", "nikon", "1"):
        assert finds(db, word) == [], word
    assert finds(db, "other") == [2]


def test_changed_words_replace_the_old_ones(db: sqlite3.Connection) -> None:
    with transaction(db):
        put(db, 1, title="old", keywords='["sea", "sand"]', lens="wide", camera_make="Canon")
    changes = {"title": "new", "keywords": '["snow"]', "lens": None, "camera_make": "Leica", "name": "renamed.jpg"}
    with transaction(db):
        for column, value in changes.items():
            db.execute(f"update assets set {column} = ? where id = 1", (value,))
    assert [finds(db, word) for word in ("old", "sea", "sand", "wide", "canon")] == [[]] * 5
    assert [finds(db, word) for word in ("new", "snow", "leica", "renamed jpg")] == [[1]] * 4


def test_what_has_no_words_can_change_and_the_index_stays(db: sqlite3.Connection) -> None:
    with transaction(db):
        put(db, 1, title="stays")
    before = db.total_changes
    db.execute("update assets set rating = 5 where id = 1")
    assert db.total_changes == before + 1, "no trigger ran"
    assert finds(db, "stays") == [1]


def test_a_row_put_in_twice_by_upsert_is_indexed_once(db: sqlite3.Connection) -> None:
    with transaction(db):
        put(db, 1, title="first")
        db.execute(
            """insert into assets (digest, stored_digest, key, name, format, size, imported_at, title)
               select digest, stored_digest, key, name, format, size, imported_at, 'second' from assets where true
               on conflict (digest) do update set title = excluded.title"""
        )
    assert (finds(db, "first"), finds(db, "second")) == ([], [1])


def test_what_was_changed_by_another_program_is_indexed_with_the_next_transaction(db: sqlite3.Connection) -> None:
    put(db, 1, title="unnoticed")
    assert finds(db, "unnoticed") == []
    with transaction(db):
        pass
    assert finds(db, "unnoticed") == [1]


def test_words_of_a_transaction_that_is_undone_are_not_found(db: sqlite3.Connection) -> None:
    with pytest.raises(ZeroDivisionError), transaction(db):
        put(db, 1, title="undone")
        wording.follow(db)
        raise ZeroDivisionError
    assert finds(db, "undone") == []


def test_edits_of_an_asset_go_with_it(db: sqlite3.Connection) -> None:
    put(db, 1)
    db.execute("insert into edits (edit, asset_id, field, edited_at) values (1, 1, 'title', 'x')")
    db.execute("delete from assets where id = 1")
    assert db.execute("select * from edits").fetchall() == []


def test_a_rendition_without_its_asset_cannot_be(db: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        db.execute("insert into renditions values (1, 'thumb', 'thumb/1.jpg', 1, 1, 1, '')")


def test_a_state_that_there_is_not_cannot_be(db: sqlite3.Connection) -> None:
    db.execute("insert into inboxes (name, path, first_seen) values ('in', x'2f', 'x')")
    with pytest.raises(sqlite3.IntegrityError, match="state"):
        db.execute("insert into jobs (inbox_id, path, name, state, created_at) values (1, x'61', 'a', 'lost', 'x')")


# -- from one version to the next --------------------------------------------------------------------------------------


@pytest.fixture
def older(path: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A catalog as the first version made it, with two assets in it."""
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "STEPS", migrations.STEPS[:3])
        connection = open_writer(path)
        put(connection, 1, title="Harbour", keywords='["sea", "Küste"]', camera_make="Nikon", place="Reykjavík")
        put(connection, 2, title="Snow")
        row = "insert into renditions (asset_id, recipe, key, width, height, size) values (1, 'thumb', 'a', 3, 2, 9)"
        connection.execute(row)
        connection.close()
    return path


def test_an_older_catalog_is_brought_up_to_date_with_all_that_is_in_it(older: str) -> None:
    db = open_writer(older)
    assert [tuple(row) for row in db.execute("select * from renditions")] == [(1, "thumb", "a", 3, 2, 9, "")]
    row = db.execute("select creator, copyright, city, state, country, location from assets where id = 1").fetchone()
    assert tuple(row) == (None,) * 6
    found = [finds(db, word) for word in ("harbour", "sea", "kuste", "nikon", "snow", "1")]
    assert found == [[1], [1], [1], [1], [2], [1]]
    assert finds(db, "reykjavik") == [1], "what stood there before is indexed with the rest"
    with transaction(db):
        put(db, 3, place="Tromsø, Norway", creator="Dorothea Lange")
    assert (finds(db, "norway"), finds(db, "lange")) == ([3], [3])
    with transaction(db):
        db.execute("update assets set place = 'Lisboa', creator = null where id = 3")
    assert (finds(db, "norway"), finds(db, "lange"), finds(db, "lisboa")) == ([], [], [3])
    db.close()


def test_an_older_catalog_is_made_as_a_new_one_is(older: str, tmp_path: Path) -> None:
    open_writer(older).close()
    fresh = str(tmp_path / "fresh.db")
    open_writer(fresh).close()
    assert _schema(older) == _schema(fresh)


AS_LANDED = (
    "title, description, keywords, name, camera, lens, batch, place, creator, people, folder, album, camera_make, "
    "camera_model, path, format, inbox, flags, exposure, taken_source, taken_precision"
)


def test_words_are_read_anew_where_they_were_read_in_another_way(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "STEPS", migrations.STEPS[:6])
        db = open_writer(path)
        put(db, 1, people="Ann Lee; Bob Ray", city="Oslo", title="Quay")
        db.execute("drop table assets_fts")
        db.execute(f"create virtual table assets_fts using fts5({AS_LANDED}, tokenize='ascii')")
        db.execute("insert into assets_fts (rowid, people, title) values (1, 'ann lee bob ray', 'quay')")
        db.execute("delete from assets_changed")
        db.close()
    db = open_writer(path)
    assert (finds(db, "ann lee"), finds(db, "lee bob"), finds(db, "oslo"), finds(db, "quay")) == ([1], [], [1], [1])
    db.execute("update assets set city = 'Bergen' where id = 1")
    with transaction(db):
        pass
    assert (finds(db, "oslo"), finds(db, "bergen")) == ([], [1])
    db.close()
    open_writer(str(path) + ".fresh").close()
    assert _schema(path) == _schema(path + ".fresh")


def test_an_update_is_told_in_the_log_and_a_new_catalog_is_none(
    older: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "watcher")
    open_writer(str(tmp_path / "fresh.db")).close()
    assert caplog.messages == []
    open_writer(older).close()
    open_writer(older).close()
    assert [older in message and "brought up to date" in message for message in caplog.messages] == [True]


# -- a command's own connection ----------------------------------------------------------------------------------------


def test_a_command_edits_beside_the_daemon_and_waits_for_its_transaction(path: str, db: sqlite3.Connection) -> None:
    ended = threading.Event()

    def edit() -> None:
        with editing(path) as command, transaction(command):
            assert ended.is_set()
            put(command, 2)

    with ThreadPoolExecutor(1) as pool:
        with transaction(db):
            put(db, 1)
            edited = pool.submit(edit)
            with pytest.raises(TimeoutError):
                edited.result(0.2)
            ended.set()
        edited.result(30)
    assert db.execute("select count(*) from assets").fetchone()[0] == 2


def test_a_command_does_not_bring_a_catalog_up_to_date(older: str) -> None:
    before = _schema(older)
    with pytest.raises(DatabaseError, match="older photo-watcher: start watcher run"), editing(older):
        pass
    assert _schema(older) == before


def test_a_command_that_finds_no_catalog_makes_none(path: str) -> None:
    with pytest.raises(DatabaseError, match="no catalog at"), editing(path):
        pass
    assert not Path(path).exists()


def test_what_sqlite_says_to_a_command_is_a_sentence(path: str, db: sqlite3.Connection) -> None:
    with (
        pytest.raises(DatabaseError, match=r"cannot write the catalog .*watcher\.db: .*constraint"),
        editing(path) as edit,
    ):
        edit.execute("insert into renditions values (1, 'thumb', 'thumb/1.jpg', 1, 1, 1, '')")


# -- a journal that was at work when the program was updated -----------------------------------------------------------


@pytest.fixture(params=[3, 4], ids=["the first version's", "the second version's"])
def at_work(request: pytest.FixtureRequest, path: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An older catalog: an archive (1) with a member done (2) and one queued (3), a loose file (4), a duplicate (5)."""
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "STEPS", migrations.STEPS[: request.param])
        db = open_writer(path)
        db.execute("insert into inboxes (name, path, first_seen) values ('phone', x'2f696e', 'x')")
        put(db, 1, title="Harbour", batch="trip.zip", folder="in", inbox="phone", job_id=2)
        db.executemany(
            """insert into jobs (id, claim, parent_id, member, inbox_id, path, name, batch, lane, state, asset_id,
                 created_at, finished_at) values (?, ?, ?, ?, 1, x'61', ?, ?, ?, ?, ?, '2026-01-01T00:00:00Z', ?)""",
            [
                (1, "t1", None, None, "trip.zip", None, 0, "expanded", None, None),
                (2, None, 1, 0, "1.jpg", "trip.zip", 1, "done", 1, "x"),
                (3, None, 1, 1, "b.jpg", "trip.zip", 1, "queued", None, None),
                (4, "t4", None, None, "c.jpg", None, 0, "queued", None, None),
                (5, "t5", None, None, "again.jpg", "beach", 0, "duplicate", 1, "x"),
            ],
        )
        db.close()
    return path


def test_where_assets_were_dropped_before_is_known_after_an_update(at_work: str) -> None:
    db = open_writer(at_work)
    rows = db.execute("select asset_id, job_id, name, batch, inbox from provenance order by job_id").fetchall()
    assert [tuple(row) for row in rows] == [(1, 2, "1.jpg", "trip.zip", "phone"), (1, 5, "again.jpg", "beach", "phone")]
    assert finds(db, "harbour") == [1]
    assert db.execute("pragma foreign_key_check").fetchall() == []
    db.close()


def test_what_waited_before_an_update_is_worked_off_after_it(at_work: str) -> None:
    db = open_writer(at_work)
    journal, archives = Journal(db, Patience()), Archives(db)
    started = {job.id: job for job in journal.start(9, [1])}
    assert set(started) == {3, 4}
    assert (started[3].root_claim, started[3].root_path, started[3].parent_lodged) == ("t1", "a", False)
    assert archives.close() == []
    for job in started.values():
        assert journal.finish(job.id, job.attempt, "done")
    assert archives.close() == [1]
    assert journal.job(1).state == "done"
    db.close()


def test_old_and_new_archives_take_turns(at_work: str) -> None:
    db = open_writer(at_work)
    journal = Journal(db, Patience())
    journal.add([(1, Claim("new", "/in", "new.zip", "/in/x", 1))])
    batch = Batches(db).start(1, "archive", "new.zip")
    [new] = [job for job in journal.start(9, [1]) if job.name == "new.zip"]
    Archives(db).expand(new, batch, [Member(n, f"{n}.jpg", 1) for n in range(3)])
    for job in (3, 4):
        journal.excuse(job, 1)
    assert {job.parent_id for job in journal.start(3, [1])} == {1, None, new.id}
    db.close()
