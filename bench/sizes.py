"""How often probabilities are small without drift: the share of p up to a level, from counts alone.

    python bench/sizes.py               # a table of docs/judging.md
    python bench/sizes.py --wide        # the Wasserstein distance on more shapes and sizes
    python bench/sizes.py --shift 0.35  # how often a normal that moved is called, at 10 000 rows

Both sides are drawn from the same law. A p-value that keeps its promise is at most 0.05 in 5 % of
runs, and at most a thirtieth of that, which is what adjusting for 30 features looks at, in 0.17 %.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from driftline.engine.catalog import METRICS
from driftline.engine.intervals import jensen_shannon
from driftline.engine.significance import binned_p, categories_p, permutation_p, wasserstein_p

SEED: Final = 20_260_101
LEVELS: Final = (0.05, 0.01, 0.05 / 30)
RUNS: Final = 4_000
SIDES: Final = ((100, 100), (300, 300), (10_000, 300))
WIDE_SIDES: Final = (
    *((50, 50), (100, 100), (300, 300), (1_000, 1_000), (10_000, 10_000), (100_000, 100_000)),
    *((50, 1_000), (1_000, 50), (10_000, 100), (10_000, 1_000), (100_000, 100), (100_000, 1_000)),
)
# Rows that one cell of the table may draw: large sides take fewer runs.
ROWS: Final = 45_000_000
CELLS: Final = 128

Cells = tuple[np.ndarray, np.ndarray, np.ndarray]
Draw = Callable[[np.random.Generator, int, int, int], np.ndarray]
Shape = Callable[[np.random.Generator, int], np.ndarray]

SHAPES: Final[Mapping[str, Shape]] = {
    "normal": lambda rng, rows: rng.normal(size=rows),
    "exponential": lambda rng, rows: rng.exponential(size=rows),
    "lognormal": lambda rng, rows: rng.lognormal(size=rows),
    "lognormal, deviation 2": lambda rng, rows: rng.lognormal(0, 2, size=rows),
    "Student, 3 degrees": lambda rng, rows: rng.standard_t(3, size=rows),
    "Cauchy": lambda rng, rows: rng.standard_cauchy(size=rows),
    "Poisson, mean 1": lambda rng, rows: rng.poisson(1, rows).astype(float),
    "Poisson, mean 40": lambda rng, rows: rng.poisson(40, rows).astype(float),
    "a tenth is 1, else 0": lambda rng, rows: (rng.random(rows) < 0.1).astype(float),
    "60 % zero, else exponential": lambda rng, rows: (
        rng.exponential(size=rows) * (rng.random(rows) < 0.4)
    ),
}


def deciles(rng: np.random.Generator, n: int, m: int, runs: int) -> np.ndarray:
    """Ten bins of a continuous feature, its edges the reference's own deciles."""
    places = np.ceil(np.arange(1, 10) / 10 * n).astype(int) - 1
    reference = np.diff(np.concatenate([[0], places, [n]])).astype(float)
    shares = [
        np.diff(np.concatenate([[0.0], np.sort(rng.random(n))[places], [1.0]])) for _ in range(runs)
    ]
    production = rng.multinomial(m, np.array(shares)).astype(float)
    return binned_p(np.repeat(reference[:, None], runs, axis=1), production.T.copy())


def values(size: int) -> Draw:
    """A text with so many values, the k-th a k-th as frequent as the first."""
    shares = 1 / np.arange(1, size + 1)
    shares /= shares.sum()

    def draw(rng: np.random.Generator, n: int, m: int, runs: int) -> np.ndarray:
        a, b = (rng.multinomial(rows, shares, runs).T.astype(float) for rows in (n, m))
        return categories_p(a, b, np.ones_like(a))

    return draw


def cells(x: np.ndarray, y: np.ndarray) -> Cells:
    """Mean and rows of the cells of two sides, cut by pooled rows and by area as `coarse` does."""
    held, where, rows = np.unique(np.concatenate([x, y]), return_inverse=True, return_counts=True)
    share = np.cumsum(rows) / rows.sum()
    steps = np.append(np.diff(held), 0.0)
    area = np.cumsum(np.sqrt(np.maximum(share * (1 - share), 0)) * steps)
    cuts = np.ceil(CELLS * np.stack([share, area / (area[-1] or 1.0)]))
    cell = np.cumsum(np.append(False, (cuts[:, 1:] != cuts[:, :-1]).any(axis=0)))[where]
    n, m = (
        np.bincount(side, minlength=cell.max() + 1).astype(float)
        for side in (cell[: len(x)], cell[len(x) :])
    )
    return np.bincount(cell, np.concatenate([x, y])) / (n + m), n, m


def of_w1(found: Sequence[Cells], rng: np.random.Generator) -> np.ndarray:
    """Probabilities of W1, by its law where it holds and else by permuting rows."""
    most = 2 * CELLS
    table = np.zeros((3, most, len(found)))
    for place, (x, n, m) in enumerate(found):
        table[0, :, place] = x[np.minimum(np.arange(most), len(x) - 1)]
        table[1, : len(x), place], table[2, : len(x), place] = n, m
    p = np.concatenate([wasserstein_p(*part) for part in np.array_split(table, 8, axis=2)])
    for place, (x, n, m) in enumerate(found):
        if np.isnan(p[place]):
            p[place] = permutation_p(x, n, m, int(rng.integers(2**62)))
    return p


def wasserstein(shape: Shape) -> Draw:
    """A feature of some shape."""

    def draw(rng: np.random.Generator, n: int, m: int, runs: int) -> np.ndarray:
        return of_w1([cells(shape(rng, n), shape(rng, m)) for _ in range(runs)], rng)

    return draw


CASES: Final[Mapping[str, Draw]] = {
    "binned distances, numerical": deciles,
    "binned distances, 5 values": values(5),
    "binned distances, 40 values": values(40),
    "binned distances, 200 values": values(200),
    "Wasserstein, normal": wasserstein(SHAPES["normal"]),
    "Wasserstein, lognormal": wasserstein(SHAPES["lognormal"]),
    "Wasserstein, Cauchy": wasserstein(SHAPES["Cauchy"]),
}


def power(shift: float, rows: int, runs: int) -> dict[str, float]:
    """Share of runs in which a moved normal is beyond a default threshold and p at most 0.05 / 30."""
    called = dict.fromkeys(("normalized_wasserstein_distance", "jensen_shannon_distance"), 0.0)
    rng = np.random.default_rng((SEED, rows))
    for _ in range(runs):
        x, y = np.sort(rng.normal(0, 1, rows)), np.sort(rng.normal(shift, 1, rows))
        distance = np.abs(x - y).mean() / x.std(ddof=1)
        found = {"normalized_wasserstein_distance": (distance, of_w1([cells(x, y)], rng))}
        edges = x[np.ceil(np.arange(1, 10) / 10 * rows).astype(int) - 1]
        n, m = (
            np.bincount(np.searchsorted(edges, side, "right"), minlength=10).astype(float)[:, None]
            for side in (x, y)
        )
        js = math.sqrt(float(jensen_shannon(n, m)[0]) / math.log(2))
        found["jensen_shannon_distance"] = (js, binned_p(n, m))
        for name, (value, p) in found.items():
            threshold = METRICS[name].default_for("numerical")
            assert threshold is not None
            called[name] += value > threshold and p[0] <= LEVELS[-1]
    return {name: count / runs for name, count in called.items()}


def main() -> None:
    """Print the table, in Markdown, a line as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--wide", action="store_true", help="more of the Wasserstein distance")
    parser.add_argument("--shift", type=float, help="deviations; without it no drift")
    given = parser.parse_args()
    if given.shift is not None:
        for name, share in power(given.shift, 10_000, given.runs // 10).items():
            print(f"{name}: {100 * share:.1f} % of {given.runs // 10} runs")
        return
    heads = " | ".join(f"p ≤ {level:.2g}" for level in LEVELS)
    print(f"| test | reference, production | runs | {heads} |")
    print("|---|---|---|" + "---|" * len(LEVELS))
    wide = {f"Wasserstein, {name}": wasserstein(shape) for name, shape in SHAPES.items()}
    for name, draw in (wide if given.wide else CASES).items():
        for n, m in WIDE_SIDES if given.wide else SIDES:
            rng = np.random.default_rng((SEED, n, m))
            runs = min(given.runs, ROWS // (n + m))
            found = draw(rng, n, m, runs)
            shares = " | ".join(f"{100 * (found <= level).sum() / runs:.2g} %" for level in LEVELS)
            rows = f"| {n:_}, {m:_} | {runs:_} |".replace("_", " ")
            print(f"| {name} {rows} {shares} |")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
