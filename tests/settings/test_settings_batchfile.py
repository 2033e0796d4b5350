"""A batch.toml: which options it may give, what is said of a wrong one, and what becomes of an inbox's rules."""

from __future__ import annotations

from dataclasses import fields

import pytest

from watcher import settings
from watcher.errors import ConfigError
from watcher.model import Limits, Rules, Wishes
from watcher.settings import batchfile

RECIPES = ("preview", "thumb")


def complaints(content: bytes) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        batchfile.read(content, RECIPES)
    return str(caught.value).splitlines()


def chosen() -> settings.Settings:
    return settings.load(inboxes=["/in"], library="/lib", environment={}).settings


def rules(**wishes) -> Rules:
    recipes = settings.recipes(chosen(), ["preview", "thumb"])
    return Rules("/lib", "{stem}", recipes, Limits(), wishes=Wishes(**wishes))


def test_only_what_is_given_comes_out():
    assert batchfile.read(b"", RECIPES) == {}
    assert batchfile.read(b'\xef\xbb\xbftitle = "Trip {seq}"\nupright = true\n', RECIPES) == {
        "title": "Trip {seq}",
        "upright": True,
    }


def test_every_wish_is_a_key():
    assert set(batchfile.KEYS) == {"recipes", *(field.name for field in fields(Wishes))}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'titel = "x"', "titel: unknown key; did you mean title?"),
        (b'path = "/"', "path: unknown key"),
        (b"[inbox]", "inbox: unknown key"),
        (b"upright = 3", "upright: "),
        (b'keywords = "sea"', "keywords: must be a list"),
        (b"title = 3", "title: must be text in quotes, not 3"),
        (b'title = "a\\u0000b"', "title: must be text in UTF-8, without NUL"),
        (b'shift = "soon"', "shift: 'soon' is no shift"),
        (b'prefix = "a/b"', "prefix: is the beginning of file names"),
        (b'recipes = ["thumb", "poster"]', 'recipes: there is no recipe "poster"; there are preview, thumb'),
        (b"title = ", "is not valid TOML: "),
        (b"title = '\xff'", "is not UTF-8 text (byte 10)"),
        (b"a = " + b"[" * 30_000, "is not valid TOML: it is nested too deeply"),
        (b"#" * 65_537, "is larger than 65536 bytes"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(content, sentence):
    assert len(complaints(content)) == 1
    assert complaints(content)[0].startswith(sentence)


def test_all_that_is_wrong_is_said_at_once():
    found = complaints(b'titel = "x"\nshift = "soon"\nupright = "perhaps"\n')
    assert [line.split(":")[0] for line in found] == ["titel", "shift", "upright"]


def test_a_file_of_exactly_the_most_bytes_is_read():
    assert batchfile.read(b"#" * 65_536, RECIPES) == {}


def test_a_batch_asks_over_its_inbox_and_keywords_of_both_are_kept():
    before = rules(title="Home", prefix="home", keywords=("family", "sea"))
    options = {"title": "Trip", "keywords": ["sea", "boat"], "recipes": ["thumb"], "touch": True}
    after = batchfile.follow(before, options, chosen())
    assert after.wishes == Wishes(title="Trip", prefix="home", keywords=("family", "sea", "boat"), touch=True)
    assert [recipe.name for recipe in after.recipes] == ["thumb"]
    assert after.library == before.library


def test_what_a_batch_does_not_ask_for_stays_as_it_is():
    before = rules(title="Home", keywords=("family",))
    assert batchfile.follow(before, {}, chosen()) == before


def test_no_recipes_are_no_renditions_and_one_that_is_gone_is_passed_over():
    assert batchfile.follow(rules(), {"recipes": []}, chosen()).recipes == ()
    assert [r.name for r in batchfile.follow(rules(), {"recipes": ["gone", "thumb"]}, chosen()).recipes] == ["thumb"]


def test_options_come_back_from_their_text():
    options = {
        "recipes": ["thumb"],
        "title": 'He said "\\o/"\n\t\x7f\x01 né 日本 😀',
        "description": "",
        "keywords": ["a, b", "#c"],
        "prefix": "new_york",
        "shift": "-1d2hr3m4s",
        "upright": True,
        "touch": False,
    }
    assert batchfile.read(batchfile.text(options).encode(), RECIPES) == options
