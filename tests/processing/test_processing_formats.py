"""What each format keeps on its way through a whole task: its pixels, its pages; and what is not let in."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from random import Random
from typing import Any

import pytest
from marked_pictures import STORED, encoded, patches
from PIL import Image, ImageChops, ImageStat
from pillow_heif import register_heif_opener
from worker_world import World, picture_of

from watcher.messages import Processed, Rejected
from watcher.model import Limits, Recipe
from watcher.processing.run import run_task

register_heif_opener()
ORIENTATION = 0x0112
LOSSLESS: list[tuple[str, dict[str, Any]]] = [("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True})]
LOSSY: list[tuple[str, dict[str, Any]]] = [
    ("JPEG", {"quality": 92}),
    ("AVIF", {"quality": 90}),
    ("HEIF", {"quality": 90}),
]


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize(("kind", "options"), LOSSLESS + LOSSY, ids=lambda value: value if type(value) is str else "")
def test_the_pixels_of_each_format_are_those_that_were_stored_turned_upright(
    world: World, orientation: int, kind: str, options: dict[str, Any]
) -> None:
    world.follow(recipes=(Recipe("copy", format="png"),))
    stored = patches()
    for turn in STORED[orientation]:
        stored = stored.transpose(turn)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    picture = picture_of(world.run(encoded(stored, kind, exif=exif.tobytes(), **options), "a"))
    with Image.open(world.library / picture.renditions[0].key) as made:
        apart = ImageStat.Stat(ImageChops.difference(made.convert("RGB"), patches()))
    if (kind, options) in LOSSLESS:
        assert apart.extrema == [(0, 0)] * 3
    assert max(apart.mean) <= 3
    assert (picture.width, picture.height) == (96, 64)


def test_the_pages_of_a_tiff_are_kept_in_the_catalog(world: World) -> None:
    pages = [Image.new("L", (8, 8), level) for level in (0, 90, 255)]
    picture = picture_of(world.run(encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:]), "a.tif"))
    assert picture.facts.everything["File"] == {"PageCount": 3}
    assert picture.flags == ("multi_page",)


@pytest.mark.parametrize("name", ["a.eps", "a.ps", "a.jpg"])
def test_no_program_is_started_for_a_drawing_that_is_one(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "gs").write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    (tmp_path / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    result = world.run(encoded(patches(), "EPS"), name)
    assert isinstance(result, Rejected)
    assert result.reason == "it is a PostScript document, not a picture"
    assert not (tmp_path / "started").exists()


def mutated(content: bytes, random: Random) -> bytes:
    """With some bytes changed, most of them in its head, or without its end."""
    changed = bytearray(content)
    for _ in range(random.randint(1, 12)):
        span = len(changed) if random.random() < 0.3 else min(len(changed), 2048)
        changed[random.randrange(span)] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))
    return bytes(changed) if random.random() < 0.8 else bytes(changed[: random.randrange(1, len(changed))])


@pytest.mark.corpus
def test_changed_files_of_the_collection_end_in_a_picture_or_in_words(world: World, corpus: Path) -> None:
    limits = Limits(max_pixels=4_000_000, max_decoded_bytes=60_000_000)
    world.follow(recipes=(Recipe("thumb", "100x100", "fill", metadata="all", gps=True),), limits=limits, fsync=False)
    small = [path for name in ("formats", "metadata", "orientation") for path in sorted((corpus / name).iterdir())]
    small = [path for path in small if path.stat().st_size < 60_000]
    assert len(small) > 100
    random, wrong, kept = Random(4), {}, 0
    for number, path in enumerate(small):
        task = world.task(world.drop(mutated(path.read_bytes(), random), "a"))
        result = run_task(dataclasses.replace(task, job_id=number))
        kept += isinstance(result, Processed)
        if not isinstance(result, Processed | Rejected):
            wrong[path.name] = result
    assert wrong == {}
    assert 20 < kept < len(small)
