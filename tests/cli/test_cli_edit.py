"""`watcher edit`: the plan, the question, the change, what is kept of it, and that the index follows."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from typing import Any

import pytest

from tests.cli.catalog_rows import Catalog, Run


def one(watcher: Run, number: int = 1) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(watcher("show", "--json", str(number)).stdout)[0]
    return row


def edits(catalog: Catalog) -> list[tuple[object, ...]]:
    rows = catalog.connection.execute("select edit, asset_id, field, old, new from edits order by id")
    return [tuple(row) for row in rows]


def test_what_is_edited_is_said_found_and_kept_with_what_was_there(catalog: Catalog, watcher: Run) -> None:
    catalog.asset("a.jpg", title="Harbour", keywords='["sea", "Todo"]', taken_offset="+02:00")
    catalog.asset("b.jpg", title="Harbour", rating=2)
    given = ["--title", "Crème brûlée", "--keyword", "food", "--keyword", "-todo", "--rating", "4"]
    done = watcher("edit", "id:1", *given, "--taken", "2024-05-17T14:23", "--description=-x", "--yes")
    assert (done.returncode, done.stdout) == (0, b""), done.stderr
    row = one(watcher)
    assert (row["title"], row["keywords"], row["rating"]) == ("Crème brûlée", ["sea", "food"], 4)
    taken = [row[f"taken_{part}"] for part in ("at", "offset", "precision", "source")]
    assert taken == ["2024-05-17T14:23:00", None, "second", "edit"]
    assert row["description"] == "-x"
    assert watcher("search", "brulee", "food", "--fields", "name").stdout == b"a.jpg\n"
    assert watcher("search", "harbour", "--fields", "name").stdout == b"b.jpg\n"
    assert edits(catalog)[0] == (1, 1, "title", "Harbour", "Crème brûlée")
    assert (1, 1, "keywords", '["sea", "Todo"]', '["sea", "food"]') in edits(catalog)
    assert (1, 1, "taken_offset", "+02:00", None) in edits(catalog)


def test_an_edit_is_one_change_of_all_that_a_query_finds(catalog: Catalog, watcher: Run) -> None:
    for number in range(1203):
        catalog.insert("assets", **_row(number))
    watcher("edit", "size:..1000", "--rating", "5", "--yes")
    watcher("edit", "size:..1000", "--rating", "3", "--yes")
    assert watcher("search", "rating:3", "--count").stdout == b"1001\n"
    assert {(number, old, new) for number, _, _, old, new in edits(catalog)} == {(1, None, 5), (2, 5, 3)}


def _row(number: int) -> dict[str, object]:
    digest = {"digest": f"{number:064x}", "stored_digest": "s", "key": f"{number}", "name": "a.jpg"}
    return {**digest, "format": "jpeg", "size": number, "imported_at": "2026"}


def test_the_plan_tells_how_many_would_change(catalog: Catalog, watcher: Run) -> None:
    catalog.asset("a.jpg", keywords='["sea"]')
    catalog.asset("b.jpg", title="Old")
    done = watcher("edit", "jpg", "--keyword", "sea", "--title", "Old", "--yes")
    lines = done.stderr.decode().splitlines()
    assert lines == [
        "2 photographs found; 2 would change",
        "  title: 'Old' (1)",
        "  keywords: + sea (1)",
        "2 photographs changed",
    ]


def test_without_a_terminal_nothing_changes_unless_it_is_said_so(catalog: Catalog, watcher: Run) -> None:
    catalog.asset("a.jpg", title="Old")
    done = watcher("edit", "jpg", "--title", "New", stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"1 would change" in done.stderr and b"--yes" in done.stderr
    assert (one(watcher)["title"], edits(catalog)) == ("Old", [])


@pytest.mark.parametrize(("answer", "title", "code"), [(b"y\n", "New", 0), (b"n\n", "Old", 1), (b"\n", "Old", 1)])
def test_on_a_terminal_it_asks(catalog: Catalog, watcher: Run, answer: bytes, title: str, code: int) -> None:
    catalog.asset("a.jpg", title="Old")
    outside, inside = pty.openpty()
    line = [sys.executable, "-m", "watcher", "edit", "--library", str(catalog.root), "jpg", "--title", "New"]
    with subprocess.Popen(line, stdin=inside, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        os.write(outside, answer)
        _, said = run.communicate(timeout=60)
    os.close(inside)
    os.close(outside)
    assert b"1 would change" in said and b"Change them? [y/N]" in said
    assert (run.returncode, one(watcher)["title"]) == (code, title)


def test_what_is_so_already_is_no_change(catalog: Catalog, watcher: Run) -> None:
    catalog.asset("a.jpg", title="Old", keywords='["sea"]', rating=3)
    done = watcher("edit", "jpg", "--title", "Old", "--keyword", "sea", "--keyword", "-sun", "--rating", "3")
    assert (done.returncode, edits(catalog)) == (0, [])
    assert b"none would change" in done.stderr


def test_an_empty_value_takes_away_what_is_there(catalog: Catalog, watcher: Run) -> None:
    catalog.asset(title="x", description="y", rating=3, taken_at="2001-01-01T00:00:00", taken_precision="day")
    watcher("edit", "id:1", "--title", "", "--description=", "--rating", "", "--taken", "", "--yes")
    row = one(watcher)
    assert [row[name] for name in ("title", "description", "rating", "taken_at", "taken_precision")] == [None] * 5


@pytest.mark.parametrize(
    ("given", "at", "precision", "offset"),
    [
        ("1987", "1987-01-01T00:00:00", "year", None),
        ("1987-06", "1987-06-01T00:00:00", "month", None),
        ("1987-06-05", "1987-06-05T00:00:00", "day", None),
        ("1987-06-05 07:08:09.5", "1987-06-05T07:08:09.5", "second", None),
        ("1987-06-05T07:08+05:30", "1987-06-05T07:08:00", "second", "+05:30"),
        ("1987-06-05T07:08Z", "1987-06-05T07:08:00", "second", "+00:00"),
    ],
)
def test_a_date_is_as_precise_as_it_is_given(
    given: str, at: str, precision: str, offset: str | None, catalog: Catalog, watcher: Run
) -> None:
    catalog.asset()
    watcher("edit", "id:1", "--taken", given, "--yes")
    row = one(watcher)
    assert (row["taken_at"], row["taken_precision"], row["taken_offset"]) == (at, precision, offset)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["jpg"], b"say what to change"),
        (["--title", "x"], b"QUERY"),
        (["jpg", "--rating", "6"], b"-1 (rejected) to 5"),
        (["jpg", "--rating", "many"], b"-1 (rejected) to 5"),
        (["jpg", "--taken", "2024-02-30"], b"no such date"),
        (["jpg", "--taken", "2024-02-03T10"], b"not a date"),
        (["jpg", "--taken", "soon"], b"not a date"),
        (["jpg", "--titel", "x"], b"--title"),
        (["iso:abc", "--title", "x"], b"not a number"),
        (["jpg", "--keyword", "-"], b"say what to change"),
    ],
)
def test_what_cannot_be_meant_changes_nothing(
    arguments: list[str], sentence: bytes, catalog: Catalog, watcher: Run
) -> None:
    catalog.asset("a.jpg")
    done = watcher("edit", *arguments, "--yes")
    assert (done.returncode, done.stdout) == (2, b"")
    assert sentence in done.stderr
    assert edits(catalog) == []


def test_nothing_found_is_exit_1(catalog: Catalog, watcher: Run) -> None:
    done = watcher("edit", "nothing", "--title", "x", "--yes")
    assert (done.returncode, done.stderr) == (1, b"nothing found\n")


def test_any_text_can_be_a_title_and_is_escaped_where_it_is_shown(catalog: Catalog, watcher: Run) -> None:
    catalog.asset()
    done = watcher("edit", "id:1", "--title", b"a\x1b[31m\nb\xe9 \xf0\x9f\x8c\x85", "--yes")
    assert done.returncode == 0, done.stderr
    assert b"\x1b" not in done.stderr
    assert one(watcher)["title"] == "a\x1b[31m\nb\\xe9 🌅"


def test_the_plan_shows_of_a_date_what_is_known_and_letters_as_they_are(catalog: Catalog, watcher: Run) -> None:
    catalog.asset("a.jpg")
    family = "\U0001f469\u200d\U0001f467 O'Hara"
    done = watcher("edit", "id:1", "--taken", "1987-06", "--title", family, "--yes")
    lines = done.stderr.decode().splitlines()
    assert sorted(lines[1:3]) == ["  taken_at: '1987-06' (1)", f"  title: '{family}' (1)"]
    done = watcher("edit", "id:1", "--taken", "1987-06-05T14:23:01.5", "--yes")
    assert "  taken_at: '1987-06-05T14:23:01.5' (1)" in done.stderr.decode()


def test_letters_are_kept_in_one_form_however_they_were_typed(catalog: Catalog, watcher: Run) -> None:
    catalog.asset("a.jpg")
    apart, joined = "cafe\u0301", "caf\u00e9"
    assert watcher("edit", "id:1", "--title", apart, "--keyword", apart, "--keyword", joined, "--yes").returncode == 0
    [asset] = json.loads(watcher("search", f"title:={joined}", "--json").stdout)
    assert (asset["title"], asset["keywords"]) == (joined, [joined])


@pytest.mark.parametrize("rating", ["--1", "6", "+3", "\u0664", "1.5", "-", " 4"])
def test_a_rating_that_there_is_not_is_refused_in_words(rating: str, catalog: Catalog, watcher: Run) -> None:
    catalog.asset("a.jpg")
    done = watcher("edit", "id:1", "--rating", rating, "--yes")
    assert done.returncode == 2
    assert b"is not one of -1 (rejected) to 5" in done.stderr
