"""Performance without labels: by hand, by its definition, by its properties, at its corners."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import oracles
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import searched
from support import Row, score

from driftline.engine.estimating import Forecast, parts_of
from driftline.engine.project import Roles

METRICS = (
    "estimated_accuracy",
    "estimated_precision_macro",
    "estimated_recall_macro",
    "estimated_f1_macro",
    "estimated_precision",
    "estimated_recall",
    "estimated_f1",
    "estimated_roc_auc",
)
BY_CLASS = METRICS[4:7]


def law(rng: np.random.Generator, rows: int, tilt: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Scores that are too high, and what happens; `tilt` moves scores and not what they mean."""
    scores = rng.beta(0.8 * tilt, 1, rows)
    return scores, rng.random(rows) < scores**1.4


def rows(
    reference: tuple[Sequence[object] | pa.Array, Sequence[float | None]],
    scores: Sequence[float | None],
    actual: Sequence[object] | None = None,
    metrics: Sequence[str] = METRICS,
    roles: Roles | None = None,
) -> dict[tuple[str, str], Row]:
    sides = (
        {
            "actual": y if isinstance(y, pa.Array) else pa.array(y, pa.string()),
            "score": pa.array(s, pa.float64()),
            "x": [1.0] * len(s),
        }
        for y, s in (reference, ([None] * len(scores) if actual is None else actual, scores))
    )
    told = roles or Roles(score="score", actual="actual", positive_class="yes")
    found = score(*sides, metrics=metrics, roles=told, task="classification")
    return {(row["metric"], row["feature"]): row for row in found.run.metrics}


def words(happened: np.ndarray) -> list[str]:
    return np.where(happened, "yes", "no").tolist()


# By hand


def test_scores_that_promise_too_much_are_corrected_by_the_reference():
    # whatever is said to be likely happens half of the time
    found = rows((["yes", "no"] * 10, [0.9] * 20), [0.95, 0.8, 0.99])
    row = found["estimated_accuracy", "__all__"]
    assert row["value"] == 0.5
    assert row["reason"] == "estimated from scores, by 20 labelled rows of the reference"
    assert found["estimated_recall", "yes"]["value"] == 1
    assert found["estimated_precision", "no"]["value"] == 0


# Oracle


@pytest.mark.parametrize("size", [60, 450, 2400])
def test_it_equals_its_definition(size: int):
    rng = np.random.default_rng(size)
    (scores, happened), (ours, _) = law(rng, size), law(rng, 300, 1.6)
    scores, ours = np.round(scores, 2), np.round(ours, 2)
    found = rows((words(happened), scores), ours)
    known = list(zip(words(happened), scores.tolist(), strict=True))
    wanted = oracles.expected_classes(known, ours.tolist())
    for name in METRICS[:7]:
        told = {c: row["value"] for (metric, c), row in found.items() if metric == name}
        expected = wanted[name] if name in BY_CLASS else {"__all__": wanted[name]}
        assert told == pytest.approx(expected, rel=1e-9), name
    area = found["estimated_roc_auc", "__all__"]["value"]
    expected_area = oracles.expected_area(known, ours.tolist()) if size >= 2000 else None
    assert area == (None if expected_area is None else pytest.approx(expected_area, rel=1e-9))


# Properties


@searched
@given(seed=st.integers(0, 2**32 - 1))
def test_the_reference_itself_is_expected_to_do_as_it_did(seed: int):
    rng = np.random.default_rng(seed)
    scores, happened = law(rng, 250)
    found = rows((words(happened), scores), scores, metrics=METRICS[:7])
    for (name, _), row in found.items():
        if name in METRICS:
            assert row["value"] == pytest.approx(row["reference_value"], rel=1e-9)
            if row["ci_low"] is not None:
                assert row["ci_low"] <= row["value"] <= row["ci_high"]


def test_labels_of_the_window_change_no_bit_of_its_estimate():
    rng = np.random.default_rng(5)
    (scores, happened), (ours, theirs) = law(rng, 400), law(rng, 200)
    known = (words(happened), scores)
    before, after = rows(known, ours), rows(known, ours, words(theirs))
    for key, row in before.items():
        assert {**after[key], "run_id": 0, "computed_at": 0} == {
            **row,
            "run_id": 0,
            "computed_at": 0,
        }


@pytest.mark.once
def test_intervals_cover_what_happens_in_simulated_windows():
    rng = np.random.default_rng(11)
    covered = dict.fromkeys(("accuracy", "precision", "recall", "f1", "f1_macro"), 0)
    windows = 200
    for _ in range(windows):
        (scores, happened), (ours, theirs) = law(rng, 2000), law(rng, 500, 1.2)
        edges = np.quantile(
            scores, np.arange(1, parts_of(2000)) / parts_of(2000), method="inverted_cdf"
        )
        known: dict[tuple[str, int], dict[str, int]] = {}
        for part, said, actual in zip(
            np.searchsorted(edges, scores, "right"),
            words(scores >= 0.5),
            words(happened),
            strict=True,
        ):
            of = known.setdefault((said, int(part)), {})
            of[actual] = of.get(actual, 0) + 1
        cells: dict[tuple[str, int], int] = {}
        said = words(ours >= 0.5)
        for part, name in zip(np.searchsorted(edges, ours, "right"), said, strict=True):
            cells[name, int(part)] = cells.get((name, int(part)), 0) + 1
        forecast = Forecast(known, cells, 1)
        real = oracles.classes(words(theirs), said)
        ends = forecast.class_ends()
        told = {
            "accuracy": (forecast.share_ends(), real["accuracy"]),
            "precision": (forecast.share_ends("yes"), real["precision"]["yes"]),  # type: ignore[index]
            "recall": (ends["recall"]["yes"], real["recall"]["yes"]),  # type: ignore[index]
            "f1": (ends["f1"]["yes"], real["f1"]["yes"]),  # type: ignore[index]
            "f1_macro": (ends["f1_macro"]["__all__"], real["f1_macro"]),
        }
        for name, ((low, high), value) in told.items():
            covered[name] += low <= value <= high  # type: ignore[operator]
    assert all(count >= 0.93 * windows for count in covered.values()), covered


# Corners


def test_a_reference_without_labels_is_worth_nothing():
    row = rows(([None] * 5, [0.5] * 5), [0.9])["estimated_accuracy", "__all__"]
    assert row["value"] is None
    assert row["reason"].startswith("there are no scores, or no labelled rows")


def test_a_class_that_the_reference_never_predicts_cannot_be_judged():
    found = rows((["no", "yes"], [0.1, 0.2]), [0.9])
    row = found["estimated_f1_macro", "__all__"]
    assert (row["value"], row["status"]) == (None, "insufficient_data")
    assert row["reason"] == "no labelled row of the reference is predicted to be yes"


def test_three_classes_are_estimated_by_the_surest_one():
    told = {"a": [0.6, 0.3, 0.2, 0.2], "b": [0.2, 0.5, 0.2, 0.7], "c": [0.2, 0.2, 0.6, 0.1]}
    roles = Roles(actual="actual", scores=tuple((name, f"p_{name}") for name in told))
    columns = {f"p_{name}": pa.array(values) for name, values in told.items()}
    before = {"actual": ["a", "b", "c", "c"], "x": [1.0] * 4, **columns}
    after = {**before, "actual": pa.array([None] * 4, pa.string())}
    found = score(before, after, metrics=METRICS, roles=roles, task="classification")
    values = {(row["metric"], row["feature"]): row["value"] for row in found.run.metrics}
    assert values["estimated_accuracy", "__all__"] == 0.75
    assert values["estimated_recall", "c"] == 0.5
    assert values["estimated_roc_auc", "__all__"] is None


def test_scores_that_are_missing_expect_nothing():
    found = rows((["yes", "no"], [0.9, 0.1]), [0.9, None, float("nan")])
    assert found["estimated_accuracy", "__all__"]["n_production"] == 1
