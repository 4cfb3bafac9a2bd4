"""The fine grid holds every number in order, and its sums are whole numbers."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.engine.grid import (
    FEWEST_BINS,
    LARGEST,
    MOST_BINS,
    ROOM,
    SHARES,
    SLOTS,
    SMALLEST,
    Grid,
    bins_for,
    choose_grid,
    shift_for,
    soft,
    sum_scales,
)

finite = st.floats(-1e140, 1e140)


def quantiles(values: np.ndarray) -> list[float]:
    return np.quantile(values, SHARES, method="inverted_cdf").tolist()


def grid_of(values: np.ndarray, **given: object) -> Grid:
    ends = float(values.min()), float(values.max())
    found = choose_grid(quantiles(values), ends, ends, **{"whole": False, **given})
    assert found is not None
    return found


def bin_of(grid: Grid, x: float, shift: int = 0) -> int:
    return math.floor((soft(x, grid.centre, grid.width) + 1) * (MOST_BINS / 2 ** (1 + shift)))


# The map


@given(x=finite, centre=finite, width=st.floats(1e-140, 1e140))
def test_every_number_has_a_bin(x: float, centre: float, width: float):
    grid = Grid(centre, width)
    assert 0 <= bin_of(grid, x) <= MOST_BINS


@given(x=st.floats(-1e6, 1e6), y=st.floats(-1e6, 1e6), centre=finite, width=st.floats(1e-9, 1e9))
def test_a_larger_number_never_has_a_lower_bin(x: float, y: float, centre: float, width: float):
    grid = Grid(centre, width)
    low, high = sorted((x, y))
    assert bin_of(grid, low) <= bin_of(grid, high)


def test_bins_and_the_codes_below_zero_fit_a_small_integer():
    assert -5 - SLOTS >= -(2**15)
    assert MOST_BINS - SLOTS <= 2**15 - 1


# The choice


@pytest.mark.parametrize(
    "law",
    ["normal", "lognormal", "standard_cauchy", "exponential", "uniform", "standard_t"],
)
def test_the_rows_of_common_laws_spread_over_the_bins(law: str):
    rng = np.random.default_rng(1)
    given = {"lognormal": (0, 2.5), "standard_t": (2,)}.get(law, ())
    values = getattr(rng, law)(*given, size=20_000)
    grid = grid_of(values)
    counts = np.bincount([bin_of(grid, x) for x in values])
    # a row shares its bin with 0.5 % of all rows or less, on average
    assert (counts**2).sum() / len(values) ** 2 < 0.005


@given(x=finite, centre=finite, width=st.floats(1e-140, 1e140), shift=st.integers(0, 6))
def test_coarse_bins_are_whole_runs_of_fine_ones(x: float, centre: float, width: float, shift: int):
    grid = Grid(centre, width)
    assert bin_of(grid, x, shift) == bin_of(grid, x) >> shift


@pytest.mark.parametrize("shift", range(17))
def test_every_run_of_joined_bins_ends_within_the_room(shift: int):
    assert (((MOST_BINS - 1) >> shift) + 1) << shift <= ROOM


@pytest.mark.parametrize(
    ("rows", "bins"), [(100, FEWEST_BINS), (27_000, 2_700), (10**6, 31_250), (10**8, MOST_BINS)]
)
def test_there_are_more_bins_for_more_rows_within_limits(rows: int, bins: int):
    assert bins_for(rows, settled=True) == bins
    assert bins <= MOST_BINS >> shift_for(rows, settled=True) <= 2 * bins or rows == 10**8
    assert bins_for(rows, settled=False) == max(FEWEST_BINS, bins // 2) or rows == 10**8


def test_whole_numbers_of_a_short_range_have_a_bin_each():
    found = choose_grid([0.0] * 15, (0.0, 60_000.0), (-5.0, 60_000.0), whole=True)
    # counted from the reference's least, which lies 5 above production's
    assert found == Grid(0.0, 0.0, 5)


def test_whole_numbers_of_a_wide_range_share_bins():
    found = choose_grid([0.0] * 7 + [1e6] * 8, (0.0, 1e6), (0.0, 1e6), whole=True)
    assert found is not None
    assert found.width > 0


def test_production_does_not_move_the_grid():
    values = np.random.default_rng(1).normal(size=1000)
    ends = float(values.min()), float(values.max())
    alone = choose_grid(quantiles(values), ends, ends, whole=False)
    assert choose_grid(quantiles(values), ends, (-1e14, 1e9), whole=False) == alone


@given(
    low=finite, high=finite, sample=st.lists(finite, min_size=15, max_size=15), whole=st.booleans()
)
def test_a_grid_can_be_chosen_from_any_sample(
    low: float, high: float, sample: list[float], whole: bool
):
    low, high = sorted((low, high))
    found = choose_grid(sorted(sample), (low, high), (low, high), whole=whole)
    assert found is None or (math.isfinite(found.centre) and found.width >= 0)


def test_without_a_sample_the_range_places_the_grid():
    found = choose_grid([None] * 15, (0.0, 1.0), (0.0, 1.0), whole=False)
    assert found is not None
    assert 0 <= found.centre <= 1


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (math.inf, -math.inf),
        (0.0, math.inf),
        (math.nan, 1.0),
        (1.0, 0.0),
        (0.0, 2 * LARGEST),
        (0.0, SMALLEST / 2),
    ],
)
def test_a_range_whose_squares_no_double_holds_is_counted_value_by_value(low: float, high: float):
    assert choose_grid([0.5] * 15, (low, high), (low, high), whole=False) is None


# The sums


@given(low=st.floats(-1e140, 1e140), high=st.floats(-1e140, 1e140), centre=st.floats(-1e140, 1e140))
def test_sums_of_whole_numbers_stay_below_two_to_the_61(low: float, high: float, centre: float):
    low, high = sorted((low, high))
    found = sum_scales(Grid(centre, 1.0), low, high)
    reach = max(abs(low - centre), abs(high - centre))
    if found is not None:
        total, square = (Fraction(scale) for scale in found)
        assert Fraction(reach) * total <= 2**61
        assert Fraction(reach) ** 2 * square <= 2**61


@given(low=st.floats(-1e9, 1e9), high=st.floats(-1e9, 1e9))
def test_the_scales_are_powers_of_two_and_so_change_no_digit(low: float, high: float):
    low, high = sorted((low, high))
    found = sum_scales(Grid(0.0, 1.0), low, high)
    assert found is None or all(math.frexp(scale)[0] == 0.5 for scale in found)


def test_a_side_too_narrow_for_its_squares_has_no_scales():
    assert sum_scales(Grid(0.0, 1.0), 0.0, 1e-200) is None


def test_a_side_that_lies_at_the_centre_needs_no_scale():
    assert sum_scales(Grid(2.5, 1.0), 2.5, 2.5) == (1.0, 1.0)
