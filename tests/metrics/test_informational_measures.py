"""Measures that inform: by hand, by definition, by properties, at corners, and against thresholds."""

from __future__ import annotations

import math

import oracles
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import Pair, category_pairs, level, number_pairs, searched
from support import PATHS, measured, monitor, run, score, table

from driftline.engine.project import Bound, MetricRule, Signal, Threshold

# metrics of a type of column, by the names of their oracles
OF_NUMBERS = ("zero_rate", "distinct_count", "mean", "stddev", "minimum", "maximum")
OF_TEXTS = ("empty_string_rate", "distinct_count")


def agree(found: float | None, wanted: float | None, pair: Pair) -> bool:
    if found is None or wanted is None:
        return found is wanted
    # sums are of distances from a centre of the reference's: good to the size of the largest number
    numbers = [abs(x) for x in (*pair.reference, *pair.production) if x is not None]
    size = max((x for x in numbers if math.isfinite(x)), default=1.0)
    return math.isclose(found, wanted, rel_tol=1e-9, abs_tol=1e-9 * size)


# By hand


def test_two_of_four_rows_are_zero_and_their_mean_is_a_half():
    (row,) = measured("zero_rate", [Pair((1.0,), (0.0, 0.0, 1.0, None))])
    assert (row["value"], row["reference_value"]) == (0.5, 0)
    (row,) = measured("mean", [Pair((1.0,), (0.0, 0.0, 1.5, None))])
    assert (row["value"], row["reference_value"]) == (0.5, 1)


# Oracle


@pytest.mark.parametrize("metric", OF_NUMBERS)
@searched
@given(
    pairs=st.lists(number_pairs(), min_size=1, max_size=4).map(level), path=st.sampled_from(PATHS)
)
def test_a_measure_of_numbers_is_its_definition(metric: str, pairs: list[Pair], path: str):
    for row, pair in zip(measured(metric, pairs, path=path), pairs, strict=True):
        for name, values in (("value", pair.production), ("reference_value", pair.reference)):
            assert agree(row[name], oracles.measures_of_numbers(values)[metric], pair)


@pytest.mark.parametrize("metric", OF_TEXTS)
@searched
@given(pairs=st.lists(category_pairs(), min_size=1, max_size=4).map(level))
def test_a_measure_of_texts_is_its_definition(metric: str, pairs: list[Pair]):
    for row, pair in zip(measured(metric, pairs), pairs, strict=True):
        for name, values in (("value", pair.production), ("reference_value", pair.reference)):
            assert row[name] == oracles.measures_of_texts(values)[metric]


# Properties


@pytest.mark.parametrize("path", PATHS)
def test_every_value_counts_as_distinct_however_many_there_are(path: str):
    numbers = {"x": [k / 7 for k in range(30_000)]}
    row = score(numbers, numbers, metrics=["distinct_count"], path=path)["x", "distinct_count"]
    assert row["value"] == row["reference_value"] == 30_000


def test_distinct_texts_beyond_the_most_kept_are_counted():
    sides = {"t": [f"v{k % 60}" for k in range(600)]}
    found = score(sides, sides, metrics=["distinct_count"], max_categories=5)
    assert found["t", "distinct_count"]["value"] == 60


def test_measures_that_nobody_asks_for_are_not_counted():
    frames = {side: table({"x": [0.0, 1.5]}) for side in ("reference", "production")}
    asked, not_asked = (
        run(monitor([metric]), frames).statements for metric in ("zero_rate", "mean")
    )
    assert "count_0" in asked[0]["sql"]
    assert "count_0" not in not_asked[0]["sql"]
    assert len(asked) == len(not_asked)


# Corners


@pytest.mark.parametrize("path", PATHS)
def test_infinities_are_left_out_and_told(path: str):
    (row,) = measured("mean", [Pair((1.0, 2.0), (1.0, 3.0, math.inf, -math.inf))], path=path)
    assert row["value"] == 2
    assert row["reason"] == "infinities left out: 2 in production"


@pytest.mark.parametrize("path", PATHS)
def test_both_zeros_are_zero(path: str):
    (row,) = measured("zero_rate", [Pair((1.0,), (0.0, -0.0, None, 5e-324))], path=path)
    assert row["value"] == 0.5


@pytest.mark.parametrize("metric", ["mean", "stddev", "minimum", "maximum"])
def test_a_column_without_numbers_has_no_measure(metric: str):
    (row,) = measured(metric, [Pair((1.5, 2.5), (None, math.nan))])
    assert row["value"] is None
    assert row["status"] == "not_computable"


def test_one_number_has_no_deviation():
    (row,) = measured("stddev", [Pair((1.5, 2.5), (4.0,))])
    assert (row["value"], row["status"]) == (None, "not_computable")


def test_nulls_spaces_and_the_word_null_are_not_empty_texts():
    (row,) = measured(
        "empty_string_rate", [Pair(("a",), ("", None, " ", "NULL", "\t"), is_text=True)]
    )
    assert row["value"] == 0.2


def test_whole_numbers_that_are_categories_are_never_empty():
    found = score({"x": [1, 2, 2]}, {"x": [2, None]}, metrics=["empty_string_rate"])
    row = found["x", "empty_string_rate"]
    assert (row["feature_type"], row["value"], row["reference_value"]) == ("categorical", 0, 0)


def test_neighbours_beyond_the_doubles_are_distinct_integers():
    sides = {"x": pa.array([2**60 + k for k in range(50)], pa.int64())}
    row = score(sides, sides, metrics=["distinct_count"])["x", "distinct_count"]
    assert row["value"] == 50


# Thresholds


def judged(metric: str, bound: Bound, production: list[float]) -> dict:
    kinds = ("numerical", "categorical")
    rule = MetricRule(metric, dict.fromkeys(kinds, Threshold(fail=bound)))
    signal = Signal("data_quality", "data_quality", "reference", (rule,))
    frames = {
        "reference": table({"x": [10.5, 12.5, 13.0]}),
        "production": table({"x": production}),
    }
    rows = run(monitor(signals=(signal,)), frames).metrics
    return next(row for row in rows if row["metric"] == metric)


@pytest.mark.parametrize(
    ("bound", "mean", "status", "threshold", "score"),
    [
        (Bound("max", 13.0), 14.0, "breached", 13.0, 2.0),
        (Bound("max", 13.0), 12.5, "ok", 13.0, 0.5),
        (Bound("min", 11.0), 10.0, "breached", 11.0, 2.0),
        (Bound("increase", 0.1, relative=True), 13.8, "breached", 13.2, 1.5),
        (Bound("decrease", 0.1, relative=True), 11.4, "ok", 10.8, 0.5),
        (Bound("min", 10.0, other=Bound("max", 14.0)), 16.0, "breached", 14.0, 2.0),
        (Bound("min", 10.0, other=Bound("max", 14.0)), 11.0, "ok", 10.0, 0.5),
        (Bound("max", 11.0), 14.0, "breached", 11.0, 10.0),
    ],
)
def test_a_mean_is_judged_by_its_value_alone(
    bound: Bound, mean: float, status: str, threshold: float, score: float
):
    # the reference's mean is 12: the way to a threshold begins there
    row = judged("mean", bound, [mean - 1, mean, mean + 1])
    assert (row["status"], row["q_value"]) == (status, None)
    assert row["threshold"] == pytest.approx(threshold)
    assert row["score"] == pytest.approx(score)


def test_the_sentence_says_the_measure_of_both_sides():
    assert judged("mean", Bound("max", 99), [20.0, 22.0])["summary"] == "mean 12 → 21"
    rate = judged("zero_rate", Bound("increase", 0.1), [0.0, 2.0])
    assert rate["summary"] == "zeros 0 % → 50 %"
    assert rate["status"] == "breached"
