"""Durations, instants, time zones and schedules."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.engine.project import Duration
from driftline.engine.times import (
    check_schedule,
    check_zone,
    format_duration,
    multiply,
    parse_duration,
    parse_instant,
    schedule_period,
)


@pytest.mark.parametrize(
    ("text", "months", "days", "seconds"),
    [
        ("P7D", 0, 7, 0),
        ("P1W", 0, 7, 0),
        ("P1M", 1, 0, 0),
        ("P1Y2M", 14, 0, 0),
        ("PT6H", 0, 0, 21_600),
        ("PT1H30M5S", 0, 0, 5_405),
        ("P1Y1M1W1DT1S", 13, 8, 1),
        ("PT1M", 0, 0, 60),
    ],
)
def test_a_duration_is_months_days_and_seconds(
    text: str, months: int, days: int, seconds: int
) -> None:
    assert parse_duration(text) == Duration(months, days, seconds, text)


@pytest.mark.parametrize(
    "text",
    ["", "P", "PT", "P1DT", "7D", "P-7D", "-P7D", "P1.5D", "P1H", "p7d", "P7D ", "P1D1M", "7"],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration; write one like P7D"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["P0D", "PT0S", "P0Y0M"])
def test_a_size_of_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no time at all"):
        parse_duration(text)


def test_an_offset_of_nothing_is_right() -> None:
    assert parse_duration("P0D", allow_zero=True) == Duration(text="P0D")


@pytest.mark.parametrize("text", ["P101Y", "P40000D", "PT9999999999S", "P1200M9999D"])
def test_more_than_a_century_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="longer than a century"):
        parse_duration(text)


@given(st.integers(0, 600), st.integers(0, 9000), st.integers(0, 10**8))
def test_every_duration_comes_back_from_its_text(months: int, days: int, seconds: int) -> None:
    text = format_duration(months, days, seconds)
    assert parse_duration(text, allow_zero=True) == Duration(months, days, seconds, text)


def test_twice_a_week_is_fourteen_days() -> None:
    assert multiply(parse_duration("P1W"), 2) == Duration(days=14, text="P14D")


def test_a_date_is_its_midnight_in_the_zone() -> None:
    instant = parse_instant("2026-07-01", "Europe/Berlin")
    assert instant == datetime(2026, 6, 30, 22, tzinfo=UTC)


def test_an_offset_in_the_text_beats_the_zone() -> None:
    instant = parse_instant("2026-07-01T06:00Z", "Europe/Berlin")
    assert instant == datetime(2026, 7, 1, 6, tzinfo=UTC)


@pytest.mark.parametrize("text", ["yesterday", "2026-02-30", "", "0001-01-01T00:00+10:00"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a date or time"):
        parse_instant(text, "UTC")


def test_a_zone_in_the_wrong_case_names_the_right_one() -> None:
    with pytest.raises(ValueError, match="not a time zone; did you mean 'Europe/Berlin'"):
        check_zone("europe/berlin")


@pytest.mark.parametrize("name", ["Mars/Olympus", "../etc/passwd", "/etc/passwd", ""])
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a time zone"):
        check_zone(name)


@pytest.mark.parametrize("text", ["0 6 * *", "0 6 * * * *", "@daily", "61 * * * *", "0 0 30 2 *"])
def test_what_is_no_cron_expression_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a (schedule|cron expression)"):
        check_schedule(text)


def test_a_repeating_distance_of_mixed_units_is_refused() -> None:
    with pytest.raises(ValueError, match="mixes units"):
        check_schedule("P1DT1H")


@pytest.mark.parametrize(
    ("schedule", "period"),
    [
        ("0 6 * * *", "P1D"),
        ("0 6 * * 1", "P7D"),
        ("0 * * * *", "PT1H"),
        ("*/15 * * * *", "PT15M"),
        ("0 6,18 * * *", "PT12H"),
        ("0 0 1 * *", "P1M"),
        ("0 0 1 */3 *", "P3M"),
        ("0 0 1 1 *", "P12M"),
        ("P1D", "P1D"),
    ],
)
def test_an_even_schedule_has_its_period(schedule: str, period: str) -> None:
    found = schedule_period(schedule)
    assert found is not None
    assert found.text == period


@pytest.mark.parametrize(
    "schedule", ["0 6 * * 1-5", "* * * * 1-5", "*/7 * * * *", "0 0 31 * *", "0 6 */2 * *"]
)
def test_an_uneven_schedule_has_no_period(schedule: str) -> None:
    assert schedule_period(schedule) is None
