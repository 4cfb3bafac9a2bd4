"""`debug` looks at everything a run needs, and says what to do about each thing that is wrong."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Final

import duckdb
import pytest

import driftline
from driftline.engine import checkup
from driftline.engine.checkup import AREAS, Checkup

NOW: Final = datetime.now(UTC).replace(tzinfo=None, minute=0, second=0, microsecond=0)

PROJECT: Final = """
results: {to: results.duckdb}
monitors:
  - name: churn
    production: {table: scored.parquet, timestamp: at, window: {size: P10D}}
    reference: {table: training.parquet}
"""

Debug = Callable[..., tuple[Checkup, ...]]


def write(file: Path, columns: str, *, rows: int = 720) -> None:
    """Write hourly rows up to now; columns read `t`, their time, and `i`."""
    duckdb.sql(
        f"copy (select {columns}, cast(i % 97 as double) as age from (select i, timestamp '{NOW}'"
        f" - to_hours(cast(i as integer)) as t from range({rows}) as numbers (i)))"
        f" to '{file}' (format parquet)"
    )


@pytest.fixture
def debug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Debug]:
    """Look at a project over two tables, in its folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(checkup, "PATIENCE", 0.1)
    write(tmp_path / "scored.parquet", "t as at")
    write(tmp_path / "training.parquet", "t as at")

    def look(text: str = PROJECT, **given: str) -> tuple[Checkup, ...]:
        (tmp_path / "driftline.yml").write_text(text)
        return driftline.debug(**given)

    return look


def line(found: tuple[Checkup, ...], area: str, name: str) -> Checkup:
    """The line of that area and name."""
    (one,) = (each for each in found if (each.area, each.name) == (area, name))
    return one


def wrong(found: tuple[Checkup, ...]) -> dict[str, str]:
    """What is not ok: how it stands, by name."""
    return {each.name: each.status for each in found if each.status != "ok"}


def exit_code(found: tuple[Checkup, ...]) -> int:
    """What the command line exits with."""
    return max(each.exit_code for each in found)


def test_a_project_that_runs_has_nothing_to_complain_of(debug: Debug, tmp_path: Path) -> None:
    found = debug()
    assert wrong(found) == {}
    assert exit_code(found) == 0
    areas = [each.area for each in found]
    assert sorted(areas, key=AREAS.index) == areas
    assert set(areas) == set(AREAS)
    assert not (tmp_path / "results.duckdb").exists()


def test_debug_leaves_results_as_they_are(debug: Debug, tmp_path: Path) -> None:
    debug()
    driftline.run(tmp_path)
    before = (tmp_path / "results.duckdb").read_bytes()
    found = debug()
    assert wrong(found) == {}
    assert "schema 1" in line(found, "results store", "file").detail
    assert "churn: succeeded" in line(found, "results store", "last run").detail
    assert (tmp_path / "results.duckdb").read_bytes() == before
    assert not list(tmp_path.glob("*.wal"))


# Versions and configuration


def test_an_extra_that_is_missing_comes_with_the_command_that_brings_it(
    debug: Debug, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(checkup, "version", missing)
    found = debug()
    assert "pip install 'driftline[delta]'" in line(found, "versions", "deltalake").detail
    assert exit_code(found) == 0


def test_every_complaint_of_a_wrong_file_is_told_after_the_versions(debug: Debug) -> None:
    found = debug(PROJECT.replace("window:", "windo:").replace("results:", "result:"))
    assert {each.area for each in found} == {"versions", "configuration"}
    told = found[-1]
    assert "windo" in told.detail
    assert "result" in told.detail
    assert told.hint is not None
    assert (told.status, exit_code(found)) == ("failed", 2)


@pytest.mark.parametrize("given", [{"monitor": "chrun"}, {"target": "prod"}])
def test_a_name_that_the_file_does_not_have_is_a_matter_of_configuration(
    debug: Debug, given: dict[str, str]
) -> None:
    found = debug(**given)
    assert next(iter(given.values())) in found[-1].detail
    assert exit_code(found) == 2


def test_without_a_project_there_is_a_way_to_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = driftline.debug()
    assert "driftline init" in (found[-1].hint or "")
    assert exit_code(found) == 2


# Connection


def test_a_connection_that_does_not_open_hides_nothing_of_the_results(debug: Debug) -> None:
    found = debug("connection: {database: gone.duckdb}\n" + PROJECT)
    assert wrong(found) == {"duckdb": "failed"}
    assert line(found, "privileges", "results").status == "ok"
    assert exit_code(found) == 3


def test_a_session_that_is_not_in_utc_is_worth_a_warning(debug: Debug) -> None:
    found = debug("connection: {settings: {TimeZone: America/New_York}}\n" + PROJECT)
    assert line(found, "connection", "time zone").status == "warning"
    assert exit_code(found) == 0


def test_secrets_are_masked(debug: Debug, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "hunter2")
    found = debug('connection: {database: "gone-${DB_PASSWORD}.duckdb"}\n' + PROJECT)
    assert "hunter2" not in str(found)
    assert "****" in line(found, "connection", "duckdb").detail


# Sources


def test_a_source_that_is_gone_stops_no_other_from_being_looked_at(
    debug: Debug, tmp_path: Path
) -> None:
    (tmp_path / "scored.parquet").unlink()
    other = """
  - name: other
    production: {table: training.parquet}
    reference: {table: training.parquet}
"""
    found = debug(PROJECT + other)
    assert wrong(found) == {"churn, production": "failed"}
    assert "scored.parquet" in line(found, "privileges", "churn, production").detail
    assert "720 rows, 2 columns" in line(found, "privileges", "churn, reference").detail
    assert line(found, "privileges", "other, production").status == "ok"
    assert exit_code(found) == 3


def test_one_monitor_can_be_looked_at_alone(debug: Debug) -> None:
    found = debug(
        PROJECT + PROJECT.split("monitors:\n")[1].replace("churn", "other"), monitor="other"
    )
    names = {each.name for each in found if each.area == "privileges"}
    assert names == {"other, production", "other, reference", "other, columns", "results"}


def test_a_column_that_the_file_names_and_no_table_has_is_told_with_those_there_are(
    debug: Debug,
) -> None:
    found = debug(PROJECT.replace("timestamp: at", "timestamp: scored_at"))
    told = line(found, "privileges", "churn, columns")
    assert told.status == "failed"
    assert "'scored_at'" in told.detail
    assert told.hint == "the table has at, age"
    assert exit_code(found) == 3


def test_a_table_without_rows_is_worth_a_warning(debug: Debug, tmp_path: Path) -> None:
    write(tmp_path / "training.parquet", "t as at", rows=0)
    assert line(debug(), "privileges", "churn, reference").status == "warning"


# Times


def clock(found: tuple[Checkup, ...]) -> Checkup:
    return line(found, "timestamps", "churn, at")


def window(found: tuple[Checkup, ...]) -> Checkup:
    return line(found, "timestamps", "churn, window")


def test_the_range_of_the_clock_is_told_in_the_time_zone_of_the_monitor(debug: Debug) -> None:
    found = debug(PROJECT + "    time_zone: Asia/Tokyo\n")
    newest = NOW + timedelta(hours=9)
    assert f"to {newest:%Y-%m-%d %H:%M} Asia/Tokyo" in clock(found).detail
    assert "without a zone, read as UTC" in clock(found).detail


def test_the_window_of_now_is_told_with_the_rows_of_each_side(debug: Debug) -> None:
    today = datetime.now(UTC).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
    start = today - timedelta(days=10)
    assert window(debug()).detail == (
        f"a run now looks at {start:%Y-%m-%d %H:%M} to {today:%Y-%m-%d %H:%M}:"
        " 240 rows, against 720 of reference"
    )


def test_an_empty_window_comes_with_the_command_that_finds_rows(
    debug: Debug, tmp_path: Path
) -> None:
    write(tmp_path / "scored.parquet", "t - interval 60 days as at")
    told = window(debug())
    assert told.status == "warning"
    assert told.hint is not None
    assert told.hint.startswith("driftline run churn --at ")
    found = driftline.run(tmp_path, at=told.hint.split()[-1])
    assert found.monitors[0].run["window_rows"] > 200


def test_an_empty_window_that_is_allowed_is_no_matter(debug: Debug, tmp_path: Path) -> None:
    write(tmp_path / "scored.parquet", "t - interval 60 days as at")
    told = window(debug(PROJECT.replace("timestamp: at", "allow_empty: true, timestamp: at")))
    assert "--at" not in (told.hint or "")


def test_too_few_rows_to_judge_are_told_before_a_run_finds_out(debug: Debug) -> None:
    told = window(debug(PROJECT + "    min_rows: 500\n"))
    assert told.status == "warning"
    assert "min_rows" in (told.hint or "")


@pytest.mark.parametrize("condition", ["age >", "height > 1", "true; drop table x"])
def test_a_filter_that_does_not_work_is_told_and_ends_nothing(debug: Debug, condition: str) -> None:
    found = debug(PROJECT.replace("timestamp: at", f'filter: "{condition}", timestamp: at'))
    assert window(found).status == "failed"
    assert found[-1].area == "results store"
    assert exit_code(found) in (2, 3)


@pytest.mark.parametrize(
    ("column", "status", "says"),
    [
        ("cast(t as varchar)", "failed", "though all of its texts are times"),
        ("i", "failed", "BIGINT, not a timestamp"),
        ("t + interval 2 days", "warning", "in the future"),
        ("case when i % 2 = 0 then t end", "warning", "360 rows have none"),
        ("cast(null as timestamp)", "warning", "without any value"),
        ("cast(t as date)", "ok", "a date"),
        ("t::timestamptz", "ok", "a timestamp with a zone"),
    ],
)
def test_what_is_odd_about_a_clock_is_told(
    debug: Debug, tmp_path: Path, column: str, status: str, says: str
) -> None:
    write(tmp_path / "scored.parquet", f"{column} as at")
    found = debug()
    assert clock(found).status == status
    assert says in clock(found).detail
    assert exit_code(found) == (3 if status == "failed" else 0)


# Results

HOLD: Final = """
import duckdb, sys
con = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def test_who_holds_the_results_is_named(debug: Debug, tmp_path: Path) -> None:
    debug()
    driftline.run(tmp_path)
    words = (sys.executable, "-c", HOLD, str(tmp_path / "results.duckdb"))
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        found = debug()
        holder.communicate(b"")
    told = line(found, "privileges", "results")
    assert told.status == "failed"
    assert str(holder.pid) in told.detail
    assert exit_code(found) == 3
    assert wrong(debug()) == {}


def test_a_file_that_is_no_results_store_is_named(debug: Debug, tmp_path: Path) -> None:
    (tmp_path / "results.duckdb").write_text("something else")
    told = line(debug(), "privileges", "results")
    assert "not a DuckDB file" in told.detail
    assert "results: {to: FILE}" in (told.hint or "")


def test_results_where_nothing_can_be_written_are_told_before_a_run(
    debug: Debug, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkup.os, "access", lambda *_: False)
    told = line(debug(), "privileges", "results")
    assert told.status == "failed"
    assert "not writable" in told.detail


def test_results_in_the_monitored_database_are_a_matter_of_configuration(
    debug: Debug, tmp_path: Path
) -> None:
    duckdb.connect(tmp_path / "results.duckdb").close()
    found = debug("connection: {database: results.duckdb}\n" + PROJECT)
    assert line(found, "privileges", "results").exit_code == 2


def test_a_last_run_that_failed_is_worth_a_look(debug: Debug, tmp_path: Path) -> None:
    debug()
    (tmp_path / "training.parquet").rename(tmp_path / "gone")
    with pytest.raises(driftline.SourceError):
        driftline.run(tmp_path)
    (tmp_path / "gone").rename(tmp_path / "training.parquet")
    told = line(debug(), "results store", "last run")
    assert told.status == "warning"
    assert "no file matches training.parquet" in told.detail
    assert (told.hint or "").startswith("driftline show --run ")
