"""What one batch asks for: the keys of a batch.toml, which are those of `[[inbox]]` that say what is done to pictures.

Owns their check, for the file and for the options of `watcher add` alike, their way into Rules, and back into TOML.
Where the file lies, and what becomes of a batch that asks for nonsense, is for those who take it to say.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

from pydantic import ValidationError

from watcher import settings
from watcher.errors import ConfigError
from watcher.model import MOST_OPTIONS, Rules, Wishes
from watcher.settings import problems
from watcher.settings.tables import Inbox
from watcher.settings.whole import Settings

KEYS = ("recipes", *(field.name for field in fields(Wishes)))


def read(content: bytes, recipes: Collection[str]) -> dict[str, Any]:
    """The options in a batch.toml, those only that it gives. `recipes`: the names that there are.

    Raises ConfigError: one sentence when it is no TOML in UTF-8, else one a line for each option that is wrong.
    """
    if len(content) > MOST_OPTIONS:
        raise ConfigError(f"is larger than {MOST_OPTIONS} bytes")
    try:
        return check(tomllib.loads(content.decode("utf-8-sig")), recipes)
    except UnicodeDecodeError as error:
        raise ConfigError(f"is not UTF-8 text (byte {error.start + 1})") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"is not valid TOML: {error}") from None
    except RecursionError:
        raise ConfigError("is not valid TOML: it is nested too deeply") from None


def check(options: Mapping[str, Any], recipes: Collection[str]) -> dict[str, Any]:
    """The options, as they are kept. Raises ConfigError that lists all that is wrong with them, a line each."""
    wrong = [f"{key}: unknown key{problems.nearest(key, KEYS)}" for key in options if key not in KEYS]
    given = {key: options[key] for key in KEYS if key in options}
    try:
        # an inbox may be asked for all that a batch may; where its folder is makes no difference here
        checked = Inbox.model_validate({**given, "path": "/"}).model_dump(mode="json", include=set(given))
    except ValidationError as error:
        checked = {}
        wrong += [f"{problems.dotted(each['loc'])}: {line}" for each in error.errors() for line in _words(each)]
    wrong += [f"recipes: {sentence}" for sentence in _unknown(checked.get("recipes", ()), recipes)]
    if wrong:
        raise ConfigError("\n".join(wrong))
    return checked


def follow(rules: Rules, options: Mapping[str, Any], chosen: Settings) -> Rules:
    """The rules of an inbox, with what a batch asks for over them; keywords of both.

    A recipe that left the configuration since is passed over: its batch may be older than that.
    """
    asked = dict(options)
    named = asked.pop("recipes", None)
    recipes = rules.recipes
    if named is not None:
        recipes = settings.recipes(chosen, [name for name in named if name in chosen.recipes])
    asked["keywords"] = tuple(dict.fromkeys((*rules.wishes.keywords, *asked.get("keywords", ()))))
    return replace(rules, recipes=recipes, wishes=replace(rules.wishes, **asked))


def text(options: Mapping[str, Any]) -> str:
    """A batch.toml of these options."""
    # JSON's strings, lists and truths are TOML's, but for DEL
    values = {key: json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f") for key, value in options.items()}
    return "".join(f"{key} = {value}\n" for key, value in values.items())


def _words(error: Mapping[str, Any]) -> list[str]:
    return problems.in_words(error, {})


def _unknown(named: Iterable[str], known: Collection[str]) -> list[str]:
    there = ", ".join(sorted(known)) or "none"
    return [f'there is no recipe "{name}"; there are {there}' for name in dict.fromkeys(named) if name not in known]
