"""What an exception of other people's code says, as a part of one sentence for a person; and whose doing it is."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from watcher.errors import AT_LIBRARY, SURROUNDINGS, UnavailableError
from watcher.model import shown

_MOST = 200  # characters


def said(error: Exception) -> str:
    """Its own words on one line, cut short; its class where it has none. What no catalog could store is escaped."""
    words = " ".join(str(error).split())[:_MOST] or type(error).__name__
    return words.encode("utf-8", "backslashreplace").decode()


def reason_of(error: OSError, name: str) -> str:
    """Its own words, and about which file; `name` is that of the one in work."""
    where = f": {shown(error.filename)}" if isinstance(error.filename, str) else f", with {shown(name)}"
    return (error.strerror or type(error).__name__) + where


def blames_nobody(error: OSError, library: str) -> bool:
    """Whether the surroundings are to blame, and not the file in work: by what went wrong, and by where."""
    names = (name for name in (error.filename, error.filename2) if isinstance(name, str))
    below = any(name.startswith(os.path.join(library, "")) for name in names)
    return error.errno in (AT_LIBRARY if below else SURROUNDINGS)


@contextlib.contextmanager
def at_library(library: str) -> Iterator[None]:
    """What goes wrong inside, where all is read and only written, is the library's doing. Raises UnavailableError."""
    try:
        yield
    except OSError as error:
        if error.errno in AT_LIBRARY:
            raise UnavailableError(f"the library {shown(library)} cannot be written: {error.strerror}") from None
        raise
