"""The verbs about stored results: what a person types, sees, and what a pipeline is told."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest
from small_project import AT, HEAD, SIGNALS, make, write
from typer.testing import CliRunner, Result

import driftline
from driftline.cli import app

LOOSE = """
    signals:
      data_drift: {normalized_wasserstein_distance: 9, jensen_shannon_distance: 1}
      data_quality: {null_value_rate: 1, row_count: {min: 100}}
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose project has run once."""
    folder = tmp_path_factory.mktemp("ran")
    driftline.run(make(folder), at=AT)
    return folder


@pytest.fixture
def folder(ran: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, which is the working directory."""
    shutil.copytree(ran, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


def call(*words: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(app, words, env=env, prog_name="driftline")


# check


@pytest.mark.usefixtures("folder")
def test_check_prints_what_the_run_printed_and_exits_like_it() -> None:
    ran, checked = call("run", "--at", AT), call("check")

    assert checked.stdout == ran.stdout
    assert checked.exit_code == ran.exit_code == 1
    assert "age" in checked.stdout


def test_check_passes_once_the_threshold_allows_it(folder: Path) -> None:
    write(folder, LOOSE)

    assert call("check").exit_code == 0


@pytest.mark.parametrize(
    ("words", "env", "code"),
    [
        (["--fail-on", "never"], {}, 0),
        (["--fail-on", "warning"], {}, 1),
        ([], {"DRIFTLINE_FAIL_ON": "never"}, 0),
        (["nobody"], {}, 2),
        (["--at", "2020-01-01"], {}, 3),
        (["--at", "soon"], {}, 2),
    ],
)
@pytest.mark.usefixtures("folder")
def test_check_tells_a_pipeline(words: list[str], env: dict[str, str], code: int) -> None:
    assert call("check", *words, env=env).exit_code == code


def test_check_names_what_was_not_measured_and_says_to_run(folder: Path) -> None:
    write(folder, SIGNALS.replace("data_drift: {", "data_drift: {psi: 0.2, "))

    found = call("check", "--fail-on", "never")

    assert found.exit_code == 0
    words = " ".join(found.stdout.split())
    assert "not measured yet: population_stability_index of age, city, fare, plan" in words
    assert found.stdout.endswith("next: driftline run churn\n")
    assert call("check", "--fail-on", "never", "--strict").exit_code == 4


def test_check_stores_the_verdicts_when_told(folder: Path) -> None:
    write(folder, LOOSE)

    assert call("check", "--write").exit_code == 0

    assert "breached" not in call("show", "churn").stdout


def test_check_without_results_says_to_run(folder: Path) -> None:
    (folder / "results.duckdb").unlink()

    found = call("check")

    assert found.exit_code == 3
    assert "no results yet" in found.stderr
    assert "driftline run" in found.stderr


# publish


def test_publish_tells_where_the_copies_are(folder: Path) -> None:
    write(folder, head=f"{HEAD}publish: {{duckdb: copies/bi.duckdb, parquet: copies/tables}}\n")

    found = call("publish")

    assert found.exit_code == 0
    assert "copies/bi.duckdb\n" in found.stdout
    assert "copies/tables (Parquet, a file a table)\n" in found.stdout
    assert len(found.stdout.splitlines()) == 2


def test_publish_takes_paths_from_the_working_directory(folder: Path) -> None:
    (folder / "below").mkdir()

    found = call("publish", "--duckdb", "below/bi.duckdb")

    assert found.stdout == "published below/bi.duckdb\n"
    assert (folder / "below" / "bi.duckdb").exists()


@pytest.mark.usefixtures("folder")
def test_publish_to_nowhere_says_how_to_name_a_place() -> None:
    found = call("publish")

    assert found.exit_code == 2
    assert "--duckdb FILE" in found.stderr
    assert "publish: {" in found.stderr


def test_a_run_whose_copy_fails_prints_its_results_and_exits_with_3(folder: Path) -> None:
    write(folder, head=f"{HEAD}publish: {{duckdb: blocked/bi.duckdb}}\n")
    (folder / "blocked").write_text("")

    found = call("run", "--at", AT)

    assert found.exit_code == 3
    assert "age" in found.stdout
    assert "cannot publish" in found.stderr
    assert "`driftline publish`" in found.stderr


# migrate


@pytest.mark.usefixtures("folder")
def test_migrate_says_that_nothing_is_to_be_done() -> None:
    found = call("migrate")
    assert (found.exit_code, found.stdout.split("/")[-1]) == (
        0,
        "results.duckdb has schema 1 already\n",
    )


def test_a_dry_run_of_migrate_prints_statements_that_duckdb_takes(folder: Path) -> None:
    (folder / "results.duckdb").unlink()

    found = call("migrate", "--dry-run")

    assert found.exit_code == 0
    assert not (folder / "results.duckdb").exists()
    with duckdb.connect() as con:
        con.execute(found.stdout)
        assert con.execute("select version from schema_version").fetchall() == [(1,)]
    assert call("migrate").exit_code == 0
    assert (folder / "results.duckdb").exists()


# ddl


def test_ddl_needs_no_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    found = call("ddl", "--dialect", "postgres", "--schema", "bi", "--role", "readers")

    assert found.exit_code == 0
    assert "CREATE TABLE IF NOT EXISTS bi.metrics (" in found.stdout
    assert "GRANT SELECT ON bi.monitor_status TO readers;" in found.stdout


def test_ddl_of_an_unknown_dialect_names_those_that_are_known() -> None:
    found = call("ddl", "--dialect", "oracle")

    assert found.exit_code == 2
    assert "snowflake" in found.stderr
