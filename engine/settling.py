"""Which fine bins must be read before distances are exact, and what their single values settle.

Reading single values is what costs: where open bins hold many rows, they are counted once more in finer
bins first, of which few stay open.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from driftline.engine.cells import Cells, Side, Values, among
from driftline.engine.distances import (
    Coarse,
    Counted,
    Gaps,
    Marks,
    OpenBins,
    Settled,
    Stretch,
    coarse,
    common_shift,
    gaps,
    settle,
    walk,
)
from driftline.engine.features import Watched
from driftline.engine.grid import room_at
from driftline.engine.number_rows import Key
from driftline.engine.plan import Pair
from driftline.engine.sides import Sides

if TYPE_CHECKING:
    import pyarrow as pa

    from driftline.engine.cells import Flags, Wholes

# What of two distributions is asked: the area between them, or their widest gap.
Asked = Literal["area", "widest"]

# As many single values of a column of a reference are kept for later runs.
MOST_KEPT: Final = 50_000
# Open bins are cut into so many halves of halves, where that pays: counting a row once more costs as much
# as reading 1/CHEAP of a single value, and a statement as much as so many single values.
HALVINGS: Final = 4
CHEAP: Final = 16
FEWEST_SAVED: Final = 50_000
NO_BINS: Final = np.empty(0, np.int64)


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
class Cut:
    """Open bins of one feature that are to be counted in finer ones.

    Attributes:
        feature: Its id.
        level: How often bins of the grid are joined by two to make the finer ones; below 0 these are
            finer than the grid's own.
        bins: The open bins, by scan, as its statements number them; none of scans whose bins are fine.
        rows: As many finer bins may come back.
    """

    feature: int
    level: int
    bins: Mapping[int, Wholes]
    rows: int


@dataclass(frozen=True)
class Portion:
    """Bins of one feature whose single values are read at once.

    Attributes:
        feature: Its id.
        bins: The bins, by scan, as its statements number them.
        span: Which bins of the grid, first and last, distances are settled in, numbered as finely as
            any of the feature's; None for none.
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
            scan: np.union1d(self.bins.get(scan, NO_BINS), other.bins.get(scan, NO_BINS))
            for scan in scans
        }
        return Portion(self.feature, bins, self.span, self.rows + other.rows)


@dataclass
class Settling(Sides):
    """Distances between the sides of a run's number columns, as far as they are known.

    Attributes:
        waiting: Bins that distances wait for, by pair and feature.
        surveys: What is known by bins, by pair and feature.
        settled: What the single values of bins said, by pair and feature.
        finer: The bins that hold what still sides have in open bins counted more finely, by feature
            and key.
    """

    waiting: dict[tuple[int, int], OpenBins] = field(default_factory=dict)
    surveys: dict[tuple[int, int], Survey] = field(default_factory=dict)
    settled: dict[tuple[int, int], list[Settled]] = field(default_factory=dict)
    finer: dict[tuple[int, Key], Wholes] = field(default_factory=dict)

    def torn(self, features: Iterable[int]) -> list[int]:
        """Features whose grid turned out not to be monotone."""
        return [
            feature
            for feature in features
            if feature in self.grids
            and any(self.survey(feature, pair).torn for pair in self.plan.pairs)
        ]

    def survey(self, feature: int, pair: Pair) -> Survey:
        """What two sides differ by before any bin is read; walked once."""
        found = self.surveys.get((pair.id, feature))
        if found is None:
            sides = self.pair(feature, pair)
            steps = walk(*sides)
            found = Survey(gaps(steps), common_shift(*sides), coarse(steps), steps.torn)
            self.surveys[pair.id, feature] = found
        return found

    def gaps(self, feature: int, pair: Pair) -> Gaps | None:
        """How far two sides lie apart, exactly where open bins were settled."""
        far = self.survey(feature, pair).gaps
        return far and far.with_settled(self.settled.get((pair.id, feature), ()))

    # Which bins distances wait for

    def wait(self, items: Iterable[Watched], asked: Mapping[int, Collection[Asked]]) -> list[int]:
        """Note which bins must be read before distances are exact.

        Args:
            items: Number columns.
            asked: By comparison, what is to be exact.

        Returns:
            Ids of the features that wait.
        """
        waiting = []
        for item in items:
            if item.id not in self.grids:
                continue
            for pair in self.pairs_of(item):
                self.waiting.pop((pair.id, item.id), None)
                wanted = asked.get(self.comparison(pair, item), ())
                far = self.survey(item.id, pair).gaps if wanted else None
                if far is None:
                    continue
                cells = far.open[
                    (far.open.area & ("area" in wanted)) | (far.open.widest & ("widest" in wanted))
                ]
                if len(cells.bin):
                    self.waiting[pair.id, item.id] = cells
            if self._pairs(item.id):
                waiting.append(item.id)
        return waiting

    def _pairs(self, feature: int) -> list[Pair]:
        """The pairs that wait for bins of a feature."""
        return [pair for pair in self.plan.pairs if (pair.id, feature) in self.waiting]

    # What an engine settles by itself

    def stretch(self, feature: int, pair: Pair, wanted: Collection[Asked]) -> Stretch | None:
        """The bins that distances wait for; None without any, or where both sides' are not the same.

        Args:
            feature: A number column.
            pair: Its sides.
            wanted: What of them is to be exact.
        """
        survey = self.survey(feature, pair)
        far, (reference, production) = survey.gaps, self.keys(pair)
        scans = reference[0], production[0]
        if far is None or any(
            self.finest(feature, key) != survey.shift for key in (reference, production)
        ):
            return None
        cells = far.open
        cells = cells[(cells.area & ("area" in wanted)) | (cells.widest & ("widest" in wanted))]
        if not len(cells.bin):
            return None
        return Stretch(pair.id, feature, scans, survey.shift, far.shares, cells)

    def with_marks(
        self, feature: int, pair: Pair, stretch: Stretch | None, marks: Sequence[Marks]
    ) -> Stretch | None:
        """The same with bins that are to be cut; None where both sides' are not the same.

        Args:
            feature: A number column.
            pair: Its sides.
            stretch: What distances wait for, if anything.
            marks: The bins, ascending, each with what starts a piece but without its range.
        """
        reference, production = self.keys(pair)
        sides = self.pair(feature, pair)
        scans = reference[0], production[0]
        shift = common_shift(*sides)
        every = gaps(walk(*sides), whole=True)
        if every is None or any(
            self.finest(feature, key) != shift for key in (reference, production)
        ):
            return stretch
        named = np.array([each.bin for each in marks], np.int64)
        places = np.searchsorted(every.open.bin, named)
        ranges = zip(every.open.low[places].tolist(), every.open.high[places].tolist(), strict=True)
        cut = tuple(
            replace(each, low=low, high=high)
            for each, (low, high) in zip(marks, ranges, strict=True)
        )
        asked = NO_BINS if stretch is None else stretch.cells.bin
        cells = every.open[np.isin(every.open.bin, np.union1d(asked, named))]
        return Stretch(pair.id, feature, scans, shift, every.shares, cells, cut)

    def add_settled(self, table: pa.Table, stretches: Sequence[Stretch]) -> None:
        """Keep what an engine said of stretches.

        Args:
            table: Rows of the relation `settled`.
            stretches: What was asked for.
        """
        found: dict[tuple[int, int], list[dict[str, Any]]] = {}
        for row in table.to_pylist():
            found.setdefault((row["pair"], row["feature"]), []).append(row)
        pairs = {pair.id: pair for pair in self.plan.pairs}
        for stretch in stretches:
            name = stretch.pair, stretch.feature
            rows = found[name]
            area = math.fsum(row["area"] for row in rows if row["area"] is not None)
            told = stretch.settled(area, max(row["widest"] for row in rows))
            self.settled.setdefault(name, []).append(told)
            if stretch.marks:
                self._cut_sides(stretch, pairs[stretch.pair], rows)

    def _cut_sides(self, stretch: Stretch, pair: Pair, rows: Sequence[Mapping[str, Any]]) -> None:
        """Put pieces where bins were cut."""
        by_piece = sorted((row for row in rows if row["piece"]), key=lambda row: int(row["piece"]))
        for key, count, before in zip(
            self.keys(pair),
            ("n", "m"),
            (stretch.cells.n_before, stretch.cells.m_before),
            strict=True,
        ):
            side = self.side(stretch.feature, key)
            open_ = side.bin[side.several]
            pieces: list[tuple[int, float, float, int]] = []
            first = 1
            for mark in stretch.marks:
                own = [r for r in by_piece if first <= r["piece"] < first + mark.pieces]
                first += mark.pieces
                if mark.bin not in open_:
                    continue
                up_to = int(before[np.searchsorted(stretch.cells.bin, mark.bin)])
                for row in own:
                    low, high = row["low"] + 0.0, row["high"] + 0.0
                    least, most = row[f"{count}_first"], row[f"{count}_last"]
                    if least > up_to:
                        pieces.append((mark.bin, low, low, least - up_to))
                    if most > least:
                        rest = math.nextafter(low, math.inf)
                        pieces.append((mark.bin, rest, high, most - least))
                    up_to = max(up_to, most)
            if pieces:
                bins, low, high, n = (np.array(column) for column in zip(*pieces, strict=True))
                self.keep(stretch.feature, key, side.with_pieces(Cells(bins, low, high, n)))

    # Finer bins

    def cuts(self, features: Iterable[int]) -> list[Cut]:
        """The bins that are better counted in finer ones than read value by value.

        Args:
            features: Ids of features that wait.
        """
        found = []
        for feature in features:
            if feature not in self.levels:
                cut = self._cut(feature)
                found += [] if cut is None else [cut]
        return found

    def _cut(self, feature: int) -> Cut | None:
        pairs = self._pairs(feature)
        level = min(self.surveys[pair.id, feature].shift for pair in pairs) - HALVINGS
        own: dict[Key, Flags] = {}
        for pair in pairs:
            shift = self.surveys[pair.id, feature].shift
            for key in self.keys(pair):
                finest = self.shifts[key]
                if finest > level:
                    bins = finer_bins(self.waiting[pair.id, feature].bin, shift - finest)
                    own.setdefault(key, np.zeros(room_at(finest), bool))[bins] = True
        codes: dict[int, list[Wholes]] = {}
        rows = cells = 0
        for key, held in own.items():
            side = self.side(feature, key)
            if not side.by_value:
                open_ = held[side.bin << (side.shift - self.shifts[key])]
                rows += int(side.n[open_].sum())
                cells += int(open_.sum()) << (side.shift - level)
            asked = self.codes(feature, key, np.flatnonzero(held))
            codes.setdefault(key[0], []).append(asked)
        counted = sum(side.rows for key, side in self.sides[feature].items() if key[0] in codes)
        # in finer bins about as few stay open as they are fine
        saved = rows - cells - (rows >> HALVINGS)
        if saved < counted // CHEAP + FEWEST_SAVED:
            return None
        return Cut(feature, level, joined_codes(codes), cells)

    def add_finer(
        self,
        table: pa.Table,
        cuts: Sequence[Cut],
        scales: Mapping[tuple[int, int], tuple[float, float]],
    ) -> None:
        """Keep open bins that were counted more finely; those whose bins turn out not to ascend stay.

        Args:
            table: Rows of the relation `histogram`.
            cuts: What was asked for.
            scales: What its sums were multiplied by, by scan and feature.
        """
        levels = {cut.feature: cut.level for cut in cuts}
        finer: dict[tuple[int, Key], Side] = {}
        for feature, key, rows in self.told(table, by_bin=True):
            side = self.side(feature, key)
            total = rows["total"] / scales[key[0], feature][0]
            finer[feature, key] = Side(
                {},
                levels[feature],
                rows["bin"],
                rows["low"],
                rows["high"],
                rows["n"],
                total,
                np.zeros(len(total)),
                side.centre,
            )
        for cut in cuts:
            found: dict[tuple[int, int], Survey] = {}
            for pair in self._pairs(cut.feature):
                name = pair.id, cut.feature
                before, parents = self.surveys[name], self.waiting[name].bin
                reference, production = (
                    self.side(cut.feature, key)
                    .at(before.shift)
                    .cut(parents, self._finer(cut, key, finer))
                    for key in self.keys(pair)
                )
                steps = walk(reference, production)
                found[name] = replace(before, gaps=gaps(steps), shift=cut.level, torn=steps.torn)
            if not any(each.torn for each in found.values()):
                self.surveys |= found
                self.levels[cut.feature] = cut.level
                # of all else that was counted the surveys tell
                self.finer |= {
                    name: side.bin
                    for name, side in finer.items()
                    if name[0] == cut.feature and self.is_still(name[1][0])
                }

    def _finer(self, cut: Cut, key: Key, counted: Mapping[tuple[int, Key], Side]) -> Side:
        """The finer bins of a side: its own, where they are fine, else those that were counted."""
        side = self.side(cut.feature, key)
        if self.shifts[key] <= cut.level:
            return side.at(cut.level)
        nothing = np.empty(0)
        return counted.get((cut.feature, key)) or Side(
            {}, cut.level, NO_BINS, nothing, nothing, NO_BINS, nothing, nothing, side.centre
        )

    # Single values

    def portions(self, features: Iterable[int], most: int) -> list[Portion]:
        """What to read before distances are exact.

        Args:
            features: Ids of features that wait.
            most: About how many rows a portion may have.
        """
        return [each for feature in features for each in self._portions(feature, most)]

    def _base(self, feature: int) -> int:
        """By how many halvings the bins of spans are coarser than the grid's own."""
        return min(0, self.levels.get(feature, 0))

    def _portions(self, feature: int, most: int) -> Iterator[Portion]:
        """The bins that pairs of a feature wait for, in runs of the grid that hold so many rows."""
        pairs = self._pairs(feature)
        base = self._base(feature)
        room = room_at(base)
        shifts = [self.surveys[pair.id, feature].shift - base for pair in pairs]
        # a bin of the coarsest pair is not cut
        joined = max(shifts)
        spans = room >> joined
        rows: dict[int, Wholes] = {}
        marks: dict[Key, Flags] = {}
        for pair, shift in zip(pairs, shifts, strict=True):
            cells = self.waiting[pair.id, feature]
            run = cells.bin >> (joined - shift)
            for key, n in zip(self.keys(pair), (cells.n, cells.m), strict=True):
                scan = key[0]
                held = np.bincount(run, n, spans).astype(np.int64)
                before = rows.setdefault(scan, np.zeros(spans, np.int64))
                # a reference is read once for all, of production each window's rows are its own
                rows[scan] = np.maximum(before, held) if self.is_still(scan) else before + held
                finest = self.finest(feature, key) - base
                every = marks.setdefault(key, np.zeros(room >> finest, bool))
                every[finer_bins(cells.bin, shift - finest)] = True
        for key, every in marks.items():
            if self.is_still(key[0]):
                np.logical_and(every, self._there(feature, key, len(every)), out=every)
        up_to = np.cumsum(sum(rows.values()))
        part = (up_to - 1) // most
        for number in np.unique(part[up_to > 0]):
            within = np.flatnonzero((part == number) & (up_to > 0))
            first, last = int(within[0]) << joined, ((int(within[-1]) + 1) << joined) - 1
            bins: dict[int, list[Wholes]] = {}
            for key, every in marks.items():
                finest = self.finest(feature, key) - base
                chosen = np.flatnonzero(every[first >> finest : (last >> finest) + 1])
                if len(chosen):
                    codes = self.codes(feature, key, chosen + (first >> finest))
                    bins.setdefault(key[0], []).append(codes)
            many = int(sum(each[within].sum() for each in rows.values()))
            yield Portion(feature, joined_codes(bins), (first, last), many)

    def _there(self, feature: int, key: Key, room: int) -> Flags:
        """The bins of a reference that are worth reading.

        Nothing is where it has no rows, and what was read before need not be read again.
        """
        side, finer = self.side(feature, key), self.finer.get((feature, key))
        if side.by_value:
            return np.ones(room, bool)
        if finer is None:
            known = NO_BINS if feature in self.levels else side.read
            bins = side.bin[~among(side.bin, known)]
            finer = finer_bins(bins, side.shift - self.finest(feature, key))
        there = np.zeros(room, bool)
        there[finer] = True
        return there

    def settle(self, portions: Sequence[Portion], found: Mapping[tuple[int, Key], Values]) -> None:
        """Settle distances by single values.

        Args:
            portions: What was asked for.
            found: What came, by feature and key.
        """
        for portion in portions:
            if portion.span is not None:
                self._settle(portion.feature, portion.span, found)
                self._remember(portion.feature, found)

    def _settle(
        self, feature: int, span: tuple[int, int], found: Mapping[tuple[int, Key], Values]
    ) -> None:
        """Settle distances of one feature in some bins of its grid."""
        counted: dict[tuple[Key, int], Counted] = {}
        for pair in self._pairs(feature):
            survey = self.surveys[pair.id, feature]
            assert survey.gaps is not None
            first, last = (end >> (survey.shift - self._base(feature)) for end in span)
            waiting = self.waiting[pair.id, feature]
            cells = waiting[(waiting.bin >= first) & (waiting.bin <= last)]
            if not len(cells.bin):
                continue
            reference, production = self.keys(pair)
            if (reference, survey.shift) not in counted:
                counted[reference, survey.shift] = self._counted(
                    feature, reference, survey.shift, found
                )
            values = found.get((feature, production), Values.none())
            bins = values.bin >> (survey.shift - self.finest(feature, production))
            kept = np.flatnonzero(among(bins, cells.bin))
            kept = kept[np.argsort(values.value[kept])]
            self.settled.setdefault((pair.id, feature), []).append(
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
        finest = self.finest(feature, key)
        side = self.side(feature, key)
        if not len(side.read) or feature in self.levels:
            return Counted.of(values.bin >> (shift - finest), values.value, values.n)
        before = side.values
        new = ~among(values.bin >> (side.shift - finest), side.read)
        return Counted.of(
            np.concatenate(
                (values.bin[new] >> (shift - finest), before.bin >> (shift - side.shift))
            ),
            np.concatenate((values.value[new], before.value)),
            np.concatenate((values.n[new], before.n)),
        )

    def _remember(self, feature: int, found: Mapping[tuple[int, Key], Values]) -> None:
        """Keep what was read of references, as much as a baseline is worth."""
        if feature in self.levels:
            return  # parts of bins, which tell nothing of the rest
        for key in [*self.still(feature)]:
            side, values = self.side(feature, key), found.get((feature, key))
            if values is None:
                continue
            bins = values.bin >> (side.shift - self.finest(feature, key))
            new = ~among(bins, side.read)
            if len(side.values.n) + int(new.sum()) <= MOST_KEPT:
                more = Values(bins[new], values.value[new], values.n[new])
                self.keep(feature, key, side.with_values(more, np.unique(bins[new])))

    def forget_distances(self) -> None:
        """Forget what only this run's distances are made of."""
        for known in (self.surveys, self.settled, self.waiting, self.finer):
            known.clear()


def joined_codes(codes: Mapping[int, Sequence[Wholes]]) -> dict[int, Wholes]:
    """All bins of each scan, each once."""
    return {scan: np.unique(np.concatenate(parts)) for scan, parts in codes.items()}


def finer_bins(bins: Wholes, by: int) -> Wholes:
    """The bins that so many halvings cut some into."""
    return ((bins << by)[:, None] + np.arange(1 << by)).ravel()
