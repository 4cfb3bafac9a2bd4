"""Say DuckDB SQL of the portable vocabulary in other dialects, and check what users write."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import PurePath
from typing import Final

from driftline.engine.errors import ConfigError, TemplateError
from driftline.engine.project import Source

DIALECTS: Final = (
    "duckdb",
    "postgres",
    "spark",
    "databricks",
    "clickhouse",
    "snowflake",
    "bigquery",
    "redshift",
    "trino",
)


@lru_cache(maxsize=256)
def filter_sql(text: str) -> str:
    """A user's filter, checked to be one DuckDB expression and nothing else.

    Raises:
        ConfigError: When it does not parse, or is more than an expression.
    """
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(f"select 1 where {text}\n", read="duckdb")
    except SqlglotError as error:
        raise ConfigError(
            f"filter {text!r} is not a DuckDB expression: {str(error).splitlines()[0]}",
            hint="a filter is what would stand after WHERE",
        ) from error
    where = tree.args.get("where") if isinstance(tree, exp.Select) else None
    extra = {
        name
        for name, value in tree.args.items()
        if value and name not in ("expressions", "where", "kind")
    }
    if where is None or extra:
        raise ConfigError(
            f"filter {text!r} is more than one expression",
            hint="a filter is what would stand after WHERE, without ORDER BY, LIMIT or ;",
        )
    return str(where.this.sql(dialect="duckdb", comments=False))


def spelled(source: Source, dialect: str) -> str:
    """What stands after FROM to read a source in a dialect.

    A file, which only DuckDB reads as it is, becomes a table named like it.
    """
    from sqlglot import exp

    if source.query:
        return f"({source.query.rstrip().rstrip(';')}\n)"
    parts = source.table or (PurePath(source.files[0]).name.split(".")[0].strip("*") or "files",)
    return ".".join(exp.to_identifier(part, quoted=True).sql(dialect=dialect) for part in parts)


def transpile(text: str, dialect: str, relations: Mapping[int, str]) -> str:
    """DuckDB SQL of the portable vocabulary in another dialect.

    Args:
        text: One SELECT, its sources named `driftline_scan_<id>`.
        dialect: Target, one of `DIALECTS`.
        relations: Text after FROM, in the target's dialect, for each scan id.

    Raises:
        TemplateError: When the target cannot say it.
    """
    import sqlglot
    from sqlglot import ErrorLevel, exp
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(text, read="duckdb")
        for ordered in tree.find_all(exp.Ordered):
            # what is ordered here is never null: no emulation of the place of nulls
            ordered.set("nulls_first", None)
        out = tree.sql(dialect=dialect, pretty=True, unsupported_level=ErrorLevel.RAISE)
    except SqlglotError as error:
        raise TemplateError(f"{dialect} cannot say this statement: {error}") from error
    return _SCAN.sub(lambda found: relations[int(found[1])], out)


# How a source is named while a statement is on its way into another dialect, however that quotes it.
_SCAN: Final = re.compile(r"[\"`\[]?driftline_scan_(\d+)[\"`\]]?")
