"""What a word is: folded, cut, and alike however often it is done."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.querying.folding import fold, stands_alone, tokens


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Café ÉTÉ", ("cafe", "ete")),
        ("Łódź Ørsted Đà smørrebrød", ("lodz", "orsted", "da", "smorrebrod")),
        ("Straße STRASSE ẞ", ("strasse", "strasse", "ss")),
        ("Ærø Œuvre ΐ", ("aero", "oeuvre", "ι")),
        ("İstanbul ısı", ("istanbul", "isi")),
        ("Ёлка йод", ("елка", "иод")),
        ("IMG_1234.jpg", ("img", "1234", "jpg")),
        ("it's foo-bar", ("it", "s", "foo", "bar")),
        ("富士山 2024年", ("富", "士", "山", "2024", "年")),
        ("が か", ("が", "か")),
        ("한국", ("한", "국")),
        ("ﾌｼﾞ Ｆｕｊｉ", ("フ", "ジ", "fuji")),
        ("day🌅sun ☀️", ("day", "🌅", "sun", "☀")),
        ("👩‍👧", ("👩", "👧")),
        ("हिन्दी", ("हिन्दी",)),
        ("soft\u00adhyphen می‌خواهم", ("softhyphen", "میخواهم")),
        ("مُحَمَّد", ("محمد",)),
        ("C++ 50% ... \0\n", ("c", "50")),
        ("\x9c", ()),
    ],
)
def test_text_is_cut_into_folded_tokens(text: str, found: tuple[str, ...]) -> None:
    assert tokens(text) == found


@given(st.text())
def test_folding_twice_changes_nothing_more(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert tokens(" ".join(tokens(text))) == tokens(text)


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_sqlite_takes_the_tokens_apart_where_we_put_them_together(text: str) -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("create virtual table f using fts5(x, tokenize='ascii')")
    connection.execute("create virtual table v using fts5vocab(f, instance)")
    connection.execute("insert into f values (?)", (" ".join(tokens(text)),))
    assert tuple(row[0] for row in connection.execute("select term from v order by offset")) == tokens(text)
    connection.close()


def test_characters_of_scripts_without_spaces_and_symbols_stand_alone() -> None:
    assert all(map(stands_alone, "富か한ก🌅€"))
    assert not any(map(stands_alone, ("a", "1", "é", "й", "富士")))
