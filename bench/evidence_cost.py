"""What probabilities and intervals cost: seconds of `with_evidence` in those of the whole run.

    python bench/evidence_cost.py                       # 50 features, 1 million rows a side
    python bench/evidence_cost.py --rows 100000
    python bench/evidence_cost.py --windows 365         # one pass over many windows, 20 features

Both sides are Parquet files; with `--windows` the counts are simulated, and nothing else is run: a
tenth of the windows has drifted by a fifth of its values. Processor seconds stand beside those of the
clock, because they hardly depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, groupby
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet

import driftline
from driftline.engine.catalog import METRICS, Metric
from driftline.engine.conventions import CONVENTIONS
from driftline.engine.evidence import with_evidence
from driftline.engine.measure import Measurement, Results
from driftline.engine.plan import Pair
from driftline.engine.workbench import Workbench

SEED: Final = 20_260_101
CATEGORIES: Final = (2, 5, 12, 40, 200)
PROJECT: Final = """\
monitors:
  - name: cost
    production: {table: production.parquet}
    reference: {table: reference.parquet}
"""
EVERY_METRIC: Final = """\
    signals:
      data_drift:
        [js, psi, wasserstein, ks_distance, ks, chi2, chebyshev, hellinger, tv]
      data_quality: [nulls, type_errors, out_of_bounds, new_category_rate]
"""


def table(rng: np.random.Generator, rows: int, features: int) -> pa.Table:
    """Two numerical features of three shapes for every categorical one."""
    found: dict[str, pa.Array] = {}
    for number in range(features):
        if number % 3 < 2:
            draw = (rng.normal, rng.exponential, rng.lognormal)[number // 3 % 3]
            found[f"number_{number}"] = pa.array(draw(size=rows))
        else:
            size = CATEGORIES[number // 3 % len(CATEGORIES)]
            weights = 1 / np.arange(1, size + 1)
            picked = rng.choice(size, rows, p=weights / weights.sum()).astype(np.int32)
            texts = pa.array([f"v{k}" for k in range(size)])
            found[f"text_{number}"] = pa.DictionaryArray.from_arrays(picked, texts)
    return pa.table(found)


def timed(file: Path) -> tuple[tuple[float, float], tuple[float, float]]:
    """(clock, processor) seconds of a run, and of its evidence."""
    spent = [0.0, 0.0]

    def watched(*given: Any) -> Any:
        clock, processor = time.perf_counter(), time.process_time()
        found = with_evidence(*given)
        spent[0] += time.perf_counter() - clock
        spent[1] += time.process_time() - processor
        return found

    with patch("driftline.engine.run.with_evidence", watched):
        clock, processor = time.perf_counter(), time.process_time()
        driftline.run(file, at="2026-01-01")
        whole = (time.perf_counter() - clock, time.process_time() - processor)
    return whole, (spent[0], spent[1])


# Numerical features of a simulated backfill, by shape: some heavy of tail, some of few values.
DRAWN: Final[Mapping[str, Callable[[np.random.Generator, int], np.ndarray]]] = {
    "normal": lambda rng, rows: rng.normal(size=rows),
    "exponential": lambda rng, rows: rng.exponential(size=rows),
    "lognormal": lambda rng, rows: rng.lognormal(size=rows),
    "lognormal, deviation 2": lambda rng, rows: rng.lognormal(0, 2, size=rows),
    "Student, 3 degrees": lambda rng, rows: rng.standard_t(3, size=rows),
    "counts": lambda rng, rows: rng.poisson(3, rows).astype(float),
    "flag": lambda rng, rows: (rng.random(rows) < 0.1).astype(float),
}
NUMERICAL: Final = 14
FEATURES: Final = 20
# Rows at either end that have a cell each, as a far tail has.
FAR: Final = 20
DISTANCES: Final = ("jensen_shannon_distance", "normalized_wasserstein_distance")
RATES: Final = ("null_value_rate", "data_type_error_rate", "out_of_bounds_rate")


class Simulated(Results):
    """A workbench of simulated counts, where every reference's deviation is 1."""

    def of(self, _metric: Metric) -> Mapping[int, dict[str, Any]]:
        """What the SQL of the Wasserstein distance says of every comparison."""
        return defaultdict(lambda: {"unit": 1.0})


def simulated(
    rng: np.random.Generator, windows: int, n: int, m: int
) -> tuple[dict[str, pa.Table], list[Measurement]]:
    """The relations that evidence reads, and the default metrics of a pass over many windows.

    Args:
        rng: What draws them.
        windows: Windows held against one reference, 20 features each.
        n: Rows of the reference.
        m: Rows of each window.
    """
    parts: dict[str, list[pa.Table]] = {"coarse": [], "bins": [], "each_category": []}
    measured: list[Measurement] = []
    drawn = list(DRAWN.values())
    references = [drawn[k % len(drawn)](rng, n) for k in range(NUMERICAL)]
    for comparison in range(windows * FEATURES):
        window, number = divmod(comparison, FEATURES)
        if number < NUMERICAL:
            scale = 1.2 if window % 10 == 3 else 1.0
            x, y = references[number], scale * drawn[number % len(drawn)](rng, m)
            parts["coarse"].append(cut(x, y, 256, comparison))
            parts["bins"].append(cut(x, y, 10, comparison))
        else:
            size = CATEGORIES[number % len(CATEGORIES)]
            shares = 1 / np.arange(1, size + 1)
            a, b = (rng.multinomial(rows, shares / shares.sum()) for rows in (n, m))
            parts["bins"].append(counted(comparison, np.arange(size), a, b))
            parts["each_category"].append(parts["bins"][-1])
        drift = DISTANCES if number < NUMERICAL else DISTANCES[:1]
        measured += [
            Measurement(
                signal=kind,
                signal_type=kind,
                metric=metric,
                feature=f"{number}",
                feature_type="numerical" if number < NUMERICAL else "categorical",
                pair=Pair(window, window, 0, 0),
                value=0.01,
                reference_value=0.012,
                n_reference=n,
                n_production=m,
                comparison=comparison,
            )
            for kind, metrics in (("data_drift", drift), ("data_quality", RATES))
            for metric in metrics
        ]
    return {name: pa.concat_tables(tables) for name, tables in parts.items()}, measured


def landed(relations: Mapping[str, pa.Table]) -> Results:
    """A workbench that holds these counts."""
    bench = Workbench()
    for name, table in relations.items():
        bench.land(f"{name}_", table)
    bench.execute("create table bins as select * rename (x as bin) from bins_")
    bench.execute("create table coarse as select *, 2 as values_, false as whole from coarse_")
    bench.execute(
        "create table each_category as select * rename (x as cell), 1.0 as categories"
        " from each_category_"
    )
    return Simulated(bench)


def cut(x: np.ndarray, y: np.ndarray, cells: int, comparison: int) -> pa.Table:
    """Rows of cells between quantiles of the pooled values, finer at the far ends."""
    pooled = np.sort(np.concatenate([x, y]))
    places = np.arange(1, cells) * len(pooled) // cells
    if cells > 2 * FAR:
        places[:FAR], places[-FAR:] = np.arange(FAR), np.arange(-FAR - 1, -1)
    edges = np.unique(pooled[places])
    a, b = (np.bincount(np.searchsorted(edges, side), minlength=len(edges) + 1) for side in (x, y))
    sums = np.bincount(np.searchsorted(edges, pooled), pooled, minlength=len(edges) + 1)
    return counted(comparison, sums / np.maximum(a + b, 1), a, b)


def counted(comparison: int, x: np.ndarray, n: np.ndarray, m: np.ndarray) -> pa.Table:
    """The cells of a comparison that have rows."""
    kept = n + m > 0
    columns = {"x": x, "n_reference": n, "n_production": m}
    held = {name: column[kept].astype(float) for name, column in columns.items()}
    return pa.table({"comparison": np.full(kept.sum(), comparison), **held})


def told(results: Results, measured: Sequence[Measurement]) -> Iterator[Measurement]:
    """Their evidence, as of windows that have nothing else."""
    windows = []
    for pair, found in groupby(measured, lambda each: each.pair):
        plan: Any = SimpleNamespace(
            conventions=CONVENTIONS["driftline"],
            metrics=METRICS,
            monitor=SimpleNamespace(name="cost"),
            scans=[SimpleNamespace(reference="reference")],
            pairs=[pair],
            window_start=pair.window_id if pair else None,
            window_end=None,
        )
        windows.append((plan, tuple(found), ()))
    return chain.from_iterable(with_evidence(windows, results))


def backfill(windows: int) -> None:
    """Print what a pass over many windows costs, by their rows."""
    for n, m in ((1_000, 100), (5_000, 200), (20_000, 1_000), (100_000, 10_000)):
        # what the first call of a process loads is no cost of evidence
        times = 2 if m == 100 else windows
        relations, measured = simulated(np.random.default_rng(SEED), times, n, m)
        results = landed(relations)
        clock, processor = time.perf_counter(), time.process_time()
        found = list(told(results, measured))
        spent = (time.perf_counter() - clock, time.process_time() - processor)
        if times == windows:
            print(
                f"{n} rows against {windows} windows of {m}: {len(found)} rows of"
                f" {windows * FEATURES} comparisons, {spent[0]:.2f} s, of the processor"
                f" {spent[1]:.2f} s, {1000 * spent[1] / windows / FEATURES:.3f} ms a comparison",
                flush=True,
            )


def main() -> None:
    """Print a line for the default metrics and one for every metric, or those of a backfill."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of both sides")
    parser.add_argument("--features", type=int, default=50)
    parser.add_argument("--windows", type=int, help="simulated windows; nothing else is run")
    given = parser.parse_args()
    if given.windows is not None:
        backfill(given.windows)
        return
    rng = np.random.default_rng(SEED)
    with tempfile.TemporaryDirectory() as folder:
        for side in ("reference", "production"):
            pyarrow.parquet.write_table(
                table(rng, given.rows, given.features), Path(folder) / f"{side}.parquet"
            )
        file = Path(folder) / "driftline.yml"
        # what the first run of a process loads is no cost of evidence
        for name, text in (
            ("warm-up", ""),
            ("default metrics", ""),
            ("every metric", EVERY_METRIC),
        ):
            file.write_text(PROJECT + text, "utf-8")
            whole, evidence = timed(file)
            print(
                f"{name:<16} {given.rows} rows a side, {given.features} features:"
                f" run {whole[0]:.2f} s, evidence {evidence[0]:.2f} s"
                f" ({100 * evidence[0] / whole[0]:.0f} %);"
                f" of the processor {whole[1]:.2f} s, {evidence[1]:.2f} s"
                f" ({100 * evidence[1] / whole[1]:.0f} %)",
                flush=True,
            )


if __name__ == "__main__":
    main()
