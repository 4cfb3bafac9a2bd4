"""The way in and the first aid: `driftline init` and `driftline debug` on a terminal."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

import duckdb
import pytest
from typer.testing import Result

Cli = Callable[..., Result]

ROWS: Final = """
copy (
    select
        i as request_id,
        timestamp '2026-02-01' + to_hours(cast(i as integer)) as scored_at,
        cast(i % 97 as double) as age,
        'basic' || (i % 3) as plan,
        i % 7 as weekday
    from range(2400) as rows (i)
) to '{file}' (format parquet)
"""


@pytest.fixture
def cli(cli: Cli, tmp_path: Path) -> Cli:
    """Call the command line in a folder with two tables."""
    for name in ("scored", "training"):
        duckdb.sql(ROWS.format(file=tmp_path / f"{name}.parquet"))
    return cli


TABLES: Final = ("--production", "scored.parquet", "--reference", "training.parquet")


# init


def test_init_without_tables_says_what_to_put_into_the_file(cli: Cli) -> None:
    result = cli("init")
    assert result.exit_code == 0
    assert result.stdout == (
        "driftline.yml is written, with the monitor my_model.\n"
        "Put the paths of your tables into it; its comments explain every key.\n"
        "\nnext: driftline validate\n"
    )
    assert cli("validate").exit_code == 0


def test_init_tells_its_guesses_and_a_command_that_works(cli: Cli) -> None:
    result = cli("init", *TABLES)
    assert result.exit_code == 0
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "columns.correlation_id request_id" in lines
    assert "named like an id; 2 400 different in 2 400 rows" in lines
    (command,) = (line for line in lines if line.startswith("next: "))
    assert command == "next: driftline run --at 2026-05-12"
    assert cli(*command.split()[2:]).exit_code == 0


def test_init_elsewhere_names_the_file_in_the_commands_to_come(cli: Cli) -> None:
    result = cli("init", "churn", *TABLES, "--name", "churn model")
    assert "churn/driftline.yml is written, with the monitor churn model." in result.stdout
    assert "next: driftline run --project churn/driftline.yml --at 2026-05-12" in result.stdout


@pytest.mark.parametrize("width", ["80", "140"])
def test_the_guesses_fit_the_terminal(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, width: str
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    told = cli("init", *TABLES).stdout
    assert max(map(len, told.splitlines())) <= int(width)


def test_a_second_init_leaves_the_file_alone_and_says_so(cli: Cli, tmp_path: Path) -> None:
    cli("init", *TABLES)
    before = (tmp_path / "driftline.yml").read_bytes()
    result = cli("init")
    assert result.exit_code == 2
    assert "driftline.yml exists already" in result.stderr
    assert "retry: driftline init\n" in result.stderr
    assert (tmp_path / "driftline.yml").read_bytes() == before


def test_init_of_a_table_that_is_not_there_is_a_missing_source(cli: Cli, tmp_path: Path) -> None:
    result = cli("init", "--production", "gone/*.parquet", "--reference", "training.parquet")
    assert result.exit_code == 3
    assert "no file matches gone/*.parquet" in result.stderr
    assert not (tmp_path / "driftline.yml").exists()


def test_a_quiet_init_writes_the_file_and_no_word(cli: Cli, tmp_path: Path) -> None:
    assert cli("init", "--quiet", *TABLES).output == ""
    assert (tmp_path / "driftline.yml").is_file()


# debug


def test_debug_of_a_project_that_runs_ends_well(cli: Cli) -> None:
    cli("init", *TABLES)
    result = cli("debug")
    assert result.exit_code == 0
    told = result.stdout
    blocks = [block.splitlines()[0] for block in told.split("\n\n")]
    assert blocks[:6] == [
        "versions",
        "configuration",
        "connection",
        "privileges",
        "timestamps",
        "results store",
    ]
    assert "ok  project  driftline.yml is valid; monitors: scored" in told
    assert "  driftline run scored --at 2026-05-12\n" in told
    assert told.endswith("\n1 warning\n")


def test_debug_says_what_stops_a_run_and_exits_with_it(cli: Cli, tmp_path: Path) -> None:
    cli("init", *TABLES)
    (tmp_path / "scored.parquet").unlink()
    result = cli("debug")
    assert result.exit_code == 3
    assert "no file matches scored.parquet" in result.stdout
    assert result.stdout.endswith("\n1 thing stops a run\n")
    (tmp_path / "driftline.yml").write_text("monitors: 3")
    result = cli("debug")
    assert result.exit_code == 2
    assert "driftline.yml:1" in result.stdout


def test_debug_in_json_has_a_key_for_every_field_of_a_line(cli: Cli) -> None:
    cli("init", *TABLES)
    lines = json.loads(cli("debug", "--format", "json").stdout)
    assert set(lines[0]) == {"area", "name", "status", "detail", "hint", "exit_code"}
    assert lines[0]["name"] == "driftline"


@pytest.mark.parametrize("width", ["80", "140"])
def test_the_lines_of_debug_fit_the_terminal(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, width: str
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    cli("init", *TABLES)
    told = cli("debug").stdout
    paths = [line for line in told.splitlines() if "/bin/" in line]
    assert max(len(line) for line in told.splitlines() if line not in paths) <= int(width)
