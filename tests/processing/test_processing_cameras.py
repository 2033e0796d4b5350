"""Phones and cameras: HEIC, camera raw, JPEG 2000, gain maps; and what is said when an addition is not installed."""

from __future__ import annotations

import io
import struct
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marked_pictures import CORNERS, corner_names, encoded, noise, patches
from PIL import Image
from pillow_heif import register_heif_opener

from watcher.errors import RejectedError
from watcher.model import Limits, Recipe
from watcher.processing import image, metadata, raw, sniffing
from watcher.processing.developing import render

register_heif_opener()
PREVIEW = Recipe("preview", quality=95)
ORIENTATION = 0x0112


SMALL = {kind: encoded(patches((48, 32)), kind) for kind in ("jpeg", "HEIF", "JPEG2000")}


def oriented(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    exif[0x010F] = "Maker"
    return exif


@pytest.mark.parametrize("told_by", ["container and EXIF", "EXIF alone"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_heic_is_turned_once_and_tells_how_it_lay(tmp_path: Path, orientation: int, told_by: str) -> None:
    turn = {
        1: (),
        2: (Image.Transpose.FLIP_LEFT_RIGHT,),
        3: (Image.Transpose.ROTATE_180,),
        4: (Image.Transpose.FLIP_TOP_BOTTOM,),
        5: (Image.Transpose.TRANSPOSE,),
        6: (Image.Transpose.ROTATE_90,),
        7: (Image.Transpose.TRANSVERSE,),
        8: (Image.Transpose.ROTATE_270,),
    }[orientation]
    stored = patches()
    for step in turn:
        stored = stored.transpose(step)
    # pillow-heif turns the container for EXIF in bytes, and not for an object
    exif = oriented(orientation)
    content = encoded(stored, "HEIF", exif=exif if told_by == "EXIF alone" else exif.tobytes(), quality=95)
    assert (b"irot" in content or b"imir" in content) == (told_by == "container and EXIF" and orientation > 1)
    assert sniffing.kind(io.BytesIO(content)) == "heic"
    picture = image.Picture(io.BytesIO(content), "heic", Limits())
    facts = metadata.read(picture.blobs())
    (made,), _ = picture.render((PREVIEW,), picture.turned or facts.orientation or 1)
    seen = Image.open(io.BytesIO(made.content)).convert("RGB")
    assert (seen.size, picture.upright(orientation)) == ((96, 64), (96, 64))
    assert corner_names(seen) == CORNERS
    assert (picture.turned or 1, facts.camera_make) == (orientation, "Maker")
    path = tmp_path / "a.heic"
    path.write_bytes(content)
    (made,), _ = render(str(path), "heic", (PREVIEW,), Limits())
    assert corner_names(Image.open(io.BytesIO(made.content)).convert("RGB")) == CORNERS


def test_without_their_additions_heic_and_raw_are_refused_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = encoded(patches(), "HEIF")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.setitem(sys.modules, "rawpy", None)
    monkeypatch.delitem(Image.OPEN, "HEIF")
    with pytest.raises(RejectedError, match=r"HEIC picture; .* pip install 'photo-watcher\[heif\]'"):
        image.Picture(io.BytesIO(content), "heic", Limits())
    with pytest.raises(RejectedError, match=r"camera raw file; .* pip install 'photo-watcher\[raw\]'"):
        raw.Raw(io.BytesIO(b"II*\0\x10\0\0\0CR\2\0"), Limits())


@pytest.mark.parametrize("percent", [10, 50, 90])
def test_a_heic_or_jpeg_2000_that_is_cut_off_is_refused(percent: int) -> None:
    for format, kind, options in (("heic", "HEIF", {}), ("jp2", "JPEG2000", {}), ("jp2", "JPEG2000", {"no_jp2": True})):
        content = encoded(noise((200, 200)).convert("RGB"), kind, **options)
        with pytest.raises(RejectedError, match=r"cut off|damaged"):
            image.Picture(io.BytesIO(content[: len(content) * percent // 100]), format, Limits())  # type: ignore[arg-type]


@pytest.mark.parametrize("limits", [{"max_pixels": 6000}, {"max_decoded_bytes": 60_000}])
@pytest.mark.parametrize(("format", "kind"), [("heic", "HEIF"), ("jp2", "JPEG2000")])
def test_their_limits_are_named(format: Any, kind: str, limits: dict[str, int]) -> None:
    with pytest.raises(RejectedError, match=f"limits.{next(iter(limits))}"):
        image.Picture(io.BytesIO(encoded(patches(), kind)), format, Limits(**limits))


@pytest.mark.parametrize("options", [{}, {"no_jp2": True}])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "I;16"])
def test_jpeg_2000_is_read_with_and_without_boxes(mode: str, options: dict[str, Any]) -> None:
    picture = Image.new("I;16", (96, 64), 128 * 257) if mode == "I;16" else patches().convert(mode)
    content = encoded(picture, "JPEG2000", **options)
    assert sniffing.kind(io.BytesIO(content)) == "jp2"
    (made,), flags = image.Picture(io.BytesIO(content), "jp2", Limits()).render((PREVIEW,), 1)
    seen = Image.open(io.BytesIO(made.content)).convert("RGB")
    if mode.startswith("RGB"):
        assert corner_names(seen) == CORNERS
    elif mode == "I;16":
        assert all(abs(level - 128) < 3 for level in seen.getpixel((9, 9)))  # type: ignore[union-attr]
    assert flags == ()


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


def test_metadata_in_the_boxes_of_a_jpeg_2000_are_read() -> None:
    exif = b"JpgTiffExif->JP2" + oriented(6).tobytes()[6:]
    xmp = bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC") + b"<x:xmpmeta/>"
    content = encoded(patches(), "JPEG2000") + box(b"uuid", exif) + box(b"uuid", xmp)
    picture = image.Picture(io.BytesIO(content), "jp2", Limits())
    blobs = picture.blobs()
    assert blobs.xmp == b"<x:xmpmeta/>"
    assert metadata.read(blobs).orientation == 6
    assert picture.upright(6) == (64, 96)


def dng(preview: bytes, orientation: int, packed: int = 7) -> bytes:
    """A raw file of 32 x 24 grey pixels behind a preview, as DNG wants it (DNG 1.4, chapter 4).

    The preview has 96 x 64 pixels; `packed` is how, by TIFF's number: 7 is JPEG, 1 is not at all.
    """
    width, height = 32, 24
    pixels = struct.pack("<H", 500) * (width * height)
    inner = [
        *((254, 4, 1, 0), (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 16), (259, 3, 1, 1), (262, 3, 1, 32803)),
        *((273, 4, 1, "pixels"), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, len(pixels))),
        *((33421, 3, 2, 0x00020002), (33422, 1, 4, 0x02010100)),
    ]
    outer = [
        *(
            (254, 4, 1, 1),
            (256, 4, 1, 96),
            (257, 4, 1, 64),
            (258, 3, 3, "bits"),
            (259, 3, 1, packed),
            (262, 3, 1, 6 if packed == 7 else 2),
        ),
        *((271, 2, 6, "make"), (272, 2, 6, "make"), (273, 4, 1, "preview"), (274, 3, 1, orientation), (277, 3, 1, 3)),
        *((278, 4, 1, 64), (279, 4, 1, len(preview)), (330, 4, 1, "inner"), (50706, 1, 4, 0x00000401)),
        (50708, 2, 6, "make"),
    ]
    blocks: dict[str, bytes] = {
        "make": b"Maker\0",
        "bits": struct.pack("<3H", 8, 8, 8),
        "pixels": pixels,
        "preview": preview,
    }
    places, at = {}, 8
    for name, size in (
        ("outer", len(outer) * 12 + 6),
        ("inner", len(inner) * 12 + 6),
        *((k, len(v)) for k, v in blocks.items()),
    ):
        places[name], at = at, at + size + size % 2
    out = bytearray(b"II*\0" + struct.pack("<I", places["outer"])).ljust(at, b"\0")
    for name, entries in (("outer", outer), ("inner", inner)):
        body = struct.pack("<H", len(entries))
        for tag, kind, count, value in entries:
            body += struct.pack("<HHII", tag, kind, count, places[value] if isinstance(value, str) else value)
        out[places[name] : places[name] + len(body)] = body
    for name, content in blocks.items():
        out[places[name] : places[name] + len(content)] = content
    return bytes(out)


@pytest.mark.parametrize(("orientation", "seen_first"), [(1, "red"), (6, "blue")])
def test_a_camera_raw_file_is_shown_by_the_preview_in_it(orientation: int, seen_first: str) -> None:
    content = dng(encoded(patches(), "jpeg", quality=95), orientation)
    assert sniffing.kind(io.BytesIO(content)) == "raw"
    opened = raw.Raw(io.BytesIO(content), Limits())
    facts = metadata.read(opened.blobs())
    assert (facts.orientation, facts.camera_make) == (orientation, "Maker")
    (made,), flags = opened.render((PREVIEW,), orientation, facts)
    seen = Image.open(io.BytesIO(made.content)).convert("RGB")
    assert corner_names(seen)[0] == seen_first
    assert (flags, opened.width, opened.height) == ((), 32, 24)
    assert opened.upright(orientation) == ((32, 24) if orientation == 1 else (24, 32))


def test_a_preview_that_its_camera_had_turned_is_not_turned_again() -> None:
    content = dng(encoded(patches((64, 96)), "jpeg", quality=95), 6)
    (made,), _ = raw.Raw(io.BytesIO(content), Limits()).render((PREVIEW,), 6, metadata.Facts())
    assert corner_names(Image.open(io.BytesIO(made.content)).convert("RGB")) == CORNERS


def test_a_preview_of_bare_pixels_is_shown_like_any_other() -> None:
    content = dng(patches().tobytes(), 1, packed=1)
    (made,), flags = raw.Raw(io.BytesIO(content), Limits()).render((PREVIEW,), 1, metadata.Facts())
    seen = Image.open(io.BytesIO(made.content)).convert("RGB")
    assert (seen.size, corner_names(seen), flags) == ((96, 64), CORNERS, ())


def test_a_preview_that_is_broken_costs_the_renditions_alone() -> None:
    opened = raw.Raw(io.BytesIO(dng(b"\xff\xd8\xff\xe0 no picture", 1)), Limits())
    assert opened.render((PREVIEW,), 1, metadata.Facts()) == ([], ("no_renditions",))
    half = encoded(noise((96, 64)), "jpeg", quality=95)
    opened = raw.Raw(io.BytesIO(dng(half[: len(half) // 2], 1)), Limits())
    assert opened.render((PREVIEW,), 1, metadata.Facts()) == ([], ("no_renditions",))


def test_a_camera_raw_file_without_a_preview_is_kept_without_renditions() -> None:
    opened = raw.Raw(io.BytesIO(dng(b"no picture", 1)), Limits())
    assert opened.render((PREVIEW,), 1, metadata.Facts()) == ([], ("no_renditions",))
    with pytest.raises(RejectedError, match=r"limits\.max_pixels"):
        raw.Raw(io.BytesIO(dng(b"", 1)), Limits(max_pixels=700))


def test_a_camera_raw_file_that_memory_may_not_hold_is_refused_unread() -> None:
    content = dng(b"", 1) + bytes(3_000_000)
    with pytest.raises(RejectedError, match=r"takes its whole 3 MB; limits\.max_decoded_bytes allows 2 MB"):
        raw.Raw(io.BytesIO(content), Limits(max_decoded_bytes=2_000_000))


@pytest.mark.parametrize("content", [b"II*\0\x10\0\0\0CR\2\0" + bytes(90), b"FUJIFILMCCD-RAW " + bytes(900), b"IIU\0"])
def test_a_damaged_camera_raw_file_is_refused_in_words(content: bytes) -> None:
    with pytest.raises(RejectedError, match="camera raw file that cannot be read"):
        raw.Raw(io.BytesIO(content), Limits())


GOOGLE = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"/></rdf:RDF></x:xmpmeta>'
)
APPLE = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" xmlns:HDRGainMap="http://ns.apple.com/HDRGainMap/1.0/"/>'


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [(GOOGLE, b"", ("hdr_gain_map",)), (b"", APPLE, ("hdr_gain_map",)), (b"", b"<x:xmpmeta/>", ()), (b"", b"", ())],
)
def test_a_gain_map_is_flagged_wherever_it_is_told(first: bytes, second: bytes, expected: tuple[str, ...]) -> None:
    one, two = patches(), patches().convert("L")
    options: dict[str, Any] = {"save_all": True, "append_images": [two]} if second else {}
    content = encoded(one, "MPO" if second else "JPEG", xmp=first, **options)
    if second:
        start = content.rindex(b"\xff\xd8") + 2
        packet = b"http://ns.adobe.com/xap/1.0/\0" + second
        content = content[:start] + b"\xff\xe1" + struct.pack(">H", len(packet) + 2) + packet + content[start:]
    _, flags = image.Picture(io.BytesIO(content), "jpeg", Limits()).render((PREVIEW,), 1)
    assert flags == expected


def test_the_pages_of_a_tiff_are_counted() -> None:
    pages = [Image.new("L", (8, 8), level) for level in (0, 90, 255)]
    content = encoded(pages[0], "tiff", save_all=True, append_images=pages[1:])
    picture = image.Picture(io.BytesIO(content), "tiff", Limits())
    assert (picture.pages, picture.render((PREVIEW,), 1)[1]) == (3, ("multi_page",))


def test_what_a_bigtiff_says_is_read() -> None:
    content = encoded(patches(), "tiff", big_tiff=True, exif=oriented(6))
    assert content[:4] == b"II+\0"
    picture = image.Picture(io.BytesIO(content), "tiff", Limits())
    facts = metadata.read(picture.blobs())
    assert (facts.orientation, facts.camera_make, facts.flags) == (6, "Maker", ())
    recipe = Recipe("all", metadata="all")
    (made,), _ = picture.render((recipe,), 6, facts)
    assert Image.open(io.BytesIO(made.content)).getexif().get(ORIENTATION) is None


def test_extended_xmp_and_the_digest_beside_iptc_reach_their_reader() -> None:
    extension = b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32 + struct.pack(">II", 4, 0) + b"part"
    resource = b"8BIM\x04\x25\0\0" + struct.pack(">I", 16) + bytes(range(16))
    segments = b"".join(
        b"\xff" + marker + struct.pack(">H", len(body) + 2) + body
        for marker, body in ((b"\xe1", extension), (b"\xed", b"Photoshop 3.0\0" + resource))
    )
    content = encoded(patches(), "jpeg")
    blobs = image.Picture(io.BytesIO(content[:2] + segments + content[2:]), "jpeg", Limits()).blobs()
    assert (blobs.xmp_extended, blobs.iptc_digest) == ((extension,), bytes(range(16)))


def test_a_png_that_lacks_no_pixel_but_its_end_says_so() -> None:
    content = encoded(patches(), "png")
    flags = [
        image.Picture(io.BytesIO(one), "png", Limits()).render((PREVIEW,), 1)[1] for one in (content, content[:-12])
    ]
    assert flags == [(), ("truncated_end",)]


@pytest.mark.parametrize("frames", [1, 3])
def test_a_gif_that_lacks_no_pixel_of_its_first_picture_but_its_end_says_so(frames: int) -> None:
    pictures = [noise((60, 40)).rotate(90 * turn) for turn in range(frames)]
    content = encoded(pictures[0], "gif", save_all=True, append_images=pictures[1:], comment=b"x" * 700)
    cuts = [content, content + b"; and more", content[:-1], content[: len(content) - 300 * (frames > 1)]]
    flags = [image.Picture(io.BytesIO(one), "gif", Limits()).render((PREVIEW,), 1)[1] for one in cuts]
    animated = ("animated",) * (frames > 1)
    whole, cut = animated, (*animated, "truncated_end")
    assert flags == [whole, whole, cut, cut if frames > 1 else whole]


@given(st.sampled_from(["jpeg", "HEIF", "JPEG2000"]), st.data())
@settings(max_examples=60, deadline=None)
def test_a_few_wrong_bytes_end_in_a_picture_or_a_sentence(kind: str, data: st.DataObject) -> None:
    content = bytearray(SMALL[kind])
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(content[: data.draw(st.integers(1, len(content)))])
    if sniffing.kind(io.BytesIO(cut)) != {"jpeg": "jpeg", "HEIF": "heic", "JPEG2000": "jp2"}[kind]:
        return
    try:
        picture = image.Picture(io.BytesIO(cut), sniffing.kind(io.BytesIO(cut)), Limits(10**7, 10**6, 10**7))  # type: ignore[arg-type]
        picture.blobs()
        picture.render((PREVIEW,), 1)
    except RejectedError as error:
        assert len(str(error)) > 20 and "\n" not in str(error)
