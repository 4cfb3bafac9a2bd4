"""Many past windows of a monitor in one pass; those that are stored and up to date are left alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from driftline.engine.check import judged_again, replace_verdicts
from driftline.engine.journal import Part, measure_hash
from driftline.engine.outcome import MonitorRun, RunResult
from driftline.engine.plan import ALL
from driftline.engine.project import Duration, Monitor, Project
from driftline.engine.rows import Row
from driftline.engine.run import (
    Progress,
    Tools,
    each_monitor,
    guarded,
    journal_of,
    kept,
    measured,
    past_of,
)
from driftline.engine.schema import config_hash
from driftline.engine.selection import choose_monitors
from driftline.engine.store import Store
from driftline.engine.stored import Known
from driftline.engine.warehouses.base import Warehouse
from driftline.engine.windows import (
    backfill_moments,
    production_span,
    resolve_at,
    stored_bounds,
)


def backfill_project(
    project: Project,
    *,
    start: str | datetime,
    end: str | datetime,
    every: Duration | None = None,
    monitors: Sequence[str] | None = None,
    warehouse: Warehouse | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> RunResult:
    """Compute the windows [s, s + size) of monitors for s = start, start + every, … up to `end`.

    Each is what a run at s + size + offset computes; all of a monitor are one transaction. Windows
    that are stored, of the same numbers, against the same reference and with all their labels, are
    not measured again: their rows are judged again where the project file has changed since.

    Args:
        project: The project.
        start: Start of the first window, in the monitor's time zone where it has none.
        end: No window ends after it.
        every: How far windows lie apart; None is the window's size.
        monitors: Names of the monitors; None is all.
        warehouse: An open session; None opens the project's connection.
        force: Whether windows are measured again that are stored and up to date.
        progress: Called with the monitor's name and a few words as each step begins.

    Raises:
        ConfigError: For an unknown monitor, one whose window does not move, an unreadable moment, or a
            time that holds no window.
    """
    chosen = choose_monitors(project, monitors)
    now = datetime.now(UTC)
    moments = {
        monitor.name: backfill_moments(
            monitor, resolve_at(monitor, start, now), resolve_at(monitor, end, now), every
        )
        for monitor in chosen
    }

    def one(monitor: Monitor, tools: Tools) -> MonitorRun | None:
        return _backfill(project, monitor, moments[monitor.name], tools, force=force)

    return each_monitor(project, chosen, one, warehouse, progress)


def _backfill(
    project: Project,
    monitor: Monitor,
    moments: Sequence[datetime],
    tools: Tools,
    *,
    force: bool,
) -> MonitorRun | None:
    # windows of long ago are history: nobody is called up for them
    log = journal_of(project, monitor, moments[-1], tools, tells=False)
    store = tools.store
    assert store is not None

    def work() -> MonitorRun:
        past = past_of(monitor, store)
        known = {} if force else _known(store, monitor, moments)
        # one window is measured in any case: it tells what the references are today
        first = [at for at in moments if at not in known] or [moments[-1]]
        parts = measured(log, first, tools, past)
        ids = _reference_ids(parts)
        stale = [
            at
            for at, windows in known.items()
            if at not in first and not all(_agrees(each, ids, monitor) for each in windows)
        ]
        if stale:
            parts += measured(log, stale, tools, past)
        fresh = {(row["window_start"], row["window_end"]) for p in parts for row in p.metrics}
        windows = {
            each.window: each for of in known.values() for each in of if each.window not in fresh
        }
        result = kept(log, parts, tools)
        again = _judged_again(store, monitor, windows.values())
        return replace(result, metrics=(*again, *result.metrics), known_windows=len(windows))

    return guarded(log, store, work)


def _known(
    store: Store, monitor: Monitor, moments: Iterable[datetime]
) -> dict[datetime, list[Known]]:
    """Moments all of whose windows were measured as they would be today."""
    stored = store.known(monitor.name, measure_hash(monitor))
    awaiting = store.awaiting_labels(monitor.name) if monitor.performance_signals else frozenset()
    delays = {join.delay for join in monitor.joins if join.delay} | {None}
    found: dict[datetime, list[Known]] = {}
    for at in moments:
        wanted = {stored_bounds(production_span(monitor, at, delay), at) for delay in delays}
        there = [stored[window] for window in wanted if window in stored]
        # labels that were missing may have arrived since
        if len(there) == len(wanted) and awaiting.isdisjoint(wanted):
            found[at] = there
    return found


def _reference_ids(parts: Iterable[Part]) -> dict[str, str]:
    """What each reference is today."""
    return {
        row["reference"]: row["reference_id"]
        for part in parts
        for row in part.metrics
        if row["reference"] != ALL
    }


def _agrees(known: Known, ids: Mapping[str, str], monitor: Monitor) -> bool:
    """Whether a window was compared with the references of today; those that move are told by name."""
    moving = {r.name for r in monitor.references if r.moves}
    return all(
        name in moving or ids.get(name, reference_id) == reference_id
        for name, reference_id in known.reference_ids
    )


def _judged_again(store: Store, monitor: Monitor, windows: Iterable[Known]) -> list[Row]:
    """Rows of windows that were not measured, by the thresholds of today."""
    rows: list[Row] = []
    changed: list[Row] = []
    for each in windows:
        if each.config_hash == config_hash(monitor):
            rows += store.judged(monitor.name, each.window)
            continue
        told, differing = judged_again(store, monitor, each.window)
        rows += told.metrics
        changed += differing
    if changed:
        replace_verdicts(store, [monitor], changed)
    return rows
