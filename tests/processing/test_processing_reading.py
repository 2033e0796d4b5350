"""Each kind of file as what it is: movies and other files kept as they came, sidecars beside their pictures."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from worker_world import World, photo, picture_of

from watcher.messages import Attached, Duplicate, Processed, Rejected, Sidecar
from watcher.model import Limits
from watcher.processing.run import run_task

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4" '
    b'xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:DateTimeOriginal="2019-07-14T10:11:12"/></rdf:RDF></x:xmpmeta>'
)
GOOGLE = json.dumps(
    {"title": "IMG_1.jpg", "description": "at the pier", "photoTakenTime": {"timestamp": "1563099072"}}
).encode()
ALBUM = json.dumps({"title": "Summer", "date": {"timestamp": "1563099072"}, "access": "protected"}).encode()
MOVIE = struct.pack(">I4s4s", 12, b"ftyp", b"qt  ")


def sidecar_of(result: Any) -> Sidecar:
    assert isinstance(result, Sidecar), result
    return result


def stored(world: World, content: bytes, name: str) -> Attached:
    """A sidecar that came before its picture."""
    result = sidecar_of(world.run(content, name))
    return Attached(result.kind, result.key, result.digest)


@pytest.mark.parametrize(
    ("content", "name", "kind", "suffix", "title"),
    [
        (XMP, "IMG_1.jpg.xmp", "xmp", ".xmp", None),
        (XMP, "line\nbreak \udcff", "xmp", ".xmp", None),
        (GOOGLE, "IMG_1.jpg.supplemental-metadata.json", "takeout", ".json", "IMG_1.jpg"),
        (ALBUM, "Métadonnées.json", "album", ".json", "Summer"),
    ],
)
def test_a_sidecar_is_stored_by_itself_and_says_what_it_is(
    world: World, content: bytes, name: str, kind: str, suffix: str, title: str | None
) -> None:
    result = sidecar_of(world.run(content, name))
    digest = hashlib.sha256(content).hexdigest()
    assert (result.kind, result.digest, result.size, result.title) == (kind, digest, len(content), title)
    assert world.published() == [result.key]
    assert result.key.startswith(f"sidecars/unmatched/{digest[:8]}_") and result.key.endswith(suffix)
    assert (world.library / result.key).read_bytes() == content
    assert sidecar_of(world.run(content, name)).key == result.key, "another try finds it there"


@pytest.mark.parametrize("content", [b'{"name": "package", "version": "1.0.0"}', b"{}", b'{"title": "no more"}'])
def test_json_of_others_is_no_sidecar(world: World, content: bytes) -> None:
    result = world.run(content, "package.json")
    assert isinstance(result, Rejected)
    assert result.reason == "it is JSON, but not what Google Takeout tells of a picture or an album"
    assert world.published() == []
    world.follow(other="store")
    picture = picture_of(world.run(content, "package.json"))
    assert (picture.format, picture.key) == ("other", "originals/undated/package.json")


def test_a_picture_is_read_with_its_sidecars_and_they_go_by_its_name(world: World) -> None:
    attached = (stored(world, XMP, "IMG_1.jpg.xmp"), stored(world, GOOGLE, "IMG_1.jpg.json"))
    result = world.run(photo(), sidecars=attached)
    picture = picture_of(result)
    assert isinstance(result, Processed)
    assert picture.facts.taken_at == "2019-07-14T10:11:12"
    assert picture.facts.taken_source == "XMP-sidecar:exif:DateTimeOriginal"
    assert (picture.facts.rating, picture.facts.description) == (4, "at the pier")
    below = "2019/07/20190714-101112_IMG_1.jpg"
    assert picture.key == f"originals/{below}"
    assert result.sidecars == (
        (attached[0].key, f"sidecars/{below}.xmp"),
        (attached[1].key, f"sidecars/{below}.json"),
    )
    for each, (former, now) in zip(attached, result.sidecars, strict=True):
        assert (world.library / now).read_bytes() == (world.library / former).read_bytes(), each.kind


def test_a_sidecar_that_is_gone_or_tells_of_an_album_says_nothing(world: World) -> None:
    gone = stored(world, XMP, "IMG_1.jpg.xmp")
    (world.library / gone.key).unlink()
    album = stored(world, ALBUM, "metadata.json")
    result = world.run(photo(), sidecars=(gone, album))
    assert picture_of(result).facts.taken_at == "2024-05-17T14:23:01"
    assert isinstance(result, Processed)
    assert [former for former, _ in result.sidecars] == [album.key]


def test_what_stands_already_is_a_duplicate_with_all_its_sidecars(world: World) -> None:
    picture = picture_of(world.run(photo()))
    attached = stored(world, XMP, "IMG_1.jpg.xmp")
    rivals = ((picture.digest, picture.key, picture.size),)
    assert isinstance(world.run(photo(), sidecars=(attached,), rivals=rivals), Duplicate)


def test_a_video_is_kept_as_it_came_without_renditions(world: World) -> None:
    picture = picture_of(world.run(MOVIE, "IMG_20240517_142301.MOV"))
    assert (picture.format, picture.width, picture.height, picture.renditions) == ("video", None, None, ())
    assert picture.key == "originals/2024/05/20240517-142301_IMG_20240517_142301.mov"
    assert world.published() == [picture.key]
    assert (world.library / picture.key).read_bytes() == MOVIE


def test_a_video_is_refused_where_that_is_asked_for(world: World) -> None:
    world.follow(videos="fail")
    result = world.run(MOVIE, "a.mov")
    assert isinstance(result, Rejected)
    assert result.reason == 'it is a video, and videos = "fail" is set for its inbox'


def test_the_largest_picture_is_no_limit_to_a_video_and_one_to_all_else(world: World) -> None:
    world.follow(limits=Limits(max_file_bytes=100), other="store")
    long = MOVIE + struct.pack(">I4s", 1008, b"mdat") + bytes(1000)
    assert picture_of(world.run(long, "a.mov")).size == len(long)
    for content, name in ((photo(), "a.jpg"), (b"text" * 50, "a.txt"), (XMP, "a.xmp")):
        result = world.run(content, name)
        assert isinstance(result, Rejected) and "limits.max_file_bytes allows 100" in result.reason


def test_a_large_video_is_not_read_into_memory(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watcher.processing.run._IN_MEMORY", 4)
    picture = picture_of(world.run(MOVIE, "a.mov"))
    assert picture.digest == hashlib.sha256(MOVIE).hexdigest()


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("notes.TXT", "originals/undated/notes.txt"),
        ("README", "originals/undated/README"),
        ("a.b c", "originals/undated/a.b c"),
        ("list_20240517_142301.csv", "originals/2024/05/20240517-142301_list_20240517_142301.csv"),
        ("\udcff\n.x", "originals/undated/__.x"),
        ("n" * 255, "originals/undated/" + "n" * 232 + f"-{hashlib.sha256(b'plain text').hexdigest()[:8]}"),
    ],
)
def test_other_files_are_kept_with_their_suffix_where_that_is_asked_for(world: World, name: str, key: str) -> None:
    world.follow(other="store")
    content = b"plain text"
    picture = picture_of(world.run(content, name))
    assert (picture.format, picture.renditions, picture.flags) == ("other", (), ())
    assert picture.key == key
    assert (world.library / key).read_bytes() == content


@pytest.mark.parametrize("other", ["fail", "leave"])
def test_other_files_are_refused_else(world: World, other: str) -> None:
    world.follow(other=other)
    result = world.run(b"plain text", "notes.txt")
    assert isinstance(result, Rejected)
    assert result.reason.startswith("it is not a picture that this program knows")


def test_an_empty_file_is_refused_whatever_is_asked_for(world: World) -> None:
    world.follow(other="store")
    assert world.run(b"", "empty") == Rejected(1, 1, "the file is empty")


def test_a_changed_sidecar_is_tried_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    path = world.drop(XMP, "a.xmp")
    real = hashlib.file_digest

    def written_to(*arguments: Any) -> Any:
        answer = real(*arguments)
        with path.open("ab") as writer:
            writer.write(b"more")
        return answer

    monkeypatch.setattr(hashlib, "file_digest", written_to)
    result = run_task(dataclasses.replace(world.task(path), may_link=False))
    assert "changed while it was processed" in getattr(result, "reason", "")


def test_wishes_are_followed_for_a_video_as_far_as_it_can(world: World) -> None:
    world.wish(title="Pier {seq}", keywords=("sea",), prefix="trip", shift="1hr", touch=True)
    picture = picture_of(world.run(MOVIE, "IMG_20240517_142301.MOV", sequence="03"))
    assert picture.key == "originals/2024/05/trip_03.mov"
    assert (picture.facts.title, picture.facts.keywords) == ("Pier 03", ("sea",))
    assert picture.facts.taken_at == "2024-05-17T15:23:01"
    assert (world.library / picture.key).read_bytes() == MOVIE
    assert Path(world.library / picture.key).stat().st_mtime != 0
