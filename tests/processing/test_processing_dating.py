"""When a picture was taken, for the order of its batch: from the beginning of its file, and of nothing else."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import pytest
from marked_pictures import noise
from PIL import Image
from pillow_heif import register_heif_opener
from worker_world import World, photo, zipped

from watcher.messages import Dated
from watcher.processing import archive
from watcher.processing.run import run_task

register_heif_opener()
TAKEN = "2024-05-17T14:23:01"
DROPPED = 1_700_000_000.0


def date_of(world: World, content: bytes, name: str = "x.jpg", **changes: Any) -> Dated:
    return date(world, world.drop(content, name), **changes)


def date_in_zip(world: World, content: bytes, member: int = 0, **changes: Any) -> Dated:
    return date(world, world.drop(content, "a.zip"), **{"name": "x.jpg", "member": member, **changes})


def date(world: World, path: Path, **changes: Any) -> Dated:
    result = run_task(world.task(path, errand="date", **changes))
    assert isinstance(result, Dated), result
    assert world.published() == []
    return result


def large(kind: str, **options: Any) -> bytes:
    """A dated picture of noise, far larger than its beginning."""
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2024:05:17 14:23:01"
    out = io.BytesIO()
    noise((900, 700)).convert("RGB").save(out, kind, exif=exif.tobytes(), **options)
    assert len(out.getvalue()) > 300_000
    return out.getvalue()


def movie(seconds: int) -> bytes:
    """A QuickTime movie that was made so many seconds after 1904."""
    header = struct.pack(">I4s", 108, b"mvhd") + bytes(4) + struct.pack(">2I", seconds, seconds) + bytes(88)
    return struct.pack(">I4s4s4s", 16, b"ftyp", b"qt  ", bytes(4)) + struct.pack(">I4s", 116, b"moov") + header


def test_a_file_is_dated_and_not_taken(world: World) -> None:
    assert date_of(world, photo()) == Dated(1, 1, TAKEN, numbered=True)
    assert date_of(world, photo(taken=None)) == Dated(2, 1, None, numbered=True)
    assert date_of(world, photo(taken=None), "IMG_20240517_142301.jpg").taken == TAKEN


def test_a_movie_has_its_own_date(world: World) -> None:
    world.follow(timezone="UTC")
    assert date_of(world, movie(3_798_800_581), "a.mov").taken == "2024-05-17T14:23:01"


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>', "IMG_20240517_142301.xmp"),
        (b'{"title": "a.jpg", "photoTakenTime": {"timestamp": "1"}}', "IMG_20240517_142301.json"),
        (zipped({"a.jpg": photo()}), "20240517_142301.zip"),
        (b"plain text", "IMG_20240517_142301.txt"),
        (b"", "empty"),
    ],
)
def test_what_is_no_picture_gets_no_number(world: World, content: bytes, name: str) -> None:
    assert date_of(world, content, name) == Dated(1, 1, None, numbered=False)


@pytest.mark.parametrize("content", [b"\xff\xd8\xff\xe0" + bytes(99), b"\x89PNG\r\n\x1a\n" + bytes(99), b"GIF89a"])
def test_a_picture_that_cannot_be_read_has_no_date_and_its_fate_is_judged_later(world: World, content: bytes) -> None:
    assert date_of(world, content) == Dated(1, 1, None, numbered=True)


@pytest.mark.parametrize(
    ("kind", "options"), [("JPEG", {"quality": 99}), ("PNG", {}), ("HEIF", {"quality": 100}), ("AVIF", {"quality": 99})]
)
def test_a_large_picture_is_dated_whatever_its_format(world: World, kind: str, options: dict[str, Any]) -> None:
    assert date_of(world, large(kind, **options)).taken == TAKEN


@pytest.mark.parametrize(("kind", "options"), [("JPEG", {"quality": 99}), ("PNG", {})])
def test_a_large_member_is_dated_by_its_beginning(world: World, kind: str, options: dict[str, Any]) -> None:
    assert date_in_zip(world, zipped({"x.jpg": large(kind, **options)})).taken == TAKEN


@pytest.mark.corpus
def test_a_large_member_from_a_phone_is_dated_by_its_beginning(world: World, corpus: Path) -> None:
    content = (corpus / "formats" / "IMG_2682.heic").read_bytes()
    assert len(content) > 300_000
    whole, member = date_of(world, content), date_in_zip(world, zipped({"x.jpg": content}))
    assert whole.taken == member.taken is not None


def test_of_a_member_no_more_is_unpacked_than_its_beginning(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    real = archive.extract

    def counted(path: str, index: int, target: io.BytesIO, *limits: Any) -> None:
        try:
            real(path, index, target, *limits)
        finally:
            written.append(target.tell())

    monkeypatch.setattr(archive, "extract", counted)
    content = photo() + bytes(50_000_000)
    assert date_in_zip(world, zipped({"x.jpg": content})).taken == TAKEN
    assert written[0] < 2_000_000


def test_a_member_without_a_date_of_its_own_has_that_in_its_zip(world: World) -> None:
    content = zipped({"x.jpg": photo(taken=None), "y.txt": b"text"}, (2009, 3, 1, 12, 30, 10))
    assert date_in_zip(world, content, dropped_at=DROPPED).taken == "2009-03-01T12:30:10"
    assert date_in_zip(world, content, 1, dropped_at=DROPPED) == Dated(2, 1, None, numbered=False)
    timeless = zipped({"x.jpg": photo(taken=None)})
    assert date_in_zip(world, timeless, dropped_at=DROPPED) == Dated(3, 1, None, numbered=True)


def test_a_damaged_member_is_dated_by_what_can_be_had_of_it(world: World) -> None:
    content = zipped({"x.jpg": photo()})
    content = content.replace(photo()[-40:], bytes(40))
    assert date_in_zip(world, content).taken == TAKEN
