"""The views show what a dashboard asks, on result sets small enough to check by eye."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest

from driftline.engine.results import TABLES, TABLES_SQL, VIEWS, VIEWS_SQL, arrow_rows

MONDAY = datetime(2026, 11, 16)
DAY = timedelta(days=1)

KEYS: dict[str, Any] = {
    "monitor": "delay",
    "run_id": "run-1",
    "signal": "data_drift",
    "signal_type": "data_drift",
    "metric": "jensen_shannon_distance",
    "feature": "age",
    "feature_type": "numerical",
    "segment": "__all__",
    "reference": "training",
    "reference_id": "ref",
    "window_start": MONDAY,
    "window_end": MONDAY + DAY,
    "window_date": MONDAY.date(),
    "computed_at": MONDAY + 2 * DAY,
    "started_at": MONDAY + 2 * DAY,
    "status": "ok",
    "breached": False,
    "metric_id": "id",
    "alert_id": "alert-1",
    "bin": 0,
    "side": "production",
    "step": "profile",
    "sequence": 1,
}


class Results:
    """Result tables in memory."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self.con = con
        con.execute(TABLES_SQL)
        con.execute(VIEWS_SQL)

    def add(self, table: str, **given: object) -> None:
        """Add a row: the given values, plausible keys, and nulls elsewhere."""
        values = KEYS | ({"status": "succeeded"} if table == "runs" else {}) | given
        if "window_end" in given and "window_start" not in given:
            values["window_start"] = values["window_end"] - DAY
        if "window_end" in given:
            values["window_date"] = values["window_start"].date()
        row = {name: values.get(name) for name in TABLES[table].names}
        self.con.register("row", arrow_rows(table, [row]))
        self.con.execute(f"insert into {table} by name select * from row")

    def ask(self, view: str, *columns: str) -> list[tuple[Any, ...]]:
        """The rows of a view, sorted."""
        listed = ", ".join(columns)
        return self.con.execute(f"select {listed} from {view} order by all").fetchall()

    def one(self, view: str, *columns: str) -> dict[str, Any]:
        """The one row of a view."""
        (row,) = self.ask(view, *columns)
        return dict(zip(columns, row, strict=True))


@pytest.fixture
def results() -> Iterator[Results]:
    with duckdb.connect() as con:
        yield Results(con)


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_of_empty_tables_is_empty(results: Results, view: str) -> None:
    assert results.ask(view, "*") == []


def test_latest_metrics_are_those_of_the_window_that_ends_last(results: Results) -> None:
    results.add("metrics", window_end=MONDAY + DAY, value=0.1)
    results.add("metrics", window_end=MONDAY + 2 * DAY, value=0.2)

    assert results.ask("latest_metrics", "value") == [(0.2,)]


def test_each_monitor_has_its_own_latest_window(results: Results) -> None:
    results.add("metrics", monitor="churn", window_end=MONDAY)
    results.add("metrics", monitor="delay", window_end=MONDAY + DAY)

    assert results.ask("latest_metrics", "monitor") == [("churn",), ("delay",)]


def test_of_two_windows_that_end_together_the_one_computed_last_is_the_latest(
    results: Results,
) -> None:
    results.add("metrics", window_start=MONDAY - DAY, computed_at=MONDAY + 3 * DAY, value=0.1)
    results.add("metrics", window_start=MONDAY, computed_at=MONDAY + 2 * DAY, value=0.2)

    assert results.ask("latest_metrics", "value") == [(0.1,)]


def test_a_signal_that_waits_for_labels_is_latest_with_the_run_that_wrote_both(
    results: Results,
) -> None:
    results.add("metrics", run_id="run-2", window_end=MONDAY + 3 * DAY)
    results.add("metrics", run_id="run-2", window_end=MONDAY, signal="late", value=0.3)
    results.add("metrics", run_id="run-1", window_end=MONDAY - DAY, signal="late", value=0.1)

    assert results.ask("latest_metrics", "signal", "value") == [("data_drift", None), ("late", 0.3)]


def test_a_signal_that_newer_runs_no_longer_have_is_not_latest(results: Results) -> None:
    results.add("metrics", run_id="run-1", window_end=MONDAY, signal="removed")
    results.add("metrics", run_id="run-2", window_end=MONDAY + DAY)

    assert results.ask("latest_metrics", "signal") == [("data_drift",)]


def test_a_waiting_signal_of_which_a_part_was_computed_again_stays_latest(results: Results) -> None:
    waiting = {"window_end": MONDAY, "signal": "late"}
    results.add("metrics", run_id="run-1", window_end=MONDAY + 3 * DAY)
    results.add("metrics", run_id="run-1", feature="age", **waiting)
    later = {"run_id": "run-2", "computed_at": MONDAY + 9 * DAY}
    results.add("metrics", feature="city", **waiting, **later)

    wanted = [("data_drift", "age"), ("late", "age"), ("late", "city")]
    assert results.ask("latest_metrics", "signal", "feature") == wanted


STATUS = (
    "monitor",
    "model",
    "owner",
    "last_run_at",
    "last_status",
    "window_end",
    "row_count",
    "feature_count",
    "breached_features",
    "open_alerts",
    "worst_feature",
    "worst_score",
    "summary",
)


def test_monitor_status_has_the_columns_of_the_contract(results: Results) -> None:
    described = results.con.execute("describe monitor_status").fetchall()

    assert tuple(row[0] for row in described) == STATUS


def test_monitor_status_sums_up_the_newest_window(results: Results) -> None:
    quality = {"signal": "data_quality", "signal_type": "data_quality"}
    results.add("monitors", model="v3", owner="ops")
    results.add("runs", run_id="run-1", started_at=MONDAY + DAY)
    results.add("runs", run_id="run-2", started_at=MONDAY + 2 * DAY, status="partial")
    results.add("metrics", window_end=MONDAY, feature="old", status="breached", score=9.0)
    results.add("metrics", feature="age", status="breached", score=2.0, summary="older")
    results.add("metrics", feature="age", metric="mean", status="breached", score=1.5)
    results.add("metrics", feature="city", status="inconclusive", score=4.0)
    results.add("metrics", feature="plan", status="ok", score=0.5)
    results.add(
        "metrics",
        feature="__all__",
        reference="__all__",
        metric="row_count",
        value=48210.0,
        **quality,
    )
    results.add("alerts", alert_id="alert-1")
    results.add("alerts", alert_id="alert-2", closed_at=MONDAY)

    assert results.one("monitor_status", *STATUS) == {
        "monitor": "delay",
        "model": "v3",
        "owner": "ops",
        "last_run_at": MONDAY + 2 * DAY,
        "last_status": "partial",
        "window_end": MONDAY + DAY,
        "row_count": 48210,
        "feature_count": 3,
        "breached_features": 1,
        "open_alerts": 1,
        "worst_feature": "age",
        "worst_score": 2.0,
        "summary": "older",
    }


def test_monitor_status_leaves_out_segments(results: Results) -> None:
    results.add("monitors")
    results.add("metrics", status="ok", score=0.1)
    results.add("metrics", segment="origin=JFK", status="breached", score=5.0)

    row = results.one("monitor_status", "breached_features", "worst_score")

    assert row == {"breached_features": 0, "worst_score": 0.1}


def test_classes_and_joins_are_not_counted_as_features(results: Results) -> None:
    results.add("monitors")
    results.add("metrics", feature="age")
    results.add("metrics", feature="labels", metric="match_rate", signal_type="data_quality")
    results.add("metrics", feature="yes", metric="f1", signal_type="model_performance")

    assert results.one("monitor_status", "feature_count") == {"feature_count": 1}


def test_too_few_rows_are_never_the_worst_row_while_another_was_judged(results: Results) -> None:
    results.add("monitors")
    results.add("metrics", feature="age", status="ok", score=0.2)
    results.add("metrics", feature="city", status="insufficient_data", score=8.0)

    assert results.one("monitor_status", "worst_feature") == {"worst_feature": "age"}


def test_a_monitor_that_never_succeeded_shows_why(results: Results) -> None:
    results.add("runs", status="failed", error="no such table", model="v3")

    assert results.one("monitor_status", "monitor", "model", "last_status", "summary") == {
        "monitor": "delay",
        "model": "v3",
        "last_status": "failed",
        "summary": "no such table",
    }


def test_the_trend_puts_the_previous_window_beside_each_row(results: Results) -> None:
    results.add("metrics", window_end=MONDAY, value=0.2)
    results.add("metrics", window_end=MONDAY + DAY, value=0.3)
    results.add("metrics", window_end=MONDAY + DAY, value=0.9, feature="city")

    rows = results.ask(
        "metric_trend", "feature", "window_end", "previous_value", "previous_window_end"
    )

    assert rows == [
        ("age", MONDAY, None, None),
        ("age", MONDAY + DAY, 0.2, MONDAY),
        ("city", MONDAY + DAY, None, None),
    ]


def test_the_trend_says_how_much_changed(results: Results) -> None:
    results.add("metrics", window_end=MONDAY, value=0.25)
    results.add("metrics", window_end=MONDAY + DAY, value=0.5)

    assert results.ask("metric_trend", "value_change", "relative_change") == [
        (0.25, 1.0),
        (None, None),
    ]


def test_a_change_from_zero_has_no_relative_size(results: Results) -> None:
    results.add("metrics", window_end=MONDAY, value=0.0)
    results.add("metrics", window_end=MONDAY + DAY, value=0.5)

    assert (0.5, None) in results.ask("metric_trend", "value_change", "relative_change")


def test_open_alerts_are_those_without_a_closing_time(results: Results) -> None:
    results.add("alerts", alert_id="open")
    results.add("alerts", alert_id="closed", closed_at=MONDAY)

    assert results.ask("open_alerts", "alert_id") == [("open",)]


def test_feature_drift_has_a_row_per_feature_and_a_column_per_metric(results: Results) -> None:
    results.add("metrics", value=0.3, status="breached", score=3.0, importance_rank=1)
    results.add("metrics", metric="population_stability_index", value=0.05, score=0.5)
    results.add("metrics", metric="null_value_rate", signal="q", signal_type="data_quality")

    assert results.one(
        "feature_drift",
        "feature",
        "importance_rank",
        "jensen_shannon_distance",
        "population_stability_index",
        "normalized_wasserstein_distance",
        "breached_metrics",
        "worst_score",
        "is_latest",
    ) == {
        "feature": "age",
        "importance_rank": 1,
        "jensen_shannon_distance": 0.3,
        "population_stability_index": 0.05,
        "normalized_wasserstein_distance": None,
        "breached_metrics": 1,
        "worst_score": 3.0,
        "is_latest": True,
    }


def test_two_references_are_two_rows_of_feature_drift(results: Results) -> None:
    results.add("metrics", value=0.1)
    results.add("metrics", value=0.2, reference="recent")

    assert results.ask("feature_drift", "reference", "jensen_shannon_distance") == [
        ("recent", 0.2),
        ("training", 0.1),
    ]


def test_wide_views_flag_the_latest_window(results: Results) -> None:
    results.add("metrics", window_end=MONDAY)
    results.add("metrics", window_end=MONDAY + DAY)

    assert results.ask("feature_drift", "window_end", "is_latest") == [
        (MONDAY, False),
        (MONDAY + DAY, True),
    ]


def test_data_quality_has_a_column_per_metric_and_a_row_for_the_dataset(results: Results) -> None:
    quality = {"signal": "data_quality", "signal_type": "data_quality"}
    whole = {"feature": "__all__", "reference": "__all__", "feature_type": None}
    results.add("metrics", metric="null_value_rate", value=0.02, **quality)
    results.add("metrics", metric="out_of_bounds_rate", value=0.5, status="breached", **quality)
    results.add("metrics", metric="row_count", value=100.0, **quality, **whole)

    columns = ("feature", "null_value_rate", "out_of_bounds_rate", "row_count", "breached_metrics")

    assert results.ask("data_quality", *columns) == [
        ("__all__", None, None, 100.0, 0),
        ("age", 0.02, 0.5, None, 1),
    ]


def test_bin_comparison_shows_the_difference_of_the_shares(results: Results) -> None:
    results.add("metrics")
    results.add("histograms", bin=0, share_reference=0.75, share_production=0.5)
    results.add("histograms", bin=1, share_reference=0.25, share_production=0.5)

    assert results.ask("bin_comparison", "bin", "share_change", "is_latest") == [
        (0, -0.25, True),
        (1, 0.25, True),
    ]


def test_bins_of_an_older_window_are_not_latest(results: Results) -> None:
    results.add("metrics", window_end=MONDAY)
    results.add("metrics", window_end=MONDAY + DAY)
    results.add("histograms", window_end=MONDAY)

    assert results.ask("bin_comparison", "is_latest") == [(False,)]


def test_the_run_log_adds_up_the_statements_of_a_run(results: Results) -> None:
    results.add("runs", run_id="run-1")
    results.add("runs", run_id="run-2", started_at=MONDAY + 3 * DAY)
    results.add("statements", sequence=1, seconds=0.5, rows_returned=10)
    results.add("statements", sequence=2, seconds=0.25, error="refused")

    columns = ("run_id", "statement_seconds", "rows_returned", "failed_statements", "is_latest")

    assert results.ask("run_log", *columns) == [
        ("run-1", 0.75, 10, 1, False),
        ("run-2", 0.0, 0, 0, True),
    ]
