"""A file's kind comes from its first bytes; what is not taken is called by its name."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from watcher.processing import sniffing


@pytest.mark.parametrize("format", [format for format in sniffing.PICTURES if format not in ("jp2", "heic", "raw")])
def test_each_format_is_known_by_its_start(format: str) -> None:
    out = io.BytesIO()
    Image.new("RGB", (4, 4)).save(out, format)
    assert sniffing.sniff(out.getvalue()[: sniffing.HEAD_BYTES]) == format


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "heic"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "heic"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "jp2"),
        (b"\xff\x4f\xff\x51\0\x2f", "jp2"),
        (b"\0\0\0\x18ftypcrx \0\0\0\0crx isom", "raw"),
        (b"II*\0\x10\0\0\0CR\x02\0", "raw"),
        (b"IIRO\x08\0\0\0", "raw"),
        (b"IIU\0\x18\0\0\0", "raw"),
        (b"FUJIFILMCCD-RAW 0201", "raw"),
    ],
)
def test_formats_of_cameras_and_phones_are_known_by_their_start(head: bytes, kind: str) -> None:
    assert sniffing.sniff(head) == kind


def test_a_zip_is_known_by_its_start_even_an_empty_one() -> None:
    out = io.BytesIO()
    zipfile.ZipFile(out, "w").close()
    assert sniffing.sniff(out.getvalue()) == "zip"
    assert sniffing.sniff(b"PK\3\4" + bytes(60)) == "zip"


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"\0\0\0\x18ftypmp42\0\0\0\0isommp42", "video"),
        (b"\0\0\0\x08wide\0\0\0\0mdat", "video"),
        (b"\xff\x0a\x12", "JPEG XL"),
        (b"8BPS\0\1", "Photoshop"),
        (b"%PDF-1.7", "PDF"),
        (b'<?xml version="1.0"?><svg>', "SVG"),
        (b"\xef\xbb\xbf\n<!doctype html>", "web page"),
        (b"P6\n4 4\n255\n", "Netpbm"),
        (b"Rar!\x1a\x07\0", "RAR"),
        (bytes(64), "zero bytes"),
        (b"BMW, Mercedes and Audi: a list of cars", "not a picture"),
        (b"PK00 was here", "not a picture"),
        (b"x", "not a picture"),
    ],
)
def test_what_is_not_taken_is_called_by_its_name(head: bytes, said: str) -> None:
    assert sniffing.sniff(head) is None
    assert said in sniffing.refusal(head)


def test_an_avif_that_calls_itself_an_image_in_general_is_one() -> None:
    assert sniffing.sniff(b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf") == "avif"


@given(st.binary(min_size=1, max_size=sniffing.HEAD_BYTES))
def test_any_start_has_an_answer(head: bytes) -> None:
    assert sniffing.sniff(head) is not None or sniffing.refusal(head)
