"""Coverage by labels: by hand, by its definition, by its properties, at its corners."""

from __future__ import annotations

import math

import oracles
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import searched
from support import Row, close, score

from driftline.engine.project import Bound, MetricRule, Roles, Signal, Threshold

METRIC = "label_coverage"
LABELS = st.lists(st.one_of(st.none(), st.sampled_from([0.0, 1.5, math.nan])), max_size=20)


def row(labels: list[float | None], task: str = "regression", least: float | None = None) -> Row:
    rule = MetricRule(METRIC, {"__all__": Threshold(least and Bound("min", least))})
    signal = Signal("labels", "model_performance", "reference", (rule,))
    side = {
        "actual": pa.array(labels, pa.float64()),
        "x": pa.array([1.0] * len(labels), pa.float64()),
    }
    before = {"actual": [1.0, None, 1.0, 1.0], "x": [1.0] * 4}
    roles = Roles(prediction="x", actual="actual")
    found = score(before, side, roles=roles, task=task, signals=(signal,))
    return next(each for each in found.run.metrics if each["metric"] == METRIC)


# By hand


def test_two_of_three_rows_have_an_actual():
    found = row([1.0, None, 2.0], least=0.7)
    assert found["value"] == 2 / 3
    assert found["reference_value"] == 0.75
    assert (found["signal"], found["feature"], found["n_production"]) == ("labels", "__all__", 3)
    assert found["status"] == "breached"


# Oracle


@searched
@given(labels=LABELS, task=st.sampled_from(["regression", "classification"]))
def test_it_equals_its_definition_on_any_labels(labels: list[float | None], task: str):
    wanted = oracles.label_coverage(labels)
    assert close(row(labels, task)["value"], wanted, relative=1e-12, absolute=0)


# Properties


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_it_grows_with_every_label_that_arrives(task: str):
    labels: list[float | None] = [None] * 4
    seen = []
    for place in range(4):
        seen.append(row(labels, task)["value"])
        labels[place] = 1.0
    assert seen == [0, 0.25, 0.5, 0.75]


# Corners


def test_a_window_without_rows_has_no_coverage():
    found = row([])
    assert (found["value"], found["status"]) == (None, "insufficient_data")
    assert found["reason"] == "the window has no rows"
