"""Thresholds from history: what is proposed gives no more alerts than wanted, and nothing stricter would."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from driftline.engine.check import standards_of
from driftline.engine.dials import Dial, Spot, moved, spelled
from driftline.engine.intervals import poisson_95
from driftline.engine.journal import measure_hash
from driftline.engine.project import (
    Alerting,
    Bound,
    MetricRule,
    Monitor,
    Production,
    Reference,
    Signal,
    Source,
    Threshold,
)
from driftline.engine.results import ALL
from driftline.engine.thresholds import parse_threshold
from driftline.engine.tuning import Tuning, tuned

START = datetime(2026, 1, 5)
# as long as a month, so that alerts a month are alerts a window
A_MONTH = timedelta(days=30.4)
Row = dict[str, Any]

JS = "jensen_shannon_distance"
PSI = "population_stability_index"
KS = "two_sample_kolmogorov_smirnov_test"


def monitor(
    rules: Mapping[str, object], *, alert_when: str = "exceeds", **alerting: Any
) -> Monitor:
    """A monitor of one signal, its thresholds as a file has them."""
    from driftline.engine.catalog import METRICS

    made = tuple(
        MetricRule(name, {"numerical": parse_threshold(written, METRICS[name].bare)})
        for name, written in rules.items()
    )
    signal = Signal("data_drift", "data_drift", "reference", made, alert_when=alert_when)
    source = Source("t", table=("t",))
    return Monitor(
        "m",
        Production(source, timestamp="at"),
        (Reference("reference", source),),
        (signal,),
        min_rows=10,
        alerting=Alerting(**alerting),
    )


def history(
    of: Monitor, metric: str, values: Mapping[str, Sequence[float | None]], **more: Any
) -> list[Row]:
    """A row a feature and window; None is a window without rows enough."""
    return [
        {
            **dict.fromkeys(("statistic", "effect", "p_value", "q_value", "ci_low", "ci_high")),
            **dict.fromkeys(("reference_value", "summary", "bins", "importance")),
            "run_id": "r",
            "monitor": "m",
            "signal": "data_drift",
            "signal_type": "data_drift",
            "metric": metric,
            "feature": feature,
            "feature_type": "numerical",
            "segment": ALL,
            "window_start": START + at * A_MONTH,
            "window_end": START + (at + 1) * A_MONTH,
            "reference": "reference",
            "value": value,
            "n_reference": 1000,
            "n_production": 3 if value is None else 1000,
            "_reason": None,
            "_failed": False,
            "_has_p": False,
            "_why_no_p": None,
            "_by_chance": None,
            "_measure_hash": measure_hash(of),
            **{name: told[at] if isinstance(told, list) else told for name, told in more.items()},
        }
        for feature, series in values.items()
        for at, value in enumerate(series)
    ]


def features(names: Iterable[str]) -> list[Row]:
    told = {"production_type": "DOUBLE", "reference_type": "DOUBLE", "reason": None}
    return [{"feature": name, "feature_type": "numerical", **told} for name in names]


def tune(of: Monitor, rows: Sequence[Row], wanted: float, **more: Any) -> Tuning:
    names = dict.fromkeys(row["feature"] for row in rows if row["feature"] != ALL) or ["x"]
    return tuned(standards_of(of, features(names)), rows, wanted=wanted, **more)


def proposed(found: Tuning) -> list[float | None]:
    return [each.amount for each in found.proposals]


# By hand

WORKED = [0.031, 0.042, 0.3, 0.028, 0.55, 0.56, 0.033, 0.12, 0.03, 0.041]


@pytest.mark.parametrize(
    ("wanted", "threshold", "alerts"),
    [
        # ten windows of a month each: none, one, two, three alerts
        (0, 0.56, 0),
        (0.1, 0.3, 1),
        (0.2, 0.12, 2),
        # 0.042 and 0.3 follow each other and are one incident, so a stricter number costs none
        (0.3, 0.041, 3),
        # beyond 0.033 lie six of ten windows: what is more often beyond than not is no threshold
        (0.4, 0.041, 3),
    ],
)
def test_ten_windows_by_hand(wanted: float, threshold: float, alerts: int) -> None:
    of = monitor({JS: 0.01})
    found = tune(of, history(of, JS, {"x": WORKED}), wanted)
    assert (proposed(found), found.alerts_then) == ([threshold], alerts)
    assert (found.months, found.window_count) == (pytest.approx(10), 10)


def test_what_either_threshold_raises_is_told_by_window() -> None:
    of = monitor({JS: 0.2})
    (each,) = tune(of, history(of, JS, {"x": WORKED}), 0.3).proposals
    ends = [(each.opened_at - START) / A_MONTH for each in each.then]
    assert [round(end) for end in ends] == [2, 5, 8]
    assert [found.worst_value for found in each.now] == [0.3, 0.56]
    assert all(found.closed_at is not None for found in each.then)


def test_windows_with_too_few_rows_are_no_evidence_and_no_time() -> None:
    of = monitor({JS: 0.01})
    series = [0.1, None, 0.2, None, 0.1]
    found = tune(of, history(of, JS, {"x": series}), 0)
    assert (found.window_count, proposed(found)) == (3, [0.2])


def test_a_threshold_is_two_digits_and_on_the_side_of_fewer_alerts() -> None:
    of = monitor({JS: 0.01})
    assert proposed(tune(of, history(of, JS, {"x": [0.12345, 0.1, 0.11]}), 0)) == [0.13]


def test_near_one_the_digits_are_those_of_the_distance_to_it() -> None:
    of = monitor({JS: 0.01})
    of = replace(
        of,
        signals=(
            *of.signals,
            Signal(
                "ndcg",
                "feature_attribution_drift",
                "reference",
                (
                    MetricRule(
                        "normalized_discounted_cumulative_gain",
                        {ALL: Threshold(fail=Bound("min", 0.9))},
                    ),
                ),
            ),
        ),
    )
    rows = history(of, "normalized_discounted_cumulative_gain", {ALL: [0.99812, 0.98734, 0.9991]})
    rows = [
        {**row, "signal": "ndcg", "signal_type": "feature_attribution_drift", "feature_type": None}
        for row in rows
    ]
    assert proposed(tune(of, rows, 0)) == [0.987]


def test_a_test_is_moved_by_what_is_adjusted_for_other_features() -> None:
    of = monitor({KS: 0.05}, alert_when="significant")
    q = [0.9, 0.04, 0.002, 0.8]
    rows = history(of, KS, {"x": [0.5, 0.01, 0.001, 0.4]}, q_value=q, _has_p=True)
    assert proposed(tune(of, rows, 0)) == [0.002]
    # the third window alone
    assert proposed(tune(of, rows, 0.25))[0] == 0.8


def test_what_is_not_significant_keeps_no_threshold_up() -> None:
    of = monitor({JS: 0.01}, alert_when="significant")
    q = [0.9, 0.01, 0.01, 0.01]
    rows = history(of, JS, {"x": [0.8, 0.1, 0.05, 0.04]}, q_value=q, _has_p=True)
    assert proposed(tune(of, rows, 0)) == [0.1]


def test_an_interval_is_what_counts_where_the_whole_of_it_must_be_beyond() -> None:
    of = monitor({JS: 0.01}, alert_when="confident")
    low = [0.21, 0.05, 0.02, 0.03]
    rows = history(of, JS, {"x": [0.8, 0.1, 0.05, 0.06]}, ci_low=low, _has_p=True)
    assert proposed(tune(of, rows, 0)) == [0.21]


def test_a_warning_opens_incidents_and_a_failure_stays_as_far_from_it() -> None:
    of = monitor({PSI: {"warn": 0.1, "fail": 0.25}})
    found = tune(of, history(of, PSI, {"x": [0.2, 0.02, 0.02, 0.02]}), 0)
    (threshold,) = found.thresholds.values()
    assert spelled(threshold, "max") == "{warn: 0.2, fail: 0.5}"


def test_both_sides_of_a_range_are_moved() -> None:
    of = monitor({PSI: {"min": 0.01, "max": 5}})
    found = tune(of, history(of, PSI, {"x": [0.2, 0.3, 0.4, 0.25]}), 0)
    (threshold,) = found.thresholds.values()
    assert spelled(threshold, "max") in ("{min: 0.2, max: 0.4}", "{max: 0.4, min: 0.2}")


def test_one_feature_that_is_always_beyond_does_not_keep_the_others_threshold_up() -> None:
    of = monitor({JS: 0.9})
    values = {name: [0.1, 0.11, 0.12, 0.1, 0.11] for name in "abc"} | {"gone": [0.8] * 5}
    (each,) = tune(of, history(of, JS, values), 0.2).proposals
    assert each.amount == 0.12
    assert each.note is not None
    assert each.note.startswith("gone: beyond it in most windows")


def test_a_threshold_that_everything_is_beyond_is_never_proposed() -> None:
    of = monitor({JS: 0.9})
    found = tune(of, history(of, JS, {"x": [0.5] * 12}), 5)
    # one incident that never closes would be few alerts, and no threshold
    assert proposed(found) == [0.5]


def test_what_opens_together_is_one_alert() -> None:
    of = monitor({JS: 0.9})
    values = {name: [0.1, 0.1, 0.6, 0.1, 0.1] for name in "abcdef"}
    found = tune(of, history(of, JS, values), 0.2)
    assert found.alerts_then == 1
    assert [len(each.then) for each in found.proposals] == [6]


def test_a_history_that_measured_otherwise_is_left_out_and_told() -> None:
    of = monitor({JS: 0.2})
    rows = history(of, JS, {"x": WORKED})
    for row in rows[:4]:
        row["_measure_hash"] = "other"
    found = tune(of, rows, 0)
    assert found.window_count == 6
    assert found.notes[0].startswith("4 windows are left out")


def test_a_short_history_is_called_so_with_how_wide_the_rate_is() -> None:
    of = monitor({JS: 0.2})
    found = tune(of, history(of, JS, {"x": WORKED[:4]}), 1)
    assert "short history" in found.notes[0]
    assert f"{poisson_95(found.alerts_then)[1] / 4:.2g} alerts a month" in found.notes[0]
    assert not tune(of, history(of, JS, {"x": WORKED}), 1).notes


def test_one_window_is_no_history() -> None:
    of = monitor({JS: 0.2})
    found = tune(of, history(of, JS, {"x": WORKED[:1]}), 1)
    assert proposed(found) == [None]
    assert found.notes == ("one window is no history: nothing is proposed",)


def test_signals_that_are_not_asked_for_neither_move_nor_count() -> None:
    of = monitor({JS: 0.2})
    second = replace(of.signals[0], name="weekly")
    of = replace(of, signals=(*of.signals, second))
    rows = history(of, JS, {"x": WORKED})
    other = [{**row, "signal": "weekly", "value": 1 - row["value"]} for row in rows]
    found = tune(of, [*rows, *other], 0.1, signals={"data_drift"})
    assert [each.dial.spot.signal for each in found.proposals] == ["data_drift"]
    assert proposed(found) == [0.3]


def test_with_what_is_proposed_in_the_file_nothing_is_proposed() -> None:
    of = monitor({PSI: {"warn": 0.1, "fail": 0.25}})
    rows = history(of, PSI, {"x": WORKED})
    (threshold,) = tune(of, rows, 0.2).thresholds.values()
    again = replace(
        of,
        signals=(replace(of.signals[0], rules=(MetricRule(PSI, {"numerical": threshold}),)),),
    )
    assert proposed(tune(again, rows, 0.2)) == [None]


def test_a_limit_moves_both_levels_and_leaves_the_other_side() -> None:
    whole = parse_threshold({"warn": {"max": 2, "min": 1}, "fail": {"max": 3}}, "max")
    dial = Dial(Spot("s", PSI), "max", whole, ALL, 0)
    assert spelled(moved(whole, dial, 4.0), "max") == "{warn: {max: 4, min: 1}, fail: 6}"


@pytest.mark.parametrize("count", [0, 1, 2, 7, 40])
def test_the_interval_of_a_rate_is_that_of_the_chi_squared_law(count: int) -> None:
    low = 0.0 if not count else stats.chi2.ppf(0.025, 2 * count) / 2
    assert poisson_95(count) == pytest.approx((low, stats.chi2.ppf(0.975, 2 * count + 2) / 2))


# On any history


def up(value: float) -> float:
    """The smallest number of two digits that is no smaller."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return round(math.ceil(round(value / unit, 6)) * unit, 12)


def alerts(
    values: Mapping[tuple[str, str], Sequence[float]],
    limits: Mapping[str, float],
    open_after: int,
    close_after: int,
) -> int:
    """Windows in which an incident opens, by the words of the documentation."""
    opened = set()
    for (metric, _), series in values.items():
        is_open, bad, good = False, 0, 0
        for at, value in enumerate(series):
            if value > limits[metric]:
                bad, good = bad + 1, 0
                if not is_open and bad >= open_after:
                    is_open = True
                    opened.add(at)
            else:
                bad, good = 0, good + 1
                if is_open and good >= close_after:
                    is_open = False
    return len(opened)


values_of_three_digits = st.integers(10, 999).map(lambda n: n / 1000)


@st.composite
def histories(draw: st.DrawFn) -> dict[tuple[str, str], list[float]]:
    count = draw(st.integers(3, 14))
    series = st.lists(values_of_three_digits, min_size=count, max_size=count)
    metrics = draw(st.sampled_from([(JS,), (JS, PSI)]))
    names = draw(st.sampled_from([("a",), ("a", "b", "c")]))
    return {(metric, name): draw(series) for metric in metrics for name in names}


@given(
    values=histories(),
    wanted=st.sampled_from([0.0, 0.1, 0.2, 0.35, 0.5]),
    open_after=st.integers(1, 3),
    close_after=st.integers(1, 2),
)
def test_no_more_alerts_than_wanted_and_no_number_could_be_smaller(
    values: dict[tuple[str, str], list[float]], wanted: float, open_after: int, close_after: int
) -> None:
    metrics = dict.fromkeys(metric for metric, _ in values)
    of = monitor(dict.fromkeys(metrics, 1000), open_after=open_after, close_after=close_after)
    rows = [row for (metric, name), s in values.items() for row in history(of, metric, {name: s})]
    found = tune(of, sorted(rows, key=lambda row: row["window_end"]), wanted)

    months = len(next(iter(values.values())))
    allowed = math.floor(wanted * months + 1e-9)
    limits = {each.dial.spot.metric: each.amount for each in found.proposals}
    assert limits.keys() == metrics.keys()
    told = {metric: limit for metric, limit in limits.items() if limit is not None}
    assert told.keys() == limits.keys()
    count = alerts(values, told, open_after, close_after)
    assert count == found.alerts_then <= allowed
    for metric, limit in told.items():
        every = [
            value for (name, _), series in values.items() if name == metric for value in series
        ]
        smaller = [number for number in map(up, every) if number < limit]
        if not smaller:
            continue
        stricter = {**told, metric: max(smaller)}
        beyond = sum(value > stricter[metric] for value in every)
        assert (
            alerts(values, stricter, open_after, close_after) > allowed or beyond > len(every) / 2
        )
