"""Jobs that ended long ago: their rows go, and nobody who asks about a picture notices."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.household import Home
from tests.end_to_end.pictures import picture as photograph
from tests.fresh import open_writer
from tests.ledger_law import Drop, violations
from tests.ledger_site import BROKEN, Desk, Notebook, Site, picture, xmp, zipped
from watcher.db import batch_views, history, search, stories, taken, views
from watcher.db.connect import open_reader, transaction
from watcher.db.history import History
from watcher.executors.inline import Inline
from watcher.intake import discards
from watcher.intake.spool import FOLDER
from watcher.messages import Dated, Failed, Processed
from watcher.model import Claim, Stamp, shown
from watcher.processing.run import run_task
from watcher.querying.parsing import parse
from watcher.querying.tree import Node

EVER = "9999-01-01T00:00:00Z"
ODD = os.fsdecode(b"not utf-8 \xe9\n.png")
HARBOUR = xmp("Harbour", "2019-03-02T10:00:00")
PICTURES = (
    Drop("a.png", picture(2)),
    Drop("copy of a.png", picture(2)),
    Drop(ODD, picture(4)),
    Drop("trip/one.png", picture(11)),
    Drop("trip/two.png", picture(12)),
)
PACKED = (
    zipped("good.zip", Drop("in/c.png", picture(5)), Drop("__MACOSX/._c.png", b"litter", litter=True)),
    zipped("outer.zip", zipped("in/inner.zip", Drop("i.png", picture(9)), Drop("a.png", picture(2)))),
)
KEPT = (
    Drop("broken.png", BROKEN, broken=True),
    zipped("some.zip", Drop("d.png", picture(6)), Drop("e.png", BROKEN + b"!", broken=True)),
    zipped("told.zip", Drop("told.png", picture(13)), Drop("told.png.xmp", HARBOUR, sidecar=True)),
    zipped("torn.zip", Drop("whole.png", picture(20)), Drop("torn.png", picture(10), unreadable=True)),
)  # fmt: skip
DROPS = (*PICTURES, Drop("trip/batch.toml", b'prefix = "trip"', litter=True), *PACKED, *KEPT)


class Years:
    """A site that the daemon's line works on, and its ledger as it is years later."""

    def __init__(self, root: Path) -> None:
        self.site, self.notebook = Site(root), Notebook()
        self.database = os.path.join(self.site.library, ".watcher", "watcher.db")

    def take(self, *drops: Drop) -> None:
        self.site.drop(*drops)
        turns = iter(range(1000))
        with ExitStack() as stack:
            daemon = self.site.opened(stack, self.notebook, lambda: float(next(turns)))
            daemon.executor = Inline(run_task)
            while not daemon.is_idle():
                daemon.step(0.0)
            daemon.stop(0.0)

    def fold(self) -> None:
        with closing(open_writer(self.database)) as connection:
            fold(connection, discards.is_left)

    def ask(self, question: Callable[[sqlite3.Connection], Any]) -> Any:
        with closing(open_reader(self.database)) as connection:
            return question(connection)

    def jobs(self) -> dict[str, list[str]]:
        """The states of the jobs of each name."""
        found: dict[str, list[str]] = {}
        for row in self.ask(views.jobs)[::-1]:
            found.setdefault(row["name"], []).append(row["state"])
        return found


def fold(connection: sqlite3.Connection, lies: Callable[[bytes, bytes], bool], before: str = EVER) -> None:
    """A whole round."""
    rounds = History(connection, lies)
    while rounds.step(before):
        pass


def answers(connection: sqlite3.Connection) -> dict[str, Any]:
    """What a person can ask about pictures and batches."""
    assets = [row["id"] for row in connection.execute("select id from assets order by id")]
    names = [row["name"] for row in connection.execute("select distinct name from provenance order by name")]
    numbers = [row["job_id"] for row in connection.execute("select job_id from provenance order by job_id")]
    batches = [{**each, "recent": 0} for each in batch_views.batches(connection)]  # nothing recent is history
    return {
        "assets": list(search.search(connection, library="/library")),
        "duplicates": [row["id"] for row in search.search(connection, sought("is:duplicate"), library="")],
        "names": {asset: views.dropped_names(connection, asset) for asset in assets},
        "by name": {name: views.assets_by_name(connection, name) for name in names},
        "by number": {number: views.assets_by_job(connection, number) for number in numbers},
        "counts": views.job_counts(connection),
        "batches": batches,
        "of batches": [batch_views.assets(connection, each["id"]) for each in batches],
        "published": [batch_views.published(connection, each["id"], "/library") for each in batches],
        "failures": views.failures(connection),
        "of failures": [batch_views.failures(connection, each["id"]) for each in batches],
        "near": sorted({*names} & {*stories.names_near(connection, "copy of b.png")}),
        "drops": {asset: (stories.story(connection, asset=asset) or {})["dropped"] for asset in assets},
    }


def sought(text: str) -> Node:
    return parse(text, datetime.now(UTC))


@pytest.fixture
def years(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Years:
    monkeypatch.setattr(history, "WINDOW", 4)
    years = Years(tmp_path)
    years.take(*DROPS)
    return years


def test_whoever_asks_about_pictures_and_batches_is_told_the_same_when_their_jobs_are_history(years: Years) -> None:
    before = years.ask(answers)
    assert before["duplicates"] and before["failures"] and len(before["batches"]) > len(PACKED)
    years.fold()
    after = years.ask(answers)
    for question, answer in before.items():
        assert after[question] == answer, question


def test_only_what_lies_in_failed_and_what_sidecars_need_stays_in_the_ledger(years: Years) -> None:
    years.fold()
    assert years.jobs() == {
        "broken.png": ["failed"],
        "some.zip": ["done"],  # its member has a file of its own in failed/
        "e.png": ["failed"],
        "told.zip": ["done"],
        "told.png.xmp": ["done"],
        "torn.zip": ["failed"],
        "torn.png": ["failed"],
    }


def test_what_is_history_is_not_missed_by_the_law(years: Years) -> None:
    years.fold()
    found = violations(years.site.library, years.site.inbox, DROPS, years.notebook.told)
    assert {line for line in found if not line.startswith("missing: ")} == set()
    stays = {line for drop in KEPT for line in drop.story() if "failed" in line or "sidecar" in line}
    gone = {line for drop in DROPS for line in drop.story()} - stays - {"'some.zip' unpacked", "'told.zip' unpacked"}
    assert {line.removeprefix("missing: ") for line in found} == gone


def test_the_same_files_dropped_again_are_duplicates(years: Years) -> None:
    years.fold()
    assets = years.ask(lambda connection: list(search.search(connection, library="")))
    years.take(*PICTURES, *PACKED)
    for drop in PICTURES:
        name = shown(os.path.basename(drop.path))
        assert set(years.jobs()[name]) == {"duplicate"}, drop.path
    again = years.ask(lambda connection: list(search.search(connection, library="")))
    assert [one["path"] for one in again] == [one["path"] for one in assets]
    assert len(years.ask(lambda connection: views.dropped_names(connection, 1))) == 2


def test_a_late_sidecar_finds_its_picture_which_keeps_the_name_that_its_batch_gave_it(years: Years) -> None:
    years.fold()
    years.take(Drop("trip/one.png.xmp", xmp("Late", "2018-01-01T10:00:00"), sidecar=True))
    [found] = years.ask(lambda connection: list(search.search(connection, sought("title:late"), library="")))
    assert (found["name"], found["taken_at"]) == ("one.png", "2018-01-01T10:00:01")  # the site's inbox shifts by 1 s
    assert Path(found["path"]).name == "trip_01.png"
    years.fold()
    assert violations(years.site.library, years.site.inbox, (), years.notebook.told)  # the law itself still reads it
    assert "one.png" not in years.jobs()


def test_what_failed_is_history_once_its_file_is_gone_and_its_archive_with_it(years: Years) -> None:
    shutil.rmtree(Path(years.site.inbox, "failed"))
    years.fold()
    assert years.jobs() == {"told.zip": ["done"], "told.png.xmp": ["done"]}


def test_what_failed_in_an_inbox_that_is_not_mounted_stays(years: Years) -> None:
    Path(years.site.inbox).rename(years.site.inbox + " elsewhere")
    Path(years.site.inbox).mkdir()
    before = years.ask(views.failures)
    years.fold()
    assert years.ask(views.failures) == before


def test_a_failed_file_is_left_where_it_can_be_seen_and_where_nobody_can_look(tmp_path: Path) -> None:
    root = os.fsencode(tmp_path)
    assert discards.is_left(root, b"failed/a.jpg"), "the inbox is not mounted"
    (tmp_path / FOLDER).mkdir()
    assert not discards.is_left(root, b"failed/a.jpg")
    (tmp_path / "failed").mkdir()
    (tmp_path / "failed" / "a.jpg").symlink_to("nowhere")
    assert discards.is_left(root, b"failed/a.jpg")
    assert discards.is_left(root, b"failed/" + b"a" * 300), "whoever cannot look knows nothing"


# -- what stays --------------------------------------------------------------------------------------------------------


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    connection = open_writer(str(tmp_path / "watcher.db"))
    yield Desk(connection)
    connection.close()


def settled(desk: Desk) -> None:
    """All that ended is told of and let go of, and every batch is at its end."""
    desk.close()
    with transaction(desk.db):
        ended = [job.id for job in desk.journal.unannounced()]
        desk.journal.mark_announced(ended)
        desk.journal.mark_discarded((job, None) for job in ended)


def names(desk: Desk) -> list[str]:
    return desk.column("select name from jobs order by id")


def test_a_job_is_history_from_the_given_time_on(desk: Desk) -> None:
    desk.take("old.jpg", "d1")
    desk.take("new.jpg", "d2")
    settled(desk)
    desk.db.execute("update jobs set created_at = '2024-01-01T00:00:00Z'")
    desk.db.execute("update jobs set finished_at = '2024-01-01T00:00:00Z' where name = 'old.jpg'")
    desk.db.execute("update jobs set finished_at = '2024-01-02T00:00:00Z' where name = 'new.jpg'")
    fold(desk.db, lambda *_: False, before="2024-01-02T00:00:00Z")
    assert names(desk) == ["new.jpg"]
    assert history.since(1, 1704240000.0) == "2024-01-02T00:00:00Z"


def test_nobody_looks_through_what_came_after_that_time(desk: Desk) -> None:
    desk.take()
    settled(desk)
    assert History(desk.db, lambda *_: False).step("2001-01-01T00:00:00Z") is False
    assert names(desk) == ["a.jpg"]


@pytest.mark.parametrize("mark", ["announced", "discarded"])
def test_a_job_stays_while_something_of_it_is_still_to_be_done(desk: Desk, mark: str) -> None:
    desk.take()
    settled(desk)
    desk.db.execute(f"update jobs set {mark} = 0")
    fold(desk.db, lambda *_: False)
    assert names(desk) == ["a.jpg"]


def test_a_job_stays_while_another_of_its_batch_is_in_work_and_while_the_batch_may_grow(desk: Desk) -> None:
    desk.take("trip/a.jpg", "d1")
    desk.drop("trip/b.jpg")
    settled(desk)
    fold(desk.db, lambda *_: False)
    assert names(desk) == ["a.jpg", "b.jpg"]
    [job] = desk.start()
    desk.commit(Processed(job.id, job.attempt, desk.publish("b.jpg", "d2")))
    settled(desk)
    desk.db.execute("update batches set closed_at = null")
    fold(desk.db, lambda *_: False)
    assert names(desk) == ["a.jpg", "b.jpg"]
    settled(desk)
    fold(desk.db, lambda *_: False)
    assert names(desk) == []


def test_the_tries_of_a_job_go_with_it(desk: Desk) -> None:
    job = desk.run()
    desk.commit(Failed(job.id, job.attempt, "EIO", died=False))
    desk.db.execute("update jobs set not_before = 0")
    [job] = desk.start()
    desk.commit(Processed(job.id, job.attempt, desk.publish("a.jpg")))
    settled(desk)
    assert desk.column("select reason from attempts") == ["EIO"]
    fold(desk.db, lambda *_: False)
    assert desk.column("select reason from attempts") == names(desk) == []


def test_numbers_of_a_batch_that_goes_on_come_behind_those_that_are_history(desk: Desk) -> None:
    def numbered(part: str, name: str, digest: str) -> str:
        desk.drop(f"trip/{name}")
        batch = desk.batches.open_folder(desk.inbox, "trip")
        assert batch is not None
        with transaction(desk.db):
            desk.batches.ask(batch.id, {"prefix": "trip"}, numbered=True)
        [job] = desk.start()
        desk.commit(Dated(job.id, job.attempt, None, numbered=True))
        with transaction(desk.db):
            desk.batches.number(batch.id)
        [job] = desk.start()
        desk.commit(Processed(job.id, job.attempt, desk.publish(name, digest)))
        return desk.journal.job(job.id).sequence or ""

    assert numbered("first", "a.jpg", "d1") == "01"
    settled(desk)
    fold(desk.db, lambda *_: False)
    assert names(desk) == []
    desk.db.execute("update batches set closed_at = null")
    assert numbered("second", "b.jpg", "d2") == "02"


def test_a_file_that_stays_is_known_by_its_digest_and_one_that_failed_is_told_of_for_ever(desk: Desk) -> None:
    stamp = Stamp(10, 5, 7)
    claims = [
        (desk.inbox, Claim(f"t{n}", "/in", name, "/spool", 10, stamp=stamp))
        for n, name in enumerate(("a.jpg", "b.jpg"))
    ]
    with transaction(desk.db):
        desk.journal.add(claims)
    good, bad = desk.start(2)
    desk.commit(Processed(good.id, good.attempt, desk.publish("a.jpg", "d1")))
    with transaction(desk.db):
        desk.journal.finish(bad.id, bad.attempt, "failed", reason="broken")
    settled(desk)
    fold(desk.db, lambda *_: False)
    assert names(desk) == ["b.jpg"]
    assert [row["id"] for row in views.stayed(desk.db)] == [bad.id]
    memory = taken.read(desk.db, "/in")
    assert (memory.stamp("a.jpg"), memory.digest("a.jpg")) == (stamp, "d1")
    with transaction(desk.db):
        taken.forget(desk.db, [bad.id])
    fold(desk.db, lambda *_: False)
    assert names(desk) == []


def test_an_explained_archive_has_all_of_its_members_though_some_are_history(years: Years) -> None:
    def members(connection: sqlite3.Connection) -> dict[str, int]:
        [archive] = stories.by_name(connection, "told.zip")
        story = stories.story(connection, job=archive)
        assert story is not None
        counted: dict[str, int] = story["members"]
        return counted

    before = years.ask(members)
    years.fold()
    assert years.ask(members) == before == {"done": 2}


def test_no_table_is_read_whole_for_one_step(desk: Desk) -> None:
    values = {"first": 1, "last": 2, "before": EVER}
    plan = [row["detail"] for row in desk.db.execute(f"explain query plan {history._RIPE}", values)]
    assert [line for line in plan if line.startswith("SCAN") and "taken" not in line] == []


# -- the daemon --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "left"), [(30, ["new.jpg"]), (0, ["old.jpg", "copy.jpg", "new.jpg"])])
def test_the_daemon_folds_what_is_older_than_the_setting_says_and_nothing_for_0(
    tmp_path: Path, days: int, left: list[str]
) -> None:
    home = Home(tmp_path, library=f"history_days = {days}")
    for name in ("old.jpg", "copy.jpg"):
        home.drop(name, photograph("Old"))
        home.once()
    with closing(sqlite3.connect(home.catalog)) as connection:
        connection.execute("update jobs set created_at = '2020-01-01T00:00:00Z', finished_at = '2020-01-01T00:00:00Z'")
        connection.commit()
    home.drop("new.jpg", photograph("New"))
    home.once()
    assert [job["name"] for job in home.jobs()] == left
    found = home.json("show", "copy.jpg")
    assert [one["name"] for one in found] == ["old.jpg"]
    assert home.json("status")["jobs"]["duplicate"] == 1
    assert home.finds("is:duplicate") == ["old.jpg"]
