"""Distances are exact, or lie between certified bounds; a verdict that bounds decide is the exact one."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import Final

import numpy as np
import oracles
import pyarrow as pa
import pytest
from hard_columns import hard_columns
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import Pair, columns
from support import Scores, close, monitor, run, score, table

from driftline.engine.cells import Side
from driftline.engine.project import Bound, FeatureSettings, MetricRule, Monitor, Threshold

CERTIFIED: Final = (
    "normalized_wasserstein_distance",
    "kolmogorov_smirnov_distance",
    "two_sample_kolmogorov_smirnov_test",
)
# Distances that no bound is needed for: they are made of counts that are exact once edges are.
BINNED: Final = ("jensen_shannon_distance", "population_stability_index")
SLACK: Final = 1e-9


@cache
def sides() -> tuple[pa.Table, pa.Table]:
    pairs = hard_columns(400)
    return tuple(
        table(
            {
                name: pa.array(list(map(as_double, pair[side])), pa.float64())
                for name, pair in pairs.items()
            }
        )
        for side in (0, 1)
    )


def as_double(value: object) -> float | None:
    return None if value is None else float(value)  # type: ignore[arg-type]


@cache
def found(exact: str, path: str = "coarse") -> Scores:
    types = dict.fromkeys(hard_columns(400), "numerical")
    return score(*sides(), path=path, types=types, exact=exact)


def outside(scores: Scores, name: str, metric: str, truth: float | None) -> list[tuple]:
    """The row, where the truth is not between its bounds."""
    row = scores[name, metric]
    if truth is None:
        return [] if row["value"] is None else [(name, metric, row["value"], truth)]
    if row["value"] is None:
        return [(name, metric, None, truth)]
    low, value, high = (row[key] for key in ("value_low", "value", "value_high"))
    slack = SLACK * abs(truth) + 1e-12
    holds = low - slack <= truth <= high + slack and low <= value <= high
    return [] if holds else [(name, metric, low, value, high, truth)]


@pytest.mark.parametrize("exact", ["never", "when_it_matters"])
def test_the_truth_lies_between_the_bounds_of_every_hard_column(exact: str):
    wrong = []
    for name in sides()[0].column_names:
        truth = oracles.numerical(*(side[name].to_pylist() for side in sides()))
        for metric in CERTIFIED:
            wrong += outside(found(exact), name, metric, truth[metric])
    assert wrong == []


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(pairs=columns(), exact=st.sampled_from(["never", "when_it_matters"]))
def test_the_truth_lies_between_the_bounds_of_any_column(pairs: list[Pair], exact: str):
    pairs = [pair for pair in pairs if not pair.is_text]
    names = [f"column {number}" for number in range(len(pairs))]
    both = (
        {n: pa.array(getattr(p, side), pa.float64()) for n, p in zip(names, pairs, strict=True)}
        for side in ("reference", "production")
    )
    if not names:
        return
    types = dict.fromkeys(names, "numerical")
    scores = score(*both, path="coarse", types=types, exact=exact)
    wrong = []
    for name, pair in zip(names, pairs, strict=True):
        truth = oracles.numerical(pair.reference, pair.production)
        for metric in CERTIFIED:
            wrong += outside(scores, name, metric, truth[metric])
    assert wrong == []


def test_bounds_are_one_number_where_values_are_exact():
    rows = found("always").run.metrics
    assert all(row["value_low"] == row["value"] == row["value_high"] for row in rows)


def test_without_exactness_some_bounds_stay_apart():
    # otherwise the tests above would say nothing
    rows = [row for row in found("never").run.metrics if row["metric"] in CERTIFIED]
    apart = [
        row for row in rows if row["value"] is not None and row["value_low"] < row["value_high"]
    ]
    assert len(apart) > 20


def test_never_reads_no_single_value_where_quantiles_cut():
    steps = [row["step"] for row in found("never").run.statements]
    assert steps.count("ties") <= 1
    sent = [row["sql"] for row in found("never").run.statements if row["step"] == "ties"]
    assert not any("when" not in sql for sql in sent), "only columns without a grid are counted so"


def test_rows_of_a_bin_that_reaches_past_both_bounds_are_beyond_them_once():
    names = ("out_of_bounds_rate",)
    x = np.random.default_rng(4).normal(0, 1, 400)
    sides = {"x": pa.array(x * 1e9)}, {"x": pa.array(x)}
    bounded = {"x": FeatureSettings(type="numerical", bounds=(-0.01, 0.01))}

    def rate(exact: str) -> float:
        found = score(*sides, metrics=names, path="coarse", settings=bounded, exact=exact)
        return found["x", names[0]]["value"]

    assert rate("never") == 1
    assert 0.9 < rate("always") < 1


@pytest.mark.parametrize("metric", BINNED)
def test_bins_are_exact_when_it_matters(metric: str):
    assert found("when_it_matters").values(metric) == found("always").values(metric)


def judged(exact: str, limit: float) -> Scores:
    rng = np.random.default_rng(3)
    frames = {
        name: pa.table({f"x{k}": rng.normal(moved * k / 40, 1, rows) for k in range(20)})
        for name, moved, rows in (("reference", 0, 2000), ("production", 1, 1500))
    }
    return Scores(run(limited(exact, limit), frames, path="coarse"))


def limited(exact: str, limit: float) -> Monitor:
    watched = monitor(["normalized_wasserstein_distance"], exact=exact)
    threshold = {"numerical": Threshold(fail=Bound("max", limit))}
    drift = watched.signals[0]
    rules = (MetricRule("normalized_wasserstein_distance", threshold),)
    return replace(watched, signals=(replace(drift, rules=rules), *watched.signals[1:]))


@pytest.mark.parametrize("limit", [0.05, 0.2, 0.4])
def test_a_verdict_is_that_of_the_exact_value(limit: float):
    exact, mattering = judged("always", limit), judged("when_it_matters", limit)
    for key, row in exact.by_key.items():
        assert mattering[key]["breached"] == row["breached"]
        assert mattering[key]["status"] == row["status"]
    apart = [r for r in mattering.run.metrics if r["value_low"] != r["value_high"]]
    settled = [
        r
        for r in mattering.run.metrics
        if r["metric"] == "normalized_wasserstein_distance" and r["value_low"] == r["value_high"]
    ]
    # what lies far from the threshold stays between bounds, what is near is exact
    assert apart
    assert all(not r["value_low"] <= limit < r["value_high"] for r in apart)
    for row in settled:
        truth = exact[row["feature"], row["metric"]]["value"]
        assert row["value"] == pytest.approx(truth, rel=1e-12)


def test_only_features_that_straddle_are_read_again():
    metric = "normalized_wasserstein_distance"
    bounds = judged("never", 0.2)
    row = max(
        (bounds[f"x{k}", metric] for k in range(20)), key=lambda r: r["value_high"] - r["value_low"]
    )
    assert row["value_low"] < row["value_high"]
    found = judged("when_it_matters", row["value"])
    ties = [each["sql"] for each in found.run.statements if each["step"] == "ties"]
    # first the bins that hold edges and quantiles, then those of features near the threshold
    near = set(re.findall(r'"(x\d+)"', ties[-1]))
    assert len(ties) == 2
    assert row["feature"] in near
    assert len(near) < 10
    settled = found[row["feature"], metric]
    assert settled["value_low"] == settled["value_high"]


def steps_of(scores: Scores) -> list[str]:
    return [row["step"] for row in scores.run.statements]


def test_open_bins_that_hold_much_are_counted_in_finer_ones_before_values_are_read():
    coarse, finer = (found("always", path) for path in ("coarse", "finer"))
    read = [
        sum(row["rows_returned"] for row in each.run.statements if row["step"] == "ties")
        for each in (coarse, finer)
    ]
    assert steps_of(coarse).count("histogram") < steps_of(finer).count("histogram")
    assert read[1] < read[0]


def test_finer_bins_that_do_not_ascend_are_not_used(monkeypatch: pytest.MonkeyPatch):
    cut = Side.cut

    def torn(side: Side, parents: np.ndarray, finer: Side) -> Side:
        whole = cut(side, parents, finer)
        return replace(whole, low=np.minimum(whole.low, np.roll(whole.high, 1)))

    monkeypatch.setattr(Side, "cut", torn)
    scores = score(
        *sides(), path="finer", types=dict.fromkeys(hard_columns(400), "numerical"), exact="always"
    )
    assert "histogram" in steps_of(scores)
    wanted = found("always")
    apart = [
        row
        for row in scores.run.metrics
        if not close(
            row["value"],
            wanted[row["feature"], row["metric"]]["value"],
            relative=1e-12,
            absolute=1e-15,
        )
    ]
    assert apart == []
