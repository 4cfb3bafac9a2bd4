"""A measurement and its threshold make a status, a severity and a score."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.engine.catalog import METRICS
from driftline.engine.judge import judge
from driftline.engine.measure import Measurement
from driftline.engine.plan import Pair
from driftline.engine.project import Bound, Threshold

MANY = Measurement(
    signal="data_drift",
    signal_type="data_drift",
    metric="jensen_shannon_distance",
    feature="age",
    feature_type="numerical",
    pair=Pair(0, 0, 1, 0),
    value=0.05,
    n_reference=1000,
    n_production=1000,
)


def of(value: float | None, *, metric: str = MANY.metric, **given: object) -> Measurement:
    return replace(MANY, metric=metric, value=value, **given)


def at(fail: Bound | None = None, warn: Bound | None = None) -> Threshold:
    return Threshold(fail=fail, warn=warn)


def verdict(measurement: Measurement, threshold: Threshold, **given: object):
    return judge(replace(measurement, threshold=threshold), **{"min_rows": 100, **given})


# Beyond a threshold


@pytest.mark.parametrize(
    ("value", "status", "breached"),
    [(0.1, "ok", False), (math.nextafter(0.1, 1), "breached", True), (0.0, "ok", False)],
)
def test_only_a_value_strictly_beyond_the_threshold_is_a_breach(
    value: float, status: str, breached: bool
):
    found = verdict(of(value), at(Bound("max", 0.1)))
    assert (found.status, found.breached) == (status, breached)


@pytest.mark.parametrize(("value", "status"), [(0.01, "ok"), (0.009, "breached")])
def test_a_minimum_is_breached_from_below(value: float, status: str):
    found = verdict(of(value, metric="two_sample_kolmogorov_smirnov_test"), at(Bound("min", 0.01)))
    assert found.status == status


@pytest.mark.parametrize(("value", "status"), [(0.05, "ok"), (0.15, "warning"), (0.3, "breached")])
def test_two_levels_tell_a_warning_from_a_breach(value: float, status: str):
    found = verdict(of(value), at(Bound("max", 0.25), Bound("max", 0.1)))
    assert found.status == status


def test_with_two_levels_the_threshold_is_the_one_that_fails():
    found = verdict(of(0.15), at(Bound("max", 0.25), Bound("max", 0.1)))
    assert found.threshold == 0.25
    assert found.breached is False


def test_with_a_warning_alone_the_threshold_is_the_one_that_warns():
    found = verdict(of(0.15), at(warn=Bound("max", 0.1)))
    assert (found.threshold, found.status, found.severity) == (0.1, "warning", "warning")


def test_without_a_threshold_everything_is_ok():
    found = verdict(of(1.0), at())
    assert (found.status, found.threshold, found.score, found.breached) == ("ok", None, None, False)


# Against the reference's own value


@pytest.mark.parametrize(
    ("bound", "limit"),
    [
        (Bound("increase", 0.01), 0.21),
        (Bound("decrease", 0.01), 0.19),
        (Bound("increase", 0.1, relative=True), 0.22),
        (Bound("decrease", 0.1, relative=True), 0.18),
    ],
)
def test_the_threshold_of_a_change_is_the_bound_itself(bound: Bound, limit: float):
    measurement = of(0.2, metric="null_value_rate", reference_value=0.2)
    found = verdict(measurement, at(bound))
    assert found.threshold == pytest.approx(limit, rel=1e-15)
    assert found.threshold_kind == bound.kind


def test_a_relative_increase_of_a_negative_value_goes_up():
    measurement = of(-9.0, metric="row_count", reference_value=-10.0)
    assert verdict(measurement, at(Bound("increase", 0.2, relative=True))).threshold == -8


def test_a_change_against_nothing_cannot_be_judged():
    measurement = of(0.2, metric="null_value_rate", reference_value=None)
    found = verdict(measurement, at(Bound("increase", 0.01)))
    assert (found.status, found.threshold, found.breached) == ("not_computable", None, False)
    assert found.reason == "the reference has no value to compare with"


# Score and severity


@pytest.mark.parametrize(
    ("metric", "bound", "value", "reference", "score"),
    [
        ("jensen_shannon_distance", Bound("max", 0.1), 0.05, None, 0.5),
        ("jensen_shannon_distance", Bound("max", 0.1), 0.1, None, 1),
        ("jensen_shannon_distance", Bound("max", 0.1), 0.9, None, 9),
        ("jensen_shannon_distance", Bound("max", 0.05), 0.9, None, 10),
        ("jensen_shannon_distance", Bound("max", 0.0), 0.2, None, 10),
        ("jensen_shannon_distance", Bound("max", 0.0), 0.0, None, 0),
        ("null_value_rate", Bound("increase", 0.01), 0.03, 0.01, 2),
        ("null_value_rate", Bound("increase", 0.01), 0.0, 0.01, 0),
        ("null_value_rate", Bound("increase", 0.0), 0.03, 0.01, 10),
        ("null_value_rate", Bound("decrease", 0.01), 0.0, 0.02, 2),
        ("two_sample_kolmogorov_smirnov_test", Bound("min", 0.01), 0.1, None, 0.5),
        ("two_sample_kolmogorov_smirnov_test", Bound("min", 0.01), 0.0001, None, 2),
        ("two_sample_kolmogorov_smirnov_test", Bound("min", 0.01), 0.0, None, 10),
        ("two_sample_kolmogorov_smirnov_test", Bound("min", 0.01), 1.0, None, 0),
        ("row_count", Bound("min", 1000), 500.0, None, 2),
        ("row_count", Bound("max", 1000), 500.0, None, 0.5),
    ],
)
def test_a_score_is_1_at_the_threshold_and_ends_at_10(
    metric: str, bound: Bound, value: float, reference: float | None, score: float
):
    measurement = of(value, metric=metric, reference_value=reference)
    # one subtraction of rounded decimals
    assert verdict(measurement, at(bound)).score == pytest.approx(score, rel=1e-12, abs=1e-15)


@given(
    metric=st.sampled_from(sorted(METRICS)),
    kind=st.sampled_from(["max", "min", "increase", "decrease"]),
    value=st.floats(0, 1),
    amount=st.floats(0, 1),
    reference=st.none() | st.floats(0, 1),
)
def test_a_score_lies_between_0_and_10_whatever_is_judged(
    metric: str, kind: str, value: float, amount: float, reference: float | None
):
    measurement = of(value, metric=metric, reference_value=reference)
    found = verdict(measurement, at(Bound(kind, amount)))
    assert found.score is None or 0 <= found.score <= 10


@given(value=st.floats(0, 1), amount=st.floats(1e-6, 1))
def test_a_score_above_1_is_a_breach(value: float, amount: float):
    found = verdict(of(value), at(Bound("max", amount)))
    # a quotient of two doubles is 1 only where they are equal, or nearly
    assert found.breached == (found.score > 1) or found.score == 1


@pytest.mark.parametrize(("value", "severity"), [(0.2, "high"), (0.29, "high"), (0.31, "critical")])
def test_a_breach_three_thresholds_out_is_critical(value: float, severity: str):
    assert verdict(of(value), at(Bound("max", 0.1))).severity == severity


def test_what_is_ok_has_no_severity():
    assert verdict(of(0.05), at(Bound("max", 0.1))).severity is None


# Too few rows, no value, failures


@pytest.mark.parametrize(
    ("n", "m", "said"),
    [
        (99, 1000, "99 reference rows"),
        (1000, 5, "5 production rows"),
        (3, 5, "3 reference rows, 5 production rows"),
    ],
)
def test_fewer_rows_than_min_rows_are_insufficient(n: int, m: int, said: str):
    found = verdict(of(0.9, n_reference=n, n_production=m), at(Bound("max", 0.1)))
    assert found.status == "insufficient_data"
    assert found.reason == f"{said}, min_rows is 100"
    assert found.severity is None


def test_the_plain_comparison_is_made_with_too_few_rows_too():
    found = verdict(of(0.9, n_reference=5), at(Bound("max", 0.1)))
    assert found.breached is True


def test_exactly_min_rows_are_enough():
    found = verdict(of(0.9, n_reference=100, n_production=100), at(Bound("max", 0.1)))
    assert found.status == "breached"


def test_min_rows_of_0_judges_a_single_row():
    found = verdict(of(0.9, n_reference=1, n_production=1), at(Bound("max", 0.1)), min_rows=0)
    assert found.status == "breached"


def test_min_rows_is_not_asked_of_the_dataset():
    found = verdict(
        of(5.0, metric="row_count", n_reference=None, n_production=5), at(Bound("min", 3))
    )
    assert found.status == "ok"


def test_a_missing_value_is_not_computable_and_never_a_breach():
    found = verdict(of(None, reason="production has no values"), at(Bound("max", 0.1)))
    assert (found.status, found.breached, found.score) == ("not_computable", False, None)
    assert found.reason == "production has no values"


def test_a_failed_column_is_an_error_whatever_its_rows():
    found = verdict(
        of(None, failed=True, reason="no such thing", n_reference=None, n_production=None),
        at(Bound("max", 0.1)),
    )
    assert (found.status, found.severity, found.reason) == ("error", None, "no such thing")


def test_an_empty_window_is_a_critical_breach_of_the_row_count_alone():
    empty = of(0.0, metric="row_count", n_reference=None, n_production=0)
    found = verdict(empty, at())
    assert (found.status, found.severity) == ("breached", "critical")
    assert found.breached is False


def test_an_empty_window_may_be_allowed():
    empty = of(0.0, metric="row_count", n_reference=None, n_production=0)
    assert verdict(empty, at(), allow_empty=True).status == "ok"


# How sure it must be

TEST = "two_sample_kolmogorov_smirnov_test"
MAX, MIN = at(Bound("max", 0.1)), at(Bound("min", 0.1))


@pytest.mark.parametrize(
    ("q", "status"),
    [(0.05, "breached"), (math.nextafter(0.05, 1), "inconclusive"), (None, "inconclusive")],
)
def test_significant_asks_for_an_adjusted_probability_of_at_most_a_twentieth(
    q: float | None, status: str
):
    found = verdict(of(0.2, has_p=True, q_value=q), MAX)
    assert (found.status, found.breached) == (status, True)


@pytest.mark.parametrize("alert_when", ["significant", "confident"])
def test_a_value_within_its_threshold_is_ok_however_sure(alert_when: str):
    sure = of(0.05, has_p=True, q_value=1e-9, ci_low=0.2, ci_high=0.3, alert_when=alert_when)
    assert verdict(sure, MAX).status == "ok"


def test_exceeds_asks_for_nothing_more():
    assert verdict(of(0.2, has_p=True, q_value=1.0, alert_when="exceeds"), MAX).status == "breached"


@pytest.mark.parametrize("alert_when", ["significant", "confident"])
def test_where_no_probability_is_defined_the_value_alone_decides(alert_when: str):
    assert verdict(of(0.2, has_p=False, alert_when=alert_when), MAX).status == "breached"


@pytest.mark.parametrize(
    ("low", "status"), [(0.11, "breached"), (0.1, "inconclusive"), (None, "inconclusive")]
)
def test_confident_asks_for_the_whole_interval_above_a_maximum(low: float | None, status: str):
    found = of(0.2, has_p=True, q_value=0.0, ci_low=low, ci_high=0.3, alert_when="confident")
    assert verdict(found, MAX).status == status


@pytest.mark.parametrize(
    ("high", "status"), [(0.09, "breached"), (0.1, "inconclusive"), (None, "inconclusive")]
)
def test_confident_asks_for_the_whole_interval_below_a_minimum(high: float | None, status: str):
    found = of(0.05, has_p=True, q_value=0.0, ci_low=0.01, ci_high=high, alert_when="confident")
    assert verdict(found, MIN).status == status


@pytest.mark.parametrize("alert_when", ["significant", "confident"])
@pytest.mark.parametrize(("q", "status"), [(0.09, "breached"), (0.1, "inconclusive")])
def test_a_test_is_judged_by_its_adjusted_probability(alert_when: str, q: float, status: str):
    found = of(0.05, metric=TEST, has_p=True, q_value=q, alert_when=alert_when)
    assert verdict(found, MIN).status == status


def test_a_failure_in_doubt_is_a_warning_where_the_warning_is_not():
    found = of(0.009, metric=TEST, has_p=True, q_value=0.03)
    assert verdict(found, at(Bound("min", 0.01), Bound("min", 0.05))).status == "warning"


def test_a_doubt_is_told():
    found = verdict(of(0.2, has_p=True, q_value=0.3), MAX)
    assert found.reason == "beyond the threshold, but not significantly: q is 0.3"


def test_why_there_is_no_probability_is_told():
    found = verdict(of(0.2, has_p=True, why_no_p="too few rows in the bins to test them"), MAX)
    assert found.reason == "too few rows in the bins to test them"


def test_without_least_rows_a_side_without_values_is_not_computable():
    found = verdict(of(None, n_production=0, reason="production has no values"), MAX, min_rows=0)
    assert (found.status, found.reason) == ("not_computable", "production has no values")


def test_an_empty_window_has_too_few_rows_even_without_least_rows():
    found = verdict(of(None, n_production=0), MAX, min_rows=0, is_empty=True)
    assert found.status == "insufficient_data"
