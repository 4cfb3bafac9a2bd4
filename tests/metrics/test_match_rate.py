"""The match rate of a join: by hand, by its definition, by its properties, at its corners."""

from __future__ import annotations

from collections.abc import Sequence

import oracles
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import searched
from support import PATHS, monitor, run, table

from driftline.engine.project import (
    Bound,
    Join,
    MetricRule,
    Monitor,
    Production,
    Signal,
    Source,
    Threshold,
)

METRIC = "match_rate"
KEYS = st.lists(st.one_of(st.none(), st.integers(0, 5)), max_size=20)


def watched(threshold: Threshold | None = None, *, allow_empty: bool = False) -> Monitor:
    rules = (MetricRule(METRIC, {"__all__": threshold}),) if threshold else ()
    return monitor(
        signals=(Signal("data_quality", "data_quality", "reference", rules),),
        joins=(Join("labels", Source("labels", table=("labels",)), (("id", "id"),), "at"),),
        production=Production(Source("production", table=("production",)), allow_empty=allow_empty),
    )


def row(
    ours: Sequence[int | None],
    theirs: Sequence[int | None],
    threshold: Threshold | None = None,
    *,
    path: str = "small",
) -> dict:
    frames = {
        "reference": table({"x": [1.5]}),
        "production": table(
            {"x": pa.array([1.5] * len(ours)), "id": pa.array(ours, pa.int64())}
        ),
        "labels": table(
            {"id": pa.array(theirs, pa.int64()), "at": pa.array(range(len(theirs)), pa.int64())}
        ),
    }  # fmt: skip
    result = run(watched(threshold), frames, path=path)
    assert result.error is None
    return next(each for each in result.metrics if each["metric"] == METRIC)


# By hand


def test_two_of_four_rows_match():
    found = row([1, 2, None, 7], [1, 2, 3, None])
    assert found["value"] == 0.5
    assert (found["feature"], found["signal"]) == ("labels", "data_quality")
    assert (found["segment"], found["reference"]) == ("__all__", "__all__")
    assert (found["n_production"], found["n_reference"]) == (4, None)
    assert found["summary"] == "50 % of 4 rows matched"


# Oracle


@searched
@given(ours=KEYS.filter(bool), theirs=KEYS, path=st.sampled_from(PATHS))
def test_it_equals_its_definition_on_any_keys(
    ours: list[int | None], theirs: list[int | None], path: str
):
    found = row(ours, theirs, path=path)
    assert found["value"] == pytest.approx(oracles.match_rate(ours, theirs))


# Properties


@searched
@given(ours=KEYS.filter(bool), theirs=KEYS)
def test_it_changes_neither_with_the_order_nor_with_repeated_rows_of_the_other_table(
    ours: list[int | None], theirs: list[int | None]
):
    assert row(ours[::-1], [*theirs[::-1], *theirs])["value"] == row(ours, theirs)["value"]


def test_it_is_written_whatever_the_signals_say():
    assert row([1], [1])["threshold"] is None
    assert row([1], [1])["status"] == "ok"


# Corners


@pytest.mark.parametrize(("least", "status"), [(0.5, "ok"), (0.51, "breached")])
def test_a_rate_below_the_least_asked_for_is_a_breach(least: float, status: str):
    found = row([1, 2], [1], Threshold(fail=Bound("min", least)))
    assert found["status"] == status
    assert (found["direction"], found["threshold_kind"]) == ("lower", "min")


def test_a_rate_of_zero_is_judged_by_its_threshold_alone():
    assert row([1, 2], [3])["status"] == "ok"
    assert row([1, 2], [3], Threshold(fail=Bound("min", 0.1)))["status"] == "breached"


def test_it_is_never_held_against_min_rows():
    assert row([1], [1])["status"] == "ok"


def test_without_rows_there_is_nothing_to_match():
    found = row([], [1])
    assert (found["value"], found["status"]) == (None, "insufficient_data")
    assert found["reason"] == "the window has no rows"


def test_repeated_keys_are_counted_in_the_reason():
    found = row([1, 1, 2], [1, 1, 1, 2, 3, 3])
    assert found["value"] == 1
    assert found["reason"] == "2 rows too many for 1 key; the newest counts"
