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


def box(name: bytes, *content: bytes) -> bytes:
    return struct.pack(">L", 8 + len(b"".join(content))) + name + b"".join(content)


def riff(form: bytes, content: bytes) -> bytes:
    return b"RIFF" + struct.pack("<L", 4 + len(content)) + form + content


def matroska(size: bytes = (5000 | 1 << 56).to_bytes(8)) -> bytes:
    header = b"\x1aE\xdf\xa3\x8b\x42\x82\x88matroska"
    return header + b"\xec\x40\x03abc" + b"\x18\x53\x80\x67" + size + b"\x1f" * 5000


FTYP = box(b"ftyp", b"mp42\0\0\0\0isom")
MDAT = box(b"mdat", b"x" * 5000)
MOOV = box(b"moov", box(b"mvhd", bytes(100)))
XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/">' + "<a>ß</a>" * 40 + "</x:xmpmeta >"
PACKET = f"<?xpacket begin='\ufeff' id='W5M0MpCehiHzreSzNTczkc9d'?>{XMP}{' ' * 2000}<?xpacket end='w'?>"

WHOLE = {
    "mp4": FTYP + MDAT + MOOV,
    "mp4 with its index first": FTYP + MOOV + MDAT,
    "mp4 with a long box": FTYP + MOOV + struct.pack(">L4sQ", 1, b"mdat", 5016) + b"x" * 5000,
    "mov without a brand": box(b"wide") + MDAT + MOOV,
    "avi": riff(b"AVI ", b"x" * 5000),
    "mkv": matroska(),
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
TEXTS = {"xmp": XMP.encode(), "xmp packet": PACKET.encode(), "json": b'{"title": "a.jpg", "n": 1}'}


@pytest.mark.parametrize("kind", WHOLE | TEXTS)
def test_a_whole_file_is_complete(tmp_path: Path, kind: str) -> None:
    assert told(tmp_path, (WHOLE | TEXTS)[kind]) is Ending.COMPLETE


@pytest.mark.parametrize("kind", TEXTS)
def test_a_text_cut_at_any_place_behind_its_first_tag_or_name_is_cut(tmp_path: Path, kind: str) -> None:
    content = TEXTS[kind]
    begun = max(3, content.find(b"meta/") + 7)
    places = {begun, len(content) // 2, len(content) - 2, len(content) - 1}
    assert {told(tmp_path, content[:n]) for n in places} == {Ending.CUT}


@pytest.mark.parametrize("kind", WHOLE)
def test_cut_at_any_place_it_is_cut(tmp_path: Path, kind: str) -> None:
    content = WHOLE[kind]
    places = sorted({0, 1, 2, 3, 5, 11, 12, 13, 20, 40, len(content) // 2, len(content) - 1})
    assert {n: told(tmp_path, content[:n]) for n in places if n < len(content)} == {
        n: Ending.CUT for n in places if n < len(content)
    }


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "gif", "bmp", "zip", "avi", "mkv"])
def test_data_after_the_end_is_allowed(tmp_path: Path, kind: str) -> None:
    assert told(tmp_path, WHOLE[kind] + b"\0trailer" * 9000) is (
        Ending.CUT if kind == "zip" else Ending.COMPLETE  # 72 KB: no reader finds such a directory any more
    )
    assert told(tmp_path, WHOLE[kind] + b"\0trailer" * 90) is Ending.COMPLETE


@pytest.mark.parametrize("kind", ["jpeg", "png", "zip", "mp4", "json", "xmp packet"])
def test_a_file_laid_out_in_full_and_half_written_is_cut(tmp_path: Path, kind: str) -> None:
    content = (WHOLE | TEXTS)[kind]
    half = len(content) // 2
    assert told(tmp_path, content[:half] + bytes(len(content) - half)) is Ending.CUT


def test_the_end_of_a_thumbnail_is_not_the_end_of_its_picture(tmp_path: Path) -> None:
    thumbnail = WHOLE["jpeg"]
    segment = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    content = b"\xff\xd8" + segment + WHOLE["jpeg"][2:]
    assert told(tmp_path, content) is Ending.COMPLETE
    assert told(tmp_path, content[: 2 + len(segment)]) is Ending.CUT
    assert told(tmp_path, content[: len(segment) + 600]) is Ending.CUT


def test_a_movie_without_its_index_is_cut_though_its_boxes_end_with_the_file(tmp_path: Path) -> None:
    assert told(tmp_path, FTYP + MDAT) is Ending.CUT
    assert told(tmp_path, FTYP + MOOV) is Ending.CUT


def test_a_film_of_several_riff_chunks_is_cut_where_the_last_one_is(tmp_path: Path) -> None:
    content = riff(b"AVI ", b"x" * 5001) + b"\0" + riff(b"AVIX", b"y" * 4000)
    assert told(tmp_path, content) is Ending.COMPLETE
    assert told(tmp_path, content[:-1]) is Ending.CUT
    assert told(tmp_path, content[:5018]) is Ending.CUT


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32"])
def test_a_sidecar_s_end_is_found_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    assert told(tmp_path, XMP.encode(encoding)) is Ending.COMPLETE
    assert told(tmp_path, PACKET[:-1].encode(encoding)) is Ending.CUT


@pytest.mark.parametrize("after", ["", "\n", " \r\n\t"])
def test_white_space_may_follow_the_end_of_json(tmp_path: Path, after: str) -> None:
    assert told(tmp_path, b'\xef\xbb\xbf {"a": {}}' + after.encode()) is Ending.COMPLETE
    assert told(tmp_path, b'\xef\xbb\xbf {"a": {},' + after.encode()) is Ending.CUT


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
        FTYP + MOOV + b"\0\0\0\0mdat" + bytes(90),
        riff(b"AVI ", bytes(90)).replace(struct.pack("<L", 94), bytes(4)),
        matroska(b"\xff"),
        matroska(b"\x01" + b"\xff" * 7),
        b"Ink free of acid and other words",
        b"<html>a page</html>",
        b"\0\0\x01\xba" + bytes(90),
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
        FTYP + b"\0\0\0\x08free" * 1_200_000,
        riff(b"AVI ", b"") * 1_200_000,
        b"\x1aE\xdf\xa3\x80" + b"\xec\x80" * 1_200_000,
        b"<!-- -->" * 1_200_000,
    ],
)
def test_a_file_made_to_be_walked_for_ever_is_given_up(tmp_path: Path, content: bytes) -> None:
    assert told(tmp_path, content) in (Ending.NONE, Ending.CUT)
