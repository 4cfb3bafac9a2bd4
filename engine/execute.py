"""Send a plan's statements, round by round, and land what comes back in the workbench.

Rounds: rows of every scan; bounds and a sample that place the grids; histogram, categories; then ties,
until no fine bin is left that could change a result. Small inputs skip the grid.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from driftline.engine.errors import WarehouseError
from driftline.engine.features import Watched, few_values, may_be_categorical, text_is_free
from driftline.engine.grid import SHARES, Grid, choose_grid, sum_scales
from driftline.engine.joins import several_rows
from driftline.engine.plan import ALL, WHOLE, Plan
from driftline.engine.relations import land_plan, scales_table, schema_of
from driftline.engine.render import GridPart, Renderer
from driftline.engine.sqltext import exact_to
from driftline.engine.warehouses.base import Ledger, Statement, Warehouse
from driftline.engine.workbench import Workbench

if TYPE_CHECKING:
    import pyarrow as pa

BATCH: Final = 200
# Planning takes longer than linear in a statement's columns: very wide tables take smaller ones.
WIDE_BATCH: Final = 40
SMALL_ROWS: Final = 20_000
SMALL_VALUES: Final = 2_000_000
SAMPLE_ROWS: Final = 20_000
MOST_ROUNDS: Final = 6

Progress = Callable[[str], None]


@dataclass
class Gathered:
    """What is known of a plan's columns once everything is read.

    Attributes:
        types: Feature id to `numerical`, `categorical`, or None when left out of drift.
        reasons: Feature id to why it was left out.
        failed: Feature id, or `WHOLE`, to what the warehouse said.
        rounded: Ids of number columns whose exact values a double does not hold.
        unmatched: Match id to what the warehouse said when it could not be counted.
    """

    types: dict[int, str | None] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    rounded: set[int] = field(default_factory=set)
    unmatched: dict[int, str] = field(default_factory=dict)


def gather(
    plan: Plan,
    warehouse: Warehouse,
    renderer: Renderer,
    bench: Workbench,
    ledger: Ledger,
    progress: Progress,
) -> Gathered:
    """Read what a plan needs and derive every relation that metrics select from.

    Args:
        plan: The plan.
        warehouse: Where its sources are.
        renderer: Its statements in the warehouse's dialect.
        bench: An empty workbench; holds all relations afterwards.
        ledger: Grows by every statement sent.
        progress: Called with a few words as each step begins.

    Raises:
        WarehouseError: When a whole source cannot be read; one bad column is noted in `failed`.
    """
    try:
        return _Gathering(plan, warehouse, renderer, bench, ledger, progress).run()
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
    grids: dict[int, Grid] = field(default_factory=dict)

    def run(self) -> Gathered:
        land_plan(self.plan, self.bench)
        self._join()
        able = [item for item in self.plan.read if item.id not in self.out.failed]
        numbers = [item for item in able if item.route == "number"]
        texts = [item for item in able if item.route == "category"]
        self.progress("counting rows")
        largest = self._profile()
        self._arrivals()
        if texts:
            self.progress(f"counting categories of {len(texts)} columns")
            self._send(texts, self.renderer.categories, "categories")
        small = largest <= SMALL_ROWS and largest * len(numbers) <= SMALL_VALUES
        if numbers and not small:
            self._grid(numbers, largest)
        whole = [
            item for item in numbers if item.id not in self.grids and item.id not in self.out.failed
        ]
        if whole:
            self.progress(f"counting values of {len(whole)} columns")
            self._send(whole, lambda some: self.renderer.ties(some, {}, {}), "ties")
        self._land_grids()
        self._settle(numbers)
        self._decide_types()
        self._derive()
        return self.out

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
                unusable[scan.id, name] = self.out.unmatched[match.id]
            elif not row["repeated"]:
                single.add((scan.id, name))
            elif match.joined.clock is None:
                side = "production" if scan.side == "production" else f"reference {scan.reference}"
                unusable[scan.id, name] = (
                    f"join {name} has {several_rows(row['repeated'], row['surplus'])} of {side},"
                    " and no timestamp tells the newest"
                )
        self.renderer.settle_joins(single, unusable)
        for scan_id, statement in self.renderer.joined().items():
            try:
                self._execute(statement)
            except WarehouseError as error:
                names = (each.join.name for each in self.plan.scans[scan_id].joined)
                unusable |= {(scan_id, name): error.message for name in names}
        waiting = self.renderer.waiting()
        for key, message in unusable.items():
            self.out.failed |= dict.fromkeys(waiting.get(key, ()), message)

    def _match(self) -> dict[int, dict[str, Any]]:
        """Land what joins match; by match, without those that could not be counted."""
        import pyarrow as pa

        counted: dict[int, dict[str, Any]] = {}
        for name, matches in self.plan.by_join().items():
            self.progress(f"matching join {name}")
            try:
                answer = self._fetch(self.renderer.matches(matches)).to_pylist()
            except WarehouseError as error:
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

    def _execute(self, statement: Statement) -> None:
        started = time.perf_counter()
        message: str | None = None
        try:
            self.warehouse.execute(statement.sql)
        except WarehouseError as error:
            message = error.message
            raise
        finally:
            seconds = time.perf_counter() - started
            self.ledger.add(statement, self.warehouse.dialect, None, seconds, message)

    def _fetch(self, statement: Statement) -> pa.Table:
        started = time.perf_counter()
        try:
            table = self.warehouse.fetch(statement.sql)
        except WarehouseError as error:
            seconds = time.perf_counter() - started
            self.ledger.add(statement, self.warehouse.dialect, None, seconds, error.message)
            raise
        seconds = time.perf_counter() - started
        self.ledger.add(statement, self.warehouse.dialect, table.num_rows, seconds, None)
        return table

    def _send(
        self,
        items: Sequence[Watched],
        render: Callable[[Sequence[Watched]], Statement],
        relation: str,
    ) -> None:
        """Fetch a relation batch by batch; when a batch fails, column by column."""
        for batch in _batches(items):
            for _, part in self._answers(batch, render):
                self.bench.land(relation, part, append=True)

    def _answers(
        self, batch: Sequence[Watched], render: Callable[[Sequence[Watched]], Statement]
    ) -> Iterator[tuple[Sequence[Watched], pa.Table]]:
        """A batch and its answer; when it fails, those of its halves, down to single columns."""
        try:
            yield batch, self._fetch(render(batch))
            return
        except WarehouseError as error:
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
        for batch in (*self._alike(counted),) or ((),):
            for some, table in self._profiles(batch):
                for row in table.to_pylist():
                    key = {name: row[name] for name in ("scan", "window_id", "segment")}
                    rows[tuple(key.values())] = {**key, "row_count": row["row_count"]}
                    numbers = (value for name, value in row.items() if name.startswith("count_"))
                    for item in some:
                        found = {name: next(numbers) for name in self.renderer.counts(item)}
                        if item.route == "count":
                            misfits = found["filled"] - found.pop("fitting")
                            filled.append({**key, "feature": item.id, **found, "misfits": misfits})
                        else:
                            asked.append({**key, "feature": item.id, **found})
        for scan in self.plan.scans:
            # a scan without rows returns none: a zero of its own keeps it in the results
            for window in scan.windows:
                key = {"scan": scan.id, "window_id": window.id, "segment": ALL}
                rows.setdefault(tuple(key.values()), {**key, "row_count": 0})
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
            yield batch, self._fetch(self.renderer.profile(batch))
            return
        except WarehouseError:
            if not batch:
                raise
        yield (), self._fetch(self.renderer.profile(()))
        for item in batch:
            yield from self._answers([item], self.renderer.profile)

    def _arrivals(self) -> None:
        """Land ids and the newest moment of production, where a metric asks for them."""
        found = schema_of("arrivals").empty_table()
        statement = None if WHOLE in self.out.failed else self.renderer.arrivals()
        if statement is not None:
            self.progress("counting arrivals")
            try:
                found = self._fetch(statement)
            except WarehouseError as error:
                self.out.failed[WHOLE] = error.message
        self.bench.land("arrivals", found)

    def _grid(self, numbers: Sequence[Watched], largest: int) -> None:
        self.progress("placing the grids")
        bounds: dict[tuple[int, int], tuple[float, float]] = {}
        for batch in self._alike(numbers):
            for some, part in self._answers(batch, self.renderer.bounds):
                bounds |= _read_bounds(part, [i.id for i in some])
        odd = [
            item
            for item in numbers
            if item.id not in self.out.failed
            and not all(
                math.isfinite(x)
                for s in self.plan.scans
                for x in bounds.get((s.id, item.id), (0, 0))
            )
        ]
        for batch in self._alike(odd):
            for some, part in self._answers(batch, self.renderer.finite_bounds):
                bounds |= _read_bounds(part, [i.id for i in some])
        fine = [item for item in numbers if item.id not in self.out.failed]
        rows = {row["scan"]: row["row_count"] for row in self.bench.rows("from scan_rows")}
        percent = 100 * SAMPLE_ROWS / max(1, rows[self.plan.primary.id])
        quantiles: dict[int, list[float | None]] = {}
        for batch in _batches(fine):
            for _, part in self._answers(
                batch, lambda some: self.renderer.sample(some, min(100.0, percent))
            ):
                for row in part.to_pylist():
                    quantiles[row["feature"]] = [row[f"quantile_{k}"] for k in range(len(SHARES))]
        scales: dict[tuple[int, int], tuple[float, float]] = {}
        for item in fine:
            found = [bounds[s.id, item.id] for s in self.plan.scans if (s.id, item.id) in bounds]
            assert item.reference is not None
            assert item.production is not None
            whole = item.reference.kind == item.production.kind == "integer"
            grid = (
                choose_grid(
                    quantiles.get(item.id, []),
                    min(low for low, _ in found),
                    max(high for _, high in found),
                    largest,
                    whole=whole,
                )
                if found
                else None
            )
            if grid is None:
                continue
            sides = {
                scan.id: sum_scales(grid, *bounds.get((scan.id, item.id), (grid.centre,) * 2))
                for scan in self.plan.scans
            }
            if None not in sides.values():
                self.grids[item.id] = grid
                scales |= {(scan, item.id): pair for scan, pair in sides.items() if pair}
        gridded = [item for item in fine if item.id in self.grids]
        self.bench.land("scales", scales_table(scales))
        if gridded:
            self.progress(f"one pass over {len(gridded)} columns")
            self._send(
                gridded,
                lambda some: self.renderer.histogram(some, self._parts(), scales),
                "histogram",
            )

    def _parts(self) -> dict[int, GridPart]:
        return {key: GridPart.of(grid) for key, grid in self.grids.items()}

    def _land_grids(self) -> None:
        import pyarrow as pa

        grids = [{"feature": key, "centre": grid.centre} for key, grid in self.grids.items()]
        self.bench.land("grids", pa.Table.from_pylist(grids, schema=schema_of("grids")))
        for name in ("histogram", "ties", "categories", "scales", "refined"):
            if not self.bench.has(name):
                self.bench.land(name, schema_of(name).empty_table())

    def _settle(self, numbers: Sequence[Watched]) -> None:
        """Read single values of fine bins until none can change a result."""
        import pyarrow as pa

        self.bench.derive("centres")
        self.bench.derive("cells")
        by_id = {item.id: item for item in numbers}
        active = set(self.grids)
        refined: list[dict[str, int]] = []
        for _ in range(MOST_ROUNDS):
            if not active:
                break
            rows = [{"feature": key} for key in sorted(active)]
            self.bench.land("active", pa.Table.from_pylist(rows, schema=schema_of("active")))
            for name in ("steps", "edges", "undecided"):
                self.bench.derive(name)
            found: dict[int, list[int]] = {}
            active = set()
            for row in self.bench.rows("from undecided order by feature, bin"):
                found.setdefault(row["feature"], []).append(row["bin"])
                if row["heavy"]:
                    active.add(row["feature"])
            if not found:
                break
            self.progress(f"settling {sum(map(len, found.values()))} bins")
            undecided = {key: tuple(bins) for key, bins in found.items()}
            self._refine([by_id[key] for key in undecided], undecided)
            refined += [
                {"feature": key, "bin": bin_}
                for key, bins in undecided.items()
                if key not in self.out.failed
                for bin_ in bins
            ]
            self.bench.land("refined", pa.Table.from_pylist(refined, schema=schema_of("refined")))
            self.bench.derive("cells")
        for name in ("steps", "edges"):
            self.bench.derive(name)

    def _refine(self, items: Sequence[Watched], undecided: Mapping[int, tuple[int, ...]]) -> None:
        """Fetch the single values of undecided bins."""
        grids = self._parts()
        self._send(items, lambda some: self.renderer.ties(some, grids, undecided), "ties")

    def _decide_types(self) -> None:
        self.bench.derive("columns")
        self._find_rounded()
        seen = {
            row["feature"]: row
            for row in self.bench.rows(
                f"select * from columns where scan = {self.plan.primary.id} and segment = '{ALL}'"
            )
        }
        exact = self._exact_categories(seen)
        conventions = self.plan.conventions
        for item in self.plan.read:
            forced = self._forced(item)
            row = seen[item.id]
            assert item.reference is not None
            if item.route == "count":
                self.out.types[item.id] = None
            elif item.route == "number":
                few = self._is_few(item, row, exact.get(item.id, row["distinct_count"]))
                self.out.types[item.id] = "categorical" if few else "numerical"
            elif (
                forced is None
                and conventions.leaves_out_free_text
                and text_is_free(item.reference, int(row["distinct_count"] or 0), row["n"])
            ):
                self.out.types[item.id] = None
                self.out.reasons[item.id] = (
                    f"{int(row['distinct_count'])} distinct texts in {int(row['n'])} rows: "
                    "ids or free text, not categories"
                )
            else:
                self.out.types[item.id] = "categorical"
        self.bench.execute(
            "update features set feature_type = types.kind"
            " from (select unnest($1) as feature, unnest($2) as kind) as types"
            " where types.feature = features.feature",
            [[*self.out.types], [*self.out.types.values()]],
        )

    def _forced(self, item: Watched) -> str | None:
        """The type that the project file gives a column."""
        settings = self.plan.monitor.settings.get(item.name)
        return settings.type if settings is not None else None

    def _is_few(self, item: Watched, row: Mapping[str, Any], distinct: int | None) -> bool:
        """Whether a number column turns categorical.

        Args:
            item: The column.
            row: What `columns` says of the primary reference.
            distinct: Its different values, unless they were counted by themselves.
        """
        if row["whole_values"] is not None:
            # where they are, null is a value
            distinct = row["whole_values"] + (row["null_count"] > 0)
        return may_be_categorical(self.plan.monitor, item) and few_values(
            self.plan.conventions, distinct, int(row["row_count"])
        )

    def _find_rounded(self) -> None:
        """Note number columns that reach beyond what a double holds exactly."""
        reach = {
            row["feature"]: row["reach"]
            for row in self.bench.rows(
                "select feature, max(greatest(abs(minimum), abs(maximum))) as reach"
                " from columns group by feature"
            )
        }
        for item in self.plan.read:
            if item.route == "number" and (farthest := reach[item.id]) is not None:
                sides = (item.reference, item.production)
                if any(side is not None and farthest >= exact_to(side) for side in sides):
                    self.out.rounded.add(item.id)

    def _exact_categories(self, seen: Mapping[int, Mapping[str, Any]]) -> dict[int, int]:
        """Count whole numbers beyond 2^53 that may be categories again, as text: no two are one.

        Args:
            seen: Feature id to what `columns` says of the primary reference.

        Returns:
            Feature id to its different values. The rows of `categories` stay where these are few
            enough, and stand for what the doubles would say.
        """
        few = [
            item
            for item in self.plan.read
            if item.id in self.out.rounded
            and item.id not in self.out.failed
            and self._is_few(item, seen[item.id], seen[item.id]["distinct_count"])
        ]
        if not few:
            return {}
        self._send(few, self.renderer.categories, "categories")
        ids = ", ".join(str(item.id) for item in few)
        counted = self.bench.rows(
            "select feature, sum(distinct_count)::bigint as n from categories"
            f" where scan = {self.plan.primary.id} and kind in ('category', 'other')"
            f" and feature in ({ids}) group by feature"
        )
        found = {row["feature"]: row["n"] for row in counted}
        many = [
            item.id
            for item in few
            if item.id in found and not self._is_few(item, seen[item.id], found[item.id])
        ]
        # nulls and type errors are counted already, with the numbers
        self.bench.execute(
            f"delete from categories where feature in ({ids})"
            " and (kind in ('null', 'nan', 'type_error') or list_contains($1, feature))",
            [many],
        )
        return found

    def _derive(self) -> None:
        self.bench.append("categories", "number_categories")
        for name in (
            "columns",
            "outside",
            "comparisons",
            "binned",
            "bins",
            "each_category",
            "quantiles",
            "coarse",
        ):
            self.bench.derive(name)


def _batches(items: Sequence[Watched]) -> Iterator[Sequence[Watched]]:
    size = BATCH if len(items) <= BATCH else WIDE_BATCH
    for start in range(0, len(items), size):
        yield items[start : start + size]


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
