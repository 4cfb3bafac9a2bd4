"""Every statement is right for the engines that no machine can install, as far as anybody else can tell.

The row of each in golden/engines.json says how many statements are, and how that is known.
"""

from __future__ import annotations

import os
from importlib.metadata import version
from importlib.util import find_spec

import pyarrow as pa
import pytest
from analysers import BigQuery, complaints_of_grammar, complaints_of_trino, snowflake
from connected import statements_of
from engine_results import ask_everything, backquoted
from rehearsal import rehearsal

import driftline
from driftline.engine.ddl import kept_in, visible
from driftline.engine.dialects import view_queries
from driftline.engine.results import SCHEMA, TABLES, arrow_schema
from driftline.engine.sqltext import quoted


def needed(*packages: str) -> None:
    """Skip, or fail in CI, where packages are missing."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing and os.environ.get("CI"):
        pytest.fail(f"not installed: {', '.join(missing)}")
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


def test_bigquerys_own_evaluator_gives_duckdbs_rows_and_types() -> None:
    needed("zetasql")
    engine = BigQuery(rehearsal().tables)
    ask_everything(
        "bigquery", "emulated", f"zetasql {version('zetasql')}", engine.rows, named=backquoted
    )


def test_snowflakes_emulator_gives_duckdbs_rows() -> None:
    needed("fakesnow")
    with snowflake(rehearsal().tables) as engine:
        ask_everything("snowflake", "emulated", f"fakesnow {version('fakesnow')}", engine.rows)


def refused(complaints: list[str]) -> None:
    """Raise what was complained of."""
    assert complaints == []


def test_trinos_grammar_functions_and_types_hold_every_statement() -> None:
    needed("trino_sql_validator")
    ask_everything(
        "trino",
        "parsed",
        f"trino-sql-validator {version('trino-sql-validator')}",
        lambda sql: refused(complaints_of_trino(sql)),
    )


@pytest.mark.parametrize("dialect", ["databricks", "redshift"])
def test_the_grammar_of_an_engine_holds_every_statement(dialect: str) -> None:
    ask_everything(
        dialect,
        "parsed",
        f"sqlglot {version('sqlglot')}",
        lambda sql: refused(complaints_of_grammar(sql, dialect)),
        named=backquoted if dialect == "databricks" else quoted,
    )


def test_bigquerys_own_analyser_takes_the_tables_and_views_of_results() -> None:
    needed("zetasql")
    words = {"INT64": pa.int64(), "FLOAT64": pa.float64(), "STRING": pa.string()}
    words |= {"BOOL": pa.bool_(), "DATE": pa.date32(), "DATETIME": pa.timestamp("us")}
    marks = {"_writes": {"write": pa.int64()}, "_gone": {"row": pa.string(), "write": pa.int64()}}
    tables = {name: pa.schema([*kinds.items()]).empty_table() for name, kinds in marks.items()}
    shown = {}
    for name in TABLES:
        kept = arrow_schema(name).append(pa.field("_row", pa.string()))
        tables[kept_in(name)] = kept.append(pa.field("_write", pa.int64())).empty_table()
        # the evaluator has no schemas
        shown[name] = visible(name, TABLES[name].names, "x", "bigquery").replace("x.", "")
    views = {
        name: view.query
        for name, view in view_queries(SCHEMA.views_sql, (), None, "bigquery").items()
    }
    # making one takes a while, and a view may read those before it
    engine = BigQuery(tables)
    for name, query in shown.items():
        engine.typed(query, empty=True)
        tables[name] = arrow_schema(name).empty_table()
    for name, query in views.items():
        columns, _ = BigQuery(tables).typed(query, empty=True)
        tables[name] = pa.schema([(title, words[kind]) for title, kind in columns]).empty_table()
    assert {*shown, *views} <= {*tables}


def test_trinos_grammar_holds_what_makes_the_tables_of_results() -> None:
    needed("trino_sql_validator")
    for statement in statements_of(driftline.ddl(dialect="trino")):
        assert complaints_of_trino(statement) == [], statement
