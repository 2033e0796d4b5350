"""Batches as a person has them: added, dropped as a folder or a zip; watched, waited for and cancelled."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.end_to_end.household import Home, digest, wait_for
from tests.end_to_end.pictures import picture, zipped


def put(home: Home, files: dict[str, bytes]) -> None:
    """Files beside the inbox."""
    for name, content in files.items():
        path = home.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def token_of(done: subprocess.CompletedProcess[bytes]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().strip()


def status(home: Home, word: str) -> dict[str, Any]:
    found: dict[str, Any] = home.json("status", word)
    return found


def wait_until_finished(home: Home, word: str) -> dict[str, Any]:
    """Wait for the batch that is called so to begin and to end; what status says then."""
    wait_for(
        lambda: home.watcher("status", word).returncode == 0 and status(home, word)["state"] in ("done", "cancelled"),
        what=f"{word} to be finished: {home.log()[-2000:]}",
    )
    return status(home, word)


def test_what_is_added_is_waited_for_and_its_paths_are_printed(watched: Home) -> None:
    put(watched, {"one.jpg": picture("Added one"), "two.jpg": picture("Added two")})
    done = watched.watcher("add", "one.jpg", "two.jpg", "--keyword", "harbour", "--wait", "--rendition", "thumb")
    assert done.returncode == 0, done.stderr
    paths = done.stdout.decode().splitlines()
    assert len(paths) == 2
    assert all(Path(path).is_file() and "/thumb/" in path for path in paths)
    assert sorted(watched.finds("harbour")) == ["one.jpg", "two.jpg"]
    assert (watched.root / "one.jpg").exists()


def test_waiting_for_what_fails_ends_as_a_run_does(watched: Home) -> None:
    put(watched, {"letter.txt": b"Dear Anna", "three.jpg": picture("Added three")})
    done = watched.watcher("add", "letter.txt", "three.jpg", "--wait", "--json")
    assert done.returncode == 3
    assert b"failed: letter.txt: it is not a picture" in done.stderr
    found = watched.json("status", json.loads(done.stdout)["token"])
    assert found["failures"][0]["name"] == "letter.txt"
    assert len(found["published"]) == 1


def test_a_duplicate_that_is_added_leads_to_the_picture_that_it_equals(watched: Home) -> None:
    put(watched, {"first.jpg": picture("Twice"), "second.jpg": picture("Twice")})
    first = watched.watcher("add", "first.jpg", "--wait", "--rendition", "preview").stdout
    again = watched.watcher("add", "second.jpg", "--wait", "--rendition", "preview")
    assert (again.returncode, again.stdout) == (0, first)
    assert first.strip()


def test_a_token_answers_from_the_moment_that_it_is_printed_until_all_is_done(watched: Home) -> None:
    put(watched, {"lisbon/a.jpg": picture("Lisbon a"), "lisbon/in/b.jpg": picture("Lisbon b")})
    token = token_of(watched.watcher("add", "lisbon", "--prefix", "lis"))
    assert status(watched, token)["state"] in ("queued", "open", "running", "done")
    found = wait_until_finished(watched, token)
    assert (found["name"], found["kind"], found["percent"], found["jobs"]["done"]) == ("lisbon", "add", 100, 2)
    assert sorted(Path(path).name for path in found["published"]) == ["lis_01.jpg", "lis_02.jpg"]
    assert not any((watched.inbox / ".watcher/ready").iterdir())
    assert token in [row["token"] for row in watched.json("batches")]


def test_a_dropped_folder_is_a_batch_with_its_own_options(watched: Home) -> None:
    put(watched, {"porto/a.jpg": picture("Porto a"), "porto/batch.toml": b'keywords = ["riverside"]\n'})
    (watched.root / "porto").rename(watched.inbox / "porto")
    found = wait_until_finished(watched, "porto")
    assert (found["kind"], found["jobs"]["done"], sum(found["jobs"].values())) == ("folder", 1, 1)
    assert watched.finds("riverside") == ["a.jpg"]


def test_a_zip_is_a_batch_of_its_members(watched: Home) -> None:
    watched.drop("faro.zip", zipped({"x/a.jpg": picture("Faro a"), "x/b.jpg": b"no picture", "x/Thumbs.db": b"litter"}))
    found = wait_until_finished(watched, "faro.zip")
    assert found["kind"] == "archive"
    assert (found["jobs"]["done"], found["jobs"]["failed"], found["jobs"]["expanded"]) == (1, 1, 0)
    assert [one["name"] for one in found["failures"]] == ["b.jpg"]
    wait_for(lambda: status(watched, "faro.zip")["failures"][0]["path"], what="the member to lie in failed/")
    assert Path(status(watched, "faro.zip")["failures"][0]["path"]).exists()


def test_a_member_that_failed_goes_back_alone_when_it_is_retried(watched: Home) -> None:
    watched.drop("beja.zip", zipped({"x/good.jpg": picture("Beja"), "x/spoilt.jpg": b"no picture at all"}))
    wait_until_finished(watched, "beja.zip")
    own = watched.failed / "beja.zip" / "spoilt.jpg"
    wait_for(own.is_file, what="the member to lie in failed/")
    number = next(row["id"] for row in watched.json("failures") if row["path"] == str(own))
    assert watched.watcher("retry", str(number)).returncode == 0
    wait_for(lambda: watched.states("spoilt.jpg") == ["failed", "failed"], what="it to be tried again")


def test_what_is_added_without_a_daemon_is_taken_by_the_next_run(home: Home) -> None:
    content = picture("Patient")
    put(home, {"x.jpg": content})
    token = token_of(home.watcher("add", "x.jpg"))
    assert status(home, token)["state"] == "queued"
    assert home.watcher("run", "--once").returncode == 0
    assert [asset["digest"] for asset in home.assets()] == [digest(content)]
    found = status(home, token)
    assert (found["state"], found["jobs"]["done"]) == ("done", 1)


def test_what_is_cancelled_before_a_daemon_runs_is_not_taken(home: Home) -> None:
    put(home, {"x.jpg": picture("Stopped")})
    token = token_of(home.watcher("add", "x.jpg"))
    assert home.watcher("cancel", token).returncode == 0
    assert home.watcher("run", "--once").returncode == 0
    assert home.assets() == []
    assert (home.failed / token / "x.jpg").exists()


def test_a_cancelled_zip_keeps_what_was_taken_and_lies_in_failed_with_the_rest(home: Home) -> None:
    members = {f"{number:03}.jpg": picture(f"Many {number}", size=(1600, 1200)) for number in range(60)}
    with home.running():
        dropped = zipped(members)
        home.drop("many.zip", dropped)
        wait_for(lambda: "done" in {job["state"] for job in home.jobs()}, what="the first member")
        done = home.watcher("cancel", "many.zip")
        assert done.returncode == 0, done.stderr
        found = wait_until_finished(home, "many.zip")
        assert found["state"] == "cancelled"
        jobs = found["jobs"]
        assert jobs["cancelled"] > 0
        assert jobs["done"] > 0
        assert jobs["done"] + jobs["cancelled"] == 60
        wait_for((home.failed / "many.zip").exists, what="the zip in failed/")
        assert (home.failed / "many.zip").read_bytes() == dropped
        note = (home.failed / "many.zip.error.txt").read_text()
        assert note.count(": its batch was cancelled") == jobs["cancelled"]
        assert len(home.assets()) == jobs["done"]


def test_a_folder_that_asks_for_nonsense_fails_with_the_reason(watched: Home) -> None:
    put(watched, {"evora/a.jpg": picture("Evora"), "evora/batch.toml": b'shift = "soon"\n'})
    (watched.root / "evora").rename(watched.inbox / "evora")
    found = wait_until_finished(watched, "evora")
    reasons = {one["name"]: one["reason"] for one in found["failures"]}
    assert set(reasons) == {"a.jpg", "batch.toml"}
    assert all("shift: 'soon' is no shift" in reason for reason in reasons.values())


def test_an_idle_daemon_notices_that_what_waits_for_its_number_was_cancelled(tmp_path: Path) -> None:
    home = Home(tmp_path, intake="settle_seconds = 0.3\nbatch_seconds = 3600")
    put(home, {"braga/a.jpg": picture("Braga"), "braga/batch.toml": b'prefix = "braga"\n'})
    with home.running():
        (home.root / "braga").rename(home.inbox / "braga")
        wait_for(lambda: home.states("a.jpg") == ["queued"], what="the claim")
        assert status(home, "braga")["state"] == "open"
        assert home.watcher("cancel", "braga").returncode == 0
        wait_for((home.failed / "braga" / "a.jpg").exists, what="the file in failed/")
        assert status(home, "braga")["state"] == "cancelled"
        assert home.assets() == []


def test_waiting_on_a_terminal_shows_how_far_it_is(watched: Home) -> None:
    put(watched, {"sines.jpg": picture("Sines")})
    seen = watched.on_terminal("add", str(watched.root / "sines.jpg"), "--wait").decode()
    assert "watcher: sines.jpg: done, 100 %; 1 done" in seen.splitlines()[-1]
    assert "\x1b[K" in seen
