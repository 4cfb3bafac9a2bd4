"""`import driftline` offers what the command line does, and is honest about what went wrong."""

from __future__ import annotations

import inspect
import logging
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
import pytest

import driftline
from driftline.cli import app, options
from driftline.engine.frames import arrow_of
from driftline.engine.results import TABLES

VERBS: Final = {each.callback.__name__: each.callback for each in app.registered_commands}

# What only one of the two has, and why.
PRINTING: Final = {"format"}  # tables are handed over as they are
EXIT_CODES: Final = {"fail_on", "strict"}  # fields of `RunResult`
# `statements`, `new_metric`, and `TuneResult.incidents`
ELSEWHERE: Final = {"run": {"dry_run"}, "metrics": {"new"}, "tune": {"incidents"}}
IN_PYTHON: Final = {"connection"}

PROJECT: Final = """
results: {to: results.duckdb}
monitors:
  - name: one
    production: {table: scored, timestamp: at, window: {size: P10D}}
    reference: {table: training}
"""

MADE: Final = """
create table {name} as
select
    timestamptz '2026-02-01 00:00:00+00' + to_hours(cast(i as integer)) as at,
    cast(i % 97 as double) + {shift} as age,
    case when i % 3 = 0 then 'pro' else 'basic' end as plan
from range(480) as numbers (i)
"""


def words(function: Any) -> set[str]:
    """Names of a function's parameters."""
    return {name.strip("_") for name in inspect.signature(function).parameters}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project over two tables that an open connection has."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "driftline.yml"
    path.write_text(PROJECT)
    return path


@pytest.fixture
def connection() -> Any:
    """A connection in another time zone, with the project's tables."""
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'America/New_York'")
        con.execute(MADE.format(name="training", shift=0))
        con.execute(MADE.format(name="scored", shift=50))
        yield con


# Names and options


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_a_function_has_the_options_of_its_command(verb: str) -> None:
    of_everything = words(options) - {"ctx"}
    command = words(VERBS[verb]) - {"ctx"} - PRINTING - EXIT_CODES - ELSEWHERE.get(verb, set())
    function = words(getattr(driftline, verb)) - {"project", "target"} - IN_PYTHON
    assert function == command
    assert {"project", "target"} <= of_everything


def test_run_has_the_signature_that_is_promised() -> None:
    found = inspect.signature(driftline.run).replace(return_annotation=inspect.Signature.empty)
    bare = [
        parameter.replace(annotation=parameter.empty) for parameter in found.parameters.values()
    ]
    assert str(found.replace(parameters=bare)) == (
        "(project, *, monitors=None, at=None, select=None, exclude=None,"
        " catch_up=False, target=None, connection=None)"
    )
    assert inspect.signature(driftline.run).return_annotation == "RunResult"


@pytest.mark.parametrize("name", driftline.__all__)
def test_every_public_name_is_there_and_explained(name: str) -> None:
    found = getattr(driftline, name)
    assert name in dir(driftline)
    assert name == "__version__" or inspect.getdoc(found)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'runn'"):
        _ = driftline.runn


def test_importing_the_package_loads_nothing_that_is_slow() -> None:
    code = (
        "import sys, driftline; print([n for n in"
        " ('duckdb', 'scipy', 'sqlglot', 'pyarrow', 'pydantic', 'jinja2', 'rich', 'typer')"
        " if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", ["ConfigError", "SourceError", "StoreError", "WarehouseError"])
def test_every_error_is_a_driftline_error(name: str) -> None:
    assert issubclass(getattr(driftline, name), driftline.DriftlineError)


# Run


def test_a_run_gives_rows_a_table_and_an_exit_code_and_never_raises_for_a_breach(
    file: Path, connection: Any
) -> None:
    found = driftline.run(file, at="2026-02-11", connection=connection)
    assert found.exit_code == 1
    assert found.to_arrow().column_names == list(TABLES["metrics"].names)
    assert len(found.metrics) == found.to_arrow().num_rows
    assert list(found.runs[0]) == list(TABLES["runs"].names)
    assert "one: succeeded" in repr(found)
    assert len(repr(found)) < 200


@pytest.mark.parametrize(
    "at",
    ["2026-02-11", date(2026, 2, 11), datetime(2026, 2, 11), datetime(2026, 2, 11, tzinfo=UTC)],
)
def test_a_moment_is_a_text_a_date_or_a_time(file: Path, connection: Any, at: Any) -> None:
    found = driftline.run(file, at=at, connection=connection)
    assert {row["window_end"] for row in found.metrics} == {datetime(2026, 2, 11)}


def test_the_time_zone_of_the_callers_connection_changes_neither_it_nor_the_result(
    file: Path, connection: Any
) -> None:
    found = driftline.run(file, at="2026-02-11", connection=connection)
    counted = next(row for row in found.metrics if row["metric"] == "row_count")
    assert counted["value"] == 240
    settings = "select current_setting('TimeZone'), current_setting('preserve_insertion_order')"
    assert connection.sql(settings).fetchall() == [("America/New_York", True)]
    assert connection.sql("select count(*) from scored").fetchall() == [(480,)]


def test_an_open_answer_of_the_callers_connection_can_still_be_read(
    file: Path, connection: Any
) -> None:
    answer = connection.execute("select age from scored order by age")
    driftline.run(file, at="2026-02-11", connection=connection)
    assert len(answer.fetchall()) == 480


def test_a_closed_connection_is_a_warehouse_error(file: Path) -> None:
    con = duckdb.connect()
    con.close()
    with pytest.raises(driftline.WarehouseError):
        driftline.run(file, at="2026-02-11", connection=con)


def test_what_is_no_connection_is_a_configuration_error(file: Path) -> None:
    with pytest.raises(driftline.ConfigError, match="str, not an open session"):
        driftline.run(file, connection="duckdb:///")


def test_a_table_that_is_missing_is_never_a_variable_of_that_name(file: Path) -> None:
    scored = pa.table({"age": [1]})
    with duckdb.connect() as con, pytest.raises(driftline.SourceError, match="scored"):
        driftline.run(file, connection=con)
    assert scored.num_rows == 1


def test_one_failing_monitor_stops_no_other_and_is_raised_at_the_end(
    file: Path, connection: Any
) -> None:
    lost = "  - {name: lost, production: {table: gone}, reference: {table: training}}\n"
    file.write_text(PROJECT.replace("monitors:\n", f"monitors:\n{lost}"))
    with pytest.raises(driftline.SourceError, match="gone") as caught:
        driftline.run(file, at="2026-02-11", connection=connection)
    result = caught.value.result
    assert [each.run["status"] for each in result.monitors] == ["failed", "succeeded"]
    assert result.exit_code == 3
    assert driftline.show(file, "one").num_rows > 0
    assert set(driftline.ls(file, "runs").column("monitor").to_pylist()) == {"one", "lost"}


def test_a_loaded_project_runs_like_its_file(file: Path, connection: Any) -> None:
    project = driftline.validate(file).project
    found = driftline.run(project, monitors="one", at="2026-02-11", connection=connection)
    assert found.exit_code == 1
    with pytest.raises(driftline.ConfigError, match="target"):
        driftline.run(project, target="prod")


def test_a_secret_is_in_no_exception(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "hunter2-and-more")
    file.write_text(PROJECT.replace("table: scored", "query: \"select '${MY_TOKEN}' + from x\""))
    with pytest.raises(driftline.DriftlineError) as caught:
        driftline.run(file)
    error: BaseException | None = caught.value
    while error is not None:
        assert "hunter2" not in f"{error} {error.args} {vars(error)}"
        error = error.__cause__ or error.__context__


def test_the_log_tells_each_step_to_whoever_listens(
    file: Path, connection: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="driftline"):
        driftline.run(file, at="2026-02-11", connection=connection)
    told = [record.getMessage() for record in caplog.records]
    assert told[0] == "one: counting rows"
    assert any(text.startswith("one: profile: ") for text in told)
    assert told[-1].startswith("one: succeeded, ")


@pytest.mark.parametrize(
    ("zone", "window", "at"),
    [
        ("UTC", "size: P10D", "2026-02-21"),
        ("America/New_York", "size: P10D", "2026-02-21"),
        ("UTC", "size: P1M, offset: P2D", "2026-02-23"),
        ("UTC", "size: PT6H", "2026-02-21"),
        ("Asia/Kolkata", "size: PT1H", "2026-02-21T05:00"),
        ("UTC", "size: PT90M", "2026-02-20T23:01"),
        ("UTC", "size: PT90S", "2026-02-20T23:00:01"),
    ],
)
def test_an_empty_window_names_an_at_that_has_rows(
    file: Path, connection: Any, zone: str, window: str, at: str
) -> None:
    text = PROJECT.replace("size: P10D", window).replace(
        "name: one", f"name: one\n    time_zone: {zone}"
    )
    file.write_text(text)
    (empty,) = driftline.run(file, at="2030-01-01", connection=connection).monitors
    assert empty.run["window_rows"] == 0
    assert empty.try_at == at
    assert f"try --at {at}" in empty.warnings[-1]
    (full,) = driftline.run(file, at=empty.try_at, connection=connection).monitors
    assert full.run["window_rows"] > 0
    assert full.try_at is None


def test_a_window_that_may_be_empty_gets_no_advice(file: Path, connection: Any) -> None:
    file.write_text(PROJECT.replace("timestamp: at,", "timestamp: at, allow_empty: true,"))
    (found,) = driftline.run(file, at="2030-01-01", connection=connection).monitors
    assert (found.warnings, found.try_at) == ((), None)


def test_a_table_without_rows_says_so(file: Path, connection: Any) -> None:
    connection.execute("delete from scored")
    (found,) = driftline.run(file, at="2030-01-01", connection=connection).monitors
    assert found.warnings == ("scored has no rows at any time",)


# Compare


def columns(shift: float = 0) -> dict[str, list[Any]]:
    """Two columns of 400 rows."""
    return {
        "age": [float(i % 97) + shift if i % 50 else None for i in range(400)],
        "plan": ["pro" if i % 3 == 0 else "basic" for i in range(400)],
    }


def values(found: driftline.RunResult) -> dict[tuple[str, str], Any]:
    """Value by feature and metric."""
    return {(row["feature"], row["metric"]): row["value"] for row in found.metrics}


def as_pandas(data: dict[str, list[Any]]) -> Any:
    """A pandas frame with an index that is no column."""
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame(data, index=range(1000, 1400))


def as_polars(data: dict[str, list[Any]]) -> Any:
    """A Polars frame."""
    return pytest.importorskip("polars").DataFrame(data)


def as_lazy(data: dict[str, list[Any]]) -> Any:
    """A lazy Polars frame."""
    return pytest.importorskip("polars").LazyFrame(data)


def as_reader(data: dict[str, list[Any]]) -> Any:
    """A stream of Arrow batches."""
    return pa.table(data).to_reader()


@pytest.mark.parametrize(
    "made", [pa.table, pa.record_batch, as_reader, as_pandas, as_polars, as_lazy]
)
def test_compare_takes_every_kind_of_frame_and_finds_the_same(made: Any) -> None:
    expected = values(driftline.compare(pa.table(columns()), pa.table(columns(20))))
    assert expected["age", "normalized_wasserstein_distance"] > 0.5
    found = driftline.compare(made(columns()), made(columns(20)))
    assert values(found) == expected
    assert {row["feature"] for row in found.metrics} == {"__all__", "age", "plan"}


def test_compare_takes_a_file_on_one_side_and_a_frame_on_the_other(tmp_path: Path) -> None:
    duckdb.from_arrow(pa.table(columns())).write_parquet(str(tmp_path / "a.parquet"))
    found = driftline.compare(tmp_path / "a.parquet", pa.table(columns(20)))
    assert found.exit_code == 0
    assert any(row["status"] == "breached" for row in found.metrics)


def test_compare_leaves_no_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    driftline.compare(pa.table(columns()), pa.table(columns()))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("side", [[1, 2], {"age": [1]}, None, 3])
def test_compare_says_what_it_takes(side: object) -> None:
    with pytest.raises(driftline.ConfigError, match="pandas or Polars data frame"):
        driftline.compare(pa.table(columns()), side)


def test_a_frame_with_a_column_of_no_type_is_a_configuration_error() -> None:
    pandas = pytest.importorskip("pandas")
    with pytest.raises(driftline.ConfigError, match="reference cannot be read as a table"):
        arrow_of(pandas.DataFrame({"x": [1, "a", object()]}), name="reference")


def test_frames_cannot_be_saved_as_a_project(tmp_path: Path) -> None:
    with pytest.raises(driftline.ConfigError, match="no path"):
        driftline.compare(pa.table(columns()), pa.table(columns()), save=tmp_path / "p.yml")
    assert not list(tmp_path.iterdir())


def test_a_saved_project_finds_its_tables_from_its_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a b.parquet", "true.parquet"):
        duckdb.from_arrow(pa.table(columns())).write_parquet(str(tmp_path / name))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    driftline.compare("a b.parquet", "true.parquet", save="elsewhere/p.yml")
    found = driftline.run("elsewhere/p.yml")
    assert found.runs[0]["status"] == "succeeded"
    assert found.runs[0]["monitor"] == "true"


# The other verbs


def test_validate_gives_the_project_and_what_is_worth_a_second_look(file: Path) -> None:
    file.write_text(f"{PROJECT}    signals: {{data_drift: {{numerical: [js]}}}}\n")
    found = driftline.validate(file)
    assert [monitor.name for monitor in found.project.monitors] == ["one"]
    assert any("categorical" in note for note in found.notes)
    assert found.resolved is None
    assert "min_rows: 100" in (driftline.validate(file, resolved=True).resolved or "")


def test_compile_gives_statements_and_writes_them_where_it_is_told(
    file: Path, tmp_path: Path
) -> None:
    file.write_text(f"{PROJECT}    columns: {{types: {{at: TIMESTAMP, age: DOUBLE}}}}\n")
    (found,) = driftline.compile(file, dialect="postgres", out=tmp_path / "sql")
    assert found.monitor == "one"
    files = sorted((tmp_path / "sql" / "one").iterdir())
    assert [each.read_text() for each in files] == [f"{each.sql}\n" for each in found.statements]


def test_show_and_ls_give_arrow_tables(file: Path, connection: Any) -> None:
    driftline.run(file, at="2026-02-11", connection=connection)
    assert driftline.show(file).column("monitor").to_pylist() == ["one"]
    assert set(driftline.show(file, feature=["age"]).column("feature").to_pylist()) == {"age"}
    assert set(driftline.show(file, status="ok").column("status").to_pylist()) == {"ok"}
    assert driftline.show(file, since=date(2027, 1, 1)).num_rows == 0
    assert driftline.ls(file).num_rows == 1
    assert driftline.ls(what="metrics").num_rows == len(driftline.metrics())


def test_a_store_that_is_broken_is_told_and_not_taken_for_an_empty_one(
    file: Path, tmp_path: Path
) -> None:
    (tmp_path / "results.duckdb").write_text("no database")
    with pytest.raises(driftline.StoreError, match="not a DuckDB file"):
        driftline.ls(file)


def test_metrics_gives_one_by_any_of_its_names() -> None:
    assert driftline.metrics("psi") is driftline.metrics("population_stability_index")
    with pytest.raises(driftline.ConfigError, match="did you mean 'psi'"):
        driftline.metrics("ps")


def test_schema_is_the_json_schema_of_the_file() -> None:
    assert driftline.schema()["title"] == "driftline.yml"


def test_the_nearest_project_file_is_taken_when_none_is_named(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file.parent / "deep" / "down").mkdir(parents=True)
    monkeypatch.chdir(file.parent / "deep" / "down")
    assert driftline.validate().project.path == file
