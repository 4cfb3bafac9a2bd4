"""Results in a ClickHouse, which has no transactions: old ones or new ones, whenever a run is cut off."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import clickhouse_engine
import pytest
from alike import alike, answers_of, differing
from any_store import (
    FACTS,
    column,
    part,
    test_a_monitor_keeps_the_time_it_was_first_seen,  # noqa: F401
    test_a_second_run_of_a_window_leaves_the_same_rows,  # noqa: F401
    test_a_statement_that_is_no_select_is_refused,  # noqa: F401
    test_a_wrong_select_is_an_error_of_the_store,  # noqa: F401
    test_an_error_inside_the_transaction_leaves_the_old_rows,  # noqa: F401
    test_names_of_any_characters_are_replaced_and_found,  # noqa: F401
    test_numbers_come_back_bit_by_bit,  # noqa: F401
    test_of_slices_written_together_a_later_one_replaces_the_rows_of_an_earlier,  # noqa: F401
    test_rows_of_a_feature_that_vanished_go,  # noqa: F401
    test_selected_features_replace_their_own_rows_alone,  # noqa: F401
    write,
)
from connected import AT, connection, statements_of
from connected import MONITOR_OF_RESULTS as MONITOR
from later_schema import NEXT, run
from typer.testing import Result

from driftline.engine.errors import StoreError
from driftline.engine.project import Connection
from driftline.engine.results import SCHEMA, SPECS
from driftline.engine.store import Store
from driftline.engine.storeschema import ResultsSchema
from driftline.engine.warehouses.clickhouse import ClickHouse

Cli = Callable[..., Result]
pytestmark = pytest.mark.usefixtures("wide_terminal")
Engine = clickhouse_engine.Engine

PLACE: Final = "monitoring"


@pytest.fixture(scope="module")
def engine(clickhouse: Engine) -> Engine:
    """The engine, with two tables of a model."""
    for table, start, rows, moved in (
        ("seen", "2026-01-01", 960, 0),
        ("scored_now", "2026-02-01", 480, 12),
    ):
        clickhouse.execute(f"drop table if exists {table}")
        clickhouse.execute(
            f"create table {table} engine = MergeTree order by tuple() as select"
            f" toDateTime64('{start} 00:00:00', 6) + interval number hour as at,"
            f" toFloat64(number % 97 + {moved}) as Zeta,"
            f" toFloat64(number % 89 + {moved}) as `ähnlich`,"
            f" concat('x', toString(number % 5)) as city from numbers({rows})"
        )
    return clickhouse


def place(engine: Engine, schema: str = PLACE) -> ResultsSchema:
    return ResultsSchema(Connection("clickhouse", engine.options), schema)


@pytest.fixture
def store(engine: Engine) -> Store:
    """Tables that are empty."""
    made = Store(place(engine), wait_seconds=1)
    if made.version() is None:
        made.migrate()
    for name in SPECS:
        if name != "schema_version":
            engine.execute(f"truncate table {PLACE}._kept_{name}")
    for name in ("_writes", "_gone"):
        engine.execute(f"truncate table {PLACE}.{name}")
    return made


@pytest.fixture
def schema(engine: Engine, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a database that is not there."""
    name = f"s{abs(hash(request.node.name)) % 10**9}"
    yield name
    engine.execute(f"drop database if exists {name}")


def project(engine: Engine, results: str) -> None:
    told = connection("clickhouse", engine.options)
    Path("driftline.yml").write_text(f"{told}results: {results}\n{MONITOR}", "utf-8")


def test_every_command_does_in_the_database_what_it_does_in_a_file(
    cli: Cli, engine: Engine, schema: str, tmp_path: Path
) -> None:
    answers = []
    for results in ("{to: results.duckdb}", f"{{connection: same, schema: {schema}}}"):
        project(engine, results)
        answers.append(answers_of(cli))
        assert answers[-1][0].exit_code == 1, answers[-1][0].output

    file, there = Store(tmp_path / "results.duckdb"), Store(place(engine, schema))
    assert alike(*answers, file.place.name, there.place.name) == []
    assert differing(file, there) == []
    assert there.read("select count(*) as n from metrics")["n"][0].as_py() > 20


def test_a_run_writes_into_tables_that_ddl_made(cli: Cli, engine: Engine, schema: str) -> None:
    project(engine, f"{{connection: same, schema: {schema}}}")
    printed = cli("ddl")
    assert printed.exit_code == 0
    for each in statements_of(printed.stdout):
        if not each.startswith("GRANT"):
            engine.execute(each)
    found = cli("run", "--at", AT)
    assert found.exit_code == 1, found.output
    assert cli("check").exit_code == 1


# Cut off between any two statements


class Killed(BaseException):
    """The process ends here: nothing more is sent, nothing is given back."""


@pytest.fixture
def killed_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None], list[str]]:
    """Ends the process before its n-th change; returns those that were sent."""

    def begin(at: int | None) -> list[str]:
        monkeypatch.undo()
        monkeypatch.setenv("COLUMNS", "300")
        sent: list[str] = []

        def ending(call: Callable[..., Any]) -> Callable[..., Any]:
            def called(session: ClickHouse, *given: Any) -> Any:
                if at is not None and len(sent) >= at:
                    raise Killed
                sent.append(str(given[0]))
                return call(session, *given)

            return called

        for name in ("execute", "insert"):
            monkeypatch.setattr(ClickHouse, name, ending(getattr(ClickHouse, name)))
        return sent

    yield begin
    monkeypatch.undo()


def seen(engine: Engine) -> list[Any]:
    """What a reader sees: the runs whose rows there are, in every table of facts, and their values."""
    told = " union all ".join(
        f"select '{name}', arraySort(groupArray(({what}))) from {PLACE}.{name}"
        for name, what in (
            *((name, "run_id, feature") for name in FACTS),
            ("metrics", "run_id, value"),
            ("runs", "run_id, status"),
        )
    )
    return sorted(engine.client.query(told).result_rows, key=str)


def test_a_run_that_is_killed_anywhere_leaves_old_results_or_new_ones(
    store: Store, engine: Engine, killed_at: Callable[[int | None], list[str]]
) -> None:
    write(store, part("age", "city", value=0.1))
    old = seen(engine)
    sent = killed_at(None)
    write(Store(place(engine), wait_seconds=1), part("age", value=0.2, run_id="run-2"), "run-2")
    killed_at(None)
    new = seen(engine)
    assert old != new
    done = next(at for at, each in enumerate(sent) if "insert into _writes" in each)

    # before the one that counts, those of one table are like those of another
    at, is_killed, outcomes = 0, True, set()
    while is_killed:
        if seen(engine) != old:
            write(Store(place(engine), wait_seconds=1), part("age", "city", value=0.1), "run-1")
            _forget(engine, "run-2")
            assert seen(engine) == old
        sent = killed_at(at)
        is_killed = False
        try:
            write(
                Store(place(engine), wait_seconds=1),
                part("age", value=0.2, run_id="run-2"),
                "run-2",
            )
        except Killed:
            is_killed = True
        killed_at(None)
        is_done = any("insert into _writes" in each for each in sent)
        assert seen(engine) == (new if is_done else old), f"killed after {sent[-1:]}"
        outcomes.add((is_killed, is_done))
        # as a process that is no more leaves it
        _end_turn(engine)
        at += 20 if at < done - 20 else 1 if at >= done - 4 else 4
    assert outcomes == {(True, False), (True, True), (False, True)}


def _forget(engine: Engine, run_id: str) -> None:
    for name in ("runs", "statements"):
        engine.execute(f"delete from {PLACE}._kept_{name} where run_id = '{run_id}'")


def _end_turn(engine: Engine) -> None:
    held = engine.client.query(
        f"select comment from system.tables where database = '{PLACE}' and name = '_turn'"
    ).result_rows
    if held:
        gone = held[0][0].replace(f"process {os.getpid()} ", "process 4194305 ")
        engine.execute(f"alter table {PLACE}._turn modify comment '{gone}'")


def test_a_writer_waits_for_its_turn_and_then_gives_up_naming_the_holder(
    store: Store, engine: Engine
) -> None:
    write(store, part("age"))
    impatient = Store(place(engine), wait_seconds=0.2)
    with store.place.writing(wait_seconds=1), pytest.raises(StoreError) as caught:
        write(impatient, part("age"), "run-2")
    told = rf"is in use by process {os.getpid()} on .*; waited 0.2 s"
    assert re.search(told, str(caught.value))
    write(impatient, part("age", run_id="run-3"), "run-3")
    assert column(store, "metrics", "run_id") == ["run-3"]


def test_nothing_is_kept_of_what_was_replaced(store: Store, engine: Engine) -> None:
    for number in range(3):
        write(store, part("age", "city", run_id=f"run-{number}"), f"run-{number}")
    for name in FACTS:
        count = engine.client.query(f"select count() from {PLACE}._kept_{name}").result_rows
        assert count == [(2,)], name


def test_bytes_come_back_as_they_are(store: Store) -> None:
    content = bytes(range(256)) * 9
    row = {
        "monitor": "delay",
        "reference": "training",
        "feature": "age",
        "rows_key": "k",
        "fingerprint": "f",
        "reference_id": "ref",
        "built_at": run("x")["started_at"],
        "row_count": 9,
        "content": content,
    }
    for _ in range(2):
        store.save_baseline([row, {**row, "feature": "city", "content": None}], anew=True)
    assert [each["content"] for each in store.baselines()] == [content, None]


def test_older_tables_go_forward_by_migrate_alone(engine: Engine, schema: str) -> None:
    Store(place(engine, schema)).record_failure(run("run-1"), [])
    store = Store(place(engine, schema), schema=NEXT)
    with pytest.raises(StoreError, match=r"older Driftline: schema 1"):
        store.runs()
    done = store.migrate()
    assert (done.before, done.after) == (1, 2)
    assert store.read("select run_id, note from run_log").to_pylist() == [
        {"run_id": "run-1", "note": "before notes"}
    ]


def test_tables_whose_making_was_cut_off_are_made_by_the_next_run(
    engine: Engine, schema: str
) -> None:
    store = Store(place(engine, schema))
    statements = [each.rstrip(";") for each in store.migrate(dry_run=True).statements]
    made = [0, 1, *range(2, len(statements), 90), len(statements) - 1]
    engine.execute(f"create database {schema}")
    for count, before in zip(made[1:], made, strict=False):
        for each in statements[before:count]:
            engine.execute(each)
        assert store.version() is None
    write(store, part("age", value=0.5))
    assert column(store, "metrics", "value") == [0.5]
    assert column(store, "schema_version", "version") == [SCHEMA.version]
