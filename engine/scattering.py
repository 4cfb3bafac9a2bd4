"""Count the windows that references consist of, and tell how they differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.engine.baseline import Known, dispersions_name
from driftline.engine.dispersion import Dispersion, OfScans, dispersion
from driftline.engine.errors import StatementError
from driftline.engine.features import Watched, match_column
from driftline.engine.joint import Axis, together
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
) -> tuple[OfScans, dict[int, str]]:
    """How windows of each reference differ, by what is kept of it or one statement.

    Args:
        plan: The plan.
        renderer: Its statements.
        fetch: Sends one.
        known: What need not be read.
        axes: Bins of features, by id; of others nothing is told. A feature whose windows cannot be
            counted has rows that are taken for independent.

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
            held = {}
            for batch in together(items, axes):
                held |= _counted(scan, batch, axes, renderer, fetch)
        found |= {(scan.id, feature, kind): told for (feature, kind), told in held.items()}
    return found, names


def watched_in(plan: Plan, scan: Scan) -> Iterator[Watched]:
    """Features that a reference has in its own table, where it has windows that tell how they differ."""
    for item in plan.measured if scan.control else ():
        column = item.reference
        if scan.id != plan.primary.id:
            column = match_column(item.name, scan.columns, where=f"reference {scan.reference}")
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
        axis = axes[item.id]
        end = start + axis.counts
        cells, filled = [], []
        for counted in rows:
            bins, few = axis.bins(counted[start:end])
            cells.append([*bins, few])
            filled.append([counted[start], counted[0] - counted[start]])
        for kind, table in ((OF_BINS, cells), (OF_NULLS, filled)):
            ordered = kind == OF_BINS and axis.values is None
            told = dispersion(np.array(table, np.int64), ordered=ordered) if table else None
            if told is not None:
                found[item.name, kind] = told
        start = end
    return found
