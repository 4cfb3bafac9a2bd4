"""The numbers of one feature as counted cells, and what can be read off one side alone.

A cell is a fine bin with its rows, their sums and their range, or a single value once the bin was
read. Everything here is arrays in, arrays out: cells ascend, and no row is ever needed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Reals = NDArray[np.float64]
    Wholes = NDArray[np.int64]
    Flags = NDArray[np.bool_]

SHARES: Final = (("p05", 5), ("p25", 25), ("p50", 50), ("p75", 75), ("p95", 95))
# A single value stands in no bin.
NO_BIN: Final = -1
NOTHING: Final = np.empty(0, np.int64)
# Of so many values looking each up takes longer than NumPy's way with many.
MANY: Final = 4_096


@dataclass(frozen=True)
class Values:
    """Rows of single values, ascending within a bin.

    Attributes:
        bin: The fine bin that each was read for, int64, shape (values,); 0 without a grid.
        value: float64, shape (values,).
        n: Rows, int64, shape (values,).
    """

    bin: Wholes
    value: Reals
    n: Wholes

    @classmethod
    def none(cls) -> Values:
        """No value."""
        return cls(np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64))


@dataclass(frozen=True)
class Side:
    """A feature's numbers in one scan, window and segment.

    Attributes:
        codes: Rows without a finite number, by the codes of `render.CODES`.
        shift: How often fine bins were joined by two.
        bin: The bin of each cell, int64, shape (cells,), ascending; `NO_BIN` where values were counted
            one by one from the start.
        low, high: The range of each cell, float64, shape (cells,).
        n: Its rows, int64, shape (cells,).
        total, squares: Sums of x - centre and, in bins, of its square, float64, shape (cells,).
        centre: What sums are taken around.
        values: The single values of bins that were read.
        read: Those bins, int64, ascending.
        pieces: What stands in place of bins that were cut.
    """

    codes: Mapping[int, int]
    shift: int
    bin: Wholes
    low: Reals
    high: Reals
    n: Wholes
    total: Reals
    squares: Reals
    centre: float
    values: Values = field(default_factory=Values.none)
    read: Wholes = field(default_factory=lambda: np.empty(0, np.int64))
    pieces: Cells | None = None
    _joined: dict[int, Side] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of_values(cls, codes: Mapping[int, int], value: Reals, n: Wholes, centre: float) -> Side:
        """A side whose values were counted one by one."""
        # beyond a double's range sums are endless, and so is what is made of them
        with np.errstate(over="ignore"):
            total = n * (value - centre)
        bins, squares = np.full(len(value), NO_BIN), np.zeros(len(value))
        return cls(codes, 0, bins, value, value, n, total, squares, centre)

    @property
    def rows(self) -> int:
        """Rows with a finite number."""
        return int(self.n.sum())

    @property
    def below_infinity(self) -> int:
        """Rows of minus infinity."""
        return self.codes.get(-4, 0)

    @property
    def above_infinity(self) -> int:
        """Rows of infinity."""
        return self.codes.get(-5, 0)

    @property
    def by_value(self) -> bool:
        """Whether values were counted one by one from the start."""
        return not len(self.bin) or bool(self.bin[0] == NO_BIN)

    @property
    def several(self) -> Flags:
        """Cells that hold more than one value."""
        return self.low < self.high

    def at(self, shift: int) -> Side:
        """The same in coarser bins, which are runs of its own."""
        if shift <= self.shift or self.by_value:
            return self
        if shift not in self._joined:
            coarse = self.bin >> (shift - self.shift)
            first = np.flatnonzero(np.diff(coarse, prepend=-1))
            last = np.append(first[1:], len(coarse)) - 1
            self._joined[shift] = Side(
                self.codes,
                shift,
                coarse[first],
                self.low[first],
                self.high[last],
                np.add.reduceat(self.n, first),
                np.add.reduceat(self.total, first),
                np.add.reduceat(self.squares, first),
                self.centre,
            )
        return self._joined[shift]

    def cut(self, parents: Wholes, finer: Side) -> Side:
        """The same with some bins in finer ones, all numbered as these are.

        Args:
            parents: The bins.
            finer: Their finer ones, among others.
        """
        if self.by_value:
            return self
        by = self.shift - finer.shift
        kept = ~np.isin(self.bin, parents)
        new = np.isin(finer.bin >> by, parents)
        bins = np.concatenate((self.bin[kept] << by, finer.bin[new]))
        order = np.argsort(bins, kind="stable")

        def joined(ours: Reals | Wholes, theirs: Reals | Wholes) -> np.ndarray:
            return np.concatenate((ours[kept], theirs[new]))[order]

        return Side(
            self.codes,
            finer.shift,
            bins[order],
            joined(self.low, finer.low),
            joined(self.high, finer.high),
            joined(self.n, finer.n),
            joined(self.total, finer.total),
            joined(self.squares, finer.squares),
            self.centre,
        )

    def with_values(self, values: Values, read: Wholes) -> Side:
        """The same with more bins read.

        Args:
            values: Their single values, perhaps among those of other bins.
            read: The bins; those that were read before stay as they are.
        """
        kept = self.values
        new = among(values.bin, np.setdiff1d(read, self.read))
        value = np.concatenate((kept.value, values.value[new]))
        order = np.argsort(value)
        bins = np.concatenate((kept.bin, values.bin[new]))[order]
        more = Values(bins, value[order], np.concatenate((kept.n, values.n[new]))[order])
        return Side(
            self.codes, self.shift, self.bin, self.low, self.high, self.n, self.total, self.squares,
            self.centre, more, np.union1d(self.read, read), self.pieces, self._joined,
        )  # fmt: skip

    def with_pieces(self, pieces: Cells) -> Side:
        """The same with bins cut, ascending, each into all that it holds."""
        return Side(
            self.codes, self.shift, self.bin, self.low, self.high, self.n, self.total, self.squares,
            self.centre, self.values, self.read, pieces, self._joined,
        )  # fmt: skip

    def unread(self, cells: Flags | Wholes) -> Wholes:
        """The bins of some cells that hold several values and were not read yet."""
        bins = self.bin[cells]
        return bins[self.several[cells] & ~among(bins, self.read)]

    def cells(self) -> Cells:
        """Its cells, those of bins that were read as single values."""
        return self._cells

    @cached_property
    def _cells(self) -> Cells:
        own = Cells(self.bin, self.low, self.high, self.n)
        if not len(self.read) and self.pieces is None:
            return own
        parts = [own[~among(self.bin, self.read)]]
        if self.pieces is not None:
            parts = [
                parts[0][~np.isin(parts[0].bin, self.pieces.bin)],
                self.pieces[~among(self.pieces.bin, self.read)],
            ]
        single = np.full(len(self.values.n), NO_BIN)
        parts.append(Cells(single, self.values.value, self.values.value, self.values.n))
        columns = zip(*(vars(part).values() for part in parts), strict=True)
        every = Cells(*map(np.concatenate, columns))
        return every[np.argsort(every.low, kind="stable")]


@dataclass(frozen=True)
class Cells:
    """Ascending cells of one side; `bin` is `NO_BIN` for a single value that was read."""

    bin: Wholes
    low: Reals
    high: Reals
    n: Wholes

    def __getitem__(self, chosen: Flags | Wholes) -> Cells:
        """Some of them."""
        return Cells(self.bin[chosen], self.low[chosen], self.high[chosen], self.n[chosen])

    @property
    def several(self) -> Flags:
        """Cells that hold more than one value."""
        return self.low < self.high


@dataclass(frozen=True)
class Moments:
    """What a side's finite numbers amount to.

    Attributes:
        finite: Their rows.
        distinct_count, once: Different values, and those of one row; None where not all were seen.
        mean, deviation: Mean and sample deviation; None without rows, or beyond a double's range.
        minimum, maximum: Their range, or None.
    """

    finite: int
    distinct_count: int | None = None
    once: int | None = None
    mean: float | None = None
    deviation: float | None = None
    minimum: float | None = None
    maximum: float | None = None


def moments(side: Side, *, every: bool) -> Moments:
    """Moments of a side, from sums around its own mean: no digits and no range are lost.

    Args:
        side: The side.
        every: Whether all of its bins were read for its own sake. What was read for other sides must
            not show.
    """
    finite = side.rows
    if not finite:
        return Moments(0)
    low, high = float(side.low[0]), float(side.high[-1])
    seen = every or not bool(side.several.any())
    counts = side.cells().n if seen else side.n
    distinct = len(counts) if seen else None
    once = int((counts == 1).sum()) if seen else None
    with np.errstate(all="ignore"):
        shift = float(side.total.sum()) / finite
        mean = side.centre + shift
        deviation: float | None = None
        if low == high:
            mean = low
            deviation = 0.0 if finite > 1 else None
        elif finite > 1:
            reach = max(high - side.centre - shift, side.centre + shift - low)
            if math.isfinite(reach) and reach > 0:
                if side.by_value:
                    t = (side.low - side.centre - shift) / reach
                    around = side.n * t * t
                else:
                    around = (side.squares - shift * (side.total + side.total - side.n * shift)) / (
                        reach * reach
                    )
                deviation = reach * math.sqrt(max(float(around.sum()), 0.0) / (finite - 1))
    return Moments(
        finite, distinct, once, mean if math.isfinite(mean) else None, deviation, low, high
    )


def quantile_ranks(rows: int) -> list[int]:
    """How many rows are at or below each quantile of `SHARES`, at least."""
    return [-(-rows * share // 100) for _, share in SHARES] if rows else []


def quantile_cells(cells: Cells) -> dict[str, int]:
    """The cell of each quantile of `SHARES`: the smallest value v with F(v) >= share is in it."""
    below = np.cumsum(cells.n)
    if not len(below):
        return {}
    places = np.searchsorted(below, quantile_ranks(int(below[-1])), side="left")
    return dict(zip((name for name, _ in SHARES), places.tolist(), strict=True))


@dataclass(frozen=True)
class Edges:
    """Where the report's bins of one feature start, in order.

    Attributes:
        point: Whether a bin holds exactly its start, bool, shape (bins,).
        start: Lower ends, float64, shape (bins,): -inf for the first; open after a point.
        least, greatest: Where a range ends that the outer bins are of, or None.
        unsettled: Places of the cells of the reference that an edge is known to lie in, no closer.
        ranks: How many rows of the reference are at or below the edges there, at least, where that
            tells them.
    """

    point: Flags
    start: Reals
    least: float | None = None
    greatest: float | None = None
    unsettled: tuple[int, ...] = ()
    ranks: tuple[int, ...] = ()

    @property
    def until(self) -> list[float | None]:
        """Upper ends; None where open."""
        starts = self.start.tolist()
        return [
            start if point else following
            for point, start, following in zip(
                self.point.tolist(), starts, [*starts[1:], None], strict=True
            )
        ]

    def places(self, cells: Cells) -> Wholes:
        """The bin of each cell."""
        intervals = np.flatnonzero(~self.point)
        # of steps so narrow that they start at one number, the last has its rows
        found = intervals[np.searchsorted(self.start[intervals], cells.high, side="right") - 1]
        points = np.flatnonzero(self.point)
        if len(points):
            starts = self.start[points]
            nearest = np.minimum(np.searchsorted(starts, cells.low), len(points) - 1)
            is_point = (starts[nearest] == cells.low) & ~cells.several
            found = np.where(is_point, points[nearest], found)
        return found

    def counts(self, side: Side) -> Wholes:
        """Rows of a side in each bin, infinities in the outer ones."""
        cells = side.cells()
        found = np.zeros(len(self.start), np.int64)
        np.add.at(found, self.places(cells), cells.n)
        found[0] += side.below_infinity
        found[-1] += side.above_infinity
        return found


def sorted_edges(
    points: Sequence[float],
    starts: Sequence[float],
    unsettled: Sequence[int] = (),
    least: float | None = None,
    greatest: float | None = None,
    ranks: Sequence[int] = (),
) -> Edges:
    """Edges from points and the starts of intervals; a point comes before what starts after it."""
    pairs = sorted(
        [(start, 1, False) for start in (-math.inf, *starts)]
        + [(point, 0, True) for point in points]
    )
    return Edges(
        np.array([point for _, _, point in pairs]),
        np.array([start for start, _, _ in pairs]),
        least,
        greatest,
        tuple(unsettled),
        tuple(ranks),
    )


def quantile_edges(cells: Cells, count: int, *, settle: bool) -> Edges:
    """Bins of about equal shares of the reference.

    Values that alone hold 1 / count of the rows are points; each gap of share g between points gets
    max(1, round(g * count)) intervals at its own quantiles: the smallest value v with F(v) at or
    above the wanted share.

    Args:
        cells: The reference's.
        count: Wanted bins.
        settle: Whether edges inside a bin are to be found; otherwise they are at its lower end.
    """
    if not len(cells.n):
        return sorted_edges((), ())
    below = np.cumsum(cells.n)
    total = int(below[-1])
    several = cells.several
    heavy = cells.n * count >= total
    hidden = np.flatnonzero(heavy & several)
    places = np.flatnonzero(heavy & ~several)
    points = cells.low[places].tolist()
    starts = [*points]
    unsettled = hidden.tolist() if settle else []
    ranks: list[int] = []
    ends = [*(below[places] - cells.n[places]).tolist(), total]
    begins = [0, *below[places].tolist()]
    for start, end in zip(begins, ends, strict=True):
        if end <= start:
            continue
        rows = end - start
        k = max(1, math.floor(rows * count / total + 0.5))
        if k == 1:
            continue
        first = int(np.searchsorted(below, start, side="right"))
        last = int(np.searchsorted(below, end, side="left"))
        within = slice(first, last + 1)
        reached = np.minimum((below[within] - start) * k // rows, k - 1)
        before = (below[within] - cells.n[within] - start) * k // rows
        for place in (np.flatnonzero(reached > before) + first).tolist():
            starts.append(float(cells.low[place]))
            if settle and several[place]:
                unsettled.append(place)
                wanted = range(int(before[place - first]) + 1, int(reached[place - first]) + 1)
                ranks += [start - (-step * rows // k) for step in wanted]
    return sorted_edges(points, sorted(set(starts)), sorted(set(unsettled)), ranks=ranks)


def equal_width_edges(low: float, high: float, count: int) -> Edges:
    """Equal steps over a finite range."""
    return sorted_edges((), sorted(set(equal_steps(low, high, count))))


def equal_steps(low: float, high: float, count: int) -> list[float]:
    """The inner ends of equal steps over a finite range."""
    if math.isfinite(count * (high - low)):
        return [low + step * (high - low) / count for step in range(1, count)]
    # the widest ranges leave that of a double
    return [low + step * (high / count - low / count) for step in range(1, count)]


def shared_width_edges(sides: Sequence[Side]) -> Edges | None:
    """ceil(log2(rows of the smaller side) + 1) equal steps over the finite range of both sides.

    Of a constant one bin, half a percent of it to either side. None without a finite number.
    """
    ranged = [side for side in sides if len(side.n)]
    if not ranged:
        return None
    low = min(float(side.low[0]) for side in ranged)
    high = max(float(side.high[-1]) for side in ranged)
    if not low < high:
        pad = 0.005 * (abs(low) or 1.0)
        return sorted_edges((), (), (), low - pad, high + pad)
    smaller = min(side.rows + side.below_infinity + side.above_infinity for side in sides)
    count = math.ceil(math.log2(max(smaller, 1)) + 1)
    return sorted_edges((), equal_steps(low, high, count), (), low, high)


def holding(side: Side, ends: Sequence[tuple[float, float]]) -> Wholes:
    """Bins of a side, not read yet, that hold rows on both sides of an edge within [low, high].

    Args:
        side: The side.
        ends: (low, high) of where each edge may be; alike where it is known.
    """
    if side.by_value or not ends:
        return np.empty(0, np.int64)
    cells = side.cells()
    # an edge e cuts a bin where its low < e <= its high
    first = np.searchsorted(cells.high, [low for low, _ in ends], side="left")
    last = np.searchsorted(cells.low, [high for _, high in ends], side="left")
    held = [NOTHING]
    for start, end in zip(first.tolist(), last.tolist(), strict=True):
        if start < end:
            held.append(cells.bin[start:end][cells.several[start:end]])
    return np.unique(np.concatenate(held))


def among(values: Wholes, some: Wholes) -> Flags:
    """Which values are among some others.

    Args:
        values: int64, in any order.
        some: int64, ascending.
    """
    if len(values) > MANY:
        return np.isin(values, some)
    if not len(some):
        return np.zeros(len(values), bool)
    # a tenth of the time where both are few
    place = np.minimum(np.searchsorted(some, values), len(some) - 1)
    found: Flags = some[place] == values
    return found


def beyond(side: Side, low: float | None, high: float | None) -> tuple[int, int]:
    """Finite rows under a range and over it; where it is open, none.

    Rows of a cell that reaches past both ends are told to be under it: none is counted twice.
    """
    cells = side.cells()
    under = np.zeros(len(cells.n), bool) if low is None else cells.low < low
    over = np.zeros(len(cells.n), bool) if high is None else (cells.high > high) & ~under
    return int(cells.n[under].sum()), int(cells.n[over].sum())
