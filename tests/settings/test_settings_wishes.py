"""What an inbox asks for its pictures: how it is written, what is refused, and that it reaches the workers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from watcher import settings
from watcher.errors import ConfigError
from watcher.inboxes import rules_of
from watcher.model import Wishes, parse_shift
from watcher.settings import amounts


@pytest.mark.parametrize(
    ("text", "delta"),
    [
        ("-23m", timedelta(minutes=-23)),
        ("1d2hr3m4s", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("-1d2hr3m4s", -timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("90s", timedelta(seconds=90)),
        ("0s", timedelta()),
    ],
)
def test_a_shift_is_read_with_one_sign_for_all_its_parts(text: str, delta: timedelta) -> None:
    assert parse_shift(text) == delta


@pytest.mark.parametrize(
    "text", ["", "-", "1h", "+1d", "1m1d", "1.5hr", "1d-2hr", " 1d", "1d ", "١d", "9" * 5000 + "d", "9" * 12 + "d"]
)
def test_what_is_no_shift_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="is no shift: "):
        parse_shift(text)


def wishes(file: Any, table: str) -> Wishes:
    chosen = settings.load(file(f'[[inbox]]\npath = "/in"\n{table}'), environment={}).settings
    return rules_of(chosen.inbox[0], chosen).wishes


def test_an_inbox_that_asks_for_nothing_changes_nothing(file: Any) -> None:
    assert wishes(file, "") == Wishes()


def test_what_an_inbox_asks_for_reaches_the_workers(file: Any) -> None:
    asked = wishes(
        file,
        'title = "Lisbon {seq}"\ndescription = "日本"\nkeywords = ["sun", "a\\nb"]\n'
        'prefix = "new_york_trip_may2008"\nshift = "-23m"\nupright = true\ntouch = true\n',
    )
    words = ("Lisbon {seq}", "日本", ("sun", "a\nb"))
    assert asked == Wishes(*words, "new_york_trip_may2008", "-23m", upright=True, touch=True)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('shift = "1h"', "shift: '1h' is no shift: write days, hours, minutes, seconds like -1d2hr3m4s"),
        ('prefix = "a/b"', "prefix: is the beginning of file names: it must have no slash"),
        ('prefix = "a\\nb"', "prefix: is the beginning of file names: it must have no slash and no control characters"),
        ('prefix = "-a"', "prefix: is the beginning of file names: it must not begin with a dot or dash"),
        (
            'prefix = " a"',
            "prefix: is the beginning of file names: it must not begin with a dot or dash, nor have blanks",
        ),
        (f'prefix = "{"é" * 101}"', "prefix: must have at most 200 bytes in UTF-8"),
        ('title = "\\u0000"', "title: must be text in UTF-8, without NUL"),
        ('keywords = ["\\u0000"]', "keywords 1: must be text in UTF-8, without NUL"),
    ],
)
def test_what_cannot_be_followed_is_refused_in_a_sentence(file: Any, line: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        wishes(file, line)
    assert f"inbox 1: {sentence}" in str(caught.value)


@pytest.mark.parametrize("text", ["\ud800", "caf\udce9"])
@pytest.mark.parametrize("check", [amounts.check_words, amounts.check_prefix])
def test_what_is_no_utf_8_is_refused_wherever_it_comes_from(check: Any, text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        check(text)
