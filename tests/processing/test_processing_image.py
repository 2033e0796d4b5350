"""Pixels: right side up, in the right colours, in the right shape, within the limits; judged by their values."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marked_pictures import CORNERS, STORED, corner_names, encoded, noise, patches
from memory_costs import measured
from PIL import Image, ImageCms, TiffImagePlugin

from watcher.errors import RejectedError
from watcher.model import Format, Limits, Recipe
from watcher.processing import framing, image, metadata, sniffing

PREVIEW = Recipe("preview", "1600", "fit", 95)
SQUARE = Recipe("thumb", "300x300", "fill", 95)
ORIENTATION = 0x0112


def opened(content: bytes, format: Format, **limits: int) -> image.Picture:
    return image.Picture(io.BytesIO(content), format, Limits(**limits))


def seen(content: bytes, format: Format, recipe: Recipe = PREVIEW) -> Image.Image:
    """The rendition as a viewer shows it."""
    picture = opened(content, format)
    orientation = metadata.read(picture.blobs()).orientation or 1
    (made,), _ = picture.render((recipe,), orientation)
    shown = Image.open(io.BytesIO(made.content))
    assert shown.size == (made.width, made.height)
    assert shown.format == "JPEG"
    assert shown.getexif().get(ORIENTATION) is None
    return shown.convert("RGB")


def near(actual: Any, expected: tuple[int, ...], difference: int = 4) -> bool:
    return all(abs(a - e) <= difference for a, e in zip(actual, expected, strict=True))


def one_colour(mode: str, colour: Any, size: tuple[int, int] = (16, 16)) -> Image.Image:
    return Image.new(mode, size, colour)


def png(width: int, height: int, depth: int, colour_type: int, rows: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG with its chunks as given: `chunks` stand between the pixels and the end."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(rows)), *chunks, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts
    )


def profile_of(primaries: dict[bytes, tuple[float, float, float]], gamma: float) -> bytes:
    """A matrix/TRC display profile, version 2 (ICC.1:2001-04): three colorants in D50 and one gamma."""
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78),
        b"wtpt": b"XYZ \0\0\0\0" + fixed(0.9642, 1.0, 0.8249),
        **{name: b"XYZ \0\0\0\0" + fixed(*values) for name, values in primaries.items()},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))),
    }
    table, content, at = b"", b"", 128 + 4 + 12 * len(tags)
    for name, body in tags.items():
        body += bytes(-len(body) % 4)
        table += name + struct.pack(">II", at + len(content), len(body))
        content += body
    head = struct.pack(">I4xI4s4s4s", at + len(content), 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + fixed(0.9642, 1.0, 0.8249)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + content


def fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


# colorants adapted to D50, from the specifications of the two spaces
DISPLAY_P3 = profile_of(
    {b"rXYZ": (0.5151, 0.2412, -0.0011), b"gXYZ": (0.2919, 0.6922, 0.0419), b"bXYZ": (0.1572, 0.0666, 0.7841)}, 2.2
)
ADOBE_RGB = profile_of(
    {b"rXYZ": (0.6097, 0.3111, 0.0195), b"gXYZ": (0.2053, 0.6257, 0.0609), b"bXYZ": (0.1492, 0.0632, 0.7446)}, 2.2
)


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize(
    ("format", "options"),
    [("jpeg", {"quality": 95}), ("png", {}), ("webp", {"lossless": True}), ("tiff", {}), ("avif", {"speed": 10})],
)
def test_each_orientation_of_each_format_is_seen_upright(
    orientation: int, format: Format, options: dict[str, Any]
) -> None:
    stored = patches()
    for turn in STORED[orientation]:
        stored = stored.transpose(turn)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    content = encoded(stored, format, exif=exif, **options)
    assert corner_names(seen(content, format)) == CORNERS
    assert corner_names(seen(content, format, SQUARE)) == CORNERS
    assert opened(content, format).upright(orientation) == (96, 64)


def test_a_tiff_whose_orientation_stands_in_its_xmp_alone_is_seen_upright() -> None:
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
    )
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[700] = packet.encode()
    tags.tagtype[700] = 1
    content = encoded(patches().transpose(Image.Transpose.ROTATE_90), "tiff", tiffinfo=tags)
    assert corner_names(seen(content, "tiff")) == CORNERS
    assert opened(content, "tiff").upright(6) == (96, 64)


@pytest.mark.parametrize(
    ("picture", "kind", "options", "expected"),
    [
        (one_colour("L", 90), "png", {}, (90, 90, 90)),
        (one_colour("1", 1), "png", {}, (255, 255, 255)),
        (one_colour("1", 0), "tiff", {"compression": "group4"}, (0, 0, 0)),
        (one_colour("RGB", (10, 120, 230)), "bmp", {}, (10, 120, 230)),
        (one_colour("I;16", 100 * 257), "png", {}, (100, 100, 100)),
        (one_colour("I;16", 200 * 257), "tiff", {}, (200, 200, 200)),
        (one_colour("I", 65535 // 2), "tiff", {}, (127, 127, 127)),
        (one_colour("F", 0.5), "tiff", {}, (128, 128, 128)),
        (one_colour("CMYK", (255, 0, 0, 0)), "jpeg", {"quality": 95}, (0, 255, 255)),
        (one_colour("CMYK", (0, 0, 0, 255)), "tiff", {}, (0, 0, 0)),
        (one_colour("RGB", "red").quantize(4), "gif", {}, (255, 0, 0)),
        (one_colour("RGB", "red").quantize(4), "png", {}, (255, 0, 0)),
        (one_colour("LA", (0, 0)), "png", {}, (255, 255, 255)),
        (one_colour("LA", (0, 128)), "png", {}, (127, 127, 127)),
        (one_colour("RGBA", (255, 0, 0, 0)), "png", {}, (255, 255, 255)),
        (one_colour("RGBA", (255, 0, 0, 128)), "png", {}, (255, 127, 127)),
        (one_colour("RGBA", (255, 0, 0, 128)), "webp", {"lossless": True}, (255, 127, 127)),
        (one_colour("RGBA", (255, 0, 0, 128)), "tiff", {}, (255, 127, 127)),
        (one_colour("P", 0), "png", {"transparency": 0}, (255, 255, 255)),
        (one_colour("P", 0), "gif", {"transparency": 0}, (255, 255, 255)),
        (one_colour("RGB", (9, 9, 9)), "png", {"transparency": (9, 9, 9)}, (255, 255, 255)),
        (one_colour("L", 9), "png", {"transparency": 9}, (255, 255, 255)),
    ],
    ids=lambda value: value.mode if isinstance(value, Image.Image) else None,
)
def test_each_kind_of_pixel_keeps_its_colour_and_what_is_transparent_is_white(
    picture: Image.Image, kind: Format, options: dict[str, Any], expected: tuple[int, int, int]
) -> None:
    assert near(seen(encoded(picture, kind, **options), kind).getpixel((8, 8)), expected)


def test_sixteen_bit_colours_with_a_transparent_one_are_read() -> None:
    row = b"\0" + struct.pack(">6H", 0, 0, 0, 65535, 0, 0)
    content = png(2, 1, 16, 2, row, (b"tRNS", struct.pack(">3H", 1, 2, 3)))
    assert near(seen(content, "png").getpixel((1, 0)), (255, 0, 0), 90)  # two pixels share one block of colour


def test_lab_comes_out_as_the_colour_that_it_means() -> None:
    lab = ImageCms.profileToProfile(
        one_colour("RGB", (200, 60, 40)),
        ImageCms.createProfile("sRGB"),
        ImageCms.createProfile("LAB"),
        outputMode="LAB",
    )
    assert lab is not None
    assert near(seen(encoded(lab, "tiff"), "tiff").getpixel((8, 8)), (200, 60, 40), 6)


def test_floats_beyond_one_are_stretched_between_their_extremes() -> None:
    picture = Image.new("F", (32, 32), -5.0)
    picture.paste(1_000_000.0, (16, 0, 32, 32))
    made = seen(encoded(picture, "tiff"), "tiff")
    assert near(made.getpixel((2, 16)), (0, 0, 0))
    assert near(made.getpixel((29, 16)), (255, 255, 255))


@pytest.mark.parametrize(
    ("profile", "stored", "expected"),
    [
        # what the two spaces' own mathematics give for the stored values, in sRGB
        (DISPLAY_P3, (200, 100, 100), (216, 93, 97)),
        (DISPLAY_P3, (100, 180, 100), (64, 184, 89)),
        (ADOBE_RGB, (180, 100, 100), (203, 100, 100)),
        (ADOBE_RGB, (120, 180, 120), (81, 181, 117)),
        (ADOBE_RGB, (128, 128, 128), (129, 129, 129)),
    ],
)
@pytest.mark.parametrize(("format", "options"), [("png", {}), ("jpeg", {"quality": 98}), ("webp", {"lossless": True})])
def test_colours_of_wide_spaces_become_those_of_srgb(
    profile: bytes,
    stored: tuple[int, int, int],
    expected: tuple[int, int, int],
    format: Format,
    options: dict[str, Any],
) -> None:
    content = encoded(one_colour("RGB", stored), format, icc_profile=profile, **options)
    assert near(seen(content, format).getpixel((8, 8)), expected)
    _, flags = opened(content, format).render((PREVIEW,), 1)
    assert flags == ("icc_converted",)


def test_a_transparent_picture_is_converted_and_flattened() -> None:
    content = encoded(one_colour("RGBA", (200, 100, 100, 255)), "png", icc_profile=DISPLAY_P3)
    assert near(seen(content, "png").getpixel((8, 8)), (216, 93, 97))


@pytest.mark.parametrize("icc", [b"no profile", DISPLAY_P3[:200], b""])
def test_a_broken_profile_is_no_reason_to_refuse_a_picture(icc: bytes) -> None:
    content = encoded(one_colour("RGB", (10, 120, 230)), "png", icc_profile=icc)
    assert near(seen(content, "png").getpixel((8, 8)), (10, 120, 230))


def test_a_profile_for_other_pixels_is_left_alone() -> None:
    content = encoded(one_colour("L", 100), "png", icc_profile=DISPLAY_P3)
    assert near(seen(content, "png").getpixel((8, 8)), (100, 100, 100))


@pytest.mark.parametrize(
    ("size", "fit", "fill"),
    [
        ((4000, 3000), (1600, 1200), (300, 300)),
        ((3000, 4000), (1200, 1600), (300, 300)),
        ((1600, 1600), (1600, 1600), (300, 300)),
        ((200, 100), (200, 100), (100, 100)),
        ((1000, 200), (1000, 200), (200, 200)),
        ((301, 300), (301, 300), (300, 300)),
        ((12000, 1), (1600, 1), (1, 1)),
        ((1, 1), (1, 1), (1, 1)),
    ],
)
def test_pictures_are_scaled_down_and_never_up(
    size: tuple[int, int], fit: tuple[int, int], fill: tuple[int, int]
) -> None:
    made, _ = opened(encoded(Image.new("RGB", size), "png"), "png").render((PREVIEW, SQUARE), 1)
    assert [(one.recipe, one.width, one.height) for one in made] == [("preview", *fit), ("thumb", *fill)]


def test_filling_cuts_out_the_middle() -> None:
    picture = Image.new("RGB", (900, 300), "red")
    picture.paste("lime", (300, 0, 600, 300))
    made = seen(encoded(picture, "png"), "png", SQUARE)
    assert made.size == (300, 300)
    assert near(made.getpixel((6, 150)), (0, 255, 0), 12)
    assert near(made.getpixel((293, 150)), (0, 255, 0), 12)


@given(
    st.tuples(st.integers(1, 30_000), st.integers(1, 30_000)),
    st.tuples(st.integers(1, 4000), st.integers(1, 4000)),
    st.sampled_from(("fit", "fill")),
)
def test_a_frame_lies_in_the_picture_and_is_no_larger_than_asked(
    size: tuple[int, int], wanted: tuple[int, int], mode: Any
) -> None:
    (width, height), (left, top, right, bottom) = framing.frame(Recipe("any", f"{wanted[0]}x{wanted[1]}", mode), size)
    assert 1 <= width <= wanted[0] and 1 <= height <= wanted[1]
    assert 0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]
    if mode == "fill" and size[0] >= wanted[0] and size[1] >= wanted[1]:
        assert (width, height) == wanted


def test_a_jpeg_is_decoded_once_at_the_smallest_scale_that_serves_all_recipes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decoded: list[tuple[int, int]] = []
    plugin = type(Image.open(io.BytesIO(encoded(patches(), "jpeg"))))
    real = plugin.load

    def counted(self: Any) -> Any:
        if self.tile:
            decoded.append(self.size)
        return real(self)

    monkeypatch.setattr(plugin, "load", counted)
    picture = opened(encoded(Image.new("RGB", (3264, 2448), "teal"), "jpeg"), "jpeg")
    made, _ = picture.render((Recipe("preview", "400"), SQUARE), 1)
    assert decoded == [(408, 306)]  # an eighth
    assert [(one.width, one.height) for one in made] == [(400, 300), (300, 300)]


def test_a_turned_jpeg_is_scaled_by_its_upright_sides() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    content = encoded(Image.new("RGB", (1200, 800)), "jpeg", exif=exif)
    made, _ = opened(content, "jpeg").render((Recipe("tall", "100x600"),), 6)
    assert (made[0].width, made[0].height) == (100, 150)


@pytest.mark.parametrize(
    ("limits", "named"),
    [({"max_pixels": 99 * 100}, "limits.max_pixels"), ({"max_decoded_bytes": 30_000}, "limits.max_decoded_bytes")],
)
@pytest.mark.parametrize("format", ["jpeg", "png", "tiff", "webp", "gif", "bmp", "avif"])
def test_each_limit_is_named_by_the_error_that_it_causes(limits: dict[str, int], named: str, format: Format) -> None:
    content = encoded(Image.new("RGB", (100, 100)), format)
    with pytest.raises(RejectedError, match=named):
        opened(content, format, **limits).render((PREVIEW,), 1)


def test_the_limit_on_memory_is_asked_of_the_scaled_picture() -> None:
    content = encoded(Image.new("RGB", (4000, 3000)), "jpeg")
    (made,), _ = opened(content, "jpeg", max_decoded_bytes=1_000_000).render((Recipe("tiny", "200"),), 1)
    assert (made.width, made.height) == (200, 150)
    with pytest.raises(RejectedError, match=r"4000 x 3000 pixels takes 48 MB; limits\.max_decoded_bytes allows 1 MB"):
        opened(content, "jpeg", max_decoded_bytes=1_000_000).render((PREVIEW, Recipe("all", "4000")), 1)


def test_a_panorama_of_560_megapixels_is_decoded_at_an_eighth() -> None:
    width, height = 40_000, 14_000
    content = encoded(Image.new("L", (8, 8), 128), "jpeg")
    frame = content.index(b"\xff\xc0") + 5
    scan = content.index(b"\xff\xda") + 10
    # a flat block is 00 (no change of brightness) and 1010 (no more to come): four blocks are three bytes
    blocks = bytes((0b00101000, 0b10100010, 0b10001010)) * (width // 8 * height // 8 // 4)
    content = content[:frame] + struct.pack(">HH", height, width) + content[frame + 4 : scan] + blocks + b"\xff\xd9"
    (made,), flags = opened(content, "jpeg", max_decoded_bytes=50_000_000).render((PREVIEW,), 1)
    assert (made.width, made.height, flags) == (1600, 560, ())
    with pytest.raises(RejectedError, match=r"limits\.max_decoded_bytes"):
        opened(content, "jpeg", max_decoded_bytes=50_000_000).render((Recipe("large", "20000"),), 1)
    with pytest.raises(RejectedError, match=r"40000 x 14000 pixels; limits\.max_pixels allows 500,000,000"):
        opened(content, "jpeg", max_pixels=500_000_000)


def test_a_progressive_jpeg_counts_its_coefficients_whatever_the_scale() -> None:
    content = encoded(Image.new("RGB", (4000, 3000)), "jpeg", progressive=True)
    with pytest.raises(RejectedError, match=r"limits\.max_decoded_bytes"):
        opened(content, "jpeg", max_decoded_bytes=10_000_000).render((Recipe("tiny", "200"),), 1)


def png_bomb(side: int, *chunks: tuple[bytes, bytes]) -> bytes:
    return png(side, side, 1, 0, bytes(1 << 20), *chunks)


def gif_bomb(side: int) -> bytes:
    frame = b"," + struct.pack("<HHHHB", 0, 0, side, side, 0) + b"\x02\x01\x44\0"  # codes of two bits: clear, 0, end
    return b"GIF89a" + struct.pack("<HHBBB", side, side, 0, 0, 0) + frame + b";"


# what each would cost by itself: from 250 MB to 12 GB
BOMBS: dict[str, tuple[Format, bytes, str]] = {
    "pixels": ("png", png_bomb(60_000), "limits.max_pixels"),
    "decoded": ("png", png_bomb(30_000), "limits.max_decoded_bytes"),
    "text": ("png", png_bomb(10, (b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 28), 1))), "too large"),
    "gif": ("gif", gif_bomb(65535), "limits.max_pixels"),
    "bmp": (
        "bmp",
        b"BM" + struct.pack("<IIIIiiHHIIiiII", 90, 0, 54, 40, 90_000, 90_000, 1, 24, 0, 0, 0, 0, 0, 0),
        "limits.max_pixels",
    ),
}


def refusal(content: bytes, format: Format) -> str:
    try:
        opened(content, format).render((PREVIEW,), 1)
    except RejectedError as error:
        return str(error)
    return "not refused"


def test_a_bomb_is_refused_before_it_costs_memory() -> None:
    told = measured(refusal, [(content, format) for format, content, _ in BOMBS.values()])
    for (bomb, (_, _, words)), (said, grown_kb) in zip(BOMBS.items(), told, strict=True):
        assert words in said, bomb
        assert grown_kb < 100_000, bomb


@pytest.mark.parametrize("format", ["jpeg", "png", "gif", "bmp", "webp", "avif", "tiff"])
def test_a_picture_that_is_cut_off_is_refused_in_words(format: Format) -> None:
    whole = encoded(noise((200, 200)).convert("RGB"), format)
    for part in (3, 2):
        with pytest.raises(RejectedError, match=r"damaged|cut off") as caught:
            opened(whole[: len(whole) * (part - 1) // part], format).render((PREVIEW,), 1)
        assert "object at 0x" not in str(caught.value)


def test_a_disk_that_fails_is_not_the_pictures_fault() -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 2000:
                raise OSError(5, "Input/output error")
            return super().read(size)

    content = encoded(noise((400, 400)), "png")
    with pytest.raises(OSError, match="Input/output error"):
        image.Picture(Failing(content), "png", Limits())


def test_metadata_behind_the_pixels_of_a_png_is_found() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 8
    chunks = ((b"eXIf", exif.tobytes()[6:]), (b"tEXt", b"Title\0harbour"))
    blobs = opened(png(1, 1, 8, 0, b"\0\0", *chunks), "png").blobs()
    facts = metadata.read(blobs)
    assert (facts.orientation, facts.title) == (8, "harbour")


@pytest.mark.parametrize("keyword", ["exif", "APP1"])
def test_exif_in_hexadecimal_text_of_a_png_is_read_and_is_no_text(keyword: str) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 3
    raw = exif.tobytes()
    digits = "\n".join(raw.hex()[at : at + 72] for at in range(0, len(raw) * 2, 72))
    text = f"Raw profile type {keyword}\0\ngeneric profile\n{len(raw):8}\n{digits}\n"
    blobs = opened(png(1, 1, 8, 0, b"\0\0", (b"tEXt", text.encode("latin-1"))), "png").blobs()
    assert metadata.read(blobs).orientation == 3
    assert blobs.text == {}


def test_hexadecimal_text_that_is_none_is_absent() -> None:
    text = b"Raw profile type exif\0\nexif\n      9\nnot digits\n"
    blobs = opened(png(1, 1, 8, 0, b"\0\0", (b"tEXt", text)), "png").blobs()
    assert (blobs.exif, blobs.text) == (None, {})


IIM = b"\x1c\x02\x78\x00\x05ferry\x1c\x02\x19\x00\x04port"  # caption and keyword


def tiff_with(tag: int, type: int, content: bytes) -> bytes:
    """A TIFF of one grey pixel, with one tag more."""
    size = {7: 1, 4: 4}[type]
    entries = [
        *((256, 3, 1, b"\1\0\0\0"), (257, 3, 1, b"\1\0\0\0"), (258, 3, 1, b"\x08\0\0\0"), (259, 3, 1, b"\1\0\0\0")),
        *((262, 3, 1, b"\1\0\0\0"), (273, 4, 1, b"\x08\0\0\0"), (277, 3, 1, b"\1\0\0\0"), (278, 3, 1, b"\1\0\0\0")),
        (279, 4, 1, b"\1\0\0\0"),
        (tag, type, len(content) // size, struct.pack("<I", 12 + 2 + 10 * 12 + 4)),
    ]
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHI", *e[:3]) + e[3] for e in entries)
    return b"II*\0" + struct.pack("<I", 12) + b"\x40\0\0\0" + directory + bytes(4) + content


@pytest.mark.parametrize(
    ("tag", "type", "content"),
    [
        (33723, 7, IIM),
        (33723, 4, IIM + bytes(-len(IIM) % 4)),
        (34377, 7, b"8BIM\x04\x04\0\0" + struct.pack(">I", len(IIM)) + IIM),
        (34377, 7, b"8BIM\x03\xed\x03abc\0\0\0\x01x\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(IIM)) + IIM),
    ],
    ids=["bytes", "longs", "image resource", "second image resource"],
)
def test_iptc_of_a_tiff_is_found_however_it_is_kept(tag: int, type: int, content: bytes) -> None:
    facts = metadata.read(opened(tiff_with(tag, type, content), "tiff").blobs())
    assert (facts.description, facts.keywords) == ("ferry", ("port",))


def test_xmp_of_a_webp_is_found() -> None:
    blobs = opened(encoded(patches(), "webp", xmp=b"<x:xmpmeta/>"), "webp").blobs()
    assert blobs.xmp == b"<x:xmpmeta/>"


def test_moving_and_many_paged_pictures_say_so() -> None:
    pages = [Image.new("L", (8, 8), level) for level in (0, 255)]
    flags = {}
    for format in ("gif", "png", "webp", "avif", "tiff"):
        content = encoded(pages[0], format, save_all=True, append_images=pages[1:])
        flags[format] = opened(content, format).render((PREVIEW,), 1)[1]
    moving = ("animated",)
    assert flags == {"gif": moving, "png": moving, "webp": moving, "avif": moving, "tiff": ("multi_page",)}
    assert opened(encoded(pages[0], "gif"), "gif").render((PREVIEW,), 1)[1] == ()


def test_a_camera_raw_file_in_the_shape_of_a_tiff_is_known_by_its_tags() -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[50706] = b"\1\4\0\0"
    assert sniffing.kind(io.BytesIO(encoded(patches(), "tiff", tiffinfo=tags))) == "raw"


def test_a_kind_of_its_format_that_is_not_read_is_refused_in_words() -> None:
    with pytest.raises(RejectedError, match="begins as JPEG pictures do"):
        opened(encoded(patches(), "jpeg").replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc0\x00\x11\x0c"), "jpeg")  # 12 bits
