"""Let schedulers of several processes run one project side by side at a fast clock, and count slots.

    python bench/soak.py                                     # two for five minutes, results in a DuckDB file
    python bench/soak.py --seconds 30 --schedulers 3 --pace 4
    python bench/soak.py --store postgres                    # PGHOST, PGUSER, PGDATABASE, … say where

The clock goes through `pace` slots a second, each an hour of rows, for each of two monitors. Each scheduler's
clock is a little ahead of that of the one before, so that they come to a slot at other moments. On
PostgreSQL rows and results are in the schema driftline_soak, which is made anew. Prints a line of JSON, and
exits with 1 where a slot was run twice or is lost.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import duckdb

import driftline
from driftline.engine.errors import DriftlineError
from driftline.engine.schedule_verbs import run_due
from driftline.engine.store import store_of
from driftline.engine.warehouses.postgres import Postgres

SCHEMA: Final = "driftline_soak"
MONITORS: Final = ("one", "other")
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
AN_HOUR: Final = timedelta(hours=1)
ROWS_AN_HOUR: Final = 48
# How far apart the clocks of two schedulers are, in slots.
APART: Final = 0.07

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Found:
    """What became of the slots.

    Attributes:
        slots: That there were, of all monitors.
        runs: That succeeded.
        taken: How many slots each scheduler finished, the busiest first.
        twice: Slots that several runs succeeded for.
        lost: Slots that none did, or that nobody finished.
        failed: Runs that failed.
    """

    slots: int
    runs: int
    taken: tuple[int, ...]
    twice: int
    lost: int
    failed: int


def count(
    expected: Iterable[tuple[str, datetime]], runs: Sequence[Row], slots: Sequence[Row]
) -> Found:
    """Hold runs and finished slots against those that were expected.

    Args:
        expected: Monitor and moment, naive UTC.
        runs: `monitor`, `requested_at`, `status` of each run.
        slots: `monitor`, `slot`, `holder`, `finished_at`, `run_id` of each slot that was taken on.
    """
    wanted = {*expected}
    made = Counter(
        (row["monitor"], row["requested_at"]) for row in runs if row["status"] != "failed"
    )
    done = {(row["monitor"], row["slot"]) for row in slots if row["finished_at"] and row["run_id"]}
    taken = Counter(row["holder"] for row in slots if row["finished_at"])
    return Found(
        len(wanted),
        made.total(),
        tuple(sorted(taken.values(), reverse=True)),
        sum(1 for times in made.values() if times > 1),
        len(wanted - {*made} | wanted - done),
        sum(1 for row in runs if row["status"] == "failed"),
    )


class Fast:
    """A clock that goes through so many hours a second, up to the last."""

    def __init__(self, begun: float, pace: float, ahead: float, last: datetime) -> None:
        self._begun, self._pace, self._ahead, self._last = begun, pace, ahead, last
        self._is_over = False

    def now(self) -> datetime:
        """The time, aware."""
        # the clock of the machine alone is the same in all processes
        hours = (time.time() - self._begun) * self._pace + self._ahead
        return min(self._last, START + max(0.0, hours) * AN_HOUR)

    def wait(self, seconds: float, stop: threading.Event) -> None:
        """Wait for the next slot; stop after a round that began at the last moment."""
        if self._is_over:
            stop.set()
        self._is_over = self.now() >= self._last
        stop.wait(min(seconds / 3600 / self._pace, 1.0))


def make(folder: Path, hours: int, store: str) -> Path:
    """The project and its rows."""
    made = (
        f"select timestamp '{START:%Y-%m-%d}' + to_minutes(cast(i * 60 // {ROWS_AN_HOUR} as integer))"
        f" as at, cast(i * 7919 % 1009 as double) as amount, 'g' || (i % 5) as kind"
        f" from range({ROWS_AN_HOUR * (hours + 1)}) as numbers (i)"
    )
    tables = {side: f"{folder}/{side}.parquet" for side in ("scored", "training")}
    with duckdb.connect() as con:
        for file in tables.values():
            con.execute(f"copy ({made}) to '{file}'")
        rows = con.sql(made).to_arrow_table()
    project: dict[str, Any] = {"results": {"to": f"{folder}/results.duckdb"}}
    if store == "postgres":
        _load(rows)
        tables = {side: side for side in tables}
        project = {
            "connection": {"type": "postgres", "schema": SCHEMA},
            "results": {"connection": "same", "schema": SCHEMA},
        }
    project["monitors"] = [
        {
            "name": name,
            "schedule": {"every": "PT1H"},
            "max_catch_up": "P10Y",
            "production": {
                "table": tables["scored"],
                "timestamp": "at",
                "window": {"size": "PT1H"},
            },
            "reference": {"table": tables["training"]},
            "min_rows": 0,
            "signals": {"data_drift": {"features": ["amount", "kind"]}},
        }
        for name in MONITORS
    ]
    path = folder / "driftline.yml"
    path.write_text(json.dumps(project), "utf-8")
    return path


def _load(rows: Any) -> None:
    from adbc_driver_postgresql import dbapi

    made = dbapi.connect("application_name=driftline_soak", autocommit=True)
    with made as connection, connection.cursor() as cursor:
        cursor.execute(f"drop schema if exists {SCHEMA} cascade")
        cursor.execute(f"create schema {SCHEMA}")
        for side in ("scored", "training"):
            cursor.adbc_ingest(side, rows, mode="create", db_schema_name=SCHEMA)


def _serve(path: Path, clock: Fast) -> None:
    run_due(path, clock=clock)


def soak(path: Path, hours: int, pace: float, schedulers: int) -> Found:
    """Run the schedulers until the last hour, and count.

    Args:
        path: The project.
        hours: Slots of each monitor.
        pace: Slots a second.
        schedulers: Processes.
    """
    context = multiprocessing.get_context("spawn")
    last = START + hours * AN_HOUR
    # the first slot that is ever due is that of the moment the first look is taken at: begin behind it
    run_due(path, once=True, clock=Fast(time.time(), 1e-9, 1.0, last))
    begun = time.time()
    processes = [
        context.Process(target=_serve, args=(path, Fast(begun, pace, 1 + k * APART, last)))
        for k in range(schedulers)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes):
        raise DriftlineError(f"a scheduler ended with {[p.exitcode for p in processes]}")
    store = store_of(driftline.validate(path).project)
    moments = [(START + k * AN_HOUR).replace(tzinfo=None) for k in range(1, hours + 1)]
    return count(
        [(name, moment) for name in MONITORS for moment in moments],
        store.read("select monitor, requested_at, status from runs").to_pylist(),
        store.read("select monitor, slot, holder, finished_at, run_id from _slots").to_pylist(),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it as it is asked for, and print what was found."""
    parser = argparse.ArgumentParser(description="Let several schedulers run one project.")
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--pace", type=float, default=0.2, help="slots a second, of each monitor")
    parser.add_argument("--schedulers", type=int, default=2)
    parser.add_argument("--store", choices=("duckdb", "postgres"), default="duckdb")
    given = parser.parse_args(arguments)
    hours = max(2, round(given.seconds * given.pace))
    with tempfile.TemporaryDirectory() as folder:
        path = make(Path(folder), hours, given.store)
        started = time.monotonic()
        found = soak(path, hours, given.pace, given.schedulers)
        seconds = round(time.monotonic() - started, 1)
    version = duckdb.__version__
    if given.store == "postgres":
        with closing(Postgres({})) as session:
            asked = session.fetch("select current_setting('server_version') as version")
            version = asked.to_pylist()[0]["version"]
    print(
        json.dumps({"store": given.store, "version": version, "seconds": seconds} | asdict(found))
    )
    return 1 if found.twice or found.lost else 0


if __name__ == "__main__":
    sys.exit(main())
