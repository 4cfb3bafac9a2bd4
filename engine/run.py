"""The stages in order: what one run of a monitor is, and what a run of a project gives back."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from driftline.engine import VERSION
from driftline.engine.errors import ConfigError, DriftlineError, SourceError, StoreError
from driftline.engine.evidence import with_evidence
from driftline.engine.execute import gather
from driftline.engine.interpolate import mask
from driftline.engine.judge import judge
from driftline.engine.measure import Results, measure
from driftline.engine.plan import Plan, make_plans, references_needed
from driftline.engine.project import Duration, FixedWindow, Join, Monitor, Project
from driftline.engine.publish import publish
from driftline.engine.relations import PAST_WINDOWS, History, land_history
from driftline.engine.render import Renderer
from driftline.engine.results import arrow_rows
from driftline.engine.rows import (
    Facts,
    Row,
    aside,
    dataset_rows,
    definition_rows,
    feature_rows,
    ground_rows,
    histogram_rows,
    metric_rows,
    profile_rows,
    slices,
    slices_aside,
)
from driftline.engine.schema import config_hash
from driftline.engine.selection import EVERYTHING, Selection
from driftline.engine.store import NOTHING, Standing, Store
from driftline.engine.warehouses import open_warehouse
from driftline.engine.warehouses.base import Column, Ledger, Warehouse
from driftline.engine.windows import add, resolve_at
from driftline.engine.workbench import Workbench

if TYPE_CHECKING:
    import pyarrow as pa

Progress = Callable[[str, str], None]

FAIL_ON: Final = ("warning", "breached", "never")
_DAY: Final = 86_400


@dataclass(frozen=True)
class MonitorRun:
    """What one monitor's run found; rows have the columns of the result tables.

    Attributes:
        run: The row of `runs`.
        metrics, histograms, profiles, features, statements: Rows of the tables of those names.
        grounds: Rows of `_grounds`.
        warnings: Sentences about the project that do not stop it.
        unmeasured: What a check was asked to judge and no run has measured yet.
        try_at: Where the window has no rows, an `at` whose window has some; None otherwise.
        error: What stopped it, or None.
    """

    run: Row
    metrics: tuple[Row, ...] = ()
    histograms: tuple[Row, ...] = ()
    profiles: tuple[Row, ...] = ()
    features: tuple[Row, ...] = ()
    statements: tuple[Row, ...] = ()
    grounds: tuple[Row, ...] = ()
    warnings: tuple[str, ...] = ()
    unmeasured: tuple[str, ...] = ()
    try_at: str | None = None
    error: DriftlineError | None = None

    def exit_code(self, fail_on: str, *, strict: bool = False) -> int:
        """This run's exit code: 3 failed, 1 breached, 4 some rows are errors, 0 otherwise.

        Args:
            fail_on: Which status is a breach: `warning`, `breached` or `never`.
            strict: Whether rows that could not be judged count as errors.
        """
        if self.error is not None:
            return self.error.exit_code
        bad = {"warning": ("warning", "breached"), "breached": ("breached",), "never": ()}[fail_on]
        primary = self.run["primary"]
        if any(
            row["status"] in bad
            and row["segment"] == "__all__"
            and row["reference"] in ("__all__", primary)
            for row in self.metrics
        ):
            return 1
        if strict and self.unmeasured:
            return 4
        unjudged = ("error", *(("insufficient_data", "not_computable") if strict else ()))
        return 4 if any(row["status"] in unjudged for row in self.metrics) else 0


@dataclass(frozen=True, repr=False)
class RunResult:
    """What a run of a project found.

    Attributes:
        monitors: One entry a monitor, in the file's order.
        error: Why what was stored could not be published, or None.
        fail_on: Which status makes the exit code 1: `warning`, `breached` or `never`.
        strict: Whether rows that could not be judged make the exit code 4.
    """

    monitors: tuple[MonitorRun, ...]
    fail_on: str = "breached"
    strict: bool = False
    error: DriftlineError | None = None

    @property
    def runs(self) -> list[Row]:
        """Rows of the table `runs`."""
        return [_table_row(each.run) for each in self.monitors]

    @property
    def metrics(self) -> list[Row]:
        """Rows of the table `metrics`."""
        return [row for each in self.monitors for row in each.metrics]

    @property
    def exit_code(self) -> int:
        """What the command line exits with; 3 beats 2 beats 1 beats 4."""
        codes = {each.exit_code(self.fail_on, strict=self.strict) for each in self.monitors}
        if self.error is not None:
            codes.add(self.error.exit_code)
        return next((code for code in (3, 2, 1, 4) if code in codes), 0)

    def to_arrow(self) -> pa.Table:
        """The rows of `metrics` as an Arrow table with the stored schema."""
        return arrow_rows("metrics", self.metrics)

    def __repr__(self) -> str:
        told = (
            f"{each.run['monitor']}: {each.run['status']}, {each.run['breach_count']} of"
            f" {each.run['metric_count']} metrics breached"
            for each in self.monitors
        )
        return f"<RunResult {'; '.join(told)}>"

    def _repr_html_(self) -> str:
        from html import escape

        names = ("monitor", "feature", "metric", "value", "threshold", "status", "summary")
        head = "".join(f"<th>{name}</th>" for name in names)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(str(row[name]))}</td>" for name in names) + "</tr>"
            for row in self.metrics
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def run_project(
    project: Project,
    *,
    monitors: Sequence[str] | None = None,
    at: str | datetime | None = None,
    selection: Selection = EVERYTHING,
    warehouse: Warehouse | None = None,
    store: bool = True,
    fail_on: str = "breached",
    progress: Progress | None = None,
) -> RunResult:
    """Run monitors of a project and store what they find.

    Args:
        project: The project.
        monitors: Names of the monitors to run; None runs all.
        at: The end of the window before its offset; None is now, floored as the project says.
        selection: Which signals of which features; the results of all others stay as stored.
        warehouse: An open session; None opens the project's connection.
        store: Whether results are written.
        fail_on: Which status makes the exit code 1.
        progress: Called with the monitor's name and a few words as each step begins.

    Raises:
        ConfigError: For an unknown monitor, an unreadable `at`, or a selection that takes nothing.
        WarehouseError: When the connection cannot be opened.
    """
    report = progress or _silent
    chosen = choose_monitors(project, monitors, selection)
    now = datetime.now(UTC)
    ends = [resolve_at(monitor, at, now) for monitor in chosen]
    invocation = uuid.uuid4().hex
    if store:
        keep_apart(project)
    session = warehouse or open_warehouse(project.connection)
    target = Store(project.results.file) if store else None
    try:
        runs = tuple(
            _run_one(project, monitor, end, selection, session, target, invocation, report)
            for monitor, end in zip(chosen, ends, strict=True)
        )
    finally:
        if warehouse is None:
            session.close()
    found = tuple(each for each in runs if each is not None)
    if not found:
        names = ", ".join(monitor.name for monitor in chosen)
        raise ConfigError(
            f"the selection takes no feature of {names}",
            hint="`driftline ls features` lists them",
        )
    # a run that failed is in the log of runs, unless it is the store that failed
    stored = store and not all(isinstance(each.error, StoreError) for each in found)
    result = RunResult(found, fail_on)
    return published(result, project) if stored else result


def published(result: RunResult, project: Project) -> RunResult:
    """The result, once what is stored is published as the project says; with an error where it is not."""
    try:
        publish(Store(project.results.file), project.publish)
    except DriftlineError as error:
        return replace(result, error=error)
    return result


def keep_apart(project: Project) -> None:
    """Refuse to write results into the database that is being read.

    Raises:
        ConfigError: Then.
    """
    database = project.connection.options.get("database", ":memory:")
    if database != ":memory:" and Path(str(database)).resolve() == project.results.file.resolve():
        raise ConfigError(
            f"results.to is the monitored database itself, {database}",
            hint="name another file in `results: {to: …}`",
        )


def _silent(_monitor: str, _step: str) -> None:
    """No progress."""


def choose_monitors(
    project: Project, names: Sequence[str] | None, selection: Selection = EVERYTHING
) -> tuple[Monitor, ...]:
    """Monitors by name, in the order asked for, all when none is named; those that are selected.

    Raises:
        ConfigError: When a name is unknown, or the selection takes none of them.
    """
    known = {monitor.name: monitor for monitor in project.monitors}
    for name in names or ():
        if name not in known:
            raise ConfigError(f"there is no monitor {name!r}", hint=f"known are {', '.join(known)}")
    asked = [known[name] for name in names or known]
    chosen = tuple(monitor for monitor in asked if selection.signals(monitor))
    if not chosen:
        raise ConfigError(
            f"the selection takes none of the monitors {', '.join(each.name for each in asked)}",
            hint="`driftline validate` shows their signals, tags and owners",
        )
    return chosen


def _run_one(
    project: Project,
    monitor: Monitor,
    at: datetime,
    selection: Selection,
    warehouse: Warehouse,
    store: Store | None,
    invocation: str,
    progress: Progress,
) -> MonitorRun | None:
    log = _Log(project, monitor, at, warehouse.dialect, invocation)
    try:
        plans = plans_of(monitor, at, warehouse, selection)
        parts = tuple(
            _measured(log, plan, warehouse, store, progress) for plan in plans if not plan.is_empty
        )
        if not parts:
            return None
        result = log.finished(parts)
        if store is not None:
            progress(monitor.name, "storing results")
            log.write(store, parts, result)
        return result
    except DriftlineError as error:
        return log.failed(error, store)
    except Exception as error:  # noqa: BLE001 - one monitor's surprise must not stop the others
        unforeseen = DriftlineError(f"unexpected {type(error).__name__}: {error}")
        unforeseen.__cause__ = error
        return log.failed(unforeseen, store)


def plans_of(
    monitor: Monitor, at: datetime, warehouse: Warehouse, selection: Selection = EVERYTHING
) -> tuple[Plan, ...]:
    """The windows that a run of a monitor looks at, planned with the columns that its tables have.

    Raises:
        SourceError: When a table or a column that is needed is missing.
    """
    sources = {reference.name: reference.source for reference in monitor.references}
    needed = references_needed(monitor, selection)
    return make_plans(
        monitor,
        at,
        warehouse.columns(monitor.production.source),
        {name: warehouse.columns(sources[name]) for name in needed},
        {join.name: _joined_columns(monitor, join, warehouse) for join in monitor.joins},
        selection,
    )


def _joined_columns(monitor: Monitor, join: Join, warehouse: Warehouse) -> tuple[Column, ...]:
    try:
        return warehouse.columns(join.source)
    except SourceError as error:
        where = f"monitor {monitor.name}, join {join.name}"
        raise SourceError(f"{where}: {error.message}", hint=error.hint) from error


@dataclass(frozen=True)
class _Part:
    """What a run found in one of the windows that it looked at."""

    plan: Plan
    metrics: tuple[Row, ...]
    histograms: tuple[Row, ...]
    profiles: tuple[Row, ...]
    features: tuple[Row, ...]
    scanned: int
    rows: int
    warnings: tuple[str, ...]
    try_at: str | None
    standing: Standing
    grounds: tuple[Row, ...]


def _measured(
    log: _Log, plan: Plan, warehouse: Warehouse, store: Store | None, progress: Progress
) -> _Part:
    """Measure and judge one window."""
    monitor, secrets = plan.monitor, log.project.secrets
    bench = Workbench(memory_limit=_memory_limit(log.project))
    try:
        renderer = Renderer(
            plan,
            {number: warehouse.relation(source) for number, source in plan.sources.items()},
            dialect=warehouse.dialect,
            tag=f"driftline monitor={monitor.name} run={log.run_id} step={{step}}",
            keeps_bounds=warehouse.keeps_bounds,
            keeps_rows=warehouse.keeps_rows,
        )
        gathered = gather(
            plan, warehouse, renderer, bench, log.ledger, lambda step: progress(monitor.name, step)
        )
        for told in (gathered.failed, gathered.unmatched):
            for number, message in told.items():
                told[number] = mask(message, secrets)
        elsewhere, try_at = (
            _rows_elsewhere(plan, warehouse, renderer, bench, log.ledger)
            if plan.whole
            else ((), None)
        )
        progress(monitor.name, "computing metrics")
        if plan.whole:
            past = () if store is None else _past(store, plan)
            land_history(plan, History(*past), bench)
        standing = NOTHING
        if store is not None and not plan.selection.is_everything:
            standing = store.standing(monitor.name, plan.window_start, plan.window_end)
        results = Results(bench)
        (found,) = bench.rows(
            f"select sum(row_count) as n from scan_rows where scan = {plan.production.id}"
        )
        verdicts = tuple(
            judge(
                one,
                min_rows=monitor.min_rows,
                allow_empty=monitor.production.allow_empty,
                is_empty=not found["n"],
            )
            for one in with_evidence(
                plan, measure(plan, gathered, results), results, standing.metrics
            )
        )
        facts = Facts(plan, gathered, bench, standing)
        return _Part(
            plan,
            tuple(metric_rows(facts, verdicts, log.run_id, _now())),
            tuple(histogram_rows(facts, log.run_id)),
            tuple(profile_rows(facts, log.run_id)),
            tuple(feature_rows(facts, log.run_id)),
            int(facts.scanned),
            dataset_rows(verdicts),
            (*plan.warnings, *elsewhere),
            try_at,
            standing,
            tuple(ground_rows(plan, verdicts, log.run_id)),
        )
    finally:
        bench.close()


def _past(store: Store, plan: Plan) -> tuple[tuple[int, ...], frozenset[str]]:
    """What is stored of earlier windows, in tables that are up to date."""
    if store.exists():
        store.migrate()
    return store.before(plan.monitor.name, plan.window_end, windows=PAST_WINDOWS)


def _rows_elsewhere(
    plan: Plan, warehouse: Warehouse, renderer: Renderer, bench: Workbench, ledger: Ledger
) -> tuple[tuple[str, ...], str | None]:
    """Where production's rows are when its window has none and should: a sentence, and an `at`."""
    scan, monitor = plan.production, plan.monitor
    (found,) = bench.rows(f"select sum(row_count) as n from scan_rows where scan = {scan.id}")
    if found["n"] or monitor.production.allow_empty:
        return (), None
    source = "production's query" if scan.source.query else scan.source.written
    source += " has no rows" if scan.filter is None else " has no rows that pass the filter"
    if scan.clock is None:
        return (source,), None
    statement = renderer.time_range()
    started = time.perf_counter()
    (row,) = warehouse.fetch(statement.sql).to_pylist()
    ledger.add(statement, warehouse.dialect, 1, time.perf_counter() - started, None)
    if row["last_at"] is None:
        return (f"{source} at any time",), None
    zone = ZoneInfo(monitor.time_zone)
    first, last = (
        row[name].replace(tzinfo=UTC).astimezone(zone) for name in ("first_at", "last_at")
    )
    told = f"{source} there, but from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}"
    if monitor.time_zone != "UTC":
        told += f" {monitor.time_zone}"
    at = at_over(monitor, last, plan.delay)
    return (f"{told}: try --at {at}" if at else f"{told}: see production.window",), at


def at_over(monitor: Monitor, last: datetime, delay: Duration | None = None) -> str | None:
    """An `at` whose window holds a moment, given in the monitor's time zone; None if it is fixed."""
    window = monitor.production.window
    if isinstance(window, FixedWindow):
        return None
    size = Duration(days=1) if window is None else window.size
    unit = next((each for each in (_DAY, 3600, 60) if size.seconds % each == 0), 1)
    wall = last.replace(tzinfo=None)
    midnight = wall.replace(hour=0, minute=0, second=0, microsecond=0)
    units = (wall - midnight) // timedelta(seconds=unit) + 1
    end = (midnight + units * timedelta(seconds=unit)).replace(tzinfo=last.tzinfo)
    offset = None if window is None else window.offset
    for back in (delay, offset):
        if back is not None:
            end = add(end, back, monitor.time_zone).astimezone(last.tzinfo)
    return end.replace(tzinfo=None).isoformat().removesuffix(":00").removesuffix("T00:00")


def _memory_limit(project: Project) -> str | None:
    settings = project.connection.options.get("settings")
    limit = settings.get("memory_limit") if isinstance(settings, Mapping) else None
    return None if limit is None else str(limit)


@dataclass
class _Log:
    """What `runs`, `statements` and `monitors` say of one run."""

    project: Project
    monitor: Monitor
    at: datetime
    dialect: str
    invocation: str
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    ledger: Ledger = field(default_factory=Ledger)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC).replace(tzinfo=None))
    clock: float = field(default_factory=time.perf_counter)

    def finished(self, parts: Sequence[_Part]) -> MonitorRun:
        metrics = tuple(row for part in parts for row in part.metrics)
        errors = sum(1 for row in metrics if row["status"] == "error")
        status = "succeeded" if not errors else "partial" if errors < len(metrics) else "failed"
        whole = next((part for part in parts if part.plan.whole), parts[0])
        return MonitorRun(
            run=self._row(
                status,
                window_count=len({(row["window_start"], row["window_end"]) for row in metrics}),
                metric_count=len(metrics),
                breach_count=sum(1 for row in metrics if row["status"] == "breached"),
                scanned_rows=sum(part.scanned for part in parts),
                primary=whole.plan.primary.reference,
                window_rows=whole.rows,
            ),
            metrics=metrics,
            histograms=tuple(row for part in parts for row in part.histograms),
            profiles=tuple(row for part in parts for row in part.profiles),
            features=tuple(
                {**row, "window_end": parts[0].plan.window_end}
                for part in parts
                for row in part.features
            ),
            statements=self._statements(),
            grounds=tuple(row for part in parts for row in part.grounds),
            warnings=tuple(line for part in parts for line in part.warnings),
            try_at=whole.try_at,
        )

    def write(self, store: Store, parts: Sequence[_Part], result: MonitorRun) -> None:
        pieces = [
            piece
            for part in parts
            for piece in slices(
                part.plan,
                [row for row in part.metrics if not aside(part.plan, row)],
                part.histograms,
                part.profiles,
                result.features if part is parts[0] else (),
                [row for row in part.grounds if not aside(part.plan, row)],
                part.standing,
            )
        ]
        rows, grounds = (
            [row for part in parts for row in getattr(part, name) if aside(part.plan, row)]
            for name in ("metrics", "grounds")
        )
        store.write(
            [*pieces, *slices_aside(self.monitor.name, rows, grounds)],
            _table_row(result.run),
            result.statements,
            self._monitor(),
            definition_rows(),
        )

    def failed(self, error: DriftlineError, store: Store | None) -> MonitorRun:
        """The run of a monitor that could not be measured or stored; its row is stored if it can be."""
        message = mask(str(error), self.project.secrets)
        run = self._row("failed", error=message)
        result = MonitorRun(run=run, statements=self._statements(), error=error)
        # a store that has just failed would only make the caller wait again
        if store is not None and not isinstance(error, StoreError):
            try:
                store.record_failure(_table_row(run), result.statements)
            except DriftlineError as second:
                # the store itself may be what failed: the first error is the one to tell
                if not run["error"]:
                    raise second from error
        return result

    def _row(self, status: str, **known: Any) -> Row:
        monitor = self.monitor
        return {
            "run_id": self.run_id,
            "invocation_id": self.invocation,
            "monitor": monitor.name,
            "model": monitor.model,
            "model_version": monitor.model_version,
            "target": self.project.target,
            "dialect": self.dialect,
            "requested_at": self.at.astimezone(UTC).replace(tzinfo=None),
            "started_at": self.started_at,
            "finished_at": _now(),
            "status": status,
            "window_count": 1,
            "metric_count": 0,
            "breach_count": 0,
            "statement_count": len(self.ledger.sent),
            "scanned_rows": 0,
            "seconds": time.perf_counter() - self.clock,
            "driftline_version": VERSION,
            "config_hash": config_hash(monitor),
            "measure_hash": measure_hash(monitor),
            "error": None,
            "primary": monitor.primary.name,
            "window_rows": None,
            **known,
        }

    def _statements(self) -> tuple[Row, ...]:
        return tuple(
            {
                "run_id": self.run_id,
                "step": sent.step,
                "sequence": sent.sequence,
                "dialect": sent.dialect,
                "sql": mask(sent.sql, self.project.secrets),
                "rows_returned": sent.rows_returned,
                "seconds": sent.seconds,
                "error": None if sent.error is None else mask(sent.error, self.project.secrets),
            }
            for sent in self.ledger.sent
        )

    def _monitor(self) -> Row:
        monitor = self.monitor
        return {
            "monitor": monitor.name,
            "model": monitor.model,
            "model_version": monitor.model_version,
            "task": monitor.task,
            "owner": monitor.owner,
            "tags": ", ".join(monitor.tags) or None,
            "description": monitor.description,
            "schedule": monitor.schedule,
            "config_hash": config_hash(monitor),
            "config_yaml": mask(monitor.yaml, self.project.secrets),
            "first_seen_at": self.started_at,
            "last_seen_at": self.started_at,
        }


# Kept beside the row of `runs` while the run is at hand; not a column of it.
_ASIDE: Final = ("primary", "window_rows")


def _table_row(row: Mapping[str, Any]) -> Row:
    return {name: value for name, value in row.items() if name not in _ASIDE}


def measure_hash(monitor: Monitor) -> str:
    """Changes when stored numbers would: data, features and bins, not thresholds or names of people."""
    parts = repr(
        (
            (
                monitor.production.source.written,
                monitor.production.timestamp,
                monitor.production.window,
                monitor.production.filter,
            ),
            [
                (r.name, r.source.written, r.timestamp, r.window, r.filter)
                for r in monitor.references
            ],
            monitor.roles,
            monitor.features,
            [(j.name, j.source.written, j.on, j.timestamp, j.delay) for j in monitor.joins],
            sorted(
                (name, s.type, s.bins, s.bounds, s.values)
                for name, s in monitor.settings.items()
                if (s.type, s.bins, s.bounds, s.values) != (None,) * 4
            ),
            monitor.bins,
            monitor.max_categories,
            monitor.exact,
            monitor.conventions,
            monitor.time_zone,
        )
    )
    return hashlib.sha256(parts.encode()).hexdigest()[:16]


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
