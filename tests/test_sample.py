"""Sample photographs: the same each time, upright, and saying of themselves what a camera would."""

from __future__ import annotations

import functools
import hashlib
import io
import math
import subprocess
import sys
import zipfile
from datetime import datetime
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageOps, ImageStat

from watcher import sample
from watcher.errors import ConfigError
from watcher.painting import paint
from watcher.places import CAMERAS, PLACES
from watcher.processing import image, metadata

COUNT = 16


def contents(folder: Path) -> dict[str, bytes]:
    """Every file, and every member of every zip, by its path."""
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    for name in [name for name in found if name.endswith(".zip")]:
        with zipfile.ZipFile(io.BytesIO(found.pop(name))) as archive:
            found |= {f"{name}/{member}": archive.read(member) for member in archive.namelist()}
    return found


@functools.cache  # it is painted afresh each time, and several tests look at it
def photograph(index: int) -> bytes:
    return sample.photograph(index)[2]


def exif_of(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content)) as picture:
        held: bytes = picture.info["exif"]
        return held


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("samples")
    sample.write(str(folder), COUNT)
    return contents(folder)


def test_the_same_count_gives_the_same_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        sample.write(str(tmp_path / name), 4)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_the_count_is_of_different_photographs_a_quarter_of_them_in_a_zip(samples: dict[str, bytes]) -> None:
    zipped = [name for name in samples if name.startswith("Highlights.zip/Highlights/")]
    whole = [hashlib.sha256(content).digest() for name, content in samples.items() if name != sample.BROKEN]
    assert len(zipped) == COUNT // 4
    assert len(set(whole)) == COUNT
    assert len(whole) == COUNT + 1, "one lies there twice, under another name"


def test_one_file_is_broken(samples: dict[str, bytes]) -> None:
    with Image.open(io.BytesIO(samples[sample.BROKEN])) as picture, pytest.raises(OSError, match="truncated"):
        picture.load()


def test_several_formats_and_scripts_are_among_them(samples: dict[str, bytes]) -> None:
    formats = {Image.open(io.BytesIO(content)).format for content in samples.values()}
    assert formats == {"JPEG", "PNG", "WEBP"}
    assert {"京都の朝.jpg", "São Paulo à noite.jpg", "Sunset over the Tejo.jpg"} <= set(samples)


@pytest.mark.parametrize("index", range(8))
def test_each_orientation_shows_the_painted_picture_upright(index: int) -> None:
    content = photograph(index)
    place, camera = PLACES[index], CAMERAS[index % len(CAMERAS)]
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.getexif()[0x0112] == index + 1
        upright = ImageOps.exif_transpose(picture).convert("RGB")
    assert upright.size == (camera.frame if index < 4 else camera.frame[::-1])
    small = (upright.width // sample.PAINTED_AT, upright.height // sample.PAINTED_AT)
    painted = paint(place.light, place.layers, *small, seed=f"{place.title} 0")
    difference = ImageChops.difference(upright.resize(small), Image.frombytes("RGB", small, painted))
    assert max(ImageStat.Stat(difference).mean) < 6, "turned or mirrored the wrong way"


def test_what_a_photograph_says_is_what_its_place_and_camera_say() -> None:
    for index, place in enumerate(PLACES[:9]):
        facts = metadata.read(metadata.Blobs(exif_of(photograph(index)), None, None, {}))
        taken = datetime.fromisoformat(place.taken)
        assert facts.title == place.title
        assert facts.description == place.description
        assert facts.keywords == tuple(place.keywords.split(";"))
        assert facts.taken_at is not None and facts.taken_at.startswith(taken.strftime("%Y-%m-%dT%H:%M:%S."))
        assert facts.taken_offset == taken.isoformat()[-6:]
        assert facts.camera_model == CAMERAS[index % len(CAMERAS)].model
        assert facts.lens == CAMERAS[index % len(CAMERAS)].lens
        assert (facts.latitude, facts.longitude) == pytest.approx((place.latitude, place.longitude), abs=1e-5)
        assert facts.altitude_m == place.altitude_m


def test_exposures_suit_the_light() -> None:
    for light in {place.light for place in PLACES}:
        for camera in CAMERAS:
            f_number, seconds = (float(value) for value in sample.exposure(camera, light))
            seen = math.log2(f_number**2 / seconds * 100 / light.iso)
            assert seen == pytest.approx(light.exposure_value, abs=1.1), (light, camera.model)


def test_no_two_of_many_have_the_same_name_or_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "paint", lambda *_, **__: b"")
    monkeypatch.setattr(image, "from_rgb", lambda *_, **__: b"")
    made = [sample.photograph(index) for index in range(500)]
    assert len({name for name, _, _ in made}) == 500
    assert len({taken for _, taken, _ in made}) == 500


def test_a_folder_that_holds_anything_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.jpg").write_bytes(b"mine")
    with pytest.raises(ConfigError, match=r"mine\.jpg"):
        sample.write(str(tmp_path), 2)
    assert contents(tmp_path) == {"mine.jpg": b"mine"}


def test_the_command_makes_the_folder_and_says_a_sentence_when_it_cannot(tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "watcher", "sample", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    folder = tmp_path / "new" / "samples"
    first, again = run(str(folder), "--count", "1"), run(str(folder), "--count", "1")
    assert first.returncode == 0, first.stderr
    assert sorted(path.name for path in folder.iterdir()) == [
        "Copy of Sunset over the Tejo.jpg",
        "IMG_0999.JPG",
        "Sunset over the Tejo.jpg",
    ]
    assert again.returncode == 2
    assert "not empty" in again.stderr and "Traceback" not in again.stderr
