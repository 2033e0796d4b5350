"""A picture is cleaned up on its way in: only as it is wished, only what is stored, and it can be taken back."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import shutil
import time
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import piexif
import pytest
from metadata_blobs import exif as exif_blob
from PIL import Image
from turned_pictures import NOTE, STAND_IN, app, quarters, tags_of

from watcher.messages import Processed, Task, Unavailable
from watcher.model import Facts, Limits, Picture, Recipe, Rules, Wishes
from watcher.processing import cleaning, exif
from watcher.processing.run import run_task
from watcher.storage.local import LocalStorage

TEMPLATE = "{taken:%Y}/{taken:%Y%m%d-%H%M%S}_{stem}"
ORIGINAL, CHANGED, MAKER_NOTE, ORIENTATION = 0x9003, 0x0132, 0x927C, 0x0112
OLD = 1_000_000_000.0  # 2001-09-09: the mtime of what is dropped
REAL = shutil.which("jpegtran")


def photo(orientation: int = 1, taken: bytes = b"2024:05:17 14:23:01", **tags: bytes) -> bytes:
    photo = {ORIGINAL: taken, 0x9291: b"120", MAKER_NOTE: NOTE, 0xA002: 64, 0xA003: 32}
    photo |= {0x9011: tags["offset"]} if "offset" in tags else {}
    image = {ORIENTATION: orientation, CHANGED: b"2024:06:01 00:00:00", 0x010F: b"Acme"}
    plain = quarters(64, 32)
    return plain[:2] + app(1, piexif.dump({"0th": image, "Exif": photo})) + plain[2:]


def png(taken: bytes | None = None) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "teal").save(out, "PNG", exif=exif_blob({}, {ORIGINAL: taken} if taken else {}))
    return out.getvalue()


class World:
    """A library, and a spool from which one task after the other is run."""

    def __init__(self, folder: Path) -> None:
        self.library, self.spool = folder / "library", folder / "spool"
        (self.library / ".watcher").mkdir(parents=True)
        self.spool.mkdir()
        recipes = (Recipe("thumb", "16", metadata="all", format="png"),)
        self.rules = Rules(str(self.library), TEMPLATE, recipes, Limits(), timezone="Asia/Tokyo")

    def task(self, content: bytes, name: str = "a.jpg", sequence: str = "", **wishes: Any) -> Task:
        path = self.spool / name
        path.write_bytes(content)
        os.utime(path, (OLD, OLD))
        rules = dataclasses.replace(self.rules, wishes=Wishes(**wishes))
        return Task(1, 1, str(path), name, rules, dropped_at=1_750_000_000.0, sequence=sequence)

    def run(self, content: bytes, name: str = "a.jpg", **wishes: Any) -> Picture:
        task = self.task(content, name, **wishes)
        picture = picture_of(task)
        dropped = Path(task.source)
        assert (dropped.read_bytes(), dropped.stat().st_mtime) == (content, OLD), "another try must find the same"
        assert self.stored(picture) == self.original(picture)
        return picture

    def original(self, picture: Picture) -> tuple[str, int]:
        content = (self.library / picture.key).read_bytes()
        return hashlib.sha256(content).hexdigest(), len(content)

    @staticmethod
    def stored(picture: Picture) -> tuple[str, int]:
        return picture.stored_digest, picture.stored_size

    def content(self, picture: Picture) -> bytes:
        return (self.library / picture.key).read_bytes()

    def thumb(self, picture: Picture) -> Image.Image:
        return Image.open(self.library / picture.renditions[0].key)

    def trash(self) -> list[bytes]:
        return [path.read_bytes() for path in (self.library / ".watcher").rglob("trash/**/*") if path.is_file()]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def no_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))


def picture_of(task: Task) -> Picture:
    result = run_task(task)
    assert isinstance(result, Processed), result
    return result.picture


def differing(before: bytes, after: bytes) -> int:
    return sum(one != other for one, other in zip(before, after, strict=True))


def test_what_nobody_wished_is_not_done(world: World) -> None:
    content = photo(6)
    picture = world.run(content)
    assert world.content(picture) == content
    assert (picture.stored, picture.flags, world.trash()) == (None, (), [])
    assert "cleaning" not in picture.facts.everything


# -- dates -----------------------------------------------------------------------------------------------------------


def test_a_shift_moves_the_dates_in_file_name_and_facts_and_nothing_else(world: World) -> None:
    content = photo(offset=b"+02:00")
    picture = world.run(content, shift="-23m")
    facts = picture.facts
    assert (facts.taken_at, facts.taken_offset, facts.taken_precision) == (
        "2024-05-17T14:00:01.120",
        "+02:00",
        "second",
    )
    assert picture.key == "originals/2024/20240517-140001_a.jpg"
    stored = world.content(picture)
    assert tags_of(stored)["Exif"] == {**tags_of(content)["Exif"], ORIGINAL: b"2024:05:17 14:00:01"}
    assert tags_of(stored)["0th"][CHANGED] == b"2024:05:31 23:37:00"
    assert differing(content, stored) <= 2 * 14
    assert facts.everything["cleaning"] == {
        "changed": ["EXIF:DateTime", "EXIF:DateTimeOriginal"],
        "shift": "-23m",
    }
    assert picture.flags == ()


def test_the_bytes_as_dropped_are_the_identity_and_wait_in_the_trash(world: World) -> None:
    content = photo()
    picture = world.run(content, shift="1d")
    assert (picture.digest, picture.size) == (hashlib.sha256(content).hexdigest(), len(content))
    assert picture.stored_digest != picture.digest
    assert world.trash() == [content]
    kept = world.library / ".watcher/trash" / f"20250615-150640-{picture.digest[:8]}" / picture.key
    assert kept.read_bytes() == content


@pytest.mark.parametrize("may_link", [True, False])
@pytest.mark.parametrize("wishes", [{"shift": "1hr"}, {"touch": True}, {"shift": "-1hr", "touch": True}])
def test_a_second_try_at_the_same_job_changes_nothing(world: World, wishes: dict[str, Any], may_link: bool) -> None:
    task = dataclasses.replace(world.task(photo(), **wishes), may_link=may_link)
    first = picture_of(task)
    before = {path: path.stat().st_mtime for path in (world.library / "originals").rglob("*")}
    assert picture_of(dataclasses.replace(task, attempt=2)) == first
    assert {path: path.stat().st_mtime for path in (world.library / "originals").rglob("*")} == before
    assert world.trash() == [photo()]


@pytest.mark.parametrize("name", ["IMG_20240517_142301.jpg", "scan.jpg"], ids=["by its name", "by its mtime"])
def test_a_date_that_stands_in_no_file_is_shifted_in_the_catalog(world: World, name: str) -> None:
    content = quarters(64, 32)
    without = picture_of(world.task(content, name)).facts
    picture = world.run(content, name, shift="1d")
    assert picture.facts.taken_source == without.taken_source in ("name", "mtime")
    assert _seconds(picture.facts) == _seconds(without) + 86_400
    assert (picture.stored, picture.flags, world.trash()) == (None, (), [])


def _seconds(facts: Facts) -> float:
    assert facts.taken_at
    return datetime.fromisoformat(facts.taken_at).replace(tzinfo=UTC).timestamp()


def test_a_date_that_cannot_be_changed_in_its_file_is_right_in_the_catalog_and_the_file_is_flagged(
    world: World,
) -> None:
    picture = world.run(png(b"2024:05:17 14:23:01"), "a.png", shift="1hr")
    assert picture.facts.taken_at == "2024-05-17T15:23:01"
    assert (picture.stored, picture.flags) == (None, ("not_shifted",))


def test_a_shift_that_leaves_the_calendar_is_not_followed(world: World) -> None:
    picture = world.run(photo(), shift="9000000d")
    assert picture.facts.taken_at == "2024-05-17T14:23:01.120"
    assert (picture.stored, picture.flags) == (None, ("not_shifted",))


def test_a_picture_without_any_date_has_nothing_to_shift(world: World) -> None:
    task = dataclasses.replace(world.task(quarters(64, 32), shift="1hr"), dropped_at=OLD)
    picture = picture_of(task)
    assert (picture.facts.taken_at, picture.stored, picture.flags) == (None, None, ())


def test_a_tiff_is_shifted_too(world: World) -> None:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "TIFF", exif=exif_blob({CHANGED: b"2024:05:17 14:23:01"}))
    picture = world.run(out.getvalue(), "a.tif", shift="1d")
    assert picture.facts.taken_at == "2024-05-18T14:23:01"
    assert exif.read(world.content(picture)).ifds["0th"][CHANGED] == b"2024:05:18 14:23:01"


@pytest.mark.parametrize("source", ["XMP-sidecar:exif:DateTimeOriginal", "Takeout:photoTakenTime"])
def test_a_date_from_a_sidecar_is_shifted_in_the_catalog(world: World, source: str) -> None:
    task = world.task(quarters(64, 32), shift="1d")
    facts = Facts(taken_at="2024-05-17T14:23:01", taken_source=source)
    cleaned = cleaning.clean(task.source, "jpeg", facts, task.rules, str(world.spool))
    assert (cleaned.facts.taken_at, cleaned.flags) == ("2024-05-18T14:23:01", ())


@pytest.mark.parametrize(
    ("content", "name"), [(photo(), "a.jpg"), (png(b"2024:05:17 14:23:01"), "a.png"), (png(), "a.png")]
)
@pytest.mark.parametrize("touch", [False, True])
def test_what_is_read_again_from_the_stored_picture_has_the_same_date(
    world: World, content: bytes, name: str, touch: bool
) -> None:
    picture = world.run(content, name, shift="-1d", touch=touch)
    again = picture_of(dataclasses.replace(world.task(b""), source=str(world.library / picture.key), may_link=False))
    facts = cleaning.shifted_again(again.facts, picture.facts.everything["cleaning"])
    assert facts.taken_at == picture.facts.taken_at
    assert facts.everything["cleaning"] == picture.facts.everything["cleaning"]


def test_what_was_not_cleaned_up_is_read_again_as_it_is() -> None:
    facts = Facts(taken_at="2024-05-17T14:23:01")
    assert cleaning.shifted_again(facts, {}) is facts
    assert cleaning.shifted_again(facts, {"upright": "turned"}).taken_at == facts.taken_at


def test_renditions_say_what_the_stored_picture_says(world: World) -> None:
    picture = world.run(photo(), shift="1d")
    with world.thumb(picture) as thumb:
        assert thumb.getexif().get_ifd(0x8769)[ORIGINAL] == "2024:05:18 14:23:01"


# -- times of files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "shift", "instant"),
    [
        ({"offset": b"+02:00"}, "", "2024-05-17T14:23:01.120+02:00"),
        ({}, "", "2024-05-17T14:23:01.120+09:00"),  # library.timezone
        ({"offset": b"+02:00"}, "-1d", "2024-05-16T14:23:01.120+02:00"),
        ({"taken": b"1931:05:17 14:23:01"}, "", "1931-05-17T14:23:01.120+09:00"),
    ],
)
def test_touch_gives_the_file_the_time_that_it_was_taken(
    world: World, tags: dict[str, bytes], shift: str, instant: str
) -> None:
    picture = world.run(photo(**tags), shift=shift, touch=True)
    stored = world.content(picture)
    assert tags_of(stored)["0th"][CHANGED] == tags_of(stored)["Exif"][ORIGINAL]
    status = (world.library / picture.key).stat()
    assert status.st_mtime == datetime.fromisoformat(instant).timestamp()


@pytest.mark.parametrize("may_link", [True, False])
def test_a_file_whose_bytes_stay_gets_its_time_all_the_same(world: World, may_link: bool) -> None:
    content = png(b"2024:05:17 14:23:01")
    picture = picture_of(dataclasses.replace(world.task(content, "a.png", touch=True), may_link=may_link))
    status = (world.library / picture.key).stat()
    assert status.st_mtime == datetime.fromisoformat("2024-05-17T14:23:01+09:00").timestamp() == status.st_atime
    assert (picture.stored, world.trash()) == (None, [])
    assert (world.spool / "a.png").stat().st_mtime == OLD


def test_a_member_of_a_zip_is_cleaned_up_as_a_file_is(world: World) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.jpg", photo())
    task = world.task(packed.getvalue(), "a.zip", shift="1hr", touch=True)
    picture = picture_of(dataclasses.replace(task, name="a.jpg", member=0, may_link=False))
    assert picture.facts.taken_at == "2024-05-17T15:23:01.120"
    assert world.trash() == [photo()]
    assert (world.library / picture.key).stat().st_mtime == datetime(2024, 5, 17, 6, 23, 1, 120_000, UTC).timestamp()


# -- upright ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("jpegtran")
@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_picture_that_lies_on_its_side_is_stored_upright(world: World, orientation: int) -> None:
    plain, turned = world.run(photo(orientation), "plain.jpg"), world.run(photo(orientation), upright=True)
    tags = tags_of(world.content(turned))
    assert (tags["0th"][ORIENTATION], turned.facts.orientation) == (1, orientation)
    assert (turned.width, turned.height) == (plain.width, plain.height) == (tags["Exif"][0xA002], tags["Exif"][0xA003])
    with Image.open(world.library / turned.key) as image:
        assert image.size == (turned.width, turned.height)
    with world.thumb(plain) as as_it_was, world.thumb(turned) as now:
        assert as_it_was.size == now.size
        for place in ((2, 2), (now.width - 3, 2), (2, now.height - 3)):
            levels = zip(as_it_was.getpixel(place), now.getpixel(place), strict=True)
            assert all(abs(one - other) <= 24 for one, other in levels)  # the stand-in is not lossless
    assert (turned.flags, world.trash()) == ((), [photo(orientation)])
    assert turned.facts.everything["cleaning"]["upright"] == "turned"


@pytest.mark.usefixtures("no_programs")
def test_without_jpegtran_it_is_stored_as_it_was_and_flagged_with_what_to_do(world: World) -> None:
    content = photo(6)
    picture = world.run(content, upright=True)
    assert (world.content(picture), picture.stored, picture.flags) == (content, None, ("not_upright",))
    assert "apt install libjpeg-turbo-progs" in picture.facts.everything["cleaning"]["upright"]


@pytest.mark.usefixtures("no_programs")
def test_a_wish_that_cannot_be_fulfilled_does_not_hinder_the_others(world: World) -> None:
    picture = world.run(photo(6), upright=True, shift="1hr", touch=True)
    assert picture.flags == ("not_upright",)
    assert picture.facts.taken_at == "2024-05-17T15:23:01.120"
    assert set(picture.facts.everything["cleaning"]) == {"upright", "shift", "changed", "touched"}


@pytest.mark.usefixtures("jpegtran")
def test_everything_wished_at_once_is_done_at_once(world: World) -> None:
    picture = world.run(photo(8), upright=True, shift="1hr", touch=True)
    tags = tags_of(world.content(picture))
    assert (tags["0th"][ORIENTATION], tags["0th"][CHANGED]) == (1, b"2024:05:17 15:23:01")
    assert (world.library / picture.key).stat().st_mtime == datetime(2024, 5, 17, 6, 23, 1, 120_000, UTC).timestamp()
    assert world.trash() == [photo(8)]


@pytest.mark.usefixtures("jpegtran")
def test_an_upright_picture_and_what_is_no_jpeg_are_left(world: World) -> None:
    assert world.run(photo(1), upright=True).flags == ()
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG", exif=exif_blob({ORIENTATION: 6}))
    picture = world.run(out.getvalue(), "a.png", upright=True)
    assert (picture.stored, picture.flags) == (None, ("not_upright",))
    assert picture.facts.everything["cleaning"] == {"upright": "left: only a JPEG can be turned without loss"}


@pytest.mark.usefixtures("jpegtran")
def test_a_picture_that_would_show_something_else_is_left(world: World, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "jpegtran"
    program.write_text(STAND_IN.replace("ROTATE_270", "ROTATE_90"))
    picture = world.run(photo(6), upright=True)
    assert (picture.stored, picture.flags) == (None, ("not_upright",))
    assert "would not show the same pixels" in picture.facts.everything["cleaning"]["upright"]


@pytest.mark.usefixtures("jpegtran")
def test_what_takes_more_memory_than_is_allowed_is_left_and_flagged(world: World) -> None:
    task = world.task(photo(6), upright=True, shift="1hr")
    rules = dataclasses.replace(task.rules, limits=Limits(max_decoded_bytes=100))
    facts = Facts(orientation=6, taken_at="2024-05-17T14:23:01", taken_source="EXIF:DateTimeOriginal")
    cleaned = cleaning.clean(task.source, "jpeg", facts, rules, str(world.spool))
    assert (cleaned.path, cleaned.flags) == (task.source, ("not_upright", "not_shifted"))
    assert "limits.max_decoded_bytes" in cleaned.facts.everything["cleaning"]["upright"]


# -- maker notes -----------------------------------------------------------------------------------------------------

WISHES: list[dict[str, Any]] = [{"upright": True}, {"shift": "-1d2hr3m4s"}, {"touch": True}]


@pytest.mark.usefixtures("jpegtran")
@pytest.mark.parametrize("wishes", WISHES, ids=["upright", "shift", "touch"])
def test_a_maker_note_survives_byte_for_byte(world: World, wishes: dict[str, Any]) -> None:
    picture = world.run(photo(6), **wishes)
    assert picture.stored is not None
    assert tags_of(world.content(picture))["Exif"][MAKER_NOTE] == NOTE


@pytest.mark.corpus
@pytest.mark.parametrize("wishes", WISHES, ids=["upright", "shift", "touch"])
@pytest.mark.parametrize("name", ["Samsung GT-I9000 (Galaxy S).jpg", "Sony DSC-P12.jpg", "Issue 339.jpg"])
def test_the_maker_note_of_a_real_camera_survives_byte_for_byte(
    world: World, corpus: Path, wishes: dict[str, Any], name: str
) -> None:
    """The first lies on its side; without jpegtran it is left so, and says so."""
    content = (corpus / "metadata" / name).read_bytes()
    picture = world.run(content, **wishes)
    lies = "upright" in wishes and name.startswith("Samsung")
    assert ("not_upright" in picture.flags) == (lies and REAL is None)
    expected = {"upright": lies and REAL is not None, "shift": True, "touch": not name.startswith("Samsung")}
    assert (picture.stored is not None) == expected[next(iter(wishes))]
    note = tags_of(content)["Exif"][MAKER_NOTE]
    assert isinstance(note, bytes) and len(note) > 100
    assert tags_of(world.content(picture))["Exif"][MAKER_NOTE] == note


# -- crashes ---------------------------------------------------------------------------------------------------------


def test_the_bytes_as_dropped_are_safe_before_others_are_published(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    task = world.task(photo(), shift="1hr")
    monkeypatch.setattr(LocalStorage, "put", full)
    assert isinstance(run_task(task), Unavailable)
    assert world.trash() == [photo()]
    monkeypatch.undo()
    assert world.content(picture_of(dataclasses.replace(task, attempt=2))) != photo()
    assert world.trash() == [photo()]


def test_nothing_is_published_where_the_bytes_as_dropped_cannot_be_kept(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (world.library / ".watcher" / "trash").write_bytes(b"in the way")
    result = run_task(world.task(photo(), shift="1hr"))
    assert isinstance(result, Unavailable)
    assert "a.jpg cannot be kept in the trash of " in result.reason
    assert not (world.library / "originals").exists()


# -- words and names -------------------------------------------------------------------------------------------------


def test_a_persons_words_go_before_the_pictures_own_and_keywords_are_united() -> None:
    own = Facts(title="Own", keywords=("sun", "sea"), everything={"sources": {"title": [{"source": "XMP-dc:title"}]}})
    wishes = Wishes("Trip {seq} of {prefix}", "Day {1}", ("sea", "2024"), "lisbon")
    facts = cleaning.worded(own, wishes, "07")
    assert (facts.title, facts.description, facts.keywords) == ("Trip 07 of lisbon", "Day {1}", ("sun", "sea", "2024"))
    assert facts.everything["sources"] == {
        "title": [{"source": "batch", "value": "Trip 07 of lisbon"}, {"source": "XMP-dc:title"}],
        "description": [{"source": "batch", "value": "Day {1}"}],
        "batch_keywords": [{"source": "batch", "value": ["sea", "2024"]}],
    }


def test_without_a_persons_words_the_facts_stay() -> None:
    facts = Facts(title="Own", everything={"sources": {}})
    assert cleaning.worded(facts, Wishes(prefix="lisbon", shift="1hr"), "") is facts


@pytest.mark.parametrize(("sequence", "stem"), [("", "lisbon_{digest}"), ("07", "lisbon_07")])
def test_a_prefix_is_the_name_and_the_folder_stays(world: World, sequence: str, stem: str) -> None:
    picture = picture_of(world.task(photo(), sequence=sequence, prefix="lisbon", title="{prefix} {seq}"))
    assert picture.key == f"originals/2024/{stem.format(digest=picture.digest[:8])}.jpg"
    assert picture.facts.title == f"lisbon {sequence}".strip()


def test_names_of_any_kind_are_cleaned_up(world: World, jpegtran: Callable[[], None]) -> None:
    for name in (os.fsdecode(b"caf\xe9\n.jpg"), "--help.jpg", "日本.jpg"):
        picture = world.run(photo(6), name, upright=True, shift="1hr", touch=True)
        assert picture.flags == ()


def test_a_large_file_is_cleaned_up_from_disk(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watcher.processing.run._IN_MEMORY", 100)
    assert world.run(photo(), shift="1hr").stored is not None


def test_the_time_zone_of_the_machine_counts_where_none_is_set(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC-3")
    time.tzset()
    try:
        world.rules = dataclasses.replace(world.rules, timezone="")
        picture = world.run(photo(), touch=True)
    finally:
        monkeypatch.undo()
        time.tzset()
    mtime = (world.library / picture.key).stat().st_mtime
    assert mtime == datetime.fromisoformat("2024-05-17T14:23:01.120+03:00").timestamp()
