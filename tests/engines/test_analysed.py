"""Every statement is right for the engines that no machine can install, as far as anybody else can tell.

The row of each in golden/engines.json says how many statements are, and how that is known.
"""

from __future__ import annotations

import os
from importlib.metadata import version
from importlib.util import find_spec

import pytest
from analysers import BigQuery, complaints_of_grammar, complaints_of_trino, snowflake
from engine_results import ask_everything, backquoted
from rehearsal import rehearsal

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
