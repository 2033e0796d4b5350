"""Small blobs of metadata, made to say just what a test needs."""

from __future__ import annotations

import struct
from typing import Any

import piexif
from piexif import GPSIFD

from watcher.model import Facts
from watcher.processing import metadata
from watcher.processing.metadata import Blobs

NOW = 1_750_000_000.0  # 2025-06-15


def read(blobs: Blobs, **known: Any) -> Facts:
    return metadata.read(blobs, clock=lambda: NOW, **known)


def exif(image: dict[int, Any] | None = None, photo: dict[int, Any] | None = None, **gps: Any) -> bytes:
    place = {getattr(GPSIFD, f"GPS{name}"): value for name, value in gps.items()}
    return bytes(piexif.dump({"0th": image or {}, "Exif": photo or {}, "GPS": place}))


def packet(body: str = "", attributes: str = "") -> bytes:
    spaces = {"dc": "http://purl.org/dc/elements/1.1/", "xmp": "http://ns.adobe.com/xap/1.0/"}
    spaces |= {name: f"http://ns.adobe.com/{name}/1.0/" for name in ("exif", "tiff", "photoshop")}
    spaces |= {"lr": "http://ns.adobe.com/lightroom/1.0/", "digiKam": "http://www.digikam.org/ns/1.0/"}
    spaces |= {"Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"}
    spaces |= {
        "xmpNote": "http://ns.adobe.com/xmp/note/",
        "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    }
    spaces |= {"aux": "http://ns.adobe.com/exif/1.0/aux/", "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#"}
    declared = " ".join(f'xmlns:{name}="{uri}"' for name, uri in spaces.items())
    description = f'<rdf:Description rdf:about="" {attributes}>{body}</rdf:Description>'
    rdf = f"<rdf:RDF {declared}>{description}</rdf:RDF>"
    text = f'<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">{rdf}'
    return (text + '</x:xmpmeta>\n<?xpacket end="w"?>').encode()


def records(*pairs: tuple[int, bytes], charset: bytes = b"") -> bytes:
    everything = [(1, 90, charset)] if charset else []
    everything += [(2, dataset, raw) for dataset, raw in pairs]
    return b"".join(struct.pack(">BBBH", 0x1C, rec, number, len(raw)) + raw for rec, number, raw in everything)


TITLE = '<dc:title><rdf:Alt><rdf:li xml:lang="de">Sonne</rdf:li><rdf:li xml:lang="x-default">Sun 日</rdf:li></rdf:Alt>'
TITLE += "</dc:title>"

PARIS = {"LatitudeRef": b"N", "Latitude": ((48, 1), (0, 1), (0, 1)), "LongitudeRef": b"E"}
PARIS |= {"Longitude": ((2, 1), (0, 1), (0, 1))}
