"""Say DuckDB SQL of the portable vocabulary in other dialects, and check what users write."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import PurePath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from driftline.engine.errors import ConfigError, StatementError, TemplateError, UnsafeValue
from driftline.engine.project import Source
from driftline.engine.results import SPECS
from driftline.engine.spark_words import (
    end_of_text,
    few_tasks,
    halved_sums,
    texts_of_doubles,
    whole_doubles,
)
from driftline.engine.sqltext import quoted

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlglot import exp

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


# What templates are written in.
TEMPLATES: Final = "duckdb"


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


def expression_sql(text: str, key: str, spelled: Mapping[str, str] = MappingProxyType({})) -> str:
    """A user's expression, checked to be one DuckDB expression and nothing else.

    Args:
        text: The expression.
        key: What the project file calls it, for messages.
        spelled: What columns are called where it stands, by name.

    Raises:
        ConfigError: When it does not parse, or is more than an expression.
    """
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(f"select {text}\n", read="duckdb")
    except SqlglotError as error:
        raise ConfigError(
            f"{key} {text!r} is not a DuckDB expression: {str(error).splitlines()[0]}"
        ) from error
    extra = not isinstance(tree, exp.Select) or any(
        value and name not in ("expressions", "kind") for name, value in tree.args.items()
    )
    found = [] if extra else tree.expressions
    if len(found) != 1 or isinstance(found[0], exp.Alias | exp.Star):
        raise ConfigError(f"{key} {text!r} is more than one expression")
    folded = {name.casefold(): other for name, other in spelled.items()}
    for column in found[0].find_all(exp.Column):
        if column.name.casefold() in folded:
            column.replace(exp.column(folded[column.name.casefold()], quoted=True))
    return str(exp.select(found[0]).expressions[0].sql(dialect="duckdb", comments=False))


def spelled(source: Source, dialect: str) -> str:
    """What stands after FROM to read a source in a dialect.

    A file, which only DuckDB reads as it is, becomes a table named like it.
    """
    from sqlglot import exp

    if source.query:
        # some engines want a name for it
        return f"({source.query.rstrip().rstrip(';')}\n) as source"
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

    lists: list[str] = []
    if dialect in _LISTS_ALIKE:

        def put_by(found: re.Match[str]) -> str:
            lists.append(found[0])
            return f"({_PUT_BY + len(lists) - 1})"

        text = _LIST.sub(put_by, text)
    try:
        tree = sqlglot.parse_one(text, read="duckdb")
        for ordered in tree.find_all(exp.Ordered):
            # what is ordered here is never null: each engine puts nulls where it likes
            ordered.set("nulls_first", _nulls_first(dialect, desc=bool(ordered.args.get("desc"))))
        # a statement that is replaced as a whole needs something around it
        whole = exp.Paren(this=tree)
        for respell in _SPELLINGS.get(dialect, (_cast_finite,)):
            respell(whole)
        tree = whole.this
        placed = _named_apart(tree, text)
        out = tree.sql(dialect=dialect, pretty=True, unsupported_level=ErrorLevel.RAISE)
    except SqlglotError as error:
        raise TemplateError(f"{dialect} cannot say this statement: {error}") from error
    if lists:
        out = _PLACE.sub(lambda found: lists[int(found[1]) - _PUT_BY], out)
    return placed.sub(lambda found: relations[int(found[1])], out)


def _named_apart(tree: exp.Expr, text: str) -> re.Pattern[str]:
    """Name the sources as nothing else in a statement is; returns what finds them, however quoted."""
    from sqlglot import exp

    name = "driftline_source_"
    while name in text:
        name += "_"
    for table in tree.find_all(exp.Table):
        if (scan := _SCAN.fullmatch(table.name)) is not None:
            table.set("this", exp.to_identifier(f"{name}{scan[1]}", quoted=True))
    return re.compile(rf"[\"`\[]{name}(\d+)[\"`\]]")


def _cast_finite(tree: exp.Expr) -> None:
    """Make whole numbers, null where there is none: others refuse NaN and infinity, or make 0 of them.

    What is made of a column is finite where the column is.
    """
    from sqlglot import exp

    for tried in list(tree.find_all(exp.TryCast)):
        column = next(tried.this.find_all(exp.Column))
        finite = (column.copy() - column.copy()).eq(0)
        tried.replace(exp.Case().when(finite, exp.cast(tried.this.copy(), tried.to)))


def _order_by_bytes(tree: exp.Expr) -> None:
    """Order texts by their bytes, not by the language of their column."""
    from sqlglot import exp

    for ordered in tree.find_all(exp.Ordered):
        by = ordered.this
        is_category = isinstance(by, exp.Column) and by.name == "category"
        if is_category or (isinstance(by, exp.Cast) and by.is_type("text", "varchar")):
            plain = exp.to_identifier("C", quoted=True)
            ordered.set("this", exp.Collate(this=by.copy(), expression=plain))


def _make_zero_of_the_tiny(tree: exp.Expr) -> None:
    """Make 0 of what a statement rounds to 0 anyway, where a product too small to be one is an error.

    That is the place of t in a grid where t vanishes beside its width, and what is summed of it. Where
    t is a distance from a centre other than 0 that is large enough, it is 0 or no smaller than the
    centre's last digit, and nothing has to be asked of each row.
    """
    from sqlglot import exp

    for node in list(tree.find_all(exp.Div, exp.Mul)):
        value, other = node.this, node.expression.unnest()
        small = least = 0.0
        if isinstance(node, exp.Div):
            if isinstance(other, exp.Add) and isinstance(other.expression, exp.Abs):
                width = _constant(other.this) or 0.0
                small, least = math.ldexp(width, -60), max(width, 1.0) * _NEAR_NOTHING
        elif (scale := _constant(other)) is not None:
            if isinstance(value, exp.Mul) and value.this == value.expression:
                value, small = value.this, math.sqrt(0.25 / scale)
                least = math.sqrt(_NEAR_NOTHING / min(scale, 1.0))
            elif isinstance(value, exp.Column) and value.name == "t" and scale < 1:
                small, least = 0.25 / scale, _NEAR_NOTHING / scale
        if small and not math.ldexp(abs(_centre(value) or 0.0), -54) > least:
            tiny = exp.Abs(this=value.copy()) < _double(small)
            node.replace(exp.Case().when(tiny, _double(0.0)).else_(node.copy()))


# What is larger is a double of all its digits, and so is its half.
_NEAR_NOTHING: Final = 1e-300


def _centre(t: exp.Expr) -> float | None:
    """The number that t is a distance from, if it is one."""
    from sqlglot import exp

    made: exp.Expr | None = t.unnest()
    if isinstance(made, exp.Column):
        branch = t.find_ancestor(exp.Select)
        named = () if branch is None else branch.find_all(exp.Alias)
        made = next((each.this for each in named if each.alias == t.name and each.this != t), None)
    return _constant(made.expression) if isinstance(made, exp.Sub) else None


def _constant(node: exp.Expr) -> float | None:
    """The number that a template has there, if it has one."""
    from sqlglot import exp

    found = isinstance(node, exp.Cast) and isinstance(node.this, exp.Literal)
    return float(node.this.name) if found else None


def _double(number: float) -> exp.Cast:
    from sqlglot import exp

    return exp.cast(exp.Literal.string(repr(number)), "double")


def _read_any_size(tree: exp.Expr) -> None:
    """Read texts of numbers beyond a double's range as infinity or 0, where a cast refuses them."""
    import sqlglot
    from sqlglot import exp

    for cast in list(tree.find_all(exp.Cast)):
        if isinstance(cast.this, exp.Trim) and cast.is_type("double"):
            text = _ANY_SIZE.format(t=cast.this.sql(dialect="postgres"))
            cast.replace(exp.paren(sqlglot.parse_one(text, read="postgres")))


# Of a text with at most two digits of exponent the cast is right; a numeric holds exponents of four.
_ANY_SIZE: Final = """
case
    when length({t}) <= 200 and {t} ~ '^[^eE]*([eE][+-]?0*[0-9]{{1,2}})?$' then cast({t} as double precision)
    when {t} ~ '^[+-]?[0.]*([eE].*)?$' then cast('0.0' as double precision)
    when {t} ~ '[eE]-0*[1-9][0-9]{{4,}}$' then cast('0.0' as double precision)
    when {t} ~ '^-.*[eE][+]?0*[1-9][0-9]{{4,}}$' then cast('-infinity' as double precision)
    when {t} ~ '[eE][+]?0*[1-9][0-9]{{4,}}$' then cast('infinity' as double precision)
    when cast({t} as numeric) >= cast('1.797693134862315807e308' as numeric)
        then cast('infinity' as double precision)
    when cast({t} as numeric) <= cast('-1.797693134862315807e308' as numeric)
        then cast('-infinity' as double precision)
    when abs(cast({t} as numeric)) <= cast('2.4703282292062327e-324' as numeric)
        then cast('0.0' as double precision)
    else cast({t} as double precision)
end
"""


def _seconds(said: str, dialect: str) -> Callable[[exp.Expr], None]:
    """Say seconds since 1970, fractions and all, of dates and of both kinds of timestamps.

    Args:
        said: How the engine does, {c} for what they are of.
        dialect: One of `DIALECTS`.
    """

    def respell(tree: exp.Expr) -> None:
        import sqlglot
        from sqlglot import exp

        for asked in list(tree.find_all(exp.Extract)):
            if asked.name.upper() == "EPOCH":
                of = asked.expression.sql(dialect=dialect)
                made = sqlglot.parse_one(said.format(c=of), read=dialect)
                asked.replace(made if isinstance(asked.parent, exp.Cast) else exp.paren(made))

    return respell


def _wide_sums(type_: str) -> Callable[[exp.Expr], None]:
    """Sum bigints in a wider type, where their sum is a bigint too, and a too large one an error or wrong."""

    def respell(tree: exp.Expr) -> None:
        from sqlglot import exp

        for summed in tree.find_all(exp.Sum):
            of = summed.this
            if isinstance(of, exp.Cast) and of.to.is_type("bigint"):
                summed.set("this", exp.cast(of.copy(), type_))

    return respell


def _name_columns(tree: exp.Expr) -> None:
    """Name columns by themselves where an engine takes the name of their table with it."""
    from sqlglot import exp

    for select in tree.find_all(exp.Select):
        for column in select.expressions:
            if isinstance(column, exp.Column) and column.table and not column.is_star:
                column.replace(exp.alias_(column.copy(), column.name, quoted=column.this.quoted))


def _moments_of_clickhouse(tree: exp.Expr) -> None:
    """Give moments the digits and days that they have in every other engine, in UTC whatever their zone."""
    from sqlglot import exp

    for cast in list(tree.find_all(exp.Cast)):
        if cast.is_type("date") and not isinstance(cast.this, exp.Literal):
            place = exp.Literal.number(6), exp.Literal.string("UTC")
            cast.set("this", exp.func("toDateTime64", cast.this.copy(), *place))
    for type_ in list(tree.find_all(exp.DataType)):
        if type_.is_type("timestamp", "timestampntz", "timestamptz"):
            type_.replace(exp.DataType.build(_MOMENT, dialect="clickhouse"))
        elif type_.is_type("date"):
            type_.replace(exp.DataType.build("Nullable(Date32)", dialect="clickhouse"))


def _make_one_zero(tree: exp.Expr) -> None:
    """Make 0 of -0 where an engine tells the two apart as it groups."""
    from sqlglot import exp

    # those inside others first
    for cast in reversed(list(tree.find_all(exp.Cast))):
        if cast.is_type("double") and not isinstance(cast.this, exp.Literal | exp.Null):
            cast.replace(exp.paren(cast.copy() + 0))


_MOMENT: Final = "Nullable(DateTime64(6, 'UTC'))"


def _cast_safely(tree: exp.Expr) -> None:
    """Make whole numbers of all rows, and null of what is not finite, where no condition keeps rows away."""
    from sqlglot import exp

    for tried in list(tree.find_all(exp.TryCast)):
        whole = exp.func("trunc", tried.this.copy())
        type_ = exp.Literal.string(
            exp.DataType.build(tried.to.this, nullable=False).sql("clickhouse")
        )
        tried.replace(exp.func("accurateCastOrNull", whole, type_))


def _keep_microseconds(tree: exp.Expr) -> None:
    """Give timestamps the six digits they have in every other engine, where they have three of their own."""
    from sqlglot import exp

    for type_ in tree.find_all(exp.DataType):
        if type_.is_type("timestamp", "timestampntz", "timestamptz") and not type_.expressions:
            type_.set("expressions", [exp.DataTypeParam(this=exp.Literal.number(6))])


_OF_SPARK: Final = (
    # first: what is said in Spark's own words is read again, where each cast is one that may fail
    _cast_finite,
    # https://spark.apache.org/docs/latest/api/sql/#unix_micros
    _seconds("cast(unix_micros(cast({c} as timestamp)) as double) / 1000000", "spark"),
    # https://docs.oracle.com/en/java/javase/17/docs/api/java.base/java/util/regex/Pattern.html
    end_of_text,
    # https://spark.apache.org/docs/latest/api/sql/#floor
    whole_doubles,
    # https://spark.apache.org/docs/latest/sql-ref-ansi-compliance.html#arithmetic-operations
    halved_sums,
    # https://docs.oracle.com/en/java/javase/17/docs/api/java.base/java/lang/Double.html#toString(double)
    texts_of_doubles,
    # https://spark.apache.org/docs/latest/sql-ref-syntax-qry-select-hints.html#partitioning-hints
    few_tasks,
)

# What an engine understands otherwise than sqlglot knows, each with the vendor's page.
_SPELLINGS: Final[Mapping[str, tuple[Callable[[exp.Expr], None], ...]]] = {
    "postgres": (
        # https://www.postgresql.org/docs/current/collation.html
        _order_by_bytes,
        # https://www.postgresql.org/docs/current/datatype-numeric.html#DATATYPE-FLOAT
        _make_zero_of_the_tiny,
        _read_any_size,
        _cast_finite,
    ),
    "snowflake": (
        # https://docs.snowflake.com/en/sql-reference/functions/date_part
        _seconds("cast(date_part(epoch_microsecond, {c}) as double) / 1000000", "snowflake"),
        _cast_finite,
    ),
    "bigquery": (
        # https://cloud.google.com/bigquery/docs/reference/standard-sql/timestamp_functions#unix_micros
        _seconds("unix_micros(cast({c} as timestamp)) / 1000000", "bigquery"),
        # https://cloud.google.com/bigquery/docs/reference/standard-sql/aggregate_functions#sum
        _wide_sums("decimal"),
        _cast_finite,
    ),
    "redshift": (
        # https://docs.aws.amazon.com/redshift/latest/dg/r_EXTRACT_function.html: whole seconds alone
        _seconds(
            "cast(datediff(microsecond, cast('1970-01-01 00:00:00' as timestamp),"
            " cast({c} as timestamp)) as double precision) / 1000000",
            "redshift",
        ),
        _cast_finite,
    ),
    "clickhouse": (
        # https://clickhouse.com/docs/sql-reference/functions/type-conversion-functions#tounixtimestamp64micro
        _seconds("toUnixTimestamp64Micro(toDateTime64({c}, 6, 'UTC')) / 1000000", "clickhouse"),
        # https://clickhouse.com/docs/sql-reference/aggregate-functions/reference/sum
        _wide_sums("int128"),
        # https://clickhouse.com/docs/sql-reference/functions/type-conversion-functions#accuratecastornull
        _cast_safely,
        # https://clickhouse.com/docs/sql-reference/data-types/float
        _make_one_zero,
        # https://clickhouse.com/docs/sql-reference/data-types/datetime64
        _moments_of_clickhouse,
        # https://clickhouse.com/docs/sql-reference/statements/select/join
        _name_columns,
    ),
    "trino": (
        # https://trino.io/docs/current/functions/datetime.html#to_unixtime
        _seconds("to_unixtime(cast({c} as timestamp(6) with time zone))", "trino"),
        # https://trino.io/docs/current/language/types.html#timestamp-p
        _keep_microseconds,
        # https://trino.io/docs/current/functions/aggregate.html#sum
        _wide_sums("decimal(38, 0)"),
        _cast_finite,
    ),
    "spark": _OF_SPARK,
    "databricks": _OF_SPARK,
}

# Types of the result tables where DuckDB's word, carried over, would lose digits or mean another.
_TYPES: Final[Mapping[tuple[str, str], str]] = {
    # texts are ordered by their bytes, as everywhere else, not by the language of the database
    # https://www.postgresql.org/docs/current/collation.html
    ("postgres", "text"): 'TEXT COLLATE "C"',
    # https://clickhouse.com/docs/sql-reference/data-types/datetime64
    ("clickhouse", "timestamp"): "DateTime64(6, 'UTC')",
    # https://docs.snowflake.com/en/sql-reference/data-types-datetime
    ("snowflake", "timestamp"): "TIMESTAMP_NTZ(6)",
    # https://trino.io/docs/current/language/types.html#timestamp
    ("trino", "timestamp"): "TIMESTAMP(6)",
    # https://docs.aws.amazon.com/redshift/latest/dg/r_VARBYTE_type.html
    ("redshift", "blob"): "VARBYTE(16777216)",
}


def _nulls_first(dialect: str, *, desc: bool) -> bool:
    """Whether a dialect puts nulls first where nothing is said."""
    from sqlglot import Dialect

    ordering = Dialect.get_or_raise(dialect).NULL_ORDERING
    return {"nulls_are_small": not desc, "nulls_are_large": desc}.get(ordering, False)


def known_dialect(dialect: str) -> str:
    """The dialect, once it is known to be one of `DIALECTS`.

    Raises:
        ConfigError: When it is not.
    """
    if dialect not in DIALECTS:
        raise ConfigError(
            f"there is no dialect {dialect!r}", hint=f"known are {', '.join(DIALECTS)}"
        )
    return dialect


def column_type(kind: str, dialect: str, *, nullable: bool = True) -> str:
    """The type of a column of the result tables, and that it is never null where it is not.

    Args:
        kind: text, bigint, double, boolean, timestamp or date.
        dialect: One of `DIALECTS`.
        nullable: Whether the column may be null.
    """
    from sqlglot import exp

    type_ = _TYPES.get((dialect, kind))
    if type_ is None:
        # ClickHouse alone says of a type that it holds nulls, and sqlglot says it of each
        built = exp.DataType.build(kind, dialect="duckdb", nullable=False)
        type_ = built.sql(dialect=dialect)
    if dialect == "clickhouse":
        return f"Nullable({type_})" if nullable else type_
    return type_ if nullable else f"{type_} NOT NULL"


def text_literal(text: str, dialect: str) -> str:
    """A text in quotes."""
    from sqlglot import exp

    return exp.Literal.string(text).sql(dialect=dialect)


def name_in(dialect: str, name: str) -> str:
    """A name of one part: as it is when that is plain, else in quotes."""
    from sqlglot import exp

    return exp.to_identifier(name).sql(dialect=dialect)


def in_schema(schema: str, name: str | None, dialect: str) -> str:
    """A table's full name, or a schema's own when no table is named.

    Args:
        schema: The schema, perhaps with what it is in: `monitoring`, `catalog.monitoring`.
        name: The table, or None.
        dialect: One of `DIALECTS`.

    Raises:
        ConfigError: When the schema is not a name in the dialect.
    """
    return _placed(schema, name).sql(dialect=dialect)


def spelled_schema(name: str) -> str:
    """The schema of results as statements name it: in quotes unless every engine reads it without."""
    return name if _PLAIN.fullmatch(name) else quoted(name)


_PLAIN: Final = re.compile("[a-z_][a-z0-9_]*")


def _placed(schema: str, name: str | None) -> exp.Table:
    from sqlglot import exp

    from driftline.engine.resolve import name_parts

    try:
        *above, inner = name_parts(schema)
    except ValueError:
        above = ["", ""]
    if len(above) > 1:
        raise ConfigError(
            f"{schema!r} is not the name of a schema", hint="such as monitoring or main.monitoring"
        )
    # what is written in quotes is exactly that, elsewhere some engines change the case
    exact = True if '"' in schema else None
    around = exp.to_identifier(above[0], quoted=exact) if above else None
    within = exp.to_identifier(inner, quoted=exact)
    if name is None:
        return exp.table_(within, db=around)
    return exp.table_(name, db=within, catalog=around)


def view_queries(
    views_sql: str, names: Collection[str], schema: str | None, dialect: str
) -> dict[str, View]:
    """The views of the result tables in a dialect.

    Args:
        views_sql: `create view` statements of the portable vocabulary, DuckDB's dialect.
        names: The tables and views that are in the schema.
        schema: The schema; None leaves names as they are.
        dialect: One of `DIALECTS`.

    Raises:
        TemplateError: When the dialect cannot say one.
    """
    import sqlglot
    from sqlglot import ErrorLevel, exp
    from sqlglot.errors import SqlglotError

    found: dict[str, View] = {}
    for tree in sqlglot.parse(views_sql, read="duckdb"):
        if not isinstance(tree, exp.Create):
            continue
        name, query = tree.this.name, tree.expression
        for ordered in query.find_all(exp.Ordered):
            # what is ordered here is never null
            ordered.set("nulls_first", None)
        own = {each.alias for each in query.find_all(exp.CTE)}
        for table in list(query.find_all(exp.Table)):
            if schema is not None and table.name in set(names) - own:
                placed = _placed(schema, table.name)
                table.replace(exp.alias_(placed, table.alias or table.name, table=True))
        if dialect == "clickhouse":
            # else a row without a partner has empty texts and zeros for nulls
            query.set("settings", [exp.column("join_use_nulls").eq(1)])
            _name_columns(query)
            for before in list(query.find_all(exp.Lag)):
                # and the first row the zero of the type before it
                before.set("this", exp.func("toNullable", before.this))
        try:
            text = query.sql(dialect=dialect, pretty=True, unsupported_level=ErrorLevel.RAISE)
        except SqlglotError as error:
            raise TemplateError(f"{dialect} cannot say the view {name}: {error}") from error
        found[name] = View(tuple(query.named_selects), text)
    return found


def in_words(text: str, dialect: str, values: Mapping[str, object], *, reads: bool = False) -> str:
    """A statement about the result tables in a dialect, with its values.

    Args:
        text: One statement of DuckDB's, in which `$name` stands for a value.
        dialect: One of `DIALECTS`.
        values: Texts, whole numbers, truth values, naive UTC times, and lists of these after IN.
        reads: Whether it is to be a SELECT: not every engine has transactions that only read.

    Raises:
        StatementError: When it is to be a SELECT and is another statement.
        TemplateError: When the dialect cannot say it.
        UnsafeValue: For a value of another type.
    """
    lists = {name for name, value in values.items() if isinstance(value, list | tuple)}
    none = frozenset(name for name in lists if not values[name])

    def value(found: re.Match[str]) -> str:
        given = values[found[1]]
        several = given if isinstance(given, list | tuple) else (given,)
        return ", ".join(_value(each, dialect) for each in several)

    return _VALUE.sub(value, _worded(text, dialect, none, reads))


@lru_cache(maxsize=256)
def _worded(text: str, dialect: str, none: frozenset[str], reads: bool) -> str:
    """A statement in a dialect, a name in place of each value; nothing is in the empty lists `none`."""
    import sqlglot
    from sqlglot import ErrorLevel, exp
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(text, read=TEMPLATES)
        if reads and not isinstance(tree, exp.Query):
            raise StatementError("only a SELECT reads results", sql=text)
        for place in list(tree.find_all(exp.Placeholder)):
            above, name = place.parent, exp.Var(this=f"driftline_value_{place.name}")
            if not isinstance(above, exp.In):
                place.replace(name)
            elif place.name in none:
                above.replace(exp.false())
            else:
                above.set("field", None)
                above.set("expressions", [name])
        return tree.sql(dialect=dialect, pretty=True, unsupported_level=ErrorLevel.RAISE)
    except SqlglotError as error:
        raise TemplateError(f"{dialect} cannot say this statement: {error}: {text}") from error


_VALUE: Final = re.compile(r"\bdriftline_value_(\w+)")


def _value(value: object, dialect: str) -> str:
    """A value as a statement holds it: the typed door of statements about the result tables."""
    match value:
        case None:
            return "NULL"
        case float():
            # as text, so that no engine takes it for a decimal
            said = repr(value)
            for word, theirs in _ODD.get(dialect, {}).items():
                said = said.replace(word, theirs)
            return f"CAST('{said}' AS {column_type('double', dialect)})"
        case bytes():
            return _BYTES.get(dialect, "x'{}'").format(value.hex())
        case bool():
            return "TRUE" if value else "FALSE"
        case int():
            return str(int(value))
        case str():
            return text_literal(value, dialect)
        case datetime() if value.tzinfo is None:
            kind = column_type("timestamp", dialect)
            return f"CAST({text_literal(value.isoformat(' '), dialect)} AS {kind})"
        case date() if not isinstance(value, datetime):
            return f"CAST('{value.isoformat()}' AS DATE)"
    raise UnsafeValue(f"a {type(value).__name__} cannot be written into SQL: {value!r}")


# What `inf` and `nan` are as texts, and bytes are that have no literal.
# https://docs.aws.amazon.com/redshift/latest/dg/r_FROM_HEX.html
# https://docs.oracle.com/en/java/javase/17/docs/api/java.base/java/lang/Double.html#valueOf(java.lang.String)
_ODD: Final = {
    "redshift": {"inf": "Infinity"},
    "trino": {"inf": "Infinity", "nan": "NaN"},
}
# https://cloud.google.com/bigquery/docs/reference/standard-sql/string_functions#from_hex
_BYTES: Final = {"redshift": "FROM_HEX('{}')", "bigquery": "FROM_HEX('{}')"}


def inserts(
    name: str, table: str, rows: pa.Table, dialect: str, *, most: int, apart: str | None = None
) -> Iterator[str]:
    """Statements that put rows into a table by lists of values, for engines that take no Arrow.

    Args:
        name: Where they go.
        table: The result table whose columns, and key, they have.
        rows: The rows.
        dialect: One of `DIALECTS`.
        most: About how many characters a statement may have; longer texts and bytes go in pieces.
        apart: A table (number, part, piece) that pieces are put together from; None where UPDATE does it.
    """
    columns = rows.column_names
    same = [at for at, column in enumerate(columns) if column in SPECS[table].key]
    head = f"INSERT INTO {name} ({', '.join(columns)})"
    waiting: list[str] = []
    size = numbers = 0
    for row in zip(*(column.to_pylist() for column in rows.columns), strict=True):
        pieces = [_pieces(value, most // 8) for value in row]
        is_long = any(len(each) > 1 for each in pieces)
        said = [_value(each[0], dialect) for each in pieces]
        if is_long and apart is not None:
            yield from _apart(apart, pieces, said, numbers, dialect)
            numbers += len(pieces)
            yield f"{head}\nSELECT {', '.join(said)} FROM {apart}"
            continue
        length = sum(map(len, said))
        if waiting and (size + length > most or len(waiting) == _ROWS_AT_ONCE):
            yield f"{head} VALUES\n" + ",\n".join(waiting)
            waiting, size = [], 0
        waiting.append(f"({', '.join(said)})")
        size += length
        if not is_long:
            continue
        yield f"{head} VALUES\n" + ",\n".join(waiting)
        waiting, size = [], 0
        known = " AND ".join(f"{columns[at]} = {_value(row[at], dialect)}" for at in same)
        for column, each in zip(columns, pieces, strict=True):
            for more in each[1:]:
                piece = _value(more, dialect)
                yield f"UPDATE {name} SET {column} = {column} || {piece} WHERE {known}"
    if waiting:
        yield f"{head} VALUES\n" + ",\n".join(waiting)


def _apart(
    name: str, pieces: list[list[Any]], said: list[str], first: int, dialect: str
) -> Iterator[str]:
    """Statements that put pieces into a table; what puts them together replaces what is said of each."""
    for at, each in enumerate(pieces):
        if len(each) == 1:
            continue
        whole = "FROM_HEX(ARRAY_JOIN(ARRAY_AGG(piece ORDER BY part)"
        whole += f" FILTER(WHERE number = {first + at}), ''))"
        said[at] = whole if isinstance(each[0], bytes) else f"FROM_UTF8({whole})"
        for part, piece in enumerate(each):
            data = piece if isinstance(piece, bytes) else piece.encode()
            text = text_literal(data.hex().upper(), dialect)
            yield f"INSERT INTO {name} (number, part, piece) VALUES ({first + at}, {part}, {text})"


def _pieces(value: object, most: int) -> list[object]:
    """A value, or what a long text or long bytes are put together from."""
    if not isinstance(value, str | bytes) or len(value) <= most:
        return [value]
    return [value[at : at + most] for at in range(0, len(value), most)]


# Rows of one statement: engines read some lists of values no longer than 16 384.
_ROWS_AT_ONCE: Final = 500


def steps_in(
    text: str,
    dialect: str,
    names: Collection[str],
    schema: str,
    *,
    again: bool = False,
    called: Mapping[str, str] = MappingProxyType({}),
) -> tuple[str, ...]:
    """What changes the result tables, a statement each, in a dialect.

    Args:
        text: Statements of DuckDB's, of the portable vocabulary.
        dialect: One of `DIALECTS`.
        names: The tables and views that are in the schema.
        schema: The schema.
        again: Whether columns may be there that are to be added.
        called: Names of those that are called otherwise there.

    Raises:
        TemplateError: When the dialect cannot say one.
    """
    import sqlglot
    from sqlglot import ErrorLevel, exp
    from sqlglot.errors import SqlglotError

    found: list[str] = []
    try:
        for tree in sqlglot.parse(text, read=TEMPLATES):
            if tree is None or isinstance(tree, exp.Semicolon):
                continue
            for table in list(tree.find_all(exp.Table)):
                if table.name in names and not table.db:
                    placed = _placed(schema, called.get(table.name, table.name))
                    table.set("this", placed.this)
                    table.set("db", placed.args.get("db"))
                    table.set("catalog", placed.args.get("catalog"))
            commented = tree.this if isinstance(tree, exp.Comment) else None
            if isinstance(commented, exp.Column) and commented.table in called:
                # what is shown of it is made anew, with its comments
                continue
            if isinstance(commented, exp.Column) and commented.table in names:
                placed = _placed(schema, None)
                commented.set("db", placed.this)
                commented.set("catalog", placed.args.get("db"))
            if again:
                for column in tree.find_all(exp.ColumnDef):
                    column.set("exists", isinstance(tree, exp.Alter))
            said = tree.sql(dialect=dialect, unsupported_level=ErrorLevel.RAISE)
            if dialect == "clickhouse" and isinstance(tree, exp.Update):
                # https://clickhouse.com/docs/sql-reference/statements/alter/update
                said = re.sub(r"^UPDATE (.*?) SET ", r"ALTER TABLE \1 UPDATE ", said)
                said += "" if tree.args.get("where") else " WHERE TRUE"
                said += " SETTINGS mutations_sync = 2"
            found.append(said)
    except SqlglotError as error:
        raise TemplateError(f"{dialect} cannot say a step of a migration: {error}") from error
    return tuple(found)


def marked(
    text: str,
    dialect: str,
    columns: Mapping[str, Sequence[str]],
    visible: Callable[..., str],
    *,
    write: int,
    kept_in: Callable[[str], str],
    gone: str,
    new_row: str = "",
) -> tuple[str, ...]:
    """What a statement about the result tables is where rows are marked, not changed.

    Args:
        text: A SELECT, an INSERT of a SELECT, an UPDATE or a DELETE, in the dialect.
        dialect: One of `DIALECTS`.
        columns: Of each table that is kept with marks.
        visible: Gives the SELECT of a table's rows, with `marks=True` beside their `_row`.
        write: The number of the write.
        kept_in: What the rows of a table are kept in.
        gone: The table of the rows that are taken away.
        new_row: What gives the number of a new row; empty where its column does.

    Returns:
        Statements to send in their order.
    """
    import sqlglot
    from sqlglot import exp

    tree = sqlglot.parse_one(text, read=dialect)
    if isinstance(tree, exp.Query):
        for each in list(tree.find_all(exp.Table)):
            if each.name in columns and not each.db:
                rows = visible(each.name, marks=False)
                there = f"SELECT * FROM ({rows}) AS {each.alias or each.name}"
                source = sqlglot.parse_one(there, read=dialect).args["from_"].this
                each.replace(source)
        return (tree.sql(dialect=dialect),)
    table = tree.find(exp.Table)
    assert table is not None
    name = table.name
    if name not in columns:
        return (text,)
    numbers, titles = (f"{new_row}, {write}", "_row, _write") if new_row else (str(write), "_write")
    if isinstance(tree, exp.Insert):
        query = tree.expression.sql(dialect=dialect)
        of = ", ".join(each.name for each in tree.this.expressions)
        return (
            f"INSERT INTO {kept_in(name)} ({of}, {titles})\n"
            f"SELECT {of}, {numbers} FROM ({query}) AS arriving",
        )
    others = dict.fromkeys(each.name for each in tree.find_all(exp.Table) if each.name != name)
    where = tree.args.get("where")
    condition = "" if where is None else f"\n{where.sql(dialect=dialect)}"
    old = ", ".join([f"{kept_in(name)} AS {name}", *others])
    take = f"INSERT INTO {gone} (row, write)\nSELECT {name}._row, {write} FROM "
    if isinstance(tree, exp.Delete):
        # what nobody sees may be taken away, too
        return (f"{take}{old}{condition}",)
    seen = ", ".join([f"({visible(name, marks=True)}) AS {name}", *others])
    anew = {each.this.name: each.expression.sql(dialect=dialect) for each in tree.expressions}
    said = ", ".join(anew.get(each, f"{name}.{each}") for each in columns[name])
    mine = f"{name}._row IN (SELECT row FROM {gone} WHERE write = {write})"
    link = "\nWHERE" if where is None else f"{condition} AND"
    return (
        f"{take}{seen}{condition}",
        f"INSERT INTO {kept_in(name)} ({', '.join(columns[name])}, {titles})\n"
        f"SELECT {said}, {numbers} FROM {old}{link} {mine}",
    )


@dataclass(frozen=True)
class View:
    """A view: the columns it has, and its SELECT in a dialect."""

    columns: tuple[str, ...]
    query: str


def check_parses(text: str, dialect: str) -> None:
    """Hold a statement against the grammar of its dialect.

    Raises:
        TemplateError: When it is not of the dialect.
    """
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(text, read=dialect)
    except SqlglotError as error:
        raise TemplateError(f"not {dialect}: {str(error).splitlines()[0]}: {text}") from error
    if isinstance(tree, exp.Command):
        raise TemplateError(f"not {dialect}: {text}")


# Rows of one whole number each, such as bins: reading thousands of them would take seconds, and some
# dialects say them as they are.
_LISTS_ALIKE: Final = frozenset({"postgres", "spark", "databricks"})
# Rows of numbers, the first of them perhaps a text of one, which is cast.
_ROW: Final = r"\((?:'[-+.e\d]+', )?-?\d+(?:, -?\d+)*\)"
_LIST: Final = re.compile(rf"{_ROW}(?:, {_ROW}){{9,}}")
# Whole numbers that stand for lists: beyond what any other of a statement's is.
_PUT_BY: Final = 7_310_000_000_000_000_000
_PLACE: Final = re.compile(r"\((7310\d{15})\)")
# How a source is named while a statement is on its way into another dialect.
_SCAN: Final = re.compile(r"driftline_scan_(\d+)")
