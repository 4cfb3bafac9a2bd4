"""The population stability index: by hand, by its definition, by its properties, at its corners."""

from __future__ import annotations

import math

import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import Pair, Table, columns, searched, searched_well, tables
from support import PATHS, close, measured, of_bins

METRIC = "population_stability_index"
# ten terms of either sign, each to a few units in the last place
RELATIVE = 1e-10
ABSOLUTE = 1e-14


def value(a: tuple[int, ...], b: tuple[int, ...]) -> float:
    return of_bins(METRIC, [(a, b)])[0]["value"]


# By hand


def test_half_a_row_is_added_to_every_bin_of_both_sides():
    # (2 + 1/2) / 5 = 0.5 becomes (4 + 1/2) / 5 = 0.9: 0.4 ln(0.9 / 0.5) - 0.4 ln(0.1 / 0.5)
    assert value((2, 2), (4, 0)) == pytest.approx(0.4 * math.log(9), rel=1e-14)


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
def test_it_is_never_negative(table: Table):
    assert value(*table) >= 0


@searched_well
@given(table=tables())
def test_it_is_the_same_in_both_directions(table: Table):
    # a few units in the last place
    assert value(*table) == pytest.approx(value(*table[::-1]), rel=1e-12, abs=1e-15)


@searched_well
@given(table=tables(), random=st.randoms(use_true_random=False))
def test_it_does_not_depend_on_the_order_of_the_bins(table: Table, random):
    mixed = list(zip(*table, strict=True))
    random.shuffle(mixed)
    # another order of summing twelve terms
    assert value(*zip(*mixed, strict=True)) == pytest.approx(value(*table), rel=1e-12, abs=1e-15)


@searched_well
@given(table=tables())
def test_it_is_0_where_all_counts_agree(table: Table):
    assert value(table[0], table[0]) == 0


# Corners


def test_a_bin_of_one_side_alone_is_finite():
    assert 0 < value((3, 0), (0, 7)) < math.inf


def test_a_single_bin_is_0_apart():
    assert value((3,), (7,)) == 0


def test_bins_without_rows_on_either_side_are_not_smoothed():
    gap = Pair((1.5, 2.5, 3.5, 4.5), (1.5, 1.5, 4.5, 4.5))
    (row,) = measured(METRIC, [gap])
    # four points; no row of either side lies between or beyond them
    assert row["bins"] == 4


def test_shares_are_smoothed_less_the_larger_the_window():
    # without smoothing: 0.4 ln 9; half a row in a billion changes that by 1e-9
    assert value((10**9, 10**9), (9 * 10**8, 10**8)) == pytest.approx(0.4 * math.log(9), rel=1e-8)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("pair", [Pair((), (1.5, 2.5)), Pair((1.5, 2.5), (None, math.nan))])
def test_it_cannot_be_computed_where_a_side_has_no_values(pair: Pair, path: str):
    (row,) = measured(METRIC, [pair], path=path)
    assert row["value"] is None
    assert "no values" in row["reason"]
