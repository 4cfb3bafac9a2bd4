"""Where production's rows are when its window has none, and an `at` that has some."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from driftline.engine.plan import Plan
from driftline.engine.project import Duration, FixedWindow, Monitor
from driftline.engine.render import Renderer
from driftline.engine.warehouses.base import Ledger, Warehouse
from driftline.engine.windows import add

_DAY: Final = 86_400


def rows_elsewhere(
    plan: Plan, warehouse: Warehouse, renderer: Renderer, ledger: Ledger
) -> tuple[tuple[str, ...], str | None]:
    """Where production's rows are, of a window without any: a sentence, and an `at`."""
    scan, monitor = plan.production, plan.monitor
    source = "production's query" if scan.source.query else scan.source.written
    source += " has no rows" if scan.filter is None else " has no rows that pass the filter"
    if scan.clock is None:
        return (source,), None
    (row,) = ledger.fetch(warehouse, renderer.time_range()).to_pylist()
    if row["last_at"] is None:
        return (f"{source} at any time",), None
    zone = ZoneInfo(monitor.time_zone)
    first, last = (
        row[name].replace(tzinfo=UTC).astimezone(zone) for name in ("first_at", "last_at")
    )
    told = f"{source} there, but from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}"
    if monitor.time_zone != "UTC":
        told += f" {monitor.time_zone}"
    at = at_over(monitor, last, plan.delay)
    return (f"{told}: try --at {at}" if at else f"{told}: see production.window",), at


def at_over(monitor: Monitor, last: datetime, delay: Duration | None = None) -> str | None:
    """An `at` whose window holds a moment, given in the monitor's time zone; None if it is fixed."""
    window = monitor.production.window
    if isinstance(window, FixedWindow):
        return None
    size = Duration(days=1) if window is None else window.size
    unit = next((each for each in (_DAY, 3600, 60) if size.seconds % each == 0), 1)
    wall = last.replace(tzinfo=None)
    midnight = wall.replace(hour=0, minute=0, second=0, microsecond=0)
    units = (wall - midnight) // timedelta(seconds=unit) + 1
    end = (midnight + units * timedelta(seconds=unit)).replace(tzinfo=last.tzinfo)
    offset = None if window is None else window.offset
    for back in (delay, offset):
        if back is not None:
            end = add(end, back, monitor.time_zone).astimezone(last.tzinfo)
    return end.replace(tzinfo=None).isoformat().removesuffix(":00").removesuffix("T00:00")
