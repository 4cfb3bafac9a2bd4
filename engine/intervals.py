"""Intervals of distances, of rates and of tests, from counts alone; no row is needed.

s = 1/n + 1/m throughout; p, q are shares of the reference, of production. With no drift PSI/s,
8 JS/s (nats) and 8 H^2/s follow a chi-squared law; with drift a non-central one. As in
`significance.py`, functions take many comparisons at once, float64 of shape (cells, comparisons), a
cell without rows is none, and what a comparison gets depends on its own numbers alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from driftline.engine.significance import (
    DRAWS,
    ENOUGH,
    LEAST,
    psi,
    running,
    smoothed,
    total,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Counts = NDArray[np.float64]

SMIRNOV_95: Final = 1.358
TWO_SIDED_95: Final = 1.959963984540054
NOISE_SEED: Final = 20_260_101
# Up to so many times its degrees of freedom a divergence has the non-central law.
NEAR: Final = 4.0


@dataclass(frozen=True)
class Span:
    """95 % intervals, float64, shape (comparisons,); an end of NaN is not known."""

    low: Counts
    high: Counts

    def mapped(self, scale: float | Counts = 1.0, *, root: bool = False, top: float = 0.0) -> Span:
        """The intervals of scale * value, or of its root, cut to [0, top] where a top is given."""
        import numpy as np

        ends = [np.maximum(end * scale, 0.0) for end in (self.low, self.high)]
        if root:
            ends = [np.sqrt(end) for end in ends]
        if top:
            ends = [np.minimum(end, top) for end in ends]
        return Span(*ends)


@dataclass(frozen=True)
class _Merged:
    """Bins of which those that expect few rows are one, the last.

    Attributes:
        n, m, alike: Rows of either side in each bin, and how many such bins there are.
        s: 1/n + 1/m.
        share: Which share of the degrees of freedom clustered rows leave; see `dispersion.py`.
        rare_n, rare_m: Shares of the last bin.
        is_rare: Whether there is one.
    """

    n: Counts
    m: Counts
    alike: Counts
    s: Counts
    rare_n: Counts
    rare_m: Counts
    is_rare: NDArray[np.bool_]
    share: Counts | float


def jensen_shannon(n: Counts, m: Counts, alike: Counts | None = None) -> Counts:
    """Jensen-Shannon divergence in nats, in [0, ln 2]; keeps its digits where sides nearly agree.

    Args:
        n: Rows of the reference, float64, shape (bins, comparisons).
        m: Rows of production, likewise.
        alike: How many bins with as many rows there are; one of each without it.
    """
    import numpy as np

    p, q, times = _shares(n, m, alike)
    both = p + q
    u = (q - p) / np.where(both > 0, both, 1.0)
    inside = np.abs(u) < 1
    v = np.where(inside, u, 0.0)
    terms = np.where(inside, v * np.arctanh(v) + 0.5 * np.log1p(-v * v), math.log(2))
    return np.maximum(total(times * (both / 2 * terms)), 0.0)


def squared_hellinger(n: Counts, m: Counts, alike: Counts | None = None) -> Counts:
    """Squared Hellinger distance, in [0, 1]; arguments as those of `jensen_shannon`."""
    import numpy as np

    p, q, times = _shares(n, m, alike)
    gap = np.sqrt(p) - np.sqrt(q)
    return total(times * (gap * gap)) / 2


def psi_span(
    n: Counts, m: Counts, alike: Counts | None = None, share: Counts | float = 1.0
) -> Span:
    """Interval of the population stability index; its upper end is unknown with rare bins.

    Args:
        n: Rows of the reference, float64, shape (bins, comparisons).
        m: Rows of production, likewise.
        alike: How many bins of equal size each of them stands for; its rows are theirs together.
        share: Which share of its degrees of freedom clustered rows leave, shape (comparisons,); see
            `dispersion.py`.
    """
    import numpy as np

    merged = _merged(n, m, alike, share)
    value = psi(merged.n, merged.m, merged.alike)
    span = _divergence_span(merged, value, 1.0, _psi_spread(merged))
    return Span(span.low, np.where(merged.is_rare, np.nan, span.high))


def jensen_shannon_span(
    n: Counts, m: Counts, alike: Counts | None = None, share: Counts | float = 1.0
) -> Span:
    """Interval of the Jensen-Shannon divergence in nats; arguments as those of `psi_span`."""
    import numpy as np

    merged = _merged(n, m, alike, share)
    value = jensen_shannon(merged.n, merged.m, merged.alike)
    span = _divergence_span(merged, value, 8.0, _js_spread(merged))
    more = math.log(2) * (merged.rare_n + merged.rare_m) / 2
    high = np.minimum(span.high + more, math.log(2))
    return Span(span.low, np.where(merged.is_rare, high, span.high))


def squared_hellinger_span(
    n: Counts, m: Counts, alike: Counts | None = None, share: Counts | float = 1.0
) -> Span:
    """Interval of the squared Hellinger distance; arguments as those of `psi_span`."""
    import numpy as np

    merged = _merged(n, m, alike, share)
    value = squared_hellinger(merged.n, merged.m, merged.alike)
    span = _divergence_span(merged, value, 8.0, 4 * merged.s * value * (1 - value / 2) / 8)
    high = np.minimum(span.high + np.sqrt(merged.rare_n * merged.rare_m), 1.0)
    return Span(span.low, np.where(merged.is_rare, high, span.high))


def chi_squared_95(freedom: Counts) -> Counts:
    """What chi-squared variables stay below in 95 % of cases; 0 without a degree of freedom."""
    import numpy as np
    from scipy import special

    return np.where(freedom > 0, special.chdtri(np.where(freedom > 0, freedom, 1.0), 0.05), 0.0)


def pearson_span(statistic: Counts, cells: Counts, share: Counts | float = 1.0) -> Span:
    """Interval of the chi-squared statistic's non-centrality, the part drift adds to it.

    Args:
        statistic: float64, shape (comparisons,).
        cells: Columns of the table.
        share: As that of `psi_span`.
    """
    import numpy as np

    span = _central_span(statistic, np.maximum(cells - 1, 1) * share)
    single = cells < 2
    return Span(np.where(single, 0.0, span.low), np.where(single, 0.0, span.high))


def noise_radius(n: Counts, m: Counts, *, largest: bool) -> Counts:
    """95 % radius of what sampling alone does to total variation, or to Chebyshev's distance.

    Args:
        n: Rows of the reference, float64, shape (bins, comparisons).
        m: Rows of production, likewise.
        largest: Chebyshev's maximum instead of half the sum.
    """
    import numpy as np

    radius = np.zeros(n.shape[1])
    for place in range(n.shape[1]):
        there = n[:, place] + m[:, place] > 0
        noise = np.zeros((DRAWS, np.count_nonzero(there)))
        for side, drawn in zip((n, m), _normals(noise.shape[1]), strict=True):
            counts = side[there, place]
            shares = counts / counts.sum()
            z = drawn * np.sqrt(shares)
            noise += (z - shares * z.sum(axis=1, keepdims=True)) / math.sqrt(counts.sum())
        size = np.abs(noise)
        norms = size.max(axis=1) if largest else size.sum(axis=1) / 2
        radius[place] = np.quantile(norms, 0.95)
    return radius


@lru_cache(maxsize=1)
def _normals(bins: int) -> Counts:
    """Draws for both sides, the same for every comparison of as many bins."""
    import numpy as np

    return np.random.default_rng(NOISE_SEED).standard_normal((2, DRAWS, bins))


def wasserstein_radius(x: Counts, n: Counts, m: Counts) -> Counts:
    """95 % radius of what sampling alone does to W1, by a gamma law of its mean and variance.

    The noise at steps i < j has covariance F_i (1 - F_j) / n + G_i (1 - G_j) / m. A power of a sum
    of two products is a sum of products, so that running totals do for all pairs of steps. Of the
    covariance of two absolute values with correlation r, (2/pi) (sqrt(1 - r^2) + r asin r - 1), they
    take r^2 / pi and as much of r^4 as makes it right at 1: at most 2 % too much between.

    Args:
        x: Cell values, ascending, float64, shape (cells, comparisons), the last one repeated.
        n: Rows of the reference in each cell.
        m: Rows of production.
    """
    import numpy as np
    from scipy import special

    steps = x[1:] - x[:-1]
    spread = total(steps)
    # as parts of the whole: squares of the widest and the narrowest leave the range of a double
    steps = steps / np.where(spread > 0, spread, 1.0)
    factors = []
    for counts in (n, m):
        rows, below = total(counts), running(counts)[:-1]
        factors.append((below / rows / rows, (rows - below) / rows))
    sigma = np.sqrt(factors[0][0] * factors[0][1] + factors[1][0] * factors[1][1])
    unit = np.where(sigma > 0, sigma, 1.0)
    (a, b), (c, d) = ([_powers(factor / unit) for factor in side] for side in factors)
    weights = sigma * steps
    pairs = np.zeros_like(weights)
    for power, share in ((2, 1 / math.pi), (4, 1 - 3 / math.pi)):
        for k in range(power + 1):
            before = running(weights * (a[power - k] * c[k]))[:-1]
            pairs[1:] += share * math.comb(power, k) * (before * (b[power - k] * d[k])[1:])
    mean = math.sqrt(2 / math.pi) * total(weights)
    variance = (1 - 2 / math.pi) * total(weights, weights) + 2 * total(weights, pairs)
    varies = variance > 0
    ratio = np.where(varies, mean, 1.0) / np.where(varies, variance, 1.0)
    far = special.gammaincinv(np.where(varies, mean, 1.0) * ratio, 0.95) / ratio
    radius: Counts = np.where(varies, far, mean) * spread
    return radius


def _powers(values: Counts) -> list[Counts]:
    """Powers 0 to 4."""
    import numpy as np

    found = [np.ones_like(values)]
    for _ in range(4):
        found.append(found[-1] * values)
    return found


def two_rates(a: Counts, n: Counts, b: Counts, m: Counts) -> tuple[Counts, Span]:
    """Score test and Newcombe's interval of the difference b/m - a/n of two rates.

    Args:
        a: Rows counted in the reference, float64, shape (comparisons,).
        n: Rows of the reference, more than 0.
        b: Rows counted in production.
        m: Rows of production, more than 0.

    Returns:
        The two-sided probability that the rates are equal, and the 95 % interval of the difference.

    Source: Newcombe (1998), doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I
    """
    import numpy as np
    from scipy import special

    p, q = a / n, b / m
    pooled = (a + b) / (n + m)
    variance = pooled * (1 - pooled) * (1 / n + 1 / m)
    z = np.abs(q - p) / np.sqrt(np.where(variance > 0, variance, 1.0))
    probability = np.where(variance > 0, np.maximum(2 * special.ndtr(-z), LEAST), 1.0)
    low_p, high_p = wilson(a, n)
    low_q, high_q = wilson(b, m)
    down, up = (q - low_q, high_p - p), (high_q - q, p - low_p)
    return probability, Span(
        (q - p) - np.sqrt(down[0] * down[0] + down[1] * down[1]),
        (q - p) + np.sqrt(up[0] * up[0] + up[1] * up[1]),
    )


def few_p(a: Counts, n: Counts, b: Counts, m: Counts) -> Counts:
    """Two-sided probability that two rates of few are equal: of a + b, b are production's by chance.

    Args:
        a: Rows counted in the reference, or what clustered ones are worth, float64, shape (comparisons,).
        n: Rows of the reference, more than 0.
        b: Rows counted in production.
        m: Rows of production, more than 0.

    Accuracy: the exact conditional test of two Poisson rates, which rates near 1 make too large.
    """
    import numpy as np
    from scipy import special

    share, every = m / (n + m), a + b
    at_least = np.where(b > 0, special.betainc(np.where(b > 0, b, 1.0), a + 1, share), 1.0)
    at_most = np.where(a > 0, special.betaincc(b + 1, np.where(a > 0, a, 1.0), share), 1.0)
    p = np.minimum(2 * np.minimum(at_least, at_most), 1.0)
    return np.where(every > 0, np.maximum(p, LEAST), 1.0)


def wilson(count: Counts, rows: Counts) -> tuple[Counts, Counts]:
    """Wilson's 95 % interval of rates."""
    import numpy as np

    z2 = TWO_SIDED_95**2
    middle = (count + z2 / 2) / (rows + z2)
    half = TWO_SIDED_95 / (rows + z2) * np.sqrt(count * (rows - count) / rows + z2 / 4)
    return np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)


def _shares(n: Counts, m: Counts, alike: Counts | None) -> tuple[Counts, Counts, Counts]:
    import numpy as np

    times = np.ones_like(n) if alike is None else alike
    return n / total(n, times), m / total(m, times), times


def _merged(n: Counts, m: Counts, alike: Counts | None, share: Counts | float) -> _Merged:
    """Pool all bins in which the smaller side expects fewer than 5 rows."""
    import numpy as np

    times = np.ones_like(n) if alike is None else np.maximum(alike, 1.0)
    all_n, all_m = total(n), total(m)
    smaller = np.minimum(all_n, all_m) / (all_n + all_m)
    rare = (n + m > 0) & ((n + m) / times * smaller < ENOUGH)
    pool_n, pool_m = total(n * rare), total(m * rare)
    is_rare = pool_n + pool_m > 0
    kept = (n + m > 0) & ~rare
    return _Merged(
        np.concatenate([kept * (n / times), pool_n[None]]),
        np.concatenate([kept * (m / times), pool_m[None]]),
        np.concatenate([kept * times, is_rare[None].astype(float)]),
        1 / all_n + 1 / all_m,
        pool_n / all_n,
        pool_m / all_m,
        is_rare,
        share,
    )


def _divergence_span(merged: _Merged, value: Counts, k: float, spread: Counts) -> Span:
    """Interval of a divergence whose k * value / s is chi-squared, non-central with drift."""
    import numpy as np

    s = merged.s
    freedom = (total(merged.alike) - 1) * merged.share
    some = freedom > 0
    t = k * value / s
    near = some & (t <= NEAR * freedom)
    ends = np.zeros((2, len(t)))
    central = _central_span(t[near], freedom[near])
    ends[:, near] = central.low, central.high
    far = some & ~near
    rho = k * spread[far] / (4 * s[far] * value[far])
    for end, side in zip(ends, (-1, 1), strict=True):
        root = np.maximum(np.sqrt(t[far]) + side * TWO_SIDED_95 * np.sqrt(rho), 0.0)
        end[far] = np.maximum(root * root - (freedom[far] - 1), 0.0)
    return Span(ends[0], ends[1]).mapped(s / k)


def _central_span(t: Counts, d: Counts) -> Span:
    """Interval of the non-centrality of a chi-squared variable seen at t."""
    import numpy as np
    from scipy import special

    low = np.zeros(len(t))
    above = special.chdtr(d, t) > 0.975
    low[above] = special.chndtrinc(t[above], d[above], 0.975)
    high = np.asarray(special.chndtrinc(np.maximum(t, d), d, 0.025), dtype=np.float64)
    return Span(low, high)


def _psi_spread(merged: _Merged) -> Counts:
    import numpy as np

    p, q = (smoothed(side, merged.alike) for side in (merged.n, merged.m))
    ratio = np.log(q / p)
    return _noise(merged, p, ratio + q / p, q, ratio - p / q)


def _js_spread(merged: _Merged) -> Counts:
    import numpy as np

    p, q = (smoothed(side, merged.alike) for side in (merged.n, merged.m))
    r = (p + q) / 2
    return _noise(merged, p, 0.5 * np.log(p / r), q, 0.5 * np.log(q / r))


def _noise(merged: _Merged, p: Counts, of_p: Counts, q: Counts, of_q: Counts) -> Counts:
    """Variance of a divergence by its slopes in either side's shares."""
    times = merged.alike
    left, right = _variance(times * p, of_p), _variance(times * q, of_q)
    return left / total(merged.n, times) + right / total(merged.m, times)


def _variance(shares: Counts, values: Counts) -> Counts:
    away = values - total(shares, values)
    return total(shares, away * away)


def poisson_95(count: int) -> tuple[float, float]:
    """Exact 95 % interval of the mean behind a number of things that come by chance.

    Args:
        count: How many came; 0 or more.

    Returns:
        Ends in [0, inf): 2.5 % of the law of either one lies beyond the count.

    Source: Garwood (1936), doi:10.1093/biomet/28.3-4.437.
    """
    from scipy import special

    low = float(special.gammaincinv(count, 0.025)) if count else 0.0
    return low, float(special.gammaincinv(count + 1, 0.975))
