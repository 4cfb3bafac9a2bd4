"""Metrics of predicted classes: by hand, by their definition, by their properties, at their corners."""

from __future__ import annotations

from collections.abc import Sequence
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

WHOLE = ("accuracy", "precision_macro", "recall_macro", "f1_macro", "f1_weighted")
OF_CLASS = ("precision", "recall", "f1")
Values = Sequence[object] | pa.Array


def rows(
    actual: Values,
    other: Values,
    *,
    reference: tuple[Values, Values] = (["a", "b"], ["a", "b"]),
    **roles: Any,
) -> dict[tuple[str, str], Row]:
    """Rows of one window by metric and class; `other` is the prediction, or the score where roles say so."""
    given_roles = roles or {"prediction": "other"}
    sides = (
        {
            name: each if isinstance(each, pa.Array) else pa.array(each, _type(each))
            for name, each in (("actual", y), ("other", x), ("x", [1.0] * len(y)))
        }
        for y, x in (reference, (actual, other))
    )
    found = score(
        *sides,
        metrics=(*WHOLE, *OF_CLASS),
        roles=Roles(actual="actual", **given_roles),
        task="classification",
    )
    return {(row["metric"], row["feature"]): row for row in found.run.metrics}


def _type(values: Sequence[object]) -> pa.DataType | None:
    return pa.string() if all(value is None or isinstance(value, str) for value in values) else None


# By hand


def test_a_class_that_is_mistaken_once_is_seen_in_every_metric():
    found = rows(["a", "a", "b", "b"], ["a", "a", "a", "b"])
    assert found["accuracy", "__all__"]["value"] == 0.75
    assert found["precision", "a"]["value"] == 2 / 3
    assert found["recall", "b"]["value"] == 0.5
    assert found["f1", "b"]["value"] == 2 / 3
    assert found["accuracy", "__all__"]["summary"] == "accuracy 1 → 0.75"
    assert found["label_coverage", "__all__"]["summary"] == "100 % of rows have an actual"


# Oracle


def test_it_is_what_scikit_learn_computes():
    rng = np.random.default_rng(4)
    names = np.array(["cat", "dog", "it's odd", ""])
    actual, other = names[rng.integers(0, 4, 300)], names[rng.integers(0, 3, 300)]
    found = rows(actual.tolist(), other.tolist())
    wanted = {
        "accuracy": sklearn.accuracy_score(actual, other),
        "f1_weighted": sklearn.f1_score(actual, other, average="weighted"),
    }
    with np.errstate(all="ignore"):
        for name, of in (
            ("precision", sklearn.precision_score),
            ("recall", sklearn.recall_score),
            ("f1", sklearn.f1_score),
        ):
            wanted[f"{name}_macro"] = of(actual, other, average="macro", zero_division=0)
            each = of(actual, other, average=None, labels=names, zero_division=0)
            for place, value in zip(names, each, strict=True):
                assert found[name, str(place)]["value"] == pytest.approx(value, rel=1e-9)
    for name, value in wanted.items():
        assert found[name, "__all__"]["value"] == pytest.approx(value, rel=1e-9), name


CLASS = st.one_of(st.none(), st.sampled_from(["a", "b", "c", "né", ""]))


@searched
@given(drawn=st.lists(st.tuples(CLASS, CLASS), min_size=1, max_size=30))
def test_it_equals_its_definition_on_any_rows(drawn: list[tuple[str | None, str | None]]):
    actual, other = zip(*drawn, strict=True)
    found, wanted = rows(actual, other), oracles.classes(actual, other)
    for name in WHOLE:
        assert close(found[name, "__all__"]["value"], wanted[name], relative=1e-9, absolute=0), name
    for name in OF_CLASS:
        told = {c: row["value"] for (metric, c), row in found.items() if metric == name}
        assert told == pytest.approx(wanted[name]), name


# Properties


@searched
@given(seed=st.integers(0, 2**32 - 1))
def test_right_predictions_score_one_and_shuffled_classes_change_no_average(seed: int):
    rng = np.random.default_rng(seed)
    names = np.array(["a", "b", "c"])
    y, x = rng.integers(0, 3, 40), rng.integers(0, 3, 40)
    found, turned = rows(names[y], names[x]), rows(names[(y + 1) % 3], names[(x + 1) % 3])
    perfect = rows(names[y], names[y])
    for name in WHOLE:
        assert turned[name, "__all__"]["value"] == pytest.approx(found[name, "__all__"]["value"])
        assert perfect[name, "__all__"]["value"] == 1


# Corners


@pytest.mark.parametrize(
    ("actual", "other"),
    [
        (pa.array([1, 0, 1, 1]), pa.array([1.0, 0.0, 0.0, 1.0])),
        (pa.array([True, False, True, True]), pa.array([1, 0, 0, 1])),
        (pa.array([True, False, True, True]), pa.array(["true", "F", "0", "t"])),
        (pa.array(["1", "0", "1", "1"]), pa.array([1, 0, 0, 1])),
        (pa.array([2, 7, 2, 2]), pa.array(["2", "7", "7", " 2 "])),
    ],
)
def test_classes_of_any_type_are_compared_by_value(actual: pa.Array, other: pa.Array):
    found = rows(actual, other, reference=(actual, actual))
    assert found["accuracy", "__all__"]["value"] == 0.75


def test_no_label_yet_is_no_value_and_says_so():
    found = rows([None, None], ["a", "b"])
    row = found["f1_macro", "__all__"]
    assert (row["value"], row["status"]) == (None, "insufficient_data")
    assert row["reason"] == "no row of the window has an actual yet"
    assert found["label_coverage", "__all__"]["value"] == 0
    assert not [key for key in found if key[0] == "f1"]


def test_labels_without_a_prediction_are_left_out_and_counted():
    row = rows(["a", "b", "b"], ["a", None, "b"])["accuracy", "__all__"]
    assert (row["value"], row["n_production"]) == (1, 2)
    assert row["reason"].startswith("1 rows with an actual left out")


def test_a_single_class_is_no_error():
    found = rows(["a"], ["a"], reference=(["a"], ["a"]))
    assert [found[name, "__all__"]["value"] for name in WHOLE] == [1] * 5


def test_a_class_that_only_the_reference_has_has_no_row():
    found = rows(["a"], ["a"])
    assert ("recall", "b") not in found
    assert found["recall", "a"]["reference_value"] == 1


def test_a_score_predicts_from_its_cut_off_on_and_nan_predicts_nothing():
    actual = ["yes", "yes", "no", "no", "no"]
    scores = [0.5, 0.2, 0.49, 0.7, float("nan")]
    given_roles = {"score": "other", "positive_class": "yes"}
    known = (["yes", "no"], [0.9, 0.1])
    found = rows(actual, scores, reference=known, **given_roles)
    assert found["recall", "yes"]["value"] == 0.5
    assert found["precision", "no"]["value"] == 0.5
    assert found["accuracy", "__all__"]["n_production"] == 4
    lower = rows(actual, scores, reference=known, cut_off=0.2, **given_roles)
    assert lower["recall", "yes"]["value"] == 1


def test_a_cut_off_may_depend_on_the_row():
    expression = 'case when "X" > 0 then 0.4 else 0.9 end'
    found = rows(
        [True, False],
        [0.45, 0.3],
        reference=([True, False], [0.9, 0.1]),
        score="other",
        cut_off=expression,
    )
    assert found["accuracy", "__all__"]["value"] == 1
    assert ("f1", "true") in found


def test_what_a_score_is_not_about_is_called_by_its_only_name_else_not_it():
    named = rows(["no", "no"], [0.9, 0.1], reference=(["yes", "no"], [0.9, 0.1]),
                 score="other", positive_class="yes")  # fmt: skip
    assert named["recall", "no"]["value"] == 0.5
    several = rows(["no", "maybe"], [0.1, 0.9], reference=([None, None], [0.9, 0.1]),
                   score="other", positive_class="yes")  # fmt: skip
    assert several["recall", "not yes"]["value"] == 0.5
