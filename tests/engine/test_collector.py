"""`driftline.Collector`: what a service scores, in files, and never in the way of a request."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import driftline
from driftline.engine import collector as collecting
from driftline.engine.collector import Collector
from driftline.engine.errors import ConfigError

Row = dict[str, Any]
NOON: Final = datetime(2026, 11, 28, 12, 30, tzinfo=UTC)
OURS: Final = ("correlationid", "day", "ce_")


def rows(folder: Path, side: str) -> list[Row]:
    """The rows of a side, as a monitor reads them."""
    files = f"read_parquet('{folder}/{side}/*/*.parquet', union_by_name = true)"
    if not list((folder / side).glob("*/*.parquet")):
        return []
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        return (
            con.sql(f"select * from {files} order by ce_time, correlationid")
            .to_arrow_table()
            .to_pylist()
        )


def data(found: list[Row]) -> list[Row]:
    """Their own columns, without nulls."""
    return [
        {
            name: value
            for name, value in row.items()
            if value is not None and not name.startswith(OURS)
        }
        for row in found
    ]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """A clock that a test sets."""
    now = [NOON]
    monkeypatch.setattr(collecting, "_now", lambda: now[0])
    return now


# What is written


def test_a_request_is_a_row_a_side_with_one_id(tmp_path: Path, clock: list[datetime]):
    with Collector(tmp_path, "churn", sample=1) as collector:
        given = collector.collect({"age": 40, "plan": "pro"}, {"p": 0.25}, correlation_id="r1")
    assert given == "r1"
    (asked,), (told,) = rows(tmp_path / "churn", "inputs"), rows(tmp_path / "churn", "outputs")
    ours = {
        "correlationid": "r1_0", "ce_time": clock[0], "ce_correlationid": "r1", "ce_index": 0,
        "ce_source": "churn", "ce_sample": 1.0, "day": clock[0].date(),
    }  # fmt: skip
    assert asked == {**ours, "age": 40.0, "plan": "pro"}
    assert told == {**ours, "p": 0.25}
    (file,) = (tmp_path / "churn" / "inputs").glob("*/*")
    assert file.parent.name == "day=2026-11-28"
    assert file.name.startswith("hour-12-")


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ({"x": 1, "y": "a"}, [{"x": 1.0, "y": "a"}]),
        ([{"x": 1}, {"y": "a"}], [{"x": 1.0}, {"y": "a"}]),
        ({"x": [1, 2], "y": ["a", "b"]}, [{"x": 1.0, "y": "a"}, {"x": 2.0, "y": "b"}]),
        ({"x": np.array([1, 2]), "y": ["a", None]}, [{"x": 1.0, "y": "a"}, {"x": 2.0}]),
        (pd.DataFrame({"x": [1.5, np.nan], "y": ["a", None]}), [{"x": 1.5, "y": "a"}, {}]),
        (pl.DataFrame({"x": [1, None]}), [{"x": 1.0}, {}]),
        (pa.table({"x": pa.array([1, None], pa.int8())}), [{"x": 1.0}, {}]),
        ({"x": np.float32(0.5), "y": np.int64(3)}, [{"x": 0.5, "y": 3.0}]),
        ({"x": 2**60 + 1}, [{"x": str(2**60 + 1)}]),
        ({"x": {"deep": [1, True]}}, [{"x": '{"deep":[1,true]}'}]),
        ({"x": pd.Timestamp("2026-01-01T01:00+01:00")}, [{"x": datetime(2026, 1, 1, tzinfo=UTC)}]),
        ({"x": "\ud800"}, [{"x": "?"}]),
        ({"correlationid": "mine", "ce_time": 1}, [{"data_correlationid": "mine", "data_ce_time": 1.0}]),
        ([], []),
        (None, []),
    ],
)  # fmt: skip
def test_inputs_are_rows_of_whatever_holds_rows(tmp_path: Path, inputs: Any, expected: list[Row]):
    with Collector(tmp_path, "m") as collector:
        collector.collect(inputs, {"p": 1})
    assert collector.stats.written == 1
    assert data(rows(tmp_path / "m", "inputs")) == expected
    assert data(rows(tmp_path / "m", "outputs")) == [{"p": 1.0}]


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        (0.5, [{"prediction": 0.5}]),
        ("yes", [{"prediction": "yes"}]),
        (np.array([0.5, 0.25]), [{"prediction": 0.5}, {"prediction": 0.25}]),
        (np.array([[0.5, 0.25]]), [{"prediction_0": 0.5, "prediction_1": 0.25}]),
        (pd.Series([True, False]), [{"prediction": True}, {"prediction": False}]),
        ([1, None], [{"prediction": 1.0}, {}]),
    ],
)
def test_predictions_need_no_name(tmp_path: Path, outputs: Any, expected: list[Row]):
    with Collector(tmp_path, "m") as collector:
        collector.collect({"x": 1}, outputs)
    assert data(rows(tmp_path / "m", "outputs")) == expected


@pytest.mark.parametrize("kind", ["object", "frame", "array", "rows"])
def test_what_the_service_changes_afterwards_does_not_matter(tmp_path: Path, kind: str):
    frame, numbers = pd.DataFrame({"x": [1.0]}), np.array([1.0])
    row: Row = {"x": 1.0, "n": [1]}
    inputs = {"object": row, "frame": frame, "array": {"x": numbers}, "rows": [row]}[kind]
    with Collector(tmp_path, "m") as collector:
        collector.collect(inputs)
        frame.loc[0, "x"] = numbers[0] = row["x"] = 9.0
        row["n"].append(2)
    (found,) = data(rows(tmp_path / "m", "inputs"))
    assert found["x"] == 1.0
    assert found.get("n", "[1]") == "[1]"


def test_a_file_is_of_one_hour(tmp_path: Path, clock: list[datetime]):
    with Collector(tmp_path, "m") as collector:
        for n in range(4):
            collector.collect({"n": n})
            clock[0] += timedelta(minutes=20)
    files = sorted((tmp_path / "m" / "inputs").glob("*/*.parquet"))
    assert [file.name[:7] for file in files] == ["hour-12", "hour-13"]
    assert [pq.read_table(file)["n"].to_pylist() for file in files] == [[0.0, 1.0], [2.0, 3.0]]


def test_numbers_are_doubles_so_that_no_reader_rounds_them(tmp_path: Path):
    for value in (1, 1.5):
        with Collector(tmp_path, "m") as collector:
            collector.collect({"x": value})
    files = f"{tmp_path}/m/inputs/*/*.parquet"
    assert sorted(duckdb.sql(f"select x from read_parquet('{files}')").fetchall()) == [
        (1.0,),
        (1.5,),
    ]


def test_a_column_that_is_empty_for_once_keeps_its_type(tmp_path: Path):
    with Collector(tmp_path, "m") as collector:
        for row in ({"x": None, "y": None}, {"x": 1}, {"x": None}):
            collector.collect(row)
            assert collector.flush()
    files = sorted((tmp_path / "m" / "inputs").glob("*/*.parquet"))
    types = [{each.name: str(each.type) for each in pq.read_schema(file)} for file in files]
    assert [("y" in each, each.get("x")) for each in types] == [
        (False, None), (False, "double"), (False, "double"),
    ]  # fmt: skip


# Sampled


def test_sides_and_services_sample_the_same_requests(tmp_path: Path):
    names = [f"request-{n}" for n in range(2000)]
    for name in ("one", "two"):
        with Collector(tmp_path, name, sample=0.3) as collector:
            for each in names:
                collector.collect({"x": 1}, {"p": 1}, each)
        stats = collector.stats
        assert stats.collected + stats.sampled_out == 2000
        # five deviations of a binomial
        assert abs(stats.collected - 600) < 5 * 20.5
    found = [
        {row["ce_correlationid"] for row in rows(tmp_path / name, side)}
        for name in ("one", "two")
        for side in ("inputs", "outputs")
    ]
    assert found[0] == found[1] == found[2] == found[3]
    assert {row["ce_sample"] for row in rows(tmp_path / "one", "inputs")} == {0.3}


def test_a_share_of_nothing_collects_nothing(tmp_path: Path):
    with Collector(tmp_path, "m", sample=0) as collector:
        collector.collect({"x": 1})
    assert collector.stats.sampled_out == 1
    assert list(tmp_path.iterdir()) == []


# Never in the way


def test_a_full_buffer_drops_and_counts_and_no_request_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    stuck, going = threading.Event(), threading.Event()
    real = collecting.write_parquet

    def slow(*given: Any) -> None:
        going.set()
        stuck.wait(30)
        real(*given)

    monkeypatch.setattr(collecting, "write_parquet", slow)
    collector = Collector(tmp_path, "m", buffer_rows=100, flush_seconds=0.01)
    collector.collect({"x": 0})
    assert going.wait(20)
    longest = 0.0
    for n in range(1000):
        before = time.thread_time()
        waited = time.perf_counter()
        collector.collect({"x": n})
        longest = max(longest, time.perf_counter() - waited - (time.thread_time() - before))
    # the disk is stuck for all of it
    assert not stuck.is_set()
    assert longest < 5
    assert (collector.stats.collected, collector.stats.dropped) == (100, 901)
    stuck.set()
    collector.close()
    assert (collector.stats.written, collector.stats.failed) == (100, 0)
    assert len(rows(tmp_path / "m", "inputs")) == 100


def test_a_disk_that_is_full_for_a_while_costs_nothing_that_fits_the_buffer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    real = collecting.write_parquet

    def full(file: Path, *_: Any) -> None:
        if "outputs" in str(file):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(file, *_)

    collector = Collector(tmp_path, "m", buffer_rows=10)
    with monkeypatch.context() as patch:
        patch.setattr(collecting, "write_parquet", full)
        for n in range(12):
            collector.collect({"x": n}, {"p": n})
        assert not collector.flush()
        assert not collector.flush()
        assert list(tmp_path.rglob("*.parquet")) == []
    assert collector.stats.write_errors >= 2
    assert (collector.stats.collected, collector.stats.dropped) == (10, 2)
    assert collector.flush()
    collector.close()
    assert len(rows(tmp_path / "m", "inputs")) == len(rows(tmp_path / "m", "outputs")) == 10


def test_a_folder_that_vanishes_is_made_again(tmp_path: Path):
    folder = tmp_path / "scored"
    with Collector(folder, "m") as collector:
        collector.collect({"x": 1})
        assert collector.flush()
        folder.rename(tmp_path / "gone")
        folder.write_text("in the way")
        collector.collect({"x": 2})
        assert not collector.flush()
        folder.unlink()
        collector.collect({"x": 3})
    assert [row["x"] for row in data(rows(folder / "m", "inputs"))] == [2.0, 3.0]


def test_what_cannot_be_written_at_the_end_is_counted_as_lost(tmp_path: Path):
    (tmp_path / "file").touch()
    collector = Collector(tmp_path / "file", "m")
    collector.collect({"x": 1})
    collector.close()
    assert (collector.stats.collected, collector.stats.written, collector.stats.failed) == (1, 0, 1)
    collector.close()
    assert collector.collect({"x": 2}, correlation_id="late") == "late"
    assert collector.stats.dropped == 1


class Hostile:
    """Raises whatever is asked of it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise RuntimeError(name)

    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    "inputs", [Hostile(), {"x": Hostile()}, [Hostile()], object(), {Hostile(): 1}]
)
def test_data_that_is_no_rows_raises_nothing_and_costs_no_other_request(
    tmp_path: Path, inputs: Any
):
    with Collector(tmp_path, "m") as collector:
        collector.collect({"x": 1}, {"p": 1})
        collector.collect(inputs, {"p": 2})
        assert collector.collect({"x": 3}, {"p": 3}, Hostile()) is None  # type: ignore[arg-type]
        collector.collect({"x": 4}, {"p": 4})
    stats = collector.stats
    assert (stats.written, stats.failed + stats.refused) == (2, 2)
    assert [row["x"] for row in data(rows(tmp_path / "m", "inputs"))] == [1.0, 4.0]
    assert [row["p"] for row in data(rows(tmp_path / "m", "outputs"))] == [1.0, 4.0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"sample": 1.5}, {"sample": float("nan")}, {"buffer_rows": 0}, {"flush_seconds": 0},
        {"name": "a/b"}, {"name": ".."},
    ],
)  # fmt: skip
def test_what_cannot_be_right_is_told_when_the_service_starts(tmp_path: Path, wrong: Row):
    with pytest.raises(ConfigError):
        Collector(tmp_path, **wrong)


def test_files_are_written_without_being_asked_for(tmp_path: Path):
    collector = Collector(tmp_path, "m", flush_seconds=0.05)
    collector.collect({"x": 1})
    deadline = time.monotonic() + 20
    while not collector.stats.written and time.monotonic() < deadline:
        time.sleep(0.02)
    assert collector.stats.written == 1
    collector.close()


def test_half_a_buffer_is_written_before_its_time(tmp_path: Path):
    collector = Collector(tmp_path, "m", flush_seconds=3600, buffer_rows=10)
    for n in range(5):
        collector.collect({"x": n})
    deadline = time.monotonic() + 20
    while not collector.stats.written and time.monotonic() < deadline:
        time.sleep(0.02)
    assert collector.stats.written >= 5
    collector.close()


def test_threads_share_a_collector(tmp_path: Path):
    with Collector(tmp_path, "m", flush_seconds=0.02) as collector:

        def work(place: int) -> None:
            for n in range(200):
                collector.collect({"x": n}, {"p": n}, f"{place}-{n}")

        threads = [threading.Thread(target=work, args=(place,)) for place in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    assert collector.stats.written == 800
    for side in ("inputs", "outputs"):
        assert len({row["correlationid"] for row in rows(tmp_path / "m", side)}) == 800


# Processes

SERVICE: Final = """
import os, signal, sys, driftline
collector = driftline.Collector(sys.argv[1], "m", flush_seconds=3600)
assert "pyarrow" not in sys.modules
for n in range(10):
    collector.collect({"x": n}, {"p": n})
if sys.argv[2] == "fork":
    child = os.fork()
    collector.collect({"x": 100 + (child == 0)}, {"p": 0})
    if child:
        os.waitpid(child, 0)
elif sys.argv[2] == "crash":
    collector.flush()
    collector.collect({"x": 99}, {"p": 99})
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("end", "more"), [("exit", []), ("fork", [100.0, 101.0]), ("crash", [])])
def test_a_process_leaves_what_it_promises(tmp_path: Path, end: str, more: list[float]):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SERVICE, str(tmp_path), end],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (-9 if end == "crash" else 0, "")
    found = [row["x"] for row in data(rows(tmp_path / "m", "inputs"))]
    assert sorted(found) == [*map(float, range(10)), *more]


def test_what_a_crash_left_half_written_is_removed_after_an_hour(
    tmp_path: Path, clock: list[datetime]
):
    folder = tmp_path / "m" / "inputs" / f"day={clock[0]:%Y-%m-%d}"
    folder.mkdir(parents=True)
    old, young = folder / ".hour-11-a.parquet.new", folder / ".hour-12-b.parquet.new"
    for file in (old, young):
        file.write_text("half")
    os.utime(old, (0, 0))
    with Collector(tmp_path, "m") as collector:
        collector.collect({"x": 1})
    assert (old.exists(), young.exists()) == (False, True)
    assert len(rows(tmp_path / "m", "inputs")) == 1


# Watched


def test_a_monitor_watches_what_a_service_scored(tmp_path: Path, clock: list[datetime]):
    with Collector(tmp_path / "scored", "churn") as collector:
        clock[0] = datetime(2026, 11, 20, tzinfo=UTC)
        for n in range(400):
            clock[0] += timedelta(minutes=20)
            collector.collect(
                {"age": n % 30 + 40, "kids": n % 3}, {"prediction": ["no", "yes"][n % 2]}
            )
    ages = {"age": [n % 30 for n in range(400)], "kids": [n % 3 for n in range(400)]}
    predicted = ["no", "yes"] * 200
    pq.write_table(pa.table({**ages, "prediction": predicted}), tmp_path / "training.parquet")
    file = tmp_path / "driftline.yml"
    page = Path(__file__).parents[2] / "docs" / "collection.md"
    file.write_text(page.read_text("utf-8").split("```yaml\n")[2].split("```")[0])
    found = driftline.run(file, at="2026-11-26")
    status = {
        row["feature"]: row["status"]
        for row in found.metrics
        if row["metric"] == "jensen_shannon_distance"
    }
    # a number that is whole on one side alone is the same number
    assert status == {"age": "breached", "kids": "ok", "prediction": "ok"}
