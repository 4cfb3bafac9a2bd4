"""From counted cells to the relations of number columns: moments, bins, quantiles, distances.

Holds the cells of every side of every number column of a run, says which fine bins must be read before
a result is exact, and turns what is known into the small relations that metrics select from.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from driftline.engine.cells import (
    Edges,
    Side,
    Values,
    among,
    beyond,
    equal_width_edges,
    holding,
    moments,
    quantile_cells,
    quantile_edges,
    quantile_ranks,
    shared_width_edges,
    sorted_edges,
)
from driftline.engine.distances import Marks, Stretch
from driftline.engine.features import Watched, may_be_categorical
from driftline.engine.number_rows import (
    Key,
    coarse_table,
    gap_row,
    intervals,
    quantiles,
    single_values,
)
from driftline.engine.plan import ALL, Pair
from driftline.engine.project import BinRule
from driftline.engine.relations import schema_of
from driftline.engine.settling import (
    NO_BINS,
    Asked,
    Portion,
    Settling,
    finer_bins,
    joined_codes,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from driftline.engine.cells import Wholes
    from driftline.engine.workbench import Workbench

RELATIONS: Final = ("numbers", "number_faults", "quantiles", "beyond", "intervals")
NULL: Final = -1
TYPE_ERROR: Final = -2
NAN: Final = -3
BELOW_INFINITY: Final = -4
ABOVE_INFINITY: Final = -5
_FAULTS: Final = (
    ("null_count", NULL),
    ("type_error_count", TYPE_ERROR),
    ("nan_count", NAN),
    ("below_infinity", BELOW_INFINITY),
    ("above_infinity", ABOVE_INFINITY),
)


@dataclass
class Numbers(Settling):
    """The number columns of one run.

    Attributes:
        few: Features counted to have few whole numbers, where a share of the rows decides.
        wanted: Bins that each side waits for, as it numbers them.
        own_edges: Where the bins of a feature start by the primary reference's own rows.
    """

    few: set[int] = field(default_factory=set)
    wanted: dict[tuple[int, Key], Wholes] = field(default_factory=dict)
    own_edges: dict[int, Edges] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # the pairs that each side of production is judged in
        self._judging: dict[Key, list[Pair]] = {}
        for pair in self.plan.pairs:
            self._judging.setdefault(self.keys(pair)[1], []).append(pair)
        self._rows: dict[str, list[dict[str, Any]]] = {name: [] for name in RELATIONS}
        self._gaps: dict[int, dict[str, Any]] = {}

    # Counts arrive

    def add_histogram(
        self,
        table: pa.Table,
        scales: Mapping[tuple[int, int], tuple[float, float]],
        levels: Mapping[Key, int],
    ) -> None:
        """Keep what the relation `histogram` counted.

        Args:
            table: Its rows.
            scales: What its two sums were multiplied by, by scan and feature.
            levels: How often fine bins are to be joined by two, by scan, window and segment.
        """
        for feature, key, rows in self.told(table, by_bin=True):
            grid = self.grids[feature]
            coded = int(np.searchsorted(rows["bin"], 0))
            codes = dict(zip(rows["bin"][:coded].tolist(), rows["n"][:coded].tolist(), strict=True))
            cells = {name: column[coded:] for name, column in rows.items()}
            total, squares = (
                cells[name] / scale
                for name, scale in zip(("total", "squares"), scales[key[0], feature], strict=True)
            )
            if not grid.width:
                # a bin is a number, which tells its sums
                t = cells["low"] - grid.centre
                total, squares = cells["n"] * t, cells["n"] * t * t
            side = Side(
                codes,
                self.shifts[key] if grid.width else 0,
                cells["bin"],
                cells["low"],
                cells["high"],
                cells["n"],
                total,
                squares,
                grid.centre,
            )
            # as coarse as the window's own rows deserve, whatever stands beside it
            self.keep(feature, key, side.at(levels[key]) if grid.width else side)

    def add_values(
        self,
        table: pa.Table,
        features: Collection[int],
        known: Mapping[tuple[int, Key], Side] = MappingProxyType({}),
    ) -> None:
        """Keep columns whose values the relation `ties` counted one by one.

        Args:
            table: Its rows.
            features: The columns.
            known: Sides that were not read, by feature and key.
        """
        found: dict[int, dict[Key, tuple[dict[int, int], Values]]] = {key: {} for key in features}
        for feature, key, rows in self.told(table):
            bins = rows["bin"]
            codes = {
                int(b): int(n) for b, n in zip(bins[bins < 0], rows["n"][bins < 0], strict=True)
            }
            kept = bins >= 0
            order = np.argsort(rows["value"][kept])
            values = Values(
                np.zeros(int(kept.sum()), np.int64),
                rows["value"][kept][order],
                rows["n"][kept][order],
            )
            found[feature][key] = codes, values
        primary = (self.plan.primary.id, 0, ALL)
        self.surveys = {k: each for k, each in self.surveys.items() if k[1] not in found}
        for feature, sides in found.items():
            self.grids.pop(feature, None)
            self.sides[feature] = {}
            centre = _median(sides[primary][1]) if primary in sides else 0.0
            if (held := known.get((feature, primary))) is not None:
                centre = held.centre
            for key, (codes, values) in sides.items():
                self.keep(feature, key, Side.of_values(codes, values.value, values.n, centre))
        for (feature, key), side in known.items():
            self.keep(feature, key, side)

    def add_ties(self, table: pa.Table, portions: Sequence[Portion]) -> None:
        """Keep the single values that sides wait for, and settle distances by those they wait for.

        Args:
            table: Rows of the relation `ties`.
            portions: What was asked for.
        """
        found = {
            (feature, key): Values(rows["bin"], rows["value"], rows["n"])
            for feature, key, rows in self.told(table)
        }
        features = {each.feature for each in portions}
        for name in [name for name in self.wanted if name[0] in features]:
            feature, key = name
            bins, side = self.wanted.pop(name), self.sides[feature][key]
            # what stands beside a window must not change it: it keeps the bins that it asked for
            joined = side.shift - self.finest(feature, key)
            values = found.get(name, Values.none())
            values = replace(values, bin=values.bin >> joined)
            self.sides[feature][key] = side.with_values(values, bins)
        self.settle(portions, found)

    def _spelled(self, found: Mapping[tuple[int, Key], Sequence[Wholes]]) -> list[Portion]:
        """Note which bins each side wants, and spell them as the statements number them."""
        spelled: dict[int, dict[int, list[Wholes]]] = {}
        rows: dict[int, int] = {}
        for (feature, key), parts in found.items():
            side = self.sides[feature][key]
            bins = np.unique(np.concatenate([NO_BINS, *parts]))
            if not len(bins):
                continue
            self.wanted[feature, key] = bins
            rows[feature] = rows.get(feature, 0) + int(side.n[among(side.bin, bins)].sum())
            joined = side.shift - self.finest(feature, key)
            codes = self.codes(feature, key, finer_bins(bins, joined))
            spelled.setdefault(feature, {}).setdefault(key[0], []).append(codes)
        return [
            Portion(
                feature,
                joined_codes(scans),
                None,
                rows[feature],
            )
            for feature, scans in spelled.items()
        ]

    # What an engine settles by itself

    def stretches(
        self,
        items: Iterable[Watched],
        asked: Mapping[int, Collection[Asked]],
        *,
        report: bool,
    ) -> list[Stretch]:
        """What an engine is to walk along before distances, and perhaps all else, are exact.

        Args:
            items: Number columns.
            asked: By comparison, which distances are to be exact.
            report: Whether bins are to be cut where edges, quantiles and limits are.
        """
        found = []
        for item in items:
            if item.id not in self.grids or not self.grids[item.id].width:
                continue
            for pair in self.pairs_of(item):
                wanted = asked.get(self.comparison(pair, item), ())
                stretch = self.stretch(item.id, pair, wanted) if wanted else None
                # what other references need of these edges is read once they are known
                if report and pair.reference_scan == self.plan.primary.id:
                    marks = self._marks(item, pair)
                    if marks:
                        stretch = self.with_marks(item.id, pair, stretch, marks)
                if stretch is not None:
                    found.append(stretch)
        return found

    def _marks(self, item: Watched, pair: Pair) -> list[Marks]:
        """The bins of two sides that hold edges, quantiles and limits; their range is not said."""
        keys, sides = self.keys(pair), self.pair(item.id, pair)
        edges = self.edges(item) if self.rule(item).rule == "quantile" else None
        ends = [end for end in self._edge_ends(item, exact=True) if end[0] == end[1]]
        marks: dict[int, Marks] = {}
        for name, key, side, more in zip(
            ("n", "m"), keys, sides, (() if edges is None else edges.ranks, ()), strict=True
        ):
            if side.by_value:
                continue
            cells = side.cells()
            up_to = np.cumsum(cells.n)
            for rank in sorted({*quantile_ranks(side.rows), *more}):
                place = int(np.searchsorted(up_to, rank, side="left"))
                if cells.low[place] < cells.high[place]:
                    _mark(marks, int(cells.bin[place]), name, rank)
            for end in {*ends, *self._limits(item, key)}:
                for number in holding(side, [end]).tolist():
                    _mark(marks, number, "x", end[0])
        return [marks[number] for number in sorted(marks)]

    # Reading them

    def open_report(self, items: Iterable[Watched], *, exact: bool) -> list[Portion]:
        """What to read before bins, quantiles, ranges and types are exact.

        Args:
            items: Number columns.
            exact: Whether edges and quantiles inside a bin are to be found.
        """
        found: dict[tuple[int, Key], list[Wholes]] = {}
        for item in items:
            if item.id not in self.grids:
                continue
            ends = self._edge_ends(item, exact=exact)
            typed = self._may_turn_categorical(item)
            for key, side in self.sides.get(item.id, {}).items():
                wanted = []
                if typed:
                    wanted.append(side.unread(np.ones(len(side.bin), bool)))
                if exact:
                    wanted.append(holding(side, [*ends, *self._limits(item, key)]))
                    wanted += self._unread_marks(item, key)
                else:
                    wanted.append(holding(side, ends))
                found[item.id, key] = wanted
        return self._spelled(found)

    def _edge_ends(self, item: Watched, *, exact: bool) -> list[tuple[float, float]]:
        """Where the edges of a feature's bins may be, each as a range."""
        rule = self.rule(item)
        if rule.rule == "quantile" and not exact:
            return []
        if rule.rule == "shared_width":
            every = [shared_width_edges(self.pair(item.id, pair)) for pair in self.pairs_of(item)]
            edges = [each for each in every if each is not None]
        else:
            edges = [self.edges(item)]
        cells = self.primary(item.id).cells()
        ends = [
            (float(start), float(start))
            for each in edges
            for start in each.start
            if math.isfinite(start)
        ]
        for each in edges:
            ends += [
                (after, after) for after in np.nextafter(each.start[each.point], math.inf).tolist()
            ]
            ends += [(float(cells.low[k]), float(cells.high[k])) for k in each.unsettled]
        return ends

    def _limits(self, item: Watched, key: Key) -> list[tuple[float, float]]:
        """Ends of ranges that production's rows may lie beyond."""
        limits: list[float] = []
        for pair in self._judging.get(key, ()):
            low, high = self.range(item, self.pair(item.id, pair)[0])
            limits += [low] if low is not None else []
            limits += [math.nextafter(high, math.inf)] if high is not None else []
        return [(limit, limit) for limit in limits]

    def _unread_marks(self, item: Watched, key: Key) -> Iterator[Wholes]:
        """Bins of one side that hold a quantile, or an edge if it decides them."""
        side = self.sides[item.id][key]
        if side.by_value:
            return
        cells = side.cells()
        places = [*quantile_cells(cells).values()]
        if key[0] == self.plan.primary.id and self.rule(item).rule == "quantile":
            places += self.edges(item).unsettled
        chosen = np.array(sorted({*places}), np.int64)
        yield cells.bin[chosen][cells.several[chosen]]

    def _may_turn_categorical(self, item: Watched) -> bool:
        """Whether a column's whole numbers are so few, in bins so few, that each must be known."""
        conventions = self.plan.conventions
        if not may_be_categorical(self.plan.monitor, item):
            return False
        if conventions.most_distinct_share is not None:
            return item.id in self.few
        return len(self.primary(item.id).n) <= conventions.most_distinct

    # What they say

    def rule(self, item: Watched) -> BinRule:
        """How a feature is cut."""
        settings = self.plan.monitor.settings.get(item.name)
        own = settings.bins if settings is not None else None
        return self.plan.conventions.bins or own or self.plan.monitor.bins

    def edges(self, item: Watched) -> Edges:
        """Where a feature's bins start, by the primary reference."""
        rule = self.rule(item)
        side = self.primary(item.id)
        match rule.rule:
            case "quantile":
                exact = self.plan.monitor.exact != "never"
                return quantile_edges(side.cells(), rule.count, settle=exact)
            case "equal_width" if len(side.n):
                return equal_width_edges(float(side.low[0]), float(side.high[-1]), rule.count)
            case "edges":
                return sorted_edges((), sorted({*rule.edges[1:-1]}))
            case _:
                return sorted_edges((), ())

    def range(self, item: Watched, reference: Side) -> tuple[float | None, float | None]:
        """What is in bounds: what the project file gives, else the reference's range."""
        settings = self.plan.monitor.settings.get(item.name)
        if settings is not None and settings.bounds is not None:
            return settings.bounds
        if not len(reference.n):
            return None, None
        return float(reference.low[0]), float(reference.high[-1])

    def summarise(self, items: Sequence[Watched]) -> None:
        """Say what is known of columns once all that they wait for was read.

        Their cells go, but for those that may turn out to be categories or that a baseline is worth.
        """
        for item in items:
            self._summarise(item)
            self._measure(item)
            if item.id in self.grids and not self._may_turn_categorical(item):
                self._keep_references(item.id)

    def _keep_references(self, feature: int) -> None:
        """Forget the cells of a feature that nothing kept is made of."""
        kept = {*self.still(feature)}
        if self.plan.keeps_window:
            kept.add((self.plan.production.id, self.plan.production.windows[0].id, ALL))
        self.sides[feature] = {key: s for key, s in self.sides[feature].items() if key in kept}

    def _summarise(self, item: Watched) -> None:
        rows = self._rows
        every = item.id in self.grids and self._may_turn_categorical(item)
        for key, side in self.sides.get(item.id, {}).items():
            named = {"scan": key[0], "window_id": key[1], "segment": key[2], "feature": item.id}
            rows["number_faults"].append(
                named | {name: side.codes.get(c, 0) for name, c in _FAULTS}
            )
            if len(side.n):
                rows["numbers"].append(named | vars(moments(side, every=every)))
                rows["quantiles"].append(named | quantiles(side))
        edges = None if self.rule(item).rule == "shared_width" else self.edges(item)
        own_rows = self.primary(item.id)
        self.own_edges[item.id] = (
            edges or shared_width_edges((own_rows, own_rows)) or sorted_edges((), ())
        )
        reference_counts: dict[Key, Wholes] = {}
        for pair in self.pairs_of(item):
            reference, production = self.pair(item.id, pair)
            named = {"comparison": self.comparison(pair, item)}
            rows["beyond"].append(
                {"pair": pair.id, "feature": item.id, **self._beyond(item, reference, production)}
            )
            own = edges or shared_width_edges((reference, production)) or sorted_edges((), ())
            key, _ = self.keys(pair)
            if edges is None or key not in reference_counts:
                reference_counts[key] = own.counts(reference)
            rows["intervals"] += intervals(
                named, own, reference_counts[key], own.counts(production)
            )

    def _measure(self, item: Watched) -> None:
        """Say how far the sides of a column lie apart, exactly where open bins were settled."""
        for pair in self.pairs_of(item):
            far = self.gaps(item.id, pair)
            if far is not None:
                comparison = self.comparison(pair, item)
                self._gaps[comparison] = {"comparison": comparison, **gap_row(far)}

    def sharpen(self, features: Collection[int], bench: Workbench) -> None:
        """Land distances again, those of some features exact by now."""
        for item in self.plan.read:
            if item.id in features:
                self._measure(item)
        _land(bench, "gaps", [*self._gaps.values()])

    def land(self, bench: Workbench) -> None:
        """Land the relations of number columns."""
        for name, rows in self._rows.items():
            _land(bench, name, rows)
        _land(bench, "gaps", [*self._gaps.values()])
        pairs = {pair.id: pair for pair in self.plan.pairs}
        items = {item.id: item for item in self.plan.read}
        cells = [
            (self.comparison(pairs[pair], items[feature]), found.coarse)
            for (pair, feature), found in sorted(self.surveys.items())
        ]
        bench.land("coarse", coarse_table(cells))

    def keep_references(self) -> None:
        """Forget what only this run's results are made of."""
        for feature in self.sides:
            self._keep_references(feature)
        self._rows, self._gaps = {name: [] for name in RELATIONS}, {}
        self.forget_distances()

    def land_values(self, features: Iterable[int], bench: Workbench) -> None:
        """Land every value of columns that turned out to be categories."""
        rows = [
            {
                "scan": key[0],
                "window_id": key[1],
                "segment": key[2],
                "feature": feature,
                "x": x,
                "n": n,
            }
            for feature in features
            for key, side in self.sides.get(feature, {}).items()
            for x, n in single_values(side)
        ]
        _land(bench, "number_values", rows)

    def _beyond(self, item: Watched, reference: Side, production: Side) -> dict[str, int]:
        below, above = beyond(production, *self.range(item, reference))
        return {"below": below, "above": above}


def _mark(marks: dict[int, Marks], number: int, name: str, at: float) -> None:
    """Have a bin cut in one place more."""
    mark = marks.setdefault(number, Marks(number, -math.inf, math.inf))
    more: dict[str, Any] = {name: (*sorted({*getattr(mark, name), at}),)}
    marks[number] = replace(mark, **more)


def _land(bench: Workbench, name: str, rows: list[dict[str, Any]]) -> None:
    import pyarrow as pa

    bench.land(name, pa.Table.from_pylist(rows, schema=schema_of(name)))


def _median(values: Values) -> float:
    """The middle value, the smaller of two; 0 without any."""
    if not len(values.n):
        return 0.0
    up_to = np.cumsum(values.n)
    return float(values.value[int(np.searchsorted(2 * up_to, up_to[-1], side="left"))])
