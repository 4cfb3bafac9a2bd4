"""Importance and rank of each feature: by hand, by definition, by their properties, at their corners."""

from __future__ import annotations

import math
from collections.abc import Sequence

import oracles
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import searched
from support import Scores, score, signals

IMPORTANCE, RANK = "feature_importance", "feature_importance_rank"
SIGNALS = signals(["normalized_discounted_cumulative_gain"])
ATTRIBUTIONS = st.lists(
    st.one_of(st.none(), st.floats(-1e6, 1e6), st.sampled_from([0.0, 1.0, math.nan, math.inf])),
    min_size=1,
    max_size=12,
)


def scores(
    reference: Sequence[Sequence[float | None]], production: Sequence[Sequence[float | None]]
) -> Scores:
    sides = (
        {"x": [1.5], **{f"shap_f{k}": pa.array([*x], pa.float64()) for k, x in enumerate(side)}}
        for side in (reference, production)
    )
    return score(*sides, signals=SIGNALS)


# By hand


def test_importances_and_ranks_of_two_features():
    found = scores([[4.0, -2.0], [1.0, 1.0]], [[0.5], [-2.0]])
    row = found["f0", IMPORTANCE]
    assert (row["value"], row["reference_value"]) == (0.5, 3.0)
    assert (row["importance"], row["importance_rank"]) == (3.0, 1)
    assert row["summary"] == "importance 3 → 0.5"
    row = found["f0", RANK]
    assert (row["value"], row["reference_value"], row["statistic"]) == (2, 1, 1)
    assert row["summary"] == "rank by importance 1 → 2"
    assert found["f1", RANK]["statistic"] == -1
    assert (row["threshold"], row["status"]) == (None, "ok")


# Oracle


@searched
@given(
    sides=st.lists(st.tuples(ATTRIBUTIONS, ATTRIBUTIONS), min_size=1, max_size=5),
)
def test_they_equal_their_definitions(sides: list[tuple[list, list]]):
    reference, production = zip(*sides, strict=True)
    found = scores(reference, production)
    for name, side in (("reference_value", reference), ("value", production)):
        told = [found[f"f{k}", IMPORTANCE][name] for k in range(len(side))]
        for value, values in zip(told, side, strict=True):
            wanted = oracles.importance(values)
            assert (value is None) == (wanted is None)
            assert value is None or value == pytest.approx(wanted, rel=1e-11, abs=1e-12)
        # those that differ by less than twelve digits are alike
        assert [found[f"f{k}", RANK][name] for k in range(len(side))] == oracles.ranks(told)


# Properties


@searched
@given(values=ATTRIBUTIONS)
def test_signs_and_the_order_of_rows_do_not_matter(values: list[float | None]):
    turned = [None if x is None else -x for x in reversed(values)]
    row = scores([values], [turned])["f0", IMPORTANCE]
    assert row["value"] == row["reference_value"]
    assert row["n_reference"] == row["n_production"]


# Corners


def test_what_a_side_does_not_tell_has_no_value_and_no_rank():
    found = scores([[1.0], [2.0]], [[None], [2.0]])
    row = found["f0", IMPORTANCE]
    assert (row["value"], row["reference_value"], row["n_production"]) == (None, 1.0, 0)
    assert (row["status"], row["reason"]) == ("insufficient_data", "no importance in production")
    row = found["f0", RANK]
    assert (row["value"], row["reference_value"], row["statistic"]) == (None, 2, None)
    assert found["f1", RANK]["value"] == 1


@pytest.mark.parametrize("size", [5e-324, 1e-300, 1e300, 1.7e308])
def test_sizes_at_the_ends_of_a_double_are_told(size: float):
    row = scores([[size, -size]], [[size]])["f0", IMPORTANCE]
    assert row["value"] == row["reference_value"] == pytest.approx(size, rel=1e-11)
