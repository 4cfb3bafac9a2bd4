"""The results store: what a run leaves, replaced in one transaction, and how it is read again.

A run hands over a `Slice`: everything it measured for one monitor and window. `Store.write`
replaces what the file holds for it and adds the run, all or nothing, so that a crash leaves either
the old rows or the new. Reading never creates the file and never changes its tables.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from driftline.engine.errors import StoreError
from driftline.engine.results import (
    ALL,
    SCHEMA,
    SPECS,
    Rows,
    Schema,
    arrow_rows,
    is_throughout,
    naive_utc,
)
from driftline.engine.storefile import ResultsFile, migrate, migration, stored_version

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_WORST_FIRST: Final = """
order by
    case status
        when 'breached' then 0
        when 'error' then 1
        when 'warning' then 2
        when 'inconclusive' then 3
        when 'not_computable' then 4
        when 'insufficient_data' then 5
        else 6
    end,
    score desc nulls last,
    monitor,
    window_end desc,
    window_start,
    signal,
    reference,
    segment,
    feature,
    metric
"""

# Keys are compared as they stand: they hold no nulls.
_JUDGED: Final = """
select
    found.*,
    grounds.reason as _reason,
    grounds.failed as _failed,
    grounds.has_p as _has_p,
    grounds.why_no_p as _why_no_p,
    grounds.by_chance as _by_chance
from (select * from {source} where monitor = $monitor{where}) as found
left join _grounds as grounds
    on grounds.run_id = found.run_id
    and grounds.monitor = found.monitor
    and grounds.signal = found.signal
    and grounds.window_start = found.window_start
    and grounds.window_end = found.window_end
    and grounds.reference = found.reference
    and grounds.segment = found.segment
    and grounds.feature = found.feature
    and grounds.metric = found.metric
order by found.signal, found.reference, found.segment, found.feature, found.metric
"""

# rows of a baseline that are in memory at once: each may hold all values of a column
_AT_ONCE: Final = 50

VERDICT: Final = (
    "threshold", "threshold_kind", "breached", "status", "severity", "score", "reason",
)  # fmt: skip
"""Columns of `metrics` that the thresholds decide."""

Filter: TypeAlias = str | Iterable[str] | None
"""Values a column may have: one, several, or None for any."""


@dataclass(frozen=True)
class Slice:
    """What one run of a monitor replaces: its rows of one window.

    Attributes:
        monitor: Name of the monitor.
        window_start: Start of the production window, naive UTC, inclusive.
        window_end: End of the production window, naive UTC, exclusive.
        signals: Signals that were run; rows of other signals stay.
        metrics: New rows of `metrics`.
        histograms: New rows of `histograms`.
        profiles: New rows of `profiles`.
        features: New rows of `features`; older ones stay when they describe a later window.
        grounds: New rows of `_grounds`, one for each of `metrics`.
        selected: Features whose metrics were computed, when features were selected or excluded;
            None is all of them, so rows of features that have vanished go too.
        measured: Features whose histograms and profiles were computed, against the references that
            the new rows name, when that was a part; None is all of them (or `selected`).
        spared: Features and joins that the run measured in other windows: their rows stay.
    """

    monitor: str
    window_start: datetime
    window_end: datetime
    signals: tuple[str, ...]
    metrics: Rows
    histograms: Rows = ()
    profiles: Rows = ()
    features: Rows = ()
    grounds: Rows = ()
    selected: tuple[str, ...] | None = None
    measured: tuple[str, ...] | None = None
    spared: tuple[str, ...] = ()


@dataclass(frozen=True)
class Standing:
    """What is stored of a window before a part of it is computed again.

    Attributes:
        metrics: signal, metric, reference, segment, feature and p_value of its rows.
        histograms: reference, feature, bin, kind, label, lower_bound and n_reference of each
            reference's bins as its newest window has them, in order.
        profiles: Rows of each reference's features, likewise.
    """

    metrics: tuple[Mapping[str, Any], ...] = ()
    histograms: tuple[Mapping[str, Any], ...] = ()
    profiles: tuple[Mapping[str, Any], ...] = ()

    @property
    def features(self) -> frozenset[str]:
        """Features that have rows; `__all__` is the window as a whole."""
        return frozenset(row["feature"] for row in self.metrics)

    def bins(self, reference: str, feature: str) -> list[Mapping[str, Any]]:
        """The bins of a reference's feature, in order; none where it was never measured."""
        key = (reference, feature)
        return [row for row in self.histograms if (row["reference"], row["feature"]) == key]

    def profile(self, reference: str, feature: str) -> Mapping[str, Any]:
        """The profile of a reference's feature; empty where it was never measured."""
        key = (reference, feature)
        found = (row for row in self.profiles if (row["reference"], row["feature"]) == key)
        return next(found, {})


NOTHING: Final = Standing()


@dataclass(frozen=True)
class Migrated:
    """What brings a results file to the newest schema.

    Attributes:
        file: The file.
        before: The version of its tables; None where there were none.
        after: The version of the schema.
        statements: DuckDB SQL, several statements each; none when nothing is to be done.
    """

    file: Path
    before: int | None
    after: int
    statements: tuple[str, ...]


# Start and end, naive UTC.
Window = tuple[datetime, datetime]


@dataclass(frozen=True)
class Known:
    """A stored window, all of whose rows were measured alike.

    Attributes:
        window: Start and end, naive UTC.
        reference_ids: (reference, reference_id) of its rows.
        config_hash: Of the runs that wrote them; empty where they were not all run alike.
    """

    window: Window
    reference_ids: frozenset[tuple[str, str]]
    config_hash: str


@dataclass
class Past:
    """What is known of a monitor's windows.

    Attributes:
        rows: Rows of each window, by its end and start, naive UTC.
        columns: Columns that production had, and the end of the first window that had them.
    """

    rows: dict[tuple[datetime, datetime], int] = field(default_factory=dict)
    columns: dict[str, datetime] = field(default_factory=dict)

    def before(self, moment: datetime, *, windows: int) -> tuple[tuple[int, ...], frozenset[str]]:
        """Row counts of the windows that end before a moment, newest first, and their columns.

        Args:
            moment: Naive UTC.
            windows: How many row counts to return at most.
        """
        earlier = sorted((key for key in self.rows if key[0] < moment), reverse=True)
        columns = (name for name, first in self.columns.items() if first < moment)
        return tuple(self.rows[key] for key in earlier[:windows]), frozenset(columns)

    def add(
        self, window: tuple[datetime, datetime], rows: int | None, columns: Iterable[str]
    ) -> None:
        """Note a window, start and end, as if it were stored."""
        if rows is not None:
            self.rows[window[1], window[0]] = rows
        for name in columns:
            self.columns[name] = min(window[1], self.columns.get(name, window[1]))


class Store:
    """The result tables in one DuckDB file.

    Every method opens the file, does one thing and closes it. All but `exists` raise `StoreError`
    when it stays in use for `wait_seconds`, is not one of Driftline's, or comes from a newer
    Driftline; those that read also when there are no results yet.

    Args:
        file: The file; the first write makes it.
        wait_seconds: How long to wait for whoever has the file open; 0 or more.
        schema: The tables and views it has, or is brought to when it is written to.
    """

    def __init__(self, file: Path, *, wait_seconds: float = 60.0, schema: Schema = SCHEMA) -> None:
        self.file = file
        self.wait_seconds = wait_seconds
        self.schema = schema
        self._place = ResultsFile(file)

    def exists(self) -> bool:
        """Whether the file is there and not empty; what it holds is not looked at."""
        return self.file.is_file() and self.file.stat().st_size > 0

    def version(self) -> int | None:
        """The version of the stored tables, or None before the first run."""
        if not self.exists():
            return None
        with self._open(read_only=True) as con:
            return stored_version(con, self.file, self.schema)

    def migrate(self, *, dry_run: bool = False) -> Migrated:
        """Bring the tables to the schema, all or nothing; make the file when there is none.

        Args:
            dry_run: Whether to tell the statements alone.
        """
        before = self.version()
        now = datetime.now(UTC).replace(tzinfo=None)
        statements = migration(before, now, self.schema)
        if statements and not dry_run:
            with self._transaction(now):
                pass
        return Migrated(self.file, before, self.schema.version, statements)

    def check_writable(self) -> None:
        """Open the file as `write` does, and leave it as it is."""
        if not os.access(self.file, os.W_OK):
            raise StoreError(f"{self.file} is not writable", hint="Allow it, then retry.")
        with self._open(read_only=False):
            pass

    def write(
        self,
        part: Slice | Sequence[Slice],
        run: Mapping[str, object],
        statements: Rows,
        monitor: Mapping[str, object],
        definitions: Rows,
    ) -> None:
        """Replace what is stored for a slice, or several of one monitor, and add the run.

        One transaction. The same input leaves the same rows; `runs` and `statements` only grow.

        Args:
            part: The rows of a monitor and window; a backfill gives one slice a window.
            run: The row of `runs`.
            statements: Rows of `statements`.
            monitor: The row of `monitors`; a stored `first_seen_at` is kept.
            definitions: All rows of `metric_definitions`; they replace the stored ones.

        Raises:
            StoreError: Also when rows do not fit their table, or belong to another slice.
        """
        parts = [part] if isinstance(part, Slice) else list(part)
        facts = [_facts(each) for each in parts]
        seen = arrow_rows("monitors", [monitor])
        defined = arrow_rows("metric_definitions", definitions)
        logged = _log(run, statements)
        with self._transaction(_started(run)) as con:
            for batch in _batches(parts, facts):
                _replace_slices(con, batch)
            _put(con, "monitors", _first_seen_kept(con, seen))
            if not _holds(con, "metric_definitions", defined):
                con.execute("delete from metric_definitions")
                _put(con, "metric_definitions", defined)
            for name, rows in logged.items():
                _put(con, name, rows)

    def record_failure(self, run: Mapping[str, object], statements: Rows) -> None:
        """Add a run that stored nothing else; stored results stay as they are.

        Args:
            run: The row of `runs`.
            statements: Rows of `statements`: what was sent before the run failed.

        Raises:
            StoreError: Also when a row does not fit its table.
        """
        logged = _log(run, statements)
        with self._transaction(_started(run)) as con:
            for name, rows in logged.items():
                _put(con, name, rows)

    def read(
        self, sql: str, params: Sequence[object] | Mapping[str, object] | None = None
    ) -> pa.Table:
        """The rows of one SELECT over the result tables and views.

        Args:
            sql: A SELECT in DuckDB's dialect.
            params: Values of its `?` or `$name` parameters.

        Raises:
            StoreError: Also when the SELECT is wrong.
        """
        with self.reading() as con:
            answer = con.sql(sql, params=params)
            if answer is None:
                raise StoreError(f"not a SELECT: {sql}")
            return answer.to_arrow_table()

    def status(self, monitor: Filter = None) -> pa.Table:
        """Rows of the view `monitor_status`, by monitor."""
        return self._select("monitor_status", "order by monitor", monitor=monitor)

    def latest(self, monitor: Filter = None) -> pa.Table:
        """Rows of `metrics` of each monitor's newest window, worst first."""
        return self.metrics(monitor)

    def metrics(
        self,
        monitor: Filter = None,
        *,
        signal: Filter = None,
        feature: Filter = None,
        segment: Filter = None,
        metric: Filter = None,
        status: Filter = None,
        run_id: Filter = None,
        since: datetime | None = None,
        all_windows: bool = False,
    ) -> pa.Table:
        """Rows of `metrics`, worst first: of each monitor's newest window unless told otherwise.

        Args:
            monitor: Names of monitors.
            signal: Names of signals.
            feature: Names of features; `__all__` is the whole dataset.
            segment: Names of segments; `__all__` is everyone.
            metric: Names of metrics.
            status: Statuses, such as `breached`.
            run_id: Runs that wrote the rows; looks at all windows.
            since: Windows that end after this time, naive UTC or aware; looks at all windows.
            all_windows: Whether to look at all windows.
        """
        every = all_windows or since is not None or run_id is not None
        return self._select(
            "metrics" if every else "latest_metrics",
            _WORST_FIRST,
            since=since,
            monitor=monitor,
            signal=signal,
            feature=feature,
            segment=segment,
            metric=metric,
            status=status,
            run_id=run_id,
        )

    def runs(self, monitor: Filter = None) -> pa.Table:
        """Rows of `runs`, newest first."""
        return self._select("runs", "order by started_at desc, run_id desc", monitor=monitor)

    def run(self, run_id: str) -> pa.Table:
        """The one row of `runs` with that id.

        Raises:
            StoreError: Also when there is no such run.
        """
        row = self._select("runs", "", run_id=run_id)
        if row.num_rows == 0:
            hint = "`driftline ls runs` lists them."
            raise StoreError(f"{self.file} has no run {run_id!r}", hint=hint)
        return row

    def features(self, monitor: Filter = None) -> pa.Table:
        """Rows of `features`, by monitor and feature."""
        return self._select("features", "order by monitor, feature", monitor=monitor)

    def judged(
        self, monitor: str, window: tuple[datetime, datetime] | None = None
    ) -> list[dict[str, Any]]:
        """Rows of `metrics` of a monitor's window, each with its grounds: their names begin with `_`.

        Args:
            monitor: Name of the monitor.
            window: Start and end, naive UTC; None is the newest window.

        Returns:
            In the order of the table's key. Rows whose grounds are not stored have nulls there.
        """
        source = "latest_metrics" if window is None else "metrics"
        where = "" if window is None else " and window_start = $start and window_end = $finish"
        start, finish = window or (None, None)
        params = {"monitor": monitor, "start": start, "finish": finish}
        found = self.read(
            _JUDGED.format(source=source, where=where),
            {name: value for name, value in params.items() if value is not None},
        )
        return list(found.to_pylist())

    def judge(self, rows: Rows) -> None:
        """Replace the verdicts of stored rows, all or nothing.

        A row that another run has replaced in the meantime keeps the verdict it has.

        Args:
            rows: Rows of `metrics`; of these the columns in `VERDICT` are written.

        Raises:
            StoreError: Also when rows do not fit the table.
        """
        found = arrow_rows("metrics", rows)
        columns = ", ".join(f"{name} = judged.{name}" for name in VERDICT)
        with self._transaction(datetime.now(UTC).replace(tzinfo=None)) as con:
            con.register("judged", found)
            con.execute(
                f"update metrics set {columns} from judged"
                " where judged.metric_id = metrics.metric_id and judged.run_id = metrics.run_id"
            )
            con.unregister("judged")

    def past(self, monitor: str) -> Past:
        """What is stored of all windows of a monitor; nothing where there are no results."""
        with self._reading() as con:
            if con is None:
                return Past()
            counts = con.execute(
                "select window_end, window_start, value from metrics"
                " where monitor = ? and metric = 'row_count' and value is not null",
                [monitor],
            ).fetchall()
            columns = con.execute(
                "select feature, min(window_end) from profiles where monitor = ?"
                " and side = 'production' and data_type is not null group by feature",
                [monitor],
            ).fetchall()
        return Past({(end, start): int(value) for end, start, value in counts}, dict(columns))

    def baselines(self, monitor: str | None = None) -> list[dict[str, Any]]:
        """Rows of `_baselines`: of one monitor, or of all."""
        if self.version() is None or "_baselines" not in self._tables():
            return []
        where = "" if monitor is None else "where monitor = $monitor"
        params = {} if monitor is None else {"monitor": monitor}
        order = "order by monitor, reference, feature"
        return list(self.read(f"from _baselines {where} {order}", params).to_pylist())

    def save_baseline(self, rows: Iterable[Mapping[str, object]], *, anew: bool) -> None:
        """Keep rows of `_baselines` of one reference, all or nothing.

        Args:
            rows: The rows, of which a few at a time are held in memory; those with the same keys
                are replaced.
            anew: Whether what is stored of the reference goes first.
        """
        left = iter(rows)
        with self._transaction(datetime.now(UTC).replace(tzinfo=None)) as con:
            while some := list(islice(left, _AT_ONCE)):
                if anew:
                    con.execute(
                        "delete from _baselines where monitor = ? and reference = ?",
                        [some[0]["monitor"], some[0]["reference"]],
                    )
                    anew = False
                _put(con, "_baselines", arrow_rows("_baselines", some))

    def _tables(self) -> set[str]:
        names = self.read("select table_name from duckdb_tables() where database_name = 'results'")
        return set(names["table_name"].to_pylist())

    def known(self, monitor: str, measure_hash: str) -> dict[Window, Known]:
        """Windows of a monitor whose rows are all of runs that measured as `measure_hash` says."""
        if self.version() is None:
            return {}
        rows = self.read(
            "select window_start, window_end, reference, reference_id,"
            " arg_max(config_hash, started_at) as config_hash,"
            " bool_and(measure_hash = $measure_hash) as alike"
            " from metrics left join runs using (run_id)"
            " where metrics.monitor = $monitor group by all",
            {"monitor": monitor, "measure_hash": measure_hash},
        ).to_pylist()
        found: dict[Window, list[dict[str, Any]]] = {}
        for row in rows:
            found.setdefault((row["window_start"], row["window_end"]), []).append(row)
        known = {}
        for window, of in found.items():
            if all(row["alike"] for row in of):
                compared = (row for row in of if row["reference"] != ALL)
                ids = frozenset((row["reference"], row["reference_id"]) for row in compared)
                hashes = {row["config_hash"] for row in of}
                known[window] = Known(window, ids, hashes.pop() if len(hashes) == 1 else "")
        return known

    def standing(self, monitor: str, window_start: datetime, window_end: datetime) -> Standing:
        """What is stored of a window; nothing where there are no results.

        Args:
            monitor: Name of the monitor.
            window_start: Naive UTC.
            window_end: Naive UTC.
        """
        newest = (
            "qualify rank() over (partition by reference, feature"
            " order by window_end desc, window_start desc) = 1"
        )
        asked: tuple[tuple[str, list[object]], ...] = (
            (
                "select signal, metric, reference, segment, feature, p_value from metrics"
                " where monitor = ? and window_start = ? and window_end = ?",
                [monitor, window_start, window_end],
            ),
            (
                "select reference, feature, bin, kind, label, lower_bound, n_reference"
                f" from histograms where monitor = ? and segment = ? {newest}"
                " order by reference, feature, bin",
                [monitor, ALL],
            ),
            (
                "select * from profiles"
                f" where monitor = ? and segment = ? and side = 'reference' {newest}",
                [monitor, ALL],
            ),
        )
        with self._reading() as con:
            if con is None:
                return NOTHING
            found = [con.sql(sql, params=params).to_arrow_table() for sql, params in asked]
        return Standing(*(tuple(table.to_pylist()) for table in found))

    def _select(
        self, table: str, order: str, *, since: datetime | None = None, **filters: Filter
    ) -> pa.Table:
        given = {name: values for name, values in filters.items() if values is not None}
        params: dict[str, object] = {
            name: [values] if isinstance(values, str) else list(values)
            for name, values in given.items()
        }
        tests = [f"list_contains(${name}::varchar[], {name})" for name in given]
        if since is not None:
            params["since"] = naive_utc(since)
            tests.append("window_end > $since")
        where = f"where {' and '.join(tests)}" if tests else ""
        return self.read(f"select * from {table} {where} {order}", params or None)

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection that reads the result tables, for as long as the block lasts.

        Raises:
            StoreError: Also when the tables are those of an older Driftline.
        """
        with self._reading() as con:
            if con is None:
                missing = "{} has no result tables" if self.exists() else "there is no {}"
                what = f"no results yet: {missing.format(self.file)}"
                raise StoreError(what, hint="Run `driftline run` first.")
            yield con

    @contextmanager
    def _reading(self) -> Iterator[duckdb.DuckDBPyConnection | None]:
        """As `reading`, with None where there are no results yet."""
        if not self.exists():
            yield None
            return
        with self._open(read_only=True) as con:
            version = stored_version(con, self.file, self.schema)
            if version is not None and version < self.schema.version:
                raise StoreError(
                    f"{self.file} has the tables of an older Driftline: "
                    f"schema {version}, this one reads schema {self.schema.version}",
                    hint="`driftline migrate` brings them up to date, as does the next run.",
                )
            yield None if version is None else con

    @contextmanager
    def _transaction(self, now: datetime) -> Iterator[duckdb.DuckDBPyConnection]:
        self._place.create()
        with self._open(read_only=False) as con:
            con.execute("begin")
            migrate(con, self.file, now, self.schema)
            yield con
            con.execute("commit")
            # the log goes into the file, which then stands alone
            con.execute("checkpoint results")

    def _open(self, *, read_only: bool) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        return self._place.opened(read_only=read_only, wait_seconds=self.wait_seconds)


def _started(run: Mapping[str, object]) -> datetime:
    started = run["started_at"]
    assert isinstance(started, datetime)
    return naive_utc(started)


def _log(run: Mapping[str, object], statements: Rows) -> dict[str, pa.Table]:
    return {"runs": arrow_rows("runs", [run]), "statements": arrow_rows("statements", statements)}


def _facts(part: Slice) -> dict[str, pa.Table]:
    """The slice's rows as Arrow, once they are known to belong to it."""
    import pyarrow as pa

    tables = {
        "metrics": arrow_rows("metrics", part.metrics),
        "histograms": arrow_rows("histograms", part.histograms),
        "profiles": arrow_rows("profiles", part.profiles),
        "features": arrow_rows("features", part.features),
        "_grounds": arrow_rows("_grounds", part.grounds),
    }
    window = {"window_start": part.window_start, "window_end": part.window_end}
    for name, rows in tables.items():
        expected = {"monitor": part.monitor, **({} if name == "features" else window)}
        for column, value in expected.items():
            if not is_throughout(rows[column], pa.scalar(value, rows[column].type)):
                found = next(each for each in rows[column].to_pylist() if each != value)
                raise StoreError(f"table {name}: {column} {found} is not the slice's {value}")
    return tables


_Batch: TypeAlias = "list[tuple[Slice, Mapping[str, pa.Table]]]"


def _batches(parts: Sequence[Slice], facts: Sequence[Mapping[str, pa.Table]]) -> Iterator[_Batch]:
    """Slices in their order, as many at once as do not replace each other's rows."""
    batch: _Batch = []
    seen: set[tuple[object, ...]] = set()
    for part, tables in zip(parts, facts, strict=True):
        touched: set[object] = {*part.signals, *tables["metrics"]["signal"].to_pylist()}
        if _measured(part) != () or tables["histograms"].num_rows or tables["profiles"].num_rows:
            touched.add(None)
        keys = {(part.window_start, part.window_end, each) for each in touched}
        if seen & keys:
            yield batch
            batch, seen = [], set()
        batch.append((part, tables))
        seen |= keys
    yield batch


def _measured(part: Slice) -> tuple[str, ...] | None:
    """The features whose histograms and profiles it replaces; None is all of them."""
    return part.selected if part.measured is None else part.measured


def _replace_slices(con: duckdb.DuckDBPyConnection, batch: _Batch) -> None:
    import pyarrow as pa

    for part, tables in batch:
        _clear(con, part, tables)
    for name in ("metrics", "histograms", "profiles", "_grounds"):
        _put(con, name, pa.concat_tables([tables[name] for _, tables in batch]))


def _clear(con: duckdb.DuckDBPyConnection, part: Slice, tables: Mapping[str, pa.Table]) -> None:
    """Delete what a slice replaces, and replace its features."""
    window = {"monitor": part.monitor, "start": part.window_start, "finish": part.window_end}
    for name in ("metrics", "_grounds"):
        _delete(con, name, window, part.spared, signal=part.signals, feature=part.selected)
    measured = _measured(part)
    for name in ("histograms", "profiles"):
        references = None if measured is None else set(tables[name]["reference"].to_pylist())
        _delete(con, name, window, part.spared, feature=measured, reference=references)
    if measured is not None and not tables["features"].num_rows:
        return
    later = con.execute(
        "select feature from features where monitor = ? and window_end > ?",
        [part.monitor, part.window_end],
    ).fetchall()
    # an older window computed afterwards says nothing about the columns of today
    if not later:
        if measured is None:
            con.execute("delete from features where monitor = ?", [part.monitor])
        _put(con, "features", tables["features"])


def _delete(
    con: duckdb.DuckDBPyConnection,
    table: str,
    window: Mapping[str, object],
    spared: Iterable[str],
    **among: Iterable[str] | None,
) -> None:
    """Delete a monitor's rows of one window, of these values where some are given.

    Rows of the features in `spared` stay.
    """
    params = {name: list(values) for name, values in among.items() if values is not None}
    if not all(params.values()):
        return
    tests = "".join(f" and list_contains(${name}::varchar[], {name})" for name in params)
    con.execute(
        f"delete from {table} where monitor = $monitor and window_start = $start "
        f"and window_end = $finish and not list_contains($spared::varchar[], feature){tests}",
        {**window, **params, "spared": list(spared)},
    )


def _put(con: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    """Insert rows in their order, instead of those with the same keys."""
    if not rows.num_rows:
        return
    key = SPECS[table].key
    # what is registered in a transaction stays in memory until its end
    con.register("new_rows", rows.select(list(key)))
    same = " and ".join(f"new_rows.{name} = {table}.{name}" for name in key)
    con.execute(f"delete from {table} using new_rows where {same}")
    con.unregister("new_rows")
    # a file that a newer version made may have more columns
    columns = (name if name in rows.column_names else "null" for name in con.table(table).columns)
    con.from_arrow(rows).project(", ".join(columns)).insert_into(table)


def _holds(con: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> bool:
    """Whether a table holds these rows, which are in the order of its key, and no others."""
    order = ", ".join(SPECS[table].key)
    stored = con.execute(f"select * from {table} order by {order}").fetchall()
    return stored == list(zip(*rows.to_pydict().values(), strict=True))


def _first_seen_kept(con: duckdb.DuckDBPyConnection, rows: pa.Table) -> pa.Table:
    row = rows.to_pylist()[0]
    stored = con.execute(
        "select first_seen_at from monitors where monitor = ?", [row["monitor"]]
    ).fetchall()
    first_seen = stored[0][0] if stored else None
    if first_seen is None:
        return rows
    return arrow_rows("monitors", [row | {"first_seen_at": first_seen}])
