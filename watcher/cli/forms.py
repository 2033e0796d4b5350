"""The forms in which the assets that were found are printed, and which of them go together."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import click

from watcher.cli import output
from watcher.fields import NAMES, Asset, value_of
from watcher.showing import known_part

if TYPE_CHECKING:
    from watcher.cli.templates import Template

_TABLE = ("id", "taken", "name", "title", "camera")
_TO_THE_MINUTE = len("YYYY-MM-DDTHH:MM")


class Form(NamedTuple):
    """At most one of json, jsonl, csv, long and template; `fields` goes with all but the last two.

    Paths are those of the originals, or of each one's `rendition`.
    """

    json: bool
    jsonl: bool
    csv: bool
    nul: bool
    long: bool
    template: Template | None
    fields: list[str] | None
    rendition: str | None

    def check(self) -> None:
        """Raises UsageError for what does not go together."""
        formats = [self.json, self.jsonl, self.csv]
        if sum([*formats, self.long, self.template is not None]) > 1:
            raise click.UsageError("choose one of --json, --jsonl, --csv, --long and --format")
        if self.nul and (any(formats) or self.long):
            raise click.UsageError("-0 goes with paths, --fields and --format only")
        if self.fields and (self.template or self.long):
            raise click.UsageError("--fields goes with neither --format, which names its fields itself, nor --long")
        if self.rendition and not self.prints_paths:
            raise click.UsageError("--rendition chooses which path is printed, opened or linked: leave out the others")

    @property
    def prints_paths(self) -> bool:
        return not (self.json or self.jsonl or self.csv or self.long or self.template or self.fields)

    @property
    def is_plain(self) -> bool:
        """Whether nothing is said about the form: a person then gets a table, a pipe paths."""
        return self.prints_paths and not (self.nul or self.rendition)

    @property
    def is_tabular(self) -> bool:
        """Whether it is a table where it goes to a terminal."""
        return self.is_plain or (bool(self.fields) and not (self.json or self.jsonl or self.csv or self.nul))

    @property
    def is_for_reading(self) -> bool:
        """Whether a person on a terminal gets so many of them, and is told of more."""
        return self.is_tabular or self.long


def paths_of(found: Iterable[Asset], rendition: str | None) -> Iterator[tuple[int, str]]:
    """(id, where its original lies, or its `rendition`); at the end a word about those that have none."""
    lacking, others = 0, set[str]()
    for asset in found:
        path = asset["path"] if rendition is None else asset["renditions"].get(rendition)
        if path is None:
            lacking += 1
            others.update(asset["renditions"])
        else:
            yield asset["id"], path
    if lacking:
        _tell_of_lacking(lacking, rendition or "", sorted(others))


def _tell_of_lacking(number: int, rendition: str, others: Sequence[str]) -> None:
    has = "has" if number == 1 else "have"
    words = f"{number:,} of them {has} no rendition {rendition}"
    words += f", but {', '.join(others)}" if others else ""
    click.echo(output.escaped(words), err=True)


def print_table(found: Sequence[Asset], chosen: Sequence[str] | None, mark: output.Mark) -> None:
    """A table of the fields `chosen`, else of those that a person mostly wants."""
    if chosen:
        output.write(output.table(chosen, list(output.texts(found, chosen)), mark))
    elif found:
        output.write(output.table(_TABLE, [[_for_a_person(asset, name) for name in _TABLE] for asset in found], mark))


def _for_a_person(asset: Asset, name: str) -> str:
    """A field's text; of the camera only the model where that begins with the maker's first word, of a date what is
    known, to the minute.
    """
    make, model = asset["camera_make"], asset["camera_model"]
    # "NIKON CORPORATION NIKON Z 6" would take the width that name and title need
    if name == "camera" and make and model and model.casefold().split()[:1] == make.casefold().split()[:1]:
        return str(model)
    if name == "taken":
        known = known_part(asset["taken_at"] or "", asset["taken_precision"])
        return known[:_TO_THE_MINUTE].replace("T", " ")  # seconds would be cut off, and more with them
    return output.text_of(value_of(asset, name))


def print_stream(connection: sqlite3.Connection, found: Iterator[Asset], form: Form) -> bool:
    """One asset after the other, as they come; False where all lack what is to be printed of them."""
    if form.prints_paths:
        return _print_lines((path for _, path in paths_of(found, form.rendition)), form)
    if form.json:
        output.write_json(_chosen(found, form.fields))
    elif form.jsonl:
        for asset in _chosen(found, form.fields):
            output.write(output.as_json(asset) + "\n")
    elif form.csv:
        names, safe = form.fields or NAMES, output.escaped if output.on_terminal() else str
        output.write_csv(names, (list(map(safe, row)) for row in output.texts(found, names)))
    elif form.long:
        from watcher.cli.describing import described

        for number, asset in enumerate(found):
            output.write("\n" * (number > 0) + described(connection, asset))
    else:
        _print_lines((_line(asset, form) for asset in found), form)
    return True


def _print_lines(lines: Iterable[str], form: Form) -> bool:
    end, any_printed = "\0" if form.nul else "\n", False
    for line in lines:
        output.write(line + end)
        any_printed = True
    return any_printed


def _line(asset: Asset, form: Form) -> str:
    safe: Callable[[str], str] = output.escaped if output.on_terminal() else output.one_line
    if form.nul:
        safe = str
    if form.template is not None:
        return form.template(asset, safe)
    return "\t".join(safe(output.text_of(value_of(asset, name))) for name in form.fields or ())


def _chosen(found: Iterator[Asset], names: Sequence[str] | None) -> Iterator[Asset]:
    for asset in found:
        yield asset if names is None else {name: value_of(asset, name) for name in names}
