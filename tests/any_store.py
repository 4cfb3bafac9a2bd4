"""What every results store does, wherever its tables are.

Each place's own tests import this: they give the fixture `store`, which is empty, and `address`, from
which `opened` makes another one over the same tables.
"""

from __future__ import annotations

import json
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from driftline.engine.errors import StoreError
from driftline.engine.messages import Message
from driftline.engine.outbox import Row as Letter
from driftline.engine.outbox import failed, next_up, rows_of, taken
from driftline.engine.project import Connection
from driftline.engine.results import TABLES, arrow_schema, metric_id
from driftline.engine.store import Store
from driftline.engine.stored import Slice
from driftline.engine.storefile import FileTables, ResultsFile
from driftline.engine.storeschema import ResultsSchema, SchemaTables

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


def opened(address: str) -> Store:
    """A store over a file, or over a schema: `{"type": …, "options": …, "schema": …}`."""
    if not address.startswith("{"):
        return Store(Path(address), wait_seconds=20)
    told = json.loads(address)
    if told["type"] == "duckdb":
        file = Path(told["options"]["database"])
        return Store(ResultsFile(file, told["schema"]), wait_seconds=20)
    connection = Connection(told["type"], told["options"])
    return Store(ResultsSchema(connection, told["schema"]), wait_seconds=20)


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
    rows = store.read(f"select {name} as wanted from {table} order by 1")
    return rows["wanted"].to_pylist()


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
    before = {name: store.read(f"select * from {name}").drop_columns("run_id") for name in FACTS}
    write(store, part("city", "age", value=0.1 + 0.2, run_id="run-2"), "run-2")

    for name in FACTS:
        assert store.read(f"select * from {name}").drop_columns("run_id").equals(before[name])


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

    found = store.read("select signal, feature, value from metrics order by signal").to_pylist()
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


def fail_at(
    set_: Callable[[object, str, object], None], table: str, how: Callable[[], object]
) -> None:
    """Make every store fail when it is about to insert into a table."""
    for tables in (FileTables, SchemaTables):

        def failing(at: Any, name: str, rows: pa.Table, put: Any = tables.put) -> None:
            if name == table:
                how()
            put(at, name, rows)

        set_(tables, "put", failing)


KILLED_AT_A_TABLE = """
import os, signal
t["fail_at"](setattr, sys.argv[2], lambda: os.kill(os.getpid(), signal.SIGKILL))
store = t["opened"](sys.argv[1])
t["write"](store, t["part"]("age", "city", value=0.2, run_id="run-2"), "run-2")
"""


@pytest.mark.parametrize("table", ["metrics", "histograms", "statements"])
def test_a_run_killed_inside_the_transaction_leaves_the_old_rows(
    store: Store, address: str, table: str
) -> None:
    write(store, part("age", value=0.1))

    with python(KILLED_AT_A_TABLE, address, table) as process:
        assert finished(process) == -signal.SIGKILL

    assert {run_id for name in FACTS for run_id in column(store, name, "run_id")} == {"run-1"}
    assert column(store, "metrics", "value") == [0.1]


def test_the_first_run_killed_inside_the_transaction_leaves_no_results(
    store: Store, address: str
) -> None:
    with python(KILLED_AT_A_TABLE, address, "metrics") as process:
        assert finished(process) == -signal.SIGKILL

    assert store.version() is None
    write(store, part("age"))
    assert store.latest().num_rows == 1


WRITING = """
store = t["opened"](sys.argv[1])
name = sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
for number in range(5):
    run_id = f"{name}-{number}"
    t["write"](store, t["part"]("age", "city", monitor=name, run_id=run_id), run_id)
"""


def release(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_two_processes_that_write_at_once_both_succeed(store: Store, address: str) -> None:
    with python(WRITING, address, "a") as one, python(WRITING, address, "b") as two:
        for process in (one, two):
            assert said(process) == "ready"
        for process in (one, two):
            release(process)
        assert [finished(one), finished(two)] == [0, 0]

    assert column(store, "runs", "run_id") == [f"{name}-{n}" for name in "ab" for n in range(5)]
    assert column(store, "metrics", "run_id") == ["a-4", "a-4", "b-4", "b-4"]


# Reading


def test_messages_wait_in_the_outbox_until_they_are_taken(store: Store) -> None:
    told = Message(
        id="m1",
        event="opened",
        monitor="it's größe",
        model=None,
        owner=None,
        severity="high",
        window_start=START,
        window_end=END,
        title="opened",
        text='a "quoted" line\nand \\ another',
        incidents=({"feature": "größe", "value": 0.1},),
        links={},
        command="driftline show",
        created_at=NOW,
    )
    minute = timedelta(minutes=1)
    rows = rows_of([told], ["mail", "chat"])
    assert store.unsent() == []
    assert store.enqueue(rows[:1]) == 1
    assert store.enqueue(rows) == 1

    def claim(rows: Sequence[Letter]) -> list[Letter]:
        found = next_up(rows, {"mail", "chat"}, NOW, minute)
        return [] if found is None else [found]

    (chat,) = store.change_outbox(claim)
    (mail,) = store.change_outbox(claim)
    assert store.change_outbox(claim) == []
    assert (chat.channel, mail.channel) == ("chat", "mail")
    assert mail.message == told
    assert mail.claimed_until == NOW + minute
    store.change_outbox(lambda _: [taken(mail, NOW), failed(chat, NOW, "refused: it's down")])

    (waiting,) = store.unsent()
    assert waiting.key == ("m1", "chat")
    assert (waiting.attempts, waiting.last_error) == (1, "refused: it's down")
    assert (waiting.next_attempt_at, waiting.claimed_until) == (NOW + minute, None)
    assert column(store, "_outbox", "sent_at").count(NOW) == 1


def test_counted_windows_keep_columns_of_the_same_rows_and_old_ones_go(store: Store) -> None:
    def keep(day: int, key: str = "k", rows: int = 10, **features: bytes) -> None:
        head = {
            "monitor": "delay",
            "window_start": START + day * DAY,
            "window_end": START + (day + 1) * DAY,
            "rows_key": key,
            "row_count": rows,
            "counted_at": NOW,
        }
        every: list[Row] = [{**head, "feature": "__all__", "counted": None}]
        every += [{**head, "feature": f, "counted": c} for f, c in features.items()]
        store.save_window(every, START + DAY)

    days = [(START + n * DAY, START + (n + 1) * DAY) for n in range(4)]
    assert store.counted_windows("delay", "k") == {}
    assert store.counted_columns("delay", days) == {day: {} for day in days}
    content = bytes(range(256)) * 9
    keep(1, age=b"old", city=b"city")
    keep(2, age=b"2", city=b"of fewer rows")
    keep(1, age=content)
    keep(2, rows=12, age=b"2")

    assert store.counted_windows("delay", "k") == {days[1]: 10, days[2]: 12}
    assert store.counted_windows("delay", "other") == store.counted_windows("other", "k") == {}
    found = store.counted_columns("delay", days[1:3])
    assert found == {days[1]: {"age": content, "city": b"city"}, days[2]: {"age": b"2"}}

    keep(0, age=b"0")
    keep(3, age=b"3")
    assert sorted(store.counted_windows("delay", "k")) == days[1:]
    keep(3, key="another filter", age=b"4")
    assert store.counted_windows("delay", "k") == {}
    assert store.counted_columns("delay", days) == {
        **{day: {} for day in days[:3]},
        days[3]: {"age": b"4"},
    }


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
