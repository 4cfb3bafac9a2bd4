"""Results in a schema of the DuckDB database that is monitored, beside the tables of its owner."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import duckdb
import pytest
from alike import alike, answers_of, differing
from any_store import (
    FACTS,
    KILLED_AT_A_TABLE,
    column,
    finished,
    opened,
    part,
    python,
    # its tests are this place's, too: those that a schema could fail
    test_a_second_run_of_a_window_leaves_the_same_rows,  # noqa: F401
    test_a_statement_that_is_no_select_is_refused,  # noqa: F401
    test_an_error_inside_the_transaction_leaves_the_old_rows,  # noqa: F401
    test_counted_windows_keep_columns_of_the_same_rows_and_old_ones_go,  # noqa: F401
    test_messages_wait_in_the_outbox_until_they_are_taken,  # noqa: F401
    test_names_of_any_characters_are_replaced_and_found,  # noqa: F401
    test_rows_of_a_feature_that_vanished_go,  # noqa: F401
    test_selected_features_replace_their_own_rows_alone,  # noqa: F401
    test_status_has_a_row_a_monitor,  # noqa: F401
    write,
)
from later_schema import NEXT, run
from typer.testing import Result

import driftline
from driftline.engine.config import load_project
from driftline.engine.errors import ConfigError, StoreError, WarehouseError
from driftline.engine.project import Source
from driftline.engine.results import TABLES, VIEWS
from driftline.engine.store import Store
from driftline.engine.storefile import ResultsFile
from driftline.engine.warehouses.duckdb import DuckDB

Cli = Callable[..., Result]

SCHEMA: Final = 'Ergebnisse "1"'
AT: Final = "2026-02-11"
MONITOR: Final = """
monitors:
  - name: churn
    production: {table: scored, timestamp: at, window: {size: P10D}}
    reference: {table: training, frozen: true}
    signals:
      data_drift: {normalized_wasserstein_distance: 0.25, jensen_shannon_distance: 0.1}
      data_quality: {null_value_rate: 0.01, row_count: {min: 100}}
"""


def make(file: Path) -> Path:
    """A database with the two tables of a model."""
    with duckdb.connect(file) as con:
        for name, start, rows, moved in (
            ("training", "2026-01-01", 960, 0),
            ("scored", "2026-02-01", 480, 12),
        ):
            con.execute(
                f"create table {name} as select timestamp '{start}' + to_hours(i::int) as at,"
                f" cast(i % 97 + {moved} as double) as age, 'x' || (i % 5) as city"
                f" from range({rows}) as numbers (i)"
            )
    return file


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return make(tmp_path / "ml.duckdb")


@pytest.fixture
def address(database: Path) -> str:
    told = {"type": "duckdb", "options": {"database": str(database)}, "schema": SCHEMA}
    return json.dumps(told)


@pytest.fixture
def store(address: str) -> Store:
    return opened(address)


def project(results: str = "{connection: same}", **keys: object) -> None:
    told = "".join(f", {key}: {value}" for key, value in keys.items())
    Path("driftline.yml").write_text(
        f"connection: {{type: duckdb, database: ml.duckdb{told}}}\nresults: {results}\n{MONITOR}",
        "utf-8",
    )


def ask(file: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(file, read_only=True) as con:
        return con.execute(sql).fetchall()


# The same as in a file


@pytest.mark.once
def test_every_command_does_in_the_database_what_it_does_in_a_file(
    cli: Cli, database: Path, tmp_path: Path
) -> None:
    answers = []
    for place in ("{to: results.duckdb}", "{connection: same}"):
        project(place)
        answers.append(answers_of(cli))

    file, there = Store(tmp_path / "results.duckdb"), Store(ResultsFile(database, "driftline"))
    assert alike(*answers, file.place.name, there.place.name) == []
    assert differing(file, there) == []


def test_the_owners_tables_stay_and_those_of_results_are_in_their_schema(
    cli: Cli, database: Path
) -> None:
    project()
    before = ask(database, "from training order by all")
    assert cli("run", "--at", AT).exit_code == 1

    names = "select table_name from duckdb_tables() where schema_name = 'main' order by 1"
    assert ask(database, names) == [("scored",), ("training",)]
    assert ask(database, "from training order by all") == before
    made = "select view_name from duckdb_views() where schema_name = 'driftline'"
    assert {name for (name,) in ask(database, made)} == {*VIEWS}
    assert ask(database, "select monitor from driftline.monitor_status") == [("churn",)]
    # nothing is left beside it
    assert {path.name for path in Path().iterdir()} == {"ml.duckdb", "driftline.yml"}


@pytest.mark.once
def test_copies_for_bi_tools_are_made_from_the_schema(cli: Cli, database: Path) -> None:
    project("{connection: same}\npublish: {duckdb: bi.duckdb, parquet: tables}")
    assert cli("run", "--at", AT).exit_code == 1

    for table in TABLES:
        wanted = ask(database, f"from driftline.{table} order by all")
        assert ask(Path("bi.duckdb"), f"from {table} order by all") == wanted
        assert ask(Path("bi.duckdb"), f"from 'tables/{table}.parquet' order by all") == wanted


# Crashes and turns


def test_a_run_killed_inside_the_transaction_leaves_the_old_rows(
    store: Store, address: str, database: Path
) -> None:
    write(store, part("age", value=0.1))
    with python(KILLED_AT_A_TABLE, address, "statements") as process:
        assert finished(process) == -signal.SIGKILL
    assert {run_id for name in FACTS for run_id in column(store, name, "run_id")} == {"run-1"}
    assert ask(database, "select count(*) from scored") == [(480,)]


RUN = """
import driftline, sys
print("ready", flush=True)
sys.stdin.readline()
driftline.run("driftline.yml", at="2026-02-11")
"""


@pytest.mark.once
@pytest.mark.usefixtures("cli")
def test_two_runs_at_once_both_leave_their_results(database: Path) -> None:
    project()
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", RUN]
    runs = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(2)]
    try:
        for each in runs:
            assert each.stdout is not None
            assert each.stdout.readline() == "ready\n"
        for each in runs:
            each.communicate("\n", timeout=120)
        assert [each.returncode for each in runs] == [0, 0]
    finally:
        for each in runs:
            each.kill()
            each.wait()
    assert ask(database, "select status from driftline.runs") == [("succeeded",)] * 2


def test_a_database_that_is_open_in_the_same_process_is_named(cli: Cli, database: Path) -> None:
    project()
    with duckdb.connect(database) as con:
        found = driftline.run
        with pytest.raises(StoreError, match="is open in this Python process"):
            found(Path(), at=AT, connection=con)
    assert cli("run", "--at", AT).exit_code == 1


# The session that reads


def test_a_session_that_lets_go_keeps_what_it_has_read(tmp_path: Path, database: Path) -> None:
    (tmp_path / "more.csv").write_text("a,b\n1,x\n2,y\n")
    with duckdb.connect(database) as con:
        con.execute("create schema prod; create table prod.only_here as select 7 as a")
    options = {"database": str(database), "settings": {"schema": "prod"}}
    with closing(DuckDB(options)) as session:
        csv = session.relation(Source("more.csv", files=(str(tmp_path / "more.csv"),)))
        session.execute("create temp table kept as select count(*) as n from only_here")

        session.let_go()
        session.let_go()
        with duckdb.connect(database) as con:
            con.execute("insert into prod.only_here values (8)")

        assert session.fetch(f"select sum(a) as n from {csv}")["n"].to_pylist() == [3]
        assert session.fetch("select n from kept")["n"].to_pylist() == [1]
        assert session.fetch("select count(*) as n from only_here")["n"].to_pylist() == [2]
        assert session.columns(Source("t", table=("ml", "prod", "only_here")))[0].name == "a"


HELD = """
import duckdb, sys
con = duckdb.connect(sys.argv[1])
print("open", flush=True)
sys.stdin.readline()
"""


def test_a_session_waits_for_who_writes_for_a_moment(database: Path) -> None:
    with closing(DuckDB({"database": str(database)})) as session:
        session.let_go()
        with python(HELD, database) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
            timer = threading.Timer(0.4, process.stdin.close)
            timer.start()
            started = time.monotonic()
            assert session.fetch("select count(*) as n from scored")["n"].to_pylist() == [480]
            assert time.monotonic() - started > 0.2
            timer.join()


@pytest.mark.parametrize("stem", ["memory", "temp", "main", "my.data", 'a "b"'])
def test_a_database_may_have_any_name(tmp_path: Path, stem: str) -> None:
    file = make(tmp_path / f"{stem}.duckdb")
    with closing(DuckDB({"database": str(file)})) as session:
        session.let_go()
        assert session.fetch("select count(*) as n from scored")["n"].to_pylist() == [480]


def test_a_database_that_is_missing_is_an_error_and_is_not_made(cli: Cli, tmp_path: Path) -> None:
    project()
    for words in (("run", "--at", AT), ("migrate",), ("show",)):
        assert cli(*words).exit_code == 3
    with pytest.raises(WarehouseError, match="cannot open"):
        DuckDB({"database": str(tmp_path / "ml.duckdb")})
    assert not (tmp_path / "ml.duckdb").exists()


# Versions


def test_older_tables_go_forward_by_migrate_alone(database: Path) -> None:
    place = ResultsFile(database, SCHEMA)
    Store(place).record_failure(run("run-1"), [])
    store = Store(place, schema=NEXT)

    for act in (store.runs, store.prepare, lambda: store.record_failure(run("run-2"), [])):
        with pytest.raises(StoreError, match=r"older Driftline: schema 1.*\n.*`driftline migrate`"):
            act()
    assert (store.migrate().before, store.version()) == (1, 2)
    assert column(store, "run_log", "note") == ["before notes"]


def test_the_statements_of_a_dry_run_do_it(database: Path) -> None:
    place = ResultsFile(database, SCHEMA)
    for schema in (Store(place).schema, NEXT):
        store = Store(place, schema=schema)
        statements = store.migrate(dry_run=True).statements
        with duckdb.connect(database) as con:
            for statement in statements:
                con.execute(statement)
        assert store.version() == schema.version


# The project file


@pytest.mark.parametrize(
    ("connection", "complaint"),
    [
        ("{type: duckdb}", "results.connection: there is no database to write to"),
        (
            "{database: ml.duckdb, read_only: true}",
            "results.connection: connection.read_only forbids",
        ),
    ],
)
def test_a_connection_that_cannot_hold_results_is_complained_of(
    tmp_path: Path, connection: str, complaint: str
) -> None:
    file = tmp_path / "driftline.yml"
    file.write_text(f"connection: {connection}\nresults: {{connection: same}}\n{MONITOR}", "utf-8")
    with pytest.raises(ConfigError, match=complaint):
        load_project(file)


def test_a_file_that_is_the_database_itself_says_how_to_have_both(cli: Cli, database: Path) -> None:
    del database
    project("{to: ml.duckdb}")
    found = cli("run", "--at", AT)
    assert found.exit_code == 2
    assert "results: {connection: same}" in found.output
