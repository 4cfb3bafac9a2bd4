"""Stored results are judged again by today's file as a run with that file would judge them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest
from small_project import AT, HEAD, MONITOR, SIGNALS, make, write

import driftline

KEY = ("monitor", "signal", "reference", "segment", "feature", "metric")
OF_A_RUN = ("metric_id", "run_id", "computed_at")
VERDICT = ("threshold", "threshold_kind", "breached", "status", "severity", "score", "reason")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose project has run once."""
    folder = tmp_path_factory.mktemp("ran")
    driftline.run(make(folder), at=AT)
    return folder


@pytest.fixture
def folder(ran: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(ran, tmp_path, dirs_exist_ok=True)
    return tmp_path


def by_key(result: driftline.RunResult) -> dict[tuple[str, ...], dict[str, Any]]:
    return {tuple(row[name] for name in KEY): row for row in result.metrics}


def stored(folder: Path) -> list[dict[str, Any]]:
    with duckdb.connect(folder / "results.duckdb", read_only=True) as con:
        return con.sql("from metrics order by metric_id").to_arrow_table().to_pylist()


def status(result: driftline.RunResult, feature: str, metric: str) -> str:
    return next(
        row["status"]
        for row in result.metrics
        if (row["feature"], row["metric"]) == (feature, metric)
    )


# As a run would


def test_with_an_unchanged_file_the_demo_is_judged_as_its_run_judged_it(tmp_path: Path) -> None:
    week, _ = driftline.demo(tmp_path).monitors
    checked = driftline.check(tmp_path, monitors="arrival_delay")

    assert by_key(checked) == by_key(driftline.RunResult((week,)))
    assert len(checked.metrics) > 50
    assert checked.monitors[0].warnings == ()


def test_findings_about_columns_stay_as_they_were_found(tmp_path: Path) -> None:
    make(tmp_path)
    scored = tmp_path / "scored.parquet"
    with duckdb.connect() as con:
        con.execute(
            f"copy (select * exclude (fare, city), 1 as city, 2 as extra from '{scored}')"
            f" to '{tmp_path / 'other.parquet'}' (format parquet)"
        )
    (tmp_path / "other.parquet").replace(scored)
    write(tmp_path, more="    features: [age, city, fare]\n")

    found = driftline.run(tmp_path, at=AT)
    checked = driftline.check(tmp_path)

    metrics = {row["metric"] for row in found.metrics}
    assert {"missing_feature", "new_column", "type_changed"} <= metrics
    assert by_key(checked) == by_key(found)


CHANGES = {
    "a looser threshold": (SIGNALS.replace("0.25", "5"), ""),
    "a stricter threshold": (SIGNALS.replace("jensen_shannon_distance: 0.1", "js: 0.001"), ""),
    "a warning": (SIGNALS.replace("0.25", "{warn: 0.01, fail: 0.6}"), ""),
    "nothing is judged": (SIGNALS.replace("0.25", "null"), ""),
    "a relative increase": (
        SIGNALS.replace("null_value_rate: 0.01", "nulls: {increase: 300%}"),
        "",
    ),
    "a limit instead of an increase": (SIGNALS.replace("null_value_rate: 0.01", "nulls: 5%"), ""),
    "two sides": (SIGNALS.replace("{min: 100}", "{min: 10, max: 200}"), ""),
    "more rows are needed": (SIGNALS, "    min_rows: 300\n"),
    "significance is not asked for": (
        SIGNALS.replace("jensen_shannon_distance: 0.1", "js: 0.001"),
        "    alert_when: exceeds\n",
    ),
    "a whole interval is asked for": (
        SIGNALS.replace("jensen_shannon_distance: 0.1", "js: 0.001"),
        "    alert_when: confident\n",
    ),
    "a feature has its own threshold": (
        SIGNALS,
        "    settings: {age: {thresholds: {normalized_wasserstein_distance: 9}}}\n",
    ),
    "too few rows for the threshold": (SIGNALS.replace("0.25", "0.0001"), ""),
}


@pytest.mark.parametrize(("signals", "more"), CHANGES.values(), ids=CHANGES)
def test_after_a_change_of_the_file_rows_are_as_a_run_with_it_makes_them(
    folder: Path, signals: str, more: str
) -> None:
    before = stored(folder)
    file = write(folder, signals, more=more)

    found = driftline.check(file)
    assert found.monitors[0].warnings == ()
    checked = by_key(found)
    anew = by_key(
        driftline.run(write(folder, signals, more=more, head="results: {to: n.db}\n"), at=AT)
    )

    assert checked.keys() == anew.keys()
    for key, row in anew.items():
        for name, value in row.items():
            assert name in OF_A_RUN or checked[key][name] == value, (key, name)
    assert any(
        row[name] != one[name]
        for one in before
        for row in [checked[tuple(one[part] for part in KEY)]]
        for name in VERDICT
    )


def test_no_table_is_read(folder: Path) -> None:
    for file in folder.glob("*.parquet"):
        file.unlink()
    write(folder, SIGNALS.replace("0.25", "5"))

    found = driftline.check(folder)

    assert status(found, "age", "normalized_wasserstein_distance") == "ok"


def test_a_window_is_chosen_as_a_run_would_choose_it(folder: Path) -> None:
    driftline.run(folder, at="2026-02-21")

    latest, earlier = driftline.check(folder), driftline.check(folder, at=AT)

    assert {row["window_end"].day for row in latest.metrics} == {21}
    assert {row["window_end"].day for row in earlier.metrics} == {11}
    with pytest.raises(driftline.StoreError, match=r"no results of churn yet for the window"):
        driftline.check(folder, at="2025-01-01")


# What the file asks for


def test_a_metric_that_was_never_measured_is_named(folder: Path) -> None:
    write(
        folder, SIGNALS.replace("data_drift: {", "data_drift: {population_stability_index: 0.2, ")
    )

    (found,) = driftline.check(folder).monitors

    assert found.unmeasured == ("population_stability_index of age, city, fare, plan (data_drift)",)
    assert any("not measured yet: population" in sentence for sentence in found.warnings)
    assert {row["metric"] for row in found.metrics} >= {"jensen_shannon_distance", "row_count"}
    assert found.exit_code("never") == 0
    assert found.exit_code("never", strict=True) == 4


def test_a_metric_that_is_asked_for_no_more_is_left_out(folder: Path) -> None:
    write(folder, SIGNALS.replace(", jensen_shannon_distance: 0.1", ""))

    metrics = {row["metric"] for row in driftline.check(folder).metrics}

    assert "normalized_wasserstein_distance" in metrics
    assert "jensen_shannon_distance" not in metrics


def test_a_feature_that_is_excluded_now_is_left_out(folder: Path) -> None:
    write(folder, more="    features: {exclude: [age]}\n")

    assert "age" not in {row["feature"] for row in driftline.check(folder).metrics}


def test_a_signal_that_is_gone_is_left_out(folder: Path) -> None:
    write(folder, "    signals: {data_drift: {js: 0.1}}\n")

    found = driftline.check(folder)

    assert {row["metric"] for row in found.metrics} == {"jensen_shannon_distance", "row_count"}


def test_a_column_that_no_run_has_seen_is_named(folder: Path) -> None:
    write(folder, more="    features: [age, mileage]\n")

    (found,) = driftline.check(folder).monitors

    assert "column mileage" in found.unmeasured
    assert {row["feature"] for row in found.metrics} == {"age", "__all__"}


def test_numbers_of_another_type_are_not_taken_for_todays(folder: Path) -> None:
    write(folder, more="    settings: {fare: {type: numerical}}\n")

    (found,) = driftline.check(folder).monitors

    assert found.metrics
    kinds = {row["feature_type"] for row in found.metrics if row["feature"] == "fare"}
    assert kinds <= {"numerical"}


def test_settings_that_decide_the_numbers_and_changed_since_are_told(folder: Path) -> None:
    write(folder, more="    bins: {count: 5}\n")

    (found,) = driftline.check(folder).monitors

    assert any("asks for other numbers" in sentence for sentence in found.warnings)


def test_a_row_count_is_compared_with_past_windows_once_a_run_has_looked_at_them(
    folder: Path,
) -> None:
    signals = SIGNALS.replace("{min: 100}", "{decrease: 20%}")
    write(folder, signals)
    (alone,) = driftline.check(folder).monitors
    assert alone.unmeasured == ()

    write(folder)
    driftline.run(folder, at="2026-02-21")
    write(folder, signals)
    (found,) = driftline.check(folder).monitors
    assert found.unmeasured == ("row_count (data_quality)",)

    driftline.run(folder, at="2026-02-21")
    (found,) = driftline.check(folder).monitors
    assert found.unmeasured == ()
    assert status(driftline.check(folder), "__all__", "row_count") == "ok"


def test_a_monitor_without_results_is_an_error_and_the_others_are_judged(folder: Path) -> None:
    second = MONITOR.replace("monitors:\n", "").replace("name: churn", "name: other")
    (folder / "driftline.yml").write_text(f"{HEAD}{MONITOR}{SIGNALS}{second}")

    with pytest.raises(driftline.StoreError, match="no results of other yet") as refused:
        driftline.check(folder)

    assert {row["monitor"] for row in refused.value.result.metrics} == {"churn"}
    assert refused.value.result.exit_code == 3
    assert driftline.check(folder, monitors="churn").exit_code == 1


def test_without_any_run_there_is_nothing_to_judge(tmp_path: Path) -> None:
    make(tmp_path)

    with pytest.raises(driftline.StoreError, match="no results yet"):
        driftline.check(tmp_path)
    assert not (tmp_path / "results.duckdb").exists()


# Writing the verdicts


def test_verdicts_are_stored_only_when_asked(folder: Path) -> None:
    before = stored(folder)
    write(folder, SIGNALS.replace("0.25", "5"))

    driftline.check(folder)

    assert stored(folder) == before


def test_written_verdicts_are_those_of_the_check_and_nothing_else_changes(folder: Path) -> None:
    before = stored(folder)
    write(folder, SIGNALS.replace("0.25", "5"))

    found = driftline.check(folder, write=True)

    after = stored(folder)
    assert after == sorted(found.metrics, key=lambda row: row["metric_id"])
    assert after != before
    for old, new in zip(before, after, strict=True):
        changed = {name for name in old if old[name] != new[name]}
        assert changed <= set(VERDICT)


def test_writing_twice_is_writing_once(folder: Path) -> None:
    # chance alone reaches this threshold, which the judge adds to the reason
    write(folder, SIGNALS.replace("0.25", "0.0001"))
    driftline.check(folder, write=True)
    once = stored(folder)
    content = (folder / "results.duckdb").read_bytes()

    driftline.check(folder, write=True)

    assert stored(folder) == once
    assert (folder / "results.duckdb").read_bytes() == content
    assert any("chance alone" in (row["reason"] or "") for row in once)


def test_verdicts_go_back_with_the_file(folder: Path) -> None:
    before = stored(folder)
    write(folder, SIGNALS.replace("0.25", "{warn: 0.01, fail: 9}"), more="    min_rows: 9999\n")
    driftline.check(folder, write=True)
    assert stored(folder) != before

    write(folder)
    driftline.check(folder, write=True)

    assert stored(folder) == before


def test_a_check_is_no_run(folder: Path) -> None:
    write(folder, SIGNALS.replace("0.25", "5"))
    driftline.check(folder, write=True)

    with duckdb.connect(folder / "results.duckdb", read_only=True) as con:
        assert con.sql("select count(*) from runs").fetchall() == [(1,)]


def test_written_verdicts_are_published(folder: Path) -> None:
    write(folder, SIGNALS.replace("0.25", "5"), head=f"{HEAD}publish: {{parquet: copies}}\n")

    driftline.check(folder, write=True)

    with duckdb.connect() as con:
        copy = con.sql(f"from '{folder}/copies/metrics.parquet' order by metric_id")
        assert copy.to_arrow_table().to_pylist() == stored(folder)
