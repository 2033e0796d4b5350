"""Numbers as people write them: units, fractions, comparisons, ranges with both ends included."""

from __future__ import annotations

import re
from collections.abc import Mapping

from watcher.querying.tree import Bound, Range

_BYTES: Mapping[str, float] = {
    "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
}  # fmt: skip
LENGTHS: Mapping[str, float] = {"m": 1, "km": 1000, "mi": 1609.344}  # the international mile
UNITS: Mapping[str, Mapping[str, float]] = {
    "size": _BYTES,
    "width": {"px": 1},
    "height": {"px": 1},
    "exposure_time": {"s": 1, "ms": 0.001},
    "focal_length_mm": {"mm": 1},
    "altitude_m": LENGTHS,
    "near": LENGTHS,
}
# Kept as floating point, made from fractions or from 32 bits: 1.8 may be 1.7999999.
_ROUGH = frozenset({"f_number", "exposure_time", "focal_length_mm", "latitude", "longitude", "altitude_m"})
_TOLERANCE = 1e-6

_NUMBER = re.compile(
    r"([+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:e[+-]?[0-9]{1,2})?)(?:/([0-9]{1,30}))?\s*([a-z]*)", re.I
)
_COMPARED = re.compile(r"(<=|>=|<|>)\s*(.*)", re.S)
_LARGEST = 2**63 - 1  # SQLite's integers


def number_range(field: str, text: str) -> Range:
    """What `text` allows for `field`: `800`, `200..800`, `..800`, `>=5MB`. Raises ValueError with a sentence."""
    compared = _COMPARED.fullmatch(text)
    if compared:
        return _comparison(field, compared[1], compared[2])
    low, dots, high = text.partition("..")
    if not dots:
        high = low
    elif not low and not high:
        raise ValueError("a range needs at least one end")
    return Range(field, _lowest(field, low) if low else None, _highest(field, high) if high else None)


def number(text: str, units: Mapping[str, float]) -> int | float:
    """`text` as a number, times its unit. Raises ValueError with a sentence."""
    parts = _NUMBER.fullmatch(text.strip())
    unit = parts[3].lower() if parts else ""
    if not parts or (unit and unit not in units) or (parts[2] and not float(parts[2])):
        known = f" (units: {', '.join(units)})" if units else ""
        raise ValueError(f"{text!r} is not a number{known}")
    value: int | float = int(parts[1]) if parts[1].lstrip("+-").isdigit() else float(parts[1])
    value = value / float(parts[2]) if parts[2] else value
    value *= units[unit] if unit else 1
    whole = int(value)
    return whole if whole == value and abs(whole) <= _LARGEST else float(value)


def _comparison(field: str, sign: str, text: str) -> Range:
    included = sign.endswith("=")
    # a strict one goes to the other side of what may be the same number
    if sign.startswith("<"):
        value = (_highest if included else _lowest)(field, text).value
        return Range(field, None, Bound(value, included))
    value = (_lowest if included else _highest)(field, text).value
    return Range(field, Bound(value, included), None)


def _lowest(field: str, text: str) -> Bound:
    return _bound(field, text, -_TOLERANCE)


def _highest(field: str, text: str) -> Bound:
    return _bound(field, text, _TOLERANCE)


def _bound(field: str, text: str, tolerance: float) -> Bound:
    value = number(text, UNITS.get(field, {}))
    return Bound(value + abs(value) * tolerance if field in _ROUGH else value, included=True)
