"""Judge stored results again by today's project file; nothing is read but the store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Final

from driftline.engine.alerting import follow_verdicts
from driftline.engine.catalog import Metric
from driftline.engine.conventions import metrics_of
from driftline.engine.errors import DriftlineError, StoreError
from driftline.engine.features import Watched, asked_for, by_name, watch
from driftline.engine.incidents import has_no_rows
from driftline.engine.journal import measure_hash
from driftline.engine.judge import Verdict, judge
from driftline.engine.measure import (
    UNJUDGED,
    Measurement,
    asks_past,
    threshold_of,
    window_thresholds,
)
from driftline.engine.outcome import MonitorRun, RunResult
from driftline.engine.performance import realised
from driftline.engine.place import Tables
from driftline.engine.plan import ALL
from driftline.engine.project import Monitor, Project, Threshold
from driftline.engine.relations import PAST_WINDOWS
from driftline.engine.results import TABLES, utc_now
from driftline.engine.rows import Row, verdict_columns
from driftline.engine.run import published
from driftline.engine.selection import choose_monitors
from driftline.engine.store import VERDICT, Store, store_of
from driftline.engine.warehouses.base import Column
from driftline.engine.warehouses.duckdb import kind_of
from driftline.engine.windows import production_span, resolve_at, stored_bounds

# Signal, reference, feature, metric: what the project file asks for, in every segment alike.
Key = tuple[str, str, str, str]

MOST_NAMED: Final = 5


@dataclass(frozen=True)
class Asked:
    """How a number is to be judged."""

    signal_type: str
    kind: str | None
    threshold: Threshold
    alert_when: str = "significant"


@dataclass(frozen=True)
class Standards:
    """How a monitor's stored numbers are judged by the file as it is now.

    Attributes:
        monitor: The monitor.
        watched: What becomes of the columns that the last run saw, by name.
        asked: Every number the file asks for.
    """

    monitor: Monitor
    watched: Mapping[str, Watched]
    asked: Mapping[Key, Asked]

    @cached_property
    def metrics(self) -> Mapping[str, Metric]:
        """The monitor's catalogue."""
        return metrics_of(self.monitor)

    @property
    def unseen(self) -> tuple[str, ...]:
        """Columns that the file lists and no run has seen."""
        return tuple(item.name for item in self.watched.values() if _unknown(item))

    def of(self, row: Row) -> Asked | None:
        """How a row with its grounds is judged; None when the file does not ask for it any more."""
        return _how(self.monitor, self.watched, self.asked, row)

    def verdict(self, row: Row, how: Asked, *, is_empty: bool) -> Verdict:
        """The judgement of a row with its grounds.

        Args:
            row: A row of `metrics`, and what `_grounds` has of it under names that begin with `_`.
            how: How it is to be judged.
            is_empty: Whether its window has no rows.
        """
        return judge(
            _measurement(row, how),
            min_rows=self.monitor.min_rows,
            allow_empty=self.monitor.production.allow_empty,
            is_empty=is_empty,
            metrics=self.metrics,
        )


def standards_of(monitor: Monitor, features: Sequence[Row]) -> Standards:
    """How a monitor's stored numbers are judged.

    Args:
        monitor: The monitor.
        features: Its rows of `features`.
    """
    watched = _watched(monitor, features)
    return Standards(monitor, watched, dict(_asked(monitor, watched, _kinds(monitor, features))))


def check_project(
    project: Project,
    *,
    monitors: Sequence[str] | None = None,
    at: str | datetime | None = None,
    write: bool = False,
) -> RunResult:
    """Judge what is stored of monitors' windows by the project as it is now.

    Args:
        project: The project.
        monitors: Names of monitors; None is all.
        at: As for a run: the window that it would replace. None is the newest stored one.
        write: Whether the verdicts replace the stored ones, of all monitors in one transaction, and
            are published.

    Returns:
        One entry a monitor, with the rows that the file still asks for. One without results has an
        error.

    Raises:
        ConfigError: For an unknown monitor or an unreadable `at`.
        StoreError: When there are no results at all, or the verdicts cannot be stored.
    """
    store = store_of(project)
    chosen = choose_monitors(project, monitors)
    windows = [None if at is None else _window(monitor, at) for monitor in chosen]
    with store.reading():
        pass
    runs = []
    changed: list[Row] = []
    for monitor, window in zip(chosen, windows, strict=True):
        try:
            found, differing = judged_again(store, monitor, window)
        except DriftlineError as error:
            row = dict.fromkeys(TABLES["runs"].names) | {"monitor": monitor.name}
            row |= {"status": "failed", "metric_count": 0, "breach_count": 0}
            found, differing = MonitorRun(run=row, error=error), []
        runs.append(found)
        changed += differing
    result = RunResult(tuple(runs))
    if write and changed:
        replace_verdicts(store, chosen, changed)
        return published(result, project)
    return result


def replace_verdicts(store: Store, monitors: Sequence[Monitor], rows: Sequence[Row]) -> None:
    """Store how rows are judged now, and the incidents that follow, all or nothing.

    Args:
        store: The results.
        monitors: The monitors that the rows are of.
        rows: Rows of `metrics`.

    Raises:
        StoreError: When they cannot be stored.
    """

    def then(tables: Tables) -> None:
        for monitor in monitors:
            own = [row for row in rows if row["monitor"] == monitor.name]
            follow_verdicts(tables, monitor, own, utc_now())

    store.judge(rows, then)


def _window(monitor: Monitor, at: str | datetime) -> tuple[datetime, datetime]:
    moment = resolve_at(monitor, at, datetime.now(UTC))
    return stored_bounds(production_span(monitor, moment), moment)


def judged_again(
    store: Store, monitor: Monitor, window: tuple[datetime, datetime] | None
) -> tuple[MonitorRun, list[Row]]:
    """A monitor's rows as they are judged today, and those of them whose stored verdict differs.

    Raises:
        StoreError: When the window has no results.
    """
    stored = store.judged(monitor.name, window)
    if not stored:
        when = "" if window is None else f" for the window {window[0]} to {window[1]} UTC"
        raise StoreError(
            f"there are no results of {monitor.name} yet{when}",
            hint=f"`driftline run {monitor.name}` computes them",
        )
    (run,) = store.run(max(stored, key=lambda row: row["computed_at"])["run_id"]).to_pylist()
    features = store.features(monitor.name).to_pylist()
    standards = standards_of(monitor, features)
    asked = standards.asked
    past = _past(store, monitor, stored)
    kept: list[Row] = []
    judged: list[Row] = []
    empty = any(map(has_no_rows, stored))
    for row in stored:
        how = standards.of(row)
        if how is None or (past and row["reference_value"] is None and asks_past(how.threshold)):
            continue
        kept.append(row)
        judged.append(_judged(standards, row, how, is_empty=empty))
    there = {_key(row, metrics_of(monitor)) for row in kept}
    # how important features are, and so which ones a signal watches, is what runs find out
    ranked = {s.name for s in monitor.signals if monitor.ranking_of(s) is not None}
    missing = (
        *(f"column {name}" for name in standards.unseen),
        *_listed(key for key in asked if key not in there and key[0] not in ranked),
    )
    warnings = [f"not measured yet: {each}; run again" for each in missing]
    if run["measure_hash"] != measure_hash(monitor):
        warnings.append(
            "the file asks for other numbers than were measured: sources, windows, features or bins"
            " have changed since; run again"
        )
    rows = [row["value"] for row in stored if row["metric"] == "row_count"]
    run |= {
        "metric_count": len(judged),
        "breach_count": sum(1 for row in judged if row["status"] == "breached"),
        "primary": monitor.primary.name,
        "segments": monitor.alerting.segments,
        "window_rows": int(rows[0] or 0) if rows else None,
    }
    found = MonitorRun(run, tuple(judged), warnings=tuple(warnings), unmeasured=missing)
    return found, [
        row
        for row, before in zip(judged, kept, strict=True)
        if any(row[name] != before[name] for name in VERDICT)
    ]


def _watched(monitor: Monitor, features: Sequence[Row]) -> Mapping[str, Watched]:
    """What becomes of the columns that the last run saw, by name."""
    production, reference = (
        [
            Column(row["feature"], row[side], kind_of(row[side]), _join_of(monitor, row))
            for row in features
            if row[side]
        ]
        for side in ("production_type", "reference_type")
    )
    known = {row["feature"].casefold() for row in features}
    # a column that is newly listed has yet to be looked for
    production += [Column(name, "", "other") for name in sorted(asked_for(monitor) - known)]
    return by_name(watch(monitor, reference, production))


def _join_of(monitor: Monitor, row: Row) -> str | None:
    """The join that brought a column, as its row tells."""
    told = row["reason"] or ""
    return next((j.name for j in monitor.joins if f"from join {j.name}" in told), None)


def _unknown(item: Watched) -> bool:
    return item.production is not None and not item.production.type


def _kinds(monitor: Monitor, features: Sequence[Row]) -> Mapping[str, str | None]:
    """Feature types by name: as the file states them, else as the last run found them."""
    kinds = {row["feature"]: row["feature_type"] for row in features}
    stated = {name: each.type for name, each in monitor.settings.items() if each.type is not None}
    return kinds | stated


def _past(store: Store, monitor: Monitor, stored: Sequence[Row]) -> bool:
    """Whether there are earlier windows to compare a row of the dataset with."""
    end = max(row["window_end"] for row in stored)
    counts, _ = store.past(monitor.name).before(end, windows=PAST_WINDOWS)
    return bool(counts)


def _asked(
    monitor: Monitor, watched: Mapping[str, Watched], kinds: Mapping[str, str | None]
) -> Iterator[tuple[Key, Asked]]:
    """Every number the project file asks for, of the whole population and of any part."""
    for metric, threshold in window_thresholds(monitor):
        joins = tuple(join.name for join in monitor.joins)
        for feature in joins if metric.scope == "join" else (ALL,):
            key = (monitor.window_signal, ALL, feature, metric.name)
            yield key, Asked("data_quality", None, threshold)
    metrics = metrics_of(monitor)
    for signal in monitor.performance_signals:
        if realised([signal]):
            told = {rule.metric: rule.thresholds[ALL] for rule in signal.rules}
            key = (signal.name, signal.reference, ALL, "label_coverage")
            coverage = told.get("label_coverage", UNJUDGED)
            yield key, Asked(signal.type, None, coverage, signal.alert_when)
    for signal in monitor.signals:
        for rule in signal.rules:
            if metrics[rule.metric].scope in ("attribution", "custom", "performance", "class"):
                key = (signal.name, signal.reference, ALL, rule.metric)
                yield key, Asked(signal.type, None, rule.thresholds[ALL], signal.alert_when)
            if metrics[rule.metric].scope not in ("features", "columns"):
                continue
            for item in watched.values():
                if item.id < 0 or signal.name not in item.signals:
                    continue
                kind = kinds.get(item.name)
                own = threshold_of(monitor, rule, item, kind)
                if own is not None:
                    key = (signal.name, signal.reference, item.name, rule.metric)
                    yield key, Asked(signal.type, kind, own, signal.alert_when)


def _how(
    monitor: Monitor, watched: Mapping[str, Watched], asked: Mapping[Key, Asked], row: Row
) -> Asked | None:
    """How a stored row is judged today; None when the file does not ask for it any more."""
    if row["_failed"] is None:
        return None
    metric = metrics_of(monitor).get(row["metric"])
    if metric is None:
        return None
    if metric.scope == "schema":
        item = watched.get(row["feature"])
        if item is None or row["signal"] != monitor.window_signal:
            return None
        about = item.signals or row["metric"] == "new_column"
        return Asked(row["signal_type"], row["feature_type"], UNJUDGED) if about else None
    if metric.scope == "importance":
        there = any(s.name == row["signal"] and s.attribution for s in monitor.signals)
        return Asked(row["signal_type"], row["feature_type"], UNJUDGED) if there else None
    how = asked.get(_key(row, metrics_of(monitor)))
    if how is None or how.signal_type != row["signal_type"]:
        return None
    # numbers of a column that was another type then say nothing about it now
    return how if how.kind == row["feature_type"] else None


def _key(row: Row, metrics: Mapping[str, Metric]) -> Key:
    # which classes there are is what runs find out, and where labels come from says nothing here
    metric = metrics.get(row["metric"])
    judged = metric is not None and metric.family == "performance"
    feature = ALL if judged else row["feature"]
    return row["signal"], row["reference"], feature, row["metric"]


def _judged(standards: Standards, row: Row, how: Asked, *, is_empty: bool) -> Row:
    """The row with today's verdict; what it says of the data stays."""
    verdict = standards.verdict(row, how, is_empty=is_empty)
    return {name: row[name] for name in TABLES["metrics"].names} | verdict_columns(verdict)


def _measurement(row: Row, how: Asked) -> Measurement:
    """What the row was made of."""
    return Measurement(
        signal=row["signal"],
        signal_type=row["signal_type"],
        metric=row["metric"],
        feature=row["feature"],
        feature_type=row["feature_type"],
        pair=None,
        value=row["value"],
        statistic=row["statistic"],
        effect=row["effect"],
        p_value=row["p_value"],
        reference_value=row["reference_value"],
        n_reference=row["n_reference"],
        n_production=row["n_production"],
        bins=row["bins"],
        threshold=how.threshold,
        reason=row["_reason"],
        failed=row["_failed"],
        alert_when=how.alert_when,
        q_value=row["q_value"],
        ci_low=row["ci_low"],
        ci_high=row["ci_high"],
        by_chance=row["_by_chance"],
        has_p=row["_has_p"],
        why_no_p=row["_why_no_p"],
    )


def _listed(keys: Iterable[Key]) -> list[str]:
    """`population_stability_index of age, fare and 3 more (data_drift)`, one for each metric."""
    features: dict[tuple[str, str], list[str]] = {}
    for signal, _, feature, metric in keys:
        features.setdefault((signal, metric), []).append(feature)
    told = []
    for (signal, metric), names in features.items():
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        of = "" if names == [ALL] else f" of {', '.join(names[:MOST_NAMED])}{more}"
        told.append(f"{metric}{of} ({signal})")
    return told
