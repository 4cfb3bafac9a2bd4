"""A project that runs in a moment: ten days of hourly rows, `age` moved, against forty days."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import duckdb

MAKE: Final = """
copy (
    select
        timestamp '{start}' + to_hours(cast(i as integer)) as at,
        cast(i % 97 as double) + {shift} as age,
        case when i % 50 < {nulls} then null else cast(i % 13 as double) end as fare,
        case when i % {pro} = 0 then 'pro' else 'basic' end as plan,
        'x' || (i % 5) as city
    from range({rows}) as numbers (i)
) to '{file}' (format parquet)
"""

SIGNALS: Final = """
    signals:
      data_drift: {normalized_wasserstein_distance: 0.25, jensen_shannon_distance: 0.1}
      data_quality: {null_value_rate: 0.01, row_count: {min: 100}}
"""

HEAD: Final = "results: {to: results.duckdb}\n"

MONITOR: Final = """
monitors:
  - name: churn
    production: {table: scored.parquet, timestamp: at, window: {size: P10D}}
    reference: {table: training.parquet}
"""

AT: Final = "2026-02-11"


def write(folder: Path, signals: str = SIGNALS, *, head: str = HEAD, more: str = "") -> Path:
    """Write the project file; `more` are further keys of its monitor."""
    file = folder / "driftline.yml"
    file.write_text(f"{head}{MONITOR}{more}{signals}")
    return file


def make(folder: Path, *, shift: float = 12, nulls: int = 3, rows: int = 480) -> Path:
    """Write the tables and the project file; returns that."""
    sides = (
        ("training", "2026-01-01", 0, 1, 3, 960),
        ("scored", "2026-02-01", shift, nulls, 4, rows),
    )
    with duckdb.connect() as con:
        for name, start, moved, missing, pro, count in sides:
            file = folder / f"{name}.parquet"
            con.execute(
                MAKE.format(start=start, shift=moved, nulls=missing, pro=pro, rows=count, file=file)
            )
    return write(folder)
