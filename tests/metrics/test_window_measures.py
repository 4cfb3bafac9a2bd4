"""Freshness, repeated ids, past row counts, schema findings: by hand, oracle, properties, corners."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import oracles
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import searched
from support import monitor, run, table

from driftline.engine.config import load_project
from driftline.engine.errors import ConfigError
from driftline.engine.project import (
    Duration,
    FeatureSelection,
    Production,
    Roles,
    RollingWindow,
    Source,
)
from driftline.engine.run import run_project

Row = dict[str, Any]
DAY = datetime(2026, 1, 1)  # when support's runs take place


def window_row(
    metric: str, columns: dict[str, Any], *, timestamp: str | None = None, key: str | None = None
) -> Row:
    day = RollingWindow(Duration(days=1, text="P1D"))
    source = Source("production", table=("production",))
    watched = monitor(
        [metric],
        production=Production(source, timestamp, day if timestamp else None),
        roles=Roles(correlation_id=key),
    )
    frames = {"reference": table({"x": [1.5]}), "production": table({"x": [1.5], **columns})}
    found = run(watched, frames)
    assert found.error is None
    return next(row for row in found.metrics if row["metric"] == metric)


KINDS = {
    "integer": [1, 2],
    "float": [1.5, 2.5],
    "text": ["a", "b"],
    "boolean": [True, False],
}

FILE = """
monitors:
  - name: daily
    production: {table: "scored/*.parquet", timestamp: at, window: {size: P1D}}
    reference: {table: training.parquet}
    min_rows: 0
    signals:
      data_quality: {nulls: 0.5, row_count: {decrease: 50%, max: 500}}
"""


class Days:
    """A project whose production is written day by day."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "scored").mkdir()
        (folder / "driftline.yml").write_text(FILE, encoding="utf-8")
        columns = {"x": np.arange(50), "y": np.arange(50) / 7, "t": ["a", "b"] * 25}
        pq.write_table(pa.table(columns), folder / "training.parquet")

    def write(self, day: int, rows: int, **columns: Any) -> None:
        """Write a day's rows; a column that is None is left out."""
        moment = pa.array([datetime(2026, 3, day, 12)] * rows, pa.timestamp("us"))
        given = {"x": np.arange(rows), "y": np.arange(rows) / 7, "t": ["a"] * rows, **columns}
        kept = {name: values for name, values in given.items() if values is not None}
        pq.write_table(pa.table({"at": moment, **kept}), self.folder / f"scored/{day}.parquet")

    def only(self, day: int) -> None:
        """Make a day's file decide the columns: the first of the glob does."""
        for file in (self.folder / "scored").glob("*.parquet"):
            if file.stem != str(day):
                file.unlink()

    def run(self, day: int) -> dict[tuple[str, str], Row]:
        """Run that day's window; rows by feature and metric."""
        project = load_project(self.folder / "driftline.yml")
        (found,) = run_project(project, at=f"2026-03-{day + 1:02}").monitors
        assert found.error is None, found.error
        return {(row["feature"], row["metric"]): row for row in found.metrics}


@pytest.fixture
def days(tmp_path: Path) -> Days:
    return Days(tmp_path)


# By hand


def test_a_date_is_its_midnight():
    row = window_row("freshness", {"at": [date(2025, 12, 31)]}, timestamp="at")
    assert row["value"] == 86_400
    assert row["summary"] == "newest row 1 d before the end"


def test_ids_may_be_of_any_type_and_name():
    name = 'say "id", {{ id }}'
    row = window_row("duplicate_rate", {name: ["a", "a", "b", None]}, key=name)
    assert row["value"] == 0.25
    assert row["summary"] == "repeated ids 25 %"


def test_a_row_count_is_held_against_the_median_of_the_last_eight_windows(days: Days):
    counts = [400, 100, 110, 120, 130, 140, 150, 160, 170, 60]
    for day, rows in enumerate(counts, start=1):
        days.write(day, rows)
        found = days.run(day)["__all__", "row_count"]
    # the windows of 100 to 170 rows: the first has left them
    assert found["reference_value"] == 135
    assert found["threshold"] == 67.5
    assert (found["threshold_kind"], found["status"]) == ("decrease", "breached")
    assert found["summary"] == "60 rows; 135 in a usual window"


def test_a_feature_that_stored_windows_have_and_production_lost_is_a_breach(days: Days):
    days.write(1, 100)
    assert ("y", "missing_feature") not in days.run(1)
    days.write(2, 100, y=None)
    days.only(2)
    for _ in range(2):
        found = days.run(2)["y", "missing_feature"]
        assert (found["status"], found["severity"], found["value"]) == ("breached", "high", 1)
        assert found["reason"] == "production had this column before, and has it no more"
    days.write(3, 100, y=None)
    assert days.run(3)["y", "missing_feature"]["status"] == "breached"


def test_a_feature_that_the_file_lists_and_production_lacks_is_a_breach(days: Days):
    text = FILE.replace("    min_rows: 0\n", "    min_rows: 0\n    features: [x, y]\n")
    (days.folder / "driftline.yml").write_text(text, encoding="utf-8")
    days.write(1, 100, y=None)
    found = days.run(1)
    assert found["y", "missing_feature"]["reason"] == (
        "the project file lists this column, and production does not have it"
    )
    assert found["x", "null_value_rate"]["status"] == "ok"


def test_a_column_that_only_production_has_is_told_and_fine(days: Days):
    days.write(1, 100, z=["q"] * 100)
    found = days.run(1)
    assert found["z", "new_column"]["status"] == "ok"
    assert found["z", "new_column"]["summary"].startswith("VARCHAR in production")
    # a column with a role is expected
    assert ("at", "new_column") not in found


def test_fractions_where_the_reference_has_whole_numbers_are_a_warning_and_no_type_error(
    days: Days,
):
    text = FILE.replace("{nulls: 0.5,", "{nulls: 0.5, type_errors: 0.0,")
    (days.folder / "driftline.yml").write_text(text, encoding="utf-8")
    days.write(1, 100, x=np.arange(100) + 0.5)
    found = days.run(1)
    changed = found["x", "type_changed"]
    assert (changed["status"], changed["severity"]) == ("warning", "warning")
    assert changed["summary"] == "BIGINT in the reference, DOUBLE in production"
    assert found["x", "data_type_error_rate"]["value"] == 0
    assert [key for key in found if key[1] == "type_changed"] == [("x", "type_changed")]


# Oracle


@searched
@given(seconds=st.lists(st.integers(1, 86_400), min_size=1, max_size=9))
def test_freshness_is_the_age_of_the_newest_row(seconds: list[int]):
    moments = [DAY - timedelta(seconds=each) for each in seconds]
    row = window_row("freshness", {"at": moments}, timestamp="at")
    assert row["value"] == oracles.freshness(moments, DAY)
    assert (row["feature"], row["reference"]) == ("__all__", "__all__")


@searched
@given(ids=st.lists(st.one_of(st.none(), st.integers(0, 5)), min_size=1, max_size=30))
def test_a_row_repeats_an_id_that_occurred_before(ids: list[int | None]):
    row = window_row("duplicate_rate", {"x": [1.5] * len(ids), "id": ids}, key="id")
    assert row["value"] == oracles.duplicate_rate(ids)


@searched
@given(
    st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(tuple(KINDS)), min_size=1).map(dict),
    st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(tuple(KINDS)), min_size=1).map(dict),
)
def test_findings_are_the_differences_of_two_lists_of_columns(
    reference: dict[str, str], production: dict[str, str]
):
    # one column that both have, because two tables without any cannot be compared
    sides = [{**side, "z": "integer"} for side in (reference, production)]
    frames = {
        name: pa.table({column: KINDS[kind] for column, kind in side.items()})
        for name, side in zip(("reference", "production"), sides, strict=True)
    }
    listed = FeatureSelection(named=tuple(sides[0]), include=())
    found = run(monitor(["null_value_rate"], features=listed), frames)
    wanted = oracles.findings(*sides, known=sides[0])
    for metric, columns in wanted.items():
        rows = {row["feature"] for row in found.metrics if row["metric"] == metric}
        assert rows == columns, metric


# Properties


@searched
@given(ids=st.lists(st.integers(0, 3), min_size=1, max_size=9), data=st.data())
def test_the_order_of_rows_changes_neither_freshness_nor_repeats(ids: list[int], data: Any):
    moments = [DAY - timedelta(hours=1 + k) for k in range(len(ids))]
    rows = list(zip(ids, moments, strict=True))
    mixed = data.draw(st.permutations(rows))
    for metric in ("freshness", "duplicate_rate"):
        values = {
            window_row(
                metric,
                {"x": [1.5] * len(ids), "id": [i for i, _ in some], "at": [at for _, at in some]},
                timestamp="at",
                key="id",
            )["value"]
            for some in (rows, mixed)
        }
        assert len(values) == 1


def test_running_a_window_again_finds_the_same(days: Days):
    for day, rows in ((1, 100), (2, 90), (3, 80)):
        days.write(day, rows)
        days.run(day)
    again = days.run(2)["__all__", "row_count"]
    assert again["reference_value"] == 100


# Corners


def test_a_zone_does_not_move_the_newest_row():
    zoned = pa.array([DAY - timedelta(hours=3)], pa.timestamp("us", "America/New_York"))
    assert window_row("freshness", {"at": zoned}, timestamp="at")["value"] == 3 * 3600


def test_an_empty_window_has_no_newest_row():
    row = window_row("freshness", {"at": [DAY - timedelta(days=9)]}, timestamp="at")
    assert (row["value"], row["status"]) == (None, "insufficient_data")
    assert row["reason"] == "the window has no rows"


def test_a_table_without_the_id_column_is_told_and_stops_nothing():
    frames = {"reference": table({"x": [1.5], "id": [1]}), "production": table({"x": [1.5]})}
    found = run(monitor(["duplicate_rate"], roles=Roles(correlation_id="id")), frames)
    row = next(row for row in found.metrics if row["metric"] == "duplicate_rate")
    assert (row["value"], row["status"]) == (None, "not_computable")
    assert row["reason"] == "there is no column for columns.correlation_id"


def test_what_a_measure_needs_and_the_file_lacks_is_a_complaint(tmp_path: Path):
    file = tmp_path / "driftline.yml"
    file.write_text(
        "monitors: [{name: m, production: {table: p.parquet}, reference: {table: r.parquet},"
        " signals: {data_quality: {freshness: 3600, duplicate_rate: {max: 1%}}}}]",
        encoding="utf-8",
    )
    with pytest.raises(ConfigError) as caught:
        load_project(file)
    assert "freshness needs production.timestamp" in str(caught.value)
    assert "duplicate_rate needs columns.correlation_id" in str(caught.value)


def test_the_first_window_has_nothing_to_be_held_against(days: Days):
    days.write(1, 100)
    found = days.run(1)["__all__", "row_count"]
    assert (found["status"], found["reference_value"]) == ("ok", None)


def test_the_limit_on_the_other_side_holds_without_past_windows(days: Days):
    days.write(1, 501)
    found = days.run(1)["__all__", "row_count"]
    assert (found["status"], found["threshold"], found["threshold_kind"]) == (
        "breached",
        500,
        "max",
    )


def test_a_column_that_production_never_had_is_left_out_with_a_reason(days: Days):
    days.write(1, 100, y=None)
    assert ("y", "missing_feature") not in days.run(1)


def test_a_wider_integer_is_no_change_of_type(days: Days):
    days.write(1, 100, x=np.arange(100, dtype=np.int16))
    assert ("x", "type_changed") not in days.run(1)
