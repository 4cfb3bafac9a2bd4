"""Which rows a run looks at: from `at` and a monitor to spans of time. Pure; no clock is read here.

Months and days move on the calendar of the monitor's time zone, so that a day keeps its wall time
when the clocks change; hours, minutes and seconds are exact. Every result is in UTC.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from cronsim import CronSim

from driftline.engine.dispersion import FEWEST_CYCLES, FEWEST_WINDOWS, MOST_WINDOWS
from driftline.engine.errors import ConfigError
from driftline.engine.project import (
    Duration,
    FixedWindow,
    Monitor,
    Reference,
    RollingWindow,
    SeasonalWindow,
    Window,
)
from driftline.engine.results import naive_utc
from driftline.engine.times import multiply, parse_duration, parse_instant

__all__ = [
    "EPOCH",
    "Span",
    "add",
    "backfill_moments",
    "control_spans",
    "last_slot",
    "overlap_warning",
    "parse_duration",
    "production_span",
    "reference_span",
    "resolve_at",
    "stored_bounds",
    "window_date",
]

EPOCH: Final = datetime(1970, 1, 1)
_MONDAY: Final = datetime(1970, 1, 5)  # slots of {every: P7D} fall on Mondays
_DAY: Final = 86_400
_MOST_WINDOWS: Final = 100_000


@dataclass(frozen=True)
class Span:
    """[start, end) in UTC; a start of None is the beginning of the table.

    Attributes:
        start, end: From where on and up to where.
        parts: Where only parts of it count, their starts and ends, in order and apart.
    """

    start: datetime | None
    end: datetime
    parts: tuple[tuple[datetime, datetime], ...] = ()


def add(at: datetime, duration: Duration, zone: str, sign: Literal[1, -1] = 1) -> datetime:
    """Move a moment by a duration: its months, then its days, then its seconds.

    Args:
        at: An aware datetime.
        duration: Months clamp the day (31 January plus a month is the last of February).
        zone: Time zone whose calendar and wall time count for months and days.
        sign: -1 moves back.

    Returns:
        An aware datetime in UTC.

    Raises:
        ConfigError: When it would leave the years 1 to 9999.
    """
    try:
        if duration.months or duration.days:
            wall = _plus_months(at.astimezone(ZoneInfo(zone)), sign * duration.months)
            at = wall + timedelta(days=sign * duration.days)
        return at.astimezone(UTC) + timedelta(seconds=sign * duration.seconds)
    except (OverflowError, ValueError):
        way = "after" if sign > 0 else "before"
        raise ConfigError(f"{duration.text} {way} {at.date()} is outside the calendar") from None


def _plus_months(wall: datetime, months: int) -> datetime:
    """The same day and time, months later; the month's last day where it has no such day."""
    year, month = divmod(12 * wall.year + wall.month - 1 + months, 12)
    last = monthrange(year, month + 1)[1]
    return wall.replace(year=year, month=month + 1, day=min(wall.day, last))


def resolve_at(monitor: Monitor, at: datetime | date | str | None, now: datetime) -> datetime:
    """The moment a run is for.

    Args:
        monitor: Its time zone, schedule and window decide.
        at: A moment, or a date for its midnight, also as ISO 8601 text; without a zone it is in the
            monitor's. None takes `now`, floored to the last slot of the schedule, else to the
            largest of day, hour and minute that divides the window's size, else to the day.
        now: An aware datetime.

    Returns:
        An aware datetime in UTC.

    Raises:
        ConfigError: When the text is neither a date nor a time.
    """
    zone = ZoneInfo(monitor.time_zone)
    if isinstance(at, str):
        try:
            return parse_instant(at, monitor.time_zone)
        except ValueError as error:
            raise ConfigError(f"at: {error}") from None
    if at is not None:
        moment = at if isinstance(at, datetime) else datetime.combine(at, time())
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    if monitor.schedule is not None:
        return last_slot(monitor.schedule, now, monitor.time_zone)
    local = now.astimezone(zone)
    window = monitor.production.window
    size = window.size if isinstance(window, RollingWindow) else Duration(days=1)
    if size.seconds % _DAY == 0:
        floored = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    elif size.seconds % 3600 == 0:
        floored = local.replace(minute=0, second=0, microsecond=0)
    elif size.seconds % 60 == 0:
        floored = local.replace(second=0, microsecond=0)
    else:
        floored = local.replace(microsecond=0)
    return floored.astimezone(UTC)


def last_slot(schedule: str, now: datetime, zone: str) -> datetime:
    """The last slot of a schedule that is not after `now`.

    Args:
        schedule: A cron expression, read in the time zone; or a duration, whose months count from
            January 1970, whose days count from a Monday, and whose hours count from midnight where
            they divide a day.
        now: An aware datetime.
        zone: The monitor's time zone.

    Returns:
        An aware datetime in UTC.
    """
    if schedule.startswith("P"):
        return _floor(now.astimezone(ZoneInfo(zone)), parse_duration(schedule))
    now = now.astimezone(UTC)
    # Searched from an hour ahead and then forward, because the search backward leaves out slots of
    # the hour that clocks repeat.
    slots = CronSim(schedule, (now + timedelta(hours=1)).astimezone(ZoneInfo(zone)), reverse=True)
    return next(slot for found in slots if (slot := found.astimezone(UTC)) <= now)


def _floor(local: datetime, every: Duration) -> datetime:
    """The last multiple of a duration on the calendar or, for seconds, on the clock."""
    wall = local.replace(tzinfo=None)
    if every.months:
        count = 12 * (wall.year - EPOCH.year) + wall.month - 1
        floored = _plus_months(EPOCH, count - count % every.months)
    elif every.days:
        count = (wall - _MONDAY).days
        floored = _MONDAY + timedelta(days=count - count % every.days)
    else:
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).astimezone(UTC)
        start = midnight if _DAY % every.seconds == 0 else EPOCH.replace(tzinfo=UTC)
        gone = (local.astimezone(UTC) - start) // timedelta(seconds=every.seconds)
        return start + gone * timedelta(seconds=every.seconds)
    return floored.replace(tzinfo=local.tzinfo).astimezone(UTC)


def production_span(monitor: Monitor, at: datetime, delay: Duration | None = None) -> Span | None:
    """The rows of production that a run at `at` looks at; None means all, whatever their time.

    Args:
        monitor: The monitor.
        at: Aware datetime of the run.
        delay: How much further back a rolling window ends.

    Raises:
        ConfigError: When the window would begin before the year 1.
    """
    production = monitor.production
    return _span(production.window, production.timestamp, at, monitor.time_zone, at, delay)


def reference_span(
    monitor: Monitor, reference: Reference, at: datetime, delay: Duration | None = None
) -> Span | None:
    """The rows of a reference that a run at `at` looks at; None means all, whatever their time.

    A rolling window without an offset ends where a rolling window of production begins. A seasonal one
    is production's of earlier, a part a cycle; parts that touch are one.

    Args:
        monitor: The monitor.
        reference: One of its references.
        at: Aware datetime of the run.
        delay: How much further back rolling windows end, production's and the reference's.

    Raises:
        ConfigError: When the window would begin before the year 1.
    """
    end = at
    if isinstance(reference.window, SeasonalWindow):
        return _seasons(monitor, reference.window, at, delay)
    if isinstance(monitor.production.window, RollingWindow):
        span = production_span(monitor, at, delay)
        end = at if span is None or span.start is None else span.start
    window = reference.window
    if isinstance(window, RollingWindow) and window.offset is None:
        delay = None  # the end it takes from production is late already
    return _span(window, reference.timestamp, at, monitor.time_zone, end, delay)


def control_spans(
    monitor: Monitor, reference: Reference, span: Span | None
) -> tuple[tuple[datetime, datetime], ...]:
    """The windows, as long as production's, that tell how windows differ: those a reference consists of.

    Where these are too few, it may say that windows before it tell, too.

    Args:
        monitor: The monitor.
        reference: The reference.
        span: Its rows.

    Returns:
        Starts and ends, in order, of the latest `MOST_WINDOWS` of them; none where they are too few to
        tell, or the reference has no beginning.
    """
    if span is None or span.start is None or monitor.production.window is None:
        return ()
    if span.parts:
        return span.parts[-MOST_WINDOWS:] if len(span.parts) >= FEWEST_CYCLES else ()
    found = _side_by_side(monitor, span.start, span.end)
    if len(found) < FEWEST_WINDOWS and reference.in_control is not None:
        start = add(span.end, reference.in_control, monitor.time_zone, -1)
        found = _side_by_side(monitor, start, span.end)
    return found if len(found) >= FEWEST_WINDOWS else ()


def _side_by_side(
    monitor: Monitor, first: datetime, last: datetime
) -> tuple[tuple[datetime, datetime], ...]:
    """The latest windows as long as production's between two moments."""
    window = monitor.production.window
    assert window is not None
    size = window.size if isinstance(window, RollingWindow) else window.length
    found: list[tuple[datetime, datetime]] = []
    end = last
    while len(found) < MOST_WINDOWS:
        # counted from the end, so that months that end early do not shorten those before them
        start = add(last, multiply(size, len(found) + 1), monitor.time_zone, -1)
        if start < first:
            break
        found.append((start, end))
        end = start
    return tuple(reversed(found))


def _seasons(
    monitor: Monitor, window: SeasonalWindow, at: datetime, delay: Duration | None
) -> Span | None:
    """Production's window of each of the cycles before it."""
    span = production_span(monitor, at, delay)
    if span is None or span.start is None:
        return span
    parts: list[tuple[datetime, datetime]] = []
    for cycle in range(window.cycles, 0, -1):
        back = multiply(window.same, cycle)
        start, end = (add(each, back, monitor.time_zone, -1) for each in (span.start, span.end))
        if parts and start <= parts[-1][1]:
            start, end = parts[-1][0], max(end, parts.pop()[1])
        parts.append((start, end))
    whole = Span(parts[0][0], parts[-1][1])
    return whole if len(parts) == 1 else replace(whole, parts=tuple(parts))


def _span(
    window: Window | None,
    timestamp: str | None,
    at: datetime,
    zone: str,
    default_end: datetime,
    delay: Duration | None,
) -> Span | None:
    """The span of a window; `default_end` is where a rolling one without an offset ends."""
    if timestamp is None:
        return None
    if window is None:
        return Span(None, at.astimezone(UTC))
    if isinstance(window, FixedWindow):
        return Span(window.start.astimezone(UTC), window.end.astimezone(UTC))
    end = default_end.astimezone(UTC)
    if window.offset is not None:
        end = add(at, window.offset, zone, -1)
    if delay is not None:
        end = add(end, delay, zone, -1)
    return Span(add(end, window.size, zone, -1), end)


def backfill_moments(
    monitor: Monitor, start: datetime, end: datetime, every: Duration | None
) -> tuple[datetime, ...]:
    """The `at` of every window [s, s + size) with s = start, start + every, … and s + size <= end.

    Args:
        monitor: The monitor; its window rolls.
        start: Aware datetime of the first window's start.
        end: Aware datetime that no window passes.
        every: How far windows lie apart; None is the window's size.

    Raises:
        ConfigError: When the window does not roll, or no window fits.
    """
    window = monitor.production.window
    if not isinstance(window, RollingWindow):
        raise ConfigError(
            f"monitor {monitor.name} has no window that moves: there is nothing to fill in",
            hint="give production a timestamp and a window: {size: P1D}",
        )
    step = every or window.size
    zone = monitor.time_zone
    moments: list[datetime] = []
    for count in range(_MOST_WINDOWS):
        # counted from the start, so that months that end early do not shorten those after them
        begin = add(start, multiply(step, count), zone) if count else start
        stop = add(begin, window.size, zone)
        if stop > end:
            break
        moments.append(stop if window.offset is None else add(stop, window.offset, zone))
    if not moments:
        raise ConfigError(
            f"no window of {window.size.text} of monitor {monitor.name} lies between"
            f" {start.isoformat()} and {end.isoformat()}",
            hint="give an earlier --from or a later --to",
        )
    return tuple(moments)


def overlap_warning(monitor: Monitor, reference: Reference, at: datetime) -> str | None:
    """A sentence when a rolling reference holds rows of the very window it is compared with."""
    if not reference.moves:
        return None
    if reference.source != monitor.production.source:
        return None
    ours, theirs = production_span(monitor, at), reference_span(monitor, reference, at)
    if theirs is None or theirs.start is None:
        return None
    if ours is not None:
        begins_later = ours.start is not None and theirs.end <= ours.start
        if begins_later or ours.end <= theirs.start:
            return None
    return (
        f"monitors[{monitor.name}]: reference '{reference.name}' overlaps production's window, "
        "which hides drift; give its window a larger offset"
    )


def stored_bounds(span: Span | None, at: datetime) -> tuple[datetime, datetime]:
    """(window_start, window_end) as the result tables hold them: UTC without a zone.

    Rows without a lower end are stored from 1970-01-01, rows of any time up to `at`.
    """
    end = at if span is None else span.end
    start = EPOCH if span is None or span.start is None else naive_utc(span.start)
    return start, naive_utc(end)


def window_date(end: datetime) -> date:
    """The date, in UTC, of the last moment of a window: that of its end less a microsecond."""
    return (naive_utc(end) - timedelta(microseconds=1)).date()
