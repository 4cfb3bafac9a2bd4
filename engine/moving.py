"""References that move with the run, added up from windows of production that were counted before.

Every run keeps what its window's rows amount to, where a frozen reference is made of such windows.
A reference all of whose windows are kept, and have as many rows as they had then, is not read: their
counts are added. Any other one is read, whole.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain

from driftline.engine.added import added, crowds
from driftline.engine.baseline import (
    Column,
    CountedWindow,
    Known,
    column_key,
    packed,
    unpacked,
    windows_key,
)
from driftline.engine.plan import ALL, Plan, Scan
from driftline.engine.project import Monitor
from driftline.engine.results import naive_utc, utc_now
from driftline.engine.store import Store
from driftline.engine.stored import Window
from driftline.engine.windows import add, control_spans, reference_span

# Rows of production by window, start and end naive UTC; windows without rows may be left out.
Count = Callable[[Sequence[Window]], Mapping[Window, int]]


@dataclass
class Moving:
    """The windows of production that are kept counted, of one monitor's run.

    Attributes:
        store: The results; None keeps nothing.
        rows: Rows of each.
        columns: What is known of columns, of those that were read.
    """

    store: Store | None = None
    rows: dict[Window, int] = field(default_factory=dict)
    columns: dict[Window, Mapping[str, Column]] = field(default_factory=dict)

    @classmethod
    def of(cls, monitor: Monitor, store: Store | None) -> Moving:
        """What is kept of a monitor; nothing where none of its references is made of windows."""
        if store is None or not monitor.made_of_windows:
            return cls()
        return cls(store, store.counted_windows(monitor.name, windows_key(monitor.production)))


def add_up(plan: Plan, moving: Moving, count: Count, known: Known) -> tuple[str, ...]:
    """Find out what a plan need not read of references that are made of windows kept before.

    Args:
        plan: The plan.
        moving: What is kept.
        count: Counts rows of windows as they are now.
        known: Grows by what references and each of their windows amount to, and by the grids that
            windows were counted on.

    Returns:
        A sentence for each reference whose windows have changed: it is read anew.
    """
    if moving.store is None or not plan.keeps_window:
        return ()
    made = _made_of(plan, moving.rows)
    telling = [scan for scan in plan.references if scan.reference in made]
    beside = {each for scan in telling for each in _control(scan) if each in moving.rows}
    every = sorted({*chain.from_iterable(made.values()), *beside})
    newest = sorted(moving.rows, key=lambda each: each[1])[-1:]
    _read(plan, moving, {*every, *newest})
    now = count(every) if every else {}
    same = {each for each in every if now.get(each, 0) == moving.rows[each]}
    read_anew = []
    for scan in telling:
        windows = made[scan.reference]
        changed = [each for each in windows if each not in same]
        if changed:
            read_anew.append(_changed(plan.monitor, scan, changed, now, moving.rows))
            continue
        parts = [moving.columns[each] for each in windows]
        names = dict.fromkeys(name for part in parts for name in part)
        columns = {name: added([part.get(name) for part in parts]) for name in names}
        known.learn(plan, scan, sum(moving.rows[each] for each in windows), columns)
        if same >= {*_control(scan)}:
            known.windows[scan.id] = [_counted(plan, moving, each) for each in _control(scan)]
    for window in newest:
        _lay_grids(plan, moving.columns[window], known)
    return tuple(read_anew)


def _made_of(plan: Plan, kept: Collection[Window]) -> dict[str, tuple[Window, ...]]:
    """The kept windows that references consist of, by name."""
    names = {each.name for each in plan.monitor.made_of_windows}
    found = {}
    for scan in plan.references:
        (window,) = scan.windows
        if scan.reference not in names or window.start is None or window.end is None:
            continue
        parts = window.parts or [(window.start, window.end)]
        spans = [(naive_utc(start), naive_utc(end)) for start, end in parts]
        tiled = [tiles(each, kept) for each in spans]
        if all(tiled):
            found[scan.reference] = (*chain.from_iterable(tiled),)
    return found


def tiles(span: Window, kept: Collection[Window]) -> tuple[Window, ...]:
    """Windows that one after the other fill a span, the shortest that do first; none where none do.

    Args:
        span: Start and end.
        kept: Starts and ends of windows, which may overlap.
    """
    start, end = span
    before: dict[datetime, Window] = {}
    for each in sorted(kept):
        reached = each[0] == start or each[0] in before
        if each[0] >= start and each[1] <= end and reached and each[1] not in before:
            before[each[1]] = each
    found: list[Window] = []
    at = end
    while at in before:
        found.append(before[at])
        at = before[at][0]
    return tuple(reversed(found)) if found and at == start else ()


def _read(plan: Plan, moving: Moving, windows: Collection[Window]) -> None:
    """Read what is kept of the columns of windows, and let go of others: runs go forward in time."""
    assert moving.store is not None
    there = {each: moving.columns[each] for each in windows if each in moving.columns}
    lacking = [each for each in windows if each not in there]
    found = moving.store.counted_columns(plan.monitor.name, lacking)
    moving.columns = there | {
        window: {name: unpacked(content) for name, content in columns.items()}
        for window, columns in found.items()
    }


def _lay_grids(plan: Plan, newest: Mapping[str, Column], known: Known) -> None:
    """Say on which grids the newest window was counted, so that those to come add up with it.

    Where rows crowd on one by now, nothing is known of the column: its grid is placed anew.
    """
    primary = plan.primary.id
    for item in plan.read:
        column = newest.get(item.name)
        if column is None or column.key != column_key(plan, plan.production, item):
            continue
        if crowds(known.columns.get((primary, item.id), column)):
            for scan in plan.references:
                known.columns.pop((scan.id, item.id), None)
        elif column.numbers is not None and column.numbers.grid is not None:
            known.grids[item.id] = column.numbers.grid


def _control(scan: Scan) -> list[Window]:
    """The windows that tell how those of a reference differ."""
    return [
        (naive_utc(window.start), naive_utc(window.end))
        for window in scan.control
        if window.start is not None and window.end is not None
    ]


def _counted(plan: Plan, moving: Moving, window: Window) -> CountedWindow:
    """What a plan can know of a window."""
    columns = moving.columns[window]
    return CountedWindow(
        moving.rows[window],
        {item.id: columns[item.name] for item in plan.read if item.name in columns},
    )


def _changed(
    monitor: Monitor,
    scan: Scan,
    changed: Sequence[Window],
    now: Mapping[Window, int],
    then: Mapping[Window, int],
) -> str:
    first = changed[0]
    start, end = (f"{moment:%Y-%m-%d %H:%M}" for moment in first)
    more = f", and {len(changed) - 1} more have changed" if len(changed) > 1 else ""
    hint = "" if monitor.catch_up.reprocess else "; `reprocess: P3D` measures late rows again"
    return (
        f"the window from {start} to {end} UTC has {now.get(first, 0)} rows, {then[first]} when it was"
        f" measured{more}: reference {scan.reference} is read anew{hint}"
    )


def keep(plan: Plan, moving: Moving, rows: int, columns: Mapping[str, Column]) -> None:
    """Keep what a window of production amounts to: a reference will be made of it.

    Args:
        plan: A plan that keeps its window.
        moving: What is kept.
        rows: Rows of the window.
        columns: What was counted of its columns, by feature.

    Raises:
        StoreError: When it cannot be stored.
    """
    monitor, store = plan.monitor, moving.store
    assert store is not None
    ours = naive_utc(plan.window_start), naive_utc(plan.window_end)
    head = {
        "monitor": monitor.name,
        "window_start": ours[0],
        "window_end": ours[1],
        "rows_key": windows_key(monitor.production),
        "row_count": rows,
        "counted_at": utc_now(),
    }
    each_column = (
        {**head, "feature": name, "counted": packed(column)} for name, column in columns.items()
    )
    oldest = _oldest(plan, ours)
    store.save_window(chain([{**head, "feature": ALL, "counted": None}], each_column), oldest)
    # of the same rows what was known before stays: a run may look at some columns alone
    known = moving.columns.get(ours, {}) if moving.rows.get(ours) == rows else {}
    moving.columns[ours] = {**known, **columns}
    moving.rows = {each: n for each, n in moving.rows.items() if each[1] > oldest} | {ours: rows}


def _oldest(plan: Plan, ours: Window) -> datetime:
    """What ended before is part of no reference of a window that may be measured again."""
    monitor, at = plan.monitor, plan.at
    starts = [ours[0]]
    if monitor.catch_up.reprocess is not None:
        at = add(at, monitor.catch_up.reprocess, monitor.time_zone, -1)
    for each in monitor.made_of_windows:
        span = reference_span(monitor, each, at, plan.delay)
        if span is not None and span.start is not None:
            control = control_spans(monitor, each, span)
            starts += [naive_utc(start) for start, _ in ((span.start, span.end), *control)]
    return min(starts)
