"""Errors of regression: by hand, by their definition, by their properties, at their corners."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import oracles
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn
from strategies import searched
from support import Row, close, score

from driftline.engine.project import Roles

METRICS = (
    "mean_absolute_error",
    "mean_squared_error",
    "root_mean_squared_error",
    "mean_absolute_percentage_error",
    "r2_score",
    "estimated_mean_absolute_error",
)
ROLES = Roles(prediction="prediction", actual="actual", expected_error="expected")
Values = Sequence[object]


def rows(
    actual: Values | pa.Array,
    prediction: Values | pa.Array,
    expected: Values | None = None,
    *,
    reference: Mapping[str, Values] | None = None,
) -> Mapping[str, Row]:
    """The row of each metric of one window."""
    expected = expected or [0.5] * len(actual)
    production = {
        "actual": actual if isinstance(actual, pa.Array) else pa.array(actual, pa.float64()),
        "prediction": prediction
        if isinstance(prediction, pa.Array)
        else pa.array(prediction, pa.float64()),
        "expected": pa.array(expected, pa.float64()),
        "x": pa.array([1.0] * len(actual)),
    }
    before = reference or {"actual": [1.0, 3.0], "prediction": [1.5, 2.0], "expected": [1.0, 1.0]}
    before = {**before, "x": [1.0] * len(before["actual"])}
    found = score(before, production, metrics=METRICS, roles=ROLES, task="regression")
    return {
        row["metric"]: row for row in found.run.metrics if row["signal_type"] == "model_performance"
    }


# By hand


def test_a_miss_by_two_and_a_hit_are_a_mean_error_of_one():
    found = rows([10.0, 4.0], [12.0, 4.0])
    assert found["mean_absolute_error"]["value"] == 1
    assert found["mean_squared_error"]["value"] == 2
    assert found["root_mean_squared_error"]["value"] == math.sqrt(2)
    assert found["mean_absolute_percentage_error"]["value"] == 0.1
    assert found["r2_score"]["value"] == 1 - 4 / 18
    assert found["mean_absolute_error"]["reference_value"] == 0.75
    assert found["mean_absolute_error"]["summary"] == "mean absolute error 0.75 → 1"
    assert found["mean_absolute_error"]["feature"] == "__all__"


# Oracle


@pytest.mark.parametrize(("scale", "offset"), [(1, 0), (1e-9, 0), (1e6, 1e12), (1e-3, -1e4)])
def test_it_is_what_scikit_learn_computes(scale: float, offset: float):
    rng = np.random.default_rng(5)
    actual = rng.normal(0, 1, 400) * scale + offset
    prediction = actual + rng.standard_t(3, 400) * scale / 3
    found = rows(actual, prediction)
    for name in METRICS[:5]:
        wanted = getattr(sklearn, name)(actual, prediction)
        assert found[name]["value"] == pytest.approx(wanted, rel=1e-9), name


NUMBERS = st.one_of(
    st.none(),
    st.sampled_from([0.0, 1.0, -2.5, math.nan, math.inf, -math.inf]),
    st.floats(-1e6, 1e6).map(lambda x: round(x, 3)),
)
PAIRS = st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=25)


@searched
@given(drawn=PAIRS)
def test_it_equals_its_definition_on_any_rows(drawn: list[tuple[float | None, ...]]):
    actual, prediction, expected = zip(*drawn, strict=True)
    found = rows(actual, prediction, expected)
    wanted = oracles.errors(actual, prediction)
    wanted["estimated_mean_absolute_error"] = oracles.mean_of(expected)
    for name in METRICS:
        assert close(found[name]["value"], wanted[name], relative=1e-9, absolute=1e-9), name


# Properties


@searched
@given(seed=st.integers(0, 2**32 - 1), power=st.integers(-30, 30))
def test_a_power_of_two_as_unit_changes_errors_by_it_and_nothing_else(seed: int, power: int):
    rng = np.random.default_rng(seed)
    actual, prediction = rng.normal(3, 2, 40), rng.normal(3, 2, 40)
    unit = 2.0**power
    found, scaled = rows(actual, prediction), rows(actual * unit, prediction * unit)
    assert scaled["mean_absolute_error"]["value"] == found["mean_absolute_error"]["value"] * unit
    assert scaled["mean_squared_error"]["value"] == found["mean_squared_error"]["value"] * unit**2
    for name in ("r2_score", "mean_absolute_percentage_error"):
        assert scaled[name]["value"] == pytest.approx(found[name]["value"], rel=1e-12)


def test_the_order_of_rows_does_not_change_a_bit():
    rng = np.random.default_rng(8)
    actual, prediction = rng.standard_cauchy(3000) * 1e3, rng.standard_cauchy(3000)
    places = rng.permutation(3000)
    found, mixed = rows(actual, prediction), rows(actual[places], prediction[places])
    assert [found[name]["value"] for name in METRICS] == [mixed[name]["value"] for name in METRICS]


def test_one_row_far_off_spoils_no_digit_of_the_others():
    rng = np.random.default_rng(8)
    actual = rng.normal(0, 1, 500)
    prediction = actual + rng.normal(0, 1e-3, 500)
    near = rows(actual, prediction)["mean_absolute_error"]["value"] * 500
    far = rows([*actual, 1e12], [*prediction, 0.0])["mean_absolute_error"]["value"] * 501
    # what a double of 1e12 keeps of them
    assert far - 1e12 == pytest.approx(near, abs=1e-3)


# Corners


def test_no_label_yet_is_no_value_and_says_so():
    found = rows([None, None], [1.0, 2.0])
    for name in METRICS[:5]:
        assert (found[name]["value"], found[name]["status"]) == (None, "insufficient_data")
        assert found[name]["reason"] == "no row of the window has an actual yet"
    assert found["estimated_mean_absolute_error"]["value"] == 0.5
    assert found["label_coverage"]["value"] == 0


def test_actuals_that_do_not_vary_have_no_r2():
    found = rows([5.0, 5.0, 5.0], [4.0, 5.0, 6.0])["r2_score"]
    assert (found["value"], found["status"]) == (None, "not_computable")
    assert found["reason"] == "the actuals do not vary"


def test_actuals_of_zero_have_no_share_and_are_counted():
    found = rows([0.0, 0.0, 4.0], [1.0, 0.0, 5.0])["mean_absolute_percentage_error"]
    assert (found["value"], found["n_production"]) == (0.25, 1)
    assert found["reason"] == "left out, their actual being 0: 2 rows"


def test_what_is_no_number_is_left_out_and_counted():
    found = rows([1.0, math.nan, 3.0, 4.0], [1.0, 2.0, math.inf, None])["mean_absolute_error"]
    assert (found["value"], found["n_production"]) == (0, 1)
    assert found["reason"].startswith("2 rows with an actual left out")


def test_one_row_is_enough_for_errors():
    found = rows([2.0], [1.0])
    assert found["root_mean_squared_error"]["value"] == 1
    assert found["r2_score"]["value"] is None


@pytest.mark.parametrize(
    "values",
    [pa.array([1, 2, 4]), pa.array([1, 2, 4], pa.float32()), pa.array(["1", " 2 ", "4e0"])],
    ids=["integers", "single precision", "texts"],
)
def test_numbers_of_any_type_are_compared(values: pa.Array):
    found = rows(values, [1.0, 3.0, 4.0])["mean_absolute_error"]
    assert found["value"] == pytest.approx(1 / 3)


def test_a_reference_without_labels_is_held_against_nothing():
    before = {"actual": [None, None], "prediction": [1.0, 2.0], "expected": [1.0, 1.0]}
    before["actual"] = pa.array(before["actual"], pa.float64())  # type: ignore[assignment]
    found = rows([1.0], [2.0], reference=before)["mean_absolute_error"]
    assert (found["value"], found["reference_value"], found["n_reference"]) == (1, None, None)
    assert found["status"] == "ok"
