"""Windows whose rows have changed in number since they were measured: what `reprocess` computes again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import takewhile

from driftline.engine.journal import Journal
from driftline.engine.project import Monitor
from driftline.engine.recount import rows_of
from driftline.engine.results import naive_utc
from driftline.engine.run import Tools, past_of, plans_of, tag_of
from driftline.engine.slots import schedule_of, slots_after
from driftline.engine.windows import add, production_span, stored_bounds


def changed(log: Journal, tools: Tools) -> tuple[datetime, ...]:
    """Earlier moments whose windows are stored with another number of rows than they have now.

    One statement counts the rows of all of them.

    Args:
        log: Of the run that is to tell of it: its moment is the latest, and not among them.
        tools: The session and the results.

    Returns:
        Aware datetimes in UTC, the oldest first; none where nothing is to be reprocessed.

    Raises:
        SourceError: When a table or a column that is needed is missing.
        StatementError: When the rows cannot be counted.
    """
    monitor, back = log.monitor, log.monitor.catch_up.reprocess
    if back is None:
        return ()
    first = add(log.at, back, monitor.time_zone, -1)
    slots = slots_after(schedule_of(monitor), first, monitor.time_zone)
    moments = tuple(takewhile(lambda slot: slot < log.at, slots))
    stored = past_of(monitor, tools.store).rows
    known = {at: stored.get(_window(monitor, at)) for at in moments}
    asked = [at for at, rows in known.items() if rows is not None]
    if not asked:
        return ()
    found = _counted(log, asked, tools)
    return tuple(at for at in asked if found.get(_window(monitor, at), 0) != known[at])


def _window(monitor: Monitor, at: datetime) -> tuple[datetime, datetime]:
    """End and start of the window of a moment, naive UTC."""
    start, end = stored_bounds(production_span(monitor, at), at)
    return end, start


def _counted(
    log: Journal, moments: Sequence[datetime], tools: Tools
) -> dict[tuple[datetime, datetime], int]:
    """Rows of production by end and start of the window; windows without any are left out."""
    plans = [p for p in plans_of(log.monitor, moments, tools.warehouse) if p.whole]
    windows = [(naive_utc(plan.window_start), naive_utc(plan.window_end)) for plan in plans]
    rows = rows_of(plans[0], windows, tools.warehouse, log.ledger, tag=tag_of(log))
    return {(end, start): n for (start, end), n in rows.items()}
