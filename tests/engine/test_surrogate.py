"""Importance of features by a model that is learned for it: from what, and that it is always the same."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import Scores, score, signals, table

import driftline
from driftline.engine.errors import ConfigError
from driftline.engine.joint import Axis
from driftline.engine.project import Attribution, Roles
from driftline.engine.store import Store
from driftline.engine.surrogate import Learned, importances

Side = dict[str, Any]

IMPORTANCE = "feature_importance"
NDCG = "normalized_discounted_cumulative_gain"
LEARNED = Attribution("surrogate_model")
SIGNALS = tuple(replace(signal, attribution=LEARNED) for signal in signals([NDCG]))
ROLES = Roles(correlation_id="id", prediction="p")
NUMBER, TEXT = Axis(), Axis((), ("a", "b"), ("a", "b"))


def told(seed: int, rows: int, weights: tuple[float, float] = (3.0, 1.0)) -> Side:
    """Two numbers and a category, of which the numbers make the prediction."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, rows))
    return {
        "id": list(range(rows)),
        "x": x.tolist(),
        "y": y.tolist(),
        "c": [("a", "b", "d")[k] for k in rng.integers(0, 3, rows)],
        "p": (weights[0] * x + weights[1] * y).tolist(),
    }


def weighed(reference: Side, production: Side, **given: Any) -> Scores:
    return score(reference, production, **{"signals": SIGNALS, "roles": ROLES, **given})


def both(found: Scores, feature: str) -> list[float | None]:
    row = found[feature, IMPORTANCE]
    return [row["reference_value"], row["value"]]


# By hand


def test_a_feature_is_as_important_as_it_moves_what_is_said():
    # of a sum, the SHAP value of x is 3 (x - mean of x), but for how well trees learn it
    reference, production = told(1, 1_500), told(2, 1_500, (0.5, 2.0))
    found = weighed(reference, production)
    for name, weights in (("x", (3.0, 0.5)), ("y", (1.0, 2.0))):
        for value, weight, side in zip(
            both(found, name), weights, (reference, production), strict=True
        ):
            x = np.array(side[name])
            assert value == pytest.approx(float(np.abs(weight * (x - x.mean())).mean()), rel=0.1)
    assert max(value or 0 for value in both(found, "c")) < 0.02
    order = found["__all__", NDCG]
    assert order["reason"] == "a surrogate: SHAP values of trees that learned 'p'"
    assert (order["value"], order["status"]) == (pytest.approx(0.797, abs=0.02), "ok")


# Oracle


def test_it_is_azures_model_of_the_rows_in_the_order_of_their_ids_hashes():
    side = told(3, 400)
    side["x"][7], side["c"][9], side["p"][11] = None, None, None
    found = weighed(side, told(4, 200))
    order = sorted(range(400), key=lambda k: hashlib.md5(str(k).encode()).hexdigest())
    kept = [k for k in order if side["p"][k] is not None]
    often = sorted("abd", key=lambda word: (-side["c"].count(word), word))
    x = np.array(
        [
            [
                np.nan if side["x"][k] is None else side["x"][k],
                side["y"][k],
                np.nan if side["c"][k] is None else often.index(side["c"][k]),
            ]
            for k in kept
        ]
    )
    data = lightgbm.Dataset(
        x, np.array([side["p"][k] for k in kept]), categorical_feature=[2], params={"verbose": -1}
    )
    model = lightgbm.train(
        {
            "objective": "l2",
            "max_depth": 5,
            "learning_rate": 0.1,
            "seed": 777,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "verbose": -1,
        },
        data,
        num_boost_round=200,
    )
    wanted = np.abs(model.predict(x, pred_contrib=True))[:, :3].mean(axis=0)
    values = [both(found, name)[0] for name in ("x", "y", "c")]
    assert values == pytest.approx(wanted.tolist(), rel=1e-9)
    assert found["x", IMPORTANCE]["n_reference"] == 399


@pytest.mark.parametrize("classes", [2, 3])
def test_classes_are_learned_as_classes(classes: int):
    rng = np.random.default_rng(5)
    x = rng.normal(size=300)
    words = ["a", "b", "other"]
    said = [words[min(classes - 1, int(value > 0) + int(value > 1))] for value in x]
    rows = [(word, value, value * 0) for word, value in zip(said, x.tolist(), strict=True)]
    n, (told_x, told_none) = importances(rows, [Learned(NUMBER)] * 2, Learned(TEXT))
    assert n == 300
    assert told_none == 0
    assert told_x is not None
    assert told_x > 1


# Properties


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_rows_changes_no_bit(seed: int):
    side = told(seed % 1000, 120)
    order = np.random.default_rng(seed).permutation(120)
    shuffled = {name: [values[k] for k in order] for name, values in side.items()}
    # rows of one id, too
    for each in (side, shuffled):
        each["id"] = [k // 3 for k in each["id"]]
    found = weighed(side, shuffled)
    for name in ("x", "y", "c"):
        before, after = both(found, name)
        assert before == after
        assert before is not None
        assert before >= 0


# Corners


def test_no_more_rows_are_fetched_than_are_learned_from(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("driftline.engine.execute.SAMPLE", 50)
    found = weighed(told(6, 400), told(7, 40))
    row = found["x", IMPORTANCE]
    assert (row["n_reference"], row["n_production"]) == (50, 40)
    (sent,) = [each for each in found.run.statements if each["step"] == "surrogate"]
    assert sent["rows_returned"] == 90


def test_an_id_that_says_nothing_draws_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("driftline.engine.execute.SAMPLE", 50)
    side = {**told(6, 60), "id": [1] * 60}
    found = weighed(side, side)
    order = found["__all__", NDCG]
    assert (order["status"], order["value"]) == ("insufficient_data", None)


def test_rows_are_drawn_without_an_id_too(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("driftline.engine.execute.SAMPLE", 50)
    side = told(6, 60)
    del side["id"]
    found = weighed(side, side, roles=Roles(prediction="p"))
    assert both(found, "x")[0] == both(found, "x")[1]
    assert found["x", IMPORTANCE]["n_reference"] == 50


def test_what_is_said_once_is_moved_by_nothing():
    assert importances([(1.0, 2.0), (1.0, 3.0)], [Learned(NUMBER)], Learned(NUMBER)) == (2, [0.0])
    assert importances([], [Learned(NUMBER)], Learned(NUMBER)) == (0, [None])
    assert importances([(None, 2.0)], [Learned(NUMBER)], Learned(NUMBER)) == (0, [None])


def test_values_beyond_all_others_and_of_no_kept_name_are_values():
    column = Learned(TEXT).numbers(["b", None, "zzz", "a"])
    assert column.tolist() == pytest.approx([1, np.nan, 2, 0], nan_ok=True)
    assert np.isfinite(Learned(NUMBER).numbers([np.inf, -np.inf])).all()


def test_without_lightgbm_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("driftline.engine.surrogate.find_spec", lambda _: None)
    with pytest.raises(ConfigError) as error:
        weighed(told(1, 20), told(1, 20))
    assert error.value.message == (
        "the source surrogate_model needs the package lightgbm, which is not installed"
    )
    assert error.value.hint == "pip install 'driftline[surrogate]'"


# Over time, and kept

PROJECT = """\
monitors:
  - name: m
    min_rows: 0
    production: {table: production.parquet, timestamp: at, window: {size: P1D}}
    reference: {table: reference.parquet, frozen: true}
    columns: {correlation_id: id, prediction: p}
    signals: {feature_attribution_drift: {ndcg: 0.9, attribution: {source: surrogate_model}}}
"""


def test_a_backfill_leaves_the_rows_of_single_runs_and_a_frozen_reference_is_learned_once(
    tmp_path: Path,
):
    days = [datetime(2026, 3, 1 + k // 100, tzinfo=UTC) for k in range(200)]
    for name in ("one", "many"):
        (tmp_path / name).mkdir()
        side = table(told(9, 200)).append_column("at", pa.array(days))
        pq.write_table(side, tmp_path / name / "production.parquet")
        pq.write_table(table(told(8, 200)), tmp_path / name / "reference.parquet")
        (tmp_path / name / "driftline.yml").write_text(PROJECT, "utf-8")
    driftline.backfill(tmp_path / "many", start="2026-03-01", end="2026-03-03")
    for day in (2, 3):
        driftline.run(tmp_path / "one", at=f"2026-03-0{day}")
    stores = [Store(tmp_path / name / "driftline.duckdb") for name in ("one", "many")]
    rows = [
        sorted(
            tuple(row.values())
            for row in store.read(
                "select window_end, feature, metric, value, reference_value from metrics"
            ).to_pylist()
        )
        for store in stores
    ]
    assert rows[0] == rows[1]
    sent = [
        row["sql"]
        for row in stores[0].read("from statements order by sequence").to_pylist()
        if row["step"] == "surrogate"
    ]
    assert sorted("reference.parquet" in sql for sql in sent) == [False, True]
