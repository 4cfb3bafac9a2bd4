"""About how many rows a run would read, asked before it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from driftline.engine.errors import DriftlineError
from driftline.engine.planning import references_needed
from driftline.engine.project import Monitor, Source
from driftline.engine.selection import Selection
from driftline.engine.warehouses.base import Warehouse


@dataclass(frozen=True)
class Estimate:
    """What one table of a monitor holds.

    Attributes:
        monitor: The monitor's name.
        side: `production`, `reference NAME` or `join NAME`.
        source: The table, as the project file has it.
        rows: About how many; None where nobody can tell.
        part: Whether a window reads a part of them.
    """

    monitor: str
    side: str
    source: str
    rows: int | None
    part: bool


def estimate(
    monitors: Sequence[Monitor], selection: Selection, warehouse: Warehouse
) -> tuple[Estimate, ...]:
    """About how many rows the tables of monitors hold; no table is scanned for it.

    Args:
        monitors: The monitors.
        selection: As for a run.
        warehouse: Where their tables are.
    """
    found = []
    for monitor in monitors:
        production = monitor.production
        sides: list[tuple[str, Source, bool]] = [
            ("production", production.source, production.window is not None)
        ]
        needed = references_needed(monitor, selection)
        sides += [
            (f"reference {each.name}", each.source, each.window is not None)
            for each in monitor.references
            if each.name in needed
        ]
        sides += [(f"join {each.name}", each.source, False) for each in monitor.joins]
        found += [
            Estimate(monitor.name, side, _written(source), _rows(source, warehouse), part)
            for side, source, part in sides
        ]
    return tuple(found)


def _written(source: Source) -> str:
    return "its query" if source.query else source.written


def _rows(source: Source, warehouse: Warehouse) -> int | None:
    try:
        rows = warehouse.estimated_rows(source)
        if rows is None and warehouse.keeps_bounds and not source.query:
            # what knows the bounds of columns knows how many rows it has
            counted = f"select count(*) as n from {warehouse.relation(source)}"
            (rows,) = warehouse.fetch(counted)["n"].to_pylist()
    except DriftlineError:
        return None
    return rows
