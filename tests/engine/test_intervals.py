"""Probabilities hold their size and intervals their coverage, by simulation with a fixed seed.

`SIMULATIONS=4000 pytest tests/engine/test_intervals.py` takes minutes and narrows the Monte-Carlo error;
the bounds below leave room for four deviations of it at the default.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Final

import numpy as np
import pytest
from scipy import stats

from driftline.engine.intervals import (
    _pearson_tail,
    benjamini_hochberg,
    binned_p,
    categories_p,
    jensen_shannon,
    jensen_shannon_span,
    joined_bins,
    noise_radius,
    permutation_p,
    psi,
    psi_span,
    seed_of,
    squared_hellinger,
    squared_hellinger_span,
    two_rates,
    wasserstein_radius,
    wilson,
)

RUNS: Final = int(os.environ.get("SIMULATIONS", "400"))


def _slack(rate: float) -> float:
    """Four deviations of a rate estimated by RUNS runs."""
    return 4 * math.sqrt(rate * (1 - rate) / RUNS)


def _multinomial(rng: np.random.Generator, rows: int, shares: np.ndarray) -> np.ndarray:
    return rng.multinomial(rows, shares).astype(float)


@pytest.mark.parametrize(("n", "m"), [(100, 100), (300, 3_000), (10_000, 100), (10_000, 10_000)])
def test_binned_p_rejects_about_one_in_twenty_without_drift(n: int, m: int) -> None:
    rng = np.random.default_rng(1)
    shares = np.full(10, 0.1)
    p = [binned_p(_multinomial(rng, n, shares), _multinomial(rng, m, shares)) for _ in range(RUNS)]
    size = np.mean([each is not None and each < 0.05 for each in p])
    assert 0.026 - _slack(0.026) <= size <= 0.059 + _slack(0.059)


@pytest.mark.parametrize("size", [5, 40, 800])
@pytest.mark.parametrize(("n", "m"), [(300, 300), (10_000, 300)])
def test_categories_reject_about_one_in_twenty_without_drift(size: int, n: int, m: int) -> None:
    rng = np.random.default_rng(8)
    shares = 1 / np.arange(1, size + 1)
    shares /= shares.sum()
    rejected = 0
    for _ in range(RUNS):
        a, b = _multinomial(rng, n, shares), _multinomial(rng, m, shares)
        seen = a + b > 0
        p = categories_p(a[seen], b[seen], np.ones(seen.sum()))
        rejected += p is not None and p < 0.05
    assert 0.036 - _slack(0.036) <= rejected / RUNS <= 0.062 + _slack(0.062)


def test_common_categories_are_held_to_scipys_homogeneity_test() -> None:
    n, m = np.array([30.0, 40.0, 50.0]), np.array([25.0, 60.0, 35.0])
    wanted = stats.chi2_contingency([n, m], correction=False).pvalue
    assert categories_p(n, m, np.ones(3)) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("rows", [1.0, 2.0, 12.0])
def test_a_cell_of_equal_categories_counts_as_each_of_them(rows: float) -> None:
    known = ([50.0, 3.0, 1.0], [40.0, 2.0, 0.0])
    apart = [np.array([*side, *[k] * 4]) for side, k in zip(known, (0.0, rows), strict=True)]
    together = [np.array([*side, k]) for side, k in zip(known, (0.0, 4 * rows), strict=True)]
    p = categories_p(together[0], together[1], np.array([1.0, 1.0, 1.0, 4.0]))
    assert p == pytest.approx(categories_p(apart[0], apart[1], np.ones(7)), rel=1e-12)
    low = jensen_shannon_span(together[0], together[1], np.array([1.0, 1.0, 1.0, 4.0])).low
    assert low == pytest.approx(jensen_shannon_span(*apart).low, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "draw"),
    [
        ("normal", lambda rng, k: rng.normal(size=k)),
        ("lognormal", lambda rng, k: rng.lognormal(0, 1.5, size=k)),
        ("cauchy", lambda rng, k: rng.standard_cauchy(size=k)),
        ("poisson", lambda rng, k: rng.poisson(3, size=k).astype(float)),
    ],
)
def test_the_permutation_test_of_w1_holds_its_size(
    name: str, draw: Callable[[np.random.Generator, int], np.ndarray]
) -> None:
    rng = np.random.default_rng(2)
    rejected = 0
    for run in range(RUNS):
        p = permutation_p(*_cells(draw(rng, 300), draw(rng, 200)), seed=run)
        rejected += p is not None and p < 0.05
    assert rejected / RUNS <= 0.077 + _slack(0.077), name
    assert rejected / RUNS >= 0.023 - _slack(0.023), name


def test_a_probability_below_two_in_a_hundred_is_not_too_small() -> None:
    # 9 and 1 rows against 1 and 9: of all ways to deal 20 rows, 202 in 184 756 are as uneven
    exact = stats.hypergeom(20, 10, 10).sf(8) * 2
    x, n, m = np.array([0.0, 1.0]), np.array([9.0, 1.0]), np.array([1.0, 9.0])
    found = np.array([permutation_p(x, n, m, seed=seed) for seed in range(300)], dtype=float)
    for level in (0.001, 0.002, 0.003, 0.005):
        # how often so few of 999 draws exceed
        rate = stats.binom(999, exact).cdf(round(level * 1000) - 1)
        assert abs((found < level + 1e-9).mean() - rate) <= 4 * math.sqrt(rate * (1 - rate) / 300)


def test_the_permutation_test_sees_a_third_of_a_deviation_in_ten_thousand_rows() -> None:
    rng = np.random.default_rng(3)
    p = permutation_p(*_cells(rng.normal(size=10_000), rng.normal(0.35, size=10_000)), seed=1)
    assert p is not None
    # a tail fitted beyond the draws, so that adjusting for many features can still reject
    assert p < 1e-6


@pytest.mark.parametrize("skew", [0.0, 0.7, 2.5])
def test_the_tail_beyond_the_draws_equals_scipys_pearson_iii(skew: float) -> None:
    assert _pearson_tail(3.0, skew) == pytest.approx(stats.pearson3.sf(3.0, skew), rel=1e-9)


def test_the_same_seed_gives_the_same_probability() -> None:
    rng = np.random.default_rng(4)
    cells = _cells(rng.normal(size=200), rng.normal(0.1, size=200))
    seed = seed_of("monitor", "age", "training", "2026-01-01")
    assert permutation_p(*cells, seed=seed) == permutation_p(*cells, seed=seed)


def test_a_seed_tells_apart_keys_that_join_to_the_same_text() -> None:
    assert seed_of("ab", "c") != seed_of("a", "bc")


@pytest.mark.parametrize("shift", [0.0, 0.25, 1.0])
@pytest.mark.parametrize(("n", "m"), [(300, 300), (10_000, 1_000)])
def test_intervals_of_divergences_cover_the_population_value(shift: float, n: int, m: int) -> None:
    edges = stats.norm.ppf(np.linspace(0, 1, 11))
    p, q = np.full(10, 0.1), np.diff(stats.norm.cdf(edges, loc=shift))
    rng = np.random.default_rng(5)
    truth = (psi_of(p, q), jensen_shannon(p, q), squared_hellinger(p, q))
    hits = np.zeros(3)
    for _ in range(RUNS):
        a, b = _multinomial(rng, n, p), _multinomial(rng, m, q)
        spans = (psi_span(a, b), jensen_shannon_span(a, b), squared_hellinger_span(a, b))
        for k, (span, value) in enumerate(zip(spans, truth, strict=True)):
            high = math.inf if span.high is None else span.high
            hits[k] += span.low is not None and span.low - 1e-12 <= value <= high + 1e-12
    assert hits.min() / RUNS >= 0.93 - _slack(0.93)


def psi_of(p: np.ndarray, q: np.ndarray) -> float:
    return float(np.sum((q - p) * np.log(q / p)))


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_the_interval_of_w1_covers_the_population_value(shift: float) -> None:
    rng = np.random.default_rng(6)
    hits = 0
    for _ in range(RUNS):
        x, y = rng.normal(size=500), rng.normal(shift, size=400)
        radius = wasserstein_radius(*_cells(x, y))
        hits += abs(stats.wasserstein_distance(x, y) - shift) <= radius
    assert hits / RUNS >= 0.93 - _slack(0.93)


@pytest.mark.parametrize("largest", [False, True])
def test_the_ball_of_total_variation_and_chebyshev_covers_no_drift(largest: bool) -> None:
    rng = np.random.default_rng(7)
    shares = np.full(10, 0.1)
    hits = 0
    for _ in range(RUNS):
        a, b = _multinomial(rng, 400, shares), _multinomial(rng, 400, shares)
        gaps = np.abs(a / a.sum() - b / b.sum())
        value = gaps.max() if largest else gaps.sum() / 2
        hits += value <= noise_radius(a, b, largest=largest)
    assert hits / RUNS >= 0.93 - _slack(0.93)


def test_a_rare_category_widens_the_interval_upwards_by_its_share() -> None:
    n, m = np.array([500.0, 499.0, 1.0]), np.array([500.0, 500.0, 0.0])
    merged = jensen_shannon_span(np.array([500.0, 500.0]), np.array([500.0, 500.0]))
    span = jensen_shannon_span(n, m)
    assert span.high is not None
    assert merged.high is not None
    assert span.high > merged.high


def test_rare_bins_leave_the_upper_end_of_psi_open() -> None:
    assert psi_span(np.array([500.0, 1.0]), np.array([500.0, 0.0])).high is None


def test_joined_bins_expect_five_rows_each() -> None:
    n, m = joined_bins(np.array([2.0, 1.0, 50.0, 1.0]), np.array([1.0, 2.0, 50.0, 0.0]))
    assert ((n + m) * 0.5 >= 5).all()
    assert (n.sum(), m.sum()) == (54, 53)


def test_one_bin_is_no_drift_for_certain() -> None:
    assert binned_p(np.array([10.0]), np.array([7.0])) == 1.0


def test_too_few_rows_for_two_joined_bins_have_no_probability() -> None:
    assert binned_p(np.array([2.0, 2.0]), np.array([1.0, 3.0])) is None


def test_jensen_shannon_keeps_its_digits_where_sides_nearly_agree() -> None:
    n = np.array([1e8, 1e8])
    m = np.array([1e8 + 100, 1e8 - 100])
    # JS is u^2 / 8 * 4 = u^2 / 2 at first order, u = 5e-7 on either bin: (5e-7)^2 / 2
    assert jensen_shannon(n, m) == pytest.approx((5e-7) ** 2 / 2, rel=1e-9)


def test_psi_is_the_textbook_sum_on_smoothed_shares() -> None:
    p, q = np.array([10.5, 30.5]) / 41, np.array([20.5, 20.5]) / 41
    assert psi(np.array([10.0, 30.0]), np.array([20.0, 20.0])) == pytest.approx(psi_of(p, q))


def test_adjusted_probabilities_equal_scipys() -> None:
    p = [0.001, 0.2, 0.03, 0.04, 0.9, 0.04]
    assert benjamini_hochberg(p) == pytest.approx(list(stats.false_discovery_control(p)))


def test_two_rates_have_newcombes_interval() -> None:
    # Newcombe (1998), table II, method 10, case (a): 56/70 against 48/80
    _, span = two_rates(48, 80, 56, 70)
    assert span.low == pytest.approx(0.0524, abs=5e-5)
    assert span.high == pytest.approx(0.3339, abs=5e-5)


def test_two_equal_rates_of_zero_are_no_drift_for_certain() -> None:
    p, span = two_rates(0, 100, 0, 50)
    assert p == 1.0
    assert span.low is not None
    assert span.low < 0 < (span.high or 0)


def test_wilsons_interval_equals_scipys() -> None:
    expected = stats.binomtest(7, 50).proportion_ci(method="wilson")
    assert wilson(7, 50) == pytest.approx((expected.low, expected.high))


def _cells(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pooled values with their rows on either side, cut to 256 by pooled share."""
    values = np.unique(np.concatenate([x, y]))
    n = np.searchsorted(np.sort(x), values, "right")
    m = np.searchsorted(np.sort(y), values, "right")
    n, m = np.diff(n, prepend=0).astype(float), np.diff(m, prepend=0).astype(float)
    if len(values) <= 256:
        return values, n, m
    cell = np.minimum((np.cumsum(n + m) / (n + m).sum() * 255).astype(int), 255)
    rows = np.bincount(cell, n + m)
    kept = rows > 0
    return (
        np.bincount(cell, values * (n + m))[kept] / rows[kept],
        np.bincount(cell, n)[kept],
        np.bincount(cell, m)[kept],
    )
