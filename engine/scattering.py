"""Count the windows that references consist of, and tell how they differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.engine.added import divided, placed, side_on, up_to
from driftline.engine.baseline import CountedWindow, Known, dispersions_name
from driftline.engine.cells import Side, Values
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
            sides = _on_grids(windows, items, grids)
            for batch in together(sides, axes):
                sides |= _finer(scan, {i: sides[i] for i in batch}, axes, grids, renderer, fetch)
            held, unknown = _added(windows, items, axes, sides)
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


# The cells of each counted window, by number column.
Apart = dict[Watched, list[Side]]


def _on_grids(
    windows: Sequence[CountedWindow], items: Sequence[Watched], grids: Mapping[int, Grid]
) -> Apart:
    """Cells of counted windows, joined alike, of number columns that lie on the grids of the run."""
    numbers = [column.numbers for each in windows for column in each.columns.values()]
    shift = max((each.side.shift for each in numbers if each is not None), default=0)
    found: Apart = {}
    for item in items:
        grid = grids.get(item.id)
        if grid is not None and grid.width:
            sides = [side_on(each.columns.get(item.id), grid, shift) for each in windows]
            told = [side for side in sides if side is not None]
            if told and len(told) == len(sides):
                found[item] = told
    return found


def _finer(
    scan: Scan,
    sides: Apart,
    axes: Mapping[int, Axis],
    grids: Mapping[int, Grid],
    renderer: Renderer,
    fetch: Callable[[Statement], pa.Table],
) -> Apart:
    """The same with single values where edges of bins lie in cells; nothing where these cannot be read."""
    bins = {
        item.id: sorted({b for side in told for b in divided(side, axes[item.id])})
        for item, told in sides.items()
    }
    asked = [item for item in sides if bins[item.id]]
    if not asked:
        return {}
    shift = sides[asked[0]][0].shift
    try:
        part = fetch(renderer.apart(scan, asked, grids, shift, bins))
    except StatementError:
        return {}
    values = {
        (feature, key[1]): Values(rows["bin"], rows["value"], rows["n"])
        for feature, key, rows in split(part)
    }
    return {
        item: [
            side.with_values(
                values.get((item.id, window.id), Values.none()), np.array(bins[item.id], np.int64)
            )
            for window, side in zip(scan.control, sides[item], strict=True)
        ]
        for item in asked
    }


def _added(
    windows: Sequence[CountedWindow],
    items: Sequence[Watched],
    axes: Mapping[int, Axis],
    sides: Apart,
) -> tuple[dict[tuple[str, bool], Dispersion], list[Watched]]:
    """What windows that were counted before say of features, and the features they cannot tell of."""
    found: dict[tuple[str, bool], Dispersion] = {}
    unknown: list[Watched] = []
    for item in items:
        axis = axes[item.id]
        counted = (
            [up_to(side, axis) for side in sides[item]]
            if item in sides and axis.values is None
            else [placed(each.columns.get(item.id), axis) for each in windows]
        )
        told = [(each.rows, n) for each, n in zip(windows, counted, strict=True) if n is not None]
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
