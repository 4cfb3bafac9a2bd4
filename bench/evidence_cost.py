"""What probabilities and intervals cost: seconds of `with_evidence` in those of the whole run.

    python bench/evidence_cost.py                       # 50 features, 1 million rows a side
    python bench/evidence_cost.py --rows 100000

Both sides are Parquet files. Processor seconds stand beside those of the clock, because they hardly
depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet

import driftline
from driftline.engine.evidence import with_evidence

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


def main() -> None:
    """Print a line for the default metrics and one for every metric."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of both sides")
    parser.add_argument("--features", type=int, default=50)
    given = parser.parse_args()
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
