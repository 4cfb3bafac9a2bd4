"""The stages in order: what one run of a monitor is, and what a run of a project does."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from driftline.engine.attributions import listed_sources
from driftline.engine.baseline import Known
from driftline.engine.errors import (
    ConfigError,
    DriftlineError,
    SourceError,
    StatementError,
    StoreError,
    WarehouseError,
)
from driftline.engine.evidence import with_evidence
from driftline.engine.execute import gather
from driftline.engine.freeze import Frozen, counted_columns, learned, save, taken_up
from driftline.engine.interpolate import mask
from driftline.engine.journal import Journal, Part
from driftline.engine.judge import judge
from driftline.engine.measure import Measurement, Results, measure, straddling
from driftline.engine.moving import Moving, add_up, keep
from driftline.engine.outcome import MonitorRun, RunResult
from driftline.engine.plan import Batch, Plan, together
from driftline.engine.planning import make_plans, references_needed
from driftline.engine.project import Join, Monitor, Project
from driftline.engine.publish import publish
from driftline.engine.ranking import narrowed
from driftline.engine.recount import rows_of
from driftline.engine.relations import PAST_WINDOWS, History, land_history
from driftline.engine.render import renderer_of
from driftline.engine.results import utc_now
from driftline.engine.rows import (
    Facts,
    Read,
    dataset_rows,
    feature_rows,
    ground_rows,
    histogram_rows,
    metric_rows,
    profile_rows,
)
from driftline.engine.segments import counted, most_values, told_apart
from driftline.engine.selection import EVERYTHING, Selection, choose_monitors
from driftline.engine.store import Store, store_of
from driftline.engine.stored import NOTHING, Past, Standing, Window
from driftline.engine.warehouses import session_of, unreachable
from driftline.engine.warehouses.base import Column, Warehouse
from driftline.engine.whereabouts import rows_elsewhere
from driftline.engine.windows import resolve_at
from driftline.engine.workbench import Workbench

Progress = Callable[[str, str], None]


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
    """
    chosen = choose_monitors(project, monitors, selection)
    now = datetime.now(UTC)
    moments = {monitor.name: resolve_at(monitor, at, now) for monitor in chosen}

    def one(monitor: Monitor, tools: Tools) -> MonitorRun | None:
        return run_one(journal_of(project, monitor, moments[monitor.name], tools), tools, selection)

    result = each_monitor(project, chosen, one, warehouse, progress, store=store)
    return replace(result, fail_on=fail_on)


@dataclass(frozen=True)
class Tools:
    """What the runs of one call share.

    Attributes:
        warehouse: An open session.
        store: Where results go; None where they are not kept.
        invocation: The call's id.
        progress: Called with the monitor's name and a few words as each step begins.
    """

    warehouse: Warehouse
    store: Store | None
    invocation: str
    progress: Progress


def each_monitor(
    project: Project,
    chosen: Sequence[Monitor],
    one: Callable[[Monitor, Tools], MonitorRun | None],
    warehouse: Warehouse | None,
    progress: Progress | None,
    *,
    store: bool = True,
    may_be_none: bool = False,
) -> RunResult:
    """Do the same for several monitors in one session, and publish what is stored.

    Args:
        project: The project.
        chosen: The monitors.
        one: What is done for each; None where nothing of it is asked for.
        warehouse: An open session; None opens the project's connection.
        progress: Called with the monitor's name and a few words as each step begins.
        store: Whether results are written.
        may_be_none: Whether it is right that nothing is asked of any monitor.

    Raises:
        ConfigError: When nothing is asked of any monitor.
    """
    if store:
        keep_apart(project)
    with ExitStack() as stack:
        try:
            session = stack.enter_context(session_of(project.connection, warehouse))
        except WarehouseError as error:
            # the log of runs is to tell of it, too, unless it is there as well
            session = unreachable(project.connection, error)
            store = store and project.results.file is not None
        target = store_of(project, session) if store else None
        tools = Tools(session, target, uuid.uuid4().hex, progress or _silent)
        runs = tuple(one(monitor, tools) for monitor in chosen)
    found = tuple(each for each in runs if each is not None)
    if not found and may_be_none:
        return RunResult(())
    if not found:
        names = ", ".join(monitor.name for monitor in chosen)
        raise ConfigError(
            f"the selection takes no feature of {names}",
            hint="`driftline ls features` lists them",
        )
    # a run that failed is in the log of runs, unless it is the store that failed
    stored = store and not all(isinstance(each.error, StoreError) for each in found)
    result = RunResult(found)
    return delivered(published(result, project), project) if stored else result


def published(result: RunResult, project: Project) -> RunResult:
    """The result, once what is stored is published as the project says; with an error where it is not."""
    try:
        publish(store_of(project), project.publish)
    except DriftlineError as error:
        return replace(result, error=error)
    return result


def republished(project: Project) -> None:
    """Publish what was changed without a run.

    Raises:
        StoreError: When it cannot be.
    """
    error = published(RunResult(()), project).error
    if error is not None:
        raise error


def delivered(result: RunResult, project: Project) -> RunResult:
    """The result, once what is to be told was sent; with notes where it was not.

    Messages that cannot be sent wait in the results, and fail nothing.
    """
    if not project.notifications:
        return result
    from driftline.engine.deliver import deliver

    try:
        return replace(result, notes=deliver(project, store_of(project)).notes)
    except DriftlineError as error:
        return replace(result, notes=(f"messages wait to be sent: {error.message}",))


def keep_apart(project: Project) -> None:
    """Refuse to write results into the database that is being read.

    Raises:
        ConfigError: Then.
    """
    database, file = project.connection.file, project.results.file
    if database is not None and file is not None and database.resolve() == file.resolve():
        raise ConfigError(
            f"results.to is the monitored database itself, {database}",
            hint="name another file in `results: {to: …}`, or have a schema of its own in there:"
            " `results: {connection: same}`",
        )


def _silent(_monitor: str, _step: str) -> None:
    """No progress."""


def journal_of(
    project: Project, monitor: Monitor, at: datetime, tools: Tools, *, tells: bool = True
) -> Journal:
    """What is kept of a monitor's run for a moment; `tells` says whether anybody hears of it."""
    return Journal(project, monitor, at, tools.warehouse.dialect, tools.invocation, tells=tells)


def run_one(log: Journal, tools: Tools, selection: Selection = EVERYTHING) -> MonitorRun | None:
    """Measure, judge and store the window of a moment; None where the selection takes nothing."""

    def work() -> MonitorRun | None:
        parts = measured(log, (log.at,), tools, past_of(log.monitor, tools.store), selection)
        return kept(log, parts, tools) if parts else None

    return guarded(log, tools.store, work)


def guarded(
    log: Journal, store: Store | None, work: Callable[[], MonitorRun | None]
) -> MonitorRun | None:
    """A monitor's run, or what is told of one that failed."""
    try:
        return work()
    except DriftlineError as error:
        return log.failed(error, store)
    except Exception as error:  # noqa: BLE001 - one monitor's surprise must not stop the others
        unforeseen = DriftlineError(f"unexpected {type(error).__name__}: {error}")
        unforeseen.__cause__ = error
        return log.failed(unforeseen, store)


def measured(
    log: Journal,
    moments: Sequence[datetime],
    tools: Tools,
    past: Past,
    selection: Selection = EVERYTHING,
) -> list[Part]:
    """Measure and judge the windows of some moments; none where the selection takes nothing."""
    plans = plans_of(log.monitor, moments, tools.warehouse, selection)
    frozen = (
        Frozen() if tools.store is None else taken_up(log.monitor, tools.warehouse, tools.store)
    )
    moving = Moving.of(log.monitor, tools.store)
    return [
        part
        for batch in together(plan for plan in plans if not plan.is_empty)
        for part in _measured(log, batch, past, tools, frozen, moving)
    ]


def kept(log: Journal, parts: Sequence[Part], tools: Tools) -> MonitorRun:
    """Store what was found, and say it."""
    result = log.finished(parts)
    if tools.store is not None:
        tools.progress(log.monitor.name, "storing results")
        log.write(tools.store, parts, result)
    return result


def past_of(monitor: Monitor, store: Store | None) -> Past:
    """What is stored of earlier windows, in tables that are up to date."""
    if store is None:
        return Past()
    store.prepare()
    return store.past(monitor.name)


def plans_of(
    monitor: Monitor,
    moments: Sequence[datetime],
    warehouse: Warehouse,
    selection: Selection = EVERYTHING,
) -> tuple[Plan, ...]:
    """The windows that runs of a monitor look at, planned with the columns that its tables have.

    Raises:
        SourceError: When a table or a column that is needed is missing.
    """
    sources = {reference.name: reference.source for reference in monitor.references}
    production = warehouse.columns(monitor.production.source)
    references = {
        name: warehouse.columns(sources[name]) for name in references_needed(monitor, selection)
    }
    joins = {join.name: _joined_columns(monitor, join, warehouse) for join in monitor.joins}
    listings = {source: warehouse.columns(source) for source in listed_sources(monitor)}
    return tuple(
        plan
        for at in moments
        for plan in make_plans(monitor, at, production, references, joins, selection, listings)
    )


def _joined_columns(monitor: Monitor, join: Join, warehouse: Warehouse) -> tuple[Column, ...]:
    try:
        return warehouse.columns(join.source)
    except SourceError as error:
        where = f"monitor {monitor.name}, join {join.name}"
        raise SourceError(f"{where}: {error.message}", hint=error.hint) from error


def _measured(
    log: Journal,
    batch: Batch,
    past: Past,
    tools: Tools,
    frozen: Frozen,
    moving: Moving,
) -> list[Part]:
    """Measure and judge the windows of one set of statements."""
    warehouse, progress = tools.warehouse, tools.progress
    batch = _in_segments(log, batch, tools)
    whole = batch.whole
    monitor, secrets = whole.monitor, log.project.secrets
    bench = Workbench(memory_limit=_memory_limit(log.project))

    def count(windows: Sequence[Window]) -> Mapping[Window, int]:
        progress(monitor.name, f"counting rows of {len(windows)} windows")
        return rows_of(whole, windows, warehouse, log.ledger, tag=tag_of(log))

    try:
        known = Known.of(whole, frozen.usable)
        read_anew = add_up(whole, moving, count, known)
        renderer = renderer_of(whole, warehouse, tag=tag_of(log), keeps_rows=True)
        gathered = gather(
            whole,
            warehouse,
            renderer,
            bench,
            log.ledger,
            lambda step: progress(monitor.name, step),
            lambda found: straddling(whole, found, Results(bench)),
            known,
        )
        for told in (gathered.failed, gathered.unmatched, gathered.unranked):
            for number, message in told.items():
                told[number] = mask(message, secrets)
        gathered.uncounted = {
            key: mask(message, secrets) for key, message in gathered.uncounted.items()
        }
        plans = [
            narrowed(plan, gathered.types, gathered.importances, gathered.unranked)
            for plan in batch.plans
        ]
        rows = {
            row["window_id"]: int(row["n"])
            for row in bench.rows(
                "select window_id, sum(row_count) as n from scan_rows"
                f" where scan = {whole.production.id} group by window_id"
            )
        }
        land_history(_histories(plans, rows, past), bench)
        elsewhere: tuple[tuple[str, ...], str | None] = ((), None)
        if whole.whole and not all(rows.values()) and not monitor.production.allow_empty:
            elsewhere = rows_elsewhere(whole, warehouse, renderer, log.ledger)
        progress(monitor.name, "computing metrics")
        results = Results(bench)
        read = Read(bench, results.comparisons, gathered.read)
        windows = [
            (plan, measure(plan, gathered, results), _standing(plan, tools.store)) for plan in plans
        ]
        with_p = with_evidence(
            [(plan, found, standing.metrics) for plan, found, standing in windows],
            results,
            gathered.dispersions,
        )
        facts = [Facts(plan, gathered, read, standing) for plan, _, standing in windows]
        if tools.store is not None:
            ids = {s.reference: facts[0].reference_ids[s.id] for s in whole.references}
            save(tools.store, learned(whole, frozen, gathered, bench, ids), frozen)
            if whole.keeps_window:
                counted = counted_columns(whole, whole.production, gathered, bench)
                keep(whole, moving, sum(rows.values()), counted)
        return [
            _judged(
                log,
                measurements,
                each,
                elsewhere if not rows[plan.pairs[0].window_id] else ((), None),
                (*frozen.changed, *read_anew),
                scanned=scanned,
                is_empty=not rows[plan.pairs[0].window_id],
            )
            for (plan, _, _), measurements, each, scanned in zip(
                windows, with_p, facts, _scanned(read, facts), strict=True
            )
        ]
    finally:
        bench.close()


def _scanned(read: Read, facts: Iterable[Facts]) -> Iterator[int]:
    """Rows read for each window; what several are held against was read once, and the first counts it."""
    told: set[tuple[int, int]] = set()
    for each in facts:
        yield sum(read.scanned.get(side, 0) for side in each.sides - told)
        told |= each.sides


def tag_of(log: Journal) -> str:
    """What opens every statement of a run."""
    return f"driftline monitor={log.monitor.name} run={log.run_id} step={{step}}"


def _in_segments(log: Journal, batch: Batch, tools: Tools) -> Batch:
    """The windows with the segments that they have; as they are where nobody asks for any."""
    plan = batch.whole
    if not plan.segmented:
        return batch
    tools.progress(plan.monitor.name, "telling segments apart")
    # nothing is kept of rows that are read only once
    renderer = renderer_of(plan, tools.warehouse, tag=tag_of(log), keeps_rows=False)
    statement = renderer.segments(most_values(plan))
    try:
        rows = log.ledger.fetch(tools.warehouse, statement).to_pylist()
    except StatementError as error:
        raise SourceError(
            f"monitor {plan.monitor.name}, segments: {error.message}",
            hint="check the columns and conditions of `segments`",
        ) from error
    return told_apart(batch, counted(plan, rows))


def _histories(
    plans: Sequence[Plan], rows: Mapping[int, int], past: Past
) -> list[tuple[Plan, History]]:
    """What came before each window, those of the batch itself included."""
    found = []
    for plan in plans:
        window = plan.window_start, plan.window_end
        if plan.whole:
            history = History(*past.before(plan.window_end, windows=PAST_WINDOWS))
            found.append((plan, history))
            columns = [item.name for item in plan.measured if item.production is not None]
            past.add(window, rows[plan.pairs[0].window_id], columns)
    return found


def _standing(plan: Plan, store: Store | None) -> Standing:
    """What is stored of a window of which only a part is computed."""
    if store is None or plan.selection.is_everything:
        return NOTHING
    return store.standing(plan.monitor.name, plan.window_start, plan.window_end)


def _judged(
    log: Journal,
    measurements: Sequence[Measurement],
    facts: Facts,
    elsewhere: tuple[tuple[str, ...], str | None],
    changed: tuple[str, ...],
    *,
    scanned: int,
    is_empty: bool,
) -> Part:
    """Judge one window."""
    plan = facts.plan
    verdicts = tuple(
        judge(
            one,
            min_rows=plan.monitor.min_rows,
            allow_empty=plan.monitor.production.allow_empty,
            is_empty=is_empty,
            metrics=plan.metrics,
        )
        for one in measurements
    )
    return Part(
        plan,
        tuple(metric_rows(facts, verdicts, log.run_id, utc_now())),
        tuple(histogram_rows(facts, log.run_id)),
        tuple(profile_rows(facts, log.run_id)),
        tuple(feature_rows(facts, log.run_id)),
        scanned,
        dataset_rows(verdicts),
        (*plan.warnings, *changed, *elsewhere[0]),
        elsewhere[1],
        facts.standing,
        tuple(ground_rows(plan, verdicts, log.run_id)),
    )


def _memory_limit(project: Project) -> str | None:
    settings = project.connection.options.get("settings")
    limit = settings.get("memory_limit") if isinstance(settings, Mapping) else None
    return None if limit is None else str(limit)
