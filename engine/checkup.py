"""What `driftline debug` looks at: each thing a run needs, and what to do where it is not there."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo

from driftline.engine import VERSION
from driftline.engine.errors import ConfigError, DriftlineError
from driftline.engine.facts import Fact, Table, look_at
from driftline.engine.features import match_column
from driftline.engine.interpolate import mask
from driftline.engine.plan import Plan
from driftline.engine.project import Monitor, Project, Source
from driftline.engine.render import Renderer
from driftline.engine.run import keep_apart, plans_of
from driftline.engine.store import Store, store_of
from driftline.engine.summary import number
from driftline.engine.warehouses import open_warehouse
from driftline.engine.warehouses.base import MOMENTS, Warehouse
from driftline.engine.whereabouts import at_over
from driftline.engine.windows import resolve_at

Outcome = Literal["ok", "warning", "failed"]
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Checkup:
    """One line of `driftline debug`.

    Attributes:
        area: `versions`, `configuration`, `connection`, `privileges`, `timestamps`, `results store`.
        name: What was looked at, such as a package or `churn, production`.
        status: `ok`; `warning` where a run works and yet may not do what is wanted; `failed`.
        detail: What was found.
        hint: What to do about it, or None.
        exit_code: 0, or where it failed 2 for the project file, 3 for anything else.
    """

    area: str
    name: str
    status: Outcome
    detail: str
    hint: str | None = None
    exit_code: int = 0


# Packages a run needs, and those that widen what it reads, with the extra that brings them.
NEEDED: Final = ("duckdb", "sqlglot", "pyarrow", "scipy", "numpy")
EXTRAS: Final = {
    "pandas": "pandas",
    "polars": "polars",
    "deltalake": "delta",
    "pyiceberg": "iceberg",
    "adbc-driver-postgresql": "postgres",
    "clickhouse-connect": "clickhouse",
    "chdb": "chdb",
    "pyspark": "spark",
    "databricks-sql-connector": "databricks",
    "snowflake-connector-python": "snowflake",
    "google-cloud-bigquery": "bigquery",
    "trino": "trino",
}

# How long to wait for whoever has the results open.
PATIENCE: Final = 2.0


AREAS: Final = (
    "versions", "configuration", "connection", "privileges", "timestamps", "results store",
)  # fmt: skip


def versions() -> Iterator[Checkup]:
    """Driftline, Python, the packages of a run, and extras with how to get them."""
    area = "versions"
    yield Checkup(area, "driftline", "ok", VERSION)
    where = f"{platform.system()} {platform.machine()}, {sys.executable}"
    yield Checkup(area, "python", "ok", f"{platform.python_version()} on {where}")
    for package in NEEDED:
        yield Checkup(area, package, "ok", _version(package) or "of unknown version")
    for package, extra in EXTRAS.items():
        found = _version(package)
        get = f"not installed, and only needed where it is used: pip install 'driftline[{extra}]'"
        yield Checkup(area, package, "ok", found or get)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def refused(error: ConfigError) -> Checkup:
    """The line of a project that cannot be loaded."""
    hint = error.hint or "correct the file, then `driftline validate`"
    return Checkup("configuration", "project", "failed", error.message, hint, error.exit_code)


def checkups(
    project: Project, monitors: Sequence[Monitor], *, now: datetime, progress: Progress
) -> Iterator[Checkup]:
    """Look at everything that a run of a project needs; a failure stops nothing that can go on.

    Args:
        project: The project.
        monitors: The monitors to look at.
        now: An aware datetime.
        progress: Called with a few words as each step begins.
    """
    lines = _checkups(project, monitors, now, progress)
    for line in sorted(lines, key=lambda line: AREAS.index(line.area)):
        hint = None if line.hint is None else mask(line.hint, project.secrets)
        yield replace(line, detail=mask(line.detail, project.secrets), hint=hint)


def _checkups(
    project: Project, monitors: Sequence[Monitor], now: datetime, progress: Progress
) -> Iterator[Checkup]:
    yield from _configuration(project)
    again = _again(project)
    progress("opening the connection")
    try:
        warehouse = open_warehouse(project.connection)
    except DriftlineError as error:
        yield _failed("connection", project.connection.type, error)
    else:
        with closing(warehouse):
            yield from _connection(project, warehouse)
            for monitor in monitors:
                progress(f"{monitor.name}: reading sources")
                yield from _Sources(monitor, warehouse, now, again).lines()
    progress("opening the results")
    yield from _results(project, again)


def _again(project: Project) -> tuple[str, ...]:
    """What a command needs to be about the same project from here."""
    words: tuple[str, ...] = ()
    if project.path is not None and project.path.parent != Path.cwd():
        words = ("--project", os.path.relpath(project.path))
    return words if project.target is None else (*words, "--target", project.target)


def _failed(area: str, name: str, error: DriftlineError) -> Checkup:
    return Checkup(area, name, "failed", error.message, error.hint, error.exit_code)


def _configuration(project: Project) -> Iterator[Checkup]:
    area = "configuration"
    file = "made in Python" if project.path is None else os.path.relpath(project.path)
    names = ", ".join(monitor.name for monitor in project.monitors)
    yield Checkup(area, "project", "ok", f"{file} is valid; monitors: {names}")
    target = project.target or "none; the file as it is"
    yield Checkup(area, "target", "ok", target)


def _connection(project: Project, warehouse: Warehouse) -> Iterator[Checkup]:
    area, kind = "connection", project.connection.type
    try:
        found = warehouse.about()
    except DriftlineError as error:
        yield _failed(area, kind, error)
        return
    told = ", ".join((f"{found.where} opens", f"version {found.version}", *found.more))
    yield Checkup(area, kind, "ok", told)
    zone = found.time_zone
    if zone.upper() in ("UTC", "ETC/UTC", "GMT"):
        yield Checkup(area, "time zone", "ok", zone)
    else:
        hint = "leave TimeZone out of connection.settings"
        yield Checkup(area, "time zone", "warning", f"{zone}: windows are in UTC", hint)


class _Sources:
    """What one monitor reads."""

    def __init__(
        self, monitor: Monitor, warehouse: Warehouse, now: datetime, again: tuple[str, ...]
    ) -> None:
        self.monitor = monitor
        self.warehouse = warehouse
        self.now = now
        self.again = again
        self.tag = f"driftline debug monitor={monitor.name} step={{step}}"

    def lines(self) -> Iterator[Checkup]:
        """Sources, columns, then times."""
        name, production = self.monitor.name, self.monitor.production
        table: Table | None = None
        sides = [("production", production.source, production.timestamp)]
        sides += [(each.name, each.source, each.timestamp) for each in self.monitor.references]
        readable = True
        for side, source, clock in sides:
            found = self.table(source, clock)
            if isinstance(found, DriftlineError):
                readable = False
                yield _failed("privileges", f"{name}, {side}", found)
                continue
            table = found if side == "production" else table
            yield self.told(side, source, found)
        plan: Plan | DriftlineError | None = self.plan() if readable else None
        if isinstance(plan, DriftlineError):
            yield _failed("privileges", f"{name}, columns", plan)
        elif plan is not None:
            features = sum(1 for item in plan.read if item.role == "feature")
            told = f"all that the file names are there; {features} features on both sides"
            yield Checkup("privileges", f"{name}, columns", "ok", told)
        if table is not None:
            yield from self.times(table, plan)

    def table(self, source: Source, clock: str | None) -> Table | DriftlineError:
        try:
            if clock is not None:
                column = match_column(clock, self.warehouse.columns(source), where=source.written)
                clock = None if column is None else column.name
            only = () if clock is None else (clock,)
            return look_at(self.warehouse, source, only=only, tag=self.tag)
        except DriftlineError as error:
            return error

    def told(self, side: str, source: Source, table: Table) -> Checkup:
        what = "its query" if source.query else source.written
        told = f"{what} is readable: {number(table.rows)} rows, {len(table.columns)} columns"
        try:
            estimate = self.warehouse.estimated_rows(source)
        except DriftlineError as error:
            return _failed("privileges", f"{self.monitor.name}, {side}", error)
        if estimate is not None:
            told += f"; the server plans with about {number(estimate)} rows"
        line = Checkup("privileges", f"{self.monitor.name}, {side}", "ok", told)
        if table.rows:
            return line
        hint = "nothing can be measured until it has some"
        return replace(line, status="warning", hint=hint)

    def plan(self) -> Plan | DriftlineError:
        try:
            at = resolve_at(self.monitor, None, self.now)
            return next(
                each for each in plans_of(self.monitor, (at,), self.warehouse) if each.whole
            )
        except DriftlineError as error:
            return error

    def times(self, table: Table, plan: Plan | DriftlineError | None) -> Iterator[Checkup]:
        """The clock, and whether the window that ends now has rows; nothing where there is none."""
        for fact in table.facts.values():
            yield self.clock(fact, table)
            if isinstance(plan, Plan):
                yield self.window(plan, fact)

    def clock(self, fact: Fact, table: Table) -> Checkup:
        column = fact.column
        line = Checkup("timestamps", f"{self.monitor.name}, {fact.name}", "ok", "")
        if column.kind not in MOMENTS:
            what = f"{column.type}, not a timestamp or a date"
            if fact.filled and fact.times == fact.filled:
                what += ", though all of its texts are times"
            hint = f"read it with a `query:` that casts it: cast({fact.name} as timestamp)"
            return replace(line, status="failed", detail=what, hint=hint, exit_code=3)
        first, last = self.wall(fact.first_at), self.wall(fact.last_at)
        if first is None or last is None:
            return replace(line, status="warning", detail=f"{column.type}, without any value")
        read = {
            "timestamp": "a timestamp without a zone, read as UTC",
            "timestamptz": "a timestamp with a zone",
            "date": "a date",
        }[column.kind]
        told = f"{read}: {first} to {last} {self.monitor.time_zone}"
        if fact.last_at is not None and fact.last_at > self.now:
            hint = "a wrong time zone, or rows that are planned: windows end at the time of the run"
            return replace(line, status="warning", detail=f"{told}, in the future", hint=hint)
        lacking = table.rows - fact.filled
        if lacking:
            hint = "they are in no window"
            told += f"; {number(lacking)} rows have none"
            return replace(line, status="warning", detail=told, hint=hint)
        return replace(line, detail=told)

    def wall(self, moment: datetime | None) -> str | None:
        """A moment as the clocks of the monitor's time zone tell it."""
        if moment is None:
            return None
        return f"{moment.astimezone(ZoneInfo(self.monitor.time_zone)):%Y-%m-%d %H:%M}"

    def window(self, plan: Plan, fact: Fact) -> Checkup:
        """Rows of each side in the window that a run would look at now."""
        line = Checkup("timestamps", f"{self.monitor.name}, window", "ok", "")
        try:
            renderer = Renderer(
                plan,
                {key: self.warehouse.relation(source) for key, source in plan.sources.items()},
                dialect=self.warehouse.dialect,
                tag=self.tag,
                keeps_bounds=self.warehouse.keeps_bounds,
            )
            rows = self.warehouse.fetch(renderer.profile(()).sql).to_pylist()
        except DriftlineError as error:
            return _failed(line.area, line.name, error)
        limit = self.monitor.min_rows
        counts = {scan.id: 0 for scan in plan.scans} | {r["scan"]: r["row_count"] for r in rows}
        span = plan.production.windows[0]
        told = (
            f"a run now looks at {self.wall(span.start) or 'the start'} to {self.wall(span.end)}:"
        )
        told += f" {number(counts[0])} rows, against " + ", ".join(
            f"{number(counts[scan.id])} of {scan.reference}" for scan in plan.references
        )
        line = replace(line, detail=told)
        if not counts[0] and not self.monitor.production.allow_empty:
            return replace(line, status="warning", hint=self.elsewhere(fact))
        if min(counts.values()) < limit:
            hint = f"under {number(limit)} rows (min_rows) are measured and not judged"
            return replace(line, status="warning", hint=f"{hint}: a longer window has more")
        return line

    def elsewhere(self, fact: Fact) -> str:
        """The command whose window has rows."""
        last = fact.last_at
        zone = ZoneInfo(self.monitor.time_zone)
        at = None if last is None else at_over(self.monitor, last.astimezone(zone))
        if at is None:
            return "see production.window and production.filter"
        return shlex.join(("driftline", "run", self.monitor.name, "--at", at, *self.again))


def _results(project: Project, again: tuple[str, ...]) -> Iterator[Checkup]:
    """Whether results can be written, and what is there."""
    area, file = "results store", project.results.file
    what = "schema" if file is None else "file"
    try:
        keep_apart(project)
        store = store_of(project, wait_seconds=PATIENCE)
        shown = store.place.name if file is None else os.path.relpath(file)
        found = store.version()
        told = store.check_writable()
    except DriftlineError as error:
        yield _failed("privileges", "results", error)
        return
    yield Checkup("privileges", "results", "ok", f"{shown} {told}")
    if not store.exists():
        yield Checkup(area, what, "ok", f"{shown} is not there yet; the first run makes it")
    elif found is None:
        yield Checkup(area, what, "ok", f"{shown} has no results yet; the first run makes them")
    else:
        yield Checkup(area, what, "ok", f"{shown}, schema {found}")
        yield from _last_run(store, again)


def _last_run(store: Store, again: tuple[str, ...]) -> Iterator[Checkup]:
    for row in store.runs().slice(0, 1).to_pylist():
        line = Checkup("results store", "last run", "ok", "")
        told = f"{row['started_at']:%Y-%m-%d %H:%M} UTC, {row['monitor']}: {row['status']}"
        if row["status"] == "succeeded":
            yield replace(line, detail=told)
            continue
        why = " ".join((row["error"] or "some metrics have errors").split())
        words = ("driftline", "show", "--run", row["run_id"][:8], "--all", *again)
        yield replace(line, status="warning", detail=f"{told}, {why}", hint=shlex.join(words))
