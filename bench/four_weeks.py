"""Incidents of four weeks on which nothing happens: clustered rows, weekday seasons, default settings.

    python bench/four_weeks.py --seeds 3 --users 100   # the table of docs/references.md
    python bench/four_weeks.py --seeds 1 --users 60    # a look

A day has so many users, each with some orders that are much alike; weekends differ from other days.
Twelve weeks are drawn from one law. The last four are monitored day by day, with default metrics,
thresholds and alerts, against several references; every incident is a false one.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import driftline

START: Final = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
DAYS: Final = 84
WATCHED: Final = 28
MEAN_ORDERS: Final = 8
# By how many deviations, or points of a share, weekends differ.
WEEKEND: Final = 0.4
NUMBERS: Final = ("amount", "minutes", "items", "discount")
TEXTS: Final = ("channel", "region", "product")

REFERENCES: Final[Mapping[str, str]] = {
    "the last four weeks": "{window: {size: P28D}}",
    "the same day of eight weeks": "{same: P7D, cycles: 8}",
    "the same day of four weeks": "{same: P7D, cycles: 4}",
    "eight weeks of training": "{window: {start: 2026-01-05, end: 2026-03-02}}",
    "the two days before, {in_control: P14D}": "{window: {size: P2D}, in_control: P14D}",
    "the two days before, alone": "{window: {size: P2D}}",
}

PROJECT: Final = """\
monitors:
  - name: shop
    overdispersion: {widened}
    production: {{table: orders.parquet, timestamp: at, window: {{size: P1D}}}}
    reference: {reference}
"""


def orders(users: int, seed: int) -> pa.Table:
    """Orders of users who come on one day each and buy much the same again and again.

    Args:
        users: Of each day.
        seed: Of the generator.
    """
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(DAYS), users)
    weekend = (day % 7 >= 5).astype(float)
    count = rng.geometric(1 / MEAN_ORDERS, len(day))
    rows = np.repeat(np.arange(len(day)), count)

    def number(scale: float) -> np.ndarray:
        level = rng.normal(WEEKEND * weekend * scale, 0.8, len(day))
        return level[rows] + rng.normal(0, 0.6, len(rows))

    def text(values: int) -> np.ndarray:
        usual = rng.integers(0, values, len(day))
        # on weekends more of them take the first one
        usual = np.where(rng.random(len(day)) < 0.25 * WEEKEND * weekend, 0, usual)
        strays = rng.random(len(rows)) < 0.1
        picked = np.where(strays, rng.integers(0, values, len(rows)), usual[rows])
        return np.array([f"{chr(97 + k)}" for k in range(values)])[picked]

    shy = rng.random(len(day)) < 0.03
    at = [
        START + timedelta(days=int(day[k]), hours=float(h))
        for k, h in zip(rows, rng.uniform(0, 24, len(rows)), strict=True)
    ]
    return pa.table(
        {
            "at": pa.array(at, pa.timestamp("us", "UTC")),
            "amount": np.exp(number(1.0)),
            "minutes": pa.array(number(1.0), mask=shy[rows]),
            "items": rng.poisson(np.exp(0.3 * number(1.0) + 1)).astype(float),
            "discount": number(0.0),
            "channel": text(2),
            "region": text(6),
            "product": text(25),
        }
    )


def incidents(folder: Path, reference: str, *, widened: bool) -> tuple[int, int]:
    """Incidents of the watched days, and days on which somebody would be told of any."""
    file = folder / "driftline.yml"
    file.write_text(PROJECT.format(reference=reference, widened=str(widened).lower()), "utf-8")
    results = folder / "driftline.duckdb"
    results.unlink(missing_ok=True)
    end = START + timedelta(days=DAYS)
    driftline.backfill(file, start=end - timedelta(days=WATCHED), end=end)
    with duckdb.connect(str(results), read_only=True) as store:
        (found,) = store.execute(
            "select count(*), count(distinct opened_at) from alerts"
        ).fetchall()
    return found


def simulated(users: int, seeds: Sequence[int], only: str | None) -> Iterator[str]:
    """The lines of the table."""
    yield "| reference | false incidents in four weeks | days with one | with `overdispersion: false` |"
    yield "|---|---|---|---|"
    for name, reference in REFERENCES.items():
        if only is not None and only not in name:
            continue
        found: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
        for seed in seeds:
            with tempfile.TemporaryDirectory() as place:
                pq.write_table(orders(users, seed), Path(place) / "orders.parquet")
                for widened, told in found.items():
                    told.append(incidents(Path(place), reference, widened=widened))
        (opened, days), (plain, _) = (np.mean(found[each], axis=0) for each in (True, False))
        most = max(count for count, _ in found[True])
        yield f"| {name} | {opened:.1f} (at most {most}) | {days:.1f} | {plain:.1f} |"


def main() -> None:
    """Simulate, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--users", type=int, default=150, help="users a day, of eight orders on average"
    )
    parser.add_argument("--seeds", type=int, default=5, help="how many shops")
    parser.add_argument("--only", help="part of a reference's name")
    given = parser.parse_args()
    for line in simulated(given.users, range(given.seeds), given.only):
        print(line, flush=True)


if __name__ == "__main__":
    main()
