"""The same tables in DuckDB and in PostgreSQL, and what runs over them find that is different."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
from support import AT, on_path

from driftline.engine.backfill import backfill_project
from driftline.engine.outcome import MonitorRun, RunResult
from driftline.engine.project import Connection, Duration, Monitor, Project, Results
from driftline.engine.run import run_project
from driftline.engine.sqltext import quoted
from driftline.engine.warehouses.base import Warehouse
from driftline.engine.warehouses.duckdb import DuckDB
from driftline.engine.warehouses.postgres import Postgres

Row = dict[str, Any]
# A column's type in PostgreSQL, in DuckDB, and its values as texts that both can cast.
Column = tuple[str, str, Sequence[str | None]]

# What names a run, a moment or an engine's own type.
_OWN: Final = frozenset({"run_id", "computed_at", "data_type", "reference_id"})


@dataclass
class Both:
    """A DuckDB and a PostgreSQL that hold the same tables.

    Attributes:
        options: The keys of a connection to PostgreSQL.
        duckdb: An open DuckDB connection.
    """

    options: Mapping[str, object]
    duckdb: duckdb.DuckDBPyConnection = field(default_factory=duckdb.connect)

    def create(self, name: str, columns: Mapping[str, Column]) -> None:
        """Make a table of typed columns in both."""
        texts = pa.table(
            {
                f"c{k}": pa.array(values, pa.string())
                for k, (_, _, values) in enumerate(columns.values())
            }
        )
        own, theirs = (
            ", ".join(
                f"cast(c{k} as {types[which]}) as {quoted(column)}"
                for k, (column, types) in enumerate(columns.items())
            )
            for which in (1, 0)
        )
        self.duckdb.register("texts", texts)
        self.duckdb.execute(f"create or replace table {quoted(name)} as select {own} from texts")
        self.duckdb.unregister("texts")
        with self.server() as connection, connection.cursor() as cursor:
            cursor.execute("drop table if exists texts")
            cursor.adbc_ingest("texts", texts, mode="create")
            cursor.execute(f"drop table if exists {quoted(name)} cascade")
            cursor.execute(f"create table {quoted(name)} as select {theirs} from texts")
            cursor.execute(f"analyze {quoted(name)}")

    def server(self) -> Any:
        """A connection to PostgreSQL that may write."""
        from adbc_driver_postgresql import dbapi

        told = " ".join(
            f"{name}='{self.options[key]}'"
            for name, key in (("host", "host"), ("user", "user"), ("dbname", "database"))
        )
        return dbapi.connect(told, autocommit=True)

    def execute(self, *statements: str) -> None:
        """Run statements in both."""
        for statement in statements:
            self.duckdb.execute(statement)
            self.execute_there(statement)

    def execute_there(self, statement: str) -> None:
        """Run a statement in PostgreSQL."""
        with self.server() as connection, connection.cursor() as cursor:
            cursor.execute(statement)

    def runs(
        self, monitor: Monitor, *, path: str = "small", at: str = AT
    ) -> tuple[MonitorRun, MonitorRun]:
        """What a monitor finds in DuckDB and in PostgreSQL, nothing stored."""
        with closing(DuckDB.of(self.duckdb)) as own, closing(Postgres(self.options)) as theirs:
            return (
                run_in(own, monitor, path=path, at=at),
                run_in(theirs, monitor, path=path, at=at),
            )

    def backfills(
        self, monitor: Monitor, every: Duration, folder: Path, *, path: str
    ) -> tuple[MonitorRun, MonitorRun]:
        """What a backfill of a month finds in DuckDB and in PostgreSQL, stored in a folder."""
        found = []
        with closing(DuckDB.of(self.duckdb)) as own, closing(Postgres(self.options)) as theirs:
            for session in (own, theirs):
                project = _project(monitor, folder / f"{session.dialect}.duckdb")
                with on_path(path):
                    result = backfill_project(
                        project,
                        start="2026-01-05",
                        end="2026-02-05",
                        every=every,
                        warehouse=session,
                    )
                found.append(_only(result))
        return found[0], found[1]


def run_in(
    session: Warehouse,
    monitor: Monitor,
    *,
    path: str = "small",
    at: str = AT,
    results: Path | None = None,
) -> MonitorRun:
    """Run a monitor in a session; `path` as in `support`. Nothing is stored without `results`."""
    project = _project(monitor, results or Path("unused.duckdb"))
    with on_path(path):
        found = run_project(project, at=at, warehouse=session, store=results is not None)
    return _only(found)


def _project(monitor: Monitor, results: Path) -> Project:
    return Project(Path.cwd(), (monitor,), Results(results), Connection())


def _only(result: RunResult) -> MonitorRun:
    (found,) = result.monitors
    if found.error is not None:
        raise found.error
    return found


def differences(own: MonitorRun, theirs: MonitorRun, *, but: frozenset[str] = frozenset()) -> str:
    """What two runs disagree about: any row, any text, any number by more than 1e-9 of it; a line each.

    Args:
        own: One run.
        theirs: The other.
        but: Columns of the results that may differ.
    """
    found = []
    for kind in ("metrics", "histograms", "profiles"):
        left, right = (_by_key(getattr(run, kind)) for run in (own, theirs))
        found += [f"{kind}, {key}: of one alone" for key in left.keys() ^ right.keys()]
        found += [
            f"{kind}, {key}, {word}: {left[key][word]!r} and {right[key][word]!r}"
            for key in left.keys() & right.keys()
            for word in left[key].keys() - _OWN - but - _named_types(left[key])
            if not _agree(left[key][word], right[key][word])
        ]
    return "\n".join(sorted(found))


def _named_types(row: Row) -> frozenset[str]:
    """Words of a row that name engines' own types."""
    return frozenset({"reason", "summary"} if row.get("metric") == "type_changed" else ())


def _by_key(rows: Sequence[Row]) -> dict[tuple[str, ...], Row]:
    names = ("window_start", "feature", "signal", "metric", "reference", "side", "bin")
    found = {tuple(str(row[name]) for name in names if name in row): row for row in rows}
    assert len(found) == len(rows)
    return found


def _agree(a: object, b: object) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        both_nan = math.isnan(a) and math.isnan(b)
        return both_nan or math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
    return a == b
