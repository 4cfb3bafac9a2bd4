"""DuckDB, asked in its own dialect what other engines are asked in theirs."""

from __future__ import annotations

import duckdb
from engine_results import ask_everything
from rehearsal import rehearsal

from driftline.engine.sqltext import quoted


def test_every_statement_is_right_in_duckdbs_own_words() -> None:
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        for name, rows in rehearsal().tables.items():
            connection.register("arrow", rows)
            connection.execute(f"create table {quoted(name)} as select * from arrow")
        ask_everything(
            "duckdb",
            "executed",
            f"duckdb {duckdb.__version__}",
            lambda sql: connection.sql(sql).to_arrow_table().to_pylist(),
        )
