"""From sufficient statistics to p-values: the only place that imports SciPy."""

from __future__ import annotations

import math
import warnings
from typing import Final

EXACT_UP_TO: Final = 1_000_000
# Up to this many rows of the larger side SciPy chooses the exact law by itself.
EXACT_ROWS: Final = 10_000
RARE: Final = 5.0


def kolmogorov_smirnov(
    d: float, below_reference: int, below_production: int, n_reference: int, n_production: int
) -> float:
    """Return the p-value of a two-sample Kolmogorov-Smirnov distance.

    Args:
        d: Largest gap between the two empirical distribution functions, in [0, 1].
        below_reference: Reference rows at or below the value of that gap.
        below_production: Production rows at or below it.
        n_reference: Rows counted in the reference, 1 or more.
        n_production: Rows counted in production, 1 or more.

    Returns:
        Probability in [0, 1] of a gap this large when both share one continuous distribution,
        two-sided. Exact for n_reference * n_production <= 1e6, else asymptotic with the effective
        size round(nm / (n + m)); conservative under ties.

    Accuracy: scipy.stats.ks_2samp's, method "exact" and "asymp".
    Source: Hodges (1958), doi:10.1007/BF02589501.
    """
    exact = n_reference * n_production <= EXACT_UP_TO
    return _smirnov(d, below_reference, below_production, n_reference, n_production, exact=exact)


def kolmogorov_smirnov_auto(
    d: float, below_reference: int, below_production: int, n_reference: int, n_production: int
) -> float:
    """Return the same p-value by the law that SciPy chooses: exact up to 10 000 rows a side.

    Args:
        d: Largest gap between the two empirical distribution functions, in [0, 1].
        below_reference: Reference rows at or below the value of that gap.
        below_production: Production rows at or below it.
        n_reference: Rows counted in the reference, 1 or more.
        n_production: Rows counted in production, 1 or more.

    Returns:
        Probability in [0, 1], two-sided. The exact law of such sizes takes up to half a second.

    Accuracy: scipy.stats.ks_2samp's, method "auto".
    Source: Hodges (1958), doi:10.1007/BF02589501.
    """
    exact = max(n_reference, n_production) <= EXACT_ROWS
    return _smirnov(d, below_reference, below_production, n_reference, n_production, exact=exact)


def _smirnov(
    d: float,
    below_reference: int,
    below_production: int,
    n_reference: int,
    n_production: int,
    *,
    exact: bool,
) -> float:
    from scipy import stats

    if exact:
        # two values suffice to rebuild the gap; its law depends on the two sizes alone
        first = [0] * below_reference + [1] * (n_reference - below_reference)
        second = [0] * below_production + [1] * (n_production - below_production)
        with warnings.catch_warnings():
            # SciPy falls back to the asymptotic law by itself and says so
            warnings.simplefilter("ignore", RuntimeWarning)
            return float(stats.ks_2samp(first, second, method="exact").pvalue)
    size = round(n_reference * n_production / (n_reference + n_production))
    return min(1.0, max(0.0, float(stats.kstwo.sf(d, size))))


def chi_squared(
    statistic: float,
    categories: int,
    cells: int,
    smallest: float,
    inverse: float,
    n_reference: float,
    n_production: float,
) -> float | None:
    """Return the p-value of Pearson's homogeneity test of a 2 x K table.

    Args:
        statistic: Sum over cells of (observed - expected)^2 / expected, in [0, inf).
        categories: Number of categories before rare ones shared a cell, 1 or more.
        cells: Number of columns K of the table, 1 or more.
        smallest: Least expected count, of the smaller side.
        inverse: Sum over columns of 1 / (rows of both sides).
        n_reference: Rows of the reference, 1 or more.
        n_production: Rows of production, 1 or more.

    Returns:
        Probability in [0, 1]; 1 for a single category. The chi-squared law where every expected
        count reaches 5, else the gamma law with the exact permutation mean and variance; None where
        that law has no spread, and where all categories are so rare that one cell is left.

    Accuracy: scipy.stats.chi2_contingency(correction=False) in the first case; size 3.6 to 6.2 % of a
    nominal 5 % in the second (Zipf categories, 50 to 1 000 of them).
    """
    from scipy import special

    if cells < 2:
        return 1.0 if categories < 2 else None
    if smallest >= RARE:
        return float(special.chdtrc(cells - 1, statistic))
    total = n_reference + n_production
    if total <= 3:
        return None
    s = 1 / n_reference + 1 / n_production
    mean = total * (cells - 1) / (total - 1)
    rows = (total - 2) / (total - 1)
    rows_spread = (total * s - 4) / (total - 2)
    columns = (cells - 1) * (total - cells) / (total - 1)
    columns_spread = (total * inverse - cells**2) / (total - 2)
    variance = (
        2 * total / (total - 3) * (rows - rows_spread) * (columns - columns_spread)
        + total**2 / (total - 1) * rows_spread * columns_spread
    )
    if not variance > 0:
        return None
    return float(special.gammaincc(mean**2 / variance, statistic * mean / variance))


def cramers_v(statistic: float, cells: int, n_reference: float, n_production: float) -> float:
    """Cramér's V of a 2 x K table, in [0, 1]: the size of the difference, whatever the rows."""
    if cells < 2:
        return 0.0
    return min(1.0, math.sqrt(statistic / (n_reference + n_production)))


def goodness_of_fit(statistic: float, categories: int) -> float:
    """Return the p-value of Pearson's test that counts follow given shares.

    Args:
        statistic: Sum over categories of (observed - expected)^2 / expected, in [0, inf).
        categories: Number of categories, 2 or more.

    Returns:
        Probability in [0, 1] by the chi-squared law with categories - 1 degrees of freedom. The shares
        are taken as known: where they come from no more rows than the counts, it is far too small.

    Accuracy: scipy.stats.chisquare's.
    Source: Pearson (1900), doi:10.1080/14786440009463897.
    """
    from scipy import special

    return float(special.chdtrc(categories - 1, statistic))
