"""The normalized Wasserstein distance: by hand, by definition, by its properties, at its corners."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import oracles
import pytest
from hard_columns import hard_columns
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from strategies import Pair, columns, number_pairs, searched
from support import PATHS, close, measured, score

METRIC = "normalized_wasserstein_distance"
# The area is a sum of products of rounded differences; on the grid the moments are sums of whole
# numbers of up to 61 bits, so the error is absolute: far below 1e-9 deviations.
RELATIVE = 1e-9
ABSOLUTE = 1e-9

finite = {name: pair for name, pair in hard_columns(100).items() if name != "only infinities"}


def value(reference: list[float], production: list[float], path: str = "small") -> float:
    (row,) = measured(METRIC, [Pair(tuple(reference), tuple(production))], path=path)
    return row["value"]


def values(pairs: dict[str, tuple[list, list]], path: str) -> dict[str, float | None]:
    sides = [
        {name: np.asarray(pair[side], dtype=float).tolist() for name, pair in pairs.items()}
        for side in (0, 1)
    ]
    types = dict.fromkeys(pairs, "numerical")
    return score(*sides, metrics=[METRIC], path=path, types=types).values(METRIC)


# By hand


def test_a_shift_by_two_deviations_is_2():
    # 1.5, 2.5, 3.5 have the sample deviation 1
    assert value([1.5, 2.5, 3.5], [3.5, 4.5, 5.5]) == pytest.approx(2, rel=1e-15)


def test_one_row_of_four_that_moves_by_eight_moves_the_mean_by_two():
    # deviation of 0.5, 1.5, 2.5, 3.5: sqrt(5/3); only the last value moves, by 8
    moved = value([0.5, 1.5, 2.5, 3.5], [0.5, 1.5, 2.5, 11.5])
    assert moved == pytest.approx(2 / math.sqrt(5 / 3), rel=1e-15)


# Oracle


@searched
@given(pairs=columns(number_pairs()), path=st.sampled_from(PATHS))
def test_it_equals_its_definition_on_any_columns(pairs: list[Pair], path: str):
    for row, pair in zip(measured(METRIC, pairs, path=path), pairs, strict=True):
        wanted = oracles.numerical(pair.reference, pair.production)[METRIC]
        assert close(row["value"], wanted, relative=RELATIVE, absolute=ABSOLUTE)


@pytest.mark.parametrize("path", PATHS)
def test_it_equals_scipy_on_a_heavy_tail(path: str):
    rng = np.random.default_rng(1)
    a, b = rng.lognormal(0, 2.5, 3000), rng.lognormal(0.1, 2.5, 2000)
    wanted = stats.wasserstein_distance(a, b) / a.std(ddof=1)
    # SciPy's own sum of 5 000 terms
    assert value(a.tolist(), b.tolist(), path) == pytest.approx(wanted, rel=1e-12)


# Properties


@pytest.mark.parametrize("path", PATHS)
def test_it_is_the_shift_where_every_value_moves_alike(path: str):
    base = np.random.default_rng(2).normal(size=500).round(6)
    moved = value(base.tolist(), (base + 3).tolist(), path)
    # base + 3 is rounded to 4e-16
    assert moved == pytest.approx(3 / base.std(ddof=1), rel=1e-12)


def test_it_does_not_depend_on_the_unit_of_measurement():
    pairs = {
        name: pair
        for name, pair in finite.items()
        # the divisor of a reference of zeros is in no unit; 2^20 times 1e140 has no square
        if name not in ("constant zero", "signed zeros", "huge values")
    }
    scaled = {
        # a power of two changes no digit
        name: tuple([None if x is None else x * 2.0**20 for x in side] for side in pair)
        for name, pair in pairs.items()
    }
    before, after = values(pairs, "coarse"), values(scaled, "coarse")
    # the grid of a scaled column has other bins, and so other roundings
    assert [
        name
        for name in pairs
        if not close(after[name], before[name], relative=1e-12, absolute=1e-12)
    ] == []


def test_it_does_not_depend_on_the_direction_of_the_axis():
    mirrored = {
        name: tuple([None if x is None else -x for x in side] for side in pair)
        for name, pair in finite.items()
    }
    before, after = values(finite, "coarse"), values(mirrored, "coarse")
    assert [
        name
        for name in finite
        if not close(after[name], before[name], relative=1e-12, absolute=1e-12)
    ] == []


def test_it_is_0_against_the_same_values_in_another_order():
    a = np.random.default_rng(3).normal(size=500).tolist()
    assert value(a, sorted(a)) == 0


def test_its_area_is_at_least_the_change_of_the_mean():
    for name, moved in values(finite, "small").items():
        a, b = (oracles.numbers(side).finite for side in finite[name])
        if moved is not None:
            change = abs(math.fsum(a) / len(a) - math.fsum(b) / len(b))
            # both sides of the inequality are rounded
            assert moved * oracles.unit(a) >= change * (1 - 1e-9)


# Corners


@pytest.mark.parametrize("path", PATHS)
def test_a_constant_reference_is_measured_in_thousandths_of_its_value(path: str):
    # 0.09 / (0.001 * 4.5); 4.59 - 4.5 is rounded to 1e-14 of itself
    assert value([4.5] * 5, [4.59] * 5, path) == pytest.approx(20, rel=1e-12)


@pytest.mark.parametrize("path", PATHS)
def test_a_reference_of_zeros_is_measured_in_thousandths(path: str):
    assert value([0.0] * 5, [-0.25] * 5, path) == pytest.approx(250, rel=1e-15)


@pytest.mark.parametrize("path", PATHS)
def test_one_row_of_the_reference_counts_as_constant(path: str):
    assert value([2.0], [2.5, 3.5], path) == pytest.approx(1 / 0.002, rel=1e-15)


@pytest.mark.parametrize("path", PATHS)
def test_infinities_are_left_out_and_counted_in_the_reason(path: str):
    pair = Pair((1.5, 2.5, 3.5, math.inf), (3.5, 4.5, 5.5, -math.inf, math.inf, math.nan))
    (row,) = measured(METRIC, [pair], path=path)
    assert row["value"] == pytest.approx(2, rel=1e-15)
    assert row["reason"] == "infinities left out: 1 in reference, 2 in production"


@pytest.mark.parametrize("path", PATHS)
def test_infinities_of_one_side_do_not_hide_a_crossing_of_the_finite_values(path: str):
    # counting the infinities, one distribution lies above the other everywhere
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=900).tolist(), rng.normal(size=900).tolist()
    expected = oracles.normalized_wasserstein(oracles.numbers(a), oracles.numbers(b))
    assert close(
        value(a + [-math.inf] * 300, b, path), expected, relative=RELATIVE, absolute=ABSOLUTE
    )


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("side", ["reference", "production"])
def test_it_cannot_be_computed_without_finite_values(side: str, path: str):
    pair = replace(Pair((1.5, 2.5), (1.5, 2.5)), **{side: (math.inf, None, math.nan)})
    (row,) = measured(METRIC, [pair], path=path)
    assert row["value"] is None
    assert "no values; infinities left out: 1" in row["reason"]


@pytest.mark.parametrize("path", PATHS)
def test_a_far_outlier_of_production_does_not_blur_the_reference(path: str):
    a = np.random.default_rng(5).normal(size=500)
    b = np.append(a[1:], -1e14)
    # one row of 500 moves by 1e14; the values near 0 change that by 1e-14
    wanted = 1e14 / 500 / a.std(ddof=1)
    assert value(a.tolist(), b.tolist(), path) == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_values_whose_squares_leave_the_range_of_doubles_are_compared_all_the_same(
    scale: float, path: str
):
    rng = np.random.default_rng(6)
    a, b = rng.normal(size=200), rng.normal(0.4, 1, 200)
    plain = stats.wasserstein_distance(a, b) / a.std(ddof=1)
    # scaling rounds every value once
    assert value((a * scale).tolist(), (b * scale).tolist(), path) == pytest.approx(
        plain, rel=1e-12
    )


@pytest.mark.parametrize("path", PATHS)
def test_a_gap_wider_than_the_range_of_doubles_is_a_row_without_a_value(path: str):
    (row,) = measured(METRIC, [Pair((1.7e308, -1.7e308), (-1.7e308, -1.7e308))], path=path)
    assert row["value"] is None
    assert row["status"] == "not_computable"
