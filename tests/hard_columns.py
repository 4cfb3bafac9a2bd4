"""Number columns that break naive implementations: (reference, production) by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

Pair = tuple[Sequence[object], Sequence[object]]

ROWS: Final = 1_500


def hard_columns(rows: int = ROWS, seed: int = 20260101) -> dict[str, Pair]:
    """Both sides of every column; sides differ in length.

    Args:
        rows: Rows of the reference; production has four fifths of them.
        seed: Of the generator.
    """
    rng = np.random.default_rng(seed)
    n, m = rows, rows * 4 // 5

    def mixed(values: np.ndarray, *others: object) -> list[object]:
        """The values with every 10th replaced by one of the others, in turn."""
        out: list[object] = values.tolist()
        for number, at in enumerate(range(0, len(out), 10)):
            out[at] = others[number % len(others)]
        return out

    def clusters(size: int, share: float) -> np.ndarray:
        far = rng.random(size) < share
        return np.where(far, 1e9, 0.0) + rng.normal(size=size)

    def inflated(size: int, share: float) -> np.ndarray:
        return np.where(rng.random(size) < share, 0.0, rng.exponential(3, size))

    same = rng.normal(size=n)
    one_off = same.copy()
    one_off[7] = 3.0
    columns: dict[str, Pair] = {
        "normal": (rng.normal(size=n), rng.normal(0.3, 1.2, m)),
        "undrifted": (rng.normal(size=n), rng.normal(size=m)),
        "identical": (same, same[::-1]),
        "one row differs": (same, one_off),
        "nulls": (mixed(rng.normal(size=n), None), mixed(rng.normal(size=m), None, None, 1.0)),
        "nan": (mixed(rng.normal(size=n), np.nan), mixed(rng.normal(size=m), None, np.nan)),
        "infinities": (
            mixed(rng.normal(size=n), np.inf, -np.inf),
            mixed(rng.normal(0.1, 1, m), np.inf, np.nan, None, -np.inf, -np.inf),
        ),
        "infinities of one side": (
            mixed(rng.normal(size=n), -np.inf),
            rng.normal(size=m),
        ),
        "only infinities": ([np.inf] * n, [np.inf, -np.inf] * (m // 2)),
        "only nan": ([np.nan] * n, rng.normal(size=m)),
        "ties": (rng.poisson(4, n) / 4, rng.poisson(5, m) / 4),
        "zero-inflated": (inflated(n, 0.35), inflated(m, 0.28)),
        "two points": (
            np.where(rng.random(n) < 0.3, -1.0, inflated(n, 0.4)),
            np.where(rng.random(m) < 0.1, -1.0, inflated(m, 0.5)),
        ),
        "constant": (np.full(n, 3.25), np.full(m, 3.25)),
        "constant moved": (np.full(n, 3.25), np.full(m, 3.5)),
        "constant zero": (np.zeros(n), rng.normal(size=m)),
        "tiny scale": (rng.normal(size=n) * 1e-9, rng.normal(0.4, 1, m) * 1e-9),
        "huge scale": (rng.normal(size=n) * 1e12, rng.normal(0.4, 1, m) * 1e12),
        "far from zero": (1e12 + rng.normal(size=n) * 1e6, 1e12 + rng.normal(0.2, 1, m) * 1e6),
        "far from zero, undrifted": (
            1e12 + rng.normal(size=n) * 1e6,
            1e12 + rng.normal(size=m) * 1e6,
        ),
        "cauchy": (rng.standard_cauchy(n), rng.standard_cauchy(m) * 1.3),
        "lognormal": (rng.lognormal(0, 2.5, n), rng.lognormal(0.2, 2.5, m)),
        "pareto": (rng.pareto(0.8, n) + 1, rng.pareto(0.9, m) + 1),
        "two clusters": (clusters(n, 0.5), clusters(m, 0.45)),
        "sorted": (np.sort(rng.normal(size=n)), np.sort(rng.normal(0.1, 1, m))),
        "negative": (-rng.lognormal(0, 1, n), -rng.lognormal(0.1, 1, m)),
        "uniform": (rng.random(n), rng.random(m) ** 1.1),
        "disjoint": (rng.random(n), rng.random(m) + 10),
        "one outlier": (np.append(rng.normal(size=n - 1), 1e14), rng.normal(size=m)),
        "production's outlier": (rng.normal(size=n), np.append(rng.normal(size=m - 1), -1e14)),
        "signed zeros": (
            np.where(rng.random(n) < 0.5, -0.0, 0.0),
            np.where(rng.random(m) < 0.2, -0.0, rng.normal(size=m)),
        ),
        "huge values": (rng.normal(size=n) * 1e140, rng.normal(0.2, 1, m) * 1e140),
        "rounded": (rng.normal(size=n).round(1), rng.normal(0.1, 1, m).round(1)),
        "narrow whole numbers": (rng.poisson(40, n), rng.poisson(42, m)),
        "wide whole numbers": (
            rng.integers(-(10**9), 10**9, n),
            rng.integers(-(10**9), 10**9, m) // 2,
        ),
        "whole against float": (rng.poisson(40, n), rng.poisson(42, m) + 0.5),
        "small reference": (rng.normal(size=12), rng.normal(0.5, 1, m)),
        "small production": (rng.normal(size=n), rng.normal(0.5, 1, 3)),
        "one row each": ([1.0], [2.0]),
        "one row of the reference": ([1.0], rng.normal(size=m)),
        "no reference": ([None] * n, rng.normal(size=m)),
        "no production": (rng.normal(size=n), [None] * m),
    }
    return {
        name: (np.asarray(a).tolist(), np.asarray(b).tolist()) for name, (a, b) in columns.items()
    }
