"""The command line keeps its contract: words, streams, exit codes, formats."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import duckdb
import pytest
from rich.cells import cell_len
from typer.testing import Result

import driftline
from driftline.engine.results import TABLES
from driftline.engine.verbs import estimates

VERBS: Final = (
    "demo", "compare", "validate", "compile", "run", "backfill", "baseline", "show", "ls", "metrics",
    "schema", "init", "debug", "check", "publish", "migrate", "ddl", "schedule", "alerts",
    "import-azure", "collect", "prune", "note", "tune",
)  # fmt: skip
LATER: Final = (
    "report",
    "serve",
)  # fmt: skip
HEAVY: Final = (
    "duckdb", "scipy", "sqlglot", "pyarrow", "numpy", "pydantic", "jinja2", "pandas", "ruamel", "rich",
)  # fmt: skip

Cli = Callable[..., Result]

# A week of 300 rows a day; what moves in the second month, and by how much, is up to a test.
MAKE: Final = """
copy (
    select
        timestamp '{start}' + to_hours(cast(i as integer)) as at,
        cast(i % 97 as double) + {shift} as age,
        case when i % 3 = 0 then 'pro' else 'basic' end as plan,
        'x' || (i % 5) as city
    from range({rows}) as numbers (i)
) to '{file}' (format parquet)
"""

PROJECT: Final = """
results: {to: results.duckdb}
monitors:
  - name: churn
    model: {name: churn, version: "2"}
    owner: ml
    production: {table: scored.parquet, timestamp: at, window: {size: P10D}}
    reference: {table: training.parquet}
"""


def make(file: Path, *, start: str = "2026-01-01", shift: float = 0, rows: int = 960) -> None:
    """Write a Parquet file of hourly rows."""
    duckdb.sql(MAKE.format(start=start, shift=shift, rows=rows, file=file))


@pytest.fixture
def still(cli: Cli, tmp_path: Path) -> Cli:
    """Call it where a project stands in which nothing moved."""
    return _project(cli, tmp_path, shift=0)


@pytest.fixture
def moved(cli: Cli, tmp_path: Path) -> Cli:
    """Call it where a project stands in which age moved by half its range."""
    return _project(cli, tmp_path, shift=50)


def _project(cli: Cli, folder: Path, *, shift: float) -> Cli:
    make(folder / "training.parquet")
    make(folder / "scored.parquet", start="2026-02-01", shift=shift)
    (folder / "driftline.yml").write_text(PROJECT)
    return cli


AT: Final = ("--at", "2026-02-11")


def rows(result: Result) -> list[dict[str, Any]]:
    """The objects of a JSON answer."""
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert isinstance(answer, list)
    return answer


# Verbs and options


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_and_is_a_function_of_the_package(cli: Cli, verb: str) -> None:
    result = cli(verb, "--help")
    assert result.exit_code == 0
    about = result.stdout.split("\n\n")[1]
    assert len(about.strip()) > 20
    assert callable(getattr(driftline, verb.replace("-", "_")))


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_of_a_verb_says_what_it_does(cli: Cli, verb: str) -> None:
    text = cli(verb, "--help").stdout.split("Options:\n")[1].split("\n\n")[0]
    options = re.split(r"^  (?=-)", text, flags=re.MULTILINE)[1:]
    assert options
    for option in options:
        assert re.search(r"\s{2,}[A-Z][^.]+\.", option), option


def test_the_short_help_of_every_verb_fits_its_line(cli: Cli) -> None:
    text = cli("--help").stdout
    assert all(re.search(rf"^  {verb} +[A-Z].*\.$", text, re.MULTILINE) for verb in VERBS)
    assert "..." not in text.split("Commands:")[1]


@pytest.mark.parametrize("verb", LATER)
def test_a_verb_of_a_later_version_is_not_offered(cli: Cli, verb: str) -> None:
    result = cli(verb)
    assert result.exit_code == 2
    assert "No such command" in result.stderr


def test_a_mistyped_verb_is_a_usage_error_that_names_the_nearest(cli: Cli) -> None:
    result = cli("shwo")
    assert result.exit_code == 2
    assert "'show'" in result.stderr


def test_the_version_is_told_wherever_it_is_asked_for(cli: Cli) -> None:
    told = f"driftline {driftline.__version__}\n"
    assert cli("--version").stdout == cli("run", "--version").stdout == told


@pytest.mark.parametrize(
    "words",
    [
        ("--project", "other/driftline.yml", "validate"),
        ("validate", "--project", "other/driftline.yml"),
        ("validate", "--project=other/driftline.yml"),
        ("validate", "--project", "other"),
    ],
)
def test_global_options_stand_before_or_after_the_verb(
    cli: Cli, tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "driftline.yml").write_text(PROJECT)
    result = cli(*words)
    assert result.exit_code == 0
    assert "churn" in result.stdout


def test_words_after_two_dashes_are_no_options(still: Cli) -> None:
    result = still("run", "--", "--quiet")
    assert result.exit_code == 2
    assert "there is no monitor '--quiet'" in result.stderr


def test_a_target_is_taken_from_the_option_or_the_environment(still: Cli, tmp_path: Path) -> None:
    file = tmp_path / "driftline.yml"
    file.write_text(f"targets: {{prod: {{results: {{to: prod.duckdb}}}}}}\n{PROJECT}")
    still("run", *AT, "--target", "prod")
    assert (tmp_path / "prod.duckdb").exists()
    assert still("ls", "runs", env={"DRIFTLINE_TARGET": "prod"}).exit_code == 0
    assert still("ls", "runs").exit_code == 3
    wrong = still("ls", "runs", "--target", "prd")
    assert (wrong.exit_code, "'prod'" in wrong.stderr) == (2, True)


# Exit codes


def test_a_run_in_which_nothing_moved_exits_with_0(still: Cli) -> None:
    assert still("run", *AT).exit_code == 0


def test_a_breach_exits_with_1(moved: Cli) -> None:
    assert moved("run", *AT).exit_code == 1


def test_fail_on_never_lets_a_breach_pass(moved: Cli) -> None:
    assert moved("run", *AT, "--fail-on", "never").exit_code == 0


def test_fail_on_is_read_from_the_environment(moved: Cli) -> None:
    assert moved("run", *AT, env={"DRIFTLINE_FAIL_ON": "never"}).exit_code == 0
    assert moved("run", *AT, env={"DRIFTLINE_FAIL_ON": "sometimes"}).exit_code == 2


def test_a_warning_fails_only_where_that_is_asked_for(moved: Cli, tmp_path: Path) -> None:
    warn = "    signals: {data_drift: {numerical: {js: {warn: 0.1, fail: 0.99}}}}\n"
    (tmp_path / "driftline.yml").write_text(PROJECT + warn)
    assert moved("run", *AT).exit_code == 0
    assert moved("run", *AT, "--fail-on", "warning").exit_code == 1


def test_strict_exits_with_4_where_rows_were_too_few_to_judge(still: Cli, tmp_path: Path) -> None:
    (tmp_path / "driftline.yml").write_text(f"{PROJECT}    min_rows: 1000\n")
    assert still("run", *AT).exit_code == 0
    strict = still("run", *AT, "--strict")
    assert strict.exit_code == 4
    assert "with too few rows" in strict.stdout


@pytest.fixture
def broken(cli: Cli, tmp_path: Path) -> Cli:
    """Call it where one column of production cannot be read."""
    with duckdb.connect(str(tmp_path / "data.duckdb")) as con:
        con.execute(
            "create table training as select i % 9 as age, i % 7 as code from range(500) t(i)"
        )
        con.execute("create table texts as select i % 9 as age, 'a' as code from range(500) t(i)")
        con.execute("create view scored as select age, cast(code as bigint) as code from texts")
    (tmp_path / "driftline.yml").write_text(
        "connection: {type: duckdb, database: data.duckdb}\n"
        "monitors: [{name: views, production: {table: scored}, reference: {table: training}}]\n"
    )
    return cli


def test_a_column_that_cannot_be_read_exits_with_4_whatever_fails(broken: Cli) -> None:
    result = broken("run", "--fail-on", "never")
    assert result.exit_code == 4
    assert "1 with errors" in result.stdout
    assert re.search(r"error +code", result.stdout)


def test_a_missing_source_exits_with_3_and_beats_a_breach_of_another_monitor(
    moved: Cli, tmp_path: Path
) -> None:
    more = "  - {name: lost, production: {table: gone.parquet}, reference: {table: a.parquet}}\n"
    (tmp_path / "driftline.yml").write_text(PROJECT + more)
    result = moved("run", *AT)
    assert result.exit_code == 3
    assert "monitor lost failed: no file matches gone.parquet" in result.stderr
    assert "1 of 3 features breached" in result.stdout
    stored = rows(moved("show", "--format", "json"))
    assert [row["last_status"] for row in stored] == ["succeeded", "failed"]
    for words in (("show",), ("ls", "runs")):
        assert "no file matches gone.parquet; " in " ".join(moved(*words).stdout.split())


def test_showing_a_breach_exits_with_0(moved: Cli) -> None:
    moved("run", *AT)
    for words in (("show",), ("show", "churn"), ("ls",), ("ls", "runs")):
        assert moved(*words).exit_code == 0
    assert moved("compare", "training.parquet", "scored.parquet").exit_code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("run", "nope"),
        ("run", "--at", "tomorrow"),
        ("show", "nope"),
        ("show", "--status", "fine"),
        ("show", "--since", "tomorrow"),
        ("compile", "--dialect", "dbase"),
        ("metrics", "nope"),
        ("ls", "nothing"),
        ("run", "--log-level", "loud"),
        ("validate", "--project", "nope.yml"),
    ],
)
def test_a_wrong_word_exits_with_2(still: Cli, words: tuple[str, ...]) -> None:
    still("run", *AT)
    result = still(*words)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


def test_results_that_are_not_there_yet_exit_with_3(still: Cli) -> None:
    result = still("show")
    assert result.exit_code == 3
    assert "driftline run" in result.stderr


def test_an_interruption_exits_with_130(still: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(driftline, "run", interrupted)
    result = still("run", *AT)
    assert result.exit_code == 130
    assert "Traceback" not in result.output


def test_a_failure_nobody_foresaw_exits_with_3_and_keeps_its_traceback_for_who_asks(
    still: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the disk is on fire")

    monkeypatch.setattr(driftline, "run", broken)
    short, long = still("run", *AT), still("run", *AT, "--debug-traceback")
    assert short.exit_code == long.exit_code == 3
    assert "RuntimeError: the disk is on fire" in short.stderr
    assert "Traceback" not in short.stderr
    assert "Traceback" in long.stderr


# Streams


def test_results_go_to_standard_output_and_nothing_else_does(moved: Cli) -> None:
    result = moved("run", *AT)
    assert "features breached" in result.stdout
    assert result.stderr == ""


def test_quiet_prints_nothing_but_errors(moved: Cli) -> None:
    for words in (("run", *AT), ("compare", "training.parquet", "scored.parquet"), ("validate",)):
        assert moved(*words, "--quiet").output == ""
    assert moved("run", "nope", "--quiet").stderr != ""


def test_the_log_is_lines_of_json_on_standard_error_where_that_is_asked_for(moved: Cli) -> None:
    result = moved("run", *AT, "--log-format", "json", "--log-level", "debug")
    records = [json.loads(line) for line in result.stderr.splitlines()]
    assert {record["level"] for record in records} == {"debug", "info"}
    assert all(record["monitor"] == "churn" for record in records)
    assert any(record.get("sql", "").startswith("/* driftline monitor=churn") for record in records)
    assert "breached" in result.stdout


def test_an_error_is_a_line_of_json_too(still: Cli) -> None:
    record = json.loads(still("run", "nope", "--log-format", "json").stderr)
    assert (record["level"], record["message"]) == ("error", "there is no monitor 'nope'")
    assert record["retry"] == "driftline run nope --log-format json"


# What is printed


def test_the_summary_has_a_headline_a_line_a_feature_the_rest_and_the_next_command(
    moved: Cli,
) -> None:
    lines = moved("run", *AT).stdout.splitlines()
    headline = "1 of 3 features breached · 240 rows · 1–10 Feb 2026 against reference"
    assert lines[0] == f"churn: {headline}"
    assert re.match(r"  breached  age +out_of_bounds +42 % \(36–48 %\) > 1.2 %$", lines[2])
    assert lines[3].strip().startswith("out of bounds 42 %; chance alone gives")
    assert re.search(r"also .*wasserstein \S+ > 0.25", lines[4])
    assert "  2 ok (--all)" in lines
    assert lines[-1] == "next: driftline show churn --feature age"


def test_the_next_command_of_a_summary_works(moved: Cli) -> None:
    last = moved("run", *AT, "--project", "driftline.yml").stdout.splitlines()[-1]
    again = moved(*shlex.split(last.removeprefix("next: driftline ")))
    assert again.exit_code == 0
    assert "age" in again.stdout


@pytest.mark.parametrize("words", [("run", *AT), ("show", "--all"), ("show",), ("ls", "metrics")])
def test_what_is_read_fits_eighty_columns(moved: Cli, words: tuple[str, ...]) -> None:
    moved("run", *AT)
    result = moved(*words)
    longest = max(
        (line for line in result.stdout.splitlines() if not line.startswith("next: ")), key=cell_len
    )
    assert cell_len(longest) <= 80, longest


def test_an_empty_window_tells_where_rows_are_and_the_run_that_finds_them(moved: Cli) -> None:
    result = moved("run", "--at", "2027-01-01")
    assert result.exit_code == 1
    assert "no rows in the window" in result.stdout
    assert "from 2026-02-01 00:00 to 2026-03-12 23:00" in " ".join(result.stdout.split())
    last = result.stdout.splitlines()[-1]
    assert last == "next: driftline run churn --at 2026-03-13"
    assert "240 rows" in moved(*shlex.split(last)[2:]).stdout


def test_a_dry_run_prints_the_window_and_statements_and_sends_none(
    moved: Cli, tmp_path: Path
) -> None:
    result = moved("run", *AT, "--dry-run")
    assert result.exit_code == 0
    assert "window 2026-02-01T00:00:00Z to 2026-02-11T00:00:00Z" in result.stdout
    assert "/* driftline monitor=churn step=profile */" in result.stdout
    assert not (tmp_path / "results.duckdb").exists()


def test_a_dry_run_tells_how_many_rows_its_statements_would_read(
    moved: Cli, tmp_path: Path
) -> None:
    lines = moved("run", *AT, "--dry-run").stdout.splitlines()
    assert lines[-2:] == [
        "-- churn, production: about 960 rows in scored.parquet, of which a window reads its part",
        "-- churn, reference reference: about 960 rows in training.parquet",
    ]
    (tmp_path / "training.parquet").unlink()
    assert [each.rows for each in estimates(tmp_path)] == [960, None]


def test_compile_writes_a_file_a_statement_below_names_that_any_disk_takes(
    still: Cli, tmp_path: Path
) -> None:
    hostile = PROJECT.replace("name: churn\n", 'name: "../a b/[c]"\n', 1)
    (tmp_path / "driftline.yml").write_text(hostile)
    result = still("compile", "--out", "sql")
    assert result.exit_code == 0
    (folder,) = (tmp_path / "sql").iterdir()
    assert re.fullmatch(r"[\w-]+", folder.name)
    assert (folder / "01_profile.sql").read_text().startswith("/* driftline monitor=")


def test_compile_needs_no_data_where_the_file_gives_types(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "driftline.yml").write_text(
        "monitors: [{name: m, production: {table: s.scored}, reference: {table: s.training},"
        " columns: {types: {age: BIGINT}}}]\n"
    )
    result = cli("compile", "--dialect", "snowflake")
    assert result.exit_code == 0
    assert '"s"."scored"' in result.stdout


# Formats


@pytest.mark.parametrize(
    ("words", "table"),
    [
        (("show", "--all"), "metrics"),
        (("show", "churn"), "metrics"),
        (("ls", "runs"), "runs"),
        (("ls", "features"), "features"),
        (("ls", "metrics"), "metric_definitions"),
    ],
)
def test_json_has_exactly_the_columns_of_the_table(
    moved: Cli, words: tuple[str, ...], table: str
) -> None:
    moved("run", *AT)
    for row in rows(moved(*words, "--format", "json")):
        assert list(row) == list(TABLES[table].names)


def test_the_status_grid_and_the_list_of_monitors_have_the_columns_of_their_view(
    moved: Cli, tmp_path: Path
) -> None:
    (before,) = rows(moved("ls", "--format", "json"))
    assert (before["monitor"], before["owner"], before["last_status"]) == ("churn", "ml", None)
    moved("run", *AT)
    with duckdb.connect(str(tmp_path / "results.duckdb"), read_only=True) as con:
        names = [row[0] for row in con.sql("describe monitor_status").fetchall()]
    (shown,), (listed,) = (rows(moved(verb, "--format", "json")) for verb in ("show", "ls"))
    assert list(before) == list(shown) == list(listed) == names
    assert shown["breached_features"] == 1


def test_times_are_utc_with_a_z_and_every_number_is_one_json_knows(moved: Cli) -> None:
    moved("run", *AT)
    for row in rows(moved("show", "--all", "--format", "json")):
        assert row["window_end"] == "2026-02-11T00:00:00Z"
        assert row["window_date"] == "2026-02-10"
        assert row["computed_at"].endswith("Z")


def test_csv_has_a_header_and_a_line_a_row(moved: Cli) -> None:
    moved("run", *AT)
    text = moved("show", "--feature", "age", "--format", "csv").stdout
    found = list(csv.DictReader(io.StringIO(text)))
    assert list(found[0]) == list(TABLES["metrics"].names)
    assert {row["feature"] for row in found} == {"age"}
    assert {row["breached"] for row in found} == {"true", "false"}


def test_show_keeps_to_what_is_not_ok_unless_asked(moved: Cli) -> None:
    moved("run", *AT)
    few, every = (rows(moved("show", *more, "--format", "json")) for more in (["churn"], ["--all"]))
    assert {row["status"] for row in few} == {"breached"}
    assert len(every) > len(few)
    assert f"{len(every) - len(few)} ok (--all)" in moved("show", "churn").stdout


def test_show_filters_by_whatever_a_row_is_found_by(moved: Cli) -> None:
    moved("run", "--at", "2026-02-21")
    moved("run", *AT)
    quality = rows(moved("show", "--signal", "data_quality", "--all", "--format", "json"))
    assert {row["signal"] for row in quality} == {"data_quality"}
    fine = rows(moved("show", "--status", "ok", "--feature", "plan", "--format", "json"))
    assert {(row["status"], row["feature"]) for row in fine} == {("ok", "plan")}
    since = rows(moved("show", "churn", "--since", "2026-02-01", "--format", "json"))
    assert len({row["window_end"] for row in since}) == 2
    newest = rows(moved("ls", "runs", "--format", "json"))[0]["run_id"]
    one = rows(moved("show", "--run", newest[:10], "--format", "json"))
    assert {row["run_id"] for row in one} == {newest}


def test_show_says_so_when_nothing_matches_and_when_all_is_ok(still: Cli) -> None:
    still("run", *AT)
    assert "nothing matches" in still("show", "--feature", "nobody").stdout
    assert re.search(r"^  \d+ ok \(--all\)$", still("show", "churn").stdout, re.MULTILINE)
    assert rows(still("show", "churn", "--format", "json")) == []
    header = still("show", "churn", "--format", "csv").stdout.strip()
    assert header.split(",") == list(TABLES["metrics"].names)


def test_schema_is_json_that_knows_the_keys_of_the_file(cli: Cli) -> None:
    assert "monitors" in json.loads(cli("schema").stdout)["properties"]


def test_validate_resolved_is_a_project_that_validates(still: Cli, tmp_path: Path) -> None:
    text = still("validate", "--resolved").stdout
    (tmp_path / "resolved.yml").write_text(text)
    assert still("validate", "--project", "resolved.yml").exit_code == 0


def test_a_metric_of_ones_own_is_begun_listed_and_shown(moved: Cli, tmp_path: Path) -> None:
    begun = moved("metrics", "new", "mine")
    assert begun.stdout == "metrics/mine.sql\n\nnext: driftline validate\n"
    assert "half the sum of what the shares" in moved("metrics").stdout
    assert moved("metrics", "mine").stdout.startswith("mine:")
    assert moved("metrics", "new", "mine").exit_code == 2
    assert moved("metrics", "psi", "mine").exit_code == 2
    for file in tmp_path.rglob("mine.sql"):
        file.write_text(file.read_text("utf-8").replace("from bins", "from trash"), "utf-8")
    broken = moved("run", *AT)
    assert broken.exit_code == 2
    assert "metrics/mine.sql:15: the SQL reads trash" in broken.stderr


def test_metrics_lists_every_one_and_shows_the_sql_of_each(cli: Cli) -> None:
    listed = cli("metrics").stdout
    for metric in driftline.metrics():
        assert metric.name in listed
        shown = cli("metrics", metric.name).stdout
        assert metric.header.title in shown
        assert "\nselect\n" in shown or "\nwith\n" in shown
        assert "{{" not in shown


def test_a_metric_is_found_by_its_short_name_and_a_typo_is_helped(cli: Cli) -> None:
    assert cli("metrics", "psi").stdout.startswith("population_stability_index:")
    assert "did you mean 'psi'?" in cli("metrics", "ps").stderr


# Errors


@pytest.mark.parametrize(
    ("change", "words", "told"),
    [
        (("production:", "productoin:"), ("validate",), "did you mean 'production'?"),
        (("training.parquet", "gone.parquet"), ("run", *AT), "no file matches gone.parquet"),
        (("timestamp: at", "timestamp: when"), ("run", *AT), "when"),
        (("timestamp: at", "timestamp: plan"), ("run", *AT), "not a time"),
        (("name: churn\n", "name: churn\n    features: [agee]\n"), ("run", *AT), "agee"),
    ],
)
def test_an_error_says_what_is_wrong_and_ends_with_the_command_that_retries(
    still: Cli, tmp_path: Path, change: tuple[str, str], words: tuple[str, ...], told: str
) -> None:
    (tmp_path / "driftline.yml").write_text(PROJECT.replace(*change, 1))
    result = still(*words)
    assert result.exit_code in (2, 3)
    assert told in result.stderr
    assert result.stderr.startswith("error: ")
    assert result.stderr.splitlines()[-1] == f"  retry: {shlex.join(('driftline', *words))}"


def test_a_missing_project_is_a_configuration_error(cli: Cli) -> None:
    result = cli("run")
    assert result.exit_code == 2
    assert "there is no driftline.yml" in result.stderr


SECRET: Final = "hunter2-and-more"


@pytest.mark.parametrize(
    "words",
    [
        ("run",),
        ("run", "--debug-traceback"),
        ("run", "--log-format", "json", "--log-level", "debug"),
        ("run", "--dry-run"),
        ("validate", "--resolved"),
        ("compile",),
        ("compile", "--dialect", "postgres"),
        ("ls", "runs"),
    ],
)
def test_a_secret_is_never_printed_or_stored(
    still: Cli, tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "driftline.yml").write_text(
        "monitors:\n"
        "  - name: m\n"
        "    production: {query: \"select '${DB_PASSWORD}' as x, missing from 'scored.parquet'\"}\n"
        "    reference: {table: training.parquet}\n"
        "    columns: {types: {x: VARCHAR}}\n"
    )
    secret = {"DB_PASSWORD": SECRET}
    still("run", env=secret)
    result = still(*words, env=secret)
    assert result.output
    assert SECRET not in result.output
    assert SECRET.encode() not in (tmp_path / "driftline.duckdb").read_bytes()


def test_names_are_printed_as_they_are_and_never_as_markup(cli: Cli, tmp_path: Path) -> None:
    column = """[bold]it's "odd"[/bold]; \\"drop"""
    quoted = '"' + column.replace('"', '""') + '"'
    for name, shift in (("a", 0), ("b", 50)):
        duckdb.sql(
            f"copy (select i % 90 + {shift} as {quoted} from range(500) t(i))"
            f" to '{tmp_path / name}.parquet' (format parquet)"
        )
    (tmp_path / "driftline.yml").write_text(
        'monitors: [{name: "[red]größe[/red]", production: {table: b.parquet},'
        " reference: {table: a.parquet}}]\n"
    )
    ran = cli("run", env={"COLUMNS": "160"})
    assert ran.exit_code == 1
    assert "[red]größe[/red]:" in ran.stdout
    assert column in ran.stdout
    last = shlex.split(ran.stdout.splitlines()[-1].removeprefix("next: "))
    assert last == ["driftline", "show", "[red]größe[/red]", "--feature", column]
    shown = cli(*last[1:])
    assert shown.exit_code == 0
    assert column in shown.stdout


def test_characters_that_steer_a_terminal_are_spelled_out(cli: Cli, tmp_path: Path) -> None:
    for name, shift in (("a", 0), ("b", 50)):
        duckdb.sql(
            f'copy (select i % 90 + {shift} as "x\x1b[31m\u202ey" from range(500) t(i))'
            f" to '{tmp_path / name}.parquet' (format parquet)"
        )
    result = cli("compare", "a.parquet", "b.parquet")
    assert "\x1b" not in result.output
    assert "\u202e" not in result.output
    assert "x\\x1b[31m\\u202ey" in result.stdout


# The two shortest ways in


def test_compare_says_what_differs_and_stores_nothing(moved: Cli, tmp_path: Path) -> None:
    result = moved("compare", "training.parquet", "scored.parquet")
    assert "against training.parquet" in result.stdout
    assert "features breached" in result.stdout
    assert not list(tmp_path.glob("*.duckdb"))
    assert result.stdout.splitlines()[-1].endswith("--save driftline.yml")


def test_compare_saves_a_project_of_five_lines_that_runs(moved: Cli, tmp_path: Path) -> None:
    saved = moved("compare", "training.parquet", "scored.parquet", "--save", "new/five.yml")
    assert saved.exit_code == 2, "the folder is not there"
    (tmp_path / "new").mkdir()
    saved = moved("compare", "training.parquet", "scored.parquet", "--save", "new/five.yml")
    assert saved.exit_code == 0
    assert len((tmp_path / "new" / "five.yml").read_text().splitlines()) == 5
    last = saved.stdout.splitlines()[-1]
    assert last == "next: driftline run --project new/five.yml"
    assert moved(*shlex.split(last)[2:]).exit_code == 1


def test_compare_overwrites_no_project(moved: Cli, tmp_path: Path) -> None:
    before = (tmp_path / "driftline.yml").read_text()
    result = moved("compare", "training.parquet", "scored.parquet", "--save", "driftline.yml")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert (tmp_path / "driftline.yml").read_text() == before


def test_compare_reads_tables_through_the_connection_of_a_project(
    broken: Cli,
) -> None:
    result = broken("compare", "training", "training", "--project", "driftline.yml")
    assert result.exit_code == 0
    assert "0 of 2 features breached" in result.stdout


@pytest.mark.parametrize("missing", ["gone.parquet", "gone", "gone/*.csv"])
def test_compare_of_what_is_not_there_exits_with_3(moved: Cli, missing: str) -> None:
    result = moved("compare", missing, "scored.parquet")
    assert result.exit_code == 3
    assert missing in result.stderr


def test_the_demo_runs_anywhere_twice_and_keeps_its_project_file(cli: Cli, tmp_path: Path) -> None:
    first = cli("demo", "flights", env={"DRIFTLINE_TARGET": "prod"})
    assert first.exit_code == 0, first.output
    assert "9 of 16 features breached" in first.stdout
    assert "flights/driftline.duckdb" in first.stdout
    file = tmp_path / "flights" / "driftline.yml"
    # as of an earlier demo, too, whose file has no daily monitor
    file.write_text(file.read_text().partition("  # The same flights day by day")[0] + "# mine\n")
    again = cli("demo", "flights")
    assert again.exit_code == 0, again.output
    assert "arrival_delay_daily:" in first.stdout
    assert "arrival_delay_daily:" not in again.stdout
    assert file.read_text().endswith("# mine\n")
    query = re.search(r'duckdb driftline\.duckdb "(.+)"', first.stdout)
    assert query is not None
    with duckdb.connect(str(tmp_path / "flights" / "driftline.duckdb"), read_only=True) as con:
        assert len(con.sql(query[1]).fetchall()) > 9


def test_the_demo_leaves_a_folder_alone_that_holds_something_else(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    result = cli("demo", "mine")
    assert result.exit_code == 2
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
    assert cli("demo", "mine/thesis.txt").exit_code == 2


# As a process


def process(*words: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the command as the installed script does."""
    code = "import sys; from driftline.cli import main; sys.exit(main())"
    kept = {name: text for name, text in os.environ.items() if name not in ("NO_COLOR", "CI")}
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=cwd,
        env=kept | env,
        capture_output=True,
        encoding=env.get("PYTHONIOENCODING", "utf-8"),
        check=False,
    )


def test_ctrl_c_ends_a_long_statement_at_once(tmp_path: Path) -> None:
    (tmp_path / "driftline.yml").write_text(
        "monitors:\n"
        "  - name: slow\n"
        '    production: {query: "select sin(i) as x from range(3000000000) t(i)"}\n'
        '    reference: {query: "select sin(i) as x from range(1000) t(i)"}\n'
    )
    code = "from driftline.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", code, "run", "--log-level", "info"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # whoever runs the tests may ignore it
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    ) as running:
        assert running.stderr is not None
        assert "counting rows" in running.stderr.readline()
        time.sleep(0.5)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=20)
    assert (running.returncode, out) == (130, "")
    assert err == "interrupted: what was stored before is as it was\n"
    assert not (tmp_path / "driftline.duckdb").exists()


@pytest.mark.parametrize("words", ["--help", "--version", "-h --quiet", "VERB --help", "VERB -h"])
def test_help_loads_nothing_that_is_slow(words: str, tmp_path: Path) -> None:
    calls = [words.replace("VERB", verb) for verb in (VERBS if "VERB" in words else ("",))]
    code = (
        "import sys\nfrom driftline.cli import main\n"
        f"for words in {calls}:\n"
        "    sys.argv = ['driftline', *words.split()]\n"
        "    try:\n        main()\n"
        "    except SystemExit as end:\n        assert end.code == 0\n"
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stderr == "[]\n"


def test_a_run_loads_nothing_that_it_does_not_use(tmp_path: Path) -> None:
    # so many rows that no law is exact: that of few is SciPy's own
    make(tmp_path / "training.parquet", rows=24 * 100)
    make(tmp_path / "scored.parquet", start="2026-02-01", shift=50, rows=24 * 100)
    (tmp_path / "driftline.yml").write_text(
        PROJECT.replace("P10D", "P90D")
        + "    signals: {data_drift: {numerical: [ks_distance, ks, wasserstein], categorical: [chi2]}}\n"
    )
    unused = (
        *("scipy.stats", "scipy._lib._array_api", "sqlglot", "numpy.f2py.f2py2e", "numpy.testing"),
        *("pyarrow.acero", "pyarrow.dataset", "pyarrow.vendored.docscrape", "unittest"),
    )
    code = (
        "import sys\nfrom driftline.cli import main\n"
        "sys.argv = ['driftline', 'run', '--at', '2026-05-02']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    loaded = {*sys.modules}\n"
        f"    print(end.code, 'scipy' in loaded, loaded.intersection({unused}), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stderr == "1 True set()\n"


def test_what_runs_nothing_loads_nothing_that_runs_use(cli: Cli, tmp_path: Path) -> None:
    make(tmp_path / "training.parquet")
    make(tmp_path / "scored.parquet", start="2026-02-01")
    scheduled = PROJECT.replace("    model:", '    schedule: "0 6 * * *"\n    model:')
    (tmp_path / "driftline.yml").write_text(scheduled)
    assert cli("schedule", "--once", "--quiet", "--fail-on", "never").exit_code in {0, 4}
    runs_use = (
        *("driftline.engine.execute", "driftline.engine.measure", "driftline.engine.run"),
        *("jinja2", "scipy", "sqlglot"),
    )
    for words, unused in {
        "validate": (*runs_use, "duckdb", "numpy", "pyarrow"),
        "ls": runs_use,
        "schedule --once": (*runs_use, "smtplib"),
    }.items():
        code = (
            "import sys\nfrom driftline.cli import main\n"
            f"sys.argv = ['driftline', *{words.split()}]\n"
            "try:\n    main()\nexcept SystemExit as end:\n    loaded = {*sys.modules}\n"
            f"    print(end.code, loaded.intersection({unused}), file=sys.stderr)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.stderr == "0 set()\n", words


def test_what_a_run_puts_off_is_there_when_it_is_asked_for() -> None:
    code = (
        "import sys\nfrom driftline.engine.frames import Unneeded\n"
        "sys.meta_path.insert(0, Unneeded())\n"
        "import pyarrow as pa, pyarrow.compute as pc\nfrom scipy import special\n"
        "print(special.ndtr(0.0), pa.array(['a']).dictionary_encode().indices)\n"
        "print('scipy._lib._array_api' in sys.modules, 'pyarrow.vendored.docscrape' in sys.modules)\n"
        "from scipy import stats\n"
        "print(special.logsumexp([0.0]), stats.norm.cdf(0.0), pc.max(pa.array([1, 2])))\n"
        "print(pa.array([1]).cast('string')[0], pa.array([3, 4]).take(pa.array([1]))[0])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.split() == [
        *("0.5", "[", "0", "]", "False", "False", "0.0", "0.5", "2", "1", "4"),
    ]


@pytest.mark.usefixtures("moved")
def test_the_command_works_without_pandas_even_where_it_is_installed(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom driftline.cli import main\n"
        f"sys.argv = ['driftline', 'run', '--at', '{AT[1]}']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    print(end.code, 'pandas' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1] == "1 False"


@pytest.mark.usefixtures("moved")
def test_colour_is_there_where_it_can_be_and_gone_where_it_is_not_wanted(tmp_path: Path) -> None:
    green = re.compile(r"\x1b\[[0-9;]*32m")
    colours = {
        "always": process("validate", cwd=tmp_path, FORCE_COLOR="1"),
        "never": process("validate", "--no-color", cwd=tmp_path, FORCE_COLOR="1"),
        "unset": process("validate", cwd=tmp_path, FORCE_COLOR="1", NO_COLOR="1"),
        "piped": process("validate", cwd=tmp_path),
    }
    found = {name: bool(green.search(done.stdout)) for name, done in colours.items()}
    assert found == {"always": True, "never": False, "unset": False, "piped": False}


@pytest.mark.usefixtures("moved")
def test_a_terminal_that_lacks_a_character_gets_a_question_mark(tmp_path: Path) -> None:
    done = process("run", *AT, cwd=tmp_path, PYTHONIOENCODING="ascii")
    assert done.returncode == 1
    assert "1 of 3 features breached ? 240 rows" in done.stdout


@pytest.mark.usefixtures("moved")
def test_a_reader_that_goes_away_early_is_no_error_to_tell_of(tmp_path: Path) -> None:
    assert process("run", *AT, cwd=tmp_path).returncode == 1
    code = "from driftline.cli import main; main()"
    line = f"{shlex.quote(sys.executable)} -c '{code}' show --all --format json | head -c 10"
    done = subprocess.run(
        ["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "error" not in done.stderr
    assert "Traceback" not in done.stderr
