"""Hold measurements against thresholds: status, severity, score, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from driftline.engine.catalog import METRICS, Metric
from driftline.engine.evidence import rows_needed
from driftline.engine.measure import Measurement
from driftline.engine.project import Bound, Threshold
from driftline.engine.results import Status

SIGNIFICANT: Final = 0.05
HIGHEST_SCORE: Final = 10.0
CRITICAL_SCORE: Final = 3.0


@dataclass(frozen=True)
class Verdict:
    """A measurement, judged.

    Attributes:
        measurement: What was judged, as it was given.
        threshold: The bound itself, in the unit of the value; None when it is not judged.
        threshold_kind: How it was written: `max`, `min`, `increase`, `decrease`; None likewise.
        breached: Whether the value is strictly beyond the threshold; False without either.
        status: The judgement.
        severity: None, `warning`, `high` or `critical`.
        score: Distance to the threshold in [0, 10], 1 at it; None without a threshold or value.
        reason: Why the status is what it is, where that needs saying.
    """

    measurement: Measurement
    threshold: float | None
    threshold_kind: str | None
    breached: bool
    status: Status
    severity: str | None
    score: float | None
    reason: str | None


def judge(
    measurement: Measurement,
    *,
    min_rows: int,
    allow_empty: bool = False,
    is_empty: bool = False,
    metrics: Mapping[str, Metric] = METRICS,
) -> Verdict:
    """Judge one measurement.

    Args:
        measurement: The measurement.
        min_rows: Counted rows a side needs; never asked of dataset rows.
        allow_empty: Whether a window without rows is fine.
        is_empty: Whether the window has no rows, which are too few whatever `min_rows` says.
        metrics: The catalogue that has its metric.
    """
    metric = metrics[measurement.metric]
    value = measurement.value
    given = measurement
    threshold = Threshold(
        _nearest_side(metric, measurement.threshold.fail, value, measurement.reference_value),
        _nearest_side(metric, measurement.threshold.warn, value, measurement.reference_value),
    )
    if threshold != measurement.threshold:
        measurement = replace(measurement, threshold=threshold)
    fail = _limit(measurement.threshold.fail, measurement.reference_value)
    warn = _limit(measurement.threshold.warn, measurement.reference_value)
    bound = measurement.threshold.fail or measurement.threshold.warn
    limit = fail if measurement.threshold.fail is not None else warn
    beyond = _beyond(value, limit, bound)
    no_rows = metric.name == "row_count" and value == 0 and not allow_empty
    needed = None if limit is None else rows_needed(measurement, limit)
    if needed is not None:
        measurement = replace(measurement, reason=_also(needed, measurement.reason))
    least = max(min_rows, 1) if is_empty else min_rows
    status, reason = _status(measurement, metric, least, fail, warn)
    if no_rows:
        status, reason = "breached", "the window has no rows"
    score = (
        None
        if value is None or limit is None or bound is None
        else _score(metric, bound, value, limit, measurement.reference_value)
    )
    return Verdict(
        given,
        limit,
        bound.kind if bound is not None and limit is not None else None,
        beyond,
        status,
        _severity(status, score, no_rows),
        score,
        reason,
    )


def _status(
    measurement: Measurement, metric: Metric, min_rows: int, fail: float | None, warn: float | None
) -> tuple[Status, str | None]:
    reason = measurement.reason
    if measurement.failed:
        return "error", reason
    if metric.finding is not None:
        return metric.finding, reason
    whole = metric.scope in ("dataset", "join", "attribution", "importance", "labels")
    if not whole:
        few = [
            f"{rows} {side} rows"
            for side, rows in (
                ("reference", measurement.n_reference),
                ("production", measurement.n_production),
            )
            if rows is not None and rows < min_rows
        ]
        if few:
            return "insufficient_data", _also(f"{', '.join(few)}, min_rows is {min_rows}", reason)
    if measurement.value is None:
        judged = whole or metric.family == "performance"
        empty = judged and measurement.n_production == 0
        return "insufficient_data" if empty else "not_computable", reason
    if measurement.threshold.fail is not None and fail is None:
        if metric.past:
            return "ok", _also("no stored window to compare with yet", reason)
        return "not_computable", _also("the reference has no value to compare with", reason)
    levels: tuple[tuple[Status, float | None, Bound | None], ...] = (
        ("breached", fail, measurement.threshold.fail),
        ("warning", warn, measurement.threshold.warn),
    )
    doubts = []
    for level, limit, bound in levels:
        if limit is None or bound is None or not _beyond(measurement.value, limit, bound):
            continue
        doubt = _doubt(measurement, metric, limit, bound)
        if doubt is None:
            return level, reason
        doubts.append(doubt)
    return ("inconclusive", _also(doubts[0], reason)) if doubts else ("ok", reason)


def _doubt(measurement: Measurement, metric: Metric, limit: float, bound: Bound) -> str | None:
    """Why a value beyond its limit does not convince; None when it does."""
    if measurement.alert_when == "exceeds" or not measurement.has_p:
        return None
    q = measurement.q_value
    if metric.test is not None:
        if _beyond(q, limit, bound):
            return None
        return f"adjusted for the other features, p is {_p(q)}"
    if measurement.alert_when == "significant":
        if q is None:
            return measurement.why_no_p or "its significance could not be computed"
        if q <= SIGNIFICANT:
            return None
        return f"beyond the threshold, but not significantly: q is {_p(q)}"
    # the end of the interval that lies nearest the limit
    end = measurement.ci_low if bound.kind in ("max", "increase") else measurement.ci_high
    if end is None:
        return "its interval could not be computed"
    if _beyond(end, limit, bound):
        return None
    return f"the 95 % interval reaches {end:.3g}, within the threshold"


def _nearest_side(
    metric: Metric, bound: Bound | None, value: float | None, reference: float | None
) -> Bound | None:
    """Of limits on two sides, the one that the value is beyond, or else nearest to."""
    if bound is None or bound.other is None or value is None:
        return bound
    limits = [(side, _limit(side, reference)) for side in bound.sides]
    scored = [
        (_beyond(value, limit, side), _score(metric, side, value, limit, reference), side)
        for side, limit in limits
        if limit is not None
    ]
    return max(scored, key=lambda each: each[:2])[2] if scored else bound


def _p(q: float | None) -> str:
    return "unknown" if q is None else f"{q:.2g}"


def _also(first: str, second: str | None) -> str:
    return first if second is None else f"{first}; {second}"


def _limit(bound: Bound | None, reference: float | None) -> float | None:
    """The bound itself, in the unit of the value; None when it needs a reference value that is not."""
    if bound is None:
        return None
    if bound.kind in ("max", "min"):
        return bound.amount
    if reference is None:
        return None
    step = bound.amount * abs(reference) if bound.relative else bound.amount
    return reference + step if bound.kind == "increase" else reference - step


def _beyond(value: float | None, limit: float | None, bound: Bound | None) -> bool:
    if value is None or limit is None or bound is None:
        return False
    return value > limit if bound.kind in ("max", "increase") else value < limit


def _score(
    metric: Metric,
    bound: Bound,
    value: float,
    limit: float,
    reference: float | None,
) -> float:
    """How far along the way to the threshold, in [0, 10]; 1 is at it."""
    if metric.test is not None:
        above, below = _log(value), _log(limit)
    elif bound.kind == "increase":
        above, below = value - (reference or 0.0), limit - (reference or 0.0)
    elif bound.kind == "decrease":
        above, below = (reference or 0.0) - value, (reference or 0.0) - limit
    elif metric.low < 0:
        # zero is nothing special to such a metric: the way begins at the reference's value
        start = 0.0 if reference is None else reference
        above, below = value - start, limit - start
        if (below < 0) != (bound.kind == "min"):
            # the reference itself is beyond
            return HIGHEST_SCORE if _beyond(value, limit, bound) else 0.0
    elif bound.kind == "max":
        above, below = value, limit
    elif math.isfinite(metric.high):
        above, below = metric.high - value, metric.high - limit
    else:
        above, below = limit, value
    if below == 0:
        return HIGHEST_SCORE if _beyond(value, limit, bound) else 0.0
    return min(HIGHEST_SCORE, max(0.0, above / below))


def _log(p: float) -> float:
    return -math.inf if p <= 0 else math.log(p)


def _severity(status: Status, score: float | None, no_rows: bool) -> str | None:
    if status == "warning":
        return "warning"
    if status != "breached":
        return None
    return "critical" if no_rows or (score is not None and score >= CRITICAL_SCORE) else "high"
