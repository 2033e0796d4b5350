"""`watcher explain`: the whole story of one file, taken or not, in the order in which it happened."""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from watcher import locate
from watcher.cli import output, telling, tracing, whereabouts
from watcher.cli.options import as_json, places
from watcher.cli.report import report
from watcher.db import search, stories, views
from watcher.showing import shown

if TYPE_CHECKING:
    from watcher.settings.tables import Inbox
    from watcher.settings.whole import Settings

Story = dict[str, Any]

_MOST = 10  # stories of one word


@click.command()
@click.argument("file", nargs=-1, required=True, metavar="PATH|NAME|ID...")
@places
@as_json
def command(file: tuple[str, ...], config: str | None, library: str | None, as_json: bool) -> int:
    """Tell the whole story of a file: how it was seen, what it waited for, what became of it and why, where it lies.

    PATH is any path that it has or had: in an inbox, in failed/, in the library. NAME is the one it was dropped under.
    ID is an asset, job:N, or 8 or more digits of a digest. Of several files each is told, the latest first. Exits with
    1 when nothing is known of one.

    --json prints an array; each story has word, headline, state (of the job; or waiting, ignored, left, refused for
    what was not taken), path (as dropped), job, asset (numbers or null), story (an array of {at, text}: sentences, at
    in UTC or empty), places (an array of {what, path, stands}), and facts: all rows behind it, null for what was not
    taken.

    \b
    Examples:
      watcher explain IMG_1234.jpg
      watcher explain ~/Pictures/Inbox/trip/clip.part
      watcher explain job:12 --json
    """
    books = _Books(locate.library(config, library), config, library)
    told, complaints = [], []
    with books.open() as connection:
        for word in file:
            found, more = _found(connection, word, books)
            told += found
            if more:
                complaints.append(f"and {more:,} more are called {shown(word)}: watcher jobs lists them")
            if not found:
                complaints.append(_unknown(connection, word, books))
    if as_json:
        output.write_json(told)
    else:
        output.write("\n".join(map(_text, told)))
    output.flush()
    for sentence in complaints:
        click.echo(f"watcher: {output.escaped(sentence)}", err=True)
    return 0 if {one["word"] for one in told} >= {shown(word) for word in file} else 1


class _Books:
    """Where the rows and the settings are that stories need; the settings are read when they are asked for."""

    def __init__(self, place: locate.Library, config: str | None, library: str | None) -> None:
        self.place, self._config, self._library = place, config, library

    @contextlib.contextmanager
    def open(self) -> Iterator[sqlite3.Connection | None]:
        """The catalog; None before the first run."""
        if not os.path.exists(self.place.database):
            yield None
            return
        with search.reading(self.place.database) as connection:
            yield connection

    @functools.cached_property
    def settings(self) -> Settings:
        from watcher import settings

        return settings.load(self._config, library=self._library).settings

    def template(self, environment: Mapping[str, str] = os.environ) -> str:
        """library.name; what checks the whole configuration is not loaded for it where that says it."""
        file = locate.config_file(self._config)
        table = locate.read(file).get("library", {}) if file else {}
        said = environment.get("WATCHER_LIBRARY__NAME") or (table.get("name") if isinstance(table, dict) else None)
        return said if isinstance(said, str) else self.settings.library.name


def _found(connection: sqlite3.Connection | None, word: str, books: _Books) -> tuple[list[Story], int]:
    """Stories of what the word means, and how many more there are."""
    subjects = tracing.find(connection, word, books.place.path) if connection else []
    told = [_waiting(connection, word, books)] if os.path.lexists(word) else []
    told += [_taken(connection, word, one, books) for one in subjects[:_MOST]] if connection else []
    return [one for one in told if one], max(0, len(subjects) - _MOST)


def _taken(connection: sqlite3.Connection, word: str, subject: tracing.Subject, books: _Books) -> Story | None:
    story = stories.story(connection, job=subject.job, asset=subject.asset)
    if story is None:  # removed at this moment
        return None
    template = books.template() if story["asset"] else ""
    lying = whereabouts.places(story, books.place.path)
    lines = telling.events(story)
    lines += telling.reasons(story, whereabouts.called(story, template), template) + telling.lies(lying)
    job = story["job"]
    return {
        "word": shown(word),
        "headline": telling.headline(story),
        "state": job["state"] if job else "done",
        "path": os.path.join(job["inbox_path"], job["root_path"] or job["path"]) if job else None,
        "job": job and job["id"],
        "asset": story["asset"] and story["asset"]["id"],
        "story": [line._asdict() for line in lines],
        "places": [one._asdict() for one in lying],
        "facts": story,
    }


def _waiting(connection: sqlite3.Connection | None, word: str, books: _Books) -> Story | None:
    """The story of what lies at a path in an inbox, and is not taken; None when it lies elsewhere, or was."""
    if tracing.below(word, books.place.path):
        return None
    for inbox in _inboxes(connection, books):
        path = tracing.below(word, inbox.path)
        if path is not None and not (connection and _is_ours(connection, inbox.path, path)):
            return _untaken(word, inbox, path, books)
    return None


def _untaken(word: str, inbox: Inbox, path: str, books: _Books) -> Story:
    from watcher.cli import untaken
    from watcher.intake.settling import Patience

    said, intake = report(books.place.path), books.settings.intake
    patience = Patience(intake.settle_seconds, intake.incomplete_seconds)
    state, why = untaken.verdict(inbox.path, path, inbox, patience, said)
    lines = [why, untaken.daemon_of(inbox.path, said)] if state == "waiting" else [why]
    place = whereabouts.Place("file", os.path.join(inbox.path, path), True)
    return {
        "word": shown(word),
        "headline": f"{shown(path)} lies in the inbox {inbox.name} and was not taken",
        "state": state,
        "path": place.path,
        "job": None,
        "asset": None,
        "story": [telling.Told("", line)._asdict() for line in lines],
        "places": [place._asdict()],
        "facts": None,
    }


def _inboxes(connection: sqlite3.Connection | None, books: _Books) -> list[Inbox]:
    """Those of the configuration; then those that it does not name, as `watcher run --inbox` has them."""
    from watcher.settings.tables import Inbox

    configured = list(books.settings.inbox)
    known = {os.fsdecode(row["path"]): row["name"] for row in views.inboxes(connection)} if connection else {}
    for path in sorted(known.keys() - {inbox.path for inbox in configured}):
        configured.append(Inbox.model_construct(name=known[path], path=path))
    return configured


def _is_ours(connection: sqlite3.Connection, inbox: str, path: str) -> bool:
    """Whether what lies there is known: it was taken and stays, or lies where the program put it."""
    found = os.lstat(os.path.join(inbox, path))
    root, place = os.fsencode(inbox), os.fsencode(path)
    if stories.is_taken(connection, root, place, (found.st_size, found.st_mtime_ns, found.st_ino)):
        return True
    return bool(tracing.in_inbox(connection, root, path)) and path.startswith((".watcher/", "failed/"))


def _text(story: Story) -> str:
    told = ("  " + "  ".join(filter(None, (line["at"], line["text"]))) for line in story["story"])
    return "".join(output.escaped(line) + "\n" for line in (story["headline"], *told))


def _unknown(connection: sqlite3.Connection | None, word: str, books: _Books) -> str:
    """A sentence about what no story is known of."""
    if tracing.below(word, books.place.path) and os.path.lexists(word):
        return f"{shown(word)} lies in the library's folder, and the catalog knows nothing of it"
    if os.path.lexists(word):
        inboxes = [inbox.path for inbox in _inboxes(connection, books)]
        if os.path.realpath(word) in map(os.path.realpath, inboxes):
            return f"{shown(word)} is an inbox: watcher status tells how it is"
        known = ", ".join(map(shown, inboxes))
        return f"{shown(word)} lies in no inbox and is not in the library; the inboxes are {known}"
    near = _nearest(stories.names_near(connection, shown(os.path.basename(word))), word) if connection else []
    meant = f"; did you mean {' or '.join(near)}?" if near else ": give a path, the name it was dropped under, or an id"
    return f"nothing is known of {shown(word) or 'a name without letters'}{meant}"


def _nearest(names: Sequence[str], word: str) -> list[str]:
    import difflib

    return difflib.get_close_matches(shown(os.path.basename(word)), names, n=3)
