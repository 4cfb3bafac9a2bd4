"""Measure runs over tables of a PostgreSQL server beside the server's own aggregates of the same columns.

    python bench/postgres.py                                # PGHOST, PGUSER, PGDATABASE, … say where
    python bench/postgres.py --rows 100000 --columns 30 --exact never

Two tables of bench/tables.py are loaded into the schema driftline_bench, and stay there. Each measure is
of the clock, since the server works in processes of its own: `count, min, max, avg` of every column of
both tables, one statement a table; then whole runs, results stored in a file, Python's start aside. Prints
a line of JSON a measure: seconds, those of each step, and statements, rows and bytes that were fetched.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import pyarrow as pa
from pyarrow import parquet

import driftline
from driftline.bench.scenarios import AT, EXACT, SIGNALS
from driftline.bench.tables import FEW_VALUES, STARTS, features, write
from driftline.engine.project import Source
from driftline.engine.warehouses.postgres import Postgres

SCHEMA: Final = "driftline_bench"


def load(rows: int, columns: int) -> None:
    """Make both tables where they are not there."""
    from adbc_driver_postgresql import dbapi

    made = dbapi.connect("application_name=driftline_bench", autocommit=True)
    with made as connection, connection.cursor() as cursor:
        cursor.execute(f"create schema if not exists {SCHEMA}")
        for side in STARTS:
            name = f"{side}_{rows}_{columns}"
            cursor.execute(f"select to_regclass('{SCHEMA}.{name}') is not null as there")
            if cursor.fetchone()[0]:
                continue
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "rows.parquet"
                write(file, side, rows, list(features(columns)))
                table = parquet.read_table(file)
            plain = [
                field.with_type(pa.string()) if pa.types.is_dictionary(field.type) else field
                for field in table.schema
            ]
            table = table.cast(pa.schema(plain))
            cursor.adbc_ingest(name, table, mode="create", db_schema_name=SCHEMA)
            cursor.execute(f"vacuum analyze {SCHEMA}.{name}")


def floor(rows: int, columns: int) -> dict[str, Any]:
    """What `count, min, max, avg` of every column take."""
    with closing(Postgres({"schema": SCHEMA})) as session:
        sides = [Source(side, table=(f"{side}_{rows}_{columns}",)) for side in STARTS]
        asked = [
            (
                session.relation(side),
                ", ".join(
                    f'count("{each.name}"), min("{each.name}"), max("{each.name}")'
                    + (f', avg("{each.name}")' if each.kind in ("integer", "float") else "")
                    for each in session.columns(side)
                ),
            )
            for side in sides
        ]
        started = time.perf_counter()
        for relation, columns_of in asked:
            session.fetch(f"select {columns_of} from {relation}")
        return {"what": "count, min, max, avg", "seconds": time.perf_counter() - started}


def run(rows: int, columns: int, exact: str) -> dict[str, Any]:
    """What a whole run takes."""
    few = {each.name for each in features(columns) if each.shape in FEW_VALUES}
    monitor = {
        "name": "bench",
        "production": {"table": f"production_{rows}_{columns}"},
        "reference": {"table": f"reference_{rows}_{columns}"},
        "exact": exact,
        "settings": {name: {"type": "numerical"} for name in sorted(few)},
        "signals": SIGNALS,
    }
    project = {"connection": {"type": "postgres", "schema": SCHEMA}, "monitors": [monitor]}
    fetched = 0
    sent = Postgres.fetch

    def counted(session: Postgres, sql: str) -> pa.Table:
        nonlocal fetched
        answer = sent(session, sql)
        fetched += answer.nbytes
        return answer

    with tempfile.TemporaryDirectory() as folder, patch.object(Postgres, "fetch", counted):
        file = Path(folder) / "driftline.yml"
        file.write_text(json.dumps(project), "utf-8")
        started = time.perf_counter()
        found = driftline.run(os.fspath(file), at=AT)
        seconds = time.perf_counter() - started
    steps: Counter[str] = Counter()
    rows_returned = statements = 0
    for monitor_run in found.monitors:
        for each in monitor_run.statements:
            steps[each["step"]] += each["seconds"]
            rows_returned += each["rows_returned"] or 0
            statements += 1
    return {
        "what": f"run, exact: {exact}",
        "seconds": seconds,
        "steps": {step: round(taken, 2) for step, taken in steps.items()},
        "statements": statements,
        "rows": rows_returned,
        "bytes": fetched,
    }


def main() -> None:
    """Load, measure in turn, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of each side")
    parser.add_argument("--columns", type=int, default=30, help="features of each side")
    parser.add_argument("--exact", nargs="+", default=[*EXACT], help="how exact runs are")
    given = parser.parse_args()
    load(given.rows, given.columns)
    least = floor(given.rows, given.columns)
    print(json.dumps(least), flush=True)
    for exact in given.exact:
        told = run(given.rows, given.columns, exact)
        print(json.dumps({**told, "over": told["seconds"] / least["seconds"]}), flush=True)


if __name__ == "__main__":
    main()
