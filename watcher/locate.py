"""Where things are: the configuration file in use, the library, its catalog. Stdlib only, for `search`.

Reads two keys of the file and looks at none of the others: that all of it is right is for `settings` to say.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from watcher.errors import ConfigError
from watcher.showing import shown

LIBRARY = "~/Pictures/Library"  # when neither flag, environment nor file names one
SYSTEM_FILE = "/etc/watcher/watcher.toml"


class Library(NamedTuple):
    """A library's folder and its catalog, both absolute; neither need exist."""

    path: str
    database: str


def config_file(explicit: str | None, environment: Mapping[str, str] = os.environ) -> str | None:
    """The absolute path of the configuration file in use, or None: then the defaults hold.

    The first of --config (`explicit`), $WATCHER_CONFIG, the user's own file, /etc/watcher/watcher.toml.
    Raises ConfigError when one of the first two names a file that is not there.
    """
    for origin, named in (("--config", explicit), ("WATCHER_CONFIG", environment.get("WATCHER_CONFIG"))):
        if named:
            path = absolute(named)
            if not _exists(path):
                raise ConfigError(f"{shown(path)}: there is no such file ({origin} names it)")
            return path
    return next((path for path in (user_file(environment), SYSTEM_FILE) if _exists(path)), None)


def user_file(environment: Mapping[str, str] = os.environ) -> str:
    """Where a person's own configuration belongs: below $XDG_CONFIG_HOME, by default ~/.config."""
    home = environment.get("XDG_CONFIG_HOME", "")
    # the XDG base directory specification: a relative path is to be ignored
    folder = home if os.path.isabs(home) else os.path.expanduser("~/.config")
    return os.path.join(folder, "watcher", "watcher.toml")


def read(path: str) -> dict[str, Any]:
    """The tables of the TOML file `path`. Raises ConfigError, one sentence, when they cannot be had."""
    import tomllib

    try:
        with open(path, "rb") as file:
            text = file.read().decode("utf-8-sig")  # editors of another system put a BOM in front
        return tomllib.loads(text)
    except IsADirectoryError:
        problem = "is a folder; name the file in it"
    except OSError as error:
        problem = f"cannot be read ({os.strerror(error.errno or 0)})"
    except UnicodeDecodeError as error:
        problem = f"is not UTF-8 text (byte {error.start + 1}); save it as UTF-8"
    except tomllib.TOMLDecodeError as error:
        problem = f"is not valid TOML: {error}"
    except RecursionError:
        problem = "is not valid TOML: it is nested too deeply"
    raise ConfigError(f"{shown(path)}: {problem}")


def library(config: str | None, library: str | None, environment: Mapping[str, str] = os.environ) -> Library:
    """The library in use: --library, else WATCHER_LIBRARY__PATH and __DATABASE, the file, the default.

    Raises ConfigError when the file named is missing, cannot be read or is not TOML.
    """
    file = config_file(config, environment)
    if library:
        return Library(absolute(library), database_of(absolute(library)))
    table = _library_table(file) if file else {}
    path = environment.get("WATCHER_LIBRARY__PATH") or table.get("path") or absolute(LIBRARY)
    database = environment.get("WATCHER_LIBRARY__DATABASE", table.get("database"))
    return Library(absolute(path), absolute(database) if database else database_of(absolute(path)))


def database_of(library: str) -> str:
    """The catalog of a library that names no other place for it."""
    return os.path.join(library, ".watcher", "watcher.db")


def absolute(path: str, folder: str = "") -> str:
    """`path` with ~ expanded, absolute; a relative one counts from `folder` ("": the working directory)."""
    return os.path.abspath(os.path.join(folder, os.path.expanduser(path)))


def _library_table(file: str) -> dict[str, str]:
    table = read(file).get("library", {})
    folder = os.path.dirname(file)
    places = {key: table[key] for key in ("path", "database") if table.get(key)} if table else {}
    for key, value in places.items():
        if not isinstance(value, str):
            raise ConfigError(f"{shown(file)}: library.{key}: must be text in quotes")
    return {key: absolute(value, folder) for key, value in places.items()}


def _exists(path: str) -> bool:
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:  # passing over a file that may be there would quietly watch the wrong folders
        raise ConfigError(f"{shown(path)}: cannot be looked up ({os.strerror(error.errno or 0)})") from None
    except ValueError:  # a NUL in the name
        return False
    return True
