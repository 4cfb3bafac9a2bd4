"""The total variation distance: by hand, by its definition, by its properties, at its corners."""

from __future__ import annotations

import math

import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import Pair, Table, columns, searched, searched_well, tables
from support import PATHS, close, measured, of_bins

METRIC = "total_variation_distance"
# sums of rounded shares agree to a few units in the last place
RELATIVE = 1e-12
ABSOLUTE = 1e-14


def value(a: tuple[int, ...], b: tuple[int, ...]) -> float:
    return of_bins(METRIC, [(a, b)])[0]["value"]


# By hand


def test_halves_that_become_four_fifths_and_one_fifth_are_three_tenths_apart():
    # (|0.5 - 0.8| + |0.5 - 0.2|) / 2; 0.8 and 0.2 are rounded doubles
    assert value((5, 5), (8, 2)) == pytest.approx(0.3, rel=1e-15)


def test_it_is_the_share_of_rows_that_changed_bins():
    assert value((4, 3, 1), (3, 3, 2)) == 1 / 8


# Oracle


@searched
@given(pairs=columns(), path=st.sampled_from(PATHS))
def test_it_equals_its_definition_on_any_columns(pairs: list[Pair], path: str):
    for row, pair in zip(measured(METRIC, pairs, path=path), pairs, strict=True):
        wanted = oracles.of_column(pair.reference, pair.production, is_text=pair.is_text)[METRIC]
        assert close(row["value"], wanted, relative=RELATIVE, absolute=ABSOLUTE)


# Properties


@searched_well
@given(table=tables())
def test_it_stays_between_0_and_1(table: Table):
    assert 0 <= value(*table) <= 1


@searched_well
@given(table=tables())
def test_it_is_the_same_in_both_directions(table: Table):
    # a few units in the last place
    assert value(*table) == pytest.approx(value(*table[::-1]), rel=1e-12, abs=1e-15)


@searched_well
@given(table=tables(most=1000), factor=st.integers(1, 1000))
def test_it_is_0_where_all_shares_agree(table: Table, factor: int):
    counts = table[0]
    assert value(counts, tuple(factor * count for count in counts)) == 0


@searched_well
@given(table=tables(), random=st.randoms(use_true_random=False))
def test_it_does_not_depend_on_the_order_of_the_bins(table: Table, random):
    mixed = list(zip(*table, strict=True))
    random.shuffle(mixed)
    # another order of summing twelve terms
    assert value(*zip(*mixed, strict=True)) == pytest.approx(value(*table), rel=1e-12, abs=1e-15)


@searched_well
@given(table=tables())
def test_it_never_grows_when_two_bins_become_one(table: Table):
    a, b = ((side[0] + sum(side[1:2]), *side[2:]) for side in table)
    # the sums differ in their last digits
    assert value(a, b) <= value(*table) * (1 + 1e-12) + 1e-15


@searched_well
@given(table=tables())
def test_it_is_at_least_the_largest_change_of_a_single_share(table: Table):
    # of two bins they are the same number, each share of it rounded
    assert value(*table) >= of_bins("chebyshev_distance", [table])[0]["value"] - 1e-15


# Corners


def test_disjoint_bins_are_1_apart():
    assert value((3, 0), (0, 7)) == 1


def test_a_single_bin_is_0_apart():
    assert value((3,), (7,)) == 0


def test_a_window_a_million_times_larger_is_compared_by_shares():
    assert value((1, 3), (10**6, 3 * 10**6)) == 0


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("pair", [Pair((), (1.5, 2.5)), Pair((1.5, 2.5), (None, math.nan))])
def test_it_cannot_be_computed_where_a_side_has_no_values(pair: Pair, path: str):
    (row,) = measured(METRIC, [pair], path=path)
    assert row["value"] is None
    assert "no values" in row["reason"]
