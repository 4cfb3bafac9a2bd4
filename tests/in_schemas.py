"""What results in a schema of any engine do: the same as in a file, whole after every failure.

Each engine's own tests import this, and give the fixture `service`: what holds two tables of a model.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest
from alike import alike, answers_of, differing
from any_store import FACTS, NOW, column, fail_at, part, row, write
from connected import AT, connection, statements_of
from connected import MONITOR_OF_RESULTS as MONITOR
from later_schema import NEXT, run
from services import Keeping
from typer.testing import Result

from driftline.engine.ddl import GONE, WORDS, WRITES, kept_in
from driftline.engine.errors import StoreError
from driftline.engine.project import Connection
from driftline.engine.results import SCHEMA, TABLES
from driftline.engine.store import Store
from driftline.engine.storeschema import ResultsSchema
from driftline.engine.warehouses import class_of, keeper_of, marks

Cli = Callable[..., Result]
Test = TypeVar("Test", bound=Callable[..., None])

PLACE: Final = "monitoring"


def taken_by(*types: str) -> Callable[[Test], Test]:
    """Let a test be one of these services alone, where there are several."""

    def mark(test: Test) -> Test:
        test.taken_by = types  # type: ignore[attr-defined]
        return test

    return mark


def place(service: Keeping, schema: str = PLACE) -> ResultsSchema:
    return ResultsSchema(Connection(service.type, service.options), schema)


@pytest.fixture
def store(service: Keeping) -> Store:
    """Tables that are empty."""
    made = Store(place(service), wait_seconds=20)
    if made.version() is None:
        made.migrate()
    names = [name for name in (*TABLES, *SCHEMA.internal) if name != "schema_version"]
    if is_marked(service):
        for name in (*map(kept_in, names), WRITES, GONE):
            service.execute(f"truncate table {PLACE}.{name}")
        return made
    with made.place.writing(wait_seconds=20) as tables:
        for name in names:
            tables.execute(f"delete from {name}")
    return made


def is_marked(service: Keeping) -> bool:
    """Whether an engine has no transactions of several statements."""
    found = class_of(service.type)
    assert found is not None
    assert found.keeps is not None
    return found.keeps.replace == "marks"


@pytest.fixture
def schema(service: Keeping, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a schema that is not there."""
    name = f"s{abs(hash(request.node.name)) % 10**9}"
    yield name
    service.execute(f"drop {WORDS[service.type].container} if exists {name}{service.cascade}")


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
        assert answers[-1][0].exit_code == 1, answers[-1][0].output

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

    found = cli("run", "--at", AT)
    assert found.exit_code == 1, found.output
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
    keeper = keeper_of(service.type)
    if issubclass(keeper, marks.StandardKeeper):
        monkeypatch.setattr(keeper, "longest", 2_000)
    elif hasattr(module := sys.modules[keeper.__module__], "_LONGEST"):
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
    return row("statements", run_id="run-1", sequence=number)


def _baseline(content: bytes | None) -> dict[str, Any]:
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
    service.execute(f"create {WORDS[service.type].container} {schema}")
    service.execute(f"create table {schema}.metrics (mine {service.whole})")
    with pytest.raises(StoreError, match="a table 'metrics' that Driftline did not make"):
        write(Store(place(service, schema)), part("age"))


def test_a_writer_waits_for_its_turn_and_then_gives_up(store: Store, service: Keeping) -> None:
    write(store, part("age"))
    impatient = Store(place(service), wait_seconds=0.2)
    with store.place.writing(wait_seconds=1), pytest.raises(StoreError) as caught:
        write(impatient, part("age"), "run-2")
    told = rf"is in use by (another session|process {os.getpid()} on ).*; waited 0.2 s"
    assert re.search(told, str(caught.value))
    write(impatient, part("age", run_id="run-3"), "run-3")
    assert column(store, "metrics", "run_id") == ["run-3"]


def test_who_reads_waits_for_nobody_and_sees_what_is_whole(store: Store, service: Keeping) -> None:
    write(store, part("age", value=0.1))
    with store.place.writing(wait_seconds=1) as tables:
        tables.execute("delete from metrics")
        assert column(Store(place(service), wait_seconds=0), "metrics", "value") == [0.1]


@taken_by("snowflake", "databricks", "trino", "bigquery")
def test_tables_whose_making_was_cut_off_are_made_by_the_next_run(
    service: Keeping, schema: str
) -> None:
    store = Store(place(service, schema))
    assert not store.place.made_at_once
    statements = [each.rstrip(";") for each in store.migrate(dry_run=True).statements]
    made = [0, 1, *range(2, len(statements), 90), len(statements) - 1]
    service.execute(f"create {WORDS[service.type].container} {schema}")
    for count, before in zip(made[1:], made, strict=False):
        for each in statements[before:count]:
            service.execute(each)
        assert store.version() is None
    write(store, part("age", value=0.5))
    assert column(store, "metrics", "value") == [0.5]
    assert column(store, "schema_version", "version") == [SCHEMA.version]


# Cut off between any two statements, where each is whole by itself


class Killed(BaseException):
    """The process ends here: nothing more is sent, nothing is given back."""


KilledAt = Callable[..., list[str]]
SEEN: Final = " union all ".join(
    [
        *(
            f"select '{name}' as title, run_id, feature, cast(null as double) as value from {name}"
            for name in FACTS[1:]
        ),
        "select 'metrics', run_id, feature, value from metrics",
        "select 'runs', run_id, status, null from runs",
        "select 'statements', run_id, step, null from statements",
    ]
)


@pytest.fixture
def killed_at(monkeypatch: pytest.MonkeyPatch) -> KilledAt:
    """Ends the process before its n-th change, or the n-th from the one that counts; returns those sent."""
    run_ = marks.MarkingKeeper._run
    sent: list[str] = []
    limits: dict[str, int | None] = {}

    def ending(keeper: marks.MarkingKeeper, sql: str) -> None:
        since = next((len(sent) - k for k, each in enumerate(sent) if _is_last(each)), 0)
        at, after = limits.get("at"), limits.get("after")
        if at is not None and len(sent) >= at:
            raise Killed
        if after is not None and since >= after and (since or _is_last(sql)):
            raise Killed
        sent.append(sql)
        run_(keeper, sql)

    def begin(at: int | None = None, after: int | None = None) -> list[str]:
        sent.clear()
        limits.update(at=at, after=after)
        return sent

    monkeypatch.setattr(marks.MarkingKeeper, "_run", ending)
    # who was killed has no process
    monkeypatch.setattr(marks, "is_over", lambda _: True)
    return begin


def seen(service: Keeping) -> list[Any]:
    """What a reader sees: the runs whose rows there are in every table of facts, and their values."""
    found = Store(place(service)).read(SEEN).to_pylist()
    return sorted((tuple(each.values()) for each in found), key=str)


@taken_by("databricks", "trino", "bigquery")
def test_a_run_that_is_killed_between_any_two_statements_leaves_old_results_or_new_ones(
    store: Store, service: Keeping, killed_at: KilledAt
) -> None:
    write(store, part("age", "city", value=0.0))
    sent = killed_at()
    write(store, part("age", value=0.0))
    there, total = seen(service), len(sent)
    moments: list[dict[str, int]] = [{"at": total // 2}, {"after": 0}, {"after": 1}]
    if not service.is_slow:
        moments += [{"at": number} for number in range(0, total, 9)]
    # the last one is not killed: who comes after it finds the turn given back
    moments.append({})
    outcomes = set()
    for number, moment in enumerate(moments):
        run_id, value = f"run-{number + 2}", float(number)
        sent = killed_at(**moment)
        is_killed = False
        try:
            write(Store(place(service)), part("age", value=value, run_id=run_id), run_id)
        except Killed:
            is_killed = True
        is_done = any(map(_is_last, sent))
        killed_at()
        if is_done:
            there = [row for row in there if row[0] in ("runs", "statements")]
            there += [(name, run_id, "age", None) for name in FACTS[1:]]
            there += [("metrics", run_id, "age", value), ("runs", run_id, "succeeded", None)]
            there += [("statements", run_id, "profile", None)]
            there.sort(key=str)
        assert seen(service) == there, f"killed at {moment}"
        outcomes.add((is_killed, is_done))
    assert outcomes == {(True, False), (True, True), (False, True)}


def _is_last(statement: str) -> bool:
    return f"INSERT INTO {WRITES} " in statement
