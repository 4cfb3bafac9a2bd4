"""Results in a DuckDB file: whole after every crash, open for a moment, read by older DuckDBs."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from any_store import *  # noqa: F403 - its tests are this place's, too
from any_store import DAY, FACTS, NOW, column, finished, part, python, release, said, write

from driftline.engine.errors import StoreError
from driftline.engine.store import Store


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "driftline.duckdb"


@pytest.fixture
def address(file: Path) -> str:
    return str(file)


@pytest.fixture
def store(file: Path) -> Store:
    return Store(file, wait_seconds=20)


@pytest.mark.parametrize("name", ["it's.duckdb", "größe und mehr.duckdb", 'a"b.db', "no_suffix"])
def test_a_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    store = Store(tmp_path / name)

    write(store, part("age"))

    assert store.latest().num_rows == 1


# Failures


def test_rows_that_do_not_fit_leave_no_file(store: Store, file: Path) -> None:
    bad = replace(part(), metrics=[{"monitor": "delay"}])

    with pytest.raises(StoreError, match="table metrics, row 1: no column 'metric_id'"):
        write(store, bad)
    assert not file.exists()


WRITING_WITHOUT_END = """
from itertools import count
store = t["opened"](sys.argv[1])
for number in count(2):
    run_id = f"run-{number}"
    features = [f"f{k}" for k in range(300)]
    t["write"](store, t["part"](*features, run_id=run_id), run_id)
    print(run_id, flush=True)
"""


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.05, 0.11])
def test_a_run_killed_at_any_moment_leaves_whole_results(
    store: Store, file: Path, delay: float
) -> None:
    with python(WRITING_WITHOUT_END, file) as process:
        assert said(process) == "run-2"
        time.sleep(delay)
        process.kill()
        process.wait()

    (last,) = column(store, "runs", "max(substr(run_id, 5)::int)")
    for name in FACTS:
        assert column(store, name, "run_id") == [f"run-{last}"] * 300


UNFINISHED_LOG = """
import duckdb, os, signal
con = duckdb.connect(sys.argv[1])
con.execute("set checkpoint_threshold = '1GB'")
con.execute("update metrics set value = 0.75")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_log_left_by_a_killed_writer_is_read_and_then_cleared(store: Store, file: Path) -> None:
    write(store, part("age", value=0.1))
    with python(UNFINISHED_LOG, file) as process:
        finished(process)
    log = file.with_name("driftline.duckdb.wal")

    assert log.exists()
    assert column(store, "metrics", "value") == [0.75]
    write(store, part("age", monitor="churn"), "run-2")
    assert column(store, "metrics", "value") == [0.75, None]
    assert not log.exists()


def test_nothing_is_left_beside_the_file(store: Store, file: Path) -> None:
    remnant = file.with_name(".driftline.duckdb.new")
    remnant.write_bytes(b"half made")

    write(store, part("age"))
    store.latest()

    assert list(file.parent.iterdir()) == [file]


# Turns


HOLDING = """
import duckdb
con = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "read_only")
print("open", flush=True)
sys.stdin.readline()
"""


@contextmanager
def held(file: Path, how: str) -> Iterator[subprocess.Popen[str]]:
    """Another process has the file open until a line is written to it."""
    with python(HOLDING, file, how) as process:
        assert said(process) == "open"
        yield process


def test_a_writer_gives_up_naming_the_file_and_the_holder(store: Store, file: Path) -> None:
    write(store, part("age"))
    impatient = Store(file, wait_seconds=0.1)

    with held(file, "read_only") as process, pytest.raises(StoreError) as caught:
        write(impatient, part("age"), "run-2")

    assert f"(process {process.pid}); waited 0.1 s" in caught.value.message
    assert str(file) in caught.value.message


def test_a_reader_gives_up_naming_the_holder(store: Store, file: Path) -> None:
    write(store, part("age"))

    with held(file, "read_write") as process, pytest.raises(StoreError, match=str(process.pid)):
        Store(file, wait_seconds=0).latest()


def test_a_writer_waits_until_the_holder_lets_go(store: Store, file: Path) -> None:
    write(store, part("age"))

    with held(file, "read_write") as process:
        timer = threading.Timer(0.3, release, [process])
        timer.start()
        write(store, part("age", run_id="run-2"), "run-2")
        timer.join()

    assert column(store, "metrics", "run_id") == ["run-2"]


def test_readers_do_not_exclude_each_other(store: Store, file: Path) -> None:
    write(store, part("age"))

    with held(file, "read_only"):
        assert Store(file, wait_seconds=0).latest().num_rows == 1


def test_a_connection_of_the_same_process_is_named_at_once(store: Store, file: Path) -> None:
    write(store, part("age"))

    with duckdb.connect(file), pytest.raises(StoreError, match="open in this Python process"):
        store.latest()


def test_threads_that_write_at_once_all_succeed(store: Store, file: Path) -> None:
    def work(name: str) -> None:
        write(Store(file), part("age", monitor=name), f"run-{name}")

    threads = [threading.Thread(target=work, args=[name]) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert column(store, "metrics", "monitor") == ["a", "b", "c", "d"]


def test_a_thread_that_waits_too_long_is_told(store: Store, file: Path) -> None:
    write(store, part("age"))

    def read() -> None:
        with pytest.raises(StoreError, match="another thread"):
            Store(file, wait_seconds=0.05).latest()
        passed.append(True)

    passed: list[bool] = []
    with store.reading():
        thread = threading.Thread(target=read)
        thread.start()
        thread.join()

    assert passed == [True]


# The file


def test_a_new_file_can_be_read_by_older_versions_of_duckdb(store: Store, file: Path) -> None:
    write(store, part("age"))

    with duckdb.connect() as con:
        con.execute(f"attach '{file}' as results (read_only)")
        (tags,) = con.execute(
            "select tags from duckdb_databases() where database_name = 'results'"
        ).fetchall()[0]
    assert tags["storage_version"] == "v1.2.0+"


def test_the_file_stands_alone_under_any_name(store: Store, file: Path) -> None:
    write(store, part("age"))
    copy = file.rename(file.with_name("a copy.duckdb"))

    with duckdb.connect(copy, read_only=True) as con:
        assert con.execute("select monitor from monitor_status").fetchall() == [("delay",)]
        assert con.execute(
            "select comment from duckdb_columns() "
            "where table_name = 'runs' and column_name = 'error'"
        ).fetchall() == [("Why the run failed; null otherwise",)]


def test_a_missing_file_says_to_run_first(store: Store) -> None:
    with pytest.raises(StoreError, match="no results yet") as caught:
        store.status()

    assert caught.value.hint == "Run `driftline run` first."


@pytest.mark.parametrize("ask", [Store.status, Store.latest, Store.runs, Store.features])
def test_reading_never_makes_the_file(
    store: Store, file: Path, ask: Callable[[Store], pa.Table]
) -> None:
    with pytest.raises(StoreError):
        ask(store)

    assert list(file.parent.iterdir()) == []


def test_a_missing_file_has_no_version(store: Store) -> None:
    assert (store.exists(), store.version()) == (False, None)


def test_a_written_file_has_the_version_of_the_schema(store: Store) -> None:
    write(store, part("age"))

    assert (store.exists(), store.version()) == (True, 1)


def test_the_version_is_dated_and_signed_once(store: Store) -> None:
    write(store, part("age"))
    write(store, part("age"), "run-2", started_at=NOW + DAY)

    assert store.read("select * from schema_version").to_pylist() == [
        {"version": 1, "migrated_at": NOW, "driftline_version": "0.1.0"}
    ]


def test_an_empty_file_counts_as_none(store: Store, file: Path) -> None:
    file.touch()

    assert store.version() is None
    write(store, part("age"))
    assert store.version() == 1


def test_missing_folders_are_made(tmp_path: Path) -> None:
    store = Store(tmp_path / "a" / "b" / "driftline.duckdb")

    write(store, part("age"))

    assert store.version() == 1


def test_a_link_is_followed(store: Store, file: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    file.symlink_to(tmp_path / "elsewhere" / "driftline.duckdb")

    write(store, part("age"))

    assert file.is_symlink()
    assert Store(tmp_path / "elsewhere" / "driftline.duckdb").version() == 1


def test_a_file_without_result_tables_says_to_run_first(store: Store, file: Path) -> None:
    with duckdb.connect(file) as con:
        con.execute("create table flights (id integer)")

    with pytest.raises(StoreError, match="has no result tables"):
        store.latest()


def test_other_tables_in_the_file_stay(store: Store, file: Path) -> None:
    with duckdb.connect(file) as con:
        con.execute("create table flights as select 7 as id")

    write(store, part("age"))

    assert column(store, "flights", "id") == [7]


@pytest.mark.parametrize(
    "ddl",
    [
        "create table metrics (name text, value double)",
        "create view run_log as select 1 as id",
        "create table schema_version (version text)",
    ],
)
def test_foreign_tables_with_our_names_are_refused(store: Store, file: Path, ddl: str) -> None:
    with duckdb.connect(file) as con:
        con.execute(ddl)

    for act in (lambda: write(store, part("age")), store.latest):
        with pytest.raises(StoreError, match="that Driftline did not make"):
            act()


def test_a_table_that_was_changed_by_hand_is_named(store: Store, file: Path) -> None:
    write(store, part("age"))
    with duckdb.connect(file) as con:
        con.execute("alter table runs drop column error")

    with pytest.raises(StoreError, match=r"table 'runs' in .* columns of schema 1"):
        store.latest()


@pytest.mark.parametrize("act", ["read", "write"])
def test_results_of_a_newer_driftline_are_left_alone(store: Store, file: Path, act: str) -> None:
    write(store, part("age"))
    with duckdb.connect(file) as con:
        con.execute("insert into schema_version values (2, now()::timestamp, '9.0.0')")

    with pytest.raises(StoreError, match=r"newer Driftline \(9.0.0, schema 2\)") as caught:
        store.latest() if act == "read" else write(store, part("age"), "run-2")
    assert caught.value.hint == "Upgrade Driftline, then retry."


@pytest.mark.parametrize("text", ["a" * 20000, "id,value\n1,2\n", "SQLite format 3\0" + "x" * 5000])
def test_a_file_of_another_kind_is_refused_and_kept(store: Store, file: Path, text: str) -> None:
    file.write_text(text)

    for act in (lambda: write(store, part("age")), store.latest):
        with pytest.raises(StoreError, match="is not a DuckDB file"):
            act()
    assert file.read_text() == text


def test_a_folder_in_place_of_the_file_is_refused(store: Store, file: Path) -> None:
    file.mkdir()

    with pytest.raises(StoreError, match="is not a file"):
        write(store, part("age"))


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()

    with pytest.raises(StoreError, match="cannot create"):
        write(Store(tmp_path / "plain" / "driftline.duckdb"), part("age"))


def test_a_python_variable_is_never_taken_for_a_table(store: Store) -> None:
    write(store, part("age"))

    with pytest.raises(StoreError, match="answer"):
        store.read("select * from answer")


def test_importing_the_store_loads_neither_duckdb_nor_arrow() -> None:
    code = (
        "import sys, driftline.engine.store; "
        "sys.exit(len({'duckdb', 'pyarrow'} & sys.modules.keys()))"
    )

    assert subprocess.run([sys.executable, "-c", code], env=os.environ, check=False).returncode == 0
