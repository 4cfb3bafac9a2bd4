"""P-values agree with SciPy on raw rows, with counting all cases, and keep their size in simulations.

`SIMULATIONS=100000 pytest tests/engine/test_significance.py` narrows the Monte-Carlo error; bounds
leave room for four deviations of it at the default. Shapes and sizes beyond: `bench/sizes.py`.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable
from typing import Final

import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from support import cells_of, columns_of

from driftline.engine.significance import (
    benjamini_hochberg,
    binned_p,
    categories_p,
    chi_squared,
    cramers_v,
    joined_bins,
    kolmogorov_smirnov,
    pearson_tail,
    permutation_p,
    seed_of,
    wasserstein_p,
)

RUNS: Final = int(os.environ.get("SIMULATIONS", "2000"))


def slack(rate: float, runs: int = RUNS) -> float:
    """Four deviations of a rate estimated by so many runs."""
    return 4 * math.sqrt(rate * (1 - rate) / runs)


def many(rng: np.random.Generator, rows: int, shares: np.ndarray) -> np.ndarray:
    """Counts of many samples, shape (bins, samples): fewer of them where there are many bins."""
    return rng.multinomial(rows, shares, RUNS // (1 + len(shares) // 200)).T.astype(float)


def one(*counts: float) -> np.ndarray:
    """Counts of a single sample, shape (bins, 1)."""
    return np.array(counts, dtype=float)[:, None]


def gap_of(a: np.ndarray, b: np.ndarray) -> tuple[float, int, int]:
    """D and the rows of both sides at or below the value of the largest gap."""
    at = np.unique(np.concatenate([a, b]))
    below_a = np.searchsorted(np.sort(a), at, "right")
    below_b = np.searchsorted(np.sort(b), at, "right")
    gaps = np.abs(below_a / len(a) - below_b / len(b))
    widest = int(gaps.argmax())
    return float(gaps[widest]), int(below_a[widest]), int(below_b[widest])


def table_p(table: list[list[int]]) -> float | None:
    """The p-value of a 2 x K table, through its sufficient statistics."""
    a, b = (np.array(side, dtype=float) for side in table)
    n, m = a.sum(), b.sum()
    expected = (a + b) * min(n, m) / (n + m)
    statistic = ((a * m - b * n) ** 2 / ((a + b) * n * m)).sum()
    k = len(a)
    p = float(chi_squared(statistic, k, k, expected.min(), (1 / (a + b)).sum(), n, m))
    return None if math.isnan(p) else p


# Kolmogorov-Smirnov


@settings(max_examples=50)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**32 - 1), st.booleans())
def test_the_exact_p_of_a_gap_is_scipys_of_the_rows(n: int, m: int, seed: int, tied: bool):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=n), rng.normal(0.5, 1, m)
    if tied:
        a, b = a.round(), b.round()
    wanted = stats.ks_2samp(a, b, method="exact").pvalue
    # the gap is a whole number of 1 / lcm(n, m) on both ways
    assert kolmogorov_smirnov(*gap_of(a, b), n, m) == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize(("n", "m"), [(1001, 1000), (20_000, 300), (5000, 70_000)])
@pytest.mark.parametrize("drift", [0, 0.05, 0.5])
def test_the_asymptotic_p_of_a_gap_is_scipys_of_the_rows(n: int, m: int, drift: float):
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=n), rng.normal(drift, 1, m)
    wanted = stats.ks_2samp(a, b, method="asymp").pvalue
    # the tail amplifies an error of 1e-16 in D by 4 D n m / (n + m)
    assert kolmogorov_smirnov(*gap_of(a, b), n, m) == pytest.approx(wanted, rel=1e-9, abs=1e-300)


@pytest.mark.parametrize(
    "size", [1, 2, 140, 141, 700, 2999, 3000, 50_000, 100_001, 10**6, 10**6 + 1, 10**8]
)
def test_the_asymptotic_p_is_scipys_at_any_size_and_gap(size: int):
    for scaled in (0, 1e-6, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 1.48, 1.49, 2, 5, 10, 17, 19, 20, 1e9):
        d = min(1.0, scaled / math.sqrt(size))
        # beside so many rows of the other side, the effective size is that of this one
        found = kolmogorov_smirnov(d, 0, 0, size, 10**18)
        assert found == pytest.approx(stats.kstwo.sf(d, size), rel=1e-12, abs=1e-300), scaled


def test_the_exact_p_counts_the_orders_with_a_gap_as_large():
    # of the C(7, 3) orders of three and four values, those whose gap reaches 3/4
    n, m = 3, 4
    orders = list(itertools.combinations(range(n + m), n))
    gaps = []
    for mine in orders:
        other = [k for k in range(n + m) if k not in mine]
        gaps.append(gap_of(np.array(mine), np.array(other))[0])
    wanted = sum(gap >= 0.75 - 1e-12 for gap in gaps) / len(orders)
    # at the gap, all three rows of one side and one of the other's four lie below
    assert kolmogorov_smirnov(0.75, 3, 1, n, m) == pytest.approx(wanted, rel=1e-12)


def test_no_gap_has_p_1_at_any_size():
    assert kolmogorov_smirnov(0.0, 5, 5, 10, 10) == 1
    assert kolmogorov_smirnov(0.0, 0, 0, 10**7, 10**7) == 1


def test_a_gap_of_1_in_many_rows_has_p_0():
    assert kolmogorov_smirnov(1.0, 10**6, 0, 10**6, 10**6) == 0


# Chi-squared


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(20, 900), st.integers(20, 900)), min_size=2, max_size=8))
def test_without_rare_cells_the_p_is_scipys(cells: list[tuple[int, int]]):
    table = [[a for a, _ in cells], [b for _, b in cells]]
    smallest = min(a + b for a, b in cells) * min(map(sum, table)) / sum(map(sum, table))
    if smallest >= 5:
        wanted = stats.chi2_contingency(table, correction=False).pvalue
        # statistics that agree to 1e-13 and a tail that amplifies by half of them
        assert table_p(table) == pytest.approx(wanted, rel=1e-9, abs=1e-300)


def all_tables(columns: tuple[int, ...], n: int) -> list[tuple[tuple[int, ...], float]]:
    """Every first row with the given margins, and its chance when rows are dealt at random."""
    total = sum(columns)
    first = itertools.product(*(range(c + 1) for c in columns))
    return [
        (row, math.prod(map(math.comb, columns, row)) / math.comb(total, n))
        for row in first
        if sum(row) == n
    ]


@pytest.mark.parametrize(
    ("columns", "n"),
    [((4, 3, 2), 4), ((5, 1, 1, 1), 3), ((2, 2, 2, 2, 2), 7), ((9, 2), 3), ((6, 5, 4), 11)],
)
def test_the_law_of_rare_cells_has_the_moments_of_all_permutations(
    columns: tuple[int, ...], n: int
):
    m = sum(columns) - n
    moments = [0.0, 0.0]
    for row, chance in all_tables(columns, n):
        table = np.array([row, np.subtract(columns, row)], dtype=float)
        expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
        statistic = ((table - expected) ** 2 / expected).sum()
        moments[0] += chance * statistic
        moments[1] += chance * statistic**2
    mean, variance = oracles.permutation_moments(
        np.array([[n * c / (n + m) for c in columns], [m * c / (n + m) for c in columns]])
    )
    # sums over at most a few thousand tables
    assert mean == pytest.approx(moments[0], rel=1e-9)
    assert variance == pytest.approx(moments[1] - moments[0] ** 2, rel=1e-9)


@pytest.mark.parametrize("table", [[[4, 1, 1], [2, 3, 2]], [[9, 2, 0], [3, 1, 4]]])
def test_with_rare_cells_the_p_is_the_tail_of_a_gamma_law_with_those_moments(
    table: list[list[int]],
):
    mean, variance = oracles.permutation_moments(np.array(table, dtype=float))
    statistic = stats.chi2_contingency(table, correction=False).statistic
    wanted = stats.gamma.sf(statistic, mean**2 / variance, scale=variance / mean)
    assert table_p(table) == pytest.approx(wanted, rel=1e-9)


def test_a_single_category_has_p_1():
    assert chi_squared(0.0, 1, 1, 50.0, 0.01, 50, 50) == 1


def test_rare_categories_that_end_in_one_cell_have_no_p():
    assert math.isnan(chi_squared(0.0, 3, 1, 2.0, 0.25, 2, 2))


def test_three_rows_are_too_few_for_a_variance():
    assert table_p([[1, 1], [0, 1]]) is None


# Binned distances


@pytest.mark.parametrize(("n", "m"), [(100, 100), (300, 3_000), (10_000, 100), (10_000, 10_000)])
def test_binned_p_rejects_about_one_in_twenty_without_drift(n: int, m: int) -> None:
    rng = np.random.default_rng(1)
    shares = np.full(10, 0.1)
    size = (binned_p(many(rng, n, shares), many(rng, m, shares)) < 0.05).mean()
    assert 0.026 - slack(0.026) <= size <= 0.059 + slack(0.059)


@pytest.mark.parametrize("size", [5, 40, 800])
@pytest.mark.parametrize(("n", "m"), [(300, 300), (10_000, 300)])
def test_categories_reject_about_one_in_twenty_without_drift(size: int, n: int, m: int) -> None:
    rng = np.random.default_rng(8)
    shares = 1 / np.arange(1, size + 1)
    a, b = (many(rng, rows, shares / shares.sum()) for rows in (n, m))
    rejected = (categories_p(a, b, np.ones_like(a)) < 0.05).mean()
    runs = a.shape[1]
    assert 0.036 - slack(0.036, runs) <= rejected <= 0.062 + slack(0.062, runs)


def test_rare_categories_are_held_to_the_law_of_all_permutations() -> None:
    rng = np.random.default_rng(7)
    shares = 1 / np.arange(1, 61)
    a, b = (rng.multinomial(rows, shares / shares.sum(), 50).T for rows in (300, 200))
    p = categories_p(a.astype(float), b.astype(float), np.ones(a.shape))
    held = a + b > 0
    wanted = [
        oracles.chi_squared_p((n[kept], m[kept]))
        for n, m, kept in zip(a.T, b.T, held.T, strict=True)
    ]
    assert p == pytest.approx(wanted, rel=1e-9)


def test_common_categories_are_held_to_scipys_homogeneity_test() -> None:
    n, m = one(30, 40, 50), one(25, 60, 35)
    wanted = stats.chi2_contingency(np.hstack([n, m]), correction=False).pvalue
    assert categories_p(n, m, np.ones_like(n))[0] == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("rows", [1.0, 2.0, 12.0])
def test_a_cell_of_equal_categories_counts_as_each_of_them(rows: float) -> None:
    n, m = one(50, 3, 1, *[0] * 4), one(40, 2, 0, *[rows] * 4)
    together = categories_p(one(50, 3, 1, 0), one(40, 2, 0, 4 * rows), one(1, 1, 1, 4))
    assert together == pytest.approx(categories_p(n, m, np.ones_like(n)), rel=1e-12)


def test_joined_bins_expect_five_rows_each() -> None:
    n, m = joined_bins(one(2, 1, 50, 1), one(1, 2, 50, 0))
    joined = n + m > 0
    assert ((n + m)[joined] * 0.5 >= 5).all()
    assert (n.sum(), m.sum()) == (54, 53)


def test_one_bin_is_no_drift_for_certain() -> None:
    assert binned_p(one(10), one(7))[0] == 1.0


def test_too_few_rows_for_two_joined_bins_have_no_probability() -> None:
    assert math.isnan(binned_p(one(2, 2), one(1, 3))[0])


def test_a_probability_is_never_0() -> None:
    assert binned_p(one(1e7, 1), one(1, 1e7))[0] > 0
    assert categories_p(one(1e7, 0), one(0, 1e7), one(1, 1))[0] > 0
    x = np.linspace(0, 1, 100)[:, None]
    apart = (x < 0.5) * 1e7
    assert wasserstein_p(x, apart, apart[::-1].copy())[0] > 0


# Wasserstein distance


SHAPES: Final = {
    "normal": lambda rng, k: rng.normal(size=k),
    "lognormal": lambda rng, k: rng.lognormal(0, 1, size=k),
    "poisson": lambda rng, k: rng.poisson(3, size=k).astype(float),
    "a flag": lambda rng, k: (rng.random(k) < 0.2).astype(float),
}
Draw = Callable[[np.random.Generator, int], np.ndarray]


@pytest.mark.parametrize("name", SHAPES)
def test_the_law_of_w1_holds_its_size(name: str) -> None:
    rng = np.random.default_rng(2)
    draw, runs = SHAPES[name], RUNS // 2
    p = wasserstein_p(*columns_of(cells_of(draw(rng, 2_000), draw(rng, 500)) for _ in range(runs)))
    known = ~np.isnan(p)
    assert known.mean() > 0.5
    for level in (0.05, 0.01):
        assert (p[known] <= level).mean() <= 1.3 * level + slack(1.3 * level, known.sum())
    assert (p[known] <= 0.05).mean() >= 0.035 - slack(0.035, known.sum())


@pytest.mark.parametrize("name", ["normal", "poisson", "a flag"])
@pytest.mark.parametrize(("n", "m"), [(150, 150), (3_000, 150)])
def test_the_law_of_w1_is_that_of_permuted_rows(name: str, n: int, m: int) -> None:
    rng = np.random.default_rng(3)
    x, a, b = cells_of(SHAPES[name](rng, n), SHAPES[name](rng, m))
    pooled = (a + b).astype(np.int64)
    dealt = rng.multivariate_hypergeometric(pooled, n, size=4_000, method="marginals").T
    p = wasserstein_p(
        np.repeat(x[:, None], 4_000, axis=1), dealt * 1.0, (pooled[:, None] - dealt) * 1.0
    )
    for level, low, high in ((0.05, 0.75, 1.3), (0.01, 0.6, 1.5), (0.002, 0.3, 2.0)):
        assert low * level <= (p <= level).mean() <= high * level


@pytest.mark.parametrize(
    ("name", "draw"),
    [
        ("cauchy", lambda rng, k: rng.standard_cauchy(size=k)),
        ("one in 200", lambda rng, k: (rng.random(k) < 0.005).astype(float)),
    ],
)
def test_where_few_rows_decide_w1_its_law_is_not_claimed(name: str, draw: Draw) -> None:
    rng = np.random.default_rng(4)
    p = wasserstein_p(*columns_of([cells_of(draw(rng, 1_000), draw(rng, 500)) for _ in range(20)]))
    assert np.isnan(p).all(), name


def test_w1_far_from_0_has_the_probability_that_it_has_near_it() -> None:
    rng = np.random.default_rng(5)
    x, n, m = columns_of([cells_of(rng.integers(0, 50, 800), rng.integers(2, 50, 700))])
    (near,), (far,) = wasserstein_p(x, n, m), wasserstein_p(x + 2.0**52, n, m)
    assert far == pytest.approx(near, rel=1e-9)
    assert wasserstein_p(7.0 * x, n, m) == pytest.approx([near], rel=1e-9)


def test_rows_that_are_all_alike_are_no_drift_for_certain() -> None:
    assert wasserstein_p(one(3), one(10), one(7))[0] == 1
    assert wasserstein_p(one(3, 3), one(10, 0), one(7, 0))[0] == 1


@pytest.mark.parametrize("name", ["lognormal", "cauchy"])
def test_the_permutation_test_of_w1_holds_its_size(name: str) -> None:
    draw = {**SHAPES, "cauchy": lambda rng, k: rng.standard_cauchy(size=k)}[name]
    rng = np.random.default_rng(2)
    runs = RUNS // 4
    rejected = sum(
        (permutation_p(*cells_of(draw(rng, 200), draw(rng, 100)), seed=run) or 0) < 0.05
        for run in range(runs)
    )
    assert rejected / runs <= 0.077 + slack(0.077, runs), name
    assert rejected / runs >= 0.023 - slack(0.023, runs), name


def test_a_probability_below_two_in_a_hundred_is_not_too_small() -> None:
    # 9 and 1 rows against 1 and 9: of all ways to deal 20 rows, 202 in 184 756 are as uneven
    exact = stats.hypergeom(20, 10, 10).sf(8) * 2
    x, n, m = np.array([0.0, 1.0]), np.array([9.0, 1.0]), np.array([1.0, 9.0])
    found = np.array([permutation_p(x, n, m, seed=seed) for seed in range(300)], dtype=float)
    for level in (0.001, 0.002, 0.003, 0.005):
        # how often so few of 999 draws exceed
        rate = stats.binom(999, exact).cdf(round(level * 1000) - 1)
        assert abs((found < level + 1e-9).mean() - rate) <= 4 * math.sqrt(rate * (1 - rate) / 300)


def test_w1_sees_a_third_of_a_deviation_in_ten_thousand_rows() -> None:
    rng = np.random.default_rng(3)
    cells = cells_of(rng.normal(size=10_000), rng.normal(0.35, size=10_000))
    (p,) = wasserstein_p(*columns_of([cells]))
    # so small that adjusting for many features can still reject, by the law and by permuting
    assert p < 1e-12
    assert (permutation_p(*cells, seed=1) or 1.0) < 1e-6


@pytest.mark.parametrize("skew", [0.0, 0.7, 2.5])
def test_the_fitted_tail_equals_scipys_pearson_iii(skew: float) -> None:
    found = pearson_tail(np.array([3.0]), np.array([skew]))
    assert found[0] == pytest.approx(stats.pearson3.sf(3.0, skew), rel=1e-9)


def test_the_same_seed_gives_the_same_probability() -> None:
    rng = np.random.default_rng(4)
    cells = cells_of(rng.normal(size=200), rng.normal(0.1, size=200))
    seed = seed_of("monitor", "age", "training", "2026-01-01")
    assert permutation_p(*cells, seed=seed) == permutation_p(*cells, seed=seed)


def test_a_seed_tells_apart_keys_that_join_to_the_same_text() -> None:
    assert seed_of("ab", "c") != seed_of("a", "bc")


def test_adjusted_probabilities_equal_scipys() -> None:
    p = [0.001, 0.2, 0.03, 0.04, 0.9, 0.04]
    assert benjamini_hochberg(p) == pytest.approx(list(stats.false_discovery_control(p)))


# Cramér's V


def test_v_is_the_root_of_the_statistic_over_the_rows():
    assert cramers_v(7.2, 2, 10, 10) == pytest.approx(0.6, rel=1e-15)


def test_v_of_disjoint_sides_is_1():
    statistic = stats.chi2_contingency([[30, 0], [0, 70]], correction=False).statistic
    assert cramers_v(statistic, 2, 30, 70) == pytest.approx(1, rel=1e-12)


def test_v_of_a_single_category_is_0():
    assert cramers_v(0.0, 1, 30, 70) == 0
