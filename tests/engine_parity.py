"""The same tables in DuckDB and in another engine, and what runs over them find that is different."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import duckdb
import pyarrow as pa
from support import AT, on_path

from driftline.engine.backfill import backfill_project
from driftline.engine.dialects import spelled
from driftline.engine.outcome import MonitorRun, RunResult
from driftline.engine.project import Connection, Duration, Monitor, Project, Results, Source
from driftline.engine.run import run_project
from driftline.engine.sqltext import quoted
from driftline.engine.warehouses.base import Warehouse
from driftline.engine.warehouses.duckdb import DuckDB

Row = dict[str, Any]

# What names a run, a moment or an engine's own type.
_OWN: Final = frozenset({"run_id", "computed_at", "data_type", "reference_id"})


class Column(NamedTuple):
    """A column of a table that is made in both engines.

    Attributes:
        type: DuckDB's word for its type.
        values: Texts that both engines cast to their type.
        there: The other engine's own type, where it is not the one that it has for DuckDB's.
    """

    type: str
    values: Sequence[str | None]
    there: str | None = None


# Makes a whole column of values: some are replaced by null, and by others that are given.
Mixed = Callable[..., list[str | None]]


class Engine(Protocol):
    """An engine that is held to DuckDB's numbers: the little that tests must know of it.

    Attributes:
        dialect: sqlglot's name of its SQL.
        view: How a statement begins that makes a view anew.
        samples: A word of each statement that samples a `query`, a `view`, a `table`.
        lacks: Columns of `Conformance.typed` that it has no type for, and why.
    """

    dialect: str
    view: str
    samples: Mapping[str, str]
    lacks: Mapping[str, str]

    def create(self, name: str, columns: Mapping[str, Column], rows: pa.Table) -> None:
        """Make a table anew.

        Args:
            name: Of the table, perhaps a hostile one.
            columns: By name.
            rows: The same as DuckDB understands it.
        """
        ...

    def execute(self, statement: str) -> None:
        """Run a statement that may write."""
        ...

    def open(self) -> Warehouse:
        """A session as a run has one."""
        ...

    def own_types(self, side: str, mixed: Mixed) -> Mapping[str, Column]:
        """Columns of types that it alone has.

        Args:
            side: `reference` or `production`.
            mixed: Brings values to the rows of the table, and nulls among them.
        """
        ...


@dataclass
class Both:
    """A DuckDB and another engine that hold the same tables.

    Attributes:
        engine: The other one.
        duckdb: An open DuckDB connection.
    """

    engine: Engine
    duckdb: duckdb.DuckDBPyConnection = field(default_factory=duckdb.connect)

    def create(self, name: str, columns: Mapping[str, Column]) -> None:
        """Make a table of typed columns in both."""
        texts = pa.table(
            {
                f"c{k}": pa.array(column.values, pa.string())
                for k, column in enumerate(columns.values())
            }
        )
        chosen = ", ".join(
            f"cast(c{k} as {column.type}) as {quoted(title)}"
            for k, (title, column) in enumerate(columns.items())
        )
        self.duckdb.register("texts", texts)
        self.duckdb.execute(f"create or replace table {quoted(name)} as select {chosen} from texts")
        self.duckdb.unregister("texts")
        self.engine.create(name, columns, self.duckdb.table(quoted(name)).to_arrow_table())

    def view(self, name: str, table: str) -> None:
        """Make a view of a table in both."""
        for execute, dialect, made in (
            (self.duckdb.execute, "duckdb", "create or replace view"),
            (self.engine.execute, self.engine.dialect, self.engine.view),
        ):
            view, rows = (spelled(Source(each, table=(each,)), dialect) for each in (name, table))
            execute(f"{made} {view} as select * from {rows}")

    def runs(
        self, monitor: Monitor, *, path: str = "small", at: str = AT
    ) -> tuple[MonitorRun, MonitorRun]:
        """What a monitor finds in DuckDB and in the other engine, nothing stored."""
        with closing(DuckDB.of(self.duckdb)) as own, closing(self.engine.open()) as theirs:
            return (
                run_in(own, monitor, path=path, at=at),
                run_in(theirs, monitor, path=path, at=at),
            )

    def backfills(
        self, monitor: Monitor, every: Duration, folder: Path, *, path: str
    ) -> tuple[MonitorRun, MonitorRun]:
        """What a backfill of a month finds in DuckDB and in the other engine, stored in a folder."""
        found = []
        with closing(DuckDB.of(self.duckdb)) as own, closing(self.engine.open()) as theirs:
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


def same_rows(own: Sequence[Sequence[object]], theirs: Sequence[Sequence[object]]) -> bool:
    """Whether two lists of rows are alike, their numbers to nine digits."""
    return len(own) == len(theirs) and all(
        _agree(a, b) for rows in zip(own, theirs, strict=True) for a, b in zip(*rows, strict=True)
    )
