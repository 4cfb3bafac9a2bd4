"""Turn a judged run into rows of the result tables."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from driftline.engine.catalog import METRICS, Metric
from driftline.engine.execute import Gathered
from driftline.engine.judge import Verdict
from driftline.engine.measure import Measurement
from driftline.engine.plan import ALL, Pair, Plan, Scan, reference_bounds
from driftline.engine.project import FixedWindow, Join, RollingWindow, SeasonalWindow, Window
from driftline.engine.ranking import ranks
from driftline.engine.results import metric_id
from driftline.engine.stored import NOTHING, Slice, Standing
from driftline.engine.summary import bin_label, what_moved
from driftline.engine.workbench import Workbench

Row = dict[str, Any]

# Columns of `profiles` that tell one reference from another where its bins do not.
DECIDED: Final = (
    *("row_count", "null_count", "nan_count", "infinite_count"),
    *("minimum", "p05", "p25", "p50", "p75", "p95", "maximum"),
)


class Read:
    """The workbench's small relations, read once for the rows of all windows."""

    def __init__(
        self,
        bench: Workbench,
        comparisons: Mapping[tuple[int, int], Row],
        scans: Collection[int],
    ) -> None:
        self.comparisons = comparisons
        self.columns = {
            (row["scan"], row["window_id"], row["segment"], row["feature"]): row
            for row in bench.rows("from columns")
        }
        self.quantiles = {
            (row["scan"], row["window_id"], row["segment"], row["feature"]): row
            for row in bench.rows("from quantiles")
        }
        self.bins: dict[int, list[Row]] = {}
        for row in bench.rows("from binned order by comparison, bin"):
            self.bins.setdefault(row["comparison"], []).append(row)
        self.scanned = {
            (row["scan"], row["window_id"]): row["n"]
            for row in bench.rows(
                "select scan, window_id, sum(row_count)::bigint as n from scan_rows group by all"
            )
            if row["scan"] in scans
        }
        self.reference_ids: dict[tuple[int, int], str] = {}


class Facts:
    """What of the relations is of one window."""

    def __init__(
        self, plan: Plan, gathered: Gathered, read: Read, standing: Standing = NOTHING
    ) -> None:
        self.plan = plan
        self.standing = standing
        self.gathered = gathered
        self.columns = read.columns
        self.quantiles = read.quantiles
        self.bins = read.bins
        self.comparisons = read.comparisons
        first = {pair.reference_scan: pair for pair in reversed(plan.whole_pairs)}
        sides = {(plan.production.id, plan.pairs[0].window_id)} | {
            (scan, pair.reference_window) for scan, pair in first.items()
        }
        self.ranks = ranks(plan, gathered.importances)
        self.sides = frozenset(sides)
        for scan in plan.references:
            key = scan.id, first[scan.id].reference_window
            # a reference is the same for every window that is held against it
            if key not in read.reference_ids:
                read.reference_ids[key] = _reference_id(plan, scan, self)
        self.reference_ids = {
            scan.id: read.reference_ids[scan.id, first[scan.id].reference_window]
            for scan in plan.references
        }
        for scan in plan.segmented:
            if scan.base in self.reference_ids:
                self.reference_ids[scan.id] = self.reference_ids[scan.base]

    def profile(self, scan: int, window_id: int, segment: str, feature: int) -> Row | None:
        """A row of `columns`, or None."""
        return self.columns.get((scan, window_id, segment, feature))

    def decided(self, pair: Pair, feature: int) -> Row:
        """What of a reference's numbers does not depend on production, as `profiles` has it."""
        key = (pair.reference_scan, pair.reference_window, pair.segment, feature)
        row = {**self.columns.get(key, {}), **self.quantiles.get(key, {})}
        row["infinite_count"] = row.get("below_infinity", 0) + row.get("above_infinity", 0)
        counts = {name: int(row.get(name, 0)) for name in DECIDED if name.endswith("count")}
        return {**row, **counts}

    def histogram(self, pair: Pair, feature: int) -> list[Row]:
        """Rows of `binned` for a pair's feature, in order."""
        comparison = self.comparisons.get((pair.id, feature))
        return self.bins.get(comparison["comparison"], []) if comparison is not None else []


def metric_rows(facts: Facts, verdicts: Iterable[Verdict], run_id: str, now: datetime) -> list[Row]:
    """Rows of `metrics`."""
    plan = facts.plan
    monitor = plan.monitor
    ids = {item.name: item.id for item in plan.read}
    out = []
    for verdict in verdicts:
        found = verdict.measurement
        pair = found.pair
        scan = None if pair is None else plan.scans[pair.reference_scan]
        first, last = found.window or (plan.window_start, plan.window_end)
        start, end = (None, None) if scan is None else reference_bounds(plan, scan)
        reference, segment = _compared(plan, found)
        feature = ids.get(found.feature)
        sentence = what_moved(
            verdict,
            *_profiles(facts, pair, feature),
            facts.histogram(pair, feature) if pair is not None and feature is not None else [],
            plan.metrics,
        )
        key = (
            monitor.name,
            found.signal,
            first,
            last,
            reference,
            segment,
            found.feature,
            found.metric,
        )
        out.append(
            {
                "metric_id": metric_id(*key),
                "run_id": run_id,
                "monitor": monitor.name,
                "model": monitor.model,
                "model_version": monitor.model_version,
                "signal": found.signal,
                "signal_type": found.signal_type,
                "metric": found.metric,
                "feature": found.feature,
                "feature_type": found.feature_type,
                "segment": segment,
                "window_start": first,
                "window_end": last,
                "window_date": (last - timedelta(microseconds=1)).date(),
                "reference": reference,
                "reference_id": ALL if scan is None else facts.reference_ids[scan.id],
                "reference_start": start,
                "reference_end": end,
                "value": found.value,
                "value_low": found.value if found.value_low is None else found.value_low,
                "value_high": found.value if found.value_high is None else found.value_high,
                "statistic": found.statistic,
                "effect": found.effect,
                "p_value": found.p_value,
                "q_value": found.q_value,
                "ci_low": found.ci_low,
                "ci_high": found.ci_high,
                "reference_value": found.reference_value,
                "direction": plan.metrics[found.metric].worse,
                **verdict_columns(verdict),
                "summary": sentence,
                "n_reference": found.n_reference,
                "n_production": found.n_production,
                "bins": found.bins,
                **_importance(facts, found.feature),
                "computed_at": now,
            }
        )
    return out


def _importance(facts: Facts, feature: str) -> Row:
    """What the reference says of a feature's importance."""
    importance, rank = facts.ranks.get(feature.casefold(), (None, None))
    return {"importance": importance, "importance_rank": rank}


def verdict_columns(verdict: Verdict) -> Row:
    """The columns of a row of `metrics` that thresholds decide."""
    return {
        "threshold": verdict.threshold,
        "threshold_kind": verdict.threshold_kind,
        "breached": verdict.breached,
        "status": verdict.status,
        "severity": verdict.severity,
        "score": verdict.score,
        "reason": verdict.reason,
    }


def ground_rows(plan: Plan, verdicts: Iterable[Verdict], run_id: str) -> list[Row]:
    """Rows of `_grounds`: what the rows of `metrics` leave out and judging them again takes."""
    out = []
    for verdict in verdicts:
        found = verdict.measurement
        reference, segment = _compared(plan, found)
        first, last = found.window or (plan.window_start, plan.window_end)
        out.append(
            {
                "monitor": plan.monitor.name,
                "signal": found.signal,
                "window_start": first,
                "window_end": last,
                "reference": reference,
                "segment": segment,
                "feature": found.feature,
                "metric": found.metric,
                "run_id": run_id,
                "reason": found.reason,
                "failed": found.failed,
                "has_p": found.has_p,
                "why_no_p": found.why_no_p,
                "by_chance": found.by_chance,
            }
        )
    return out


def _compared(plan: Plan, found: Measurement) -> tuple[str, str]:
    """Names of the reference and the segment of a measurement, `__all__` without."""
    if found.pair is None:
        return ALL, ALL
    return plan.scans[found.pair.reference_scan].reference, found.pair.segment


def _profiles(
    facts: Facts, pair: Pair | None, feature: int | None
) -> tuple[Row | None, Row | None]:
    if pair is None or feature is None:
        return None, None
    return (
        facts.profile(pair.reference_scan, pair.reference_window, pair.segment, feature),
        facts.profile(pair.production_scan, pair.window_id, pair.segment, feature),
    )


def histogram_rows(facts: Facts, run_id: str) -> list[Row]:
    """Rows of `histograms`: every bin of every feature that has bins, empty ones too."""
    plan = facts.plan
    index = plan.conventions.metrics["population_stability_index"]
    (pseudocount,) = (param.default for param in index.header.params)
    out = []
    for pair in plan.pairs:
        scan = plan.scans[pair.reference_scan]
        for item in plan.measured:
            if not plan.tells_apart(item, pair.segmentation):
                continue
            bins = facts.histogram(pair, item.id)
            n = sum(row["n_reference"] for row in bins)
            m = sum(row["n_production"] for row in bins)
            kinds = [None, *(row["kind"] for row in bins)]
            out += [
                {
                    "monitor": plan.monitor.name,
                    "window_start": plan.window_start,
                    "window_end": plan.window_end,
                    "reference": scan.reference,
                    "reference_id": facts.reference_ids[scan.id],
                    "segment": pair.segment,
                    "feature": item.name,
                    "bin": row["bin"],
                    "kind": row["kind"],
                    "label": bin_label(row, after_point=before == "point"),
                    "lower_bound": row["lower_bound"],
                    "upper_bound": row["upper_bound"],
                    "n_reference": int(row["n_reference"]),
                    "n_production": int(row["n_production"]),
                    "share_reference": row["n_reference"] / n if n else None,
                    "share_production": row["n_production"] / m if m else None,
                    "psi_contribution": contribution,
                    "run_id": run_id,
                }
                for row, before, contribution in zip(
                    bins, kinds, _psi(bins, pseudocount), strict=False
                )
            ]
    return out


def _psi(bins: Sequence[Mapping[str, Any]], pseudocount: float) -> list[float | None]:
    """What each bin adds to the population stability index; 0 where it is no bin of it.

    Of new categories that are one bin of the index each adds by its rows' share of theirs.
    """
    n = sum(row["n_reference"] for row in bins)
    m = sum(row["n_production"] for row in bins)
    if not n or not m:
        return [None] * len(bins)
    cells: dict[int, list[tuple[float, float]]] = {}
    for row in bins:
        cells.setdefault(row["cell"], []).append((row["n_reference"], row["n_production"]))
    cells.pop(None, None)  # type: ignore[call-overload]
    used = len(cells)

    def term(a: float, b: float) -> float:
        p = (a + pseudocount) / (n + pseudocount * used)
        q = (b + pseudocount) / (m + pseudocount * used)
        return float((q - p) * math.log(q / p))

    def part(row: Mapping[str, Any]) -> float:
        if row["cell"] is None:
            return 0.0
        a, b = (sum(counts) for counts in zip(*cells[row["cell"]], strict=True))
        rows = row["n_reference"] + row["n_production"]
        return term(a, b) * rows / (a + b) if len(cells[row["cell"]]) > 1 else term(a, b)

    return [part(row) for row in bins]


def profile_rows(facts: Facts, run_id: str) -> list[Row]:
    """Rows of `profiles`: each feature as each side has it."""
    plan = facts.plan
    sides: dict[tuple[int, int, str], Pair] = {}
    for pair in plan.pairs:
        sides.setdefault((pair.production_scan, pair.window_id, pair.segment), pair)
    for pair in plan.pairs:
        sides.setdefault((pair.reference_scan, pair.reference_window, pair.segment), pair)
    out = []
    for (scan_id, window_id, segment), pair in sides.items():
        scan = plan.scans[scan_id]
        production = scan.side == "production"
        for item in plan.measured:
            row = facts.profile(scan.id, window_id, segment, item.id)
            unread = not plan.tells_apart(item, pair.segmentation)
            if row is None or unread or item.id in facts.gathered.failed:
                continue
            column = item.production if production else item.reference
            spread = facts.quantiles.get((scan.id, window_id, segment, item.id), {})
            comparison = facts.comparisons[pair.id, item.id]
            below, above = _beyond(facts, scan, pair, item.id)
            text = facts.gathered.types.get(item.id) != "numerical"
            out.append(
                {
                    "monitor": plan.monitor.name,
                    "side": scan.side,
                    "reference": scan.reference,
                    "reference_id": ALL if production else facts.reference_ids[scan.id],
                    "window_start": plan.window_start,
                    "window_end": plan.window_end,
                    "segment": segment,
                    "feature": item.name,
                    "data_type": None if column is None else column.type,
                    "row_count": int(row["row_count"]),
                    "null_count": int(row["null_count"]),
                    "nan_count": int(row["nan_count"]),
                    "infinite_count": int(row["below_infinity"] + row["above_infinity"]),
                    "type_error_count": int(row["type_error_count"]),
                    "below_count": below,
                    "above_count": above,
                    "unseen_count": int(comparison["unseen_production"])
                    if production and comparison["unseen_production"] is not None
                    else None,
                    "distinct_count": None
                    if row["distinct_count"] is None
                    or (not text and item.id in facts.gathered.rounded)
                    else int(row["distinct_count"]),
                    **{
                        name: None if text and name != "distinct_count" else row[name]
                        for name in ("minimum", "maximum", "mean")
                    },
                    "stddev": None if text else row["deviation"],
                    **{
                        name: None if text else spread.get(name)
                        for name in ("p05", "p25", "p50", "p75", "p95")
                    },
                    "run_id": run_id,
                }
            )
    return out


def _beyond(facts: Facts, scan: Scan, pair: Pair, feature: int) -> tuple[int | None, int | None]:
    """Rows below and above the reference's range; of a reference itself none are."""
    if facts.gathered.types.get(feature) != "numerical":
        return None, None
    if scan.side == "reference":
        return 0, 0
    row = facts.comparisons[pair.id, feature]
    return int(row["under_production"]), int(row["over_production"])


def feature_rows(facts: Facts, run_id: str) -> list[Row]:
    """Rows of `features`: every column either side has, and why it is or is not watched."""
    plan = facts.plan
    out = []
    for item in plan.watched:
        if item.name in (*plan.left_alone, *plan.elsewhere):
            continue
        kind = facts.gathered.types.get(item.id)
        reason = facts.gathered.reasons.get(item.id, item.reason)
        failed = facts.gathered.failed.get(item.id)
        # what nobody watches was read to count rows beside it
        included = item.id >= 0 and kind is not None and bool(item.signals)
        role = item.role if included or item.role != "feature" else "excluded"
        out.append(
            {
                "monitor": plan.monitor.name,
                "feature": item.name,
                "role": role,
                "feature_type": kind,
                "reference_type": None if item.reference is None else item.reference.type,
                "production_type": None if item.production is None else item.production.type,
                "included": included,
                "reason": failed or reason,
                **_importance(facts, item.name),
                "window_end": plan.window_end,
                "run_id": run_id,
            }
        )
    return out


def slices(
    plan: Plan,
    metrics: Sequence[Row],
    histograms: Sequence[Row],
    profiles: Sequence[Row],
    features: Sequence[Row],
    grounds: Sequence[Row] = (),
    standing: Standing = NOTHING,
) -> tuple[Slice, ...]:
    """What a run replaces in the store: a slice for the signals that are selected alike.

    Args:
        plan: The plan, with what of it was selected.
        metrics: All rows of `metrics` of the run.
        histograms: Its rows of `histograms`.
        profiles: Its rows of `profiles`.
        features: Its rows of `features`.
        grounds: Its rows of `_grounds`.
        standing: What is stored of the window: selected rows that have no successor go too.
    """
    monitor = plan.monitor
    names = {ALL, *(item.name for item in plan.watched), *standing.features}
    names |= {row["feature"] for row in metrics}
    alike: dict[frozenset[str] | None, list[str]] = {}
    for signal in plan.signals:
        taken = frozenset(name for name in names if plan.takes(signal, name))
        if taken:
            alike.setdefault(taken if plan.selection.by_feature else None, []).append(signal)
    # the window's own rows are told whatever is selected
    placed = {signal for signals in alike.values() for signal in signals}
    part = Slice(
        monitor=monitor.name,
        window_start=plan.window_start,
        window_end=plan.window_end,
        signals=(),
        metrics=[row for row in metrics if row["signal"] not in placed],
        histograms=histograms,
        profiles=profiles,
        features=features,
        grounds=[row for row in grounds if row["signal"] not in placed],
        measured=None if plan.selection.is_everything else tuple(i.name for i in plan.measured),
        # what the run measures in other windows stays
        spared=(*plan.elsewhere, *plan.joins_elsewhere),
    )
    beside = replace(part, histograms=(), profiles=(), features=(), measured=())
    return (
        part,
        *(
            replace(
                beside,
                signals=tuple(signals),
                metrics=[row for row in metrics if row["signal"] in signals],
                grounds=[row for row in grounds if row["signal"] in signals],
                selected=None if taken is None else tuple(sorted(taken)),
            )
            for taken, signals in alike.items()
        ),
    )


def aside(plan: Plan, row: Row) -> bool:
    """Whether a row is of another window than that of the signal it belongs to: a match rate."""
    window = (row["window_start"], row["window_end"])
    elsewhere = not plan.whole or window != (plan.window_start, plan.window_end)
    return plan.metrics[row["metric"]].scope == "join" and elsewhere


def slices_aside(monitor: str, metrics: Iterable[Row], grounds: Sequence[Row]) -> tuple[Slice, ...]:
    """What match rates of other windows replace: the rows of the same joins, nothing else."""
    windows: dict[tuple[datetime, datetime], list[Row]] = {}
    for row in metrics:
        windows.setdefault((row["window_start"], row["window_end"]), []).append(row)
    return tuple(
        Slice(
            monitor=monitor,
            window_start=start,
            window_end=end,
            signals=tuple({row["signal"] for row in rows}),
            metrics=rows,
            grounds=[
                row for row in grounds if (row["window_start"], row["window_end"]) == (start, end)
            ],
            selected=tuple(row["feature"] for row in rows),
            measured=(),
        )
        for (start, end), rows in windows.items()
    )


def definition_rows(own: Sequence[Metric] = ()) -> list[Row]:
    """Rows of `metric_definitions`: the catalogue, and metrics of a project's own.

    Two monitors may define different metrics of one name: one row tells both definitions.
    """
    named: dict[str, list[Metric]] = {}
    for metric in (*METRICS.values(), *own):
        named.setdefault(metric.name, []).append(metric)
    return [
        {
            "metric": metric.name,
            "title": metric.header.title,
            "definition": "; ".join(dict.fromkeys(each.header.defines for each in every)),
            "feature_types": metric.watches,
            "range_low": None if math.isinf(metric.low) else metric.low,
            "range_high": None if math.isinf(metric.high) else float(metric.high),
            "direction": metric.worse,
            "unit": metric.unit or None,
            "default_threshold": metric.default_text,
            "source": metric.header.source,
        }
        for metric, *every in ((metrics[0], *metrics) for metrics in named.values())
    ]


def _reference_id(plan: Plan, scan: Scan, facts: Facts) -> str:
    """A name for what production is compared with: it changes when the comparison would.

    Made of the source as written, its filter, window and bin rules; for whole and fixed references
    also of the bins and counts, so that changed data is a changed reference.
    """
    monitor = plan.monitor
    reference = next(r for r in monitor.references if r.name == scan.reference)
    parts: dict[str, Any] = {
        "source": reference.source.written,
        "filter": reference.filter,
        "window": _window_text(reference.window),
        "bins": [monitor.bins.rule, monitor.bins.count, *monitor.bins.edges],
        "settings": {
            name: [s.type, None if s.bins is None else [s.bins.rule, s.bins.count, *s.bins.edges]]
            for name, s in sorted(monitor.settings.items())
            if s.type is not None or s.bins is not None
        },
        "max_categories": monitor.max_categories,
        "conventions": monitor.conventions,
    }
    if scan.joined:
        parts["joins"] = [_join_text(joined.join) for joined in scan.joined]
    if not reference.moves:
        pair = next(p for p in plan.pairs if p.reference_scan == scan.id)
        bins: dict[str, Sequence[Mapping[str, Any]]] = {
            item.name: facts.histogram(pair, item.id) for item in plan.measured
        }
        profiles: dict[str, Mapping[str, Any]] = {
            item.name: facts.decided(pair, item.id) for item in plan.measured
        }
        if not bins and not plan.left_alone:
            # a monitor of nothing but importances or performance
            parts["importances"] = [
                [[name, *map(repr, told)] for name, told in sorted(found.items())]
                for (_, s, _), found in facts.gathered.importances.items()
                if s == scan.id
            ]
            parts["outcomes"] = facts.gathered.outcomes.of_scan(scan.id)
        for name in plan.left_alone:
            bins[name] = facts.standing.bins(scan.reference, name)
            profiles[name] = facts.standing.profile(scan.reference, name)
        parts["bins_and_counts"] = {
            name: _frozen(plan, rows, profiles[name]) for name, rows in bins.items()
        }
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _join_text(join: Join) -> list[Any]:
    return [join.name, join.source.written, [*map(list, join.on)], join.timestamp]


def _frozen(
    plan: Plan, bins: Sequence[Mapping[str, Any]], profile: Mapping[str, Any]
) -> list[list[Any]]:
    """What a whole or fixed reference decides of a feature: its bins and counts.

    Where the bins of numbers are production's too they say nothing of the reference: its counts and
    quantiles do.
    """
    if plan.conventions.bins is not None and any(row["kind"] == "interval" for row in bins):
        return [[name, profile.get(name)] for name in DECIDED]
    return [
        [
            row["kind"],
            row["label"] if row["kind"] == "category" else None,
            row["lower_bound"],
            int(row["n_reference"]),
        ]
        for row in bins
        if row["kind"] != "new"
    ]


def _window_text(window: Window | SeasonalWindow | None) -> str | None:
    match window:
        case None:
            return None
        case RollingWindow():
            offset = None if window.offset is None else window.offset.text
            return f"rolling {window.size.text} {offset}"
        case SeasonalWindow():
            return f"seasonal {window.same.text} {window.cycles}"
        case FixedWindow():
            return f"fixed {window.start.astimezone(UTC)} {window.end.astimezone(UTC)}"


def dataset_rows(verdicts: Sequence[Verdict]) -> int | None:
    """Rows of production's window, from its row_count; None where a selection leaves that out."""
    for verdict in verdicts:
        if verdict.measurement.metric == "row_count":
            return int(verdict.measurement.value or 0)
    return None


def failures(verdicts: Sequence[Verdict]) -> list[Measurement]:
    """Measurements whose column or statement failed."""
    return [verdict.measurement for verdict in verdicts if verdict.status == "error"]
