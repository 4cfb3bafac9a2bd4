"""The Kolmogorov-Smirnov distance: by hand, by its definition, by its properties, at its corners."""

from __future__ import annotations

import math

import numpy as np
import oracles
import pytest
from hard_columns import hard_columns
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from strategies import Pair, columns, number_pairs, searched
from support import PATHS, close, measured, score

METRIC = "kolmogorov_smirnov_distance"
# Two quotients of whole numbers and their difference.
ABSOLUTE = 1e-12


def value(reference: list[float], production: list[float], path: str = "small") -> float:
    (row,) = measured(METRIC, [Pair(tuple(reference), tuple(production))], path=path)
    return row["value"]


# By hand


def test_the_largest_gap_of_two_small_samples_is_one_half():
    # at 2.5: 2 of 4 rows at or below it, 0 of 2 rows at or below it
    assert value([1.5, 2.5, 3.5, 4.5], [3.0, 4.0]) == 0.5


# Oracle


@searched
@given(pairs=columns(number_pairs()), path=st.sampled_from(PATHS))
def test_it_equals_its_definition_on_any_columns(pairs: list[Pair], path: str):
    for row, pair in zip(measured(METRIC, pairs, path=path), pairs, strict=True):
        wanted = oracles.numerical(pair.reference, pair.production)[METRIC]
        assert close(row["value"], wanted, relative=0, absolute=ABSOLUTE)


@pytest.mark.parametrize("path", PATHS)
def test_it_equals_scipy_on_a_heavy_tail(path: str):
    rng = np.random.default_rng(1)
    a, b = rng.standard_cauchy(3000), rng.standard_cauchy(2000) * 1.1
    wanted = stats.ks_2samp(a, b, method="asymp").statistic
    assert value(a.tolist(), b.tolist(), path) == pytest.approx(wanted, abs=ABSOLUTE)


# Properties


def test_it_is_the_same_in_both_directions():
    pairs = [Pair(tuple(a), tuple(b)) for a, b in hard_columns(100).values()]
    back = [Pair(pair.production, pair.reference) for pair in pairs]
    found = [row["value"] for row in measured(METRIC, pairs, path="coarse")]
    assert found == [row["value"] for row in measured(METRIC, back, path="coarse")]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("bend", [np.cbrt, np.exp, lambda x: 1e9 * x - 3, np.arctan])
def test_it_does_not_change_when_the_axis_is_bent(bend, path: str):
    rng = np.random.default_rng(2)
    # coarse enough that no two values become one
    a, b = rng.normal(size=400).round(3), rng.normal(0.2, 1, 300).round(3)
    assert value(bend(a).tolist(), bend(b).tolist(), path) == value(a.tolist(), b.tolist(), path)


def test_it_stays_between_0_and_1():
    sides = ({name: pair[side] for name, pair in hard_columns(100).items()} for side in (0, 1))
    found = score(*map(floats, sides), metrics=[METRIC]).values(METRIC).values()
    assert all(d is None or 0 <= d <= 1 for d in found)


def floats(side: dict[str, list]) -> dict[str, list[float]]:
    return {name: np.asarray(values, dtype=float).tolist() for name, values in side.items()}


# Corners


@pytest.mark.parametrize("path", PATHS)
def test_disjoint_sides_are_1_apart(path: str):
    assert value([1.0, 2.0], [3.0], path) == 1


@pytest.mark.parametrize("path", PATHS)
def test_infinities_lie_beyond_every_number(path: str):
    assert value([-math.inf, 1.5, math.inf], [-1e308, 1.5, 1e308], path) == pytest.approx(
        1 / 3, abs=ABSOLUTE
    )


@pytest.mark.parametrize("path", PATHS)
def test_sides_that_are_all_one_infinity_are_0_apart(path: str):
    assert value([math.inf] * 3, [math.inf] * 2, path) == 0


def test_a_single_row_against_thousands_is_compared():
    # 2 500 of 5 001 rows lie below it
    assert value([0.5], np.linspace(0, 1, 5001).tolist()) == pytest.approx(2500 / 5001, abs=1e-15)


def test_minus_zero_is_zero():
    assert value([-0.0, 1.5], [0.0, 1.5]) == 0


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("pair", [Pair((), (1.5, 2.5)), Pair((1.5, 2.5), (None, math.nan))])
def test_it_cannot_be_computed_where_a_side_has_no_values(pair: Pair, path: str):
    (row,) = measured(METRIC, [pair], path=path)
    assert row["value"] is None
    assert "no values" in row["reason"]
