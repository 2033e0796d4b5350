"""Reads an XMP packet into plain values. The only home of defusedxml.

Owns XML and RDF: encodings, limits against hostile packets, the ways in which RDF can say the same thing.
What a property means for a picture is for metadata.py, dates.py, positions.py and reconciling.py to know.
Rules: XMP specification part 1 (ISO 16684-1), serialization; part 2, GPSCoordinate.
"""

from __future__ import annotations

import math
import re
from typing import TypeAlias
from xml.etree.ElementTree import Element, TreeBuilder

from defusedxml.ElementTree import DefusedXMLParser

from watcher.processing.exif import clean, decoded

Value: TypeAlias = "str | list[Value] | dict[str, Value]"  # a text in several languages is a dict by language
Properties = dict[str, Value]

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_LISTS = (_RDF + "Bag", _RDF + "Seq", _RDF + "Alt")
_PREFIXES = {
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://ns.adobe.com/xap/1.0/mm/": "xmpMM",
    "http://ns.adobe.com/xap/1.0/rights/": "xmpRights",
    "http://ns.adobe.com/xap/1.0/g/img/": "xmpGImg",
    "http://ns.adobe.com/xmp/note/": "xmpNote",
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://ns.adobe.com/exif/1.0/aux/": "aux",
    "http://cipa.jp/exif/1.0/": "exifEX",
    "http://ns.adobe.com/tiff/1.0/": "tiff",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
    "http://ns.adobe.com/camera-raw-settings/1.0/": "crs",
    "http://ns.adobe.com/lightroom/1.0/": "lr",
    "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/": "Iptc4xmpCore",
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": "Iptc4xmpExt",
    "http://www.metadataworkinggroup.com/schemas/regions/": "mwg-rs",
    "http://www.digikam.org/ns/1.0/": "digiKam",
    "http://ns.microsoft.com/photo/1.0/": "MicrosoftPhoto",
}
_COORDINATE = re.compile(r"\s*(\d+\.?\d*)(?:,(\d+\.?\d*))?(?:,(\d+\.?\d*))?\s*([NSEW])\s*", re.ASCII)
_BASE64 = re.compile(r"[A-Za-z0-9+/=\r\n]{2048,}")  # no blanks: prose has them
EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"  # how a JPEG's segment of extended XMP begins
_MAX_BYTES = 16 << 20
_MAX_DEPTH = 100
_MAX_ELEMENTS = 100_000
ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, section 2.2


def read(packet: bytes) -> Properties | None:
    """The properties by "prefix:name"; None when the packet cannot be read. Never raises.

    Refused: broken XML, entities, nesting beyond 100, more than 16 MiB or 100,000 elements.
    """
    if len(packet) > _MAX_BYTES:
        return None
    try:
        parser = DefusedXMLParser(target=_Bounded())
        parser.feed(_characters(packet))
        root = parser.close()
    except Exception:  # expat, defusedxml and our limits each have classes of their own, and the list is not closed
        return None
    found: Properties = {}
    for rdf in root.iter(_RDF + "RDF"):
        for description in rdf:
            for name, value in _properties(description).items():
                found.setdefault(name, value)
    return found


class _Bounded(TreeBuilder):
    """Builds the tree, but not without end: depth would exhaust the stack, number the memory."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = self._elements = 0

    def start(self, tag: str, attrs: dict[str, str]) -> Element:
        self._depth += 1
        self._elements += 1
        if self._depth > _MAX_DEPTH or self._elements > _MAX_ELEMENTS:
            raise ValueError("the packet goes beyond the limits")
        return super().start(tag, attrs)

    def end(self, tag: str) -> Element:
        self._depth -= 1
        return super().end(tag)


def extended(main: Properties, segments: tuple[bytes, ...]) -> bytes | None:
    """The packet that `main` names as its extension, joined from its parts; None without one, b"" when part is lost.

    A segment is a JPEG's APP1 from the signature on: the extension's digest in 32 letters, the whole length and
    the place of this part in 4 bytes each, the part (XMP part 3, section 1.1.3.1).
    """
    named = (text(main.get("xmpNote:HasExtendedXMP")) or "").encode("utf-8", "replace")
    bodies = (segment.removeprefix(EXTENSION) for segment in segments)
    mine = sorted((body[36:40], body[40:], body[32:36]) for body in bodies if body[:32] == named)
    if not named or not segments:
        return None
    at, parts = 0, []
    for place, part, _ in mine:
        if int.from_bytes(place, "big") != at:
            return b""
        parts.append(part)
        at += len(part)
    return b"".join(parts) if mine and at == int.from_bytes(mine[0][2], "big") else b""


def _characters(packet: bytes) -> str:
    """The packet without the padding around it and without what XML forbids but cameras write."""
    if packet.startswith((b"\xff\xfe", b"<\0")):
        text = packet.decode("utf-16-le", "replace")
    elif packet.startswith((b"\xfe\xff", b"\0<")):
        text = packet.decode("utf-16-be", "replace")
    else:
        text = decoded(packet)
    return ILLEGAL.sub("", text[text.find("<") : text.rfind(">") + 1])


def _properties(description: Element) -> Properties:
    found: Properties = {
        _name(key): value
        for key, value in description.attrib.items()
        if key.startswith("{") and not key.startswith(_RDF) and key != _LANG
    }
    for child in description:
        found.setdefault(_name(child.tag), _value(child))
    return found


def _name(tag: str) -> str:
    """`{uri}name` as prefix:name; a namespace that we do not know goes by the last word of its URI."""
    uri, _, name = tag.removeprefix("{").rpartition("}")
    words = re.findall(r"[A-Za-z][\w-]*", uri)
    return f"{_PREFIXES.get(uri) or (words[-1] if words else 'x')}:{name}"


def _value(element: Element) -> Value:
    for child in element:
        if child.tag in _LISTS:
            return _listed(child)
        if child.tag == _RDF + "Description":
            return _properties(child)
        if child.tag == _RDF + "value":
            return _value(child)
    own = _properties(element)
    if own:
        return own
    return element.get(_RDF + "resource") or (element.text or "")


def _listed(container: Element) -> Value:
    entries = [child for child in container if child.tag == _RDF + "li"]
    if entries and all(entry.get(_LANG) for entry in entries):
        return {str(entry.get(_LANG)): _value(entry) for entry in entries}
    return [_value(entry) for entry in entries]


def text(value: Value | None) -> str | None:
    """One text: the x-default language or the first one, the first of a list."""
    if isinstance(value, dict):
        value = value.get("x-default", next(iter(value.values()), None))
    elif isinstance(value, list):
        value = value[0] if value else None
    return value if isinstance(value, str) else None


def texts(value: Value | None) -> list[str]:
    """All texts of a list; a lone text is a list of one."""
    values = value if isinstance(value, list) else [text(value)]
    return [one for one in values if isinstance(one, str)]


def number(value: Value | None) -> float | None:
    """A number, from "2.8" or "28/10"."""
    top, _, bottom = (text(value) or "").partition("/")
    try:
        result = float(top) / float(bottom or 1)
    except (ValueError, ZeroDivisionError, OverflowError):
        return None
    return result if math.isfinite(result) else None


def position(properties: Properties) -> tuple[float | None, float | None]:
    """Latitude and longitude in degrees, south and west negative."""
    return _degrees(properties.get("exif:GPSLatitude")), _degrees(properties.get("exif:GPSLongitude"))


def _degrees(value: Value | None) -> float | None:
    """From "51,30.5N" or "51,30,12W"."""
    match = _COORDINATE.fullmatch(text(value) or "")
    if match is None:
        return None
    parts = zip(match.groups(), (1, 60, 3600), strict=False)
    size = sum(float(part or 0) / scale for part, scale in parts)
    return -size if match[4] in "SW" else size


def altitude(properties: Properties) -> float | None:
    """Metres, negative below the sea."""
    size = number(properties.get("exif:GPSAltitude"))
    return -size if size is not None and text(properties.get("exif:GPSAltitudeRef")) == "1" else size


def shown(value: Value) -> Value:
    """JSON-safe and clean; the pictures and depth maps that phones put into XMP only as their size."""
    if isinstance(value, str):
        return f"({len(value)} bytes)" if _BASE64.fullmatch(value) else clean(value) or ""
    if isinstance(value, dict):
        return {name: shown(one) for name, one in value.items()}
    return [shown(one) for one in value]
