"""The least a profile can cost: count, min, max and average of every column of two tables.

    python bench/floor.py REFERENCE PRODUCTION --threads 2 --memory-limit 4GB

One statement a table, of as many columns as DuckDB aggregates cheaply at once. Prints {"cpu",
"wall", "duckdb"}: seconds of the statements alone, without the start of Python and DuckDB.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from typing import Final

import duckdb

# A SELECT over thousands of columns keeps all of them decoded; this many cost the least
AT_ONCE: Final = 200
NUMBERS: Final = ("DOUBLE", "FLOAT", "INTEGER", "BIGINT")


def statements(connection: duckdb.DuckDBPyConnection, path: str) -> list[str]:
    """What to ask of a file."""
    columns = connection.execute(
        "select name, type from (describe from read_parquet(?)) d(name, type, a, b, c, d)", [path]
    )
    asked = [
        f'count("{name}"), min("{name}"), max("{name}")'
        + (f', avg("{name}")' if kind in NUMBERS else "")
        for name, kind in columns.fetchall()
    ]
    return [
        f"select {', '.join(asked[first : first + AT_ONCE])} from read_parquet(?)"
        for first in range(0, len(asked), AT_ONCE)
    ]


def main() -> None:
    """Ask, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs=2)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--memory-limit", required=True)
    given = parser.parse_args()
    settings = {
        "threads": given.threads,
        "memory_limit": given.memory_limit,
        "preserve_insertion_order": False,
    }
    with duckdb.connect(config=settings) as connection:
        before, started = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
        for path in given.tables:
            for statement in statements(connection, path):
                connection.execute(statement, [path]).fetchall()
        wall, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    print(json.dumps({"cpu": cpu, "wall": wall, "duckdb": duckdb.__version__}))


if __name__ == "__main__":
    main()
