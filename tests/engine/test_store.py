"""The store replaces what a run measured, all or nothing, and waits its turn for the file."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from driftline.engine.errors import StoreError
from driftline.engine.results import TABLES, arrow_schema, metric_id
from driftline.engine.store import Store
from driftline.engine.stored import Slice

Row = dict[str, Any]

START = datetime(2026, 11, 15)
END = datetime(2026, 11, 22)
DAY = timedelta(days=1)
NOW = datetime(2026, 11, 22, 6)
FACTS = ("metrics", "histograms", "profiles", "features")


def row(table: str, **given: object) -> Row:
    """A row of a table with the given values, plausible keys and nulls elsewhere."""
    plausible: Row = {
        "monitor": "delay",
        "run_id": "run-1",
        "signal": "data_drift",
        "signal_type": "data_drift",
        "metric": "jensen_shannon_distance",
        "feature": "age",
        "segment": "__all__",
        "reference": "training",
        "reference_id": "ref",
        "window_start": START,
        "window_end": END,
        "breached": False,
        "status": "ok",
        "bin": 0,
        "side": "production",
        "step": "profile",
        "sequence": 1,
        "started_at": NOW,
        "driftline_version": "0.1.0",
        "first_seen_at": NOW,
        "last_seen_at": NOW,
    }
    values = plausible | given
    made = {name: values.get(name) for name in TABLES[table].names}
    if table == "metrics":
        key = ("monitor", "signal", "window_start", "window_end")
        key += ("reference", "segment", "feature", "metric")
        made["metric_id"] = metric_id(*(made[name] for name in key))
    return made


def part(*features: str, **given: Any) -> Slice:
    """A slice with one row of every fact table for each feature."""
    shared = {"monitor": "delay", "window_start": START, "window_end": END, **given}
    return Slice(
        monitor=shared["monitor"],
        window_start=shared["window_start"],
        window_end=shared["window_end"],
        signals=(shared.get("signal", "data_drift"),),
        metrics=[row("metrics", feature=name, **shared) for name in features],
        histograms=[row("histograms", feature=name, **shared) for name in features],
        profiles=[row("profiles", feature=name, **shared) for name in features],
        features=[row("features", feature=name, **shared) for name in features],
    )


def write(store: Store, slices: Slice | list[Slice], run_id: str = "run-1", **run: object) -> None:
    first = slices if isinstance(slices, Slice) else slices[0]
    store.write(
        slices,
        row("runs", run_id=run_id, monitor=first.monitor, status="succeeded", **run),
        [row("statements", run_id=run_id, sql="select 1")],
        row("monitors", monitor=first.monitor),
        [row("metric_definitions", title="Distance")],
    )


def column(store: Store, table: str, name: str) -> list[Any]:
    rows = store.read(f"select {name} as wanted from {table} order by all")
    return rows["wanted"].to_pylist()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "driftline.duckdb"


@pytest.fixture
def store(file: Path) -> Store:
    return Store(file, wait_seconds=20)


@contextmanager
def python(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Another process that runs code, with this file's functions as `t`, until the block ends."""
    head = f"import runpy, sys\nt = runpy.run_path({__file__!r})\n"
    command = [sys.executable, "-c", head + code, *map(str, arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, text=True, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        try:
            yield process
        finally:
            process.kill()


def finished(process: subprocess.Popen[str]) -> int:
    """Its exit code, with what it complained about shown when a test fails."""
    _, errors = process.communicate(timeout=60)
    print(errors)  # noqa: T201 - shown with the failure
    return process.returncode


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


# Replacing


def test_what_is_written_can_be_read(store: Store) -> None:
    write(store, part("age", "city"))

    assert [column(store, name, "feature") for name in FACTS] == [["age", "city"]] * 4


def test_a_second_run_of_a_window_leaves_the_same_rows(store: Store) -> None:
    write(store, part("age", "city", value=0.1 + 0.2))
    before = {name: store.read(f"select * exclude run_id from {name}") for name in FACTS}
    write(store, part("city", "age", value=0.1 + 0.2, run_id="run-2"), "run-2")

    for name in FACTS:
        assert store.read(f"select * exclude run_id from {name}").equals(before[name])


@pytest.mark.parametrize(
    "value", [0.1 + 0.2, 5e-324, 1.7976931348623157e308, float("inf"), float("nan")]
)
def test_numbers_come_back_bit_by_bit(store: Store, value: float) -> None:
    write(store, part("age", value=value))

    assert struct.pack("d", column(store, "metrics", "value")[0]) == struct.pack("d", value)


def test_rows_are_stored_in_the_order_of_their_key(store: Store) -> None:
    write(store, part("c", "a", "b"))

    assert store.read("select feature from metrics")["feature"].to_pylist() == ["a", "b", "c"]


def test_runs_and_statements_only_grow(store: Store) -> None:
    write(store, part("age"))
    write(store, part("age", run_id="run-2"), "run-2")

    assert column(store, "runs", "run_id") == ["run-1", "run-2"]
    assert column(store, "statements", "run_id") == ["run-1", "run-2"]


@pytest.mark.parametrize("table", FACTS)
def test_rows_of_a_feature_that_vanished_go(store: Store, table: str) -> None:
    write(store, part("age", "city"))
    write(store, part("age", run_id="run-2"), "run-2")

    assert column(store, table, "feature") == ["age"]


def test_rows_of_signals_that_were_not_run_stay(store: Store) -> None:
    write(store, part("age"))
    write(store, part("age", signal="data_quality", run_id="run-2"), "run-2")

    assert column(store, "metrics", "signal") == ["data_drift", "data_quality"]


@pytest.mark.parametrize("table", ["metrics", "histograms", "profiles"])
def test_rows_of_other_windows_stay(store: Store, table: str) -> None:
    write(store, part("age"))
    write(store, part("age", window_start=START + DAY, window_end=END + DAY), "run-2")

    assert column(store, table, "window_end") == [END, END + DAY]


@pytest.mark.parametrize("table", FACTS)
def test_rows_of_other_monitors_stay(store: Store, table: str) -> None:
    write(store, part("age"))
    write(store, part("age", monitor="churn"), "run-2")

    assert column(store, table, "monitor") == ["churn", "delay"]


@pytest.mark.parametrize("table", FACTS)
def test_selected_features_replace_their_own_rows_alone(store: Store, table: str) -> None:
    write(store, part("age", "city"))
    write(store, replace(part("age", run_id="run-2"), selected=("age",)), "run-2")

    assert column(store, table, "feature || ' ' || run_id") == ["age run-2", "city run-1"]


def test_a_selected_feature_without_rows_loses_its_old_ones(store: Store) -> None:
    write(store, part("age", "city"))
    write(store, replace(part("city", run_id="run-2"), selected=("age", "city")), "run-2")

    assert column(store, "metrics", "feature") == ["city"]


@pytest.mark.parametrize("table", ["histograms", "profiles"])
def test_measured_features_keep_the_bins_of_others_and_of_other_references(
    store: Store, table: str
) -> None:
    write(store, part("age", "city"))
    recent = part("age", reference="recent", run_id="run-2")
    write(store, replace(recent, measured=("age",)), "run-2")

    assert column(store, table, "feature") == ["age", "age", "city"]


def test_a_row_of_the_dataset_is_replaced_by_its_key_whatever_was_selected(store: Store) -> None:
    whole = row("metrics", feature="__all__", metric="row_count", signal="data_quality")
    for run_id in ("run-1", "run-2"):
        small = replace(part("age"), metrics=[whole | {"run_id": run_id}], selected=("age",))
        write(store, small, run_id)

    assert column(store, "metrics", "run_id") == ["run-2"]


def test_an_older_window_computed_later_leaves_the_columns_of_today(store: Store) -> None:
    write(store, part("age", "new_column"))
    write(store, part("age", window_start=START - DAY, window_end=END - DAY), "run-2")

    assert column(store, "features", "feature") == ["age", "new_column"]


def test_several_windows_are_written_with_one_run(store: Store) -> None:
    later = part("age", window_start=START + DAY, window_end=END + DAY)

    write(store, [part("age"), later])

    assert column(store, "metrics", "window_end") == [END, END + DAY]
    assert column(store, "runs", "run_id") == ["run-1"]


def test_of_slices_written_together_a_later_one_replaces_the_rows_of_an_earlier(
    store: Store,
) -> None:
    earlier = replace(part("age", "city", value=1.0), measured=("age", "city"))
    later = replace(part("age", value=2.0), measured=("age",))
    write(store, [earlier, part("age", value=3.0, signal="data_quality"), later])

    found = store.read("select signal, feature, value from metrics order by all").to_pylist()
    assert [tuple(row.values()) for row in found] == [
        ("data_drift", "age", 2.0),
        ("data_quality", "age", 3.0),
    ]
    assert column(store, "histograms", "feature") == ["age"]


def test_a_monitor_keeps_the_time_it_was_first_seen(store: Store) -> None:
    for days in (0, 1):
        seen = NOW + days * DAY
        monitor = row("monitors", first_seen_at=seen, last_seen_at=seen, owner=f"owner-{days}")
        store.write(part("age"), row("runs", run_id=f"run-{days}"), [], monitor, [])

    stored = store.read("select first_seen_at, last_seen_at, owner from monitors").to_pylist()
    assert stored == [{"first_seen_at": NOW, "last_seen_at": NOW + DAY, "owner": "owner-1"}]


def test_metric_definitions_are_those_of_the_last_run(store: Store) -> None:
    for number, name in enumerate(("old", "new")):
        defined = [row("metric_definitions", metric=name)]
        run = row("runs", run_id=f"run-{number}")
        store.write(part("age"), run, [], row("monitors"), defined)

    assert column(store, "metric_definitions", "metric") == ["new"]


def test_arrow_tables_are_taken_as_well_as_rows(store: Store) -> None:
    rows = pa.Table.from_pylist([row("metrics", value=0.5)], schema=arrow_schema("metrics"))

    write(store, replace(part(), metrics=rows))

    assert column(store, "metrics", "value") == [0.5]


NAMES = ["größe", 'a "quoted" name', "it's", "a;b--", "日本", "$x ?", " leading", "new_rows.bin"]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_any_characters_are_replaced_and_found(store: Store, name: str) -> None:
    for run_id in ("run-1", "run-2"):
        odd = part(name, monitor=name, segment=name, signal=name, run_id=run_id)
        write(store, odd, run_id)

    assert store.metrics(name, feature=name, segment=name, signal=name).num_rows == 1


@pytest.mark.parametrize("name", ["it's.duckdb", "größe und mehr.duckdb", 'a"b.db', "no_suffix"])
def test_a_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    store = Store(tmp_path / name)

    write(store, part("age"))

    assert store.latest().num_rows == 1


# Failures


def test_a_failed_run_is_recorded_without_results(store: Store) -> None:
    failed = row("runs", status="failed", error="no such table")
    store.record_failure(failed, [row("statements", error="no such table")])

    assert column(store, "runs", "error") == column(store, "statements", "error")
    assert store.latest().num_rows == 0


def test_a_failed_run_leaves_stored_results_alone(store: Store) -> None:
    write(store, part("age"))
    store.record_failure(row("runs", run_id="run-2", status="failed"), [])

    assert column(store, "metrics", "run_id") == ["run-1"]


def test_rows_that_do_not_fit_leave_no_file(store: Store, file: Path) -> None:
    bad = replace(part(), metrics=[{"monitor": "delay"}])

    with pytest.raises(StoreError, match="table metrics, row 1: no column 'metric_id'"):
        write(store, bad)
    assert not file.exists()


@pytest.mark.parametrize(
    ("table", "stranger"),
    [
        ("metrics", {"monitor": "churn"}),
        ("metrics", {"window_end": END + DAY}),
        ("histograms", {"window_start": START + DAY}),
        ("profiles", {"monitor": "churn"}),
        ("features", {"monitor": "churn"}),
    ],
)
def test_a_row_of_another_slice_is_refused(store: Store, table: str, stranger: Row) -> None:
    wrong: Any = {table: [row(table, **stranger)]}

    with pytest.raises(StoreError, match=f"table {table}: .* is not the slice's"):
        write(store, replace(part(), **wrong))


def test_an_error_inside_the_transaction_leaves_the_old_rows(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(store, part("age", value=0.1))
    fail_at(monkeypatch.setattr, "runs", raise_interrupt)

    with pytest.raises(KeyboardInterrupt):
        write(store, part("age", value=0.2, run_id="run-2"), "run-2")
    monkeypatch.undo()

    assert column(store, "metrics", "value") == [0.1]


def raise_interrupt() -> None:
    raise KeyboardInterrupt


def fail_at(setattr_: Callable[[str, object], None], table: str, how: Callable[[], object]) -> None:
    """Make the store fail when it is about to insert into a table."""
    from driftline.engine.storefile import FileTables

    put = FileTables.put

    def failing(tables: FileTables, name: str, rows: pa.Table) -> None:
        if name == table:
            how()
        put(tables, name, rows)

    setattr_("driftline.engine.storefile.FileTables.put", failing)


KILLED_AT_A_TABLE = """
import os, signal
from pathlib import Path
from driftline.engine.storefile import FileTables
store = t["Store"](Path(sys.argv[1]))
t["fail_at"](
    lambda _, value: setattr(FileTables, "put", value),
    sys.argv[2],
    lambda: os.kill(os.getpid(), signal.SIGKILL),
)
t["write"](store, t["part"]("age", "city", value=0.2, run_id="run-2"), "run-2")
"""


@pytest.mark.parametrize("table", ["metrics", "histograms", "statements"])
def test_a_run_killed_inside_the_transaction_leaves_the_old_rows(
    store: Store, file: Path, table: str
) -> None:
    write(store, part("age", value=0.1))

    with python(KILLED_AT_A_TABLE, file, table) as process:
        assert finished(process) == -signal.SIGKILL

    assert {run_id for name in FACTS for run_id in column(store, name, "run_id")} == {"run-1"}
    assert column(store, "metrics", "value") == [0.1]


def test_the_first_run_killed_inside_the_transaction_leaves_no_results(
    store: Store, file: Path
) -> None:
    with python(KILLED_AT_A_TABLE, file, "metrics") as process:
        assert finished(process) == -signal.SIGKILL

    assert store.version() is None
    write(store, part("age"))
    assert store.latest().num_rows == 1


WRITING_WITHOUT_END = """
from itertools import count
from pathlib import Path
store = t["Store"](Path(sys.argv[1]))
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


def release(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


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


WRITING = """
from pathlib import Path
store = t["Store"](Path(sys.argv[1]))
name = sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
for number in range(5):
    run_id = f"{name}-{number}"
    t["write"](store, t["part"]("age", "city", monitor=name, run_id=run_id), run_id)
"""


def test_two_processes_that_write_a_new_file_at_once_both_succeed(store: Store, file: Path) -> None:
    with python(WRITING, file, "a") as one, python(WRITING, file, "b") as two:
        for process in (one, two):
            assert said(process) == "ready"
        for process in (one, two):
            release(process)
        assert [finished(one), finished(two)] == [0, 0]

    assert column(store, "runs", "run_id") == [f"{name}-{n}" for name in "ab" for n in range(5)]
    assert column(store, "metrics", "run_id") == ["a-4", "a-4", "b-4", "b-4"]


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


# Reading


def test_a_select_takes_parameters(store: Store) -> None:
    write(store, part("age", "city"))

    found = store.read("select feature from metrics where feature = $f", {"f": "age"})

    assert found["feature"].to_pylist() == ["age"]


def test_a_wrong_select_is_an_error_of_the_store(store: Store) -> None:
    write(store, part("age"))

    with pytest.raises(StoreError, match="colour"):
        store.read("select colour from metrics")


def test_a_statement_that_is_no_select_is_refused(store: Store) -> None:
    write(store, part("age"))

    with pytest.raises(StoreError):
        store.read("delete from metrics")
    assert store.latest().num_rows == 1


def test_a_python_variable_is_never_taken_for_a_table(store: Store) -> None:
    write(store, part("age"))

    with pytest.raises(StoreError, match="answer"):
        store.read("select * from answer")


def test_metrics_come_worst_first(store: Store) -> None:
    rows = [
        row("metrics", feature=feature, status=status, score=score)
        for feature, status, score in [
            ("fine", "ok", 0.9),
            ("few", "insufficient_data", 5.0),
            ("unsure", "inconclusive", 3.0),
            ("bad", "breached", 1.5),
            ("worse", "breached", 2.5),
            ("broken", "error", None),
        ]
    ]
    write(store, replace(part(), metrics=rows))

    assert store.latest()["feature"].to_pylist() == [
        "worse",
        "bad",
        "broken",
        "unsure",
        "few",
        "fine",
    ]


def test_metrics_have_exactly_the_columns_of_the_table(store: Store) -> None:
    write(store, part("age"))

    for every in (False, True):
        assert tuple(store.metrics(all_windows=every).column_names) == TABLES["metrics"].names


@pytest.fixture
def two_windows(store: Store) -> Store:
    for days in (0, 1):
        shared = {
            "window_start": START + days * DAY,
            "window_end": END + days * DAY,
            "run_id": f"run-{days}",
        }
        rows = [
            row("metrics", feature="age", status="breached", **shared),
            row("metrics", feature="city", **shared),
            row("metrics", feature="city", segment="origin=JFK", **shared),
            row("metrics", feature="city", signal="weekly", metric="mean", **shared),
        ]
        window = replace(part(), metrics=rows, signals=("data_drift", "weekly"))
        window = replace(
            window, window_start=shared["window_start"], window_end=shared["window_end"]
        )
        write(store, window, f"run-{days}", started_at=NOW + days * DAY)
    return store


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({}, 4),
        ({"monitor": "delay"}, 4),
        ({"monitor": "churn"}, 0),
        ({"feature": "city"}, 3),
        ({"feature": ["age", "city"]}, 4),
        ({"feature": []}, 0),
        ({"signal": "weekly"}, 1),
        ({"segment": "__all__"}, 3),
        ({"metric": "mean"}, 1),
        ({"status": ("breached", "warning")}, 1),
        ({"status": "ok", "segment": "origin=JFK"}, 1),
        ({"all_windows": True}, 8),
        ({"all_windows": True, "feature": "age"}, 2),
        ({"since": END}, 4),
        ({"since": START}, 8),
        ({"since": END.replace(tzinfo=UTC)}, 4),
        ({"run_id": "run-0"}, 4),
    ],
)
def test_metrics_are_filtered(two_windows: Store, filters: Any, count: int) -> None:
    assert two_windows.metrics(**filters).num_rows == count


def test_runs_come_newest_first(two_windows: Store) -> None:
    assert two_windows.runs()["run_id"].to_pylist() == ["run-1", "run-0"]


def test_one_run_is_found_by_its_id(two_windows: Store) -> None:
    assert two_windows.run("run-0")["run_id"].to_pylist() == ["run-0"]


def test_an_unknown_run_is_named(two_windows: Store) -> None:
    with pytest.raises(StoreError, match="has no run 'run-9'"):
        two_windows.run("run-9")


def test_status_has_a_row_a_monitor(store: Store) -> None:
    for name in ("delay", "churn"):
        write(store, part("age", monitor=name), f"run-{name}")

    assert store.status()["monitor"].to_pylist() == ["churn", "delay"]
    assert store.status("delay")["feature_count"].to_pylist() == [1]


def test_features_come_by_name(store: Store) -> None:
    write(store, part("city", "age"))

    assert store.features("delay")["feature"].to_pylist() == ["age", "city"]


def test_importing_the_store_loads_neither_duckdb_nor_arrow() -> None:
    code = (
        "import sys, driftline.engine.store; "
        "sys.exit(len({'duckdb', 'pyarrow'} & sys.modules.keys()))"
    )

    assert subprocess.run([sys.executable, "-c", code], env=os.environ, check=False).returncode == 0
