import io
import os
import struct
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from pillow_heif import register_heif_opener

from watcher.intake.endings import Ending, ending

register_heif_opener()


def told(tmp_path: Path, content: bytes) -> Ending:
    path = tmp_path / "file"
    path.write_bytes(content)
    fd = os.open(path, os.O_RDONLY)
    try:
        return ending(fd, len(content))
    finally:
        os.close(fd)


def picture(kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image = Image.effect_noise((90, 70), 80).convert("P" if kind == "GIF" else "RGB")
    image.save(out, kind, **options)
    return out.getvalue()


def archive(*members: tuple[str, bytes], comment: bytes = b"") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        for name, content in members:
            target.writestr(name, content)
        target.comment = comment
    return out.getvalue()


def animation() -> bytes:
    frames = [Image.effect_noise((60, 60), 80).convert("P") for _ in range(3)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    return out.getvalue()


WHOLE = {
    "jpeg": picture("JPEG"),
    "progressive jpeg": picture("JPEG", progressive=True),
    "png": picture("PNG"),
    "webp": picture("WEBP"),
    "avif": picture("AVIF", speed=10),
    "heic": picture("HEIF"),
    "jp2": picture("JPEG2000"),
    "jpeg 2000 codestream": picture("JPEG2000", no_jp2=True),
    "gif": picture("GIF"),
    "animated gif": animation(),
    "bmp": picture("BMP"),
    "zip": archive(("a.jpg", b"x" * 500), ("b.jpg", b"y")),
    "commented zip": archive(("a.jpg", b"x"), comment=b"PK\x05\x06 in words"),
    "empty zip": archive(),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_a_whole_file_is_complete(tmp_path: Path, kind: str) -> None:
    assert told(tmp_path, WHOLE[kind]) is Ending.COMPLETE


@pytest.mark.parametrize("kind", WHOLE)
def test_cut_at_any_place_it_is_cut(tmp_path: Path, kind: str) -> None:
    content = WHOLE[kind]
    places = sorted({0, 1, 2, 3, 5, 11, 12, 13, 20, 40, len(content) // 2, len(content) - 1})
    assert {n: told(tmp_path, content[:n]) for n in places if n < len(content)} == {
        n: Ending.CUT for n in places if n < len(content)
    }


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "gif", "bmp", "zip"])
def test_data_after_the_end_is_allowed(tmp_path: Path, kind: str) -> None:
    assert told(tmp_path, WHOLE[kind] + b"\0trailer" * 9000) is (
        Ending.CUT if kind == "zip" else Ending.COMPLETE  # 72 KB: no reader finds such a directory any more
    )
    assert told(tmp_path, WHOLE[kind] + b"\0trailer" * 90) is Ending.COMPLETE


@pytest.mark.parametrize("kind", ["jpeg", "png", "zip"])
def test_a_file_laid_out_in_full_and_half_written_is_cut(tmp_path: Path, kind: str) -> None:
    content = WHOLE[kind]
    half = len(content) // 2
    assert told(tmp_path, content[:half] + bytes(len(content) - half)) is Ending.CUT


def test_the_end_of_a_thumbnail_is_not_the_end_of_its_picture(tmp_path: Path) -> None:
    thumbnail = WHOLE["jpeg"]
    segment = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    content = b"\xff\xd8" + segment + WHOLE["jpeg"][2:]
    assert told(tmp_path, content) is Ending.COMPLETE
    assert told(tmp_path, content[: 2 + len(segment)]) is Ending.CUT
    assert told(tmp_path, content[: len(segment) + 600]) is Ending.CUT


def test_an_end_on_the_seam_of_two_pieces_is_found(tmp_path: Path) -> None:
    for after in range(65_534, 65_538):
        assert told(tmp_path, WHOLE["jpeg"] + b"\0" * after) is Ending.COMPLETE


def test_the_end_record_of_an_archive_inside_does_not_end_the_archive(tmp_path: Path) -> None:
    outer = archive(("inner.zip", archive(("a.jpg", b"x" * 50))), ("b.jpg", b"y" * 900))
    assert told(tmp_path, outer) is Ending.COMPLETE
    assert told(tmp_path, outer[: outer.index(b"y" * 900) + 400]) is Ending.CUT


@pytest.mark.parametrize(
    "content",
    [
        b"II*\0" + bytes(400),
        b"just words",
        b"x",
        bytes(5000),
        b"BM" + bytes(60),
        b"\0\0\0\x10ftypavif\0\0\0\0" + b"\0\0\0\0mdat" + bytes(90),
        b"RIFF\0\0\0\0WEBP" + bytes(90),
        b"\xff\xd8garbage where a segment should be",
    ],
)
def test_without_an_end_of_its_own_nothing_can_be_told(tmp_path: Path, content: bytes) -> None:
    assert told(tmp_path, content) is Ending.NONE


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xd8" + b"\xff" * 3_000_000,
        WHOLE["gif"][:13] + b"!\xff" + b"\x01a" * 1_500_000,
        b"\x89PNG\r\n\x1a\n" + b"\0\0\0\0tEXt____" * 1_200_000,
    ],
)
def test_a_file_made_to_be_walked_for_ever_is_given_up(tmp_path: Path, content: bytes) -> None:
    assert told(tmp_path, content) in (Ending.NONE, Ending.CUT)
