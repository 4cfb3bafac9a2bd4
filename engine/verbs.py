"""What users call: each verb of the command line as a function; those of stored results are beside it."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, overload

from driftline.engine.calls import (
    Moment,
    ProjectLike,
    advise,
    instant,
    load,
    masked,
    moment,
    or_error,
    own_metrics,
    several,
)
from driftline.engine.catalog import METRICS, SHORT_NAMES, Metric
from driftline.engine.errors import ConfigError, SourceError
from driftline.engine.interpolate import mask
from driftline.engine.project import Connection, Monitor, Project, Source
from driftline.engine.selection import EVERYTHING, Selection, parse_selection
from driftline.engine.yaml_file import nearest, spell

if TYPE_CHECKING:
    import pyarrow as pa

    from driftline.engine.checkup import Checkup
    from driftline.engine.compile import Compiled
    from driftline.engine.differences import Differences
    from driftline.engine.estimate import Estimate
    from driftline.engine.guess import Side
    from driftline.engine.outcome import RunResult
    from driftline.engine.scaffold import Scaffold
    from driftline.engine.warehouses.base import Warehouse

DEMO_AT: Final = "2013-07-01"
DEMO_FOLDER: Final = "driftline-demo"
# the monitor whose history the demo tells, and since when
DEMO_DAILY: Final = "arrival_delay_daily"
DEMO_SINCE: Final = "2013-05-20"
BASELINE_ACTIONS: Final = ("build", "show", "list")

_DEMO_DATA: Final = ("README.md", "labels.parquet", "scored.parquet", "training.parquet")
_DEMO_PROJECT: Final = "driftline.yml"
_DEMO_TOOLS: Final = ("load_postgres.py",)

_log: Final = logging.getLogger("driftline")
_log.addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Validated:
    """A project file that is right.

    Attributes:
        project: What it says.
        notes: What is allowed and yet worth a second look, a sentence each.
        resolved: The file with every default filled in, secrets masked; None unless asked for.
        differences: What the file will do to the results that are stored; None unless asked for.
    """

    project: Project
    notes: tuple[str, ...]
    resolved: str | None = None
    differences: Differences | None = None


def run(
    project: ProjectLike,
    *,
    monitors: str | Sequence[str] | None = None,
    at: Moment = None,
    select: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] | None = None,
    catch_up: bool = False,
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
        catch_up: Whether to compute every window since the last that was run, by the schedule or one
            after the other, as far back as `max_catch_up` says; goes with none of the three above.
        target: One of the file's targets; None takes DRIFTLINE_TARGET.
        connection: An open session to read from instead of the project's own: a DuckDB connection,
            a Spark session, or an ADBC connection to PostgreSQL. Its tables and views are read;
            temporary ones of DuckDB and PostgreSQL, and registered frames, cannot be. It stays
            open, and its settings stay as they are.

    Raises:
        ConfigError: When the project or an argument is wrong.
        SourceError: When a table, file or column is missing or unreadable.
        WarehouseError: When the warehouse cannot be reached or refuses a statement.
        StoreError: When results cannot be stored.
    """
    selection = parse_selection(select, exclude)
    loaded = load(project, target)
    names = several(monitors)
    with masked(loaded):
        warehouse = _beside(connection)
        if catch_up:
            from driftline.engine.scheduler import catch_up_project

            if at is not None or select or exclude:
                raise ConfigError(
                    "what is caught up are whole windows, up to now",
                    hint="leave out --at, --select and --exclude, or --catch-up",
                )
            return _ran(
                lambda: catch_up_project(
                    loaded, monitors=names, warehouse=warehouse, progress=progress
                ),
                loaded,
                warehouse,
            )
        return _run(loaded, names, instant(at), warehouse, selection=selection)


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
    loaded = load(project, target)
    names = several(monitors)
    with masked(loaded):
        warehouse = _beside(connection)

        def work() -> RunResult:
            return backfill_project(
                loaded,
                start=moment(start),
                end=moment(end),
                every=step,
                monitors=names,
                warehouse=warehouse,
                force=force,
                progress=progress,
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
    loaded = load(project, target)
    names = several(monitors)
    with masked(loaded):
        warehouse = _beside(connection)
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
        theirs = load(project, target)
        made = replace(made, connection=theirs.connection, secrets=theirs.secrets)
    with masked(made):
        warehouse = (
            _over_frames(made.connection, frames) if frames else open_warehouse(made.connection)
        )
        try:
            found = replace(_run(made, None, None, warehouse, store=False), fail_on="never")
        except SourceError as error:
            # there is no project file that the usual advice could be about
            advise(error, "give a path, a glob in quotes, or a table of the connection")
            raise
    if save is not None and text is not None:
        _write_new(Path(save), text)
    return found


def demo(folder: str | os.PathLike[str] = DEMO_FOLDER) -> RunResult:
    """Copy a complete project on real flights data into a folder and run it.

    Args:
        folder: Is made; may be there when it is empty or holds an earlier demo, whose project file
            is kept as it is.

    Returns:
        What was found of the week before `DEMO_AT`, and of the six weeks before it day by day.

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
    project_file = () if _DEMO_PROJECT in there else (_DEMO_PROJECT,)
    for name in (*_DEMO_DATA, *_DEMO_TOOLS, *project_file):
        with as_file(files("driftline.fixtures.demo") / name) as file:
            (path / name).write_bytes(file.read_bytes())
    project = demo_project(path)
    weekly = [each.name for each in project.monitors if each.name != DEMO_DAILY]
    found = run(project, monitors=weekly, at=DEMO_AT)
    if len(weekly) < len(project.monitors):
        days = backfill(project, start=DEMO_SINCE, end=DEMO_AT, monitors=DEMO_DAILY)
        found = replace(found, monitors=(*found.monitors, *days.monitors))
    return replace(found, fail_on="never")


def demo_project(folder: str | os.PathLike[str]) -> Project:
    """The project in a demo's folder; whatever target the surroundings are set to, it runs there.

    Raises:
        ConfigError: When its file is wrong.
    """
    from driftline.engine.config import load_project

    quiet = {name: text for name, text in os.environ.items() if name != "DRIFTLINE_TARGET"}
    return load_project(Path(folder) / _DEMO_PROJECT, environ=quiet)


def validate(
    project: ProjectLike = None,
    *,
    resolved: bool = False,
    diff: bool = False,
    against: str | os.PathLike[str] | None = None,
    target: str | None = None,
) -> Validated:
    """Check a project file without touching any data.

    Args:
        project: The project file, its folder, or a `Project`.
        resolved: Whether to spell the file out with all defaults.
        diff: Whether to tell what it will do to the results that are stored.
        against: With `diff`, what the file said before: another file, its folder, or a revision of git
            such as `HEAD`. None finds out of the results, as far as they tell.
        target: One of the file's targets.

    Raises:
        ConfigError: With everything that is wrong in the file, a line each; when `against` is neither.
        StoreError: With `diff`, when the results cannot be read.
    """
    from driftline.engine.config import notes, resolved_yaml

    loaded = load(project, target)
    if loaded.beside:
        # trying one takes all that a run does
        from driftline.engine.trial import complain_of_own

        complain_of_own(loaded)
    found = None
    if diff or against is not None:
        from driftline.engine.differences import differences

        with masked(loaded):
            found = differences(loaded, None if against is None else os.fspath(against))
    spelled = resolved_yaml(loaded) if resolved else None
    return Validated(loaded, notes(loaded), spelled, found)


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
    from driftline.engine.selection import choose_monitors

    loaded = load(project, target)
    names = several(monitors)
    with masked(loaded):
        selection = parse_selection(select, exclude)
        chosen = choose_monitors(loaded, names, selection)
        found = compile_project(
            loaded, monitors=chosen, dialect=dialect, at=instant(at), selection=selection
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


def estimates(
    project: ProjectLike = None,
    *,
    monitors: str | Sequence[str] | None = None,
    select: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] | None = None,
    target: str | None = None,
) -> tuple[Estimate, ...]:
    """About how many rows the tables hold that a run would read, for a dry run.

    Raises:
        WarehouseError: When the warehouse cannot be reached.
    """
    from driftline.engine.estimate import estimate
    from driftline.engine.selection import choose_monitors
    from driftline.engine.warehouses import open_warehouse

    loaded = load(project, target)
    names = several(monitors)
    with masked(loaded):
        selection = parse_selection(select, exclude)
        chosen = choose_monitors(loaded, names, selection)
        with closing(open_warehouse(loaded.connection)) as warehouse:
            return estimate(chosen, selection, warehouse)


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


def new_metric(name: str, *, project: ProjectLike = None) -> Path:
    """Write a first file of a metric of one's own into the folder `metrics` beside the project file.

    Args:
        name: The metric's name, which is the file's.
        project: The project file or its folder; None is the nearest one.

    Returns:
        The file.

    Raises:
        ConfigError: When it cannot have that name, or there is such a file already.
    """
    from driftline.engine.config import nearest_project
    from driftline.engine.own_metrics import FOLDER, scaffold, why_no_name

    if isinstance(project, Project):
        root: Path | None = project.root
    elif project is None:
        found = nearest_project()
        root = None if found is None else found.parent
    else:
        given = Path(project)
        root = given if given.is_dir() else given.parent
    if root is None:
        raise ConfigError(
            "there is no driftline.yml here or above; metrics of one's own stand beside it",
            hint="make one with `driftline init`, or name it with --project",
        )
    if (why := why_no_name(name)) is not None:
        raise ConfigError(why)
    path = root / FOLDER / f"{name}.sql"
    if path.exists():
        raise ConfigError(f"{path} is there already", hint="change it, or take another name")
    path.parent.mkdir(exist_ok=True)
    path.write_text(scaffold(name), "utf-8")
    return path


@overload
def metrics(
    name: None = None, *, project: ProjectLike = None, target: str | None = None
) -> tuple[Metric, ...]: ...
@overload
def metrics(name: str, *, project: ProjectLike = None, target: str | None = None) -> Metric: ...
def metrics(
    name: str | None = None, *, project: ProjectLike = None, target: str | None = None
) -> tuple[Metric, ...] | Metric:
    """The catalogue, or one metric: definition, SQL, parameters, source.

    Args:
        name: A metric's name, also a short one; None gives all.
        project: The project whose own metrics count, too; None is the nearest one, if there is any.
        target: One of the file's targets.

    Raises:
        ConfigError: When there is no such metric, or the project's file or a metric of it is wrong.
    """
    if name is not None and (built_in := METRICS.get(SHORT_NAMES.get(name, name))) is not None:
        return built_in
    own = {metric.name: metric for metric in own_metrics(project, target)}
    if name is None:
        return (*METRICS.values(), *own.values())
    found = own.get(name)
    if found is None:
        near = nearest(name, [*METRICS, *SHORT_NAMES, *own])
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
    from driftline.engine.selection import choose_monitors

    found = list(checkup.versions())
    try:
        loaded = load(project, target)
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
            progress=progress,
        )

    return _ran(work, project, warehouse)


def _ran(work: Callable[[], RunResult], project: Project, warehouse: Warehouse | None) -> RunResult:
    """Do the work of a session, tell the log, and raise the first error once all have run."""
    try:
        result = work()
    finally:
        if warehouse is not None:
            warehouse.close()
    tell_all(result)
    return or_error(result, project)


def tell_all(result: RunResult) -> None:
    """Tell the log of runs, and of what should be looked at."""
    for each in result.monitors:
        tell(each.run, each.statements)
    for note in result.notes:
        _log.warning("%s", note)


def progress(monitor: str, step: str) -> None:
    """Tell the log what a monitor's run is at."""
    _log.info("%s: %s", monitor, step, extra={"monitor": monitor, "step": step})


def tell(run: dict[str, Any], statements: Iterable[dict[str, Any]]) -> None:
    """Tell the log of a run, and of what it sent."""
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


def _beside(connection: Any) -> Warehouse | None:
    from driftline.engine.warehouses import session_beside

    return None if connection is None else session_beside(connection)


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
        advise(error, "give a path, or a glob in quotes")
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
