"""The two-sample Kolmogorov-Smirnov test: by hand, by definition, by its properties, at its corners."""

from __future__ import annotations

import math

import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from strategies import Pair, columns, number_pairs, searched
from support import PATHS, close, measured

METRIC = "two_sample_kolmogorov_smirnov_test"
# The law depends on the gap as a whole number of 1 / lcm(n, m), which both sides recover.
RELATIVE = 1e-9
ABSOLUTE = 1e-300


def row(reference: list[float], production: list[float], path: str = "small") -> dict:
    return measured(METRIC, [Pair(tuple(reference), tuple(production))], path=path)[0]


# By hand


def test_three_values_all_below_three_others_happen_by_chance_in_two_of_twenty_orders():
    assert row([1.5, 2.5, 3.5], [4.5, 5.5, 6.5])["value"] == pytest.approx(2 / 20, rel=1e-14)


# Oracle


@searched
@given(pairs=columns(number_pairs()), path=st.sampled_from(PATHS))
def test_it_equals_scipy_on_any_columns(pairs: list[Pair], path: str):
    for found, pair in zip(measured(METRIC, pairs, path=path), pairs, strict=True):
        wanted = oracles.numerical(pair.reference, pair.production)[METRIC]
        assert close(found["value"], wanted, relative=RELATIVE, absolute=ABSOLUTE)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("n", "m"), [(1000, 1000), (1001, 1000)])
def test_it_is_exact_up_to_a_million_pairs_and_asymptotic_beyond(n: int, m: int, path: str):
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=n).tolist(), rng.normal(0.05, 1, m).tolist()
    method = "exact" if n * m <= 10**6 else "asymp"
    wanted = stats.ks_2samp(a, b, method=method)
    assert row(a, b, path)["value"] == pytest.approx(wanted.pvalue, rel=RELATIVE)


# Properties


def test_its_statistic_and_effect_are_the_distance():
    pairs = [Pair((1.5, 2.5, 3.5, 4.5), (3.0, 4.0))]
    (found,) = measured(METRIC, pairs)
    (distance,) = measured("kolmogorov_smirnov_distance", pairs)
    assert found["statistic"] == found["effect"] == distance["value"] == 0.5


def test_its_p_value_is_its_value():
    found = row([1.5, 2.5, 3.5], [4.5, 5.5, 6.5])
    assert found["p_value"] == found["value"]


def test_it_is_the_same_in_both_directions():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=40).tolist(), rng.normal(0.5, 1, 70).tolist()
    # the exact count runs over other numbers
    assert row(a, b)["value"] == pytest.approx(row(b, a)["value"], rel=1e-12)


def test_it_falls_as_the_gap_widens():
    a = np.linspace(0, 1, 50)
    found = [row(a.tolist(), (a + shift).tolist())["value"] for shift in (0, 0.1, 0.2, 0.5, 2)]
    assert found == sorted(found, reverse=True)
    assert len(set(found)) == 5


def test_it_falls_as_the_same_gap_is_seen_in_more_rows():
    found = [row([0.5] * k + [1.5] * k, [0.5] * k + [1.5] * 2 * k)["value"] for k in (5, 50, 5000)]
    assert found == sorted(found, reverse=True)
    assert len(set(found)) == 3


# Corners


def test_equal_sides_have_p_1():
    assert row([1.5, 2.5], [2.5, 1.5])["value"] == 1


def test_one_row_each_has_p_1():
    assert row([1.5], [2.5])["value"] == 1


@pytest.mark.parametrize("path", PATHS)
def test_a_gap_beyond_the_smallest_double_has_p_0(path: str):
    assert row([1.5] * 3000, [2.5] * 3000, path)["value"] == 0


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("pair", [Pair((), (1.5, 2.5)), Pair((1.5, 2.5), (None, math.nan))])
def test_it_cannot_be_computed_where_a_side_has_no_values(pair: Pair, path: str):
    (found,) = measured(METRIC, [pair], path=path)
    assert found["value"] is found["statistic"] is found["effect"] is None
    assert "no values" in found["reason"]
