"""The words that relations may use: those of statements that every engine is asked."""

from __future__ import annotations

from typing import Final

import sqlglot
from sqlglot import exp

# What only DuckDB is sent, and its own tests run: rows kept for a session, lists taken apart.
OWN: Final = frozenset({"Array", "Create TABLE", "Explode", "Properties", "TemporaryProperty"})

VOCABULARY: Final = frozenset(
    {
        # shape
        *(
            "Select",
            "From",
            "Subquery",
            "Where",
            "Group",
            "Order",
            "Ordered",
            "Union",
            "With",
            "CTE",
        ),
        *(
            "Alias",
            "TableAlias",
            "Column",
            "Identifier",
            "Table",
            "Tuple",
            "Paren",
            "Star",
            "Values",
        ),
        *("Join INNER", "Join LEFT"),
        # values and their types
        *("Literal number", "Literal text", "Null", "Boolean", "DataType", "DataTypeParam", "Var"),
        *("Cast BIGINT", "Cast INT", "Cast SMALLINT", "Cast DOUBLE", "Cast DECIMAL", "Cast TEXT"),
        *("Cast DATE", "Cast TIMESTAMPNTZ", "Cast TIMESTAMPTZ"),
        # of numbers alone: engines without it are asked whether the number is finite
        *("TryCast BIGINT", "TryCast INT", "TryCast SMALLINT"),
        # conditions
        *(
            "Case",
            "If",
            "And",
            "Or",
            "Not",
            "Is",
            "In",
            "Like",
            "EQ",
            "NEQ",
            "LT",
            "LTE",
            "GT",
            "GTE",
        ),
        # arithmetic
        *("Add", "Sub", "Mul", "Div", "Neg", "Abs", "Floor", "Ln"),
        # texts, moments, what is missing
        *("Trim BOTH", "Trim TRAILING", "Lower", "RegexpLike", "Extract EPOCH", "Coalesce"),
        *("DPipe", "MD5"),
        # aggregates and windows
        *("Count", "Distinct", "Sum", "Min", "Max"),
        *("Window", "WindowSpec", "RowNumber", "Rank", "DenseRank", "PercentRank", "Lead"),
    }
)


def words(text: str) -> frozenset[str]:
    """What a statement is made of: kinds of nodes, with what engines tell apart in them.

    Args:
        text: A SELECT of DuckDB's dialect.
    """
    return frozenset(map(_word, sqlglot.parse_one(text, read="duckdb").walk()))


def _word(node: exp.Expr) -> str:
    kind = type(node).__name__
    match node:
        case exp.Cast() | exp.TryCast():
            return f"{kind} {node.to.this.name}"
        case exp.DataType():
            return kind
        case exp.Extract():
            return f"{kind} {node.name.upper()}"
        case exp.Trim():
            return f"{kind} {node.args.get('position') or 'BOTH'}"
        case exp.Join():
            return f"{kind} {node.side or node.kind or 'CROSS'}"
        case exp.Literal():
            return f"{kind} {'text' if node.is_string else 'number'}"
        case exp.Create():
            return f"{kind} {node.kind}"
        case exp.Anonymous():
            return f"{kind} {node.name.lower()}"
    return kind
