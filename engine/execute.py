"""Send a plan's statements, round by round, and land what comes back in the workbench.

Rounds: rows of every scan; bounds and a sample that place the grids; histogram, categories; then ties,
until no fine bin is left that could change a result. Small inputs skip the grid.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from driftline.engine.attributions import Attributed
from driftline.engine.baseline import Importances, Known, fits, regridded
from driftline.engine.baseline import Numbers as KnownNumbers
from driftline.engine.custom import Asked as CustomAsked
from driftline.engine.dispersion import OfScans
from driftline.engine.distances import Stretch
from driftline.engine.errors import SourceError, StatementError
from driftline.engine.features import Watched
from driftline.engine.grid import (
    MOST_BINS,
    SHARES,
    Grid,
    choose_grid,
    shift_for,
    sum_scale,
    sum_scales,
)
from driftline.engine.joins import several_rows
from driftline.engine.joint import LEAST_TARGETS, Axis, mutual_information, together
from driftline.engine.kinds import decide_kinds
from driftline.engine.number_rows import Key
from driftline.engine.numbers import Numbers
from driftline.engine.outcomes import Counted
from driftline.engine.performance import OUTCOMES
from driftline.engine.performing import perform
from driftline.engine.plan import ALL, WHOLE, Plan, Scan
from driftline.engine.ranking import importance_rows, rounded
from driftline.engine.relations import land_plan, schema_of
from driftline.engine.render import Renderer
from driftline.engine.scattering import scatter
from driftline.engine.settling import Asked, Cut, Portion
from driftline.engine.surrogate import MOST_ROWS as SAMPLE
from driftline.engine.surrogate import Learned, importances, need_lightgbm
from driftline.engine.warehouses.base import Ledger, Statement, Warehouse
from driftline.engine.workbench import Workbench

if TYPE_CHECKING:
    import pyarrow as pa

BATCH: Final = 200
# Planning takes longer than linear in a statement's columns: very wide tables take smaller ones.
WIDE_BATCH: Final = 40
SMALL_ROWS: Final = 20_000
SMALL_VALUES: Final = 2_000_000
# From so many rows on a place for every bin pays: 124 to 89 ns a value at ten millions.
LARGE_ROWS: Final = 4_000_000
SAMPLE_ROWS: Final = 20_000
MOST_ROUNDS: Final = 6
# Cells that one statement may bring: they decide its memory.
MOST_CELLS: Final = 600_000
# Rows in undecided bins that one statement may read: as many single values may come back. Each takes
# some 200 bytes on its way; more than a few millions save no more scans that are worth it.
MOST_ROWS: Final = 4_000_000
BYTES_A_ROW: Final = 1_000
# A statement names a table once a column and side, and each time the engine looks at all its columns:
# of a wider table than this, columns are copied first, where they are at most so many values.
WIDE: Final = 200
MOST_COPIED: Final = 20_000_000
# What a copied value may take of the memory that there is.
BYTES_A_COPY: Final = 64

# Rows and value, by scan, window and segment.
Aggregated = dict[tuple[int, int, str], tuple[int, float | None]]
# By scan and window, rows and importance of each feature.
Weighed = dict[tuple[int, int], dict[str, tuple[int, float | None]]]
Progress = Callable[[str], None]
# What is read of one feature.
Part = TypeVar("Part", Cut, Portion)


@dataclass
class Gathered:
    """What is known of a plan's columns once everything is read.

    Attributes:
        types: Feature id to `numerical`, `categorical`, or None when left out of drift.
        reasons: Feature id to why it was left out.
        failed: Feature id, or `WHOLE`, to what the warehouse said.
        rounded: Ids of number columns whose exact values a double does not hold.
        unmatched: Match id to what the warehouse said when it could not be counted.
        numbers: The cells of number columns.
        bounds: Finite values at or beyond all others, by scan and feature, where they were asked for.
        read: Ids of the scans that were read.
        importances: What is known of features by the id of their source, the scan and the window.
        unranked: Id of a source of importances to what the warehouse said.
        custom: By signal and metric, the rows and the value of an aggregate in each scan, window and
            segment.
        uncounted: Signal and metric to why an aggregate could not be computed.
        outcomes: What was counted of predictions and what happened.
        dispersions: How windows of references differ.
        scattered: What that is kept under, by scan.
    """

    types: dict[int, str | None] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    rounded: set[int] = field(default_factory=set)
    unmatched: dict[int, str] = field(default_factory=dict)
    numbers: Numbers | None = None
    bounds: dict[tuple[int, int], tuple[float, float]] = field(default_factory=dict)
    read: set[int] = field(default_factory=set)
    importances: dict[tuple[int, int, int], Importances] = field(default_factory=dict)
    unranked: dict[int, str] = field(default_factory=dict)
    custom: dict[tuple[str, str], Aggregated] = field(default_factory=dict)
    uncounted: dict[tuple[str, str], str] = field(default_factory=dict)
    outcomes: Counted = field(default_factory=Counted)
    dispersions: OfScans = field(default_factory=dict)
    scattered: dict[int, str] = field(default_factory=dict)


# Which comparisons must be exact, and what of them.
Straddling = Callable[[Gathered], Mapping[int, set[Asked]]]


def gather(
    plan: Plan,
    warehouse: Warehouse,
    renderer: Renderer,
    bench: Workbench,
    ledger: Ledger,
    progress: Progress,
    straddling: Straddling | None = None,
    known: Known | None = None,
) -> Gathered:
    """Read what a plan needs and derive every relation that metrics select from.

    Args:
        plan: The plan.
        warehouse: Where its sources are.
        renderer: Its statements in the warehouse's dialect.
        bench: An empty workbench; holds all relations afterwards.
        ledger: Grows by every statement sent.
        progress: Called with a few words as each step begins.
        straddling: Tells, of the bounds that are known, which comparisons must be exact after all;
            asked where the monitor wants exact values only when they matter.
        known: What need not be read of the references.

    Raises:
        ConfigError: When a model is to be learned, and what learns it is not installed.
        WarehouseError: When a whole source cannot be read; one bad column is noted in `failed`.
    """
    if any(each.attribution.source == "surrogate_model" for each in plan.attributions):
        need_lightgbm()
    try:
        renderer.known = known or Known()
        gathering = _Gathering(plan, warehouse, renderer, bench, ledger, progress)
        found = gathering.run()
        if straddling is not None and plan.monitor.exact == "when_it_matters":
            gathering.sharpen(straddling(found))
        gathering.numbers.keep_references()
        return found
    finally:
        for statement in renderer.forgotten():
            warehouse.execute(statement)


@dataclass
class _Gathering:
    plan: Plan
    warehouse: Warehouse
    renderer: Renderer
    bench: Workbench
    ledger: Ledger
    progress: Progress
    out: Gathered = field(default_factory=Gathered)
    rows: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.numbers = self.out.numbers = Numbers(self.plan)
        self.most_rows = min(MOST_ROWS, self.bench.memory // BYTES_A_ROW)
        self.known = self.renderer.known
        # what sums of bins are multiplied by, by scan and feature
        self.scales: dict[tuple[int, int], tuple[float, float]] = {}

    def run(self) -> Gathered:
        land_plan(self.plan, self.bench)
        self._join()
        able = [item for item in self.plan.read if item.id not in self.out.failed]
        numbers = [item for item in able if item.route == "number"]
        texts = [item for item in able if item.route == "category"]
        self.progress("counting rows")
        largest = self._profile()
        self._arrivals()
        self.bench.land("categories", schema_of("categories").empty_table())
        if texts:
            self.progress(f"counting categories of {len(texts)} columns")
            self._send(texts, self.renderer.categories, "categories")
        self._count_numbers(numbers, largest)
        self.numbers.land(self.bench)
        self._decide()
        self._derive()
        self._scatter()
        self._weigh()
        self._aggregate()
        self._perform()
        return self.out

    def _scatter(self) -> None:
        """Find out how windows of references differ, where those have windows."""
        windows = max(len(scan.control) for scan in self.plan.references)
        if not windows:
            return
        self.progress(f"telling {windows} windows of the reference apart")
        able = [item for item in self.plan.measured if self._has_bins(item)]
        self.out.dispersions, self.out.scattered = scatter(
            self.plan,
            self.renderer,
            lambda statement: self.ledger.fetch(self.warehouse, statement),
            self.known,
            {item.id: self._axis(item, windows) for item in able},
            self.numbers.grids,
        )

    def _aggregate(self) -> None:
        """Find out what the project file's own aggregates come to."""
        able: list[CustomAsked] = []
        scans = {self.plan.production.id}
        for each in self.plan.custom:
            found = self.out.custom.setdefault(each.key, {})
            for scan, columns in each.columns:
                for column in columns:
                    if column and not self.renderer.reaches(self.plan.scans[scan], column):
                        why = f"join {column.join}, which brings {column.name}, cannot be read"
                        self.out.uncounted.setdefault(each.key, why)
                held = self.known.aggregates.get((scan, *each.key))
                if held is None:
                    scans.add(scan)
                else:
                    found[scan, 0, ALL] = held
            if (name := each.lacks(self.plan.production.id)) is not None:
                self.out.uncounted.setdefault(each.key, f"production has no column {name!r}")
            if each.key not in self.out.uncounted:
                able.append(each)
        if able:
            self.progress("computing own metrics")
            self._aggregate_some(able, scans)

    def _aggregate_some(self, asked: Sequence[CustomAsked], scans: Collection[int]) -> None:
        """Ask for aggregates in one statement; when it fails, for its halves, down to single ones."""
        try:
            part = self.ledger.fetch(self.warehouse, self.renderer.custom(asked, scans))
        except StatementError as error:
            if len(asked) == 1:
                self.out.uncounted[asked[0].key] = error.message
                return
            half = len(asked) // 2
            self._aggregate_some(asked[:half], scans)
            self._aggregate_some(asked[half:], scans)
            return
        for row in part.to_pylist():
            key = row["scan"], row["window_id"], row["segment"]
            for k, each in enumerate(asked):
                value = row[f"value_{k}"]
                told = None if value is None or not math.isfinite(value) else rounded(value)
                self.out.custom[each.key][key] = row["row_count"], told

    def _perform(self) -> None:
        """Land what predictions are held against."""
        if self.plan.performance is not None:
            self.progress("holding predictions against what happened")
        self.out.outcomes = perform(
            self.renderer,
            self.bench,
            lambda statement: self.ledger.fetch(self.warehouse, statement),
            self.out.failed.get(OUTCOMES),
        )

    def _weigh(self) -> None:
        """Land how important features are."""
        import pyarrow as pa

        for each in self.plan.attributions:
            self._attribute(each)
        rows = importance_rows(self.plan, self.out.importances)
        self.bench.land("importances", pa.Table.from_pylist(rows, schema=schema_of("importances")))

    def _attribute(self, each: Attributed) -> None:
        """Find out how important features are."""
        self.progress("weighing features")
        for scan in self.plan.references:
            held = self.known.importances.get((scan.id, each.id))
            if held is not None and scan.id in each.scans:
                self.out.importances[each.id, scan.id, 0] = held
        scans = {scan for scan in each.scans if (each.id, scan, 0) not in self.out.importances}
        scans |= {self.plan.production.id} & {*each.scans}
        if not scans:
            return
        found: Weighed = {}
        if each.columns:
            found = self._summed(each, scans)
        elif each.listings:
            found = self._listed(each, scans)
        elif each.target is not None and (why := self._unreadable(each.target, each, scans)):
            self.out.unranked[each.id] = why
        elif each.target is not None and each.attribution.source == "surrogate_model":
            found = self._learned(each, each.target, scans)
        elif each.target is not None:
            found = self._informed(each, each.target, scans)
        for item in (*each.columns, *each.features):
            if item.id in self.out.failed:
                self.out.unranked.setdefault(each.id, self.out.failed[item.id])
        for scan_id in scans:
            for window in self.plan.scans[scan_id].windows:
                self.out.importances[each.id, scan_id, window.id] = found.get(
                    (scan_id, window.id), {}
                )

    def _summed(self, each: Attributed, scans: Collection[int]) -> Weighed:
        """What columns with attributions sum to, by scan and window."""
        # statistics of what is not read are not asked for either
        unread = {(s.id, i.id) for s in self.plan.scans if s.id not in scans for i in each.columns}
        self.renderer.held |= unread
        bounds = self._bounds(each.columns)
        scales = {
            (scan, item.id): sum_scale(*bounds.get((scan, item.id), (0.0, 0.0)))
            for scan in scans
            for item in each.columns
        }
        found: Weighed = {}
        for batch in _batches([i for i in each.columns if i.id not in self.out.failed]):
            for some, part in self._answers(
                batch, lambda some: self.renderer.attributions(some, scans, scales)
            ):
                for row in part.to_pylist():
                    key = row["scan"], row["window_id"]
                    for k, item in enumerate(some):
                        n, total = row[f"count_{k}"], row[f"total_{k}"]
                        told = total / n / scales[key[0], item.id] if n else None
                        found.setdefault(key, {})[each.feature(item)] = (n, told)
        return found

    def _informed(self, each: Attributed, target: Watched, scans: Collection[int]) -> Weighed:
        """What features and the prediction tell of each other, by scan and window."""
        found: Weighed = {}
        features = [item for item in each.features if self._has_bins(item)]
        axes = {
            item.id: self._axis(item, LEAST_TARGETS if item.id != target.id else None)
            for item in [*features, target]
        }
        bins = 1 + len(axes[target.id].limits) + len(axes[target.id].values or ())
        for batch in together(features, axes):
            for some, part in self._answers(
                batch, lambda some: self.renderer.joint(each, some, scans, axes)
            ):
                tables: dict[tuple[int, int], list[tuple[int, list[int]]]] = {}
                for row in part.to_pylist():
                    counted = [n for name, n in row.items() if name.startswith("count_")]
                    tables.setdefault((row["scan"], row["window_id"]), []).append(
                        (row["target"], counted)
                    )
                for key, rows in tables.items():
                    told = found.setdefault(key, {})
                    told.update(_informing(some, axes, rows, bins))
        return found

    def _learned(self, each: Attributed, target: Watched, scans: Collection[int]) -> Weighed:
        """How much features move a model learned from a sample of rows, by scan and window."""
        found: Weighed = {}
        features = [item for item in each.features if self._has_bins(item)]
        axes = {item.id: self._axis(item) for item in [*features, target]}
        rows: dict[int, list[int]] = {scan: [] for scan in scans}
        for row in self.bench.rows("from scan_rows where row_count > 0"):
            if row["scan"] in rows:
                rows[row["scan"]].append(row["row_count"])
        # twice as many rows as are kept, of the smallest window: what is beyond is not even ranked
        shares = {scan: 2 * SAMPLE / min(counts, default=1) for scan, counts in rows.items()}
        try:
            part = self.ledger.fetch(
                self.warehouse, self.renderer.surrogate(each, features, shares, axes, SAMPLE)
            )
        except StatementError as error:
            self.out.unranked[each.id] = error.message
            return found
        drawn: dict[tuple[int, int], list[tuple[Any, ...]]] = {}
        for row in part.to_pylist():
            key = row.pop("scan"), row.pop("window_id")
            row.pop("segment")
            drawn.setdefault(key, []).append(tuple(row.values()))
        columns = [Learned(axes[item.id]) for item in features]
        for key, sample in drawn.items():
            self.progress(f"learning from {len(sample)} rows")
            sample.sort(key=_in_order)
            n, values = importances(
                [each_row[1:] for each_row in sample], columns, Learned(axes[target.id])
            )
            names = (item.name for item in features)
            found[key] = {name: (n, value) for name, value in zip(names, values, strict=True)}
        return found

    def _has_bins(self, item: Watched) -> bool:
        return item.id not in self.out.failed and self.out.types.get(item.id) is not None

    def _unreadable(self, target: Watched, each: Attributed, scans: Collection[int]) -> str | None:
        """Why features cannot be weighed by what the model says; None where they can."""
        if target.id in self.out.failed:
            return self.out.failed[target.id]
        if not self._has_bins(target):
            why = self.out.reasons.get(target.id, target.reason)
            return f"nothing can be weighed by {target.name}: {why}"
        for scan, column in each.targets:
            if scan in scans and not self.renderer.reaches(self.plan.scans[scan], column):
                return f"join {column.join}, which brings {column.name}, cannot be read"
        return None

    def _axis(self, item: Watched, targets: int | None = None) -> Axis:
        """The bins of a column, of those of the report; categories that so many targets can tell of."""
        if self.out.types[item.id] == "numerical":
            return Axis.of_numbers(self.numbers.own_edges[item.id])
        rows = self.bench.rows(
            f"select value, max(n) as most from categories where feature = {item.id}"
            " and kind = 'category' group by value"
            f" order by sum(case when scan = {self.plan.primary.id} then n else 0 end) desc, value"
        )
        return Axis.of_categories(rows, targets)

    def _listed(self, each: Attributed, scans: Collection[int]) -> Weighed:
        """What tables say of features, by scan and window."""
        found: Weighed = {}
        try:
            part = self.ledger.fetch(self.warehouse, self.renderer.listing_bounds(each, scans))
            bounds = _read_bounds(part, [0])
            scales = {scan: sum_scale(*bounds.get((scan, 0), (0.0, 0.0))) for scan in scans}
            part = self.ledger.fetch(
                self.warehouse, self.renderer.listed_importances(each, scans, scales)
            )
        except StatementError as error:
            self.out.unranked[each.id] = error.message
            return found
        timed = {listing.scan for listing in each.listings if listing.clock is not None}
        for row in part.to_pylist():
            scan, n = row["scan"], row["n"]
            if row["name"] is None:
                continue
            told = row["total"] / n / scales[scan] if n else None
            # what has no time is the same for every window
            windows = [row["window_id"]]
            if scan not in timed:
                windows = [window.id for window in self.plan.scans[scan].windows]
            for window in windows:
                found.setdefault((scan, window), {})[row["name"]] = (n, told)
        return found

    def _join(self) -> None:
        """Count what joins match, keep what they bring, and fail what waits for one that cannot."""
        counted = self._match()
        single: set[tuple[int, str]] = set()
        unusable: dict[tuple[int, str], str] = {}
        for match in self.plan.matches:
            scan, name = match.scan, match.joined.join.name
            if scan.windows != self.plan.scans[scan.id].windows:
                continue  # another window's, of which only the rate is asked
            row = counted.get(match.id)
            if row is None:
                message = self.out.unmatched[match.id]
                unusable |= {(each, name): message for each in self._same_rows(scan.id)}
            elif not row["repeated"]:
                single |= {(each, name) for each in self._same_rows(scan.id)}
            elif match.joined.clock is None:
                side = "production" if scan.side == "production" else f"reference {scan.reference}"
                message = (
                    f"join {name} has {several_rows(row['repeated'], row['surplus'])} of {side},"
                    " and no timestamp tells the newest"
                )
                unusable |= {(each, name): message for each in self._same_rows(scan.id)}
        for each in self.plan.segmented:
            for column in each.keys:
                if column.join is not None and (each.id, column.join) in unusable:
                    message = unusable[each.id, column.join]
                    where = f"monitor {self.plan.monitor.name}, segments by {column.name}"
                    raise SourceError(f"{where}: {message}")
        self.renderer.settle_joins(single, unusable)
        for scan_id, statement in self.renderer.joined().items():
            try:
                self.ledger.execute(self.warehouse, statement)
            except StatementError as error:
                names = (each.join.name for each in self.plan.scans[scan_id].joined)
                unusable |= {(scan_id, name): error.message for name in names}
        waiting = self.renderer.waiting()
        for key, message in unusable.items():
            self.out.failed |= dict.fromkeys(waiting.get(key, ()), message)

    def _same_rows(self, scan: int) -> list[int]:
        """A scan, and those that tell its rows apart."""
        return [scan, *(each.id for each in self.plan.segmented if each.base == scan)]

    def _match(self) -> dict[int, dict[str, Any]]:
        """Land what joins match; by match, without those that could not be counted."""
        import pyarrow as pa

        counted: dict[int, dict[str, Any]] = {}
        for name, matches in self.plan.by_join().items():
            self.progress(f"matching join {name}")
            try:
                answer = self.ledger.fetch(
                    self.warehouse, self.renderer.matches(matches)
                ).to_pylist()
            except StatementError as error:
                self.out.unmatched |= {match.id: error.message for match in matches}
                continue
            for match in matches:
                # a scan without rows returns none
                counted[match.id] = {
                    "match": match.id,
                    "scan": match.scan.id,
                    "window_id": 0,
                    "segment": ALL,
                    **dict.fromkeys(("row_count", "matched", "repeated", "surplus"), 0),
                }
            counted |= {row["match"]: row for row in answer}
        found = pa.Table.from_pylist([*counted.values()], schema=schema_of("matches"))
        self.bench.land("matches", found)
        return counted

    def _send(
        self,
        items: Sequence[Watched],
        render: Callable[[Sequence[Watched]], Statement],
        relation: str,
    ) -> None:
        """Fetch a relation batch by batch; when a batch fails, column by column."""
        # engines rank what many branches bring in more than linear time
        for batch in _batches(items, WIDE_BATCH):
            for _, part in self._answers(batch, render):
                self.bench.land(relation, part, append=True)

    def _answers(
        self, batch: Sequence[Watched], render: Callable[[Sequence[Watched]], Statement]
    ) -> Iterator[tuple[Sequence[Watched], pa.Table]]:
        """A batch and its answer; when it fails, those of its halves, down to single columns."""
        try:
            yield batch, self.ledger.fetch(self.warehouse, render(batch))
            return
        except StatementError as error:
            if len(batch) == 1:
                self.out.failed.setdefault(batch[0].id, error.message)
                return
        half = len(batch) // 2
        yield from self._answers(batch[:half], render)
        yield from self._answers(batch[half:], render)

    def _profile(self) -> int:
        """Land rows and filled counts; the largest scan's rows."""
        import pyarrow as pa

        counted = [
            item
            for item in self.plan.read
            if item.id not in self.out.failed and self.renderer.counts(item)
        ]
        rows: dict[tuple[int, int, str], dict[str, Any]] = {}
        filled: list[dict[str, Any]] = []
        asked: list[dict[str, Any]] = []

        def note(key: Mapping[str, Any], item: Watched, found: dict[str, int]) -> None:
            if item.route == "count":
                misfits = found["filled"] - found["fitting"]
                told = {"filled": found["filled"], "misfits": misfits}
                filled.append({**key, "feature": item.id, **told})
            else:
                asked.append({**key, "feature": item.id, **found})

        for number, count in self.known.rows.items():
            key: dict[str, Any] = {"scan": number, "window_id": 0, "segment": ALL}
            rows[number, 0, ALL] = {**key, "row_count": count}
            for item in counted:
                names = self.renderer.counts(item)
                if (held := self.known.counts(number, item.id, names)) is not None:
                    note(key, item, held)
        for batch in (*self._alike(counted),) or ((),):
            for some, table in self._profiles(batch):
                for row in table.to_pylist():
                    key = {name: row[name] for name in ("scan", "window_id", "segment")}
                    self.out.read.add(key["scan"])
                    rows[tuple(key.values())] = {**key, "row_count": row["row_count"]}
                    numbers = (value for name, value in row.items() if name.startswith("count_"))
                    for item in some:
                        names = self.renderer.counts(item)
                        found = {name: next(numbers) for name in names}
                        if self.known.counts(key["scan"], item.id, names) is None:
                            note(key, item, found)
        for scan in self.plan.scans:
            # a scan without rows returns none: a zero of its own keeps it in the results
            for window_id, segment in scan.groups:
                key = {"scan": scan.id, "window_id": window_id, "segment": segment}
                rows.setdefault(tuple(key.values()), {**key, "row_count": 0})
        for (scan_id, _, _), row in rows.items():
            self.rows[scan_id] += row["row_count"]
        self.bench.land(
            "scan_rows", pa.Table.from_pylist([*rows.values()], schema=schema_of("scan_rows"))
        )
        self.bench.land("filled", pa.Table.from_pylist(filled, schema=schema_of("filled")))
        self.bench.land("asked", pa.Table.from_pylist(asked, schema=schema_of("asked")))
        return max(int(row["row_count"]) for row in rows.values())

    def _alike(self, items: Sequence[Watched]) -> Iterator[Sequence[Watched]]:
        """Batches of columns that are read from the same relations."""
        for group in self.renderer.alike(items):
            yield from _batches(group)

    def _profiles(self, batch: Sequence[Watched]) -> Iterator[tuple[Sequence[Watched], pa.Table]]:
        """Rows with a batch of counted columns; when that fails, alone, then column by column."""
        try:
            yield batch, self.ledger.fetch(self.warehouse, self.renderer.profile(batch))
            return
        except StatementError:
            if not batch:
                raise
        yield (), self.ledger.fetch(self.warehouse, self.renderer.profile(()))
        for item in batch:
            yield from self._answers([item], self.renderer.profile)

    def _arrivals(self) -> None:
        """Land ids and the newest moment of production, where a metric asks for them."""
        found = schema_of("arrivals").empty_table()
        statement = None if WHOLE in self.out.failed else self.renderer.arrivals()
        if statement is not None:
            self.progress("counting arrivals")
            try:
                found = self.ledger.fetch(self.warehouse, statement)
            except StatementError as error:
                self.out.failed[WHOLE] = error.message
        self.bench.land("arrivals", found)

    def _count_numbers(self, numbers: Sequence[Watched], largest: int) -> None:
        """Count every number column: on the fine grid, or value by value where tables are small."""
        small = largest <= SMALL_ROWS and largest * len(numbers) <= SMALL_VALUES
        self._hold(numbers, by_value=small)
        self.numbers.few = self._few_by_share(numbers)
        gridded = self._grid(numbers) if numbers and not small else set()
        whole = [
            item for item in numbers if item.id not in gridded and item.id not in self.out.failed
        ]
        self._count_values(whole)
        self._finish(whole)

    def _finish(self, items: Sequence[Watched]) -> None:
        """Read what columns that were counted still wait for, and say what is known of them."""
        torn = set(self.numbers.torn(item.id for item in items))
        self._release(torn)
        self._count_values([item for item in items if item.id in torn])
        self._settle(items)
        self.numbers.summarise([item for item in items if item.id not in self.out.failed])

    def _hold(self, numbers: Sequence[Watched], *, by_value: bool) -> None:
        """Note which number columns of references need not be read: those counted in the same way."""
        for item in numbers:
            for scan in self.plan.references:
                facts = self.known.numbers(scan.id, item.id)
                if facts is not None and (facts.grid is None) == by_value:
                    self.renderer.held.add((scan.id, item.id))

    def _release(self, features: Collection[int]) -> None:
        """Read columns after all."""
        self.renderer.held -= {key for key in self.renderer.held if key[1] in features}

    def _kept(self, scan: int, feature: int) -> KnownNumbers | None:
        """The cells of a column that is not read."""
        held = (scan, feature) in self.renderer.held
        return self.known.numbers(scan, feature) if held else None

    def _copy(self, items: Sequence[Watched]) -> None:
        """Have the columns of wide tables where naming them costs less, if they are few enough."""
        for scan in self.plan.scans:
            wide = scan.base is None and len(scan.columns) > WIDE
            if wide and self.rows[scan.id] * len(items) <= MOST_COPIED:
                self._copy_of(scan, items)

    def _copy_apart(self, items: Sequence[Watched]) -> Iterator[Sequence[Watched]]:
        """Columns, as many at once as are copied of scans whose rows are told apart, cell by cell."""
        apart = [scan for scan in self.plan.counted if scan.width > 1]
        rows = sum(self.rows[scan.id] for scan in apart)
        most = min(len(apart) * MOST_COPIED, self.bench.memory // BYTES_A_COPY) // max(rows, 1)
        if not apart or not most:
            yield items
            return
        for group in _batches(items, most):
            for scan in apart:
                self._copy_of(scan, group)
            yield group

    def _copy_of(self, scan: Scan, items: Sequence[Watched]) -> None:
        statement = self.renderer.copied(scan, items)
        if statement is None:
            return
        # one that cannot be copied tells what is wrong when it is read by itself
        with suppress(StatementError):
            self.ledger.execute(self.warehouse, statement)
            self.renderer.settle_copy(scan, items)

    def _count_values(self, items: Sequence[Watched]) -> None:
        """Count single values of whole columns."""
        if not items:
            return
        self.progress(f"counting values of {len(items)} columns")
        # what is counted on a grid is not what is counted value by value
        self._release({i.id for i in items if not self._is_by_value(i.id)})
        for batch in _batches(items):
            self._copy(batch)
            for some, part in self._answers(batch, self.renderer.ties):
                self.numbers.add_values(
                    part,
                    [item.id for item in some],
                    {
                        (item.id, (scan.id, 0, ALL)): facts.side
                        for item in some
                        for scan in self.plan.references
                        if (facts := self._kept(scan.id, item.id)) is not None
                    },
                )

    def _is_by_value(self, feature: int) -> bool:
        """Whether what is known of a feature's references was counted value by value."""
        return all(
            facts.grid is None
            for scan in self.plan.references
            if (facts := self._kept(scan.id, feature)) is not None
        )

    def _grid(self, numbers: Sequence[Watched]) -> set[int]:
        """Count columns on the fine grid; the ids of those that have one."""
        self.progress("placing the grids")
        bounds = self.out.bounds = self._bounds(numbers)
        ranged = {feature for _, feature in bounds}
        fine = [item for item in numbers if item.id in ranged and item.id not in self.out.failed]
        primary = self.plan.primary.id
        placed = self._placed(fine)
        quantiles = self._sample([item for item in fine if item.id not in placed])
        for item in fine:
            assert item.reference is not None
            assert item.production is not None
            every = self._reach(item)
            grid = placed.get(item.id) or choose_grid(
                quantiles.get(item.id, []),
                bounds.get((primary, item.id), every),
                every,
                whole=item.reference.kind == item.production.kind == "integer",
            )
            if grid is None:
                continue
            sides = {
                scan.id: sum_scales(grid, *bounds.get((scan.id, item.id), (grid.centre,) * 2))
                for scan in self.plan.scans
            }
            if None not in sides.values():
                self.numbers.grids[item.id] = grid
                self.scales |= {(scan, item.id): pair for scan, pair in sides.items() if pair}
        gridded = [item for item in fine if item.id in self.numbers.grids]
        self.progress(f"one pass over {len(gridded)} columns")
        levels = self._levels(len([i for i in gridded if self.numbers.grids[i.id].width]))
        self._coarsen(levels)
        self._take_held(gridded, levels)
        cells = sum(MOST_BINS >> shift for shift in levels.values())
        large = {scan for scan, rows in self.rows.items() if rows >= LARGE_ROWS}
        for copied in self._copy_apart(gridded):
            for batch in _batches(copied, MOST_CELLS // cells):
                self._copy(batch)
                for _, part in self._answers(
                    batch,
                    lambda some: self.renderer.histogram(
                        some, self.numbers.grids, self.scales, self.numbers.least, large
                    ),
                ):
                    self.numbers.add_histogram(part, self.scales, levels)
                # a column that failed has no cells: it is counted no other way
                for item in batch:
                    if item.id in self.out.failed:
                        self.numbers.grids.pop(item.id)
                # a batch is finished before the next begins: no more is held than one needs
                self._finish([item for item in batch if item.id not in self.out.failed])
        return {item.id for item in gridded}

    def _levels(self, columns: int) -> dict[Key, int]:
        """How often fine bins of each side are joined by two, where so many columns have a grid."""
        settled = self.plan.monitor.exact == "always"
        # what brings one window's rows is terse; many, and segments, are told by the rows of each
        most = self.warehouse.most_cells if self.renderer.terse else None
        bins = MOST_BINS if most is None else most // max(1, columns)
        levels = {
            (row["scan"], row["window_id"], row["segment"]): shift_for(
                row["row_count"], settled=settled, most=bins
            )
            for row in self.bench.rows("from scan_rows")
        }
        return dict.fromkeys(levels, max(levels.values())) if self._settles else levels

    def _coarsen(self, levels: Mapping[Key, int]) -> None:
        """Have every side counted as coarsely as it may be where its rows are counted by themselves."""
        by_cell: dict[int, list[int]] = {}
        for scan in self.plan.counted:
            own = {key: levels[scan.id, *group] for key, group in scan.own.items()}
            least = min(levels[scan.id, *group] for group in scan.groups)
            self.numbers.least[scan.id] = least
            if own:
                by_cell[scan.id] = cells = [least] * scan.width
                for cell in range(scan.width):
                    cells[cell] = min(n for key, n in own.items() if key % scan.width == cell)
            self.numbers.shifts |= {
                (scan.id, *group): cells[keys[0] % scan.width] if own else least
                for group, keys in scan.keys_of.items()
            }
        self.renderer.settle_levels(by_cell)

    @property
    def _settles(self) -> bool:
        """Whether the engine settles what bins leave open."""
        return self.renderer.terse and self.plan.monitor.exact != "never"

    def _placed(self, items: Sequence[Watched]) -> dict[int, Grid]:
        """The grids of features that were placed before; what is on others is read after all."""
        placed: dict[int, Grid] = {}
        for item in items:
            facts = self._kept(self.plan.primary.id, item.id)
            before = self.known.grids.get(item.id) if facts is None else facts.grid
            grid = fits(before, self._reach(item))
            if grid is not None:
                placed[item.id] = grid
            elif facts is not None:
                self._release({item.id})
        return placed

    def _reach(self, item: Watched) -> tuple[float, float]:
        """The range of a feature that has any, of all sides."""
        bounds = self.out.bounds
        found = [bounds[s.id, item.id] for s in self.plan.scans if (s.id, item.id) in bounds]
        return min(low for low, _ in found), max(high for _, high in found)

    def _take_held(self, items: Sequence[Watched], levels: Mapping[Key, int]) -> None:
        """Put the cells that are known where those that are read will be."""
        for item in items:
            grid = self.numbers.grids[item.id]
            for scan in self.plan.references:
                facts = self._kept(scan.id, item.id)
                if facts is None:
                    continue
                side = regridded(facts, grid)
                # bins of windows are as coarse as the rows of one deserve
                if side is None or (grid.width and side.shift < levels[scan.id, 0, ALL]):
                    self.renderer.held.discard((scan.id, item.id))
                else:
                    self.numbers.sides.setdefault(item.id, {})[scan.id, 0, ALL] = side

    def _bounds(self, numbers: Sequence[Watched]) -> dict[tuple[int, int], tuple[float, float]]:
        """Finite values at or beyond all others, by scan and feature."""
        bounds = {
            (scan.id, item.id): facts.bounds
            for scan in self.plan.references
            for item in numbers
            if (facts := self._kept(scan.id, item.id)) is not None and facts.bounds is not None
        }
        for batch in self._alike(numbers):
            for some, part in self._answers(batch, self.renderer.bounds):
                found = _read_bounds(part, [i.id for i in some])
                if self.warehouse.ranks_nan:
                    self.renderer.finite |= {
                        key for key, ends in found.items() if all(map(math.isfinite, ends))
                    }
                bounds |= found
        odd = [
            item
            for item in numbers
            if item.id not in self.out.failed
            and not all(
                math.isfinite(x)
                for s in (self.plan.production, *self.plan.references)
                for x in bounds.get((s.id, item.id), (0, 0))
            )
        ]
        for batch in self._alike(odd):
            for some, part in self._answers(batch, self.renderer.finite_bounds):
                bounds |= _read_bounds(part, [i.id for i in some])
        for scan in self.plan.segmented:
            # the same rows, told apart
            bounds |= {
                (scan.id, item.id): bounds[scan.base, item.id]
                for item in numbers
                if scan.base is not None and (scan.base, item.id) in bounds
            }
        return bounds

    def _sample(self, fine: Sequence[Watched]) -> dict[int, list[float | None]]:
        """Values at `SHARES`, by feature, of a sample of the reference, or of production if that is empty."""
        scan = self.plan.primary if self.rows[self.plan.primary.id] else self.plan.production
        percent = 100 * SAMPLE_ROWS / max(1, self.rows[scan.id])
        quantiles: dict[int, list[float | None]] = {}
        for batch in _batches(fine):
            for _, part in self._answers(
                batch, lambda some: self.renderer.sample(some, min(100.0, percent), scan)
            ):
                for row in part.to_pylist():
                    quantiles[row["feature"]] = [row[f"quantile_{k}"] for k in range(len(SHARES))]
        return quantiles

    def _settle(self, numbers: Sequence[Watched]) -> None:
        """Read single values of fine bins until bins, quantiles, ranges and types are exact."""
        able = [item for item in numbers if item.id not in self.out.failed]
        exact = self.plan.monitor.exact != "never"
        open_gaps: list[Portion] = []
        asked = self._asked(able) if self.plan.monitor.exact == "always" else {}
        left = self._settle_there(able, asked, report=True) if self._settles else asked
        able = [item for item in able if item.id not in self.out.failed]
        if left:
            open_gaps = self._open_gaps(able, left)
        for _ in range(MOST_ROUNDS):
            wanted = _merged(self.numbers.open_report(able, exact=exact), open_gaps)
            if not wanted:
                break
            self._read(wanted)
            open_gaps = []
            able = [item for item in able if item.id not in self.out.failed]

    def _settle_there(
        self, items: Sequence[Watched], asked: Mapping[int, Collection[Asked]], *, report: bool
    ) -> dict[int, Collection[Asked]]:
        """Have the engine settle distances, and cut the bins that the report needs cut.

        Returns:
            By comparison, what of the distances must be settled here after all.
        """
        held = {feature for _, feature in self.renderer.held}
        found = self.numbers.stretches(
            [item for item in items if item.id not in held], asked, report=report
        )
        by_feature: dict[int, list[Stretch]] = {}
        for each in found:
            by_feature.setdefault(each.feature, []).append(each)
        if found:
            self.progress(f"settling {sum(len(each.cells.bin) for each in found)} bins")
        waiting = [item for item in items if item.id in by_feature]
        done: set[int] = set()
        for batch in _batches(waiting, WIDE_BATCH):
            for some, part in self._answers(batch, partial(self._settled, by_feature)):
                stretches = [each for item in some for each in by_feature[item.id]]
                self.numbers.add_settled(part, stretches)
                count = len(self.plan.read)
                done |= {each.pair * count + each.feature for each in stretches}
        return {number: wanted for number, wanted in asked.items() if number not in done}

    def _settled(
        self, stretches: Mapping[int, Sequence[Stretch]], items: Sequence[Watched]
    ) -> Statement:
        return self.renderer.settled(items, self.numbers.grids, stretches)

    def _open_gaps(
        self, items: Sequence[Watched], asked: Mapping[int, Collection[Asked]]
    ) -> list[Portion]:
        """What to read before distances are exact, once bins that hold much were counted more finely."""
        waiting = self.numbers.wait(items, asked)
        cuts = self.numbers.cuts(waiting)
        if cuts:
            self._count_finer(cuts)
            waiting = self.numbers.wait([i for i in items if i.id not in self.out.failed], asked)
        return self.numbers.portions(waiting, self.most_rows)

    def _count_finer(self, cuts: Sequence[Cut]) -> None:
        """Count open bins in finer ones."""
        self.progress(f"counting {sum(cut.rows for cut in cuts)} finer bins")
        by_id = {item.id: item for item in self.plan.read}
        by_feature = {cut.feature: cut for cut in cuts}
        for batch in _filled(cuts, MOST_CELLS):
            items = [by_id[cut.feature] for cut in batch]
            for some, part in self._answers(items, partial(self._finer, cuts=by_feature)):
                self.numbers.add_finer(part, [by_feature[i.id] for i in some], self.scales)

    def _finer(self, items: Sequence[Watched], cuts: Mapping[int, Cut]) -> Statement:
        return self.renderer.finer(
            items,
            self.numbers.grids,
            self.scales,
            self.numbers.least,
            {item.id: cuts[item.id].level for item in items},
            {(item.id, s): b.tolist() for item in items for s, b in cuts[item.id].bins.items()},
        )

    def _asked(self, items: Sequence[Watched]) -> dict[int, set[Asked]]:
        """By comparison, which distances the metrics that watch a feature are made of."""
        metrics = self.plan.metrics
        asked: dict[int, set[Asked]] = {}
        for item in items:
            for signal in self.plan.monitor.signals:
                if signal.name not in item.signals:
                    continue
                wanted = {metrics[rule.metric].certified for rule in signal.rules} - {None}
                for pair in self.plan.pairs_of(signal):
                    number = self.numbers.comparison(pair, item)
                    asked.setdefault(number, set()).update(w for w in wanted if w)
        return asked

    def _few_by_share(self, items: Sequence[Watched]) -> set[int]:
        """Features that were counted to have few whole numbers, where a share of rows decides."""
        share = self.plan.conventions.most_distinct_share
        if share is None:
            return set()
        primary = self.plan.primary.id
        (rows,) = self.bench.rows(
            f"select sum(row_count) as n from scan_rows where scan = {primary}"
        )
        counted = self.bench.rows(
            f"select feature, whole_values from asked where scan = {primary}"
            " and whole_values is not null"
        )
        few = {row["feature"] for row in counted if row["whole_values"] < share * rows["n"]}
        return few & {item.id for item in items}

    def _read(self, portions: Sequence[Portion]) -> None:
        """Fetch the single values of bins."""
        bins = sum(len(each) for portion in portions for each in portion.bins.values())
        self.progress(f"settling {bins} bins")
        by_id = {item.id: item for item in self.plan.read}
        for batch in _filled(portions, self.most_rows):
            wanted = {
                (portion.feature, scan): bins.tolist()
                for portion in batch
                for scan, bins in portion.bins.items()
            }
            items = [by_id[portion.feature] for portion in batch]
            for some, part in self._answers(items, partial(self._ties, wanted=wanted)):
                names = {item.id for item in some}
                self.numbers.add_ties(part, [each for each in batch if each.feature in names])

    def _ties(
        self, items: Sequence[Watched], wanted: Mapping[tuple[int, int], Sequence[int]]
    ) -> Statement:
        numbers = self.numbers
        return self.renderer.ties(items, numbers.grids, numbers.least, numbers.levels, wanted)

    def sharpen(self, asked: Mapping[int, set[Asked]]) -> None:
        """Make the distances of some comparisons exact."""
        able = self._able()
        left = self._settle_there(able, asked, report=False) if self._settles else asked
        portions = self._open_gaps(self._able(), left)
        if portions:
            self._read(portions)
        touched = {self.numbers.comparison(p, i): i.id for p in self.plan.pairs for i in able}
        self.numbers.sharpen({touched[number] for number in asked if number in touched}, self.bench)

    def _able(self) -> list[Watched]:
        return [
            item
            for item in self.plan.read
            if item.route == "number" and item.id not in self.out.failed
        ]

    def _decide(self) -> None:
        self.bench.derive("columns")
        found = decide_kinds(
            self.plan,
            self.bench,
            self.out.failed,
            lambda few: self._send(few, self.renderer.categories, "categories"),
        )
        self.out.types, self.out.reasons = found.types, found.reasons
        self.out.rounded = found.rounded

    def _derive(self) -> None:
        categorical = [key for key, kind in self.out.types.items() if kind == "categorical"]
        self.numbers.land_values(categorical, self.bench)
        self.bench.append("categories", "number_categories")
        for name in ("columns", "outside", "comparisons", "binned", "bins", "each_category"):
            self.bench.derive(name)


def _in_order(row: tuple[Any, ...]) -> list[tuple[bool, Any]]:
    """Where a row of a sample comes: by its hash, those of one hash by what they hold."""
    return [(value is None, "" if value is None else value) for value in row]


def _informing(
    items: Sequence[Watched],
    axes: Mapping[int, Axis],
    rows: Sequence[tuple[int, Sequence[int]]],
    targets: int,
) -> Iterator[tuple[str, tuple[int, float | None]]]:
    """Rows and mutual information by feature, of one window.

    Args:
        items: The features, in the order of the counts.
        axes: Their bins.
        rows: Bins of the target with the counts of all features.
        targets: Bins that the target has.
    """
    import numpy as np

    start = 0
    for item in items:
        axis = axes[item.id]
        end = start + axis.counts
        width = 1 + len(axis.limits) + len(axis.values or ())
        bins, few = np.zeros((width, targets), np.int64), np.zeros(targets, np.int64)
        for place, counted in rows:
            bins[:, place], few[place] = axis.bins(counted[start:end])
        yield item.name, mutual_information(bins, few)
        start = end


def _batches(items: Sequence[Watched], most: int = BATCH) -> Iterator[Sequence[Watched]]:
    size = max(1, min(most, BATCH if len(items) <= BATCH else WIDE_BATCH))
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _filled(parts: Sequence[Part], most: int) -> Iterator[Sequence[Part]]:
    """Batches of different features that bring at most so many rows, or of single parts."""
    batch: list[Part] = []
    held = 0
    features: set[int] = set()
    for each in parts:
        full = held + each.rows > most or len(batch) == BATCH
        if batch and (full or each.feature in features):
            yield batch
            batch, held, features = [], 0, set()
        batch.append(each)
        features.add(each.feature)
        held += each.rows
    if batch:
        yield batch


def _merged(report: Sequence[Portion], portions: Sequence[Portion]) -> list[Portion]:
    """What is asked for for the report along with the first of the portions of its feature."""
    asked = {each.feature: each for each in report}
    merged = [
        each if (more := asked.pop(each.feature, None)) is None else each.along_with(more)
        for each in portions
    ]
    return [*merged, *asked.values()]


def _read_bounds(
    table: pa.Table, features: Sequence[int]
) -> dict[tuple[int, int], tuple[float, float]]:
    """(scan, feature) to (low, high), from the columns in the order of the statement's features."""
    found: dict[tuple[int, int], tuple[float, float]] = {}
    for row in table.to_pylist():
        for number, feature in enumerate(features):
            low, high = row.get(f"low_{number}"), row.get(f"high_{number}")
            if low is not None and high is not None:
                found[row["scan"], feature] = (low, high)
    return found
