"""What commands cost that run nothing, in a project of many monitors: CPU seconds of the whole process.

    python bench/many_monitors.py                     # a thousand monitors, the cheapest of five calls
    python bench/many_monitors.py --monitors 100 --repeats 3
    python bench/many_monitors.py --folder FOLDER     # keep the project there, to look at it

Each monitor is sixteen lines of the file. The results are those of one run, copied for every monitor, so
that each has been run for its newest slot and `schedule --once` finds nothing due.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb

import driftline
from driftline.bench.measured import measure

DRIFTLINE: Final = Path(sys.executable).parent / "driftline"
LIMIT: Final = 600.0
TEAMS: Final = ("credit", "pricing", "search", "fraud", "marketing")
COMMANDS: Final = ("validate", "ls", "schedule --once")
# What is called before there are results: with none, everything is due.
BEFORE: Final = COMMANDS[:2]

MONITOR: Final = """\
  - name: {team}_{number:04}
    owner: {team}@example.com
    tags: [{team}, tier{tier}]
    schedule: "0 6 * * *"
    time_zone: Europe/Berlin
    production:
      table: scored/*.parquet
      timestamp: scored_at
      window: {{size: P7D}}
    reference: {{table: training.parquet}}
    columns: {{prediction: predicted, score: score}}
    features: [age, income, tenure, region]
    signals:
      data_drift: {{psi: {{warn: 0.1, fail: {fail}}}, js: 0.1}}
      data_quality: [null_value_rate]
    alerts: {{open_after: 2, at_least: {{features: 2}}}}
"""

_ROWS: Final = """
select
    i as id, timestamptz '{newest:%Y-%m-%d %H:%M}+00' - to_minutes(i * 10) as scored_at,
    i % 60 as age, i % 997 * 31.5 as income, i % 40 as tenure, 'r' || i % 6 as region,
    'c' || i % 4 as channel, i % 2 as predicted, i % 101 / 100 as score
from range(1000) as rows (i)
"""

_TABLES: Final = """
select table_name, list(column_name)
from information_schema.columns
where table_schema = 'main'
    and table_name in (select table_name from duckdb_tables() where not temporary)
group by table_name
"""


def write(folder: Path, monitors: int) -> Path:
    """Write the file of so many monitors, and the two small tables that all of them watch."""
    now = datetime.now(UTC)
    (folder / "scored").mkdir()
    for name, newest in (("scored/new.parquet", now), ("training.parquet", now - timedelta(90))):
        duckdb.execute(f"copy ({_ROWS.format(newest=newest)}) to '{folder / name}'")
    parts = (
        MONITOR.format(
            number=number,
            team=TEAMS[number % len(TEAMS)],
            tier=number % 3,
            fail=0.2 + number % 7 / 100,
        )
        for number in range(monitors)
    )
    file = folder / "driftline.yml"
    file.write_text("monitors:\n" + "".join(parts), "utf-8")
    return file


def run(file: Path) -> None:
    """Run the first monitor for its newest slot, and copy its results for every other one."""
    first, *others = (each.name for each in driftline.validate(file).project.monitors)
    driftline.schedule(file, monitors=first, once=True)
    with duckdb.connect(str(file.parent / "driftline.duckdb")) as store:
        store.execute("create temp table others as select unnest($1) as other", [others])
        copies = {"monitor": "other as monitor", "run_id": "md5(run_id || other) as run_id"}
        for table, columns in store.sql(_TABLES).fetchall():
            own = ", ".join(text for name, text in copies.items() if name in columns)
            if own:
                store.execute(
                    f"insert into {table} select * exclude (other) replace ({own})"
                    f" from {table}, others"
                )


def seconds(command: str, folder: Path, repeats: int) -> float:
    """CPU seconds of the cheapest of several calls: what else the machine does only adds.

    Raises:
        RuntimeError: When the command does not do its work.
    """
    found = [measure((DRIFTLINE, *command.split()), LIMIT, folder, {}) for _ in range(repeats)]
    if any(each.exit for each in found):
        raise RuntimeError((folder / "stderr.txt").read_text("utf-8"))
    return min(each.cpu for each in found)


def main() -> None:
    """Write the project, measure the commands, and print their seconds side by side."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--monitors", type=int, default=1_000)
    parser.add_argument(
        "--repeats", type=int, default=5, help="calls, of which the cheapest counts"
    )
    parser.add_argument("--folder", type=Path, help="an empty folder that the project stays in")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = given.folder or Path(made)
        folder.mkdir(exist_ok=True)
        file = write(folder, given.monitors)
        before = {each: seconds(each, folder, given.repeats) for each in BEFORE}
        run(file)
        after = {each: seconds(each, folder, given.repeats) for each in COMMANDS}
        print(f"{given.monitors} monitors, {file.stat().st_size / 1_000:.0f} KB\n")
        print("| CPU seconds | no results | with results |\n| --- | --- | --- |")
        for each in COMMANDS:
            first = f"{before[each]:.2f}" if each in before else "all is due"
            print(f"| {each} | {first} | {after[each]:.2f} |")


if __name__ == "__main__":
    main()
