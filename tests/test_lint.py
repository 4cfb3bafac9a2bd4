"""Relations speak a small vocabulary that engines were proven to agree on; this holds them to it.

What is left out is left out because some engine refuses it or, worse, gives another number: decimal
literals, FILTER, QUALIFY, GROUP BY ALL, greatest, log, isnan, approximate functions. TRY_CAST is of
numbers alone, never of texts: engines that lack it are asked whether the number is finite.
"""

from __future__ import annotations

from typing import Final

import pytest
import sqlglot
from compiled import STEPS, statements
from sqlglot import exp

from driftline.engine.dialects import DIALECTS

NODES: Final = {
    # shape
    exp.Select, exp.From, exp.Subquery, exp.Where, exp.Group, exp.Ordered, exp.Order, exp.Union,
    exp.With, exp.CTE, exp.Alias, exp.TableAlias, exp.Column, exp.Identifier, exp.Table, exp.Tuple,
    exp.Paren, exp.Star, exp.TableSample, exp.Join, exp.Values,
    # words
    exp.Literal, exp.Null, exp.Boolean, exp.DataType, exp.DataTypeParam, exp.Cast, exp.Var,
    exp.Case, exp.If, exp.And, exp.Or, exp.Not, exp.Is, exp.In, exp.EQ, exp.NEQ, exp.LT, exp.LTE,
    exp.GT, exp.GTE, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Neg,
    # functions
    exp.Count, exp.Distinct, exp.Sum, exp.Min, exp.Max, exp.Abs, exp.Floor, exp.Trim, exp.Lower,
    exp.RegexpLike, exp.Coalesce, exp.TryCast,
    exp.Extract, exp.Window, exp.WindowSpec, exp.RowNumber, exp.DenseRank,
    exp.PercentRank,
    # how this engine names files; other engines get a table's name there
    exp.ReadParquet, exp.Array,
    # how it lists bins; other engines get VALUES there
    exp.Explode,
}  # fmt: skip


def _nodes(step: str) -> list[exp.Expression]:
    return [
        node
        for statement in statements("duckdb")
        if statement.step == step
        for node in _query(statement.sql).walk()
    ]


def _query(text: str) -> exp.Expression:
    """A statement's SELECT, also where this engine keeps its rows in a table of the session."""
    tree = sqlglot.parse_one(text, read="duckdb")
    return tree.expression if isinstance(tree, exp.Create) else tree


@pytest.mark.parametrize("step", STEPS)
def test_a_relation_uses_only_proven_constructs(step: str) -> None:
    found = {type(node) for node in _nodes(step)}
    assert found, "nothing was rendered"
    assert not {node.__name__ for node in found - NODES}


# sqlglot says VALUES as UNNEST to BigQuery
@pytest.mark.parametrize("dialect", sorted({*DIALECTS} - {"duckdb", "bigquery"}))
def test_no_other_engine_is_asked_to_take_a_list_apart(dialect: str) -> None:
    texts = [each.sql.lower() for each in statements(dialect) if each.step == "ties"]
    assert any("undecided" in text for text in texts)
    assert not any(word in text for text in texts for word in ("unnest", "explode"))


@pytest.mark.parametrize("step", STEPS)
def test_a_number_that_is_not_whole_is_cast_from_text(step: str) -> None:
    literals = [n for n in _nodes(step) if isinstance(n, exp.Literal) and not n.is_string]
    assert all(literal.this.isdigit() for literal in literals)


@pytest.mark.parametrize("step", [step for step in STEPS if step != "joined"])
def test_every_output_is_a_key_or_a_cast_or_a_value(step: str) -> None:
    keys = {
        "match",
        "scan",
        "feature",
        "window_id",
        "segment",
        "kind",
        "value",
        "low",
        "high",
        "bin",
    }
    for statement in statements("duckdb"):
        if statement.step != step:
            continue
        tree = sqlglot.parse_one(statement.sql, read="duckdb")
        for select in [tree, *tree.find_all(exp.Union)]:
            for output in select.selects if isinstance(select, exp.Select) else ():
                made = output.unalias()
                assert (
                    output.alias_or_name in keys
                    or isinstance(made, exp.Cast)
                    or output.alias_or_name.startswith("quantile_")
                ), output.sql()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_statement_can_be_said_and_read_again_in_every_dialect(dialect: str) -> None:
    sent = statements(dialect)
    # where no rows are kept, the join stands in the statements that read it
    kept = {"joined"} if dialect == "duckdb" else set()
    assert {statement.step for statement in sent} == set(STEPS) - {"joined"} | kept
    for statement in sent:
        assert sqlglot.parse_one(statement.sql, read=dialect) is not None
        assert "driftline_scan_" not in statement.sql
