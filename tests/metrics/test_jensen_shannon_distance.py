"""The Jensen-Shannon distance: by hand, by its definition, by its properties, at its corners."""

from __future__ import annotations

import math

import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import (
    Pair,
    Table,
    columns,
    searched,
    searched_well,
    tables,
)
from support import PATHS, close, measured, of_bins

METRIC = "jensen_shannon_distance"
# SciPy's textbook form takes the difference of near-equal logarithms; that costs up to 1e-8 of a
# small distance. The metric's own form loses nothing, as the test beside the properties shows.
RELATIVE = 1e-8
ABSOLUTE = 1e-14


def value(a: tuple[int, ...], b: tuple[int, ...]) -> float:
    return of_bins(METRIC, [(a, b)])[0]["value"]


# By hand


def test_halves_that_become_one_whole_are_0_56_apart():
    # JS = 1/2 (1/2 log2 2/3 + 1/2 log2 2) + 1/2 log2 4/3 = 0.3112781 bits
    assert value((5, 5), (10, 0)) == pytest.approx(math.sqrt(1.5 - 0.75 * math.log2(3)), rel=1e-15)


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
    # twelve terms, each within a few units in the last place
    assert value(*table) == pytest.approx(value(*table[::-1]), rel=1e-12, abs=1e-15)


@searched_well
@given(table=tables(most=1000), factor=st.integers(1, 1000))
def test_it_is_0_where_all_shares_agree(table: Table, factor: int):
    counts = table[0]
    assert value(counts, tuple(factor * count for count in counts)) == 0


@searched_well
@given(table=tables(), seed=st.randoms(use_true_random=False))
def test_it_does_not_depend_on_the_order_of_the_bins(table: Table, seed):
    mixed = list(zip(*table, strict=True))
    seed.shuffle(mixed)
    # another order of summing twelve terms
    assert value(*zip(*mixed, strict=True)) == pytest.approx(value(*table), rel=1e-12, abs=1e-15)


@searched_well
@given(table=tables())
def test_it_never_grows_when_two_bins_become_one(table: Table):
    a, b = ((side[0] + sum(side[1:2]), *side[2:]) for side in table)
    assert value(a, b) <= value(*table) * (1 + 1e-12) + 1e-15


@pytest.mark.parametrize("rows", [10**6, 10**9, 10**12, 10**15])
def test_a_single_row_that_changes_bins_is_not_lost_in_rounding(rows: int):
    # d = 1 / (2 * rows) moves between halves: JS = d^2 / ln 2 bits to leading order, so the
    # distance is 1 / (2 * rows * sqrt(2 ln 2)) with p = q = 1/2; the next order is d^2 smaller
    moved = value((rows, rows), (rows - 1, rows + 1))
    assert moved == pytest.approx(1 / (2 * rows * math.sqrt(2 * math.log(2))), rel=1e-6)


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


def test_unseen_categories_count_as_one_bin():
    apart = Pair(("a",) * 4, ("a", "a", "new", "newer"), is_text=True)
    together = Pair(("a",) * 4, ("a", "a", "new", "new"), is_text=True)
    one, other = measured(METRIC, [apart, together])
    assert one["value"] == other["value"]
    assert one["bins"] == 2


def test_infinities_count_in_the_outer_bins():
    wild = Pair((1.5, 2.5, 3.5, 4.5), (-math.inf, 2.5, 3.5, math.inf))
    tame = Pair((1.5, 2.5, 3.5, 4.5), (1.5, 2.5, 3.5, 4.5))
    rows = measured(METRIC, [wild, tame])
    assert rows[0]["value"] == pytest.approx(
        oracles.numerical(wild.reference, wild.production)[METRIC], rel=RELATIVE
    )
