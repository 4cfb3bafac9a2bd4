"""A project file, its tables and one run: windows, filters, references and thresholds as written."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import oracles
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support import score

from driftline.engine.config import load_project
from driftline.engine.outcome import RunResult
from driftline.engine.project import BinRule, FeatureSettings
from driftline.engine.run import run_project

Row = dict[str, Any]

PROJECT = """
monitors:
  - name: delays
    production:
      table: scored/*.parquet
      timestamp: seen_at
      window: {size: P1D}
      filter: "origin <> 'TEST'"
    references:
      training: {table: training.parquet}
      recent: {window: {size: P2D}}
      short: {query: "select * from read_parquet('FOLDER/training.parquet') where delay < 50"}
    min_rows: 20
    alert_when: exceeds
    settings:
      delay: {bounds: [0, 60], thresholds: {normalized_wasserstein_distance: 2.5}}
    signals:
      data_drift:
        numerical: {normalized_wasserstein_distance: 0.1, ks_distance: {warn: 0.01, fail: 0.9}}
        categorical: {js: 0.3}
      weekly: {type: data_drift, reference: recent, tv: 0.5}
      clipped: {type: data_drift, reference: short, chebyshev: null}
      data_quality: {nulls: 0.01, out_of_bounds: {fail: {max: 5%}}, row_count: {min: 100}}
"""

START = datetime(2026, 3, 1)
LATE = datetime(2026, 3, 3)


def scored() -> list[Row]:
    """Three days, a row every ten minutes; on the third all are later, and half lack a distance."""
    rows = []
    for k in range(432):
        late = k >= 288
        rows.append(
            {
                "seen_at": START + timedelta(minutes=10 * k),
                "delay": k * 7919 % 613 / 10 + (20.05 if late else 0.05),
                "distance": None if late and k % 2 else k * 1.5,
                "origin": "TEST" if k % 11 == 0 else "AB"[k // 2 % 2],
            }
        )
    return rows


def kept(*, late: bool) -> list[Row]:
    """Rows of the last day or of those before, without those that the filter leaves out."""
    return [r for r in scored() if r["origin"] != "TEST" and (r["seen_at"] >= LATE) == late]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project file beside its tables: one file a day, and a table for training."""
    (tmp_path / "scored").mkdir()
    for day in range(3):
        rows = scored()[144 * day : 144 * (day + 1)]
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "scored" / f"{day}.parquet")
    training = pa.Table.from_pylist(kept(late=False)).drop_columns("seen_at")
    pq.write_table(training, tmp_path / "training.parquet")
    file = tmp_path / "driftline.yml"
    file.write_text(PROJECT.replace("FOLDER", tmp_path.as_posix()), "utf-8")
    return file


def result(project: Path, at: str = "2026-03-04") -> RunResult:
    found = run_project(load_project(project), at=at, store=False)
    assert found.monitors[0].error is None, found.monitors[0].error
    return found


def row(project: Path, signal: str, feature: str, metric: str, at: str = "2026-03-04") -> Row:
    key = (signal, feature, metric)
    return next(
        row
        for row in result(project, at).metrics
        if (row["signal"], row["feature"], row["metric"]) == key
    )


def change(project: Path, old: str, new: str) -> None:
    text = project.read_text("utf-8")
    assert old in text
    project.write_text(text.replace(old, new), "utf-8")


# Windows and filters


def test_the_window_and_the_filter_choose_the_rows(project: Path):
    found = row(project, "data_quality", "__all__", "row_count")
    assert found["value"] == len(kept(late=True))


def test_the_window_is_stored_with_its_bounds(project: Path):
    found = row(project, "data_drift", "delay", "kolmogorov_smirnov_distance")
    assert (found["window_start"], found["window_end"]) == (LATE, LATE + timedelta(days=1))
    assert found["window_date"] == date(2026, 3, 3)


def test_a_row_at_the_end_of_a_window_belongs_to_the_next(project: Path):
    # the window holds 00:00 and 00:10, not 00:20
    change(project, "P1D", "PT20M")
    change(project, "\"origin <> 'TEST'\"", '"true"')
    found = row(project, "data_quality", "__all__", "row_count", at="2026-03-03T00:20:00")
    assert found["value"] == 2


def test_a_fixed_window_stores_its_bounds_whenever_it_runs(project: Path):
    change(project, "{size: P1D}", '{start: "2026-03-02", end: "2026-03-03"}')
    change(project, "{size: P2D}", '{start: "2026-03-01", end: "2026-03-02"}')
    found = row(project, "weekly", "delay", "total_variation_distance", at="2026-06-01")
    assert (found["window_start"], found["window_end"]) == (START + timedelta(days=1), LATE)
    assert (found["reference_start"], found["reference_end"]) == (START, START + timedelta(days=1))


def test_without_a_window_the_rows_before_the_run_count(project: Path):
    change(project, "      window: {size: P1D}\n", "")
    change(project, "recent: {window: {size: P2D}}", "recent: {table: training.parquet}")
    found = row(project, "data_quality", "__all__", "row_count", at="2026-03-03")
    assert found["value"] == len(kept(late=False))
    assert (found["window_start"], found["window_end"]) == (datetime(1970, 1, 1), LATE)


def test_a_window_without_rows_is_a_breach_and_exits_with_1(project: Path):
    found = result(project, at="2027-01-01")
    assert found.exit_code == 1
    assert found.monitors[0].run["status"] == "succeeded"


# References


def test_the_values_are_those_of_the_definitions(project: Path):
    sides = [[r["delay"] for r in kept(late=late)] for late in (False, True)]
    wanted = oracles.numerical(*sides)
    for metric in ("normalized_wasserstein_distance", "kolmogorov_smirnov_distance"):
        found = row(project, "data_drift", "delay", metric)
        assert found["value"] == pytest.approx(wanted[metric], rel=1e-9)


def test_text_is_compared_as_defined(project: Path):
    sides = [[r["origin"] for r in kept(late=late)] for late in (False, True)]
    found = row(project, "data_drift", "origin", "jensen_shannon_distance")
    wanted = oracles.categorical(*sides)["jensen_shannon_distance"]
    assert found["value"] == pytest.approx(wanted, rel=1e-8)


def test_a_rolling_reference_ends_where_the_window_starts(project: Path):
    found = row(project, "weekly", "delay", "total_variation_distance")
    assert (found["reference_start"], found["reference_end"]) == (START, LATE)
    assert found["reference"] == "recent"
    assert found["n_reference"] == len(kept(late=False))


def test_every_reference_is_compared_on_the_bins_of_the_first(project: Path):
    training, production = ([r["delay"] for r in kept(late=late)] for late in (False, True))
    short = [x for x in training if x < 50]
    bins = oracles.quantile_bins(training, 10)
    wanted = oracles.numerical(short, production, bins=bins)["chebyshev_distance"]
    found = row(project, "clipped", "delay", "chebyshev_distance")
    assert found["value"] == pytest.approx(wanted, rel=1e-12)
    assert found["n_reference"] == len(short)


def test_a_monitor_with_three_references_reads_each_once(project: Path):
    steps = [sent["step"] for sent in result(project).monitors[0].statements]
    assert steps == ["profile", "categories", "ties"]


# Thresholds


def test_a_value_between_two_levels_is_a_warning(project: Path):
    found = row(project, "data_drift", "delay", "kolmogorov_smirnov_distance")
    assert (found["status"], found["severity"]) == ("warning", "warning")
    assert (found["threshold"], found["breached"]) == (0.9, False)


def test_a_features_own_threshold_comes_before_the_signals(project: Path):
    own = row(project, "data_drift", "delay", "normalized_wasserstein_distance")
    others = row(project, "data_drift", "distance", "normalized_wasserstein_distance")
    assert (own["threshold"], own["status"]) == (2.5, "ok")
    assert (others["threshold"], others["status"]) == (0.1, "breached")


def test_a_bare_number_of_a_rate_is_allowed_on_top_of_the_references(project: Path):
    found = row(project, "data_quality", "distance", "null_value_rate")
    assert (found["threshold"], found["threshold_kind"]) == (0.01, "increase")
    assert found["status"] == "breached"


def test_given_bounds_and_a_percentage_are_used_as_written(project: Path):
    delays = [r["delay"] for r in kept(late=True)]
    found = row(project, "data_quality", "delay", "out_of_bounds_rate")
    assert found["value"] == sum(not 0 <= x <= 60 for x in delays) / len(delays)
    assert (found["threshold"], found["threshold_kind"]) == (0.05, "max")
    assert found["status"] == "breached"


def test_a_metric_without_a_threshold_is_measured_and_never_judged(project: Path):
    found = row(project, "clipped", "delay", "chebyshev_distance")
    assert (found["threshold"], found["status"], found["score"]) == (None, "ok", None)


def test_fewer_rows_than_min_rows_are_insufficient(project: Path):
    change(project, "P1D", "PT3H")
    found = row(
        project, "data_drift", "delay", "kolmogorov_smirnov_distance", "2026-03-03T03:00:00"
    )
    assert found["status"] == "insufficient_data"
    assert "min_rows is 20" in found["reason"]


# Settings of a feature


def test_bins_of_a_feature_are_its_own():
    given = {"x": FeatureSettings(type="numerical", bins=BinRule(count=4))}
    side = {name: [float(k) for k in range(100)] for name in ("x", "y")}
    found = score(side, side, settings=given)
    assert (len(found.histogram("x")), len(found.histogram("y"))) == (4, 10)
