"""Show what a run would send, in any dialect, without a connection.

Numbers that depend on the data (a grid's centre and width, the scales of its sums, undecided bins) are
placeholders with a comment that says what stands there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from markupsafe import Markup

from driftline.engine.dialects import known_dialect, spelled
from driftline.engine.errors import DriftlineError, SourceError
from driftline.engine.features import Watched, named_columns
from driftline.engine.joint import Axis
from driftline.engine.outcome_sql import OutcomeRenderer
from driftline.engine.parts import GridPart, Walk
from driftline.engine.plan import Plan, Segment
from driftline.engine.planning import make_plans, references_needed
from driftline.engine.project import Monitor, Project, Reference, Source
from driftline.engine.render import Renderer
from driftline.engine.scattering import watched_in
from driftline.engine.segments import most_values
from driftline.engine.selection import EVERYTHING, Selection
from driftline.engine.sqltext import as_sql
from driftline.engine.store import store_of
from driftline.engine.surrogate import MOST_ROWS as SAMPLE
from driftline.engine.warehouses import class_of
from driftline.engine.warehouses.base import Column, Statement, Warehouse
from driftline.engine.warehouses.duckdb import DuckDB
from driftline.engine.windows import resolve_at

PLACEHOLDER_GRID: Final = GridPart(
    Markup("cast('0.0' as double) /* centre, from the sample */"),
    Markup("cast('1.0' as double) /* width, from the sample */"),
    Markup("cast('4096.0' as double) /* half the bins, from the rows */"),
)
PLACEHOLDER_SCALES: Final = (
    Markup("cast('1.0' as double) /* power of two, from the bounds */"),
    Markup("cast('1.0' as double) /* power of two, from the bounds */"),
)
PLACEHOLDER_LIMITS: Final = Axis(
    ((Markup("cast('0.0' as double) /* where each bin ends, from the histogram */"), False),)
)
PLACEHOLDER_VALUES: Final = Axis(
    (), (Markup("'' /* each category */"),), (Markup("'' /* each category */"),)
)
PLACEHOLDER_ROWS: Final = Markup("cast('1.0' as double) /* rows of a side */")
PLACEHOLDER_BINS: Final = (Markup("0 /* undecided bins, from the histogram */"),)
PLACEHOLDER_WALK: Final = Walk(
    PLACEHOLDER_BINS,
    Markup("('0.0', 0, 0) /* rows before each run of bins, from the histogram */"),
    Markup("bigint"),
    *(Markup(f"n_up * {PLACEHOLDER_ROWS} - m_up * {PLACEHOLDER_ROWS}"),) * 2,
    piece=Markup("0 /* or its number, from the ranks of edges and quantiles */"),
)


@dataclass(frozen=True)
class Compiled:
    """What a run of one monitor would send for one window.

    Attributes:
        monitor: Its name.
        window_start: Start of its window as stored, naive UTC.
        window_end: End of its window as stored, naive UTC.
        statements: In the order sent; those for large and for small inputs both.
    """

    monitor: str
    window_start: datetime
    window_end: datetime
    statements: tuple[Statement, ...]


def compile_project(
    project: Project,
    *,
    monitors: Sequence[Monitor] | None = None,
    dialect: str | None = None,
    at: datetime | str | None = None,
    selection: Selection = EVERYTHING,
) -> tuple[Compiled, ...]:
    """Render every statement that runs of the monitors would send.

    Columns come from local files, else from the last stored run, else from `columns.types`.

    Args:
        project: The project.
        monitors: Which; None is all.
        dialect: One of `DIALECTS`; None is the connection's own.
        at: As for a run.
        selection: As for a run.

    Raises:
        ConfigError: When the dialect is unknown.
        SourceError: When the columns of a source are nowhere to be found.
        TemplateError: When the dialect cannot say a statement.
    """
    chosen = known_dialect(dialect or project.connection.type)
    now = datetime.now(UTC)
    with ExitStack() as stack:
        local: Warehouse | None = None
        if project.connection.type == DuckDB.dialect:
            # files are looked at; a server is never asked
            local = stack.enter_context(closing(DuckDB(project.connection.options)))
        return tuple(
            compiled
            for monitor in monitors or project.monitors
            for compiled in _compile(
                project, monitor, chosen, resolve_at(monitor, at, now), local, selection
            )
        )


def _compile(
    project: Project,
    monitor: Monitor,
    dialect: str,
    at: datetime,
    local: Warehouse | None,
    selection: Selection,
) -> Iterator[Compiled]:
    named: Mapping[str, Reference] = {each.name: each for each in monitor.references}
    made = (class_of(project.connection.type) or DuckDB).column
    production, reference = _stored_columns(project, monitor, made)
    own, brought = _given_columns(monitor, made)
    joins = {
        join.name: _columns(monitor, join.source, local, (), brought[join.name])
        for join in monitor.joins
    }
    joined = {c.name for columns in joins.values() for c in columns} & {*named_columns(monitor)}
    production, reference = (
        tuple(column for column in stored if column.name not in joined)
        for stored in (production, reference)
    )
    plans = make_plans(
        monitor,
        at,
        _columns(monitor, monitor.production.source, local, production, own),
        {
            name: _columns(monitor, named[name].source, local, reference, own)
            for name in references_needed(monitor, selection)
        },
        joins,
        selection,
        {
            source: _columns(monitor, source, local, (), given)
            for source, given in _given_listings(monitor, made)
        },
    )
    engine = class_of(dialect)
    for plan in map(_with_segments, plans):
        relations = {
            number: local.relation(source)
            if local is not None and local.dialect == dialect and source.files
            else spelled(source, dialect)
            for number, source in plan.sources.items()
        }
        renderer = Renderer(
            plan,
            relations,
            dialect=dialect,
            tag=f"driftline monitor={monitor.name} step={{step}}",
            keeps_bounds=engine is not None and engine.keeps_bounds,
            keeps_rows=engine is not None and engine.keeps_rows,
            terse=engine is not None and engine.most_cells is not None,
        )
        statements = () if plan.is_empty else tuple(_statements(plan, renderer))
        yield Compiled(monitor.name, plan.window_start, plan.window_end, statements)


def _with_segments(plan: Plan) -> Plan:
    """A plan with a placeholder for what the segments of each segmentation turn out to be."""
    note = "/* one for each segment, from the rows */"
    scans = []
    for scan in plan.segmented:
        cell = tuple(Markup(f"{as_sql(key.name)} {note}") for key in scan.keys)
        name = scan.segmentation.name if scan.segmentation else ""
        told = name or Markup(f"'' {note}")
        window = scan.windows[0].id
        scans.append(replace(scan, cells=(cell,), segments=(Segment(window, told, window, (0,)),)))
    return replace(plan, segmented=tuple(scans))


def _statements(plan: Plan, renderer: Renderer) -> list[Statement]:
    numbers = [item for item in plan.read if item.route == "number"]
    texts = [item for item in plan.read if item.route == "category"]
    counted = [item for item in plan.read if renderer.counts(item)]
    found = [renderer.segments(most_values(plan))] if plan.segmented else []
    found += [renderer.matches(matches) for matches in plan.by_join().values()]
    found += renderer.joined().values()
    found += [renderer.profile(group) for group in renderer.alike(counted) or ((),)]
    found += [statement for statement in (renderer.arrivals(),) if statement is not None]
    if texts:
        found.append(renderer.categories(texts))
    if numbers:
        grids = {item.id: PLACEHOLDER_GRID for item in numbers}
        scales = {(scan.id, item.id): PLACEHOLDER_SCALES for item in numbers for scan in plan.scans}
        bins = {(item.id, scan.id): PLACEHOLDER_BINS for item in numbers for scan in plan.scans}
        shifts = dict.fromkeys((scan.id for scan in plan.scans), 0)
        found += [
            *(renderer.bounds(group) for group in renderer.alike(numbers)),
            renderer.sample(numbers, 100.0, plan.primary),
            renderer.histogram(numbers, grids, scales, shifts),
            renderer.ties(numbers, grids, shifts, undecided=bins),
            renderer.ties(numbers),
        ]
    if numbers and renderer.terse and plan.monitor.exact != "never":
        walks = [
            (
                pair.id,
                item,
                (pair.reference_scan, pair.production_scan),
                PLACEHOLDER_GRID,
                PLACEHOLDER_WALK,
            )
            for item in numbers
            for pair in plan.pairs
        ]
        found.append(renderer.walked(numbers, walks))
    for scan in plan.references:
        items = [*watched_in(plan, scan)]
        if items:
            found.append(renderer.dispersion(scan, items, _axes(items)))
    if plan.custom:
        found.append(renderer.custom(plan.custom, [scan.id for scan in plan.scans]))
    for each in plan.attributions:
        if each.target is not None:
            axes = _axes((*each.features, each.target))
            found.append(
                renderer.surrogate(
                    each, each.features, dict.fromkeys(each.scans, 1.0), axes, SAMPLE
                )
                if each.attribution.source == "surrogate_model"
                else renderer.joint(each, each.features, each.scans, axes)
            )
        elif each.columns:
            marks = {(s, i.id): PLACEHOLDER_SCALES[0] for s in each.scans for i in each.columns}
            found.append(renderer.attributions(each.columns, each.scans, marks))
        elif each.listings:
            found.append(renderer.listing_bounds(each, each.scans))
            of_scans = dict.fromkeys(each.scans, PLACEHOLDER_SCALES[0])
            found.append(renderer.listed_importances(each, each.scans, of_scans))
    if plan.performance is not None:
        found += OutcomeRenderer(renderer).all()
    return found


def _axes(items: Iterable[Watched]) -> dict[int, Axis]:
    """Bins that only the data tell."""
    return {
        item.id: PLACEHOLDER_VALUES if item.route == "category" else PLACEHOLDER_LIMITS
        for item in items
    }


def _columns(
    monitor: Monitor,
    source: Source,
    local: Warehouse | None,
    stored: tuple[Column, ...],
    given: tuple[Column, ...],
) -> tuple[Column, ...]:
    found: tuple[Column, ...] = ()
    if local is not None:
        with suppress(DriftlineError):
            found = local.columns(source)
    found = found or stored or given
    if not found:
        raise SourceError(
            f"monitor {monitor.name}: the columns of {source.written} are not known here",
            hint="give them as `columns: {types: {age: BIGINT, …}}`, those of a join as "
            "`{types: {labels.churned: BOOLEAN, …}}`, or compile after a run with results in a file",
        )
    types = {column.name: column for column in given}
    return tuple(types.get(column.name, column) for column in found)


def _given_columns(
    monitor: Monitor, made: Callable[[str, str], Column]
) -> tuple[tuple[Column, ...], Mapping[str, tuple[Column, ...]]]:
    """Columns of `columns.types`: those of the two sides, and by join those written `join.column`."""
    joins: dict[str, list[Column]] = {join.name: [] for join in monitor.joins}
    own = []
    for name, type_ in monitor.column_types.items():
        join = next((each for each in joins if name.startswith(f"{each}.")), None)
        if join is None:
            own.append(made(name, type_))
        else:
            joins[join].append(made(name.removeprefix(f"{join}."), type_))
    return tuple(own), {name: tuple(columns) for name, columns in joins.items()}


def _given_listings(
    monitor: Monitor, made: Callable[[str, str], Column]
) -> Iterator[tuple[Source, tuple[Column, ...]]]:
    """Tables of importances with the columns that the file names, as what they have to be."""
    for each in monitor.attributions:
        for source in (each.table, each.reference_table):
            if source is not None:
                named = [made(each.feature, "VARCHAR"), made(each.value, "DOUBLE")]
                clock = each.timestamp or monitor.production.timestamp
                if clock is not None:
                    named.append(made(clock, "TIMESTAMP"))
                yield source, tuple(named)


def _stored_columns(
    project: Project, monitor: Monitor, made: Callable[[str, str], Column]
) -> tuple[tuple[Column, ...], tuple[Column, ...]]:
    """Columns of production and of the reference as the last run saw them; empty without one.

    What a run left in a warehouse is not looked at: nothing is connected to.
    """
    if project.results.file is None or not (store := store_of(project)).exists():
        return (), ()
    rows = store.features(monitor.name).to_pylist()
    production, reference = (
        tuple(made(row["feature"], row[side]) for row in rows if row[side] is not None)
        for side in ("production_type", "reference_type")
    )
    return production, reference
