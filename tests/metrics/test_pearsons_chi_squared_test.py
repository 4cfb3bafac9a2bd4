"""Pearson's chi-squared test: by hand, by its definition, by its properties, at its corners."""

from __future__ import annotations

import math

import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from strategies import Pair, Table, category_pairs, columns, searched, searched_well, tables
from support import PATHS, close, measured, of_bins

METRIC = "pearsons_chi_squared_test"
# The tails of both laws to the digits SciPy gives them, of statistics that agree to 1e-12.
RELATIVE = 1e-9
ABSOLUTE = 1e-300


def pair(a: dict[str, int], b: dict[str, int]) -> Pair:
    """Counts as rows."""
    sides = (tuple(x for label, n in side.items() for x in [label] * n) for side in (a, b))
    return Pair(*sides, is_text=True)


def row(a: dict[str, int], b: dict[str, int]) -> dict:
    return measured(METRIC, [pair(a, b)])[0]


# By hand


def test_eight_to_two_against_two_to_eight_has_a_statistic_of_7_2():
    # n = m, so the statistic is the sum of (a - b)^2 / (a + b): 6^2 / 10 twice
    found = row({"a": 8, "b": 2}, {"a": 2, "b": 8})
    assert found["statistic"] == pytest.approx(7.2, rel=1e-15)
    # one degree of freedom: the root of the statistic is half-normal
    assert found["value"] == pytest.approx(math.erfc(math.sqrt(3.6)), rel=1e-12)
    # the root of 7.2 / 20
    assert found["effect"] == pytest.approx(0.6, rel=1e-15)


# Oracle


@searched
@given(pairs=columns(category_pairs()), path=st.sampled_from(PATHS))
def test_it_equals_its_definition_on_any_columns(pairs: list[Pair], path: str):
    for found, each in zip(measured(METRIC, pairs, path=path), pairs, strict=True):
        wanted = oracles.categorical(each.reference, each.production)[METRIC]
        assert close(found["value"], wanted, relative=RELATIVE, absolute=ABSOLUTE)


def test_with_no_rare_category_it_is_scipys_homogeneity_test():
    found = row({"a": 30, "b": 40, "c": 50}, {"a": 25, "b": 60, "c": 35})
    wanted = stats.chi2_contingency([[30, 40, 50], [25, 60, 35]], correction=False)
    assert found["statistic"] == pytest.approx(wanted.statistic, rel=1e-12)
    assert found["value"] == pytest.approx(wanted.pvalue, rel=RELATIVE)


# Properties


@searched_well
@given(table=tables())
def test_its_statistic_is_the_same_in_both_directions(table: Table):
    there, back = of_bins(METRIC, [table, table[::-1]])
    # twelve terms, each within a few units in the last place
    assert there["statistic"] == pytest.approx(back["statistic"], rel=1e-12, abs=1e-15)


@searched_well
@given(table=tables(most=1000), factor=st.integers(1, 1000))
def test_its_statistic_is_0_where_all_shares_agree(table: Table, factor: int):
    counts = table[0]
    (found,) = of_bins(METRIC, [(counts, tuple(factor * count for count in counts))])
    assert found["statistic"] == 0


@searched_well
@given(table=tables(kinds=40, most=9))
def test_no_cell_expects_less_than_one_row_of_the_smaller_side_unless_it_is_alone(table: Table):
    (found,) = of_bins(METRIC, [table])
    assert found["smallest"] >= 1 or found["cells"] == 1


@searched_well
@given(table=tables())
def test_its_cells_hold_all_rows_of_both_sides(table: Table):
    (found,) = of_bins(METRIC, [table])
    assert (found["n_reference"], found["n_production"]) == tuple(map(sum, table))
    assert found["categories"] == len(table[0])


def test_its_p_value_is_its_value():
    found = row({"a": 8, "b": 2}, {"a": 2, "b": 8})
    assert found["p_value"] == found["value"]


# Corners


def test_a_single_category_on_both_sides_has_p_1():
    found = row({"a": 3}, {"a": 300})
    assert found["value"] == 1
    assert found["effect"] == 0


def test_categories_that_are_all_too_rare_leave_nothing_to_test():
    found = row({"a": 1, "b": 1, "c": 1}, {"a": 1})
    assert found["value"] is None
    assert found["status"] == "not_computable"


def test_unseen_categories_are_one_cell():
    apart = pair({"a": 50, "b": 50}, {"a": 40, "b": 40, "c": 10, "d": 10})
    together = pair({"a": 50, "b": 50}, {"a": 40, "b": 40, "c": 20})
    one, other = measured(METRIC, [apart, together])
    assert one["value"] == other["value"]


def test_a_small_window_against_a_large_reference_is_compared():
    found = row({"a": 5000, "b": 5000}, {"a": 9, "b": 1})
    wanted = oracles.chi_squared_p(oracles.category_counts(["a", "b"] * 5000, ["a"] * 9 + ["b"]))
    assert found["value"] == pytest.approx(wanted, rel=RELATIVE)


@pytest.mark.parametrize(
    ("a", "b"), [({}, {"a": 3}), ({"a": 3}, {})], ids=["no reference", "no production"]
)
def test_it_cannot_be_computed_where_a_side_has_no_values(a: dict[str, int], b: dict[str, int]):
    found = row(a, b)
    assert found["value"] is found["statistic"] is found["effect"] is None
    assert "no values" in found["reason"]
