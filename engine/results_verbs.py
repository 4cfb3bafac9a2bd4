"""The verbs about stored results: what they show, judge again, copy, make and bring forward."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args

from driftline.engine.calls import (
    Moment,
    ProjectLike,
    instant,
    load,
    masked,
    or_error,
    own_metrics,
    several,
    since_of,
)
from driftline.engine.errors import ConfigError, StoreError
from driftline.engine.project import Project, Publish
from driftline.engine.results import Status, arrow_listing
from driftline.engine.store import Filter, Store, store_of
from driftline.engine.stored import Migrated
from driftline.engine.yaml_file import nearest

if TYPE_CHECKING:
    import pyarrow as pa

    from driftline.engine.outcome import RunResult

LISTS: Final = ("monitors", "runs", "features", "metrics", "notes")
ENDS: Final = ("succeeded", "partial", "failed")
STATUSES: Final = get_args(Status)


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
    loaded = load(project, target)
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
            since=since_of(since),
            run_id=None if run is None else _run_id(store, run),
        )


def explain(
    project: ProjectLike = None,
    monitor: str | None = None,
    *,
    feature: Filter = None,
    by: str | None = None,
    reference: str | None = None,
    target: str | None = None,
) -> pa.Table:
    """Split the drift of features into what their segments' shares and what happened within explain.

    Of the newest stored window. Divergences are of Kullback and Leibler, in nats, of production from the
    reference, in the stored bins; by their chain rule those of the segments' shares (`mix`) and within the
    segments (`within`) make up that of both together.

    Args:
        project: The project file, its folder, or a `Project`.
        monitor: A name; None is all that have segments.
        feature: Names of features; None is all.
        by: One of the monitor's `segments`: a column, columns with a comma between, or a condition's name;
            None is each of them.
        reference: The reference's name; None is the primary one.
        target: One of the file's targets.

    Returns:
        For each feature and segmentation a row of all segments together (segment `__all__`), then a row a
        segment: monitor, reference, feature, by, segment, window_start, window_end, share_reference,
        share_production, mix, within. What is explained most comes first.

    Raises:
        ConfigError: When the project or a name is wrong, or there are no segments.
        StoreError: When there are no results yet, or they cannot be read.
    """
    from driftline.engine.explain import explained

    loaded = load(project, target)
    with masked(loaded):
        store = store_of(loaded)
        if monitor is not None:
            _check_monitor(loaded, store, monitor)
        features = [feature] if isinstance(feature, str) else feature
        return explained(
            loaded,
            lambda sql, params: store.read(sql, params).to_pylist(),
            monitor,
            None if features is None else [*features],
            by,
            reference,
        )


def ls(
    project: ProjectLike = None,
    what: str = "monitors",
    *,
    status: Filter = None,
    target: str | None = None,
) -> pa.Table:
    """List what there is.

    Args:
        project: The project file, its folder, or a `Project`; not needed for `metrics`.
        what: `monitors`, `runs`, `features`, `metrics` or `notes`.
        status: With `runs`, those alone that ended so: `succeeded`, `partial`, `failed`.
        target: One of the file's targets.

    Returns:
        Rows of `monitor_status` (a monitor that never ran has nulls), `runs` (newest first),
        `features`, `metric_definitions`, or notes, the newest moment first.

    Raises:
        ConfigError: When the project is wrong or there is no such list.
        StoreError: When there are no results yet, or they cannot be read.
    """
    if what not in LISTS:
        raise ConfigError(f"there is no list of {what!r}", hint=f"known are {', '.join(LISTS)}")
    ends = [status] if isinstance(status, str) else [*(status or ())]
    for each in ends:
        if each not in ENDS or what != "runs":
            raise ConfigError(
                f"there are no {what} whose status is {each!r}",
                hint=f"runs end as {', '.join(ENDS)}",
            )
    if what == "metrics":
        from driftline.engine.results import arrow_rows
        from driftline.engine.rows import definition_rows

        own = own_metrics(project, target)
        return arrow_rows("metric_definitions", definition_rows(own))
    loaded = load(project, target)
    with masked(loaded):
        store = store_of(loaded)
        if what == "runs":
            return store.runs(status=ends or None)
        if what == "features":
            return store.features()
        if what == "notes":
            from driftline.engine.keeping import list_notes

            return arrow_listing("_notes", list_notes(loaded))
        return _monitors(loaded, store)


def prune(
    project: ProjectLike = None,
    *,
    keep: str,
    monitors: str | Sequence[str] | None = None,
    dry_run: bool = False,
    target: str | None = None,
) -> pa.Table:
    """Delete results that are older than one wants to keep, all or nothing.

    Of each monitor the newest window stays; so do open incidents, messages that wait, and baselines.

    Args:
        project: The project file, its folder, or a `Project`.
        keep: How long ago windows may have ended that stay, such as `P400D`.
        monitors: Names; None is all.
        dry_run: Whether to count what would go, and delete nothing.
        target: One of the file's targets; None takes DRIFTLINE_TARGET.

    Returns:
        monitor, table, row_count: the rows that went.

    Raises:
        ConfigError: When the project or an argument is wrong.
        StoreError: When there are no results, or they cannot be written.
    """
    import pyarrow as pa

    from driftline.engine.keeping import prune as pruned
    from driftline.engine.times import parse_duration

    try:
        length = parse_duration(keep)
    except ValueError as error:
        raise ConfigError(f"keep: {error}") from None
    loaded = load(project, target)
    names = several(monitors)
    with masked(loaded):
        found = pruned(loaded, length, names, dry_run=dry_run)
    kinds = {"monitor": pa.string(), "table": pa.string(), "row_count": pa.int64()}
    return pa.Table.from_pylist(found, schema=pa.schema(list(kinds.items())))


def note(
    project: ProjectLike,
    monitor: str,
    text: str,
    *,
    at: Moment = None,
    by: str | None = None,
    target: str | None = None,
) -> pa.Table:
    """Note something of a moment of a monitor: a new model, a campaign, a broken pipeline.

    Args:
        project: The project file, its folder, or a `Project`.
        monitor: Name of the monitor.
        text: What there is to know.
        at: The moment, in the monitor's time zone; None is now.
        by: Who; None is the user of the system.
        target: One of the file's targets; None takes DRIFTLINE_TARGET.

    Returns:
        The note, as `ls notes` lists it.

    Raises:
        ConfigError: When the project or an argument is wrong.
        StoreError: When the results cannot be written.
    """
    from datetime import UTC, datetime

    from driftline.engine.keeping import write_note
    from driftline.engine.selection import choose_monitors
    from driftline.engine.windows import resolve_at

    loaded = load(project, target)
    with masked(loaded):
        (found,) = choose_monitors(loaded, [monitor])
        now = datetime.now(UTC)
        moment = now if at is None else resolve_at(found, instant(at), now)
        return arrow_listing("_notes", [write_note(loaded, monitor, text, at=moment, by=by)])


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

    loaded = load(project, target)
    names = several(monitors)
    with masked(loaded):
        result = check_project(loaded, monitors=names, at=instant(at), write=write)
        return or_error(result, loaded)


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

    loaded = load(project, target)
    copies = loaded.publish
    if duckdb is not None or parquet is not None:
        file, folder = (None if each is None else Path(each) for each in (duckdb, parquet))
        copies = Publish(file, folder)
    if copies == Publish():
        raise ConfigError(
            "nothing says where to publish to",
            hint="put `publish: {duckdb: FILE, parquet: FOLDER}` into the project file,"
            " or give --duckdb FILE or --parquet FOLDER",
        )
    results = loaded.results.file
    if copies.duckdb is not None and results and copies.duckdb.resolve() == results.resolve():
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
    loaded = load(project, target)
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
    from driftline.engine.dialects import spelled_schema

    asked = project is not None or target is not None
    if asked or (dialect is None and nearest_project() is not None):
        loaded = load(project, target)
        if (name := loaded.results.schema) is not None:
            dialect = dialect or loaded.connection.type
            schema = schema or spelled_schema(name)
    return ddl_of(dialect or "duckdb", schema_name=schema, role=role or ROLE)


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
