"""Forms of output: table, JSON, CSV, and how names from outside are made safe for a terminal.

Everything leaves through `write` as UTF-8, whatever the locale; a file name's own bytes come back as they
were. Which rows are printed, and in which form, the commands decide.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from watcher.errors import ConfigError, OutputError
from watcher.fields import Asset, columns_of, value_of

ROWS = 50  # of a table on a terminal

Mark = Callable[[str, str], str]

_CONTROL = "\x00-\x1f\x7f"
# What a terminal obeys or reorders lines by: C1 controls, bidirectional marks and overrides, line separators,
# invisible operators, byte-order marks. Not U+200C and U+200D: Persian words and emoji are made with them.
_UNSEEN = "\x80-\x9f\u00ad\u061c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
# not compiled before one of them is needed: that would take a search longer than what it looks up
_UNSAFE_IN_LINE = f"[{_CONTROL}]"
_UNSAFE_ON_TERMINAL = f"[{_CONTROL}{_UNSEEN}]"
_UNSAFE_IN_JSON = f"[\x7f{_UNSEEN}]"
_SHORT = {"\n": r"\n", "\t": r"\t", "\r": r"\r"}


def write(text: str) -> None:
    """Raises OutputError, as `flush` does."""
    with _until_the_reader_leaves():
        sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))


def flush() -> None:
    """Let a reader that has gone away be noticed here, and not while the interpreter ends."""
    with _until_the_reader_leaves():
        sys.stdout.buffer.flush()


@contextlib.contextmanager
def _until_the_reader_leaves() -> Iterator[None]:
    """End the process well when nobody reads on (`watcher search | head`)."""
    try:
        yield
    except BrokenPipeError:
        # click would make exit code 1 of it
        let_go()
        raise SystemExit(0) from None
    except OSError as error:
        let_go()
        raise OutputError(f"the output cannot be written: {error.strerror}") from None


def let_go() -> None:
    """What is still to be written goes nowhere: it must not fail once more, and unseen, when the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def on_terminal() -> bool:
    return sys.stdout.isatty()


def note(sentence: str) -> None:
    """A remark for a person, on stderr; nothing when nobody sees it."""
    if sys.stderr.isatty():
        print(sentence, file=sys.stderr)  # noqa: T201


def escaped(text: str) -> str:
    r"""A text that no terminal obeys: `\n`, `\x1b`, `\u202e`; bytes that are not UTF-8 as `\xNN`."""
    return re.sub(_UNSAFE_ON_TERMINAL, _escape, text)


def one_line(text: str) -> str:
    """A text without line breaks and control characters, for a pipe that is read line by line."""
    return re.sub(_UNSAFE_IN_LINE, _escape, text)


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    return _SHORT.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def text_of(value: Any) -> str:
    """A field's value as text; absent is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return as_json(value) if isinstance(value, dict) else str(value)


def as_json(value: Any, indent: int | None = None) -> str:
    r"""JSON with letters as they are; `\uNNNN` for what a terminal obeys and for bytes that are not UTF-8."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return re.sub(_UNSAFE_IN_JSON, lambda match: f"\\u{ord(match[0]):04x}", text)


def write_json(values: Iterable[Any]) -> None:
    """A JSON array, written as its values come."""
    before = "[\n"
    for value in values:
        write(before + as_json(value))
        before = ",\n"
    write("[]\n" if before == "[\n" else "\n]\n")


def write_csv(names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A header and lines, quoted as RFC 4180 has it."""
    write(_csv_line(names))
    for row in rows:
        write(_csv_line(row))


def _csv_line(values: Sequence[str]) -> str:
    return ",".join('"' + v.replace('"', '""') + '"' if re.search('[",\r\n]', v) else v for v in values) + "\n"


def table(names: Sequence[str], rows: Sequence[Sequence[str]], mark: Mark = lambda name, text: text) -> str:
    """Aligned columns under their names, made safe; cut to fit the terminal when that is where they go.

    `mark` may put around parts of a cell what takes no room: it gets the column's name and the text.
    """
    import shutil  # which brings what packs and unpacks archives

    room = shutil.get_terminal_size().columns if on_terminal() else sys.maxsize
    cells = [[escaped(value) for value in row] for row in (names, *rows)]
    widths = _fitted([max(map(_width, column)) for column in zip(*cells, strict=True)], room)
    head, *lines = [list(map(_cell, row, widths)) for row in cells]
    marked = [[mark(name, cell) for name, cell in zip(names, line, strict=True)] for line in lines]
    return "".join("  ".join(line).rstrip() + "\n" for line in (head, *marked))


def _fitted(widths: list[int], room: int) -> list[int]:
    """Widths that fit in `room` with two blanks between: the widest gives first, none below 6."""
    fitted = list(widths)
    excess = sum(fitted) + 2 * (len(fitted) - 1) - room
    while excess > 0 and max(fitted, default=0) > 6:
        fitted[fitted.index(max(fitted))] -= 1
        excess -= 1
    return fitted


def _cell(text: str, width: int) -> str:
    if _width(text) > width:
        text = _cut(text, width - 1) + "…"
    return text + " " * (width - _width(text))


def _cut(text: str, width: int) -> str:
    used = 0
    for index, character in enumerate(text):
        used += _width(character)
        if used > width:
            return text[:index]
    return text


def _width(text: str) -> int:
    """Columns that a terminal gives to `text`: two to wide characters, none to combining ones."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.category(c) in ("Mn", "Me", "Cf") else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
    )


def field_names(text: str) -> list[str]:
    """The names in `a,b,c`. Raises ConfigError for one that is no field."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise ConfigError("--fields needs at least one field (watcher fields lists them)")
    for name in names:
        columns_of(name)
    return names


def texts(assets: Iterable[Asset], names: Sequence[str]) -> Iterator[list[str]]:
    for asset in assets:
        yield [text_of(value_of(asset, name)) for name in names]


def write_view(
    names: Sequence[str], rows: Sequence[dict[str, Any]], as_json: bool, none: str, short: Sequence[str] = ()
) -> None:
    """Rows with all their keys as JSON; else those of `names`, as a table on a terminal and with tabs in a pipe.

    `short` are those for a terminal, where all of them would leave too little room for each. `none` is said on stderr
    when there are no rows.
    """
    if as_json:
        write_json(rows)
    elif not rows:
        print(none, file=sys.stderr)  # noqa: T201
    elif on_terminal():
        chosen = short or names
        write(table(chosen, [[_for_a_person(name, row[name]) for name in chosen] for row in rows]))
    else:
        cells = [[text_of(row[name]) for name in names] for row in rows]
        write("".join("\t".join(map(one_line, row)) + "\n" for row in cells))


def _for_a_person(name: str, value: Any) -> str:
    """A value as a table has it: moments to the minute, by the clock of this machine."""
    if name.endswith("_at") and isinstance(value, str):
        return datetime.fromisoformat(value).astimezone().strftime("%Y-%m-%d %H:%M")
    return text_of(value)
