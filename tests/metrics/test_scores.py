"""Metrics of scores: by hand, by their definition, by their properties, at their corners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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

METRICS = ("roc_auc", "log_loss", "brier_score", "expected_calibration_error")
BEFORE = ([1, 0], [0.75, 0.25])


def rows(
    actual: Sequence[object] | pa.Array,
    scores: Sequence[float | None] | Mapping[str, Sequence[float | None]],
    *,
    before: tuple[Any, Any] = BEFORE,
    **roles: Any,
) -> dict[str, Row]:
    """The row of each metric of one window; of a score, or of one for each class."""

    def side(y: Any, told: Any) -> dict[str, Any]:
        columns = told if isinstance(told, Mapping) else {"score": told}
        actuals = y if isinstance(y, pa.Array) else pa.array(y)
        numbers = {f"p {name}": pa.array(x, pa.float64()) for name, x in columns.items()}
        return {"actual": actuals, "x": pa.array([1.0] * len(y)), **numbers}

    if isinstance(scores, Mapping):
        given_roles = {"scores": tuple((name, f"p {name}") for name in scores)}
        before = (actual, scores) if before is BEFORE else before
    else:
        given_roles = {"score": "p score"}
    found = score(
        side(*before),
        side(actual, scores),
        metrics=METRICS,
        roles=Roles(actual="actual", **given_roles, **roles),
        task="classification",
    )
    return {row["metric"]: row for row in found.run.metrics}


# By hand


def test_three_scores_of_which_one_is_in_the_wrong_place():
    found = rows([1, 0, 1], [0.9, 0.8, 0.7])
    assert found["roc_auc"]["value"] == 0.5
    assert found["brier_score"]["value"] == pytest.approx((0.01 + 0.64 + 0.09) / 3)
    assert found["expected_calibration_error"]["value"] == pytest.approx((0.1 + 0.8 + 0.3) / 3)


# Oracle


def tied(rng: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores with many ties, 0 and 1 among them, and what happened."""
    scores = np.round(rng.beta(0.6, 0.9, rows), 2)
    return scores, (rng.random(rows) < scores).astype(int)


def test_it_is_what_scikit_learn_computes_ties_and_all():
    scores, actual = tied(np.random.default_rng(1), 600)
    found = rows(actual, scores)
    wanted = {
        "roc_auc": sklearn.roc_auc_score(actual, scores),
        "log_loss": sklearn.log_loss(actual, scores),
        "brier_score": sklearn.brier_score_loss(actual, scores),
    }
    for name, value in wanted.items():
        assert found[name]["value"] == pytest.approx(value, rel=1e-9), name


def test_scores_of_three_classes_are_what_scikit_learn_computes():
    rng = np.random.default_rng(2)
    shares = rng.dirichlet([1, 1, 1], 300)
    names = np.array(["a", "b", "c"])
    actual = names[[rng.choice(3, p=row) for row in shares]]
    found = rows(actual.tolist(), dict(zip(names, shares.T, strict=True)))
    wanted = {
        "roc_auc": sklearn.roc_auc_score(actual, shares, multi_class="ovr"),
        "log_loss": sklearn.log_loss(actual, shares),
        "brier_score": sklearn.brier_score_loss(actual, shares, scale_by_half=False),
    }
    for name, value in wanted.items():
        assert found[name]["value"] == pytest.approx(value, rel=1e-9), name
    assert found["roc_auc"]["ci_low"] is None


SCORES = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 40).map(lambda k: k / 40)), min_size=1, max_size=40
)


@searched
@given(drawn=SCORES)
def test_it_equals_its_definition_on_any_rows(drawn: list[tuple[int, float]]):
    actual, scores = zip(*drawn, strict=True)
    found = rows(actual, scores)
    wanted = oracles.scores(list(map(str, actual)), {"1": scores}, "1")
    for name in METRICS:
        assert close(found[name]["value"], wanted[name], relative=1e-9, absolute=1e-12), name
    told = oracles.area([a == 1 for a in actual], scores)
    if told is not None and not np.isnan(told[1]):
        low, high = (found["roc_auc"][end] for end in ("ci_low", "ci_high"))
        reach = 1.959963984540054 * told[1]
        assert low == pytest.approx(max(0, told[0] - reach), abs=1e-9)
        assert high == pytest.approx(min(1, told[0] + reach), abs=1e-9)


@searched
@given(seed=st.integers(0, 2**32 - 1))
def test_scores_of_classes_equal_their_definition(seed: int):
    rng = np.random.default_rng(seed)
    names = ("a", "b", "c", "d")
    shares = rng.multinomial(8, [0.25] * 4, 25) / 8
    # one of them is a class that has no score
    actual = [("a", "b", "c", "d", "e")[k] for k in rng.integers(0, 5, 25)]
    told = dict(zip(names, shares.T.tolist(), strict=True))
    found, wanted = rows(actual, told), oracles.scores(actual, told)
    for name in METRICS:
        assert close(found[name]["value"], wanted[name], relative=1e-9, absolute=0), name


# Properties


@searched
@given(seed=st.integers(0, 2**32 - 1))
def test_the_area_knows_nothing_but_the_order_and_turns_with_the_class(seed: int):
    scores, actual = tied(np.random.default_rng(seed), 60)
    area = rows(actual, scores)["roc_auc"]["value"]
    stretched = rows(actual, scores**3 * 700 - 20)["roc_auc"]
    assert stretched["value"] == area
    turned = rows(actual, scores, positive_class="0")["roc_auc"]["value"]
    assert area is None or turned == pytest.approx(1 - area)


def test_two_classes_say_what_the_positive_one_says_alone():
    scores, actual = tied(np.random.default_rng(9), 200)
    texts = ["yes" if y else "no" for y in actual]
    both = rows(texts, {"no": 1 - scores, "yes": scores}, positive_class="yes")
    alone = rows(actual, scores)
    for name in METRICS:
        assert both[name]["value"] == pytest.approx(alone[name]["value"], rel=1e-12), name
    assert both["roc_auc"]["ci_low"] == pytest.approx(alone["roc_auc"]["ci_low"])


def test_a_perfect_model_has_the_calibration_error_of_chance():
    rng = np.random.default_rng(3)
    found = []
    for _ in range(6):
        scores = rng.random(2000)
        row = rows((rng.random(2000) < scores).astype(int), scores)["expected_calibration_error"]
        found.append(row["value"] / row["reference_value"])
    assert np.mean(found) == pytest.approx(1, abs=0.3)


# Corners


def test_one_class_has_no_area_and_the_reason_names_it():
    found = rows([1, 1], [0.5, 0.75])
    row = found["roc_auc"]
    assert (row["value"], row["status"]) == (None, "not_computable")
    assert row["reason"] == "all rows or none are of the class 1"
    assert found["brier_score"]["value"] is not None


def test_a_constant_score_is_a_toss():
    found = rows([1, 0, 0, 1], [0.5] * 4)
    assert (found["roc_auc"]["value"], found["expected_calibration_error"]["value"]) == (0.5, 0)


def test_scores_outside_of_zero_and_one_order_rows_and_are_no_probabilities():
    found = rows([1, 0, 0], [7.0, -3.0, 0.5])
    assert found["roc_auc"]["value"] == 1
    for name in METRICS[1:]:
        assert (found[name]["value"], found[name]["status"]) == (None, "not_computable")
        assert found[name]["reason"].startswith("2 rows left no value")


def test_missing_scores_and_nan_are_left_out_and_counted():
    found = rows([1, 0, 1, 0], [0.9, 0.2, None, float("nan")])
    assert (found["log_loss"]["n_production"], found["roc_auc"]["n_production"]) == (2, 2)
    assert found["log_loss"]["reason"].startswith("2 rows with an actual left out")


def test_sure_and_wrong_costs_what_a_double_can_tell():
    assert rows([0], [1.0])["log_loss"]["value"] == pytest.approx(52 * np.log(2))


def test_a_class_that_never_happens_leaves_the_mean_of_the_others_and_says_so():
    told = {"a": [0.5, 0.2], "b": [0.3, 0.7], "c": [0.2, 0.1]}
    row = rows(["a", "b"], told)["roc_auc"]
    assert row["value"] == 1
    assert row["reason"] == "all rows or none are of the class c"
