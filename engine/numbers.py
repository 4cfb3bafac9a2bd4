"""From counted cells to the relations of number columns: moments, bins, quantiles, distances.

Holds the cells of every side of every number column of a run, says which fine bins must be read before
a result is exact, and turns what is known into the small relations that metrics select from.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from driftline.engine.cells import (
    Edges,
    Side,
    Values,
    above,
    below,
    equal_width_edges,
    holding,
    moments,
    quantile_cells,
    quantile_edges,
    shared_width_edges,
    sorted_edges,
)
from driftline.engine.distances import (
    Coarse,
    Counted,
    Gaps,
    OpenBins,
    Settled,
    coarse,
    common_shift,
    gaps,
    settle,
    walk,
)
from driftline.engine.features import Watched, may_be_categorical
from driftline.engine.grid import ROOM
from driftline.engine.number_rows import (
    Key,
    coarse_table,
    gap_row,
    intervals,
    quantiles,
    single_values,
    split,
)
from driftline.engine.plan import ALL, Pair, Plan
from driftline.engine.project import BinRule
from driftline.engine.relations import schema_of

if TYPE_CHECKING:
    import pyarrow as pa

    from driftline.engine.cells import Flags, Wholes
    from driftline.engine.grid import Grid
    from driftline.engine.workbench import Workbench

# What of two distributions is asked: the area between them, or their widest gap.
Asked = Literal["area", "widest"]

RELATIONS: Final = ("numbers", "number_faults", "quantiles", "beyond", "intervals")
NULL: Final = -1
TYPE_ERROR: Final = -2
NAN: Final = -3
BELOW_INFINITY: Final = -4
ABOVE_INFINITY: Final = -5
# As many single values of a column of a reference are kept for later runs.
MOST_KEPT: Final = 50_000
_NO_BINS: Final = np.empty(0, np.int64)
_FAULTS: Final = (
    ("null_count", NULL),
    ("type_error_count", TYPE_ERROR),
    ("nan_count", NAN),
    ("below_infinity", BELOW_INFINITY),
    ("above_infinity", ABOVE_INFINITY),
)


@dataclass(frozen=True)
class Survey:
    """What two sides of a feature differ by, as far as their bins tell.

    Attributes:
        gaps: How far they lie apart; None where one has no rows.
        shift: How often the fine bins that this is told by were joined by two.
        coarse: Both in few cells.
        torn: Whether a bin reaches into the next.
    """

    gaps: Gaps | None
    shift: int
    coarse: Coarse
    torn: bool


@dataclass(frozen=True)
class Portion:
    """Bins of one feature whose single values are read at once.

    Attributes:
        feature: Its id.
        bins: The bins, by scan, as its statements number them.
        span: Which bins of the grid, first and last, distances are settled in; None for none.
        rows: About how many rows the bins hold.
    """

    feature: int
    bins: Mapping[int, Wholes]
    span: tuple[int, int] | None
    rows: int

    def along_with(self, other: Portion) -> Portion:
        """The same with more bins of its feature."""
        scans = {**self.bins, **other.bins}
        bins = {
            scan: np.union1d(self.bins.get(scan, _NO_BINS), other.bins.get(scan, _NO_BINS))
            for scan in scans
        }
        return Portion(self.feature, bins, self.span, self.rows + other.rows)


@dataclass
class Numbers:
    """The number columns of one run.

    Attributes:
        plan: The plan.
        grids: The fine grid of each feature that has one.
        sides: By feature and key, what was counted.
        few: Features counted to have few whole numbers, where a share of the rows decides.
        shifts: How often the statements join fine bins by two, by scan.
        wanted: Bins that each side waits for, as it numbers them.
        waiting: Bins that distances wait for, by pair and feature.
    """

    plan: Plan
    grids: dict[int, Grid] = field(default_factory=dict)
    sides: dict[int, dict[Key, Side]] = field(default_factory=dict)
    few: set[int] = field(default_factory=set)
    shifts: dict[int, int] = field(default_factory=dict)
    wanted: dict[tuple[int, Key], Wholes] = field(default_factory=dict)
    waiting: dict[tuple[int, int], OpenBins] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._features = len(self.plan.read)
        # the pairs that each side of production is judged in
        self._judging: dict[Key, list[Pair]] = {}
        for pair in self.plan.pairs:
            self._judging.setdefault(self.keys(pair)[1], []).append(pair)
        self._surveys: dict[tuple[int, int], Survey] = {}
        self._settled: dict[tuple[int, int], list[Settled]] = {}
        self._rows: dict[str, list[dict[str, Any]]] = {name: [] for name in RELATIONS}
        self._gaps: dict[int, dict[str, Any]] = {}

    # Counts arrive

    def add_histogram(
        self,
        table: pa.Table,
        scales: Mapping[tuple[int, int], tuple[float, float]],
        levels: Mapping[tuple[int, int], int],
    ) -> None:
        """Keep what the relation `histogram` counted.

        Args:
            table: Its rows.
            scales: What its two sums were multiplied by, by scan and feature.
            levels: How often fine bins are to be joined by two, by scan and window.
        """
        for feature, key, rows in split(table, by_bin=True):
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
                self.shifts[key[0]] if grid.width else 0,
                cells["bin"],
                cells["low"],
                cells["high"],
                cells["n"],
                total,
                squares,
                grid.centre,
            )
            # as coarse as the window's own rows deserve, whatever stands beside it
            self._keep(feature, key, side.at(levels[key[:2]]) if grid.width else side)

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
        for feature, key, rows in split(table):
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
        self._surveys = {k: each for k, each in self._surveys.items() if k[1] not in found}
        for feature, sides in found.items():
            self.grids.pop(feature, None)
            self.sides[feature] = {}
            centre = _median(sides[primary][1]) if primary in sides else 0.0
            if (held := known.get((feature, primary))) is not None:
                centre = held.centre
            for key, (codes, values) in sides.items():
                self._keep(feature, key, Side.of_values(codes, values.value, values.n, centre))
        for (feature, key), side in known.items():
            self._keep(feature, key, side)

    def add_ties(self, table: pa.Table, portions: Sequence[Portion]) -> None:
        """Keep the single values that sides wait for, and settle distances by those they wait for.

        Args:
            table: Rows of the relation `ties`.
            portions: What was asked for.
        """
        found = {
            (feature, key): Values(rows["bin"], rows["value"], rows["n"])
            for feature, key, rows in split(table)
        }
        features = {each.feature for each in portions}
        for name in [name for name in self.wanted if name[0] in features]:
            feature, key = name
            bins, side = self.wanted.pop(name), self.sides[feature][key]
            # what stands beside a window must not change it: it keeps the bins that it asked for
            joined = side.shift - self._finest(feature, key[0])
            values = found.get(name, Values.none())
            kept = np.isin(values.bin >> joined, bins)
            values = Values(values.bin[kept] >> joined, values.value[kept], values.n[kept])
            self.sides[feature][key] = side.with_values(values, bins)
        for portion in portions:
            if portion.span is not None:
                self._settle(portion.feature, portion.span, found)
                self._remember(portion.feature, found)

    def _settle(
        self, feature: int, span: tuple[int, int], found: Mapping[tuple[int, Key], Values]
    ) -> None:
        """Settle distances of one feature in some bins of its grid."""
        counted: dict[tuple[Key, int], Counted] = {}
        for pair in self.plan.pairs:
            waiting = self.waiting.get((pair.id, feature))
            if waiting is None:
                continue
            survey = self._surveys[pair.id, feature]
            assert survey.gaps is not None
            first, last = (end >> survey.shift for end in span)
            cells = waiting[(waiting.bin >= first) & (waiting.bin <= last)]
            if not len(cells.bin):
                continue
            reference, production = self.keys(pair)
            if (reference, survey.shift) not in counted:
                counted[reference, survey.shift] = self._counted(
                    feature, reference, survey.shift, found
                )
            values = found.get((feature, production), Values.none())
            bins = values.bin >> (survey.shift - self._finest(feature, production[0]))
            kept = np.flatnonzero(np.isin(bins, cells.bin))
            kept = kept[np.argsort(values.value[kept])]
            self._settled.setdefault((pair.id, feature), []).append(
                settle(
                    cells,
                    survey.gaps.shares,
                    counted[reference, survey.shift],
                    (bins[kept], values.value[kept], values.n[kept]),
                )
            )

    def _counted(
        self, feature: int, key: Key, shift: int, found: Mapping[tuple[int, Key], Values]
    ) -> Counted:
        """The values of a reference: those that just came, and those that were there before."""
        values = found.get((feature, key), Values.none())
        finest = self._finest(feature, key[0])
        side = self.side(feature, key)
        if not len(side.read):
            return Counted.of(values.bin >> (shift - finest), values.value, values.n)
        before = side.values
        new = ~np.isin(values.bin >> (side.shift - finest), side.read)
        return Counted.of(
            np.concatenate(
                (values.bin[new] >> (shift - finest), before.bin >> (shift - side.shift))
            ),
            np.concatenate((values.value[new], before.value)),
            np.concatenate((values.n[new], before.n)),
        )

    def _remember(self, feature: int, found: Mapping[tuple[int, Key], Values]) -> None:
        """Keep what was read of references, as much as a baseline is worth."""
        for key, side in self.sides.get(feature, {}).items():
            values = found.get((feature, key))
            if values is None or not self._is_still(key[0]):
                continue
            bins = values.bin >> (side.shift - self._finest(feature, key[0]))
            new = ~np.isin(bins, side.read)
            if len(side.values.n) + int(new.sum()) <= MOST_KEPT:
                more = Values(bins[new], values.value[new], values.n[new])
                self.sides[feature][key] = side.with_values(more, np.unique(bins[new]))

    def _is_still(self, scan: int) -> bool:
        """Whether a scan is of a reference that is the same for every window."""
        return scan != self.plan.production.id and len(self.plan.scans[scan].windows) == 1

    def _finest(self, feature: int, scan: int) -> int:
        """How often the statements join the bins of a feature in a scan."""
        return self.shifts[scan] if self.grids[feature].width else 0

    def _spelled(self, found: Mapping[tuple[int, Key], Sequence[Wholes]]) -> list[Portion]:
        """Note which bins each side wants, and spell them as the statements number them."""
        spelled: dict[int, dict[int, list[Wholes]]] = {}
        rows: dict[int, int] = {}
        for (feature, key), parts in found.items():
            side = self.sides[feature][key]
            bins = np.unique(np.concatenate([_NO_BINS, *parts]))
            if not len(bins):
                continue
            self.wanted[feature, key] = bins
            rows[feature] = rows.get(feature, 0) + int(side.n[np.isin(side.bin, bins)].sum())
            joined = side.shift - self._finest(feature, key[0])
            spelled.setdefault(feature, {}).setdefault(key[0], []).append(_finer(bins, joined))
        return [
            Portion(
                feature,
                {scan: np.unique(np.concatenate(parts)) for scan, parts in scans.items()},
                None,
                rows[feature],
            )
            for feature, scans in spelled.items()
        ]

    def _keep(self, feature: int, key: Key, side: Side) -> None:
        self.sides.setdefault(feature, {})[key] = side

    # Reading them

    def side(self, feature: int, key: Key) -> Side:
        """A side; one without rows where nothing was counted."""
        found = self.sides.get(feature, {}).get(key)
        if found is None:
            nothing = np.empty(0)
            found = Side.of_values({}, nothing, np.empty(0, np.int64), 0.0)
        return found

    def pair(self, feature: int, pair: Pair) -> tuple[Side, Side]:
        """The reference's side and production's of one pair."""
        reference, production = self.keys(pair)
        return self.side(feature, reference), self.side(feature, production)

    def keys(self, pair: Pair) -> tuple[Key, Key]:
        """Which side of a feature is the reference's in a pair, and which is production's."""
        return (
            (pair.reference_scan, pair.reference_window, pair.segment),
            (self.plan.production.id, pair.window_id, pair.segment),
        )

    def torn(self, features: Iterable[int]) -> list[int]:
        """Features whose grid turned out not to be monotone."""
        return [
            feature
            for feature in features
            if feature in self.grids
            and any(self._survey(feature, pair).torn for pair in self.plan.pairs)
        ]

    def _survey(self, feature: int, pair: Pair) -> Survey:
        """What two sides differ by before any bin is read; walked once."""
        found = self._surveys.get((pair.id, feature))
        if found is None:
            sides = self.pair(feature, pair)
            steps = walk(*sides)
            found = Survey(gaps(steps), common_shift(*sides), coarse(steps), steps.torn)
            self._surveys[pair.id, feature] = found
        return found

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
                wanted = [holding(side, ends), side.unread(np.full(len(side.bin), typed))]
                if exact:
                    wanted += [
                        holding(side, self._limits(item, key)),
                        *self._unread_marks(item, key),
                    ]
                found[item.id, key] = wanted
        return self._spelled(found)

    def _edge_ends(self, item: Watched, *, exact: bool) -> list[tuple[float, float]]:
        """Where the edges of a feature's bins may be, each as a range."""
        rule = self.rule(item)
        if rule.rule == "quantile" and not exact:
            return []
        if rule.rule == "shared_width":
            every = [shared_width_edges(self.pair(item.id, pair)) for pair in self.plan.pairs]
            edges = [each for each in every if each is not None]
        else:
            edges = [self.edges(item)]
        cells = self._primary(item.id).cells()
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
        return len(self._primary(item.id).n) <= conventions.most_distinct

    def open_gaps(
        self, items: Iterable[Watched], asked: Mapping[int, Collection[Asked]], most: int
    ) -> list[Portion]:
        """What to read before distances are exact.

        Args:
            items: Number columns.
            asked: By comparison, what is to be exact.
            most: About how many rows a portion may have.
        """
        portions: list[Portion] = []
        for item in items:
            if item.id not in self.grids:
                continue
            waiting: list[Pair] = []
            for pair in self.plan.pairs:
                wanted = asked.get(self.comparison(pair, item), ())
                far = self._survey(item.id, pair).gaps if wanted else None
                if far is None:
                    continue
                cells = far.open[
                    (far.open.area & ("area" in wanted)) | (far.open.widest & ("widest" in wanted))
                ]
                if len(cells.bin):
                    self.waiting[pair.id, item.id] = cells
                    waiting.append(pair)
            if waiting:
                portions += self._portions(item.id, waiting, most)
        return portions

    def _portions(self, feature: int, pairs: Sequence[Pair], most: int) -> Iterator[Portion]:
        """The bins that pairs of a feature wait for, in runs of the grid that hold so many rows."""
        shifts = [self._surveys[pair.id, feature].shift for pair in pairs]
        # a bin of the coarsest pair is not cut
        joined = max(shifts)
        spans = ROOM >> joined
        rows: dict[int, Wholes] = {}
        marks: dict[int, Flags] = {}
        windows = len(self.plan.production.windows)
        times = np.zeros(spans, np.int64)
        for pair, shift in zip(pairs, shifts, strict=True):
            cells = self.waiting[pair.id, feature]
            run = cells.bin >> (joined - shift)
            times += np.bincount(run, minlength=spans) > 0
            for key, n in zip(self.keys(pair), (cells.n, cells.m), strict=True):
                scan = key[0]
                held = np.bincount(run, n, spans).astype(np.int64)
                before = rows.setdefault(scan, np.zeros(spans, np.int64))
                # a reference is read once for all, of production each window's rows are its own
                rows[scan] = (
                    before + held if scan == self.plan.production.id else np.maximum(before, held)
                )
                finest = self._finest(feature, scan)
                every = marks.setdefault(scan, np.zeros(ROOM >> finest, bool))
                every[_finer(cells.bin, shift - finest)] = True
        for scan, every in marks.items():
            side = self.side(feature, (scan, 0, ALL))
            if self._is_still(scan) and not side.by_value:
                # nothing is where it has no rows, and what was read before need not be read again
                by = side.shift - self._finest(feature, scan)
                there = np.zeros(len(every), bool)
                there[_finer(side.bin[~np.isin(side.bin, side.read)], by)] = True
                marks[scan] = every & there
        # of windows that do not wait for a bin the rows in it come along
        own = self.plan.production.id
        rows[own] = rows[own] * windows // np.maximum(times, 1)
        up_to = np.cumsum(sum(rows.values()))
        part = (up_to - 1) // most
        for number in np.unique(part[times > 0]):
            within = np.flatnonzero((part == number) & (times > 0))
            first, last = int(within[0]) << joined, ((int(within[-1]) + 1) << joined) - 1
            bins = {}
            for scan, every in marks.items():
                finest = self._finest(feature, scan)
                chosen = np.flatnonzero(every[first >> finest : (last >> finest) + 1])
                if len(chosen):
                    bins[scan] = chosen + (first >> finest)
            many = int(sum(each[within].sum() for each in rows.values()))
            yield Portion(feature, bins, (first, last), many)

    # What they say

    def comparison(self, pair: Pair, item: Watched) -> int:
        """The number of a feature's comparison in a pair."""
        return pair.id * self._features + item.id

    def rule(self, item: Watched) -> BinRule:
        """How a feature is cut."""
        settings = self.plan.monitor.settings.get(item.name)
        own = settings.bins if settings is not None else None
        return self.plan.conventions.bins or own or self.plan.monitor.bins

    def _primary(self, feature: int) -> Side:
        return self.side(feature, (self.plan.primary.id, 0, ALL))

    def edges(self, item: Watched) -> Edges:
        """Where a feature's bins start, by the primary reference."""
        rule = self.rule(item)
        side = self._primary(item.id)
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
        """Forget the cells of a feature that no baseline is made of."""
        sides = self.sides.get(feature, {})
        self.sides[feature] = {key: side for key, side in sides.items() if self._is_still(key[0])}

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
        reference_counts: dict[Key, Wholes] = {}
        for pair in self.plan.pairs:
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
        for pair in self.plan.pairs:
            far = self._survey(item.id, pair).gaps
            if far is not None:
                comparison = self.comparison(pair, item)
                far = far.with_settled(self._settled.get((pair.id, item.id), ()))
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
            for (pair, feature), found in sorted(self._surveys.items())
        ]
        bench.land("coarse", coarse_table(cells))

    def keep_references(self) -> None:
        """Forget what only this run's results are made of: baselines are made of references alone."""
        for feature in self.sides:
            self._keep_references(feature)
        self._rows, self._gaps = {name: [] for name in RELATIONS}, {}
        for known in (self._surveys, self._settled, self.waiting):
            known.clear()

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
        low, high = self.range(item, reference)
        return {
            "below": 0 if low is None else below(production, low),
            "above": 0 if high is None else above(production, high),
        }


def _finer(bins: Wholes, by: int) -> Wholes:
    """The bins that so many halvings cut some into."""
    return ((bins << by)[:, None] + np.arange(1 << by)).ravel()


def _land(bench: Workbench, name: str, rows: list[dict[str, Any]]) -> None:
    import pyarrow as pa

    bench.land(name, pa.Table.from_pylist(rows, schema=schema_of(name)))


def _median(values: Values) -> float:
    """The middle value, the smaller of two; 0 without any."""
    if not len(values.n):
        return 0.0
    up_to = np.cumsum(values.n)
    return float(values.value[int(np.searchsorted(2 * up_to, up_to[-1], side="left"))])
