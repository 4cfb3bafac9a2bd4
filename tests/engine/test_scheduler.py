"""Slots of schedules are run once each, late ones are caught up, and a killed scheduler loses nothing."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from cronsim import CronSim
from receivers import Web, web
from typer.testing import Result

import driftline
from driftline.engine import slots
from driftline.engine.config import load_project
from driftline.engine.errors import ConfigError
from driftline.engine.schedule_verbs import run_due
from driftline.engine.scheduler import Scheduler, catch_up_project
from driftline.engine.slots import due, slots_after
from driftline.engine.store import Store

A_DAY = timedelta(days=1)
START = datetime(2026, 3, 1, tzinfo=UTC)
Row = dict[str, Any]

PROJECT = """\
results: {{to: results.duckdb}}
notifications: [{{name: ops, type: webhook, url: "{url}"}}]
monitors:
  - name: churn
    schedule: "{schedule}"
    max_catch_up: {catch_up}
    production: {{table: scored.parquet, timestamp: at, window: {{size: P1D}}}}
    reference: {{table: training.parquet}}
    min_rows: 0
    signals:
      data_drift: {{features: [age], normalized_wasserstein_distance: 0.25}}
{more}"""


def make(folder: Path, *, url: str = "http://127.0.0.1:9/", days: int = 40, **given: str) -> Path:
    """A project whose days drift every fourth day for two days."""
    with duckdb.connect() as con:
        con.execute(
            "copy (select cast(i % 24 as double) as age from range(240) as numbers (i))"
            f" to '{folder}/training.parquet'"
        )
        con.execute(
            f"""copy (
            select timestamp '2026-03-01' + to_hours(cast(i as integer)) as at,
                cast(i % 24 as double) + case when (i // 24) % 4 >= 2 then 24 else 0 end as age
            from range({24 * days}) as numbers (i)) to '{folder}/scored.parquet'"""
        )
    said = {"schedule": "0 0 * * *", "catch_up": "P60D", "more": "", "url": url, **given}
    path = folder / "driftline.yml"
    path.write_text(PROJECT.format(**said), "utf-8")
    return path


class Times:
    """A clock of the tests' own, which moves when it is waited for."""

    def __init__(self, now: datetime, until: datetime | None = None) -> None:
        self.at = now
        self._until = until

    def now(self) -> datetime:
        return self.at

    def wait(self, seconds: float, stop: threading.Event) -> None:
        self.at += timedelta(seconds=max(seconds, 1))
        if self._until is not None and self.at >= self._until:
            stop.set()


def at(day: int, hour: int = 1) -> datetime:
    return START + day * A_DAY + timedelta(hours=hour)


def rows(path: Path, sql: str) -> list[Row]:
    return list(Store(path.parent / "results.duckdb").read(sql).to_pylist())


def days_run(path: Path) -> list[int]:
    found = rows(path, "select requested_at from runs where status <> 'failed' order by started_at")
    return [(row["requested_at"].replace(tzinfo=UTC) - START).days for row in found]


def test_what_was_missed_is_caught_up_oldest_first_as_far_back_as_is_said(tmp_path: Path) -> None:
    path = make(tmp_path, catch_up="P3D")
    # nothing was run before: there is nothing to catch up
    run_due(path, once=True, clock=Times(at(5)))
    assert days_run(path) == [5]
    run_due(path, once=True, clock=Times(at(7)))
    assert days_run(path) == [5, 6, 7]
    assert run_due(path, once=True, clock=Times(at(7, 23))).monitors == ()
    run_due(path, once=True, clock=Times(at(20)))
    assert days_run(path) == [5, 6, 7, 18, 19, 20]
    # what is lost for good is told once, and is over once runs follow each other
    (lost,) = rows(path, "from alerts where metric = 'missing_run'")
    assert (lost["opened_at"].day, lost["closed_at"].day) == (9, 20)
    events = rows(path, "select event from _told where alert_id = '" + lost["alert_id"] + "'")
    assert sorted(row["event"] for row in events) == ["closed", "opened"]


def test_who_catches_up_nothing_runs_the_newest_alone(tmp_path: Path) -> None:
    path = make(tmp_path, more="    catch_up: false\n")
    for day in (5, 9):
        run_due(path, once=True, clock=Times(at(day)))
    assert days_run(path) == [5, 9]


def test_run_catches_up_too_and_counts_what_a_scheduler_ran(tmp_path: Path) -> None:
    path = make(tmp_path)
    run_due(path, once=True, clock=Times(at(5)))
    found = catch_up_project(driftline.validate(path).project, now=at(8))
    assert (len(found.monitors), days_run(path)) == (3, [5, 6, 7, 8])
    with pytest.raises(ConfigError, match="whole windows"):
        driftline.run(path, catch_up=True, at="2026-03-09")


@pytest.mark.parametrize(
    ("moment", "given", "left"),
    [
        # the slot of the seventh itself
        ("2026-03-08", {}, [8]),
        # a part of its window, and a window that is of no slot
        ("2026-03-08", {"select": "feature:age"}, [6, 7, 8]),
        ("2026-03-08T12:00", {}, [6, 7, 8]),
    ],
)
def test_what_counts_as_run_is_a_whole_window_of_a_slot_whoever_ran_it(
    tmp_path: Path, moment: str, given: dict[str, str], left: list[int]
) -> None:
    path = make(tmp_path)
    run_due(path, once=True, clock=Times(at(5)))
    driftline.run(path, at=moment, **given)
    before = len(days_run(path))
    run_due(path, once=True, clock=Times(at(8)))
    assert days_run(path)[before:] == left
    # and once more there is nothing to do
    run_due(path, once=True, clock=Times(at(8)))
    assert len(days_run(path)) == before + len(left)


def test_a_scheduler_goes_on_until_it_is_stopped(tmp_path: Path) -> None:
    path = make(tmp_path)
    heard: list[int] = []
    run_due(
        path,
        clock=Times(at(3), until=at(6, 3)),
        stop=threading.Event(),
        told=lambda result: heard.append(len(result.monitors)),
    )
    assert days_run(path) == [3, 4, 5, 6]
    assert heard == [1, 1, 1, 1]


def test_a_run_that_failed_is_made_again_after_a_pause_and_told_once(tmp_path: Path) -> None:
    path = make(tmp_path)
    (tmp_path / "scored.parquet").rename(tmp_path / "away.parquet")
    times = Times(at(5))

    def once() -> str:
        try:
            found = run_due(path, once=True, clock=times)
        except driftline.DriftlineError:
            return "failed"
        return "ran" if found.monitors else "waited"

    told = [once(), once()]
    times.at += timedelta(seconds=90)
    told += [once(), once()]
    times.at += timedelta(seconds=90)
    # the second pause is twice as long
    told.append(once())
    times.at += timedelta(seconds=90)
    (tmp_path / "away.parquet").rename(tmp_path / "scored.parquet")
    told.append(once())
    assert told == ["failed", "waited", "failed", "waited", "waited", "ran"]
    assert days_run(path) == [5]
    (alert,) = rows(path, "from alerts where metric = 'failed_run'")
    assert (alert["window_count"], alert["closed_at"] is not None) == (2, True)
    events = rows(path, "select event from _outbox order by created_at")
    assert [row["event"] for row in events] == ["opened", "closed"]


def test_windows_whose_rows_change_in_number_are_computed_again_and_no_others(
    tmp_path: Path,
) -> None:
    path = make(tmp_path, more="    reprocess: P3D\n")
    for day in (5, 6, 7, 8):
        run_due(path, once=True, clock=Times(at(day)))
    before = {row["window_end"]: row["run_id"] for row in rows(path, "from metrics")}
    with duckdb.connect() as con:
        con.execute(
            f"copy (select * from '{tmp_path}/scored.parquet'"
            " where \"at\" < '2026-03-07 12:00' or \"at\" >= '2026-03-08')"
            f" to '{tmp_path}/less.parquet'"
        )
    (tmp_path / "less.parquet").replace(tmp_path / "scored.parquet")
    found = run_due(path, once=True, clock=Times(at(9)))
    assert [each.run["requested_at"].day for each in found.monitors] == [10, 8]
    after = {row["window_end"]: row["run_id"] for row in rows(path, "from metrics")}
    assert [end.day for end in before if before[end] != after[end]] == [8]
    counts = rows(path, "select window_date, value from metrics where metric = 'row_count'")
    assert {row["window_date"].day: row["value"] for row in counts}[7] == 12
    # nothing of it is told as news, and nothing is computed twice
    assert len(run_due(path, once=True, clock=Times(at(10))).monitors) == 1


def test_a_slot_that_someone_else_is_at_is_left_to_them_until_they_are_gone(tmp_path: Path) -> None:
    path = make(tmp_path)
    project = driftline.validate(path).project
    mine, other = (
        Scheduler.of(project, clock=Times(at(5)), holder=name)
        for name in (f"here:{os.getpid()}:a", "elsewhere:1:b")
    )
    store = Store(tmp_path / "results.duckdb")
    from driftline.engine.scheduler import _Slot

    assert _Slot(store, "churn", at(5, 0), other.holder, other.clock).take()
    assert mine.once().monitors == ()
    mine.clock = Times(at(5) + timedelta(minutes=11))
    assert len(mine.once().monitors) == 1
    # who comes back finds that its results would be too late
    late = _Slot(store, "churn", at(5, 0), other.holder, other.clock)
    with pytest.raises(driftline.StoreError, match="another scheduler"), store.writing() as tables:
        late.finish(tables, "run")


def test_two_schedulers_run_no_slot_twice_and_lose_none(tmp_path: Path) -> None:
    path = make(tmp_path)
    project = driftline.validate(path).project
    # each looks again and again, at times that do not fit together
    begun, last = time.monotonic(), at(12)

    class Fast:
        def __init__(self, shift: float) -> None:
            self.shift = shift

        def now(self) -> datetime:
            return min(last, at(1) + (time.monotonic() - begun + self.shift) * A_DAY * 2)

        def wait(self, _seconds: float, stop: threading.Event) -> None:
            if self.now() >= last:
                stop.set()
            time.sleep(0.01)

    found = [Scheduler.of(project, clock=Fast(shift), holder=f"x:{os.getpid()}:{shift}")
             for shift in (0.0, 0.07)]  # fmt: skip
    threads = [threading.Thread(target=each.serve) for each in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ran = days_run(path)
    assert sorted(set(ran)) == sorted(ran)
    assert sorted(ran) == list(range(min(ran), max(ran) + 1))
    assert max(ran) == 12
    slots = rows(path, "select slot, finished_at, run_id from _slots order by slot")
    assert [(row["slot"].replace(tzinfo=UTC) - START).days for row in slots] == sorted(ran)
    assert all(row["finished_at"] for row in slots)


# Killed at any instant

SLOTS = 30
KILLS = 50
TABLES = ("metrics", "histograms", "profiles", "features", "alerts")
ASIDE = ("run_id", "computed_at")


def stored(path: Path) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for table in TABLES:
        found[table] = sorted(
            (
                {k: v for k, v in row.items() if k not in ASIDE}
                for row in rows(path, f"from {table}")
            ),
            key=repr,
        )
    return found


def keys(server: Web) -> list[str]:
    return [json.loads(got.body)["id"] for got in server.got]


def _runs_to_the_end(path: Path, now: datetime) -> None:
    run_due(path, once=True, clock=Times(now))


def test_a_scheduler_killed_at_any_instant_leaves_what_an_undisturbed_one_leaves(
    tmp_path: Path,
) -> None:
    left, told = [], []
    for name in ("undisturbed", "killed"):
        (tmp_path / name).mkdir()
        with web() as server:
            path = make(tmp_path / name, url=server.url)
            run_due(path, once=True, clock=Times(at(1)))
            if name == "killed":
                kill_often(path)
            run_due(path, once=True, clock=Times(at(SLOTS)))
            left.append(stored(path))
            told.append(keys(server))
        assert days_run(path) == list(range(1, SLOTS + 1))
    assert left[0] == left[1]
    assert len(left[0]["alerts"]) == 7
    # each message came, at least once, by the same key
    assert len(set(told[0])) == len(told[0])
    assert set(told[0]) == set(told[1])


def kill_often(path: Path) -> None:
    """Have processes run what is due, and kill each at some instant, until so many were killed."""
    chance = random.Random(7)
    context = multiprocessing.get_context("fork")
    kills = tries = 0
    while kills < KILLS:
        # now and then another slot is due
        tries += 1
        day = min(SLOTS, 1 + tries * SLOTS // (KILLS + 10))
        process = context.Process(target=_runs_to_the_end, args=(path, at(day)))
        process.start()
        process.join(chance.uniform(0.0, 0.6))
        if process.is_alive():
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.join()


# When


@pytest.mark.parametrize(
    ("schedule", "first", "local"),
    [
        # 2:30 does not exist on 29 March, and exists twice on 25 October
        ("30 2 * * *", "2026-03-28T12:00", ["03-29 03:00", "03-30 02:30", "03-31 02:30"]),
        ("30 2 * * *", "2026-10-24T12:00", ["10-25 02:30", "10-26 02:30", "10-27 02:30"]),
        ("0 */6 * * *", "2026-03-28T20:00", ["03-29 00:00", "03-29 06:00", "03-29 12:00"]),
        ("P1D", "2026-03-28T12:00", ["03-29 00:00", "03-30 00:00", "03-31 00:00"]),
        ("P1M", "2026-01-30T12:00", ["02-01 00:00", "03-01 00:00", "04-01 00:00"]),
        ("PT12H", "2026-10-24T20:00", ["10-25 00:00", "10-25 11:00", "10-25 23:00"]),
    ],
)
def test_slots_are_neither_lost_nor_doubled_when_clocks_change(
    schedule: str, first: str, local: list[str]
) -> None:
    zone = ZoneInfo("Europe/Berlin")
    start = datetime.fromisoformat(first).replace(tzinfo=zone)
    found = list(islice(slots_after(schedule, start, "Europe/Berlin"), 3))
    assert [each.astimezone(zone).strftime("%m-%d %H:%M") for each in found] == local
    assert len(set(found)) == 3


def test_a_year_of_slots_is_found_whatever_step_it_is_looked_at_in(tmp_path: Path) -> None:
    project = driftline.validate(make(tmp_path, schedule="30 2 * * *")).project
    monitor = project.monitors[0]
    whole = list(islice(slots_after("30 2 * * *", START, "UTC"), 60))
    seen: list[datetime] = []
    now, done = START, START
    chance = random.Random(3)
    while now < whole[-1]:
        now += timedelta(hours=chance.uniform(1, 90))
        for slot in due(monitor, done, now):
            seen.append(slot)
            done = slot
    more = islice(slots_after("30 2 * * *", START, "UTC"), len(whole) + 10)
    assert seen == [slot for slot in more if slot <= now]


def test_sigterm_lets_what_is_being_stored_end_and_exits_with_130(
    cli: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path)
    cli("run", "--at", "2026-03-04")
    from driftline.engine import journal

    real = journal.settle

    def settle(*args: Any, **given: Any) -> Any:
        # in the midst of the transaction that stores the results
        os.kill(os.getpid(), signal.SIGTERM)
        return real(*args, **given)

    monkeypatch.setattr(journal, "settle", settle)
    found = cli("schedule", "--once")
    assert found.exit_code == 130, found.output
    # of all days that are due the one that was being stored is
    assert len(days_run(tmp_path / "driftline.yml")) == 2


def test_projects_without_a_schedule_are_told_how_to_give_one(
    cli: Callable[..., Result], tmp_path: Path
) -> None:
    make(tmp_path)
    text = (tmp_path / "driftline.yml").read_text("utf-8")
    (tmp_path / "driftline.yml").write_text(
        text.replace('    schedule: "0 0 * * *"\n', ""), "utf-8"
    )
    found = cli("schedule", "--once")
    assert found.exit_code == 2
    assert "no schedule is given for churn" in found.output


def test_a_schedule_that_monitors_share_is_looked_up_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = (
        "  - {{name: copy{}, schedule: '0 0 * * *', max_catch_up: P60D, reference: {{table: b.parquet}},"
        " production: {{table: a.parquet, timestamp: at}}}}\n"
    )
    file = make(tmp_path, more="".join(shared.format(number) for number in range(30)))
    asked: list[Any] = []

    def counted(*given: Any) -> Any:
        asked.append(given)
        return CronSim(*given)

    monkeypatch.setattr(slots, "CronSim", counted)
    found = [due(each, START, START + 2.4321 * A_DAY) for each in load_project(file).monitors]
    assert found == [[START + A_DAY, START + 2 * A_DAY]] * 31
    assert len(asked) == 1
