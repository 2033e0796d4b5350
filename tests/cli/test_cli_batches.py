"""`watcher batches`, `watcher status BATCH`, and the journal's views of members: how far what came together is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.batch_rows import Books, make_files, said
from tests.cli.catalog_rows import Catalog, Run, Terminal

TOKEN = "a-abcdefgh23"


@pytest.fixture
def books(catalog: Catalog, tmp_path: Path) -> Books:
    (tmp_path / "inbox").mkdir()
    return Books(catalog, tmp_path / "inbox")


@pytest.fixture
def config(catalog: Catalog, tmp_path: Path) -> str:
    path = tmp_path / "watcher.toml"
    path.write_text('[library]\npath = "library"\n[[inbox]]\nname = "phone"\npath = "inbox"\n')
    return str(path)


def test_a_folder_that_is_being_taken_is_open_and_half_done(books: Books, watcher: Run) -> None:
    trip = books.batch("trip")
    books.take(trip, {"trip/a.jpg": 300, "trip/b.jpg": 100})
    for job in books.start(1):
        books.finish(job, asset=books.catalog.asset("a.jpg"))
    found = said(watcher, "status", "trip")
    assert (found["state"], found["percent"], found["bytes"], found["bytes_done"]) == ("open", 75, 400, 300)
    assert {state: number for state, number in found["jobs"].items() if number} == {"queued": 1, "done": 1}
    assert found["rate"] > 0
    assert found["seconds_left"] is not None
    assert found["published"] == [str(books.catalog.root / "originals/1.jpg")]
    assert (found["closed_at"], found["finished_at"]) == (None, None)
    books.close(trip)
    assert said(watcher, "status", "trip")["state"] == "running"


def test_a_finished_batch_says_what_failed_and_where_it_lies(books: Books, watcher: Run) -> None:
    trip = books.batch("trip")
    books.take(trip, {"trip/a.jpg": 1, "trip/b\n.jpg": 1})
    good, bad = books.start(2)
    books.finish(good, asset=books.catalog.asset())
    books.finish(bad, "failed", reason="it is cut off")
    assert said(watcher, "status", "trip")["failures"][0]["path"] is None
    place = books.leave(bad, bad.path)
    books.close(trip)
    found = said(watcher, "status", "trip")
    assert (found["state"], found["percent"], found["seconds_left"]) == ("done", 100, 0)
    assert found["failures"] == [{"name": "b\n.jpg", "reason": "it is cut off", "path": str(place)}]
    assert found["finished_at"]
    seen = watcher("status", "trip").stdout
    assert rb"b\n.jpg: it is cut off" in seen
    assert b"1 done, 1 failed" in seen


def test_an_archive_stands_for_its_members_and_what_the_program_does_itself_does_not_count(
    books: Books, watcher: Run
) -> None:
    pack = books.batch("pack.zip", "archive")
    books.take(pack, {"pack.zip": 5000})
    (archive,) = books.start(1)
    members = books.expand(archive, pack, {"in/a.jpg": 10, "in/b.jpg": 30})
    asset = books.catalog.asset()
    books.ledger.journal.join(books.number, asset, "join.jpg", pack.id)
    found = said(watcher, "status", "pack.zip")
    assert (found["bytes"], sum(found["jobs"].values()), found["jobs"]["queued"]) == (40, 2, 2)
    assert [job["name"] for job in said(watcher, "jobs")] == [job.name for job in (*members[::-1], archive)]
    assert sum(said(watcher, "status")["jobs"].values()) == 3


def test_a_batch_is_not_finished_while_a_sidecar_may_still_rename_its_picture(books: Books, watcher: Run) -> None:
    trip = books.batch("trip")
    (job,) = books.take(trip, {"trip/a.jpg": 10})
    books.start(1)
    asset = books.catalog.asset()
    books.finish(job, asset=asset)
    books.close(trip)
    books.ledger.journal.join(books.number, asset, "a.jpg", trip.id)
    assert said(watcher, "status", "trip")["state"] == "running"
    (joining,) = books.start(1)
    books.finish(joining)
    found = said(watcher, "status", "trip")
    assert (found["state"], found["jobs"]["done"]) == ("done", 1)


def test_its_batch_toml_is_no_file_of_a_batch(books: Books, watcher: Run) -> None:
    books.take(books.batch("trip"), {"trip/batch.toml": 40, "trip/a.jpg": 10})
    found = said(watcher, "status", "trip")
    assert (found["bytes"], sum(found["jobs"].values())) == (10, 1)


def test_a_batch_is_meant_by_its_token_its_number_or_the_latest_of_its_name(books: Books, watcher: Run) -> None:
    first, second = books.batch("trip"), books.batch("trip")
    added = books.batch(str(first.id), "add", TOKEN)
    assert said(watcher, "status", "trip")["id"] == second.id
    assert said(watcher, "status", str(first.id))["id"] == first.id
    assert said(watcher, "status", TOKEN)["id"] == added.id


def test_a_batch_that_nobody_knows_is_exit_1(books: Books, watcher: Run, config: str) -> None:
    for word in ("none", "9" * 40, "99", TOKEN, b"\xff"):
        done = watcher("status", "--config", config, word)
        assert (done.returncode, done.stdout) == (1, b"")
        assert b"there is no batch" in done.stderr


def test_what_add_put_together_is_queued_before_any_daemon_saw_it(books: Books, watcher: Run, config: str) -> None:
    make_files(books.inbox / ".watcher/ready" / TOKEN, {"sea.jpg": b"12345", "batch.toml": b"touch = true"})
    found = said(watcher, "status", "--config", config, TOKEN)
    assert (found["id"], found["state"], found["name"], found["inbox"]) == (None, "queued", "sea.jpg", "phone")
    assert (found["jobs"]["queued"], found["bytes"], found["percent"]) == (1, 5, 0)


def test_what_is_still_to_be_taken_of_an_added_batch_counts_too(books: Books, watcher: Run) -> None:
    added = books.batch("sea", "add", TOKEN)
    books.take(added, {"sea/a.jpg": 10})
    make_files(books.inbox / ".watcher/ready" / TOKEN, {"sea/b.jpg": b"12345", "batch.toml": b""})
    found = said(watcher, "status", TOKEN)
    assert (found["state"], found["jobs"]["queued"], found["bytes"]) == ("open", 2, 15)


def test_batches_are_listed_the_latest_first_with_what_failed(books: Books, watcher: Run) -> None:
    old, new = books.batch("old"), books.batch("new \x1b[31m", "add", TOKEN)
    (job,) = books.take(old, {"old/a.jpg": 1})
    books.start(1)
    books.finish(job, "failed", reason="x")
    books.close(old)
    rows = said(watcher, "batches")
    assert [(row["id"], row["state"], row["files"], row["failed"]) for row in rows] == [
        (new.id, "open", 0, 0),
        (old.id, "done", 1, 1),
    ]
    assert set(rows[0]) == {
        *("id", "token", "name", "kind", "inbox", "state", "percent", "files", "failed", "created_at"),
    }
    assert [row["name"] for row in said(watcher, "batches", "--open")] == ["new \x1b[31m"]
    assert [row["id"] for row in said(watcher, "batches", "--limit", "1")] == [new.id]
    assert watcher("batches").stdout.split(b"\n")[0].split(b"\t")[1:3] == [TOKEN.encode(), rb"new \x1b[31m"]
    assert said(watcher, "status")["batches"] == 1


def test_without_batches_the_list_is_empty(watcher: Run) -> None:
    assert said(watcher, "batches") == []
    assert watcher("batches").stderr == b"no batches\n"


def test_jobs_of_a_batch_are_found_by_name_token_and_number(books: Books, watcher: Run) -> None:
    added = books.batch("sea", "add", TOKEN)
    books.take(added, {"sea/a.jpg": 1})
    books.take(books.batch("other"), {"other/b.jpg": 1})
    for word in ("sea", TOKEN, str(added.id)):
        assert [job["name"] for job in said(watcher, "jobs", "--batch", word)] == ["a.jpg"]


def test_sidecars_that_wait_for_their_picture_are_counted(books: Books, watcher: Run) -> None:
    jobs = books.take(books.batch("trip"), {"trip/a.xmp": 1, "trip/metadata.json": 1, "trip/b.xmp": 1})
    asset = books.catalog.asset()
    for job, kind in zip(jobs, ("xmp", "album", "xmp"), strict=True):
        row = {"digest": "d", "key": "k", "name": job.name, "scope": "", "shot": ""}
        number = books.catalog.insert("sidecars", job_id=job.id, kind=kind, **row)
    books.catalog.insert("sidecars_of_assets", sidecar_id=number, asset_id=asset)
    assert said(watcher, "status")["sidecars"] == {"waiting": 1}
    assert b"1 without their picture" in watcher("status").stdout


def test_following_a_batch_ends_with_it(books: Books) -> None:
    trip = books.batch("trip")
    (job,) = books.take(trip, {"trip/a.jpg": 10})
    line = [sys.executable, "-m", "watcher", "status", "trip", "--follow", "--library", str(books.catalog.root)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as follow:
        assert follow.stdout and follow.stderr
        first = follow.stdout.readline()
        books.start(1)
        books.finish(job, "failed", reason="x")
        books.close(trip)
        last = follow.stdout.read().splitlines()[-1]
        complaint = follow.stderr.read()
    assert first.startswith(b"trip: open (more may come), 0 %; 1 queued")
    assert last.startswith(b"trip: done, 100 %; 1 failed")
    assert (follow.returncode, complaint) == (0, b"")


def test_a_batch_is_drawn_on_a_terminal(books: Books, terminal: Terminal) -> None:
    trip = books.batch("trip")
    books.close(trip)
    assert b"trip  folder in phone, done, 100 %" in terminal("status", "trip", "--follow")
    assert b"trip" in terminal("batches")


def test_a_member_with_a_file_of_its_own_is_listed_with_it_and_another_with_its_archives(
    books: Books, watcher: Run
) -> None:
    own, _ = _half_read_archive(books)
    rows = {row["name"]: row for row in said(watcher, "failures")}
    assert rows["own.jpg"]["path"] == str(books.inbox / "failed/pack.zip/own.jpg")
    assert rows["lost.jpg"]["path"] == str(books.inbox / "failed/pack-1.zip") == rows["pack.zip"]["path"]
    assert (rows["own.jpg"]["id"], rows["lost.jpg"]["archive"]) == (own, "pack.zip")
    found = {one["name"]: one["path"] for one in said(watcher, "status", "pack.zip")["failures"]}
    assert found == {name: rows[name]["path"] for name in ("own.jpg", "lost.jpg")}


def test_a_member_with_a_file_of_its_own_is_retried_alone(books: Books, watcher: Run) -> None:
    own, _ = _half_read_archive(books)
    done = watcher("retry", str(own))
    assert (done.returncode, done.stderr) == (0, b"")
    assert (books.inbox / "own.jpg").read_bytes() == b"bytes of %d" % own
    assert (books.inbox / "failed/pack-1.zip").exists()
    assert not (books.inbox / "failed/pack.zip/own.jpg.error.txt").exists()


def test_a_member_without_a_file_of_its_own_is_retried_with_its_archive(books: Books, watcher: Run) -> None:
    _, lost = _half_read_archive(books)
    assert watcher("retry", str(lost)).returncode == 0
    assert (books.inbox / "pack.zip").exists()
    assert (books.inbox / "failed/pack.zip/own.jpg").exists()


def _half_read_archive(books: Books) -> tuple[int, int]:
    """pack.zip, one of whose members failed with its bytes at hand, another without; it lies in failed/ itself."""
    pack = books.batch("pack.zip", "archive")
    books.take(pack, {"pack.zip": 5000})
    (archive,) = books.start(1)
    books.expand(archive, pack, {"../in/own.jpg": 10, "in/lost.jpg": 30})
    own, lost = books.start(2)
    books.finish(own, "failed", reason="no picture", lodged=True)
    books.finish(lost, "failed", reason="its CRC is wrong")
    books.ledger.archives.close()
    books.leave(own, "pack.zip/own.jpg")
    books.leave(books.job(archive.id), "pack.zip")
    return own.id, lost.id


def test_check_is_about_the_daemon_only(books: Books, watcher: Run) -> None:
    books.batch("trip")
    assert watcher("status", "trip", "--check").returncode == 2
    assert json.loads(watcher("status", "trip", "--json").stdout)["name"] == "trip"
