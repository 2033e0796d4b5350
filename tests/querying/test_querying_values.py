"""Numbers with units, dates as long as they are precise, calendars and places."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from watcher.querying.mistakes import QueryError
from watcher.querying.parsing import parse
from watcher.querying.tree import Bound, Calendar, Near, Node, Not, Present, Range, Rendition

NOW = datetime(2024, 5, 17, 14, 23)


def tree(text: str, now: datetime = NOW) -> Node:
    return parse(text, now)


def closed(field: str, low: float | None, high: float | None) -> Range:
    return Range(field, None if low is None else Bound(low, True), None if high is None else Bound(high, True))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("iso:800", closed("iso", 800, 800)),
        ("iso:200..800", closed("iso", 200, 800)),
        ("iso:..800", closed("iso", None, 800)),
        ("rating:-1..", closed("rating", -1, None)),
        ("width:>=4000", closed("width", 4000, None)),
        ("width:>4000", Range("width", Bound(4000, False), None)),
        ("width:<4000px", Range("width", None, Bound(4000, False))),
        ("size:5MB..", closed("size", 5_000_000, None)),
        ("size:..1.5kb", closed("size", None, 1500)),
        ("size:1MiB..2GiB", closed("size", 1 << 20, 2 << 30)),
        ('size:"5 MB"', closed("size", 5_000_000, 5_000_000)),
        ("id:99999999999999999999", closed("id", 1e20, 1e20)),
    ],
)
def test_whole_numbers_are_ranges_with_both_ends(text: str, found: Range) -> None:
    assert tree(text) == found


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("f:2.8", [2.8, 2.7999999523], [2.79, 2.81]),
        ("f:..2.8", [1.4, 2.8000001], [2.801]),
        ("f:<2.8", [2.7], [2.8, 2.7999999523]),
        ("f:>2.8", [2.9], [2.8, 2.8000001]),
        ("exposure_time:1/250", [0.004, 1 / 250], [1 / 200]),
        ("exposure_time:..1/500s", [0.002, 0.001], [0.0021]),
        ("altitude_m:>=1km", [1000.0, 4000.0], [999.0]),
        ("altitude_m:-5..0", [-5.0, 0.0], [-5.1, 0.1]),
        ("longitude:-9.5..-9", [-9.5, -9.0], [-8.9, 9.2]),
    ],
)
def test_numbers_with_a_fraction_are_as_exact_as_they_are_kept(
    text: str, inside: list[float], outside: list[float]
) -> None:
    found = tree(text)
    assert isinstance(found, Range)
    assert [_within(found, number) for number in inside + outside] == [True] * len(inside) + [False] * len(outside)


def _within(limits: Range, number: float) -> bool:
    low, high = limits.low, limits.high
    above = low is None or number > low.value or (low.included and number == low.value)
    below = high is None or number < high.value or (high.included and number == high.value)
    return above and below


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2023", "2023-01-01T00:00:00", "2024-01-01T00:00:00"),
        ("2023-07", "2023-07-01T00:00:00", "2023-08-01T00:00:00"),
        ("2023-12-31", "2023-12-31T00:00:00", "2024-01-01T00:00:00"),
        ("2023-7-5", "2023-07-05T00:00:00", "2023-07-06T00:00:00"),
        ("2023-07-15T14", "2023-07-15T14:00:00", "2023-07-15T15:00:00"),
        ("2023-07-15T14:30", "2023-07-15T14:30:00", "2023-07-15T14:31:00"),
        ("2023-07-15T23:59:59", "2023-07-15T23:59:59", "2023-07-16T00:00:00"),
        ("2023-07-15T23:59:59.5", "2023-07-15T23:59:59.5", "2023-07-15T23:59:59.6"),
        ("2023-07-15T23:59:59.250", "2023-07-15T23:59:59.25", "2023-07-15T23:59:59.251"),
        ("2023-07-15T23:59:59.999", "2023-07-15T23:59:59.999", "2023-07-16T00:00:00"),
        (">2023-07-15T23:59:59.9", "2023-07-16T00:00:00", None),
        ("9999-12-31T23:59:59.999", "9999-12-31T23:59:59.999", None),
        ("2023-07..2023-08", "2023-07-01T00:00:00", "2023-09-01T00:00:00"),
        ("..2009", None, "2010-01-01T00:00:00"),
        ("2009..", "2009-01-01T00:00:00", None),
        ("9999", "9999-01-01T00:00:00", None),
        (">2009", "2010-01-01T00:00:00", None),
        (">=2009", "2009-01-01T00:00:00", None),
        ("<2009", None, "2009-01-01T00:00:00"),
        ("<=2009", None, "2010-01-01T00:00:00"),
        ("today", "2024-05-17T00:00:00", "2024-05-18T00:00:00"),
        ("Yesterday", "2024-05-16T00:00:00", "2024-05-17T00:00:00"),
        ("-2w..", "2024-05-03T00:00:00", None),
        ("-2w..today", "2024-05-03T00:00:00", "2024-05-18T00:00:00"),
        ("-1d", "2024-05-16T00:00:00", "2024-05-17T00:00:00"),
        ("-3h..", "2024-05-17T11:00:00", None),
        ("-3m..", "2024-02-17T00:00:00", None),
        ("..-1y", None, "2023-05-18T00:00:00"),
    ],
)
def test_a_date_is_a_period_as_long_as_it_is_precise(text: str, start: str | None, end: str | None) -> None:
    low, high = start and Bound(start, True), end and Bound(end, False)
    assert tree(f"taken:{text}") == Range("taken_at", low or None, high or None)


def test_a_month_before_the_last_of_a_longer_one_ends_with_its_own_last_day() -> None:
    found = tree("taken:-1m..", datetime(2024, 3, 31, 8))
    assert found == Range("taken_at", Bound("2024-02-29T00:00:00", True), None)


def test_the_local_day_of_an_import_is_turned_into_utc_by_the_zone_of_that_day() -> None:
    now = datetime(2024, 5, 17, 14, 23, tzinfo=ZoneInfo("Europe/Vienna"))
    today = Range("imported_at", Bound("2024-05-16T22:00:00", True), Bound("2024-05-17T22:00:00", False))
    assert tree("imported:today", now) == today
    winter = Range("imported_at", Bound("2024-01-14T23:00:00", True), Bound("2024-01-15T23:00:00", False))
    assert tree("imported:2024-01-15", now) == winter


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026-11-30T06:43:37Z", "2026-11-30T06:43:37", "2026-11-30T06:43:38"),
        ("2026-11-30T06:43+02:00", "2026-11-30T04:43:00", "2026-11-30T04:44:00"),
        ("2026-11-30T06:43:37z..2026-11-30T23:00-05:00", "2026-11-30T06:43:37", "2026-12-01T04:01:00"),
    ],
)
def test_an_import_may_be_asked_for_as_it_is_printed_whatever_the_zone(text: str, start: str, end: str) -> None:
    for zone in (UTC, ZoneInfo("Asia/Tokyo")):
        found = tree(f"imported:{text}", datetime(2026, 12, 1, tzinfo=zone))
        assert found == Range("imported_at", Bound(start, True), Bound(end, False))


@pytest.mark.parametrize("text", ["2023-07-15T14:30Z", "2023-07-15T14:30:01.5+02:00", "..2023-07-15T14:30Z"])
def test_the_time_taken_is_the_cameras_and_has_no_offset(text: str) -> None:
    with pytest.raises(QueryError, match="leave out the offset"):
        tree(f"taken:{text}")


@pytest.mark.parametrize("text", ["2023-07Z", "2023-07-15T14.5", "2023-07-15T14:30.5", "2023-07-15+02:00"])
def test_a_zone_or_a_fraction_goes_with_a_time_only(text: str) -> None:
    with pytest.raises(QueryError, match="is not a date"):
        tree(f"imported:{text}")


def test_numbers_may_be_written_as_programs_print_them() -> None:
    found = tree("exposure_time:5e-05")
    assert isinstance(found, Range) and _within(found, 5e-05) and not _within(found, 6e-05)
    assert tree("near:51.5,-5e-05,1E2m") == tree("near:51.5,-0.00005,100m")
    assert tree("iso:1.6e3") == closed("iso", 1600, 1600)


@pytest.mark.parametrize("text", ["imported:0001..9999", "imported:..0001-01-01", "imported:9999-12-31"])
def test_the_ends_of_the_calendar_are_dates_like_others(text: str) -> None:
    assert isinstance(tree(text, datetime(2024, 5, 17, tzinfo=ZoneInfo("Asia/Tokyo"))), Range)
    assert isinstance(tree(text, datetime(2024, 5, 17, tzinfo=ZoneInfo("America/Lima"))), Range)
    assert isinstance(tree(text, datetime(2024, 5, 17, tzinfo=UTC)), Range)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("month:5", Calendar("month", (5,))),
        ("month:March", Calendar("month", (3,))),
        ("month:nov..feb", Calendar("month", (1, 2, 11, 12))),
        ("month:10..", Calendar("month", (10, 11, 12))),
        ("weekday:sun", Calendar("weekday", (0,))),
        ("weekday:fri..mon", Calendar("weekday", (0, 1, 5, 6))),
        ("hour:18..21", Calendar("hour", (18, 19, 20, 21))),
        ("hour:22..4", Calendar("hour", (0, 1, 2, 3, 4, 22, 23))),
        ("near:48.21,16.37", Near(48.21, 16.37, 1000.0)),
        ("near:-48,-16.5,500m", Near(-48.0, -16.5, 500.0)),
        ('near:"48, 16, 2 mi"', Near(48.0, 16.0, 3218.688)),
        ("title:none", Not(Present("title"))),
        ("camera:any", Present("camera")),
        ("has:lens", Present("lens")),
        ("favourite:no", Not(Range("favourite", Bound(1, True), Bound(1, True)))),
        ("is:favourite", Range("favourite", Bound(1, True), Bound(1, True))),
        ("is:undated", Not(Present("taken_at"))),
        ("digest:AB12", Range("digest", Bound("ab12", True), Bound("ab12g", False))),
        ("renditions:thumb", Rendition("thumb")),
        ("renditions.thumb:none", Not(Rendition("thumb"))),
        ("has:renditions", Rendition(None)),
    ],
)
def test_other_values(text: str, found: Node) -> None:
    assert tree(text) == found
