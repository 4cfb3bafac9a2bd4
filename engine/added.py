"""What windows amount to together: counted columns added up, and put into bins. Pure.

Cells on one grid, single values, categories and counts add; distinct values do not. Nothing is lost:
a bin of several windows holds what each of them has in it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Final, Literal

import numpy as np

from driftline.engine.baseline import Column, Numbers, regridded
from driftline.engine.cells import Cells, Side
from driftline.engine.grid import SHARES, Grid, is_crowded
from driftline.engine.joint import Axis

ADDITIVE: Final = ("filled", "fitting", "zeros", "empty_texts")
# A double is a whole number, and spelled as one, up to here.
_LARGEST_WHOLE: Final = 1e38


def added(windows: Sequence[Column | None]) -> Column | None:
    """One column of several windows, in order; None where they were not counted alike.

    Counts that do not add are left out, and so are numbers that lie on different grids, and categories
    that were not all named.
    """
    first, *others = windows
    if first is None or any(each is None or each.key != first.key for each in others):
        return None
    columns = [each for each in windows if each is not None]
    counts = {
        name: sum(each.counts[name] for each in columns)
        for name in ADDITIVE
        if all(name in each.counts for each in columns)
    }
    return Column(first.key, counts, _numbers(columns), _categories(columns))


def _categories(
    columns: Sequence[Column],
) -> tuple[tuple[str | None, str | None, int], ...] | None:
    rows: Counter[tuple[str | None, str | None]] = Counter()
    for each in columns:
        if each.categories is None:
            return None
        for value, fault, n in each.categories:
            rows[value, fault] += n
    return tuple(sorted(((*name, n) for name, n in rows.items()), key=repr))


def _numbers(columns: Sequence[Column]) -> Numbers | None:
    numbers = [each.numbers for each in columns if each.numbers is not None]
    # the windows that have any decide how; of a column without numbers, all
    filled = [each for each in numbers if len(each.side.n)] or numbers
    if len(numbers) < len(columns):
        return None
    codes: Counter[int] = Counter()
    for each in numbers:
        codes.update(each.side.codes)
    # the newest decides: others are moved onto it where they can be
    grid = filled[-1].grid
    sides = [regridded(each, grid) for each in filled]
    told = [side for side in sides if side is not None]
    if len(told) < len(sides):
        return None
    if grid is None:
        value, place = np.unique(np.concatenate([s.low for s in told]), return_inverse=True)
        n = _summed(place, len(value), [s.n for s in told])
        return Numbers(None, Side.of_values(codes, value, n, told[-1].centre), None)
    shift = max(side.shift for side in told)
    told = [side.at(shift) for side in told]
    bins, place = np.unique(np.concatenate([s.bin for s in told]), return_inverse=True)
    low, high = np.full(len(bins), math.inf), np.full(len(bins), -math.inf)
    np.minimum.at(low, place, np.concatenate([s.low for s in told]))
    np.maximum.at(high, place, np.concatenate([s.high for s in told]))
    n, total, squares = (
        _summed(place, len(bins), [getattr(s, name) for s in told])
        for name in ("n", "total", "squares")
    )
    side = Side(codes, shift, bins, low, high, n, total, squares, told[-1].centre)
    return Numbers(grid, side, (float(low[0]), float(high[-1])))


def _summed(place: np.ndarray, length: int, parts: Sequence[np.ndarray]) -> np.ndarray:
    found = np.zeros(length, parts[0].dtype)
    np.add.at(found, place, np.concatenate(parts))
    return found


def crowds(column: Column) -> bool:
    """Whether rows have gathered in few bins of a grid that was placed for others."""
    numbers = column.numbers
    if numbers is None or numbers.grid is None or not len(numbers.side.n):
        return False
    side = numbers.side
    up_to = np.cumsum(side.n)
    wanted = np.array(SHARES) * up_to[-1]
    at = np.searchsorted(up_to, wanted)
    # within a cell as if rows were even: where all are in one, nothing else would tell
    within = (wanted - up_to[at] + side.n[at]) / side.n[at]
    marks = side.low[at] + within * (side.high[at] - side.low[at])
    return is_crowded(numbers.grid, [float(side.low[0]), *marks.tolist(), float(side.high[-1])])


def placed(column: Column | None, axis: Axis) -> list[int] | None:
    """What is counted of a column for its bins, as `Axis.bins` takes it; None where cells cannot tell.

    Args:
        column: What is known of it.
        axis: The bins.
    """
    if column is None:
        return None
    if axis.values is None:
        return None if column.numbers is None else up_to(column.numbers.side, axis)
    rows = _labelled(column)
    if rows is None:
        return None
    named = [rows[value] for value in axis.values]
    kept = [] if axis.values == axis.kept else [sum(rows[value] for value in axis.kept)]
    return [sum(rows.values()), *kept, *named]


def side_on(column: Column | None, grid: Grid, shift: int) -> Side | None:
    """The cells of a column on a grid, joined so often or more; None where they lie on another one."""
    if column is None or column.numbers is None or column.numbers.grid is None:
        return None
    side = regridded(column.numbers, grid)
    return None if side is None else side.at(shift)


def divided(side: Side, axis: Axis) -> list[int]:
    """The bins of cells that ends of an axis lie in: which rows are up to them, only values tell."""
    cells = side.cells()
    found = []
    for limit, holds in axis.limits:
        first, last = _ends(cells, limit, holds)
        found += cells.bin[first:last].tolist()
    return found


def _ends(cells: Cells, limit: object, holds: bool) -> tuple[int, int]:
    """How many cells lie up to an end as a whole, and how many at least in part."""
    where: Literal["left", "right"] = "right" if holds else "left"
    end = float(limit)  # type: ignore[arg-type]  # statements that nobody runs have others
    return int(np.searchsorted(cells.high, end, where)), int(np.searchsorted(cells.low, end, where))


def up_to(side: Side, axis: Axis) -> list[int] | None:
    """Rows with a number, and those up to the end of each bin; None where cells cannot tell."""
    cells = side.cells()
    rows = np.concatenate(([0], np.cumsum(cells.n)))
    found = [int(rows[-1]) + side.below_infinity + side.above_infinity]
    for limit, holds in axis.limits:
        first, last = _ends(cells, limit, holds)
        if first != last:
            return None
        found.append(int(rows[last]) + side.below_infinity)
    return found


def _labelled(column: Column) -> Counter[object] | None:
    """Rows of each value as a category is spelled."""
    rows: Counter[object] = Counter()
    if column.categories is not None:
        for value, _, n in column.categories:
            if value is not None:
                rows[value] += n
        return rows
    side = None if column.numbers is None else column.numbers.side
    if side is None or side.several.any() or side.below_infinity or side.above_infinity:
        return None
    for value, n in zip(side.low.tolist(), side.n.tolist(), strict=True):
        if not value.is_integer() or abs(value) >= _LARGEST_WHOLE:
            return None
        rows[str(int(value))] += n
    return rows
