"""`tune` reads the results store alone, edits the file it is asked to, and is content with what it wrote."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from small_project import make, write

import driftline
from driftline.engine.storefile import FileTables, ResultsFile

if TYPE_CHECKING:
    from typer.testing import Result

MONITOR: Final = """
monitors:
  - name: churn   # the one
    production: {table: scored.parquet, timestamp: at, window: {size: P1D}}
    reference: {table: training.parquet}
    min_rows: 5
    alert_when: exceeds
    signals:
      data_drift: {wasserstein: 0.25, js: 0.1}   # folklore
      data_quality: {nulls: 0.01, row_count: {min: 10}}
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty windows of a day."""
    folder = tmp_path_factory.mktemp("ran")
    make(folder)
    (folder / "driftline.yml").write_text(f"results: {{to: results.duckdb}}\n{MONITOR}")
    driftline.backfill(folder, monitors="churn", start="2026-02-01", end="2026-02-21")
    for table in folder.glob("*.parquet"):
        table.unlink()  # nothing may look at data any more
    return folder


@pytest.fixture
def folder(ran: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(ran, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_no_table_is_read_and_what_is_told_is_a_row_a_threshold(folder: Path) -> None:
    found = driftline.tune(folder, alerts_a_month=3)
    rows = found.to_arrow().to_pylist()
    assert [row["metric"] for row in rows] == [
        "normalized_wasserstein_distance",
        "jensen_shannon_distance",
        "null_value_rate",
        "row_count",
    ]
    assert {row["window_count"] for row in rows} == {20}
    (tuning,) = found.monitors
    assert tuning.months == pytest.approx(20 / 30.4)
    assert tuning.alerts_then <= 3 * tuning.months
    raised = found.incidents().to_pylist()
    assert {row["raised"] for row in raised} <= {"now", "proposed", "both"}
    for row in rows:
        own = [one for one in raised if one["metric"] == row["metric"]]
        assert row["incidents"] == sum(one["raised"] != "proposed" for one in own)
        assert row["proposed_incidents"] == sum(one["raised"] != "now" for one in own)


def test_incidents_as_the_file_is_are_those_that_are_stored(folder: Path) -> None:
    stored = driftline.alerts(folder, closed=True).to_pylist()
    found = driftline.tune(folder).incidents().to_pylist()
    names = ("feature", "metric", "opened_at", "closed_at", "window_count", "worst_value")
    as_is = [tuple(row[n] for n in names) for row in found if row["raised"] != "proposed"]
    assert sorted(as_is, key=repr) == sorted((tuple(r[n] for n in names) for r in stored), key=repr)
    assert as_is


def test_what_is_written_is_valid_keeps_comments_and_is_proposed_no_more(folder: Path) -> None:
    found = driftline.tune(folder, alerts_a_month=2, write=True)
    file = folder / "driftline.yml"
    assert found.written == (file,)
    text = file.read_text()
    assert "# the one" in text
    assert text.endswith("row_count: {min: 24}}\n")
    assert "}   # folklore\n" in text
    (monitor,) = driftline.validate(folder).project.monitors
    limits = {rule.metric: rule.thresholds for s in monitor.signals for rule in s.rules}
    for row in found.to_arrow().to_pylist():
        if row["proposed_threshold"] is not None:
            told = {each.fail.amount for each in limits[row["metric"]].values() if each.fail}
            assert told == {row["proposed_threshold"]}
    again = driftline.tune(folder, alerts_a_month=2, write=True)
    assert again.written == ()
    assert [each.amount for each in again.monitors[0].proposals] == [None] * 4
    assert again.monitors[0].alerts_now == found.monitors[0].alerts_then
    # only the newest window is judged again, and its incidents follow
    driftline.check(folder, write=True)


def test_statements_are_as_many_for_one_window_as_for_twenty(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    fetch = FileTables.fetch

    def counted(self: FileTables, sql: str, params: Any = None) -> Any:
        sent.append(sql)
        return fetch(self, sql, params)

    @contextmanager
    def refused(*_: object, **__: object) -> Iterator[None]:
        raise AssertionError("tune writes nothing to the results")
        yield

    monkeypatch.setattr(FileTables, "fetch", counted)
    monkeypatch.setattr(ResultsFile, "writing", refused)
    driftline.tune(folder, since="2026-02-19")
    few = len(sent)
    found = driftline.tune(folder)
    assert found.monitors[0].window_count == 20
    assert len(sent) == 2 * few
    assert sum("metrics" in sql for sql in sent) == 2


def test_arguments_that_say_nothing_are_refused(folder: Path) -> None:
    with pytest.raises(driftline.ConfigError, match=r"no signal 'data_drif'.*data_drift"):
        driftline.tune(folder, signal="data_drif")
    with pytest.raises(driftline.ConfigError, match="-1 alerts a month"):
        driftline.tune(folder, alerts_a_month=-1)
    with pytest.raises(driftline.ConfigError, match="since: "):
        driftline.tune(folder, since="P90")
    with pytest.raises(driftline.ConfigError, match="no monitor 'none'"):
        driftline.tune(folder, monitors="none")
    with pytest.raises(driftline.StoreError, match="no results of churn yet since 2027"):
        driftline.tune(folder, since="2027-01-01")


def test_a_project_that_says_otherwise_than_its_file_by_now_is_not_written(folder: Path) -> None:
    project = driftline.validate(folder).project
    file = folder / "driftline.yml"
    file.write_text(file.read_text().replace("js: 0.1", "js: 0.2"))
    before = file.read_text()
    with pytest.raises(driftline.ConfigError, match="has changed since it was read"):
        driftline.tune(project, write=True)
    assert file.read_text() == before


@pytest.mark.usefixtures("folder")
def test_the_command_tells_all_and_the_next_step(cli: Callable[..., Result]) -> None:
    result = cli("tune", "churn", "--alerts-a-month", "2")
    assert result.exit_code == 0
    assert result.stdout.startswith("churn · 20 windows to 2026-02-21")
    assert "short history" in result.stdout
    assert "jensen_shannon_distance (data_drift)" in result.stdout
    assert result.stdout.rstrip().endswith("tune churn --alerts-a-month 2 --write")
    result = cli("tune", "--alerts-a-month", "2", "--write", "--format", "json")
    assert {row["monitor"] for row in json.loads(result.stdout)} == {"churn"}
    result = cli("tune", "--alerts-a-month", "2", "--incidents", "--format", "json")
    assert {row["raised"] for row in json.loads(result.stdout)} == {"both"}
    assert cli("tune", "--alerts-a-month", "many").exit_code == 2


def test_a_project_without_results_is_told_what_makes_some(tmp_path: Path) -> None:
    make(tmp_path)
    with pytest.raises(driftline.StoreError, match="no results yet"):
        driftline.tune(write(tmp_path))
