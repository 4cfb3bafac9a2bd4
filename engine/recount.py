"""Count the rows of windows of production once more, and nothing else of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC

from driftline.engine.plan import Plan, ScanWindow
from driftline.engine.render import renderer_of
from driftline.engine.stored import Window
from driftline.engine.warehouses.base import Ledger, Warehouse


def rows_of(
    plan: Plan, windows: Iterable[Window], warehouse: Warehouse, ledger: Ledger, *, tag: str
) -> dict[Window, int]:
    """Rows of production by window, in one statement that reads no column but the clock.

    Args:
        plan: A plan of the monitor; its own window does not matter.
        windows: Starts and ends, naive UTC; they may overlap.
        warehouse: The session.
        ledger: Grows by the statement.
        tag: As for `Renderer`.

    Raises:
        StatementError: When the rows cannot be counted.
    """
    ordered = sorted({*windows})
    asked = tuple(
        ScanWindow(number, start.replace(tzinfo=UTC), end.replace(tzinfo=UTC))
        for number, (start, end) in enumerate(ordered)
    )
    bare = replace(
        plan,
        production=replace(plan.production, windows=asked, joined=(), beside=()),
        references=(),
        segmented=(),
        watched=(),
        aside=(),
        pairs=(),
        matches=(),
        attributions=(),
        custom=(),
        performance=None,
    )
    renderer = renderer_of(bare, warehouse, tag=tag, keeps_rows=False)
    told = ledger.fetch(warehouse, renderer.profile(())).to_pylist()
    return dict.fromkeys(ordered, 0) | {
        ordered[row["window_id"]]: int(row["row_count"]) for row in told
    }
