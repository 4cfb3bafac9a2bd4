"""From `at` to spans of time, on calendars with months, leap years and changing clocks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.engine.errors import ConfigError
from driftline.engine.project import (
    Duration,
    FixedWindow,
    Monitor,
    Production,
    Reference,
    RollingWindow,
    Source,
    Window,
)
from driftline.engine.times import format_duration, parse_duration
from driftline.engine.windows import (
    Span,
    add,
    control_spans,
    last_slot,
    overlap_warning,
    production_span,
    reference_span,
    resolve_at,
    stored_bounds,
    window_date,
)

BERLIN = "Europe/Berlin"
SCORED = Source("scored.parquet", files=(str(Path("/data/scored.parquet")),))
TRAINING = Source("training.parquet", files=(str(Path("/data/training.parquet")),))


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def berlin(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=ZoneInfo(BERLIN))  # type: ignore[misc,arg-type]


def span(days: str) -> Duration:
    return parse_duration(days, allow_zero=True)


def rolling(size: str, offset: str | None = None) -> RollingWindow:
    return RollingWindow(span(size), None if offset is None else span(offset))


def monitor(
    window: Window | None = None,
    *,
    timestamp: str | None = "scored_at",
    zone: str = "UTC",
    schedule: str | None = None,
) -> Monitor:
    return Monitor(
        name="churn",
        production=Production(SCORED, timestamp, window),
        references=(Reference("reference", TRAINING),),
        signals=(),
        time_zone=zone,
        schedule=schedule,
    )


# --- calendar arithmetic --------------------------------------------------------------------------


def test_a_month_after_the_last_of_january_is_the_last_of_february() -> None:
    assert add(utc(2025, 1, 31), span("P1M"), "UTC") == utc(2025, 2, 28)


def test_a_month_before_the_last_of_march_in_a_leap_year_is_the_29th_of_february() -> None:
    assert add(utc(2024, 3, 31), span("P1M"), "UTC", -1) == utc(2024, 2, 29)


def test_a_year_after_a_leap_day_is_the_28th() -> None:
    assert add(utc(2024, 2, 29), span("P1Y"), "UTC") == utc(2025, 2, 28)


def test_a_month_before_january_is_december_of_the_year_before() -> None:
    assert add(utc(2024, 1, 15), span("P1M"), "UTC", -1) == utc(2023, 12, 15)


def test_a_day_keeps_its_wall_time_when_the_clocks_go_forward() -> None:
    # 30 March 06:00 is 05:00 UTC, 31 March 06:00 is 04:00 UTC: 23 hours.
    assert add(berlin(2024, 3, 30, 6), span("P1D"), BERLIN) == utc(2024, 3, 31, 4)


def test_a_day_keeps_its_wall_time_when_the_clocks_go_back() -> None:
    # 26 October 06:00 is 04:00 UTC, 27 October 06:00 is 05:00 UTC: 25 hours.
    assert add(berlin(2024, 10, 26, 6), span("P1D"), BERLIN) == utc(2024, 10, 27, 5)


def test_twenty_four_hours_are_exact_when_the_clocks_go_forward() -> None:
    assert add(berlin(2024, 3, 30, 6), span("PT24H"), BERLIN) == utc(2024, 3, 31, 5)


def test_a_wall_time_that_does_not_exist_is_moved_past_the_gap() -> None:
    # 31 March 2024 has no 02:30 in Berlin; half past three is 01:30 UTC.
    assert add(berlin(2024, 3, 30, 2, 30), span("P1D"), BERLIN) == utc(2024, 3, 31, 1, 30)


def test_hours_within_the_repeated_hour_stay_distinct() -> None:
    first = utc(2024, 10, 27, 0, 30)  # 02:30 summer time
    assert add(first, span("PT1H"), BERLIN) == utc(2024, 10, 27, 1, 30)  # 02:30 winter time


def test_leaving_the_calendar_is_a_plain_error() -> None:
    with pytest.raises(ConfigError, match="P99Y before 0050-01-01 is outside the calendar"):
        add(utc(50, 1, 1), span("P99Y"), "UTC", -1)


@given(
    st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)),
    st.integers(0, 3000),
    st.integers(0, 10**7),
)
def test_days_and_seconds_undo_themselves_in_utc(at: datetime, days: int, seconds: int) -> None:
    duration = Duration(0, days, seconds, format_duration(0, days, seconds))
    at = at.replace(tzinfo=UTC)
    assert add(add(at, duration, "UTC"), duration, "UTC", -1) == at


@given(st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)), st.integers(1, 600))
def test_adding_months_never_leaves_the_month_aimed_at(at: datetime, months: int) -> None:
    moved = add(at.replace(tzinfo=UTC), Duration(months, text="P1M"), "UTC")
    assert 12 * moved.year + moved.month == 12 * at.year + at.month + months


# --- at -------------------------------------------------------------------------------------------


def test_a_date_is_its_midnight_in_the_monitors_zone() -> None:
    at = resolve_at(monitor(zone=BERLIN), "2024-07-01", utc(2025, 1, 1))
    assert at == utc(2024, 6, 30, 22)


def test_a_time_without_a_zone_is_in_the_monitors() -> None:
    at = resolve_at(monitor(zone=BERLIN), datetime(2024, 7, 1, 6), utc(2025, 1, 1))
    assert at == utc(2024, 7, 1, 4)


def test_a_time_with_a_zone_keeps_it() -> None:
    at = resolve_at(monitor(zone=BERLIN), "2024-07-01T06:00:00+00:00", utc(2025, 1, 1))
    assert at == utc(2024, 7, 1, 6)


def test_a_python_date_is_its_midnight() -> None:
    assert resolve_at(monitor(), date(2024, 7, 1), utc(2025, 1, 1)) == utc(2024, 7, 1)


def test_an_at_that_is_no_time_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="at: 'noon' is not a date or time"):
        resolve_at(monitor(), "noon", utc(2025, 1, 1))


def test_now_goes_back_to_the_last_slot_of_the_schedule() -> None:
    scheduled = monitor(rolling("P7D", "P0D"), schedule="0 6 * * *")
    assert resolve_at(scheduled, None, utc(2024, 7, 2, 5, 59)) == utc(2024, 7, 1, 6)


def test_now_on_a_slot_is_that_slot() -> None:
    scheduled = monitor(schedule="0 6 * * *")
    assert resolve_at(scheduled, None, utc(2024, 7, 2, 6)) == utc(2024, 7, 2, 6)


@pytest.mark.parametrize(
    ("size", "at"),
    [
        ("P7D", utc(2024, 7, 1)),
        ("P1M", utc(2024, 7, 1)),
        ("PT24H", utc(2024, 7, 1)),
        ("PT6H", utc(2024, 7, 1, 17)),
        ("P1DT1H", utc(2024, 7, 1, 17)),
        ("PT90M", utc(2024, 7, 1, 17, 42)),
        ("PT90S", utc(2024, 7, 1, 17, 42, 11)),
    ],
)
def test_now_goes_back_to_the_largest_unit_that_divides_the_window(size: str, at: datetime) -> None:
    rolled = monitor(rolling(size, "P0D"))
    assert resolve_at(rolled, None, utc(2024, 7, 1, 17, 42, 11, 5)) == at


def test_now_goes_back_to_the_local_day_without_a_window() -> None:
    at = resolve_at(monitor(zone=BERLIN), None, utc(2024, 7, 1, 23))
    assert at == utc(2024, 7, 1, 22)  # 2 July in Berlin


def test_the_local_day_of_a_clock_change_begins_at_its_own_midnight() -> None:
    at = resolve_at(monitor(zone=BERLIN), None, utc(2024, 3, 31, 12))
    assert at == utc(2024, 3, 30, 23)


# --- schedules ------------------------------------------------------------------------------------


def test_a_cron_slot_is_read_in_the_monitors_zone() -> None:
    assert last_slot("0 6 * * *", utc(2024, 7, 1, 4), BERLIN) == utc(2024, 7, 1, 4)


def test_a_cron_slot_follows_the_clocks_change() -> None:
    assert last_slot("0 6 * * *", utc(2024, 10, 27, 12), BERLIN) == utc(2024, 10, 27, 5)


def test_a_slot_in_the_repeated_hour_has_passed_when_that_hour_runs_again() -> None:
    # 02:30 came first at 00:30 UTC; at 01:10 UTC the clocks show 02:10 for the second time.
    assert last_slot("30 2 * * *", utc(2024, 10, 27, 1, 10), BERLIN) == utc(2024, 10, 27, 0, 30)


def test_microseconds_after_a_slot_belong_to_it() -> None:
    assert last_slot("0 6 * * *", utc(2024, 7, 1, 6, 0, 0, 1), "UTC") == utc(2024, 7, 1, 6)


@pytest.mark.parametrize(
    ("every", "slot"),
    [
        ("P1D", utc(2024, 7, 4)),
        ("P7D", utc(2024, 7, 1)),  # a Monday
        ("P1M", utc(2024, 7, 1)),
        ("P3M", utc(2024, 7, 1)),
        ("P1Y", utc(2024, 1, 1)),
        ("PT6H", utc(2024, 7, 4, 12)),
        ("PT15M", utc(2024, 7, 4, 17, 30)),
    ],
)
def test_a_repeating_distance_counts_from_round_beginnings(every: str, slot: datetime) -> None:
    assert last_slot(every, utc(2024, 7, 4, 17, 42), "UTC") == slot


def test_a_repeating_day_is_the_local_one() -> None:
    assert last_slot("P1D", utc(2024, 7, 1, 23), BERLIN) == utc(2024, 7, 1, 22)


def test_hours_that_do_not_divide_a_day_count_through() -> None:
    first = last_slot("PT5H", utc(2024, 7, 4, 17, 42), "UTC")
    assert last_slot("PT5H", first + timedelta(hours=5), "UTC") - first == timedelta(hours=5)


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),
    st.sampled_from(["0 6 * * *", "30 2 * * *", "*/20 * * * *", "0 0 1 * *", "P1D", "PT6H", "P7D"]),
    st.sampled_from(["UTC", BERLIN, "America/New_York", "Australia/Lord_Howe"]),
)
def test_a_slot_is_never_after_now_and_is_its_own_slot(
    now: datetime, schedule: str, zone: str
) -> None:
    now = now.replace(tzinfo=UTC)
    slot = last_slot(schedule, now, zone)
    assert slot <= now
    assert last_slot(schedule, slot, zone) == slot


# --- spans ----------------------------------------------------------------------------------------


def test_a_rolling_window_ends_its_offset_before_at() -> None:
    rolled = monitor(rolling("P7D", "P1D"))
    assert production_span(rolled, utc(2024, 7, 15)) == Span(utc(2024, 7, 7), utc(2024, 7, 14))


def test_a_week_of_production_across_a_clock_change_is_seven_local_days() -> None:
    rolled = monitor(rolling("P7D", "P0D"), zone=BERLIN)
    found = production_span(rolled, berlin(2024, 4, 1))
    assert found == Span(utc(2024, 3, 24, 23), utc(2024, 3, 31, 22))


def test_a_fixed_window_does_not_move_with_at() -> None:
    fixed = monitor(FixedWindow(utc(2024, 1, 1), utc(2024, 2, 1)))
    assert production_span(fixed, utc(2030, 1, 1)) == Span(utc(2024, 1, 1), utc(2024, 2, 1))


def test_a_whole_table_with_a_timestamp_ends_at_at() -> None:
    assert production_span(monitor(), utc(2024, 7, 1)) == Span(None, utc(2024, 7, 1))


def test_a_whole_table_without_a_timestamp_has_no_span() -> None:
    assert production_span(monitor(timestamp=None), utc(2024, 7, 1)) is None


def test_a_rolling_reference_ends_where_production_begins() -> None:
    rolled = monitor(rolling("P7D", "P1D"))
    recent = Reference("recent", SCORED, "scored_at", rolling("P28D"))
    found = reference_span(rolled, recent, utc(2024, 7, 15))
    assert found == Span(utc(2024, 6, 9), utc(2024, 7, 7))


@pytest.mark.parametrize(
    ("size", "in_control", "days"),
    [("P2D", None, 0), ("P7D", None, 0), ("P8D", None, 8), ("P2D", "P7D", 0), ("P2D", "P14D", 14),
     ("P9D", "P14D", 9), ("P90D", "P14D", 60)],
)  # fmt: skip
def test_windows_before_a_short_reference_tell_where_its_own_are_too_few(
    size: str, in_control: str | None, days: int
) -> None:
    daily = monitor(rolling("P1D", "P0D"))
    back = None if in_control is None else parse_duration(in_control)
    recent = Reference("recent", SCORED, "scored_at", rolling(size), in_control=back)
    found = control_spans(daily, recent, reference_span(daily, recent, utc(2024, 7, 15)))
    ends = [utc(2024, 7, 14) - timedelta(days=n) for n in range(days, -1, -1)]
    assert found == tuple(pairwise(ends))


def test_a_rolling_reference_of_months_ends_where_production_really_begins() -> None:
    # A month before 31 March is 29 February, and a month before that 29 January.
    rolled = monitor(rolling("P1M", "P0D"))
    recent = Reference("recent", SCORED, "scored_at", rolling("P1M"))
    found = reference_span(rolled, recent, utc(2024, 3, 31))
    assert found == Span(utc(2024, 1, 29), utc(2024, 2, 29))


def test_a_rolling_reference_keeps_its_own_offset() -> None:
    rolled = monitor(rolling("P7D", "P0D"))
    recent = Reference("recent", SCORED, "scored_at", rolling("P28D", "P14D"))
    found = reference_span(rolled, recent, utc(2024, 7, 15))
    assert found == Span(utc(2024, 6, 3), utc(2024, 7, 1))


def test_a_rolling_reference_beside_a_fixed_production_ends_at_at() -> None:
    fixed = monitor(FixedWindow(utc(2024, 1, 1), utc(2024, 2, 1)))
    recent = Reference("recent", SCORED, "scored_at", rolling("P28D"))
    found = reference_span(fixed, recent, utc(2024, 7, 15))
    assert found == Span(utc(2024, 6, 17), utc(2024, 7, 15))


def test_a_whole_reference_has_no_span() -> None:
    assert reference_span(monitor(), monitor().primary, utc(2024, 7, 1)) is None


# --- overlaps and what is stored --------------------------------------------------------------------


def test_a_reference_that_overlaps_production_is_told() -> None:
    rolled = monitor(rolling("P7D", "P0D"))
    recent = Reference("recent", SCORED, "scored_at", rolling("P28D", "P3D"))
    warning = overlap_warning(rolled, recent, utc(2024, 7, 15))
    assert warning is not None
    assert "reference 'recent' overlaps production's window" in warning


def test_a_reference_that_ends_where_production_begins_does_not_overlap() -> None:
    rolled = monitor(rolling("P7D", "P0D"))
    recent = Reference("recent", SCORED, "scored_at", rolling("P28D"))
    assert overlap_warning(rolled, recent, utc(2024, 7, 15)) is None


def test_a_reference_after_production_does_not_overlap() -> None:
    rolled = monitor(rolling("P7D", "P30D"))
    recent = Reference("recent", SCORED, "scored_at", rolling("P7D", "P0D"))
    assert overlap_warning(rolled, recent, utc(2024, 7, 15)) is None


def test_another_table_does_not_overlap() -> None:
    rolled = monitor(rolling("P7D", "P0D"))
    recent = Reference("recent", TRAINING, "scored_at", rolling("P28D", "P0D"))
    assert overlap_warning(rolled, recent, utc(2024, 7, 15)) is None


def test_a_whole_table_overlaps_any_of_its_own_windows() -> None:
    whole = monitor()
    recent = Reference("recent", SCORED, "scored_at", rolling("P28D"))
    assert overlap_warning(whole, recent, utc(2024, 7, 15)) is not None


def test_a_whole_table_is_stored_from_1970_to_at() -> None:
    at = berlin(2024, 7, 1)
    assert stored_bounds(None, at) == (datetime(1970, 1, 1), datetime(2024, 6, 30, 22))
    assert stored_bounds(Span(None, at), at) == stored_bounds(None, at)


def test_a_window_is_stored_in_utc_without_a_zone() -> None:
    bounds = stored_bounds(Span(berlin(2024, 3, 31), berlin(2024, 4, 1)), utc(2024, 5, 1))
    assert bounds == (datetime(2024, 3, 30, 23), datetime(2024, 3, 31, 22))


def test_the_date_of_a_window_is_that_of_its_last_moment() -> None:
    assert window_date(utc(2024, 7, 1)) == date(2024, 6, 30)
    assert window_date(datetime(2024, 7, 1, 0, 0, 1)) == date(2024, 7, 1)


def test_moving_at_by_the_size_gives_windows_that_touch() -> None:
    rolled = replace(monitor(rolling("P1D", "P0D")), time_zone=BERLIN)
    at = berlin(2024, 3, 30)
    for _ in range(4):
        following = add(at, span("P1D"), BERLIN)
        first, second = production_span(rolled, at), production_span(rolled, following)
        assert first is not None
        assert second is not None
        assert first.end == second.start
        at = following
