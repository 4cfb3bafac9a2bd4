"""Which moments of a schedule are due, and what there is to print for other schedulers. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim

from driftline.engine.project import CatchUp, Monitor, RollingWindow
from driftline.engine.times import parse_duration
from driftline.engine.windows import add, last_slot

_MOST: Final = 100_000


def slots_after(schedule: str, after: datetime, zone: str) -> Iterator[datetime]:
    """The slots of a schedule after a moment, in order, without end.

    When clocks are put forward, slots of the hour that is left out come right behind it; when they are put
    back, those of the hour that is repeated come once.

    Args:
        schedule: A cron expression, read in the time zone, or a duration, as for `last_slot`.
        after: An aware datetime.
        zone: The monitor's time zone.

    Yields:
        Aware datetimes in UTC.
    """
    if schedule.startswith("P"):
        yield from _multiples(schedule, after, zone)
        return
    latest = after.astimezone(UTC)
    for found in CronSim(schedule, after.astimezone(ZoneInfo(zone))):
        slot = found.astimezone(UTC)
        if slot > latest:
            latest = slot
            yield slot


def _multiples(schedule: str, after: datetime, zone: str) -> Iterator[datetime]:
    every = parse_duration(schedule)
    latest = probe = after.astimezone(UTC)
    while True:
        probe = add(probe, every, zone)
        slot = last_slot(schedule, probe, zone)
        if slot > latest:
            latest = probe = slot
            yield slot


def due(monitor: Monitor, done: datetime | None, now: datetime) -> list[datetime]:
    """The moments that a monitor is to be run for, the oldest first.

    Args:
        monitor: Its schedule; without one, windows follow each other.
        done: The newest moment that was run for; None where there is none: then only the newest is due.
        now: An aware datetime.

    Returns:
        Aware datetimes in UTC. Those longer ago than the monitor catches up are left out.
    """
    return [*_due(schedule_of(monitor), monitor.time_zone, monitor.catch_up, done, now)]


@lru_cache(maxsize=1024)  # most of many monitors share a schedule and were run for the same slot
def _due(
    schedule: str, zone: str, catch_up: CatchUp, done: datetime | None, now: datetime
) -> tuple[datetime, ...]:
    newest = last_slot(schedule, now, zone)
    if done is None or not catch_up.missed:
        return (newest,) if done is None or newest > done else ()
    first = done.astimezone(UTC)
    if catch_up.longest is not None:
        first = max(first, add(now, catch_up.longest, zone, -1))
    found = []
    for slot in islice(slots_after(schedule, first, zone), _MOST):
        if slot > now:
            break
        found.append(slot)
    # however short a time is caught up, the newest is
    return (*found,) or ((newest,) if newest > done else ())


def missed(monitor: Monitor, done: datetime | None, now: datetime) -> datetime | None:
    """The first moment since `done` that is not due any more, as it is too long ago; None without any.

    Args:
        monitor: Its schedule; one that catches up nothing misses what it leaves out on purpose.
        done: The newest moment that was run for; None where there is none.
        now: An aware datetime.
    """
    if done is None or not monitor.catch_up.missed:
        return None
    found = due(monitor, done, now)
    first = next_slot(monitor, done)
    return first if found and first < found[0] else None


def schedule_of(monitor: Monitor) -> str:
    """The schedule; of a monitor without one, one window after the other."""
    if monitor.schedule is not None:
        return monitor.schedule
    window = monitor.production.window
    if isinstance(window, RollingWindow):
        return window.size.text
    return "P1D"


def next_slot(monitor: Monitor, now: datetime) -> datetime:
    """The next moment of a monitor's schedule."""
    return _next(schedule_of(monitor), now, monitor.time_zone)


@lru_cache(maxsize=1024)
def _next(schedule: str, after: datetime, zone: str) -> datetime:
    return next(slots_after(schedule, after, zone))
