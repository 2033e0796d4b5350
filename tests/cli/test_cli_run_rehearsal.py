"""`watcher run --dry-run`: what it says would become of each file is what becomes of it, and nothing is written."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import struct
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests import warm
from watcher.processing import image, metadata

ROOT = Path(__file__).parents[2]
MOVIE = struct.pack(">I4s4s", 12, b"ftyp", b"qt  ")
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:DateTimeOriginal="2019-07-14T10:11:12"/>'
    b"</rdf:RDF></x:xmpmeta>"
)


def photo(level: int, taken: str = "2024:05:17 14:23:01") -> bytes:
    return image.from_rgb(
        1, 1, bytes(3 * [level]), enlarge_to=(16, 12), exif=metadata.build_exif({}, {0x9003: taken}, {})
    )


def takeout(name: str) -> bytes:
    return json.dumps({"title": name, "photoTakenTime": {"timestamp": "1299215167"}}).encode()


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        for name, content in members.items():
            target.writestr(name, content)
    return out.getvalue()


@dataclasses.dataclass(frozen=True)
class Home:
    """An inbox, a library, a configuration with the given lines for the inbox."""

    root: Path

    def drop(self, tree: dict[str, bytes]) -> None:
        for name, content in tree.items():
            path = self.root / "in" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def configure(self, lines: str) -> None:
        text = f'library.path = "{self.root}/library"\n[[inbox]]\npath = "{self.root}/in"\n{lines}\n'
        (self.root / "watcher.toml").write_text(text)

    def watcher(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        words = ["run", "--config", str(self.root / "watcher.toml"), *arguments]
        done = warm.run(words, {**os.environ, "PYTHONPATH": str(ROOT)}, None, 60)
        return subprocess.CompletedProcess(words, done.returncode, done.stdout.decode(), done.stderr.decode())

    def foreseen(self, code: int) -> dict[str, tuple[str, str | None]]:
        """What is said of each file: its outcome, and its key or the reason."""
        before = self.files()
        done = self.watcher("--dry-run", "--json")
        assert done.returncode == code, done.stderr
        assert self.files() == before
        return {one["source"]: (one["outcome"], one["key"] or one["reason"]) for one in json.loads(done.stdout)}

    def files(self) -> dict[str, bytes]:
        """All that lies there, but for what any reader of a catalog leaves beside it."""
        files = (path for path in self.root.rglob("*") if path.is_file() and not path.name.endswith(("-wal", "-shm")))
        return {str(path.relative_to(self.root)): path.read_bytes() for path in files}

    def stored(self) -> set[str]:
        """The keys of originals and sidecars after a run."""
        self.watcher("--once")
        library = self.root / "library"
        files = (path for name in ("originals", "sidecars") for path in (library / name).rglob("*") if path.is_file())
        return {str(path.relative_to(library)) for path in files}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "in").mkdir()
    home = Home(tmp_path)
    home.configure("")
    return home


def keys(foreseen: dict[str, tuple[str, str | None]]) -> set[str | None]:
    return {key for outcome, key in foreseen.values() if outcome == "done"}


def test_names_that_several_members_of_a_zip_want_are_given_as_they_will_be(home: Home) -> None:
    home.drop({"a.zip": zipped({f"{at}/IMG_1.jpg": photo(at) for at in range(3)} | {"3/IMG_1.jpg": photo(0)})})
    foreseen = home.foreseen(0)
    assert [outcome for outcome, _ in foreseen.values()] == ["done", "done", "done", "duplicate"]
    assert len(keys(foreseen)) == 3
    assert {key.partition("-")[0] for key in keys(foreseen) if key} == {"originals/2024/05/20240517"}
    assert home.stored() >= {key for key in keys(foreseen) if key and key.endswith("_IMG_1.jpg")}
    assert len(home.stored()) == 3


def test_sidecars_go_by_the_name_of_their_picture_and_give_it_its_date(home: Home) -> None:
    home.drop(
        {
            "trip/IMG_1.jpg": photo(1),
            "trip/IMG_1.jpg.xmp": XMP,
            "trip/lonely.xmp": XMP + b"\n",
            "t.zip": zipped({"P/b.png.supplemental-metadata.json": takeout("b.png"), "P/b.png": photo(2, "")}),
        }
    )
    foreseen = home.foreseen(0)
    below = "2019/07/20190714-101112_IMG_1.jpg"
    assert foreseen["trip/IMG_1.jpg"] == ("done", f"originals/{below}")
    assert foreseen["trip/IMG_1.jpg.xmp"] == ("done", f"sidecars/{below}.xmp")
    assert str(foreseen["trip/lonely.xmp"][1]).startswith("sidecars/unmatched/")
    assert "_b.jpg" in str(foreseen["t.zip/P/b.png"][1])
    assert home.stored() == keys(foreseen)


def test_zips_in_zips_videos_and_stacks_are_foreseen(home: Home) -> None:
    inner = zipped({"IMG_2.jpg": photo(3), "IMG_2.mov": MOVIE, "notes.txt": b"text"})
    home.drop(
        {
            "a.zip": zipped({"in/inner.zip": inner, "empty.zip": zipped({})}),
            "clip.mov": MOVIE + b"\0\0\0\x08moov\0\0\0\x08mdat",
        }
    )
    foreseen = home.foreseen(3)
    stem = "originals/2024/05/20240517-142301_IMG_2"
    assert foreseen["a.zip/in/inner.zip/IMG_2.jpg"] == ("done", f"{stem}.jpg")
    assert foreseen["a.zip/in/inner.zip/IMG_2.mov"] == ("done", f"{stem}.mov")
    assert foreseen["a.zip/in/inner.zip/notes.txt"][0] == "failed"
    assert foreseen["a.zip/empty.zip"] == ("failed", "there is nothing in it to take")
    assert foreseen["clip.mov"] == ("done", "originals/undated/clip.mov")
    assert home.stored() == keys(foreseen)


@pytest.mark.parametrize(
    ("lines", "code", "outcome"), [("", 3, "failed"), ('other = "leave"', 0, "skipped"), ('other = "store"', 0, "done")]
)
def test_what_is_no_picture_is_foreseen_by_what_its_inbox_asks_for(
    home: Home, lines: str, code: int, outcome: str
) -> None:
    home.configure(lines)
    home.drop({"notes.txt": b"text", "a.jpg": photo(1)})
    foreseen = home.foreseen(code)
    assert foreseen["notes.txt"][0] == outcome
    assert home.watcher("--once").returncode == code
    assert (home.root / "in" / "notes.txt").exists() == (outcome == "skipped")


def test_videos_are_foreseen_to_fail_where_that_is_asked_for(home: Home) -> None:
    home.configure('videos = "fail"')
    home.drop({"clip.mov": MOVIE})
    assert home.foreseen(3) == {"clip.mov": ("failed", 'it is a video, and videos = "fail" is set for its inbox')}


def test_a_name_that_the_library_has_given_to_other_content_is_foreseen(home: Home) -> None:
    home.drop({"IMG_1.jpg": photo(1)})
    before = home.stored()
    home.drop({"IMG_1.jpg": photo(2)})
    foreseen = home.foreseen(0)
    assert not keys(foreseen) & before
    assert home.stored() == before | keys(foreseen)
