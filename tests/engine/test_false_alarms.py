"""Default settings do not cry wolf, and do see what is there: whole runs on simulated monitors.

Each column belongs to a family of 30, as the features of one monitor; families share a run, which is
what makes this quick. `SIMULATIONS=40 pytest tests/engine/test_false_alarms.py` takes minutes.
"""

from __future__ import annotations

import math
import os
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pytest
from support import monitor, run, score

from driftline.engine.config import compare_project
from driftline.engine.project import FeatureSelection, Monitor, Source

FEATURES: Final = 30
FAMILIES: Final = int(os.environ.get("SIMULATIONS", "4"))


def _columns(rng: np.random.Generator, rows: int, shift: float = 0.0) -> dict[str, pa.Array]:
    """Families of 30 columns: 18 numbers of three shapes and 12 texts of three sizes."""
    found: dict[str, pa.Array] = {}
    for family in range(FAMILIES):
        for number in range(FEATURES):
            name = f"{family}.{number}"
            if number < 18:
                draw = (
                    rng.normal(shift, 1, rows),
                    rng.lognormal(shift, 1, rows),
                    rng.exponential(2, rows) + 2 * shift,
                )[number % 3]
                found[name] = pa.array(draw)
            else:
                size = (3, 12, 40)[number % 3]
                weights = 1 / np.arange(1, size + 1)
                picked = rng.choice(size, rows, p=weights / weights.sum())
                found[name] = pa.array([f"v{k}" for k in picked])
    return found


def _families() -> Monitor:
    """A monitor with default signals for each family, so that adjusting stays inside a family."""
    (shortest,) = compare_project(
        Source("reference", table=("reference",)),
        Source("production", table=("production",)),
        root=Path(),
    ).monitors
    signals = tuple(
        replace(
            signal,
            name=f"{family} {signal.name}",
            features=FeatureSelection(include=(f"{family}.*",)),
        )
        for family in range(FAMILIES)
        for signal in shortest.signals
    )
    return replace(monitor(), signals=signals, min_rows=100)


def _breaches(rows: int, shift: float, seed: int) -> dict[int, set[str]]:
    """Family to the metrics that some feature of it breached."""
    rng = np.random.default_rng(seed)
    frames = {
        "reference": pa.table(_columns(rng, rows)),
        "production": pa.table(_columns(rng, rows, shift)),
    }
    found = run(_families(), frames)
    assert found.error is None
    breached: dict[int, set[str]] = defaultdict(set)
    for row in found.metrics:
        if row["status"] == "breached":
            breached[int(row["signal"].split()[0])].add(row["metric"])
    return breached


@pytest.mark.parametrize("rows", [100, 300, 1_000])
def test_monitors_without_drift_seldom_breach(rows: int) -> None:
    breached = _breaches(rows, 0.0, seed=rows)
    slack = 4 * math.sqrt(0.12 * 0.88 / FAMILIES)
    assert len(breached) / FAMILIES <= 0.12 + slack


def test_a_third_of_a_deviation_is_always_seen_in_ten_thousand_rows() -> None:
    breached = _breaches(10_000, 0.35, seed=1)
    assert all("normalized_wasserstein_distance" in breached[family] for family in range(FAMILIES))


def test_few_rows_are_called_inconclusive_rather_than_drifted() -> None:
    rng = np.random.default_rng(2)
    frames = {
        "reference": pa.table(_columns(rng, 100)),
        "production": pa.table(_columns(rng, 100)),
    }
    found = run(_families(), frames)
    beyond = [r for r in found.metrics if r["breached"] and r["signal_type"] == "data_drift"]
    assert len(beyond) > FEATURES * FAMILIES / 2
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
            for number in range(60)
        }
        for _ in range(2)
    ]
    found = score(sides[0], sides[1], metrics=["jensen_shannon_distance", "new_category_rate"])
    p = [row["p_value"] for row in found.run.metrics if row["metric"] == "jensen_shannon_distance"]
    assert min(found.values("new_category_rate").values()) > 0.03
    # a twentieth of them below 0.05, and room for four deviations
    assert sum(each < 0.05 for each in p) <= 60 * 0.05 + 4 * math.sqrt(60 * 0.05 * 0.95)
    assert min(p) > 1e-4


def test_a_new_value_in_many_rows_is_drift() -> None:
    known = ["a", "b", "c", "d"] * 250
    found = score({"x": known}, {"x": known[:900] + ["e"] * 100}, min_rows=100)
    assert found["x", "jensen_shannon_distance"]["p_value"] < 1e-15
    assert found["x", "jensen_shannon_distance"]["ci_low"] > 0.1
