"""The out of bounds rate: by hand, by its definition, by its properties, at its corners."""

from __future__ import annotations

import math

import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import Pair, columns, searched
from support import PATHS, measured, score

from driftline.engine.project import FeatureSettings

METRIC = "out_of_bounds_rate"


# By hand


def test_two_of_five_numbers_outside_the_reference_are_two_fifths():
    (row,) = measured(METRIC, [Pair((1.5, 2.5, 3.5), (1.0, 1.5, 2.0, 3.5, 4.0))])
    assert row["value"] == 0.4
    # of three rows from one law, a fourth is the smallest or the largest half the time
    assert row["reference_value"] == 2 / 4


def test_one_of_four_texts_the_reference_never_had_is_a_quarter():
    (row,) = measured(METRIC, [Pair(("a", "a", "b", "c"), ("a", "b", "c", "d"), is_text=True)])
    assert row["value"] == 0.25
    # two of the reference's four rows hold a value seen once
    assert row["reference_value"] == 2 / 4


# Oracle


@searched
@given(pairs=columns(), path=st.sampled_from(PATHS))
def test_it_equals_its_definition_on_any_columns(pairs: list[Pair], path: str):
    for row, pair in zip(measured(METRIC, pairs, path=path), pairs, strict=True):
        wanted = oracles.of_column(pair.reference, pair.production, is_text=pair.is_text)[METRIC]
        # one quotient of two counts: no tolerance
        assert row["value"] == wanted


# Properties


@searched
@given(pairs=columns(), path=st.sampled_from(PATHS))
def test_nothing_is_outside_of_itself_but_infinities(pairs: list[Pair], path: str):
    same = [Pair(pair.reference, pair.reference, is_text=pair.is_text) for pair in pairs]
    for row, pair in zip(measured(METRIC, same, path=path), same, strict=True):
        infinite = sum(x in (math.inf, -math.inf) for x in pair.reference)
        assert row["value"] == (infinite / len(pair.reference) if pair.reference else None)


def test_chance_alone_gives_what_the_reference_value_says():
    # 40 references of one law; a rate has a deviation of about 0.014, so their mean one of 0.0022
    rng = np.random.default_rng(1)
    pairs = [Pair(*(tuple(rng.normal(size=k).tolist()) for k in (100, 900))) for _ in range(40)]
    rows = measured(METRIC, pairs)
    mean = sum(row["value"] for row in rows) / len(rows)
    assert mean == pytest.approx(rows[0]["reference_value"], abs=3 * 0.0022)


# Corners


@pytest.mark.parametrize("path", PATHS)
def test_the_ends_of_the_range_are_inside(path: str):
    (row,) = measured(METRIC, [Pair((1.5, 2.5), (1.5, 2.5, 2.5))], path=path)
    assert row["value"] == 0


@pytest.mark.parametrize("path", PATHS)
def test_the_nearest_doubles_beyond_the_range_are_outside(path: str):
    production = (math.nextafter(1.5, 0), math.nextafter(2.5, 3), 1.5, 2.5)
    (row,) = measured(METRIC, [Pair((1.5, 2.5), production)], path=path)
    assert row["value"] == 0.5


@pytest.mark.parametrize("path", PATHS)
def test_infinities_are_outside_even_where_the_reference_has_them(path: str):
    (row,) = measured(METRIC, [Pair((-math.inf, 1.5, math.inf), (1.5, math.inf))], path=path)
    assert row["value"] == 0.5


@pytest.mark.parametrize("path", PATHS)
def test_nulls_and_nan_are_not_outside(path: str):
    (row,) = measured(METRIC, [Pair((1.5, 2.5), (None, math.nan, 9.0, 2.0))], path=path)
    assert row["value"] == 0.25


@pytest.mark.parametrize("path", PATHS)
def test_given_bounds_replace_the_references_range(path: str):
    given = {"x": FeatureSettings(type="numerical", bounds=(0.0, 10.0))}
    sides = {"x": [-5.0, 20.0, 3.0]}, {"x": [-0.5, 0.0, 10.0, 10.5, 11.0]}
    row = score(*sides, metrics=[METRIC], path=path, settings=given)["x", METRIC]
    assert row["value"] == 0.6
    assert row["reference_value"] == 0


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("reference", "production", "values"),
    [
        (["a", "b", "z"], ["a", "b", "c", "z"], ("a", "c")),
        ([1, 2, 9] * 9, [1, 2, 3, 9], ("1", "3")),
    ],
    ids=["text", "whole numbers"],
)
def test_given_values_replace_the_references_set(
    reference: list, production: list, values: tuple[str, ...], path: str
):
    given = {"x": FeatureSettings(values=values)}
    sides = {"x": reference}, {"x": production}
    row = score(*sides, metrics=[METRIC], path=path, settings=given)["x", METRIC]
    assert row["value"] == 0.5
    assert row["reference_value"] == 0


def test_an_unseen_category_is_outside_however_many_are_kept():
    labels = tuple(f"c{number}" for number in range(50))
    pair = Pair(labels, ("c0", "c49", "new", "new"), is_text=True)
    (row,) = measured(METRIC, [pair], max_categories=3)
    assert row["value"] == 0.5
    assert row["reference_value"] == 1


@pytest.mark.parametrize("path", PATHS)
def test_whole_numbers_told_as_categories_are_outside_when_unseen(path: str):
    sides = {"x": [1, 2, 3] * 10}, {"x": [1.0, 2.0, 2.5, math.inf, math.nan]}
    found = score(*sides, metrics=[METRIC], path=path)
    assert found.feature("x")["feature_type"] == "categorical"
    assert found["x", METRIC]["value"] == 0.4


def test_an_empty_reference_has_no_bounds():
    (row,) = measured(METRIC, [Pair((None, None), (1.5, 2.5))])
    assert row["reference_value"] is None
