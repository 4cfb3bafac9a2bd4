"""P-values from sufficient statistics agree with SciPy on raw rows, and with counting all cases."""

from __future__ import annotations

import itertools
import math

import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from driftline.engine.significance import chi_squared, cramers_v, kolmogorov_smirnov


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
    return chi_squared(statistic, k, k, expected.min(), (1 / (a + b)).sum(), n, m)


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


def test_with_rare_cells_the_p_keeps_its_size():
    # Zipf categories without drift: 2 000 pairs, whose share below 5 % has a deviation of 0.5 %
    rng = np.random.default_rng(7)
    shares = 1 / np.arange(1, 61)
    shares /= shares.sum()
    low = 0
    for _ in range(2000):
        counts = rng.multinomial(300, shares), rng.multinomial(200, shares)
        p = oracles.chi_squared_p(tuple(c[counts[0] + counts[1] > 0] for c in counts))
        low += p is not None and p <= 0.05
    assert 0.03 <= low / 2000 <= 0.07


def test_a_single_category_has_p_1():
    assert chi_squared(0.0, 1, 1, 50.0, 0.01, 50, 50) == 1


def test_rare_categories_that_end_in_one_cell_have_no_p():
    assert chi_squared(0.0, 3, 1, 2.0, 0.25, 2, 2) is None


def test_three_rows_are_too_few_for_a_variance():
    assert table_p([[1, 1], [0, 1]]) is None


# Cramér's V


def test_v_is_the_root_of_the_statistic_over_the_rows():
    assert cramers_v(7.2, 2, 10, 10) == pytest.approx(0.6, rel=1e-15)


def test_v_of_disjoint_sides_is_1():
    statistic = stats.chi2_contingency([[30, 0], [0, 70]], correction=False).statistic
    assert cramers_v(statistic, 2, 30, 70) == pytest.approx(1, rel=1e-12)


def test_v_of_a_single_category_is_0():
    assert cramers_v(0.0, 1, 30, 70) == 0
