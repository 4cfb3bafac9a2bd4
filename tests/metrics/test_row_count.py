"""The row count: by hand, by its definition, by its properties, at its corners."""

from __future__ import annotations

from dataclasses import replace

import oracles
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import Pair, columns, searched
from support import PATHS, measured, monitor, run, score, table

from driftline.engine.project import Bound, MetricRule, Production, Signal, Source, Threshold

METRIC = "row_count"


def row(rows: int, threshold: Threshold | None = None, *, allow_empty: bool = False) -> dict:
    rule = MetricRule(METRIC, {"__all__": threshold or Threshold()})
    signal = Signal("data_quality", "data_quality", "reference", (rule,))
    source = Source("production", table=("production",))
    watched = replace(
        monitor(), signals=(signal,), production=Production(source, allow_empty=allow_empty)
    )
    frames = {"reference": table({"x": [1.5]}), "production": table({"x": pa.array([2.5] * rows)})}
    return next(r for r in run(watched, frames).metrics if r["metric"] == METRIC)


# By hand


def test_three_rows_are_three_rows():
    found = row(3)
    assert found["value"] == 3
    assert found["feature"] == "__all__"
    assert found["feature_type"] is None
    assert found["summary"] == "3 rows"


# Oracle


@searched
@given(pairs=columns(), path=st.sampled_from(PATHS))
def test_it_equals_its_definition_on_any_columns(pairs: list[Pair], path: str):
    names = [str(number) for number in range(len(pairs))]
    frames = [
        {
            name: pa.array(getattr(pair, side), pa.string() if pair.is_text else pa.float64())
            for name, pair in zip(names, pairs, strict=True)
        }
        for side in ("reference", "production")
    ]
    found = score(*frames, metrics=["null_value_rate"], path=path)["__all__", METRIC]
    assert found["value"] == oracles.rows(pairs[0].production)


# Properties


def test_it_is_written_whatever_the_signals_say():
    pair = Pair((1.5, 2.5), (1.5, 2.5, 3.5))
    sides = {"x": list(pair.reference)}, {"x": list(pair.production)}
    assert score(*sides, metrics=["chebyshev_distance"])["__all__", METRIC]["value"] == 3


def test_it_is_never_held_against_min_rows():
    found = score({"x": [1.5]}, {"x": [1.5]}, min_rows=100)["__all__", METRIC]
    assert found["status"] == "ok"


# Corners


@pytest.mark.parametrize("path", PATHS)
def test_a_window_without_rows_is_a_critical_breach(path: str):
    sides = {"x": [1.5, 2.5]}, {"x": pa.array([], pa.float64())}
    found = score(*sides, path=path)["__all__", METRIC]
    assert (found["value"], found["status"], found["severity"]) == (0, "breached", "critical")


def test_a_window_without_rows_is_fine_where_that_is_allowed():
    assert row(0, allow_empty=True)["status"] == "ok"


@pytest.mark.parametrize(("rows", "status"), [(4, "breached"), (5, "ok"), (6, "ok")])
def test_fewer_rows_than_the_least_asked_for_are_a_breach(rows: int, status: str):
    assert row(rows, Threshold(fail=Bound("min", 5)))["status"] == status


def test_more_rows_than_the_most_asked_for_are_a_breach():
    assert row(6, Threshold(fail=Bound("max", 5)))["status"] == "breached"


def test_rows_that_hold_nothing_but_nulls_are_rows():
    (found,) = measured("null_value_rate", [Pair((1.5,), (None, None))])
    assert found["n_production"] == 2
