"""Default settings do not cry wolf, and do see what is there: whole runs on simulated monitors.

A monitor has 30 features. `SIMULATIONS=40 pytest tests/engine/test_false_alarms.py` takes minutes;
`bench/false_alarms.py` does the same with thousands.
"""

from __future__ import annotations

import math
import os
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from support import Row, monitor, run, score

from driftline.bench import four_weeks
from driftline.engine.config import compare_project
from driftline.engine.project import Monitor, Source

FEATURES: Final = 30
SIZES: Final = (100, 300, 1_000)
MONITORS: Final = int(os.environ.get("SIMULATIONS", "2"))


def _columns(rng: np.random.Generator, rows: int, shift: float = 0.0) -> dict[str, pa.Array]:
    """30 columns: 18 numbers of three shapes and 12 texts of three sizes."""
    found: dict[str, pa.Array] = {}
    for number in range(FEATURES):
        if number < 18:
            draw = (
                rng.normal(shift, 1, rows),
                rng.lognormal(shift, 1, rows),
                rng.exponential(2, rows) + 2 * shift,
            )[number % 3]
            found[f"{number}"] = pa.array(draw)
        else:
            size = (3, 12, 40)[number % 3]
            weights = 1 / np.arange(1, size + 1)
            picked = rng.choice(size, rows, p=weights / weights.sum())
            found[f"{number}"] = pa.array([f"v{k}" for k in picked])
    return found


def _monitor() -> Monitor:
    """A monitor with default signals."""
    (shortest,) = compare_project(
        Source("reference", table=("reference",)),
        Source("production", table=("production",)),
        root=Path(),
    ).monitors
    return replace(monitor(), signals=shortest.signals, min_rows=100)


@cache
def _metrics(rows: int, number: int, shift: float = 0.0) -> tuple[Row, ...]:
    """The rows of `metrics` of one simulated monitor."""
    rng = np.random.default_rng((rows, number))
    frames = {
        "reference": pa.table(_columns(rng, rows)),
        "production": pa.table(_columns(rng, rows, shift)),
    }
    found = run(_monitor(), frames)
    assert found.error is None
    return tuple(found.metrics)


def test_monitors_without_drift_seldom_breach() -> None:
    monitors = [_metrics(rows, number) for rows in SIZES for number in range(MONITORS)]
    breached = sum(any(row["status"] == "breached" for row in found) for found in monitors)
    slack = 4 * math.sqrt(0.12 * 0.88 / len(monitors))
    assert breached / len(monitors) <= 0.12 + slack


def test_a_third_of_a_deviation_is_always_seen_in_ten_thousand_rows() -> None:
    for number in range(MONITORS):
        called = {
            row["metric"] for row in _metrics(10_000, number, 0.35) if row["status"] == "breached"
        }
        assert "normalized_wasserstein_distance" in called


def test_few_rows_are_called_inconclusive_rather_than_drifted() -> None:
    found = [row for number in range(MONITORS) for row in _metrics(100, number)]
    beyond = [r for r in found if r["breached"] and r["signal_type"] == "data_drift"]
    assert len(beyond) > FEATURES * MONITORS / 2
    assert {row["status"] for row in beyond} <= {"inconclusive", "breached"}
    assert sum(row["status"] == "inconclusive" for row in beyond) >= 0.95 * len(beyond)
    # the rest is beyond what 95 % of samples without drift reach, and still not significant
    assert sum("rows a side" in row["reason"] for row in beyond) >= 0.8 * len(beyond)


def test_values_as_rare_as_those_of_the_reference_are_no_drift_for_being_new() -> None:
    rng = np.random.default_rng(3)
    weights = 1 / np.arange(1, 201)
    sides = [
        {
            f"{number}": [f"v{k}" for k in rng.choice(200, 300, p=weights / weights.sum())]
            for number in range(20)
        }
        for _ in range(2)
    ]
    found = score(sides[0], sides[1], metrics=["jensen_shannon_distance", "new_category_rate"])
    p = [row["p_value"] for row in found.run.metrics if row["metric"] == "jensen_shannon_distance"]
    assert min(found.values("new_category_rate").values()) > 0.03
    # a twentieth of them below 0.05, and room for four deviations
    assert sum(each < 0.05 for each in p) <= 20 * 0.05 + 4 * math.sqrt(20 * 0.05 * 0.95)
    assert min(p) > 1e-4


def test_a_new_value_in_many_rows_is_drift() -> None:
    known = ["a", "b", "c", "d"] * 250
    found = score({"x": known}, {"x": known[:900] + ["e"] * 100}, min_rows=100)
    assert found["x", "jensen_shannon_distance"]["p_value"] < 1e-15
    assert found["x", "jensen_shannon_distance"]["ci_low"] > 0.1


def test_four_weeks_of_clusters_and_weekends_on_which_nothing_happens_open_an_incident_at_most(
    tmp_path: Path,
) -> None:
    """Every incident is a false one; `bench/four_weeks.py` has more shops, and other references."""
    pq.write_table(four_weeks.orders(40, seed=2), tmp_path / "orders.parquet")
    reference = four_weeks.REFERENCES["eight weeks of training"]
    opened, _ = four_weeks.incidents(tmp_path, reference, widened=True)
    alone, _ = four_weeks.incidents(tmp_path, reference, widened=False)
    assert opened <= 1
    assert alone > 10
