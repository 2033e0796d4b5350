"""Every file of the collection through a whole task: processed or refused in words, upright, within time."""

from __future__ import annotations

import functools
import io
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from watcher.messages import Processed, Rejected, Task, TaskResult
from watcher.model import Format, Limits, Picture, Recipe, Rules
from watcher.processing import image, metadata, sniffing
from watcher.processing.run import run_task

pytestmark = pytest.mark.corpus

RECIPES = (Recipe("preview"), Recipe("thumb", "300x300", "fill"))
# What of formats/, metadata/ and orientation/ is refused, by suffix, and the words that the refusal must have
REFUSED_KINDS = {
    ".jxl": "JPEG XL",
    ".psd": "Photoshop",
    ".svg": "SVG",
    ".ico": "icon",
    ".qoi": "QOI",
    ".ppm": "Netpbm",
    ".exr": "OpenEXR",
    ".fits": "FITS",
    ".pcx": "PCX",
}
REFUSED_FILES = {
    "gen_jpeg_12bit.jpg": "a kind of JPEG not read here",  # twelve bits a colour
    "hopper_webp.tif": "cannot be decoded",  # a TIFF packed by WebP
    "rgb32f_color.tiff": "a kind of TIFF not read here",  # three floats a pixel
    "CanonRaw.cr2": "camera raw file that cannot be read",  # only its metadata were kept
    "QuickTime.heic": "cut off",  # likewise
    "balloon_eciRGBv2_aware.jp2": "takes 282 MB",
    "rgb32bf.bmp": "Unsupported BMP bitfields layout",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Carries out the task of a file, once for all that is asked of its result."""
    library = tmp_path_factory.mktemp("library")
    (library / ".watcher").mkdir()
    rules = Rules(
        str(library),
        "{taken:%Y}/{taken:%m}/{taken:%Y%m%d-%H%M%S}_{stem}",
        RECIPES,
        Limits(max_decoded_bytes=200_000_000),
        fsync=False,
    )

    @functools.cache
    def carried_out(path: Path) -> TaskResult:
        result = run_task(Task(1, 1, str(path), path.name, rules, may_link=False))
        assert os.listdir(library / ".watcher" / "tmp") == []
        return result

    return carried_out


def files(corpus: Path, *folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((corpus / folder).iterdir())]


def expected_refusal(path: Path) -> str | None:
    return REFUSED_FILES.get(path.name) or REFUSED_KINDS.get(path.suffix.lower())


def test_every_picture_is_processed_or_refused_by_its_name(corpus: Path, run: Any) -> None:
    wrong, processed = {}, 0
    for path in files(corpus, "formats", "metadata", "orientation"):
        result, words = run(path), expected_refusal(path)
        if words is None and isinstance(result, Processed):
            processed += 1
        elif words is None or not isinstance(result, Rejected) or words not in result.reason:
            wrong[path.name] = result
    assert wrong == {}
    assert processed > 280


def test_sizes_are_those_that_exiftool_reads_turned_upright(corpus: Path, run: Any) -> None:
    readings = {reading["SourceFile"]: reading for reading in json.loads((corpus / "exiftool.json").read_bytes())}
    wrong, compared = {}, 0
    for path in files(corpus, "metadata", "orientation"):
        reading = readings[f"{path.parent.name}/{path.name}"]
        result = run(path)
        stored = sizes_in(reading)
        if not stored or path.suffix == ".avif":  # turned by the container
            continue
        picture: Picture = result.picture
        turned = (picture.facts.orientation or 1) >= 5
        expected = {(height, width) if turned else (width, height) for width, height in stored}
        compared += 1
        if (picture.width, picture.height) not in expected:
            wrong[path.name] = ((picture.width, picture.height), expected)
    assert wrong == {}
    assert compared > 140


def sizes_in(reading: dict[str, Any]) -> set[tuple[int, int]]:
    widths = {key.split(":")[0]: value for key, value in reading.items() if key.endswith(":ImageWidth")}
    heights = {key.split(":")[0]: value for key, value in reading.items() if key.endswith(":ImageHeight")}
    return {(int(widths[group]), int(heights[group])) for group in widths.keys() & heights.keys()}


def preview(path: Path) -> Image.Image:
    content = path.read_bytes()
    format = sniffing.sniff(content[: sniffing.HEAD_BYTES])
    assert format in sniffing.PICTURES
    opened = image.Picture(io.BytesIO(content), format, Limits())
    (made,), _ = opened.render(RECIPES[:1], metadata.read(opened.blobs()).orientation or 1)
    return Image.open(io.BytesIO(made.content)).convert("RGB")


def difference(one: Image.Image, two: Image.Image) -> float:
    assert one.size == two.size
    return max(ImageStat.Stat(ImageChops.difference(one, two)).mean)


@pytest.mark.parametrize(
    ("pattern", "count"), [("Landscape_*.jpg", 8), ("Portrait_*.jpg", 8), ("g4_orientation_*.tif", 8), ("rot*.avif", 8)]
)
def test_pictures_stored_in_all_directions_are_seen_alike(corpus: Path, pattern: str, count: int) -> None:
    first, *others = sorted((corpus / "orientation").glob(pattern))
    assert len(others) == count - 1
    upright = preview(first)
    small = upright.resize((200, 30))
    for other in others:
        turned = preview(other)
        assert turned.size == upright.size
        # the number that the pictures of a series show differs; what is not upright differs by far more
        assert difference(turned.resize((200, 30)), small) < 6, other.name
    for turn in (Image.Transpose.ROTATE_180, Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.FLIP_TOP_BOTTOM):
        assert difference(small.transpose(turn), small) > 12


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_the_corners_of_a_marked_picture_stand_where_its_orientation_puts_them(corpus: Path, suffix: str) -> None:
    # the eight orientations of one stored picture: top left, top right, bottom left, bottom right as seen
    letters = {1: "rgbw", 2: "grwb", 3: "wbgr", 4: "bwrg", 5: "rbgw", 6: "brwg", 7: "wgbr", 8: "gwrb"}
    colours = {(220, 0, 0): "r", (0, 200, 0): "g", (0, 0, 220): "b", (240, 240, 240): "w"}
    for orientation, expected in letters.items():
        seen = preview(corpus / "orientation" / f"gen_marker_{orientation}.{suffix}")
        width, height = seen.size
        assert (width, height) == ((48, 64) if orientation >= 5 else (64, 48))
        points = [(3, 3), (width - 4, 3), (3, height - 4), (width - 4, height - 4)]
        levels = [seen.getpixel(point) for point in points]
        found = [
            min(colours, key=lambda colour: sum(abs(a - b) for a, b in zip(colour, at, strict=True))) for at in levels
        ]
        assert "".join(colours[colour] for colour in found) == expected, orientation


@pytest.mark.parametrize("name", ["gen_p3_icc.jpg", "gen_p3_icc.png", "gen_adobergb_icc.jpg"])
def test_wide_colours_of_the_collection_are_converted(corpus: Path, name: str) -> None:
    content = (corpus / "formats" / name).read_bytes()
    format: Format = "png" if name.endswith("png") else "jpeg"
    _, flags = image.Picture(io.BytesIO(content), format, Limits()).render(RECIPES, 1)
    assert flags == ("icc_converted",)
    with Image.open(io.BytesIO(content)) as stored:
        assert difference(preview(corpus / "formats" / name), stored.convert("RGB")) > 1


def test_lab_looks_like_the_same_picture_in_rgb(corpus: Path) -> None:
    assert difference(preview(corpus / "formats" / "hopper.Lab.tif"), preview(corpus / "formats" / "hopper.tif")) < 8


def test_broken_files_are_processed_or_refused_in_words(corpus: Path, run: Any) -> None:
    wrong, refused = {}, 0
    for path in files(corpus, "broken"):
        result = run(path)
        if isinstance(result, Rejected):
            refused += 1
            if not re.fullmatch(r"(it|the|decoding) [^\n]{10,}", result.reason) or re.search(
                r"Traceback|object at 0x|Error\b", result.reason
            ):
                wrong[path.name] = result.reason
        elif path.name != "gen_zip_named.jpg" and not isinstance(result, Processed):
            wrong[path.name] = result
    assert wrong == {}
    assert refused > 50


def test_what_is_read_from_a_whole_picture_is_what_its_parts_say(corpus: Path) -> None:
    from test_processing_corpus_facts import CLOCK, blobs_of

    different, seen = {}, 0
    for path in files(corpus, "metadata", "orientation"):
        if path.suffix == ".avif":
            continue
        content = path.read_bytes()
        format = sniffing.kind(io.BytesIO(content))
        assert format in sniffing.PICTURES
        ours = metadata.read(image.Picture(io.BytesIO(content), format, Limits()).blobs(), clock=lambda: CLOCK)
        theirs = metadata.read(blobs_of(path), clock=lambda: CLOCK)
        seen += 1
        for field in metadata.Facts.__dataclass_fields__:
            if field != "everything" and getattr(ours, field) != getattr(theirs, field):
                different[path.name, field] = (getattr(ours, field), getattr(theirs, field))
    assert different == {}
    assert seen > 140
