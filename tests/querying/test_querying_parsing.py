"""Words, operators, parentheses and saved queries: the tree that they make, or the place of the mistake."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.errors import ConfigError
from watcher.fields import ALIASES, NAMES
from watcher.querying.arguments import from_arguments
from watcher.querying.mistakes import QueryError
from watcher.querying.parsing import MAX_DEPTH, MAX_TERMS, parse
from watcher.querying.tree import All, Any, Bound, Exact, Inside, Letters, Node, Not, Range, Regex, Words

NOW = datetime(2024, 5, 17, 14, 23)


def tree(text: str, **saved: str) -> Node:
    return parse(text, NOW, saved.get)


def word(*tokens: str, field: str | None = None, open: bool = False) -> Words:
    return Words(tokens, field, open)


A, B, C = word("a"), word("b"), word("c")


def megabytes(number: int) -> Range:
    return Range("size", Bound(number * 10**6, True), Bound(number * 10**6, True))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", All(())),
        ("  \n ", All(())),
        ("a", A),
        ("a b", All((A, B))),
        ("a AND b", All((A, B))),
        ("a OR b", Any((A, B))),
        ("a b OR c", Any((All((A, B)), C))),
        ("a OR b c", Any((A, All((B, C))))),
        ("a (b OR c)", All((A, Any((B, C))))),
        ("(a)", A),
        ("-a b", All((Not(A), B))),
        ("^a", Not(A)),
        ("NOT a", Not(A)),
        ("NOT NOT a", A),
        ("NOT -a", A),
        ("NOT a OR b", Any((Not(A), B))),
        ("-(a OR b)", Not(Any((A, B)))),
        ("NOT(a OR b)", Not(Any((A, B)))),
        ("or not and", All((word("or"), word("not"), word("and")))),
        ('"OR"', word("or")),
        ('"a b"', word("a", "b")),
        ('-"a b"', Not(word("a", "b"))),
        (r'"say \"hi\""', word("say", "hi")),
        ('a"b"', All((A, B))),
        ("sun*", word("sun", open=True)),
        ('"golden h"*', word("golden", "h", open=True)),
        ("*sun*", Inside("sun")),
        ("*sun", Inside("sun")),
        ("*sun-set*", Inside("sun set")),
        ("*富*", word("富")),
        ('"*sun*"', word("sun")),
        ("title:*Süd*", Inside("sud", "title")),
        ("IMG_(1).jpg", word("img", "1", "jpg")),
        ("(IMG(1))", word("img", "1")),
        ("foo(bar", word("foo", "bar")),
        ("title:Sunset", word("sunset", field="title")),
        ("TITLE:sunset", word("sunset", field="title")),
        ('title:"Santa Cruz"', word("santa", "cruz", field="title")),
        ("title:=Sunset", Exact("title", "Sunset")),
        ('title:="Santa Cruz"', Exact("title", "Santa Cruz")),
        (r"name::(\d+|x)\.jpg$", Regex("name", r"(\d+|x)\.jpg$")),
        ("-keyword:cat", Not(word("cat", field="keywords"))),
        ("camera:canon", word("canon", field="camera")),
        ("flag:HDR_gain_map", Exact("flags", "hdr_gain_map")),
        ("a & b", All((A, B))),
        ("& a", A),
        ("a AND & AND b", All((A, B))),
        ('a "&"', All((A, Letters("&")))),
        ("a -&", All((A, Not(Letters("&"))))),
        ("a title:++", All((A, Letters("++", "title")))),
        ("a OR &", Any((A, Letters("&")))),
        ("& +", All((Letters("&"), Letters("+")))),
        ("size:5 MB a", All((megabytes(5), A))),
        ("SIZE:5 mb", megabytes(5)),
        ("-size:5 MB", Not(megabytes(5))),
        ('size:5MB "MB"', All((megabytes(5), word("mb")))),
        ("++", Letters("++")),
        ("-", Letters("-")),
        ("--", Letters("--")),
    ],
)
def test_a_query_means_this(text: str, found: Node) -> None:
    assert tree(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "it's", "foo-bar", "photo.jpg", "C++", "50%", "🌅", "12:30", "14:23:01", "a/b", "@", "user@example.com", "#1",
        "salt & pepper", "what?", "[x]", "{x}", "a|b", "~", "$5", "a..b", "http://example.com/a:b", "C:\\Photos",
        "Oslo:", "::", ":a", "x=y", "a*b", "*", "**", "' OR 1=1 --", "\0", "\x9c", "\udce9", "مرحبا", "e\u0301", "<b>",
        "<=3", "5MB",
    ],
)  # fmt: skip
def test_what_people_type_is_text(text: str) -> None:
    assert tree(text)


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ('beach "golden', 6, "this quote is not closed"),
        ('beach"', 5, "this quote is not closed"),
        ('title:"x', 6, "this quote is not closed"),
        ("(a OR b", 0, "this parenthesis is not closed"),
        ("a (b", 2, "this parenthesis is not closed"),
        ("a)", 1, "this parenthesis was not opened"),
        ("()", 0, "something is missing after ("),
        ("OR a", 0, "something is missing before OR"),
        ("a OR", 2, "something is missing after OR"),
        ("a OR OR b", 5, "something is missing before OR"),
        ("a AND", 2, "something is missing after AND"),
        ("NOT", 0, "something is missing after NOT"),
        ("iso:abc", 4, "'abc' is not a number"),
        ("iso:..", 4, "at least one end"),
        ("iso:200..x", 4, "'x' is not a number"),
        ("size:5XB", 5, "units: b, kb, mb"),
        ("f:1/0", 2, "'1/0' is not a number"),
        ("taken:soon", 6, "'soon' is not a date"),
        ("taken:2023-02-30", 6, "no such date"),
        ("taken:-999999y", 6, "no such date"),
        ("imported:0000", 9, "no such date"),
        ("favourite:maybe", 10, "is none of yes"),
        ("is:pretty", 3, "is none of duplicate"),
        ("has:titel", 4, "did you mean 'title'"),
        ("year:2023", 0, "write taken:2023"),
        ("month:13", 6, "not one of 1 to 12"),
        ("weekday:xyz", 8, "or sun, mon"),
        ("hour:24", 5, "not one of 0 to 23"),
        ("near:1", 5, "LATITUDE,LONGITUDE"),
        ("near:91,0", 5, "-90 to 90"),
        ("near:0,0,5parsec", 5, "units: m, km, mi"),
        ("name::(", 6, "is not a regular expression"),
        ("*a*", 0, "at least 2 letters"),
        ("title:", 0, "needs a value"),
        ("beach titel:x", 6, "did you mean 'title'"),
        ("qqq:x", 0, "no field is called 'qqq'"),
        ("renditions.thumb:big", 17, "only any or none"),
        ("@nowhere", 0, "no query is saved as 'nowhere'"),
    ],
)
def test_what_cannot_be_read_is_a_sentence_with_its_place(text: str, position: int, message: str) -> None:
    with pytest.raises(QueryError) as refused:
        tree(text)
    assert message in refused.value.message
    assert (refused.value.position, refused.value.query) == (position, text)
    assert isinstance(refused.value, ConfigError) and refused.value.exit_code == 2


def test_the_message_shows_the_query_and_a_caret_below_the_place() -> None:
    with pytest.raises(QueryError) as refused:
        tree("富士 iso:abc")
    assert str(refused.value).splitlines()[1:] == ["  富士 iso:abc", "  " + " " * 9 + "^"]


def test_a_long_query_is_shown_around_the_place_and_control_characters_stay_out() -> None:
    with pytest.raises(QueryError) as refused:
        tree("\x1b[31m " + "word " * 80 + "iso:abc" + " word" * 80)
    _, line, caret = str(refused.value).splitlines()
    assert len(line) < 100 and line[caret.index("^") :].startswith("abc")
    with pytest.raises(QueryError) as refused:
        tree("\x1b[31m\n iso:abc")
    assert str(refused.value).isprintable() is False and "\x1b" not in str(refused.value)
    assert len(str(refused.value).splitlines()) == 3


@given(st.text())
def test_any_text_is_read_or_refused_at_a_place_in_it(text: str) -> None:
    try:
        parse(text, NOW)
    except QueryError as error:
        assert 0 <= error.position <= len(error.query)


PIECES = st.sampled_from(
    [*(f"{name}:" for name in (*NAMES, *ALIASES, "is", "has", "near", "month", "hour", "flag", "renditions.x")),
     "(", ")", '"', "-", "^", "OR", "NOT", " ", "a", "*", "..", "=", ":", "5MB", "1/", "2023-07", "-2w", "9" * 40, "@x",
     "today", ">", "<=", "none", "any", ",", "富", "🌅", "\\", "\n", "\0", "9999", "+9999y", "\udcff"]
)  # fmt: skip


@given(st.lists(PIECES).map("".join))
def test_any_pieces_of_the_language_are_read_or_refused(text: str) -> None:
    try:
        parse(text, NOW, {"x": "a OR b"}.get)
    except QueryError as error:
        assert 0 <= error.position <= len(error.query)


def test_saved_queries_stand_for_a_whole_condition() -> None:
    assert tree("@pets -c", pets="a OR b") == All((Any((A, B)), Not(C)))
    assert tree("-@pets", pets="a OR b") == Not(Any((A, B)))
    assert tree("@outer", outer="@inner c", inner="a") == All((A, C))
    assert tree("@a @a", a="b") == All((B, B))
    assert tree('"@pets"') == word("pets")


@pytest.mark.parametrize(
    ("saved", "message"),
    [
        ({"a": "@a"}, "'a' contains itself (in the saved query 'a')"),
        ({"a": "x @b", "b": "@c", "c": "@a"}, "'a' contains itself (in the saved query 'c')"),
        ({"a": "(x"}, "not closed (in the saved query 'a')"),
        ({f"a{i or ''}": f"@a{i + 1} @a{i + 1}" for i in range(30)} | {"a30": "x"}, "at most"),
        ({"a": "@a0", **{f"a{i}": f"@a{i + 1}" for i in range(100)}}, "at most"),
    ],
)
def test_saved_queries_that_cannot_be_read_are_refused(saved: dict[str, str], message: str) -> None:
    with pytest.raises(QueryError) as refused:
        parse("@a", NOW, saved.get)
    assert message in refused.value.message


def test_a_mistake_of_a_term_in_a_saved_query_says_which_query_it_is() -> None:
    with pytest.raises(QueryError) as refused:
        parse("beach @a", NOW, {"a": "iso:abc"}.get)
    assert "(in the saved query 'a')" in refused.value.message
    assert refused.value.query == "iso:abc"


def test_queries_have_a_size_that_sqlite_can_take() -> None:
    assert tree("a " * MAX_TERMS)
    assert tree("(" * MAX_DEPTH + "a" + ")" * MAX_DEPTH) == A
    for text in ("a " * (MAX_TERMS + 1), "(" * 100_000, "(" * (MAX_DEPTH + 1) + "a" + ")" * (MAX_DEPTH + 1)):
        with pytest.raises(QueryError, match="at most"):
            tree(text)
    assert tree("-(" * MAX_DEPTH + "a" + ")" * MAX_DEPTH)
    assert tree("NOT " * 10_000 + "a") == A


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], ""),
        (["sunset", "beach"], "sunset beach"),
        (["sunset beach"], "sunset beach"),
        (["title:Santa Cruz", "beach"], 'title:"Santa Cruz" beach'),
        (["-title:Santa Cruz"], '-title:"Santa Cruz"'),
        (["title:=Santa Cruz"], 'title:="Santa Cruz"'),
        (['title:"Santa Cruz" beach'], 'title:"Santa Cruz" beach'),
        (['title:say "hi" \\ x'], r'title:"say \"hi\" \\ x"'),
        (["titel:Santa Cruz"], "titel:Santa Cruz"),
        (["(title:a b)"], "(title:a b)"),
        (["near:48, 16, 5km"], 'near:"48, 16, 5km"'),
        (["size:>5 MB"], 'size:">5 MB"'),
        (["taken:2023-05-01 10:00"], 'taken:"2023-05-01 10:00"'),
        (["path:/home/ana/My Pictures"], 'path:"/home/ana/My Pictures"'),
        (["title:sea OR title:lake"], "title:sea OR title:lake"),
        (["place:budapest taken:2019..", "-rain"], "place:budapest taken:2019.. -rain"),
        (["title:=Sea OR keyword:lake"], "title:=Sea OR keyword:lake"),
        (["title:cat OR dog"], 'title:"cat OR dog"'),
        (["title:Vienna at 12:30, Place:"], 'title:"Vienna at 12:30, Place:"'),
        (["name::^a iso:100"], 'name::"^a iso:100"'),
        (["beach size:>5 MB"], "beach size:>5 MB"),
        # no number, date or question has such a phrase: it is a query in quotes
        (["iso:100 -beach"], "iso:100 -beach"),
        (["is:landscape rating:5"], "is:landscape rating:5"),
        (["-taken:2023 beach"], "-taken:2023 beach"),
    ],
)
def test_arguments_become_one_query(arguments: list[str], text: str) -> None:
    assert from_arguments(arguments) == text
    if "titel" not in text:
        assert parse(text, NOW)


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters=":")))  # no other field in it
def test_an_argument_that_is_a_fields_phrase_arrives_as_it_was_typed(text: str) -> None:
    value = f"a {text}"
    assert parse(from_arguments([f"title:={value}"]), NOW) == Exact("title", value)


def test_terms_are_equal_when_kind_and_fields_are() -> None:
    exact, regex = Exact("title", "a"), Regex("title", "a")
    assert exact == Exact(field="title", text="a")
    assert hash(Words(("a",))) == hash(Words(("a",), None, open=False))
    assert len({exact, regex, Exact("title", "b"), Exact("title", "a")}) == 3
    assert All((exact,)) != Any((exact,))
