"""The null value rate: by hand, by its definition, by its properties, at its corners."""

from __future__ import annotations

import math

import oracles
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import Pair, columns, searched
from support import PATHS, measured, score

METRIC = "null_value_rate"


# By hand


def test_one_null_and_one_nan_of_four_rows_are_one_half():
    (row,) = measured(METRIC, [Pair((1.5, 2.5), (1.5, None, math.nan, 2.5))])
    assert row["value"] == 0.5
    assert row["reference_value"] == 0


# Oracle


@searched
@given(pairs=columns(), path=st.sampled_from(PATHS))
def test_it_equals_its_definition_on_any_columns(pairs: list[Pair], path: str):
    # one quotient of two counts: no tolerance
    for row, pair in zip(measured(METRIC, pairs, path=path), pairs, strict=True):
        assert row["value"] == oracles.null_rate(pair.production)
        assert row["reference_value"] == oracles.null_rate(pair.reference)


# Properties


@searched
@given(pairs=columns(), path=st.sampled_from(PATHS))
def test_it_counts_all_rows_of_both_sides(pairs: list[Pair], path: str):
    for row, pair in zip(measured(METRIC, pairs, path=path), pairs, strict=True):
        assert row["n_reference"] == len(pair.reference)
        assert row["n_production"] == len(pair.production)


def test_the_two_sides_swap_when_the_tables_do():
    pair = Pair((1.5, None, None, 4.5), (None, 2.5, 3.5, 4.5, 5.5))
    there, back = (
        measured(METRIC, [pair]),
        measured(METRIC, [Pair(pair.production, pair.reference)]),
    )
    assert (there[0]["value"], there[0]["reference_value"]) == (0.2, 0.5)
    assert (back[0]["value"], back[0]["reference_value"]) == (0.5, 0.2)


# Corners


@pytest.mark.parametrize("path", PATHS)
def test_a_column_of_nulls_is_1(path: str):
    (row,) = measured(METRIC, [Pair((1.5, 2.5), (None, None))], path=path)
    assert row["value"] == 1


def test_an_empty_text_is_not_null():
    (row,) = measured(METRIC, [Pair(("a", "b"), ("", " ", "NULL", "nan"), is_text=True)])
    assert row["value"] == 0


@pytest.mark.parametrize("path", PATHS)
def test_infinities_are_not_null(path: str):
    (row,) = measured(METRIC, [Pair((1.5, 2.5), (math.inf, -math.inf))], path=path)
    assert row["value"] == 0


def test_nan_in_a_number_column_told_as_categories_is_null():
    nan = {"x": [1.5, 2.5, math.nan, None]}
    row = score(nan, nan, metrics=[METRIC], types={"x": "categorical"})["x", METRIC]
    assert row["value"] == row["reference_value"] == 0.5


def test_nan_where_the_reference_has_text_is_null():
    row = score({"x": ["a", "b"]}, {"x": [1.5, math.nan]}, metrics=[METRIC])["x", METRIC]
    assert row["value"] == 0.5


@pytest.mark.parametrize(
    "column",
    [
        pa.array([None, b"a"]),
        pa.array([None, [1, 2]]),
        pa.array([None, {"a": 1}]),
        pa.array([None, 0], pa.date32()),
        pa.array([None, 0], pa.timestamp("us")),
        pa.array([None, 0], pa.time64("us")),
    ],
    ids=["binary", "list", "struct", "date", "timestamp", "time"],
)
def test_columns_left_out_of_drift_are_still_counted(column: pa.Array):
    sides = {"x": column}
    row = score(sides, sides, metrics=[METRIC])["x", METRIC]
    assert row["value"] == 0.5
    assert row["feature_type"] is None


def test_an_empty_window_has_no_rate():
    (row,) = measured(METRIC, [Pair((1.5, 2.5), ())])
    assert row["value"] is None
    assert row["status"] == "insufficient_data"
