"""Count the windows that references consist of, and tell how they differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.engine.added import divided, placed, side_on
from driftline.engine.baseline import CountedWindow, Known, Numbers, dispersions_name
from driftline.engine.cells import Values, among
from driftline.engine.dispersion import Dispersion, OfScans, dispersion
from driftline.engine.errors import StatementError
from driftline.engine.features import Watched
from driftline.engine.grid import Grid
from driftline.engine.joint import Axis, together
from driftline.engine.number_rows import split
from driftline.engine.plan import Plan, Scan
from driftline.engine.render import Renderer
from driftline.engine.warehouses.base import Statement

if TYPE_CHECKING:
    import pyarrow as pa

# Whether what is told is of the bins of a feature, or of whether it has a value.
OF_BINS: Final = False
OF_NULLS: Final = True


def scatter(
    plan: Plan,
    renderer: Renderer,
    fetch: Callable[[Statement], pa.Table],
    known: Known,
    axes: Mapping[int, Axis],
    grids: Mapping[int, Grid],
) -> tuple[OfScans, dict[int, str]]:
    """How windows of each reference differ, by what is kept of it or one statement.

    Of windows that were counted before only single values are read, where edges of bins lie in cells.

    Args:
        plan: The plan.
        renderer: Its statements.
        fetch: Sends one.
        known: What need not be read.
        axes: Bins of features, by id; of others nothing is told. A feature whose windows cannot be
            counted has rows that are taken for independent.
        grids: Grids of number columns, by id.

    Returns:
        What is told; and what that of a reference is kept under, by its scan.
    """
    found: dict[tuple[int, str, bool], Dispersion] = {}
    names: dict[int, str] = {}
    for scan in plan.references:
        items = [item for item in watched_in(plan, scan) if item.id in axes]
        if not items:
            continue
        name = dispersions_name(scan, [(item, axes[item.id]) for item in items])
        names[scan.id] = name
        held = known.dispersions.get((scan.id, name))
        if held is None:
            windows = known.windows.get(scan.id, ())
            wanted = _divided(windows, items, axes, grids)
            for batch in together(wanted, axes):
                some = {item: wanted[item] for item in batch}
                windows = _finer(scan, windows, some, renderer, fetch, grids)
            held, unknown = _added(windows, items, axes)
            for batch in together(unknown, axes):
                held |= _counted(scan, batch, axes, renderer, fetch)
        found |= {(scan.id, feature, kind): told for (feature, kind), told in held.items()}
    return found, names


def watched_in(plan: Plan, scan: Scan) -> Iterator[Watched]:
    """Features that a reference has in its own table, where it has windows that tell how they differ."""
    for item in plan.measured if scan.control else ():
        column = plan.column(scan, item)
        if item.route != "count" and column is not None and column.join is None:
            yield item


def _counted(
    scan: Scan,
    items: Sequence[Watched],
    axes: Mapping[int, Axis],
    renderer: Renderer,
    fetch: Callable[[Statement], pa.Table],
) -> dict[tuple[str, bool], Dispersion]:
    """What windows say of some features; when they cannot be counted, of their halves."""
    try:
        part = fetch(renderer.dispersion(scan, items, axes))
    except StatementError:
        half = len(items) // 2
        if not half:
            return {}
        halves = (items[:half], items[half:])
        first, second = (_counted(scan, some, axes, renderer, fetch) for some in halves)
        return first | second
    windows = part.sort_by("window_id").to_pylist()
    rows = [[n for name, n in row.items() if name.startswith("count_")] for row in windows]
    found: dict[tuple[str, bool], Dispersion] = {}
    start = 1
    for item in items:
        end = start + axes[item.id].counts
        counted = [(row[0], row[start:end]) for row in rows]
        found |= _told(item, axes[item.id], counted)
        start = end
    return found


def _divided(
    windows: Sequence[CountedWindow],
    items: Sequence[Watched],
    axes: Mapping[int, Axis],
    grids: Mapping[int, Grid],
) -> dict[Watched, list[int]]:
    """The cells of counted windows that edges lie in, of number columns on the grids of the run."""
    found: dict[Watched, list[int]] = {}
    if not windows:
        return found
    shift = _coarsest(windows)
    for item in items:
        axis, grid = axes[item.id], grids.get(item.id)
        if axis.values is not None or grid is None or not grid.width:
            continue
        sides = [side_on(each.columns.get(item.id), grid, shift) for each in windows]
        bins = {b for side in sides if side is not None for b in divided(side, axis)}
        if bins and None not in sides:
            found[item] = sorted(bins)
    return found


def _coarsest(windows: Sequence[CountedWindow]) -> int:
    """How often fine bins of windows are joined by two, at most."""
    numbers = (column.numbers for each in windows for column in each.columns.values())
    return max((each.side.shift for each in numbers if each is not None), default=0)


def _finer(
    scan: Scan,
    windows: Sequence[CountedWindow],
    wanted: Mapping[Watched, Sequence[int]],
    renderer: Renderer,
    fetch: Callable[[Statement], pa.Table],
    grids: Mapping[int, Grid],
) -> Sequence[CountedWindow]:
    """Counted windows with single values in place of some cells; as they were where these cannot be read."""
    shift = _coarsest(windows)
    bins = {item.id: each for item, each in wanted.items()}
    try:
        part = fetch(renderer.apart(scan, [*wanted], grids, shift, bins))
    except StatementError:
        return windows
    values = {
        (feature, key[1]): Values(rows["bin"], rows["value"], rows["n"])
        for feature, key, rows in split(part)
    }
    found = []
    for window, each in zip(scan.control, windows, strict=True):
        columns = dict(each.columns)
        for item in wanted:
            side = side_on(columns[item.id], grids[item.id], shift)
            assert side is not None
            new = np.setdiff1d(np.array(bins[item.id], np.int64), side.read)
            read = values.get((item.id, window.id), Values.none())
            kept = among(read.bin, new)
            read = Values(read.bin[kept], read.value[kept], read.n[kept])
            side = side.with_values(read, new)
            columns[item.id] = replace(
                columns[item.id], numbers=Numbers(grids[item.id], side, None)
            )
        found.append(replace(each, columns=columns))
    return found


def _added(
    windows: Sequence[CountedWindow], items: Sequence[Watched], axes: Mapping[int, Axis]
) -> tuple[dict[tuple[str, bool], Dispersion], list[Watched]]:
    """What windows that were counted before say of features, and the features they cannot tell of."""
    found: dict[tuple[str, bool], Dispersion] = {}
    unknown: list[Watched] = []
    for item in items:
        axis = axes[item.id]
        counted = [(each.rows, placed(each.columns.get(item.id), axis)) for each in windows]
        told = [(rows, counts) for rows, counts in counted if counts is not None]
        if not told or len(told) < len(counted):
            unknown.append(item)
        else:
            found |= _told(item, axis, told)
    return found, unknown


def _told(
    item: Watched, axis: Axis, windows: Sequence[tuple[int, Sequence[int]]]
) -> dict[tuple[str, bool], Dispersion]:
    """What windows say of a feature, of the rows of each and what was counted for its bins."""
    found: dict[tuple[str, bool], Dispersion] = {}
    cells, filled = [], []
    for rows, counted in windows:
        bins, few = axis.bins(counted)
        cells.append([*bins, few])
        filled.append([counted[0], rows - counted[0]])
    for kind, table in ((OF_BINS, cells), (OF_NULLS, filled)):
        ordered = kind == OF_BINS and axis.values is None
        told = dispersion(np.array(table, np.int64), ordered=ordered) if table else None
        if told is not None:
            found[item.name, kind] = told
    return found
