"""The gain of production's order of importance: by hand, by its definition, by its properties, at corners."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import permutations

import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import searched
from support import score, signals

from driftline.engine.project import Attribution, Bound, FeatureSelection, Signal, Threshold

METRIC = "normalized_discounted_cumulative_gain"
SIZES = st.sampled_from([0.0, 1e-12, 0.25, 0.5, 1.0, 3.0, 1e9])


def watched(threshold: Threshold | None = None, **given: object) -> tuple[Signal, ...]:
    (signal,) = signals([METRIC])
    rule = replace(signal.rules[0], thresholds={"__all__": threshold or Threshold()})
    return (replace(signal, rules=(rule,), **given),)


def row(
    reference: Mapping[str, object],
    production: Mapping[str, object],
    threshold: Threshold | None = None,
    **given: object,
) -> dict:
    sides = (
        {
            "x": [1.5],
            **{f"shap_{name}": x if isinstance(x, list) else [x] for name, x in side.items()},
        }
        for side in (reference, production)
    )
    return score(*sides, signals=watched(threshold, **given))["__all__", METRIC]


def gain(reference: Sequence[float], production: Sequence[float]) -> dict:
    sides = ({f"f{k}": float(x) for k, x in enumerate(side)} for side in (reference, production))
    return row(*sides)


# By hand


def test_two_features_that_change_places():
    found = row({"a": 3.0, "b": 1.0}, {"a": 0.1, "b": 0.2})
    second = 1 / math.log2(3)
    assert found["value"] == pytest.approx((1 + 3 * second) / (3 + second), rel=1e-14)
    assert found["reference_value"] == pytest.approx(2 * (1 + second) / (3 + second), rel=1e-14)
    assert (found["feature"], found["feature_type"], found["segment"]) == (
        "__all__",
        None,
        "__all__",
    )
    assert (found["reference"], found["signal_type"]) == ("reference", "feature_attribution_drift")
    assert (found["n_reference"], found["n_production"]) == (1, 1)
    assert found["summary"] == "order of importance kept to 0.797, at random 0.898"


# Oracle


@searched
@given(
    pairs=st.lists(st.tuples(SIZES, SIZES), min_size=2, max_size=9).filter(
        lambda pairs: all(any(side) for side in zip(*pairs, strict=True))
    )
)
def test_it_equals_its_definition_with_any_ties(pairs: list[tuple[float, float]]):
    reference, production = zip(*pairs, strict=True)
    found = gain(reference, production)
    assert found["value"] == pytest.approx(oracles.ndcg(reference, production), abs=1e-12)
    assert found["reference_value"] == pytest.approx(oracles.random_ndcg(reference), abs=1e-12)


def test_the_random_order_is_the_mean_of_all_orders():
    reference = [5.0, 2.0, 1.0, 0.5]
    every = [oracles.ndcg(reference, order) for order in permutations(range(4))]
    found = gain(reference, [1.0, 2.0, 3.0, 4.0])
    assert found["reference_value"] == pytest.approx(np.mean(every), rel=1e-12)


# Properties


@searched
@given(values=st.lists(SIZES, min_size=2, max_size=9).filter(any), scale=st.floats(1e-6, 1e6))
def test_the_same_order_is_one_at_any_scale(values: list[float], scale: float):
    assert gain(values, [x * scale for x in values])["value"] == pytest.approx(1, abs=1e-12)


@searched
@given(
    pairs=st.lists(st.tuples(SIZES, SIZES), min_size=2, max_size=6).filter(
        lambda pairs: all(any(side) for side in zip(*pairs, strict=True))
    ),
    seed=st.integers(0, 99),
)
def test_the_order_of_columns_does_not_matter(pairs: list[tuple[float, float]], seed: int):
    moved = [pairs[k] for k in np.random.default_rng(seed).permutation(len(pairs))]
    before, after = (gain(*zip(*each, strict=True))["value"] for each in (pairs, moved))
    assert before == pytest.approx(after, abs=1e-15)
    assert 0 <= before <= 1


def test_the_order_of_rows_does_not_matter_to_the_last_bit():
    rng = np.random.default_rng(7)
    logged = {name: [*map(float, rng.standard_cauchy(500))] for name in "abcd"}
    found = row(logged, {name: values[::-1] for name, values in logged.items()})
    assert found["value"] == 1
    rows = score(
        *({"x": [1.5], **{f"shap_{n}": v[::step] for n, v in logged.items()}} for step in (1, -1)),
        signals=watched(),
    )
    for name in "abcd":
        told = rows[name, "feature_importance"]
        assert told["value"] == told["reference_value"]


# Corners


@pytest.mark.parametrize(
    ("reference", "production", "reason"),
    [
        ({"a": 1.0}, {"a": 1.0}, "a is the only feature, and one has no order"),
        ({"a": 0.0, "b": 0.0}, {"a": 1.0, "b": 2.0}, "all importances of the reference are zero"),
        ({"a": 1.0, "b": 2.0}, {"a": 0.0, "b": 0.0}, "all importances of production are zero"),
        (
            {"a": 1.0, "b": 2.0, "c": 1.0},
            {"a": 1.0, "b": 2.0, "d": 1.0},
            "the features differ: the reference has no importance of d;"
            " production has no importance of c",
        ),
        (
            {"a": 1.0, "b": 2.0, "c": 3.0},
            {"a": 1.0, "b": [None, math.nan, math.inf], "c": 3.0},
            "the features differ: production has no importance of b",
        ),
        ({"a": 1.0, "b": 2.0}, {}, "production has no importances"),
    ],
)  # fmt: skip
def test_what_has_no_order_says_why(
    reference: dict[str, float], production: dict[str, float], reason: str
):
    found = row(reference, production, Threshold(Bound("min", 0.9)))
    assert (found["value"], found["breached"]) == (None, False)
    assert found["reason"] == found["summary"] == reason
    assert found["status"] == ("insufficient_data" if not production else "not_computable")


@pytest.mark.parametrize(("least", "status"), [(0.79, "ok"), (0.8, "breached")])
def test_an_order_below_the_least_gain_is_a_breach(least: float, status: str):
    found = row({"a": 3.0, "b": 1.0}, {"a": 0.1, "b": 0.2}, Threshold(Bound("min", least)))
    assert (found["status"], found["direction"], found["threshold_kind"]) == (
        status,
        "lower",
        "min",
    )
    assert (found["p_value"], found["q_value"]) == (None, None)


def test_a_threshold_that_a_random_order_passes_is_told():
    found = row({"a": 1.0, "b": 1.0}, {"a": 1.0, "b": 2.0}, Threshold(Bound("min", 0.9)))
    assert found["value"] == 1
    assert found["reason"] == "a random order scores 1: the threshold can hardly ever be passed"


def test_attributions_that_are_null_or_not_finite_are_left_out():
    rows = [None, math.nan, -math.inf, -2.0, 4.0]
    found = score(
        {"x": [1.5], "shap_a": rows, "shap_b": [1.0] * 5},
        {"x": [1.5], "shap_a": [3], "shap_b": [1]},
        signals=watched(),
    )
    assert found["a", "feature_importance"]["reference_value"] == 3
    assert found["a", "feature_importance"]["n_reference"] == 2
    assert found["__all__", METRIC]["value"] == 1


def test_only_the_features_asked_for_are_in_the_order():
    sides = {"a": 3.0, "b": 2.0, "c": 1.0}, {"a": 1.0, "b": 2.0, "c": 9.0}
    found = row(*sides, features=FeatureSelection(exclude=("c",)))
    assert found["value"] == row(*({n: s[n] for n in "ab"} for s in sides))["value"] < 1


def test_a_prefix_that_no_column_has_is_told():
    with pytest.raises(Exception, match="no column of numbers begins with 'lime_'"):
        row({"a": 1.0}, {"a": 1.0}, attribution=Attribution("columns", "lime_"))
