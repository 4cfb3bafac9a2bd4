"""The results store: what a run leaves, replaced in one transaction, and how it is read again.

A run hands over a `Slice`: everything it measured for one monitor and window. `Store.write`
replaces what is stored for it and adds the run, all or nothing, so that a crash leaves either the
old rows or the new. Reading never makes tables and never changes them. Where the tables are, and
what a transaction is there, is the business of a `Place`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias

from driftline.engine.errors import ConfigError, StoreError
from driftline.engine.outbox import Row, add, change, unsent
from driftline.engine.place import (
    TAG,
    Params,
    Place,
    Tables,
    bring_forward,
    older,
    stored_version,
)
from driftline.engine.replace import (
    facts_of,
    first_seen_kept,
    replace_definitions,
    replace_slices,
)
from driftline.engine.results import ALL, SCHEMA, Rows, Schema, arrow_rows, naive_utc, utc_now
from driftline.engine.stored import NOTHING, Known, Migrated, Past, Slice, Standing, Window
from driftline.engine.storefile import ResultsFile
from driftline.engine.storeschema import ResultsSchema
from driftline.engine.warehouses import class_of

if TYPE_CHECKING:
    import pyarrow as pa

    from driftline.engine.project import Project
    from driftline.engine.warehouses.base import Warehouse

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
_GROUNDS: Final = """
    grounds.reason as _reason,
    grounds.failed as _failed,
    grounds.has_p as _has_p,
    grounds.why_no_p as _why_no_p,
    grounds.by_chance as _by_chance
"""
_ON_GROUNDS: Final = """
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
"""
_JUDGED: Final = f"""
select
    found.*,
{_GROUNDS}
from (select * from {{source}} where monitor = $monitor{{where}}) as found
{_ON_GROUNDS}
order by found.signal, found.reference, found.segment, found.feature, found.metric
"""

# What judging rows again takes, and what incidents are made of.
_OF_HISTORY: Final = (
    *("run_id", "monitor", "signal", "signal_type", "metric", "feature", "feature_type"),
    *("segment", "window_start", "window_end", "reference", "value", "statistic", "effect"),
    *("p_value", "q_value", "ci_low", "ci_high", "reference_value", "summary", "n_reference"),
    *("n_production", "bins", "importance"),
)
_HISTORY: Final = f"""
select
    {", ".join(f"found.{name} as {name}" for name in _OF_HISTORY)},
    runs.measure_hash as _measure_hash,
{_GROUNDS}
from (select * from metrics where monitor in $monitors{{where}}) as found
{_ON_GROUNDS}
left join runs
    on runs.run_id = found.run_id
order by
    found.monitor,
    found.window_end,
    found.window_start,
    found.signal,
    found.reference,
    found.segment,
    found.feature,
    found.metric
"""

# Which runs the rows of windows come from, the newest last.
_MEASURED_BY: Final = """
select
    metrics.window_start,
    metrics.window_end,
    metrics.reference,
    metrics.reference_id,
    runs.config_hash,
    runs.measure_hash
from metrics
left join runs on runs.run_id = metrics.run_id
where metrics.monitor = $monitor
group by
    metrics.window_start,
    metrics.window_end,
    metrics.reference,
    metrics.reference_id,
    runs.run_id,
    runs.config_hash,
    runs.measure_hash,
    runs.started_at
order by runs.started_at
"""

# rows of a baseline that are in memory at once: each may hold all values of a column
_AT_ONCE: Final = 50

VERDICT: Final = (
    "threshold", "threshold_kind", "breached", "status", "severity", "score", "reason",
)  # fmt: skip
"""Columns of `metrics` that the thresholds decide."""

Filter: TypeAlias = str | Iterable[str] | None
"""Values a column may have: one, several, or None for any."""


class Store:
    """The result tables in one place.

    Every method opens the place, does one thing and closes it. All but `exists` raise `StoreError`
    when it stays in use for `wait_seconds`, is not one of Driftline's, or comes from a newer
    Driftline; those that read also when there are no results yet.

    Args:
        place: Where the tables are; a path is a DuckDB file, which the first write makes.
        wait_seconds: How long to wait for whoever has it; 0 or more.
        schema: The tables and views it has, or is brought to when it is written to.

    Attributes:
        open_transactions: How many this process is in: who is told to stop lets them end.
    """

    open_transactions: ClassVar[int] = 0

    def __init__(
        self, place: Place | Path, *, wait_seconds: float = 60.0, schema: Schema = SCHEMA
    ) -> None:
        self.place: Place = ResultsFile(place) if isinstance(place, Path) else place
        self.wait_seconds = wait_seconds
        self.schema = schema

    def exists(self) -> bool:
        """Whether there is anything that may hold tables, as far as that can be told at once."""
        return self.place.is_there()

    def version(self) -> int | None:
        """The version of the stored tables, or None before the first run."""
        if not self.exists():
            return None
        with self.place.reading(wait_seconds=self.wait_seconds) as tables:
            return stored_version(tables, self.place, self.schema)

    def migrate(self, *, dry_run: bool = False) -> Migrated:
        """Bring the tables to the schema, all or nothing; make them when there are none.

        Args:
            dry_run: Whether to tell the statements alone.
        """
        before = self.version()
        now = utc_now()
        statements = self.place.steps(self.schema, before, now)
        if statements and not dry_run:
            with self._transaction(now, asked=True):
                pass
        created = self.place.creation if before is None else ()
        return Migrated(self.place.name, before, self.schema.version, (*created, *statements))

    def prepare(self) -> None:
        """Look ahead before a run measures; bring older tables forward where writing would do it anyway.

        Raises:
            StoreError: Also when it is known at once that nothing could be stored, and when tables are
                to be brought forward by `driftline migrate` alone.
        """
        self.place.before_a_run(wait_seconds=self.wait_seconds)
        version = self.version()
        if version is not None and version < self.schema.version:
            with self._transaction(utc_now()):
                pass

    def check_writable(self) -> str:
        """Look whether a run may write, and leave everything as it is; returns what there is to say."""
        return self.place.check_writable(wait_seconds=self.wait_seconds)

    def write(
        self,
        part: Slice | Sequence[Slice],
        run: Mapping[str, object],
        statements: Rows,
        monitor: Mapping[str, object],
        definitions: Rows,
        then: Callable[[Tables], None] | None = None,
    ) -> None:
        """Replace what is stored for a slice, or several of one monitor, and add the run.

        One transaction. The same input leaves the same rows; `runs` and `statements` only grow.

        Args:
            part: The rows of a monitor and window; a backfill gives one slice a window.
            run: The row of `runs`.
            statements: Rows of `statements`.
            monitor: The row of `monitors`; a stored `first_seen_at` is kept.
            definitions: All rows of `metric_definitions`; they replace the stored ones.
            then: What else is done in the same transaction, once the rows are there.

        Raises:
            StoreError: Also when rows do not fit their table, or belong to another slice.
        """
        parts = [part] if isinstance(part, Slice) else list(part)
        facts = [facts_of(each) for each in parts]
        seen = arrow_rows("monitors", [monitor])
        defined = arrow_rows("metric_definitions", definitions)
        logged = _log(run, statements)
        with self._transaction(_started(run), tag=_tag(run)) as tables:
            replace_slices(tables, parts, facts)
            tables.put("monitors", first_seen_kept(tables, seen))
            replace_definitions(tables, defined)
            for name, rows in logged.items():
                tables.put(name, rows)
            if then is not None:
                then(tables)

    def record_failure(
        self,
        run: Mapping[str, object],
        statements: Rows,
        then: Callable[[Tables], None] | None = None,
    ) -> None:
        """Add a run that stored nothing else; stored results stay as they are.

        Args:
            run: The row of `runs`.
            statements: Rows of `statements`: what was sent before the run failed.
            then: As for `write`.

        Raises:
            StoreError: Also when a row does not fit its table.
        """
        logged = _log(run, statements)
        with self._transaction(_started(run), tag=_tag(run)) as tables:
            for name, rows in logged.items():
                tables.put(name, rows)
            if then is not None:
                then(tables)

    def read(self, sql: str, params: Params = None) -> pa.Table:
        """The rows of one SELECT over the result tables and views.

        Args:
            sql: A SELECT in DuckDB's dialect; in a warehouse, of words that it has too.
            params: Values of its `$name` parameters.

        Raises:
            StoreError: Also when the SELECT is wrong.
        """
        with self.reading() as tables:
            return tables.fetch(sql, params)

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

    def runs(self, monitor: Filter = None, status: Filter = None) -> pa.Table:
        """Rows of `runs`, newest first: of these monitors, that ended so."""
        order = "order by started_at desc, run_id desc"
        return self._select("runs", order, monitor=monitor, status=status)

    def run(self, run_id: str) -> pa.Table:
        """The one row of `runs` with that id.

        Raises:
            StoreError: Also when there is no such run.
        """
        row = self._select("runs", "", run_id=run_id)
        if row.num_rows == 0:
            hint = "`driftline ls runs` lists them."
            raise StoreError(f"{self.place.name} has no run {run_id!r}", hint=hint)
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

    def history(
        self, monitors: Iterable[str], *, since: datetime | None = None, segments: bool = True
    ) -> tuple[dict[str, list[dict[str, Any]]], dict[str, list[dict[str, Any]]]]:
        """What judging all windows of monitors again takes, by monitor: two statements in all.

        Args:
            monitors: Names of monitors.
            since: Windows that end after this time, naive UTC or aware; None is all.
            segments: Whether rows of segments are there, too.

        Returns:
            Rows of `metrics`, oldest window first, without what thresholds decide, with their grounds and
            the `_measure_hash` of their runs; rows of `features`. Monitors without any have no entry.
        """
        params: dict[str, object] = {"monitors": list(monitors)}
        where = "" if segments else f" and segment = '{ALL}'"
        if since is not None:
            params["since"] = naive_utc(since)
            where += " and window_end > $since"
        asked = {"monitors": params["monitors"]}
        with self.reading() as tables:
            rows = tables.fetch(_HISTORY.format(where=where), params).to_pylist()
            features = tables.fetch(
                "select * from features where monitor in $monitors order by monitor, feature", asked
            ).to_pylist()
        return _by_monitor(rows), _by_monitor(features)

    def judge(self, rows: Rows, then: Callable[[Tables], None] | None = None) -> None:
        """Replace the verdicts of stored rows, all or nothing.

        A row that another run has replaced in the meantime keeps the verdict it has.

        Args:
            rows: Rows of `metrics`; of these the columns in `VERDICT` are written.
            then: As for `write`.

        Raises:
            StoreError: Also when rows do not fit the table.
        """
        found = arrow_rows("metrics", rows)
        with self._transaction(utc_now()) as tables:
            tables.update("metrics", found, same=("metric_id", "run_id"), columns=VERDICT)
            if then is not None:
                then(tables)

    def past(self, monitor: str) -> Past:
        """What is stored of all windows of a monitor; nothing where there are no results."""
        of = {"monitor": monitor}
        with self._reading() as tables:
            if tables is None:
                return Past()
            counts = tables.fetch(
                "select window_end, window_start, value from metrics"
                " where monitor = $monitor and metric = 'row_count' and value is not null",
                of,
            ).to_pylist()
            columns = tables.fetch(
                "select feature, min(window_end) as first_end from profiles"
                " where monitor = $monitor and side = 'production' and data_type is not null"
                " group by feature",
                of,
            ).to_pylist()
        return Past(
            {(row["window_end"], row["window_start"]): int(row["value"]) for row in counts},
            {row["feature"]: row["first_end"] for row in columns},
        )

    def baselines(self, monitor: str | None = None) -> list[dict[str, Any]]:
        """Rows of `_baselines`: of one monitor, or of all."""
        where = "" if monitor is None else "where monitor = $monitor"
        params = None if monitor is None else {"monitor": monitor}
        with self._reading() as tables:
            if tables is None or "_baselines" not in tables.named("table"):
                return []
            order = "order by monitor, reference, feature"
            found = tables.fetch(f"select * from _baselines {where} {order}", params)
        return list(found.to_pylist())

    def save_baseline(self, rows: Iterable[Mapping[str, object]], *, anew: bool) -> None:
        """Keep rows of `_baselines` of one reference, all or nothing.

        Args:
            rows: The rows, of which a few at a time are held in memory; those with the same keys
                are replaced.
            anew: Whether what is stored of the reference goes first.
        """
        gone = "monitor = $monitor and reference = $reference" if anew else None
        self._keep("_baselines", rows, gone, ("monitor", "reference"))

    def _keep(
        self,
        table: str,
        rows: Iterable[Mapping[str, object]],
        gone: str | None,
        names: Sequence[str],
        **more: object,
    ) -> None:
        """Put rows that may be large into a table, all or nothing.

        Args:
            table: The table.
            rows: The rows, of which a few at a time are held in memory.
            gone: Which rows go first; None is none.
            names: Columns of the first row that this asks for.
            more: What else it does.
        """
        left = iter(rows)
        with self._transaction(utc_now()) as tables:
            while some := list(islice(left, _AT_ONCE)):
                if gone is not None:
                    of = {name: some[0][name] for name in names}
                    tables.execute(f"delete from {table} where {gone}", {**of, **more})
                    gone = None
                tables.put(table, arrow_rows(table, some))

    def counted_windows(self, monitor: str, rows_key: str) -> dict[Window, int]:
        """Rows of the windows of production that are kept counted in `_counted`, by start and end.

        Args:
            monitor: Name of the monitor.
            rows_key: What decides which rows production has.
        """
        with self._reading() as tables:
            if tables is None or "_counted" not in tables.named("table"):
                return {}
            rows = tables.fetch(
                "select window_start, window_end, row_count from _counted"
                f" where monitor = $monitor and rows_key = $rows_key and feature = '{ALL}'",
                {"monitor": monitor, "rows_key": rows_key},
            ).to_pylist()
        return {(row["window_start"], row["window_end"]): row["row_count"] for row in rows}

    def counted_columns(
        self, monitor: str, windows: Iterable[Window]
    ) -> dict[Window, dict[str, bytes]]:
        """What is kept of the columns of some of them, packed, by feature.

        Args:
            monitor: Name of the monitor.
            windows: Starts and ends of windows; of those that are not there nothing is known.
        """
        found: dict[Window, dict[str, bytes]] = {window: {} for window in windows}
        with self._reading() as tables:
            if tables is None:
                return found
            for start, end in found:
                rows = tables.fetch(
                    "select feature, counted from _counted where monitor = $monitor"
                    " and window_start = $start and window_end = $end and counted is not null",
                    {"monitor": monitor, "start": start, "end": end},
                ).to_pylist()
                found[start, end] = {row["feature"]: row["counted"] for row in rows}
        return found

    def save_window(self, rows: Iterable[Mapping[str, object]], before: datetime) -> None:
        """Keep rows of `_counted` of one window, all or nothing.

        Args:
            rows: The rows, of which a few at a time are held in memory. Other columns of the window stay
                unless it had another number of rows.
            before: Windows of the monitor that ended before go, naive UTC; so do those of other rows.
        """
        gone = (
            "monitor = $monitor and (rows_key <> $rows_key or window_end <= $before"
            " or (window_start = $window_start and window_end = $window_end"
            " and row_count <> $row_count))"
        )
        names = ("monitor", "window_start", "window_end", "rows_key", "row_count")
        self._keep("_counted", rows, gone, names, before=before)

    def enqueue(self, rows: Sequence[Row]) -> int:
        """Put messages into the outbox whose keys are not there yet; returns how many were added.

        What stores what messages tell of, `outbox.add` puts them beside in the same transaction.
        """
        if not rows:
            return 0
        with self._transaction(utc_now()) as tables:
            return add(tables, rows)

    def unsent(self) -> list[Row]:
        """Messages that no channel has taken, the oldest first, without bodies."""
        with self._reading() as tables:
            return [] if tables is None else unsent(tables)

    def change_outbox(self, decide: Callable[[Sequence[Row]], Sequence[Row]]) -> list[Row]:
        """Change messages that no channel has taken, in one transaction; as `outbox.change`."""
        with self._transaction(utc_now()) as tables:
            return change(tables, decide)

    def known(self, monitor: str, measure_hash: str) -> dict[Window, Known]:
        """Windows of a monitor whose rows are all of runs that measured as `measure_hash` says."""
        with self._reading() as tables:
            if tables is None:
                return {}
            rows = tables.fetch(_MEASURED_BY, {"monitor": monitor}).to_pylist()
        found: dict[Window, list[dict[str, Any]]] = {}
        for row in rows:
            found.setdefault((row["window_start"], row["window_end"]), []).append(row)
        known = {}
        for window, of in found.items():
            if all(row["measure_hash"] == measure_hash for row in of):
                # of each reference the newest run, which comes last
                newest = {(row["reference"], row["reference_id"]): row["config_hash"] for row in of}
                ids = frozenset(each for each in newest if each[0] != ALL)
                hashes = {*newest.values()}
                known[window] = Known(window, ids, hashes.pop() if len(hashes) == 1 else "")
        return known

    def awaiting_labels(self, monitor: str) -> frozenset[Window]:
        """Windows of a monitor of which some labels had not arrived when they were measured."""
        with self._reading() as tables:
            if tables is None:
                return frozenset()
            rows = tables.fetch(
                "select distinct window_start, window_end from metrics"
                " where monitor = $monitor and metric = 'label_coverage' and value < 1",
                {"monitor": monitor},
            ).to_pylist()
        return frozenset((row["window_start"], row["window_end"]) for row in rows)

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
        window = {"start": window_start, "finish": window_end}
        of: dict[str, object] = {"monitor": monitor, "segment": ALL}
        asked: tuple[tuple[str, Params], ...] = (
            (
                "select signal, metric, reference, segment, feature, p_value from metrics"
                " where monitor = $monitor and window_start = $start and window_end = $finish",
                {"monitor": monitor, **window},
            ),
            (
                "select reference, feature, bin, kind, label, lower_bound, n_reference"
                f" from histograms where monitor = $monitor and segment = $segment {newest}"
                " order by reference, feature, bin",
                of,
            ),
            (
                "select * from profiles where monitor = $monitor and segment = $segment"
                f" and side = 'reference' {newest}",
                of,
            ),
        )
        with self._reading() as tables:
            if tables is None:
                return NOTHING
            found = [tables.fetch(sql, params) for sql, params in asked]
        return Standing(*(tuple(table.to_pylist()) for table in found))

    def _select(
        self, table: str, order: str, *, since: datetime | None = None, **filters: Filter
    ) -> pa.Table:
        given = {name: values for name, values in filters.items() if values is not None}
        params: dict[str, object] = {
            name: [values] if isinstance(values, str) else list(values)
            for name, values in given.items()
        }
        tests = [f"{name} in ${name}" for name in given]
        if since is not None:
            params["since"] = naive_utc(since)
            tests.append("window_end > $since")
        where = f"where {' and '.join(tests)}" if tests else ""
        return self.read(f"select * from {table} {where} {order}", params or None)

    @contextmanager
    def writing(self) -> Iterator[Tables]:
        """The result tables, made when there are none, in one transaction: all of the block, or nothing."""
        with self._transaction(utc_now()) as tables:
            yield tables

    @contextmanager
    def changing(self) -> Iterator[Tables]:
        """The same of tables that are there.

        Raises:
            StoreError: When there are no results yet.
        """
        with self.reading():
            pass
        with self.writing() as tables:
            yield tables

    @contextmanager
    def if_any(self) -> Iterator[Tables | None]:
        """As `reading`, with None where there are no results yet."""
        with self._reading() as tables:
            yield tables

    @contextmanager
    def reading(self) -> Iterator[Tables]:
        """The result tables, for as long as the block lasts.

        Raises:
            StoreError: Also when the tables are those of an older Driftline.
        """
        with self._reading() as tables:
            if tables is None:
                missing = "{} has no result tables" if self.exists() else "there is no {}"
                what = f"no results yet: {missing.format(self.place.name)}"
                raise StoreError(what, hint="Run `driftline run` first.")
            yield tables

    @contextmanager
    def _reading(self) -> Iterator[Tables | None]:
        """As `reading`, with None where there are no results yet."""
        if not self.exists():
            yield None
            return
        with self.place.reading(wait_seconds=self.wait_seconds) as tables:
            version = stored_version(tables, self.place, self.schema)
            if version is not None and version < self.schema.version:
                raise older(self.place, version, self.schema)
            yield None if version is None else tables

    @contextmanager
    def _transaction(
        self, now: datetime, *, tag: str = TAG, asked: bool = False
    ) -> Iterator[Tables]:
        Store.open_transactions += 1
        try:
            with self.place.writing(wait_seconds=self.wait_seconds, tag=tag) as tables:
                bring_forward(self.place, tables, now, self.schema, asked=asked)
                yield tables
        finally:
            Store.open_transactions -= 1


def store_of(
    project: Project, session: Warehouse | None = None, *, wait_seconds: float = 60.0
) -> Store:
    """The results of a project.

    Args:
        project: The project.
        session: An open session of its connection, which may be what keeps others from writing.
        wait_seconds: How long to wait for whoever has them; 0 or more.

    Raises:
        ConfigError: When results cannot be in a connection of its type.
    """
    file, schema, connection = project.results.file, project.results.schema, project.connection
    if file is not None:
        return Store(ResultsFile(file), wait_seconds=wait_seconds)
    found = class_of(connection.type)
    if found is None or found.keeps is None or schema is None:
        raise ConfigError(
            f"results cannot be in a connection of type {connection.type}",
            hint="name a file: `results: {to: FILE}`",
        )
    longest, size = found.keeps.longest_name, len(schema.encode())
    if longest is not None and size > longest:
        raise ConfigError(
            f"results.schema has {size} bytes, and names of {connection.type} at most {longest}",
            hint="give a shorter name",
        )
    place: Place
    if found.keeps.replace == "file":
        assert connection.file is not None
        before = None if session is None else session.let_go
        place = ResultsFile(connection.file, schema, before)
    else:
        place = ResultsSchema(connection, schema)
    return Store(place, wait_seconds=wait_seconds)


def _by_monitor(rows: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["monitor"], []).append(row)
    return found


def _started(run: Mapping[str, object]) -> datetime:
    started = run["started_at"]
    assert isinstance(started, datetime)
    return naive_utc(started)


def _tag(run: Mapping[str, object]) -> str:
    """What statements that store a run are searched by."""
    return f"driftline monitor={run['monitor']} run={run['run_id']} step=store"


def _log(run: Mapping[str, object], statements: Rows) -> dict[str, pa.Table]:
    return {"runs": arrow_rows("runs", [run]), "statements": arrow_rows("statements", statements)}
