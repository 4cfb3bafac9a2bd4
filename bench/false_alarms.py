"""How often default settings cry wolf, and how often they see a shift: monitors of simulated rows.

    python bench/false_alarms.py                                # the tables of docs/judging.md
    python bench/false_alarms.py --rows 300 --monitors 50       # a look
    python bench/false_alarms.py --rows 10000 --shift 0.35      # power instead of false alarms

A monitor has 30 features, 20 numerical ones of eight shapes and 10 categorical ones of 2 to 200
values, and default settings. Its two sides come from the same law. With --shift S the first feature
of each shape that has a deviation is moved by S of its deviations, and the others stay.

Many monitors share a run, each as signals of its own, so that adjusting for the features beside stays
inside a monitor. That changes no number, and is what makes thousands of them quick.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa
from scipy import stats

import driftline

Draw = Callable[[np.random.Generator, int], np.ndarray]

# name: how rows are drawn, and the deviation of the law; None where it has none
SHAPES: Final[Mapping[str, tuple[Draw, float | None]]] = {
    "normal": (lambda rng, n: rng.normal(0, 1, n), 1.0),
    "lognormal": (lambda rng, n: rng.lognormal(0, 1, n), float(stats.lognorm(1).std())),
    "exponential": (lambda rng, n: rng.exponential(2, n), 2.0),
    "uniform": (lambda rng, n: rng.uniform(0, 1, n), float(stats.uniform().std())),
    "two_humps": (lambda rng, n: rng.normal(3.0 * (rng.random(n) < 0.3), 1), None),
    "cauchy": (lambda rng, n: rng.standard_cauchy(n), None),
    "counts": (lambda rng, n: rng.poisson(40, n).astype(np.int64), None),
    "mostly_zero": (lambda rng, n: rng.exponential(1, n) * (rng.random(n) < 0.4), None),
}
SEED: Final = 20_260_101
FEATURES: Final = 30
NUMERICAL: Final = 20
CATEGORICAL: Final = (2, 3, 3, 5, 8, 12, 20, 40, 40, 200)
MONITORS: Final = {100: 200, 300: 200, 1_000: 200, 10_000: 200, 1_000_000: 10}
VALUES: Final = 6_000_000  # numbers a side that one run holds in memory

PROJECT: Final = """\
monitors:
  - name: simulated
    production: {table: production}
    reference: {table: reference}
    signals:
"""


def columns(rng: np.random.Generator, rows: int, shift: float = 0.0) -> dict[str, pa.Array]:
    """30 features; `shift` moves the first one of each shape that has a deviation."""
    found: dict[str, pa.Array] = {}
    names = list(SHAPES)
    for number in range(NUMERICAL):
        shape = names[number % len(names)]
        draw, deviation = SHAPES[shape]
        values = draw(rng, rows)
        if shift and deviation is not None and number < len(names):
            values = values + shift * deviation
        found[f"{shape}_{number // len(names)}"] = pa.array(values)
    for number, size in enumerate(CATEGORICAL):
        weights = 1 / np.arange(1, size + 1)
        picked = rng.choice(size, rows, p=weights / weights.sum()).astype(np.int32)
        texts = pa.array([f"v{k}" for k in range(size)])
        found[f"text_{number}"] = pa.DictionaryArray.from_arrays(picked, texts).cast(pa.string())
    return found


def run(rows: int, numbers: Iterable[int], shift: float) -> list[dict[str, Any]]:
    """The rows of `metrics` of several monitors; `monitor` is the monitor's number."""
    sides: dict[str, dict[str, pa.Array]] = {"reference": {}, "production": {}}
    signals = []
    for number in numbers:
        rng = np.random.default_rng((SEED, rows, number))
        for side, moved in (("reference", 0.0), ("production", shift)):
            found = columns(rng, rows, moved)
            sides[side] |= {f"{number}.{name}": values for name, values in found.items()}
        features = f'features: {{include: ["{number}.*"]}}'
        signals += [
            f"      {kind}_{number}: {{type: {kind}, {features}}}"
            for kind in ("data_drift", "data_quality")
        ]
    with duckdb.connect() as connection, tempfile.TemporaryDirectory() as folder:
        for side, arrays in sides.items():
            connection.register("arriving", pa.table(arrays))
            connection.execute(f"create table {side} as from arriving")
            connection.unregister("arriving")
        file = Path(folder) / "driftline.yml"
        file.write_text(PROJECT + "\n".join(signals), "utf-8")
        result = driftline.run(file, at="2026-01-01", connection=connection)
    measured = [row for row in result.metrics if row["feature"] != "__all__"]
    for row in measured:
        row["monitor"], row["feature"] = row["feature"].split(".", 1)
    return measured


def breached(rows: int, monitors: int, shift: float) -> Iterator[list[set[tuple[str, str]]]]:
    """A list for every run: of each of its monitors the features and metrics that breached."""
    at_once = max(1, min(monitors, 10, VALUES // (rows * FEATURES)))
    for first in range(0, monitors, at_once):
        numbers = range(first, min(first + at_once, monitors))
        found: dict[str, set[tuple[str, str]]] = {str(number): set() for number in numbers}
        for row in run(rows, numbers, shift):
            if row["status"] == "breached":
                found[row["monitor"]].add((row["feature"], row["metric"]))
        yield list(found.values())


def alarms(found: set[tuple[str, str]]) -> set[str]:
    """What a monitor without drift counts towards: its metrics, and whether there is any."""
    return {metric for _, metric in found} | ({"any metric"} if found else set())


def seen(found: set[tuple[str, str]]) -> set[str]:
    """What a monitor with shifted features counts towards: their shapes, and false alarms."""
    counted = set()
    for feature, metric in found:
        shape, _, place = feature.rpartition("_")
        if place == "0" and SHAPES.get(shape, (None, None))[1] is not None:
            counted |= {f"{shape}, {metric}", f"{shape}, any metric"}
        else:
            counted.add("a feature that was not moved")
    return counted


def table(hits: Counter[str], monitors: int) -> str:
    """Shares of monitors with their 95 % intervals."""
    lines = []
    for name, count in sorted(hits.items(), key=lambda each: (-each[1], each[0])):
        ends = stats.binomtest(count, monitors).proportion_ci(method="wilson")
        span = f"{100 * ends.low:.1f}–{100 * ends.high:.1f} %"
        lines.append(f"  {name:<48} {count:>4}  {100 * count / monitors:5.1f} %  ({span})")
    return "\n".join(lines)


def main() -> None:
    """Print a table for each size, as far as it has come after every run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="*", help="rows of both sides")
    parser.add_argument("--monitors", type=int, help="monitors of each size")
    parser.add_argument("--shift", type=float, help="deviations; without it false alarms")
    given = parser.parse_args()
    counted, always = (
        (alarms, "any metric") if given.shift is None else (seen, "a feature that was not moved")
    )
    for rows in given.rows or MONITORS:
        started = time.perf_counter()
        hits, done = Counter({always: 0}), 0
        for found in breached(rows, given.monitors or MONITORS.get(rows, 200), given.shift or 0.0):
            for each in found:
                hits.update(counted(each))
            done += len(found)
            seconds = time.perf_counter() - started
            print(f"{rows} rows a side, {done} monitors, {seconds:.0f} s\n{table(hits, done)}")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
