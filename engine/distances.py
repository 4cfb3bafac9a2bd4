"""Two sides' numbers walked together: exact distances, or certified bounds and the bins still open.

F, G are the shares of the reference, of production at or below x. Inside a bin that holds several
values F - G runs from its value before the bin, minus production's share of the bin, to that value
plus the reference's share: a bin matters to the largest gap only where that passes the widest gap
known, and to the area only where the sign may change. All else follows from counts and sums.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.engine.cells import NO_BIN, Side

if TYPE_CHECKING:
    from driftline.engine.cells import Flags, Reals, Wholes

# Bounds are rounded: so much further out they certainly hold.
OUTWARD: Final = 1e-12
# A coarse cell ends where the pooled share, or the area of its deviation, passes one of so many parts.
PARTS: Final = 128


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


def walk(reference: Side, production: Side, opened: Wholes | None = None) -> Steps:
    """Line two sides up.

    Args:
        reference: The reference's side.
        production: Production's.
        opened: Common bins whose single values stand in their place; both sides read them.
    """
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
    kept = counts[0] + counts[1] > 0
    if opened is not None:
        kept[opened] = False
    bins = np.flatnonzero(kept)
    low, high, n, m = low[bins], high[bins], counts[0, bins], counts[1, bins]
    several = low < high
    with np.errstate(all="ignore"):
        n_room, m_room = (
            np.where(several, rows * (high - reference.centre) - sums[k, bins], 0.0)
            for k, rows in enumerate((n, m))
        )
    if opened is None or not len(opened):
        return Steps(bins, low, high, n, m, n_room, m_room, infinite)
    ours_read, theirs_read = (
        np.isin(side.values.bin >> (shift - side.shift), opened) for side in (reference, production)
    )
    value, more_n, more_m = _together(
        reference.values.value[ours_read],
        reference.values.n[ours_read],
        production.values.value[theirs_read],
        production.values.n[theirs_read],
    )
    every = np.concatenate((low, value))
    order = np.argsort(every, kind="stable")
    nothing = np.zeros(len(value))
    return Steps(
        np.concatenate((bins, np.full(len(value), NO_BIN)))[order],
        every[order],
        np.concatenate((high, value))[order],
        np.concatenate((n, more_n))[order],
        np.concatenate((m, more_m))[order],
        np.concatenate((n_room, nothing))[order],
        np.concatenate((m_room, nothing))[order],
        infinite,
    )


def _together(x: Reals, n: Wholes, y: Reals, m: Wholes) -> tuple[Reals, Wholes, Wholes]:
    """Different values of both sides, ascending, and each side's rows of them."""
    value, place = np.unique(np.concatenate((x, y)), return_inverse=True)
    both = np.zeros((2, len(value)), np.int64)
    np.add.at(both[0], place[: len(x)], n)
    np.add.at(both[1], place[len(x) :], m)
    return value, both[0], both[1]


@dataclass(frozen=True)
class Gaps:
    """How far two distributions lie apart: bounds, alike where nothing is open.

    Attributes:
        widest: Bounds of the largest |F - G|, infinities beyond every number.
        below: Rows of the reference, of production at or below the x of the widest gap known.
        area: Bounds of the integral of |F - G| over the finite numbers; None where a side has none.
        open_widest, open_area: Bins whose values could still change either.
    """

    widest: tuple[float, float]
    below: tuple[int, int]
    area: tuple[float, float] | None
    open_widest: Wholes
    open_area: Wholes


def gaps(steps: Steps) -> Gaps | None:
    """Measure how far two sides lie apart; None where one has no rows."""
    (n_under, m_under), (n_over, m_over) = steps.infinite
    n_finite, m_finite = int(steps.n.sum()), int(steps.m.sum())
    n, m = n_finite + n_under + n_over, m_finite + m_under + m_over
    if not n or not m:
        return None
    up_to = np.cumsum(steps.n), np.cumsum(steps.m)
    several = steps.several
    after = (n_under + up_to[0]) / n - (m_under + up_to[1]) / m
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
    open_widest = several & (reach > widest)
    highest = float(reach[open_widest].max()) if open_widest.any() else widest
    area, open_area = None, np.zeros(len(after), bool)
    if n_finite and m_finite:
        area, open_area = _area(steps, up_to, n_finite, m_finite)
    return Gaps(
        _outward(widest, highest, 1.0),
        (n_up, m_up),
        area,
        steps.bin[open_widest],
        steps.bin[open_area],
    )


def _area(
    steps: Steps, up_to: tuple[Wholes, Wholes], n: int, m: int
) -> tuple[tuple[float, float], Flags]:
    """Bounds of the integral of |F - G|, and the cells in which its sign may change."""
    with np.errstate(all="ignore"):
        after = up_to[0] / n - up_to[1] / m
        p, q = steps.n / n, steps.m / m
        before = after - (p - q)
        width = steps.high - steps.low
        room = steps.n_room / n - steps.m_room / m
        inside = np.where(steps.several, np.abs(before * width + room), 0.0)
        open_ = steps.several & (before - q < 0) & (before + p > 0)
        between = np.abs(after[:-1]) * (steps.low[1:] - steps.high[:-1])
        # an endless way at no height is no area
        between = np.where(after[:-1] == 0, 0.0, between)
        low = float(inside.sum() + between.sum())
        if not open_.any():
            return (low, low), open_
        most = np.minimum(
            width * np.maximum(before + p, q - before),
            np.abs(before) * width + steps.n_room / n + steps.m_room / m,
        )[open_]
        high = low + float(np.maximum(most - inside[open_], 0.0).sum())
    return _outward(low, high), open_


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
