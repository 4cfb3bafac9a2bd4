"""Stored tables go forward to the newest schema, all or nothing, and only when they are written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from later_schema import LAST, NEXT, TABLES_2, run
from small_project import AT, make

import driftline
from driftline.engine.errors import StoreError, TemplateError
from driftline.engine.project import Publish
from driftline.engine.publish import publish
from driftline.engine.results import SCHEMA, Migration, Schema, read_migrations
from driftline.engine.store import Store


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Results of version 1, with a run in them."""
    file = tmp_path / "results.duckdb"
    Store(file).record_failure(run("run-1"), [])
    return file


def ask(file: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(file, read_only=True) as con:
        return con.execute(sql).fetchall()


def versions(file: Path) -> list[object]:
    return [version for (version,) in ask(file, "select version from schema_version order by 1")]


# Forward


def test_an_older_file_goes_to_the_newest_schema_with_its_rows(file: Path) -> None:
    done = Store(file, schema=NEXT).migrate()

    assert (done.before, done.after) == (1, 2)
    assert versions(file) == [1, 2]
    assert ask(file, "select run_id, note from runs") == [("run-1", "before notes")]


def test_views_are_made_anew(file: Path) -> None:
    Store(file, schema=NEXT).migrate()

    assert ask(file, "select note from run_log") == [("before notes",)]


def test_several_versions_are_passed_in_order(file: Path) -> None:
    done = Store(file, schema=LAST).migrate()

    assert (done.before, done.after) == (1, 3)
    assert ask(file, "select note from runs") == [("before notes",)]
    assert ask(file, "select room from monitors") == []


def test_only_the_steps_that_are_missing_are_taken(file: Path) -> None:
    Store(file, schema=NEXT).migrate()
    with duckdb.connect(file) as con:
        con.execute("update runs set note = 'mine'")

    Store(file, schema=LAST).migrate()

    assert ask(file, "select note from runs") == [("mine",)]
    assert versions(file) == [1, 2, 3]


def test_a_run_that_writes_migrates_by_itself(file: Path) -> None:
    Store(file, schema=NEXT).record_failure(run("run-2"), [])

    assert ask(file, "select run_id, note from run_log order by all") == [
        ("run-1", "before notes"),
        ("run-2", None),
    ]
    assert versions(file) == [1, 2]


def test_a_second_migration_has_nothing_to_do(file: Path) -> None:
    store = Store(file, schema=NEXT)
    store.migrate()
    content = file.read_bytes()

    again = store.migrate()

    assert (again.before, again.after, again.statements) == (2, 2, ())
    assert file.read_bytes() == content


def test_without_a_file_the_tables_are_made(tmp_path: Path) -> None:
    store = Store(tmp_path / "new" / "results.duckdb")

    assert store.migrate().before is None

    assert store.version() == SCHEMA.version
    assert store.runs().num_rows == 0


# Never by reading, never backward


@pytest.mark.parametrize("read", ["status", "features", "publish"])
def test_a_command_that_reads_says_to_migrate_and_changes_nothing(file: Path, read: str) -> None:
    content = file.read_bytes()
    store = Store(file, schema=NEXT)
    reads = {
        "status": store.status,
        "features": store.features,
        "publish": lambda: publish(store, Publish(file.with_name("copy.duckdb"))),
    }

    with pytest.raises(StoreError, match=r"this one reads schema 2\n.*`driftline migrate`"):
        reads[read]()

    assert file.read_bytes() == content


@pytest.mark.parametrize("act", ["read", "write", "migrate"])
def test_an_older_driftline_leaves_a_newer_file_alone(file: Path, act: str) -> None:
    Store(file, schema=NEXT).migrate()
    content = file.read_bytes()
    store = Store(file)

    with pytest.raises(StoreError, match=r"newer Driftline \(.*, schema 2\).*knows schema 1"):
        {
            "read": store.runs,
            "write": lambda: store.record_failure(run("run-2"), []),
            "migrate": store.migrate,
        }[act]()

    assert file.read_bytes() == content


# All or nothing

KILLED = """
import os, runpy, sys
from pathlib import Path
sys.path.insert(0, str(Path(sys.argv[1]).parents[1]))
t = runpy.run_path(sys.argv[1])
from driftline.engine import place

def killed(tables, where, schema, calls=[], proper=place.stored_version):
    calls.append(1)
    if len(calls) == int(sys.argv[3]):
        os._exit(9)
    return proper(tables, where, schema)

place.stored_version = killed
from driftline.engine.store import Store
Store(Path(sys.argv[2]), schema=t["NEXT"]).migrate()
"""


def test_a_crash_in_the_middle_leaves_the_old_schema(file: Path) -> None:
    # the tables and views are changed when the result is looked at for the last time
    command = [sys.executable, "-c", KILLED, __file__, str(file), "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 9, done.stderr

    store = Store(file)
    assert store.version() == 1
    assert store.runs()["run_id"].to_pylist() == ["run-1"]
    assert versions(file) == [1]
    Store(file, schema=NEXT).migrate()
    assert versions(file) == [1, 2]


@pytest.mark.parametrize(
    ("step", "complaint"),
    [
        (
            "alter table runs add column note text; alter table nothing add column x text;",
            "nothing",
        ),
        ("alter table runs add column other text;", "'runs' .* does not have the columns"),
    ],
)
def test_a_step_that_fails_leaves_the_old_schema(file: Path, step: str, complaint: str) -> None:
    # no view sees the column
    steps = (Migration(2, "0002_wrong", step),)
    wrong = Schema(TABLES_2, SCHEMA.views_sql, "", steps)

    with pytest.raises(StoreError, match=complaint):
        Store(file, schema=wrong).migrate()

    assert Store(file).runs()["run_id"].to_pylist() == ["run-1"]
    assert versions(file) == [1]
    assert len(ask(file, "from duckdb_views() where not internal")) == len(SCHEMA.views)


# Without doing it


def test_a_dry_run_changes_nothing_and_its_statements_do_it(file: Path) -> None:
    content = file.read_bytes()

    planned = Store(file, schema=NEXT).migrate(dry_run=True)

    assert (planned.before, planned.after) == (1, 2)
    assert file.read_bytes() == content
    with duckdb.connect(file) as con:
        for statement in planned.statements:
            con.execute(statement)
    store = Store(file, schema=NEXT)
    assert store.version() == 2
    assert store.read("select note from run_log")["note"].to_pylist() == ["before notes"]


def test_a_dry_run_makes_no_file(tmp_path: Path) -> None:
    store = Store(tmp_path / "results.duckdb")

    assert "create table metrics" in "".join(store.migrate(dry_run=True).statements)

    assert not store.exists()


# The steps that are shipped


def test_steps_are_numbered_by_the_version_they_lead_to() -> None:
    steps = read_migrations({"0003_b.sql": "b", "0002_a_1.sql": "a"})
    assert steps == (Migration(2, "0002_a_1", "a"), Migration(3, "0003_b", "b"))


@pytest.mark.parametrize(
    "names", [["0003_a.sql"], ["0002_a.sql", "0002_b.sql"], ["2_a.sql"], ["a"]]
)
def test_a_step_with_another_number_is_refused(names: list[str]) -> None:
    with pytest.raises(TemplateError, match=r"the next one is 000[23]_name\.sql"):
        read_migrations(dict.fromkeys(names, ""))


def test_the_shipped_schema_is_version_one() -> None:
    assert SCHEMA.version == 1


# The verb


def test_migrate_says_from_where_to_where(tmp_path: Path) -> None:
    make(tmp_path)

    planned = driftline.migrate(tmp_path, dry_run=True)
    made = driftline.migrate(tmp_path)
    again = driftline.migrate(tmp_path)

    assert (planned.before, made.before, again.before) == (None, None, 1)
    assert made.place == str(tmp_path / "results.duckdb")
    assert again.statements == ()


def test_a_run_takes_tables_that_were_made_before_it(tmp_path: Path) -> None:
    make(tmp_path)
    driftline.migrate(tmp_path)

    driftline.run(tmp_path, at=AT)

    assert versions(tmp_path / "results.duckdb") == [1]
