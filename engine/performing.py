"""Read what a plan asks of predictions and what happened, and land it in the workbench."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from driftline.engine.errors import StatementError
from driftline.engine.estimating import parts_of
from driftline.engine.outcome_sql import NOTHING, OutcomeRenderer, Scale
from driftline.engine.outcomes import Counted, Key, Row, relation_rows
from driftline.engine.performance import Performance
from driftline.engine.plan import ALL
from driftline.engine.relations import schema_of
from driftline.engine.render import Renderer
from driftline.engine.warehouses.base import Statement
from driftline.engine.workbench import Workbench

if TYPE_CHECKING:
    import pyarrow as pa

Fetch = Callable[[Statement], "pa.Table"]


def perform(renderer: Renderer, bench: Workbench, fetch: Fetch, unusable: str | None) -> Counted:
    """Land the relations of model performance; empty ones where nothing asks for them.

    Args:
        renderer: Of the plan.
        bench: Takes the relations.
        fetch: Sends a statement.
        unusable: Why what a join brings must not be read; None where it may be.

    Returns:
        What was counted, and what could not be.
    """
    import pyarrow as pa

    plan = renderer.plan
    counted = Counted()
    if plan.performance is not None and unusable is None:
        _Reading(OutcomeRenderer(renderer), fetch, counted).run(plan.performance)
    elif plan.performance is not None:
        counted.failed |= dict.fromkeys(plan.performance.relations, unusable or "")
    for name, rows in relation_rows(plan, counted).items():
        bench.land(name, pa.Table.from_pylist(rows, schema=schema_of(name)))
    for name in ("class_counts", "forecast_counts"):
        bench.derive(name)
    return counted


class _Reading:
    def __init__(self, statements: OutcomeRenderer, fetch: Fetch, counted: Counted) -> None:
        self.statements = statements
        self.fetch = fetch
        self.counted = counted

    def run(self, performance: Performance) -> None:
        if performance.task == "regression":
            self._try(self._errors, "errors", "labels")
            return
        self._try(self._confusion, "confusion", "class_counts", "labels")
        if "reliability" in performance.relations:
            self._try(self._reliability, "reliability")
        if "ranks" in performance.relations or self.statements.estimates_area:
            self._try(self._ranks, "ranks", "forecast_parts")
        if performance.estimates and not self.counted.failed:
            relations = ("forecast", "forecast_counts", "forecast_ends", "forecast_parts")
            self._try(self._calibration, *relations)

    def _calibration(self) -> None:
        """Cut scores where each reference says, and count rows by what was predicted."""
        rows: dict[int, int] = {}
        for (scan, _, segment), cells in self.counted.confusion.items():
            labelled = sum(cell["n"] for cell in cells if cell["actual"] is not None)
            if scan in self.statements.references and segment == ALL:
                rows[scan] = labelled
        parts = {scan: parts_of(n) for scan, n in rows.items() if n}
        edges: dict[int, tuple[float, ...]] = dict.fromkeys(parts, ())
        if any(number > 1 for number in parts.values()):
            for row in self.fetch(self.statements.score_edges(parts)).to_pylist():
                if row["segment"] == ALL:
                    found = {row[f"edge_{k}"] for k in range(parts[row["scan"]] - 1)}
                    edges[row["scan"]] = tuple(sorted(found))
        if not edges:
            return
        for row in self.fetch(self.statements.calibration(edges)).to_pylist():
            key = row["scan"], row["cut_by"], row["window_id"], row["segment"]
            self.counted.calibration.setdefault(key, []).append(row)

    def _confusion(self) -> None:
        self._group(self.statements.confusion(), self.counted.confusion)

    def _reliability(self) -> None:
        self._group(self.statements.reliability(), self.counted.reliability)

    def _ranks(self) -> None:
        self._group(self.statements.ranks(), self.counted.ranks)

    def _group(self, statement: Statement, found: dict[Key, list[Row]]) -> None:
        for row in self.fetch(statement).to_pylist():
            key = row["scan"], row["window_id"], row["segment"]
            found.setdefault(key, []).append(row)

    def _try(self, read: Callable[[], None], *relations: str) -> None:
        """Read a relation; note what the warehouse says where it cannot be read."""
        try:
            read()
        except StatementError as error:
            self.counted.failed |= dict.fromkeys(relations, error.message)

    def _errors(self) -> None:
        for row in self.fetch(self.statements.error_bounds()).to_pylist():
            pairs = [(row[f"low_{k}"], row[f"high_{k}"]) for k in range(4)]
            bounds = [NOTHING if low is None else (low, high) for low, high in pairs]
            self.counted.scales[row["scan"]] = Scale.of(*bounds)
        for row in self.fetch(self.statements.errors(self.counted.scales)).to_pylist():
            self.counted.errors[row["scan"], row["window_id"], row["segment"]] = row
