"""Settings from variables of the environment: the home of pydantic-settings, imported only when there are some."""

from __future__ import annotations

from typing import Any

from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from watcher.settings.whole import Settings


class _Variables(Settings, BaseSettings):
    """The settings as pydantic-settings wants to see them, which looks at their fields and never makes one."""

    model_config = SettingsConfigDict(env_prefix="WATCHER_", env_nested_delimiter="__", defer_build=True)


def values(variables: dict[str, str]) -> dict[str, Any]:
    """Tables of values out of variables such as WATCHER_WORKERS__COUNT."""
    source = EnvSettingsSource(_Variables)
    source.env_vars = {name.lower(): value for name, value in variables.items()}
    return source()
