"""A CUSUM over a metric's windows: how far its values have crept, and from when on that is no chance.

Each value is told by its rank among those before it, as a normal score (Conover, Tercero-Gomez and
Cordero-Franco 2017, doi:10.1080/07474946.2017.1360091). Where nothing has changed, values of windows
are independent draws from one law, whatever it is, even when all are held against one and the same
reference sample; then the scores are independent and the same for every law, skewed or not, and no
phase is needed in which a mean and a deviation are estimated. Page's (1954) sum of such scores has the
average run length of the textbook.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist, fmean
from typing import Final

from driftline.engine.project import Cusum

FEWEST: Final = 8
"""Windows that a value must be ranked among at least."""

_NORMAL: Final = NormalDist()
_NODES: Final = 32
# Nodes a unit of the interval, so that the normal density is met closely enough wherever it is.
_NODES_A_UNIT: Final = 3
_STEPS: Final = 20


def normal_score(value: float, before: list[float]) -> float:
    """The normal score of a value's rank among earlier ones; of equal values it is the middle of theirs.

    Args:
        value: The value.
        before: The earlier values, ascending.
    """
    count = len(before) + 1
    less, equal = bisect_left(before, value), bisect_right(before, value)
    return _NORMAL.inv_cdf((less + (equal - less + 1) / 2) / count)


def run_length(allowance: float, limit: float) -> float:
    """The average number of windows until a one-sided CUSUM of standard normal scores passes a limit.

    The integral equation of Page's sum, solved at the nodes of Gauss and Legendre (Vance 1986).

    Args:
        allowance: k, what is taken off each score; more than 0.
        limit: h, more than 0.
    """
    import numpy as np

    count = max(_NODES, math.ceil(_NODES_A_UNIT * limit))
    nodes, weights = np.polynomial.legendre.leggauss(count)
    nodes, weights = (nodes + 1) * limit / 2, weights * limit / 2
    # from each place, and from 0 first: to be back at 0, or to be at a node
    places = np.concatenate(([0.0], nodes))
    steps = np.empty((count + 1, count + 1))
    steps[:, 0] = [_NORMAL.cdf(allowance - place) for place in places]
    moves = nodes[None, :] + allowance - places[:, None]
    steps[:, 1:] = np.exp(-(moves**2) / 2) / math.sqrt(2 * math.pi) * weights
    found = np.linalg.solve(np.eye(count + 1) - steps, np.ones(count + 1))
    return float(found[0])


@cache
def decision_limit(average: float, allowance: float) -> float:
    """The limit h whose average run length is `average` windows where nothing changes.

    Args:
        average: Windows, more than the 1 / P(score > allowance) that a limit of 0 has.
        allowance: k, more than 0.
    """
    # Siegmund (1985): exp(x) - x - 1 = 2 k^2 ARL at x = 2 k (h + 1.166), from which it is not far
    wanted = math.log(average)
    exponent = math.log(2 * allowance**2 * average + 1)
    for _ in range(4):
        exponent = math.log(2 * allowance**2 * average + exponent + 1)
    first = max(0.1, exponent / (2 * allowance) - 1.166)
    points = [(at, math.log(run_length(allowance, at)) - wanted) for at in (first, first + 0.1)]
    while abs(points[-1][1]) > 1e-9 and len(points) < _STEPS:
        (one, missed), (other, by) = points[-2:]
        at = max(0.01, other - by * (other - one) / (by - missed))
        points.append((at, math.log(run_length(allowance, at)) - wanted))
    return min(points, key=lambda point: abs(point[1]))[0]


@dataclass(frozen=True)
class Sum:
    """Where a sum stands after a window.

    Attributes:
        value: The sum, 0 or more.
        limit: h.
        side: 1 of values that rise, -1 of those that fall.
        count: Windows since it was 0 last.
        before, after: Means of the values before these windows, and of these.
        is_beyond: Whether it is above its limit, and the mean has moved far enough.
        is_back: Whether it is down at half of its limit.
    """

    value: float
    limit: float
    side: int
    count: int
    before: float
    after: float
    is_beyond: bool
    is_back: bool


class Creep:
    """The sums of one series of values, window by window: one a side on which there is a threshold.

    While it is held, which is while its incident is open, values are ranked among those from before it
    crept, and the sum stays at its limit (the upper boundary of Lau and Gandy 2013), so that it comes
    down soon once values are as they were.
    """

    def __init__(self, rule: Cusum) -> None:
        self._rule = rule
        self._usual: list[float] = []
        self._ascending: list[float] = []
        self._crept: list[float] = []
        self._held: int | None = None
        # by side: the sum, windows since it was 0, and the threshold of the last window
        self._sums: dict[int, float] = {}
        self._counts: dict[int, int] = {}
        self._thresholds: dict[int, float] = {}

    def take(self, value: float, threshold: float, side: int) -> Sum | None:
        """Take the next value; None where there are too few to rank it among.

        Args:
            value: What was measured, finite.
            threshold: What it is held against.
            side: 1 where more is worse, -1 where less is.
        """
        self._thresholds[side] = threshold
        self._sums.setdefault(side, 0.0)
        self._counts.setdefault(side, 0)
        if self._held is not None:
            self._crept.append(value)
            return self._step(value) if len(self._ascending) >= FEWEST else None
        found = self._step(value) if len(self._ascending) >= self._rule.baseline else None
        self._usual.append(value)
        insort(self._ascending, value)
        return found

    def hold(self) -> None:
        """Begin an incident with the value that was taken last."""
        self._held = max(self._sums, key=lambda side: self._sums[side], default=1)
        count = max(1, self._counts.get(self._held, 0))
        self._usual, self._crept = self._usual[:-count], self._usual[-count:]
        self._ascending = sorted(self._usual)

    def release(self, *, anew: bool) -> None:
        """End an incident: sums start again, and with `anew` so does what values are ranked among."""
        self._held, self._crept = None, []
        self._sums = dict.fromkeys(self._sums, 0.0)
        self._counts = dict.fromkeys(self._counts, 0)
        if anew:
            self._usual, self._ascending = [], []

    def _step(self, value: float) -> Sum:
        score = normal_score(value, self._ascending)
        allowance = self._rule.shift / 2
        limit = decision_limit(self._rule.average_run_length * len(self._sums), allowance)
        for side in self._sums if self._held is None else (self._held,):
            before = min(self._sums.get(side, 0.0), limit)
            now = max(0.0, before + side * score - allowance)
            self._sums[side] = now
            self._counts[side] = self._counts.get(side, 0) + 1 if now > 0 else 0
        side = self._held or max(self._sums, key=lambda side: self._sums[side])
        now = self._sums[side]
        if now <= limit:
            return Sum(now, limit, side, self._counts[side], 0.0, 0.0, False, now <= limit / 2)
        if self._held is None:
            series, count = [*self._usual, value], self._counts[side]
            usual, crept = series[:-count], series[-count:]
        else:
            usual, crept = self._usual, self._crept
        mean, moved = fmean(usual), fmean(crept)
        way = side * (self._thresholds.get(side, mean) - mean)
        least = self._rule.min_effect * max(0.0, way)
        far = self._held is not None or side * (moved - mean) >= least
        return Sum(now, limit, side, len(crept), mean, moved, far, False)
