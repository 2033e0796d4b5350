"""The tables together: which there are, what each is without a file, and what must hold between them.

Whether the folders exist is for those who use them to say.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import Field, ValidationInfo, field_validator

from watcher.settings import folders
from watcher.settings.tables import (
    Inbox,
    Intake,
    Library,
    Limits,
    Log,
    Recipe,
    RecipeName,
    Retry,
    Table,
    Workers,
)

DEFAULT_RECIPES: dict[str, Any] = {"preview": {}, "thumb": {"size": "300x300", "mode": "fill"}}


class Settings(Table):
    """All settings, checked: paths absolute, sizes in bytes. `watcher.settings.load` makes one."""

    library: Library = Field(default_factory=Library)
    recipes: dict[RecipeName, Recipe] = Field(default_factory=dict)
    inbox: list[Inbox] = Field(default_factory=lambda: [Inbox()], min_length=1)
    intake: Intake = Field(default_factory=Intake)
    workers: Workers = Field(default_factory=Workers)
    retry: Retry = Field(default_factory=Retry)
    limits: Limits = Field(default_factory=Limits)
    log: Log = Field(default_factory=Log)

    @field_validator("recipes", mode="before")
    @classmethod
    def _beside_the_defaults(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        own = {name: table for name, table in value.items() if name not in DEFAULT_RECIPES}
        return {name: _over(table, value.get(name, {})) for name, table in DEFAULT_RECIPES.items()} | own

    @field_validator("inbox", mode="before")
    @classmethod
    def _tables_in_a_list(cls, value: Any) -> Any:
        if isinstance(value, dict):
            raise ValueError("there can be several: write [[inbox]] with two brackets")
        return value

    @field_validator("inbox")
    @classmethod
    def _apart(cls, inboxes: list[Inbox], info: ValidationInfo) -> list[Inbox]:
        # what other tables say is not in `data` when it is wrong itself
        paths, library, recipes = (
            [inbox.path for inbox in inboxes],
            info.data.get("library"),
            info.data.get("recipes"),
        )
        wrong = folders.overlaps(paths)
        wrong += folders.in_the_way(paths, library.path, library.database) if library else []
        wanted = {name for inbox in inboxes for name in inbox.recipes}
        wrong += _unknown_recipes(wanted, recipes) if recipes is not None else []
        names = [inbox.name for inbox in inboxes]
        wrong += [f'two are called "{name}"' for name in sorted(set(names)) if name and names.count(name) > 1]
        if wrong:
            raise ValueError("\n".join(wrong))
        own = folders.own_names(names, paths)
        return [inbox.model_copy(update={"name": name}) for inbox, name in zip(inboxes, own, strict=True)]


def _over(default: dict[str, Any], table: Any) -> Any:
    return default | table if isinstance(table, dict) else table


def _unknown_recipes(wanted: Iterable[str], recipes: Iterable[str]) -> list[str]:
    there = ", ".join(sorted(recipes))
    return [f'there is no recipe "{name}"; there are {there}' for name in sorted({*wanted} - {*recipes})]


TABLES: dict[str, type[Table]] = {
    "library": Library,
    "inbox": Inbox,
    "recipes": Recipe,
    "intake": Intake,
    "workers": Workers,
    "retry": Retry,
    "limits": Limits,
    "log": Log,
}
