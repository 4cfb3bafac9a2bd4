"""Durations, instants, time zones and schedules, as the project file writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice, pairwise, takewhile
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from driftline.engine.project import Duration

__all__ = [
    "check_schedule",
    "check_zone",
    "format_duration",
    "multiply",
    "parse_duration",
    "parse_instant",
    "schedule_period",
]

_DURATION: Final = re.compile(
    r"P(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?",
    re.ASCII,
)
_DAY: Final = 86_400
_LONGEST_DAYS: Final = 36_525  # a century: far beyond any window, and always inside the calendar


def parse_duration(text: str, *, allow_zero: bool = False) -> Duration:
    """Read an ISO 8601 duration such as `P7D`, `PT6H` or `P1M`.

    Args:
        text: Whole numbers of Y, M, W, D and, after T, of H, M, S, in that order; no sign.
        allow_zero: Whether a length of nothing (`P0D`) is right, as it is for an offset.

    Returns:
        Years count as 12 months and weeks as 7 days; `text` is kept as written.

    Raises:
        ValueError: When the text is no duration, is zero and may not be, or exceeds a century.
    """
    match = _DURATION.fullmatch(text)
    if match is None or text[-1] in "PT":
        raise ValueError(f"'{text}' is not a duration; write one like P7D, PT6H or P1M")
    part = {name: int(digits) for name, digits in match.groupdict(default="0").items()}
    duration = Duration(
        months=12 * part["years"] + part["months"],
        days=7 * part["weeks"] + part["days"],
        seconds=3600 * part["hours"] + 60 * part["minutes"] + part["seconds"],
        text=text,
    )
    if not (duration.months or duration.days or duration.seconds or allow_zero):
        raise ValueError(f"'{text}' is no time at all; write at least PT1S")
    if 30.4375 * duration.months + duration.days + duration.seconds / _DAY > _LONGEST_DAYS:
        raise ValueError(f"'{text}' is longer than a century")
    return duration


def format_duration(months: int = 0, days: int = 0, seconds: int = 0) -> str:
    """Spell a duration so that `parse_duration` gives the same months, days and seconds back."""
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    date = "".join(f"{n}{unit}" for n, unit in ((months, "M"), (days, "D")) if n)
    clock = "".join(f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M"), (rest, "S")) if n)
    return f"P{date}T{clock}" if clock else f"P{date or '0D'}"


def multiply(duration: Duration, times: int) -> Duration:
    """A duration `times` as long, 1 or more."""
    months, days, seconds = (n * times for n in (duration.months, duration.days, duration.seconds))
    return Duration(months, days, seconds, format_duration(months, days, seconds))


def parse_instant(text: str, zone: str) -> datetime:
    """Read a date (its midnight) or a date and time; without an offset it is local to `zone`.

    Returns:
        An aware datetime in UTC.

    Raises:
        ValueError: When the text is neither.
    """
    try:
        instant = datetime.fromisoformat(text.strip())
        if instant.tzinfo is None:
            instant = instant.replace(tzinfo=ZoneInfo(zone))
        return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"'{text}' is not a date or time; write one like 2026-03-01 or 2026-03-01T06:00"
        ) from None


def check_zone(name: str) -> str:
    """Return the name of a time zone of the IANA list.

    Raises:
        ValueError: When there is none of that name.
    """
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        near = next((z for z in available_timezones() if z.lower() == name.lower()), None)
        hint = f"; did you mean '{near}'?" if near else "; write one like UTC or Europe/Berlin"
        raise ValueError(f"'{name}' is not a time zone{hint}") from None
    return name


@lru_cache(maxsize=1024)
def check_schedule(text: str) -> str:
    """Return a schedule: a cron expression of five fields, or a duration (`{every: P1D}`).

    Raises:
        ValueError: When it is neither, or a duration that mixes months with days or hours.
    """
    if text.startswith("P"):
        every = parse_duration(text)
        if sum(1 for part in (every.months, every.days, every.seconds) if part) > 1:
            raise ValueError(f"'{text}' mixes units; a schedule repeats in months, days or hours")
        return text
    try:
        if len(text.split()) != 5:
            raise ValueError(f"'{text}' is not a schedule; cron has five fields, as in '0 6 * * *'")
        next(CronSim(text, datetime(2024, 1, 1)))
    except (CronSimError, StopIteration) as error:
        detail = f" ({str(error).lower()})" if str(error) else ""
        raise ValueError(f"'{text}' is not a cron expression{detail}") from None
    return text


@lru_cache(maxsize=1024)
def schedule_period(schedule: str) -> Duration | None:
    """The one distance between all slots of a schedule, or None where they are uneven.

    Args:
        schedule: A value `check_schedule` has accepted.
    """
    if schedule.startswith("P"):
        return parse_duration(schedule)
    slots = _slots(schedule)
    gaps = {later - earlier for earlier, later in pairwise(slots)}
    if len(gaps) == 1:
        seconds = int(gaps.pop() / timedelta(seconds=1))
        if seconds % _DAY:
            # Slots within a day say nothing of the days: the same must run on every one.
            days = _slots("0 0 " + " ".join(schedule.split()[2:]))
            even = {later - earlier for earlier, later in pairwise(days)} == {timedelta(days=1)}
            return Duration(seconds=seconds, text=format_duration(0, 0, seconds)) if even else None
        return Duration(days=seconds // _DAY, text=format_duration(0, seconds // _DAY))
    if len({(slot.day, slot.time()) for slot in slots}) > 1:
        return None
    numbers = [12 * slot.year + slot.month for slot in slots]
    steps = {later - earlier for earlier, later in pairwise(numbers)}
    if len(steps) != 1:
        return None
    months = steps.pop()
    return Duration(months=months, text=format_duration(months))


def _slots(cron: str) -> list[datetime]:
    """The first slots of a cron expression: four years of a daily one, and at most 40 years."""
    slots = islice(CronSim(cron, datetime(2024, 1, 1)), 1500)
    return list(takewhile(lambda slot: slot.year < 2064, slots))
