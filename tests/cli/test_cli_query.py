"""`watcher query` and `watcher help`: queries kept by a name, and what there is to ask."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from tests import warm
from tests.cli.catalog_rows import Catalog, Run
from watcher.querying.reference import EXAMPLES, typed


def query(watcher: Run, verb: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    # the options of the place go behind the verb
    return watcher("query", verb, *arguments)


@pytest.fixture
def watcher(watcher: Run, catalog: Catalog) -> Run:
    """As the shared one, with the library named behind a group's verb."""

    def run(command: str, *arguments: str, **options: object) -> subprocess.CompletedProcess[bytes]:
        if command != "query":
            return watcher(command, *arguments, **options)
        words = [command, arguments[0], "--library", str(catalog.root), *arguments[1:]]
        return warm.run(words, os.environ, None, 60)

    return run


def test_a_saved_query_is_found_by_its_name_alone_and_inside_another(catalog: Catalog, watcher: Run) -> None:
    catalog.asset("a.jpg", title="sunny beach", rating=5)
    catalog.asset("b.jpg", title="rainy beach", rating=5)
    catalog.asset("c.jpg", title="beach", rating=1)
    assert query(watcher, "save", "best", "rating:5", "beach").returncode == 0
    assert query(watcher, "save", "dry", "@best", "-rainy").returncode == 0
    assert watcher("search", "@best", "--fields", "name", "--sort", "name").stdout == b"a.jpg\nb.jpg\n"
    assert watcher("search", "@dry", "OR", "rating:1", "--fields", "name", "--sort", "name").stdout == b"a.jpg\nc.jpg\n"


def test_saved_queries_are_listed_replaced_and_forgotten(catalog: Catalog, watcher: Run) -> None:
    query(watcher, "save", "summer", "month:jun..aug", "title:Santa Cruz")
    query(watcher, "save", "Ärger", "-beach")
    assert query(watcher, "list").stdout.decode() == 'summer\tmonth:jun..aug title:"Santa Cruz"\nÄrger\t-beach\n'
    query(watcher, "save", "summer", "month:7")
    assert [row["query"] for row in json.loads(query(watcher, "list", "--json").stdout)] == ["month:7", "-beach"]
    assert query(watcher, "rm", "summer", "Ärger").returncode == 0
    done = query(watcher, "list")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"no queries are saved\n")
    done = query(watcher, "rm", "summer")
    assert (done.returncode, done.stderr) == (1, b"watcher: no query is saved as summer\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["a", "iso:abc"], b"not a number"),
        (["a", "(beach"], b"not closed"),
        (["a", "beach", "@a"], b"contains itself"),
        (["a", "@other"], b"no query is saved as 'other'"),
        (["-a", "beach"], b"cannot be a name"),
        (["a b", "beach"], b"cannot be a name"),
        (["a"], b"QUERY"),
    ],
)
def test_what_cannot_be_searched_for_is_not_saved(
    arguments: list[str], sentence: bytes, catalog: Catalog, watcher: Run
) -> None:
    done = query(watcher, "save", *arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert sentence in done.stderr
    assert query(watcher, "list").stdout == b""


def test_a_query_that_leads_back_to_itself_over_another_is_not_saved(catalog: Catalog, watcher: Run) -> None:
    query(watcher, "save", "a", "beach")
    query(watcher, "save", "b", "@a")
    assert b"contains itself" in query(watcher, "save", "a", "@b").stderr
    assert watcher("search", "@b", "--count").stdout == b"0\n"


def _help(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return warm.run(["help", *arguments], os.environ, None, 60)


def test_help_explains_queries_commands_and_itself() -> None:
    page = _help("query").stdout.decode()
    assert all(typed(example) in page for _, example, _ in EXAMPLES)
    assert _help("edit").stdout.startswith(b"Usage: watcher edit ")
    assert b"search" in _help().stdout
    done = _help("nothing")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"no help on 'nothing'" in done.stderr
