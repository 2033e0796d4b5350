"""How fast `watcher search` is: `python bench/search.py [--assets 1000 100000 1000000] [--rounds 20] [--writing]`.

Measures 68 queries of all kinds inside the process (the first 50 rows as assets; counts, facets and patterns), and
whole processes against `search_bare.py`. The catalogs are generated once and kept in `bench/out/`: 4 GB for a million.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from statistics import median, quantiles

from search_catalog import make, vocabulary

from watcher.db import facets, search
from watcher.db.connect import editing, transaction
from watcher.querying.parsing import parse
from watcher.querying.tree import Node

HERE = Path(__file__).resolve().parent
OUT = HERE / "out"
FIRST_ROWS, ALL_ROWS = 50.0, 1500.0  # limits, ms
WORDS = vocabulary().words
NOW = datetime(2026, 1, 1)

Query = Callable[[sqlite3.Connection], object]


def first_rows() -> dict[str, Query]:
    """The queries whose first 50 rows must be there at once."""
    common, often, some, rare = WORDS[0], WORDS[10], WORDS[200], WORDS[20_000]
    texts = [
        "", common, often, some, rare, f"{common} {often}", f"{often} {some}", f"{some} -{common}",
        f"{some} OR {rare}", f'"{common} {often}"', f"{some[:3]}*", "東京",
        f"title:{often}", f"keyword:{some}", f"keyword:={often}", "camera:canon", f"canon {common}",
        'camera_model:="Canon A5"', "a5 camera_model:=Canon", "camera:=Canon", "camera:=CANON", "place:vienna",
        "place:=vienna", f"folder:={often.title()}", "path:/library/originals/2010/07",
        "title:none", "format:png rating:5",
        f"{common} iso:12800", "iso:200..800", "f:..2.8", "size:>19MB", "width:>=8000", "rating:5",
        "taken:2015", "taken:2015-07..2015-08", "taken:..2001", "imported:2020-03", f"{often} taken:2010",
        "near:48.21,16.37,5km", "near:-16.5,180,20km", f"near:64.15,-21.94 {often}",
    ]  # fmt: skip
    return {text: _rows(text) for text in texts}


def all_rows() -> dict[str, Query]:
    """Those for which every row may have to be looked at."""
    return {
        r"name::^pxl_00\d7": _rows(r"name::^pxl_00\d7"),
        "title::zz$": _rows("title::zz$"),
        **{text: _rows(text) for text in ("keyword::zz$", "folder::zz$", "camera::zz$", "place::zz$")},
        **{text: _rows(text) for text in ("lens::zz$", "description::zz$", "inbox::zz$", "path::zz$", "lens:none")},
        f"*{WORDS[300][1:4]}*": _rows(f"*{WORDS[300][1:4]}*"),
        "is:panorama month:5 weekday:sun": _rows("is:panorama month:5 weekday:sun"),
        "is:duplicate": _rows("is:duplicate"),
        f"--count {WORDS[0]}": _count(WORDS[0]),
        "--count iso:100.. -canon": _count("iso:100.. -canon"),
        "--count is:landscape": _count("is:landscape"),
        "--count keyword:none": _count("keyword:none"),
        "--facet camera": _facet("camera", ""),
        "--facet year": _facet("year", ""),
        "--facet keyword": _facet("keyword", ""),
        "--facet folder": _facet("folder", ""),
        "--facet lens": _facet("lens", ""),
        f"--facet camera {WORDS[0]}": _facet("camera", WORDS[0]),
        f"--facet folder {WORDS[0]}": _facet("folder", WORDS[0]),
        f"--facet keyword {WORDS[0]}": _facet("keyword", WORDS[0]),
        "--sort name": _rows("", sort="name"),
    }


def _rows(text: str, sort: str | None = None) -> Query:
    return lambda db: list(search.search(db, _read(text), library="/library", sort=sort, limit=50))


def _count(text: str) -> Query:
    return lambda db: search.count(db, _read(text))


def _facet(name: str, text: str) -> Query:
    return lambda db: facets.facet(db, _read(text), name, 50)


def _read(text: str) -> Node:
    return parse(text, NOW, library="/library")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", type=int, nargs="+", default=[1000, 100_000, 1_000_000], metavar="N")
    parser.add_argument("--rounds", type=int, default=20, metavar="N")
    parser.add_argument("--folder", type=Path, default=OUT, help="where the catalogs are kept")
    parser.add_argument("--writing", action="store_true", help="with another process that adds assets meanwhile")
    parser.add_argument("--all", action="store_true", help="print each query, not just the slow ones")
    chosen = parser.parse_args()
    for number in chosen.assets:
        library = chosen.folder / f"library-{number}"
        database = library / ".watcher" / "watcher.db"
        if not database.exists():
            database.parent.mkdir(parents=True)
            make(database, number)
        print(f"\n{number:,} assets, {database.stat().st_size / 1e9:.2f} GB")
        with _writing(database) if chosen.writing else contextlib.nullcontext():
            factor = 2 if chosen.writing else 1
            measure("first 50 rows", database, first_rows(), chosen.rounds, FIRST_ROWS * factor, chosen.all)
            measure("all rows", database, all_rows(), max(3, chosen.rounds // 5), ALL_ROWS * factor, chosen.all)
        compare(library, database, chosen.rounds)


def measure(title: str, database: Path, queries: dict[str, Query], rounds: int, limit: float, every: bool) -> None:
    """Print p50 and p99 over all queries, and the slowest ones; beside the clock's time that of the processor."""
    times: dict[str, list[tuple[float, float]]] = {}
    with search.reading(str(database)) as connection:
        for query in queries.values():  # what is on the disk comes into memory
            query(connection)
        for _ in range(rounds):
            for text, query in queries.items():
                start, used = time.perf_counter(), time.process_time()
                query(connection)
                spent = (time.perf_counter() - start) * 1000, (time.process_time() - used) * 1000
                times.setdefault(text, []).append(spent)
    clock, processor = zip(*(each for one in times.values() for each in one), strict=True)
    print(
        f"  {title}: {len(queries)} queries, p50 {median(clock):.1f} ms, p99 {_p99(clock):.1f} ms (limit {limit:.0f}); "
        f"of the processor {median(processor):.1f} and {_p99(processor):.1f} ms"
    )
    for text, each in sorted(times.items(), key=lambda pair: -min(pair[1])[0]):
        if every or min(each)[0] > limit / 2:
            print(
                f"    {median(pair[0] for pair in each):8.1f} {min(pair[1] for pair in each):8.1f}  {text or '(all)'}"
            )


def _p99(values: Sequence[float]) -> float:
    return quantiles(values, n=100)[98]


def compare(library: Path, database: Path, rounds: int) -> None:
    """Print the time of whole processes: ours and the bare script, in turns."""
    word = WORDS[200]
    # as the installed script does it; without bytecode on the disk all would be compiled each time
    start_it = "from watcher.__main__ import main; main()"
    ours = [sys.executable, "-c", start_it, "search", "--library", str(library), "--limit", "50", word]
    bare = [sys.executable, str(HERE / "search_bare.py"), str(database), word]
    times: dict[str, list[float]] = {"ours": [], "bare": []}
    for _ in range(rounds):
        for name, line in (("ours", ours), ("bare", bare)):
            start = time.perf_counter()
            subprocess.run(line, stdout=subprocess.DEVNULL, check=True, cwd=HERE.parent)
            times[name].append((time.perf_counter() - start) * 1000)
    own, other = median(times["ours"]), median(times["bare"])
    print(f"  whole process: {own:.0f} ms, bare script {other:.0f} ms, {own / other:.2f} times (limit 1.3)")


@contextlib.contextmanager
def _writing(database: Path) -> Iterator[None]:
    writer = multiprocessing.get_context("spawn").Process(target=_write, args=(str(database),), daemon=True)
    writer.start()
    try:
        yield
    finally:
        writer.terminate()
        writer.join()


def _write(database: str) -> None:
    """As the daemon does: group after group, each in a transaction of its own, as fast as it goes."""
    with editing(database) as connection:
        while True:
            with transaction(connection):
                connection.execute(
                    "update assets set title = coalesce(title, '') || ' again' where id in "
                    "(select abs(random()) % (select max(id) from assets) from assets limit 16)"
                )


if __name__ == "__main__":
    main()
