"""A JPEG is turned upright whole: pixels, tags, thumbnail; or it is left as it is, with the reason.

Where the real jpegtran is installed, tests that turn something run with it too; else a line says that they did not.
A stand-in, which turns with Pillow and is not lossless, takes its place everywhere.
"""

from __future__ import annotations

import io
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import piexif
import pytest
from PIL import Image, ImageChops, ImageOps
from turned_pictures import NOTE, STAND_IN, app, photo, quarters, tags_of

from watcher.processing import patching, turning
from watcher.processing.turning import Outcome

REAL = shutil.which("jpegtran")
PROGRAMS = ["stand-in", *(["jpegtran"] if REAL else [])]


@pytest.fixture(scope="module", autouse=True)
def say_when_the_real_program_is_missing(request: pytest.FixtureRequest) -> None:
    plugins = request.config.pluginmanager
    if REAL is None:
        with plugins.getplugin("capturemanager").global_and_fixture_disabled():
            plugins.getplugin("terminalreporter").write_line(
                "\nthe tests with the real jpegtran were left out: it is not installed (Debian: libjpeg-turbo-progs)"
            )


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Make a script the only program on PATH; its name is jpegtran."""

    def put(script: str) -> None:
        program = tmp_path / "bin" / "jpegtran"
        program.parent.mkdir(exist_ok=True)
        program.write_text(script)
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent))

    return put


@pytest.fixture(params=PROGRAMS)
def program(request: pytest.FixtureRequest, install: Callable[[str], None]) -> None:
    if request.param == "stand-in":
        install(STAND_IN)


def same_pixels(original: Path, turned: Path, orientation: int) -> bool:
    with Image.open(original) as before, Image.open(turned) as after:
        assert before.getexif()[0x0112] == orientation
        difference = ImageChops.difference(ImageOps.exif_transpose(before), after.copy())
    return max(high for _, high in difference.getextrema()) <= 24  # the stand-in is not lossless


def never(*_: object) -> bool:
    raise AssertionError("there was nothing to compare")


def turn(
    folder: Path, content: bytes, orientation: int, same: turning.SamePixels = never, seconds: float = 60
) -> tuple[Outcome, Path]:
    source, target = folder / "a\nb\udcff.jpg", folder / "turned.jpg"
    source.write_bytes(content)
    return turning.turn_upright(source, target, orientation, same, seconds, 500_000_000), target


@pytest.mark.usefixtures("program")
@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_picture_is_turned_and_its_tags_follow(tmp_path: Path, orientation: int) -> None:
    outcome, target = turn(tmp_path, photo(orientation), orientation, same_pixels)
    assert outcome == Outcome(True)
    tags = tags_of(target.read_bytes())
    sideways = orientation >= 5
    assert tags["0th"][0x0112] == 1
    assert (tags["Exif"][0xA002], tags["Exif"][0xA003]) == ((32, 64) if sideways else (64, 32))
    with Image.open(target) as image:
        assert image.size == ((32, 64) if sideways else (64, 32))


@pytest.mark.usefixtures("program")
def test_all_that_is_said_about_the_picture_stays_byte_for_byte(tmp_path: Path) -> None:
    content = photo(6, icc_profile=b"profile" * 30, comment="a comment")
    _, target = turn(tmp_path, content, 6, same_pixels)

    def about(jpeg: bytes) -> list[bytes]:
        return [
            jpeg[part.start : part.end] for part in patching.segments(jpeg) if part.marker in (*range(0xE0, 0xF0), 0xFE)
        ]

    patched, _ = patching.set_orientation(content, 1, True)
    assert about(target.read_bytes()) == about(patched)
    assert tags_of(target.read_bytes())["Exif"][0x927C] == NOTE
    assert len(about(patched)) == 5  # EXIF, the private one, JFIF, profile, comment


@pytest.mark.usefixtures("program")
@pytest.mark.parametrize("progressive", [False, True])
def test_a_progressive_picture_stays_progressive_and_no_other_becomes_so(tmp_path: Path, progressive: bool) -> None:
    _, target = turn(tmp_path, photo(3, progressive=progressive), 3, same_pixels)
    with Image.open(target) as image:
        assert ("progressive" in image.info) == progressive


@pytest.mark.usefixtures("program")
def test_the_thumbnail_is_turned_too(tmp_path: Path) -> None:
    outcome, target = turn(tmp_path, photo(6, quarters(64, 32, quality=100, subsampling=0)), 6, same_pixels)
    assert outcome == Outcome(True, "thumbnail turned")
    loaded = piexif.load(target.read_bytes())
    assert loaded["1st"][piexif.ImageIFD.Orientation] == 1
    with Image.open(io.BytesIO(loaded["thumbnail"])) as image:
        assert image.size == (32, 64)
        red, green, blue = image.convert("RGB").getpixel((28, 4))
    assert red > 200
    assert max(green, blue) < 60


@pytest.mark.usefixtures("program")
@pytest.mark.parametrize(
    "thumbnail", [quarters(50, 21), b"\xff\xd8 no picture \xff\xd9"], ids=["odd size", "no picture"]
)
def test_a_thumbnail_that_cannot_be_turned_is_dropped(tmp_path: Path, thumbnail: bytes) -> None:
    content = photo(6, quarters(64, 32))
    found = piexif.load(content)["thumbnail"]
    content = content.replace(found, thumbnail[: len(found)].ljust(len(found), b"\0"))
    outcome, target = turn(tmp_path, content, 6, same_pixels)
    assert outcome == Outcome(True, "thumbnail dropped")
    assert tags_of(target.read_bytes())["1st"] == {}


@pytest.mark.usefixtures("program")
def test_a_thumbnail_that_lies_in_the_maker_note_is_dropped_and_the_note_stays(tmp_path: Path) -> None:
    note = quarters(64, 32, quality=100, subsampling=0)
    tags = {"0th": {0x0112: 6}, "Exif": {0x927C: note}, "1st": {0x0112: 6}, "thumbnail": quarters(64, 32)}
    structure = piexif.dump(tags)
    at = structure.index(struct.pack(">HHL", 0x0201, 4, 1)) + 8  # the thumbnail's offset; its size stands 12 behind
    places = (structure.index(note) - 6).to_bytes(4, "big"), len(note).to_bytes(4, "big")
    structure = structure[:at] + places[0] + structure[at + 4 : at + 12] + places[1] + structure[at + 16 :]
    plain = quarters(64, 32)
    outcome, target = turn(tmp_path, plain[:2] + app(1, structure) + plain[2:], 6, same_pixels)
    assert outcome == Outcome(True, "thumbnail dropped")
    assert tags_of(target.read_bytes())["Exif"][0x927C] == note


def test_a_turned_thumbnail_that_needs_more_room_is_dropped(tmp_path: Path, install: Callable[[str], None]) -> None:
    install(STAND_IN.replace("optimize=True", "optimize=False"))
    outcome, target = turn(tmp_path, photo(6, quarters(64, 32, quality=1, optimize=True)), 6, same_pixels)
    assert outcome == Outcome(True, "thumbnail dropped")
    assert tags_of(target.read_bytes())["1st"] == {}


@pytest.mark.usefixtures("program")
def test_a_picture_that_would_lose_a_border_is_left(tmp_path: Path) -> None:
    outcome, target = turn(tmp_path, photo(6, size=(61, 33)), 6)
    assert (
        outcome.words
        == "left: its size is no multiple of the blocks that a JPEG is made of: turning it would cost a border"
    )
    assert not target.exists()


SECOND_APP2 = {
    "left: it holds several pictures (MPO)": app(2, b"MPF\0II*\0"),
    "left: it holds a gain map for HDR screens, which would no longer fit": app(2, b"urn:iso:std:iso:ts:21496:-1\0"),
}


@pytest.mark.parametrize("words", SECOND_APP2)
def test_a_picture_that_belongs_to_others_is_left(tmp_path: Path, install: Callable[[str], None], words: str) -> None:
    install(STAND_IN)
    assert turn(tmp_path, photo(6, after=SECOND_APP2[words]), 6)[0] == Outcome(False, words)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda content: content + b"more", "left: data follow the end of the picture"),
        (lambda content: content + content, "left: data follow the end of the picture"),
        (lambda content: content[:-2], "left: its end is missing"),
        (lambda content: b"", "left: its end is missing"),
        (
            lambda content: content.replace(b"Exif", b"Exit"),
            "left: its orientation is not stated where it could be changed",
        ),
    ],
    ids=["more data", "another picture", "cut off", "empty", "no orientation"],
)
def test_what_could_come_to_harm_is_left(
    tmp_path: Path, install: Callable[[str], None], change: Callable[[bytes], bytes], words: str
) -> None:
    install(STAND_IN)
    outcome, target = turn(tmp_path, change(photo(6)), 6)
    assert not outcome.turned
    assert outcome.words.startswith(words)
    assert not target.exists()


def test_without_jpegtran_the_picture_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    outcome, target = turn(tmp_path, photo(6), 6)
    assert outcome.words.startswith("left: there is no program jpegtran")
    assert not target.exists()


def test_an_upright_picture_is_left(tmp_path: Path) -> None:
    assert turn(tmp_path, photo(1), 1)[0] == Outcome(False, "left: it is upright")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (
            "#!/bin/sh\necho 'Corrupt \033[31mdata' >&2; exit 2\n",
            r"left: jpegtran could not turn it: 'Corrupt \x1b[31mdata'",
        ),
        ("#!/bin/sh\necho 'Backing store not there' >&2; exit 1\n", "left: it needs more memory than jpegtran may use"),
        ("#!/bin/sh\necho nonsense\n", "left: what jpegtran made of it is no whole JPEG"),
        ("#!/bin/sh\nexec /bin/sleep 600\n", "left: jpegtran took more than 0.5 seconds"),
        ("#!/no/such/interpreter\n", "left: jpegtran could not be started: No such file or directory"),
    ],
    ids=["refuses", "needs too much", "nonsense", "hangs", "does not start"],
)
def test_a_program_that_fails_leaves_the_picture(
    tmp_path: Path, install: Callable[[str], None], script: str, words: str
) -> None:
    install(script)
    outcome, target = turn(tmp_path, photo(6), 6, seconds=0.5)
    assert outcome == Outcome(False, words)
    assert not target.exists()


def test_the_program_is_called_with_limits_and_without_our_environment(
    tmp_path: Path, install: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = tmp_path / "said"
    install(f"#!/bin/sh\n(echo \"$@\"; /usr/bin/env) > '{said}'; exit 1\n")
    monkeypatch.setenv("JPEGMEM", "1")
    turn(tmp_path, photo(6), 6)
    arguments, *environment = said.read_text().splitlines()
    assert arguments == "-copy none -optimize -perfect -maxmemory 500000 -rotate 90"
    assert "LC_ALL=C" in environment
    assert not any(line.startswith(("JPEGMEM", "HOME")) for line in environment)


def test_nothing_is_left_behind_when_the_pixels_differ(tmp_path: Path, install: Callable[[str], None]) -> None:
    install(STAND_IN)
    outcome, target = turn(tmp_path, photo(6), 6, lambda *_: False)
    assert outcome == Outcome(False, "left: turned, it would not show the same pixels")
    assert not target.exists()


def test_nothing_is_left_behind_when_comparing_fails(tmp_path: Path, install: Callable[[str], None]) -> None:
    install(STAND_IN)
    with pytest.raises(AssertionError, match="nothing to compare"):
        turn(tmp_path, photo(6), 6, never)
    assert not (tmp_path / "turned.jpg").exists()


@pytest.mark.parametrize("jpegtran", [REAL] if REAL else ["stand-in"])
def test_turning_a_picture_back_gives_its_pixels_bit_for_bit(
    tmp_path: Path, install: Callable[[str], None], jpegtran: str
) -> None:
    """Lossless, shown with the real program; with the stand-in alone, only that the way back exists."""
    if jpegtran == "stand-in":
        install(STAND_IN)
    _, target = turn(tmp_path, photo(6, subsampling=2), 6, same_pixels)
    back, _ = patching.set_orientation(target.read_bytes(), 8, False)
    _, again = turn(tmp_path, back, 8, same_pixels)
    with Image.open(io.BytesIO(photo(6, subsampling=2))) as before, Image.open(again) as after:
        assert after.size == before.size
        largest = max(high for _, high in ImageChops.difference(before, after).getextrema())
    assert largest <= (24 if jpegtran == "stand-in" else 0)
