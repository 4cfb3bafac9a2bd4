"""How windows without drift differ, told from their counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from driftline.engine.dispersion import FEWEST_CYCLES, Dispersion, dispersion, standardised_gaps
from driftline.engine.significance import binned_p, categories_p

WINDOWS = 28


def clustered(
    rng: np.random.Generator, windows: int, clusters: int, rows: int, own: float, cells: int = 10
) -> np.ndarray:
    """Counts of windows of so many clusters, whose rows agree to a share of `own`."""
    out = np.zeros((windows, cells), np.int64)
    for window in range(windows):
        for _ in range(clusters):
            favourite = rng.integers(cells)
            shares = np.full(cells, (1 - own) / cells)
            shares[favourite] += own
            out[window] += rng.multinomial(rows, shares)
    return out


def test_two_cells_by_hand() -> None:
    # Ten rows a window, half of all in each cell: (h - p)^2 / (p (1 - p)) * m is 0.4 of 4 and 6.
    counts = np.array([[4, 6], [6, 4]] * 4)
    found = dispersion(counts)
    assert found is not None
    # Pearson's statistic 8 * 0.4 over 7 degrees of freedom, all of it in the one that there is
    assert found.factor == pytest.approx(3.2 / 7)
    assert found.share == 1.0
    assert found.inverse == pytest.approx(0.1)
    assert found.windows == 8


def test_the_mean_of_its_law_is_pearsons_statistic_of_windows_by_cells() -> None:
    rng = np.random.default_rng(1)
    counts = clustered(rng, 20, 12, 40, 0.4)
    found = dispersion(counts)
    assert found is not None
    mean = found.factor * found.share * (counts.shape[1] - 1)
    statistic = stats.chi2_contingency(counts, correction=False).statistic
    assert mean == pytest.approx(statistic / (len(counts) - 1), rel=1e-12)


def test_the_second_moment_is_without_bias() -> None:
    """Of the squared covariance of independent rows the trace is the degrees of freedom, on average."""
    rng = np.random.default_rng(2)
    seconds = []
    for _ in range(300):
        found = dispersion(rng.multinomial(400, np.full(6, 1 / 6), 12))
        assert found is not None
        first = found.factor * found.share * 5
        seconds.append(found.factor * first)
    # the floor lifts it where chance would have it below what any covariance has
    assert np.mean(seconds) == pytest.approx(5.0, rel=0.12)


@pytest.mark.parametrize("windows", [0, 1, FEWEST_CYCLES - 1])
def test_few_windows_tell_nothing(windows: int) -> None:
    assert dispersion(np.full((windows, 3), 50)) is None


def test_windows_without_rows_are_none() -> None:
    counts = np.random.default_rng(3).multinomial(100, [0.5, 0.3, 0.2], 9)
    empty = np.zeros((4, 3), np.int64)
    assert dispersion(np.vstack([empty, counts, empty])) == dispersion(counts)
    assert dispersion(np.vstack([counts[:3], empty])) is None


def test_a_single_cell_tells_nothing() -> None:
    assert dispersion(np.full((10, 1), 50)) is None
    assert dispersion(np.array([[50, 0, 0]] * 10)) is None


def test_windows_that_are_alike_leave_laws_as_they_are() -> None:
    assert dispersion(np.full((10, 4), 16)) == Dispersion(10, 1.0, 1.0, 1 / 64)


def test_rare_cells_are_one() -> None:
    rng = np.random.default_rng(4)
    common = rng.multinomial(300, [0.6, 0.4], 15)
    rare = rng.multinomial(4, [0.25] * 4, 15)
    together = np.column_stack([common, rare.sum(axis=1)])
    assert dispersion(np.column_stack([common, rare])) == dispersion(together)


def test_clusters_weigh_more_in_larger_windows_and_never_less_than_in_those_that_tell() -> None:
    found = Dispersion(20, 3.0, 0.5, 1 / 1_000, 1.0)
    assert found.at(28_000, 1_000) == 3.0
    assert found.at(1e9, 10_000) == pytest.approx(1 + 2 * 10, rel=1e-3)
    assert found.at(1e9, 10) == 3.0
    assert Dispersion(20, 0.7, 0.9, 1e-3).at(1e6, 1e6) == 1.0


@given(
    counts=arrays.arrays(
        np.int64, st.tuples(st.integers(8, 20), st.integers(2, 6)), elements=st.integers(20, 200)
    ),
    times=st.integers(2, 9),
    seed=st.integers(0, 99),
)
def test_order_tells_nothing_and_rows_seen_several_times_are_so_many_times_clustered(
    counts: np.ndarray, times: int, seed: int
) -> None:
    found = dispersion(counts)
    rng = np.random.default_rng(seed)
    shuffled = dispersion(rng.permutation(rng.permutation(counts), axis=1))
    repeated = dispersion(counts * times)
    assert found is not None
    assert shuffled is not None
    assert repeated is not None
    assert shuffled.factor == pytest.approx(found.factor, rel=1e-9)
    assert shuffled.share == pytest.approx(found.share, rel=1e-9)
    assert 0 < found.share <= 1 + 1e-12
    if np.ptp(counts, axis=0).any() and found.factor != 1.0:
        assert repeated.factor == pytest.approx(times * found.factor, rel=1e-9)


def test_gaps_by_hand() -> None:
    # Half of all rows lie below the only end; each window is 0.1 off, of 10 of 80 rows.
    found = dispersion(np.array([[4, 6], [6, 4]] * 4), ordered=True)
    assert found is not None
    assert found.gaps is not None
    off = 0.1 / np.sqrt(1 / 10 - 1 / 80)
    assert found.gaps.mean == pytest.approx(off)
    assert found.gaps.largest_mean == pytest.approx(off)
    assert found.gaps.variance == pytest.approx(0.0, abs=1e-30)
    assert found.gaps.factor == pytest.approx(off**2 / (2 / np.pi * 0.25))


def test_gaps_of_independent_rows_are_those_of_a_bridge() -> None:
    rng = np.random.default_rng(8)
    factors = []
    for _ in range(100):
        found = dispersion(rng.multinomial(400, np.full(10, 0.1), 28), ordered=True)
        assert found is not None
        assert found.gaps is not None
        factors.append(found.gaps.factor)
    assert np.mean(factors) == pytest.approx(1.0, abs=0.05)


def test_categories_have_no_gaps() -> None:
    found = dispersion(np.random.default_rng(9).multinomial(100, [0.5, 0.3, 0.2], 9))
    assert found is not None
    assert found.gaps is None


@pytest.mark.parametrize("windows", [4, 8, WINDOWS])
@pytest.mark.parametrize("largest", [False, True])
def test_gaps_at_five_percent_reject_about_so_many_windows_of_clusters(
    *, largest: bool, windows: int
) -> None:
    """Clusters that move whole distributions: what bridges of any number of rows do not know."""
    rng = np.random.default_rng(10)
    ends = stats.norm.ppf(np.arange(1, 10) / 10)
    p = []
    for _ in range(400):
        moved = rng.normal(0, 0.25, windows + 1)
        counts = np.array(
            [np.histogram(rng.normal(by, 1, 300), [-np.inf, *ends, np.inf])[0] for by in moved]
        )
        found = dispersion(counts[:-1], ordered=True)
        assert found is not None
        assert found.gaps is not None
        gaps = standardised_gaps(counts[:-1].sum(axis=0), counts[-1])
        p.append(
            found.gaps.probability(gaps.max() if largest else gaps.mean(), windows, largest=largest)
        )
    assert 0.01 < np.mean(np.array(p) < 0.05) < 0.1


@pytest.mark.parametrize("windows", [4, 8, WINDOWS])
@pytest.mark.parametrize("kind", ["numbers", "categories"])
def test_a_test_at_five_percent_rejects_no_more_windows_of_clusters(
    kind: str, windows: int
) -> None:
    rng = np.random.default_rng(6)
    plain, widened = [], []
    for _ in range(400):
        counts = clustered(rng, windows + 1, 10, 30, 0.5, cells=8)
        n, m = counts[:-1].sum(axis=0), counts[-1]
        found = dispersion(counts[:-1])
        assert found is not None
        factor = found.at(n.sum(), m.sum())
        sides = [side.astype(float)[:, None] for side in (n, m)]
        more = () if kind == "numbers" else (np.ones((8, 1)),)
        law = binned_p if kind == "numbers" else categories_p
        plain += law(*sides, *more).tolist()
        worth = [side / factor for side in sides]
        widened += law(*worth, *more, np.array([found.share])).tolist()
    assert np.mean(np.array(plain) < 0.05) > 0.6
    assert np.mean(np.array(widened) < 0.05) < 0.08
    if windows == WINDOWS:
        assert np.mean(np.array(widened) < 0.05) > 0.01


def test_independent_rows_are_tested_as_before() -> None:
    rng = np.random.default_rng(7)
    widened = []
    for _ in range(400):
        counts = rng.multinomial(500, np.full(8, 1 / 8), WINDOWS + 1)
        n, m = counts[:-1].sum(axis=0), counts[-1]
        found = dispersion(counts[:-1])
        assert found is not None
        sides = [side.astype(float)[:, None] for side in (n, m)]
        (alone,) = binned_p(*sides)
        factor = found.at(n.sum(), m.sum())
        (p,) = binned_p(*(side / factor for side in sides), np.array([found.share]))
        widened.append(max(alone, p))
    assert 0.02 < np.mean(np.array(widened) < 0.05) < 0.07
