"""What the default thresholds of distances mean: shift of a normal, and the rows they take.

    python bench/thresholds.py          # a table of docs/judging.md, from formulas alone

Bins are the ten deciles of the reference. `shift` is the smallest move of a normal, in its
deviations, that a distance needs to reach its threshold with endless rows. `rows` is where what
chance alone reaches in 95 % of samples without drift falls to the threshold: with as many rows on
both sides, and in production against an endless reference.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from scipy import optimize, stats

from driftline.engine.catalog import METRICS
from driftline.engine.intervals import (
    SMIRNOV_95,
    chi_squared_95,
    noise_radius,
    wasserstein_radius,
)

BINS: Final = 10
MANY: Final = 1e6
DECILES: Final = stats.norm.ppf(np.linspace(0, 1, BINS + 1))


def shares(shift: float) -> tuple[np.ndarray, np.ndarray]:
    """Shares of the reference and of a moved normal in the reference's deciles."""
    return np.full(BINS, 1 / BINS), np.diff(stats.norm.cdf(DECILES - shift))


def jensen_shannon(shift: float) -> float:
    """In the textbook's form, base 2."""
    p, q = shares(shift)
    middle = (p + q) / 2
    return math.sqrt(float(np.sum(p * np.log2(p / middle) + q * np.log2(q / middle))) / 2)


def population_stability(shift: float) -> float:
    """Without smoothing, which endless rows do not need."""
    p, q = shares(shift)
    return float(np.sum((q - p) * np.log(q / p)))


def hellinger(shift: float) -> float:
    """Of the shares."""
    p, q = shares(shift)
    return math.sqrt(float(np.sum((np.sqrt(p) - np.sqrt(q)) ** 2)) / 2)


def total_variation(shift: float) -> float:
    """Of the shares."""
    p, q = shares(shift)
    return float(np.abs(p - q).sum()) / 2


def chebyshev(shift: float) -> float:
    """Of the shares."""
    p, q = shares(shift)
    return float(np.abs(p - q).max())


def kolmogorov_smirnov(shift: float) -> float:
    """The largest gap lies halfway."""
    return float(2 * stats.norm.cdf(shift / 2) - 1)


DISTANCES: Final[Mapping[str, Callable[[float], float]]] = {
    "normalized_wasserstein_distance": lambda shift: shift,
    "jensen_shannon_distance": jensen_shannon,
    "population_stability_index": population_stability,
    "hellinger_distance": hellinger,
    "total_variation_distance": total_variation,
    "chebyshev_distance": chebyshev,
    "kolmogorov_smirnov_distance": kolmogorov_smirnov,
}


def by_chance(metric: str) -> tuple[float, float]:
    """(what 95 % of samples stay below where 1/n + 1/m is 1, its power of 1/n + 1/m)."""
    chi = float(chi_squared_95(np.array(BINS - 1.0)))
    even = np.full((BINS, 1), MANY)
    s = 2 / even.sum()
    match metric:
        case "jensen_shannon_distance":
            return math.sqrt(chi / (8 * math.log(2))), 0.5
        case "population_stability_index":
            return chi, 1.0
        case "hellinger_distance":
            return math.sqrt(chi / 8), 0.5
        case "kolmogorov_smirnov_distance":
            return SMIRNOV_95, 0.5
        case "normalized_wasserstein_distance":
            x = stats.norm.ppf((np.arange(256) + 0.5) / 256)[:, None]
            cells = np.full((256, 1), MANY)
            radius = wasserstein_radius(x, cells, cells)[0]
            return float(radius) / math.sqrt(2 / cells.sum()), 0.5
        case _:
            largest = metric == "chebyshev_distance"
            return float(noise_radius(even, even, largest=largest)[0]) / math.sqrt(s), 0.5


def _short_of(shift: float, distance: Callable[[float], float], threshold: float) -> float:
    return distance(shift) - threshold


def table() -> str:
    """The table, in Markdown."""
    lines = [
        "| metric | default | shift of a normal | rows on both sides | in production alone |",
        "|---|---|---|---|---|",
    ]
    for name, distance in DISTANCES.items():
        threshold = METRICS[name].default_for("numerical")
        assert threshold is not None

        shift = optimize.brentq(_short_of, 0.0, 3.0, args=(distance, threshold))
        unit, power = by_chance(name)
        s = (threshold / unit) ** (1 / power)
        rows = f"{math.ceil(2 / s):,} | {math.ceil(1 / s):,}".replace(",", " ")
        lines.append(f"| `{name}` | {threshold:g} | {shift:.2f} | {rows} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(table(), end="")
