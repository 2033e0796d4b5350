"""The log: one line an event, on stderr, for people (text) or programs (JSON lines). Built on stdlib logging.

Owns the lines' form; what is worth a line is for those who call `event` to say.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import traceback
import unicodedata
from collections.abc import Mapping
from typing import Any, Literal

from watcher.model import shown

# syslog(3)'s numbers, which the journal reads from a line's beginning (sd-daemon(3))
_PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


def set_up(level: str, format: Literal["text", "json"], environment: Mapping[str, str] = os.environ) -> None:
    """Send the log to stderr from now on. `level` (debug, info, warning, error) is that of our own events.

    Libraries speak from warnings up: at debug watchdog would write a line for every event of the kernel's.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines() if format == "json" else _Text(journal=_is_journal(environment)))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("watcher").setLevel(level.upper())
    logging.raiseExceptions = False  # a log that cannot be written is no reason for a traceback


def event(logger: logging.Logger, name: str, message: str, /, *, level: int = logging.INFO, **fields: Any) -> None:
    """Log the event `name` (one word, for programs) with `message` (for people), `fields` and `job_id`.

    Text shows the message and the job; JSON shows all. Values that JSON does not know are written as text.
    """
    logger.log(level, "%s", message, extra={"event": name, "fields": fields})


def printable(text: str) -> str:
    r"""`text` on one line that no terminal obeys: control, direction and stray bytes become escapes."""
    return "".join(map(_visible, shown(text)))


def _visible(character: str) -> str:
    # Cf holds the marks that turn the direction of writing, which make one name look like another
    hidden = unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp") and character not in "\u200c\u200d"
    return character.encode("unicode_escape").decode("ascii") if hidden else character


def _is_journal(environment: Mapping[str, str]) -> bool:
    """Whether stderr is the journal's stream. A shell may inherit JOURNAL_STREAM, so compare."""
    try:
        status = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


class _Text(logging.Formatter):
    def __init__(self, journal: bool) -> None:
        super().__init__()
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        job = getattr(record, "fields", {}).get("job_id")
        error = record.exc_info[1] if record.exc_info else None
        words = record.getMessage()
        words += f" (job {job})" if job is not None else ""
        words += f" ({type(error).__name__}: {error})" if error else ""
        name = getattr(record, "event", record.levelname.lower())
        # the journal keeps time and priority itself
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        start = f"<{_PRIORITIES.get(record.levelno, 6)}>" if self._journal else f"{clock} "
        return f"{start}{printable(name)} {printable(words)}"


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = dict(getattr(record, "fields", {}))
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "event": getattr(record, "event", "message"),
            "job_id": fields.pop("job_id", None),
            "message": record.getMessage(),
            **fields,
        }
        if record.exc_info:
            line["traceback"] = "".join(traceback.format_exception(*record.exc_info))
        # a lone surrogate is no JSON text that others can read
        return json.dumps({key: _plain(value) for key, value in line.items()}, default=str)


def _plain(value: Any) -> Any:
    return shown(value) if isinstance(value, str | bytes) else value
