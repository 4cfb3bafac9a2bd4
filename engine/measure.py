"""Compute metrics over the relations in the workbench: their SQL, then SciPy for the tests."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from driftline.engine.catalog import METRICS, Metric
from driftline.engine.conventions import metrics_of
from driftline.engine.errors import TemplateError
from driftline.engine.estimating import FEWEST_FOR_AREA
from driftline.engine.execute import Gathered
from driftline.engine.features import Watched
from driftline.engine.joins import several_rows
from driftline.engine.own_metrics import line_of_word
from driftline.engine.performance import realised
from driftline.engine.plan import ALL, WHOLE, Match, Pair, Plan
from driftline.engine.project import MetricRule, Monitor, Threshold
from driftline.engine.ranking import why_no_order
from driftline.engine.render import metric_sql
from driftline.engine.settling import Asked
from driftline.engine.significance import (
    chi_squared,
    cramers_v,
    goodness_of_fit,
    kolmogorov_smirnov,
    kolmogorov_smirnov_auto,
)
from driftline.engine.thresholds import RELATIVE
from driftline.engine.workbench import Workbench

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Row = dict[str, Any]

UNJUDGED: Final = Threshold()
# A share of whole rows times the rows is whole, but for so much.
ROUNDING: Final = 1e-6
ROUNDED: Final = "values of more digits than a double holds (beyond 2^53) were rounded to doubles"


@dataclass(frozen=True)
class Measurement:
    """One number with what it rests on, before anyone judges it.

    Attributes:
        signal, signal_type: The signal it belongs to.
        metric: Catalogue name.
        feature: Feature name, or `__all__`.
        feature_type: `numerical`, `categorical`, or None.
        pair: Which window, reference and segment; None for the dataset.
        value: The number compared with the threshold; None where it cannot be computed.
        value_low, value_high: Bounds that certainly hold it; alike where it is exact.
        statistic, effect, p_value: Of a test, else None; `effect` of a distance is the distance.
        reference_value: The same measure on the reference, where it has one.
        n_reference, n_production: Rows counted, of all rows for quality rates.
        bins: Bins the value compares, where it does.
        threshold: What the project file asks of it.
        reason: Why there is no value, or what was left out of it.
        failed: Whether the column or its statement failed.
        alert_when: How it is judged.
        comparison: Its row in the workbench's relations.
        q_value: `p_value` adjusted for the features beside it.
        ci_low, ci_high: 95 % interval of the population's value, of the statistic for tests.
        by_chance: What 95 % of samples without drift stay below, in the value's unit.
        has_p: Whether a probability is defined for it, computed or not.
        why_no_p: Why there is none where one is defined.
        window: Start and end as stored, naive UTC, of a window that is not the plan's.
    """

    signal: str
    signal_type: str
    metric: str
    feature: str
    feature_type: str | None
    pair: Pair | None
    value: float | None
    statistic: float | None = None
    effect: float | None = None
    p_value: float | None = None
    reference_value: float | None = None
    n_reference: int | None = None
    n_production: int | None = None
    bins: int | None = None
    threshold: Threshold = UNJUDGED
    reason: str | None = None
    failed: bool = False
    alert_when: str = "significant"
    comparison: int | None = None
    q_value: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    by_chance: float | None = None
    has_p: bool = False
    why_no_p: str | None = None
    window: tuple[datetime, datetime] | None = None
    value_low: float | None = None
    value_high: float | None = None


def measure(plan: Plan, gathered: Gathered, results: Results) -> tuple[Measurement, ...]:
    """Compute every metric of every signal for every feature, window, reference and segment.

    Args:
        plan: The plan.
        gathered: Types of its features, and which of them failed.
        results: The workbench's results, all relations derived.

    Returns:
        Measurements in the order of signals, metrics and features; first the dataset's rows.
    """
    numbers = results.comparisons
    out: list[Measurement] = []
    if plan.whole:
        out += _dataset(plan, gathered, results, numbers)
    out += _joins(plan, gathered, results)
    if plan.whole:
        out += _findings(plan, gathered, results)
    out += _of_features(plan, gathered, results)
    out += _of_importances(plan, gathered, results)
    out += _of_aggregates(plan, gathered)
    return (*out, *_of_performance(plan, gathered, results))


def _of_features(
    plan: Plan, gathered: Gathered, results: Results, *, certified: bool = False
) -> Iterator[Measurement]:
    """What signals measure of features; only metrics that are certified before they are exact, if asked."""
    numbers = results.comparisons
    for signal in plan.monitor.signals:
        pairs = plan.pairs_of(signal)
        for rule in signal.rules:
            metric = plan.metrics[rule.metric]
            if certified and metric.certified is None:
                continue
            if metric.scope not in ("features", "columns"):
                continue
            for pair in pairs:
                for item in plan.read:
                    if signal.name not in item.signals:
                        continue
                    kind = gathered.types.get(item.id)
                    threshold = threshold_of(plan.monitor, rule, item, kind)
                    if threshold is None:
                        continue
                    measurement = Measurement(
                        signal.name,
                        signal.type,
                        metric.name,
                        item.name,
                        kind,
                        pair,
                        None,
                        threshold=threshold,
                        alert_when=signal.alert_when,
                    )
                    if item.id in gathered.failed:
                        yield replace(measurement, failed=True, reason=gathered.failed[item.id])
                        continue
                    row = numbers[pair.id, item.id]
                    found = results.of(metric).get(row["comparison"], {})
                    if metric.path in results.broken:
                        yield replace(measurement, failed=True, reason=results.broken[metric.path])
                        continue
                    filled = _filled(measurement, metric, row, found, results)
                    if kind == "numerical" and item.id in gathered.rounded and _reads(metric):
                        filled = replace(filled, reason=_joined(filled.reason, ROUNDED))
                    yield filled


@dataclass(frozen=True)
class Tested:
    """A test of one comparison.

    Attributes:
        effect: D of the Kolmogorov-Smirnov test, Cramér's V of the chi-squared tests, in [0, 1]; None
            where it has no bound.
        p_value: Probability in [0, 1]; None where it has no law.
        cells: Cells of its table.
    """

    effect: float | None
    p_value: float | None
    cells: int


class Results:
    """What the workbench answers: relations, and each metric's SQL, run once when first asked for.

    Attributes:
        broken: Path of a metric of the project's own to why it does not compute.
    """

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._found: dict[str, dict[int, dict[str, Any]]] = {}
        self.broken: dict[str, str] = {}
        self._listed: dict[str, list[dict[str, Any]]] = {}
        self._tests: dict[tuple[str, str | None, int, float, float], Tested | None] = {}
        self.bins = {
            row["comparison"]: int(row["bins"])
            for row in bench.rows(
                "select comparison, count(*) as bins from bins group by comparison"
            )
        }

    def rows(self, relation: str, order: str) -> list[dict[str, Any]]:
        """All rows of a relation."""
        return self._bench.rows(f"from {relation} order by {order}")

    def arrays(
        self, relation: str, order: str, columns: Sequence[str]
    ) -> dict[str, NDArray[np.float64]]:
        """Columns of numbers of a relation, float64, shape (rows,)."""
        return self._bench.arrays(f"select {', '.join(columns)} from {relation} order by {order}")

    def of(self, metric: Metric) -> Mapping[int, dict[str, Any]]:
        """What a metric's SQL returns, by comparison."""
        if metric.path not in self._found:
            try:
                rows = self._bench.rows(metric_sql(metric))
                lacking = [n for n in ("comparison", "value") if rows and n not in rows[0]]
                if lacking and (metric.is_own or "comparison" in lacking):
                    told = f"metric {metric.name} returns no column {lacking[0]!r}"
                    raise TemplateError(told)
            except TemplateError as error:
                if not metric.is_own:
                    raise
                self.broken[metric.path] = _refused(metric, error)
                rows = []
            self._found[metric.path] = {row["comparison"]: row for row in rows}
        return self._found[metric.path]

    @cached_property
    def comparisons(self) -> Mapping[tuple[int, int], dict[str, Any]]:
        """Rows of `comparisons` by pair and feature."""
        return {
            (row["pair"], row["feature"]): row for row in self.rows("comparisons", "comparison")
        }

    def listed(self, metric: Metric) -> list[dict[str, Any]]:
        """What the SQL of a metric that has a row a finding returns, in its order."""
        if metric.path not in self._listed:
            self._listed[metric.path] = self._bench.rows(metric_sql(metric))
        return self._listed[metric.path]

    @cached_property
    def weighed(self) -> Mapping[tuple[str, int], list[dict[str, Any]]]:
        """Rows of `importances` by signal and pair."""
        found: dict[tuple[str, int], list[dict[str, Any]]] = {}
        for row in self.rows("importances", "signal, pair, feature"):
            found.setdefault((row["signal"], row["pair"]), []).append(row)
        return found

    def tested(
        self, metric: Metric, comparison: int, factor: float = 1.0, share: float = 1.0
    ) -> Tested | None:
        """A test of one comparison; None without rows.

        Computed once: the test itself, its interval and the distances it serves all ask.

        Args:
            metric: The test.
            comparison: Of which sides and feature.
            factor: How much more clustered rows scatter, of a chi-squared test; see `dispersion.py`.
            share: Which share of its degrees of freedom is left.
        """
        key = (metric.path, metric.test, comparison, factor, share)
        if key not in self._tests:
            found = self.of(metric).get(comparison, {})
            self._tests[key] = self._test(metric, found, factor, share)
        return self._tests[key]

    def between(self, metric: Metric, comparison: int) -> tuple[float | None, float | None]:
        """Bounds of a test's probability, from those of its statistic: the wider gap is less likely."""
        found = self.of(metric)[comparison]
        n = int(found["n_reference"])
        # the law of few rows is of counts: a gap of whole rows of the reference, no narrower, no wider
        wide = min(n, math.ceil(found["statistic_high"] * n - ROUNDING))
        narrow = max(0, math.floor(found["statistic_low"] * n + ROUNDING))
        ends = (
            self._test(
                metric,
                {
                    **found,
                    "statistic": found[name],
                    "below_reference": rows,
                    "below_production": 0,
                },
            )
            for name, rows in (("statistic_high", wide), ("statistic_low", narrow))
        )
        low, high = (None if end is None else end.p_value for end in ends)
        return low, high

    def _test(
        self, metric: Metric, found: Mapping[str, Any], factor: float = 1.0, share: float = 1.0
    ) -> Tested | None:
        statistic = _finite(found.get("statistic"))
        if statistic is None:
            # a category that cannot be, and is there
            return Tested(None, 0.0, int(found["categories"])) if found.get("unexpected") else None
        n, m = found["n_reference"], found["n_production"]
        match metric.test:
            case "kolmogorov_smirnov" | "kolmogorov_smirnov_auto":
                law = {
                    "kolmogorov_smirnov": kolmogorov_smirnov,
                    "kolmogorov_smirnov_auto": kolmogorov_smirnov_auto,
                }[metric.test]
                below = (int(found["below_reference"]), int(found["below_production"]))
                return Tested(statistic, law(statistic, *below, int(n), int(m)), 0)
            case "goodness_of_fit":
                cells = int(found["categories"])
                effect = min(1.0, math.sqrt(statistic / (m * (cells - 1))))
                return Tested(effect, goodness_of_fit(statistic, cells), cells)
            case _:
                categories, cells = int(found["categories"]), int(found["cells"])
                p_value = chi_squared(
                    statistic / factor,
                    categories,
                    cells,
                    found["smallest"] / factor,
                    found["inverse"] * factor,
                    n / factor,
                    m / factor,
                    share,
                )
                return Tested(cramers_v(statistic, cells, n, m), _finite(p_value), cells)


def straddling(plan: Plan, gathered: Gathered, results: Results) -> dict[int, set[Asked]]:
    """Comparisons whose certified bounds do not settle on which side of a threshold they are.

    Args:
        plan: The plan.
        gathered: Types of its features, and which of them failed.
        results: The workbench's results, all relations derived.

    Returns:
        By comparison, which distances must be exact for the verdict to be.
    """
    found: dict[int, set[Asked]] = {}
    for each in _of_features(plan, gathered, results, certified=True):
        asked = plan.metrics[each.metric].certified
        low, high = each.value_low, each.value_high
        if asked is None or each.comparison is None or low is None or high is None or low == high:
            continue
        levels = (each.threshold.fail, each.threshold.warn)
        limits = [side.amount for bound in levels if bound is not None for side in bound.sides]
        # a probability is adjusted for the features beside it: only one above the limit is decided
        least = 0.0 if plan.metrics[each.metric].test else low
        if any(least <= limit < high or limit == high for limit in limits):
            found.setdefault(each.comparison, set()).add(asked)
    return found


def _dataset(
    plan: Plan,
    gathered: Gathered,
    results: Results,
    numbers: Mapping[tuple[int, int], dict[str, Any]],
) -> Iterator[Measurement]:
    """Rows about the window as a whole, once a window: the row count, and what signals ask for."""
    row = numbers[plan.pairs[0].id, plan.read[0].id]
    rows = int(row["rows_production"])
    # the rows of a window are always told, whatever was selected
    takes = plan.takes(plan.monitor.window_signal, ALL)
    for metric, threshold in window_thresholds(plan.monitor):
        if metric.scope != "dataset" or not (takes or metric.name == "row_count"):
            continue
        found = results.of(metric).get(row["comparison"], {})
        value = _finite(found.get("value"))
        failed = gathered.failed.get(WHOLE) if metric.asks else None
        reason = failed
        if value is None and failed is None:
            lacking = f"there is no column for {metric.asks}"
            reason = "the window has no rows" if not rows else lacking
        yield Measurement(
            plan.monitor.window_signal,
            "data_quality",
            metric.name,
            ALL,
            None,
            None,
            value,
            reference_value=_finite(found.get("reference_value")) if asks_past(threshold) else None,
            n_production=rows,
            threshold=threshold,
            reason=reason,
            failed=failed is not None,
        )


def _joins(plan: Plan, gathered: Gathered, results: Results) -> Iterator[Measurement]:
    """A row a join, of the window that its delay leads to, whatever the signals say."""
    for metric, threshold in window_thresholds(plan.monitor):
        if metric.scope != "join":
            continue
        found = {row["match"]: row for row in results.listed(metric)}
        for match in plan.matches:
            name = match.joined.join.name
            if not match.reported or not plan.takes(plan.monitor.window_signal, name):
                continue
            row = found.get(match.id)
            yield Measurement(
                plan.monitor.window_signal,
                "data_quality",
                metric.name,
                name,
                None,
                None,
                None if row is None else _finite(row["value"]),
                n_production=None if row is None else int(row["n_production"]),
                threshold=threshold,
                reason=gathered.unmatched.get(match.id) if row is None else _repeats(row, match),
                failed=row is None,
                window=(match.window_start, match.window_end),
            )


def _of_importances(plan: Plan, gathered: Gathered, results: Results) -> Iterator[Measurement]:
    """What signals measure of importances: their order, then each feature's."""
    types = {item.name.casefold(): gathered.types.get(item.id) for item in plan.read}
    metrics = [
        metric for metric in METRICS.values() if metric.scope in ("attribution", "importance")
    ]
    for signal in plan.attribution_signals:
        rules = {rule.metric: rule.thresholds[ALL] for rule in signal.rules}
        attributed = plan.attributed(signal.attribution)
        assert attributed is not None
        failed, note = gathered.unranked.get(attributed.id), attributed.note
        for pair in plan.pairs:
            if pair.reference_scan != plan.scan_of(signal.reference).id:
                continue
            key = (signal.name, pair.id)
            rows = results.weighed.get(key, [])
            for metric in metrics:
                whole = metric.scope == "attribution"
                if whole and metric.name not in rules:
                    continue
                listed = [
                    row for row in results.listed(metric) if (row["signal"], row["pair"]) == key
                ]
                for row in listed or ([{}] if whole else []):
                    feature = ALL if whole else row["feature"]
                    if not plan.takes(signal.name, feature):
                        continue
                    threshold = rules.get(metric.name, UNJUDGED)
                    value = None if failed and whole else _finite(row.get("value"))
                    yield Measurement(
                        signal.name,
                        signal.type,
                        metric.name,
                        feature,
                        None if whole else types.get(feature.casefold()),
                        pair,
                        value,
                        statistic=_finite(row.get("statistic")),
                        reference_value=_finite(row.get("reference_value")),
                        n_reference=int(row.get("n_reference") or 0),
                        n_production=int(row.get("n_production") or 0),
                        threshold=threshold,
                        reason=failed
                        if failed and whole
                        else _also(_of_order(value, row, rows, threshold), note)
                        if whole
                        else _also(_of_importance(row), note),
                        failed=failed is not None and whole,
                        alert_when=signal.alert_when,
                    )


def _of_aggregates(plan: Plan, gathered: Gathered) -> Iterator[Measurement]:
    """What aggregates over the sources come to, on both sides."""
    signals = {signal.name: signal for signal in plan.monitor.signals}
    for each in plan.custom:
        signal = signals[each.signal]
        (rule,) = (rule for rule in signal.rules if rule.metric == each.metric)
        failed = gathered.uncounted.get(each.key)
        found = gathered.custom.get(each.key, {})
        for pair in plan.pairs_of(signal):
            before = (pair.reference_scan, pair.reference_window, pair.segment)
            n, reference = found.get(before, (0, None))
            m, value = found.get((pair.production_scan, pair.window_id, pair.segment), (0, None))
            reasons = [
                f"{side} has no {told}"
                for side, rows, one in (("the reference", n, reference), ("production", m, value))
                if one is None
                for told in (["value"] if rows else ["rows"])
            ]
            if (name := each.lacks(pair.reference_scan)) is not None:
                reasons[0] = f"the reference has no column {name!r}"
            yield Measurement(
                signal.name,
                signal.type,
                each.metric,
                ALL,
                None,
                pair,
                None if failed else value,
                reference_value=None if failed else reference,
                n_reference=n,
                n_production=m,
                threshold=rule.thresholds[ALL],
                reason=failed or "; ".join(reasons) or None,
                failed=failed is not None,
                alert_when=signal.alert_when,
            )


def _also(reason: str | None, note: str | None) -> str | None:
    """What is to be said, and what is always said of such importances."""
    return reason if note is None else _joined(reason, note)


def _of_order(
    value: float | None,
    row: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    threshold: Threshold,
) -> str | None:
    """What is to be said of an order of importance."""
    if value is None:
        return why_no_order(rows)
    limits = [
        side.amount
        for bound in (threshold.fail, threshold.warn)
        if bound is not None
        for side in bound.sides
        if side.kind == "min"
    ]
    if limits and row["reference_value"] >= max(limits):
        return (
            f"a random order scores {row['reference_value']:.3g}: the threshold can hardly ever"
            " be passed"
        )
    return None


def _of_importance(row: Mapping[str, Any]) -> str | None:
    """Which side says nothing of a feature."""
    sides = (("reference_value", "the reference"), ("value", "production"))
    silent = [told for name, told in sides if row[name] is None]
    return f"no importance in {' and '.join(silent)}" if silent else None


def _of_performance(plan: Plan, gathered: Gathered, results: Results) -> Iterator[Measurement]:
    """What signals measure of predictions and what happened: of each window and, of some, each class."""
    performance = plan.performance
    if performance is None:
        return
    labels = {(row["pair"], row["side"]): row for row in results.rows("labels", "pair, side")}
    for signal in plan.monitor.performance_signals:
        if signal.name not in plan.signals or not plan.takes(signal.name, ALL):
            continue
        rules = {rule.metric: rule.thresholds[ALL] for rule in signal.rules}
        if realised([signal]):
            rules = {"label_coverage": rules.get("label_coverage", UNJUDGED), **rules}
        for name, threshold in rules.items():
            metric = METRICS[name]
            told = _by_side(results.listed(metric))
            failed = next(
                (
                    gathered.outcomes.failed[r]
                    for r in metric.header.reads
                    if r in gathered.outcomes.failed
                ),
                None,
            )
            whole = performance.labels if metric.scope == "labels" else ALL
            for pair in plan.pairs_of(signal):
                found = told.get(pair.id, {})
                ours = {} if failed else found.get("production", {})
                silent = metric.scope == "class" and not failed and not metric.is_estimate
                for feature in ours or ([] if silent else [ALL]):
                    before = found.get("reference", {}).get(feature, {})
                    now = ours.get(feature, {})
                    value = _finite(now.get("value"))
                    yield Measurement(
                        signal.name,
                        signal.type,
                        metric.name,
                        whole if feature == ALL else feature,
                        None,
                        pair,
                        value,
                        reference_value=_finite(now.get("reference_value", before.get("value"))),
                        # a reference without labels is not held against anything
                        n_reference=int(before.get("n") or 0) or None,
                        n_production=int(now.get("n") or 0),
                        threshold=threshold,
                        reason=failed
                        or _of_estimate(metric, value, pair, before, gathered)
                        or _of_judged(metric, value, now, labels.get((pair.id, "production"))),
                        failed=failed is not None,
                        alert_when=signal.alert_when,
                        ci_low=_finite(now.get("ci_low")),
                        ci_high=_finite(now.get("ci_high")),
                    )


def _by_side(rows: Sequence[Row]) -> dict[int, dict[str, dict[str, Row]]]:
    """Rows of a metric of model performance by pair, side and class, `__all__` where it has none."""
    found: dict[int, dict[str, dict[str, Row]]] = {}
    for row in rows:
        found.setdefault(row["pair"], {}).setdefault(row["side"], {})[row.get("feature", ALL)] = row
    return found


def _of_estimate(
    metric: Metric, value: float | None, pair: Pair, before: Row, gathered: Gathered
) -> str | None:
    """What an estimate rests on, or why there is none."""
    if not metric.is_estimate:
        return None
    if metric.task == "regression":
        return "estimated: the mean of what the model expects" if value is not None else None
    if value is not None:
        return (
            f"estimated from scores, by {int(before.get('n') or 0)} labelled rows of the reference"
        )
    unknown = gathered.outcomes.unknown.get(pair.id)
    if unknown:
        return f"no labelled row of the reference is predicted to be {', '.join(unknown)}"
    if "forecast_parts" in metric.header.reads:
        return (
            f"estimated of two classes only, and by {FEWEST_FOR_AREA} labelled rows of the"
            " reference or more"
        )
    return "there are no scores, or no labelled rows of the reference that tell what they are worth"


def _of_judged(
    metric: Metric, value: float | None, row: Row, labels: Mapping[str, Any] | None
) -> str | None:
    """Why there is no value of a model's performance, and which rows were left out of it."""
    reason = row.get("reason")
    if metric.is_estimate:
        return reason
    if labels is None or not labels["row_count"]:
        return "the window has no rows"
    if metric.scope == "labels":
        return None
    if not labels["labelled"]:
        return "no row of the window has an actual yet"
    scores = not {"reliability", "ranks"}.isdisjoint(metric.header.reads)
    left = labels["labelled"] - (int(row.get("n") or 0) if scores else labels["judged"])
    if left:
        what = "score" if scores else "prediction"
        told = f"{left} rows with an actual left out: it or the {what} cannot be compared"
        reason = told if reason is None else f"{reason}; {told}"
    return reason or (f"{metric.name} is not defined for these rows" if value is None else None)


def _repeats(row: Mapping[str, Any], match: Match) -> str | None:
    """What is to be said of a match rate: no rows, or keys that have several."""
    if not row["n_production"]:
        return "the window has no rows"
    if not row["repeated"]:
        return None
    newest = "the newest counts" if match.joined.clock else "no timestamp tells the newest"
    return f"{several_rows(int(row['repeated']), int(row['surplus']))}; {newest}"


def window_thresholds(monitor: Monitor) -> Iterator[tuple[Metric, Threshold]]:
    """The metrics of the window as a whole that a monitor takes, and their thresholds."""
    rules = {
        rule.metric: rule
        for signal in monitor.signals
        if signal.type == "data_quality"
        for rule in signal.rules
    }
    for metric in METRICS.values():
        always = metric.name == "row_count" or (metric.scope == "join" and monitor.joins)
        if metric.scope in ("dataset", "join") and (metric.name in rules or always):
            asked = rules.get(metric.name)
            yield metric, UNJUDGED if asked is None else asked.thresholds.get(ALL, UNJUDGED)


def asks_past(threshold: Threshold) -> bool:
    """Whether a threshold compares with other windows, which alone makes a row depend on them."""
    levels = (threshold.fail, threshold.warn)
    return any(side.kind in RELATIVE for bound in levels if bound for side in bound.sides)


def _findings(plan: Plan, gathered: Gathered, results: Results) -> Iterator[Measurement]:
    """Rows about columns that came, went or changed their type."""
    types = {item.name: gathered.types.get(item.id) for item in plan.read}
    for metric in METRICS.values():
        if metric.scope == "schema":
            for row in results.listed(metric):
                if row["window_id"] != plan.pairs[0].window_id:
                    continue
                yield Measurement(
                    plan.monitor.window_signal,
                    "data_quality",
                    metric.name,
                    row["feature"],
                    types.get(row["feature"]),
                    None,
                    _finite(row["value"]),
                    reason=row["reason"],
                )


def threshold_of(
    monitor: Monitor, rule: MetricRule, item: Watched, kind: str | None
) -> Threshold | None:
    """The threshold of a metric for one feature, or None when the metric does not apply to it.

    Args:
        monitor: The monitor.
        rule: The metric, as one of its signals asks for it.
        item: The feature.
        kind: Its type; None for a column that is left out of drift.
    """
    metric = metrics_of(monitor)[rule.metric]
    if metric.scope == "features" and (kind is None or kind not in metric.types):
        return None
    settings = monitor.settings.get(item.name)
    if kind == "categorical" and metric.kinds is not None and item.reference is not None:
        told = settings is not None and settings.values is not None
        if item.reference.kind not in metric.kinds and not told:
            return None
    own = settings.thresholds.get(metric.name) if settings is not None else None
    if kind is None:
        # a column left out of drift is still judged for nulls and type errors
        return own or next(iter(rule.thresholds.values()), None)
    return rule.thresholds.get(kind) and (own or rule.thresholds[kind])


def _filled(
    measurement: Measurement,
    metric: Metric,
    row: Mapping[str, Any],
    found: Mapping[str, Any],
    results: Results,
) -> Measurement:
    rates = metric.family == "quality"
    n, m = (
        (row["rows_reference"], row["rows_production"])
        if rates
        else (row["n_reference"], row["n_production"])
    )
    # a metric that counts other rows says so itself
    n, m = found.get("n_reference", n), found.get("n_production", m)
    value = _finite(found.get("value"))
    low, high = (_finite(found.get(f"value_{end}", value)) for end in ("low", "high"))
    statistic = _finite(found.get("statistic"))
    effect = None if rates else value
    p_value = None
    reason = None
    if metric.test is not None and (test := results.tested(metric, row["comparison"])) is not None:
        effect, value, p_value = test.effect, test.p_value, test.p_value
        low = high = value
        if found.get("statistic_low") != found.get("statistic_high"):
            low, high = results.between(metric, row["comparison"])
            value = p_value = None if low is None or high is None else (low + high) / 2
    if value is None:
        reason = found.get("reason") or _why_not(measurement, rates, n, m)
        if found.get("value") is not None and n and m:
            reason = "its value leaves the range of a double"
    if metric.finite and (left := _infinities(row)):
        if value is None:
            finite = (row["n_reference_finite"], row["n_production_finite"])
            reason = _why_not(measurement, rates, *finite)
        reason = _joined(reason, left)
    known = {
        "value": value,
        "value_low": None if value is None else low,
        "value_high": None if value is None else high,
        "statistic": statistic,
        "effect": effect,
        "p_value": p_value,
        "reference_value": _finite(found.get("reference_value")),
        "n_reference": int(n),
        "n_production": int(m),
        "bins": results.bins.get(row["comparison"]) if "bins" in metric.header.reads else None,
        "reason": reason,
        "comparison": row["comparison"],
    }
    # what `replace` does, in a third of its time: segments and windows have tens of thousands
    return Measurement(**(vars(measurement) | known))


def _reads(metric: Metric) -> bool:
    """Whether a metric is made of a column's numbers, rather than of counts that are exact."""
    return metric.scope == "features" and metric.counts is None


def _joined(reason: str | None, more: str) -> str:
    return more if reason is None else f"{reason}; {more}"


def _why_not(measurement: Measurement, rates: bool, n: float, m: float) -> str:
    what = "rows" if rates else "values"
    empty = [side for side, rows in (("the reference", n), ("production", m)) if not rows]
    if empty:
        return f"{' and '.join(empty)} {'have' if len(empty) > 1 else 'has'} no {what}"
    return f"{measurement.metric} is not defined for these rows"


def _infinities(row: Mapping[str, Any]) -> str | None:
    left = {
        side: int(row[f"below_infinity_{side}"] + row[f"above_infinity_{side}"])
        for side in ("reference", "production")
    }
    parts = [f"{count} in {side}" for side, count in left.items() if count]
    return f"infinities left out: {', '.join(parts)}" if parts else None


def _refused(metric: Metric, error: TemplateError) -> str:
    """Where a project's own metric is wrong, and what DuckDB says of it."""
    whole = str(error.__cause__ or error.message)
    told = whole.split("\n\n", maxsplit=1)[0]
    place = re.search(r"^LINE (\d+):", whole, re.MULTILINE)
    named = [word for word in re.findall(r'"([^"]+)"', told) if word not in metric.header.reads]
    line = int(place[1]) if place else line_of_word(metric.sql, named[0]) if named else 1
    return f"{metric.path}:{line}: does not compute: {' '.join(told.split())}"


def _finite(value: object) -> float | None:
    """A double, or None for null, NaN and infinities."""
    if value is None:
        return None
    number = float(value)  # type: ignore[arg-type]  # DuckDB hands back int, float or Decimal
    return number if math.isfinite(number) else None
