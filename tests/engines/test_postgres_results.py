"""Results in a schema of a PostgreSQL server: the same tables as in a file, whole after every crash."""

from __future__ import annotations

import json
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow.parquet as pq
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
    # its tests are this place's, too: those that tell engines apart
    test_a_failed_run_leaves_stored_results_alone,  # noqa: F401
    test_a_monitor_keeps_the_time_it_was_first_seen,  # noqa: F401
    test_a_row_of_the_dataset_is_replaced_by_its_key_whatever_was_selected,  # noqa: F401
    test_a_second_run_of_a_window_leaves_the_same_rows,  # noqa: F401
    test_a_select_takes_parameters,  # noqa: F401
    test_a_statement_that_is_no_select_is_refused,  # noqa: F401
    test_a_wrong_select_is_an_error_of_the_store,  # noqa: F401
    test_an_error_inside_the_transaction_leaves_the_old_rows,  # noqa: F401
    test_an_older_window_computed_later_leaves_the_columns_of_today,  # noqa: F401
    test_an_unknown_run_is_named,  # noqa: F401
    test_arrow_tables_are_taken_as_well_as_rows,  # noqa: F401
    test_counted_windows_keep_columns_of_the_same_rows_and_old_ones_go,  # noqa: F401
    test_features_come_by_name,  # noqa: F401
    test_measured_features_keep_the_bins_of_others_and_of_other_references,  # noqa: F401
    test_messages_wait_in_the_outbox_until_they_are_taken,  # noqa: F401
    test_metric_definitions_are_those_of_the_last_run,  # noqa: F401
    test_metrics_are_filtered,  # noqa: F401
    test_metrics_come_worst_first,  # noqa: F401
    test_metrics_have_exactly_the_columns_of_the_table,  # noqa: F401
    test_names_of_any_characters_are_replaced_and_found,  # noqa: F401
    test_numbers_come_back_bit_by_bit,  # noqa: F401
    test_of_slices_written_together_a_later_one_replaces_the_rows_of_an_earlier,  # noqa: F401
    test_rows_of_a_feature_that_vanished_go,  # noqa: F401
    test_rows_of_signals_that_were_not_run_stay,  # noqa: F401
    test_selected_features_replace_their_own_rows_alone,  # noqa: F401
    test_status_has_a_row_a_monitor,  # noqa: F401
    test_two_processes_that_write_at_once_both_succeed,  # noqa: F401
    two_windows,  # noqa: F401
    write,
)
from connected import AT, statements_of
from connected import MONITOR_OF_RESULTS as MONITOR
from later_schema import ADD_NOTE, NEXT, run
from postgres_server import Server
from typer.testing import Result

import driftline
from driftline.engine.errors import ConfigError, StoreError
from driftline.engine.project import Connection
from driftline.engine.results import SCHEMA, TABLES, VIEWS, Migration, Schema
from driftline.engine.store import Store
from driftline.engine.storeschema import ResultsSchema

Cli = Callable[..., Result]
pytestmark = pytest.mark.usefixtures("wide_terminal")

# What no one but one test has, or will have, a table or a role in.
PLACE: Final = 'Ergebnisse "1"'


class Owner:
    """A PostgreSQL server as its owner sees it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.options = dict(server.options)

    def ask(self, *statements: str) -> list[tuple[Any, ...]]:
        """The answer of the last of some statements."""
        answer: list[tuple[Any, ...]] = []
        with self.server.session() as connection:
            for statement in statements:
                with connection.cursor() as cursor:
                    cursor.execute(statement)
                    answer = list(cursor.fetchall()) if cursor.description else []
        return answer

    def place(self, schema: str) -> ResultsSchema:
        """Results in one of its schemas."""
        return ResultsSchema(Connection("postgres", self.options), schema)


@pytest.fixture(scope="module")
def server(postgres: Server) -> Owner:
    """The server, with two tables of a model whose columns are ordered otherwise by a language."""
    made = Owner(postgres)
    for name, start, rows, moved in (
        ("seen", "2026-01-01", 960, 0),
        ("scored_now", "2026-02-01", 480, 12),
    ):
        made.ask(
            f"drop table if exists {name}",
            f"create table {name} as select timestamp '{start}' + i * interval '1 hour' as at,"
            f' cast(i % 97 + {moved} as double precision) as "Zeta",'
            f' cast(i % 89 + {moved} as double precision) as "ähnlich",'
            f" cast(nullif(i % 13, {moved}) as double precision) as alpha, 'x' || (i % 5) as \"city\""
            f" from generate_series(0, {rows - 1}) as numbers (i)",
        )
    return made


@pytest.fixture(scope="module")
def made_once(server: Owner) -> str:
    """The address of tables that were made."""
    Store(server.place(PLACE)).migrate()
    return json.dumps({"type": "postgres", "options": server.options, "schema": PLACE})


@pytest.fixture
def address(server: Owner, made_once: str) -> str:
    quoted = PLACE.replace('"', '""')
    emptied = "; ".join(
        f'delete from "{quoted}".{name}'
        for name in (*TABLES, *SCHEMA.internal)
        if name != "schema_version"
    )
    server.ask(f"do $$ begin {emptied}; end $$")
    return made_once


@pytest.fixture
def store(address: str) -> Store:
    return opened(address)


@pytest.fixture
def schema(server: Owner) -> Iterator[str]:
    """The name of a schema that is not there."""
    name = f"s{time.monotonic_ns()}"
    yield name
    server.ask(f"drop schema if exists {name} cascade")


def project(options: Mapping[str, object], results: str, more: str = "", **keys: object) -> None:
    """Write the project file."""
    told = ", ".join(f"{key}: {value}" for key, value in {**options, **keys}.items())
    Path("driftline.yml").write_text(
        f"connection: {{type: postgres, {told}}}\nresults: {results}\n{more}{MONITOR}", "utf-8"
    )


# --- the same as in a file --------------------------------------------------------------------------------


def test_every_command_does_in_the_schema_what_it_does_in_a_file(
    cli: Cli, server: Owner, schema: str, tmp_path: Path
) -> None:
    answers = []
    for place in ("{to: results.duckdb}", f"{{connection: same, schema: {schema}}}"):
        project(server.options, place)
        answers.append(answers_of(cli))

    file, there = Store(tmp_path / "results.duckdb"), Store(server.place(schema))
    assert alike(*answers, file.place.name, there.place.name) == []
    assert differing(file, there) == []
    assert there.read("select count(*) as n from metrics")["n"][0].as_py() > 30
    # what a language orders otherwise
    assert there.features()["feature"].to_pylist() == ["Zeta", "alpha", "at", "city", "ähnlich"]


def test_copies_for_bi_tools_hold_what_the_schema_holds(
    cli: Cli, server: Owner, schema: str
) -> None:
    copies = "publish: {duckdb: copies/bi.duckdb, parquet: copies}\n"
    project(server.options, f"{{connection: same, schema: {schema}}}", copies)
    assert cli("run", "--at", AT).exit_code == 1

    there = Store(server.place(schema))
    with duckdb.connect("copies/bi.duckdb", read_only=True) as con:
        for table in (*TABLES, *VIEWS):
            wanted = there.read(f"select * from {table}").to_pylist()
            copied = con.sql(f"select * from {table}").to_arrow_table().to_pylist()
            assert sorted(map(str, copied)) == sorted(map(str, wanted)), table
    assert (
        pq.read_table("copies/metrics.parquet").num_rows
        == there.read("select * from metrics").num_rows
    )


# --- what is made -----------------------------------------------------------------------------------------


def test_tables_views_and_columns_have_their_comments(server: Owner, address: str) -> None:
    del address
    place = PLACE.replace("'", "''")
    lacking = server.ask(
        "select c.relname, a.attname from pg_class as c"
        f" inner join pg_namespace as n on n.oid = c.relnamespace and n.nspname = '{place}'"
        " inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0"
        " where c.relkind in ('r', 'v') and (col_description(c.oid, a.attnum) is null"
        " or obj_description(c.oid, 'pg_class') is null)"
    )
    assert lacking == []
    made = server.ask(
        "select c.relname from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace"
        f" where n.nspname = '{place}' and c.relkind in ('r', 'v')"
    )
    assert {name for (name,) in made} == {*TABLES, *VIEWS, *SCHEMA.internal}


def test_a_run_writes_into_tables_that_ddl_made(cli: Cli, server: Owner, schema: str) -> None:
    project(server.options, f"{{connection: same, schema: {schema}}}")
    printed = cli("ddl", "--role", "driftline")
    assert printed.exit_code == 0
    server.ask(*statements_of(printed.stdout))

    assert cli("run", "--at", AT).exit_code == 1
    assert server.ask(f"select count(*) > 5 from {schema}.latest_metrics") == [(True,)]


def test_a_server_without_results_says_to_run_first(cli: Cli, server: Owner, schema: str) -> None:
    project(server.options, f"{{connection: same, schema: {schema}}}")
    for words in (("show",), ("check",), ("ls", "runs"), ("publish", "--parquet", "x")):
        found = cli(*words)
        assert found.exit_code == 3
        assert f"schema {schema} in postgres has no result tables" in found.output
    assert server.ask(f"select 1 from pg_namespace where nspname = '{schema}'") == []


def test_compile_asks_no_server_for_results(cli: Cli) -> None:
    project({"host": "/nowhere"}, "{connection: same}")
    text = Path("driftline.yml").read_text("utf-8")
    types = "    columns: {types: {at: timestamp, alpha: double precision}}\n"
    Path("driftline.yml").write_text(text + types, "utf-8")
    found = cli("compile")
    assert found.exit_code == 0
    assert '"seen"' in found.output


def test_a_server_that_does_not_answer_is_an_error_told_once(cli: Cli) -> None:
    project({"host": "/nowhere", "user": "x"}, "{connection: same}", password='"${DB_PASSWORD}"')
    for words in (("run", "--at", AT), ("show",), ("check",), ("migrate",)):
        found = cli(*words, env={"DB_PASSWORD": "hunter2"})
        assert found.exit_code == 3
        assert found.output.count("cannot connect to PostgreSQL") == 1
        assert "hunter2" not in found.output


def test_statements_are_searched_by_the_run_that_sent_them(
    store: Store, server: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    from driftline.engine.warehouses.postgres import PostgresKeeper

    sent: list[str] = []
    commit = PostgresKeeper.commit

    def looked_at(keeper: PostgresKeeper) -> None:
        sent.extend(text for (text,) in server.ask(_SENT))
        commit(keeper)

    monkeypatch.setattr(PostgresKeeper, "commit", looked_at)
    write(store, part("age"), "run-7")
    assert [text.splitlines()[0] for text in sent] == [
        "/* driftline monitor=delay run=run-7 step=store */"
    ]


_SENT: Final = (
    "select query from pg_stat_activity"
    " where application_name = 'driftline' and state = 'idle in transaction'"
)


# --- crashes ----------------------------------------------------------------------------------------------


def test_a_run_killed_inside_the_transaction_leaves_the_old_rows(
    store: Store, address: str
) -> None:
    write(store, part("age", value=0.1))
    with python(KILLED_AT_A_TABLE, address, "statements") as process:
        assert finished(process) == -signal.SIGKILL
    assert {run_id for name in FACTS for run_id in column(store, name, "run_id")} == {"run-1"}
    assert column(store, "metrics", "value") == [0.1]


def test_the_first_run_killed_inside_the_transaction_leaves_nothing(
    server: Owner, schema: str
) -> None:
    address = json.dumps({"type": "postgres", "options": server.options, "schema": schema})
    with python(KILLED_AT_A_TABLE, address, "metrics") as process:
        assert finished(process) == -signal.SIGKILL

    store = opened(address)
    assert store.version() is None
    assert server.ask(f"select 1 from pg_namespace where nspname = '{schema}'") == []
    write(store, part("age"))
    assert store.latest().num_rows == 1


def test_a_statement_that_fails_in_the_middle_leaves_the_old_rows(
    server: Owner, schema: str
) -> None:
    store = Store(server.place(schema))
    write(store, part("age", value=0.1))
    server.ask(
        f"create function {schema}.refuse() returns trigger language plpgsql as"
        " $$ begin raise 'the disk is full'; end $$",
        f"create trigger refuse before insert on {schema}.statements execute function"
        f" {schema}.refuse()",
    )
    with pytest.raises(StoreError, match="the disk is full"):
        write(store, part("age", value=0.2, run_id="run-2"), "run-2")
    assert column(store, "metrics", "value") == [0.1]
    assert column(store, "runs", "run_id") == ["run-1"]

    server.ask(f"drop trigger refuse on {schema}.statements")
    write(store, part("age", value=0.3, run_id="run-3"), "run-3")
    assert column(store, "metrics", "value") == [0.3]


@pytest.mark.parametrize("table", ["metrics", "statements"])
def test_a_connection_lost_in_the_middle_leaves_the_old_rows(
    store: Store, server: Owner, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    from any_store import fail_at

    write(store, part("age", value=0.1))
    with monkeypatch.context() as patched:
        fail_at(patched.setattr, table, lambda: server.ask(_END_ALL))
        with pytest.raises(StoreError, match="the connection to PostgreSQL was lost") as caught:
            write(store, part("age", value=0.2, run_id="run-2"), "run-2")
    assert "run again" in str(caught.value)
    assert {run_id for name in FACTS for run_id in column(store, name, "run_id")} == {"run-1"}


_END_ALL: Final = (
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'driftline'"
)


def test_a_connection_lost_while_a_run_measures_is_made_anew(store: Store, server: Owner) -> None:
    write(store, part("age"))
    server.ask(_END_ALL)
    write(store, part("age", run_id="run-2"), "run-2")
    assert column(store, "metrics", "run_id") == ["run-2"]


# --- turns ------------------------------------------------------------------------------------------------


def test_a_writer_waits_for_its_turn_and_then_gives_up_naming_the_holder(
    store: Store, address: str
) -> None:
    write(store, part("age"))
    impatient = opened(address)
    impatient.wait_seconds = 0.2
    with store.place.writing(wait_seconds=1), pytest.raises(StoreError) as caught:
        write(impatient, part("age"), "run-2")
    assert re.search(
        r"is in use by driftline of driftline \(process \d+\); waited 0.2 s", str(caught.value)
    )

    threads = []
    with store.place.writing(wait_seconds=1):
        again = (opened(address), part("age", run_id="run-3"), "run-3")
        threads.append(threading.Thread(target=write, args=again))
        threads[0].start()
        time.sleep(0.3)
        assert threads[0].is_alive()
    threads[0].join()
    assert column(store, "metrics", "run_id") == ["run-3"]


def test_who_reads_waits_for_nobody_and_sees_what_is_whole(store: Store, address: str) -> None:
    write(store, part("age", value=0.1))
    with store.place.writing(wait_seconds=1) as tables:
        tables.execute("delete from metrics")
        reader = opened(address)
        reader.wait_seconds = 0
        assert column(reader, "metrics", "value") == [0.1]
        tables.execute("insert into metrics select * from metrics")


def test_schemas_do_not_wait_for_each_other(store: Store, server: Owner, schema: str) -> None:
    with store.place.writing(wait_seconds=1):
        write(Store(server.place(schema), wait_seconds=0), part("age"))


# --- privileges -------------------------------------------------------------------------------------------


@pytest.fixture
def role(server: Owner, schema: str) -> Iterator[str]:
    """A role that may read the monitored tables, and nothing else."""
    server.ask(
        "do $$ begin create role watcher login; exception when others then null; end $$",
        "grant select on seen, scored_now to watcher",
    )
    yield "watcher"
    server.ask(
        f"drop schema if exists {schema} cascade", "drop owned by watcher", "drop role watcher"
    )


def grants(text: str) -> list[str]:
    """What a message says to ask for."""
    found = re.search(r"ask for it: (.+)", text)
    assert found is not None, text
    return found[1].split("; ")


def test_each_right_that_is_lacking_is_asked_for_and_then_suffices(
    cli: Cli, server: Owner, schema: str, role: str
) -> None:
    project({**server.options, "user": role}, f"{{connection: same, schema: {schema}}}")
    found = cli("run", "--at", AT)
    assert found.exit_code == 3
    assert f"schema {schema} in postgres may not be written to" in found.output
    assert grants(found.output) == [f'create schema "{schema}" authorization "watcher"']
    assert grants(cli("debug").output) == grants(found.output)

    server.ask(*grants(found.output))
    assert cli("run", "--at", AT).exit_code == 1
    assert "may be written to" in cli("debug").output
    assert cli("check").exit_code == 1


def test_a_schema_of_someone_else_takes_the_rights_to_use_it(
    cli: Cli, server: Owner, schema: str, role: str
) -> None:
    Store(server.place(schema)).migrate()
    project({**server.options, "user": role}, f"{{connection: same, schema: {schema}}}")
    for words, wanted, what in (
        (("run", "--at", AT), "select, insert, update, delete", "may not be written to"),
        (("show",), "select", f"permission denied for schema {schema}"),
    ):
        found = cli(*words)
        assert found.exit_code == 3
        assert what in found.output
        assert grants(found.output) == [
            f'grant usage on schema "{schema}" to "watcher"',
            f'grant {wanted} on all tables in schema "{schema}" to "watcher"',
        ]
    server.ask(*grants(cli("run", "--at", AT).output))
    assert cli("run", "--at", AT).exit_code == 1


def test_temporary_tables_may_have_to_be_granted(
    cli: Cli, server: Owner, schema: str, role: str
) -> None:
    project({**server.options, "user": role}, f"{{connection: same, schema: {schema}}}")
    server.ask(
        f"create schema {schema} authorization watcher",
        "revoke temporary on database postgres from public",
    )
    try:
        found = cli("run", "--at", AT)
        assert found.exit_code == 3
        assert grants(found.output) == ['grant temporary on database "postgres" to "watcher"']
        server.ask(*grants(found.output))
        assert cli("run", "--at", AT).exit_code == 1
    finally:
        server.ask("grant temporary on database postgres to public")


def test_a_role_to_read_as_is_the_role_to_write_as(
    cli: Cli, server: Owner, schema: str, role: str
) -> None:
    project(server.options, f"{{connection: same, schema: {schema}}}", role=role)
    server.ask(f"create schema {schema} authorization watcher")
    assert cli("run", "--at", AT).exit_code == 1
    owners = server.ask(f"select distinct tableowner from pg_tables where schemaname = '{schema}'")
    assert owners == [("watcher",)]


def test_a_password_is_in_no_table(cli: Cli, server: Owner, schema: str) -> None:
    results = f"{{connection: same, schema: {schema}}}"
    project(server.options, results, password='"${DB_PASSWORD}"')
    text = Path("driftline.yml").read_text("utf-8")
    secret = "hunter2 of 'all'"
    filter_ = "{table: scored_now, filter: \"city <> '${DB_TOKEN}'\", "
    Path("driftline.yml").write_text(text.replace("{table: scored_now, ", filter_), "utf-8")
    found = cli("run", "--at", AT, env={"DB_PASSWORD": secret, "DB_TOKEN": "hunter2"})
    assert found.exit_code == 1
    for table in (*TABLES, *SCHEMA.internal):
        rows = server.ask(
            f"select count(*) from {schema}.{table} as t where t::text like '%hunter2%'"
        )
        assert rows == [(0,)], table
    assert server.ask(f"select count(*) > 0 from {schema}.statements where sql like '%****%'") == [
        (True,)
    ]


# --- versions ---------------------------------------------------------------------------------------------


def test_older_tables_go_forward_by_migrate_alone(server: Owner, schema: str) -> None:
    Store(server.place(schema)).record_failure(run("run-1"), [])
    store = Store(server.place(schema), schema=NEXT)

    for act in (store.runs, store.prepare, lambda: store.record_failure(run("run-2"), [])):
        with pytest.raises(StoreError, match=r"older Driftline: schema 1.*\n.*`driftline migrate`"):
            act()
    planned = store.migrate(dry_run=True)
    assert server.ask(f"select version from {schema}.schema_version") == [(1,)]

    done = store.migrate()

    assert (done.before, done.after) == (1, 2)
    assert done.statements[:-1] == planned.statements[:-1]
    assert store.read("select run_id, note from run_log").to_pylist() == [
        {"run_id": "run-1", "note": "before notes"}
    ]
    assert store.migrate().statements == ()
    with pytest.raises(StoreError, match="newer Driftline"):
        Store(server.place(schema)).runs()


def test_the_statements_of_a_dry_run_do_it(server: Owner, schema: str) -> None:
    for known in (SCHEMA, NEXT):
        store = Store(server.place(schema), schema=known)
        server.ask(*(each.rstrip(";") for each in store.migrate(dry_run=True).statements))
        assert store.version() == known.version
        store.record_failure(run(f"run-{known.version}"), [])
    assert column(store, "runs", "run_id") == ["run-1", "run-2"]


def test_a_step_that_fails_leaves_the_old_schema(server: Owner, schema: str) -> None:
    Store(server.place(schema)).record_failure(run("run-1"), [])
    step = f"{ADD_NOTE}\nalter table nothing add column x text;"
    wrong = Schema(NEXT.tables_sql, NEXT.views_sql, "", (Migration(2, "0002_wrong", step),))

    with pytest.raises(StoreError, match="nothing"):
        Store(server.place(schema), schema=wrong).migrate()

    store = Store(server.place(schema))
    assert store.version() == 1
    assert store.runs()["run_id"].to_pylist() == ["run-1"]
    assert store.read("select * from run_log").num_rows == 1


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            "alter table {s}.runs drop column error cascade",
            "table 'runs' in .* columns of schema 1",
        ),
        ("drop table {s}.schema_version", "that Driftline did not make"),
    ],
)
def test_tables_that_someone_else_changed_are_refused(
    server: Owner, schema: str, change: str, complaint: str
) -> None:
    store = Store(server.place(schema))
    store.migrate()
    server.ask(change.format(s=schema))
    for act in (store.runs, lambda: write(store, part("age"))):
        with pytest.raises(StoreError, match=complaint):
            act()


# --- the project file -------------------------------------------------------------------------------------


def test_a_name_that_the_server_would_cut_is_refused(server: Owner) -> None:
    project(server.options, f"{{connection: same, schema: {'x' * 64}}}")
    with pytest.raises(ConfigError, match=r"results\.schema has 64 bytes"):
        driftline.show(Path())


def test_the_project_tells_where_the_results_are(cli: Cli, server: Owner) -> None:
    project(server.options, "{connection: same}")
    resolved = cli("validate", "--resolved").stdout
    assert re.search(r"results:\n  connection: same\n  schema: driftline\n", resolved)
    assert "CREATE TABLE IF NOT EXISTS driftline.metrics" in cli("ddl").stdout
