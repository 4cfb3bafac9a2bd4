"""A million rows with ties: metrics beside scikit-learn, and what features tell beside NumPy."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics as sklearn
from support import Scores, score, signals

from driftline.engine.project import MUTUAL_INFORMATION, BinRule, Roles

ROWS = 1_000_000
NDCG = "normalized_discounted_cumulative_gain"
IMPORTANCE = "feature_importance"
JUDGED = ("roc_auc", "log_loss", "brier_score", "f1")
EDGES = (-1.0, 0.0, 0.25, 1.0, 2.0)
# Mean sizes of attributions on both sides: two features change places, two are alike.
SIZES = {"a": (4.0, 4.0), "b": (3.0, 1.0), "c": (2.0, 2.5), "d": (1.0, 0.5), "e": (0.25, 0.5)}


def judged_rows(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores of 99 values, and what happened."""
    rng = np.random.default_rng(rows)
    scores = np.clip(np.round(rng.beta(0.6, 0.9, rows), 2), 0.01, 0.99)
    return scores, (rng.random(rows) < scores**1.5).astype(int)


def numbers(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Predictions in tenths, and what they were of."""
    rng = np.random.default_rng(rows)
    prediction = np.round(rng.gamma(2, 20, rows), 1)
    return prediction, np.round(prediction + rng.normal(3, 15, rows))


def attributions(rows: int, side: int) -> dict[str, np.ndarray]:
    """Attributions in sixteenths, those of features alike the same."""
    rng = np.random.default_rng(rows)
    told = rng.normal(size=rows)
    return {
        f"shap_{name}": np.round(16 * sizes[side] * told * rng.choice([-1, 1], rows)) / 16
        for name, sizes in SIZES.items()
    }


def informed_rows(rows: int) -> dict[str, np.ndarray]:
    """A number and a category, each of few values, and a prediction that both tell something of."""
    rng = np.random.default_rng(rows)
    x = np.round(rng.normal(0.4, 1, rows), 1)
    c = rng.integers(0, 7, rows)
    p = np.round(x / 2 + c / 6 + rng.normal(size=rows), 1)
    return {"x": x, "c": np.array([f"w{k}" for k in range(7)])[c], "p": p}


@pytest.fixture(scope="module")
def judged() -> Scores:
    def side(rows: int) -> dict[str, pa.Array]:
        scores, actual = judged_rows(rows)
        return {"score": pa.array(scores), "actual": pa.array(actual)}

    roles = Roles(score="score", actual="actual")
    return score(side(1_000), side(ROWS), metrics=JUDGED, roles=roles, task="classification")


@pytest.mark.parametrize("metric", JUDGED)
def test_what_is_said_of_scores_is_what_scikit_learn_says(judged: Scores, metric: str):
    scores, actual = judged_rows(ROWS)
    wanted = {
        "roc_auc": lambda: sklearn.roc_auc_score(actual, scores),
        "log_loss": lambda: sklearn.log_loss(actual, scores),
        "brier_score": lambda: sklearn.brier_score_loss(actual, scores),
        "f1": lambda: sklearn.f1_score(actual, scores >= 0.5),
    }[metric]()
    (found,) = (
        row["value"]
        for row in judged.run.metrics
        if row["metric"] == metric and row["feature"] in ("__all__", "1")
    )
    assert found == pytest.approx(wanted, rel=1e-9)


def test_r2_is_what_scikit_learn_says():
    def side(rows: int) -> dict[str, pa.Array]:
        prediction, actual = numbers(rows)
        return {"prediction": pa.array(prediction), "actual": pa.array(actual)}

    roles = Roles(prediction="prediction", actual="actual")
    found = score(side(1_000), side(ROWS), metrics=["r2_score"], roles=roles, task="regression")
    prediction, actual = numbers(ROWS)
    wanted = sklearn.r2_score(actual, prediction)
    assert found["__all__", "r2_score"]["value"] == pytest.approx(wanted, rel=1e-9)


def test_the_gain_of_an_order_of_importance_is_what_scikit_learn_says():
    sides = attributions(ROWS // 2, 0), attributions(ROWS, 1)
    found = score(
        *({"x": [1.5], **{k: pa.array(v) for k, v in side.items()}} for side in sides),
        metrics=[NDCG],
    )
    reference, production = (
        [math.fsum(np.abs(column)) / len(column) for column in side.values()] for side in sides
    )
    # sixteenths of one draw: two sizes alike are so to the last digit
    assert production[3] == production[4]
    wanted = sklearn.ndcg_score([reference], [production])
    assert wanted < 0.999
    assert found["__all__", NDCG]["value"] == pytest.approx(wanted, rel=1e-12)


@pytest.fixture(scope="module")
def informed() -> Scores:
    asked = (replace(each, attribution=MUTUAL_INFORMATION) for each in signals([NDCG]))
    return score(
        informed_rows(ROWS // 2),
        informed_rows(ROWS),
        signals=tuple(asked),
        roles=Roles(prediction="p"),
        types={"x": "numerical", "p": "numerical"},
        bins=BinRule("edges", edges=(-math.inf, *EDGES, math.inf)),
    )


@pytest.mark.parametrize("feature", ["x", "c"])
@pytest.mark.parametrize(("side", "rows"), [("reference_value", ROWS // 2), ("value", ROWS)])
def test_what_a_feature_tells_is_what_numpy_counts(
    informed: Scores, feature: str, side: str, rows: int
):
    columns = informed_rows(rows)
    target = np.searchsorted(EDGES, columns["p"], side="right")
    if feature == "x":
        place = np.searchsorted(EDGES, columns["x"], side="right")
    else:
        place = np.unique(columns["c"], return_inverse=True)[1]
    joint = np.zeros((place.max() + 1, target.max() + 1))
    np.add.at(joint, (place, target), 1)
    p = joint / rows
    alone = p.sum(axis=1, keepdims=True) * p.sum(axis=0)
    held = p > 0
    told = float((p[held] * np.log(p[held] / alone[held])).sum())
    by_chance = (held.sum() - joint.shape[0] - joint.shape[1] + 1) / (2 * rows)
    assert informed[feature, IMPORTANCE][side] == pytest.approx(told - by_chance, rel=1e-11)
