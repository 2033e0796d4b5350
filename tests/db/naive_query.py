"""What a query means, said once more in plain Python over a row as a dict: slow, and nothing of SQL in it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import date
from typing import Any as Anything

from watcher.db.wording import TEXTS
from watcher.querying.folding import tokens
from watcher.querying.tree import (
    All,
    Any,
    Calendar,
    DroppedAgain,
    Exact,
    Inside,
    Letters,
    Near,
    Node,
    Not,
    Present,
    Range,
    Regex,
    Rendition,
    Shape,
    Words,
)

Row = Mapping[str, Anything]  # the columns of assets, and `recipes` and `dropped_again` of the other tables


def matches(node: Node, row: Row) -> bool:
    match node:
        case All(parts):
            return all(matches(part, row) for part in parts)
        case Any(parts):
            return any(matches(part, row) for part in parts)
        case Not(part):
            return not matches(part, row)
        case Words(wanted, field, open):
            return any(_has_phrase(tokens(text), wanted, open) for text in _texts(row, field))
        case Inside(letters, field):
            return any(letters in " ".join(tokens(text)) for text in _texts(row, field))
        case Letters(letters, field):
            return any(letters in text for text in _texts(row, field))
        case Exact(field, text):
            return text in _values(row, field)
        case Regex(field, pattern, under):
            return any(re.search(pattern, under + text, re.IGNORECASE) for text in _values(row, field))
        case Present(field):
            return any(_texts(row, field))
        case Range(field, low, high):
            return _in_range(row["key" if field == "path" else field], low, high)
        case Calendar(unit, numbers):
            return _unit(row, unit) in numbers
        case Near():
            return _is_near(node, row)
        case Shape(name):
            return _has_shape(row["width"], row["height"], name)
        case Rendition(recipe):
            return recipe in row["recipes"] if recipe else bool(row["recipes"])
        case DroppedAgain():
            return bool(row["dropped_again"])


def _texts(row: Row, field: str | None) -> list[str]:
    if field is None:
        return [text for column in TEXTS for text in _texts(row, column)]
    if field == "camera":
        parts = [*filter(None, (row["camera_make"], row["camera_model"]))]
        return [" ".join(parts)] if parts else []
    value = row["key" if field == "path" else field]
    if field in ("keywords", "flags"):
        return list(json.loads(value))
    if field in ("creator", "people", "folder", "album", "batch") and value:
        return list(value.split("; "))
    return [] if value is None else [str(value)]


def _values(row: Row, field: str) -> list[str]:
    """What may be it as a whole, beside the texts that its words are in."""
    parts = {"camera": ("camera_make", "camera_model"), "place": ("location", "city", "state", "country")}
    return [*_texts(row, field), *filter(None, (row[part] for part in parts.get(field, ())))]


def _has_phrase(text: tuple[str, ...], wanted: tuple[str, ...], open: bool) -> bool:
    for start in range(len(text) - len(wanted) + 1):
        found = text[start : start + len(wanted)]
        if found == wanted or (open and found[:-1] == wanted[:-1] and found[-1].startswith(wanted[-1])):
            return True
    return False


def _in_range(value: Anything, low: Anything, high: Anything) -> bool:
    if value is None:
        return False
    above = low is None or value > low.value or (low.included and value == low.value)
    below = high is None or value < high.value or (high.included and value == high.value)
    return bool(above and below)


def _unit(row: Row, unit: str) -> int | None:
    taken, precision = row["taken_at"], row["taken_precision"] or "second"
    needed = {"month": ("month", "day", "second"), "weekday": ("day", "second"), "hour": ("second",)}
    if taken is None or precision not in needed[unit]:
        return None
    if unit == "weekday":
        return date.fromisoformat(taken[:10]).isoweekday() % 7
    return int(taken[5:7] if unit == "month" else taken[11:13])


def _is_near(node: Near, row: Row) -> bool:
    """By the angle between two vectors from the middle of the Earth: another formula than the one it checks."""
    if row["latitude"] is None or row["longitude"] is None:
        return False
    here, there = _vector(node.latitude, node.longitude), _vector(row["latitude"], row["longitude"])
    across = math.dist(here, there) / 2
    return 2 * 6_371_008.8 * math.asin(min(1.0, across)) <= node.metres


def _vector(latitude: float, longitude: float) -> tuple[float, float, float]:
    north, east = math.radians(latitude), math.radians(longitude)
    return math.cos(north) * math.cos(east), math.cos(north) * math.sin(east), math.sin(north)


def _has_shape(width: int | None, height: int | None, name: str) -> bool:
    if not width or not height:
        return False
    short, long = sorted((width, height))
    shapes = {"landscape": width > height, "portrait": width < height, "square": width == height}
    return shapes[name] if name in shapes else long >= 2 * short
