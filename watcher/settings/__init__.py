"""The settings of one run: flags over environment over file over defaults, and every mistake in them at once.

The only reader of the configuration, and with its modules the only home of pydantic. Below the daemon and the
command line nobody sees `Settings`: plain values go there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from pydantic import ValidationError

from watcher import locate, model
from watcher.errors import ConfigError
from watcher.model import shown
from watcher.settings import problems
from watcher.settings.problems import Place
from watcher.settings.whole import TABLES, Settings

PREFIX = "WATCHER_"
_JSON = {"INBOX": (list, '[{"path": "/srv/inbox"}]'), "RECIPES": (dict, '{"small": {"size": 800}}')}
_NOTHING = object()


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, the file they were read from (None: there is none), and who set what.

    `origins` has "flag", "environment" or "file" for each setting that is not a default, by its place,
    such as ("workers", "count") or ("inbox", 0, "path").
    """

    settings: Settings
    file: str | None
    origins: Mapping[Place, str]


@dataclass(frozen=True, slots=True)
class _Source:
    """One place that settings come from. `label` says in a message where in it a setting stands."""

    name: str
    values: dict[str, Any]
    label: Callable[[Place], str]


def load(
    config: str | None = None,
    *,
    library: str | None = None,
    inboxes: Sequence[str] = (),
    jobs: int | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Loaded:
    """The settings in force. `config`, `library`, `inboxes` and `jobs` are the flags' values.

    Raises ConfigError that lists all that is wrong, a line each, with where it stands.
    """
    file = locate.config_file(config, environment)
    variables, wrong = _variables(environment)
    sources = (
        _from_flags(library, inboxes, jobs),
        _from_environment(variables),
        _from_file(file),
    )
    try:
        settings = Settings(**reduce(_merged, (source.values for source in reversed(sources))))
    except ValidationError as error:
        wrong += [line for each in error.errors() for line in _lines(each, sources)]
    if wrong:
        raise ConfigError("\n".join(wrong))
    return Loaded(settings, file, _origins(sources, settings))


def limits(settings: Settings) -> model.Limits:
    """What one file may cost, as workers are told."""
    return model.Limits(**settings.limits.model_dump())


def recipes(settings: Settings, names: Sequence[str]) -> tuple[model.Recipe, ...]:
    """The recipes called `names`, as workers are told."""
    return tuple(model.Recipe(name, **settings.recipes[name].model_dump()) for name in names)


def _from_flags(library: str | None, inboxes: Sequence[str], jobs: int | None) -> _Source:
    values: dict[str, Any] = {}
    if library:
        path = locate.absolute(library)
        values["library"] = {"path": path, "database": locate.database_of(path)}
    if inboxes:
        values["inbox"] = [{"path": path} for path in inboxes]
    if jobs is not None:
        values["workers"] = {"count": jobs}
    flags = {"library": "--library", "inbox": "--inbox", "workers": "--jobs"}
    return _Source("flag", values, lambda place: flags[str(place[0])])


def _from_environment(variables: dict[str, str]) -> _Source:
    def label(place: Place) -> str:
        for end in range(len(place), 0, -1):
            name = PREFIX + "__".join(map(str, place[:end])).upper()
            if name in variables:
                return ": ".join(filter(None, ("environment", name, problems.dotted(place[end:]))))
        return "environment"

    return _Source("environment", _values(variables), label)


def _values(variables: dict[str, str]) -> dict[str, Any]:
    if not variables:
        return {}
    from watcher.settings import variable  # pydantic-settings: its import takes longer than all else here

    return variable.values(variables)


def _from_file(file: str | None) -> _Source:
    values = locate.read(file) if file else {}
    folder = os.path.dirname(file or "")
    inboxes = values.get("inbox")
    for table, key in (
        (values.get("library"), "path"),
        (values.get("library"), "database"),
        *((table, "path") for table in (inboxes if isinstance(inboxes, list) else ())),
    ):
        # an unknown user's ~ is left to the check, which says so
        if isinstance(table, dict) and isinstance(table.get(key), str) and not table[key].startswith("~"):
            table[key] = table[key] and os.path.join(folder, table[key])
    return _Source("file", values, lambda place: f"{shown(file or '')}: {problems.dotted(place)}")


def _variables(environment: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """The variables that are settings, and what is wrong with those that are none.

    pydantic-settings passes over a misspelt name, and stops at the first value that is no JSON.
    """
    good: dict[str, str] = {}
    wrong: list[str] = []
    for name in sorted(name for name in environment if name.startswith(PREFIX) and name != "WATCHER_CONFIG"):
        problem = _wrong_variable(name, environment[name])
        if problem:
            wrong.append(f"environment: {name}: {problem}")
        else:
            good[name] = environment[name]
    return good, wrong


def _wrong_variable(name: str, value: str) -> str | None:
    table, *keys = name.removeprefix(PREFIX).split("__")
    if table in _JSON and not keys:
        kind, example = _JSON[table]
        return None if isinstance(_from_json(value), kind) else f"must be JSON such as {example}"
    known = [f"{PREFIX}{table}__{key}".upper() for table in TABLES for key in TABLES[table].model_fields]
    known = [
        *(name for name in known if name.split("__")[0][len(PREFIX) :] not in _JSON),
        "WATCHER_INBOX",
        "WATCHER_CONFIG",
    ]
    if table == "RECIPES" and len(keys) == 2:
        known += [f"{PREFIX}RECIPES__{keys[0]}__{key}".upper() for key in TABLES["recipes"].model_fields]
    return None if name in known else "there is no such setting" + problems.nearest(name.upper(), known)


def _from_json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`over` on top of `under`, table by table; lists are replaced whole."""
    both = {key: _merged(under[key], over[key]) for key in under if _are_tables(under[key], over.get(key))}
    return under | over | both


def _are_tables(*values: object) -> bool:
    return all(isinstance(value, dict) for value in values)


def _lines(error: Mapping[str, Any], sources: Sequence[_Source]) -> list[str]:
    place: Place = error["loc"]
    label = _label(place, sources) or problems.dotted(place)
    return [f"{label}: {words}" for words in problems.in_words(error, _keys())]


def _label(place: Place, sources: Sequence[_Source]) -> str | None:
    """Where a person finds `place`, or what lies around it: a value may clash with a default beside it."""
    for end in range(len(place), 0, -1):
        for source in sources:
            if _holds(source.values, place[:end]):
                return source.label(place)
    return None


def _keys() -> dict[str, list[str]]:
    return {name: list(table.model_fields) for name, table in TABLES.items()}


def _holds(values: Any, place: Place) -> bool:
    return _at(values, place) is not _NOTHING


def _at(values: Any, place: Place) -> Any:
    for part in place:
        if part == "[key]":  # pydantic's word for "the name itself"
            break
        try:
            values = values[part]
        except (LookupError, TypeError):
            return _NOTHING
    return values


def _origins(sources: Sequence[_Source], settings: Settings) -> dict[Place, str]:
    now, default = settings.model_dump(), _defaults()
    origins: dict[Place, str] = {}
    for place in _leaves(now):
        # a list is replaced whole: what another source says of its inboxes is gone
        wanted = place[:1] if place[0] == "inbox" else place
        owner = next((source for source in sources if _holds(source.values, wanted)), None)
        # "" leaves the choice to us
        named = owner and _at(owner.values, place) not in (_NOTHING, "")
        if owner and named and _at(now, place) != _at(default, place):
            origins[place] = owner.name
    return origins


def _defaults() -> dict[str, Any]:
    try:
        return Settings().model_dump()
    except ValidationError:  # nobody's home, in a container: the default folders are nowhere
        return {}


def _leaves(values: Any, place: Place = ()) -> list[Place]:
    if isinstance(values, dict):
        return [leaf for key, value in values.items() for leaf in _leaves(value, (*place, key))]
    if place == ("inbox",):
        return [leaf for index, value in enumerate(values) for leaf in _leaves(value, (*place, index))]
    return [place]
