"""`watcher help query`: the language in one page. Its examples are run by a test."""

from __future__ import annotations

import re
from itertools import groupby

from watcher.querying.mistakes import cells

# (chapter, query, what it finds)
EXAMPLES: tuple[tuple[str, str, str], ...] = (
    ("Words", "sunset beach", "both words, anywhere in the texts"),
    ("Words", '"golden hour"', "these words one after the other"),
    ("Words", "sun*", "words that begin so"),
    ("Words", "*sun*", "letters inside words, at least two"),
    ("Words", "cat & dog", "a sign between words is none of them"),
    ("Words", "富士", "Chinese, Japanese and Korean: exactly these characters"),
    ("Combined", "beach -sunset", "not sunset; also ^sunset, NOT sunset"),
    ("Combined", "cat OR dog", "one or the other; OR, NOT in capitals"),
    ("Combined", "(cat OR dog) holiday", "parentheses; NOT binds first, then AND, then OR"),
    ("Fields", "title:sunset", "the word in this field (watcher fields lists them)"),
    ("Fields", 'title:"Santa Cruz"', "a phrase in this field"),
    ("Fields", "title:=Sunset", "the whole title, letter by letter"),
    ("Fields", r"name::^IMG_\d+", "a regular expression of Python, case ignored"),
    ("Fields", "title:none", "without a title"),
    ("Fields", "lens:any", "with a lens; has:lens says the same"),
    ("Fields", "keyword:=cat", "one of the keywords is just this; of people, albums, folders too"),
    ("Fields", "place:=Vienna", "the location, city, state or country is just this"),
    ("Fields", "path:originals/2023", "words of the path; an absolute one is a file, or all in a folder"),
    ("Numbers", "iso:200..800", "from 200 to 800, both included"),
    ("Numbers", "f:..2.8", "at most 2.8; f:<=2.8 says the same"),
    ("Numbers", "width:>=4000", "comparisons: < <= > >="),
    ("Numbers", "size:5MB..", "KB MB GB are thousands, KiB MiB GiB are 1024s"),
    ("Numbers", "exposure_time:1/250", "fractions"),
    ("Numbers", "rating:>=4", "four stars or five"),
    ("Dates", "taken:2023-07", "all of July 2023"),
    ("Dates", "taken:2023-07..2023-08", "July and August"),
    ("Dates", "taken:..2009", "until the end of 2009"),
    ("Dates", "taken:-2w..", "since two weeks ago, the future too; h d w m (months) y"),
    ("Dates", "taken:-6m..today", "the last six months"),
    ("Dates", "imported:today", "or yesterday"),
    ("Dates", "month:5", "in any May; month:nov..feb goes over the turn of the year"),
    ("Dates", "weekday:sun", "on Sundays"),
    ("Dates", "hour:18..21", "between 18:00 and 21:59, local time"),
    ("Places", "place:lisbon", "location, city, state or country"),
    ("Places", "near:48.21,16.37,5km", "within m, km or mi; without a distance 1km"),
    ("Places", "has:gps", "with a position"),
    ("Questions", "is:landscape", "or portrait, square, panorama"),
    ("Questions", "is:undated", "or favourite"),
    ("Questions", "is:duplicate", "dropped more than once"),
    ("Questions", "flag:hdr_gain_map", "what was odd about the file"),
    ("Questions", "renditions:thumb", "a rendition by this recipe is there"),
    ("Questions", "id:12", "one asset"),
    ("Saved", "@summer -rain", "the query saved as summer, and more"),
)

_NOTES = """\
Case, accents and the like are ignored: cafe finds Café, lodz finds Łódź. What stands in quotes is text.
A shell wants single quotes around what has * ( ) < > & \\ $ ! or quotes in it, as they are above.
An argument that begins with a field and has spaces is a phrase: watcher search title:"Santa Cruz" needs no more quotes.
With another field in it it is a query: watcher query save seas 'title:sea OR keyword:sea'.
Each value of people, keywords, albums, folders and batches stands for itself: no phrase reaches into the next.
Regular expressions, *letters* inside words and signs alone (++) are looked for asset by asset, which takes longer;
so do words by their first letter alone (s*), and what begins so and must not be there (-su*), among very many assets.
"""


_UNSAFE_IN_SHELL = re.compile(r"""["'\\$`*?\[\]{}()<>|&;#!~]""")
_PHRASE = re.compile(r'[\w.]+:=?"[\w ]+"')  # the shell takes its quotes, and `arguments` gives them back


def typed(query: str) -> str:
    """A query as it is typed into a shell."""
    if _PHRASE.fullmatch(query) or not _UNSAFE_IN_SHELL.search(query):
        return query
    return "'" + query.replace("'", "'\\''") + "'"


def reference() -> str:
    """The page: a chapter for each kind of term, an example a line, as a shell takes it."""
    width = max(cells(typed(query)) for _, query, _ in EXAMPLES) + 2
    lines: list[str] = []
    for chapter, examples in groupby(EXAMPLES, key=lambda example: example[0]):
        lines.append(f"{chapter}:")
        lines += [f"  {typed(query)}{' ' * (width - cells(typed(query)))}{meaning}" for _, query, meaning in examples]
        lines.append("")
    return "\n".join(lines) + "\n" + _NOTES
