"""Check SQL that users write for metrics: what it is, and which columns or relations it reads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sqlglot import exp

# Aggregates of DuckDB's that sqlglot takes for functions of single rows.
_OWN: Final = frozenset(
    (
        "favg",
        "fsum",
        "kahan_sum",
        "sumkahan",
        "geomean",
        "geometric_mean",
        "product",
        "mad",
        "entropy",
    )
)


class AggregateError(ValueError):
    """SQL that is not what it has to be; `line` and `column` count from 1, None where it is the whole."""

    def __init__(self, message: str, column: int | None = None, line: int | None = None) -> None:
        super().__init__(message)
        self.column = column
        self.line = line


@dataclass(frozen=True)
class Aggregate:
    """One aggregate over the rows of a source.

    Attributes:
        text: It as the user wrote it.
        sql: It in DuckDB's dialect, with a mark for each column.
        columns: Names of the columns as written, in the order of their marks.
        mark: What marks begin with; the column's place follows.
    """

    text: str
    sql: str
    columns: tuple[str, ...]
    mark: str

    def over(self, values: Sequence[str]) -> str:
        """The aggregate of other expressions, which stand where the columns are.

        Args:
            values: SQL for each column.
        """
        return re.sub(rf'"?{self.mark}(\d+)"?', lambda found: values[int(found[1])], self.sql)


def parse_aggregate(text: str) -> Aggregate:
    """Read an aggregate in DuckDB's dialect.

    Args:
        text: What would stand after SELECT in a query of the source, such as `sum(p * charge) / count(*)`.

    Raises:
        AggregateError: When it is not one expression, reads anything but the source's columns, or has
            a column that no aggregate takes in.
    """
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import ParseError, SqlglotError

    try:
        parsed = sqlglot.parse(f"select {text}\n", read="duckdb")
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        told = str(first.get("description") or error).rstrip(".")
        column = first.get("col")
        raise AggregateError(
            f"is not a DuckDB expression: {told[:1].lower()}{told[1:]}",
            None if column is None else _column(text, first.get("line") or 1, column),
        ) from error
    except SqlglotError as error:
        raise AggregateError(f"is not a DuckDB expression: {str(error).splitlines()[0]}") from error
    tree = parsed[0] if parsed else None
    if len(parsed) != 1 or not isinstance(tree, exp.Select) or len(tree.expressions) != 1:
        raise AggregateError("is more than one expression")
    if any(value for name, value in tree.args.items() if name not in ("expressions", "kind")):
        raise AggregateError("is more than one expression: leave out FROM, WHERE and what follows")
    _refuse(tree.expressions[0])
    whole = exp.Paren(this=tree.expressions[0].copy())
    _without_filters(whole)
    # as DuckDB divides: others keep no more digits than decimals or whole numbers have
    for quotient in reversed(list(whole.find_all(exp.Div))):
        quotient.set("this", exp.cast(quotient.this.copy(), "double"))
    mark = "driftline_column_"
    while mark in text:
        mark += "_"
    names: list[str] = []
    for column in list(whole.find_all(exp.Column)):
        if column.name not in names:
            names.append(column.name)
        place = names.index(column.name)
        column.replace(exp.column(exp.to_identifier(f"{mark}{place}", quoted=True)))
    return Aggregate(
        text.strip(), whole.this.sql(dialect="duckdb", comments=False), tuple(names), mark
    )


def _refuse(tree: exp.Expr) -> None:
    """Refuse what is not an aggregate of the source's columns."""
    from sqlglot import exp

    if isinstance(tree, exp.Alias):
        raise AggregateError("has a name of its own; leave out AS")
    odd: tuple[tuple[tuple[type[exp.Expr], ...], str], ...] = (
        (
            (exp.Subquery, exp.Query, exp.Exists, exp.DDL, exp.Command),
            "has a query inside; it can read the source alone",
        ),
        ((exp.Window,), "has a window function (OVER); use plain aggregates"),
        (
            (exp.Placeholder, exp.Parameter, exp.Columns),
            "has a parameter or COLUMNS(…), and nothing to put in its place",
        ),
        ((exp.TryCast,), "has TRY_CAST, which not every engine has; use a CASE and a CAST"),
    )
    for kinds, why in odd:
        if tree.find(*kinds) is not None:
            raise AggregateError(why)
    if any(not isinstance(star.parent, exp.Count) for star in tree.find_all(exp.Star)):
        raise AggregateError("has a * outside count(*); name the columns")
    aggregates = [node for node in tree.walk() if _aggregates(node)]
    if not aggregates:
        raise AggregateError("has no aggregate such as sum, avg or count")
    for node in aggregates:
        around = _around(node)
        if around is not None and not (isinstance(around, exp.Filter) and around.this is node):
            raise AggregateError("has an aggregate inside another one")
    for column in tree.find_all(exp.Column):
        if column.table:
            raise AggregateError(
                f"names the table of column {column.sql()!r}; write the column alone"
            )
        if _around(column) is None:
            raise AggregateError(f"has column {column.name!r} outside an aggregate")


def _around(node: exp.Expr) -> exp.Expr | None:
    """The aggregate that a node stands in."""
    above = node.parent
    while above is not None and not _aggregates(above):
        above = above.parent
    return above


def _aggregates(node: exp.Expr | None) -> bool:
    from sqlglot import exp

    if isinstance(node, exp.Anonymous):
        return node.name.lower() in _OWN
    return isinstance(node, exp.AggFunc | exp.Filter)


def _without_filters(whole: exp.Expr) -> None:
    """Say FILTER as a condition of what is aggregated, which every engine knows."""
    from sqlglot import exp

    for node in list(whole.find_all(exp.Filter)):
        condition = node.expression.this
        taken = node.this.this
        value = exp.Literal.number(1) if taken is None or isinstance(taken, exp.Star) else taken
        if isinstance(value, exp.Distinct):
            (value,) = value.expressions
            of: exp.Expr = exp.Distinct(
                expressions=[exp.Case().when(condition.copy(), value.copy())]
            )
        else:
            of = exp.Case().when(condition.copy(), value.copy())
        aggregate = node.this.copy()
        aggregate.set("this", of)
        node.replace(aggregate)


def _column(text: str, line: int, column: int) -> int:
    """Where a parser's place is in the text, which stands behind a word of seven letters."""
    place = column - len("select ") if line == 1 else column
    return max(1, min(place, len(text)))


def tables_read(text: str) -> frozenset[str]:
    """The tables that a SELECT in DuckDB's dialect reads, those of its own steps aside.

    Args:
        text: One SELECT, maybe WITH steps.

    Raises:
        AggregateError: When it is not one SELECT, or reads anything but named tables; `line` is set where
            that is known.
    """
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import ParseError, SqlglotError

    try:
        parsed = [tree for tree in sqlglot.parse(text, read="duckdb") if tree is not None]
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        told = str(first.get("description") or error).rstrip(".")
        raise AggregateError(
            f"is not DuckDB SQL: {told[:1].lower()}{told[1:]}", first.get("col"), first.get("line")
        ) from error
    except SqlglotError as error:
        raise AggregateError(f"is not DuckDB SQL: {str(error).splitlines()[0]}") from error
    if len(parsed) != 1 or not isinstance(parsed[0], exp.Query):
        raise AggregateError(
            "is not one SELECT; a metric selects from relations and does nothing else"
        )
    (tree,) = parsed
    steps = {step.alias for step in tree.find_all(exp.CTE)}
    names = set()
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier) or table.db:
            told = table.sql(dialect="duckdb")
            raise AggregateError(f"reads {told}; a metric reads Driftline's relations alone")
        names.add(table.name)
    return frozenset(names - steps)
