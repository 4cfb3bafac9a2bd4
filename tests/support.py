"""Run the pipeline on two tables in memory, on every way it can take through the numbers."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import numpy as np
import pyarrow as pa
from rich.console import Console
from strategies import Pair, Table

from driftline.engine.catalog import METRICS
from driftline.engine.outcome import MonitorRun
from driftline.engine.project import (
    Attribution,
    Connection,
    FeatureSettings,
    MetricRule,
    Monitor,
    Production,
    Project,
    Reference,
    Results,
    Signal,
    Source,
    Threshold,
)
from driftline.engine.render import metric_sql
from driftline.engine.run import run_project
from driftline.engine.signal_models import UNASKED
from driftline.engine.warehouses.duckdb import DuckDB
from driftline.engine.workbench import Workbench

Row = dict[str, Any]

# `small` counts every value; `grid` is what large tables take; `coarse` is the grid with so few bins
# that nearly every one of them holds several values, as at millions of rows; `finer` counts those once
# more in finer ones, as at tens of millions.
PATHS: Final = ("small", "grid", "coarse", "finer")
AT: Final = "2026-01-01"


@dataclass(frozen=True)
class Scores:
    """What a run found, by feature and metric."""

    run: MonitorRun

    def __getitem__(self, key: tuple[str, str]) -> Row:
        """The metric row of a feature and a metric."""
        return self.by_key[key]

    @property
    def by_key(self) -> Mapping[tuple[str, str], Row]:
        """Metric rows by feature and metric."""
        return {(row["feature"], row["metric"]): row for row in self.run.metrics}

    def values(self, metric: str) -> dict[str, float | None]:
        """Value of a metric by feature."""
        return {row["feature"]: row["value"] for row in self.run.metrics if row["metric"] == metric}

    def histogram(self, feature: str) -> list[Row]:
        """Histogram rows of a feature, in order."""
        return [row for row in self.run.histograms if row["feature"] == feature]

    def feature(self, name: str) -> Row:
        """The row of `features` of a column."""
        return next(row for row in self.run.features if row["feature"] == name)

    def profile(self, name: str, side: str) -> Row:
        """The row of `profiles` of a feature."""
        return next(r for r in self.run.profiles if r["feature"] == name and r["side"] == side)


def table(columns: Mapping[str, Sequence[object] | pa.Array]) -> pa.Table:
    """An Arrow table; shorter columns end in nulls."""
    longest = max(map(len, columns.values()), default=0)

    def padded(values: Sequence[object] | pa.Array) -> pa.Array:
        array = values if isinstance(values, pa.Array) else pa.array(list(values))
        return pa.concat_arrays([array, pa.nulls(longest - len(array), array.type)])

    return pa.table({name: padded(values) for name, values in columns.items()})


def signals(names: Sequence[str] | None = None, reference: str = "reference") -> tuple[Signal, ...]:
    """Signals with the given metrics, without thresholds; all that two tables suffice for.

    Metrics of importances have one of their own, of columns that begin with `shap_`; those of model
    performance have one too.
    """
    asked = {METRICS[name].family for name in names or ()}
    kinds = [("data_drift", "drift"), ("data_quality", "quality")]
    if "attribution" in asked:
        kinds = [("feature_attribution_drift", "attribution")]
    if "performance" in asked:
        kinds = [("model_performance", "performance")]
    return tuple(
        Signal(
            kind,
            kind,
            reference,
            tuple(
                MetricRule(metric.name, dict.fromkeys(metric.types or ("__all__",), Threshold()))
                for metric in METRICS.values()
                if metric.family == family
                and metric.scope not in UNASKED
                and (not metric.asks if names is None else metric.name in names)
            ),
            attribution=Attribution("columns", "shap_") if family == "attribution" else None,
        )
        for kind, family in kinds
    )


def monitor(names: Sequence[str] | None = None, **given: Any) -> Monitor:
    """A monitor of the table `production` against the table `reference`, without least rows."""
    return replace(
        Monitor(
            name="monitor",
            production=Production(Source("production", table=("production",))),
            references=(Reference("reference", Source("reference", table=("reference",))),),
            signals=signals(names),
            min_rows=0,
        ),
        **given,
    )


@contextmanager
def on_path(path: str) -> Iterator[None]:
    """Take one of `PATHS` through the numbers."""
    with ExitStack() as stack:
        if path != "small":
            stack.enter_context(patch("driftline.engine.execute.SMALL_ROWS", 0))
        if path in ("coarse", "finer", "there"):
            stack.enter_context(patch("driftline.engine.grid.FEWEST_BINS", 16))
        if path == "there":
            stack.enter_context(patch.object(DuckDB, "most_cells", 61_440))
        if path == "finer":
            stack.enter_context(patch("driftline.engine.settling.FEWEST_SAVED", -(10**9)))
        yield


def run(
    watched: Monitor,
    frames: Mapping[str, pa.Table],
    *,
    path: str = "small",
    options: Mapping[str, object] | None = None,
    at: str = AT,
) -> MonitorRun:
    """Run a monitor over named tables, nothing stored.

    Args:
        watched: The monitor.
        frames: Arrow tables by name.
        path: One of `PATHS`.
        options: Of the connection.
        at: When the run takes place.
    """
    project = Project(
        Path.cwd(), (watched,), Results(Path("unused.duckdb")), Connection(options=options or {})
    )
    with on_path(path), closing(DuckDB(options or {}, frames=frames)) as session:
        (found,) = run_project(project, at=at, warehouse=session, store=False).monitors
    return found


def score(
    reference: Mapping[str, Sequence[object] | pa.Array] | pa.Table,
    production: Mapping[str, Sequence[object] | pa.Array] | pa.Table,
    *,
    metrics: Sequence[str] | None = None,
    path: str = "small",
    types: Mapping[str, str] | None = None,
    options: Mapping[str, object] | None = None,
    **given: Any,
) -> Scores:
    """Measure columns of two sides.

    Args:
        reference: Columns by name, or a table.
        production: The same.
        metrics: Names of the metrics; None takes all.
        path: One of `PATHS`.
        types: Feature types that the project file would state, by column.
        options: Of the connection.
        given: Further fields of the monitor.
    """
    frames = {
        name: side if isinstance(side, pa.Table) else table(side)
        for name, side in (("reference", reference), ("production", production))
    }
    if types is not None:
        stated = {name: FeatureSettings(type=kind) for name, kind in types.items()}  # type: ignore[arg-type]
        given["settings"] = {**stated, **given.get("settings", {})}
    found = run(monitor(metrics, **given), frames, path=path, options=options)
    if found.error is not None:
        raise found.error
    return Scores(found)


def measured(metric: str, pairs: Sequence[Pair], *, path: str = "small", **given: Any) -> list[Row]:
    """The metric's row of every pair, from one run over a table with a column for each.

    Args:
        metric: Name of the metric.
        pairs: Both sides of each column.
        path: One of `PATHS`.
        given: Further fields of the monitor.
    """
    names = [f"column {number}" for number in range(len(pairs))]
    types = {
        name: "categorical" if pair.is_text else "numerical"
        for name, pair in zip(names, pairs, strict=True)
    }
    sides = (
        {
            name: pa.array(list(values), pa.string() if pair.is_text else pa.float64())
            for name, pair, values in zip(names, pairs, columns, strict=True)
        }
        for columns in ([pair.reference for pair in pairs], [pair.production for pair in pairs])
    )
    scores = score(*sides, metrics=[metric], path=path, types=types, **given)
    return [scores[name, metric] for name in names]


def of_bins(metric: str, tables: Sequence[Table]) -> list[Row]:
    """What a metric's SQL says of counts by bin, without a pipeline around it."""
    rows = []
    for comparison, (a, b) in enumerate(tables):
        n, m = sum(a), sum(b)
        rows += [
            {
                "comparison": comparison,
                "bin": number,
                "n_reference": float(x),
                "n_production": float(y),
                "p": x / n if n else None,
                "q": y / m if m else None,
            }
            for number, (x, y) in enumerate(zip(a, b, strict=True))
            if x + y
        ]
    bench = scratch()
    bench.land("bins", pa.Table.from_pylist(rows))
    found = {row["comparison"]: row for row in bench.rows(metric_sql(METRICS[metric]))}
    return [found[comparison] for comparison in range(len(tables))]


@cache
def scratch() -> Workbench:
    """One workbench for all tests of a process: opening it takes longer than most of them."""
    return Workbench()


def cells_of(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values of two sides pooled, with their rows on either side; cut to 256 cells of equal rows."""
    values, where = np.unique(np.concatenate([x, y]), return_inverse=True)
    if len(values) > 256:
        rows = np.bincount(where)
        where = (np.cumsum(rows) * 255 // rows.sum())[where]
    n, m = (np.bincount(side, minlength=where.max() + 1) for side in np.split(where, [len(x)]))
    sums, held = np.bincount(where, np.concatenate([x, y])), n + m > 0
    return sums[held] / (n + m)[held], n[held].astype(float), m[held].astype(float)


def columns_of(cells: Iterable[tuple[np.ndarray, ...]]) -> np.ndarray:
    """Comparisons side by side: the values end in the last one again, the rows in zeros."""
    listed = list(cells)
    table = np.zeros((3, max(len(x) for x, _, _ in listed), len(listed)))
    for place, (x, n, m) in enumerate(listed):
        table[0, :, place] = x[np.minimum(np.arange(table.shape[1]), len(x) - 1)]
        table[1, : len(x), place], table[2, : len(x), place] = n, m
    return table


def close(found: float | None, wanted: float | None, *, relative: float, absolute: float) -> bool:
    """Whether two numbers agree; missing agrees with missing alone."""
    if found is None or wanted is None:
        return found is wanted
    return math.isclose(found, wanted, rel_tol=relative, abs_tol=absolute)


def printed(width: int = 80, **options: Any) -> tuple[Console, io.StringIO]:
    """A console of a width, and what it prints."""
    file = io.StringIO()
    out = Console(file=file, width=width, markup=False, emoji=False, highlight=False, **options)
    return out, file
