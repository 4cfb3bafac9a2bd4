"""Results in a schema of a service, behind its driver: the same as in a file, whole after every failure.

See `services` for what stands for each, and what that can show.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import services
from alike import alike, answers_of, differing
from any_store import (
    column,
    part,
    test_a_failed_run_leaves_stored_results_alone,  # noqa: F401
    test_a_monitor_keeps_the_time_it_was_first_seen,  # noqa: F401
    test_a_second_run_of_a_window_leaves_the_same_rows,  # noqa: F401
    test_a_statement_that_is_no_select_is_refused,  # noqa: F401
    test_an_error_inside_the_transaction_leaves_the_old_rows,  # noqa: F401
    test_metric_definitions_are_those_of_the_last_run,  # noqa: F401
    test_names_of_any_characters_are_replaced_and_found,  # noqa: F401
    test_numbers_come_back_bit_by_bit,  # noqa: F401
    test_rows_of_a_feature_that_vanished_go,  # noqa: F401
    test_selected_features_replace_their_own_rows_alone,  # noqa: F401
    test_status_has_a_row_a_monitor,  # noqa: F401
    write,
)
from connected import AT, connection, statements_of
from connected import MONITOR_OF_RESULTS as MONITOR
from later_schema import NEXT, run
from services import Keeping
from typer.testing import Result

from driftline.engine.errors import StoreError
from driftline.engine.project import Connection
from driftline.engine.results import SCHEMA, TABLES
from driftline.engine.store import Store
from driftline.engine.storeschema import ResultsSchema
from driftline.engine.warehouses import class_of

Cli = Callable[..., Result]

PLACE: Final = "monitoring"
# fakesnow's own ways with DuckDB
pytestmark = [
    pytest.mark.filterwarnings("ignore:Arrow output"),
    pytest.mark.usefixtures("wide_terminal"),
]


@pytest.fixture(scope="module", params=["redshift", "snowflake"])
def service(request: pytest.FixtureRequest) -> Iterator[Keeping]:
    """A stand-in that holds two tables of a model."""
    name = request.param
    given = (request.getfixturevalue("postgres"),) if name == "redshift" else ()
    with getattr(services, name)(*given) as made:
        for table, start, rows, moved in (
            ("seen", "2026-01-01", 960, 0),
            ("scored_now", "2026-02-01", 480, 12),
        ):
            made.create_as(
                table,
                f"select cast('{start}' as timestamp) + i * interval '1 hour' as at,"
                f' cast(i % 97 + {moved} as double precision) as "Zeta",'
                f' cast(i % 89 + {moved} as double precision) as "ähnlich",'
                f" 'x' || (i % 5) as city from generate_series(0, {rows - 1}) as numbers (i)",
            )
        yield made


def place(service: Keeping, schema: str = PLACE) -> ResultsSchema:
    return ResultsSchema(Connection(service.type, service.options), schema)


@pytest.fixture
def store(service: Keeping) -> Store:
    """Tables that are empty."""
    made = Store(place(service), wait_seconds=20)
    if made.version() is None:
        made.migrate()
    with made.place.writing(wait_seconds=20) as tables:
        for name in (*TABLES, *SCHEMA.internal):
            if name != "schema_version":
                tables.execute(f"delete from {name}")
    return made


@pytest.fixture
def schema(service: Keeping, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a schema that is not there."""
    name = f"s{abs(hash(request.node.name)) % 10**9}"
    yield name
    service.execute(f"drop schema if exists {name} cascade")


def project(service: Keeping, results: str, **more: object) -> None:
    told = connection(service.type, {**service.options, **more})
    Path("driftline.yml").write_text(f"{told}results: {results}\n{MONITOR}", "utf-8")


def test_every_command_does_in_the_schema_what_it_does_in_a_file(
    cli: Cli, service: Keeping, schema: str, tmp_path: Path
) -> None:
    answers = []
    for results in ("{to: results.duckdb}", f"{{connection: same, schema: {schema}}}"):
        project(service, results)
        answers.append(answers_of(cli))

    file, there = Store(tmp_path / "results.duckdb"), Store(place(service, schema))
    assert alike(*answers, file.place.name, there.place.name) == []
    assert differing(file, there) == []
    assert there.read("select count(*) as n from metrics")["n"][0].as_py() > 20


def test_a_run_writes_into_tables_that_ddl_made(cli: Cli, service: Keeping, schema: str) -> None:
    project(service, f"{{connection: same, schema: {schema}}}")
    printed = cli("ddl")
    assert printed.exit_code == 0
    for each in statements_of(printed.stdout):
        # roles are of the service
        if not each.startswith("GRANT"):
            service.execute(each)

    assert cli("run", "--at", AT).exit_code == 1
    assert cli("check").exit_code == 1
    assert Store(place(service, schema)).latest().num_rows > 5


def test_a_service_without_results_says_to_run_first(
    cli: Cli, service: Keeping, schema: str
) -> None:
    project(service, f"{{connection: same, schema: {schema}}}")
    for words in (("show",), ("check",), ("ls", "runs")):
        found = cli(*words)
        assert found.exit_code == 3
        assert f"schema {schema} in {service.type} has no result tables" in found.output


@pytest.mark.parametrize("table", ["metrics", "_grounds", "runs", "statements"])
def test_a_statement_that_fails_in_the_middle_leaves_the_old_rows(
    store: Store, service: Keeping, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    from any_store import fail_at

    write(store, part("age", value=0.1))
    with monkeypatch.context() as patched:
        fail_at(patched.setattr, table, _full)
        with pytest.raises(StoreError, match="the disk is full"):
            write(store, part("age", value=0.2, run_id="run-2"), "run-2")
    assert column(Store(place(service)), "metrics", "value") == [0.1]
    assert column(store, "runs", "run_id") == ["run-1"]

    write(store, part("age", value=0.3, run_id="run-3"), "run-3")
    assert column(store, "metrics", "value") == [0.3]


def _full() -> None:
    raise StoreError("the disk is full")


def test_long_texts_and_bytes_arrive_in_pieces(
    store: Store, monkeypatch: pytest.MonkeyPatch, service: Keeping
) -> None:
    import importlib

    module = importlib.import_module(f"driftline.engine.warehouses.{service.type}")
    monkeypatch.setattr(module, "_LONGEST", 2_000)
    text = "select 'it''s \\ ü' " * 90
    store.record_failure(
        {**run("run-1"), "error": text},
        [{**_statement(k), "sql": text * (k % 3)} for k in range(9)],
    )
    assert column(store, "runs", "error") == [text]
    assert sorted(column(store, "statements", "sql")) == sorted(text * (k % 3) for k in range(9))

    content = bytes(range(256)) * 9
    store.save_baseline([_baseline(content), _baseline(None)], anew=True)
    assert [row["content"] for row in store.baselines()] == [content, None]


def _statement(number: int) -> dict[str, Any]:
    from any_store import row

    return row("statements", run_id="run-1", sequence=number)


def _baseline(content: bytes | None) -> dict[str, Any]:
    from any_store import NOW

    return {
        "monitor": "delay",
        "reference": "training",
        "feature": "age" if content else "city",
        "rows_key": "k",
        "fingerprint": "f",
        "reference_id": "ref",
        "built_at": NOW,
        "row_count": 9,
        "content": content,
    }


def test_older_tables_go_forward_by_migrate_alone(service: Keeping, schema: str) -> None:
    Store(place(service, schema)).record_failure(run("run-1"), [])
    store = Store(place(service, schema), schema=NEXT)
    with pytest.raises(StoreError, match=r"older Driftline: schema 1"):
        store.runs()
    done = store.migrate()
    assert (done.before, done.after) == (1, 2)
    assert store.read("select run_id, note from run_log").to_pylist() == [
        {"run_id": "run-1", "note": "before notes"}
    ]


def test_a_table_of_someone_else_is_refused(service: Keeping, schema: str) -> None:
    service.execute(f"create schema {schema}")
    service.execute(f"create table {schema}.metrics (mine bigint)")
    with pytest.raises(StoreError, match="a table 'metrics' that Driftline did not make"):
        write(Store(place(service, schema)), part("age"))


def test_a_wrong_select_is_an_error_of_the_store(store: Store, service: Keeping) -> None:
    write(store, part("age"))
    # names that are not in quotes are upper case there
    named = "COLOUR" if service.type == "snowflake" else "colour"
    with pytest.raises(StoreError, match=named):
        store.read("select colour from metrics")


# Turns, texts and rights


def test_a_writer_waits_for_its_turn_and_then_gives_up(store: Store, service: Keeping) -> None:
    write(store, part("age"))
    impatient = Store(place(service), wait_seconds=0.2)
    with store.place.writing(wait_seconds=1), pytest.raises(StoreError) as caught:
        write(impatient, part("age"), "run-2")
    assert re.search(r"is in use by another session.*; waited 0.2 s", str(caught.value))
    write(impatient, part("age", run_id="run-3"), "run-3")
    assert column(store, "metrics", "run_id") == ["run-3"]


def test_who_reads_waits_for_nobody_and_sees_what_is_whole(store: Store, service: Keeping) -> None:
    write(store, part("age", value=0.1))
    with store.place.writing(wait_seconds=1) as tables:
        tables.execute("delete from metrics")
        assert column(Store(place(service), wait_seconds=0), "metrics", "value") == [0.1]


def test_a_text_that_is_too_long_for_the_service_is_cut(store: Store, service: Keeping) -> None:
    found = class_of(service.type)
    assert found is not None
    assert found.keeps is not None
    longest = found.keeps.longest_text
    text = "x" + "ü" * 40_000
    store.record_failure(run("run-1") | {"error": text}, [])
    (stored,) = column(store, "runs", "error")
    assert text.startswith(stored)
    assert len(stored.encode()) in (longest, len(text.encode()))
    assert longest is not None or stored == text


@pytest.mark.parametrize("service", ["redshift"], indirect=True)
def test_rights_that_are_lacking_are_asked_for_in_one_line(
    cli: Cli, service: Keeping, schema: str
) -> None:
    service.execute("create role looker login")
    try:
        service.execute("grant usage on schema sales to looker")
        service.execute("grant select on all tables in schema sales to looker")
        project(service, f"{{connection: same, schema: {schema}}}", user="looker")
        found = cli("run", "--at", AT)
        assert found.exit_code == 3
        assert f"schema {schema} in redshift may not be written to" in found.output
        asked = re.search(r"ask for it: (.+)", found.output)
        assert asked is not None
        assert asked[1] == f'create schema "{schema}" authorization "looker"'
        service.execute(asked[1])
        assert cli("run", "--at", AT).exit_code == 1
    finally:
        service.execute(f"drop schema if exists {schema} cascade")
        service.execute("drop owned by looker")
        service.execute("drop role looker")


@pytest.mark.parametrize("service", ["snowflake"], indirect=True)
def test_tables_whose_making_was_cut_off_are_made_by_the_next_run(
    service: Keeping, schema: str
) -> None:
    store = Store(place(service, schema))
    assert not store.place.made_at_once
    statements = [each.rstrip(";") for each in store.migrate(dry_run=True).statements]
    made = [0, 1, *range(2, len(statements), 9), len(statements) - 1]
    service.execute(f"create schema {schema}")
    for count, before in zip(made[1:], made, strict=False):
        for each in statements[before:count]:
            service.execute(each)
        assert store.version() is None
    write(store, part("age", value=0.5))
    assert column(store, "metrics", "value") == [0.5]
    assert column(store, "schema_version", "version") == [SCHEMA.version]
