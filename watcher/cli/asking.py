"""A query on the command line: words may begin with a dash, `@NAME` is a saved one, and it must come to an end."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import click

from watcher.db import saved
from watcher.db.functions import patience
from watcher.errors import ConfigError
from watcher.querying.arguments import from_arguments
from watcher.querying.parsing import parse
from watcher.querying.tree import Node

PATIENCE_SECONDS = 60.0


class Words(click.Command):
    """A command in which every word that is no option of its own is query text, a leading dash or not."""

    mistakes_are_words = True  # what begins with two dashes and is no option

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # sorted out before click does: it would read -beach as a cluster with -h (help) in it
        takes_value = {
            name: not param.is_flag
            for param in self.get_params(ctx)
            if isinstance(param, click.Option)
            for name in param.opts
        }
        options: list[str] = []
        words: list[str] = []
        rest = iter(args)
        for arg in rest:
            name, equals, _ = arg.partition("=")
            if arg == "--":
                words.extend(rest)
            elif name not in takes_value:
                if name.startswith("--") and not self.mistakes_are_words:
                    raise click.NoSuchOption(name, possibilities=_nearest(name, takes_value), ctx=ctx)
                words.append(arg)
            elif takes_value[name] and not equals:
                options.append(f"{name}={_value(rest, name, ctx)}")
            else:
                options.append(arg)
        return super().parse_args(ctx, [*options, "--", *words])


class CarefulWords(Words):
    """For what changes something: a misspelt option would make another query of it."""

    mistakes_are_words = False


def _nearest(name: str, known: Iterable[str]) -> list[str]:
    import difflib

    return difflib.get_close_matches(name, known)


def _value(rest: Iterator[str], name: str, ctx: click.Context) -> str:
    value = next(rest, None)
    if value is None:
        raise click.BadOptionUsage(name, f"Option {name!r} requires an argument.", ctx)
    return value


def read(connection: sqlite3.Connection, words: Sequence[str], library: str) -> Node:
    """What the arguments `words` mean together, now, on this machine, in this library. Raises QueryError."""
    # without a zone: that of now knows nothing of the offset that other days of the year have
    return parse(from_arguments(words), datetime.now(), lambda name: saved.find(connection, name), library)


@contextlib.contextmanager
def patient() -> Iterator[None]:
    """Ends a query that takes PATIENCE_SECONDS: a pattern that does not come to an end, mostly. Raises ConfigError."""
    try:
        with patience(PATIENCE_SECONDS):
            yield
    except TimeoutError:
        raise ConfigError(
            f"the query takes longer than {PATIENCE_SECONDS:.0f} seconds: ask for less, or by a simpler pattern"
        ) from None
