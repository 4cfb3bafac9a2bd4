"""Projects over a connection, as users write them, and what their runs leave."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import duckdb

AT: Final = "2026-02-11"
# Results in a file, of tables `scored` and `training`.
MONITOR: Final = """
results: {to: results.duckdb}
monitors:
  - name: churn
    production: {table: scored, timestamp: at, window: {size: P10D}}
    reference: {table: training}
"""
# Results wherever the project says, of tables whose columns are ordered otherwise by a language.
MONITOR_OF_RESULTS: Final = """
monitors:
  - name: churn
    production: {table: scored_now, timestamp: at, window: {size: P10D}}
    reference: {table: seen, frozen: true}
    signals:
      data_drift: {normalized_wasserstein_distance: 0.25, jensen_shannon_distance: 0.1}
      data_quality: {null_value_rate: 0.01, row_count: {min: 100}}
"""


def connection(type_: str, options: Mapping[str, object]) -> str:
    """The line of a project file that connects by these keys."""
    keys = {"type": type_, **options}
    told = ", ".join(f"{key}: {json.dumps(value)}" for key, value in keys.items())
    return f"connection: {{{told}}}\n"


def stored(sql: str) -> list[tuple[Any, ...]]:
    """Rows of the results in the file."""
    with duckdb.connect("results.duckdb", read_only=True) as con:
        return con.execute(sql).fetchall()


def statements_of(printed: str) -> list[str]:
    """The statements that `driftline ddl` printed."""
    body = re.sub(r"^--.*\n", "", printed, flags=re.MULTILINE)
    return [each for each in re.split(r";\n(?:\n|\Z)", body) if each.strip()]
