"""What a word is: text folded and cut into tokens, alike for the index and for what is asked of it.

A token holds ASCII letters and digits and whatever is not ASCII. FTS5's `ascii` tokenizer takes such tokens, joined by
spaces, apart again at exactly these spaces: so no table of SQLite's, of whichever version, decides what is a letter.
"""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from collections.abc import Iterator
from typing import Literal

# Unicode has no decomposition for these; casefold knows ß only.
_ALIKE = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "þ": "th", "ħ": "h", "ı": "i"})
# The blocks of combining diacritical marks, and the points of Arabic and Hebrew, which are mostly left out in writing.
# Not every mark: those of kana and of Indian scripts make another letter of the one they stand on.
_MARKS = "[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]"
_SELECTORS = "[\u180b-\u180d\ufe00-\ufe0f\U000e0100-\U000e01ef]"  # how an emoji or ideograph is drawn
_ASCII_WORD = re.compile("[a-z0-9]+")
# Scripts that put no spaces between words, and Hangul, whose endings cling to them: a token for each character.
_UNSPACED = (
    range(0x0E00, 0x0F00),  # Thai, Lao
    range(0x1000, 0x10A0),  # Burmese
    range(0x1100, 0x1200),  # Hangul
    range(0x1780, 0x1800),  # Khmer
    range(0x2E80, 0x2FE0),  # radicals
    range(0x3005, 0x3008),
    range(0x3021, 0x302A),
    range(0x3040, 0x3400),  # kana, Bopomofo, Hangul
    range(0x3400, 0xA4D0),  # Han, Yi
    range(0xA960, 0xA980),
    range(0xAC00, 0xD800),  # Hangul
    range(0xF900, 0xFB00),
    range(0x1AFF0, 0x1B170),
    range(0x20000, 0x40000),
)

_Kind = Literal["letter", "alone", "gap"]


def fold(text: str) -> str:
    """`text` without case, diacritics and compatibility forms, as unicode61 folds it and further (ł ø đ ß æ œ)."""
    if text.isascii():
        return text.lower()
    # twice: casefold may give what can be decomposed again
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    plain = re.sub(_SELECTORS, "", re.sub(_MARKS, "", plain)).translate(_ALIKE)
    plain = "".join(char for char in plain if unicodedata.category(char) != "Cf")
    return unicodedata.normalize("NFC", plain)


def tokens(text: str) -> tuple[str, ...]:
    """The tokens of `text`: words and numbers; each character of a script without spaces, each symbol, by itself."""
    folded = fold(text)
    if folded.isascii():
        return tuple(_ASCII_WORD.findall(folded))
    found: list[str] = []
    for kind, run in itertools.groupby(folded, _kind):
        if kind == "letter":
            found.append("".join(run))
        elif kind == "alone":
            found.extend(run)
    return tuple(found)


def written(text: str) -> Iterator[tuple[str, str]]:
    """`text` in pieces: (its token, as it is written), with an empty token for what stands between."""
    kind: _Kind = "gap"
    piece = ""
    for char in text:
        folded = fold(char)
        after = _kind(folded[0]) if folded else kind  # an accent belongs to its letter
        if piece and (after != kind or (after == "alone" and folded)):
            yield " ".join(tokens(piece)), piece
            piece = ""
        kind, piece = after, piece + char
    if piece:
        yield " ".join(tokens(piece)), piece


def stands_alone(token: str) -> bool:
    """Whether a token is a character that is one by itself wherever it stands, so that nothing can be around it."""
    return len(token) == 1 and _kind(token) == "alone"


@functools.lru_cache(maxsize=4096)
def _kind(char: str) -> _Kind:
    if char.isascii():
        return "letter" if char.isalnum() else "gap"
    category = unicodedata.category(char)
    if category[0] in "LNM" or category == "Co":
        return "alone" if any(ord(char) in block for block in _UNSPACED) else "letter"
    return "alone" if category[0] == "S" else "gap"
