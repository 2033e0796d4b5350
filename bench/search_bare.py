"""What `watcher search` is measured against: the same lookup with sqlite3 and click, and nothing around it."""

from __future__ import annotations

import sqlite3

import click

QUERY = """
select assets.key from assets_fts join assets on assets.id = assets_fts.rowid where assets_fts match ?
order by bm25(assets_fts), assets.taken_at desc limit 50
"""


@click.command()
@click.argument("database")
@click.argument("word")
def main(database: str, word: str) -> None:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    for (key,) in connection.execute(QUERY, (word,)):
        click.echo(key)


if __name__ == "__main__":
    main()
