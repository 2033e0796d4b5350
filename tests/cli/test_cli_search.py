"""`watcher search` and `watcher fields` as a person runs them: words in, forms of output out."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

from tests.cli.catalog_rows import Catalog, Run, Terminal
from watcher.fields import NAMES
from watcher.querying.questions import READERS


def test_a_pipe_gets_one_absolute_path_a_line(catalog: Catalog, watcher: Run) -> None:
    first = catalog.asset("a.jpg", title="beach")
    catalog.asset("b.jpg", title="harbour")
    done = watcher("search", "beach")
    assert done.stdout == os.fsencode(catalog.root / f"originals/{first}.jpg") + b"\n"
    assert (done.returncode, done.stderr) == (0, b"")


def test_nothing_found_is_exit_1_and_silence_in_a_pipe(watcher: Run) -> None:
    done = watcher("search", "beach")
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")
    assert watcher("search", "beach", "--json").stdout == b"[]\n"


def test_nothing_found_is_said_on_a_terminal(terminal: Terminal, catalog: Catalog) -> None:
    assert terminal("search", "beach") == b"nothing found\n"


@pytest.mark.parametrize(
    "words",
    [["-harbour"], ["--beach"], ["beach", "-0y"], ["--", "-0y", "--json"], ["beach -h3"], ["-heads", "beach"]],
)
def test_words_that_begin_with_a_dash_are_words(words: list[str], catalog: Catalog, watcher: Run) -> None:
    catalog.asset("a.jpg", title="head beach 0x h2 json")
    catalog.asset("b.jpg", title="harbour 0y h3 heads")
    done = watcher("search", *words)
    assert (done.returncode, done.stdout.count(b"\n")) == (0, 1), done.stderr


def test_options_may_stand_between_and_after_the_words(catalog: Catalog, watcher: Run) -> None:
    old = catalog.asset(title="golden beach", taken_at="2001-01-01T00:00:00")
    catalog.asset(title="beach, golden", taken_at="2020-01-01T00:00:00")
    done = watcher("search", "golden", "--sort", "taken", "--limit=1", "-sea", "--json")
    assert [asset["id"] for asset in json.loads(done.stdout)] == [old]


@pytest.mark.parametrize(
    "name",
    ["new\nline.jpg", "esc\x1b[31m.jpg", 'quo"te, comma.jpg', r"caf\xe9.jpg", "🌅 東京.jpg", "\u202egpj.exe"],
)
def test_any_name_goes_through_every_form_unharmed(name: str, catalog: Catalog, watcher: Run) -> None:
    catalog.asset(name)
    catalog.asset("second.jpg")
    rows = [name, "second.jpg"]
    whole = watcher("search", "--json", "--sort", "id").stdout
    assert [asset["name"] for asset in json.loads(whole)] == rows
    lines = watcher("search", "--jsonl", "--sort", "id").stdout.splitlines()
    assert [json.loads(line)["name"] for line in lines] == rows
    table = io.StringIO(watcher("search", "--csv", "--sort", "id").stdout.decode(), newline="")
    assert [row["name"] for row in csv.DictReader(table)] == rows
    raw = watcher("search", "-0", "--fields", "name", "--sort", "id").stdout
    assert raw.decode() == f"{name}\0second.jpg\0"
    assert len(watcher("search", "--fields", "name,id").stdout.decode().split("\n")) == 3


def test_a_terminal_obeys_nothing_that_is_in_a_name(catalog: Catalog, terminal: Terminal) -> None:
    catalog.asset("a\x1b[2J\n\x9b\u202eb", title="\x07bell")
    for form in ([], ["--json"], ["--csv"], ["--format", "{name} {title}"], ["--fields", "name,title"]):
        seen = terminal("search", *form).decode()
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(seen), form
    assert r"a\x1b[2J\n\x9b\u202eb" in terminal("search", "--format", "{name}").decode()


def test_a_terminal_gets_a_table_that_fits_and_how_many_more(catalog: Catalog, terminal: Terminal) -> None:
    for _ in range(52):
        catalog.asset("東京タワー" * 10 + ".jpg", title="a long title that goes on and on")
    lines = terminal("search").decode().splitlines()
    assert lines[0].split() == ["id", "taken", "name", "title", "camera"]
    assert lines[-1].startswith("and 2 more")
    assert len(lines) == 52
    wide = [len(line) + sum(character > "⺀" for character in line) for line in lines]
    assert max(wide) <= 60


def test_a_table_says_of_a_date_what_is_known_and_at_most_the_minute(catalog: Catalog, terminal: Terminal) -> None:
    for precision in ("second", "day", "month", "year", None):
        taken = precision and "2024-05-17T14:23:01.123"
        catalog.asset(name="n", title="t", taken_at=taken, taken_precision=precision)
    lines = terminal("search", "--sort", "id").decode().splitlines()
    start, end = lines[0].index("taken"), lines[0].index("name")
    told = [line[start:end].strip() for line in lines[1:]]
    assert told == ["2024-05-17 14:23", "2024-05-17", "2024-05", "2024", ""]


def test_a_library_whose_name_is_not_utf_8_comes_back_byte_by_byte(
    catalog: Catalog, tmp_path: Path, watcher: Run
) -> None:
    catalog.asset()
    catalog.connection.execute("pragma wal_checkpoint(truncate)")
    odd = os.fsencode(tmp_path) + b"/caf\xe9"
    shutil.copytree(os.fsencode(catalog.root), odd)
    path = odd + b"/originals/1.jpg"
    assert watcher("search", "--library", odd).stdout == path + b"\n"
    assert watcher("search", "--library", odd, "-0").stdout == path + b"\0"
    text = watcher("search", "--library", odd, "--json").stdout.decode()
    assert os.fsencode(json.loads(text)[0]["path"]) == path


def test_a_template_has_fallbacks_dates_renditions_and_escapes(catalog: Catalog, watcher: Run) -> None:
    catalog.asset(
        "a.jpg",
        recipes=("thumb",),
        taken_at="2024-05-17T14:23:01.123",
        camera_make="Canon",
        camera_model="R5",
    )
    template = r"{taken:%Y-%m-%d} {title|name}\t{renditions.thumb|path} {{{camera}}} [{f}{renditions.none}]\n-"
    lines = watcher("search", "--format", template).stdout.decode().splitlines()
    assert lines == [f"2024-05-17 a.jpg\t{catalog.root}/thumb/1.jpg {{Canon R5}} []", "-"]


def test_fields_choose_the_columns_of_every_form(catalog: Catalog, watcher: Run) -> None:
    catalog.asset("a.jpg", keywords='["x", "y"]', favourite=1, recipes=("thumb",))
    fields = ("--fields", "name,keyword,favourite,title")
    assert watcher("search", *fields).stdout == b"a.jpg\tx, y\tyes\t\n"
    assert watcher("search", *fields, "--csv").stdout == b'name,keyword,favourite,title\na.jpg,"x, y",yes,\n'
    wanted = {"name": "a.jpg", "keyword": ["x", "y"], "favourite": True, "title": None}
    assert json.loads(watcher("search", *fields, "--json").stdout) == [wanted]
    assert json.loads(watcher("search", *fields, "--jsonl").stdout) == wanted


def test_a_limit_holds_in_a_pipe_and_without_one_everything_comes(catalog: Catalog, watcher: Run) -> None:
    for _ in range(60):
        catalog.asset()
    assert watcher("search").stdout.count(b"\n") == 60
    assert len(json.loads(watcher("search", "--json").stdout)) == 60
    assert watcher("search", "--limit", "3").stdout.count(b"\n") == 3


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--sort", "titel"], b"did you mean 'title'"),
        (["--fields", "name,kyword"], b"did you mean 'keyword'"),
        (["--format", "{titel}"], b"did you mean 'title'"),
        (["--format", "{name"], b"write it twice"),
        (["--format", "{name:%Y}"], b"no date"),
        (["--json", "--csv"], b"choose one"),
        (["--limit", "many"], b"many"),
        (["--sort"], b"--sort"),
    ],
)
def test_what_cannot_be_meant_is_exit_2_and_a_sentence(
    arguments: list[str], sentence: bytes, catalog: Catalog, watcher: Run
) -> None:
    done = watcher("search", *arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert sentence in done.stderr
    assert b"Traceback" not in done.stderr


def test_no_catalog_is_exit_2(tmp_path: Path, watcher: Run) -> None:
    done = watcher("search", "--library", str(tmp_path / "none"))
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"no catalog" in done.stderr


def test_a_catalog_of_something_else_is_exit_2(catalog: Catalog, tmp_path: Path, watcher: Run) -> None:
    (tmp_path / "other" / ".watcher").mkdir(parents=True)
    (tmp_path / "other" / ".watcher" / "watcher.db").write_bytes(b"no database at all" * 100)
    done = watcher("search", "--library", str(tmp_path / "other"))
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


def test_a_reader_that_has_seen_enough_is_no_error(catalog: Catalog) -> None:
    for _ in range(100):
        catalog.asset(description="long " * 500)
    line = [sys.executable, "-m", "watcher", "search", "--library", str(catalog.root), "--json"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as search:
        assert search.stdout and search.stderr
        search.stdout.read(10)
        search.stdout.close()
        complaint = search.stderr.read()
    assert (search.returncode, complaint) == (0, b"")


def test_searching_imports_nothing_heavy(catalog: Catalog) -> None:
    catalog.asset()
    script = (
        "import sys, watcher.cli\n"
        "try: watcher.cli.main()\n"
        "finally: print(*(set(sys.modules) & {'PIL', 'pydantic', 'pydantic_settings', 'watchdog', 'sqlite_utils',"
        " 'rich', 'piexif', 'asyncio', 'multiprocessing'}), file=sys.stderr)"
    )
    line = [sys.executable, "-c", script, "search", "--library", str(catalog.root)]
    done = subprocess.run(line, capture_output=True, timeout=60)
    assert done.stdout.count(b"\n") == 1
    assert done.stderr.strip() == b""


def test_fields_are_listed_with_their_aliases() -> None:
    line = [sys.executable, "-m", "watcher", "fields"]
    fields = json.loads(subprocess.run([*line, "--json"], capture_output=True).stdout)
    aliases = {field["name"]: field["alias"] for field in fields}
    assert (aliases["taken_at"], aliases["camera_model"], aliases["title"]) == ("taken", "camera", None)
    plain = subprocess.run(line, capture_output=True).stdout.decode()
    assert [line.split()[0] for line in plain.splitlines()[1:]] == list(aliases)


def test_what_a_query_knows_besides_is_listed_with_the_fields() -> None:
    listed = json.loads(
        subprocess.run([sys.executable, "-m", "watcher", "fields", "--json"], capture_output=True).stdout
    )
    kinds = {field["name"]: field["kind"] for field in listed}
    assert {name for name, kind in kinds.items() if kind == "question"} == set(READERS)
    assert [name for name, kind in kinds.items() if kind != "question"] == list(NAMES)


def test_the_schema_has_a_version_and_json_has_its_keys(catalog: Catalog, watcher: Run) -> None:
    catalog.asset()
    assert list(json.loads(watcher("search", "--json").stdout)[0]) == list(NAMES)
    said = subprocess.run([sys.executable, "-m", "watcher", "fields", "--help"], capture_output=True, text=True).stdout
    assert "version 1 of the schema" in said


def test_a_path_is_found_as_it_is_printed_and_so_is_its_folder(catalog: Catalog, watcher: Run) -> None:
    for key in ("originals/2023/a b.jpg", "originals/2023/c.jpg", "originals/2024/c.jpg"):
        catalog.asset(key=key)
    everything = watcher("search", "--sort", "id").stdout.splitlines()
    for line in everything:
        assert watcher("search", b"path:" + line).stdout.splitlines() == [line]
        assert watcher("search", b"path:=" + line).stdout.splitlines() == [line]
    assert (
        watcher("search", "--sort", "id", f"path:{catalog.root}/originals/2023").stdout.splitlines() == everything[:2]
    )
    assert watcher("search", "--count", f"path:{catalog.root}").stdout == b"3\n"
    assert watcher("search", "path:/nowhere").returncode == 1


def test_a_table_names_a_camera_by_its_model_where_that_tells_the_maker(catalog: Catalog, terminal: Terminal) -> None:
    catalog.asset("a.jpg", camera_make="NIKON CORPORATION", camera_model="NIKON Z 6")
    catalog.asset("b.jpg", camera_make="SONY", camera_model="ILCE-7M3")
    catalog.asset("c.jpg", camera_make="Canon")
    lines = [line.split("jpg")[1].strip() for line in terminal("search", "--sort", "id").decode().splitlines()[1:]]
    assert lines == ["NIKON Z 6", "SONY ILCE-7M3", "Canon"]
    assert "NIKON CORPORATION NIKON Z 6" in terminal("search", "--fields", "name,camera").decode()


def test_a_catalog_of_a_newer_version_is_refused(catalog: Catalog, watcher: Run) -> None:
    catalog.asset()
    catalog.insert("_sqlite_migrations", migration_set="watcher", name="of_tomorrow", applied_at="2030-01-01")
    done = watcher("search")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"newer photo-watcher" in done.stderr


def test_a_rehearsal_says_any_name_in_any_locale(tmp_path: Path, watcher: Run) -> None:
    (tmp_path / "Ünbox").mkdir()
    (tmp_path / "Ünbox" / "ひまわり.jpg").write_bytes(b"")
    for form in ((), ("--json",)):
        done = watcher("run", "--dry-run", "--inbox", tmp_path / "Ünbox", *form)
        assert (done.returncode, "ひまわり.jpg" in done.stdout.decode()) == (3, True), done.stderr


def test_run_prints_json_of_a_rehearsal_only(tmp_path: Path, watcher: Run) -> None:
    done = watcher("run", "--json", "--inbox", tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")


# -- what is asked -----------------------------------------------------------------------------------------------------


def test_a_query_has_all_of_the_language(catalog: Catalog, watcher: Run) -> None:
    catalog.asset("a.jpg", title="Santa Cruz beach", iso=100, taken_at="2023-07-01T10:00:00")
    catalog.asset("b.jpg", title="Cruz Santa", iso=800, taken_at="2024-07-01T10:00:00")
    for words, expected in (
        (["title:Santa Cruz"], b"a.jpg\n"),
        (["iso:200.."], b"b.jpg\n"),
        (["cruz", "-beach"], b"b.jpg\n"),
        (["(iso:100", "OR", "iso:800)", "taken:2023"], b"a.jpg\n"),
        (["name::^b"], b"b.jpg\n"),
    ):
        assert watcher("search", "--fields", "name", *words).stdout == expected, words


def test_a_query_that_cannot_be_read_is_a_sentence_that_points_at_the_place(catalog: Catalog, watcher: Run) -> None:
    done = watcher("search", "beach", "iso:abc")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().splitlines() == [
        "watcher: iso: 'abc' is not a number",
        "watcher:   beach iso:abc",
        "watcher:             ^",
    ]


def test_nothing_found_tells_the_nearest_words(catalog: Catalog, watcher: Run) -> None:
    catalog.asset(title="harbour at sunset")
    done = watcher("search", "harbuor", "sunset")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"no photograph has harbuor; near to it: harbour\n"
    assert watcher("search", "harbuor", "--rendition", "thumb").stderr == done.stderr
    assert watcher("search", "title:=Harbuor").stderr == b"no photograph has harbuor; near to it: harbour\n"
    assert watcher("search", "iso:100", "title:=Harbour").stderr == b""
    assert watcher("search", "harbuor", "--json").stdout == b"[]\n"
    assert watcher("search", "harbour", "iso:100").stderr == b""


def test_a_pattern_that_does_not_come_to_an_end_is_given_up(catalog: Catalog) -> None:
    catalog.asset(title="a" * 60)
    script = "import watcher.cli, watcher.cli.asking as asking; asking.PATIENCE_SECONDS = 0.1; watcher.cli.main()"
    line = [sys.executable, "-c", script, "search", "--library", str(catalog.root), "title::(a+)+$b"]
    done = subprocess.run(line, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"simpler pattern" in done.stderr


# -- counts ------------------------------------------------------------------------------------------------------------


def test_a_count_is_a_number_and_none_is_exit_1(catalog: Catalog, watcher: Run) -> None:
    for number in range(3):
        catalog.asset(iso=100 * number)
    done = watcher("search", "iso:100..", "--count")
    assert (done.returncode, done.stdout) == (0, b"2\n")
    done = watcher("search", "iso:900..", "--count")
    assert (done.returncode, done.stdout) == (1, b"0\n")


def test_a_facet_tells_how_many_have_each_value(catalog: Catalog, watcher: Run, terminal: Terminal) -> None:
    catalog.asset("a.jpg", keywords='["sea", "s\\u001bn"]')
    catalog.asset("b.jpg", keywords='["sea"]')
    assert watcher("search", "--facet", "keyword").stdout == b"2\tsea\n1\ts\\x1bn\n"
    rows = json.loads(watcher("search", "a", "--facet", "keyword", "--json").stdout)
    assert rows == [{"keyword": "s\x1bn", "count": 1}, {"keyword": "sea", "count": 1}]
    assert terminal("search", "--facet", "keyword").decode().splitlines()[1].split() == ["2", "sea"]
    assert watcher("search", "--facet", "keyword", "--limit", "1").stdout == b"2\tsea\n"
    done = watcher("search", "--facet", "camera")
    assert (done.returncode, done.stdout) == (1, b"")


# -- what becomes of what is found -------------------------------------------------------------------------------------


def test_matches_stand_out_on_a_terminal(catalog: Catalog, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    catalog.asset("富士山.jpg", title="Été at the beach, beaches", camera_make="Beach")
    bold = "\x1b[1m{}\x1b[22m".format
    shown = terminal("search", "ete", "title:beach", "富士", "-harbour").decode()
    for part in (bold("Été"), f"{bold('beach')}, beaches", bold("富") + bold("士") + "山"):
        assert part in shown
    assert "Beach\n" in shown
    assert bold("beaches") in terminal("search", "beach*").decode()
    assert bold("beaches") in terminal("search", "*eaches").decode()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in terminal("search", "beach").decode()


def test_long_tells_all_that_is_known(catalog: Catalog, watcher: Run) -> None:
    catalog.asset("a.jpg", recipes=("thumb",))
    catalog.asset("b.jpg")
    first, second = watcher("search", "--long", "--sort", "name").stdout.decode().split("\n\n")
    assert f"thumb          {catalog.root}/thumb/1.jpg" in first
    assert "name           b.jpg" in second


def test_a_rendition_is_printed_in_place_of_the_original(catalog: Catalog, watcher: Run) -> None:
    catalog.asset("a.jpg", recipes=("thumb",))
    catalog.asset("b.jpg")
    done = watcher("search", "--rendition", "thumb", "--sort", "id")
    assert done.stdout == os.fsencode(catalog.root / "thumb/1.jpg") + b"\n"
    assert done.stderr == b"1 of them has no rendition thumb\n"
    assert watcher("search", "a", "--rendition", "thumb", "-0").stdout.endswith(b"thumb/1.jpg\0")


def test_a_rendition_that_none_has_is_nothing_found(catalog: Catalog, watcher: Run, tmp_path: Path) -> None:
    catalog.asset("a.jpg", recipes=("thumb", "preview"))
    for how in ([], ["-0"], ["--open"], ["--link", tmp_path / "album"]):
        done = watcher("search", "--rendition", "thmb", *how)
        assert (done.returncode, done.stdout) == (1, b"")
        assert done.stderr == b"1 of them has no rendition thmb, but preview, thumb\n"
    assert not (tmp_path / "album").exists()


def test_a_path_is_found_by_any_way_to_it(pictures: Catalog, watcher: Run, tmp_path: Path) -> None:
    alias = tmp_path / "alias"
    alias.symlink_to(pictures.root)
    for library, place in product((pictures.root, alias), repeat=2):
        done = watcher("search", "--library", library, f"path:{place}/originals/more", "--fields", "id")
        assert done.stdout == b"2\n"
    assert watcher("search", f"path:{tmp_path}/elsewhere").returncode == 1


def test_a_pattern_goes_over_the_path_as_it_is_shown(pictures: Catalog, watcher: Run) -> None:
    assert watcher("search", f"path::^{pictures.root}/originals/a", "--fields", "id").stdout == b"1\n"
    assert watcher("search", "path::^originals").returncode == 1
    assert watcher("search", "path::more/a[.]jpg$", "--count").stdout == b"1\n"


@pytest.mark.parametrize("how", [["--limit"], ["--facet", "name", "--limit"], ["--long", "--limit"]])
def test_a_limit_beyond_all_numbers_is_refused(how: list[str], catalog: Catalog, watcher: Run) -> None:
    catalog.asset("a.jpg")
    done = watcher("search", *how, str(2**63))
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"not in the range" in done.stderr
    assert watcher("search", *how, str(2**63 - 1)).returncode == 0


@pytest.mark.parametrize("how", [[], ["--long"], ["--facet", "name"]])
def test_a_terminal_is_told_how_many_more_there_are(how: list[str], catalog: Catalog, terminal: Terminal) -> None:
    for number in range(53):
        catalog.asset(f"{number}.jpg")
    shown = terminal("search", *how).decode()
    assert shown.splitlines()[-1] == "and 3 more (--limit N shows more of them)"
    assert "more (" not in terminal("search", *how, "--limit", "60").decode()


@pytest.mark.parametrize("how", [[], ["--count"], ["--json"], ["--long"], ["--facet", "name"]])
def test_a_full_disk_under_the_output_is_told(how: list[str], catalog: Catalog) -> None:
    catalog.asset("a.jpg")
    line = [sys.executable, "-m", "watcher", "search", "--library", str(catalog.root), *how]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 2
    assert done.stderr == b"watcher: the output cannot be written: No space left on device\n"


@pytest.fixture
def pictures(catalog: Catalog) -> Catalog:
    """A catalog of two pictures of one name that lie in the library, and one that is gone."""
    for number, key in enumerate(("originals/a.jpg", "originals/more/a.jpg"), 1):
        path = catalog.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"picture {number}")
        catalog.asset("a.jpg", key=key)
    catalog.asset("gone.jpg")
    return catalog


@pytest.mark.parametrize("kind", ["symbolic", "hard", "copies"])
def test_links_make_an_album_of_what_is_found(kind: str, pictures: Catalog, watcher: Run, tmp_path: Path) -> None:
    album = tmp_path / "an album"
    for _ in range(2):  # the same again changes nothing
        done = watcher("search", "a", "--sort", "id", "--link", album, "--link-as", kind)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        assert {path.name: path.read_text() for path in album.iterdir()} == {
            "a.jpg": "picture 1",
            "a_2.jpg": "picture 2",
        }
    first, original = album / "a.jpg", pictures.root / "originals/a.jpg"
    assert (first.is_symlink(), first.samefile(original)) == (kind == "symbolic", kind != "copies")


def test_a_link_takes_no_others_place_and_what_is_missing_is_said(
    pictures: Catalog, watcher: Run, tmp_path: Path
) -> None:
    album = tmp_path / "album"
    album.mkdir()
    (album / "a.jpg").write_text("mine")
    done = watcher("search", "--sort", "id", "--link", album)
    assert done.returncode == 1
    assert done.stderr.decode().count("\n") == 1
    assert "originals/3.jpg cannot be linked: it is missing from the library" in done.stderr.decode()
    assert (album / "a.jpg").read_text() == "mine"
    assert (album / "a_1.jpg").samefile(pictures.root / "originals/a.jpg")
    done = watcher("search", "--link", album / "a.jpg")
    assert (done.returncode, b"cannot be made" in done.stderr) == (2, True)


def test_no_link_is_made_in_the_library_or_nowhere(pictures: Catalog, watcher: Run, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(pictures.root)
    before = sorted(pictures.root.rglob("*"))
    for place in (pictures.root, pictures.root / "originals", tmp_path / "alias" / "album"):
        done = watcher("search", "a", "--link", place)
        assert (done.returncode, b"lies in the library" in done.stderr) == (2, True)
    assert sorted(pictures.root.rglob("*")) == before
    done = watcher("search", "a", "--link", "")
    assert (done.returncode, b"the one given is empty" in done.stderr) == (2, True)


def test_pictures_are_opened_in_the_viewer_and_not_too_many(
    catalog: Catalog, watcher: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(25):
        catalog.asset(recipes=("thumb",))
    seen = tmp_path / "seen"
    os.mkfifo(seen)
    viewer = tmp_path / "bin" / "xdg-open"
    viewer.parent.mkdir()
    viewer.write_text(f'#!/bin/sh\necho "$1" > {seen}\n')
    viewer.chmod(0o755)
    monkeypatch.setenv("PATH", f"{viewer.parent}:{os.environ['PATH']}")
    with open(os.open(seen, os.O_RDWR), encoding="utf-8") as opened:
        assert watcher("search", "--sort", "id", "--open", "--rendition", "thumb").returncode == 0
        paths = {opened.readline().rstrip("\n") for _ in range(20)}
    assert paths == {str(catalog.root / f"thumb/{number}.jpg") for number in range(1, 21)}


def test_without_a_viewer_it_says_what_to_install(
    catalog: Catalog, watcher: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog.asset()
    monkeypatch.setenv("PATH", "/nonexistent")
    done = watcher("search", "--open")
    assert (done.returncode, b"xdg-utils" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--count", "--facet", "year"], b"choose one"),
        (["--open", "--link", "x"], b"choose one"),
        (["--count", "--csv"], b"leave out how"),
        (["--link", "x", "--json"], b"leave out how"),
        (["--facet", "camra"], b"did you mean 'camera'"),
        (["--facet", "taken"], b"by year?"),
        (["--facet", "weekday"], b"; by year, camera"),
        (["--sort", "keywords"], b"; by rank, taken"),
        (["--count", "--sort", "nam"], b"did you mean 'name'"),
        (["--facet", "year", "--fields", "name"], b"leave out how"),
        (["--long", "--json"], b"choose one"),
        (["--long", "--fields", "name"], b"--fields goes with neither"),
        (["--rendition", "thumb", "--json"], b"--rendition chooses"),
        (["--link-as", "soft"], b"soft"),
    ],
)
def test_what_does_not_go_together_is_refused(
    arguments: list[str], sentence: bytes, catalog: Catalog, watcher: Run
) -> None:
    catalog.asset()
    done = watcher("search", *arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert sentence in done.stderr
