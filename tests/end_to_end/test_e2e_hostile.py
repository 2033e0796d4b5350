"""What an attacker would drop: texts that are more than texts to somebody, in every place a text can have, and files
that are made to break their reader. One daemon takes it all, and lives; nothing gets out of the library, and no
terminal obeys a word of it.
"""

from __future__ import annotations

import json
import os
import re
import struct
import unicodedata
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from tests.end_to_end.household import Home, digest, wait_for
from tests.end_to_end.lawful import assert_lawful
from tests.end_to_end.pictures import takeout
from watcher.ignoring import Ignoring
from watcher.processing import image, metadata

EVIL = "[35;5m"  # of our escapes: nothing of the program's own blinks in magenta
TERMINAL = [
    f"\x1b{EVIL}blink",
    "\x1b]0;evil title\x07",
    "\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\",
    f"\x9b{EVIL[1:]}c1",
    "\x1bPevil\x1b\\",
    "\x1b[2J\x1b[H",
    "over\rwritten",
    "two\nlines (job 1)",
    "bell\x07\x08\x7f",
    "\u202egpj.exe",
    "\u2066isolated\u2069",
    "line\u2028separator",
]
SQL = ["'; drop table assets; --", '" or 1=1 --', "Robert'); delete from jobs; --", "x' union select * from jobs"]
QUERY = ['"', '"a', "NEAR(a b)", "a* OR", "{title} : x", "col:x", "^a", "a + b", "-a", "*", "(", "taken:", "id:x"]
TEMPLATE = ["{taken}", "{0.__class__}", "{stem.__init__.__globals__}", "%s%n%x", "{{}}", "{title", "${HOME}", "$(id)"]
PATH = [
    "../../../../outside/evil",
    "..\\..\\outside\\evil",
    "OUTSIDE/evil",  # stands for an absolute path
    "sub/../../../outside/evil",
    "C:\\Windows\\evil",
    "C:evil",
    "\\\\server\\share\\evil",
    "~/evil",
    "%2e%2e%2foutside%2fevil",
    "\uff0e\uff0e\uff0fevil",
    "CON",
    "nul.jpg",
    "COM1.txt",
    "...",
    "-rf",
    "--config=evil",
    ". ",
    ".watcher/spool/evil/evil",
    "n\0ul",
    "n" * 5000,
    "deep/" * 200 + "evil",
]
TEXTS = [*TERMINAL, *SQL, *QUERY, *TEMPLATE, *PATH]


# -- a text in each place ----------------------------------------------------------------------------------------------


def as_name(text: str) -> str:
    """As much of it as a file's name can have; a hidden one would be left alone."""
    text = "x" + text if text.startswith(".") else text
    return text.replace("/", "\u2215").replace("\0", "").encode()[:200].decode(errors="ignore") + ".jpg"


def photo(text: str, number: int) -> bytes:
    """A photograph that says it in its EXIF, XMP and IPTC."""
    raw = text.encode()[:2000]
    shown = "".join(f"&#{ord(each)};" for each in text[:2000] if each in "\t\n\r" or each >= " ")
    xmp = f"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
      <rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title><rdf:Alt><rdf:li xml:lang="x-default">
      {shown}</rdf:li></rdf:Alt></dc:title><dc:subject><rdf:Bag><rdf:li>{shown}</rdf:li></rdf:Bag></dc:subject>
      </rdf:Description></rdf:RDF></x:xmpmeta>""".encode()
    records = ((5, raw), (25, raw), (90, raw), (120, raw))
    iim = b"".join(b"\x1c\x02" + struct.pack(">BH", number, len(value)) + value for number, value in records)
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iim)) + iim + bytes(len(iim) % 2)
    texts = dict.fromkeys((0x010E, 0x010F, 0x0110, 0x0131, 0x013B, 0x8298), raw)
    exif = metadata.build_exif({**texts, 0x9C9B: text.encode("utf-16-le", "replace")[:2000]}, {0x9286: raw}, {})
    plain = image.from_rgb(1, 1, number.to_bytes(3, "big"), enlarge_to=(16, 12), exif=exif)
    added = (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp), (0xED, b"Photoshop 3.0\0" + resource)
    segments = b"".join(struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body for marker, body in added)
    return plain[:2] + segments + plain[2:]


def zipped(members: dict[str, bytes]) -> bytes:
    """An archive of members with these very names: zipfile would cut them at a NUL."""
    target, stand_ins = BytesIO(), {}
    with zipfile.ZipFile(target, "w") as archive:
        for number, (name, content) in enumerate(members.items()):
            raw = name.encode()[:60_000]
            stand_in = f"{number:03}".ljust(len(raw), "_") if len(raw) >= 3 else raw.decode()
            stand_ins[stand_in.encode()] = raw
            info = zipfile.ZipInfo(stand_in)
            info.flag_bits |= 0x800
            archive.writestr(info, content)
    packed = target.getvalue()
    for stand_in, raw in stand_ins.items():
        packed = packed.replace(stand_in, raw) if len(raw) >= 3 else packed
    return packed


def batch_of(text: str) -> str:
    value = json.dumps(text, ensure_ascii=True).replace("\\u0000", "")
    return f"title = {value}\ndescription = {value}\nkeywords = [{value}]\n"


def drop_everywhere(home: Home, outside: Path) -> dict[str, bytes]:
    """Drop it all; each photograph, by a name for the reader of a failed test."""
    told: dict[str, bytes] = {}
    for number, text in enumerate(TEXTS):
        evil = text.replace("OUTSIDE", str(outside))
        photos = {place: photo(evil, 10 * number + n) for n, place in enumerate(("file", "folder", "prefix", "member"))}
        told |= {f"{text[:40]!r} as {place}": content for place, content in photos.items()}
        home.drop(as_name(evil), photos["file"])
        home.drop(as_name(evil) + ".json", takeout(evil, description=evil, person=evil))
        home.drop_folder(
            as_name(evil)[:-4] + " ", {"batch.toml": batch_of(evil).encode(), f"f{number}.jpg": photos["folder"]}
        )
        prefix = f"prefix = {json.dumps(evil)}\n".encode()
        home.drop_folder(f"prefixed {number}", {"batch.toml": prefix, f"p{number}.jpg": photos["prefix"]})
        home.drop(as_name(evil)[:-4] + ".zip", zipped({evil: photos["member"]}))
    return told


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, dict[str, bytes]]]:
    """A household after all that, its daemon still running, and the photographs that were dropped."""
    root = tmp_path_factory.mktemp("attacked") / "a" / "b" / "home"
    root.mkdir(parents=True)
    home = Home(root, library='name = "{folder}/{batch}/{stem}"', tables='[log]\nlevel = "debug"')
    with home.running():
        told = drop_everywhere(home, root.parents[2] / "outside")
        rest(home)
        yield home, told


def rest(home: Home) -> None:
    """Wait until all is worked off: all batches complete, all joined."""
    wait_for(lambda: not home.waiting(), 120, what="the inbox to be empty")
    wait_for(lambda: not home.rows("select 1 from jobs where not discarded or not announced"), 240, what="all to end")
    home.wait_for_rest()


def test_each_photograph_is_in_the_library_or_failed_and_the_daemon_lives(
    attacked: tuple[Home, dict[str, bytes]],
) -> None:
    home, told = attacked
    assert home.watcher("status", "--check").returncode == 0
    kept = digests(home.library / "originals") | digests(home.inbox)
    inside = {digest(content) for name, content in told.items() if name.endswith("member")}
    lost = [name for name, content in told.items() if digest(content) not in kept | inside]
    assert not lost
    assert {row["digest"] for row in home.assets()} >= {digest(told[name]) for name in told if name.endswith("file")}
    unsafe = "select name from jobs where parent_id is not null and asset_id is null and state = 'done'"
    assert home.rows(unsafe) == []
    assert_lawful(home, None)


def test_nothing_outside_changed_and_every_name_in_the_library_is_a_safe_one(
    attacked: tuple[Home, dict[str, bytes]],
) -> None:
    home, _ = attacked
    assert_contained(home)
    assert {path.name for path in home.root.parents[2].iterdir()} == {"a"}
    assert [path.name for path in home.root.parents[1].iterdir()] == ["b"]


def assert_contained(home: Home) -> None:
    """No file beside inbox and library; in the library plain files only, by names that do no harm."""
    others = {path.name for path in home.root.iterdir()} - {"inbox", "library", "watcher.toml", "daemon.log", "made"}
    assert not others
    for path in home.library.rglob("*"):
        assert not path.is_symlink() and (path.is_file() or path.is_dir()), path
    names = {part for path in home.library_files() for part in path.split("/")}
    assert not [name for name in names if not is_safe(name)]


def is_safe(name: str) -> bool:
    """In UTF-8, at most 255 bytes, not hidden, no option, and without what a terminal obeys or turns around."""
    categories = {unicodedata.category(each) for each in name} | {unicodedata.bidirectional(each) for each in name}
    tricks = {"Cc", "Cs", "Zl", "Zp", "LRE", "RLE", "LRO", "RLO", "LRI", "RLI", "FSI", "PDF", "PDI"}
    return len(name.encode("utf-8", "surrogateescape")) <= 255 and name[0] not in ".-" and not categories & tricks


def digests(folder: Path) -> set[str]:
    return {digest(path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


# -- what people see ---------------------------------------------------------------------------------------------------

OURS = re.compile(rb"\x1b\[[0-9;]*[mK]|\x1b\]8;[^\x1b\x07]*\x1b\\|\x1b\[\?25[hl]")  # colours, links, the cursor
VIEWS = [
    "search",
    "search --table",
    "show",
    "explain",
    "status",
    "failures",
    "jobs",
    "batches",
    "doctor",
    "fields title",
]


@pytest.mark.parametrize("view", VIEWS)
def test_no_terminal_obeys_what_was_dropped(attacked: tuple[Home, dict[str, bytes]], view: str) -> None:
    home, _ = attacked
    assert_harmless(home, view)


FEW_OF_EACH = "select id from jobs where coalesce(member, 0) < 10"  # one archive of the collection has thousands


def assert_harmless(home: Home, view: str) -> None:
    words = view.split()
    if view == "show":
        words += [str(row["id"]) for row in home.rows("select id from assets")]
    if view == "explain":
        words += [f"job:{row['id']}" for row in home.rows(FEW_OF_EACH)]
    seen = home.on_terminal(*words)
    assert seen and b"Traceback" not in seen and b"unexpected" not in seen, seen[-2000:]
    assert b"\x1b" + EVIL.encode() not in seen
    assert b"\x1b]8;;http" not in seen
    plain = OURS.sub(b"", seen).decode()
    obeyed = {each for each in {*plain} - {"\n"} if not is_safe("x" + each)}
    assert not obeyed, [line for line in plain.splitlines() if obeyed & {*line}][:5]


@pytest.mark.parametrize("text", [text for text in TEXTS if "\0" not in text])
def test_each_text_can_be_searched_for_and_breaks_nothing(attacked: tuple[Home, dict[str, bytes]], text: str) -> None:
    home, _ = attacked
    for words in (["search", "--", text], ["search", "--json", "--", f"title:{text}"]):
        result = home.watcher(*words)
        said = result.stderr.decode()
        assert result.returncode in (0, 1, 2), said
        assert "Traceback" not in said and "unexpected" not in said, said


def test_after_all_searches_the_catalog_is_whole(attacked: tuple[Home, dict[str, bytes]]) -> None:
    home, _ = attacked
    assert len(home.assets()) >= len(TEXTS)
    assert_lawful(home, None)


# -- the collection ----------------------------------------------------------------------------------------------------

MOST_MEMBERS = int(os.environ.get("TEST_HOSTILE", "100"))  # each that fails is a file in failed/ with its note
MOST_KB = 1_500_000  # of a worker; one alone may use 2 GB of addresses (workers.max_memory)


@pytest.mark.corpus
@pytest.mark.timeout(400)
def test_the_hostile_files_of_the_collection_end_and_the_daemon_lives(home: Home, corpus: Path) -> None:
    home.config.write_text(home.config.read_text() + '[log]\nlevel = "debug"\n')
    folders = [corpus / name for name in ("broken", "hostile-archives", "strings")]
    files = {path.name: path.read_bytes() for folder in folders for path in folder.iterdir()}
    files = {name: content for name, content in files.items() if content.count(b"PK\1\2") <= MOST_MEMBERS}
    named = json.loads((corpus / "strings" / "gen_filenames.json").read_text())
    named = [name for name in named if Ignoring().rule(name) is None]  # such are left where they are
    raw = [bytes.fromhex(line) for line in (corpus / "strings" / "gen_filenames_bytes.hex").read_text().split()]
    with home.running() as daemon:
        for name, content in files.items():
            home.drop(name, content)
        for number, name in enumerate([*map(os.fsencode, named), *raw]):
            (home.inbox / f"names {number}").mkdir()
            home.drop(os.fsencode(f"names {number}/") + name, photo("named", 500_000 + number))
        rest(home)
        assert home.watcher("status", "--check").returncode == 0
        peaks = [peak(pid) for pid in (daemon.pid, *grandchildren(daemon.pid))]
        assert peaks[0] < 300_000 and max(peaks[1:]) < MOST_KB, peaks
        for view in VIEWS:
            assert_harmless(home, view)
    assert_contained(home)
    assert_lawful(home, None)
    ended = {
        row["name"] for row in home.rows("select name from jobs where parent_id is null and finished_at is not null")
    }
    assert ended >= {*files}
    kept = digests(home.library) | digests(home.inbox)
    emptied = {row["name"] for row in home.rows("select name from jobs where parent_id is null and listed > 0")}
    assert not [name for name, content in files.items() if digest(content) not in kept and name not in emptied]


def grandchildren(pid: int) -> list[int]:
    return [worker for child in children(pid) for worker in children(child)]


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def peak(pid: int) -> int:
    """kB that the process had in RAM at most (proc(5), VmHWM)."""
    return int(re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[0])
