"""What users call: each verb of the command line as a function."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, get_args, overload

from driftline.engine.catalog import METRICS, SHORT_NAMES, Metric
from driftline.engine.errors import ConfigError, DriftlineError, SourceError, StoreError
from driftline.engine.interpolate import mask
from driftline.engine.judge import Status
from driftline.engine.project import Connection, Monitor, Project, Publish, Source
from driftline.engine.selection import EVERYTHING, Selection, parse_selection
from driftline.engine.store import Filter, Store, store_of
from driftline.engine.stored import Migrated
from driftline.engine.yaml_file import nearest, spell

if TYPE_CHECKING:
    import pyarrow as pa

    from driftline.engine.checkup import Checkup
    from driftline.engine.compile import Compiled
    from driftline.engine.guess import Side
    from driftline.engine.outcome import RunResult
    from driftline.engine.scaffold import Scaffold
    from driftline.engine.warehouses.base import Warehouse

ProjectLike: TypeAlias = "str | os.PathLike[str] | Project | None"
"""A project file, the folder it is in, a `Project`, or None for the nearest `driftline.yml`."""

Moment: TypeAlias = "str | date | None"
"""A date, a date and time (both also as ISO 8601 text), or None."""

DEMO_AT: Final = "2013-07-01"
DEMO_FOLDER: Final = "driftline-demo"
BASELINE_ACTIONS: Final = ("build", "show", "list")
LISTS: Final = ("monitors", "runs", "features", "metrics")
STATUSES: Final = get_args(Status)

_DEMO_DATA: Final = ("README.md", "scored.parquet", "training.parquet")
_DEMO_PROJECT: Final = "driftline.yml"

_log: Final = logging.getLogger("driftline")
_log.addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Validated:
    """A project file that is right.

    Attributes:
        project: What it says.
        notes: What is allowed and yet worth a second look, a sentence each.
        resolved: The file with every default filled in, secrets masked; None unless asked for.
    """

    project: Project
    notes: tuple[str, ...]
    resolved: str | None = None


def run(
    project: ProjectLike,
    *,
    monitors: str | Sequence[str] | None = None,
    at: Moment = None,
    select: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] | None = None,
    target: str | None = None,
    connection: Any = None,
) -> RunResult:
    """Compute the window of each monitor, store the results and judge them.

    One failing monitor stops no other: all run and are stored, then the first error is raised,
    and its attribute `result` holds what the others found.

    Args:
        project: The project file, its folder, or a `Project`.
        monitors: Names; None is all.
        at: The end of the window before its offset; None is now, floored as the project says.
        select: What to compute, such as `signal:data_drift,feature:age monitor:churn* tag:tier1`: a
            comma is and, a space is or; also `owner:`. Results of all else stay as stored.
        exclude: What to leave out, in the same words.
        target: One of the file's targets; None takes DRIFTLINE_TARGET.
        connection: An open DuckDB connection to read from instead of the project's own. Its tables
            and views are read; temporary ones and registered frames cannot be. It stays open, and
            its settings stay as they are.

    Raises:
        ConfigError: When the project or an argument is wrong.
        SourceError: When a table, file or column is missing or unreadable.
        WarehouseError: When the warehouse cannot be reached or refuses a statement.
        StoreError: When results cannot be stored.
    """
    selection = parse_selection(select, exclude)
    loaded = _load(project, target)
    names = [monitors] if isinstance(monitors, str) else monitors
    with masked(loaded):
        warehouse = None if connection is None else _beside(connection)
        return _run(loaded, names, _instant(at), warehouse, selection=selection)


def backfill(
    project: ProjectLike,
    *,
    start: str | date,
    end: str | date,
    every: str | None = None,
    monitors: str | Sequence[str] | None = None,
    force: bool = False,
    target: str | None = None,
    connection: Any = None,
) -> RunResult:
    """Compute many past windows of each monitor in one pass, store the results and judge them.

    The windows are [s, s + size) for s = start, start + every, … while s + size <= end; each is what
    `run` computes at s + size + offset.

    Args:
        project: The project file, its folder, or a `Project`.
        start: Start of the first window; a date is its midnight in the monitor's time zone.
        end: No window ends after it.
        every: How far the windows lie apart, such as `P1D`; None is the window's size.
        monitors: Names; None is all.
        force: Whether to compute windows again that are stored and up to date.
        target: One of the file's targets; None takes DRIFTLINE_TARGET.
        connection: As for `run`.

    Raises:
        ConfigError: When the project or an argument is wrong, or a monitor has no window that moves.
        SourceError: When a table, file or column is missing or unreadable.
        WarehouseError: When the warehouse cannot be reached or refuses a statement.
        StoreError: When results cannot be stored.
    """
    from driftline.engine.backfill import backfill_project
    from driftline.engine.times import parse_duration

    try:
        step = None if every is None else parse_duration(every)
    except ValueError as error:
        raise ConfigError(f"every: {error}") from None
    loaded = _load(project, target)
    names = [monitors] if isinstance(monitors, str) else monitors
    with masked(loaded):
        warehouse = None if connection is None else _beside(connection)

        def work() -> RunResult:
            return backfill_project(
                loaded,
                start=_moment(start),
                end=_moment(end),
                every=step,
                monitors=names,
                warehouse=warehouse,
                force=force,
                progress=_progress,
            )

        return _ran(work, loaded, warehouse)


def baseline(
    project: ProjectLike,
    action: str = "list",
    *,
    monitors: str | Sequence[str] | None = None,
    target: str | None = None,
    connection: Any = None,
) -> pa.Table:
    """Build, show or list baselines: what references amount to, so that runs need not read them.

    Runs of whole files and fixed windows keep and use baselines by themselves while the files stay the
    same; a table is kept where the file says `frozen: true`.

    Args:
        project: The project file, its folder, or a `Project`.
        action: `build` reads the references and keeps what they amount to, replacing what there was;
            `list` tells which are kept; `show` tells what is known of each column.
        monitors: Names; None is all.
        target: One of the file's targets; None takes DRIFTLINE_TARGET.
        connection: As for `run`.

    Returns:
        `build`, `list`: a row a reference; `show`: a row a column.

    Raises:
        ConfigError: When the project or an argument is wrong, or no reference can be kept.
        SourceError: When a table, file or column is missing or unreadable.
        StoreError: When baselines cannot be stored or read.
    """
    import pyarrow as pa

    from driftline.engine import baselines

    if action not in BASELINE_ACTIONS:
        raise ConfigError(
            f"there is no action {action!r}", hint=f"known are {', '.join(BASELINE_ACTIONS)}"
        )
    loaded = _load(project, target)
    names = [monitors] if isinstance(monitors, str) else monitors
    with masked(loaded):
        warehouse = None if connection is None else _beside(connection)
        try:
            if action == "show":
                found = baselines.baseline_columns(loaded, names)
            elif action == "build":
                found = baselines.build_baselines(loaded, names, warehouse)
            else:
                found = baselines.list_baselines(loaded, names, warehouse)
        finally:
            if warehouse is not None:
                warehouse.close()
    return pa.Table.from_pylist(found, schema=_baseline_schema(action))


def _baseline_schema(action: str) -> pa.Schema:
    import pyarrow as pa

    text, whole, real = pa.string(), pa.int64(), pa.float64()
    named = [("monitor", text), ("reference", text), ("reference_id", text)]
    if action == "show":
        rest = [
            ("feature", text),
            ("kind", text),
            ("row_count", whole),
            ("cells", whole),
            ("minimum", real),
            ("maximum", real),
        ]
    else:
        rest = [
            ("built_at", pa.timestamp("us")),
            ("row_count", whole),
            ("feature_count", whole),
            ("source", text),
            ("status", text),
        ]
    return pa.schema([*named, *rest])


def compare(
    reference: Any,
    production: Any,
    *,
    save: str | os.PathLike[str] | None = None,
    project: ProjectLike = None,
    target: str | None = None,
) -> RunResult:
    """Compare two tables as they are, with the default signals; nothing is stored.

    Args:
        reference: A path or glob, a table's name, an Arrow table, a pandas or Polars data frame.
        production: The same.
        save: A project file to leave behind that compares the same two; it must not exist yet.
        project: A project whose connection the tables are read through.
        target: One of its targets.

    Raises:
        ConfigError: When an argument is wrong, or `save` exists.
        SourceError: When a side cannot be read.
        WarehouseError: When the warehouse refuses a statement.
    """
    from driftline.engine.config import compare_project
    from driftline.engine.frames import arrow_of
    from driftline.engine.warehouses import open_warehouse

    frames: dict[str, Any] = {}
    sources: dict[str, Source] = {}
    for name, side in (("reference", reference), ("production", production)):
        if isinstance(side, str | os.PathLike):
            sources[name] = _source(os.fspath(side))
        else:
            frames[f"driftline_{name}"] = arrow_of(side, name=name)
            sources[name] = Source(written=name, table=(f"driftline_{name}",))
    made = compare_project(
        sources["reference"],
        sources["production"],
        name=_name_of(sources["production"]),
        root=Path.cwd(),
    )
    text = None if save is None else _saved(made.monitors[0], Path(save), frames, project)
    if project is not None:
        theirs = _load(project, target)
        made = replace(made, connection=theirs.connection, secrets=theirs.secrets)
    with masked(made):
        warehouse = (
            _over_frames(made.connection, frames) if frames else open_warehouse(made.connection)
        )
        try:
            found = replace(_run(made, None, None, warehouse, store=False), fail_on="never")
        except SourceError as error:
            # there is no project file that the usual advice could be about
            _advise(error, "give a path, a glob in quotes, or a table of the connection")
            raise
    if save is not None and text is not None:
        _write_new(Path(save), text)
    return found


def demo(folder: str | os.PathLike[str] = DEMO_FOLDER) -> RunResult:
    """Copy a complete project on real flights data into a folder and run it.

    Args:
        folder: Is made; may be there when it is empty or holds an earlier demo, whose project file
            is kept as it is.

    Raises:
        ConfigError: When the folder holds something else.
        StoreError: When results cannot be stored.
    """
    path = Path(folder)
    try:
        there = {entry.name for entry in path.iterdir()} if path.exists() else set()
    except OSError as error:
        raise ConfigError(f"{path} is not a folder", hint="name another one") from error
    if there and not there.issuperset((*_DEMO_DATA, _DEMO_PROJECT)):
        raise ConfigError(
            f"{path} is not empty and holds no earlier demo",
            hint="name another folder: `driftline demo DIR`",
        )
    path.mkdir(parents=True, exist_ok=True)
    # the project file last: without it, a copy that was interrupted is no earlier demo
    for name in (*_DEMO_DATA, *((_DEMO_PROJECT,) if _DEMO_PROJECT not in there else ())):
        with as_file(files("driftline.fixtures.demo") / name) as file:
            (path / name).write_bytes(file.read_bytes())
    from driftline.engine.config import load_project

    # it has no targets, whatever the surroundings are set to
    quiet = {name: text for name, text in os.environ.items() if name != "DRIFTLINE_TARGET"}
    project = load_project(path / _DEMO_PROJECT, environ=quiet)
    return replace(run(project, at=DEMO_AT), fail_on="never")


def validate(
    project: ProjectLike = None, *, resolved: bool = False, target: str | None = None
) -> Validated:
    """Check a project file without touching any data.

    Args:
        project: The project file, its folder, or a `Project`.
        resolved: Whether to spell the file out with all defaults.
        target: One of the file's targets.

    Raises:
        ConfigError: With everything that is wrong in the file, a line each.
    """
    from driftline.engine.config import notes, resolved_yaml

    loaded = _load(project, target)
    return Validated(loaded, notes(loaded), resolved_yaml(loaded) if resolved else None)


def compile(  # noqa: A001 (named like its command)
    project: ProjectLike = None,
    *,
    monitors: str | Sequence[str] | None = None,
    dialect: str | None = None,
    out: str | os.PathLike[str] | None = None,
    target: str | None = None,
) -> tuple[Compiled, ...]:
    """Render every statement a run would send, without credentials.

    Args:
        project: The project file, its folder, or a `Project`.
        monitors: Names; None is all.
        dialect: `duckdb`, `postgres`, `snowflake` …; None is the connection's own.
        out: A folder to write one file a statement to: `MONITOR/01_profile.sql` …
        target: One of the file's targets.

    Raises:
        ConfigError: When the project, a name or the dialect is wrong.
        SourceError: When the columns of a source are nowhere to be found.
    """
    found = statements(project, monitors=monitors, dialect=dialect, target=target)
    if out is not None:
        for path, text in compiled_files(found, Path(out)).items():
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, "utf-8")
            except OSError as error:
                raise ConfigError(f"cannot write {path}: {error.strerror}") from error
    return found


def statements(
    project: ProjectLike = None,
    *,
    monitors: str | Sequence[str] | None = None,
    dialect: str | None = None,
    at: Moment = None,
    select: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] | None = None,
    target: str | None = None,
) -> tuple[Compiled, ...]:
    """What `compile` renders, for the window and the selection of a given run: the dry run."""
    from driftline.engine.compile import compile_project
    from driftline.engine.run import choose_monitors

    loaded = _load(project, target)
    names = [monitors] if isinstance(monitors, str) else monitors
    with masked(loaded):
        selection = parse_selection(select, exclude)
        chosen = choose_monitors(loaded, names, selection)
        found = compile_project(
            loaded, monitors=chosen, dialect=dialect, at=_instant(at), selection=selection
        )
    return tuple(
        replace(
            each,
            statements=tuple(
                replace(statement, sql=mask(statement.sql, loaded.secrets))
                for statement in each.statements
            ),
        )
        for each in found
    )


def compiled_files(found: Iterable[Compiled], folder: Path) -> dict[Path, str]:
    """Where `compile` writes each statement, in order, and its text."""
    texts: dict[Path, str] = {}
    taken: set[str] = set()
    for each in found:
        base = name = re.sub(r"[^\w-]+", "_", each.monitor)
        number = 1
        while name in taken:
            number += 1
            name = f"{base}_{number}"
        taken.add(name)
        for order, statement in enumerate(each.statements, start=1):
            texts[folder / name / f"{order:02}_{statement.step}.sql"] = f"{statement.sql}\n"
    return texts


def show(
    project: ProjectLike = None,
    monitor: str | None = None,
    *,
    all: bool = False,  # noqa: A002 (named like its option)
    signal: Filter = None,
    feature: Filter = None,
    segment: Filter = None,
    status: Filter = None,
    since: Moment = None,
    run: str | None = None,
    target: str | None = None,
) -> pa.Table:
    """Read results from the store; no warehouse is asked.

    Args:
        project: The project file, its folder, or a `Project`.
        monitor: A name; None without any filter gives one row a monitor (`monitor_status`).
        all: Whether rows whose status is ok are there too; they are when `status` or `feature`
            asks for some.
        signal: Names of signals.
        feature: Names of features; `__all__` is the whole dataset.
        segment: Names of segments; `__all__` is everyone.
        status: Statuses, such as `breached`.
        since: Windows that end after this time, instead of the newest.
        run: Rows that one run wrote: its id, or the beginning of it.
        target: One of the file's targets.

    Returns:
        Rows of `metrics`, worst first; or rows of `monitor_status`.

    Raises:
        ConfigError: When the project, a name or a status is wrong.
        StoreError: When there are no results yet, or they cannot be read.
    """
    loaded = _load(project, target)
    with masked(loaded):
        store = store_of(loaded)
        filters = (signal, feature, segment, status, since, run)
        if monitor is None and not all and filters == (None,) * len(filters):
            return store.status()
        statuses = [status] if isinstance(status, str) else status
        if statuses is not None:
            _check_statuses(statuses := list(statuses))
        elif not all and feature is None:
            statuses = [each for each in STATUSES if each != "ok"]
        if monitor is not None:
            _check_monitor(loaded, store, monitor)
        return store.metrics(
            monitor,
            signal=signal,
            feature=feature,
            segment=segment,
            status=statuses,
            since=_since(since),
            run_id=None if run is None else _run_id(store, run),
        )


def ls(
    project: ProjectLike = None, what: str = "monitors", *, target: str | None = None
) -> pa.Table:
    """List what there is.

    Args:
        project: The project file, its folder, or a `Project`; not needed for `metrics`.
        what: `monitors`, `runs`, `features` or `metrics`.
        target: One of the file's targets.

    Returns:
        Rows of `monitor_status` (a monitor that never ran has nulls), `runs` (newest first),
        `features` or `metric_definitions`.

    Raises:
        ConfigError: When the project is wrong or there is no such list.
        StoreError: When there are no results yet, or they cannot be read.
    """
    if what not in LISTS:
        raise ConfigError(f"there is no list of {what!r}", hint=f"known are {', '.join(LISTS)}")
    if what == "metrics":
        from driftline.engine.results import arrow_rows
        from driftline.engine.rows import definition_rows

        return arrow_rows("metric_definitions", definition_rows())
    loaded = _load(project, target)
    with masked(loaded):
        store = store_of(loaded)
        if what == "runs":
            return store.runs()
        if what == "features":
            return store.features()
        return _monitors(loaded, store)


@overload
def metrics(name: None = None) -> tuple[Metric, ...]: ...
@overload
def metrics(name: str) -> Metric: ...
def metrics(name: str | None = None) -> tuple[Metric, ...] | Metric:
    """The catalogue, or one metric: definition, SQL, parameters, source.

    Args:
        name: A metric's name, also a short one; None gives all.

    Raises:
        ConfigError: When there is no such metric.
    """
    if name is None:
        return tuple(METRICS.values())
    found = METRICS.get(SHORT_NAMES.get(name, name))
    if found is None:
        near = nearest(name, [*METRICS, *SHORT_NAMES])
        raise ConfigError(
            f"there is no metric {name!r}{near}", hint="`driftline metrics` lists them"
        )
    return found


def init(
    folder: str | os.PathLike[str] = ".",
    *,
    production: str | os.PathLike[str] | None = None,
    reference: str | os.PathLike[str] | None = None,
    name: str | None = None,
) -> Scaffold:
    """Write a first `driftline.yml`: one to edit, or one guessed from tables, each guess with why.

    Of the tables, types and counts are asked; no row is read out of them.

    Args:
        folder: Where to; is made when it is not there.
        production: A path or glob of the rows being scored.
        reference: A path or glob of what they are compared with; None is production's own past.
        name: Name of the monitor; None is `my_model`, or that of production's file.

    Raises:
        ConfigError: When there is such a file already, or an argument is wrong.
        SourceError: When a table cannot be read, or the two have no column in common.
        WarehouseError: When DuckDB refuses the statement.
    """
    from driftline.engine import guess, scaffold

    file = Path(folder) / _DEMO_PROJECT
    if file.exists():
        raise ConfigError(
            f"{file} exists already, and is left as it is",
            hint="edit it, or name another folder: `driftline init DIR`",
        )
    if production is None:
        if reference is not None:
            raise ConfigError("there is a reference, and no production to compare with it")
        name = name or "my_model"
        _write_checked(file, scaffold.blank(name))
        return scaffold.Scaffold(file, name)
    sides = _sides(file, production, reference)
    name = name or scaffold.name_of(sides[0].source)
    guesses = guess.guess(*sides)
    _write_checked(file, scaffold.text(name, *sides, guesses))
    return scaffold.Scaffold(file, name, guesses, guess.newest_at(sides[0], guesses))


def debug(
    project: ProjectLike = None, *, monitor: str | None = None, target: str | None = None
) -> tuple[Checkup, ...]:
    """Look at everything a run needs: each thing a line, with what to do where it is not there.

    Nothing that is wrong is raised: it is a line, and all else is looked at that still can be.

    Args:
        project: The project file, its folder, or a `Project`.
        monitor: Look at the sources of this monitor alone.
        target: One of the file's targets.
    """
    from driftline.engine import checkup
    from driftline.engine.run import choose_monitors

    found = list(checkup.versions())
    try:
        loaded = _load(project, target)
        chosen = choose_monitors(loaded, None if monitor is None else [monitor])
    except ConfigError as error:
        return (*found, checkup.refused(error))

    def progress(step: str) -> None:
        _log.info(step, extra={"step": step})

    now = datetime.now(UTC)
    return (*found, *checkup.checkups(loaded, chosen, now=now, progress=progress))


def schema() -> dict[str, object]:
    """The JSON Schema of `driftline.yml`, for editors."""
    from driftline.engine.schema import project_schema

    return project_schema()


def check(
    project: ProjectLike,
    *,
    monitors: str | Sequence[str] | None = None,
    at: Moment = None,
    write: bool = False,
    target: str | None = None,
) -> RunResult:
    """Judge stored results again by the project as it is now; no data is read but the store.

    Thresholds, `alert_when`, `min_rows` and the choice of metrics and features count as the file has
    them today. What it asks for and no run has measured is told in each entry's `unmeasured`.

    Args:
        project: The project file, its folder, or a `Project`.
        monitors: Names; None is all.
        at: As for `run`: the window that it would replace. None is each monitor's newest stored one.
        write: Whether the verdicts replace the stored ones, of all monitors in one transaction.
        target: One of the file's targets; None takes DRIFTLINE_TARGET.

    Raises:
        ConfigError: When the project or an argument is wrong.
        StoreError: When a monitor has no results yet, or the store cannot be read or written. Its
            attribute `result` then holds what was found of the others.
    """
    from driftline.engine.check import check_project

    loaded = _load(project, target)
    names = [monitors] if isinstance(monitors, str) else monitors
    with masked(loaded):
        result = check_project(loaded, monitors=names, at=_instant(at), write=write)
        return _or_error(result, loaded)


def publish(
    project: ProjectLike = None,
    *,
    duckdb: str | os.PathLike[str] | None = None,
    parquet: str | os.PathLike[str] | None = None,
    target: str | None = None,
) -> tuple[Path, ...]:
    """Make the copies of the results that BI tools may hold open, as after every run.

    Args:
        project: The project file, its folder, or a `Project`.
        duckdb: A DuckDB file to write; with it or `parquet`, the project's own copies stay as they
            are.
        parquet: A folder to write one Parquet file a table to.
        target: One of the file's targets.

    Returns:
        The files that were written.

    Raises:
        ConfigError: When neither the project nor an argument says where to.
        StoreError: When there are no results yet, or a copy cannot be written.
    """
    from driftline.engine.publish import publish as publish_copies

    loaded = _load(project, target)
    copies = loaded.publish
    if duckdb is not None or parquet is not None:
        copies = Publish(*(None if each is None else Path(each) for each in (duckdb, parquet)))
    if copies == Publish():
        raise ConfigError(
            "nothing says where to publish to",
            hint="put `publish: {duckdb: FILE, parquet: FOLDER}` into the project file,"
            " or give --duckdb FILE or --parquet FOLDER",
        )
    file = loaded.results.file
    if copies.duckdb is not None and file is not None and copies.duckdb.resolve() == file.resolve():
        raise ConfigError(
            f"{copies.duckdb} is the results file itself", hint="name another file for the copy"
        )
    with masked(loaded):
        return publish_copies(store_of(loaded), copies)


def migrate(
    project: ProjectLike = None, *, dry_run: bool = False, target: str | None = None
) -> Migrated:
    """Bring the result tables to the newest schema, in one transaction; make them where none are.

    A run does the same by itself. Tables never go back to an older schema.

    Args:
        project: The project file, its folder, or a `Project`.
        dry_run: Whether to tell the statements alone.
        target: One of the file's targets.

    Raises:
        ConfigError: When the project is wrong.
        StoreError: When the tables are those of a newer Driftline, or cannot be written.
    """
    loaded = _load(project, target)
    with masked(loaded):
        return store_of(loaded).migrate(dry_run=dry_run)


def ddl(
    project: ProjectLike = None,
    *,
    dialect: str | None = None,
    schema: str | None = None,
    role: str | None = None,
    target: str | None = None,
) -> str:
    """The DDL of the result tables and views, with comments, and grants for those who read them.

    Args:
        project: The project file, its folder, or a `Project`; not needed.
        dialect: `duckdb`, `postgres`, `snowflake` …; None is that of the results.
        schema: Where the tables are; None is where the project has them, else `driftline`, of DuckDB
            `main`.
        role: Who may read them, a role that exists; None writes `bi_reader`.
        target: One of the file's targets.

    Raises:
        ConfigError: When the dialect is unknown or the schema is not a name in it.
    """
    from driftline.engine.config import nearest_project
    from driftline.engine.ddl import ROLE
    from driftline.engine.ddl import ddl as ddl_of
    from driftline.engine.sqltext import quoted

    asked = project is not None or target is not None
    if asked or (dialect is None and nearest_project() is not None):
        loaded = _load(project, target)
        if (name := loaded.results.schema) is not None:
            dialect = dialect or loaded.connection.type
            plain = re.fullmatch("[a-z_][a-z0-9_]*", name) is not None
            schema = schema or (name if plain else quoted(name))
    return ddl_of(dialect or "duckdb", schema_name=schema, role=role or ROLE)


@contextmanager
def masked(project: Project) -> Iterator[None]:
    """Hide the project's secrets in every exception that leaves the block."""
    try:
        yield
    except Exception as error:
        _hide(error, project.secrets)
        raise


def _hide(error: BaseException | None, secrets: frozenset[str]) -> None:
    """Mask the texts of an error and of those behind it, in place."""
    seen: set[int] = set()
    rest = [error]
    while rest:
        each = rest.pop()
        if each is None or id(each) in seen or not secrets:
            continue
        seen.add(id(each))
        each.args = tuple(mask(arg, secrets) if isinstance(arg, str) else arg for arg in each.args)
        for name in ("message", "hint", "sql"):
            text = getattr(each, name, None)
            if isinstance(text, str):
                setattr(each, name, mask(text, secrets))
        rest += [each.__cause__, each.__context__]


def _advise(error: DriftlineError, hint: str) -> None:
    error.hint = hint
    error.args = (f"{error.message}\n  {hint}",)


def _load(project: ProjectLike, target: str | None) -> Project:
    if not isinstance(project, Project):
        from driftline.engine.config import load_project

        return load_project(None if project is None else Path(project), target=target)
    if target not in (None, project.target):
        raise ConfigError(
            f"the project was loaded for target {project.target!r}, not {target!r}",
            hint="give the project's file to choose a target",
        )
    return project


def _run(
    project: Project,
    monitors: Sequence[str] | None,
    at: str | datetime | None,
    warehouse: Warehouse | None = None,
    *,
    selection: Selection = EVERYTHING,
    store: bool = True,
) -> RunResult:
    """Run monitors of a project."""
    from driftline.engine.run import run_project

    def work() -> RunResult:
        return run_project(
            project,
            monitors=monitors,
            at=at,
            selection=selection,
            warehouse=warehouse,
            store=store,
            progress=_progress,
        )

    return _ran(work, project, warehouse)


def _ran(work: Callable[[], RunResult], project: Project, warehouse: Warehouse | None) -> RunResult:
    """Do the work of a session, tell the log, and raise the first error once all have run."""
    try:
        result = work()
    finally:
        if warehouse is not None:
            warehouse.close()
    for each in result.monitors:
        _tell(each.run, each.statements)
    return _or_error(result, project)


def _progress(monitor: str, step: str) -> None:
    _log.info("%s: %s", monitor, step, extra={"monitor": monitor, "step": step})


def _or_error(result: RunResult, project: Project) -> RunResult:
    """The result, or its first error, which the attribute `result` then goes with."""
    found = [*(each.error for each in result.monitors), result.error]
    errors = [error for error in found if error is not None]
    for error in errors:
        _hide(error, project.secrets)
    if errors:
        # the attribute that the docstring of `run` promises
        errors[0].result = result
        raise errors[0]
    return result


def _tell(run: dict[str, Any], statements: Iterable[dict[str, Any]]) -> None:
    about = {"monitor": run["monitor"], "run_id": run["run_id"]}
    for sent in statements:
        _log.debug(
            "%s: %s: %s rows in %.3f s",
            run["monitor"],
            sent["step"],
            sent["rows_returned"],
            sent["seconds"],
            extra={**about, "step": sent["step"], "sql": sent["sql"]},
        )
    _log.info(
        "%s: %s, %d metrics, %d breached, %.1f s",
        run["monitor"],
        run["status"],
        run["metric_count"],
        run["breach_count"],
        run["seconds"],
        extra={**about, "status": run["status"]},
    )


def _over_frames(connection: Connection, frames: Mapping[str, Any]) -> Warehouse:
    from driftline.engine.warehouses.duckdb import DuckDB

    if connection.type == DuckDB.dialect:
        return DuckDB(connection.options, frames=frames)
    if len(frames) < 2:
        raise ConfigError(
            f"a data frame cannot be compared with a table of {connection.type}",
            hint="give two data frames, or two tables",
        )
    return DuckDB({}, frames=frames)


def _beside(connection: Any) -> Warehouse:
    import duckdb

    from driftline.engine.warehouses.duckdb import DuckDB

    if not isinstance(connection, duckdb.DuckDBPyConnection):
        kind = f"{type(connection).__module__}.{type(connection).__qualname__}"
        raise ConfigError(
            f"connection is a {kind}, not an open DuckDB connection",
            hint="other connections are not built in this version",
        )
    return DuckDB.of(connection)


def _instant(at: Moment) -> str | datetime | None:
    """What a run takes: a date becomes its text, whose midnight is in the monitor's time zone."""
    return None if at is None else _moment(at)


def _moment(at: str | date) -> str | datetime:
    return at if isinstance(at, str | datetime) else at.isoformat()


def _since(since: Moment) -> datetime | None:
    from driftline.engine.times import parse_instant

    at = _instant(since)
    try:
        return parse_instant(at, "UTC") if isinstance(at, str) else at
    except ValueError as error:
        raise ConfigError(f"since: {error}") from None


def _check_statuses(statuses: Iterable[str]) -> None:
    for each in statuses:
        if each not in STATUSES:
            near = nearest(each, STATUSES) or f"; known are {', '.join(STATUSES)}"
            raise ConfigError(f"there is no status {each!r}{near}")


def _check_monitor(project: Project, store: Store, name: str) -> None:
    """Refuse a name that neither the project nor the store knows."""
    known = [monitor.name for monitor in project.monitors]
    if name in known or name in store.status().column("monitor").to_pylist():
        return
    raise ConfigError(
        f"there is no monitor {name!r}{nearest(name, known)}", hint=f"known are {', '.join(known)}"
    )


def _run_id(store: Store, beginning: str) -> str:
    found = store.read(
        "select run_id from runs where starts_with(run_id, $beginning) order by run_id limit 2",
        {"beginning": beginning},
    )
    ids: list[str] = found.column("run_id").to_pylist()
    if len(ids) == 1:
        return ids[0]
    what = "more than one run begins with" if ids else "there is no run"
    raise ConfigError(f"{what} {beginning!r}", hint="`driftline ls runs` lists them")


def _monitors(project: Project, store: Store) -> pa.Table:
    """Rows of `monitor_status` for the monitors of the file, in its order."""
    import pyarrow as pa

    try:
        stored = store.status()
    except StoreError:
        if store.exists() and store.version() is not None:
            raise
        stored = _status_schema().empty_table()
    rows = {row["monitor"]: row for row in stored.to_pylist()}
    never = dict.fromkeys(stored.column_names)
    return pa.Table.from_pylist(
        [
            rows.get(
                each.name,
                {**never, "monitor": each.name, "model": each.model, "owner": each.owner},
            )
            for each in project.monitors
        ],
        schema=stored.schema,
    )


def _status_schema() -> pa.Schema:
    """The columns of the view `monitor_status`."""
    import pyarrow as pa

    text, count, moment = pa.string(), pa.int64(), pa.timestamp("us")
    return pa.schema(
        [
            ("monitor", text),
            ("model", text),
            ("owner", text),
            ("last_run_at", moment),
            ("last_status", text),
            ("window_end", moment),
            ("row_count", pa.float64()),
            ("feature_count", count),
            ("breached_features", count),
            ("open_alerts", count),
            ("worst_feature", text),
            ("worst_score", pa.float64()),
            ("summary", text),
        ]
    )


def _source(text: str) -> Source:
    from driftline.engine.config import source_of

    try:
        return source_of(text, root=Path.cwd())
    except ValueError as error:
        raise ConfigError(str(error)) from None


def _name_of(source: Source) -> str:
    """The name of a monitor of a source: its file's or its table's."""
    if source.files:
        stem = Path(source.files[0]).name.split(".")[0]
        return stem if stem and not set(stem) & set("*?[") else "compare"
    return source.written if source.table[0].startswith("driftline_") else source.table[-1]


def _saved(monitor: Monitor, file: Path, frames: dict[str, Any], project: ProjectLike) -> str:
    """The text of a project file that compares the same two tables."""
    if file.exists():
        raise ConfigError(f"{file} exists already", hint="name another file with --save")
    if frames or project is not None:
        what = "frames in memory have no path" if frames else "there is a project already"
        raise ConfigError(f"nothing can be saved: {what}")

    def table(source: Source) -> str:
        return spell(_beside_file(source, file))

    return (
        "# All else is as by default: `driftline validate --resolved` spells it out.\n"
        "monitors:\n"
        f"  - name: {spell(monitor.name)}\n"
        f"    production: {{table: {table(monitor.production.source)}}}\n"
        f"    reference: {{table: {table(monitor.primary.source)}}}\n"
    )


def _beside_file(source: Source, file: Path) -> str:
    """A source as a project file names it: paths are relative to the file."""
    text = source.written
    if source.files and "://" not in text and not Path(text).is_absolute():
        text = os.path.relpath(source.files[0], file.absolute().parent)
        # what has neither a slash nor a known suffix is read as a table's name
        text = text if _source(text).files else f"./{text}"
    return text


def _sides(
    file: Path, production: str | os.PathLike[str], reference: str | os.PathLike[str] | None
) -> tuple[Side, Side | None]:
    """What is known of the tables that a new project file is about."""
    from driftline.engine.facts import look_at
    from driftline.engine.guess import Side
    from driftline.engine.warehouses.duckdb import DuckDB

    warehouse = DuckDB({})

    def side(path: str | os.PathLike[str]) -> Side:
        source = _source(os.fspath(path))
        if not source.files:
            raise ConfigError(
                f"{source.written} is not a file",
                hint="give a path, or a glob in quotes; to watch a table of a database, call"
                " `driftline init` without tables and edit its connection and tables",
            )
        _log.info("reading %s", source.written, extra={"step": f"reading {source.written}"})
        table = look_at(warehouse, source, tag="driftline init step={step}")
        return Side(_beside_file(source, file), source, table)

    try:
        first, second = side(production), None if reference is None else side(reference)
    except SourceError as error:
        _advise(error, "give a path, or a glob in quotes")
        raise
    finally:
        warehouse.close()
    return first, second


def _write_checked(file: Path, text: str) -> None:
    """Write a project file, once it is known to be a valid one."""
    from tempfile import TemporaryDirectory

    from driftline.engine.config import load_project

    folder = file.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot make {folder}: {error.strerror}") from error
    with TemporaryDirectory() as scratch:
        draft = Path(scratch) / file.name
        draft.write_text(text, "utf-8")
        load_project(draft, environ={})
    _write_new(file, text)


def _write_new(file: Path, text: str) -> None:
    try:
        with file.open("x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError as error:
        raise ConfigError(f"{file} exists already", hint="name another file with --save") from error
    except OSError as error:
        raise ConfigError(f"cannot write {file}: {error.strerror}") from error
