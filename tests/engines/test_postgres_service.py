"""A PostgreSQL connection as a user meets it: configured, looked at, lost, refused, counted."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from connected import AT, MONITOR, stored
from engine_parity import same_rows
from postgres_server import Server
from typer.testing import Result

import driftline
from driftline.engine.compile import compile_project
from driftline.engine.config import load_project
from driftline.engine.errors import ConfigError, SourceError, StatementError, WarehouseError
from driftline.engine.project import Source
from driftline.engine.warehouses.postgres import Postgres

Cli = Callable[..., Result]
pytestmark = pytest.mark.usefixtures("wide_terminal")


@pytest.fixture(scope="module", autouse=True)
def tables(postgres: Server) -> None:
    """Two tables of a model."""
    sides = (("training", "2026-01-01", 960, 0), ("scored", "2026-02-01", 480, 12))
    for name, start, rows, moved in sides:
        postgres.execute(f"drop table if exists {name}")
        postgres.execute(
            f"create table {name} as select timestamp '{start}' + i * interval '1 hour' as at,"
            f" cast(i % 97 + {moved} as double precision) as age, 'x' || (i % 5) as city"
            f" from generate_series(0, {rows - 1}) as numbers (i)"
        )
        postgres.execute(f"analyze {name}")


def connection(options: Mapping[str, object], **more: object) -> str:
    """A line of the project file."""
    keys = ", ".join(f"{key}: {value}" for key, value in {**options, **more}.items())
    return f"connection: {{type: postgres, {keys}}}\n"


def write(text: str) -> None:
    Path("driftline.yml").write_text(text, "utf-8")


# --- connections that fail --------------------------------------------------------------------------------


def test_a_server_that_does_not_answer_is_an_error_and_a_row_of_the_log(cli: Cli) -> None:
    write(connection({"host": "/nowhere", "user": "x", "password": '"${DB_PASSWORD}"'}) + MONITOR)
    found = cli("run", "--at", AT, env={"DB_PASSWORD": "hunter2"})
    assert found.exit_code == 3
    assert "cannot connect to PostgreSQL" in found.output
    assert "hunter2" not in found.output
    ((status, error, dialect),) = stored("select status, error, dialect from runs")
    assert (status, dialect) == ("failed", "postgres")
    assert "cannot connect to PostgreSQL" in error
    assert stored("select count(*) from metrics") == [(0,)]


def test_a_password_in_an_address_is_never_shown(cli: Cli) -> None:
    write('connection: {type: postgres, uri: "${ADDRESS}"}\n' + MONITOR)
    address = "postgresql://me:p%40ss%word@/db?host=/nowhere"
    for words in (("run", "--at", AT), ("validate", "--resolved"), ("debug",)):
        found = cli(*words, env={"ADDRESS": address})
        assert "p%40ss" not in found.output
        assert "p@ss" not in found.output
    assert stored("select count(*) from runs where error like '%ss\\%word%' escape '\\'") == [(0,)]


@pytest.mark.parametrize("step", ["profile", "categories", "ties"])
def test_a_connection_lost_in_a_run_stores_nothing_and_the_next_run_repairs(
    cli: Cli, postgres: Server, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    write(connection(postgres.options) + MONITOR)
    sent = Postgres.fetch

    def cut(session: Postgres, sql: str) -> Any:
        if f"step={step}" in sql:
            postgres.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where application_name = 'driftline'"
            )
        return sent(session, sql)

    with monkeypatch.context() as patched:
        patched.setattr(Postgres, "fetch", cut)
        found = cli("run", "--at", AT)
    assert found.exit_code == 3
    assert "the connection to PostgreSQL was lost" in found.output
    assert stored("select status from runs") == [("failed",)]
    for table in ("metrics", "histograms", "profiles", "features"):
        assert stored(f"select count(*) from {table}") == [(0,)]
    # one statement failed, and none was tried after it
    assert stored("select count(*) from statements where error is not null") == [(1,)]
    assert cli("run", "--at", AT).exit_code == 1
    assert stored("select status from runs order by started_at") == [("failed",), ("succeeded",)]
    assert stored("select count(*) > 5 from metrics") == [(True,)]


def test_a_session_connects_again_after_its_connection_was_lost(postgres: Server) -> None:
    with closing(Postgres(postgres.options)) as session:
        with pytest.raises(WarehouseError, match="was lost") as caught:
            session.fetch("select pg_terminate_backend(pg_backend_pid())")
        assert not isinstance(caught.value, StatementError)
        assert session.fetch("select 1 as one").to_pylist() == [{"one": 1}]


def test_a_driver_that_is_missing_is_named_with_how_to_get_it(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "adbc_driver_manager", None)
    write(connection({"host": "/nowhere"}) + MONITOR)
    found = cli("run", "--at", AT)
    assert found.exit_code == 3
    assert "pip install 'driftline[postgres]'" in found.output


# --- statements that fail ---------------------------------------------------------------------------------


def test_a_session_only_reads(postgres: Server) -> None:
    with closing(Postgres(postgres.options)) as session:
        with pytest.raises(StatementError, match="read-only transaction"):
            session.execute("create temp table mine as select 1")
        assert session.fetch("select 1 as one")["one"].to_pylist() == [1]


def test_a_column_that_cannot_be_read_fails_alone(cli: Cli, postgres: Server) -> None:
    postgres.execute("drop table if exists odd")
    postgres.execute("create table odd as select *, cast('1e400' as numeric) as far from training")
    write(
        connection(postgres.options) + MONITOR.replace("scored", "odd").replace("training", "odd")
    )
    found = cli("run", "--at", AT)
    assert found.exit_code == 4
    failed = stored("select distinct feature, reason from metrics where status = 'error'")
    assert [feature for feature, _ in failed] == ["far"]
    assert "out of range" in failed[0][1]
    assert stored("select count(*) > 5 from metrics where status = 'ok'") == [(True,)]


def test_a_table_that_is_missing_or_forbidden_is_named(postgres: Server) -> None:
    postgres.execute("drop table if exists forbidden")
    postgres.execute("create table forbidden as select 1 as a")
    postgres.execute(
        "do $$ begin create role reader login; exception when others then null; end $$"
    )
    with closing(Postgres({**postgres.options, "user": "reader"})) as session:
        with pytest.raises(SourceError, match=r"may not read forbidden as reader") as caught:
            session.columns(Source("forbidden", table=("forbidden",)))
        assert "grant select" in str(caught.value)
        with pytest.raises(SourceError, match=r"there is no table or view nowhere\.x"):
            session.columns(Source("nowhere.x", table=("nowhere", "x")))
        with pytest.raises(SourceError, match=r"cannot read q: .*permission denied"):
            session.columns(Source("q", query="select * from forbidden"))
        with pytest.raises(SourceError, match=r"a\.parquet is a file"):
            session.columns(Source("a.parquet", files=("/a.parquet",)))


def test_a_statement_that_takes_too_long_says_what_to_do(postgres: Server) -> None:
    with (
        closing(Postgres({**postgres.options, "statement_timeout": 1})) as session,
        pytest.raises(StatementError, match=r"statement timeout") as caught,
    ):
        session.fetch("select pg_sleep(3)")
    assert "statement_timeout" in str(caught.value)


def test_an_interruption_ends_a_statement_on_the_server(postgres: Server) -> None:
    asked = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
    with closing(Postgres(postgres.options)) as session:
        asked.start()
        started = time.perf_counter()
        with pytest.raises(KeyboardInterrupt):
            session.fetch("select pg_sleep(60)")
    assert time.perf_counter() - started < 30


def test_the_rows_of_a_session_are_those_of_its_first_moment(postgres: Server) -> None:
    postgres.execute("drop table if exists growing")
    postgres.execute("create table growing as select 1 as a")
    with closing(Postgres(postgres.options)) as session:
        count = "select count(*) as n from growing"
        assert session.fetch(count)["n"].to_pylist() == [1]
        postgres.execute("insert into growing values (2)")
        assert session.fetch(count)["n"].to_pylist() == [1]


# --- the project file -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ("hots: h", "connection.hots: unknown key 'hots'; did you mean 'host'?"),
        ("port: many", "connection.port: expected a whole number, got 'many'"),
        ("sslmode: on", "connection.sslmode: 'on' is not one of disable, allow, prefer"),
        ("uri: 'postgresql://h', user: u", "connection: give either `uri` or user"),
        ("statement_timeout: 0", "connection.statement_timeout: must be 1 or more, is 0"),
    ],
)
def test_a_key_that_is_wrong_is_complained_of(tmp_path: Path, keys: str, complaint: str) -> None:
    file = tmp_path / "driftline.yml"
    file.write_text(f"connection: {{type: postgres, {keys}}}\n{MONITOR}", "utf-8")
    with pytest.raises(ConfigError, match=re.escape(complaint)):
        load_project(file)


def test_a_connection_resolves_to_its_keys(tmp_path: Path) -> None:
    file = tmp_path / "driftline.yml"
    text = "connection: {type: postgres, database: db, schema: s, sslkey: k.pem, sslrootcert: system}\n"
    file.write_text(text + MONITOR, "utf-8")
    options = dict(load_project(file).connection.options)
    key = str(tmp_path / "k.pem")
    assert options == {"database": "db", "schema": "s", "sslkey": key, "sslrootcert": "system"}


def test_tables_without_a_schema_are_those_of_the_connections(postgres: Server) -> None:
    postgres.execute("create schema if not exists \"My 'own'\"")
    postgres.execute("create table if not exists \"My 'own'\".only_here as select 1 as a")
    with closing(Postgres({**postgres.options, "schema": "My 'own'"})) as session:
        (column,) = session.columns(Source("only_here", table=("only_here",)))
    assert (column.name, column.type, column.kind) == ("a", "integer", "integer")


def test_kinds_come_from_the_types_under_domains_and_enumerations(postgres: Server) -> None:
    for statement in (
        "drop table if exists kinds",
        "drop domain if exists d2, d1",
        "drop type if exists mood",
        "create type mood as enum ('sad', 'happy')",
        "create domain d1 as numeric(8,3)",
        "create domain d2 as d1",
        "create table kinds (a d2, b mood, c time, d int[], e jsonb, f char(3), g timestamptz(3), h bytea)",
    ):
        postgres.execute(statement)
    with closing(Postgres(postgres.options)) as session:
        of_table = session.columns(Source("kinds", table=("kinds",)))
        of_query = session.columns(Source("q", query="select * from kinds"))
    wanted = ["decimal", "text", "other", "other", "other", "text", "timestamptz", "other"]
    assert [column.kind for column in of_table] == wanted
    assert [column.kind for column in of_query] == wanted
    assert [column.name for column in of_query] == [*"abcdefgh"]


def test_compare_reads_tables_of_a_server_and_frames_beside_it(cli: Cli, postgres: Server) -> None:
    write(connection(postgres.options) + MONITOR)
    found = cli("--project", "driftline.yml", "compare", "training", "scored")
    assert "1 of 3 features" in found.output
    frame = pa.table({"age": [1.0, 2.0]})
    assert driftline.compare(frame, frame, project="driftline.yml").exit_code == 0
    with pytest.raises(
        ConfigError, match="a data frame cannot be compared with a table of postgres"
    ):
        driftline.compare(frame, "scored", project="driftline.yml")


def test_an_open_connection_is_read_beside_and_left_as_it_was(postgres: Server, cli: Cli) -> None:
    del cli
    write("connection: {type: duckdb}\n" + MONITOR)
    with postgres.session() as given:
        found = driftline.run("driftline.yml", at=AT, connection=given)
        assert found.exit_code == 1
        with given.cursor() as cursor:
            cursor.execute("select current_setting('TimeZone')")
            assert cursor.fetchone() == ("Asia/Tokyo",)
    assert stored("select distinct dialect from runs") == [("postgres",)]
    write(connection(postgres.options) + MONITOR)
    values = "select feature, metric, value from metrics order by all"
    beside = stored(values)
    driftline.run("driftline.yml", at=AT)
    assert stored(values) == beside


def test_a_connection_that_is_closed_is_told(postgres: Server, cli: Cli) -> None:
    del cli
    write("connection: {type: duckdb}\n" + MONITOR)
    with postgres.session() as given:
        pass
    with pytest.raises(WarehouseError, match="cannot connect to PostgreSQL"):
        driftline.run("driftline.yml", at=AT, connection=given)


# --- what is sent -----------------------------------------------------------------------------------------


def test_compile_shows_what_is_sent(cli: Cli, postgres: Server) -> None:
    write(connection(postgres.options) + MONITOR)
    assert cli("run", "--at", AT).exit_code == 1
    steps = "('profile', 'categories', 'ties')"
    sent = {
        re.sub(r" run=\S+", "", row[0])
        for row in stored(f"select sql from statements where step in {steps}")
    }
    (compiled,) = compile_project(load_project(Path()), at=AT)
    assert len(sent) == 3
    assert sent <= {statement.sql for statement in compiled.statements}


def test_partitions_outside_the_window_are_not_read(cli: Cli, postgres: Server) -> None:
    postgres.execute("drop table if exists parted")
    postgres.execute("create table parted (like scored) partition by range (at)")
    for day in range(1, 21):
        postgres.execute(
            f"create table parted_{day} partition of parted"
            f" for values from ('2026-02-{day:02}') to ('2026-02-{day + 1:02}')"
        )
    postgres.execute("insert into parted select * from scored")
    postgres.execute("analyze parted")
    write(connection(postgres.options) + MONITOR.replace("scored", "parted").replace("P10D", "P2D"))
    assert cli("run", "--at", "2026-02-05").exit_code == 0
    told = stored("select step, sql from statements where contains(sql, 'parted')")
    assert {"profile", "categories", "ties"} <= {step for step, _ in told}
    # the driver copies the answers of other statements
    plainly = {"adbc.postgresql.use_copy": "false"}
    with postgres.session() as con, con.cursor(adbc_stmt_kwargs=plainly) as cursor:
        for step, sql in told:
            cursor.execute(f"explain {sql}")
            plan = str(cursor.fetchall())
            scanned = {*re.findall(r"Scan(?: using \w+)? on (parted_\d+)", plan)}
            assert scanned == {"parted_3", "parted_4"}, step


def test_compile_asks_no_server(cli: Cli) -> None:
    types = (
        "    columns: {types: {at: timestamp, age: double precision, city: character varying(9)}}\n"
    )
    write(connection({"host": "/nowhere"}) + MONITOR + types)
    found = cli("compile")
    assert found.exit_code == 0
    assert '"training"' in found.output


def test_debug_tells_of_the_server_and_its_tables(cli: Cli, postgres: Server) -> None:
    write(connection(postgres.options) + MONITOR)
    found = cli("debug")
    assert "version 1" in found.output
    assert "UTC" in found.output
    assert "about 960 rows" in found.output
    assert found.exit_code == 0


def test_what_is_fetched_is_a_few_rows_a_bin_in_as_many_statements_for_any_columns(
    cli: Cli, postgres: Server
) -> None:
    monitor = MONITOR.replace("scored, timestamp: at, window: {size: P10D}", "wide_a")
    rows, counted = 30_000, {}
    bins = rows / 10  # what so few rows deserve
    for columns in (3, 12):
        names = ", ".join(
            f"cast((i * {7 + k}) % 29989 as real) / 7 as n{k}" for k in range(columns)
        )
        for name in ("wide_a", "wide_b"):
            postgres.execute(f"drop table if exists {name}")
            postgres.execute(
                f"create table {name} as select {names}, 'x' || (i % 9) as text"
                f" from generate_series(1, {rows}) as numbers (i)"
            )
        write(
            connection(postgres.options)
            + monitor.replace("training", "wide_b")
            + "    exact: never\n"
        )
        Path("results.duckdb").unlink(missing_ok=True)
        assert cli("run", "--at", AT).exit_code == 0
        ((statements, fetched),) = stored("select count(*), sum(rows_returned) from statements")
        counted[columns] = statements
        # besides bins, the single values beside the edges that shares and quantiles are counted by
        assert fetched < columns * 2 * (bins + 20 * rows / bins)
    assert counted[3] == counted[12] <= 8


# --- the demo ---------------------------------------------------------------------------------------------


def test_the_demo_gives_the_same_numbers_in_postgresql(
    cli: Cli, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, key in (("PGHOST", "host"), ("PGUSER", "user"), ("PGDATABASE", "database")):
        monkeypatch.setenv(name, str(postgres.options[key]))
    assert cli("demo", ".").exit_code == 0
    subprocess.run([sys.executable, "load_postgres.py"], check=True, stdout=subprocess.DEVNULL)
    found = cli("run", "arrival_delay", "--target", "postgres", "--at", "2013-07-01")
    assert found.exit_code == 1, found.output
    # probabilities of segments rest on cells as fine as a grid that a sample places
    numbers = (
        "select signal, feature, metric, segment, status, value,"
        " case when segment = '__all__' then p_value end as p from {}metrics"
        " where monitor = 'arrival_delay'"
    )
    with duckdb.connect("driftline.duckdb", read_only=True) as con:
        own = sorted(con.execute(numbers.format("")).fetchall(), key=lambda row: row[:4])
    with postgres.session() as con, con.cursor() as cursor:
        cursor.execute(numbers.format("flights_driftline."))
        # engines order texts in their own ways
        theirs = sorted(cursor.fetchall(), key=lambda row: row[:4])
    assert len(own) > 60
    assert same_rows(own, theirs)


# --- references that are added up -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reference", "first", "every"),
    [("window: {size: P9D}", 10, "P1D"), ("same: P2D, cycles: 4", 9, "P2D")],
)
def test_windows_that_were_counted_before_add_up_to_what_is_read(
    postgres: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    reference: str,
    first: int,
    every: str,
) -> None:
    monkeypatch.setattr("driftline.engine.execute.SMALL_ROWS", 0)
    monkeypatch.setattr("driftline.engine.grid.FEWEST_BINS", 16)
    at = datetime(2026, 2, 15, tzinfo=UTC)

    def project(*, frozen: bool) -> Path:
        name = "counted" if frozen else "read"
        path = tmp_path / f"{name}.yml"
        path.write_text(
            connection(postgres.options) + f"results: {{to: {name}.duckdb}}\n"
            "monitors:\n"
            "  - name: orders\n"
            "    min_rows: 0\n"
            "    production: {table: scored, timestamp: at, window: {size: P1D}}\n"
            f"    reference: {{{reference}, frozen: {str(frozen).lower()}}}\n"
            "    signals: {data_drift: [js, ks, chi2], data_quality: {nulls: 0.01}}\n",
            "utf-8",
        )
        return path

    def told(found: driftline.RunResult) -> list[list[Any]]:
        names = ("feature", "metric", "value", "p_value", "bins", "n_reference", "reason")
        return [[row[name] for name in names] for row in found.metrics]

    start, end = at - timedelta(days=first), at - timedelta(days=1)
    driftline.backfill(project(frozen=True), start=start, end=end, every=every)
    added = driftline.run(project(frozen=True), at=at)
    read = driftline.run(project(frozen=False), at=at)
    assert [s["error"] for s in added.monitors[0].statements if s["error"]] == []
    assert {"ties", "dispersion"} <= {s["step"] for s in added.monitors[0].statements}
    assert added.runs[0]["scanned_rows"] == 24
    assert read.runs[0]["scanned_rows"] >= 5 * 24
    assert len(told(added)) == len(told(read)) > 6
    for ours, theirs in zip(told(added), told(read), strict=True):
        assert ours == [pytest.approx(x, rel=1e-9) if type(x) is float else x for x in theirs]
