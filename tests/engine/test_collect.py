"""`driftline collect`: each row once, on its day, whatever is late, broken, killed or elsewhere."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import Result

import driftline
from driftline.engine import collect as collecting
from driftline.engine import collected
from driftline.engine.collect import CollectResult, collect
from driftline.engine.errors import ConfigError, SourceError, StoreError
from driftline.engine.events import column_name, without_secrets
from driftline.engine.records import array, settle, spell, wider

Cli = Callable[..., Result]
Row = dict[str, Any]
HOUR: Final = "model_inputs/2026/11/28/13"
NOON: Final = datetime(2026, 11, 28, 13, 0, 5, tzinfo=UTC)


def event(identity: str, data: Any = None, at: object = NOON, **more: object) -> str:
    """A line of the collector."""
    told: dict[str, object] = {"specversion": "1.0", "id": f"e-{identity}", "source": "endpoint"}
    if at is not None:
        told["time"] = at.isoformat() if isinstance(at, datetime) else at
    if data is not None:
        told["data"] = data
    return json.dumps({**told, "correlationid": identity, **more})


def write(folder: Path, *lines: str, name: str = "i.jsonl") -> Path:
    """Append lines to a file of a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
    return folder / name


def rows(folder: Path, columns: str = "*", order: str = "correlationid") -> list[Row]:
    """The rows of a table, as everyone reads them."""
    files = f"read_parquet('{folder}/*/*.parquet')"
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        if not list(folder.glob("*/*.parquet")):
            return []
        query = f"select {columns} from {files} order by {order}"
        return con.sql(query).to_arrow_table().to_pylist()


def only(result: CollectResult) -> collecting.CollectedTable:
    """What was done for the one table."""
    (table,) = result.tables
    return table


@pytest.fixture
def place(tmp_path: Path) -> tuple[Path, Path]:
    """A source and a destination, which are not there."""
    return tmp_path / "modelDataCollector", tmp_path / "collected"


# By hand


def test_a_request_of_two_rows_is_two_tables_that_join(place: tuple[Path, Path]):
    source, out = place
    deployment = source / "endpoint" / "blue"
    more = {"type": "azureml.inference.model_inputs", "modelversion": "default"}
    write(
        deployment / HOUR,
        event("c1", [{"age": 40, "plan": "pro"}, {"age": 41, "plan": None}], **more),
    )
    write(
        deployment / "model_outputs/2026/11/28/13",
        event("c1", [{"p": 0.25}, {"p": 0.75}], NOON + timedelta(seconds=1)),
    )
    result = collect(source, out)
    assert [(each.table, each.rows, each.lines) for each in result.tables] == [
        ("endpoint/blue/model_inputs", 2, 1),
        ("endpoint/blue/model_outputs", 2, 1),
    ]
    both = duckdb.sql(
        f"""select correlationid, age, plan, p
        from read_parquet('{out}/endpoint/blue/model_inputs/*/*.parquet') as asked
        join read_parquet('{out}/endpoint/blue/model_outputs/*/*.parquet') as told using (correlationid)
        order by correlationid"""
    ).fetchall()
    assert both == [("c1_0", 40, "pro", 0.25), ("c1_1", 41, None, 0.75)]
    first, _ = rows(out / "endpoint/blue/model_inputs")
    assert first == {
        "correlationid": "c1_0",
        "ce_time": NOON,
        "ce_correlationid": "c1",
        "ce_index": 0,
        "age": 40,
        "plan": "pro",
        "ce_specversion": "1.0",
        "ce_id": "e-c1",
        "ce_source": "endpoint",
        "ce_type": "azureml.inference.model_inputs",
        "ce_modelversion": "default",
        "day": date(2026, 11, 28),
    }


@pytest.mark.parametrize(
    ("below", "table"),
    [
        ("", "e/d/model_inputs"), ("e", "d/model_inputs"), ("e/d", "model_inputs"),
        ("e/d/model_inputs", "."), ("e/d/model_inputs/2026/11", "."), (f"e/d/{HOUR}", "."),
    ],
)  # fmt: skip
def test_a_table_is_named_by_its_folder_below_the_source(
    place: tuple[Path, Path], below: str, table: str
):
    source, out = place
    write(source / "e/d" / HOUR, event("c", [{"x": 1}]))
    assert only(collect(source / below, out)).table == table
    assert [row["x"] for row in rows(out / table)] == [1]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ([{"x": 1}, {"y": "a"}], [(1, None), (None, "a")]),
        ({"x": [1, 2], "y": ["a", "b"]}, [(1, "a"), (2, "b")]),
        ({"x": {"0": 1, "1": 2}, "y": {"0": "a", "1": "b"}}, [(1, "a"), (2, "b")]),
        ({"columns": ["x", "y"], "index": [7, 8], "data": [[1, "a"], [2, "b"]]}, [(1, "a"), (2, "b")]),
        ({"x": 1, "y": "a"}, [(1, "a")]),
        ('[{"x": 1, "y": "a"}]', [(1, "a")]),
        ([], []),
    ],
)  # fmt: skip
def test_data_is_rows_in_whichever_way_it_is_oriented(
    place: tuple[Path, Path], data: object, expected: list[tuple[object, ...]]
):
    source, out = place
    write(source / HOUR, event("c", data), event("d", [{"x": 0, "y": "z"}]))
    collect(source, out)
    assert [(row["x"], row["y"]) for row in rows(out / "model_inputs")] == [*expected, (0, "z")]


def test_data_that_is_no_object_is_a_column(place: tuple[Path, Path]):
    source, out = place
    write(source / HOUR, event("a", "free text"), event("b", [[1, 2], {"data": "x"}]))
    collect(source, out)
    assert [row["data"] for row in rows(out / "model_inputs")] == ["free text", "[1,2]", "x"]


# Days


def test_the_event_decides_the_day_and_not_the_folder(place: tuple[Path, Path]):
    source, out = place
    write(
        source / HOUR,
        event("a", [{"x": 1}], "2026-11-27T23:59:59.9999999Z"),
        event("b", [{"x": 2}], "2026-11-29T01:30:00+02:00"),
        event("c", [{"x": 3}], "2026-11-28T12:59:59Z"),
        event("d", [{"x": 4}], "2026-11-28T13:00:00Z"),
    )
    table = only(collect(source, out))
    assert {row["correlationid"]: row["day"] for row in rows(out / "model_inputs")} == {
        "a_0": date(2026, 11, 27),
        "b_0": date(2026, 11, 28),
        "c_0": date(2026, 11, 28),
        "d_0": date(2026, 11, 28),
    }
    # a day and a minute before their folder began
    assert (table.late, table.late_since) == (2, date(2026, 11, 27))
    assert (table.first_day, table.last_day) == (date(2026, 11, 27), date(2026, 11, 28))


def test_what_comes_for_a_day_before_one_that_is_collected_is_late(place: tuple[Path, Path]):
    source, out = place
    write(source / HOUR, event("a", [{"x": 1}]))
    assert only(collect(source, out)).late == 0
    write(source / "model_inputs/2026/11/26/09", event("b", [{"x": 2}] * 2, "2026-11-26T09:01:00Z"))
    table = only(collect(source, out))
    assert (table.rows, table.late, table.late_since) == (2, 2, date(2026, 11, 26))
    assert len(rows(out / "model_inputs")) == 3


def test_an_event_without_a_time_counts_when_its_folder_begins(place: tuple[Path, Path]):
    source, out = place
    write(source / HOUR, event("a", [{"x": 1}], None))
    write(source / "model_inputs/2026/11/28", event("b", [{"x": 1}], None))
    collect(source, out)
    assert [row["ce_time"].hour for row in rows(out / "model_inputs")] == [13, 0]


# Types


@pytest.mark.parametrize(
    ("values", "type_", "found"),
    [
        ([1, 2], "int64", [1, 2]),
        ([1, 1.5], "double", [1.0, 1.5]),
        ([None, 1], "int64", [None, 1]),
        ([None, None], "string", [None, None]),
        ([True, None], "bool", [True, None]),
        ([True, 1], "string", ["true", "1"]),
        ([1.0, 0.5, "a"], "string", ["1", "0.5", "a"]),
        ([2**60 + 1, 1], "int64", [2**60 + 1, 1]),
        ([2**60 + 1, 0.5], "string", [str(2**60 + 1), "0.5"]),
        ([2**70, 1], "string", [str(2**70), "1"]),
        ([{"a": [1, "ä"]}, "x"], "string", ['{"a":[1,"ä"]}', "x"]),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_a_column_has_the_narrowest_type_that_holds_its_values(
    place: tuple[Path, Path], values: list[object], type_: str, found: list[object], together: bool
):
    source, out = place
    for place_, value in enumerate(values):
        write(source / HOUR, event(str(place_), [{"x": value}]))
        if not together:
            collect(source, out)
    collect(source, out)
    assert [row["x"] for row in rows(out / "model_inputs")] == found
    files = sorted((out / "model_inputs").glob("*/*.parquet"))
    assert {str(pq.read_schema(file).field("x").type) for file in files} == {type_}


def test_every_file_of_a_table_has_all_of_its_columns(place: tuple[Path, Path]):
    source, out = place
    write(source / HOUR, event("a", [{"x": 1}]))
    collect(source, out)
    write(source / "model_inputs/2026/11/27/13", event("b", [{"y": 2}], "2026-11-27T13:00:00Z"))
    collect(source, out)
    files = sorted((out / "model_inputs").glob("*/*.parquet"))
    assert len({tuple(pq.read_schema(file)) for file in files}) == 1
    assert [(row["x"], row["y"]) for row in rows(out / "model_inputs")] == [(1, None), (None, 2)]


names = st.text(st.sampled_from("_dataceorlinyiDATCE"), max_size=14) | st.sampled_from(
    [
        "ce_time",
        "CE_Time",
        "correlationid",
        "data_correlationid",
        "data_data_day",
        "day",
        "data_",
        "",
    ]
)


@given(names, names)
def test_no_column_of_the_data_is_taken_for_another(one: str, other: str):
    assert (column_name(one) == column_name(other)) == (one == other)
    taken = column_name(one).lower()
    assert not taken.startswith("ce_")
    assert taken not in ("correlationid", "day", "")


def test_names_of_the_envelope_do_not_hide_names_of_the_data(place: tuple[Path, Path]):
    source, out = place
    data = [{"correlationid": "mine", "day": "Monday", "ce_index": 9, "time": 3}]
    write(source / HOUR, event("c", data, index=5, ce_time="never"))
    collect(source, out)
    (row,) = rows(out / "model_inputs")
    assert (row["correlationid"], row["data_correlationid"]) == ("c_0", "mine")
    assert (row["day"], row["data_day"]) == (date(2026, 11, 28), "Monday")
    assert (row["ce_index"], row["data_ce_index"], row["ce_ce_index"]) == (0, 9, "5")
    assert (row["ce_time"], row["time"], row["ce_ce_ce_time"]) == (NOON, 3, "never")


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("ab1.")


@given(st.lists(scalars, max_size=6), st.lists(scalars, max_size=6))
def test_a_column_that_widens_later_is_the_column_that_is_read_at_once(
    first: list[object], second: list[object]
):
    (early, one), (late, two), (both, kind) = settle(first), settle(second), settle(first + second)
    assert wider(one, two) == kind
    stored = array(early, one).to_pylist()
    assert (
        array(stored, kind).to_pylist() + array(late, kind).to_pylist()
        == array(both, kind).to_pylist()
    )


@given(st.sampled_from(list(range(8))), st.sampled_from(list(range(8))), st.integers(0, 7))
def test_kinds_widen_to_the_same_in_any_order(a: int, b: int, c: int):
    kinds: tuple[Any, ...] = ("null", "bool", "int", "wide", "float", "date", "time", "text")
    one, two, three = kinds[a], kinds[b], kinds[c]
    assert wider(one, two) == wider(two, one)
    assert wider(wider(one, two), three) == wider(one, wider(two, three))


# Again and again


def test_a_second_call_reads_what_is_new_alone(place: tuple[Path, Path]):
    source, out = place
    file = write(source / HOUR, event("a", [{"x": 1}]))
    assert only(collect(source, out)).rows == 1
    again = only(collect(source, out))
    assert (again.files, again.lines, again.rows) == (0, 0, 0)
    write(file.parent, event("b", [{"x": 2}]))
    write(source / "model_inputs/2026/11/28/14", event("c", [{"x": 3}]), name="j.jsonl")
    table = only(collect(source, out))
    assert (table.files, table.lines, table.rows) == (2, 2, 2)
    assert [row["x"] for row in rows(out / "model_inputs")] == [1, 2, 3]


def test_a_line_that_is_being_written_waits_for_its_end(place: tuple[Path, Path]):
    source, out = place
    file = write(source / HOUR, event("a", [{"x": 1}]))
    line = event("b", [{"x": 2}])
    with file.open("a") as more:
        more.write(line[:40])
    table = only(collect(source, out))
    assert (table.rows, table.unfinished, table.malformed) == (1, 1, 0)
    assert only(collect(source, out)).unfinished == 1
    with file.open("a") as more:
        more.write(line[40:])
    # whole, though its line has no end yet
    assert only(collect(source, out)).rows == 1
    with file.open("a") as more:
        more.write("\n\n" + event("c", [{"x": 3}]) + "\n")
    assert only(collect(source, out)).rows == 1
    assert [row["x"] for row in rows(out / "model_inputs")] == [1, 2, 3]


def test_a_file_that_is_gone_is_not_forgotten(place: tuple[Path, Path]):
    source, out = place
    file = write(source / HOUR, event("a", [{"x": 1}]))
    write(file.parent, event("b", [{"x": 2}]), name="j.jsonl")
    collect(source, out)
    text = file.read_text()
    file.unlink()
    collect(source, out)
    file.write_text(text)
    assert only(collect(source, out)).rows == 0
    assert len(rows(out / "model_inputs")) == 2


def test_a_file_that_changed_where_it_was_read_is_told_and_the_others_are_read(
    place: tuple[Path, Path],
):
    source, out = place
    file = write(source / HOUR, event("a", [{"x": 1}]), event("b", [{"x": 2}]))
    collect(source, out)
    file.write_text(event("z", [{"x": 9}]) + "\n")
    write(file.parent, event("c", [{"x": 3}]), name="j.jsonl")
    with pytest.raises(SourceError, match=r"i\.jsonl has changed where it was read") as caught:
        collect(source, out)
    assert caught.value.result.rows == 1
    assert [row["x"] for row in rows(out / "model_inputs")] == [1, 2, 3]


def test_a_file_that_cannot_be_read_stops_no_other(place: tuple[Path, Path]):
    source, out = place
    write(source / HOUR, event("a", [{"x": 1}]), name="j.jsonl")
    (source / HOUR / "i.jsonl").symlink_to("nowhere")
    with pytest.raises(SourceError, match=r"13/i\.jsonl No such file"):
        collect(source, out)
    assert len(rows(out / "model_inputs")) == 1


values = (
    st.none()
    | st.booleans()
    | st.integers(-3, 2**54)
    | st.floats(-2, 2)
    | st.text("ab", max_size=2)
)
requests = st.lists(
    st.tuples(
        st.lists(st.dictionaries(st.sampled_from("xyz"), values, max_size=3), max_size=3),
        st.integers(0, 60),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=10)
@given(st.data(), requests)
def test_any_way_of_cutting_lines_into_files_and_calls_gives_the_same_rows(
    data: st.DataObject, sent: list[tuple[list[Row], int]]
):
    lines = [
        event(f"c{n}", found, NOON + timedelta(hours=hours))
        for n, (found, hours) in enumerate(sent)
    ]
    lines.insert(data.draw(st.integers(0, len(lines))), "no JSON")
    with TemporaryDirectory() as folder:
        once, source, out = (Path(folder, name) for name in ("once", "source", "out"))
        write(once / HOUR, *lines, event("end", [{"x": 1}]))
        collect(once, once.with_name("whole"))
        files = [
            f"{name}.jsonl" for name in data.draw(st.lists(st.sampled_from("abc"), min_size=1))
        ]
        parts: dict[str, str] = {}
        for n, line in enumerate(lines):
            name = files[n % len(files)]
            parts[name] = parts.get(name, "") + line + "\n"
        write(source / HOUR, event("end", [{"x": 1}]))
        malformed = 0
        while parts:
            name = data.draw(st.sampled_from(sorted(parts)))
            # in the middle of a line, too
            cut = data.draw(st.integers(1, len(parts[name])))
            with (source / HOUR / name).open("a") as file:
                file.write(parts[name][:cut])
            parts[name] = parts[name][cut:]
            if not parts[name]:
                del parts[name]
            if data.draw(st.booleans()):
                malformed += only(_collected(source, out)).malformed
        malformed += only(_collected(source, out)).malformed
        assert malformed == 1
        assert _alike(rows(out / "model_inputs")) == _alike(
            rows(once.with_name("whole") / "model_inputs")
        )


def _alike(found: Iterable[Mapping[str, object]]) -> list[dict[str, object]]:
    """Rows whose columns, which have the order in which they were met, are in that of their names."""
    return [dict(sorted(row.items())) for row in found]


def _collected(source: Path, out: Path) -> CollectResult:
    """What is collected, though it may be less than could be."""
    try:
        return collect(source, out)
    except SourceError as error:
        found: CollectResult = error.result
        return found


# Killed


class Killed(BaseException):
    """Stands for a process that ends here."""


def _many(source: Path, count: int = 12) -> None:
    """Files of which later ones widen a column and have another, and one bad line."""
    for n in range(count):
        hour = NOON + timedelta(hours=3 * n)
        value: object = n if n < count // 2 else n + 0.5
        more = {"y": "late"} if n > count - 3 else {}
        lines = [event(f"c{n}-{k}", [{"x": value, **more}] * 2, hour) for k in range(3)]
        write(source / f"model_inputs/{hour:%Y/%m/%d/%H}", *lines)
    write(source / HOUR, "no JSON")


def _seen(out: Path) -> list[str]:
    """Ids of the rows that a reader sees, file by file, whatever columns these have."""
    found: list[str] = []
    for file in (out / "model_inputs").glob("*/*.parquet"):
        found += pq.read_table(file, columns=["correlationid"])["correlationid"].to_pylist()
    return found


def test_a_call_that_ends_at_any_step_is_made_up_for_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    source = tmp_path / "source"
    _many(source, 4)
    monkeypatch.setattr(collecting, "MOST_ROWS", 8)
    collect(source, tmp_path / "whole")
    expected = rows(tmp_path / "whole" / "model_inputs")
    real_fsync, real_replace = os.fsync, Path.replace
    steps = 0

    def step() -> None:
        nonlocal steps
        steps -= 1
        if steps == 0:
            raise Killed

    def fsync(handle: int) -> None:
        step()
        real_fsync(handle)

    def replace(self: Path, target: Path) -> Path:
        step()
        return real_replace(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    for last in range(1, 400):
        steps, out = last, tmp_path / str(last)
        try:
            collect(source, out)
        except Killed:
            seen = _seen(out)
            assert len(seen) == len(set(seen))
        else:
            break
        steps = 0
        collect(source, out)
        if last % 5 == 0 or last < 5:
            assert rows(out / "model_inputs") == expected
        assert sorted(_seen(out)) == [row["correlationid"] for row in expected]
        assert [each.name for each in out.rglob("*.new")] == []
        assert sum(len(each.read_text().splitlines()) for each in out.rglob("*.jsonl")) == 1
    assert last > 25


RUN: Final = """
import sys
from driftline.engine import collect
import pyarrow.parquet
collect.MOST_ROWS = 6
print("ready", flush=True)
collect.collect(*sys.argv[1:])
"""


def test_a_killed_process_leaves_each_row_once_or_not_yet(tmp_path: Path):
    source, out = tmp_path / "source", tmp_path / "out"
    _many(source, 40)
    collect(source, tmp_path / "whole")
    dice = random.Random(7)
    for _ in range(5):
        with subprocess.Popen(
            [sys.executable, "-c", RUN, str(source), str(out)], stdout=subprocess.PIPE
        ) as running:
            assert running.stdout is not None
            running.stdout.readline()
            threading.Event().wait(dice.uniform(0, 0.25))
            running.send_signal(signal.SIGKILL)
        seen = _seen(out)
        assert len(seen) == len(set(seen))
    collect(source, out)
    assert _alike(rows(out / "model_inputs")) == _alike(rows(tmp_path / "whole" / "model_inputs"))


# Two at once


def test_who_collects_already_is_told(place: tuple[Path, Path], cli: Cli):
    source, out = place
    write(source / HOUR, event("a", [{"x": 1}]))
    with collected.collecting(out):
        result = cli("collect", str(source), str(out))
    assert result.exit_code == 3
    assert f"is being collected into by process {os.getpid()} on " in result.stderr
    assert cli("collect", str(source), str(out)).exit_code == 0


def test_calls_at_once_collect_each_row_once(place: tuple[Path, Path]):
    source, out = place
    _many(source)
    outcomes: list[object] = []

    def work() -> None:
        try:
            outcomes.append(collect(source, out).rows)
        except StoreError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sum(each for each in outcomes if isinstance(each, int)) == 72
    seen = _seen(out)
    assert (len(seen), len(set(seen))) == (72, 72)


# Bad lines


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "is not JSON: Expecting property name enclosed in double quotes at character 1"),
        (b"[1]", "is not a JSON object"),
        (b'{"id": "a"}', "has neither data nor dataref"),
        (b'{"data": null}', "has neither data nor dataref"),
        (b'{"data": [{"x": 1}], "time": "noon"}', "has a time that is none: 'noon'"),
        (b'{"data": [{"x": 1}], "time": "0001-01-01T00:00:00+14:00"}', "has a time that is none"),
        (b'{"data": "\xff"}', "is not UTF-8: invalid start byte at byte 10"),
        (b'{"data": [{"x": "\\ud800"}]}', "holds half of a surrogate pair"),
        (b'{"data": {"columns": ["x"], "data": [[1, 2]]}}', "has rows that do not fit"),
        (b'{"data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "cannot be read"),
        (b'{"data": [{"x": ' + b"1" * 5_000 + b"}]}", "cannot be read"),
        (b"\x00" * 20, "is not JSON"),
    ],
)
def test_a_bad_line_is_kept_with_its_place_and_reason_and_stops_nothing(
    place: tuple[Path, Path], line: bytes, reason: str
):
    source, out = place
    file = write(source / HOUR, event("a", [{"x": 1}]))
    with file.open("ab") as more:
        more.write(line + b"\n")
    write(file.parent, event("b", [{"x": 2}]))
    result = collect(source, out)
    table = only(result)
    assert (table.lines, table.rows, table.malformed) == (3, 2, 1)
    (quarantine,) = result.quarantine
    (kept,) = map(json.loads, quarantine.read_text().splitlines())
    assert (kept["file"], kept["line"]) == (f"{HOUR}/i.jsonl", 2)
    assert kept["offset"] == len(event("a", [{"x": 1}])) + 1
    assert kept["reason"].startswith(reason)
    assert kept["text"] == line.decode("utf-8", "backslashreplace")
    assert result.notes[0].startswith(f"{HOUR}/i.jsonl line 2 {reason}")
    # once
    assert collect(source, out).quarantine == ()


def test_a_line_without_a_time_in_no_folder_by_time_is_malformed(place: tuple[Path, Path]):
    source, out = place
    write(source / "model_inputs/2026/13/28/13", event("a", [{"x": 1}], None), event("b", [{}]))
    result = collect(source, out)
    assert [(table.rows, table.malformed) for table in result.tables] == [(1, 1)]
    assert "has no time, and its file is in no folder by time" in result.notes[0]


def test_a_line_that_is_too_long_is_passed_over(
    place: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
):
    source, out = place
    monkeypatch.setattr(collecting, "LONGEST_LINE", 300)
    write(
        source / HOUR,
        event("a", [{"x": 1}]), event("b", [{"x": "y" * 1000}]), event("c", [{"x": 2}]),
    )  # fmt: skip
    table = only(collect(source, out))
    assert (table.lines, table.rows, table.malformed) == (3, 2, 1)
    assert only(collect(source, out)).lines == 0


def test_a_byte_order_mark_is_no_part_of_a_line(place: tuple[Path, Path]):
    source, out = place
    write(source / HOUR, "\ufeff" + event("a", [{"x": 1}]))
    assert only(collect(source, out)).rows == 1


def test_more_than_a_third_of_the_lines_lost_is_an_error_after_all_is_collected(
    place: tuple[Path, Path],
):
    source, out = place
    write(source / HOUR, *[event(str(n), [{"x": n}]) for n in range(3)], "no", "no")
    with pytest.raises(SourceError, match="2 of 5 lines gave no rows: more than a third"):
        collect(source, out)
    assert len(rows(out / "model_inputs")) == 3
    assert collect(source, out).exit_code == 0


# Data that is elsewhere


def _elsewhere(source: Path, way: str) -> str:
    file = source / HOUR / "large" / "d.json"
    return {
        "relative": "large/d.json",
        "below the source": f"{HOUR}/large/d.json",
        "absolute": str(file),
        "file": f"file://{file}",
        "azureml": f"azureml://subscriptions/1/datastores/blob/paths/modelDataCollector/{HOUR}/large/d.json",
        "abfss": f"abfss://box@account.dfs.core.windows.net/modelDataCollector/{HOUR}/large/d.json",
        "https": f"https://account.blob.core.windows.net/box/{HOUR}/large/d.json?sv=1&sig=SECRET",
    }[way]


@pytest.mark.parametrize(
    "way", ["relative", "below the source", "absolute", "file", "azureml", "abfss", "https"]
)
def test_rows_of_another_file_are_read_as_soon_as_it_is_whole(place: tuple[Path, Path], way: str):
    source, out = place
    dataref = _elsewhere(source, way)
    write(
        source / HOUR, event("a", [{"x": 1}]), event("b", dataref=dataref), event("c", [{"x": 4}])
    )
    result = collect(source, out)
    assert (only(result).rows, only(result).waiting) == (2, 1)
    (note, _) = result.notes
    assert note.startswith(f"{HOUR}/i.jsonl line 2 waits: its dataref ")
    text = json.dumps([{"x": 2}, {"x": 3}])
    write(source / HOUR / "large", name="d.json").write_text(text[:-5])
    assert only(collect(source, out)).waiting == 1
    write(source / HOUR / "large", name="d.json").write_text(text)
    found = only(collect(source, out))
    assert (found.rows, found.lines, found.waiting) == (2, 0, 0)
    assert [row["x"] for row in rows(out / "model_inputs")] == [1, 2, 3, 4]
    assert [row["correlationid"] for row in rows(out / "model_inputs")][1:3] == ["b_0", "b_1"]
    assert only(collect(source, out)).rows == 0
    stored = str(rows(out / "model_inputs")) + str(result.notes)
    stored += "".join(each.read_text() for each in out.rglob("*.json"))
    assert "SECRET" not in stored


@pytest.mark.parametrize("dataref", ["../secret.json", "{}/secret.json", "link.json"])
def test_a_line_leads_to_no_file_outside_of_the_source(place: tuple[Path, Path], dataref: str):
    source, out = place
    (source.parent / "secret.json").write_text('[{"x": 1}]')
    write(source / HOUR, event("a", dataref=dataref.format(source.parent)))
    (source / HOUR / "link.json").symlink_to(source.parent / "secret.json")
    (source.parent / HOUR).mkdir(parents=True)
    deeper = dataref.replace("../", "../" * 5)
    write(source / HOUR, event("b", [{"x": 2}]), event("c", dataref=deeper.format(source.parent)))
    result = _collected(source, out)
    assert (only(result).rows, only(result).waiting) == (1, 2)


def test_a_binary_payload_is_where_its_data_says(place: tuple[Path, Path]):
    source, out = place
    write(source / HOUR / "large", name="d.json").write_text('{"x": 7}')
    write(source / HOUR, event("a", "large/d.json", datainblob="true"))
    collect(source, out)
    assert [row["x"] for row in rows(out / "model_inputs")] == [7]


def test_a_signature_or_password_of_a_url_is_not_told():
    assert without_secrets("https://a.b/c?sig=x") == "https://a.b/c"
    assert without_secrets("https://me:pw@a.b/c") == "https://a.b/c"
    assert without_secrets("abfss://box@a.b/c") == "abfss://box@a.b/c"
    assert without_secrets("plain?path") == "plain?path"


# What cannot be done


def test_a_full_disk_leaves_what_was_there_and_the_next_call_makes_up_for_it(
    place: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, cli: Cli
):
    source, out = place
    write(source / HOUR, event("a", [{"x": 1}]))
    collect(source, out)
    write(source / HOUR, event("b", [{"x": 2}]))

    def full(file: Path, *_: object) -> None:
        file.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(collected, "write_parquet", full)
        result = cli("collect", str(source), str(out))
        assert result.exit_code == 3
        assert f"cannot collect into {out}: No space left on device" in result.stderr
    assert [row["x"] for row in rows(out / "model_inputs")] == [1]
    assert only(collect(source, out)).rows == 1
    assert [row["x"] for row in rows(out / "model_inputs")] == [1, 2]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere", "nowhere does not exist"),
        ("file.txt", "file.txt is not a folder"),
        ("empty", "empty has no file of lines"),
        ("azureml://paths/x?sig=SECRET", "azureml://paths/x is not on this machine"),
    ],
)
def test_a_source_that_cannot_be_read_ends_in_one_line_and_exit_code_3(
    cli: Cli, tmp_path: Path, source: str, message: str
):
    (tmp_path / "file.txt").touch()
    (tmp_path / "empty/model_inputs/2026/11/28/13").mkdir(parents=True)
    result = cli("collect", source, "out")
    assert result.exit_code == 3
    assert message in result.stderr.splitlines()[0]
    assert not (tmp_path / "out").exists()


def test_a_destination_in_the_source_is_refused(place: tuple[Path, Path]):
    source, _ = place
    write(source / HOUR, event("a", [{"x": 1}]))
    with pytest.raises(ConfigError, match="is in the folder that is collected"):
        collect(source, source / "out")


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "cannot be read"), ('{"format": 99}', "by a newer Driftline"), ("[]", "cannot be read")],
)
def test_a_manifest_of_something_else_is_refused(place: tuple[Path, Path], text: str, message: str):
    source, out = place
    write(source / HOUR, event("a", [{"x": 1}]))
    (out / "_driftline").mkdir(parents=True)
    (out / "_driftline" / "collected.json").write_text(text)
    with pytest.raises(StoreError, match=message):
        collect(source, out)


# Printed


def test_the_command_prints_what_was_collected_late_and_wrong(cli: Cli, tmp_path: Path):
    more = [event(str(n), [{"x": n}]) for n in range(8)]
    write(tmp_path / "src" / HOUR, event("a", [{"x": 1}] * 2, "2026-11-27T08:00:00Z"), "no", *more)
    result = cli("collect", "src", "out")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "10 rows collected from 1 file into out · 2 late · 1 malformed",
        "",
        "  table         rows  what",
        "  model_inputs    10  2026-11-27 to 2026-11-28",
        "                      2 late, since 2026-11-27",
        "                      1 malformed",
        "",
        f"{HOUR}/i.jsonl line 2 is not JSON: Expecting value at character 0",
        "malformed lines are in out/_quarantine/00000001.jsonl",
    ]
    again = cli("collect", "src", "out")
    assert "model_inputs     0  nothing new" in again.stdout


def test_the_counts_are_json_for_scripts(cli: Cli, tmp_path: Path):
    write(tmp_path / "src" / HOUR, event("a", [{"x": 1}]))
    (row,) = json.loads(cli("collect", "src", "out", "--format", "json", "--quiet").stdout)
    assert row == {
        "table": "model_inputs", "files": 1, "lines": 1, "rows": 1, "late": 0, "late_since": None,
        "malformed": 0, "waiting": 0, "unfinished": 0, "first_day": "2026-11-28",
        "last_day": "2026-11-28",
    }  # fmt: skip


# Watched


def test_a_monitor_watches_collected_inputs_with_the_outputs_joined(tmp_path: Path):
    source = tmp_path / "src"
    at = datetime(2026, 11, 1, tzinfo=UTC)
    for n in range(600):
        now = at + timedelta(hours=n)
        shift = 40 if n >= 300 else 0
        folder = f"{now:%Y/%m/%d/%H}"
        line = event(f"c{n}", [{"age": n % 31 + shift, "plan": "ab"[n % 2]}], now)
        write(source / "model_inputs" / folder, line)
        write(source / "model_outputs" / folder, event(f"c{n}", [{"p": n % 10 / 10}], now))
    collect(source, tmp_path / "collected")
    file = tmp_path / "driftline.yml"
    file.write_text(_project_of_the_page())
    found = driftline.run(file, at="2026-11-26")
    by_feature = {
        (row["feature"], row["metric"]): row["status"]
        for row in found.metrics
        if row["signal"] in ("data_drift", "prediction_drift")
    }
    assert {feature for feature, _ in by_feature} == {"age", "plan", "p"}
    assert by_feature["age", "jensen_shannon_distance"] == "breached"
    assert by_feature["plan", "jensen_shannon_distance"] == "ok"
    assert by_feature["p", "jensen_shannon_distance"] == "ok"


def _project_of_the_page() -> str:
    """The project file that docs/collection.md shows first."""
    page = Path(__file__).parents[2] / "docs" / "collection.md"
    return page.read_text("utf-8").split("```yaml\n")[1].split("```")[0]


def test_a_spelled_number_is_the_same_from_either_kind():
    assert [spell(value) for value in (1, 1.0, -0.0, 0.5, 1e300, True)] == [
        "1", "1", "0", "0.5", "1e+300", "true",
    ]  # fmt: skip


def test_memory_is_bounded_by_batches(place: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch):
    source, out = place
    monkeypatch.setattr(collecting, "MOST_ROWS", 10)
    write(source / HOUR, *(event(str(n), [{"x": n}] * 3) for n in range(20)))
    largest: list[int] = []
    real: Callable[[Any, Any], Path | None] = collected.Collected.commit

    def commit(self: collected.Collected, batch: collected.Batch) -> Path | None:
        largest.append(batch.count)
        return real(self, batch)

    monkeypatch.setattr(collected.Collected, "commit", commit)
    collect(source, out)
    assert sum(largest) == 60
    assert max(largest) <= 12
    assert len(rows(out / "model_inputs")) == 60
