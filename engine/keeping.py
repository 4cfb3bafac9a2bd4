"""What is kept of results for years, and what people note beside them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from driftline.engine.alert_actions import user
from driftline.engine.errors import ConfigError
from driftline.engine.place import Tables
from driftline.engine.project import Duration, Project
from driftline.engine.results import arrow_rows, naive_utc, utc_now
from driftline.engine.run import republished
from driftline.engine.selection import choose_monitors
from driftline.engine.store import store_of
from driftline.engine.windows import add

Row = dict[str, Any]

# What goes with a monitor's windows, and what of each is older. The newest window stays.
_OF_WINDOWS: Final = ("metrics", "histograms", "profiles", "_grounds", "_counted")
_OF_TIMES: Final = (
    ("alerts", "closed_at < $before"),
    ("_told", "window_end < $before"),
    ("_slots", "finished_at is not null and slot < $before"),
    ("_outbox", "created_at < $before and (sent_at is not null or next_attempt_at is null)"),
    ("_mutes", "muted_until < $before"),
    ("_notes", "noted_for < $before"),
    ("_decisions", "window_end < $before"),
)


def prune(
    project: Project,
    keep: Duration,
    monitors: Sequence[str] | None = None,
    *,
    dry_run: bool = False,
    now: datetime | None = None,
) -> list[Row]:
    """Delete what is older than one wants to keep, all or nothing.

    Of each monitor the newest window stays, and what is said of it; so do incidents that are open,
    messages that wait, and baselines.

    Args:
        project: The project.
        keep: How long before now windows may end that stay.
        monitors: Names; None is all.
        dry_run: Whether to count alone.
        now: An aware datetime; None reads the clock.

    Returns:
        monitor, table, row_count: rows that went; a row a monitor and table that lost any.

    Raises:
        ConfigError: For an unknown monitor.
        StoreError: When there are no results, or they cannot be written.
    """
    moment = now or datetime.now(UTC)
    store = store_of(project)
    found: list[Row] = []
    with store.reading() if dry_run else store.changing() as tables:
        there = tables.named("table")
        for monitor in choose_monitors(project, monitors):
            oldest = naive_utc(add(moment, keep, monitor.time_zone, -1))
            newest = _newest(tables, monitor.name)
            before = oldest if newest is None else min(oldest, newest)
            of = {"monitor": monitor.name, "before": before}
            run = "select run_id from runs where monitor = $monitor and requested_at < $before"
            spared = "select run_id from metrics where monitor = $monitor and window_end >= $before"
            parts = [
                *((name, "monitor = $monitor and window_end < $before") for name in _OF_WINDOWS),
                *((name, f"monitor = $monitor and {older}") for name, older in _OF_TIMES),
                # of runs whose rows all went
                ("statements", f"run_id in ({run}) and run_id not in ({spared})"),
                (
                    "runs",
                    f"monitor = $monitor and requested_at < $before and run_id not in ({spared})",
                ),
            ]
            for name, where in parts:
                if name not in there:
                    continue
                (row,) = tables.fetch(
                    f"select count(*) as n from {name} where {where}", of
                ).to_pylist()
                if row["n"]:
                    found.append({"monitor": monitor.name, "table": name, "row_count": row["n"]})
                    if not dry_run:
                        tables.execute(f"delete from {name} where {where}", of)
    if found and not dry_run:
        republished(project)
    return found


def _newest(tables: Tables, monitor: str) -> datetime | None:
    """The end of a monitor's newest window, naive UTC."""
    (row,) = tables.fetch(
        "select max(window_end) as newest from metrics where monitor = $monitor",
        {"monitor": monitor},
    ).to_pylist()
    found: datetime | None = row["newest"]
    return found


def write_note(
    project: Project,
    monitor: str,
    text: str,
    *,
    at: datetime,
    by: str | None = None,
    now: datetime | None = None,
) -> Row:
    """Note something of a moment of a monitor: a new model, a campaign, a broken pipeline.

    Args:
        project: The project.
        monitor: Name of the monitor.
        text: What there is to know.
        at: The moment, aware.
        by: Who; None is the user of the system.
        now: Naive UTC; None reads the clock.

    Returns:
        The row of `_notes`. The same text of the same moment is the same note.

    Raises:
        ConfigError: For an unknown monitor, or no text.
        StoreError: When the results cannot be written.
    """
    choose_monitors(project, [monitor])
    if not text.strip():
        raise ConfigError("the note says nothing", hint='driftline note MONITOR "what happened"')
    moment = naive_utc(at)
    told = "\x1f".join((monitor, moment.isoformat(), text))
    row = {
        "note_id": hashlib.sha256(told.encode()).hexdigest()[:32],
        "monitor": monitor,
        "noted_for": moment,
        "note": text,
        "noted_at": now or utc_now(),
        "noted_by": by or user(),
    }
    with store_of(project).writing() as tables:
        tables.put("_notes", arrow_rows("_notes", [row]))
    return row


def list_notes(project: Project) -> list[Row]:
    """Notes of the project's monitors, the newest moment first; none where there are no results."""
    names = [monitor.name for monitor in project.monitors]
    with store_of(project).if_any() as tables:
        if tables is None or "_notes" not in tables.named("table"):
            return []
        found = tables.fetch(
            "select * from _notes where monitor in $names"
            " order by noted_for desc, monitor, note_id",
            {"names": names},
        )
    return list(found.to_pylist())
