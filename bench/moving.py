"""What a run against the last four weeks costs: their windows counted before, or read again.

    python bench/moving.py                                    # the table of docs/references.md
    python bench/moving.py --rows 20000 --repeats 1           # a look

Days of equal rows and one law: numbers and texts. Every day but the last is measured by a monitor whose
reference is frozen; then the last day is measured in turn, by it and by one that reads its reference.
Wall and processor seconds are of the run alone, the smallest of the repeats.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb

import driftline

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
# Days before those of the reference: the first has nothing that would place its grids.
BEFORE: Final = 3
NUMBERS: Final = 15
TEXTS: Final = 5

PROJECT: Final = """\
results: {{to: {results}}}
monitors:
  - name: orders
    exact: {exact}
    production: {{table: orders.parquet, timestamp: at, window: {{size: P1D}}}}
    reference: {{window: {{size: P{days}D}}, frozen: {frozen}}}
    signals: {{data_drift: {{}}, data_quality: {{}}}}
"""


def write(folder: Path, rows: int, days: int) -> None:
    """Rows of all days, a day after the other.

    Args:
        folder: Where to.
        rows: Of each day.
        days: That the reference has.
    """
    numbers = ", ".join(
        f"10 * (random() * {k + 1} + random()) + case when random() < 0.01 then 100 else 0 end"
        f" as x{k}"
        for k in range(NUMBERS)
    )
    texts = ", ".join(
        f"'c' || cast(floor(random() * random() * {5 + 10 * k}) as integer) as t{k}"
        for k in range(TEXTS)
    )
    with duckdb.connect() as connection:
        connection.execute("select setseed(0.5)")
        connection.execute(
            f"copy (select timestamp '{START:%Y-%m-%d}' + to_microseconds(i * (86400000000 // {rows}))"
            f" as at, {numbers}, {texts} from range({(BEFORE + days + 1) * rows}) as t(i))"
            f" to '{folder / 'orders.parquet'}' (format parquet)"
        )


def project(folder: Path, days: int, exact: str, *, frozen: bool) -> Path:
    """A project file whose results are a copy of those that are there, or none."""
    name = "counted" if frozen else "read"
    path = folder / f"{name}.yml"
    path.write_text(
        PROJECT.format(
            results=f"{name}.duckdb", exact=exact, days=days, frozen=str(frozen).lower()
        ),
        "utf-8",
    )
    return path


def measured(path: Path, at: datetime) -> tuple[float, float, int]:
    """Wall and processor seconds of a run, and the rows it read."""
    wall, used = time.perf_counter(), os.times()
    found = driftline.run(path, at=at)
    now = os.times()
    spent = now.user + now.system - used.user - used.system
    return time.perf_counter() - wall, spent, found.runs[0]["scanned_rows"]


def table(rows: int, days: int, repeats: int) -> Iterator[str]:
    """The lines of the table."""
    yield "| `exact` | reference | rows counted | wall seconds | CPU seconds | CPU |"
    yield "|---|---|---|---|---|---|"
    end = START + timedelta(days=BEFORE + days + 1)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write(folder, rows, days)
        counted, history = folder / "counted.duckdb", folder / "history.duckdb"
        sizes = []
        for exact in ("always", "when_it_matters"):
            counted.unlink(missing_ok=True)
            before = project(folder, days, exact, frozen=True)
            driftline.backfill(before, start=START, end=end - timedelta(days=1))
            shutil.copyfile(counted, history)
            sizes.append(history.stat().st_size / 1e6)
            found: dict[bool, list[tuple[float, float, int]]] = {True: [], False: []}
            for _ in range(repeats):
                for frozen, runs in found.items():
                    path = project(folder, days, exact, frozen=frozen)
                    (folder / "read.duckdb").unlink(missing_ok=True)
                    shutil.copyfile(history, counted)
                    runs.append(measured(path, end))
            best = {
                frozen: [min(each) for each in zip(*r, strict=True)] for frozen, r in found.items()
            }
            for frozen, name in ((False, "read"), (True, "added up")):
                wall, spent, read = best[frozen]
                ratio = spent / best[False][1]
                yield f"| {exact} | {name} | {read:,.0f} | {wall:.1f} | {spent:.1f} | {ratio:.2f}× |"
        yield ""
        told = " and ".join(f"{size:.0f}" for size in sizes)
        yield f"The results of {BEFORE + days} days take {told} MB."


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000, help="of a day")
    parser.add_argument("--days", type=int, default=28, help="of the reference")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    for line in table(given.rows, given.days, given.repeats):
        print(line, flush=True)


if __name__ == "__main__":
    main()
