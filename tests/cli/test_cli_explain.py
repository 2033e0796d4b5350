"""`watcher explain`: the story of a file that was taken, by whatever it is called; and why one was not taken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.catalog_rows import Catalog, Run, Terminal
from tests.end_to_end.household import ROOT, Home, wait_for
from tests.end_to_end.pictures import picture, xmp, zipped

TEMPLATE = "{taken:%Y}/{stem}"
ODD = os.fsdecode(b"caf\xe9\n\x1b[31m.jpg")


def told(home: Home, *words: str | bytes) -> list[dict[str, Any]]:
    stories: list[dict[str, Any]] = home.json("explain", *words)
    return stories


def sentences(story: dict[str, Any]) -> list[str]:
    return [line["text"] for line in story["story"]]


# -- what was taken ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A household after two runs: a picture with its sidecar and a copy, a folder with wishes, an archive, failures."""
    home = Home(tmp_path_factory.mktemp("home"), library=f'name = "{TEMPLATE}"')
    home.drop("IMG_1.jpg", picture("teal"))
    home.drop("IMG_1.xmp", xmp("Beach day"))
    home.drop("notes.txt", b"hello")
    home.drop(ODD, picture("olive"))
    wishes = b'title = "Trip {seq}"\nprefix = "lisbon"\nshift = "1hr"\n'
    home.drop_folder("trip", {"batch.toml": wishes, "P1.jpg": picture("red")})
    home.drop("all.zip", zipped({"a/M1.jpg": picture("green"), "a/bad.jpg": picture("navy")[:300]}))
    home.once(3)
    # later: the one's name is another's by then, and the other is no picture that is new
    home.drop_folder("sub", {"IMG_1.jpg": picture("pink")})
    home.drop("copy.jpg", picture("teal"))
    home.once()
    yield home


def story(home: Home, word: str | bytes) -> dict[str, Any]:
    [only] = told(home, word)
    return only


def test_a_picture_is_followed_from_the_first_sight_to_where_it_lies(home: Home) -> None:
    [_, first] = told(home, "IMG_1.jpg")
    said = sentences(first)
    key = "originals/2024/IMG_1.jpg"
    assert first["headline"].startswith("IMG_1.jpg is in the library (asset ")
    assert said[0].startswith("first seen, by a scan")
    assert said[1] == "taken from the inbox phone, where it was IMG_1.jpg"
    assert "put into the library" in said
    assert any(line.startswith("dropped again as copy.jpg in the inbox phone (job ") for line in said)
    assert any(line.startswith('title: "Beach day" of XMP-sidecar:dc:title; not "teal" of ') for line in said)
    assert 'date: "2024:05:17 14:23:01" of EXIF:DateTimeOriginal' in said
    assert f'name: by library.name = "{TEMPLATE}"' in said
    assert {"what": "original", "path": str(home.library / key), "stands": True} in first["places"]
    assert {place["what"] for place in first["places"]} == {"original", "preview", "thumb", "sidecar IMG_1.xmp"}
    times = [line["at"] for line in first["story"] if line["at"]]
    assert times == sorted(times) and len(times) >= 4


def test_a_name_that_was_another_pictures_is_told_of(home: Home) -> None:
    [second, _] = told(home, "IMG_1.jpg")
    assert any("digits of its digest were added" in line for line in sentences(second))
    assert "taken from the inbox phone, where it was sub/IMG_1.jpg" in sentences(second)


def test_a_duplicate_names_what_it_equals_and_when_that_was_dropped(home: Home) -> None:
    copy = story(home, "copy.jpg")
    said = sentences(copy)
    assert (copy["state"], copy["asset"]) == ("duplicate", told(home, "IMG_1.jpg")[1]["asset"])
    assert any(
        line.startswith(f"found equal to asset {copy['asset']}, which was dropped as IMG_1.jpg") for line in said
    )
    assert any(line.startswith("dropped before as IMG_1.jpg in the inbox phone") for line in said)


def test_the_wishes_of_a_batch_and_what_was_done_about_them_are_told(home: Home) -> None:
    taken = story(home, "trip/P1.jpg")
    said = sentences(taken)
    assert any("waiting until trip/batch.toml is taken" in line for line in said)
    assert 'batch: trip (folder), which asks for title = "Trip {seq}", prefix = "lisbon", shift = "1hr"' in said
    assert "name: by the prefix of its batch and its number there" in said
    assert 'title: "Trip 01" of batch; not "red" of EXIF:XPTitle' in said
    assert "cleaned up: its dates were moved by 1hr" in said
    assert any(line.startswith("cleaned up: tags rewritten in the file: EXIF:DateTimeOriginal") for line in said)
    kept = [place["path"] for place in taken["places"] if place["what"] == "as dropped"]
    assert [Path(path).read_bytes() for path in kept] == [picture("red")]


def test_a_member_is_told_with_its_archive_and_a_failed_one_with_its_place(home: Home) -> None:
    bad = story(home, "bad.jpg")
    said = sentences(bad)
    assert bad["headline"].endswith(": the picture is cut off: its end is missing")
    assert any(line.startswith("its archive all.zip (job ") for line in said)
    assert "found in all.zip as a/bad.jpg" in said
    places = {place["what"]: place for place in bad["places"]}
    assert Path(places["failed file"]["path"]).read_bytes() == picture("navy")[:300]
    assert places["its note"]["stands"] is True
    assert any(line == "finished with its last member: 1 done, 1 failed" for line in sentences(story(home, "all.zip")))


def test_every_path_that_a_file_has_or_had_leads_to_it(home: Home) -> None:
    taken = story(home, "trip/P1.jpg")
    for place in taken["places"]:
        assert [one["job"] for one in told(home, place["path"])] == [taken["job"]], place
    digest = taken["facts"]["asset"]["digest"]
    for word in (str(taken["asset"]), f"job:{taken['job']}", digest, digest[:8], str(home.inbox / "trip/P1.jpg")):
        assert story(home, word)["job"] == taken["job"], word
    failed = story(home, "notes.txt")
    for path in (home.failed / "notes.txt", home.failed / "notes.txt.error.txt", home.inbox / "notes.txt"):
        assert story(home, str(path))["job"] == failed["job"]
    sidecar = story(home, "IMG_1.xmp")
    assert sidecar["headline"].startswith("IMG_1.xmp is a sidecar in the library")
    assert story(home, sidecar["places"][0]["path"])["job"] == sidecar["job"]


def test_any_name_goes_through_and_no_terminal_obeys_it(home: Home) -> None:
    found = story(home, os.fsencode(ODD))
    assert found["headline"].startswith("caf\\xe9\n\x1b[31m.jpg is in the library")
    assert found["path"] == str(home.inbox / ODD), "byte for byte"
    said = home.watcher("explain", os.fsencode(ODD))
    assert said.returncode == 0
    assert b"\x1b" not in said.stdout and rb"caf\xe9\n\x1b[31m.jpg is in the library" in said.stdout
    assert b"\x1b" not in home.watcher("explain", os.fsencode(ODD + "?")).stderr


def test_a_pipe_gets_the_sentences_that_a_terminal_shows(home: Home) -> None:
    piped = home.watcher("explain", "copy.jpg").stdout
    assert home.on_terminal("explain", "copy.jpg") == piped
    assert piped.decode().splitlines()[0] == story(home, "copy.jpg")["headline"]


def test_the_keys_are_those_that_its_help_names(home: Home) -> None:
    keys = {"word", "headline", "state", "path", "job", "asset", "story", "places", "facts"}
    assert all(one.keys() == keys for one in told(home, "IMG_1.jpg", "notes.txt", "all.zip"))
    text = " ".join(home.watcher("explain", "--help").stdout.decode().split())
    assert all(key in text for key in keys)


def test_an_original_that_is_gone_is_said_to_be(home: Home) -> None:
    member = story(home, "M1.jpg")
    original = Path(member["places"][0]["path"])
    aside = original.rename(home.root / "aside.jpg")
    assert f"original: {original} (not there)" in sentences(story(home, "M1.jpg"))
    aside.rename(original)


def test_a_name_that_nobody_knows_brings_the_nearest(home: Home) -> None:
    done = home.watcher("explain", "IMG_2.jpg", "copy.jpg")
    assert done.returncode == 1
    assert b"nothing is known of IMG_2.jpg; did you mean " in done.stderr and b"IMG_1.jpg" in done.stderr
    assert b"copy.jpg equals a picture" in done.stdout
    assert home.watcher("explain", "job:99999").returncode == 1


def test_a_file_elsewhere_is_said_to_be_and_the_inboxes_are_named(home: Home) -> None:
    done = home.watcher("explain", str(home.config))
    assert done.returncode == 1
    assert f"lies in no inbox and is not in the library; the inboxes are {home.inbox}" in done.stderr.decode()
    stray = home.library / "originals" / "stray.jpg"
    stray.write_bytes(b"x")
    assert b"the catalog knows nothing of it" in home.watcher("explain", str(stray)).stderr
    stray.unlink()


def test_an_inbox_itself_is_said_to_be_one(home: Home) -> None:
    done = home.watcher("explain", f"{home.inbox}/")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"is an inbox: watcher status tells how it is" in done.stderr


def test_what_was_taken_is_told_without_the_heavy_packages(home: Home) -> None:
    code = "import sys; from watcher.cli import main; sys.argv[1:] = {!r}\ntry: main()\nfinally: print(*sys.modules)"
    arguments = ["explain", "--config", str(home.config), "job:1"]
    line = [sys.executable, "-c", code.format(arguments)]
    done = subprocess.run(line, capture_output=True, text=True, check=True, cwd=ROOT, env=home.environment())
    loaded = {name.split(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert "sqlite3" in loaded
    assert not loaded & {"PIL", "pydantic", "sqlite_utils", "watchdog", "rich"}


# -- what was not taken ------------------------------------------------------------------------------------------------


@pytest.fixture
def quiet(tmp_path: Path) -> Home:
    """A household with rules of its own that nobody watches; its library is there."""
    home = Home(tmp_path)
    home.config.write_text(
        home.config.read_text().replace('path = "inbox"', 'path = "inbox"\nignore = ["*.bak", "old"]')
    )
    home.once()
    return home


@pytest.mark.parametrize(
    ("name", "state", "words"),
    [
        ("x.part", "ignored", 'by the rule "*.part", which is built in'),
        ("x.bak", "ignored", 'by the rule "*.bak", which is in the configuration (phone: ignore)'),
        ("old/a.jpg", "ignored", 'by the rule "old", which is in the configuration (phone: ignore)'),
        (".hidden/a.jpg", "ignored", 'by the rule ".*", which is built in'),
        ("failed/stranger.jpg", "ignored", "what lies in failed/ is not taken"),
        (".watcher/lock", "ignored", "it lies in the program's own folder"),
        ("a.jpg", "waiting", "nothing keeps it from being taken"),
    ],
)
def test_the_rule_that_keeps_a_file_from_being_taken_is_named(name: str, state: str, words: str, quiet: Home) -> None:
    path = quiet.inbox / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(picture("one"))
    os.utime(path)
    wait_for(lambda: words in " ".join(sentences(story(quiet, str(path)))), what=words)
    found = story(quiet, str(path))
    assert (found["state"], found["job"], found["facts"]) == (state, None, None)
    assert found["path"] == str(path)
    assert ("no daemon is running: start watcher run, and it is taken" in sentences(found)) is (state == "waiting")


def test_what_is_no_file_or_lies_behind_a_link_is_refused(quiet: Home) -> None:
    (quiet.root / "elsewhere").mkdir()
    (quiet.root / "elsewhere" / "a.jpg").write_bytes(picture("one"))
    (quiet.inbox / "link.jpg").symlink_to(quiet.root / "elsewhere" / "a.jpg")
    (quiet.inbox / "way").symlink_to(quiet.root / "elsewhere")
    os.mkfifo(quiet.inbox / "pipe.jpg")
    (quiet.inbox / "folder").mkdir()
    for name, state, words in (
        ("link.jpg", "refused", "it is a symbolic link, which is never followed"),
        ("pipe.jpg", "refused", "it is no file but a link, a pipe, a socket or a device"),
        ("way/a.jpg", "refused", "is a symbolic link, which is never followed"),
        ("folder", "waiting", "it is a folder: each file in it is taken by itself"),
    ):
        found = story(quiet, str(quiet.inbox / name))
        assert found["state"] == state, name
        assert words in sentences(found)[0], name


def test_what_has_not_settled_waits_for_that(quiet: Home) -> None:
    with (quiet.inbox / "a.jpg").open("wb") as writer:
        writer.write(picture("one"))
        writer.flush()
        assert "still open for writing" in sentences(story(quiet, str(quiet.inbox / "a.jpg")))[0]
    (quiet.inbox / "b.jpg").write_bytes(picture("one")[:-300])
    quiet.config.write_text(quiet.config.read_text().replace("incomplete_seconds = 0.6", "incomplete_seconds = 600"))
    assert "its end is missing" in sentences(story(quiet, str(quiet.inbox / "b.jpg")))[0]


def test_what_an_inbox_leaves_is_told_with_the_setting(quiet: Home) -> None:
    quiet.config.write_text(quiet.config.read_text().replace('name = "phone"', 'name = "phone"\nother = "leave"'))
    path = quiet.drop("notes.txt", b"hello")
    wait_for(lambda: story(quiet, str(path))["state"] == "left", what="it to be left")
    assert 'other = "leave"' in sentences(story(quiet, str(path)))[0]


def test_a_running_daemon_is_asked_first(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.running(), (home.inbox / "a.jpg").open("wb") as writer:
        writer.write(picture("one"))
        writer.flush()
        wait_for(lambda: home.waits("a.jpg", "still open for writing"), what="the daemon to see it")
        found = story(home, str(home.inbox / "a.jpg"))
        assert "the daemon says: still open for writing" in sentences(found)
        assert any(line.startswith("the daemon is running (pid ") for line in sentences(found))
        writer.close()
        home.wait_until("a.jpg", "done")
        taken = story(home, str(home.inbox / "a.jpg"))
        assert sentences(taken)[0].startswith("first seen, by an event; waited ")
        assert "still open for writing" in sentences(taken)[0]


def test_before_the_first_run_a_file_that_waits_is_explained_all_the_same(tmp_path: Path) -> None:
    home = Home(tmp_path)
    path = home.drop("x.part", b"half")
    assert story(home, str(path))["state"] == "ignored"
    assert home.watcher("explain", "nobody.jpg").returncode == 1


# -- stories by rows ---------------------------------------------------------------------------------------------------


def rows_of(watcher: Run, *words: str) -> list[dict[str, Any]]:
    done = watcher("explain", "--json", *words)
    assert done.returncode == 0, done.stderr
    stories: list[dict[str, Any]] = json.loads(done.stdout)
    return stories


def test_tries_are_told_with_their_errors_in_order_of_time(catalog: Catalog, watcher: Run, tmp_path: Path) -> None:
    times = {"seen_at": "2026-01-01T00:00:00Z", "finished_at": "2026-01-01T00:09:00Z"}
    waited = json.dumps([["still open for writing", 12.0], ["its end is missing", 3.1]])
    reason = "disk noise (tried 3 times)"
    job = catalog.job(
        catalog.inbox(tmp_path), b"a.jpg", "failed", attempt=5, reason=reason, seen_by="event", waited=waited, **times
    )
    outcomes = ("unavailable", "interrupted", "failed", "died", "failed")
    for number, outcome in enumerate(outcomes, 1):
        start, end = f"2026-01-01T00:0{number}:00Z", f"2026-01-01T00:0{number}:07Z"
        why = {"unavailable": "the disk is full", "interrupted": None}.get(outcome, f"noise {number}")
        row = {"started_at": start, "ended_at": end, "outcome": outcome, "reason": why}
        catalog.insert("attempts", job_id=job, attempt=number, **row)
    [told] = rows_of(watcher, f"job:{job}")
    assert sentences(told) == [
        "first seen, by an event; waited 12 s: still open for writing; 3.1 s: its end is missing",
        "taken from the inbox phone, where it was a.jpg",
        "try 1 was put off, through no fault of the file after 7 s: the disk is full",
        "try 2 was cut off: the program died after 7 s",
        "try 3 failed after 7 s: noise 3",
        "try 4 took its worker along after 7 s: noise 4",
        "try 5 failed after 7 s: noise 5",
        f"failed: {reason}",
    ]


def test_which_statements_lost_and_why_is_told(catalog: Catalog, watcher: Run) -> None:
    dates = [
        {"source": "EXIF:DateTimeOriginal", "value": "0000:00:00", "passed_over": "it cannot be true"},
        {"source": "EXIF:DateTime", "value": "2024:05:17 14:23:01"},
        {"source": "name", "value": "20240518"},
    ]
    metadata = {"sources": {"taken_at": dates}, "EXIF": {"Model": "X100"}}
    number = catalog.asset(metadata=json.dumps(metadata), taken_at="2024-05-17T14:23:01")
    [told] = rows_of(watcher, str(number))
    assert 'camera: "X100" of EXIF:Model' in sentences(told)
    assert (
        'date: "2024:05:17 14:23:01" of EXIF:DateTime; not "0000:00:00" of EXIF:DateTimeOriginal (it cannot be true)'
        '; not "20240518" of name'
    ) in sentences(told)


def test_edits_and_stacks_are_told(catalog: Catalog, watcher: Run) -> None:
    shows = catalog.asset("IMG_1.jpg")
    part = catalog.asset("IMG_1.cr2")
    with_stack = "update assets set stack = ?"
    catalog.connection.execute(with_stack, (shows,))
    row = {
        "edit": 1,
        "asset_id": part,
        "field": "title",
        "old": None,
        "new": "Dawn",
        "edited_at": "2026-02-01T00:00:00Z",
    }
    catalog.insert("edits", **row)
    catalog.insert("edits", **row | {"field": "keywords", "old": '["sea"]', "new": '["sea", "Dawn"]'})
    [told] = rows_of(watcher, str(part))
    assert {"at": "2026-02-01T00:00:00Z", "text": 'title edited: nothing became "Dawn"'} in told["story"]
    assert 'keywords edited: "sea" became "sea", "Dawn"' in [line["text"] for line in told["story"]]
    assert f"stack: it is shown by IMG_1.jpg (asset {shows})" in sentences(told)
    [first] = rows_of(watcher, str(shows))
    assert f"stack: it goes with IMG_1.cr2 (asset {part})" in sentences(first)


def test_of_a_file_whose_jobs_are_folded_the_rest_is_told(catalog: Catalog, watcher: Run, tmp_path: Path) -> None:
    inbox = catalog.inbox(tmp_path)
    number = catalog.asset("a.jpg", job_id=41)
    for job, name, at in ((41, "a.jpg", "2025-01-01T00:00:00Z"), (42, "again.jpg", "2025-02-01T00:00:00Z")):
        row = {"inbox": "phone", "created_at": at, "inbox_id": inbox, "path": f"trip/{name}".encode()}
        catalog.insert("provenance", asset_id=number, job_id=job, name=name, **row)
    for word in ("job:41", "job:42", "again.jpg", "a.jpg", str(number), "trip/again.jpg", str(tmp_path / "trip/a.jpg")):
        [told] = rows_of(watcher, word)
        assert (told["job"], told["asset"]) == (None, number), word
        assert "dropped as again.jpg in the inbox phone (job 42)" in sentences(told)
        assert any("library.history_days" in line for line in sentences(told))


def test_a_file_that_stays_in_its_inbox_is_not_told_to_wait(catalog: Catalog, watcher: Run, tmp_path: Path) -> None:
    root = tmp_path / "card"
    root.mkdir()
    path = root / "a.jpg"
    path.write_bytes(b"x")
    inbox = catalog.inbox(root)
    job = catalog.job(inbox, b"a.jpg", "done", asset_id=catalog.asset(), copied=1, discarded=1)
    found = path.stat()
    stamp = {"size": found.st_size, "mtime_ns": found.st_mtime_ns, "inode": found.st_ino}
    catalog.insert("taken", inbox_id=inbox, path=b"a.jpg", job_id=job, **stamp)
    [told] = rows_of(watcher, str(path))
    assert told["job"] == job
    assert {"what": "dropped file", "path": str(path), "stands": True} in told["places"]
    path.write_bytes(b"changed")
    assert [one["state"] for one in rows_of(watcher, str(path))] == ["waiting", "done"]


def test_of_many_files_of_one_name_the_latest_are_told(catalog: Catalog, watcher: Run, tmp_path: Path) -> None:
    inbox = catalog.inbox(tmp_path)
    jobs = [catalog.job(inbox, b"a.jpg", "failed", reason="no") for _ in range(25)]
    done = watcher("explain", "a.jpg", "--json")
    assert [one["job"] for one in json.loads(done.stdout)] == jobs[:-11:-1]
    assert (done.returncode, done.stderr) == (0, b"watcher: and 15 more are called a.jpg: watcher jobs lists them\n")


def test_a_removed_picture_still_has_its_story(
    catalog: Catalog, watcher: Run, terminal: Terminal, tmp_path: Path
) -> None:
    job = catalog.job(catalog.inbox(tmp_path), b"a.jpg", "done", finished_at="2026-01-02T00:00:00Z", discarded=1)
    [told] = rows_of(watcher, "a.jpg")
    assert told["headline"] == f"a.jpg was removed from the library (job {job})"
    assert told["headline"].encode() in terminal("explain", "a.jpg")


def test_what_equalled_a_picture_that_was_removed_does_not_point_to_it(
    catalog: Catalog, watcher: Run, tmp_path: Path
) -> None:
    job = catalog.job(catalog.inbox(tmp_path), b"a.jpg", "duplicate", finished_at="2026-01-02T00:00:00Z", discarded=1)
    [told] = rows_of(watcher, "a.jpg")
    assert told["headline"] == f"a.jpg equals a picture that was in the library and was removed since (job {job})"
    assert "found equal to a picture of the library: nothing was added" in [line["text"] for line in told["story"]]
