"""One sentence a result: what moved, in the words of the data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from driftline.engine.catalog import METRICS, Metric

if TYPE_CHECKING:
    from driftline.engine.judge import Verdict


def number(value: float | None) -> str:
    """A number as a person writes it: about three digits, thousands spaced."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1e15 or size < 1e-4:
        return f"{value:.2e}"
    if size >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    digits = max(0, 2 - math.floor(math.log10(size)))
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: float | None) -> str:
    """A share as a percentage: whole from 10 %, one digit from 0.1 %."""
    if share is None:
        return "–"
    points = 100 * share
    if points == 0 or points >= 9.95:
        return f"{points:.0f} %"
    if points >= 0.1:
        return f"{points:.1f} %"
    return f"{points:.2g} %"


def duration(seconds: float | None) -> str:
    """A time as a person says it: the largest unit it fills, two digits or three."""
    if seconds is None:
        return "–"
    for name, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if abs(seconds) >= size:
            return f"{number(seconds / size)} {name}"
    return f"{number(seconds)} s"


def what_moved(
    verdict: Verdict,
    reference: Mapping[str, Any] | None,
    production: Mapping[str, Any] | None,
    bins: Sequence[Mapping[str, Any]],
    metrics: Mapping[str, Metric] = METRICS,
) -> str:
    """The sentence of a result.

    Args:
        verdict: The judged measurement.
        reference: The reference's profile of the feature, a row of `columns`, or None.
        production: Production's profile.
        bins: The feature's bins, rows of `binned`, in order.
        metrics: The catalogue that has its metric.

    Returns:
        One line without a full stop: for drift the means and the bin whose share changed most, for a
        rate the two rates, for the dataset its rows.
    """
    found = verdict.measurement
    metric = metrics[found.metric]
    if found.failed:
        what = {"join": "join", "custom": "aggregate"}.get(metric.scope, "column")
        return f"the {what} could not be {'read' if what != 'aggregate' else 'computed'}"
    if found.value is None or metric.scope == "schema":
        return found.reason or "no value"
    if metric.scope in ("attribution", "importance"):
        return _importance(metric, found.value, found.reference_value)
    if metric.scope == "custom":
        before = found.reference_value
        start = "" if before is None else f"{number(before)} → "
        return f"{metric.name} {start}{number(found.value)}"
    if metric.family == "performance":
        return _performance(metric, found.value, found.reference_value)
    if metric.scope == "join":
        return f"{percent(found.value)} of {number(found.n_production)} rows matched"
    if metric.scope == "dataset":
        return _of_window(metric, found.value, found.reference_value)
    if metric.family == "quality":
        return _rate(metric, found.value, found.reference_value)
    parts = []
    if reference is not None and production is not None and found.feature_type == "numerical":
        before, after = reference.get("mean"), production.get("mean")
        if before is not None and after is not None:
            parts.append(f"mean {number(before)} → {number(after)}")
    moved = _most_moved(bins)
    if moved is not None:
        parts.append(moved)
    return "; ".join(parts) or "nothing moved"


_WORDS: Final = {
    "null_value_rate": "nulls",
    "data_type_error_rate": "type errors",
    "out_of_bounds_rate": "out of bounds",
    "new_category_rate": "new categories",
    "zero_rate": "zeros",
    "empty_string_rate": "empty texts",
    "distinct_count": "distinct values",
    "stddev": "standard deviation",
    "duplicate_rate": "repeated ids",
    "freshness": "newest row",
    "row_count": "rows",
}


def _importance(metric: Metric, value: float, reference: float | None) -> str:
    if metric.scope == "attribution":
        return f"order of importance kept to {number(value)}, at random {number(reference)}"
    what = "importance" if metric.name == "feature_importance" else "rank by importance"
    if reference is None:
        return f"{what} {number(value)}, none before"
    return f"{what} {number(reference)} → {number(value)}"


def _performance(metric: Metric, value: float, reference: float | None) -> str:
    if metric.scope == "labels":
        return f"{percent(value)} of rows have an actual"
    what = metric.name.replace("_", " ")
    after = number(value)
    return f"{what} {after}" if reference is None else f"{what} {number(reference)} → {after}"


def amount(metric: Metric | None, value: float | None) -> str:
    """A metric's value with its unit, where that is a share or a time."""
    unit = "" if metric is None else metric.unit
    if unit.startswith("share"):
        return percent(value)
    return duration(value) if unit == "seconds" else number(value)


def _of_window(metric: Metric, value: float, reference: float | None) -> str:
    what = _WORDS.get(metric.name, metric.name)
    if metric.unit == "seconds":
        return f"{what} {duration(value)} before the end"
    if metric.unit.startswith("share"):
        return f"{what} {percent(value)}"
    told = f"{number(value)} {what}"
    return told if reference is None else f"{told}; {number(reference)} in a usual window"


def _rate(metric: Metric, value: float, reference: float | None) -> str:
    what = _WORDS.get(metric.name, metric.name)
    before, after = amount(metric, reference), amount(metric, value)
    if metric.name == "out_of_bounds_rate":
        return f"{what} {after}; chance alone gives {before}" if reference else f"{what} {after}"
    return f"{what} {before} → {after}"


def _most_moved(bins: Sequence[Mapping[str, Any]]) -> str | None:
    """The bin, or the run of bins at one end, whose share changed most."""
    n = sum(row["n_reference"] for row in bins)
    m = sum(row["n_production"] for row in bins)
    if not n or not m:
        return None
    shares = [(row["n_reference"] / n, row["n_production"] / m, row) for row in bins]
    p, q, row = max(shares, key=lambda share: abs(share[1] - share[0]))
    if p == q:
        return None
    if percent(p) == percent(q):
        return f"no share moved by more than {percent(abs(q - p))}"
    verb = "rose" if q > p else "fell"
    return f"the share {_where(row)} {verb} from {percent(p)} to {percent(q)}"


def _where(row: Mapping[str, Any]) -> str:
    kind, low, high = row["kind"], row["lower_bound"], row["upper_bound"]
    if kind == "category":
        return f"of {row['label'] or 'the empty text'}"
    if kind == "other":
        return "of all other values"
    if kind == "new":
        return f"of the new value {row['label']}" if row["label"] is not None else "of new values"
    if kind == "point":
        return f"of exactly {number(low)}"
    if low is None and high is None:
        return "of all values"
    if low is None:
        return f"below {number(high)}"
    if high is None:
        return f"above {number(low)}"
    return f"from {number(low)} to {number(high)}"


def bin_label(row: Mapping[str, Any], *, after_point: bool = False) -> str:
    """The label of a histogram row: the category, or the interval in numbers.

    Args:
        row: A row of `binned`.
        after_point: Whether the bin before is a point, which an interval then leaves out.
    """
    kind, low, high = row["kind"], row["lower_bound"], row["upper_bound"]
    if kind == "category" or (kind == "new" and row["label"] is not None):
        return str(row["label"])
    if kind in ("other", "new"):
        return str(kind)
    if kind == "point":
        return f"= {low!r}"
    least, greatest = row.get("least"), row.get("greatest")
    left = "(-inf" if low is None else f"{'(' if after_point else '['}{low!r}"
    right = "inf)" if high is None else f"{high!r})"
    if low is None and least is not None:
        left = f"[{least!r}"
    if high is None and greatest is not None:
        right = f"{greatest!r}]"
    return f"{left}, {right}"
