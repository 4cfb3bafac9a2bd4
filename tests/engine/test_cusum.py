"""Numbers that creep open an incident, and numbers that do not as seldom as is said."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from driftline.engine.creeping import Past, crept
from driftline.engine.cusum import Creep, decision_limit, normal_score, run_length
from driftline.engine.incidents import Decision, Incident, Rules
from driftline.engine.project import Alerting, Cusum

START = datetime(2026, 1, 1)
A_DAY = timedelta(days=1)
# its limit is 2.65
QUICK = Cusum(average_run_length=80, shift=1, baseline=8, min_effect=0)
# eight ordinary windows
USUAL = (0.031, 0.029, 0.033, 0.030, 0.034, 0.028, 0.032, 0.035)


# By hand


@pytest.mark.parametrize(
    ("value", "before", "share"),
    [
        # the greatest of four: (4 - 1/2) / 4
        (9.0, [1.0, 2.0, 3.0], 3.5 / 4),
        (0.0, [1.0, 2.0, 3.0], 0.5 / 4),
        # of three that are equal, in the middle of the ranks 2, 3, 4
        (2.0, [1.0, 2.0, 2.0, 7.0], 2.5 / 5),
        (5.0, [5.0, 5.0, 5.0], 0.5),
        (5.0, [], 0.5),
    ],
)
def test_a_score_is_the_normal_quantile_of_a_rank(
    value: float, before: list[float], share: float
) -> None:
    assert normal_score(value, before) == pytest.approx(stats.norm.ppf(share), abs=1e-12)


def test_a_sum_takes_half_of_the_shift_off_each_score() -> None:
    creep = Creep(QUICK)
    assert [creep.take(value, 0.1, 1) for value in USUAL] == [None] * 8
    first, second = creep.take(0.04, 0.1, 1), creep.take(0.05, 0.1, 1)
    assert first is not None
    assert second is not None
    # 9th of 9 and 10th of 10: 1.5932 and 1.6449
    assert first.value == pytest.approx(1.5932 - 0.5, abs=1e-4)
    assert second.value == pytest.approx(1.5932 + 1.6449 - 1.0, abs=1e-4)
    assert (first.count, second.count) == (1, 2)


@pytest.mark.parametrize(
    ("allowance", "limit", "length"),
    # of the tables of textbooks (Montgomery; Hawkins and Olwell)
    [(0.5, 4.0, 335.4), (0.5, 5.0, 930.9), (0.25, 8.01, 738.0), (1.0, 2.52, 742.0)],
)
def test_run_lengths_are_those_of_the_textbooks(
    allowance: float, limit: float, length: float
) -> None:
    assert run_length(allowance, limit) == pytest.approx(length, rel=0.01)


@given(average=st.floats(50, 200_000), allowance=st.sampled_from([0.125, 0.3, 0.5, 1.0]))
@settings(max_examples=10)
def test_a_limit_has_the_run_length_it_was_asked_for(average: float, allowance: float) -> None:
    assert run_length(allowance, decision_limit(average, allowance)) == pytest.approx(average)


def test_five_hundred_windows_take_a_limit_of_4_389() -> None:
    assert decision_limit(500, 0.5) == pytest.approx(4.3891, abs=1e-3)


# Against what shares no code


@pytest.mark.parametrize("allowance", [0.125, 0.5, 1.0])
@pytest.mark.parametrize("limit", [1.0, 4.4, 9.0])
def test_run_lengths_are_those_of_a_markov_chain(allowance: float, limit: float) -> None:
    # Brook and Evans 1972: the sum in cells, the error falls with their square
    count = 1500
    width = 2 * limit / (2 * count - 1)
    places = np.arange(count) * width
    edges = places[None, :] - places[:, None] + allowance + width / 2
    below = stats.norm.cdf(edges)
    steps = np.diff(below, axis=1, prepend=0.0)
    steps[:, 0] = below[:, 0]
    found = np.linalg.solve(np.eye(count) - steps, np.ones(count))[0]
    assert run_length(allowance, limit) == pytest.approx(found, rel=1e-3)


def naive(values: Sequence[float], side: int, rule: Cusum) -> list[float | None]:
    """The sums until the first is beyond its limit."""
    limit = decision_limit(rule.average_run_length, rule.shift / 2)
    found: list[float | None] = []
    total = 0.0
    for place, _ in enumerate(values):
        if place < rule.baseline:
            found.append(None)
            continue
        rank = stats.rankdata(values[: place + 1])[-1]
        score = stats.norm.ppf((rank - 0.5) / (place + 1))
        total = max(0.0, total + side * score - rule.shift / 2)
        found.append(total)
        if total > limit:
            break
    return found


VALUES = st.lists(st.integers(0, 40).map(lambda n: n / 40), min_size=9, max_size=40)


@given(values=VALUES, side=st.sampled_from([1, -1]))
def test_sums_are_those_of_their_definition(values: list[float], side: int) -> None:
    creep = Creep(QUICK)
    expected = naive(values, side, QUICK)
    for value, sum_ in zip(values, expected, strict=False):
        found = creep.take(value, 0.5, side)
        assert (found and found.value) == (sum_ and pytest.approx(sum_, abs=1e-9))


# What holds of all values


@given(values=VALUES)
def test_what_law_values_have_is_no_matter(values: list[float]) -> None:
    one, other = Creep(QUICK), Creep(QUICK)
    for value in values:
        straight, skewed = one.take(value, 0.5, 1), other.take(math.exp(9 * value), 9.0, 1)
        assert (straight and straight.value) == (skewed and skewed.value)


@given(values=VALUES)
def test_what_falls_is_what_rises_the_other_way_round(values: list[float]) -> None:
    up, down = Creep(QUICK), Creep(QUICK)
    for value in values:
        one, other = up.take(value, 0.5, 1), down.take(-value, -0.5, -1)
        assert (one and one.value) == (other and pytest.approx(other.value, abs=1e-9))


# How seldom

Draw = Callable[[np.random.Generator, int], "np.ndarray[Any, np.dtype[np.float64]]"]


def normal(rng: np.random.Generator, count: int) -> Any:
    return rng.normal(0.03, 0.004, count)


def skewed(rng: np.random.Generator, count: int) -> Any:
    return rng.exponential(1.0, count) ** 2


def distances(rng: np.random.Generator, count: int) -> Any:
    """Jensen-Shannon distances of windows of 300 rows to one sample of 1 000 that they share."""
    shares = np.array([0.4, 0.25, 0.15, 0.1, 0.06, 0.04])
    p = rng.multinomial(1000, shares) / 1000
    q = rng.multinomial(300, shares, count) / 300
    half = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.nan_to_num(x * np.log(x / half)).sum(axis=1) for x in (p[None, :], q)]
    return np.sqrt(sum(parts) / 2)


@pytest.mark.parametrize("draw", [normal, skewed, distances])
@pytest.mark.parametrize("sides", [(1,), (1, -1)])
def test_numbers_that_do_not_change_raise_one_alarm_in_so_many_windows(
    draw: Draw, sides: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(20_260_101)
    rule = Cusum(average_run_length=100, baseline=20, min_effect=0)
    lengths = []
    for _ in range(400):
        creep = Creep(rule)
        values = draw(rng, 2000)
        for place, value in enumerate(values):
            found = creep.take(value, 0.1, sides[place % len(sides)])
            if found is not None and found.is_beyond:
                lengths.append(place + 1 - rule.baseline)
                break
    # four standard errors of 5 % below, and above what few windows to rank among add to them
    assert 80 < np.mean(lengths) < 135


def test_a_lasting_change_is_found_long_before_chance_would() -> None:
    rng = np.random.default_rng(7)
    delays = []
    for _ in range(200):
        creep = Creep(Cusum(average_run_length=1000, baseline=20, min_effect=0))
        values = [*normal(rng, 60), *(normal(rng, 400) + 0.006)]
        found = (creep.take(value, 0.1, 1) for value in values)
        first = next((k for k, sum_ in enumerate(found) if sum_ and sum_.is_beyond), 460)
        if first >= 60:
            delays.append(first - 59)
    assert np.median(delays) < 12


# Of windows


def rows_of(values: Sequence[float | None], **more: Any) -> list[dict[str, Any]]:
    return [
        {
            "signal": "data_drift",
            "reference": "training",
            "reference_id": "r",
            "segment": "__all__",
            "feature": "x",
            "metric": "psi",
            "window_start": START + day * A_DAY,
            "window_end": START + (day + 1) * A_DAY,
            "value": value,
            "threshold": 0.1,
            "threshold_kind": "max",
            "status": "ok" if value is not None and value <= 0.1 else "breached",
            "importance": None,
            "n_reference": 1000,
            "n_production": 1000,
            "run_id": f"run {day}",
            **more,
        }
        for day, value in enumerate(values)
    ]


def told(
    rows: Sequence[dict[str, Any]],
    decisions: Sequence[Decision] = (),
    past: Past | None = None,
    rule: Cusum = QUICK,
    **alerting: Any,
) -> list[Incident]:
    ends = sorted({(row["window_end"], row["window_start"]) for row in rows})
    return crept(
        Rules(Alerting(cusum=rule, **alerting), "m", "UTC"),
        {("data_drift", False): ends},
        rows,
        {(each.alert_id, each.action): each for each in decisions},
        past or Past(START),
    )[0]


def days(incidents: Sequence[Incident]) -> Iterator[tuple[int, int | None]]:
    for each in incidents:
        closed = each.closed_at
        yield (
            (each.opened_at - START).days - 1,
            None if closed is None else (closed - START).days - 1,
        )


CREEPING = (*USUAL, 0.036, 0.038, 0.041, 0.045)


def test_what_creeps_is_told_in_words() -> None:
    (one,) = told(rows_of(CREEPING))
    assert list(days([one])) == [(10, None)]
    assert (one.key.metric, one.severity, one.window_count) == ("psi:cusum", "warning", 2)
    # the sum is held at its limit: 2.64 + Phi^-1(8.5 / 9) - 0.5, ranked among the eight
    assert one.row["summary"] == (
        "crept up over 4 windows: mean 0.0315 → 0.04 (CUSUM 3.74 > 2.64; one false alarm in 80 windows)"
    )
    assert one.row["threshold"] == pytest.approx(decision_limit(80, 0.5))


def test_it_closes_once_the_sum_is_down_at_half_of_its_limit_and_begins_again() -> None:
    calm = (0.030, 0.031, 0.029)
    once = told(rows_of((*CREEPING, *calm)))
    assert list(days(once)) == [(10, 13)]
    assert list(days(told(rows_of((*CREEPING, *calm)), close_after=2))) == [(10, 14)]
    # what crept is none of the usual afterwards: the same again is as far out
    again = told(rows_of((*CREEPING, *calm, *CREEPING[8:])))
    assert list(days(again)) == [(10, 13), (17, None)]


def test_a_person_who_closes_it_takes_the_new_level_for_the_usual_one() -> None:
    level = (0.050, 0.052, 0.049, 0.051, 0.048, 0.053, 0.047, 0.054)
    (one,) = told(rows_of(CREEPING))
    said = Decision(one.alert_id, "close", START + 12 * A_DAY, START, "ann")
    assert list(days(told(rows_of((*CREEPING, *level, *level)), [said]))) == [(10, 11)]
    higher = (0.060, 0.061, 0.062, 0.063)
    found = told(rows_of((*CREEPING, *level, *higher)), [said])
    assert list(days(found)) == [(10, 11), (22, None)]


@pytest.mark.parametrize("status", ["insufficient_data", "error", "not_computable", "breached"])
def test_windows_of_which_nothing_can_be_told_are_passed_over(status: str) -> None:
    rows = rows_of(CREEPING)
    between = [
        {**row, "status": status, "value": 9.0 if status == "breached" else None}
        for row in rows_of([1.0] * 24)[1::2]
    ]
    spread = [
        {**row, "window_start": START + 2 * k * A_DAY, "window_end": START + (2 * k + 1) * A_DAY}
        for k, row in enumerate(rows)
    ]
    assert list(days(told([*spread, *between]))) == [(20, None)]


def test_a_constant_history_is_no_matter_and_what_leaves_it_is() -> None:
    assert told(rows_of([0.0] * 60)) == []
    assert list(days(told(rows_of([*[0.0] * 20, 0.01, 0.02])))) == [(21, None)]
    assert told(rows_of([*[0.0] * 20, 0.01, *[0.0] * 20])) == []


def test_what_is_too_little_to_matter_opens_nothing() -> None:
    rule = Cusum(average_run_length=80, baseline=8, min_effect=0.5)
    assert told(rows_of(CREEPING), rule=rule) == []
    # half of the way from 0.0315 to 0.1
    assert told(rows_of((*CREEPING, *[0.09] * 5)), rule=rule)


def test_fewer_windows_than_the_baseline_open_nothing() -> None:
    assert told(rows_of(CREEPING), rule=Cusum(average_run_length=80, baseline=12)) == []


def test_another_reference_begins_anew() -> None:
    rows = rows_of(CREEPING)
    for row in rows[9:]:
        row["reference_id"] = "another"
    assert told(rows) == []
    rows = rows_of((*CREEPING, *CREEPING))
    for row in rows[12:]:
        row["reference_id"] = "another"
    assert list(days(told(rows))) == [(10, 12), (23, None)]


def test_both_sides_are_watched_where_there_are_thresholds_on_both() -> None:
    down = tuple(0.066 - value for value in CREEPING)
    rows = rows_of(down)
    assert told(rows) == []
    for row in rows[:4]:
        row |= {"threshold_kind": "min", "threshold": 0.01}
    (one,) = told(rows)
    assert one.row["threshold"] == pytest.approx(decision_limit(160, 0.5))
    assert one.row["summary"].startswith("crept down over 4 windows: mean 0.0345 → ")


def test_of_windows_that_overlap_one_for_each_length_counts() -> None:
    rows = rows_of([value for value in CREEPING for _ in range(7)])
    for row in rows:
        row["window_start"] = row["window_end"] - 7 * A_DAY
    (one,) = told(rows)
    # the first, and the last of each week: the 8th ordinary value is counted, and two that crept
    assert list(days([one])) == [(69, None)]
    assert one.window_count == 3
    # whichever window of the first week is the first that is kept
    assert {(*days(told(rows[k:])),) for k in range(6)} == {(*days([one]),)}


def test_a_series_that_ends_ends_its_incident() -> None:
    rows = rows_of(CREEPING)
    other = rows_of([0.01] * 13, metric="js")
    assert list(days(told([*rows, *other]))) == [(10, 12)]


@given(values=VALUES, cut=st.integers(0, 40), seed=st.integers(0, 3), close_after=st.integers(1, 3))
def test_what_is_settled_stays_and_the_rest_follows_as_if_all_were_new(
    values: list[float], cut: int, seed: int, close_after: int
) -> None:
    rows = rows_of([value / 10 for value in values])
    random.Random(seed).shuffle(rows)
    until = START + cut * A_DAY
    whole = told(rows, close_after=close_after)
    before = told([row for row in rows if row["window_end"] < until], close_after=close_after)
    found = told(rows, past=Past(until, before), close_after=close_after)
    assert found == [each for each in whole if each.closed_at is None or each.closed_at >= until]
