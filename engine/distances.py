"""Two sides' numbers walked together: exact distances, or certified bounds and the bins still open.

F, G are the shares of the reference, of production at or below x. Inside a bin that holds several
values F - G runs from its value before the bin, minus production's share of the bin, to that value
plus the reference's share: a bin matters to the largest gap only where that passes the widest gap
known, and to the area only where the sign may change. All else follows from counts and sums.
An open bin is settled by its single values and nothing else, so they need not all be in memory at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.engine.cells import NO_BIN, Side, among

if TYPE_CHECKING:
    from driftline.engine.cells import Flags, Reals, Wholes

# Bounds are rounded: so much further out they certainly hold.
OUTWARD: Final = 1e-12
# A coarse cell ends where the pooled share, or the area of its deviation, passes one of so many parts.
PARTS: Final = 128
# Sums inside a bin that was read are of whole numbers below 2^62.
WHOLE_BITS: Final = 62
# About so many values are settled at once: their arrays stay in a processor's own memory.
AT_ONCE: Final = 65_536


@dataclass(frozen=True)
class Steps:
    """Both sides' finite numbers cell by cell, ascending.

    Attributes:
        bin: The common fine bin, or `NO_BIN` of a single value; int64, shape (cells,).
        low, high: The cell's range over both sides.
        n, m: Rows of the reference and of production.
        n_room, m_room: Sums of high - x over them, 0 for a single value.
        infinite: Rows of the reference and of production at minus infinity, then at infinity.
    """

    bin: Wholes
    low: Reals
    high: Reals
    n: Wholes
    m: Wholes
    n_room: Reals
    m_room: Reals
    infinite: tuple[tuple[int, int], tuple[int, int]]

    @property
    def several(self) -> Flags:
        """Cells that hold more than one value."""
        return self.low < self.high

    @property
    def torn(self) -> bool:
        """Whether a cell reaches into the next, which a monotone grid never lets happen."""
        return bool((self.low[1:] <= self.high[:-1]).any())


def common_shift(reference: Side, production: Side) -> int:
    """How often fine bins are joined where two sides are compared."""
    return max(reference.shift, production.shift)


def walk(reference: Side, production: Side) -> Steps:
    """Line two sides up."""
    shift = common_shift(reference, production)
    ours, theirs = reference.at(shift), production.at(shift)
    infinite = (
        (reference.below_infinity, production.below_infinity),
        (reference.above_infinity, production.above_infinity),
    )
    if reference.by_value and production.by_value:
        value, n, m = _together(ours.low, ours.n, theirs.low, theirs.n)
        nothing = np.zeros(len(value))
        bins = np.full(len(value), NO_BIN)
        return Steps(bins, value, value, n, m, nothing, nothing, infinite)
    last = max((int(side.bin[-1]) for side in (ours, theirs) if len(side.bin)), default=-1)
    low, high = np.full(last + 1, math.inf), np.full(last + 1, -math.inf)
    counts, sums = np.zeros((2, last + 1), np.int64), np.zeros((2, last + 1))
    for k, side in enumerate((ours, theirs)):
        counts[k, side.bin], sums[k, side.bin] = side.n, side.total
        low[side.bin] = np.minimum(low[side.bin], side.low)
        high[side.bin] = np.maximum(high[side.bin], side.high)
    bins = np.flatnonzero(counts[0] + counts[1])
    low, high, n, m = low[bins], high[bins], counts[0, bins], counts[1, bins]
    several = low < high
    with np.errstate(all="ignore"):
        n_room, m_room = (
            np.where(several, rows * (high - reference.centre) - sums[k, bins], 0.0)
            for k, rows in enumerate((n, m))
        )
    return Steps(bins, low, high, n, m, n_room, m_room, infinite)


def _together(x: Reals, n: Wholes, y: Reals, m: Wholes) -> tuple[Reals, Wholes, Wholes]:
    """Different values of both sides, ascending, and each side's rows of them."""
    value, place = np.unique(np.concatenate((x, y)), return_inverse=True)
    both = np.zeros((2, len(value)), np.int64)
    np.add.at(both[0], place[: len(x)], n)
    np.add.at(both[1], place[len(x) :], m)
    return value, both[0], both[1]


@dataclass(frozen=True)
class Shares:
    """What turns rows of both sides into F - G.

    Attributes:
        rows: Of the reference and of production.
        under: Those of them at minus infinity.
        finite: Those with a finite number.
    """

    rows: tuple[int, int]
    under: tuple[int, int]
    finite: tuple[int, int]

    def gap(self, n: Wholes, m: Wholes) -> Reals:
        """F - G where so many finite rows of each side are at or below x."""
        return (self.under[0] + n) / self.rows[0] - (self.under[1] + m) / self.rows[1]

    def finite_gap(self, n: Wholes, m: Wholes) -> Reals:
        """The same, of the finite rows alone."""
        return n / self.finite[0] - m / self.finite[1]


@dataclass(frozen=True)
class OpenBins:
    """Bins of several values that could still change a distance, ascending.

    Attributes:
        bin: Common bins, int64, shape (bins,), as are the others.
        low, high: Their range over both sides.
        n, m: Rows of the reference and of production in them.
        n_before, m_before: Finite rows of each before them.
        reach: The largest |F - G| that is possible inside.
        inside, most: The least and the most that the area inside can be; alike where it is known.
        widest, area: Whether they could change the largest |F - G|, the area.
    """

    bin: Wholes
    low: Reals
    high: Reals
    n: Wholes
    m: Wholes
    n_before: Wholes
    m_before: Wholes
    reach: Reals
    inside: Reals
    most: Reals
    widest: Flags
    area: Flags

    def __getitem__(self, chosen: Flags) -> OpenBins:
        """Some of them."""
        return OpenBins(*(column[chosen] for column in vars(self).values()))


@dataclass(frozen=True)
class Settled:
    """What the single values of open bins say.

    Attributes:
        bin: Common bins, int64, shape (bins,), as are the others.
        area: The integral of |F - G| from the bin's lowest to its highest value.
        widest: The largest |F - G| in it.
        n, m: Finite rows of the reference, of production at or below the x of that.
    """

    bin: Wholes
    area: Reals
    widest: Reals
    n: Wholes
    m: Wholes


@dataclass(frozen=True)
class Gaps:
    """How far two distributions lie apart, as far as it is known.

    Attributes:
        shares: What turns rows into F - G.
        known_widest: The largest |F - G| at a place where it is known, infinities beyond every number.
        below: Rows of the reference, of production at or below that place.
        known_area: The integral of |F - G| over the finite numbers outside the bins that are open to it;
            None where a side has none.
        open: Bins that could change either.
    """

    shares: Shares
    known_widest: float
    below: tuple[int, int]
    known_area: float | None
    open: OpenBins

    @property
    def widest(self) -> tuple[float, float]:
        """Bounds of the largest |F - G|, alike where nothing is open."""
        reach = self.open.reach[self.open.widest]
        highest = max(self.known_widest, float(reach.max())) if len(reach) else self.known_widest
        return _outward(self.known_widest, highest, 1.0)

    @property
    def area(self) -> tuple[float, float] | None:
        """Bounds of the area, alike where nothing is open; None where a side has no finite number."""
        if self.known_area is None:
            return None
        inside, most = self.open.inside[self.open.area], self.open.most[self.open.area]
        low = self.known_area + float(inside.sum())
        return _outward(low, low + float(np.maximum(most - inside, 0.0).sum()))

    def with_settled(self, parts: Sequence[Settled]) -> Gaps:
        """The same once bins were settled, whatever parts they came in."""
        if not parts:
            return self
        columns = zip(*(vars(part).values() for part in parts), strict=True)
        joined = Settled(*map(np.concatenate, columns))
        order = np.argsort(joined.bin)
        found = Settled(*(column[order] for column in vars(joined).values()))
        widest, below = self.known_widest, self.below
        if len(found.bin):
            place = int(np.argmax(found.widest))
            if found.widest[place] > widest:
                widest = float(found.widest[place])
                (n_under, m_under) = self.shares.under
                below = n_under + int(found.n[place]), m_under + int(found.m[place])
        area = self.known_area
        if area is not None:
            # where it was not open its area was known before
            area += float(found.area[among(found.bin, self.open.bin[self.open.area])].sum())
        left = ~among(self.open.bin, found.bin)
        return Gaps(self.shares, widest, below, area, self.open[left])


def gaps(steps: Steps, *, whole: bool = False) -> Gaps | None:
    """Measure how far two sides lie apart; None where one has no rows.

    Args:
        steps: Both sides, cell by cell.
        whole: Whether cells that are decided come along with those that are open.
    """
    (n_under, m_under), (n_over, m_over) = steps.infinite
    n_finite, m_finite = int(steps.n.sum()), int(steps.m.sum())
    n, m = n_finite + n_under + n_over, m_finite + m_under + m_over
    if not n or not m:
        return None
    shares = Shares((n, m), (n_under, m_under), (n_finite, m_finite))
    up_to = np.cumsum(steps.n), np.cumsum(steps.m)
    after = shares.gap(*up_to)
    n_up, m_up = n_under, m_under
    widest = abs(n_under / n - m_under / m)
    if len(after):
        place = int(np.argmax(np.abs(after)))
        if abs(after[place]) > widest or not n_under + m_under:
            widest = float(abs(after[place]))
            n_up, m_up = n_under + int(up_to[0][place]), m_under + int(up_to[1][place])
    p, q = steps.n / n, steps.m / m
    before = after - p + q
    reach = np.maximum(before + p, q - before)
    open_widest = steps.several & (reach > widest)
    area, open_area = None, np.zeros(len(after), bool)
    inside = most = np.zeros(len(after))
    if n_finite and m_finite:
        area, inside, most, open_area = _area(steps, shares.finite_gap(*up_to), shares)
    kept = open_widest | open_area | whole
    cells = OpenBins(
        steps.bin,
        steps.low,
        steps.high,
        steps.n,
        steps.m,
        up_to[0] - steps.n,
        up_to[1] - steps.m,
        reach,
        inside,
        most,
        open_widest,
        open_area,
    )[kept]
    return Gaps(shares, widest, (n_up, m_up), area, cells)


def _area(steps: Steps, after: Reals, shares: Shares) -> tuple[float, Reals, Reals, Flags]:
    """The area outside open cells; of each cell the least and the most; those where the sign may change."""
    n, m = shares.finite
    with np.errstate(all="ignore"):
        p, q = steps.n / n, steps.m / m
        before = after - (p - q)
        width = steps.high - steps.low
        room = steps.n_room / n - steps.m_room / m
        inside = np.where(steps.several, np.abs(before * width + room), 0.0)
        open_ = steps.several & (before - q < 0) & (before + p > 0)
        between = np.abs(after[:-1]) * (steps.low[1:] - steps.high[:-1])
        # an endless way at no height is no area
        between = np.where(after[:-1] == 0, 0.0, between)
        most = np.minimum(
            width * np.maximum(before + p, q - before),
            np.abs(before) * width + steps.n_room / n + steps.m_room / m,
        )
        known = float(np.where(open_, 0.0, inside).sum() + between.sum())
        return known, inside, most, open_


@dataclass(frozen=True)
class Stretch:
    """Bins of two sides that an engine walks along by itself, from value to value.

    Attributes:
        pair: The id of the pair.
        feature: The feature.
        scans: Ids of the scans of the reference and of production.
        shift: How often bins of the grid were joined by two.
        shares: What turns rows into F - G.
        cells: The bins, ascending, decided ones among them.
        marks: Which of them are to be cut into pieces, and where.
    """

    pair: int
    feature: int
    scans: tuple[int, int]
    shift: int
    shares: Shares
    cells: OpenBins
    marks: tuple[Marks, ...] = ()

    @property
    def _follows(self) -> Flags:
        """Bins that nothing lies before but another of them."""
        cells = self.cells
        follows = np.zeros(len(cells.bin), bool)
        follows[1:] = (cells.n_before[1:] == (cells.n_before + cells.n)[:-1]) & (
            cells.m_before[1:] == (cells.m_before + cells.m)[:-1]
        )
        return follows

    def jumps(self) -> list[tuple[float, int, int]]:
        """What is to be added to the rows of each side at or below x, in steps (x, n, m).

        At the start of each run of bins these become what lies before it; behind its end, none at all.
        """
        cells, follows = self.cells, self._follows
        first, last = np.flatnonzero(~follows), np.flatnonzero(~np.append(follows[1:], False))
        starts = (cells.low[first], cells.n_before[first], cells.m_before[first])
        ends = (
            np.nextafter(cells.high[last], math.inf),
            -(cells.n_before + cells.n)[last],
            -(cells.m_before + cells.m)[last],
        )
        rows = (
            zip(*(column.tolist() for column in columns), strict=True) for columns in (starts, ends)
        )
        return sorted(row for each in rows for row in each)

    def settled(self, area: float, widest: float) -> Settled:
        """What the bins hold, as far as distances can tell.

        Args:
            area: The integral of |n M - m N| over all runs of the bins, up to each `jumps` behind one;
                n, m are the finite rows of each side at or below x, N, M all finite ones.
            widest: The largest |n M - m N| in them, of all rows.
        """
        cells, (n, m) = self.cells, self.shares.finite
        found, gap = np.zeros(len(cells.bin)), np.zeros(len(cells.bin))
        if n and m and cells.area.any():
            apart = np.abs(
                self.shares.finite_gap(cells.n_before + cells.n, cells.m_before + cells.m)
            )
            # what lies between two bins of a run, and just behind its end
            between = np.nextafter(cells.high, math.inf) - cells.high
            follows = self._follows[1:]
            between[:-1] = np.where(follows, cells.low[1:] - cells.high[:-1], between[:-1])
            # all that, and what decided bins hold, was known before
            known = float((apart * between).sum() + cells.inside[~cells.area].sum())
            found[np.argmax(cells.area)] = max(area / n / m - known, 0.0)
        place = int(np.argmax(cells.reach))
        every_n, every_m = self.shares.rows
        gap[place] = widest / every_n / every_m
        n_at, m_at = rows_of_gap(round(widest), every_n, every_m)
        below_n, below_m = np.zeros((2, len(cells.bin)), np.int64)
        below_n[place] = n_at - self.shares.under[0]
        below_m[place] = m_at - self.shares.under[1]
        return Settled(cells.bin, found, gap, below_n, below_m)


def rows_of_gap(gap: int, n: int, m: int) -> tuple[int, int]:
    """Some rows of each side, of n and m, that are so far apart: gap = rows * m - others * n.

    Those of one gap all tell the same of it. Beyond a double's digits they are near it.

    Args:
        gap: 0 or more, n * m at most.
        n: Rows of one side, 1 or more.
        m: Rows of the other, 1 or more.
    """
    common = math.gcd(n, m)
    if gap % common:
        return min(n, round(gap / m)), 0
    step = n // common
    rows = gap // common * pow(m // common, -1, step) % step if step > 1 else 0
    missing = gap - rows * m
    if missing > 0:
        rows += step * -(-missing // (step * m))
    return rows, (rows * m - gap) // n


@dataclass(frozen=True)
class Marks:
    """Where a bin is cut into pieces.

    Attributes:
        bin: The bin.
        low, high: Its range over both sides.
        n, m: Rows of the reference, of production at or below x at which a piece starts.
        x: Numbers at or above which one starts.
    """

    bin: int
    low: float
    high: float
    n: tuple[int, ...] = ()
    m: tuple[int, ...] = ()
    x: tuple[float, ...] = ()

    @property
    def pieces(self) -> int:
        """At most so many there are."""
        return 1 + len(self.n) + len(self.m) + len(self.x)


@dataclass(frozen=True)
class Counted:
    """The single values of one side in some bins, ascending, and what sums over a range of them take.

    Attributes:
        bin: The bin of each value, int64, shape (values,).
        value: float64, shape (values,).
        up_to: Rows of the values before each place, int64, shape (values + 1,).
        sums: Sums over them of rows times whole steps from the first value of the bin, int64, shape
            (values + 1,). They wrap: differences inside a bin are exact, whatever was read beside it.
        origin: The first value of the bin of each value.
        exponent: How many steps there are to one, as a power of two, in the bin of each value.
    """

    bin: Wholes
    value: Reals
    up_to: Wholes
    sums: Wholes
    origin: Reals
    exponent: Wholes

    @classmethod
    def of(cls, bins: Wholes, value: Reals, n: Wholes) -> Counted:
        """From values in any order, whose bins follow each other as they do."""
        order = np.argsort(value)
        bins, value, n = bins[order], value[order], n[order]
        first = np.flatnonzero(np.diff(bins, prepend=-1))
        sizes = np.diff(np.append(first, len(bins)))
        origin = np.repeat(value[first], sizes)
        rows = np.add.reduceat(n, first) if len(first) else n
        last = first + sizes - 1
        _, wide = np.frexp(value[last] - value[first])
        _, many = np.frexp(rows.astype(np.float64))
        exponent = np.repeat(WHOLE_BITS - wide - many, sizes).astype(np.int64)
        steps = np.floor(np.ldexp(value - origin, exponent)).astype(np.int64)
        nothing = np.zeros(1, np.int64)
        return cls(
            bins,
            value,
            np.concatenate((nothing, np.cumsum(n))),
            np.concatenate((nothing, np.cumsum(n * steps))),
            origin,
            exponent,
        )

    def room(self, first: Wholes, until: Wholes, high: Reals) -> Reals:
        """Sums of high - x over the values of places [first, until), each range inside one bin."""
        if not len(self.value):
            return np.zeros(len(first))
        place = np.minimum(first, len(self.value) - 1)
        rows = self.up_to[until] - self.up_to[first]
        steps = np.ldexp((self.sums[until] - self.sums[first]).astype(float), -self.exponent[place])
        found = rows * (high - self.origin[place]) - steps
        return np.where(rows > 0, np.maximum(found, 0.0), 0.0)


def settle(
    cells: OpenBins, shares: Shares, reference: Counted, production: tuple[Wholes, Reals, Wholes]
) -> Settled:
    """Say what open bins hold, from the single values of both sides.

    Bins are taken in runs whose values stay close to the processor.

    Args:
        cells: The open bins.
        shares: What turns rows into F - G.
        reference: All values of the reference in these bins, among others.
        production: Bin, value and rows of all of production's in them, ascending, and no others.
    """
    bins, value, rows = production
    ends = np.searchsorted(bins, cells.bin, side="right")
    runs = np.flatnonzero(np.diff(ends // AT_ONCE, prepend=-1))
    parts = []
    for first, last in pairwise((*runs.tolist(), len(ends))):
        own = slice(ends[first - 1] if first else 0, ends[last - 1])
        some = OpenBins(*(column[first:last] for column in vars(cells).values()))
        parts.append(_settle(some, shares, reference, (bins[own], value[own], rows[own])))
    return Settled(*map(np.concatenate, zip(*(vars(part).values() for part in parts), strict=True)))


def _settle(
    cells: OpenBins, shares: Shares, reference: Counted, production: tuple[Wholes, Reals, Wholes]
) -> Settled:
    """The same of so few bins that they are best taken at once.

    G is constant between production's values, and F only rises: it passes G once between two of them.
    So a binary search in the reference's values, and sums over ranges of them, do for each of
    production's, however many the reference has.
    """
    bins, value, rows = production
    place = np.searchsorted(cells.bin, bins)
    count = len(cells.bin)
    # in each bin one step from its lowest value, then one from each of production's values
    within = np.searchsorted(bins, cells.bin)
    heads = within + np.arange(count)
    own = np.arange(len(value)) + place + 1
    size = count + len(value)
    cell = np.empty(size, np.int64)
    start, m = np.empty(size), np.empty(size, np.int64)
    passed = np.concatenate((np.zeros(1, np.int64), np.cumsum(rows)))
    cell[heads], start[heads], m[heads] = np.arange(count), cells.low, cells.m_before
    cell[own], start[own] = place, value
    m[own] = cells.m_before[place] + passed[1:] - passed[within[place]]
    last = np.append(heads[1:], size) - 1
    end = np.append(start[1:], 0.0)
    end[last] = cells.high
    # where the reference's values of each bin begin and end, and those of each step
    low = np.searchsorted(reference.bin, cells.bin, side="left")
    high = np.searchsorted(reference.bin, cells.bin, side="right")
    least, most = low[cell], high[cell]
    first = np.clip(np.searchsorted(reference.value, start, side="right"), least, most)
    until = np.clip(np.searchsorted(reference.value, end, side="left"), least, most)
    until[last] = high

    def n_at(places: Wholes) -> Wholes:
        return cells.n_before[cell] + reference.up_to[places] - reference.up_to[least]

    # the widest gap is at one of the ends of a step
    opening = first.copy()
    opening[heads] = low
    n_open, n_close = n_at(opening), n_at(until)
    open_gap, close_gap = (np.abs(shares.gap(n, m)) for n in (n_open, n_close))
    wider = np.maximum(open_gap, close_gap)
    widest = np.maximum.reduceat(wider, heads)
    at = np.flatnonzero(wider == widest[cell])
    at = at[np.diff(cell[at], prepend=-1) > 0]
    n_widest = np.where(close_gap[at] >= open_gap[at], n_close[at], n_open[at])
    area = np.zeros(count)
    if all(shares.finite):
        until = np.maximum(until, first)
        n, m_share = shares.finite[0], m / shares.finite[1]
        # the place from which on F is at or above G
        target = m_share * n - (cells.n_before[cell] - reference.up_to[least])
        passing = np.searchsorted(reference.up_to, target, side="left")
        passes = np.clip(passing, first, until)
        inner = (passing > first) & (passing <= until)
        x = np.where(passing > until, end, start)
        x[inner] = reference.value[passing[inner] - 1]
        under = (m_share - n_at(first) / n) * (x - start) - reference.room(first, passes, x) / n
        over = (n_at(passes) / n - m_share) * (end - x) + reference.room(passes, until, end) / n
        each = np.maximum(under, 0.0) + np.maximum(over, 0.0)
        area = np.add.reduceat(each, heads)
    return Settled(cells.bin, area, widest, n_widest, m[at])


def _outward(low: float, high: float, top: float = math.inf) -> tuple[float, float]:
    """Bounds, a little further out where they are not one number."""
    if low == high:
        return low, high
    return max(0.0, low * (1 - OUTWARD)), min(top, high * (1 + OUTWARD))


@dataclass(frozen=True)
class Coarse:
    """A walk in at most 256 cells, which is all that permuting rows needs.

    Attributes:
        x: Mean of the cell's rows, float64, shape (cells,); infinities apart, first and last.
        n, m: Rows of the reference and of production.
        values: Steps in the cell.
        whole: Whether each of them is a single value.
    """

    x: Reals
    n: Wholes
    m: Wholes
    values: Wholes
    whole: Flags


def coarse(steps: Steps) -> Coarse:
    """Join steps into few cells: fine where rows are, and fine where a far tail weighs.

    A cell ends where the pooled share P, or the area of sqrt(P (1 - P)), passes a multiple of 1/128 of
    its whole.
    """
    rows = steps.n + steps.m
    first = np.empty(0, np.int64)
    x = np.empty(0)
    if len(rows):
        with np.errstate(all="ignore"):
            up_to = np.cumsum(rows)
            p = up_to / up_to[-1]
            # a quarter of every width, because the widest leave the range of a double
            following = np.append(steps.low[1:], steps.high[-1])
            area = np.cumsum(
                np.sqrt(np.maximum(p * (1 - p), 0.0)) * (following / 4 - steps.low / 4)
            )
            by_share = np.ceil(PARTS * p)
            by_area = np.ceil(PARTS * (area / area[-1])) if area[-1] > 0 else np.zeros(len(area))
        changed = (np.diff(by_share, prepend=-1) != 0) | (np.diff(by_area, prepend=-1) != 0)
        first = np.flatnonzero(changed)
        weight = np.add.reduceat(rows, first)
        per_row = np.repeat(weight, np.diff(np.append(first, len(rows))))
        with np.errstate(all="ignore"):
            each = steps.high * (rows / per_row) - (steps.n_room + steps.m_room) / per_row
            x = np.add.reduceat(each, first)
    parts = [
        np.add.reduceat(counted, first) if len(first) else np.empty(0, np.int64)
        for counted in (steps.n, steps.m, np.ones(len(rows), np.int64))
    ]
    whole = (
        np.add.reduceat(steps.several.astype(np.int64), first) == 0
        if len(first)
        else np.empty(0, bool)
    )
    under, over = (sum(counts) > 0 for counts in steps.infinite)

    def edged(inner: Reals | Wholes | Flags, least: object, most: object) -> np.ndarray:
        pieces = [np.array([least])] * under + [inner] + [np.array([most])] * over
        return np.concatenate(pieces)

    (n_under, m_under), (n_over, m_over) = steps.infinite
    return Coarse(
        edged(x, -math.inf, math.inf),
        edged(parts[0], n_under, n_over),
        edged(parts[1], m_under, m_over),
        edged(parts[2], 1, 1),
        edged(whole, True, True),
    )
