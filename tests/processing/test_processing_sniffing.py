"""A file's kind comes from its first bytes; what is not taken is called by its name."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from watcher.processing import sniffing

RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
SIDECAR = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {RDF}/></x:xmpmeta>'
PACKET = f'<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\r\n{SIDECAR}\n<?xpacket end="w"?>'


def kind(content: bytes) -> sniffing.Kind | None:
    file = io.BytesIO(content)
    found = sniffing.kind(file)
    assert file.tell() == 0
    return found


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
        (b"\0\0\0\x20ftypM4A \0\0\0\0M4A mp42", "sound"),
        (b"\0\0\0\x20ftypavci\0\0\0\0avci", "picture of a kind"),
        (b"RIFF\x24\x08\0\0WAVEfmt ", "sound"),
        (b"OggS\0\2" + bytes(22) + b"\x01vorbis", "sound"),
        (b"ID3\x03", "sound"),
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
        (b'{"title": "cut', "JSON"),
        (b"The wide road", "not a picture"),
        (b"Ink free of acid", "not a picture"),
        (b"x", "not a picture"),
    ],
)
def test_what_is_not_taken_is_called_by_its_name(head: bytes, said: str) -> None:
    assert sniffing.sniff(head) is None
    assert said in sniffing.refusal(head)


def test_an_avif_that_calls_itself_an_image_in_general_is_one() -> None:
    assert sniffing.sniff(b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf") == "avif"


@pytest.mark.parametrize(
    "head",
    [
        b"\0\0\0\x18ftypmp42\0\0\0\0isommp42",
        b"\0\0\0\x14ftypqt  \0\0\0\0qt  ",
        b"\0\0\0\x18ftyp3gp5\0\0\0\0isom",
        b"\0\0\0\x14ftypXAVC\0\0\0\0",
        b"\0\0\0\x08wide\0\0\0\0mdat",
        b"\x4f\0\0\0mdat",
        b"\0\2\0\0moov\0\0\0\x6cmvhd",
        b"RIFF\x24\x08\0\0AVI LIST",
        b"\x1aE\xdf\xa3\x9f\x42\x86\x81\x01",
        b"\0\0\1\xba\x44",
        b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa\0\x62\xce\x6c",
        b"FLV\x01\x05",
        b"OggS\0\2" + bytes(22) + b"\x80theora",
        b"\x1f\x07\0\x3f",
    ],
)
def test_a_movie_is_known_by_its_start(head: bytes) -> None:
    assert sniffing.sniff(head.ljust(sniffing.HEAD_BYTES, b"\0")) == "video"
    assert kind(head) == "video"


@pytest.mark.parametrize("packet", [b"G" + bytes(187), bytes(4) + b"G" + bytes(187)], ids=["ts", "m2ts"])
def test_a_transport_stream_is_known_by_its_rhythm(packet: bytes) -> None:
    assert kind(packet * 9) == "video"
    assert kind(packet * 4) is None
    assert kind(packet * 4 + b"x" + packet * 4) is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["bare", "marked"])
@pytest.mark.parametrize(
    "text",
    [
        SIDECAR,
        PACKET,
        f'<?xml version="1.0"?>\n<!-- made <by> hand -->\n{SIDECAR}',
        f"<rdf:RDF {RDF}></rdf:RDF>",
        "<x:xapmeta xmlns:x='adobe:ns:meta/'>",
        '<m:xmpmeta\n  m:xmptk="XMP Core"\n  xmlns:m="adobe:ns:meta/"\n>',
    ],
)
def test_a_sidecar_is_known_by_its_first_tag_in_any_encoding(text: str, mark: str, encoding: str) -> None:
    assert kind((mark + text).encode(encoding)) == "xmp"


def kinds(folder: Path, suffix: str) -> dict[str, sniffing.Kind | None]:
    return {path.name: kind(path.read_bytes()) for path in folder.rglob(f"*{suffix}")}


@pytest.mark.corpus
def test_the_sidecars_of_many_programs_are_known(corpus: Path) -> None:
    assert set(kinds(corpus / "sidecars" / "real", ".xmp").values()) == {"xmp"}
    found = kinds(corpus / "sidecars" / "xmp", ".xmp")
    unknown = {"h.xmp", "i.xmp", "j.xmp"}  # cut off without its namespaces, empty, a declaration of entities
    assert {name for name in found if found[name] != "xmp"} == unknown


@pytest.mark.corpus
def test_takeout_s_files_are_json(corpus: Path) -> None:
    found = kinds(corpus / "sidecars" / "takeout", ".json")
    unknown = {"IMG_0010", "IMG_0012", "IMG_0013", "IMG_0015"}  # cut off, two arrays, a number of 5,000 digits
    assert {name.partition(".")[0] for name in found if found[name] != "json"} == unknown
    assert "json" in found.values()


@pytest.mark.parametrize(
    "text",
    [
        f"<svg><metadata>{SIDECAR}</metadata></svg>",
        "<xmpmeta>",
        "<x:xmpmetadata xmlns:x='adobe:ns:meta/'>",
        f"words before {SIDECAR}",
        "<?xpacket begin=''?>",
        "<!-- never closed " + SIDECAR.replace("-", "_"),
    ],
)
def test_other_text_in_tags_is_no_sidecar(text: str) -> None:
    assert kind(text.encode()) is None
    assert kind(text.encode("utf-16")) is None


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"{}", "json"),
        (b'\xef\xbb\xbf \r\n{ "title": "caf\xc3\xa9" }\n', "json"),
        (b'{"title": "caf\xe9"}', None),
        (b'{"title": "cut', None),
        (b"[{}]", None),
        (rb"{\rtf1 letter}", None),
        (b'{"deep": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", None),
        (b'{"long": ' + b"9" * 9000 + b"}", None),
        (b'{"": "' + b"x" * (1 << 20) + b'"}', None),
        (b"{" + b" " * 60_000 + b"}", "json"),
    ],
)
def test_json_is_an_object_in_utf_8_that_is_not_too_large(content: bytes, expected: str | None) -> None:
    assert kind(content) == expected


@pytest.mark.parametrize("piece", [b"<?a ", b"<?a?> ", b"<!-- ", b"<!---->", b" ", b"<x:xmpmeta ", b"{", b'{"":'])
def test_text_made_to_be_read_for_ever_is_given_up(piece: bytes) -> None:
    assert kind(piece * 100_000) is None


@settings(deadline=None)
@given(
    st.sampled_from([b"", b"<", b"\xff\xfe<\0", b"\xff\xfe\0\0", b"{", b'{"', b"\xef\xbb\xbf{"]),
    st.binary(max_size=200),
)
def test_any_content_has_a_kind_or_none(start: bytes, rest: bytes) -> None:
    kind(start + rest)


@given(st.binary(min_size=1, max_size=sniffing.HEAD_BYTES))
def test_any_start_has_an_answer(head: bytes) -> None:
    assert sniffing.sniff(head) is not None or sniffing.refusal(head)
