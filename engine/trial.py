"""Try metrics of a project's own on two small tables: whether they compute is known before data is read."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from driftline.engine.catalog import Metric
from driftline.engine.errors import ConfigError
from driftline.engine.project import (
    Connection,
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
from driftline.engine.run import run_project
from driftline.engine.warehouses.duckdb import DuckDB

# Numbers, and texts that the reference has, has seldom, and never had.
_NUMBERS: Final = [k * 1.25 for k in range(40)]
_TEXTS: Final = ["red", "green", "red", "blue"] * 10


def complain_of_own(project: Project) -> None:
    """Run every metric of the folder beside a project file, one or more, once.

    Raises:
        ConfigError: With each that does not compute: its file, the line, and what DuckDB says.
    """
    broken = why_broken(project.beside)
    if broken:
        raise ConfigError(
            "\n".join(broken),
            hint="docs/custom_metrics.md lists the relations and their columns;"
            " `driftline metrics psi` shows a metric that works",
        )


def why_broken(metrics: Mapping[str, Metric]) -> list[str]:
    """What is wrong with metrics' answers over two small tables; nothing where they are right."""
    import pyarrow as pa

    frames = {
        "reference": pa.table({"number": _NUMBERS, "text": _TEXTS}),
        "production": pa.table({"number": _NUMBERS[5:], "text": [*_TEXTS[:30], *["new"] * 5]}),
    }
    rules = tuple(
        MetricRule(metric.name, dict.fromkeys(metric.types, Threshold()))
        for metric in metrics.values()
    )
    monitor = Monitor(
        "trial",
        Production(Source("production", table=("production",))),
        (Reference("reference", Source("reference", table=("reference",))),),
        (Signal("data_drift", "data_drift", "reference", rules),),
        min_rows=0,
        beside=metrics,
    )
    project = Project(Path.cwd(), (monitor,), Results(Path("unused.duckdb")), Connection())
    with closing(DuckDB({}, frames=frames)) as session:
        (found,) = run_project(
            project, at=datetime(2026, 1, 1, tzinfo=UTC), warehouse=session, store=False
        ).monitors
    if found.error is not None:
        return [found.error.message]
    failed = (row for row in found.metrics if row["status"] == "error")
    return [*dict.fromkeys(row["reason"] for row in failed)]
