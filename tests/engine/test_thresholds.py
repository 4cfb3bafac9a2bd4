"""The threshold grammar, by hand and as a round trip."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.engine.catalog import Kind
from driftline.engine.project import Bound, Threshold
from driftline.engine.thresholds import KINDS, ThresholdError, parse_threshold, write_threshold

amounts = st.floats(min_value=0, max_value=1e12, allow_nan=False)
bounds = st.builds(
    lambda kind, amount, relative: Bound(
        kind, amount, relative and kind in ("increase", "decrease")
    ),
    st.sampled_from(KINDS),
    amounts,
    st.booleans(),
)
thresholds = st.builds(Threshold, fail=st.none() | bounds, warn=st.none() | bounds)


def test_null_measures_and_never_judges() -> None:
    assert parse_threshold(None, "max") == Threshold()


@pytest.mark.parametrize("bare", KINDS)
def test_a_number_fails_on_the_side_the_metric_calls_worse(bare: Kind) -> None:
    assert parse_threshold(0.1, bare) == Threshold(fail=Bound(bare, 0.1))


def test_a_whole_number_is_a_number() -> None:
    assert parse_threshold(1000, "min") == Threshold(fail=Bound("min", 1000.0))


def test_a_number_from_the_environment_is_text_and_still_a_number() -> None:
    assert parse_threshold("2.5e-1", "max") == Threshold(fail=Bound("max", 0.25))


@pytest.mark.parametrize("bare", KINDS)
def test_a_bare_percentage_is_that_share_and_not_relative(bare: Kind) -> None:
    assert parse_threshold("5%", bare) == Threshold(fail=Bound(bare, 0.05))


def test_a_percentage_under_max_is_that_share() -> None:
    assert parse_threshold({"max": "5%"}, "increase") == Threshold(fail=Bound("max", 0.05))


@pytest.mark.parametrize("kind", ["increase", "decrease"])
def test_a_percentage_under_increase_or_decrease_is_relative_to_the_reference(kind: Kind) -> None:
    assert parse_threshold({kind: "10%"}, "max") == Threshold(fail=Bound(kind, 0.1, True))


def test_a_number_under_increase_is_absolute() -> None:
    assert parse_threshold({"increase": 0.1}, "max") == Threshold(fail=Bound("increase", 0.1))


def test_seven_percent_is_exactly_the_double_nearest_to_it() -> None:
    bound = parse_threshold("7%", "max").fail
    assert bound is not None
    assert bound.amount == 0.07


def test_warn_and_fail_are_two_levels() -> None:
    read = parse_threshold({"warn": 0.1, "fail": {"max": "25%"}}, "max")
    assert read == Threshold(fail=Bound("max", 0.25), warn=Bound("max", 0.1))


def test_a_level_may_be_null() -> None:
    assert parse_threshold({"warn": 0.1, "fail": None}, "max") == Threshold(warn=Bound("max", 0.1))


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        (True, (), "this is not a number"),
        ("many", (), "'many' is not a number"),
        ("5 %%", (), "'5 %%' is not a number"),
        ([0.1], (), "this is not a number"),
        (float("nan"), (), "not a finite number"),
        (float("inf"), (), "not a finite number"),
        ({}, (), "one of max and increase, one of min and decrease, or both"),
        ({"max": 1, "increase": 0}, (), "one of max and increase, one of min and decrease"),
        ({"min": 1, "decrease": 0, "max": 2}, (), "one of min and decrease"),
        ({"mx": 1}, ("mx",), "unknown key 'mx'; did you mean 'max'?"),
        ({"warn": 1, "fial": 2}, ("fial",), "did you mean 'fail'?"),
        ({"warn": 1, "max": 2}, ("max",), "unknown key 'max'"),
        ({"fail": {"max": "x"}}, ("fail", "max"), "'x' is not a number"),
        ({"fail": {"fail": 1}}, ("fail", "fail"), "unknown key 'fail'"),
        ({"increase": -0.1}, ("increase",), "is negative"),
        ({"max": None}, ("max",), "is not a number"),
    ],
)
def test_what_is_not_in_the_grammar_is_refused_where_it_stands(
    value: object, path: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ThresholdError, match=r".*") as refused:
        parse_threshold(value, "max")
    assert message in str(refused.value)
    assert refused.value.path == path


def test_a_limit_on_each_side_is_one_threshold() -> None:
    found = parse_threshold({"min": 100, "max": 900}, "min")
    assert found == Threshold(fail=Bound("min", 100.0, other=Bound("max", 900.0)))
    assert parse_threshold(write_threshold(found), "min") == found


def test_a_negative_maximum_is_a_threshold() -> None:
    assert parse_threshold({"min": -1}, "max") == Threshold(fail=Bound("min", -1.0))


@given(thresholds, st.sampled_from(KINDS))
def test_every_threshold_comes_back_from_what_is_written(threshold: Threshold, bare: Kind) -> None:
    assert parse_threshold(write_threshold(threshold), bare) == threshold


@given(st.recursive(st.none() | st.text() | st.floats() | st.booleans(), lambda inner: st.lists(inner)
    | st.dictionaries(st.sampled_from(["warn", "fail", "max", "min", "x"]), inner)))  # fmt: skip
def test_anything_is_either_read_or_refused(value: Any) -> None:
    try:
        read = parse_threshold(value, "max")
    except ThresholdError:
        return
    assert isinstance(read, Threshold)
