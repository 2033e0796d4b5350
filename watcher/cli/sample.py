"""`watcher sample`: photographs to try the program on."""

from __future__ import annotations

import click


@click.command(name="sample")
@click.argument("directory", metavar="DIR")
@click.option("--count", default=24, show_default=True, type=click.IntRange(min=1), help="How many photographs.")
def command(directory: str, count: int) -> None:
    """Make sample photographs in DIR, a new or empty folder.

    Painted places with the dates, cameras, positions and titles of real ones; a quarter of them in a zip.
    Beside them: a copy of one under another name, and one that is broken. The same count, the same files.

    \b
    Example:
      watcher sample ~/Pictures/Samples --count 12
    """
    from watcher import sample

    sample.write(directory, count)
    click.echo(f"{count} photographs, a copy of one and a broken one are in {directory}", err=True)
